analyze fork-parallel.pcap --format json

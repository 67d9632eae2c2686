analyze fork-parallel.pcap

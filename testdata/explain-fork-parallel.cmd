analyze fork-parallel.pcap --explain fork-parallel@127.0.0.10

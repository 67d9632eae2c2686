analyze tcp.pcap

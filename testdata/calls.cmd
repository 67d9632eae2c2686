analyze calls.pcap

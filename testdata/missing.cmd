analyze missing.pcap

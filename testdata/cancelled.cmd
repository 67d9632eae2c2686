analyze cancelled.pcap

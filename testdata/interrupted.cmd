analyze interrupted-1.pcap interrupted-2.pcap

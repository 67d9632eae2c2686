analyze registration-refused.pcap

analyze answered.pcap

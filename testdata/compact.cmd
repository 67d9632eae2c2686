analyze compact.pcap

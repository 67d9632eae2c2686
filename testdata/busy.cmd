analyze busy.pcap

analyze hold.pcap

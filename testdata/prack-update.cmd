analyze prack-update.pcap

analyze fork-all-refuse.pcap

analyze auth-given-up.pcap

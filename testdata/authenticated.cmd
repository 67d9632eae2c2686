analyze authenticated.pcap

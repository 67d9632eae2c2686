analyze tls12.pcap

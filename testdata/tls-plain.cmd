analyze tls-plain.pcap

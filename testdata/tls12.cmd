analyze tls12.pcap --keylog tls12.keys

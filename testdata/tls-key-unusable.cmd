analyze tls12-rsa.pcap --tls-key tls12.keys

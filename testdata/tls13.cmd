analyze tls13.pcap --keylog tls13.keys

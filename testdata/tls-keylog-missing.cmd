analyze tls13.pcap --keylog no-such.keys

analyze tls-resumed.pcap --keylog tls-resumed.keys

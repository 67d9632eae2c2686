analyze tls-other-port.pcap --keylog tls-other-port.keys

analyze tls-other-port.pcap --sip-port 15443

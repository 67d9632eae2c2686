analyze websocket-tls.pcap

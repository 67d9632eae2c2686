analyze websocket-plain.pcap

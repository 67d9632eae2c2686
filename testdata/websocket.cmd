analyze websocket.pcap

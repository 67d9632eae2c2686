analyze websocket-tls.pcap --keylog websocket-tls.keys --columns call_id,code,ended_by,transport

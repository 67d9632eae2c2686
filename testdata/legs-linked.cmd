analyze legs.pcap --columns start,call_id,linked

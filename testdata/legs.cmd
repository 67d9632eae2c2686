analyze legs.pcap --group

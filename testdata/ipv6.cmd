analyze ipv6.pcap

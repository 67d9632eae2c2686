analyze failover.pcap

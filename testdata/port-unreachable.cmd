analyze port-unreachable.pcap

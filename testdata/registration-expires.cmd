analyze registration-expires.pcap

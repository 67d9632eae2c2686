analyze registration.pcap

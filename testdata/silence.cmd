analyze silence.pcap

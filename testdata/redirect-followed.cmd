analyze redirect-followed.pcap

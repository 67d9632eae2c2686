analyze redirect-not-followed.pcap

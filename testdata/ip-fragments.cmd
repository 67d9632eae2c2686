analyze ip-fragments.pcap

analyze reinvite-refused.pcap

analyze no-ack.pcap

analyze tcp-segments.pcap

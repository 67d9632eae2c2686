analyze media-stops.pcap

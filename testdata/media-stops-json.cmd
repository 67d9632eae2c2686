analyze media-stops.pcap --format json

analyze media.pcap --format json --show calls

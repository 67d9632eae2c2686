analyze media.pcap --show calls,streams

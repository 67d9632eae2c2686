analyze fork-serial.pcap

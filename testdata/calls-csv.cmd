analyze calls.pcap --format csv

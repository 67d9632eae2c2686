analyze calls.pcap --license-limit 3

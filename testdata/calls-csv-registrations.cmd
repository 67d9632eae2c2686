analyze calls.pcap --format csv --show registrations

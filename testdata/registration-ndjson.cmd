analyze registration.pcap --format ndjson

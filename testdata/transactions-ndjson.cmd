analyze transactions.pcap --format ndjson --show all

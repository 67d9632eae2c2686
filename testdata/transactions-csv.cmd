analyze transactions.pcap --format csv --show transactions

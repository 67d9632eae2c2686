analyze transactions.pcap --show transactions

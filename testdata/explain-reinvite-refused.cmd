analyze reinvite-refused.pcap --explain reinvite-refused@127.0.0.10

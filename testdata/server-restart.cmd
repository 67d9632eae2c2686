analyze calls.pcap --server-restart 2026-11-22T17:52:27Z

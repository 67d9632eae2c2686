analyze calls.pcap --show calls --columns start,from_uri,to_uri,code,reason

analyze registration.pcap --explain registration@127.0.0.10

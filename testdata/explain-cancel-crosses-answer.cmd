analyze cancel-crosses-answer.pcap --explain cancel-crosses-answer@127.0.0.10

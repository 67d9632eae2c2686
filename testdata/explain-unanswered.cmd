analyze unanswered.pcap --explain unanswered@127.0.0.10

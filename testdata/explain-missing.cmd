analyze unanswered.pcap --explain nobody@example.com

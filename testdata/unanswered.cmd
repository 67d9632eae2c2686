analyze unanswered.pcap

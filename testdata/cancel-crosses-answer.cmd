analyze cancel-crosses-answer.pcap

analyze callee-hangs-up.pcap

analyze one-way.pcap

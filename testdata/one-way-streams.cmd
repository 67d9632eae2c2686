analyze one-way.pcap --show calls,streams --columns call_id,code,audio

analyze hold.pcap --show calls --columns call_id,code,duration_s,hold_s,reason

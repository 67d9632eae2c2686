analyze tls-secrets.pcapng

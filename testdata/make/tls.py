"""Plays one SIP call over TLS with itself, once for each way of protecting records, and writes the key log.
Needs Python 3.8 and openssl(1).

    tls.py KEYLOG CERTIFICATE KEY CASE...

Each CASE is a name of CASES or OPENSSL. The caller is 127.0.0.10, the callee 127.0.0.20; port 5061, or what the case says.
Every connection carries the call of tcp.pcap in little: INVITE, 100, 180, 200, ACK, BYE, 200.
"""

import socket
import ssl
import subprocess
import sys
import threading
import time

V10, V11, V12, V13 = (getattr(ssl.TLSVersion, name) for name in ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"))

# name: (version, cipher suites in OpenSSL's words, connections, what else)
CASES = {
    "tls13": (V13, None, 1, {}),
    "tls12-aes128-gcm": (V12, "ECDHE-RSA-AES128-GCM-SHA256", 1, {}),
    "tls12-aes256-gcm": (V12, "ECDHE-RSA-AES256-GCM-SHA384", 1, {}),
    "tls12-chacha20": (V12, "ECDHE-RSA-CHACHA20-POLY1305", 1, {}),
    "tls12-cbc-sha": (V12, "ECDHE-RSA-AES128-SHA", 1, {}),
    "tls12-cbc-sha256": (V12, "ECDHE-RSA-AES128-SHA256", 1, {}),
    "tls12-cbc-sha384": (V12, "ECDHE-RSA-AES256-SHA384", 1, {}),
    "tls12-mac-then-encrypt": (V12, "ECDHE-RSA-AES256-SHA384", 1, {"mte": True}),
    "tls12-rsa": (V12, "AES256-GCM-SHA384", 1, {}),
    "tls12-rsa-cbc": (V12, "AES128-SHA", 1, {}),
    "tls11-cbc": (V11, "ECDHE-RSA-AES256-SHA", 1, {}),
    "tls10-cbc": (V10, "AES128-SHA", 1, {}),
    "tls10-mac-then-encrypt": (V10, "AES128-SHA", 1, {"mte": True}),
    "tls12-resumed": (V12, "ECDHE-RSA-AES128-GCM-SHA256", 2, {}),
    "tls13-resumed": (V13, None, 2, {}),
    "other-port": (V13, None, 1, {"port": 15443}),
    "plain": (None, None, 1, {"port": 5060}),
}
# The same call between two openssl(1): Python neither chooses suites of TLS 1.3 nor updates keys.
OPENSSL = {
    "tls13-aes128": ("TLS_AES_128_GCM_SHA256", False),
    "tls13-chacha20": ("TLS_CHACHA20_POLY1305_SHA256", False),
    "tls13-key-update": ("TLS_AES_256_GCM_SHA384", True),
}
NO_ENCRYPT_THEN_MAC = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC, which Python has no name for


def message(first, call, cseq, to="", body=""):
    lines = [
        first,
        f"Via: SIP/2.0/TLS 127.0.0.10:5061;branch=z9hG4bK-{call}-{cseq.replace(' ', '-')}",
        "From: <sips:alice@127.0.0.10>;tag=a" + call,
        "To: <sips:bob@127.0.0.20>" + to,
        f"Call-ID: {call}@127.0.0.10",
        f"CSeq: {cseq}",
        "Contact: <sips:alice@127.0.0.10:5061>" if not first.startswith("SIP/") else "Contact: <sips:bob@127.0.0.20>",
        "Max-Forwards: 70",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def read(stream, rest):
    """One message; all of them here have no body or a short one that comes with the head."""
    while b"\r\n\r\n" not in rest[0]:
        data = stream.recv(65536)
        if not data:
            return b""
        rest[0] += data
    head, _, rest[0] = rest[0].partition(b"\r\n\r\n")
    return head


def callee(stream, call):
    rest, to = [b""], ";tag=b" + call
    read(stream, rest)
    for line, pause in (("100 Trying", 0), ("180 Ringing", 0.1), ("200 OK", 0.1)):
        time.sleep(pause)
        stream.sendall(message("SIP/2.0 " + line, call, "1 INVITE", "" if line[0] == "1" and line[1] == "0" else to))
    read(stream, rest)
    read(stream, rest)
    stream.sendall(message("SIP/2.0 200 OK", call, "2 BYE", to))
    stream.recv(1)


def caller(stream, call):
    rest, to = [b""], ";tag=b" + call
    stream.sendall(message("INVITE sips:bob@127.0.0.20 SIP/2.0", call, "1 INVITE"))
    while b" 200 " not in read(stream, rest):
        pass
    stream.sendall(message("ACK sips:bob@127.0.0.20 SIP/2.0", call, "1 ACK", to))
    time.sleep(0.1)
    stream.sendall(message("BYE sips:bob@127.0.0.20 SIP/2.0", call, "2 BYE", to))
    read(stream, rest)


def context(side, version, ciphers, extra, keylog):
    made = ssl.SSLContext(side)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if keylog:
        made.keylog_filename = keylog
    made.set_ciphers((ciphers or "DEFAULT") + ":@SECLEVEL=0")
    made.minimum_version = made.maximum_version = version
    if extra.get("mte"):
        made.options |= NO_ENCRYPT_THEN_MAC
    return made


def play(name, keylog, certificate, key):
    version, ciphers, connections, extra = CASES[name]
    port = extra.get("port", 5061)
    listener = socket.create_server(("127.0.0.20", port))
    if version:
        inside = context(ssl.PROTOCOL_TLS_SERVER, version, ciphers, extra, None)
        inside.load_cert_chain(certificate, key)
        outside = context(ssl.PROTOCOL_TLS_CLIENT, version, ciphers, extra, keylog)
    session = None
    for number in range(connections):
        call = f"{name}-{number}"

        def serve():
            stream, _ = listener.accept()
            if version:
                stream = inside.wrap_socket(stream, server_side=True)
            callee(stream, call)
            stream.close()

        server = threading.Thread(target=serve)
        server.start()
        stream = socket.create_connection(("127.0.0.20", port), source_address=("127.0.0.10", 0))
        if version:
            stream = outside.wrap_socket(stream, session=session)
        caller(stream, call)
        if version:
            session = stream.session
            print(call, stream.version(), stream.cipher()[0], "resumed" if stream.session_reused else "")
        stream.close()
        server.join()
    listener.close()


def play_openssl(name, keylog, certificate, key):
    suite, update = OPENSSL[name]
    call, to = name + "-0", f";tag=b{name}-0"
    both = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    common = ["-tls1_3", "-ciphersuites", suite]
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.20:5061", "-cert", certificate, "-key", key, *common], **both
    )
    time.sleep(0.5)
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", "127.0.0.20:5061", "-bind", "127.0.0.10:0", "-keylogfile", keylog, *common],
        **both,
    )
    time.sleep(0.5)

    def say(who, text):
        who.stdin.write(text)
        who.stdin.flush()
        time.sleep(0.15)

    say(client, message("INVITE sips:bob@127.0.0.20 SIP/2.0", call, "1 INVITE"))
    say(server, message("SIP/2.0 100 Trying", call, "1 INVITE"))
    say(server, message("SIP/2.0 180 Ringing", call, "1 INVITE", to))
    for who in (client, server) if update else ():
        say(who, b"K\n")  # both update their keys, and are asked to
    say(server, message("SIP/2.0 200 OK", call, "1 INVITE", to))
    for who in (client, server) if update else ():
        say(who, b"k\n")  # and once more, unasked
    say(client, message("ACK sips:bob@127.0.0.20 SIP/2.0", call, "1 ACK", to))
    say(client, message("BYE sips:bob@127.0.0.20 SIP/2.0", call, "2 BYE", to))
    say(server, message("SIP/2.0 200 OK", call, "2 BYE", to))
    say(client, b"Q\n")
    client.wait()
    server.kill()
    server.wait()


if __name__ == "__main__":
    keylog, certificate, key, *names = sys.argv[1:]
    for name in names:
        (play_openssl if name in OPENSSL else play)(name, keylog, certificate, key)

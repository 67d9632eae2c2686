#!/usr/bin/env python3
"""A call over WebSocket (RFC 7118): softphone 127.0.0.10 to server 127.0.0.20:5060, both the `websockets` library, which
agrees on permessage-deflate with itself. `plain` as the first argument: without compression, the INVITE in three frames.
`plain KEYLOG CERTIFICATE KEY`: the same over TLS, whose key log is written."""
import asyncio
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

PLAIN = sys.argv[1:2] == ["plain"]
TLS = sys.argv[2:]
SERVER, CLIENT, PORT = "127.0.0.20", "127.0.0.10", 5060
CALL = "websocket-plain" if PLAIN else "websocket"
SDP = f"v=0\r\no=- 1 1 IN IP4 {CLIENT}\r\ns=-\r\nc=IN IP4 {CLIENT}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


def message(line, cseq, branch, to_tag, body=""):
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{line}\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{branch}\r\n"
        f"From: \"Alice\" <sip:alice@example.com>;tag=a1\r\nTo: <sip:bob@example.com>{';tag=b1' if to_tag else ''}\r\n"
        f"Call-ID: {CALL}@{CLIENT}\r\nCSeq: {cseq}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    )


async def callee(socket):
    async for text in socket:
        method = text.split(" ", 1)[0]
        if method == "INVITE":
            await socket.send(message("SIP/2.0 100 Trying", "1 INVITE", "i", False))
            await socket.send(message("SIP/2.0 180 Ringing", "1 INVITE", "i", True))
            await asyncio.sleep(0.8)
            await (await socket.ping())
            # As bytes: a binary message.
            await socket.send(message("SIP/2.0 200 OK", "1 INVITE", "i", True, SDP).encode())
        elif method == "BYE":
            await socket.send(message("SIP/2.0 200 OK", "2 BYE", "b", True))


async def caller():
    compression = None if PLAIN else "deflate"
    async with connect(
        f"{'wss' if TLS else 'ws'}://{SERVER}:{PORT}/",
        subprotocols=["sip"],
        compression=compression,
        ssl=OUTSIDE,
        local_addr=(CLIENT, 0),
        proxy=None,
    ) as socket:
        invite = message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", "i", False, SDP)
        third = len(invite) // 3
        await socket.send([invite[:third], invite[third : 2 * third], invite[2 * third :]] if PLAIN else invite)
        for _ in range(3):
            await socket.recv()
        await socket.send(message("ACK sip:bob@example.com SIP/2.0", "1 ACK", "k", True))
        await asyncio.sleep(1.5)
        await socket.send(message("BYE sip:bob@example.com SIP/2.0", "2 BYE", "b", True))
        await socket.recv()


def contexts():
    if not TLS:
        return None, None
    keylog, certificate, key = TLS
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(certificate, key)
    outside = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    outside.check_hostname = False
    outside.verify_mode = ssl.CERT_NONE
    outside.keylog_filename = keylog
    return inside, outside


INSIDE, OUTSIDE = contexts()


async def main():
    compression = None if PLAIN else "deflate"
    async with serve(callee, SERVER, PORT, subprotocols=["sip"], compression=compression, ssl=INSIDE):
        await caller()


asyncio.run(main())

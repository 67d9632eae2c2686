//! What lies between a SIP message and UDP, TCP or IP: the bytes of WebSocket, SCTP and HEP. Knows no network.

use super::net::{EPOCH, Host};

/// The two heads that open a WebSocket, client's and server's.
pub(crate) fn upgrade() -> [Vec<u8>; 2] {
    let request = "GET /ws HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\
                   Sec-WebSocket-Version: 13\r\n\r\n";
    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    [request.into(), response.into()]
}

/// One frame; `first`: its first byte (FIN, RSV1, opcode).
pub(crate) fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        len @ ..126 => out.push(masked | len as u8),
        len @ ..65_536 => {
            out.push(masked | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(masked | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask.iter().flatten());
    let key = mask.unwrap_or_default();
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    out
}

/// An SCTP packet with one DATA chunk; `flags`: U 4, B 2, E 1.
pub(crate) fn sctp(src: Host, dst: Host, tsn: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
    // Tag and checksum; the latter is as wrong as offloading leaves it.
    out.extend([0, 0, 0, 9, 0, 0, 0, 0]);
    out.extend([0, flags]);
    out.extend((payload.len() as u16 + 16).to_be_bytes());
    out.extend(tsn.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
    out.resize(out.len().div_ceil(4) * 4, 0);
    out
}

fn octets(host: Host) -> Vec<u8> {
    match host.ip() {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// HEP version 3 around a message that an agent saw over UDP so many milliseconds after the start. `payload`: the chunk's
/// type, 15 as it is, 16 compressed.
pub(crate) fn hep3(src: Host, dst: Host, at: u64, payload: (u16, &[u8])) -> Vec<u8> {
    hep3_of(src, dst, at, b"life@example.com", payload)
}

/// The same with another correlation.
pub(crate) fn hep3_of(src: Host, dst: Host, at: u64, correlation: &[u8], payload: (u16, &[u8])) -> Vec<u8> {
    let (family, ips) = if src.is_ipv4() { (2, [3, 4]) } else { (10, [5, 6]) };
    let seconds = ((EPOCH + at / 1000) as u32).to_be_bytes();
    let micros = ((at % 1000 * 1000) as u32).to_be_bytes();
    let chunks: [(u16, &[u8]); 12] = [
        (1, &[family]),
        (2, &[17]),
        (ips[0], &octets(src)),
        (ips[1], &octets(dst)),
        (7, &src.port().to_be_bytes()),
        (8, &dst.port().to_be_bytes()),
        (9, &seconds),
        (10, &micros),
        (11, &[1]),
        (12, &[0, 0, 0, 7]),
        (17, correlation),
        payload,
    ];
    let mut out = b"HEP3\0\0".to_vec();
    for (kind, data) in chunks {
        for number in [0, kind, data.len() as u16 + 6] {
            out.extend(number.to_be_bytes());
        }
        out.extend_from_slice(data);
    }
    let len = (out.len() as u16).to_be_bytes();
    out[4..6].copy_from_slice(&len);
    out
}

/// HEP version 2 around the same, as an x86 agent writes it.
pub(crate) fn hep2(src: Host, dst: Host, at: u64, payload: &[u8]) -> Vec<u8> {
    let addresses = [octets(src), octets(dst)].concat();
    let mut out = vec![2, 8 + addresses.len() as u8, if src.is_ipv4() { 2 } else { 10 }, 17];
    out.extend(src.port().to_be_bytes());
    out.extend(dst.port().to_be_bytes());
    out.extend(addresses);
    out.extend(((EPOCH + at / 1000) as u32).to_le_bytes());
    out.extend(((at % 1000 * 1000) as u32).to_le_bytes());
    out.extend([7, 0, 0, 0]);
    out.extend_from_slice(payload);
    out
}

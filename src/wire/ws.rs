//! WebSocket (RFC 6455): the HTTP upgrade that opens it, and the frames that follow. Knows one direction at its present
//! head, and no state.

use memchr::{memchr, memmem};

/// How long the head of an upgrade may be.
pub const MAX_UPGRADE: usize = 16 << 10;

/// What stands at the head of a connection that speaks HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// The head is not whole: at least one more byte is needed.
    NeedMore,
    /// An upgrade to WebSocket, its head of this many bytes: a request, or the response that accepts one.
    WebSocket {
        /// Bytes up to the first frame.
        len: usize,
        /// Whether the subprotocol is SIP (RFC 7118 5); `None` where none is named.
        sip: Option<bool>,
    },
    /// A response that refuses one, or asks for something first (RFC 6455 4.1): a login (401, 407), another place. The
    /// next request may still open one.
    Declined {
        /// Bytes of its head.
        len: usize,
        /// Bytes of the body that follows.
        body: u64,
    },
    /// Any other HTTP.
    No,
}

/// Reads the head of an HTTP message at the very beginning of these bytes, whose first line is whole.
#[must_use]
pub fn upgrade(bytes: &[u8]) -> Upgrade {
    let status = status(bytes);
    if !(bytes.starts_with(b"GET ") || status.is_some_and(|code| !(200..300).contains(&code))) {
        return Upgrade::No;
    }
    let Some(end) = memmem::find(bytes, b"\r\n\r\n").filter(|end| *end < MAX_UPGRADE) else {
        return if bytes.len() < MAX_UPGRADE { Upgrade::NeedMore } else { Upgrade::No };
    };
    let (mut websocket, mut sip, mut body) = (false, None, None);
    for line in bytes.get(..end).unwrap_or_default().split(|byte| *byte == b'\n').skip(1) {
        let Some((name, value)) = memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) else { continue };
        let mut words = value.get(1..).unwrap_or_default().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if name.trim_ascii().eq_ignore_ascii_case(b"upgrade") {
            websocket |= words.any(|word| word.eq_ignore_ascii_case(b"websocket"));
        } else if name.trim_ascii().eq_ignore_ascii_case(b"sec-websocket-protocol") {
            sip = Some(sip == Some(true) || words.any(|word| word.eq_ignore_ascii_case(b"sip")));
        } else if name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
            body = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
        }
    }
    let len = end + 4;
    match status {
        None | Some(101) if websocket => Upgrade::WebSocket { len, sip },
        None | Some(101) => Upgrade::No,
        // No body, whatever the head says (RFC 9112 6.3).
        Some(100..200 | 304) => Upgrade::Declined { len, body: 0 },
        // A body of chunks, or one that ends with the connection, is not stepped over.
        Some(_) => body.map_or(Upgrade::No, |body| Upgrade::Declined { len, body }),
    }
}

/// The code of an HTTP response.
fn status(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            _,
            b' ',
            a @ b'1'..=b'9',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            b' ' | b'\r',
            ..,
        ] => Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')),
        _ => None,
    }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Opcode {
    /// The next part of a message.
    Continuation,
    /// A message, or its first part: text or binary, which makes no difference to SIP.
    Data,
    /// The last frame of this direction.
    Close,
    /// Ping or pong: it may stand between the parts of a message.
    PingPong,
}

/// The header of a frame (RFC 6455 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Header {
    /// What the frame carries.
    pub opcode: Opcode,
    /// The last part of its message.
    pub fin: bool,
    /// The message is compressed (RSV1 of its first frame; RFC 7692 6).
    pub compressed: bool,
    /// The masking key.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub payload: u64,
    /// Bytes of this header.
    pub len: usize,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHeader {
    /// At least one more byte is needed.
    NeedMore,
    /// This is no frame.
    Invalid,
}

impl Header {
    /// Reads the header at the very beginning of these bytes.
    ///
    /// # Errors
    /// Where there is none, or only a part of one.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoHeader> {
        let (first, second) = match bytes {
            [] => return Err(NoHeader::NeedMore),
            [first] => (*first, None),
            [first, second, ..] => (*first, Some(*second)),
        };
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 | 2 => Opcode::Data,
            8 => Opcode::Close,
            9 | 10 => Opcode::PingPong,
            _ => return Err(NoHeader::Invalid),
        };
        let (fin, compressed) = (first & 0x80 != 0, first & 0x40 != 0);
        let control = matches!(opcode, Opcode::Close | Opcode::PingPong);
        if first & 0x30 != 0 || (control && !fin) || (compressed && opcode != Opcode::Data) {
            return Err(NoHeader::Invalid);
        }
        let second = second.ok_or(NoHeader::NeedMore)?;
        let (short, extended) = match second & 0x7f {
            126 => (0, 2),
            127 => (0, 8),
            len => (len, 0),
        };
        if control && extended > 0 {
            return Err(NoHeader::Invalid);
        }
        let rest = bytes.get(2..).unwrap_or_default();
        let (len, rest) = rest.split_at_checked(extended).ok_or(NoHeader::NeedMore)?;
        let announced = len.iter().fold(u64::from(short), |sum, byte| (sum << 8) | u64::from(*byte));
        // The shortest form is the only one.
        if announced > i64::MAX as u64 || (extended == 2 && announced < 126) || (extended == 8 && announced <= 0xffff) {
            return Err(NoHeader::Invalid);
        }
        let masked = second & 0x80 != 0;
        let mask = if masked { Some(*rest.first_chunk::<4>().ok_or(NoHeader::NeedMore)?) } else { None };
        Ok(Self { opcode, fin, compressed, mask, payload: announced, len: 2 + extended + if masked { 4 } else { 0 } })
    }

    /// Appends payload that begins `at` bytes into the frame to `out`, unmasked (RFC 6455 5.3).
    pub fn unmask(&self, at: u64, payload: &[u8], out: &mut Vec<u8>) {
        let Some(mask) = self.mask else { return out.extend_from_slice(payload) };
        let turn = usize::try_from(at % 4).unwrap_or_default();
        out.extend(payload.iter().zip(mask.iter().cycle().skip(turn)).map(|(byte, key)| byte ^ key));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn upgrades() {
        use Upgrade::{NeedMore, No, WebSocket};
        let request = "GET /ws HTTP/1.1\r\nHost: a\r\nupgrade: WebSocket\r\n";
        let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
        let cases = [
            ("SIP", format!("{request}sec-websocket-protocol: chat, SIP\r\n\r\n~"), Some(Some(true))),
            ("another protocol", format!("{request}Sec-WebSocket-Protocol: chat\r\n\r\n"), Some(Some(false))),
            (
                "two lines",
                format!("{request}Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Protocol: a\r\n\r\n"),
                Some(Some(true)),
            ),
            ("none named", format!("{request}\r\n"), Some(None)),
            ("accepted", response.to_owned(), Some(Some(true))),
        ];
        for (name, text, expected) in cases {
            let len = text.find("\r\n\r\n").unwrap() + 4;
            assert_eq!(upgrade(text.as_bytes()), expected.map_or(No, |sip| WebSocket { len, sip }), "{name}");
            for cut in 20..len {
                assert_eq!(upgrade(&text.as_bytes()[..cut]), NeedMore, "{name}, cut at {cut}");
            }
        }
        let declined = [
            ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 12\r\n\r\n", 12),
            ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", 0),
            ("HTTP/1.0 302 Found\r\nContent-Length:7\r\n\r\n", 7),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 0),
            ("HTTP/1.1 103 Early Hints\r\n\r\n", 0),
        ];
        for (text, body) in declined {
            assert_eq!(upgrade(text.as_bytes()), Upgrade::Declined { len: text.len(), body }, "{text}");
        }
        let long = format!("{request}{}", "X: y\r\n".repeat(MAX_UPGRADE / 6));
        let others = [
            "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
            "POST / HTTP/1.1\r\nUpgrade: websocket\r\n",
            "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n",
            "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: -1\r\n\r\n",
            long.as_str(),
        ];
        for text in others {
            assert_eq!(upgrade(text.as_bytes()), No, "{}", &text[..30]);
        }
    }

    #[test]
    fn headers() {
        let key = Some([1, 2, 3, 4]);
        let text = Header { opcode: Opcode::Data, fin: true, compressed: false, mask: None, payload: 5, len: 2 };
        let cases: &[(&str, &[u8], Option<Header>)] = &[
            ("text", &[0x81, 5], Some(text)),
            ("binary, masked", &[0x82, 0x85, 1, 2, 3, 4], Some(Header { mask: key, len: 6, ..text })),
            ("compressed", &[0xc1, 5], Some(Header { compressed: true, ..text })),
            ("its first part", &[0x01, 126, 1, 0], Some(Header { fin: false, payload: 256, len: 4, ..text })),
            ("its last part", &[0x80, 5], Some(Header { opcode: Opcode::Continuation, ..text })),
            ("long", &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0], Some(Header { payload: 65536, len: 10, ..text })),
            ("ping", &[0x89, 5], Some(Header { opcode: Opcode::PingPong, ..text })),
            ("pong", &[0x8a, 5], Some(Header { opcode: Opcode::PingPong, ..text })),
            ("close", &[0x88, 5], Some(Header { opcode: Opcode::Close, ..text })),
            ("a length that should be shorter", &[0x81, 126, 0, 125], None),
            ("another that should", &[0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], None),
            ("a length beyond all", &[0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0], None),
            ("a reserved bit", &[0xa1, 5], None),
            ("a reserved opcode", &[0x83, 5], None),
            ("a ping in parts", &[0x09, 5], None),
            ("a ping too long", &[0x89, 126, 1, 0], None),
            ("a compressed continuation", &[0xc0, 5], None),
            ("HTTP", b"GET / HTTP/1.1", None),
            ("HTTP's answer", b"HTTP/1.1 200 OK", None),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(Header::parse(bytes), expected.ok_or(NoHeader::Invalid), "{name}");
            for cut in 0..expected.map_or(0, |header| header.len) {
                assert_eq!(Header::parse(&bytes[..cut]), Err(NoHeader::NeedMore), "{name}, cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn unmasking_in_pieces_is_unmasking(payload in proptest::collection::vec(any::<u8>(), 0..60), key: [u8; 4], cut in 0usize..60) {
            let header = Header { opcode: Opcode::Data, fin: true, compressed: false, mask: Some(key), payload: payload.len() as u64, len: 6 };
            let (mut whole, mut pieces) = (Vec::new(), Vec::new());
            header.unmask(0, &payload, &mut whole);
            let (one, two) = payload.split_at(cut.min(payload.len()));
            header.unmask(0, one, &mut pieces);
            header.unmask(one.len() as u64, two, &mut pieces);
            prop_assert_eq!(&whole, &pieces);
            let plain: Vec<u8> = (0..payload.len()).map(|at| payload[at] ^ key[at % 4]).collect();
            prop_assert_eq!(whole, plain);
        }

        #[test]
        fn no_bytes_surprise_it(bytes in proptest::collection::vec(any::<u8>(), 0..30)) {
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert!(header.len <= bytes.len());
            }
            _ = upgrade(&[b"GET ", bytes.as_slice()].concat());
        }
    }
}

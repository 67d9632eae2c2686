//! Real-time media packets (RFC 3550 5.1): the fixed header, and where the payload lies. Knows one packet at a time,
//! not the stream that it belongs to.

/// An RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtp<'a> {
    /// The marker bit: of audio the first packet after a silence.
    pub marker: bool,
    /// What the payload is, 0 to 127 (RFC 3551 6).
    pub payload_type: u8,
    /// One more with each packet sent.
    pub sequence: u16,
    /// When the first sample of the payload was taken, in ticks of the codec's clock.
    pub timestamp: u32,
    /// Synchronization source: who sends.
    pub ssrc: u32,
    /// What is carried, without padding; of SRTP (RFC 3711) encrypted, with the authentication tag behind.
    pub payload: &'a [u8],
}

impl<'a> Rtp<'a> {
    /// Reads a UDP payload that has the shape of RTP. RTCP that shares the port (RFC 5761 4) is none.
    ///
    /// What a capture cut off is not missed: only the fixed header is asked for.
    #[inline]
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<12>()?;
        let &[first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = head;
        if first >> 6 != 2 || matches!(second & 0x7f, 64..=95) {
            return None;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            payload: if first & 0x3f == 0 { rest } else { payload(first, rest) },
        })
    }
}

/// What is left behind contributing sources and header extension, and before the padding.
fn payload(first: u8, rest: &[u8]) -> &[u8] {
    let mut rest = rest.get(usize::from(first & 0x0f) * 4..).unwrap_or_default();
    if first & 0x10 != 0 {
        let words = rest
            .get(2..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
        rest = rest.get(4 + words * 4..).unwrap_or_default();
    }
    let padding = if first & 0x20 != 0 { rest.last().copied().map_or(0, usize::from) } else { 0 };
    rest.get(..rest.len().saturating_sub(padding)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        /// First bytes, what follows the twelve of the header, payload.
        type Case<'a> = (&'a str, [u8; 2], &'a [u8], Option<&'a [u8]>);
        let cases: &[Case<'_>] = &[
            ("plain", [0x80, 0], b"media", Some(b"media")),
            ("another version", [0x40, 0], b"media", None),
            ("RTCP on the same port", [0x80, 200], b"media", None),
            ("marker", [0x80, 0x88], b"media", Some(b"media")),
            ("a contributing source", [0x81, 0], b"\0\0\0\x01media", Some(b"media")),
            ("an extension", [0x90, 0], b"\xbe\xde\0\x01\x10\xff\0\0media", Some(b"media")),
            ("padding", [0xa0, 0], b"media\0\0\x03", Some(b"media")),
            ("more padding than there is", [0xa0, 0], b"\xff", Some(b"")),
            ("an extension longer than the packet", [0x90, 0], b"\0\0\xff\xff", Some(b"")),
            ("nothing in it", [0x80, 0], b"", Some(b"")),
        ];
        for (name, [first, second], rest, payload) in cases {
            let mut bytes = vec![*first, *second, 1, 2, 0, 0, 3, 4, 5, 6, 7, 8];
            bytes.extend_from_slice(rest);
            let rtp = Rtp::parse(&bytes);
            assert_eq!(rtp.map(|rtp| rtp.payload), *payload, "{name}");
            if let Some(rtp) = rtp {
                assert_eq!((rtp.sequence, rtp.timestamp, rtp.ssrc), (0x0102, 0x0304, 0x0506_0708), "{name}");
            }
        }
        assert_eq!(Rtp::parse(&[0x80; 11]), None);
    }
}

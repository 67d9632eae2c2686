//! The Homer Encapsulation Protocol, versions 1 to 3: a packet that a capture agent saw, wrapped for its collector.
//! Knows one HEP packet at a time; a compressed payload is handed out as it came.

use std::net::{IpAddr, SocketAddr};

use super::sip::looks_like_sip;
use crate::time::Timestamp;

/// The header of version 3: `HEP3` and the length of everything, itself included.
const HEADER_LEN: usize = 6;
/// The header of a chunk: vendor, type, and the length of everything, itself included.
const CHUNK_HEADER_LEN: usize = 6;
/// The time that version 2 puts behind the addresses: seconds, microseconds, agent, two bytes of padding.
const TIME_LEN: usize = 12;

/// A packet that an agent saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hep<'a> {
    /// When the agent saw it; `None` where it does not say.
    pub at: Option<Timestamp>,
    /// The sender.
    pub src: SocketAddr,
    /// The receiver.
    pub dst: SocketAddr,
    /// What carried it, by its IANA number. Agents have none for what lies above TCP: see [`Hep::TLS`], [`Hep::WS`].
    pub protocol: u8,
    /// Which of the packets belong together, as the agent says (chunk 0x0011): a Call-ID, mostly.
    pub correlation: Option<&'a [u8]>,
    /// What the packet carried.
    pub payload: Payload<'a>,
    /// How many bytes the HEP packet announces beyond those that are there.
    pub missing: usize,
}

/// What the packet carried, by its protocol type (chunk 0x000b): SIP is 1, RTP 4, RTCP 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A SIP message.
    Sip(&'a [u8]),
    /// The same as a zlib stream (RFC 1950; chunk 0x0010).
    ZlibSip(&'a [u8]),
    /// RTP or RTCP as it was sent.
    Media(&'a [u8]),
    /// An agent's report of RTCP, written as JSON: of so many bytes.
    Report(usize),
    /// Something else, of so many bytes: a log line, another signalling protocol, …
    Other(usize),
}

impl<'a> Hep<'a> {
    /// TLS, where agents say "IDP".
    pub const TLS: u8 = 22;
    /// WebSocket, where agents say "ESP".
    pub const WS: u8 = 50;

    /// Reads a HEP packet at the very beginning of these bytes. `None` where it is none, or one without addresses.
    #[inline]
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [b'H', b'E', b'P', b'3', ..] => parse_v3(bytes),
            [version @ 1..=2, len @ (16 | 40), 2 | 10, ..] => parse_v2(bytes, *version, usize::from(*len)),
            _ => None,
        }
    }

    /// How many bytes the HEP packet at the very beginning of a stream has: version 3 only, the others do not say.
    #[must_use]
    pub fn len_in_stream(bytes: &[u8]) -> Option<usize> {
        match bytes {
            [b'H', b'E', b'P', b'3', high, low, ..] => {
                Some(usize::from(u16::from_be_bytes([*high, *low]))).filter(|len| *len >= HEADER_LEN)
            }
            _ => None,
        }
    }
}

/// What the chunks said so far.
#[derive(Default)]
struct Chunks<'a> {
    protocol: Option<u8>,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    src_port: u16,
    dst_port: u16,
    seconds: Option<u32>,
    micros: u32,
    kind: Option<u8>,
    payload: Option<&'a [u8]>,
    zlib: Option<&'a [u8]>,
    correlation: Option<&'a [u8]>,
}

#[cold]
fn parse_v3(bytes: &[u8]) -> Option<Hep<'_>> {
    let announced = Hep::len_in_stream(bytes)?;
    let mut missing = announced.saturating_sub(bytes.len());
    let mut rest = bytes.get(HEADER_LEN..announced.min(bytes.len()))?;
    let mut chunks = Chunks::default();
    while let Some((head, behind)) = rest.split_first_chunk::<CHUNK_HEADER_LEN>() {
        let [vendor_high, vendor_low, type_high, type_low, len_high, len_low] = *head;
        let len = usize::from(u16::from_be_bytes([len_high, len_low])).checked_sub(CHUNK_HEADER_LEN)?;
        // The last chunk may be cut; what a chunk announces beyond its packet was never sent either.
        if missing == 0 {
            missing = len.saturating_sub(behind.len());
        }
        let (data, next) = behind.split_at_checked(len).unwrap_or((behind, &[]));
        // Vendors number chunks of their own.
        if [vendor_high, vendor_low] == [0, 0] {
            chunks.take(u16::from_be_bytes([type_high, type_low]), data);
        }
        rest = next;
    }
    let payload = match (chunks.kind, chunks.payload, chunks.zlib) {
        (Some(1) | None, Some(sip), _) => Payload::Sip(sip),
        (Some(1) | None, None, Some(zlib)) => Payload::ZlibSip(zlib),
        // RFC 7983 7: agents that relay RTCP as it was sent give it the type of the reports.
        (Some(4 | 5), Some(media @ [0x80..=0xbf, ..]), _) => Payload::Media(media),
        (Some(5), payload, zlib) => Payload::Report(payload.or(zlib).map_or(0, <[u8]>::len)),
        (_, payload, zlib) => Payload::Other(payload.or(zlib).map_or(0, <[u8]>::len)),
    };
    Some(Hep {
        at: chunks.seconds.filter(|seconds| *seconds > 0).and_then(|seconds| time(seconds, chunks.micros)),
        src: SocketAddr::new(chunks.src?, chunks.src_port),
        dst: SocketAddr::new(chunks.dst?, chunks.dst_port),
        protocol: chunks.protocol.unwrap_or(17),
        correlation: chunks.correlation,
        payload,
        missing,
    })
}

impl<'a> Chunks<'a> {
    /// Takes one of the generic chunks; those of a wrong length say nothing.
    fn take(&mut self, kind: u16, data: &'a [u8]) {
        let byte = || data.first().copied();
        let short = || data.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
        let long = || data.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let v4 = || data.first_chunk::<4>().map(|ip| IpAddr::from(*ip));
        let v6 = || data.first_chunk::<16>().map(|ip| IpAddr::from(*ip));
        match kind {
            0x02 => self.protocol = byte(),
            0x03 => self.src = v4().or(self.src),
            0x04 => self.dst = v4().or(self.dst),
            0x05 => self.src = v6().or(self.src),
            0x06 => self.dst = v6().or(self.dst),
            0x07 => self.src_port = short().unwrap_or_default(),
            0x08 => self.dst_port = short().unwrap_or_default(),
            0x09 => self.seconds = long(),
            0x0a => self.micros = long().unwrap_or_default(),
            0x0b => self.kind = byte(),
            0x0f => self.payload = Some(data),
            0x10 => self.zlib = Some(data),
            0x11 => self.correlation = Some(data),
            _ => {}
        }
    }
}

/// Versions 1 and 2 have no magic number: they are what their header says only if SIP follows it.
#[cold]
fn parse_v2(bytes: &[u8], version: u8, len: usize) -> Option<Hep<'_>> {
    let (ports, behind) = bytes.get(3..)?.split_first_chunk::<5>()?;
    let [protocol, src_high, src_low, dst_high, dst_low] = *ports;
    let (src, dst) = if len == 16 {
        let (src, behind) = behind.split_first_chunk::<4>()?;
        (IpAddr::from(*src), IpAddr::from(*behind.first_chunk::<4>()?))
    } else {
        let (src, behind) = behind.split_first_chunk::<16>()?;
        (IpAddr::from(*src), IpAddr::from(*behind.first_chunk::<16>()?))
    };
    let mut payload = bytes.get(len..)?;
    let mut at = None;
    if version == 2 {
        let (seconds, behind) = payload.split_first_chunk::<4>()?;
        let micros = behind.first_chunk::<4>()?;
        // Written as the agent's processor has them: microseconds tell which way that is.
        at = match u32::from_le_bytes(*micros) {
            micros @ ..1_000_000 => time(u32::from_le_bytes(*seconds), micros),
            _ => time(u32::from_be_bytes(*seconds), u32::from_be_bytes(*micros)),
        };
        payload = payload.get(TIME_LEN..)?;
    }
    looks_like_sip(payload).then(|| Hep {
        at,
        src: SocketAddr::new(src, u16::from_be_bytes([src_high, src_low])),
        dst: SocketAddr::new(dst, u16::from_be_bytes([dst_high, dst_low])),
        protocol,
        correlation: None,
        payload: Payload::Sip(payload),
        missing: 0,
    })
}

fn time(seconds: u32, micros: u32) -> Option<Timestamp> {
    (seconds > 0).then(|| Timestamp::from_nanos(i64::from(seconds) * 1_000_000_000 + i64::from(micros) * 1_000))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const SIP: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\n\r\n";

    fn v3(chunks: &[(u16, u16, &[u8])]) -> Vec<u8> {
        let mut out = b"HEP3\0\0".to_vec();
        for (vendor, kind, data) in chunks {
            for number in [*vendor, *kind, (data.len() + 6) as u16] {
                out.extend(number.to_be_bytes());
            }
            out.extend_from_slice(data);
        }
        let len = (out.len() as u16).to_be_bytes();
        out[4..6].copy_from_slice(&len);
        out
    }

    fn v2(version: u8, time: &[u8]) -> Vec<u8> {
        [&[version, 16, 2, 17, 0x13, 0xc4, 0x13, 0xce, 10, 0, 0, 1, 10, 0, 0, 2], time, SIP].concat()
    }

    #[test]
    fn the_packet_inside_has_its_own_time_and_addresses() {
        let ends: [(u16, u16, &[u8]); 4] =
            [(0, 3, &[10, 0, 0, 1]), (0, 4, &[10, 0, 0, 2]), (0, 7, &[0x13, 0xc4]), (0, 8, &[0x13, 0xce])];
        let with = |more: &[(u16, u16, &'static [u8])]| v3(&[&ends[..], more].concat());
        let sip: (u16, u16, &[u8]) = (0, 15, SIP);
        let (little, big) = ([3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0]);
        let nanos = Some(3_000_005_000);
        let mut cut = with(&[sip]);
        cut.truncate(cut.len() - (SIP.len() - 20));
        let mut broken = with(&[(0, 15, &[])]);
        *broken.last_mut().unwrap() = 5;
        type Case<'a> = (&'a str, Vec<u8>, Option<(u8, Option<i64>, Payload<'a>, usize)>);
        let cases: &[Case<'_>] = &[
            (
                "SIP over TCP",
                with(&[(0, 2, &[6]), (0, 9, &[0, 0, 0, 3]), (0, 10, &[0, 0, 0, 5]), (0, 11, &[1]), sip]),
                Some((6, nanos, Payload::Sip(SIP), 0)),
            ),
            ("no time", with(&[(0, 11, &[1]), sip]), Some((17, None, Payload::Sip(SIP), 0))),
            ("RTP", with(&[(0, 11, &[4]), (0, 15, b"\x80\0")]), Some((17, None, Payload::Media(b"\x80\0"), 0))),
            ("RTCP", with(&[(0, 11, &[5]), (0, 15, b"\x81\xc8")]), Some((17, None, Payload::Media(b"\x81\xc8"), 0))),
            ("RTCP as JSON", with(&[(0, 11, &[5]), (0, 15, b"{}")]), Some((17, None, Payload::Report(2), 0))),
            ("a log line", with(&[(0, 11, &[100]), (0, 15, b"x")]), Some((17, None, Payload::Other(1), 0))),
            ("no payload", with(&[(0, 11, &[1])]), Some((17, None, Payload::Other(0), 0))),
            ("compressed", with(&[(0, 11, &[1]), (0, 16, b"x")]), Some((17, None, Payload::ZlibSip(b"x"), 0))),
            ("a vendor's chunk", with(&[(7, 15, b"x"), sip]), Some((17, None, Payload::Sip(SIP), 0))),
            ("cut", cut, Some((17, None, Payload::Sip(&SIP[..20]), 7))),
            ("no addresses", v3(&[sip]), None),
            ("a chunk shorter than its header", broken, None),
            ("version 2", v2(2, &little), Some((17, nanos, Payload::Sip(SIP), 0))),
            ("version 2, big endian", v2(2, &big), Some((17, nanos, Payload::Sip(SIP), 0))),
            ("version 1", v2(1, &[]), Some((17, None, Payload::Sip(SIP), 0))),
            ("no SIP behind version 1", [&v2(1, &[])[..16], b"x"].concat(), None),
            ("no SIP behind version 2", v2(2, &[]), None),
            ("something else", b"HEP4".to_vec(), None),
        ];
        for (name, bytes, expected) in cases {
            let got = Hep::parse(bytes);
            if let Some(hep) = &got {
                assert_eq!(
                    (hep.src.to_string(), hep.dst.to_string()),
                    ("10.0.0.1:5060".to_owned(), "10.0.0.2:5070".to_owned())
                );
            }
            let got = got.map(|hep| (hep.protocol, hep.at.map(Timestamp::nanos), hep.payload, hep.missing));
            assert_eq!(got, *expected, "{name}");
        }
    }

    #[test]
    fn ipv6_and_the_correlation_are_read() {
        let hep = v3(&[(0, 5, &[1; 16]), (0, 6, &[2; 16]), (0, 17, b"call-1"), (0, 15, SIP)]);
        let hep = Hep::parse(&hep).unwrap();
        assert_eq!((hep.src.ip(), hep.dst.ip()), ([1; 16].into(), [2; 16].into()));
        assert_eq!(hep.correlation, Some(&b"call-1"[..]));
        let second = [&[2, 40, 10, 6, 0, 1, 0, 2][..], &[1; 16], &[2; 16], &[0; 12], SIP].concat();
        let hep = Hep::parse(&second).unwrap();
        assert_eq!((hep.src.ip(), hep.dst.ip(), hep.protocol, hep.at), ([1; 16].into(), [2; 16].into(), 6, None));
    }

    proptest! {
        #[test]
        fn no_bytes_surprise_it(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0usize..4) {
            let heads: [&[u8]; 4] = [b"", b"HEP3\0\xc0\0\0\0\x0f\0\x09abc", &[2, 16, 2, 17], &[1, 40, 10, 17]];
            bytes.splice(0..0, heads[kind].iter().copied());
            if let Some(Hep { payload: Payload::Sip(part) | Payload::ZlibSip(part), .. }) = Hep::parse(&bytes) {
                prop_assert!(part.len() <= bytes.len());
            }
            _ = Hep::len_in_stream(&bytes);
        }
    }
}

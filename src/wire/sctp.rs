//! SCTP packets (RFC 9260): the data chunks that they bring, interleaved ones (RFC 8260) too.
//! Knows one packet at a time: fragments are joined elsewhere.

use crate::issue::Cause;

/// Ports, verification tag, checksum.
const HEADER_LEN: usize = 12;
/// Type, flags, length.
const CHUNK_HEADER_LEN: usize = 4;

/// An SCTP packet.
#[derive(Clone, Copy, Debug)]
pub struct Sctp<'a> {
    /// The sender's port.
    pub src_port: u16,
    /// The receiver's port.
    pub dst_port: u16,
    /// What names the association to the receiver.
    pub tag: u32,
    chunks: &'a [u8],
}

/// A chunk of user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// The transmission sequence number: the same for each copy of this chunk.
    pub tsn: u32,
    /// The number of the stream that it belongs to.
    pub stream: u16,
    /// Which message, and which part of it, where chunks of several messages may be interleaved (I-DATA); `None`
    /// where the parts of a message follow each other by [`Data::tsn`].
    pub interleaved: Option<Interleaved>,
    /// The first part of a message.
    pub begins: bool,
    /// The last part of a message.
    pub ends: bool,
    /// The part.
    pub payload: &'a [u8],
    /// How many bytes of it the snap length cut.
    pub missing: usize,
}

/// Where an I-DATA chunk belongs (RFC 8260 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interleaved {
    /// Not in the order of its stream.
    pub unordered: bool,
    /// The message identifier.
    pub message: u32,
    /// The fragment sequence number: 0 for the first part.
    pub fragment: u32,
}

impl<'a> Sctp<'a> {
    /// Reads the packet after the IP header. `truncated`: the snap length cut it.
    ///
    /// # Errors
    /// The cause, where the header is not whole.
    pub fn parse(bytes: &'a [u8], truncated: bool) -> Result<Self, Cause> {
        let refuse = if truncated { Cause::CutShort } else { Cause::Malformed("SCTP header") };
        let (header, chunks) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(refuse)?;
        let [src_high, src_low, dst_high, dst_low, a, b, c, d, ..] = *header;
        Ok(Self {
            src_port: u16::from_be_bytes([src_high, src_low]),
            dst_port: u16::from_be_bytes([dst_high, dst_low]),
            tag: u32::from_be_bytes([a, b, c, d]),
            chunks,
        })
    }

    /// Whether the chunks fill the packet as they should: what tells SCTP inside UDP (RFC 6951) from anything else.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let mut rest = self.chunks;
        while let Some((kind, len)) = chunk_header(rest) {
            let padded = len.div_ceil(4) * 4;
            // DATA to SHUTDOWN COMPLETE, AUTH, I-DATA, and the extensions at 128 and 192.
            let known = matches!(kind, 0..=15 | 64 | 128..=132 | 192..=194);
            if !known || len < CHUNK_HEADER_LEN || len > rest.len() {
                return false;
            }
            rest = rest.get(padded..).unwrap_or_default();
        }
        rest.is_empty() && !self.chunks.is_empty()
    }

    /// The data chunks in the order of the packet. What follows a chunk of an impossible length is not read.
    pub fn data(&self) -> impl Iterator<Item = Data<'a>> + use<'a> {
        let mut rest = self.chunks;
        std::iter::from_fn(move || {
            loop {
                let (kind, len) = chunk_header(rest)?;
                let chunk = rest;
                // A chunk is padded to four bytes, which its length does not count.
                rest = rest.get(len.div_ceil(4).max(1) * 4..).unwrap_or_default();
                if len < CHUNK_HEADER_LEN {
                    return None;
                }
                let cut = len.saturating_sub(chunk.len());
                if let Some(data) = data_of(kind, chunk.get(..len).unwrap_or(chunk), cut) {
                    return Some(data);
                }
            }
        })
    }
}

/// Type and length of the next chunk.
fn chunk_header(bytes: &[u8]) -> Option<(u8, usize)> {
    let [kind, _, high, low] = *bytes.first_chunk::<CHUNK_HEADER_LEN>()?;
    Some((kind, usize::from(u16::from_be_bytes([high, low]))))
}

fn data_of(kind: u8, chunk: &[u8], missing: usize) -> Option<Data<'_>> {
    let flags = *chunk.get(1)?;
    let long = |at: usize| chunk.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_be_bytes(*bytes));
    let stream = u16::from_be_bytes(*chunk.get(8..).and_then(<[u8]>::first_chunk)?);
    let begins = flags & 2 != 0;
    let (interleaved, payload) = match kind {
        0 => (None, chunk.get(16..)?),
        // The first part has the payload's protocol in the place of its number.
        64 => {
            let fragment = if begins { 0 } else { long(16)? };
            (Some(Interleaved { unordered: flags & 4 != 0, message: long(12)?, fragment }), chunk.get(20..)?)
        }
        _ => return None,
    };
    Some(Data { tsn: long(4)?, stream, interleaved, begins, ends: flags & 1 != 0, payload, missing })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn packet(chunks: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let mut out = vec![0x13, 0xc4, 0x13, 0xce, 0, 0, 0, 7, 0, 0, 0, 0];
        for (kind, flags, value) in chunks {
            out.extend([*kind, *flags]);
            out.extend((value.len() as u16 + 4).to_be_bytes());
            out.extend_from_slice(value);
            out.resize(out.len().div_ceil(4) * 4, 0);
        }
        out
    }

    #[test]
    fn data_chunks_come_out_in_order() {
        let bytes = packet(&[
            (3, 0, &[0; 12]),
            (0, 3, b"\0\0\0\x05\0\x01\0\x02\0\0\0\0hello"),
            (64, 6, b"\0\0\0\x06\0\x01\0\0\0\0\0\x09\0\0\0\x2ethere"),
            (64, 1, b"\0\0\0\x07\0\x01\0\0\0\0\0\x09\0\0\0\x01!"),
        ]);
        let sctp = Sctp::parse(&bytes, false).unwrap();
        assert_eq!((sctp.src_port, sctp.dst_port, sctp.tag, sctp.is_sound()), (5060, 5070, 7, true));
        let data = |tsn, interleaved, begins, ends, payload| Data {
            tsn,
            stream: 1,
            interleaved,
            begins,
            ends,
            payload,
            missing: 0,
        };
        let expected: [Data<'_>; 3] = [
            data(5, None, true, true, b"hello"),
            data(6, Some(Interleaved { unordered: true, message: 9, fragment: 0 }), true, false, b"there"),
            data(7, Some(Interleaved { unordered: false, message: 9, fragment: 1 }), false, true, b"!"),
        ];
        assert_eq!(sctp.data().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn broken_packets_are_read_as_far_as_they_go() {
        let good = packet(&[(0, 3, b"\0\0\0\x05\0\x01\0\x02\0\0\0\0hello")]);
        // (name, bytes, payloads and how much of each is missing, sound)
        let zero = [&good[..], &[0, 3, 0, 0], &good[12..]].concat();
        let unknown = [&good[..12], &[77, 0, 0, 4], &good[12..]].concat();
        type Case<'a> = (&'a str, &'a [u8], &'a [(&'a [u8], usize)], bool);
        let cases: &[Case<'_>] = &[
            ("cut in the payload", &good[..good.len() - 6], &[(b"he", 3)], false),
            ("cut in the chunk's header", &good[..20], &[], false),
            ("a length of zero", &zero, &[(b"hello", 0)], false),
            ("an unknown chunk", &unknown, &[(b"hello", 0)], false),
            ("no chunks", &good[..12], &[], false),
        ];
        for (name, bytes, expected, sound) in cases {
            let sctp = Sctp::parse(bytes, true).unwrap();
            let got: Vec<_> = sctp.data().map(|data| (data.payload, data.missing)).collect();
            assert_eq!(got, *expected, "{name}");
            assert_eq!(sctp.is_sound(), *sound, "{name}");
        }
        assert_eq!(Sctp::parse(&good[..11], true).unwrap_err(), Cause::CutShort);
        assert_eq!(Sctp::parse(&good[..11], false).unwrap_err(), Cause::Malformed("SCTP header"));
    }

    proptest! {
        #[test]
        fn no_bytes_surprise_it(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind: bool) {
            if kind && let Some(first) = bytes.get_mut(12) {
                *first = 0;
            }
            if let Ok(sctp) = Sctp::parse(&bytes, false) {
                prop_assert!(sctp.data().map(|data| data.payload.len()).sum::<usize>() <= bytes.len());
                _ = sctp.is_sound();
            }
        }
    }
}

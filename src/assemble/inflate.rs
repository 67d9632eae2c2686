//! DEFLATE (RFC 1951), with what comes out bounded. Knows no protocol: it is told where the compressed bytes are.

use flate2::{Decompress, FlushDecompress, Status};

/// How far back compressed bytes may point.
const WINDOW: usize = 32 << 10;

/// Unpacks a whole zlib stream (RFC 1950). `None` where it is broken, or has more than `limit` bytes inside.
pub(super) fn zlib(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    run(&mut Decompress::new(true), bytes, limit, &mut out).map(|_| out)
}

/// What the messages of one direction of a WebSocket may point back to (permessage-deflate, RFC 7692 7.2.2).
///
/// Whether the two sides agreed on a context for each message does not matter here: who begins anew never points back.
/// For the same reason the largest window fits all.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Context {
    window: Vec<u8>,
}

impl Context {
    /// Unpacks a message. `None` where it is broken, has more than `limit` bytes inside, or points back to messages that
    /// are not known: then the context is lost.
    pub(super) fn message(&mut self, bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
        // What the sender left out (RFC 7692 7.2.1).
        let bytes = [bytes, &[0, 0, 0xff, 0xff]].concat();
        let (mut rest, mut out) = (bytes.as_slice(), Vec::new());
        // A block may be marked as the last one (RFC 7692 7.2.3.4), and yet others follow.
        while !rest.is_empty() {
            let mut raw = Decompress::new(false);
            let known = [self.window.as_slice(), &out].concat();
            let known = known.get(known.len().saturating_sub(WINDOW)..).unwrap_or_default();
            let unpacked = (known.is_empty() || raw.set_dictionary(known).is_ok())
                .then(|| run(&mut raw, rest, limit, &mut out))
                .flatten();
            let Some(taken) = unpacked.filter(|taken| *taken > 0) else {
                self.forget();
                return None;
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        self.window.extend_from_slice(&out);
        self.window.drain(..self.window.len().saturating_sub(WINDOW));
        Some(out)
    }

    /// A message was lost: what follows may point back to it.
    pub(super) fn forget(&mut self) {
        self.window = Vec::new();
    }

    /// Bytes kept.
    pub(super) const fn len(&self) -> usize {
        self.window.len()
    }
}

/// Unpacks until the stream or its bytes end: how many bytes that took. `None` where they are broken or bring `out`
/// above `limit`.
fn run(raw: &mut Decompress, bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<usize> {
    loop {
        if out.len() == out.capacity() {
            if out.len() >= limit {
                return None;
            }
            out.reserve(out.len().max(bytes.len()).clamp(512, 64 << 10));
        }
        let (taken, made) = (usize::try_from(raw.total_in()).ok()?, raw.total_out());
        let status = raw.decompress_vec(bytes.get(taken..)?, out, FlushDecompress::Sync).ok()?;
        let now = usize::try_from(raw.total_in()).ok()?;
        if out.len() > limit {
            return None;
        }
        match status {
            Status::StreamEnd => return Some(now),
            // With room left and nothing done, nothing more is in there.
            _ if now == bytes.len() && out.len() < out.capacity() => return Some(now),
            _ if now == taken && raw.total_out() == made && out.len() < out.capacity() => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    fn packed(compress: &mut Compress, bytes: &[u8], flush: FlushCompress) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 1000);
        compress.compress_vec(bytes, &mut out, flush).unwrap();
        out
    }

    /// As a WebSocket sends it.
    fn message(compress: &mut Compress, bytes: &[u8]) -> Vec<u8> {
        // Of nothing, some libraries make nothing. RFC 7692 7.2.3.6 has one byte.
        if bytes.is_empty() {
            return vec![0];
        }
        let mut out = packed(compress, bytes, FlushCompress::Sync);
        assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xff, 0xff]);
        out
    }

    const TEXT: &[u8] = b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/WS example.com;branch=z9hG4bK1\r\n\r\n";

    #[test]
    fn messages_point_back_to_earlier_ones() {
        let mut compress = Compress::new(Compression::best(), false);
        let [one, two, three] = std::array::from_fn(|_| message(&mut compress, TEXT));
        assert!(two.len() * 2 < one.len());
        let mut context = Context::default();
        for packed in [&one, &two, &three] {
            assert_eq!(context.message(packed, 1000).as_deref(), Some(TEXT));
        }
        // Without the first one the second says nothing, until somebody begins anew.
        let mut context = Context::default();
        assert_eq!(context.message(&two, 1000), None);
        assert_eq!(context.message(&one, 1000).as_deref(), Some(TEXT));
        assert_eq!(context.message(&two, 1000).as_deref(), Some(TEXT));
    }

    #[test]
    fn a_last_block_is_not_the_end_of_the_message() {
        let mut compress = Compress::new(Compression::best(), false);
        // RFC 7692 7.2.3.4: the sender appends one byte of an empty block.
        let one = [packed(&mut compress, TEXT, FlushCompress::Finish), vec![0]].concat();
        let mut context = Context::default();
        assert_eq!(context.message(&one, 1000).as_deref(), Some(TEXT));
        assert_eq!(context.message(&one, 1000).as_deref(), Some(TEXT));
    }

    #[test]
    fn what_comes_out_is_bounded() {
        let zeros = vec![0; 1 << 20];
        let one = message(&mut Compress::new(Compression::best(), false), &zeros);
        assert_eq!(Context::default().message(&one, (1 << 20) - 1), None);
        assert_eq!(Context::default().message(&one, 1 << 20).map(|out| out.len()), Some(1 << 20));
        let whole = packed(&mut Compress::new(Compression::best(), true), &zeros, FlushCompress::Finish);
        assert_eq!(zlib(&whole, 1000), None);
        assert_eq!(zlib(&whole, 1 << 20).map(|out| out.len()), Some(1 << 20));
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(messages in proptest::collection::vec((0usize..5000, any::<u8>(), any::<bool>()), 1..20)) {
            let mut compress = Compress::new(Compression::fast(), false);
            let mut context = Context::default();
            for (len, seed, anew) in messages {
                if anew {
                    compress.reset();
                }
                let text: Vec<u8> = (0..len).map(|at| (at as u8 / 7).wrapping_mul(seed)).collect();
                let packed = message(&mut compress, &text);
                prop_assert_eq!(context.message(&packed, 10_000), Some(text));
                prop_assert!(context.len() <= WINDOW);
            }
        }

        #[test]
        fn no_bytes_surprise_it(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut context = Context::default();
            for _ in 0..2 {
                prop_assert!(context.message(&bytes, 5000).is_none_or(|out| out.len() <= 5000));
            }
            prop_assert!(zlib(&bytes, 5000).is_none_or(|out| out.len() <= 5000));
        }
    }
}

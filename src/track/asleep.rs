//! Calls of which nothing was heard for long: most of them never end in the capture, and each is held to its end. Packed
//! they take less than a quarter of the memory. Knows how they are packed, and no rule of what they are.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use lz4_flex::block;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::table::Near;
use crate::packet::Place;
use crate::time::Timestamp;

/// A call falls asleep after so long without a sign of life: most that go on at all do so sooner.
pub(super) const DROWSY: Duration = Duration::from_secs(600);

/// What is in most descriptions and addresses: of what a call says in the same words it keeps no more than where they are.
const USUAL: &str = "a=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:96 opus/48000/2\r\n\
    a=rtcp-mux\r\nRTP/SAVP 0 8 9 18 96 101\r\na=rtcp:\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\r\na=sendonly\r\n\
    a=maxptime:150\r\nb=AS:84\r\nc=IN IP6 \r\nm=audio  RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n\
    c=IN IP4 192.168.1.10.0.0.\r\nt=0 0\r\nsip:+49.example.com:5060;transport=udp;user=phone";

/// No byte stands for more than so many: the longest of the lengths in LZ4's block format that go on.
const MOST_OF_BYTE: usize = 255;

/// Those that are asleep, by their slots.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Asleep {
    calls: HashMap<usize, Sleeper, BuildHasherDefault<Near>>,
    /// Reused for each.
    #[serde(skip)]
    packing: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sleeper {
    began: (Timestamp, Place),
    packed: Box<[u8]>,
}

/// What was packed. `None`: nothing was, or it claims to be more than can be packed so; it may be out of a file.
fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let (len, packed) = block::uncompressed_size(packed).ok()?;
    let can_be = len <= packed.len().saturating_mul(MOST_OF_BYTE);
    can_be.then(|| block::decompress_with_dict(packed, len, USUAL.as_bytes()).ok()).flatten()
}

impl Asleep {
    /// Packs one that began then. `false`: it cannot be packed.
    pub(super) fn put(&mut self, slot: usize, began: (Timestamp, Place), call: &impl Serialize) -> bool {
        let mut packing = std::mem::take(&mut self.packing);
        packing.clear();
        let Ok(packing) = postcard::to_extend(call, packing) else { return false };
        let packed = block::compress_prepend_size_with_dict(&packing, USUAL.as_bytes()).into_boxed_slice();
        self.calls.insert(slot, Sleeper { began, packed });
        self.packing = packing;
        true
    }

    /// Unpacks the one of this slot.
    pub(super) fn take<C: DeserializeOwned>(&mut self, slot: usize) -> Option<C> {
        postcard::from_bytes(&unpacked(&self.calls.remove(&slot)?.packed)?).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn holds(&self, slot: usize) -> bool {
        !self.calls.is_empty() && self.calls.contains_key(&slot)
    }

    pub(super) fn slots(&self) -> Vec<usize> {
        let mut slots: Vec<_> = self.calls.keys().copied().collect();
        slots.sort_unstable();
        slots
    }

    /// Each with when it began, and with which packet.
    pub(super) fn began(&self) -> impl Iterator<Item = (usize, (Timestamp, Place))> {
        self.calls.iter().map(|(slot, sleeper)| (*slot, sleeper.began))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        block::compress_prepend_size_with_dict(bytes, USUAL.as_bytes())
    }

    #[test]
    fn what_claims_to_be_large_is_not_unpacked() {
        let mut claims = packed(b"a call");
        claims[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(unpacked(&claims), None);
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                (any::<u8>(), 0_usize..100_000).prop_map(|(byte, len)| vec![byte; len]),
                (0..USUAL.len(), 0_usize..4).prop_map(|(from, times)| USUAL.as_bytes()[from..].repeat(times)),
            ],
            at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut packed = packed(&bytes);
            prop_assert_eq!(unpacked(&packed), Some(bytes));
            // Whatever else it may be, it is that or nothing.
            let at = at.index(packed.len());
            packed[at] = byte;
            let most = packed.len() * MOST_OF_BYTE;
            prop_assert!(unpacked(&packed).is_none_or(|bytes| bytes.len() <= most));
            prop_assert!(unpacked(&packed[..at]).is_none_or(|bytes| bytes.len() <= most));
        }
    }
}

//! Whether the very same packet was captured before: on a mirror port, in two VLANs, in two files.
//! Knows datagrams by a hash of all that makes them the same; a retransmission has another identification.

use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use foldhash::quality::{FixedState, RandomState};

use crate::time::Timestamp;

/// How far apart two copies of a packet may be where its identification tells it from a retransmission.
const WINDOW: Duration = Duration::from_millis(20);
/// The same where nothing but time does.
const WINDOW_WITHOUT_ID: Duration = Duration::from_millis(2);
/// Sets of the table; a power of two.
const SETS: usize = 1024;
/// Packets remembered per set, so 8192 in all: 20 ms of 400 000 messages a second.
const WAYS: usize = 8;

/// The packets of the last moments. Of fixed size: the oldest of a set makes room, so no packet costs an allocation.
#[derive(Debug)]
pub(super) struct Duplicates {
    sets: Box<[Set]>,
    seed: u64,
    hasher: FixedState,
}

/// The packets that a copy may still follow, for a run that goes on where another ended.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Recent {
    seed: u64,
    packets: Vec<(u64, usize, Timestamp)>,
}

/// Packets whose hashes fall together. These hashes lie side by side: nearly always they are all that is looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Set {
    /// Zero where there is no packet.
    hashes: [u64; WAYS],
    seen: [Seen; WAYS],
    /// Which one makes room next: they came one after another, so it is the oldest.
    next: usize,
}

/// What else is known of a packet that was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    len: usize,
    at: Timestamp,
}

impl Set {
    fn packets(&self) -> impl Iterator<Item = (u64, Seen)> {
        self.hashes.into_iter().zip(self.seen).filter(|(hash, _)| *hash != 0)
    }

    fn find(&mut self, hash: u64) -> Option<&mut Seen> {
        let way = self.hashes.iter().position(|of| *of == hash)?;
        self.seen.get_mut(way)
    }

    fn put(&mut self, hash: u64, seen: Seen) {
        if let (Some(oldest), Some(of)) = (self.hashes.get_mut(self.next), self.seen.get_mut(self.next)) {
            (*oldest, *of) = (hash, seen);
        }
        self.next = (self.next + 1) % WAYS;
    }
}

/// How far apart two copies of a packet with this identification may be.
pub(super) const fn window(id: Option<u32>) -> Duration {
    if id.is_some() { WINDOW } else { WINDOW_WITHOUT_ID }
}

impl Duplicates {
    /// Has seen nothing yet.
    pub(super) fn new() -> Self {
        Self::seeded(RandomState::default().hash_one(0))
    }

    fn seeded(seed: u64) -> Self {
        let sets = vec![Set::default(); SETS].into_boxed_slice();
        Self { sets, seed, hasher: FixedState::with_seed(seed) }
    }

    /// Those of the last moments.
    pub(super) fn recent(&self) -> Recent {
        let seen = || self.sets.iter().flat_map(Set::packets);
        let last = seen().map(|(_, seen)| seen.at).max().unwrap_or_default();
        let packets = seen().filter(|(_, seen)| last.since(seen.at) <= WINDOW);
        Recent { seed: self.seed, packets: packets.map(|(hash, seen)| (hash, seen.len, seen.at)).collect() }
    }

    /// Goes on where another one was.
    pub(super) fn resume(&mut self, recent: &Recent) {
        // Nothing was seen: the seed is as good as another, or none.
        if recent.packets.is_empty() {
            return;
        }
        *self = Self::seeded(recent.seed);
        for &(hash, len, at) in &recent.packets {
            if let Some(set) = self.set(hash) {
                set.put(hash, Seen { len, at });
            }
        }
    }

    fn set(&mut self, hash: u64) -> Option<&mut Set> {
        self.sets.get_mut(usize::try_from(hash >> 32).unwrap_or(0) % SETS)
    }

    /// Whether this packet was seen a moment ago; from now on it was.
    pub(super) fn seen(
        &mut self,
        src: SocketAddr,
        dst: SocketAddr,
        id: Option<u32>,
        payload: &[u8],
        at: Timestamp,
    ) -> bool {
        let mut hasher = self.hasher.build_hasher();
        for end in [src, dst] {
            match end.ip() {
                std::net::IpAddr::V4(ip) => hasher.write_u64(u64::from(ip.to_bits()) << 16 | u64::from(end.port())),
                std::net::IpAddr::V6(ip) => {
                    hasher.write_u128(ip.to_bits());
                    hasher.write_u16(end.port());
                }
            }
        }
        hasher.write_u32(id.unwrap_or(0));
        hasher.write(payload);
        let hash = hasher.finish().max(1);
        let window = window(id);
        let Some(set) = self.set(hash) else { return false };
        let now = Seen { len: payload.len(), at };
        if let Some(seen) = set.find(hash).filter(|seen| seen.len == now.len) {
            // Merged captures step back in time, so the copy may be the earlier one.
            let apart = at.since(seen.at).max(seen.at.since(at));
            *seen = now;
            return apart <= window;
        }
        set.put(hash, now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_told_from_a_retransmission() {
        let (a, b): (SocketAddr, SocketAddr) = ("10.0.0.1:5060".parse().unwrap(), "10.0.0.2:5060".parse().unwrap());
        type Packet<'a> = (SocketAddr, SocketAddr, Option<u32>, &'a [u8], i64);
        let cases: &[(&str, Packet<'_>, Packet<'_>, bool)] = &[
            ("mirrored", (a, b, Some(7), b"x", 0), (a, b, Some(7), b"x", 20_000), true),
            ("too late", (a, b, Some(7), b"x", 0), (a, b, Some(7), b"x", 20_001), false),
            ("merged, stepping back", (a, b, Some(7), b"x", 5_000), (a, b, Some(7), b"x", 0), true),
            ("sent again", (a, b, Some(7), b"x", 0), (a, b, Some(8), b"x", 10_000), false),
            ("sent again at once", (a, b, Some(7), b"x", 0), (a, b, Some(8), b"x", 0), false),
            ("mirrored without identification", (a, b, None, b"x", 0), (a, b, None, b"x", 2_000), true),
            ("sent again without identification", (a, b, None, b"x", 0), (a, b, None, b"x", 500_000), false),
            ("other payload", (a, b, Some(7), b"x", 0), (a, b, Some(7), b"y", 0), false),
            ("the other way", (a, b, Some(7), b"x", 0), (b, a, Some(7), b"x", 0), false),
        ];
        for (name, first, second, expected) in cases {
            let mut duplicates = Duplicates::new();
            let mut seen = |(src, dst, id, payload, micros): Packet<'_>| {
                duplicates.seen(src, dst, id, payload, Timestamp::from_nanos(micros * 1000))
            };
            assert!(!seen(*first), "{name}");
            assert_eq!(seen(*second), *expected, "{name}");
        }
    }

    #[test]
    fn a_flood_forgets_only_what_is_old() {
        let (a, b): (SocketAddr, SocketAddr) = ("[::1]:5060".parse().unwrap(), "[::2]:5060".parse().unwrap());
        let mut duplicates = Duplicates::new();
        for id in 1..100_000_u32 {
            let at = Timestamp::from_nanos(i64::from(id) * 10_000);
            assert!(!duplicates.seen(a, b, Some(id), b"x", at));
            assert!(id <= 200 || duplicates.seen(a, b, Some(id - 200), b"x", at), "{id}");
        }
    }
}

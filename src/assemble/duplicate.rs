//! Whether the very same packet was captured before: on a mirror port, in two VLANs, in two files.
//! Knows datagrams by a hash of all that makes them the same; a retransmission has another identification.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use foldhash::quality::{FixedState, RandomState};

use crate::event::Path;
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
    /// The lower halves of their hashes: where none of them is that of a packet, none of these is the same. Nearly always
    /// they are all that is read, so they are where a core has them at hand.
    lower: Box<[[u32; WAYS]; SETS]>,
    packets: Box<[[Packet; WAYS]; SETS]>,
    /// Which packet of each set makes room next: they came one after another, so it is the oldest.
    oldest: [u8; SETS],
    seed: u64,
    hasher: FixedState,
}

/// The packets that a copy may still follow, for a run that goes on where another ended.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Recent {
    seed: u64,
    packets: Vec<(u64, Timestamp)>,
}

/// A packet as it is remembered.
#[derive(Clone, Copy, Debug, Default)]
struct Packet {
    /// Zero where there is none.
    hash: u64,
    at: Timestamp,
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
        Self {
            lower: Box::new([[0; WAYS]; SETS]),
            packets: Box::new([[Packet::default(); WAYS]; SETS]),
            oldest: [0; SETS],
            seed,
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Those of the last moments.
    pub(super) fn recent(&self) -> Recent {
        let all = self.packets.iter().flatten().map(|packet| (packet.hash, packet.at));
        let seen: Vec<_> = all.filter(|(hash, _)| *hash != 0).collect();
        let last = seen.iter().map(|(_, at)| *at).max().unwrap_or_default();
        Recent { seed: self.seed, packets: seen.into_iter().filter(|(_, at)| last.since(*at) <= WINDOW).collect() }
    }

    /// Goes on where another one was.
    pub(super) fn resume(&mut self, recent: &Recent) {
        // Nothing was seen: the seed is as good as another, or none.
        if recent.packets.is_empty() {
            return;
        }
        *self = Self::seeded(recent.seed);
        for &(hash, at) in &recent.packets {
            self.put(hash, at);
        }
    }

    const fn set(hash: u64) -> usize {
        (hash >> 32) as usize % SETS
    }

    /// The oldest of its set makes room.
    fn put(&mut self, hash: u64, at: Timestamp) {
        let set = Self::set(hash);
        let oldest = usize::from(self.oldest[set]) % WAYS;
        self.lower[set][oldest] = hash as u32;
        self.packets[set][oldest] = Packet { hash, at };
        self.oldest[set] = (oldest as u8 + 1) % WAYS as u8;
    }

    /// Whether this packet was seen a moment ago; from now on it was.
    pub(super) fn seen(&mut self, path: &Path, id: Option<u32>, payload: &[u8], at: Timestamp) -> bool {
        let mut hasher = self.hasher.build_hasher();
        hash_ends(path.src, path.dst, id.unwrap_or(0), &mut hasher);
        // All of it: two messages that look alike to less could be made so that the second passes for a copy.
        hasher.write(payload);
        let hash = hasher.finish().max(1);
        let set = Self::set(hash);
        if self.lower[set].contains(&(hash as u32))
            && let Some(packet) = self.packets[set].iter_mut().find(|packet| packet.hash == hash)
        {
            let seen = std::mem::replace(&mut packet.at, at);
            // Merged captures step back in time, so the copy may be the earlier one.
            return at.since(seen).max(seen.since(at)) <= window(id);
        }
        self.put(hash, at);
        false
    }
}

/// Hashes the two ends of a packet, and a number of it.
#[inline(always)] // So that the hasher is in registers.
pub(super) fn hash_ends(src: SocketAddr, dst: SocketAddr, number: u32, hasher: &mut impl Hasher) {
    let ports = u32::from(src.port()) << 16 | u32::from(dst.port());
    hasher.write_u64(u64::from(ports) << 32 | u64::from(number));
    match (src.ip(), dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            hasher.write_u64(u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits()));
        }
        (src, dst) => (src, dst).hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Transport;

    fn path(src: SocketAddr, dst: SocketAddr) -> Path {
        Path { src, dst, transport: Transport::Udp }
    }

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
                duplicates.seen(&path(src, dst), id, payload, Timestamp::from_nanos(micros * 1000))
            };
            assert!(!seen(*first), "{name}");
            assert_eq!(seen(*second), *expected, "{name}");
        }
    }

    #[test]
    fn half_a_hash_makes_no_copy() {
        let (a, b): (SocketAddr, SocketAddr) = ("10.0.0.1:5060".parse().unwrap(), "10.0.0.2:5060".parse().unwrap());
        let (at, mut duplicates) = (Timestamp::from_nanos(0), Duplicates::new());
        let mut hasher = duplicates.hasher.build_hasher();
        hash_ends(a, b, 7, &mut hasher);
        hasher.write(b"x");
        duplicates.put(hasher.finish() ^ 1 << 63, at);
        let seen = |duplicates: &mut Duplicates| duplicates.seen(&path(a, b), Some(7), b"x", at);
        assert!(!seen(&mut duplicates));
        assert!(seen(&mut duplicates));
        let mut next = Duplicates::new();
        next.resume(&duplicates.recent());
        assert!(seen(&mut next));
        // Where there is no packet, there is none whose lower half is zero either.
        let mut none = Duplicates::new();
        none.put(1 << 40, at);
        assert_eq!((none.recent().packets, Duplicates::new().recent().packets), (vec![(1 << 40, at)], vec![]));
    }

    #[test]
    fn a_flood_forgets_only_what_is_old() {
        let (a, b): (SocketAddr, SocketAddr) = ("[::1]:5060".parse().unwrap(), "[::2]:5060".parse().unwrap());
        let mut duplicates = Duplicates::new();
        for id in 1..100_000_u32 {
            let at = Timestamp::from_nanos(i64::from(id) * 10_000);
            assert!(!duplicates.seen(&path(a, b), Some(id), b"x", at));
            assert!(id <= 200 || duplicates.seen(&path(a, b), Some(id - 200), b"x", at), "{id}");
        }
    }
}

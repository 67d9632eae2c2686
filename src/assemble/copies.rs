//! Packets of a connection that were captured twice: a mirror port, two VLANs, two files. The connection passes over what
//! it has already; here it is known what the packet completed, so that its messages count as duplicates.
//! Knows no order of bytes; a retransmission is another packet, with another identification.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::ops::Range;

use foldhash::quality::RandomState;

use super::duplicate::{hash_ends, window};
use super::split::{Said, Stamp};
use crate::event::Path;
use crate::time::Timestamp;
use crate::wire::sip::Message;

/// Packets remembered: 20 ms of 200 000 messages a second.
const MAX_PACKETS: usize = 4096;
/// Bytes of messages remembered.
const MAX_BYTES: usize = 8 << 20;

/// The packets of the last moments that completed a message.
///
/// Each of them is one more here, but few are asked for, and those came a moment ago: so there is no table of them, only
/// their keys in a row, and no piece of memory for each.
#[derive(Debug, Default)]
pub(super) struct Copies {
    hasher: RandomState,
    keys: VecDeque<u64>,
    /// As many as there are keys.
    recent: VecDeque<Completed>,
    /// The messages of all of them, and behind those what the packet at hand completed so far.
    kept: VecDeque<Kept>,
    /// The bytes of messages that the packet itself does not hold.
    bytes: VecDeque<u8>,
    /// How much of each was let go.
    gone: Gone,
}

#[derive(Clone, Copy, Debug, Default)]
struct Gone {
    packets: u64,
    kept: u64,
    bytes: u64,
}

/// What makes a packet the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// The sender.
    pub(super) src: SocketAddr,
    /// The receiver.
    pub(super) dst: SocketAddr,
    /// The identification of the IP header, where it is usable.
    pub(super) id: Option<u32>,
    /// A number that differs from packet to packet, where there is one: it saves looking at the payload.
    pub(super) number: u32,
    /// What the packet carries.
    pub(super) payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
struct Completed {
    at: Timestamp,
    payload: u64,
    /// Where its messages end among all that were ever kept; they begin where those of the packet before end.
    end: u64,
}

/// A message as it was delivered.
#[derive(Clone, Copy, Debug)]
struct Kept {
    path: Path,
    /// Where another time than the packet's was told with it.
    at: Option<Timestamp>,
    raw: Raw,
}

/// Where the bytes of a message are.
#[derive(Clone, Copy, Debug)]
enum Raw {
    /// So many from here on in the packet, whose copy has them too.
    Within(usize, usize),
    /// Out of several packets, or out of TLS: so many, from here on among all that were ever kept.
    Own(u64, usize),
}

impl Copies {
    /// A number for what has none of its own.
    pub(super) fn number(&self, payload: &[u8]) -> u32 {
        (self.digest(payload) >> 32) as u32
    }

    /// Which packet will be remembered next, and which of those that are remembered came first: where both are the same
    /// number there is none.
    pub(super) fn span(&self) -> (u64, u64) {
        (self.gone.packets + self.recent.len() as u64, self.gone.packets)
    }

    /// Delivers what this packet completed when it was captured a moment ago, if it was.
    pub(super) fn again(
        &mut self,
        packet: &Packet<'_>,
        stamp: Stamp,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) -> bool {
        if self.recent.is_empty() || packet.payload.is_empty() {
            return false;
        }
        let key = self.key(packet);
        let (front, back) = self.keys.as_slices();
        let of = |keys: &[u64]| keys.iter().rposition(|of| *of == key);
        let Some(index) = of(back).map(|index| front.len() + index).or_else(|| of(front)) else { return false };
        let first = index.checked_sub(1).and_then(|before| self.recent.get(before)).map_or(self.gone.kept, |of| of.end);
        let payload = self.digest(packet.payload);
        let Some(seen) = self.recent.get_mut(index) else { return false };
        // Merged captures step back in time, so the copy may be the earlier one.
        let apart = stamp.at.since(seen.at).max(seen.at.since(stamp.at));
        if apart > window(packet.id) || seen.payload != payload {
            return false;
        }
        seen.at = stamp.at;
        let place = |at: u64| (at - self.gone.kept) as usize;
        let range = place(first)..place(seen.end);
        for kept in self.kept.range(range) {
            let raw = match kept.raw {
                Raw::Within(from, len) => Cow::Borrowed(packet.payload.get(from..from + len).unwrap_or_default()),
                Raw::Own(from, len) => self.own((from - self.gone.bytes) as usize, len),
            };
            if let Some(message) = Message::parse(&raw) {
                emit(kept.path, Stamp { at: kept.at.unwrap_or(stamp.at), ..stamp }, message.into());
            }
        }
        true
    }

    /// Keeps a message that the packet of `packet` completed, which carried this payload. Behind the last of them,
    /// [`remember`](Self::remember).
    pub(super) fn keep(&mut self, path: Path, at: Timestamp, packet: Stamp, message: &Message<'_>, payload: &[u8]) {
        let raw = message.raw();
        let raw = match message.place_in(payload) {
            Some(Range { start, .. }) => Raw::Within(start, raw.len()),
            None => {
                let start = self.gone.bytes + self.bytes.len() as u64;
                self.bytes.extend(raw);
                Raw::Own(start, raw.len())
            }
        };
        self.kept.push_back(Kept { path, at: Some(at).filter(|at| *at != packet.at), raw });
    }

    /// This packet completed what was kept since the last one.
    pub(super) fn remember(&mut self, packet: &Packet<'_>, at: Timestamp) {
        let end = self.gone.kept + self.kept.len() as u64;
        if self.recent.back().map_or(self.gone.kept, |last| last.end) == end {
            return;
        }
        self.keys.push_back(self.key(packet));
        self.recent.push_back(Completed { at, payload: self.digest(packet.payload), end });
        while let Some(&Completed { at: first, end, .. }) = self.recent.front()
            && (at.since(first) > window(Some(0)) || self.recent.len() > MAX_PACKETS || self.bytes.len() > MAX_BYTES)
        {
            self.keys.pop_front();
            self.recent.pop_front();
            let count = (end - self.gone.kept) as usize;
            for _ in 0..count {
                if let Some(Kept { raw: Raw::Own(_, len), .. }) = self.kept.pop_front() {
                    self.bytes.drain(..len);
                    self.gone.bytes += len as u64;
                }
            }
            self.gone.packets += 1;
            self.gone.kept = end;
        }
    }

    /// Of all of a packet but its payload.
    fn key(&self, packet: &Packet<'_>) -> u64 {
        let Packet { src, dst, id, number, payload } = packet;
        let mut hasher = self.hasher.build_hasher();
        hash_ends(*src, *dst, *number, &mut hasher);
        hasher.write_u64(u64::from(id.unwrap_or(0)) << 32 | payload.len() as u64);
        hasher.finish()
    }

    fn digest(&self, payload: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(payload);
        hasher.finish()
    }

    fn own(&self, from: usize, len: usize) -> Cow<'_, [u8]> {
        let (front, back) = self.bytes.as_slices();
        match (front.get(from..from + len), from.checked_sub(front.len())) {
            (Some(bytes), _) => Cow::Borrowed(bytes),
            (None, Some(from)) => Cow::Borrowed(back.get(from..from + len).unwrap_or_default()),
            (None, None) => Cow::Owned(self.bytes.range(from..from + len).copied().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Transport;

    const ACK: &[u8] = b"ACK sip:a@b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\n\r\n";

    fn packet(id: Option<u32>, number: u32, payload: &[u8]) -> Packet<'_> {
        Packet { src: ([10, 0, 0, 1], 40_000).into(), dst: ([10, 0, 0, 2], 5060).into(), id, number, payload }
    }

    fn stamp(at: Timestamp) -> Stamp {
        Stamp { at, ..Stamp::default() }
    }

    /// This packet completed a message whose bytes stand here.
    fn completed(copies: &mut Copies, packet: &Packet<'_>, at: Timestamp, bytes: &[u8]) {
        let path = Path { src: packet.src, dst: packet.dst, transport: Transport::Tcp };
        let message = Message::parse(bytes).expect("a message");
        copies.keep(path, at, stamp(at), &message, packet.payload);
        copies.remember(packet, at);
    }

    /// What this packet completed before, as far as it is known.
    fn again(copies: &mut Copies, packet: &Packet<'_>, at: Timestamp) -> Option<Vec<Vec<u8>>> {
        let mut said = Vec::new();
        let known = copies.again(packet, stamp(at), &mut |_, _, message| said.push(message.raw().to_vec()));
        assert!(known || said.is_empty());
        known.then_some(said)
    }

    #[test]
    fn a_copy_is_told_from_a_retransmission() {
        let one = packet(Some(7), 100, ACK);
        let other = ACK.to_ascii_uppercase();
        let cases: &[(&str, Packet<'_>, Packet<'_>, i64, bool)] = &[
            ("mirrored", one, one, 20_000, true),
            ("merged, stepping back", one, one, -20_000, true),
            ("too late", one, one, 20_001, false),
            ("sent again", one, packet(Some(8), 100, ACK), 0, false),
            ("the next bytes, which say the same", one, packet(Some(7), 101, ACK), 0, false),
            ("another payload", one, packet(Some(7), 100, &other), 0, false),
            ("the other way", one, Packet { src: one.dst, dst: one.src, ..one }, 0, false),
            ("mirrored without identification", packet(None, 1, ACK), packet(None, 1, ACK), 2_000, true),
            ("sent again without identification", packet(None, 1, ACK), packet(None, 1, ACK), 2_001, false),
        ];
        for (name, first, second, micros, expected) in cases {
            let mut copies = Copies::default();
            let at = |micros: i64| Timestamp::from_nanos((1_000_000 + micros) * 1000);
            assert!(again(&mut copies, first, at(0)).is_none(), "{name}");
            completed(&mut copies, first, at(0), ACK);
            assert_eq!(again(&mut copies, second, at(*micros)).is_some(), *expected, "{name}");
        }
    }

    #[test]
    fn what_the_packet_holds_is_not_kept_twice() {
        let payload = [ACK, b"ACK"].concat();
        let one = packet(Some(7), 100, &payload);
        let elsewhere = ACK.to_vec();
        for (bytes, held) in [(&payload[..ACK.len()], 0), (&elsewhere[..], ACK.len())] {
            let mut copies = Copies::default();
            completed(&mut copies, &one, Timestamp::default(), bytes);
            assert_eq!(copies.bytes.len(), held);
            let copy = payload.clone();
            let said = again(&mut copies, &packet(Some(7), 100, &copy), Timestamp::default());
            assert_eq!(said, Some(vec![ACK.to_vec()]));
        }
    }

    #[test]
    fn each_packet_gets_its_own_messages_back() {
        let mut copies = Copies::default();
        let message = |number: u32| {
            let filling = "x".repeat(number as usize * 37 % 400);
            format!("ACK sip:a@b SIP/2.0\r\nCall-ID: {number}{filling}\r\nCSeq: 1 ACK\r\n\r\n").into_bytes()
        };
        // What a packet completed: one message of its own, and as many others.
        let messages = |number: u32| -> Vec<Vec<u8>> { (0..=number % 3).map(|n| message(number * 3 + n)).collect() };
        let mut most = 0;
        for number in 0..3_000_u32 {
            let at = |number: u32| Timestamp::from_nanos(i64::from(number) * 200_000);
            let (payload, all) = (message(number * 3), messages(number));
            let one = packet(Some(number), number, &payload);
            let path = Path { src: one.src, dst: one.dst, transport: Transport::Tcp };
            for (n, bytes) in all.iter().enumerate() {
                let bytes = if n == 0 { &payload } else { bytes };
                copies.keep(path, at(number), stamp(at(number)), &Message::parse(bytes).unwrap(), &payload);
            }
            copies.remember(&one, at(number));
            // The last hundred of them are known, in whatever order they come.
            for back in [0, number % 7, number % 100] {
                let before = number - back.min(number);
                let payload = message(before * 3);
                let copy = packet(Some(before), before, &payload);
                assert_eq!(again(&mut copies, &copy, at(before)), Some(messages(before)), "{number}, {back} back");
            }
            most = most.max(copies.recent.len());
        }
        assert!((100..=102).contains(&most), "{most}");
        assert!(copies.bytes.len() < 200_000);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut copies, elsewhere) = (Copies::default(), ACK.to_vec());
        for number in 0..20_000 {
            let one = packet(Some(7), number, ACK);
            // Time stands still, or takes steps back.
            let at = Timestamp::from_nanos(-i64::from(number % 3) * 1_000_000_000);
            completed(&mut copies, &one, at, &elsewhere);
            completed(&mut copies, &one, at, &elsewhere);
            let count = copies.recent.len();
            assert!(count <= MAX_PACKETS && copies.keys.len() == count && copies.kept.len() == count);
            assert_eq!(copies.bytes.len(), count * ACK.len());
        }
        let (next, first) = copies.span();
        assert_eq!(next, 40_000);
        assert_eq!(next - first, copies.recent.len() as u64);
        let last = packet(Some(7), 19_999, ACK);
        completed(&mut copies, &last, Timestamp::from_nanos(1_000_000_000_000), ACK);
        assert!(copies.recent.len() <= 1);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let long = [ACK, &vec![b'x'; 1 << 20]].concat();
        let message = [b"MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n", &long[..]].concat();
        let mut copies = Copies::default();
        for number in 0..20 {
            completed(&mut copies, &packet(None, number, ACK), Timestamp::default(), &message);
            assert!(copies.bytes.len() <= MAX_BYTES);
        }
        assert!(copies.recent.len() > 4);
    }
}

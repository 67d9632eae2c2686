//! Packets of a connection that were captured twice: a mirror port, two VLANs, two files. The connection passes over what
//! it has already; here it is known what the packet completed, so that its messages count as duplicates.
//! Knows no order of bytes; a retransmission is another packet, with another identification.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::SocketAddr;

use foldhash::quality::RandomState;

use super::duplicate::window;
use super::split::{Said, Stamp};
use crate::event::Path;
use crate::time::Timestamp;
use crate::wire::sip::Message;

/// Packets remembered: 20 ms of 200 000 messages a second.
const MAX_PACKETS: usize = 4096;
/// Bytes of messages remembered.
const MAX_BYTES: usize = 8 << 20;

/// The packets of the last moments that completed a message.
#[derive(Debug, Default)]
pub(super) struct Copies {
    hasher: RandomState,
    recent: HashMap<u64, Completed, RandomState>,
    /// Keys in the order in which the packets came.
    order: VecDeque<(Timestamp, u64)>,
    bytes: usize,
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

#[derive(Debug)]
struct Completed {
    at: Timestamp,
    payload: u64,
    messages: Vec<Kept>,
}

/// A message as it was delivered.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    path: Path,
    /// Where another time than the packet's was told with it.
    at: Option<Timestamp>,
    raw: Raw,
}

/// The bytes of a message.
#[derive(Clone, Debug)]
enum Raw {
    /// So many from here on in the packet, whose copy has them too.
    Within(usize, usize),
    /// Out of several packets, or out of TLS.
    Own(Box<[u8]>),
}

impl Raw {
    fn of(message: &[u8], payload: &[u8]) -> Self {
        let from = message.as_ptr().addr().wrapping_sub(payload.as_ptr().addr());
        match payload.get(from..).and_then(|rest| rest.get(..message.len())) {
            Some(same) if same.as_ptr() == message.as_ptr() => Self::Within(from, message.len()),
            _ => Self::Own(message.into()),
        }
    }

    fn in_packet<'r>(&'r self, payload: &'r [u8]) -> &'r [u8] {
        match self {
            Self::Within(from, len) => payload.get(*from..).and_then(|rest| rest.get(..*len)).unwrap_or_default(),
            Self::Own(raw) => raw,
        }
    }

    fn held(&self) -> usize {
        match self {
            Self::Within(..) => 0,
            Self::Own(raw) => raw.len(),
        }
    }
}

impl Kept {
    /// Keeps a message that the packet of `packet` completed, which carried this payload.
    pub(super) fn new(path: Path, at: Timestamp, packet: Stamp, message: &Message<'_>, payload: &[u8]) -> Self {
        Self { path, at: Some(at).filter(|at| *at != packet.at), raw: Raw::of(message.raw(), payload) }
    }

    /// Delivers it again, as the packet of `packet` does, a copy of the one that completed it.
    pub(super) fn deliver(&self, packet: Stamp, payload: &[u8], emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        if let Some(message) = Message::parse(self.raw.in_packet(payload)) {
            emit(self.path, Stamp { at: self.at.unwrap_or(packet.at), ..packet }, message.into());
        }
    }
}

impl Copies {
    /// A number for what has none of its own.
    pub(super) fn number(&self, payload: &[u8]) -> u32 {
        (self.hasher.hash_one(payload) >> 32) as u32
    }

    /// What this packet completed when it was captured a moment ago, if it was.
    pub(super) fn again(&mut self, packet: &Packet<'_>, at: Timestamp) -> Option<Vec<Kept>> {
        if self.recent.is_empty() || packet.payload.is_empty() {
            return None;
        }
        let seen = self.recent.get_mut(&self.hasher.hash_one(key(packet)))?;
        // Merged captures step back in time, so the copy may be the earlier one.
        let apart = at.since(seen.at).max(seen.at.since(at));
        if apart > window(packet.id) || seen.payload != self.hasher.hash_one(packet.payload) {
            return None;
        }
        seen.at = at;
        Some(seen.messages.clone())
    }

    /// This packet completed these messages.
    pub(super) fn remember(&mut self, packet: &Packet<'_>, at: Timestamp, messages: Vec<Kept>) {
        if messages.is_empty() {
            return;
        }
        let of_all = |messages: &[Kept]| messages.iter().map(|kept| kept.raw.held()).sum::<usize>();
        let key = self.hasher.hash_one(key(packet));
        self.bytes += of_all(&messages);
        let completed = Completed { at, payload: self.hasher.hash_one(packet.payload), messages };
        match self.recent.insert(key, completed) {
            Some(former) => self.bytes -= of_all(&former.messages),
            None => self.order.push_back((at, key)),
        }
        while let Some(&(first, key)) = self.order.front()
            && (at.since(first) > window(Some(0)) || self.order.len() > MAX_PACKETS || self.bytes > MAX_BYTES)
        {
            self.order.pop_front();
            if let Some(gone) = self.recent.remove(&key) {
                self.bytes -= of_all(&gone.messages);
            }
        }
    }
}

/// All of a packet but its payload.
fn key(packet: &Packet<'_>) -> (SocketAddr, SocketAddr, u32, u32, usize) {
    (packet.src, packet.dst, packet.id.unwrap_or(0), packet.number, packet.payload.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Transport;

    const ACK: &[u8] = b"ACK sip:a@b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\n\r\n";

    fn packet(id: Option<u32>, number: u32, payload: &[u8]) -> Packet<'_> {
        Packet { src: ([10, 0, 0, 1], 40_000).into(), dst: ([10, 0, 0, 2], 5060).into(), id, number, payload }
    }

    fn kept(packet: &Packet<'_>) -> Vec<Kept> {
        let path = Path { src: packet.src, dst: packet.dst, transport: Transport::Tcp };
        vec![Kept { path, at: None, raw: Raw::Own(ACK.into()) }]
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
            assert!(copies.again(first, at(0)).is_none(), "{name}");
            copies.remember(first, at(0), kept(first));
            assert_eq!(copies.again(second, at(*micros)).is_some(), *expected, "{name}");
        }
    }

    #[test]
    fn what_the_packet_holds_is_not_kept_twice() {
        let payload = [ACK, b"ACK"].concat();
        let one = packet(Some(7), 100, &payload);
        let message = Message::parse(&payload[..ACK.len()]).expect("a message");
        let path = Path { src: one.src, dst: one.dst, transport: Transport::Tcp };
        let stamp = Stamp { at: Timestamp::default(), place: crate::packet::Place::default() };
        let elsewhere = ACK.to_vec();
        for (bytes, held) in [(&payload[..ACK.len()], 0), (&elsewhere[..], ACK.len())] {
            let mut copies = Copies::default();
            let message = Message::parse(bytes).unwrap_or_else(|| message.clone());
            copies.remember(&one, stamp.at, vec![Kept::new(path, stamp.at, stamp, &message, &payload)]);
            assert_eq!(copies.bytes, held);
            let copy = payload.clone();
            let again = copies.again(&packet(Some(7), 100, &copy), stamp.at).expect("a copy");
            let mut said = Vec::new();
            again[0].deliver(stamp, &copy, &mut |_, _, message| said.push(message.message.raw().to_vec()));
            assert_eq!(said, [ACK]);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut copies = Copies::default();
        for number in 0..20_000 {
            let one = packet(Some(7), number, ACK);
            // Time stands still, or takes steps back.
            let at = Timestamp::from_nanos(-i64::from(number % 3) * 1_000_000_000);
            copies.remember(&one, at, kept(&one));
            copies.remember(&one, at, kept(&one));
            assert!(copies.order.len() <= MAX_PACKETS && copies.recent.len() == copies.order.len());
            assert_eq!(copies.bytes, copies.recent.len() * ACK.len());
        }
        let last = packet(Some(7), 19_999, ACK);
        copies.remember(&last, Timestamp::from_nanos(1_000_000_000_000), kept(&last));
        assert!(copies.order.len() <= 1);
    }
}

//! Data chunks of SCTP to SIP messages, one per user message (RFC 4168 5; RFC 9260 6.9, RFC 8260), copies left out and
//! memory bounded. Messages are delivered as they become whole: the order of a stream matters to nobody here.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::split::{MAX_MESSAGE, Said, Stamp};
use crate::event::Path;
use crate::issue::{Cause, Issues};
use crate::time::Timestamp;
use crate::wire::sctp::{Data, Sctp};
use crate::wire::sip::{Message, looks_like_sip};

/// Directions known at once.
const MAX_OPEN: usize = 16_384;
/// Bytes of parts kept per direction.
const MAX_HELD: usize = 2 << 20;
/// Parts kept per direction.
const MAX_PARTS: usize = 2048;
/// Bytes of parts kept for all directions.
const MAX_BYTES: usize = 32 << 20;
/// How far back copies of a chunk are known as such, in sequence numbers.
const WINDOW: u64 = 2048;
/// A sequence number further away than this belongs to another association.
const MAX_DISTANCE: u32 = 1 << 20;

/// After this long without a chunk a direction is forgotten.
const IDLE: Duration = Duration::from_secs(600);
/// How often the idle ones are looked for.
const SWEEP: Duration = Duration::from_secs(15);

/// One direction of an association: its path, and the tag that names the association to the receiver.
type Key = (Path, u32);

/// Joins the chunks of all associations.
#[derive(Debug, Default)]
pub(super) struct Associations {
    open: HashMap<Key, Box<Direction>, RandomState>,
    /// Bytes of parts kept for all of them.
    bytes: usize,
    swept: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Direction {
    /// The highest sequence number so far, and its place in a count that does not wrap.
    highest: (u32, u64),
    /// Which of the last sequence numbers were seen, by their place.
    seen: [u64; WINDOW as usize / 64],
    parts: BTreeMap<Place, Part>,
    #[serde(skip)]
    held: usize,
    /// Whether a message was ever found: only then are missing parts a loss.
    spoke: bool,
    last: Stamp,
}

/// Where a part belongs: the parts of a message are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Place {
    /// By the transmission sequence number.
    Tsn(u64),
    /// Stream, order, message, part.
    Interleaved(u16, bool, u32, u32),
}

impl Place {
    /// The place of the part before (or behind) this one.
    const fn step(self, back: bool) -> Option<Self> {
        match self {
            Self::Tsn(at) => match if back { at.checked_sub(1) } else { at.checked_add(1) } {
                Some(at) => Some(Self::Tsn(at)),
                None => None,
            },
            Self::Interleaved(stream, unordered, message, at) => {
                match if back { at.checked_sub(1) } else { at.checked_add(1) } {
                    Some(at) => Some(Self::Interleaved(stream, unordered, message, at)),
                    None => None,
                }
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    begins: bool,
    ends: bool,
    data: Box<[u8]>,
}

impl Serialize for Associations {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut open: Vec<(&Key, &Direction)> = self.open.iter().map(|(key, direction)| (key, &**direction)).collect();
        open.sort_unstable_by_key(|(key, _)| **key);
        (self.swept, open).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Associations {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (swept, kept) = <(Timestamp, Vec<(Key, Direction)>)>::deserialize(from)?;
        let (mut open, mut bytes) = (HashMap::default(), 0);
        for (key, mut direction) in kept {
            direction.held = direction.parts.values().map(|part| part.data.len()).sum();
            if !direction.is_sound() {
                return Err(de::Error::custom("an SCTP association that cannot be"));
            }
            bytes += direction.held;
            if open.insert(key, Box::new(direction)).is_some() {
                return Err(de::Error::custom("an SCTP association twice"));
            }
        }
        if open.len() > MAX_OPEN || bytes > MAX_BYTES {
            return Err(de::Error::custom("more SCTP associations than the bound allows"));
        }
        Ok(Self { open, bytes, swept })
    }
}

impl Associations {
    /// Takes the data chunks of a packet.
    pub(super) fn push(
        &mut self,
        path: Path,
        sctp: &Sctp<'_>,
        stamp: Stamp,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) {
        for data in sctp.data() {
            // Signalling of other kinds is nearly all there is: nothing of it is kept.
            if data.begins && !looks_like_sip(data.payload) {
                continue;
            }
            let key = (path, sctp.tag);
            if !self.open.contains_key(&key) {
                self.make_room(stamp, issues);
            }
            let direction = self.open.entry(key).or_insert_with(|| Box::new(Direction::new(data.tsn, stamp)));
            let before = direction.held;
            let bytes = direction.push(&data, stamp, issues);
            self.bytes = self.bytes - before + direction.held;
            if let Some(message) = bytes.as_deref().and_then(Message::parse) {
                direction.spoke = true;
                emit(path, stamp, message.into());
            }
            if self.bytes > MAX_BYTES {
                issues.add(stamp.place, Cause::Bound("parts of SCTP messages"), direction.held as u64);
                self.bytes -= direction.held;
                direction.let_go();
            }
        }
    }

    /// Accounts for the messages that never became whole.
    pub(super) fn finish(&mut self, issues: &mut Issues) {
        self.remove(issues, |_| true);
    }

    fn make_room(&mut self, stamp: Stamp, issues: &mut Issues) {
        if stamp.at.since(self.swept) >= SWEEP {
            self.swept = stamp.at;
            self.remove(issues, |direction| stamp.at.since(direction.last.at) > IDLE);
        }
        if self.open.len() >= MAX_OPEN {
            // An eighth at once, so that finding the oldest costs each new one little.
            let mut ages: Vec<Timestamp> = self.open.values().map(|direction| direction.last.at).collect();
            let eighth = ages.len() / 8;
            let limit = *ages.select_nth_unstable(eighth).1;
            issues.add(stamp.place, Cause::Bound("SCTP associations"), 0);
            self.remove(issues, |direction| direction.last.at <= limit);
        }
    }

    fn remove(&mut self, issues: &mut Issues, which: impl Fn(&Direction) -> bool) {
        let gone: Vec<_> = self.open.extract_if(|_, direction| which(direction)).collect();
        for (_, direction) in gone {
            self.bytes -= direction.held;
            if direction.spoke && direction.held > 0 {
                issues.add(direction.last.place, Cause::SctpGap, direction.held as u64);
            }
        }
    }
}

impl Direction {
    fn new(tsn: u32, stamp: Stamp) -> Self {
        // Far enough from zero for what comes late.
        let highest = (tsn.wrapping_sub(1), u64::from(MAX_DISTANCE) * 2);
        Self { highest, seen: [0; WINDOW as usize / 64], parts: BTreeMap::new(), held: 0, spoke: false, last: stamp }
    }

    /// Takes a chunk. Returns the message, if that makes it whole.
    fn push<'a>(&mut self, data: &Data<'a>, stamp: Stamp, issues: &mut Issues) -> Option<Cow<'a, [u8]>> {
        self.last = stamp;
        let at = self.place(data.tsn)?;
        if data.missing > 0 {
            if data.begins || self.spoke {
                issues.add(stamp.place, Cause::CutShort, data.missing as u64);
            }
            // Nothing joins behind a cut.
            return data.begins.then_some(data.payload.into());
        }
        if data.begins && data.ends {
            return Some(data.payload.into());
        }
        let message = self.join(at, data);
        while self.held > MAX_HELD || self.parts.len() > MAX_PARTS {
            self.give_up_oldest(issues);
        }
        message.map(Cow::Owned)
    }

    /// Whether what was read from a file can be gone on with.
    fn is_sound(&self) -> bool {
        let count = u64::from(MAX_DISTANCE)..u64::MAX / 2;
        count.contains(&self.highest.1) && self.held <= MAX_HELD && self.parts.len() <= MAX_PARTS
    }

    fn let_go(&mut self) {
        self.parts.clear();
        self.held = 0;
    }

    /// The place of a sequence number; `None` where it was seen before.
    fn place(&mut self, tsn: u32) -> Option<u64> {
        let (highest, at) = self.highest;
        let (ahead, behind) = (tsn.wrapping_sub(highest), highest.wrapping_sub(tsn));
        if ahead.min(behind) > MAX_DISTANCE {
            // The same ports and tag again, long after.
            *self = Self { spoke: self.spoke, ..Self::new(tsn, self.last) };
            return self.place(tsn);
        }
        let place = if ahead <= behind {
            let place = at + u64::from(ahead);
            // What lies between was not seen.
            for skipped in (at + 1..=place).rev().take(WINDOW as usize) {
                self.mark(skipped, false);
            }
            self.highest = (tsn, place);
            place
        } else {
            at - u64::from(behind)
        };
        if self.highest.1 - place >= WINDOW || self.mark(place, true) {
            return None;
        }
        Some(place)
    }

    /// Marks a place as seen or not: whether it was.
    fn mark(&mut self, place: u64, seen: bool) -> bool {
        let bit = 1 << (place % 64);
        let index = usize::try_from(place / 64).unwrap_or_default() % self.seen.len();
        let Some(word) = self.seen.get_mut(index) else { return false };
        let was = *word & bit != 0;
        *word = if seen { *word | bit } else { *word & !bit };
        was
    }

    /// Keeps a part. Returns the message, if that makes it whole.
    fn join(&mut self, at: u64, data: &Data<'_>) -> Option<Vec<u8>> {
        let here = data.interleaved.map_or(Place::Tsn(at), |part| {
            Place::Interleaved(data.stream, part.unordered, part.message, part.fragment)
        });
        let part = Part { begins: data.begins, ends: data.ends, data: data.payload.into() };
        self.held += part.data.len();
        if let Some(old) = self.parts.insert(here, part) {
            self.held -= old.data.len();
        }
        let first = self.edge(here, true)?;
        let last = self.edge(here, false)?;
        let places: Vec<Place> = self.parts.range(first..=last).map(|(place, _)| *place).collect();
        let mut message = Vec::new();
        for place in places {
            let part = self.parts.remove(&place)?;
            self.held -= part.data.len();
            message.extend_from_slice(&part.data);
        }
        (message.len() <= MAX_MESSAGE).then_some(message)
    }

    /// The first (or last) part of the message that has a part here, if all between are there.
    fn edge(&self, here: Place, back: bool) -> Option<Place> {
        let mut place = here;
        loop {
            let part = self.parts.get(&place)?;
            if if back { part.begins } else { part.ends } {
                return Some(place);
            }
            // Another message stands there.
            if place != here && if back { part.ends } else { part.begins } {
                return None;
            }
            place = place.step(back)?;
        }
    }

    fn give_up_oldest(&mut self, issues: &mut Issues) {
        let Some((_, part)) = self.parts.pop_first() else { return };
        self.held -= part.data.len();
        if self.spoke {
            issues.add(self.last.place, Cause::SctpGap, part.data.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Transport;
    use crate::packet;
    use proptest::prelude::*;

    const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    const OK: &[u8] = b"SIP/2.0 200 OK\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";

    /// (sequence number, flags, payload); flags: U 4, B 2, E 1.
    type Chunk<'a> = (u32, u8, &'a [u8]);

    fn data(tsn: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        chunk(0, flags, &[&tsn.to_be_bytes(), &[0; 8], payload])
    }

    fn idata(tsn: u32, flags: u8, message: u32, fragment: u32, payload: &[u8]) -> Vec<u8> {
        chunk(64, flags, &[&tsn.to_be_bytes(), &[0; 4], &message.to_be_bytes(), &fragment.to_be_bytes(), payload])
    }

    fn chunk(kind: u8, flags: u8, parts: &[&[u8]]) -> Vec<u8> {
        let value = parts.concat();
        let mut out = vec![kind, flags];
        out.extend((value.len() as u16 + 4).to_be_bytes());
        out.extend(value);
        out.resize(out.len().div_ceil(4) * 4, 0);
        out
    }

    #[derive(Default)]
    struct Wire {
        associations: Associations,
        issues: Issues,
        out: Vec<(u64, Vec<u8>)>,
        frame: u64,
    }

    impl Wire {
        fn send(&mut self, tag: u32, chunks: &[u8]) {
            self.frame += 1;
            let bytes = [&[0x13, 0xc4, 0x13, 0xc4][..], &tag.to_be_bytes(), &[0; 4], chunks].concat();
            let sctp = Sctp::parse(&bytes, false).unwrap();
            let (src, dst) = ("10.0.0.1:5060".parse().unwrap(), "10.0.0.2:5060".parse().unwrap());
            let stamp = Stamp { place: packet::Place { file: 0, frame: self.frame }, ..Stamp::default() };
            let out = &mut self.out;
            let path = Path { src, dst, transport: Transport::Sctp };
            self.associations.push(path, &sctp, stamp, &mut self.issues, &mut |_, stamp, message| {
                out.push((stamp.place.frame, message.raw().to_vec()));
            });
        }

        fn frames(&self) -> Vec<u64> {
            self.out.iter().map(|(frame, _)| *frame).collect()
        }

        fn counted(&mut self) -> Vec<String> {
            self.associations.finish(&mut self.issues);
            self.issues.of_file(0).map(|(cause, _)| cause.key()).collect()
        }
    }

    #[test]
    fn chunks_become_messages() {
        let (a, b, c) = (&OPTIONS[..26], &OPTIONS[26..40], &OPTIONS[40..]);
        let one = data(1, 3, OPTIONS);
        let mut cut = data(2, 3, OPTIONS);
        cut.truncate(cut.len() - 4);
        // (name, packets, completing frames, issues)
        type Case<'a> = (&'a str, Vec<Vec<u8>>, &'a [u64], &'a [&'a str]);
        let cases: Vec<Case<'_>> = vec![
            ("one", vec![one.clone()], &[1], &[]),
            ("two in a packet", vec![[one.clone(), data(2, 3, OK)].concat()], &[1, 1], &[]),
            ("sent again", vec![one.clone(), one.clone(), data(2, 3, OK), one.clone()], &[1, 3], &[]),
            ("in parts", vec![data(1, 2, a), data(2, 0, b), data(3, 1, c)], &[3], &[]),
            ("in parts, backwards", vec![data(3, 1, c), data(2, 0, b), data(1, 2, a)], &[3], &[]),
            (
                "a part again",
                vec![data(1, 2, a), data(1, 2, a), data(2, 0, b), data(3, 1, c), data(2, 0, b)],
                &[4],
                &[],
            ),
            (
                "wrapping",
                vec![data(u32::MAX, 2, a), data(0, 0, b), data(1, 1, c), data(u32::MAX, 2, a), data(2, 3, OK)],
                &[3, 5],
                &[],
            ),
            ("a part lost", vec![one.clone(), data(2, 2, a), data(4, 1, c), data(5, 3, OK)], &[1, 4], &["sctp_gap"]),
            ("parts of other signalling", vec![data(1, 2, b"\0\x0c\0\x01"), data(2, 0, b), data(3, 1, c)], &[], &[]),
            (
                "interleaved",
                vec![
                    idata(1, 2, 7, 0, a),
                    idata(2, 2, 8, 0, &OK[..20]),
                    idata(3, 0, 7, 1, b),
                    idata(4, 1, 8, 1, &OK[20..]),
                    idata(5, 1, 7, 2, c),
                ],
                &[4, 5],
                &[],
            ),
            ("cut", vec![one, cut], &[1, 2], &["cut_short"]),
        ];
        for (name, packets, frames, issues) in cases {
            let mut wire = Wire::default();
            for packet in &packets {
                wire.send(7, packet);
            }
            assert_eq!(wire.frames(), frames, "{name}");
            assert!(name == "cut" || wire.out.iter().all(|(_, message)| [OPTIONS, OK].contains(&message.as_slice())));
            assert_eq!(wire.counted(), issues, "{name}");
            assert_eq!(wire.associations.bytes, 0, "{name}");
        }
    }

    #[test]
    fn another_association_counts_anew() {
        let mut wire = Wire::default();
        for (tag, tsn) in [(7, 1), (8, 1), (7, 900_000_000), (7, 900_000_000)] {
            wire.send(tag, &data(tsn, 3, OPTIONS));
        }
        assert_eq!(wire.frames(), [1, 2, 3]);
    }

    #[test]
    fn floods_stay_within_their_bounds() {
        let mut wire = Wire::default();
        let large = vec![b'x'; 60_000];
        for n in 0..300 {
            wire.send(7, &data(2 + 2 * n, 0, &large));
        }
        for n in 0..20_000 {
            wire.send(8, &data(2 + 2 * n, 0, b"x"));
            wire.send(100 + n, &data(1, 2, b"INVITE sip:b SIP/2.0"));
        }
        assert!(wire.associations.open.len() <= MAX_OPEN);
        assert!(wire.associations.open.values().all(|one| one.held <= MAX_HELD && one.parts.len() <= MAX_PARTS));
        assert_eq!(wire.associations.bytes, wire.associations.open.values().map(|one| one.held).sum::<usize>());
        assert_eq!(wire.counted(), ["bound_sctp_associations"]);
        assert_eq!(wire.associations.bytes, 0);
    }

    proptest! {
        #[test]
        fn any_order_and_any_copies_give_the_same_messages(
            first: u32,
            cuts in proptest::collection::vec(1usize..56, 1..6),
            moves in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..9, any::<bool>()), 0..20),
        ) {
            let mut chunks: Vec<Chunk<'_>> = Vec::new();
            for cut in &cuts {
                for (flags, part) in [(2, &OPTIONS[..*cut]), (1, &OPTIONS[*cut..])] {
                    // What begins a message has to show that it is SIP: the first line, at least.
                    let part = if *cut < 25 { OPTIONS } else { part };
                    let flags = if *cut < 25 { 3 } else { flags };
                    chunks.push((first.wrapping_add(chunks.len() as u32), flags, part));
                }
            }
            let whole = chunks.iter().filter(|(_, flags, _)| flags & 1 == 1).count();
            for (index, distance, copy) in moves {
                let from = index.index(chunks.len());
                let to = (from + distance).min(chunks.len() - 1);
                if copy { chunks.insert(to, chunks[from]) } else { chunks.swap(from, to) }
            }
            let mut wire = Wire::default();
            for (tsn, flags, part) in chunks {
                wire.send(7, &data(tsn, flags, part));
            }
            prop_assert_eq!(wire.out.len(), whole);
            prop_assert!(wire.out.iter().all(|(_, message)| message == OPTIONS));
            prop_assert_eq!(wire.counted(), Vec::<String>::new());
        }

        #[test]
        fn no_chunks_surprise_it(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..30)) {
            let mut wire = Wire::default();
            for mut packet in packets {
                if let Some([kind, flags, high, low]) = packet.first_chunk_mut() {
                    (*kind, *flags, *high, *low) = (*kind & 64, *flags & 7, 0, *low % 80);
                }
                wire.send(7, &packet);
            }
            wire.counted();
        }
    }
}

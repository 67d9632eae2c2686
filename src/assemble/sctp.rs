//! Data chunks of SCTP to SIP messages, one per user message (RFC 4168 5; RFC 9260 6.9, RFC 8260), copies left out and
//! memory bounded. Messages are delivered as they become whole: the order of a stream matters to nobody here.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::split::{MAX_MESSAGE, Stamp};
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

#[derive(Debug)]
struct Direction {
    /// The highest sequence number so far, and its place in a count that does not wrap.
    highest: (u32, u64),
    /// Which of the last sequence numbers were seen, by their place.
    seen: [u64; WINDOW as usize / 64],
    parts: BTreeMap<Place, Part>,
    held: usize,
    /// Whether a message was ever found: only then are missing parts a loss.
    spoke: bool,
    last: Stamp,
}

/// Where a part belongs: the parts of a message are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

#[derive(Debug)]
struct Part {
    begins: bool,
    ends: bool,
    data: Box<[u8]>,
}

impl Associations {
    /// Takes the data chunks of a packet.
    pub(super) fn push(
        &mut self,
        path: Path,
        sctp: &Sctp<'_>,
        stamp: Stamp,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Message<'_>),
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
                emit(path, stamp, message);
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

//! IP fragments to datagrams (RFC 791 3.2, RFC 8200 4.5), within bounds. Knows nothing of what datagrams carry.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::issue::{Cause, Issues};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::ip::Fragment;

/// How long the first fragment waits for the rest, in capture time; RFC 791 proposes 15 s, Linux uses 30 s.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest payload of an IP packet.
const MAX_DATAGRAM: usize = 65_535;
/// Datagrams under way at once.
const MAX_OPEN: usize = 4096;
/// Bytes of all datagrams under way.
const MAX_BYTES: usize = 16 << 20;
/// Buffers kept for the next datagram.
const MAX_SPARE: usize = 16;
/// Second copies of fragments that are remembered per datagram.
const MAX_AGAIN: usize = 64;

/// What the fragments of one datagram share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    /// The sender.
    pub(super) src: IpAddr,
    /// The receiver.
    pub(super) dst: IpAddr,
    /// The identification.
    pub(super) id: u32,
    /// What the datagram carries, by its IANA number.
    pub(super) protocol: u8,
    /// The tunnels around it: zero outside of any.
    pub(super) tunnel: u64,
}

/// A datagram that became whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    /// As far as it was captured.
    pub(super) payload: &'a [u8],
    /// How many of its bytes the snap length cut.
    pub(super) missing: usize,
}

/// Joins fragments.
#[derive(Debug, Default)]
pub(super) struct Defrag {
    open: HashMap<Key, Partial, RandomState>,
    /// Keys in the order in which they were opened; a serial number tells a key's later use from an earlier one.
    order: VecDeque<(Key, u64)>,
    serial: u64,
    bytes: usize,
    /// The datagram last completed; lent out until the next fragment comes.
    whole: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

/// A datagram under way.
#[derive(Debug, Serialize, Deserialize)]
struct Partial {
    serial: u64,
    at: Timestamp,
    first: Place,
    data: Vec<u8>,
    have: Ranges,
    /// The payload's length, once the last fragment told it.
    end: Option<usize>,
    /// Where the first byte is that the snap length cut.
    cut: usize,
    /// Fragments that came again. A mirror port sends each one twice, and the second set is a datagram too.
    again: Vec<(usize, usize)>,
    /// This is such a second set. Where it stays incomplete nothing is lost.
    copy: bool,
}

/// The datagrams under way, those opened first in front.
impl Serialize for Defrag {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut open: Vec<(&Key, &Partial)> = self.open.iter().collect();
        open.sort_unstable_by_key(|(_, partial)| partial.serial);
        open.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Defrag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut defrag = Self::default();
        for (key, mut partial) in Vec::<(Key, Partial)>::deserialize(from)? {
            if !partial.is_sound() {
                return Err(de::Error::custom("an IP datagram that cannot be"));
            }
            defrag.serial += 1;
            partial.serial = defrag.serial;
            defrag.bytes += partial.data.len();
            defrag.order.push_back((key, partial.serial));
            if defrag.open.insert(key, partial).is_some() {
                return Err(de::Error::custom("an IP datagram twice"));
            }
        }
        if defrag.open.len() > MAX_OPEN || defrag.bytes > MAX_BYTES {
            return Err(de::Error::custom("more IP datagrams than the bound allows"));
        }
        Ok(defrag)
    }
}

impl Defrag {
    /// Takes a fragment of which `missing` bytes were cut; gives the datagram that it completes.
    pub(super) fn push(
        &mut self,
        key: Key,
        fragment: &Fragment<'_>,
        missing: usize,
        (at, place): (Timestamp, Place),
        issues: &mut Issues,
    ) -> Option<Whole<'_>> {
        let (start, len) = (fragment.offset, fragment.payload.len());
        let stop = start + len + missing;
        if stop > MAX_DATAGRAM {
            issues.add(place, Cause::Malformed("IP fragment"), len as u64);
            return None;
        }
        self.expire(at, issues);
        if let Some(stale) = self.open.get(&key)
            && at.since(stale.at) > TIMEOUT
        {
            self.give_up(key, issues);
        }
        let partial = self.open.entry(key).or_insert_with(|| {
            self.serial += 1;
            self.order.push_back((key, self.serial));
            Partial::new(self.serial, (at, place), self.spare.pop().unwrap_or_default())
        });
        let before = partial.data.len();
        partial.add(fragment, stop);
        self.bytes += partial.data.len() - before;
        if partial.is_whole() {
            return self.complete(key, at);
        }
        while self.open.len() > MAX_OPEN || self.bytes > MAX_BYTES {
            let Some(oldest) = self.oldest() else { break };
            self.give_up(oldest, issues);
        }
        // One datagram that waits for long holds up the queue behind it; those completed since leave it here.
        if self.order.len() > 2 * MAX_OPEN {
            let Self { order, open, .. } = self;
            order.retain(|(key, serial)| open.get(key).is_some_and(|partial| partial.serial == *serial));
        }
        None
    }

    /// Accounts for everything that is still incomplete.
    pub(super) fn finish(&mut self, issues: &mut Issues) {
        while let Some(oldest) = self.oldest() {
            self.give_up(oldest, issues);
        }
    }

    fn complete(&mut self, key: Key, at: Timestamp) -> Option<Whole<'_>> {
        let done = self.open.remove(&key)?;
        self.bytes -= done.data.len();
        if !done.again.is_empty() {
            let mut copy = Partial::new(done.serial, (at, done.first), self.spare.pop().unwrap_or_default());
            copy.data.extend_from_slice(&done.data);
            (copy.end, copy.cut, copy.copy) = (done.end, done.cut, true);
            for (start, stop) in done.again {
                copy.have.add(start, stop);
            }
            self.bytes += copy.data.len();
            self.open.insert(key, copy);
        }
        let spent = std::mem::replace(&mut self.whole, done.data);
        self.recycle(spent);
        let end = done.end?;
        // A last fragment may say less than an earlier one brought: its word decides.
        let payload = self.whole.get(..end.min(done.cut).min(self.whole.len()))?;
        Some(Whole { payload, missing: end - payload.len() })
    }

    fn recycle(&mut self, mut spent: Vec<u8>) {
        if self.spare.len() < MAX_SPARE {
            spent.clear();
            self.spare.push(spent);
        }
    }

    /// The key opened longest ago; entries of the queue whose datagram is gone are passed over.
    fn oldest(&mut self) -> Option<Key> {
        while let Some((key, serial)) = self.order.front() {
            if self.open.get(key).is_some_and(|partial| partial.serial == *serial) {
                return Some(*key);
            }
            self.order.pop_front();
        }
        None
    }

    fn expire(&mut self, now: Timestamp, issues: &mut Issues) {
        while let Some(key) = self.oldest()
            && self.open.get(&key).is_some_and(|partial| now.since(partial.at) > TIMEOUT)
        {
            self.give_up(key, issues);
        }
    }

    fn give_up(&mut self, key: Key, issues: &mut Issues) {
        let Some(partial) = self.open.remove(&key) else { return };
        self.bytes -= partial.data.len();
        if !partial.copy {
            issues.add(partial.first, Cause::FragmentsIncomplete, partial.have.bytes() as u64);
        }
        self.recycle(partial.data);
    }
}

impl Partial {
    fn new(serial: u64, (at, first): (Timestamp, Place), data: Vec<u8>) -> Self {
        Self {
            serial,
            at,
            first,
            data,
            have: Ranges::default(),
            end: None,
            cut: usize::MAX,
            again: Vec::new(),
            copy: false,
        }
    }

    /// Adds a fragment that reaches to `stop`, its cut bytes included. Where copies differ, the first one stays.
    fn add(&mut self, fragment: &Fragment<'_>, stop: usize) {
        let start = fragment.offset;
        if !fragment.more {
            self.end.get_or_insert(stop);
        }
        if self.have.covers(start, stop) {
            if start < stop && self.again.len() < MAX_AGAIN {
                self.again.push((start, stop));
            }
            return;
        }
        let captured = start + fragment.payload.len();
        if captured < stop {
            self.cut = self.cut.min(captured);
        }
        if self.data.len() < stop {
            self.data.resize(stop, 0);
        }
        let Self { have, data, .. } = self;
        have.for_each_gap(start, captured, |from, to| {
            if let (Some(there), Some(new)) = (data.get_mut(from..to), fragment.payload.get(from - start..to - start)) {
                there.copy_from_slice(new);
            }
        });
        self.have.add(start, stop);
    }

    /// Whether what was read from a file can be gone on with.
    fn is_sound(&self) -> bool {
        let within = |(from, to): &(usize, usize)| from <= to && *to <= MAX_DATAGRAM;
        let in_order = self.have.0.windows(2).all(|pair| matches!(pair, [(_, to), (from, _)] if to < from));
        let no_longer = self.data.len() <= MAX_DATAGRAM && self.end.is_none_or(|end| end <= MAX_DATAGRAM);
        no_longer && in_order && self.have.0.iter().chain(&self.again).all(within) && self.again.len() <= MAX_AGAIN
    }

    fn is_whole(&self) -> bool {
        self.end.is_some_and(|end| self.have.covers(0, end))
    }
}

/// Sorted ranges that neither touch nor overlap.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ranges(Vec<(usize, usize)>);

impl Ranges {
    fn covers(&self, start: usize, stop: usize) -> bool {
        start >= stop || self.0.iter().any(|(from, to)| *from <= start && stop <= *to)
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    /// Calls `gap` for each part of `start..stop` that is in no range.
    fn for_each_gap(&self, start: usize, stop: usize, mut gap: impl FnMut(usize, usize)) {
        let mut at = start;
        for (from, to) in &self.0 {
            if at < *from && at < stop {
                gap(at, stop.min(*from));
            }
            at = at.max(*to);
        }
        if at < stop {
            gap(at, stop);
        }
    }

    fn add(&mut self, start: usize, stop: usize) {
        let first = self.0.partition_point(|(_, to)| *to < start);
        let beyond = self.0.partition_point(|(from, _)| *from <= stop);
        let joined = match self.0.get(first..beyond) {
            Some([(from, to)]) => (start.min(*from), stop.max(*to)),
            Some([(from, _), .., (_, to)]) => (start.min(*from), stop.max(*to)),
            _ => (start, stop),
        };
        self.0.splice(first..beyond.max(first), [joined]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(id: u32) -> Key {
        Key { src: [10, 0, 0, 1].into(), dst: [10, 0, 0, 2].into(), id, protocol: 17, tunnel: 0 }
    }

    fn place(frame: u64) -> Place {
        Place { file: 0, frame }
    }

    fn part(payload: &[u8], offset: usize, more: bool) -> Fragment<'_> {
        Fragment { id: 1, protocol: 17, offset, more, payload }
    }

    /// Feeds (offset, length, more) of one datagram whose byte n is n; what came out, and what was counted.
    fn feed(parts: &[(usize, usize, bool)]) -> (Vec<Vec<u8>>, u64) {
        let whole: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let (mut defrag, mut issues, mut out) = (Defrag::default(), Issues::default(), Vec::new());
        for (n, (offset, len, more)) in parts.iter().enumerate() {
            let at = (Timestamp::from_millis(n as i64), place(n as u64 + 1));
            let fragment = part(&whole[*offset..offset + len], *offset, *more);
            out.extend(defrag.push(key(1), &fragment, 0, at, &mut issues).map(|whole| whole.payload.to_vec()));
        }
        defrag.finish(&mut issues);
        assert_eq!((defrag.bytes, defrag.open.len()), (0, 0));
        (out, issues.of_file(0).map(|(_, tally)| tally.count).sum())
    }

    #[test]
    fn fragments_become_datagrams_in_any_order() {
        // (name, fragments as (offset, length, more), lengths of the datagrams, issues)
        type Case<'a> = (&'a str, &'a [(usize, usize, bool)], &'a [usize], u64);
        let cases: &[Case<'_>] = &[
            ("in order", &[(0, 8, true), (8, 8, true), (16, 3, false)], &[19], 0),
            ("backwards", &[(16, 3, false), (8, 8, true), (0, 8, true)], &[19], 0),
            ("one missing", &[(0, 8, true), (16, 3, false)], &[], 1),
            ("the last missing", &[(0, 8, true), (8, 8, true)], &[], 1),
            ("overlapping", &[(0, 16, true), (8, 16, true), (16, 16, false)], &[32], 0),
            ("each sent twice", &[(0, 8, true), (0, 8, true), (8, 3, false), (8, 3, false)], &[11, 11], 0),
            ("all sent twice", &[(0, 8, true), (8, 3, false), (0, 8, true), (8, 3, false)], &[11, 11], 0),
            ("one sent twice", &[(0, 8, true), (0, 8, true), (8, 3, false)], &[11], 0),
            ("nothing in it", &[(0, 0, true), (0, 8, true), (8, 8, false)], &[16], 0),
            ("beyond the largest packet", &[(65_528, 64, false)], &[], 1),
        ];
        for (name, parts, lengths, count) in cases {
            let (out, counted) = feed(parts);
            assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), *lengths, "{name}");
            assert!(out.iter().all(|out| out.iter().enumerate().all(|(n, byte)| *byte == (n % 256) as u8)), "{name}");
            assert_eq!(counted, *count, "{name}");
        }
    }

    #[test]
    fn the_first_copy_of_a_byte_wins() {
        let (mut defrag, mut issues) = (Defrag::default(), Issues::default());
        let now = (Timestamp::default(), place(1));
        assert_eq!(defrag.push(key(1), &part(&[1; 8], 8, true), 0, now, &mut issues), None);
        assert_eq!(defrag.push(key(1), &part(&[2; 24], 0, true), 0, now, &mut issues), None);
        let whole = defrag.push(key(1), &part(&[3; 16], 16, false), 0, now, &mut issues).unwrap();
        assert_eq!(whole.payload, [[2; 8], [1; 8], [2; 8], [3; 8]].concat());
    }

    #[test]
    fn what_the_snap_length_cut_ends_the_payload() {
        let (mut defrag, mut issues) = (Defrag::default(), Issues::default());
        let now = (Timestamp::default(), place(1));
        assert_eq!(defrag.push(key(1), &part(&[1; 6], 0, true), 2, now, &mut issues), None);
        let whole = defrag.push(key(1), &part(&[2; 8], 8, false), 0, now, &mut issues).unwrap();
        assert_eq!(whole, Whole { payload: &[1; 6], missing: 10 });
    }

    #[test]
    fn after_thirty_seconds_an_identification_is_new() {
        for (millis, count) in [(30_000, 0), (30_001, 1)] {
            let (mut defrag, mut issues) = (Defrag::default(), Issues::default());
            defrag.push(key(1), &part(&[1; 8], 0, true), 0, (Timestamp::default(), place(7)), &mut issues);
            let late = (Timestamp::from_millis(millis), place(9));
            let whole = defrag.push(key(1), &part(&[1; 8], 8, false), 0, late, &mut issues);
            assert_eq!(whole.is_some(), count == 0, "{millis} ms");
            let tally = issues.of_file(0).next();
            assert_eq!(
                tally.map(|(cause, tally)| (cause, tally.first)),
                (count > 0).then_some((Cause::FragmentsIncomplete, place(7)))
            );
        }
    }

    #[test]
    fn a_flood_of_first_fragments_stays_within_its_bounds() {
        let (mut defrag, mut issues) = (Defrag::default(), Issues::default());
        for id in 0..20_000 {
            let far = part(&[1; 8], if id % 2 == 0 { 0 } else { 65_000 }, true);
            defrag.push(key(id), &far, 0, (Timestamp::default(), place(u64::from(id) + 1)), &mut issues);
            assert!(defrag.open.len() <= MAX_OPEN && defrag.bytes <= MAX_BYTES && defrag.order.len() <= MAX_OPEN);
        }
        defrag.finish(&mut issues);
        let (_, tally) = issues.of_file(0).next().unwrap();
        assert_eq!((tally.count, tally.first), (20_000, place(1)));
    }

    proptest! {
        #[test]
        fn any_order_with_any_copies_gives_the_datagram(cuts in proptest::collection::btree_set(1usize..60, 0..8),
                                                         seed in proptest::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let edges: Vec<usize> = [0].into_iter().chain(cuts).chain([64]).map(|edge| edge * 8).collect();
            let parts: Vec<(usize, usize, bool)> =
                edges.windows(2).map(|edge| (edge[0], edge[1] - edge[0], edge[1] < 512)).collect();
            let mut order = parts.clone();
            for (n, at) in seed.iter().enumerate() {
                let to = at.index(order.len());
                if n % 3 == 2 { order.insert(to, parts[at.index(parts.len())]); } else { let last = order.len() - 1; order.swap(to, last); }
            }
            let (out, _) = feed(&order);
            prop_assert!(!out.is_empty());
            for out in out {
                prop_assert_eq!(out.len(), 512);
                prop_assert!(out.iter().enumerate().all(|(n, byte)| *byte == (n % 256) as u8));
            }
        }
    }
}

//! Calls that closed lately, so that what comes late of them opens no new row. Knows digests and times.

use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasherDefault;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::table::Same;
use crate::time::Timestamp;

/// How long a closed call is remembered at least.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Those that closed within so long of each other are forgotten together.
const STEP: Duration = Duration::from_secs(400);
/// Remembered at once, at the most; where there are more, the oldest are forgotten sooner.
pub(super) const MOST: usize = 1 << 20;

/// Closed calls by digest of Call-ID and tag: together for each span of time, and not with a time for each call.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Closed {
    /// When the first of the last span closed.
    since: Timestamp,
    last: HashSet<u64, BuildHasherDefault<Same>>,
    /// The spans before it.
    before: VecDeque<Span>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Span {
    /// When the first of them closed.
    since: Timestamp,
    /// In order: no set is as small.
    keys: Box<[Short]>,
}

/// The first bytes of a key, as many as tell a million apart: of 2^28 others, one would by chance be taken for one of them.
type Short = [u8; 6];

fn short(key: u64) -> Short {
    let [short @ .., _, _] = key.to_be_bytes();
    short
}

impl Closed {
    /// A call closed `at` this time, which never steps back.
    pub(super) fn remember(&mut self, key: u64, at: Timestamp) {
        if at.since(self.since) >= STEP || self.last.len() >= MOST / 8 {
            self.begin_span(at);
        }
        self.last.insert(key);
    }

    fn begin_span(&mut self, at: Timestamp) {
        let mut keys: Box<[Short]> = self.last.drain().map(short).collect();
        if !keys.is_empty() {
            keys.sort_unstable();
            self.before.push_back(Span { since: self.since, keys });
        }
        self.since = at;
        while self.before.front().is_some_and(|first| !counts(first.since, at)) {
            self.before.pop_front();
        }
        if self.len() > MOST - MOST / 8 {
            self.before.pop_front();
        }
    }

    /// Whether a call of this digest closed lately.
    pub(super) fn holds(&self, key: u64, now: Timestamp) -> bool {
        let held = |span: &Span| span.keys.binary_search(&short(key)).is_ok();
        (self.last.contains(&key) && counts(self.since, now))
            || self.before.iter().rev().take_while(|span| counts(span.since, now)).any(held)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty() && self.before.is_empty()
    }

    fn len(&self) -> usize {
        self.last.len() + self.before.iter().map(|span| span.keys.len()).sum::<usize>()
    }
}

/// Whether those of a span that began then are still remembered.
fn counts(since: Timestamp, now: Timestamp) -> bool {
    now.since(since) <= REMEMBERED + STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As good as a digest.
    const fn key(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn who_closed_is_remembered_for_an_hour_and_not_much_longer() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut closed = Closed::default();
        assert!(closed.is_empty());
        for number in 0..2000_u64 {
            let now = at(number.cast_signed() * 10);
            closed.remember(key(number), now);
            for held in number.saturating_sub(360)..=number {
                assert!(closed.holds(key(held), now), "{held} at {number}");
            }
            assert!(!closed.holds(key(number.wrapping_sub(401)), now), "{number}");
            assert!(closed.before.len() <= 10);
        }
        assert!(!closed.holds(key(1999), at(30_000)), "long after");
    }

    #[test]
    fn a_flood_is_forgotten_sooner() {
        let mut closed = Closed::default();
        for number in 0..3 * MOST as u64 {
            closed.remember(key(number), Timestamp::default());
        }
        assert!(closed.len() <= MOST && closed.len() > MOST / 2, "{}", closed.len());
        let last = key(3 * MOST as u64 - 1);
        assert!(closed.holds(last, Timestamp::default()) && !closed.holds(key(0), Timestamp::default()));
    }
}

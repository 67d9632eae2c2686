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
    keys: Box<[u64]>,
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
        let mut keys: Box<[u64]> = self.last.drain().collect();
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
        let held = |span: &Span| span.keys.binary_search(&key).is_ok();
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

    #[test]
    fn who_closed_is_remembered_for_an_hour_and_not_much_longer() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut closed = Closed::default();
        assert!(closed.is_empty());
        for key in 0..2000 {
            closed.remember(key, at(key.cast_signed() * 10));
            for held in key.saturating_sub(360)..=key {
                assert!(closed.holds(held, at(key.cast_signed() * 10)), "{held} at {key}");
            }
            assert!(!closed.holds(key.wrapping_sub(401), at(key.cast_signed() * 10)), "{key}");
            assert!(closed.before.len() <= 10);
        }
        assert!(!closed.holds(1999, at(30_000)), "long after");
    }

    #[test]
    fn a_flood_is_forgotten_sooner() {
        let mut closed = Closed::default();
        for key in 0..3 * MOST as u64 {
            closed.remember(key, Timestamp::default());
        }
        assert!(closed.len() <= MOST && closed.len() > MOST / 2, "{}", closed.len());
        assert!(closed.holds(3 * MOST as u64 - 1, Timestamp::default()) && !closed.holds(0, Timestamp::default()));
    }
}

//! When which call is to be looked at: alarms by the second in which they go off. Knows slots, not their calls.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Seconds that have a list of their own, from the first one on: nearly all alarms are timers of RFC 3261, which run
/// for 180 s at the most.
const NEAR: i64 = 256;

/// Alarms in order of their times and slots. To set one, or to have one go off, takes the same few steps however many
/// there are: they lie in a list for each second, and a list is put in order when its second has come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Alarms {
    /// The second of the first list.
    first: i64,
    seconds: VecDeque<Vec<(Timestamp, usize)>>,
    /// The first list is in order, the next alarm last.
    in_order: bool,
    /// Those of later seconds.
    far: BinaryHeap<Reverse<(Timestamp, usize)>>,
    near: usize,
    /// Lists that were used, for seconds to come.
    #[serde(skip)]
    spare: Vec<Vec<(Timestamp, usize)>>,
}

const fn second_of(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000_000_000)
}

impl Alarms {
    pub(super) fn len(&self) -> usize {
        self.near + self.far.len()
    }

    pub(super) fn set(&mut self, at: Timestamp, slot: usize) {
        let second = second_of(at);
        if self.near == 0 {
            self.begin_at(second);
        }
        // What should have gone off before the first list goes off with it, before all others of it.
        let ahead = second.saturating_sub(self.first).max(0);
        if ahead >= NEAR {
            self.far.push(Reverse((at, slot)));
            return;
        }
        let ahead = usize::try_from(ahead).unwrap_or_default();
        while self.seconds.len() <= ahead {
            self.seconds.push_back(self.spare.pop().unwrap_or_default());
        }
        let Some(list) = self.seconds.get_mut(ahead) else { return };
        self.near += 1;
        if ahead == 0 && self.in_order {
            let behind = list.partition_point(|other| *other > (at, slot));
            list.insert(behind, (at, slot));
        } else {
            list.push((at, slot));
        }
    }

    /// With no list in use, the first one is that of this second, or an earlier one of those that are far.
    fn begin_at(&mut self, second: i64) {
        self.first = self.far.peek().map_or(second, |Reverse((at, _))| second.min(second_of(*at)));
        self.in_order = false;
        self.come_near();
    }

    /// Takes those into lists whose seconds have one by now.
    fn come_near(&mut self) {
        while let Some(Reverse((at, slot))) = self.far.peek().copied()
            && second_of(at).saturating_sub(self.first) < NEAR
        {
            self.far.pop();
            let ahead = usize::try_from(second_of(at).saturating_sub(self.first)).unwrap_or_default();
            while self.seconds.len() <= ahead {
                self.seconds.push_back(self.spare.pop().unwrap_or_default());
            }
            if let Some(list) = self.seconds.get_mut(ahead) {
                list.push((at, slot));
                self.near += 1;
                self.in_order &= ahead > 0;
            }
        }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<(Timestamp, usize)> {
        if self.near == 0 {
            let Reverse((at, _)) = *self.far.peek()?;
            self.begin_at(second_of(at));
        }
        while self.seconds.front().is_some_and(Vec::is_empty) {
            self.spare.extend(self.seconds.pop_front().filter(|_| self.spare.len() < 8));
            self.first = self.first.saturating_add(1);
            self.in_order = false;
            self.come_near();
        }
        let list = self.seconds.front_mut()?;
        if !self.in_order {
            list.sort_unstable_by(|one, other| other.cmp(one));
            self.in_order = true;
        }
        list.last().copied()
    }

    /// The slot of the one that goes off behind so many others, if that is known: none goes off before those unless it is
    /// set until then.
    pub(super) fn behind(&self, others: usize) -> Option<usize> {
        let list = self.seconds.front().filter(|_| self.in_order)?;
        list.iter().rev().nth(others).map(|(_, slot)| *slot)
    }

    /// Takes the next one out.
    pub(super) fn pop(&mut self) -> Option<(Timestamp, usize)> {
        self.next()?;
        self.near -= 1;
        self.seconds.front_mut()?.pop()
    }

    /// Keeps those of which this is so.
    pub(super) fn retain(&mut self, holds: impl Fn(Timestamp, usize) -> bool) {
        for list in &mut self.seconds {
            list.retain(|(at, slot)| holds(*at, *slot));
        }
        self.near = self.seconds.iter().map(Vec::len).sum();
        self.far.retain(|Reverse((at, slot))| holds(*at, *slot));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_go_off_in_order_whenever_they_were_set(
            steps in prop::collection::vec((0_u8..4, prop_oneof![0_i64..3000, 0_i64..700_000, any::<i64>()], 0_usize..3), 0..200),
        ) {
            let (mut alarms, mut plain) = (Alarms::default(), BinaryHeap::new());
            for (step, millis, slot) in steps {
                match step {
                    0 | 1 => {
                        let at = Timestamp::from_millis(millis);
                        alarms.set(at, slot);
                        plain.push(Reverse((at, slot)));
                    }
                    2 => prop_assert_eq!(alarms.pop(), plain.pop().map(|Reverse(next)| next)),
                    _ => {
                        let holds = |at: Timestamp, slot: usize| !(at.nanos() as usize ^ slot).is_multiple_of(3);
                        alarms.retain(holds);
                        plain.retain(|Reverse((at, slot))| holds(*at, *slot));
                    }
                }
                prop_assert_eq!(alarms.len(), plain.len());
                prop_assert_eq!(alarms.next(), plain.peek().map(|Reverse(next)| *next));
                let order: Vec<usize> = plain.clone().into_sorted_vec().iter().rev().map(|Reverse((_, slot))| *slot).collect();
                prop_assert_eq!(alarms.behind(0), order.first().copied());
                for others in 1..6 {
                    let slot = alarms.behind(others);
                    prop_assert!(slot.is_none() || slot == order.get(others).copied());
                }
            }
        }
    }
}

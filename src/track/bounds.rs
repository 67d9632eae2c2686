//! What keeps the memory of calls and registrations within bounds: who makes room for a new one, and the account of it.
//! Knows no calls; what is told of whoever goes is the tracker's to say.

use std::collections::BTreeMap;

use crate::packet::Place;

/// Closed calls that are remembered for their stragglers; where there are more, the oldest is forgotten sooner.
pub(super) const MOST_CLOSED: usize = 1 << 20;

/// Finds the one that was quiet for long: a hand goes round all slots, and passes over those that were heard since it
/// came by the last time. That is as good as a list in order of silence, and costs a message no more than a mark.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Hand(usize);

impl Hand {
    /// The slot that makes room. `heard` takes the mark off a slot and says whether there was one; `None`: it is empty.
    pub(super) fn pick(&mut self, slots: usize, mut heard: impl FnMut(usize) -> Option<bool>) -> Option<usize> {
        // Once round takes off every mark, so the second round finds one, if there is any.
        for _ in 0..slots.saturating_mul(2) {
            let slot = if self.0 < slots { self.0 } else { 0 };
            self.0 = slot + 1;
            if heard(slot) == Some(false) {
                return Some(slot);
            }
        }
        None
    }
}

/// What had to go before its time, counted for each capture.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds(BTreeMap<(u32, &'static str), (u64, Place)>);

impl Bounds {
    /// One of these went, so that this packet could be taken in.
    pub(super) fn cross(&mut self, what: &'static str, place: Place) {
        self.0.entry((place.file, what)).or_insert((0, place)).0 += 1;
    }

    /// What went, how many, and the packet that was the first too many.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (&'static str, u64, Place)> + use<> {
        std::mem::take(&mut self.0).into_iter().map(|((_, what), (count, place))| (what, count, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_heard_stays() {
        // The slots that were heard since the hand came by; `.` stands for an empty one.
        let cases = [
            ("nobody", "000", [Some(0), Some(1), Some(2)]),
            ("the first was", "100", [Some(1), Some(2), Some(0)]),
            ("all were", "111", [Some(0), Some(1), Some(2)]),
            ("one is empty", "1.0", [Some(2), Some(0), Some(2)]),
            ("all are empty", "...", [None, None, None]),
            ("none there", "", [None, None, None]),
        ];
        for (name, marks, expected) in cases {
            let mut marks: Vec<Option<bool>> = marks.chars().map(|mark| (mark != '.').then_some(mark == '1')).collect();
            let mut hand = Hand::default();
            let picked = expected.map(|_| {
                let count = marks.len();
                hand.pick(count, |slot| marks.get_mut(slot)?.as_mut().map(std::mem::take))
            });
            assert_eq!(picked, expected, "{name}");
        }
    }

    #[test]
    fn the_first_too_many_is_kept_for_each_capture() {
        let mut bounds = Bounds::default();
        let at = |file, frame| Place { file, frame };
        for place in [at(0, 7), at(0, 9), at(1, 2)] {
            bounds.cross("calls", place);
        }
        bounds.cross("registrations", at(0, 8));
        let expected = [("calls", 2, at(0, 7)), ("registrations", 1, at(0, 8)), ("calls", 1, at(1, 2))];
        assert_eq!(bounds.take().collect::<Vec<_>>(), expected);
        assert_eq!(bounds.take().count(), 0);
    }
}

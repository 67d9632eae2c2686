//! What keeps the memory of calls and registrations within bounds: who makes room for a new one.
//! Knows no calls; what is told of whoever goes is the tracker's to say.

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
}

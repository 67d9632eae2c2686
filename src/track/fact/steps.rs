//! The steps of a life: half as wide as they come, since millions of lives are held. Knows nothing of what a step says.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Step;
use crate::codes::Code;
use crate::packet::Place;
use crate::time::Timestamp;

/// Steps in order of time, each in 16 bytes where all of their files and frames can be numbered so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steps(Kept);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kept {
    /// INVITE, 100, 180, answer, BYE, and one more.
    Narrow(SmallVec<[Narrow; 6]>),
    Wide(Vec<Step>),
}

/// A step of one of 65,536 captures and four billion frames.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Narrow {
    at: Timestamp,
    frame: u32,
    file: u16,
    code: Code,
}

impl Narrow {
    fn of(step: &Step) -> Option<Self> {
        let Place { file, frame } = step.place;
        Some(Self { at: step.at, frame: frame.try_into().ok()?, file: file.try_into().ok()?, code: step.code })
    }

    fn step(self) -> Step {
        let place = Place { file: self.file.into(), frame: self.frame.into() };
        Step { at: self.at, code: self.code, place }
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self(Kept::Narrow(SmallVec::new()))
    }
}

impl FromIterator<Step> for Steps {
    fn from_iter<T: IntoIterator<Item = Step>>(steps: T) -> Self {
        let mut of = Self::default();
        steps.into_iter().for_each(|step| of.push(step));
        of
    }
}

impl Steps {
    /// Adds the next step.
    pub fn push(&mut self, step: Step) {
        match (&mut self.0, Narrow::of(&step)) {
            (Kept::Narrow(steps), Some(narrow)) => steps.push(narrow),
            (Kept::Wide(steps), _) => steps.push(step),
            (Kept::Narrow(_), None) => {
                let wide = self.iter().chain([step]).collect();
                self.0 = Kept::Wide(wide);
            }
        }
    }

    /// Takes the last one away.
    pub fn pop(&mut self) -> Option<Step> {
        match &mut self.0 {
            Kept::Narrow(steps) => steps.pop().map(Narrow::step),
            Kept::Wide(steps) => steps.pop(),
        }
    }

    /// The one with this index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Step> {
        match &self.0 {
            Kept::Narrow(steps) => steps.get(index).map(|step| step.step()),
            Kept::Wide(steps) => steps.get(index).copied(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Narrow(steps) => steps.len(),
            Kept::Wide(steps) => steps.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Step> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<Step> {
        self.get(0)
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<Step> {
        self.get(self.len().checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_usual_step_takes_sixteen_bytes() {
        assert_eq!(size_of::<Narrow>(), 16);
        let place = Place { file: 65_535, frame: 4_294_967_295 };
        let step = Step { at: Timestamp::from_millis(7), code: Code::ACTIVE, place };
        assert!(matches!(Steps::from_iter([step]).0, Kept::Narrow(_)));
        for place in [Place { file: 65_536, ..place }, Place { frame: 4_294_967_296, ..place }] {
            assert!(matches!(Steps::from_iter([step, Step { place, ..step }]).0, Kept::Wide(_)));
        }
    }

    proptest! {
        #[test]
        fn steps_come_back_as_they_went_in(steps in prop::collection::vec((any::<i64>(), 0_u16..9999, any::<u32>(), any::<u64>(), 0_u8..9), 0..9)) {
            let step = |(at, code, file, frame, few): (i64, u16, u32, u64, u8)| Step {
                at: Timestamp::from_nanos(at),
                code: Code::new(code),
                place: if few > 0 { Place { file: file % 9, frame: frame % 99 } } else { Place { file, frame } },
            };
            let mut steps: Vec<Step> = steps.into_iter().map(step).collect();
            let mut kept: Steps = steps.iter().copied().collect();
            prop_assert_eq!((kept.first(), kept.last()), (steps.first().copied(), steps.last().copied()));
            prop_assert_eq!(kept.iter().rev().collect::<Vec<_>>(), steps.iter().rev().copied().collect::<Vec<_>>());
            prop_assert_eq!((kept.pop(), kept.len()), (steps.pop(), steps.len()));
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), steps);
        }
    }
}

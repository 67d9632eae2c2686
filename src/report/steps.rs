//! The steps of a life as a row keeps them: half as wide as they come, since millions of rows wait for their place.
//! Knows nothing of what a step says.

use crate::codes::Code;
use crate::packet::Place;
use crate::time::Timestamp;
use crate::track::fact::Step;

/// Steps in order of time, each in 16 bytes where all of their files and frames can be numbered so.
#[derive(Clone, Debug)]
pub(super) enum Steps {
    Narrow(Box<[Narrow]>),
    Wide(Box<[Step]>),
}

/// A step of one of 65,536 captures and four billion frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Narrow {
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

impl Steps {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        if let Some(narrow) = steps.iter().map(Narrow::of).collect() {
            return Self::Narrow(narrow);
        }
        Self::Wide(steps.into_boxed_slice())
    }

    fn get(&self, index: usize) -> Option<Step> {
        match self {
            Self::Narrow(steps) => steps.get(index).map(|step| step.step()),
            Self::Wide(steps) => steps.get(index).copied(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Narrow(steps) => steps.len(),
            Self::Wide(steps) => steps.len(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Step> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    pub(super) fn first(&self) -> Option<Step> {
        self.get(0)
    }

    pub(super) fn last(&self) -> Option<Step> {
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
        assert!(matches!(Steps::new(vec![step]), Steps::Narrow(_)));
        for place in [Place { file: 65_536, ..place }, Place { frame: 4_294_967_296, ..place }] {
            assert!(matches!(Steps::new(vec![step, Step { place, ..step }]), Steps::Wide(_)));
        }
    }

    proptest! {
        #[test]
        fn steps_come_back_as_they_went_in(steps in prop::collection::vec((any::<i64>(), 0_u16..9999, any::<u32>(), any::<u64>(), 0_u8..3), 0..6)) {
            let step = |(at, code, file, frame, few): (i64, u16, u32, u64, u8)| Step {
                at: Timestamp::from_nanos(at),
                code: Code::new(code),
                place: if few > 0 { Place { file: file % 9, frame: frame % 99 } } else { Place { file, frame } },
            };
            let steps: Vec<Step> = steps.into_iter().map(step).collect();
            let kept = Steps::new(steps.clone());
            prop_assert_eq!((kept.first(), kept.last()), (steps.first().copied(), steps.last().copied()));
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), steps);
        }
    }
}

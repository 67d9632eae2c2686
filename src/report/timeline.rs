//! The life of a call or registration, step by step, as a cell. Knows nothing of how it is drawn.

use crate::codes::Code;
use crate::report::packed::Unpacking;
use crate::report::row::{Sources, digits_of, source_of};
use crate::time::Rfc3339;
use crate::track::fact::{Step, Steps};

/// One step of a timeline, ready to print.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// When, with the precision of the capture that shows it.
    pub time: Rfc3339,
    /// The code from here on.
    pub code: Code,
    /// The capture that shows it.
    pub file: &'a str,
    /// Which one that is, for those who ask again.
    pub file_number: u32,
    /// The frame in that capture, counted from 1 as Wireshark does.
    pub frame: u64,
}

/// Where the steps are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Life<'a> {
    /// As they were told.
    Told(&'a Steps),
    /// In a row that waits.
    Packed(Unpacking<'a>),
}

/// The life of a call or registration, step by step.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    pub(super) sources: &'a Sources,
    pub(super) steps: Life<'a>,
}

impl<'a> Timeline<'a> {
    pub(super) fn steps(self) -> impl Iterator<Item = Step> + 'a {
        let (mut told, mut packed) = match self.steps {
            Life::Told(steps) => (Some(steps.iter()), Unpacking::default()),
            Life::Packed(packed) => (None, packed),
        };
        std::iter::from_fn(move || match &mut told {
            Some(steps) => steps.next(),
            None => packed.step(),
        })
    }

    /// The steps in order of time.
    pub fn moments(self) -> impl Iterator<Item = Moment<'a>> {
        self.steps().map(move |step| Moment::of(step, self.sources))
    }

    /// Tells each of them, for those who print millions.
    #[inline]
    pub fn tell(self, mut hear: impl FnMut(Moment<'a>)) {
        match self.steps {
            Life::Told(steps) => steps.iter().for_each(|step| hear(Moment::of(step, self.sources))),
            Life::Packed(_) => self.moments().for_each(hear),
        }
    }
}

impl<'a> Moment<'a> {
    fn of(Step { at, code, place }: Step, sources: &'a Sources) -> Self {
        let source = source_of(sources, place);
        Self {
            time: at.rfc3339(digits_of(source)),
            code,
            file: source.map_or("", |source| &source.name),
            file_number: place.file,
            frame: place.frame,
        }
    }
}

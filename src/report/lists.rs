//! Lists of few words as cells: values of Reason headers, other legs. Knows nothing of how they are drawn.

use crate::report::packed::Unpacking;
use crate::track::fact::{Link, Reason};

/// Where the members of a list are.
#[derive(Debug)]
pub(super) enum List<'a, T> {
    /// As they were told.
    Told(&'a [T]),
    /// In a row that waits.
    Packed(Unpacking<'a>),
}

// Not derived: it is small, whatever its members are.
impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<'a, T> List<'a, T> {
    const fn is_empty(&self) -> bool {
        match self {
            Self::Told(members) => members.is_empty(),
            Self::Packed(packed) => packed.is_empty(),
        }
    }

    pub(super) fn iter<V>(
        self,
        told: impl Fn(&'a T) -> V,
        unpack: impl Fn(&mut Unpacking<'a>) -> Option<V>,
    ) -> impl Iterator<Item = V> {
        let (mut members, mut packed) = match self {
            Self::Told(members) => (members.iter(), Unpacking::default()),
            Self::Packed(packed) => ([].iter(), packed),
        };
        let is_told = packed.is_empty();
        std::iter::from_fn(move || if is_told { members.next().map(&told) } else { unpack(&mut packed) })
    }
}

/// Values of Reason headers (RFC 3326).
#[derive(Clone, Copy, Debug)]
pub struct Reasons<'a>(pub(super) List<'a, Reason>);

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonValue<'a> {
    /// `SIP`, `Q.850`, …
    pub protocol: &'a str,
    /// The protocol's own cause number.
    pub cause: Option<u32>,
    /// Its text, unquoted.
    pub text: Option<&'a str>,
}

impl<'a> Reasons<'a> {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order in which they came.
    pub fn iter(self) -> impl Iterator<Item = ReasonValue<'a>> {
        let told = |reason: &'a Reason| ReasonValue {
            protocol: &reason.protocol,
            cause: reason.cause,
            text: reason.text.as_deref(),
        };
        self.0.iter(told, Unpacking::reason)
    }
}

/// Other legs of a call.
#[derive(Clone, Copy, Debug)]
pub struct Links<'a>(pub(super) List<'a, Link>);

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherLeg<'a> {
    /// Its Call-ID, as sent.
    pub call_id: &'a str,
    /// What shows it.
    pub evidence: &'a str,
}

impl<'a> Links<'a> {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order in which they were found.
    pub fn iter(self) -> impl Iterator<Item = OtherLeg<'a>> {
        let told = |link: &'a Link| OtherLeg { call_id: &link.call_id, evidence: link.evidence.name() };
        self.0.iter(told, Unpacking::link)
    }
}

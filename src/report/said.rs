//! Words that are put together only where they are written, so that a cell that says them needs no room of its own. Knows
//! nothing of where that is.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::report::legs::Leg;
use crate::report::media::HeardRow;
use crate::report::reason;
use crate::time::Spoken;
use crate::track::fact::{CallFact, RegistrationFact};

/// What is to be said.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// How a call went.
    Call(&'a CallFact),
    /// How a registration went.
    Registration(&'a RegistrationFact),
    /// A span as people say it: `2:14`.
    Span(Duration),
    /// A lifetime: `3600 s`.
    Lifetime(u32),
    /// A synchronization source: `0xdeadbeef`.
    Source(u32),
    /// A codec that has no name: `type 98`.
    PayloadType(u8),
    /// What was lost: `2 (0.13 %)`.
    Lost(&'a HeardRow),
    /// A jitter: `0.4 ms`.
    Jitter(Duration),
    /// Where a row stands among the legs of its call: `├ 2`.
    Leg(Leg),
}

impl Said<'_> {
    /// Appends it: what [`Display`](fmt::Display) writes, for those who print millions.
    pub fn push_to(self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Call(fact) => {
                reason::of_call(fact, text);
                Ok(())
            }
            Self::Registration(fact) => {
                reason::of_registration(fact, text);
                Ok(())
            }
            Self::Span(span) => {
                Spoken(span).push_to(text);
                Ok(())
            }
            Self::Lifetime(seconds) => write!(text, "{seconds} s"),
            Self::Source(ssrc) => write!(text, "{ssrc:#010x}"),
            Self::PayloadType(number) => write!(text, "type {number}"),
            Self::Lost(heard) => heard.write_loss(text),
            Self::Jitter(jitter) => write!(text, "{:.1} ms", jitter.as_secs_f64() * 1e3),
            Self::Leg(leg) => leg.write_to(text),
        };
    }
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

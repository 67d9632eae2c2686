//! What of the assembling goes on in another run. Knows no file; what is in progress in a stream, a datagram of
//! fragments or a TLS connection is not kept: a message that the end of a run cuts in two is lost.

use serde::{Deserialize, Serialize};

use super::Assembler;
use super::duplicate::Recent;

/// What an [`Assembler`] leaves to its successor.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Unfinished {
    duplicates: Recent,
}

impl Assembler {
    /// What a successor needs to go on.
    #[must_use]
    pub fn unfinished(&self) -> Unfinished {
        Unfinished { duplicates: self.duplicates().recent() }
    }

    /// Goes on with what another one left.
    #[must_use]
    pub fn resume(mut self, unfinished: &Unfinished) -> Self {
        self.duplicates_mut().resume(&unfinished.duplicates);
        self
    }
}

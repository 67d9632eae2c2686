//! Remembers: what messages mean together, for calls, registrations and what is neither (RFC 3261 10, 12, 13, 15, 17).
//! Knows no packets' bytes, no files, no wall clock, and nothing of how a fact is printed.

mod ahead;
mod alarms;
mod asleep;
mod bounds;
mod call;
mod cells;
mod closed;
mod described;
mod dialog;
mod exchange;
pub mod explain;
pub mod fact;
#[cfg(test)]
mod floods;
mod hold;
mod hop;
mod index;
mod lately;
mod legs;
#[cfg(test)]
mod lives;
mod marks;
mod media;
mod outcome;
mod quality;
mod registrar;
mod registration;
mod resume;
mod shelf;
mod slots;
mod state;
mod stream;
mod table;
mod texts;
mod tracker;
mod traffic;
mod transaction;

pub use marks::{Mark, Marking, Settings};
pub use media::{FileMedia, LeftOut};
pub use tracker::Tracker;
pub use traffic::{FileTraffic, Traffic};

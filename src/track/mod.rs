//! Remembers: what messages mean together, for calls and registrations (RFC 3261 10, 12, 13, 15, 17). Knows no
//! packets' bytes, no files, no wall clock, and nothing of how a fact is printed.

mod call;
mod dialog;
pub mod fact;
mod hold;
#[cfg(test)]
mod lives;
mod outcome;
mod registration;
mod state;
mod tracker;
mod transaction;

pub use tracker::{FileTraffic, Tracker, Traffic};

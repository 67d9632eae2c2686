//! From packets to whole messages: peel, join fragments, order segments, cut messages out, mark duplicates.
//! Knows no calls and no ports announced by SDP: it says what was on the wire, never what it means.
//!
//! Everything kept here is bounded, by number, by bytes and by capture time; what has to be given up is accounted
//! for in [`Issues`](crate::issue::Issues).

mod assembler;
mod cipher;
mod copies;
mod decrypt;
mod defrag;
mod deliver;
mod duplicate;
mod inflate;
mod relay;
mod sctp;
mod sealed;
mod split;
mod tcp;
mod unfinished;
mod websocket;
mod within;

pub use assembler::Assembler;
pub use unfinished::Unfinished;

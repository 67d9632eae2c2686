//! What bytes say: views that borrow, without state. Knows no files, no order of packets, no calls.
//!
//! The contract of every file here: parsing may refuse, it never panics; once a view exists, its accessors
//! cannot fail; no slice handed out leaves the bytes that were handed in.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod codec;
pub mod dtmf;
pub mod hep;
pub mod icmp;
pub mod ip;
pub mod keylog;
pub mod link;
mod marks;
pub mod media;
mod mpls;
mod ppp;
pub mod rtcp;
pub mod rtp;
pub mod sctp;
pub mod sdp;
pub mod segment;
pub mod sip;
pub mod tls;
pub mod tunnel;
pub mod wifi;
pub mod ws;

//! What bytes say: views that borrow, without state. Knows no files, no order of packets, no calls.
//!
//! The contract of every file here: parsing may refuse, it never panics; once a view exists, its accessors
//! cannot fail; no slice handed out leaves the bytes that were handed in.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod ip;
pub mod keylog;
pub mod link;
pub mod sip;
pub mod tls;

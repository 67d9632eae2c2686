//! From files to packets: pcap, pcapng and Network Monitor's, compressed or not, files, folders and standard input, several captures as one
//! timeline.
//! Knows no protocol above the number of the link type.

mod buffer;
#[cfg(test)]
mod build;
mod folder;
mod framing;
mod merge;
mod netmon;
mod pcap;
mod pcapng;
mod reader;
mod recognise;
mod secrets;
mod skim;
mod trouble;
mod unpack;

use std::path::PathBuf;

pub use folder::{Barren, captures_in};
pub use merge::Captures;
pub use secrets::KeyLogs;
pub use skim::{Skimmed, Taker};
pub use trouble::{Trouble, TroubleKind};

use crate::packet::LinkType;
use crate::time::Timestamp;

/// Where a capture comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Standard input, named `-`.
    Stdin,
    /// A file, or anything that can be opened as one (a FIFO, `/dev/fd/63`).
    File(PathBuf),
    /// A folder that has nothing to read, only something to say.
    Barren(Barren),
}

/// What is known of one capture while and after reading it; complete once [`Captures::next`] has returned `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureInfo {
    /// Its name as given; `-` is standard input.
    pub name: String,
    /// `pcap`, `pcapng` or `netmon`; empty until the file was recognised.
    pub format: &'static str,
    /// Decimal digits of a second that its finest time stamps have (0 to 9); 0 before the first packet.
    pub digits: u8,
    /// Link types of its packets, in order of first use; at most 64 are listed.
    pub link_types: Vec<LinkType>,
    /// Packets delivered so far.
    pub packets: u64,
    /// Captured bytes of these packets, without the file's own headers.
    pub bytes: u64,
    /// The earliest time stamp.
    pub first: Option<Timestamp>,
    /// The latest time stamp.
    pub last: Option<Timestamp>,
    /// Packets that the snap length cut.
    pub cut_short: u64,
    /// Bytes of the file that belong to no readable record and were passed over.
    pub skipped: u64,
    /// The sections that hold packets, in the order of the file: one for pcap, one for each section header of pcapng.
    /// At most 65536 are told apart; further ones count to the last.
    pub sections: Vec<Section>,
}

/// One run of the capturing program inside a file. A gap between two of them is time when nobody listened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Frame number of its first packet.
    pub frame: u64,
    /// Its earliest time stamp.
    pub first: Timestamp,
    /// Its latest time stamp.
    pub last: Timestamp,
}

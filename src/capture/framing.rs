//! What a file format must be able to say of the bytes at hand: a packet, too few, or nonsense.
//! Knows neither where bytes come from nor what is done about damage.

use crate::packet::LinkType;
use crate::time::Timestamp;

/// No record of a sane capture is larger, in bytes; the same bound as libpcap's for blocks.
pub(super) const RECORD_LIMIT: usize = 16 * 1024 * 1024;

/// No record larger than this is believed while looking for the next good one, in bytes: bounds the look ahead.
pub(super) const SEARCH_LIMIT: usize = 512 * 1024;

/// What the bytes at the current position turned out to be.
pub(super) enum Found {
    /// A packet; the frame handed in tells of it.
    Packet,
    /// A record without a packet; Wireshark numbers some of these.
    Other { used: usize, numbered: bool },
    /// A packet record that cannot be used, and why.
    Unusable { used: usize, flaw: &'static str },
    /// The record needs so many bytes.
    Short { need: usize },
    /// No record can begin here, and why.
    Damaged(&'static str),
}

/// A packet, by its place in the bytes it was found in.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) at: Timestamp,
    /// Where its data begins and how many bytes there are.
    pub(super) from: u32,
    pub(super) len: u32,
    /// Length of the whole record in the file.
    pub(super) used: u32,
    pub(super) original_len: u32,
    pub(super) link: LinkType,
    /// The first packet of its section or interface: `Framing::origin` says more.
    pub(super) news: bool,
    /// The packet claims more bytes than its record has.
    pub(super) overrun: bool,
}

impl Frame {
    /// No packet yet.
    pub(super) const NONE: Self = Self {
        at: Timestamp::from_nanos(0),
        from: 0,
        len: 0,
        used: 0,
        original_len: 0,
        link: LinkType::NULL,
        news: false,
        overrun: false,
    };
}

/// What the first packet of a section or interface brings along.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// Sections with packets before this one.
    pub(super) section: u32,
    /// Decimal digits of its time stamps.
    pub(super) digits: u8,
}

/// Whether a record may begin at the first byte of a window.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plausible {
    Yes,
    No,
    /// Cannot be told from fewer bytes than these.
    Unsure(usize),
}

/// How far a search came.
pub(super) enum Scan {
    /// A record begins here.
    Found(usize),
    /// None begins before here; `need` bytes from here are wanted to go on.
    Passed { passed: usize, need: usize },
}

/// A capture format, as a reading of bytes at hand.
pub(super) trait Framing {
    /// Reads one record, a packet into `frame`: returned by value, it would cost more than all the rest.
    fn decode(&mut self, bytes: &[u8], frame: &mut Frame) -> Found;

    /// Where the packet decoded last, being news, comes from.
    fn origin(&self) -> Origin;

    /// Whether a record begins at the first byte; never `Unsure` when the stream has `ended`.
    fn plausible(&self, bytes: &[u8], ended: bool) -> Plausible;

    /// Whether the record here, whose end the file does not hold, is likelier damaged than merely cut.
    fn suspicious(&self, bytes: &[u8]) -> bool;

    /// Whether the file announced more records than were read.
    fn owes(&self) -> bool {
        false
    }

    /// Looks for the first plausible record.
    fn scan(&self, bytes: &[u8], ended: bool) -> Scan {
        let mut passed = 0;
        while let Some(window) = bytes.get(passed..).filter(|window| !window.is_empty()) {
            // Holes of lost disk blocks may be gigabytes of zeros. A record may begin with up to three.
            if window.starts_with(&[0; 16]) {
                let zeros = window.iter().position(|byte| *byte != 0).unwrap_or(window.len());
                passed += zeros - 4;
                if zeros == window.len() && !ended {
                    return Scan::Passed { passed, need: 5 };
                }
            }
            match self.plausible(bytes.get(passed..).unwrap_or_default(), ended) {
                Plausible::Yes => return Scan::Found(passed),
                Plausible::No => passed += 1,
                Plausible::Unsure(need) => return Scan::Passed { passed, need },
            }
        }
        Scan::Passed { passed, need: 1 }
    }
}

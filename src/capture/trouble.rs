//! What was wrong with a capture as a file, and the one line that says so. Knows no format: others find the trouble.

use std::fmt;

/// Something wrong with a file as a file: nothing, or not all of it, could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Index of the capture, as in [`Place::file`](crate::packet::Place::file).
    pub file: u32,
    /// Its name as given.
    pub name: String,
    /// Frame number that the damaged packet would have had: the last one read, plus 1.
    pub packet: Option<u64>,
    /// Byte offset in the file, where it is compressed in what it unpacks to, where the trouble begins.
    pub offset: u64,
    /// Bytes that were passed over because of it.
    pub skipped: u64,
    /// How grave it is.
    pub kind: TroubleKind,
    /// What is wrong.
    pub problem: String,
    /// What the user can do.
    pub remedy: String,
}

/// How grave a [`Trouble`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// Nothing could be read: missing, empty, not a capture.
    Unreadable,
    /// Bytes in the middle were passed over, or the rest was given up.
    Damaged,
    /// The file ends inside its last record, or in zeros: a warning only.
    CutShort,
}

impl fmt::Display for Trouble {
    /// `NAME: packet 1205, byte 250123: PROBLEM; REMEDY`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file's name may hold anything, and this line goes to a terminal.
        let name: String = self.name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        write!(f, "{name}: ")?;
        if let Some(packet) = self.packet {
            write!(f, "packet {packet}, byte {}: ", self.offset)?;
        }
        write!(f, "{}", self.problem)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_name_place_problem_and_remedy_in_one_line() {
        let trouble = |name: &str, packet| Trouble {
            file: 0,
            name: name.to_owned(),
            packet,
            offset: 4711,
            skipped: 12,
            kind: TroubleKind::Damaged,
            problem: "12 bytes make no sense".to_owned(),
            remedy: "copy the file again".to_owned(),
        };
        let cases = [
            (trouble("a.pcap", Some(7)), "a.pcap: packet 7, byte 4711: 12 bytes make no sense; copy the file again"),
            (trouble("a.pcap", None), "a.pcap: 12 bytes make no sense; copy the file again"),
            (trouble("\x1b[2J\n", None), "\u{fffd}[2J\u{fffd}: 12 bytes make no sense; copy the file again"),
        ];
        for (trouble, expected) in cases {
            assert_eq!(trouble.to_string(), expected);
        }
    }
}

//! What was wrong, on standard error: with captures as files, a line each, and with what is in them, a line for each cause.
//! Knows no packet.

use std::collections::BTreeMap;

use super::run::{Messages, Outcome};
use crate::capture::{CaptureInfo, Captures, TroubleKind};
use crate::issue::{Cause, Issues, Tally};
use crate::render::shown;
use crate::report::Source;

/// What was wrong with the captures as files.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Indices of captures of which nothing could be read.
    unread: Vec<u32>,
    damaged: bool,
}

impl Troubles {
    /// Says what came up since the last time, a line each.
    pub(super) fn tell(&mut self, captures: &mut Captures, messages: &Messages) {
        for trouble in captures.take_troubles() {
            match trouble.kind {
                TroubleKind::Unreadable => self.unread.push(trouble.file),
                TroubleKind::Damaged => self.damaged = true,
                TroubleKind::CutShort => {
                    messages.warning(&trouble);
                    continue;
                }
            }
            messages.error(&trouble);
        }
    }

    /// Says what in the packets was not read, and how all of it ends; `None` where nothing was read.
    pub(super) fn outcome(
        mut self,
        earlier: &[Source],
        infos: &[CaptureInfo],
        issues: &Issues,
        messages: &Messages,
    ) -> Option<Outcome> {
        let names: Vec<&str> =
            earlier.iter().map(|source| &*source.name).chain(infos.iter().map(|info| &*info.name)).collect();
        let mut causes: BTreeMap<Cause, Vec<Tally>> = BTreeMap::new();
        let count = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
        // What an earlier run left, and what never came.
        for (cause, tally) in (0..count).flat_map(|file| issues.of_file(file)) {
            causes.entry(cause).or_default().push(tally);
        }
        for (info, file) in infos.iter().zip(count..) {
            let undecoded = |(cause, tally): (Cause, Tally)| matches!(cause, Cause::LinkType(_)).then_some(tally.count);
            let nothing_decoded =
                info.packets > 0 && issues.of_file(file).filter_map(undecoded).sum::<u64>() == info.packets;
            if nothing_decoded {
                self.unread.push(file);
            }
            for (cause, tally) in issues.of_file(file) {
                self.damaged |= matches!(cause, Cause::Record(_));
                match cause {
                    Cause::LinkType(_) if nothing_decoded => messages.error(line(&names, cause, &[tally])),
                    _ => causes.entry(cause).or_default().push(tally),
                }
            }
        }
        for (cause, tallies) in causes {
            messages.warning(line(&names, cause, &tallies));
        }
        self.unread.sort_unstable();
        self.unread.dedup();
        match self.unread.len() {
            unread if unread >= infos.len() => None,
            0 if !self.damaged => Some(Outcome::Whole),
            _ => Some(Outcome::Partly),
        }
    }
}

/// One line on a cause: where it was first, what it is, how often it was, what to do.
fn line(names: &[&str], cause: Cause, tallies: &[Tally]) -> String {
    let first = tallies.iter().map(|tally| tally.first).min().unwrap_or_default();
    let name = names.get(first.file as usize).copied().unwrap_or_default();
    let count: u64 = tallies.iter().map(|tally| tally.count).sum();
    let often = match (count, tallies.len()) {
        (..=1, _) => String::new(),
        (_, 1) => format!(" ({count} times, here first)"),
        (_, files) => format!(" ({count} times in {files} captures, here first)"),
    };
    format!("{}: packet {}: {}{often}; {}", shown(name), first.frame, cause.text(), cause.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Place;

    fn capture(name: &str, packets: u64) -> CaptureInfo {
        CaptureInfo { name: name.to_owned(), packets, ..CaptureInfo::default() }
    }

    fn ends(infos: &[CaptureInfo], troubles: Troubles, found: &[(u32, Cause)]) -> Option<Outcome> {
        let mut issues = Issues::default();
        for (file, cause) in found {
            issues.add(Place { file: *file, frame: 1 }, *cause, 1);
        }
        troubles.outcome(&[], infos, &issues, &Messages::plain())
    }

    #[test]
    fn the_end_says_how_much_was_read() {
        use Outcome::{Partly, Whole};
        let two = [capture("a", 2), capture("b", 1)];
        let unread = |files: &[u32]| Troubles { unread: files.to_vec(), damaged: false };
        let damaged = || Troubles { unread: Vec::new(), damaged: true };
        let usb = Cause::LinkType(220);
        let cases: &[(&str, Option<Outcome>, Option<Outcome>)] = &[
            ("nothing wrong", ends(&two, unread(&[]), &[]), Some(Whole)),
            ("damage", ends(&two, damaged(), &[]), Some(Partly)),
            ("a record passed over", ends(&two, unread(&[]), &[(0, Cause::Record("block"))]), Some(Partly)),
            ("one unread", ends(&two, unread(&[1]), &[]), Some(Partly)),
            ("all unread", ends(&two, unread(&[0, 1]), &[]), None),
            ("one told twice", ends(&two, unread(&[1, 1]), &[]), Some(Partly)),
            ("an interface not decoded", ends(&two, unread(&[]), &[(0, usb)]), Some(Whole)),
            ("a capture not decoded", ends(&two, unread(&[]), &[(1, usb)]), Some(Partly)),
            ("one unread, one not decoded", ends(&two, unread(&[0]), &[(1, usb)]), None),
            ("a tunnel not decoded", ends(&two, unread(&[]), &[(1, Cause::NotDecoded("GRE"))]), Some(Whole)),
            ("a capture without packets", ends(&[capture("a", 0)], unread(&[]), &[]), Some(Whole)),
        ];
        for (name, got, expected) in cases {
            assert_eq!(got, expected, "{name}");
        }
    }

    #[test]
    fn a_cause_is_one_line_with_place_count_and_remedy() {
        let names = ["a\x1b.pcap", "b.pcap"];
        let tally = |file, frame, count| Tally { count, bytes: 0, first: Place { file, frame } };
        let cause = Cause::NotDecoded("GRE");
        let end = "; capture inside the tunnel, or strip the encapsulation first";
        let cases: &[(&[Tally], &str)] = &[
            (&[tally(1, 7, 1)], "b.pcap: packet 7: GRE is not decoded"),
            (&[tally(0, 7, 3)], "a\\x1b.pcap: packet 7: GRE is not decoded (3 times, here first)"),
            (
                &[tally(0, 7, 3), tally(1, 2, 2)],
                "a\\x1b.pcap: packet 7: GRE is not decoded (5 times in 2 captures, here first)",
            ),
        ];
        for (tallies, expected) in cases {
            assert_eq!(line(&names, cause, tallies), format!("{expected}{end}"));
        }
    }
}

//! What was wrong in the input, where, and what to do about it. Knows nothing of calls or files' contents.

use std::collections::BTreeMap;

use crate::packet::Place;

/// Why something in a capture was not read, or not read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A link type that is not decoded; its LINKTYPE number.
    LinkType(u16),
    /// A protocol or encapsulation that is not decoded, by its field name (`SCTP`, `ESP`, `PPP multilink`, …).
    NotDecoded(&'static str),
    /// SIP over TLS, by the server's port, for which no keys are known.
    TlsWithoutKeys(u16),
    /// A header that breaks its own format, by its name (`IPv4 header`, `TCP header`, …).
    Malformed(&'static str),
    /// Only part of the frame was captured and what was needed lay behind the cut.
    CutShort,
    /// IP fragments whose datagram never became whole.
    FragmentsIncomplete,
    /// Bytes of a TCP stream that were never captured.
    TcpGap,
    /// Parts of SCTP messages whose other parts were never captured.
    SctpGap,
    /// A bound on memory was reached, and some of this kind were given up: which ones, its text says.
    Bound(&'static str),
    /// A bound on memory was reached, and what came beyond it was counted, but not kept one by one.
    Counted(&'static str),
    /// A message that looks like SIP but lacks what SIP needs (`Call-ID`, `CSeq`, …).
    SipIncomplete(&'static str),
    /// A record of the capture file that could not be decoded.
    Record(&'static str),
}

/// How often something happened, on how many bytes, and where first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Packets (or streams, datagrams, messages: what the cause speaks of).
    pub count: u64,
    /// Bytes that were not read because of it.
    pub bytes: u64,
    /// The first place where it happened.
    pub first: Place,
}

/// The account of everything that was not read: equal causes of one file are counted, the first is kept.
#[derive(Clone, Debug, Default)]
pub struct Issues {
    tallies: BTreeMap<(u32, Cause), Tally>,
}

impl Tally {
    /// Joins two tallies of one cause.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.first = self.first.min(other.first);
    }
}

impl Issues {
    /// Counts one more occurrence.
    pub fn add(&mut self, place: Place, cause: Cause, bytes: u64) {
        self.add_tally(cause, Tally { count: 1, bytes, first: place });
    }

    /// Adds another account to this one.
    pub fn absorb(&mut self, other: Self) {
        for ((_, cause), tally) in other.tallies {
            self.add_tally(cause, tally);
        }
    }

    /// Counts what was counted elsewhere, if it is anything.
    pub fn add_tally(&mut self, cause: Cause, tally: Tally) {
        if tally.count > 0 {
            self.tallies.entry((tally.first.file, cause)).and_modify(|known| known.add(tally)).or_insert(tally);
        }
    }

    /// All causes of one file with their tallies, in the order of [`Cause`].
    pub fn of_file(&self, file: u32) -> impl Iterator<Item = (Cause, Tally)> + '_ {
        self.tallies
            .range((file, Cause::LinkType(0))..)
            .take_while(move |((of, _), _)| *of == file)
            .map(|((_, cause), tally)| (*cause, *tally))
    }
}

impl Cause {
    /// A stable name for machines, as in `captures[].skipped`.
    #[must_use]
    pub fn key(self) -> String {
        let words = |head: &str, what: &str| format!("{head}_{what}").to_lowercase().replace([' ', '-'], "_");
        match self {
            Self::LinkType(number) => format!("link_type_{number}"),
            Self::NotDecoded(what) => words("not_decoded", what),
            Self::TlsWithoutKeys(port) => format!("tls_without_keys_{port}"),
            Self::Malformed(what) => words("malformed", what),
            Self::CutShort => "cut_short".to_owned(),
            Self::FragmentsIncomplete => "fragments_incomplete".to_owned(),
            Self::TcpGap => "tcp_gap".to_owned(),
            Self::SctpGap => "sctp_gap".to_owned(),
            Self::Bound(what) => words("bound", what),
            Self::Counted(what) => words("counted", what),
            Self::SipIncomplete(what) => words("sip_without", what),
            Self::Record(what) => words("record", what),
        }
    }

    /// What happened, in words.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::LinkType(number) => format!("link type {number} is not decoded"),
            Self::NotDecoded(what) => format!("{what} is not decoded"),
            Self::TlsWithoutKeys(port) => format!("TLS on port {port} without its keys"),
            Self::Malformed(what) => format!("malformed {what}"),
            Self::CutShort => "cut by the snap length before the part that was needed".to_owned(),
            Self::FragmentsIncomplete => "IP fragments without the rest of their datagram".to_owned(),
            Self::TcpGap => "TCP segments missing from the capture".to_owned(),
            Self::SctpGap => "SCTP chunks missing from the capture".to_owned(),
            Self::Bound(what) => format!("more {what} at once than the bound allows, {}", given_up(what)),
            Self::Counted(what) => format!("more {what} than the bound allows, the others were only counted"),
            Self::SipIncomplete(what) => format!("SIP message without a usable {what}"),
            Self::Record(what) => format!("damaged record in the file: {what}"),
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::LinkType(_) => "capture on an interface with Ethernet, Linux cooked, PPP, 802.11 or raw IP framing",
            Self::NotDecoded("TLS record") => "what was lost before it is too much; capture again with a larger buffer",
            Self::NotDecoded("TLS cipher suite" | "TLS compression") => {
                "let the server choose AES-GCM, ChaCha20-Poly1305 or AES-CBC"
            }
            Self::NotDecoded("HEP RTCP report") => {
                "let the agent relay RTCP as it was sent, or capture the media themselves"
            }
            Self::NotDecoded("HEP payload") => "nothing, where the agent also relays what is no SIP (log lines, DNS)",
            Self::NotDecoded("media in HEP over TCP") => {
                "let the agent relay over UDP, or capture the media themselves"
            }
            Self::NotDecoded(_) => "capture inside the tunnel, or strip the encapsulation first",
            Self::TlsWithoutKeys(_) => "give them with --keylog FILE (SSLKEYLOGFILE of either end), or --tls-key FILE",
            Self::Malformed(_) => "look at the frame named; the sender or the capture damaged it",
            Self::CutShort => "capture again with a larger snap length (tcpdump -s 0)",
            Self::FragmentsIncomplete => "capture without a port filter: later fragments carry no ports",
            Self::TcpGap | Self::SctpGap => "the capture dropped packets; use a larger capture buffer (tcpdump -B)",
            Self::Bound("calls") => "raise --max-calls, split the capture, or look for a flood at the frame named",
            Self::Bound("registrations") => {
                "raise --max-registrations, split the capture, or look for a flood at the frame named"
            }
            Self::Bound("TLS secrets") => "give a key log with no more than the connections of this capture",
            Self::Bound("bytes of TCP connections" | "parts of SCTP messages") => {
                "look at the frame named for a flood, or for packets that the capture dropped"
            }
            Self::Bound(_) | Self::Counted(_) => "split the capture, or look for a flood at the frame named",
            Self::SipIncomplete(_) => "look at the frame named; the sender broke RFC 3261 section 8.1.1",
            Self::Record(_) => "the file is damaged there; copy it again from its source",
        }
    }
}

/// What is given up of a kind whose bound was reached.
fn given_up(what: &str) -> &'static str {
    match what {
        // Those that are known are heard to their end.
        "RTP streams" => "the newest were left out",
        "TLS secrets" => "the later ones were not kept",
        "bytes of TCP connections" => "the connection that passed it was read with gaps",
        "parts of SCTP messages" => "those of the association that passed it were given up",
        "calls" | "registrations" => "those silent for long were told as they stood",
        "transactions outside calls" => "the oldest were told as they stood",
        "TCP connections" | "SCTP associations" => "those silent for longest were given up",
        _ => "the oldest were given up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_causes_of_a_file_are_counted_and_the_first_place_is_kept() {
        let mut issues = Issues::default();
        let at = |file, frame| Place { file, frame };
        issues.add(at(0, 4), Cause::NotDecoded("GRE"), 100);
        issues.add(at(0, 9), Cause::NotDecoded("GRE"), 50);
        issues.add(at(1, 2), Cause::NotDecoded("GRE"), 1);
        let mut more = Issues::default();
        more.add(at(0, 1), Cause::NotDecoded("GRE"), 1);
        more.add(at(0, 2), Cause::TcpGap, 5);
        more.absorb(issues.clone());
        let all: Vec<_> = more.of_file(0).collect();
        assert_eq!(all[0], (Cause::NotDecoded("GRE"), Tally { count: 3, bytes: 151, first: at(0, 1) }));
        assert_eq!(all[1], (Cause::TcpGap, Tally { count: 1, bytes: 5, first: at(0, 2) }));
        let of = |file| issues.of_file(file).collect::<Vec<_>>();
        assert_eq!(of(0), [(Cause::NotDecoded("GRE"), Tally { count: 2, bytes: 150, first: at(0, 4) })]);
        assert_eq!(of(1), [(Cause::NotDecoded("GRE"), Tally { count: 1, bytes: 1, first: at(1, 2) })]);
        assert_eq!(of(2), []);
    }

    #[test]
    fn a_bound_says_what_was_given_up() {
        let cases = [
            ("RTP streams", "more RTP streams at once than the bound allows, the newest were left out"),
            ("TLS secrets", "more TLS secrets at once than the bound allows, the later ones were not kept"),
            ("calls", "more calls at once than the bound allows, those silent for long were told as they stood"),
            ("REFER requests", "more REFER requests at once than the bound allows, the oldest were given up"),
        ];
        for (what, text) in cases {
            assert_eq!(Cause::Bound(what).text(), text);
        }
        assert_ne!(Cause::Bound("TLS secrets").remedy(), Cause::Bound("calls").remedy());
    }
}

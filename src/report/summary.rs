//! What was counted: rows by category and by code, messages by method and by code, and each capture's account.
//! Knows nothing of single packets and of how captures are read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::codes::Category;
use crate::issue::Issues;
use crate::packet::LinkType;
use crate::report::row::{Ordered, Row, Sources};
use crate::time::{Rfc3339, Spoken, Timestamp};
use crate::track::explain::Explanation;

/// Everything that is said once, at the end.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// One per capture, in the order of reading.
    pub captures: Vec<CaptureRow>,
    /// All rows and all messages, counted.
    pub totals: Totals,
    /// What was noted of the Call-IDs asked for.
    pub explanations: Vec<Explanation>,
    /// The captures as the explanations speak of them.
    pub sources: Sources,
}

impl Summary {
    /// The earliest and the latest frame of all captures, each with its own capture's precision, and the span between
    /// them as people say it.
    #[must_use]
    pub fn span(&self) -> Option<(Rfc3339, Rfc3339, Spoken)> {
        let first =
            self.captures.iter().filter(|capture| capture.first.is_some()).min_by_key(|capture| capture.first)?;
        let last = self.captures.iter().filter(|capture| capture.last.is_some()).max_by_key(|capture| capture.last)?;
        let length = Spoken(last.last?.since(first.first?));
        Some((first.first_printed()?, last.last_printed()?, length))
    }
}

/// Messages as they were on the wire, retransmissions and duplicates included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests by method.
    pub methods: BTreeMap<String, u64>,
    /// Responses by status code, whatever their method.
    pub codes: BTreeMap<u16, u64>,
}

impl Traffic {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.methods.values().chain(self.codes.values()).sum()
    }
}

/// Rows of one kind, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// By category; `None` where the captures do not tell.
    pub categories: BTreeMap<Option<Category>, u64>,
    /// By code; `None` where the captures do not tell.
    pub codes: BTreeMap<Option<u16>, u64>,
}

impl Tallied {
    fn count(&mut self, category: Option<Category>, code: Option<u16>) {
        self.add(category, code, 1);
    }

    fn add(&mut self, category: Option<Category>, code: Option<u16>, count: u64) {
        *self.categories.entry(category).or_default() += count;
        *self.codes.entry(code).or_default() += count;
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.categories.values().sum()
    }

    /// Every category with its count (0 included), in the order of a call's life; rows of no known category come last,
    /// as `unknown`.
    pub fn by_category(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let of = |key| self.categories.get(&key).copied().unwrap_or(0);
        let unknown = std::iter::once(("unknown", of(None)));
        Category::ALL.into_iter().map(move |category| (category.name(), of(Some(category)))).chain(unknown)
    }

    /// Every code that occurred, ascending; rows of no known code come last, as `unknown`.
    pub fn by_code(&self) -> impl Iterator<Item = (Cow<'static, str>, u64)> + '_ {
        let known =
            self.codes.iter().filter_map(|(code, count)| Some((Cow::Owned(code.as_ref()?.to_string()), *count)));
        known.chain(self.codes.get(&None).map(|count| (Cow::Borrowed("unknown"), *count)))
    }
}

/// All rows and all messages, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The calls.
    pub calls: Tallied,
    /// The registrations.
    pub registrations: Tallied,
    /// The transactions outside both: each of a row's, not the row as one.
    pub transactions: Tallied,
    /// The RTP streams.
    pub streams: Streams,
    /// The SIP messages.
    pub messages: Traffic,
}

/// RTP streams, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Those that belong to a call.
    pub of_calls: u64,
    /// Those that nothing ties to one.
    pub of_no_call: u64,
}

impl Streams {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.of_calls.saturating_add(self.of_no_call)
    }
}

impl Totals {
    /// Counts one more row.
    pub fn count(&mut self, row: &Row) {
        match row {
            Row::Call(row) => self.calls.count(row.category(), row.code()),
            Row::Registration(row) => self.registrations.count(row.category(), row.code()),
            Row::Transaction(row) => self.transactions.add(row.category(), row.code(), row.count()),
            Row::Stream(_) => (),
        }
        for stream in row.streams() {
            let count = if stream.has_call() { &mut self.streams.of_calls } else { &mut self.streams.of_no_call };
            *count += 1;
        }
    }
}

/// One capture's account.
#[derive(Clone, Debug, Default)]
pub struct CaptureRow {
    /// The file as the user named it; `-` for standard input.
    pub file: String,
    /// `pcap`, `pcapng` or `netmon`.
    pub format: String,
    /// Its link types, each once.
    pub link_types: Vec<LinkType>,
    /// Frames in it.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: u64,
    /// The earliest frame's time.
    pub first: Option<Timestamp>,
    /// The latest frame's time.
    pub last: Option<Timestamp>,
    /// Digits of the second's fraction that its timestamps carry (0 to 9).
    pub digits: u8,
    /// SIP messages, retransmissions and duplicates included.
    pub sip_messages: u64,
    /// RTP packets; `None` while nobody looks for them.
    pub rtp_packets: Option<u64>,
    /// RTCP datagrams; `None` while nobody looks for them.
    pub rtcp_packets: Option<u64>,
    /// Packets captured twice.
    pub duplicates: u64,
    /// Packets shortened by the snap length.
    pub cut_short: u64,
    /// What was not read, by cause.
    pub skipped: Vec<Skipped>,
}

/// Something in a capture that was not read, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The cause's stable name for machines.
    pub cause: String,
    /// How often.
    pub count: u64,
    /// Bytes that were not read because of it.
    pub bytes: u64,
    /// The first frame that shows it, counted from 1 as Wireshark does.
    pub first_frame: u64,
    /// What happened, in words.
    pub text: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Skipped {
    /// Everything that was not read of one capture.
    #[must_use]
    pub fn of_file(issues: &Issues, file: u32) -> Vec<Self> {
        let skipped = |(cause, tally): (crate::issue::Cause, crate::issue::Tally)| Self {
            cause: cause.key(),
            count: tally.count,
            bytes: tally.bytes,
            first_frame: tally.first.frame,
            text: cause.text(),
            remedy: cause.remedy(),
        };
        issues.of_file(file).map(skipped).collect()
    }
}

/// The name of a link type in tcpdump.org's registry without its LINKTYPE_; the number of one that is not decoded.
#[must_use]
pub fn link_type_name(link: LinkType) -> Cow<'static, str> {
    Cow::Borrowed(match link {
        LinkType::NULL => "NULL",
        LinkType::ETHERNET => "ETHERNET",
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => "RAW",
        LinkType::LOOP => "LOOP",
        LinkType::LINUX_SLL => "LINUX_SLL",
        LinkType::IPV4 => "IPV4",
        LinkType::IPV6 => "IPV6",
        LinkType::LINUX_SLL2 => "LINUX_SLL2",
        LinkType(number) => return Cow::Owned(number.to_string()),
    })
}

impl CaptureRow {
    /// Its link types' names, as [`link_type_name`] says them.
    pub fn link_type_names(&self) -> impl Iterator<Item = Cow<'static, str>> + '_ {
        self.link_types.iter().map(|link| link_type_name(*link))
    }

    /// The earliest frame's time with the capture's own precision.
    #[must_use]
    pub fn first_printed(&self) -> Option<Rfc3339> {
        self.first.map(|at| at.rfc3339(self.digits))
    }

    /// The latest frame's time with the capture's own precision.
    #[must_use]
    pub fn last_printed(&self) -> Option<Rfc3339> {
        self.last.map(|at| at.rfc3339(self.digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Cause;
    use crate::packet::Place;
    use crate::report::samples;

    #[test]
    fn every_row_is_counted_once_by_category_and_by_code() {
        let mut totals = Totals::default();
        for row in samples::rows() {
            totals.count(&row);
        }
        let calls = samples::calls().len() as u64;
        assert_eq!(totals.calls.total(), calls);
        assert_eq!(totals.calls.by_category().map(|(_, count)| count).sum::<u64>(), calls);
        assert_eq!(totals.calls.by_code().map(|(_, count)| count).sum::<u64>(), calls);
        assert_eq!(totals.registrations.total(), samples::registrations().len() as u64);
    }

    #[test]
    fn categories_are_all_named_and_the_unknown_come_last() {
        let mut tallied = Tallied::default();
        tallied.count(Some(Category::Completed), Some(1000));
        tallied.count(None, None);
        tallied.count(Some(Category::Unsuccessful), Some(486));
        let categories: Vec<_> = tallied.by_category().collect();
        assert_eq!(
            categories,
            [
                ("attempting", 0),
                ("active", 0),
                ("completed", 1),
                ("unsuccessful", 1),
                ("unmonitored", 0),
                ("unknown", 1)
            ]
        );
        let codes: Vec<_> = tallied.by_code().map(|(code, _)| code.into_owned()).collect();
        assert_eq!(codes, ["486", "1000", "unknown"]);
    }

    #[test]
    fn what_was_not_read_keeps_its_first_frame_and_remedy() {
        let mut issues = Issues::default();
        issues.add(Place { file: 1, frame: 17 }, Cause::NotDecoded("GRE"), 90);
        issues.add(Place { file: 1, frame: 18 }, Cause::NotDecoded("GRE"), 10);
        let skipped = Skipped::of_file(&issues, 1);
        assert_eq!(skipped.len(), 1);
        assert_eq!((skipped[0].cause.as_str(), skipped[0].count, skipped[0].bytes), ("not_decoded_gre", 2, 100));
        assert_eq!((skipped[0].first_frame, skipped[0].text.as_str()), (17, "GRE is not decoded"));
        assert!(!skipped[0].remedy.is_empty());
        assert_eq!(Skipped::of_file(&issues, 0), []);
    }

    #[test]
    fn a_link_type_nobody_decodes_is_named_by_its_number() {
        assert_eq!(link_type_name(LinkType::LINUX_SLL2), "LINUX_SLL2");
        assert_eq!(link_type_name(LinkType(147)), "147");
    }
}

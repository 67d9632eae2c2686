//! The one pass over a head that finds everything the trackers ask for at every message. Knows the names of those
//! headers, and leaves what their values mean to the files beside it.

use super::parsed::Parsed;
use super::{Defects, Message};
use crate::wire::marks::{Places, find, packed, packed_at};
use crate::wire::sip::header::{Cseq, NameAddr, Via, comma_list, number, split_name, trim};
use crate::wire::sip::names::Names;
use crate::wire::sip::quick;
use crate::wire::sip::span::Span;
use crate::wire::sip::start::{Verb, junk_len, start_line_to};

/// The headers that are kept, in the order of their places in [`Parsed::kept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    CallId,
    Cseq,
    From,
    To,
    Via,
    Contact,
    Expires,
    ContentLength,
    ContentType,
    UserAgent,
    Server,
    Unasked,
}

/// Which header a name stands for, in any case; recognised by length first.
pub(super) fn known(name: &[u8]) -> Known {
    let is = |long: &[u8], known| if name.eq_ignore_ascii_case(long) { known } else { Known::Unasked };
    match name {
        [letter] => match letter.to_ascii_lowercase() {
            b'i' => Known::CallId,
            b'f' => Known::From,
            b't' => Known::To,
            b'v' => Known::Via,
            b'm' => Known::Contact,
            b'l' => Known::ContentLength,
            b'c' => Known::ContentType,
            _ => Known::Unasked,
        },
        [b't' | b'T', _] => is(b"to", Known::To),
        [b'v' | b'V', _, _] => is(b"via", Known::Via),
        [b'c' | b'C', _, _, _] => is(b"cseq", Known::Cseq),
        [b'f' | b'F', _, _, _] => is(b"from", Known::From),
        [b's' | b'S', _, _, _, _, _] => is(b"server", Known::Server),
        [b'e' | b'E', _, _, _, _, _, _] => is(b"expires", Known::Expires),
        [b'c' | b'C', b'a' | b'A', _, _, _, _, _] => is(b"call-id", Known::CallId),
        [b'c' | b'C', _, _, _, _, _, _] => is(b"contact", Known::Contact),
        [b'u' | b'U', ..] if name.len() == 10 => is(b"user-agent", Known::UserAgent),
        [b'c' | b'C', ..] if name.len() == 12 => is(b"content-type", Known::ContentType),
        [b'c' | b'C', ..] if name.len() == 14 => is(b"content-length", Known::ContentLength),
        _ => Known::Unasked,
    }
}

/// The names of [`Known`] headers, as far as their bits tell.
const KEPT: Names = Names::of(&[
    "call-id",
    "cseq",
    "from",
    "to",
    "via",
    "contact",
    "expires",
    "content-length",
    "content-type",
    "user-agent",
    "server",
]);

/// Headers that are asked for where they are there, most of them in one message or two of a call.
pub(super) const RARE: Names = Names::of(&[
    "reason",
    "warning",
    "record-route",
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
]);

impl Parsed {
    /// Takes in the name of a line that begins here.
    #[inline(always)]
    pub(super) fn name(&mut self, name: Names, at: usize) {
        self.names = self.names.and(name);
        if name.meets(RARE) && self.rare == 0 {
            self.rare = u16::try_from(at).unwrap_or(u16::MAX);
        }
    }
}

/// How a header line begins that is written as RFC 3261 writes it. Lines of all other ways are left to
/// [`read_unusual`], which reads every way there is, and these no differently: a test holds the two equal.
#[derive(Clone, Copy)]
struct Usual {
    /// Its first bytes, up to eight, the first one lowest, and which bits of those they are.
    begin: u64,
    mask: u64,
    known: Known,
    /// Where the value begins; 0 where more than the first eight bytes are to be looked at.
    value: u8,
}

impl Usual {
    const NONE: Self = Self { begin: 1, mask: 0, known: Known::Unasked, value: 0 };

    /// All of them, each where its first four bytes send for it: nobody compares a line with more than one.
    const ALL: [Self; 16] = {
        let usual = [
            Self::line(b"Via:", Known::Via, 4),
            Self::line(b"From:", Known::From, 5),
            // The blank is none of the name, but nearly always there.
            Self::line(b"To: ", Known::To, 3),
            Self::line(b"Call-ID:", Known::CallId, 8),
            Self::line(b"CSeq:", Known::Cseq, 5),
            Self::line(b"Expires:", Known::Expires, 8),
            Self::line(b"Server:", Known::Server, 7),
            Self::line(b"Cont", Known::Unasked, 0),
            Self::line(b"User-Age", Known::Unasked, 0),
        ];
        let mut all = [Self::NONE; 16];
        let mut rest = usual.as_slice();
        while let [one, after @ ..] = rest {
            let entries = all.split_at_mut(Self::entry(one.begin)).1;
            let Some(entry) = entries.first_mut() else { panic!() };
            assert!(entry.mask == 0, "two begin at the same place");
            *entry = *one;
            rest = after;
        }
        all
    };

    const fn line(begin: &[u8], known: Known, value: u8) -> Self {
        Self { begin: packed(begin), mask: u64::MAX >> (64 - 8 * begin.len()), known, value }
    }

    /// Where in the table to look for a line of this begin.
    #[inline(always)]
    const fn entry(begin: u64) -> usize {
        ((begin as u32).wrapping_mul(0x11) >> 28) as usize
    }

    /// Which header a line holds that begins here, and where its value begins.
    #[inline(always)]
    fn of(raw: &[u8], at: usize, begin: u64) -> Option<(Known, usize)> {
        let usual = Self::ALL.get(Self::entry(begin))?;
        if begin & usual.mask != usual.begin {
            return None;
        }
        if usual.value > 0 { Some((usual.known, at + usize::from(usual.value))) } else { Self::long(raw, at, begin) }
    }

    #[inline(always)]
    fn long(raw: &[u8], at: usize, begin: u64) -> Option<(Known, usize)> {
        const CONTACT: u64 = packed(b"Contact:");
        const CONTENT: u64 = packed(b"Content-");
        const USER_AGENT: u64 = packed(b"User-Age");
        let is = |rest: &[u8]| raw.get(at + 8..).is_some_and(|sent| sent.starts_with(rest));
        match begin {
            CONTACT => Some((Known::Contact, at + 8)),
            CONTENT if is(b"Length:") => Some((Known::ContentLength, at + 15)),
            CONTENT if is(b"Type:") => Some((Known::ContentType, at + 13)),
            USER_AGENT if is(b"nt:") => Some((Known::UserAgent, at + 11)),
            _ => None,
        }
    }
}

impl<'a> Message<'a> {
    /// Reads start line and headers. `None`: this is not SIP.
    #[inline]
    pub(super) fn read_head(bytes: &'a [u8], parsed: &mut Parsed) -> Option<Head<'a>> {
        let junk = junk_len(bytes)?;
        let raw = bytes.get(junk..)?;
        let mut line_ends = Places::new(raw.get(..Span::REACH - 1).unwrap_or(raw), b'\n');
        let found = start_line_to(raw, line_ends.next().unwrap_or(raw.len()))?;
        (parsed.start, parsed.defects) = (found.start, found.defects);
        if junk > 0 && bytes.iter().take(junk).any(|byte| !matches!(byte, b'\r' | b'\n')) {
            parsed.defects |= Defects::JUNK;
        }
        let (fields_end, blank_len) = read_fields(raw, parsed, found.len, line_ends);
        parsed.fields = Span::new(found.len, fields_end);
        let declared = parsed.settle(raw);
        parsed.judge(raw, blank_len == 0);
        let len = (blank_len > 0).then_some(fields_end + blank_len);
        parsed.head_len = u32::try_from(len.unwrap_or(raw.len())).unwrap_or(u32::MAX);
        Some(Head { raw, len, declared })
    }
}

/// How far the head goes, and what it says of the body.
pub(super) struct Head<'a> {
    /// From the start line on.
    pub(super) raw: &'a [u8],
    /// With the blank line; `None` where the bytes ended before that.
    pub(super) len: Option<usize>,
    /// Content-Length.
    pub(super) declared: Option<usize>,
}

/// Goes through the header lines from here on, and notes where those begin and end that are kept; gives where the whole
/// ones end, and the length of the blank line after them, which is 0 if the bytes ended before it.
///
/// Of a head beyond [`Span::REACH`] the rest is left unread, as if it had been cut off.
#[inline(never)]
fn read_fields(raw: &[u8], parsed: &mut Parsed, from: usize, line_ends: Places<'_, u8>) -> (usize, usize) {
    let mut at = from;
    let mut begin = packed_at(raw, at);
    if begin as u8 <= b' ' && blank(raw, at) > 0 {
        return (at, blank(raw, at));
    }
    for end in line_ends {
        let next = packed_at(raw, end + 1);
        // Few lines are followed by what is no other line.
        if next as u8 <= b' ' {
            if let b' ' | b'\t' = next as u8 {
                // A fold: the line goes on.
                continue;
            }
            let blank = blank(raw, end + 1);
            if blank > 0 {
                read_line(raw, parsed, at, end, begin);
                return (end + 1, blank);
            }
        }
        match Usual::of(raw, at, begin) {
            Some((known, value)) => parsed.keep(raw, known, Span::new(value, end)),
            None => read_unasked(raw, parsed, at, end),
        }
        (at, begin) = (end + 1, next);
    }
    (at, 0)
}

/// Reads a header line, folds inside, whose line end is at `end`, and which begins so.
#[inline(never)]
fn read_line(raw: &[u8], parsed: &mut Parsed, at: usize, end: usize, begin: u64) {
    match Usual::of(raw, at, begin) {
        Some((known, value)) => parsed.keep(raw, known, Span::new(value, end)),
        None => read_unasked(raw, parsed, at, end),
    }
}

/// The length of the blank line that stands here; 0 for another one.
#[inline]
fn blank(raw: &[u8], at: usize) -> usize {
    match raw.get(at..) {
        Some([b'\n', ..]) => 1,
        Some([b'\r', b'\n', ..]) => 2,
        _ => 0,
    }
}

/// Reads a header line that is probably none of those that are kept: its name is noted. Or its name is a compact one.
#[inline(always)]
fn read_unasked(raw: &[u8], parsed: &mut Parsed, at: usize, end: usize) {
    let colon = find(raw, at, end, b':');
    match raw.get(at..colon) {
        Some(name @ [first, .., last]) if *first > b' ' && *last > b' ' && colon < end => {
            let name = Names::one(name);
            if !name.meets(KEPT) {
                parsed.name(name, at);
                return;
            }
        }
        Some([letter @ b'a'..=b'z']) if colon < end => {
            let known = known(&[*letter]);
            if known != Known::Unasked {
                return parsed.keep(raw, known, Span::new(at + 2, end));
            }
        }
        _ => {}
    }
    read_unusual(raw, parsed, at, end);
}

/// Reads any header line.
#[inline(never)]
fn read_unusual(raw: &[u8], parsed: &mut Parsed, at: usize, end: usize) {
    let Some((name, value)) = raw.get(at..end).and_then(split_name) else { return };
    match known(name) {
        Known::Unasked => parsed.name(Names::one(name), at),
        known => parsed.keep(raw, known, Span::new(end - value.len(), end)),
    }
}

/// Without the blanks around it. An empty value says nothing, so it is as good as missing.
#[inline(always)]
fn said(raw: &[u8], value: Span) -> Span {
    match raw.get(value.start()..value.end()) {
        Some([b' ', first, .., last, b'\r']) if *first > b' ' && *last > b' ' => {
            Span::new(value.start() + 1, value.end() - 1)
        }
        _ => said_any(raw, value),
    }
}

#[inline(never)]
fn said_any(raw: &[u8], value: Span) -> Span {
    let value = Span::within(raw, trim(value.of(raw)));
    if value.is_empty() { Span::NONE } else { value }
}

impl Parsed {
    /// Keeps the value of a header, blanks around it and all.
    #[inline(always)]
    fn keep(&mut self, raw: &[u8], known: Known, value: Span) {
        match self.kept.get_mut(known as usize) {
            Some(kept) if !kept.is_some() => *kept = value,
            _ => self.keep_another(raw, known, value),
        }
    }

    /// Of a header that may stand only once, the first one counts that says something.
    #[inline(never)]
    fn keep_another(&mut self, raw: &[u8], known: Known, value: Span) {
        let Some(kept) = self.kept.get_mut(known as usize) else { return };
        let first = trim(kept.of(raw));
        let counts = match known {
            Known::Cseq => Cseq::parse(first).is_some(),
            Known::Expires | Known::ContentLength => number(first).is_some(),
            Known::Contact => true,
            _ => !first.is_empty(),
        };
        if !counts {
            *kept = value;
        }
        self.defects |= match known {
            Known::Cseq if !counts => Defects::CSEQ,
            Known::Expires if !counts => Defects::EXPIRES,
            Known::ContentLength if !counts => Defects::CONTENT_LENGTH,
            Known::Via => {
                if counts {
                    self.via_count = self.via_count.saturating_add(count(raw, value));
                }
                Defects::NONE
            }
            Known::Contact => {
                self.more_contacts = true;
                Defects::NONE
            }
            Known::UserAgent | Known::Server | Known::Unasked => Defects::NONE,
            _ if counts => Defects::REPEATED,
            _ => Defects::NONE,
        };
    }

    /// Reads the values that every message is asked for, once all lines are known. Gives the Content-Length.
    #[inline(always)]
    fn settle(&mut self, raw: &[u8]) -> Option<usize> {
        let [call_id, cseq, from, to, via, _, _, length, ..] = &mut self.kept;
        for value in [call_id, &mut *from, &mut *to, &mut *via] {
            *value = said(raw, *value);
        }
        let [cseq, from, to, via, length] = [*cseq, *from, *to, *via, *length];
        [self.from_uri, self.from_tag] = address(raw, from);
        [self.to_uri, self.to_tag] = address(raw, to);
        if via.is_some() {
            self.settle_via(raw, via);
        }
        if cseq.is_some() {
            self.settle_cseq(raw, cseq);
        }
        if length.is_some() { self.settle_length(raw, length) } else { None }
    }

    #[inline(never)]
    fn settle_via(&mut self, raw: &[u8], via: Span) {
        match quick::branch(raw, via) {
            Some(branch) => {
                self.branch = branch;
                self.via_count = self.via_count.saturating_add(1);
            }
            None => {
                let branch = comma_list(via.of(raw)).next().and_then(|value| Via::parse(value).branch);
                self.branch = branch.map_or(Span::NONE, |branch| Span::within(raw, branch));
                self.via_list = via.of(raw).contains(&b',');
                self.via_count = self.via_count.saturating_add(count(raw, via));
            }
        }
    }

    #[inline(never)]
    fn settle_cseq(&mut self, raw: &[u8], cseq: Span) {
        let place = said(raw, cseq);
        let value = place.of(raw);
        let any =
            || Cseq::parse(value).map(|Cseq { number, method }| (number, Verb::of(method.token()), method.token()));
        match quick::cseq(value).or_else(any) {
            Some((number, verb, method)) => {
                (self.cseq_number, self.cseq_verb) = (number, verb);
                // Nothing stands behind it.
                self.cseq_method = Span::new(place.end() - method.len(), place.end());
            }
            None => self.defects |= Defects::CSEQ,
        }
    }

    #[inline(never)]
    fn settle_length(&mut self, raw: &[u8], length: Span) -> Option<usize> {
        let value = match length.of(raw) {
            [b' ', value @ .., b'\r'] => value,
            value => value,
        };
        let bytes = match quick::digits(value) {
            Some((bytes, [])) => Some(u64::from(bytes)),
            _ => number(trim(value)),
        };
        if bytes.is_none() {
            self.defects |= Defects::CONTENT_LENGTH;
        }
        bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// What can only be judged when all header lines are read.
    #[inline(always)]
    fn judge(&mut self, raw: &[u8], truncated: bool) {
        let has_cseq = self.cseq_method.is_some();
        if self.start.is_request() && has_cseq {
            let same = match (self.start.verb, self.cseq_verb) {
                (Verb::OTHER, Verb::OTHER) => self.start.method(raw).token() == self.cseq_method.of(raw),
                (own, named) => own == named,
            };
            if !same {
                self.defects |= Defects::CSEQ_METHOD;
            }
        }
        let whole = [Known::CallId, Known::From, Known::To, Known::Via].iter().all(|known| self.kept(*known).is_some());
        // What was cut off is not missing.
        if truncated {
            self.defects |= Defects::TRUNCATED;
        } else if !whole || !has_cseq && !self.defects.contains(Defects::CSEQ) {
            self.defects |= Defects::MISSING;
        }
    }
}

/// How many values of a comma list there are.
fn count(raw: &[u8], list: Span) -> u16 {
    u16::try_from(comma_list(list.of(raw)).count()).unwrap_or(u16::MAX)
}

/// URI and tag of a From or To value.
#[inline(never)]
fn address(raw: &[u8], value: Span) -> [Span; 2] {
    match quick::address(raw, value) {
        Some((uri, tag)) => [uri, tag],
        None if value.is_some() => {
            let address = NameAddr::parse(value.of(raw));
            [Some(address.uri), address.tag()].map(|part| part.map_or(Span::NONE, |part| Span::within(raw, part)))
        }
        None => [Span::NONE; 2],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::super::header::Lines;
    use super::super::super::start::start_line;
    use super::*;

    const NAMES: [&str; 11] = [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Expires",
        "Content-Length",
        "Content-Type",
        "User-Agent",
        "Server",
    ];

    const KNOWN: [Known; 11] = [
        Known::CallId,
        Known::Cseq,
        Known::From,
        Known::To,
        Known::Via,
        Known::Contact,
        Known::Expires,
        Known::ContentLength,
        Known::ContentType,
        Known::UserAgent,
        Known::Server,
    ];

    #[test]
    fn every_header_has_its_place() {
        for (place, known) in KNOWN.into_iter().enumerate() {
            assert_eq!((known as usize, place < Parsed::UNREAD.kept.len()), (place, true));
        }
        assert!(Parsed::UNREAD.kept.get(Known::Unasked as usize).is_none());
    }

    #[test]
    fn whatever_is_kept_is_looked_at_however_it_is_written() {
        for name in NAMES {
            assert!(
                known(name.as_bytes()) != Known::Unasked && KEPT.may_hold(name.to_uppercase().as_bytes()),
                "{name}"
            );
        }
    }

    /// What [`Message::read_head`] means, without any of its short ways.
    fn plainly(raw: &[u8]) -> Parsed {
        let found = start_line(raw).unwrap();
        let lines = &raw[found.len..];
        let mut parsed = Parsed { start: found.start, defects: found.defects, ..Parsed::UNREAD };
        let (mut at, mut blank) = (0, 0);
        while at < lines.len() {
            blank = [&b"\n"[..], b"\r\n"].iter().find(|end| lines[at..].starts_with(end)).map_or(0, |end| end.len());
            let Some(line) = Lines::new(&lines[at..]).next().filter(|_| blank == 0) else { break };
            if let Some((name, value)) = split_name(line) {
                take_plainly(&mut parsed, raw, found.len + at, name, trim(value));
            }
            at += line.len() + 1;
        }
        parsed.fields = Span::new(found.len, found.len + at);
        parsed.judge(raw, blank == 0);
        parsed.head_len = if blank == 0 { raw.len() } else { found.len + at + blank } as u32;
        parsed
    }

    fn take_plainly(parsed: &mut Parsed, raw: &[u8], line: usize, name: &[u8], value: &[u8]) {
        let span = |part: Option<&[u8]>| part.map_or(Span::NONE, |part| Span::within(raw, part));
        let at = span(Some(value));
        let known = known(name);
        let Some(kept) = parsed.kept.get_mut(known as usize) else {
            parsed.name(Names::one(name), line);
            return;
        };
        let is_first = !kept.is_some();
        let mut once = |says: bool, defect| {
            if is_first && says {
                *kept = at;
            }
            parsed.defects |= if !is_first {
                Defects::REPEATED
            } else if says {
                Defects::NONE
            } else {
                defect
            };
            is_first && says
        };
        match known {
            Known::CallId | Known::ContentType => _ = once(!value.is_empty(), Defects::NONE),
            Known::From => {
                if once(!value.is_empty(), Defects::NONE) {
                    parsed.from_uri = span(Some(NameAddr::parse(value).uri));
                    parsed.from_tag = span(NameAddr::parse(value).tag());
                }
            }
            Known::To => {
                if once(!value.is_empty(), Defects::NONE) {
                    parsed.to_uri = span(Some(NameAddr::parse(value).uri));
                    parsed.to_tag = span(NameAddr::parse(value).tag());
                }
            }
            Known::Cseq => {
                let read = Cseq::parse(value);
                if once(read.is_some(), Defects::CSEQ) {
                    let Cseq { number, method } = read.unwrap();
                    parsed.cseq_number = number;
                    parsed.cseq_verb = Verb::of(method.token());
                    parsed.cseq_method = Span::new(at.end() - method.token().len(), at.end());
                }
            }
            Known::Expires => _ = once(number(value).is_some(), Defects::EXPIRES),
            Known::ContentLength => _ = once(number(value).is_some(), Defects::CONTENT_LENGTH),
            Known::Contact => {
                parsed.more_contacts |= !is_first;
                *kept = kept.or(at);
            }
            Known::UserAgent | Known::Server => *kept = kept.or(said(raw, at)),
            Known::Via => {
                let values: Vec<_> = comma_list(value).collect();
                parsed.via_count += values.len() as u16;
                if is_first {
                    *kept = said(raw, at);
                    parsed.via_list = value.contains(&b',');
                    parsed.branch = span(values.first().and_then(|value| Via::parse(value).branch));
                }
            }
            Known::Unasked => {}
        }
    }

    fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
        let mut read = Parsed::UNREAD;
        let found = Message::read_head(bytes, &mut read);
        prop_assert_eq!(found.is_some(), junk_len(bytes).is_some_and(|junk| start_line(&bytes[junk..]).is_some()));
        if let Some(Head { raw, declared, .. }) = found {
            let plain = plainly(raw);
            let length = plain.kept(Known::ContentLength).maybe_of(raw).and_then(number);
            prop_assert_eq!(declared, length.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)));
            // Blanks are left where nobody may ask, and numbers unread.
            for (known, plain) in KNOWN.into_iter().zip(plain.kept) {
                let kept = read.kept(known);
                let value = Some(trim(kept.of(raw))).filter(|value| {
                    kept.is_some()
                        && match known {
                            Known::Cseq => Cseq::parse(value).is_some(),
                            Known::Expires | Known::ContentLength => number(value).is_some(),
                            Known::Contact => true,
                            _ => !value.is_empty(),
                        }
                });
                prop_assert_eq!(value, plain.maybe_of(raw), "{:?} {}", known, String::from_utf8_lossy(bytes));
            }
            let expires = read.kept(Known::Expires).maybe_of(raw);
            read.kept = plain.kept;
            read.defects = read.defects.without(Defects::JUNK);
            if expires.is_some_and(|value| number(trim(value)).is_none()) {
                read.defects |= Defects::EXPIRES;
            }
            prop_assert_eq!(read, plain, "{}", String::from_utf8_lossy(bytes));
        }
        Ok(())
    }

    #[test]
    fn a_head_beyond_reach_counts_as_cut() {
        let sized = |len: usize, blank: &str| {
            let head = "BYE sip:a SIP/2.0\r\nl: 1\r\nFill: ";
            format!("{head}{}\r\n{blank}a", "x".repeat(len - head.len() - 2 - blank.len())).into_bytes()
        };
        for (len, blank, whole) in [
            (Span::REACH, "\r\n", true),
            (Span::REACH, "\n", true),
            (Span::REACH + 1, "\n", false),
            (Span::REACH + 2, "\r\n", false),
            (2 * Span::REACH, "\r\n", false),
        ] {
            let bytes = sized(len, blank);
            let message = Message::parse(&bytes).unwrap();
            assert_eq!(message.body().len(), usize::from(whole), "{len}");
            assert_eq!((message.head().len(), message.raw().len()), (if whole { len } else { len + 1 }, len + 1));
            assert_eq!(message.values("fill").count(), usize::from(whole));
            assert_eq!(message.parsed.defects.truncated(), !whole);
        }
        assert!(Message::parse(format!("SIP/2.0 200 {}\r\n\r\n", "x".repeat(Span::REACH)).as_bytes()).is_none());
    }

    /// Lines as they are usual, and as they are not.
    fn line() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            8 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
            4 => prop::sample::select(vec!["Max-Forwards", "Allow", "Session-ID", "P-Asserted-Identity", "Record-Route"])
                .prop_map(str::to_owned),
            2 => "(?i)via|v|from|f|to|t|call-id|i|cseq|contact|m|expires|l|content-length|c|server|user-agent|x|Reason",
            1 => "[a-zA-Z:\\- ]{0,9}",
        ];
        let value = prop_oneof![
            prop::sample::select(vec![
                "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1edd770dff133a041;rport",
                "SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKPj0123456789abcdefghijklmnopqrstuvw, SIP/2.0/TCP b;branch=c",
                "\"User 1\" <sip:+1@example.org>;tag=12ab",
                "<sip:+1@example.org;user=phone>",
                "1 INVITE",
                "2 BYE",
                "0",
                "329",
                "Asterisk PBX 20.5.0",
                "<sip:a@b>, <sip:c@d>",
                "",
            ])
            .prop_map(str::to_owned),
            "[a-z;=\",<> ]{0,9}|<sip:a>;tag=[a-z]{0,3}|[0-9]{1,3}( [A-Z]{1,3})?|SIP/2.0/UDP a;branch=[a-z,]{0,2}",
        ];
        (name, "(: )|(: )|(:)|[ \t]?:?[ \t]?(\r\n )?", value, "(\r\n)|(\r\n)|(\r\n)|(\n)|( \r\n)|(\r\n\t;x\r\n)|\r")
            .prop_map(|(name, colon, value, end)| [name, colon, value, end].concat())
    }

    fn head() -> impl Strategy<Value = Vec<u8>> {
        let start = "(\r\n|\0)?(INVITE|BYE|FOO) sip:[a-z@]{1,9} SIP/2.0\r\n|SIP/2.0 [1-7][0-9]{2} ?[a-z ]{0,9}\r?\n";
        (start, prop::collection::vec(line(), 0..16), "(\r\n){0,2}", "[a-z\r\n ]{0,9}")
            .prop_map(|(start, lines, end, body)| [start, lines.concat(), end, body].concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_head_is_read_as_plainly(bytes in head()) {
            check(&bytes)?;
        }

        #[test]
        fn so_is_what_damage_left_of_it(
            bytes in head(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"\r\n :;,\"<>".to_vec())]), 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = bytes;
            for (at, new) in damage {
                let at = at.index(bytes.len());
                bytes[at] = new;
            }
            check(&bytes)?;
            check(&bytes[..cut.index(bytes.len())])?;
        }
    }
}

//! The one pass over a head that finds everything the trackers ask for at every message. Knows the names of those
//! headers, and leaves what their values mean to the files beside it.

use super::parsed::Parsed;
use super::{Defects, Message};
use crate::wire::marks::{Places, equal, find};
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

// They are looked for only among lines that are not kept.
const _: () = assert!(!RARE.meets(KEPT));

impl Parsed {
    /// Takes in the name of a line that begins at `at`, and whose line end is at `end`.
    #[inline(always)]
    pub(super) fn name(&mut self, name: Names, at: usize, end: usize) {
        self.names = self.names.and(name);
        if name.meets(RARE) {
            let first = if self.rare.is_some() { self.rare.start() } else { at };
            self.rare = Span::new(first, end + 1);
        }
    }
}

/// How a header line begins that is written as RFC 3261 writes it. Lines of all other ways are left to
/// [`read_unusual`], which reads every way there is, and these no differently: a test holds the two equal.
#[derive(Clone, Copy)]
struct Usual {
    /// Its first bytes: the name, the colon and the blank behind that, as far as there is room for them.
    begin: [u8; 16],
    /// Which of them there are.
    bits: u32,
    /// Where the value begins.
    value: u8,
    /// Another one that begins with the same four bytes; 0 where there is none.
    next: u8,
    known: Known,
    /// What it adds to the names, where it is not kept.
    name: Names,
}

impl Usual {
    /// No line begins so.
    const NONE: Self =
        Self { begin: [0; 16], bits: 1 << 16, value: 0, next: 0, known: Known::Unasked, name: Names::EMPTY };

    /// The more usual first, where the first four bytes are the same.
    const LINES: [Self; 26] = [
        Self::line("Via: ", Known::Via),
        Self::line("From: ", Known::From),
        Self::line("To: ", Known::To),
        Self::line("Call-ID: ", Known::CallId),
        Self::line("CSeq: ", Known::Cseq),
        Self::line("Content-Length: ", Known::ContentLength),
        Self::line("Contact: ", Known::Contact),
        Self::line("Content-Type: ", Known::ContentType),
        Self::line("User-Agent: ", Known::UserAgent),
        Self::line("Server: ", Known::Server),
        Self::line("Expires: ", Known::Expires),
        Self::line("Max-Forwards: ", Known::Unasked),
        Self::line("Allow: ", Known::Unasked),
        Self::line("Allow-Events: ", Known::Unasked),
        Self::line("Supported: ", Known::Unasked),
        Self::line("Session-Expires: ", Known::Unasked),
        Self::line("Session-ID: ", Known::Unasked),
        Self::line("Min-SE: ", Known::Unasked),
        Self::line("Accept: ", Known::Unasked),
        Self::line("Accept-Language: ", Known::Unasked),
        Self::line("Record-Route: ", Known::Unasked),
        Self::line("Route: ", Known::Unasked),
        Self::line("Reason: ", Known::Unasked),
        Self::line("Require: ", Known::Unasked),
        Self::line("RSeq: ", Known::Unasked),
        Self::line("RAck: ", Known::Unasked),
    ];

    /// Places in the table to which first bytes send.
    const PLACES: usize = 32;

    /// All of them, each where its first four bytes send for it, or behind another one that is there.
    #[expect(clippy::indexing_slicing, reason = "nobody but the compiler runs it")]
    const ALL: [Self; Self::PLACES + 8] = {
        let mut all = [Self::NONE; Self::PLACES + 8];
        let (mut one, mut free) = (0, Self::PLACES);
        while one < Self::LINES.len() {
            let line = Self::LINES[one];
            let mut place = Self::place(&line.begin);
            if all[place].value > 0 {
                assert!(first_four(&all[place].begin) == first_four(&line.begin), "two are sent to the same place");
                while all[place].next > 0 {
                    place = all[place].next as usize;
                }
                all[place].next = free as u8;
                place = free;
                free += 1;
            }
            all[place] = line;
            one += 1;
        }
        all
    };

    const fn line(begin: &str, known: Known) -> Self {
        let value = begin.len();
        let (name, _) = begin.as_bytes().split_at(value - 2);
        let name = if let Known::Unasked = known { Names::one(name) } else { Names::EMPTY };
        let mut bytes = [0; 16];
        // A blank for which there is no room may be there or not: the value is trimmed in any case.
        let len = if value < 16 { value } else { 16 };
        bytes.split_at_mut(len).0.copy_from_slice(begin.as_bytes().split_at(len).0);
        Self { begin: bytes, bits: u32::MAX >> (32 - len), value: len as u8, next: 0, known, name }
    }

    /// Where in the table to look for a line that begins so.
    #[inline(always)]
    const fn place(begin: &[u8; 16]) -> usize {
        (first_four(begin).wrapping_mul(0x2_1fc6) >> 27) as usize
    }

    /// The one that stands here.
    #[inline(always)]
    fn of(raw: &[u8], at: usize) -> Option<&'static Self> {
        let begin = raw.get(at..at + 16)?.first_chunk()?;
        let mut usual = Self::ALL.get(Self::place(begin))?;
        while equal(begin, &usual.begin) & usual.bits != usual.bits {
            usual = if usual.next > 0 { Self::ALL.get(usize::from(usual.next))? } else { return None };
        }
        Some(usual)
    }
}

const fn first_four(bytes: &[u8; 16]) -> u32 {
    let [a, b, c, d, ..] = *bytes;
    u32::from_le_bytes([a, b, c, d])
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
    if blank(raw, at) > 0 {
        return (at, blank(raw, at));
    }
    for end in line_ends {
        // Few lines are followed by what is no other line.
        let next = raw.get(end + 1).copied().unwrap_or_default();
        if next <= b' ' {
            if let b' ' | b'\t' = next {
                // A fold: the line goes on.
                continue;
            }
            let blank = blank(raw, end + 1);
            if blank > 0 {
                read_last(raw, parsed, at, end);
                return (end + 1, blank);
            }
        }
        read_line(raw, parsed, at, end);
        at = end + 1;
    }
    (at, 0)
}

/// Reads a header line, folds inside, whose line end is at `end`.
#[inline(always)]
fn read_line(raw: &[u8], parsed: &mut Parsed, at: usize, end: usize) {
    match Usual::of(raw, at) {
        Some(Usual { known: Known::Unasked, name, .. }) => parsed.name(*name, at, end),
        Some(Usual { known, value, .. }) => parsed.keep(raw, *known, Span::new(at + usize::from(*value), end)),
        None => read_other(raw, parsed, at, end),
    }
}

/// The same: one line of every head is read here, so that all others are read in one loop.
#[inline(never)]
fn read_last(raw: &[u8], parsed: &mut Parsed, at: usize, end: usize) {
    read_line(raw, parsed, at, end);
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
#[inline(never)]
fn read_other(raw: &[u8], parsed: &mut Parsed, at: usize, end: usize) {
    let colon = find(raw, at, end, b':');
    match raw.get(at..colon) {
        Some(name @ [first, .., last]) if *first > b' ' && *last > b' ' && colon < end => {
            let name = Names::one(name);
            if !name.meets(KEPT) {
                parsed.name(name, at, end);
                return;
            }
        }
        Some([letter @ b'a'..=b'z']) if colon < end => {
            let known = known(&[*letter]);
            if known != Known::Unasked {
                let blank = usize::from(raw.get(colon + 1) == Some(&b' '));
                return parsed.keep(raw, known, Span::new(colon + 1 + blank, end));
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
        Known::Unasked => parsed.name(Names::one(name), at, end),
        // One blank is no part of it on the short ways either.
        known => parsed.keep(raw, known, Span::new(end - value.strip_prefix(b" ").unwrap_or(value).len(), end)),
    }
}

/// Without the blanks around it. An empty value says nothing, so it is as good as missing.
#[inline(always)]
fn said(raw: &[u8], value: Span) -> Span {
    match raw.get(value.start()..value.end()) {
        Some([first, .., last, b'\r']) if *first > b' ' && *last > b' ' => Span::new(value.start(), value.end() - 1),
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
        let [call_id, cseq, from, to, via, _, _, length, ..] = self.kept;
        let [call_id, from, to, via] = [call_id, from, to, via].map(|value| said(raw, value));
        let [kept_call_id, _, kept_from, kept_to, kept_via, ..] = &mut self.kept;
        (*kept_call_id, *kept_from, *kept_to, *kept_via) = (call_id, from, to, via);
        (self.from_uri, self.from_tag) = quick::address(raw, from).unwrap_or_else(|| address(raw, from));
        (self.to_uri, self.to_tag) = quick::address(raw, to).unwrap_or_else(|| address(raw, to));
        if via.is_some() {
            match quick::branch(raw, via) {
                Some(branch) => {
                    self.branch = branch;
                    self.via_count = self.via_count.saturating_add(1);
                }
                None => self.settle_via(raw, via),
            }
        }
        if cseq.is_some() {
            self.settle_cseq(raw, cseq);
        }
        if length.is_some() { self.settle_length(raw, length) } else { None }
    }

    #[inline(never)]
    fn settle_via(&mut self, raw: &[u8], via: Span) {
        let branch = comma_list(via.of(raw)).next().and_then(|value| Via::parse(value).branch);
        self.branch = branch.map_or(Span::NONE, |branch| Span::within(raw, branch));
        self.via_list = via.of(raw).contains(&b',');
        self.via_count = self.via_count.saturating_add(count(raw, via));
    }

    #[inline(always)]
    fn settle_cseq(&mut self, raw: &[u8], cseq: Span) {
        let value = trim(cseq.of(raw));
        match quick::cseq(value).or_else(|| any_cseq(value)) {
            Some((number, verb, method)) => {
                (self.cseq_number, self.cseq_verb) = (number, verb);
                self.cseq_method = Span::within(raw, method);
            }
            None => self.defects |= Defects::CSEQ,
        }
    }

    #[inline(always)]
    fn settle_length(&mut self, raw: &[u8], length: Span) -> Option<usize> {
        let value = length.of(raw);
        let bytes = match quick::digits(value) {
            Some((bytes, [] | [b'\r'])) => Some(u64::from(bytes)),
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

/// URI and tag of a From or To value that is not written as usual.
#[inline(never)]
fn address(raw: &[u8], value: Span) -> (Span, Span) {
    if !value.is_some() {
        return (Span::NONE, Span::NONE);
    }
    let address = NameAddr::parse(value.of(raw));
    let tag = address.tag().map_or(Span::NONE, |tag| Span::within(raw, tag));
    (Span::within(raw, address.uri), tag)
}

/// Number and method of a CSeq that is not written as usual.
#[inline(never)]
fn any_cseq(value: &[u8]) -> Option<(u32, Verb, &[u8])> {
    let Cseq { number, method } = Cseq::parse(value)?;
    // As it stands there: nothing is behind it.
    let token = value.get(value.len() - method.token().len()..)?;
    Some((number, Verb::of(token), token))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use std::ops::Range;

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

    #[test]
    fn usual_lines_are_read_as_such() {
        for line in Usual::LINES {
            let bytes = [&line.begin[..usize::from(line.value)], b"0123456789abcdef\r\n"].concat();
            let usual = Usual::of(&bytes, 0).unwrap();
            let name = bytes.split(|byte| *byte == b':').next().unwrap();
            assert_eq!((usual.known, usual.begin), (known(name), line.begin));
            assert_eq!(usual.name == Names::one(name), usual.known == Known::Unasked);
        }
        assert!(Usual::of(b"Allow-Even: x, y, z\r\n", 0).is_none() && Usual::of(&[0; 20], 0).is_none());
    }

    /// Though there is no room for the short way to look at so many bytes.
    #[test]
    fn the_last_line_is_read_alike_whatever_follows() {
        for line in ["Server: s", "Server:  s", "Server:s", "Server:", "server: s", "s: x", "To: a", "Expires: 1"] {
            let message = format!("SIP/2.0 200 OK\r\n{line}\r\n\r\n");
            let longer = format!("{message}SIP/2.0 200 OK\r\nServer: other\r\n\r\n");
            let of = |bytes: &str| {
                let mut parsed = Parsed::UNREAD;
                Message::read_head(bytes.as_bytes(), &mut parsed).unwrap();
                format!("{parsed:?}")
            };
            assert_eq!(of(&message), of(&longer), "{line}");
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
                let from = found.len + at;
                take_plainly(&mut parsed, raw, from..from + line.len(), name, trim(value));
            }
            at += line.len() + 1;
        }
        parsed.fields = Span::new(found.len, found.len + at);
        parsed.judge(raw, blank == 0);
        parsed.head_len = if blank == 0 { raw.len() } else { found.len + at + blank } as u32;
        parsed
    }

    fn take_plainly(parsed: &mut Parsed, raw: &[u8], line: Range<usize>, name: &[u8], value: &[u8]) {
        let span = |part: Option<&[u8]>| part.map_or(Span::NONE, |part| Span::within(raw, part));
        let at = span(Some(value));
        let known = known(name);
        let Some(kept) = parsed.kept.get_mut(known as usize) else {
            parsed.name(Names::one(name), line.start, line.end);
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
            4 => prop::sample::select(vec![
                "Max-Forwards", "Allow", "Allow-Events", "Allow-Even", "Session-ID", "Session-Expires", "Session-Expiry",
                "P-Asserted-Identity", "Record-Route", "Reason", "RSeq", "Accept-Language", "Accept-Encoding", "Content-ID",
            ])
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
                "3735928559 INVITE",
                "3 \t FOO",
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

//! One whole message: start line, headers, body. Tolerant of how it is written, strict about what it means; knows no
//! other message, no transaction and no transport.

mod parsed;
mod read;

use std::ops::Range;

use super::defects::Defects;
use super::framing::{MAX_BODY, MAX_HEAD, MAX_LINE, has_binary};
use super::header::{
    ContactValue, Cseq, Headers, Lines, NameAddr, ReasonValue, Via, comma_list, is_field, long_name, number,
    split_field, split_name, trim,
};
use super::names::Names;
use super::start::{Method, StartLine};
use read::{Head, Known, RARE, known};

pub use parsed::Parsed;

/// A message, borrowed. Everything the trackers ask for at every message was found in the one pass of `parse`.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    raw: &'a [u8],
    parsed: Parsed,
}

/// What stands at the very beginning of a stream.
#[derive(Clone, Debug)]
pub enum Begin<'a> {
    /// A message, and all of it: its length is that of [`Message::raw`].
    Whole(Message<'a>),
    /// The head of a message that has so many bytes in all, of which some are missing. When they are there, what was found
    /// is to be [attached](Parsed::attach) to all of them.
    Head(Parsed, usize),
    /// A part of a head, to which these bytes belong to the last.
    Part,
    /// Something else, or a message that is not quite as usual: the question is left to [`frame_on`](super::frame_on).
    Unclear,
}

impl<'a> Message<'a> {
    /// Reads one datagram, or one message that `frame` cut out of a stream. `None`: this is not SIP.
    ///
    /// A header line that is cut off in the middle (no line end: the snap length) is left out, since half a Call-ID is
    /// another Call-ID. Of a header that may stand only once, the first one counts.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut parsed = Parsed::UNREAD;
        let Head { raw, len, declared } = Self::read_head(bytes, &mut parsed)?;
        let raw = match len {
            Some(len) => {
                let rest = raw.len().saturating_sub(len);
                let declared = declared.unwrap_or(rest);
                if declared > rest {
                    parsed.defects |= Defects::BODY_CUT;
                }
                raw.get(..len + declared.min(rest)).unwrap_or(raw)
            }
            None => raw,
        };
        Some(Self { raw, parsed })
    }

    /// Reads what stands at the very beginning of a stream in one go, as far as nothing is in doubt. What this finds,
    /// [`frame_on`](super::frame_on) and [`parse`](Self::parse) find too, one after the other: a test holds them equal.
    #[must_use]
    pub fn begin(bytes: &'a [u8]) -> Begin<'a> {
        let mut parsed = Parsed::UNREAD;
        let Some(Head { raw, len, declared }) = Self::read_head(bytes, &mut parsed) else { return Begin::Unclear };
        let line = bytes.get(..parsed.fields.start()).unwrap_or_default();
        if raw.len() < bytes.len() || len.unwrap_or(raw.len()) > MAX_HEAD || has_binary(line) {
            return Begin::Unclear;
        }
        let is_whole_line = line.len() <= MAX_LINE && line.ends_with(b"\n");
        match len.map(|len| (len, declared.unwrap_or(0))) {
            Some((_, declared)) if declared > MAX_BODY => Begin::Unclear,
            Some((len, declared)) => match raw.get(..len + declared) {
                Some(raw) => Begin::Whole(Self { raw, parsed }),
                None if is_whole_line => Begin::Head(parsed, len + declared),
                None => Begin::Unclear,
            },
            None if is_whole_line => Begin::Part,
            None => Begin::Unclear,
        }
    }

    /// The first line.
    #[must_use]
    pub fn start(&self) -> StartLine<'a> {
        self.parsed.start.line(self.raw)
    }

    /// Whether this is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        self.parsed.start.is_request()
    }

    /// The response's code, 100 to 699; `None` for a request and for a response whose code is none
    /// ([`Defects::STATUS_CODE`]).
    #[must_use]
    pub const fn code(&self) -> Option<u16> {
        match self.parsed.start.code {
            code @ 100..=699 => Some(code),
            _ => None,
        }
    }

    /// The Request-URI as sent, `None` for a response.
    #[must_use]
    pub fn request_uri(&self) -> Option<&'a [u8]> {
        self.is_request().then(|| self.parsed.start.text(self.raw))
    }

    /// A request's method; a response's CSeq method.
    #[must_use]
    pub fn method(&self) -> Option<Method<'a>> {
        if self.is_request() { Some(self.parsed.start.method(self.raw)) } else { self.cseq().map(|cseq| cseq.method) }
    }

    /// Call-ID (RFC 3261 20.8), as sent.
    #[must_use]
    pub fn call_id(&self) -> Option<&'a [u8]> {
        self.parsed.kept(Known::CallId).maybe_of(self.raw)
    }

    /// CSeq (RFC 3261 20.16); `None` also where it is not well-formed ([`Defects::CSEQ`]).
    #[must_use]
    pub fn cseq(&self) -> Option<Cseq<'a>> {
        let token = self.parsed.cseq_method.maybe_of(self.raw)?;
        Some(Cseq { number: self.parsed.cseq_number, method: self.parsed.cseq_verb.method(token) })
    }

    /// From (RFC 3261 20.20).
    #[must_use]
    pub fn from(&self) -> Option<NameAddr<'a>> {
        self.from_value().map(NameAddr::parse)
    }

    /// To (RFC 3261 20.39).
    #[must_use]
    pub fn to(&self) -> Option<NameAddr<'a>> {
        self.to_value().map(NameAddr::parse)
    }

    /// The From value, whole and raw.
    #[must_use]
    pub fn from_value(&self) -> Option<&'a [u8]> {
        self.parsed.kept(Known::From).maybe_of(self.raw)
    }

    /// The To value, whole and raw.
    #[must_use]
    pub fn to_value(&self) -> Option<&'a [u8]> {
        self.parsed.kept(Known::To).maybe_of(self.raw)
    }

    /// The URI of From, as [`from`](Self::from) has it.
    #[must_use]
    pub fn from_uri(&self) -> Option<&'a [u8]> {
        self.from_value()?;
        Some(self.parsed.from_uri.of(self.raw))
    }

    /// The URI of To, as [`to`](Self::to) has it.
    #[must_use]
    pub fn to_uri(&self) -> Option<&'a [u8]> {
        self.to_value()?;
        Some(self.parsed.to_uri.of(self.raw))
    }

    /// The tag of From; an empty one is none.
    #[must_use]
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.parsed.from_tag.maybe_of(self.raw)
    }

    /// The tag of To; an empty one is none.
    #[must_use]
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.parsed.to_tag.maybe_of(self.raw)
    }

    /// The topmost Via value.
    #[must_use]
    pub fn top_via(&self) -> Option<Via<'a>> {
        let list = self.parsed.kept(Known::Via).maybe_of(self.raw)?;
        if self.parsed.via_list { comma_list(list).next().map(Via::parse) } else { Some(Via::parse(list)) }
    }

    /// The branch of the topmost Via value (RFC 3261 8.1.1.7); `None` if missing or empty.
    #[must_use]
    pub fn top_branch(&self) -> Option<&'a [u8]> {
        self.parsed.branch.maybe_of(self.raw)
    }

    /// How many Via values there are, comma-joined ones counted one by one.
    #[must_use]
    pub const fn via_count(&self) -> u16 {
        self.parsed.via_count
    }

    /// Every Via value, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> + use<'a> {
        self.values("via").flat_map(comma_list).map(Via::parse)
    }

    /// Raw value of the first Contact header field, perhaps several values in it.
    #[must_use]
    pub fn contact_value(&self) -> Option<&'a [u8]> {
        self.kept(Known::Contact)
    }

    /// The value of Contact where there is no other such field.
    #[must_use]
    pub fn only_contact_value(&self) -> Option<&'a [u8]> {
        if self.parsed.more_contacts { None } else { self.contact_value() }
    }

    /// Every Contact value of every Contact header field (RFC 3261 20.10).
    pub fn contacts(&self) -> impl Iterator<Item = ContactValue<'a>> + use<'a> {
        self.contact_list().map(ContactValue::parse)
    }

    fn contact_list(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let first = self.parsed.kept(Known::Contact);
        let behind = if self.parsed.more_contacts { self.raw.get(first.end()..self.parsed.fields.end()) } else { None };
        let others = values(behind.unwrap_or_default(), "contact");
        first.maybe_of(self.raw).into_iter().chain(others).flat_map(comma_list)
    }

    /// Every value of every Reason header field (RFC 3326).
    pub fn reasons(&self) -> impl Iterator<Item = ReasonValue<'a>> + use<'a> {
        self.values("reason").flat_map(comma_list).map(ReasonValue::parse)
    }

    /// Expires in seconds (RFC 3261 20.19). More than 2^32-1 counts as 2^32-1; what is no number is `None`.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        let seconds = number(self.kept(Known::Expires)?)?;
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Content-Type (RFC 3261 20.15), as sent.
    #[must_use]
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.kept(Known::ContentType).filter(|value| !value.is_empty())
    }

    /// Content-Length in bytes, as declared (RFC 3261 20.14).
    #[must_use]
    pub fn content_length(&self) -> Option<usize> {
        let bytes = number(self.kept(Known::ContentLength)?)?;
        Some(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// User-Agent, else Server (RFC 3261 20.41, 20.35).
    #[must_use]
    pub fn user_agent(&self) -> Option<&'a [u8]> {
        let said = |known| self.kept(known).filter(|value| !value.is_empty());
        said(Known::UserAgent).or_else(|| said(Known::Server))
    }

    /// Every header field in order: (name as sent, raw value with folds inside, blanks trimmed at both ends).
    ///
    /// Lines without a colon and a last line cut in the middle are left out.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        Headers::new(self.fields())
    }

    /// All values of one header by its long name in any case; finds its compact form too. Not split at commas.
    pub fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        values(self.lines_of(name), name)
    }

    /// The header lines among which those of this name are, if any are there.
    fn lines_of(&self, name: &str) -> &'a [u8] {
        if !self.may_have(&[name]) {
            return &[];
        }
        // Nearly always a single line.
        if RARE.may_hold(name.as_bytes()) { self.parsed.rare.of(self.raw) } else { self.fields() }
    }

    /// Whether a header of one of these long names may be there; where not, looking for them is in vain.
    #[must_use]
    pub fn may_have(&self, names: &[&str]) -> bool {
        // The names of headers that are kept are not added.
        names.iter().any(|name| {
            let name = name.as_bytes();
            known(name) != Known::Unasked || self.parsed.names.may_hold(name)
        })
    }

    /// Whether a header of these names may be there, as [`Message::may_have`] tells of each.
    #[must_use]
    pub const fn may_have_any(&self, names: Names) -> bool {
        self.parsed.names.meets(names)
    }

    /// The body: as long as Content-Length says, at most what was there; all that was there if it says nothing.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.raw.get(self.parsed.head_len as usize..).unwrap_or_default()
    }

    /// What is wrong with it. Addresses, Vias and names are judged here, when asked, not for every message.
    #[must_use]
    pub fn defects(&self) -> Defects {
        let mut defects = self.parsed.defects;
        if !Lines::new(self.fields()).all(is_field) {
            defects |= Defects::HEADER_LINE;
        }
        let sloppy = |value: Option<&'a [u8]>| value.is_some_and(|value| !NameAddr::is_well_formed(value));
        if sloppy(self.from_value())
            || sloppy(self.to_value())
            || !self.contact_list().all(|value| value == b"*" || NameAddr::is_well_formed(value))
        {
            defects |= Defects::ADDRESS;
        }
        if self.kept(Known::Expires).is_some_and(|value| number(value).is_none_or(|number| number > u32::MAX.into())) {
            defects |= Defects::EXPIRES;
        }
        if !self.values("via").all(Via::are_well_formed) {
            defects |= Defects::VIA;
        }
        if self.request_uri().is_some_and(super::uri::has_headers) {
            defects |= Defects::REQUEST_URI;
        }
        defects
    }

    /// Whether anything at all is wrong with it.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        !self.defects().is_empty()
    }

    /// From the start line to the blank line, both included; all there is if the blank line was not captured.
    #[must_use]
    pub fn head(&self) -> &'a [u8] {
        self.raw.get(..self.parsed.head_len as usize).unwrap_or(self.raw)
    }

    /// The value of a header that is kept, without the blanks around it.
    fn kept(&self, known: Known) -> Option<&'a [u8]> {
        self.parsed.kept(known).maybe_of(self.raw).map(trim)
    }

    /// The header lines that are whole, each with its line end; without the blank line.
    fn fields(&self) -> &'a [u8] {
        self.parsed.fields.of(self.raw)
    }

    /// Head and body, without junk before or bytes after them.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where it stands among these bytes, if it is part of them: not of a copy.
    #[must_use]
    pub fn place_in(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let from = self.raw.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
        let same = bytes.get(from..)?.get(..self.raw.len())?;
        (same.as_ptr() == self.raw.as_ptr()).then_some(from..from + self.raw.len())
    }
}

/// The values of one header among these lines.
fn values<'a, 'n>(fields: &'a [u8], name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    // Whether a line is one at all is asked last: few have the name.
    Lines::new(fields)
        .filter(move |line| {
            may_be_named(line, name) && split_name(line).is_some_and(|(sent, _)| is_named(sent, name)) && is_field(line)
        })
        .filter_map(split_field)
        .map(|(_, value)| value)
}

/// A line that begins with another letter, which is no compact name, need not be split.
#[inline]
fn may_be_named(line: &[u8], name: &str) -> bool {
    match line {
        [first, second, ..] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
            name.as_bytes().first().is_some_and(|begins| begins.eq_ignore_ascii_case(first))
        }
        _ => true,
    }
}

fn is_named(sent: &[u8], name: &str) -> bool {
    let is_it = |sent: &[u8]| sent.eq_ignore_ascii_case(name.as_bytes());
    if let [_] = sent { is_it(long_name(sent)) } else { is_it(sent) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::super::start::looks_like_sip;
    use super::super::text::text;
    use super::*;

    #[test]
    fn a_message_stands_in_the_bytes_that_it_was_read_from_and_in_no_copy() {
        let bytes = b"\r\n\r\nBYE sip:a SIP/2.0\r\nl: 1\r\n\r\nab".to_vec();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.place_in(&bytes), Some(4..bytes.len() - 1));
        assert_eq!(message.place_in(&bytes[3..]), Some(1..bytes.len() - 4));
        // Fewer than it takes, and the same elsewhere.
        assert_eq!(message.place_in(&bytes[5..]), None);
        assert_eq!(message.place_in(&bytes[..bytes.len() - 2]), None);
        assert_eq!(message.place_in(&bytes.clone()), None);
        assert_eq!(message.place_in(&[]), None);
    }

    #[test]
    fn start_lines() {
        type Case<'a> = (&'a str, &'a [u8], Option<(&'a str, &'a str, Defects)>);
        // Method or code, URI or phrase.
        let cases: &[Case<'_>] = &[
            ("request", b"INVITE sip:a@b SIP/2.0\r\n", Some(("INVITE", "sip:a@b", Defects::NONE))),
            ("no line end", b"INVITE sip:a@b SIP/2.0", Some(("INVITE", "sip:a@b", Defects::NONE))),
            ("tel", b"INVITE tel:+1555 SIP/2.0\n", Some(("INVITE", "tel:+1555", Defects::NONE))),
            ("IPv6", b"INVITE sip:[::1] SIP/2.0\n", Some(("INVITE", "sip:[::1]", Defects::NONE))),
            ("unknown method", b"FOO sip:a SIP/2.0\n", Some(("FOO", "sip:a", Defects::NONE))),
            ("a method called SIP", b"SIP sip:a SIP/2.0\n", Some(("SIP", "sip:a", Defects::NONE))),
            ("lower-case version", b"BYE sip:a sip/2.0\n", Some(("BYE", "sip:a", Defects::NONE))),
            ("no scheme", b"BYE 1234 SIP/2.0\n", Some(("BYE", "1234", Defects::NONE))),
            ("tabs", b"BYE\tsip:a\tSIP/2.0\n", Some(("BYE", "sip:a", Defects::NONE))),
            ("version 1.0", b"BYE sip:a SIP/1.0\n", Some(("BYE", "sip:a", Defects::VERSION))),
            ("response", b"SIP/2.0 200 OK\r\n", Some(("200", "OK", Defects::NONE))),
            ("own phrase", b"SIP/2.0 486 Busy  Now\n", Some(("486", "Busy  Now", Defects::NONE))),
            ("Latin-1", b"SIP/2.0 404 caf\xe9\n", Some(("404", "caf\u{fffd}", Defects::NONE))),
            ("code not in the catalogue", b"SIP/2.0 699 x\n", Some(("699", "x", Defects::NONE))),
            ("blanks", b"SIP/2.0  200  OK\n", Some(("200", "OK", Defects::START_LINE))),
            ("code 99", b"SIP/2.0 99 x\n", None),
            ("code 2x0", b"SIP/2.0 2x0 x\n", None),
            ("code 999", b"SIP/2.0 999 x\n", Some(("0", "x", Defects::STATUS_CODE))),
            ("keep-alive before", b"\r\n\r\nBYE sip:a SIP/2.0\n", Some(("BYE", "sip:a", Defects::NONE))),
            ("NULs before", b"\0\0\0\0BYE sip:a SIP/2.0\n", Some(("BYE", "sip:a", Defects::JUNK))),
            ("BOM before", b"\xef\xbb\xbfSIP/2.0 200 OK\n", Some(("200", "OK", Defects::JUNK))),
            ("blanks before", b"  BYE sip:a SIP/2.0\n", Some(("BYE", "sip:a", Defects::JUNK))),
            ("half a code", b"SIP/2.0 20", None),
            ("half a version", b"INVITE sip:a@b SIP/2.", None),
            ("prose", b"SIP/2.0 is a protocol\n", None),
            ("prose that ends so", b"this is no line of SIP/2.0\n", None),
            ("no URI", b"INVITE SIP/2.0\n", None),
            ("HTTP", b"NOTIFY /x HTTP/1.1\r\n", None),
            ("HTTP with SIP inside", b"POST /x HTTP/1.1\r\n\r\nINVITE sip:a SIP/2.0\r\n\r\n", None),
            ("SSDP", b"NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n", None),
            ("SSDP's answer", b"HTTP/1.1 200 OK\r\n", None),
            ("RTSP", b"OPTIONS rtsp://a RTSP/1.0\r\n", None),
            ("STUN", b"\x00\x01\x00\x00\x21\x12\xa4\x42BYE sip:a SIP/2.0\n", None),
            ("DNS", b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x00", None),
            ("RTP with SIP inside", b"\x80BYE sip:a SIP/2.0\n", None),
            ("too much junk", &[0; 70], None),
            ("nothing", b"", None),
            ("keep-alive", b"\r\n\r\n", None),
        ];
        for (name, bytes, expected) in cases {
            let got = Message::parse(bytes);
            assert_eq!(looks_like_sip(bytes), got.is_some(), "{name}");
            let got = got.map(|message| {
                let defects = message.parsed.defects.without(Defects::TRUNCATED | Defects::MISSING);
                match message.start() {
                    StartLine::Request { method, uri } => (text(method.token()), text(uri), defects),
                    StartLine::Response { code, phrase } => (code.to_string(), text(phrase), defects),
                }
            });
            assert_eq!(got, expected.map(|(word, rest, defects)| (word.into(), rest.into(), defects)), "{name}");
        }
    }

    const LONG: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP c\r\n\
        From: \"A\" <sip:a@b>;tag=f\r\nTo: <sip:c@d>;tag=t\r\nCall-ID: x@y\r\nCSeq: 2 REGISTER\r\n\
        Contact: <sip:1@a>;expires=9\r\nContact: <sip:2@a>, <sip:3@a>\r\nExpires: 60\r\nServer: S\r\n\
        Reason: SIP;cause=1\r\nReason: Q.850;cause=2\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nabc";

    fn check(sent: &str, name: &str) {
        let message = Message::parse(sent.as_bytes()).unwrap();
        let text = |bytes: Option<&[u8]>| bytes.map(text);
        assert_eq!((message.code(), message.is_request()), (Some(200), false), "{name}");
        assert_eq!(message.method(), Some(Method::Register), "{name}");
        assert_eq!(text(message.call_id()).as_deref(), Some("x@y"), "{name}");
        assert_eq!(message.cseq(), Some(Cseq { number: 2, method: Method::Register }), "{name}");
        assert_eq!(text(message.from().map(|from| from.uri)).as_deref(), Some("sip:a@b"), "{name}");
        assert_eq!(text(message.to().map(|to| to.uri)).as_deref(), Some("sip:c@d"), "{name}");
        assert_eq!(text(message.from_tag()).as_deref(), Some("f"), "{name}");
        assert_eq!(text(message.to_tag()).as_deref(), Some("t"), "{name}");
        assert_eq!(text(message.top_via().and_then(|via| via.branch)).as_deref(), Some("z9hG4bK1"), "{name}");
        assert_eq!((message.via_count(), message.vias().count()), (3, 3), "{name}");
        assert_eq!(message.contacts().count(), 3, "{name}");
        assert_eq!(message.contacts().next().and_then(|contact| contact.expires()), Some(9), "{name}");
        assert_eq!(message.reasons().filter_map(|reason| reason.cause).collect::<Vec<_>>(), [1, 2], "{name}");
        assert_eq!((message.expires(), message.content_length()), (Some(60), Some(2)), "{name}");
        assert_eq!(text(message.content_type()).as_deref(), Some("a/b"), "{name}");
        assert_eq!(text(message.user_agent()).as_deref(), Some("S"), "{name}");
        assert_eq!(message.body(), b"ab", "{name}");
        assert_eq!(message.values("Contact").count(), 2, "{name}");
        assert_eq!(message.values("nothing").count(), 0, "{name}");
        assert_eq!(message.defects(), Defects::NONE, "{name}");
        assert_eq!(message.raw().len(), sent.len() - 1, "{name}");
    }

    #[test]
    fn however_it_is_written() {
        check(LONG, "long names");
        check(&LONG.replace("\r\n", "\n"), "bare LF");
        check(&LONG.replace(": ", " \t:  "), "blanks around the colon");
        check(&LONG.replace(": ", ":"), "no blanks");
        check(&LONG.replace(": ", ":\r\n "), "folds after the colon");
        check(&LONG.replace(';', "\r\n\t; "), "folds before parameters");
        check(&LONG.replacen("SIP/2.0/UDP", "SIP / 2.0\r\n / UDP", 1), "blanks in Via");
        let (head, body) = LONG.split_once("\r\n\r\n").unwrap();
        let (start, fields) = head.split_once("\r\n").unwrap();
        check(
            &format!("{start}\r\n{}\r\n\r\n{body}", fields.replace("Call-ID", "CALL-ID").replace("From", "fROM")),
            "case",
        );
        let mut compact = fields.to_owned();
        for (long, short) in [
            ("Via:", "v:"),
            ("From:", "F:"),
            ("To:", "t:"),
            ("Call-ID:", "i:"),
            ("Contact:", "M:"),
            ("Content-Type:", "c:"),
            ("Content-Length:", "L:"),
        ] {
            compact = compact.replace(long, short);
        }
        check(&format!("{start}\r\n{compact}\r\n\r\n{body}"), "compact names");
    }

    #[test]
    fn a_name_that_is_there_is_never_overlooked() {
        // What trackers ask for, beside what is in nearly every message.
        let asked = [
            "reason",
            "event",
            "refer-to",
            "referred-by",
            "authorization",
            "proxy-authorization",
            "replaces",
            "record-route",
            "session-id",
        ];
        for name in asked {
            let sent = [name.to_owned(), name.to_uppercase(), format!("{name} "), format!("\r{name}")];
            for sent in sent.iter().chain(compact(name).iter()) {
                let text = format!("BYE sip:a SIP/2.0\r\nVia: v\r\nAllow: x\r\n{sent}: 1\r\nk: y\r\n\r\n");
                let message = Message::parse(text.as_bytes()).unwrap();
                assert_eq!(message.values(name).collect::<Vec<_>>(), [b"1"], "{sent:?}");
            }
        }
        let usual = [
            "max-forwards",
            "allow",
            "supported",
            "require",
            "session-expires",
            "min-se",
            "route",
            "date",
            "allow-events",
            "accept",
            "p-asserted-identity",
            "remote-party-id",
            "privacy",
            "x-fs-support",
            "p-early-media",
            "accept-language",
            "rseq",
            "rack",
        ];
        let mut names = Names::EMPTY;
        usual.iter().for_each(|name| names = names.and(Names::one(name.as_bytes())));
        let mistaken = asked.iter().filter(|name| names.may_hold(name.as_bytes())).count();
        assert!(mistaken == 0, "{mistaken} names look as if they were in every message");
    }

    /// The compact form of a name.
    fn compact(name: &str) -> Option<String> {
        let stands_for = |letter: &u8| long_name(std::slice::from_ref(letter)) == name.as_bytes();
        (b'a'..=b'z').find(stands_for).map(|letter| char::from(letter).to_string())
    }

    #[test]
    fn user_agent_comes_before_server() {
        let message = Message::parse(b"BYE sip:a SIP/2.0\r\nServer: s\r\nUser-Agent: u\r\n\r\n").unwrap();
        assert_eq!(message.user_agent(), Some(b"u".as_slice()));
    }

    #[test]
    fn bodies() {
        let cases: &[(&str, &str, &str, Defects)] = &[
            ("exact", "l: 3\r\n\r\nabc", "abc", Defects::NONE),
            ("bytes after it", "l: 2\r\n\r\nabc", "ab", Defects::NONE),
            ("none declared", "\r\nabc", "abc", Defects::NONE),
            ("declared too large", "l: 9\r\n\r\nabc", "abc", Defects::BODY_CUT),
            ("beyond all bounds", "l: 99999999999999999999999\r\n\r\nabc", "abc", Defects::BODY_CUT),
            ("negative", "l: -1\r\n\r\nabc", "abc", Defects::CONTENT_LENGTH),
            ("a blank line in it", "\r\na\r\n\r\nb", "a\r\n\r\nb", Defects::NONE),
            ("cut head", "l: 3\r\nUser-Agent: x", "", Defects::TRUNCATED),
        ];
        for (name, tail, body, defects) in cases {
            let bytes = format!("BYE sip:a SIP/2.0\r\n{tail}");
            let message = Message::parse(bytes.as_bytes()).unwrap();
            assert_eq!(message.body(), body.as_bytes(), "{name}");
            assert_eq!(message.defects().without(Defects::MISSING | Defects::VIA), *defects, "{name}");
            assert_eq!(message.user_agent(), None, "{name}");
        }
    }

    #[test]
    fn what_is_cut_in_the_middle_is_left_out() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("whole", "i: abc\r\n", Some("abc")),
            ("whole, LF", "i: abc\n", Some("abc")),
            ("cut in the value", "i: ab", None),
            ("cut in the line end", "i: abc\r", None),
            ("cut in the fold", "i: abc\r\n d", None),
            ("cut in the second fold", "i:\r\n abc\r\n\td", None),
            ("cut in the name of the next", "i: abc\r\nCSe", Some("abc")),
        ];
        for (name, tail, expected) in cases {
            let bytes = format!("BYE sip:a SIP/2.0\r\nl: 0\r\n{tail}");
            let message = Message::parse(bytes.as_bytes()).unwrap();
            assert_eq!(message.call_id().map(text).as_deref(), *expected, "{name}");
            assert_eq!(message.values("call-id").next(), message.call_id(), "{name}");
            assert_eq!(message.defects(), Defects::TRUNCATED, "{name}");
        }
    }

    #[test]
    fn expires() {
        for (sent, expected) in [
            ("3600", Some(3600)),
            ("0", Some(0)),
            ("4294967295", Some(u32::MAX)),
            ("99999999999", Some(u32::MAX)),
            ("Thu, 01 Dec 1994 16:00:00 GMT", None),
            ("", None),
        ] {
            let bytes = format!("BYE sip:a SIP/2.0\r\nExpires: {sent}\r\n\r\n");
            assert_eq!(Message::parse(bytes.as_bytes()).unwrap().expires(), expected, "{sent}");
        }
    }
}

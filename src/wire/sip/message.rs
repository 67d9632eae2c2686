//! One whole message: start line, headers, body. Tolerant of how it is written, strict about what it means; knows no
//! other message, no transaction and no transport.

mod parsed;

use memchr::{memchr, memchr_iter};

use super::defects::Defects;
use super::framing::{MAX_BODY, MAX_HEAD, has_binary};
use super::header::{
    ContactValue, Cseq, Headers, Lines, NameAddr, ReasonValue, Via, comma_list, is_field, long_name, number,
    split_field, split_name, trim,
};
use super::names::Names;
use super::start::{Method, StartLine, junk_len, start_line};

pub use parsed::Parsed;

/// A message, borrowed. Everything the trackers ask for at every message was found in the one pass of `parse`.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    start: StartLine<'a>,
    raw: &'a [u8],
    head: &'a [u8],
    /// The header lines that are whole, each with its line end; without the blank line.
    fields: &'a [u8],
    body: &'a [u8],
    call_id: Option<&'a [u8]>,
    cseq: Option<Cseq<'a>>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    from_tag: Option<&'a [u8]>,
    to_tag: Option<&'a [u8]>,
    /// The topmost Via field, and whether there are commas in it.
    via: Option<&'a [u8]>,
    via_list: bool,
    via_count: u16,
    contact: Option<&'a [u8]>,
    more_contacts: bool,
    expires: Option<u32>,
    content_length: Option<usize>,
    content_type: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    names: Names,
    defects: Defects,
}

/// The headers that `parse` keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
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

/// What a header line holds that is written as RFC 3261 writes it: which of the headers that are kept, and its value.
/// `None` leaves it to `split_name` and `known`, which read every way to write it, and this one no differently: a test
/// holds them equal. The first bytes tell nearly all of them apart, and nobody looks for the colon.
#[inline]
const fn usual(line: &[u8]) -> Option<(Known, &[u8])> {
    Some(match line {
        [b'V', b'i', b'a', b':', value @ ..] => (Known::Via, value),
        [b'F', b'r', b'o', b'm', b':', value @ ..] => (Known::From, value),
        [b'T', b'o', b':', value @ ..] => (Known::To, value),
        [b'C', b'a', b'l', b'l', b'-', b'I', b'D', b':', value @ ..] => (Known::CallId, value),
        [b'C', b'S', b'e', b'q', b':', value @ ..] => (Known::Cseq, value),
        [b'C', b'o', b'n', b't', b'a', b'c', b't', b':', value @ ..] => (Known::Contact, value),
        [b'C', b'o', b'n', b't', b'e', b'n', b't', b'-', b'L', b'e', b'n', b'g', b't', b'h', b':', value @ ..] => {
            (Known::ContentLength, value)
        }
        [b'C', b'o', b'n', b't', b'e', b'n', b't', b'-', b'T', b'y', b'p', b'e', b':', value @ ..] => {
            (Known::ContentType, value)
        }
        [b'E', b'x', b'p', b'i', b'r', b'e', b's', b':', value @ ..] => (Known::Expires, value),
        [b'S', b'e', b'r', b'v', b'e', b'r', b':', value @ ..] => (Known::Server, value),
        [b'U', b's', b'e', b'r', b'-', b'A', b'g', b'e', b'n', b't', b':', value @ ..] => (Known::UserAgent, value),
        _ => return None,
    })
}

/// Which header a name stands for, in any case; recognised by length first.
fn known(name: &[u8]) -> Known {
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

impl<'a> Message<'a> {
    /// Reads one datagram, or one message that `frame` cut out of a stream. `None`: this is not SIP.
    ///
    /// A header line that is cut off in the middle (no line end: the snap length) is left out, since half a Call-ID is
    /// another Call-ID. Of a header that may stand only once, the first one counts.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut message = Self::UNREAD;
        if let Some(rest) = message.read_head(bytes)? {
            message.take_body(rest, message.content_length.unwrap_or(rest.len()));
        }
        message.judge();
        Some(message)
    }

    /// Reads the message at the very beginning of a stream in one go, where all of it is there and nothing in doubt:
    /// its length is then that of [`raw`](Self::raw). `None` leaves the question to [`frame`](super::frame). Where this
    /// gives a message, `frame` gives its length and [`parse`](Self::parse) reads the same: a test holds them equal.
    #[must_use]
    pub fn parse_whole(bytes: &'a [u8]) -> Option<Self> {
        let mut message = Self::UNREAD;
        let rest = message.read_head(bytes)??;
        let declared = message.content_length.unwrap_or(0);
        let line = bytes.len() - message.fields.len() - rest.len();
        let bounded = message.head.len() <= MAX_HEAD && declared <= MAX_BODY.min(rest.len());
        if message.raw.len() < bytes.len() || !bounded || has_binary(bytes.get(..line)?) {
            return None;
        }
        message.take_body(rest.get(..declared)?, declared);
        message.judge();
        Some(message)
    }

    const UNREAD: Self = Self {
        start: StartLine::Response { code: 0, phrase: &[] },
        raw: &[],
        head: &[],
        fields: &[],
        body: &[],
        call_id: None,
        cseq: None,
        from: None,
        to: None,
        from_tag: None,
        to_tag: None,
        via: None,
        via_list: false,
        via_count: 0,
        contact: None,
        more_contacts: false,
        expires: None,
        content_length: None,
        content_type: None,
        user_agent: None,
        names: Names::EMPTY,
        defects: Defects::NONE,
    };

    /// Reads start line and headers, and gives what follows the blank line, if that is there. `None`: this is not SIP.
    #[inline]
    fn read_head(&mut self, bytes: &'a [u8]) -> Option<Option<&'a [u8]>> {
        let junk = junk_len(bytes)?;
        let raw = bytes.get(junk..)?;
        let found = start_line(raw)?;
        (self.start, self.defects, self.raw, self.head) = (found.line, found.defects, raw, raw);
        if junk > 0 && bytes.iter().take(junk).any(|byte| !matches!(byte, b'\r' | b'\n')) {
            self.defects |= Defects::JUNK;
        }
        let lines = raw.get(found.len..).unwrap_or_default();
        let (fields_len, blank_len) = self.read_fields(lines);
        self.fields = lines.get(..fields_len).unwrap_or_default();
        if blank_len == 0 {
            self.defects |= Defects::TRUNCATED;
            return Some(None);
        }
        let (head, rest) = raw.split_at_checked(found.len + fields_len + blank_len)?;
        self.head = head;
        Some(Some(rest))
    }

    /// The body is `declared` bytes long, as far as there is a rest.
    fn take_body(&mut self, rest: &'a [u8], declared: usize) {
        if declared > rest.len() {
            self.defects |= Defects::BODY_CUT;
        }
        self.body = rest.get(..declared).unwrap_or(rest);
        self.raw = self.raw.get(..self.head.len() + self.body.len()).unwrap_or_default();
    }

    /// Goes through the header lines; gives the length of the whole ones and that of the blank line after them, which
    /// is 0 if the bytes ended before it.
    fn read_fields(&mut self, lines: &'a [u8]) -> (usize, usize) {
        let mut server = None;
        let mut line_ends = memchr_iter(b'\n', lines);
        let mut at = 0;
        let blank = 'head: loop {
            match lines.get(at..) {
                Some([b'\n', ..]) => break 1,
                Some([b'\r', b'\n', ..]) => break 2,
                _ => {}
            }
            let Some(mut end) = line_ends.next() else { break 0 };
            while let Some(b' ' | b'\t') = lines.get(end + 1) {
                match line_ends.next() {
                    Some(next) => end = next,
                    None => break 'head 0,
                }
            }
            let line = lines.get(at..end).unwrap_or_default();
            if let Some((field, value)) = usual(line) {
                self.take_field(field, trim(value), &mut server);
            } else if let Some((name, value)) = split_name(line) {
                match known(name) {
                    // Half of the lines are nothing that is asked for: those are not even trimmed.
                    Known::Unasked => self.names.add(name),
                    field => self.take_field(field, trim(value), &mut server),
                }
            }
            at = end + 1;
        };
        self.user_agent = self.user_agent.or(server);
        (at, blank)
    }

    /// Out of line, so that the loop over the lines keeps its own few variables in registers.
    #[inline(never)]
    fn take_field(&mut self, field: Known, value: &'a [u8], server: &mut Option<&'a [u8]>) {
        let mut repeated = false;
        // An empty value says nothing, so it is as good as missing.
        let said = Some(value).filter(|value| !value.is_empty());
        let mut once = |slot: &mut Option<&'a [u8]>| {
            repeated = slot.is_some();
            *slot = slot.or(said);
        };
        match field {
            Known::Unasked => {}
            Known::CallId => once(&mut self.call_id),
            Known::From => once(&mut self.from),
            Known::To => once(&mut self.to),
            Known::ContentType => once(&mut self.content_type),
            Known::UserAgent => self.user_agent = self.user_agent.or(said),
            Known::Server => *server = server.or(said),
            Known::Contact => {
                self.more_contacts |= self.contact.is_some();
                self.contact = self.contact.or(Some(value));
            }
            Known::Via => {
                let list = memchr(b',', value).is_some();
                if self.via.is_none() {
                    (self.via, self.via_list) = (said, list);
                }
                let values = if list { comma_list(value).count() } else { usize::from(!value.is_empty()) };
                self.via_count = self.via_count.saturating_add(u16::try_from(values).unwrap_or(u16::MAX));
            }
            Known::Cseq => {
                repeated = self.cseq.is_some();
                if !repeated {
                    self.cseq = Cseq::parse(value);
                    if self.cseq.is_none() {
                        self.defects |= Defects::CSEQ;
                    }
                }
            }
            Known::Expires => {
                repeated = self.expires.is_some();
                if !repeated {
                    let seconds = number(value);
                    self.expires = seconds.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
                    if seconds.is_none_or(|seconds| seconds > u64::from(u32::MAX)) {
                        self.defects |= Defects::EXPIRES;
                    }
                }
            }
            Known::ContentLength => {
                repeated = self.content_length.is_some();
                if !repeated {
                    self.content_length = number(value).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
                    if self.content_length.is_none() {
                        self.defects |= Defects::CONTENT_LENGTH;
                    }
                }
            }
        }
        if repeated {
            self.defects |= Defects::REPEATED;
        }
    }

    /// What can only be judged when all header lines are read.
    fn judge(&mut self) {
        let tag = |value: Option<&'a [u8]>| NameAddr::tag_of(value?);
        self.from_tag = tag(self.from);
        self.to_tag = tag(self.to);
        if let (StartLine::Request { method, .. }, Some(cseq)) = (self.start, self.cseq)
            && method != cseq.method
        {
            self.defects |= Defects::CSEQ_METHOD;
        }
        let whole = self.call_id.is_some() && self.from.is_some() && self.to.is_some() && self.via.is_some();
        let cseq = self.cseq.is_some() || self.defects.contains(Defects::CSEQ);
        // What was cut off is not missing.
        if !(self.defects.truncated() || whole && cseq) {
            self.defects |= Defects::MISSING;
        }
    }

    /// The first line.
    #[must_use]
    pub const fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// Whether this is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The response's code, 100 to 699; `None` for a request and for a response whose code is none
    /// ([`Defects::STATUS_CODE`]).
    #[must_use]
    pub const fn code(&self) -> Option<u16> {
        match self.start {
            StartLine::Response { code: code @ 100..=699, .. } => Some(code),
            _ => None,
        }
    }

    /// The Request-URI as sent, `None` for a response.
    #[must_use]
    pub const fn request_uri(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Response { .. } => None,
        }
    }

    /// A request's method; a response's CSeq method.
    #[must_use]
    pub fn method(&self) -> Option<Method<'a>> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => self.cseq.map(|cseq| cseq.method),
        }
    }

    /// Call-ID (RFC 3261 20.8), as sent.
    #[must_use]
    pub const fn call_id(&self) -> Option<&'a [u8]> {
        self.call_id
    }

    /// CSeq (RFC 3261 20.16); `None` also where it is not well-formed ([`Defects::CSEQ`]).
    #[must_use]
    pub const fn cseq(&self) -> Option<Cseq<'a>> {
        self.cseq
    }

    /// From (RFC 3261 20.20).
    #[must_use]
    pub fn from(&self) -> Option<NameAddr<'a>> {
        self.from.map(NameAddr::parse)
    }

    /// To (RFC 3261 20.39).
    #[must_use]
    pub fn to(&self) -> Option<NameAddr<'a>> {
        self.to.map(NameAddr::parse)
    }

    /// The From value, whole and raw.
    #[must_use]
    pub const fn from_value(&self) -> Option<&'a [u8]> {
        self.from
    }

    /// The To value, whole and raw.
    #[must_use]
    pub const fn to_value(&self) -> Option<&'a [u8]> {
        self.to
    }

    /// The tag of From; an empty one is none.
    #[must_use]
    pub const fn from_tag(&self) -> Option<&'a [u8]> {
        self.from_tag
    }

    /// The tag of To; an empty one is none.
    #[must_use]
    pub const fn to_tag(&self) -> Option<&'a [u8]> {
        self.to_tag
    }

    /// The topmost Via value.
    #[must_use]
    pub fn top_via(&self) -> Option<Via<'a>> {
        let list = self.via?;
        if self.via_list { comma_list(list).next().map(Via::parse) } else { Some(Via::parse(list)) }
    }

    /// The branch of the topmost Via value (RFC 3261 8.1.1.7); `None` if missing or empty.
    #[must_use]
    pub fn top_branch(&self) -> Option<&'a [u8]> {
        super::branch::first(self.via?).or_else(|| self.top_via()?.branch)
    }

    /// How many Via values there are, comma-joined ones counted one by one.
    #[must_use]
    pub const fn via_count(&self) -> u16 {
        self.via_count
    }

    /// Every Via value, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> + use<'a> {
        self.values("via").flat_map(comma_list).map(Via::parse)
    }

    /// Raw value of the first Contact header field, perhaps several values in it.
    #[must_use]
    pub const fn contact_value(&self) -> Option<&'a [u8]> {
        self.contact
    }

    /// The same where there is no other Contact header field.
    #[must_use]
    pub const fn only_contact_value(&self) -> Option<&'a [u8]> {
        if self.more_contacts { None } else { self.contact }
    }

    /// Every Contact value of every Contact header field (RFC 3261 20.10).
    pub fn contacts(&self) -> impl Iterator<Item = ContactValue<'a>> + use<'a> {
        self.contact_list().map(ContactValue::parse)
    }

    fn contact_list(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let fields = if self.more_contacts { self.fields } else { &[] };
        self.contact.into_iter().filter(|_| fields.is_empty()).chain(values(fields, "contact")).flat_map(comma_list)
    }

    /// Every value of every Reason header field (RFC 3326).
    pub fn reasons(&self) -> impl Iterator<Item = ReasonValue<'a>> + use<'a> {
        self.values("reason").flat_map(comma_list).map(ReasonValue::parse)
    }

    /// Expires in seconds (RFC 3261 20.19). More than 2^32-1 counts as 2^32-1; what is no number is `None`.
    #[must_use]
    pub const fn expires(&self) -> Option<u32> {
        self.expires
    }

    /// Content-Type (RFC 3261 20.15), as sent.
    #[must_use]
    pub const fn content_type(&self) -> Option<&'a [u8]> {
        self.content_type
    }

    /// Content-Length in bytes, as declared (RFC 3261 20.14).
    #[must_use]
    pub const fn content_length(&self) -> Option<usize> {
        self.content_length
    }

    /// User-Agent, else Server (RFC 3261 20.41, 20.35).
    #[must_use]
    pub const fn user_agent(&self) -> Option<&'a [u8]> {
        self.user_agent
    }

    /// Every header field in order: (name as sent, raw value with folds inside, blanks trimmed at both ends).
    ///
    /// Lines without a colon and a last line cut in the middle are left out.
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        Headers::new(self.fields)
    }

    /// All values of one header by its long name in any case; finds its compact form too. Not split at commas.
    pub fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        values(if self.may_have(&[name]) { self.fields } else { &[] }, name)
    }

    /// Whether a header of one of these long names may be there; where not, looking for them is in vain.
    #[must_use]
    pub fn may_have(&self, names: &[&str]) -> bool {
        // The names of headers that are kept are not added.
        names.iter().any(|name| known(name.as_bytes()) != Known::Unasked || self.names.may_hold(name))
    }

    /// Whether a header of these names may be there, as [`Message::may_have`] tells of each.
    #[must_use]
    pub const fn may_have_any(&self, names: Names) -> bool {
        self.names.meets(names)
    }

    /// The body: as long as Content-Length says, at most what was there; all that was there if it says nothing.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// What is wrong with it. Addresses, Vias and names are judged here, when asked, not for every message.
    #[must_use]
    pub fn defects(&self) -> Defects {
        let mut defects = self.defects;
        if !Lines::new(self.fields).all(is_field) {
            defects |= Defects::HEADER_LINE;
        }
        let sloppy = |value: Option<&'a [u8]>| value.is_some_and(|value| !NameAddr::is_well_formed(value));
        if sloppy(self.from)
            || sloppy(self.to)
            || !self.contact_list().all(|value| value == b"*" || NameAddr::is_well_formed(value))
        {
            defects |= Defects::ADDRESS;
        }
        if !self.values("via").all(Via::are_well_formed) {
            defects |= Defects::VIA;
        }
        if let StartLine::Request { uri, .. } = self.start
            && super::uri::has_headers(uri)
        {
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
    pub const fn head(&self) -> &'a [u8] {
        self.head
    }

    /// Head and body, without junk before or bytes after them.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
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
                let defects = message.defects.without(Defects::TRUNCATED | Defects::MISSING);
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
    fn usual_lines_are_read_as_all_are() {
        let names = "Via From To Call-ID CSeq Contact Expires Content-Length Content-Type User-Agent Server";
        for name in names.split(' ') {
            for line in [format!("{name}: a: b"), format!("{name}:"), format!("{name}:\r\n x\r")] {
                let plain = split_name(line.as_bytes()).map(|(name, value)| (known(name), value));
                assert_eq!(usual(line.as_bytes()), plain, "{line}");
            }
            let lower = format!("{}: x", name.to_lowercase());
            assert_eq!(usual(lower.as_bytes()), None);
            assert_ne!(split_name(lower.as_bytes()).map(|(name, _)| known(name)), Some(Known::Unasked), "{lower}");
            for other in [format!("{name} : x"), format!("{name}-X: x"), format!("X{name}: x"), name.to_owned()] {
                assert_eq!(usual(other.as_bytes()), None, "{other}");
            }
        }
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
        let usual = ["max-forwards", "allow", "supported", "require", "session-expires", "min-se", "route", "date"];
        let mut names = Names::EMPTY;
        usual.iter().for_each(|name| names.add(name.as_bytes()));
        let mistaken = asked.iter().filter(|name| names.may_hold(name)).count();
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

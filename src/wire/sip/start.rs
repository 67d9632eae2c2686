//! The first line: methods, codes, and whether bytes begin like SIP at all. Knows nothing of what follows the line.

use memchr::{memchr, memchr2};

use super::super::marks::{UpTo, find, near};
use super::defects::Defects;
use super::header::{is_blank, is_token, trim};
use super::span::Span;

/// A request method (RFC 3261 7.1). Case-sensitive; a token nobody registered is kept as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method<'a> {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Prack,
    Update,
    Info,
    Refer,
    Subscribe,
    Notify,
    Publish,
    Message,
    /// Any other token, as sent.
    Other(&'a [u8]),
}

/// Every method that has a name of its own, as written.
pub(super) const METHODS: [(&[u8], Method<'static>); 14] = [
    (b"INVITE", Method::Invite),
    (b"ACK", Method::Ack),
    (b"BYE", Method::Bye),
    (b"CANCEL", Method::Cancel),
    (b"REGISTER", Method::Register),
    (b"OPTIONS", Method::Options),
    (b"PRACK", Method::Prack),
    (b"UPDATE", Method::Update),
    (b"INFO", Method::Info),
    (b"REFER", Method::Refer),
    (b"SUBSCRIBE", Method::Subscribe),
    (b"NOTIFY", Method::Notify),
    (b"PUBLISH", Method::Publish),
    (b"MESSAGE", Method::Message),
];

impl<'a> Method<'a> {
    /// The method that a token names.
    #[must_use]
    pub fn from_token(token: &'a [u8]) -> Self {
        Verb::of(token).method(token)
    }

    /// As sent.
    #[must_use]
    pub const fn token(&self) -> &'a [u8] {
        match self {
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Bye => b"BYE",
            Self::Cancel => b"CANCEL",
            Self::Register => b"REGISTER",
            Self::Options => b"OPTIONS",
            Self::Prack => b"PRACK",
            Self::Update => b"UPDATE",
            Self::Info => b"INFO",
            Self::Refer => b"REFER",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Notify => b"NOTIFY",
            Self::Publish => b"PUBLISH",
            Self::Message => b"MESSAGE",
            Self::Other(token) => token,
        }
    }
}

/// A method in one byte: its place in [`METHODS`], counted from 1, or 0 for any other token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verb(u8);

impl Verb {
    pub(super) const OTHER: Self = Self(0);

    /// What a token names.
    #[inline]
    pub(super) fn of(token: &[u8]) -> Self {
        Self(match token {
            b"INVITE" => 1,
            b"ACK" => 2,
            b"BYE" => 3,
            b"CANCEL" => 4,
            b"REGISTER" => 5,
            b"OPTIONS" => 6,
            b"PRACK" => 7,
            b"UPDATE" => 8,
            b"INFO" => 9,
            b"REFER" => 10,
            b"SUBSCRIBE" => 11,
            b"NOTIFY" => 12,
            b"PUBLISH" => 13,
            b"MESSAGE" => 14,
            _ => 0,
        })
    }

    /// The method, whose token this is.
    #[inline]
    pub(super) fn method(self, token: &[u8]) -> Method<'_> {
        let known = usize::from(self.0).checked_sub(1).and_then(|at| METHODS.get(at));
        known.map_or(Method::Other(token), |(_, method)| *method)
    }
}

/// The first line (RFC 3261 7.1, 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// `METHOD request-uri SIP/2.0`
    Request {
        /// The method.
        method: Method<'a>,
        /// The Request-URI as sent, without the angle brackets that some put around it.
        uri: &'a [u8],
    },
    /// `SIP/2.0 code phrase`
    Response {
        /// 100 to 699; 0 where something else was sent ([`Defects::STATUS_CODE`]).
        code: u16,
        /// The reason phrase as sent, perhaps empty, perhaps not UTF-8.
        phrase: &'a [u8],
    },
}

/// How many bytes of junk may stand before the start line of a datagram.
const MAX_JUNK: usize = 64;

/// Whether these bytes begin like a SIP message: the cheap gate in front of `parse`, for every datagram.
///
/// True exactly where [`Message::parse`] finds a message. RTP and RTCP are turned away at the first byte.
#[must_use]
pub fn looks_like_sip(bytes: &[u8]) -> bool {
    let Some(junk) = junk_len(bytes) else { return false };
    bytes.get(junk..).is_some_and(|bytes| start_line(bytes).is_some())
}

/// How many bytes stand before the start line, `None` if no start line can follow.
///
/// RFC 3261 7.5 lets CRLFs stand there. Keep-alive NULs, blanks, byte order marks and length prefixes were seen too, so
/// up to 64 bytes that are not printable ASCII are skipped. A first byte of 0x80 to 0xBF is RTP's or RTCP's (RFC 7983)
/// and ends the matter: most packets of a capture leave here.
#[inline]
pub(super) fn junk_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        0x80..=0xBF => None,
        0x21..=0x7E => Some(0),
        _ => bytes.iter().take(MAX_JUNK + 1).position(|byte| matches!(byte, 0x21..=0x7E)),
    }
}

/// What a start line says, as places in the bytes that begin with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// The Request-URI or the reason phrase.
    text: Span,
    /// How long the method is that it begins with; 0 for a response.
    token_len: u16,
    /// 100 to 699; 0 where something else was sent, and for a request.
    pub(super) code: u16,
    pub(super) verb: Verb,
}

impl Start {
    pub(super) const NONE: Self = Self { text: Span::NONE, token_len: 0, code: 0, verb: Verb::OTHER };

    /// As a view of the bytes that it was read from.
    #[inline]
    pub(super) fn line(self, bytes: &[u8]) -> StartLine<'_> {
        if self.is_request() {
            StartLine::Request { method: self.method(bytes), uri: self.text(bytes) }
        } else {
            StartLine::Response { code: self.code, phrase: self.text(bytes) }
        }
    }

    #[inline]
    pub(super) const fn is_request(self) -> bool {
        self.token_len != 0
    }

    /// A request's method.
    #[inline]
    pub(super) fn method(self, bytes: &[u8]) -> Method<'_> {
        self.verb.method(bytes.get(..usize::from(self.token_len)).unwrap_or_default())
    }

    /// The Request-URI or the reason phrase.
    #[inline]
    pub(super) fn text(self, bytes: &[u8]) -> &[u8] {
        self.text.of(bytes)
    }
}

/// A start line as it was found.
pub(super) struct FoundStart {
    pub(super) start: Start,
    /// With the line end, if there was one.
    pub(super) len: usize,

    pub(super) defects: Defects,
}

/// Reads the start line at the very beginning of these bytes.
pub(super) fn start_line(bytes: &[u8]) -> Option<FoundStart> {
    start_line_to(bytes, memchr(b'\n', bytes).unwrap_or(bytes.len()))
}

/// The same, where the first line end is known to stand at `end`, which is behind the last byte where there is none.
#[inline(always)]
pub(super) fn start_line_to(bytes: &[u8], end: usize) -> Option<FoundStart> {
    usual(bytes, end).or_else(|| unusual(bytes))
}

/// The start line as nearly everybody writes it; `None` leaves the verdict to [`unusual`], which reads all there may be,
/// and this no differently: a test holds the two equal.
#[inline(always)]
fn usual(bytes: &[u8], end: usize) -> Option<FoundStart> {
    let line = bytes.get(..=end)?;
    let line = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n"))?;
    let start = if let Some(rest) = line.strip_prefix(b"SIP/2.0 ") {
        let [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', phrase @ ..] = rest else { return None };
        let at = line.len() - phrase.len();
        let is_plain = !matches!(phrase, [..=b' ', ..] | [.., ..=b' ']) && find(bytes, at, line.len(), 0) == line.len();
        if !is_plain || end + 1 >= Span::REACH {
            return None;
        }
        let code = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
        Start { text: Span::new(at, line.len()), code, ..Start::NONE }
    } else {
        let (before, version) = line.split_last_chunk()?;
        let token_len = find(bytes, 0, before.len(), b' ');
        let (token, uri) = before.split_at_checked(token_len)?;
        let verb = Verb::of(token);
        let is_plain = matches!(uri, [b' ', ..]) && !matches!(uri, [_] | [_, b'<', ..]);
        if verb == Verb::OTHER || version != b" SIP/2.0" || !is_plain {
            return None;
        }
        // The blank behind the Request-URI is the next one.
        if near(bytes, token_len + 1, UpTo(b' ')) != Some(before.len()) {
            return None;
        }
        Start { text: Span::new(token_len + 1, before.len()), token_len: token_len as u16, code: 0, verb }
    };
    Some(FoundStart { start, len: end + 1, defects: Defects::NONE })
}

/// Any start line there may be, within the reach of places.
#[inline(never)]
fn unusual(bytes: &[u8]) -> Option<FoundStart> {
    let (line, len) = first_line(bytes).filter(|(_, len)| *len < Span::REACH)?;
    let (line, defects) = any_start_line(line)?;
    let start = match line {
        StartLine::Request { method, uri } => {
            let token = method.token();
            Start { text: Span::within(bytes, uri), token_len: token.len() as u16, code: 0, verb: Verb::of(token) }
        }
        StartLine::Response { code, phrase } => Start { text: Span::within(bytes, phrase), code, ..Start::NONE },
    };
    Some(FoundStart { start, len, defects })
}

fn any_start_line(line: &[u8]) -> Option<(StartLine<'_>, Defects)> {
    let found = match line {
        [b'S' | b's', b'I' | b'i', b'P' | b'p', b'/', ..] => status_line(line),
        _ => None,
    };
    // A method may be called `SIP` or begin with it, thus no `else`.
    found.or_else(|| request_line(line))
}

/// The first line and its length with its end. `None` where a NUL stands in it: that is no text.
fn first_line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let Some(end) = memchr2(b'\n', 0, bytes) else { return Some((bytes, bytes.len())) };
    let (line, rest) = bytes.split_at_checked(end)?;
    (rest.first() == Some(&b'\n')).then(|| (line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// `SIP/` digits `.` digits, in any case (RFC 3261 7.1): whether it is, and whether it is 2.0.
fn version(word: &[u8]) -> Option<bool> {
    let (name, number) = word.split_at_checked(4)?;
    if !name.eq_ignore_ascii_case(b"SIP/") {
        return None;
    }
    if number == b"2.0" {
        return Some(true);
    }
    let dot = number.iter().position(|byte| *byte == b'.')?;
    let (major, minor) = (number.get(..dot)?, number.get(dot + 1..)?);
    let digits = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    (digits(major) && digits(minor)).then_some(false)
}

fn status_line(line: &[u8]) -> Option<(StartLine<'_>, Defects)> {
    let mut defects = Defects::NONE;
    let blank = line.iter().position(|byte| is_blank(*byte))?;
    if !version(line.get(..blank)?)? {
        defects |= Defects::VERSION;
    }
    let rest = line.get(blank + 1..)?;
    let text = trim(rest);
    let code_len = text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len());
    let (sent, after) = text.split_at_checked(code_len)?;
    let code = match sent {
        [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        // `SIP/2.0 4294967301 …` is a response, if a broken one; `SIP/2.0 4v1` and `SIP/2.0 is a protocol` are none.
        [_, _, _, ..] if sent.iter().all(u8::is_ascii_digit) => {
            defects |= Defects::STATUS_CODE;
            0
        }
        _ => return None,
    };
    if rest.first().is_some_and(|byte| is_blank(*byte)) || line.get(blank) != Some(&b' ') {
        defects |= Defects::START_LINE;
    }
    Some((StartLine::Response { code, phrase: trim(after) }, defects))
}

fn request_line(line: &[u8]) -> Option<(StartLine<'_>, Defects)> {
    // A method may be as long as its line: prose has blanks, and does not end in `SIP/2.0`.
    let method_len = line.iter().position(|byte| !is_token(*byte))?;
    if method_len == 0 || !matches!(line.get(method_len), Some(b' ' | b'\t')) {
        return None;
    }
    let method = line.get(..method_len)?;
    let rest = line.get(method_len + 1..)?;
    let text = trim(rest);
    let blank = text.iter().rposition(|byte| is_blank(*byte))?;
    let mut defects = if version(text.get(blank + 1..)?)? { Defects::NONE } else { Defects::VERSION };
    let between = text.get(..blank)?;
    let sent = trim(between);
    // One blank on either side of the Request-URI and none after the version, else RFC 4475 3.1.2.8 or 3.1.2.9.
    if text.len() != rest.len() || sent.len() != between.len() {
        defects |= Defects::START_LINE;
    }
    let uri = match sent {
        [b'<', inner @ .., b'>'] => {
            defects |= Defects::REQUEST_URI;
            trim(inner)
        }
        _ => sent,
    };
    if uri.is_empty() {
        return None;
    }
    if uri.iter().any(|byte| is_blank(*byte)) {
        // Blanks inside a URI are a slip; without a scheme in front it is prose that ends in `SIP/2.0`.
        super::uri::scheme(uri)?;
        defects |= Defects::REQUEST_URI;
    }
    let method = Method::from_token(method);
    Some((StartLine::Request { method, uri }, defects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn methods_are_what_their_tokens_say() {
        for (token, method) in METHODS {
            assert_eq!((Method::from_token(token), method.token()), (method, token));
        }
        assert_eq!(Method::from_token(b"invite"), Method::Other(b"invite"));
        assert_eq!(Method::Other(b"FOO").token(), b"FOO");
    }

    #[test]
    fn what_a_start_line_is_and_is_not() {
        let cases: &[(&str, &[u8], bool)] = &[
            ("request", b"INVITE sip:a@b SIP/2.0\r\n", true),
            ("bare LF", b"INVITE sip:a@b SIP/2.0\n", true),
            ("NUL in it", b"INVITE sip:a\0b SIP/2.0\r\n", false),
            ("NUL in the phrase", b"SIP/2.0 403 Wrong\0\r\n", false),
            ("response", b"SIP/2.0 486 Busy\r\n", true),
            ("no phrase, no blank", b"SIP/2.0 486\r\n", true),
            ("a code of ten digits", b"SIP/2.0 4294967301 better not\r\n", true),
            ("a code of two digits", b"SIP/2.0 40  Request Timeout\r\n", false),
            ("a code with a letter", b"SIP/2.0 4v1 nonce\r\n", false),
            ("prose", b"SIP/2.0 is a protocol\r\n", false),
        ];
        let long = [&[b'a'; 60_000][..], b" sip:a@b SIP/2.0\r\n"].concat();
        let padding = [&[b'a'; 60_000][..], b" and so on\r\n"].concat();
        let word = [b'a'; 60_000];
        let long: [(&str, &[u8], bool); 3] =
            [("a method of many letters", &long, true), ("no version", &padding, false), ("a word", &word, false)];
        for (name, line, expected) in cases.iter().chain(&long) {
            assert_eq!(start_line(line).is_some(), *expected, "{name}");
        }
    }

    #[test]
    fn usual_start_lines_are_read_as_such() {
        for line in ["INVITE sip:a@b SIP/2.0\n", "MESSAGE tel:1 SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "SIP/2.0 486 \n"] {
            let message = format!("{line}Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1edd770dff133a041;rport\r\n");
            assert!(usual(message.as_bytes(), line.len() - 1).is_some(), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_quick_reading_of_a_start_line_agrees_with_the_whole_one(
            begin in prop::sample::select(vec!["SIP/2.0 200 ", "SIP/2.0 ", "INVITE ", "SUBSCRIBE ", "SIP ", ""]),
            words in prop::collection::vec(prop::sample::select(vec![
                "BYE", " ", "  ", "\t", "\r", "\0", "\x1f", "sip:a@b", "<", ">", "SIP/2.0", " SIP/2.0", "sip/2.0", "SIP/1.0",
                "200", "099", "700", "OK", "\u{e9}", ":", "x", "\n",
            ]), 0..6),
            end in prop::sample::select(vec![" SIP/2.0", ""]),
            after in prop::sample::select(vec!["\r\n", "\n", "\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1edd770dff133a041;rport\r\n", "\n\0", "\0\n", ""]),
        ) {
            let bytes = [begin, &words.concat(), end, after].concat();
            let bytes = bytes.as_bytes();
            let told = |found: FoundStart| (found.start.line(bytes), found.start.verb, found.len, found.defects);
            if let Some(quick) = usual(bytes, memchr(b'\n', bytes).unwrap_or(bytes.len())) {
                prop_assert_eq!(Some(told(quick)), unusual(bytes).map(told));
            }
            let plain = first_line(bytes).and_then(|(line, _)| any_start_line(line));
            let read = start_line(bytes).map(|found| (found.start.line(bytes), found.defects));
            prop_assert_eq!(read, plain);
        }
    }
}

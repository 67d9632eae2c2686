//! Header values: names and their compact forms, comma lists, parameters, name-addr, Via, CSeq, Reason. One value at a
//! time; knows no message.

use memchr::{memchr, memchr2};

use super::super::marks::{Places, find, find_far};
use super::start::Method;

/// Linear white space of a value: blanks, and the line ends of folds (RFC 3261 25.1, LWS).
#[inline]
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The characters of a token (RFC 3261 25.1), as a table: every byte of every method passes here.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let (mut byte, mut rest) = (0_u8, table.as_mut_slice());
    while let [entry, after @ ..] = rest {
        *entry = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte = byte.wrapping_add(1);
        rest = after;
    }
    table
};

/// A character of a token (RFC 3261 25.1).
#[inline]
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Without the white space at both ends, folds included.
#[inline]
pub(super) const fn trim(bytes: &[u8]) -> &[u8] {
    match bytes {
        // What blanks part has none at its ends: most of what comes here.
        [first, .., last] if *first > b' ' && *last > b' ' => bytes,
        // `value\r` and ` value\r`, as a header line without its line end has them.
        [inner @ .., b'\r'] if matches!(inner, [first, .., last] if *first > b' ' && *last > b' ') => inner,
        [b' ', inner @ .., b'\r'] => trim_all(inner),
        _ => trim_all(bytes),
    }
}

#[inline]
const fn trim_all(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The bytes up to this place, and those after the one that stands there.
pub(super) fn split_around(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..).unwrap_or_default())
}

/// Nothing but digits; what is beyond `u64` counts as its largest.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| {
        digit.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    };
    if value.is_empty() { None } else { value.iter().try_fold(0, add) }
}

/// Where the quoted string that was opened just before these bytes is closed (RFC 3261 25.1, quoted-string).
fn closing_quote(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// The long name of a compact one (RFC 3261 7.3.3 and the registry of header fields); any other as it is.
#[must_use]
pub const fn long_name(name: &[u8]) -> &[u8] {
    let [letter] = name else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => b"accept-contact",
        b'b' => b"referred-by",
        b'c' => b"content-type",
        b'd' => b"request-disposition",
        b'e' => b"content-encoding",
        b'f' => b"from",
        b'i' => b"call-id",
        b'j' => b"reject-contact",
        b'k' => b"supported",
        b'l' => b"content-length",
        b'm' => b"contact",
        b'n' => b"identity-info",
        b'o' => b"event",
        b'r' => b"refer-to",
        b's' => b"subject",
        b't' => b"to",
        b'u' => b"allow-events",
        b'v' => b"via",
        b'x' => b"session-expires",
        b'y' => b"identity",
        _ => name,
    }
}

/// Iterator over header lines, folds inside, without their line ends; a last line without one is left out.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    lines: &'a [u8],
    at: usize,
    ends: Places<'a, u8>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(lines: &'a [u8]) -> Self {
        Self { lines, at: 0, ends: Places::new(lines, b'\n') }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut end = self.ends.next()?;
        while let Some(b' ' | b'\t') = self.lines.get(end + 1) {
            end = self.ends.next()?;
        }
        let line = self.lines.get(self.at..end)?;
        self.at = end + 1;
        Some(line)
    }
}

/// Name and value of a header line without the blanks around them. `None`: there is no colon, or no name before it.
///
/// Runs on every line of every head. Whether the name is one at all is not asked here: see [`is_field`].
#[inline]
pub(super) fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = split_name(line)?;
    Some((name, trim(value)))
}

/// As [`split_field`], but with the blanks around the value.
#[inline]
pub(super) fn split_name(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = split_around(line, colon(line)?);
    let name = trim(name);
    (!name.is_empty()).then_some((name, value))
}

/// Whether a header line has a name as RFC 3261 25.1 has it, and is not a sentence with a colon in it.
pub(super) fn is_field(line: &[u8]) -> bool {
    split_field(line).is_some_and(|(name, _)| name.iter().all(|byte| is_token(*byte)))
}

/// The first colon. Names are short, so eight bytes at a time in a register are faster than a call of `memchr`; a test
/// holds the two equal.
#[inline]
fn colon(line: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (mut at, mut rest) = (0, line);
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        // A byte of `zero` is 0 where the colon stands; the lowest byte that borrows is the first such one.
        let zero = u64::from_le_bytes(*chunk) ^ (ONES * b':' as u64);
        let found = zero.wrapping_sub(ONES) & !zero & (ONES << 7);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        (at, rest) = (at + 8, after);
    }
    rest.iter().position(|byte| *byte == b':').map(|last| at + last)
}

/// Iterator over header fields: (name as sent, raw value with folds inside, blanks trimmed at both ends).
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    lines: Lines<'a>,
}

impl<'a> Headers<'a> {
    /// Over whole header lines, line ends included.
    pub(super) fn new(lines: &'a [u8]) -> Self {
        Self { lines: Lines::new(lines) }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // As `is_field` has it, but with what was found.
        let is_named = |(name, _): &Self::Item| name.iter().all(|byte| is_token(*byte));
        self.lines.by_ref().filter_map(split_field).find(is_named)
    }
}

/// CSeq (RFC 3261 20.16). Exists only well-formed (number < 2^32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cseq<'a> {
    /// The sequence number.
    pub number: u32,
    /// The method.
    pub method: Method<'a>,
}

impl<'a> Cseq<'a> {
    /// Reads the value; white space of any kind and length may part number and method.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let (digits, rest) = value.split_at_checked(value.iter().position(|byte| is_blank(*byte))?)?;
        let method = trim(rest);
        let number = u32::try_from(number(digits)?).ok()?;
        (!method.is_empty() && method.iter().all(|byte| is_token(*byte))).then_some(())?;
        Some(Self { number, method: Method::from_token(method) })
    }
}

/// What stands behind a parameter's `=`, if there is one.
type ParamValue<'a> = Option<&'a [u8]>;

/// `;name=value` parameters; iterator of (name, value if there is one), quotes of values stripped, escapes kept.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    /// Over what follows an address, a sent-by or a token: everything before the first `;` is passed over.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        let rest = match bytes {
            [] | [b';', ..] => Some(bytes),
            _ => memchr(b';', bytes).and_then(|at| bytes.get(at..)),
        };
        Self { rest: rest.unwrap_or_default() }
    }

    /// The value of the first parameter of this name, in any case. One without a value counts as empty; ask
    /// [`Params::has`] for flags.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.find(name).map(Option::unwrap_or_default)
    }

    /// Whether there is a parameter of this name, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<ParamValue<'a>> {
        Iterator::find(&mut self.clone(), |(sent, _)| sent.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// From `;` to `;`: empty ones, and quotes that nobody closes, are slips.
    fn are_well_formed(&self) -> bool {
        let mut params = self.clone();
        while !params.rest.is_empty() {
            match params.step() {
                Some((name, _, closed)) if !name.is_empty() && closed => {}
                _ => return false,
            }
        }
        true
    }

    /// One parameter, perhaps without a name, and whether its quotes are closed.
    fn step(&mut self) -> Option<(&'a [u8], ParamValue<'a>, bool)> {
        let [b';', rest @ ..] = self.rest else { return None };
        // Names have a handful of bytes: fewer than a call of `memchr2` costs.
        let name_len = rest.iter().position(|byte| matches!(byte, b';' | b'=')).unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(name_len)?;
        let [b'=', after @ ..] = tail else {
            self.rest = tail;
            return Some((trim(name), None, true));
        };
        let lead = after.iter().position(|byte| !is_blank(*byte)).unwrap_or(after.len());
        let after = after.get(lead..)?;
        let (inner, closed) = match after {
            [b'"', quoted @ ..] => {
                let end = closing_quote(quoted);
                (end.map(|end| split_around(quoted, end)), end.is_some())
            }
            // Not allowed without quotes, but a URI that stands here keeps its own parameters.
            [b'<', ..] => (memchr(b'>', after).and_then(|end| after.split_at_checked(end + 1)), true),
            _ => (None, true),
        };
        let value = match inner {
            Some((value, tail)) => {
                self.rest = memchr(b';', tail).and_then(|at| tail.get(at..)).unwrap_or_default();
                value
            }
            None => {
                let end = memchr(b';', after).unwrap_or(after.len());
                let (value, tail) = after.split_at_checked(end)?;
                self.rest = tail;
                trim(value.strip_prefix(b"\"").unwrap_or(value))
            }
        };
        Some((trim(name), Some(value), closed))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (name, value, _) = self.step()?;
            if !name.is_empty() {
                return Some((name, value));
            }
        }
    }
}

/// name-addr or addr-spec of From, To, Contact (RFC 3261 20.10): `"Display" <uri>;params`.
#[derive(Clone, Debug)]
pub struct NameAddr<'a> {
    /// The display name without its quotes, escapes kept (see [`unquote`](super::unquote)); `None` if empty.
    pub display: Option<&'a [u8]>,
    /// The URI, without brackets. Without brackets around it, parameters belong to the header.
    pub uri: &'a [u8],
    /// What follows the address.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads the value. There is always one reading: quotes and brackets that are not closed end where they sensibly
    /// may.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        Self::read(value).0
    }

    /// Whether the value is written as RFC 3261 25.1 has it.
    pub(super) fn is_well_formed(value: &'a [u8]) -> bool {
        let (addr, clean) = Self::read(value);
        clean && !addr.uri.is_empty() && !addr.uri.iter().any(|byte| is_blank(*byte)) && addr.params.are_well_formed()
    }

    fn read(value: &'a [u8]) -> (Self, bool) {
        let value = trim(value);
        if let [b'<', inner @ ..] = value {
            return Self::bracketed(inner);
        }
        if let [b'"', quoted @ ..] = value {
            let Some(end) = closing_quote(quoted) else {
                // `"Mr. J. User <sip:j.user@example.com>`: the bracket ends the name.
                return (Self::from_bracket(quoted).0, false);
            };
            let (display, rest) = split_around(quoted, end);
            let rest = trim(rest);
            let (mut addr, clean) = match rest {
                [b'<', inner @ ..] => Self::bracketed(inner),
                _ if bracket(rest).is_some() => (Self::from_bracket(rest).0, false),
                _ => (Self::bare(rest).0, false),
            };
            addr.display = Some(trim(display)).filter(|display| !display.is_empty());
            return (addr, clean);
        }
        // `sip:joe@x;tag=1` has its parameters; `sip:joe@x <sip:joe@x>` and `Joe <sip:joe@x>` have a name.
        let (bare, clean) = Self::bare(value);
        let named = match super::uri::scheme(value) {
            Some(_) => value.get(bare.uri.len()..).is_some_and(|rest| matches!(trim(rest), [b'<', ..])),
            None => bracket(value).is_some(),
        };
        if named { Self::from_bracket(value) } else { (bare, clean) }
    }

    /// A display name that does not begin with a quote, then `<uri>`.
    fn from_bracket(value: &'a [u8]) -> (Self, bool) {
        let Some(open) = bracket(value) else { return (Self::bare(value).0, false) };
        let (display, inner) = split_around(value, open);
        let (mut addr, clean) = Self::bracketed(inner);
        let display = trim(display);
        addr.display = Some(display).filter(|display| !display.is_empty());
        (addr, clean && display.iter().all(|byte| is_token(*byte) || is_blank(*byte)))
    }

    /// What follows a `<`.
    fn bracketed(inner: &'a [u8]) -> (Self, bool) {
        let end = Some(find_far(inner, 0, inner.len(), b'>')).filter(|end| *end < inner.len());
        let (uri, rest) = match end {
            Some(end) => split_around(inner, end),
            // Never closed: a parameter is then the header's, or a tag would be lost.
            None => inner.split_at_checked(memchr(b';', inner).unwrap_or(inner.len())).unwrap_or((inner, &[])),
        };
        let clean = end.is_some() && trim(uri).len() == uri.len() && matches!(trim(rest), [] | [b';', ..]);
        (Self { display: None, uri: trim(uri), params: Params::parse(rest) }, clean)
    }

    /// addr-spec without brackets: commas, question marks and semicolons are not the URI's (RFC 3261 20.10).
    fn bare(value: &'a [u8]) -> (Self, bool) {
        let end = value.iter().position(|byte| matches!(byte, b';' | b'<') || is_blank(*byte)).unwrap_or(value.len());
        let (uri, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
        let clean = memchr2(b'?', b',', uri).is_none() && matches!(trim(rest), [] | [b';', ..]);
        (Self { display: None, uri, params: Params::parse(rest) }, clean)
    }

    /// The tag; an empty one is none.
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }
}

/// The first `<` outside quotes; quotes that nobody closes are none.
fn bracket(value: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'<', b'"', value.get(at..)?)?;
        if value.get(at) == Some(&b'<') {
            return Some(at);
        }
        let quoted = value.get(at + 1..)?;
        match closing_quote(quoted) {
            Some(end) => at += end + 2,
            None => return memchr(b'<', quoted).map(|end| at + 1 + end),
        }
    }
}

/// Via (RFC 3261 20.42).
#[derive(Clone, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, …, as sent; empty where the value does not begin with `SIP/2.0/transport`.
    pub transport: &'a [u8],
    /// Host and perhaps port, as sent.
    pub sent_by: &'a [u8],
    /// The branch parameter, with or without the magic cookie; `None` if missing or empty.
    pub branch: Option<&'a [u8]>,
    /// All parameters, `received` and `rport` among them.
    pub params: Params<'a>,
    /// The whole value.
    pub raw: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one value of a comma list.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        Self::read(value).0
    }

    /// Whether every value of a comma list is `SIP/2.0/transport sent-by;params`.
    pub(super) fn are_well_formed(list: &'a [u8]) -> bool {
        let mut values = comma_list(list).map(Via::read).peekable();
        values.peek().is_some()
            && values.all(|(via, clean)| clean && !via.sent_by.is_empty() && via.params.are_well_formed())
    }

    fn read(value: &'a [u8]) -> (Self, bool) {
        let raw = trim(value);
        let end = memchr(b';', raw).unwrap_or(raw.len());
        let (before, rest) = raw.split_at_checked(end).unwrap_or((raw, &[]));
        let params = Params::parse(rest);
        let branch = params.get("branch").filter(|branch| !branch.is_empty());
        let (transport, sent_by, clean) = sent_protocol(before).unwrap_or_else(|| (&[], trim(before), false));
        (Self { transport, sent_by, branch, params, raw }, clean)
    }
}

/// `SIP / 2.0 / UDP host:port` → transport, sent-by, whether protocol and version are SIP's own.
fn sent_protocol(value: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let (rest, clean) = match value.strip_prefix(b"SIP/2.0/") {
        Some(rest) => (rest, true),
        None => {
            let (protocol, rest) = split_around(value, memchr(b'/', value)?);
            let (version, rest) = split_around(rest, memchr(b'/', rest)?);
            (rest, trim(protocol).eq_ignore_ascii_case(b"SIP") && trim(version) == b"2.0")
        }
    };
    let rest = trim(rest);
    let end = rest.iter().position(|byte| is_blank(*byte)).unwrap_or(rest.len());
    let (transport, sent_by) = rest.split_at_checked(end)?;
    Some((transport, trim(sent_by), clean))
}

/// Reason (RFC 3326): one value of a comma list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonValue<'a> {
    /// `SIP`, `Q.850`, …, as sent.
    pub protocol: &'a [u8],
    /// The cause; `None` if missing or no number.
    pub cause: Option<u32>,
    /// The text without its quotes, escapes kept (see [`unquote`](super::unquote)); `None` if missing or empty.
    pub text: Option<&'a [u8]>,
}

impl<'a> ReasonValue<'a> {
    /// Reads one value of a comma list.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        Self::usual(value).unwrap_or_else(|| Self::plainly(value))
    }

    /// Reads what is written as usual: `Q.850;cause=16` or `Q.850;cause=16;text="Normal call clearing"`. `None` leaves
    /// it to [`plainly`](Self::plainly), which reads every way to write it, and this one no differently: a test holds
    /// them equal.
    fn usual(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.')?;
        let (protocol, rest) = value.split_at_checked(end)?;
        let rest = rest.strip_prefix(b";cause=")?;
        let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, rest) = rest.split_at_checked(end)?;
        let text = match rest {
            [] => None,
            _ => Some(rest.strip_prefix(b";text=\"")?.strip_suffix(b"\"")?),
        };
        let plain = text.is_none_or(|text| {
            let [first, .., last] = text else { return false };
            *first > b' ' && *last > b' ' && find(text, 0, text.len(), [b'"', b'\\', b'\n']) == text.len()
        });
        if !plain || protocol.is_empty() || !(1..=9).contains(&digits.len()) {
            return None;
        }
        let cause = digits.iter().fold(0, |cause, digit| cause * 10 + u32::from(digit - b'0'));
        Some(Self { protocol, cause: Some(cause), text })
    }

    fn plainly(value: &'a [u8]) -> Self {
        let end = memchr(b';', value).unwrap_or(value.len());
        let (protocol, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
        let params = Params::parse(rest);
        let cause = params.get("cause").and_then(number).and_then(|cause| u32::try_from(cause).ok());
        let text = params.get("text").map(trim).filter(|text| !text.is_empty());
        Self { protocol: trim(protocol), cause, text }
    }
}

/// One Contact value: `*` or an address with its params.
#[derive(Clone, Debug)]
pub enum ContactValue<'a> {
    /// `*`: all bindings (RFC 3261 10.2.2).
    Star,
    /// An address.
    Addr(NameAddr<'a>),
}

impl<'a> ContactValue<'a> {
    /// Reads one value of a comma list.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        if trim(value) == b"*" { Self::Star } else { Self::Addr(NameAddr::parse(value)) }
    }

    /// The address, `None` for `*`.
    #[must_use]
    pub const fn addr(&self) -> Option<&NameAddr<'a>> {
        match self {
            Self::Star => None,
            Self::Addr(addr) => Some(addr),
        }
    }

    /// Its `expires` parameter in seconds (RFC 3261 10.2.1.1). More than 2^32-1 counts as 2^32-1.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        let seconds = number(trim(self.addr()?.params.get("expires")?))?;
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Its `q` parameter in thousandths, 0 to 1000 (RFC 3261 25.1, qvalue).
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        let sent = trim(self.addr()?.params.get("q")?);
        let (whole, fraction) = match memchr(b'.', sent) {
            Some(dot) => split_around(sent, dot),
            None => (sent, [].as_slice()),
        };
        let mut thousandths = number(whole).filter(|whole| *whole <= 1)? * 1000;
        for (digit, weight) in fraction.iter().zip([100, 10, 1]) {
            thousandths += number(std::slice::from_ref(digit))? * weight;
        }
        u16::try_from(thousandths).ok().filter(|thousandths| *thousandths <= 1000)
    }
}

/// Splits a value at its top-level commas (not those in quotes or angle brackets), trimmed, empty ones left out.
///
/// Quotes and brackets that nobody closes part nothing and keep nothing together.
pub fn comma_list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        loop {
            let bytes = rest?;
            let (item, after) = match top_level_comma(bytes) {
                Some(comma) => {
                    let (item, after) = split_around(bytes, comma);
                    (item, Some(after))
                }
                None => (bytes, None),
            };
            rest = after;
            let item = trim(item);
            if !item.is_empty() {
                return Some(item);
            }
        }
    })
}

fn top_level_comma(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut quotes, mut brackets) = (0, true, true);
    loop {
        at = find(bytes, at, bytes.len(), [b',', b'"', b'<']);
        let rest = bytes.get(at + 1..)?;
        let inside = match bytes.get(at)? {
            b'"' if quotes => closing_quote(rest).or_else(|| {
                quotes = false;
                None
            }),
            b'<' if brackets => memchr(b'>', rest).or_else(|| {
                brackets = false;
                None
            }),
            b',' => return Some(at),
            _ => None,
        };
        at += 1 + inside.map_or(0, |len| len + 1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::super::text::{text, unquote};

    use super::*;

    fn words<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        parts.into_iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    proptest::proptest! {
        #[test]
        fn usual_reasons_are_read_as_all_are(
            value in "(Q\\.850|SIP|x|)(;cause=|; cause=|;CAUSE=|;)([0-9]{1,10}|)(;text=\"[a-zé \\\\\";,]{0,5}\"|;text=a|;x|\"|)( ?)",
        ) {
            let usual = ReasonValue::usual(value.as_bytes());
            proptest::prop_assert!(usual.is_none_or(|usual| usual == ReasonValue::plainly(value.as_bytes())), "{}", value);
        }
    }

    #[test]
    fn a_usual_reason_is_known_for_one() {
        for value in ["Q.850;cause=16", "SIP;cause=200;text=\"Call completed elsewhere\""] {
            assert!(ReasonValue::usual(value.as_bytes()).is_some(), "{value}");
        }
    }

    #[test]
    fn comma_lists() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("one", "a", &["a"]),
            ("trimmed", " a ,\r\n b\t", &["a", "b"]),
            ("empty ones", ",, a,,b ,", &["a", "b"]),
            ("nothing", " , ", &[]),
            ("a comma in quotes", r#""x, y" <sip:a@b>, <sip:c@d>"#, &[r#""x, y" <sip:a@b>"#, "<sip:c@d>"]),
            ("an escaped quote", r#""x\", y" <sip:a>, b"#, &[r#""x\", y" <sip:a>"#, "b"]),
            ("a comma in brackets", "<sip:a,b@c>, d", &["<sip:a,b@c>", "d"]),
            ("a quote in brackets", "<sip:a\"b@c>, d", &["<sip:a\"b@c>", "d"]),
            ("a quote left open", "\"a, b", &["\"a", "b"]),
            ("a bracket left open", "<a, b", &["<a", "b"]),
            ("a backslash at the end", "\"a\\", &["\"a\\"]),
        ];
        for (name, value, expected) in cases {
            assert_eq!(words(comma_list(value.as_bytes())), *expected, "{name}");
        }
    }

    #[test]
    fn addresses() {
        // What is written; display, URI, tag; whether it is well-formed.
        type Case<'a> = (&'a str, &'a str, Option<&'a str>, &'a str, Option<&'a str>, bool);
        let cases: &[Case<'_>] = &[
            ("brackets", "<sip:a@b>;tag=1", None, "sip:a@b", Some("1"), true),
            ("a name", "Ada L. <sip:a@b>;tag=1", Some("Ada L."), "sip:a@b", Some("1"), true),
            ("a quoted name", r#""Ada" <sip:a@b>;tag=1"#, Some("Ada"), "sip:a@b", Some("1"), true),
            ("an empty name", r#""" <sip:a@b>"#, None, "sip:a@b", None, true),
            ("marks in quotes", r#""<x>; ,\"y" <sip:a@b>;tag=1"#, Some(r#"<x>; ,\"y"#), "sip:a@b", Some("1"), true),
            ("no blank", r#""A"<sip:a@b>"#, Some("A"), "sip:a@b", None, true),
            ("bare", "sip:a@b;tag=1", None, "sip:a@b", Some("1"), true),
            ("bare, blanks", "sip:a@b ;\r\n  tag = 1", None, "sip:a@b", Some("1"), true),
            ("bare, brackets in a value", "sip:a@b;x=\"<y>\";tag=1", None, "sip:a@b", Some("1"), true),
            ("URI parameters are the URI's", "<sip:a@b;tag=0>;tag=1", None, "sip:a@b;tag=0", Some("1"), true),
            ("any case", "<sip:a@b>;TAG=1", None, "sip:a@b", Some("1"), true),
            ("a tag elsewhere", "<sip:a@b>;x=\";tag=2\";tag=1", None, "sip:a@b", Some("1"), true),
            ("an empty tag", "<sip:a@b>;tag=", None, "sip:a@b", None, true),
            ("a flag", "<sip:a@b>;tag;tag=1", None, "sip:a@b", None, true),
            ("tel", "<tel:+1-555;ext=1>;tag=1", None, "tel:+1-555;ext=1", Some("1"), true),
            ("urn", "<urn:service:sos>", None, "urn:service:sos", None, true),
            ("IPv6", "<sip:a@[2001:db8::1]:5060>;tag=1", None, "sip:a@[2001:db8::1]:5060", Some("1"), true),
            ("a URI as name", "sip:a@b <sip:a@b>;tag=1", Some("sip:a@b"), "sip:a@b", Some("1"), false),
            ("a quote left open", "\"Ada <sip:a@b>;tag=1", Some("Ada"), "sip:a@b", Some("1"), false),
            ("a bracket left open", "<sip:a@b;tag=1", None, "sip:a@b", Some("1"), false),
            ("a name and no bracket", "\"Ada\" sip:a@b;tag=1", Some("Ada"), "sip:a@b", Some("1"), false),
            ("quotes inside a name", "A \"<x>\" <sip:a@b>", Some("A \"<x>\""), "sip:a@b", None, false),
            ("a comma in the name", "L, Ada <sip:a@b>", Some("L, Ada"), "sip:a@b", None, false),
            ("blanks in brackets", "< sip:a@b >;tag=1", None, "sip:a@b", Some("1"), false),
            ("bare with headers", "sip:a@b?x=y", None, "sip:a@b?x=y", None, false),
            ("empty parameters", "<sip:a@b>;;tag=1", None, "sip:a@b", Some("1"), false),
            ("no scheme", "a@b;tag=1", None, "a@b", Some("1"), true),
            ("nothing", "", None, "", None, false),
            ("a bracket alone", "<", None, "", None, false),
            ("a quote alone", "\"", None, "", None, false),
        ];
        let words = |part: Option<&[u8]>| part.map(|part| String::from_utf8_lossy(part).into_owned());
        for (name, value, display, uri, tag, clean) in cases {
            let got = NameAddr::parse(value.as_bytes());
            assert_eq!(words(got.display).as_deref(), *display, "{name}");
            assert_eq!(words(Some(got.uri)).as_deref(), Some(*uri), "{name}");
            assert_eq!(words(got.tag()).as_deref(), *tag, "{name}");
            assert_eq!(NameAddr::is_well_formed(value.as_bytes()), *clean, "{name}");
        }
    }

    #[test]
    fn parameters() {
        let list = br#"a ; b ;c=1; d = "x;\"y" junk;;e="open;f=<sip:x;y=z>;=g;h="#;
        let got: Vec<_> = Params::parse(list).map(|(name, value)| (text(name), value.map(text))).collect();
        let expected = [
            ("b", None),
            ("c", Some("1")),
            ("d", Some(r#"x;\"y"#)),
            ("e", Some("open")),
            ("f", Some("<sip:x;y=z>")),
            ("h", Some("")),
        ]
        .map(|(name, value): (&str, Option<&str>)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(got, expected);
        let params = Params::parse(list);
        assert_eq!((params.get("C"), params.get("b"), params.get("z")), (Some(&b"1"[..]), Some(&b""[..]), None));
        assert!(params.has("B") && !params.has("a"));
    }

    #[test]
    fn vias() {
        type Case<'a> = (&'a str, &'a str, &'a str, &'a str, Option<&'a str>, bool);
        let cases: &[Case<'_>] = &[
            ("plain", "SIP/2.0/UDP a:5060;branch=z9hG4bK1", "UDP", "a:5060", Some("z9hG4bK1"), true),
            ("a blank before it", "SIP/2.0/UDP a ;branch=x", "UDP", "a", Some("x"), true),
            ("blanks", "SIP  /  2.0\r\n / TCP   a : 5060 ; branch =\r\n x", "TCP", "a : 5060", Some("x"), true),
            ("IPv6", "SIP/2.0/TLS [2001:db8::1]:5061;branch=x", "TLS", "[2001:db8::1]:5061", Some("x"), true),
            ("IPv6 received", "SIP/2.0/UDP a;received=2001:db8::1;branch=x", "UDP", "a", Some("x"), true),
            ("RFC 2543", "SIP/2.0/UDP a", "UDP", "a", None, true),
            ("lower case", "sip/2.0/udp a;BRANCH=x", "udp", "a", Some("x"), true),
            ("another version", "SIP/7.0/UDP a;branch=x", "UDP", "a", Some("x"), false),
            ("no protocol", "a:5060;branch=x", "", "a:5060", Some("x"), false),
            ("separators too many", "SIP/2.0/UDP a;;;", "UDP", "a", None, false),
            ("no sent-by", "SIP/2.0/UDP;branch=x", "UDP", "", Some("x"), false),
        ];
        for (name, value, transport, sent_by, branch, clean) in cases {
            let via = Via::parse(value.as_bytes());
            assert_eq!((text(via.transport), text(via.sent_by)), ((*transport).into(), (*sent_by).into()), "{name}");
            assert_eq!(via.branch.map(text).as_deref(), *branch, "{name}");
            assert_eq!(Via::are_well_formed(value.as_bytes()), *clean, "{name}");
        }
        let via = Via::parse(b"SIP/2.0/UDP a;rport=5062;received=192.0.2.1");
        assert_eq!(via.params.get("rport"), Some(&b"5062"[..]));
        assert_eq!(via.params.get("received"), Some(&b"192.0.2.1"[..]));
    }

    #[test]
    fn cseqs() {
        let cases: &[(&str, Option<(u32, &str)>)] = &[
            ("1 INVITE", Some((1, "INVITE"))),
            ("0009\r\n  INVITE", Some((9, "INVITE"))),
            ("1\tinvite", Some((1, "invite"))),
            ("4294967295 ACK", Some((u32::MAX, "ACK"))),
            ("4294967296 ACK", None),
            ("36893488147419103232 ACK", None),
            ("-1 ACK", None),
            ("1", None),
            ("1 ", None),
            ("INVITE", None),
            ("1 INVITE ACK", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let got = Cseq::parse(value.as_bytes()).map(|cseq| (cseq.number, text(cseq.method.token())));
            assert_eq!(got, expected.map(|(number, method)| (number, method.to_owned())), "{value:?}");
        }
        assert_eq!(Cseq::parse(b"1 INVITE").unwrap().method, Method::Invite);
        assert_eq!(Cseq::parse(b"1 invite").unwrap().method, Method::Other(b"invite"));
    }

    #[test]
    fn reasons() {
        let list =
            br#"SIP ;cause=200 ;text="Call, completed \"elsewhere\"", Q.850;cause=16;text=Terminated, X;cause=x"#;
        let got: Vec<_> = comma_list(list)
            .map(ReasonValue::parse)
            .map(|reason| (text(reason.protocol), reason.cause, reason.text.map(unquote)))
            .collect();
        let expected = [
            ("SIP", Some(200), Some("Call, completed \"elsewhere\"")),
            ("Q.850", Some(16), Some("Terminated")),
            ("X", None, None),
        ]
        .map(|(protocol, cause, text): (&str, _, Option<&str>)| (protocol.to_owned(), cause, text.map(str::to_owned)));
        assert_eq!(got, expected);
    }

    #[test]
    fn contacts() {
        let cases: &[(&str, Option<u32>, Option<u16>)] = &[
            ("<sip:a@b>;expires=60;q=0.5", Some(60), Some(500)),
            ("<sip:a@b>;expires=\"60\";q=1.000", Some(60), Some(1000)),
            ("<sip:a@b;expires=9>;Q=0.123", None, Some(123)),
            ("<sip:a@b>;expires=280297596632815;q=1.1", Some(u32::MAX), None),
            ("<sip:a@b>;expires=soon;q=x", None, None),
            ("sip:a@b;expires=0;q=.5", Some(0), None),
            ("sip:a@b;q=18446744073709551.999", None, None),
            ("*", None, None),
        ];
        for (value, expires, q) in cases {
            let contact = ContactValue::parse(value.as_bytes());
            assert_eq!((contact.expires(), contact.q()), (*expires, *q), "{value}");
            assert_eq!(contact.addr().is_none(), *value == "*", "{value}");
        }
    }

    #[test]
    fn numbers() {
        for (sent, expected) in
            [("0", Some(0)), ("0042", Some(42)), ("", None), ("-1", None), ("1 ", None), ("+1", None)]
        {
            assert_eq!(number(sent.as_bytes()), expected, "{sent:?}");
        }
        assert_eq!(number(&[b'9'; 99]), Some(u64::MAX));
    }

    #[test]
    fn header_lines() {
        let lines = b"A: 1\r\nB :\r\n 2\r\n\t3\nno colon\r\n: no name\r\na b: a sentence\r\nC:\r\nD: cut";
        let got: Vec<_> = Headers::new(lines).map(|(name, value)| (text(name), text(value))).collect();
        let expected = [("A", "1"), ("B", "2 3"), ("C", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(got, expected);
    }

    #[test]
    fn the_colon_is_found_as_plainly_read() {
        for len in 0..20 {
            for at in 0..=len {
                for other in [b'a', b';', b'9', 0xBA, 0x3A ^ 1, 0, 0xFF] {
                    let mut line = vec![other; len];
                    if let Some(byte) = line.get_mut(at) {
                        *byte = b':';
                    }
                    let plain = line.iter().position(|byte| *byte == b':');
                    assert_eq!(colon(&line), plain, "{line:?}");
                    line.push(b':');
                    assert_eq!(colon(&line), plain.or(Some(len)), "{line:?}");
                }
            }
        }
    }
}

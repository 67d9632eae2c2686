//! URIs as SIP carries them (RFC 3261 19.1, RFC 3966): scheme, user, host, and a key that equal addresses share. Knows
//! no header and resolves nothing.

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::header::{Params, trim};
use super::text::text;

/// The scheme, without its colon (RFC 3986 3.1).
#[must_use]
pub fn scheme(uri: &[u8]) -> Option<&[u8]> {
    let end =
        uri.iter().position(|byte| !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.'))?;
    let scheme = uri.get(..end)?;
    (uri.get(end) == Some(&b':') && scheme.first()?.is_ascii_alphabetic()).then_some(scheme)
}

/// A URI of the form `scheme:user:password@host:port;params?headers`.
struct Parts<'a> {
    scheme: Option<&'a [u8]>,
    /// Without the password.
    user: Option<&'a [u8]>,
    /// IPv6 references with their brackets.
    host: &'a [u8],
    /// From the `:` on, as sent; perhaps empty.
    port: &'a [u8],
    /// Parameters and headers.
    rest: &'a [u8],
}

fn without_brackets(uri: &[u8]) -> &[u8] {
    let uri = trim(uri);
    let uri = uri.strip_prefix(b"<").unwrap_or(uri);
    uri.strip_suffix(b">").unwrap_or(uri)
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

fn parts(uri: &[u8]) -> Option<Parts<'_>> {
    let uri = without_brackets(uri);
    let scheme = scheme(uri);
    let body = match scheme {
        Some(scheme) => uri.get(scheme.len() + 1..)?,
        None => uri,
    };
    let (body, known) = match scheme {
        Some(scheme) if [b"tel".as_slice(), b"urn"].iter().any(|opaque| scheme.eq_ignore_ascii_case(opaque)) => {
            return None;
        }
        Some(scheme) => {
            let sip = [b"sip".as_slice(), b"sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
            let hierarchical = body.strip_prefix(b"//");
            (hierarchical.unwrap_or(body), sip || hierarchical.is_some())
        }
        None => (body, false),
    };
    let at = user_end(body);
    // `nobodyKnowsThisScheme:totallyopaquecontent` has no host that we could know of.
    if at.is_none() && !known {
        return None;
    }
    let (user, after) = match at {
        Some(at) => {
            let (user, after) = (body.get(..at)?, body.get(at + 1..)?);
            (Some(split(user, memchr(b':', user).unwrap_or(user.len())).0), after)
        }
        None => (None, body),
    };
    let host_len = match after {
        [b'[', ..] => memchr(b']', after).map(|end| end + 1),
        _ => None,
    };
    let ends_host = |byte: &u8| matches!(byte, b':' | b';' | b'?' | b'/' | b'>' | b' ' | b'\t' | b'\r' | b'\n');
    let host_len = host_len.or_else(|| after.iter().position(ends_host)).unwrap_or(after.len());
    let (host, after) = split(after, host_len);
    let port_len = match after {
        [b':', digits @ ..] => digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len()),
        _ => 0,
    };
    // A colon without digits says nothing.
    let port_len = if port_len > 0 { port_len + 1 } else { 0 };
    let (port, rest) = split(after, port_len);
    (!host.is_empty()).then_some(Parts { scheme, user, host, port, rest })
}

/// Where the user part ends. A user may hold `;`, `?` and, from sloppy senders, `@`; parameters and headers may hold an
/// `@` too. So it is the last `@`, unless parameters or headers began after an earlier one.
fn user_end(body: &[u8]) -> Option<usize> {
    let last = memrchr(b'@', body)?;
    memchr_iter(b'@', body)
        .find(|at| *at == last || body.get(*at..last).is_some_and(|to| memchr2(b';', b'?', to).is_some()))
}

/// The host of a sip or sips URI, as sent, an IPv6 reference with its brackets. `None` for `tel:`, `urn:` and schemes
/// without a host.
#[must_use]
pub fn uri_host(uri: &[u8]) -> Option<&[u8]> {
    parts(uri).map(|parts| parts.host)
}

/// The user of a sip or sips URI without the password; the number of a `tel:` URI. `None` if there is none.
#[must_use]
pub fn uri_user(uri: &[u8]) -> Option<&[u8]> {
    let user = match telephone(uri) {
        Some(number) => Some(number),
        None => parts(uri)?.user,
    };
    user.filter(|user| !user.is_empty())
}

fn telephone(uri: &[u8]) -> Option<&[u8]> {
    let uri = without_brackets(uri);
    let scheme = scheme(uri)?;
    let body = uri.get(scheme.len() + 1..)?;
    scheme.eq_ignore_ascii_case(b"tel").then(|| split(body, memchr2(b';', b'?', body).unwrap_or(body.len())).0)
}

/// Whether a sip or sips URI carries `?headers`, which a Request-URI may not (RFC 3261 19.1.1).
pub(super) fn has_headers(uri: &[u8]) -> bool {
    parts(uri).is_some_and(|parts| memchr(b'?', parts.rest).is_some())
}

/// What stands behind the `?` of a sip or sips URI: `name=value` pairs joined by `&`, escaped (RFC 3261 19.1.1).
pub(super) fn headers(uri: &[u8]) -> Option<&[u8]> {
    let rest = parts(uri)?.rest;
    rest.get(memchr(b'?', rest)? + 1..)
}

/// The parameters of a sip or sips URI, those of its user part left out.
pub(super) fn params(uri: &[u8]) -> Params<'_> {
    let rest = parts(uri).map_or(&[][..], |parts| parts.rest);
    Params::parse(split(rest, memchr(b'?', rest).unwrap_or(rest.len())).0)
}

/// A key that URIs of one address share, in the spirit of RFC 3261 19.1.4: for addresses-of-record and bindings.
///
/// Scheme and host in lower case, the user as sent but without needless escapes, the port as sent, no password, no
/// parameters, no headers. A `tel:` number without its visual separators (RFC 3966 5.1.1). Anything else as sent.
#[must_use]
pub fn address_key(uri: &[u8]) -> String {
    let mut key = Vec::with_capacity(uri.len());
    if let Some(number) = telephone(uri) {
        key.extend_from_slice(b"tel:");
        key.extend(number.iter().filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')')));
    } else if let Some(Parts { scheme, user, host, port, .. }) = parts(uri) {
        if let Some(scheme) = scheme {
            key.extend(scheme.iter().map(u8::to_ascii_lowercase));
            key.push(b':');
        }
        if let Some(user) = user.filter(|user| !user.is_empty()) {
            unescape(user, &mut key);
            key.push(b'@');
        }
        key.extend(host.iter().map(u8::to_ascii_lowercase));
        key.extend_from_slice(port);
    } else {
        return text(without_brackets(uri));
    }
    text(&key)
}

/// The [`address_key`] of a URI where that stands in it as sent, as in most contacts and addresses-of-record:
/// `sip:user@host:port` with nothing to change, and perhaps parameters or headers behind it. `None` may also mean that it
/// does and that this is not seen; where there is a key, it is the same one: a test holds it to that.
#[must_use]
pub fn address_key_within(uri: &[u8]) -> Option<&[u8]> {
    let run = |from: usize, class: u8| {
        let is_of = |byte: &u8| CLASSES.get(usize::from(*byte)).is_some_and(|of| of & class != 0);
        let len = uri.get(from..)?.iter().take_while(|byte| is_of(byte)).count();
        Some(from + len).filter(|_| len > 0)
    };
    let user = run(uri.starts_with(b"sip:").then_some(4)?, USER)?;
    let host = run((uri.get(user) == Some(&b'@')).then_some(user + 1)?, HOST)?;
    let port = if uri.get(host) == Some(&b':') { run(host + 1, DIGIT)? } else { host };
    let (key, rest) = uri.split_at_checked(port)?;
    matches!(rest, [] | [b';' | b'?', ..]).then_some(key)
}

const USER: u8 = 1;
const HOST: u8 = 2;
const DIGIT: u8 = 4;

/// Where in a plain address a byte may stand, as a table: every byte of every contact passes here.
static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let (mut byte, mut rest) = (0_u8, table.as_mut_slice());
    while let [entry, after @ ..] = rest {
        *entry = match byte {
            b'0'..=b'9' => USER | HOST | DIGIT,
            b'a'..=b'z' | b'-' | b'.' => USER | HOST,
            b'A'..=b'Z' | b'+' | b'_' | b'*' | b'#' => USER,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = after;
    }
    table
};

/// Undoes the escapes of characters that need none (RFC 3261 25.1, unreserved), writes the others in upper case.
fn unescape(user: &[u8], out: &mut Vec<u8>) {
    let mut rest = user;
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, tail @ ..]) = (first, after)
            && let Some(byte) = hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low)
        {
            rest = tail;
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
                out.push(byte);
            } else {
                out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
            }
        } else {
            out.push(*first);
        }
    }
}

pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_hosts_and_keys() {
        type Case<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'a str);
        let cases: &[Case<'_>] = &[
            ("sip:ada@Example.ORG", Some("ada"), Some("Example.ORG"), "sip:ada@example.org"),
            ("<SIPS:Ada@a;x=y?b=c>", Some("Ada"), Some("a"), "sips:Ada@a"),
            ("sip:ada:secret@a:5060", Some("ada"), Some("a"), "sip:ada@a:5060"),
            ("sip:example.org;lr", None, Some("example.org"), "sip:example.org"),
            ("sip:ada@[2001:DB8::1]:5062;x", Some("ada"), Some("[2001:DB8::1]"), "sip:ada@[2001:db8::1]:5062"),
            ("sip:[::1]", None, Some("[::1]"), "sip:[::1]"),
            ("sip:[::1", None, Some("["), "sip:["),
            ("sip:ben;par=u%40x@a", Some("ben;par=u%40x"), Some("a"), "sip:ben;par=u%40x@a"),
            ("sip:%61da%2f@a", Some("%61da%2f"), Some("a"), "sip:ada%2F@a"),
            ("sip:50%@a", Some("50%"), Some("a"), "sip:50%@a"),
            ("sip:ada@x.org@a", Some("ada@x.org"), Some("a"), "sip:ada@x.org@a"),
            ("sip:ada@a;opaque=b@c", Some("ada"), Some("a"), "sip:ada@a"),
            ("sip:1?2@a", Some("1?2"), Some("a"), "sip:1?2@a"),
            ("sip:ada@a:;x", Some("ada"), Some("a"), "sip:ada@a"),
            ("sip:@a", None, Some("a"), "sip:a"),
            ("tel:+1-(555).01;ext=5", Some("+1-(555).01"), None, "tel:+155501"),
            ("urn:service:sos", None, None, "urn:service:sos"),
            ("http://www.example.org/x", None, Some("www.example.org"), "http:www.example.org"),
            ("im:ada@a", Some("ada"), Some("a"), "im:ada@a"),
            ("nobodyKnows:opaque", None, None, "nobodyKnows:opaque"),
            ("ada@a", Some("ada"), Some("a"), "ada@a"),
            ("sip:", None, None, "sip:"),
            ("", None, None, ""),
        ];
        for (uri, user, host, key) in cases {
            assert_eq!(uri_user(uri.as_bytes()).map(text).as_deref(), *user, "{uri}");
            assert_eq!(uri_host(uri.as_bytes()).map(text).as_deref(), *host, "{uri}");
            assert_eq!(address_key(uri.as_bytes()), *key, "{uri}");
            assert!(address_key_within(uri.as_bytes()).is_none_or(|within| within == key.as_bytes()), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn a_key_within_is_the_key(
            uri in "(sip:|SIP:|tel:)[a-zA-Z0-9+%:;?<@-]{0,4}(@|)[a-zA-Z0-9.:\\[\\]-]{0,6}[;?@>: a]{0,4}",
        ) {
            let within = address_key_within(uri.as_bytes());
            prop_assert!(within.is_none_or(|within| within == address_key(uri.as_bytes()).as_bytes()));
        }

        #[test]
        fn what_is_usual_has_its_key_within(uri in "sip:[+]?[a-z0-9]{1,9}@[a-z0-9.-]{1,9}(:[0-9]{1,5})?(;[a-z=;@]{0,9})?") {
            let within = address_key_within(uri.as_bytes()).map(text);
            prop_assert_eq!(within, Some(address_key(uri.as_bytes())));
        }
    }

    #[test]
    fn headers_in_a_uri() {
        for (uri, expected) in [
            ("sip:a@b?Route=x", true),
            ("sip:a@b;x?Route=x", true),
            ("sip:a?b@c", false),
            ("sip:a@b", false),
            ("tel:+1?x", false),
        ] {
            assert_eq!(has_headers(uri.as_bytes()), expected, "{uri}");
        }
    }
}

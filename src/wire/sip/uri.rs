//! URIs as SIP carries them (RFC 3261 19.1, RFC 3966): scheme, user, host, and a key that equal addresses share. Knows
//! no header and resolves nothing.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::super::marks::{Between, Either, UpTo, find};
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

/// The IPv4 address that is the host of a sip URI written as usual, `sip:user@192.0.2.1:5060;transport=udp`. `None`: it
/// has another host, or [`uri_host`] must say, of which a test shows that it gives no other.
#[must_use]
pub fn usual_ipv4_host(uri: &[u8]) -> Option<Ipv4Addr> {
    let body = uri.strip_prefix(b"sip:")?;
    let mark = find(body, 0, body.len(), [b'@', b';', b'?']);
    let mut host = match body.get(mark) {
        Some(b'@') => body.get(mark + 1..)?,
        _ if find(body, mark, body.len(), b'@') == body.len() => body,
        _ => return None,
    };
    let mut octets = [0_u8; 4];
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            host = host.strip_prefix(b".")?;
        }
        let len = host.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = host.split_at_checked(len)?;
        let leads = digits.first() == Some(&b'0') && len > 1;
        let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        *octet = u8::try_from(number).ok().filter(|_| (1..=3).contains(&len) && !leads)?;
        host = rest;
    }
    if let [b':', port @ ..] = host {
        host = port.get(port.iter().take_while(|byte| byte.is_ascii_digit()).count()..)?;
    }
    matches!(host, [] | [b';' | b'?', ..]).then_some(octets.into())
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
    address_key_of(uri).into_owned()
}

/// The same as [`address_key`], borrowed where it is written as it would be: `sip:user@host:port`, perhaps with
/// parameters behind it, perhaps without the user or the port.
#[must_use]
pub fn address_key_of(uri: &[u8]) -> Cow<'_, str> {
    usual_key(uri).map_or_else(|| Cow::Owned(any_key(uri)), Cow::Borrowed)
}

/// `None` leaves it to [`any_key`], which reads every URI, and this one no differently: a test holds the two equal.
fn usual_key(uri: &[u8]) -> Option<&str> {
    let end = uri.len();
    let begin = [&b"sip:"[..], b"sips:"].iter().find(|scheme| uri.starts_with(scheme))?.len();
    let host = match find(uri, begin, end, b'@') {
        at if at == end => begin,
        // A second one may end the user, escapes and passwords change it, and nobody is nobody.
        at => {
            let is_plain = find(uri, at + 1, end, b'@') == end
                && find(uri, begin, at, Either(UpTo(b' '), [b'%', b':'])) == at
                && at > begin;
            is_plain.then_some(at + 1)?
        }
    };
    let host_end = find(uri, host, end, Either(UpTo(b' '), [b':', b';', b'?', b'/', b'>', b'[']));
    if host_end == host || find(uri, host, host_end, Between(b'A', b'Z')) < host_end {
        return None;
    }
    let key_end = match uri.get(host_end) {
        Some(b'[') => return None,
        Some(b':') => {
            let port = host_end + 1;
            let digits = uri.get(port..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (digits > 0).then_some(port + digits)?
        }
        _ => host_end,
    };
    std::str::from_utf8(uri.get(..key_end)?).ok()
}

fn any_key(uri: &[u8]) -> String {
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

    proptest! {
        #[test]
        fn an_address_is_the_host_that_the_plain_reading_gives(
            uri in "sip:(a|a:b|a;x|1\\.2\\.3\\.4|)(@|)(0?[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]\\.[0-9]{1,4})(:[0-9]{0,3}|)(;x=(a|@)|\\?a=b@c|@|[.]|)",
        ) {
            if let Some(address) = usual_ipv4_host(uri.as_bytes()) {
                let host = uri_host(uri.as_bytes()).map(|host| text(host).parse());
                prop_assert_eq!(host, Some(Ok(address)), "{}", uri);
            }
        }
    }

    #[test]
    fn a_usual_host_is_known_for_one() {
        for uri in ["sip:a@192.0.2.1", "sip:a@192.0.2.1:5060;transport=udp", "sip:192.0.2.1;lr", "sip:a@0.0.0.0?x=y"] {
            assert!(usual_ipv4_host(uri.as_bytes()).is_some(), "{uri}");
        }
    }

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
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_usual_key_is_that_of_the_full_reading(
            uri in "(sip|sip|sips|SIP|tel|<sip):?([+]?[a-cA0-9.;?%:é]{0,5}@?){0,2}([a-z]{0,3}|A|é|\\[::1\\]|%41)?(:[0-9]{0,4})?( |;x=A|\\?a@b|/|>|@|[\r\n ])?",
        ) {
            if let Some(usual) = usual_key(uri.as_bytes()) {
                prop_assert_eq!(usual, any_key(uri.as_bytes()), "{}", uri);
            }
        }
    }

    #[test]
    fn usual_keys_are_read_as_such() {
        for (uri, key) in [
            ("sip:+442031589515@sip.example.com", "sip:+442031589515@sip.example.com"),
            ("sips:ada@192.0.2.1:5061;transport=tls", "sips:ada@192.0.2.1:5061"),
            ("sip:example.org?Route=x", "sip:example.org"),
        ] {
            assert_eq!(usual_key(uri.as_bytes()), Some(key));
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

//! Values by which one call speaks of another: Session-ID (RFC 7989), Replaces (RFC 3891), Refer-To (RFC 3515), another
//! Call-ID, a subscriber's number. One value at a time; knows no call.

use std::borrow::Cow;

use memchr::memchr;

use super::super::marks::find;
use super::header::{NameAddr, Params, trim};
use super::uri::{headers, hex, params, uri_host, uri_user};

/// Both UUIDs of a Session-ID (RFC 7989 5), the sender's and the other side's. The nil UUID stands for one that is not
/// known yet and is left out, as is whatever is no UUID: the header had other uses before (RFC 7329).
#[must_use]
pub fn session_ids(value: &[u8]) -> [Option<u128>; 2] {
    let own = value.get(..memchr(b';', value).unwrap_or(value.len())).unwrap_or_default();
    [uuid(own), Params::parse(value).get("remote").and_then(uuid)]
}

/// 32 hexadecimal digits, with dashes where somebody put them.
fn uuid(text: &[u8]) -> Option<u128> {
    let (mut digits, mut uuid) = (0_u32, 0_u128);
    for byte in trim(text).iter().filter(|byte| **byte != b'-') {
        digits += 1;
        if digits > 32 {
            return None;
        }
        uuid = uuid << 4 | u128::from(hex(*byte)?);
    }
    (digits == 32 && uuid != 0).then_some(uuid)
}

/// The dialog that a Replaces header names (RFC 3891 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// The tag of whoever receives the header; `None` for the `0` of a dialog without one (RFC 2543).
    pub to_tag: Option<&'a [u8]>,
    /// The other side's tag.
    pub from_tag: Option<&'a [u8]>,
}

impl<'a> Replaces<'a> {
    /// Reads the value. `None`: it lacks the Call-ID or one of the tags, and so names no dialog.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let call_id = trim(value.get(..memchr(b';', value)?)?);
        let params = Params::parse(value);
        let tag = |name| params.get(name).filter(|tag| !tag.is_empty()).map(|tag| (tag != b"0").then_some(tag));
        let (to_tag, from_tag) = (tag("to-tag")?, tag("from-tag")?);
        (!call_id.is_empty()).then_some(Self { call_id, to_tag, from_tag })
    }
}

/// What a Refer-To asks for (RFC 3515 2.1), where that is an INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferTo<'a> {
    /// Whom to call. What stands behind its `?` is not part of the address.
    pub uri: &'a [u8],
    /// The value of the Replaces header that the INVITE is to carry, escapes undone; see [`Replaces::parse`].
    pub replaces: Option<Vec<u8>>,
}

impl<'a> ReferTo<'a> {
    /// Reads the value. `None`: there is no address, or another method than INVITE is asked for.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let uri = NameAddr::parse(value).uri;
        let invites = params(uri).get("method").is_none_or(|method| method.eq_ignore_ascii_case(b"INVITE"));
        if uri.is_empty() || !invites {
            return None;
        }
        let replaces = headers(uri).unwrap_or_default().split(|byte| *byte == b'&').find_map(|header| {
            let (name, value) = header.split_at_checked(memchr(b'=', header)?)?;
            name.eq_ignore_ascii_case(b"replaces").then(|| unescaped(value.get(1..).unwrap_or_default()))
        });
        Some(Self { uri, replaces })
    }
}

/// Every Call-ID that a header of one's own may name: values apart by commas, parameters off, and each also without the
/// quotes or brackets around it, since both may belong to a Call-ID.
pub fn call_ids(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').flat_map(|value| {
        let plain = trim(value.get(..memchr(b';', value).unwrap_or(value.len())).unwrap_or_default());
        let inner = match plain {
            [b'"', inner @ .., b'"'] | [b'<', inner @ .., b'>'] => Some(inner),
            _ => None,
        };
        [Some(plain), inner].into_iter().flatten().filter(|id| !id.is_empty())
    })
}

/// Whom a URI means, such that both legs of a call agree: the user part without escapes and parameters, a telephone
/// number without separators and without its `+` or `00`. `None` where nobody is named: no user, or an anonymous one.
#[must_use]
pub fn subscriber(uri: &[u8]) -> Option<Vec<u8>> {
    subscriber_of(uri).map(Cow::into_owned)
}

/// The same as [`subscriber`], borrowed where it is written as it is meant.
#[must_use]
pub fn subscriber_of(uri: &[u8]) -> Option<Cow<'_, [u8]>> {
    const NOBODY: [&[u8]; 7] =
        [b"anonymous", b"unknown", b"unavailable", b"restricted", b"private", b"withheld", b"asserted-unknown"];
    if let Some(number) = plain_number(uri) {
        return Some(Cow::Borrowed(national(number)));
    }
    let user = uri_user(uri)?;
    let user = unescaped(user.get(..memchr(b';', user).unwrap_or(user.len()))?);
    let hidden = uri_host(uri).is_some_and(|host| host.eq_ignore_ascii_case(b"anonymous.invalid"));
    if user.is_empty() || hidden || NOBODY.iter().any(|name| user.eq_ignore_ascii_case(name)) {
        return None;
    }
    let number: Vec<u8> = user.iter().copied().filter(|byte| !b"-.() ".contains(byte)).collect();
    let digits = number.strip_prefix(b"+").unwrap_or(&number);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Some(Cow::Owned(user));
    }
    Some(Cow::Owned(national(digits).to_vec()))
}

/// A number without the `00` of an international one; a short one is an extension that begins so.
fn national(digits: &[u8]) -> &[u8] {
    const INTERNATIONAL: usize = 9;
    let national = if digits.len() >= INTERNATIONAL { digits.strip_prefix(b"00") } else { None };
    national.unwrap_or(digits)
}

/// The number of `sip:+4420@host`, as nearly all URIs of telephone calls are written. `None`: to be read in full.
fn plain_number(uri: &[u8]) -> Option<&[u8]> {
    let rest = uri.strip_prefix(b"sip:")?;
    let rest = rest.strip_prefix(b"+").unwrap_or(rest);
    let (number, host) = rest.split_at_checked(rest.iter().position(|byte| !byte.is_ascii_digit())?)?;
    let [b'@', first, ..] = host else { return None };
    // `anonymous.invalid` hides the number, and a second `@` may end the user.
    let is_plain = first.is_ascii_alphanumeric()
        && !matches!(first, b'a' | b'A')
        && find(uri, uri.len() - host.len() + 1, uri.len(), b'@') == uri.len();
    (is_plain && !number.is_empty()).then_some(number)
}

/// With every `%41` made the character that it stands for.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, tail @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = tail;
            plain.push(high << 4 | low);
        } else {
            plain.push(*first);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::text::text;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn session_identifiers() {
        const A: &str = "ab30317f1a784dc48ff824d0d3715d86";
        const B: &str = "47755a9de7794ba387653f2099600ef2";
        const NIL: &str = "00000000000000000000000000000000";
        let [a, b] = [A, B].map(|hex| u128::from_str_radix(hex, 16).ok());
        let cases = [
            (format!("{A};remote={B}"), [a, b]),
            (format!("{A} ; remote = {B} ; x=y"), [a, b]),
            (format!("{A};remote={NIL}"), [a, None]),
            (A.to_uppercase(), [a, None]),
            ("ab30317f-1a78-4dc4-8ff8-24d0d3715d86".to_owned(), [a, None]),
            (format!("{NIL};remote={NIL}"), [None, None]),
            (A[1..].to_owned(), [None, None]),
            (format!("{A}0"), [None, None]),
            ("session-1@example.com".to_owned(), [None, None]),
            (String::new(), [None, None]),
        ];
        for (value, expected) in cases {
            assert_eq!(session_ids(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn replaced_dialogs() {
        type Case<'a> = (&'a str, Option<(&'a str, Option<&'a str>, Option<&'a str>)>);
        let cases: &[Case<'_>] = &[
            ("12@b;to-tag=t;from-tag=f", Some(("12@b", Some("t"), Some("f")))),
            (" 12@b ; from-tag=f;to-tag=t;early-only", Some(("12@b", Some("t"), Some("f")))),
            ("12@b;to-tag=t;from-tag=0", Some(("12@b", Some("t"), None))),
            ("12@b;to-tag=t", None),
            ("12@b;to-tag=;from-tag=f", None),
            (";to-tag=t;from-tag=f", None),
            ("12@b", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let expected = expected.map(|(call_id, to_tag, from_tag)| Replaces {
                call_id: call_id.as_bytes(),
                to_tag: to_tag.map(str::as_bytes),
                from_tag: from_tag.map(str::as_bytes),
            });
            assert_eq!(Replaces::parse(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn referrals() {
        type Case<'a> = (&'a str, Option<(&'a str, Option<&'a str>)>);
        let cases: &[Case<'_>] = &[
            ("<sip:c@x>", Some(("sip:c@x", None))),
            (
                "\"C\" <sip:c@x?Replaces=1%40b%3Bto-tag%3Dt%3Bfrom-tag%3Df>",
                Some(("sip:c@x?Replaces=1%40b%3Bto-tag%3Dt%3Bfrom-tag%3Df", Some("1@b;to-tag=t;from-tag=f"))),
            ),
            (
                "<sip:c@x;transport=tcp?Require=replaces&replaces=1%3bto-tag%3dt>",
                Some(("sip:c@x;transport=tcp?Require=replaces&replaces=1%3bto-tag%3dt", Some("1;to-tag=t"))),
            ),
            ("<sip:c@x?Replaces>", Some(("sip:c@x?Replaces", None))),
            ("<sip:c@x;method=INVITE>", Some(("sip:c@x;method=INVITE", None))),
            ("<sip:c@x;method=BYE>", None),
            ("<tel:+1555>", Some(("tel:+1555", None))),
            ("", None),
        ];
        for (value, expected) in cases {
            let got = ReferTo::parse(value.as_bytes());
            let got = got.as_ref().map(|refer| (text(refer.uri), refer.replaces.as_deref().map(text)));
            let expected = expected.map(|(uri, replaces)| (uri.to_owned(), replaces.map(str::to_owned)));
            assert_eq!(got, expected, "{value}");
        }
    }

    #[test]
    fn call_ids_of_other_legs() {
        let cases: &[(&str, &[&str])] = &[
            ("1@b", &["1@b"]),
            ("1@b, 2@b;leg=a", &["1@b", "2@b"]),
            ("<1@b>", &["<1@b>", "1@b"]),
            ("\"1@b\"", &["\"1@b\"", "1@b"]),
            (" , ;x", &[]),
        ];
        for (value, expected) in cases {
            let got: Vec<_> = call_ids(value.as_bytes()).map(text).collect();
            assert_eq!(got, *expected, "{value}");
        }
    }

    #[test]
    fn subscribers() {
        let cases = [
            ("sip:+44 20-7946.0123@a", Some("442079460123")),
            ("sip:00442079460123@b;user=phone", Some("442079460123")),
            ("tel:+44-20-7946-0123", Some("442079460123")),
            ("sip:%2B442079460123@c", Some("442079460123")),
            ("sip:442079460123;phone-context=x@c", Some("442079460123")),
            ("sip:0012@a", Some("0012")),
            ("sip:alice.b@a", Some("alice.b")),
            ("sip:Anonymous@a", None),
            ("sip:1001@anonymous.invalid", None),
            ("sip:example.org", None),
            ("sip:+@a", Some("+")),
            ("", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(subscriber(uri.as_bytes()).as_deref().map(text).as_deref(), expected, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_number_is_that_of_the_full_reading(
            uri in "sip:[+]?(00)?[0-9]{0,8}[@;:%]?(1.2.3.4|b|anonymous.invalid|\\[::1\\])?([:;@?]5060)?( |@|b)?",
        ) {
            if let Some(number) = plain_number(uri.as_bytes()) {
                // A blank in front makes no difference but to the short way.
                let full = subscriber(format!(" {uri}").as_bytes());
                prop_assert_eq!(Some(national(number).to_vec()), full, "{}", uri);
            }
        }

        #[test]
        fn any_bytes_are_read(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = (session_ids(&value), Replaces::parse(&value), ReferTo::parse(&value), subscriber(&value));
            prop_assert!(call_ids(&value).count() <= 2 * (value.len() + 1));
        }

        #[test]
        fn escapes_are_undone(text in proptest::collection::vec(any::<u8>(), 0..32)) {
            let escaped: String = text.iter().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(unescaped(escaped.as_bytes()), text);
        }
    }
}

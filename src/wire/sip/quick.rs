//! The parts of values that every message is asked for, in the way nearly everybody writes them. Knows no other way: a
//! `None` leaves the value to the plain reading in `header`, and tests hold the two equal.

use super::super::marks::{Either, UpTo, find, find_far, near};
use super::span::Span;
use super::start::Verb;

/// URI and tag of a From or To value: `"Display" <uri>;tag=x`, perhaps without the display name or the tag.
#[inline(always)]
pub(super) fn address(raw: &[u8], value: Span) -> Option<(Span, Span)> {
    const TAG: usize = b";tag=".len();
    let (begin, end) = (value.start(), value.end());
    let open = match raw.get(begin)? {
        b'"' => {
            let quote = find(raw, begin + 1, end, [b'"', b'\\']);
            match raw.get(quote..)? {
                [b'"', b' ', ..] => quote + 2,
                [b'"', ..] => quote + 1,
                _ => return None,
            }
        }
        _ => begin,
    };
    let close = near(raw, open, b'>').unwrap_or_else(|| find(raw, open, end, b'>'));
    let ([b'<', first, ..], [.., last]) = (raw.get(open..close)?, raw.get(open..close)?) else { return None };
    if *first <= b' ' || *last <= b' ' {
        return None;
    }
    let uri = Span::new(open + 1, close);
    match raw.get(close + 1..end)? {
        [] => Some((uri, Span::NONE)),
        [b';', b't', b'a', b'g', b'=', first, ..] => {
            let tag = close + 1 + TAG;
            let stop = find(raw, tag, end, b';');
            // Quotes, brackets and blanks would not belong to the tag.
            let is_plain = *first > b' ' && !matches!(first, b'"' | b'<' | b';') && raw.get(stop - 1)? > &b' ';
            is_plain.then(|| (uri, Span::new(tag, stop)))
        }
        _ => None,
    }
}

/// The branch of a Via that is a single value (RFC 3261 8.1.1.7): `SIP/2.0/UDP host;branch=x`, perhaps with other
/// parameters.
#[inline(always)]
pub(super) fn branch(raw: &[u8], value: Span) -> Option<Span> {
    let end = value.end();
    let mut branch = Span::NONE;
    let mut at = find_far(raw, value.start(), end, [b';', b',']);
    while at < end {
        // Not where anything but semicolons parts the value.
        if raw.get(at) != Some(&b';') {
            return None;
        }
        let param = at + 1;
        if raw.get(param..end)? == b"rport" {
            break;
        }
        at = find_far(raw, param, end, Either(UpTo(b','), [b';', b'<']));
        match raw.get(param..at)?.split_first_chunk::<7>() {
            Some((name, [_, ..])) if name == b"branch=" => branch = branch.or(Span::new(param + name.len(), at)),
            // In capitals, or without a value.
            _ if matches!(raw.get(param), Some(b'b' | b'B')) => return None,
            _ => {}
        }
    }
    Some(branch)
}

/// Number and method of a CSeq: `1 INVITE`, with one of the methods that have a name here.
#[inline(always)]
pub(super) fn cseq(value: &[u8]) -> Option<(u32, Verb, &[u8])> {
    let (number, rest) = digits(value)?;
    let [b' ', method @ ..] = rest else { return None };
    let verb = Verb::of(method);
    (verb != Verb::OTHER).then_some((number, verb, method))
}

/// A number of at most nine digits at the beginning of a value, and what follows it.
#[inline(always)]
pub(in crate::wire) fn digits(value: &[u8]) -> Option<(u32, &[u8])> {
    const MOST: usize = 9;
    let (mut number, mut len) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = value.get(len) {
        if len == MOST {
            return None;
        }
        number = number * 10 + u32::from(digit - b'0');
        len += 1;
    }
    if len == 0 { None } else { Some((number, value.get(len..)?)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::super::header::{Cseq, NameAddr, Via, comma_list, trim};
    use super::super::text::text;
    use super::*;

    /// The value with something before and behind it, and where it then stands: all ways to look at it are to be had.
    fn within(value: &[u8], behind: usize) -> (Vec<u8>, Span) {
        let value = trim(value);
        let raw = [b"\n", value, &b"\r\nTo: <sip:a>;tag=b\r\n\r\n"[..behind]].concat();
        (raw, Span::new(1, 1 + value.len()))
    }

    #[test]
    fn tags() {
        let cases: &[(&str, Option<Option<&str>>)] = &[
            ("<sip:a@b>;tag=1", Some(Some("1"))),
            ("\"A B\" <sip:a@b;lr>;tag=1-2_3;x=y", Some(Some("1-2_3"))),
            ("\"\"<sip:a@b>", Some(None)),
            ("<sip:a@b>;lr;tag=1", None),
            ("<sip:a@b>;tag=", None),
            ("<sip:a@b>;tag=\"1\"", None),
            ("<sip:a@b>;TAG=1", None),
            ("\"A\\\"\" <sip:a@b>;tag=1", None),
            ("A <sip:a@b>;tag=1", None),
            ("sip:a@b;tag=1", None),
            ("<sip:a@b;tag=1", None),
        ];
        for (value, expected) in cases {
            let (raw, span) = within(value.as_bytes(), 20);
            let got = address(&raw, span).map(|(_, tag)| tag.maybe_of(&raw).map(text));
            assert_eq!(got, expected.map(|tag| tag.map(str::to_owned)), "{value}");
        }
    }

    #[test]
    fn branches() {
        let cases: &[(&str, Option<Option<&str>>)] = &[
            ("SIP/2.0/UDP a:5060;branch=z9hG4bK1;rport", Some(Some("z9hG4bK1"))),
            ("SIP/2.0/UDP [::1];rport;received=1.2.3.4;branch=z9hG4bK1", Some(Some("z9hG4bK1"))),
            ("SIP/2.0/UDP a;branch=1;branch=2", Some(Some("1"))),
            ("SIP/2.0/UDP a;rport", Some(None)),
            ("SIP/2.0/UDP a", Some(None)),
            ("SIP/2.0/UDP a;branch=1,SIP/2.0/UDP b;branch=2", None),
            ("SIP/2.0/UDP a,SIP/2.0/UDP b;branch=2", None),
            ("SIP/2.0/UDP a;Branch=1", None),
            ("SIP/2.0/UDP a;branch = 1", None),
            ("SIP/2.0/UDP a;branch=", None),
            ("SIP/2.0/UDP a;branch;branch=1", None),
            ("SIP/2.0/UDP a;x=\";branch=2\";branch=1", None),
        ];
        for (value, expected) in cases {
            let (raw, span) = within(value.as_bytes(), 20);
            let got = branch(&raw, span).map(|branch| branch.maybe_of(&raw).map(text));
            assert_eq!(got, expected.map(|branch| branch.map(str::to_owned)), "{value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn uri_and_tag_are_those_of_the_plain_reading(words in prop::collection::vec(prop::sample::select(vec![
            "\"A\"", "\"", "\\", "A", " ", "\r\n ", "<", ">", "<sip:a@b>", "sip:a@b", "sip:", ";tag=", ";TAG=", ";", "=", ",",
            "x", ";lr", ";x=<y>", "tag", "0123456789abcdefghijklmnopqrstuvwxyz",
        ]), 0..8), behind in 0_usize..20) {
            let (raw, span) = within(words.concat().as_bytes(), behind);
            if let Some((uri, tag)) = address(&raw, span) {
                let plain = NameAddr::parse(span.of(&raw));
                prop_assert_eq!((uri.of(&raw), tag.maybe_of(&raw)), (plain.uri, plain.tag()), "{}", text(&raw));
            }
        }

        #[test]
        fn a_branch_is_that_of_the_plain_reading(
            value in "(SIP/2.0/UDP )?[ab\"<,]{0,3}([;,](rport|x|branch|Branch ?|branch=z)(=? ?[\"<>;,a-c \\\\]{0,4}){0,2}){0,4}",
            behind in 0_usize..20,
        ) {
            let (raw, span) = within(value.as_bytes(), behind);
            if let Some(branch) = branch(&raw, span) {
                let value = span.of(&raw);
                let plain: Vec<_> = comma_list(value).map(|value| Via::parse(value).branch).collect();
                prop_assert_eq!(branch.maybe_of(&raw), plain.first().copied().flatten(), "{}", text(&raw));
                prop_assert!(plain.len() == usize::from(!value.is_empty()) && !value.contains(&b','));
            }
        }

        #[test]
        fn digits_are_those_of_the_plain_reading(value in "[0-9]{0,11}x?") {
            if let Some((number, rest)) = digits(value.as_bytes()) {
                let (sent, _) = value.as_bytes().split_at(value.len() - rest.len());
                prop_assert_eq!(super::super::header::number(sent), Some(u64::from(number)));
                prop_assert!(!rest.first().is_some_and(u8::is_ascii_digit));
            }
        }

        #[test]
        fn a_cseq_is_that_of_the_plain_reading(
            value in "[0-9]{0,11}( |\t|  )?(INVITE|ACK|invite|SUBSCRIBE|SUBSCRIB|FOO|PUBLISH )?[ x]?",
        ) {
            if let Some((number, verb, method)) = cseq(value.as_bytes()) {
                prop_assert_eq!(Some(Cseq { number, method: verb.method(method) }), Cseq::parse(value.as_bytes()));
            }
        }
    }
}

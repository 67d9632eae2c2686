//! The branch of the topmost Via (RFC 3261 8.1.1.7), which every message is asked for. Knows only the way it is nearly
//! always written; the rest is left to [`Via::parse`](super::Via::parse), and a test holds the two equal.

use memchr::{memchr, memchr3};

/// The branch of the first of these Via values. `None`: it is missing, or the values are written in another way.
pub(super) fn first(values: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"branch=";
    let (before, mut params) = values.split_at_checked(memchr(b';', values)?)?;
    // What could hide a semicolon, or part two values.
    let is_plain = |bytes: &[u8]| memchr3(b',', b'"', b'<', bytes).is_none();
    if !is_plain(before) {
        return None;
    }
    loop {
        let param = params.get(1..)?;
        if let Some((name, value)) = param.split_at_checked(NAME.len())
            && name.eq_ignore_ascii_case(NAME)
        {
            let ends = |byte: &u8| matches!(byte, b';' | b',' | b'"' | b'<' | b' ' | b'\t' | b'\r' | b'\n');
            let end = value.iter().position(ends).unwrap_or(value.len());
            let whole = matches!(value.get(end), None | Some(b';' | b','));
            return value.get(..end).filter(|branch| whole && !branch.is_empty());
        }
        let (other, rest) = param.split_at_checked(memchr(b';', param)?)?;
        // `branch` and `branch = x` are one too, but not for this reading.
        if !is_plain(other) || other.iter().any(u8::is_ascii_whitespace) || other.eq_ignore_ascii_case(b"branch") {
            return None;
        }
        params = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Via, comma_list};
    use super::*;

    #[test]
    fn branches() {
        let cases = [
            ("usual", "SIP/2.0/UDP a:5060;branch=z9hG4bK1;rport", Some("z9hG4bK1")),
            ("after others", "SIP/2.0/UDP a;rport;received=1.2.3.4;Branch=z9hG4bK1", Some("z9hG4bK1")),
            ("two values", "SIP/2.0/UDP a;branch=z9hG4bK1,SIP/2.0/UDP b;branch=z9hG4bK2", Some("z9hG4bK1")),
            ("the second only", "SIP/2.0/UDP a,SIP/2.0/UDP b;branch=z9hG4bK2", None),
            ("blanks", "SIP/2.0/UDP a;branch = z9hG4bK1", None),
            ("none", "SIP/2.0/UDP a;rport", None),
            ("empty", "SIP/2.0/UDP a;branch=;rport", None),
            ("in quotes", "SIP/2.0/UDP a;x=\";branch=z9hG4bK2\";branch=z9hG4bK1", None),
        ];
        for (name, values, expected) in cases {
            assert_eq!(first(values.as_bytes()), expected.map(str::as_bytes), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_branch_is_that_of_the_plain_reading(
            values in "(SIP/2.0/UDP )?[ab\"<,]{0,3}([;,](rport|x|branch|Branch ?)(=? ?[\"<>;,a-c \\\\]{0,4}){0,2}){0,4}",
        ) {
            let plain = comma_list(values.as_bytes()).next().and_then(|value| Via::parse(value).branch);
            if let Some(branch) = first(values.as_bytes()) {
                prop_assert_eq!(Some(branch), plain, "{}", values);
            }
        }
    }
}

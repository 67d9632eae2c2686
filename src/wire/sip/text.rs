//! Values as text for people and for keys. Knows no grammar but folds, quotes and escapes.

use std::borrow::Cow;

use memchr::memchr;

use super::super::marks::find_far;
use super::header::{is_blank, split_around, trim};

/// As text for people and for keys of rows: unfolded (a line end with blanks after it, and all blanks around it, become
/// one space), lossy UTF-8. Control characters stay.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    shown(bytes).into_owned()
}

/// What [`text`] gives, lent where it stands so in the bytes.
#[must_use]
pub fn shown(bytes: &[u8]) -> Cow<'_, str> {
    if find_far(bytes, 0, bytes.len(), b'\n') == bytes.len() {
        // Asked first since nearly all is ASCII, which that tells many bytes at a time.
        return std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    }
    let mut unfolded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(end) = memchr(b'\n', rest) {
        let (line, after) = split_around(rest, end);
        rest = after;
        if let [b' ' | b'\t', ..] = after {
            unfolded.extend_from_slice(line);
            unfolded.truncate(unfolded.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1));
            unfolded.push(b' ');
            let lead = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
            rest = rest.get(lead..).unwrap_or_default();
        } else {
            unfolded.extend_from_slice(line);
            unfolded.push(b'\n');
        }
    }
    unfolded.extend_from_slice(rest);
    Cow::Owned(String::from_utf8_lossy(&unfolded).into_owned())
}

/// A display name or quoted text for people: surrounding quotes off, escapes undone (RFC 3261 25.1, quoted-pair), then
/// as [`text`] does.
#[must_use]
pub fn unquote(bytes: &[u8]) -> String {
    unquoted(bytes).into_owned()
}

/// What [`unquote`] gives, lent where it stands so in the bytes.
#[must_use]
pub fn unquoted(bytes: &[u8]) -> Cow<'_, str> {
    let inner = match trim(bytes) {
        [b'"', inner @ .., b'"'] => inner,
        other => other,
    };
    if memchr(b'\\', inner).is_none() {
        return shown(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => *bytes.next().unwrap_or(byte),
            _ => *byte,
        });
    }
    Cow::Owned(text(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_people() {
        let cases: &[(&str, &[u8], &str, &str)] = &[
            ("plain", b"a b", "a b", "a b"),
            ("a fold", b"a \t\r\n \t b\n c", "a b c", "a b c"),
            ("a line end that is no fold", b"a\r\nb\n", "a\r\nb\n", "a\r\nb"),
            ("Latin-1", b"caf\xe9", "caf\u{fffd}", "caf\u{fffd}"),
            ("quotes", br#""a \"b\" \\""#, r#""a \"b\" \\""#, r#"a "b" \"#),
            ("a quote alone", b"\"", "\"", "\""),
            ("a backslash at the end", b"a\\", "a\\", "a\\"),
            ("control characters", b"a\x1b[1m", "a\x1b[1m", "a\x1b[1m"),
        ];
        for (name, bytes, plain, unquoted) in cases {
            assert_eq!(text(bytes), *plain, "{name}");
            assert_eq!(unquote(bytes), *unquoted, "{name}");
        }
    }
}

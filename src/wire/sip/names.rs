//! Which header names a head may hold, told by a few bits: most questions for a rare header are answered without going
//! through the lines again. Knows no header's meaning, and may say yes too often, never no.

use super::header::long_name;

/// A set of header names, each one bit of 64: names of equal bits count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names(u64);

impl Names {
    pub(super) const EMPTY: Self = Self(0);

    /// Those of these long names. Names of headers that every message keeps anyway say nothing here.
    #[must_use]
    pub const fn of(mut long: &[&str]) -> Self {
        let mut names = Self::EMPTY;
        while let [name, rest @ ..] = long {
            names = names.and(Self::one(name.as_bytes()));
            long = rest;
        }
        names
    }

    /// With those of another set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether both may hold the same name.
    #[inline]
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// A name as sent, compact or long, in any case.
    #[inline]
    pub(super) const fn one(name: &[u8]) -> Self {
        Self(Self::bit(name))
    }

    /// Whether a header of this name may be there.
    #[inline]
    pub(super) const fn may_hold(self, name: &[u8]) -> bool {
        self.0 & Self::bit(name) != 0
    }

    #[inline]
    const fn bit(name: &[u8]) -> u64 {
        let name = match name {
            [_] => long_name(name),
            _ => name,
        };
        // The first two letters, the last one and the length, weighed so that what is looked for and what is usual
        // hardly ever meet.
        match (name, name) {
            ([first, second, ..], [.., last]) => {
                let [first, second, last] = [*first as usize | 0x20, *second as usize | 0x20, *last as usize | 0x20];
                1 << ((first * 36 + second * 42 + last * 45 + name.len() * 17) % 64)
            }
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Message;
    use super::*;

    #[test]
    fn names_told_apart() {
        let mut usual = Names::default();
        for name in ["Via", "f", "To", "CALL-ID", "CSeq", "m", "Max-Forwards", "User-Agent", "Content-Length"] {
            usual = usual.and(Names::one(name.as_bytes()));
        }
        for (name, expected) in [
            ("from", true),
            ("contact", true),
            ("call-id", true),
            ("reason", false),
            ("warning", false),
            ("record-route", false),
            ("session-id", false),
            ("replaces", false),
        ] {
            assert_eq!(usual.may_hold(name.as_bytes()), expected, "{name}");
        }
    }

    /// [`Message::values`] without this shortcut.
    fn values_plainly<'a>(message: &Message<'a>, name: &str) -> Vec<&'a [u8]> {
        let named = |sent: &[u8]| long_name(sent).eq_ignore_ascii_case(name.as_bytes());
        message.headers().filter(|(sent, _)| named(sent)).map(|(_, value)| value).collect()
    }

    proptest! {
        #[test]
        fn values_are_those_of_the_plain_reading(
            lines in proptest::collection::vec(
                ("(?i)reason|warning|r|b|o|x-cid|record-route|event|Refer-To", "[ \t]?", "[a-z;=\" ]{0,6}"), 0..6),
            asked in "reason|warning|refer-to|referred-by|event|x-cid|record-route|session-id",
        ) {
            let lines: String = lines.iter().map(|(name, blank, value)| format!("{name}{blank}: {value}\r\n")).collect();
            let bytes = format!("BYE sip:a@b SIP/2.0\r\n{lines}\r\n");
            let Some(message) = Message::parse(bytes.as_bytes()) else { return Err(TestCaseError::fail("no message")) };
            prop_assert_eq!(message.values(&asked).collect::<Vec<_>>(), values_plainly(&message, &asked));
        }
    }
}

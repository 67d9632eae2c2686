//! What can be wrong with a message that could still be read; RFC 4475 3.1.2 is the yardstick. Knows only the names,
//! not how each is found.

/// A set of things that are wrong with a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Defects(u32);

impl Defects {
    /// Nothing is wrong.
    pub const NONE: Self = Self(0);
    /// Bytes other than CR and LF stood before the start line.
    pub const JUNK: Self = Self(1);
    /// Blanks too many in the start line (RFC 4475 3.1.2.8, 3.1.2.9).
    pub const START_LINE: Self = Self(1 << 1);
    /// Angle brackets around, blanks in or headers after the Request-URI (RFC 4475 3.1.2.6, 3.1.2.7, 3.1.2.11).
    pub const REQUEST_URI: Self = Self(1 << 2);
    /// A version other than SIP/2.0 (RFC 4475 3.1.2.16).
    pub const VERSION: Self = Self(1 << 3);
    /// A status code that is not 100 to 699 (RFC 4475 3.1.2.19).
    pub const STATUS_CODE: Self = Self(1 << 4);
    /// The head ends without a blank line: cut by the snap length, or never sent whole.
    pub const TRUNCATED: Self = Self(1 << 5);
    /// The body is shorter than its Content-Length: cut by the snap length, or declared wrong (RFC 4475 3.1.2.2).
    pub const BODY_CUT: Self = Self(1 << 6);
    /// Content-Length is no number (RFC 4475 3.1.2.3).
    pub const CONTENT_LENGTH: Self = Self(1 << 7);
    /// A line among the headers that is none: no colon, or no name before it.
    pub const HEADER_LINE: Self = Self(1 << 8);
    /// A header that may stand only once stands more often (RFC 4475 3.3.8, 3.3.9); the first one counts.
    pub const REPEATED: Self = Self(1 << 9);
    /// Call-ID, CSeq, From, To or Via is missing (RFC 4475 3.3.1).
    pub const MISSING: Self = Self(1 << 10);
    /// CSeq is not a number below 2^32 and a method (RFC 4475 3.1.2.4, 3.1.2.5).
    pub const CSEQ: Self = Self(1 << 11);
    /// The method of CSeq is not that of the request line (RFC 4475 3.1.2.17, 3.1.2.18).
    pub const CSEQ_METHOD: Self = Self(1 << 12);
    /// Expires is no number, or above 2^32-1 (RFC 4475 3.1.2.4).
    pub const EXPIRES: Self = Self(1 << 13);
    /// From, To or Contact is not written as an address may be: quotes or brackets left open, blanks inside brackets,
    /// a display name that needs quotes, empty parameters (RFC 4475 3.1.2.1, 3.1.2.6, 3.1.2.13 to 3.1.2.15).
    pub const ADDRESS: Self = Self(1 << 14);
    /// A Via that is not `SIP/2.0/transport sent-by;params` (RFC 4475 3.1.2.1, 3.1.2.16).
    pub const VIA: Self = Self(1 << 15);

    const NAMES: [(Self, &'static str); 16] = [
        (Self::JUNK, "junk before the start line"),
        (Self::START_LINE, "extra blanks in the start line"),
        (Self::REQUEST_URI, "malformed Request-URI"),
        (Self::VERSION, "version is not SIP/2.0"),
        (Self::STATUS_CODE, "status code is not 100 to 699"),
        (Self::TRUNCATED, "head ends without a blank line"),
        (Self::BODY_CUT, "body is shorter than Content-Length"),
        (Self::CONTENT_LENGTH, "Content-Length is no number"),
        (Self::HEADER_LINE, "header line without a name"),
        (Self::REPEATED, "header repeated that may stand only once"),
        (Self::MISSING, "Call-ID, CSeq, From, To or Via is missing"),
        (Self::CSEQ, "malformed CSeq"),
        (Self::CSEQ_METHOD, "CSeq method differs from the request's"),
        (Self::EXPIRES, "malformed Expires"),
        (Self::ADDRESS, "malformed From, To or Contact"),
        (Self::VIA, "malformed Via"),
    ];

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of these are among them.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and the others.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without the others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the head ends without a blank line.
    #[must_use]
    pub const fn truncated(self) -> bool {
        self.contains(Self::TRUNCATED)
    }

    /// Whether head or body are shorter than they should be. The sender may be without blame: see whether the packet
    /// was cut by the snap length.
    #[must_use]
    pub const fn cut(self) -> bool {
        self.contains(Self::TRUNCATED) || self.contains(Self::BODY_CUT)
    }

    /// What is wrong, in words, in the order of the message.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(defect, _)| self.contains(*defect)).map(|(_, name)| name)
    }
}

impl std::ops::BitOr for Defects {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl std::ops::BitOrAssign for Defects {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_has_one_name_and_a_bit_of_its_own() {
        let mut all = Defects::NONE;
        for (defect, name) in Defects::NAMES {
            assert!(!defect.is_empty() && !all.contains(defect), "{name}");
            assert_eq!(defect.names().collect::<Vec<_>>(), [name]);
            all |= defect;
        }
        assert_eq!(all.names().count(), Defects::NAMES.len());
        assert!(Defects::NONE.is_empty() && all.truncated() && all.cut());
        assert!(!all.without(Defects::TRUNCATED).truncated());
    }
}

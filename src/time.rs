//! Points in capture time and the spans between them. Knows no wall clock: every instant comes from a capture.

use std::fmt;
use std::time::Duration;

/// An instant of capture time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch; for tests and tables.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The span from `earlier` to here, zero where the clock stepped back.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        if nanos <= 0 { Duration::ZERO } else { Duration::from_nanos(nanos.unsigned_abs()) }
    }

    /// This instant and `span` later, held at the end of what can be said.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// RFC 3339 in UTC with `digits` of the second's fraction (0 to 9): the capture's own precision.
    #[must_use]
    pub fn rfc3339(self, digits: u8) -> Rfc3339 {
        Rfc3339 { at: self, digits: digits.min(9) }
    }
}

/// Prints a [`Timestamp`] as `2026-11-22T16:57:03.250000Z`.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339 {
    at: Timestamp,
    digits: u8,
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every i64 of nanoseconds (years 1677 to 2262) is a jiff timestamp.
        let at = jiff::Timestamp::from_nanosecond(i128::from(self.at.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{at:.*}", usize::from(self.digits))
    }
}

/// Prints a span as people say it: `0.3 s`, `31.5 s`, `2:14`, `1:02:14`.
#[derive(Clone, Copy, Debug)]
pub struct Spoken(pub Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.as_millis() + 50) / 100;
        let seconds = (self.0.as_millis() + 500) / 1000;
        match tenths {
            0 if self.0 > Duration::ZERO => write!(f, "{} ms", self.0.as_millis().max(1)),
            0..600 => write!(f, "{}.{} s", tenths / 10, tenths % 10),
            _ if seconds < 3600 => write!(f, "{}:{:02}", seconds / 60, seconds % 60),
            _ => write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_captures_own_precision() {
        let at = Timestamp::from_nanos(1_700_000_000_000_005_678);
        let cases = [
            (0, "2023-11-14T22:13:20Z"),
            (3, "2023-11-14T22:13:20.000Z"),
            (6, "2023-11-14T22:13:20.000005Z"),
            (9, "2023-11-14T22:13:20.000005678Z"),
        ];
        for (digits, expected) in cases {
            assert_eq!(at.rfc3339(digits).to_string(), expected);
        }
        for extreme in [i64::MIN, -1, 0, i64::MAX] {
            assert!(Timestamp::from_nanos(extreme).rfc3339(9).to_string().ends_with('Z'));
        }
    }

    #[test]
    fn says_spans_as_people_do() {
        let cases = [
            (0, "0.0 s"),
            (7, "7 ms"),
            (260, "0.3 s"),
            (31_500, "31.5 s"),
            (59_949, "59.9 s"),
            (59_950, "1:00"),
            (134_000, "2:14"),
            (3_734_000, "1:02:14"),
        ];
        for (millis, expected) in cases {
            assert_eq!(Spoken(Duration::from_millis(millis)).to_string(), expected, "{millis} ms");
        }
    }

    #[test]
    fn a_clock_that_steps_back_spans_nothing() {
        let (early, late) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        assert_eq!(late.since(early), Duration::from_millis(1));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Timestamp::from_nanos(i64::MAX).after(Duration::MAX), Timestamp::from_nanos(i64::MAX));
    }
}

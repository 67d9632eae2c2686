//! Points in capture time and the spans between them. Knows no wall clock: every instant comes from a capture.

use std::fmt;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;

/// An instant of capture time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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

    /// Reads an instant as people write it: RFC 3339 (`2026-11-22T16:57:03.25Z`) or seconds since the epoch
    /// (`1795366623.25`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(nanos) = decimal_nanos(text) {
            return Some(Self(nanos));
        }
        let at: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(at.as_nanosecond()).ok().map(Self)
    }

    /// RFC 3339 in UTC with `digits` of the second's fraction (0 to 9): the capture's own precision.
    #[must_use]
    pub fn rfc3339(self, digits: u8) -> Rfc3339 {
        Rfc3339 { at: self, digits: digits.min(9) }
    }
}

/// Reads a span as people write it: `90`, `90s`, `5m`, `1h`, `1h 30m`; a bare number is seconds.
#[must_use]
pub fn parse_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(nanos) = decimal_nanos(text) {
        return u64::try_from(nanos).ok().map(Duration::from_nanos);
    }
    // Only the friendly form: `PT5M` is not how people write it, and a sign has no meaning here.
    text.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
    let span: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(span).ok()
}

/// Seconds with or without a fraction, as nanoseconds. Exact: an `f64` would not hold the nanoseconds of today.
fn decimal_nanos(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || (text.contains('.') && !digits(fraction)) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").get(..9)?.parse::<i64>().ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Prints a [`Timestamp`] as `2026-11-22T16:57:03.250000Z`.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339 {
    at: Timestamp,
    digits: u8,
}

impl Rfc3339 {
    /// Appends it: what [`Display`](fmt::Display) writes, for those who print millions.
    pub fn push_to(&self, text: &mut String) {
        // Every i64 of nanoseconds (years 1677 to 2262) is a jiff timestamp.
        let at = jiff::Timestamp::new(self.at.0.div_euclid(1_000_000_000), self.at.0.rem_euclid(1_000_000_000) as i32);
        let at = at.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        // Writing to a String cannot fail.
        let _ = DateTimePrinter::new().precision(Some(self.digits)).print_timestamp(&at, text);
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(30);
        self.push_to(&mut text);
        f.write_str(&text)
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
    fn reads_instants_as_people_write_them() {
        let cases = [
            ("1700000000", Some(1_700_000_000_000_000_000)),
            ("1700000000.000005", Some(1_700_000_000_000_005_000)),
            ("1700000000.1234567899", Some(1_700_000_000_123_456_789)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000_000_000)),
            ("2023-11-14T23:13:20.5+01:00", Some(1_700_000_000_500_000_000)),
            ("2023-11-14 22:13:20Z", Some(1_700_000_000_000_000_000)),
            ("2023-11-14", None),
            ("1700000000.", None),
            ("-5", None),
            ("99999999999999", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Timestamp::parse(text).map(Timestamp::nanos), expected, "{text}");
        }
    }

    #[test]
    fn reads_spans_as_people_write_them() {
        let cases = [
            ("90", Some(90_000)),
            ("0.5", Some(500)),
            ("90s", Some(90_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("1h 30m", Some(5_400_000)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("-5s", None),
            ("PT5M", None),
            ("5 parsecs", None),
            ("m", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_span(text), expected.map(Duration::from_millis), "{text}");
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

//! Points in capture time and the spans between them. Knows no wall clock: every instant comes from a capture.

use std::fmt::{self, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 1970-01-01T00:00:00Z as [`Timestamp`] counts.
const EPOCH: u64 = 1 << 63;

/// An instant of capture time: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Counted from the earliest one that can be said, and from 1, so that an `Option` of it takes no room of its own: what
/// is tracked holds dozens of those.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

impl Default for Timestamp {
    fn default() -> Self {
        Self::from_nanos(0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.nanos()).finish()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.nanos().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::from_nanos)
    }
}

impl Timestamp {
    /// From nanoseconds since the epoch; -2^63, in the year 1677, is taken for the one after it.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        match NonZeroU64::new(nanos.cast_unsigned() ^ EPOCH) {
            Some(count) => Self(count),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From milliseconds since the epoch; for tests and tables.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        (self.0.get() ^ EPOCH).cast_signed()
    }

    /// The span from `earlier` to here, zero where the clock stepped back.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let nanos = self.nanos().saturating_sub(earlier.nanos());
        if nanos <= 0 { Duration::ZERO } else { Duration::from_nanos(nanos.unsigned_abs()) }
    }

    /// This instant and `span` later, held at the end of what can be said.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self::from_nanos(self.nanos().saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This instant and `span` before, held at the beginning of what can be said.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self::from_nanos(self.nanos().saturating_sub(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Reads an instant as people write it: RFC 3339 (`2026-11-22T16:57:03.25Z`) or seconds since the epoch
    /// (`1795366623.25`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(nanos) = decimal_nanos(text) {
            return Some(Self::from_nanos(nanos));
        }
        let at: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(at.as_nanosecond()).ok().map(Self::from_nanos)
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
        // Writing to a String cannot fail.
        let _ = self.write_to(text);
    }

    // By hand, as every row holds ten of them: the calendar's own library takes eight times as long.
    #[inline]
    fn write_to(&self, out: &mut impl Write) -> fmt::Result {
        let nanos = self.at.nanos();
        let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Every i64 of nanoseconds lies in the years 1677 to 2262.
        let (year, month, day) = civil(days);
        // All of these are positive and fit.
        let (second, nanos) = (second as u32, nanos as u32);
        let ([c, d], [y, z]) = (two(year / 100), two(year % 100));
        let ([m, n], [a, b]) = (two(month), two(day));
        let ([h, i], [j, k], [s, t]) = (two(second / 3600), two(second / 60 % 60), two(second % 60));
        let ([f1, f2], [f3, f4]) = (two(nanos / 10_000_000), two(nanos / 100_000 % 100));
        let ([f5, f6], [f7, f8]) = (two(nanos / 1_000 % 100), two(nanos / 10 % 100));
        let [_, f9] = two(nanos % 10);
        #[rustfmt::skip]
        let mut printed = [
            c, d, y, z, b'-', m, n, b'-', a, b, b'T', h, i, b':', j, k, b':', s, t,
            b'.', f1, f2, f3, f4, f5, f6, f7, f8, f9, b'Z',
        ];
        let end = if self.digits == 0 { 19 } else { 20 + usize::from(self.digits.min(9)) };
        if let Some(last) = printed.get_mut(end) {
            *last = b'Z';
        }
        out.write_str(printed.get(..=end).and_then(|printed| std::str::from_utf8(printed).ok()).unwrap_or_default())
    }
}

/// The two digits of a number below 100.
const fn two(number: u32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// Year, month and day of this many days since 1970-01-01, counted in years that begin in March: then the leap day is
/// the last of its year, and a month's first day follows from its number alone.
const fn civil(days: i64) -> (u32, u32, u32) {
    // 719,468 days from 0000-03-01; 146,097 in 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097) as u32, days.rem_euclid(146_097) as u32);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + 400 * era;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

/// Prints a span as people say it: `0.3 s`, `31.5 s`, `2:14`, `1:02:14`.
#[derive(Clone, Copy, Debug)]
pub struct Spoken(pub Duration);

impl Spoken {
    /// Appends it: what [`Display`](fmt::Display) writes, for those who print millions.
    pub fn push_to(self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = self.write_to(text);
    }

    fn write_to(self, out: &mut impl Write) -> fmt::Result {
        // No difference of two instants is longer than a u64 of milliseconds.
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX).min(u64::MAX - 500);
        let (tenths, seconds) = ((millis + 50) / 100, (millis + 500) / 1000);
        let mut number = itoa::Buffer::new();
        let padded = |out: &mut _, part: u64| {
            let digits = [b'0' + (part / 10 % 10) as u8, b'0' + (part % 10) as u8];
            Write::write_str(out, std::str::from_utf8(&digits).unwrap_or_default())
        };
        match tenths {
            0 if self.0 > Duration::ZERO => {
                out.write_str(number.format(millis.max(1)))?;
                out.write_str(" ms")
            }
            0..600 => {
                out.write_str(number.format(tenths / 10))?;
                out.write_char('.')?;
                out.write_str(number.format(tenths % 10))?;
                out.write_str(" s")
            }
            _ => {
                if seconds >= 3600 {
                    out.write_str(number.format(seconds / 3600))?;
                    out.write_char(':')?;
                    padded(out, seconds / 60 % 60)?;
                } else {
                    out.write_str(number.format(seconds / 60))?;
                }
                out.write_char(':')?;
                padded(out, seconds % 60)
            }
        }
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the calendar's own library makes of it.
    fn by_the_library(nanos: i64, digits: u8) -> String {
        let at = jiff::Timestamp::from_nanosecond(nanos.into()).unwrap();
        let mut text = String::new();
        jiff::fmt::temporal::DateTimePrinter::new().precision(Some(digits)).print_timestamp(&at, &mut text).unwrap();
        text
    }

    #[test]
    fn every_day_that_can_be_said_is_the_calendars() {
        const DAY: i64 = 86_400 * 1_000_000_000;
        for day in i64::MIN / DAY..=i64::MAX / DAY {
            let nanos = day * DAY;
            assert_eq!(Timestamp::from_nanos(nanos).rfc3339(0).to_string(), by_the_library(nanos, 0));
        }
    }

    proptest! {
        #[test]
        fn any_instant_is_printed_as_the_library_does(nanos in i64::MIN + 1..=i64::MAX, digits in 0_u8..=9) {
            prop_assert_eq!(Timestamp::from_nanos(nanos).rfc3339(digits).to_string(), by_the_library(nanos, digits));
        }

        #[test]
        fn any_span_is_said(span in any::<Duration>()) {
            let said = Spoken(span).to_string();
            prop_assert!(said.ends_with('s') || said.contains(':'), "{}", said);
        }
    }

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
    fn an_instant_that_is_unknown_takes_no_more_room() {
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
        for nanos in [i64::MIN + 1, -1, 0, 1, i64::MAX] {
            assert_eq!(Timestamp::from_nanos(nanos).nanos(), nanos);
        }
        assert_eq!(Timestamp::from_nanos(i64::MIN), Timestamp::from_nanos(i64::MIN + 1));
        assert!(Timestamp::from_nanos(-1) < Timestamp::default() && Timestamp::default() < Timestamp::from_nanos(1));
    }

    #[test]
    fn a_clock_that_steps_back_spans_nothing() {
        let (early, late) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        assert_eq!(late.since(early), Duration::from_millis(1));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Timestamp::from_nanos(i64::MAX).after(Duration::MAX), Timestamp::from_nanos(i64::MAX));
    }
}

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
    /// The instant.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        self.at
    }

    /// Digits of the second's fraction.
    #[must_use]
    pub const fn digits(self) -> u8 {
        self.digits
    }
}

/// Prints instants one after the other: the date, the hour and the minute are worked out when they change.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Minutes since 1970-01-01T00:00:00Z: those in `text`.
    minute: i64,
    text: [u8; 32],
}

impl Default for Stamp {
    fn default() -> Self {
        Self { minute: 0, text: *b"1970-01-01T00:00:00.000000000Z\0\0" }
    }
}

impl Stamp {
    /// What [`Display`](fmt::Display) writes, and how many of these bytes that is.
    #[inline]
    pub fn print(&mut self, Rfc3339 { at, digits }: Rfc3339) -> ([u8; 32], usize) {
        const MINUTE: i64 = 60_000_000_000;
        let nanos = at.nanos();
        let minute = nanos.div_euclid(MINUTE);
        if minute != self.minute {
            self.turn_to(minute);
        }
        let rest = nanos.rem_euclid(MINUTE).unsigned_abs();
        // Of a minute there are 60 million microseconds: two digits of a second and six of its fraction.
        let [s, t, fraction @ ..] = eight_digits((rest / 1_000) as u32);
        let mut text = self.text;
        (text[17], text[18]) = (s, t);
        text[20..26].copy_from_slice(&fraction);
        if digits > 6 {
            let nanos = (rest % 1_000) as u32;
            let ([a, b], [_, c]) = (two(nanos / 10), two(nanos % 10));
            text[26..29].copy_from_slice(&[a, b, c]);
        }
        let end = if digits == 0 { 19 } else { 20 + usize::from(digits.min(9)) };
        text[end] = b'Z';
        (text, end + 1)
    }

    fn turn_to(&mut self, minute: i64) {
        const DAY: i64 = 24 * 60;
        let (day, of_day) = (minute.div_euclid(DAY), minute.rem_euclid(DAY) as u32);
        if day != self.minute.div_euclid(DAY) {
            // Every i64 of nanoseconds lies in the years 1677 to 2262.
            let (year, month, day) = civil(day);
            let ([c, d], [y, z], [m, n], [a, b]) = (two(year / 100), two(year % 100), two(month), two(day));
            self.text[..10].copy_from_slice(&[c, d, y, z, b'-', m, n, b'-', a, b]);
        }
        let ([h, i], [j, k]) = (two(of_day / 60), two(of_day % 60));
        self.text[11..16].copy_from_slice(&[h, i, b':', j, k]);
        self.minute = minute;
    }
}

/// The digits of a number below a hundred million, zeros before it. All are worked out at once: halves, quarters and
/// digits side by side in one word, each divided by a multiplication that its neighbours do not feel.
#[inline]
#[must_use]
pub const fn eight_digits(number: u32) -> [u8; 8] {
    // Of an eighth of a word each holds a number up to 9999, 99 or 9, the higher one in the lower half.
    let number = number as u64;
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let quarters = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((quarters * 103) >> 10) & 0xf_000f_000f_000f;
    let digits = tens | ((quarters - 10 * tens) << 8);
    (digits | 0x3030_3030_3030_3030).to_le_bytes()
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
        let (printed, length) = Stamp::default().print(*self);
        f.write_str(printed.get(..length).and_then(|printed| std::str::from_utf8(printed).ok()).unwrap_or_default())
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
        let mut behind = |out: &mut _, whole: u64, rest: &[u8]| {
            Write::write_str(out, number.format(whole))?;
            Write::write_str(out, std::str::from_utf8(rest).unwrap_or_default())
        };
        // All of these are below 60.
        let padded = |part: u64| two((part % 60) as u32);
        let ([a, b], [y, z]) = (padded(seconds / 60), padded(seconds));
        match tenths {
            0 if self.0 > Duration::ZERO => behind(out, millis.max(1), b" ms"),
            0..600 => behind(out, tenths / 10, &[b'.', b'0' + (tenths % 10) as u8, b' ', b's']),
            _ if seconds < 3600 => behind(out, seconds / 60, &[b':', y, z]),
            _ => behind(out, seconds / 3600, &[b':', a, b, b':', y, z]),
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
        fn any_instant_is_printed_as_the_library_does(nanos in any::<i64>(), digits in 0_u8..=9) {
            prop_assert_eq!(Timestamp::from_nanos(nanos).rfc3339(digits).to_string(), by_the_library(nanos, digits));
        }

        #[test]
        fn instants_after_another_are_printed_as_the_library_does(
            all in prop::collection::vec((any::<i64>(), -100_000_000_000_i64..100_000_000_000, 0_u8..=9), 1..9),
        ) {
            let mut stamp = Stamp::default();
            let mut last = 0;
            for (far, near, digits) in all {
                // The second of each two is near the first.
                for nanos in [far, far.saturating_add(near), last] {
                    let (text, length) = stamp.print(Timestamp::from_nanos(nanos).rfc3339(digits));
                    prop_assert_eq!(std::str::from_utf8(&text[..length]).unwrap(), by_the_library(nanos, digits));
                    last = nanos;
                }
            }
        }

        #[test]
        fn eight_digits_are_those_of_the_number(number in 0_u32..100_000_000, small in 0_u32..10_000) {
            for number in [number, small, number - number % 10_000, 0, 99_999_999] {
                prop_assert_eq!(String::from_utf8(eight_digits(number).to_vec()).unwrap(), format!("{number:08}"));
            }
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

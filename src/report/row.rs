//! Rows: a settled fact and what follows from it. Knows nothing of formats, widths or colours.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::codes::{Category, Code};
use crate::packet::Place;
use crate::report::column::Kind;
use crate::report::lists::{Links, List, Reasons};
use crate::report::media::MediaRow;
use crate::report::stream::StreamRow;
use crate::report::timeline::{Life, Timeline};
use crate::report::transaction::TransactionRow;
use crate::time::{Rfc3339, Timestamp, eight_digits};
use crate::track::fact::{CallFact, Fact, RegistrationCause, RegistrationFact, Side, Steps};

/// A capture as the rows speak of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Source {
    /// The file as the user named it; `-` for standard input.
    pub name: Box<str>,
    /// Digits of the second's fraction that its timestamps carry (0 to 9): 6 for a classic pcap.
    pub digits: u8,
}

/// All captures of the run in the order of [`Place::file`], shared by every row.
pub type Sources = Arc<[Source]>;

/// What has become of a fact.
#[derive(Clone, Debug)]
pub enum Row {
    /// One call.
    Call(CallRow),
    /// One registration.
    Registration(RegistrationRow),
    /// Transactions outside both that are alike.
    Transaction(TransactionRow),
    /// One RTP stream of no known call; those of a call come with it.
    Stream(Box<StreamRow>),
}

impl Row {
    /// The row of a fact.
    #[must_use]
    pub fn new(fact: Fact, sources: &Sources) -> Self {
        match fact {
            Fact::Call(fact) => Self::Call(CallRow::new(fact, sources)),
            Fact::Registration(fact) => Self::Registration(RegistrationRow::new(fact, sources)),
            Fact::Transaction(fact) => Self::Transaction(TransactionRow::new(fact, sources)),
            Fact::Stream(fact) => Self::Stream(Box::new(StreamRow::new(*fact, sources))),
        }
    }

    /// Which of them it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Call(_) => Kind::Call,
            Self::Registration(_) => Kind::Registration,
            Self::Transaction(_) => Kind::Transaction,
            Self::Stream(_) => Kind::Stream,
        }
    }

    /// The RTP streams that it is or tells of.
    #[must_use]
    pub fn streams(&self) -> &[StreamRow] {
        match self {
            Self::Call(row) => row.media().map_or(&[], |media| media.streams()),
            Self::Stream(row) => std::slice::from_ref(&**row),
            Self::Registration(_) | Self::Transaction(_) => &[],
        }
    }
}

/// What rows of a kind are ordered by. The `apart` come last; else the first packet's time, its file and frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// An RTP stream of no known call.
    pub apart: bool,
    /// When the first packet was captured.
    pub at: Timestamp,
    /// The first packet.
    pub place: Place,
}

/// What is to be known of a row of any kind beside its cells.
pub trait Ordered {
    /// Its place among its like.
    fn order(&self) -> Order;

    /// The category, where it has one and it is known.
    fn category(&self) -> Option<Category>;
}

/// A text of a fact; an empty one is an unknown one.
pub(super) fn known<T: std::ops::Deref<Target = str>>(text: &Option<T>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// A span in seconds, printed as a decimal with at most the capture's precision: `4.2`, `0.000125`, `12.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds {
    span: Duration,
    digits: u8,
}

impl Seconds {
    /// `span` with at most `digits` of fraction (0 to 9).
    #[must_use]
    pub fn new(span: Duration, digits: u8) -> Self {
        Self { span, digits: digits.min(9) }
    }

    /// The span itself.
    #[must_use]
    pub const fn span(self) -> Duration {
        self.span
    }

    pub(super) const fn digits(self) -> u8 {
        self.digits
    }
}

impl Seconds {
    /// The whole seconds, and what follows them: a point and the digits of the fraction, of which that many are told.
    // From whole nanoseconds: a float would print 0.30000000000000004 here and there.
    #[must_use]
    pub fn print(self) -> (u64, [u8; 10], usize) {
        const POWERS: [u64; 10] =
            [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
        let rounding = usize::from(9 - self.digits.min(9));
        let unit = POWERS[rounding];
        // Spans of captures are differences of an i64's nanoseconds.
        let nanos = u64::try_from(self.span.as_nanos()).unwrap_or(u64::MAX - unit);
        let nanos = match rounding {
            0 => nanos,
            _ => nanos.saturating_add(unit / 2) / unit * unit,
        };
        let (whole, nanos) = (nanos / 1_000_000_000, (nanos % 1_000_000_000) as u32);
        let ([a, b, c, d, e, f, g, h], last) = (eight_digits(nanos / 10), (nanos % 10) as u8);
        let fraction = [b'.', a, b, c, d, e, f, g, h, b'0' + last];
        // Zeros at the end say nothing, but for the first. A zero is 0x30, and the last digit is the highest byte.
        let zeros = (u64::from_le_bytes([a, b, c, d, e, f, g, h]) & 0x0f0f_0f0f_0f0f_0f0f).leading_zeros() / 8;
        let told = if last > 0 { 9 } else { 8 - zeros.min(7) as usize };
        (whole, fraction, 1 + told)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction, length) = self.print();
        let fraction = fraction.get(..length).and_then(|fraction| std::str::from_utf8(fraction).ok());
        write!(f, "{whole}{}", fraction.unwrap_or_default())
    }
}

pub(super) fn source_of(sources: &[Source], place: Place) -> Option<&Source> {
    sources.get(place.file as usize)
}

/// Digits of a known capture; a capture that is not listed tells nothing to round by.
pub(super) fn digits_of(source: Option<&Source>) -> u8 {
    source.map_or(9, |source| source.digits)
}

/// One call: SPEC's record, as its fact tells it.
#[derive(Clone, Debug)]
pub struct CallRow {
    pub(super) fact: Box<CallFact>,
    media: Option<Arc<MediaRow>>,
    sources: Sources,
    /// Digits of the second's fraction that its times are printed with.
    digits: u8,
}

impl CallRow {
    /// The row of a call, its times with the precision of the capture that shows its first message.
    #[must_use]
    pub fn new(mut fact: Box<CallFact>, sources: &Sources) -> Self {
        let digits = digits_of(source_of(sources, fact.place));
        let media = fact.media.take().map(|media| Arc::new(MediaRow::new(*media, sources, digits)));
        Self { fact, media, sources: Arc::clone(sources), digits }
    }

    /// The code, where one is known.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.fact.code.map(Code::get)
    }

    /// Call-ID, as sent.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.fact.opening.call_id()
    }

    pub(super) fn sip_code(&self) -> Option<Code> {
        self.fact.answer.as_ref().map(|answer| answer.code)
    }

    pub(super) fn sip_reason(&self) -> Option<&str> {
        known(&self.fact.answer.as_ref()?.phrase)
    }

    pub(super) fn warning(&self) -> Option<&str> {
        known(&self.fact.warning)
    }

    pub(super) fn caller_uri(&self) -> Option<&str> {
        self.fact.opening.from_uri()
    }

    pub(super) fn caller_display(&self) -> Option<&str> {
        self.fact.opening.from_display()
    }

    pub(super) fn callee_uri(&self) -> Option<&str> {
        self.fact.opening.to_uri()
    }

    pub(super) fn callee_display(&self) -> Option<&str> {
        self.fact.opening.to_display()
    }

    pub(super) fn request_uri(&self) -> Option<&str> {
        self.fact.opening.request_uri()
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.fact.opening.user_agent()
    }

    pub(super) fn reasons(&self) -> Reasons<'_> {
        Reasons(List::Told(&self.fact.reasons))
    }

    /// Other legs of the same call.
    #[must_use]
    pub fn linked(&self) -> Links<'_> {
        Links(List::Told(&self.fact.linked))
    }

    /// Its RTP, where some was captured.
    pub(super) const fn media(&self) -> Option<&Arc<MediaRow>> {
        self.media.as_ref()
    }

    pub(super) fn timeline(&self) -> Timeline<'_> {
        Timeline { sources: &self.sources, steps: Life::Told(&self.fact.timeline) }
    }

    /// The file and frame to look at: the step that decided, else the first message.
    pub(super) fn evidence(&self) -> (&str, u64) {
        evidence(&self.fact.timeline, self.fact.place, &self.sources)
    }

    /// The deciding attempt's INVITE to its first 180-183, else to its final response (RFC 6076 4.3 times the same).
    pub(super) fn pdd(&self) -> Option<Seconds> {
        let until = self.fact.ringing.or(self.fact.final_at);
        self.fact.attempt_start.zip(until).map(|(from, to)| self.seconds(to.since(from)))
    }

    /// The call's first INVITE to the 2xx; unknown where that INVITE was not captured.
    pub(super) fn setup(&self) -> Option<Seconds> {
        let answered = self.fact.answered.filter(|_| !self.fact.partial);
        answered.map(|answered| self.seconds(answered.since(self.fact.start)))
    }

    /// 2xx to BYE, or to the last sign of life.
    pub(super) fn duration(&self) -> Option<Seconds> {
        let end = self.fact.ended.unwrap_or(self.fact.last);
        self.fact.answered.map(|answered| self.seconds(end.since(answered)))
    }

    /// How long SDP held it.
    pub(super) fn hold(&self) -> Option<Seconds> {
        self.fact.hold.map(|span| self.seconds(span))
    }

    pub(super) fn printed(&self, at: Timestamp) -> Rfc3339 {
        at.rfc3339(self.digits)
    }

    fn seconds(&self, span: Duration) -> Seconds {
        Seconds::new(span, self.digits)
    }
}

impl Ordered for CallRow {
    fn order(&self) -> Order {
        Order { apart: false, at: self.fact.start, place: self.fact.place }
    }

    fn category(&self) -> Option<Category> {
        self.fact.category
    }
}

/// One registration: SPEC's record, as its fact tells it.
#[derive(Clone, Debug)]
pub struct RegistrationRow {
    pub(super) fact: Box<RegistrationFact>,
    sources: Sources,
    /// Digits of the second's fraction that its times are printed with.
    digits: u8,
}

impl RegistrationRow {
    /// The row of a registration, its times with the precision of the capture that shows its first message.
    #[must_use]
    pub fn new(fact: Box<RegistrationFact>, sources: &Sources) -> Self {
        let digits = digits_of(source_of(sources, fact.place));
        Self { fact, sources: Arc::clone(sources), digits }
    }

    /// The code, where one is known.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.fact.code.map(Code::get)
    }

    pub(super) fn aor(&self) -> &str {
        &self.fact.aor
    }

    pub(super) fn contact(&self) -> Option<&str> {
        known(&self.fact.contact)
    }

    pub(super) fn registrar(&self) -> Option<&str> {
        known(&self.fact.registrar)
    }

    /// Call-ID, as sent.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.fact.call_id
    }

    pub(super) fn sip_code(&self) -> Option<Code> {
        self.fact.answer.as_ref().map(|answer| answer.code)
    }

    pub(super) fn sip_reason(&self) -> Option<&str> {
        known(&self.fact.answer.as_ref()?.phrase)
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        known(&self.fact.user_agent)
    }

    pub(super) fn cause(&self) -> Option<&'static str> {
        self.fact.cause.map(cause_name)
    }

    pub(super) fn timeline(&self) -> Timeline<'_> {
        Timeline { sources: &self.sources, steps: Life::Told(&self.fact.timeline) }
    }

    /// The file and frame to look at: the step that decided, else the first message.
    pub(super) fn evidence(&self) -> (&str, u64) {
        evidence(&self.fact.timeline, self.fact.place, &self.sources)
    }

    pub(super) fn printed(&self, at: Timestamp) -> Rfc3339 {
        at.rfc3339(self.digits)
    }
}

impl Ordered for RegistrationRow {
    fn order(&self) -> Order {
        Order { apart: false, at: self.fact.start, place: self.fact.place }
    }

    fn category(&self) -> Option<Category> {
        self.fact.category
    }
}

fn evidence<'a>(timeline: &Steps, first: Place, sources: &'a Sources) -> (&'a str, u64) {
    let place = timeline.last().map_or(first, |step| step.place);
    (source_of(sources, place).map_or("", |source| &source.name), place.frame)
}

/// As the record names it.
pub(super) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Caller => "caller",
        Side::Callee => "callee",
    }
}

/// As the record names it.
const fn cause_name(cause: RegistrationCause) -> &'static str {
    match cause {
        RegistrationCause::Requested => "requested",
        RegistrationCause::Expired => "expired",
        RegistrationCause::Replaced => "replaced",
        RegistrationCause::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{at, invite, sources};
    use proptest::prelude::*;

    #[test]
    fn seconds_print_without_noise_and_with_the_captures_precision() {
        let cases = [
            (300_000_000, 6, "0.3"),
            (100_000_000 + 200_000_000, 9, "0.3"),
            (0, 6, "0.0"),
            (12_000_000_000, 6, "12.0"),
            (125_000, 6, "0.000125"),
            (125_400, 6, "0.000125"),
            (125_500, 6, "0.000126"),
            (999_999_999, 3, "1.0"),
            (1_500_000_000, 0, "2.0"),
            (1, 9, "0.000000001"),
        ];
        for (nanos, digits, expected) in cases {
            assert_eq!(Seconds::new(Duration::from_nanos(nanos), digits).to_string(), expected, "{nanos} ns");
        }
    }

    proptest! {
        #[test]
        fn any_span_is_printed_as_its_rounded_decimal(nanos in any::<i64>(), whole in 0_u64..100, digits in 0_u8..=9) {
            for nanos in [nanos.unsigned_abs(), whole * 1_000_000_000, whole * 10_000_000, whole] {
                let unit = 10_u64.pow(9 - u32::from(digits));
                let units = u128::from(nanos + unit / 2) / u128::from(unit);
                let decimal = format!("{units:0>width$}", width = usize::from(digits) + 1);
                let (seconds, fraction) = decimal.split_at(decimal.len() - usize::from(digits));
                let fraction = fraction.trim_end_matches('0');
                let expected = format!("{seconds}.{}", if fraction.is_empty() { "0" } else { fraction });
                prop_assert_eq!(Seconds::new(Duration::from_nanos(nanos), digits).to_string(), expected);
            }
        }
    }

    #[test]
    fn spans_are_those_of_the_record() {
        let spans = |fact| {
            let row = CallRow::new(Box::new(fact), &sources());
            let seconds = |seconds: Option<Seconds>| seconds.map(|seconds| seconds.to_string());
            (seconds(row.pdd()), seconds(row.setup()), seconds(row.duration()))
        };
        let some = |text: &str| Some(text.to_owned());
        let rang = || invite(0, 1).ringing_from(300).answered_at(4_200);
        let mut active = rang();
        active.last = at(10_000);
        let mut second_attempt = rang();
        second_attempt.attempt_start = Some(at(100));
        let mut partial = rang();
        (partial.partial, partial.attempt_start) = (true, None);
        assert_eq!(spans(rang().hung_up_at(5_000, Side::Caller)), (some("0.3"), some("4.2"), some("0.8")));
        assert_eq!(spans(active), (some("0.3"), some("4.2"), some("5.8")), "up to the last sign of life");
        assert_eq!(spans(second_attempt), (some("0.2"), some("4.2"), some("0.0")), "from the deciding attempt");
        assert_eq!(spans(partial), (None, None, some("0.0")), "no INVITE, no delay from it");
        assert_eq!(spans(invite(0, 1).refused_at(250, 503, "")), (some("0.25"), None, None), "to the final response");
        assert_eq!(spans(invite(0, 1)), (None, None, None));
    }

    #[test]
    fn a_step_names_its_capture_and_its_own_precision() {
        let mut fact = invite(0, 1).ringing_from(300);
        fact.timeline = (0..)
            .zip(fact.timeline.iter())
            .map(|(file, mut step)| {
                step.place.file = file.min(1);
                step
            })
            .collect();
        let sources: Sources =
            Arc::new([Source { name: "a.pcap".into(), digits: 6 }, Source { name: "b.pcapng".into(), digits: 3 }]);
        let row = CallRow::new(Box::new(fact), &sources);
        let steps: Vec<_> =
            row.timeline().moments().map(|step| (step.time.to_string(), step.file, step.frame)).collect();
        assert_eq!(
            steps,
            [
                ("2026-03-02T09:15:00.000000Z".to_owned(), "a.pcap", 1),
                ("2026-03-02T09:15:00.300Z".to_owned(), "b.pcapng", 3)
            ]
        );
    }
}

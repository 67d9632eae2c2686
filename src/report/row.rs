//! Rows: a settled fact with everything that follows from it, flat and owned, as small as it can be kept.
//! Knows nothing of formats, widths or colours.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::codes::{Category, Code};
use crate::packet::Place;
use crate::report::column::Kind;
use crate::report::legs::Leg;
use crate::report::media::MediaRow;
use crate::report::reason;
use crate::report::steps::Steps;
use crate::report::stream::StreamRow;
use crate::report::transaction::TransactionRow;
use crate::time::{Rfc3339, Timestamp};
use crate::track::fact::{Audio, CallFact, Fact, Link, Reason, RegistrationCause, RegistrationFact, Side, Step};

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
    Call(Box<CallRow>),
    /// One registration.
    Registration(Box<RegistrationRow>),
    /// Transactions outside both that are alike.
    Transaction(Box<TransactionRow>),
    /// One RTP stream of no known call; those of a call come with it.
    Stream(Box<StreamRow>),
}

impl Row {
    /// The row of a fact.
    #[must_use]
    pub fn new(fact: Fact, sources: &Sources) -> Self {
        match fact {
            Fact::Call(fact) => Self::Call(Box::new(CallRow::new(*fact, sources))),
            Fact::Registration(fact) => Self::Registration(Box::new(RegistrationRow::new(*fact, sources))),
            Fact::Transaction(fact) => Self::Transaction(Box::new(TransactionRow::new(*fact, sources))),
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
            Self::Call(row) => row.media().map_or(&[], MediaRow::streams),
            Self::Stream(row) => std::slice::from_ref(&**row),
            Self::Registration(_) | Self::Transaction(_) => &[],
        }
    }
}

/// Short texts in one allocation instead of one each. An empty text is an unknown one.
#[derive(Clone, Debug)]
pub(super) struct Texts<const N: usize> {
    all: Box<str>,
    ends: [u32; N],
}

impl<const N: usize> Texts<N> {
    pub(super) fn pack(parts: [&str; N]) -> Self {
        let all = parts.concat().into_boxed_str();
        let mut end = 0;
        let ends = parts.map(|part| {
            end += part.len();
            u32::try_from(end).unwrap_or(u32::MAX)
        });
        Self { all, ends }
    }

    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        let text = self.all.get(start as usize..*self.ends.get(index)? as usize)?;
        (!text.is_empty()).then_some(text)
    }
}

/// An optional text as [`Texts`] wants it.
pub(super) fn text(optional: &Option<Box<str>>) -> &str {
    optional.as_deref().unwrap_or_default()
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
}

impl Seconds {
    /// Appends it: what [`Display`](fmt::Display) writes, for those who print millions.
    pub fn push_to(self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = self.write_to(text);
    }

    // From whole nanoseconds: a float would print 0.30000000000000004 here and there.
    fn write_to(self, out: &mut impl fmt::Write) -> fmt::Result {
        let unit = 10_u64.pow(9 - u32::from(self.digits));
        let per_second = 10_u64.pow(u32::from(self.digits));
        // Spans of captures are differences of an i64's nanoseconds.
        let nanos = u64::try_from(self.span.as_nanos()).unwrap_or(u64::MAX - unit);
        let units = nanos.saturating_add(unit / 2) / unit;
        let (whole, mut rest) = (units / per_second, units % per_second);
        out.write_str(itoa::Buffer::new().format(whole))?;
        if rest == 0 {
            return out.write_str(".0");
        }
        let mut fraction = *b".000000000";
        let digits = 1..=usize::from(self.digits);
        let mut end = 0;
        for index in digits.rev() {
            if let Some(digit) = fraction.get_mut(index) {
                *digit = b'0' + (rest % 10) as u8;
                // Zeros at the end say nothing.
                end = if end == 0 && *digit != b'0' { index } else { end };
            }
            rest /= 10;
        }
        out.write_str(fraction.get(..=end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

/// One step of a timeline, ready to print.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// When, with the precision of the capture that shows it.
    pub time: Rfc3339,
    /// The code from here on.
    pub code: u16,
    /// The catalogue's name of it.
    pub status: Option<&'static str>,
    /// The capture that shows it.
    pub file: &'a str,
    /// The frame in that capture, counted from 1 as Wireshark does.
    pub frame: u64,
    /// Time since the first step.
    pub since_first: Duration,
}

/// The life of a call or registration, step by step.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    sources: &'a [Source],
    steps: &'a Steps,
}

impl<'a> Timeline<'a> {
    /// The steps in order of time.
    pub fn moments(self) -> impl Iterator<Item = Moment<'a>> {
        let first = self.steps.first().map_or_else(Timestamp::default, |step| step.at);
        self.steps.iter().map(move |step| {
            let source = source_of(self.sources, step.place);
            Moment {
                time: step.at.rfc3339(digits_of(source)),
                code: step.code.get(),
                status: step.code.name(),
                file: source.map_or("", |source| &source.name),
                frame: step.place.frame,
                since_first: step.at.since(first),
            }
        })
    }
}

pub(super) fn source_of(sources: &[Source], place: Place) -> Option<&Source> {
    sources.get(place.file as usize)
}

/// Digits of a known capture; a capture that is not listed tells nothing to round by.
pub(super) fn digits_of(source: Option<&Source>) -> u8 {
    source.map_or(9, |source| source.digits)
}

/// One call: SPEC's record in memory.
#[derive(Clone, Debug)]
pub struct CallRow {
    sources: Sources,
    texts: Texts<10>,
    reasons: Box<[Reason]>,
    linked: Box<[Link]>,
    media: Option<Box<MediaRow>>,
    /// Where it stands among the legs of its call, once they were [put together](super::legs::put_together).
    pub(super) leg: Option<Leg>,
    timeline: Steps,
    pub(super) start: Timestamp,
    pub(super) ringing: Option<Timestamp>,
    pub(super) answered: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    last: Timestamp,
    pdd: Option<Duration>,
    pub(super) place: Place,
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
    pub(super) messages: u32,
    pub(super) retransmissions: u32,
    pub(super) duplicates: u32,
    pub(super) attempts: u32,
    pub(super) hops: u32,
    pub(super) branches: u32,
    pub(super) transport: &'static str,
    category: Option<Category>,
    pub(super) code: Option<Code>,
    pub(super) sip_code: Option<Code>,
    ended_by: Option<Side>,
    pub(super) challenged: bool,
    pub(super) redirected: bool,
    pub(super) partial: bool,
    pub(super) timed_out: bool,
    pub(super) ack_missing: bool,
    pub(super) icmp: Option<&'static str>,
    hold: Option<Duration>,
    pub(super) audio: Option<Audio>,
}

impl CallRow {
    /// The row of a call, its times with the precision of the capture that shows its first message.
    #[must_use]
    pub fn new(fact: CallFact, sources: &Sources) -> Self {
        let line = reason::of_call(&fact);
        let precision = digits_of(source_of(sources, fact.place));
        // The deciding attempt's INVITE to its first 180-183, else to its final response (RFC 6076 4.3 times the same).
        let pdd = fact.attempt_start.zip(fact.ringing.or(fact.final_at)).map(|(from, to)| to.since(from));
        let texts = Texts::pack([
            &fact.call_id,
            &line,
            fact.answer.as_ref().map_or("", |answer| text(&answer.phrase)),
            text(&fact.warning),
            text(&fact.from.uri),
            text(&fact.from.display),
            text(&fact.to.uri),
            text(&fact.to.display),
            text(&fact.request_uri),
            text(&fact.user_agent),
        ]);
        Self {
            sources: Arc::clone(sources),
            texts,
            reasons: fact.reasons.into_boxed_slice(),
            linked: fact.linked.into_boxed_slice(),
            media: fact.media.map(|media| Box::new(MediaRow::new(*media, sources, precision))),
            leg: None,
            timeline: Steps::new(fact.timeline),
            start: fact.start,
            ringing: fact.ringing,
            answered: fact.answered,
            ended: fact.ended,
            last: fact.last,
            pdd,
            place: fact.place,
            src: fact.path.src,
            dst: fact.path.dst,
            messages: fact.messages,
            retransmissions: fact.retransmissions,
            duplicates: fact.duplicates,
            attempts: fact.attempts,
            hops: fact.hops,
            branches: fact.branches,
            transport: fact.path.transport.name(),
            category: fact.category,
            code: fact.code,
            sip_code: fact.answer.map(|answer| answer.code),
            ended_by: fact.ended_by,
            challenged: fact.challenged,
            redirected: fact.redirected,
            partial: fact.partial,
            timed_out: fact.timed_out,
            ack_missing: fact.ack_missing,
            icmp: fact.icmp.map(|icmp| icmp.name),
            hold: fact.hold,
            audio: fact.audio,
        }
    }

    /// What rows are ordered by: the first message's time, then its file and frame.
    #[must_use]
    pub const fn order(&self) -> (Timestamp, Place) {
        (self.start, self.place)
    }

    /// The category's name, where one is known.
    #[must_use]
    pub fn category(&self) -> Option<&'static str> {
        self.category.map(Category::name)
    }

    /// The code, where one is known.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.code.map(Code::get)
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.timeline.iter().collect()
    }

    pub(super) fn call_id(&self) -> &str {
        self.texts.get(0).unwrap_or_default()
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.texts.get(1)
    }

    pub(super) fn sip_reason(&self) -> Option<&str> {
        self.texts.get(2)
    }

    pub(super) fn warning(&self) -> Option<&str> {
        self.texts.get(3)
    }

    pub(super) fn caller_uri(&self) -> Option<&str> {
        self.texts.get(4)
    }

    pub(super) fn caller_display(&self) -> Option<&str> {
        self.texts.get(5)
    }

    pub(super) fn callee_uri(&self) -> Option<&str> {
        self.texts.get(6)
    }

    pub(super) fn callee_display(&self) -> Option<&str> {
        self.texts.get(7)
    }

    pub(super) fn request_uri(&self) -> Option<&str> {
        self.texts.get(8)
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.texts.get(9)
    }

    pub(super) fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    pub(super) fn linked(&self) -> &[Link] {
        &self.linked
    }

    /// Its RTP, where some was captured.
    pub(super) fn media(&self) -> Option<&MediaRow> {
        self.media.as_deref()
    }

    /// Leaves out its media, where nobody asks for it any more: most of what a row may weigh.
    pub fn forget_media(&mut self) {
        self.media = None;
    }

    pub(super) fn audio(&self) -> Option<&'static str> {
        self.audio.map(Audio::name)
    }

    /// `1`, `├ 2`, `└ 3`; nothing for the only leg of a call.
    pub(super) fn leg(&self) -> Option<String> {
        self.leg.map(|leg| match (leg.number, leg.last) {
            (1, _) => "1".to_owned(),
            (number, false) => format!("├ {number}"),
            (number, true) => format!("└ {number}"),
        })
    }

    pub(super) fn timeline(&self) -> Timeline<'_> {
        Timeline { sources: &self.sources, steps: &self.timeline }
    }

    /// The file and frame to look at: the step that decided, else the first message.
    pub(super) fn evidence(&self) -> (&str, u64) {
        let place = self.timeline.last().map_or(self.place, |step| step.place);
        (source_of(&self.sources, place).map_or("", |source| &source.name), place.frame)
    }

    pub(super) const fn ended_by(&self) -> Option<&'static str> {
        match self.ended_by {
            Some(side) => Some(side_name(side)),
            None => None,
        }
    }

    /// The deciding attempt's INVITE to its first 180-183, else to its final response.
    pub(super) fn pdd(&self) -> Option<Seconds> {
        self.pdd.map(|span| self.seconds(span))
    }

    /// The call's first INVITE to the 2xx; unknown where that INVITE was not captured.
    pub(super) fn setup(&self) -> Option<Seconds> {
        self.answered.filter(|_| !self.partial).map(|answered| self.seconds(answered.since(self.start)))
    }

    /// 2xx to BYE, or to the last sign of life.
    pub(super) fn duration(&self) -> Option<Seconds> {
        self.answered.map(|answered| self.seconds(self.ended.unwrap_or(self.last).since(answered)))
    }

    /// How long SDP held it.
    pub(super) fn hold(&self) -> Option<Seconds> {
        self.hold.map(|span| self.seconds(span))
    }

    pub(super) fn printed(&self, at: Timestamp) -> Rfc3339 {
        at.rfc3339(digits_of(source_of(&self.sources, self.place)))
    }

    fn seconds(&self, span: Duration) -> Seconds {
        Seconds::new(span, digits_of(source_of(&self.sources, self.place)))
    }
}

/// One registration: SPEC's record in memory.
#[derive(Clone, Debug)]
pub struct RegistrationRow {
    sources: Sources,
    texts: Texts<7>,
    timeline: Steps,
    pub(super) start: Timestamp,
    pub(super) registered: Option<Timestamp>,
    pub(super) last: Timestamp,
    pub(super) place: Place,
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
    pub(super) expires: Option<u32>,
    pub(super) refreshes: u32,
    pub(super) messages: u32,
    pub(super) transport: &'static str,
    category: Option<Category>,
    pub(super) cause: Option<&'static str>,
    pub(super) code: Option<Code>,
    pub(super) sip_code: Option<Code>,
    pub(super) challenged: bool,
}

impl RegistrationRow {
    /// The row of a registration, its times with the precision of the capture that shows its first message.
    #[must_use]
    pub fn new(fact: RegistrationFact, sources: &Sources) -> Self {
        let line = reason::of_registration(&fact);
        let texts = Texts::pack([
            &fact.aor,
            text(&fact.contact),
            fact.registrar.as_deref().unwrap_or_default(),
            &fact.call_id,
            fact.answer.as_ref().map_or("", |answer| text(&answer.phrase)),
            fact.user_agent.as_deref().unwrap_or_default(),
            &line,
        ]);
        Self {
            sources: Arc::clone(sources),
            texts,
            timeline: Steps::new(fact.timeline),
            start: fact.start,
            registered: fact.registered,
            last: fact.last,
            place: fact.place,
            src: fact.path.src,
            dst: fact.path.dst,
            expires: fact.expires,
            refreshes: fact.refreshes,
            messages: fact.messages,
            transport: fact.path.transport.name(),
            category: fact.category,
            cause: fact.cause.map(cause_name),
            code: fact.code,
            sip_code: fact.answer.map(|answer| answer.code),
            challenged: fact.challenged,
        }
    }

    /// What rows are ordered by: the first message's time, then its file and frame.
    #[must_use]
    pub const fn order(&self) -> (Timestamp, Place) {
        (self.start, self.place)
    }

    /// The category's name, where one is known.
    #[must_use]
    pub fn category(&self) -> Option<&'static str> {
        self.category.map(Category::name)
    }

    /// The code, where one is known.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.code.map(Code::get)
    }

    pub(super) fn aor(&self) -> &str {
        self.texts.get(0).unwrap_or_default()
    }

    pub(super) fn contact(&self) -> Option<&str> {
        self.texts.get(1)
    }

    pub(super) fn registrar(&self) -> Option<&str> {
        self.texts.get(2)
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.timeline.iter().collect()
    }

    pub(super) fn call_id(&self) -> &str {
        self.texts.get(3).unwrap_or_default()
    }

    pub(super) fn sip_reason(&self) -> Option<&str> {
        self.texts.get(4)
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.texts.get(5)
    }

    /// How it went in one line, for people.
    pub(super) fn reason(&self) -> Option<&str> {
        self.texts.get(6)
    }

    pub(super) fn timeline(&self) -> Timeline<'_> {
        Timeline { sources: &self.sources, steps: &self.timeline }
    }

    /// The file and frame to look at: the step that decided, else the first message.
    pub(super) fn evidence(&self) -> (&str, u64) {
        let place = self.timeline.last().map_or(self.place, |step| step.place);
        (source_of(&self.sources, place).map_or("", |source| &source.name), place.frame)
    }

    pub(super) fn printed(&self, at: Timestamp) -> Rfc3339 {
        at.rfc3339(digits_of(source_of(&self.sources, self.place)))
    }
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
    use crate::report::samples::{at, call_rows, invite, sources};

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

    #[test]
    fn texts_come_back_as_they_went_in_and_an_empty_one_is_unknown() {
        let texts = Texts::pack(["a", "", "日本", "z"]);
        let back: Vec<_> = (0..5).map(|index| texts.get(index)).collect();
        assert_eq!(back, [Some("a"), None, Some("日本"), Some("z"), None]);
    }

    #[test]
    fn spans_are_those_of_the_record() {
        let spans = |fact| {
            let row = CallRow::new(fact, &sources());
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
        fact.timeline[1].place.file = 1;
        let sources: Sources =
            Arc::new([Source { name: "a.pcap".into(), digits: 6 }, Source { name: "b.pcapng".into(), digits: 3 }]);
        let row = CallRow::new(fact, &sources);
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

    #[test]
    fn a_row_stays_small() {
        assert!(size_of::<CallRow>() <= 448, "{} bytes", size_of::<CallRow>());
        assert!(call_rows().iter().map(|row| row.texts.all.len()).max() < Some(400));
    }
}

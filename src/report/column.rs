//! The one list of columns for each kind of row (those of transactions and streams stand in `transaction`, `media` and
//! `stream`): table, CSV, JSON, `--columns`, the JSON Schema and the README read them all. Knows nothing of how a cell is
//! drawn.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::codes::{Category, Code};
use crate::report::legs::Leg;
use crate::report::lists::{Links, ReasonValue, Reasons};
use crate::report::media::{self, MediaRow};
use crate::report::row::{CallRow, RegistrationRow, Seconds, side_name};
use crate::report::said::Said;
use crate::report::stream::{STREAMS, STREAMS_AT_A_GLANCE, StreamRow};
use crate::report::timeline::Timeline;
use crate::report::transaction::{TRANSACTIONS, TRANSACTIONS_AT_A_GLANCE, TransactionRow};
use crate::time::{Rfc3339, Spoken, Timestamp};
use crate::track::fact::{Audio, Reported, VoipMetrics};

/// What a row can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A call.
    Call,
    /// A registration.
    Registration,
    /// Transactions outside both that are alike.
    Transaction,
    /// An RTP stream.
    Stream,
}

impl Kind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Call, Self::Registration, Self::Transaction, Self::Stream];

    /// As the NDJSON's `type` names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Registration => "registration",
            Self::Transaction => "transaction",
            Self::Stream => "stream",
        }
    }

    /// As the JSON document and `--show` name it.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Call => "calls",
            Self::Registration => "registrations",
            Self::Transaction => "transactions",
            Self::Stream => "streams",
        }
    }

    /// Its columns: the name of each and what it says.
    #[must_use]
    pub fn columns(self) -> Vec<(&'static str, &'static str)> {
        fn told<R>(columns: &[Column<R>]) -> Vec<(&'static str, &'static str)> {
            columns.iter().map(|column| (column.key, column.about)).collect()
        }
        match self {
            Self::Call => told(CALLS),
            Self::Registration => told(REGISTRATIONS),
            Self::Transaction => told(TRANSACTIONS),
            Self::Stream => told(STREAMS),
        }
    }
}

/// What a column's cells look like where they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Characters.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Decimal,
    /// A span in seconds.
    Seconds,
    /// An instant.
    Time,
    /// True or false, never unknown.
    Flag,
    /// Values of Reason headers.
    Reasons,
    /// A list that does not fit in a cell.
    List,
    /// An object that does not fit in one either.
    Object,
    /// Both directions' media, an object.
    Media,
}

/// One row's value in one column. It owns nothing: what is not there yet is put together where it is written.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// Not known, or there is no such thing: `-`, an empty cell, `null`.
    Unknown,
    /// Characters as sent: a renderer makes them harmless for where it writes.
    Text(&'a str),
    /// A word of ours: printable ASCII without a quotation mark, a comma or a backslash.
    Name(&'static str),
    /// Words that are not put together yet; harmless no more than those.
    Said(Said<'a>),
    /// A whole number.
    Integer(u64),
    /// A number with a fraction.
    Decimal(Decimal),
    /// A span in seconds.
    Seconds(Seconds),
    /// An instant.
    Time(Rfc3339),
    /// True or false.
    Flag(bool),
    /// `ip:port`, `[v6]:port`.
    Address(SocketAddr),
    /// Values of Reason headers (RFC 3326).
    Reasons(Reasons<'a>),
    /// The whole life.
    Timeline(Timeline<'a>),
    /// Other legs of the same call, each with what shows it.
    Links(Links<'a>),
    /// Both directions' media.
    Media(&'a Arc<MediaRow>),
    /// What RTCP said of a stream.
    Rtcp(&'a Arc<Reported>),
    /// A VoIP metrics block (RFC 3611 4.7).
    VoipMetrics(&'a VoipMetrics),
}

/// A finite number that is printed with a certain number of digits behind the point: `0.20`, `4.41`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal {
    pub(super) value: f64,
    pub(super) digits: u8,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*}", usize::from(self.digits), self.value)
    }
}

impl<'a> Cell<'a> {
    pub(super) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Unknown, Self::Text)
    }

    pub(super) fn name(name: Option<&'static str>) -> Self {
        name.map_or(Self::Unknown, Self::Name)
    }

    pub(super) fn said(said: Option<Said<'a>>) -> Self {
        said.map_or(Self::Unknown, Self::Said)
    }

    pub(super) fn code(code: Option<Code>) -> Self {
        code.map_or(Self::Unknown, |code| Self::Integer(code.get().into()))
    }

    pub(super) fn integer(number: impl Into<u64>) -> Self {
        Self::Integer(number.into())
    }

    /// No number that JSON could not hold leaves here.
    pub(super) fn decimal(value: Option<f64>, digits: u8) -> Self {
        let finite = value.filter(|value| value.is_finite());
        finite.map_or(Self::Unknown, |value| Self::Decimal(Decimal { value, digits }))
    }

    pub(super) fn seconds(seconds: Option<Seconds>) -> Self {
        seconds.map_or(Self::Unknown, Self::Seconds)
    }

    fn time(at: Option<Timestamp>, printed: impl Fn(Timestamp) -> Rfc3339) -> Self {
        at.map_or(Self::Unknown, |at| Self::Time(printed(at)))
    }
}

/// The cell as plain text; an unknown one is empty.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::Text(text) | Self::Name(text) => f.write_str(text),
            Self::Said(said) => said.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Decimal(number) => number.fmt(f),
            Self::Media(media) => media.fmt(f),
            Self::Rtcp(rtcp) => media::write_fields(&media::rtcp_fields(rtcp), f),
            Self::VoipMetrics(voip) => media::write_fields(&media::voip_fields(voip), f),
            Self::Seconds(seconds) => seconds.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Reasons(reasons) => {
                for (index, reason) in reasons.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write_reason(&reason, f)?;
                }
                Ok(())
            }
            Self::Links(links) => {
                for (index, link) in links.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{} ({})", link.call_id, link.evidence)?;
                }
                Ok(())
            }
            Self::Timeline(timeline) => {
                for (index, moment) in timeline.moments().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{} +{} (frame {})", moment.code, Spoken(moment.since_first), moment.frame)?;
                }
                Ok(())
            }
        }
    }
}

/// As the header writes it: `Q.850;cause=16;text="Normal call clearing"`.
fn write_reason(reason: &ReasonValue<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(reason.protocol)?;
    if let Some(cause) = reason.cause {
        write!(f, ";cause={cause}")?;
    }
    if let Some(text) = reason.text {
        write!(f, ";text=\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))?;
    }
    Ok(())
}

/// One column: its name in every format, its heading, what it says, and where its cells come from.
#[derive(Debug)]
pub struct Column<R: 'static> {
    /// The name in JSON, CSV and `--columns`; a contract.
    pub key: &'static str,
    /// The heading in a table.
    pub title: &'static str,
    /// What its cells look like.
    pub shape: Shape,
    /// One sentence: what it says, in what unit, and which section defines it.
    pub about: &'static str,
    /// The cell of a row.
    pub cell: for<'a> fn(&'a R) -> Cell<'a>,
}

// Not derived: a column is small, whatever its rows are.
impl<R> Clone for Column<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Column<R> {}

pub(super) const fn column<R>(
    key: &'static str,
    title: &'static str,
    shape: Shape,
    about: &'static str,
    cell: for<'a> fn(&'a R) -> Cell<'a>,
) -> Column<R> {
    Column { key, title, shape, about, cell }
}

/// The columns of a call, in the order of the record.
#[rustfmt::skip]
pub static CALLS: &[Column<CallRow>] = &[
    column("call_id", "Call-ID", Shape::Text, "Call-ID as sent (RFC 3261 20.8).",
        |r| Cell::Text(r.call_id())),
    column("code", "Code", Shape::Integer, "The call's state: a SIP status code, or a state code of `sipcodes codes`.",
        |r| Cell::code(r.fact.code)),
    column("status", "Status", Shape::Text, "The catalogue's name of `code`.",
        |r| Cell::name(r.fact.code.and_then(Code::name))),
    column("category", "Category", Shape::Text, "`attempting`, `active`, `completed`, `unsuccessful` or `unmonitored`.",
        |r| Cell::name(r.fact.category.map(Category::name))),
    column("reason", "Reason", Shape::Text, "How it went and why, in one line of words.",
        |r| Cell::Said(Said::Call(&r.fact))),
    column("sip_code", "SIP code", Shape::Integer, "Status code of the last response to the latest attempt, as the caller got it (RFC 3261 21).",
        |r| Cell::code(r.sip_code())),
    column("sip_reason", "SIP reason", Shape::Text, "Reason phrase of that response, as sent (RFC 3261 7.2).",
        |r| Cell::text(r.sip_reason())),
    column("reason_header", "Reason header", Shape::Reasons, "Reason headers of that response, of the caller's CANCEL and of the BYE (RFC 3326).",
        |r| Cell::Reasons(r.reasons())),
    column("warning", "Warning", Shape::Text, "Warning header of that response, as sent (RFC 3261 20.43).",
        |r| Cell::text(r.warning())),
    column("start", "Start", Shape::Time, "When the call's first message was captured.",
        |r| Cell::Time(r.printed(r.fact.start))),
    column("ringing", "Ringing", Shape::Time, "When the deciding attempt's first 180 to 183 came.",
        |r| Cell::time(r.fact.ringing, |at| r.printed(at))),
    column("answered", "Answered", Shape::Time, "When the 2xx to the INVITE came.",
        |r| Cell::time(r.fact.answered, |at| r.printed(at))),
    column("ended", "Ended", Shape::Time, "When the BYE or the final response came, or when a timer of RFC 3261 ran out.",
        |r| Cell::time(r.fact.ended, |at| r.printed(at))),
    column("ended_by", "Ended by", Shape::Text, "Who hung up or cancelled: `caller` or `callee`.",
        |r| Cell::name(r.fact.ended_by.map(side_name))),
    column("pdd_s", "PDD (s)", Shape::Seconds, "Post-dial delay in seconds: the deciding attempt's INVITE to its first 180 to 183, else to its final response (RFC 6076 4.3).",
        |r| Cell::seconds(r.pdd())),
    column("setup_s", "Setup (s)", Shape::Seconds, "Seconds from the call's first INVITE to the 2xx.",
        |r| Cell::seconds(r.setup())),
    column("duration_s", "Duration (s)", Shape::Seconds, "Seconds from the 2xx to the BYE, or to the last sign of life.",
        |r| Cell::seconds(r.duration())),
    column("from_uri", "From", Shape::Text, "URI of the From header: the caller (RFC 3261 20.20).",
        |r| Cell::text(r.caller_uri())),
    column("from_display", "From name", Shape::Text, "Display name of the From header.",
        |r| Cell::text(r.caller_display())),
    column("to_uri", "To", Shape::Text, "URI of the To header: the callee (RFC 3261 20.39).",
        |r| Cell::text(r.callee_uri())),
    column("to_display", "To name", Shape::Text, "Display name of the To header.",
        |r| Cell::text(r.callee_display())),
    column("request_uri", "Request-URI", Shape::Text, "Request-URI of the first INVITE (RFC 3261 8.1.1.1).",
        |r| Cell::text(r.request_uri())),
    column("src", "Source", Shape::Text, "Address and port that the first message on the caller's hop came from.",
        |r| Cell::Address(r.fact.path.src)),
    column("dst", "Destination", Shape::Text, "Address and port that it went to.",
        |r| Cell::Address(r.fact.path.dst)),
    column("transport", "Transport", Shape::Text, "What carried it: `UDP`, `TCP`, `TLS`, `SCTP`, `WS` or `WSS`.",
        |r| Cell::Name(r.fact.path.transport.name())),
    column("user_agent", "User-Agent", Shape::Text, "The caller's User-Agent header (RFC 3261 20.41).",
        |r| Cell::text(r.user_agent())),
    column("messages", "Messages", Shape::Integer, "SIP messages of the call, retransmissions and duplicates included.",
        |r| Cell::integer(r.fact.messages)),
    column("retransmissions", "Retransmissions", Shape::Integer, "Messages sent again on the same hop (RFC 3261 17).",
        |r| Cell::integer(r.fact.retransmissions)),
    column("duplicates", "Duplicates", Shape::Integer, "Packets captured twice: a mirror port, two VLANs, two files.",
        |r| Cell::integer(r.fact.duplicates)),
    column("attempts", "Attempts", Shape::Integer, "Initial INVITEs of different CSeq on the caller's hop.",
        |r| Cell::integer(r.fact.attempts)),
    column("challenged", "Challenged", Shape::Flag, "The caller got a 401 or 407 in any attempt (RFC 3261 22).",
        |r| Cell::Flag(r.fact.challenged)),
    column("redirected", "Redirected", Shape::Flag, "The caller got a 3xx in any attempt (RFC 3261 21.3).",
        |r| Cell::Flag(r.fact.redirected)),
    column("hops", "Hops", Shape::Integer, "Distinct pairs of sender and receiver of the initial INVITEs.",
        |r| Cell::integer(r.fact.hops)),
    column("branches", "Branches", Shape::Integer, "Distinct top Via branches of the initial INVITEs (RFC 3261 8.1.1.7).",
        |r| Cell::integer(r.fact.branches)),
    column("partial", "Partial", Shape::Flag, "The call's INVITE was not captured.",
        |r| Cell::Flag(r.fact.partial)),
    column("timed_out", "Timed out", Shape::Flag, "A timer of RFC 3261 ran out before the captures ended: 32 s without any response or after a CANCEL, 180 s of ringing.",
        |r| Cell::Flag(r.fact.timed_out)),
    column("ack_missing", "ACK missing", Shape::Flag, "The 2xx was never acknowledged (RFC 3261 13.3.1.4).",
        |r| Cell::Flag(r.fact.ack_missing)),
    column("icmp", "ICMP", Shape::Text, "The first ICMP error about a packet of the call: `port unreachable`, `host unreachable`, … (RFC 792, RFC 4443).",
        |r| Cell::name(r.fact.icmp.map(|icmp| icmp.name))),
    column("linked", "Linked", Shape::List, "Other legs of the same call through a B2BUA or a transfer: the `call_id` of each and the `evidence`, which is `session-id`, `x-call-id`, `replaces`, `refer` or `numbers+time+sdp`.",
        |r| Cell::Links(r.linked())),
    column("media", "Media", Shape::Media, "RTP of both directions, `from_caller` and `from_callee`, each told as a stream is (`packets` to `bytes`); none where no RTP of it was captured.",
        |r| r.media().map_or(Cell::Unknown, Cell::Media)),
    column("audio", "Audio", Shape::Text, "Who was heard of those who were expected to be: `both`, `one_way_from_caller`, `one_way_from_callee` or `none`; unknown where it was not answered, or the captures hold no RTP at all.",
        |r| Cell::name(r.fact.audio.map(Audio::name))),
    column("hold_s", "Hold (s)", Shape::Seconds, "Seconds on hold by SDP: nobody, or one side no longer, was to be heard (RFC 3264 8.4).",
        |r| Cell::seconds(r.hold())),
    column("timeline", "Timeline", Shape::List, "Every code the call took on: its time, its name, and the file and frame that caused it.",
        |r| Cell::Timeline(r.timeline())),
];

/// The columns of a registration, in the order of the record.
#[rustfmt::skip]
pub static REGISTRATIONS: &[Column<RegistrationRow>] = &[
    column("aor", "Address of record", Shape::Text, "Address-of-record: the To URI (RFC 3261 10.2).",
        |r| Cell::Text(r.aor())),
    column("contact", "Contact", Shape::Text, "The contact that was bound, or asked for (RFC 3261 10.2.1).",
        |r| Cell::text(r.contact())),
    column("registrar", "Registrar", Shape::Text, "Host of the Request-URI (RFC 3261 10.2).",
        |r| Cell::text(r.registrar())),
    column("call_id", "Call-ID", Shape::Text, "Call-ID as sent (RFC 3261 20.8).",
        |r| Cell::Text(r.call_id())),
    column("code", "Code", Shape::Integer, "The registration's state: a SIP status code, or a state code of `sipcodes codes`.",
        |r| Cell::code(r.fact.code)),
    column("status", "Status", Shape::Text, "The catalogue's name of `code`.",
        |r| Cell::name(r.fact.code.and_then(Code::name))),
    column("category", "Category", Shape::Text, "`attempting`, `active`, `completed` or `unsuccessful`.",
        |r| Cell::name(r.fact.category.map(Category::name))),
    column("cause", "Cause", Shape::Text, "Why it is in that state: `requested`, `expired`, `replaced` (registered anew under another Call-ID) or `none` (no binding found).",
        |r| Cell::name(r.cause())),
    column("sip_code", "SIP code", Shape::Integer, "Status code of the last response to the latest attempt, as the client got it (RFC 3261 21).",
        |r| Cell::code(r.sip_code())),
    column("sip_reason", "SIP reason", Shape::Text, "Reason phrase of that response, as sent (RFC 3261 7.2).",
        |r| Cell::text(r.sip_reason())),
    column("start", "Start", Shape::Time, "When the registration's first message was captured.",
        |r| Cell::Time(r.printed(r.fact.start))),
    column("registered", "Registered", Shape::Time, "When it was first granted.",
        |r| Cell::time(r.fact.registered, |at| r.printed(at))),
    column("last", "Last", Shape::Time, "When its last message was captured.",
        |r| Cell::Time(r.printed(r.fact.last))),
    column("expires_s", "Expires (s)", Shape::Integer, "Lifetime granted last, in seconds (RFC 3261 10.2.1.1).",
        |r| r.fact.expires.map_or(Cell::Unknown, Cell::integer)),
    column("refreshes", "Refreshes", Shape::Integer, "How often a standing binding was granted again (RFC 3261 10.2.4).",
        |r| Cell::integer(r.fact.refreshes)),
    column("challenged", "Challenged", Shape::Flag, "The client got a 401 or 407 (RFC 3261 22).",
        |r| Cell::Flag(r.fact.challenged)),
    column("src", "Source", Shape::Text, "Address and port that the first message on the client's hop came from.",
        |r| Cell::Address(r.fact.path.src)),
    column("dst", "Destination", Shape::Text, "Address and port that it went to.",
        |r| Cell::Address(r.fact.path.dst)),
    column("transport", "Transport", Shape::Text, "What carried it: `UDP`, `TCP`, `TLS`, `SCTP`, `WS` or `WSS`.",
        |r| Cell::Name(r.fact.path.transport.name())),
    column("user_agent", "User-Agent", Shape::Text, "The client's User-Agent header (RFC 3261 20.41).",
        |r| Cell::text(r.user_agent())),
    column("messages", "Messages", Shape::Integer, "SIP messages of it, retransmissions and duplicates included.",
        |r| Cell::integer(r.fact.messages)),
    column("timeline", "Timeline", Shape::List, "Every code it took on: its time, its name, and the file and frame that caused it.",
        |r| Cell::Timeline(r.timeline())),
];

/// What a person reads first of a call: short cells beside those of [`CALLS`]. A table's default, not part of the record.
#[rustfmt::skip]
pub static CALLS_AT_A_GLANCE: &[Column<CallRow>] = &[
    column("start", "Start", Shape::Time, "When the call's first message was captured.",
        |r| Cell::Time(r.printed(r.fact.start))),
    column("caller", "Caller", Shape::Text, "User part of From.",
        |r| Cell::text(who(r.caller_uri(), r.caller_display()))),
    column("callee", "Callee", Shape::Text, "User part of To.",
        |r| Cell::text(who(r.callee_uri(), r.callee_display()))),
    column("code", "Code", Shape::Integer, "The call's state.",
        |r| Cell::code(r.fact.code)),
    column("status", "Status", Shape::Text, "The catalogue's name of it.",
        |r| Cell::name(r.fact.code.and_then(Code::name))),
    column("pdd", "PDD", Shape::Seconds, "Post-dial delay.",
        |r| Cell::said(r.pdd().map(|pdd| Said::Span(pdd.span())))),
    column("talk", "Talk", Shape::Seconds, "How long it was up.",
        |r| Cell::said(r.duration().map(|talk| Said::Span(talk.span())))),
    column("ended_by", "Ended by", Shape::Text, "Who hung up.",
        |r| Cell::name(r.fact.ended_by.map(side_name))),
    column("reason", "Reason", Shape::Text, "How it went and why.",
        |r| Cell::Said(Said::Call(&r.fact))),
    column("frame", "Frame", Shape::Integer, "The frame that decided: where to look.",
        |r| Cell::Integer(r.evidence().1)),
    column("file", "File", Shape::Text, "The capture of that frame.",
        |r| Cell::text(Some(r.evidence().0))),
];

/// Which leg of its call a row is; the first column of a table in which legs stand together.
pub static LEG: Column<Option<Leg>> = column(
    "leg",
    "Leg",
    Shape::Text,
    "`1` for the first leg of a call, a branch and a number for each other one.",
    |leg| Cell::said(leg.map(Said::Leg)),
);

/// What a person reads first of a registration.
#[rustfmt::skip]
pub static REGISTRATIONS_AT_A_GLANCE: &[Column<RegistrationRow>] = &[
    column("start", "Start", Shape::Time, "When its first message was captured.",
        |r| Cell::Time(r.printed(r.fact.start))),
    column("aor", "Address of record", Shape::Text, "The To URI without its scheme.",
        |r| Cell::text(Some(without_scheme(r.aor())))),
    column("contact", "Contact", Shape::Text, "The contact's host.",
        |r| Cell::text(r.contact().map(host))),
    column("code", "Code", Shape::Integer, "Its state.",
        |r| Cell::code(r.fact.code)),
    column("status", "Status", Shape::Text, "The catalogue's name of it.",
        |r| Cell::name(r.fact.code.and_then(Code::name))),
    column("expires", "Expires", Shape::Seconds, "Lifetime granted last.",
        |r| Cell::said(r.fact.expires.map(Said::Lifetime))),
    column("reason", "Reason", Shape::Text, "How it went and why.",
        |r| Cell::Said(Said::Registration(&r.fact))),
    column("frame", "Frame", Shape::Integer, "The frame that decided: where to look.",
        |r| Cell::Integer(r.evidence().1)),
    column("file", "File", Shape::Text, "The capture of that frame.",
        |r| Cell::text(Some(r.evidence().0))),
];

fn without_scheme(uri: &str) -> &str {
    ["sip:", "sips:", "tel:"].into_iter().find_map(|scheme| strip_prefix(uri, scheme)).unwrap_or(uri)
}

/// Schemes are case-insensitive (RFC 3986 3.1).
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Who, in short: the URI's user part (the number, mostly), its host where it has none, else the display name.
pub(super) fn who<'a>(uri: Option<&'a str>, display: Option<&'a str>) -> Option<&'a str> {
    let Some(uri) = uri else { return display };
    let bare = without_scheme(uri);
    let user = match bare.split_once('@') {
        // A user part may carry parameters (`+1;phone-context=…@host`) or a password; neither says who.
        Some((user, _)) => user.split([';', ':']).next().unwrap_or_default(),
        // A telephone number, a host with its port, or a scheme of its own such as `urn:service:sos`.
        None => bare.split([';', '?']).next().unwrap_or_default(),
    };
    if user.is_empty() { display.or(Some(uri)) } else { Some(user) }
}

/// Host and port of a URI.
fn host(uri: &str) -> &str {
    let bare = without_scheme(uri);
    let place = bare.split_once('@').map_or(bare, |(_, place)| place);
    place.split([';', '?']).next().unwrap_or(place)
}

/// Which kinds are shown, and which of their columns.
#[derive(Clone, Debug)]
pub struct Columns {
    calls: Option<Vec<&'static Column<CallRow>>>,
    registrations: Option<Vec<&'static Column<RegistrationRow>>>,
    transactions: Option<Vec<&'static Column<TransactionRow>>>,
    streams: Option<Vec<&'static Column<StreamRow>>>,
    chosen: bool,
}

/// A name after `--columns` that no shown kind has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no column is named {name:?}; there are {known}")]
pub struct UnknownColumn {
    /// As typed.
    pub name: String,
    known: String,
}

impl Columns {
    /// All columns of the kinds shown.
    #[must_use]
    pub fn all(show: &[Kind]) -> Self {
        Self {
            calls: show.contains(&Kind::Call).then(|| CALLS.iter().collect()),
            registrations: show.contains(&Kind::Registration).then(|| REGISTRATIONS.iter().collect()),
            transactions: show.contains(&Kind::Transaction).then(|| TRANSACTIONS.iter().collect()),
            streams: show.contains(&Kind::Stream).then(|| STREAMS.iter().collect()),
            chosen: false,
        }
    }

    /// The columns named, in the order named; each kind takes those that it has, and one that has none is not shown.
    ///
    /// # Errors
    /// Where a name belongs to no kind that is shown.
    pub fn choose<'a>(show: &[Kind], names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownColumn> {
        let known = keys(show);
        let unknown = |name: &str| UnknownColumn { name: name.to_owned(), known: known.join(", ") };
        let mut chosen: Vec<&str> = Vec::new();
        for name in names.into_iter().map(str::trim).filter(|name| !name.is_empty()) {
            if !known.contains(&name) {
                return Err(unknown(name));
            }
            // A column named twice would make a JSON object with one key twice.
            if !chosen.contains(&name) {
                chosen.push(name);
            }
        }
        if chosen.is_empty() {
            return Err(unknown(""));
        }
        let all = Self::all(show);
        Ok(Self {
            calls: named(all.calls, &chosen),
            registrations: named(all.registrations, &chosen),
            transactions: named(all.transactions, &chosen),
            streams: named(all.streams, &chosen),
            chosen: true,
        })
    }

    /// The columns of calls, where calls are shown.
    #[must_use]
    pub fn calls(&self) -> Option<&[&'static Column<CallRow>]> {
        self.calls.as_deref()
    }

    /// The columns of registrations, where registrations are shown.
    #[must_use]
    pub fn registrations(&self) -> Option<&[&'static Column<RegistrationRow>]> {
        self.registrations.as_deref()
    }

    /// The columns of transactions, where transactions are shown.
    #[must_use]
    pub fn transactions(&self) -> Option<&[&'static Column<TransactionRow>]> {
        self.transactions.as_deref()
    }

    /// The columns of streams, where streams are shown.
    #[must_use]
    pub fn streams(&self) -> Option<&[&'static Column<StreamRow>]> {
        self.streams.as_deref()
    }

    /// Those of the first kind shown alone, for formats that hold one kind.
    #[must_use]
    pub fn of_first_kind(mut self) -> Self {
        let mut shown = self.calls.is_some();
        self.registrations = self.registrations.filter(|_| !shown);
        shown |= self.registrations.is_some();
        self.transactions = self.transactions.filter(|_| !shown);
        shown |= self.transactions.is_some();
        self.streams = self.streams.filter(|_| !shown);
        self
    }

    /// Without those of these shapes.
    #[must_use]
    pub fn without(mut self, shapes: &[Shape]) -> Self {
        fn leave<R>(columns: &mut Option<Vec<&'static Column<R>>>, shapes: &[Shape]) {
            columns.iter_mut().for_each(|columns| columns.retain(|column| !shapes.contains(&column.shape)));
        }
        leave(&mut self.calls, shapes);
        leave(&mut self.registrations, shapes);
        leave(&mut self.transactions, shapes);
        leave(&mut self.streams, shapes);
        self
    }

    /// Of the kinds shown those that a person reads first.
    #[must_use]
    pub fn at_a_glance(mut self) -> Self {
        self.calls = self.calls.map(|_| CALLS_AT_A_GLANCE.iter().collect());
        self.registrations = self.registrations.map(|_| REGISTRATIONS_AT_A_GLANCE.iter().collect());
        self.transactions = self.transactions.map(|_| TRANSACTIONS_AT_A_GLANCE.iter().collect());
        self.streams = self.streams.map(|_| STREAMS_AT_A_GLANCE.iter().collect());
        self
    }

    /// Whether the user named columns.
    #[must_use]
    pub const fn are_chosen(&self) -> bool {
        self.chosen
    }
}

/// Of the columns of a kind those that are named; `None` where none is.
fn named<R>(shown: Option<Vec<&'static Column<R>>>, names: &[&str]) -> Option<Vec<&'static Column<R>>> {
    let shown = shown?;
    let find = |name: &&str| shown.iter().copied().find(|column| column.key == *name);
    let named: Vec<_> = names.iter().filter_map(find).collect();
    (!named.is_empty()).then_some(named)
}

/// The names of the columns that these kinds have, each once.
#[must_use]
pub fn keys(show: &[Kind]) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    show.iter().flat_map(|kind| kind.columns()).map(|(key, _)| key).filter(|key| seen.insert(*key)).collect()
}

/// The columns of a kind as a Markdown table, as the README shows it.
#[must_use]
pub fn markdown(kind: Kind) -> String {
    let mut table = "| Column | What it says |\n|---|---|\n".to_owned();
    kind.columns().iter().for_each(|(key, about)| table.push_str(&format!("| `{key}` | {about} |\n")));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::CATALOGUE;
    use crate::report::lists::List;
    use crate::report::samples;
    use crate::track::fact::Reason;

    #[test]
    fn the_names_and_their_order_are_the_contract() {
        let calls: Vec<_> = CALLS.iter().map(|column| column.key).collect();
        assert_eq!(
            calls.join(" "),
            "call_id code status category reason sip_code sip_reason reason_header warning start ringing answered \
             ended ended_by pdd_s setup_s duration_s from_uri from_display to_uri to_display request_uri src dst \
             transport user_agent messages retransmissions duplicates attempts challenged redirected hops branches \
             partial timed_out ack_missing icmp linked media audio hold_s timeline"
        );
        let registrations: Vec<_> = REGISTRATIONS.iter().map(|column| column.key).collect();
        assert_eq!(
            registrations.join(" "),
            "aor contact registrar call_id code status category cause sip_code sip_reason start registered last \
             expires_s refreshes challenged src dst transport user_agent messages timeline"
        );
        let streams: Vec<_> = STREAMS.iter().map(|column| column.key).collect();
        assert_eq!(
            streams.join(" "),
            "call_id from bound_by kind src dst packets lost loss_pct duplicates out_of_order jitter_ms jitter_max_ms \
             max_gap_ms codec payload_type ssrc first last mos r_factor mos_basis rtcp dtmf srtp loss_bursts \
             longest_burst dscp silence_suppression clock_rate bytes file frame"
        );
        let transactions: Vec<_> = TRANSACTIONS.iter().map(|column| column.key).collect();
        assert_eq!(
            transactions.join(" "),
            "method code status category sip_reason count timed_out challenged response_min_s response_mean_s \
             response_max_s first last from_uri to_uri src dst transport user_agent event messages call_id file frame"
        );
    }

    #[test]
    fn every_column_says_what_it_is_in_a_sentence_without_a_pipe() {
        fn titled<R>(columns: &[Column<R>]) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
            columns.iter().map(|column| (column.key, column.title, column.about))
        }
        let columns = titled(CALLS).chain(titled(REGISTRATIONS)).chain(titled(TRANSACTIONS)).chain(titled(STREAMS));
        for (key, title, about) in columns {
            assert!(about.ends_with('.') && !about.contains('|') && !title.is_empty(), "{key}: {about}");
            let words: Vec<_> = about.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase).collect();
            for (unit, name) in [("_s", "seconds"), ("_ms", "milliseconds"), ("_pct", "cent")] {
                assert_eq!(key.ends_with(unit), words.iter().any(|word| word == name), "{key} names its unit");
            }
        }
    }

    #[test]
    fn cells_have_their_columns_shape() {
        const fn is_harmless(byte: u8) -> bool {
            matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b',' | b'\\')
        }
        fn fits(shape: Shape, cell: &Cell<'_>) -> bool {
            match cell {
                Cell::Unknown => !matches!(shape, Shape::Flag | Shape::List | Shape::Reasons),
                Cell::Text(text) => shape == Shape::Text && !text.is_empty(),
                Cell::Name(name) => shape == Shape::Text && name.bytes().all(is_harmless) && !name.is_empty(),
                // A span that people say is a text among spans.
                Cell::Said(said) => matches!(shape, Shape::Text | Shape::Seconds) && !said.to_string().is_empty(),
                Cell::Address(_) => shape == Shape::Text,
                Cell::Integer(_) => shape == Shape::Integer,
                Cell::Decimal(_) => shape == Shape::Decimal,
                Cell::Media(_) => shape == Shape::Media,
                Cell::Rtcp(_) | Cell::VoipMetrics(_) => shape == Shape::Object,
                Cell::Seconds(_) => shape == Shape::Seconds,
                Cell::Time(_) => shape == Shape::Time,
                Cell::Flag(_) => shape == Shape::Flag,
                Cell::Reasons(_) => shape == Shape::Reasons,
                Cell::Timeline(_) | Cell::Links(_) => shape == Shape::List,
            }
        }
        assert!(CATALOGUE.iter().all(|entry| entry.name.bytes().all(is_harmless)));
        for row in samples::call_rows() {
            for column in CALLS {
                let cell = (column.cell)(&row);
                assert!(fits(column.shape, &cell), "{}: {cell:?}", column.key);
            }
        }
        for row in samples::registration_rows() {
            for column in REGISTRATIONS {
                let cell = (column.cell)(&row);
                assert!(fits(column.shape, &cell), "{}: {cell:?}", column.key);
            }
        }
        for row in samples::transaction_rows() {
            for column in TRANSACTIONS {
                let cell = (column.cell)(&row);
                assert!(fits(column.shape, &cell), "{}: {cell:?}", column.key);
            }
        }
        for row in samples::stream_rows() {
            for column in STREAMS {
                let cell = (column.cell)(&row);
                assert!(fits(column.shape, &cell), "{}: {cell:?}", column.key);
            }
        }
    }

    #[test]
    fn who_is_the_part_that_people_search_for() {
        let cases = [
            (Some("sip:1001@pbx.example.com"), None, "1001"),
            (Some("SIPS:alice:secret@[2001:db8::1]:5061"), None, "alice"),
            (Some("sip:+1555;phone-context=example.com@gw.example.com;user=phone"), None, "+1555"),
            (Some("tel:+4420;ext=3"), None, "+4420"),
            (Some("sip:gw.example.com:5060;lr"), Some("Gate"), "gw.example.com:5060"),
            (Some("sip:[2001:db8::1]:5060"), None, "[2001:db8::1]:5060"),
            (Some("sip:"), Some("Bob"), "Bob"),
            (Some("sip:@example.com"), None, "sip:@example.com"),
            (Some("é"), None, "é"),
            (Some("urn:service:sos"), None, "urn:service:sos"),
            (None, Some("Bob"), "Bob"),
        ];
        for (uri, display, expected) in cases {
            assert_eq!(who(uri, display), Some(expected), "{uri:?}");
        }
        assert_eq!(who(None, None), None);
        assert_eq!(host("sip:bob@192.0.2.9:5060;transport=tcp"), "192.0.2.9:5060");
    }

    #[test]
    fn reason_values_print_as_their_header_writes_them() {
        let reason = |protocol: &str, cause, text: Option<&str>| Reason {
            protocol: protocol.to_owned().into(),
            cause,
            text: text.map(Into::into),
        };
        let reasons = [
            reason("Q.850", Some(16), Some("Normal call clearing")),
            reason("SIP", Some(200), None),
            reason("X", None, Some(r#"a "b" \c"#)),
        ];
        assert_eq!(
            Cell::Reasons(Reasons(List::Told(&reasons))).to_string(),
            r#"Q.850;cause=16;text="Normal call clearing", SIP;cause=200, X;text="a \"b\" \\c""#
        );
    }

    #[test]
    fn each_kind_takes_the_columns_that_it_has() {
        let both = [Kind::Call, Kind::Registration];
        let columns = Columns::choose(&both, ["code", " aor", "code", "pdd_s"]).unwrap();
        let calls: Vec<_> = columns.calls().unwrap().iter().map(|column| column.key).collect();
        assert_eq!(calls, ["code", "pdd_s"]);
        let registrations: Vec<_> = columns.registrations().unwrap().iter().map(|column| column.key).collect();
        assert_eq!(registrations, ["code", "aor"]);
        assert!(Columns::choose(&both, ["aor"]).unwrap().calls().is_none(), "a kind without columns is not shown");
        let refused = Columns::choose(&[Kind::Call], ["aor"]).unwrap_err();
        assert!(refused.to_string().starts_with("no column is named \"aor\"; there are call_id, code,"), "{refused}");
        assert!(Columns::choose(&both, []).is_err());
    }

    #[test]
    fn markdown_has_a_line_per_column() {
        assert_eq!(markdown(Kind::Call).lines().count(), CALLS.len() + 2);
        assert!(markdown(Kind::Registration).contains("| `aor` | Address-of-record: the To URI (RFC 3261 10.2). |\n"));
    }
}

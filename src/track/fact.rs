//! What tracking says in the end: how a call or a registration went. Knows nothing of how it is printed.

mod media;
mod steps;
mod texts;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::codes::{Category, Code};
use crate::event::Path;
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::shown;

pub use media::{Audio, BoundBy, Digit, Heard, MediaFact, Quality, Reported, StreamFact, VoipMetrics};
pub use steps::Steps;
pub use texts::Texts;

/// One thing that tracking has settled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fact {
    /// A call is closed; nothing that follows can change it.
    Call(Box<CallFact>),
    /// A registration as it stands when the captures end.
    Registration(Box<RegistrationFact>),
    /// Transactions outside calls and registrations that are alike, as counted when the captures end.
    Transaction(Box<TransactionFact>),
    /// An RTP stream that no call tells of: one of no known call. Those of a call come with it, as
    /// [`MediaFact::streams`], and not once more as a fact of their own.
    Stream(Box<StreamFact>),
}

/// Who did something in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// Who sent the initial INVITE.
    Caller,
    /// Who answered it.
    Callee,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// One step of a life: the code that a record took on, when, and the packet that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// The code from here on.
    pub code: Code,
    /// The packet that caused it; for a timer that ran out, the packet that had set it.
    pub place: Place,
}

/// A response as it reached the caller.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Answer {
    /// 100 to 699.
    pub code: Code,
    /// The reason phrase as sent; `None` where it was empty.
    pub phrase: Option<Cow<'static, str>>,
}

/// One value of a Reason header (RFC 3326).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reason {
    /// `SIP`, `Q.850`, …
    pub protocol: Cow<'static, str>,
    /// The protocol's own cause number.
    pub cause: Option<u32>,
    /// Its text, unquoted.
    pub text: Option<Box<str>>,
}

/// What proves that a call was answered where its 2xx was not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Proof {
    /// The caller's ACK went out with a branch of its own, as only an ACK to a 2xx does (RFC 3261 13.2.2.4).
    Ack,
    /// The callee hung up with BYE (RFC 3261 15).
    CalleeBye,
}

/// An ICMP error (RFC 792, RFC 4443) that quoted a packet of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// `port unreachable`, `host unreachable`, …
    pub name: &'static str,
    /// When it came.
    pub at: Timestamp,
    /// Its packet.
    pub place: Place,
}

/// What shows that two calls are legs of one, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Evidence {
    /// Both INVITEs carry the same session identifier (RFC 7989).
    SessionId,
    /// A header such as X-Call-ID in one INVITE holds the other's Call-ID.
    XCallId,
    /// An INVITE, or a REFER that was accepted, replaces the other's dialog (RFC 3891).
    Replaces,
    /// A REFER in the other asked for this call (RFC 3515).
    Refer,
    /// Same numbers, begun while the other was being set up, by the host that it was sent to, with its SDP.
    NumbersTimeSdp,
}

impl Evidence {
    /// As the record names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionId => "session-id",
            Self::XCallId => "x-call-id",
            Self::Replaces => "replaces",
            Self::Refer => "refer",
            Self::NumbersTimeSdp => "numbers+time+sdp",
        }
    }
}

/// Another leg of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its Call-ID, as sent.
    pub call_id: Box<str>,
    /// What shows it.
    pub evidence: Evidence,
}

/// Who calls whom, as the first INVITE says; in a call joined late, as its first message does.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Opening(Texts<7>);

/// What an [`Opening`] is made of, as sent. Where there is none of something, it is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// URI of From, without brackets.
    pub from_uri: &'a [u8],
    /// Its display name, unquoted.
    pub from_display: &'a [u8],
    /// URI of To, without brackets.
    pub to_uri: &'a [u8],
    /// Its display name, unquoted.
    pub to_display: &'a [u8],
    /// Of the INVITE.
    pub request_uri: &'a [u8],
    /// Of the INVITE, or the request joined late.
    pub user_agent: &'a [u8],
}

impl Opening {
    /// Who calls whom, for people and for keys of rows.
    #[must_use]
    pub fn of(opened: Opened<'_>) -> Self {
        let Opened { call_id, from_uri, from_display, to_uri, to_display, request_uri, user_agent } = opened;
        let parts = [call_id, from_uri, from_display, to_uri, to_display, request_uri, user_agent];
        Self(Texts::join(parts).unwrap_or_else(|| {
            let shown = parts.map(shown);
            Texts::pack([0, 1, 2, 3, 4, 5, 6].map(|index| &*shown[index]))
        }))
    }

    /// All of its parts.
    pub(super) fn all(&self) -> &str {
        self.0.all()
    }

    /// As sent.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.0.get(0).unwrap_or_default()
    }

    /// URI of From, without brackets, as sent.
    #[must_use]
    pub fn from_uri(&self) -> Option<&str> {
        self.0.get(1)
    }

    /// Its display name, unquoted.
    #[must_use]
    pub fn from_display(&self) -> Option<&str> {
        self.0.get(2)
    }

    /// URI of To, without brackets, as sent.
    #[must_use]
    pub fn to_uri(&self) -> Option<&str> {
        self.0.get(3)
    }

    /// Its display name, unquoted.
    #[must_use]
    pub fn to_display(&self) -> Option<&str> {
        self.0.get(4)
    }

    /// Request-URI of the first INVITE.
    #[must_use]
    pub fn request_uri(&self) -> Option<&str> {
        self.0.get(5)
    }

    /// The caller's User-Agent.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.0.get(6)
    }

    /// The same with other parts.
    #[cfg(test)]
    pub(crate) fn with<'a>(&'a self, change: impl FnOnce(Opened<'a>) -> Opened<'a>) -> Self {
        let text = |index| self.0.get(index).unwrap_or_default().as_bytes();
        Self::of(change(Opened {
            call_id: text(0),
            from_uri: text(1),
            from_display: text(2),
            to_uri: text(3),
            to_display: text(4),
            request_uri: text(5),
            user_agent: text(6),
        }))
    }
}

/// How a call went.
#[derive(Clone, Debug)]
pub struct CallFact {
    /// Who calls whom.
    pub opening: Opening,
    /// The state at the end; `None` where what was captured does not tell.
    pub code: Option<Code>,
    /// The state by what was on the wire alone; `code` is another where a mark or a silence took its place.
    pub on_the_wire: Option<Code>,
    /// The code's category, with RFC 3261's timers taken into account.
    pub category: Option<Category>,
    /// The last response of the latest attempt on the caller's hop.
    pub answer: Option<Answer>,
    /// Reason headers of that response, of the caller's CANCEL and of the BYE.
    pub reasons: Vec<Reason>,
    /// Warning header of that response.
    pub warning: Option<Box<str>>,
    /// The first message.
    pub start: Timestamp,
    /// The packet of the first message.
    pub place: Place,
    /// The deciding attempt's INVITE, where one was seen.
    pub attempt_start: Option<Timestamp>,
    /// The first 180 to 183 of the deciding attempt.
    pub ringing: Option<Timestamp>,
    /// The final response of the deciding attempt, 2xx or not.
    pub final_at: Option<Timestamp>,
    /// The 2xx.
    pub answered: Option<Timestamp>,
    /// What proved the answer where no 2xx was captured.
    pub proof: Option<Proof>,
    /// The BYE, the final response, or the moment a timer ran out.
    pub ended: Option<Timestamp>,
    /// Who sent the BYE or the CANCEL.
    pub ended_by: Option<Side>,
    /// The last sign of life.
    pub last: Timestamp,
    /// Addresses and transport of the first message on the caller's hop.
    pub path: Path,
    /// Every SIP message of the call, retransmissions and duplicates included.
    pub messages: u32,
    /// Messages sent again.
    pub retransmissions: u32,
    /// Packets captured twice.
    pub duplicates: u32,
    /// INVITEs of different CSeq on the caller's hop.
    pub attempts: u32,
    /// How many times the deciding INVITE was sent on the caller's hop.
    pub invites_sent: u32,
    /// When it was sent last.
    pub last_invite: Option<Timestamp>,
    /// The caller got a 401 or 407.
    pub challenged: bool,
    /// The deciding INVITE carried credentials.
    pub credentials: bool,
    /// Realm of the last challenge.
    pub realm: Option<Box<str>>,
    /// The caller got a 3xx.
    pub redirected: bool,
    /// Where a 3xx that nobody followed pointed.
    pub redirect_to: Option<Box<str>>,
    /// A request names the callee's tag, so a response to the deciding INVITE was sent, captured or not.
    pub callee_known: bool,
    /// The caller's CANCEL was seen, whatever came of it.
    pub cancelled: bool,
    /// A CANCEL said `SIP;cause=200`: another branch of the caller's side answered.
    pub answered_elsewhere: bool,
    /// Distinct sender→receiver pairs of the initial INVITEs.
    pub hops: u32,
    /// Their distinct top Via branches.
    pub branches: u32,
    /// The INVITE was not captured.
    pub partial: bool,
    /// One of RFC 3261's timers ran out before the captures ended.
    pub timed_out: bool,
    /// The 2xx was never acknowledged.
    pub ack_missing: bool,
    /// How long SDP held it, up to its end or the last sign of life; `None` where its answer was not captured.
    pub hold: Option<Duration>,
    /// SDP held it in the end.
    pub held: bool,
    /// The first ICMP error about a packet of the call.
    pub icmp: Option<IcmpError>,
    /// The final response to the BYE, where it was not 2xx.
    pub bye_refused: Option<Code>,
    /// Other legs of the same call, in the order in which they were found.
    pub linked: Vec<Link>,
    /// Its RTP; `None` where none was captured.
    pub media: Option<Box<MediaFact>>,
    /// Who was to be heard; `None` where it was not answered, or the captures hold no RTP at all.
    pub audio: Option<Audio>,
    /// The whole life.
    pub timeline: Steps,
}

/// Why a registration is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RegistrationCause {
    /// The client asked for it.
    Requested,
    /// The granted lifetime ran out.
    Expired,
    /// The same contact was registered again under another Call-ID.
    Replaced,
    /// A query found no binding.
    None,
}

/// How a registration went.
#[derive(Clone, Debug)]
pub struct RegistrationFact {
    /// Address-of-record: the To URI.
    pub aor: Box<str>,
    /// The contact that was bound, or asked for.
    pub contact: Option<Box<str>>,
    /// Host of the Request-URI.
    pub registrar: Option<Arc<str>>,
    /// As sent.
    pub call_id: Box<str>,
    /// The state at the end; `None` where what was captured does not tell.
    pub code: Option<Code>,
    /// The code's category, with the timers taken into account.
    pub category: Option<Category>,
    /// Why it is where it is, where that needs saying.
    pub cause: Option<RegistrationCause>,
    /// The last response of the latest attempt on the client's hop.
    pub answer: Option<Answer>,
    /// The first message.
    pub start: Timestamp,
    /// The packet of the first message.
    pub place: Place,
    /// When it was first granted.
    pub registered: Option<Timestamp>,
    /// The last message.
    pub last: Timestamp,
    /// Seconds granted last.
    pub expires: Option<u32>,
    /// Grants of a binding that stood already.
    pub refreshes: u32,
    /// The client got a 401 or 407.
    pub challenged: bool,
    /// Nobody answered the last request in RFC 3261's time.
    pub timed_out: bool,
    /// Addresses and transport of the first message on the client's hop.
    pub path: Path,
    /// The client's User-Agent.
    pub user_agent: Option<Arc<str>>,
    /// Every SIP message of it, retransmissions and duplicates included.
    pub messages: u32,
    /// The whole life.
    pub timeline: Steps,
}

/// How long the first sending of a request waited for its final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseTimes {
    /// The shortest.
    pub least: Duration,
    /// The arithmetic mean.
    pub mean: Duration,
    /// The longest.
    pub most: Duration,
}

/// Transactions outside calls and registrations that came the same way and ended alike. A text of more than 1024 bytes
/// is left out.
#[derive(Clone, Debug)]
pub struct TransactionFact {
    /// As sent.
    pub method: Box<str>,
    /// The final response as it reached the client; `None` where none came in time.
    pub code: Option<Code>,
    /// How they went, timer F (RFC 3261 17.1.2.2) taken into account.
    pub category: Category,
    /// Reason phrase of the first one's final response.
    pub phrase: Option<Box<str>>,
    /// Timer F ran out before the captures ended.
    pub timed_out: bool,
    /// How many transactions; one that was sent again with credentials is one.
    pub count: u64,
    /// How many of them were sent again with credentials after a 401 or 407.
    pub challenged: u64,
    /// Response times of those whose request was captured.
    pub response: Option<ResponseTimes>,
    /// The first message.
    pub first: Timestamp,
    /// The packet of the first message.
    pub place: Place,
    /// The packet that shows how the first one ended: its final response, else its request.
    pub evidence: Place,
    /// The last message.
    pub last: Timestamp,
    /// URI of From; `None` where OPTIONS between the same hosts differ in it.
    pub from: Option<Box<str>>,
    /// URI of To; `None` likewise.
    pub to: Option<Box<str>>,
    /// Addresses and transport of the first one on the client's hop. `None` where there were too many rows to tell these
    /// apart: such a row says nothing but the method and how they ended.
    pub path: Option<Path>,
    /// The first client's User-Agent.
    pub user_agent: Option<Box<str>>,
    /// Event package of SUBSCRIBE, NOTIFY and PUBLISH (RFC 6665).
    pub event: Option<Box<str>>,
    /// Every SIP message of them, retransmissions, duplicates and challenges included.
    pub messages: u64,
    /// Call-ID of the first one.
    pub call_id: Option<Box<str>>,
}

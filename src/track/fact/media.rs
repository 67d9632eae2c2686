//! What tracking says of media: each RTP stream, and the two directions of a call. Knows nothing of how it is printed,
//! and judges nothing: numbers that were measured, and what was assumed to make an opinion of them.

use std::net::SocketAddr;
use std::time::Duration;

use super::Side;
use crate::packet::Place;
use crate::time::Timestamp;

/// One RTP stream: what one synchronization source sent from one address to another (RFC 3550 3).
#[derive(Clone, Debug)]
pub struct StreamFact {
    /// Call-ID of the call that it belongs to; `None` where nothing ties it to one.
    pub call_id: Option<Box<str>>,
    /// Who of that call sent it.
    pub from: Option<Side>,
    /// What ties it to that call.
    pub bound_by: Option<BoundBy>,
    /// What the session description calls it: `audio`, `video`, …
    pub kind: Option<Box<str>>,
    /// The sender.
    pub src: SocketAddr,
    /// The receiver.
    pub dst: SocketAddr,
    /// Its first packet.
    pub place: Place,
    /// What was measured.
    pub heard: Heard,
}

/// What ties a stream to a call, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum BoundBy {
    /// It goes to an address and port that a session description of the call announced.
    Announced,
    /// It answers a stream that does, from the address and port that stream goes to or came from (RFC 4961): the
    /// sender stands behind a NAT.
    Symmetric,
    /// Its source goes on from a stream of the call.
    Source,
}

impl BoundBy {
    /// As the record names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Symmetric => "symmetric",
            Self::Source => "ssrc",
        }
    }
}

/// What one stream, or one direction of a call in all its streams, was like where it was captured.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Heard {
    /// The source; of a direction that of most packets.
    pub ssrc: u32,
    /// The payload type of most packets that are no telephone-events.
    pub payload_type: u8,
    /// The encoding name that goes with it, by the session description or RFC 3551 6: `PCMU`, `opus`.
    pub codec: Option<Box<str>>,
    /// The codec's clock, in Hz.
    pub clock_rate: Option<u32>,
    /// The largest payload of that type, in bytes: tells the modes of many a codec apart. Unknown (0) where encrypted.
    pub largest_payload: u16,
    /// Packets of distinct sequence numbers, telephone-events included.
    pub packets: u64,
    /// Their payload, in bytes.
    pub bytes: u64,
    /// Sequence numbers that never came, between the first and the last that did.
    pub lost: u64,
    /// Runs of consecutive lost packets.
    pub loss_bursts: u64,
    /// The longest of them, in packets.
    pub longest_burst: u64,
    /// Packets that came after one of a higher sequence number.
    pub out_of_order: u64,
    /// Packets whose sequence number had come before.
    pub duplicates: u64,
    /// Interarrival jitter (RFC 3550 6.4.1), its mean over the packets; `None` where the clock is not known.
    pub jitter: Option<Duration>,
    /// The highest that it rose to.
    pub jitter_max: Option<Duration>,
    /// The longest time without a packet.
    pub max_gap: Duration,
    /// The first packet.
    pub first: Timestamp,
    /// The last packet.
    pub last: Timestamp,
    /// Digits sent as telephone-events (RFC 4733).
    pub digits: Vec<Digit>,
    /// The sender fell silent in between and said so: a marker after a gap, or comfort noise (RFC 3389).
    pub silence_suppressed: bool,
    /// It was encrypted (RFC 3711), by the session description.
    pub srtp: bool,
    /// Differentiated services code point of most packets (RFC 2474).
    pub dscp: u8,
    /// What RTCP said of it.
    pub rtcp: Option<Reported>,
    /// How it must have sounded.
    pub quality: Option<Quality>,
}

/// A digit that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Digit {
    /// When it began.
    pub at: Timestamp,
    /// `0` to `9`, `*`, `#`, `A` to `D`; `!` is a hook flash.
    pub digit: char,
}

/// What receiver and sender said of a stream over RTCP.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Reported {
    /// Reports on the stream.
    pub reports: u64,
    /// Cumulative number of packets lost of the last report (RFC 3550 6.4.1); negative where duplicates outnumber
    /// losses.
    pub lost: Option<i32>,
    /// The highest fraction lost of any report, in percent.
    pub worst_loss_percent: Option<f64>,
    /// Interarrival jitter of the last report; `None` where the clock is not known.
    pub jitter: Option<Duration>,
    /// The highest of any report.
    pub jitter_max: Option<Duration>,
    /// Mean round trip from where it was captured to the receiver and back (RFC 3550 6.4.1, by LSR and DLSR): the whole
    /// way only if captured at the sender. With that of the other direction it makes the round trip between the ends.
    pub round_trip: Option<Duration>,
    /// The longest.
    pub round_trip_max: Option<Duration>,
    /// Packets that its sender says it sent, by the last SR.
    pub sent: Option<u32>,
    /// The last VoIP metrics block on it (RFC 3611 4.7).
    pub voip: Option<VoipMetrics>,
}

/// A VoIP metrics report block (RFC 3611 4.7); what is marked as unavailable is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct VoipMetrics {
    /// Packets lost since reception began, in percent.
    pub loss_percent: f64,
    /// Packets discarded by the jitter buffer, in percent.
    pub discard_percent: f64,
    /// Mean length of bursts.
    pub burst: Duration,
    /// Mean length of gaps.
    pub gap: Duration,
    /// Latest round trip between the RTP interfaces.
    pub round_trip: Duration,
    /// Latest estimate of the end system's delay.
    pub end_system_delay: Duration,
    /// R factor.
    pub r_factor: Option<u8>,
    /// MOS of listening quality.
    pub mos_lq: Option<f64>,
    /// MOS of conversational quality.
    pub mos_cq: Option<f64>,
}

/// An opinion by the E-model (ITU-T G.107) of what was measured where it was captured.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Quality {
    /// The transmission rating factor R, 0 to 93.2 with a narrowband codec, to 129 with a wideband one (G.107.1), to 148
    /// with a fullband one (G.107.2).
    pub r_factor: f64,
    /// The mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// What went into it and what was assumed, in one line.
    pub basis: Box<str>,
}

/// The media of a call.
#[derive(Clone, Debug)]
pub struct MediaFact {
    /// What the caller sent; of a call with audio its audio alone.
    pub from_caller: Option<Heard>,
    /// What the callee sent, likewise.
    pub from_callee: Option<Heard>,
    /// Every stream of the call, in the order in which they began.
    pub streams: Vec<StreamFact>,
    /// From the first packet of its media after the answer to the last one before its end.
    pub talk: Option<Duration>,
    /// From the answer to the first packet after it of the direction that came later; nothing waits where media ran
    /// before the answer already. `None` where one direction was never heard.
    pub first_audio: Option<Duration>,
    /// A session description offered fax over UDPTL (ITU-T T.38) and it was accepted.
    pub t38: bool,
}

/// Who was to be heard in an answered call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audio {
    /// Both.
    Both,
    /// The caller alone, although the callee was expected to send too.
    OneWayFromCaller,
    /// The callee alone, although the caller was expected to send too.
    OneWayFromCallee,
    /// Nobody, although somebody was expected to.
    None,
}

impl Audio {
    /// As the record names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::OneWayFromCaller => "one_way_from_caller",
            Self::OneWayFromCallee => "one_way_from_callee",
            Self::None => "none",
        }
    }
}

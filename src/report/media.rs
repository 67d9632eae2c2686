//! Media as a call's record tells it: both directions, their fields, and the columns that these are. Knows nothing of how a
//! cell is drawn, nor of what was expected to be heard.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::report::column::{Cell, Column, Shape, column};
use crate::report::row::{Seconds, Sources};
use crate::report::said::Said;
use crate::report::stream::StreamRow;
use crate::time::Timestamp;
use crate::track::fact::{Heard, MediaFact, Quality, Reported, VoipMetrics};

/// What one stream, or one direction of a call, was like: SPEC's record in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HeardRow {
    codec: Option<Box<str>>,
    dtmf: Option<Box<str>>,
    rtcp: Option<Arc<Reported>>,
    quality: Option<Box<Quality>>,
    packets: u64,
    bytes: u64,
    lost: u64,
    loss_bursts: u64,
    longest_burst: u64,
    out_of_order: u64,
    duplicates: u64,
    jitter: Option<Duration>,
    jitter_max: Option<Duration>,
    max_gap: Duration,
    first: Timestamp,
    last: Timestamp,
    ssrc: u32,
    clock_rate: Option<u32>,
    payload_type: u8,
    dscp: u8,
    silence_suppressed: bool,
    srtp: bool,
    /// Digits of the second's fraction that its times are printed with.
    precision: u8,
}

impl HeardRow {
    pub(super) fn new(heard: Heard, precision: u8) -> Self {
        // The body of an INFO is a stranger's.
        let is_digit = |c: &char| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D' | '!');
        let dtmf: String = heard.digits.iter().map(|digit| digit.digit).filter(is_digit).collect();
        Self {
            codec: heard.codec.filter(|codec| !codec.is_empty()),
            dtmf: (!dtmf.is_empty()).then(|| dtmf.into()),
            rtcp: heard.rtcp.map(Arc::new),
            quality: heard.quality.map(Box::new),
            packets: heard.packets,
            bytes: heard.bytes,
            lost: heard.lost,
            loss_bursts: heard.loss_bursts,
            longest_burst: heard.longest_burst,
            out_of_order: heard.out_of_order,
            duplicates: heard.duplicates,
            jitter: heard.jitter,
            jitter_max: heard.jitter_max,
            max_gap: heard.max_gap,
            first: heard.first,
            last: heard.last,
            ssrc: heard.ssrc,
            clock_rate: heard.clock_rate,
            payload_type: heard.payload_type,
            dscp: heard.dscp,
            silence_suppressed: heard.silence_suppressed,
            srtp: heard.srtp,
            precision,
        }
    }

    pub(super) const fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) const fn first(&self) -> Timestamp {
        self.first
    }

    /// How long it was heard.
    pub(super) const fn length(&self) -> Duration {
        self.last.since(self.first)
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) const fn payload_type(&self) -> u8 {
        self.payload_type
    }

    pub(super) const fn jitter(&self) -> Option<Duration> {
        self.jitter
    }

    pub(super) fn codec(&self) -> Option<&str> {
        self.codec.as_deref()
    }

    pub(super) fn mos(&self) -> Option<f64> {
        self.quality.as_ref().map(|quality| quality.mos)
    }

    /// Of the packets that were sent, as far as their numbers tell, those that never came.
    pub(super) fn loss_percent(&self) -> Option<f64> {
        let sent = self.packets.saturating_add(self.lost);
        (sent > 0).then(|| self.lost as f64 * 100.0 / sent as f64)
    }

    /// `2 (0.13 %)`, `0`.
    pub(super) fn write_loss(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self.loss_percent() {
            Some(percent) if self.lost > 0 => write!(out, "{} ({percent:.2} %)", self.lost),
            _ => write!(out, "{}", self.lost),
        }
    }

    pub(super) fn time(&self, at: Timestamp) -> Cell<'_> {
        Cell::Time(at.rfc3339(self.precision))
    }
}

/// Names of the two directions, in the order of the record.
pub const SIDES: [&str; 2] = ["from_caller", "from_callee"];

/// The media of a call: SPEC's `media` in memory.
#[derive(Clone, Debug)]
pub struct MediaRow {
    /// As [`SIDES`] names them.
    directions: [Option<Arc<HeardRow>>; 2],
    streams: Box<[StreamRow]>,
    talk: Option<Duration>,
    first_audio: Option<Duration>,
    t38: bool,
    precision: u8,
}

impl MediaRow {
    /// The media of a call whose record is printed with `precision` digits of a second.
    pub(super) fn new(fact: MediaFact, sources: &Sources, precision: u8) -> Self {
        let streams: Box<[StreamRow]> =
            fact.streams.into_iter().map(|stream| StreamRow::new(stream, sources)).collect();
        // A direction is mostly one stream: then it is kept once.
        let kept = |heard: Heard| {
            let heard = HeardRow::new(heard, precision);
            let same = streams.iter().map(StreamRow::heard).find(|stream| ***stream == heard);
            same.cloned().unwrap_or_else(|| Arc::new(heard))
        };
        let directions = [fact.from_caller.map(kept), fact.from_callee.map(kept)];
        Self { directions, streams, talk: fact.talk, first_audio: fact.first_audio, t38: fact.t38, precision }
    }

    /// Every stream of the call, in the order in which they began.
    #[must_use]
    pub fn streams(&self) -> &[StreamRow] {
        &self.streams
    }

    /// Each direction as [`SIDES`] names them; `None` for one that was not heard.
    pub fn directions(&self) -> impl Iterator<Item = Option<&HeardRow>> {
        self.directions.iter().map(Option::as_deref)
    }

    /// What is told of both together, as [`TOGETHER`] names it.
    #[must_use]
    pub fn together(&self) -> [Cell<'static>; 3] {
        let seconds = |span: Option<Duration>| Cell::seconds(span.map(|span| Seconds::new(span, self.precision)));
        [seconds(self.talk), seconds(self.first_audio), Cell::Flag(self.t38)]
    }
}

/// Names of what is told of both directions together, in the order of the record.
pub const TOGETHER: [&str; 3] = ["talk_s", "first_audio_s", "t38"];

/// One line: packets, codec, loss and MOS, the caller's before the callee's: `1500/1498 PCMU, lost 0/2, MOS 4.41/4.38`.
impl fmt::Display for MediaRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |told: fn(&HeardRow) -> Option<String>| {
            let [caller, callee] = &self.directions;
            [caller, callee].map(|side| side.as_deref().and_then(told))
        };
        let pair = |pair: &[Option<String>; 2]| {
            let [caller, callee] = pair.each_ref().map(|side| side.as_deref().unwrap_or("-"));
            format!("{caller}/{callee}")
        };
        f.write_str(&pair(&each(|heard| Some(heard.packets.to_string()))))?;
        let codecs = each(|heard| heard.codec().map(str::to_owned));
        match &codecs {
            [None, None] => (),
            [Some(one), Some(other)] if one == other => write!(f, " {one}")?,
            [Some(one), None] | [None, Some(one)] if self.directions.iter().any(Option::is_none) => {
                write!(f, " {one}")?;
            }
            differing => write!(f, " {}", pair(differing))?,
        }
        if self.directions.iter().flatten().any(|heard| heard.lost > 0) {
            write!(f, ", lost {}", pair(&each(|heard| Some(heard.lost.to_string()))))?;
        }
        let mos = each(|heard| heard.mos().map(|mos| format!("{mos:.2}")));
        if mos.iter().any(Option::is_some) { write!(f, ", MOS {}", pair(&mos)) } else { Ok(()) }
    }
}

/// Milliseconds with three digits of fraction.
fn millis<'a>(span: Option<Duration>) -> Cell<'a> {
    Cell::decimal(span.map(|span| span.as_secs_f64() * 1e3), 3)
}

/// The columns of what was heard, in the order of the record, each told once for a direction of a call ([`DIRECTION`])
/// and for a stream ([`STREAMS`](super::stream::STREAMS)).
macro_rules! heard_columns {
    ($($key:literal $title:literal $shape:ident $about:literal |$row:ident| $cell:expr;)*) => {
        /// The fields of one direction of `media`. Each but `rtcp`, an object, is a CSV column too, behind
        /// `from_caller_` or `from_callee_`.
        pub static DIRECTION: &[Column<HeardRow>] = &[$(column($key, $title, Shape::$shape, $about, |$row| $cell),)*];

        /// How many they are.
        pub(super) const HEARD: usize = [$($key),*].len();

        /// The same fields of a stream.
        pub(super) const OF_STREAM: [Column<StreamRow>; HEARD] = [$(column($key, $title, Shape::$shape, $about, |row| {
            let $row: &HeardRow = row.heard();
            $cell
        }),)*];
    };
}

heard_columns! {
    "packets" "Packets" Integer "Packets of distinct sequence numbers, telephone-events included (RFC 3550 5.1)."
        |r| Cell::integer(r.packets);
    "lost" "Lost" Integer "Sequence numbers that never came, between the first and the last that did."
        |r| Cell::integer(r.lost);
    "loss_pct" "Loss (%)" Decimal "Those in per cent of the packets that were sent."
        |r| Cell::decimal(r.loss_percent(), 2);
    "duplicates" "Duplicates" Integer "Packets whose sequence number had come before."
        |r| Cell::integer(r.duplicates);
    "out_of_order" "Out of order" Integer "Packets that came after one of a higher sequence number."
        |r| Cell::integer(r.out_of_order);
    "jitter_ms" "Jitter (ms)" Decimal "Interarrival jitter, its mean, in milliseconds (RFC 3550 6.4.1); none where the codec's clock is not known."
        |r| millis(r.jitter);
    "jitter_max_ms" "Jitter max (ms)" Decimal "The highest that it rose to, in milliseconds."
        |r| millis(r.jitter_max);
    "max_gap_ms" "Max gap (ms)" Decimal "The longest time without a packet, in milliseconds."
        |r| millis(Some(r.max_gap));
    "codec" "Codec" Text "Encoding name of the payload type, by SDP (RFC 8866 6.6) or by RFC 3551 6."
        |r| Cell::text(r.codec());
    "payload_type" "Payload type" Integer "Payload type of most packets that are no telephone-events (RFC 3550 5.1)."
        |r| Cell::integer(r.payload_type);
    "ssrc" "SSRC" Text "Synchronization source, in hexadecimal (RFC 3550 3); of a direction that of most packets."
        |r| Cell::Said(Said::Source(r.ssrc));
    "first" "First" Time "When the first packet was captured."
        |r| r.time(r.first);
    "last" "Last" Time "When the last packet was captured."
        |r| r.time(r.last);
    "mos" "MOS" Decimal "Mean opinion score, 1 to 4.5, of what was heard where it was captured (ITU-T G.107)."
        |r| Cell::decimal(r.mos(), 2);
    "r_factor" "R" Decimal "Transmission rating factor: 0 to 93.2 with a narrowband codec (ITU-T G.107), to 129 with a wideband one (G.107.1), to 148 with a fullband one (G.107.2)."
        |r| Cell::decimal(r.quality.as_ref().map(|quality| quality.r_factor), 1);
    "mos_basis" "MOS basis" Text "What the score was computed from and what was assumed."
        |r| Cell::text(r.quality.as_ref().map(|quality| &*quality.basis).filter(|basis| !basis.is_empty()));
    "rtcp" "RTCP" Object "What RTCP said of it: reports, loss, jitter, round trip, VoIP metrics (RFC 3550 6.4, RFC 3611 4.7)."
        |r| r.rtcp.as_ref().map_or(Cell::Unknown, Cell::Rtcp);
    "dtmf" "DTMF" Text "Digits that were pressed, in order of time (RFC 4733, SIP INFO)."
        |r| Cell::text(r.dtmf.as_deref());
    "srtp" "SRTP" Flag "It was encrypted, by SDP (RFC 3711)."
        |r| Cell::Flag(r.srtp);
    "loss_bursts" "Loss bursts" Integer "Runs of consecutive lost packets."
        |r| Cell::integer(r.loss_bursts);
    "longest_burst" "Longest burst" Integer "Packets in the longest of these runs."
        |r| Cell::integer(r.longest_burst);
    "dscp" "DSCP" Integer "Differentiated services code point of most packets (RFC 2474): 46 is EF, 0 best effort."
        |r| Cell::integer(r.dscp);
    "silence_suppression" "Silence suppression" Flag "The sender stopped sending while it had nothing to say: a marker after a gap, or comfort noise (RFC 3551 4.1, RFC 3389)."
        |r| Cell::Flag(r.silence_suppressed);
    "clock_rate" "Clock rate" Integer "The codec's clock rate in Hz (RFC 3550 5.1)."
        |r| r.clock_rate.map_or(Cell::Unknown, Cell::integer);
    "bytes" "Bytes" Integer "Bytes of payload in those packets."
        |r| Cell::integer(r.bytes);
}

/// The fields of a direction that are columns of a CSV.
pub fn flat() -> impl Iterator<Item = &'static Column<HeardRow>> {
    DIRECTION.iter().filter(|column| column.shape != Shape::Object)
}

/// Names of the fields of `rtcp`, each with its value.
#[must_use]
pub fn rtcp_fields(rtcp: &Reported) -> [(&'static str, Cell<'_>); 9] {
    [
        ("reports", Cell::integer(rtcp.reports)),
        ("lost", Cell::decimal(rtcp.lost.map(f64::from), 0)),
        ("worst_loss_pct", Cell::decimal(rtcp.worst_loss_percent, 2)),
        ("jitter_ms", millis(rtcp.jitter)),
        ("jitter_max_ms", millis(rtcp.jitter_max)),
        ("round_trip_ms", millis(rtcp.round_trip)),
        ("round_trip_max_ms", millis(rtcp.round_trip_max)),
        ("sent", rtcp.sent.map_or(Cell::Unknown, Cell::integer)),
        ("xr", rtcp.voip.as_ref().map_or(Cell::Unknown, Cell::VoipMetrics)),
    ]
}

/// Names of the fields of `xr`, each with its value.
#[must_use]
pub fn voip_fields(voip: &VoipMetrics) -> [(&'static str, Cell<'_>); 9] {
    [
        ("loss_pct", Cell::decimal(Some(voip.loss_percent), 2)),
        ("discard_pct", Cell::decimal(Some(voip.discard_percent), 2)),
        ("burst_ms", millis(Some(voip.burst))),
        ("gap_ms", millis(Some(voip.gap))),
        ("round_trip_ms", millis(Some(voip.round_trip))),
        ("end_system_delay_ms", millis(Some(voip.end_system_delay))),
        ("r_factor", voip.r_factor.map_or(Cell::Unknown, Cell::integer)),
        ("mos_lq", Cell::decimal(voip.mos_lq, 1)),
        ("mos_cq", Cell::decimal(voip.mos_cq, 1)),
    ]
}

/// Fields as words, those that are not known left out: `reports 12, lost 3`.
pub(super) fn write_fields(fields: &[(&str, Cell<'_>)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let known = fields.iter().filter(|(_, cell)| !matches!(cell, Cell::Unknown));
    for (index, (key, cell)) in known.enumerate() {
        f.write_str(if index > 0 { ", " } else { "" })?;
        match cell {
            Cell::VoipMetrics(_) => write!(f, "{key} ({cell})")?,
            _ => write!(f, "{key} {cell}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{self, heard, sources, stream};
    use crate::track::fact::Side;

    fn row(from_caller: Option<Heard>, from_callee: Option<Heard>, streams: Vec<Heard>) -> MediaRow {
        let streams = streams.into_iter().map(|heard| stream(Some("a"), Some(Side::Caller), 1, heard)).collect();
        let fact = MediaFact { from_caller, from_callee, streams, talk: None, first_audio: None, t38: false };
        MediaRow::new(fact, &sources(), 6)
    }

    #[test]
    fn media_in_one_line() {
        let pcmu = heard(1, 0, 200);
        let with = |change: fn(&mut Heard)| {
            let mut heard = pcmu.clone();
            change(&mut heard);
            Some(heard)
        };
        let same = || with(|_| ());
        let unrated = || with(|heard| heard.quality = None);
        let cases = [
            (same(), same(), "11/11 PCMU, MOS 4.41/4.41"),
            (same(), None, "11/- PCMU, MOS 4.41/-"),
            (None, unrated(), "-/11 PCMU"),
            (same(), with(|heard| heard.codec = Some("G729".into())), "11/11 PCMU/G729, MOS 4.41/4.41"),
            (same(), with(|heard| heard.codec = None), "11/11 PCMU/-, MOS 4.41/4.41"),
            (unrated(), with(|heard| (heard.codec, heard.quality) = (None, None)), "11/11 PCMU/-"),
            (unrated(), with(|heard| heard.lost = 2), "11/11 PCMU, lost 0/2, MOS -/4.41"),
            (None, None, "-/-"),
        ];
        for (caller, callee, expected) in cases {
            assert_eq!(row(caller, callee, Vec::new()).to_string(), expected);
        }
    }

    #[test]
    fn loss_is_that_of_the_packets_sent_and_none_of_none() {
        let percent = |packets, lost| {
            let heard = Heard { packets, lost, ..heard(1, 0, 0) };
            HeardRow::new(heard, 6).loss_percent().map(|percent| format!("{percent:.2}"))
        };
        assert_eq!(percent(99, 1).as_deref(), Some("1.00"));
        assert_eq!(percent(0, 7).as_deref(), Some("100.00"));
        assert_eq!(percent(5, 0).as_deref(), Some("0.00"));
        assert_eq!(percent(u64::MAX, u64::MAX).as_deref(), Some("100.00"));
        assert_eq!(percent(0, 0), None);
    }

    #[test]
    fn a_number_that_is_none_is_unknown() {
        for (value, expected) in
            [(f64::NAN, ""), (f64::INFINITY, ""), (4.409, "4.41"), (0.0, "0.00"), (99.999, "100.00")]
        {
            assert_eq!(Cell::decimal(Some(value), 2).to_string(), expected);
        }
        assert!(matches!(Cell::decimal(Some(f64::NAN), 2), Cell::Unknown));
    }

    #[test]
    fn a_direction_of_one_stream_is_kept_once_and_rows_stay_small() {
        let one = row(Some(heard(1, 0, 200)), Some(heard(2, 0, 200)), vec![heard(2, 0, 200), heard(1, 0, 200)]);
        for (direction, stream) in one.directions.iter().zip([1, 0]) {
            assert!(Arc::ptr_eq(direction.as_ref().unwrap(), one.streams[stream].heard()));
        }
        let two = row(Some(heard(1, 0, 400)), None, vec![heard(1, 0, 200), heard(1, 220, 400)]);
        assert!(two.streams.iter().all(|stream| !Arc::ptr_eq(two.directions[0].as_ref().unwrap(), stream.heard())));
        assert!(size_of::<HeardRow>() <= 232, "{} bytes", size_of::<HeardRow>());
        assert!(size_of::<StreamRow>() <= 160, "{} bytes", size_of::<StreamRow>());
        assert!(size_of::<MediaRow>() <= 72, "{} bytes", size_of::<MediaRow>());
    }

    #[test]
    fn only_digits_are_digits() {
        let mut heard = heard(1, 0, 200);
        let digit = |digit| crate::track::fact::Digit { at: samples::at(0), digit };
        heard.digits = "0x9*#\x1bAD!E\u{202e}".chars().map(digit).collect();
        assert_eq!(HeardRow::new(heard, 6).dtmf.as_deref(), Some("09*#AD!"));
    }
}

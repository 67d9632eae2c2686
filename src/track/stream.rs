//! One RTP stream (RFC 3550 3) as it passed the point of capture: what came, what did not, how evenly, and what RTCP
//! says of it. Knows no call, no address and no session description beyond what payload types stand for.
//!
//! Most packets are one more of the same: the next sequence number, the same payload type and DSCP, the usual step of
//! the timestamp. Those are told by four comparisons and cost a few additions; everything else goes another way.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fact::{Digit, Heard, Reported, VoipMetrics};
use super::quality;
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::dtmf::TelephoneEvent;
use crate::wire::rtcp::ReportBlock;
use crate::wire::rtp::Rtp;

/// A sequence number that leaps this far ahead or more is no loss but another count (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;
/// So many of the highest sequence numbers are remembered one by one: a packet that comes later than that has missed
/// every playout, and RFC 3550 A.1 gives up after 100.
const WINDOW: u16 = 256;
/// Payload types, paired with DSCPs, that a stream is counted by.
const MAX_SLOTS: usize = 32;
/// Digits that are kept.
const MAX_DIGITS: usize = 256;
/// No network delays one packet this much more than the one before, in nanoseconds: the sender's timestamps leapt.
const MAX_TRANSIT: u64 = 10_000_000_000;
/// As long as this without a packet, in nanoseconds, and more than the usual, is a silence.
const MIN_SILENCE: i64 = 60_000_000;
/// Sender reports whose passing is remembered; a receiver answers the latest it has.
const SENDER_REPORTS: usize = 4;
/// No packet is of this kind.
const NO_KIND: u16 = u16::MAX;

/// A payload type of a session description (RFC 8866 6.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Codec {
    /// 0 to 127.
    pub(super) payload_type: u8,
    /// Encoding name, as written: `opus`, `telephone-event`.
    pub(super) name: Box<str>,
    /// Clock, in Hz.
    pub(super) clock_rate: u32,
}

/// What the payload types of a stream stand for: by its session description, else by RFC 3551 6.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Codecs {
    /// As described.
    pub(super) described: Box<[Codec]>,
    /// The payload is encrypted (RFC 3711).
    pub(super) srtp: bool,
}

impl Codecs {
    /// Encoding name and clock in Hz of a payload type.
    fn get(&self, payload_type: u8) -> Option<(&str, u32)> {
        let described = self.described.iter().find(|codec| codec.payload_type == payload_type);
        match (described, assigned(payload_type)) {
            // Many write the rate it samples at; its clock is 8 kHz all the same (RFC 3551 4.5.2).
            (Some(codec), _) if codec.name.eq_ignore_ascii_case("G722") => Some((&codec.name, 8000)),
            (Some(codec), _) => Some((&codec.name, codec.clock_rate)),
            (None, assigned) => assigned,
        }
    }
}

/// The assignments of RFC 3551 6.
#[rustfmt::skip]
const fn assigned(payload_type: u8) -> Option<(&'static str, u32)> {
    Some(match payload_type {
        0 => ("PCMU", 8000),
        3 => ("GSM", 8000),
        4 => ("G723", 8000),
        5 => ("DVI4", 8000),
        6 => ("DVI4", 16_000),
        7 => ("LPC", 8000),
        8 => ("PCMA", 8000),
        9 => ("G722", 8000),
        10 | 11 => ("L16", 44_100),
        12 => ("QCELP", 8000),
        13 => ("CN", 8000),
        14 => ("MPA", 90_000),
        15 => ("G728", 8000),
        16 => ("DVI4", 11_025),
        17 => ("DVI4", 22_050),
        18 => ("G729", 8000),
        25 => ("CelB", 90_000),
        26 => ("JPEG", 90_000),
        28 => ("nv", 90_000),
        31 => ("H261", 90_000),
        32 => ("MPV", 90_000),
        33 => ("MP2T", 90_000),
        34 => ("H263", 90_000),
        _ => return None,
    })
}

/// What a payload type carries, as far as it is counted differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    Media,
    /// Comfort noise (RFC 3389).
    Noise,
    /// Telephone-events (RFC 4733).
    Events,
}

/// Packets of one payload type and DSCP.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Slot {
    kind: u16,
    role: Role,
    clock_rate: u32,
    largest: u16,
    packets: u64,
}

/// Payload type and DSCP in one number, so that one comparison tells whether anything changed.
const fn kind(payload_type: u8, dscp: u8) -> u16 {
    ((payload_type as u16 & 0x7f) << 8) | dscp as u16
}

/// What a sequence number makes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Next,
    Late,
    Again,
    /// From another count; whether the stream goes on there, the next one tells.
    Astray,
    Restarted,
}

/// A stream so far.
// In this order, so that what every packet touches lies in two cache lines.
#[repr(C, align(64))]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    /// The sequence number after the highest.
    next: u16,
    /// The latest packet's; [`NO_KIND`] where each one needs a closer look.
    kind: u16,
    /// Numbers of the window that did not come.
    holes: u16,
    /// Largest payload since the kind changed.
    largest: u16,
    /// Timestamp of the packet that the next one's delay is compared with.
    timestamp: u32,
    /// The latest step of the timestamp.
    step: u32,
    /// The same in nanoseconds.
    span: i64,
    /// When the packet came that the next one's delay is compared with.
    timed: i64,
    /// When the latest packet came.
    last: i64,
    packets: u64,
    bytes: u64,
    /// Interarrival jitter in sixteenths of a nanosecond (RFC 3550 A.8).
    jitter: u64,
    jitter_sum: u64,
    jitter_max: u64,
    max_gap: i64,
    /// Sequence numbers from the lowest to the highest of this count.
    spanned: u64,
    /// Here, since it also tells whether there is a stream at all, where there may be none.
    slots: Vec<Slot>,

    /// Clock in Hz, 0 where not known.
    clock_rate: u32,
    ssrc: u32,
    /// Packets that had no part in the jitter.
    untimed: u64,
    /// [`Self::packets`] when the kind changed last.
    mark: u64,
    lost: u64,
    bursts: u64,
    longest_burst: u32,
    /// Lost packets in a row that have just left the window.
    run: u32,
    out_of_order: u32,
    duplicates: u32,
    /// A bit for each number of the window, at its remainder; all of them stand for ones while there are no holes.
    window: [u64; 4],
    /// After a leap, the number that would confirm it.
    leap: Option<u16>,
    slot: u8,
    silence: bool,
    place: Place,
    first: i64,
    codecs: Option<Arc<Codecs>>,
    extra: Option<Box<Extra>>,
}

/// What few streams have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Extra {
    digits: Vec<Digit>,
    event: Option<Event>,
    /// LSR of sender reports, and when they passed.
    sent: [(u32, i64); SENDER_REPORTS],
    reports: u64,
    lost: Option<i32>,
    worst_fraction: Option<u8>,
    jitter: Option<u32>,
    jitter_max: u32,
    trips: u64,
    trips_sum: u64,
    trip_max: u64,
    packets_sent: Option<u32>,
    voip: Option<VoipMetrics>,
}

/// The latest telephone-event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Event {
    payload_type: u8,
    code: u8,
    timestamp: u32,
    duration: u16,
    at: i64,
    /// It is in the list. Where no description says that it is an event, only its repetition does.
    counted: bool,
}

impl Stream {
    /// Begins with its first packet.
    pub(super) fn new(at: Timestamp, place: Place, rtp: &Rtp<'_>, dscp: u8) -> Self {
        let mut stream = Self {
            next: rtp.sequence,
            kind: NO_KIND,
            holes: 0,
            largest: 0,
            timestamp: rtp.timestamp,
            step: 0,
            span: 0,
            timed: at.nanos(),
            last: at.nanos(),
            packets: 0,
            bytes: 0,
            jitter: 0,
            jitter_sum: 0,
            jitter_max: 0,
            max_gap: 0,
            clock_rate: 0,
            ssrc: rtp.ssrc,
            untimed: 0,
            mark: 0,
            lost: 0,
            bursts: 0,
            longest_burst: 0,
            run: 0,
            spanned: 0,
            out_of_order: 0,
            duplicates: 0,
            window: [0; 4],
            leap: None,
            slot: 0,
            silence: false,
            place,
            first: at.nanos(),
            slots: Vec::new(),
            codecs: None,
            extra: None,
        };
        stream.on_other(at, rtp, dscp);
        stream
    }

    /// The next packet of it, in order of capture.
    #[inline(always)] // Runs once per packet of media.
    pub(super) fn on_rtp(&mut self, at: Timestamp, rtp: &Rtp<'_>, dscp: u8) {
        let step = rtp.timestamp.wrapping_sub(self.timestamp);
        let same = (rtp.sequence == self.next) & (kind(rtp.payload_type, dscp) == self.kind) & (step == self.step);
        let transit = at.nanos().wrapping_sub(self.timed).abs_diff(self.span);
        if !same | rtp.marker | (transit > MAX_TRANSIT) {
            return self.on_other(at, rtp, dscp);
        }
        if self.holes != 0 {
            self.slip();
        }
        let at = at.nanos();
        self.next = self.next.wrapping_add(1);
        self.spanned += 1;
        self.count(rtp);
        self.note_gap(at);
        self.timestamp = rtp.timestamp;
        self.note_transit(at, transit);
    }

    /// A packet that is not just one more of the same.
    #[cold]
    #[inline(never)]
    fn on_other(&mut self, at: Timestamp, rtp: &Rtp<'_>, dscp: u8) {
        let at = at.nanos();
        let missing = rtp.sequence.wrapping_sub(self.next);
        let came = self.place_sequence(rtp.sequence);
        let gap = at.wrapping_sub(self.last);
        self.note_gap(at);
        match came {
            Came::Again => {
                self.duplicates = self.duplicates.saturating_add(1);
                return;
            }
            Came::Late => self.out_of_order = self.out_of_order.saturating_add(1),
            Came::Next | Came::Astray | Came::Restarted => {}
        }
        let kind = kind(rtp.payload_type, dscp);
        let began = self.slots.is_empty();
        if self.slots.get(usize::from(self.slot)).is_none_or(|slot| slot.kind != kind) {
            self.switch(kind);
        }
        self.count(rtp);
        let role = self.slots.get(usize::from(self.slot)).map_or(Role::Media, |slot| slot.role);
        let unknown = (96..=127).contains(&rtp.payload_type) && self.clock_rate == 0;
        if role == Role::Events || (unknown && rtp.payload.len() == 4) {
            self.untimed += 1;
            if self.codecs.as_ref().is_none_or(|codecs| !codecs.srtp) {
                self.on_events(at, rtp, role == Role::Events);
            }
            return;
        }
        self.silence |= role == Role::Noise;
        let step = rtp.timestamp.wrapping_sub(self.timestamp);
        // A step in time or back: never half the circle.
        let span = match self.clock_rate {
            0 => None,
            rate => Some(i64::from(step.cast_signed()) * 1_000_000_000 / i64::from(rate)),
        };
        match (came, span) {
            (Came::Astray, _) => self.untimed += 1,
            (Came::Next | Came::Late, Some(span)) if !began && self.timed != i64::MIN => {
                let fell_silent = rtp.marker && came == Came::Next && self.clock_rate != 90_000;
                self.silence |= fell_silent
                    && span > MIN_SILENCE
                    && span > self.span.saturating_mul(2)
                    && gap > span / 2
                    && self.span > 0;
                // The step over a silence or a loss is none that comes again.
                if came == Came::Next && missing == 0 && !rtp.marker {
                    (self.step, self.span) = (step, span);
                }
                self.timestamp = rtp.timestamp;
                let transit = at.wrapping_sub(self.timed).abs_diff(span);
                if transit <= MAX_TRANSIT {
                    self.note_transit(at, transit);
                } else {
                    self.untimed += 1;
                    self.timed = at;
                }
            }
            _ => {
                self.untimed += 1;
                self.timestamp = rtp.timestamp;
                self.timed = at;
            }
        }
        let settled = self.slots.get(usize::from(self.slot)).is_some_and(|slot| slot.kind == kind);
        self.kind = if settled && self.clock_rate > 0 { kind } else { NO_KIND };
    }

    #[inline]
    fn count(&mut self, rtp: &Rtp<'_>) {
        let len = rtp.payload.len();
        self.packets += 1;
        self.bytes += len as u64;
        self.largest = self.largest.max(len as u16);
    }

    /// Merged captures step back: the gaps between do not.
    #[inline]
    fn note_gap(&mut self, at: i64) {
        self.max_gap = self.max_gap.max(at.wrapping_sub(self.last));
        self.last = self.last.max(at);
    }

    /// Takes in how much the transit time differed from that of the packet before, in nanoseconds (RFC 3550 A.8).
    #[inline]
    fn note_transit(&mut self, at: i64, difference: u64) {
        self.timed = at;
        self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
        let jitter = self.jitter >> 4;
        self.jitter_sum = self.jitter_sum.wrapping_add(jitter);
        self.jitter_max = self.jitter_max.max(jitter);
    }

    /// Another payload type or DSCP.
    fn switch(&mut self, kind: u16) {
        self.settle();
        let found = self.slots.iter().position(|slot| slot.kind == kind);
        let slot = match found {
            Some(slot) => slot,
            None if self.slots.len() < MAX_SLOTS => {
                let (role, clock_rate) = self.meaning((kind >> 8) as u8);
                self.slots.push(Slot { kind, role, clock_rate, largest: 0, packets: 0 });
                self.slots.len() - 1
            }
            // More than any sender has: garbage that looks like RTP. What is left is counted with the last.
            None => MAX_SLOTS - 1,
        };
        self.slot = slot as u8;
        let Some(slot) = self.slots.get(slot) else { return };
        (self.kind, self.largest) = (NO_KIND, slot.largest);
        // Through telephone-events the clock of the media runs on.
        if slot.role != Role::Events && slot.clock_rate != self.clock_rate {
            self.clock_rate = slot.clock_rate;
            self.timed = i64::MIN;
            (self.step, self.span) = (0, 0);
        }
    }

    /// Writes down what was counted since the kind changed.
    fn settle(&mut self) {
        if let Some(slot) = self.slots.get_mut(usize::from(self.slot)) {
            slot.packets += self.packets - self.mark;
            slot.largest = self.largest;
        }
        self.mark = self.packets;
    }

    fn meaning(&self, payload_type: u8) -> (Role, u32) {
        let known = self.codecs.as_ref().map_or_else(|| assigned(payload_type), |codecs| codecs.get(payload_type));
        match known {
            Some((name, rate)) if name.eq_ignore_ascii_case("telephone-event") => (Role::Events, rate),
            Some((name, rate)) if name.eq_ignore_ascii_case("CN") => (Role::Noise, rate),
            Some((_, rate)) => (Role::Media, rate),
            // The number comfort noise had before RFC 3551.
            None if payload_type == 19 => (Role::Noise, 8000),
            None => (Role::Media, 0),
        }
    }

    /// Says what the payload types stand for, as soon as that is known. Jitter that was measured by another clock is
    /// measured anew from the latest packet.
    pub(super) fn set_codecs(&mut self, codecs: Arc<Codecs>) {
        if self.codecs.as_ref() == Some(&codecs) {
            return;
        }
        self.codecs = Some(codecs);
        let mut anew = false;
        for index in 0..self.slots.len() {
            let Some(kind) = self.slots.get(index).map(|slot| slot.kind) else { continue };
            let (role, clock_rate) = self.meaning((kind >> 8) as u8);
            let Some(slot) = self.slots.get_mut(index) else { continue };
            anew |= (slot.clock_rate, slot.role == Role::Events) != (clock_rate, role == Role::Events);
            (slot.role, slot.clock_rate) = (role, clock_rate);
        }
        if !anew {
            return;
        }
        self.kind = NO_KIND;
        (self.jitter, self.jitter_sum, self.jitter_max) = (0, 0, 0);
        (self.step, self.span) = (0, 0);
        self.untimed = self.packets;
        match self.slots.get(usize::from(self.slot)) {
            Some(slot) if slot.role != Role::Events => {
                self.clock_rate = slot.clock_rate;
            }
            _ => (self.clock_rate, self.timed) = (0, i64::MIN),
        }
    }

    /// Extends the count of sequence numbers (RFC 3550 A.1).
    fn place_sequence(&mut self, sequence: u16) -> Came {
        let missing = sequence.wrapping_sub(self.next);
        let behind = self.next.wrapping_sub(1).wrapping_sub(sequence);
        let came = if self.spanned == 0 || missing < MAX_DROPOUT {
            self.advance(sequence);
            Came::Next
        } else if behind < WINDOW {
            self.look_back(sequence, behind)
        } else if self.leap == Some(sequence) {
            self.close_window();
            self.spanned = 2;
            self.next = sequence.wrapping_add(1);
            Came::Restarted
        } else if self.leap == Some(sequence.wrapping_add(1)) {
            return Came::Again;
        } else {
            self.leap = Some(sequence.wrapping_add(1));
            return Came::Astray;
        };
        self.leap = None;
        came
    }

    /// Goes on to `sequence`; what it leaps over is lost until it comes.
    fn advance(&mut self, sequence: u16) {
        let missing = sequence.wrapping_sub(self.next);
        self.spanned += u64::from(missing) + 1;
        self.lost += u64::from(missing);
        if self.holes == 0 && missing > 0 {
            self.window = [u64::MAX; 4];
        }
        if self.holes > 0 || missing > 0 {
            let first = self.next;
            for ahead in 0..missing.min(WINDOW) {
                self.write(first.wrapping_add(ahead), false);
            }
            // Beyond its width the window holds nothing but holes, and those just pass through.
            self.run += u32::from(missing.saturating_sub(WINDOW));
            self.write(sequence, true);
        }
        self.next = sequence.wrapping_add(1);
    }

    /// The next number comes while some of the window are missing.
    #[cold]
    #[inline(never)]
    fn slip(&mut self) {
        self.write(self.next, true);
    }

    /// Puts a number into the window, whose place one leaves that is [`WINDOW`] lower.
    fn write(&mut self, sequence: u16, came: bool) {
        if self.bit(sequence) {
            self.end_run();
        } else {
            self.holes -= 1;
            self.run += 1;
        }
        self.set_bit(sequence, came);
        self.holes += u16::from(!came);
        if self.holes == 0 {
            self.end_run();
        }
    }

    /// A number that is not higher than the highest.
    fn look_back(&mut self, sequence: u16, behind: u16) -> Came {
        if u64::from(behind) >= self.spanned {
            // From before the first packet that was captured.
            if self.holes == 0 {
                self.window = [u64::MAX; 4];
            }
            let between = u64::from(behind) - self.spanned;
            for ahead in 1..=between as u16 {
                self.set_bit(sequence.wrapping_add(ahead), false);
                self.holes += 1;
            }
            self.lost += between;
            self.spanned = u64::from(behind) + 1;
            return Came::Late;
        }
        if self.holes == 0 || self.bit(sequence) {
            return Came::Again;
        }
        self.set_bit(sequence, true);
        self.holes -= 1;
        self.lost -= 1;
        if self.holes == 0 {
            self.end_run();
        }
        Came::Late
    }

    fn bit(&self, sequence: u16) -> bool {
        self.window[usize::from(sequence >> 6 & 3)] >> (sequence & 63) & 1 != 0
    }

    fn set_bit(&mut self, sequence: u16, on: bool) {
        let word = &mut self.window[usize::from(sequence >> 6 & 3)];
        *word = *word & !(1 << (sequence & 63)) | u64::from(on) << (sequence & 63);
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            self.bursts += 1;
            self.longest_burst = self.longest_burst.max(self.run);
            self.run = 0;
        }
    }

    /// What is missing now stays missing.
    fn close_window(&mut self) {
        for behind in (0..WINDOW).rev() {
            if self.holes == 0 {
                break;
            }
            let sequence = self.next.wrapping_sub(1).wrapping_sub(behind);
            if self.bit(sequence) {
                self.end_run();
            } else {
                self.run += 1;
                self.holes -= 1;
            }
        }
        self.holes = 0;
        self.end_run();
    }

    /// Telephone-events of one packet (RFC 4733 2.3), up to the first that is no key; `sure` where the session description says that it is one.
    fn on_events(&mut self, at: i64, rtp: &Rtp<'_>, sure: bool) {
        let mut timestamp = rtp.timestamp;
        for event in rtp.payload.chunks_exact(4) {
            let &[code, flags, high, low] = event else { return };
            let duration = u16::from_be_bytes([high, low]);
            // The bit after the end bit is reserved, and sent as zero.
            if code > TelephoneEvent::LAST_KEY || (!sure && flags & 0x40 != 0) {
                return;
            }
            let extra = self.extra.get_or_insert_default();
            let event = Event { payload_type: rtp.payload_type, code, timestamp, duration, at, counted: sure };
            let counted = extra.on_event(event);
            if counted && !sure {
                self.learn_events(rtp.payload_type);
            }
            timestamp = timestamp.wrapping_add(u32::from(duration));
        }
    }

    /// It behaves like telephone-events although nothing said so.
    fn learn_events(&mut self, payload_type: u8) {
        for slot in self.slots.iter_mut().filter(|slot| (slot.kind >> 8) as u8 == payload_type) {
            slot.role = Role::Events;
        }
        self.kind = NO_KIND;
    }

    /// A report of its sender passed (RFC 3550 6.4.1): `ntp` the middle 32 bits of its NTP timestamp, `packets` the
    /// sender's packet count.
    pub(super) fn on_sender_report(&mut self, at: Timestamp, ntp: u32, packets: u32) {
        let extra = self.extra.get_or_insert_default();
        extra.sent.rotate_right(1);
        extra.sent[0] = (ntp, at.nanos());
        extra.packets_sent = Some(packets);
    }

    /// A receiver's report on it passed.
    ///
    /// A - LSR - DLSR is the round trip where A is the sender's clock. Here both packets were seen by one clock, that
    /// of the capture: from the passing of the SR to that of the report, less DLSR, it is the round trip from the point
    /// of capture to the receiver.
    pub(super) fn on_report(&mut self, at: Timestamp, report: &ReportBlock) {
        let extra = self.extra.get_or_insert_default();
        extra.reports += 1;
        extra.lost = Some(report.lost);
        extra.worst_fraction = extra.worst_fraction.max(Some(report.fraction_lost));
        extra.jitter = Some(report.jitter);
        extra.jitter_max = extra.jitter_max.max(report.jitter);
        let sent = extra.sent.iter().find(|(ntp, _)| *ntp == report.last_sr && *ntp != 0);
        let Some((_, passed)) = sent else { return };
        let held = (u64::from(report.delay) * 1_000_000_000) >> 16;
        let Ok(trip) = u64::try_from(at.nanos().saturating_sub(*passed).saturating_sub_unsigned(held)) else { return };
        extra.trips += 1;
        extra.trips_sum = extra.trips_sum.saturating_add(trip);
        extra.trip_max = extra.trip_max.max(trip);
    }

    /// A VoIP metrics block on it passed (RFC 3611 4.7).
    pub(super) fn on_voip_metrics(&mut self, metrics: VoipMetrics) {
        self.extra.get_or_insert_default().voip = Some(metrics);
    }

    /// Its source.
    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The sequence number that would come next.
    pub(super) const fn next_sequence(&self) -> u16 {
        self.next
    }

    /// Where its first packet is.
    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// When its first packet came.
    pub(super) const fn first(&self) -> Timestamp {
        Timestamp::from_nanos(self.first)
    }

    /// When its latest packet came.
    pub(super) const fn last(&self) -> Timestamp {
        Timestamp::from_nanos(self.last)
    }

    /// What it was like so far.
    pub(super) fn heard(&self) -> Heard {
        let mut stream = self.clone();
        stream.settle();
        stream.close_window();
        stream.into_heard()
    }

    fn into_heard(self) -> Heard {
        let unbound = Codecs::default();
        let codecs = self.codecs.as_deref().unwrap_or(&unbound);
        let payload_type = self.main_payload_type();
        let (codec, clock_rate) = codecs.get(payload_type).unzip();
        let of_type = self.slots.iter().filter(|slot| (slot.kind >> 8) as u8 == payload_type);
        let timed = self.packets - self.untimed;
        let (digits, rtcp) = match self.extra {
            None => (Vec::new(), None),
            Some(extra) => {
                let reported = extra.reported(clock_rate);
                (extra.digits, reported)
            }
        };
        let mut heard = Heard {
            ssrc: self.ssrc,
            payload_type,
            codec: codec.map(Into::into),
            clock_rate,
            largest_payload: if codecs.srtp { 0 } else { of_type.map(|slot| slot.largest).max().unwrap_or(0) },
            packets: self.packets,
            bytes: self.bytes,
            lost: self.lost,
            loss_bursts: self.bursts,
            longest_burst: self.longest_burst.into(),
            out_of_order: self.out_of_order.into(),
            duplicates: self.duplicates.into(),
            jitter: (timed > 0).then(|| Duration::from_nanos(self.jitter_sum / timed.max(1))),
            jitter_max: (timed > 0).then(|| Duration::from_nanos(self.jitter_max)),
            max_gap: Duration::from_nanos(self.max_gap.unsigned_abs()),
            first: Timestamp::from_nanos(self.first),
            last: Timestamp::from_nanos(self.last),
            digits,
            silence_suppressed: self.silence,
            srtp: codecs.srtp,
            dscp: most(self.slots.iter().map(|slot| ((slot.kind & 0xff) as u8, slot.packets))).unwrap_or(0),
            rtcp,
            quality: None,
        };
        heard.quality = quality::judge(&heard, None);
        heard
    }

    /// The payload type of most packets, media before what only accompanies it.
    fn main_payload_type(&self) -> u8 {
        let by_type = |media: bool| {
            let slots = self.slots.iter().filter(move |slot| (slot.role == Role::Media) == media);
            most(slots.map(|slot| ((slot.kind >> 8) as u8, slot.packets)))
        };
        by_type(true).or_else(|| by_type(false)).unwrap_or(0)
    }
}

/// The value with the most packets; of equals the one that came first.
fn most(counted: impl Iterator<Item = (u8, u64)>) -> Option<u8> {
    let mut sums: Vec<(u8, u64)> = Vec::new();
    for (value, packets) in counted {
        match sums.iter_mut().find(|(known, _)| *known == value) {
            Some((_, sum)) => *sum += packets,
            None => sums.push((value, packets)),
        }
    }
    sums.into_iter().rev().max_by_key(|(_, packets)| *packets).map(|(value, _)| value)
}

impl Extra {
    /// Whether this settled that a digit was pressed.
    ///
    /// All packets of an event carry the timestamp of its beginning, and the last is sent three times (RFC 4733 2.5.1).
    fn on_event(&mut self, event: Event) -> bool {
        let Some(last) = &mut self.event else {
            return self.begin_event(event);
        };
        let step = event.timestamp.wrapping_sub(last.timestamp);
        let same = (event.payload_type, event.code) == (last.payload_type, last.code);
        if same && step == 0 {
            let goes_on = event.duration >= last.duration;
            last.duration = last.duration.max(event.duration);
            if last.counted || !goes_on {
                return false;
            }
            last.counted = true;
            let digit = *last;
            self.push(digit);
            return true;
        }
        // Too long for its field, it goes on in another segment (RFC 4733 2.5.1.3).
        if same && last.duration == u16::MAX && step == u32::from(u16::MAX) {
            last.timestamp = event.timestamp;
            last.duration = event.duration;
            return false;
        }
        // Late, of an event that was counted when it began.
        if event.payload_type == last.payload_type && step.cast_signed() < 0 {
            return false;
        }
        self.begin_event(event)
    }

    fn begin_event(&mut self, event: Event) -> bool {
        self.event = Some(event);
        if event.counted {
            self.push(event);
        }
        event.counted
    }

    fn push(&mut self, event: Event) {
        let digit = match event.code {
            code @ 0..=9 => (b'0' + code).into(),
            10 => '*',
            11 => '#',
            code @ 12..=15 => (b'A' + code - 12).into(),
            _ => '!',
        };
        if self.digits.len() < MAX_DIGITS {
            self.digits.push(Digit { at: Timestamp::from_nanos(event.at), digit });
        }
    }

    fn reported(&self, clock_rate: Option<u32>) -> Option<Reported> {
        (self.reports > 0 || self.packets_sent.is_some() || self.voip.is_some()).then_some(())?;
        let span = |ticks: u32| {
            let rate = u64::from(clock_rate.filter(|rate| *rate > 0)?);
            Some(Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / rate))
        };
        let trips = (self.trips > 0).then_some(self.trips);
        Some(Reported {
            reports: self.reports,
            lost: self.lost,
            worst_loss_percent: self.worst_fraction.map(|fraction| f64::from(fraction) / 2.56),
            jitter: self.jitter.and_then(span),
            jitter_max: self.jitter.and_then(|_| span(self.jitter_max)),
            round_trip: trips.map(|trips| Duration::from_nanos(self.trips_sum / trips)),
            round_trip_max: trips.map(|_| Duration::from_nanos(self.trip_max)),
            sent: self.packets_sent,
            voip: self.voip,
        })
    }
}

/// One direction of a call in all its streams, one after the other. `None` of none.
pub(super) fn fold<'a>(parts: impl Iterator<Item = &'a Heard>) -> Option<Heard> {
    let mut parts: Vec<_> = parts.collect();
    parts.sort_by_key(|part| part.first);
    let main = parts.iter().rev().max_by_key(|part| part.packets)?;
    let mut whole = Heard { rtcp: None, digits: Vec::new(), quality: None, ..(*main).clone() };
    let sum = |of: fn(&Heard) -> u64| parts.iter().map(|part| of(part)).fold(0, u64::saturating_add);
    whole.packets = sum(|part| part.packets);
    whole.bytes = sum(|part| part.bytes);
    whole.lost = sum(|part| part.lost);
    whole.loss_bursts = sum(|part| part.loss_bursts);
    whole.out_of_order = sum(|part| part.out_of_order);
    whole.duplicates = sum(|part| part.duplicates);
    whole.longest_burst = parts.iter().map(|part| part.longest_burst).max()?;
    whole.jitter = weighted(parts.iter().filter_map(|part| Some((part.jitter?, part.packets))));
    whole.jitter_max = parts.iter().filter_map(|part| part.jitter_max).max();
    whole.first = parts.first()?.first;
    whole.last = whole.first;
    for part in &parts {
        let between = if part.first > whole.last { part.first.since(whole.last) } else { Duration::ZERO };
        whole.max_gap = whole.max_gap.max(part.max_gap).max(between);
        whole.last = whole.last.max(part.last);
        whole.digits.extend_from_slice(&part.digits);
        whole.silence_suppressed |= part.silence_suppressed;
        whole.srtp |= part.srtp;
        if part.payload_type == whole.payload_type && part.codec == whole.codec {
            whole.largest_payload = whole.largest_payload.max(part.largest_payload);
        }
    }
    whole.digits.sort_by_key(|digit| digit.at);
    whole.digits.truncate(MAX_DIGITS);
    whole.rtcp = fold_reported(parts.iter().filter_map(|part| part.rtcp.as_ref()));
    whole.dscp = most(parts.iter().map(|part| (part.dscp, part.packets))).unwrap_or(0);
    whole.quality = quality::judge(&whole, None);
    Some(whole)
}

fn fold_reported<'a>(parts: impl Iterator<Item = &'a Reported> + Clone) -> Option<Reported> {
    parts.clone().next()?;
    let added = |of: fn(&Reported) -> Option<i64>| parts.clone().filter_map(of).reduce(i64::saturating_add);
    Some(Reported {
        reports: parts.clone().map(|part| part.reports).sum(),
        lost: added(|part| part.lost.map(i64::from)).map(|lost| lost.clamp(i32::MIN.into(), i32::MAX.into()) as i32),
        worst_loss_percent: parts.clone().filter_map(|part| part.worst_loss_percent).reduce(f64::max),
        jitter: parts.clone().filter_map(|part| part.jitter).last(),
        jitter_max: parts.clone().filter_map(|part| part.jitter_max).max(),
        round_trip: weighted(parts.clone().filter_map(|part| Some((part.round_trip?, part.reports)))),
        round_trip_max: parts.clone().filter_map(|part| part.round_trip_max).max(),
        sent: added(|part| part.sent.map(i64::from)).map(|sent| u32::try_from(sent).unwrap_or(u32::MAX)),
        voip: parts.filter_map(|part| part.voip).last(),
    })
}

/// The mean of spans, each so many times.
fn weighted(spans: impl Iterator<Item = (Duration, u64)>) -> Option<Duration> {
    let (sum, count) = spans.fold((0_u128, 0_u64), |(sum, count), (span, times)| {
        (sum.saturating_add(span.as_nanos().saturating_mul(times.into())), count.saturating_add(times))
    });
    let mean = sum.checked_div(count.into())?;
    Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
}

/// Judges both directions of a call once more, with the delay that only both together tell: what lies between the point
/// of capture and the callee is known from the reports on the caller's stream, and the other way round.
pub(super) fn judge_both(from_caller: Option<&mut Heard>, from_callee: Option<&mut Heard>) {
    let half = |heard: Option<&Heard>| heard?.rtcp.as_ref()?.round_trip;
    let told = |heard: Option<&Heard>| {
        let voip = heard?.rtcp.as_ref()?.voip?;
        (!voip.round_trip.is_zero()).then_some(voip.round_trip)
    };
    let (caller, callee) = (from_caller.as_deref(), from_callee.as_deref());
    let halves = half(caller).zip(half(callee)).map(|(one, other)| one.saturating_add(other));
    let round_trip = halves.or_else(|| told(caller)).or_else(|| told(callee));
    for heard in from_caller.into_iter().chain(from_callee) {
        heard.quality = quality::judge(heard, round_trip);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A packet as the tables name it: when in ms, sequence number, timestamp.
    type Sent = (i64, u16, u32);

    const VOICE: [u8; 160] = [0; 160];

    fn rtp(sequence: u16, timestamp: u32) -> Rtp<'static> {
        Rtp { marker: false, payload_type: 0, sequence, timestamp, ssrc: 7, payload: &VOICE }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    /// A stream of these packets, in order of capture; DSCP 46.
    fn stream<'a>(packets: impl IntoIterator<Item = (i64, Rtp<'a>)>) -> Stream {
        let mut packets = packets.into_iter();
        let (millis, first) = packets.next().unwrap();
        let mut stream = Stream::new(at(millis), Place::default(), &first, 46);
        for (millis, rtp) in packets {
            stream.on_rtp(at(millis), &rtp, 46);
        }
        stream
    }

    /// Twenty milliseconds apart, of these sequence numbers.
    fn numbered(sequences: impl IntoIterator<Item = u16>) -> Heard {
        let mut first = None;
        stream(sequences.into_iter().zip(0_i64..).map(|(sequence, index)| {
            let timestamp = sequence.wrapping_sub(*first.get_or_insert(sequence));
            (index * 20, rtp(sequence, u32::from(timestamp) * 160))
        }))
        .heard()
    }

    /// Packets, lost, bursts, longest burst, out of order, duplicates.
    fn counts(heard: &Heard) -> [u64; 6] {
        let Heard { packets, lost, loss_bursts, longest_burst, out_of_order, duplicates, .. } = heard;
        [*packets, *lost, *loss_bursts, *longest_burst, *out_of_order, *duplicates]
    }

    #[test]
    fn sequence_numbers() {
        let long = |range: std::ops::Range<u16>| range.collect::<Vec<_>>();
        let cases: &[(&str, Vec<u16>, [u64; 6])] = &[
            ("one", vec![9], [1, 0, 0, 0, 0, 0]),
            ("in order", vec![1, 2, 3], [3, 0, 0, 0, 0, 0]),
            ("over the top", vec![65534, 65535, 0, 1], [4, 0, 0, 0, 0, 0]),
            ("one lost", vec![1, 3], [2, 1, 1, 1, 0, 0]),
            ("lost over the top", vec![65534, 2], [2, 3, 1, 3, 0, 0]),
            ("two bursts", vec![1, 3, 6, 7], [4, 3, 2, 2, 0, 0]),
            ("late", vec![1, 3, 2, 4], [4, 0, 0, 0, 1, 0]),
            ("late in the middle of a burst", vec![1, 5, 3, 6], [4, 2, 2, 1, 1, 0]),
            ("twice", vec![1, 2, 2, 3], [3, 0, 0, 0, 0, 1]),
            ("late and twice", vec![1, 3, 2, 2, 1], [3, 0, 0, 0, 1, 2]),
            ("before the first", vec![5, 4, 6], [3, 0, 0, 0, 1, 0]),
            ("long before the first", vec![5, 2, 6], [3, 2, 1, 2, 1, 0]),
            ("before the first, over the top", vec![0, 65535, 1], [3, 0, 0, 0, 1, 0]),
            ("wider than the window", [long(0..10), long(1000..1300)].concat(), [310, 990, 1, 990, 0, 0]),
            ("the widest loss", vec![0, 3000, 3001], [3, 2999, 1, 2999, 0, 0]),
            ("counts anew", [long(0..10), long(9000..9010)].concat(), [20, 0, 0, 0, 0, 0]),
            ("counts anew lower", [long(9000..9010), long(0..10)].concat(), [20, 0, 0, 0, 0, 0]),
            ("anew, its first twice", vec![1, 2, 9000, 9000, 9001], [4, 0, 0, 0, 0, 1]),
            ("lost in the new count", vec![1, 2, 9000, 9001, 9003], [5, 1, 1, 1, 0, 0]),
            ("lost in the old count", vec![1, 3, 9000, 9001, 9002], [5, 1, 1, 1, 0, 0]),
            ("one from elsewhere", vec![1, 2, 9000, 3, 4], [5, 0, 0, 0, 0, 0]),
            ("later than is remembered", [long(0..5), long(6..400), vec![5]].concat(), [400, 1, 1, 1, 0, 0]),
        ];
        for (name, sequences, expected) in cases {
            assert_eq!(counts(&numbered(sequences.iter().copied())), *expected, "{name}");
        }
    }

    #[test]
    fn jitter() {
        let spoken = |range: std::ops::Range<u16>, late: fn(u16) -> i64| -> Vec<Sent> {
            range.map(|n| (i64::from(n) * 20 + late(n), n, u32::from(n) * 160)).collect()
        };
        let joined = |one: Vec<Sent>, other: Vec<Sent>| [one, other].concat();
        /// Mean and maximum in microseconds.
        type Case<'a> = (&'a str, Vec<Sent>, Option<[u128; 2]>);
        let cases: &[Case<'_>] = &[
            ("one packet tells nothing", spoken(0..1, |_| 0), None),
            ("like clockwork", spoken(0..50, |_| 0), Some([0, 0])),
            // |D| of 16 ms once: a sixteenth of it, then 15/16 of that.
            ("one late from here on", spoken(0..3, |n| if n > 0 { 16 } else { 0 }), Some([968, 1000])),
            ("late and early in turn", spoken(0..4, |n| i64::from(n % 2) * 16), Some([1917, 2816])),
            ("a lost packet is no jitter", joined(spoken(0..5, |_| 0), spoken(6..9, |_| 0)), Some([0, 0])),
            ("nor is silence", joined(spoken(0..5, |_| 0), spoken(500..509, |_| 0)), Some([0, 0])),
            (
                "nor is another count of timestamps",
                joined(spoken(0..5, |_| 0), vec![(100, 5, 3_000_000_000), (120, 6, 3_000_000_160)]),
                Some([0, 0]),
            ),
            ("timestamps over the top", vec![(0, 0, u32::MAX - 159), (20, 1, 0), (40, 2, 160)], Some([0, 0])),
            ("another count of numbers", vec![(0, 0, 0), (20, 1, 160), (40, 9000, 9), (60, 9001, 169)], Some([0, 0])),
        ];
        for (name, packets, expected) in cases {
            let heard = stream(packets.iter().map(|(millis, n, timestamp)| (*millis, rtp(*n, *timestamp)))).heard();
            let micros = heard.jitter.zip(heard.jitter_max).map(|(mean, max)| [mean.as_micros(), max.as_micros()]);
            assert_eq!(micros, *expected, "{name}");
        }
    }

    fn codecs(described: &[(u8, &str, u32)]) -> Arc<Codecs> {
        let described = described.iter().map(|(payload_type, name, clock_rate)| Codec {
            payload_type: *payload_type,
            name: (*name).into(),
            clock_rate: *clock_rate,
        });
        Arc::new(Codecs { described: described.collect(), srtp: false })
    }

    #[test]
    fn the_clock_comes_with_the_description() {
        let opus = |n: u16| (i64::from(n) * 20, Rtp { payload_type: 96, ..rtp(n, u32::from(n) * 960) });
        let mut stream = stream((0..10).map(opus));
        assert_eq!(stream.heard().jitter, None, "no clock is known");
        stream.set_codecs(codecs(&[(96, "opus", 48_000)]));
        assert_eq!(stream.heard().jitter, None, "nothing was measured by it");
        for n in 10..20 {
            let (millis, rtp) = opus(n);
            stream.on_rtp(at(millis + i64::from(n == 19)), &rtp, 46);
        }
        let heard = stream.heard();
        assert_eq!((heard.codec.as_deref(), heard.clock_rate), (Some("opus"), Some(48_000)));
        assert_eq!(heard.jitter_max, Some(Duration::from_nanos(62_500)));
        // Ten differences: that to the packet before the description counts.
        assert_eq!(heard.jitter, Some(Duration::from_nanos(62_500 / 10)));
        assert_eq!((heard.packets, heard.bytes, heard.dscp), (20, 3200, 46));
    }

    #[test]
    fn what_it_was_like() {
        let mut stream = stream((0..60).map(|n| (i64::from(n) * 20, rtp(n, u32::from(n) * 160))));
        for n in 60..70 {
            stream.on_rtp(at(i64::from(n) * 20), &Rtp { payload_type: 8, ..rtp(n, u32::from(n) * 160) }, 0);
        }
        // A clock that steps back, and three seconds without anything.
        stream.on_rtp(at(1350), &rtp(70, 70 * 160), 0);
        stream.on_rtp(at(4380), &rtp(71, 71 * 160), 0);
        let heard = stream.heard();
        assert_eq!((heard.payload_type, heard.codec.as_deref(), heard.dscp), (0, Some("PCMU"), 46));
        assert_eq!((heard.packets, heard.bytes, heard.largest_payload), (72, 72 * 160, 160));
        assert_eq!((heard.first, heard.last, heard.max_gap), (at(0), at(4380), Duration::from_secs(3)));
        assert!(!heard.silence_suppressed);
        assert_eq!(heard.quality, None, "too short to judge");
    }

    #[test]
    fn silence_that_the_sender_keeps() {
        let spoken = |range: std::ops::Range<u16>| range.map(|n| (i64::from(n) * 20, rtp(n, u32::from(n) * 160)));
        let after = |millis, timestamp, marker, payload_type| {
            spoken(0..5).chain([(millis, Rtp { marker, payload_type, ..rtp(5, timestamp) })])
        };
        let cases: &[(&str, Stream, bool)] = &[
            ("it speaks", stream(spoken(0..5)), false),
            ("a marker after a silence", stream(after(1100, 55 * 160, true, 0)), true),
            ("a marker without one", stream(after(100, 5 * 160, true, 0)), false),
            ("a marker and a leap of the timestamp", stream(after(100, 55 * 160, true, 0)), false),
            ("a stall", stream(after(1100, 5 * 160, false, 0)), false),
            ("comfort noise", stream(after(100, 5 * 160, false, 13)), true),
        ];
        for (name, stream, expected) in cases {
            assert_eq!(stream.heard().silence_suppressed, *expected, "{name}");
        }
    }

    #[test]
    fn digits() {
        /// Sequence number, timestamp, event, end bit and volume, duration.
        type Press = (u16, u32, u8, u8, u16);
        let one: &[Press] = &[(1, 160, 1, 10, 160), (2, 160, 1, 10, 320), (3, 160, 1, 0x8a, 480)];
        let again: &[Press] = &[(4, 160, 1, 0x8a, 480), (5, 160, 1, 0x8a, 480)];
        let same_key: &[Press] = &[(6, 4000, 1, 10, 160), (7, 4000, 1, 0x8a, 320)];
        let other: &[Press] = &[(8, 8000, 11, 10, 160), (9, 8000, 11, 0x8a, 320)];
        let long: &[Press] =
            &[(1, 160, 5, 10, 65_000), (2, 160, 5, 10, 65_535), (3, 65_695, 5, 10, 100), (4, 65_695, 5, 0x8a, 200)];
        let known = Some((101, "telephone-event", 8000));
        /// What the description says, what is pressed, the digits.
        type Case<'a> = (&'a str, Option<(u8, &'a str, u32)>, Vec<Press>, &'a str);
        let cases: &[Case<'_>] = &[
            ("once", known, one.to_vec(), "1"),
            ("its end three times", known, [one, again].concat(), "1"),
            ("twice and another", known, [one, again, same_key, other].concat(), "11#"),
            ("its end is lost", known, [&one[..2], other].concat(), "1#"),
            ("its beginning is lost", known, [&one[2..], other].concat(), "1#"),
            ("an end comes late", known, [&one[..2], &same_key[..1], &one[2..], &same_key[1..]].concat(), "11"),
            ("longer than a duration can say", known, long.to_vec(), "5"),
            (
                "star, letters, flash",
                known,
                vec![(1, 1, 10, 0, 1), (2, 9, 12, 0, 1), (3, 20, 15, 0, 1), (4, 40, 16, 0, 1)],
                "*AD!",
            ),
            ("no digit", known, vec![(1, 1, 36, 0, 1), (2, 1, 36, 0x80, 9)], ""),
            ("not described", None, [one, again, same_key, other].concat(), "11#"),
            ("not described and said once", None, one[..1].to_vec(), ""),
            ("not described and no event", None, vec![(1, 1, 40, 0, 1), (2, 1, 40, 0, 9)], ""),
            ("described as something else", Some((101, "opus", 48_000)), one.to_vec(), ""),
        ];
        for (name, described, presses, expected) in cases {
            let mut stream = stream([(0, rtp(0, 0))]);
            if let Some(described) = described {
                stream.set_codecs(codecs(&[*described]));
            }
            for (sequence, timestamp, event, flags, duration) in presses {
                let [high, low] = duration.to_be_bytes();
                let payload = [*event, *flags, high, low];
                let rtp = Rtp { payload_type: 101, payload: &payload, ..rtp(*sequence, *timestamp) };
                stream.on_rtp(at(i64::from(*sequence) * 20), &rtp, 46);
            }
            let heard = stream.heard();
            assert_eq!(heard.digits.iter().map(|digit| digit.digit).collect::<String>(), *expected, "{name}");
            if let Some(first) = heard.digits.first() {
                assert_eq!(first.at, at(i64::from(presses[0].0) * 20), "{name}: when it began");
            }
        }
    }

    #[test]
    fn events_are_no_jitter() {
        let mut stream = stream((0..10).map(|n| (i64::from(n) * 20, rtp(n, u32::from(n) * 160))));
        stream.set_codecs(codecs(&[(0, "PCMU", 8000), (101, "telephone-event", 8000)]));
        for n in 10..15 {
            let rtp = Rtp { payload_type: 101, payload: &[5, 10, 0, 160], ..rtp(n, 1600) };
            stream.on_rtp(at(i64::from(n) * 20), &rtp, 46);
        }
        for n in 15..25 {
            stream.on_rtp(at(i64::from(n) * 20), &rtp(n, u32::from(n) * 160), 46);
        }
        let heard = stream.heard();
        assert_eq!((heard.jitter, heard.jitter_max), (Some(Duration::ZERO), Some(Duration::ZERO)));
        assert_eq!((heard.packets, heard.payload_type, heard.lost), (25, 0, 0));
    }

    #[test]
    fn what_is_encrypted_is_not_read() {
        let mut stream = stream([(0, rtp(0, 0))]);
        let events = codecs(&[(101, "telephone-event", 8000)]);
        stream.set_codecs(Arc::new(Codecs { srtp: true, ..(*events).clone() }));
        for n in 1..5 {
            stream.on_rtp(at(20), &Rtp { payload_type: 101, payload: &[5, 10, 0, 160], ..rtp(n, 160) }, 46);
        }
        let heard = stream.heard();
        assert_eq!((heard.digits.len(), heard.srtp, heard.largest_payload), (0, true, 0));
    }

    #[test]
    fn round_trips_by_two_passings() {
        let report = |last_sr, delay| ReportBlock {
            fraction_lost: 64,
            lost: 5,
            jitter: 80,
            last_sr,
            delay,
            ..Default::default()
        };
        let mut stream = stream((0..10).map(|n| (i64::from(n) * 20, rtp(n, u32::from(n) * 160))));
        stream.on_sender_report(at(0), 0xaaaa_0000, 1);
        stream.on_report(at(10), &report(0, 0));
        stream.on_report(at(540), &report(0xaaaa_0000, 0x8000));
        stream.on_report(at(550), &report(0xbbbb_0000, 0x8000));
        stream.on_sender_report(at(1000), 0xbbbb_0000, 50);
        stream.on_report(at(1560), &ReportBlock { fraction_lost: 0, lost: 7, ..report(0xbbbb_0000, 0x8000) });
        stream.on_report(at(1600), &report(0xbbbb_0000, 0x1_0000));
        let rtcp = stream.heard().rtcp.unwrap();
        assert_eq!((rtcp.reports, rtcp.lost, rtcp.sent), (5, Some(5), Some(50)));
        assert_eq!(rtcp.worst_loss_percent, Some(25.0));
        assert_eq!((rtcp.jitter, rtcp.jitter_max), (Some(Duration::from_millis(10)), Some(Duration::from_millis(10))));
        assert_eq!(
            (rtcp.round_trip, rtcp.round_trip_max),
            (Some(Duration::from_millis(50)), Some(Duration::from_millis(60)))
        );
    }

    #[test]
    fn a_direction_in_two_streams() {
        let spoken = |from: i64, range: std::ops::Range<u16>, payload_type| {
            let packets = range
                .filter(|n| n % 10 != 5)
                .map(move |n| (from + i64::from(n) * 20, Rtp { payload_type, ..rtp(n, u32::from(n) * 160) }));
            stream(packets).heard()
        };
        let (one, other) = (spoken(0, 0..100, 0), spoken(5000, 0..200, 8));
        let whole = fold([&other, &one].into_iter()).unwrap();
        assert_eq!(counts(&whole), [270, 30, 30, 1, 0, 0]);
        assert_eq!((whole.payload_type, whole.codec.as_deref()), (8, Some("PCMA")));
        assert_eq!((whole.first, whole.last), (at(0), at(8980)));
        assert_eq!(whole.max_gap, Duration::from_millis(5000 - 1980));
        assert_eq!(whole.jitter, Some(Duration::ZERO));
        let quality = whole.quality.unwrap();
        // A tenth is lost, one by one: not as random loss would, but no worse.
        assert!((quality.r_factor - (93.2 - 95.0 * 10.0 / 35.1)).abs() < 0.05, "{quality:?}");
        assert!(fold([].into_iter()).is_none());
    }

    #[test]
    fn the_delay_takes_both_directions() {
        let spoken = || stream((0..200).map(|n| (i64::from(n) * 20, rtp(n, u32::from(n) * 160)))).heard();
        let with = |millis: Option<u64>| Heard {
            rtcp: millis
                .map(|millis| Reported { round_trip: Some(Duration::from_millis(millis)), ..Reported::default() }),
            ..spoken()
        };
        let voip = |millis| Heard {
            rtcp: Some(Reported {
                voip: Some(VoipMetrics { round_trip: Duration::from_millis(millis), ..VoipMetrics::default() }),
                ..Reported::default()
            }),
            ..spoken()
        };
        let cases: &[(&str, Heard, Heard, &str)] = &[
            ("neither", with(None), with(None), "delay not known and taken as 0"),
            ("one half is no whole", with(Some(300)), with(None), "delay not known and taken as 0"),
            ("both", with(Some(300)), with(Some(100)), "one-way delay 200 ms by RTCP"),
            ("the terminals say it", with(None), voip(500), "one-way delay 250 ms by RTCP"),
            ("the terminals do not know", with(None), voip(0), "delay not known and taken as 0"),
        ];
        for (name, one, other, basis) in cases {
            let (mut one, mut other) = (one.clone(), other.clone());
            judge_both(Some(&mut one), Some(&mut other));
            let (one, other) = (one.quality.unwrap(), other.quality.unwrap());
            assert!(one.basis.contains(basis) && one == other, "{name}: {}", one.basis);
        }
        judge_both(None, None);
    }

    #[test]
    fn a_stream_is_small() {
        assert!(size_of::<Stream>() <= 256, "{}", size_of::<Stream>());
    }

    /// What a set of numbers says of packets that came in this order.
    fn by_set(numbers: &[i64]) -> [u64; 6] {
        let (mut seen, mut late, mut again) = (BTreeSet::new(), 0, 0);
        for number in numbers {
            let behind = seen.last().is_some_and(|highest| number < highest);
            match seen.insert(*number) {
                false => again += 1,
                true => late += u64::from(behind),
            }
        }
        let gaps: Vec<u64> = seen
            .iter()
            .zip(seen.iter().skip(1))
            .map(|(one, next)| (next - one - 1) as u64)
            .filter(|gap| *gap > 0)
            .collect();
        let longest = gaps.iter().max().copied().unwrap_or(0);
        [seen.len() as u64, gaps.iter().sum(), gaps.len() as u64, longest, late, again]
    }

    proptest! {
        #[test]
        fn counts_like_a_set_of_numbers(
            start in any::<u16>(),
            // Of each packet: how many before it are lost, how many pass it, and after how many it comes again.
            packets in prop::collection::vec(
                (
                    prop_oneof![12 => Just(0_i64), 2 => 1..4_i64, 1 => 4..400_i64],
                    prop_oneof![8 => Just(0_i64), 2 => 1..8_i64, 1 => 8..120_i64],
                    prop_oneof![12 => Just(None), 1 => (0..120_i64).prop_map(Some)],
                ),
                1..600,
            ),
        ) {
            let mut number = i64::from(start);
            let mut sent = Vec::new();
            for (lost, passed, again) in packets {
                number += 1 + lost;
                sent.push((number + passed, number));
                if let Some(after) = again {
                    sent.push((number + after, number));
                }
            }
            sent.sort_by_key(|(key, _)| *key);
            let numbers: Vec<i64> = sent.into_iter().map(|(_, number)| number).collect();
            let heard = numbered(numbers.iter().map(|number| *number as u16));
            prop_assert_eq!(counts(&heard), by_set(&numbers));
        }

        #[test]
        fn bears_anything(
            packets in prop::collection::vec(
                (any::<i64>(), any::<[u16; 2]>(), any::<u32>(), any::<bool>(), any::<[u8; 4]>(), 0..128_u8),
                1..200,
            ),
            rates in prop::collection::vec((0..128_u8, any::<u32>(), any::<bool>()), 0..4),
        ) {
            let mut stream = None;
            let described = rates.into_iter().map(|(payload_type, clock_rate, event)| {
                Codec { payload_type, name: if event { "telephone-event" } else { "x" }.into(), clock_rate }
            });
            let codecs = Arc::new(Codecs { described: described.collect(), srtp: false });
            let count = packets.len();
            for (nanos, [sequence, near], timestamp, marker, payload, payload_type) in packets {
                let sequence = if marker { sequence } else { near % 512 };
                let rtp = Rtp { marker, payload_type, sequence, timestamp, ssrc: 0, payload: &payload };
                let at = Timestamp::from_nanos(nanos);
                let stream = stream.get_or_insert_with(|| Stream::new(at, Place::default(), &rtp, 0));
                stream.on_rtp(at, &rtp, payload[0] & 63);
                stream.on_sender_report(at, timestamp, 1);
                stream.on_report(at, &ReportBlock { last_sr: timestamp, delay: near.into(), ..Default::default() });
                if near % 16 == 0 {
                    stream.set_codecs(codecs.clone());
                }
            }
            let heard = stream.unwrap().heard();
            prop_assert!(heard.packets + heard.duplicates == count as u64 + 1);
            prop_assert!(heard.longest_burst <= heard.lost && heard.loss_bursts <= heard.lost);
        }
    }
}

//! Which stream of RTP belongs to which call: by the addresses that its session descriptions announce (RFC 3264), and
//! by what follows from those. Knows no SIP and no rule of a call beyond who wrote a description; what a stream was
//! like is for `stream` to know.
//!
//! Never guessed: a stream that nothing ties to a call stays without one, however well it would fit.

mod announce;
mod recent;
mod report;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use announce::{Alike, Announcement};
pub(super) use announce::{OfCall, Said};
use recent::Recent;
pub(super) use verdict::Told;

use smallvec::SmallVec;

use super::fact::{BoundBy, Side, StreamFact};
use super::stream::{Codecs, Stream};
use super::table::Table;
use super::transaction::Digest;
use crate::event::Event;
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::media::Media as Packet;
use crate::wire::rtp::Rtp;

/// Streams that are followed at once; what would be one more is left out and counted.
const MOST_STREAMS: usize = 1_000_000;
/// Streams of one call; a source that changes its SSRC with every packet is no stream.
const MOST_OF_CALL: usize = 256;
/// Streams of which one packet has come, to where nobody announced any; the oldest makes room.
const MOST_TRIALS: usize = 4096;
/// A stream of no call is told after so long without a packet.
const IDLE: Duration = Duration::from_secs(300);
/// How often idle streams are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// A stream of no call asks again at most this often whether somebody announced it by now.
const ASKS: Duration = Duration::from_millis(100);
/// Media may be captured this long before the description that announces it: in merged captures, or where the
/// description came over TCP and had to wait for a segment.
const EARLY: Duration = Duration::from_secs(5);
/// A source that paused for longer, on a port that was announced anew, is that of the new call.
const PAUSE: Duration = Duration::from_secs(1);
/// Sequence numbers that a straggler may be ahead of the one before it.
const STRAGGLES: u16 = 100;
/// Two calls that announce both ends of a stream, one of them within this time, are legs of one: later the ends are used
/// again.
const TOGETHER: Duration = Duration::from_secs(2);

/// No call.
const NONE: u32 = u32::MAX;

/// All streams that are followed, and where calls expect some.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Media {
    digest: Digest,
    /// Media were seen. Before, descriptions are only kept: most captures of signalling hold no media at all.
    awake: bool,
    /// By digest of addresses and source.
    index: Table<u32>,
    /// By digest of addresses: the newest stream there.
    flows: Table<u32>,
    /// By digest of the source: its newest stream.
    sources: Table<u32>,
    streams: Vec<Option<Live>>,
    free: Vec<u32>,
    serial: u32,
    trials: VecDeque<(u32, u32)>,
    /// By slot of the call.
    calls: Vec<Option<Box<OfCall>>>,
    /// By digest of an address: who wants to receive there.
    endpoints: Table<SmallVec<[Announcement; 1]>>,
    /// Counts what may tie a stream to a call that nothing tied to one before.
    epoch: u32,
    swept: Option<Timestamp>,
    /// When that is due again, as far as it was worked out: each packet asks.
    #[serde(skip)]
    sweep: Option<Timestamp>,
    #[serde(skip)]
    recent: Recent,
    #[serde(skip)]
    alike: Alike,
    #[serde(skip)]
    files: Vec<FileMedia>,
    #[serde(skip)]
    left_out: LeftOut,
}

/// What one capture held of media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileMedia {
    /// RTP packets, of known calls or not.
    pub rtp: u64,
    /// Datagrams of RTCP.
    pub rtcp: u64,
}

/// Packets of streams that were too many to be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub packets: u64,
    /// The first of them.
    pub first: Place,
}

/// A stream that is followed.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Live {
    stream: Stream,
    /// Nothing about it is open.
    settled: bool,
    /// Whether it is a stream at all shows only with its second packet (RFC 3550 A.1).
    trial: bool,
    /// Another call announced its receiver since.
    contested: bool,
    from: Side,
    bound_by: BoundBy,
    /// Of its first packet.
    payload_type: u8,
    /// Which of the media descriptions of its receiver's description it goes by.
    section: u8,
    /// Index of its receiver's description among those of the call, where it is known.
    description: Option<u16>,
    /// The same of the description that shows on which hop it was seen.
    hop: Option<u16>,
    /// Slot of its call.
    call: u32,
    serial: u32,
    src: SocketAddr,
    dst: SocketAddr,
    /// When it was asked last whether somebody announced it.
    asked: (u32, Timestamp),
    /// Slots of other legs of that call, which announced the very same addresses.
    shared: Vec<u32>,
}

/// What ties a stream to a call.
#[derive(Debug)]
struct Binding {
    call: u32,
    from: Side,
    by: BoundBy,
    section: u8,
    description: Option<u16>,
    hop: Option<u16>,
    shared: Vec<u32>,
}

/// Whether a call is over, by its slot.
type IsOver<'o> = &'o dyn Fn(usize) -> bool;

impl Media {
    #[inline]
    fn key(&self, src: SocketAddr, dst: SocketAddr, ssrc: u32) -> u64 {
        match recent::name_of(src, dst, ssrc) {
            Some(name) => self.digest.of(name),
            None => self.digest.of((src, dst, ssrc)),
        }
    }

    /// What an address is known by.
    fn address_key(&self, address: SocketAddr) -> u64 {
        match address {
            SocketAddr::V4(address) => {
                self.digest.of(u64::from(address.ip().to_bits()) << 16 | u64::from(address.port()))
            }
            SocketAddr::V6(_) => self.digest.of(address),
        }
    }

    /// Who wants to receive at an address, the latest last.
    fn announced(&self, address: SocketAddr) -> &[Announcement] {
        self.endpoints.get(&self.address_key(address)).map_or(&[], SmallVec::as_slice)
    }

    /// A packet that may be one more of a stream about which nothing is open; `false` where it is not, and must go through
    /// [`on_rtp`](Self::on_rtp).
    #[inline(always)] // As `Tracker::feed_known`.
    pub(super) fn on_known(&mut self, at: Timestamp, file: u32, packet: &Packet<'_>) -> bool {
        let name = recent::name(packet);
        let Some(index) = self.recent.get(name).or_else(|| self.recall(name)) else { return false };
        match self.streams.get_mut(index) {
            // Settled, or it would not be remembered: to look would touch more of it than the packet does.
            Some(Some(live)) => live.stream.on_rtp(at, &packet.rtp, packet.dscp),
            _ => return false,
        }
        self.count(file, 1);
        true
    }

    /// Looks for a stream that no packet came of lately.
    #[inline(never)]
    fn recall(&mut self, name: (u64, u64)) -> Option<usize> {
        let index = *self.index.get(&self.digest.of(name))?;
        self.live(index).filter(|live| live.settled)?;
        self.recent.remember(name, index);
        Some(index as usize)
    }

    /// A packet that has the shape of RTP. `is_over` says of a call whether it ended.
    #[inline]
    pub(super) fn on_rtp(&mut self, event: &Event<'_>, rtp: &Rtp<'_>, dscp: u8, is_over: IsOver<'_>) {
        let key = self.key(event.path.src, event.path.dst, rtp.ssrc);
        let known = self.index.get(&key).copied();
        if let Some(index) = known
            && let Some(Some(live)) = self.streams.get_mut(index as usize)
            && live.settled
        {
            live.stream.on_rtp(event.at, rtp, dscp);
            self.count(event.place.file, 1);
            return;
        }
        self.on_unsettled(key, known, event, rtp, dscp, is_over);
    }

    #[inline]
    fn count(&mut self, file: u32, packets: u64) {
        match self.files.get_mut(file as usize) {
            Some(of) => of.rtp += packets,
            None => self.of_file_mut(file).rtp += packets,
        }
    }

    #[cold]
    fn of_file_mut(&mut self, file: u32) -> &mut FileMedia {
        let index = file as usize;
        if self.files.len() <= index {
            self.files.resize(index + 1, FileMedia::default());
        }
        &mut self.files[index]
    }

    /// What the capture of this index held.
    pub(super) fn of_file(&self, file: u32) -> FileMedia {
        self.files.get(file as usize).copied().unwrap_or_default()
    }

    /// What was too much to be followed since this was last asked.
    pub(super) fn take_left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }

    fn live(&self, index: u32) -> Option<&Live> {
        self.streams.get(index as usize)?.as_ref()
    }

    fn live_mut(&mut self, index: u32) -> Option<&mut Live> {
        self.streams.get_mut(index as usize)?.as_mut()
    }

    fn of_call(&self, slot: u32) -> Option<&OfCall> {
        self.calls.get(slot as usize)?.as_deref()
    }

    /// A packet of a stream that is new, of no call, or on a port that was announced anew.
    #[inline(never)]
    fn on_unsettled(
        &mut self,
        key: u64,
        known: Option<u32>,
        event: &Event<'_>,
        rtp: &Rtp<'_>,
        dscp: u8,
        is_over: IsOver<'_>,
    ) {
        let (at, place) = (event.at, event.place);
        if let Some(index) = known
            && let Some(live) = self.live_mut(index)
        {
            if live.contested {
                let ahead = rtp.sequence.wrapping_sub(live.stream.next_sequence());
                let behind = live.stream.next_sequence().wrapping_sub(rtp.sequence);
                if at.since(live.stream.last()) < PAUSE && ahead.min(behind) <= STRAGGLES {
                    live.stream.on_rtp(at, rtp, dscp);
                    return self.count(place.file, 1);
                }
                // It begins anew, for the call that announced the port since. What came before stays where it is.
                live.settled = true;
            } else {
                return self.on_stray(index, event, rtp, dscp, is_over);
            }
        }
        self.wake();
        let Some(index) = self.open(key, event, rtp, dscp) else {
            if self.left_out.packets == 0 {
                self.left_out.first = place;
            }
            self.left_out.packets += 1;
            return;
        };
        if !self.bind(index, at, is_over) {
            self.trials.push_back((index, self.serial));
            if self.trials.len() > MOST_TRIALS
                && let Some((index, serial)) = self.trials.pop_front()
                && self.live(index).is_some_and(|live| live.serial == serial && live.trial)
            {
                self.remove(index);
            }
        }
    }

    /// Another packet of a stream of no call.
    fn on_stray(&mut self, index: u32, event: &Event<'_>, rtp: &Rtp<'_>, dscp: u8, is_over: IsOver<'_>) {
        let (at, place, epoch) = (event.at, event.place, self.epoch);
        let Some(live) = self.live_mut(index) else { return };
        let trial = live.trial;
        if trial && rtp.sequence != live.stream.next_sequence() {
            live.stream = Stream::new(at, place, rtp, dscp);
        } else {
            live.stream.on_rtp(at, rtp, dscp);
            live.trial = false;
            let first = live.stream.place();
            if trial {
                self.count(first.file, 1);
            }
            self.count(place.file, 1);
            if trial {
                self.enlist(index);
            }
        }
        let Some(live) = self.live(index) else { return };
        if !live.settled && (trial || (live.asked.0 != epoch && at.since(live.asked.1) >= ASKS)) {
            self.bind(index, at, is_over);
        }
    }

    /// Whether media were seen.
    pub(super) const fn is_awake(&self) -> bool {
        self.awake
    }

    /// A call is packed: what it was described with goes with it, unless media may ask for that. `None`: it has media, and
    /// is not to be packed.
    pub(super) fn leave(&mut self, slot: usize) -> Option<Option<Box<OfCall>>> {
        match self.calls.get_mut(slot) {
            Some(Some(call)) if !call.streams.is_empty() || call.rtcp.is_some() => None,
            Some(call) if !self.awake => Some(call.take()),
            _ => Some(None),
        }
    }

    /// It is unpacked.
    pub(super) fn come_back(&mut self, slot: usize, described: Option<Box<OfCall>>) {
        if let (Some(place), Some(_)) = (self.calls.get_mut(slot), &described) {
            *place = described;
        }
    }

    /// The first media of all: from here on descriptions are read.
    fn wake(&mut self) {
        if self.awake {
            return;
        }
        self.awake = true;
        for slot in 0..self.calls.len() {
            self.announce_all(u32::try_from(slot).unwrap_or(NONE));
        }
    }

    /// Begins to follow a stream; `None` where there are too many.
    fn open(&mut self, key: u64, event: &Event<'_>, rtp: &Rtp<'_>, dscp: u8) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.streams.len() >= MOST_STREAMS => return None,
            None => {
                self.streams.push(None);
                u32::try_from(self.streams.len() - 1).ok()?
            }
        };
        self.serial = self.serial.wrapping_add(1);
        let live = Live {
            stream: Stream::new(event.at, event.place, rtp, dscp),
            settled: false,
            trial: true,
            contested: false,
            from: Side::Caller,
            bound_by: BoundBy::Announced,
            payload_type: rtp.payload_type,
            section: 0,
            description: None,
            hop: None,
            call: NONE,
            serial: self.serial,
            src: event.path.src,
            dst: event.path.dst,
            asked: (self.epoch, event.at),
            shared: Vec::new(),
        };
        if let Some(free) = self.streams.get_mut(index as usize) {
            *free = Some(live);
        }
        self.index.insert(key, index);
        self.recent.forget(recent::name_of(event.path.src, event.path.dst, rtp.ssrc));
        Some(index)
    }

    /// From here on it is found by its addresses and by its source.
    fn enlist(&mut self, index: u32) {
        let Some(live) = self.live(index) else { return };
        let (flow, source) = (self.key(live.src, live.dst, 0), self.digest.of(live.stream.ssrc()));
        self.flows.insert(flow, index);
        self.sources.insert(source, index);
    }

    fn remove(&mut self, index: u32) {
        let Some(live) = self.streams.get_mut(index as usize).and_then(Option::take) else { return };
        self.free.push(index);
        self.recent.forget(recent::name_of(live.src, live.dst, live.stream.ssrc()));
        let (key, flow) = (self.key(live.src, live.dst, live.stream.ssrc()), self.key(live.src, live.dst, 0));
        let source = self.digest.of(live.stream.ssrc());
        for (table, key) in [(&mut self.index, key), (&mut self.flows, flow), (&mut self.sources, source)] {
            if table.get(&key) == Some(&index) {
                table.remove(&key);
            }
        }
    }

    /// Ties a stream to its call if anything does. Returns whether that is so, or it is gone.
    fn bind(&mut self, index: u32, at: Timestamp, is_over: IsOver<'_>) -> bool {
        let epoch = self.epoch;
        let Some(live) = self.live_mut(index) else { return true };
        live.asked = (epoch, at);
        let Some(live) = self.live(index) else { return true };
        let Some(binding) = self.binding(live, is_over) else { return false };
        let full = |of: Option<&OfCall>| of.is_some_and(|of| of.streams.len() >= MOST_OF_CALL);
        if full(self.of_call(binding.call)) {
            let place = live.stream.place();
            self.left_out.first = if self.left_out.packets == 0 { place } else { self.left_out.first };
            self.left_out.packets += 1;
            self.remove(index);
            return true;
        }
        let Some(live) = self.live_mut(index) else { return true };
        let (trial, first) = (std::mem::take(&mut live.trial), live.stream.place());
        live.settled = true;
        (live.call, live.from, live.bound_by) = (binding.call, binding.from, binding.by);
        (live.section, live.description, live.hop) = (binding.section, binding.description, binding.hop);
        live.shared.clone_from(&binding.shared);
        for slot in binding.shared.iter().chain([&binding.call]) {
            if let Some(Some(call)) = self.calls.get_mut(*slot as usize) {
                call.streams.push(index);
            }
        }
        if trial {
            self.count(first.file, 1);
            self.enlist(index);
        }
        self.refine(index);
        self.describe(index);
        self.epoch = self.epoch.wrapping_add(1);
        true
    }

    /// What ties a stream to a call, the surest first.
    fn binding(&self, live: &Live, is_over: IsOver<'_>) -> Option<Binding> {
        self.by_receiver(live, is_over)
            .or_else(|| self.by_flow(live))
            .or_else(|| self.by_sender(live, is_over))
            .or_else(|| self.by_source(live))
    }

    /// It goes to where somebody wants to receive. Of several calls the one that goes on, then the one whose other side
    /// sends from there, then the one that said so last.
    fn by_receiver(&self, live: &Live, is_over: IsOver<'_>) -> Option<Binding> {
        let announced = self.announced(live.dst);
        let from_there = |of: &Announcement| self.announces(live.src, of.call, of.side.other());
        let fits = |of: &&Announcement| !of.rtcp && self.is_in_time(live, of);
        let rank = |(index, of): &(usize, &Announcement)| (!is_over(of.call as usize), from_there(of), *index);
        let (_, best) = announced.iter().enumerate().filter(|(_, of)| fits(of)).max_by_key(rank)?;
        let also = |of: &&Announcement| {
            of.call != best.call
                && !is_over(of.call as usize)
                && from_there(of)
                && from_there(best)
                && (apart(of.first, best.first) <= TOGETHER
                    || self.announced_together(live.src, best.side.other(), of.call, best.call))
        };
        let mut shared: Vec<u32> = announced.iter().filter(fits).filter(also).map(|of| of.call).collect();
        shared.sort_unstable();
        shared.dedup();
        Some(Binding {
            call: best.call,
            from: best.side.other(),
            by: BoundBy::Announced,
            section: best.section,
            description: Some(best.description),
            hop: Some(best.description),
            shared,
        })
    }

    /// Whether two calls announced an address at one time.
    fn announced_together(&self, address: SocketAddr, side: Side, one: u32, two: u32) -> bool {
        let announced = self.announced(address);
        let by = |call| announced.iter().find(|of| (of.call, of.side) == (call, side) && !of.rtcp);
        by(one).zip(by(two)).is_some_and(|(one, two)| apart(one.first, two.first) <= TOGETHER)
    }

    /// Whether this call, by this side, announced an address.
    fn announces(&self, address: SocketAddr, call: u32, side: Side) -> bool {
        let by = |of: &Announcement| (of.call, of.side) == (call, side) && !of.rtcp;
        self.announced(address).iter().any(by)
    }

    /// Whether a stream is not too old for what was announced after it began. A call joined late says again what held
    /// before: there it is enough that the stream still flowed.
    fn is_in_time(&self, live: &Live, of: &Announcement) -> bool {
        let began = if of.late { live.stream.last() } else { live.stream.first() };
        of.first.since(began) <= EARLY
    }

    /// It answers a stream of a call (RFC 4961).
    fn by_flow(&self, live: &Live) -> Option<Binding> {
        let back = self.live(*self.flows.get(&self.key(live.dst, live.src, 0))?)?;
        (back.call != NONE).then(|| Binding {
            call: back.call,
            from: back.from.other(),
            by: BoundBy::Symmetric,
            section: back.section,
            description: None,
            hop: back.hop,
            shared: back.shared.clone(),
        })
    }

    /// It comes from where somebody wants to receive (RFC 4961): its receiver stands behind a NAT.
    fn by_sender(&self, live: &Live, is_over: IsOver<'_>) -> Option<Binding> {
        let fits = |of: &&Announcement| !of.rtcp && !is_over(of.call as usize) && self.is_in_time(live, of);
        let best = self.announced(live.src).iter().rfind(fits)?;
        Some(Binding {
            call: best.call,
            from: best.side,
            by: BoundBy::Symmetric,
            section: best.section,
            description: None,
            hop: Some(best.description),
            shared: Vec::new(),
        })
    }

    /// Its source goes on from a stream of the call, on one of its two sides.
    fn by_source(&self, live: &Live) -> Option<Binding> {
        let before = self.live(*self.sources.get(&self.digest.of(live.stream.ssrc()))?)?;
        let next = live.stream.next_sequence().wrapping_sub(before.stream.next_sequence());
        let goes_on = live.stream.first().since(before.stream.last()) <= EARLY
            && before.stream.last() <= live.stream.first()
            && next < STRAGGLES;
        let one_side = before.src.ip() == live.src.ip() || before.dst.ip() == live.dst.ip();
        (before.call != NONE && goes_on && one_side).then(|| Binding {
            call: before.call,
            from: before.from,
            by: BoundBy::Source,
            section: before.section,
            description: before.description,
            hop: before.hop,
            shared: before.shared.clone(),
        })
    }

    /// Of several media on one address and port (RFC 9143) it is one that has its payload type.
    fn refine(&mut self, index: u32) {
        let Some(live) = self.live(index) else { return };
        let Some(call) = self.of_call(live.call) else { return };
        let of = match live.description.or(live.hop) {
            Some(description) => call.descriptions.get(usize::from(description)),
            None => call.latest(live.from.other()),
        };
        let Some(section) = of.and_then(|of| of.section_for(live.section, live.payload_type)) else { return };
        if let Some(live) = self.live_mut(index) {
            live.section = section;
        }
    }

    /// Tells a stream what its payload types stand for: what its receiver said (RFC 3264 5.1), else its sender.
    fn describe(&mut self, index: u32) {
        let Some(codecs) = self.live(index).and_then(|live| self.codecs(live)) else { return };
        let codecs = self.alike.of(codecs);
        if let Some(live) = self.live_mut(index) {
            live.stream.set_codecs(codecs);
        }
    }

    fn codecs(&self, live: &Live) -> Option<Arc<Codecs>> {
        let call = self.of_call(live.call)?;
        let receiver = match live.description {
            Some(index) => call.descriptions.get(usize::from(index)),
            None => call.latest(live.from.other()),
        };
        let section =
            |of: &announce::Description| of.sections().get(usize::from(live.section)).map(|of| Arc::clone(&of.codecs));
        let (receives, sends) = (receiver.and_then(section), call.latest(live.from).and_then(section));
        let (receives, sends) = match (receives, sends) {
            (Some(receives), Some(sends)) => (receives, sends),
            (one, other) => return one.or(other),
        };
        let known = |payload_type: u8| receives.described.iter().any(|codec| codec.payload_type == payload_type);
        let srtp = receives.srtp && sends.srtp;
        if srtp == receives.srtp && sends.described.iter().all(|codec| known(codec.payload_type)) {
            return Some(receives);
        }
        let more = sends.described.iter().filter(|codec| !known(codec.payload_type));
        let described = receives.described.iter().chain(more).cloned().collect();
        Some(Arc::new(Codecs { described, srtp }))
    }

    /// The latest sign of media of a call.
    pub(super) fn last_of(&self, slot: usize) -> Option<Timestamp> {
        let call = self.calls.get(slot)?.as_deref()?;
        let streams = call.streams.iter().filter_map(|index| self.live(*index)).map(|live| live.stream.last());
        streams.chain(call.rtcp).max()
    }

    /// When idle streams are to be looked for next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.sweep.or_else(|| self.swept.map(|at| at.after(SWEEP))).filter(|_| !self.index.is_empty())
    }

    /// Whether idle streams are to be looked for by now.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.index.is_empty() && self.swept.is_none_or(|swept| now >= swept.after(SWEEP))
    }

    /// Lets time pass. Returns the streams of no call that nothing was heard of for long.
    pub(super) fn advance(&mut self, now: Timestamp, is_over: IsOver<'_>) -> Vec<StreamFact> {
        if self.index.is_empty() {
            return Vec::new();
        }
        let swept = *self.swept.get_or_insert(now);
        self.sweep = Some(swept.after(SWEEP));
        if swept > now || now.since(swept) < SWEEP {
            return Vec::new();
        }
        (self.swept, self.sweep) = (Some(now), Some(now.after(SWEEP)));
        self.strays(|live| now.since(live.stream.last()) >= IDLE, is_over)
    }

    /// The captures end: the streams of no call. Those of calls are told with these.
    pub(super) fn finish(&mut self) -> Vec<StreamFact> {
        self.strays(|_| true, &|_| true)
    }

    /// Ties what is still without a call to one, before all of them are told.
    pub(super) fn settle(&mut self, is_over: IsOver<'_>) {
        if self.index.is_empty() {
            return;
        }
        for index in 0..self.streams.len() {
            let index = u32::try_from(index).unwrap_or(NONE);
            if let Some(last) = self.live(index).filter(|live| !live.settled).map(|live| live.stream.last()) {
                self.bind(index, last, is_over);
            }
        }
    }

    /// Takes out the streams of no call that `are_told`.
    fn strays(&mut self, are_told: impl Fn(&Live) -> bool, is_over: IsOver<'_>) -> Vec<StreamFact> {
        let mut facts = Vec::new();
        for index in 0..self.streams.len() {
            let index = u32::try_from(index).unwrap_or(NONE);
            let Some(live) = self.live(index).filter(|live| !live.settled && live.call == NONE && are_told(live))
            else {
                continue;
            };
            let (trial, last) = (live.trial, live.stream.last());
            if self.bind(index, last, is_over) {
                continue;
            }
            if let Some(live) = self.live(index).filter(|_| !trial) {
                facts.push(live.fact(None, None));
            }
            self.remove(index);
        }
        facts.sort_by_key(|fact| (fact.heard.first, fact.place));
        facts
    }
}

impl Live {
    fn fact(&self, call_id: Option<&str>, kind: Option<&str>) -> StreamFact {
        let bound = self.call != NONE;
        StreamFact {
            call_id: call_id.map(Into::into),
            from: bound.then_some(self.from),
            bound_by: bound.then_some(self.bound_by),
            kind: kind.map(Into::into),
            src: self.src,
            dst: self.dst,
            place: self.stream.place(),
            heard: self.stream.heard(),
        }
    }
}

/// The time between two moments, whichever was first.
fn apart(one: Timestamp, two: Timestamp) -> Duration {
    one.since(two).max(two.since(one))
}

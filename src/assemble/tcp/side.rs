//! One direction of a connection: what of its bytes is next, what is held until it is, and what will never come.
//! Knows the other direction only by what that acknowledges.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_DISTANCE, Means};
use crate::assemble::decrypt::{Layer, Opened};
use crate::assemble::sealed::Unopened;
use crate::assemble::split::{Inside, Said, Stamp, Stream};
use crate::issue::{Cause, Issues};
use crate::time::Timestamp;

/// Bytes held out of order per direction.
pub(super) const MAX_HELD: usize = 1 << 20;
/// Pieces held out of order per direction.
pub(super) const MAX_PIECES: usize = 1024;

/// Bytes that the receiver acknowledged but the capture has not: they may still be a few packets behind ...
const LATE_PACKETS: u32 = 16;
/// ... or that long, in capture time.
const LATE: Duration = Duration::from_millis(500);
/// Where no acknowledgement is seen, a sender would long have sent them again.
const LATE_UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// One direction.
#[derive(Debug, Serialize, Deserialize)]
#[repr(C)] // As `Connection`.
pub(super) struct Side {
    /// The sequence number of the next byte in order; `None` before the first one.
    pub(super) next: Option<u32>,
    /// The sequence number of the FIN.
    pub(super) fin: Option<u32>,
    /// How far the other side acknowledged.
    pub(super) acked: Option<u32>,
    /// Nothing is held, and no more acknowledged than was seen.
    #[serde(skip)]
    pub(super) orderly: bool,
    pub(super) stream: Stream,
    /// The sequence number of the SYN.
    pub(super) isn: Option<u32>,
    /// Since when, and for how many packets, more is acknowledged than was seen.
    pub(super) overtaken: Option<(Timestamp, u32)>,
    /// What came out of order: by sequence number, not overlapping.
    pub(super) held: Vec<Piece>,
    #[serde(skip)]
    pub(super) held_bytes: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) seq: u32,
    pub(super) data: Box<[u8]>,
    pub(super) stamp: Stamp,
}

impl Piece {
    pub(super) fn end(&self) -> u32 {
        self.seq.wrapping_add(len32(&self.data))
    }
}

/// Where a message of one side goes: with the account of what was missing on the way.
pub(super) struct Out<'o, E> {
    pub(super) issues: &'o mut Issues,
    /// Whether this connection speaks SIP, so that what is missing is a loss.
    pub(super) spoke: bool,
    pub(super) tls: &'o mut Layer,
    pub(super) means: &'o mut Means,
    /// The side whose bytes these are.
    pub(super) from: usize,
    pub(super) emit: E,
}

impl Side {
    pub(super) fn new() -> Self {
        Self {
            next: None,
            isn: None,
            fin: None,
            acked: None,
            overtaken: None,
            held: Vec::new(),
            held_bytes: 0,
            orderly: true,
            stream: Stream::joined(),
        }
    }

    /// Whether the stream goes on elsewhere with this segment: it is so far from where the stream is that it belongs to
    /// another connection, whose SYN was not captured; or of this one nothing is kept, so that order is nothing.
    pub(super) fn leaps(&self, seq: u32) -> bool {
        let Some(next) = self.next else { return false };
        let (ahead, behind) = (seq.wrapping_sub(next), next.wrapping_sub(seq));
        ahead.min(behind) > MAX_DISTANCE || (ahead != 0 && ahead <= MAX_DISTANCE && self.stream.is_ignored())
    }

    /// Whether more than `next` is acknowledged.
    pub(super) fn is_overtaken(&self, next: u32) -> bool {
        self.acked.is_some_and(|acked| (1..MAX_DISTANCE).contains(&acked.wrapping_sub(next)))
    }

    pub(super) fn data(
        &mut self,
        seq: u32,
        mut payload: &[u8],
        missing: usize,
        stamp: Stamp,
        out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>,
    ) {
        let mut next = *self.next.get_or_insert(seq);
        let (ahead, behind) = (seq.wrapping_sub(next), next.wrapping_sub(seq));
        if self.leaps(seq) {
            if !self.stream.is_ignored() {
                self.flush_and_restart(out);
            } else if ahead.min(behind) > MAX_DISTANCE {
                *out.tls = Layer::default();
            } else {
                out.tls.gap(out.from);
            }
            next = seq;
        } else if ahead > behind {
            // Some of it came before. What comes again was delivered then, whatever it says now.
            match payload.get(behind as usize..) {
                Some(new) if !new.is_empty() => payload = new,
                _ => return,
            }
        } else if ahead > 0 {
            self.hold(seq, payload, stamp);
            while self.held_bytes > MAX_HELD || self.held.len() > MAX_PIECES {
                self.give_up_gap(out);
            }
            self.watch(stamp, out);
            return;
        }
        self.next = Some(next);
        loop {
            let room = self.held.first().map_or(payload.len(), |piece| piece.seq.wrapping_sub(next) as usize);
            let (now, later) = payload.split_at_checked(room).unwrap_or((payload, &[]));
            self.read(now, stamp, out);
            next = next.wrapping_add(len32(now));
            self.next = Some(next);
            let drained = self.drain(Some(stamp), out);
            next = next.wrapping_add(drained);
            match later.get(drained as usize..) {
                Some(rest) if !rest.is_empty() => payload = rest,
                _ => break,
            }
        }
        if self.stream.is_ignored() {
            self.let_go();
        }
        if missing > 0 && self.held.is_empty() {
            if out.spoke || self.stream.spoke() {
                out.issues.add(stamp.place, Cause::CutShort, missing as u64);
            }
            self.stream.interrupt(&mut out.emit);
            out.tls.gap(out.from);
            self.next = Some(next.wrapping_add(u32::try_from(missing).unwrap_or(0)));
        }
        self.watch(stamp, out);
    }

    /// Accounts for what the stream could not read.
    pub(super) fn tell_unread(&mut self, stamp: Stamp, issues: &mut Issues) {
        while let Some((name, bytes)) = self.stream.take_unread() {
            issues.add(stamp.place, Cause::NotDecoded(name), bytes);
        }
    }

    /// Accounts for bytes that turned out to be another protocol's, and whose other direction then is so too.
    pub(super) fn tell_foreign(
        &self,
        other: &mut Self,
        bytes: usize,
        stamp: Stamp,
        unopened: &mut Unopened,
        issues: &mut Issues,
    ) {
        let Some(name) = self.stream.foreign() else { return };
        if other.stream.foreign().is_none() && !other.stream.spoke() {
            other.let_go();
            other.stream.turn_foreign(name);
        }
        match name {
            Some("TLS") => unopened.add(stamp.place, bytes),
            Some(name) => issues.add(stamp.place, Cause::NotDecoded(name), bytes as u64),
            None => {}
        }
    }

    /// Bytes kept.
    pub(super) fn weight(&self) -> usize {
        self.held_bytes + self.stream.buffered()
    }

    /// Takes the next bytes in order, out of TLS where there is any.
    fn read(&mut self, bytes: &[u8], stamp: Stamp, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        // Another protocol, in the open or inside TLS: nothing of it will be read.
        if self.stream.foreign().is_some() {
            return;
        }
        match out.tls.open(out.from, bytes, &out.means.secrets) {
            Opened::AsIs(bytes) => self.stream.data(&bytes, stamp, &mut out.means.spare, &mut out.emit),
            Opened::Plain(bytes) if bytes.is_empty() => {}
            Opened::Plain(bytes) => self.stream.data(&bytes, stamp, &mut out.means.spare, &mut out.emit),
            Opened::Sealed(what) => self.stream.turn_foreign(Some(what)),
            Opened::Lost => {
                if out.spoke {
                    out.issues.add(stamp.place, Cause::NotDecoded("TLS record"), bytes.len() as u64);
                }
            }
        }
    }

    /// The other side has everything up to `ack`.
    pub(super) fn acknowledge(
        &mut self,
        ack: u32,
        stamp: Stamp,
        out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>,
    ) {
        self.acked = Some(self.acknowledged(ack));
        self.watch(stamp, out);
    }

    /// How far is acknowledged with `ack`, which may be older than what was acknowledged before.
    pub(super) fn acknowledged(&self, ack: u32) -> u32 {
        self.acked.filter(|acked| ack.wrapping_sub(*acked) >= MAX_DISTANCE).unwrap_or(ack)
    }

    /// Gives a gap up once nothing can be expected to fill it.
    fn watch(&mut self, stamp: Stamp, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        let Some(next) = self.next else { return };
        self.overtaken = match self.overtaken {
            _ if !self.is_overtaken(next) => None,
            Some((since, packets)) => Some((since, packets.saturating_add(1))),
            None => Some((stamp.at, 0)),
        };
        while let (Some(piece), Some(next)) = (self.held.first(), self.next) {
            let gap_is_acked = self.acked.is_some_and(|acked| {
                let acked = acked.wrapping_sub(next);
                acked < MAX_DISTANCE && acked >= piece.seq.wrapping_sub(next)
            });
            let late =
                self.overtaken.is_some_and(|(since, packets)| packets >= LATE_PACKETS || stamp.at.since(since) >= LATE);
            if (gap_is_acked && late) || stamp.at.since(piece.stamp.at) >= LATE_UNACKNOWLEDGED {
                self.give_up_gap(out);
            } else {
                break;
            }
        }
        self.orderly = self.held.is_empty() && self.overtaken.is_none();
    }

    /// Keeps what came ahead of its time; bytes that are held already stay as they came first.
    fn hold(&mut self, seq: u32, payload: &[u8], stamp: Stamp) {
        let Some(next) = self.next else { return };
        let ahead = |seq: u32| seq.wrapping_sub(next) as usize;
        let start = ahead(seq);
        let stop = start + payload.len();
        let mut at = start;
        let mut index = self.held.partition_point(|piece| ahead(piece.end()) <= start);
        while at < stop {
            match self.held.get(index) {
                Some(piece) if ahead(piece.seq) <= at => at = at.max(ahead(piece.end())),
                piece => {
                    let until = piece.map_or(stop, |piece| stop.min(ahead(piece.seq)));
                    let data: Box<[u8]> = payload.get(at - start..until - start).unwrap_or_default().into();
                    self.held_bytes += data.len();
                    self.held.insert(index, Piece { seq: seq.wrapping_add((at - start) as u32), data, stamp });
                    at = until;
                }
            }
            index += 1;
        }
    }

    /// Delivers held pieces as long as they are next; `filler` is the packet that made it so, else each piece counts
    /// as its own. Returns how many bytes these were.
    fn drain(&mut self, filler: Option<Stamp>, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) -> u32 {
        let Some(mut next) = self.next else { return 0 };
        let start = next;
        let mut ready = 0;
        let held = std::mem::take(&mut self.held);
        for piece in &held {
            if piece.seq != next {
                break;
            }
            self.read(&piece.data, filler.unwrap_or(piece.stamp), out);
            self.held_bytes -= piece.data.len();
            next = piece.end();
            ready += 1;
        }
        self.held = held;
        self.held.drain(..ready);
        self.next = Some(next);
        next.wrapping_sub(start)
    }

    /// Counts the first gap and goes on behind it.
    pub(super) fn give_up_gap(&mut self, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        let (Some(next), Some(piece)) = (self.next, self.held.first()) else { return };
        let (seq, stamp) = (piece.seq, piece.stamp);
        let lost = self.stream.interrupt(&mut out.emit) + seq.wrapping_sub(next) as usize;
        out.tls.gap(out.from);
        out.spoke |= self.stream.spoke();
        out.gap(stamp, lost);
        self.next = Some(seq);
        self.drain(None, out);
    }

    /// The last byte was delivered, or there will be no other.
    pub(super) fn end(&mut self, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        self.stream.interrupt(&mut out.emit);
    }

    fn flush_and_restart(&mut self, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        while !self.held.is_empty() {
            self.give_up_gap(out);
        }
        self.end(out);
        *out.tls = Layer::default();
        *self = Self::new();
    }

    /// Drops what is held of a direction that nobody will read.
    pub(super) fn let_go(&mut self) {
        self.held = Vec::new();
        self.held_bytes = 0;
    }
}

impl<E> Out<'_, E> {
    pub(super) fn gap(&mut self, stamp: Stamp, bytes: usize) {
        if self.spoke {
            self.issues.add(stamp.place, Cause::TcpGap, bytes as u64);
        }
    }
}

/// A segment's length: 64 KiB at most, as IP allows.
pub(super) fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

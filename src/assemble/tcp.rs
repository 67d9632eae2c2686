//! TCP segments to the ordered bytes of each direction (RFC 9293 3.4), with gaps named and memory bounded.
//! Knows no messages: what the bytes mean is asked of [`Stream`], which also says whether they are worth keeping.

mod resume;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use self::resume::begins_tls;
use super::decrypt::{Layer, Offer, Opened};
use super::sealed::{self, Closed, Sealed, Unopened};
use super::split::{Inside, Said, Stamp, Stream};
use crate::event::{Path, Transport};
use crate::issue::{Cause, Issues};
use crate::time::Timestamp;
use crate::wire::ip::Tcp;
use crate::wire::keylog::Secrets;

/// Connections known at once.
const MAX_OPEN: usize = 32_768;
/// Bytes held out of order per direction.
const MAX_HELD: usize = 1 << 20;
/// Pieces held out of order per direction.
const MAX_PIECES: usize = 1024;
/// Bytes kept for all connections: held out of order, or of messages under way.
const MAX_BYTES: usize = 64 << 20;
/// A segment further from where the stream is than any receiver's window belongs to another connection.
const MAX_DISTANCE: u32 = 16 << 20;
/// How far a SYN may stand behind data that a capture put in front of it.
const MAX_EARLY: u32 = 64 << 10;

/// Bytes that the receiver acknowledged but the capture has not: they may still be a few packets behind ...
const LATE_PACKETS: u32 = 16;
/// ... or that long, in capture time.
const LATE: Duration = Duration::from_millis(500);
/// Where no acknowledgement is seen, a sender would long have sent them again.
const LATE_UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// After this long without a packet a connection is forgotten; joining it again costs nothing but a search.
const IDLE: Duration = Duration::from_secs(600);
/// The same after it was closed: until then late copies of its segments are still known as such.
const LINGER: Duration = Duration::from_secs(30);
/// How often the idle ones are looked for.
const SWEEP: Duration = Duration::from_secs(15);

/// From whom to whom a segment went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The sender.
    pub(super) src: SocketAddr,
    /// The receiver.
    pub(super) dst: SocketAddr,
}

/// Both ends, the lower one first: the same for both directions.
type Key = (u128, u128, u32);

/// Puts the segments of all connections in order.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: HashMap<Key, Box<Connection>, RandomState>,
    /// Bytes kept for all of them.
    bytes: usize,
    swept: Timestamp,
    /// What TLS is opened with.
    pub(super) secrets: Secrets,
    /// What of TLS stays closed.
    pub(super) sealed: Sealed,
}

#[derive(Debug, Serialize, Deserialize)]
struct Connection {
    /// The sender of each side's bytes.
    ends: [SocketAddr; 2],
    sides: [Side; 2],
    tls: Layer,
    /// The side that called, where its SYN was captured.
    #[serde(skip)]
    client: Option<usize>,
    /// TLS that was not opened, of this connection and of the one that had its ports before.
    #[serde(skip)]
    unopened: Unopened,
    #[serde(skip)]
    former: Option<Closed>,
    /// It is known that SIP is spoken here.
    known: bool,
    last: Stamp,
    closed: bool,
    /// Nobody listened since: only what TLS is opened with is still known, if this is the same connection.
    torn: bool,
}

/// One direction.
#[derive(Debug, Serialize, Deserialize)]
struct Side {
    /// The sequence number of the next byte in order; `None` before the first one.
    next: Option<u32>,
    /// The sequence number of the SYN.
    isn: Option<u32>,
    /// The sequence number of the FIN.
    fin: Option<u32>,
    /// How far the other side acknowledged.
    acked: Option<u32>,
    /// Since when, and for how many packets, more is acknowledged than was seen.
    overtaken: Option<(Timestamp, u32)>,
    /// What came out of order: by sequence number, not overlapping.
    held: Vec<Piece>,
    #[serde(skip)]
    held_bytes: usize,
    stream: Stream,
}

#[derive(Debug, Serialize, Deserialize)]
struct Piece {
    seq: u32,
    data: Box<[u8]>,
    stamp: Stamp,
}

impl Piece {
    fn end(&self) -> u32 {
        self.seq.wrapping_add(len32(&self.data))
    }
}

/// Where a message of one side goes: with the account of what was missing on the way.
struct Out<'o, E> {
    issues: &'o mut Issues,
    /// Whether this connection speaks SIP, so that what is missing is a loss.
    spoke: bool,
    tls: &'o mut Layer,
    secrets: &'o Secrets,
    /// The side whose bytes these are.
    from: usize,
    emit: E,
}

impl Connections {
    /// Takes a segment of which `missing` bytes were cut.
    pub(super) fn push(
        &mut self,
        ends: Ends,
        tcp: &Tcp<'_>,
        missing: usize,
        stamp: Stamp,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) {
        if stamp.at.since(self.swept) >= SWEEP {
            self.swept = stamp.at;
            self.forget_idle(stamp.at, issues, emit);
        }
        let (key, from) = key(ends);
        let begins = !tcp.payload.is_empty() || tcp.syn;
        if self.open.len() >= MAX_OPEN && begins && !self.open.contains_key(&key) {
            self.forget_oldest(issues, emit);
        }
        let connection = match self.open.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if !begins => return,
            Entry::Vacant(free) => {
                let ends = if from == 0 { [ends.src, ends.dst] } else { [ends.dst, ends.src] };
                let sides = [Side::new(), Side::new()];
                free.insert(Box::new(Connection {
                    ends,
                    sides,
                    tls: Layer::default(),
                    client: None,
                    unopened: Unopened::default(),
                    former: None,
                    known: false,
                    last: stamp,
                    closed: false,
                    torn: false,
                }))
            }
        };
        let before = connection.weight();
        connection.push(from, tcp, missing, stamp, &self.secrets, issues, emit);
        self.sealed.count(connection.former.take(), issues);
        if !connection.known && connection.speaks() {
            connection.known = true;
            let sealed::Ends { server, perhaps } = connection.server();
            [Some(server), perhaps].into_iter().flatten().for_each(|end| self.sealed.spoken_at(end));
        }
        self.bytes = self.bytes - before + connection.weight();
        if self.bytes > MAX_BYTES {
            let weight = connection.weight();
            issues.add(stamp.place, Cause::Bound("bytes of TCP connections"), weight as u64);
            connection.flush(&self.secrets, issues, emit);
            self.bytes = self.bytes - weight + connection.weight();
        }
    }

    /// Delivers what is still under way, and accounts for what never came.
    pub(super) fn finish(&mut self, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        for mut connection in self.remove(|_| true) {
            connection.flush(&self.secrets, issues, emit);
            self.sealed.count(connection.closed_to_us(), issues);
        }
        self.sealed.finish(issues);
    }

    fn forget_idle(&mut self, now: Timestamp, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        let idle =
            |connection: &Connection| now.since(connection.last.at) > if connection.closed { LINGER } else { IDLE };
        for mut connection in self.remove(idle) {
            connection.flush(&self.secrets, issues, emit);
            self.sealed.count(connection.closed_to_us(), issues);
        }
    }

    /// Makes room by an eighth at once, so that finding the oldest costs each new connection little.
    fn forget_oldest(&mut self, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        let mut ages: Vec<Timestamp> = self.open.values().map(|connection| connection.last.at).collect();
        let eighth = ages.len() / 8;
        let limit = *ages.select_nth_unstable(eighth).1;
        for mut connection in self.remove(|connection| connection.last.at <= limit) {
            let weight = connection.weight();
            if weight > 0 {
                issues.add(connection.last.place, Cause::Bound("TCP connections"), weight as u64);
            }
            connection.flush(&self.secrets, issues, emit);
            self.sealed.count(connection.closed_to_us(), issues);
        }
    }

    /// Takes connections out, those longest without a packet first: a hash map has no order of its own, output must.
    #[expect(clippy::vec_box, reason = "they are boxed in the map already; moving them out of their boxes only costs")]
    fn remove(&mut self, which: impl Fn(&Connection) -> bool) -> Vec<Box<Connection>> {
        let mut gone: Vec<_> = self.open.extract_if(|_, connection| which(connection)).collect();
        gone.sort_unstable_by_key(|(key, connection)| (connection.last.at, connection.last.place, *key));
        gone.into_iter()
            .map(|(_, connection)| {
                self.bytes -= connection.weight();
                connection
            })
            .collect()
    }
}

impl Connection {
    #[expect(clippy::too_many_arguments, reason = "what a segment is, and where to go with what comes of it")]
    fn push(
        &mut self,
        from: usize,
        tcp: &Tcp<'_>,
        missing: usize,
        stamp: Stamp,
        secrets: &Secrets,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) {
        self.last = stamp;
        if tcp.syn {
            self.open(from, tcp, secrets, issues, emit);
        } else if self.torn && begins_tls(tcp.payload) {
            self.begin_anew();
        }
        let spoke = self.speaks();
        let [low, high] = self.ends;
        let transport = self.transport();
        let paths = [Path { src: low, dst: high, transport }, Path { src: high, dst: low, transport }];
        let [first, second] = &mut self.sides;
        let tls = &mut self.tls;
        let (side, other, path, back) =
            if from == 0 { (first, second, paths[0], paths[1]) } else { (second, first, paths[1], paths[0]) };

        if let Some(ack) = tcp.ack {
            let emit = |at: Stamp, inside: Inside, message: Said<'_>| emit(inside.path(back), at, message);
            let mut out = Out { issues: &mut *issues, spoke, tls: &mut *tls, secrets, from: 1 - from, emit };
            other.acknowledge(ack, stamp, &mut out);
        }
        let deliver = |at: Stamp, inside: Inside, message: Said<'_>| emit(inside.path(path), at, message);
        let mut out = Out { issues: &mut *issues, spoke, tls, secrets, from, emit: deliver };
        let seq = tcp.seq.wrapping_add(u32::from(tcp.syn));
        if !tcp.payload.is_empty() {
            side.data(seq, tcp.payload, missing, stamp, &mut out);
            while let Some((name, bytes)) = side.stream.take_unread() {
                out.issues.add(stamp.place, Cause::NotDecoded(name), bytes);
            }
            if let Some(name) = side.stream.foreign() {
                if other.stream.foreign().is_none() && !other.stream.spoke() {
                    other.let_go();
                    other.stream.turn_foreign(name);
                }
                match name {
                    Some("TLS") => self.unopened.add(stamp.place, tcp.payload.len()),
                    Some(name) => out.issues.add(stamp.place, Cause::NotDecoded(name), tcp.payload.len() as u64),
                    None => {}
                }
            }
        }
        if tcp.fin && side.fin.is_none() {
            side.fin = Some(seq.wrapping_add(len32(tcp.payload)).wrapping_add(u32::try_from(missing).unwrap_or(0)));
        }
        if side.fin.is_some() && side.fin == side.next {
            side.end(&mut out);
        }
        if tcp.rst {
            self.flush(secrets, issues, emit);
        }
        self.closed = tcp.rst || self.sides.iter().all(|side| side.fin.is_some() && side.fin == side.next);
    }

    /// A SYN: the connection begins, or another one with the same ports.
    fn open(
        &mut self,
        from: usize,
        tcp: &Tcp<'_>,
        secrets: &Secrets,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) {
        let first = tcp.seq.wrapping_add(1);
        let known = !self.torn
            && self.sides.get(from).is_some_and(|side| match (side.isn, side.next) {
                (Some(isn), _) => isn == tcp.seq,
                // Joined, and the SYN comes behind the first data.
                (None, Some(next)) => next.wrapping_sub(first) < MAX_EARLY,
                (None, None) => true,
            });
        if !known {
            self.flush(secrets, issues, emit);
            self.former = self.closed_to_us();
            self.begin_anew();
            self.client = None;
        }
        self.client = self.client.or_else(|| Some(if tcp.ack.is_none() { from } else { 1 - from }));
        let answered = tcp.ack.map(|ack| (1 - from, ack.wrapping_sub(1)));
        for (at, isn) in [(from, tcp.seq)].into_iter().chain(answered) {
            if let Some(side) = self.sides.get_mut(at).filter(|side| side.isn.is_none()) {
                side.isn = Some(isn);
                if side.next.is_none() {
                    side.next = Some(isn.wrapping_add(1));
                    side.stream = Stream::fresh();
                }
            }
        }
    }

    /// Delivers what both directions hold, with the gaps that are in it.
    fn flush(&mut self, secrets: &Secrets, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        let spoke = self.speaks();
        let [low, high] = self.ends;
        let transport = self.transport();
        for (from, (side, (src, dst))) in self.sides.iter_mut().zip([(low, high), (high, low)]).enumerate() {
            let path = Path { src, dst, transport };
            let emit = |at: Stamp, inside: Inside, message: Said<'_>| emit(inside.path(path), at, message);
            let mut out = Out { issues: &mut *issues, spoke, tls: &mut self.tls, secrets, from, emit };
            while !side.held.is_empty() {
                side.give_up_gap(&mut out);
            }
            if let (Some(fin), Some(next)) = (side.fin, side.next)
                && (1..MAX_DISTANCE).contains(&fin.wrapping_sub(next))
            {
                out.gap(self.last, fin.wrapping_sub(next) as usize);
                side.next = Some(fin);
            }
            side.end(&mut out);
            out.tls.gap(from);
        }
        // A handshake that came to nothing in this capture, for want of its other half: told once.
        if self.tls.is_tls()
            && let Some(offer) = self.tls.unopened()
        {
            self.unopened.add(self.last.place, 0);
            self.tls = Layer::Sealed(offer);
        }
    }

    /// Who was called: by the handshake of TLS, by that of TCP, else perhaps the end with the lower port.
    fn server(&self) -> sealed::Ends {
        let [low, high] = self.ends;
        match self.tls.unopened().and_then(Offer::client).or(self.client) {
            Some(0) => sealed::Ends { server: high, perhaps: None },
            Some(_) => sealed::Ends { server: low, perhaps: None },
            None if high.port() < low.port() => sealed::Ends { server: high, perhaps: Some(low) },
            None => sealed::Ends { server: low, perhaps: Some(high) },
        }
    }

    /// What of it was not opened, if there is anything; from now on that is counted.
    fn closed_to_us(&mut self) -> Option<Closed> {
        let unopened = self.unopened.take()?;
        let ends = self.server();
        let [low, high] = self.ends;
        let other = if ends.server == low { high } else { low };
        Some(Closed { ends, other, named: self.tls.unopened().is_some_and(Offer::is_sip), unopened })
    }

    /// What the messages come out of.
    const fn transport(&self) -> Transport {
        if self.tls.is_tls() { Transport::Tls } else { Transport::Tcp }
    }

    fn speaks(&self) -> bool {
        self.sides.iter().any(|side| side.stream.spoke())
    }

    /// Bytes kept.
    fn weight(&self) -> usize {
        self.tls.buffered() + self.sides.iter().map(|side| side.held_bytes + side.stream.buffered()).sum::<usize>()
    }
}

impl Side {
    fn new() -> Self {
        Self {
            next: None,
            isn: None,
            fin: None,
            acked: None,
            overtaken: None,
            held: Vec::new(),
            held_bytes: 0,
            stream: Stream::joined(),
        }
    }

    fn data(
        &mut self,
        seq: u32,
        mut payload: &[u8],
        missing: usize,
        stamp: Stamp,
        out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>,
    ) {
        let mut next = *self.next.get_or_insert(seq);
        let (ahead, behind) = (seq.wrapping_sub(next), next.wrapping_sub(seq));
        if ahead.min(behind) > MAX_DISTANCE || (ahead != 0 && ahead <= MAX_DISTANCE && self.stream.is_ignored()) {
            // Another connection whose SYN was not captured; or one of which nothing is kept, so that order is nothing.
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

    /// Takes the next bytes in order, out of TLS where there is any.
    fn read(&mut self, bytes: &[u8], stamp: Stamp, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        // Another protocol, in the open or inside TLS: nothing of it will be read.
        if self.stream.foreign().is_some() {
            return;
        }
        match out.tls.open(out.from, bytes, out.secrets) {
            Opened::AsIs(bytes) => self.stream.data(&bytes, stamp, &mut out.emit),
            Opened::Plain(bytes) if bytes.is_empty() => {}
            Opened::Plain(bytes) => self.stream.data(&bytes, stamp, &mut out.emit),
            Opened::Sealed(what) => self.stream.turn_foreign(Some(what)),
            Opened::Lost => {
                if out.spoke {
                    out.issues.add(stamp.place, Cause::NotDecoded("TLS record"), bytes.len() as u64);
                }
            }
        }
    }

    /// The other side has everything up to `ack`.
    fn acknowledge(&mut self, ack: u32, stamp: Stamp, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        if self.acked.is_none_or(|acked| ack.wrapping_sub(acked) < MAX_DISTANCE) {
            self.acked = Some(ack);
        }
        self.watch(stamp, out);
    }

    /// Gives a gap up once nothing can be expected to fill it.
    fn watch(&mut self, stamp: Stamp, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
        let Some(next) = self.next else { return };
        let overtakes = self.acked.is_some_and(|acked| (1..MAX_DISTANCE).contains(&acked.wrapping_sub(next)));
        self.overtaken = match self.overtaken {
            _ if !overtakes => None,
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
    fn give_up_gap(&mut self, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
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
    fn end(&mut self, out: &mut Out<'_, impl FnMut(Stamp, Inside, Said<'_>)>) {
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
    fn let_go(&mut self) {
        self.held = Vec::new();
        self.held_bytes = 0;
    }
}

impl<E> Out<'_, E> {
    fn gap(&mut self, stamp: Stamp, bytes: usize) {
        if self.spoke {
            self.issues.add(stamp.place, Cause::TcpGap, bytes as u64);
        }
    }
}

/// The connection's key, and which of its two sides the sender is.
fn key(ends: Ends) -> (Key, usize) {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let (src, dst) = ((bits(ends.src.ip()), ends.src.port()), (bits(ends.dst.ip()), ends.dst.port()));
    let (low, high, from) = if src <= dst { (src, dst, 0) } else { (dst, src, 1) };
    ((low.0, high.0, u32::from(low.1) << 16 | u32::from(high.1)), from)
}

/// A segment's length: 64 KiB at most, as IP allows.
fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Place;
    use proptest::prelude::*;

    const ISN: u32 = u32::MAX - 200;

    fn message(n: usize) -> Vec<u8> {
        let body = "b".repeat(n * 37 % 90);
        format!(
            "MESSAGE sip:a@b SIP/2.0\r\nCall-ID: {n}\r\nCSeq: {n} MESSAGE\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn segment(seq: u32, payload: &[u8]) -> Tcp<'_> {
        Tcp { src_port: 1, dst_port: 2, seq, ack: None, syn: false, fin: false, rst: false, payload }
    }

    fn syn(seq: u32) -> Tcp<'static> {
        Tcp { syn: true, ..segment(seq, &[]) }
    }

    fn fin(seq: u32) -> Tcp<'static> {
        Tcp { fin: true, ..segment(seq, &[]) }
    }

    fn ack(ack: u32) -> Tcp<'static> {
        Tcp { ack: Some(ack), ..segment(7, &[]) }
    }

    /// Two hosts, and what came of the segments between them.
    #[derive(Default)]
    struct Wire {
        connections: Connections,
        issues: Issues,
        frame: u64,
        millis: i64,
        /// (completing frame, message)
        out: Vec<(u64, Vec<u8>)>,
    }

    impl Wire {
        fn ends(back: bool) -> Ends {
            let (a, b) = ("10.0.0.1:40000".parse().unwrap(), "10.0.0.2:5060".parse().unwrap());
            if back { Ends { src: b, dst: a } } else { Ends { src: a, dst: b } }
        }

        fn send(&mut self, ends: Ends, tcp: &Tcp<'_>, missing: usize) {
            self.frame += 1;
            self.millis += 1;
            let stamp = Stamp { at: Timestamp::from_millis(self.millis), place: Place { file: 0, frame: self.frame } };
            let Self { connections, issues, out, .. } = self;
            connections.push(ends, tcp, missing, stamp, issues, &mut |path, stamp, message| {
                out.push((stamp.place.frame, message.raw().to_vec()));
                assert!([(path.src, path.dst), (path.dst, path.src)].contains(&(ends.src, ends.dst)));
            });
            assert!(self.connections.bytes <= MAX_BYTES && self.connections.open.len() <= MAX_OPEN);
            if self.connections.open.len() < 9 {
                let weight: usize = self.connections.open.values().map(|connection| connection.weight()).sum();
                assert_eq!(self.connections.bytes, weight);
            }
        }

        fn there(&mut self, tcp: &Tcp<'_>) {
            self.send(Self::ends(false), tcp, 0);
        }

        fn back(&mut self, tcp: &Tcp<'_>) {
            self.send(Self::ends(true), tcp, 0);
        }

        fn finish(&mut self) {
            let out = &mut self.out;
            self.connections.finish(&mut self.issues, &mut |_, stamp, message| {
                out.push((stamp.place.frame, message.raw().to_vec()));
            });
            assert_eq!((self.connections.bytes, self.connections.open.len()), (0, 0));
        }

        fn frames(&self) -> Vec<u64> {
            self.out.iter().map(|(frame, _)| *frame).collect()
        }

        fn gaps(&self) -> Vec<(Cause, u64, u64)> {
            self.issues.of_file(0).map(|(cause, tally)| (cause, tally.bytes, tally.first.frame)).collect()
        }
    }

    /// Sequence numbers of `stream`, cut at `cuts`.
    fn pieces<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<(u32, &'a [u8])> {
        let edges: Vec<usize> = [0].into_iter().chain(cuts.iter().copied()).chain([stream.len()]).collect();
        edges.windows(2).map(|at| (ISN.wrapping_add(1 + at[0] as u32), &stream[at[0]..at[1]])).collect()
    }

    #[test]
    fn a_message_belongs_to_the_packet_that_completes_it() {
        let (one, two) = (message(1), message(2));
        let stream = [one.as_slice(), &two].concat();
        let third = stream.len() / 3;
        // (name, order in which the three thirds are seen after the SYN of frame 1, completing frames)
        let cases: &[(&str, &[usize], &[u64])] = &[
            ("in order", &[0, 1, 2], &[3, 4]),
            ("the last early", &[0, 2, 1], &[4, 4]),
            ("backwards", &[2, 1, 0], &[4, 4]),
            ("mirrored", &[0, 0, 1, 1, 2, 2], &[4, 6]),
            ("retransmitted late", &[0, 1, 2, 1], &[3, 4]),
        ];
        for (name, order, frames) in cases {
            let mut wire = Wire::default();
            wire.there(&syn(ISN));
            for n in *order {
                let (seq, payload) = pieces(&stream, &[third, 2 * third])[*n];
                wire.there(&segment(seq, payload));
            }
            wire.finish();
            assert_eq!(wire.frames(), *frames, "{name}");
            assert_eq!(wire.gaps(), [], "{name}");
        }
    }

    #[test]
    fn the_first_copy_of_a_byte_wins() {
        let good = message(3);
        let bad = vec![b'x'; good.len()];
        let (half, seq) = (good.len() / 2, |at: usize| ISN.wrapping_add(1 + at as u32));
        let mut wire = Wire::default();
        wire.there(&syn(ISN));
        wire.there(&segment(seq(half), &good[half..]));
        wire.there(&segment(seq(half - 9), &[&good[half - 9..half], &bad[half..]].concat()));
        wire.there(&segment(seq(0), &[&good[..half - 9], &bad[half - 9..]].concat()));
        wire.there(&segment(seq(0), &bad));
        wire.finish();
        assert_eq!(wire.out, [(4, good)]);
    }

    #[test]
    fn what_never_came_is_a_gap_and_the_stream_goes_on_behind_it() {
        let stream: Vec<u8> = (1..=4).flat_map(message).collect();
        let starts: Vec<usize> = (1..=4).map(|n| (1..n).map(|n| message(n).len()).sum()).collect();
        let at = |n: usize| (ISN.wrapping_add(1 + starts[n - 1] as u32), message(n));
        let end = ISN.wrapping_add(1 + stream.len() as u32);
        let lost = message(2).len() as u64;
        type Script = fn(&mut Wire, u32);
        let cases: &[(&str, Script, usize)] = &[
            ("declared at the end", |_, _| {}, 2),
            (
                "the other side has it, and more packets follow",
                |wire, end| (0..20).for_each(|_| wire.back(&ack(end))),
                3,
            ),
            (
                "the other side has it, and time passes",
                |wire, end| {
                    wire.back(&ack(end));
                    wire.millis += 500;
                    wire.back(&ack(end));
                },
                3,
            ),
            (
                "nothing is heard of the other side",
                |wire, _| {
                    wire.millis += 6000;
                    wire.there(&segment(ISN, b"x"));
                },
                2,
            ),
            ("reset", |wire, _| wire.there(&Tcp { rst: true, ..segment(ISN, &[]) }), 3),
        ];
        for (name, script, delivered) in cases {
            let mut wire = Wire::default();
            wire.there(&syn(ISN));
            for n in [1, 3] {
                let (seq, payload) = at(n);
                wire.there(&segment(seq, &payload));
            }
            assert_eq!(wire.frames(), [2], "{name}");
            script(&mut wire, end);
            let (seq, payload) = at(4);
            wire.there(&segment(seq, &payload));
            assert!(wire.out.len() >= *delivered - 1, "{name}");
            wire.finish();
            assert_eq!(
                wire.out.iter().map(|(_, message)| message.clone()).collect::<Vec<_>>(),
                [message(1), message(3), message(4)],
                "{name}"
            );
            assert_eq!(wire.gaps(), [(Cause::TcpGap, lost, 3)], "{name}");
        }
    }

    #[test]
    fn an_acknowledgement_before_its_data_is_no_gap() {
        let stream: Vec<u8> = (1..=2).flat_map(message).collect();
        let mut wire = Wire::default();
        wire.there(&syn(ISN));
        wire.back(&ack(ISN.wrapping_add(1 + stream.len() as u32)));
        let parts = pieces(&stream, &[50, 100]);
        for n in [2, 1, 0] {
            wire.there(&segment(parts[n].0, parts[n].1));
        }
        wire.finish();
        assert_eq!((wire.frames(), wire.gaps()), (vec![5, 5], vec![]));
    }

    #[test]
    fn ports_used_again_are_another_connection() {
        let (one, two) = (message(1), message(2));
        let mut wire = Wire::default();
        for (isn, message) in [(ISN, &one), (77_000, &two)] {
            wire.there(&syn(isn));
            wire.there(&syn(isn));
            wire.back(&Tcp { syn: true, ..ack(isn.wrapping_add(1)) });
            wire.there(&segment(isn.wrapping_add(1), message));
            wire.there(&fin(isn.wrapping_add(1 + message.len() as u32)));
        }
        // And once more without a SYN, far away from where the last one ended.
        wire.there(&segment(900_000_000, &one));
        wire.finish();
        assert_eq!(wire.out, [(4, one.clone()), (9, two), (11, one)]);
        assert_eq!(wire.gaps(), []);
    }

    #[test]
    fn a_message_cut_off_by_the_end_is_delivered_if_its_head_is_whole() {
        let whole = message(2);
        let cut = &whole[..whole.len() - 3];
        for end in [fin(ISN.wrapping_add(1 + cut.len() as u32)), Tcp { rst: true, ..segment(0, &[]) }, ack(0)] {
            let mut wire = Wire::default();
            wire.there(&syn(ISN));
            wire.there(&segment(ISN.wrapping_add(1), cut));
            wire.there(&end);
            wire.finish();
            assert_eq!(wire.out, [(2, cut.to_vec())]);
        }
    }

    #[test]
    fn what_the_snap_length_cut_is_known_at_once() {
        let (one, two) = (message(2), message(3));
        let mut wire = Wire::default();
        wire.there(&syn(ISN));
        wire.there(&segment(ISN.wrapping_add(1), &two));
        wire.send(Wire::ends(false), &segment(ISN.wrapping_add(1 + two.len() as u32), &one[..one.len() - 4]), 4);
        wire.there(&segment(ISN.wrapping_add(1 + (one.len() + two.len()) as u32), &two));
        assert_eq!(wire.frames(), [2, 3, 4]);
        wire.finish();
        assert_eq!(wire.gaps(), [(Cause::CutShort, 4, 3)]);
    }

    #[test]
    fn other_protocols_hold_nothing_and_lose_nothing() {
        let page = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &message(1)].concat();
        let mut wire = Wire::default();
        wire.there(&syn(ISN));
        wire.back(&syn(9));
        wire.back(&segment(10, &page));
        for n in 0..100_u32 {
            wire.there(&segment(ISN.wrapping_add(1 + n * 5000), &message(1)));
            wire.back(&segment(5000 + n * 5000, &message(1)));
            assert_eq!(wire.connections.bytes, 0);
        }
        wire.finish();
        assert_eq!((wire.frames(), wire.gaps()), (vec![], vec![]));
    }

    #[test]
    fn tls_is_a_loss_only_on_the_port_of_sip() {
        for (port, lost) in [(5061, 1), (5060, 1), (443, 0)] {
            let mut wire = Wire::default();
            let ends =
                Ends { src: "10.0.0.1:40000".parse().unwrap(), dst: SocketAddr::new([10, 0, 0, 2].into(), port) };
            wire.send(ends, &syn(1), 0);
            wire.send(ends, &segment(2, &[22, 3, 1, 0, 200, 1]), 0);
            wire.finish();
            assert_eq!(wire.gaps().len(), lost);
        }
    }

    #[test]
    fn floods_stay_within_their_bounds() {
        let mut wire = Wire::default();
        let source = |n: u32| SocketAddr::new(IpAddr::V4(n.into()), 9);
        for n in 0..34_000 {
            let ends = Ends { src: source(n), dst: source(n + 1) };
            wire.send(ends, &syn(1), 0);
            wire.send(ends, &segment(2, b"INVITE sip:"), 0);
        }
        wire.finish();
        let pieces = Wire::ends(false);
        wire.send(pieces, &syn(1), 0);
        for n in 0..20_000_u32 {
            wire.send(pieces, &segment(10 + n * 7, b"x"), 0);
        }
        let large = vec![0; 60_000];
        for n in 0..300_u32 {
            wire.send(pieces, &segment(200_000 + n * 60_001, &large), 0);
            assert!(
                wire.connections
                    .open
                    .values()
                    .flat_map(|c| &c.sides)
                    .all(|side| side.held_bytes <= MAX_HELD && side.held.len() <= MAX_PIECES)
            );
        }
        assert!(wire.gaps().iter().any(|(cause, ..)| *cause == Cause::Bound("TCP connections")));
        wire.finish();
    }

    proptest! {
        #[test]
        fn any_cut_any_order_any_copies_give_the_same_messages(
            messages in 1usize..6,
            cuts in proptest::collection::btree_set(1usize..600, 0..12),
            // Three moves delay no segment by the sixteen packets after which an acknowledged gap is given up.
            moves in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..5, 0u8..4, 0usize..40), 0..4),
            acks in any::<u16>(),
        ) {
            let stream: Vec<u8> = (0..messages).flat_map(message).collect();
            let cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < stream.len()).collect();
            let mut order = pieces(&stream, &cuts);
            for (index, window, what, reach) in &moves {
                let from = index.index(order.len());
                let to = (from + window).min(order.len() - 1);
                match what {
                    0 => order.swap(from, to),
                    1 => order.insert(to, order[from]),
                    // A copy that begins earlier and ends later than the original.
                    2 => {
                        let start = (order[from].0.wrapping_sub(ISN) as usize - 1).saturating_sub(*reach);
                        let stop = (start + order[from].1.len() + 2 * reach).min(stream.len());
                        order.insert(to, (ISN.wrapping_add(1 + start as u32), &stream[start..stop]));
                    }
                    _ => order.insert(to, (order[from].0, &order[from].1[..order[from].1.len().min(*reach)])),
                }
            }
            let mut wire = Wire::default();
            wire.there(&syn(ISN));
            for (n, (seq, payload)) in order.iter().enumerate() {
                wire.there(&segment(*seq, payload));
                if acks >> (n % 16) & 1 == 1 && n < 12 {
                    wire.back(&ack(seq.wrapping_add(payload.len() as u32)));
                }
            }
            wire.there(&fin(ISN.wrapping_add(1 + stream.len() as u32)));
            prop_assert_eq!(wire.connections.bytes, 0);
            wire.finish();
            let out: Vec<Vec<u8>> = wire.out.iter().map(|(_, message)| message.clone()).collect();
            prop_assert_eq!(out, (0..messages).map(message).collect::<Vec<_>>());
            prop_assert_eq!(wire.gaps(), vec![]);
        }

        #[test]
        fn no_segments_surprise_it(segments in proptest::collection::vec(
            (any::<bool>(), prop_oneof![0u32..4000, any::<u32>()], prop::option::of(0u32..4000), any::<u8>(), 0usize..400, 0i64..3000), 0..60)) {
            let stream: Vec<u8> = (0..6).flat_map(message).collect();
            let mut wire = Wire::default();
            for (back, seq, ack, flags, len, millis) in segments {
                wire.millis += millis - 500;
                let from = seq as usize % stream.len();
                let payload = &stream[from..(from + len).min(stream.len())];
                let tcp = Tcp { ack, syn: flags & 31 == 1, fin: flags & 31 == 2, rst: flags & 31 == 3, ..segment(seq, payload) };
                if back { wire.back(&tcp) } else { wire.there(&tcp) }
            }
            wire.finish();
        }
    }
}

//! TCP segments to the ordered bytes of each direction (RFC 9293 3.4), with gaps named and memory bounded.
//! Knows no messages: what the bytes mean is asked of [`Stream`], which also says whether they are worth keeping.

mod open;
mod resume;
mod side;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::open::{Key, Open};
use self::resume::begins_tls;
use self::side::{Out, Side, len32};
use super::decrypt::{Layer, Offer};
use super::sealed::{self, Closed, Sealed, Unopened};
use super::split::{Inside, Said, Spare, Stamp, Stream};
use crate::event::{Path, Transport};
use crate::issue::{Cause, Issues};
use crate::time::Timestamp;
use crate::wire::ip::Tcp;
use crate::wire::keylog::Secrets;
use crate::wire::segment::Segment;

/// Connections known at once.
const MAX_OPEN: usize = 32_768;
/// Bytes kept for all connections: held out of order, or of messages under way.
const MAX_BYTES: usize = 64 << 20;
/// A segment further from where the stream is than any receiver's window belongs to another connection.
const MAX_DISTANCE: u32 = 16 << 20;
/// How far a SYN may stand behind data that a capture put in front of it.
const MAX_EARLY: u32 = 64 << 10;

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

/// Puts the segments of all connections in order.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Open,
    /// Bytes kept for all of them.
    bytes: usize,
    swept: Timestamp,
    /// How often the bytes of a connection began to be numbered anew: from then on those may seem to be the next ones
    /// that came before.
    pub(super) renumbered: u64,
    /// What streams are read with.
    pub(super) means: Means,
    /// What of TLS stays closed.
    pub(super) sealed: Sealed,
}

/// What streams are read with, whichever they are.
#[derive(Debug, Default)]
pub(super) struct Means {
    /// What TLS is opened with.
    pub(super) secrets: Secrets,
    spare: Spare,
}

/// What nearly every segment asks for stands in front, in few lines of the cache: there are thousands of these.
#[derive(Debug, Serialize, Deserialize)]
#[repr(C)]
struct Connection {
    last: Stamp,
    /// It is known that SIP is spoken here.
    known: bool,
    closed: bool,
    /// Nobody listened since: only what TLS is opened with is still known, if this is the same connection.
    torn: bool,
    tls: Layer,
    sides: [Side; 2],
    /// The sender of each side's bytes.
    ends: [SocketAddr; 2],
    /// The side that called, where its SYN was captured.
    #[serde(skip)]
    client: Option<usize>,
    /// TLS that was not opened, of this connection and of the one that had its ports before.
    #[serde(skip)]
    unopened: Unopened,
    #[serde(skip)]
    former: Option<Box<Closed>>,
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
        if self.is_due(stamp.at) {
            self.swept = stamp.at;
            self.forget_idle(stamp.at, issues, emit);
        }
        let (key, from) = Key::of(ends);
        let begins = !tcp.payload.is_empty() || tcp.syn;
        if self.open.len() >= MAX_OPEN && begins && !self.open.contains(key) {
            self.forget_oldest(issues, emit);
        }
        let ends = if from == 0 { [ends.src, ends.dst] } else { [ends.dst, ends.src] };
        let make = || begins.then(|| Box::new(Connection::new(ends, stamp)));
        let Some(connection) = self.open.get_or_make(key, make) else { return };
        let before = connection.weight();
        let renumbered = connection.push(from, tcp, missing, stamp, &mut self.means, issues, emit);
        self.renumbered += u64::from(renumbered);
        self.sealed.count(connection.former.take().map(|former| *former), issues);
        connection.make_known(&mut self.sealed);
        self.bytes = self.bytes - before + connection.weight();
        if self.bytes > MAX_BYTES {
            let weight = connection.weight();
            issues.add(stamp.place, Cause::Bound("bytes of TCP connections"), weight as u64);
            connection.flush(&mut self.means, issues, emit);
            self.bytes = self.bytes - weight + connection.weight();
        }
    }

    /// Takes a segment of which nothing is cut, where it is simply the next one of a connection that may speak SIP, or
    /// acknowledges what was seen. `false`: it was not taken, and is to be [pushed](Self::push), which does no different
    /// with one that is taken here: a test holds the two equal.
    #[inline]
    pub(super) fn follow(
        &mut self,
        ends: Ends,
        tcp: &Tcp<'_>,
        stamp: Stamp,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) -> bool {
        let fits = self.bytes + tcp.payload.len() <= MAX_BYTES;
        if tcp.syn || tcp.fin || tcp.rst || !fits || self.is_due(stamp.at) {
            return false;
        }
        let (key, from) = Key::of(ends);
        let Some(connection) = self.open.get_mut(key) else { return false };
        let change = connection.follow(from, tcp, stamp, &mut self.means.spare, issues, emit);
        let Some((before, after)) = change else { return false };
        connection.make_known(&mut self.sealed);
        self.bytes = self.bytes - before + after;
        true
    }

    /// The same for a segment that does no more than acknowledge what was seen, as every other one does.
    #[inline]
    pub(super) fn acknowledge(&mut self, segment: &Segment<'_>, stamp: Stamp) -> bool {
        if !segment.is_plain_ack() || self.is_due(stamp.at) {
            return false;
        }
        let (key, from) = Key::short(segment.addresses, segment.ports());
        // Of a connection that is not known nothing is acknowledged.
        let Some(connection) = self.open.get_short(key) else { return true };
        let Some(acked) = connection.acknowledged(from, segment.tcp.ack) else { return false };
        connection.goes_on(from, acked, stamp);
        true
    }

    /// Whether the idle ones are to be looked for: asked at every segment, so that it has no use for a `Duration`.
    const fn is_due(&self, at: Timestamp) -> bool {
        at.nanos().saturating_sub(self.swept.nanos()) >= SWEEP.as_nanos() as i64
    }

    /// Delivers what is still under way, and accounts for what never came.
    pub(super) fn finish(&mut self, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        for mut connection in self.remove(|_| true) {
            connection.flush(&mut self.means, issues, emit);
            self.sealed.count(connection.closed_to_us(), issues);
        }
        self.sealed.finish(issues);
    }

    fn forget_idle(&mut self, now: Timestamp, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        let idle =
            |connection: &Connection| now.since(connection.last.at) > if connection.closed { LINGER } else { IDLE };
        for mut connection in self.remove(idle) {
            connection.flush(&mut self.means, issues, emit);
            self.sealed.count(connection.closed_to_us(), issues);
        }
    }

    /// Makes room by an eighth at once, so that finding the oldest costs each new connection little.
    fn forget_oldest(&mut self, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        let mut ages: Vec<Timestamp> = self.open.iter().map(|connection| connection.last.at).collect();
        let eighth = ages.len() / 8;
        let limit = *ages.select_nth_unstable(eighth).1;
        for mut connection in self.remove(|connection| connection.last.at <= limit) {
            let weight = connection.weight();
            if weight > 0 {
                issues.add(connection.last.place, Cause::Bound("TCP connections"), weight as u64);
            }
            connection.flush(&mut self.means, issues, emit);
            self.sealed.count(connection.closed_to_us(), issues);
        }
    }

    /// Takes connections out, those longest without a packet first.
    #[expect(clippy::vec_box, reason = "they are boxed in the map already; moving them out of their boxes only costs")]
    fn remove(&mut self, which: impl Fn(&Connection) -> bool) -> Vec<Box<Connection>> {
        let gone = self.open.remove(which);
        // Whichever of them comes back is joined anew.
        self.renumbered += u64::from(!gone.is_empty());
        self.bytes -= gone.iter().map(|connection| connection.weight()).sum::<usize>();
        gone
    }
}

impl Connection {
    /// Nothing is known of it but its ends.
    fn new(ends: [SocketAddr; 2], first: Stamp) -> Self {
        Self {
            ends,
            sides: [Side::new(), Side::new()],
            tls: Layer::default(),
            client: None,
            unopened: Unopened::default(),
            former: None,
            known: false,
            last: first,
            closed: false,
            torn: false,
        }
    }

    /// How far the bytes of the other side are acknowledged with this of one side, if there is nothing else about it: all
    /// of them were seen, and this side has more to say.
    #[inline(always)] // As `follow`.
    fn acknowledged(&self, from: usize, ack: Option<u32>) -> Option<Option<u32>> {
        let [first, second] = &self.sides;
        let (side, other) = if from == 0 { (first, second) } else { (second, first) };
        let acked = match ack {
            Some(ack) if other.orderly => Some(other.acknowledged(ack)),
            Some(_) => return None,
            None => other.acked,
        };
        let seen = |next| !acked.is_some_and(|acked: u32| (1..MAX_DISTANCE).contains(&acked.wrapping_sub(next)));
        (side.fin.is_none() && other.next.is_none_or(seen)).then_some(acked)
    }

    /// A segment of one side was taken that is [nothing else](Self::acknowledged).
    #[inline(always)] // As `follow`.
    fn goes_on(&mut self, from: usize, acked: Option<u32>, stamp: Stamp) {
        let [first, second] = &mut self.sides;
        let other = if from == 0 { second } else { first };
        other.acked = acked;
        self.last = stamp;
        self.closed = false;
    }

    /// See [`Connections::follow`]. Where the segment was taken: how many bytes were kept before, and are now.
    #[inline(always)] // Once for each packet.
    fn follow(
        &mut self,
        from: usize,
        tcp: &Tcp<'_>,
        stamp: Stamp,
        spare: &mut Spare,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) -> Option<(usize, usize)> {
        let acked = self.acknowledged(from, tcp.ack)?;
        let [first, second] = &mut self.sides;
        let (side, other) = if from == 0 { (first, second) } else { (second, first) };
        let mut change = (0, 0);
        if !tcp.payload.is_empty() {
            let next = tcp.seq.wrapping_add(len32(tcp.payload));
            let in_order = side.orderly && side.next == Some(tcp.seq) && !side.is_overtaken(next);
            // What begins with a letter is no TLS.
            let plain = match self.tls {
                Layer::None => true,
                Layer::Unknown => tcp.payload.first().is_some_and(u8::is_ascii_alphabetic),
                _ => false,
            };
            if !(in_order && plain && !self.torn && side.stream.may_be_sip()) {
                return None;
            }
            if !matches!(self.tls, Layer::None) {
                self.tls = Layer::None;
            }
            side.next = Some(next);
            let before = side.stream.buffered();
            side.stream.data(tcp.payload, stamp, spare, &mut |at, inside, message| {
                let [low, high] = self.ends;
                let (src, dst) = if from == 0 { (low, high) } else { (high, low) };
                emit(inside.path(Path { src, dst, transport: Transport::Tcp }), at, message);
            });
            change = (before, side.stream.buffered());
            // It is another protocol from here on, or not known yet.
            if !side.stream.is_sip() {
                let before = other.weight();
                side.tell_unread(stamp, issues);
                side.tell_foreign(other, tcp.payload.len(), stamp, &mut self.unopened, issues);
                change = (change.0 + before, change.1 + other.weight());
            }
        }
        self.goes_on(from, acked, stamp);
        Some(change)
    }

    #[expect(clippy::too_many_arguments, reason = "what a segment is, and where to go with what comes of it")]
    fn push(
        &mut self,
        from: usize,
        tcp: &Tcp<'_>,
        missing: usize,
        stamp: Stamp,
        means: &mut Means,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) -> bool {
        let mut renumbered = false;
        self.last = stamp;
        if tcp.syn {
            renumbered |= self.open(from, tcp, means, issues, emit);
        } else if self.torn && begins_tls(tcp.payload) {
            self.begin_anew();
            renumbered = true;
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
            let mut out = Out { issues: &mut *issues, spoke, tls: &mut *tls, means: &mut *means, from: 1 - from, emit };
            other.acknowledge(ack, stamp, &mut out);
        }
        let deliver = |at: Stamp, inside: Inside, message: Said<'_>| emit(inside.path(path), at, message);
        let mut out = Out { issues: &mut *issues, spoke, tls, means: &mut *means, from, emit: deliver };
        let seq = tcp.seq.wrapping_add(u32::from(tcp.syn));
        if !tcp.payload.is_empty() {
            // Only what spoke has said something that a copy may say again.
            renumbered |= side.stream.spoke() && side.leaps(seq);
            side.data(seq, tcp.payload, missing, stamp, &mut out);
            side.tell_unread(stamp, out.issues);
            side.tell_foreign(other, tcp.payload.len(), stamp, &mut self.unopened, out.issues);
        }
        if tcp.fin && side.fin.is_none() {
            side.fin = Some(seq.wrapping_add(len32(tcp.payload)).wrapping_add(u32::try_from(missing).unwrap_or(0)));
        }
        if side.fin.is_some() && side.fin == side.next {
            side.end(&mut out);
        }
        if tcp.rst {
            self.flush(means, issues, emit);
        }
        self.closed = tcp.rst || self.sides.iter().all(|side| side.fin.is_some() && side.fin == side.next);
        renumbered
    }

    /// A SYN: the connection begins, or another one with the same ports. Returns whether it is another one.
    fn open(
        &mut self,
        from: usize,
        tcp: &Tcp<'_>,
        means: &mut Means,
        issues: &mut Issues,
        emit: &mut impl FnMut(Path, Stamp, Said<'_>),
    ) -> bool {
        let first = tcp.seq.wrapping_add(1);
        let known = !self.torn
            && self.sides.get(from).is_some_and(|side| match (side.isn, side.next) {
                (Some(isn), _) => isn == tcp.seq,
                // Joined, and the SYN comes behind the first data.
                (None, Some(next)) => next.wrapping_sub(first) < MAX_EARLY,
                (None, None) => true,
            });
        if !known {
            self.flush(means, issues, emit);
            self.former = self.closed_to_us().map(Box::new);
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
        !known
    }

    /// Delivers what both directions hold, with the gaps that are in it.
    fn flush(&mut self, means: &mut Means, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        let spoke = self.speaks();
        let [low, high] = self.ends;
        let transport = self.transport();
        for (from, (side, (src, dst))) in self.sides.iter_mut().zip([(low, high), (high, low)]).enumerate() {
            let path = Path { src, dst, transport };
            let emit = |at: Stamp, inside: Inside, message: Said<'_>| emit(inside.path(path), at, message);
            let mut out = Out { issues: &mut *issues, spoke, tls: &mut self.tls, means: &mut *means, from, emit };
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

    /// Remembers where SIP is spoken, once it is.
    #[inline]
    fn make_known(&mut self, sealed: &mut Sealed) {
        if !self.known && self.speaks() {
            self.known = true;
            let sealed::Ends { server, perhaps } = self.server();
            [Some(server), perhaps].into_iter().flatten().for_each(|end| sealed.spoken_at(end));
        }
    }

    fn speaks(&self) -> bool {
        self.sides.iter().any(|side| side.stream.spoke())
    }

    /// Bytes kept.
    fn weight(&self) -> usize {
        self.tls.buffered() + self.sides.iter().map(Side::weight).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::side::{MAX_HELD, MAX_PIECES};
    use super::*;
    use crate::packet::Place;
    use proptest::prelude::*;
    use std::net::IpAddr;

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

    fn addresses(ends: Ends) -> u64 {
        let [src, dst] = [ends.src, ends.dst].map(|end| match end.ip() {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(_) => panic!("an end in IPv6"),
        });
        src << 32 | dst
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
        /// Whether segments are followed where they may be, as the assembler does.
        follows: bool,
        followed: usize,
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
            let mut emit = |path: Path, stamp: Stamp, message: Said<'_>| {
                out.push((stamp.place.frame, message.raw().to_vec()));
                assert!([(path.src, path.dst), (path.dst, path.src)].contains(&(ends.src, ends.dst)));
            };
            let tcp = &Tcp { src_port: ends.src.port(), dst_port: ends.dst.port(), ..*tcp };
            let segment = Segment { addresses: addresses(ends), id: None, tcp: *tcp };
            if self.follows
                && missing == 0
                && (connections.acknowledge(&segment, stamp) || connections.follow(ends, tcp, stamp, issues, &mut emit))
            {
                self.followed += 1;
            } else {
                connections.push(ends, tcp, missing, stamp, issues, &mut emit);
            }
            assert!(self.connections.bytes <= MAX_BYTES && self.connections.open.len() <= MAX_OPEN);
            if self.connections.open.len() < 9 {
                let weight: usize = self.connections.open.iter().map(|connection| connection.weight()).sum();
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
    fn what_is_simply_next_is_followed() {
        let mut wire = Wire { follows: true, ..Wire::default() };
        wire.there(&syn(ISN));
        wire.back(&Tcp { ack: Some(ISN.wrapping_add(1)), ..syn(ISN) });
        let mut sent = ISN.wrapping_add(1);
        for n in 0..9 {
            let message = message(n);
            let (one, other) = message.split_at(message.len() / 2);
            for piece in [one, other] {
                wire.there(&Tcp { ack: Some(ISN.wrapping_add(1)), ..segment(sent, piece) });
                sent = sent.wrapping_add(piece.len() as u32);
                wire.back(&Tcp { ack: Some(sent), ..segment(ISN.wrapping_add(1), &[]) });
            }
        }
        // All but the two that began it.
        assert_eq!((wire.out.len(), wire.followed), (9, 36));
        // What is closed stays closed.
        wire.there(&fin(sent));
        wire.back(&fin(ISN.wrapping_add(1)));
        wire.back(&Tcp { ack: Some(sent), ..segment(ISN.wrapping_add(1), &[]) });
        assert!(wire.followed == 36 && wire.connections.open.iter().all(|connection| connection.closed));
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
                    .iter()
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
            let mut wire = Wire { follows: moves.len() % 2 == 0, ..Wire::default() };
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
        fn segments_that_are_followed_fare_as_all_do(
            steps in proptest::collection::vec((any::<bool>(), 0u8..24, 0usize..300, 0i64..2000), 0..120),
            joined: bool,
            other: u8,
        ) {
            // A packet of HEP with a line of a log in it, and a frame of a WebSocket.
            let packed = b"HEP3\0\x2c\0\0\0\x03\0\x0a\x01\x01\x01\x01\0\0\0\x04\0\x0a\x02\x02\x02\x02\
                \0\0\0\x0b\0\x07\x64\0\0\0\x0f\0\x0blines".to_vec();
            let frame = [&[0x82, 126, 0, 77][..], &message(1)[..77]].concat();
            let whole: Vec<u8> = (0..40).flat_map(|n| match n {
                3 if other > 200 => packed.clone(),
                7 if other < 50 => frame.clone(),
                n => message(n),
            }).collect();
            let mut wires = [false, true].map(|follows| Wire { follows, ..Wire::default() });
            // How far each side sent, and how far it has the other one's bytes.
            let (mut sent, mut has) = ([ISN + 1; 2], [ISN + 1; 2]);
            for (back, what, len, millis) in steps {
                let from = usize::from(back);
                let at = sent[from].wrapping_sub(ISN + 1) as usize % whole.len();
                let len = if what < 4 { message(3).len() } else { len };
                let payload = &whole[at..(at + len).min(whole.len())];
                let next = Tcp { ack: Some(has[from]), ..segment(sent[from], payload) };
                let tcp = match what {
                    0..10 => next,
                    10..15 => Tcp { payload: &[], ..next },
                    15 => Tcp { seq: next.seq.wrapping_sub(50), ..next },
                    16 => Tcp { seq: next.seq.wrapping_add(50), ..next },
                    17 => Tcp { ack: Some(sent[1 - from].wrapping_add(100)), ..next },
                    18 => Tcp { ack: Some(has[from].wrapping_sub(100)), ..next },
                    19 if millis < 500 => Tcp { seq: next.seq.wrapping_add(1 << 30), ..next },
                    20 if millis < 700 => Tcp { fin: true, ..next },
                    21 if millis < 300 => Tcp { rst: true, ..next },
                    22 if millis < 500 => Tcp { syn: true, payload: &[], ..next },
                    _ => Tcp { ack: None, ..next },
                };
                if !matches!(what, 15 | 16) {
                    sent[from] = tcp.seq.wrapping_add(tcp.payload.len() as u32);
                }
                has[from] = sent[1 - from];
                for wire in &mut wires {
                    wire.millis += if what == 23 { millis * 10 } else { millis % 50 };
                    if joined || wire.frame > 1 || what < 10 {
                        wire.send(Wire::ends(back), &tcp, if what == 23 && millis < 99 { 7 } else { 0 });
                    } else {
                        wire.send(Wire::ends(back), &syn(tcp.seq.wrapping_sub(1)), 0);
                    }
                }
                let [pushed, followed] = &wires;
                prop_assert_eq!(&pushed.out, &followed.out);
                prop_assert_eq!(pushed.gaps(), followed.gaps());
                let left = |wire: &Wire| postcard::to_allocvec(&wire.connections).unwrap();
                prop_assert_eq!(left(pushed), left(followed));
            }
            let [pushed, followed] = &mut wires;
            pushed.finish();
            followed.finish();
            prop_assert_eq!(&pushed.out, &followed.out);
            prop_assert_eq!(pushed.gaps(), followed.gaps());
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

//! One packet in, the messages that it completes out. Knows the order of the stages, and leaves each its own rules.

use std::net::{IpAddr, SocketAddr};

use super::copies::{self, Copies};
use super::defrag::{Defrag, Key};
use super::deliver::{Lacking, copied, lacks};
use super::duplicate::Duplicates;
use super::relay;
use super::sctp::Associations;
use super::split::{Said, Stamp};
use super::tcp::{Connections, Ends};
use super::unfinished::{KeyLog, Unfinished};
use super::within::Within;
use crate::event::{Event, Path, Transport, Undelivered, What};
use crate::issue::{Cause, Issues};
use crate::packet::{Packet, Place};
use crate::time::Timestamp;
use crate::wire::hep::Hep;
use crate::wire::icmp;
use crate::wire::ip::{self, Carried, Tcp, Udp};
use crate::wire::keylog::Secrets;
use crate::wire::link::{self, Layer, Link};
use crate::wire::media::Datagram;
use crate::wire::rtcp::Rtcp;
use crate::wire::rtp::Rtp;
use crate::wire::sctp::Sctp;
use crate::wire::segment::Segment;
use crate::wire::sip::{Frame, Message, frame, looks_like_sip};
use crate::wire::tunnel::{self, Content, Inside};

/// Turns packets into events. Feed it the packets of all captures in the order of time.
#[derive(Debug)]
pub struct Assembler {
    defrag: Defrag,
    transports: Transports,
    key_log: KeyLog,
}

/// What comes after IP.
#[derive(Debug)]
struct Transports {
    connections: Connections,
    associations: Associations,
    duplicates: Duplicates,
    copies: Copies,
    /// Packets that came before this many completed messages may be copied by one that seems to be the next of its
    /// connection: some connection began to count anew.
    renumbered: u64,
    /// How much later than its own time the last datagram with a message in it was captured, in nanoseconds: nothing,
    /// unless HEP relayed it.
    lag: i64,
}

/// What the transports are told of the IP packet around them.
struct Around {
    src: IpAddr,
    dst: IpAddr,
    id: Option<u32>,
    dscp: u8,
    missing: usize,
    stamp: Stamp,
    within: Within,
}

impl Default for Assembler {
    fn default() -> Self {
        Self::new()
    }
}

impl Assembler {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            defrag: Defrag::default(),
            transports: Transports {
                connections: Connections::default(),
                associations: Associations::default(),
                duplicates: Duplicates::new(),
                copies: Copies::default(),
                renumbered: 0,
                lag: 0,
            },
            key_log: KeyLog::default(),
        }
    }

    /// Opens TLS with these secrets.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.transports.connections.means.secrets = secrets;
        self
    }

    /// Takes TLS on these ports for SIP, where that it cannot be opened is to be told.
    #[must_use]
    pub fn with_sip_ports(mut self, ports: Vec<u16>) -> Self {
        self.transports.connections.sealed.hints = ports;
        self
    }

    /// What a successor needs to go on; the messages under way are its to deliver.
    #[must_use]
    pub fn unfinished(self) -> Unfinished {
        let Self { defrag, transports: Transports { connections, associations, duplicates, lag, .. }, key_log } = self;
        Unfinished { duplicates: duplicates.recent(), defrag, connections, associations, lag, key_log }
    }

    /// Goes on with what another one left.
    #[must_use]
    pub fn resume(mut self, unfinished: Unfinished) -> Self {
        let Unfinished { duplicates, defrag, mut connections, associations, lag, key_log } = unfinished;
        let secrets = &mut self.transports.connections.means.secrets;
        // What was wrong with it has been told.
        secrets.read(key_log.lines());
        connections.means.secrets = std::mem::take(secrets);
        connections.sealed = std::mem::take(&mut self.transports.connections.sealed);
        self.transports.duplicates.resume(&duplicates);
        self.transports = Transports { connections, associations, lag, ..self.transports };
        Self { defrag, key_log, ..self }
    }

    /// Nobody listened for so long that what was under way cannot be gone on with.
    pub fn on_gap(&mut self, issues: &mut Issues, sink: &mut impl FnMut(Event<'_>)) {
        let mut lacking = Lacking::default();
        self.transports.connections.on_gap(issues, &mut lacking.deliver(false, sink));
        lacking.account(issues);
    }

    /// Takes a key log that a capture carries; lines that are none are counted at `place`.
    pub fn learn(&mut self, key_log: &[u8], place: Place, issues: &mut Issues) {
        let secrets = &mut self.transports.connections.means.secrets;
        let known = secrets.len();
        let unusable = secrets.read(key_log);
        if secrets.len() > known {
            self.key_log.keep(key_log);
        }
        if unusable.lines > 0 {
            issues.add(place, Cause::Malformed("key log line"), key_log.len() as u64);
        }
        if unusable.beyond > 0 {
            issues.add(place, Cause::Bound("TLS secrets"), key_log.len() as u64);
        }
    }

    /// Takes the next packet, and gives `sink` every message that it completes.
    #[inline]
    pub fn push(&mut self, packet: &Packet<'_>, issues: &mut Issues, sink: &mut impl FnMut(Event<'_>)) {
        match Segment::of(packet) {
            Some(segment) if self.acknowledge(packet, &segment) => {}
            Some(segment) => self.push_segment(packet, &segment, issues, sink),
            None => self.push_read(packet, Datagram::of(packet).as_ref(), issues, sink),
        }
    }

    /// As [`push`](Self::push), where it is known whether the packet is a datagram with nothing unusual about its headers.
    #[inline]
    pub fn push_read(
        &mut self,
        packet: &Packet<'_>,
        datagram: Option<&Datagram<'_>>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        if let Some(datagram) = datagram
            && self.transports.usual_sip(packet, datagram, issues, sink)
        {
            return;
        }
        match link::peel(packet.link, packet.data) {
            Link::Ip(bytes) => self.ip(packet, Within::OUTSIDE, bytes, packet.is_cut(), issues, sink),
            link => self.beneath(packet, Within::OUTSIDE, link, packet.is_cut(), issues, sink),
        }
    }

    /// As [`push`](Self::push), where it is known that the packet is a segment with nothing unusual about its headers.
    #[inline]
    pub fn push_segment(
        &mut self,
        Packet { at, place, .. }: &Packet<'_>,
        segment: &Segment<'_>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let (ends, stamp) = (Ends { src: segment.src(), dst: segment.dst() }, Stamp { at: *at, place: *place });
        self.transports.tcp(ends, segment.id, 0, &segment.tcp, stamp, issues, sink);
    }

    /// Takes a segment that is known to complete nothing: it does no more than acknowledge what was seen. `false`: it was
    /// not taken, and is to be [pushed](Self::push_segment).
    #[inline]
    pub fn acknowledge(&mut self, packet: &Packet<'_>, segment: &Segment<'_>) -> bool {
        self.transports.connections.acknowledge(segment, Stamp { at: packet.at, place: packet.place })
    }

    /// What the link layer turned out to be, outside or in a tunnel.
    #[inline(never)]
    fn beneath(
        &mut self,
        packet: &Packet<'_>,
        within: Within,
        link: Link<'_>,
        truncated: bool,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        match link {
            Link::Ip(bytes) => self.ip(packet, within, bytes, truncated, issues, sink),
            Link::Several(frames) => {
                for frame in frames {
                    self.beneath(packet, within, link::peel_from(Layer::Llc, frame), truncated, issues, sink);
                }
            }
            Link::NotIp => {}
            Link::Unread(Cause::Malformed(_)) if truncated => unread(packet, Cause::CutShort, issues),
            Link::Unread(cause) => unread(packet, cause, issues),
        }
    }

    #[inline(always)] // The same code for packets outside of tunnels, and once more, out of the way, for those inside.
    fn ip(
        &mut self,
        packet: &Packet<'_>,
        within: Within,
        bytes: &[u8],
        truncated: bool,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let ip = match ip::parse(bytes, truncated) {
            Ok(ip) => ip,
            Err(cause) => return unread(packet, cause, issues),
        };
        // RTP and RTCP (RFC 7983 7): neither SIP nor a tunnel, and nearly all there is.
        if let Carried::Udp(udp @ Udp { to_ip_end: [0x80..=0xbf, ..], .. }) = ip.carried
            && !tunnel::may_begin_like_media(udp.src_port, udp.dst_port)
        {
            return media(packet.at, packet.place, (ip.src(), ip.dst()), ip.dscp, &udp, sink);
        }
        let stamp = Stamp { at: packet.at, place: packet.place };
        let (src, dst) = (ip.src(), ip.dst());
        let around = Around { src, dst, id: ip.id, dscp: ip.dscp, missing: ip.missing, stamp, within };
        let inside = match ip.carried {
            Carried::Udp(udp) => self.transports.udp(packet, &around, &udp, issues, sink),
            Carried::Fragment(fragment) => {
                let (src, dst, tunnel) = (around.src, around.dst, within.id());
                let key = Key { src, dst, id: fragment.id, protocol: fragment.protocol, tunnel };
                let stamp = (packet.at, packet.place);
                let Some(whole) = self.defrag.push(key, &fragment, ip.missing, stamp, issues) else { return };
                let id = Some(fragment.id).filter(|id| *id != 0);
                let around = Around { id, missing: whole.missing, ..around };
                let inside = match ip::transport(fragment.protocol, whole.payload, whole.missing > 0) {
                    Ok(carried) => self.transports.carried(packet, &around, carried, issues, sink),
                    Err(cause) => return unread(packet, cause, issues),
                };
                // What is inside may be a fragment itself, and the joined bytes are only lent.
                let Some(Inside { content, bytes }) = inside else { return };
                let bytes = bytes.to_vec();
                return self.inside(packet, &around, Inside { content, bytes: &bytes }, issues, sink);
            }
            carried => self.transports.carried(packet, &around, carried, issues, sink),
        };
        if let Some(inside) = inside {
            self.inside(packet, &around, inside, issues, sink);
        }
    }

    /// The inside of a tunnel, and of the tunnels in it.
    #[cold]
    #[inline(never)]
    fn inside(
        &mut self,
        packet: &Packet<'_>,
        around: &Around,
        inside: Inside<'_>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let Some(within) = around.within.one_more(around.src, around.dst) else {
            return unread(packet, Cause::NotDecoded("deeper nesting of tunnels"), issues);
        };
        let truncated = around.missing > 0;
        match inside.content {
            Content::Link(layer) => {
                self.beneath(packet, within, link::peel_from(layer, inside.bytes), truncated, issues, sink);
            }
            Content::Protocol(protocol) => {
                let around = Around { within, ..*around };
                let inside = match ip::transport(protocol, inside.bytes, truncated) {
                    Ok(carried) => self.transports.carried(packet, &around, carried, issues, sink),
                    Err(cause) => return unread(packet, cause, issues),
                };
                if let Some(inside) = inside {
                    self.inside(packet, &around, inside, issues, sink);
                }
            }
        }
    }

    /// What time it was on the wire when a packet was captured at `at`. HEP relays what was seen elsewhere and perhaps
    /// long ago; then the time that its packets tell runs on from there.
    #[must_use]
    pub const fn clock(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(at.nanos().saturating_sub(self.transports.lag))
    }

    /// After the last packet: delivers the messages that are whole but for their end, and accounts for what is not.
    pub fn finish(&mut self, issues: &mut Issues, sink: &mut impl FnMut(Event<'_>)) {
        self.defrag.finish(issues);
        let mut lacking = Lacking::default();
        self.transports.connections.finish(issues, &mut lacking.deliver(false, sink));
        lacking.account(issues);
        self.transports.associations.finish(issues);
    }
}

impl Transports {
    /// Gives what is inside, where it is a tunnel.
    // Out of the way of the media packets, which leave before.
    #[inline(never)]
    fn carried<'a>(
        &mut self,
        packet: &Packet<'_>,
        around: &Around,
        carried: Carried<'a>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Option<Inside<'a>> {
        match carried {
            Carried::Udp(udp) => return self.udp(packet, around, &udp, issues, sink),
            Carried::Tcp(tcp) => {
                let Around { src, dst, id, missing, stamp, .. } = *around;
                let ends = Ends { src: SocketAddr::new(src, tcp.src_port), dst: SocketAddr::new(dst, tcp.dst_port) };
                self.tcp(ends, id, missing, &tcp, stamp, issues, sink);
            }
            Carried::Sctp(bytes) => match Sctp::parse(bytes, around.missing > 0) {
                Ok(sctp) => self.sctp(around, &sctp, bytes, issues, sink),
                Err(cause) => unread(packet, cause, issues),
            },
            // Joined fragments that are fragments themselves: no sender makes these.
            Carried::Fragment(_) => unread(packet, Cause::Malformed("IP fragment"), issues),
            Carried::Icmp { protocol, message } => icmp_error(around.stamp, protocol, message, sink),
            Carried::Other(protocol, payload) => match tunnel::of_protocol(protocol, payload, around.missing > 0) {
                Ok(Some(inside)) => return Some(inside),
                Ok(None) => {
                    if let Some(name) = ip::tunnel_of_protocol(protocol) {
                        unread(packet, Cause::NotDecoded(name), issues);
                    }
                }
                Err(cause) => unread(packet, cause, issues),
            },
        }
        None
    }

    /// Gives what is inside, where it is a tunnel.
    #[inline(never)]
    fn udp<'a>(
        &mut self,
        packet: &Packet<'_>,
        around: &Around,
        udp: &Udp<'a>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Option<Inside<'a>> {
        // These first: to the gate their headers may look like junk before a start line.
        if let Some(hep) = Hep::parse(udp.to_ip_end) {
            self.hep(around, &hep, issues, sink);
        } else if let Some(sctp) = sctp_over_udp(udp) {
            self.sctp(around, &sctp, udp.payload, issues, sink);
        } else if self.sip_over_udp(around, udp, issues, sink) {
            // A message, and nothing else.
        } else if let Some(name) = ip::tunnel_of_ports(udp) {
            issues.add(around.stamp.place, Cause::NotDecoded(name), udp.to_ip_end.len() as u64);
        } else {
            match tunnel::of_udp(udp, around.missing > 0) {
                Ok(None) if matches!(udp.payload, [0x80..=0xbf, ..]) => {
                    let Around { src, dst, dscp, stamp, .. } = *around;
                    media(stamp.at, stamp.place, (src, dst), dscp, udp, sink);
                }
                Ok(inside) => return inside,
                Err(cause) => unread(packet, cause, issues),
            }
        }
        None
    }

    /// Whether it is SIP.
    fn sip_over_udp(
        &mut self,
        around: &Around,
        udp: &Udp<'_>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) -> bool {
        // A UDP length that ends in the middle of the message is wrong, the IP length then knows better.
        let ends_early = udp.payload.len() < udp.to_ip_end.len() && !matches!(frame(udp.payload), Frame::Message(_));
        let payload = if ends_early { udp.to_ip_end } else { udp.payload };
        let Some(message) = Message::parse(payload) else {
            return payload.len() < udp.to_ip_end.len() && looks_like_sip(udp.to_ip_end);
        };
        let Around { stamp, missing, id, .. } = *around;
        if missing > 0 {
            issues.add(stamp.place, Cause::CutShort, missing as u64);
        }
        let src = SocketAddr::new(around.src, udp.src_port);
        let dst = SocketAddr::new(around.dst, udp.dst_port);
        let path = Path { src, dst, transport: Transport::Udp };
        self.message(stamp, path, id, payload, message, issues, sink);
        true
    }

    /// Whether a datagram is SIP that may be nothing else, which is taken. Any other goes [the way of all](Self::udp), on
    /// which this one would fare no differently: a test holds them equal.
    #[inline(never)]
    fn usual_sip(
        &mut self,
        packet: &Packet<'_>,
        datagram: &Datagram<'_>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) -> bool {
        let &Datagram { ports, id, payload, .. } = datagram;
        // HEP begins like a method, and SCTP has a port of its own.
        let letter = matches!(payload, [b'A'..=b'Z' | b'a'..=b'z', ..]) && !payload.starts_with(b"HEP3");
        if !letter || (ports >> 16) as u16 == SCTP_PORT || ports as u16 == SCTP_PORT {
            return false;
        }
        let Some(message) = Message::parse(payload) else { return false };
        let path = Path { src: datagram.src(), dst: datagram.dst(), transport: Transport::Udp };
        let stamp = Stamp { at: packet.at, place: packet.place };
        self.message(stamp, path, id, payload, message, issues, sink);
        true
    }

    /// A message that came in a datagram of its own.
    #[inline(always)] // Twice, and the event is to be made where it is taken.
    #[expect(clippy::too_many_arguments, reason = "what a message is, and where to go with it")]
    fn message(
        &mut self,
        Stamp { at, place }: Stamp,
        path: Path,
        id: Option<u32>,
        payload: &[u8],
        message: Message<'_>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        lacks(&message, |what| issues.add(place, Cause::SipIncomplete(what), payload.len() as u64));
        let duplicate = self.duplicates.seen(&path, id, payload, at);
        self.connections.sealed.spoken_at(path.dst);
        self.lag = 0;
        sink(Event { at, place, path, duplicate, correlation: None, what: What::Sip(message) });
    }

    /// A segment. Most of them are simply the next one of their connection, and none of these is a copy of an earlier
    /// one.
    #[expect(clippy::too_many_arguments, reason = "what a segment is, and where to go with what comes of it")]
    fn tcp(
        &mut self,
        ends: Ends,
        id: Option<u32>,
        missing: usize,
        tcp: &Tcp<'_>,
        stamp: Stamp,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let packet = || copies::Packet { src: ends.src, dst: ends.dst, id, number: tcp.seq, payload: tcp.payload };
        let Self { connections, copies, renumbered, .. } = self;
        let (now, earliest) = copies.span();
        if missing == 0 && earliest >= *renumbered {
            let (mut lacking, mut completed) = (Lacking::default(), false);
            let taken = {
                let mut deliver = lacking.deliver(false, sink);
                connections.follow(ends, tcp, stamp, issues, &mut |path, at, message| {
                    copies.keep(path, at.at, stamp, &message, tcp.payload);
                    completed = true;
                    deliver(path, at, message);
                })
            };
            if completed {
                copies.remember(&packet(), stamp.at);
                lacking.account(issues);
            }
            if taken {
                return;
            }
        }
        let before = connections.renumbered;
        copied(copies, &packet(), stamp, issues, sink, |issues, mut emit| {
            connections.push(ends, tcp, missing, stamp, issues, &mut emit);
        });
        if connections.renumbered != before {
            *renumbered = (*renumbered).max(now + 1);
        }
    }

    #[cold]
    fn sctp(
        &mut self,
        around: &Around,
        sctp: &Sctp<'_>,
        payload: &[u8],
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let path = Path {
            src: SocketAddr::new(around.src, sctp.src_port),
            dst: SocketAddr::new(around.dst, sctp.dst_port),
            transport: Transport::Sctp,
        };
        let Path { src, dst, .. } = path;
        let Self { associations, copies, .. } = self;
        let packet = copies::Packet { src, dst, id: around.id, number: copies.number(payload), payload };
        copied(copies, &packet, around.stamp, issues, sink, |issues, mut emit| {
            associations.push(path, sctp, around.stamp, issues, &mut emit);
        });
    }

    #[cold]
    fn hep(&mut self, around: &Around, hep: &Hep<'_>, issues: &mut Issues, sink: &mut impl FnMut(Event<'_>)) {
        let place = around.stamp.place;
        if let Some((at, udp)) = relay::media(hep, around.stamp.at) {
            return media(at, place, (hep.src.ip(), hep.dst.ip()), 0, &udp, sink);
        }
        let missing = hep.missing.max(around.missing);
        let unread = relay::unwrap(hep, around.stamp, |path, stamp, message| {
            if missing > 0 {
                issues.add(place, Cause::CutShort, missing as u64);
            }
            lacks(&message, |what| issues.add(place, Cause::SipIncomplete(what), message.raw().len() as u64));
            // Two collectors, or two agents beside each other: HEP has no identification that would tell.
            let duplicate = self.duplicates.seen(&path, None, message.raw(), stamp.at);
            self.connections.sealed.spoken_at(path.dst);
            self.lag = around.stamp.at.nanos().saturating_sub(stamp.at.nanos());
            let Said { message, correlation } = message;
            let what = What::Sip(message);
            sink(Event { at: stamp.at, place: stamp.place, path, duplicate, correlation, what });
        });
        if let Some((name, bytes)) = unread {
            issues.add(place, Cause::NotDecoded(name), bytes);
        }
    }
}

/// A datagram that begins like media (RFC 7983 7): its second byte tells RTCP from RTP (RFC 5761 4).
#[inline(always)] // Nearly all packets there are: the event is to be made where it is taken.
fn media(
    at: Timestamp,
    place: Place,
    (src, dst): (IpAddr, IpAddr),
    dscp: u8,
    udp: &Udp<'_>,
    sink: &mut impl FnMut(Event<'_>),
) {
    let (src, dst) = (SocketAddr::new(src, udp.src_port), SocketAddr::new(dst, udp.dst_port));
    let rtp = Rtp::parse(udp.payload).map(|rtp| What::Rtp(rtp, dscp));
    if let Some(what) = rtp.or_else(|| Rtcp::parse(udp.payload).map(What::Rtcp)) {
        sink(Event::of_media(at, place, src, dst, what));
    }
}

/// The port of SCTP in UDP (RFC 6951).
const SCTP_PORT: u16 = 9899;

fn sctp_over_udp<'a>(udp: &Udp<'a>) -> Option<Sctp<'a>> {
    if udp.src_port != SCTP_PORT && udp.dst_port != SCTP_PORT {
        return None;
    }
    Sctp::parse(udp.payload, false).ok().filter(Sctp::is_sound)
}

/// An ICMP error whose quote is SIP, or too short to tell what it is.
fn icmp_error(stamp: Stamp, protocol: u8, message: &[u8], sink: &mut impl FnMut(Event<'_>)) {
    let Some(icmp) = icmp::parse(protocol, message) else { return };
    let message = Message::parse(icmp.payload);
    // A UDP quote that begins in another way is media's, or another protocol's. A TCP segment may begin anywhere.
    let letter = icmp.payload.first().is_none_or(u8::is_ascii_alphabetic);
    if message.is_none() && !icmp.tcp && !letter {
        return;
    }
    let transport = if icmp.tcp { Transport::Tcp } else { Transport::Udp };
    let path = Path { src: icmp.src, dst: icmp.dst, transport };
    let what = What::Icmp(Undelivered { error: icmp.error, message });
    sink(Event { at: stamp.at, place: stamp.place, path, duplicate: false, correlation: None, what });
}

#[cold]
#[inline(never)]
fn unread(packet: &Packet<'_>, cause: Cause, issues: &mut Issues) {
    let bytes = match cause {
        Cause::CutShort => packet.original_len as usize - packet.data.len().min(packet.original_len as usize),
        _ => packet.data.len(),
    };
    issues.add(packet.place, cause, bytes as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::LinkType;
    use crate::time::Timestamp;
    use etherparse::{IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, PacketBuilder};
    use proptest::prelude::*;

    const OPTIONS: &[u8] =
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\r\nbody";

    /// A frame as it was captured.
    #[derive(Clone)]
    struct Frame {
        micros: i64,
        link: LinkType,
        cut: usize,
        data: Vec<u8>,
    }

    impl Frame {
        fn at(mut self, millis: i64) -> Self {
            self.micros = millis * 1000;
            self
        }
    }

    fn raw(data: Vec<u8>) -> Frame {
        Frame { micros: 0, link: LinkType::RAW, cut: 0, data }
    }

    fn v4(id: u16, protocol: IpNumber) -> IpHeaders {
        let mut header = Ipv4Header::new(0, 64, protocol, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
        header.identification = id;
        header.dont_fragment = false;
        IpHeaders::Ipv4(header, Ipv4Extensions::default())
    }

    fn udp(id: u16, payload: &[u8]) -> Frame {
        let mut data = Vec::new();
        PacketBuilder::ip(v4(id, IpNumber::UDP)).udp(5060, 5070).write(&mut data, payload).unwrap();
        raw(data)
    }

    fn on_port(port: u16, payload: &[u8]) -> Frame {
        let mut frame = udp(1, payload);
        frame.data[22..24].copy_from_slice(&port.to_be_bytes());
        frame
    }

    fn raw_of(protocol: u8, payload: &[u8]) -> Frame {
        let mut data = Vec::new();
        PacketBuilder::ip(v4(1, IpNumber(protocol))).write(&mut data, IpNumber(protocol), payload).unwrap();
        raw(data)
    }

    fn udp_v6(payload: &[u8]) -> Frame {
        let mut data = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).udp(5060, 5070).write(&mut data, payload).unwrap();
        raw(data)
    }

    fn tcp(seq: u32, payload: &[u8]) -> Frame {
        let mut data = Vec::new();
        PacketBuilder::ip(v4(1, IpNumber::TCP)).tcp(5060, 5070, seq, 9).write(&mut data, payload).unwrap();
        raw(data)
    }

    /// One frame's IPv4 packet as two fragments.
    fn fragments(whole: &Frame, at: usize) -> [Frame; 2] {
        let part = |range: std::ops::Range<usize>, flags: u16| {
            let mut data = [&whole.data[..20], &whole.data[20..][range.clone()]].concat();
            data[2..4].copy_from_slice(&(20 + range.len() as u16).to_be_bytes());
            data[6..8].copy_from_slice(&(flags | (range.start / 8) as u16).to_be_bytes());
            Frame { data, ..whole.clone() }
        };
        [part(0..at, 0x2000), part(at..whole.data.len() - 20, 0)]
    }

    /// (frame, duplicate) of each event.
    type Seen = Vec<(u64, bool)>;
    /// The issues, as (key, count).
    type Counted = Vec<(String, u64)>;

    fn run(frames: &[Frame]) -> (Seen, Counted) {
        run_by(Assembler::new(), frames)
    }

    fn run_by(mut assembler: Assembler, frames: &[Frame]) -> (Seen, Counted) {
        let (mut issues, mut out) = (Issues::default(), Vec::new());
        let mut sink = |event: Event<'_>| {
            if let What::Sip(_) = event.what {
                out.push((event.place.frame, event.duplicate));
            }
        };
        for (n, frame) in frames.iter().enumerate() {
            let packet = Packet {
                place: Place { file: 0, frame: n as u64 + 1 },
                section: 0,
                at: Timestamp::from_nanos(frame.micros * 1000),
                link: frame.link,
                original_len: (frame.data.len() + frame.cut) as u32,
                data: &frame.data,
            };
            assembler.push(&packet, &mut issues, &mut sink);
        }
        assembler.finish(&mut issues, &mut sink);
        (out, issues.of_file(0).map(|(cause, tally)| (cause.key(), tally.count)).collect())
    }

    fn sctp(tsn: u8) -> Vec<u8> {
        let mut chunk = vec![0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 7, 0, 0, 0, 0, 0, 3, 0, OPTIONS.len() as u8 + 16];
        chunk.extend([0, 0, 0, tsn, 0, 0, 0, 0, 0, 0, 0, 0]);
        chunk.extend_from_slice(OPTIONS);
        chunk.resize(chunk.len().div_ceil(4) * 4, 0);
        chunk
    }

    /// HEP of the second 7 since 1970 with this chunk of payload.
    fn hep(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = b"HEP3\0\0".to_vec();
        let chunks: [(u8, &[u8]); 4] = [(3, &[1; 4]), (4, &[2; 4]), (9, &[0, 0, 0, 7]), (kind, payload)];
        for (kind, data) in chunks {
            out.extend([0, 0, 0, kind, 0, data.len() as u8 + 6]);
            out.extend_from_slice(data);
        }
        out[5] = out.len() as u8;
        out
    }

    /// The same with a payload of this protocol type.
    fn hep_of(protocol_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = [&hep(15, payload)[..], &[0, 0, 0, 11, 0, 7, protocol_type]].concat();
        out[5] += 7;
        out
    }

    #[test]
    fn media_in_hep_count_with_their_own_time_and_addresses() {
        let rtp = [&[0x80, 0x08, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9][..], &[0x55; 80]].concat();
        let frames = [udp(1, &hep_of(4, &rtp)), udp(2, &hep_of(5, &[0x80, 201, 0, 1, 0, 0, 0, 9]))];
        let (mut assembler, mut issues, mut seen) = (Assembler::new(), Issues::default(), Vec::new());
        for frame in &frames {
            let place = Place { file: 0, frame: 1 };
            let original_len = frame.data.len() as u32;
            let at = Timestamp::from_millis(900_000);
            let packet = Packet { section: 0, place, at, link: frame.link, original_len, data: &frame.data };
            assembler.push(&packet, &mut issues, &mut |event| {
                assert_eq!((event.at, event.path.src.to_string()), (Timestamp::from_millis(7_000), "1.1.1.1:0".into()));
                seen.push(match event.what {
                    What::Rtp(rtp, _) => rtp.payload.len(),
                    What::Rtcp(_) => 200,
                    _ => 0,
                });
            });
        }
        assert_eq!((seen, issues.of_file(0).count()), (vec![80, 200], 0));
    }

    #[test]
    fn hep_counts_with_its_own_time_and_addresses() {
        let packed = {
            use std::io::Write;
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            zlib.write_all(OPTIONS).unwrap();
            zlib.finish().unwrap()
        };
        for payload in [hep(15, OPTIONS), hep(16, &packed)] {
            let (mut assembler, mut issues, mut seen) = (Assembler::new(), Issues::default(), 0);
            let frame = udp(1, &payload);
            let at = Timestamp::from_millis(900_000);
            let packet = Packet {
                section: 0,
                place: Place { file: 0, frame: 1 },
                at,
                link: frame.link,
                original_len: frame.data.len() as u32,
                data: &frame.data,
            };
            assert_eq!(assembler.clock(at), at);
            assembler.push(&packet, &mut issues, &mut |event| {
                assert_eq!((event.at, event.path.src.to_string()), (Timestamp::from_millis(7_000), "1.1.1.1:0".into()));
                seen += 1;
            });
            assert_eq!((seen, assembler.clock(at)), (1, Timestamp::from_millis(7_000)));
        }
    }

    #[test]
    fn packets_become_events() {
        let [first, last] = fragments(&udp(5, OPTIONS), 64);
        let cut = |mut frame: Frame, len: usize| {
            frame.data.truncate(frame.data.len() - len);
            frame.cut = len;
            frame
        };
        let short = |length: u16| {
            let mut frame = udp(6, OPTIONS);
            frame.data[24..26].copy_from_slice(&length.to_be_bytes());
            frame
        };
        let mut rtp = vec![0x80; 172];
        rtp[1] = 0;
        let icmp = {
            let mut data = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 0, 0, 0, 0, 0, 0];
            data.extend(udp(1, OPTIONS).data);
            raw(data)
        };
        let unnamed = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n";
        type Case<'a> = (&'a str, Vec<Frame>, &'a [(u64, bool)], &'a [(&'a str, u64)]);
        let cases: Vec<Case<'_>> = vec![
            ("one message", vec![udp(1, OPTIONS)], &[(1, false)], &[]),
            ("over IPv6", vec![udp_v6(OPTIONS)], &[(1, false)], &[]),
            ("media", vec![udp(1, &rtp)], &[], &[]),
            ("fragments", vec![last.clone(), first.clone()], &[(2, false)], &[]),
            ("fragments, one lost", vec![first.clone()], &[], &[("fragments_incomplete", 1)]),
            ("fragments, mirrored", vec![first.clone(), first, last.clone(), last], &[(3, false), (4, true)], &[]),
            ("UDP length too small", vec![short(30)], &[(1, false)], &[]),
            ("UDP length too large", vec![short(9000)], &[(1, false)], &[]),
            ("mirrored", vec![udp(1, OPTIONS), udp(1, OPTIONS).at(20)], &[(1, false), (2, true)], &[]),
            ("sent again", vec![udp(1, OPTIONS), udp(2, OPTIONS).at(10)], &[(1, false), (2, false)], &[]),
            ("sent again, no id", vec![udp(0, OPTIONS), udp(0, OPTIONS).at(500)], &[(1, false), (2, false)], &[]),
            ("mirrored, no id", vec![udp_v6(OPTIONS), udp_v6(OPTIONS).at(2)], &[(1, false), (2, true)], &[]),
            ("cut in its body", vec![cut(udp(1, OPTIONS), 2)], &[(1, false)], &[("cut_short", 1)]),
            ("media cut", vec![cut(udp(1, &rtp), 100)], &[], &[]),
            ("cut in its headers", vec![cut(udp(1, OPTIONS), OPTIONS.len() + 1)], &[], &[("cut_short", 1)]),
            ("over TCP", vec![tcp(1, &OPTIONS[..50]), tcp(51, &OPTIONS[50..])], &[(2, false)], &[]),
            ("TCP, mirrored", vec![tcp(1, OPTIONS), tcp(1, OPTIONS)], &[(1, false), (2, true)], &[]),
            ("TCP, never ended", vec![tcp(1, &OPTIONS[..OPTIONS.len() - 1])], &[(1, false)], &[]),
            (
                "over SCTP, mirrored",
                vec![raw_of(132, &sctp(1)), raw_of(132, &sctp(1)), raw_of(132, &sctp(2))],
                &[(1, false), (2, true), (3, false)],
                &[],
            ),
            ("SCTP without a header", vec![raw_of(132, &[1])], &[], &[("malformed_sctp_header", 1)]),
            ("over SCTP in UDP", vec![on_port(9899, &sctp(1)), on_port(9899, b"x")], &[(1, false)], &[]),
            ("in HEP", vec![udp(1, &hep(15, OPTIONS)), udp(2, &hep(15, OPTIONS))], &[(1, false), (2, true)], &[]),
            (
                "in HEP, damaged",
                vec![udp(1, &hep(16, b"no zlib")), udp(2, b"HEP3")],
                &[],
                &[("not_decoded_compressed_payload_of_hep", 1), ("not_decoded_hep", 1)],
            ),
            (
                "in HEP, of other types",
                vec![udp(1, &hep_of(5, b"{}")), udp(2, &hep_of(100, b"a line")), udp(3, &hep_of(5, b"{}"))],
                &[],
                &[("not_decoded_hep_rtcp_report", 2), ("not_decoded_hep_payload", 1)],
            ),
            (
                "in HEP over TCP, of other types",
                vec![tcp(
                    1,
                    &[hep_of(1, OPTIONS), hep_of(5, b"{}"), hep_of(4, &rtp[..20]), hep_of(1, OPTIONS)].concat(),
                )],
                &[(1, false), (1, false)],
                &[("not_decoded_hep_rtcp_report", 1), ("not_decoded_media_in_hep_over_tcp", 1)],
            ),
            ("in HEP, cut", vec![cut(udp(1, &hep(15, OPTIONS)), 2)], &[(1, false)], &[("cut_short", 1)]),
            ("an ICMP error", vec![icmp], &[], &[]),
            (
                "without Call-ID",
                vec![udp(1, unnamed)],
                &[(1, false)],
                &[("sip_without_cseq", 1), ("sip_without_call_id", 1)],
            ),
            ("a link type", vec![Frame { link: LinkType(147), ..raw(vec![1]) }], &[], &[("link_type_147", 1)]),
        ];
        for (name, frames, events, issues) in cases {
            let (out, mut counted) = run(&frames);
            assert_eq!(out, events, "{name}");
            let mut issues: Vec<(String, u64)> =
                issues.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
            issues.sort();
            counted.sort();
            assert_eq!(counted, issues, "{name}");
        }
    }

    #[test]
    fn media_become_events_wherever_they_are() {
        let rtp = |payload: usize| [&[0x80, 0x08, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9][..], &vec![0x55; payload]].concat();
        let rtcp = [0x80, 201, 0, 1, 0, 0, 0, 9];
        let whole = udp(3, &rtp(160));
        let [first, last] = fragments(&udp(5, &rtp(160)), 64);
        let cut = Frame { cut: 160, data: whole.data[..40].to_vec(), ..whole.clone() };
        let tos = |mut frame: Frame| {
            frame.data[1] = 46 << 2 | 1;
            frame
        };
        let vxlan = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &[2; 12], &[8, 0], &whole.data].concat();
        /// The frames; the payload type (200 for RTCP), the bytes of payload and the DSCP of each event.
        type Case<'a> = (&'a str, Vec<Frame>, Vec<(u8, usize, u8)>);
        let cases: Vec<Case<'_>> = vec![
            ("plain", vec![whole.clone()], vec![(8, 160, 0)]),
            ("marked", vec![tos(whole.clone())], vec![(8, 160, 46)]),
            ("over IPv6", vec![udp_v6(&rtp(160))], vec![(8, 160, 0)]),
            ("in fragments", vec![first, last], vec![(8, 160, 0)]),
            ("cut behind its header", vec![cut], vec![(8, 0, 0)]),
            ("in IP", vec![raw_of(4, &whole.data)], vec![(8, 160, 0)]),
            ("in VXLAN", vec![on_port(4789, &vxlan)], vec![(8, 160, 0)]),
            ("on VXLAN's port", vec![on_port(4789, &rtp(160))], vec![(8, 160, 0)]),
            ("RTCP", vec![udp(3, &rtcp)], vec![(200, 0, 0)]),
            ("RTCP of a wrong length", vec![udp(3, &[0x80, 201, 9, 9, 0, 0, 0, 9])], vec![]),
            ("too short", vec![udp(3, &rtp(0)[..11])], vec![]),
            ("neither", vec![udp(3, &[0x40; 40]), udp(3, &[0xc0; 40])], vec![]),
        ];
        for (name, frames, expected) in cases {
            let (mut assembler, mut issues, mut seen) = (Assembler::new(), Issues::default(), Vec::new());
            for frame in &frames {
                let packet = Packet {
                    place: Place { file: 0, frame: 1 },
                    section: 0,
                    at: Timestamp::default(),
                    link: frame.link,
                    original_len: (frame.data.len() + frame.cut) as u32,
                    data: &frame.data,
                };
                assembler.push(&packet, &mut issues, &mut |event| match event.what {
                    What::Rtp(rtp, dscp) => seen.push((rtp.payload_type, rtp.payload.len(), dscp)),
                    What::Rtcp(_) => seen.push((200, 0, 0)),
                    _ => {}
                });
            }
            assert_eq!(seen, expected, "{name}");
            assert_eq!(issues.of_file(0).count(), 0, "{name}");
        }
    }

    #[test]
    fn icmp_errors_about_what_may_be_sip() {
        let error = |quote: &[u8]| {
            let mut data =
                vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1, 3, 3, 0, 0, 0, 0, 0, 0];
            data.extend(quote);
            raw(data)
        };
        /// What is quoted, and of the event, if there is one, the Call-ID, if that was quoted.
        type Case<'a> = (&'a str, Vec<u8>, Option<Option<&'a [u8]>>);
        let cases: &[Case<'_>] = &[
            ("SIP", udp(1, OPTIONS).data, Some(Some(b"1"))),
            ("SIP, cut before its Call-ID", udp(1, OPTIONS).data[..60].to_vec(), Some(None)),
            ("SIP, cut in its first line", udp(1, OPTIONS).data[..40].to_vec(), Some(None)),
            ("no more than the ports", udp(1, OPTIONS).data[..28].to_vec(), Some(None)),
            ("RTP", udp(1, &[0x80; 40]).data, None),
            ("DNS", udp(1, &[0x12, 0x34, 1, 0, 0, 1]).data, None),
            ("TCP", tcp(1, b"ontact: <sip:b>").data, Some(None)),
            ("ICMP", vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 8, 0, 0, 0], None),
        ];
        for (name, quote, expected) in cases {
            let frame = error(quote);
            let (mut assembler, mut issues, mut out) = (Assembler::new(), Issues::default(), Vec::new());
            let packet = Packet {
                place: Place { file: 0, frame: 1 },
                section: 0,
                at: Timestamp::default(),
                link: frame.link,
                original_len: frame.data.len() as u32,
                data: &frame.data,
            };
            assembler.push(&packet, &mut issues, &mut |event| {
                let What::Icmp(Undelivered { error, message }) = event.what else { panic!("{name}: a message") };
                assert_eq!(
                    (error, event.path.dst.to_string().as_str()),
                    ("port unreachable", "10.0.0.2:5070"),
                    "{name}"
                );
                out.push(message.and_then(|message| message.call_id().map(<[u8]>::to_vec)));
            });
            let out: Vec<_> = out.iter().map(Option::as_deref).collect();
            assert_eq!(out, expected.iter().copied().collect::<Vec<_>>(), "{name}");
            assert_eq!(issues.of_file(0).count(), 0, "{name}");
        }
    }

    /// What comes of datagrams, each between these ports, if their headers are read in one look, and if they are not.
    fn read_both_ways(datagrams: &[(u16, u16, Vec<u8>)]) -> [String; 2] {
        [true, false].map(|looked| {
            let (mut assembler, mut issues, mut out) = (Assembler::new(), Issues::default(), String::new());
            let mut sink = |event: Event<'_>| out += &format!("{event:?}\n");
            for (n, (src, dst, payload)) in (1..).zip(datagrams) {
                let mut frame = on_port(*dst, payload);
                frame.data[20..22].copy_from_slice(&src.to_be_bytes());
                let (place, original_len) = (Place { file: 0, frame: n }, frame.data.len() as u32);
                let at = Timestamp::from_millis(n as i64);
                let packet = Packet { place, section: 0, at, link: frame.link, original_len, data: &frame.data };
                let datagram = Datagram::of(&packet);
                assert!(datagram.is_some());
                assembler.push_read(&packet, datagram.as_ref().filter(|_| looked), &mut issues, &mut sink);
            }
            out += &format!("{:?}", issues.of_file(0).collect::<Vec<_>>());
            out
        })
    }

    proptest! {
        #[test]
        fn a_segment_that_is_followed_is_no_copy(steps in proptest::collection::vec(
            (any::<bool>(), 0u8..20, 1usize..200, 0i64..9000), 0..80,
        )) {
            let stream = OPTIONS.repeat(40);
            let (mut frames, mut sent, mut id) = (Vec::<Frame>::new(), 1000_u32, 0);
            for (n, (again, what, len, micros)) in (0..).zip(steps) {
                let at = sent.wrapping_sub(1000) as usize % stream.len();
                let len = if what < 14 { OPTIONS.len() } else { len };
                let payload = &stream[at..(at + len).min(stream.len())];
                let mut frame = match frames.len().checked_sub(usize::from(what) / 2 + 1) {
                    // A copy of one of the last packets, whose order is not kept.
                    Some(of) if again && what < 16 => frames[of].clone(),
                    _ => {
                        let begins = what > 17;
                        // Another connection between the same ports, or the same one from here on.
                        sent = if begins { 1000 + (what as u32 - 18) * OPTIONS.len() as u32 } else { sent };
                        let mut data = Vec::new();
                        id += u16::from(micros < 8000);
                        let ip = PacketBuilder::ip(v4(id * u16::from(micros % 5 > 0), IpNumber::TCP));
                        let tcp = ip.tcp(5060, 5070, if begins { sent - 1 } else { sent }, 9);
                        let (tcp, payload) = if begins { (tcp.syn(), &[][..]) } else { (tcp, payload) };
                        tcp.write(&mut data, payload).unwrap();
                        sent += payload.len() as u32;
                        raw(data)
                    }
                };
                frame.micros = n * 300 + if what == 17 { -micros } else { 0 };
                frames.push(frame);
            }
            let [one, other] = [0, u64::MAX].map(|renumbered| {
                let mut assembler = Assembler::new();
                // Nothing is followed where everything may be a copy.
                assembler.transports.renumbered = renumbered;
                run_by(assembler, &frames)
            });
            prop_assert_eq!(one, other);
        }

        #[test]
        fn datagrams_read_in_one_look_fare_no_differently(datagrams in proptest::collection::vec((
            prop_oneof![Just(5060_u16), Just(SCTP_PORT), any::<u16>()],
            prop_oneof![Just(5060_u16), Just(SCTP_PORT), Just(2152), Just(4789), Just(37008)],
            prop_oneof![
                Just(OPTIONS.to_vec()),
                Just(OPTIONS[..60].to_vec()),
                Just(b"SIP/2.0 200 OK\r\n\r\n".to_vec()),
                Just(hep(15, OPTIONS)),
                Just([b"HEP3 sip:a@b SIP/2.0\r\n", &OPTIONS[25..]].concat()),
                Just(sctp(1)),
                Just(b"Bonjour".to_vec()),
                Just([&[0x80, 8, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9][..], &[0x55; 80]].concat()),
                proptest::collection::vec(any::<u8>(), 0..30),
            ],
            proptest::collection::vec((0_usize..40, any::<u8>()), 0..2),
        ), 0..9)) {
            let datagrams: Vec<_> = datagrams.into_iter().map(|(src, dst, mut payload, changes)| {
                for (at, byte) in changes {
                    payload.splice(at.min(payload.len())..(at + 1).min(payload.len()), [byte]);
                }
                (src, dst, payload)
            }).collect();
            let [one, other] = read_both_ways(&datagrams);
            prop_assert_eq!(one, other);
        }

        #[test]
        fn no_packets_surprise_it(frames in proptest::collection::vec(
            (prop_oneof![Just(0u16), Just(1), Just(101), Just(113), Just(276)], proptest::collection::vec(any::<u8>(), 0..90), 0u8..8, any::<i32>()), 0..40)) {
            let frames: Vec<Frame> = frames.into_iter().map(|(link, mut data, shape, micros)| {
                // Half of them are headers as they should be over bytes as they come.
                let heads: [&[u8]; 4] = [
                    &[0x45, 0, 0, 60, 0, 1, 0x20, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
                    &[0x45, 0, 0, 90, 0, 1, 0, 0, 64, 6, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
                    &[0x60, 0, 0, 0, 0, 50, 44, 64],
                    &[0x45, 0, 0, 0, 0, 1, 0, 1, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
                ];
                let link = match heads.get(usize::from(shape)) {
                    Some(head) => { data.splice(0..0, head.iter().copied()); 101 }
                    None => link,
                };
                Frame { micros: i64::from(micros), link: LinkType(link), cut: usize::from(shape), data }
            }).collect();
            run(&frames);
        }
    }
}

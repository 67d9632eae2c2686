//! One packet in, the messages that it completes out. Knows the order of the stages, and leaves each its own rules.

use std::net::{IpAddr, SocketAddr};

use super::defrag::{Defrag, Key};
use super::duplicate::Duplicates;
use super::split::Stamp;
use super::tcp::{Connections, Ends};
use crate::event::{Event, Path, Transport, What};
use crate::issue::{Cause, Issues};
use crate::packet::{Packet, Place};
use crate::wire::ip::{self, Carried, Udp};
use crate::wire::keylog::Secrets;
use crate::wire::link::{self, Link};
use crate::wire::sip::{Frame, Message, frame, looks_like_sip};

/// Turns packets into events. Feed it the packets of all captures in the order of time.
#[derive(Debug)]
pub struct Assembler {
    defrag: Defrag,
    transports: Transports,
}

/// What comes after IP.
#[derive(Debug)]
struct Transports {
    connections: Connections,
    duplicates: Duplicates,
}

/// What the transports are told of the IP packet around them.
struct Around {
    src: IpAddr,
    dst: IpAddr,
    id: Option<u32>,
    missing: usize,
    stamp: Stamp,
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
            transports: Transports { connections: Connections::default(), duplicates: Duplicates::new() },
        }
    }

    /// Opens TLS with these secrets.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.transports.connections.secrets = secrets;
        self
    }

    /// Takes a key log that a capture carries; lines that are none are counted at `place`.
    pub fn learn(&mut self, key_log: &[u8], place: Place, issues: &mut Issues) {
        let unusable = self.transports.connections.secrets.read(key_log);
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
        let bytes = match link::peel(packet.link, packet.data) {
            Link::Ip(bytes) => bytes,
            Link::NotIp => return,
            Link::Unread(cause) => return unread(packet, cause, issues),
        };
        let truncated = packet.is_cut();
        let ip = match ip::parse(bytes, truncated) {
            Ok(ip) => ip,
            Err(cause) => return unread(packet, cause, issues),
        };
        // RTP and RTCP (RFC 7983 7): neither SIP nor a tunnel, and nearly all there is.
        if let Carried::Udp(Udp { to_ip_end: [0x80..=0xbf, ..], .. }) = ip.carried {
            return;
        }
        let around = Around {
            src: ip.src(),
            dst: ip.dst(),
            id: ip.id,
            missing: ip.missing,
            stamp: Stamp { at: packet.at, place: packet.place },
        };
        match ip.carried {
            Carried::Udp(udp) => self.transports.udp(&around, &udp, issues, sink),
            Carried::Fragment(fragment) => {
                let key = Key { src: around.src, dst: around.dst, id: fragment.id, protocol: fragment.protocol };
                let stamp = (packet.at, packet.place);
                let Some(whole) = self.defrag.push(key, &fragment, ip.missing, stamp, issues) else { return };
                let id = Some(fragment.id).filter(|id| *id != 0);
                let around = Around { id, missing: whole.missing, ..around };
                match ip::transport(fragment.protocol, whole.payload, whole.missing > 0) {
                    Ok(carried) => self.transports.carried(packet, &around, carried, issues, sink),
                    Err(cause) => unread(packet, cause, issues),
                }
            }
            carried => self.transports.carried(packet, &around, carried, issues, sink),
        }
    }

    /// After the last packet: delivers the messages that are whole but for their end, and accounts for what is not.
    pub fn finish(&mut self, issues: &mut Issues, sink: &mut impl FnMut(Event<'_>)) {
        self.defrag.finish(issues);
        let mut lacking = Lacking::default();
        self.transports.connections.finish(issues, &mut lacking.deliver(sink));
        lacking.account(issues);
    }
}

impl Transports {
    // Out of the way of the media packets, which leave through `udp`.
    #[inline(never)]
    fn carried(
        &mut self,
        packet: &Packet<'_>,
        around: &Around,
        carried: Carried<'_>,
        issues: &mut Issues,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        match carried {
            Carried::Udp(udp) => self.udp(around, &udp, issues, sink),
            Carried::Tcp(tcp) => {
                let ends = Ends {
                    src: SocketAddr::new(around.src, tcp.src_port),
                    dst: SocketAddr::new(around.dst, tcp.dst_port),
                };
                let mut lacking = Lacking::default();
                let Around { missing, stamp, .. } = *around;
                self.connections.push(ends, &tcp, missing, stamp, issues, &mut lacking.deliver(sink));
                lacking.account(issues);
            }
            // Joined fragments that are fragments themselves: no sender makes these.
            Carried::Fragment(_) => unread(packet, Cause::Malformed("IP fragment"), issues),
            Carried::Other(protocol) => {
                if let Some(name) = ip::tunnel_of_protocol(protocol) {
                    unread(packet, Cause::NotDecoded(name), issues);
                }
            }
        }
    }

    #[inline(never)]
    fn udp(&mut self, around: &Around, udp: &Udp<'_>, issues: &mut Issues, sink: &mut impl FnMut(Event<'_>)) {
        if looks_like_sip(udp.to_ip_end) {
            self.sip_over_udp(around, udp, issues, sink);
        } else if let Some(name) = ip::tunnel_of_ports(udp) {
            issues.add(around.stamp.place, Cause::NotDecoded(name), udp.to_ip_end.len() as u64);
        }
    }

    fn sip_over_udp(&mut self, around: &Around, udp: &Udp<'_>, issues: &mut Issues, sink: &mut impl FnMut(Event<'_>)) {
        // A UDP length that ends in the middle of the message is wrong, the IP length then knows better.
        let ends_early = udp.payload.len() < udp.to_ip_end.len() && !matches!(frame(udp.payload), Frame::Message(_));
        let payload = if ends_early { udp.to_ip_end } else { udp.payload };
        let Some(message) = Message::parse(payload) else { return };
        let Around { stamp, missing, .. } = *around;
        if missing > 0 {
            issues.add(stamp.place, Cause::CutShort, missing as u64);
        }
        lacks(&message, |what| issues.add(stamp.place, Cause::SipIncomplete(what), payload.len() as u64));
        let src = SocketAddr::new(around.src, udp.src_port);
        let dst = SocketAddr::new(around.dst, udp.dst_port);
        let duplicate = self.duplicates.seen(src, dst, around.id, payload, stamp.at);
        let path = Path { src, dst, transport: Transport::Udp };
        sink(Event { at: stamp.at, place: stamp.place, path, duplicate, what: What::Sip(message) });
    }
}

/// What messages out of TCP lacked, to be counted once the connections have let go of the account.
#[derive(Default)]
struct Lacking(Vec<(Place, &'static str, usize)>);

impl Lacking {
    /// Makes events of messages.
    fn deliver(&mut self, sink: &mut impl FnMut(Event<'_>)) -> impl FnMut(Path, Stamp, Message<'_>) {
        |path, stamp, message| {
            lacks(&message, |what| self.0.push((stamp.place, what, message.raw().len())));
            sink(Event { at: stamp.at, place: stamp.place, path, duplicate: false, what: What::Sip(message) });
        }
    }

    fn account(self, issues: &mut Issues) {
        for (place, what, len) in self.0 {
            issues.add(place, Cause::SipIncomplete(what), len as u64);
        }
    }
}

/// Names what a message needs to be matched with others, and has not (RFC 3261 8.1.1).
fn lacks(message: &Message<'_>, mut say: impl FnMut(&'static str)) {
    if message.call_id().is_none() {
        say("Call-ID");
    }
    if message.cseq().is_none() {
        say("CSeq");
    }
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
        let (mut assembler, mut issues, mut out) = (Assembler::new(), Issues::default(), Vec::new());
        let mut sink = |event: Event<'_>| out.push((event.place.frame, event.duplicate));
        for (n, frame) in frames.iter().enumerate() {
            let packet = Packet {
                place: Place { file: 0, frame: n as u64 + 1 },
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
        let gre = raw(vec![0x45, 0, 0, 24, 0, 0, 0, 0, 64, 47, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 8, 0]);
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
            ("TCP, mirrored", vec![tcp(1, OPTIONS), tcp(1, OPTIONS)], &[(1, false)], &[]),
            ("TCP, never ended", vec![tcp(1, &OPTIONS[..OPTIONS.len() - 1])], &[(1, false)], &[]),
            ("a tunnel", vec![gre.clone(), gre], &[], &[("not_decoded_gre", 2)]),
            ("an ICMP error", vec![icmp], &[], &[]),
            (
                "without Call-ID",
                vec![udp(1, unnamed)],
                &[(1, false)],
                &[("sip_without_cseq", 1), ("sip_without_call_id", 1)],
            ),
            ("a link type", vec![Frame { link: LinkType(105), ..raw(vec![1]) }], &[], &[("link_type_105", 1)]),
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

    proptest! {
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

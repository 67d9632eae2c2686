//! A network under capture: what is sent becomes frames, and frames a capture file. Knows nothing of calls.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use etherparse::{
    EtherType, Ethernet2Header, IpFragOffset, IpHeaders, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder, VlanId,
};
use pcap_file::pcap::{PcapPacket, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;

use super::carriers;

/// When every capture starts: 2026-01-01T00:00:00Z, in seconds since 1970.
pub(crate) const EPOCH: u64 = 1_767_225_600;
/// Milliseconds from one packet to the next where the test says nothing else.
pub(crate) const STEP: u64 = 5;

/// An address and port that sends and receives.
pub(crate) type Host = SocketAddr;

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// One datagram per message.
    Udp,
    /// A stream per pair of hosts, opened by a handshake, cut into segments of at most so many bytes.
    Tcp(usize),
    /// A WebSocket per pair of hosts over TCP, one frame per message, cut into segments of at most so many bytes.
    WebSocket(usize),
    /// SCTP in IP, or in UDP, in chunks of at most so many bytes.
    Sctp(usize, bool),
    /// A datagram per message to a HEP collector, a second after a capture agent saw it; the version, 2 or 3.
    Hep(u8),
}

/// A message as it went over one hop.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    pub(crate) src: Host,
    pub(crate) dst: Host,
    pub(crate) bytes: Vec<u8>,
    over: Over,
    ip_id: u16,
}

impl Sent {
    /// The request line or status line.
    pub(crate) fn start_line(&self) -> String {
        let line = self.bytes.split(|&b| b == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }

    /// A response, not a request.
    pub(crate) fn is_response(&self) -> bool {
        self.bytes.starts_with(b"SIP/2.0 ")
    }
}

type Sees = Box<dyn Fn(&Sent) -> bool>;

struct Wire {
    now: u64,
    ip_id: u16,
    numbers: u32,
    fragment: Option<usize>,
    vlan: Option<u16>,
    sees: Option<Sees>,
    /// Next sequence number of each direction of each TCP stream.
    streams: HashMap<(Host, Host), u32>,
    sent: Vec<Sent>,
    frames: Vec<(u64, Vec<u8>)>,
}

/// A network under capture: hosts talk, everything that is seen becomes a frame. Clones are the same network.
#[derive(Clone)]
pub(crate) struct Scenario(Rc<RefCell<Wire>>);

impl Scenario {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(Wire {
            now: 0,
            ip_id: 0,
            numbers: 0,
            fragment: None,
            vlan: None,
            sees: None,
            streams: HashMap::new(),
            sent: Vec::new(),
            frames: Vec::new(),
        })))
    }

    /// `10.0.0.1`, `10.0.0.1:5080`, `2001:db8::1`, `[2001:db8::1]:5080`; port 5060 where none is given.
    pub(crate) fn host(&self, address: &str) -> Host {
        let with_port = || address.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 5060));
        address.parse().or_else(|_| with_port()).expect("an address")
    }

    /// The next packet is captured so many milliseconds after the start. May step back, as merged captures do.
    pub(crate) fn at(&self, ms: u64) -> &Self {
        self.0.borrow_mut().now = ms;
        self
    }

    /// The next packet is captured so many milliseconds later than it would have been.
    pub(crate) fn wait(&self, ms: u64) -> &Self {
        self.0.borrow_mut().now += ms;
        self
    }

    /// UDP over IPv4 longer than so many bytes of IP payload (a multiple of 8) is fragmented from here on.
    pub(crate) fn fragment(&self, bytes: Option<usize>) -> &Self {
        self.0.borrow_mut().fragment = bytes;
        self
    }

    /// Frames are tagged with this VLAN from here on.
    pub(crate) fn vlan(&self, id: Option<u16>) -> &Self {
        self.0.borrow_mut().vlan = id;
        self
    }

    /// From here on only the messages that `sees` accepts are captured; what is sent stays the same.
    pub(crate) fn capture_only(&self, sees: impl Fn(&Sent) -> bool + 'static) -> &Self {
        self.0.borrow_mut().sees = Some(Box::new(sees));
        self
    }

    /// From here on everything is captured again.
    pub(crate) fn capture_all(&self) -> &Self {
        self.0.borrow_mut().sees = None;
        self
    }

    /// Sends SIP as written over UDP: line ends become CR LF, a missing blank line at the end is added.
    pub(crate) fn send(&self, src: Host, dst: Host, text: &str) -> &Self {
        let mut text = text.trim_start().replace("\r\n", "\n").replace('\n', "\r\n");
        if !text.contains("\r\n\r\n") {
            text.push_str(if text.ends_with("\r\n") { "\r\n" } else { "\r\n\r\n" });
        }
        self.send_bytes(src, dst, Over::Udp, text.as_bytes())
    }

    /// Sends exactly these bytes.
    pub(crate) fn send_bytes(&self, src: Host, dst: Host, over: Over, bytes: &[u8]) -> &Self {
        let wire = &mut *self.0.borrow_mut();
        wire.ip_id += 1;
        let sent = Sent { at: wire.now, src, dst, bytes: bytes.to_vec(), over, ip_id: wire.ip_id };
        wire.carry(sent);
        self
    }

    /// Sends the latest message that begins with `start` again, on the one hop that it was sent on last: a
    /// retransmission, in a packet of its own.
    pub(crate) fn resend(&self, start: &str) -> &Self {
        let sent = self.latest(start);
        self.send_bytes(sent.src, sent.dst, sent.over, &sent.bytes)
    }

    /// Captures the latest packet that begins with `start` once more, the same in every byte below the link layer: a
    /// duplicate, as from a mirror port. UDP only.
    pub(crate) fn duplicate(&self, start: &str) -> &Self {
        let sent = self.latest(start);
        let wire = &mut *self.0.borrow_mut();
        wire.carry(Sent { at: wire.now, ..sent });
        self
    }

    /// The latest message sent that begins with `start`, captured or not.
    pub(crate) fn latest(&self, start: &str) -> Sent {
        let wire = self.0.borrow();
        let found = wire.sent.iter().rev().find(|sent| sent.bytes.starts_with(start.as_bytes()));
        found.unwrap_or_else(|| panic!("nothing sent begins with {start:?}")).clone()
    }

    /// A number that nothing else in this network has: for tags and branches.
    pub(crate) fn number(&self) -> u32 {
        let wire = &mut *self.0.borrow_mut();
        wire.numbers += 1;
        wire.numbers
    }

    /// Classic pcap, microseconds, Ethernet.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        let mut writer = PcapWriter::new(Vec::new()).expect("writing to memory");
        for (at, frame) in &self.0.borrow().frames {
            let packet = PcapPacket::new(time(*at), frame.len() as u32, frame).expect("a packet that fits");
            writer.write_packet(&packet).expect("writing to memory");
        }
        writer.into_inner()
    }

    /// pcapng: one section, one Ethernet interface, microseconds.
    pub(crate) fn pcapng(&self) -> Vec<u8> {
        let mut writer = PcapNgWriter::new(Vec::new()).expect("writing to memory");
        let ethernet =
            InterfaceDescriptionBlock { linktype: pcap_file::DataLink::ETHERNET, snaplen: 0, options: Vec::new() };
        writer.write_pcapng_block(ethernet).expect("writing to memory");
        for (at, frame) in &self.0.borrow().frames {
            let packet = EnhancedPacketBlock {
                interface_id: 0,
                timestamp: time(*at),
                original_len: frame.len() as u32,
                data: frame.into(),
                options: Vec::new(),
            };
            writer.write_pcapng_block(packet).expect("writing to memory");
        }
        writer.into_inner()
    }

    /// What was sent, a line each: for the text of a failed assertion.
    pub(crate) fn ladder(&self) -> String {
        let line = |s: &Sent| format!("{:>8} ms  {} -> {}  {}\n", s.at, s.src, s.dst, s.start_line());
        self.0.borrow().sent.iter().map(line).collect()
    }
}

fn time(ms: u64) -> Duration {
    Duration::from_secs(EPOCH) + Duration::from_millis(ms)
}

impl Wire {
    fn carry(&mut self, sent: Sent) {
        self.now += STEP;
        if self.sees.as_ref().is_none_or(|sees| sees(&sent)) {
            match sent.over {
                Over::Udp => self.datagram(&sent),
                Over::Tcp(mss) => self.segments(&sent, mss),
                Over::WebSocket(mss) => self.frames_of_websocket(&sent, mss),
                Over::Sctp(size, in_udp) => self.chunks(&sent, size, in_udp),
                Over::Hep(version) => self.relayed(&sent, version),
            }
        }
        self.sent.push(sent);
    }

    fn datagram(&mut self, sent: &Sent) {
        let ip = ip_headers(sent.src, sent.dst, sent.ip_id);
        let mut frame = Vec::new();
        let (src, dst) = (sent.src.port(), sent.dst.port());
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        match self.vlan {
            None => ethernet.ip(ip).udp(src, dst).write(&mut frame, &sent.bytes),
            Some(id) => {
                let vlan = ethernet.single_vlan(VlanId::try_new(id).expect("12 bits"));
                vlan.ip(ip).udp(src, dst).write(&mut frame, &sent.bytes)
            }
        }
        .expect("a datagram that fits");
        match self.fragment {
            Some(size) if self.vlan.is_none() && sent.src.is_ipv4() => {
                self.frames.extend(fragments(&frame, size).into_iter().map(|fragment| (sent.at, fragment)));
            }
            _ => self.frames.push((sent.at, frame)),
        }
    }

    fn segments(&mut self, sent: &Sent, mss: usize) {
        let (there, back) = ((sent.src, sent.dst), (sent.dst, sent.src));
        if !self.streams.contains_key(&there) {
            let (client, server) = (1_000, 5_000);
            self.segment(sent, there, Some((client, None)), &[]);
            self.segment(sent, back, Some((server, Some(client + 1))), &[]);
            self.streams.extend([(there, client + 1), (back, server + 1)]);
            self.segment(sent, there, None, &[]);
        }
        for part in sent.bytes.chunks(mss.max(1)) {
            self.segment(sent, there, None, part);
            *self.streams.entry(there).or_default() += part.len() as u32;
        }
    }

    fn frames_of_websocket(&mut self, sent: &Sent, mss: usize) {
        if !self.streams.contains_key(&(sent.src, sent.dst)) {
            let [request, response] = carriers::upgrade();
            self.segments(&Sent { bytes: request, ..sent.clone() }, mss);
            self.segments(&Sent { src: sent.dst, dst: sent.src, bytes: response, ..sent.clone() }, mss);
        }
        let mask = (sent.src < sent.dst).then_some([1, 2, 3, 4]);
        self.segments(&Sent { bytes: carriers::frame(0x81, mask, &sent.bytes), ..sent.clone() }, mss);
    }

    fn chunks(&mut self, sent: &Sent, size: usize, in_udp: bool) {
        let count = sent.bytes.len().div_ceil(size);
        for (n, part) in sent.bytes.chunks(size).enumerate() {
            let tsn = self.streams.entry((sent.src, sent.dst)).or_insert(u32::MAX - 1);
            *tsn = tsn.wrapping_add(1);
            let flags = u8::from(n == 0) << 1 | u8::from(n + 1 == count);
            let packet = carriers::sctp(sent.src, sent.dst, *tsn, flags, part);
            if in_udp {
                let port = |host: Host| Host::new(host.ip(), 9899);
                self.datagram(&Sent { src: port(sent.src), dst: port(sent.dst), bytes: packet, ..sent.clone() });
                continue;
            }
            let mut frame = Vec::new();
            PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
                .ip(ip_headers(sent.src, sent.dst, sent.ip_id))
                .write(&mut frame, IpNumber::SCTP, &packet)
                .expect("a packet that fits");
            self.frames.push((sent.at, frame));
        }
    }

    fn relayed(&mut self, sent: &Sent, version: u8) {
        let bytes = match version {
            2 => carriers::hep2(sent.src, sent.dst, sent.at, &sent.bytes),
            _ => carriers::hep3(sent.src, sent.dst, sent.at, (15, &sent.bytes)),
        };
        let (src, dst) = ("192.0.2.1:40000".parse().expect("a host"), "192.0.2.9:9060".parse().expect("a host"));
        self.datagram(&Sent { src, dst, bytes, at: sent.at + 1_000, ..sent.clone() });
    }

    /// One TCP segment: `syn` gives the numbers of a handshake, else the stream's own are taken.
    fn segment(&mut self, sent: &Sent, (src, dst): (Host, Host), syn: Option<(u32, Option<u32>)>, payload: &[u8]) {
        self.ip_id += 1;
        let (sequence, acknowledged) =
            syn.unwrap_or_else(|| (self.streams[&(src, dst)], Some(self.streams[&(dst, src)])));
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ip(ip_headers(src, dst, self.ip_id))
            .tcp(src.port(), dst.port(), sequence, 65_000);
        let builder = if syn.is_some() { builder.syn() } else { builder };
        let builder = if payload.is_empty() { builder } else { builder.psh() };
        let builder = match acknowledged {
            Some(number) => builder.ack(number),
            None => builder,
        };
        let mut frame = Vec::new();
        builder.write(&mut frame, payload).expect("a segment that fits");
        self.frames.push((sent.at, frame));
    }
}

fn ip_headers(src: Host, dst: Host, id: u16) -> IpHeaders {
    match (src.ip(), dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let header = Ipv4Header::new(0, 64, IpNumber::UDP, src.octets(), dst.octets()).expect("an empty payload");
            IpHeaders::Ipv4(Ipv4Header { identification: id, dont_fragment: false, ..header }, Default::default())
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let header =
                Ipv6Header { source: src.octets(), destination: dst.octets(), hop_limit: 64, ..Default::default() };
            IpHeaders::Ipv6(header, Default::default())
        }
        _ => panic!("{src} and {dst} are of different families"),
    }
}

/// Cuts the IPv4 packet in this Ethernet frame into fragments of at most `size` bytes of payload.
fn fragments(frame: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (ethernet, packet) = Ethernet2Header::from_slice(frame).expect("an Ethernet frame");
    assert_eq!(ethernet.ether_type, EtherType::IPV4);
    let (whole, payload) = Ipv4Header::from_slice(packet).expect("an IPv4 packet");
    let (size, count) = (size / 8 * 8, payload.len().div_ceil(size / 8 * 8));
    let parts = payload.chunks(size).enumerate();
    parts
        .map(|(n, part)| {
            let mut header = whole.clone();
            header.set_payload_len(part.len()).expect("shorter than the whole");
            header.more_fragments = n + 1 < count;
            header.fragment_offset = IpFragOffset::try_new((n * size / 8) as u16).expect("13 bits");
            header.header_checksum = header.calc_header_checksum();
            let mut fragment = ethernet.to_bytes().to_vec();
            fragment.extend_from_slice(&header.to_bytes());
            fragment.extend_from_slice(part);
            fragment
        })
        .collect()
}

//! Every link layer and every tunnel around the same call: the row stays the same, and no damage to any of them panics.

mod support;

use proptest::prelude::*;
use serde_json::Value;
use sipcodes::assemble::Assembler;
use sipcodes::event::What;
use sipcodes::issue::{Cause, Issues};
use sipcodes::packet::{LinkType, Packet, Place};
use sipcodes::time::Timestamp;
use support::{Over, Scenario, Side, analyze, carriers, keep};

/// A way to wrap an Ethernet frame, and the link type of what it becomes.
type Wrap = fn(&[u8]) -> Vec<u8>;

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

/// The IP packet in an Ethernet frame without tags.
fn ip(frame: &[u8]) -> &[u8] {
    &frame[14..]
}

fn on(head: &[u8], rest: &[u8]) -> Vec<u8> {
    [head, rest].concat()
}

/// Ethernet with this EtherType.
fn ether(ether_type: u16, rest: &[u8]) -> Vec<u8> {
    on(&on(&[2; 12], &ether_type.to_be_bytes()), rest)
}

/// IPv4 between two tunnel ends.
fn outer(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len() as u16).to_be_bytes();
    let head = [0x45, 0, len[0], len[1], 0, 9, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    on(&head, payload)
}

fn outer_v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    on(&on(&[0x60, 0, 0, 0, len[0], len[1], protocol, 64], &[7; 32]), payload)
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len() as u16;
    outer(17, &on(&[49_152_u16.to_be_bytes(), port.to_be_bytes(), len.to_be_bytes(), [0; 2]].concat(), payload))
}

/// A G-PDU with these flags and what they bring.
fn gtp(flags: u8, options: &[u8], inner: &[u8]) -> Vec<u8> {
    let len = ((options.len() + inner.len()) as u16).to_be_bytes();
    udp(2152, &on(&[0x30 | flags, 0xff, len[0], len[1], 0, 0, 0, 5], &on(options, inner)))
}

/// An IPv6 header before this IP packet.
fn six(packet: &[u8]) -> Vec<u8> {
    let len = (packet.len() as u16).to_be_bytes();
    let next = if packet[0] >> 4 == 6 { 41 } else { 4 };
    [&[0x60, 0, 0, 0, len[0], len[1], next, 64][..], &[1; 32]].concat()
}

/// ESP around a payload, its padding counting from one, with an integrity check value of this length.
fn esp(next: u8, payload: &[u8], check_value: usize) -> Vec<u8> {
    let padding = (payload.len() + 2).next_multiple_of(4) - payload.len() - 2;
    let mut out = on(&[0x91, 0, 0, 7, 0, 0, 0, 1], payload);
    out.extend((1..=padding as u8).chain([padding as u8, next]));
    out.extend((0..check_value).map(|n| (n * 37 + 11) as u8));
    out
}

/// ESP in transport mode: the packet's own header stays outside.
fn esp_transport(frame: &[u8], check_value: usize) -> Vec<u8> {
    let packet = ip(frame);
    let mut head = packet[..20].to_vec();
    let body = esp(head[9], &packet[20..], check_value);
    head[2..4].copy_from_slice(&(20 + body.len() as u16).to_be_bytes());
    head[9] = 50;
    on(&head, &body)
}

fn wifi(header: &[u8], frame: &[u8]) -> Vec<u8> {
    on(header, &on(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ip(frame)))
}

/// A subframe of an A-MSDU, padded to four bytes.
fn subframe(llc: &[u8]) -> Vec<u8> {
    let mut out = on(&on(&[2; 12], &(llc.len() as u16).to_be_bytes()), llc);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// An 802.11 data header from the station; QoS where the first byte says so.
fn mac(first: u8, flags: u8, len: usize) -> Vec<u8> {
    let mut out = vec![first, flags];
    out.resize(22, 2);
    out.extend([0x10, 0]);
    out.resize(len, 0);
    out
}

#[rustfmt::skip]
const WRAPS: &[(&str, u16, Wrap)] = &[
    // Link layers.
    ("802.3 with SNAP", ETHERNET, |f| ether(8 + ip(f).len() as u16 % 1000, &on(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ip(f)))),
    ("802.3 with LLC", ETHERNET, |f| ether(100, &on(&[6, 6, 3], ip(f)))),
    ("802.1ah", ETHERNET, |f| ether(0x88e7, &on(&[0, 0, 0, 9], f))),
    ("VN-Tag", ETHERNET, |f| ether(0x8926, &on(&[0, 0, 0, 9, 8, 0], ip(f)))),
    ("E-TAG", ETHERNET, |f| ether(0x893f, &on(&[0, 0, 0, 9, 0, 0, 8, 0], ip(f)))),
    ("MACsec, clear", ETHERNET, |f| ether(0x88e5, &on(&[0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0], ip(f)))),
    ("MACsec, clear, no SCI", ETHERNET, |f| ether(0x88e5, &on(&[0, 0, 0, 0, 0, 1, 8, 0], &on(ip(f), &[9; 16])))),
    ("NSH", ETHERNET, |f| ether(0x894f, &on(&[0, 2, 2, 3, 0, 0, 1, 255], f))),
    ("PPP", 9, |f| on(&[0, 0x21], ip(f))),
    ("PPP, framed", 9, |f| on(&[0xff, 3, 0, 0x21], ip(f))),
    ("PPP, protocol compressed", 50, |f| on(&[0xff, 3, 0x21], ip(f))),
    ("PPP of Cisco", 50, |f| on(&[0x0f, 0, 8, 0], ip(f))),
    ("PPP with direction", 204, |f| on(&[1, 0xff, 3, 0, 0x21], ip(f))),
    ("C-HDLC", 104, |f| on(&[0x0f, 0, 8, 0], ip(f))),
    ("MPLS in PPP", 9, |f| on(&[0xff, 3, 2, 0x81, 0, 1, 1, 64], ip(f))),
    ("PPPoE without Ethernet", 51, |f| pppoe(ip(f))),
    ("PPPoE", ETHERNET, |f| ether(0x8864, &pppoe(ip(f)))),
    ("PPPoE in a VLAN, padded", ETHERNET, |f| ether(0x8100, &on(&[0, 5, 0x88, 0x64], &on(&pppoe(ip(f)), &[0; 9])))),
    ("MPLS", ETHERNET, |f| ether(0x8847, &on(&[0, 1, 1, 64], ip(f)))),
    ("MPLS, three labels", ETHERNET, |f| ether(0x8848, &on(&[0, 1, 0, 64, 0, 2, 0, 64, 0, 3, 1, 64], ip(f)))),
    ("pseudowire with control word", ETHERNET, |f| ether(0x8847, &on(&[0, 1, 1, 64, 0, 0, 0, 7], f))),
    ("pseudowire without", ETHERNET, |f| ether(0x8847, &on(&[0, 1, 1, 64], f))),
    ("pseudowire to an address like IP", ETHERNET, |f| ether(0x8847, &on(&[0, 1, 1, 64, 0x45, 2, 0, 3, 4, 5], &f[6..]))),
    ("802.11", 105, |f| wifi(&mac(0x08, 1, 24), f)),
    ("802.11 with QoS", 105, |f| wifi(&mac(0x88, 2, 26), f)),
    ("802.11 with QoS, padded", 105, |f| wifi(&mac(0x88, 2, 28), f)),
    ("802.11 with QoS and HT control", 105, |f| wifi(&mac(0x88, 0x81, 30), f)),
    ("802.11 with four addresses", 105, |f| wifi(&mac(0x88, 3, 32), f)),
    ("802.11, decrypted by the driver", 105, |f| wifi(&mac(0x88, 0x41, 34), f)),
    ("802.11 A-MSDU", 105, |f| {
        let mut head = mac(0x88, 1, 26);
        head[24] = 0x80;
        let arp = subframe(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 1]);
        [head, arp, subframe(&wifi(&[], f))].concat()
    }),
    ("802.11 behind radiotap", 127, |f| on(&[0, 0, 12, 0, 0, 0, 0, 0, 1, 2, 3, 4], &wifi(&mac(0x08, 1, 24), f))),
    ("802.11 behind Prism", 119, |f| on(&on(&[0, 0, 0, 0x44, 16, 0, 0, 0], &[0; 8]), &wifi(&mac(0x08, 1, 24), f))),
    ("802.11 behind AVS", 163, |f| on(&[0x80, 0x21, 0x10, 1, 0, 0, 0, 12, 0, 0, 0, 0], &wifi(&mac(0x08, 1, 24), f))),
    ("802.11 behind PPI", 192, |f| on(&[0, 0, 8, 0, 105, 0, 0, 0], &wifi(&mac(0x08, 1, 24), f))),
    ("Ethernet behind PPI", 192, |f| on(&[0, 0, 12, 0, 1, 0, 0, 0, 9, 9, 9, 9], f)),
    ("NFLOG", 239, |f| nflog(ip(f), u16::to_le_bytes)),
    ("NFLOG, big endian", 239, |f| nflog(ip(f), u16::to_be_bytes)),
    // Over IP.
    ("IP-in-IP", RAW, |f| outer(4, ip(f))),
    ("IP-in-IP over IPv6", RAW, |f| outer_v6(4, ip(f))),
    ("6in4 and back", RAW, |f| outer(41, &outer_v6(4, ip(f)))),
    ("GRE", RAW, |f| outer(47, &on(&[0, 0, 8, 0], ip(f)))),
    ("GRE with everything", RAW, |f| outer(47, &on(&[0xb0, 0, 8, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1], ip(f)))),
    ("GRE with Ethernet", RAW, |f| outer(47, &on(&[0, 0, 0x65, 0x58], f))),
    ("NVGRE", RAW, |f| outer(47, &on(&[0x20, 0, 0x65, 0x58, 0, 0, 1, 0], f))),
    ("GRE with MPLS", RAW, |f| outer(47, &on(&[0, 0, 0x88, 0x47, 0, 1, 1, 64], ip(f)))),
    ("PPTP", RAW, |f| outer(47, &on(&[0x30, 1, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21], ip(f)))),
    ("PPTP that acknowledges", RAW, |f| outer(47, &on(&[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0x21], ip(f)))),
    ("ERSPAN I", RAW, |f| outer(47, &on(&[0, 0, 0x88, 0xbe], f))),
    ("ERSPAN II", RAW, |f| outer(47, &on(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], f))),
    ("ERSPAN III", RAW, |f| outer(47, &on(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], f))),
    ("ERSPAN III with subheader", RAW, |f| outer(47, &on(&on(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20], &[&[0; 10][..], &[1], &[0; 8]].concat()), f))),
    ("ERSPAN III with IP", RAW, |f| outer(47, &on(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0], ip(f)))),
    ("WCCP 2", RAW, |f| outer(47, &on(&[0, 0, 0x88, 0x3e, 0, 0, 0, 0], ip(f)))),
    ("EtherIP", RAW, |f| outer(97, &on(&[0x30, 0], f))),
    ("L2TPv3", RAW, |f| outer(115, &on(&[0, 0, 0, 7], f))),
    ("L2TPv3 with cookie and sublayer", RAW, |f| outer(115, &on(&[0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0x40, 0, 0, 1], f))),
    ("MPLS in IP", RAW, |f| outer(137, &on(&[0, 1, 1, 64], ip(f)))),
    ("Ethernet in IP", RAW, |f| outer(143, f)),
    ("ESP, transport mode", RAW, |f| esp_transport(f, 12)),
    ("ESP, transport mode, longer check", RAW, |f| esp_transport(f, 16)),
    ("ESP, transport mode, no check", RAW, |f| esp_transport(f, 0)),
    ("ESP, tunnel mode", RAW, |f| outer(50, &esp(4, ip(f), 12))),
    // Over UDP.
    ("GTP-U", RAW, |f| gtp(0, &[], ip(f))),
    ("GTP-U with sequence number", RAW, |f| gtp(2, &[0, 9, 0, 0], ip(f))),
    ("GTP-U with N-PDU number", RAW, |f| gtp(1, &[0, 0, 9, 0x85], ip(f))),
    ("GTP-U with extension headers", RAW, |f| gtp(7, &[0, 9, 1, 0x85, 1, 0x10, 9, 0xc0, 2, 1, 2, 3, 4, 5, 6, 0], ip(f))),
    ("GTP-U with Ethernet", RAW, |f| gtp(0, &[], f)),
    ("GTP-U in GTP-U", RAW, |f| gtp(0, &[], &gtp(2, &[0, 9, 0, 0], ip(f)))),
    ("VXLAN", RAW, |f| udp(4789, &on(&[8, 0, 0, 0, 0, 0, 7, 0], f))),
    ("VXLAN of Linux", RAW, |f| udp(8472, &on(&[8, 0, 0, 0, 0, 0, 7, 0], f))),
    ("VXLAN of ACI", RAW, |f| udp(48879, &on(&[0xc8, 0, 0x40, 1, 0, 0, 7, 0], f))),
    ("VXLAN of ACI, as media begin", RAW, |f| udp(48879, &on(&[0x88, 0, 0x40, 1, 0, 0, 7, 0], f))),
    ("GRE in UDP", RAW, |f| udp(4754, &on(&[0, 0, 8, 0], ip(f)))),
    ("GTP version 0", RAW, |f| udp(3386, &on(&[0x1e, 255, 0, 9, 0, 1, 0, 1, 255, 255, 255, 255, 1, 2, 3, 4, 5, 6, 7, 8], ip(f)))),
    ("Teredo", RAW, |f| udp(3544, &on(&six(ip(f))[..], ip(f)))),
    ("Teredo, authenticated, with the origin", RAW, |f| {
        udp(3544, &on(&[&[0, 1, 2, 3][..], &[7; 14], &[0, 0, 1, 2, 3, 4, 5, 6], &six(ip(f))].concat(), ip(f)))
    }),
    ("VXLAN with group policy", RAW, |f| udp(4789, &on(&[0x88, 8, 1, 2, 0, 0, 7, 0], f))),
    ("VXLAN-GPE", RAW, |f| udp(4790, &on(&[0x0c, 0, 0, 1, 0, 0, 7, 0], ip(f)))),
    ("VXLAN-GPE with NSH", RAW, |f| udp(4790, &on(&[0x0c, 0, 0, 4, 0, 0, 7, 0, 0, 2, 2, 3, 0, 0, 1, 255], f))),
    ("Geneve", RAW, |f| udp(6081, &on(&[0, 0, 0x65, 0x58, 0, 0, 7, 0], f))),
    ("Geneve with options and IP", RAW, |f| udp(6081, &on(&[2, 0x40, 8, 0, 0, 0, 7, 0, 1, 2, 3, 1, 9, 9, 9, 9], ip(f)))),
    ("L2TP", RAW, |f| udp(1701, &on(&[0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21], ip(f)))),
    ("L2TP with everything", RAW, |f| udp(1701, &on(&[0x4a, 2, 0, 9, 0, 1, 0, 2, 0, 1, 0, 2, 0, 2, 9, 9, 0, 0x21], ip(f)))),
    ("L2TPv3 over UDP", RAW, |f| udp(1701, &on(&[0, 3, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4], f))),
    ("TZSP", RAW, |f| udp(37008, &on(&[1, 0, 0, 1, 0, 11, 1, 9, 1], f))),
    ("TZSP with 802.11", RAW, |f| udp(37008, &on(&[1, 0, 0, 18, 1], &wifi(&mac(0x08, 1, 24), f)))),
    ("MPLS in UDP", RAW, |f| udp(6635, &on(&[0, 1, 1, 64], ip(f)))),
    ("ESP in UDP", RAW, |f| udp(4500, &esp(4, ip(f), 16))),
    ("ERSPAN in VXLAN in a VLAN", ETHERNET, |f| {
        let erspan = outer(47, &on(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], f));
        ether(0x8100, &on(&[0, 5, 8, 0], &udp(4789, &on(&[8, 0, 0, 0, 0, 0, 7, 0], &ether(0x0800, &erspan)))))
    }),
];

fn pppoe(packet: &[u8]) -> Vec<u8> {
    let len = (packet.len() as u16 + 2).to_be_bytes();
    on(&[0x11, 0, 0, 7, len[0], len[1], 0, 0x21], packet)
}

fn nflog(packet: &[u8], number: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let prefix = [&number(5)[..], &number(10), &[0, 0, 0, 0]].concat();
    let head = [&[2, 0, 0, 30][..], &prefix, &number(4 + packet.len() as u16), &number(9)].concat();
    on(&head, packet)
}

/// A classic capture of these frames.
fn pcap(link: u16, frames: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = [&0xa1b2_c3d4_u32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &[0, 0, 4, 0]].concat();
    out.extend(u32::from(link).to_le_bytes());
    for (stamp, frame) in frames {
        out.extend_from_slice(stamp);
        out.extend([(frame.len() as u32).to_le_bytes(), (frame.len() as u32).to_le_bytes()].concat());
        out.extend_from_slice(frame);
    }
    out
}

/// The frames of a classic capture, each with the eight bytes of its time.
fn frames(pcap: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut rest, mut out) = (&pcap[24..], Vec::new());
    let number = |at: &[u8]| {
        let bytes: [u8; 4] = at[..4].try_into().unwrap();
        if pcap[0] == 0xa1 { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    while rest.len() > 16 {
        let len = number(&rest[8..]) as usize;
        let stamp = [number(rest).to_le_bytes(), number(&rest[4..]).to_le_bytes()].concat();
        out.push((stamp, rest[16..16 + len].to_vec()));
        rest = &rest[16 + len..];
    }
    out
}

/// A call over UDP, one over TCP, and one in fragments.
fn calls() -> Scenario {
    let net = Scenario::new();
    let (alice, bob) = (net.host("10.0.0.1"), net.host("10.0.0.2"));
    net.call("whole", &[alice, bob]).invite().respond(180, "Ringing").answer().ack().hang_up(Side::Caller);
    net.call("stream", &[alice, bob]).over(Over::Tcp(100)).invite().respond(486, "Busy Here").ack();
    net.fragment(Some(200));
    net.call("parts", &[alice, bob]).invite().respond(603, "Decline").ack();
    net
}

/// ESP in transport mode and fragments of what it protects exclude each other (RFC 4303 3.3.4).
fn suits(name: &str, frame: &[u8]) -> bool {
    !name.starts_with("ESP, transport") || frame[20..22] == [0, 0]
}

#[test]
fn every_tunnel_around_the_same_calls_gives_the_same_rows() {
    let net = calls();
    let plain = frames(&net.pcap());
    for (name, link, wrap) in WRAPS {
        let fitting: Vec<_> = plain.iter().filter(|(_, frame)| suits(name, frame)).cloned().collect();
        let expected = analyze(&[], &pcap(ETHERNET, &fitting));
        assert!(expected.calls().len() >= 2, "{name}");
        let wrapped: Vec<_> = fitting.iter().map(|(stamp, frame)| (stamp.clone(), wrap(frame))).collect();
        let capture = pcap(*link, &wrapped);
        let got = analyze(&[], &capture);
        let skipped = &got.json["captures"][0]["skipped"];
        if got.calls() != expected.calls() || skipped != &Value::Array(Vec::new()) {
            panic!("{name}: {:#?}\nskipped: {skipped}\n{}\n{}", got.calls(), got.stderr, keep(&capture));
        }
    }
}

/// What an assembler makes of frames: how many messages, and what it could not read.
fn run<'a>(frames: impl IntoIterator<Item = (u16, &'a [u8], usize)>) -> (usize, Vec<Cause>) {
    let (mut assembler, mut issues, mut seen) = (Assembler::new(), Issues::default(), 0);
    let mut sink = |event: sipcodes::event::Event<'_>| seen += usize::from(matches!(event.what, What::Sip(_)));
    for (n, (link, data, cut)) in frames.into_iter().enumerate() {
        let place = Place { file: 0, frame: n as u64 + 1 };
        let at = Timestamp::from_nanos(n as i64 * 100_000_000);
        let original_len = (data.len() + cut) as u32;
        assembler.push(
            &Packet { place, section: 0, at, link: LinkType(link), original_len, data },
            &mut issues,
            &mut sink,
        );
    }
    assembler.finish(&mut issues, &mut sink);
    (seen, issues.of_file(0).map(|(cause, _)| cause).collect())
}

/// The first message of the call over UDP, as a frame.
fn invite() -> Vec<u8> {
    frames(&calls().pcap()).swap_remove(0).1
}

#[test]
fn tunnels_that_end_anywhere_never_panic_and_are_accounted_for() {
    let invite = invite();
    for (name, link, wrap) in WRAPS {
        let frame = wrap(&invite);
        assert_eq!(run([(*link, &frame[..], 0)]).0, 1, "{name}");
        for len in 0..frame.len() {
            run([(*link, &frame[..len], 0)]);
            // From the start line on: one message, or a reason why there is none.
            let start_line = frame.len() - ip(&invite).len() + 28 + 100;
            let (seen, causes) = run([(*link, &frame[..len], frame.len() - len)]);
            assert!(seen == 1 || !causes.is_empty() || len < start_line, "{name}: {len} bytes");
            assert!(
                !causes.iter().any(|cause| matches!(cause, Cause::Malformed(_))),
                "{name}: {len} bytes: {causes:?}"
            );
        }
    }
}

#[test]
fn an_error_that_quotes_a_tunnel_is_about_what_is_inside() {
    let invite = invite();
    for (name, _, wrap) in WRAPS.iter().filter(|(_, link, _)| *link == RAW) {
        let whole = wrap(&invite);
        // Routers quote what fits, 128 bytes, or 548; here up to a point behind the start line.
        for cut in [0, 60] {
            // Its trailer tells what ESP carries.
            if cut > 0 && name.starts_with("ESP") {
                continue;
            }
            let quote = &whole[..whole.len() - cut];
            let packet = outer(1, &on(&[3, 3, 0, 0, 0, 0, 0, 0], quote));
            let (mut assembler, mut issues, mut seen) = (Assembler::new(), Issues::default(), Vec::new());
            let place = Place { file: 0, frame: 1 };
            let (at, original_len) = (Timestamp::from_nanos(0), packet.len() as u32);
            let packet = Packet { place, section: 0, at, link: LinkType(RAW), original_len, data: &packet };
            assembler.push(&packet, &mut issues, &mut |event| {
                let What::Icmp(undelivered) = event.what else { panic!("{name}: no ICMP error") };
                seen.push((event.path.dst.to_string(), undelivered.message.is_some()));
            });
            assert_eq!(seen, [("10.0.0.2:5060".to_owned(), true)], "{name}");
        }
    }
}

#[test]
fn fragments_inside_of_fragments_are_joined_per_tunnel() {
    let net = Scenario::new();
    net.fragment(Some(400));
    net.call("parts", &[net.host("10.0.0.1"), net.host("10.0.0.2")]).invite();
    let inner: Vec<_> = frames(&net.pcap()).into_iter().map(|(_, frame)| frame).collect();
    assert!(inner.len() >= 2);
    // Cuts a tunnel's packet in two; each has its own identification.
    let halves = |n: usize, packet: Vec<u8>| -> Vec<Vec<u8>> {
        let (head, body) = packet.split_at(20);
        let part = |range: std::ops::Range<usize>, more: bool| {
            let mut part = on(head, &body[range.clone()]);
            part[2..4].copy_from_slice(&(20 + range.len() as u16).to_be_bytes());
            part[4..6].copy_from_slice(&(n as u16 + 50).to_be_bytes());
            part[6..8].copy_from_slice(&((range.start / 8) as u16 | if more { 0x2000 } else { 0 }).to_be_bytes());
            part
        };
        vec![part(0..48, true), part(48..body.len(), false)]
    };
    let packets: Vec<_> =
        inner.iter().enumerate().flat_map(|(n, frame)| halves(n, gtp(2, &[0, 9, 0, 0], ip(frame)))).collect();
    assert_eq!(run(packets.iter().map(|packet| (RAW, &packet[..], 0))), (1, vec![]));

    // The first half outside, the second in a tunnel: two different packets that happen to be numbered alike.
    let outside = (ETHERNET, &inner[0][..], 0);
    let tunnelled = gtp(0, &[], ip(inner.last().unwrap()));
    assert_eq!(run([outside, (RAW, &tunnelled, 0)]), (0, vec![Cause::FragmentsIncomplete]));
}

/// From the base station to the gateway and on to the next one, as a mirror of both legs shows it: the addresses that
/// count are those of the packet inside, which was sent once. Were it no duplicate, it would be a retransmission, and
/// nobody sent it again.
#[test]
fn a_packet_on_two_legs_of_its_tunnels_is_a_duplicate() {
    let first = gtp(0, &[], ip(&invite()));
    let mut second = first.clone();
    second[15] += 1;
    second[19] += 1;
    let (mut assembler, mut issues, mut found) = (Assembler::new(), Issues::default(), Vec::new());
    for (n, data) in [&first, &second].into_iter().enumerate() {
        let place = Place { file: 0, frame: n as u64 + 1 };
        let at = Timestamp::from_millis(n as i64 * 5);
        let original_len = data.len() as u32;
        let packet = Packet { place, section: 0, at, link: LinkType(RAW), original_len, data };
        assembler.push(&packet, &mut issues, &mut |event| found.push(event.duplicate));
    }
    assert_eq!(found, [false, true]);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| (0..depth).fold(ip(&invite()).to_vec(), |packet, _| outer(4, &packet));
    assert_eq!(run([(RAW, &nested(8)[..], 0)]), (1, vec![]));
    for depth in [9, 1000] {
        let causes = vec![Cause::NotDecoded("deeper nesting of tunnels")];
        assert_eq!(run([(RAW, &nested(depth)[..], 0)]), (0, causes), "{depth}");
    }
}

#[test]
fn what_a_tunnel_does_not_show_is_counted_and_what_is_none_is_left_alone() {
    let unread = |name| vec![Cause::NotDecoded(name)];
    let random: Vec<u8> = (0..200_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cases: Vec<(&str, u16, Vec<u8>, Vec<Cause>)> = vec![
        ("ESP, encrypted", RAW, outer(50, &random), unread("ESP")),
        ("ESP in UDP, encrypted", RAW, udp(4500, &random), unread("ESP")),
        ("ESP in UDP with the SPI of media", RAW, udp(4500, &on(&[0x81], &random)), unread("ESP")),
        ("IKE", RAW, udp(4500, &on(&[0; 4], &random)), vec![]),
        ("a keep-alive of ESP", RAW, udp(4500, &[0xff]), vec![]),
        ("GTP-U echo", RAW, udp(2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]), vec![]),
        ("GTP-U with something else", RAW, gtp(0, &[], &[1; 60]), unread("GTP-U of another payload type")),
        ("media on a tunnel's port", RAW, udp(2152, &on(&[0x80, 0xff, 0, 9], &random)), vec![]),
        ("GRE keep-alive", RAW, outer(47, &[0, 0, 0, 0]), vec![]),
        ("GRE with source routes", RAW, outer(47, &[0x40, 0, 8, 0, 0, 0, 0, 0]), unread("GRE source routing")),
        ("PPTP that only acknowledges", RAW, outer(47, &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 2]), vec![]),
        (
            "PPTP, encrypted",
            RAW,
            outer(47, &[0x30, 1, 0x88, 0x0b, 0, 2, 0, 1, 0, 0, 0, 1, 0xfd, 0x90, 0]),
            unread("PPP compression"),
        ),
        ("L2TP control", RAW, udp(1701, &[0xc8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0]), vec![]),
        ("L2TPv3 of something else", RAW, outer(115, &on(&[0, 0, 0, 7], &[3; 60])), unread("L2TPv3")),
        ("L2TPv3 control", RAW, outer(115, &[0; 20]), vec![]),
        ("ARP in VXLAN", RAW, udp(4789, &on(&[8, 0, 0, 0, 0, 0, 7, 0], &ether(0x0806, &[0; 28]))), vec![]),
        ("TZSP keep-alive", RAW, udp(37008, &[1, 4, 0, 1, 1]), vec![]),
        ("802.11, encrypted", 105, on(&mac(0x88, 0x41, 26), &random), unread("encrypted 802.11")),
        ("802.11 beacon", 105, vec![0x80, 0, 1, 2, 3], vec![]),
        ("802.11 without data", 105, mac(0x48, 1, 24), vec![]),
        (
            "802.11 fragment",
            105,
            {
                let mut f = wifi(&mac(0x08, 5, 24), &invite());
                f[22] = 0;
                f
            },
            unread("802.11 fragments"),
        ),
        ("MACsec, encrypted", ETHERNET, ether(0x88e5, &on(&[0x2c], &random)), unread("MACsec")),
        ("PPP link control", 9, vec![0xff, 3, 0xc0, 0x21, 1, 2, 0, 4], vec![]),
        ("PPP multilink", 9, vec![0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21], unread("PPP multilink")),
        ("PPPoE discovery", ETHERNET, ether(0x8864, &[0x11, 0xa7, 0, 1, 0, 0]), vec![]),
        (
            "MPLS to nowhere",
            ETHERNET,
            ether(0x8847, &[0, 1, 0, 64].repeat(50)),
            vec![Cause::Malformed("MPLS label stack")],
        ),
        ("SCTP without SIP in GTP-U", RAW, gtp(0, &[], &outer(132, &[0; 20])), vec![]),
    ];
    for (name, link, frame, causes) in cases {
        assert_eq!(run([(link, &frame[..], 0)]), (0, causes), "{name}");
    }
}

#[test]
fn sip_on_the_port_of_a_tunnel_stays_sip() {
    let invite = invite();
    let message = &ip(&invite)[28..];
    for port in [1701, 2152, 3386, 3544, 4500, 4754, 4789, 4790, 6081, 6635, 8472, 37008, 48879] {
        assert_eq!(run([(RAW, &udp(port, message)[..], 0)]), (1, vec![]), "{port}");
    }
}

#[test]
fn sctp_in_a_tunnel_is_read() {
    let host = |address: &str| address.parse().expect("a host");
    let invite = invite();
    let packet = carriers::sctp(host("10.0.0.1:5060"), host("10.0.0.2:5060"), 1, 3, &ip(&invite)[28..]);
    assert_eq!(run([(RAW, &gtp(0, &[], &outer(132, &packet))[..], 0)]), (1, vec![]));
}

#[test]
fn every_frame_of_an_aggregate_is_read() {
    let invite = invite();
    let mut head = mac(0x88, 1, 26);
    head[24] = 0x80;
    let other = {
        let mut other = invite.clone();
        other[19] += 1;
        other
    };
    let frame = [head, subframe(&wifi(&[], &invite)), subframe(&wifi(&[], &other))].concat();
    assert_eq!(run([(105, &frame[..], 0)]), (2, vec![]));
}

proptest! {
    #[test]
    fn no_bytes_surprise_any_link_type(
        link in prop::sample::select(&[0, 1, 9, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 204, 239, 276][..]),
        frame in proptest::collection::vec(any::<u8>(), 0..120),
        cut in 0..2_usize,
    ) {
        run([(link, &frame[..], cut)]);
    }

    #[test]
    fn no_damage_to_a_tunnel_surprises_it(
        which in 0..WRAPS.len(),
        damage in proptest::collection::vec((0..90_usize, any::<u8>()), 1..6),
        cut in 0..2_usize,
    ) {
        let (_, link, wrap) = WRAPS[which];
        let mut frame = wrap(&invite());
        for (at, byte) in damage {
            if let Some(there) = frame.get_mut(at) { *there = byte; }
        }
        run([(link, &frame[..], cut)]);
    }

    #[test]
    fn random_bytes_are_no_esp_in_the_clear(body in proptest::collection::vec(any::<u8>(), 40..200)) {
        prop_assert_eq!(run([(RAW, &outer(50, &body)[..], 0)]).0, 0);
    }
}

//! Tunnels over IP and over UDP: one header off, and how to read what is inside.
//! Knows one packet at a time, and no tunnel's endpoints: sessions, keys and tunnel numbers are all the same to it.

mod esp;
mod gre;
mod gtp;
mod l2tp;

use super::ip::Udp;
use super::link::{self, Layer};
use crate::issue::Cause;

/// What is inside a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside<'a> {
    /// How to read it.
    pub content: Content,
    /// Its bytes; padding may follow it.
    pub bytes: &'a [u8],
}

/// How the inside of a tunnel is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A frame or an IP packet with addresses of its own.
    Link(Layer),
    /// More of the same packet, by its IANA number: the addresses around it are its own (ESP's transport mode).
    Protocol(u8),
}

impl<'a> Inside<'a> {
    const fn link(layer: Layer, bytes: &'a [u8]) -> Self {
        Self { content: Content::Link(layer), bytes }
    }
}

/// What became of a packet that may be a tunnel: its inside; nothing where it is none, or one with nothing to be read
/// in it (keep-alives, control); or why it could not be read.
pub type Found<'a> = Result<Option<Inside<'a>>, Cause>;

/// Reads a header by `read`, which gives `None` where the header reaches past the end of the bytes.
fn whole<'a>(header: &'static str, truncated: bool, read: Option<Found<'a>>) -> Found<'a> {
    read.unwrap_or(Err(if truncated { Cause::CutShort } else { Cause::Malformed(header) }))
}

/// Takes off a tunnel that is an IP protocol, by its IANA number. `truncated`: bytes are missing at its end.
///
/// # Errors
/// Why it could not be read.
pub fn of_protocol(protocol: u8, payload: &[u8], truncated: bool) -> Found<'_> {
    let link = |layer, bytes| Ok(Some(Inside::link(layer, bytes)));
    match protocol {
        // IPv4, IPv6 (6in4, RFC 4213 3), and the number that KA9Q had for IP-in-IP.
        4 | 41 | 94 => link(Layer::Ip, payload),
        47 => whole("GRE header", truncated, gre::read(payload)),
        50 => esp::read(payload, truncated),
        // RFC 3378 2: version 3 and twelve reserved bits.
        97 => whole("EtherIP header", truncated, payload.get(2..).map(|frame| link(Layer::Ethernet, frame))),
        115 => whole("L2TP header", truncated, l2tp::version_3(payload)),
        137 => link(Layer::Mpls, payload),
        // RFC 8986 4.9.
        143 => link(Layer::Ethernet, payload),
        _ => Ok(None),
    }
}

/// Whether ESP or VXLAN with a group policy go between these ports: the only tunnels whose first byte may be that of RTP.
#[inline]
#[must_use]
pub const fn may_begin_like_media(src_port: u16, dst_port: u16) -> bool {
    matches!(dst_port, 4500 | 4789 | 8472 | 48879) || src_port == 4500
}

/// Takes off a tunnel over UDP: known by its port, and by the first bytes of its header, since any of these ports may
/// be a media port elsewhere. SIP must have been looked for before.
///
/// # Errors
/// Why it could not be read.
pub fn of_udp<'a>(udp: &Udp<'a>, truncated: bool) -> Found<'a> {
    let port = |number| udp.dst_port == number || udp.src_port == number;
    let bytes = udp.to_ip_end;
    let [first, second, third, fourth, ..] = *bytes else { return Ok(None) };
    match (first, [second, third, fourth]) {
        (0x30..=0x37, [0xff, ..]) if port(2152) => whole("GTP-U header", truncated, gtp::read(bytes)),
        // RFC 7348 5, and the group policy extension's G, D and A bits.
        (0x08, [0, 0, 0]) | (0x88, [0 | 0x08 | 0x40 | 0x48, _, _]) if port(4789) || port(8472) => {
            whole("VXLAN header", truncated, bytes.get(8..).map(|frame| Ok(Some(Inside::link(Layer::Ethernet, frame)))))
        }
        // Cisco's, which says more in the flags than it tells.
        (0x08..=0xff, _) if port(48879) && first & 0x08 != 0 => {
            whole("VXLAN header", truncated, bytes.get(8..).map(|frame| Ok(Some(Inside::link(Layer::Ethernet, frame)))))
        }
        (0x0c, [0, 0, next]) if port(4790) => whole("VXLAN header", truncated, vxlan_gpe(next, bytes)),
        (0x00..=0x3f, [flags, high, low]) if port(6081) && flags & 0x3f == 0 => {
            geneve(first, u16::from_be_bytes([high, low]), bytes, truncated)
        }
        // Version 2 (RFC 2661 3.1) and version 3 (RFC 3931 4.1.2); control messages carry no IP.
        (0x00..=0x7f, [2, ..]) if port(1701) => whole("L2TP header", truncated, l2tp::version_2(bytes)),
        (0, [3, 0, 0]) if port(1701) => whole("L2TP header", truncated, bytes.get(4..).and_then(l2tp::version_3)),
        (1, [0 | 1, ..]) if port(37008) => whole("TZSP header", truncated, tzsp(bytes)),
        // GTP version 0 (3GPP TS 09.60 6): a header of 20 bytes, and the packet.
        (0x1e | 0x1f, [0xff, ..]) if port(3386) => {
            let inside = bytes.get(20..).map(|packet| Ok(Some(Inside::link(Layer::Ip, packet))));
            whole("GTP version 0 header", truncated, inside)
        }
        _ if port(3544) => Ok(teredo(bytes).map(|packet| Inside::link(Layer::Ip, packet))),
        // RFC 8086: GRE in UDP.
        _ if udp.dst_port == 4754 => match gre::read(bytes) {
            Some(Ok(inside)) => Ok(inside),
            _ => Ok(None),
        },
        // RFC 7510 3: MPLS in UDP.
        _ if udp.dst_port == 6635 => match link::peel_from(Layer::Mpls, bytes) {
            link::Link::Ip(_) => Ok(Some(Inside::link(Layer::Mpls, bytes))),
            _ => Ok(None),
        },
        // RFC 3948 2: a zero SPI marks IKE, a single byte 0xff a keep-alive.
        (_, spi) if port(4500) && (first, spi) != (0, [0, 0, 0]) => esp::read(bytes, truncated),
        _ => Ok(None),
    }
}

/// Teredo (RFC 4380 5.1.1): IPv6, perhaps behind an authentication and the origin's address.
fn teredo(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    if let [0, 1, id, value, ..] = rest {
        rest = rest.get(13 + usize::from(*id) + usize::from(*value)..)?;
    }
    if let [0, 0, ..] = rest {
        rest = rest.get(8..)?;
    }
    rest.first().is_some_and(|first| first >> 4 == 6).then_some(rest)
}

/// VXLAN with a field for what it carries (draft-ietf-nvo3-vxlan-gpe 3).
fn vxlan_gpe(next: u8, bytes: &[u8]) -> Option<Found<'_>> {
    let rest = bytes.get(8..)?;
    Some(Ok(link::of_next_protocol(next).map(|layer| Inside::link(layer, rest))))
}

/// Geneve (RFC 8926 3.4): version, length of the options in words, flags, EtherType, network, options.
fn geneve(first: u8, ether_type: u16, bytes: &[u8], truncated: bool) -> Found<'_> {
    // Another port's neighbour: Geneve carries Ethernet, or else what has a number of its own.
    if ether_type < 0x0600 || bytes.get(7).is_some_and(|reserved| *reserved != 0) {
        return Ok(None);
    }
    let payload = bytes.get(8 + usize::from(first & 0x3f) * 4..);
    let inside = payload.map(|rest| Ok(Some(Inside::link(Layer::Ether(ether_type), rest))));
    whole("Geneve header", truncated, inside)
}

/// TaZmen Sniffer Protocol: version, type, what it encapsulates, and tags up to the one that ends them.
fn tzsp(bytes: &[u8]) -> Option<Found<'_>> {
    let ([_, _, high, low], mut rest) = bytes.split_first_chunk::<4>()?;
    loop {
        match rest {
            [1, frame @ ..] => {
                rest = frame;
                break;
            }
            [0, more @ ..] => rest = more,
            [_, len, more @ ..] => rest = more.get(usize::from(*len)..)?,
            _ => return None,
        }
    }
    let layer = match u16::from_be_bytes([*high, *low]) {
        1 => Layer::Ethernet,
        18 => Layer::Wifi,
        _ => return Some(Err(Cause::NotDecoded("TZSP of another link type"))),
    };
    Some(Ok(Some(Inside::link(layer, rest))))
}

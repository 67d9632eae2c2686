//! ICMP errors (RFC 792, RFC 4443): what is said to have gone wrong, and of which datagram. Knows one error at a time,
//! and nothing of who sent the datagram that it quotes.

use std::net::{IpAddr, SocketAddr};

use super::ip::Udp;
use super::link::{self, Link};
use super::sip::looks_like_sip;
use super::tunnel::{self, Content};

/// How many tunnels into each other are taken off what is quoted.
const MAX_TUNNELS: usize = 8;

/// An ICMP error that quotes a UDP datagram or a TCP segment, borrowed. Where the quote is a tunnel, this is what is
/// inside, as far as it was quoted.
#[derive(Clone, Copy, Debug)]
pub struct Icmp<'a> {
    /// What went wrong, as the record names it: `port unreachable`. ICMPv6 shares the names of ICMPv4.
    pub error: &'static str,
    /// Who had sent the packet that is quoted.
    pub src: SocketAddr,
    /// Where that packet was to go.
    pub dst: SocketAddr,
    /// Whether it was a TCP segment rather than a UDP datagram.
    pub tcp: bool,
    /// As much of its payload as was quoted. Routers need quote no more than the ports (RFC 792).
    pub payload: &'a [u8],
}

/// Reads an ICMP message; `protocol` is the IP header's: 1, or 58 for ICMPv6. `None`: it is no error about a packet
/// that did not arrive, or quotes neither UDP nor TCP.
#[must_use]
pub fn parse(protocol: u8, message: &[u8]) -> Option<Icmp<'_>> {
    let [kind, code, _, _, words_v6, words_v4, _, _, quote @ ..] = message else { return None };
    // RFC 4884: where extensions follow, the quote has 128 bytes or more and its length in words stands here.
    let (error, len) = if protocol == 58 {
        (name_v6(*kind, *code)?, if matches!(kind, 1 | 3) { usize::from(*words_v6) * 8 } else { 0 })
    } else {
        (name_v4(*kind, *code)?, usize::from(*words_v4) * 4)
    };
    let quote = quote.get(..len).filter(|quote| quote.len() >= 128).unwrap_or(quote);
    let quoted = innermost(quoted_ip(quote)?);
    let [a, b, c, d, rest @ ..] = quoted.carried else { return None };
    let tcp = match quoted.protocol {
        17 => false,
        6 => true,
        _ => return None,
    };
    Some(Icmp {
        error,
        src: SocketAddr::new(quoted.src, u16::from_be_bytes([*a, *b])),
        dst: SocketAddr::new(quoted.dst, u16::from_be_bytes([*c, *d])),
        tcp,
        payload: if tcp { behind_tcp(quoted.carried) } else { behind_udp(rest) },
    })
}

/// A quoted packet without its IP header.
#[derive(Clone, Copy)]
struct Quoted<'a> {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    carried: &'a [u8],
}

/// Takes the tunnels off a quoted packet: what is inside is what was lost. Where too little of it was quoted, the packet
/// stays as it is.
fn innermost(mut quoted: Quoted<'_>) -> Quoted<'_> {
    for _ in 0..MAX_TUNNELS {
        match inside(&quoted) {
            Some(inside) => quoted = inside,
            None => break,
        }
    }
    quoted
}

/// One tunnel less.
fn inside<'a>(quoted: &Quoted<'a>) -> Option<Quoted<'a>> {
    let take = |truncated| {
        let found = if quoted.protocol == 17 {
            let [a, b, c, d, rest @ ..] = quoted.carried else { return None };
            let payload = behind_udp(rest);
            // It is SIP on the port of a tunnel.
            if looks_like_sip(payload) {
                return None;
            }
            let (src_port, dst_port) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
            tunnel::of_udp(&Udp { src_port, dst_port, payload, to_ip_end: payload }, truncated)
        } else {
            tunnel::of_protocol(quoted.protocol, quoted.carried, truncated)
        };
        found.ok().flatten()
    };
    // The quote may be whole, and ESP shows itself at its end.
    let inside = take(false).or_else(|| take(true))?;
    match inside.content {
        Content::Link(layer) => match link::peel_from(layer, inside.bytes) {
            Link::Ip(packet) => quoted_ip(packet),
            _ => None,
        },
        Content::Protocol(protocol) => Some(Quoted { protocol, carried: inside.bytes, ..*quoted }),
    }
}

/// The name of an error as [`Icmp::error`] has it, from a copy of its text.
#[must_use]
pub fn named(text: &str) -> Option<&'static str> {
    // All kinds and codes that have names are below 16.
    let numbers = (0..16_u8).flat_map(|kind| (0..16_u8).map(move |code| (kind, code)));
    numbers.flat_map(|(kind, code)| [name_v4(kind, code), name_v6(kind, code)]).flatten().find(|name| *name == text)
}

/// The errors of ICMPv4 that mean a lost packet (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1). Redirects and source
/// quenches (RFC 6633) lose none.
const fn name_v4(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (3, 0) => "network unreachable",
        (3, 1) => "host unreachable",
        (3, 2) => "protocol unreachable",
        (3, 3) => "port unreachable",
        (3, 4) => "fragmentation needed",
        (3, 5) => "source route failed",
        (3, 6) => "network unknown",
        (3, 7) => "host unknown",
        (3, 8) => "source host isolated",
        (3, 9) => "network administratively prohibited",
        (3, 10) => "host administratively prohibited",
        (3, 11) => "network unreachable for type of service",
        (3, 12) => "host unreachable for type of service",
        (3, 13) => "administratively prohibited",
        (3, 14) => "host precedence violation",
        (3, 15) => "precedence cutoff in effect",
        (3, _) => "destination unreachable",
        (11, 1) => "fragment reassembly time exceeded",
        (11, _) => "time to live exceeded",
        (12, _) => "parameter problem",
        _ => return None,
    })
}

/// The errors of ICMPv6 (RFC 4443 3), by the names of their ICMPv4 counterparts where they have one (RFC 7915 5.2), so
/// that one name finds both.
const fn name_v6(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (1, 0) => "network unreachable",
        (1, 1) => "administratively prohibited",
        (1, 2) => "beyond scope of source address",
        (1, 3) => "host unreachable",
        (1, 4) => "port unreachable",
        (1, 5) => "source address failed policy",
        (1, 6) => "route to destination rejected",
        (1, _) => "destination unreachable",
        (2, _) => "fragmentation needed",
        (3, 1) => "fragment reassembly time exceeded",
        (3, _) => "time to live exceeded",
        (4, _) => "parameter problem",
        _ => return None,
    })
}

/// The packet that is quoted, without its header.
///
/// Not `ip::parse`: a quote is cut by design, often within the transport header, and some stacks quote a header whose
/// lengths they have already changed. So lengths are not asked for.
fn quoted_ip(quote: &[u8]) -> Option<Quoted<'_>> {
    let addresses_v4 = |from: usize| quote.get(from..)?.first_chunk::<4>().map(|ip| IpAddr::from(*ip));
    let addresses_v6 = |from: usize| quote.get(from..)?.first_chunk::<16>().map(|ip| IpAddr::from(*ip));
    match quote {
        [first @ 0x45..=0x4f, _, _, _, _, _, flags, offset, _, protocol, ..] => {
            // Only the first fragment holds the ports.
            if flags & 0x1f != 0 || *offset != 0 {
                return None;
            }
            let payload = quote.get(usize::from(first & 0x0f) * 4..)?;
            Some(Quoted { src: addresses_v4(12)?, dst: addresses_v4(16)?, protocol: *protocol, carried: payload })
        }
        [0x60..=0x6f, _, _, _, _, _, next, ..] => {
            let (protocol, carried) = behind_extensions(*next, quote.get(40..)?)?;
            Some(Quoted { src: addresses_v6(8)?, dst: addresses_v6(24)?, protocol, carried })
        }
        _ => None,
    }
}

/// Steps over IPv6 extension headers (RFC 8200 4). Each is eight bytes long or more, which bounds the walk.
fn behind_extensions(mut protocol: u8, mut bytes: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let ([next, len, a, b, ..], true) = (bytes, matches!(protocol, 0 | 43 | 44 | 51 | 60 | 135)) else {
            return Some((protocol, bytes));
        };
        let len = match protocol {
            44 if *a != 0 || b & 0xf8 != 0 => return None,
            44 => 8,
            51 => (usize::from(*len) + 2) * 4,
            _ => (usize::from(*len) + 1) * 8,
        };
        (protocol, bytes) = (*next, bytes.get(len..)?);
    }
}

/// What follows a UDP header whose ports were taken off: as far as its length says, where that is possible.
fn behind_udp(rest: &[u8]) -> &[u8] {
    let [a, b, _, _, payload @ ..] = rest else { return &[] };
    let len = usize::from(u16::from_be_bytes([*a, *b])).checked_sub(8);
    len.and_then(|len| payload.get(..len)).unwrap_or(payload)
}

/// What follows a TCP header.
fn behind_tcp(segment: &[u8]) -> &[u8] {
    let words = segment.get(12).map_or(0, |byte| usize::from(byte >> 4));
    if words < 5 { &[] } else { segment.get(words * 4..).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use etherparse::{IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, PacketBuilder};
    use proptest::prelude::*;

    fn message(kind: u8, code: u8, quote: &[u8]) -> Vec<u8> {
        [&[kind, code, 0, 0, 0, 0, 0, 0], quote].concat()
    }

    fn udp_v4(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(5060, 5070).write(&mut out, payload).unwrap();
        out
    }

    fn udp_v6(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).udp(5060, 5070).write(&mut out, payload).unwrap();
        out
    }

    fn tcp(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(5060, 5070, 1, 9).write(&mut out, payload).unwrap();
        out
    }

    #[test]
    fn errors_by_name() {
        let quote = udp_v4(b"x");
        let cases: &[(u8, u8, u8, Option<&str>)] = &[
            (1, 3, 0, Some("network unreachable")),
            (1, 3, 1, Some("host unreachable")),
            (1, 3, 3, Some("port unreachable")),
            (1, 3, 4, Some("fragmentation needed")),
            (1, 3, 13, Some("administratively prohibited")),
            (1, 3, 99, Some("destination unreachable")),
            (1, 11, 0, Some("time to live exceeded")),
            (1, 12, 0, Some("parameter problem")),
            (1, 0, 0, None),
            (1, 5, 1, None),
            (1, 8, 0, None),
            (58, 1, 0, Some("network unreachable")),
            (58, 1, 1, Some("administratively prohibited")),
            (58, 1, 3, Some("host unreachable")),
            (58, 1, 4, Some("port unreachable")),
            (58, 2, 0, Some("fragmentation needed")),
            (58, 3, 0, Some("time to live exceeded")),
            (58, 128, 0, None),
            (58, 137, 0, None),
        ];
        for (protocol, kind, code, expected) in cases {
            let bytes = message(*kind, *code, &quote);
            assert_eq!(parse(*protocol, &bytes).map(|icmp| icmp.error), *expected, "{protocol} {kind}/{code}");
        }
    }

    #[test]
    fn a_tunnel_that_is_quoted_is_taken_off() {
        let inner = udp_v4(b"hello");
        let ethernet = [&[0; 12][..], &[8, 0], &inner].concat();
        let over_udp = |port: u16, header: &[u8], inside: &[u8]| {
            let mut out = Vec::new();
            let payload = [header, inside].concat();
            PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64).udp(9, port).write(&mut out, &payload).unwrap();
            out
        };
        let over_ip = |protocol: u8, header: &[u8], inside: &[u8]| {
            let mut out = Vec::new();
            let payload = [header, inside].concat();
            let builder = PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64);
            builder.write(&mut out, IpNumber(protocol), &payload).unwrap();
            out
        };
        let gtp = |inside: &[u8]| {
            over_udp(2152, &[&[0x30, 0xff][..], &(inside.len() as u16).to_be_bytes(), &[0, 0, 0, 1]].concat(), inside)
        };
        let vxlan = over_udp(4789, &[8, 0, 0, 0, 0, 0, 5, 0], &ethernet);
        let gre = over_ip(47, &[0, 0, 8, 0], &inner);
        let ip_in_ip = over_ip(4, &[], &inner);
        let pppoe = over_udp(
            4789,
            &[8, 0, 0, 0, 0, 0, 5, 0],
            &[&[0; 12][..], &[0x88, 0x64, 0x11, 0, 0, 1], &(inner.len() as u16 + 2).to_be_bytes(), &[0, 0x21], &inner]
                .concat(),
        );
        let cases: &[(&str, &[u8])] = &[
            ("GTP-U", &gtp(&inner)),
            ("VXLAN", &vxlan),
            ("GRE", &gre),
            ("IP-in-IP", &ip_in_ip),
            ("PPPoE in VXLAN", &pppoe),
            ("GRE in GTP-U", &gtp(&gre)),
        ];
        for (name, quote) in cases {
            let bytes = message(3, 3, quote);
            let icmp = parse(1, &bytes).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (icmp.src.to_string(), icmp.dst.to_string()),
                ("10.0.0.1:5060".into(), "10.0.0.2:5070".into()),
                "{name}"
            );
            assert_eq!((icmp.tcp, icmp.payload), (false, &b"hello"[..]), "{name}");
            // Cut inside the payload, whatever the lengths of the tunnel say.
            let cut = parse(1, &bytes[..bytes.len() - 3]).unwrap_or_else(|| panic!("{name}, cut"));
            assert_eq!((cut.src, cut.dst, cut.payload), (icmp.src, icmp.dst, &b"he"[..]), "{name}, cut");
        }
        // What is inside was not quoted.
        let bytes = message(3, 3, &vxlan[..28 + 8 + 14 + 12]);
        assert_eq!(parse(1, &bytes).map(|icmp| icmp.dst.to_string()), Some("172.16.0.2:4789".into()));
        assert!(parse(1, &message(3, 3, &gre[..24 + 12])).is_none());
        // SIP on the port of a tunnel is SIP.
        let sip = over_udp(4789, b"OPTIONS sip:a SIP/2.0\r\n", &[]);
        assert_eq!(parse(1, &message(3, 3, &sip)).map(|icmp| icmp.dst.to_string()), Some("172.16.0.2:4789".into()));
    }

    #[test]
    fn quotes_of_every_kind() {
        let later_fragment = {
            let mut ip = Ipv4Header::new(0, 64, IpNumber::UDP, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
            ip.fragment_offset = IpFragOffset::try_new(2).unwrap();
            let mut out = Vec::new();
            PacketBuilder::ip(IpHeaders::Ipv4(ip, Ipv4Extensions::default())).udp(1, 2).write(&mut out, b"x").unwrap();
            out
        };
        let hop_by_hop = {
            let mut out = udp_v6(b"hello");
            out[6] = 0;
            out.splice(40..40, [17, 0, 1, 4, 0, 0, 0, 0]);
            out
        };
        let mangled = {
            let mut out = udp_v4(b"hello");
            out[2..4].copy_from_slice(&[0xff, 0]);
            out
        };
        let extended = {
            let mut out = message(11, 0, &[&udp_v4(b"hello")[..], &[0; 95], &[0x20, 0, 1, 2]].concat());
            out[5] = 32;
            out
        };
        type Case<'a> = (&'a str, u8, Vec<u8>, Option<(bool, &'a [u8])>);
        let cases: Vec<Case<'_>> = vec![
            ("UDP", 1, message(3, 3, &udp_v4(b"hello")), Some((false, b"hello"))),
            ("UDP over IPv6", 58, message(1, 4, &udp_v6(b"hello")), Some((false, b"hello"))),
            ("extension header", 58, message(1, 4, &hop_by_hop), Some((false, b"hello"))),
            ("a TCP segment", 1, message(3, 1, &tcp(b"hello")), Some((true, b"hello"))),
            ("cut in its payload", 1, message(3, 3, &udp_v4(b"hello")[..30]), Some((false, b"he"))),
            ("the eight bytes of RFC 792", 1, message(3, 3, &udp_v4(b"hello")[..28]), Some((false, b""))),
            ("eight bytes of TCP", 1, message(3, 1, &tcp(b"hello")[..28]), Some((true, b""))),
            ("a length of the stack's own", 1, message(3, 3, &mangled), Some((false, b"hello"))),
            ("followed by extensions", 1, extended, Some((false, b"hello"))),
            ("cut in its ports", 1, message(3, 3, &udp_v4(b"hello")[..23]), None),
            ("a later fragment", 1, message(3, 1, &later_fragment), None),
            ("nothing quoted", 1, message(3, 1, &[]), None),
        ];
        for (name, protocol, bytes, expected) in cases {
            let icmp = parse(protocol, &bytes);
            assert_eq!(icmp.map(|icmp| (icmp.tcp, icmp.payload)), expected, "{name}");
            if let Some(icmp) = icmp {
                assert_eq!((icmp.src.port(), icmp.dst.port()), (5060, 5070), "{name}");
                let ip = if protocol == 1 { "10.0.0.2" } else { "202:202:202:202:202:202:202:202" };
                assert_eq!(icmp.dst.ip().to_string(), ip, "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_quoted_from(
            v6: bool, kind in 0_u8..13, rest in prop::collection::vec(any::<u8>(), 0..120), first in prop::sample::select(vec![0x45_u8, 0x4f, 0x60]),
            tunnel in prop::sample::select(vec![17_u8, 4, 41, 47, 50, 97, 115, 137, 143]),
            port in prop::sample::select(vec![2152_u16, 4789, 6081, 1701, 37008, 3544, 4754, 6635, 4500, 5060]),
        ) {
            let mut bytes = message(kind, 0, &rest);
            if let Some(byte) = bytes.get_mut(8) {
                *byte = first;
            }
            if let Some(quote) = bytes.get_mut(8..).filter(|quote| quote.len() >= 24 && first == 0x45) {
                quote[6..8].fill(0);
                quote[9] = tunnel;
                quote[22..24].copy_from_slice(&port.to_be_bytes());
            }
            if let Some(icmp) = parse(if v6 { 58 } else { 1 }, &bytes) {
                let (part, whole) = (icmp.payload.as_ptr_range(), bytes.as_ptr_range());
                prop_assert!(icmp.payload.is_empty() || part.start >= whole.start && part.end <= whole.end);
            }
        }

        #[test]
        fn a_shorter_quote_says_the_same_or_less(len in 0_usize..60) {
            let whole = message(3, 3, &udp_v4(b"INVITE sip:bob@example.com SIP/2.0\r\n"));
            let cut = &whole[..len.min(whole.len())];
            if let Some(icmp) = parse(1, cut) {
                let full = parse(1, &whole).unwrap();
                prop_assert_eq!((icmp.src, icmp.dst), (full.src, full.dst));
                prop_assert!(full.payload.starts_with(icmp.payload));
            } else {
                prop_assert!(len < 8 + 20 + 4);
            }
        }
    }
}

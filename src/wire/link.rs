//! From a frame of some link type to the IP packet in it: one layer off at a time until IP shows.
//! Knows nothing of what IP carries, and keeps nothing between frames.

use crate::issue::Cause;
use crate::packet::LinkType;

/// More layers than this on top of each other are damage or an attack, not a network.
const MAX_LAYERS: usize = 16;

/// What was found under the link layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link<'a> {
    /// An IPv4 or IPv6 packet; padding of the link layer may follow it.
    Ip(&'a [u8]),
    /// Something whole that never carries IP: ARP, LLDP, spanning tree, keep-alives of switches.
    NotIp,
    /// Something that may hide SIP but could not be read, and why.
    Unread(Cause),
}

/// How the bytes at hand are to be read. Each layer takes its header off and names the next one.
enum Next {
    /// What an EtherType announces; below 0x0600 it is a length, and LLC follows (IEEE 802.3 3.2.6).
    Ether(u16),
    /// A BSD address family.
    Family(u32),
    /// IP of whichever version its first nibble says.
    Ip,
}

/// Takes the link layer off a frame.
#[inline]
#[must_use]
pub fn peel(link: LinkType, frame: &[u8]) -> Link<'_> {
    // Nine packets in ten need no more than this.
    if link == LinkType::ETHERNET
        && let Some(([.., 0x08, 0x00], rest)) = frame.split_first_chunk::<14>()
    {
        return Link::Ip(rest);
    }
    peel_layers(link, frame)
}

fn peel_layers(link: LinkType, frame: &[u8]) -> Link<'_> {
    let Some((mut next, mut rest)) = enter(link, frame) else {
        return Link::Unread(Cause::LinkType(link.0));
    };
    for _ in 0..MAX_LAYERS {
        match next {
            Next::Ip | Next::Ether(0x0800 | 0x86dd) => return Link::Ip(rest),
            // 802.1Q, 802.1ad (QinQ), and the tag that QinQ wore before it had a standard.
            Next::Ether(0x8100 | 0x88a8 | 0x9100) => {
                let Some(([_, _, high, low], inner)) = rest.split_first_chunk() else {
                    return Link::Unread(Cause::Malformed("VLAN tag"));
                };
                (next, rest) = (Next::Ether(u16::from_be_bytes([*high, *low])), inner);
            }
            Next::Ether(..0x0600) => match rest {
                // SNAP with an EtherType in it (RFC 1042): IP as token rings and some bridges write it.
                [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, inner @ ..] => {
                    (next, rest) = (Next::Ether(u16::from_be_bytes([*high, *low])), inner);
                }
                _ => return Link::NotIp,
            },
            Next::Ether(ether_type) => {
                return encapsulation(ether_type).map_or(Link::NotIp, |name| Link::Unread(Cause::NotDecoded(name)));
            }
            // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 on NetBSD and OpenBSD,
            // 28 on FreeBSD, 30 on macOS.
            Next::Family(2 | 10 | 23 | 24 | 28 | 30) => next = Next::Ip,
            Next::Family(_) => return Link::NotIp,
        }
    }
    Link::Unread(Cause::Malformed("VLAN tag"))
}

/// The outermost layer, as the capture file names it. `None`: a link type that is not decoded.
fn enter(link: LinkType, frame: &[u8]) -> Option<(Next, &[u8])> {
    // A frame too short for its own link layer holds no IP: an empty rest is refused as an IP header.
    let short = (Next::Ip, &[][..]);
    Some(match link {
        LinkType::ETHERNET => match frame.split_first_chunk::<14>() {
            Some(([.., high, low], rest)) => (Next::Ether(u16::from_be_bytes([*high, *low])), rest),
            None => short,
        },
        LinkType::LINUX_SLL => match frame.split_first_chunk::<16>() {
            Some(([.., high, low], rest)) => (Next::Ether(u16::from_be_bytes([*high, *low])), rest),
            None => short,
        },
        LinkType::LINUX_SLL2 => match frame.split_first_chunk::<20>() {
            Some(([high, low, ..], rest)) => (Next::Ether(u16::from_be_bytes([*high, *low])), rest),
            None => short,
        },
        LinkType::NULL | LinkType::LOOP => match frame.split_first_chunk::<4>() {
            Some((family, rest)) => {
                // Files travel between hosts, and some writers swap what the link type promises: no address
                // family is above 0xffff, so the order that makes it small is the right one.
                let (little, big) = (u32::from_le_bytes(*family), u32::from_be_bytes(*family));
                (Next::Family(little.min(big)), rest)
            }
            None => short,
        },
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            (Next::Ip, frame)
        }
        _ => return None,
    })
}

/// The name of an encapsulation that may hide SIP and is not decoded.
const fn encapsulation(ether_type: u16) -> Option<&'static str> {
    Some(match ether_type {
        0x6558 => "transparent Ethernet bridging",
        0x880b => "PPP",
        0x8847 | 0x8848 => "MPLS",
        0x8864 => "PPPoE",
        0x88e5 => "MACsec",
        0x88e7 => "802.1ah",
        0x8926 => "VN-Tag",
        0x893f => "802.1BR",
        0x894f => "NSH",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const IP: [u8; 3] = [0x45, 1, 2];

    fn under(head: &[u8]) -> Vec<u8> {
        [head, &IP].concat()
    }

    fn ethernet(tail: &[u8]) -> Vec<u8> {
        under(&[&[0; 12], tail].concat())
    }

    #[test]
    fn every_link_type_leads_to_ip() {
        let sll = |tail: &[u8]| under(&[&[0; 14], tail].concat());
        let sll2 = |kind: &[u8], tail: &[u8]| under(&[kind, &[0; 18], tail].concat());
        let cases: Vec<(&str, LinkType, Vec<u8>)> = vec![
            ("IPv4 over Ethernet", LinkType::ETHERNET, ethernet(&[8, 0])),
            ("IPv6 over Ethernet", LinkType::ETHERNET, ethernet(&[0x86, 0xdd])),
            ("one VLAN tag", LinkType::ETHERNET, ethernet(&[0x81, 0, 0, 5, 8, 0])),
            ("QinQ", LinkType::ETHERNET, ethernet(&[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0])),
            (
                "four tags",
                LinkType::ETHERNET,
                ethernet(&[0x91, 0, 0, 1, 0x91, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 2, 8, 0]),
            ),
            ("SNAP", LinkType::ETHERNET, ethernet(&[0, 40, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0])),
            ("Linux cooked", LinkType::LINUX_SLL, sll(&[8, 0])),
            ("Linux cooked, tagged", LinkType::LINUX_SLL, sll(&[0x81, 0, 0, 5, 0x86, 0xdd])),
            ("Linux cooked 2", LinkType::LINUX_SLL2, sll2(&[8, 0], &[])),
            ("Linux cooked 2, tagged", LinkType::LINUX_SLL2, sll2(&[0x81, 0], &[0, 5, 8, 0])),
            ("raw", LinkType::RAW, IP.to_vec()),
            ("raw of some BSDs", LinkType::RAW_BSD, IP.to_vec()),
            ("raw of OpenBSD", LinkType::RAW_OPENBSD, IP.to_vec()),
            ("IPv4", LinkType::IPV4, IP.to_vec()),
            ("IPv6", LinkType::IPV6, IP.to_vec()),
        ];
        for (name, link, frame) in &cases {
            assert_eq!(peel(*link, frame), Link::Ip(&IP), "{name}");
        }
        for family in [2_u32, 10, 23, 24, 28, 30] {
            for head in [family.to_le_bytes(), family.to_be_bytes()] {
                for link in [LinkType::NULL, LinkType::LOOP] {
                    assert_eq!(peel(link, &under(&head)), Link::Ip(&IP), "family {family} as {head:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_ip_is_told_from_what_may_hide_it() {
        let refused = |name| Link::Unread(Cause::NotDecoded(name));
        let cases: &[(&str, &[u8], Link<'static>)] = &[
            ("ARP", &[0x08, 0x06], Link::NotIp),
            ("LLDP", &[0x88, 0xcc], Link::NotIp),
            ("PPPoE discovery", &[0x88, 0x63], Link::NotIp),
            ("spanning tree", &[0, 38, 0x42, 0x42, 3], Link::NotIp),
            ("CDP", &[0, 90, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], Link::NotIp),
            ("MPLS", &[0x88, 0x47], refused("MPLS")),
            ("MPLS multicast in a VLAN", &[0x81, 0, 0, 1, 0x88, 0x48], refused("MPLS")),
            ("PPPoE", &[0x88, 0x64], refused("PPPoE")),
        ];
        for (name, tail, expected) in cases {
            assert_eq!(peel(LinkType::ETHERNET, &ethernet(tail)), *expected, "{name}");
        }
        assert_eq!(peel(LinkType::NULL, &[7, 0, 0, 0, 1]), Link::NotIp, "another address family");
        assert_eq!(peel(LinkType(105), &IP), Link::Unread(Cause::LinkType(105)));
        let tags = [0x81, 0, 0, 1].repeat(40);
        assert_eq!(peel(LinkType::ETHERNET, &ethernet(&tags)), Link::Unread(Cause::Malformed("VLAN tag")));
    }

    #[test]
    fn frames_that_end_too_early_hold_an_empty_ip_packet_or_are_malformed() {
        let frame = ethernet(&[0x81, 0, 0, 1, 8, 0]);
        for len in 0..18 {
            match peel(LinkType::ETHERNET, &frame[..len]) {
                Link::Ip([]) if len < 14 => {}
                Link::Unread(Cause::Malformed("VLAN tag")) if (14..18).contains(&len) => {}
                other => panic!("{len} bytes: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_surprise_it(link in prop_oneof![Just(0u16), Just(1), Just(101), Just(108), Just(113), Just(276), any::<u16>()],
                                frame in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Link::Ip(ip) = peel(LinkType(link), &frame) {
                prop_assert!(frame.ends_with(ip));
            }
        }
    }
}

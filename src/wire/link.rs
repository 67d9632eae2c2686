//! From a frame of some link type to the IP packet in it: one layer off at a time until IP shows.
//! Knows nothing of what IP carries, and keeps nothing between frames.

use super::wifi::{self, Subframes};
use super::{mpls, ppp};
use crate::issue::Cause;
use crate::packet::LinkType;

/// More layers than this on top of each other are damage or an attack, not a network.
const MAX_LAYERS: usize = 16;

/// What was found under the link layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link<'a> {
    /// An IPv4 or IPv6 packet; padding of the link layer may follow it.
    Ip(&'a [u8]),
    /// Several frames in one (802.11 A-MSDU); each begins with LLC.
    Several(Subframes<'a>),
    /// Something whole that never carries IP: ARP, LLDP, spanning tree, keep-alives of switches.
    NotIp,
    /// Something that may hide SIP but could not be read, and why.
    Unread(Cause),
}

/// How the bytes at hand are to be read. Each layer takes its header off and names the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// What an EtherType announces; below 0x0600 it is a length, and LLC follows (IEEE 802.3 3.2.6).
    Ether(u16),
    /// A whole Ethernet frame, without its preamble.
    Ethernet,
    /// LLC (IEEE 802.2), with or without SNAP.
    Llc,
    /// A BSD address family.
    Family(u32),
    /// PPP, with or without HDLC framing, its protocol field compressed or not (RFC 1661 2, RFC 1662 3).
    Ppp,
    /// A PPPoE header (RFC 2516 4).
    Pppoe,
    /// An MPLS label stack (RFC 3032 2).
    Mpls,
    /// An 802.11 MAC header.
    Wifi,
    /// A Network Service Header (RFC 8300 2).
    Nsh,
    /// IP of whichever version its first nibble says.
    Ip,
}

/// What one layer amounts to.
pub(super) enum Step<'a> {
    /// The next layer, and its bytes.
    On(Layer, &'a [u8]),
    /// The end of the way.
    Stop(Link<'a>),
}

impl<'a> Step<'a> {
    /// `None`: the header reaches past the end of the bytes.
    fn or_malformed(step: Option<(Layer, &'a [u8])>, header: &'static str) -> Self {
        step.map_or(Self::Stop(Link::Unread(Cause::Malformed(header))), |(next, rest)| Self::On(next, rest))
    }

    pub(super) const fn not_decoded(name: &'static str) -> Self {
        Self::Stop(Link::Unread(Cause::NotDecoded(name)))
    }

    pub(super) const fn malformed(header: &'static str) -> Self {
        Self::Stop(Link::Unread(Cause::Malformed(header)))
    }
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
    match enter(link, frame) {
        Some((layer, rest)) => peel_from(layer, rest),
        None => Link::Unread(Cause::LinkType(link.0)),
    }
}

/// Takes everything off down to IP, from a known layer on.
#[must_use]
pub fn peel_from(layer: Layer, bytes: &[u8]) -> Link<'_> {
    let (mut next, mut rest) = (layer, bytes);
    for _ in 0..MAX_LAYERS {
        let step = match next {
            Layer::Ip | Layer::Ether(0x0800 | 0x86dd) => return Link::Ip(rest),
            // 802.1Q, 802.1ad (QinQ), and the tag that QinQ wore before it had a standard.
            Layer::Ether(0x8100 | 0x88a8 | 0x9100) => Step::or_malformed(behind_tag::<4>(rest), "VLAN tag"),
            // VN-Tag of Cisco, and E-TAG (IEEE 802.1BR).
            Layer::Ether(0x8926) => Step::or_malformed(behind_tag::<6>(rest), "VN-Tag"),
            Layer::Ether(0x893f) => Step::or_malformed(behind_tag::<8>(rest), "E-TAG"),
            // Provider backbone bridging (IEEE 802.1ah): the I-TAG ends where the customer's frame begins.
            Layer::Ether(0x88e7) => Step::or_malformed(behind::<4>(Layer::Ethernet, rest), "I-TAG"),
            Layer::Ether(0x88e5) => macsec(rest),
            Layer::Ethernet | Layer::Ether(0x6558) => Step::or_malformed(ethernet(rest), "Ethernet header"),
            Layer::Ppp | Layer::Ether(0x880b) => ppp::ppp(rest),
            Layer::Pppoe | Layer::Ether(0x8864) => ppp::pppoe(rest),
            Layer::Mpls | Layer::Ether(0x8847 | 0x8848) => mpls::stack(rest),
            Layer::Nsh | Layer::Ether(0x894f) => nsh(rest),
            Layer::Wifi => wifi::mac(rest),
            Layer::Llc | Layer::Ether(..0x0600) => match rest {
                // SNAP with an EtherType in it (RFC 1042): IP as token rings and some bridges write it.
                [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, inner @ ..] => {
                    Step::On(Layer::Ether(u16::from_be_bytes([*high, *low])), inner)
                }
                // IP with a service access point of its own (RFC 948).
                [0x06, 0x06, 0x03, inner @ ..] => Step::On(Layer::Ip, inner),
                _ => return Link::NotIp,
            },
            Layer::Ether(_) => return Link::NotIp,
            // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 on NetBSD and OpenBSD,
            // 28 on FreeBSD, 30 on macOS.
            Layer::Family(2 | 10 | 23 | 24 | 28 | 30) => return Link::Ip(rest),
            Layer::Family(_) => return Link::NotIp,
        };
        match step {
            Step::On(layer, inner) => (next, rest) = (layer, inner),
            Step::Stop(link) => return link,
        }
    }
    Link::Unread(Cause::Malformed("stack of link layers"))
}

/// The outermost layer, as the capture file names it. `None`: a link type that is not decoded.
fn enter(link: LinkType, frame: &[u8]) -> Option<(Layer, &[u8])> {
    // A frame too short for its own link layer holds no IP: an empty rest is refused as an IP header.
    let short = (Layer::Ip, &[][..]);
    Some(match link {
        LinkType::ETHERNET => ethernet(frame).unwrap_or(short),
        LinkType::LINUX_SLL => behind_tag::<16>(frame).unwrap_or(short),
        LinkType::LINUX_SLL2 => match frame.split_first_chunk::<20>() {
            Some(([high, low, ..], rest)) => (Layer::Ether(u16::from_be_bytes([*high, *low])), rest),
            None => short,
        },
        LinkType::NULL | LinkType::LOOP => match frame.split_first_chunk::<4>() {
            Some((family, rest)) => {
                // Files travel between hosts, and some writers swap what the link type promises: no address
                // family is above 0xffff, so the order that makes it small is the right one.
                let (little, big) = (u32::from_le_bytes(*family), u32::from_be_bytes(*family));
                (Layer::Family(little.min(big)), rest)
            }
            None => short,
        },
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            (Layer::Ip, frame)
        }
        LinkType::PPP | LinkType::PPP_HDLC => (Layer::Ppp, frame),
        LinkType::PPP_WITH_DIR => behind::<1>(Layer::Ppp, frame).unwrap_or(short),
        LinkType::PPP_ETHER => (Layer::Pppoe, frame),
        LinkType::C_HDLC => behind_tag::<4>(frame).unwrap_or(short),
        LinkType::IEEE802_11 => (Layer::Wifi, frame),
        LinkType::IEEE802_11_RADIOTAP => (Layer::Wifi, wifi::behind_radiotap(frame).unwrap_or_default()),
        LinkType::IEEE802_11_PRISM | LinkType::IEEE802_11_AVS => {
            (Layer::Wifi, wifi::behind_prism_or_avs(frame).unwrap_or_default())
        }
        // Per-packet information: a link type of its own in each frame. One in another does not exist.
        LinkType::PPI => match wifi::behind_ppi(frame) {
            Some((LinkType::PPI, _)) => return None,
            Some((inner, rest)) => return enter(inner, rest),
            None => short,
        },
        LinkType::NFLOG => (Layer::Ip, nflog_payload(frame).unwrap_or_default()),
        _ => return None,
    })
}

fn ethernet(frame: &[u8]) -> Option<(Layer, &[u8])> {
    behind_tag::<14>(frame)
}

/// What follows a header of `N` bytes, the last two of which are an EtherType.
fn behind_tag<const N: usize>(bytes: &[u8]) -> Option<(Layer, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    Some((Layer::Ether(u16::from_be_bytes(*head.last_chunk()?)), rest))
}

/// What follows a header of `N` bytes.
fn behind<const N: usize>(layer: Layer, bytes: &[u8]) -> Option<(Layer, &[u8])> {
    bytes.get(N..).map(|rest| (layer, rest))
}

/// MACsec (IEEE 802.1AE 9.3): readable where it only protects integrity, that is where neither E nor C is set.
fn macsec(bytes: &[u8]) -> Step<'_> {
    let Some(tci) = bytes.first() else { return Step::malformed("MACsec SecTAG") };
    match (tci & 0x0c != 0, tci & 0x20 != 0) {
        (true, _) => Step::not_decoded("MACsec"),
        (false, true) => Step::or_malformed(behind_tag::<16>(bytes), "MACsec SecTAG"),
        (false, false) => Step::or_malformed(behind_tag::<8>(bytes), "MACsec SecTAG"),
    }
}

/// Network Service Header (RFC 8300 2.2): its length is in words of four bytes.
fn nsh(bytes: &[u8]) -> Step<'_> {
    let [_, length, _, next, ..] = bytes else { return Step::malformed("NSH") };
    let Some(rest) = bytes.get(usize::from(length & 0x3f).max(2) * 4..) else { return Step::malformed("NSH") };
    of_next_protocol(*next).map_or(Step::Stop(Link::NotIp), |layer| Step::On(layer, rest))
}

/// What a Next Protocol of NSH (RFC 8300 2.2) or VXLAN-GPE announces.
pub(super) const fn of_next_protocol(number: u8) -> Option<Layer> {
    Some(match number {
        1 | 2 => Layer::Ip,
        3 => Layer::Ethernet,
        4 => Layer::Nsh,
        5 => Layer::Mpls,
        _ => return None,
    })
}

/// The packet in a message of Linux's netfilter log: attributes of a length, a type and a value, padded to four
/// bytes, in the byte order of the host that logged.
fn nflog_payload(frame: &[u8]) -> Option<&[u8]> {
    const PAYLOAD: u16 = 9;
    let attributes = frame.get(4..)?;
    [u16::from_le_bytes, u16::from_be_bytes].into_iter().find_map(|number| {
        let mut rest = attributes;
        while let Some(([a, b, c, d], _)) = rest.split_first_chunk::<4>() {
            let (len, kind) = (usize::from(number([*a, *b])), number([*c, *d]));
            // The payload comes last, and is what a snap length cuts.
            if kind == PAYLOAD && len >= 4 {
                return rest.get(4..len).or_else(|| rest.get(4..));
            }
            rest = rest.get(len.max(4).next_multiple_of(4)..)?;
        }
        None
    })
}

/// Whether these bytes can be an IP packet, where nothing announced one.
pub(super) fn looks_like_ip(bytes: &[u8]) -> bool {
    match bytes {
        // A header length below five words is impossible; a total length of zero is segmentation offload.
        [0x45..=0x4f, _, high, low, ..] => !(1..20).contains(&u16::from_be_bytes([*high, *low])) && bytes.len() >= 20,
        [0x60..=0x6f, ..] => bytes.len() >= 40,
        _ => false,
    }
}

/// Whether these bytes can be an Ethernet frame with IP in it, where nothing announced one.
pub(super) fn looks_like_ethernet(bytes: &[u8]) -> bool {
    match ethernet(bytes) {
        Some((Layer::Ether(0x0800), rest)) => matches!(rest.first(), Some(0x45..=0x4f)) && looks_like_ip(rest),
        Some((Layer::Ether(0x86dd), rest)) => matches!(rest.first(), Some(0x60..=0x6f)) && looks_like_ip(rest),
        Some((Layer::Ether(0x8100 | 0x88a8 | 0x8847 | 0x8848 | 0x8864 | 0x0806), _)) => true,
        _ => false,
    }
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
            ("MACsec, encrypted", &[0x88, 0xe5, 0x2c], refused("MACsec")),
            ("MPLS in a VLAN, cut", &[0x81, 0, 0, 1, 0x88, 0x48], Link::Unread(Cause::Malformed("MPLS label stack"))),
            ("PPPoE, cut", &[0x88, 0x64], Link::Unread(Cause::Malformed("PPPoE header"))),
            ("NSH with another protocol", &[0x89, 0x4f, 0, 2, 2, 9, 0, 0, 0, 0], Link::NotIp),
            ("SNAP of another organisation", &[0, 40, 0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7], Link::NotIp),
        ];
        for (name, tail, expected) in cases {
            assert_eq!(peel(LinkType::ETHERNET, &ethernet(tail)), *expected, "{name}");
        }
        assert_eq!(peel(LinkType::NULL, &[7, 0, 0, 0, 1]), Link::NotIp, "another address family");
        assert_eq!(peel(LinkType(147), &IP), Link::Unread(Cause::LinkType(147)));
        let tags = [0x81, 0, 0, 1].repeat(40);
        assert_eq!(peel(LinkType::ETHERNET, &ethernet(&tags)), Link::Unread(Cause::Malformed("stack of link layers")));
        let ppi = [0, 0, 8, 0, 192, 0, 0, 0].repeat(9);
        assert_eq!(peel(LinkType::PPI, &ppi), Link::Unread(Cause::LinkType(192)), "in itself");
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
                // PPPoE and NFLOG tell where their payload ends.
                prop_assert!(frame.windows(ip.len().max(1)).any(|window| window == ip) || ip.is_empty());
            }
        }
    }
}

//! A packet of media in one look: RTP over UDP over IPv4, as nearly all packets of a capture of calls are. Knows no other
//! way to read a packet than the rooms beside it have; what is not quite as usual is left to those.

use super::ip::{self, Carried};
use super::link::{self, Link};
use super::rtp::Rtp;
use super::tunnel;
use crate::packet::Packet;

/// A packet of RTP with nothing unusual about the headers around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// The sender's IPv4 address in the upper half, the receiver's in the lower.
    pub addresses: u64,
    /// The sender's port in the upper half, the receiver's in the lower.
    pub ports: u32,
    /// Differentiated services code point (RFC 2474 3).
    pub dscp: u8,
    /// What it carries.
    pub rtp: Rtp<'a>,
}

impl<'a> Media<'a> {
    /// Reads a packet. `None`: it is something else, or written in another way.
    #[inline(always)] // Runs once per packet; returned through memory it costs as much as it saves.
    #[must_use]
    pub fn of(packet: &Packet<'a>) -> Option<Self> {
        let Link::Ip(bytes) = link::peel(packet.link, packet.data) else { return None };
        let (ip, addresses) = ip::usual(bytes)?;
        let Carried::Udp(udp) = ip.carried else { return None };
        let rtp = Rtp::parse(udp.payload)?;
        // These are asked for what they may be first.
        if tunnel::may_begin_like_media(&udp) {
            return None;
        }
        Some(Self {
            addresses: u64::from_be_bytes(*addresses),
            ports: u32::from(udp.src_port) << 16 | u32::from(udp.dst_port),
            dscp: ip.dscp,
            rtp,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{LinkType, Place};
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn packet(data: &[u8]) -> Packet<'_> {
        let (place, at) = (Place::default(), Timestamp::default());
        Packet { place, section: 0, at, link: LinkType::ETHERNET, original_len: data.len() as u32, data }
    }

    /// RTP of this many bytes of payload over UDP, IPv4 and Ethernet.
    fn rtp(payload: u8) -> Vec<u8> {
        let ip = [0x45, 46 << 2, 0, 40 + payload, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let udp = [0x9c, 0x40, 0x75, 0x30, 0, 20 + payload, 0, 0];
        let rtp = [0x80, 8, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9];
        [&[2; 12][..], &[8, 0], &ip, &udp, &rtp, &vec![0x55; payload.into()]].concat()
    }

    #[test]
    fn the_usual_packet_is_read() {
        let data = rtp(160);
        let media = Media::of(&packet(&data));
        let seen =
            media.map(|media| (media.addresses, media.ports, media.dscp, media.rtp.ssrc, media.rtp.payload.len()));
        assert_eq!(seen, Some((0x0a00_0001_0a00_0002, 0x9c40_7530, 46, 9, 160)));
    }

    proptest! {
        #[test]
        fn it_is_read_as_elsewhere_or_not_at_all(
            payload in 0u8..40,
            changes in proptest::collection::vec((0usize..70, any::<u8>()), 0..3),
            port in prop_oneof![Just(0x7530_u16), Just(4500), Just(4789), any::<u16>()],
        ) {
            let mut data = rtp(payload);
            data.splice(36..38, port.to_be_bytes());
            for (at, byte) in changes {
                if let Some(old) = data.get_mut(at) {
                    *old = byte;
                }
            }
            if let Some(media) = Media::of(&packet(&data)) {
                let Link::Ip(bytes) = link::peel(LinkType::ETHERNET, &data) else { return Err(TestCaseError::fail("no IP")) };
                let Ok(ip) = ip::parse(bytes, false) else { return Err(TestCaseError::fail("no IP header")) };
                let Carried::Udp(udp) = ip.carried else { return Err(TestCaseError::fail("no UDP")) };
                prop_assert_eq!((ip.dscp, Rtp::parse(udp.payload)), (media.dscp, Some(media.rtp)));
                prop_assert_eq!(media.ports, u32::from(udp.src_port) << 16 | u32::from(udp.dst_port));
                let both = [ip.src(), ip.dst()].map(|ip| if let std::net::IpAddr::V4(ip) = ip { ip.to_bits() } else { 0 });
                prop_assert_eq!(media.addresses, u64::from(both[0]) << 32 | u64::from(both[1]));
                prop_assert!(!tunnel::may_begin_like_media(&udp));
            }
        }
    }
}

//! A datagram in one look: UDP over IPv4, as nearly all packets of a capture of calls are, and media in it. Knows no
//! other way to read a packet than the rooms beside it have; what is not quite as usual is left to those.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::ip::{self, Carried};
use super::link::{self, Link};
use super::rtp::Rtp;
use super::tunnel;
use crate::packet::Packet;

/// A datagram with nothing unusual about the headers around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The sender's IPv4 address in the upper half, the receiver's in the lower.
    pub addresses: u64,
    /// The sender's port in the upper half, the receiver's in the lower.
    pub ports: u32,
    /// The identification; see [`Ip::id`](ip::Ip::id).
    pub id: Option<u32>,
    /// Differentiated services code point (RFC 2474 3).
    pub dscp: u8,
    /// What it carries: as much as IP and UDP say, who agree.
    pub payload: &'a [u8],
}

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

impl<'a> Datagram<'a> {
    /// Reads a packet. `None`: it is something else, or written in another way.
    #[inline(always)] // Runs once per packet; returned through memory it costs as much as it saves.
    #[must_use]
    pub fn of(packet: &Packet<'a>) -> Option<Self> {
        let Link::Ip(bytes) = link::peel(packet.link, packet.data) else { return None };
        let (ip, addresses) = ip::usual(bytes)?;
        let Carried::Udp(udp) = ip.carried else { return None };
        Some(Self {
            addresses: u64::from_be_bytes(*addresses),
            ports: u32::from(udp.src_port) << 16 | u32::from(udp.dst_port),
            id: ip.id,
            dscp: ip.dscp,
            payload: udp.payload,
        })
    }

    /// Reads it as media, if it may be nothing else.
    #[inline(always)] // As `of`.
    #[must_use]
    pub fn media(&self) -> Option<Media<'a>> {
        let Self { addresses, ports, dscp, payload, .. } = *self;
        let rtp = Rtp::parse(payload)?;
        // These are asked for what they may be first.
        if tunnel::may_begin_like_media((ports >> 16) as u16, ports as u16) {
            return None;
        }
        Some(Media { addresses, ports, dscp, rtp })
    }

    /// The sender.
    #[inline]
    #[must_use]
    pub fn src(&self) -> SocketAddr {
        end((self.addresses >> 32) as u32, (self.ports >> 16) as u16)
    }

    /// The receiver.
    #[inline]
    #[must_use]
    pub fn dst(&self) -> SocketAddr {
        end(self.addresses as u32, self.ports as u16)
    }
}

impl Media<'_> {
    /// The sender and the receiver.
    #[must_use]
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        let Self { addresses, ports, .. } = *self;
        (end((addresses >> 32) as u32, (ports >> 16) as u16), end(addresses as u32, ports as u16))
    }
}

#[inline]
pub(super) const fn end(address: u32, port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from_bits(address), port))
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
        let media = Datagram::of(&packet(&data)).and_then(|datagram| datagram.media());
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
            let Some(datagram) = Datagram::of(&packet(&data)) else { return Ok(()) };
            let Link::Ip(bytes) = link::peel(LinkType::ETHERNET, &data) else { return Err(TestCaseError::fail("no IP")) };
            let Ok(ip) = ip::parse(bytes, false) else { return Err(TestCaseError::fail("no IP header")) };
            let Carried::Udp(udp) = ip.carried else { return Err(TestCaseError::fail("no UDP")) };
            prop_assert_eq!((ip.id, ip.dscp, ip.missing), (datagram.id, datagram.dscp, 0));
            prop_assert_eq!((udp.payload, udp.to_ip_end), (datagram.payload, datagram.payload));
            let (src, dst) = (SocketAddr::new(ip.src(), udp.src_port), SocketAddr::new(ip.dst(), udp.dst_port));
            prop_assert_eq!((src, dst), (datagram.src(), datagram.dst()));
            if let Some(media) = datagram.media() {
                prop_assert_eq!((ip.dscp, Rtp::parse(udp.payload)), (media.dscp, Some(media.rtp)));
                prop_assert_eq!(media.ends(), (src, dst));
                prop_assert!(!tunnel::may_begin_like_media(udp.src_port, udp.dst_port));
            }
        }
    }
}

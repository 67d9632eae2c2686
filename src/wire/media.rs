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

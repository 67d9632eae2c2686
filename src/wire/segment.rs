//! A TCP segment in one look: over IPv4, as nearly all of them are. Knows no other way to read a packet than the rooms
//! beside it have; what is not quite as usual is left to those.

use std::net::SocketAddr;

use super::ip::{self, Tcp};
use super::link::{self, Link};
use super::media::end;
use crate::packet::Packet;

/// A segment with nothing unusual about the headers around it, of which nothing is cut.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The sender's IPv4 address in the upper half, the receiver's in the lower.
    pub addresses: u64,
    /// The identification; see [`Ip::id`](ip::Ip::id).
    pub id: Option<u32>,
    /// The segment.
    pub tcp: Tcp<'a>,
}

impl<'a> Segment<'a> {
    /// Reads a packet. `None`: it is something else, or written in another way.
    #[inline(always)] // Returned through memory it costs twice as much.
    #[must_use]
    pub fn of(packet: &Packet<'a>) -> Option<Self> {
        let Link::Ip(bytes) = link::peel(packet.link, packet.data) else { return None };
        ip::usual_segment(bytes)
    }

    /// The sender's port in the upper half, the receiver's in the lower.
    #[inline]
    #[must_use]
    pub fn ports(&self) -> u32 {
        u32::from(self.tcp.src_port) << 16 | u32::from(self.tcp.dst_port)
    }

    /// Whether it brings no data and changes nothing about the connection, but may acknowledge what the other side sent.
    #[inline]
    #[must_use]
    pub const fn is_plain_ack(&self) -> bool {
        let Tcp { syn, fin, rst, payload, .. } = self.tcp;
        payload.is_empty() && !(syn | fin | rst)
    }

    /// The sender.
    #[must_use]
    pub fn src(&self) -> SocketAddr {
        end((self.addresses >> 32) as u32, self.tcp.src_port)
    }

    /// The receiver.
    #[must_use]
    pub fn dst(&self) -> SocketAddr {
        end(self.addresses as u32, self.tcp.dst_port)
    }
}

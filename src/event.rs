//! The table between two rooms: what the assembler lays down and the tracker takes up. It does not know either.

use std::net::SocketAddr;

use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::rtcp::Rtcp;
use crate::wire::rtp::Rtp;
use crate::wire::sip::Message;

/// What carried a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Transport {
    /// User Datagram Protocol.
    Udp,
    /// Transmission Control Protocol.
    Tcp,
    /// Transport Layer Security over TCP.
    Tls,
    /// Stream Control Transmission Protocol (RFC 4168).
    Sctp,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// As the record names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Sctp => "SCTP",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

/// From whom to whom, and over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Path {
    /// The sender.
    pub src: SocketAddr,
    /// The receiver.
    pub dst: SocketAddr,
    /// What carried it.
    pub transport: Transport,
}

/// One thing that happened on the wire, whole and stamped.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// When: the time of the packet that completed it.
    pub at: Timestamp,
    /// Where: the packet that completed it.
    pub place: Place,
    /// Sender, receiver, transport; of an ICMP error those of the packet that it quotes.
    pub path: Path,
    /// The very same packet was captured before (a mirror port, two VLANs, two files); it says nothing new.
    pub duplicate: bool,
    /// What this belongs to, as the capture agent says that relayed it (HEP chunk 0x0011): the Call-ID of the call, or of
    /// another leg of it.
    pub correlation: Option<&'a [u8]>,
    /// What it was.
    pub what: What<'a>,
}

impl<'a> Event<'a> {
    /// A packet of media, which came over UDP.
    #[inline]
    #[must_use]
    pub const fn of_media(at: Timestamp, place: Place, src: SocketAddr, dst: SocketAddr, what: What<'a>) -> Self {
        let path = Path { src, dst, transport: Transport::Udp };
        Self { at, place, path, duplicate: false, correlation: None, what }
    }

    /// A message that stands in the packet of these bytes, as one that borrows of nothing else.
    #[inline]
    #[must_use]
    pub fn out_of<'p>(&self, packet: &'p [u8]) -> Option<Event<'p>> {
        let Self { at, place, path, duplicate, correlation: None, what: What::Sip(message) } = self else {
            return None;
        };
        let raw = packet.get(message.place_in(packet)?)?;
        let what = What::Sip(message.detach().attach(raw));
        Some(Event { at: *at, place: *place, path: *path, duplicate: *duplicate, correlation: None, what })
    }
}

/// What an event carries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// A SIP message.
    Sip(Message<'a>),
    /// An ICMP error about a packet that may have been SIP. It is no message itself.
    Icmp(Undelivered<'a>),
    /// A datagram that has the shape of RTP, and the differentiated services code point (RFC 2474 3) that it came with.
    Rtp(Rtp<'a>, u8),
    /// A datagram that has the shape of RTCP.
    Rtcp(Rtcp<'a>),
}

/// What an ICMP error says of the packet that it quotes.
#[derive(Clone, Debug)]
pub struct Undelivered<'a> {
    /// What went wrong: `port unreachable`. See [`Icmp::error`](crate::wire::icmp::Icmp::error).
    pub error: &'static str,
    /// As much of the SIP message as was quoted, where that is enough to see that it is one.
    pub message: Option<Message<'a>>,
}

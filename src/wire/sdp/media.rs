//! One media description: an `m=` line with what follows it. Knows the session only as far as it speaks for all media.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::attribute::{self, Candidate, Crypto, Direction, Fingerprint, Setup};
use super::level::Level;
use super::{attributes, number, word, words};
use crate::wire::codec::Codec;

/// A media description, completed by what the session says for all.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// `audio`, `video`, `image`, …, as sent.
    pub kind: &'a [u8],
    /// The port, zero where the stream is refused or over (RFC 3264 5.1, 8.2).
    pub port: u16,
    /// How many pairs of ports follow each other from there (RFC 8866 5.14); mostly one.
    pub ports: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, …, as sent.
    pub proto: &'a [u8],
    /// Where to send to: the address of its own `c=` line, else of the session's, without TTL and count.
    pub address: Option<&'a [u8]>,
    /// The TTL of a multicast address of IPv4.
    pub ttl: Option<u8>,
    /// Its own direction, else the session's.
    pub direction: Direction,
    /// RTCP may come to the port of RTP (RFC 5761 5.1.1): in an offer a proposal, in an answer settled.
    pub rtcp_mux: bool,
    /// The media in one packet, as time (RFC 8866 6.4).
    pub ptime: Option<Duration>,
    /// The most media in one packet.
    pub max_ptime: Option<Duration>,
    /// Who begins the DTLS handshake.
    pub setup: Option<Setup>,
    /// The certificate of the DTLS handshake that brings the keys for SRTP (RFC 5763), its own or the session's.
    pub fingerprint: Option<Fingerprint<'a>>,
    /// ICE finds the addresses (RFC 8839): what stands in `c=` and `m=` is only where it starts.
    pub ice: bool,
    /// Its name in groups (RFC 5888 4).
    pub mid: Option<&'a [u8]>,
    /// It is wanted, but only on the port of another (RFC 9143 6): see [`Session::carrier`](super::Session::carrier).
    pub bundle_only: bool,
    rtcp: Option<(u16, Option<&'a [u8]>)>,
    own_address: bool,
    crypto: bool,
    formats: &'a [u8],
    section: &'a [u8],
}

/// The media types of `m=` (RFC 8866 5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `audio`.
    Audio,
    /// `video`.
    Video,
    /// `image`: fax.
    Image,
    /// `application`: data channels, floor control.
    Application,
    /// `text`: real-time text (RFC 4103).
    Text,
    /// `message`: MSRP (RFC 4975).
    Message,
    /// Anything else.
    Other,
}

impl MediaType {
    const NAMED: [(&'static str, Self); 6] = [
        ("audio", Self::Audio),
        ("video", Self::Video),
        ("image", Self::Image),
        ("application", Self::Application),
        ("text", Self::Text),
        ("message", Self::Message),
    ];

    fn of(kind: &[u8]) -> Self {
        let named = Self::NAMED.iter().find(|(name, _)| kind.eq_ignore_ascii_case(name.as_bytes()));
        named.map_or(Self::Other, |(_, of)| *of)
    }

    /// As it is written; `other` stands for what has no name here.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, of)| *of == self).map_or("other", |(name, _)| name)
    }
}

impl<'a> Media<'a> {
    pub(super) fn read(line: &'a [u8], section: &'a [u8], shared: &Level<'a>) -> Option<Self> {
        let (kind, rest) = word(line.get(2..)?);
        let (port, rest) = word(rest);
        let (proto, formats) = word(rest);
        let mut ports = port.split(|byte| *byte == b'/');
        let port = number(ports.next()?)?;
        if kind.is_empty() || proto.is_empty() {
            return None;
        }
        let own = Level::read(section);
        Some(Self {
            kind,
            port,
            ports: ports.next().and_then(number).unwrap_or(1),
            proto,
            address: own.address.or(shared.address),
            ttl: if own.address.is_some() { own.ttl } else { shared.ttl },
            direction: own.direction.or(shared.direction).unwrap_or_default(),
            rtcp_mux: own.rtcp_mux || shared.rtcp_mux,
            ptime: own.ptime.or(shared.ptime),
            max_ptime: own.max_ptime.or(shared.max_ptime),
            setup: own.setup.or(shared.setup),
            fingerprint: own.fingerprint.or(shared.fingerprint),
            ice: own.ice || shared.ice,
            mid: own.mid,
            bundle_only: own.bundle_only,
            rtcp: own.rtcp,
            own_address: own.address.is_some(),
            crypto: own.crypto,
            formats: formats.trim_ascii(),
            section,
        })
    }

    /// What kind of media they are.
    #[must_use]
    pub fn media_type(&self) -> MediaType {
        MediaType::of(self.kind)
    }

    /// Whether the media are wanted: they have a port, or the port of another (RFC 3264 6, RFC 9143 7.2.1).
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.port != 0 || (self.bundle_only && self.mid.is_some())
    }

    /// Whether a `c=` line of its own says where.
    pub(super) const fn has_own_address(&self) -> bool {
        self.own_address
    }

    /// The formats: payload types for RTP.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.formats)
    }

    /// The address as a number; `None` for a host name and where there is none.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        attribute::ip(self.address?)
    }

    /// The older way to hold is an address of zeros (RFC 3264 8.4). With ICE that merely says "not known yet" (RFC 8840).
    fn is_nowhere(&self) -> bool {
        !self.ice && self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// Whether the writer is going to send: by its direction, and by the address of zeros that holds as well.
    #[must_use]
    pub fn sends(&self) -> bool {
        self.direction.sends() && !self.is_nowhere()
    }

    /// Whether the writer wants to receive, likewise.
    #[must_use]
    pub fn receives(&self) -> bool {
        self.direction.receives() && !self.is_nowhere()
    }

    /// Where the writer wants media to be sent. `None`: nowhere, or where no number says.
    #[must_use]
    pub fn place(&self) -> Option<SocketAddr> {
        let ip = self.ip().filter(|ip| !ip.is_unspecified())?;
        (self.port != 0).then(|| SocketAddr::new(ip, self.port))
    }

    /// Where the writer wants RTCP to be sent: to the port of the media with `a=rtcp-mux`, else see
    /// [`Media::rtcp_apart`].
    #[must_use]
    pub fn rtcp(&self) -> Option<SocketAddr> {
        if self.rtcp_mux { self.place() } else { self.rtcp_apart() }
    }

    /// Where RTCP is to be sent if the two sides do not agree to send it to the port of the media: as `a=rtcp` says
    /// (RFC 3605), else to the next port (RFC 3550 11).
    #[must_use]
    pub fn rtcp_apart(&self) -> Option<SocketAddr> {
        let media = self.place()?;
        match self.rtcp {
            Some((0, _)) => None,
            Some((port, address)) => {
                Some(SocketAddr::new(address.and_then(attribute::ip).unwrap_or_else(|| media.ip()), port))
            }
            None => Some(SocketAddr::new(media.ip(), media.port().checked_add(1)?)),
        }
    }

    /// Whether the media are carried in RTP, of whatever profile.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        self.proto_has(b"RTP")
    }

    /// Whether the profile is a secure one: `RTP/SAVP`, `RTP/SAVPF` (RFC 3711, RFC 5124).
    #[must_use]
    pub fn is_srtp(&self) -> bool {
        self.proto_has(b"SAVP") || self.proto_has(b"SAVPF")
    }

    /// Whether the writer would encrypt: by the profile, or, where that is the plain one, by keys or a fingerprint
    /// beside it (RFC 8643). In an offer that may still be declined; in an answer it is so.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.is_rtp() && (self.is_srtp() || self.crypto || self.fingerprint.is_some())
    }

    /// Whether it is fax by ITU-T T.38 over UDPTL or TCP (RFC 3362).
    #[must_use]
    pub fn is_t38(&self) -> bool {
        self.media_type() == MediaType::Image && self.formats().any(|format| format.eq_ignore_ascii_case(b"t38"))
    }

    fn proto_has(&self, part: &[u8]) -> bool {
        self.proto.split(|byte| *byte == b'/').any(|known| known.eq_ignore_ascii_case(part))
    }

    /// The codecs of its payload types, in the order of the writer's preference. Those that neither the description nor
    /// RFC 3551 explains are left out, and so is what is beyond all the payload types that there can be.
    pub fn codecs(&self) -> impl Iterator<Item = Codec<'a>> + use<'a> {
        let media = *self;
        let formats = if self.is_rtp() { self.formats } else { &[] };
        words(formats).take(128).filter_map(move |format| media.codec(number(format)?))
    }

    /// What a payload type stands for: by `a=rtpmap`, else by RFC 3551.
    #[must_use]
    pub fn codec(&self, payload_type: u8) -> Option<Codec<'a>> {
        let mapped = self.values(b"rtpmap").find_map(|value| {
            let (format, encoding) = word(value);
            (number(format) == Some(payload_type)).then(|| Codec::parse(payload_type, encoding))
        });
        mapped.flatten().or_else(|| Codec::of_static(payload_type))
    }

    /// The payload types of telephone-events (RFC 4733).
    pub fn telephone_events(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.codecs().filter(Codec::is_telephone_event).map(|codec| codec.payload_type)
    }

    /// The format parameters of a payload type (RFC 8866 6.15), as sent.
    #[must_use]
    pub fn fmtp(&self, payload_type: u8) -> Option<&'a [u8]> {
        self.values(b"fmtp").find_map(|value| {
            let (format, parameters) = word(value);
            (number(format) == Some(payload_type)).then_some(parameters.trim_ascii())
        })
    }

    /// The keys for SRTP that it offers, or the one that it takes (RFC 4568).
    pub fn crypto(&self) -> impl Iterator<Item = Crypto<'a>> + use<'a> {
        self.values(b"crypto").filter_map(Crypto::parse)
    }

    /// The addresses that ICE may choose from (RFC 8839 5.1).
    pub fn candidates(&self) -> impl Iterator<Item = Candidate<'a>> + use<'a> {
        self.values(b"candidate").filter_map(Candidate::parse)
    }

    /// The synchronization sources that the writer says it will send (RFC 5576 4.1). One comes once for each of its
    /// attributes.
    pub fn sources(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.values(b"ssrc").filter_map(|value| number(word(value).0))
    }

    /// Its own `a=` lines, without the session's: name, and value where there is one.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        attributes(self.section)
    }

    /// The values of its own attributes of this name.
    fn values(&self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes().filter(move |(sent, _)| sent.eq_ignore_ascii_case(name)).filter_map(|(_, value)| value)
    }
}

//! Single attributes of a description: directions, keys, candidates. Knows one line at a time.

use std::net::{IpAddr, SocketAddr};

use super::{number, split_at_byte, word, words};

/// Which way media flows, as seen by the one who wrote the description (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// `a=sendrecv`, and what holds where nothing is said.
    #[default]
    SendRecv,
    /// `a=sendonly`.
    SendOnly,
    /// `a=recvonly`.
    RecvOnly,
    /// `a=inactive`.
    Inactive,
}

impl Direction {
    /// Whether the writer is going to send.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer wants to receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// Who begins the DTLS handshake, as seen by the one who wrote the description (RFC 4145 4, RFC 5763 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// `active`: the writer does.
    Active,
    /// `passive`: the other side does.
    Passive,
    /// `actpass`: the answer shall say.
    ActPass,
    /// `holdconn`: nobody, for now.
    HoldConn,
}

impl Setup {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 4] = [
            (b"active", Self::Active),
            (b"passive", Self::Passive),
            (b"actpass", Self::ActPass),
            (b"holdconn", Self::HoldConn),
        ];
        let value = value.trim_ascii();
        names.iter().find(|(name, _)| value.eq_ignore_ascii_case(name)).map(|(_, setup)| *setup)
    }
}

/// The certificate that a DTLS handshake will show (RFC 8122 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint<'a> {
    /// The hash function: `sha-256`.
    pub hash: &'a [u8],
    /// The hash, in hexadecimal with colons, as sent.
    pub value: &'a [u8],
}

impl<'a> Fingerprint<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (hash, rest) = word(value);
        let (value, _) = word(rest);
        (!value.is_empty()).then_some(Self { hash, value })
    }
}

/// Keys for SRTP in the description itself (RFC 4568). The keys are left where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto<'a> {
    /// The number by which the answer names the one that it takes.
    pub tag: u32,
    /// The suite: `AES_CM_128_HMAC_SHA1_80`.
    pub suite: &'a [u8],
    /// RTP is signed but not encrypted (`UNENCRYPTED_SRTP`, RFC 4568 6.3.2).
    pub unencrypted_rtp: bool,
    /// RTCP is signed but not encrypted (`UNENCRYPTED_SRTCP`).
    pub unencrypted_rtcp: bool,
}

impl<'a> Crypto<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (tag, rest) = word(value);
        let (suite, rest) = word(rest);
        let (keys, parameters) = word(rest);
        let has = |name: &[u8]| words(parameters).any(|word| word.eq_ignore_ascii_case(name));
        (!keys.is_empty()).then_some(Self {
            tag: number(tag)?,
            suite,
            unencrypted_rtp: has(b"UNENCRYPTED_SRTP"),
            unencrypted_rtcp: has(b"UNENCRYPTED_SRTCP"),
        })
    }
}

/// An address that media may take under ICE (RFC 8839 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// What has the same foundation is of the same kind and base.
    pub foundation: &'a [u8],
    /// 1 for RTP, 2 for RTCP (RFC 8839 5.1).
    pub component: u16,
    /// `UDP` or `TCP`, as sent.
    pub transport: &'a [u8],
    /// The higher, the better.
    pub priority: u32,
    /// The address, or a name that only multicast DNS knows (`….local`).
    pub address: &'a [u8],
    /// The port.
    pub port: u16,
    /// How it was found.
    pub kind: CandidateType,
}

/// How a candidate was found (RFC 8445 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateType {
    /// `host`: an interface of the writer.
    Host,
    /// `srflx`: as a STUN server sees it.
    ServerReflexive,
    /// `prflx`: as the peer sees it.
    PeerReflexive,
    /// `relay`: at a TURN server.
    Relayed,
}

impl<'a> Candidate<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut words = words(value);
        let foundation = words.next()?;
        let component = number(words.next()?)?;
        let transport = words.next()?;
        let priority = number(words.next()?)?;
        let address = words.next()?;
        let port = number(words.next()?)?;
        words.next().filter(|word| word.eq_ignore_ascii_case(b"typ"))?;
        let kind = CandidateType::parse(words.next()?)?;
        Some(Self { foundation, component, transport, priority, address, port, kind })
    }

    /// The address and port as numbers; `None` for a name.
    #[must_use]
    pub fn place(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(ip(self.address)?, self.port))
    }

    /// Whether it is for UDP, as media almost always are.
    #[must_use]
    pub const fn is_udp(&self) -> bool {
        self.transport.eq_ignore_ascii_case(b"UDP")
    }
}

impl CandidateType {
    fn parse(word: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 4] = [
            (b"host", Self::Host),
            (b"srflx", Self::ServerReflexive),
            (b"prflx", Self::PeerReflexive),
            (b"relay", Self::Relayed),
        ];
        names.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }
}

/// An address as a number. Brackets and a zone, which do not belong there, are passed over.
pub(super) fn ip(address: &[u8]) -> Option<IpAddr> {
    let address = address.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(address);
    let address = split_at_byte(address, b'%').map_or(address, |(address, _)| address);
    std::str::from_utf8(address).ok()?.parse().ok()
}

//! From an IP packet to what it carries: UDP, TCP, or a fragment of either. The one door to etherparse.
//! Knows one packet at a time: fragments are joined and segments ordered elsewhere.

use std::net::{IpAddr, Ipv6Addr};

use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6Header, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
    TcpSlice, UdpSlice,
};

use super::segment::Segment;
use crate::issue::Cause;

/// An IP packet without its headers.
#[derive(Clone, Copy, Debug)]
pub struct Ip<'a> {
    addresses: Addresses<'a>,
    /// The IPv4 identification; `None` where it tells no packets apart (zero: RFC 6864 4.1; IPv6).
    pub id: Option<u32>,
    /// Differentiated services code point (RFC 2474 3).
    pub dscp: u8,
    /// How many bytes of it the snap length cut; a length field that promises more than an uncut frame holds is wrong.
    pub missing: usize,
    /// What it carries.
    pub carried: Carried<'a>,
}

/// Sender and receiver, where the header has them: most packets are dropped before anyone asks.
#[derive(Clone, Copy, Debug)]
enum Addresses<'a> {
    V4(&'a [u8; 8]),
    V6(&'a [u8; 32]),
}

impl Ip<'_> {
    /// The sender.
    #[must_use]
    pub fn src(&self) -> IpAddr {
        match self.addresses {
            Addresses::V4([a, b, c, d, ..]) => IpAddr::from([*a, *b, *c, *d]),
            Addresses::V6(both) => {
                both.first_chunk::<16>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ip| (*ip).into())
            }
        }
    }

    /// The receiver.
    #[must_use]
    pub fn dst(&self) -> IpAddr {
        match self.addresses {
            Addresses::V4([.., a, b, c, d]) => IpAddr::from([*a, *b, *c, *d]),
            Addresses::V6(both) => both.last_chunk::<16>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ip| (*ip).into()),
        }
    }
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug)]
pub enum Carried<'a> {
    /// A UDP datagram.
    Udp(Udp<'a>),
    /// A TCP segment.
    Tcp(Tcp<'a>),
    /// An SCTP packet, header and all.
    Sctp(&'a [u8]),
    /// Part of a larger IP packet.
    Fragment(Fragment<'a>),
    /// A message of ICMP, or of ICMPv6: see [`icmp::parse`](super::icmp::parse).
    Icmp {
        /// Its IANA number, 1 or 58.
        protocol: u8,
        /// The whole of it.
        message: &'a [u8],
    },
    /// Another protocol, by its IANA number, and what it brings.
    Other(u8, &'a [u8]),
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    /// The sender's port.
    pub src_port: u16,
    /// The receiver's port.
    pub dst_port: u16,
    /// As far as the UDP length says, or to the end where that length is impossible.
    pub payload: &'a [u8],
    /// As far as the IP length says: never shorter than `payload`. Where the two differ, the UDP length is wrong
    /// or the sender appended something (RFC 9868).
    pub to_ip_end: &'a [u8],
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    /// The sender's port.
    pub src_port: u16,
    /// The receiver's port.
    pub dst_port: u16,
    /// The sequence number of the SYN, or else of the first byte.
    pub seq: u32,
    /// The next sequence number that the sender expects of the other side.
    pub ack: Option<u32>,
    /// Opens a connection.
    pub syn: bool,
    /// The sender will send no more.
    pub fin: bool,
    /// The connection is gone.
    pub rst: bool,
    /// The bytes of the stream that it brings.
    pub payload: &'a [u8],
}

/// Part of a larger IP packet.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// The identification that all fragments of a packet share.
    pub id: u32,
    /// What the whole packet carries, by its IANA number.
    pub protocol: u8,
    /// Where in the whole packet's payload this part begins, in bytes.
    pub offset: usize,
    /// Whether other parts follow.
    pub more: bool,
    /// The part.
    pub payload: &'a [u8],
}

/// Reads an IP packet. `truncated`: the snap length cut the frame, so that missing bytes are no fault of the sender.
///
/// # Errors
/// The cause, where not even the headers could be read.
#[inline(always)] // Runs once per packet; returned through memory it costs a third more.
pub fn parse(bytes: &[u8], truncated: bool) -> Result<Ip<'_>, Cause> {
    match usual(bytes) {
        Some((ip, _)) => Ok(ip),
        None => parse_any(bytes, truncated),
    }
}

/// The packet of nearly all captures of SIP and media: IPv4 without options and not a fragment, UDP, nothing cut and
/// lengths that agree; with its two addresses. `None` leaves it to [`parse_any`], which reads this one no differently: a
/// test holds them equal.
#[inline(always)]
pub(super) fn usual(bytes: &[u8]) -> Option<(Ip<'_>, &[u8; 8])> {
    let (header, rest) = bytes.split_first_chunk::<28>()?;
    // A mask of 0x3f leaves the don't-fragment bit and the reserved one out.
    let [0x45, tos, l0, l1, i0, i1, flags, 0, _, 17, _, _, addresses @ .., s0, s1, d0, d1, u0, u1, _, _] = header
    else {
        return None;
    };
    let (total, udp) = (u16::from_be_bytes([*l0, *l1]), u16::from_be_bytes([*u0, *u1]));
    if flags & 0x3f != 0 || udp < 8 || udp != total.checked_sub(20)? {
        return None;
    }
    let payload = rest.get(..usize::from(udp - 8))?;
    let id = u16::from_be_bytes([*i0, *i1]);
    let ip = Ip {
        addresses: Addresses::V4(addresses),
        id: (id != 0).then_some(u32::from(id)),
        dscp: tos >> 2,
        missing: 0,
        carried: Carried::Udp(Udp {
            src_port: u16::from_be_bytes([*s0, *s1]),
            dst_port: u16::from_be_bytes([*d0, *d1]),
            payload,
            to_ip_end: payload,
        }),
    };
    Some((ip, addresses))
}

/// The same for TCP.
#[inline(always)]
pub(super) fn usual_segment(bytes: &[u8]) -> Option<Segment<'_>> {
    let (words, _) = bytes.first_chunk::<40>()?.as_chunks::<4>();
    let [[0x45, _, l0, l1], [i0, i1, flags, 0], [_, 6, _, _], src, dst, ports, seq, ack, [offset, control, ..], _] =
        words
    else {
        return None;
    };
    // In words.
    let behind = usize::from(offset >> 4) * 4;
    let segment = bytes.get(20..usize::from(u16::from_be_bytes([*l0, *l1])))?;
    if flags & 0x3f != 0 || behind < 20 {
        return None;
    }
    let (payload, ports) = (segment.get(behind..)?, u32::from_be_bytes(*ports));
    let id = u16::from_be_bytes([*i0, *i1]);
    let tcp = Tcp {
        src_port: (ports >> 16) as u16,
        dst_port: ports as u16,
        seq: u32::from_be_bytes(*seq),
        ack: (control & 0x10 != 0).then_some(u32::from_be_bytes(*ack)),
        syn: control & 0x02 != 0,
        fin: control & 0x01 != 0,
        rst: control & 0x04 != 0,
        payload,
    };
    let addresses = u64::from(u32::from_be_bytes(*src)) << 32 | u64::from(u32::from_be_bytes(*dst));
    Some(Segment { addresses, id: (id != 0).then_some(u32::from(id)), tcp })
}

#[inline(never)]
fn parse_any(bytes: &[u8], truncated: bool) -> Result<Ip<'_>, Cause> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => parse_v4(bytes, truncated),
        Some(6) => parse_v6(bytes, truncated),
        _ => Err(refuse("IP header", truncated && bytes.is_empty())),
    }
}

// The header slices are called one by one instead of etherparse's LaxIpSlice: that one reads on into extension
// headers of fragments, where there are none, and hides the lengths that say how much was cut.
fn parse_v4(bytes: &[u8], truncated: bool) -> Result<Ip<'_>, Cause> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| refuse("IPv4 header", truncated))?;
    let header_len = header.slice().len();
    let Some(addresses) = bytes.get(12..).and_then(<[u8]>::first_chunk) else {
        return Err(refuse("IPv4 header", truncated));
    };
    // A total length of zero is what segmentation offload leaves behind; then the frame is the only measure.
    let total_len = usize::from(header.total_len());
    let (payload, missing) =
        extent(bytes.get(header_len..).unwrap_or_default(), total_len.checked_sub(header_len), truncated);
    let id = header.identification();
    let protocol = header.protocol().0;
    let carried = if header.is_fragmenting_payload() {
        Carried::Fragment(Fragment {
            id: u32::from(id),
            protocol,
            offset: usize::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
            payload,
        })
    } else {
        transport(protocol, payload, truncated)?
    };
    let (id, dscp) = ((id != 0).then_some(u32::from(id)), header.dcp().value());
    Ok(Ip { addresses: Addresses::V4(addresses), id, dscp, missing, carried })
}

fn parse_v6(bytes: &[u8], truncated: bool) -> Result<Ip<'_>, Cause> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| refuse("IPv6 header", truncated))?;
    let Some(addresses) = bytes.get(8..).and_then(<[u8]>::first_chunk) else {
        return Err(refuse("IPv6 header", truncated));
    };
    // Zero stands for a jumbogram (RFC 2675) or for segmentation offload.
    let payload_len = Some(usize::from(header.payload_length())).filter(|len| *len != 0);
    let (payload, missing) = extent(bytes.get(Ipv6Header::LEN..).unwrap_or_default(), payload_len, truncated);
    let carried = transport(header.next_header().0, payload, truncated)?;
    Ok(Ip { addresses: Addresses::V6(addresses), id: None, dscp: header.dscp().value(), missing, carried })
}

/// Cuts `rest` to the length that a header announces, if it does; and how much of that was cut by the snap length.
#[inline(always)]
fn extent(rest: &[u8], announced: Option<usize>, truncated: bool) -> (&[u8], usize) {
    match announced {
        Some(len) => (rest.get(..len).unwrap_or(rest), if truncated { len.saturating_sub(rest.len()) } else { 0 }),
        None => (rest, 0),
    }
}

/// Reads what follows the IP header, or what fragments amount to once they are joined.
///
/// # Errors
/// The cause, where a header is broken or lay behind the cut.
#[inline(always)]
pub fn transport(protocol: u8, payload: &[u8], truncated: bool) -> Result<Carried<'_>, Cause> {
    match protocol {
        17 => {
            let udp = UdpSlice::from_slice_lax(payload).map_err(|_| refuse("UDP header", truncated))?;
            Ok(Carried::Udp(Udp {
                src_port: udp.source_port(),
                dst_port: udp.destination_port(),
                payload: udp.payload(),
                to_ip_end: payload.get(udp.header_len()..).unwrap_or_default(),
            }))
        }
        6 => read_tcp(payload, truncated),
        _ => behind_extensions(protocol, payload, truncated),
    }
}

#[inline(never)]
fn read_tcp(payload: &[u8], truncated: bool) -> Result<Carried<'_>, Cause> {
    let tcp = TcpSlice::from_slice(payload).map_err(|_| refuse("TCP header", truncated))?;
    Ok(Carried::Tcp(Tcp {
        src_port: tcp.source_port(),
        dst_port: tcp.destination_port(),
        seq: tcp.sequence_number(),
        ack: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload(),
    }))
}

/// Walks extension headers (RFC 8200 4) up to what they precede. They may stand in any order, and AH (RFC 4302)
/// in IPv4 too; each takes eight bytes or more off, which bounds the walk.
#[cold]
fn behind_extensions(mut protocol: u8, mut payload: &[u8], truncated: bool) -> Result<Carried<'_>, Cause> {
    const HEADER: &str = "IPv6 extension header";
    loop {
        let (next, len) = match protocol {
            6 | 17 => return transport(protocol, payload, truncated),
            // Hop-by-hop, routing, destination options, mobility.
            0 | 43 | 60 | 135 => {
                let header = Ipv6RawExtHeaderSlice::from_slice(payload).map_err(|_| refuse(HEADER, truncated))?;
                (header.next_header().0, header.slice().len())
            }
            44 => {
                let header = Ipv6FragmentHeaderSlice::from_slice(payload).map_err(|_| refuse(HEADER, truncated))?;
                let len = header.slice().len();
                if header.is_fragmenting_payload() {
                    return Ok(Carried::Fragment(Fragment {
                        id: header.identification(),
                        protocol: header.next_header().0,
                        offset: usize::from(header.fragment_offset().value()) * 8,
                        more: header.more_fragments(),
                        payload: payload.get(len..).unwrap_or_default(),
                    }));
                }
                (header.next_header().0, len)
            }
            51 => {
                let header = IpAuthHeaderSlice::from_slice(payload).map_err(|_| refuse("AH header", truncated))?;
                (header.next_header().0, header.slice().len())
            }
            132 => return Ok(Carried::Sctp(payload)),
            1 | 58 => return Ok(Carried::Icmp { protocol, message: payload }),
            other => return Ok(Carried::Other(other, payload)),
        };
        (protocol, payload) = (next, payload.get(len..).unwrap_or_default());
    }
}

#[cold]
const fn refuse(header: &'static str, truncated: bool) -> Cause {
    if truncated { Cause::CutShort } else { Cause::Malformed(header) }
}

/// The name of an IP protocol that may hide SIP and is not decoded.
#[must_use]
pub const fn tunnel_of_protocol(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        55 => "minimal IP encapsulation",
        136 => "UDP-Lite",
        _ => return None,
    })
}

/// The name of an encapsulation over UDP that may hide SIP and is not decoded, by the first bytes of its header.
#[inline]
#[must_use]
pub fn tunnel_of_ports(udp: &Udp<'_>) -> Option<&'static str> {
    udp.payload.starts_with(b"HEP3").then_some("HEP")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use etherparse::{
        IpAuthHeader, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Extensions, Ipv6FlowLabel,
        Ipv6FragmentHeader, Ipv6RawExtHeader, Ipv6RoutingExtensions, PacketBuilder,
    };
    use proptest::prelude::*;

    fn udp_v4(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let ip = Ipv4Header {
            identification: 77,
            ..Ipv4Header::new(0, 64, IpNumber::UDP, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap()
        };
        PacketBuilder::ip(IpHeaders::Ipv4(ip, Ipv4Extensions::default()))
            .udp(5060, 5070)
            .write(&mut out, payload)
            .unwrap();
        out
    }

    fn udp(ip: &Ip<'_>) -> (u16, u16, Vec<u8>, Vec<u8>) {
        match ip.carried {
            Carried::Udp(udp) => (udp.src_port, udp.dst_port, udp.payload.to_vec(), udp.to_ip_end.to_vec()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_udp_datagram_comes_out_without_the_padding_of_its_frame() {
        let mut bytes = udp_v4(b"hello");
        bytes.extend([0; 18]);
        let ip = parse(&bytes, false).unwrap();
        assert_eq!((ip.src().to_string(), ip.dst().to_string()), ("10.0.0.1".to_owned(), "10.0.0.2".to_owned()));
        assert_eq!((ip.id, ip.missing), (Some(77), 0));
        assert_eq!(udp(&ip), (5060, 5070, b"hello".to_vec(), b"hello".to_vec()));
    }

    #[test]
    fn an_identification_of_zero_tells_nothing() {
        let mut bytes = udp_v4(b"x");
        bytes[4..6].fill(0);
        assert_eq!(parse(&bytes, false).unwrap().id, None);
    }

    #[test]
    fn wrong_lengths_are_read_as_far_as_the_bytes_go() {
        // (name, IP total length, UDP length, bytes by UDP, bytes by IP, missing)
        let cases: &[(&str, u16, u16, usize, usize, usize)] = &[
            ("right", 38, 18, 10, 10, 0),
            ("offloaded: no IP length", 0, 18, 10, 10, 0),
            ("no UDP length", 38, 0, 10, 10, 0),
            ("UDP length below its header", 38, 4, 10, 10, 0),
            ("UDP length too large", 38, 65535, 10, 10, 0),
            ("UDP length too small", 38, 12, 4, 10, 0),
            ("IP length too large", 138, 118, 10, 10, 0),
            ("cut by the snap length", 138, 118, 10, 10, 100),
        ];
        for (name, total, length, by_udp, by_ip, missing) in cases {
            let mut bytes = udp_v4(&[7; 10]);
            bytes[2..4].copy_from_slice(&total.to_be_bytes());
            bytes[24..26].copy_from_slice(&length.to_be_bytes());
            let ip = parse(&bytes, name.starts_with("cut")).unwrap();
            let (_, _, payload, to_ip_end) = udp(&ip);
            assert_eq!((payload.len(), to_ip_end.len(), ip.missing), (*by_udp, *by_ip, *missing), "{name}");
        }
    }

    #[test]
    fn ipv4_options_and_the_authentication_header_are_stepped_over() {
        let mut ip = Ipv4Header::new(0, 64, IpNumber::UDP, [1, 1, 1, 1], [2, 2, 2, 2]).unwrap();
        ip.options = [7, 7, 4, 0, 0, 0, 0, 0].into();
        let auth = IpAuthHeader::new(IpNumber::UDP, 1, 2, &[0; 12]).unwrap();
        for exts in [Ipv4Extensions::default(), Ipv4Extensions { auth: Some(auth) }] {
            let mut bytes = Vec::new();
            PacketBuilder::ip(IpHeaders::Ipv4(ip.clone(), exts)).udp(1, 2).write(&mut bytes, b"in").unwrap();
            assert_eq!(udp(&parse(&bytes, false).unwrap()).2, b"in");
        }
    }

    fn v6(extensions: Ipv6Extensions, payload: &[u8]) -> Vec<u8> {
        let header =
            Ipv6Header { flow_label: Ipv6FlowLabel::ZERO, source: [1; 16], destination: [2; 16], ..Default::default() };
        let mut bytes = Vec::new();
        PacketBuilder::ip(IpHeaders::Ipv6(header, extensions)).udp(1, 2).write(&mut bytes, payload).unwrap();
        bytes
    }

    #[test]
    fn ipv6_extension_headers_are_stepped_over() {
        let raw = || Ipv6RawExtHeader::new_raw(IpNumber::UDP, &[0; 14]).unwrap();
        let all = Ipv6Extensions {
            hop_by_hop_options: Some(raw()),
            destination_options: Some(raw()),
            routing: Some(Ipv6RoutingExtensions { routing: raw(), final_destination_options: Some(raw()) }),
            fragment: Some(Ipv6FragmentHeader::new(IpNumber::UDP, 0.try_into().unwrap(), false, 9)),
            auth: Some(IpAuthHeader::new(IpNumber::UDP, 1, 2, &[0; 12]).unwrap()),
        };
        for (name, extensions) in [("none", Ipv6Extensions::default()), ("all", all)] {
            let bytes = v6(extensions, b"in");
            let ip = parse(&bytes, false).unwrap();
            assert_eq!((udp(&ip).2, ip.id), (b"in".to_vec(), None), "{name}");
            assert_eq!((ip.src(), ip.dst()), ([1; 16].into(), [2; 16].into()), "{name}");
        }
    }

    #[test]
    fn fragments_of_both_versions_say_where_they_belong() {
        let mut first = udp_v4(&[1; 16]);
        first[6] = 0x20;
        let mut last = udp_v4(&[1; 16]);
        last[7] = 3;
        let exts = Ipv6Extensions {
            fragment: Some(Ipv6FragmentHeader::new(IpNumber::UDP, 185.try_into().unwrap(), true, 0x1234_5678)),
            ..Default::default()
        };
        let sixth = v6(exts, &[1; 16]);
        let cases =
            [("first", first, 77, 0, true), ("last", last, 77, 24, false), ("IPv6", sixth, 0x1234_5678, 1480, true)];
        for (name, bytes, id, offset, more) in cases {
            let Carried::Fragment(fragment) = parse(&bytes, false).unwrap().carried else { panic!("{name}") };
            assert_eq!((fragment.id, fragment.offset, fragment.more), (id, offset, more), "{name}");
            assert_eq!((fragment.protocol, fragment.payload.len()), (17, 24), "{name}");
        }
    }

    #[test]
    fn a_header_behind_the_cut_is_told_from_a_broken_one() {
        let mut tcp = Vec::new();
        PacketBuilder::ipv4([1; 4], [2; 4], 64).tcp(1, 2, 3, 4).ack(9).write(&mut tcp, b"x").unwrap();
        let udp = udp_v4(b"x");
        let cases: &[(&str, &[u8])] =
            &[("IP header", &[]), ("IPv4 header", &udp[..19]), ("UDP header", &udp[..27]), ("TCP header", &tcp[..39])];
        for (header, bytes) in cases {
            assert_eq!(parse(bytes, true).unwrap_err(), Cause::CutShort, "{header}");
            assert_eq!(parse(bytes, false).unwrap_err(), Cause::Malformed(header));
        }
        let Carried::Tcp(segment) = parse(&tcp, false).unwrap().carried else { panic!() };
        assert_eq!((segment.seq, segment.ack, segment.payload), (3, Some(9), &b"x"[..]));
        assert_eq!(parse(&[0x55; 40], false).unwrap_err(), Cause::Malformed("IP header"));
    }

    proptest! {
        #[test]
        fn the_quick_reading_agrees_with_the_whole_one(
            len in 0usize..40,
            changes in proptest::collection::vec((0usize..60, any::<u8>()), 0..3),
            padding in 0usize..4,
            cut in proptest::option::of(0usize..60),
            truncated: bool,
        ) {
            let mut bytes = udp_v4(&vec![7; len]);
            for (at, byte) in changes {
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
            bytes.resize(bytes.len() + padding, 0);
            bytes.truncate(cut.unwrap_or(usize::MAX));
            if let Some((ip, _)) = usual(&bytes) {
                let whole = parse_any(&bytes, truncated).unwrap();
                prop_assert_eq!(format!("{ip:?}"), format!("{whole:?}"));
            } else {
                let plain = bytes.len() < 28 || bytes != udp_v4(&vec![7; len]);
                prop_assert!(plain, "the usual packet is read at once");
            }
        }

        #[test]
        fn the_quick_reading_of_a_segment_agrees_with_the_whole_one(
            changes in proptest::collection::vec((0_usize..44, any::<u8>()), 0..4),
            len in 0_usize..40,
            padding in 0_usize..8,
            cut in proptest::option::of(0_usize..90),
            truncated: bool,
        ) {
            let mut segment = Vec::new();
            let tcp = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(5060, 5070, 7, 8).ack(9).psh();
            tcp.write(&mut segment, &vec![7; len]).unwrap();
            let mut bytes = segment.clone();
            for (at, byte) in changes {
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
            bytes.resize(bytes.len() + padding, 0);
            bytes.truncate(cut.unwrap_or(usize::MAX));
            if let Some(segment) = usual_segment(&bytes) {
                let whole = parse_any(&bytes, truncated).unwrap();
                prop_assert_eq!((segment.id, 0), (whole.id, whole.missing));
                prop_assert_eq!((segment.src().ip(), segment.dst().ip()), (whole.src(), whole.dst()));
                prop_assert_eq!(format!("{:?}", Carried::Tcp(segment.tcp)), format!("{:?}", whole.carried));
            } else {
                prop_assert!(!bytes.starts_with(&segment), "the usual segment is read at once");
            }
        }

        #[test]
        fn no_bytes_surprise_it(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 0u8..4, truncated: bool) {
            if let Some(first) = bytes.first_mut() {
                *first = match kind { 0 => 0x45, 1 => 0x46, 2 => 0x60, _ => *first };
            }
            if let Ok(ip) = parse(&bytes, truncated) {
                let part = match ip.carried {
                    Carried::Udp(udp) => { prop_assert!(udp.to_ip_end.starts_with(udp.payload)); udp.to_ip_end }
                    Carried::Tcp(tcp) => tcp.payload,
                    Carried::Sctp(bytes) => bytes,
                    Carried::Fragment(fragment) => fragment.payload,
                    Carried::Icmp { message, .. } => message,
                    Carried::Other(_, bytes) => bytes,
                };
                prop_assert!(part.len() <= bytes.len());
            }
        }
    }
}

//! What must hold when any bytes at all are read as what lies between the frame and SIP, or inside SIP: views never leave
//! their bytes, and what is read in pieces is read as a whole. Uses the public face only.

// A fuzz target that includes this file as a module needs the word `pub`; a test does not.
#![allow(unreachable_pub)]

use sipcodes::packet::LinkType;
use sipcodes::wire::hep::{Hep, Payload};
use sipcodes::wire::icmp;
use sipcodes::wire::ip::{self, Carried};
use sipcodes::wire::keylog::Secrets;
use sipcodes::wire::link::{self, Link};
use sipcodes::wire::sctp::Sctp;
use sipcodes::wire::sdp::{self, Session};
use sipcodes::wire::tls::{self, ClientHello, Next, ServerHello};
use sipcodes::wire::tunnel::{self, Content};
use sipcodes::wire::ws::{self, Header, NoHeader, Upgrade};

/// The parsers that the first byte chooses from.
pub const PARSERS: &[fn(&[u8])] = &[icmp, sdp, sctp, ws, hep, tls, links, tunnels, key_log];

/// Reads the bytes behind the first one by the parser that this one names.
pub fn wire(bytes: &[u8]) {
    if let [which, rest @ ..] = bytes {
        PARSERS[usize::from(*which) % PARSERS.len()](rest);
    }
}

/// Whether a view lies in the bytes that it was made from.
fn is_within(view: &[u8], bytes: &[u8]) -> bool {
    view.is_empty()
        || bytes.as_ptr_range().start <= view.as_ptr() && view.as_ptr_range().end <= bytes.as_ptr_range().end
}

fn icmp(bytes: &[u8]) {
    for protocol in [1, 58] {
        if let Some(error) = icmp::parse(protocol, bytes) {
            assert!(is_within(error.payload, bytes));
            assert_eq!(icmp::named(error.error), Some(error.error), "a name that is told is known");
        }
    }
}

fn sdp(bytes: &[u8]) {
    let identity = Session::parse(bytes).map(|session| session.identity()).unwrap_or_default();
    assert!(identity.origin.is_none_or(|words| words.iter().all(|word| is_within(word, bytes))));
    for kind in [None, Some(&b"application/sdp"[..]), Some(b"multipart/mixed;boundary=\"-x\""), Some(bytes)] {
        let found = sdp::find(kind, bytes);
        assert!(found.is_none_or(|body| is_within(body, bytes)));
    }
    let Some(session) = Session::parse(bytes) else { return };
    for media in session.media() {
        assert!(is_within(media.kind, bytes) && is_within(media.proto, bytes));
        assert!(media.formats().all(|format| !format.is_empty() && is_within(format, bytes)));
        assert!(
            media
                .attributes()
                .all(|(name, value)| is_within(name, bytes) && is_within(value.unwrap_or_default(), bytes))
        );
        let _ = (media.ip(), media.direction.sends(), media.direction.receives());
    }
    assert!(session.attributes().all(|(name, _)| is_within(name, bytes)));
}

fn sctp(bytes: &[u8]) {
    for truncated in [false, true] {
        let Ok(packet) = Sctp::parse(bytes, truncated) else { continue };
        let _ = packet.is_sound();
        let chunks: Vec<_> = packet.data().collect();
        assert!(chunks.iter().all(|data| is_within(data.payload, bytes)));
        assert!(chunks.iter().map(|data| data.payload.len() + 16).sum::<usize>() <= bytes.len());
    }
}

fn ws(bytes: &[u8]) {
    if let Upgrade::WebSocket { len, .. } = ws::upgrade(bytes) {
        assert!(len <= bytes.len());
        assert_eq!(ws::upgrade(&bytes[..len]), ws::upgrade(bytes), "what follows changes nothing");
    }
    match Header::parse(bytes) {
        Ok(header) => {
            assert!((2..=14).contains(&header.len) && header.len <= bytes.len());
            for shorter in 0..header.len {
                assert_eq!(Header::parse(&bytes[..shorter]), Err(NoHeader::NeedMore));
            }
            let payload = &bytes[header.len..];
            let (mut whole, mut pieces) = (Vec::new(), Vec::new());
            header.unmask(0, payload, &mut whole);
            let (first, second) = payload.split_at(payload.len() / 3);
            header.unmask(0, first, &mut pieces);
            header.unmask(first.len() as u64, second, &mut pieces);
            assert_eq!(whole, pieces);
        }
        Err(NoHeader::NeedMore) => assert!(bytes.len() < 14),
        Err(NoHeader::Invalid) => assert!(!bytes.is_empty()),
    }
}

fn hep(bytes: &[u8]) {
    assert!(Hep::len_in_stream(bytes).is_none_or(|len| len >= 6));
    let Some(hep) = Hep::parse(bytes) else { return };
    let payload = match hep.payload {
        Payload::Sip(payload) | Payload::ZlibSip(payload) | Payload::Media(payload) => payload,
        Payload::Report(_) | Payload::Other(_) => &[],
    };
    assert!(is_within(payload, bytes) && is_within(hep.correlation.unwrap_or_default(), bytes));
}

fn tls(bytes: &[u8]) {
    let (mut rest, mut messages) = (bytes, Vec::new());
    while let Next::Record(record) = tls::record(rest) {
        assert!(is_within(record.fragment, bytes) && record.len() <= rest.len());
        assert_eq!(tls::record(&rest[..record.len() - 1]), Next::NeedMore, "a record lacks its last byte");
        messages.extend_from_slice(record.fragment);
        rest = &rest[record.len()..];
    }
    for messages in [&messages[..], bytes] {
        let mut rest = messages;
        while let Some((_, body, len)) = tls::message(rest) {
            assert_eq!(body.len() + 4, len);
            let _ = (ClientHello::parse(body), ServerHello::parse(body).map(|hello| hello.is_retry()));
            rest = &rest[len..];
        }
    }
}

fn links(bytes: &[u8]) {
    let [link, frame @ ..] = bytes else { return };
    let link = LinkType(
        [1, 0, 9, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 204, 239, 276][usize::from(*link) % 17],
    );
    match link::peel(link, frame) {
        Link::Ip(inside) => assert!(is_within(inside, frame)),
        Link::Several(frames) => assert!(frames.into_iter().all(|inside| is_within(inside, frame))),
        Link::NotIp | Link::Unread(_) => {}
    }
}

/// As many tunnels as there are in each other, each shorter than the one around it.
fn tunnels(bytes: &[u8]) {
    let mut next = ip::parse(bytes, false).ok().map(|ip| ip.carried);
    let mut left = bytes.len();
    while let Some(carried) = next.take() {
        let inside = match carried {
            Carried::Udp(udp) => tunnel::of_udp(&udp, false),
            Carried::Other(protocol, payload) => tunnel::of_protocol(protocol, payload, false),
            _ => return,
        };
        let Ok(Some(inside)) = inside else { return };
        assert!(is_within(inside.bytes, bytes) && inside.bytes.len() < left, "a tunnel has a header");
        left = inside.bytes.len();
        next = match inside.content {
            Content::Protocol(protocol) => ip::transport(protocol, inside.bytes, false).ok(),
            Content::Link(layer) => match link::peel_from(layer, inside.bytes) {
                Link::Ip(bytes) => ip::parse(bytes, false).ok().map(|ip| ip.carried),
                _ => return,
            },
        };
    }
}

fn key_log(bytes: &[u8]) {
    let mut whole = Secrets::default();
    let unusable = whole.read(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    assert!(unusable.lines + whole.len() as u64 <= lines);
    let mut pieces = Secrets::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        pieces.read(line);
    }
    assert_eq!(whole.len(), pieces.len());
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = whole.read_private_key(text);
    }
}

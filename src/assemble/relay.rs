//! From a HEP packet to the SIP message or the media that a capture agent saw, as if captured here: with the time,
//! the addresses and the transport that the agent tells. Knows nothing of how HEP itself came here.

use super::inflate;
use super::split::{MAX_MESSAGE, Said, Stamp};
use crate::event::{Path, Transport};
use crate::time::Timestamp;
use crate::wire::hep::{Hep, Payload};
use crate::wire::ip::Udp;
use crate::wire::sip::Message;

/// A HEP packet whose payload is no zlib stream.
const BROKEN: &str = "compressed payload of HEP";
/// What an agent says of RTCP in its own words.
const REPORT: &str = "HEP RTCP report";
/// What neither SIP nor media are.
const OTHER: &str = "HEP payload";
/// RTP and RTCP in HEP over TCP, which no agent sends.
const MEDIA: &str = "media in HEP over TCP";

/// What of HEP packets was not read: by its name, how many bytes.
pub(super) type Unread = (&'static str, u64);

/// The media that a HEP packet relays, if it does: with the addresses and the time that the agent tells.
pub(super) fn media<'a>(hep: &Hep<'a>, outer: Timestamp) -> Option<(Timestamp, Udp<'a>)> {
    let Payload::Media(payload) = hep.payload else { return None };
    let udp = Udp { src_port: hep.src.port(), dst_port: hep.dst.port(), payload, to_ip_end: payload };
    Some((hep.at.unwrap_or(outer), udp))
}

/// Gives `emit` the message, if the HEP packet has one. Returns what of it could not be read.
pub(super) fn unwrap(hep: &Hep<'_>, outer: Stamp, emit: impl FnOnce(Path, Stamp, Said<'_>)) -> Option<Unread> {
    let unpacked;
    let bytes = match hep.payload {
        Payload::Sip(bytes) => bytes,
        Payload::ZlibSip(bytes) => match inflate::zlib(bytes, MAX_MESSAGE) {
            Some(whole) => {
                unpacked = whole;
                &unpacked
            }
            None => return Some((BROKEN, bytes.len() as u64)),
        },
        Payload::Media(bytes) => return Some((MEDIA, bytes.len() as u64)),
        Payload::Report(len) => return Some((REPORT, len as u64)),
        Payload::Other(0) => return None,
        Payload::Other(len) => return Some((OTHER, len as u64)),
    };
    let transport = match hep.protocol {
        6 => Transport::Tcp,
        Hep::TLS => Transport::Tls,
        132 => Transport::Sctp,
        Hep::WS => Transport::Ws,
        _ => Transport::Udp,
    };
    if let Some(message) = Message::parse(bytes) {
        let stamp = Stamp { at: hep.at.unwrap_or(outer.at), ..outer };
        emit(Path { src: hep.src, dst: hep.dst, transport }, stamp, Said { message, correlation: hep.correlation });
    }
    None
}

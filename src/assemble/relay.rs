//! From a HEP packet to the SIP message that a capture agent saw, as if it had been captured here: with the time,
//! the addresses and the transport that the agent tells. Knows nothing of how HEP itself came here.

use super::inflate;
use super::split::{MAX_MESSAGE, Said, Stamp};
use crate::event::{Path, Transport};
use crate::wire::hep::{Hep, Payload};
use crate::wire::sip::Message;

/// Gives `emit` the message, if the HEP packet has one. Returns how many bytes of it could not be unpacked.
pub(super) fn unwrap(hep: &Hep<'_>, outer: Stamp, emit: impl FnOnce(Path, Stamp, Said<'_>)) -> Option<u64> {
    let unpacked;
    let bytes = match hep.payload {
        Payload::Sip(bytes) => bytes,
        Payload::ZlibSip(bytes) => match inflate::zlib(bytes, MAX_MESSAGE) {
            Some(whole) => {
                unpacked = whole;
                &unpacked
            }
            None => return Some(bytes.len() as u64),
        },
        Payload::Other => return None,
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

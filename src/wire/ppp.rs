//! PPP and PPPoE: from a point-to-point frame to the protocol that its field names.
//! Knows no negotiation: what was agreed (compression, encryption) shows in the protocol field or not at all.

use super::link::{Layer, Link, Step};

/// A PPP frame (RFC 1661 2). Whether HDLC's address and control stand in front, and whether the protocol field was
/// compressed to one byte, was negotiated; the bytes tell.
pub(super) fn ppp(frame: &[u8]) -> Step<'_> {
    let body = match frame {
        // RFC 1662 3.1: all stations, unnumbered information.
        [0xff, 0x03, body @ ..] => body,
        // Cisco's framing of the same: unicast or multicast, zero, EtherType (RFC 1547 4.3.1).
        [0x0f | 0x8f, 0x00, high, low, body @ ..] => {
            return Step::On(Layer::Ether(u16::from_be_bytes([*high, *low])), body);
        }
        body => body,
    };
    // RFC 1661 2: the low bit ends the field.
    let (protocol, rest) = match body {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Step::malformed("PPP header"),
    };
    match protocol {
        0x0021 | 0x0057 => Step::On(Layer::Ip, rest),
        0x0281 | 0x0283 => Step::On(Layer::Mpls, rest),
        0x002d | 0x002f | 0x0061 | 0x0063 | 0x0065 | 0x0067 | 0x0069 | 0x2063 | 0x2065 | 0x2067 | 0x2069 => {
            Step::not_decoded("PPP header compression")
        }
        0x0031 => Step::not_decoded("PPP bridging"),
        0x003d => Step::not_decoded("PPP multilink"),
        0x0053 | 0x0055 => Step::not_decoded("PPP encryption"),
        // MPPE borrows the number of compression (RFC 3078 2).
        0x00fb | 0x00fd => Step::not_decoded("PPP compression"),
        // Link control, authentication, network control, other network protocols.
        _ => Step::Stop(Link::NotIp),
    }
}

/// A PPPoE packet (RFC 2516 4): version and type 1, code, session, length, and PPP.
pub(super) fn pppoe(bytes: &[u8]) -> Step<'_> {
    match bytes {
        [0x11, 0, _, _, high, low, rest @ ..] => {
            // The end of the frame is padding; where the length promises more than there is, the frame was cut.
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            Step::On(Layer::Ppp, rest.get(..len).unwrap_or(rest))
        }
        // Discovery.
        [0x11, _, _, _, _, _, ..] => Step::Stop(Link::NotIp),
        _ => Step::malformed("PPPoE header"),
    }
}

//! GTP-U, version 1 (3GPP TS 29.281 5): what phones send through a mobile network.

use super::{Found, Inside};
use crate::issue::Cause;
use crate::wire::link::{Layer, looks_like_ethernet, looks_like_ip};

/// Extension header present.
const E: u8 = 0x04;
/// Extension header, sequence number or N-PDU number present: any of them brings the four bytes of all three.
const ANY: u8 = 0x07;

/// Reads a G-PDU.
pub(super) fn read(bytes: &[u8]) -> Option<Found<'_>> {
    let ([flags, _, high, low, ..], rest) = bytes.split_first_chunk::<8>()?;
    // The length counts from here; a wrong one yields to the bytes at hand.
    let mut rest = rest.get(..usize::from(u16::from_be_bytes([*high, *low]))).unwrap_or(rest);
    if flags & ANY != 0 {
        let ([.., kind], after) = rest.split_first_chunk::<4>()?;
        let mut kind = if flags & E != 0 { *kind } else { 0 };
        rest = after;
        // Each extension header tells its length in words, and last the type of the next (TS 29.281 5.2.1).
        while kind != 0 {
            let len = usize::from(*rest.first()?).max(1) * 4;
            kind = *rest.get(len - 1)?;
            rest = rest.get(len..)?;
        }
    }
    // Whether a session carries IP, Ethernet or something unstructured was signalled elsewhere.
    Some(if looks_like_ip(rest) && !looks_like_ethernet(rest) {
        Ok(Some(Inside::link(Layer::Ip, rest)))
    } else if looks_like_ethernet(rest) {
        Ok(Some(Inside::link(Layer::Ethernet, rest)))
    } else if matches!(rest.first(), Some(0x45..=0x4f | 0x60..=0x6f)) {
        // Too short for its own header.
        return None;
    } else {
        Err(Cause::NotDecoded("GTP-U of another payload type"))
    })
}

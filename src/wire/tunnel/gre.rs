//! GRE (RFC 2784, RFC 2890), as PPTP has it (RFC 2637 4.1), and ERSPAN in it.

use super::{Found, Inside};
use crate::issue::Cause;
use crate::wire::link::Layer;

/// Checksum, routing, key and sequence number present.
const C: u16 = 0x8000;
const R: u16 = 0x4000;
const K: u16 = 0x2000;
const S: u16 = 0x1000;
/// Version 1: acknowledgment number present.
const A: u16 = 0x0080;

pub(super) fn read(bytes: &[u8]) -> Option<Found<'_>> {
    let ([f0, f1, p0, p1], rest) = bytes.split_first_chunk()?;
    let (flags, protocol) = (u16::from_be_bytes([*f0, *f1]), u16::from_be_bytes([*p0, *p1]));
    let word = |bit| if flags & bit == 0 { 0 } else { 4 };
    match flags & 0x0007 {
        0 if flags & R != 0 => Some(Err(Cause::NotDecoded("GRE source routing"))),
        0 => {
            let payload = rest.get(word(C) + word(K) + word(S)..)?;
            let (layer, skip) = match protocol {
                // ERSPAN: type I has no header and no sequence number, type II eight bytes.
                0x88be if flags & S == 0 => (Layer::Ethernet, 0),
                0x88be => (Layer::Ethernet, 8),
                0x22eb => return erspan_3(payload),
                // WCCP: version 1 puts nothing before the packet, version 2 four bytes, which cannot begin like IP.
                0x883e => (Layer::Ip, if matches!(payload.first(), Some(0x40..)) { 0 } else { 4 }),
                other => (Layer::Ether(other), 0),
            };
            Some(Ok(Some(Inside::link(layer, payload.get(skip..)?))))
        }
        1 => {
            // Length and call id are where version 0 has the key; a packet without sequence number only acknowledges.
            let payload = rest.get(4 + word(S) + word(A)..)?;
            let carries = flags & (K | S) == K | S && protocol == 0x880b;
            Some(Ok(carries.then(|| Inside::link(Layer::Ppp, payload))))
        }
        _ => Some(Err(Cause::Malformed("GRE header"))),
    }
}

/// ERSPAN type III: twelve bytes, eight more where the last bit says so, and the type of the frame in the eleventh.
fn erspan_3(bytes: &[u8]) -> Option<Found<'_>> {
    let ([.., kind, options], rest) = bytes.split_first_chunk::<12>()?;
    let frame = rest.get(if options & 1 == 1 { 8 } else { 0 }..)?;
    Some(match kind >> 2 & 0x1f {
        0 => Ok(Some(Inside::link(Layer::Ethernet, frame))),
        2 => Ok(Some(Inside::link(Layer::Ip, frame))),
        _ => Err(Cause::NotDecoded("ERSPAN of another frame type")),
    })
}

//! ESP without encryption (RFC 4303, RFC 2410), as IMS phones use it. No field tells that it is not encrypted, so it is
//! read only where the trailer and the header inside agree (the idea of RFC 5879).

use super::{Content, Found, Inside};
use crate::issue::Cause;
use crate::wire::link::{Layer, looks_like_ip};
use crate::wire::sip::looks_like_sip;

/// Lengths of integrity check values: HMAC-MD5-96 and SHA-1-96, SHA-256-128, none, SHA-384-192, SHA-512-256.
const CHECK_VALUES: [usize; 5] = [12, 16, 0, 24, 32];
/// An initialization vector: none, or that of AES-GMAC (RFC 4543).
const VECTORS: [usize; 2] = [0, 8];

/// Reads ESP whose content is in the clear. `truncated`: its trailer may be missing.
pub(super) fn read(bytes: &[u8], truncated: bool) -> Found<'_> {
    // SPI and sequence number.
    let Some(body) = bytes.get(8..) else {
        // Behind UDP a keep-alive is a single byte (RFC 3948 2.3), and nothing else is this short.
        return if truncated { Err(Cause::CutShort) } else { Ok(None) };
    };
    if truncated {
        // Without its trailer only SIP itself can tell.
        let clear = body.get(8..).is_some_and(looks_like_sip);
        return if clear { Ok(Some(inside(17, body))) } else { Err(Cause::NotDecoded("ESP")) };
    }
    for vector in VECTORS {
        for check_value in CHECK_VALUES {
            let clear = body.get(vector..).and_then(|body| body.get(..body.len().checked_sub(check_value)?));
            if let Some((protocol, payload)) = clear.and_then(trailer) {
                return Ok(Some(inside(protocol, payload)));
            }
        }
    }
    Err(Cause::NotDecoded("ESP"))
}

const fn inside(protocol: u8, bytes: &[u8]) -> Inside<'_> {
    let content = match protocol {
        4 | 41 => Content::Link(Layer::Ip),
        other => Content::Protocol(other),
    };
    Inside { content, bytes }
}

/// Splits padding, its length and the next header off (RFC 4303 2.4) and asks whether all of it makes sense.
fn trailer(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (rest, [padding, next]) = bytes.split_last_chunk::<2>()?;
    let (payload, padding) = rest.split_at_checked(rest.len().checked_sub(usize::from(*padding))?)?;
    // The bytes of the padding count from one; some senders write zeros.
    let counts = padding.iter().zip(1_u8..).all(|(byte, n)| *byte == n);
    let sensible = (counts || padding.iter().all(|byte| *byte == 0)) && bytes.len().is_multiple_of(4);
    (sensible && fits(*next, payload)).then_some((*next, payload))
}

/// Whether a payload is wholly what the next header says. Wrong for one encrypted packet in millions.
fn fits(protocol: u8, payload: &[u8]) -> bool {
    let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    match (protocol, payload) {
        (17, [_, _, _, _, high, low, _, _, ..]) => u16::from_be_bytes([*high, *low]) == len,
        // A data offset between five words and the end, no reserved bit, and no flags that exclude each other.
        (6, [_, _, _, _, _, _, _, _, _, _, _, _, offset @ 0x50..=0xf0, flags, ..]) => {
            offset & 0x0e == 0
                && usize::from(offset >> 4) * 4 <= payload.len()
                && matches!(flags & 0x07, 0..=2 | 4)
                && flags & 0x17 != 0
        }
        (4, [0x45..=0x4f, _, high, low, ..]) => looks_like_ip(payload) && u16::from_be_bytes([*high, *low]) == len,
        (41, [0x60..=0x6f, _, _, _, high, low, ..]) => {
            looks_like_ip(payload) && usize::from(u16::from_be_bytes([*high, *low])) + 40 == payload.len()
        }
        _ => false,
    }
}

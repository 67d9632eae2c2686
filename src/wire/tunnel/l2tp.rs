//! L2TP data messages: version 2 with PPP (RFC 2661 3.1), version 3 with what was signalled (RFC 3931 4.1).

use super::{Found, Inside};
use crate::issue::Cause;
use crate::wire::link::{Layer, looks_like_ethernet, looks_like_ip};

/// Length, sequence numbers and offset present.
const L: u8 = 0x40;
const S: u8 = 0x08;
const O: u8 = 0x02;

/// Reads a data message of version 2: PPP.
pub(super) fn version_2(bytes: &[u8]) -> Option<Found<'_>> {
    let flags = *bytes.first()?;
    let option = |bit, len| if flags & bit == 0 { 0 } else { len };
    // Flags and version, length, tunnel, session, Ns and Nr.
    let mut rest = bytes.get(2 + option(L, 2) + 4 + option(S, 4)..)?;
    if flags & O != 0 {
        let (size, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_be_bytes(*size))..)?;
    }
    Some(Ok(Some(Inside::link(Layer::Ppp, rest))))
}

/// Reads a data message of version 3, from its session on: a cookie and a sublayer header of lengths that were
/// signalled follow, then mostly Ethernet. Read where one combination, and only bytes that fit, shows IP.
pub(super) fn version_3(bytes: &[u8]) -> Option<Found<'_>> {
    let (session, rest) = bytes.split_first_chunk::<4>()?;
    // Session zero is the control connection.
    if *session == [0; 4] {
        return Some(Ok(None));
    }
    // Cookies are 0, 4 or 8 bytes long, the sublayer 0 or 4.
    let inside = [0, 4, 8, 12].into_iter().filter_map(|skip| rest.get(skip..)).find_map(|rest| match rest {
        _ if looks_like_ethernet(rest) => Some(Inside::link(Layer::Ethernet, rest)),
        [0xff, 0x03, 0, 0x21 | 0x57, ip @ ..] if looks_like_ip(ip) => Some(Inside::link(Layer::Ip, ip)),
        _ => None,
    });
    Some(inside.map_or(Err(Cause::NotDecoded("L2TPv3")), |inside| Ok(Some(inside))))
}

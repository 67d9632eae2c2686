//! 802.11 data frames, as drivers in monitor mode hand them over: off with radio headers and the MAC header.
//! Knows no keys: what the network encrypted stays unread.

use super::link::{Layer, Link, Step};
use crate::packet::LinkType;

/// The start of LLC with SNAP and no organisation (RFC 1042): what the body of a data frame begins with.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// A MAC header (IEEE 802.11 9.2) and the body of a data frame.
pub(super) fn mac(frame: &[u8]) -> Step<'_> {
    const HEADER: &str = "802.11 header";
    let [control, flags, ..] = frame else { return Step::malformed(HEADER) };
    // Version 0, type data, and not one of the subtypes without data.
    if control & 0x0f != 0x08 || control & 0x40 != 0 {
        return Step::Stop(Link::NotIp);
    }
    let qos = control & 0x80 != 0;
    // A fourth address between two access points; QoS control; HT control.
    let qos_at = if flags & 0x03 == 0x03 { 30 } else { 24 };
    let len = qos_at + if qos { 2 } else { 0 } + if qos && flags & 0x80 != 0 { 4 } else { 0 };
    let (Some(body), Some(fragment)) = (frame.get(len..), frame.get(22)) else { return Step::malformed(HEADER) };
    if flags & 0x04 != 0 || fragment & 0x0f != 0 {
        return Step::not_decoded("802.11 fragments");
    }
    let body = if flags & 0x40 != 0 {
        // Some drivers decrypt and leave the flag, some also the eight bytes of IV that TKIP and CCMP put in front.
        let clear = [0, 8].into_iter().filter_map(|at| body.get(at..)).find(|body| body.starts_with(&SNAP));
        let Some(clear) = clear else { return Step::not_decoded("encrypted 802.11") };
        clear
    } else {
        body
    };
    if qos && frame.get(qos_at).is_some_and(|control| control & 0x80 != 0) {
        return Step::Stop(Link::Several(Subframes(body)));
    }
    // Atheros pads the header to four bytes, and not every radio header says so.
    let padded = body.get(len.next_multiple_of(4) - len..).filter(|body| body.starts_with(&SNAP));
    Step::On(Layer::Llc, padded.unwrap_or(body))
}

/// The frames in an A-MSDU (IEEE 802.11 9.3.2.2): each begins with LLC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subframes<'a>(&'a [u8]);

impl<'a> Iterator for Subframes<'a> {
    type Item = &'a [u8];

    /// Two addresses, a length in network byte order, the frame, and padding to four bytes except after the last.
    fn next(&mut self) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_first_chunk::<14>()?;
        let len = usize::from(u16::from_be_bytes(*head.last_chunk()?));
        // A cut frame keeps its beginning.
        let frame = rest.get(..len).unwrap_or(rest);
        self.0 = self.0.get((14 + len).next_multiple_of(4)..).unwrap_or_default();
        Some(frame)
    }
}

/// What follows a radiotap header; its length is in little endian, as all of it.
pub(super) fn behind_radiotap(frame: &[u8]) -> Option<&[u8]> {
    let [_, _, low, high, ..] = frame else { return None };
    frame.get(usize::from(u16::from_le_bytes([*low, *high])).max(8)..)
}

/// What follows a Prism header (in the byte order of its host) or an AVS header (in network byte order): both have
/// their length in the second word, and drivers are known to write the one under the other's link type.
pub(super) fn behind_prism_or_avs(frame: &[u8]) -> Option<&[u8]> {
    let word = frame.get(4..)?.first_chunk::<4>()?;
    let len = u32::from_le_bytes(*word).min(u32::from_be_bytes(*word));
    frame.get(usize::try_from(len).ok()?.max(8)..)
}

/// The link type that a PPI header names, and what follows it.
pub(super) fn behind_ppi(frame: &[u8]) -> Option<(LinkType, &[u8])> {
    let ([_, _, low, high, link @ ..], _) = frame.split_first_chunk::<8>()?;
    let link = u16::try_from(u32::from_le_bytes(*link)).ok()?;
    Some((LinkType(link), frame.get(usize::from(u16::from_le_bytes([*low, *high])).max(8)..)?))
}

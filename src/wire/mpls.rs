//! MPLS: off with the label stack, and a guess at what is under it, for no field tells.
//! Knows no labels: what a label stands for was signalled elsewhere.

use super::link::{Layer, Link, Step, looks_like_ethernet, looks_like_ip};

/// More labels than this are damage.
const MAX_LABELS: usize = 32;

/// A label stack (RFC 3032 2.1) and what its bottom covers.
pub(super) fn stack(bytes: &[u8]) -> Step<'_> {
    let mut rest = bytes;
    for _ in 0..MAX_LABELS {
        let Some(([_, _, bottom, _], below)) = rest.split_first_chunk() else { break };
        rest = below;
        if bottom & 1 == 1 {
            return payload(rest);
        }
    }
    Step::malformed("MPLS label stack")
}

/// The first nibble is the only hint (RFC 4928 3): 4 and 6 are IP, 0 is a pseudowire's control word, 1 its associated
/// channel. A pseudowire without control word begins with an address, and looks like anything.
fn payload(bytes: &[u8]) -> Step<'_> {
    let (nibble, behind_word) = (bytes.first().map(|first| first >> 4), bytes.get(4..).unwrap_or_default());
    match nibble {
        Some(4 | 6) if looks_like_ip(bytes) || !looks_like_ethernet(bytes) => Step::On(Layer::Ip, bytes),
        Some(0) if looks_like_ethernet(behind_word) => Step::On(Layer::Ethernet, behind_word),
        _ if looks_like_ethernet(bytes) => Step::On(Layer::Ethernet, bytes),
        // ATM, frame relay, TDM, or Ethernet with something else than IP.
        Some(_) => Step::Stop(Link::NotIp),
        None => Step::malformed("MPLS payload"),
    }
}

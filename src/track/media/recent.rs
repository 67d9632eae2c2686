//! The streams that packets came of lately, found by what their headers say, without a digest of it. Knows of a stream
//! only its index; who changes what an index stands for says so here.

use std::net::SocketAddr;

use crate::wire::media::Media;

/// Streams that are remembered, a power of two: those of some thousand calls at once.
const ENTRIES: usize = 1 << 14;

/// What a stream is known by: its IPv4 addresses; its ports and its source.
type Name = (u64, u64);

/// A table in which a stream has one place and shares it with others: the latest has it. Only streams about which
/// nothing is open are in it.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Each the name, and one more than the index; nothing at all before the first one.
    entries: Vec<[u64; 3]>,
}

/// What the stream of a packet is known by.
#[inline]
pub(super) fn name(media: &Media<'_>) -> Name {
    (media.addresses, u64::from(media.ports) << 32 | u64::from(media.rtp.ssrc))
}

/// What a stream is known by; `None` where it is not of IPv4.
#[inline]
pub(super) fn name_of(src: SocketAddr, dst: SocketAddr, ssrc: u32) -> Option<Name> {
    let (SocketAddr::V4(from), SocketAddr::V4(to)) = (src, dst) else { return None };
    let addresses = u64::from(from.ip().to_bits()) << 32 | u64::from(to.ip().to_bits());
    Some((addresses, u64::from(from.port()) << 48 | u64::from(to.port()) << 32 | u64::from(ssrc)))
}

/// Where in the table it belongs. Whoever makes streams share a place only makes them be looked for in another way.
#[inline]
const fn place_of((addresses, rest): Name) -> usize {
    let folded = (addresses ^ rest.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded >> (64 - ENTRIES.trailing_zeros())) as usize
}

impl Recent {
    /// The index of the stream of this name, if it is remembered.
    #[inline]
    pub(super) fn get(&self, name: Name) -> Option<usize> {
        let entry = self.entries.get(place_of(name))?;
        ((entry[0], entry[1]) == name && entry[2] != 0).then(|| entry[2] as usize - 1)
    }

    /// The stream of this name has this index.
    pub(super) fn remember(&mut self, name: Name, index: u32) {
        if self.entries.is_empty() {
            self.entries = vec![[0; 3]; ENTRIES];
        }
        if let Some(entry) = self.entries.get_mut(place_of(name)) {
            *entry = [name.0, name.1, u64::from(index) + 1];
        }
    }

    /// What index the stream of this name has is to be asked elsewhere from now on.
    pub(super) fn forget(&mut self, name: Option<Name>) {
        if let Some(name) = name
            && self.get(name).is_some()
            && let Some(entry) = self.entries.get_mut(place_of(name))
        {
            *entry = [0; 3];
        }
    }
}

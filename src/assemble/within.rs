//! Which tunnels a packet came out of. Knows their number and their ends, and nothing of their headers.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::FixedState;

/// Networks put three or four tunnels into each other; what goes deeper is damage or an attack.
const MAX_DEPTH: u8 = 8;

/// The tunnels around a packet, from the outermost in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Within {
    depth: u8,
    id: u64,
}

impl Within {
    /// No tunnel.
    pub(super) const OUTSIDE: Self = Self { depth: 0, id: 0 };

    /// One tunnel more, between these ends; `None` where that is too many. Ports do not count: encapsulations over UDP
    /// vary them (RFC 7348 5), and fragments of one packet may get different ones.
    pub(super) fn one_more(self, src: IpAddr, dst: IpAddr) -> Option<Self> {
        let id = FixedState::with_seed(self.id).hash_one((src, dst));
        (self.depth < MAX_DEPTH).then_some(Self { depth: self.depth + 1, id })
    }

    /// Tells packets of different tunnels apart; zero outside of any.
    pub(super) const fn id(self) -> u64 {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_told_apart_by_their_ends_and_their_depth() {
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let once = Within::OUTSIDE.one_more(a, b).unwrap();
        let others = [
            Some(Within::OUTSIDE),
            Within::OUTSIDE.one_more(b, a),
            Within::OUTSIDE.one_more(a, a),
            once.one_more(a, b),
        ];
        assert_eq!(Within::OUTSIDE.one_more(a, b), Some(once));
        assert!(others.iter().all(|other| other.unwrap().id() != once.id()));
    }

    #[test]
    fn the_depth_is_bounded() {
        let end = IpAddr::from([10, 0, 0, 1]);
        let depth = std::iter::successors(Some(Within::OUTSIDE), |within| within.one_more(end, end)).count();
        assert_eq!(depth, usize::from(MAX_DEPTH) + 1);
    }
}

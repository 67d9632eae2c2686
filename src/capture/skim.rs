//! A run of packets that somebody takes as they are, read in one go: most of a capture of calls is media, and each
//! packet of it is one more of the same. Knows no file and no damage: what is not simply the next packet ends the run.

use super::framing::{Found, Frame, Framing};
use crate::packet::{Packet, Place};
use crate::time::Timestamp;

/// What a run of packets came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skimmed {
    /// Packets that were taken.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Those that the snap length cut.
    pub cut_short: u64,
    /// The last of them; meaningless where there was none.
    pub place: Place,
    /// The earliest and the latest time among them, where there were any.
    pub times: Option<(Timestamp, Timestamp)>,
}

/// What stands behind the packets of a run.
pub(super) enum Behind {
    /// A packet that is not for the run, decoded.
    Packet(Frame),
    /// Anything else; of a packet that claims too much, what it would be.
    Else(Found, Frame),
}

/// Who takes packets of a run.
pub trait Taker {
    /// Takes a packet, or not: then that is the end of the run.
    fn take(&mut self, packet: &Packet<'_>) -> bool;
}

/// Gives `taker` one packet after the other, as long as it takes them and they are from before `until`. Returns the bytes
/// gone through with it. `place` and `section` are those of the packet before the first.
#[inline]
pub(super) fn skim<F: Framing>(
    framing: &mut F,
    bytes: &[u8],
    place: Place,
    section: u32,
    until: Timestamp,
    taker: &mut impl Taker,
) -> (Skimmed, usize, Behind) {
    let mut run = Skimmed { place, ..Skimmed::default() };
    let (mut first, mut last) = (Timestamp::from_nanos(i64::MAX), Timestamp::from_nanos(i64::MIN));
    let mut done = 0;
    let behind = loop {
        let rest = bytes.get(done..).unwrap_or_default();
        let mut head = Frame::NONE;
        match framing.decode(rest, &mut head) {
            Found::Packet if !head.overrun => {}
            other => break Behind::Else(other, head),
        }
        let from = head.from as usize;
        let data = rest.get(from..from + head.len as usize).unwrap_or_default();
        let place = Place { frame: run.place.frame + 1, ..run.place };
        let packet = Packet { place, section, at: head.at, link: head.link, original_len: head.original_len, data };
        if head.news || head.at >= until || !taker.take(&packet) {
            break Behind::Packet(head);
        }
        done += head.used as usize;
        run.place = place;
        run.packets += 1;
        run.bytes += u64::from(head.len);
        run.cut_short += u64::from(head.original_len > head.len);
        (first, last) = (first.min(head.at), last.max(head.at));
    };
    run.times = Some((first, last)).filter(|_| run.packets > 0);
    (run, done, behind)
}

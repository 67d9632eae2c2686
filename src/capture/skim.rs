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

/// Who takes packets of runs.
pub trait Taker {
    /// Takes the packets of a run, one after the other: all of them, or as many as it will. They are in memory together.
    fn take<'p>(&mut self, run: &mut impl Iterator<Item = Packet<'p>>);
}

/// The packets at hand from before `until`, as long as they follow one another and nothing else stands between them.
struct Run<'r, 'p, F> {
    framing: &'r mut F,
    bytes: &'p [u8],
    /// How many of the bytes were gone through.
    done: usize,
    section: u32,
    until: Timestamp,
    skimmed: Skimmed,
    first: Timestamp,
    last: Timestamp,
    behind: Option<Behind>,
}

impl<'p, F: Framing> Iterator for Run<'_, 'p, F> {
    type Item = Packet<'p>;

    #[inline(always)] // Once for each packet, which then is in no memory but its own.
    fn next(&mut self) -> Option<Packet<'p>> {
        let rest = self.bytes.get(self.done..).unwrap_or_default();
        let mut head = Frame::NONE;
        match self.framing.decode(rest, &mut head) {
            Found::Packet if !head.overrun => {}
            other => {
                self.behind = Some(Behind::Else(other, head));
                return None;
            }
        }
        if head.news || head.at >= self.until {
            self.behind = Some(Behind::Packet(head));
            return None;
        }
        let from = head.from as usize;
        let data = rest.get(from..from + head.len as usize).unwrap_or_default();
        let run = &mut self.skimmed;
        run.place.frame += 1;
        run.packets += 1;
        run.bytes += u64::from(head.len);
        run.cut_short += u64::from(head.original_len > head.len);
        self.done += head.used as usize;
        (self.first, self.last) = (self.first.min(head.at), self.last.max(head.at));
        let Skimmed { place, .. } = *run;
        let Frame { at, link, original_len, .. } = head;
        Some(Packet { place, section: self.section, at, link, original_len, data })
    }
}

/// Gives `taker` one packet after the other, as long as they are from before `until`. Returns the bytes gone through with
/// it; and what stands behind them, unless the taker had enough. `place` and `section` are those of the packet before the
/// first.
#[inline]
pub(super) fn skim<F: Framing>(
    framing: &mut F,
    bytes: &[u8],
    place: Place,
    section: u32,
    until: Timestamp,
    taker: &mut impl Taker,
) -> (Skimmed, usize, Option<Behind>) {
    let (first, last) = (Timestamp::from_nanos(i64::MAX), Timestamp::from_nanos(i64::MIN));
    let skimmed = Skimmed { place, ..Skimmed::default() };
    let mut run = Run { framing, bytes, done: 0, section, until, skimmed, first, last, behind: None };
    taker.take(&mut run);
    let times = Some((run.first, run.last)).filter(|_| run.skimmed.packets > 0);
    (Skimmed { times, ..run.skimmed }, run.done, run.behind)
}

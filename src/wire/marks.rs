//! Bytes looked for sixteen at a time: where lines end, where the next mark of a value stands. Knows no protocol.
//!
//! The one file that knows `wide`: without it, the instructions of the processor that compare sixteen bytes at once are
//! out of reach of code without `unsafe`. Nearly every byte of every head is looked at here and nowhere else.

use wide::u8x16;

/// A few of the 256 bytes that there are.
pub(super) trait Set: Copy {
    /// Whether this is one of them.
    fn has(self, byte: u8) -> bool;

    /// All bits set where one of them stands.
    fn mark(self, bytes: u8x16) -> u8x16;
}

/// This byte.
impl Set for u8 {
    #[inline(always)]
    fn has(self, byte: u8) -> bool {
        byte == self
    }

    #[inline(always)]
    fn mark(self, bytes: u8x16) -> u8x16 {
        bytes.simd_eq(u8x16::splat(self))
    }
}

/// These bytes.
impl<const N: usize> Set for [u8; N] {
    #[inline(always)]
    fn has(self, byte: u8) -> bool {
        self.contains(&byte)
    }

    #[inline(always)]
    fn mark(self, bytes: u8x16) -> u8x16 {
        self.into_iter().fold(u8x16::splat(0), |marks, byte| marks | byte.mark(bytes))
    }
}

/// This byte and all below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpTo(pub(super) u8);

impl Set for UpTo {
    #[inline(always)]
    fn has(self, byte: u8) -> bool {
        byte <= self.0
    }

    #[inline(always)]
    fn mark(self, bytes: u8x16) -> u8x16 {
        bytes.min(u8x16::splat(self.0)).simd_eq(bytes)
    }
}

/// The bytes from one to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between(pub(super) u8, pub(super) u8);

impl Set for Between {
    #[inline(always)]
    fn has(self, byte: u8) -> bool {
        (self.0..=self.1).contains(&byte)
    }

    #[inline(always)]
    fn mark(self, bytes: u8x16) -> u8x16 {
        // Those below wrap around to the top.
        UpTo(self.1 - self.0).mark(bytes - u8x16::splat(self.0))
    }
}

/// Those of one set and those of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Either<A, B>(pub(super) A, pub(super) B);

impl<A: Set, B: Set> Set for Either<A, B> {
    #[inline(always)]
    fn has(self, byte: u8) -> bool {
        self.0.has(byte) || self.1.has(byte)
    }

    #[inline(always)]
    fn mark(self, bytes: u8x16) -> u8x16 {
        self.0.mark(bytes) | self.1.mark(bytes)
    }
}

/// Which of these bytes are in the set, the first one's bit lowest.
#[inline(always)]
pub(super) fn marks(bytes: &[u8; 16], set: impl Set) -> u32 {
    set.mark(u8x16::new(*bytes)).to_bitmask()
}

/// Which of these bytes are those of the others, the first one's bit lowest.
#[inline(always)]
pub(super) fn equal(bytes: &[u8; 16], others: &[u8; 16]) -> u32 {
    u8x16::new(*bytes).simd_eq(u8x16::new(*others)).to_bitmask()
}

/// At most eight bytes as one number, the first one lowest.
pub(super) const fn packed(bytes: &[u8]) -> u64 {
    let (mut packed, mut rest) = (0, bytes);
    while let [before @ .., last] = rest {
        packed = packed << 8 | *last as u64;
        rest = before;
    }
    packed
}

/// The eight bytes from here on as one number, the first one lowest; zeros where there are fewer.
#[inline(always)]
pub(super) fn packed_at(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => bytes.get(at..).map_or(0, packed),
    }
}

/// Where between `at` and `end` the first byte of the set stands; `end` where none does.
///
/// The bytes may go on behind `end`: the more do, the more often many of them can be looked at together.
#[inline(always)]
pub(super) fn find(bytes: &[u8], at: usize, end: usize, set: impl Set) -> usize {
    // Mostly it is near.
    let Some(near) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else { return find_on(bytes, at, end, set) };
    let marks = marks(near, set);
    if marks == 0 && at + 16 < end {
        return find_on(bytes, at + 16, end, set);
    }
    end.min(at + marks.trailing_zeros() as usize)
}

/// The same, for what is mostly farther away.
#[inline(always)]
pub(super) fn find_far(bytes: &[u8], at: usize, end: usize, set: impl Set) -> usize {
    let near = bytes.get(at..).and_then(|rest| rest.first_chunk::<32>());
    let Some([first, second]) = near.map(|near| near.as_chunks().0) else { return find_on(bytes, at, end, set) };
    let marks = marks(second, set) << 16 | marks(first, set);
    if marks == 0 && at + 32 < end {
        return find_on(bytes, at + 32, end, set);
    }
    end.min(at + marks.trailing_zeros() as usize)
}

#[inline(never)]
fn find_on(bytes: &[u8], at: usize, end: usize, set: impl Set) -> usize {
    let (mut at, mut rest) = (at, bytes.get(at..).unwrap_or_default());
    while at < end {
        let (marks, after) = match rest.split_first_chunk() {
            Some((sixteen, after)) => (marks(sixteen, set), after),
            None => (last_sixteen(bytes, rest, set), &[][..]),
        };
        if marks != 0 {
            return end.min(at + marks.trailing_zeros() as usize);
        }
        (at, rest) = (at + 16, after);
    }
    end
}

/// Which of the last bytes, fewer than sixteen, are in the set.
#[inline(always)]
fn last_sixteen(bytes: &[u8], rest: &[u8], set: impl Set) -> u32 {
    match bytes.last_chunk() {
        // Looked at together with some that were looked at before.
        Some(last) => marks(last, set) >> (16 - rest.len()),
        None => rest.iter().rev().fold(0, |marks, byte| marks << 1 | u32::from(set.has(*byte))),
    }
}

/// Where the first byte of the set stands among the 64 from here on; `None` also where there are fewer.
#[inline(always)]
pub(super) fn near(bytes: &[u8], at: usize, set: impl Set) -> Option<usize> {
    let marks = marks_near(bytes, at, set)?;
    (marks != 0).then(|| at + marks.trailing_zeros() as usize)
}

/// Which of the 64 bytes from here on are in the set, the first one's bit lowest; `None` where there are fewer.
#[inline(always)]
pub(super) fn marks_near(bytes: &[u8], at: usize, set: impl Set) -> Option<u64> {
    Some(marks_of(bytes.get(at..)?.first_chunk()?, set))
}

/// Iterator over the places where bytes of a set stand. Sixty-four bytes are looked at together, so that those of some
/// lines are found at once.
#[derive(Clone, Debug)]
pub(super) struct Places<'a, S> {
    bytes: &'a [u8],
    set: S,
    /// What was not looked at yet.
    rest: std::slice::Iter<'a, [u8; 64]>,
    /// Where the 64 bytes begin that were looked at last, and which of them are still to be given.
    at: usize,
    marks: u64,
}

/// Where the 64 bytes before the first would begin.
const BEFORE: usize = 0_usize.wrapping_sub(64);

impl<'a, S: Set> Places<'a, S> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], set: S) -> Self {
        Self { bytes, set, rest: bytes.as_chunks().0.iter(), at: BEFORE, marks: 0 }
    }
}

impl<S: Set> Iterator for Places<'_, S> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            self.at = self.at.wrapping_add(64);
            self.marks = match self.rest.next() {
                Some(block) => marks_of(block, self.set),
                None => last_marks(self.bytes, self.at, self.set)?,
            };
        }
        let place = self.at + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(place)
    }
}

/// Iterator over the places where bytes outside a set begin: of line ends, where lines begin that are not empty.
#[derive(Clone, Debug)]
pub(super) struct Begins<'a, S> {
    bytes: &'a [u8],
    set: S,
    rest: std::slice::Iter<'a, [u8; 64]>,
    at: usize,
    marks: u64,
    /// Whether the byte before the next 64 is in the set, or there is none.
    before: u64,
}

impl<'a, S: Set> Begins<'a, S> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], set: S) -> Self {
        Self { bytes, set, rest: bytes.as_chunks().0.iter(), at: BEFORE, marks: 0, before: 1 }
    }
}

impl<S: Set> Iterator for Begins<'_, S> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            self.at = self.at.wrapping_add(64);
            let (of_set, there) = match self.rest.next() {
                Some(block) => (marks_of(block, self.set), u64::MAX),
                None => {
                    let left = self.bytes.len().saturating_sub(self.at);
                    (last_marks(self.bytes, self.at, self.set)?, !(u64::MAX << left))
                }
            };
            self.marks = !of_set & (of_set << 1 | self.before) & there;
            self.before = of_set >> 63;
        }
        let place = self.at + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(place)
    }
}

/// Which of the last bytes are in the set, where fewer than 64 are left; `None` behind them.
#[inline(never)]
fn last_marks(bytes: &[u8], at: usize, set: impl Set) -> Option<u64> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    if let Some(last) = bytes.last_chunk() {
        // Looked at together with some that were looked at before.
        return Some(marks_of(last, set) >> (64 - rest.len()));
    }
    let mut padded = [0; 64];
    padded.get_mut(..rest.len())?.copy_from_slice(rest);
    Some(marks_of(&padded, set) & !(u64::MAX << rest.len()))
}

/// Which of these bytes are in the set, the first one's bit lowest.
#[inline(always)]
fn marks_of(block: &[u8; 64], set: impl Set) -> u64 {
    let [a, b, c, d] = block.as_chunks().0 else { return 0 };
    let [a, b, c, d] = [a, b, c, d].map(|sixteen| u64::from(marks(sixteen, set)));
    (d << 16 | c) << 32 | b << 16 | a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes: &[u8], from: usize, to: usize, set: impl Set) -> Result<(), TestCaseError> {
        let plain = |end: usize| (from..end).filter(|at| bytes.get(*at).is_some_and(|byte| set.has(*byte)));
        let places: Vec<usize> = Places::new(bytes, set).filter(|at| *at >= from).collect();
        prop_assert_eq!(places, plain(bytes.len()).collect::<Vec<_>>());
        prop_assert_eq!(find(bytes, from, to, set), plain(to).next().unwrap_or(to));
        prop_assert_eq!(find_far(bytes, from, to, set), plain(to).next().unwrap_or(to));
        let begins: Vec<usize> = Begins::new(bytes, set).collect();
        let outside = |at: usize| bytes.get(at).is_some_and(|byte| !set.has(*byte));
        let plainly = (0..bytes.len()).filter(|at| outside(*at) && !(*at > 0 && outside(at - 1)));
        prop_assert_eq!(begins, plainly.collect::<Vec<_>>());
        let is_near = bytes.len() >= from + 64;
        prop_assert_eq!(near(bytes, from, set), if is_near { plain(from + 64).next() } else { None });
        Ok(())
    }

    proptest! {
        #[test]
        fn bytes_are_found_as_one_by_one(
            bytes in prop::collection::vec(prop_oneof![9 => 0x60_u8..0x7f, 2 => 0_u8..0x30, 1 => any::<u8>()], 0..200),
            from in 0_usize..200, to in 0_usize..200,
        ) {
            let to = to.min(bytes.len());
            let from = from.min(to);
            check(&bytes, from, to, b'a')?;
            check(&bytes, from, to, 0)?;
            check(&bytes, from, to, [b'a', 0x7f, 0xff])?;
            check(&bytes, from, to, UpTo(b' '))?;
            check(&bytes, from, to, Between(b'b', b'y'))?;
            check(&bytes, from, to, Between(0, 0xff))?;
            check(&bytes, from, to, Either(UpTo(0x10), [0x20, 0x80]))?;
        }
    }
}

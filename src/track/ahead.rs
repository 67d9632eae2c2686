//! Memory that will be asked for soon and was not for long: it is fetched while there is other work, instead of waited for.
//! Knows nothing of what is in it.
//!
//! The one file that knows `prefetch_index`: without it, the instruction that does so is out of reach of code without
//! `unsafe`. Where a processor has none, nothing is fetched, and nothing is different but the time that it takes.

use prefetch_index::prefetch_index;

/// Bytes that a processor fetches together.
const LINE: usize = 64;
/// Bytes of what is counted in words.
const WORD: usize = 8;
/// As much of long texts as is worth it: who needs more of them goes through them in order, which processors foresee.
const MOST: usize = 4 * LINE;

/// Fetches the line in which this begins.
#[inline(always)]
pub(super) fn fetch<T>(what: &T) {
    prefetch_index(std::slice::from_ref(what), 0);
}

/// Fetches all of a thing of so many bytes that begins with this word of it.
#[inline(always)]
pub(super) fn fetch_whole<W>(first: &W, bytes: usize) {
    const { assert!(size_of::<W>() == WORD, "a word") };
    // Where it ends, its last line may be one more: it need not begin with a line.
    let words = (0..bytes / WORD).step_by(LINE / WORD).chain([bytes.saturating_sub(1) / WORD]);
    // Behind the word there is the rest of the thing: it is not read here, so that nothing depends on it.
    words.for_each(|word| prefetch_index(std::slice::from_ref(first), word));
}

/// Fetches these bytes, as far as is worth it.
#[inline(always)]
pub(super) fn fetch_text(bytes: &[u8]) {
    (0..bytes.len().min(MOST)).step_by(LINE).for_each(|at| prefetch_index(bytes, at));
}

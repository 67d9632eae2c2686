//! Rows of one call's legs, put together. Knows links and the order of rows, and not how legs are found.

use std::collections::HashMap;

use super::row::CallRow;

/// Where a row stands among the legs of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    /// Counted from 1.
    pub(super) number: u32,
    /// None follows.
    pub(super) last: bool,
}

/// Puts rows that are sorted by start in another order: those that are linked, directly or through others, follow the
/// first of them, each still by its start. Each leg of a call that has several is told its number.
pub fn put_together(rows: &mut Vec<CallRow>) {
    // Rows by their own Call-ID and one they are linked to, in order of start.
    let mut linked: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        for link in row.linked() {
            linked.entry((row.call_id(), &link.call_id)).or_default().push(index);
        }
    }
    // The first leg of each row's call: each points towards it.
    let mut firsts: Vec<usize> = (0..rows.len()).collect();
    for (index, row) in rows.iter().enumerate() {
        for link in row.linked() {
            let Some(others) = linked.get(&(&*link.call_id, row.call_id())) else { continue };
            // A Call-ID may be used again: of the calls that say so too, the one that began nearest is meant.
            let after = others.partition_point(|other| *other < index);
            let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|at| others.get(at));
            let apart = |other: &&usize| rows[**other].start.since(row.start).max(row.start.since(rows[**other].start));
            if let Some(other) = near.min_by_key(apart) {
                let (one, other) = (first_of(&mut firsts, index), first_of(&mut firsts, *other));
                firsts[one.max(other)] = one.min(other);
            }
        }
    }
    let order: Vec<usize> = (0..rows.len()).map(|index| first_of(&mut firsts, index)).collect();
    let mut legs = vec![0_u32; rows.len()];
    order.iter().for_each(|first| legs[*first] += 1);
    let mut seen = vec![0_u32; rows.len()];
    let mut together: Vec<(usize, CallRow)> = Vec::with_capacity(rows.len());
    for (mut row, first) in rows.drain(..).zip(order) {
        seen[first] += 1;
        row.leg = (legs[first] > 1).then_some(Leg { number: seen[first], last: seen[first] == legs[first] });
        together.push((first, row));
    }
    together.sort_by_key(|(first, _)| *first);
    rows.extend(together.into_iter().map(|(_, row)| row));
}

/// The first leg that this one leads to; the way there is shortened for the next who asks.
fn first_of(firsts: &mut [usize], index: usize) -> usize {
    let mut at = index;
    while firsts[at] != at {
        firsts[at] = firsts[firsts[at]];
        at = firsts[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{invite, sources};
    use crate::track::fact::{Evidence, Link, Opened};

    /// Rows named by a letter, in order of start, each with the letters it is linked to, in the order they get.
    fn together(rows: &[(&str, &str)]) -> String {
        let link = |letter: char| Link { call_id: letter.to_string().into(), evidence: Evidence::SessionId };
        let mut rows: Vec<CallRow> = (1..)
            .zip(rows)
            .map(|(frame, (name, linked))| {
                let mut fact = invite((frame + (frame - 1) / 2 * 10) * 1000, u64::try_from(frame).unwrap());
                fact.opening = fact.opening.with(|of| Opened { call_id: name.as_bytes(), ..of });
                fact.linked = linked.chars().map(link).collect();
                CallRow::new(fact, &sources())
            })
            .collect();
        put_together(&mut rows);
        let words = rows.iter().map(|row| format!("{}{}", row.call_id(), row.leg().unwrap_or_default()));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn legs_follow_the_first_of_their_call() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], ""),
            (&[("a", ""), ("b", "")], "a b"),
            (&[("a", "c"), ("b", ""), ("c", "a")], "a1 c└ 2 b"),
            (&[("a", ""), ("b", "d"), ("c", "d"), ("d", "bc"), ("e", "")], "a b1 c├ 2 d└ 3 e"),
            (&[("a", "d"), ("b", "c"), ("c", "b"), ("d", "a")], "a1 d└ 2 b1 c└ 2"),
            // Used again, by a call that has nothing to do with it.
            (&[("a", "b"), ("b", "a"), ("b", "")], "a1 b└ 2 b"),
            (&[("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")], "a1 b└ 2 a1 b└ 2"),
            (&[("a", "z"), ("b", "")], "a b"),
        ];
        for (rows, expected) in cases {
            assert_eq!(together(rows), *expected, "{rows:?}");
        }
    }
}

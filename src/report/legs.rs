//! Rows of one call's legs, put together. Knows links and the order of rows, and not how legs are found.

use std::collections::HashMap;
use std::fmt;

use crate::report::row::CallRow;
use crate::time::Timestamp;

/// Where a row stands among the legs of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Counted from 1.
    number: u32,
    /// None follows.
    last: bool,
}

impl Leg {
    /// `1`, `├ 2`, `└ 3`.
    pub(super) fn write_to(self, out: &mut impl fmt::Write) -> fmt::Result {
        match (self.number, self.last) {
            (1, _) => write!(out, "1"),
            (number, false) => write!(out, "├ {number}"),
            (number, true) => write!(out, "└ {number}"),
        }
    }
}

/// What tells which rows are legs of one call.
#[derive(Clone, Debug)]
pub struct Ties {
    start: Timestamp,
    call_id: Box<str>,
    linked: Box<[Box<str>]>,
}

impl Ties {
    /// Those of a row.
    #[must_use]
    pub fn of(row: &CallRow) -> Self {
        let linked = row.linked().iter().map(|leg| leg.call_id.into()).collect();
        Self { start: row.fact.start, call_id: row.call_id().into(), linked }
    }
}

/// The order of rows, given in order of start, in which those that are linked, directly or through others, follow the
/// first of them, each still by its start: indices of rows. Each leg of a call that has several is told its number.
#[must_use]
pub fn put_together(rows: &[&Ties]) -> Vec<(usize, Option<Leg>)> {
    // Rows by their own Call-ID and one they are linked to, in order of start.
    let mut linked: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        for link in &row.linked {
            linked.entry((&row.call_id, link)).or_default().push(index);
        }
    }
    // The first leg of each row's call: each points towards it.
    let mut firsts: Vec<usize> = (0..rows.len()).collect();
    for (index, row) in rows.iter().enumerate() {
        for link in &row.linked {
            let Some(others) = linked.get(&(&**link, &*row.call_id)) else { continue };
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
    let mut together: Vec<(usize, Option<Leg>)> = Vec::with_capacity(rows.len());
    for (index, first) in order.iter().enumerate() {
        seen[*first] += 1;
        let leg = Leg { number: seen[*first], last: seen[*first] == legs[*first] };
        together.push((index, (legs[*first] > 1).then_some(leg)));
    }
    together.sort_by_key(|(index, _)| order[*index]);
    together
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
    use crate::report::said::Said;
    use crate::report::samples::{invite, sources};
    use crate::track::fact::{Evidence, Link, Opened};

    /// Rows named by a letter, in order of start, each with the letters it is linked to, in the order they get.
    fn together(rows: &[(&str, &str)]) -> String {
        let link = |letter: char| Link { call_id: letter.to_string().into(), evidence: Evidence::SessionId };
        let ties: Vec<Ties> = (1..)
            .zip(rows)
            .map(|(frame, (name, linked))| {
                let mut fact = invite((frame + (frame - 1) / 2 * 10) * 1000, u64::try_from(frame).unwrap());
                fact.opening = fact.opening.with(|of| Opened { call_id: name.as_bytes(), ..of });
                fact.linked = linked.chars().map(link).collect();
                Ties::of(&CallRow::new(Box::new(fact), &sources()))
            })
            .collect();
        let told = |leg: Option<Leg>| leg.map(|leg| Said::Leg(leg).to_string()).unwrap_or_default();
        let words = put_together(&ties.iter().collect::<Vec<_>>());
        let words = words.iter().map(|(index, leg)| format!("{}{}", ties[*index].call_id, told(*leg)));
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

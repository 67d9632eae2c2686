//! Rows that wait for the end, or for their place in the order: of each what will be printed, packed. Knows no format.

use crate::codes::Category;
use crate::report::legs::{self, Leg, Ties};
use crate::report::packed::{Packed, Packer};
use crate::report::row::{Order, Ordered};
use crate::report::{CallRow, Cell, Column, Columns, RegistrationRow, Row, StreamRow, TransactionRow};
use crate::time::Timestamp;

/// Rows of the kinds that are shown.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) calls: Kept<CallRow>,
    pub(super) registrations: Kept<RegistrationRow>,
    pub(super) transactions: Kept<TransactionRow>,
    pub(super) streams: Kept<StreamRow>,
    /// Whether the legs of one call are put together in the end.
    pub(super) group: bool,
}

impl Waiting {
    /// For rows of which these columns will be printed.
    pub(super) fn new(columns: &Columns, group: bool) -> Self {
        Self {
            calls: Kept::new(columns.calls()),
            registrations: Kept::new(columns.registrations()),
            transactions: Kept::new(columns.transactions()),
            streams: Kept::new(columns.streams()),
            group,
        }
    }

    /// Keeps a row of a kind that is shown.
    pub(super) fn take(&mut self, row: &Row) {
        row.streams().iter().for_each(|row| self.streams.take(row, None));
        match row {
            Row::Call(row) => self.calls.take(row, self.group.then(|| Ties::of(row))),
            Row::Registration(row) => self.registrations.take(row, None),
            Row::Transaction(row) => self.transactions.take(row, None),
            Row::Stream(_) => {}
        }
    }

    /// Puts all of them in order.
    pub(super) fn sort(&mut self) {
        self.calls.rows.sort();
        self.registrations.rows.sort();
        self.transactions.rows.sort();
        self.streams.rows.sort();
        if self.group {
            self.calls.rows.group();
        }
    }
}

/// Rows of one kind.
#[derive(Debug)]
pub(super) struct Kept<R: 'static> {
    /// Those that will be printed, where the kind is shown.
    columns: Option<Vec<&'static Column<R>>>,
    pub(super) rows: Rows,
}

impl<R: Ordered> Kept<R> {
    fn new(columns: Option<&[&'static Column<R>]>) -> Self {
        Self { columns: columns.map(<[_]>::to_vec), rows: Rows::default() }
    }

    fn take(&mut self, row: &R, ties: Option<Ties>) {
        let Some(columns) = &self.columns else { return };
        let Order { apart, at, place } = row.order();
        let packed = self.rows.packer.pack(columns.iter().map(|column| (column.cell)(row)));
        let tied = ties.map(|ties| Box::new(Tied { ties, leg: None }));
        let (frame, file) = (place.frame, place.file);
        self.rows.earliest = self.rows.earliest.map_or(at, |earliest| earliest.min(at)).into();
        self.rows.all.push(Stored { at, frame, file, apart, category: row.category(), packed, tied });
    }
}

/// Packed rows, and what unpacks them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    all: Vec<Stored>,
    packer: Packer,
    /// The start of the one that began first.
    earliest: Option<Timestamp>,
}

/// One row.
#[derive(Debug)]
pub(super) struct Stored {
    at: Timestamp,
    frame: u64,
    file: u32,
    apart: bool,
    category: Option<Category>,
    packed: Packed,
    tied: Option<Box<Tied>>,
}

#[derive(Debug)]
struct Tied {
    ties: Ties,
    leg: Option<Leg>,
}

impl Stored {
    pub(super) const fn order(&self) -> (bool, Timestamp, u32, u64) {
        (self.apart, self.at, self.file, self.frame)
    }

    pub(super) const fn is_apart(&self) -> bool {
        self.apart
    }

    /// The category, where it has one and it is known.
    pub(super) const fn category(&self) -> Option<Category> {
        self.category
    }

    /// Where it stands among the legs of its call.
    pub(super) fn leg(&self) -> Option<Leg> {
        self.tied.as_ref()?.leg
    }
}

impl Rows {
    /// All of them.
    pub(super) fn all(&self) -> &[Stored] {
        &self.all
    }

    /// The cells of one, in the order of the columns.
    pub(super) fn cells<'a>(&'a self, row: &'a Stored) -> impl Iterator<Item = Cell<'a>> {
        self.packer.cells(&row.packed)
    }

    fn sort(&mut self) {
        self.all.sort_by_key(Stored::order);
    }

    /// Takes out those that began before `until`, in order.
    pub(super) fn settled(&mut self, until: Timestamp) -> Vec<Stored> {
        if self.earliest.is_none_or(|earliest| earliest >= until) {
            return Vec::new();
        }
        self.sort();
        let settled = self.all.partition_point(|row| row.at < until);
        let settled = self.all.drain(..settled).collect();
        self.earliest = self.all.first().map(|row| row.at);
        settled
    }

    /// Puts those that are legs of one call together.
    fn group(&mut self) {
        let ties: Vec<&Ties> = self.all.iter().filter_map(|row| Some(&row.tied.as_ref()?.ties)).collect();
        let order = legs::put_together(&ties);
        let mut rows: Vec<Option<Stored>> = self.all.drain(..).map(Some).collect();
        self.all.extend(order.into_iter().filter_map(|(index, leg)| {
            let mut row = rows.get_mut(index)?.take()?;
            row.tied.as_mut()?.leg = leg;
            Some(row)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::{ALL, BOTH};
    use crate::report::samples;

    #[test]
    fn a_row_that_waits_is_small() {
        assert!(size_of::<Stored>() <= 56, "{} bytes", size_of::<Stored>());
    }

    #[test]
    fn only_kinds_that_are_shown_wait() {
        for (shown, streams) in [(&ALL[..], 6), (&BOTH, 0)] {
            let mut waiting = Waiting::new(&Columns::all(shown), false);
            samples::rows().iter().for_each(|row| waiting.take(row));
            waiting.sort();
            assert_eq!(waiting.calls.rows.all().len(), samples::calls().len());
            assert_eq!(waiting.streams.rows.all().len(), streams);
            assert!(waiting.calls.rows.all().is_sorted_by_key(|row| row.at));
        }
    }
}

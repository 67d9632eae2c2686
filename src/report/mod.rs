//! What is told: facts become rows, rows have columns, and what was counted becomes a summary.
//! Knows nothing of formats, widths and colours, nor of the packets that the facts came from.

pub mod column;
pub mod explain;
pub mod legs;
pub mod lists;
pub mod media;
pub mod packed;
pub mod reason;
pub mod row;
pub mod said;
pub mod stream;
pub mod summary;
pub mod timeline;
pub mod transaction;

#[cfg(test)]
pub(crate) mod samples;

pub use column::{Cell, Column, Columns, Kind, Shape};
pub use media::{HeardRow, MediaRow};
pub use row::{CallRow, RegistrationRow, Row, Source, Sources};
pub use stream::StreamRow;
pub use summary::{CaptureRow, Skipped, Summary, Totals, Traffic};
pub use transaction::TransactionRow;

use crate::track::explain::Explanation;
use crate::track::fact::Fact;

/// The version of the JSON that is written, as its `schema` says.
pub const SCHEMA_NAME: &str = "sipcodes/1";

/// The JSON Schema (draft 2020-12) of the JSON document and of a record of the NDJSON.
pub const SCHEMA: &str = include_str!("sipcodes-1.schema.json");

/// Turns facts into rows and counts them on the way.
#[derive(Clone, Debug)]
pub struct Report {
    sources: Sources,
    totals: Totals,
    explanations: Vec<Explanation>,
}

impl Report {
    /// A report on captures whose names and precision are known, in the order of `Place::file`.
    #[must_use]
    pub fn new(sources: Vec<Source>) -> Self {
        Self { sources: sources.into(), totals: Totals::default(), explanations: Vec::new() }
    }

    /// Tells anew what is known of the captures: how precise their times are shows only as they are read.
    pub fn set_sources(&mut self, sources: Vec<Source>) {
        self.sources = sources.into();
    }

    /// The row of a fact, counted in the totals whether it is shown or not.
    pub fn take(&mut self, fact: Fact) -> Row {
        let row = Row::new(fact, &self.sources);
        self.totals.count(&row);
        row
    }

    /// Takes what was noted of the Call-IDs that are to be explained.
    pub fn explain(&mut self, explanations: Vec<Explanation>) {
        self.explanations = explanations;
    }

    /// The end: what the captures were, and what was in them altogether.
    #[must_use]
    pub fn finish(mut self, captures: Vec<CaptureRow>, traffic: Traffic) -> Summary {
        self.totals.messages = traffic;
        Summary { captures, totals: self.totals, explanations: self.explanations, sources: self.sources }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_what_it_takes() {
        let mut report = Report::new(samples::sources().to_vec());
        for fact in samples::calls() {
            assert_eq!(report.take(Fact::Call(Box::new(fact))).kind(), Kind::Call);
        }
        let traffic = Traffic { codes: [(200, 3)].into(), ..Traffic::default() };
        let summary = report.finish(Vec::new(), traffic.clone());
        assert_eq!(summary.totals.calls.total(), samples::calls().len() as u64);
        assert_eq!(summary.totals.registrations.total(), 0);
        assert_eq!(summary.totals.messages, traffic);
        assert_eq!(summary.totals.messages.total(), 3);
    }
}

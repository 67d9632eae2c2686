//! Transactions outside calls and registrations as rows, and the columns of such a row. Knows nothing of how a cell is
//! drawn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::codes::{Category, Code};
use crate::report::column::{Cell, Column, Shape, column, who};
use crate::report::row::{Order, Ordered, Seconds, Sources, digits_of, known, source_of};
use crate::report::said::Said;
use crate::time::{Rfc3339, Timestamp};
use crate::track::fact::{ResponseTimes, TransactionFact};

/// Transactions that are alike: the record, as their fact tells it.
#[derive(Clone, Debug)]
pub struct TransactionRow {
    fact: Box<TransactionFact>,
    sources: Sources,
}

impl TransactionRow {
    /// The row of a fact, its times with the precision of the capture that shows its first message.
    #[must_use]
    pub fn new(fact: Box<TransactionFact>, sources: &Sources) -> Self {
        Self { fact, sources: Arc::clone(sources) }
    }

    /// Code of the final response, where one came.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.fact.code.map(Code::get)
    }

    /// How many transactions the row stands for.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.fact.count
    }

    fn digits(&self) -> u8 {
        digits_of(source_of(&self.sources, self.fact.place))
    }

    fn printed(&self, at: Timestamp) -> Rfc3339 {
        at.rfc3339(self.digits())
    }

    fn response(&self, which: fn(&ResponseTimes) -> Duration) -> Cell<'_> {
        Cell::seconds(self.fact.response.as_ref().map(|times| Seconds::new(which(times), self.digits())))
    }

    fn file(&self) -> &str {
        source_of(&self.sources, self.fact.evidence).map_or("", |source| &source.name)
    }

    /// The code's name, or what stands in its place, for people.
    fn outcome(&self) -> Option<&'static str> {
        match self.fact.code {
            Some(code) => code.name(),
            None if self.fact.timed_out => Some("no answer in 32 s"),
            None => Some("not answered yet"),
        }
    }

    fn method(&self) -> Option<&str> {
        Some(&*self.fact.method).filter(|method| !method.is_empty())
    }

    fn src(&self) -> Cell<'_> {
        address(self.fact.path.map(|path| path.src))
    }

    fn dst(&self) -> Cell<'_> {
        address(self.fact.path.map(|path| path.dst))
    }
}

impl Ordered for TransactionRow {
    fn order(&self) -> Order {
        Order { apart: false, at: self.fact.first, place: self.fact.place }
    }

    /// Always known.
    fn category(&self) -> Option<Category> {
        Some(self.fact.category)
    }
}

fn address<'a>(address: Option<SocketAddr>) -> Cell<'a> {
    address.map_or(Cell::Unknown, Cell::Address)
}

/// The columns of a row of transactions, in the order of the record.
#[rustfmt::skip]
pub static TRANSACTIONS: &[Column<TransactionRow>] = &[
    column("method", "Method", Shape::Text, "Method of the requests, as sent (RFC 3261 7.1).",
        |r| Cell::text(r.method())),
    column("code", "Code", Shape::Integer, "Status code of the final response, as the client got it (RFC 3261 21); none where none came in time.",
        |r| Cell::code(r.fact.code)),
    column("status", "Status", Shape::Text, "The catalogue's name of `code`.",
        |r| Cell::name(r.fact.code.and_then(Code::name))),
    column("category", "Category", Shape::Text, "`completed` (2xx), `unsuccessful` (300 to 699, or timed out) or `attempting` (still waiting when the captures end).",
        |r| Cell::name(Some(r.fact.category.name()))),
    column("sip_reason", "SIP reason", Shape::Text, "Reason phrase of the first one's final response, as sent (RFC 3261 7.2).",
        |r| Cell::text(known(&r.fact.phrase))),
    column("count", "Count", Shape::Integer, "How many transactions came the same way and ended alike; one that was repeated with credentials is one.",
        |r| Cell::integer(r.fact.count)),
    column("timed_out", "Timed out", Shape::Flag, "No final response came before timer F ran out (32 s after the request, RFC 3261 17.1.2.2).",
        |r| Cell::Flag(r.fact.timed_out)),
    column("challenged", "Challenged", Shape::Integer, "How many of them got a 401 or 407 first and were repeated with the next CSeq (RFC 3261 22.2).",
        |r| Cell::integer(r.fact.challenged)),
    column("response_min_s", "Response min (s)", Shape::Seconds, "Shortest time from a request's first sending to its final response, in seconds.",
        |r| r.response(|times| times.least)),
    column("response_mean_s", "Response mean (s)", Shape::Seconds, "Mean of these times in seconds.",
        |r| r.response(|times| times.mean)),
    column("response_max_s", "Response max (s)", Shape::Seconds, "Longest of these times in seconds.",
        |r| r.response(|times| times.most)),
    column("first", "First", Shape::Time, "When the first message of the first one was captured.",
        |r| Cell::Time(r.printed(r.fact.first))),
    column("last", "Last", Shape::Time, "When the last message of them was captured.",
        |r| Cell::Time(r.printed(r.fact.last))),
    column("from_uri", "From", Shape::Text, "URI of the From header (RFC 3261 20.20); none where OPTIONS between the same hosts differ in it.",
        |r| Cell::text(known(&r.fact.from))),
    column("to_uri", "To", Shape::Text, "URI of the To header (RFC 3261 20.39); none where OPTIONS between the same hosts differ in it.",
        |r| Cell::text(known(&r.fact.to))),
    column("src", "Source", Shape::Text, "Address and port that the first request on the client's hop came from; the others may come from other ports.",
        |r| r.src()),
    column("dst", "Destination", Shape::Text, "Address and port that they went to.",
        |r| r.dst()),
    column("transport", "Transport", Shape::Text, "What carried them: `UDP`, `TCP`, `TLS`, `SCTP`, `WS` or `WSS`.",
        |r| Cell::name(r.fact.path.map(|path| path.transport.name()))),
    column("user_agent", "User-Agent", Shape::Text, "The first request's User-Agent header (RFC 3261 20.41).",
        |r| Cell::text(known(&r.fact.user_agent))),
    column("event", "Event", Shape::Text, "Event package of SUBSCRIBE, NOTIFY and PUBLISH (RFC 6665 8.2.1).",
        |r| Cell::text(known(&r.fact.event))),
    column("messages", "Messages", Shape::Integer, "SIP messages of them, retransmissions and duplicates included.",
        |r| Cell::integer(r.fact.messages)),
    column("call_id", "Call-ID", Shape::Text, "Call-ID of the first one, as sent (RFC 3261 20.8).",
        |r| Cell::text(known(&r.fact.call_id))),
    column("file", "File", Shape::Text, "The capture that shows how the first one ended.",
        |r| Cell::text(Some(r.file()))),
    column("frame", "Frame", Shape::Integer, "The frame in it, counted from 1 as Wireshark does: the final response, else the request.",
        |r| Cell::Integer(r.fact.evidence.frame)),
];

/// What a person reads first of transactions.
#[rustfmt::skip]
pub static TRANSACTIONS_AT_A_GLANCE: &[Column<TransactionRow>] = &[
    column("start", "Start", Shape::Time, "When the first message was captured.",
        |r| Cell::Time(r.printed(r.fact.first))),
    column("count", "Count", Shape::Integer, "How many they are.",
        |r| Cell::integer(r.fact.count)),
    column("method", "Method", Shape::Text, "Their method.",
        |r| Cell::text(r.method())),
    column("source", "Source", Shape::Text, "Where they came from.",
        |r| r.src()),
    column("destination", "Destination", Shape::Text, "Where they went.",
        |r| r.dst()),
    column("from", "From", Shape::Text, "User part of From.",
        |r| Cell::text(who(known(&r.fact.from), None))),
    column("to", "To", Shape::Text, "User part of To.",
        |r| Cell::text(who(known(&r.fact.to), None))),
    column("event", "Event", Shape::Text, "Their event package.",
        |r| Cell::text(known(&r.fact.event))),
    column("code", "Code", Shape::Integer, "Their final response.",
        |r| Cell::code(r.fact.code)),
    column("status", "Status", Shape::Text, "The catalogue's name of it, or why there is none.",
        |r| Cell::name(r.outcome())),
    column("response", "Response", Shape::Seconds, "Mean time to the final response.",
        |r| Cell::said(r.fact.response.map(|times| Said::Span(times.mean)))),
    column("frame", "Frame", Shape::Integer, "The frame that shows how the first one ended: where to look.",
        |r| Cell::Integer(r.fact.evidence.frame)),
    column("file", "File", Shape::Text, "The capture of that frame.",
        |r| Cell::text(Some(r.file()))),
];

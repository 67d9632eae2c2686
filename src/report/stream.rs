//! RTP streams as rows, and the columns of such a row. Knows nothing of how a cell is drawn, and of what a call makes of its
//! streams.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::codes::Category;
use crate::packet::Place;
use crate::report::column::{Cell, Column, Shape, column};
use crate::report::media::{HEARD, HeardRow, OF_STREAM};
use crate::report::row::{Order, Ordered, Sources, digits_of, side_name, source_of};
use crate::report::said::Said;
use crate::track::fact::{BoundBy, Side, StreamFact};

/// One RTP stream: the record in memory. Small to clone, since a call tells of its streams too.
#[derive(Clone, Debug)]
pub struct StreamRow {
    sources: Sources,
    call_id: Option<Arc<str>>,
    kind: Option<Box<str>>,
    heard: Arc<HeardRow>,
    place: Place,
    src: SocketAddr,
    dst: SocketAddr,
    from: Option<Side>,
    bound_by: Option<BoundBy>,
}

impl StreamRow {
    /// The row of a stream, its times with the precision of the capture that shows its first packet.
    #[must_use]
    pub fn new(fact: StreamFact, sources: &Sources) -> Self {
        let precision = digits_of(source_of(sources, fact.place));
        Self {
            sources: Arc::clone(sources),
            call_id: fact.call_id.filter(|call_id| !call_id.is_empty()).map(Into::into),
            kind: fact.kind.filter(|kind| !kind.is_empty()),
            heard: Arc::new(HeardRow::new(fact.heard, precision)),
            place: fact.place,
            src: fact.src,
            dst: fact.dst,
            from: fact.from,
            bound_by: fact.bound_by,
        }
    }

    /// Whether something ties it to a call.
    #[must_use]
    pub const fn has_call(&self) -> bool {
        self.call_id.is_some()
    }

    /// What was measured.
    pub(super) const fn heard(&self) -> &Arc<HeardRow> {
        &self.heard
    }

    fn file(&self) -> &str {
        source_of(&self.sources, self.place).map_or("", |source| &source.name)
    }
}

impl Ordered for StreamRow {
    /// Those of no known call come last.
    fn order(&self) -> Order {
        Order { apart: !self.has_call(), at: self.heard.first(), place: self.place }
    }

    fn category(&self) -> Option<Category> {
        None
    }
}

/// Columns of a stream before those of what was heard of it.
#[rustfmt::skip]
const BEFORE: [Column<StreamRow>; 6] = [
    column("call_id", "Call-ID", Shape::Text, "Call-ID of the call that it belongs to; none where nothing ties it to one.",
        |r| Cell::text(r.call_id.as_deref())),
    column("from", "From", Shape::Text, "Who of that call sent it: `caller` or `callee`.",
        |r| Cell::name(r.from.map(side_name))),
    column("bound_by", "Bound by", Shape::Text, "What ties it to that call: `announced` (its destination stands in SDP), `symmetric` (it answers such a stream from the address that one goes to or came from, RFC 4961) or `ssrc` (its source goes on from a stream of the call).",
        |r| Cell::name(r.bound_by.map(BoundBy::name))),
    column("kind", "Kind", Shape::Text, "What SDP calls it: `audio`, `video`, … (RFC 8866 5.14).",
        |r| Cell::text(r.kind.as_deref())),
    column("src", "Source", Shape::Text, "Address and port that it came from.",
        |r| Cell::Address(r.src)),
    column("dst", "Destination", Shape::Text, "Address and port that it went to.",
        |r| Cell::Address(r.dst)),
];

/// And those after them.
#[rustfmt::skip]
const AFTER: [Column<StreamRow>; 2] = [
    column("file", "File", Shape::Text, "The capture that shows its first packet.",
        |r| Cell::text(Some(r.file()))),
    column("frame", "Frame", Shape::Integer, "The frame of that packet, counted from 1 as Wireshark does.",
        |r| Cell::Integer(r.place.frame)),
];

const COUNT: usize = BEFORE.len() + HEARD + AFTER.len();

/// The columns of a stream, in the order of the record.
pub static STREAMS: &[Column<StreamRow>] = &ALL;

static ALL: [Column<StreamRow>; COUNT] = {
    let mut all = [BEFORE[0]; COUNT];
    let mut index = 0;
    while index < COUNT {
        all[index] = if index < BEFORE.len() {
            BEFORE[index]
        } else if index < BEFORE.len() + HEARD {
            OF_STREAM[index - BEFORE.len()]
        } else {
            AFTER[index - BEFORE.len() - HEARD]
        };
        index += 1;
    }
    all
};

/// What a person reads first of a stream.
#[rustfmt::skip]
pub static STREAMS_AT_A_GLANCE: &[Column<StreamRow>] = &[
    column("start", "Start", Shape::Time, "When the first packet was captured.",
        |r| r.heard.time(r.heard.first())),
    column("sender", "From", Shape::Text, "Who of its call sent it.",
        |r| Cell::name(r.from.map(side_name))),
    column("source", "Source", Shape::Text, "Where it came from.",
        |r| Cell::Address(r.src)),
    column("destination", "Destination", Shape::Text, "Where it went.",
        |r| Cell::Address(r.dst)),
    column("ssrc", "SSRC", Shape::Text, "Its source.",
        |r| Cell::Said(Said::Source(r.heard.ssrc()))),
    column("codec", "Codec", Shape::Text, "Its codec, else its payload type.",
        |r| r.heard.codec().map_or_else(|| Cell::Said(Said::PayloadType(r.heard.payload_type())), Cell::Text)),
    column("length", "Length", Shape::Seconds, "From its first to its last packet.",
        |r| Cell::Said(Said::Span(r.heard.length()))),
    column("packets", "Packets", Shape::Integer, "How many packets came.",
        |r| Cell::integer(r.heard.packets())),
    column("lost", "Lost", Shape::Integer, "How many did not.",
        |r| Cell::Said(Said::Lost(&r.heard))),
    column("jitter", "Jitter", Shape::Decimal, "Mean interarrival jitter.",
        |r| Cell::said(r.heard.jitter().map(Said::Jitter))),
    column("mos", "MOS", Shape::Decimal, "How it must have sounded.",
        |r| Cell::decimal(r.heard.mos(), 2)),
    column("call_id", "Call-ID", Shape::Text, "The call that it belongs to.",
        |r| Cell::text(r.call_id.as_deref())),
    column("frame", "Frame", Shape::Integer, "The frame of its first packet: where to look.",
        |r| Cell::Integer(r.place.frame)),
    column("file", "File", Shape::Text, "The capture of that frame.",
        |r| Cell::text(Some(r.file()))),
];

//! JSON: one document, or one record a line. Rows are written as they stand, never gathered into one value.
//! Knows nothing of terminals, yet no control character leaves here unescaped.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::codes::Code;
use crate::render::ink::{Ink, Piece};
use crate::render::waiting::{Rows, Waiting};
use crate::render::{Render, is_hidden, is_plain_without};
use crate::report::column::{Hears, Told};
use crate::report::lists::{Links, Reasons};
use crate::report::media::{self, DIRECTION, HeardRow, SIDES, TOGETHER};
use crate::report::stream::STREAMS;
use crate::report::summary::Tallied;
use crate::report::timeline::{Moment, Timeline};
use crate::report::{
    CallRow, CaptureRow, Cell, Column, Columns, Kind, MediaRow, RegistrationRow, Row, SCHEMA_NAME, StreamRow, Summary,
    Totals, TransactionRow,
};
use crate::time::Stamp;

/// Bytes gathered before they go out: rows are short and writes are dear.
const CHUNK: usize = 1 << 16;

/// The whole run as one object; rows sorted by start.
pub(super) struct Document<'a> {
    columns: Columns,
    rows: Waiting,
    out: &'a mut (dyn Write + Send),
}

impl<'a> Document<'a> {
    pub(super) fn new(columns: Columns, group: bool, out: &'a mut (dyn Write + Send)) -> Self {
        Self { rows: Waiting::new(&columns, group), columns, out }
    }
}

impl Render for Document<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        self.rows.take(&row);
        Ok(())
    }

    // One row a line within the arrays: a person's grep and a diff are served, and no byte is spent on indentation.
    fn end(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        self.rows.sort();
        let Self { columns, rows, out } = *self;
        let mut pen = Pen::default();
        pen.ink.push(b"{\"schema\":\"");
        push_text(&mut pen.ink, SCHEMA_NAME);
        pen.ink.push(b",\n\"captures\":[");
        for (index, capture) in summary.captures.iter().enumerate() {
            pen.ink.push_bytes(separator(index));
            pen.object(&capture_object(capture));
        }
        pen.ink.push(b"],\n\"calls\":[");
        pen.array(columns.calls(), &rows.calls.rows, out)?;
        pen.ink.push(b"],\n\"registrations\":[");
        pen.array(columns.registrations(), &rows.registrations.rows, out)?;
        pen.ink.push(b"],\n\"transactions\":[");
        pen.array(columns.transactions(), &rows.transactions.rows, out)?;
        pen.ink.push(b"],\n\"streams\":[");
        pen.array(columns.streams(), &rows.streams.rows, out)?;
        pen.ink.push(b"],\n\"totals\":");
        pen.object(&totals_object(&summary.totals));
        pen.ink.push(b"}\n");
        out.write_all(pen.ink.bytes())?;
        out.flush()
    }
}

const fn separator(index: usize) -> &'static [u8] {
    if index == 0 { b"\n" } else { b",\n" }
}

/// One record a line, written when it is handed over.
pub(super) struct Lines<'a> {
    calls: Option<Fields<CallRow>>,
    registrations: Option<Fields<RegistrationRow>>,
    transactions: Option<Fields<TransactionRow>>,
    streams: Option<Fields<StreamRow>>,
    pen: Pen,
    out: &'a mut (dyn Write + Send),
}

impl<'a> Lines<'a> {
    pub(super) fn new(columns: &Columns, out: &'a mut (dyn Write + Send)) -> Self {
        Self {
            calls: columns.calls().map(|columns| Fields::new(Some(Kind::Call), columns)),
            registrations: columns.registrations().map(|columns| Fields::new(Some(Kind::Registration), columns)),
            transactions: columns.transactions().map(|columns| Fields::new(Some(Kind::Transaction), columns)),
            streams: columns.streams().map(|columns| Fields::new(Some(Kind::Stream), columns)),
            pen: Pen::default(),
            out,
        }
    }

    fn send_object(&mut self, kind: &str, fields: Map<String, Value>) -> io::Result<()> {
        let mut object = Map::new();
        object.insert("type".to_owned(), kind.into());
        object.extend(fields);
        self.pen.object(&object);
        send(&mut self.pen.ink, self.out)
    }
}

fn send(line: &mut Ink, out: &mut dyn Write) -> io::Result<()> {
    line.push(b"\n");
    out.write_all(line.bytes())?;
    line.clear();
    Ok(())
}

/// A row of a kind that is shown.
fn send_row<R: Told>(pen: &mut Pen, fields: Option<&Fields<R>>, row: &R, out: &mut dyn Write) -> io::Result<()> {
    let Some(fields) = fields else { return Ok(()) };
    pen.row(fields, row);
    send(&mut pen.ink, out)
}

impl Render for Lines<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        let Self { pen, out, .. } = self;
        match &row {
            Row::Call(row) => send_row(pen, self.calls.as_ref(), row, *out)?,
            Row::Registration(row) => send_row(pen, self.registrations.as_ref(), row, *out)?,
            Row::Transaction(row) => send_row(pen, self.transactions.as_ref(), row, *out)?,
            Row::Stream(_) => (),
        }
        row.streams().iter().try_for_each(|row| send_row(pen, self.streams.as_ref(), row, *out))
    }

    fn end(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        for capture in &summary.captures {
            self.send_object("capture", capture_object(capture))?;
        }
        self.send_object("totals", totals_object(&summary.totals))?;
        self.out.flush()
    }
}

/// The columns of a kind, each with what stands before its cell: made once, as there are fifty in every row.
struct Fields<R: 'static> {
    head: Piece,
    /// Every column that the kind has, in its order.
    are_all: bool,
    fields: Vec<(Piece, Read<R>)>,
}

/// Where a cell comes from.
type Read<R> = for<'a> fn(&'a R) -> Cell<'a>;

impl<R: Told> Fields<R> {
    fn new(kind: Option<Kind>, columns: &[&'static Column<R>]) -> Self {
        let head = kind.map_or_else(|| "{".to_owned(), |kind| format!("{{\"type\":\"{}\"", kind.name()));
        let field = |(index, column): (usize, &&'static Column<R>)| {
            (key(if index > 0 || kind.is_some() { "," } else { "" }, column.key), column.cell)
        };
        let are_all = columns.iter().map(|column| column.key).eq(R::COLUMNS.iter().map(|column| column.key));
        Self { head: Piece::new(&head), are_all, fields: columns.iter().enumerate().map(field).collect() }
    }

    /// Those of an object within a record.
    fn within(columns: &'static [Column<R>]) -> Self {
        Self::new(None, &columns.iter().collect::<Vec<_>>())
    }
}

/// A key of ours: none of its characters needs an escape.
fn key(before: &str, key: &str) -> Piece {
    Piece::new(&format!("{before}\"{key}\":"))
}

/// Those of an object that begins behind `before`.
fn keys<const N: usize>(before: &str, keys: [&str; N]) -> [Piece; N] {
    let mut before = Some(before);
    keys.map(|name| key(before.take().unwrap_or(","), name))
}

static OF_DIRECTION: LazyLock<Fields<HeardRow>> = LazyLock::new(|| Fields::within(DIRECTION));
static OF_STREAM: LazyLock<Fields<StreamRow>> = LazyLock::new(|| Fields::within(STREAMS));
static OF_SIDES: LazyLock<[Piece; SIDES.len()]> = LazyLock::new(|| keys("{", SIDES));
static OF_BOTH: LazyLock<[Piece; TOGETHER.len()]> = LazyLock::new(|| keys(",", TOGETHER));
static OF_RTCP: LazyLock<[Piece; 9]> =
    LazyLock::new(|| keys("{", media::rtcp_fields(&Default::default()).map(|(key, _)| key)));
static OF_VOIP_METRICS: LazyLock<[Piece; 9]> =
    LazyLock::new(|| keys("{", media::voip_fields(&Default::default()).map(|(key, _)| key)));

/// Writes cells as JSON.
struct Pen {
    ink: Ink,
    /// Prints the times of steps.
    stamp: Stamp<9>,
    middles: Middles,
}

/// Of steps what stands between time and frame, by code and file: there are few. Each has a place of its own, or shares it
/// with others and is made again.
struct Middles(Vec<Middle>);

#[derive(Clone, Default)]
struct Middle {
    of: Option<(Code, u32)>,
    text: Vec<u8>,
}

impl Middles {
    /// A prime number, so that codes are far from sharing a place.
    const PLACES: usize = 509;

    #[inline]
    fn push(&mut self, ink: &mut Ink, step: &Moment<'_>) {
        let number = usize::from(step.code.get()) + step.file_number as usize % Self::PLACES * 7;
        let Some(middle) = self.0.get_mut(number % Self::PLACES) else { return };
        if middle.of != Some((step.code, step.file_number)) {
            middle.turn_to(step);
        }
        ink.push_bytes(&middle.text);
    }
}

impl Middle {
    #[cold]
    fn turn_to(&mut self, step: &Moment<'_>) {
        let mut ink = Ink::default();
        push_middle(&mut ink, step);
        self.text.clear();
        self.text.extend_from_slice(ink.bytes());
        self.of = Some((step.code, step.file_number));
    }
}

impl Default for Pen {
    fn default() -> Self {
        Self {
            ink: Ink::default(),
            stamp: Stamp::behind(b"{\"time\":\""),
            middles: Middles(vec![Middle::default(); Middles::PLACES]),
        }
    }
}

impl Pen {
    fn row<R: Told>(&mut self, fields: &Fields<R>, row: &R) {
        self.ink.push_piece(&fields.head, false);
        if fields.are_all {
            row.tell(&mut Telling { pen: self, fields: fields.fields.iter() });
        } else {
            fields.fields.iter().for_each(|(before, cell)| self.field(before, &cell(row)));
        }
        self.ink.push(b"}");
    }

    /// The rows of one kind, sent out by the chunk.
    fn array<R: Told>(
        &mut self,
        columns: Option<&[&'static Column<R>]>,
        rows: &Rows,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let fields = Fields::new(None, columns.unwrap_or_default());
        for (index, row) in rows.all().iter().enumerate() {
            self.ink.push_bytes(separator(index));
            self.ink.push_piece(&fields.head, false);
            for ((before, _), cell) in fields.fields.iter().zip(rows.cells(row)) {
                self.field(before, &cell);
            }
            self.ink.push(b"}");
            if self.ink.bytes().len() >= CHUNK {
                out.write_all(self.ink.bytes())?;
                self.ink.clear();
            }
        }
        Ok(())
    }

    /// A cell behind its key. Within the loop over the columns: what most cells are is a few instructions.
    #[inline(always)]
    fn field(&mut self, before: &Piece, cell: &Cell<'_>) {
        let ink = &mut self.ink;
        let is_string =
            matches!(cell, Cell::Text(_) | Cell::Said(_) | Cell::Name(_) | Cell::Time(_) | Cell::Address(_));
        ink.push_piece(before, is_string);
        match *cell {
            Cell::Unknown => ink.push(b"null"),
            Cell::Text(characters) => push_text(ink, characters),
            Cell::Said(said) => ink.with_words(|words| said.push_to(words), push_text),
            Cell::Flag(flag) => ink.push_flag(flag),
            Cell::Integer(number) => ink.push_number(number),
            Cell::Seconds(seconds) => ink.push_seconds(seconds),
            // None of these characters needs an escape.
            Cell::Name(name) => push_to_quote(ink, name),
            Cell::Time(time) => ink.push_time_to_quote(time),
            Cell::Address(address) => ink.push_address_to_quote(address),
            _ => self.list_or_object(cell),
        }
    }

    #[inline(never)]
    fn list_or_object(&mut self, cell: &Cell<'_>) {
        match *cell {
            Cell::Timeline(timeline) => self.timeline(timeline),
            Cell::Reasons(reasons) if reasons.is_empty() => self.ink.push(b"[]"),
            Cell::Links(links) if links.is_empty() => self.ink.push(b"[]"),
            Cell::Reasons(reasons) => self.reasons(reasons),
            Cell::Links(links) => self.links(links),
            Cell::Media(media) => self.media(media),
            Cell::Rtcp(rtcp) => self.named(&*OF_RTCP, media::rtcp_fields(rtcp)),
            Cell::VoipMetrics(voip) => self.named(&*OF_VOIP_METRICS, media::voip_fields(voip)),
            _ => self.ink.push_cell(cell),
        }
    }

    fn reasons(&mut self, reasons: Reasons<'_>) {
        self.ink.push(b"[");
        for (index, reason) in reasons.iter().enumerate() {
            self.ink.push_bytes(if index > 0 { b",{\"protocol\":\"" } else { b"{\"protocol\":\"" });
            push_text(&mut self.ink, reason.protocol);
            self.ink.push(b",\"cause\":");
            match reason.cause {
                Some(cause) => self.ink.push_number(cause.into()),
                None => self.ink.push(b"null"),
            }
            self.ink.push(b",\"text\":");
            match reason.text.filter(|words| !words.is_empty()) {
                Some(words) => {
                    self.ink.push(b"\"");
                    push_text(&mut self.ink, words);
                }
                None => self.ink.push(b"null"),
            }
            self.ink.push(b"}");
        }
        self.ink.push(b"]");
    }

    fn links(&mut self, links: Links<'_>) {
        self.ink.push(b"[");
        for (index, link) in links.iter().enumerate() {
            self.ink.push_bytes(if index > 0 { b",{\"call_id\":\"" } else { b"{\"call_id\":\"" });
            push_text(&mut self.ink, link.call_id);
            self.ink.push(b",\"evidence\":\"");
            push_text(&mut self.ink, link.evidence);
            self.ink.push(b"}");
        }
        self.ink.push(b"]");
    }

    fn timeline(&mut self, timeline: Timeline<'_>) {
        let Self { ink, stamp, middles } = self;
        ink.push(b"[");
        let start = ink.bytes().len();
        timeline.tell(|step| {
            ink.push_stamped(stamp, step.time);
            middles.push(ink, &step);
            ink.push_number(step.frame);
            ink.push(b"},");
        });
        if ink.bytes().len() > start {
            // In place of the last comma.
            ink.pop();
        }
        ink.push(b"]");
    }

    fn named<'a>(&mut self, keys: &[Piece], fields: impl IntoIterator<Item = (&'static str, Cell<'a>)>) {
        for (key, (_, cell)) in keys.iter().zip(fields) {
            self.field(key, &cell);
        }
        self.ink.push(b"}");
    }

    fn media(&mut self, media: &MediaRow) {
        for (side, heard) in OF_SIDES.iter().zip(media.directions()) {
            self.ink.push_piece(side, false);
            match heard {
                Some(heard) => self.row(&OF_DIRECTION, heard),
                None => self.ink.push(b"null"),
            }
        }
        self.ink.push(b",\"streams\":[");
        for (index, stream) in media.streams().iter().enumerate() {
            self.ink.push_bytes(if index > 0 { b"," } else { b"" });
            self.row(&OF_STREAM, stream);
        }
        self.ink.push(b"]");
        for (key, cell) in OF_BOTH.iter().zip(media.together()) {
            self.field(key, &cell);
        }
        self.ink.push(b"}");
    }

    /// A small object: what is said once per capture or per run.
    fn object(&mut self, object: &Map<String, Value>) {
        // A map of strings and numbers is always JSON; outside of its strings there is nothing hidden.
        let json = serde_json::to_string(object).unwrap_or_default();
        self.ink.with_words(
            |words| json.chars().for_each(|c| push_shown(words, c)),
            |ink, words| ink.push_bytes(words.as_bytes()),
        );
    }
}

/// Hears every cell of a row.
struct Telling<'a, R: 'static> {
    pen: &'a mut Pen,
    fields: std::slice::Iter<'a, (Piece, Read<R>)>,
}

impl<R> Hears for Telling<'_, R> {
    #[inline(always)]
    fn hear(&mut self, cell: Cell<'_>) {
        if let Some((before, _)) = self.fields.next() {
            self.pen.field(before, &cell);
        }
    }
}

/// What stands between the time of a step and its frame.
fn push_middle(ink: &mut Ink, step: &Moment<'_>) {
    ink.push(b",\"code\":");
    ink.push_number(step.code.get().into());
    ink.push(b",\"status\":");
    match step.code.name() {
        Some(name) => {
            ink.push(b"\"");
            push_to_quote(ink, name);
        }
        None => ink.push(b"null"),
    }
    ink.push(b",\"file\":\"");
    push_text(ink, step.file);
    ink.push(b",\"frame\":");
}

/// What needs no escape, up to the quotation mark behind it.
#[inline(never)]
fn push_to_quote(ink: &mut Ink, characters: &str) {
    ink.push_bytes(characters.as_bytes());
    ink.push(b"\"");
}

/// A JSON string behind the quotation mark that opens it. JSON itself asks for C0 controls to be escaped; DEL, C1 and what
/// turns text unseen are too, since this may reach a terminal. A reader gets the same characters back.
#[inline(never)]
fn push_text(ink: &mut Ink, characters: &str) {
    if !is_plain_without::<b'"', b'\\'>(characters) {
        return push_escaped(ink, characters);
    }
    push_to_quote(ink, characters);
}

#[cold]
fn push_escaped(ink: &mut Ink, characters: &str) {
    let mut escaped = String::with_capacity(characters.len() + 16);
    for c in characters.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\x08' => escaped.push_str("\\b"),
            '\x0c' => escaped.push_str("\\f"),
            _ => push_shown(&mut escaped, c),
        }
    }
    escaped.push('"');
    ink.push_bytes(escaped.as_bytes());
}

/// A hidden character by its number.
fn push_shown(text: &mut String, c: char) {
    if !is_hidden(c) {
        return text.push(c);
    }
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn capture_object(capture: &CaptureRow) -> Map<String, Value> {
    let skipped = capture.skipped.iter().map(|skipped| {
        json!({
            "cause": skipped.cause,
            "count": skipped.count,
            "bytes": skipped.bytes,
            "first_frame": skipped.first_frame,
            "text": skipped.text,
            "remedy": skipped.remedy,
        })
    });
    object(json!({
        "file": capture.file,
        "format": capture.format,
        "link_types": capture.link_type_names().collect::<Vec<_>>(),
        "packets": capture.packets,
        "bytes": capture.bytes,
        "first": capture.first_printed().map(|at| at.to_string()),
        "last": capture.last_printed().map(|at| at.to_string()),
        "sip_messages": capture.sip_messages,
        "rtp_packets": capture.rtp_packets,
        "rtcp_packets": capture.rtcp_packets,
        "duplicates": capture.duplicates,
        "cut_short": capture.cut_short,
        "skipped": skipped.collect::<Vec<_>>(),
    }))
}

fn totals_object(totals: &Totals) -> Map<String, Value> {
    let tallied = |tallied: &Tallied| {
        let categories: Map<_, _> =
            tallied.by_category().map(|(name, count)| (name.to_owned(), count.into())).collect();
        let codes: Map<_, _> = tallied.by_code().map(|(code, count)| (code.into_owned(), count.into())).collect();
        json!({ "by_category": categories, "by_code": codes })
    };
    let messages = &totals.messages;
    let methods: Map<_, _> = messages.methods.iter().map(|(method, count)| (method.clone(), (*count).into())).collect();
    let codes: Map<_, _> = messages.codes.iter().map(|(code, count)| (code.to_string(), (*count).into())).collect();
    object(json!({
        "calls": tallied(&totals.calls),
        "registrations": tallied(&totals.registrations),
        "transactions": tallied(&totals.transactions),
        "streams": { "of_calls": totals.streams.of_calls, "of_no_call": totals.streams.of_no_call },
        "messages": { "by_method": methods, "by_code": codes },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Format;
    use crate::render::tests::{ALL, rendered};
    use crate::report::{SCHEMA, samples};
    use proptest::prelude::*;

    fn schema() -> Value {
        serde_json::from_str(SCHEMA).unwrap()
    }

    fn document() -> Value {
        serde_json::from_str(&rendered(Format::Json, Columns::all(&ALL), None, false)).unwrap()
    }

    fn records() -> Vec<Value> {
        let lines = rendered(Format::Ndjson, Columns::all(&ALL), None, false);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn what_is_written_is_what_the_schema_promises() {
        let schema = schema();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        let schema = jsonschema::draft202012::new(&schema).unwrap();
        for instance in records().into_iter().chain([document()]) {
            let errors: Vec<_> = schema.iter_errors(&instance).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{errors:?}\n{instance:#}");
        }
    }

    #[test]
    fn the_schema_refuses_a_field_too_many_and_one_too_few() {
        let schema = jsonschema::draft202012::new(&schema()).unwrap();
        let (document, records) = (document(), records());
        for path in [
            "",
            "/captures/0",
            "/captures/0/skipped/0",
            "/calls/0",
            "/calls/0/timeline/0",
            "/registrations/0",
            "/transactions/0",
            "/streams/0",
            "/streams/2/rtcp",
            "/streams/2/rtcp/xr",
            "/calls/0/media",
            "/calls/0/media/from_caller",
            "/calls/0/media/streams/0",
        ] {
            let mut more = document.clone();
            let fields = more.pointer_mut(path).unwrap().as_object_mut().unwrap();
            fields.insert("surprise".to_owned(), Value::Null);
            assert!(!schema.is_valid(&more), "{path} with a field more");
            let keys: Vec<_> = document.pointer(path).unwrap().as_object().unwrap().keys().cloned().collect();
            for key in keys {
                let mut fewer = document.clone();
                fewer.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(&key);
                assert!(!schema.is_valid(&fewer), "{path} without {key}");
            }
        }
        for record in records {
            let mut more = record.clone();
            more.as_object_mut().unwrap().insert("surprise".to_owned(), Value::Null);
            assert!(!schema.is_valid(&more), "{record}");
        }
    }

    #[test]
    fn the_schema_lists_the_columns_with_their_words_in_their_order() {
        let schema = schema();
        let listed = |definition: &str| -> Vec<(String, String)> {
            let fields = &schema["$defs"][definition]["properties"];
            let words = |about: &Value| about["description"].as_str().unwrap_or_default().to_owned();
            fields.as_object().unwrap().iter().map(|(key, about)| (key.clone(), words(about))).collect()
        };
        for kind in Kind::ALL {
            let columns = kind.columns().into_iter().map(|(key, about)| (key.to_owned(), about.to_owned()));
            assert_eq!(listed(&format!("{}_fields", kind.name())), columns.collect::<Vec<_>>());
        }
        let direction = DIRECTION.iter().map(|column| (column.key.to_owned(), column.about.to_owned()));
        assert_eq!(listed("direction"), direction.collect::<Vec<_>>());
        for definition in [
            "call_fields",
            "registration_fields",
            "transaction_fields",
            "stream_fields",
            "capture_fields",
            "totals_fields",
            "media",
            "direction",
            "rtcp",
            "voip_metrics",
        ] {
            let required: Vec<_> = schema["$defs"][definition]["required"].as_array().unwrap().iter().collect();
            let properties: Vec<_> = schema["$defs"][definition]["properties"].as_object().unwrap().keys().collect();
            assert_eq!(required, properties, "every field of {definition} is required");
        }
    }

    #[test]
    fn other_legs_are_objects_with_their_evidence() {
        let linked = json!([{"call_id": "leg\u{1b}[1m\"@b", "evidence": "x-call-id"}]);
        assert_eq!(document()["calls"].as_array().unwrap().iter().filter(|call| call["linked"] == linked).count(), 1);
    }

    #[test]
    fn unknown_is_null_and_no_text_is_empty() {
        fn walk(value: &Value, path: &str) {
            match value {
                Value::String(text) => assert!(!text.is_empty(), "{path}"),
                Value::Array(items) => items.iter().for_each(|item| walk(item, path)),
                Value::Object(fields) => fields.iter().for_each(|(key, field)| walk(field, &format!("{path}/{key}"))),
                _ => (),
            }
        }
        let document = document();
        walk(&document, "");
        let call = document["calls"].as_array().unwrap().iter().find(|call| call["code"].is_null()).unwrap();
        for key in
            ["status", "category", "sip_code", "from_uri", "answered", "pdd_s", "media", "audio", "icmp", "hold_s"]
        {
            assert!(call[key].is_null(), "{key}");
        }
        assert_eq!((&call["linked"], &call["reason_header"], &call["timeline"]), (&json!([]), &json!([]), &json!([])));
    }

    #[test]
    fn a_call_reads_as_the_record_says() {
        let document = document();
        let call = &document["calls"][0];
        assert_eq!(call["code"], 1000);
        assert_eq!(call["pdd_s"].to_string(), "0.3");
        assert_eq!(call["duration_s"].to_string(), "134.0");
        assert_eq!(call["start"], "2026-03-02T09:15:00.000000Z");
        assert_eq!(
            call["reason_header"],
            json!([{ "protocol": "Q.850", "cause": 16, "text": "Normal call clearing" }])
        );
        assert_eq!(
            call["timeline"][1],
            json!({
                "time": "2026-03-02T09:15:00.300000Z",
                "code": 180,
                "status": "Ringing",
                "file": "office.pcap",
                "frame": 3,
            })
        );
        let joined = document["calls"].as_array().unwrap().iter().find(|call| call["src"] == "[2001:db8::10]:5060");
        assert_eq!(joined.unwrap()["transport"], "TCP");
    }

    #[test]
    fn media_reads_as_the_record_says() {
        let document = document();
        let find =
            |audio: &str| document["calls"].as_array().unwrap().iter().find(|call| call["audio"] == audio).unwrap();
        let media = &find("both")["media"];
        let keys: Vec<_> = media.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["from_caller", "from_callee", "streams", "talk_s", "first_audio_s", "t38"]);
        let caller = &media["from_caller"];
        assert_eq!((&caller["packets"], &caller["lost"], &caller["loss_pct"]), (&json!(6691), &json!(9), &json!(0.13)));
        assert_eq!(caller["jitter_ms"].to_string(), "0.412");
        assert_eq!(
            (&caller["ssrc"], &caller["dtmf"], &caller["mos"]),
            (&json!("0xdeadbeef"), &json!("15#"), &json!(4.41))
        );
        assert_eq!((&caller["rtcp"]["lost"], &caller["rtcp"]["round_trip_ms"]), (&json!(-2), &json!(48.0)));
        assert_eq!((&caller["rtcp"]["xr"]["r_factor"], &caller["rtcp"]["xr"]["mos_lq"]), (&json!(89), &Value::Null));
        assert_eq!(media["streams"].as_array().unwrap().len(), 3);
        assert_eq!(media["streams"][0]["srtp"], true);
        let listed = document["streams"].as_array().unwrap();
        assert!(media["streams"].as_array().unwrap().iter().all(|stream| listed.contains(stream)), "the same record");
        let one_way = &find("one_way_from_caller")["media"];
        assert!(one_way["from_callee"].is_null() && one_way["first_audio_s"].is_null());
        assert!(one_way["from_caller"]["dtmf"].is_null(), "an escape is no digit");
        assert_eq!(document["totals"]["streams"], json!({ "of_calls": 4, "of_no_call": 2 }));
    }

    #[test]
    fn rows_are_in_order_of_start_and_records_in_order_of_closing() {
        let document = document();
        let starts = |rows: &[Value]| -> Vec<String> {
            rows.iter().filter_map(|row| row["start"].as_str().map(str::to_owned)).collect()
        };
        assert!(starts(document["calls"].as_array().unwrap()).is_sorted());
        let records = records();
        let kinds: Vec<_> = records.iter().filter_map(|record| record["type"].as_str()).collect();
        let each = |row: &Row| {
            let own = (row.kind() != Kind::Stream).then(|| row.kind().name());
            own.into_iter().chain(row.streams().iter().map(|_| "stream")).collect::<Vec<_>>()
        };
        let rows: Vec<_> = samples::rows().iter().flat_map(each).collect();
        assert_eq!(kinds, [rows, vec!["capture", "totals"]].concat());
        let records: Vec<_> = records.into_iter().filter(|record| record["type"] == "call").collect();
        let first: Vec<_> = samples::calls().iter().map(|call| call.start.rfc3339(6).to_string()).collect();
        assert_eq!(starts(&records), first);
        let calls: Vec<bool> =
            document["streams"].as_array().unwrap().iter().map(|stream| stream["call_id"].is_null()).collect();
        assert_eq!(calls, [false, false, false, false, true, true], "those of no known call come last");
    }

    #[test]
    fn nothing_hidden_leaves_unescaped_and_everything_comes_back() {
        for format in [Format::Json, Format::Ndjson] {
            let text = rendered(format, Columns::all(&ALL), None, false);
            assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{format:?}");
        }
        let hostile = "\x1b[31m\x7f\u{9b}\u{202e}\u{e0041}\"\\é日本";
        let mut ink = Ink::default();
        ink.push(b"\"");
        push_text(&mut ink, hostile);
        let text = std::str::from_utf8(ink.bytes()).unwrap();
        assert_eq!(text, "\"\\u001b[31m\\u007f\\u009b\\u202e\\udb40\\udc41\\\"\\\\é日本\"");
        assert_eq!(serde_json::from_str::<String>(text).unwrap(), hostile);
    }

    proptest! {
        #[test]
        fn any_text_is_escaped_as_the_library_does_and_what_is_hidden_too(text in any::<String>(), other in "[ -~\\x00-\\x1f\\u{80}-\\u{9f}]*") {
            for text in [text, other] {
                let mut ink = Ink::default();
                ink.push(b"\"");
                push_text(&mut ink, &text);
                let mut expected = String::new();
                serde_json::to_string(&text).unwrap().chars().for_each(|c| push_shown(&mut expected, c));
                prop_assert_eq!(std::str::from_utf8(ink.bytes()).unwrap(), expected);
            }
        }
    }

    #[test]
    fn chosen_columns_are_the_only_fields_in_the_order_chosen() {
        let columns = Columns::choose(&[Kind::Call], ["reason", "code"]).unwrap();
        let document = rendered(Format::Json, columns.clone(), None, false);
        let document: Value = serde_json::from_str(&document).unwrap();
        let keys: Vec<_> = document["calls"][0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["reason", "code"]);
        assert_eq!(document["registrations"], json!([]), "a kind that is not shown has no rows");
        let lines = rendered(Format::Ndjson, columns, None, false);
        assert!(lines.starts_with("{\"type\":\"call\",\"reason\":\"answered after 4.2 s"), "{lines}");
        assert!(!lines.contains("registration\",\"aor"));
    }

    #[test]
    fn a_run_without_rows_is_still_a_document() {
        let mut out = Vec::new();
        Box::new(Document::new(Columns::all(&ALL), false, &mut out)).end(&Summary::default()).unwrap();
        let empty: Value = serde_json::from_slice(&out).unwrap();
        assert!(jsonschema::draft202012::new(&schema()).unwrap().is_valid(&empty), "{empty}");
    }
}

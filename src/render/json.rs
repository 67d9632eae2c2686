//! JSON: one document, or one record a line. Rows are written as they stand, never gathered into one value.
//! Knows nothing of terminals, yet no control character leaves here unescaped.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::render::{Render, Waiting, is_hidden, is_plain_without, scalar};
use crate::report::media::{self, DIRECTION, SIDES, TOGETHER};
use crate::report::row::Timeline;
use crate::report::stream::STREAMS;
use crate::report::summary::Tallied;
use crate::report::{
    CallRow, CaptureRow, Cell, Column, Columns, Kind, MediaRow, RegistrationRow, Row, SCHEMA_NAME, StreamRow, Summary,
    Totals, TransactionRow,
};

/// Bytes gathered before they go out: rows are short and writes are dear.
const CHUNK: usize = 1 << 16;

/// The whole run as one object; rows sorted by start.
pub(super) struct Document<'a> {
    columns: Columns,
    rows: Waiting,
    out: &'a mut dyn Write,
}

impl<'a> Document<'a> {
    pub(super) fn new(columns: Columns, group: bool, out: &'a mut dyn Write) -> Self {
        Self { rows: Waiting::new(group, columns.have_media()), columns, out }
    }
}

impl Render for Document<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        self.rows.take(row, &self.columns);
        Ok(())
    }

    // One row a line within the arrays: a person's grep and a diff are served, and no byte is spent on indentation.
    fn end(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        self.rows.sort();
        let mut text = String::with_capacity(CHUNK);
        text.push_str("{\"schema\":");
        push_text(&mut text, SCHEMA_NAME);
        text.push_str(",\n\"captures\":[");
        for (index, capture) in summary.captures.iter().enumerate() {
            text.push_str(separator(index));
            push_value(&mut text, &capture_object(capture));
        }
        text.push_str("],\n\"calls\":[");
        array(&mut text, self.columns.calls().unwrap_or_default(), &self.rows.calls, self.out)?;
        text.push_str("],\n\"registrations\":[");
        array(&mut text, self.columns.registrations().unwrap_or_default(), &self.rows.registrations, self.out)?;
        text.push_str("],\n\"transactions\":[");
        array(&mut text, self.columns.transactions().unwrap_or_default(), &self.rows.transactions, self.out)?;
        text.push_str("],\n\"streams\":[");
        array(&mut text, self.columns.streams().unwrap_or_default(), &self.rows.streams, self.out)?;
        text.push_str("],\n\"totals\":");
        push_value(&mut text, &totals_object(&summary.totals));
        text.push_str("}\n");
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// The rows of one kind, sent out by the chunk.
fn array<R>(text: &mut String, columns: &[&Column<R>], rows: &[R], out: &mut dyn Write) -> io::Result<()> {
    let fields = Fields::new(None, columns);
    for (index, row) in rows.iter().enumerate() {
        text.push_str(separator(index));
        fields.push_row(text, row);
        if text.len() >= CHUNK {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    Ok(())
}

const fn separator(index: usize) -> &'static str {
    if index == 0 { "\n" } else { ",\n" }
}

/// One record a line, written when it is handed over.
pub(super) struct Lines<'a> {
    calls: Option<Fields<CallRow>>,
    registrations: Option<Fields<RegistrationRow>>,
    transactions: Option<Fields<TransactionRow>>,
    streams: Option<Fields<StreamRow>>,
    /// Reused from line to line.
    line: String,
    out: &'a mut dyn Write,
}

impl<'a> Lines<'a> {
    pub(super) fn new(columns: &Columns, out: &'a mut dyn Write) -> Self {
        Self {
            calls: columns.calls().map(|columns| Fields::new(Some(Kind::Call), columns)),
            registrations: columns.registrations().map(|columns| Fields::new(Some(Kind::Registration), columns)),
            transactions: columns.transactions().map(|columns| Fields::new(Some(Kind::Transaction), columns)),
            streams: columns.streams().map(|columns| Fields::new(Some(Kind::Stream), columns)),
            line: String::with_capacity(4096),
            out,
        }
    }

    fn send_object(&mut self, kind: &str, fields: Map<String, Value>) -> io::Result<()> {
        let mut object = Map::new();
        object.insert("type".to_owned(), kind.into());
        object.extend(fields);
        push_value(&mut self.line, &object);
        send(&mut self.line, self.out)
    }
}

fn send(line: &mut String, out: &mut dyn Write) -> io::Result<()> {
    line.push('\n');
    out.write_all(line.as_bytes())?;
    line.clear();
    Ok(())
}

/// A row of a kind that is shown.
fn send_row<R>(line: &mut String, fields: Option<&Fields<R>>, row: &R, out: &mut dyn Write) -> io::Result<()> {
    let Some(fields) = fields else { return Ok(()) };
    fields.push_row(line, row);
    send(line, out)
}

impl Render for Lines<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        let Self { line, out, .. } = self;
        match &row {
            Row::Call(row) => send_row(line, self.calls.as_ref(), &**row, *out)?,
            Row::Registration(row) => send_row(line, self.registrations.as_ref(), &**row, *out)?,
            Row::Transaction(row) => send_row(line, self.transactions.as_ref(), &**row, *out)?,
            Row::Stream(_) => (),
        }
        row.streams().iter().try_for_each(|row| send_row(line, self.streams.as_ref(), row, *out))
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
    head: String,
    fields: Vec<(String, Read<R>)>,
}

/// Where a cell comes from.
type Read<R> = for<'a> fn(&'a R) -> Cell<'a>;

impl<R> Fields<R> {
    fn new(kind: Option<Kind>, columns: &[&Column<R>]) -> Self {
        let mut head = "{".to_owned();
        if let Some(kind) = kind {
            head.push_str("\"type\":");
            push_text(&mut head, kind.name());
        }
        let field = |(index, column): (usize, &&Column<R>)| {
            let mut before = if index > 0 || kind.is_some() { "," } else { "" }.to_owned();
            push_key(&mut before, column.key);
            (before, column.cell)
        };
        Self { head, fields: columns.iter().enumerate().map(field).collect() }
    }

    fn push_row(&self, text: &mut String, row: &R) {
        text.push_str(&self.head);
        for (before, cell) in &self.fields {
            text.push_str(before);
            push_cell(text, &cell(row));
        }
        text.push('}');
    }
}

/// A key of ours: none of its characters needs an escape.
fn push_key(text: &mut String, key: &str) {
    text.push('"');
    text.push_str(key);
    text.push_str("\":");
}

fn push_cell(text: &mut String, cell: &Cell<'_>) {
    // Writing to a String cannot fail.
    let _ = match cell {
        Cell::Unknown => text.write_str("null"),
        Cell::Flag(_) | Cell::Integer(_) | Cell::Seconds(_) | Cell::Decimal(_) => {
            scalar::push(text, cell);
            Ok(())
        }
        // None of these characters needs an escape.
        Cell::Time(_) | Cell::Address(_) => {
            push_quoted(text, |text| scalar::push(text, cell));
            Ok(())
        }
        Cell::Text(characters) => {
            push_text(text, characters);
            Ok(())
        }
        Cell::Reasons(reasons) => {
            text.push('[');
            for (index, reason) in reasons.iter().enumerate() {
                text.push_str(if index > 0 { ",{\"protocol\":" } else { "{\"protocol\":" });
                push_text(text, &reason.protocol);
                text.push_str(",\"cause\":");
                push_cell(text, &reason.cause.map_or(Cell::Unknown, |cause| Cell::Integer(cause.into())));
                text.push_str(",\"text\":");
                push_optional(text, reason.text.as_deref().filter(|words| !words.is_empty()));
                text.push('}');
            }
            text.write_char(']')
        }
        Cell::Links(links) => {
            text.push('[');
            for (index, link) in links.iter().enumerate() {
                text.push_str(if index > 0 { ",{\"call_id\":" } else { "{\"call_id\":" });
                push_text(text, &link.call_id);
                text.push_str(",\"evidence\":");
                push_text(text, link.evidence.name());
                text.push('}');
            }
            text.write_char(']')
        }
        Cell::Media(media) => {
            push_media(text, media);
            Ok(())
        }
        Cell::Rtcp(rtcp) => {
            push_fields(text, media::rtcp_fields(rtcp));
            Ok(())
        }
        Cell::VoipMetrics(voip) => {
            push_fields(text, media::voip_fields(voip));
            Ok(())
        }
        Cell::Timeline(timeline) => {
            push_timeline(text, *timeline);
            Ok(())
        }
    };
}

fn push_timeline(text: &mut String, timeline: Timeline<'_>) {
    text.push('[');
    for (index, step) in timeline.moments().enumerate() {
        text.push_str(if index > 0 { ",{\"time\":\"" } else { "{\"time\":\"" });
        step.time.push_to(text);
        text.push_str("\",\"code\":");
        text.push_str(itoa::Buffer::new().format(step.code));
        text.push_str(",\"status\":");
        match step.status {
            // The catalogue's names need no escape.
            Some(name) => push_quoted(text, |text| text.push_str(name)),
            None => text.push_str("null"),
        }
        text.push_str(",\"file\":");
        push_text(text, step.file);
        text.push_str(",\"frame\":");
        text.push_str(itoa::Buffer::new().format(step.frame));
        text.push('}');
    }
    text.push(']');
}

/// What needs no escape, in quotes.
fn push_quoted(text: &mut String, push: impl FnOnce(&mut String)) {
    text.push('"');
    push(text);
    text.push('"');
}

fn push_fields<'a>(text: &mut String, fields: impl IntoIterator<Item = (&'static str, Cell<'a>)>) {
    text.push('{');
    for (index, (key, cell)) in fields.into_iter().enumerate() {
        text.push_str(if index > 0 { "," } else { "" });
        push_key(text, key);
        push_cell(text, &cell);
    }
    text.push('}');
}

fn push_media(text: &mut String, media: &MediaRow) {
    for (index, (side, heard)) in SIDES.into_iter().zip(media.directions()).enumerate() {
        text.push(if index > 0 { ',' } else { '{' });
        push_key(text, side);
        match heard {
            Some(heard) => push_fields(text, DIRECTION.iter().map(|column| (column.key, (column.cell)(heard)))),
            None => text.push_str("null"),
        }
    }
    text.push_str(",\"streams\":[");
    for (index, stream) in media.streams().iter().enumerate() {
        text.push_str(if index > 0 { "," } else { "" });
        push_fields(text, STREAMS.iter().map(|column| (column.key, (column.cell)(stream))));
    }
    text.push(']');
    for (key, cell) in TOGETHER.into_iter().zip(media.together()) {
        text.push(',');
        push_key(text, key);
        push_cell(text, &cell);
    }
    text.push('}');
}

fn push_optional(text: &mut String, optional: Option<&str>) {
    match optional {
        Some(characters) => push_text(text, characters),
        None => text.push_str("null"),
    }
}

/// A JSON string. JSON itself asks for C0 controls to be escaped; DEL, C1 and what turns text unseen are too, since
/// this may reach a terminal. A reader gets the same characters back.
fn push_text(text: &mut String, characters: &str) {
    if is_plain_without(characters, *b"\"\\") {
        text.push('"');
        text.push_str(characters);
        text.push('"');
        return;
    }
    push_escaped(text, &Value::from(characters).to_string());
}

/// A small object: what is said once per capture or per run.
fn push_value(text: &mut String, object: &Map<String, Value>) {
    // A map of strings and numbers is always JSON.
    push_escaped(text, &serde_json::to_string(object).unwrap_or_default());
}

/// JSON whose strings may still hold hidden characters; outside of strings there are none.
fn push_escaped(text: &mut String, json: &str) {
    if !json.chars().any(is_hidden) {
        text.push_str(json);
        return;
    }
    for c in json.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
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
        let mut text = String::new();
        push_text(&mut text, hostile);
        assert_eq!(text, "\"\\u001b[31m\\u007f\\u009b\\u202e\\udb40\\udc41\\\"\\\\é日本\"");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
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

//! CSV (RFC 4180): one kind of row, one line each, made harmless for spreadsheets. Knows nothing of terminals.

use std::io::{self, Write};

use crate::render::{Render, Waiting};
use crate::report::media::{self, SIDES, TOGETHER};
use crate::report::{Cell, Column, Columns, MediaRow, Row, Shape, Summary};

/// Collects rows, writes them sorted.
pub(super) struct Csv<'a> {
    columns: Columns,
    rows: Waiting,
    out: &'a mut dyn Write,
}

impl<'a> Csv<'a> {
    pub(super) fn new(columns: Columns, group: bool, out: &'a mut dyn Write) -> Self {
        Self { rows: Waiting::new(group, columns.have_media()), columns, out }
    }
}

impl Render for Csv<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        self.rows.take(row, &self.columns);
        Ok(())
    }

    // A CSV is one table: of several kinds it holds the first.
    fn end(mut self: Box<Self>, _: &Summary) -> io::Result<()> {
        self.rows.sort();
        let Self { columns, rows, out } = *self;
        let chosen = columns.are_chosen();
        if let Some(columns) = columns.calls() {
            write(columns, &rows.calls, chosen, out)
        } else if let Some(columns) = columns.registrations() {
            write(columns, &rows.registrations, chosen, out)
        } else if let Some(columns) = columns.transactions() {
            write(columns, &rows.transactions, chosen, out)
        } else {
            write(columns.streams().unwrap_or_default(), &rows.streams, chosen, out)
        }
    }
}

/// Header and rows. Lists and objects are left out unless they were asked for by name: then their text is the cell.
fn write<R>(columns: &[&Column<R>], rows: &[R], chosen: bool, out: &mut dyn Write) -> io::Result<()> {
    let columns: Vec<_> =
        columns.iter().filter(|column| chosen || !matches!(column.shape, Shape::List | Shape::Object)).collect();
    let mut csv = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out);
    let mut record = csv::ByteRecord::new();
    for column in &columns {
        match column.shape {
            Shape::Media => media_keys().for_each(|key| record.push_field(key.as_bytes())),
            _ => record.push_field(column.key.as_bytes()),
        }
    }
    csv.write_byte_record(&record)?;
    for row in rows {
        record.clear();
        for column in &columns {
            match (column.shape, (column.cell)(row)) {
                (Shape::Media, Cell::Media(media)) => push_media(&mut record, media),
                (Shape::Media, _) => media_keys().for_each(|_| record.push_field(b"")),
                (_, Cell::Text(text)) => push(&mut record, &text),
                (_, cell) => push(&mut record, &cell.to_string()),
            }
        }
        csv.write_byte_record(&record)?;
    }
    csv.flush()
}

/// `media` as flat columns.
fn media_keys() -> impl Iterator<Item = String> {
    let side = |side| media::flat().map(move |field| format!("{side}_{}", field.key));
    SIDES.into_iter().flat_map(side).chain(TOGETHER.map(str::to_owned))
}

/// Their cells; those of a direction that was not heard are empty.
fn push_media(record: &mut csv::ByteRecord, media: &MediaRow) {
    for heard in media.directions() {
        for column in media::flat() {
            push(record, &heard.map_or_else(String::new, |heard| (column.cell)(heard).to_string()));
        }
    }
    media.together().iter().for_each(|cell| push(record, &cell.to_string()));
}

fn push(record: &mut csv::ByteRecord, text: &str) {
    if runs_as_a_formula(text) {
        record.push_field(format!("'{text}").as_bytes());
    } else {
        record.push_field(text.as_bytes());
    }
}

/// Whether a spreadsheet would run this cell. A leading sign is a formula's too, unless a number follows.
fn runs_as_a_formula(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'=' | b'@' | b'\t' | b'\r') => true,
        Some(b'+' | b'-') => !is_number(text) && !is_telephone_number(text),
        _ => false,
    }
}

/// Digits with at most one point, behind a sign, with an exponent or without.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
}

/// `+442079460123`, `+44 (20) 7946-0123`: digits and what people put between them. No letter, so nothing to call.
fn is_telephone_number(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')');
    rest.chars().all(allowed) && (3..=20).contains(&rest.chars().filter(char::is_ascii_digit).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Format;
    use crate::render::tests::{BOTH, rendered};
    use crate::report::column::{CALLS, REGISTRATIONS};
    use crate::report::{Kind, samples};

    fn table(columns: Columns) -> Vec<Vec<String>> {
        let text = rendered(Format::Csv, columns, None, false);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn formulas_are_made_harmless_and_numbers_left_alone() {
        let harmful = [
            "=1+1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "+cmd|' /C calc'!A0",
            "-2+3+cmd|'x'!A0",
            "+",
            "-",
            "-A1",
            "+1A",
            "+1;phone-context=x",
            "-nan",
            "+inf",
            "-442079460123 1",
            "+1e5x",
            "+(",
            "+44 20 7946 0123 99999 99999 9",
        ];
        for text in harmful {
            assert!(runs_as_a_formula(text), "{text:?}");
        }
        for text in
            ["", "a=1", "-1", "+1.5", "-1.5e-3", "-.5", "+442079460123", "+44 (20) 7946-0123", "1001", "'=1", "*"]
        {
            assert!(!runs_as_a_formula(text), "{text:?}");
        }
    }

    #[test]
    fn every_scalar_column_is_there_in_order_and_every_row_is_as_long() {
        let table = table(Columns::all(&BOTH));
        let header = table[0].join(" ");
        assert!(
            header.starts_with("call_id code status category reason sip_code sip_reason reason_header warning start ")
        );
        assert!(header.contains(" ack_missing icmp from_caller_packets from_caller_lost "), "{header}");
        assert!(
            header.ends_with(" from_callee_clock_rate from_callee_bytes talk_s first_audio_s t38 audio hold_s"),
            "{header}"
        );
        assert_eq!(table[0].len(), CALLS.len() - 3 + 2 * media::flat().count() + TOGETHER.len());
        assert!(table.iter().all(|row| row.len() == table[0].len()));
        assert_eq!(table.len(), samples::calls().len() + 1);
    }

    #[test]
    fn cells_are_those_of_the_record() {
        let table = table(Columns::all(&[Kind::Call]));
        let column = |key: &str| table[0].iter().position(|name| name == key).unwrap();
        let cell = |row: usize, key: &str| table[row][column(key)].as_str();
        assert_eq!(cell(1, "reason_header"), r#"Q.850;cause=16;text="Normal call clearing""#);
        assert_eq!((cell(1, "code"), cell(1, "pdd_s"), cell(1, "duration_s")), ("1000", "0.3", "134.0"));
        assert_eq!((cell(1, "start"), cell(1, "src")), ("2026-03-02T09:15:00.000000Z", "192.0.2.10:5060"));
        assert_eq!((cell(1, "partial"), cell(1, "audio"), cell(1, "from_caller_packets")), ("false", "both", "6691"));
        let fields =
            ["loss_pct", "jitter_ms", "jitter_max_ms", "max_gap_ms", "codec", "ssrc", "mos", "r_factor", "dtmf"];
        let caller = fields.map(|field| cell(1, &format!("from_caller_{field}")));
        assert_eq!(caller, ["0.13", "0.412", "3.250", "41.000", "PCMU", "0xdeadbeef", "4.41", "93.2", "15#"]);
        assert_eq!((cell(1, "talk_s"), cell(1, "first_audio_s"), cell(1, "t38")), ("133.88", "0.1", "false"));
        assert_eq!((cell(2, "audio"), cell(2, "from_callee_packets"), cell(2, "t38")), ("", "", ""));
        let one_way = table.iter().position(|row| row[column("audio")] == "one_way_from_caller").unwrap();
        assert_eq!(cell(one_way, "from_caller_codec"), "'=x\x1b[31m\u{202e}\"\n");
        assert_eq!((cell(one_way, "from_callee_packets"), cell(one_way, "from_caller_mos")), ("", ""));
        let hostile = table.iter().position(|row| row[column("code")] == "503").unwrap();
        assert_eq!(cell(hostile, "from_display"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell(hostile, "user_agent"), "'@SUM(1+1)*cmd");
        assert_eq!(cell(hostile, "warning"), "399 gw \"line\nbreak\"");
    }

    #[test]
    fn rows_are_in_order_of_start() {
        let table = table(Columns::choose(&BOTH, ["start"]).unwrap());
        assert!(table[1..].is_sorted());
    }

    #[test]
    fn registrations_are_a_table_of_their_own_and_a_header_comes_without_rows() {
        let registrations = table(Columns::all(&[Kind::Registration]));
        assert_eq!(registrations.len(), samples::registrations().len() + 1);
        assert_eq!(registrations[0].len(), REGISTRATIONS.len() - 1);
        let mut out = Vec::new();
        let columns = Columns::choose(&[Kind::Call], ["code", "reason"]).unwrap();
        Box::new(Csv::new(columns, false, &mut out)).end(&Summary::default()).unwrap();
        assert_eq!(out, b"code,reason\n");
    }

    #[test]
    fn streams_are_a_table_of_their_own_with_those_of_no_known_call_last() {
        let streams = table(Columns::all(&[Kind::Stream]));
        assert_eq!(streams[0].len(), Kind::Stream.columns().len() - 1, "what RTCP said is an object");
        let call_ids: Vec<_> = streams[1..].iter().map(|row| row[0].as_str()).collect();
        let [both, one] = ["call-1@192.0.2.10", "call-220@192.0.2.10"];
        assert_eq!(call_ids, [both, both, both, one, "", ""]);
        let rtcp = table(Columns::choose(&[Kind::Stream], ["rtcp"]).unwrap());
        assert!(rtcp[3][0].starts_with("reports 26, lost -2, worst_loss_pct 3.12, jitter_ms 2.000"), "{rtcp:?}");
    }

    #[test]
    fn a_list_asked_for_by_name_is_written_as_text() {
        let table = table(Columns::choose(&[Kind::Call], ["code", "timeline", "linked"]).unwrap());
        assert_eq!(
            table[1],
            [
                "1000",
                "2002 +0.0 s (frame 1), 180 +0.3 s (frame 3), 999 +4.2 s (frame 5), 1000 +2:18 (frame 7)",
                "leg\u{1b}[1m\"@b (x-call-id)"
            ]
        );
    }
}

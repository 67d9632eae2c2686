//! CSV (RFC 4180): one kind of row, one line each, made harmless for spreadsheets. Knows nothing of terminals.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::render::ink::Ink;
use crate::render::waiting::{Rows, Stored, Waiting};
use crate::render::{Render, is_plain_without};
use crate::report::media::{self, SIDES, TOGETHER};
use crate::report::{Cell, Column, Columns, MediaRow, Row, Shape, Summary};
use crate::time::Timestamp;

/// Bytes gathered before they go out.
const CHUNK: usize = 1 << 16;

/// Collects rows, writes them sorted; calls as soon as none that is still open began before.
pub(super) struct Csv<'a> {
    columns: Columns,
    rows: Waiting,
    sheet: Sheet<'a>,
}

impl<'a> Csv<'a> {
    pub(super) fn new(columns: Columns, group: bool, out: &'a mut (dyn Write + Send)) -> Self {
        // A CSV is one table: of several kinds it holds the first. Lists and objects are left out unless they were asked
        // for by name: then their text is the cell.
        let columns = columns.of_first_kind();
        let columns = if columns.are_chosen() { columns } else { columns.without(&[Shape::List, Shape::Object]) };
        let sheet = Sheet { ink: Ink::default(), headed: false, out };
        Self { rows: Waiting::new(&columns, group), columns, sheet }
    }
}

impl Render for Csv<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        self.rows.take(&row);
        Ok(())
    }

    // Of the other kinds most are told at the end. Legs stand together only then.
    fn passed(&mut self, until: Timestamp) -> io::Result<()> {
        let Some(columns) = self.columns.calls().filter(|_| !self.rows.group) else { return Ok(()) };
        let calls = &mut self.rows.calls.rows;
        let settled = calls.settled(until);
        if settled.is_empty() { Ok(()) } else { self.sheet.write(columns, &settled, calls) }
    }

    fn end(mut self: Box<Self>, _: &Summary) -> io::Result<()> {
        self.rows.sort();
        let Self { columns, rows, mut sheet } = *self;
        if let Some(columns) = columns.calls() {
            sheet.write(columns, rows.calls.rows.all(), &rows.calls.rows)?;
        } else if let Some(columns) = columns.registrations() {
            sheet.write(columns, rows.registrations.rows.all(), &rows.registrations.rows)?;
        } else if let Some(columns) = columns.transactions() {
            sheet.write(columns, rows.transactions.rows.all(), &rows.transactions.rows)?;
        } else {
            sheet.write(columns.streams().unwrap_or_default(), rows.streams.rows.all(), &rows.streams.rows)?;
        }
        sheet.send()?;
        sheet.out.flush()
    }
}

/// The table as far as it is written.
struct Sheet<'a> {
    ink: Ink,
    headed: bool,
    out: &'a mut (dyn Write + Send),
}

impl Sheet<'_> {
    /// Rows of these, behind a header where there is none yet.
    fn write<R>(&mut self, columns: &[&Column<R>], rows: &[Stored], of: &Rows) -> io::Result<()> {
        if !self.headed {
            let mut line = Line::begin(&mut self.ink);
            for column in columns {
                match column.shape {
                    Shape::Media => media_keys().for_each(|key| line.field(&Cell::Text(&key))),
                    _ => line.field(&Cell::Text(column.key)),
                }
            }
            line.end();
            self.headed = true;
        }
        for row in rows {
            let mut line = Line::begin(&mut self.ink);
            for (column, cell) in columns.iter().zip(of.cells(row)) {
                match (column.shape, cell) {
                    (Shape::Media, Cell::Media(media)) => line.media(media),
                    (Shape::Media, _) => media_keys().for_each(|_| line.field(&Cell::Unknown)),
                    (_, cell) => line.field(&cell),
                }
            }
            line.end();
            if self.ink.bytes().len() >= CHUNK {
                self.send()?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        self.out.write_all(self.ink.bytes())?;
        self.ink.clear();
        Ok(())
    }
}

/// `media` as flat columns.
fn media_keys() -> impl Iterator<Item = String> {
    let side = |side| media::flat().map(move |field| format!("{side}_{}", field.key));
    SIDES.into_iter().flat_map(side).chain(TOGETHER.map(str::to_owned))
}

/// One line that is being written.
struct Line<'a> {
    ink: &'a mut Ink,
    start: usize,
    first: bool,
}

impl<'a> Line<'a> {
    fn begin(ink: &'a mut Ink) -> Self {
        let start = ink.bytes().len();
        Self { ink, start, first: true }
    }

    fn field(&mut self, cell: &Cell<'_>) {
        if !self.first {
            self.ink.push(b",");
        }
        self.first = false;
        match *cell {
            Cell::Text(characters) => push_text(self.ink, characters),
            Cell::Said(said) => self.ink.with_words(|words| said.push_to(words), push_text),
            // What a spreadsheet runs begins with none of these, and none of them holds a comma.
            Cell::Unknown
            | Cell::Name(_)
            | Cell::Flag(_)
            | Cell::Integer(_)
            | Cell::Decimal(_)
            | Cell::Seconds(_)
            | Cell::Time(_)
            | Cell::Address(_) => self.ink.push_cell(cell),
            _ => self.ink.with_words(|words| _ = write!(words, "{cell}"), push_text),
        }
    }

    /// Those of a direction that was not heard are empty.
    fn media(&mut self, media: &MediaRow) {
        for heard in media.directions() {
            for column in media::flat() {
                self.field(&heard.map_or(Cell::Unknown, column.cell));
            }
        }
        media.together().iter().for_each(|cell| self.field(cell));
    }

    fn end(self) {
        // A line without anything in it would be no record (RFC 4180 2).
        if self.ink.bytes().len() == self.start {
            self.ink.push(b"\"\"");
        }
        self.ink.push(b"\n");
    }
}

/// Text, in quotes where it holds what ends a field or a line.
fn push_text(ink: &mut Ink, text: &str) {
    let formula = runs_as_a_formula(text);
    if !formula && is_plain_without::<b'"', b','>(text) {
        return ink.push_bytes(text.as_bytes());
    }
    let quoted = text.contains(['"', ',', '\r', '\n']);
    ink.push_bytes(if quoted { b"\"" } else { b"" });
    ink.push_bytes(if formula { b"'" } else { b"" });
    for (index, part) in text.split('"').enumerate() {
        ink.push_bytes(if index > 0 { b"\"\"" } else { b"" });
        ink.push_bytes(part.as_bytes());
    }
    ink.push_bytes(if quoted { b"\"" } else { b"" });
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
    use crate::track::fact::{Fact, Opened};
    use proptest::prelude::*;

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

    /// What is written up to each step and at the end: frames and starts of calls as they end, or that time passed.
    enum Step {
        Ends(i64, u64),
        Passed(i64),
    }

    fn streamed(steps: impl IntoIterator<Item = Step>, group: bool) -> String {
        let mut out = Vec::new();
        let columns = Columns::choose(&[Kind::Call], ["start", "call_id"]).unwrap();
        let mut csv = Box::new(Csv::new(columns, group, &mut out));
        for step in steps {
            match step {
                Step::Ends(start, frame) => {
                    let mut call = samples::invite(start, frame);
                    let call_id = frame.to_string();
                    call.opening = call.opening.with(|of| Opened { call_id: call_id.as_bytes(), ..of });
                    csv.row(Row::new(Fact::Call(Box::new(call)), &samples::sources())).unwrap();
                }
                Step::Passed(until) => csv.passed(samples::at(until)).unwrap(),
            }
        }
        csv.end(&Summary::default()).unwrap();
        let text = String::from_utf8(out).unwrap();
        let call_ids = text.lines().skip(1).filter_map(|line| line.split(',').next_back());
        call_ids.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_call_that_lasts_holds_back_those_that_began_after_it_and_no_others() {
        use Step::{Ends, Passed};
        // 2 lasts from 20 to 90; then 3 and 4, which ended before it, are written behind it.
        let lasting = || [Ends(40, 4), Ends(10, 1), Passed(20), Ends(30, 3), Passed(20), Ends(20, 2), Passed(90)];
        assert_eq!(streamed(lasting(), false), "1 2 3 4");
        // Told too late for its place: written where it comes.
        assert_eq!(streamed(lasting().into_iter().chain([Ends(5, 9), Passed(95)]), false), "1 2 3 4 9");
        // Legs are put together at the end, so nothing is written before.
        assert_eq!(streamed(lasting().into_iter().chain([Ends(5, 9), Passed(95)]), true), "9 1 2 3 4");
    }

    #[test]
    fn what_has_its_place_waits_no_longer() {
        let mut out = Vec::new();
        let mut csv = Csv::new(Columns::all(&Kind::ALL), false, &mut out);
        for row in samples::rows() {
            csv.row(row).unwrap();
        }
        assert!(
            csv.rows.streams.rows.all().is_empty() && csv.rows.registrations.rows.all().is_empty(),
            "of one kind alone"
        );
        let calls = csv.rows.calls.rows.all();
        let (count, last) = (calls.len(), calls.iter().map(|row| row.order().1).max().unwrap());
        csv.passed(last).unwrap();
        assert!(count > 5 && csv.rows.calls.rows.all().iter().all(|row| row.order().1 == last));
    }

    proptest! {
        #[test]
        fn streamed_is_as_sorted_at_the_end(calls in proptest::collection::vec((0_i64..1000, 1_i64..500), 0..40)) {
            // (when, what) as a tracker tells it: calls as they end, and from time to time what is still open.
            let mut ends: Vec<_> = (1..).zip(&calls).map(|(frame, (start, length))| (start + length, *start, frame)).collect();
            ends.sort_unstable();
            let open = |now: i64| ends.iter().filter(|(end, start, _)| *end > now && *start <= now).map(|(_, start, _)| *start).min();
            let told = |passes: bool| {
                let mut steps = Vec::new();
                for (index, (end, start, frame)) in ends.iter().enumerate() {
                    steps.push(Step::Ends(*start, *frame));
                    if passes && index % 3 == 0 && ends.get(index + 1).is_none_or(|(next, ..)| next > end) {
                        steps.push(Step::Passed(open(*end).unwrap_or(*end)));
                    }
                }
                steps
            };
            prop_assert_eq!(streamed(told(true), false), streamed(told(false), false));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_the_library_does(records in prop::collection::vec(prop::collection::vec("[a-c\",'é\r\n =]{0,9}", 1..4), 0..4)) {
            let mut ink = Ink::default();
            let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for record in &records {
                let mut line = Line::begin(&mut ink);
                record.iter().for_each(|text| line.field(&Cell::Text(text)));
                line.end();
                let harmless = |text: &String| if runs_as_a_formula(text) { format!("'{text}") } else { text.clone() };
                csv.write_record(record.iter().map(harmless)).unwrap();
            }
            prop_assert_eq!(ink.bytes(), csv.into_inner().unwrap());
        }
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

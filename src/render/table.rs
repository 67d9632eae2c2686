//! The table that a person reads first: what was captured, how each call and registration went, what could not be read.
//! Knows nothing of the rows but their columns; one row is one line, whatever its cells hold.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, TableStyle, Width};

use crate::codes::Category;
use crate::render::waiting::{Rows, Stored, Waiting};
use crate::render::{Layout, Render, shown};
use crate::report::column::LEG;
use crate::report::summary::{Streams, Tallied};
use crate::report::{CaptureRow, Cell, Column, Columns, Row, Shape, Summary};

/// Rows that are laid out at once: comfy-table holds every one of them several times over.
const PAGE: usize = 1000;

/// Spaces between two columns.
const GAP: usize = GAP_TEXT.len();
const GAP_TEXT: &str = "  ";

/// The widest cell where no terminal sets a bound: a stranger's long header must not pad every line of the table.
const WIDEST: usize = 250;

/// Drawn between two cells, cut out again afterwards: no cell can hold it, as controls are shown escaped.
const SEAM: char = '\u{1f}';

/// Collects rows, draws them sorted.
pub(super) struct Table<'a> {
    layout: Layout,
    /// Those that are drawn where there is room: those named, else those to be read first.
    columns: Columns,
    rows: Waiting,
    out: &'a mut (dyn Write + Send),
}

impl<'a> Table<'a> {
    pub(super) fn new(layout: Layout, out: &'a mut (dyn Write + Send)) -> Self {
        let columns = layout.columns.clone();
        let columns = if columns.are_chosen() { columns } else { columns.at_a_glance() };
        Self { rows: Waiting::new(&columns, layout.group), columns, layout, out }
    }
}

impl Render for Table<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        self.rows.take(&row);
        Ok(())
    }

    fn end(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        self.rows.sort();
        let Self { layout, columns, rows, out } = *self;
        let pen = Pen { width: layout.width, color: layout.color };
        let several = summary.captures.len() > 1;
        out.write_all(captures_lines(summary).as_bytes())?;
        if let Some(columns) = columns.calls() {
            pen.tally("call", &summary.totals.calls, out)?;
            let mut fits = fits(columns, &layout, several);
            if layout.group {
                fits.insert(0, Fit::of(&LEG, None, (0, 4, 4), true));
            }
            pen.grid(fits, &rows.calls.rows, rows.calls.rows.all(), out)?;
        }
        if let Some(columns) = columns.registrations() {
            pen.tally("registration", &summary.totals.registrations, out)?;
            let rows = &rows.registrations.rows;
            pen.grid(fits(columns, &layout, several), rows, rows.all(), out)?;
        }
        if let Some(columns) = columns.transactions() {
            pen.tally("transaction", &summary.totals.transactions, out)?;
            let rows = &rows.transactions.rows;
            pen.grid(fits(columns, &layout, several), rows, rows.all(), out)?;
        }
        let streams = summary.totals.streams;
        if let Some(columns) = columns.streams() {
            pen.streams(streams, &rows.streams.rows, || fits(columns, &layout, several), out)?;
        } else if streams.of_no_call > 0 {
            let streams = counted(streams.of_no_call, "RTP stream");
            writeln!(out, "\n{streams} of no known call: --show streams lists them")?;
        }
        pen.not_read(summary, out)?;
        out.flush()
    }
}

/// How a column fits into a line.
struct Fit {
    key: &'static str,
    title: &'static str,
    shape: Shape,
    /// Its cell among those of a row; `None` for the leg.
    cell: Option<usize>,
    /// 0: always there. Else the order in which columns join while there is room.
    rank: u8,
    /// It is not squeezed below this.
    at_least: usize,
    /// It asks for no more than this before all columns have joined.
    at_first: usize,
    /// Instants are cut to the time of day.
    brief: bool,
}

impl Fit {
    const fn of<R>(
        column: &Column<R>,
        cell: Option<usize>,
        (rank, at_least, at_first): (u8, usize, usize),
        brief: bool,
    ) -> Self {
        let Column { key, title, shape, .. } = *column;
        Self { key, title, shape, cell, rank, at_least, at_first, brief }
    }
}

/// The columns that a person reads first, and what gives way in a narrow terminal.
fn at_a_glance<R>(columns: &[&'static Column<R>], width: Option<usize>, several_captures: bool) -> Vec<Fit> {
    // In a narrow terminal the reason matters more than a long name; a telephone number still fits.
    let name = if width.is_some_and(|width| width < 100) { 13 } else { 16 };
    let fit = |(index, column): (usize, &&'static Column<R>)| {
        let room = match column.key {
            "caller" | "callee" => (0, 6, name),
            "aor" => (0, 8, 30),
            "reason" => (0, 8, 38),
            "source" | "destination" => (0, 8, 21),
            "from" | "to" => (4, 6, name),
            "talk" | "response" => (1, 8, 8),
            "expires" => (1, 8, 10),
            "codec" | "mos" => (1, 5, 12),
            "lost" => (1, 6, 16),
            "jitter" => (2, 8, 8),
            "length" => (3, 7, 8),
            "sender" => (3, 6, 6),
            "ssrc" => (4, 10, 10),
            "call_id" => (5, 12, 40),
            "frame" => (2, 10, 10),
            "status" => (3, 8, 24),
            "pdd" => (4, 8, 8),
            "ended_by" => (5, 8, 8),
            "contact" => (6, 12, 24),
            "event" => (6, 8, 16),
            "file" => (7, 8, 24),
            _ => (0, 26, 26),
        };
        Fit::of(column, Some(index), room, true)
    };
    let told = |fit: &Fit| several_captures || fit.key != "file";
    columns.iter().enumerate().map(fit).filter(told).collect()
}

/// How the columns that are drawn fit in: what the user named as a whole, wherever it fits.
fn fits<R>(columns: &[&'static Column<R>], layout: &Layout, several_captures: bool) -> Vec<Fit> {
    if layout.columns.are_chosen() {
        let fit = |(index, column): (usize, &&'static Column<R>)| Fit::of(column, Some(index), (0, 8, WIDEST), false);
        return columns.iter().enumerate().map(fit).collect();
    }
    at_a_glance(columns, layout.width, several_captures)
}

/// How much of an instant is printed: characters of its RFC 3339 form.
#[derive(Clone, Copy)]
struct Clock {
    from: usize,
    to: usize,
}

impl Clock {
    /// Leaves out what all instants have in common: the year, the date.
    fn reading(fits: &[Fit], of: &Rows, rows: &[Stored], fine: bool) -> Self {
        let to = if fine { "2026-03-02T09:15:00.000".len() } else { "2026-03-02T09:15:00".len() };
        let mut common: Option<(String, usize)> = None;
        let is_brief =
            |index: usize| fits.iter().any(|fit| fit.cell == Some(index) && fit.brief && fit.shape == Shape::Time);
        for row in rows {
            for (index, cell) in of.cells(row).enumerate() {
                let (Cell::Time(at), true) = (cell, is_brief(index)) else { continue };
                let at = at.to_string();
                let (first, same) = common.get_or_insert_with(|| (at.clone(), 11));
                let start = |to: usize| at.get(..to) == first.get(..to);
                *same = if *same == 11 && start(11) { 11 } else { 5 * usize::from(*same > 0 && start(5)) };
            }
        }
        Self { from: common.map_or(11, |(_, same)| same), to }
    }

    fn brief(self, at: &str) -> String {
        let end = self.to.min(at.trim_end_matches('Z').len());
        at.get(self.from..end).unwrap_or(at).replace('T', " ")
    }
}

/// What the terminal takes.
#[derive(Clone, Copy)]
struct Pen {
    width: Option<usize>,
    color: bool,
}

impl Pen {
    /// One row a line, in pages that all have the same widths.
    fn grid(self, fits: Vec<Fit>, of: &Rows, rows: &[Stored], out: &mut dyn Write) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let clock = Clock::reading(&fits, of, rows, self.width.is_none_or(|width| width >= 100));
        let natural = natural_widths(&fits, of, rows, clock);
        let widths = match self.width {
            Some(width) => fitted_widths(&fits, &natural, width),
            None => natural.into_iter().map(Some).collect(),
        };
        let (fits, widths): (Vec<_>, Vec<_>) =
            fits.into_iter().zip(widths).filter_map(|(fit, width)| Some((fit, width?))).unzip();
        let mut text = String::new();
        for (number, page) in rows.chunks(PAGE).enumerate() {
            let table = laid_out(&fits, of, page, clock, &widths);
            let mut lines = table.lines();
            let header = lines.next().unwrap_or_default();
            if number == 0 {
                self.header(&header, &widths, &mut text);
            }
            for (line, row) in lines.zip(page) {
                self.line(&line, &fits, row.category().map(Category::name), &mut text);
            }
            out.write_all(text.as_bytes())?;
            text.clear();
        }
        Ok(())
    }

    /// The streams of calls, then apart those of no known call.
    fn streams(self, totals: Streams, rows: &Rows, fits: impl Fn() -> Vec<Fit>, out: &mut dyn Write) -> io::Result<()> {
        let counts = [(totals.of_calls, "of calls"), (totals.of_no_call, "of no known call")];
        let counts: Vec<_> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let colon = if counts.is_empty() { "" } else { ": " };
        writeln!(out, "\n{}{colon}{}", counted(totals.total(), "RTP stream"), counts.join(", "))?;
        let (of_calls, others) = rows.all().split_at(rows.all().partition_point(|row| !row.is_apart()));
        self.grid(fits(), rows, of_calls, out)?;
        if !others.is_empty() && !of_calls.is_empty() {
            writeln!(out, "\nOf no known call")?;
        }
        // What only a call could tell is no column here, unless it was asked for.
        let told = |fit: &Fit| !fit.brief || !matches!(fit.key, "sender" | "call_id");
        self.grid(fits().into_iter().filter(told).collect(), rows, others, out)
    }

    fn header(self, line: &str, widths: &[usize], text: &mut String) {
        let line = line.replace(SEAM, GAP_TEXT);
        text.push_str(&self.painted(line.trim_end(), Style::new().bold()));
        text.push('\n');
        let rules: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
        text.push_str(&self.painted(&rules.join(GAP_TEXT), Style::new().dimmed()));
        text.push('\n');
    }

    /// A row, its code and status in the colour of its category.
    fn line(self, line: &str, fits: &[Fit], category: Option<&'static str>, text: &mut String) {
        let start = text.len();
        for (index, (cell, fit)) in line.split(SEAM).zip(fits).enumerate() {
            text.push_str(if index > 0 { GAP_TEXT } else { "" });
            match fit.key {
                "code" | "status" | "category" => text.push_str(&self.painted(cell, color_of(category))),
                _ => text.push_str(cell),
            }
        }
        text.truncate(start + text.get(start..).unwrap_or_default().trim_end().len());
        text.push('\n');
    }

    /// `13 calls: 3 completed, 1 active, …`, set off by an empty line.
    fn tally(self, noun: &str, tallied: &Tallied, out: &mut dyn Write) -> io::Result<()> {
        let counts: Vec<_> = tallied
            .by_category()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| self.painted(&format!("{count} {name}"), color_of(Some(name))).into_owned())
            .collect();
        let colon = if counts.is_empty() { "" } else { ": " };
        writeln!(out, "\n{}{colon}{}", counted(tallied.total(), noun), counts.join(", "))
    }

    /// Everything that could not be read, and what to do about it. The one place where text is broken into lines.
    fn not_read(self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        match self.width.and_then(|width| u16::try_from(width).ok()) {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        for capture in &summary.captures {
            for skipped in &capture.skipped {
                let place = format!("{}, first in frame {}", shown(&capture.file), skipped.first_frame);
                let words = format!("{} ({place}):\n{}", shown(&skipped.text), skipped.remedy);
                let count = comfy_table::Cell::new(format!("{}x", skipped.count)).set_alignment(CellAlignment::Right);
                table.add_row([count, comfy_table::Cell::new(words)]);
            }
        }
        if table.is_empty() {
            return Ok(());
        }
        let mut text = format!("\n{}\n", self.painted("Not read", color_of(Some("attempting"))));
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        out.write_all(text.as_bytes())
    }

    fn painted<'t>(self, text: &'t str, style: Style) -> Cow<'t, str> {
        if !self.color || style.is_plain() {
            return Cow::Borrowed(text);
        }
        // The padding stays bare: a colour is for the word.
        let word = text.trim();
        let (before, after) = text.split_once(word).unwrap_or_default();
        Cow::Owned(format!("{before}{style}{word}{style:#}{after}"))
    }
}

/// Green went well, red did not; what is still open stands between.
const fn color_of(category: Option<&str>) -> Style {
    let color = match category {
        Some(name) => match name.as_bytes() {
            b"completed" => AnsiColor::Green,
            b"active" => AnsiColor::Cyan,
            b"attempting" => AnsiColor::Yellow,
            b"unsuccessful" => AnsiColor::Red,
            b"unmonitored" => AnsiColor::Magenta,
            _ => return Style::new(),
        },
        None => return Style::new(),
    };
    color.on_default()
}

/// `1 call`, `3 calls`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `office.pcap: 5120 packets, 60 SIP messages` and the time that they span, a line each.
fn captures_lines(summary: &Summary) -> String {
    let captures = &summary.captures;
    let name = match captures.as_slice() {
        [capture] => shown(&capture.file).into_owned(),
        several => counted(several.len() as u64, "capture"),
    };
    let packets = counted(captures.iter().map(|capture| capture.packets).sum(), "packet");
    let messages = counted(captures.iter().map(|capture| capture.sip_messages).sum(), "SIP message");
    let sum = |of: fn(&CaptureRow) -> Option<u64>| captures.iter().filter_map(of).sum::<u64>();
    let media = match (sum(|capture| capture.rtp_packets), sum(|capture| capture.rtcp_packets)) {
        (0, 0) => String::new(),
        (rtp, 0) => format!(", {}", counted(rtp, "RTP packet")),
        (rtp, rtcp) => format!(", {rtp} RTP and {}", counted(rtcp, "RTCP packet")),
    };
    let mut lines = format!("{name}: {packets}, {messages}{media}\n");
    if let Some((first, last, length)) = summary.span() {
        let (first, last) = (second_of(&first.to_string()), second_of(&last.to_string()));
        let same_day = first.get(..11) == last.get(..11);
        let last = if same_day { last.get(11..).unwrap_or(&last) } else { &last };
        lines.push_str(&format!("{first} to {last} UTC ({length})\n"));
    }
    lines
}

/// `2026-03-02 09:15:00` of an RFC 3339 instant.
fn second_of(at: &str) -> String {
    at.get(.."2026-03-02T09:15:00".len()).unwrap_or(at).replace('T', " ")
}

/// The widest cell of each column, its heading included, up to [`WIDEST`].
fn natural_widths(fits: &[Fit], of: &Rows, rows: &[Stored], clock: Clock) -> Vec<usize> {
    let mut widest = vec![0; fits.len()];
    for page in rows.chunks(PAGE) {
        let natural = unstyled(fits, of, page, clock).column_max_content_widths();
        for (widest, natural) in widest.iter_mut().zip(natural) {
            *widest = usize::from(natural).clamp(*widest, WIDEST);
        }
    }
    widest
}

/// The width of each column in a terminal `total` wide; `None` for one that found no room.
fn fitted_widths(fits: &[Fit], natural: &[usize], total: usize) -> Vec<Option<usize>> {
    let first: Vec<_> = fits.iter().zip(natural).map(|(fit, natural)| fit.at_first.min(*natural)).collect();
    let mut widths: Vec<_> = fits.iter().zip(&first).map(|(fit, width)| (fit.rank == 0).then_some(*width)).collect();
    let used = |widths: &[Option<usize>]| {
        let shown = widths.iter().flatten();
        shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1)
    };
    // Join while there is room: once one has to stay out, those behind it do too.
    let mut joining: Vec<_> = (0..fits.len()).filter(|index| fits[*index].rank > 0).collect();
    joining.sort_by_key(|index| fits[*index].rank);
    for index in joining {
        if used(&widths) + GAP + first[index] > total {
            break;
        }
        widths[index] = Some(first[index]);
    }
    // Squeeze the widest of those that may still give.
    while used(&widths) > total {
        let squeezable =
            (0..fits.len()).filter(|index| widths[*index].is_some_and(|width| width > fits[*index].at_least));
        let Some(index) = squeezable.max_by_key(|index| widths[*index]) else { break };
        widths[index] = widths[index].map(|width| width - 1);
    }
    // Or let the one grow that lacks most.
    while used(&widths) < total {
        let lack = |index: &usize| widths[*index].map_or(0, |width| natural[*index].saturating_sub(width));
        let Some(index) = (0..fits.len()).filter(|index| lack(index) > 0).max_by_key(lack) else { break };
        widths[index] = widths[index].map(|width| width + 1);
    }
    widths
}

/// Header and rows, each row one line, cells apart by a [`SEAM`].
fn laid_out(fits: &[Fit], of: &Rows, rows: &[Stored], clock: Clock, widths: &[usize]) -> comfy_table::Table {
    let mut table = unstyled(fits, of, rows, clock);
    let seams = ContentLineStyle { left: None, junction: Some(SEAM), right: None };
    table.load_style(TableStyle::new().header_lines(seams).content_lines(seams));
    let fixed = |width: &usize| ColumnConstraint::Absolute(Width::Fixed(u16::try_from(*width).unwrap_or(u16::MAX)));
    table.set_constraints(widths.iter().map(fixed));
    table
}

fn unstyled(fits: &[Fit], of: &Rows, rows: &[Stored], clock: Clock) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_truncation_indicator("…");
    // A delimiter that no cell holds: a cell is cut where the column ends, not at the word before.
    table.set_delimiter(SEAM);
    let one_line = |cells: Vec<comfy_table::Cell>| {
        let mut row = comfy_table::Row::from(cells);
        row.max_height(1);
        row
    };
    table.set_header(one_line(fits.iter().map(|fit| aligned(fit, comfy_table::Cell::new(fit.title))).collect()));
    for row in rows {
        let cells: Vec<_> = of.cells(row).collect();
        let leg = row.leg();
        let text = |fit: &Fit| match fit.cell {
            Some(index) => cell_text(fit, cells.get(index).copied().unwrap_or(Cell::Unknown), clock),
            None => cell_text(fit, (LEG.cell)(&leg), clock),
        };
        table.add_row(one_line(fits.iter().map(|fit| aligned(fit, comfy_table::Cell::new(text(fit)))).collect()));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
    table
}

/// Numbers stand at the right.
fn aligned(fit: &Fit, cell: comfy_table::Cell) -> comfy_table::Cell {
    match fit.shape {
        Shape::Integer | Shape::Decimal | Shape::Seconds => cell.set_alignment(CellAlignment::Right),
        _ => cell,
    }
}

fn cell_text(fit: &Fit, cell: Cell<'_>, clock: Clock) -> String {
    let text = match cell {
        Cell::Unknown => return "-".to_owned(),
        Cell::Time(at) if fit.brief => return clock.brief(&at.to_string()),
        Cell::Text(text) => shown(text).into_owned(),
        Cell::Name(name) => name.to_owned(),
        cell => shown(&cell.to_string()).into_owned(),
    };
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None if text.is_empty() => "-".to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Format;
    use crate::render::tests::{BOTH, rendered};
    use crate::report::{CallRow, Kind, samples};
    use crate::track::fact::Opened;

    fn drawn(width: Option<usize>, color: bool) -> String {
        rendered(Format::Table, Columns::all(&BOTH), width, color)
    }

    /// Characters that a terminal gives to a line.
    fn width_of(line: &str) -> usize {
        let mut table = comfy_table::Table::new();
        table.add_row([line]);
        usize::from(table.column_max_content_widths()[0])
    }

    fn calls_drawn(columns: &[&str], rows: Vec<CallRow>, width: Option<usize>) -> String {
        let columns = match columns {
            [] => Columns::all(&[Kind::Call]),
            names => Columns::choose(&[Kind::Call], names.iter().copied()).unwrap(),
        };
        let mut out = Vec::new();
        let mut table = Box::new(Table::new(Layout { columns, width, color: false, group: false }, &mut out));
        for row in rows {
            table.row(Row::Call(row)).unwrap();
        }
        table.end(&Summary::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn eighty_columns_show_who_called_whom_and_how_it_went() {
        let expected = r#"
office.pcap: 5120 packets, 60 SIP messages, 4870 RTP and 26 RTCP packets
2026-03-02 09:15:00 to 10:19:20 UTC (1:04:20)

13 calls: 1 attempting, 1 active, 3 completed, 7 unsuccessful, 1 unknown
Start     Caller         Callee         Code  Reason
────────  ─────────────  ─────────────  ────  ──────────────────────────────────
09:15:00  1001           2002           1000  answered after 4.2 s, callee hung…
09:16:01  1001           +442079460123   486  486 "Busy now" after 3.1 s of rin…
09:16:05  1001           2002           2002  no response to 7 INVITEs in 31.5 s
09:16:10  anonymous      2002            487  caller cancelled after 12.0 s of …
09:16:11  1001           2002            407  credentials refused: 407 Proxy Au…
09:16:12  1001           2002            302  302 Moved Temporarily to sip:voic…
09:16:30  1001           2002            180  ringing for 3:00 with no answer (…
09:16:40  1001           2002            999  answered after 3.0 s, never ackno…
09:16:50  evil\x1b]0     2002            503  503 "Sérvice\x1b[31m\x07 down\r\n…
09:17:00  東京支社の電…  a-very-long-…  1000  answered after 5.0 s, caller hung…
09:17:10  1001           2002           1000  joined after the INVITE: answered…
09:17:20  1001           2002           2004  answered elsewhere after 1.0 s, n…
09:17:30  -              -                 -  joined after the INVITE: the 2 me…

4 registrations: 1 active, 1 completed, 2 unsuccessful
Start     Address of record     Code  Reason
────────  ────────────────────  ────  ──────────────────────────────────────────
09:15:00  1001@pbx.example.com  1011  registered for 3600 s
09:15:05  2002@pbx.example.com   403  403 "Wrong password"
09:15:06  1001@pbx.example.com  1013  granted for 60 s, refreshed 2 times, then…
09:15:07  1001@pbx.example.com  1010  asked to register: no response in 32 s

2 RTP streams of no known call: --show streams lists them

Not read
 41x  GRE is not decoded (office.pcap, first in frame 17):
      capture inside the tunnel, or strip the encapsulation first
  1x  cut by the snap length before the part that was needed (office.pcap,
      first in frame 1204):
      capture again with a larger snap length (tcpdump -s 0)
"#;
        assert_eq!(drawn(Some(80), false), expected.trim_start());
    }

    #[test]
    fn transactions_are_counted_and_stand_with_their_hosts() {
        let expected = r#"
10006 transactions: 2 attempting, 10000 completed, 4 unsuccessful
Start     Count  Method     Source           Destination         Code  Response
────────  ─────  ─────────  ───────────────  ──────────────────  ────  ────────
09:15:00  10000  OPTIONS    192.0.2.10:5060  198.51.100.20:5060   200     20 ms
09:15:04      3  OPTIONS    192.0.2.10:5060  198.51.100.20:5060     -         -
09:15:09      1  SUBSCRIBE  192.0.2.10:5060  198.51.100.20:5060   489     20 ms
10:14:59      2  OPTIONS    -                -                      -         -"#;
        let drawn = rendered(Format::Table, Columns::all(&[Kind::Transaction]), Some(80), false);
        assert_eq!(drawn.split("\n\n").nth(1).unwrap(), expected.trim());
        let drawn = rendered(Format::Table, Columns::all(&[Kind::Transaction]), None, false);
        assert!(drawn.contains("no answer in 32 s") && drawn.contains("not answered yet"), "{drawn}");
        assert!(drawn.lines().all(|line| !line.contains('\x1b')), "{drawn}");
    }

    #[test]
    fn streams_stand_with_their_hosts_and_those_of_no_known_call_apart() {
        let expected = r#"
6 RTP streams: 4 of calls, 2 of no known call
Start         From    Source               Destination          Codec           Packets        Lost  Jitter   MOS  Frame
────────────  ──────  ───────────────────  ───────────────────  ──────────────  ───────  ──────────  ──────  ────  ─────
09:15:02.000  callee  198.51.100.20:30000  192.0.2.10:40000     opus                101           0  0.4 ms  4.41      4
09:15:04.280  callee  198.51.100.20:30000  192.0.2.10:40000     PCMU               6696           0  0.4 ms  4.41      6
09:15:04.300  caller  192.0.2.10:40000     198.51.100.20:30000  PCMU               6691  9 (0.13 %)  0.4 ms  4.41      8
09:16:43.100  caller  192.0.2.10:40000     198.51.100.20:30000  =x\x1b[31m\u{…    15596           0       -     -    225

Of no known call
Start         Source               Destination          Codec    Length  Packets            Lost  Jitter   MOS  Frame
────────────  ───────────────────  ───────────────────  ───────  ──────  ───────  ──────────────  ──────  ────  ─────
09:15:01.000  192.0.2.10:40000     198.51.100.20:30000  PCMU       3:19     9000  1000 (10.00 %)  0.4 ms  2.13      9
09:15:30.000  [2001:db8::10]:6000  [2001:db8::20]:7000  type 96   0.5 s       26               0       -     -    500"#;
        let drawn = rendered(Format::Table, Columns::all(&[Kind::Stream]), Some(120), false);
        let streams = drawn.split_once("\n\n").unwrap().1.split_once("\n\nNot read").unwrap().0;
        assert_eq!(streams, expected.trim());
        let narrow = rendered(Format::Table, Columns::all(&[Kind::Stream]), Some(80), false);
        assert!(narrow.lines().all(|line| width_of(line) <= 80), "{narrow}");
    }

    #[test]
    fn media_is_one_cell() {
        let drawn = calls_drawn(&["media", "audio"], samples::call_rows(), None);
        let cells: Vec<_> = drawn.lines().skip(5).filter(|line| !line.starts_with("-")).collect();
        assert_eq!(
            cells,
            [
                "6691/6797 PCMU, lost 9/0, MOS 4.41/4.41  both",
                "15596/- =x\\x1b[31m\\u{202e}\"\\n            one_way_from_caller"
            ]
        );
    }

    #[test]
    fn a_hundred_and_twenty_columns_add_milliseconds_talk_time_and_the_frame_to_look_at() {
        let expected = r#"
13 calls: 1 attempting, 1 active, 3 completed, 7 unsuccessful, 1 unknown
Start         Caller            Callee            Code     Talk  Reason                                            Frame
────────────  ────────────────  ────────────────  ────  ───────  ────────────────────────────────────────────────  ─────
09:15:00.000  1001              2002              1000     2:14  answered after 4.2 s, callee hung up after 2:14       7
09:16:01.000  1001              +442079460123      486        -  486 "Busy now" after 3.1 s of ringing (Q.850 17…    124
09:16:05.000  1001              2002              2002        -  no response to 7 INVITEs in 31.5 s                  140
09:16:10.000  anonymous         2002               487        -  caller cancelled after 12.0 s of ringing            166
09:16:11.500  1001              2002               407        -  credentials refused: 407 Proxy Authentication R…    163
09:16:12.000  1001              2002               302        -  302 Moved Temporarily to sip:voicemail@pbx.exam…    172
09:16:30.000  1001              2002               180        -  ringing for 3:00 with no answer (timed out)         202
09:16:40.000  1001              2002               999     5:12  answered after 3.0 s, never acknowledged, still…    224
09:16:50.000  evil\x1b]0        2002               503        -  503 "Sérvice\x1b[31m\x07 down\r\nSet-Evil: \u{2…    242
09:17:00.000  東京支社の電話…   a-very-long-use…  1000  1:02:15  answered after 5.0 s, caller hung up after 1:02…    266
09:17:10.000  1001              2002              1000        -  joined after the INVITE: answered, hung up          282
09:17:20.000  1001              2002              2004        -  answered elsewhere after 1.0 s, no final respon…    302
09:17:30.000  -                 -                    -        -  joined after the INVITE: the 2 messages capture…    320"#;
        let drawn = drawn(Some(120), false);
        let calls = drawn.split("\n\n").nth(1).unwrap();
        assert_eq!(calls, expected.trim());
    }

    #[test]
    fn two_hundred_columns_and_a_pipe_show_every_column() {
        for width in [Some(200), None] {
            let drawn = drawn(width, false);
            let heads: Vec<_> = drawn.lines().filter(|line| line.starts_with("Start ")).collect();
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(heads[0]), "Start Caller Callee Code Status PDD Talk Ended by Reason Frame", "{width:?}");
            assert_eq!(
                words(heads[1]),
                "Start Address of record Contact Code Status Expires Reason Frame",
                "{width:?}"
            );
        }
        assert!(!drawn(None, false).contains('…'), "nothing is cut for a pipe");
    }

    #[test]
    fn one_row_is_one_line_that_fits_the_terminal() {
        for width in 40..=220 {
            let drawn = drawn(Some(width), false);
            let calls: Vec<_> = drawn.split("\n\n").nth(1).unwrap().lines().skip(1).collect();
            assert_eq!(calls.len(), samples::calls().len() + 2, "{width}");
            for line in calls {
                assert!(width_of(line) <= width, "{width}: {} {line}", width_of(line));
            }
        }
        for line in drawn(Some(80), false).lines() {
            assert!(width_of(line) <= 80, "{line}");
        }
        for width in 0..40 {
            drawn(Some(width), false);
        }
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        for width in [Some(80), None] {
            let all = Columns::choose(&BOTH, ["from_uri", "from_display", "sip_reason", "warning", "reason"]).unwrap();
            for text in [drawn(width, false), rendered(Format::Table, all, width, false)] {
                assert!(!text.chars().any(|c| c != '\n' && crate::render::is_hidden(c)), "{text}");
            }
        }
        let warnings = calls_drawn(&["warning"], samples::call_rows(), None);
        assert!(warnings.contains("399 gw \"line\\nbreak\""), "{warnings}");
    }

    #[test]
    fn colours_change_no_width_and_end_where_they_began() {
        let (plain, colored) = (drawn(Some(120), false), drawn(Some(120), true));
        let mut bare = String::new();
        let mut rest = colored.as_str();
        while let Some((before, after)) = rest.split_once('\x1b') {
            bare.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        bare.push_str(rest);
        assert_eq!(bare, plain);
        assert!(colored.contains("\x1b[32m1000\x1b[0m"));
        assert!(colored.contains("  \x1b[31m486\x1b[0m"), "the padding stays bare");
        for line in colored.lines().filter(|line| line.contains('\x1b')) {
            assert_eq!(line.matches("\x1b[0m").count() * 2, line.matches('\x1b').count(), "{line}");
        }
        assert!(!plain.contains('\x1b'));
    }

    #[test]
    fn calls_of_several_days_say_which_day() {
        let rows = |hours: &[i64]| -> Vec<CallRow> {
            let facts = hours.iter().zip(1..).map(|(hour, frame)| samples::invite(hour * 3_600_000, frame));
            facts.map(|fact| CallRow::new(Box::new(fact), &samples::sources())).collect()
        };
        let cases: [(&[i64], &str); 3] = [
            (&[0, 1], "\n09:15:00  "),
            (&[0, 24, 25], "\n03-02 09:15:00  "),
            (&[0, 24, 9000], "\n2026-03-02 09:15:00  "),
        ];
        for (hours, expected) in cases {
            let drawn = calls_drawn(&[], rows(hours), Some(80));
            assert!(drawn.contains(expected), "{drawn}");
        }
        let chosen = calls_drawn(&["start"], rows(&[0]), Some(80));
        assert!(chosen.contains("\n2026-03-02T09:15:00.000000Z\n"), "{chosen}");
    }

    #[test]
    fn pages_share_their_widths_and_one_header() {
        let mut rows: Vec<_> = (0..2_500)
            .map(|index| {
                CallRow::new(Box::new(samples::invite(index, u64::try_from(index).unwrap() + 1)), &samples::sources())
            })
            .collect();
        let mut long = samples::invite(3_000, 3_000);
        long.opening = long.opening.with(|of| Opened { to_uri: b"sip:the-longest-name-of-them-all@example.com", ..of });
        rows.push(CallRow::new(Box::new(long), &samples::sources()));
        let drawn = calls_drawn(&["to_uri", "code"], rows, None);
        let lines: Vec<_> = drawn.lines().skip_while(|line| !line.starts_with("To ")).collect();
        assert_eq!(lines.len(), 2_501 + 2);
        assert!(lines.iter().all(|line| width_of(line) == width_of(lines[0])), "one width");
        assert_eq!(drawn.matches("Code").count(), 1);
    }

    #[test]
    fn a_strangers_book_does_not_pad_every_line() {
        let mut fact = samples::invite(0, 1);
        let user_agent = "長い".repeat(50_000);
        fact.opening = fact.opening.with(|of| Opened { user_agent: user_agent.as_bytes(), ..of });
        let drawn = calls_drawn(&["user_agent", "code"], vec![CallRow::new(Box::new(fact), &samples::sources())], None);
        assert!(drawn.lines().all(|line| width_of(line) <= WIDEST + GAP + 4), "{drawn}");
        assert!(drawn.contains('…'));
    }

    #[test]
    fn a_run_without_calls_says_so() {
        assert_eq!(calls_drawn(&[], Vec::new(), Some(80)), "0 captures: 0 packets, 0 SIP messages\n\n0 calls\n");
    }

    #[test]
    fn several_captures_are_one_span_and_name_the_file_of_each_frame() {
        let mut summary = samples::summary();
        let mut second = summary.captures[0].clone();
        second.file = "night.pcap".to_owned();
        second.last = Some(samples::at(86_400_000));
        second.skipped.clear();
        summary.captures.push(second);
        let lines = captures_lines(&summary);
        assert_eq!(
            lines,
            "2 captures: 10240 packets, 120 SIP messages, 9740 RTP and 52 RTCP packets\n2026-03-02 09:15:00 to 2026-03-03 09:15:00 UTC (24:00:00)\n"
        );
        let mut out = Vec::new();
        let layout = Layout { columns: Columns::all(&[Kind::Call]), width: None, color: false, group: false };
        let mut table = Box::new(Table::new(layout, &mut out));
        samples::rows().into_iter().try_for_each(|row| table.row(row)).unwrap();
        table.end(&summary).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("Frame  File\n"));
    }
}

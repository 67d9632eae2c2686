//! Why a call has its code, for a person: the rows of the Call-IDs asked for, then each of their messages with its rule.
//! Knows nothing of the rules; one message is one line where the terminal is wide enough.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, presets};

use crate::render::table::Table;
use crate::render::{Layout, Render, shown};
use crate::report::{Columns, Kind, Row, Summary, Totals, explain};

/// Keeps the rows of some Call-IDs, tells how they came about at the end.
pub(super) struct Explained<'a> {
    call_ids: Vec<String>,
    layout: Layout,
    rows: Vec<Row>,
    out: &'a mut (dyn Write + Send),
}

impl<'a> Explained<'a> {
    pub(super) fn new(call_ids: Vec<String>, layout: Layout, out: &'a mut (dyn Write + Send)) -> Self {
        Self { call_ids, layout, rows: Vec::new(), out }
    }
}

impl Render for Explained<'_> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        if self.call_ids.iter().any(|call_id| explain::is_of(&row, call_id)) {
            self.rows.push(row);
        }
        Ok(())
    }

    fn end(self: Box<Self>, summary: &Summary) -> io::Result<()> {
        let Self { mut layout, rows, out, .. } = *self;
        let mut totals = Totals::default();
        rows.iter().for_each(|row| totals.count(row));
        let kinds: Vec<_> = [Kind::Call, Kind::Registration]
            .into_iter()
            .filter(|kind| rows.iter().any(|row| row.kind() == *kind))
            .collect();
        if !layout.columns.are_chosen() {
            layout.columns = Columns::all(&kinds);
        }
        let width = layout.width;
        let mut table = Box::new(Table::new(layout, &mut *out));
        rows.iter().try_for_each(|row| table.row(row.clone()))?;
        table.end(&Summary { totals, ..summary.clone() })?;

        for explanation in summary.explanations.iter().filter(|explanation| !explanation.notes.is_empty()) {
            let own: Vec<Row> = rows.iter().filter(|row| explain::is_of(row, &explanation.call_id)).cloned().collect();
            let lines = explain::lines(explanation, &own, &summary.sources);
            writeln!(out, "\n{}", shown(&explanation.call_id))?;
            drawn(&lines, summary.captures.len() > 1, width, out)?;
            if explanation.left_out > 0 {
                writeln!(out, "and {} messages more", explanation.left_out)?;
            }
            if own.is_empty() {
                writeln!(out, "no call and no registration came of it")?;
            }
            for row in &own {
                let told = [explain::ending(row), explain::heard(row)];
                told.into_iter().flatten().try_for_each(|line| writeln!(out, "{}", shown(&line)))?;
            }
        }
        out.flush()
    }
}

/// The lines in columns.
fn drawn(lines: &[explain::Line], several: bool, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    match width.and_then(|width| u16::try_from(width).ok()) {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let date = |line: &explain::Line| line.time.to_string().get(..11).map(str::to_owned);
    let same_day = lines.windows(2).all(|pair| matches!(pair, [one, other] if date(one) == date(other)));
    for line in lines {
        let time = line.time.to_string();
        let time = time.get(if same_day { 11 } else { 0 }..).unwrap_or(&time);
        let frame = match line.frame {
            Some(frame) if several => format!("{} frame {frame}", shown(&line.file)),
            Some(frame) => format!("frame {frame}"),
            None => String::new(),
        };
        let time = time.trim_end_matches('Z').replace('T', " ");
        table.add_row([
            time,
            frame,
            line.way.clone(),
            shown(&line.what).into_owned(),
            line.code.clone(),
            line.why.clone(),
        ]);
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
    out.write_all(text.as_bytes())
}

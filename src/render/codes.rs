//! Entries of the catalogue as a table, as JSON or as CSV. Knows the catalogue and no capture.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::codes::Entry;

/// How to print entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns for people.
    Table,
    /// An array of objects.
    Json,
    /// RFC 4180 with a header line.
    Csv,
}

/// The fields in their order, in JSON and in CSV; a contract.
const FIELDS: [&str; 8] = ["code", "name", "vqmanager_name", "class", "category", "meaning", "reference", "q850"];

/// Writes entries in the order given. `width` is the terminal's, in columns: a table folds its text to fit; without one
/// every entry is a line.
pub fn render(format: Format, width: Option<u16>, entries: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => table(width, entries, out),
        Format::Json => json(entries, out),
        Format::Csv => csv(entries, out),
    }
}

fn table(width: Option<u16>, entries: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["Code", "Name", "Category", "Q.850", "Meaning", "Reference"]);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for entry in entries {
        // VQManager's spelling is what its users search for; where it differs, both are told.
        let name = match entry.vqmanager_name {
            Some(other) => format!("{} (VQManager: {other})", entry.name),
            None => entry.name.to_owned(),
        };
        table.add_row([
            entry.code.to_string(),
            name,
            entry.category.name().to_owned(),
            entry.q850.map_or_else(|| "-".to_owned(), |cause| cause.to_string()),
            entry.meaning.to_owned(),
            entry.reference.to_owned(),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        // Columns stand apart by two blanks, without one before the first and after the last.
        column.set_padding((0, if index < 5 { 2 } else { 0 }));
        if [0, 3].contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn json(entries: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    let records: Vec<_> = entries
        .iter()
        .map(|entry| {
            serde_json::json!({
                "code": entry.code.get(),
                "name": entry.name,
                "vqmanager_name": entry.vqmanager_name,
                "class": entry.class.name(),
                "category": entry.category.name(),
                "meaning": entry.meaning,
                "reference": entry.reference,
                "q850": entry.q850,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &records)?;
    writeln!(out)
}

fn csv(entries: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    // To memory first: csv's own error hides what kind an error of the writer was, and a closed pipe is none.
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    csv.write_record(FIELDS)?;
    for entry in entries {
        csv.write_record([
            entry.code.to_string().as_str(),
            entry.name,
            entry.vqmanager_name.unwrap_or_default(),
            entry.class.name(),
            entry.category.name(),
            entry.meaning,
            entry.reference,
            entry.q850.map(|cause| cause.to_string()).unwrap_or_default().as_str(),
        ])?;
    }
    out.write_all(&csv.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{CATALOGUE, Code};

    fn printed(format: Format, width: Option<u16>, entries: &[&Entry]) -> String {
        let mut out = Vec::new();
        render(format, width, entries, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn entries(numbers: &[u16]) -> Vec<&'static Entry> {
        numbers.iter().map(|number| Code::new(*number).entry().unwrap()).collect()
    }

    #[test]
    fn each_format_tells_the_codes_asked_for_in_their_order() {
        let asked = entries(&[8100, 486]);
        let table = printed(Format::Table, None, &asked);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 3, "a line each without a width:\n{table}");
        assert!(lines[1].starts_with("8100  Media Transmission Stopped"), "{table}");
        assert!(lines[2].starts_with(" 486  Busy Here"), "{table}");

        let json: serde_json::Value = serde_json::from_str(&printed(Format::Json, None, &asked)).unwrap();
        assert_eq!(json[0]["code"], 8100);
        assert_eq!(json[0]["q850"], serde_json::Value::Null, "unknown is null");
        assert_eq!(json[1]["class"], "client error");
        let keys: Vec<_> = json[1].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, FIELDS);

        let csv = printed(Format::Csv, None, &asked);
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(rows.headers().unwrap(), FIELDS.as_slice());
        let codes: Vec<_> = rows.records().map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(codes, ["8100", "486"]);
    }

    #[test]
    fn the_whole_catalogue_fits_a_terminal() {
        let all: Vec<_> = CATALOGUE.iter().collect();
        for width in [80, 132] {
            for line in printed(Format::Table, Some(width), &all).lines() {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
            }
        }
        assert_eq!(printed(Format::Csv, None, &all).lines().count(), all.len() + 1);
    }

    #[test]
    fn nothing_asked_for_is_an_empty_answer_and_not_an_error() {
        assert_eq!(printed(Format::Json, None, &[]), "[]\n");
        assert_eq!(printed(Format::Csv, None, &[]).lines().count(), 1);
    }
}

//! Ink: rows become the bytes of a table, CSV, JSON or NDJSON. Knows nothing of how a row came to be, and asks its
//! columns for everything that it prints.

pub mod codes;
mod csv;
mod explain;
mod ink;
mod json;
mod table;
mod waiting;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::report::{Columns, Row, Summary};
use crate::time::Timestamp;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One table for spreadsheets and databases: one kind of row.
    Csv,
    /// One document.
    Json,
    /// One record a line, each written as it closes.
    Ndjson,
}

/// What the output looks like beside its format.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Which kinds are shown and which of their columns. CSV holds one kind: the first of those shown.
    pub columns: Columns,
    /// Characters in a line of the terminal; `None` where it is none, and nothing is cut then. Tables only.
    pub width: Option<usize>,
    /// Whether colours are wanted. Tables only.
    pub color: bool,
    /// Whether the legs of one call stand together rather than each at its start. NDJSON knows no order.
    pub group: bool,
}

/// Takes rows one by one, then the end; in whatever thread. Every error is the writer's; a broken pipe is the caller's to judge.
pub trait Render: Send {
    /// Takes one more row. Only NDJSON writes it at once: the others are sorted by start, CSV as soon as its place is
    /// sure.
    ///
    /// # Errors
    /// What the writer refuses.
    fn row(&mut self, row: Row) -> io::Result<()>;

    /// No call that is still to come begins before this, but for one that is told too late. What waits only for its
    /// place in the order may be written.
    ///
    /// # Errors
    /// What the writer refuses.
    fn passed(&mut self, _until: Timestamp) -> io::Result<()> {
        Ok(())
    }

    /// Writes whatever is left, and flushes.
    ///
    /// # Errors
    /// What the writer refuses.
    fn end(self: Box<Self>, summary: &Summary) -> io::Result<()>;
}

/// The renderer of a format. Writes are few and large, so `out` needs no buffer of its own.
#[must_use]
pub fn renderer<'a>(format: Format, layout: Layout, out: &'a mut (dyn Write + Send)) -> Box<dyn Render + 'a> {
    match format {
        Format::Table => Box::new(table::Table::new(layout, out)),
        Format::Csv => Box::new(csv::Csv::new(layout.columns, layout.group, out)),
        Format::Json => Box::new(json::Document::new(layout.columns, layout.group, out)),
        Format::Ndjson => Box::new(json::Lines::new(&layout.columns, out)),
    }
}

/// The renderer of a table of these Call-IDs alone, with what became of each of their messages and why.
#[must_use]
pub fn explained<'a>(call_ids: Vec<String>, layout: Layout, out: &'a mut (dyn Write + Send)) -> Box<dyn Render + 'a> {
    Box::new(explain::Explained::new(call_ids, layout, out))
}

/// Whether a character must not reach a terminal as it is: controls, and what turns, hides or joins text unseen.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        // soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel separator
        | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
        // zero width, directional marks; line and paragraph separators, embeddings; joiners, isolates; BOM
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        // interlinear annotations, tags
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether all of it is printable ASCII but for these two characters: of that nothing is hidden. Nearly every text of
/// nearly every capture, and told sixteen bytes at a time.
#[inline(never)]
fn is_plain_without<const ONE: u8, const OTHER: u8>(text: &str) -> bool {
    // Without a branch, so that sixteen are compared at once.
    let is_plain = |byte: u8| (byte.wrapping_sub(0x20) < 0x5f) & (byte != ONE) & (byte != OTHER);
    let plain = |bytes: &[u8; 16]| bytes.iter().fold(true, |plain, byte| plain & is_plain(*byte));
    let bytes = text.as_bytes();
    if let Some(last) = bytes.last_chunk::<16>() {
        // What is left of the last whole chunk is looked at twice rather than byte by byte.
        bytes.as_chunks::<16>().0.iter().fold(plain(last), |all, bytes| all & plain(bytes))
    } else if let (Some([a, b, c, d, e, f, g, h]), Some([i, j, k, l, m, n, o, p])) =
        (bytes.first_chunk::<8>(), bytes.last_chunk::<8>())
    {
        plain(&[*a, *b, *c, *d, *e, *f, *g, *h, *i, *j, *k, *l, *m, *n, *o, *p])
    } else {
        bytes.iter().all(|byte| is_plain(*byte))
    }
}

/// A stranger's text made fit for a terminal: hidden characters are spelled out (`\x1b`, `\u{202e}`). For tables, and
/// for every message on standard error that quotes a capture.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if is_plain_without::<0, 0>(text) || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut fit = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '\n' => fit.write_str("\\n"),
            '\r' => fit.write_str("\\r"),
            '\t' => fit.write_str("\\t"),
            '\0'..='\x7f' if is_hidden(c) => write!(fit, "\\x{:02x}", u32::from(c)),
            _ if is_hidden(c) => write!(fit, "\\u{{{:x}}}", u32::from(c)),
            _ => fit.write_char(c),
        };
    }
    Cow::Owned(fit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Kind, samples};
    use crate::track::fact::{Digit, Fact, MediaFact, Quality, Reported};
    use proptest::prelude::*;

    /// What a format makes of the samples.
    pub(super) fn rendered(format: Format, columns: Columns, width: Option<usize>, color: bool) -> String {
        let mut out = Vec::new();
        let mut render = renderer(format, Layout { columns, width, color, group: false }, &mut out);
        for row in samples::rows() {
            render.row(row).unwrap();
        }
        render.end(&samples::summary()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_can_be_told_and_printed_in_another_thread() {
        const fn is_send<T: Send>() {}
        is_send::<crate::report::Report>();
        is_send::<Row>();
        is_send::<Box<dyn Render>>();
    }

    pub(super) const BOTH: [Kind; 2] = [Kind::Call, Kind::Registration];

    pub(super) const ALL: [Kind; 4] = Kind::ALL;

    #[test]
    fn hidden_characters_are_spelled_out() {
        let cases = [
            ("plain äöü 日本 👍🏽", "plain äöü 日本 👍🏽"),
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\0\x7f\u{85}\u{9b}31m", "\\x00\\x7f\\u{85}\\u{9b}31m"),
            ("\u{202e}txt\u{200b}\u{feff}\u{2066}", "\\u{202e}txt\\u{200b}\\u{feff}\\u{2066}"),
            ("\u{e0041}", "\\u{e0041}"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_writer_that_refuses_is_heard_in_every_format() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for format in [Format::Table, Format::Csv, Format::Json, Format::Ndjson] {
            let layout = Layout { columns: Columns::all(&ALL), width: None, color: false, group: false };
            let mut closed = Closed;
            let mut render = renderer(format, layout, &mut closed);
            let ended = samples::rows().into_iter().try_for_each(|row| render.row(row));
            let ended = ended.and_then(|()| render.end(&samples::summary()));
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe, "{format:?}");
        }
    }

    /// A call and a stream with these words in everything that a stranger may name.
    fn heard_rows(words: &str, number: f64) -> Vec<Row> {
        let mut heard = samples::heard(1, 0, 200);
        heard.codec = Some(words.into());
        heard.digits = words.chars().map(|digit| Digit { at: samples::at(0), digit }).collect();
        heard.quality = Some(Quality { r_factor: number, mos: number, basis: words.into() });
        heard.rtcp = Some(Reported { worst_loss_percent: Some(number), ..Reported::default() });
        let mut stream = samples::stream(Some(words), None, 1, heard.clone());
        stream.kind = Some(words.into());
        let mut call = samples::invite(0, 1);
        call.media = Some(Box::new(MediaFact {
            from_caller: Some(heard),
            from_callee: None,
            streams: vec![stream.clone()],
            talk: None,
            first_audio: None,
            t38: false,
        }));
        let facts = [Fact::Call(Box::new(call)), Fact::Stream(Box::new(stream))];
        facts.into_iter().map(|fact| Row::new(fact, &samples::sources())).collect()
    }

    proptest! {
        #[test]
        fn strangers_words_in_media_do_no_harm(words in any::<String>(), number in any::<f64>()) {
            for (format, kinds) in [
                (Format::Table, &Kind::ALL[..]),
                (Format::Json, &Kind::ALL),
                (Format::Ndjson, &Kind::ALL),
                (Format::Csv, &[Kind::Call]),
                (Format::Csv, &[Kind::Stream]),
            ] {
                let columns = if format == Format::Table {
                    let names = ["codec", "kind", "mos_basis", "dtmf", "call_id", "mos", "media", "rtcp"];
                    Columns::choose(kinds, names).unwrap()
                } else {
                    Columns::all(kinds)
                };
                let mut out = Vec::new();
                let mut render = renderer(format, Layout { columns, width: None, color: false, group: false }, &mut out);
                heard_rows(&words, number).into_iter().try_for_each(|row| render.row(row)).unwrap();
                render.end(&Summary::default()).unwrap();
                let text = String::from_utf8(out).unwrap();
                let hidden = text.chars().any(|c| c != '\n' && is_hidden(c));
                match format {
                    Format::Json => prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text),
                    Format::Ndjson => {
                        let parsed = |line| serde_json::from_str::<serde_json::Value>(line).is_ok();
                        prop_assert!(text.lines().all(parsed), "{}", text);
                    }
                    Format::Table | Format::Csv => {}
                }
                prop_assert!(format == Format::Csv || !hidden, "{}", text);
            }
        }

        #[test]
        fn what_is_shown_hides_nothing(text in any::<String>()) {
            prop_assert!(!shown(&text).chars().any(is_hidden));
            prop_assert_eq!(is_plain_without::<b'"', b'\\'>(&text), text.chars().all(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')));
        }
    }
}

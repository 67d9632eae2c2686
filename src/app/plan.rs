//! What was typed becomes what is done: resolved and checked, so that nothing is left to go wrong but the data.
//! Knows no packet; looks at files only to tell what they are.

use std::collections::HashSet;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use crate::capture::{Source, captures_in};
use crate::codes::{Code, Entry};
use crate::render::{self, Layout, shown};
use crate::report::column::keys;
use crate::report::{Columns, Kind};
use crate::track::Settings;

use super::cli::{Analyze, Codes, CodesFormat, Color, Format, Show};
use super::output::Output;
use super::run::Failure;

/// Something typed that cannot be done, and what to type instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misuse {
    #[error("standard input (`-`) can be read only once")]
    StdinTwice,
    #[error("standard input is a terminal; pipe a capture into it, or name a file")]
    StdinTerminal,
    #[error("CSV is one table: choose one kind with --show calls, registrations, transactions or streams")]
    CsvOfTwo,
    #[error("no column is named `{}`{near}; there are: {known}", shown(.name))]
    UnknownColumn { name: String, near: String, known: String },
    #[error("`{name}` is a column of {of} only, and --show leaves those out")]
    ColumnNotShown { name: String, of: &'static str },
    #[error("--columns names no column; there are: {0}")]
    NoColumn(String),
    #[error("NDJSON writes each call as it ends and cannot be grouped: use --group with --format table, json or csv")]
    GroupOfLines,
    #[error("--explain tells its story in words: use it with --format table")]
    ExplainInTableOnly,
    #[error("--leg-header: `{}` is no name of a header", shown(.0))]
    NoHeader(String),
    #[error("{}: is one of the captures; write the output to another file", shown(.0))]
    OutputIsCapture(String),
    #[error("{}: is also a capture, or where the output goes; name another file for --state", shown(.0))]
    StateIsOther(String),
    #[error(transparent)]
    Events(#[from] super::marks::EventsError),
}

/// What `analyze` is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The captures in the order typed.
    pub(crate) sources: Vec<Source>,
    /// Timeouts, limits and marks.
    pub(crate) settings: Settings,
    /// Key logs and private keys that open TLS.
    pub(crate) key_logs: Vec<PathBuf>,
    pub(crate) tls_keys: Vec<PathBuf>,
    /// Ports on which TLS is SIP.
    pub(crate) sip_ports: Vec<u16>,
    /// How to print.
    pub(crate) format: render::Format,
    /// Which kinds, which columns of them, and what a table may use.
    pub(crate) layout: Layout,
    /// Where to.
    pub(crate) output: Output,
    /// Whether somebody may be shown how far it is.
    pub(crate) progress: bool,
    /// Headers that hold the Call-ID of another leg, beside the known ones.
    pub(crate) leg_headers: Vec<String>,
    /// The Call-IDs to tell of, and why they have their code; none: tell of everything.
    pub(crate) explain: Vec<String>,
    /// The file that runs are continued by.
    pub(crate) state: Option<PathBuf>,
    /// Whether this run is the last.
    pub(crate) flush: bool,
    /// Whether somebody waits for each record: the packets may be coming in as we read.
    pub(crate) live: bool,
    /// How many threads may work at once, from 1; `None` leaves it to the machine.
    pub(crate) threads: Option<usize>,
}

/// What `codes` is to do.
pub(crate) struct CodesPlan {
    pub(crate) entries: Vec<&'static Entry>,
    pub(crate) format: render::codes::Format,
    pub(crate) width: Option<u16>,
}

/// What the program finds around it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Surroundings {
    /// Standard input is a terminal.
    pub(crate) stdin_is_terminal: bool,
    /// Standard error is a terminal.
    pub(crate) stderr_is_terminal: bool,
    /// Columns of the terminal that standard output is; `None` where it is none.
    pub(crate) width: Option<u16>,
    /// Colour is welcome on standard output: a terminal, and no `NO_COLOR`.
    pub(crate) color: bool,
}

impl Surroundings {
    /// As they are now.
    pub(crate) fn now() -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(|| {
            let told = terminal_size::terminal_size_of(&stdout).map(|(width, _)| width.0);
            told.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).filter(|width| *width > 0)
        });
        Self {
            stdin_is_terminal: io::stdin().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            width: width.flatten(),
            color: Color::Auto.on(&stdout),
        }
    }
}

impl Color {
    /// Whether a stream gets colour.
    pub(crate) fn on(self, stream: &impl anstream::stream::RawStream) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
        }
    }
}

impl Plan {
    /// Checks what was typed against what there is.
    pub(crate) fn new(typed: Analyze, around: &Surroundings) -> Result<Self, Misuse> {
        let format = match typed.format {
            Format::Table => render::Format::Table,
            Format::Csv => render::Format::Csv,
            Format::Json => render::Format::Json,
            Format::Ndjson => render::Format::Ndjson,
        };
        if typed.group && format == render::Format::Ndjson {
            return Err(Misuse::GroupOfLines);
        }
        if !typed.explain.is_empty() && format != render::Format::Table {
            return Err(Misuse::ExplainInTableOnly);
        }
        if let Some(name) = typed.leg_header.iter().find(|name| !is_header_name(name)) {
            return Err(Misuse::NoHeader(name.clone()));
        }
        let show = kinds(&typed.show, format)?;
        let columns = columns(&show, &typed.columns)?;
        let sources = sources(&typed.captures, typed.recursive, around)?;
        let output = match typed.output {
            None => Output::Stdout,
            Some(path) if path.as_os_str() == "-" => Output::Stdout,
            Some(path) => Output::File(path),
        };
        if let Output::File(path) = &output
            && sources.iter().any(|source| matches!(source, Source::File(capture) if is_same_file(capture, path)))
        {
            return Err(Misuse::OutputIsCapture(path.to_string_lossy().into_owned()));
        }
        if let Some(state) = &typed.state
            && (matches!(&output, Output::File(path) if path == state || is_same_file(state, path))
                || sources.iter().any(|source| matches!(source, Source::File(path) if is_same_file(path, state))))
        {
            return Err(Misuse::StateIsOther(state.to_string_lossy().into_owned()));
        }
        let to_stdout = output == Output::Stdout;
        let color = match typed.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => around.color && to_stdout,
        };
        Ok(Self {
            live: format == render::Format::Ndjson && to_stdout && sources.contains(&Source::Stdin),
            sources,
            settings: super::marks::settings(typed.states)?,
            key_logs: typed.keylog,
            tls_keys: typed.tls_key,
            sip_ports: typed.sip_port,
            format,
            layout: Layout {
                columns,
                width: around.width.filter(|_| to_stdout).map(usize::from),
                color,
                group: typed.group,
            },
            leg_headers: typed.leg_header,
            explain: typed.explain,
            state: typed.state,
            flush: typed.flush,
            output,
            threads: typed.threads,
            progress: around.stderr_is_terminal && !typed.quiet,
        })
    }
}

impl CodesPlan {
    /// Finds the entries asked for.
    pub(crate) fn new(typed: &Codes, around: &Surroundings) -> Result<Self, Failure> {
        let found = |number: &u16| Code::new(*number).entry();
        let missing: Vec<_> = typed.codes.iter().filter(|number| found(number).is_none()).map(u16::to_string).collect();
        if !missing.is_empty() {
            return Err(Failure::UnknownCodes(missing.join(", ")));
        }
        let entries = match typed.codes.as_slice() {
            [] => crate::codes::CATALOGUE.iter().collect(),
            asked => asked.iter().filter_map(found).collect(),
        };
        let format = match typed.format {
            CodesFormat::Table => render::codes::Format::Table,
            CodesFormat::Json => render::codes::Format::Json,
            CodesFormat::Csv => render::codes::Format::Csv,
        };
        Ok(Self { entries, format, width: around.width })
    }
}

/// A token (RFC 3261 25.1).
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte))
}

/// The kinds asked for, each once, in the order in which they are told.
fn kinds(typed: &[Show], format: render::Format) -> Result<Vec<Kind>, Misuse> {
    let csv = format == render::Format::Csv;
    let asks = |show| typed.contains(&show) || typed.contains(&Show::All);
    let kinds: Vec<_> = match typed {
        [] if csv => vec![Kind::Call],
        [] => vec![Kind::Call, Kind::Registration],
        _ => [
            (Show::Calls, Kind::Call),
            (Show::Registrations, Kind::Registration),
            (Show::Transactions, Kind::Transaction),
            (Show::Streams, Kind::Stream),
        ]
        .into_iter()
        .filter_map(|(show, kind)| asks(show).then_some(kind))
        .collect(),
    };
    if csv && kinds.len() > 1 { Err(Misuse::CsvOfTwo) } else { Ok(kinds) }
}

fn columns(show: &[Kind], typed: &[String]) -> Result<Columns, Misuse> {
    if typed.is_empty() {
        return Ok(Columns::all(show));
    }
    let known = || keys(show);
    let names = || typed.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    if let Some(name) = names().find(|name| !known().contains(name)) {
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| keys(&[*kind]).contains(&name)) {
            return Err(Misuse::ColumnNotShown { name: name.to_owned(), of: kind.plural() });
        }
        let near = nearest(name, &known()).map(|near| format!(", perhaps `{near}` is meant")).unwrap_or_default();
        return Err(Misuse::UnknownColumn { name: name.to_owned(), near, known: known().join(", ") });
    }
    Columns::choose(show, names()).map_err(|_| Misuse::NoColumn(known().join(", ")))
}

fn sources(typed: &[PathBuf], recursive: bool, around: &Surroundings) -> Result<Vec<Source>, Misuse> {
    let mut sources = Vec::with_capacity(typed.len());
    // What is named by itself is not read once more because it lies in a folder that is named, too.
    let mut known: HashSet<PathBuf> =
        typed.iter().filter(|path| !path.is_dir()).filter_map(|path| fs::canonicalize(path).ok()).collect();
    for path in typed {
        if path.as_os_str() != "-" {
            if path.is_dir() {
                sources.extend(captures_in(path, recursive, &mut known));
            } else {
                sources.push(Source::File(path.clone()));
            }
        } else if sources.contains(&Source::Stdin) {
            return Err(Misuse::StdinTwice);
        } else if around.stdin_is_terminal {
            return Err(Misuse::StdinTerminal);
        } else {
            sources.push(Source::Stdin);
        }
    }
    Ok(sources)
}

/// Whether two names lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    // A hard link has another path: on Unix the file's own number tells.
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
        use std::os::unix::fs::MetadataExt;
        return one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

/// The known name that a mistyped one is nearest to, where it is near enough to be meant.
fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace('-', "_");
    let (steps, name) = known.iter().map(|name| (distance(&typed, name), *name)).min_by_key(|(steps, _)| *steps)?;
    // A third of the name may be wrong; beyond that it is a guess.
    if steps <= (name.len() / 3).max(1) {
        return Some(name);
    }
    known.iter().find(|name| typed.len() > 2 && name.starts_with(&typed)).copied()
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (at, letter) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for (to, wanted) in other.iter().enumerate() {
            let mut steps = (row[to] + usize::from(letter != *wanted)).min(row[to + 1] + 1).min(next[to] + 1);
            if to > 0 && last == Some(*wanted) && other[to - 1] == letter {
                steps = steps.min(before[to - 1] + 1);
            }
            next.push(steps);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::super::cli::States;
    use super::*;

    fn typed(captures: &[&str]) -> Analyze {
        Analyze {
            keylog: Vec::new(),
            tls_key: Vec::new(),
            sip_port: Vec::new(),
            captures: captures.iter().map(PathBuf::from).collect(),
            recursive: false,
            format: Format::Table,
            output: None,
            columns: Vec::new(),
            show: Vec::new(),
            color: Color::Auto,
            quiet: false,
            threads: None,
            states: States::default(),
            state: None,
            flush: false,
            group: false,
            leg_header: Vec::new(),
            explain: Vec::new(),
        }
    }

    #[test]
    fn what_is_shown_follows_the_format() {
        use render::Format as Print;
        type Case = (&'static [Show], Print, Option<&'static [Kind]>);
        let cases: &[Case] = &[
            (&[], Print::Table, Some(&[Kind::Call, Kind::Registration])),
            (&[], Print::Csv, Some(&[Kind::Call])),
            (&[Show::Registrations], Print::Csv, Some(&[Kind::Registration])),
            (&[Show::Registrations, Show::Calls], Print::Json, Some(&[Kind::Call, Kind::Registration])),
            (&[Show::Calls, Show::Calls], Print::Csv, Some(&[Kind::Call])),
            (&[Show::All], Print::Ndjson, Some(&Kind::ALL)),
            (&[Show::Streams], Print::Csv, Some(&[Kind::Stream])),
            (&[Show::Streams, Show::Calls], Print::Csv, None),
            (&[Show::Transactions], Print::Csv, Some(&[Kind::Transaction])),
            (&[Show::Transactions, Show::Calls], Print::Csv, None),
            (&[Show::All], Print::Csv, None),
            (&[Show::Calls, Show::Registrations], Print::Csv, None),
        ];
        for (typed, format, expected) in cases {
            assert_eq!(kinds(typed, *format).ok().as_deref(), *expected, "{typed:?} as {format:?}");
        }
    }

    #[test]
    fn a_column_that_is_not_there_is_told_with_the_nearest_one() {
        let ask = |show: &[Kind], names: &[&str]| {
            columns(show, &names.iter().map(ToString::to_string).collect::<Vec<_>>()).map(|_| ())
        };
        let both = [Kind::Call, Kind::Registration];
        assert_eq!(ask(&both, &["code", " aor"]), Ok(()));
        let said = ask(&both, &["statsu"]).unwrap_err().to_string();
        assert!(said.contains("`statsu`, perhaps `status` is meant; there are: call_id, code,"), "{said}");
        assert!(!ask(&both, &["bananas"]).unwrap_err().to_string().contains("perhaps"));
        let said = ask(&[Kind::Call], &["aor"]).unwrap_err();
        assert_eq!(said, Misuse::ColumnNotShown { name: "aor".to_owned(), of: "registrations" });
        let said = ask(&both, &["response_max_s"]).unwrap_err();
        assert_eq!(said, Misuse::ColumnNotShown { name: "response_max_s".to_owned(), of: "transactions" });
        assert_eq!(ask(&[Kind::Transaction], &["method", "code"]), Ok(()));
        assert!(matches!(ask(&both, &["", " "]), Err(Misuse::NoColumn(_))));
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not_guessed() {
        let known = ["call_id", "code", "status", "from_uri", "duration_s"];
        let cases = [
            ("callid", Some("call_id")),
            ("call-id", Some("call_id")),
            ("Code", Some("code")),
            ("cdoe", Some("code")),
            ("dura", Some("duration_s")),
            ("duration", Some("duration_s")),
            ("xyz", None),
            ("", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, &known), expected, "{typed}");
        }
        let cases = [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("kitten", "sitting", 3)];
        for (one, other, expected) in cases {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn legs_are_grouped_where_there_is_an_order() {
        let plan = |format, group, leg_header: &[&str]| {
            let leg_header = leg_header.iter().map(ToString::to_string).collect();
            Plan::new(Analyze { format, group, leg_header, ..typed(&["a.pcap"]) }, &Surroundings::default())
        };
        for format in [Format::Table, Format::Csv, Format::Json] {
            assert!(plan(format, true, &["X-My.Leg"]).unwrap().layout.group);
        }
        assert_eq!(plan(Format::Ndjson, true, &[]).unwrap_err(), Misuse::GroupOfLines);
        assert!(plan(Format::Ndjson, false, &[]).is_ok());
        for name in ["", "X Leg", "X-Leg:", "X-Lég"] {
            assert_eq!(plan(Format::Table, false, &[name]).unwrap_err(), Misuse::NoHeader(name.to_owned()));
        }
    }

    #[test]
    fn standard_input_is_read_once_and_from_a_pipe() {
        let piped = Surroundings::default();
        let terminal = Surroundings { stdin_is_terminal: true, ..piped };
        assert!(Plan::new(typed(&["-"]), &piped).is_ok());
        assert_eq!(Plan::new(typed(&["-", "-"]), &piped).unwrap_err(), Misuse::StdinTwice);
        assert_eq!(Plan::new(typed(&["-"]), &terminal).unwrap_err(), Misuse::StdinTerminal);
    }

    #[test]
    fn colour_and_width_are_for_the_terminal_alone() {
        let terminal =
            Surroundings { stderr_is_terminal: true, width: Some(120), color: true, ..Surroundings::default() };
        let plan = |change: fn(&mut Analyze), around: &Surroundings| {
            let mut typed = typed(&["a.pcap"]);
            change(&mut typed);
            let plan = Plan::new(typed, around).unwrap();
            (plan.layout.color, plan.layout.width, plan.progress)
        };
        let pipe = Surroundings::default();
        let cases = [
            ("terminal", plan(|_| (), &terminal), (true, Some(120), true)),
            ("pipe", plan(|_| (), &pipe), (false, None, false)),
            ("always, into a pipe", plan(|typed| typed.color = Color::Always, &pipe), (true, None, false)),
            ("never", plan(|typed| typed.color = Color::Never, &terminal), (false, Some(120), true)),
            ("quiet", plan(|typed| typed.quiet = true, &terminal), (true, Some(120), false)),
            ("file", plan(|typed| typed.output = Some("o.txt".into()), &terminal), (false, None, true)),
            ("-o -", plan(|typed| typed.output = Some("-".into()), &terminal), (true, Some(120), true)),
        ];
        for (name, got, expected) in cases {
            assert_eq!(got, expected, "{name}");
        }
    }
}

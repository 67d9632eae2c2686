//! What was typed about timeouts, limits and marks, and what an events file adds, as settings for the tracker.
//! Knows the file's form, not what a mark does to a call.

use std::path::Path;

use super::cli::States;
use crate::render::shown;
use crate::time::Timestamp;
use crate::track::{Mark, Marking, Settings};

/// An events file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", shown(file))]
pub(crate) struct EventsError {
    file: String,
    problem: String,
}

/// The settings that were typed, and those of the events file.
pub(super) fn settings(typed: States) -> Result<Settings, EventsError> {
    let mut settings = Settings {
        signalling_timeout: typed.signalling_timeout,
        media_timeout: typed.media_timeout,
        restart_gap: typed.restart_gap,
        as_live: typed.as_live,
        license_limit: typed.license_limit,
        max_calls: typed.max_calls,
        max_registrations: typed.max_registrations,
        marks: Vec::new(),
        unmonitored: Vec::new(),
    };
    for text in &typed.unmonitor {
        match unmonitor(text) {
            (call_id, Some(at)) => settings.marks.push(Mark { at, what: Marking::Unmonitor(call_id) }),
            (call_id, None) => settings.unmonitored.push(call_id),
        }
    }
    let restarts =
        |times: Vec<Timestamp>, what: Marking| times.into_iter().map(move |at| Mark { at, what: what.clone() });
    settings.marks.extend(restarts(typed.server_restart, Marking::ServerRestart));
    settings.marks.extend(restarts(typed.sniffer_restart, Marking::SnifferRestart));
    if let Some(file) = &typed.events {
        settings.marks.extend(events(file)?);
    }
    Ok(settings)
}

/// `CALL-ID[@TIME]`. Call-IDs hold an `@` of their own as a rule, so only what reads as a time behind the last one is
/// taken for a time.
fn unmonitor(text: &str) -> (Box<[u8]>, Option<Timestamp>) {
    let timed = text.rsplit_once('@').and_then(|(call_id, time)| Some((call_id, Timestamp::parse(time)?)));
    match timed {
        Some((call_id, at)) => (call_id.as_bytes().into(), Some(at)),
        None => (text.as_bytes().into(), None),
    }
}

/// Reads `time,event,call_id` rows; a first row that begins with `time` is the header.
fn events(file: &Path) -> Result<Vec<Mark>, EventsError> {
    let error = |problem: String| EventsError { file: file.to_string_lossy().into_owned(), problem };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(|problem| error(format!("cannot be read: {problem}; check the name")))?;
    let mut marks = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(marks),
            Ok(true) => {}
            Err(problem) => return Err(error(format!("not CSV: {problem}"))),
        }
        let line = record.position().map_or(0, csv::Position::line);
        if marks.is_empty() && record.get(0) == Some("time") {
            continue;
        }
        marks.push(mark(&record).map_err(|problem| error(format!("line {line}: {problem}")))?);
    }
}

/// One row of an events file.
fn mark(record: &csv::StringRecord) -> Result<Mark, String> {
    let field = |index| record.get(index).unwrap_or_default();
    let (time, event, call_id) = (field(0), field(1), field(2));
    let at = Timestamp::parse(time).ok_or_else(|| {
        format!("`{}` is no time; write it as 2026-11-22T16:57:03Z or as seconds since the epoch", shown(time))
    })?;
    let what = match (event, call_id) {
        ("unmonitor", "") => return Err("`unmonitor` needs a Call-ID in the third column".to_owned()),
        ("unmonitor", call_id) => Marking::Unmonitor(call_id.as_bytes().into()),
        ("server-restart", "") => Marking::ServerRestart,
        ("sniffer-restart", "") => Marking::SnifferRestart,
        ("server-restart" | "sniffer-restart", _) => return Err(format!("`{event}` takes no Call-ID")),
        (event, _) => {
            let known = "`unmonitor`, `server-restart` or `sniffer-restart`";
            return Err(format!("`{}` is no event; there are {known}", shown(event)));
        }
    };
    if record.len() > 3 {
        return Err("more than the three columns `time,event,call_id`".to_owned());
    }
    Ok(Mark { at, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_may_be_followed_by_a_time() {
        let cases: &[(&str, &str, Option<i64>)] = &[
            ("abc", "abc", None),
            ("abc@192.0.2.1", "abc@192.0.2.1", None),
            ("abc@host@1700000000", "abc@host", Some(1_700_000_000)),
            ("abc@host@2023-11-14T22:13:20Z", "abc@host", Some(1_700_000_000)),
            ("abc@1700000000.5", "abc", Some(1_700_000_000)),
        ];
        for (text, call_id, seconds) in cases {
            let (got, at) = unmonitor(text);
            assert_eq!(&*got, call_id.as_bytes(), "{text}");
            assert_eq!(at.map(|at| at.nanos() / 1_000_000_000), *seconds, "{text}");
        }
    }

    #[test]
    fn rows_of_an_events_file() {
        let row = |fields: &[&str]| mark(&csv::StringRecord::from(fields.to_vec()));
        let at = Timestamp::from_millis(5000);
        assert_eq!(row(&["5", "unmonitor", "a,b"]), Ok(Mark { at, what: Marking::Unmonitor((*b"a,b").into()) }));
        assert_eq!(row(&["5", "server-restart", ""]), Ok(Mark { at, what: Marking::ServerRestart }));
        assert_eq!(row(&["5", "sniffer-restart"]), Ok(Mark { at, what: Marking::SnifferRestart }));
        let wrong: &[(&[&str], &str)] = &[
            (&["noon", "unmonitor", "a"], "`noon` is no time"),
            (&["5", "unmonitor", ""], "needs a Call-ID"),
            (&["5", "unmonitor"], "needs a Call-ID"),
            (&["5", "server-restart", "a"], "takes no Call-ID"),
            (&["5", "restart\x1b", ""], "`restart\\x1b` is no event"),
            (&["5", "unmonitor", "a", "b"], "more than the three columns"),
            (&["5"], "`` is no event"),
        ];
        for (fields, says) in wrong {
            let problem = row(fields).expect_err("refused");
            assert!(problem.contains(says), "{problem}");
        }
    }
}

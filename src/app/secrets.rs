//! The files that open TLS: key logs and private keys, read before the first packet. Knows no format of theirs.

use std::fs;
use std::path::{Path, PathBuf};

use super::run::{Failure, Messages};
use crate::render::shown;
use crate::wire::keylog::Secrets;

/// Reads the files named; lines that are no key log lines are a warning, a file that cannot be read ends the run.
pub(crate) fn read(key_logs: &[PathBuf], keys: &[PathBuf], messages: &Messages) -> Result<Secrets, Failure> {
    let mut secrets = Secrets::default();
    for path in key_logs {
        let log = fs::read(path).map_err(|error| unreadable(path, &error))?;
        let before = secrets.len();
        let unusable = secrets.read(&log);
        let name = path.to_string_lossy();
        if unusable.lines > 0 {
            let more = if unusable.lines > 1 { format!(" ({} such lines)", unusable.lines) } else { String::new() };
            messages.warning(format_args!("{}: line {} is no key log line{more}", shown(&name), unusable.first));
        }
        if unusable.beyond > 0 {
            messages.warning(format_args!(
                "{}: {} secrets too many, the first are used",
                shown(&name),
                unusable.beyond
            ));
        }
        if secrets.len() == before && !log.is_empty() {
            messages.warning(format_args!("{}: holds no secret of a TLS connection", shown(&name)));
        }
    }
    for path in keys {
        let pem = fs::read(path).map_err(|error| unreadable(path, &error))?;
        secrets.read_private_key(&String::from_utf8_lossy(&pem)).map_err(|problem| Failure::Secrets {
            name: path.to_string_lossy().into_owned(),
            problem: problem.to_owned(),
        })?;
    }
    Ok(secrets)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Secrets { name: path.to_string_lossy().into_owned(), problem: format!("cannot be read: {error}") }
}

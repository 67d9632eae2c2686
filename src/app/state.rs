//! What one run leaves to the next: the calls and registrations in progress, in a file that is checked when it is read
//! and replaced whole. Knows no call; each room says itself what of it is kept.
//!
//! The file: [`MAGIC`], then little-endian the version (4 bytes), the length of the body (8) and its CRC-32 (4), then
//! the body in postcard's format. The version says what is in the body; any change there is another version.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::output::{Output, Sink};
use super::run::Failure;
use crate::assemble::Unfinished;
use crate::report::Source;
use crate::time::Timestamp;
use crate::track::Tracker;

const MAGIC: &[u8; 15] = b"sipcodes state\n";
const VERSION: u32 = 2;
const HEADER: usize = MAGIC.len() + 4 + 8 + 4;

/// What an earlier run left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// When its last packet came; `None` where there was no earlier run.
    pub(crate) end: Option<Timestamp>,
    /// The captures of all earlier runs, which timelines still name.
    pub(crate) sources: Vec<Source>,
    /// The tracker as it was; the settings are this run's to give.
    pub(crate) tracker: Tracker,
    /// What was in the middle of being assembled.
    pub(crate) unfinished: Unfinished,
}

/// The file of `--state`, open to be replaced at the end of the run. Dropped before, it stays as it was.
pub(crate) struct State {
    path: PathBuf,
    sink: Sink,
}

/// Why a file is no state to go on with.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("is no state of sipcodes and is left as it is; name another file")]
    Foreign,
    #[error("is the state of another version of sipcodes (format {0}, this one reads {VERSION}); use that version")]
    Version(u32),
    #[error("is damaged and is left as it is; restore it, or name another file to start anew")]
    Damaged,
}

impl State {
    /// Reads what the last run left, and makes sure that this one can leave something: before any packet is read.
    pub(crate) fn open(path: &Path) -> Result<(Self, Left), Failure> {
        let failed = |problem: &dyn std::fmt::Display| Failure::State {
            name: path.to_string_lossy().into_owned(),
            problem: problem.to_string(),
        };
        let left = match File::open(path) {
            Ok(mut file) => read(&mut file).map_err(|unfit| failed(&unfit))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Left::default(),
            Err(error) => return Err(failed(&error)),
        };
        let sink = Output::File(path.to_owned()).open(false).map_err(|error| failed(&error))?;
        Ok((Self { path: path.to_owned(), sink }, left))
    }

    /// Puts what this run leaves in the place of what it found.
    pub(crate) fn save(
        mut self,
        end: Timestamp,
        sources: &[Source],
        tracker: &Tracker,
        unfinished: &Unfinished,
    ) -> Result<(), Failure> {
        let body = postcard::to_allocvec(&(end, sources, tracker, unfinished)).map_err(io::Error::other);
        let saved = body.and_then(|body| {
            self.sink.write_all(&header(&body))?;
            self.sink.write_all(&body)?;
            self.sink.finish_durably()
        });
        saved.map_err(|error| Failure::State {
            name: self.path.to_string_lossy().into_owned(),
            problem: error.to_string(),
        })
    }

    /// Nothing is left: the next run starts anew.
    pub(crate) fn remove(self) -> Result<(), Failure> {
        let Self { path, sink } = self;
        drop(sink);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::State { name: path.to_string_lossy().into_owned(), problem: error.to_string() })
            }
            _ => Ok(()),
        }
    }
}

fn header(body: &[u8]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend((body.len() as u64).to_le_bytes());
    header.extend(crc32fast::hash(body).to_le_bytes());
    header
}

fn read(file: &mut impl Read) -> Result<Left, Unfit> {
    // Whatever else was named by mistake may be long: its first bytes are enough to tell.
    let mut head = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut head)?;
    let Some(rest) = head.strip_prefix(MAGIC) else {
        // Cut within the magic, but not empty, it may still have been one.
        return Err(if !head.is_empty() && MAGIC.starts_with(&head) { Unfit::Damaged } else { Unfit::Foreign });
    };
    let (version, rest) = rest.split_first_chunk().ok_or(Unfit::Damaged)?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(Unfit::Version(version));
    }
    let (len, rest) = rest.split_first_chunk().ok_or(Unfit::Damaged)?;
    let (crc, _) = rest.split_first_chunk().ok_or(Unfit::Damaged)?;
    let (len, crc) = (u64::from_le_bytes(*len), u32::from_le_bytes(*crc));
    let mut body = Vec::new();
    file.take(len.saturating_add(1)).read_to_end(&mut body)?;
    if body.len() as u64 != len || crc32fast::hash(&body) != crc {
        return Err(Unfit::Damaged);
    }
    let (end, sources, tracker, unfinished) = postcard::from_bytes(&body).map_err(|_| Unfit::Damaged)?;
    Ok(Left { end: Some(end), sources, tracker, unfinished })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> Vec<u8> {
        let nothing: (_, &[Source], _, _) = (Timestamp::from_millis(7), &[], Tracker::new(), Unfinished::default());
        let body = postcard::to_allocvec(&nothing).unwrap();
        [header(&body), body].concat()
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let good = saved();
        assert_eq!(read(&mut &good[..]).unwrap().end, Some(Timestamp::from_millis(7)));
        for len in 0..good.len() {
            assert!(read(&mut &good[..len]).is_err(), "cut at {len}");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&mut &bad[..]).is_err(), "damaged at {at}");
        }
        assert!(read(&mut &[&good[..], b"x"].concat()[..]).is_err());
        let mut later = good;
        later[MAGIC.len()] = 9;
        assert!(matches!(read(&mut &later[..]), Err(Unfit::Version(9))));
        assert!(matches!(read(&mut &b""[..]), Err(Unfit::Foreign)));
        assert!(matches!(read(&mut &b"\xd4\xc3\xb2\xa1"[..]), Err(Unfit::Foreign)));
    }
}

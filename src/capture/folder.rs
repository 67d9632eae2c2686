//! The captures in a folder, told by their content: names say nothing. Knows no packet, and reads no more of a file than
//! tells what it is.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::Source;
use super::merge::{GLANCE, plight};
use super::reader::Reader;

/// Names of other files that are listed where nothing was a capture.
const NAMED: usize = 3;

/// A folder without captures, or one that cannot be looked into.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Barren {
    /// The folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
    /// What the user can do.
    pub remedy: String,
}

/// What was met on the way through a folder.
#[derive(Default)]
struct Walk {
    /// Captures by their own names, and links that lead to files.
    captures: Vec<PathBuf>,
    links: Vec<PathBuf>,
    /// Folders inside that were left out.
    left_out: u64,
    /// Other files, and the names of the first of them.
    others: u64,
    names: Vec<String>,
    closed: Vec<Barren>,
}

/// The captures in the folder `path`, sorted by name; those of its folders too where `recursive`.
///
/// A capture is a file that begins like one, compressed or not, also one of a format that sipcodes only knows by name,
/// so that it is told and not passed over. Other files are passed over. Links to folders are not followed, so there is
/// no circle; a file that `known` holds by its canonical path, or that was met already, is left out: `latest.pcap` is
/// often a link to the file beside it. What is found goes to `known`.
///
/// A folder without any capture, and one that cannot be opened, become a [`Source::Barren`] that says so.
#[must_use]
pub fn captures_in(path: &Path, recursive: bool, known: &mut HashSet<PathBuf>) -> Vec<Source> {
    let mut walk = Walk::default();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        if let Err(error) = walk.look_into(&folder, recursive, &mut folders) {
            let (problem, remedy) = plight(&error);
            walk.closed.push(Barren { path: folder, problem, remedy: remedy.to_owned() });
        }
    }
    let mut found: Vec<PathBuf> = Vec::new();
    // Files go before the links to them.
    for path in walk.captures.iter().chain(&walk.links) {
        if fs::canonicalize(path).map_or(true, |canonical| known.insert(canonical)) {
            found.push(path.clone());
        }
    }
    found.sort();
    walk.closed.sort_by(|a, b| a.path.cmp(&b.path));
    if walk.captures.is_empty() && walk.links.is_empty() && walk.closed.is_empty() {
        walk.closed.push(walk.barren(path));
    }
    found.into_iter().map(Source::File).chain(walk.closed.into_iter().map(Source::Barren)).collect()
}

impl Walk {
    /// Sorts what is in one folder.
    fn look_into(&mut self, folder: &Path, recursive: bool, folders: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                if recursive {
                    folders.push(path);
                } else {
                    self.left_out += 1;
                }
            } else if kind.is_file() && may_be_capture(&path) {
                self.captures.push(path);
            } else if kind.is_symlink() && fs::metadata(&path).is_ok_and(|meta| meta.is_file()) && may_be_capture(&path)
            {
                self.links.push(path);
            } else {
                // A FIFO or a device is never opened: it might make us wait for ever.
                self.others += 1;
                self.names.push(entry.file_name().to_string_lossy().into_owned());
                self.names.sort();
                self.names.truncate(NAMED);
            }
        }
        Ok(())
    }

    fn barren(&self, path: &Path) -> Barren {
        let more = if self.others > self.names.len() as u64 { ", ..." } else { "" };
        let problem = match self.others {
            0 if self.left_out == 0 => "an empty folder".to_owned(),
            0 => "no files in this folder".to_owned(),
            1 => format!("no capture in this folder, only {}", self.names.join("")),
            count => format!("no capture among the {count} files in this folder ({}{more})", self.names.join(", ")),
        };
        let remedy = match self.left_out {
            0 => "check the name".to_owned(),
            1 => "--recursive looks into the folder inside it, too".to_owned(),
            count => format!("--recursive looks into the {count} folders inside it, too"),
        };
        Barren { path: path.to_owned(), problem, remedy }
    }
}

/// Whether a file begins like a capture, or cannot be looked at: reading it will tell why.
fn may_be_capture(path: &Path) -> bool {
    File::open(path).map_or(true, |file| Reader::new(Box::new(file), GLANCE).is_capture())
}

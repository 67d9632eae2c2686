//! Where results go: standard output, or a file that appears only when it is whole. Knows no format.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// A file, by its path as typed.
    File(PathBuf),
}

/// Somewhere that results are being written to. Dropped without [`Sink::finish`], a file is left as it was before.
pub(crate) struct Sink {
    to: To,
    /// Whoever read what we write has left. Kept here, since an error on its way up may lose what kind it was.
    abandoned: bool,
}

enum To {
    Stdout(BufWriter<io::Stdout>),
    /// Standard output that somebody waits at: each write goes out as it is.
    Live(io::Stdout),
    /// What is no regular file (a device, a FIFO) cannot be replaced, only written to.
    Device(BufWriter<File>),
    File(BufWriter<File>, Part),
}

/// The file that grows beside the one that was asked for. Removed when dropped, unless it has taken its place.
struct Part {
    path: PathBuf,
    target: PathBuf,
    placed: bool,
}

impl Output {
    /// Opens it. Done before any packet is read: hours of reading for a file that cannot be written help nobody.
    /// `live`: somebody waits at standard output for each record.
    pub(crate) fn open(&self, live: bool) -> io::Result<Sink> {
        let to = match self {
            Self::Stdout if live => To::Live(io::stdout()),
            Self::Stdout => To::Stdout(BufWriter::with_capacity(1 << 16, io::stdout())),
            Self::File(path) => To::open(path)?,
        };
        Ok(Sink { to, abandoned: false })
    }

    /// How an error names it.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Stdout => Cow::Borrowed("standard output"),
            Self::File(path) => path.to_string_lossy(),
        }
    }
}

impl To {
    fn open(path: &Path) -> io::Result<Self> {
        let before = match fs::metadata(path) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(before) = &before {
            if before.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if !before.is_file() {
                return Ok(Self::Device(BufWriter::new(OpenOptions::new().write(true).open(path)?)));
            }
            if before.permissions().readonly() {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
        }
        // The file that a link points at is replaced, not the link.
        let target = if before.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
        let beside = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let file = File::create(&beside)?;
        let part = Part { path: beside, target, placed: false };
        if let Some(before) = before {
            file.set_permissions(before.permissions())?;
        }
        Ok(Self::File(BufWriter::with_capacity(1 << 16, file), part))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stdout(out) => out,
            Self::Live(out) => out,
            Self::Device(out) | Self::File(out, _) => out,
        }
    }
}

impl Sink {
    /// Whether whoever read what we write has left (`| head`). What follows would reach nobody.
    pub(crate) const fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// A file that was not there before is for nobody but its owner: secrets are to be in it. One that was there keeps
    /// the rights that it had.
    pub(crate) fn for_its_owner(&self) -> io::Result<()> {
        #[cfg(unix)]
        if let To::File(out, part) = &self.to
            && !part.target.exists()
        {
            use std::os::unix::fs::PermissionsExt;
            out.get_ref().set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(())
    }

    /// Everything has been written: hands it on, and puts the file in its place.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        if let To::File(_, part) = &mut self.to {
            fs::rename(&part.path, &part.target)?;
            part.placed = true;
        }
        Ok(())
    }

    /// As [`finish`](Self::finish), so that a crash of the machine, too, leaves the old file or the new one, whole.
    pub(crate) fn finish_durably(&mut self) -> io::Result<()> {
        self.flush()?;
        if let To::File(out, _) = &self.to {
            out.get_ref().sync_all()?;
        }
        self.finish()?;
        // The new name is on the disk only with its folder; where a system cannot sync one, that is its own affair.
        if let To::File(_, part) = &self.to
            && let Some(folder) = part.target.parent()
        {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    fn heard<T>(&mut self, answer: io::Result<T>) -> io::Result<T> {
        self.abandoned |= answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        answer
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.writer().write(bytes);
        self.heard(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.to.writer().flush();
        self.heard(flushed)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.placed {
            // Nothing can be done about a file that cannot be removed, and the reason for leaving has been told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sipcodes-output-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = folder("whole");
        let path = folder.join("calls.csv");
        let mut sink = Output::File(path.clone()).open(false).unwrap();
        sink.write_all(b"half").unwrap();
        sink.flush().unwrap();
        assert!(!path.exists(), "before it is whole");
        drop(sink);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "a part was left behind");

        let mut sink = Output::File(path.clone()).open(false).unwrap();
        sink.write_all(b"whole").unwrap();
        sink.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");

        let mut sink = Output::File(path.clone()).open(false).unwrap();
        sink.write_all(b"another").unwrap();
        drop(sink);
        assert_eq!(fs::read(&path).unwrap(), b"whole", "a run that failed leaves the old one");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_is_known_at_once() {
        let folder = folder("refused");
        assert!(Output::File(folder.clone()).open(false).is_err(), "a directory");
        assert!(Output::File(folder.join("missing").join("calls.csv")).open(false).is_err(), "in no directory");
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = folder("link");
        let (file, link) = (folder.join("real.csv"), folder.join("link.csv"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut sink = Output::File(link.clone()).open(false).unwrap();
        sink.write_all(b"new").unwrap();
        sink.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        let mut sink = Output::File(PathBuf::from("/dev/null")).open(false).unwrap();
        sink.write_all(b"gone").unwrap();
        sink.finish().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}

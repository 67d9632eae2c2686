//! Several captures as one timeline. Knows no format: of each capture only the time of its next packet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;

use super::buffer::WINDOW;
use super::reader::{Log, Reader};
use super::secrets::{KeyLogs, Secrets};
use super::skim::{Skimmed, Taker};
use super::{Barren, CaptureInfo, Source, Trouble, TroubleKind};
use crate::issue::Issues;
use crate::packet::Packet;
use crate::time::Timestamp;

/// The buffer for a look at a file's first packet, in bytes.
pub(super) const GLANCE: usize = 8 * 1024;

/// Memory for the buffers of all captures that are open at once, in bytes: many at once get smaller ones.
const MEMORY: usize = 16 * 1024 * 1024;

/// The packets of several captures in the order of time.
///
/// Captures are merged by the time of their next packets; of equal times, that of the capture given first goes first.
/// Within a capture the order is the file's, even where its clock steps back. A packet without a time of its own (a
/// simple packet of pcapng) has that of the packet before it in its file, the first one the epoch.
///
/// A regular file is open only while the timeline is inside it: hundreds of rotated files need one buffer.
pub struct Captures {
    /// The number of the first one.
    first: u32,
    slots: Vec<Slot>,
    infos: Vec<CaptureInfo>,
    /// The time of the next packet of each capture but the current one.
    waiting: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The capture whose packet was delivered last.
    current: Option<usize>,
    open: usize,
    troubles: Vec<Trouble>,
    /// Where key logs go that captures carry.
    secrets: Option<Secrets>,
    total: Option<u64>,
    /// Bytes of the captures that are done.
    done: u64,
}

enum Slot {
    /// A regular file whose time has not come.
    Due(PathBuf),
    Open(Box<Reader>),
    Done,
}

impl Captures {
    /// Prepares these captures for reading. What is wrong with one of them becomes a [`Trouble`], at the latest when
    /// [`next`](Self::next) comes to it; the others are read nonetheless. A capture named twice is read twice.
    #[must_use]
    pub fn open(sources: Vec<Source>) -> Self {
        let mut captures = Self::empty();
        let alone = sources.len() == 1;
        for source in sources {
            match source {
                Source::Stdin => captures.attach("-".to_owned(), Ok(Box::new(io::stdin()))),
                Source::File(path) => captures.prepare(path, alone),
                Source::Barren(folder) => captures.say(folder),
            }
        }
        captures
    }

    /// Reads one capture from `reader`, to be called `name` in what is said about it.
    #[must_use]
    pub fn from_reader(name: &str, reader: Box<dyn Read + Send>) -> Self {
        let mut captures = Self::empty();
        captures.attach(name.to_owned(), Ok(reader));
        captures
    }

    /// The next packet of the timeline; `None` when all captures are done.
    ///
    /// Records that cannot be used are counted in `issues`; damage goes to [`take_troubles`](Self::take_troubles).
    #[inline]
    pub fn next(&mut self, issues: &mut Issues) -> Option<Packet<'_>> {
        let chosen = self.choose(issues)?;
        self.current = Some(chosen);
        match (self.slots.get_mut(chosen), self.infos.get_mut(chosen)) {
            (Some(Slot::Open(reader)), Some(info)) => reader.deliver(self.first + chosen as u32, info),
            _ => None,
        }
    }

    /// Gives `taker` the packets of the timeline that are at hand, as many as it takes: any other is then the next. They are
    /// behind the packet delivered last, in the same capture and section.
    #[inline]
    pub fn skim(&mut self, taker: &mut impl Taker) -> Skimmed {
        let Some(current) = self.current else { return Skimmed::default() };
        let until = self.waiting.peek().map_or(Timestamp::from_nanos(i64::MAX), |Reverse((at, _))| *at);
        match (self.slots.get_mut(current), self.infos.get_mut(current)) {
            (Some(Slot::Open(reader)), Some(info)) => reader.skim(self.first + current as u32, info, until, taker),
            _ => Skimmed::default(),
        }
    }

    /// Numbers the captures on from those of earlier runs; before any packet is read.
    #[must_use]
    pub fn numbered_from(mut self, first: u32) -> Self {
        self.first = first;
        self.troubles.iter_mut().for_each(|trouble| trouble.file += first);
        self
    }

    /// What is known of each capture so far, in the order given: the index is [`Place::file`], counted from the first.
    ///
    /// [`Place::file`]: crate::packet::Place::file
    #[must_use]
    pub fn infos(&self) -> &[CaptureInfo] {
        &self.infos
    }

    /// What was wrong with the files since the last call, in the order it was met.
    #[must_use]
    pub fn take_troubles(&mut self) -> Vec<Trouble> {
        std::mem::take(&mut self.troubles)
    }

    /// The TLS key logs that captures carry from now on (pcapng, decryption secrets): each is there before the packet
    /// that stands behind it is delivered.
    pub fn secrets(&mut self) -> KeyLogs {
        let (secrets, key_logs) = Secrets::new();
        self.secrets = Some(secrets);
        key_logs
    }

    /// Bytes of the captures read so far.
    #[must_use]
    pub fn bytes_done(&self) -> u64 {
        let open = self.slots.iter().map(|slot| if let Slot::Open(reader) = slot { reader.offset() } else { 0 });
        self.done + open.sum::<u64>()
    }

    /// Bytes of all captures together; `None` where one of them is a pipe.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }

    fn empty() -> Self {
        Self {
            first: 0,
            slots: Vec::new(),
            infos: Vec::new(),
            waiting: BinaryHeap::new(),
            current: None,
            open: 0,
            troubles: Vec::new(),
            secrets: None,
            total: Some(0),
            done: 0,
        }
    }

    /// Adds a file. One that can be opened again waits, closed, for the time of its first packet.
    fn prepare(&mut self, path: PathBuf, alone: bool) {
        let name = path.display().to_string();
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => self.attach(name, Err(ErrorKind::IsADirectory.into())),
            Ok(meta) if meta.is_file() => {
                self.total = self.total.map(|total| total.saturating_add(meta.len()));
                // Whatever is wrong shows when the file is really read: its time is then as early as can be.
                let first = if alone { None } else { glance(&path) };
                self.waiting.push(Reverse((first.unwrap_or(Timestamp::from_nanos(i64::MIN)), self.slots.len())));
                self.slots.push(Slot::Due(path));
                self.infos.push(CaptureInfo { name, ..CaptureInfo::default() });
            }
            Ok(_) => {
                let file = File::open(&path).map(|file| Box::new(file) as Box<dyn Read + Send>);
                self.attach(name, file);
            }
            Err(error) => self.attach(name, Err(error)),
        }
    }

    /// Adds a folder of which there is only something to say.
    fn say(&mut self, folder: Barren) {
        let index = self.slots.len();
        self.infos.push(CaptureInfo { name: folder.path.display().to_string(), ..CaptureInfo::default() });
        self.slots.push(Slot::Done);
        self.tell(index, folder.problem, folder.remedy);
    }

    /// Adds a stream that is open already and cannot be opened again.
    fn attach(&mut self, name: String, source: io::Result<Box<dyn Read + Send>>) {
        let index = self.slots.len();
        self.infos.push(CaptureInfo { name, ..CaptureInfo::default() });
        match source {
            Ok(source) => {
                self.total = None;
                self.open += 1;
                self.waiting.push(Reverse((Timestamp::from_nanos(i64::MIN), index)));
                self.slots.push(Slot::Open(Box::new(Reader::new(source, WINDOW))));
            }
            Err(error) => {
                self.slots.push(Slot::Done);
                self.refuse(index, &error);
            }
        }
    }

    /// The capture whose packet is next; its reader has that packet at its head.
    #[inline]
    fn choose(&mut self, issues: &mut Issues) -> Option<usize> {
        loop {
            let Some(index) = self.current.take() else {
                let Reverse((_, index)) = self.waiting.pop()?;
                if matches!(self.slots.get(index), Some(Slot::Open(reader)) if reader.holds_packet()) {
                    return Some(index);
                }
                self.wake(index);
                self.current = Some(index);
                continue;
            };
            let (Some(Slot::Open(reader)), Some(info)) = (self.slots.get_mut(index), self.infos.get_mut(index)) else {
                continue;
            };
            let next = reader.step().or_else(|| {
                let (troubles, secrets) = (&mut self.troubles, self.secrets.as_ref());
                reader.advance(&mut Log { file: self.first + index as u32, info, troubles, issues, secrets })
            });
            match next {
                // The common case: the capture is alone, or still the earliest.
                Some(at) if self.waiting.peek().is_none_or(|Reverse(other)| (at, index) < *other) => {
                    return Some(index);
                }
                Some(at) => self.waiting.push(Reverse((at, index))),
                None => self.finish(index),
            }
        }
    }

    /// Opens a file whose time has come.
    #[cold]
    fn wake(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if let Slot::Due(path) = slot {
            match File::open(path) {
                Ok(file) => {
                    self.open += 1;
                    let window = (MEMORY / self.open).clamp(GLANCE, WINDOW);
                    *slot = Slot::Open(Box::new(Reader::new(Box::new(file), window)));
                }
                Err(error) => {
                    *slot = Slot::Done;
                    self.refuse(index, &error);
                }
            }
        }
    }

    /// Lets go of a capture that is done.
    #[cold]
    fn finish(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index)
            && let Slot::Open(reader) = std::mem::replace(slot, Slot::Done)
        {
            self.done = self.done.saturating_add(reader.offset());
            self.open -= 1;
        }
    }

    fn refuse(&mut self, index: usize, error: &io::Error) {
        let (problem, remedy) = plight(error);
        self.tell(index, problem, remedy.to_owned());
    }

    fn tell(&mut self, index: usize, problem: String, remedy: String) {
        self.troubles.push(Trouble {
            file: self.first + index as u32,
            name: self.infos.get(index).map_or_else(String::new, |info| info.name.clone()),
            packet: None,
            offset: 0,
            skipped: 0,
            kind: TroubleKind::Unreadable,
            problem,
            remedy,
        });
    }
}

/// What it means that something cannot be opened, and what to do.
pub(super) fn plight(error: &io::Error) -> (String, &'static str) {
    match error.kind() {
        ErrorKind::NotFound => ("no such file".to_owned(), "check the name"),
        ErrorKind::PermissionDenied => {
            ("permission denied".to_owned(), "captures of tcpdump often belong to root: sudo chmod a+r, or sudo")
        }
        ErrorKind::IsADirectory => ("is a folder".to_owned(), "name the captures inside it"),
        // EMFILE and ENFILE have no kind of their own.
        _ if cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24)) => {
            (error.to_string(), "raise the limit (ulimit -n 4096), or merge captures of the same time in steps")
        }
        _ => (format!("cannot be opened: {error}"), "check the name and the disk"),
    }
}

/// The time of a file's first packet. What else is met is forgotten: it is met again when the file is read.
fn glance(path: &PathBuf) -> Option<Timestamp> {
    let mut reader = Reader::new(Box::new(File::open(path).ok()?), GLANCE);
    let (mut info, mut troubles, mut issues) = (CaptureInfo::default(), Vec::new(), Issues::default());
    reader.advance(&mut Log { file: 0, info: &mut info, troubles: &mut troubles, issues: &mut issues, secrets: None })
}

#[cfg(test)]
mod tests {
    use super::super::build::Order::Le;
    use super::super::build::{Reading, pcap, record};
    use super::*;

    /// A folder that is gone when the test is over.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sipcodes-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, bytes: &[u8]) -> Source {
            let path = self.0.join(name);
            fs::write(&path, bytes).unwrap();
            Source::File(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn file(times: &[u32]) -> Vec<u8> {
        let mut bytes = pcap(Le, 0xa1b2_c3d4, 65_535, 1);
        times.iter().for_each(|time| bytes.extend(record(Le, [*time, 0, 4, 4], &time.to_le_bytes())));
        bytes
    }

    fn order(got: &Reading) -> Vec<(u32, u64)> {
        got.packets.iter().map(|packet| (packet.file, packet.frame)).collect()
    }

    #[test]
    fn captures_are_one_timeline() {
        type Case<'a> = (&'a str, &'a [&'a [u32]], &'a [(u32, u64)]);
        let cases: &[Case<'_>] = &[
            ("one", &[&[1, 2]], &[(0, 1), (0, 2)]),
            ("by first time, not by name", &[&[5, 6], &[1, 2]], &[(1, 1), (1, 2), (0, 1), (0, 2)]),
            ("overlapping", &[&[1, 4, 6], &[2, 5]], &[(0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]),
            ("equal times, order given", &[&[3, 3], &[3], &[3]], &[(0, 1), (0, 2), (1, 1), (2, 1)]),
            ("equal times later on", &[&[1, 3], &[2, 3]], &[(0, 1), (1, 1), (0, 2), (1, 2)]),
            ("never reordered within", &[&[5, 1, 6], &[2, 7]], &[(1, 1), (0, 1), (0, 2), (0, 3), (1, 2)]),
            ("an empty one among them", &[&[2], &[], &[1]], &[(2, 1), (0, 1)]),
        ];
        for (name, files, expected) in cases {
            let folder = Folder::new("timeline");
            let sources =
                files.iter().enumerate().map(|(n, times)| folder.write(&n.to_string(), &file(times))).collect();
            let got = Reading::of(Captures::open(sources));
            assert_eq!(order(&got), *expected, "{name}");
            assert!(got.troubles.is_empty(), "{name}: {:?}", got.troubles);
            assert_eq!(got.infos.len(), files.len());
            for packet in &got.packets {
                assert_eq!(packet.data, ((packet.nanos / 1_000_000_000) as u32).to_le_bytes(), "{name}");
            }
        }
    }

    #[test]
    fn bad_captures_among_good_ones_are_told_and_the_good_ones_read() {
        let folder = Folder::new("bad");
        let good = file(&[1, 2]);
        let sources = vec![
            folder.write("good", &good),
            Source::File(folder.0.join("missing")),
            folder.write("empty", b""),
            Source::File(folder.0.clone()),
            folder.write("packed.gz", b"\x1f\x8b\x08\0\0\0\0\0"),
            folder.write("cut", &good[..good.len() - 1]),
        ];
        let got = Reading::of(Captures::open(sources));
        assert_eq!(order(&got), [(0, 1), (5, 1), (0, 2)]);
        let mut told: Vec<_> = got.troubles.iter().map(|trouble| (trouble.file, trouble.kind)).collect();
        told.sort_by_key(|(file, _)| *file);
        let unreadable = |file| (file, TroubleKind::Unreadable);
        let cut = (5, TroubleKind::CutShort);
        assert_eq!(told, [unreadable(1), unreadable(2), unreadable(3), unreadable(4), cut]);
    }

    #[test]
    fn a_long_rotation_is_open_one_file_at_a_time() {
        let folder = Folder::new("rotation");
        let sources: Vec<_> = (0..300_u32)
            .rev()
            .map(|n| folder.write(&format!("{n:03}"), &file(&[n * 10, n * 10 + 3, n * 10 + 9])))
            .collect();
        let mut captures = Captures::open(sources);
        let total = captures.bytes_total();
        let mut issues = Issues::default();
        let (mut last, mut count, mut most) = (Timestamp::default(), 0, 0);
        while let Some(at) = captures.next(&mut issues).map(|packet| packet.at) {
            assert!(at >= last);
            (last, count, most) = (at, count + 1, most.max(captures.open));
        }
        assert_eq!((count, captures.open), (900, 0));
        assert!(most <= 2, "{most} files were open at once");
        assert_eq!(total, Some(captures.bytes_done()));
    }

    #[test]
    fn a_stream_joins_files() {
        let folder = Folder::new("stream");
        let mut captures = Captures::open(vec![folder.write("a", &file(&[1, 5])), folder.write("b", &file(&[4]))]);
        captures.attach("-".to_owned(), Ok(Box::new(io::Cursor::new(file(&[2, 3, 6])))));
        assert_eq!(captures.bytes_total(), None);
        assert_eq!(order(&Reading::of(captures)), [(0, 1), (2, 1), (2, 2), (1, 1), (0, 2), (2, 3)]);
    }

    #[test]
    fn an_info_counts_what_was_delivered_and_no_more() {
        let folder = Folder::new("info");
        let sources = vec![folder.write("a", &file(&[1, 9])), folder.write("b", &file(&[2, 3]))];
        let mut captures = Captures::open(sources);
        let mut issues = Issues::default();
        let mut seen = Vec::new();
        while captures.next(&mut issues).is_some() {
            seen.push((captures.infos()[0].packets, captures.infos()[1].packets));
        }
        assert_eq!(seen, [(1, 0), (1, 1), (1, 2), (2, 2)]);
    }
}

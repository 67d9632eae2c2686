//! What one run leaves to the next: the calls and registrations in progress and what was being assembled, in a file that
//! is checked when it is read and replaced whole. Knows no call; each room says itself what of it is kept.
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
const VERSION: u32 = 6;
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
        sink.for_its_owner().map_err(|error| failed(&error))?;
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
    use proptest::prelude::*;

    use super::*;
    use crate::assemble::Assembler;
    use crate::capture::{self, Captures};
    use crate::issue::Issues;
    use crate::packet::{LinkType, Packet, Place};
    use crate::report::Report;
    use crate::track::Settings;
    use crate::wire::keylog::Secrets;

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

    /// The packets of a capture in testdata, and what opens its TLS.
    type Tape = (Vec<(Place, Timestamp, LinkType, Vec<u8>)>, Vec<u8>);

    fn tape(name: &str) -> Tape {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
        let keys = std::fs::read(path.with_extension("keys")).unwrap_or_default();
        let mut captures = Captures::open(vec![capture::Source::File(path)]);
        let (mut issues, mut packets) = (Issues::default(), Vec::new());
        while let Some(packet) = captures.next(&mut issues) {
            packets.push((packet.place, packet.at, packet.link, packet.data.to_vec()));
        }
        (packets, keys)
    }

    /// Goes on with what is left over these packets; what is then left, and whether all of it came to its end.
    fn go_on(left: Left, (packets, keys): &Tape, range: std::ops::Range<usize>, end: bool) -> Vec<u8> {
        let Left { tracker, unfinished, .. } = left;
        let (mut secrets, mut issues) = (Secrets::default(), Issues::default());
        secrets.read(keys);
        let mut tracker = tracker.resume(Settings::default());
        let mut assembler = Assembler::new().with_secrets(secrets).resume(unfinished);
        let sources: Vec<Source> = vec![Source { name: "a".into(), digits: 6 }];
        let mut report = Report::new(sources.clone());
        for (place, at, link, data) in &packets[range] {
            let (place, at) = (*place, *at);
            let original_len = data.len() as u32;
            let packet = Packet { place, section: 0, at, link: *link, original_len, data };
            assembler.push(&packet, &mut issues, &mut |event| tracker.feed(&event));
        }
        let mut saved = Vec::new();
        if end {
            assembler.on_gap(&mut issues, &mut |event| tracker.feed(&event));
            assembler.finish(&mut issues, &mut |event| tracker.feed(&event));
            let last = packets.last().map(|(_, at, ..)| *at).unwrap_or_default();
            tracker.on_server_gap(last, last.after(std::time::Duration::from_secs(1000)));
            tracker.finish(last.after(std::time::Duration::from_secs(90_000)));
        } else {
            let end = Timestamp::default();
            saved = postcard::to_allocvec(&(end, &sources, &tracker, &assembler.unfinished())).unwrap();
        }
        while let Some(fact) = tracker.poll() {
            let _ = report.take(fact);
        }
        saved
    }

    /// States in the middle of captures, with what follows.
    fn saved_states() -> &'static [(Vec<u8>, Tape, usize)] {
        static STATES: std::sync::OnceLock<Vec<(Vec<u8>, Tape, usize)>> = std::sync::OnceLock::new();
        STATES.get_or_init(|| {
            let mut states = Vec::new();
            for name in [
                "calls.pcap",
                "registration.pcap",
                "legs.pcap",
                "transactions.pcap",
                "ip-fragments.pcap",
                "tcp-segments.pcap",
                "websocket.pcap",
                "websocket-tls.pcap",
                "tls12.pcap",
            ] {
                let (packets, keys) = tape(name);
                for part in 1..5 {
                    let cut = packets.len() * part / 5;
                    let tape = (packets.clone(), keys.clone());
                    let body = go_on(Left::default(), &tape, 0..cut, false);
                    states.push((body, tape, cut));
                }
            }
            states
        })
    }

    /// One change of the bytes of a state.
    fn change(body: &mut Vec<u8>, at: usize, how: u8, byte: u8) {
        match how {
            0 => body[at] ^= 1 << (byte % 8),
            1 => body[at] = byte,
            2 => body.insert(at, byte),
            3 => drop(body.remove(at)),
            4 => body[at] = body[at].wrapping_add(1),
            // The greatest numbers there are, in the place of a small one.
            _ => drop(body.splice(at..=at, [[0xff; 9].as_slice(), &[1]].concat())),
        }
    }

    proptest! {
        #[test]
        fn no_state_surprises_it(
            which in any::<prop::sample::Index>(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..6, any::<u8>()), 1..4),
        ) {
            let states = saved_states();
            let (body, tape, cut) = &states[which.index(states.len())];
            let mut body = body.clone();
            for (at, how, byte) in changes {
                if !body.is_empty() {
                    let at = at.index(body.len());
                    change(&mut body, at, how, byte);
                }
            }
            let file = [header(&body), body].concat();
            if let Ok(left) = read(&mut &file[..]) {
                go_on(left, tape, *cut..tape.0.len(), true);
            }
        }
    }
}

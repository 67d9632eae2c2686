//! Takes the compression off a stream of bytes: gzip, zstd, xz and lz4, recognised by content, as they come in.
//! Knows nothing of what is inside; anything else passes as it is.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use lz4_flex::frame::FrameDecoder;

/// Bytes of compressed data that are read at once.
const SUPPLY: usize = 64 * 1024;

/// Unpacked bytes asked for at once. Where a decompressor fails, it loses what it was at: so this is not more.
const STEP: usize = 32 * 1024;

/// Binary logarithm of the largest zstd window accepted: 128 MiB, all that `zstd` itself takes unless told otherwise.
const ZSTD_WINDOW: u32 = 27;

/// Memory that an xz decoder may take, in bytes: `xz -9` asks for 65 MiB, the largest dictionary that fits is 128 MiB.
const XZ_MEMORY: u64 = 130 * 1024 * 1024;

/// A way of compressing, each a sequence of members (of frames, of streams) that stand for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format 1.2.
    Xz,
    /// The LZ4 frame format 1.6.
    Lz4,
}

impl Packing {
    /// Every one there is.
    pub(super) const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Lz4];

    /// What its members begin with.
    pub(super) const fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => b"\x1f\x8b\x08",
            Self::Zstd => b"\x28\xb5\x2f\xfd",
            Self::Xz => b"\xfd7zXZ\x00",
            Self::Lz4 => b"\x04\x22\x4d\x18",
        }
    }

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        }
    }

    /// The command that unpacks it to standard output, whatever it takes.
    pub(super) const fn command(self) -> &'static str {
        match self {
            Self::Gzip => "gzip -dc",
            Self::Zstd => "zstd -dc --long=31",
            Self::Xz => "xz -dc",
            Self::Lz4 => "lz4 -dc",
        }
    }

    /// What a member begins with, at the first byte.
    fn of(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|packing| bytes.starts_with(packing.magic()))
    }
}

/// The largest number of bytes that tell a member.
const LOOK: usize = 6;

/// Whether these bytes begin a frame that zstd (RFC 8878 3.1.2) and lz4 tell to skip; `pzstd` puts one first.
fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Why a compressed stream ends before its end.
#[derive(Debug)]
pub(super) struct Flaw {
    /// It is merely cut short: what there is of it was whole.
    pub(super) cut: bool,
    /// What is wrong, as a clause.
    pub(super) problem: String,
    /// What else can be done than to copy the file again; `FILE` stands for its name.
    pub(super) way_out: Option<String>,
}

impl Flaw {
    /// The flaw that a failure to read is, where it is one and no failure of the disk.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Flaw {}

impl From<Flaw> for io::Error {
    fn from(flaw: Flaw) -> Self {
        let kind = if flaw.cut { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
        Self::new(kind, flaw)
    }
}

/// How far the reading of a stream is, told to whoever has not got the stream itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Marks>);

#[derive(Debug, Default)]
struct Marks {
    /// Compressed bytes that were taken.
    taken: AtomicU64,
    /// How the stream is packed: 1 and the index in `Packing::ALL`; 0 where it is not, or nothing was read yet.
    packing: AtomicU64,
}

impl Meter {
    /// How the stream is packed; `None` too before anything was read.
    pub(super) fn packing(&self) -> Option<Packing> {
        let index = self.0.packing.load(Relaxed).checked_sub(1)?;
        Packing::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// Bytes taken from the packed stream, as long as it is one.
    pub(super) fn taken(&self) -> u64 {
        self.0.taken.load(Relaxed)
    }

    fn set_packing(&self, packing: Packing) {
        let index = Packing::ALL.iter().position(|known| *known == packing).unwrap_or_default();
        self.0.packing.store(index as u64 + 1, Relaxed);
    }
}

/// A stream without its compression, if it has any.
pub(super) struct Unpacked {
    state: State,
    meter: Meter,
}

enum State {
    /// Nothing was read yet.
    Fresh(Supply),
    /// Not compressed.
    Plain(Supply),
    /// After a member.
    Between(Supply),
    Inside(Packing, Member),
    Done,
}

/// One member being unpacked.
enum Member {
    Gzip(Box<GzDecoder<Supply>>),
    Zstd(Box<zstd::Decoder<'static, Supply>>),
    Xz(Box<XzDecoder<Supply>>),
    Lz4(Box<FrameDecoder<Supply>>),
}

impl Unpacked {
    /// Nothing is read from `source` before somebody reads from this.
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        let meter = Meter::default();
        let supply = Supply::new(source, meter.clone());
        Self { state: State::Fresh(supply), meter }
    }

    /// Tells how far the reading is.
    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Looks at what comes next, and prepares for it. At the end of all the state is `Done`.
    fn enter(&mut self, mut supply: Supply, first: bool) -> io::Result<()> {
        loop {
            let given = supply.given;
            let ahead = supply.peek(LOOK)?;
            if let Some(packing) = Packing::of(ahead) {
                if first || self.meter.packing().is_none() {
                    self.meter.set_packing(packing);
                }
                let member = Member::new(packing, supply).map_err(|error| self.flaw(packing, error))?;
                self.state = State::Inside(packing, member);
                return Ok(());
            }
            if is_skippable(ahead) {
                // Taken for a compressed stream only where a member follows: see below.
                supply.skip_frame()?;
                continue;
            }
            if first && given == 0 {
                self.state = State::Plain(supply);
                return Ok(());
            }
            match ahead {
                [] => return Ok(()),
                // Padding of xz, and of tapes.
                [0, ..] => {
                    let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
                    supply.consume(zeros);
                }
                // Fewer bytes than tell it: the file ends inside a magic number.
                _ if Packing::ALL.iter().any(|packing| packing.magic().starts_with(ahead)) => {
                    let problem = format!("the file is cut short after {} bytes", given + ahead.len() as u64);
                    return Err(Flaw { cut: true, problem, way_out: None }.into());
                }
                _ => {
                    let name = self.meter.packing().map_or("skipped", Packing::name);
                    let problem = format!("what follows the {name} data at byte {given} of the file is none");
                    return Err(Flaw { cut: false, problem, way_out: None }.into());
                }
            }
        }
    }

    /// What an error of a decompressor means.
    fn flaw(&self, packing: Packing, error: io::Error) -> io::Error {
        // The disk's own failures pass as they are.
        if error.get_ref().is_some_and(|inner| inner.is::<Source>()) {
            return Source::unwrap(error);
        }
        let (name, at) = (packing.name(), self.meter.taken());
        let said = error.to_string();
        let way_out = |command: &str| Some(format!("unpack it into sipcodes: {command} FILE | sipcodes analyze -"));
        let memory = match error.get_ref().and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>()) {
            Some(error) => *error == liblzma::stream::Error::MemLimit,
            None => packing == Packing::Zstd && said.contains("too much memory"),
        };
        let flaw = if error.kind() == ErrorKind::UnexpectedEof {
            Flaw { cut: true, problem: format!("the {name} data is cut short at byte {at} of the file"), way_out: None }
        } else if memory {
            let problem = format!("the {name} data needs more than 128 MiB of memory to unpack");
            Flaw { cut: false, problem, way_out: way_out(packing.command()) }
        } else if said.to_lowercase().contains("dictionary") {
            let problem = format!("the {name} data needs a dictionary of its own");
            Flaw { cut: false, problem, way_out: way_out(&format!("{name} -dc -D DICTIONARY")) }
        } else {
            let problem = format!("the {name} data is damaged near byte {at} of the file ({said})");
            Flaw { cut: false, problem, way_out: None }
        };
        flaw.into()
    }
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Plain(supply) => return supply.read(into).map_err(Source::unwrap),
                State::Inside(packing, member) => {
                    let packing = *packing;
                    let step = into.len().min(STEP);
                    let read = match into.get_mut(..step) {
                        Some(into) => member.read(into),
                        None => Ok(0),
                    };
                    match read {
                        Ok(0) => {}
                        Ok(count) => return Ok(count),
                        Err(error) => {
                            self.state = State::Done;
                            return Err(self.flaw(packing, error));
                        }
                    }
                }
                State::Done => return Ok(0),
                State::Fresh(_) | State::Between(_) => {}
            }
            match std::mem::replace(&mut self.state, State::Done) {
                State::Fresh(supply) => self.enter(supply, true).map_err(Source::unwrap)?,
                State::Between(supply) => self.enter(supply, false).map_err(Source::unwrap)?,
                State::Inside(_, member) => self.state = State::Between(member.into_supply()),
                State::Plain(_) | State::Done => {}
            }
        }
    }
}

impl Member {
    fn new(packing: Packing, supply: Supply) -> io::Result<Self> {
        Ok(match packing {
            Packing::Gzip => Self::Gzip(Box::new(GzDecoder::new(supply))),
            Packing::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(supply)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW)?;
                Self::Zstd(Box::new(decoder))
            }
            Packing::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
                Self::Xz(Box::new(XzDecoder::new_stream(supply, stream)))
            }
            Packing::Lz4 => Self::Lz4(Box::new(FrameDecoder::new(supply))),
        })
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
            Self::Xz(decoder) => decoder.read(into),
            Self::Lz4(decoder) => match decoder.read(into)? {
                // The decoder takes the end of the stream for the end of the frame.
                0 if decoder.get_ref().ran_dry => Err(ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            },
        }
    }

    fn into_supply(self) -> Supply {
        match self {
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.into_inner(),
            Self::Xz(decoder) => decoder.into_inner(),
            Self::Lz4(decoder) => decoder.into_inner(),
        }
    }
}

/// A failure of the stream itself, on its way through a decompressor.
#[derive(Debug)]
struct Source(io::Error);

impl Source {
    fn wrap(error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Self(error))
    }

    /// The failure itself, where it is one.
    fn unwrap(error: io::Error) -> io::Error {
        error.downcast::<Self>().map_or_else(|other| other, |source| source.0)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Source {}

/// The stream as it comes in, with a look ahead.
struct Supply {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes that were taken.
    given: u64,
    /// More was asked for than there is.
    ran_dry: bool,
    meter: Meter,
}

impl Supply {
    fn new(source: Box<dyn Read + Send>, meter: Meter) -> Self {
        Self { source, bytes: Vec::new(), start: 0, end: 0, given: 0, ran_dry: false, meter }
    }

    fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The next `count` bytes without taking them; fewer only at the end of the stream.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.more()? == 0 {
                break;
            }
        }
        Ok(self.filled())
    }

    /// Reads behind what is at hand.
    fn more(&mut self) -> io::Result<usize> {
        if self.bytes.is_empty() {
            self.bytes = vec![0; SUPPLY];
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let count = patient(&mut self.source, room)?;
        self.end += count;
        Ok(count)
    }

    /// Steps over a skippable frame: magic, length, and as many bytes.
    fn skip_frame(&mut self) -> io::Result<()> {
        let cut = || Flaw { cut: true, problem: "a skippable frame is cut short".to_owned(), way_out: None };
        let len = match self.peek(8)? {
            [_, _, _, _, a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => return Err(cut().into()),
        };
        let mut rest = u64::from(len) + 8;
        while rest > 0 {
            let count = self.fill_buf()?.len() as u64;
            if count == 0 {
                return Err(cut().into());
            }
            let count = count.min(rest);
            self.consume(usize::try_from(count).unwrap_or_default());
            rest -= count;
        }
        Ok(())
    }
}

/// Reads, and again where a signal came in between.
fn patient(source: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Source::wrap(error)),
            Ok(count) => return Ok(count.min(into.len())),
        }
    }
}

impl Read for Supply {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && into.len() >= SUPPLY {
            // Straight to whoever asks: what is not compressed costs no copy.
            return patient(&mut self.source, into);
        }
        let have = self.fill_buf()?;
        let count = have.len().min(into.len());
        if let (Some(from), Some(to)) = (have.get(..count), into.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Supply {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.ran_dry = self.more()? == 0;
        }
        Ok(self.filled())
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.given += count as u64;
        self.meter.0.taken.store(self.given, Relaxed);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::super::TroubleKind;
    use super::super::build::Order::Le;
    use super::super::build::{Dribble, Reading, pcap, record};
    use super::*;

    /// These bytes as one member.
    pub(in super::super) fn packed(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
                encoder.include_checksum(true).unwrap();
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Lz4 => {
                let info = lz4_flex::frame::FrameInfo::new()
                    .block_size(lz4_flex::frame::BlockSize::Max64KB)
                    .block_mode(lz4_flex::frame::BlockMode::Linked)
                    .content_checksum(true);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    /// A capture in pieces, the header first: packets of some size that tell one from another and pack well.
    fn pieces(count: u8, size: usize) -> Vec<Vec<u8>> {
        let one = |n: u8| {
            let data: Vec<u8> = (0..size).map(|at| n.wrapping_mul(31) ^ (at / 3) as u8).collect();
            record(Le, [u32::from(n), 0, size as u32, size as u32], &data)
        };
        std::iter::once(pcap(Le, 0xa1b2_c3d4, 65_535, 1)).chain((1..=count).map(one)).collect()
    }

    #[test]
    fn packed_captures_are_read_as_the_plain_one() {
        let plain = pieces(60, 5_000).concat();
        let expected = Reading::of_bytes(&plain);
        assert_eq!((expected.packets.len(), expected.troubles.len()), (60, 0));
        for packing in Packing::ALL {
            let member = packed(packing, &plain);
            assert!(member.len() < plain.len() / 2);
            let members: Vec<u8> = plain.chunks(7_001).flat_map(|part| packed(packing, part)).collect();
            let skippable = [b"\x5a\x2a\x4d\x18\x05\0\0\0abcde", &member[..], b"\x50\x2a\x4d\x18\0\0\0\0"].concat();
            let padded = [&members[..], &[0; 4096]].concat();
            for (what, bytes) in
                [("one", &member), ("many", &members), ("skippable frames", &skippable), ("padded", &padded)]
            {
                for pieces in [vec![usize::MAX], vec![1], vec![1000, 3, 70_000]] {
                    let got = Reading::in_pieces(bytes, pieces.clone());
                    assert_eq!(got.packets, expected.packets, "{packing:?}, {what}, {pieces:?}");
                    assert_eq!(got.troubles, [], "{packing:?}, {what}");
                    assert_eq!(got.infos, expected.infos);
                }
            }
        }
    }

    #[test]
    fn of_a_file_cut_short_what_is_whole_is_kept() {
        let pieces = pieces(4, 30);
        for packing in Packing::ALL {
            // A member for each packet: so it is known which bytes hold which.
            let members: Vec<Vec<u8>> = pieces.iter().map(|piece| packed(packing, piece)).collect();
            let bytes = members.concat();
            let whole = Reading::of_bytes(&bytes);
            for cut in 0..bytes.len() {
                let got = Reading::of_bytes(&bytes[..cut]);
                let mut end = 0;
                let there = members.iter().take_while(|member| {
                    end += member.len();
                    end <= cut
                });
                let least = there.count().saturating_sub(1);
                assert!(got.packets.len() >= least, "{packing:?} {cut}: {} of {least}", got.packets.len());
                assert_eq!(got.packets, whole.packets[..got.packets.len()], "{packing:?} {cut}");
                assert!(got.troubles.len() <= 1, "{packing:?} {cut}: {:?}", got.troubles);
                let kinds = got.kinds();
                let read = !got.infos[0].format.is_empty();
                let fit = if read { TroubleKind::CutShort } else { TroubleKind::Unreadable };
                assert!(kinds.iter().all(|kind| *kind == fit), "{packing:?} {cut}: {:?}", got.troubles);
                // Only between two members nothing is missing that anybody could know of.
                let mut end = 0;
                let between = members.iter().any(|member| {
                    end += member.len();
                    end == cut
                });
                assert_eq!(kinds.is_empty(), between, "{packing:?} {cut}");
            }
        }
    }

    #[test]
    fn a_single_member_cut_short_gives_what_can_be_unpacked() {
        let plain = pieces(90, 900).concat();
        for packing in Packing::ALL {
            let bytes = packed(packing, &plain);
            let mut before = 0;
            for cut in (0..bytes.len()).step_by(bytes.len() / 25).chain([bytes.len() - 1]) {
                let got = Reading::of_bytes(&bytes[..cut]);
                assert!(got.packets.len() >= before, "{packing:?} {cut}");
                before = got.packets.len();
                assert_eq!(got.troubles.len(), 1);
            }
            assert_eq!(before, 90, "{packing:?}: all of it is there, only the end mark is not");
            let got = Reading::of_bytes(&bytes[..bytes.len() - 1]);
            let said = got.troubles[0].to_string();
            let expected = format!(
                "the {} data is cut short at byte {} of the file; the packets before it were read",
                packing.name(),
                bytes.len() - 1
            );
            assert!(said.contains(&expected), "{said}");
        }
    }

    #[test]
    fn damage_is_told_with_its_place_and_what_came_before_is_kept() {
        let plain = pieces(200, 900).concat();
        for packing in Packing::ALL {
            // The content of the member in the middle is damaged.
            let [first, mut second, third] = [0..60_000, 60_000..120_000, 120_000..plain.len()]
                .map(|range| packed(packing, plain.get(range).unwrap()));
            let middle = second.len() / 2;
            second[middle..middle + 8].fill(0xff);
            let got = Reading::of_bytes(&[&first[..], &second, &third].concat());
            assert!(got.packets.len() >= 65, "{packing:?}: {}", got.packets.len());
            let trouble = got.troubles.last().unwrap();
            assert_eq!(trouble.kind, TroubleKind::Damaged, "{packing:?}");
            let said = trouble.to_string();
            assert!(said.contains(&format!("the {} data is damaged near byte ", packing.name())), "{said}");
            let at: usize = said.split("near byte ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert!((first.len()..=first.len() + second.len()).contains(&at), "{packing:?}: {said}");

            let got = Reading::of_bytes(&[&first[..], b"rubbish"].concat());
            assert!(got.packets.len() >= 65, "{packing:?}");
            let said = got.troubles[0].to_string();
            let expected = format!("what follows the {} data at byte {} of the file", packing.name(), first.len());
            assert!(said.contains(&expected), "{said}");
        }
    }

    #[test]
    fn what_needs_too_much_memory_is_refused_with_the_way_out() {
        let plain = pieces(3, 100).concat();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(ZSTD_WINDOW + 1).unwrap();
        encoder.write_all(&plain).unwrap();
        let zstd = encoder.finish().unwrap();
        // The block header of xz: sizes and flags, the filter, its dictionary (36: 1 GiB), padding, CRC32.
        let mut xz = packed(Packing::Xz, &plain);
        assert_eq!(xz[12..16], [2, 0, 0x21, 1]);
        xz[16] = 36;
        let mut crc = flate2::Crc::new();
        crc.update(&xz[12..20]);
        xz[20..24].copy_from_slice(&crc.sum().to_le_bytes());
        // A frame of no bytes that names dictionary 7.
        let foreign = b"\x28\xb5\x2f\xfd\x21\x07\x00\x01\x00\x00".to_vec();
        for (bytes, problem, way_out) in [
            (zstd, "the zstd data needs more than 128 MiB", "zstd -dc --long=31 made.pcap | sipcodes analyze -"),
            (xz, "the xz data needs more than 128 MiB", "xz -dc made.pcap | sipcodes analyze -"),
            (foreign, "the zstd data needs a dictionary", "zstd -dc -D DICTIONARY made.pcap | sipcodes"),
        ] {
            let got = Reading::of_bytes(&bytes);
            assert_eq!(got.kinds(), [TroubleKind::Unreadable]);
            let said = got.troubles[0].to_string();
            assert!(said.contains(problem) && said.contains(way_out), "{said}");
        }
        let allowed = {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(ZSTD_WINDOW).unwrap();
            encoder.write_all(&plain).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(Reading::of_bytes(&allowed).packets.len(), 3);
    }

    #[test]
    fn one_layer_is_taken_off_and_the_next_one_told() {
        let plain = pieces(1, 10).concat();
        for packing in Packing::ALL {
            let twice = packed(packing, &packed(Packing::Gzip, &plain));
            let got = Reading::of_bytes(&twice);
            assert_eq!(got.kinds(), [TroubleKind::Unreadable]);
            let expected = format!("this is gzip-compressed data inside {}-compressed data", packing.name());
            assert!(got.troubles[0].problem.contains(&expected), "{}", got.troubles[0]);
            let empty = Reading::of_bytes(&packed(packing, b""));
            assert!(empty.troubles[0].problem.contains("empty, 0 bytes inside"), "{}", empty.troubles[0]);
        }
    }

    #[test]
    fn a_failure_of_the_disk_stays_one() {
        struct Broken(io::Cursor<Vec<u8>>, bool);
        impl Read for Broken {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                match self.0.read(into)? {
                    _ if self.1 && self.0.position() == 0 => Err(ErrorKind::Interrupted.into()),
                    0 => Err(io::Error::other("the disk is gone")),
                    count => Ok(count),
                }
            }
        }
        let plain = pieces(200, 900).concat();
        for packing in Packing::ALL {
            let bytes = packed(packing, &plain);
            let source = Broken(io::Cursor::new(bytes[..bytes.len() - 2].to_vec()), false);
            let got = Reading::of(super::super::Captures::from_reader("a", Box::new(source)));
            assert_eq!((got.packets.len(), got.kinds()), (200, vec![TroubleKind::Damaged]), "{packing:?}");
            assert_eq!(got.troubles[0].problem, "cannot be read further: the disk is gone", "{packing:?}");
        }
    }

    #[test]
    fn a_bomb_is_only_as_large_as_what_is_asked_of_it() {
        let zeros = vec![0; 5_000_000];
        for packing in [Packing::Gzip, Packing::Zstd] {
            let bytes = packed(packing, &zeros);
            assert!(bytes.len() < 10_000);
            let mut stream = Unpacked::new(Box::new(io::Cursor::new(bytes)));
            let (mut into, mut sum) = (vec![1; 1 << 20], 0);
            loop {
                let count = stream.read(&mut into).unwrap();
                assert!(count <= STEP && into[..count].iter().all(|byte| *byte == 0));
                sum += count;
                if count == 0 {
                    break;
                }
            }
            assert_eq!(sum, zeros.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn no_bytes_do_harm(
            which in 0..4_usize,
            size in 1..90_000_usize,
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<u8>()), 0..6),
            pieces in prop::collection::vec(1..3_000_usize, 1..5),
        ) {
            let packing = Packing::ALL[which];
            let plain: Vec<u8> = (0..size).map(|at| (at / 5 * at % 241) as u8).collect();
            let mut bytes = [packed(packing, &plain), packed(packing, &plain[..size / 2])].concat();
            for (at, what, value) in &edits {
                let at = at.index(bytes.len().max(1)).min(bytes.len());
                match what {
                    0 if at < bytes.len() => bytes[at] = *value,
                    1 => drop(bytes.drain(at..(at + usize::from(*value)).min(bytes.len()))),
                    _ => bytes.insert(at, *value),
                }
            }
            let read = |pieces: Vec<usize>| {
                let mut stream = Unpacked::new(Box::new(Dribble::new(bytes.clone(), pieces)));
                let mut out = Vec::new();
                let ended = stream.read_to_end(&mut out).map_err(|error| error.to_string());
                (out, ended.is_ok())
            };
            let (out, whole) = read(vec![usize::MAX]);
            if edits.is_empty() {
                prop_assert!(whole && out.len() == size + size / 2);
            }
            prop_assert_eq!(read(pieces).1, whole);
        }
    }
}

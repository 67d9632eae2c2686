//! One capture from its first byte to its last: whole packets, and what became of the bytes between them.
//! Knows that there are formats and that files get damaged; not which captures there are besides.

use std::io::{self, Read};

use super::buffer::Buffer;
use super::framing::{Found, Frame, Framing, Origin, Scan};
use super::netmon::{self, Netmon};
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::recognise;
use super::secrets::Secrets;
use super::skim::{Behind, Skimmed, Taker, skim};
use super::trouble::{Trouble, TroubleKind};
use super::unpack::{Flaw, Meter, Unpacked};
use super::{CaptureInfo, Section};
use crate::issue::{Cause, Issues};
use crate::packet::{Packet, Place};
use crate::time::Timestamp;

/// Damaged places of one file that are told one by one; the rest is told as a sum.
const TOLD: u64 = 8;

/// Link types listed and sections told apart for one file: bounds what a hostile file can make us remember.
const LINK_TYPES: usize = 64;
const SECTIONS: usize = 65_536;

/// Where a reader writes down what it meets.
pub(super) struct Log<'a> {
    pub(super) file: u32,
    pub(super) info: &'a mut CaptureInfo,
    pub(super) troubles: &'a mut Vec<Trouble>,
    pub(super) issues: &'a mut Issues,
    /// Where key logs go that the file carries.
    pub(super) secrets: Option<&'a Secrets>,
}

/// One capture being read.
pub(super) struct Reader {
    buffer: Buffer,
    meter: Meter,
    format: Format,
    /// Number of the last frame.
    frame: u64,
    /// The packet read last, where its bytes are in the buffer, and whether it waits to be delivered.
    head: Frame,
    data: usize,
    waiting: bool,
    /// What `step` found instead of a packet.
    aside: Option<Found>,
    damages: u64,
    untold: u64,
}

enum Format {
    Unknown,
    Pcap(Pcap),
    Pcapng(Pcapng),
    Netmon(Netmon),
    Done,
}

impl Format {
    fn framing(&self) -> Option<&dyn Framing> {
        match self {
            Self::Pcap(pcap) => Some(pcap),
            Self::Pcapng(pcapng) => Some(pcapng),
            Self::Netmon(netmon) => Some(netmon),
            Self::Unknown | Self::Done => None,
        }
    }
}

/// Bytes passed over in search of a record.
struct Search {
    found: bool,
    skipped: u64,
    zeros: bool,
}

impl Reader {
    /// Nothing is read before the first `advance`. `window` is the size of the buffer in bytes.
    pub(super) fn new(source: Box<dyn Read + Send>, window: usize) -> Self {
        let source = Unpacked::new(source);
        Self {
            meter: source.meter(),
            buffer: Buffer::new(Box::new(source), window),
            format: Format::Unknown,
            frame: 0,
            head: Frame::NONE,
            data: 0,
            waiting: false,
            aside: None,
            damages: 0,
            untold: 0,
        }
    }

    /// Steps to the next packet and tells its time, where that packet is all there is: nearly always. `None` leaves it
    /// to `advance` to find out what there is instead.
    #[inline]
    pub(super) fn step(&mut self) -> Option<Timestamp> {
        // What a run of packets stopped at was decoded then.
        if self.waiting {
            return Some(self.head.at);
        }
        if self.aside.is_some() {
            return None;
        }
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.decode(self.buffer.filled(), &mut self.head),
            Format::Pcapng(pcapng) => pcapng.decode(self.buffer.filled(), &mut self.head),
            Format::Netmon(netmon) => netmon.decode(self.buffer.filled(), &mut self.head),
            Format::Unknown | Format::Done => return None,
        };
        if !matches!(found, Found::Packet) || self.head.overrun {
            self.aside = Some(found);
            return None;
        }
        Some(self.take())
    }

    /// Takes the packet that was decoded.
    #[inline]
    fn take(&mut self) -> Timestamp {
        self.frame += 1;
        self.data = self.buffer.consume(self.head.used as usize) + self.head.from as usize;
        self.waiting = true;
        self.head.at
    }

    /// Reads up to the next packet and tells its time; `None` at the end.
    pub(super) fn advance(&mut self, log: &mut Log<'_>) -> Option<Timestamp> {
        loop {
            match self.aside.take() {
                Some(Found::Packet) => {
                    let at = self.take();
                    log.issues.add(self.place(log.file), Cause::Record("packet longer than its block"), 0);
                    return Some(at);
                }
                Some(other) => self.settle(&other, log),
                None => {}
            }
            match self.format {
                Format::Unknown => self.recognise(log),
                Format::Done => return None,
                Format::Pcap(_) | Format::Pcapng(_) | Format::Netmon(_) => {}
            }
            if let Some(at) = self.step() {
                return Some(at);
            }
        }
    }

    /// The packet that `advance` found, counted as delivered. To be called once for each.
    #[inline]
    pub(super) fn deliver(&mut self, file: u32, info: &mut CaptureInfo) -> Option<Packet<'_>> {
        if !self.waiting {
            return None;
        }
        self.waiting = false;
        let head = &self.head;
        info.packets += 1;
        info.bytes += u64::from(head.len);
        info.cut_short += u64::from(head.original_len > head.len);
        if head.news
            && let Some(framing) = self.format.framing()
        {
            introduce(info, head, framing.origin(), self.frame);
        }
        if let Some(section) = info.sections.last_mut() {
            if head.at > section.last {
                section.last = head.at;
                info.last = info.last.max(Some(head.at));
            }
            if head.at < section.first {
                section.first = head.at;
                info.first = info.first.min(Some(head.at));
            }
        }
        Some(Packet {
            place: Place { file, frame: self.frame },
            section: u32::try_from(info.sections.len()).unwrap_or(u32::MAX).saturating_sub(1),
            at: head.at,
            link: head.link,
            original_len: head.original_len,
            data: self.buffer.slice(self.data, head.len as usize),
        })
    }

    /// Delivers the packets at hand from before `until` to `taker`, as many as it takes: any other is the next to be
    /// delivered. Only behind a packet that was delivered, so that what a section brings is known.
    #[inline]
    pub(super) fn skim(
        &mut self,
        file: u32,
        info: &mut CaptureInfo,
        until: Timestamp,
        taker: &mut impl Taker,
    ) -> Skimmed {
        let sections = u32::try_from(info.sections.len()).unwrap_or(u32::MAX);
        let place = self.place(file);
        let Some(known) = info.sections.last_mut().filter(|_| !self.waiting && self.aside.is_none()) else {
            return Skimmed { place, ..Skimmed::default() };
        };
        let (bytes, section) = (self.buffer.filled(), sections - 1);
        let (run, used, behind) = match &mut self.format {
            Format::Pcap(pcap) => skim(pcap, bytes, place, section, until, taker),
            Format::Pcapng(pcapng) => skim(pcapng, bytes, place, section, until, taker),
            Format::Netmon(netmon) => skim(netmon, bytes, place, section, until, taker),
            Format::Unknown | Format::Done => return Skimmed { place, ..Skimmed::default() },
        };
        info.packets += run.packets;
        info.bytes += run.bytes;
        info.cut_short += run.cut_short;
        if let Some((first, last)) = run.times {
            if last > known.last {
                known.last = last;
                info.last = info.last.max(Some(last));
            }
            if first < known.first {
                known.first = first;
                info.first = info.first.min(Some(first));
            }
        }
        self.frame = run.place.frame;
        self.buffer.consume(used);
        match behind {
            Some(Behind::Packet(head)) => {
                self.head = head;
                self.take();
            }
            Some(Behind::Else(found, head)) => (self.aside, self.head) = (Some(found), head),
            None => {}
        }
        run
    }

    /// Whether a packet was found and not yet delivered.
    pub(super) fn holds_packet(&self) -> bool {
        self.waiting
    }

    /// Bytes of the file that were dealt with; where it is compressed, that were taken from it.
    pub(super) fn offset(&self) -> u64 {
        if self.meter.packing().is_some() { self.meter.taken() } else { self.buffer.offset() }
    }

    /// Whether these are the packets of a capture, of whatever format.
    pub(super) fn is_capture(&mut self) -> bool {
        self.buffer.fill(recognise::LOOK);
        recognise::is_capture(self.buffer.filled())
    }

    fn place(&self, file: u32) -> Place {
        Place { file, frame: self.frame }
    }

    /// Finds out what the file is by its first bytes.
    #[cold]
    fn recognise(&mut self, log: &mut Log<'_>) {
        self.buffer.fill(super::pcap::HEADER);
        if let Some(pcap) = Pcap::open(self.buffer.filled()) {
            self.buffer.consume(super::pcap::HEADER);
            log.info.format = "pcap";
            self.format = Format::Pcap(pcap);
        } else if let Some(pcapng) = Pcapng::open(self.buffer.filled()) {
            log.info.format = "pcapng";
            self.format = Format::Pcapng(pcapng);
        } else if self.buffer.fill(netmon::HEADER)
            && let Some(netmon) = Netmon::open(self.buffer.filled())
        {
            self.buffer.consume(netmon::HEADER);
            log.info.format = "netmon";
            self.format = Format::Netmon(netmon);
        } else {
            self.buffer.fill(recognise::LOOK);
            let (problem, remedy) = match self.buffer.take_failure() {
                Some(error) => {
                    let (_, problem, remedy) = failure(&error, &log.info.name, "cannot be read: ", "");
                    (problem, remedy)
                }
                None => recognise::diagnose(self.buffer.filled(), &log.info.name, self.meter.packing()),
            };
            self.report(log, TroubleKind::Unreadable, 0, 0, problem, remedy);
            self.format = Format::Done;
        }
    }

    /// Deals with anything but a packet.
    #[cold]
    fn settle(&mut self, found: &Found, log: &mut Log<'_>) {
        match *found {
            Found::Packet => {}
            Found::Other { used, numbered } => {
                self.frame += u64::from(numbered);
                self.buffer.consume(used);
                if let (Format::Pcapng(pcapng), Some(secrets)) = (&mut self.format, log.secrets)
                    && let Some(key_log) = pcapng.take_key_log()
                {
                    secrets.send(key_log);
                }
            }
            Found::Unusable { used, flaw } => {
                self.frame += 1;
                log.issues.add(self.place(log.file), Cause::Record(flaw), used as u64);
                self.buffer.consume(used);
            }
            Found::Short { need } if self.buffer.fill(need) => {}
            Found::Short { need } => self.end(need, log),
            Found::Damaged(why) => self.resume(why, log),
        }
    }

    /// The file ends before the record that begins here does.
    fn end(&mut self, need: usize, log: &mut Log<'_>) {
        let rest = self.buffer.filled();
        let zeros = rest.iter().all(|byte| *byte == 0);
        let (have, offset) = (rest.len() as u64, self.buffer.offset());
        if let Some(error) = self.buffer.take_failure() {
            log.info.skipped += have;
            self.buffer.consume(rest_len(have));
            let read = "the packets before it were read; ";
            let (kind, problem, remedy) = failure(&error, &log.info.name, "cannot be read further: ", read);
            self.report(log, kind, offset, have, problem, remedy);
        } else if zeros && (have > 0 || !self.format.framing().is_some_and(Framing::owes)) {
            self.buffer.consume(rest_len(have));
            self.zeros(offset, have, log);
        } else if self.format.framing().is_some_and(|framing| framing.suspicious(self.buffer.filled())) {
            let search = self.search();
            if search.found {
                self.damage(offset, search.skipped, "a record longer than the rest of the file", log);
                return;
            }
            self.cut(offset, have, need, log);
        } else {
            self.buffer.consume(rest_len(have));
            self.cut(offset, have, need, log);
        }
        self.close(log);
    }

    /// Looks behind damage for the next record.
    fn resume(&mut self, why: &str, log: &mut Log<'_>) {
        let offset = self.buffer.offset();
        let search = self.search();
        if search.found {
            self.damage(offset, search.skipped, why, log);
            return;
        }
        if let Some(error) = self.buffer.take_failure() {
            log.info.skipped += search.skipped;
            let but = "the file cannot be read further: ";
            let (_, problem, remedy) = failure(&error, &log.info.name, but, "the packets before it were read; ");
            let problem = format!("{why}, and then {problem}");
            self.report(log, TroubleKind::Damaged, offset, search.skipped, problem, remedy);
        } else if search.zeros {
            self.zeros(offset, search.skipped, log);
        } else {
            log.info.skipped += search.skipped;
            let problem = format!("{why}; no packet was found in the {} bytes from there on", search.skipped);
            let remedy = "the packets before it were read; copy the file again from its source".to_owned();
            self.report(log, TroubleKind::Damaged, offset, search.skipped, problem, remedy);
        }
        self.close(log);
    }

    /// Steps over at least one byte, to where a record may begin again or to the end of the file.
    fn search(&mut self) -> Search {
        let begin = self.buffer.offset();
        let mut zeros = true;
        let mut found = false;
        let mut pass = 1;
        loop {
            let passed = self.buffer.filled();
            zeros = zeros && passed.get(..pass).unwrap_or(passed).iter().all(|byte| *byte == 0);
            self.buffer.consume(pass);
            if found || !self.buffer.fill(1) {
                break;
            }
            let Some(framing) = self.format.framing() else { break };
            match framing.scan(self.buffer.filled(), self.buffer.ended()) {
                Scan::Found(passed) => {
                    found = true;
                    pass = passed;
                }
                Scan::Passed { passed: 0, need } => {
                    // Where so much cannot be had, the stream has ended, and the next scan decides without.
                    self.buffer.fill(need);
                    pass = 0;
                }
                Scan::Passed { passed, .. } => pass = passed,
            }
        }
        Search { found, skipped: self.buffer.offset() - begin, zeros }
    }

    fn damage(&mut self, offset: u64, skipped: u64, why: &str, log: &mut Log<'_>) {
        log.info.skipped += skipped;
        self.damages += 1;
        if self.damages > TOLD {
            self.untold += skipped;
            return;
        }
        let problem = format!("{why}; {skipped} bytes were passed over, reading goes on at byte {}", offset + skipped);
        let remedy = "packets may be missing there; copy the file again from its source".to_owned();
        self.report(log, TroubleKind::Damaged, offset, skipped, problem, remedy);
    }

    fn zeros(&self, offset: u64, count: u64, log: &mut Log<'_>) {
        log.info.skipped += count;
        if count > 0 {
            let problem = format!("only zeros from there on, {count} bytes, as in a file that was not filled");
            let remedy = "the packets before it were read; the capture was probably interrupted".to_owned();
            self.report(log, TroubleKind::CutShort, offset, count, problem, remedy);
        }
    }

    fn cut(&self, offset: u64, have: u64, need: usize, log: &mut Log<'_>) {
        log.info.skipped += have;
        let problem = format!("the last record is cut short, {have} of at least {need} bytes are there");
        let remedy = "the packets before it were read; the capture or its copy was probably interrupted".to_owned();
        self.report(log, TroubleKind::CutShort, offset, have, problem, remedy);
    }

    fn close(&mut self, log: &mut Log<'_>) {
        self.format = Format::Done;
        if self.damages > TOLD {
            let problem = format!("damaged in {} more places, {} bytes passed over", self.damages - TOLD, self.untold);
            let remedy = "copy the file again from its source".to_owned();
            self.report(log, TroubleKind::Damaged, self.buffer.offset(), self.untold, problem, remedy);
        }
    }

    fn report(&self, log: &mut Log<'_>, kind: TroubleKind, offset: u64, skipped: u64, problem: String, remedy: String) {
        log.troubles.push(Trouble {
            file: log.file,
            name: log.info.name.clone(),
            packet: (kind != TroubleKind::Unreadable).then_some(self.frame + 1),
            offset,
            skipped,
            kind,
            problem,
            remedy,
        });
    }
}

/// How grave a failure to read is, what it is, and what to do: of a disk `but` tells what it hinders, and `read` stands
/// before what remains to be done.
fn failure(error: &io::Error, name: &str, but: &str, read: &str) -> (TroubleKind, String, String) {
    let Some(flaw) = Flaw::of(error) else {
        let remedy = format!("{read}check the disk, or copy the file again");
        return (TroubleKind::Damaged, format!("{but}{error}"), remedy);
    };
    let remedy = match &flaw.way_out {
        Some(way_out) => way_out.replace("FILE", &recognise::shell_name(name)),
        None if flaw.cut => format!("{read}its writer or its copy was probably interrupted"),
        None => format!("{read}copy the file again from its source"),
    };
    (if flaw.cut { TroubleKind::CutShort } else { TroubleKind::Damaged }, flaw.problem.clone(), remedy)
}

/// All that is at hand, as the buffer counts it.
fn rest_len(have: u64) -> usize {
    usize::try_from(have).unwrap_or(usize::MAX)
}

/// Notes what the first packet of a section or interface brings.
#[cold]
fn introduce(info: &mut CaptureInfo, head: &Frame, origin: Origin, number: u64) {
    info.digits = info.digits.max(origin.digits);
    if info.link_types.len() < LINK_TYPES && !info.link_types.contains(&head.link) {
        info.link_types.push(head.link);
    }
    if origin.section as usize >= info.sections.len() && info.sections.len() < SECTIONS {
        info.sections.push(Section { frame: number, first: head.at, last: head.at });
        // The section's bounds hold this time already, so these learn it here.
        info.first = Some(info.first.map_or(head.at, |first| first.min(head.at)));
        info.last = info.last.max(Some(head.at));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::build::Order::{Be, Le};
    use super::super::build::{Order, Reading, block, enhanced, interface, option, pcap, record, section};
    use super::*;

    const T: u32 = 1_700_000_000;

    /// A file of packets whose data is their number over and over, and where each record ends.
    fn made(ng: bool, order: Order, count: u8) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = if ng {
            [section(order), interface(order, 1, 0, &option(order, 9, &[9]))].concat()
        } else {
            pcap(order, 0xa1b2_c3d4, 65_535, 1)
        };
        let mut ends = Vec::new();
        for n in 1..=count {
            let data = vec![n; 20 + usize::from(n) * 7 % 90];
            let (len, at) = (data.len() as u32, T + u32::from(n));
            bytes.extend(if ng {
                enhanced(order, 0, u64::from(at) * 1_000_000_000, len, &data)
            } else {
                record(order, [at, 5, len, len], &data)
            });
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    const ALL: [(bool, Order); 4] = [(false, Le), (false, Be), (true, Le), (true, Be)];

    fn numbers(got: &Reading) -> Vec<u8> {
        got.packets.iter().map(|packet| packet.data.first().copied().unwrap_or(0)).collect()
    }

    #[test]
    fn every_prefix_yields_the_packets_that_are_whole_and_at_most_one_trouble() {
        for (ng, order) in ALL {
            let (bytes, ends) = made(ng, order, 12);
            for cut in 0..=bytes.len() {
                let got = Reading::of_bytes(&bytes[..cut]);
                let whole = ends.iter().filter(|end| **end <= cut).count();
                assert_eq!(got.packets.len(), whole, "{ng} {order:?} {cut}");
                assert!(got.troubles.len() <= 1, "{ng} {order:?} {cut}: {:?}", got.troubles);
                if ends.contains(&cut) {
                    assert!(got.troubles.is_empty(), "{ng} {order:?} {cut}: {:?}", got.troubles);
                } else if whole > 0 {
                    let trouble = &got.troubles[0];
                    assert_eq!(trouble.kind, TroubleKind::CutShort, "{ng} {order:?} {cut}: {trouble}");
                    assert_eq!(trouble.packet, Some(whole as u64 + 1));
                    assert_eq!(trouble.offset, ends[whole - 1] as u64);
                }
            }
        }
    }

    #[test]
    fn behind_damage_reading_goes_on() {
        for (ng, order) in ALL {
            let (bytes, ends) = made(ng, order, 20);
            // The fifth record begins at `at`, the sixth at `next`.
            let (at, next) = (ends[3], ends[4]);
            let length_at = if ng { at + 4 } else { at + 8 };
            let overwritten = |from: usize, with: &[u8]| {
                let mut bad = bytes.clone();
                bad[from..from + with.len()].copy_from_slice(with);
                bad
            };
            let cases = [
                ("absurd length", overwritten(length_at, &order.u32(0x7fff_fff0))),
                ("length beyond the end", overwritten(length_at, &order.u32(200_000))),
                ("zeros over a record", overwritten(at, &vec![0; next - at])),
                ("rubbish over a record", overwritten(at, &vec![0xa7; next - at])),
                ("text put in", [&bytes[..at], &b"#".repeat(301), &bytes[at..]].concat()),
                ("zeros put in", [&bytes[..at], &[0; 70_001], &bytes[at..]].concat()),
                ("head of a record lost", [&bytes[..at], &bytes[at + 13..]].concat()),
                ("part of a record lost", [&bytes[..next - 10], &bytes[next..]].concat()),
            ];
            for (name, bad) in cases {
                let got = Reading::of_bytes(&bad);
                let seen = numbers(&got);
                assert!(seen.starts_with(&[1, 2, 3, 4]), "{name} {ng} {order:?}: {seen:?}");
                // What was only pushed aside must all be found again; else the packet behind the damage may be lost too.
                let again = if name.ends_with("put in") { 5 } else { 7 };
                assert!(seen.ends_with(&(again..=20).collect::<Vec<_>>()), "{name} {ng} {order:?}: {seen:?}");
                assert_eq!(got.kinds(), [TroubleKind::Damaged], "{name} {ng} {order:?}: {:?}", got.troubles);
                let trouble = &got.troubles[0];
                assert!(trouble.packet >= Some(5) && trouble.offset >= at as u64, "{name}: {trouble}");
                assert!(trouble.offset <= next as u64 + 90, "{name}: {trouble}");
                assert!(trouble.skipped > 0 && got.infos[0].skipped == trouble.skipped, "{name}: {trouble}");
            }
        }
    }

    #[test]
    fn a_record_with_a_bad_trailer_costs_one_packet() {
        let (mut bytes, ends) = made(true, Le, 6);
        bytes[ends[2] - 1] ^= 0x40;
        let got = Reading::of_bytes(&bytes);
        assert_eq!(numbers(&got), [1, 2, 4, 5, 6]);
        assert_eq!(got.troubles[0].skipped, (ends[2] - ends[1]) as u64);
        assert_eq!(got.troubles[0].packet, Some(3));
    }

    #[test]
    fn zeros_to_the_end_are_a_note_and_no_packets() {
        for (ng, order) in ALL {
            for zeros in [1, 11, 12, 16, 64, 300_001] {
                let (mut bytes, ends) = made(ng, order, 3);
                bytes.resize(bytes.len() + zeros, 0);
                for pieces in [vec![usize::MAX], vec![1000]] {
                    let got = Reading::in_pieces(&bytes, pieces);
                    assert_eq!((got.packets.len(), got.kinds()), (3, vec![TroubleKind::CutShort]), "{zeros}");
                    let trouble = &got.troubles[0];
                    assert_eq!((trouble.offset, trouble.skipped), (ends[2] as u64, zeros as u64), "{trouble}");
                    assert!(trouble.problem.contains("zeros"), "{trouble}");
                }
            }
        }
    }

    #[test]
    fn rubbish_to_the_end_gives_up_the_rest() {
        for (ng, order) in ALL {
            let (mut bytes, ends) = made(ng, order, 3);
            bytes.extend([0xff; 3_000]);
            let got = Reading::of_bytes(&bytes);
            assert_eq!((got.packets.len(), got.kinds()), (3, vec![TroubleKind::Damaged]));
            assert_eq!((got.troubles[0].offset, got.troubles[0].skipped), (ends[2] as u64, 3_000));
        }
    }

    #[test]
    fn a_file_damaged_all_over_is_told_in_few_lines() {
        for (ng, order) in ALL {
            let (whole, ends) = made(ng, order, 100);
            let mut bytes = whole[..ends[0]].to_vec();
            for pair in ends.windows(3).step_by(2) {
                bytes.extend_from_slice(&[0xff; 40]);
                bytes.extend_from_slice(&whole[pair[0]..pair[2]]);
            }
            let got = Reading::of_bytes(&bytes);
            assert_eq!((got.packets.len(), got.troubles.len()), (99, TOLD as usize + 1), "{:?}", got.troubles);
            assert_eq!(got.troubles.iter().map(|trouble| trouble.skipped).sum::<u64>(), 49 * 40);
        }
    }

    #[test]
    fn strangers_are_refused_with_a_reason() {
        for (bytes, what) in [(&b""[..], "empty"), (b"\x1f\x8b\x08\0rest", "gzip"), (b"hello\n", "text")] {
            let got = Reading::of_bytes(bytes);
            assert_eq!((got.packets.len(), got.kinds()), (0, vec![TroubleKind::Unreadable]));
            assert!(got.troubles[0].problem.contains(what), "{}", got.troubles[0]);
        }
    }

    #[test]
    fn a_read_error_keeps_what_came_before() {
        struct Broken(io::Cursor<Vec<u8>>);
        impl Read for Broken {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                match self.0.read(into)? {
                    0 => Err(io::Error::other("the disk is gone")),
                    count => Ok(count),
                }
            }
        }
        let (bytes, _) = made(false, Le, 3);
        let source = Broken(io::Cursor::new(bytes));
        let got = Reading::of(super::super::Captures::from_reader("a", Box::new(source)));
        assert_eq!((got.packets.len(), got.kinds()), (3, vec![TroubleKind::Damaged]));
        assert!(got.troubles[0].problem.contains("the disk is gone"));
    }

    #[test]
    fn sections_tell_when_nobody_listened() {
        let part = |at: u64| [section(Le), interface(Le, 1, 0, &[]), enhanced(Le, 0, at, 1, &[1])].concat();
        let got = Reading::of_bytes(&[part(5_000_000), section(Le), part(9_000_000)].concat());
        let section = |frame, s: i64| {
            let at = Timestamp::from_millis(s * 1_000);
            Section { frame, first: at, last: at }
        };
        assert_eq!(got.infos[0].sections, [section(1, 5), section(2, 9)]);
        assert_eq!(got.infos[0].first.zip(got.infos[0].last), Some((section(1, 5).first, section(2, 9).last)));
    }

    #[test]
    fn a_length_that_lies_is_not_believed_into_memory() {
        let mut bytes = pcap(Le, 0xa1b2_c3d4, u32::MAX, 1);
        bytes.extend(record(Le, [T, 0, 16_000_000, 16_000_000], &[1; 100]));
        let got = Reading::of_bytes(&bytes);
        assert_eq!(got.kinds(), [TroubleKind::CutShort]);
        let got = Reading::of_bytes(&[section(Le), Le.words(&[6, 16_000_000]), vec![1; 100]].concat());
        assert_eq!((got.packets.len(), got.troubles.len()), (0, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn pieces_of_any_size_give_the_same(
            which in 0..4_usize,
            pieces in prop::collection::vec(1..3_000_usize, 1..9),
            damage in prop::collection::vec((0..4_000_usize, any::<u8>()), 0..4),
        ) {
            let (ng, order) = ALL[which];
            let (mut bytes, _) = made(ng, order, 40);
            for (at, byte) in damage {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            let whole = Reading::of_bytes(&bytes);
            let parts = Reading::in_pieces(&bytes, pieces);
            prop_assert_eq!(whole.packets, parts.packets);
            prop_assert_eq!(whole.troubles, parts.troubles);
            prop_assert_eq!(whole.issues, parts.issues);
            prop_assert_eq!(whole.infos, parts.infos);
        }

        #[test]
        fn no_bytes_do_harm(
            which in 0..4_usize,
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u32>()), 1..12),
        ) {
            let (ng, order) = ALL[which];
            let (mut bytes, _) = made(ng, order, 30);
            for (at, what, value) in edits {
                let at = at.index(bytes.len());
                let end = (at + value as usize % 200).min(bytes.len());
                match what {
                    0 => bytes[at] = value as u8,
                    1 => drop(bytes.drain(at..end)),
                    2 => bytes[at..end].fill(0),
                    _ => drop(bytes.splice(at..at, order.u32(value))),
                }
                if bytes.is_empty() { bytes.push(0) }
            }
            let got = Reading::of_bytes(&bytes);
            let info = &got.infos[0];
            let taken: usize = got.packets.iter().map(|packet| packet.data.len()).sum();
            prop_assert!(taken as u64 + info.skipped <= bytes.len() as u64);
            prop_assert_eq!((info.packets, info.bytes), (got.packets.len() as u64, taken as u64));
            prop_assert!(got.troubles.len() <= TOLD as usize + 2);
        }

        #[test]
        fn rubbish_behind_a_header_does_no_harm(
            which in 0..4_usize,
            tail in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(6), any::<u8>()], 0..3_000),
        ) {
            let (ng, order) = ALL[which];
            let (mut bytes, _) = made(ng, order, 1);
            bytes.extend(tail);
            let got = Reading::of_bytes(&bytes);
            prop_assert!(!got.packets.is_empty());
        }
    }

    #[test]
    fn a_block_of_strings_is_no_packet() {
        let (mut bytes, _) = made(true, Le, 1);
        bytes.extend(block(Le, 10, &vec![0x41; 400_000]));
        bytes.extend(enhanced(Le, 0, 5, 1, &[2]));
        assert_eq!(numbers(&Reading::in_pieces(&bytes, vec![5_000])), [1, 2]);
    }
}

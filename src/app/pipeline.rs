//! The river in one page: packets become events, events facts, facts rows, rows bytes. Everything else is how.
//! Knows the rooms by their doors only, and no rule of SIP.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::batch::{Batch, Downstream, Gap};
use super::output::Sink;
use super::plan::Plan;
use super::progress::Progress;
use super::run::{Failure, Messages, Outcome};
use super::secrets;
use super::state::{Left, State};
use crate::assemble::{Assembler, Unfinished};
use crate::capture::{CaptureInfo, Captures, KeyLogs, TroubleKind};
use crate::event::{Event, What};
use crate::issue::{Cause, Issues, Tally};
use crate::packet::{Packet, Place};
use crate::render::{self, Render, shown};
use crate::report::{CaptureRow, Report, Skipped, Source, Traffic};
use crate::time::Timestamp;
use crate::track::Tracker;
use crate::wire::keylog::Secrets;
use crate::wire::media::{Datagram, Media};

/// Reads the plan's captures to their end and tells what was in them.
pub(crate) fn analyze(plan: Plan, messages: &Messages) -> Result<Outcome, Failure> {
    let secrets = secrets::read(&plan.key_logs, &plan.tls_keys, messages)?;
    let output = plan.output.clone();
    let (state, left) = plan.state.as_deref().map(State::open).transpose()?.unzip();
    let mut sink = output.open(plan.live).map_err(|error| Failure::output(&output, error))?;
    match flow(plan, secrets, state.zip(left), messages, &mut sink) {
        Err(Stop::Writing(_)) if sink.is_abandoned() => Err(Failure::Abandoned),
        Err(Stop::Writing(error)) => Err(Failure::output(&output, error)),
        Err(Stop::Saving(failure)) => Err(failure),
        Err(Stop::NothingRead) => Err(Failure::NothingRead),
        Err(Stop::NoSuchCall(call_ids)) => Err(Failure::NoSuchCall(call_ids.join("`, `"))),
        Ok(outcome) => Ok(outcome),
    }
}

/// Why the river stops before its end.
enum Stop {
    NothingRead,
    NoSuchCall(Vec<Box<str>>),
    Writing(std::io::Error),
    Saving(Failure),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Writing(error)
    }
}

fn flow(
    plan: Plan,
    secrets: Secrets,
    state: Option<(State, Left)>,
    messages: &Messages,
    sink: &mut Sink,
) -> Result<Outcome, Stop> {
    let (state, left) = state.unzip();
    let Left { end: before, sources: earlier, tracker, unfinished } = left.unwrap_or_default();
    // Captures are counted on from run to run, so that a timeline may name those of earlier ones.
    let offset = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
    let mut troubles = Troubles::default();

    let mut captures = Captures::open(plan.sources).numbered_from(offset); //    file   -> Packet
    let embedded = captures.secrets();
    let mut assembler = Assembler::new().with_secrets(secrets).resume(unfinished); //  Packet -> Event
    assembler = assembler.with_sip_ports(plan.sip_ports);
    let restart_gap = plan.settings.restart_gap;
    let mut tracker = tracker.resume(plan.settings); //                          Event  -> Fact
    let report = Report::new(sources(&earlier, captures.infos())); //        Fact   -> Row
    let renderer = match &plan.explain[..] {
        [] => render::renderer(plan.format, plan.layout, sink), //               Row    -> bytes
        asked => render::explained(asked.to_vec(), plan.layout, sink),
    };

    tracker.link_by(plan.leg_headers);
    tracker.explain(plan.explain.iter().map(String::as_str));
    troubles.tell(&mut captures, messages);
    let mut reading = Reading {
        digits: vec![0; captures.infos().len()],
        captures,
        embedded,
        assembler,
        issues: Issues::default(),
        progress: Progress::new(plan.progress),
        earlier,
        offset,
        before,
        end: before.unwrap_or_default(),
        restart_gap,
        // What is under way is delivered once: here, or by the next run.
        delivers: state.is_none() || plan.flush,
    };
    let mut telling = Telling { tracker, report, renderer, messages: 0, latest: before.unwrap_or_default() };
    let threads = plan.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    // No batch is waited for where somebody waits for each record.
    if threads > 1 && !plan.live {
        beside(&mut reading, &mut telling)?;
    } else {
        reading.run(&mut telling)?;
    }
    let Reading { mut captures, assembler, mut issues, mut progress, earlier, end, delivers, .. } = reading;
    let mut unfinished = Unfinished::default();
    if delivers {
        telling.tracker.finish(end);
    } else {
        unfinished = assembler.unfinished();
    }
    telling.settle()?;
    let (mut tracker, mut report, renderer) = telling.apart();

    issues.absorb(tracker.take_issues());
    progress.clear();
    troubles.tell(&mut captures, messages);
    let outcome = troubles.outcome(&earlier, captures.infos(), &issues, messages)?;
    let rows = captures.infos().iter().zip(offset..).map(|(info, file)| capture_row(info, file, &issues, &tracker));
    let rows = rows.collect();
    let explanations = tracker.take_explanations();
    let missing: Vec<_> = explanations.iter().filter(|of| of.notes.is_empty()).map(|of| of.call_id.clone()).collect();
    report.explain(explanations);
    renderer.end(&report.finish(rows, traffic(&tracker)))?;
    sink.finish()?;
    // Only now: whatever went wrong before, the same run can be done again.
    match state {
        Some(state) if plan.flush => state.remove().map_err(Stop::Saving)?,
        Some(state) => {
            state.save(end, &sources(&earlier, captures.infos()), &tracker, &unfinished).map_err(Stop::Saving)?;
        }
        None => {}
    }
    if missing.is_empty() { Ok(outcome) } else { Err(Stop::NoSuchCall(missing)) }
}

/// The upper half of the river, down to events: what is read and decoded, and how far that is.
struct Reading {
    captures: Captures,
    embedded: KeyLogs,
    assembler: Assembler,
    issues: Issues,
    progress: Progress,
    /// The captures of earlier runs.
    earlier: Vec<Source>,
    offset: u32,
    /// When the last packet of the earlier runs came.
    before: Option<Timestamp>,
    /// When the last packet came.
    end: Timestamp,
    restart_gap: Duration,
    /// How precise the times of each capture are, as far as was said.
    digits: Vec<u8>,
    /// Whether messages under way at the end are delivered.
    delivers: bool,
}

impl Reading {
    /// Reads to the end, and says everything to `down`.
    fn run<D: Downstream>(&mut self, down: &mut D) -> Result<(), D::Stop> {
        let Self { captures, embedded, assembler, issues, progress, earlier, digits, .. } = self;
        let (offset, before, restart_gap) = (self.offset, self.before, self.restart_gap);
        let mut origin_before = None;
        let mut place = Place { file: offset, frame: 0 };
        while let Some(packet) = captures.next(issues) {
            let file = (packet.place.file - offset) as usize;
            let origin = (packet.place.file, packet.section);
            place = packet.place;
            // Nobody listened between two captures; a silence within one is no gap.
            let joined = origin_before.replace(origin);
            let heard = if joined.is_none() { before } else { Some(self.end).filter(|_| joined != Some(origin)) };
            if let Some(heard) = heard {
                let now = assembler.clock(packet.at);
                if heard.after(restart_gap) < now {
                    assembler.on_gap(issues, &mut |event| down.event(&event));
                }
                down.gap(Gap { from: heard, to: now, of_runs: joined.is_none() });
            }
            for key_log in embedded.try_iter() {
                assembler.learn(&key_log, packet.place, issues);
            }
            assembler.push(&packet, issues, &mut |event| down.event(&event));
            self.end = self.end.max(assembler.clock(packet.at));
            // How precise its times are shows only as a capture is read.
            if let (Some(known), Some(info)) = (digits.get_mut(file), captures.infos().get(file))
                && *known != info.digits
            {
                *known = info.digits;
                down.sources(sources(earlier, captures.infos()));
            }
            down.settle()?;
            // Nearly all packets that follow bring nothing new but themselves: those go straight down.
            let mut rest = Rest { assembler, issues, down, passed: None, end: &mut self.end, stopped: Ok(()) };
            let skimmed = captures.skim(|packet| {
                let datagram = Datagram::of(packet);
                match datagram.and_then(|datagram| datagram.media()) {
                    Some(media) if rest.down.media(packet.at, packet.place, &media) => {
                        rest.passed = rest.passed.max(Some(packet.at));
                        true
                    }
                    _ => rest.packet(packet, datagram.as_ref()),
                }
            });
            rest.pass();
            rest.stopped?;
            if skimmed.packets > 0 {
                place = skimmed.place;
            }
            if progress.packets(1 + skimmed.packets) {
                progress.show(captures.bytes_done(), captures.bytes_total());
            }
        }
        // Behind the last packet, they are the next run's.
        for key_log in embedded.try_iter() {
            assembler.learn(&key_log, place, issues);
        }
        if self.delivers {
            assembler.finish(issues, &mut |event| down.event(&event));
        }
        Ok(())
    }
}

/// What becomes of the packets that follow one another in a section of a capture, with nothing between them.
struct Rest<'r, D: Downstream> {
    assembler: &'r mut Assembler,
    issues: &'r mut Issues,
    down: &'r mut D,
    /// When the last of the media came that went straight down since the last event.
    passed: Option<Timestamp>,
    end: &'r mut Timestamp,
    stopped: Result<(), D::Stop>,
}

impl<D: Downstream> Rest<'_, D> {
    /// Takes a packet that is no media, or none of a known stream; `false` where nothing more is taken, nor was this one.
    #[inline(never)] // Out of the way of media packets.
    fn packet(&mut self, packet: &Packet<'_>, datagram: Option<&Datagram<'_>>) -> bool {
        self.pass();
        self.assembler.push_read(packet, datagram, self.issues, &mut |event| self.down.event(&event));
        *self.end = (*self.end).max(self.assembler.clock(packet.at));
        self.stopped = self.down.settle();
        self.stopped.is_ok()
    }

    /// Says how far the media got.
    fn pass(&mut self) {
        if let Some(last) = self.passed.take() {
            self.down.passed(last);
            *self.end = (*self.end).max(self.assembler.clock(last));
        }
    }
}

/// The lower half of the river, from events on.
struct Telling<'a> {
    tracker: Tracker,
    report: Report,
    renderer: Box<dyn Render + 'a>,
    /// SIP messages since what waits in the renderer was looked through, and when the last of them came. Counted by what
    /// is the same for every number of threads.
    messages: u32,
    latest: Timestamp,
}

/// SIP messages after which what waits in the renderer is looked through.
const STRIDE: u32 = 1 << 15;

impl<'a> Telling<'a> {
    fn apart(self) -> (Tracker, Report, Box<dyn Render + 'a>) {
        (self.tracker, self.report, self.renderer)
    }
}

impl Downstream for Telling<'_> {
    type Stop = Stop;

    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event.what, What::Sip(_)) {
            self.messages += 1;
            self.latest = self.latest.max(event.at);
        }
        self.tracker.feed(event);
    }

    #[inline]
    fn media(&mut self, at: Timestamp, place: Place, media: &Media<'_>) -> bool {
        self.tracker.feed_known(at, place.file, media)
    }

    fn passed(&mut self, last: Timestamp) {
        self.tracker.pass(last);
    }

    fn gap(&mut self, Gap { from, to, of_runs }: Gap) {
        if of_runs {
            self.tracker.on_server_gap(from, to);
        } else {
            self.tracker.on_sniffer_gap(from, to);
        }
    }

    fn sources(&mut self, sources: Vec<Source>) {
        self.report.set_sources(sources);
    }

    #[inline]
    fn settle(&mut self) -> Result<(), Stop> {
        while let Some(fact) = self.tracker.poll() {
            self.renderer.row(self.report.take(fact))?;
        }
        if self.messages >= STRIDE {
            self.messages = 0;
            self.renderer.passed(self.tracker.begun(self.latest))?;
        }
        Ok(())
    }
}

/// How many batches there are: those that are filled or read, and a few between, since neither side is always slower.
const BATCHES: usize = 6;

/// Where a thread that reads lays everything down for the one that tells.
struct Loading {
    batch: Batch,
    filled: SyncSender<Batch>,
    emptied: Receiver<Batch>,
}

/// Nobody takes the batches any more.
struct Gone;

impl Loading {
    fn hand_on(&mut self) -> Result<(), Gone> {
        let next = self.emptied.recv().map_err(|_| Gone)?;
        self.filled.send(std::mem::replace(&mut self.batch, next)).map_err(|_| Gone)
    }
}

impl Downstream for Loading {
    type Stop = Gone;

    fn event(&mut self, event: &Event<'_>) {
        self.batch.event(event);
    }

    #[inline]
    fn media(&mut self, at: Timestamp, place: Place, media: &Media<'_>) -> bool {
        self.batch.media(at, place, media)
    }

    fn passed(&mut self, last: Timestamp) {
        self.batch.passed(last);
    }

    fn gap(&mut self, gap: Gap) {
        self.batch.gap(gap);
    }

    fn sources(&mut self, sources: Vec<Source>) {
        self.batch.sources(sources);
    }

    #[inline]
    fn settle(&mut self) -> Result<(), Gone> {
        self.batch.settle();
        if self.batch.is_full() { self.hand_on() } else { Ok(()) }
    }
}

/// Reads and decodes in a thread of its own, and tells in this one.
///
/// Batches go round: the reader waits where it is too far ahead, and stops where nobody takes them, since an error or a
/// panic on either side drops its ends of both channels.
fn beside(reading: &mut Reading, telling: &mut Telling<'_>) -> Result<(), Stop> {
    thread::scope(|scope| {
        let (filled, to_tell) = sync_channel(BATCHES);
        let (again, emptied) = sync_channel(BATCHES);
        for _ in 1..BATCHES {
            let _ = again.send(Batch::default());
        }
        let (start, started) = sync_channel::<&mut Reading>(1);
        let reader = thread::Builder::new().name("reader".to_owned()).spawn_scoped(scope, move || {
            let mut loading = Loading { batch: Batch::default(), filled, emptied };
            // That nobody takes it is known on the other side, which stopped first.
            if let Ok(reading) = started.recv() {
                let _ = reading.run(&mut loading).and_then(|()| loading.hand_on());
            }
        });
        let Ok(reader) = reader else {
            // No thread is to be had: one is enough.
            return reading.run(telling);
        };
        let _ = start.send(reading);
        for mut batch in to_tell {
            batch.say(telling)?;
            batch.clear();
            // A reader that is done wants none back.
            let _ = again.send(batch);
        }
        reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        Ok(())
    })
}

/// What was wrong with the captures as files.
#[derive(Debug, Default)]
struct Troubles {
    /// Indices of captures of which nothing could be read.
    unread: Vec<u32>,
    damaged: bool,
}

impl Troubles {
    /// Says what came up since the last time, a line each.
    fn tell(&mut self, captures: &mut Captures, messages: &Messages) {
        for trouble in captures.take_troubles() {
            match trouble.kind {
                TroubleKind::Unreadable => self.unread.push(trouble.file),
                TroubleKind::Damaged => self.damaged = true,
                TroubleKind::CutShort => {
                    messages.warning(&trouble);
                    continue;
                }
            }
            messages.error(&trouble);
        }
    }

    /// Says what in the packets was not read, and how all of it ends.
    fn outcome(
        mut self,
        earlier: &[Source],
        infos: &[CaptureInfo],
        issues: &Issues,
        messages: &Messages,
    ) -> Result<Outcome, Stop> {
        let names: Vec<&str> =
            earlier.iter().map(|source| &*source.name).chain(infos.iter().map(|info| &*info.name)).collect();
        let mut causes: BTreeMap<Cause, Vec<Tally>> = BTreeMap::new();
        let count = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
        // What an earlier run left, and what never came.
        for (cause, tally) in (0..count).flat_map(|file| issues.of_file(file)) {
            causes.entry(cause).or_default().push(tally);
        }
        for (info, file) in infos.iter().zip(count..) {
            let undecoded = |(cause, tally): (Cause, Tally)| matches!(cause, Cause::LinkType(_)).then_some(tally.count);
            let nothing_decoded =
                info.packets > 0 && issues.of_file(file).filter_map(undecoded).sum::<u64>() == info.packets;
            if nothing_decoded {
                self.unread.push(file);
            }
            for (cause, tally) in issues.of_file(file) {
                self.damaged |= matches!(cause, Cause::Record(_));
                match cause {
                    Cause::LinkType(_) if nothing_decoded => messages.error(line(&names, cause, &[tally])),
                    _ => causes.entry(cause).or_default().push(tally),
                }
            }
        }
        for (cause, tallies) in causes {
            messages.warning(line(&names, cause, &tallies));
        }
        self.unread.sort_unstable();
        self.unread.dedup();
        match self.unread.len() {
            unread if unread >= infos.len() => Err(Stop::NothingRead),
            0 if !self.damaged => Ok(Outcome::Whole),
            _ => Ok(Outcome::Partly),
        }
    }
}

/// One line on a cause: where it was first, what it is, how often it was, what to do.
fn line(names: &[&str], cause: Cause, tallies: &[Tally]) -> String {
    let first = tallies.iter().map(|tally| tally.first).min().unwrap_or_default();
    let name = names.get(first.file as usize).copied().unwrap_or_default();
    let count: u64 = tallies.iter().map(|tally| tally.count).sum();
    let often = match (count, tallies.len()) {
        (..=1, _) => String::new(),
        (_, 1) => format!(" ({count} times, here first)"),
        (_, files) => format!(" ({count} times in {files} captures, here first)"),
    };
    format!("{}: packet {}: {}{often}; {}", shown(name), first.frame, cause.text(), cause.remedy())
}

/// The captures as the rows speak of them, as far as they are known by now.
fn sources(earlier: &[Source], infos: &[CaptureInfo]) -> Vec<Source> {
    let read = infos.iter().map(|info| Source { name: info.name.as_str().into(), digits: info.digits });
    earlier.iter().cloned().chain(read).collect()
}

fn capture_row(info: &CaptureInfo, file: u32, issues: &Issues, tracker: &Tracker) -> CaptureRow {
    let of_file = tracker.traffic().of_file(file);
    let media = tracker.media_of_file(file);
    CaptureRow {
        file: info.name.clone(),
        format: info.format.to_owned(),
        link_types: info.link_types.clone(),
        packets: info.packets,
        bytes: info.bytes,
        first: info.first,
        last: info.last,
        digits: info.digits,
        sip_messages: of_file.sip_messages,
        rtp_packets: Some(media.rtp),
        rtcp_packets: Some(media.rtcp),
        duplicates: of_file.duplicates,
        cut_short: info.cut_short,
        skipped: Skipped::of_file(issues, file),
    }
}

fn traffic(tracker: &Tracker) -> Traffic {
    let seen = tracker.traffic();
    let methods = seen.methods.iter().map(|(method, count)| (method.to_string(), *count));
    Traffic { methods: methods.collect(), codes: seen.codes.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(name: &str, packets: u64) -> CaptureInfo {
        CaptureInfo { name: name.to_owned(), packets, ..CaptureInfo::default() }
    }

    fn ends(infos: &[CaptureInfo], troubles: Troubles, found: &[(u32, Cause)]) -> Option<Outcome> {
        let mut issues = Issues::default();
        for (file, cause) in found {
            issues.add(Place { file: *file, frame: 1 }, *cause, 1);
        }
        troubles.outcome(&[], infos, &issues, &Messages::plain()).ok()
    }

    #[test]
    fn the_end_says_how_much_was_read() {
        use Outcome::{Partly, Whole};
        let two = [capture("a", 2), capture("b", 1)];
        let unread = |files: &[u32]| Troubles { unread: files.to_vec(), damaged: false };
        let damaged = || Troubles { unread: Vec::new(), damaged: true };
        let usb = Cause::LinkType(220);
        let cases: &[(&str, Option<Outcome>, Option<Outcome>)] = &[
            ("nothing wrong", ends(&two, unread(&[]), &[]), Some(Whole)),
            ("damage", ends(&two, damaged(), &[]), Some(Partly)),
            ("a record passed over", ends(&two, unread(&[]), &[(0, Cause::Record("block"))]), Some(Partly)),
            ("one unread", ends(&two, unread(&[1]), &[]), Some(Partly)),
            ("all unread", ends(&two, unread(&[0, 1]), &[]), None),
            ("one told twice", ends(&two, unread(&[1, 1]), &[]), Some(Partly)),
            ("an interface not decoded", ends(&two, unread(&[]), &[(0, usb)]), Some(Whole)),
            ("a capture not decoded", ends(&two, unread(&[]), &[(1, usb)]), Some(Partly)),
            ("one unread, one not decoded", ends(&two, unread(&[0]), &[(1, usb)]), None),
            ("a tunnel not decoded", ends(&two, unread(&[]), &[(1, Cause::NotDecoded("GRE"))]), Some(Whole)),
            ("a capture without packets", ends(&[capture("a", 0)], unread(&[]), &[]), Some(Whole)),
        ];
        for (name, got, expected) in cases {
            assert_eq!(got, expected, "{name}");
        }
    }

    #[test]
    fn a_cause_is_one_line_with_place_count_and_remedy() {
        let names = ["a\x1b.pcap", "b.pcap"];
        let tally = |file, frame, count| Tally { count, bytes: 0, first: Place { file, frame } };
        let cause = Cause::NotDecoded("GRE");
        let end = "; capture inside the tunnel, or strip the encapsulation first";
        let cases: &[(&[Tally], &str)] = &[
            (&[tally(1, 7, 1)], "b.pcap: packet 7: GRE is not decoded"),
            (&[tally(0, 7, 3)], "a\\x1b.pcap: packet 7: GRE is not decoded (3 times, here first)"),
            (
                &[tally(0, 7, 3), tally(1, 2, 2)],
                "a\\x1b.pcap: packet 7: GRE is not decoded (5 times in 2 captures, here first)",
            ),
        ];
        for (tallies, expected) in cases {
            assert_eq!(line(&names, cause, tallies), format!("{expected}{end}"));
        }
    }
}

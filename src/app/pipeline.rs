//! The river in one page: packets become events, events facts, facts rows, rows bytes. Everything else is how.
//! Knows the rooms by their doors only, and no rule of SIP.

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use smallvec::SmallVec;

use super::batch::{Answer, Batch, Downstream, Gap};
use super::output::Sink;
use super::plan::Plan;
use super::progress::Progress;
use super::run::{Failure, Messages, Outcome};
use super::secrets;
use super::state::{Left, State};
use super::troubles::Troubles;
use crate::assemble::{Assembler, Unfinished};
use crate::capture::{CaptureInfo, Captures, KeyLogs, Taker};
use crate::event::{Event, What};
use crate::issue::Issues;
use crate::packet::{Packet, Place};
use crate::render::{self, Render};
use crate::report::{CaptureRow, Report, Skipped, Source, Traffic};
use crate::time::Timestamp;
use crate::track::Tracker;
use crate::wire::keylog::Secrets;
use crate::wire::media::{Datagram, Media};
use crate::wire::segment::Segment;

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
    let mut tracking = Tracking { tracker, messages: 0, latest: before.unwrap_or_default() };
    let mut telling = Telling { report, renderer };
    let threads = plan.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    // No batch is waited for where somebody waits for each record.
    if threads > 1 && !plan.live {
        beside(&mut reading, &mut tracking, &mut telling)?;
    } else {
        reading.run(&mut Following { tracking: &mut tracking, told: &mut telling })?;
    }
    let Reading { mut captures, assembler, mut issues, mut progress, earlier, end, delivers, .. } = reading;
    let mut unfinished = Unfinished::default();
    if delivers {
        tracking.tracker.finish(end);
    } else {
        unfinished = assembler.unfinished();
    }
    tracking.settle(|answer| telling.tell(answer))?;
    let (Tracking { mut tracker, .. }, Telling { mut report, renderer }) = (tracking, telling);

    issues.absorb(tracker.take_issues());
    progress.clear();
    troubles.tell(&mut captures, messages);
    let outcome = troubles.outcome(&earlier, captures.infos(), &issues, messages).ok_or(Stop::NothingRead)?;
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
                down.sources(sources(earlier, captures.infos()))?;
            }
            down.settle()?;
            // Nearly all packets that follow bring nothing new but themselves: those go straight down, or wait but a little.
            let mut rest = Rest { assembler, issues, down, passed: None, end: &mut self.end, stopped: Ok(()) };
            let skimmed = captures.skim(&mut rest);
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

impl<D: Downstream> Taker for Rest<'_, D> {
    #[inline(always)] // As the loop in it goes round once for each packet.
    fn take<'p>(&mut self, run: &mut impl Iterator<Item = Packet<'p>>) {
        let mut waiting = Waiting::new();
        for packet in run {
            let datagram = Datagram::of(&packet);
            let media = datagram.and_then(|datagram| datagram.media());
            if media.is_some() && !waiting.is_empty() && !self.say(&mut waiting) {
                return;
            }
            if let Some(media) = media
                && self.down.media(packet.at, packet.place, &media)
            {
                self.passed = self.passed.max(Some(packet.at));
                continue;
            }
            // Copies, so that only here they have to be in memory.
            let (packet, datagram) = (packet, datagram);
            if !self.packet(&packet, datagram.as_ref(), &mut waiting) {
                return;
            }
        }
        self.say(&mut waiting);
    }
}

/// Messages of a run of packets that are said together: then the code that reads them and the code that tracks them take
/// turns less often, which are too large to be in a core's nearest cache both.
type Waiting<'p> = SmallVec<[Event<'p>; MOST_WAITING]>;

/// With many more of them, they are in no near cache any more when they are said.
const MOST_WAITING: usize = 32;

impl<D: Downstream> Rest<'_, D> {
    /// Takes a packet that is no media, or none of a known stream; `false` where nothing more is to be taken.
    #[inline(never)] // Out of the way of media packets.
    fn packet<'p>(&mut self, packet: &Packet<'p>, datagram: Option<&Datagram<'_>>, waiting: &mut Waiting<'p>) -> bool {
        let segment = if datagram.is_none() { Segment::of(packet) } else { None };
        if let Some(segment) = &segment
            && self.assembler.acknowledge(packet, segment)
        {
            *self.end = (*self.end).max(self.assembler.clock(packet.at));
            return true;
        }
        // Only what was said can come to anything.
        let mut said = self.pass();
        let Self { assembler, issues, down, stopped, .. } = self;
        let mut say = |event: Event<'_>| {
            if D::TOGETHER > 1
                && let Some(event) = event.out_of(packet.data)
            {
                waiting.push(event);
                return;
            }
            if stopped.is_ok() {
                *stopped = say_all(waiting, *down, Some(packet.place));
            }
            if stopped.is_ok() {
                down.event(&event);
                said = true;
            }
        };
        match &segment {
            Some(segment) => assembler.push_segment(packet, segment, issues, &mut say),
            None => assembler.push_read(packet, datagram, issues, &mut say),
        }
        *self.end = (*self.end).max(self.assembler.clock(packet.at));
        // Otherwise behind the messages that wait now.
        if said && waiting.is_empty() && self.stopped.is_ok() {
            self.stopped = self.down.settle();
        }
        self.stopped.is_ok() && (waiting.len() < D::TOGETHER || self.say(waiting))
    }

    /// Says the messages that wait; `false` where nothing more is to be taken.
    #[inline(never)] // As `packet`.
    fn say(&mut self, waiting: &mut Waiting<'_>) -> bool {
        if self.stopped.is_ok() {
            self.stopped = say_all(waiting, self.down, None);
        }
        self.stopped.is_ok()
    }

    /// Says how far the media got, if any came.
    fn pass(&mut self) -> bool {
        let Some(last) = self.passed.take() else { return false };
        self.down.passed(last);
        *self.end = (*self.end).max(self.assembler.clock(last));
        true
    }
}

/// Says the messages that wait, as if each came just now. What comes of them is told behind all of them, unless it is due
/// between two packets; and behind what else came with the last of them, where the packet that goes on is the same.
fn say_all<D: Downstream>(waiting: &mut Waiting<'_>, down: &mut D, goes_on: Option<Place>) -> Result<(), D::Stop> {
    let mut rest = waiting.iter().peekable();
    while let Some(event) = rest.next() {
        down.event(event);
        let settles = match rest.peek() {
            // A packet may bring several.
            Some(next) => next.place != event.place && down.is_due(),
            None => goes_on != Some(event.place),
        };
        if settles {
            down.settle()?;
        }
    }
    waiting.clear();
    Ok(())
}

/// The middle of the river: events become facts.
struct Tracking {
    tracker: Tracker,
    /// SIP messages since what waits in the renderer was looked through, and when the last of them came. Counted by what
    /// is the same for every number of threads.
    messages: u32,
    latest: Timestamp,
}

/// SIP messages after which what waits in the renderer is looked through.
const STRIDE: u32 = 1 << 15;

impl Tracking {
    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event.what, What::Sip(_)) {
            self.messages += 1;
            self.latest = self.latest.max(event.at);
        }
        self.tracker.feed(event);
    }

    fn gap(&mut self, Gap { from, to, of_runs }: Gap) {
        if of_runs {
            self.tracker.on_server_gap(from, to);
        } else {
            self.tracker.on_sniffer_gap(from, to);
        }
    }

    /// Gives `tell` what came of the events so far.
    #[inline]
    fn settle<E>(&mut self, mut tell: impl FnMut(Answer) -> Result<(), E>) -> Result<(), E> {
        while let Some(fact) = self.tracker.poll() {
            tell(Answer::Fact(fact))?;
        }
        if self.messages >= STRIDE {
            self.messages = 0;
            tell(Answer::Passed(self.tracker.begun(self.latest)))?;
        }
        Ok(())
    }
}

/// The lower end of the river: facts become rows, and rows bytes.
struct Telling<'a> {
    report: Report,
    renderer: Box<dyn Render + 'a>,
}

impl Telling<'_> {
    fn tell(&mut self, answer: Answer) -> Result<(), Stop> {
        match answer {
            Answer::Fact(fact) => self.renderer.row(self.report.take(fact))?,
            Answer::Passed(until) => self.renderer.passed(until)?,
            Answer::Sources(sources) => self.report.set_sources(sources),
        }
        Ok(())
    }
}

/// Where it goes what came of events.
trait Tell {
    /// Why nothing more is told.
    type Stop;

    fn tell(&mut self, answer: Answer) -> Result<(), Self::Stop>;
}

impl Tell for &mut Telling<'_> {
    type Stop = Stop;

    fn tell(&mut self, answer: Answer) -> Result<(), Stop> {
        Telling::tell(self, answer)
    }
}

/// Told later, in the thread that reads.
impl Tell for Vec<Answer> {
    type Stop = Infallible;

    fn tell(&mut self, answer: Answer) -> Result<(), Infallible> {
        self.push(answer);
        Ok(())
    }
}

/// Where events are tracked: those of packets as they are read, or those that are in a batch.
struct Following<'t, T> {
    tracking: &'t mut Tracking,
    told: T,
}

impl<T: Tell> Downstream for Following<'_, T> {
    type Stop = T::Stop;

    const TOGETHER: usize = MOST_WAITING;

    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        self.tracking.event(event);
    }

    #[inline(always)] // Once for each packet of media, as `Rest::take`.
    fn media(&mut self, at: Timestamp, place: Place, media: &Media<'_>) -> bool {
        self.tracking.tracker.feed_known(at, place.file, media)
    }

    fn passed(&mut self, last: Timestamp) {
        self.tracking.tracker.pass(last);
    }

    fn gap(&mut self, gap: Gap) {
        self.tracking.gap(gap);
    }

    fn sources(&mut self, sources: Vec<Source>) -> Result<(), T::Stop> {
        self.told.tell(Answer::Sources(sources))
    }

    fn is_due(&self) -> bool {
        self.tracking.messages >= STRIDE
    }

    #[inline]
    fn settle(&mut self) -> Result<(), T::Stop> {
        self.tracking.settle(|answer| self.told.tell(answer))
    }
}

/// How many batches there are: those that are filled or read, and a few between, since neither side is always slower.
const BATCHES: usize = 6;

/// Where the thread that reads lays everything down for the one that tracks, and tells what comes back.
struct Loading<'t, 'a> {
    batch: Batch,
    empty: Vec<Batch>,
    filled: SyncSender<Batch>,
    tracked: Receiver<Batch>,
    telling: &'t mut Telling<'a>,
}

/// Why nothing more is read.
enum Halt {
    /// Nobody takes the batches any more.
    Gone,
    Stop(Stop),
}

impl Loading<'_, '_> {
    fn hand_on(&mut self) -> Result<(), Halt> {
        let next = match self.empty.pop() {
            Some(empty) => empty,
            None => {
                let tracked = self.tracked.recv().map_err(|_| Halt::Gone)?;
                self.tell(tracked)?
            }
        };
        self.filled.send(std::mem::replace(&mut self.batch, next)).map_err(|_| Halt::Gone)
    }

    /// Tells what came of a batch, which then is empty.
    fn tell(&mut self, mut tracked: Batch) -> Result<Batch, Halt> {
        tracked.answers.drain(..).try_for_each(|answer| self.telling.tell(answer)).map_err(Halt::Stop)?;
        Ok(tracked)
    }

    /// Hands on what is left, and tells all that is still to come.
    fn finish(mut self) -> Result<(), Halt> {
        self.hand_on()?;
        let Self { filled, tracked, telling, .. } = self;
        drop(filled);
        let mut rest = tracked.into_iter().flat_map(|batch| batch.answers);
        rest.try_for_each(|answer| telling.tell(answer)).map_err(Halt::Stop)
    }
}

impl Downstream for Loading<'_, '_> {
    type Stop = Halt;

    /// The batch is where they wait.
    const TOGETHER: usize = 1;

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

    fn sources(&mut self, sources: Vec<Source>) -> Result<(), Halt> {
        self.batch.sources(sources);
        Ok(())
    }

    fn is_due(&self) -> bool {
        // The batch remembers where each packet ends.
        true
    }

    #[inline]
    fn settle(&mut self) -> Result<(), Halt> {
        self.batch.settle();
        if self.batch.is_full() { self.hand_on() } else { Ok(()) }
    }
}

/// Tracks in a thread of its own; reads, decodes and tells in this one.
///
/// Batches go round, filled with events one way, and with what came of them the other: the reader waits where it is too
/// far ahead, and both stop where the other does, since an error or a panic on either side drops its ends of both
/// channels.
fn beside(reading: &mut Reading, tracking: &mut Tracking, telling: &mut Telling<'_>) -> Result<(), Stop> {
    thread::scope(|scope| {
        let (filled, to_track) = sync_channel(BATCHES);
        let (again, tracked) = sync_channel(BATCHES);
        let (start, started) = sync_channel::<&mut Tracking>(1);
        let tracker = thread::Builder::new().name("tracker".to_owned()).spawn_scoped(scope, move || {
            if let Ok(tracking) = started.recv() {
                track(tracking, &to_track, &again);
            }
        });
        let Ok(tracker) = tracker else {
            // No thread is to be had: one is enough.
            return reading.run(&mut Following { tracking, told: telling });
        };
        let _ = start.send(tracking);
        let empty = (1..BATCHES).map(|_| Batch::default()).collect();
        let mut loading = Loading { batch: Batch::default(), empty, filled, tracked, telling };
        let read = reading.run(&mut loading).and_then(|()| loading.finish());
        match read {
            Err(Halt::Stop(stop)) => Err(stop),
            // It went with a panic, and only so.
            Ok(()) | Err(Halt::Gone) => tracker.join().map_err(|panic| resume_unwind(panic)),
        }
    })
}

/// Tracks what is in the batches that come, and sends them back with what came of it: several at once as long as others
/// wait, since each time that the reader is woken costs as much as some messages do.
fn track(tracking: &mut Tracking, filled: &Receiver<Batch>, again: &SyncSender<Batch>) {
    let mut following = Following { tracking, told: Vec::new() };
    let mut done = Vec::new();
    loop {
        let batch = match filled.try_recv() {
            Ok(batch) if done.len() < BATCHES / 2 => Ok(batch),
            waiting => {
                if !done.drain(..).all(|batch| again.send(batch).is_ok()) {
                    return;
                }
                waiting.or_else(|_| filled.recv())
            }
        };
        let Ok(mut batch) = batch else { return };
        let Ok(()) = batch.say(&mut following);
        batch.clear();
        std::mem::swap(&mut batch.answers, &mut following.told);
        done.push(batch);
    }
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
    let methods = seen.methods().map(|(method, count)| (method.to_owned(), count));
    Traffic { methods: methods.collect(), codes: seen.codes().collect() }
}

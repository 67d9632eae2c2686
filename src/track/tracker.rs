//! Owns all calls and registrations that are open, routes each message to its own, and lets capture time close them.
//! Routes and owns; the rules live in its neighbours.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::bounds::{Hand, MOST_CLOSED};
use super::call::{Arrival, Call, Tags};
use super::described::Described;
use super::exchange::{Exchanges, stands_alone};
use super::explain::{self, Explanation, Note, Recorder};
use super::fact::{CallFact, Fact};
use super::legs::{Calls, Legs};
use super::marks::{Mark, Marking, Settings};
use super::media::{FileMedia, Media};
use super::registrar::{Ending, Registrar};
use super::slots::Slots;
use super::transaction::{Digest, Moment, TIMER_B, belongs_to_calls};
use crate::codes::Code;
use crate::event::{Event, Path, Undelivered, What};
use crate::issue::{Cause, Issues, Tally};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::dtmf;
use crate::wire::media::Media as MediaPacket;
use crate::wire::rtp::Rtp;
use crate::wire::sip::{Message, Method};

/// How long a closed call is remembered so that its stragglers open no new row.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// How far packets may step back in time behind the latest.
const STEPS_BACK: Duration = Duration::from_secs(60);

/// What was on the wire, call or not.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Requests by method, as sent.
    pub methods: BTreeMap<Box<str>, u64>,
    /// Responses by status code.
    pub codes: BTreeMap<u16, u64>,
    files: Vec<FileTraffic>,
}

/// What one capture held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileTraffic {
    /// SIP messages, retransmissions and duplicates included.
    pub sip_messages: u64,
    /// SIP packets that were captured before.
    pub duplicates: u64,
}

impl Traffic {
    /// Methods beyond this many different ones are counted together as `other`.
    const MOST_METHODS: usize = 64;
    /// A method of more bytes is not counted by its name: the longest registered one has 9.
    const LONGEST_METHOD: usize = 64;
    /// Captures beyond this many, those of earlier runs included, are not counted each.
    const MOST_FILES: usize = 1 << 20;

    /// What the capture of this index held.
    #[must_use]
    pub fn of_file(&self, file: u32) -> FileTraffic {
        self.files.get(file as usize).copied().unwrap_or_default()
    }

    fn count(&mut self, event: &Event<'_>, message: &Message<'_>) {
        let file = event.place.file as usize;
        if self.files.len() <= file && file < Self::MOST_FILES {
            self.files.resize(file + 1, FileTraffic::default());
        }
        if let Some(of) = self.files.get_mut(file) {
            of.sip_messages += 1;
            of.duplicates += u64::from(event.duplicate);
        }
        if let Some(code) = message.code() {
            *self.codes.entry(code).or_default() += 1;
        } else if let Some(method) = message.method() {
            let token = std::str::from_utf8(method.token()).ok().filter(|token| token.len() <= Self::LONGEST_METHOD);
            let token = token.unwrap_or("other");
            if let Some(count) = self.methods.get_mut(token) {
                *count += 1;
            } else {
                let token = if self.methods.len() < Self::MOST_METHODS { token } else { "other" };
                *self.methods.entry(token.into()).or_default() += 1;
            }
        }
    }
}

/// What calls are open under one Call-ID.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Group {
    /// Slots of the calls, oldest first.
    calls: Slots,
}

/// By digest of the Call-ID, which is seeded already.
type Groups = HashMap<u64, Group, foldhash::fast::FixedState>;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Open {
    call: Call,
    /// The alarm that is set for it; any other of its slot was for a call before it. Alarms may come early, never late.
    alarm: Option<Timestamp>,
    /// It had another message since it was opened, or since the hand came by.
    heard: bool,
    /// It is counted among the calls in progress.
    in_progress: bool,
}

/// Holds every call and registration in progress. Given events, it yields facts; it reads no clock, opens no file and
/// starts no thread.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Tracker {
    #[serde(skip)]
    pub(super) settings: Settings,
    /// Marks still to come, the next one last.
    #[serde(skip)]
    pub(super) marks: Vec<Mark>,
    /// Calls in progress; counted only where a limit asks for it.
    in_progress: usize,
    digest: Digest,
    pub(super) now: Option<Timestamp>,
    groups: Groups,
    calls: Vec<Option<Open>>,
    free: Vec<usize>,
    /// Which call makes room where there are too many.
    hand: Hand,
    registrar: Registrar,
    pub(super) exchanges: Exchanges,
    /// Which open call sent an initial INVITE last on a hop.
    senders: HashMap<Path, usize, foldhash::quality::RandomState>,
    alarms: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Closed calls by digest of Call-ID and tag, with the order in which they are forgotten.
    closed: HashMap<u64, Timestamp, foldhash::quality::RandomState>,
    closings: VecDeque<(Timestamp, u64)>,
    #[serde(skip)]
    facts: VecDeque<Fact>,
    /// At the end of the captures: calls and whatever else is told in order of time, and the registrations among it.
    #[serde(skip)]
    last_facts: VecDeque<Fact>,
    #[serde(skip)]
    ending: Ending,
    #[serde(skip)]
    traffic: Traffic,
    media: Media,
    /// Nothing but idle streams falls due before.
    #[serde(skip)]
    due: Option<Timestamp>,
    pub(super) legs: Legs,
    /// What bounds on memory gave up in calls and registrations.
    #[serde(skip)]
    issues: Issues,
    // Asked for at each run, and told of what that run showed.
    #[serde(skip)]
    recorder: Recorder,
}

/// What a message that is to be explained met.
struct Before {
    slot: Option<usize>,
    call: Option<Call>,
    registered: Option<Code>,
    is_straggler: bool,
}

/// The open calls, as the search for other legs asks for them.
struct Known<'t> {
    digest: &'t Digest,
    groups: &'t Groups,
    calls: &'t [Option<Open>],
}

impl Calls for Known<'_> {
    fn call(&self, slot: usize) -> Option<&Call> {
        self.calls.get(slot).and_then(Option::as_ref).map(|open| &open.call)
    }

    fn under(&self, call_id: &[u8]) -> &[usize] {
        self.groups.get(&self.digest.of(call_id)).map_or(&[], |group| group.calls.as_slice())
    }
}

/// When a call wants to be looked at again; as an online monitor would, also when its silence is due.
fn wakes_at(call: &Call, settings: &Settings, now: Timestamp) -> Option<Timestamp> {
    let silence = || call.falls_silent(settings).map(|silence| silence.at).filter(|at| settings.as_live && *at > now);
    call.wakes_at(now).or_else(silence)
}

/// How soon a message or media to come may make a call end, or fall silent.
fn soonest(settings: &Settings) -> Duration {
    let silence = settings.signalling_timeout.min(settings.media_timeout);
    if settings.as_live { TIMER_B.min(silence) } else { TIMER_B }
}

/// Whether the call of a slot ended, or there is none.
fn is_over(calls: &[Option<Open>], slot: usize) -> bool {
    calls.get(slot).and_then(Option::as_ref).is_none_or(|open| open.call.is_over())
}

/// The order in which facts are told at the end.
fn order(fact: &Fact) -> ((Timestamp, Place), u8) {
    match fact {
        Fact::Call(call) => ((call.start, call.place), 0),
        Fact::Registration(registration) => ((registration.start, registration.place), 1),
        Fact::Transaction(transaction) => ((transaction.first, transaction.place), 2),
        Fact::Stream(stream) => ((stream.heard.first, stream.place), 3),
    }
}

/// The fact of a call that is told now. A call marked by the user without a time is marked whatever its state.
fn settled(call: &mut Call, slot: usize, media: &mut Media, settings: &Settings, now: Timestamp) -> CallFact {
    if settings.unmonitored.iter().any(|call_id| **call_id == call.call_id()[..]) {
        call.mark(Code::UNMONITORED_BY_USER, call.last_sign_of_life());
    }
    let told = call.told();
    let mut fact = call.take_fact(now);
    media.close(slot, &told, &mut fact);
    fact
}

impl Tracker {
    /// A tracker that has seen nothing, with the settings that are usual.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tracker that has seen nothing.
    #[must_use]
    pub fn with(settings: Settings) -> Self {
        let mut marks = settings.marks.clone();
        marks.sort_by_key(|mark| Reverse(mark.at));
        Self { settings, marks, ..Self::default() }
    }

    /// Looks for the Call-ID of another leg in these headers too, beside those that are known for it.
    pub fn link_by(&mut self, headers: impl IntoIterator<Item = String>) {
        self.legs.link_by(headers);
    }

    /// Notes what becomes of each message of these Call-IDs, and by which rule.
    pub fn explain<'c>(&mut self, call_ids: impl IntoIterator<Item = &'c str>) {
        call_ids.into_iter().for_each(|call_id| self.recorder.ask(call_id));
    }

    /// What was noted, one for each Call-ID asked for, whether it occurred or not.
    pub fn take_explanations(&mut self) -> Vec<Explanation> {
        self.recorder.take()
    }

    /// Takes in what happened on the wire; time passes up to it.
    #[inline]
    pub fn feed(&mut self, event: &Event<'_>) {
        match &event.what {
            What::Rtp(rtp, dscp) => self.feed_rtp(event, rtp, *dscp),
            _ => self.feed_other(event),
        }
    }

    /// Takes in a packet of media, captured at `at` in this file, where it is one more of a known stream and nothing falls
    /// due. `false`: it was not taken in, and is to be [fed](Self::feed). Behind the last of a run, [`pass`](Self::pass).
    #[inline]
    pub fn feed_known(&mut self, at: Timestamp, file: u32, media: &MediaPacket<'_>) -> bool {
        let quiet = |due: Timestamp| at < due;
        self.due.is_some_and(quiet) && self.media.due().is_none_or(quiet) && self.media.on_known(at, file, media)
    }

    /// Time passed up to here, as packets of known streams showed, and nothing fell due.
    pub fn pass(&mut self, at: Timestamp) {
        self.now = self.now.max(Some(at));
    }

    #[inline]
    fn feed_rtp(&mut self, event: &Event<'_>, rtp: &Rtp<'_>, dscp: u8) {
        self.advance(event.at);
        let Self { media, calls, .. } = self;
        media.on_rtp(event, rtp, dscp, &|slot| is_over(calls, slot));
    }

    fn feed_other(&mut self, event: &Event<'_>) {
        self.advance(event.at);
        let message = match &event.what {
            What::Sip(message) => message,
            What::Icmp(undelivered) => return self.feed_icmp(event, undelivered),
            What::Rtcp(rtcp) => {
                let Self { media, calls, .. } = self;
                return media.on_rtcp(event, rtcp, &|slot| is_over(calls, slot));
            }
            What::Rtp(..) => return,
        };
        self.traffic.count(event, message);
        let Some(method) = message.method() else { return };
        let Some(call_id) = message.call_id() else { return };
        let digest = if method == Method::Register { self.registrar.digest() } else { &self.digest };
        let (call, key) = (digest.of(call_id), digest.transaction(message));
        let (tags, described) = (Tags::of(digest, message), Described::default());
        let arrival = Arrival { event, message, call, key, tags, described };
        let before = self.recorder.wants(call_id).then(|| self.before(call_id, &arrival));
        if method == Method::Register {
            self.feed_registration(call_id, &arrival);
        } else if stands_alone(&method) {
            self.feed_alone(call_id, &arrival, belongs_to_calls(&method));
        } else if belongs_to_calls(&method) {
            self.feed_call(call_id, &arrival);
        }
        if let Some(before) = before {
            self.note(call_id, &arrival, &before);
        }
    }

    /// What a message is about to meet.
    fn before(&self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Before {
        let slot = self.slot_of(arrival);
        let call = slot.and_then(|slot| Some(self.calls.get(slot)?.as_ref()?.call.clone()));
        let registered = self.registered(call_id, arrival);
        Before { slot, call, registered, is_straggler: self.is_straggler(arrival) }
    }

    /// The code of the registration that a message belongs to.
    fn registered(&self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Option<Code> {
        let is_one = arrival.message.method() == Some(Method::Register);
        if is_one { self.registrar.code(call_id, arrival) } else { None }
    }

    /// Writes down what became of a message that met this.
    fn note(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>, before: &Before) {
        let again = self.recorder.again(&self.digest, call_id, arrival);
        let slot = before.slot.or_else(|| self.slot_of(arrival));
        let call = slot.and_then(|slot| Some(&self.calls.get(slot)?.as_ref()?.call));
        let (was, is, rule) = if arrival.message.method() == Some(Method::Register) {
            let (was, is) = (before.registered, self.registered(call_id, arrival));
            (was, is, explain::rule_of_registration(was, is, arrival, again))
        } else if let Some(call) = call.filter(|_| !self.exchanges.knows(&self.digest, call_id, arrival)) {
            let was = before.call.as_ref().and_then(Call::code);
            (was, call.code(), call.rule(before.call.as_ref(), arrival, again))
        } else {
            (None, None, explain::rule_of_none(arrival, before.is_straggler))
        };
        let Event { at, place, path, .. } = *arrival.event;
        let note = Note { at, place, path, what: explain::what(arrival), before: was, after: is, rule };
        self.recorder.note(call_id, note);
    }

    /// Lets time pass: the deadlines that it crosses fire in order. Merged captures step back, time does not.
    pub fn advance(&mut self, now: Timestamp) {
        let now = self.now.map_or(now, |then| then.max(now));
        self.now = Some(now);
        let Self { media, calls, facts, .. } = self;
        let strays = media.advance(now, &|slot| is_over(calls, slot));
        facts.extend(strays.into_iter().map(|fact| Fact::Stream(Box::new(fact))));
        if self.due.is_none_or(|due| due <= now) {
            self.fire(now);
        }
    }

    /// Lets all fire that fell due but idle streams, and finds out when the next of it does.
    fn fire(&mut self, now: Timestamp) {
        self.exchanges.advance(now);
        loop {
            let alarm = self.alarms.peek().map(|Reverse((at, _))| *at).filter(|at| *at <= now);
            let mark = self.marks.last().map(|mark| mark.at).filter(|at| *at <= now);
            match (alarm, mark) {
                (None, None) => break,
                (alarm, Some(at)) if alarm.is_none_or(|alarm| at <= alarm) => {
                    if let Some(mark) = self.marks.pop() {
                        self.on_mark(&mark);
                    }
                }
                _ => {
                    if let Some(Reverse((at, slot))) = self.alarms.pop() {
                        self.on_alarm(at, slot);
                    }
                }
            }
        }
        while let Some(&(until, _)) = self.closings.front()
            && until <= now
        {
            self.forget_oldest_closed();
        }
        let alarm = self.alarms.peek().map(|Reverse((at, _))| *at);
        let mark = self.marks.last().map(|mark| mark.at);
        let closing = self.closings.front().map(|(at, _)| *at);
        let due = [alarm, mark, closing, self.exchanges.due()].into_iter().flatten().min();
        self.due = due.or(Some(Timestamp::from_nanos(i64::MAX)));
    }

    /// Something new falls due.
    fn falls_due(&mut self, at: Timestamp) {
        self.due = self.due.map(|due| due.min(at));
    }

    fn forget_oldest_closed(&mut self) {
        // Closed again since, it is remembered longer.
        if let Some((until, key)) = self.closings.pop_front()
            && self.closed.get(&key).is_some_and(|held| *held <= until)
        {
            self.closed.remove(&key);
        }
    }

    /// The captures were interrupted from `from` to `to`, longer than [`Settings::restart_gap`], and go on in another
    /// file or section: calls active across it that never resume are 8002. Not called for a silence within one capture.
    pub fn on_sniffer_gap(&mut self, from: Timestamp, to: Timestamp) {
        self.on_gap(from, to, Code::UNMONITORED_SNIFFER_RESTART);
    }

    pub(super) fn on_gap(&mut self, from: Timestamp, to: Timestamp, code: Code) {
        let at = from.after(self.settings.restart_gap);
        if at >= to {
            return;
        }
        self.advance(at);
        self.hear_all();
        for open in self.calls.iter_mut().flatten() {
            open.call.interrupt(code, at);
            if self.settings.as_live {
                open.call.judge_silence(&self.settings, at);
            }
        }
    }

    /// Media of a call that no description announced: the newest active call of the Call-ID is meant.
    #[cfg(test)]
    pub(super) fn on_media(&mut self, call_id: &[u8], at: Timestamp) {
        self.advance(at);
        let Some(group) = self.groups.get(&self.digest.of(call_id)) else { return };
        for slot in group.calls.as_slice().iter().rev() {
            if let Some(Some(open)) = self.calls.get_mut(*slot)
                && open.call.is_active()
            {
                open.call.on_media(at);
                return;
            }
        }
    }

    /// Tells a call of its media, whose packets are not brought before it one by one.
    fn hear(&mut self, slot: usize) {
        if let Some(Some(open)) = self.calls.get_mut(slot)
            && let Some(at) = self.media.last_of(slot)
        {
            open.call.on_media(at);
        }
    }

    fn hear_all(&mut self) {
        (0..self.calls.len()).for_each(|slot| self.hear(slot));
    }

    /// What the capture of this index held of media.
    #[must_use]
    pub fn media_of_file(&self, file: u32) -> FileMedia {
        self.media.of_file(file)
    }

    fn on_mark(&mut self, mark: &Mark) {
        let at = mark.at;
        for open in self.calls.iter_mut().flatten() {
            let call = &mut open.call;
            match &mark.what {
                Marking::Unmonitor(call_id) if call.call_id()[..] == **call_id && call.is_in_progress(at) => {
                    call.mark(Code::UNMONITORED_BY_USER, at);
                }
                Marking::ServerRestart if call.is_active() => call.mark(Code::UNMONITORED_SERVER_RESTART, at),
                Marking::SnifferRestart if call.is_active() => call.mark(Code::UNMONITORED_SNIFFER_RESTART, at),
                _ => {}
            }
        }
    }

    /// The next thing that is settled.
    pub fn poll(&mut self) -> Option<Fact> {
        if let Some(fact) = self.facts.pop_front() {
            return Some(fact);
        }
        let first = self.last_facts.front();
        let registrations_first =
            self.ending.next_began().is_some_and(|next| first.is_none_or(|of| order(of) > (next, 1)));
        if registrations_first {
            return self.ending.pop().map(|fact| Fact::Registration(Box::new(fact)));
        }
        self.last_facts.pop_front()
    }

    /// No call that is still to be told began before this: the earliest start of all that are open, or a minute before
    /// `now`, since merged captures and what is carried in others step back. A message that comes later than that may
    /// still open a call that began before.
    #[must_use]
    pub fn begun(&self, now: Timestamp) -> Timestamp {
        let open = self.calls.iter().flatten().map(|open| open.call.begun());
        let told =
            self.facts.iter().filter_map(|fact| if let Fact::Call(call) = fact { Some(call.start) } else { None });
        open.chain(told).fold(now.before(STEPS_BACK), Timestamp::min)
    }

    /// The captures end here: everything that is open is told as it stands at `end`.
    pub fn finish(&mut self, end: Timestamp) {
        self.advance(end);
        let now = self.now.unwrap_or(end);
        let Self { media, calls, .. } = self;
        media.settle(&|slot| is_over(calls, slot));
        self.hear_all();
        // Most of what follows grows in proportion to what is released here.
        self.groups = Groups::default();
        let mut facts: Vec<Fact> = Vec::new();
        let mut earlier = VecDeque::new();
        for (slot, open) in self.calls.drain(..).enumerate() {
            let Some(mut open) = open else { continue };
            let call = &mut open.call;
            call.on_time(now);
            call.judge_silence(&self.settings, now);
            let mut fact = settled(call, slot, &mut self.media, &self.settings, now);
            fact.linked = self.legs.close(slot);
            facts.push(Fact::Call(Box::new(fact)));
        }
        facts.extend(self.exchanges.finish(now).into_iter().map(|fact| Fact::Transaction(Box::new(fact))));
        facts.extend(self.media.finish().into_iter().map(|fact| Fact::Stream(Box::new(fact))));
        facts.sort_by_key(order);
        // What an earlier end left untold comes before.
        while let Some(fact) = self.poll() {
            earlier.push_back(fact);
        }
        self.facts = earlier;
        self.last_facts = facts.into();
        self.ending = Ending::of(std::mem::take(&mut self.registrar), now);
        self.free.clear();
        self.senders.clear();
        self.alarms.clear();
    }

    /// What bounds on memory gave up since this was last asked.
    pub fn take_issues(&mut self) -> Issues {
        let mut issues = std::mem::take(&mut self.issues);
        issues.absorb(std::mem::take(&mut self.exchanges.issues));
        issues.absorb(std::mem::take(&mut self.legs.issues));
        let left_out = self.media.take_left_out();
        let tally = Tally { count: left_out.packets, bytes: 0, first: left_out.first };
        issues.add_tally(Cause::Bound("RTP streams"), tally);
        issues
    }

    /// How many calls and registrations are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.calls.iter().flatten().count(), self.registrar.len())
    }

    /// Entries of all that grows with calls and registrations, but for closed calls, which are bounded by themselves.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> usize {
        let slots = self.calls.len() + self.free.len() + self.registrar.footprint();
        slots + self.groups.len() + self.senders.len() + self.alarms.len() + self.legs.footprint()
    }

    /// What was on the wire so far.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn on_alarm(&mut self, at: Timestamp, slot: usize) {
        if self.calls.get(slot).and_then(Option::as_ref).is_none_or(|open| open.alarm != Some(at)) {
            return;
        }
        self.hear(slot);
        let Some(Some(open)) = self.calls.get_mut(slot) else { return };
        open.call.on_time(at);
        if open.call.closes_at().is_some_and(|close| close <= at) {
            self.close(at, slot);
            return;
        }
        if self.settings.as_live {
            open.call.judge_silence(&self.settings, at);
        }
        // No message can end a call sooner than 64·T1 from when it comes, and none comes before the time that is now.
        let soonest = self.now.unwrap_or(at).after(soonest(&self.settings));
        open.alarm = wakes_at(&open.call, &self.settings, at).map(|wake| wake.min(soonest));
        self.alarms.extend(open.alarm.map(|wake| Reverse((wake, slot))));
        self.count(slot, at);
    }

    fn close(&mut self, at: Timestamp, slot: usize) {
        let Some(open) = self.calls.get_mut(slot).and_then(Option::as_mut) else { return };
        self.free.push(slot);
        self.in_progress -= usize::from(open.in_progress);
        let call = &mut open.call;
        let call_key = self.digest.of(&call.call_id()[..]);
        if let Entry::Occupied(mut group) = self.groups.entry(call_key) {
            group.get_mut().calls.remove(slot);
            if group.get().calls.is_empty() {
                group.remove();
            }
        }
        for way in call.ways() {
            if self.senders.get(&way) == Some(&slot) {
                self.senders.remove(&way);
            }
        }
        let until = at.after(REMEMBERED);
        // In a call joined late either side's tag may come first in a straggler.
        let others = if call.is_partial() { call.callee_tags() } else { &[] };
        for tag in [call.caller_tag()].iter().chain(others) {
            let key = self.digest.of((call_key, *tag));
            self.closed.insert(key, until);
            self.closings.push_back((until, key));
        }
        let mut fact = Box::new(settled(call, slot, &mut self.media, &self.settings, at));
        fact.linked = self.legs.close(slot);
        self.facts.push_back(Fact::Call(fact));
        self.falls_due(until);
        if let Some(place) = self.calls.get_mut(slot) {
            *place = None;
        }
        while self.closings.len() > MOST_CLOSED {
            self.forget_oldest_closed();
        }
    }

    /// Counts the calls in progress anew: the limit may be another one than before.
    pub(super) fn recount(&mut self) {
        self.in_progress = 0;
        for open in self.calls.iter_mut().flatten() {
            open.in_progress = false;
        }
        let Some(now) = self.now else { return };
        for slot in 0..self.calls.len() {
            self.count(slot, now);
        }
    }

    /// Keeps count of the calls in progress.
    fn count(&mut self, slot: usize, now: Timestamp) {
        if self.settings.license_limit.is_none() {
            return;
        }
        let Some(Some(open)) = self.calls.get_mut(slot) else { return };
        let is = open.call.is_in_progress(now);
        let was = std::mem::replace(&mut open.in_progress, is);
        self.in_progress = self.in_progress + usize::from(is) - usize::from(was);
    }

    fn is_straggler(&self, arrival: &Arrival<'_, '_>) -> bool {
        let Tags { from, to, .. } = arrival.tags;
        !self.closed.is_empty()
            && [from, to].iter().any(|tag| self.closed.contains_key(&self.digest.of((arrival.call, *tag))))
    }

    fn feed_call(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) {
        let known = self.slot_of(arrival);
        let slot = match known {
            Some(slot) => slot,
            None if arrival.event.duplicate => return,
            None if arrival.is_initial_invite() => self.open_call(call_id, arrival),
            None if arrival.reveals_a_call() && !self.is_straggler(arrival) => self.open_call(call_id, arrival),
            None => return,
        };
        let Some(Some(open)) = self.calls.get_mut(slot) else { return };
        open.heard |= known.is_some();
        open.call.feed(&self.digest, arrival);
        if let Some(what) = open.call.take_beyond() {
            self.issues.add(arrival.event.place, Cause::Counted(what), 0);
        }
        if arrival.is_initial_invite() && open.call.awaits(arrival.event.path) {
            self.senders.insert(arrival.event.path, slot);
        }
        let now = self.now.unwrap_or(arrival.event.at);
        if open.alarm.is_none() && wakes_at(&open.call, &self.settings, now).is_some() {
            let alarm = now.after(soonest(&self.settings));
            open.alarm = Some(alarm);
            self.alarms.push(Reverse((alarm, slot)));
            self.falls_due(alarm);
        }
        self.count(slot, now);
        let known = Known { digest: &self.digest, groups: &self.groups, calls: &self.calls };
        self.legs.feed(slot, arrival, &self.digest, &known);
        self.feed_media(slot, arrival);
    }

    /// What a message of a call says of its media: where they are expected, or which keys were pressed.
    fn feed_media(&mut self, slot: usize, arrival: &Arrival<'_, '_>) {
        let Self { media, calls, .. } = self;
        let Some(Some(open)) = calls.get(slot) else { return };
        let (message, at) = (arrival.message, arrival.event.at);
        if let Some(said) = open.call.description(arrival) {
            media.on_description(slot, &said, at, &|slot| is_over(calls, slot));
        } else if message.is_request() && message.method() == Some(Method::Info) {
            let signals = dtmf::signals(message.content_type(), message.body()).map(|signal| signal.digit);
            media.on_digits(slot, open.call.sender(arrival.tags), arrival.cseq(), signals, at);
        }
    }

    /// An ICMP error is evidence on the call whose packet it quotes. It opens no call and is no message of one.
    fn feed_icmp(&mut self, event: &Event<'_>, undelivered: &Undelivered<'_>) {
        let quoted = undelivered.message.as_ref();
        let slot = match quoted.and_then(|message| Some((message, message.call_id()?))) {
            Some((message, call_id)) => self.slot_of_quote(call_id, event, message),
            // Cut before the Call-ID: an error follows its packet closely, so it is that of the call that sent an
            // INVITE last on this hop, if that one still waits.
            None if quoted.is_none_or(|message| message.is_request() && message.method() == Some(Method::Invite)) => {
                let waits = |slot: &usize| {
                    self.calls.get(*slot).and_then(Option::as_ref).is_some_and(|open| open.call.awaits(event.path))
                };
                self.senders.get(&event.path).copied().filter(waits)
            }
            None => None,
        };
        if let Some(Some(open)) = slot.and_then(|slot| self.calls.get_mut(slot)) {
            open.call.on_icmp(undelivered.error, Moment::of(event));
            self.recorder.note_icmp(open.call.call_id(), event, undelivered.error, open.call.code());
        }
    }

    fn slot_of_quote(&self, call_id: &[u8], event: &Event<'_>, message: &Message<'_>) -> Option<usize> {
        let method = message.method();
        if method.is_some_and(|method| !belongs_to_calls(&method)) {
            return None;
        }
        if message.from_value().is_some() && message.top_via().is_some() && message.cseq().is_some() {
            let (call, key) = (self.digest.of(call_id), self.digest.transaction(message));
            let (tags, described) = (Tags::of(&self.digest, message), Described::default());
            return self.slot_of(&Arrival { event, message, call, key, tags, described });
        }
        // Cut before what tells the calls of one Call-ID apart; a registration under it might be meant as well.
        let group = self.groups.get(&self.digest.of(call_id))?;
        group.calls.as_slice().last().copied().filter(|_| method.is_some() || !self.registrar.has(call_id))
    }

    /// A message of a method that calls use and others too: the call's where one claims it, even one closed lately.
    fn feed_alone(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>, may_be_of_a_call: bool) {
        if !self.exchanges.knows(&self.digest, call_id, arrival) && may_be_of_a_call {
            let slot = self.slot_of(arrival);
            let call = slot.and_then(|slot| self.calls.get(slot)?.as_ref()).map(|open| &open.call);
            // A request inside a dialog names both sides (RFC 3261 12.2.1.1).
            let in_dialog = arrival.tags.has_to || !arrival.message.is_request();
            if call.is_some_and(|call| in_dialog || call.has_no_callee_tag()) {
                return self.feed_call(call_id, arrival);
            }
            if in_dialog && self.is_straggler(arrival) {
                return;
            }
        }
        let now = self.now.unwrap_or(arrival.event.at);
        self.exchanges.feed(&self.digest, call_id, arrival, now);
        if let Some(due) = self.exchanges.due() {
            self.falls_due(due);
        }
    }

    /// The open call that a message belongs to: the surest, and among equals the newest.
    fn slot_of(&self, arrival: &Arrival<'_, '_>) -> Option<usize> {
        let slots = self.groups.get(&arrival.call)?.calls.as_slice();
        let call = |slot: usize| self.calls.get(slot).and_then(Option::as_ref).map(|open| &open.call);
        if arrival.is_initial_invite() {
            let same_caller = |slot: &&usize| {
                call(**slot).is_some_and(|call| call.caller_tag() == arrival.tags.from && call.admits(arrival))
            };
            return slots.iter().rev().find(same_caller).copied();
        }
        let affinity = |slot: usize| call(slot).map_or(0, |call| call.affinity(arrival));
        match slots {
            [only] => Some(*only).filter(|only| affinity(*only) > 0),
            _ => slots.iter().copied().filter(|slot| affinity(*slot) > 0).max_by_key(|slot| affinity(*slot)),
        }
    }

    /// Tells the calls that were quiet for long as they stand, until there is room for one more.
    fn make_room(&mut self, place: Place) {
        while self.calls.len() - self.free.len() >= self.settings.max_calls.max(1) {
            let (slots, calls) = (self.calls.len(), &mut self.calls);
            let heard = |slot: usize| calls.get_mut(slot)?.as_mut().map(|open| std::mem::take(&mut open.heard));
            let Some(slot) = self.hand.pick(slots, heard) else { return };
            if let Some(Some(open)) = self.calls.get_mut(slot) {
                let now = self.now.unwrap_or_default();
                open.call.on_time(now);
                open.call.judge_silence(&self.settings, now);
                self.issues.add(place, Cause::Bound("calls"), 0);
                self.close(now, slot);
            }
        }
        // Alarms of those that went: they come to nothing, but until then they are many.
        if self.alarms.len() > 1024 + 2 * self.calls.len() {
            let calls = &self.calls;
            let is_set = |at, slot: usize| matches!(calls.get(slot), Some(Some(open)) if open.alarm == Some(at));
            self.alarms.retain(|Reverse((at, slot))| is_set(*at, *slot));
        }
    }

    fn open_call(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> usize {
        self.make_room(arrival.event.place);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.calls.push(None);
            self.calls.len() - 1
        });
        self.groups.entry(arrival.call).or_default().calls.push(slot);
        let mut call = Call::open(Arc::from(call_id), arrival);
        if self.settings.license_limit.is_some_and(|limit| self.in_progress >= limit) && arrival.is_initial_invite() {
            call.mark(Code::UNMONITORED_LICENSING, arrival.event.at);
        }
        if let Some(place) = self.calls.get_mut(slot) {
            *place = Some(Open { call, alarm: None, heard: false, in_progress: false });
        }
        slot
    }

    fn feed_registration(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) {
        let now = self.now.unwrap_or(arrival.event.at);
        let outcome = self.registrar.feed(call_id, arrival, now, self.settings.max_registrations);
        if outcome.beyond {
            self.issues.add(arrival.event.place, Cause::Counted("contacts of a registration"), 0);
        }
        for fact in outcome.told {
            self.issues.add(arrival.event.place, Cause::Bound("registrations"), 0);
            self.facts.push_back(Fact::Registration(Box::new(fact)));
        }
    }
}

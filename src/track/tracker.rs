//! Owns all calls and registrations that are open, routes each message to its own, and lets capture time close them.
//! Routes and owns; the rules live in its neighbours.

mod end;
mod noted;
mod sleep;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::alarms::Alarms;
use super::asleep::Asleep;
use super::bounds::Hand;
use super::call::{Arrival, Call, Tags};
use super::closed::Closed;
use super::exchange::{Exchanges, stands_alone};
use super::explain::{Explanation, Recorder};
use super::fact::{CallFact, Fact};
use super::legs::{Calls, Legs};
use super::marks::{Mark, Marking, Settings};
use super::media::{FileMedia, Media};
use super::registrar::{Ending, Registrar};
use super::slots::SlotsBy;
use super::table::Table;
use super::traffic::Traffic;
use super::transaction::{Digest, Moment, TIMER_B, belongs_to_calls};
use crate::codes::Code;
use crate::event::{Event, Undelivered, What};
use crate::issue::{Cause, Issues, Tally};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::dtmf;
use crate::wire::media::Media as MediaPacket;
use crate::wire::rtp::Rtp;
use crate::wire::sip::{Message, Method};

/// How far packets may step back in time behind the latest.
const STEPS_BACK: Duration = Duration::from_secs(60);

/// Places of closed calls that are kept for the next ones.
const MOST_SPARE: usize = 64;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[repr(C)]
struct Open {
    /// The alarm that is set for it; any other of its slot was for a call before it. Alarms may come early, never late.
    alarm: Option<Timestamp>,
    /// It had another message since it was opened, or since the hand came by.
    heard: bool,
    /// It is counted among the calls in progress.
    in_progress: bool,
    call: Call,
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
    /// The open calls of each Call-ID, by its digest: oldest first.
    by_call_id: SlotsBy,
    calls: Vec<Option<Box<Open>>>,
    free: Vec<usize>,
    /// Where calls were that closed lately, the last one last: the next ones open there, in memory that is at hand.
    #[serde(skip)]
    #[expect(clippy::vec_box, reason = "a call goes from slot to slot as it is, and is not copied")]
    spare: Vec<Box<Open>>,
    /// The calls of slots that seem empty, and are not free.
    asleep: Asleep,
    /// The slot that was looked at last, whether its call may sleep.
    looked_at: usize,
    /// Which call makes room where there are too many.
    hand: Hand,
    registrar: Registrar,
    pub(super) exchanges: Exchanges,
    /// Which open call sent an initial INVITE last on a hop, by its digest.
    senders: Table<usize>,
    alarms: Alarms,
    /// Closed calls by digest of Call-ID and tag.
    closed: Closed,
    #[serde(skip)]
    facts: VecDeque<Fact>,
    /// At the end of the captures: calls by when they began, the last one first, whatever else is told in order of time,
    /// and the registrations among it.
    #[serde(skip)]
    last_calls: Vec<((Timestamp, Place), usize)>,
    #[serde(skip)]
    last_facts: VecDeque<Fact>,
    #[serde(skip)]
    ending: Ending,
    /// Some of it may be left to tell.
    #[serde(skip)]
    at_the_end: bool,
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

/// The open calls, as the search for other legs asks for them.
struct Known<'t> {
    digest: &'t Digest,
    by_call_id: &'t SlotsBy,
    calls: &'t [Option<Box<Open>>],
}

impl Calls for Known<'_> {
    fn call(&self, slot: usize) -> Option<&Call> {
        self.calls.get(slot).and_then(Option::as_ref).map(|open| &open.call)
    }

    fn under(&self, call_id: &[u8]) -> &[usize] {
        self.of_key(self.digest.call(call_id))
    }

    fn of_key(&self, key: u64) -> &[usize] {
        self.by_call_id.get(key)
    }
}

/// When a call may be closed; as an online monitor would, also when its silence is due.
fn ends_at(call: &Call, settings: &Settings, now: Timestamp) -> Option<Timestamp> {
    let silence = || call.falls_silent(settings).map(|silence| silence.at).filter(|at| settings.as_live && *at > now);
    call.closes_at().or_else(silence)
}

/// How often calls are looked at where media, which are not brought before them, may make them fall silent sooner.
fn live_interval(settings: &Settings) -> Option<Duration> {
    settings.as_live.then(|| TIMER_B.min(settings.signalling_timeout).min(settings.media_timeout))
}

/// Whether the call of a slot ended, or there is none.
fn is_over(calls: &[Option<Box<Open>>], asleep: &Asleep, slot: usize) -> bool {
    match calls.get(slot).and_then(Option::as_ref) {
        Some(open) => open.call.is_over(),
        None => !asleep.holds(slot),
    }
}

/// The fact of a call that is told now. A call marked by the user without a time is marked whatever its state.
fn settled(call: &mut Call, slot: usize, media: &mut Media, settings: &Settings, now: Timestamp) -> CallFact {
    if settings.unmonitored.iter().any(|call_id| **call_id == *call.call_id().as_bytes()) {
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
    #[inline(always)] // Once for each packet of media, which then need not be written down to be handed on.
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
        self.expect_media();
        let Self { media, calls, asleep, .. } = self;
        media.on_rtp(event, rtp, dscp, &|slot| is_over(calls, asleep, slot));
    }

    fn feed_other(&mut self, event: &Event<'_>) {
        self.advance(event.at);
        let message = match &event.what {
            What::Sip(message) => message,
            What::Icmp(undelivered) => return self.feed_icmp(event, undelivered),
            What::Rtcp(rtcp) => {
                self.expect_media();
                let Self { media, calls, asleep, .. } = self;
                return media.on_rtcp(event, rtcp, &|slot| is_over(calls, asleep, slot));
            }
            What::Rtp(..) => return,
        };
        self.traffic.count(event, message);
        let Some(method) = message.method() else { return };
        let Some(call_id) = message.call_id() else { return };
        let digest = if method == Method::Register { self.registrar.digest() } else { &self.digest };
        let arrival = Arrival::of(digest, event, message, call_id);
        if method != Method::Register {
            self.wake_under(arrival.call);
        }
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

    /// Lets time pass: the deadlines that it crosses fire in order. Merged captures step back, time does not.
    pub fn advance(&mut self, now: Timestamp) {
        let now = self.now.map_or(now, |then| then.max(now));
        self.now = Some(now);
        if self.media.is_due(now) {
            let Self { media, calls, asleep, facts, .. } = self;
            let strays = media.advance(now, &|slot| is_over(calls, asleep, slot));
            facts.extend(strays.into_iter().map(|fact| Fact::Stream(Box::new(fact))));
        }
        if self.due.is_none_or(|due| due <= now) {
            self.fire(now);
        }
    }

    /// Lets all fire that fell due but idle streams, and finds out when the next of it does.
    fn fire(&mut self, now: Timestamp) {
        self.exchanges.advance(now);
        loop {
            let alarm = self.alarms.next().map(|(at, _)| at).filter(|at| *at <= now);
            let mark = self.marks.last().map(|mark| mark.at).filter(|at| *at <= now);
            match (alarm, mark) {
                (None, None) => break,
                (alarm, Some(at)) if alarm.is_none_or(|alarm| at <= alarm) => {
                    if let Some(mark) = self.marks.pop() {
                        self.on_mark(&mark);
                    }
                }
                _ => {
                    self.fetch_ahead();
                    if let Some((at, slot)) = self.alarms.pop() {
                        self.on_alarm(at, slot);
                    }
                }
            }
        }
        let alarm = self.alarms.next().map(|(at, _)| at);
        let mark = self.marks.last().map(|mark| mark.at);
        let due = [alarm, mark, self.exchanges.due()].into_iter().flatten().min();
        self.due = due.or(Some(Timestamp::from_nanos(i64::MAX)));
    }

    /// Fetches the calls whose alarms go off soon: most of them had no message for long. First what a call is, and when the
    /// alarm is nearer what that refers to.
    fn fetch_ahead(&self) {
        let call = |slot: usize| self.calls.get(slot).and_then(Option::as_ref).map(|open| &open.call);
        if let Some(slot) = self.alarms.behind(4) {
            call(slot).into_iter().for_each(Call::fetch);
            self.media.fetch(slot);
        }
        if let Some(slot) = self.alarms.behind(2) {
            call(slot).into_iter().for_each(Call::fetch_texts);
            self.media.fetch_texts(slot);
        }
    }

    /// Something new falls due.
    fn falls_due(&mut self, at: Timestamp) {
        self.due = self.due.map(|due| due.min(at));
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
        self.wake_all();
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
        self.wake_under(self.digest.call(call_id));
        for slot in self.by_call_id.get(self.digest.call(call_id)).iter().rev() {
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
        if !self.media.is_awake() {
            return;
        }
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
        self.wake_all();
        for open in self.calls.iter_mut().flatten() {
            let call = &mut open.call;
            match &mark.what {
                Marking::Unmonitor(call_id) if *call.call_id().as_bytes() == **call_id && call.is_in_progress(at) => {
                    call.mark(Code::UNMONITORED_BY_USER, at);
                }
                Marking::ServerRestart if call.is_active() => call.mark(Code::UNMONITORED_SERVER_RESTART, at),
                Marking::SnifferRestart if call.is_active() => call.mark(Code::UNMONITORED_SNIFFER_RESTART, at),
                _ => {}
            }
        }
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
        slots + self.by_call_id.len() + self.senders.len() + self.alarms.len() + self.legs.footprint()
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
        open.alarm = None;
        self.set_alarm(slot, at, at);
        self.count(slot, at);
    }

    /// Sees to it that a call, as it stands now, is looked at when it wants to be: when a timer runs out that is still to run
    /// out, and else not before `earliest`. None is closed sooner than 64·T1 from its last message, though the time of that
    /// may have stepped back.
    fn set_alarm(&mut self, slot: usize, now: Timestamp, earliest: Timestamp) {
        let Some(Some(open)) = self.calls.get_mut(slot) else { return };
        let end = || Some(ends_at(&open.call, &self.settings, now)?.max(earliest));
        let Some(mut alarm) = open.call.waits_until(now).or_else(end) else { return };
        if let Some(interval) = live_interval(&self.settings) {
            alarm = alarm.min(self.now.unwrap_or(now).after(interval));
        }
        if open.alarm.is_none_or(|set| alarm < set) {
            open.alarm = Some(alarm);
            self.alarms.set(alarm, slot);
            self.falls_due(alarm);
        }
    }

    fn close(&mut self, at: Timestamp, slot: usize) {
        let Some(open) = self.calls.get_mut(slot).and_then(Option::as_mut) else { return };
        self.free.push(slot);
        self.in_progress -= usize::from(open.in_progress);
        let call = &mut open.call;
        let call_key = call.key();
        self.by_call_id.remove(call_key, slot);
        for way in call.invite_hops() {
            if let Entry::Occupied(sender) = self.senders.entry(self.digest.path(way))
                && *sender.get() == slot
            {
                sender.remove();
            }
        }
        // In a call joined late either side's tag may come first in a straggler.
        let others = if call.is_partial() { call.callee_tags() } else { &[] };
        for tag in [call.caller_tag()].iter().chain(others) {
            self.closed.remember(self.digest.of((call_key, *tag)), at);
        }
        let mut fact = Box::new(settled(call, slot, &mut self.media, &self.settings, at));
        fact.linked = self.legs.close(slot);
        self.facts.push_back(Fact::Call(fact));
        let left = self.calls.get_mut(slot).and_then(Option::take);
        self.spare.extend(left.filter(|_| self.spare.len() < MOST_SPARE));
    }

    /// Counts the calls in progress anew: the limit may be another one than before.
    pub(super) fn recount(&mut self) {
        self.in_progress = 0;
        if self.settings.license_limit.is_some() {
            self.wake_all();
        }
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
        let now = self.now.unwrap_or(arrival.event.at);
        !self.closed.is_empty()
            && [from, to].iter().any(|tag| self.closed.holds(self.digest.of((arrival.call, *tag)), now))
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
        let (first, state) = (open.call.is_uninvited(), open.call.state());
        open.call.feed(&self.digest, arrival);
        let now = self.now.unwrap_or(arrival.event.at);
        // A call that is up and stays so, or is over and stays so, ends no sooner for a message. One that waits for several
        // branches may.
        let may_end_sooner = open.call.state() != state || open.call.is_attempting();
        if let Some(what) = open.call.take_beyond() {
            self.issues.add(arrival.event.place, Cause::Counted(what), 0);
        }
        if arrival.is_initial_invite() && open.call.awaits(arrival.event.path) {
            self.senders.insert(self.digest.path(arrival.event.path), slot);
        }
        if may_end_sooner || (first && known.is_some()) {
            self.set_alarm(slot, now, now.after(TIMER_B));
        }
        self.count(slot, now);
        let known = Known { digest: &self.digest, by_call_id: &self.by_call_id, calls: &self.calls };
        if !self.asleep.is_empty() {
            let wanted = self.legs.wanted(slot, first, arrival, &self.digest, &known);
            wanted.into_iter().for_each(|slot| self.wake(slot));
        }
        let known = Known { digest: &self.digest, by_call_id: &self.by_call_id, calls: &self.calls };
        self.legs.feed(slot, first, arrival, &self.digest, &known);
        self.feed_media(slot, arrival);
    }

    /// What a message of a call says of its media: where they are expected, or which keys were pressed.
    fn feed_media(&mut self, slot: usize, arrival: &Arrival<'_, '_>) {
        let Self { media, calls, asleep, .. } = self;
        let Some(Some(open)) = calls.get(slot) else { return };
        let (message, at) = (arrival.message, arrival.event.at);
        if let Some(said) = open.call.description(arrival) {
            media.on_description(slot, &said, at, &|slot| is_over(calls, asleep, slot));
        } else if arrival.method == Some(Method::Info) && message.is_request() {
            let signals = dtmf::signals(message.content_type(), message.body()).map(|signal| signal.digit);
            media.on_digits(slot, open.call.sender(arrival.tags), arrival.cseq, signals, at);
        }
    }

    /// An ICMP error is evidence on the call whose packet it quotes. It opens no call and is no message of one.
    fn feed_icmp(&mut self, event: &Event<'_>, undelivered: &Undelivered<'_>) {
        let quoted = undelivered.message.as_ref();
        let slot = match quoted.and_then(|message| Some((message, message.call_id()?))) {
            Some((message, call_id)) => {
                self.wake_under(self.digest.call(call_id));
                self.slot_of_quote(call_id, event, message)
            }
            // Cut before the Call-ID: an error follows its packet closely, so it is that of the call that sent an
            // INVITE last on this hop, if that one still waits.
            None if quoted.is_none_or(|message| message.is_request() && message.method() == Some(Method::Invite)) => {
                let waits = |slot: &usize| {
                    self.calls.get(*slot).and_then(Option::as_ref).is_some_and(|open| open.call.awaits(event.path))
                };
                self.senders.get(&self.digest.path(event.path)).copied().filter(waits)
            }
            None => None,
        };
        if let Some(Some(open)) = slot.and_then(|slot| self.calls.get_mut(slot)) {
            open.call.on_icmp(undelivered.error, Moment::of(event));
            self.recorder.note_icmp(open.call.call_id().as_bytes(), event, undelivered.error, open.call.code());
        }
    }

    fn slot_of_quote(&self, call_id: &[u8], event: &Event<'_>, message: &Message<'_>) -> Option<usize> {
        let method = message.method();
        if method.is_some_and(|method| !belongs_to_calls(&method)) {
            return None;
        }
        if message.from_value().is_some() && message.top_via().is_some() && message.cseq().is_some() {
            return self.slot_of(&Arrival::of(&self.digest, event, message, call_id));
        }
        // Cut before what tells the calls of one Call-ID apart; a registration under it might be meant as well.
        self.by_call_id
            .get(self.digest.call(call_id))
            .last()
            .copied()
            .filter(|_| method.is_some() || !self.registrar.has(call_id))
    }

    /// A message of a method that calls use and others too: the call's where one claims it, even one closed lately.
    fn feed_alone(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>, may_be_of_a_call: bool) {
        let id = Exchanges::identity(&self.digest, call_id, arrival);
        if !self.exchanges.knows(id) && may_be_of_a_call {
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
        self.exchanges.feed(id, &self.digest, call_id, arrival, now);
        if let Some(due) = self.exchanges.due() {
            self.falls_due(due);
        }
    }

    /// The open call that a message belongs to: the surest, and among equals the newest.
    fn slot_of(&self, arrival: &Arrival<'_, '_>) -> Option<usize> {
        let slots = self.by_call_id.get(arrival.call);
        let call = |slot: usize| self.calls.get(slot).and_then(Option::as_ref).map(|open| &open.call);
        // All of it at once, and not one line after the other as it is asked for.
        if let [only] = slots {
            call(*only).into_iter().for_each(Call::fetch);
            if !arrival.message.body().is_empty() {
                self.media.fetch(*only);
            }
        }
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
            let asleep = &self.asleep;
            let heard = |slot: usize| match calls.get_mut(slot)? {
                Some(open) => Some(std::mem::take(&mut open.heard)),
                None => asleep.holds(slot).then_some(false),
            };
            let Some(slot) = self.hand.pick(slots, heard) else { return };
            self.wake(slot);
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
            self.alarms.retain(is_set);
        }
    }

    fn open_call(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> usize {
        self.make_room(arrival.event.place);
        self.look_after_one();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.calls.push(None);
            self.calls.len() - 1
        });
        self.by_call_id.push(arrival.call, slot);
        let mut open = Open { alarm: None, heard: false, in_progress: false, call: Call::open(call_id, arrival) };
        if self.settings.license_limit.is_some_and(|limit| self.in_progress >= limit) && arrival.is_initial_invite() {
            open.call.mark(Code::UNMONITORED_LICENSING, arrival.event.at);
        }
        if let Some(place) = self.calls.get_mut(slot) {
            *place = Some(match self.spare.pop() {
                Some(mut spare) => {
                    *spare = open;
                    spare
                }
                None => Box::new(open),
            });
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

//! Owns all calls and registrations that are open, routes each message to its own, and lets capture time close them.
//! Routes and owns; the rules live in its neighbours.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::call::{Arrival, Call, Tags};
use super::exchange::{Exchanges, stands_alone};
use super::fact::Fact;
use super::registration::Registration;
use super::transaction::{Digest, TIMER_B, belongs_to_calls};
use crate::event::{Event, What};
use crate::time::Timestamp;
use crate::wire::sip::{Message, Method, text};

/// How long a closed call is remembered so that its stragglers open no new row.
const REMEMBERED: Duration = Duration::from_secs(3600);

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

    /// What the capture of this index held.
    #[must_use]
    pub fn of_file(&self, file: u32) -> FileTraffic {
        self.files.get(file as usize).copied().unwrap_or_default()
    }

    fn count(&mut self, event: &Event<'_>, message: &Message<'_>) {
        let file = event.place.file as usize;
        if self.files.len() <= file {
            self.files.resize(file + 1, FileTraffic::default());
        }
        if let Some(of) = self.files.get_mut(file) {
            of.sip_messages += 1;
            of.duplicates += u64::from(event.duplicate);
        }
        if let Some(code) = message.code() {
            *self.codes.entry(code).or_default() += 1;
        } else if let Some(method) = message.method() {
            let token = std::str::from_utf8(method.token()).unwrap_or("other");
            if let Some(count) = self.methods.get_mut(token) {
                *count += 1;
            } else {
                let token = if self.methods.len() < Self::MOST_METHODS { token } else { "other" };
                *self.methods.entry(token.into()).or_default() += 1;
            }
        }
    }
}

/// What is open under one Call-ID.
#[derive(Debug, Default)]
struct Group {
    /// Slots of the calls, oldest first.
    calls: Vec<usize>,
    /// Slots of the registrations.
    registrations: Vec<usize>,
}

#[derive(Debug)]
struct Open {
    call: Call,
    /// An alarm for this slot is set. Alarms may come early, never late.
    alarmed: bool,
}

/// Holds every call and registration in progress. Given events, it yields facts; it reads no clock, opens no file and
/// starts no thread.
#[derive(Debug, Default)]
pub struct Tracker {
    digest: Digest,
    now: Option<Timestamp>,
    groups: HashMap<Arc<[u8]>, Group, foldhash::quality::RandomState>,
    calls: Vec<Option<Open>>,
    free: Vec<usize>,
    registrations: Vec<Registration>,
    pub(super) exchanges: Exchanges,
    /// Which registration holds a contact of an address-of-record.
    holders: HashMap<u64, usize, foldhash::quality::RandomState>,
    alarms: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Closed calls by digest of Call-ID and tag, with the order in which they are forgotten.
    closed: HashMap<u64, Timestamp, foldhash::quality::RandomState>,
    closings: VecDeque<(Timestamp, u64)>,
    facts: VecDeque<Fact>,
    traffic: Traffic,
}

impl Tracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what happened on the wire; time passes up to it.
    pub fn feed(&mut self, event: &Event<'_>) {
        self.advance(event.at);
        let What::Sip(message) = &event.what;
        self.traffic.count(event, message);
        let Some(method) = message.method() else { return };
        let Some(call_id) = message.call_id() else { return };
        let key = self.digest.transaction(message);
        let arrival = Arrival { event, message, key, tags: Tags::of(&self.digest, message) };
        if method == Method::Register {
            self.feed_registration(call_id, &arrival);
        } else if stands_alone(&method) {
            self.feed_alone(call_id, &arrival, belongs_to_calls(&method));
        } else if belongs_to_calls(&method) {
            self.feed_call(call_id, &arrival);
        }
    }

    /// Lets time pass: the deadlines that it crosses fire in order. Merged captures step back, time does not.
    pub fn advance(&mut self, now: Timestamp) {
        let now = self.now.map_or(now, |then| then.max(now));
        self.now = Some(now);
        self.exchanges.advance(now);
        while let Some(&Reverse((at, slot))) = self.alarms.peek()
            && at <= now
        {
            self.alarms.pop();
            self.on_alarm(at, slot);
        }
        while let Some(&(until, key)) = self.closings.front()
            && until <= now
        {
            self.closings.pop_front();
            if self.closed.get(&key).is_some_and(|held| *held <= now) {
                self.closed.remove(&key);
            }
        }
    }

    /// The next thing that is settled.
    pub fn poll(&mut self) -> Option<Fact> {
        self.facts.pop_front()
    }

    /// The captures end here: everything that is open is told as it stands at `end`.
    pub fn finish(&mut self, end: Timestamp) {
        self.advance(end);
        let now = self.now.unwrap_or(end);
        let mut facts: Vec<Fact> = Vec::new();
        for open in self.calls.drain(..).flatten() {
            let mut call = open.call;
            call.on_time(now);
            facts.push(Fact::Call(Box::new(call.into_fact(now))));
        }
        facts.extend(self.registrations.drain(..).map(|open| Fact::Registration(Box::new(open.into_fact(now)))));
        facts.extend(self.exchanges.finish(now).into_iter().map(|fact| Fact::Transaction(Box::new(fact))));
        facts.sort_by_key(|fact| match fact {
            Fact::Call(call) => (call.start, call.place),
            Fact::Registration(registration) => (registration.start, registration.place),
            Fact::Transaction(transaction) => (transaction.first, transaction.place),
        });
        self.facts.extend(facts);
        self.groups.clear();
        self.holders.clear();
        self.alarms.clear();
    }

    /// What was on the wire so far.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn on_alarm(&mut self, at: Timestamp, slot: usize) {
        let Some(Some(open)) = self.calls.get_mut(slot) else { return };
        open.call.on_time(at);
        if open.call.closes_at().is_some_and(|close| close <= at) {
            self.close(at, slot);
            return;
        }
        // No message that comes after this alarm can end a call sooner than 64·T1 from now.
        match open.call.wakes_at(at) {
            Some(wake) => self.alarms.push(Reverse((wake.min(at.after(TIMER_B)), slot))),
            None => open.alarmed = false,
        }
    }

    fn close(&mut self, at: Timestamp, slot: usize) {
        let Some(open) = self.calls.get_mut(slot).and_then(Option::take) else { return };
        self.free.push(slot);
        let call = open.call;
        if let Some(group) = self.groups.get_mut(call.call_id()) {
            group.calls.retain(|of| *of != slot);
            if group.calls.is_empty() && group.registrations.is_empty() {
                self.groups.remove(call.call_id());
            }
        }
        let until = at.after(REMEMBERED);
        // In a call joined late either side's tag may come first in a straggler.
        let others = if call.is_partial() { call.callee_tags() } else { &[] };
        for tag in [call.caller_tag()].iter().chain(others) {
            let key = self.digest.of((&call.call_id()[..], *tag));
            self.closed.insert(key, until);
            self.closings.push_back((until, key));
        }
        self.facts.push_back(Fact::Call(Box::new(call.into_fact(at))));
    }

    fn is_straggler(&self, call_id: &[u8], tags: Tags) -> bool {
        !self.closed.is_empty()
            && [tags.from, tags.to].iter().any(|tag| self.closed.contains_key(&self.digest.of((call_id, *tag))))
    }

    fn feed_call(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) {
        let slot = match self.slot_of(call_id, arrival) {
            Some(slot) => slot,
            None if arrival.event.duplicate => return,
            None if arrival.is_initial_invite() => self.open_call(call_id, arrival),
            None if arrival.reveals_a_call() && !self.is_straggler(call_id, arrival.tags) => {
                self.open_call(call_id, arrival)
            }
            None => return,
        };
        let Some(Some(open)) = self.calls.get_mut(slot) else { return };
        open.call.feed(&self.digest, arrival);
        if !open.alarmed && open.call.wakes_at(arrival.event.at).is_some() {
            open.alarmed = true;
            let now = self.now.unwrap_or(arrival.event.at);
            self.alarms.push(Reverse((now.after(TIMER_B), slot)));
        }
    }

    /// A message of a method that calls use and others too: the call's where one claims it, even one closed lately.
    fn feed_alone(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>, may_be_of_a_call: bool) {
        if !self.exchanges.knows(&self.digest, call_id, arrival) && may_be_of_a_call {
            if self.slot_of(call_id, arrival).is_some() {
                return self.feed_call(call_id, arrival);
            }
            if self.is_straggler(call_id, arrival.tags) {
                return;
            }
        }
        let now = self.now.unwrap_or(arrival.event.at);
        self.exchanges.feed(&self.digest, call_id, arrival, now);
    }

    /// The open call that a message belongs to: the surest, and among equals the newest.
    fn slot_of(&self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Option<usize> {
        let group = self.groups.get(call_id)?;
        let call = |slot: usize| self.calls.get(slot).and_then(Option::as_ref).map(|open| &open.call);
        if arrival.is_initial_invite() {
            let same_caller = |slot: &&usize| {
                call(**slot).is_some_and(|call| call.caller_tag() == arrival.tags.from && call.admits(arrival))
            };
            return group.calls.iter().rev().find(same_caller).copied();
        }
        let affinity = |slot: usize| call(slot).map_or(0, |call| call.affinity(arrival));
        group.calls.iter().copied().filter(|slot| affinity(*slot) > 0).max_by_key(|slot| affinity(*slot))
    }

    fn group(&mut self, call_id: &[u8]) -> (Arc<[u8]>, &mut Group) {
        let call_id = match self.groups.get_key_value(call_id) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(call_id),
        };
        (Arc::clone(&call_id), self.groups.entry(call_id).or_default())
    }

    fn open_call(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.calls.push(None);
            self.calls.len() - 1
        });
        let (call_id, group) = self.group(call_id);
        group.calls.push(slot);
        let call = Call::open(call_id, arrival);
        if let Some(place) = self.calls.get_mut(slot) {
            *place = Some(Open { call, alarmed: false });
        }
        slot
    }

    fn feed_registration(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) {
        let affinity = |slot: &usize| self.registrations.get(*slot).map_or(0, |open| open.affinity(arrival));
        let known = self.groups.get(call_id).and_then(|group| {
            group.registrations.iter().copied().filter(|slot| affinity(slot) > 0).max_by_key(affinity)
        });
        let slot = match known {
            Some(slot) => slot,
            None if arrival.event.duplicate => return,
            None => {
                let slot = self.registrations.len();
                let (call_id, group) = self.group(call_id);
                group.registrations.push(slot);
                self.registrations.push(Registration::open(call_id, arrival));
                slot
            }
        };
        let Some(registration) = self.registrations.get_mut(slot) else { return };
        let bound = registration.feed(&self.digest, arrival);
        if bound.is_empty() {
            return;
        }
        let aor = text(registration.aor_key().as_bytes());
        for contact in bound {
            let holder = self.holders.insert(self.digest.of((&aor, &contact)), slot);
            if let Some(before) = holder.filter(|before| *before != slot)
                && let Some(registration) = self.registrations.get_mut(before)
            {
                registration.on_replaced(&contact, arrival.event.at);
            }
        }
    }
}

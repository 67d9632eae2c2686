//! What is settled is told, and where the captures end, all that is still open: in the order in which it began.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::{STEPS_BACK, SlotsBy, Tracker, is_over, settled};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::track::closed::Closed;
use crate::track::fact::Fact;
use crate::track::registrar::Ending;

/// The order in which facts are told at the end.
fn order(fact: &Fact) -> ((Timestamp, Place), u8) {
    match fact {
        Fact::Call(call) => ((call.start, call.place), 0),
        Fact::Registration(registration) => ((registration.start, registration.place), 1),
        Fact::Transaction(transaction) => ((transaction.first, transaction.place), 2),
        Fact::Stream(stream) => ((stream.heard.first, stream.place), 3),
    }
}

impl Tracker {
    /// The next thing that is settled.
    pub fn poll(&mut self) -> Option<Fact> {
        let fact = self.facts.pop_front();
        if fact.is_some() || !self.at_the_end {
            return fact;
        }
        let first = self.poll_at_the_end();
        self.at_the_end = first.is_some();
        first
    }

    /// The next of what is told where the captures end: in the order in which it began.
    fn poll_at_the_end(&mut self) -> Option<Fact> {
        let call = self.last_calls.last().map(|(began, _)| (*began, 0));
        let registration = self.ending.next_began().map(|began| (began, 1));
        let other = self.last_facts.front().map(order);
        let first = [call, registration, other].into_iter().flatten().min();
        if first.is_some() && first == call {
            return self.last_calls.pop().and_then(|(_, slot)| self.last_of(slot));
        }
        if first.is_some() && first == registration {
            return self.ending.pop().map(|fact| Fact::Registration(Box::new(fact)));
        }
        self.last_facts.pop_front()
    }

    /// A call as it stands when the captures end.
    fn last_of(&mut self, slot: usize) -> Option<Fact> {
        let now = self.now.unwrap_or_default();
        self.wake(slot);
        self.hear(slot);
        let mut open = self.calls.get_mut(slot)?.take()?;
        open.call.on_time(now);
        open.call.judge_silence(&self.settings, now);
        let mut fact = settled(&mut open.call, slot, &mut self.media, &self.settings, now);
        fact.linked = self.legs.close(slot);
        Some(Fact::Call(Box::new(fact)))
    }

    /// No call that is still to be told began before this: the earliest start of all that are open, or a minute before
    /// `now`, since merged captures and what is carried in others step back. A message that comes later than that may
    /// still open a call that began before.
    #[must_use]
    pub fn begun(&self, now: Timestamp) -> Timestamp {
        let open = self.calls.iter().flatten().map(|open| open.call.began().0);
        let told =
            self.facts.iter().filter_map(|fact| if let Fact::Call(call) = fact { Some(call.start) } else { None });
        let asleep = self.asleep.began().map(|(_, (began, _))| began);
        open.chain(told).chain(asleep).fold(now.before(STEPS_BACK), Timestamp::min)
    }

    /// The captures end here: everything that is open is told as it stands at `end`.
    pub fn finish(&mut self, end: Timestamp) {
        self.advance(end);
        let now = self.now.unwrap_or(end);
        // What an earlier end left untold comes before.
        let mut earlier = VecDeque::new();
        while let Some(fact) = self.poll() {
            earlier.push_back(fact);
        }
        self.facts = earlier;
        let Self { media, calls, asleep, .. } = self;
        media.settle(&|slot| is_over(calls, asleep, slot));
        // Most of what follows grows in proportion to what is released here.
        self.by_call_id = SlotsBy::default();
        self.closed = Closed::default();
        // Calls are told one by one, as they are asked for: their facts together would be as large as they are.
        let open = self.calls.iter().enumerate().filter_map(|(slot, open)| Some((open.as_ref()?.call.began(), slot)));
        self.last_calls = open.chain(self.asleep.began().map(|(slot, began)| (began, slot))).collect();
        self.last_calls.sort_unstable_by_key(|of| Reverse(*of));
        let mut facts: Vec<Fact> = Vec::new();
        facts.extend(self.exchanges.finish(now).into_iter().map(|fact| Fact::Transaction(Box::new(fact))));
        facts.extend(self.media.finish().into_iter().map(|fact| Fact::Stream(Box::new(fact))));
        facts.sort_by_key(order);
        self.last_facts = facts.into();
        self.ending = Ending::of(std::mem::take(&mut self.registrar), now);
        self.at_the_end = true;
        self.free.clear();
        self.senders.clear();
        self.alarms.clear();
    }
}

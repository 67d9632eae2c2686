//! Owns all registrations that are open: finds the one that a message belongs to, tells one when another takes its
//! contact over, and keeps them within their bound. What a message means for a registration is that one's to say.

use std::collections::VecDeque;

use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeTuple, Serializer};
use serde::{Deserialize, Serialize};

use super::bounds::Hand;
use super::call::Arrival;
use super::fact::RegistrationFact;
use super::index::Index;
use super::lately::Lately;
use super::registration::{Changes, Holder, Known, Saved, Shared};
use super::shelf::Shelf;
use super::transaction::{Digest, Moment};
use crate::codes::Code;
use crate::packet::Place;
use crate::time::Timestamp;

/// All registrations that are open.
#[derive(Debug, Default)]
pub(super) struct Registrar {
    /// Its own, so that a state can be read from its beginning to its end.
    digest: Digest,
    shared: Shared,
    shelf: Shelf,
    /// Slots by Call-ID.
    by_call: Index,
    /// Call-IDs that there is but one registration of, with its slot.
    lately: Lately,
    /// Slots by the contacts that they hold.
    by_holder: Index,
    /// Which one makes room where there are too many.
    hand: Hand,
    // Lists of a moment, whose memory is used again.
    changes: Changes,
    others: Vec<u32>,
}

/// What became of a message.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// It named more contacts than are kept.
    pub(super) beyond: bool,
    /// These had to be told as they stand to make room.
    pub(super) told: Vec<RegistrationFact>,
}

impl Registrar {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shelf.len()
    }

    /// Entries of all that grows with them.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> usize {
        self.shelf.slots() + self.shelf.free() + self.by_call.len() + self.by_holder.len()
    }

    /// Whether there are any of this Call-ID.
    pub(super) fn has(&self, call_id: &[u8]) -> bool {
        let Self { digest, shared, shelf, by_call, .. } = self;
        let mut of = by_call.of(digest.call(call_id)).filter_map(|slot| shelf.view(slot, digest, shared));
        of.any(|of| of.call_id() == call_id)
    }

    /// What an arrival is made with that is brought here.
    pub(super) const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The code of the registration that a message belongs to.
    pub(super) fn code(&self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Option<Code> {
        let Self { digest, shared, shelf, by_call, .. } = self;
        let of = by_call.of(arrival.call).filter_map(|slot| shelf.view(slot, digest, shared));
        let sure = of.map(|of| (of.affinity(digest, shared, call_id, arrival), of.code()));
        sure.filter(|(affinity, _)| *affinity > 0).max_by_key(|(affinity, _)| *affinity)?.1
    }

    /// Takes in a REGISTER or a response to one. There are never to be more registrations than `most`.
    pub(super) fn feed(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>, now: Timestamp, most: usize) -> Outcome {
        let mut outcome = Outcome::default();
        self.shelf.advance(now);
        let slot = match self.slot_of(call_id, arrival) {
            Some(slot) => {
                self.shelf.hear(slot);
                slot
            }
            None if arrival.event.duplicate => return outcome,
            None => match self.open(call_id, arrival, now, most, &mut outcome) {
                Some(slot) => slot,
                None => return outcome,
            },
        };
        let known = &mut Known { digest: &self.digest, shared: &mut self.shared };
        let Some(registration) = self.shelf.wake(slot, known) else { return outcome };
        registration.feed(known, arrival, &mut self.changes);
        outcome.beyond = std::mem::take(&mut registration.beyond);
        let is_settled = arrival.message.code().is_some_and(|code| code >= 200) && registration.is_settled();
        if !(self.changes.let_go.is_empty() && self.changes.bound.is_empty()) {
            self.note(slot, arrival.event.at);
        }
        if is_settled {
            let known = &mut Known { digest: &self.digest, shared: &mut self.shared };
            self.shelf.rest(slot, known);
        }
        outcome
    }

    /// The registration that a message belongs to: the surest, and among equals the newest.
    fn slot_of(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Option<u32> {
        let known = &mut Known { digest: &self.digest, shared: &mut self.shared };
        let (by_call, shelf) = (&self.by_call, &mut self.shelf);
        let mut affinity = |slot: u32| {
            let registration = shelf.wake(slot, known)?;
            Some(registration.affinity(known.digest, known.shared, call_id, arrival)).filter(|affinity| *affinity > 0)
        };
        if let Some(slot) = self.lately.of(arrival.call)
            && affinity(slot).is_some()
        {
            return Some(slot);
        }
        let slots = || by_call.of(arrival.call);
        let (_, slot) =
            slots().filter_map(|slot| Some((affinity(slot)?, slot))).max_by_key(|(affinity, _)| *affinity)?;
        if slots().count() == 1 {
            self.lately.note(arrival.call, slot);
        }
        Some(slot)
    }

    fn open(
        &mut self,
        call_id: &[u8],
        arrival: &Arrival<'_, '_>,
        now: Timestamp,
        most: usize,
        outcome: &mut Outcome,
    ) -> Option<u32> {
        while self.shelf.len() >= most.max(1) {
            let (slots, shelf) = (self.shelf.slots(), &mut self.shelf);
            let Some(slot) = self.hand.pick(slots, |slot| shelf.take_heard(slot as u32)) else { break };
            outcome.told.extend(self.close(slot as u32, now));
        }
        let known = &mut Known { digest: &self.digest, shared: &mut self.shared };
        let (slot, registration) = self.shelf.insert(Moment::of(arrival.event), known)?;
        registration.open(known, call_id, arrival);
        self.by_call.insert(arrival.call, slot);
        if self.by_call.of(arrival.call).nth(1).is_none() {
            self.lately.note(arrival.call, slot);
        } else {
            self.lately.forget(arrival.call);
        }
        Some(slot)
    }

    /// Tells a registration as it stands.
    fn close(&mut self, slot: u32, now: Timestamp) -> Option<RegistrationFact> {
        let known = &mut Known { digest: &self.digest, shared: &mut self.shared };
        let registration = self.shelf.take(slot, known.digest, known.shared)?;
        for holder in registration.holders() {
            self.by_holder.remove(holder_key(holder), slot);
        }
        let call = known.digest.call(registration.call_id());
        self.by_call.remove(call, slot);
        self.lately.forget(call);
        Some(registration.tell(known.shared, now))
    }

    /// Notes which contacts a registration holds now, and tells those that held them before.
    fn note(&mut self, slot: u32, at: Timestamp) {
        for holder in self.changes.let_go.drain(..) {
            self.by_holder.remove(holder_key(holder), slot);
        }
        let bound = std::mem::take(&mut self.changes.bound);
        for holder in &bound {
            self.take_over(*holder, slot, at);
        }
        self.changes.bound = bound;
        self.changes.bound.clear();
    }

    /// Takes in what an earlier run left in the next slot.
    fn restore(&mut self, left: Option<(Saved, bool)>) -> Option<()> {
        let known = &mut Known { digest: &self.digest, shared: &mut self.shared };
        let Some((slot, registration)) = self.shelf.restore(left, known)? else { return Some(()) };
        self.by_call.insert(known.digest.call(registration.call_id()), slot);
        for holder in registration.holders() {
            self.by_holder.insert(holder_key(holder), slot);
        }
        Some(())
    }

    fn take_over(&mut self, holder: Holder, slot: u32, at: Timestamp) {
        let known = &mut Known { digest: &self.digest, shared: &mut self.shared };
        let key = holder_key(holder);
        self.others.clear();
        self.others.extend(self.by_holder.of(key));
        if !self.others.contains(&slot) {
            // A contact beyond those that are kept is not held by anybody.
            let Some(registration) = self.shelf.wake(slot, known) else { return };
            if registration.holders().any(|of| of == holder) {
                self.by_holder.insert(key, slot);
            }
        }
        let Some(aor_key) = self.shelf.wake(slot, known).map(|own| own.aor_key(known.digest)) else { return };
        for other in self.others.drain(..).filter(|other| *other != slot) {
            if let Some(registration) = self.shelf.wake(other, known)
                && registration.aor_key(known.digest) == aor_key
            {
                registration.on_replaced(holder, at, &mut self.changes);
                for holder in self.changes.let_go.drain(..) {
                    self.by_holder.remove(holder_key(holder), other);
                }
            }
        }
    }
}

/// The digest that a holder is short for, as far as that matters.
const fn holder_key(holder: Holder) -> u64 {
    holder as u64
}

/// Registrations that are told one by one when the captures end: their facts together would be several times as large.
#[derive(Debug, Default)]
pub(super) struct Ending {
    registrar: Registrar,
    /// Slots by when they began, the last one first; `None`: that is the order in which they stand.
    order: Option<Vec<u32>>,
    /// The slot after the last one that was looked at.
    after: u32,
    /// The next ones, as far as they were looked at.
    ahead: VecDeque<(Began, u32)>,
    now: Timestamp,
}

/// When one began, and with which packet.
type Began = (Timestamp, Place);

impl Ending {
    /// All of these are told as they stand at `now`.
    pub(super) fn of(mut registrar: Registrar, now: Timestamp) -> Self {
        (registrar.by_call, registrar.by_holder) = (Index::default(), Index::default());
        let order = registrar.shelf.order().map(|order| order.into_iter().rev().collect());
        Self { registrar, order, after: 0, ahead: VecDeque::new(), now }
    }

    /// So many are looked at in one go: none of them is in a cache, and they come side by side.
    const AHEAD: usize = 16;

    fn next(&mut self) -> Option<(Began, u32)> {
        if self.ahead.is_empty() && (self.after as usize) < self.registrar.shelf.slots() {
            let Self { registrar: Registrar { shelf, .. }, order, after, ahead, .. } = self;
            let slots = std::iter::from_fn(|| match order {
                Some(order) => order.pop(),
                None => ((*after as usize) < shelf.slots()).then(|| {
                    *after += 1;
                    *after - 1
                }),
            });
            ahead.extend(slots.filter_map(|slot| Some((shelf.began(slot)?, slot))).take(Self::AHEAD));
        }
        self.ahead.front().copied()
    }

    /// When the next one began, and with which packet.
    pub(super) fn next_began(&mut self) -> Option<Began> {
        self.next().map(|(began, _)| began)
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<RegistrationFact> {
        let (_, slot) = self.next()?;
        self.ahead.pop_front();
        let Registrar { digest, shared, shelf, .. } = &mut self.registrar;
        Some(shelf.take_last(slot, digest, shared)?.tell(shared, self.now))
    }
}

// A file has them in full, whether they are asleep or not; what finds them is made anew.
impl Serialize for Registrar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_tuple(3)?;
        parts.serialize_element(&self.digest)?;
        parts.serialize_element(&self.hand)?;
        parts.serialize_element(&Slots(self))?;
        parts.end()
    }
}

struct Slots<'r>(&'r Registrar);

impl Serialize for Slots<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Registrar { digest, shared, shelf, .. } = self.0;
        let mut slots = serializer.serialize_seq(Some(shelf.slots()))?;
        for slot in 0..shelf.slots() as u32 {
            let of = shelf.view(slot, digest, shared);
            slots.serialize_element(&of.map(|of| (Saved::of(&of, shared), shelf.heard(slot).unwrap_or_default())))?;
        }
        slots.end()
    }
}

impl<'de> Deserialize<'de> for Registrar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(3, Parts)
    }
}

struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Registrar;

    fn expecting(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.write_str("registrations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Registrar, A::Error> {
        let short = || de::Error::custom("not all of the registrations");
        let digest = parts.next_element()?.ok_or_else(short)?;
        let hand = parts.next_element()?.ok_or_else(short)?;
        let mut registrar = Registrar { digest, hand, ..Registrar::default() };
        parts.next_element_seed(Restore(&mut registrar))?.ok_or_else(short)?;
        Ok(registrar)
    }
}

/// Takes them in one by one: together, and in full, they would be several times as large.
struct Restore<'r>(&'r mut Registrar);

impl<'de> DeserializeSeed<'de> for Restore<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Restore<'_> {
    type Value = ();

    fn expecting(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.write_str("registrations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut slots: A) -> Result<(), A::Error> {
        while let Some(left) = slots.next_element()? {
            self.0.restore(left).ok_or_else(|| de::Error::custom("more registrations than can be held"))?;
        }
        Ok(())
    }
}

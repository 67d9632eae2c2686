//! INVITEs that may be handed on under another Call-ID: who calls whom with which media, for a few seconds. Knows slots,
//! not their calls.

use std::collections::VecDeque;

use super::{HANDED_ON, MOST_OFFERS, MOST_SHARED, Sdp};
use crate::time::Timestamp;
use crate::track::slots::SlotsBy;

/// An INVITE that may be handed on under another Call-ID.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Offer {
    pub(super) at: Timestamp,
    /// Digests of who calls whom, the callee as To and as the Request-URI say.
    pub(super) numbers: [Option<u64>; 2],
    pub(super) sdp: Sdp,
}

impl Offer {
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> + use<> {
        self.numbers.into_iter().flatten()
    }
}

/// What is offered now. Of each call its latest offer counts.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Offers {
    /// Oldest first, each with the slot of its call.
    open: VecDeque<(usize, Offer)>,
    /// The number of the first of them.
    #[serde(deserialize_with = "crate::track::resume::count")]
    first: u64,
    /// By slot, the number of its latest offer and one more; 0 where it has none.
    latest: Vec<u64>,
    /// Which slots offer a call of these numbers.
    by_numbers: SlotsBy,
}

impl Offers {
    /// The latest offer of a call, and its number.
    pub(super) fn of(&self, slot: usize) -> Option<(u64, &Offer)> {
        let number = self.latest.get(slot)?.checked_sub(1)?;
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.open.get(index).filter(|(of, _)| *of == slot).map(|(_, offer)| (number, offer))
    }

    /// The calls offered between these numbers, the newest last.
    pub(super) fn between(&self, numbers: u64) -> impl Iterator<Item = usize> {
        self.by_numbers.get(numbers).iter().copied()
    }

    pub(super) fn add(&mut self, slot: usize, offer: Offer) {
        let before = self.of(slot).map(|(_, offer)| offer.numbers).unwrap_or_default();
        if self.latest.len() <= slot {
            self.latest.resize(slot + 1, 0);
        }
        self.open.push_back((slot, offer));
        self.latest[slot] = self.first + self.open.len() as u64;
        for key in offer.keys().filter(|key| !before.contains(&Some(*key))) {
            let slots = self.by_numbers.get(key);
            if slots.contains(&slot) {
                continue;
            }
            if let &[oldest, ref rest @ ..] = slots
                && rest.len() + 1 >= MOST_SHARED
            {
                self.by_numbers.remove(key, oldest);
            }
            self.by_numbers.push(key, slot);
        }
    }

    /// Forgets what can be handed on no more.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((slot, offer)) = self.open.front().copied()
            && (offer.at.after(HANDED_ON) < now || self.open.len() > MOST_OFFERS)
        {
            let number = self.first;
            let later = self.of(slot).filter(|(latest, _)| *latest > number).map(|(_, later)| later.numbers);
            self.open.pop_front();
            self.first += 1;
            self.forget(slot, &offer, later.unwrap_or_default());
        }
    }

    /// The call of a slot is closed.
    pub(super) fn close(&mut self, slot: usize) {
        if self.of(slot).is_some() {
            for (_, offer) in self.open.clone().iter().filter(|(of, _)| *of == slot) {
                self.forget(slot, offer, [None; 2]);
            }
        }
        if let Some(latest) = self.latest.get_mut(slot) {
            *latest = 0;
        }
    }

    fn forget(&mut self, slot: usize, offer: &Offer, but: [Option<u64>; 2]) {
        for key in offer.keys().filter(|key| !but.contains(&Some(*key))) {
            self.by_numbers.remove(key, slot);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Entries of what grows with open calls; the offers themselves go with time.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> usize {
        self.by_numbers.len()
    }
}

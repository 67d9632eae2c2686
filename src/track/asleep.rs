//! Calls of which nothing was heard for long: most of them never end in the capture, and each is held to its end. Packed
//! they take a quarter of the memory. Knows how they are packed, and no rule of what they are.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::table::Near;
use crate::packet::Place;
use crate::time::Timestamp;

/// A call falls asleep after so long without a sign of life: most that go on at all do so sooner.
pub(super) const DROWSY: Duration = Duration::from_secs(600);

/// Those that are asleep, by their slots.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Asleep {
    calls: HashMap<usize, Sleeper, BuildHasherDefault<Near>>,
    /// Reused for each.
    #[serde(skip)]
    packing: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sleeper {
    began: (Timestamp, Place),
    packed: Box<[u8]>,
}

impl Asleep {
    /// Packs one that began then. `false`: it cannot be packed.
    pub(super) fn put(&mut self, slot: usize, began: (Timestamp, Place), call: &impl Serialize) -> bool {
        let mut packing = std::mem::take(&mut self.packing);
        packing.clear();
        let Ok(packing) = postcard::to_extend(call, packing) else { return false };
        self.calls.insert(slot, Sleeper { began, packed: packing.as_slice().into() });
        self.packing = packing;
        true
    }

    /// Unpacks the one of this slot.
    pub(super) fn take<C: DeserializeOwned>(&mut self, slot: usize) -> Option<C> {
        postcard::from_bytes(&self.calls.remove(&slot)?.packed).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn holds(&self, slot: usize) -> bool {
        !self.calls.is_empty() && self.calls.contains_key(&slot)
    }

    pub(super) fn slots(&self) -> Vec<usize> {
        let mut slots: Vec<_> = self.calls.keys().copied().collect();
        slots.sort_unstable();
        slots
    }

    /// Each with when it began, and with which packet.
    pub(super) fn began(&self) -> impl Iterator<Item = (usize, (Timestamp, Place))> {
        self.calls.iter().map(|(slot, sleeper)| (*slot, sleeper.began))
    }
}

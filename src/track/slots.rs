//! The few slots that share one key, nearly always a single one. Knows nothing of what is in them.

use std::collections::hash_map::Entry;

use super::table::Table;

/// Lists of slots by digest, each in the order in which they were added.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct SlotsBy {
    /// The slot of keys that have but one: nearly all have, and there are as many as there are calls.
    one: Table<usize>,
    /// Those of all other keys.
    more: Table<Vec<usize>>,
}

impl SlotsBy {
    /// The slots of a key.
    pub(super) fn get(&self, key: u64) -> &[usize] {
        match self.one.get(&key) {
            Some(slot) => std::slice::from_ref(slot),
            None => self.more.get(&key).map_or(&[], Vec::as_slice),
        }
    }

    /// Adds a slot.
    pub(super) fn push(&mut self, key: u64, slot: usize) {
        if let Some(slots) = self.more.get_mut(&key) {
            slots.push(slot);
            return;
        }
        match self.one.entry(key) {
            Entry::Vacant(none) => {
                none.insert(slot);
            }
            Entry::Occupied(one) => {
                self.more.insert(key, vec![one.remove(), slot]);
            }
        }
    }

    /// Takes a slot out, the others keep their order.
    pub(super) fn remove(&mut self, key: u64, slot: usize) {
        if let Entry::Occupied(one) = self.one.entry(key) {
            if *one.get() == slot {
                one.remove();
            }
        } else if let Entry::Occupied(mut more) = self.more.entry(key) {
            more.get_mut().retain(|of| *of != slot);
            match more.get()[..] {
                [] => _ = more.remove(),
                [last] => {
                    more.remove();
                    self.one.insert(key, last);
                }
                _ => {}
            }
        }
    }

    /// The slots of each key.
    #[cfg(test)]
    pub(super) fn lists(&self) -> impl Iterator<Item = &[usize]> {
        self.one.values().map(std::slice::from_ref).chain(self.more.values().map(Vec::as_slice))
    }

    /// How many keys there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.one.len() + self.more.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_plain_lists(steps in proptest::collection::vec((any::<bool>(), 0_u64..2, 0_usize..4), 0..40)) {
            let (mut slots, mut plain) = (SlotsBy::default(), [const { Vec::new() }; 2]);
            for (adds, key, slot) in steps {
                let list = &mut plain[key as usize];
                if adds {
                    slots.push(key, slot);
                    list.push(slot);
                } else {
                    slots.remove(key, slot);
                    list.retain(|of| *of != slot);
                }
                for (key, list) in (0..).zip(&plain) {
                    prop_assert_eq!(slots.get(key), &list[..]);
                }
                prop_assert_eq!(slots.len(), plain.iter().filter(|list| !list.is_empty()).count());
            }
        }
    }
}

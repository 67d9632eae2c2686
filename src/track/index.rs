//! Finds the slots that belong to a key, in as little memory as so many entries can take: a registrar has very many. Knows
//! nothing of what is in the slots, and since its keys are short, whoever asks looks whether a slot is the one.

/// Slots by key, several under one key if need be.
///
/// A hash table in the order of its keys: the home of a key grows with it, an entry stands there or as closely behind as
/// the smaller keys before it leave room, and equal keys stand in the order in which they came. So it may be all but
/// full, a search still ends soon, and it grows where it stands: never are all of the entries held twice.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
    /// So many homes there are; the entries may reach beyond the last one.
    homes: u32,
    len: u32,
}

/// An entry, or a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    key: u32,
    slot: u32,
}

impl Entry {
    const GAP: Self = Self { key: 0, slot: u32::MAX };

    const fn is_gap(self) -> bool {
        self.slot == Self::GAP.slot
    }
}

/// As much of a digest as is kept of it.
const fn short(digest: u64) -> u32 {
    digest as u32
}

impl Index {
    fn home(&self, key: u32) -> usize {
        ((u64::from(key) * u64::from(self.homes)) >> u32::BITS) as usize
    }

    /// The entry at a place, or a gap.
    fn at(&self, at: usize) -> Entry {
        self.entries.get(at).copied().unwrap_or(Entry::GAP)
    }

    fn put(&mut self, at: usize, entry: Entry) {
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
    }

    /// Makes sure that there are so many places.
    fn reach(&mut self, places: usize) {
        if places > self.entries.len() {
            // No more than that: behind the last home there are few.
            self.entries.reserve_exact(places - self.entries.len());
            self.entries.resize(places, Entry::GAP);
        }
    }

    /// Where the first entry of this key is, or would be.
    fn find(&self, key: u32) -> usize {
        let mut at = self.home(key);
        while let entry = self.at(at)
            && !entry.is_gap()
            && entry.key < key
        {
            at += 1;
        }
        at
    }

    /// The slots under a key, and perhaps those of another: the one that was added first comes first.
    pub(super) fn of(&self, digest: u64) -> impl Iterator<Item = u32> + use<'_> {
        let key = short(digest);
        let from = self.entries.get(self.find(key)..).unwrap_or_default();
        from.iter().take_while(move |entry| !entry.is_gap() && entry.key == key).map(|entry| entry.slot)
    }

    /// Adds a slot under a key. It is not there yet.
    pub(super) fn insert(&mut self, digest: u64, slot: u32) {
        if u64::from(self.len) * 10 >= u64::from(self.homes) * 9 {
            self.grow();
        }
        let key = short(digest);
        let mut at = self.find(key);
        while let entry = self.at(at)
            && !entry.is_gap()
            && entry.key == key
        {
            at += 1;
        }
        let behind = self.entries.get(at..).unwrap_or_default();
        let gap = at + behind.iter().position(|entry| entry.is_gap()).unwrap_or(behind.len());
        self.reach(gap + 1);
        self.entries.copy_within(at..gap, at + 1);
        self.put(at, Entry { key, slot });
        self.len += 1;
    }

    /// By a fifth: the memory that is not in use costs more than moving a few times.
    fn grow(&mut self) {
        let before = self.entries.len();
        self.homes = self.homes.saturating_add(self.homes / 5 + 8);
        let place = |index: &Self, next: usize, entry: Entry| index.home(entry.key).max(next);
        let held = self.entries.iter().filter(|entry| !entry.is_gap());
        let end = held.fold(0, |next, entry| place(self, next, *entry) + 1);
        self.reach(end.max(self.homes as usize));
        // All go to the very end first. From there each comes to its place, which is none of a later one: behind every
        // place there is room for all that follow.
        let mut first = self.entries.len();
        for at in (0..before).rev() {
            let entry = self.at(at);
            if !entry.is_gap() {
                first -= 1;
                self.put(at, Entry::GAP);
                self.put(first, entry);
            }
        }
        let mut next = 0;
        for at in first..self.entries.len() {
            let entry = self.at(at);
            self.put(at, Entry::GAP);
            let to = place(self, next, entry);
            self.put(to, entry);
            next = to + 1;
        }
    }

    /// Takes a slot out that is under this key. Whether it was.
    pub(super) fn remove(&mut self, digest: u64, slot: u32) -> bool {
        let key = short(digest);
        let mut at = self.find(key);
        while let entry = self.at(at)
            && !entry.is_gap()
            && entry.key == key
        {
            if entry.slot == slot {
                self.vacate(at);
                return true;
            }
            at += 1;
        }
        false
    }

    /// Whoever stands behind its home moves one place nearer to it.
    fn vacate(&mut self, at: usize) {
        let mut next = at + 1;
        while let entry = self.at(next)
            && !entry.is_gap()
            && self.home(entry.key) < next
        {
            next += 1;
        }
        self.entries.copy_within(at + 1..next, at);
        self.put(next - 1, Entry::GAP);
        self.len -= 1;
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::transaction::Digest;
    use super::*;

    proptest! {
        #[test]
        fn it_is_a_plain_list(steps in proptest::collection::vec((0_u8..4, 0_u64..24, 0_u32..4), 0..400), wide in any::<bool>()) {
            let (mut index, mut plain) = (Index::default(), Vec::<(u64, u32)>::new());
            for (step, key, slot) in steps {
                // All over it, or all at its end.
                let key = if wide { key << 27 } else { (1 << 32) - 1 - key };
                if step > 0 {
                    index.insert(key, slot);
                    plain.push((key, slot));
                } else {
                    let found = plain.iter().position(|entry| *entry == (key, slot));
                    prop_assert_eq!(index.remove(key, slot), found.is_some());
                    found.map(|at| plain.remove(at));
                }
                let of: Vec<u32> = index.of(key).collect();
                let expected: Vec<u32> = plain.iter().filter(|entry| entry.0 == key).map(|entry| entry.1).collect();
                prop_assert_eq!(of, expected);
                prop_assert_eq!(index.len(), plain.len());
            }
        }
    }

    #[test]
    fn very_many_take_little_more_than_themselves() {
        let mut index = Index::default();
        let digest = Digest::default();
        for slot in 0..500_000_u32 {
            index.insert(digest.of(slot), slot);
        }
        let found = |slot: u32| index.of(digest.of(slot)).collect::<Vec<_>>();
        assert!((0..500_000).all(|slot| found(slot).contains(&slot)));
        let room = index.entries.capacity();
        assert!(room < 660_000, "{room}");
        // Of those that are not there, hardly one seems to be.
        let strangers = (500_000..600_000).filter(|slot| !found(*slot).is_empty()).count();
        assert!(strangers < 60, "{strangers}");
    }
}

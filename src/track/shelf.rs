//! Holds registrations in their slots, small while nothing is heard of them: they live for hours, and a registrar has
//! very many. Knows how they are kept, not what they mean.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use super::cells::{Cell, Cells};
use super::registration::asleep::{self, Purpose};
use super::registration::{Known, Registration, Saved, Shared};
use super::table::Near;
use super::transaction::{Digest, Moment, TIMER_B};
use crate::packet::Place;
use crate::time::Timestamp;

/// Registrations that are kept ready for their next message; of the others only what is written of them is kept. As many
/// as have something under way at one time, and as fit into a core's cache: with more of them, more is out of it when it
/// is written down.
const MOST_AWAKE: usize = 512;

/// So many that settled stay awake a little longer, where that matters: what comes twice comes soon.
const MOST_RESTING: usize = 32;

/// So many slots in a row share what their times and frames are counted from.
const NEIGHBOURS: usize = 64;
const BITS: usize = u64::BITS as usize;
/// More than these are not told apart.
const MOST_SLOTS: u32 = 1 << 31;

/// What a slot holds, in four bytes: as many as there are registrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot(u32);

impl Slot {
    const EMPTY: Self = Self(u32::MAX);
    const AWAKE: u32 = 1 << 31;

    const fn awake(place: usize) -> Self {
        Self(Self::AWAKE | place as u32)
    }

    const fn asleep(cell: Cell) -> Self {
        Self(cell.number())
    }
}

/// What [`Slot`] says.
enum Form {
    Empty,
    /// Its place among those that are awake.
    Awake(usize),
    /// Where it is written.
    Asleep(Cell),
}

impl Slot {
    const fn form(self) -> Form {
        match self {
            Self::EMPTY => Form::Empty,
            Self(awake @ Self::AWAKE..) => Form::Awake((awake & !Self::AWAKE) as usize),
            Self(cell) => Form::Asleep(Cell::numbered(cell)),
        }
    }
}

/// A registration that is ready for its next message; its buffers are used again by the next one in its place.
#[derive(Debug, Default)]
struct Awake {
    /// `None`: the place is vacant.
    slot: Option<u32>,
    /// It was asked for since it was woken, or since it last stayed awake.
    wanted: bool,
    /// It is one of those that settled.
    rests: bool,
    registration: Registration,
}

/// The slot, and what is in it, if anything. `None`: there is no such slot.
type Restored<'s> = Option<Option<(u32, &'s mut Registration)>>;

/// All registrations that are open.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// One for [`NEIGHBOURS`] slots: when the first of them began that was ever there.
    bases: Vec<Moment>,
    /// Those that had another message since they were opened, or since the hand came by; a bit for each slot.
    heard: Vec<u64>,
    /// When the latest one began, and whether the slots are in another order than that in which theirs began.
    latest: Option<(Timestamp, Place)>,
    is_mixed: bool,
    awake: Vec<Awake>,
    vacant: Vec<u32>,
    /// Those that settled, the first one first.
    resting: VecDeque<u32>,
    /// Whose turn it is to be asked whether it may sleep.
    next: usize,
    cells: Cells,
    /// Of slots that fell asleep while something may still have been sent again: what matters until then.
    passing: HashMap<u32, (Timestamp, Cell), BuildHasherDefault<Near>>,
    /// In the order in which that passes.
    passes: VecDeque<(Timestamp, u32)>,
    /// What is written, until it is in its cell.
    page: Vec<u8>,
    /// The one that was taken last.
    taken: Registration,
    now: Timestamp,
}

impl Shelf {
    /// Lets time pass; it never steps back.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.now = now;
        while let Some((until, slot)) = self.passes.front().copied()
            && until <= now
        {
            self.passes.pop_front();
            // It may have been awake since, and fallen asleep once more.
            if let Entry::Occupied(passing) = self.passing.entry(slot)
                && passing.get().0 == until
            {
                self.cells.free(passing.remove().1);
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// Slots in use and empty.
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Slots that are empty.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    fn form(&self, slot: u32) -> Form {
        self.slots.get(slot as usize).map_or(Form::Empty, |slot| slot.form())
    }

    fn base(&self, slot: u32) -> Moment {
        self.bases.get(slot as usize / NEIGHBOURS).copied().unwrap_or_default()
    }

    /// Takes note of when the one began that comes into a slot.
    fn begins_at(&mut self, slot: usize, start: Moment) {
        let began = Some((start.at, start.place));
        // Where some were free again, or captures step back.
        self.is_mixed |= slot + 1 < self.slots.len() || began < self.latest;
        self.latest = began;
        if slot / NEIGHBOURS >= self.bases.len() {
            self.bases.resize(slot / NEIGHBOURS + 1, start);
        }
        if slot / BITS >= self.heard.len() {
            self.heard.resize(slot / BITS + 1, 0);
        }
    }

    /// A slot for one that began then, and the registration in it: whatever it was, it is to become that one.
    pub(super) fn insert(&mut self, start: Moment, known: &mut Known<'_>) -> Option<(u32, &mut Registration)> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::EMPTY);
            (self.slots.len() - 1) as u32
        });
        self.begins_at(slot as usize, start);
        let place = self.make_room(known);
        *self.slots.get_mut(slot as usize)? = Slot::awake(place);
        self.take_heard(slot);
        Some((slot, self.seat(slot, place)?))
    }

    /// Gives a place to a slot.
    fn seat(&mut self, slot: u32, place: usize) -> Option<&mut Registration> {
        let awake = self.awake.get_mut(place)?;
        (awake.slot, awake.wanted) = (Some(slot), true);
        Some(&mut awake.registration)
    }

    /// A place for one more that is awake: whoever was not asked for lately falls asleep for it.
    fn make_room(&mut self, known: &mut Known<'_>) -> usize {
        if let Some(vacant) = self.vacant.pop() {
            return vacant as usize;
        }
        let count = self.awake.len();
        if count >= MOST_AWAKE {
            // Once round leaves nobody wanted, so the second round finds one.
            for _ in 0..2 * count {
                let place = if self.next < count { self.next } else { 0 };
                self.next = place + 1;
                let wanted = self.awake.get_mut(place).is_none_or(|awake| std::mem::take(&mut awake.wanted));
                if !wanted && self.put_to_sleep(place, known).is_some() {
                    return place;
                }
            }
        }
        self.awake.push(Awake::default());
        count
    }

    /// `None`: it stays awake.
    fn put_to_sleep(&mut self, place: usize, known: &mut Known<'_>) -> Option<()> {
        let slot = self.awake.get(place)?.slot?;
        let base = self.base(slot);
        let registration = &self.awake.get(place)?.registration;
        asleep::write(registration, base, known, &mut self.page);
        let cell = self.cells.put(&self.page)?;
        if registration.passes() > self.now
            && asleep::write_passing(registration, &mut self.page)
            && let Some(cell) = self.cells.put(&self.page)
        {
            let until = self.now.after(TIMER_B);
            self.passing.insert(slot, (until, cell));
            self.passes.push_back((until, slot));
        }
        *self.slots.get_mut(slot as usize)? = Slot::asleep(cell);
        let awake = self.awake.get_mut(place)?;
        (awake.slot, awake.rests) = (None, false);
        Some(())
    }

    /// Nothing is under way for the one in a slot. Where places are few it goes to sleep soon, while all of it is still in
    /// the cache: of whoever was not asked for lately nothing is.
    pub(super) fn rest(&mut self, slot: u32, known: &mut Known<'_>) {
        let Form::Awake(place) = self.form(slot) else { return };
        let places_are_few = self.awake.len() >= MOST_AWAKE;
        let Some(awake) = self.awake.get_mut(place).filter(|awake| places_are_few && !awake.rests) else { return };
        awake.rests = true;
        self.resting.push_back(slot);
        if self.resting.len() > MOST_RESTING {
            self.put_to_rest(known);
        }
    }

    /// The one that settled first goes to sleep, unless something is under way again.
    fn put_to_rest(&mut self, known: &mut Known<'_>) -> Option<()> {
        let slot = self.resting.pop_front()?;
        let Form::Awake(place) = self.form(slot) else { return None };
        let awake = self.awake.get_mut(place)?;
        if std::mem::take(&mut awake.rests) && awake.registration.is_settled() {
            self.put_to_sleep(place, known)?;
            self.vacant.push(place as u32);
        }
        Some(())
    }

    /// One to change.
    pub(super) fn wake(&mut self, slot: u32, known: &mut Known<'_>) -> Option<&mut Registration> {
        let place = match self.form(slot) {
            Form::Empty => return None,
            Form::Awake(place) => place,
            Form::Asleep(cell) => {
                let place = self.make_room(known);
                let base = self.base(slot);
                let registration = &mut self.awake.get_mut(place)?.registration;
                asleep::read(self.cells.get(cell)?, base, known.digest, known.shared, Purpose::Wake, registration)?;
                self.cells.free(cell);
                if let Some((_, cell)) = self.passing.remove(&slot) {
                    asleep::read_passing(self.cells.get(cell)?, registration)?;
                    self.cells.free(cell);
                }
                *self.slots.get_mut(slot as usize)? = Slot::awake(place);
                place
            }
        };
        self.seat(slot, place)
    }

    /// One as it is, without waking it.
    pub(super) fn view(&self, slot: u32, digest: &Digest, shared: &Shared) -> Option<Cow<'_, Registration>> {
        match self.form(slot) {
            Form::Empty => None,
            Form::Awake(place) => self.awake.get(place).map(|awake| Cow::Borrowed(&awake.registration)),
            Form::Asleep(cell) => {
                let mut registration = Registration::default();
                asleep::read(self.cells.get(cell)?, self.base(slot), digest, shared, Purpose::Wake, &mut registration)?;
                if let Some((_, cell)) = self.passing.get(&slot) {
                    asleep::read_passing(self.cells.get(*cell)?, &mut registration)?;
                }
                Some(Cow::Owned(registration))
            }
        }
    }

    /// When the one in a slot began, and with which packet.
    pub(super) fn began(&self, slot: u32) -> Option<(Timestamp, Place)> {
        let start = match self.form(slot) {
            Form::Empty => return None,
            Form::Awake(place) => self.awake.get(place)?.registration.start(),
            Form::Asleep(cell) => asleep::start(self.cells.get(cell)?, self.base(slot))?,
        };
        Some((start.at, start.place))
    }

    /// The slots in the order in which theirs began; `None`: that is the order in which they stand.
    pub(super) fn order(&self) -> Option<Vec<u32>> {
        let began = |slot: u32| Some((self.began(slot)?, slot));
        self.is_mixed.then(|| {
            let mut order: Vec<_> = (0..self.slots.len() as u32).filter_map(began).collect();
            order.sort_unstable();
            order.into_iter().map(|(_, slot)| slot).collect()
        })
    }

    /// Empties a slot, whose registration is there to be told until the next one is taken; the slot is free for another.
    pub(super) fn take(&mut self, slot: u32, digest: &Digest, shared: &Shared) -> Option<&mut Registration> {
        self.take_last(slot, digest, shared)?;
        self.free.push(slot);
        Some(&mut self.taken)
    }

    /// As [`take`](Self::take), when no other will come.
    pub(super) fn take_last(&mut self, slot: u32, digest: &Digest, shared: &Shared) -> Option<&mut Registration> {
        let form = self.form(slot);
        *self.slots.get_mut(slot as usize)? = Slot::EMPTY;
        match form {
            Form::Empty => return None,
            Form::Awake(place) => {
                let awake = self.awake.get_mut(place)?;
                (awake.slot, awake.rests) = (None, false);
                std::mem::swap(&mut awake.registration, &mut self.taken);
                self.vacant.push(place as u32);
            }
            Form::Asleep(cell) => {
                let (bytes, base) = (self.cells.get(cell)?, self.base(slot));
                asleep::read(bytes, base, digest, shared, Purpose::Tell, &mut self.taken)?;
                self.cells.free(cell);
                if let Some((_, cell)) = self.passing.remove(&slot) {
                    self.cells.free(cell);
                }
            }
        }
        Some(&mut self.taken)
    }

    /// Puts one into the next slot that never was in use, as an earlier run left it there; or nothing.
    pub(super) fn restore(&mut self, left: Option<(Saved, bool)>, known: &mut Known<'_>) -> Restored<'_> {
        let slot = u32::try_from(self.slots.len()).ok().filter(|slot| *slot < MOST_SLOTS)?;
        self.slots.push(Slot::EMPTY);
        let Some((saved, heard)) = left else {
            self.free.push(slot);
            return Some(None);
        };
        self.begins_at(slot as usize, saved.start());
        let place = self.make_room(known);
        *self.slots.get_mut(slot as usize)? = Slot::awake(place);
        if heard {
            self.hear(slot);
        }
        let registration = self.seat(slot, place)?;
        saved.resume(known, registration);
        Some(Some((slot, registration)))
    }

    /// A message came for one that was there before it.
    pub(super) fn hear(&mut self, slot: u32) {
        if let Some(word) = self.heard.get_mut(slot as usize / BITS) {
            *word |= 1 << (slot as usize % BITS);
        }
    }

    /// Whether one was heard of since this was last asked; `None` where the slot is empty.
    pub(super) fn take_heard(&mut self, slot: u32) -> Option<bool> {
        let heard = self.heard(slot)?;
        if let Some(word) = self.heard.get_mut(slot as usize / BITS) {
            *word &= !(1 << (slot as usize % BITS));
        }
        Some(heard)
    }

    /// Whether one was heard of since somebody took note of it; `None` where the slot is empty.
    pub(super) fn heard(&self, slot: u32) -> Option<bool> {
        let word = self.heard.get(slot as usize / BITS)?;
        (!matches!(self.form(slot), Form::Empty)).then_some(word >> (slot as usize % BITS) & 1 != 0)
    }
}

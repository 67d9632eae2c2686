//! Holds registrations in their slots, small while nothing is heard of them: they live for hours, and a registrar has
//! very many. Knows how they are kept, not what they mean.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fact::RegistrationFact;
use super::registration::{Binding, Holder, Registration};
use super::transaction::Moment;
use crate::packet::Place;
use crate::time::Timestamp;

/// Registrations that are kept ready for their next message; of the others only the bytes are kept.
const MOST_AWAKE: usize = 4096;

/// All registrations that are open.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Shelf {
    slots: Vec<Option<Held>>,
    free: Vec<usize>,
    /// Slots in the order in which they were woken; some may have been emptied since.
    #[serde(skip)]
    awake: VecDeque<usize>,
    #[serde(skip)]
    now: Timestamp,
}

/// A registration in its slot.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    form: Form,
    /// It had another message since it was opened, or since the hand came by.
    heard: bool,
    /// It was asked for since it was woken, or since it last stayed awake.
    #[serde(skip)]
    wanted: bool,
}

#[derive(Debug)]
enum Form {
    Awake(Box<Registration>),
    /// The same in postcard's format, a third as long.
    Asleep(Box<[u8]>),
}

impl Form {
    fn asleep(registration: &Registration) -> Option<Self> {
        Some(Self::Asleep(postcard::to_allocvec(registration).ok()?.into()))
    }

    fn open(&self) -> Option<Cow<'_, Registration>> {
        match self {
            Self::Awake(registration) => Some(Cow::Borrowed(registration)),
            Self::Asleep(bytes) => postcard::from_bytes(bytes).ok().map(Cow::Owned),
        }
    }

    /// What comes first in the bytes.
    fn head(&self) -> Option<(Moment, Cow<'_, [Binding]>)> {
        match self {
            Self::Awake(registration) => Some((registration.start(), Cow::Borrowed(registration.bindings()))),
            Self::Asleep(bytes) => {
                let ((start, bindings), _) = postcard::take_from_bytes::<(Moment, Vec<Binding>)>(bytes).ok()?;
                Some((start, Cow::Owned(bindings)))
            }
        }
    }
}

// A file has them as they are; which of them are asleep is of no matter to the next run.
impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.open().ok_or_else(|| serde::ser::Error::custom("not a registration"))?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let registration = Registration::deserialize(deserializer)?;
        Self::asleep(&registration).ok_or_else(|| serde::de::Error::custom("not a registration"))
    }
}

impl Shelf {
    /// Lets time pass; it never steps back.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.now = now;
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

    /// Puts one into a slot.
    pub(super) fn insert(&mut self, registration: Registration) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(Held { form: Form::Awake(Box::new(registration)), heard: false, wanted: true });
        }
        self.awake.push_back(slot);
        self.let_sleep();
        slot
    }

    /// Takes one out of its slot.
    pub(super) fn take(&mut self, slot: usize) -> Option<Registration> {
        let held = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        held.form.open().map(Cow::into_owned)
    }

    /// One as it is, without waking it.
    pub(super) fn view(&self, slot: usize) -> Option<Cow<'_, Registration>> {
        self.slots.get(slot)?.as_ref()?.form.open()
    }

    /// One to change.
    pub(super) fn wake(&mut self, slot: usize) -> Option<&mut Registration> {
        let held = self.slots.get_mut(slot)?.as_mut()?;
        if let Form::Asleep(bytes) = &held.form {
            held.form = Form::Awake(postcard::from_bytes(bytes).ok()?);
            held.wanted = true;
            self.awake.push_back(slot);
            self.let_sleep();
        }
        let held = self.slots.get_mut(slot)?.as_mut()?;
        held.wanted = true;
        match &mut held.form {
            Form::Awake(registration) => Some(registration),
            Form::Asleep(_) => None,
        }
    }

    /// Those that were not asked for lately make room for the others.
    fn let_sleep(&mut self) {
        while self.awake.len() > MOST_AWAKE
            && let Some(slot) = self.awake.pop_front()
        {
            let Some(Some(held)) = self.slots.get_mut(slot) else { continue };
            let Form::Awake(registration) = &mut held.form else { continue };
            if std::mem::take(&mut held.wanted) {
                self.awake.push_back(slot);
                continue;
            }
            registration.forget_what_passed(self.now);
            if let Some(asleep) = Form::asleep(registration) {
                held.form = asleep;
            }
        }
    }

    /// A message came for one that was there before it.
    pub(super) fn hear(&mut self, slot: usize) {
        if let Some(Some(held)) = self.slots.get_mut(slot) {
            held.heard = true;
        }
    }

    /// Whether one was heard of since this was last asked; `None` where the slot is empty.
    pub(super) fn take_heard(&mut self, slot: usize) -> Option<bool> {
        self.slots.get_mut(slot)?.as_mut().map(|held| std::mem::take(&mut held.heard))
    }

    /// Whether the registration of a slot holds a contact.
    pub(super) fn holds(&self, slot: usize, holder: Holder) -> bool {
        let held = self.slots.get(slot).and_then(Option::as_ref).and_then(|held| held.form.head());
        held.is_some_and(|(_, bindings)| bindings.iter().any(|binding| binding.holder() == holder))
    }

    fn began(&self, slot: usize) -> (Timestamp, Place) {
        let head = self.slots.get(slot).and_then(Option::as_ref).and_then(|held| held.form.head());
        head.map(|(start, _)| (start.at, start.place)).unwrap_or_default()
    }
}

/// Registrations that are told one by one when the captures end: their facts together would be several times as large.
#[derive(Debug, Default)]
pub(super) struct Ending {
    shelf: Shelf,
    /// Slots by when they began, the last one first.
    order: Vec<usize>,
    now: Timestamp,
}

impl Ending {
    /// All of these are told as they stand at `now`.
    pub(super) fn of(shelf: Shelf, now: Timestamp) -> Self {
        let mut order: Vec<usize> = (0..shelf.slots.len()).filter(|slot| shelf.slots[*slot].is_some()).collect();
        order.sort_by_key(|slot| shelf.began(*slot));
        order.reverse();
        Self { shelf, order, now }
    }

    /// When the next one began, and with which packet.
    pub(super) fn next_began(&self) -> Option<(Timestamp, Place)> {
        self.order.last().map(|slot| self.shelf.began(*slot))
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<RegistrationFact> {
        let slot = self.order.pop()?;
        Some(self.shelf.take(slot)?.into_fact(self.now))
    }
}

//! Which slot a key led to lately: what belongs together comes close together, and this fits into a core's cache where a
//! table of all slots does not. Knows nothing of what is in the slots, and keeps nothing that cannot be found elsewhere.

/// The last key of each of so many places, with its slot.
#[derive(Debug, Default)]
pub(super) struct Lately {
    /// Of a key the half that does not tell the place. Empty until something is noted.
    places: Vec<(u32, u32)>,
}

impl Lately {
    /// No more than a quarter of a core's nearest cache.
    const PLACES: usize = 1024;
    const VACANT: (u32, u32) = (0, u32::MAX);

    const fn place(digest: u64) -> usize {
        (digest >> 32) as usize % Self::PLACES
    }

    /// The slot of a key that was noted lately, or by chance that of another key.
    pub(super) fn of(&self, digest: u64) -> Option<u32> {
        let (noted, slot) = *self.places.get(Self::place(digest))?;
        (noted == digest as u32 && slot != Self::VACANT.1).then_some(slot)
    }

    pub(super) fn note(&mut self, digest: u64, slot: u32) {
        if self.places.is_empty() {
            self.places = vec![Self::VACANT; Self::PLACES];
        }
        if let Some(place) = self.places.get_mut(Self::place(digest)) {
            *place = (digest as u32, slot);
        }
    }

    /// The key leads elsewhere, or nowhere, from now on.
    pub(super) fn forget(&mut self, digest: u64) {
        if let Some(place) = self.places.get_mut(Self::place(digest)).filter(|(noted, _)| *noted == digest as u32) {
            *place = Self::VACANT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_place_is_known() {
        let (mut lately, same_place) = (Lately::default(), 8);
        assert_eq!(lately.of(0), None);
        lately.forget(7);
        lately.note(7, 1);
        lately.note(9 << 32, 2);
        assert_eq!((lately.of(7), lately.of(9 << 32), lately.of(same_place)), (Some(1), Some(2), None));
        assert_eq!(lately.of(0), None);
        lately.note(same_place, 3);
        assert_eq!((lately.of(7), lately.of(same_place)), (None, Some(3)));
        lately.forget(7);
        assert_eq!(lately.of(same_place), Some(3));
        lately.forget(same_place);
        assert_eq!(lately.of(same_place), None);
    }
}

//! The few slots that share one Call-ID, nearly always a single one. Knows no calls.

/// A list of slots in the order in which they were added. One alone takes no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Slots {
    #[default]
    None,
    One(usize),
    #[expect(clippy::box_collection, reason = "there are as many lists as Call-IDs, and hardly one is this")]
    More(Box<Vec<usize>>),
}

impl Slots {
    pub(super) fn as_slice(&self) -> &[usize] {
        match self {
            Self::None => &[],
            Self::One(slot) => std::slice::from_ref(slot),
            Self::More(slots) => slots,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(super) fn push(&mut self, slot: usize) {
        match self {
            Self::None => *self = Self::One(slot),
            Self::One(first) => *self = Self::More(Box::new(vec![*first, slot])),
            Self::More(slots) => slots.push(slot),
        }
    }

    /// Takes a slot out, the others keep their order.
    pub(super) fn remove(&mut self, slot: usize) {
        match self {
            Self::One(only) if *only == slot => *self = Self::None,
            Self::More(slots) => slots.retain(|of| *of != slot),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_plain_list(steps in proptest::collection::vec((any::<bool>(), 0_usize..4), 0..24)) {
            let (mut slots, mut plain) = (Slots::default(), Vec::new());
            for (adds, slot) in steps {
                if adds {
                    slots.push(slot);
                    plain.push(slot);
                } else {
                    slots.remove(slot);
                    plain.retain(|of| *of != slot);
                }
                prop_assert_eq!(slots.as_slice(), &plain[..]);
                prop_assert_eq!(slots.is_empty(), plain.is_empty());
            }
        }
    }
}

//! Short texts in one allocation instead of one each. Knows nothing of what they say.

use serde::{Deserialize, Serialize};

/// So many texts. An empty one is an unknown one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Texts<const N: usize> {
    all: Box<str>,
    #[serde(with = "ends")]
    ends: [u32; N],
}

impl<const N: usize> Default for Texts<N> {
    fn default() -> Self {
        Self { all: Box::default(), ends: [0; N] }
    }
}

impl<const N: usize> Texts<N> {
    /// All of these.
    #[must_use]
    pub fn pack(parts: [&str; N]) -> Self {
        let mut all = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            all.push_str(part);
            u32::try_from(all.len()).unwrap_or(u32::MAX)
        });
        Self { all: all.into_boxed_str(), ends }
    }

    /// All of these, as they stand, where they are ASCII without line ends; what else they are is another's to read.
    #[must_use]
    pub fn join(parts: [&[u8]; N]) -> Option<Self> {
        let mut all = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            all.extend_from_slice(part);
            u32::try_from(all.len()).unwrap_or(u32::MAX)
        });
        // Not merely UTF-8: what one part lacks, the next one might have.
        let plain = all.is_ascii() && memchr::memchr(b'\n', &all).is_none();
        let all = String::from_utf8(all).ok().filter(|_| plain)?;
        Some(Self { all: all.into_boxed_str(), ends })
    }

    /// All of them, one behind the other.
    #[must_use]
    pub fn all(&self) -> &str {
        &self.all
    }

    /// One of them; `None` where it is unknown.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&str> {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        let text = self.all.get(start as usize..*self.ends.get(index)? as usize)?;
        (!text.is_empty()).then_some(text)
    }
}

/// What serde does not know of arrays of any length.
mod ends {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer, const N: usize>(ends: &[u32; N], serializer: S) -> Result<S::Ok, S::Error> {
        ends.as_slice().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u32; N], D::Error> {
        let ends = Vec::<u32>::deserialize(deserializer)?;
        ends.try_into().map_err(|_| de::Error::custom("another number of texts"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back_as_they_went_in(parts in prop::array::uniform4("\\PC{0,3}"), ends: [u32; 4]) {
            let parts = [0, 1, 2, 3].map(|index| parts[index].as_str());
            let texts = Texts::pack(parts);
            for (index, part) in parts.iter().enumerate() {
                prop_assert_eq!(texts.get(index), Some(*part).filter(|part| !part.is_empty()));
            }
            prop_assert_eq!(texts.get(4), None);
            let bytes = parts.map(str::as_bytes);
            let plain = parts.iter().all(|part| part.is_ascii() && !part.contains('\n'));
            prop_assert_eq!(Texts::join(bytes).map(|of| (of.all, of.ends)), plain.then(|| (texts.all.clone(), texts.ends)));
            // Ends that were read from a stranger's file.
            let other = Texts { ends, ..texts };
            prop_assert!((0..4).all(|index| other.get(index).is_none_or(|text| !text.is_empty())));
        }
    }
}

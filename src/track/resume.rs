//! How tracking goes on in another run: what of it is kept in a file, and what the next run says anew.
//! Knows the form of single values only where they have none of their own; the file is the program's.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::marks::Settings;
use super::tracker::Tracker;
use super::transaction::Digest;
use crate::codes::Code;
use crate::time::Timestamp;

impl Tracker {
    /// Goes on with what an earlier run left, under the settings of this one. Marks that the earlier run has passed
    /// do not fire again.
    #[must_use]
    pub fn resume(mut self, settings: Settings) -> Self {
        let Self { settings: kept, marks, .. } = Self::with(settings);
        self.settings = kept;
        self.marks = marks;
        self.marks.retain(|mark| self.now.is_none_or(|now| mark.at > now));
        self.recount();
        self
    }

    /// The run before this one ended at `from`, and the first packet of this one came at `to`: where that is longer
    /// than [`Settings::restart_gap`], calls active across it that never resume are 8001.
    pub fn on_server_gap(&mut self, from: Timestamp, to: Timestamp) {
        self.on_gap(from, to, Code::UNMONITORED_SERVER_RESTART);
    }
}

/// A count that what is still to come cannot bring to its end.
pub(super) fn count<'de, D: Deserializer<'de>, N>(deserializer: D) -> Result<N, D::Error>
where
    N: Deserialize<'de> + Copy + TryInto<u64>,
{
    let most = if size_of::<N>() < size_of::<u64>() { u64::from(u32::MAX / 2) } else { u64::MAX >> 24 };
    let count = N::deserialize(deserializer)?;
    let sound = count.try_into().is_ok_and(|count| count <= most);
    if sound { Ok(count) } else { Err(de::Error::custom("more than can be counted")) }
}

/// What [`Digest`] gives for this tells whether it still counts as it did when it was saved.
const PROBE: &[u8] = b"sipcodes";

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.seed, self.of(PROBE)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (seed, probe) = <(u64, u64)>::deserialize(deserializer)?;
        let digest = Self::seeded(seed);
        if digest.of(PROBE) == probe { Ok(digest) } else { Err(de::Error::custom("other digests")) }
    }
}

/// An ICMP error, whose name is one of a few known.
pub(super) mod icmp {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use crate::packet::Place;
    use crate::time::Timestamp;
    use crate::track::fact::IcmpError;
    use crate::wire::icmp;

    type Saved = Option<(String, Timestamp, Place)>;

    pub(in crate::track) fn serialize<S: Serializer>(
        error: &Option<Box<IcmpError>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        error.as_deref().map(|IcmpError { name, at, place }| (name, at, place)).serialize(serializer)
    }

    pub(in crate::track) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<IcmpError>>, D::Error> {
        let Some((name, at, place)) = Saved::deserialize(deserializer)? else { return Ok(None) };
        let name = icmp::named(&name).ok_or_else(|| de::Error::custom("an ICMP error without a name"))?;
        Ok(Some(Box::new(IcmpError { name, at, place })))
    }
}

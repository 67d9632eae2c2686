//! Tables by digest. Knows nothing of what is in them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// By digests of a [`Digest`](super::transaction::Digest): they are seeded and as good as random already, so that to
/// hash them once more is in vain.
pub(super) type Table<V> = HashMap<u64, V, BuildHasherDefault<Same>>;

/// Takes a digest for its own hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

/// Spreads slots over a hash, but a few in a row lie side by side: they come and go together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Near(u64);

impl Hasher for Near {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_u32(&mut self, slot: u32) {
        self.write_usize(slot as usize);
    }

    fn write_usize(&mut self, slot: usize) {
        let slot = slot as u64;
        self.0 = ((self.0 ^ (slot / 16)).wrapping_mul(0x9e37_79b9_7f4a_7c15) << 4) | (slot % 16);
    }
}

//! How connections go on in another run, and behind a time in which nobody listened. Knows no file: only what of a
//! connection is kept, and which of that can be gone on with.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::open::{Key, Open};
use super::side::{MAX_HELD, MAX_PIECES, Side};
use super::{Connection, Connections, Ends, MAX_BYTES, MAX_DISTANCE, MAX_OPEN};
use crate::assemble::decrypt::Layer;
use crate::assemble::split::{Said, Stamp};
use crate::event::Path;
use crate::issue::Issues;
use crate::time::Timestamp;

/// The secrets are not among it: those are given anew.
impl Serialize for Connections {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut open: Vec<&Connection> = self.open.iter().collect();
        open.sort_unstable_by_key(|connection| connection.place_among_others());
        (self.swept, open).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Connections {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (swept, kept) = <(Timestamp, Vec<Connection>)>::deserialize(from)?;
        let (mut open, mut bytes) = (Open::default(), 0);
        for mut connection in kept {
            let [src, dst] = connection.ends;
            let (_, from) = Key::of(Ends { src, dst });
            if from != 0 || !connection.sides.iter_mut().all(Side::is_sound) || !connection.tls.is_sound() {
                return Err(de::Error::custom("a TCP connection that cannot be"));
            }
            bytes += connection.weight();
            open.insert(Box::new(connection));
        }
        if open.len() > MAX_OPEN || bytes > MAX_BYTES {
            return Err(de::Error::custom("more TCP connections than the bound allows"));
        }
        Ok(Self { open, bytes, swept, ..Self::default() })
    }
}

impl Side {
    /// Whether what was read from a file can be gone on with; counts what is held.
    fn is_sound(&mut self) -> bool {
        self.held_bytes = self.held.iter().map(|piece| piece.data.len()).sum();
        let Some(next) = self.next else { return self.held.is_empty() && self.stream.is_sound() };
        let far = MAX_DISTANCE as usize + MAX_HELD;
        let mut until = 0;
        let in_order = self.held.iter().all(|piece| {
            let start = piece.seq.wrapping_sub(next) as usize;
            let fits = start > 0 && start >= until && start <= far && !piece.data.is_empty();
            until = start.saturating_add(piece.data.len());
            fits
        });
        in_order && self.held.len() <= MAX_PIECES && self.held_bytes <= MAX_HELD && self.stream.is_sound()
    }
}

impl Connections {
    /// Nobody listened for so long that connections may have ended and others begun between the same ports. Delivers
    /// what is under way; of TLS its keys stay, since whoever joins late cannot learn them again.
    pub(in crate::assemble) fn on_gap(&mut self, issues: &mut Issues, emit: &mut impl FnMut(Path, Stamp, Said<'_>)) {
        for mut connection in self.remove(|_| true) {
            connection.flush(&mut self.means, issues, emit);
            if connection.tls.is_tls() {
                connection.sides = [Side::new(), Side::new()];
                connection.torn = true;
                self.bytes += connection.weight();
                self.open.insert(connection);
            }
        }
    }
}

impl Connection {
    /// Another connection with the same ports.
    pub(super) fn begin_anew(&mut self) {
        self.sides = [Side::new(), Side::new()];
        self.tls = Layer::default();
        self.torn = false;
    }
}

/// Whether a connection that speaks TLS begins here: a record of the handshake with the `ClientHello` at its head
/// (RFC 8446 5.1, 4.1.2). Inside a connection it would be encrypted.
pub(super) const fn begins_tls(payload: &[u8]) -> bool {
    matches!(payload, [22, 3, 0..=4, _, _, 1, 0, _, _, 3, 0..=3, ..])
}

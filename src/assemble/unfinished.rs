//! What of the assembling goes on in another run: all that is under way in fragments, streams, TLS and WebSockets.
//! Knows no file; that what is read from one can be gone on with, each part sees to itself.

use std::fmt::{Debug, Formatter};

use serde::{Deserialize, Serialize};

use super::defrag::Defrag;
use super::duplicate::Recent;
use super::sctp::Associations;
use super::tcp::Connections;

/// Bytes of key logs that are kept for the next run: some 20 000 connections.
const MAX_KEY_LOG: usize = 8 << 20;

/// What an [`Assembler`](super::Assembler) leaves to its successor.
///
/// The keys of the TLS connections in progress are among it: a file of it is to be kept like a key log.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Unfinished {
    pub(super) duplicates: Recent,
    pub(super) defrag: Defrag,
    pub(super) connections: Connections,
    pub(super) associations: Associations,
    pub(super) lag: i64,
    pub(super) key_log: KeyLog,
}

/// The key logs that captures carried: they may speak of connections yet to come.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct KeyLog(Vec<u8>);

/// Secrets do not belong into anybody's log.
impl Debug for KeyLog {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        write!(to, "KeyLog({} bytes)", self.0.len())
    }
}

impl KeyLog {
    /// Keeps more lines. Where they become too many, the older half makes room.
    pub(super) fn keep(&mut self, lines: &[u8]) {
        self.0.extend_from_slice(lines);
        self.0.push(b'\n');
        if self.0.len() > MAX_KEY_LOG {
            let half = self.0.len() - MAX_KEY_LOG / 2;
            let behind = self.0.get(half..).unwrap_or_default();
            let line = memchr::memchr(b'\n', behind).map_or(behind.len(), |at| at + 1);
            self.0.drain(..half + line);
        }
    }

    /// All lines.
    pub(super) fn lines(&self) -> &[u8] {
        &self.0
    }
}

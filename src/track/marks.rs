//! What the analyzer is told beside the capture: timeouts, limits, and marks that take calls out of its sight (the codes
//! 8000 to 8004 and 8100). Knows no files and no command line.

use std::time::Duration;

use crate::codes::Code;
use crate::packet::Place;
use crate::time::Timestamp;

/// How long is too long, how many are too many, and what happened outside the capture.
#[derive(Clone, Debug)]
pub struct Settings {
    /// An answered call without any media is 8003 after so long without signalling.
    pub signalling_timeout: Duration,
    /// An answered call that had media is 8100 after so long without media and signalling.
    pub media_timeout: Duration,
    /// A gap between captures longer than this is a restart of the sniffer (8002), between runs of the server (8001).
    pub restart_gap: Duration,
    /// Decide 8002, 8003 and 8100 when their time has come, as an online monitor would, instead of in hindsight.
    pub as_live: bool,
    /// Calls that start while so many are in progress are 8004.
    pub license_limit: Option<usize>,
    /// Calls held at once, those included that ended so lately that stragglers still belong to them. Whoever was quiet
    /// for long makes room for one more, and is told as it stands.
    pub max_calls: usize,
    /// Registrations held at once; likewise.
    pub max_registrations: usize,
    /// What happened when, in any order.
    pub marks: Vec<Mark>,
    /// Call-IDs marked as unmonitored whenever they come.
    pub unmonitored: Vec<Box<[u8]>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            signalling_timeout: Duration::from_secs(3600),
            media_timeout: Duration::from_secs(300),
            restart_gap: Duration::from_secs(300),
            as_live: false,
            license_limit: None,
            max_calls: 1_000_000,
            max_registrations: 2_000_000,
            marks: Vec::new(),
            unmonitored: Vec::new(),
        }
    }
}

/// Something that happened outside the capture at a known time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Marking,
}

/// What a mark does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marking {
    /// Somebody marked this call as unmonitored (8000), if it was in progress.
    Unmonitor(Box<[u8]>),
    /// The server restarted: active calls are 8001.
    ServerRestart,
    /// The sniffer restarted: active calls are 8002.
    SnifferRestart,
}

/// A code that took the place of what the wire said, and the moment it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Override {
    pub(super) code: Code,
    pub(super) at: Timestamp,
    /// The last packet of the call before it.
    pub(super) place: Place,
}

//! The way of the key logs that captures carry, from the reader to whoever decrypts. Knows nothing of what is in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

/// The TLS key logs that captures carry, as they are met.
#[derive(Debug)]
pub struct KeyLogs {
    logs: Receiver<Vec<u8>>,
    /// Asked for every packet: an empty channel takes longer to ask than a packet takes to read.
    waiting: Arc<AtomicBool>,
}

impl KeyLogs {
    /// Those that were met since the last call.
    pub fn try_iter(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let waiting = self.waiting.load(Ordering::Acquire) && self.waiting.swap(false, Ordering::AcqRel);
        waiting.then(|| self.logs.try_iter()).into_iter().flatten()
    }
}

/// The other end.
pub(super) struct Secrets {
    logs: Sender<Vec<u8>>,
    waiting: Arc<AtomicBool>,
}

impl Secrets {
    pub(super) fn new() -> (Self, KeyLogs) {
        let (sender, receiver) = mpsc::channel();
        let waiting = Arc::default();
        (Self { logs: sender, waiting: Arc::clone(&waiting) }, KeyLogs { logs: receiver, waiting })
    }

    pub(super) fn send(&self, key_log: Vec<u8>) {
        // Where nobody listens any more, nobody misses it.
        let _ = self.logs.send(key_log);
        self.waiting.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_log_comes_out_once() {
        let (secrets, logs) = Secrets::new();
        assert_eq!(logs.try_iter().count(), 0);
        secrets.send(vec![1]);
        secrets.send(vec![2]);
        assert_eq!(logs.try_iter().collect::<Vec<_>>(), [[1], [2]]);
        assert_eq!(logs.try_iter().count(), 0);
        secrets.send(vec![3]);
        assert_eq!(logs.try_iter().collect::<Vec<_>>(), [[3]]);
    }
}

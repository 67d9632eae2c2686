//! A window on a stream of bytes that slides forward and grows for a large record. Knows no format.

use std::io::{self, ErrorKind, Read};

/// How much one `read()` asks for: fits the second-level cache, which measures faster than larger windows.
pub(super) const WINDOW: usize = 256 * 1024;

/// The bytes of a stream that were read and not yet consumed.
pub(super) struct Buffer {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the stream `start` stands.
    offset: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl Buffer {
    pub(super) fn new(source: Box<dyn Read + Send>, window: usize) -> Self {
        Self { source, bytes: vec![0; window.max(64)], start: 0, end: 0, offset: 0, ended: false, failure: None }
    }

    /// The bytes at hand, from the current position.
    #[inline]
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Steps over `count` bytes at hand. They stay where they were, at the index returned, until the next `fill`.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) -> usize {
        let from = self.start;
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
        from
    }

    /// Bytes by index, as `consume` told it.
    #[inline]
    pub(super) fn slice(&self, from: usize, len: usize) -> &[u8] {
        self.bytes.get(from..from + len).unwrap_or_default()
    }

    /// Reads until `need` bytes are at hand; false if the stream has no more.
    #[cold]
    pub(super) fn fill(&mut self, need: usize) -> bool {
        while self.end - self.start < need && !self.ended {
            self.make_room(need);
            match self.source.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end = (self.end + count).min(self.bytes.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    self.ended = true;
                }
            }
        }
        self.end - self.start >= need
    }

    /// Position in the stream, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the stream has nothing more than what is at hand.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Why the stream ended, if by an error.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Makes the window hold `need` bytes from the current position.
    ///
    /// `need` never passes half of the window, and bytes move only after half of it was consumed: so each byte is
    /// moved a bounded number of times, however small the pieces are that the source gives.
    fn make_room(&mut self, need: usize) {
        let window = self.bytes.len();
        if need > window / 2 {
            // A fresh allocation of zeros costs no memory until it is read into: a length that lies is cheap.
            let mut larger = vec![0; need.saturating_mul(2).next_power_of_two()];
            larger[..self.end - self.start].copy_from_slice(&self.bytes[self.start..self.end]);
            self.bytes = larger;
        } else if self.start > window / 2 || self.start + need > window {
            self.bytes.copy_within(self.start..self.end, 0);
        } else {
            return;
        }
        self.end -= self.start;
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::Dribble;
    use super::*;

    #[test]
    fn a_slow_source_gives_the_same_bytes_as_a_fast_one() {
        let bytes: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
        for pieces in [vec![1], vec![7, 1, 64], vec![100_000]] {
            let mut buffer = Buffer::new(Box::new(Dribble::new(bytes.clone(), pieces)), 64);
            let mut got = Vec::new();
            for need in [1, 3, 500, 20, 31, 2].into_iter().cycle() {
                if !buffer.fill(need) {
                    break;
                }
                assert_eq!(buffer.offset(), got.len() as u64);
                got.extend_from_slice(&buffer.filled()[..need]);
                let from = buffer.consume(need);
                assert_eq!(buffer.slice(from, need), &got[got.len() - need..]);
            }
            got.extend_from_slice(buffer.filled());
            assert_eq!(got, bytes);
            assert!(buffer.ended() && buffer.take_failure().is_none());
        }
    }

    #[test]
    fn interruptions_are_retried_and_failures_kept() {
        struct Moody(u32);
        impl Read for Moody {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 | 3 => Err(ErrorKind::Interrupted.into()),
                    2 | 4 => {
                        into[0] = 9;
                        Ok(1)
                    }
                    _ => Err(ErrorKind::PermissionDenied.into()),
                }
            }
        }
        let mut buffer = Buffer::new(Box::new(Moody(0)), 64);
        assert!(!buffer.fill(3));
        assert_eq!(buffer.filled(), [9, 9]);
        assert_eq!(buffer.take_failure().map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
    }
}

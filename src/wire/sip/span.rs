//! Where something stands in the head of a message. Knows neither the bytes nor what it is.

/// From where to where, in the first 64 KiB: no datagram is longer, and no head that was cut out of a stream. What is
/// missing begins at 0, where of a message only the start line does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    at: u16,
    end: u16,
}

impl Span {
    /// What is missing.
    pub(super) const NONE: Self = Self { at: 0, end: 0 };

    /// The bytes that it can speak of. It cannot speak of the last one, which is the last of a blank line.
    pub(super) const REACH: usize = 1 << 16;

    #[inline]
    pub(super) const fn new(at: usize, end: usize) -> Self {
        debug_assert!(at <= end && end < Self::REACH);
        Self { at: at as u16, end: end as u16 }
    }

    /// Where in `whole` this part of it stands; missing where it is no part.
    pub(super) fn within(whole: &[u8], part: &[u8]) -> Self {
        let at = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        match at.checked_add(part.len()) {
            Some(end) if end <= whole.len() && end < Self::REACH => Self::new(at, end),
            _ => Self::NONE,
        }
    }

    #[inline]
    pub(super) const fn is_some(self) -> bool {
        self.at != 0
    }

    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.at == self.end
    }

    #[inline]
    pub(super) const fn start(self) -> usize {
        self.at as usize
    }

    #[inline]
    pub(super) const fn end(self) -> usize {
        self.end as usize
    }

    /// This, or else the other.
    #[inline]
    pub(super) const fn or(self, other: Self) -> Self {
        if self.is_some() { self } else { other }
    }

    /// What stands there; nothing where the bytes end before.
    #[inline]
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start()..self.end()).unwrap_or_default()
    }

    /// The same, but `None` for what is missing.
    #[inline]
    pub(super) fn maybe_of(self, bytes: &[u8]) -> Option<&[u8]> {
        if self.is_some() { Some(self.of(bytes)) } else { None }
    }
}

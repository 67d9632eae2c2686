//! What was on the wire, call or not, counted. Knows no calls.

use crate::event::Event;
use crate::wire::sip::Message;

/// What was on the wire, call or not.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// In the order in which they came first, which is nearly that of how often they come.
    methods: Vec<(Box<str>, u64)>,
    codes: Vec<(u16, u64)>,
    files: Vec<FileTraffic>,
}

/// What one capture held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileTraffic {
    /// SIP messages, retransmissions and duplicates included.
    pub sip_messages: u64,
    /// SIP packets that were captured before.
    pub duplicates: u64,
}

impl Traffic {
    /// Methods beyond this many different ones are counted together as `other`.
    const MOST_METHODS: usize = 64;
    /// A method of more bytes is not counted by its name: the longest registered one has 9.
    const LONGEST_METHOD: usize = 64;
    /// Captures beyond this many, those of earlier runs included, are not counted each.
    const MOST_FILES: usize = 1 << 20;

    /// What the capture of this index held.
    #[must_use]
    pub fn of_file(&self, file: u32) -> FileTraffic {
        self.files.get(file as usize).copied().unwrap_or_default()
    }

    /// Requests by method, as sent.
    pub fn methods(&self) -> impl Iterator<Item = (&str, u64)> {
        self.methods.iter().map(|(method, count)| (&**method, *count))
    }

    /// Responses by status code.
    pub fn codes(&self) -> impl Iterator<Item = (u16, u64)> {
        self.codes.iter().copied()
    }

    pub(super) fn count(&mut self, event: &Event<'_>, message: &Message<'_>) {
        let file = event.place.file as usize;
        if self.files.len() <= file && file < Self::MOST_FILES {
            self.files.resize(file + 1, FileTraffic::default());
        }
        if let Some(of) = self.files.get_mut(file) {
            of.sip_messages += 1;
            of.duplicates += u64::from(event.duplicate);
        }
        if let Some(code) = message.code() {
            match self.codes.iter_mut().find(|(of, _)| *of == code) {
                Some((_, count)) => *count += 1,
                None => self.codes.push((code, 1)),
            }
        } else if let Some(method) = message.method() {
            let token = method.token();
            match self.methods.iter_mut().find(|(of, _)| of.as_bytes() == token) {
                Some((_, count)) => *count += 1,
                None => self.count_new(token),
            }
        }
    }

    #[cold]
    fn count_new(&mut self, token: &[u8]) {
        let token = std::str::from_utf8(token).ok().filter(|token| token.len() <= Self::LONGEST_METHOD);
        let token = token.filter(|_| self.methods.len() < Self::MOST_METHODS).unwrap_or("other");
        match self.methods.iter_mut().find(|(of, _)| **of == *token) {
            Some((_, count)) => *count += 1,
            None => self.methods.push((token.into(), 1)),
        }
    }
}

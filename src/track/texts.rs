//! Texts that very many have in common, a User-Agent or a registrar's name: each is kept once. Knows nothing of what they
//! say.

use std::sync::Arc;

use memchr::memchr;

use super::index::Index;
use super::transaction::Digest;
use crate::wire::sip::text;

/// A text of [`Texts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// One that is kept there.
    Kept(u32),
    /// One that is not: it is long, or there are too many already.
    Own(Box<Arc<str>>),
}

impl Text {
    /// One that is kept nowhere.
    pub(super) fn own(text: impl Into<Arc<str>>) -> Self {
        Self::Own(Box::new(text.into()))
    }
}

/// Texts, each once. None of them is ever forgotten, so there is a bound to them.
#[derive(Debug, Default)]
pub(super) struct Texts {
    known: Index,
    all: Vec<Arc<str>>,
    /// Numbers of those that were asked for lately, each where its length and its ends put it.
    lately: [u32; Self::LATELY],
}

impl Texts {
    const MOST: usize = 4096;
    const LONGEST: usize = 256;
    const LATELY: usize = 32;

    /// A text as sent; nothing where nothing was written.
    pub(super) fn sent(&mut self, digest: &Digest, bytes: &[u8]) -> Option<Text> {
        if let Some(known) = self.find(digest, bytes) {
            return Some(Text::Kept(known));
        }
        let text = text(bytes);
        // Only what is the same bytes on the wire is found there again.
        let keeps = text.as_bytes() == bytes && memchr(b'\n', bytes).is_none();
        (!text.is_empty()).then(|| if keeps { self.add(digest, &text) } else { Text::own(text) })
    }

    /// Any other text.
    pub(super) fn own(&mut self, digest: &Digest, text: &str) -> Text {
        match self.find(digest, text.as_bytes()) {
            Some(known) => Text::Kept(known),
            None if text.contains('\n') => Text::own(text),
            None => self.add(digest, text),
        }
    }

    /// The number of a text that is kept, or is now.
    pub(super) fn number(&mut self, digest: &Digest, text: &str) -> Option<u32> {
        match self.own(digest, text) {
            Text::Kept(number) => Some(number),
            Text::Own(_) => None,
        }
    }

    fn find(&mut self, digest: &Digest, bytes: &[u8]) -> Option<u32> {
        let ([first, ..], [.., last]) = (bytes, bytes) else { return None };
        if bytes.len() > Self::LONGEST {
            return None;
        }
        let place = (bytes.len() + usize::from(*first) * 3 + usize::from(*last) * 5) % Self::LATELY;
        let lately = self.lately.get(place).copied().unwrap_or_default();
        if self.is(lately, bytes) {
            return Some(lately);
        }
        let found = self.known.of(digest.of(bytes)).find(|number| self.is(*number, bytes))?;
        if let Some(lately) = self.lately.get_mut(place) {
            *lately = found;
        }
        Some(found)
    }

    fn is(&self, number: u32, bytes: &[u8]) -> bool {
        self.numbered(number).is_some_and(|text| text.as_bytes() == bytes)
    }

    fn add(&mut self, digest: &Digest, text: &str) -> Text {
        if text.is_empty() || text.len() > Self::LONGEST || self.all.len() >= Self::MOST {
            return Text::own(text);
        }
        let number = self.all.len() as u32;
        self.known.insert(digest.of(text.as_bytes()), number);
        self.all.push(text.into());
        Text::Kept(number)
    }

    /// The text of this number.
    pub(super) fn numbered(&self, number: u32) -> Option<&Arc<str>> {
        self.all.get(number as usize)
    }

    /// What a text says.
    pub(super) fn says<'t>(&'t self, text: &'t Text) -> &'t Arc<str> {
        static NOTHING: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| Arc::from(""));
        match text {
            Text::Kept(number) => self.numbered(*number).unwrap_or(&NOTHING),
            Text::Own(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_kept_once() {
        let (digest, mut texts) = (Digest::default(), Texts::default());
        let long = "x".repeat(Texts::LONGEST + 1);
        for (sent, says, kept) in [
            (&b"Phone/1"[..], "Phone/1", true),
            (b"Phone/1", "Phone/1", true),
            (b"Phone/2", "Phone/2", true),
            (b"two\r\n lines", "two lines", false),
            (b"two lines", "two lines", true),
            (b"caf\xe9", "caf\u{fffd}", false),
            (long.as_bytes(), &long, false),
        ] {
            let text = texts.sent(&digest, sent).expect("a text");
            assert_eq!(&**texts.says(&text), says);
            assert_eq!(matches!(text, Text::Kept(_)), kept, "{says}");
            let own = texts.own(&digest, says);
            assert_eq!(&**texts.says(&own), says);
        }
        assert_eq!(texts.sent(&digest, b""), None);
        assert_eq!(texts.all.len(), 4);
    }

    #[test]
    fn there_is_a_bound() {
        let (digest, mut texts) = (Digest::default(), Texts::default());
        for number in 0..2 * Texts::MOST {
            let name = format!("phone {number}");
            let text = texts.sent(&digest, name.as_bytes()).expect("a text");
            assert_eq!(**texts.says(&text), *name);
            assert_eq!(texts.number(&digest, &name).is_some(), number < Texts::MOST);
        }
    }
}

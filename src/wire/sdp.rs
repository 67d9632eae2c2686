//! Session descriptions (RFC 8866) as far as offer and answer ask for them: media lines with their addresses,
//! directions, codecs and keys. Knows one description at a time, not which is the offer and which the answer.
//!
//! A line scan that asks for no order and no completeness: what is written wrong is passed over, and the rest counts.

mod attribute;
mod body;
mod level;
mod media;
mod outline;

use memchr::{memchr, memchr2, memmem};

pub use attribute::{Candidate, CandidateType, Crypto, Direction, Fingerprint, Setup};
pub use body::find;
use level::Level;
pub use media::{Media, MediaType};
pub use outline::{Flow, Outline};

/// A session description, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The lines before the first `m=`.
    head: &'a [u8],
    /// The first `m=` line and all that follows.
    media: &'a [u8],
}

impl<'a> Session<'a> {
    /// Reads a description. `None`: there is neither a `v=` nor an `m=` line.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, media) = bytes.split_at_checked(media_start(bytes))?;
        (!media.is_empty() || lines(head).any(|(kind, _)| kind == b'v')).then_some(Self { head, media })
    }

    /// The address of the session's `c=` line, without TTL and count.
    #[must_use]
    pub fn address(&self) -> Option<&'a [u8]> {
        Level::read(self.head).address
    }

    /// The `a=` lines of the session: name, and value where there is one.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        attributes(self.head)
    }

    /// The media descriptions, in order. An `m=` line that cannot be read is left out with all that belongs to it.
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        // Read once: of many streams each would go through the session's lines again.
        let shared = Level::read(self.head);
        let mut rest = self.media;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (line, after) = rest.split_at_checked(memchr2(b'\r', b'\n', rest).unwrap_or(rest.len()))?;
                let (section, next) = after.split_at_checked(media_start(after))?;
                rest = next;
                if let Some(media) = Media::read(line, section, &shared) {
                    return Some(media);
                }
            }
            None
        })
    }

    /// The groups of media that share one address and port, each by the `mid` of its media (RFC 9143 7).
    pub fn bundles(&self) -> impl Iterator<Item = impl Iterator<Item = &'a [u8]> + Clone + use<'a>> + use<'a> {
        self.attributes().filter_map(|(name, value)| {
            let (semantics, mids) = word(value.filter(|_| name.eq_ignore_ascii_case(b"group"))?);
            semantics.eq_ignore_ascii_case(b"BUNDLE").then(|| words(mids))
        })
    }

    /// The media description whose address and port this one's packets use: of `a=bundle-only` media, which have no port
    /// of their own, the one of their group that has (RFC 9143 7.2.1), of all others themselves. `None` where that is not
    /// to be found.
    #[must_use]
    pub fn carrier(&self, media: &Media<'a>) -> Option<Media<'a>> {
        if media.port != 0 || !media.bundle_only {
            return Some(*media);
        }
        let mid = media.mid?;
        let group = self.bundles().find(|group| group.clone().any(|known| known == mid))?;
        let has_port =
            |other: &Media<'_>| other.port != 0 && other.mid.is_some_and(|mid| group.clone().any(|known| known == mid));
        self.media().take(Self::MOST_BUNDLED).find(has_port)
    }

    /// Media among which the carrier of a group is looked for.
    const MOST_BUNDLED: usize = 64;

    /// What tells this description from others.
    #[must_use]
    pub fn identity(&self) -> Identity<'a> {
        let shared = Level::read(self.head).address.filter(is_specified);
        let mut wanted = self.media().filter(|media| media.port != 0);
        let place = wanted.find_map(|media| {
            if media.has_own_address() {
                return Some(media.address.filter(is_specified).map(|address| (address, media.port)));
            }
            Some(Some((shared?, media.port)))
        });
        let origin = lines(self.head).filter(|(kind, _)| *kind == b'o').find_map(|(_, value)| origin(value));
        Identity { origin, media: place.flatten() }
    }
}

/// The identity of a session description, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// `o=` but the version: user name, session id, network type, address type, address. Together they are unique
    /// (RFC 8866 5.2). `None` where the session id is one that everybody uses (`0`, `1`, `1234`).
    pub origin: Option<[&'a [u8]; 5]>,
    /// Address and port of the first media that are wanted at all; `None` where the address is that of a call on hold.
    pub media: Option<(&'a [u8], u16)>,
}

impl Identity<'_> {
    /// Session ids shorter than this are not unique to anybody.
    const TELLING: usize = 5;
}

fn origin(value: &[u8]) -> Option<[&[u8]; 5]> {
    let mut words = words(value);
    let mut next = || words.next();
    let (user, id, _version, net, family, address) = (next()?, next()?, next()?, next()?, next()?, next()?);
    (id.len() >= Identity::TELLING).then_some([user, id, net, family, address])
}

/// Not the address of zeros that a call on hold may have (RFC 3264 8.4).
fn is_specified(address: &&[u8]) -> bool {
    ![&b"0.0.0.0"[..], b"::"].contains(address)
}

/// The lines that are `x=value`, ended by LF, CRLF, CR or the end.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    bytes.split(|byte| matches!(byte, b'\r' | b'\n')).filter_map(|line| match line {
        [kind, b'=', value @ ..] => Some((*kind, value.trim_ascii())),
        _ => None,
    })
}

/// Where the next `m=` line begins, the length where there is none.
fn media_start(bytes: &[u8]) -> usize {
    let at_line_start = |at: &usize| *at == 0 || matches!(bytes.get(at - 1), Some(b'\r' | b'\n'));
    memmem::find_iter(bytes, b"m=").find(at_line_start).unwrap_or(bytes.len())
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    lines(bytes).filter(|(kind, _)| *kind == b'a').map(|(_, line)| attribute(line))
}

/// Name and value of an attribute (RFC 8866 5.13).
fn attribute(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    split_at_byte(line, b':').map_or((line, None), |(name, value)| (name, Some(value)))
}

/// What stands before and after the first `byte`.
fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(byte, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// The first word, and what follows it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii_start();
    let end = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A number, written with digits alone.
fn number<N: std::str::FromStr>(bytes: &[u8]) -> Option<N> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

#[cfg(test)]
mod tests;

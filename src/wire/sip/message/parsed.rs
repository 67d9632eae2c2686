//! What was found in a message, apart from its bytes: where in them everything stands, so that a copy of the bytes need
//! not be read again. Knows no message but the one that it was taken from.

use super::read::Known;
use super::{Defects, Message, Names};
use crate::wire::sip::span::Span;
use crate::wire::sip::start::{Start, Verb};

/// What [`Message::parse`] found, as places in [`Message::raw`]. With a copy of those bytes it is the message again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub(super) start: Start,
    pub(super) head_len: u32,
    /// The header lines that are whole, each with its line end; without the blank line.
    pub(super) fields: Span,
    /// The values of [`Known`] headers: those of which all are asked without the blanks around them, the others with.
    pub(super) kept: [Span; 11],
    pub(super) from_uri: Span,
    pub(super) from_tag: Span,
    pub(super) to_uri: Span,
    pub(super) to_tag: Span,
    /// The branch of the topmost Via value.
    pub(super) branch: Span,
    /// The method of CSeq; missing where there is no CSeq that is well-formed.
    pub(super) cseq_method: Span,
    pub(super) cseq_number: u32,
    pub(super) cseq_verb: Verb,
    /// There are commas in the topmost Via field.
    pub(super) via_list: bool,
    pub(super) more_contacts: bool,
    pub(super) via_count: u16,
    /// From the first to the last line whose names look like some of [`RARE`](super::read::RARE), with its line end.
    pub(super) rare: Span,
    pub(super) defects: Defects,
    pub(super) names: Names,
}

// Copied for every message, and kept for every one that goes from thread to thread.
const _: () = assert!(size_of::<Message<'_>>() <= 128);

impl Parsed {
    /// Nothing was found yet.
    pub(super) const UNREAD: Self = Self {
        start: Start::NONE,
        head_len: 0,
        fields: Span::NONE,
        kept: [Span::NONE; 11],
        from_uri: Span::NONE,
        from_tag: Span::NONE,
        to_uri: Span::NONE,
        to_tag: Span::NONE,
        branch: Span::NONE,
        cseq_method: Span::NONE,
        cseq_number: 0,
        cseq_verb: Verb::OTHER,
        via_list: false,
        more_contacts: false,
        via_count: 0,
        rare: Span::NONE,
        defects: Defects::NONE,
        names: Names::EMPTY,
    };

    /// Where the value of a header stands; missing where nothing is kept.
    #[inline]
    pub(super) fn kept(&self, known: Known) -> Span {
        self.kept.get(known as usize).copied().unwrap_or_default()
    }

    /// The message again, over a copy of the bytes that it was detached from. Of other bytes it makes nonsense, but
    /// nothing worse.
    #[inline]
    #[must_use]
    pub const fn attach<'a>(&self, raw: &'a [u8]) -> Message<'a> {
        Message { raw, parsed: *self }
    }
}

impl Message<'_> {
    /// Where in [`raw`](Self::raw) everything stands.
    #[inline]
    #[must_use]
    pub const fn detach(&self) -> Parsed {
        self.parsed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// Whether a message is the same over a copy of its bytes, wherever that lies.
    fn survives(bytes: &[u8]) -> Result<bool, TestCaseError> {
        let Some(message) = Message::parse(bytes) else { return Ok(false) };
        let parsed = message.detach();
        let copy = message.raw().to_vec();
        let expected = format!("{message:?}");
        prop_assert_eq!(format!("{:?}", parsed.attach(&copy)), expected);
        // Fewer bytes than it came from: nothing to rely on, but no panic either.
        let _ = parsed.attach(copy.get(..copy.len() / 2).unwrap_or_default());
        Ok(true)
    }

    const WHOLE: &str = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\n\
        From: \"A\" <sip:a@b>;tag=f\r\nTo: <sip:c@d>;tag=t\r\nCall-ID: x@y\r\nCSeq: 2 INVITE\r\n\
        Contact: <sip:1@a>;expires=9\r\nExpires: 60\r\nUser-Agent: S\r\nReason: Q.850;cause=2\r\nX-CID:\r\n\
        Content-Type: a/b\r\nContent-Length: 2\r\n\r\nabc";

    #[test]
    fn wherever_a_message_is_cut_it_stays_the_same() {
        let own = WHOLE.replace("INVITE", "OWN");
        let response = WHOLE.replacen("INVITE sip:a@b SIP/2.0", "SIP/2.0 486 Busy Here", 1);
        let mute = WHOLE.replacen("INVITE sip:a@b SIP/2.0", "SIP/2.0 200", 1);
        for text in [WHOLE, &own, &response, &mute, &format!("\0\0\r\n{WHOLE}")] {
            assert!(matches!(survives(text.as_bytes()), Ok(true)));
            for end in 0..text.len() {
                assert!(survives(text.as_bytes().get(..end).unwrap_or_default()).is_ok());
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_stays_the_same(
            junk in "[\r\n\0 ]{0,4}",
            start in "(INVITE|BYE|FOO|S[A-Z]{1,3}) sip:[a-z@<> ]{1,9} SIP/2.0|SIP/2.0  ?[1-7][0-9]{2} ?[a-zé ]{0,9}",
            lines in proptest::collection::vec(
                ("(?i)via|v|from|f|to|call-id|i|cseq|contact|m|expires|l|content-length|c|server|user-agent|reason|x",
                 "[ \t]?:[ \t]?(\r\n )?",
                 "[a-z;=\",<> ]{0,9}|<sip:a>;tag=[a-z]{0,3}|[0-9]{1,3}( [A-Z]{1,3})?|1 INVITE"), 0..9),
            end in "(\r\n){0,2}",
            body in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let lines: Vec<String> = lines.iter().map(|(name, colon, value)| format!("\r\n{name}{colon}{value}")).collect();
            let mut bytes = format!("{junk}{start}{}{end}", lines.concat()).into_bytes();
            bytes.extend_from_slice(&body);
            survives(&bytes)?;
        }

        #[test]
        fn so_does_what_damage_left_of_it(at in 0..WHOLE.len(), new: u8, cut in 0..WHOLE.len()) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = new;
            }
            bytes.truncate(cut.max(at));
            survives(&bytes)?;
        }
    }
}

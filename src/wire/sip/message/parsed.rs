//! A message apart from its bytes: where in them everything stands, so that a copy of the bytes need not be read again.
//! Knows no message but the one that it was taken from.

use super::{Cseq, Defects, Message, Method, Names, StartLine};
use crate::wire::sip::start::METHODS;

/// What [`Message::parse`] found, as places in [`Message::raw`]. With a copy of those bytes it is the message again.
#[derive(Clone, Copy, Debug)]
pub struct Parsed {
    start: Start,
    head: Span,
    fields: Span,
    body: Span,
    call_id: Option<Span>,
    cseq: Option<(u32, Word)>,
    from: Option<Span>,
    to: Option<Span>,
    from_tag: Option<Span>,
    to_tag: Option<Span>,
    via: Option<Span>,
    via_list: bool,
    more_contacts: bool,
    via_count: u16,
    contact: Option<Span>,
    expires: Option<u32>,
    content_length: Option<usize>,
    content_type: Option<Span>,
    user_agent: Option<Span>,
    names: Names,
    defects: Defects,
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Request { method: Word, uri: Span },
    Response { code: u16, phrase: Span },
}

/// A method.
#[derive(Clone, Copy, Debug)]
enum Word {
    Registered(Method<'static>),
    Other(Span),
}

/// From where to where in the raw bytes. What is empty may stand anywhere.
#[derive(Clone, Copy, Debug)]
struct Span {
    at: u32,
    len: u32,
}

impl<'a> Message<'a> {
    /// Where in [`raw`](Self::raw) everything stands.
    #[must_use]
    pub fn detach(&self) -> Parsed {
        let of = Places(self.raw);
        Parsed {
            start: match self.start {
                StartLine::Request { method, uri } => Start::Request { method: of.word(method), uri: of.span(uri) },
                StartLine::Response { code, phrase } => Start::Response { code, phrase: of.span(phrase) },
            },
            head: of.span(self.head),
            fields: of.span(self.fields),
            body: of.span(self.body),
            call_id: of.maybe(self.call_id),
            cseq: self.cseq.map(|cseq| (cseq.number, of.word(cseq.method))),
            from: of.maybe(self.from),
            to: of.maybe(self.to),
            from_tag: of.maybe(self.from_tag),
            to_tag: of.maybe(self.to_tag),
            via: of.maybe(self.via),
            via_list: self.via_list,
            more_contacts: self.more_contacts,
            via_count: self.via_count,
            contact: of.maybe(self.contact),
            expires: self.expires,
            content_length: self.content_length,
            content_type: of.maybe(self.content_type),
            user_agent: of.maybe(self.user_agent),
            names: self.names,
            defects: self.defects,
        }
    }
}

impl Parsed {
    /// The message again, over a copy of the bytes that it was detached from. Of other bytes it makes nonsense, but
    /// nothing worse.
    #[must_use]
    pub fn attach<'a>(&self, raw: &'a [u8]) -> Message<'a> {
        let of = Places(raw);
        let maybe = |span: Option<Span>| span.map(|span| of.slice(span));
        Message {
            start: match self.start {
                Start::Request { method, uri } => StartLine::Request { method: of.method(method), uri: of.slice(uri) },
                Start::Response { code, phrase } => StartLine::Response { code, phrase: of.slice(phrase) },
            },
            raw,
            head: of.slice(self.head),
            fields: of.slice(self.fields),
            body: of.slice(self.body),
            call_id: maybe(self.call_id),
            cseq: self.cseq.map(|(number, method)| Cseq { number, method: of.method(method) }),
            from: maybe(self.from),
            to: maybe(self.to),
            from_tag: maybe(self.from_tag),
            to_tag: maybe(self.to_tag),
            via: maybe(self.via),
            via_list: self.via_list,
            via_count: self.via_count,
            contact: maybe(self.contact),
            more_contacts: self.more_contacts,
            expires: self.expires,
            content_length: self.content_length,
            content_type: maybe(self.content_type),
            user_agent: maybe(self.user_agent),
            names: self.names,
            defects: self.defects,
        }
    }
}

/// The raw bytes, and what stands where in them.
#[derive(Clone, Copy)]
struct Places<'a>(&'a [u8]);

impl<'a> Places<'a> {
    /// All that a message holds lies in its raw bytes, or is empty. No datagram and no framed message comes near 4 GiB.
    fn span(self, part: &[u8]) -> Span {
        let at = part.as_ptr().addr().wrapping_sub(self.0.as_ptr().addr());
        let inside = at.checked_add(part.len()).is_some_and(|end| end <= self.0.len());
        match (u32::try_from(at), u32::try_from(part.len())) {
            (Ok(at), Ok(len)) if inside => Span { at, len },
            _ => Span { at: 0, len: 0 },
        }
    }

    fn maybe(self, part: Option<&[u8]>) -> Option<Span> {
        part.map(|part| self.span(part))
    }

    fn word(self, method: Method<'_>) -> Word {
        let known = METHODS.iter().map(|(_, known)| *known).find(|known| *known == method);
        known.map_or_else(|| Word::Other(self.span(method.token())), Word::Registered)
    }

    fn slice(self, Span { at, len }: Span) -> &'a [u8] {
        self.0.get(at as usize..).and_then(|rest| rest.get(..len as usize)).unwrap_or_default()
    }

    fn method(self, word: Word) -> Method<'a> {
        match word {
            Word::Registered(method) => method,
            Word::Other(span) => Method::Other(self.slice(span)),
        }
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

//! What tells one session description from another (RFC 4566 5.2, 5.7, 5.14): its origin, and where its first media are
//! to be sent. Knows no media, no codecs and no answer.

use memchr::memchr2;

/// The identity of a session description, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// `o=` but the version: user name, session id, network type, address type, address. Together they are unique
    /// (RFC 4566 5.2). `None` where the session id is one that everybody uses (`0`, `1`, `1234`).
    pub origin: Option<[&'a [u8]; 5]>,
    /// Address and port of the first media that are wanted at all.
    pub media: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Identity<'a> {
    /// Session ids shorter than this are not unique to anybody.
    const TELLING: usize = 5;

    /// Finds them in a body, also where other parts stand around the description.
    #[must_use]
    pub fn of(body: &'a [u8]) -> Self {
        let mut found = Self::default();
        let mut session = None;
        // The port of the media whose lines these are; an inner `None`: media that are not wanted.
        let mut media: Option<Option<&[u8]>> = None;
        let mut rest = body;
        while !rest.is_empty() {
            let end = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            let after = rest.get(end + 1..).unwrap_or_default();
            // What ends in CR LF ends once.
            rest = after.strip_prefix(b"\n").unwrap_or(after);
            match (line, media) {
                ([b'o', b'=', value @ ..], None) if found.origin.is_none() => found.origin = origin(value),
                ([b'c', b'=', value @ ..], None) => session = address(value),
                // The media's own address takes precedence over the session's.
                ([b'c', b'=', value @ ..], Some(Some(port))) => {
                    found.media = address(value).map(|address| (address, port));
                    break;
                }
                ([b'm', b'=', ..], Some(_)) if found.media.is_some() => break,
                ([b'm', b'=', value @ ..], _) => {
                    let port = words(value).nth(1).filter(|port| *port != b"0");
                    found.media = session.zip(port);
                    media = Some(port);
                }
                _ => {}
            }
        }
        found
    }
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

fn origin(value: &[u8]) -> Option<[&[u8]; 5]> {
    let mut words = words(value);
    let mut next = || words.next();
    let (user, id, _version, net, family, address) = (next()?, next()?, next()?, next()?, next()?, next()?);
    (id.len() >= Identity::TELLING).then_some([user, id, net, family, address])
}

/// The address of a `c=` line; none where it is the unspecified one of a call on hold.
fn address(value: &[u8]) -> Option<&[u8]> {
    words(value).nth(2).filter(|address| ![&b"0.0.0.0"[..], b"::"].contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identities() {
        type Case<'a> = (&'a str, &'a str, Option<&'a str>, Option<(&'a str, &'a str)>);
        let cases: &[Case<'_>] = &[
            (
                "usual",
                "v=0\r\no=- 2890844526 7 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n",
                Some("- 2890844526 IN IP4 192.0.2.1"),
                Some(("192.0.2.1", "4000")),
            ),
            (
                "an address of the media",
                "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.9\nm=video 5000 RTP/AVP 0\n",
                None,
                Some(("192.0.2.9", "4000")),
            ),
            ("on hold", "c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n", None, None),
            ("refused audio, then video", "c=IN IP4 1.1.1.1\nm=audio 0 x\nm=video 6 x\n", None, Some(("1.1.1.1", "6"))),
            ("refused media's address", "m=audio 0 x\nc=IN IP4 1.1.1.1\nm=video 6 x\n", None, None),
            ("a session id of everybody's", "o=- 1234 1 IN IP4 192.0.2.1\n", None, None),
            ("an origin cut short", "o=- 2890844526 7 IN IP4\n", None, None),
            ("nothing", "", None, None),
        ];
        for (name, body, origin, media) in cases {
            let got = Identity::of(body.as_bytes());
            let words = got.origin.map(|words| words.map(|word| String::from_utf8_lossy(word)).join(" "));
            assert_eq!(words.as_deref(), *origin, "{name}");
            assert_eq!(got.media, media.map(|(address, port)| (address.as_bytes(), port.as_bytes())), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(body in "([ocm]=[ -~]{0,20}(\r\n|\n)?){0,8}", noise in any::<Vec<u8>>()) {
            let _ = (Identity::of(body.as_bytes()), Identity::of(&noise));
        }
    }
}

//! Session descriptions (RFC 8866) as far as offer and answer ask for them: media lines, addresses, directions. Knows
//! one description at a time, not which is the offer and which the answer.
//!
//! A line scan that asks for no order and no completeness: what is written wrong is passed over, and the rest counts.

use std::net::IpAddr;

use memchr::{memchr, memmem};

use super::sip::Params;

/// The session description in the body of a message, also where it is one part of several (RFC 2046 5.1, RFC 5621).
///
/// `None` for another body. Without a Content-Type, a body that begins like a description is one.
#[must_use]
pub fn find<'a>(content_type: Option<&[u8]>, body: &'a [u8]) -> Option<&'a [u8]> {
    find_within(content_type, body, 4)
}

/// `depth`: how deep multiparts may stand in each other.
fn find_within<'a>(content_type: Option<&[u8]>, body: &'a [u8], depth: u8) -> Option<&'a [u8]> {
    let Some(content_type) = content_type else {
        return body.starts_with(b"v=").then_some(body);
    };
    let end = memchr(b';', content_type).unwrap_or(content_type.len());
    let media_type = content_type.get(..end).unwrap_or_default().trim_ascii();
    if media_type.eq_ignore_ascii_case(b"application/sdp") {
        return Some(body).filter(|body| !body.is_empty());
    }
    let multipart = media_type.get(..10).is_some_and(|head| head.eq_ignore_ascii_case(b"multipart/"));
    let boundary = Params::parse(content_type).get("boundary").filter(|boundary| !boundary.is_empty());
    if !multipart || depth == 0 {
        return None;
    }
    Parts::new(body, boundary?).find_map(|part| {
        let (content_type, content) = split_part(part);
        find_within(content_type, content, depth - 1)
    })
}

/// The parts of a multipart body, each with its own header lines.
struct Parts<'a> {
    /// `--boundary`.
    delimiter: Vec<u8>,
    rest: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn new(body: &'a [u8], boundary: &[u8]) -> Self {
        let delimiter = [b"--", boundary].concat();
        // What stands before the first delimiter is for nobody.
        let rest = at_line_start(body, &delimiter).and_then(|at| body.get(at + delimiter.len()..));
        Self { delimiter, rest }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        if rest.starts_with(b"--") {
            return None;
        }
        let part = memchr(b'\n', rest).and_then(|end| rest.get(end + 1..))?;
        let end = at_line_start(part, &self.delimiter);
        self.rest = end.and_then(|end| part.get(end + self.delimiter.len()..));
        part.get(..end.unwrap_or(part.len()))
    }
}

/// Where `needle` first stands at the start of a line.
fn at_line_start(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, needle).find(|at| *at == 0 || bytes.get(at - 1) == Some(&b'\n'))
}

/// Content-Type and content of one part.
fn split_part(part: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let (mut content_type, mut rest) = (None, part);
    loop {
        let end = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let Some((line, after)) = rest.split_at_checked(end) else { return (content_type, rest) };
        rest = after;
        let line = line.trim_ascii();
        if line.is_empty() {
            return (content_type, rest);
        }
        if let Some((name, value)) = split_at_byte(line, b':')
            && name.trim_ascii().eq_ignore_ascii_case(b"content-type")
        {
            content_type = Some(value.trim_ascii());
        }
    }
}

/// What stands before and after the first `byte`.
fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(byte, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Which way media flows, as seen by the one who wrote the description (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// `a=sendrecv`, and what holds where nothing is said.
    #[default]
    SendRecv,
    /// `a=sendonly`.
    SendOnly,
    /// `a=recvonly`.
    RecvOnly,
    /// `a=inactive`.
    Inactive,
}

impl Direction {
    pub(super) fn of_attribute(name: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 4] = [
            (b"sendrecv", Self::SendRecv),
            (b"sendonly", Self::SendOnly),
            (b"recvonly", Self::RecvOnly),
            (b"inactive", Self::Inactive),
        ];
        // All of them are equally long, and few attributes are.
        if name.len() != 8 {
            return None;
        }
        names.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, direction)| *direction)
    }

    /// Whether the writer is going to send.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer wants to receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

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
        address(self.head)
    }

    /// The `a=` lines of the session: name, and value where there is one.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        attributes(self.head)
    }

    /// The media descriptions, in order. An `m=` line that cannot be read is left out with all that belongs to it.
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        // Asked for once: of many streams each would go through the session's lines again.
        let shared = (self.address(), direction(self.head).unwrap_or_default());
        let mut rest = self.media;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let first = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
                let (line, after) = rest.split_at_checked(first)?;
                let (section, next) = after.split_at_checked(media_start(after))?;
                rest = next;
                if let Some(media) = Media::read(line, section, shared) {
                    return Some(media);
                }
            }
            None
        })
    }
}

/// A media description: an `m=` line and what follows it, completed by what the session says for all.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// `audio`, `video`, `image`, …, as sent.
    pub kind: &'a [u8],
    /// The port, zero where the stream is refused or over (RFC 3264 5.1, 8.2).
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, …, as sent.
    pub proto: &'a [u8],
    /// Where to send to: the address of its own `c=` line, else of the session's, without TTL and count.
    pub address: Option<&'a [u8]>,
    /// Its own direction, else the session's.
    pub direction: Direction,
    formats: &'a [u8],
    section: &'a [u8],
}

impl<'a> Media<'a> {
    fn read(line: &'a [u8], section: &'a [u8], shared: (Option<&'a [u8]>, Direction)) -> Option<Self> {
        let (kind, port, proto, formats) = media_line(line.get(2..)?)?;
        Some(Self {
            kind,
            port,
            proto,
            address: address(section).or(shared.0),
            direction: direction(section).unwrap_or(shared.1),
            formats: formats.trim_ascii(),
            section,
        })
    }

    /// The formats: payload types for RTP.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.formats.split(|byte| byte.is_ascii_whitespace()).filter(|format| !format.is_empty())
    }

    /// The address as a number; `None` for a host name and where there is none.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        std::str::from_utf8(self.address?).ok()?.parse().ok()
    }

    /// Its own `a=` lines, without the session's: name, and value where there is one.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        attributes(self.section)
    }
}

/// What an `m=` line says (RFC 8866 5.14): kind, port, proto, formats.
type MediaLine<'a> = (&'a [u8], u16, &'a [u8], &'a [u8]);

/// Reads what stands behind `m=`.
pub(super) fn media_line(value: &[u8]) -> Option<MediaLine<'_>> {
    let (kind, rest) = word(value);
    let (port, rest) = word(rest);
    let (proto, formats) = word(rest);
    let port = port.split(|byte| *byte == b'/').next()?;
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    (!kind.is_empty() && !proto.is_empty()).then_some((kind, port, proto, formats))
}

/// The lines that are `x=value`, ended by LF, CRLF or the end.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (line, after) = split_at_byte(rest, b'\n').unwrap_or((rest, &[]));
            rest = after;
            if let [kind, b'=', value @ ..] = line {
                return Some((*kind, value.trim_ascii()));
            }
        }
        None
    })
}

/// Where the next `m=` line begins, the length where there is none.
fn media_start(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..)
        && !rest.starts_with(b"m=")
    {
        match memchr(b'\n', rest) {
            Some(end) => at += end + 1,
            None => return bytes.len(),
        }
    }
    at
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    lines(bytes).filter(|(kind, _)| *kind == b'a').map(|(_, line)| match split_at_byte(line, b':') {
        Some((name, value)) => (name, Some(value)),
        None => (line, None),
    })
}

/// The first direction that is said. With a value it is none, so the whole line tells.
fn direction(bytes: &[u8]) -> Option<Direction> {
    lines(bytes).filter(|(kind, _)| *kind == b'a').find_map(|(_, line)| Direction::of_attribute(line))
}

/// Of the first `c=` line.
fn address(bytes: &[u8]) -> Option<&[u8]> {
    lines(bytes).find(|(kind, _)| *kind == b'c').and_then(|(_, value)| address_of(value))
}

/// `IN IP4 224.2.1.1/127` (RFC 8866 5.7).
pub(super) fn address_of(line: &[u8]) -> Option<&[u8]> {
    let (address, _) = word(word(word(line).1).1);
    address.split(|byte| *byte == b'/').next().filter(|address| !address.is_empty())
}

/// The first word, and what follows it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii_start();
    let end = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    /// Each media line as `kind port proto formats address direction`.
    fn told(sdp: &str) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let session = Session::parse(sdp.as_bytes()).unwrap_or_else(|| panic!("no description: {sdp}"));
        session
            .media()
            .map(|media| {
                let formats: Vec<_> = media.formats().map(text).collect();
                let address = media.address.map_or_else(|| "-".to_owned(), text);
                let formats = formats.join(",");
                format!(
                    "{} {} {} {formats} {address} {:?}",
                    text(media.kind),
                    media.port,
                    text(media.proto),
                    media.direction
                )
            })
            .collect()
    }

    #[test]
    fn media_lines() {
        const V: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
        let cases: &[(&str, &str, &[&str])] = &[
            (
                "session address",
                "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 101\r\n",
                &["audio 6000 RTP/AVP 0,101 192.0.2.1 SendRecv"],
            ),
            (
                "own address and direction",
                "c=IN IP4 192.0.2.1\r\nm=audio 6000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\na=sendonly\r\nm=video 0 RTP/AVP 31\r\n",
                &["audio 6000 RTP/AVP 0 192.0.2.2 SendOnly", "video 0 RTP/AVP 31 192.0.2.1 SendRecv"],
            ),
            (
                "session direction, overruled once",
                "a=inactive\r\nm=audio 2 RTP/AVP 0\r\nm=audio 4 RTP/AVP 0\r\na=recvonly\r\n",
                &["audio 2 RTP/AVP 0 - Inactive", "audio 4 RTP/AVP 0 - RecvOnly"],
            ),
            (
                "bare LF, no end",
                "c=IN IP6 2001:db8::1\nm=audio 6000 RTP/AVP 0\na=sendonly",
                &["audio 6000 RTP/AVP 0 2001:db8::1 SendOnly"],
            ),
            (
                "multicast, two ports",
                "c=IN IP4 224.2.1.1/127/3\r\nm=audio 6000/2 RTP/AVP 0\r\n",
                &["audio 6000 RTP/AVP 0 224.2.1.1 SendRecv"],
            ),
            (
                "wide spacing, odd case",
                "c=IN  IP4   192.0.2.1 \r\nm=audio  6000  RTP/AVP  0  8 \r\na=SendOnly \r\n",
                &["audio 6000 RTP/AVP 0,8 192.0.2.1 SendOnly"],
            ),
            ("fax", "c=IN IP4 192.0.2.1\r\nm=image 5000 udptl t38\r\n", &["image 5000 udptl t38 192.0.2.1 SendRecv"]),
            (
                "a line that cannot be read",
                "m=audio 99999 RTP/AVP 0\r\na=inactive\r\nm=audio\r\nm=audio 6 RTP/AVP 0\r\n",
                &["audio 6 RTP/AVP 0 - SendRecv"],
            ),
            (
                "an attribute that only begins alike",
                "m=audio 6 RTP/AVP 0\r\na=inactive-ish\r\na=x:inactive\r\n",
                &["audio 6 RTP/AVP 0 - SendRecv"],
            ),
            ("no media", "t=0 0\r\n", &[]),
        ];
        for (name, rest, expected) in cases {
            assert_eq!(told(&format!("{V}{rest}")), *expected, "{name}");
        }
        assert_eq!(told("m=audio 6 RTP/AVP 0"), ["audio 6 RTP/AVP 0 - SendRecv"], "from the middle");
        assert!(Session::parse(b"hello\r\n").is_none());
    }

    #[test]
    fn attributes_have_names_and_values() {
        let session = Session::parse(b"v=0\r\na=ice-lite\r\nm=audio 6 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n").unwrap();
        assert_eq!(session.attributes().collect::<Vec<_>>(), [(&b"ice-lite"[..], None)]);
        let media = session.media().next().unwrap();
        assert_eq!(media.attributes().collect::<Vec<_>>(), [(&b"rtpmap"[..], Some(&b"0 PCMU/8000"[..]))]);
    }

    #[test]
    fn the_description_within_a_body() {
        const MIXED: &[u8] =
            b"preamble\r\n--b1\r\nContent-Type: application/isup; version=x\r\n\r\n\x01\x00--b1 no\r\n\
            --b1\r\nContent-Disposition: session\r\ncontent-type : Application/SDP\r\n\r\nv=0\r\ns=-\r\n\r\n--b1--\r\n";
        const NESTED: &[u8] = b"--a\r\nContent-Type: multipart/alternative;boundary=\"b 1\"\r\n\r\n\
            --b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b 1--\r\n--a--";
        type Case<'a> = (&'a str, Option<&'a str>, &'a [u8], Option<&'a [u8]>);
        let cases: &[Case<'_>] = &[
            ("plain", Some("application/sdp"), b"v=0\r\n", Some(b"v=0\r\n")),
            ("with a parameter, in capitals", Some("APPLICATION/SDP ; charset=x"), b"v=0\r\n", Some(b"v=0\r\n")),
            ("no type", None, b"v=0\r\n", Some(b"v=0\r\n")),
            ("no type, something else", None, b"hello", None),
            ("another type", Some("text/plain"), b"v=0\r\n", None),
            ("empty", Some("application/sdp"), b"", None),
            ("one of two parts", Some("multipart/mixed; boundary=b1"), MIXED, Some(b"v=0\r\ns=-\r\n\r\n")),
            ("another boundary", Some("multipart/mixed; boundary=b2"), MIXED, None),
            ("no boundary", Some("multipart/mixed"), MIXED, None),
            ("parts in a part", Some("Multipart/Mixed;boundary=a"), NESTED, Some(b"v=0\r\n")),
            (
                "the end is missing",
                Some("multipart/mixed;boundary=a"),
                b"--a\nContent-Type: application/sdp\n\nv=0\n",
                Some(b"v=0\n"),
            ),
        ];
        for (name, content_type, body, expected) in cases {
            assert_eq!(find(content_type.map(str::as_bytes), body), *expected, "{name}");
        }
    }

    /// Bytes that are likelier to mean something than others.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![
            &b"v=0"[..],
            b"m=audio 6000 RTP/AVP 0 8",
            b"m=video 0 RTP/AVP",
            b"m=",
            b"c=IN IP4 0.0.0.0",
            b"c=IN",
            b"a=inactive",
            b"a=sendonly:",
            b"a=",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"--b",
            b"--b--",
            b"Content-Type: application/sdp",
            b"Content-Type: multipart/x;boundary=b",
            b"\xff\x00",
            b"=",
            b"m",
        ]);
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn views_stay_within_their_bytes(bytes in bytes()) {
            let within = |part: &[u8]| {
                let (part, whole) = (part.as_ptr_range(), bytes.as_ptr_range());
                part.is_empty() || part.start >= whole.start && part.end <= whole.end
            };
            for content_type in ["application/sdp", "multipart/mixed;boundary=b"] {
                let Some(found) = find(Some(content_type.as_bytes()), &bytes) else { continue };
                prop_assert!(within(found));
                let Some(session) = Session::parse(found) else { continue };
                for media in session.media() {
                    prop_assert!(within(media.kind) && within(media.proto) && media.address.is_none_or(within));
                    prop_assert!(media.formats().all(within));
                    prop_assert!(media.attributes().all(|(name, value)| within(name) && value.is_none_or(within)));
                    _ = media.ip();
                }
                // No more media than there are lines for it.
                let starts = found.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"m=")).count();
                prop_assert!(session.media().count() <= starts);
            }
        }

        #[test]
        fn what_is_written_is_read(
            kind in "[a-z]{1,8}", port: u16, formats in prop::collection::vec("[0-9a-z]{1,3}", 0..4),
            at in prop::sample::select(vec!["a=inactive", "a=sendonly", "a=recvonly", "a=sendrecv"]),
            noise in prop::collection::vec("[b-z]=[ -~]{0,9}", 0..3), end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let noise: Vec<_> = noise.into_iter().filter(|line| !line.starts_with(['m', 'c'])).collect();
            let line = format!("m={kind} {port} RTP/AVP {}", formats.join(" "));
            let sdp = [vec!["v=0".to_owned(), line], noise, vec![at.to_owned()]].concat().join(end);
            let session = Session::parse(sdp.as_bytes()).unwrap();
            let media: Vec<_> = session.media().collect();
            prop_assert_eq!(media.len(), 1);
            prop_assert_eq!((media[0].kind, media[0].port), (kind.as_bytes(), port));
            prop_assert_eq!(media[0].formats().count(), formats.len());
            prop_assert_eq!(format!("a={:?}", media[0].direction).to_lowercase(), at);
        }
    }
}

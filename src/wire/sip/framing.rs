//! Where a message ends in a stream of bytes (RFC 3261 18.3). Knows one direction of one connection at its present
//! head, and nothing of packets.

use memchr::{memchr, memchr_iter, memmem};

use super::header::{Lines, long_name, number, split_field};
use super::start::{METHODS, start_line};

/// Bytes that a head may have, keep-alives before it not counted.
pub const MAX_HEAD: usize = 64 * 1024;

/// Bytes that a body may have.
pub const MAX_BODY: usize = 1024 * 1024;

/// Bytes of a line that may be kept in the hope that it becomes a start line.
pub(super) const MAX_LINE: usize = 8 * 1024;

/// What stands at the head of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message of this many bytes (leading CRLF keep-alives included).
    Message(usize),
    /// The beginning of a message; at least one more byte is needed.
    NeedMore,
    /// Keep-alive bytes only (CR, LF; RFC 5626 3.5.1), this many: skip them.
    KeepAlive(usize),
    /// Not SIP: skip this many bytes (>= 1) to the next place where a message may begin.
    NotSip(usize),
}

/// What [`frame_on`] learnt about a message that was not yet whole, so that it need not look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Up to here there is no blank line.
    scanned: usize,
    /// The length of the whole message, once the head is.
    whole: Option<usize>,
}

impl Progress {
    /// Nothing but a part of a head was found in so many bytes.
    #[must_use]
    pub const fn within_head(bytes: usize) -> Self {
        // The blank line may begin in the last three bytes.
        Self { scanned: bytes.saturating_sub(3), whole: None }
    }

    /// The head is whole; the message has so many bytes.
    #[must_use]
    pub const fn behind_head(whole: usize) -> Self {
        Self { scanned: 0, whole: Some(whole) }
    }

    /// Whether it is known where the message ends.
    #[must_use]
    pub const fn knows_end(&self) -> bool {
        self.whole.is_some()
    }
}

/// Looks at the head of the stream.
///
/// A message without Content-Length, or with one that is no number, has no body here. Heads above [`MAX_HEAD`] and
/// bodies above [`MAX_BODY`] are not SIP, so nothing beyond that needs to be kept.
#[must_use]
pub fn frame(bytes: &[u8]) -> Frame {
    frame_on(bytes, &mut Progress::default())
}

/// As [`frame`], for a buffer that only grew since the last call with this progress: a stream in tiny pieces then costs
/// no more than one in large ones. Anything but `NeedMore` resets the progress for the bytes that follow.
#[must_use]
pub fn frame_on(bytes: &[u8], progress: &mut Progress) -> Frame {
    let frame = look(bytes, progress);
    if frame != Frame::NeedMore {
        *progress = Progress::default();
    }
    frame
}

fn look(bytes: &[u8], progress: &mut Progress) -> Frame {
    if let Some(whole) = progress.whole {
        return if bytes.len() >= whole { Frame::Message(whole) } else { Frame::NeedMore };
    }
    let Some(skipped) = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else {
        return if bytes.is_empty() { Frame::NeedMore } else { Frame::KeepAlive(bytes.len()) };
    };
    let message = bytes.get(skipped..).unwrap_or_default();
    match opening(message) {
        Opening::No => return Frame::NotSip(skipped + resync(message, true)),
        Opening::Perhaps => return Frame::NeedMore,
        Opening::Yes => {}
    }
    let too_large = || Frame::NotSip(skipped + resync(message, false));
    let Some(head_len) = head_len(message, progress.scanned) else {
        if message.len() > MAX_HEAD {
            return too_large();
        }
        *progress = Progress::within_head(message.len());
        return Frame::NeedMore;
    };
    if head_len > MAX_HEAD {
        return too_large();
    }
    let body_len = message.get(..head_len).map_or(0, content_length);
    if body_len > MAX_BODY as u64 {
        return too_large();
    }
    let whole = skipped + head_len + usize::try_from(body_len).unwrap_or(MAX_BODY);
    progress.whole = Some(whole);
    if bytes.len() >= whole { Frame::Message(whole) } else { Frame::NeedMore }
}

/// Bytes up to and including the blank line that ends the head, or `None` so far; none ends before `from`.
///
/// Runs on every byte of every head in a stream. CR LF CR LF ends a head; LF LF is accepted too, since some gateways
/// send it. Instead of testing four bytes at each position, hop from LF to LF (one in some forty bytes) and look at what
/// follows. The plain reading is `head_len_plainly` in the tests; a test holds the two equal.
fn head_len(bytes: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'\n', bytes.get(from..)?).find_map(|at| match bytes.get(from + at + 1..)? {
        [b'\n', ..] => Some(from + at + 2),
        [b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

/// The first Content-Length that is a number; 0 if there is none.
fn content_length(head: &[u8]) -> u64 {
    let fields = memchr(b'\n', head).and_then(|end| head.get(end + 1..)).unwrap_or_default();
    Lines::new(fields)
        .filter_map(split_field)
        .filter(|(name, _)| matches!(name.len(), 1 | 14) && long_name(name).eq_ignore_ascii_case(b"content-length"))
        .find_map(|(_, value)| number(value))
        .unwrap_or(0)
}

/// Whether a start line stands at the very beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Yes,
    No,
    /// The line is not whole, but may become one.
    Perhaps,
}

fn opening(bytes: &[u8]) -> Opening {
    let line = bytes.get(..bytes.len().min(MAX_LINE)).unwrap_or_default();
    let end = memchr(b'\n', line);
    let line = end.and_then(|end| line.get(..end)).unwrap_or(line);
    // The same for whole lines and for beginnings of them, or it would matter where a segment was cut.
    if has_binary(line) {
        return Opening::No;
    }
    match end {
        Some(_) if start_line(bytes).is_some() => Opening::Yes,
        // Whatever it begins with: a message may also begin in the middle of it, see `resync`.
        None if bytes.len() < MAX_LINE => Opening::Perhaps,
        _ => Opening::No,
    }
}

/// Bytes that no line of a head and no line of text has.
const fn is_binary(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n')
}

/// Whether any byte is binary. Looks at all of them, without a branch for each.
pub(super) fn has_binary(line: &[u8]) -> bool {
    line.iter().fold(false, |any, byte| any | is_binary(*byte))
}

/// How many bytes to skip to the next place where a message may begin, at least one. `inside`: a message may begin in
/// the middle of the first line too.
///
/// A stream joined in the middle shows the rest of a body first, and a body need not end with a line end. So a start
/// line is also looked for inside a line; there only a registered method tells where it begins.
fn resync(bytes: &[u8], inside: bool) -> usize {
    if speaks_http(bytes) {
        return bytes.len();
    }
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if at > 0 && opening(rest) != Opening::No {
            return at;
        }
        let Some(end) = memchr(b'\n', rest) else { return at + unfinished(rest, at == 0) };
        let line = rest.get(..=end).unwrap_or_default();
        if (inside || at > 0)
            && let Some(start) = start_inside(line)
        {
            return at + start;
        }
        at += end + 1;
        if at >= bytes.len() {
            return bytes.len();
        }
    }
}

/// How much of a line that is not whole can go. What stands at the very front has to, or nothing would ever move.
fn unfinished(line: &[u8], must: bool) -> usize {
    let text = line.iter().rposition(|byte| is_binary(*byte)).map_or(0, |last| last + 1);
    match text {
        0 if must => line.len(),
        text => text,
    }
}

/// Where in this whole line, not at its beginning, a start line begins.
fn start_inside(line: &[u8]) -> Option<usize> {
    memmem::find(line, b"SIP/")?;
    // Binary bytes can go as soon as they are seen; what follows them then stands at the front.
    let text = line.iter().rposition(|byte| is_binary(*byte)).map_or(0, |last| last + 1);
    let begins = |at: &usize| *at > 0 && *at >= text && line.get(*at..).is_some_and(|rest| start_line(rest).is_some());
    let status = memmem::find_iter(line, b"SIP/2.0 ").find(begins);
    let request = METHODS
        .iter()
        .flat_map(|(method, _)| memmem::find_iter(line, method).filter(|at| line.get(at + method.len()) == Some(&b' ')))
        .filter(begins)
        .min();
    // At the front a CR is a keep-alive and goes too.
    let front = text + line.iter().skip(text).take_while(|byte| **byte == b'\r').count();
    status.into_iter().chain(request).chain(Some(front).filter(begins)).min()
}

/// Whether these bytes begin like a message of HTTP or RTSP: SIP's relatives, whose bodies may quote SIP. A connection
/// that begins like this carries no SIP, unless WebSocket takes it over.
#[must_use]
pub fn speaks_http(bytes: &[u8]) -> bool {
    let line = memchr(b'\n', bytes.get(..bytes.len().min(MAX_LINE)).unwrap_or_default())
        .and_then(|end| bytes.get(..end))
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    [b"HTTP/1.".as_slice(), b"RTSP/1."].iter().any(|version| {
        let last = line.len().checked_sub(version.len() + 2).and_then(|at| line.get(at..));
        line.starts_with(version)
            || last.is_some_and(|word| {
                word.starts_with(b" ") && word.get(1..).is_some_and(|word| word.starts_with(version))
            })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::*;

    /// What `head_len` means: the first empty line, counted with its line end.
    fn head_len_plainly(bytes: &[u8]) -> Option<usize> {
        (0..bytes.len()).find_map(|at| {
            let rest = &bytes[at..];
            [b"\n\r\n".as_slice(), b"\n\n"].iter().find(|end| rest.starts_with(end)).map(|end| at + end.len())
        })
    }

    #[test]
    fn head_len_agrees_with_the_plain_reading() {
        for len in 0..=7_u32 {
            for number in 0..3_usize.pow(len) {
                let bytes: Vec<u8> = (0..len).map(|place| b"a\r\n"[number / 3_usize.pow(place) % 3]).collect();
                let plain = head_len_plainly(&bytes);
                assert_eq!(head_len(&bytes, 0), plain, "{bytes:?}");
                // Looking on where the last look ended finds the same.
                for seen in 0..bytes.len() {
                    if head_len(&bytes[..seen], 0).is_none() {
                        assert_eq!(head_len(&bytes, seen.saturating_sub(3)), plain, "{bytes:?} after {seen}");
                    }
                }
            }
        }
    }

    const OPTIONS: &str = "OPTIONS sip:b@c SIP/2.0\r\nl: 3\r\n\r\nabc";

    #[test]
    fn frames() {
        use Frame::{KeepAlive, Message, NeedMore, NotSip};

        let len = OPTIONS.len();
        let cases: &[(&str, String, Frame)] = &[
            ("nothing", String::new(), NeedMore),
            ("keep-alive", "\r\n\r\n".into(), KeepAlive(4)),
            ("half a keep-alive", "\r".into(), KeepAlive(1)),
            ("whole", OPTIONS.into(), Message(len)),
            ("whole, after a keep-alive", format!("\r\n\r\n{OPTIONS}"), Message(4 + len)),
            ("two", OPTIONS.repeat(2), Message(len)),
            ("one byte short", OPTIONS[..len - 1].into(), NeedMore),
            ("no blank line yet", OPTIONS[..len - 5].into(), NeedMore),
            ("half a start line", "OPTI".into(), NeedMore),
            ("bare LF", OPTIONS.replace('\r', ""), Message(len - 3)),
            ("no Content-Length", "BYE sip:b SIP/2.0\r\n\r\nabc".into(), Message(21)),
            ("folded", "BYE sip:b SIP/2.0\r\nl:\r\n 3\r\n\r\nabcd".into(), Message(32)),
            ("a Content-Length that is none", "BYE sip:b SIP/2.0\nl: -3\n\nabc".into(), Message(25)),
            ("the second Content-Length", "BYE sip:b SIP/2.0\nl: 1\nl: 2\n\nabc".into(), Message(30)),
            ("a body too large", format!("BYE sip:b SIP/2.0\r\nl: 9999999\r\n\r\n{OPTIONS}"), NotSip(33)),
            ("a body beyond all bounds", format!("BYE sip:b SIP/2.0\nl: {}\n\n", "9".repeat(40)), NotSip(63)),
            ("a header of another message", "v=0\r\nVia: x\r\n".into(), NotSip(13)),
            ("a body's end, then a message", format!("v=0\r\ns=-\r\n{OPTIONS}"), NotSip(10)),
            ("no line end between", format!("</xml>{OPTIONS}"), NotSip(6)),
            ("no line end before a response", "}SIP/2.0 200 OK\r\n".into(), NotSip(1)),
            ("a token glued to it", format!("a=b 160{OPTIONS}"), NotSip(7)),
            ("binary", "\x16\x03\x01".into(), NotSip(3)),
            ("binary, then a message", format!("\x16\x03\x01{OPTIONS}"), NotSip(3)),
            ("NULs before a message", format!("\0\0\0\0{OPTIONS}"), NotSip(4)),
            ("HTTP that quotes SIP", format!("POST / HTTP/1.1\r\n\r\n{OPTIONS}"), NotSip(19 + len)),
            ("HTTP's answer", format!("HTTP/1.1 200 OK\r\n\r\n{OPTIONS}"), NotSip(19 + len)),
            ("a line without end", "x".repeat(MAX_LINE), NotSip(MAX_LINE)),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(frame(bytes.as_bytes()), *expected, "{name}");
        }
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let mut bytes = b"OPTIONS sip:b SIP/2.0\r\n".to_vec();
        while bytes.len() <= MAX_HEAD {
            assert_eq!(frame(&bytes), Frame::NeedMore);
            bytes.extend_from_slice(b"X-Filler: ............................................................\r\n");
        }
        assert!(matches!(frame(&bytes), Frame::NotSip(_)));
        bytes.extend_from_slice(b"\r\n");
        assert!(matches!(frame(&bytes), Frame::NotSip(_)));
    }

    #[test]
    fn relatives() {
        for (line, expected) in [
            ("GET / HTTP/1.1\r\n", true),
            ("HTTP/1.0 200 OK\n", true),
            ("DESCRIBE rtsp://a RTSP/1.0\r\n", true),
            ("RTSP/1.0 200 OK\r\n", true),
            ("GET / HTTP/1.1", false),
            ("INVITE sip:a SIP/2.0\r\n", false),
            ("", false),
        ] {
            assert_eq!(speaks_http(line.as_bytes()), expected, "{line:?}");
        }
    }
}

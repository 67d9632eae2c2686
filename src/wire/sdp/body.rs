//! Where in a message's body the session description lies, also as one part of several. Knows content types and
//! boundaries, not what a description says.

use memchr::{memchr, memmem};

use super::split_at_byte;
use crate::wire::sip::Params;

/// The session description in the body of a message, also where it is one part of several (RFC 2046 5.1, RFC 5621).
///
/// `None` for another body. Without a Content-Type, a body that begins like a description is one.
#[must_use]
pub fn find<'a>(content_type: Option<&[u8]>, body: &'a [u8]) -> Option<&'a [u8]> {
    if content_type == Some(b"application/sdp") {
        return Some(body).filter(|body| !body.is_empty());
    }
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
struct Parts<'a, 'b> {
    boundary: &'b [u8],
    rest: Option<&'a [u8]>,
}

impl<'a, 'b> Parts<'a, 'b> {
    fn new(body: &'a [u8], boundary: &'b [u8]) -> Self {
        // What stands before the first delimiter is for nobody.
        let rest = delimiter(body, boundary).and_then(|(_, after)| body.get(after..));
        Self { boundary, rest }
    }
}

impl<'a> Iterator for Parts<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        if rest.starts_with(b"--") {
            return None;
        }
        let part = memchr(b'\n', rest).and_then(|end| rest.get(end + 1..))?;
        let end = delimiter(part, self.boundary);
        self.rest = end.and_then(|(_, after)| part.get(after..));
        part.get(..end.map_or(part.len(), |(start, _)| start))
    }
}

/// Where a line first begins with `--boundary`, and where that ends.
fn delimiter(bytes: &[u8], boundary: &[u8]) -> Option<(usize, usize)> {
    memmem::find_iter(bytes, boundary).filter_map(|at| Some((at.checked_sub(2)?, at + boundary.len()))).find(
        |(start, _)| bytes.get(..*start).is_some_and(at_line_start) && bytes.get(*start..*start + 2) == Some(b"--"),
    )
}

/// Whether a new line begins behind these bytes.
fn at_line_start(before: &[u8]) -> bool {
    before.last().is_none_or(|byte| *byte == b'\n')
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

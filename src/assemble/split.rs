//! The ordered bytes of one direction of a connection to SIP messages (RFC 3261 18.3, 18.4). Knows no sequence
//! numbers: it is told where bytes are missing, and then looks for the next message.

use super::relay;
use super::websocket::{self, WebSocket};
use crate::event::{Path, Transport};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::hep::Hep;
use crate::wire::sip::{
    Begin, Frame, MAX_BODY, MAX_HEAD, Message, Parsed, Progress, frame_on, looks_like_sip, speaks_http,
};
use crate::wire::tls;
use crate::wire::ws::{self, Upgrade};

/// The framing asks for no more than this before it says what it has.
pub(super) const MAX_MESSAGE: usize = MAX_HEAD + MAX_BODY + (16 << 10);
/// How many bytes are searched for a message in a stream that was joined somewhere.
const MAX_SEARCH: usize = 16 << 10;
/// How often a message under way is read from its beginning, as more of it comes. After that it is only looked for its
/// end: a message in tiny pieces costs no more than one in large ones.
const MAX_TRIES: u8 = 3;
/// How far back the beginning of the last line is looked for.
const MAX_FIELD: usize = 256;
/// Buffers that are kept for the next messages, and the most room that one of them may have.
const MAX_SPARES: usize = 64;
const MAX_SPARE: usize = 8 << 10;

/// A compressed message that points back to others which were not captured.
const LOST_CONTEXT: &str = "compressed WebSocket message without those before it";

/// When and where a packet was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp {
    /// Capture time.
    pub(super) at: Timestamp,
    /// File and frame.
    pub(super) place: Place,
}

/// What carried a message inside its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Nothing: it stood in the stream.
    Stream,
    /// A WebSocket.
    WebSocket,
    /// HEP, which knows a path of its own.
    Hep(Path),
}

impl Inside {
    /// The path of a message in a connection that has this path.
    pub(super) const fn path(self, outer: Path) -> Path {
        match (self, outer.transport) {
            (Self::Stream, _) => outer,
            (Self::WebSocket, Transport::Tls) => Path { transport: Transport::Wss, ..outer },
            (Self::WebSocket, _) => Path { transport: Transport::Ws, ..outer },
            (Self::Hep(path), _) => path,
        }
    }
}

/// A message, and what was said of it by who relayed it.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) message: Message<'a>,
    /// See [`Event::correlation`](crate::event::Event::correlation).
    pub(super) correlation: Option<&'a [u8]>,
}

impl<'a> From<Message<'a>> for Said<'a> {
    fn from(message: Message<'a>) -> Self {
        Self { message, correlation: None }
    }
}

impl<'a> std::ops::Deref for Said<'a> {
    type Target = Message<'a>;

    fn deref(&self) -> &Message<'a> {
        &self.message
    }
}

/// What another protocol is called.
type Name = &'static str;

/// What is known of the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Kind {
    /// Nothing yet: the next byte is the first one of the connection.
    Fresh,
    /// Joined in the middle, or bytes were lost: a message may begin at any line.
    Searching,
    /// Messages follow each other.
    Sip,
    /// Frames of a WebSocket follow each other.
    WebSocket,
    /// HEP packets follow each other.
    Hep,
    /// Nothing like SIP so far. Should a segment begin with a start line, it may be SIP after all.
    Ignored,
    /// Another protocol, for good: what looks like SIP in it is its contents. And its name, if it may hide SIP.
    Foreign(#[serde(with = "foreign")] Option<Name>),
    /// A WebSocket was asked for, and no byte of a frame came yet: should it be declined, HTTP goes on.
    Upgrading,
    /// So many bytes of the HTTP response that declined a WebSocket are yet to come.
    Declined(u64),
}

/// Buffers that nothing is under way in. Those used last go first: they are in the cache still.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<Vec<u8>>);

impl Spare {
    fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        if self.0.len() < MAX_SPARES && buffer.capacity() <= MAX_SPARE {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

/// One direction of a connection.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[repr(C)] // What every segment asks for stands in front.
pub(super) struct Stream {
    /// Whether a message was ever found.
    spoke: bool,
    kind: Kind,
    /// A message under way. Only what does not lie in one segment is copied here.
    buffer: Vec<u8>,
    /// How far the message under way was looked through.
    #[serde(skip)]
    progress: Progress,
    /// What its head says, if that is whole already.
    #[serde(skip)]
    parsed: Option<Box<Parsed>>,
    /// How often it was read from its beginning.
    #[serde(skip)]
    tries: u8,
    /// Bytes passed over since the last message.
    passed: usize,
    /// The frames, where this is a WebSocket.
    websocket: Option<Box<WebSocket>>,
    /// What of HEP was not read since this was last asked, which is behind each segment: a file need not have it.
    #[serde(skip)]
    unread: Vec<relay::Unread>,
    /// The packet that brought the buffer's last bytes.
    last: Stamp,
}

impl Stream {
    /// A direction whose first byte is yet to come.
    pub(super) fn fresh() -> Self {
        Self {
            kind: Kind::Fresh,
            spoke: false,
            passed: 0,
            buffer: Vec::new(),
            progress: Progress::default(),
            parsed: None,
            tries: 0,
            websocket: None,
            unread: Vec::new(),
            last: Stamp::default(),
        }
    }

    /// A direction that is joined somewhere.
    pub(super) fn joined() -> Self {
        Self { kind: Kind::Searching, ..Self::fresh() }
    }

    /// Whether a message was ever found: only then are missing bytes a loss.
    pub(super) const fn spoke(&self) -> bool {
        self.spoke
    }

    /// Whether messages follow each other, and did before.
    pub(super) const fn is_sip(&self) -> bool {
        matches!(self.kind, Kind::Sip) && self.spoke
    }

    /// Whether messages follow each other, or may yet.
    pub(super) const fn may_be_sip(&self) -> bool {
        matches!(self.kind, Kind::Fresh | Kind::Searching | Kind::Sip)
    }

    /// Whether what was read from a file can be gone on with.
    pub(super) fn is_sound(&self) -> bool {
        self.passed <= MAX_MESSAGE * 2 && self.websocket.as_ref().is_none_or(|websocket| websocket.is_sound())
    }

    /// Whether the order of the bytes does not matter, since none are kept.
    pub(super) const fn is_ignored(&self) -> bool {
        matches!(self.kind, Kind::Ignored | Kind::Foreign(_))
    }

    /// Whether this is another protocol for good; and the name of that protocol, if it may hide SIP.
    pub(super) const fn foreign(&self) -> Option<Option<&'static str>> {
        match self.kind {
            Kind::Foreign(name) => Some(name),
            _ => None,
        }
    }

    /// The other direction turned out to be another protocol, so this one is too.
    pub(super) fn turn_foreign(&mut self, name: Option<&'static str>) {
        self.kind = Kind::Foreign(name);
        self.buffer = Vec::new();
        self.websocket = None;
    }

    /// Bytes kept.
    pub(super) fn buffered(&self) -> usize {
        self.buffer.len() + self.websocket.as_ref().map_or(0, |websocket| websocket.buffered())
    }

    /// One of those that could not be read since this was last asked: its name, and how many bytes of it.
    pub(super) fn take_unread(&mut self) -> Option<(&'static str, u64)> {
        let frames = self.websocket.as_mut().and_then(|websocket| websocket.take_unread());
        frames.map(|bytes| (LOST_CONTEXT, bytes)).or_else(|| self.unread.pop())
    }

    /// Takes the next bytes, brought by the packet of `stamp`.
    pub(super) fn data(
        &mut self,
        bytes: &[u8],
        stamp: Stamp,
        spare: &mut Spare,
        emit: &mut impl FnMut(Stamp, Inside, Said<'_>),
    ) {
        match self.kind {
            Kind::Foreign(_) => return,
            Kind::Upgrading if bytes.is_empty() => return,
            Kind::WebSocket => return self.frames(bytes, stamp, emit),
            Kind::Upgrading if !begins_with_get(bytes) => return self.frames(bytes, stamp, emit),
            Kind::Upgrading => self.kind = Kind::Fresh,
            Kind::Fresh | Kind::Searching | Kind::Ignored | Kind::Sip
                if (!self.spoke || self.buffer.is_empty()) && websocket::begins_with_sip(bytes) =>
            {
                self.buffer = Vec::new();
                self.forget();
                return self.frames(bytes, stamp, emit);
            }
            // Joined inside a record, a connection shows what it is with the next one.
            Kind::Searching | Kind::Ignored if !self.spoke && self.buffer.is_empty() && begins_with_tls(bytes) => {
                self.kind = Kind::Foreign(Some("TLS"));
                return;
            }
            Kind::Ignored if looks_like_sip(bytes) => self.kind = Kind::Searching,
            Kind::Ignored => return,
            Kind::Fresh | Kind::Searching | Kind::Sip | Kind::Hep | Kind::Declined(_) => {}
        }
        self.last = stamp;
        if self.buffer.is_empty() {
            let taken = self.take(bytes, stamp, emit);
            if let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
                self.buffer = spare.take();
                self.buffer.extend_from_slice(rest);
            }
        } else {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.extend_from_slice(bytes);
            let taken = self.take(&buffer, stamp, emit);
            buffer.drain(..taken);
            if buffer.is_empty() {
                spare.give(buffer);
            } else {
                self.buffer = buffer;
            }
        }
        if self.buffer.len() > MAX_MESSAGE {
            self.interrupt(emit);
        }
    }

    /// The next bytes will not follow the last ones. A message whose head is whole is delivered as it stands; what
    /// follows begins anywhere. The bytes of a head that is not whole are given up: returns how many.
    pub(super) fn interrupt(&mut self, emit: &mut impl FnMut(Stamp, Inside, Said<'_>)) -> usize {
        let buffer = std::mem::take(&mut self.buffer);
        self.forget();
        if let Some(websocket) = &mut self.websocket {
            let spoke = &mut self.spoke;
            return websocket.interrupt(&mut |stamp, message| {
                *spoke = true;
                emit(stamp, Inside::WebSocket, message.into());
            });
        }
        if self.kind == Kind::Hep {
            return buffer.len();
        }
        if !self.is_ignored() {
            self.kind = Kind::Searching;
        }
        if head_len(&buffer).is_some()
            && let Some(message) = Message::parse(&buffer)
        {
            self.spoke = true;
            emit(self.last, Inside::Stream, message.into());
            return 0;
        }
        buffer.len()
    }

    /// Cuts messages off the front as long as they are whole. Returns how many bytes are done with.
    fn take(&mut self, bytes: &[u8], stamp: Stamp, emit: &mut impl FnMut(Stamp, Inside, Said<'_>)) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if let Kind::Declined(body) = self.kind {
                let now = usize::try_from(body).unwrap_or(usize::MAX).min(rest.len());
                let left = body - now as u64;
                self.kind = if left == 0 { Kind::Fresh } else { Kind::Declined(left) };
                taken += now;
                continue;
            }
            // Over TLS or HTTP, even bytes that look like SIP later on are somebody's payload.
            if !self.spoke && self.passed == 0 {
                match protocol(rest) {
                    Protocol::Unknown => {}
                    Protocol::Undecided => break,
                    Protocol::Foreign(name) => self.kind = Kind::Foreign(name),
                    Protocol::Hep => self.kind = Kind::Hep,
                    Protocol::WebSocket(head) => {
                        let behind = rest.get(head..).unwrap_or_default();
                        if behind.is_empty() || begins_with_get(behind) {
                            self.kind = if behind.is_empty() { Kind::Upgrading } else { Kind::Fresh };
                            taken += head;
                            continue;
                        }
                        self.frames(behind, stamp, emit);
                        return bytes.len();
                    }
                    Protocol::Declined(head, body) => {
                        self.kind = Kind::Declined(body);
                        taken += head;
                        continue;
                    }
                }
            }
            if self.is_ignored() {
                return bytes.len();
            }
            // A stream of HEP that was joined inside a packet shows itself with the next one.
            if rest.starts_with(b"HEP3") && Hep::parse(rest).is_some() {
                self.kind = Kind::Hep;
            }
            if self.kind == Kind::Hep {
                match self.relayed(rest, stamp, emit) {
                    0 => break,
                    len => taken += len,
                }
                continue;
            }
            // Nearly all messages come whole or in two parts, and then their head is read but once.
            if !self.progress.knows_end() && self.tries < MAX_TRIES && !ends_within_field(rest) {
                self.tries += 1;
                match Message::begin(rest) {
                    Begin::Whole(message) if self.believes(&message) => {
                        taken += message.raw().len();
                        self.found(stamp, message, emit);
                        continue;
                    }
                    Begin::Head(parsed, len) => {
                        self.progress = Progress::behind_head(len);
                        self.parsed = Some(Box::new(parsed));
                        break;
                    }
                    Begin::Part => {
                        self.progress = Progress::within_head(rest.len());
                        break;
                    }
                    Begin::Whole(_) | Begin::Unclear => {}
                }
            }
            taken += match frame_on(rest, &mut self.progress) {
                Frame::NeedMore => break,
                Frame::KeepAlive(len) => len.max(1),
                Frame::NotSip(len) => match boundless(rest) {
                    // The framing will not wait for such a body, but the head is as good as any.
                    Some((head, message)) => {
                        (self.kind, self.spoke, self.passed) = (Kind::Searching, true, 0);
                        emit(stamp, Inside::Stream, message.into());
                        head
                    }
                    None => {
                        let passed = self.pass(len.max(1));
                        if !self.spoke
                            && let Some(start) = websocket::frame_before(bytes, taken + passed)
                        {
                            self.frames(bytes.get(start..).unwrap_or_default(), stamp, emit);
                            return bytes.len();
                        }
                        passed
                    }
                },
                Frame::Message(len) => {
                    let read = self.parsed.take();
                    let attach = |raw| read.map_or_else(|| Message::parse(raw), |parsed| Some(parsed.attach(raw)));
                    match rest.get(..len).and_then(attach) {
                        Some(message) if self.believes(&message) => {
                            self.found(stamp, message, emit);
                            len.max(1)
                        }
                        _ => self.pass(line_len(rest)),
                    }
                }
            };
            self.forget();
        }
        taken.min(bytes.len())
    }

    /// A message, and all of it.
    #[inline(always)] // Twice, and the event is to be made where it is taken.
    fn found(&mut self, stamp: Stamp, message: Message<'_>, emit: &mut impl FnMut(Stamp, Inside, Said<'_>)) {
        (self.kind, self.spoke, self.passed) = (Kind::Sip, true, 0);
        self.forget();
        emit(stamp, Inside::Stream, message.into());
    }

    /// What was found out of a message under way is of no use any more.
    fn forget(&mut self) {
        (self.progress, self.parsed, self.tries) = (Progress::default(), None, 0);
    }

    /// A start line in the middle of nowhere may be a body's (message/sipfrag): what follows it must show that it is a
    /// message.
    fn believes(&self, message: &Message<'_>) -> bool {
        self.kind != Kind::Searching || message.call_id().is_some() || message.cseq().is_some()
    }

    /// Takes frames of a WebSocket, from now on.
    fn frames(&mut self, bytes: &[u8], stamp: Stamp, emit: &mut impl FnMut(Stamp, Inside, Said<'_>)) {
        self.kind = Kind::WebSocket;
        let spoke = &mut self.spoke;
        self.websocket.get_or_insert_default().data(bytes, stamp, &mut |stamp, message| {
            *spoke = true;
            emit(stamp, Inside::WebSocket, message.into());
        });
    }

    /// Takes the HEP packet at the very beginning, or what stands before the next one. Returns how many bytes are done
    /// with: none, where more are needed.
    fn relayed(&mut self, bytes: &[u8], stamp: Stamp, emit: &mut impl FnMut(Stamp, Inside, Said<'_>)) -> usize {
        if let Some(whole) = Hep::len_in_stream(bytes) {
            let Some(packet) = bytes.get(..whole) else { return 0 };
            if let Some(hep) = Hep::parse(packet) {
                let unread = relay::unwrap(&hep, stamp, |path, stamp, message| {
                    self.spoke = true;
                    emit(stamp, Inside::Hep(path), message);
                });
                self.unread.extend(unread);
            }
            return whole;
        }
        if bytes.len() < HEP_START && bytes.iter().zip(b"HEP3").all(|(byte, magic)| byte == magic) {
            return 0;
        }
        // Bytes were lost. The last three may be the beginning of the next packet.
        let next = bytes.get(1..).and_then(|later| memchr::memmem::find(later, b"HEP3"));
        next.map_or_else(|| bytes.len().saturating_sub(3), |at| at + 1)
    }

    /// Passes over bytes that are not SIP; after too many of them nothing more is expected.
    fn pass(&mut self, len: usize) -> usize {
        self.passed += len;
        self.kind = match self.kind {
            // A connection says what it is at once.
            Kind::Fresh => Kind::Ignored,
            _ if self.passed > MAX_SEARCH => {
                self.passed = 0;
                Kind::Ignored
            }
            _ => Kind::Searching,
        };
        len
    }
}

/// The name of another protocol, which is one of a few.
mod foreign {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(name: &Option<&'static str>, to: S) -> Result<S::Ok, S::Error> {
        name.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'static str>, D::Error> {
        let name = Option::<String>::deserialize(from)?;
        // What another version called differently is still TLS: nothing else is named.
        Ok(name.map(|name| ["TLS cipher suite", "TLS compression"].into_iter().find(|it| *it == name).unwrap_or("TLS")))
    }
}

/// Whether these bytes end in the middle of a line, and not one of a session description: then they hardly are a whole
/// message, and to look for its end takes less than to read it. Whoever is wrong here looks twice, and sees the same.
fn ends_within_field(bytes: &[u8]) -> bool {
    let end = bytes.get(bytes.len().saturating_sub(MAX_FIELD)..).unwrap_or_default();
    let line = memchr::memrchr(b'\n', end).and_then(|before| end.get(before + 1..)).unwrap_or(end);
    !matches!(line, [] | [_, b'=', ..])
}

/// Up to and including the first line end.
fn line_len(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
}

/// Up to and including the blank line that ends a message's head, if it is there.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    memchr::memchr_iter(b'\n', bytes.get(start..)?).map(|at| start + at + 1).find_map(|at| match bytes.get(at..)? {
        [b'\n', ..] => Some(at + 1),
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => None,
    })
}

/// A message at the very beginning that announces more bytes than anyone will wait for; the length of its head.
fn boundless(bytes: &[u8]) -> Option<(usize, Message<'_>)> {
    if !looks_like_sip(bytes) {
        return None;
    }
    let head = head_len(bytes).filter(|head| *head <= MAX_HEAD)?;
    let message = Message::parse(bytes.get(..head)?)?;
    (message.content_length()? > MAX_BODY).then_some((head, message))
}

/// The header of a TLS record at the beginning: enough not to be chance.
fn begins_with_tls(bytes: &[u8]) -> bool {
    bytes.len() >= tls::HEADER && tls::record(bytes) != tls::Next::Other
}

/// The beginning of `GET`, which no frame of a WebSocket has: its opcode is a reserved one (RFC 6455 5.2).
fn begins_with_get(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'G')
}

/// Magic number and length of a HEP packet.
const HEP_START: usize = 6;

/// What a connection speaks, as far as its first bytes tell.
enum Protocol {
    /// Perhaps SIP.
    Unknown,
    /// HTTP that may become a WebSocket: more is needed.
    Undecided,
    /// Another protocol; and its name, where SIP may be inside.
    Foreign(Option<&'static str>),
    /// A WebSocket, behind so many bytes of handshake.
    WebSocket(usize),
    /// HTTP that may still become a WebSocket, behind the head of a response and its body, which have so many bytes.
    Declined(usize, u64),
    Hep,
}

fn protocol(bytes: &[u8]) -> Protocol {
    match bytes {
        // A TLS record (RFC 8446 5.1): type, version 3.x.
        [20..=23, 3, 0..=4, ..] => Protocol::Foreign(Some("TLS")),
        [b'H', b'E', b'P', b'3', ..] => Protocol::Hep,
        _ if speaks_http(bytes) => match ws::upgrade(bytes) {
            Upgrade::NeedMore => Protocol::Undecided,
            Upgrade::No | Upgrade::WebSocket { sip: Some(false), .. } => Protocol::Foreign(None),
            Upgrade::WebSocket { len, .. } => Protocol::WebSocket(len),
            Upgrade::Declined { len, body } => Protocol::Declined(len, body),
        },
        _ => Protocol::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[u8] =
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    const MESSAGE: &[u8] =
        b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK2\r\nCall-ID: 2\r\nCSeq: 2 MESSAGE\r\nContent-Length: 4\r\n\r\nbody";

    fn feed(mut stream: Stream, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Stream) {
        let mut out = Vec::new();
        for piece in pieces {
            stream.data(piece, Stamp::default(), &mut Spare::default(), &mut |_, _, message| {
                out.push(message.raw().to_vec())
            });
        }
        (out, stream)
    }

    #[test]
    fn messages_come_out_wherever_the_segments_were_cut() {
        let all = [b"\r\n\r\n", OPTIONS, MESSAGE, b"\r\n\r\n", OPTIONS].concat();
        for cut in 0..=all.len() {
            for again in [cut, (cut + 7).min(all.len()), (cut + 150).min(all.len())] {
                let (out, stream) = feed(Stream::fresh(), &[&all[..cut], &all[cut..again], &all[again..]]);
                assert_eq!(out, [OPTIONS, MESSAGE, OPTIONS], "cut at {cut} and {again}");
                assert_eq!(stream.buffered(), 0);
            }
        }
    }

    #[test]
    fn only_a_connection_that_speaks_sip_is_searched() {
        let http = [b"POST /log HTTP/1.1\r\nHost: x\r\n\r\n", OPTIONS].concat();
        let answer = [b"HTTP/1.1 200 OK\r\n\r\n", OPTIONS].concat();
        let mail = [b"220 mail.example ESMTP\r\n", OPTIONS].concat();
        let rest = [&MESSAGE[40..], OPTIONS].concat();
        let fragment = [b"Content-Length: 20\r\n\r\nSIP/2.0 200 OK\r\n\r\n", OPTIONS].concat();
        let long = [b"x\r\n".repeat(MAX_SEARCH), OPTIONS.to_vec()].concat();
        let cases: &[(&str, Stream, &[&[u8]], usize)] = &[
            ("HTTP request", Stream::fresh(), &[&http, OPTIONS], 0),
            ("HTTP response, joined", Stream::joined(), &[&answer, OPTIONS], 0),
            ("TLS", Stream::fresh(), &[&[22, 3, 1, 0, 5], OPTIONS], 0),
            ("another protocol with SIP in it", Stream::fresh(), &[&mail], 0),
            ("another protocol that turns to SIP", Stream::fresh(), &[b"hello\r\n", OPTIONS], 1),
            ("joined in the middle of a message", Stream::joined(), &[&rest], 1),
            ("joined in the middle of a sipfrag", Stream::joined(), &[&fragment], 1),
            ("too far to search", Stream::joined(), &[&long], 0),
            ("too far to search, then at a segment's start", Stream::joined(), &[&long, OPTIONS], 1),
            ("TLS, joined inside a record", Stream::joined(), &[b"\x9a\x07x\n", &[23, 3, 3, 0, 9], OPTIONS], 0),
            ("rubbish between messages", Stream::fresh(), &[OPTIONS, b"rubbish\r\n", MESSAGE], 2),
        ];
        for (name, stream, pieces, expected) in cases {
            let stream = Stream { kind: stream.kind, ..Stream::fresh() };
            assert_eq!(feed(stream, pieces).0.len(), *expected, "{name}");
        }
    }

    #[test]
    fn a_websocket_may_be_declined_first() {
        let asks = |more: &str| {
            format!("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n{more}\r\n").into_bytes()
        };
        let response = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}\r\n").into_bytes();
        let accepted = response("101 Switching Protocols", "Upgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n");
        let frame = [&[0x82, OPTIONS.len() as u8][..], OPTIONS].concat();
        assert!(OPTIONS.len() < 126);
        let refused = |status: &str, body: &[u8]| {
            [response(status, &format!("Content-Length: {}\r\n", body.len())), body.to_vec()].concat()
        };
        let request = [asks(""), asks("Authorization: Basic eA==\r\n"), frame.clone()].concat();
        let answers = [
            [refused("401 Unauthorized", b"<p>who?</p>"), accepted.clone(), frame.clone()].concat(),
            // What a body holds is nobody's message.
            [refused("407 Proxy Authentication Required", OPTIONS), accepted.clone(), frame.clone()].concat(),
            [refused("401 Unauthorized", b""), refused("302 Found", b"x"), accepted, frame.clone()].concat(),
        ];
        for all in [request].iter().chain(&answers) {
            for cut in 0..=all.len() {
                for again in [cut, (cut + 5).min(all.len()), (cut + 130).min(all.len())] {
                    for stream in [Stream::fresh(), Stream::joined()] {
                        let (out, stream) = feed(stream, &[&all[..cut], &all[cut..again], &all[again..]]);
                        assert_eq!(out, [OPTIONS], "cut at {cut} and {again} of {}", String::from_utf8_lossy(all));
                        assert_eq!((stream.buffered(), stream.foreign()), (0, None));
                    }
                }
            }
        }
        // Other HTTP stays what it is.
        for other in [refused("200 OK", b""), response("401 Unauthorized", "")] {
            let all = [other, frame.clone()].concat();
            assert_eq!(feed(Stream::fresh(), &[&all]).1.foreign(), Some(None));
        }
        let mut stream = Stream::fresh();
        stream.data(
            &response("401 No", "Content-Length: 18446744073709551615\r\n"),
            Stamp::default(),
            &mut Spare::default(),
            &mut |_, _, _| {},
        );
        for _ in 0..100 {
            stream.data(&frame, Stamp::default(), &mut Spare::default(), &mut |_, _, _| panic!("no message"));
            assert_eq!(stream.buffered(), 0);
        }
    }

    #[test]
    fn an_interrupted_message_is_delivered_if_its_head_is_whole() {
        for (cut, delivered, lost) in [(MESSAGE.len() - 2, 1, 0), (MESSAGE.len() - 4, 1, 0), (40, 0, 40), (0, 0, 0)] {
            let (mut out, mut stream) = feed(Stream::fresh(), &[&MESSAGE[..cut]]);
            assert!(out.is_empty());
            assert_eq!(stream.interrupt(&mut |_, _, message| out.push(message.raw().to_vec())), lost, "{cut}");
            assert_eq!(out.len(), delivered, "{cut}");
            stream.data(b"dy\r\n", Stamp::default(), &mut Spare::default(), &mut |_, _, _| panic!("no message"));
            stream.data(OPTIONS, Stamp::default(), &mut Spare::default(), &mut |_, _, message| {
                out.push(message.raw().to_vec())
            });
            assert_eq!(out.len(), delivered + 1, "{cut}");
        }
    }

    #[test]
    fn a_message_without_end_is_bounded() {
        let mut stream = Stream::fresh();
        let mut out = 0;
        stream.data(
            b"MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 4000000000\r\n\r\n",
            Stamp::default(),
            &mut Spare::default(),
            &mut |_, _, _| out += 1,
        );
        for _ in 0..1000 {
            stream.data(&[b'x'; 1400], Stamp::default(), &mut Spare::default(), &mut |_, _, _| out += 1);
            assert!(stream.buffered() <= MAX_MESSAGE);
        }
        assert_eq!(out, 1);
    }

    #[test]
    fn tls_is_named() {
        let upgrade = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
        let cases: &[(&[u8], Option<Option<&str>>)] = &[
            (&[22, 3, 1, 2, 0, 1], Some(Some("TLS"))),
            (upgrade, Some(None)),
            (b"POST / HTTP/1.1\r\n", Some(None)),
            (b"hello\r\n", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(feed(Stream::fresh(), &[bytes]).1.foreign(), *expected);
        }
    }
}

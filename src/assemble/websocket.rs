//! The frames of one direction of a WebSocket to the SIP messages in them (RFC 6455, RFC 7118). Knows no sequence
//! numbers and no handshake: it is handed the bytes from the first frame on, and told where some are missing.

use super::inflate::Context;
use super::split::{MAX_MESSAGE, Stamp};
use crate::wire::sip::{Frame, Message, frame, looks_like_sip};
use crate::wire::ws::{Header, NoHeader, Opcode};

/// How much of a payload is looked at to see whether it is SIP.
const MAX_LOOK: usize = 2 << 10;
/// The longest header of a frame.
const MAX_HEADER: usize = 14;

/// One direction of a WebSocket.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct WebSocket {
    step: Step,
    /// The beginning of a frame's header.
    header: Vec<u8>,
    /// The message under way, as it was sent.
    message: Vec<u8>,
    /// What is known of that message, once it began.
    open: Option<Open>,
    context: Context,
    /// The packet that brought the message's last bytes.
    last: Stamp,
    /// Bytes of compressed messages that could not be unpacked, since they were last asked for.
    unread: u64,
}

/// Where in a frame the next byte stands.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
enum Step {
    /// In a header.
    #[default]
    Header,
    /// So many bytes into the payload.
    Payload(Header, u64),
    /// Bytes were lost: a frame may begin with the next segment.
    Lost,
    /// Behind the last frame.
    Closed,
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Open {
    compressed: bool,
    /// Longer than any SIP message: not kept.
    too_long: bool,
}

impl WebSocket {
    /// Takes the next bytes, brought by the packet of `stamp`.
    pub(super) fn data(&mut self, mut bytes: &[u8], stamp: Stamp, emit: &mut impl FnMut(Stamp, Message<'_>)) {
        if matches!(self.step, Step::Lost) && (begins_with_sip(bytes) || is_whole(bytes)) {
            self.step = Step::Header;
        }
        while let Some((first, behind)) = bytes.split_first() {
            match self.step {
                Step::Lost | Step::Closed => return,
                Step::Header => {
                    self.header.push(*first);
                    bytes = behind;
                    match Header::parse(&self.header) {
                        Err(NoHeader::NeedMore) => {}
                        Err(NoHeader::Invalid) => self.lose(),
                        Ok(header) => {
                            self.header.clear();
                            self.begin(header);
                        }
                    }
                }
                Step::Payload(header, at) => {
                    let len = usize::try_from(header.payload - at).unwrap_or(usize::MAX).min(bytes.len());
                    let (now, later) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
                    self.take(&header, at, now, stamp);
                    self.step = Step::Payload(header, at + now.len() as u64);
                    bytes = later;
                }
            }
            if let Step::Payload(header, at) = self.step
                && at >= header.payload
            {
                self.step = if header.opcode == Opcode::Close { Step::Closed } else { Step::Header };
                if header.fin && matches!(header.opcode, Opcode::Data | Opcode::Continuation) {
                    self.end(stamp, emit);
                }
            }
        }
    }

    /// The next bytes will not follow the last ones. A message whose head is whole is delivered as it stands. Returns
    /// how many bytes are given up.
    pub(super) fn interrupt(&mut self, emit: &mut impl FnMut(Stamp, Message<'_>)) -> usize {
        let (open, message) = (self.open, std::mem::take(&mut self.message));
        self.lose();
        let whole = |message: &[u8]| memchr::memmem::find(message, b"\r\n\r\n").is_some();
        if open.is_some_and(|open| !open.compressed && !open.too_long)
            && whole(&message)
            && let Some(message) = Message::parse(&message)
        {
            emit(self.last, message);
            return 0;
        }
        message.len()
    }

    /// Bytes of compressed messages that could not be unpacked, since this was last asked.
    pub(super) fn take_unread(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.unread)).filter(|bytes| *bytes > 0)
    }

    /// Whether what was read from a file can be gone on with.
    pub(super) fn is_sound(&self) -> bool {
        self.unread <= u64::MAX / 2 && !matches!(self.step, Step::Payload(header, at) if at > header.payload)
    }

    /// Bytes kept.
    pub(super) const fn buffered(&self) -> usize {
        self.message.len() + self.context.len()
    }

    fn begin(&mut self, header: Header) {
        self.step = Step::Payload(header, 0);
        if header.opcode == Opcode::Data {
            self.message.clear();
            self.open = Some(Open { compressed: header.compressed, too_long: false });
        }
    }

    /// Keeps payload, as far as it may be SIP.
    fn take(&mut self, header: &Header, at: u64, payload: &[u8], stamp: Stamp) {
        let Some(open) = &mut self.open else { return };
        if open.too_long || !matches!(header.opcode, Opcode::Data | Opcode::Continuation) {
            return;
        }
        self.last = stamp;
        if self.message.len() + payload.len() > MAX_MESSAGE {
            open.too_long = true;
            if open.compressed {
                self.context.forget();
            }
            self.message = Vec::new();
        } else {
            header.unmask(at, payload, &mut self.message);
        }
    }

    /// The message under way is whole.
    fn end(&mut self, stamp: Stamp, emit: &mut impl FnMut(Stamp, Message<'_>)) {
        // A continuation of nothing: its beginning was lost.
        let Some(open) = self.open.take().filter(|open| !open.too_long) else { return };
        let message = std::mem::take(&mut self.message);
        if open.compressed {
            match self.context.message(&message, MAX_MESSAGE) {
                Some(message) => deliver(&message, stamp, emit),
                None => self.unread += message.len() as u64,
            }
        } else {
            deliver(&message, stamp, emit);
        }
        self.message = message;
        self.message.clear();
        self.message.shrink_to(MAX_LOOK);
    }

    /// Nothing more is known of where frames begin, nor of what compressed messages point back to.
    fn lose(&mut self) {
        if !matches!(self.step, Step::Closed) {
            self.step = Step::Lost;
        }
        self.header.clear();
        self.message = Vec::new();
        self.open = None;
        self.context.forget();
    }
}

/// Delivers the SIP message in a WebSocket message: one (RFC 7118 5.1), or several of those who know no better.
fn deliver(mut bytes: &[u8], stamp: Stamp, emit: &mut impl FnMut(Stamp, Message<'_>)) {
    loop {
        let (one, rest) = match frame(bytes) {
            Frame::Message(len) => bytes.split_at_checked(len).filter(|(_, rest)| looks_like_sip(rest)),
            _ => None,
        }
        .unwrap_or((bytes, &[]));
        if let Some(message) = Message::parse(one) {
            emit(stamp, message);
        }
        if rest.is_empty() {
            return;
        }
        bytes = rest;
    }
}

/// Whether a frame with SIP in it stands at the very beginning: how a WebSocket shows itself whose handshake was not
/// captured.
pub(super) fn begins_with_sip(bytes: &[u8]) -> bool {
    // The first or only frame of a message, text or binary, compressed or not.
    let [0x01 | 0x02 | 0x41 | 0x42 | 0x81 | 0x82 | 0xc1 | 0xc2, ..] = bytes else { return false };
    let Ok(header) = Header::parse(bytes) else { return false };
    let behind = bytes.get(header.len..).unwrap_or_default();
    let mut payload = Vec::new();
    if header.compressed {
        let whole = usize::try_from(header.payload).ok().and_then(|len| behind.get(..len));
        let Some(whole) = whole.filter(|_| header.fin) else { return false };
        header.unmask(0, whole, &mut payload);
        return Context::default().message(&payload, MAX_MESSAGE).is_some_and(|out| looks_like_sip(&out));
    }
    let len = usize::try_from(header.payload).unwrap_or(usize::MAX).min(behind.len()).min(MAX_LOOK);
    header.unmask(0, behind.get(..len).unwrap_or_default(), &mut payload);
    looks_like_sip(&payload)
}

/// Where the frame begins whose payload begins at `at`: it is not masked, or its payload would not be seen.
pub(super) fn frame_before(bytes: &[u8], at: usize) -> Option<usize> {
    (at.saturating_sub(MAX_HEADER)..at).rev().find(|start| {
        let header = bytes.get(*start..).map(Header::parse);
        matches!(header, Some(Ok(Header { opcode: Opcode::Data, mask: None, compressed: false, len, .. })) if len == at - start)
            && bytes.get(*start..).is_some_and(begins_with_sip)
    })
}

/// Whether frames fill these bytes: in a known WebSocket a segment like this begins with a frame.
fn is_whole(mut bytes: &[u8]) -> bool {
    loop {
        let Ok(header) = Header::parse(bytes) else { return false };
        let end = usize::try_from(header.payload).ok().and_then(|payload| payload.checked_add(header.len));
        match end.and_then(|end| bytes.get(end..)) {
            Some([]) => return true,
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
}

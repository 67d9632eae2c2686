//! What one thread hands to the next: events apart from the packets that they borrow from, in one piece of memory.
//! Knows no thread, and of events only what they borrow.

use crate::event::{Event, Path, Undelivered, What};
use crate::packet::Place;
use crate::report::Source;
use crate::time::Timestamp;
use crate::wire::rtcp::Rtcp;
use crate::wire::rtp::Rtp;
use crate::wire::sip::{Message, Parsed};

/// Bytes after which a batch is handed on: some hundred messages, and little enough to stay in a core's cache.
const ENOUGH: usize = 128 * 1024;

/// A time without captures: when a packet came last, and the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Between two runs, not between two captures of one.
    pub(crate) of_runs: bool,
}

/// Where everything goes that is read and decoded, in the order of the packets.
pub(crate) trait Downstream {
    /// Why nothing more is taken.
    type Stop;

    /// Takes what happened on the wire.
    fn event(&mut self, event: &Event<'_>);

    /// Hears that nobody listened.
    fn gap(&mut self, gap: Gap);

    /// Learns more of the captures. What the packet gave of which it was learnt comes before.
    fn sources(&mut self, sources: Vec<Source>);

    /// All that a packet gave was said.
    fn settle(&mut self) -> Result<(), Self::Stop>;
}

/// A stretch of the river.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// All that events borrow, one after another.
    bytes: Vec<u8>,
    items: Vec<Item>,
    messages: Vec<Parsed>,
}

#[derive(Debug)]
enum Item {
    /// The usual RTP packet.
    Rtp(Head, Rtp<'static>, u8, Span),
    Event(Head, Option<Span>, Kind),
    Gap(Gap),
    Sources(Vec<Source>),
}

/// What every event has.
#[derive(Clone, Copy, Debug)]
struct Head {
    at: Timestamp,
    place: Place,
    path: Path,
    duplicate: bool,
}

#[derive(Debug)]
enum Kind {
    Sip(Told),
    Icmp(&'static str, Option<Told>),
    Rtp(Rtp<'static>, u8, Span),
    Rtcp(Rtcp<'static>, Span),
}

/// From where, and how many bytes.
type Span = (usize, usize);

/// A message: which one of the batch, and its bytes.
type Told = (usize, Span);

impl Batch {
    /// Whether it is time to hand it on.
    pub(crate) const fn is_full(&self) -> bool {
        let (items, messages) = (self.items.len() * size_of::<Item>(), self.messages.len() * size_of::<Parsed>());
        self.bytes.len() + items + messages >= ENOUGH
    }

    /// Makes room for other things, and keeps the memory; not that of a giant.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * ENOUGH);
        self.items.clear();
        self.messages.clear();
    }

    /// Says to `down` all that was laid down here, as if it came from the packets.
    pub(crate) fn say<D: Downstream>(&mut self, down: &mut D) -> Result<(), D::Stop> {
        let Self { bytes, items, messages } = self;
        let lent = Lent { bytes, messages };
        let mut items = items.iter_mut().peekable();
        while let Some(item) = items.next() {
            match item {
                Item::Rtp(head, rtp, dscp, payload) => {
                    down.event(&head.event(None, What::Rtp(Rtp { payload: lent.slice(*payload), ..*rtp }, *dscp)));
                }
                Item::Event(head, correlation, kind) => {
                    let correlation = correlation.map(|span| lent.slice(span));
                    if let Some(what) = lent.what(kind) {
                        down.event(&head.event(correlation, what));
                    }
                }
                Item::Gap(gap) => down.gap(*gap),
                Item::Sources(sources) => down.sources(std::mem::take(sources)),
            }
            if !matches!(items.peek(), Some(Item::Sources(_))) {
                down.settle()?;
            }
        }
        Ok(())
    }

    /// Lays down an event.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        let Event { at, place, path, duplicate, correlation, .. } = *event;
        let head = Head { at, place, path, duplicate };
        let item = match (&event.what, correlation) {
            (What::Rtp(rtp, dscp), None) => {
                let payload = self.keep(rtp.payload);
                Item::Rtp(head, Rtp { payload: &[], ..*rtp }, *dscp, payload)
            }
            (what, _) => {
                let correlation = correlation.map(|bytes| self.keep(bytes));
                let kind = match what {
                    What::Sip(message) => Kind::Sip(self.message(message)),
                    What::Icmp(Undelivered { error, message }) => {
                        Kind::Icmp(error, message.as_ref().map(|message| self.message(message)))
                    }
                    What::Rtp(rtp, dscp) => Kind::Rtp(Rtp { payload: &[], ..*rtp }, *dscp, self.keep(rtp.payload)),
                    What::Rtcp(rtcp) => Kind::Rtcp(rtcp.over(&[]), self.keep(rtcp.clear())),
                };
                Item::Event(head, correlation, kind)
            }
        };
        self.items.push(item);
    }

    /// Lays down a gap.
    pub(crate) fn gap(&mut self, gap: Gap) {
        self.items.push(Item::Gap(gap));
    }

    /// Lays down what is known of the captures.
    pub(crate) fn sources(&mut self, sources: Vec<Source>) {
        self.items.push(Item::Sources(sources));
    }

    fn message(&mut self, message: &Message<'_>) -> Told {
        self.messages.push(message.detach());
        (self.messages.len() - 1, self.keep(message.raw()))
    }

    fn keep(&mut self, bytes: &[u8]) -> Span {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (at, bytes.len())
    }
}

/// What events borrow from here.
#[derive(Clone, Copy)]
struct Lent<'a> {
    bytes: &'a [u8],
    messages: &'a [Parsed],
}

impl<'a> Lent<'a> {
    fn what(self, kind: &Kind) -> Option<What<'a>> {
        Some(match kind {
            Kind::Sip(told) => What::Sip(self.message(told)?),
            Kind::Icmp(error, told) => {
                What::Icmp(Undelivered { error, message: told.as_ref().and_then(|told| self.message(told)) })
            }
            Kind::Rtp(rtp, dscp, payload) => What::Rtp(Rtp { payload: self.slice(*payload), ..*rtp }, *dscp),
            Kind::Rtcp(rtcp, clear) => What::Rtcp(rtcp.over(self.slice(*clear))),
        })
    }

    fn message(self, &(index, raw): &Told) -> Option<Message<'a>> {
        self.messages.get(index).map(|parsed| parsed.attach(self.slice(raw)))
    }

    fn slice(self, (at, len): Span) -> &'a [u8] {
        self.bytes.get(at..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }
}

impl Head {
    const fn event<'a>(self, correlation: Option<&'a [u8]>, what: What<'a>) -> Event<'a> {
        let Self { at, place, path, duplicate } = self;
        Event { at, place, path, duplicate, correlation, what }
    }
}

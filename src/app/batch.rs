//! What one thread hands to the next: events apart from the packets that they borrow from, in one piece of memory.
//! Knows no thread, and of events only what they borrow.

use crate::event::{Event, Path, Undelivered, What};
use crate::packet::Place;
use crate::report::Source;
use crate::time::Timestamp;
use crate::track::fact::Fact;
use crate::wire::dtmf::TelephoneEvent;
use crate::wire::media::Media;
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

    /// How many messages of a run of packets may wait for each other, to be said one right after the other.
    const TOGETHER: usize;

    /// Takes what happened on the wire.
    fn event(&mut self, event: &Event<'_>);

    /// Takes a packet of media straight from its capture. `false`: it was not taken, and is to come as an event.
    fn media(&mut self, at: Timestamp, place: Place, media: &Media<'_>) -> bool;

    /// The last of the media taken since the last event was captured then.
    fn passed(&mut self, last: Timestamp);

    /// Hears that nobody listened.
    fn gap(&mut self, gap: Gap);

    /// Learns more of the captures, behind what the packet gave of which it was learnt.
    fn sources(&mut self, sources: Vec<Source>) -> Result<(), Self::Stop>;

    /// Whether it matters between which packets things are settled next, so that it cannot wait.
    fn is_due(&self) -> bool;

    /// All that a packet gave was said, or that several did.
    fn settle(&mut self) -> Result<(), Self::Stop>;
}

/// What came of events, in the order in which it is to be told.
#[derive(Debug)]
pub(crate) enum Answer {
    Fact(Fact),
    /// No call that is still to come began before.
    Passed(Timestamp),
    /// What is known of the captures from here on.
    Sources(Vec<Source>),
}

/// A stretch of the river.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// What came of what was laid down here before, while it is on its way back.
    pub(crate) answers: Vec<Answer>,
    /// All that events borrow, one after another.
    bytes: Vec<u8>,
    /// Each with whether it was the last of its packet.
    items: Vec<(Item, bool)>,
    messages: Vec<Parsed>,
    media: Vec<Plain>,
    /// Packets of media that are part of a run that ended.
    told: usize,
}

#[derive(Debug)]
enum Item {
    /// A run of so many packets of media that came straight from their capture; from where their payloads stand, one
    /// behind the other; and when the last of them came.
    Media(usize, usize, Timestamp),
    Event(Head, Option<Span>, Kind),
    Gap(Gap),
    Sources(Vec<Source>),
}

/// A packet of media, as small as may be: there may be hundreds of thousands in a second.
#[derive(Clone, Copy, Debug)]
struct Plain {
    at: Timestamp,
    frame: u64,
    addresses: u64,
    ports: u32,
    file: u32,
    timestamp: u32,
    ssrc: u32,
    sequence: u16,
    marker: bool,
    payload_type: u8,
    dscp: u8,
    /// Its payload was not kept: see [`MEDIA`].
    left_out: bool,
    /// Of its payload. An IP packet has less than 64 KiB.
    len: u16,
}

impl Plain {
    /// Bytes of its payload that were kept.
    fn kept(&self) -> usize {
        if self.left_out { 0 } else { self.len.into() }
    }
}

/// Stands for payloads that begin with what is no key pressed: of those nobody asks for more than their length, and to
/// copy them would be most of the work.
static MEDIA: [u8; 1 << 16] = [u8::MAX; 1 << 16];

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
        let (items, messages) =
            (self.items.len() * size_of::<(Item, bool)>(), self.messages.len() * size_of::<Parsed>());
        self.bytes.len() + items + messages + self.media.len() * size_of::<Plain>() >= ENOUGH
    }

    /// Makes room for other things, and keeps the memory; not that of a giant.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * ENOUGH);
        self.items.clear();
        self.messages.clear();
        self.media.clear();
        self.told = 0;
    }

    /// Says to `down` all that was laid down here, as if it came from the packets.
    pub(crate) fn say<D: Downstream>(&mut self, down: &mut D) -> Result<(), D::Stop> {
        let Self { bytes, items, messages, media, .. } = self;
        let lent = Lent { bytes, messages };
        let mut media = media.as_slice();
        for (item, settles) in items {
            match item {
                Item::Media(count, from, last) => {
                    let (run, rest) = media.split_at_checked(*count).unwrap_or((media, &[]));
                    media = rest;
                    say_media(run, lent.bytes.get(*from..).unwrap_or_default(), down)?;
                    down.passed(*last);
                }
                Item::Event(head, correlation, kind) => {
                    let correlation = correlation.map(|span| lent.slice(span));
                    if let Some(what) = lent.what(kind) {
                        down.event(&head.event(correlation, what));
                    }
                }
                Item::Gap(gap) => down.gap(*gap),
                Item::Sources(sources) => down.sources(std::mem::take(sources))?,
            }
            if *settles {
                down.settle()?;
            }
        }
        Ok(())
    }

    /// Lays down an event.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        let Event { at, place, path, duplicate, correlation, .. } = *event;
        let head = Head { at, place, path, duplicate };
        let correlation = correlation.map(|bytes| self.keep(bytes));
        let kind = match &event.what {
            What::Sip(message) => Kind::Sip(self.message(message)),
            What::Icmp(Undelivered { error, message }) => {
                Kind::Icmp(error, message.as_ref().map(|message| self.message(message)))
            }
            What::Rtp(rtp, dscp) => Kind::Rtp(Rtp { payload: &[], ..*rtp }, *dscp, self.keep(rtp.payload)),
            What::Rtcp(rtcp) => Kind::Rtcp(rtcp.over(&[]), self.keep(rtcp.clear())),
        };
        self.items.push((Item::Event(head, correlation, kind), false));
    }

    /// Lays down a packet of media, where there is room. [`passed`](Self::passed) ends a run of them.
    #[inline]
    pub(crate) fn media(&mut self, at: Timestamp, Place { file, frame }: Place, media: &Media<'_>) -> bool {
        let Media { addresses, ports, dscp, rtp } = *media;
        let Rtp { marker, payload_type, sequence, timestamp, ssrc, payload } = rtp;
        let Ok(len) = u16::try_from(payload.len()) else { return false };
        if self.is_full() {
            return false;
        }
        let left_out = payload.first().is_none_or(|first| *first > TelephoneEvent::LAST_KEY);
        if !left_out {
            self.bytes.extend_from_slice(payload);
        }
        self.media.push(Plain {
            at,
            frame,
            addresses,
            ports,
            file,
            timestamp,
            ssrc,
            sequence,
            marker,
            payload_type,
            dscp,
            left_out,
            len,
        });
        true
    }

    /// Ends a run of packets of media.
    pub(crate) fn passed(&mut self, last: Timestamp) {
        let run = self.media.get(self.told..).unwrap_or_default();
        let bytes: usize = run.iter().map(|plain| plain.kept()).sum();
        self.items.push((Item::Media(run.len(), self.bytes.len().saturating_sub(bytes), last), false));
        self.told = self.media.len();
    }

    /// Lays down a gap.
    pub(crate) fn gap(&mut self, gap: Gap) {
        self.items.push((Item::Gap(gap), false));
    }

    /// Lays down what is known of the captures.
    pub(crate) fn sources(&mut self, sources: Vec<Source>) {
        self.items.push((Item::Sources(sources), false));
    }

    /// Ends what a packet gave.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if let Some((_, settles)) = self.items.last_mut() {
            *settles = true;
        }
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

/// Says a run of packets of media. What is of no known stream is said as the event that it would have been: see
/// [`Datagram::media`](crate::wire::media::Datagram::media).
fn say_media<D: Downstream>(run: &[Plain], mut payloads: &[u8], down: &mut D) -> Result<(), D::Stop> {
    let mut before = None;
    for plain in run {
        let &Plain { at, frame, addresses, ports, file, timestamp, ssrc, sequence, .. } = plain;
        let &Plain { marker, payload_type, dscp, left_out, len, .. } = plain;
        let (kept, rest) = payloads.split_at_checked(plain.kept()).unwrap_or_default();
        payloads = rest;
        let payload = if left_out { MEDIA.get(..len.into()).unwrap_or_default() } else { kept };
        let rtp = Rtp { marker, payload_type, sequence, timestamp, ssrc, payload };
        let (place, media) = (Place { file, frame }, Media { addresses, ports, dscp, rtp });
        if down.media(at, place, &media) {
            before = before.max(Some(at));
            continue;
        }
        if let Some(last) = before.take() {
            down.passed(last);
        }
        let (src, dst) = media.ends();
        down.event(&Event::of_media(at, place, src, dst, What::Rtp(rtp, dscp)));
        down.settle()?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::*;
    use crate::event::Transport;
    use std::net::SocketAddr;

    /// Writes down what it is told.
    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Downstream for Heard {
        type Stop = ();

        const TOGETHER: usize = 1;

        fn event(&mut self, event: &Event<'_>) {
            self.0.push(format!("{event:?}"));
        }

        fn media(&mut self, at: Timestamp, place: Place, media: &Media<'_>) -> bool {
            let known = media.rtp.ssrc < 9;
            if known {
                self.0.push(format!("{at:?} {place:?} {media:?}"));
            }
            known
        }

        fn passed(&mut self, last: Timestamp) {
            self.0.push(format!("passed {last:?}"));
        }

        fn gap(&mut self, gap: Gap) {
            self.0.push(format!("{gap:?}"));
        }

        fn sources(&mut self, sources: Vec<Source>) -> Result<(), ()> {
            self.0.push(format!("{sources:?}"));
            Ok(())
        }

        fn is_due(&self) -> bool {
            true
        }

        fn settle(&mut self) -> Result<(), ()> {
            self.0.push("settle".to_owned());
            if self.0.len() > 99 { Err(()) } else { Ok(()) }
        }
    }

    #[test]
    fn what_is_laid_down_is_said_again() {
        let (src, dst) = ("10.0.0.1:5060".parse().unwrap(), "[2001:db8::1]:5060".parse().unwrap());
        let message = || Message::parse(b"\r\nINVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\nl: 3\r\n\r\nv=0").unwrap();
        let rtp = Rtp::parse(b"\x80\x08\0\x01\0\0\0\x02\0\0\0\x03media").unwrap();
        let rtcp = Rtcp::parse(b"\x80\xc9\0\x01\0\0\0\x03").unwrap();
        let undelivered = |message| What::Icmp(Undelivered { error: "port unreachable", message });
        let all = [
            (What::Sip(message()), None),
            (What::Sip(message()), Some(&b"another"[..])),
            (undelivered(Some(message())), None),
            (undelivered(None), Some(b"")),
            (What::Rtp(rtp, 46), None),
            (What::Rtp(rtp, 0), Some(b"call")),
            (What::Rtcp(rtcp), None),
        ];
        let mut batch = Batch::default();
        let gap = Gap { from: Timestamp::from_nanos(1), to: Timestamp::from_nanos(2), of_runs: true };
        let sources = vec![Source { name: "a".into(), digits: 6 }];
        // Twice: what is cleared is as good as new.
        for round in 0..2 {
            let mut expected = Vec::new();
            for (number, (what, correlation)) in (0..).zip(&all) {
                let (at, place) = (Timestamp::from_nanos(number), Place { file: 1, frame: number.unsigned_abs() });
                let path = Path { src, dst, transport: Transport::Udp };
                let (correlation, what) = (*correlation, what.clone());
                let event = Event { at, place, path, duplicate: number % 2 == round, correlation, what };
                batch.event(&event);
                expected.push(format!("{event:?}"));
                // Several may be of one packet.
                if number > 2 {
                    batch.settle();
                    expected.push("settle".to_owned());
                }
            }
            batch.gap(gap);
            batch.settle();
            expected.extend([format!("{gap:?}"), "settle".to_owned()]);
            // What was learnt with a packet holds for what that packet settles.
            batch.event(&Event { correlation: None, what: What::Rtp(rtp, 0), ..event(src, dst) });
            batch.sources(sources.clone());
            batch.settle();
            let last = Event { correlation: None, what: What::Rtp(rtp, 0), ..event(src, dst) };
            expected.extend([format!("{last:?}"), format!("{sources:?}"), "settle".to_owned()]);
            let mut heard = Heard::default();
            batch.say(&mut heard).unwrap();
            assert_eq!(heard.0, expected);
            batch.clear();
        }
    }

    #[test]
    fn media_are_said_as_they_are_or_as_events() {
        let rtp = |ssrc, payload| Rtp { marker: true, payload_type: 8, sequence: 7, timestamp: 6, ssrc, payload };
        let addresses = 0x0a00_0001_0a00_0002;
        let media = |ssrc, payload| Media { addresses, ports: 5004 << 16 | 5006, dscp: 46, rtp: rtp(ssrc, payload) };
        let all = [media(1, &b"\x05one"[..]), media(2, b""), media(10, b"\x10stranger"), media(3, b"three")];
        // Its payload may be anything that begins with no key.
        let said = |of: &Media<'static>| {
            let payload = if of.rtp.payload == b"three" { &[u8::MAX; 5] } else { of.rtp.payload };
            Media { rtp: Rtp { payload, ..of.rtp }, ..*of }
        };
        let (mut batch, mut expected) = (Batch::default(), Vec::new());
        let place = |number| Place { file: 1, frame: number };
        let (src, dst) = ("10.0.0.1:5004".parse().unwrap(), "10.0.0.2:5006".parse().unwrap());
        for run in 0..2 {
            for (number, media) in (0..).zip(&all) {
                let at = Timestamp::from_nanos(number);
                assert!(batch.media(at, place(number.unsigned_abs()), media));
                if media.rtp.ssrc < 9 {
                    expected.push(format!("{at:?} {:?} {:?}", place(number.unsigned_abs()), said(media)));
                    continue;
                }
                expected.push(format!("passed {:?}", Timestamp::from_nanos(number - 1)));
                let path = Path { src, dst, transport: Transport::Udp };
                let (place, what) = (place(number.unsigned_abs()), What::Rtp(media.rtp, 46));
                let event = Event { at, place, path, duplicate: false, correlation: None, what };
                expected.extend([format!("{event:?}"), "settle".to_owned()]);
            }
            batch.passed(Timestamp::from_nanos(run + 5));
            batch.event(&event(src, dst));
            batch.settle();
            expected.push(format!("passed {:?}", Timestamp::from_nanos(run + 5)));
            expected.extend([format!("{:?}", event(src, dst)), "settle".to_owned()]);
        }
        let mut heard = Heard::default();
        batch.say(&mut heard).unwrap();
        assert_eq!(heard.0, expected);
        while batch.media(Timestamp::default(), Place::default(), &all[0]) {}
        assert!(batch.is_full());
    }

    fn event(src: SocketAddr, dst: SocketAddr) -> Event<'static> {
        Event {
            at: Timestamp::from_nanos(9),
            place: Place::default(),
            path: Path { src, dst, transport: Transport::Udp },
            duplicate: false,
            correlation: None,
            what: What::Icmp(Undelivered { error: "", message: None }),
        }
    }

    #[test]
    fn a_batch_is_handed_on_and_stops_in_time() {
        let (src, dst) = ("10.0.0.1:5060".parse().unwrap(), "10.0.0.2:5060".parse().unwrap());
        let mut batch = Batch::default();
        while !batch.is_full() {
            batch.event(&event(src, dst));
            batch.settle();
        }
        assert!((9..ENOUGH).contains(&batch.items.len()), "{}", batch.items.len());
        let mut heard = Heard::default();
        assert_eq!((batch.say(&mut heard), heard.0.len()), (Err(()), 100));
        batch.bytes.resize(8 * ENOUGH, 0);
        batch.clear();
        assert!(batch.bytes.capacity() <= 2 * ENOUGH && !batch.is_full());
    }
}

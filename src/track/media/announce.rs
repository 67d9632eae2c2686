//! Where the calls expect media: what their session descriptions announce, and from when on. Knows descriptions, not
//! the streams that come of them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{EARLY, IsOver, Media, NONE, recent};
use crate::time::Timestamp;
use crate::track::ahead::{fetch, fetch_whole};
use crate::track::fact::{Digit, Side};
use crate::track::stream::{self, Codecs};
use crate::wire::codec::Codec;
use crate::wire::sdp::{MediaType, Session};

/// Descriptions of one call that are kept; the oldest is overwritten.
const MOST_DESCRIPTIONS: usize = 64;
/// Bytes of a description that are kept until it is read.
const LONGEST: usize = 8192;
/// Media descriptions of one description.
const MOST_SECTIONS: usize = 16;
/// Pairs of ports of one media description, and candidates of it.
const MOST_PAIRS: u16 = 8;
const MOST_CANDIDATES: usize = 32;
/// Announcements of one address; the oldest makes room.
const MOST_OF_ADDRESS: usize = 16;
/// Lists of codecs that are remembered to be held once.
const MOST_ALIKE: usize = 16;
/// Digits of one call that came in SIP.
const MOST_DIGITS: usize = 256;

/// A session description in a message of a call, and what the call knows of who wrote it.
#[derive(Clone, Copy, Debug)]
pub(in crate::track) struct Said<'a> {
    /// Who wrote it.
    pub(in crate::track) side: Side,
    /// Digest of the callee's tag in the message.
    pub(in crate::track) leg: u64,
    /// It was seen on the hop nearest to the caller.
    pub(in crate::track) near: bool,
    /// The INVITE of the call was not captured.
    pub(in crate::track) late: bool,
    /// The description itself.
    pub(in crate::track) text: &'a [u8],
}

/// What is known of one call's media.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[repr(C)] // So that it is known where it begins.
pub(in crate::track) struct OfCall {
    /// Its last RTCP.
    pub(super) rtcp: Option<Timestamp>,
    /// Mostly an offer and an answer.
    pub(super) descriptions: SmallVec<[Description; 2]>,
    /// Of the descriptions, how many there were before the ones that are kept.
    overwritten: u32,
    /// Indices of its streams, as far as they are not gone.
    pub(super) streams: Vec<u32>,
    /// Where it was announced that media are wanted, as [`Media::address_key`] knows it.
    endpoints: Vec<u64>,
    /// What was pressed, where anything was: in few calls.
    pub(super) keys: Option<Box<Keys>>,
}

/// The keys that were pressed in a call, as far as INFO told it.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::track) struct Keys {
    pub(super) pressed: Vec<(Side, Digit)>,
    /// The CSeq of the last INFO of each side.
    last_info: [Option<u32>; 2],
}

/// A session description of a call.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Description {
    pub(super) side: Side,
    /// The callee that it came from or went to; `None` where it was seen with several.
    pub(super) leg: Option<u64>,
    pub(super) near: bool,
    late: bool,
    at: Timestamp,
    digest: u64,
    body: Body,
}

/// Read only when there is media: before, it is not worth the time.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum Body {
    Text(Box<[u8]>),
    Read(Box<[Section]>),
}

/// One media description.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Section {
    pub(super) kind: Kind,
    /// It carries RTP, and has a port.
    pub(super) rtp: bool,
    pub(super) t38: bool,
    /// The address and port that it has, or shares.
    pub(super) place: Option<SocketAddr>,
    /// A bit for each payload type.
    payload_types: u128,
    pub(super) codecs: Arc<Codecs>,
}

/// What sort of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Kind {
    Audio,
    Video,
    Image,
    Text,
    Application,
    Other,
}

impl Kind {
    const fn of(media: MediaType) -> Self {
        match media {
            MediaType::Audio => Self::Audio,
            MediaType::Video => Self::Video,
            MediaType::Image => Self::Image,
            MediaType::Text => Self::Text,
            MediaType::Application => Self::Application,
            MediaType::Message | MediaType::Other => Self::Other,
        }
    }

    /// As a session description names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Image => "image",
            Self::Text => "text",
            Self::Application => "application",
            Self::Other => "other",
        }
    }
}

/// That somebody wants to receive media at an address.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Announcement {
    /// Slot of the call.
    pub(super) call: u32,
    pub(super) side: Side,
    /// Index of the newest description of the call that says so.
    pub(super) description: u16,
    /// Index of the media description in it.
    pub(super) section: u8,
    /// It is RTCP that is wanted there.
    pub(super) rtcp: bool,
    /// The call was joined late.
    pub(super) late: bool,
    /// Since when.
    pub(super) first: Timestamp,
}

impl Description {
    /// Its media descriptions, as far as it was read.
    pub(super) fn sections(&self) -> &[Section] {
        match &self.body {
            Body::Text(_) => &[],
            Body::Read(sections) => sections,
        }
    }

    /// The media description for a payload type, among those that share the address of this one.
    pub(super) fn section_for(&self, section: u8, payload_type: u8) -> Option<u8> {
        let has = |of: &Section| of.payload_types & (1 << (payload_type & 0x7f)) != 0;
        let announced = self.sections().get(usize::from(section))?;
        if has(announced) {
            return Some(section);
        }
        let shares = |(_, of): &(u8, &Section)| of.rtp && of.place == announced.place && has(of);
        (0..).zip(self.sections()).find(shares).map(|(index, _)| index)
    }
}

impl OfCall {
    /// The newest description of a side.
    pub(super) fn latest(&self, side: Side) -> Option<&Description> {
        self.descriptions.iter().filter(|of| of.side == side).max_by_key(|of| of.at)
    }

    /// Every media description that somebody of the call wrote.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&Description, &Section)> {
        self.descriptions.iter().flat_map(|of| of.sections().iter().map(move |section| (of, section)))
    }

    fn push(&mut self, description: Description) -> usize {
        if self.descriptions.len() < MOST_DESCRIPTIONS {
            self.descriptions.push(description);
            return self.descriptions.len() - 1;
        }
        let index = self.overwritten as usize % MOST_DESCRIPTIONS;
        self.overwritten = self.overwritten.wrapping_add(1);
        if let Some(oldest) = self.descriptions.get_mut(index) {
            *oldest = description;
        }
        index
    }
}

impl Media {
    fn of_call_mut(&mut self, slot: usize) -> &mut OfCall {
        if self.calls.len() <= slot {
            self.calls.resize_with(slot + 1, || None);
        }
        self.calls[slot].get_or_insert_default()
    }

    /// Fetches what is known of the media of a call, but for what lies elsewhere.
    pub(in crate::track) fn fetch(&self, slot: usize) {
        if let Some(Some(call)) = self.calls.get(slot) {
            fetch_whole(&call.rtcp, size_of::<OfCall>());
        }
    }

    /// Fetches what its descriptions say: they are let go with it.
    pub(in crate::track) fn fetch_texts(&self, slot: usize) {
        let call = self.calls.get(slot).and_then(Option::as_ref);
        for description in call.into_iter().flat_map(|call| &call.descriptions) {
            if let Body::Text(text) = &description.body {
                text.first().into_iter().for_each(fetch);
            }
        }
    }

    /// A message of a call carries a session description.
    pub(in crate::track) fn on_description(
        &mut self,
        slot: usize,
        said: &Said<'_>,
        at: Timestamp,
        is_over: IsOver<'_>,
    ) {
        let digest = self.digest.bytes(said.text);
        let call = self.of_call_mut(slot);
        // The same again: on another hop, in the answer after the 183, or retransmitted.
        if let Some(known) = call.descriptions.iter_mut().find(|of| (of.digest, of.side) == (digest, said.side)) {
            known.near |= said.near;
            known.leg = known.leg.filter(|leg| *leg == said.leg);
            return;
        }
        let text = said.text.get(..LONGEST).map_or(said.text, |cut| {
            cut.get(..memchr::memrchr(b'\n', cut).map_or(0, |end| end + 1)).unwrap_or_default()
        });
        let text = but_for_names(text);
        let body = Body::Text(text.into());
        let (side, leg, near, late) = (said.side, Some(said.leg), said.near, said.late);
        let index = call.push(Description { side, leg, near, late, at, digest, body });
        if let Ok(slot) = u32::try_from(slot)
            && self.awake
        {
            let places = self.announce(slot, index);
            self.bind_early(&places, at, is_over);
        }
    }

    /// Media that were captured before the description that announces them, and may have ended by now.
    fn bind_early(&mut self, places: &[Place], at: Timestamp, is_over: IsOver<'_>) {
        let mut early = Vec::new();
        for (index, _) in self.trials.iter().rev() {
            let Some(live) = self.live(*index) else { continue };
            if at.since(live.stream.first()) > EARLY {
                break;
            }
            let fits = |(_, place, _): &Place| live.dst == *place || live.src == *place;
            if live.call == NONE && places.iter().any(fits) {
                early.push(*index);
            }
        }
        for index in early.into_iter().rev() {
            self.bind(index, at, is_over);
        }
    }

    /// Digits that came in an INFO of this call.
    pub(in crate::track) fn on_digits(
        &mut self,
        slot: usize,
        side: Side,
        cseq: u32,
        digits: impl Iterator<Item = char>,
        at: Timestamp,
    ) {
        let mut digits = digits.peekable();
        if digits.peek().is_none() {
            return;
        }
        let Keys { pressed, last_info } = self.of_call_mut(slot).keys.get_or_insert_default().as_mut();
        // The same on another hop, or sent again.
        if last_info[side as usize].replace(cseq) != Some(cseq) {
            let room = MOST_DIGITS.saturating_sub(pressed.len());
            pressed.extend(digits.take(room).map(|digit| (side, Digit { at, digit })));
        }
    }

    /// Reads all descriptions of a call.
    pub(super) fn announce_all(&mut self, slot: u32) {
        for index in 0..self.of_call(slot).map_or(0, |call| call.descriptions.len()) {
            self.announce(slot, index);
        }
    }

    /// Reads a description, and takes note of the addresses in it.
    fn announce(&mut self, slot: u32, index: usize) -> Vec<Place> {
        let Some(Some(call)) = self.calls.get_mut(slot as usize) else { return Vec::new() };
        let Some(description) = call.descriptions.get_mut(index) else { return Vec::new() };
        let Body::Text(text) = &description.body else { return Vec::new() };
        let (sections, places) = read(text, &mut self.alike);
        description.body = Body::Read(sections);
        let (side, late, first) = (description.side, description.late, description.at);
        let description = u16::try_from(index).unwrap_or(u16::MAX);
        for &(section, place, rtcp) in &places {
            let announcement = Announcement { call: slot, side, description, section, rtcp, late, first };
            self.announce_at(place, announcement);
        }
        self.epoch = self.epoch.wrapping_add(1);
        let streams = self.of_call(slot).map(|call| call.streams.clone()).unwrap_or_default();
        streams.into_iter().for_each(|index| self.describe(index));
        places
    }

    fn announce_at(&mut self, place: SocketAddr, announcement: Announcement) {
        let (slot, key) = (announcement.call, self.address_key(place));
        let announced = self.endpoints.entry(key).or_default();
        let same = |of: &Announcement| (of.call, of.side, of.rtcp) == (slot, announcement.side, announcement.rtcp);
        if let Some(known) = announced.iter_mut().find(|of| same(of)) {
            (known.description, known.section) = (announcement.description, announcement.section);
        } else {
            if announced.len() >= MOST_OF_ADDRESS {
                announced.remove(0);
            }
            announced.push(announcement);
        }
        // Streams to there that other calls have may be theirs no longer.
        let others: Vec<u32> = announced.iter().map(|of| of.call).filter(|call| *call != slot).collect();
        let newest = announced.last().map(|of| (of.call, of.side, of.description, of.section));
        for call in others {
            for index in self.of_call(call).map(|of| of.streams.clone()).unwrap_or_default() {
                if let Some(live) = self.live_mut(index)
                    && live.dst == place
                    && live.call != slot
                    && !live.shared.contains(&slot)
                {
                    (live.contested, live.settled) = (true, false);
                    let name = recent::name_of(live.src, live.dst, live.stream.ssrc());
                    self.recent.forget(name);
                }
            }
        }
        // Those of the call itself go by what was said last.
        if let Some((_, side, description, section)) = newest.filter(|(call, ..)| *call == slot) {
            for index in self.of_call(slot).map(|of| of.streams.clone()).unwrap_or_default() {
                if let Some(live) = self.live_mut(index)
                    && live.dst == place
                    && live.from != side
                {
                    (live.description, live.section) = (Some(description), section);
                }
            }
        }
        if let Some(Some(call)) = self.calls.get_mut(slot as usize)
            && !call.endpoints.contains(&key)
        {
            // Two or three, mostly, and there are thousands of calls.
            call.endpoints.reserve_exact(1);
            call.endpoints.push(key);
        }
    }

    /// A call is closed: nothing is expected for it any more.
    pub(super) fn forget(&mut self, slot: usize) -> Option<Box<OfCall>> {
        let call = self.calls.get_mut(slot).and_then(Option::take)?;
        let number = u32::try_from(slot).unwrap_or(NONE);
        for key in &call.endpoints {
            if let Some(announced) = self.endpoints.get_mut(key) {
                announced.retain(|of| of.call != number);
                if announced.is_empty() {
                    self.endpoints.remove(key);
                }
            }
        }
        Some(call)
    }
}

/// A description without the lines at its beginning that say whose it is and what it is about: by the order that RFC 8866 5
/// prescribes they all come before the first one that says where media are wanted, and which.
fn but_for_names(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [b'v' | b'o' | b's' | b'i' | b'u' | b'e' | b'p' | b't', b'=', ..] = rest {
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else { break };
        rest = rest.get(end + 1..).unwrap_or_default();
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    rest
}

/// The codecs of the last descriptions that had others than those before: most calls describe the same.
#[derive(Debug, Default)]
pub(super) struct Alike(VecDeque<Arc<Codecs>>);

impl Alike {
    /// The same, held once.
    pub(super) fn of(&mut self, codecs: Arc<Codecs>) -> Arc<Codecs> {
        if let Some(known) = self.0.iter().find(|known| **known == codecs) {
            return Arc::clone(known);
        }
        if self.0.len() >= MOST_ALIKE {
            self.0.pop_front();
        }
        self.0.push_back(Arc::clone(&codecs));
        codecs
    }
}

/// An address in a description: the media description that it stands in, and whether it is for RTCP.
type Place = (u8, SocketAddr, bool);

/// The media descriptions, and the addresses at which media are wanted.
fn read(text: &[u8], alike: &mut Alike) -> (Box<[Section]>, Vec<Place>) {
    let (mut sections, mut places) = (Vec::new(), Vec::new());
    let Some(session) = Session::parse(text) else { return (Box::default(), places) };
    for (index, media) in (0..).zip(session.media().take(MOST_SECTIONS)) {
        let over_tcp = media.proto.get(..3).is_some_and(|proto| proto.eq_ignore_ascii_case(b"TCP"));
        let carrier = session.carrier(&media).filter(|_| media.is_rtp() && !over_tcp && media.is_wanted());
        let codecs = media.codecs().filter_map(|codec| {
            let Codec { payload_type, name, clock_rate, .. } = codec;
            Some(stream::Codec { payload_type, name: name.into(), clock_rate: clock_rate? })
        });
        let payload_type = |format: &[u8]| std::str::from_utf8(format).ok()?.parse::<u8>().ok().filter(|of| *of < 128);
        sections.push(Section {
            kind: Kind::of(media.media_type()),
            rtp: carrier.is_some(),
            t38: media.is_wanted() && media.is_t38(),
            place: carrier.and_then(|carrier| carrier.place()),
            payload_types: media.formats().filter_map(payload_type).fold(0, |types, of| types | 1 << of),
            codecs: alike.of(Arc::new(Codecs { described: codecs.collect(), srtp: media.is_secured() })),
        });
        let Some(carrier) = carrier else { continue };
        let pairs = (0..carrier.ports.clamp(1, MOST_PAIRS)).filter_map(|pair| {
            let first = carrier.place()?;
            Some((index, SocketAddr::new(first.ip(), first.port().checked_add(pair * 2)?), false))
        });
        places.extend(pairs);
        places.extend(carrier.rtcp_apart().map(|place| (index, place, true)));
        let candidates = carrier.candidates().filter(|candidate| candidate.is_udp()).take(MOST_CANDIDATES);
        let of_candidates = candidates.filter_map(|candidate| {
            let place = candidate.place().filter(|place| !place.ip().is_unspecified() && place.port() != 0)?;
            Some((index, place, candidate.component != 1))
        });
        places.extend(of_candidates);
    }
    (sections.into(), places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_says_whose_it_is_is_not_kept() {
        let cases: &[(&[u8], &[u8])] = &[
            (
                b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=",
                b"c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=",
            ),
            (b"v=0\no=-\n\nm=", b"m="),
            (b"v=0\rm=", b"m="),
            (b"v=0", b"v=0"),
            (b"m=audio 1 RTP/AVP 0\r\ns=-\r\n", b"m=audio 1 RTP/AVP 0\r\ns=-\r\n"),
        ];
        for (text, kept) in cases {
            assert_eq!(but_for_names(text), *kept, "{}", text.escape_ascii());
        }
    }

    proptest! {
        /// However the lines lie, and whatever they lack.
        #[test]
        fn what_is_kept_says_the_same_of_media(
            lines in proptest::collection::vec(prop_oneof![
                Just("v=0"), Just("o=- 1 1 IN IP4 10.0.0.1"), Just("s=m=audio 9 RTP/AVP 0"), Just("t=0 0"), Just("i=x"), Just(""),
                Just("c=IN IP4 10.0.0.2"), Just("a=sendonly"), Just("m=audio 4000 RTP/AVP 0 96"), Just("m=video 0 RTP/AVP 97"),
                Just("a=rtpmap:96 opus/48000/2"), Just("a=rtcp:4005"), Just("vv"), Just("v"),
            ], 0..9),
            end in prop_oneof![Just("\r\n"), Just("\n"), Just("\r"), Just("\n\r")],
        ) {
            let (text, mut alike) = (lines.join(end), Alike::default());
            prop_assert_eq!(read(but_for_names(text.as_bytes()), &mut alike), read(text.as_bytes(), &mut alike), "{:?}", text);
        }
    }
}

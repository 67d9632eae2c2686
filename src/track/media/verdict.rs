//! What the streams of a call amount to: its two directions, and who was to be heard. Knows streams that are bound;
//! by what they are is for its neighbours to know.

use std::time::Duration;

use super::announce::{Description, Kind, OfCall, Section};
use super::{Live, Media, NONE};
use crate::time::Timestamp;
use crate::track::fact::{Audio, CallFact, Digit, Heard, MediaFact, Side, StreamFact};
use crate::track::stream::{fold, judge_both};

/// Streams of one direction that overlap for longer, or for most of one of them, run side by side, not one after the
/// other.
const OVERLAP: Duration = Duration::from_secs(1);
/// Packets of early media may still be on their way when the call is answered.
const SETTLES: Duration = Duration::from_millis(200);

/// What a call tells of itself, to judge its media.
#[derive(Clone, Copy, Debug)]
pub(in crate::track) struct Told {
    /// It was answered.
    pub(in crate::track) answered: bool,
    /// Digest of the tag of the callee who answered first.
    pub(in crate::track) leg: Option<u64>,
    /// Whether caller and callee were to be heard at any time since.
    pub(in crate::track) expected: [bool; 2],
}

impl Media {
    /// A call is closed: writes into its fact what was heard of it.
    pub(in crate::track) fn close(&mut self, slot: usize, told: &Told, fact: &mut CallFact) {
        let seen = self.awake;
        let Some(call) = self.forget(slot) else {
            return;
        };
        let number = u32::try_from(slot).unwrap_or(NONE);
        let mut parts: Vec<(u32, Part)> = Vec::new();
        for index in &call.streams {
            let Some(live) = self.live(*index) else { continue };
            if live.call == number || live.shared.contains(&number) {
                parts.push((*index, Part::of(live, &call, fact)));
            }
        }
        parts.sort_by_key(|(_, part)| (part.fact.heard.first, part.fact.place));
        parts.dedup_by_key(|(index, _)| *index);
        for (index, _) in &parts {
            self.release(*index, number);
        }
        let parts: Vec<Part> = parts.into_iter().map(|(_, part)| part).collect();
        if seen && told.answered {
            fact.audio = audio(&call, &parts, told, fact);
        }
        if !parts.is_empty() {
            fact.media = Some(Box::new(media(&call, parts, told, fact)));
        }
    }

    /// A stream is told by one call; another leg of it may still want it.
    fn release(&mut self, index: u32, slot: u32) {
        let Some(live) = self.live_mut(index) else { return };
        live.shared.retain(|of| *of != slot);
        if live.call != slot {
            return;
        }
        if let Some(heir) = live.shared.pop() {
            live.call = heir;
            return;
        }
        self.remove(index);
    }
}

/// A stream of a call that is closed.
struct Part {
    fact: StreamFact,
    from: Side,
    kind: Option<Kind>,
    /// It was seen on the hop nearest to the caller.
    near: bool,
    /// The callee that sent it or that it went to, where that is known.
    leg: Option<u64>,
}

impl Part {
    fn of(live: &Live, call: &OfCall, fact: &CallFact) -> Self {
        let description = live.description.and_then(|index| call.descriptions.get(usize::from(index)));
        let hop = live.hop.and_then(|index| call.descriptions.get(usize::from(index)));
        // Of several callees the one who announced the address that it comes from.
        let from_there = |(of, section): &(&Description, &Section)| {
            of.side == live.from && of.side == Side::Callee && section.place == Some(live.src)
        };
        let sender = || call.sections().find(from_there).map(|(of, _)| of);
        let receiver = description.or_else(|| call.latest(live.from.other()));
        let kind =
            receiver.or_else(|| call.latest(live.from)).and_then(|of| of.sections().get(usize::from(live.section)));
        let kind = kind.map(|section| section.kind);
        Self {
            fact: live.fact(Some(fact.opening.call_id()), kind.map(Kind::name)),
            from: live.from,
            kind,
            near: hop.is_none_or(|of| of.near),
            leg: hop.filter(|of| of.side == Side::Callee).or_else(sender).and_then(|of| of.leg),
        }
    }

    fn heard(&self) -> &Heard {
        &self.fact.heard
    }
}

/// The streams that make up one direction: of audio where there is any, on one hop, and of several side by side the
/// longest. Those that follow each other belong together.
fn direction<'p>(parts: &'p [Part], from: Side, told: &Told) -> Vec<&'p Part> {
    let has_audio = parts.iter().any(|part| part.kind == Some(Kind::Audio));
    let lost = |part: &&Part| told.answered && told.leg.zip(part.leg).is_some_and(|(won, leg)| won != leg);
    let of_side = || {
        parts
            .iter()
            .filter(|part| part.from == from)
            .filter(|part| !has_audio || part.kind.is_none_or(|kind| kind == Kind::Audio))
    };
    let won = of_side().filter(|part| !lost(part));
    let mut candidates: Vec<&Part> = if won.clone().next().is_some() { won.collect() } else { of_side().collect() };
    if candidates.iter().any(|part| part.near) {
        candidates.retain(|part| part.near);
    }
    candidates.sort_by_key(|part| std::cmp::Reverse(part.heard().packets));
    let mut chosen: Vec<&Part> = Vec::new();
    for part in candidates {
        let beside = |of: &&Part| {
            let (one, two) = (of.heard(), part.heard());
            let overlap = one.last.min(two.last).since(one.first.max(two.first));
            overlap > OVERLAP || overlap * 2 > one.last.since(one.first).min(two.last.since(two.first))
        };
        if !chosen.iter().any(beside) {
            chosen.push(part);
        }
    }
    chosen
}

fn media(call: &OfCall, parts: Vec<Part>, told: &Told, fact: &CallFact) -> MediaFact {
    let side = |from: Side| {
        let mut heard = fold(direction(&parts, from, told).into_iter().map(Part::heard))?;
        let pressed =
            call.keys.iter().flat_map(|keys| &keys.pressed).filter(|(by, _)| *by == from).map(|(_, digit)| *digit);
        heard.digits.extend(pressed);
        heard.digits.sort_by_key(|digit: &Digit| digit.at);
        Some(heard)
    };
    let (mut from_caller, mut from_callee) = (side(Side::Caller), side(Side::Callee));
    judge_both(from_caller.as_mut(), from_callee.as_mut());
    let (talk, first_audio) = fact.answered.map_or((None, None), |answered| spans(&parts, told, answered, fact.ended));
    let accepted = |of: Side| call.sections().any(|(description, section)| description.side == of && section.t38);
    MediaFact {
        from_caller,
        from_callee,
        talk,
        first_audio,
        t38: accepted(Side::Caller) && accepted(Side::Callee),
        streams: parts.into_iter().map(|part| part.fact).collect(),
    }
}

/// From the first media after the answer to the last, and how long the later direction kept waiting.
fn spans(
    parts: &[Part],
    told: &Told,
    answered: Timestamp,
    ended: Option<Timestamp>,
) -> (Option<Duration>, Option<Duration>) {
    // When a direction is first and last heard in the answered call.
    let of = |from: Side| {
        let heard = direction(parts, from, told).into_iter().map(Part::heard).filter(|heard| heard.last >= answered);
        let first = heard.clone().map(|heard| heard.first).min()?;
        let last = heard.map(|heard| heard.last).max()?;
        Some((first.max(answered), ended.map_or(last, |ended| last.min(ended))))
    };
    let (caller, callee) = (of(Side::Caller), of(Side::Callee));
    let both = || caller.into_iter().chain(callee);
    let begun = both().map(|(first, _)| first).min();
    let talk = begun.zip(both().map(|(_, last)| last).max()).map(|(begun, last)| last.since(begun));
    (talk, caller.zip(callee).map(|(caller, callee)| caller.0.max(callee.0).since(answered)))
}

/// Who was to be heard, where somebody was expected to. Of a call without descriptions nothing can be said, and neither
/// of one that never wanted audio.
fn audio(call: &OfCall, parts: &[Part], told: &Told, fact: &CallFact) -> Option<Audio> {
    call.sections().any(|(_, section)| section.rtp && section.kind == Kind::Audio).then_some(())?;
    let begins = match fact.answered {
        Some(answered) if fact.last.since(answered) > OVERLAP => Some(answered.after(SETTLES)),
        answered => answered,
    };
    let heard = |from: Side| {
        direction(parts, from, told).iter().any(|part| begins.is_none_or(|begins| part.heard().last >= begins))
    };
    let expected = |side: Side| told.expected[side as usize];
    match (heard(Side::Caller), heard(Side::Callee)) {
        (true, true) => Some(Audio::Both),
        (true, false) => expected(Side::Callee).then_some(Audio::OneWayFromCaller),
        (false, true) => expected(Side::Caller).then_some(Audio::OneWayFromCallee),
        (false, false) => (expected(Side::Caller) || expected(Side::Callee)).then_some(Audio::None),
    }
}

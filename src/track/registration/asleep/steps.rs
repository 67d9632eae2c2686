//! How the times and codes of a registration are written: each counted from the one before.

use super::Flags;
use super::flow::{In, Out};
use crate::codes::Code;
use crate::packet::Place;
use crate::time::Timestamp;
use crate::track::fact::Step;
use crate::track::index::Index;
use crate::track::registration::{Registration, Shared};
use crate::track::transaction::{Digest, Moment};

/// The unit of a record's times.
#[derive(Clone, Copy)]
enum Unit {
    Nanos,
    Micros,
}

impl Unit {
    const fn of(flags: Flags) -> Self {
        if flags.has(Flags::MICROS) { Self::Micros } else { Self::Nanos }
    }

    const fn count(self, at: Timestamp) -> i64 {
        match self {
            Self::Nanos => at.nanos(),
            Self::Micros => at.nanos() / 1000,
        }
    }

    const fn time(self, count: i64) -> Timestamp {
        Timestamp::from_nanos(match self {
            Self::Nanos => count,
            Self::Micros => count.wrapping_mul(1000),
        })
    }
}

/// The codes of timelines: most registrations live as many others do.
#[derive(Debug, Default)]
pub(in crate::track::registration) struct Lives {
    known: Index,
    all: Vec<Box<[Code]>>,
    /// Numbers of those that were asked for lately, each where its length and its last code put it.
    lately: [u8; Self::LATELY],
}

impl Lives {
    /// So many are told apart by a byte; another one is written out, as is one of more steps than these.
    const MOST: usize = 250;
    const LONGEST: usize = 32;
    const LATELY: usize = 16;

    fn is(&self, number: u32, timeline: &[Step]) -> bool {
        let life = self.all.get(number as usize).filter(|life| life.len() == timeline.len());
        life.is_some_and(|life| life.iter().zip(timeline).all(|(code, step)| *code == step.code))
    }

    fn number(&mut self, digest: &Digest, timeline: &[Step]) -> Option<u8> {
        if timeline.len() > Self::LONGEST {
            return None;
        }
        let place = timeline.last().map_or(0, |last| usize::from(last.code.get()) + timeline.len()) % Self::LATELY;
        let lately = self.lately.get(place).copied().unwrap_or_default();
        if self.is(lately.into(), timeline) {
            return Some(lately);
        }
        let mut codes = [Code::new(0); Self::LONGEST];
        let codes = codes.get_mut(..timeline.len())?;
        codes.iter_mut().zip(timeline).for_each(|(code, step)| *code = step.code);
        let key = digest.of(&*codes);
        if let Some(number) = self.known.of(key).find(|number| self.is(*number, timeline)) {
            let number = u8::try_from(number).ok()?;
            if let Some(lately) = self.lately.get_mut(place) {
                *lately = number;
            }
            return Some(number);
        }
        let number = u8::try_from(self.all.len()).ok().filter(|number| usize::from(*number) < Self::MOST)?;
        self.known.insert(key, number.into());
        self.all.push((*codes).into());
        Some(number)
    }
}

/// Writes the codes of a timeline.
pub(super) fn write_codes(timeline: &[Step], digest: &Digest, lives: &mut Lives, out: &mut Out<'_>) {
    if let Some(number) = lives.number(digest, timeline) {
        return out.byte(number);
    }
    out.byte(u8::MAX);
    out.number(timeline.len() as u64);
    timeline.iter().for_each(|step| out.bytes(&step.code.get().to_le_bytes()));
}

/// Reads them back, as steps that are all made then.
pub(super) fn read_codes(timeline: &mut Vec<Step>, then: Moment, lives: &Lives, from: &mut In<'_>) -> Option<()> {
    let step = |code| Step { at: then.at, code, place: then.place };
    match from.byte()? {
        u8::MAX => {
            for _ in 0..from.number()? {
                timeline.push(step(Code::new(u16::from_le_bytes(from.chunk()?))));
            }
        }
        life => timeline.extend(lives.all.get(usize::from(life))?.iter().map(|code| step(*code))),
    }
    Some(())
}

/// Whether all of its times can be told in whole microseconds.
pub(super) fn are_micros(of: &Registration) -> bool {
    let is_micros = |at: Timestamp| at.nanos() % 1000 == 0;
    is_micros(of.start.at) && is_micros(of.last) && of.timeline.iter().all(|step| is_micros(step.at))
}

pub(super) fn write_start(of: &Registration, base: Moment, flags: &mut Flags, out: &mut Out<'_>) {
    let unit = Unit::of(*flags);
    out.signed(unit.count(of.start.at).wrapping_sub(unit.count(base.at)));
    out.signed(of.start.place.frame.wrapping_sub(base.place.frame) as i64);
    flags.set(Flags::FILE, of.start.place.file != base.place.file);
    if flags.has(Flags::FILE) {
        out.number(of.start.place.file.into());
    }
}

pub(super) fn read_start(base: Moment, flags: Flags, from: &mut In<'_>) -> Option<Moment> {
    let unit = Unit::of(flags);
    let at = unit.time(unit.count(base.at).wrapping_add(from.signed()?));
    let frame = base.place.frame.wrapping_add(from.signed()? as u64);
    let file = if flags.has(Flags::FILE) { from.number32()? } else { base.place.file };
    Some(Moment { at, place: Place { file, frame } })
}

pub(super) fn write_steps(
    of: &Registration,
    digest: &Digest,
    shared: &mut Shared,
    flags: &mut Flags,
    out: &mut Out<'_>,
) {
    let Registration { start, timeline, .. } = of;
    let first_is_start = timeline.first().is_some_and(|step| (step.at, step.place) == (start.at, start.place));
    flags.set(Flags::FIRST_STEP, first_is_start);
    let mut before = (start.at, start.place.frame);
    let onward = timeline.iter().all(|step| {
        let (at, frame) = std::mem::replace(&mut before, (step.at, step.place.frame));
        step.place.file == start.place.file && step.at >= at && step.place.frame >= frame
    });
    flags.set(Flags::ONWARD, onward);
    write_codes(timeline, digest, &mut shared.lives, out);
    let unit = Unit::of(*flags);
    let (mut at, mut frame) = (unit.count(start.at), start.place.frame);
    for step in timeline.iter().skip(usize::from(first_is_start)) {
        let then = unit.count(step.at);
        let (took, frames) = (then.wrapping_sub(at), step.place.frame.wrapping_sub(frame));
        if onward {
            out.number(took as u64);
            out.number(frames);
        } else {
            out.signed(took);
            out.signed(frames as i64);
            out.number(step.place.file.into());
        }
        (at, frame) = (then, step.place.frame);
    }
    let since = unit.count(of.last).wrapping_sub(at);
    flags.set(Flags::LAST_STEP, since == 0);
    if since != 0 {
        out.signed(since);
    }
    flags.set(Flags::REGISTERED, of.registered.is_some() && of.registered == first_grant(timeline));
    if !flags.has(Flags::REGISTERED) {
        out.byte(u8::from(of.registered.is_some()));
        of.registered.into_iter().for_each(|at| out.signed(at.nanos()));
    }
}

pub(super) fn first_grant(timeline: &[Step]) -> Option<Timestamp> {
    timeline.iter().find(|step| step.code == Code::REGISTERED).map(|step| step.at)
}

pub(super) fn read_steps(into: &mut Registration, shared: &Shared, flags: Flags, from: &mut In<'_>) -> Option<()> {
    let Registration { start, timeline, .. } = into;
    read_codes(timeline, *start, &shared.lives, from)?;
    let unit = Unit::of(flags);
    let (mut at, mut frame) = (unit.count(start.at), start.place.frame);
    for step in timeline.iter_mut().skip(usize::from(flags.has(Flags::FIRST_STEP))) {
        if flags.has(Flags::ONWARD) {
            at = at.wrapping_add(from.number()? as i64);
            frame = frame.wrapping_add(from.number()?);
        } else {
            at = at.wrapping_add(from.signed()?);
            frame = frame.wrapping_add(from.signed()? as u64);
            step.place.file = from.number32()?;
        }
        (step.at, step.place.frame) = (unit.time(at), frame);
    }
    into.last = unit.time(if flags.has(Flags::LAST_STEP) { at } else { at.wrapping_add(from.signed()?) });
    into.registered = if flags.has(Flags::REGISTERED) {
        first_grant(&into.timeline)
    } else if from.byte()? > 0 {
        Some(Timestamp::from_nanos(from.signed()?))
    } else {
        None
    };
    Some(())
}

//! Rows that wait for their place: of each the cells that will be printed, in as few bytes as they take, since there may
//! be millions. Knows nothing of what a cell is for, nor of the order that is waited for.

use std::collections::HashMap;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use crate::codes::Code;
use crate::packet::Place;
use crate::report::column::{Cell, Decimal};
use crate::report::lists::{Links, List, OtherLeg, ReasonValue, Reasons};
use crate::report::media::MediaRow;
use crate::report::row::{Seconds, Sources};
use crate::report::timeline::{Life, Timeline};
use crate::time::Timestamp;
use crate::track::fact::{Reported, Step, VoipMetrics};

/// The cells of one row, for its [`Packer`] to take out again.
#[derive(Clone, Debug)]
pub struct Packed {
    bytes: Box<[u8]>,
    /// The one cell that is kept as it is.
    object: Option<Box<Object>>,
}

/// What is no list of a few words.
#[derive(Clone, Debug)]
enum Object {
    Media(Arc<MediaRow>),
    Rtcp(Arc<Reported>),
    VoipMetrics(VoipMetrics),
}

/// What stands before a cell. Those below [`SHORT`] are followed by what they say.
mod tag {
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    /// A text of the column's [`Glossary`](super::Glossary).
    pub(super) const KNOWN_TEXT: u8 = 4;
    pub(super) const INTEGER: u8 = 5;
    pub(super) const DECIMAL: u8 = 6;
    pub(super) const ADDRESS_V4: u8 = 7;
    pub(super) const ADDRESS_V6: u8 = 8;
    pub(super) const REASONS: u8 = 9;
    pub(super) const LINKS: u8 = 10;
    pub(super) const TIMELINE: u8 = 11;
    pub(super) const OBJECT: u8 = 12;
    /// And up to nine more: the digits of its fraction.
    pub(super) const TIME: u8 = 0x10;
    /// Likewise.
    pub(super) const SECONDS: u8 = 0x20;
    /// And up to 63 more: the bytes of a text.
    pub(super) const SHORT: u8 = 0x40;
    /// And up to 127 more: a number.
    pub(super) const SMALL: u8 = 0x80;
}

/// Packs rows that all have the same columns.
#[derive(Clone, Debug, Default)]
pub struct Packer {
    /// For each column the texts that come again and again.
    glossaries: Vec<Glossary>,
    /// What was known of the captures when rows were packed, each once.
    snapshots: Vec<Sources>,
    /// Reused from row to row.
    bytes: Vec<u8>,
    list: Vec<u8>,
    words: String,
}

impl Packer {
    /// Keeps the cells of a row, each in the place of its column.
    pub fn pack<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>) -> Packed {
        self.bytes.clear();
        let (mut object, mut last) = (None, Timestamp::default());
        for (index, cell) in cells.enumerate() {
            if self.glossaries.len() <= index {
                self.glossaries.push(Glossary::default());
            }
            self.put(index, cell, &mut last, &mut object);
        }
        Packed { bytes: self.bytes.as_slice().into(), object }
    }

    fn put(&mut self, index: usize, cell: Cell<'_>, last: &mut Timestamp, object: &mut Option<Box<Object>>) {
        let Self { glossaries, snapshots, bytes, list, words } = self;
        let mut text = |characters: &str, bytes: &mut Vec<u8>| {
            if let Some(number) = glossaries.get_mut(index).and_then(|glossary| glossary.number_of(characters)) {
                bytes.push(tag::KNOWN_TEXT);
                return put_number(bytes, number.into());
            }
            match u8::try_from(characters.len()).ok().filter(|length| *length < tag::SMALL - tag::SHORT) {
                Some(length) => bytes.push(tag::SHORT + length),
                None => {
                    bytes.push(tag::TEXT);
                    put_number(bytes, characters.len() as u64);
                }
            }
            bytes.extend_from_slice(characters.as_bytes());
        };
        match cell {
            Cell::Unknown => bytes.push(tag::UNKNOWN),
            Cell::Flag(flag) => bytes.push(if flag { tag::TRUE } else { tag::FALSE }),
            Cell::Text(characters) | Cell::Name(characters) => text(characters, bytes),
            Cell::Said(said) => {
                words.clear();
                said.push_to(words);
                text(words, bytes);
            }
            Cell::Integer(number) => match u8::try_from(number).ok().filter(|number| *number < 0x80) {
                Some(number) => bytes.push(tag::SMALL | number),
                None => {
                    bytes.push(tag::INTEGER);
                    put_number(bytes, number);
                }
            },
            Cell::Decimal(Decimal { value, digits }) => {
                bytes.extend_from_slice(&[tag::DECIMAL, digits]);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Cell::Seconds(seconds) => {
                let span = seconds.span();
                bytes.push(tag::SECONDS + seconds.digits());
                put_number(bytes, span.as_secs());
                put_nanos(bytes, span.subsec_nanos().into());
            }
            Cell::Time(time) => {
                bytes.push(tag::TIME + time.digits());
                put_instant(bytes, time.at(), last);
            }
            Cell::Address(SocketAddr::V4(address)) => {
                bytes.push(tag::ADDRESS_V4);
                bytes.extend_from_slice(&address.ip().octets());
                bytes.extend_from_slice(&address.port().to_le_bytes());
            }
            Cell::Address(SocketAddr::V6(address)) => {
                bytes.push(tag::ADDRESS_V6);
                bytes.extend_from_slice(&address.ip().octets());
                bytes.extend_from_slice(&address.port().to_le_bytes());
                bytes.extend_from_slice(&address.flowinfo().to_le_bytes());
                bytes.extend_from_slice(&address.scope_id().to_le_bytes());
            }
            Cell::Reasons(reasons) => {
                reasons.iter().for_each(|reason| put_reason(list, &reason));
                put_list(bytes, tag::REASONS, list);
            }
            Cell::Links(links) => {
                links.iter().for_each(|link| put_link(list, &link));
                put_list(bytes, tag::LINKS, list);
            }
            Cell::Timeline(timeline) => {
                let known = snapshots.iter().rposition(|sources| Arc::ptr_eq(sources, timeline.sources));
                put_number(list, known.unwrap_or(snapshots.len()) as u64);
                if known.is_none() {
                    snapshots.push(Arc::clone(timeline.sources));
                }
                let (mut last, mut place) = (*last, Place::default());
                timeline.steps().for_each(|step| put_step(list, step, &mut last, &mut place));
                put_list(bytes, tag::TIMELINE, list);
            }
            Cell::Media(media) => put_object(bytes, object, Object::Media(Arc::clone(media))),
            Cell::Rtcp(rtcp) => put_object(bytes, object, Object::Rtcp(Arc::clone(rtcp))),
            Cell::VoipMetrics(voip) => put_object(bytes, object, Object::VoipMetrics(*voip)),
        }
    }

    /// The cells of a row that was packed here.
    pub fn cells<'a>(&'a self, row: &'a Packed) -> impl Iterator<Item = Cell<'a>> {
        let mut rest = Unpacking { bytes: &row.bytes, ..Unpacking::default() };
        let mut index = 0;
        std::iter::from_fn(move || {
            let cell = self.cell(&mut rest, index, row)?;
            index += 1;
            Some(cell)
        })
    }

    fn cell<'a>(&'a self, rest: &mut Unpacking<'a>, index: usize, row: &'a Packed) -> Option<Cell<'a>> {
        let tag = rest.byte()?;
        Some(match tag {
            tag::UNKNOWN => Cell::Unknown,
            tag::FALSE | tag::TRUE => Cell::Flag(tag == tag::TRUE),
            tag::TEXT => Cell::Text(rest.text()?),
            tag::KNOWN_TEXT => {
                let number = usize::try_from(rest.number()?).ok()?;
                Cell::Text(self.glossaries.get(index)?.texts.get(number)?)
            }
            tag::INTEGER => Cell::Integer(rest.number()?),
            tag::DECIMAL => {
                let digits = rest.byte()?;
                Cell::Decimal(Decimal { value: f64::from_le_bytes(rest.array()?), digits })
            }
            tag::ADDRESS_V4 => {
                let ip = rest.array::<4>()?.into();
                Cell::Address(SocketAddrV4::new(ip, u16::from_le_bytes(rest.array()?)).into())
            }
            tag::ADDRESS_V6 => {
                let (ip, port) = (rest.array::<16>()?.into(), u16::from_le_bytes(rest.array()?));
                let (flow, scope) = (u32::from_le_bytes(rest.array()?), u32::from_le_bytes(rest.array()?));
                Cell::Address(SocketAddrV6::new(ip, port, flow, scope).into())
            }
            tag::REASONS => Cell::Reasons(Reasons(List::Packed(rest.list()?))),
            tag::LINKS => Cell::Links(Links(List::Packed(rest.list()?))),
            tag::TIMELINE => {
                let mut steps = rest.list()?;
                let sources = self.snapshots.get(usize::try_from(steps.number()?).ok()?)?;
                Cell::Timeline(Timeline { sources, steps: Life::Packed(steps) })
            }
            tag::OBJECT => match row.object.as_deref()? {
                Object::Media(media) => Cell::Media(media),
                Object::Rtcp(rtcp) => Cell::Rtcp(rtcp),
                Object::VoipMetrics(voip) => Cell::VoipMetrics(voip),
            },
            tag::TIME..tag::SECONDS => Cell::Time(rest.instant()?.rfc3339(tag - tag::TIME)),
            tag::SECONDS..tag::SHORT => {
                let (whole, nanos) = (rest.number()?, rest.nanos()?);
                Cell::Seconds(Seconds::new(Duration::new(whole, u32::try_from(nanos).ok()?), tag - tag::SECONDS))
            }
            tag::SHORT..tag::SMALL => Cell::Text(rest.characters(usize::from(tag - tag::SHORT))?),
            tag::SMALL.. => Cell::Integer((tag - tag::SMALL).into()),
            _ => return None,
        })
    }
}

/// Moves a list there, behind its length.
fn put_list(bytes: &mut Vec<u8>, tag: u8, list: &mut Vec<u8>) {
    bytes.push(tag);
    put_number(bytes, list.len() as u64);
    bytes.append(list);
}

fn put_object(bytes: &mut Vec<u8>, object: &mut Option<Box<Object>>, kept: Object) {
    // No row has two columns of such cells; the second would be unknown.
    bytes.push(if object.is_none() { tag::OBJECT } else { tag::UNKNOWN });
    object.get_or_insert_with(|| Box::new(kept));
}

/// Seven bits a byte, the lowest first; the last byte has the highest bit clear.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Small for a number near zero on either side.
const fn folded(number: i64) -> u64 {
    (number as u64) << 1 ^ (number >> 63) as u64
}

const fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Mostly whole microseconds: then twice their number, which is even. Else 1, and the nanoseconds.
fn put_nanos(bytes: &mut Vec<u8>, nanos: i64) {
    if nanos % 1_000 == 0 {
        return put_number(bytes, folded(nanos / 1_000) << 1);
    }
    put_number(bytes, 1);
    put_number(bytes, folded(nanos));
}

/// An instant by its distance from the one before.
fn put_instant(bytes: &mut Vec<u8>, at: Timestamp, last: &mut Timestamp) {
    put_nanos(bytes, at.nanos().wrapping_sub(last.nanos()));
    *last = at;
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn put_reason(bytes: &mut Vec<u8>, reason: &ReasonValue<'_>) {
    put_text(bytes, reason.protocol);
    put_number(bytes, reason.cause.map_or(0, |cause| u64::from(cause) + 1));
    put_number(bytes, reason.text.is_some().into());
    reason.text.into_iter().for_each(|text| put_text(bytes, text));
}

fn put_link(bytes: &mut Vec<u8>, link: &OtherLeg<'_>) {
    put_text(bytes, link.call_id);
    put_text(bytes, link.evidence);
}

/// A step by its distance from the one before.
fn put_step(bytes: &mut Vec<u8>, step: Step, last: &mut Timestamp, place: &mut Place) {
    let moved = step.place.file != place.file;
    put_number(bytes, u64::from(step.code.get()) << 1 | u64::from(moved));
    if moved {
        put_number(bytes, step.place.file.into());
    }
    put_instant(bytes, step.at, last);
    put_number(bytes, folded(step.place.frame.wrapping_sub(place.frame) as i64));
    *place = step.place;
}

/// What is still packed. Everything that was put can be taken; of other bytes at most nothing comes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unpacking<'a> {
    bytes: &'a [u8],
    last: Timestamp,
    place: Place,
}

impl<'a> Unpacking<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                return Some(number);
            }
        }
    }

    fn nanos(&mut self) -> Option<i64> {
        match self.number()? {
            1 => self.number().map(unfolded),
            micros => Some(unfolded(micros >> 1).wrapping_mul(1_000)),
        }
    }

    fn instant(&mut self) -> Option<Timestamp> {
        self.last = Timestamp::from_nanos(self.last.nanos().wrapping_add(self.nanos()?));
        Some(self.last)
    }

    fn taken(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn characters(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.taken(length)?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        self.characters(length)
    }

    fn list(&mut self) -> Option<Self> {
        let length = usize::try_from(self.number()?).ok()?;
        Some(Self { bytes: self.taken(length)?, last: self.last, place: Place::default() })
    }

    pub(super) fn reason(&mut self) -> Option<ReasonValue<'a>> {
        let (protocol, cause) = (self.text()?, self.number()?);
        let cause = cause.checked_sub(1).and_then(|cause| u32::try_from(cause).ok());
        let text = if self.number()? > 0 { Some(self.text()?) } else { None };
        Some(ReasonValue { protocol, cause, text })
    }

    pub(super) fn link(&mut self) -> Option<OtherLeg<'a>> {
        Some(OtherLeg { call_id: self.text()?, evidence: self.text()? })
    }

    pub(super) fn step(&mut self) -> Option<Step> {
        let head = self.number()?;
        if head & 1 > 0 {
            self.place.file = u32::try_from(self.number()?).ok()?;
        }
        let at = self.instant()?;
        self.place.frame = self.place.frame.wrapping_add(unfolded(self.number()?) as u64);
        Some(Step { at, code: Code::new(u16::try_from(head >> 1).ok()?), place: self.place })
    }
}

/// Texts of one column that come again and again (a status, a user agent), each kept once.
#[derive(Clone, Debug, Default)]
struct Glossary {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16, foldhash::fast::RandomState>,
    known: u32,
    unknown: u32,
    closed: bool,
}

impl Glossary {
    /// Texts in it, and bytes of one.
    const MOST: (usize, usize) = (256, 128);

    fn number_of(&mut self, text: &str) -> Option<u16> {
        let (texts, bytes) = Self::MOST;
        if self.closed || text.len() > bytes {
            return None;
        }
        if let Some(number) = self.numbers.get(text) {
            self.known = self.known.saturating_add(1);
            return Some(*number);
        }
        if self.texts.len() < texts {
            let number = u16::try_from(self.texts.len()).ok()?;
            self.texts.push(text.into());
            self.numbers.insert(text.into(), number);
            return Some(number);
        }
        // Nobody looks for texts that hardly ever come again.
        self.unknown = self.unknown.saturating_add(1);
        if self.unknown > self.known {
            (self.closed, self.numbers) = (true, HashMap::default());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::column::{CALLS, Column, REGISTRATIONS};
    use crate::report::samples;
    use crate::report::stream::STREAMS;
    use crate::report::transaction::TRANSACTIONS;
    use proptest::prelude::*;

    /// What the columns say, and what they say once packed.
    fn packed<R>(packer: &mut Packer, columns: &[Column<R>], row: &R) -> [Vec<String>; 2] {
        let words = |cell: Cell<'_>| match cell {
            Cell::Said(said) => format!("{:?}", Cell::Text(&said.to_string())),
            Cell::Name(name) => format!("{:?}", Cell::Text(name)),
            Cell::Reasons(reasons) => format!("{:?}", reasons.iter().collect::<Vec<_>>()),
            Cell::Links(links) => format!("{:?}", links.iter().collect::<Vec<_>>()),
            Cell::Timeline(timeline) => format!("{:?}", timeline.moments().collect::<Vec<_>>()),
            cell => format!("{cell:?}"),
        };
        let cells = || columns.iter().map(|column| (column.cell)(row));
        let kept = packer.pack(cells());
        [cells().map(words).collect(), packer.cells(&kept).map(words).collect()]
    }

    #[test]
    fn every_cell_comes_back_as_it_went_in() {
        let mut packers = std::array::from_fn::<_, 4, _>(|_| Packer::default());
        let [calls, registrations, transactions, streams] = &mut packers;
        let told = samples::call_rows().into_iter().map(|row| packed(calls, CALLS, &row));
        let told =
            told.chain(samples::registration_rows().into_iter().map(|row| packed(registrations, REGISTRATIONS, &row)));
        let told =
            told.chain(samples::transaction_rows().into_iter().map(|row| packed(transactions, TRANSACTIONS, &row)));
        let told = told.chain(samples::stream_rows().into_iter().map(|row| packed(streams, STREAMS, &row)));
        for [before, after] in told {
            assert_eq!(before, after);
        }
    }

    #[test]
    fn a_row_that_waits_is_small() {
        let mut packer = Packer::default();
        let rows: Vec<_> =
            samples::call_rows().iter().map(|row| packer.pack(CALLS.iter().map(|of| (of.cell)(row)))).collect();
        assert!(size_of::<Packed>() <= 24, "{} bytes", size_of::<Packed>());
        assert!(rows.iter().map(|row| row.bytes.len()).max() < Some(400));
    }

    #[test]
    fn of_texts_that_differ_few_are_kept_and_soon_none_is_looked_for() {
        let mut glossary = Glossary::default();
        let texts: Vec<String> = (0..300).map(|number| number.to_string()).collect();
        let numbers: Vec<_> = texts.iter().map(|text| glossary.number_of(text)).collect();
        assert_eq!(numbers[..256], (0..256).map(Some).collect::<Vec<_>>());
        assert!(numbers[256..].iter().all(Option::is_none) && glossary.closed && glossary.numbers.is_empty());

        let mut glossary = Glossary::default();
        (0..1_000).for_each(|_| assert_eq!(glossary.number_of("Phone/1.0"), Some(0)));
        assert_eq!(glossary.number_of(&"x".repeat(129)), None, "a stranger's long text");
        (0..900).for_each(|number| _ = glossary.number_of(&number.to_string()));
        assert_eq!(glossary.number_of("Phone/1.0"), Some(0));
    }

    proptest! {
        #[test]
        fn any_row_comes_back(
            texts in prop::collection::vec(any::<String>(), 0..4),
            instants in prop::collection::vec((any::<i64>(), 0_u8..=9), 0..4),
            (seconds, nanos, digits) in (any::<u64>(), 0_u32..1_000_000_000, 0_u8..=9),
            number in any::<u64>(),
            value in -1e9_f64..1e9,
            address in any::<SocketAddr>(),
            steps in prop::collection::vec((any::<i64>(), any::<u16>(), 0_u32..2, any::<u64>()), 0..4),
        ) {
            let steps: crate::track::fact::Steps = steps.into_iter().map(|(at, code, file, frame)| Step {
                at: Timestamp::from_nanos(at), code: Code::new(code), place: Place { file, frame },
            }).collect();
            let sources = samples::sources();
            let cells = || {
                let times = instants.iter().map(|(at, digits)| Cell::Time(Timestamp::from_nanos(*at).rfc3339(*digits)));
                texts.iter().map(|text| Cell::Text(text)).chain(times).chain([
                    Cell::Seconds(Seconds::new(Duration::new(seconds, nanos), digits)),
                    Cell::Integer(number),
                    Cell::Decimal(Decimal { value, digits }),
                    Cell::Address(address),
                    Cell::Timeline(Timeline { sources: &sources, steps: Life::Told(&steps) }),
                ])
            };
            let mut packer = Packer::default();
            let kept = packer.pack(cells());
            let after: Vec<_> = packer.cells(&kept).collect();
            prop_assert_eq!(after.len(), cells().count());
            for (before, after) in cells().zip(after) {
                match (before, after) {
                    (Cell::Timeline(_), Cell::Timeline(after)) => prop_assert_eq!(after.steps().collect::<Vec<_>>(), steps.iter().collect::<Vec<_>>()),
                    (before, after) => prop_assert_eq!(format!("{before:?}"), format!("{after:?}")),
                }
            }
        }

        #[test]
        fn bytes_that_nobody_packed_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let row = Packed { bytes: bytes.into(), object: None };
            for cell in Packer::default().cells(&row) {
                let _ = cell.to_string();
            }
        }
    }
}

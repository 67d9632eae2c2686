//! The pcapng format: sections, interfaces and the three kinds of packet block. Knows one block at a time: it does no
//! I/O and repairs nothing. Everything else that a file may carry is stepped over.

use std::borrow::Cow;
use std::cmp::min;

use byteorder_slice::{BigEndian, ByteOrder, LittleEndian};
use pcap_file::Endianness;
use pcap_file::pcapng::{PcapNgFormatError, RawBlock, RawBlockParseError};

use super::framing::{Found, Frame, Framing, Origin, Plausible, RECORD_LIMIT, SEARCH_LIMIT};
use crate::packet::LinkType;
use crate::time::Timestamp;

/// Block types (draft-ietf-opsawg-pcapng, section 4).
mod block {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE: u32 = 3;
    pub(super) const NAMES: u32 = 4;
    pub(super) const STATISTICS: u32 = 5;
    pub(super) const ENHANCED: u32 = 6;
    pub(super) const JOURNAL: u32 = 9;
    pub(super) const SECRETS: u32 = 10;
    pub(super) const CUSTOM: u32 = 0x0000_0bad;
    pub(super) const CUSTOM_NO_COPY: u32 = 0x4000_0bad;
}

/// Options of an interface description (section 4.2).
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const TSRESOL: u16 = 9;
    pub(super) const TSOFFSET: u16 = 14;
}

/// The secrets type of a TLS key log (section 4.7): `TLSK`.
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Type, length and length again: what every block has around its body.
const FRAME: usize = 12;

/// Interfaces of one section that are told apart; bounds the memory that a file of nothing else can take.
const INTERFACES: usize = 65_536;

/// A packet block rarely has more options than this, in bytes; one that has is looked at twice if its end is missing.
const OPTIONS: usize = 512;

/// A pcapng file being read.
pub(super) struct Pcapng {
    order: Endianness,
    interfaces: Vec<Interface>,
    /// Time of the last packet: a simple packet has none of its own.
    last: Timestamp,
    section: u32,
    /// Whether the current section holds a packet.
    used: bool,
    /// Decimal digits of the time stamps of the interface first used last.
    digits: u8,
    /// The TLS key log of the block read last, if it was one.
    key_log: Option<Vec<u8>>,
}

/// What an interface description says about its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interface {
    link: LinkType,
    /// 0 is no limit.
    snaplen: u32,
    scale: Scale,
    /// Added to each time stamp, in nanoseconds.
    offset: i64,
    /// Whether a packet of it was seen.
    used: bool,
}

/// How ticks become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Multiply(u64),
    Divide(u64),
    /// Ticks of 2^-n s.
    Binary(u8),
}

impl Scale {
    /// if_tsresol: a power of ten, or of two where the highest bit is set.
    fn of(resolution: u8) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            Self::Binary(resolution & 0x7f)
        } else if exponent <= 9 {
            Self::Multiply(10_u64.pow(9 - exponent))
        } else {
            // Beyond 10^-28 s, 64 bits of ticks do not make a nanosecond.
            Self::Divide(10_u64.checked_pow(exponent - 9).unwrap_or(u64::MAX))
        }
    }

    #[inline]
    fn nanos(self, ticks: u64) -> i64 {
        let nanos = match self {
            Self::Multiply(by) => ticks.saturating_mul(by),
            Self::Divide(by) => ticks / by,
            Self::Binary(bits) => u64::try_from((u128::from(ticks) * 1_000_000_000) >> bits).unwrap_or(u64::MAX),
        };
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }

    /// Decimal digits of a second that these ticks can tell.
    fn digits(self) -> u8 {
        let digits = match self {
            Self::Multiply(by) => 9_u32.saturating_sub(by.ilog10()),
            Self::Divide(_) => 9,
            Self::Binary(bits) => (u32::from(bits) * 30_103).div_ceil(100_000),
        };
        digits.min(9) as u8
    }
}

/// The type and the whole length of a block, once enough of it is there.
struct Head {
    kind: u32,
    order: Endianness,
    /// As written; a multiple of four, in sane files.
    len: u32,
}

/// What a packet block says of its packet.
#[derive(Clone, Copy)]
struct Claim {
    /// Number of the interface in its section.
    id: u32,
    /// `None` where the block has no time stamp.
    ticks: Option<u64>,
    captured: u32,
    original: u32,
    /// Where in the body the data begins, and how many bytes are there with padding and options.
    from: u32,
    room: usize,
}

impl Pcapng {
    /// Recognises the first section header; `None` if these bytes are none.
    pub(super) fn open(bytes: &[u8]) -> Option<Self> {
        // The order does not matter here: the type reads the same in both.
        let head = Self::head::<LittleEndian>(bytes).filter(|head| head.kind == block::SECTION)?;
        Some(Self {
            order: head.order,
            interfaces: Vec::new(),
            last: Timestamp::default(),
            section: 0,
            used: false,
            digits: 0,
            key_log: None,
        })
    }

    /// The TLS key log of the block read last, if it carried one.
    pub(super) fn take_key_log(&mut self) -> Option<Vec<u8>> {
        self.key_log.take()
    }

    fn order_of<B: ByteOrder>() -> Endianness {
        if B::read_u16(&[1, 0]) == 1 { Endianness::Little } else { Endianness::Big }
    }

    /// A block's type and length. A section header states its own byte order; one that states none is no block.
    fn head<B: ByteOrder>(bytes: &[u8]) -> Option<Head> {
        let [kind, len, magic] = bytes.first_chunk::<12>()?.as_chunks::<4>().0 else { return None };
        let kind = B::read_u32(kind);
        let (order, len) = match (kind, magic) {
            (block::SECTION, [0x4d, 0x3c, 0x2b, 0x1a]) => (Endianness::Little, u32::from_le_bytes(*len)),
            (block::SECTION, [0x1a, 0x2b, 0x3c, 0x4d]) => (Endianness::Big, u32::from_be_bytes(*len)),
            (block::SECTION, _) => return None,
            _ => (Self::order_of::<B>(), B::read_u32(len)),
        };
        Some(Head { kind, order, len })
    }

    #[inline]
    fn block<B: ByteOrder>(&mut self, bytes: &[u8], frame: &mut Frame) -> Found {
        match RawBlock::from_slice::<B>(bytes) {
            Ok((_, RawBlock { type_, initial_len, body: Cow::Borrowed(body), .. })) => {
                self.content::<B>(type_, body, initial_len as usize, frame)
            }
            Ok(_) => Found::Damaged("a block that cannot be read"),
            Err(error) => self.unframed::<B>(bytes, &error, frame),
        }
    }

    /// A block that is not whole in `bytes`, or not framed as it should be.
    #[cold]
    fn unframed<B: ByteOrder>(&mut self, bytes: &[u8], error: &RawBlockParseError, frame: &mut Frame) -> Found {
        let Some(head) = Self::head::<B>(bytes) else {
            return if bytes.len() < FRAME {
                Found::Short { need: FRAME }
            } else {
                Found::Damaged("a section header without its byte-order magic")
            };
        };
        let len = head.len as usize;
        if !(FRAME..=RECORD_LIMIT).contains(&len) {
            return Found::Damaged("a block length that cannot be");
        }
        match error {
            RawBlockParseError::IncompleteBuffer(..) => Found::Short { need: len },
            // Some writers leave the padding out of the length, and still pad. Wireshark reads those too.
            RawBlockParseError::InvalidFormat(PcapNgFormatError::BlockNotAligned(_)) => {
                let padded = len.next_multiple_of(4);
                let Some(whole) = bytes.get(..padded) else { return Found::Short { need: padded } };
                match whole.split_last_chunk::<4>() {
                    Some((front, trailer)) if B::read_u32(trailer) == head.len && head.kind != block::SECTION => {
                        self.content::<B>(head.kind, front.get(8..).unwrap_or_default(), padded, frame)
                    }
                    _ => Found::Damaged("a block length that cannot be"),
                }
            }
            RawBlockParseError::InvalidFormat(_) => Found::Damaged("a block whose two lengths differ"),
        }
    }

    #[inline]
    fn content<B: ByteOrder>(&mut self, kind: u32, body: &[u8], used: usize, frame: &mut Frame) -> Found {
        if kind != block::ENHANCED {
            return self.rarer::<B>(kind, body, used, frame);
        }
        let Some(([id, high, low, captured, original], data)) = fields::<B, 20, 5>(body) else {
            return Found::Unusable { used, flaw: "enhanced packet block too short" };
        };
        let ticks = u64::from(high) << 32 | u64::from(low);
        self.packet(used, Claim { id, ticks: Some(ticks), captured, original, from: 20, room: data.len() }, frame)
    }

    /// All blocks but the one that files are made of.
    #[cold]
    fn rarer<B: ByteOrder>(&mut self, kind: u32, body: &[u8], used: usize, frame: &mut Frame) -> Found {
        match kind {
            block::SECTION => {
                if let Some(magic) = body.first_chunk::<4>() {
                    self.order = if magic[0] == 0x4d { Endianness::Little } else { Endianness::Big };
                }
                // Interfaces are numbered anew in each section.
                self.interfaces.clear();
                self.section = self.section.saturating_add(u32::from(self.used));
                self.used = false;
                Found::Other { used, numbered: false }
            }
            block::INTERFACE => {
                // A description that cannot be read still takes its number.
                let interface = Interface::read::<B>(body);
                if self.interfaces.len() < INTERFACES {
                    self.interfaces.push(interface);
                }
                Found::Other { used, numbered: false }
            }
            block::SIMPLE => {
                let Some(([original], data)) = fields::<B, 4, 1>(body) else {
                    return Found::Unusable { used, flaw: "simple packet block too short" };
                };
                // Its captured length is not written: what the interface and the block allow.
                let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
                let most = if snaplen == 0 { original } else { min(snaplen, original) };
                let there = u32::try_from(data.len()).unwrap_or(u32::MAX);
                let captured = min(most, there);
                self.packet(used, Claim { id: 0, ticks: None, captured, original, from: 4, room: data.len() }, frame)
            }
            block::PACKET => {
                let Some(([id_and_drops, high, low, captured, original], data)) = fields::<B, 20, 5>(body) else {
                    return Found::Unusable { used, flaw: "packet block too short" };
                };
                let id = match Self::order_of::<B>() {
                    Endianness::Little => id_and_drops & 0xffff,
                    Endianness::Big => id_and_drops >> 16,
                };
                let ticks = u64::from(high) << 32 | u64::from(low);
                self.packet(
                    used,
                    Claim { id, ticks: Some(ticks), captured, original, from: 20, room: data.len() },
                    frame,
                )
            }
            block::SECRETS => {
                if let Some(([TLS_KEY_LOG, len], data)) = fields::<B, 8, 2>(body) {
                    self.key_log = Some(data.get(..len as usize).unwrap_or(data).to_vec());
                }
                Found::Other { used, numbered: false }
            }
            // Wireshark shows these as frames, so the ones behind them count on.
            block::JOURNAL | block::CUSTOM | block::CUSTOM_NO_COPY => Found::Other { used, numbered: true },
            _ => Found::Other { used, numbered: false },
        }
    }

    /// The packet of a block, whichever its type.
    #[inline]
    fn packet(&mut self, used: usize, claim: Claim, frame: &mut Frame) -> Found {
        let Claim { id, ticks, captured, original, from, room } = claim;
        let Some(interface) = self.interfaces.get_mut(id as usize) else {
            return Found::Unusable { used, flaw: "packet of an interface that is not described" };
        };
        let news = !interface.used;
        interface.used = true;
        self.used = true;
        if let Some(ticks) = ticks {
            self.last = Timestamp::from_nanos(interface.scale.nanos(ticks).saturating_add(interface.offset));
        }
        if news {
            self.digits = interface.scale.digits();
        }
        let overrun = captured as usize > room;
        *frame = Frame {
            at: self.last,
            from: 8 + from,
            len: if overrun { room as u32 } else { captured },
            used: used as u32,
            original_len: original.max(captured),
            link: interface.link,
            news,
            overrun,
        };
        Found::Packet
    }

    fn begins<B: ByteOrder>(&self, bytes: &[u8], ended: bool) -> Plausible {
        let unsure = |need| if ended { Plausible::No } else { Plausible::Unsure(need) };
        if bytes.len() < FRAME {
            return unsure(FRAME);
        }
        let Some(head) = Self::head::<B>(bytes) else { return Plausible::No };
        let len = head.len as usize;
        if !len.is_multiple_of(4) || len > SEARCH_LIMIT || len < least(head.kind) {
            return Plausible::No;
        }
        let Some(body) = bytes.get(8..len - 4) else { return unsure(len) };
        let Some(trailer) = bytes.get(len - 4..).and_then(|rest| rest.first_chunk::<4>()) else { return unsure(len) };
        let trailer = match head.order {
            Endianness::Little => u32::from_le_bytes(*trailer),
            Endianness::Big => u32::from_be_bytes(*trailer),
        };
        let sane = trailer == head.len && self.fits::<B>(head.kind, body);
        if sane { Plausible::Yes } else { Plausible::No }
    }

    /// Whether a packet block has room for its packet.
    fn fits<B: ByteOrder>(&self, kind: u32, body: &[u8]) -> bool {
        match kind {
            block::ENHANCED | block::PACKET => {
                fields::<B, 20, 5>(body).is_some_and(|([.., captured, _], data)| captured as usize <= data.len())
            }
            _ => true,
        }
    }

    fn doubtful<B: ByteOrder>(&self, bytes: &[u8]) -> bool {
        let Some(head) = Self::head::<B>(bytes) else { return false };
        let len = head.len as usize;
        let known = least(head.kind) <= len && len <= SEARCH_LIMIT;
        let packet = bytes.get(8..).and_then(|body| fields::<B, 20, 5>(body));
        let fitting = match (head.kind, packet) {
            (block::ENHANCED | block::PACKET, Some(([.., captured, _], _))) => {
                let room = len - min(len, 32);
                (captured as usize..=captured as usize + OPTIONS).contains(&room)
            }
            _ => true,
        };
        !known || !fitting
    }
}

impl Framing for Pcapng {
    #[inline]
    fn decode(&mut self, bytes: &[u8], frame: &mut Frame) -> Found {
        match self.order {
            Endianness::Little => self.block::<LittleEndian>(bytes, frame),
            Endianness::Big => self.block::<BigEndian>(bytes, frame),
        }
    }

    fn origin(&self) -> Origin {
        Origin { section: self.section, digits: self.digits }
    }

    fn plausible(&self, bytes: &[u8], ended: bool) -> Plausible {
        match self.order {
            Endianness::Little => self.begins::<LittleEndian>(bytes, ended),
            Endianness::Big => self.begins::<BigEndian>(bytes, ended),
        }
    }

    fn suspicious(&self, bytes: &[u8]) -> bool {
        match self.order {
            Endianness::Little => self.doubtful::<LittleEndian>(bytes),
            Endianness::Big => self.doubtful::<BigEndian>(bytes),
        }
    }
}

impl Interface {
    fn read<B: ByteOrder>(body: &[u8]) -> Self {
        let mut interface =
            Self { link: LinkType(0), snaplen: 0, scale: Scale::Multiply(1_000), offset: 0, used: false };
        let Some((fixed, mut options)) = body.split_first_chunk::<8>() else { return interface };
        // Link type and two reserved bytes, then the snap length.
        interface.link = LinkType(B::read_u16(&fixed[..2]));
        interface.snaplen = B::read_u32(&fixed[4..]);
        // An option that runs over the end of the block ends the list as its absence would.
        while let Some((head, rest)) = options.split_first_chunk::<4>() {
            let (code, len) = (B::read_u16(&head[..2]), usize::from(B::read_u16(&head[2..])));
            let Some(value) = rest.get(..len) else { break };
            match (code, value) {
                (option::END, _) => break,
                (option::TSRESOL, [resolution, ..]) => interface.scale = Scale::of(*resolution),
                (option::TSOFFSET, value) => {
                    if let Some(seconds) = value.first_chunk::<8>() {
                        interface.offset = (B::read_u64(seconds) as i64).saturating_mul(1_000_000_000);
                    }
                }
                _ => {}
            }
            options = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        interface
    }
}

/// The first `N` fields of four bytes (`L` bytes in all) of a body, and what follows them.
#[inline]
fn fields<B: ByteOrder, const L: usize, const N: usize>(body: &[u8]) -> Option<([u32; N], &[u8])> {
    let (head, rest) = body.split_first_chunk::<L>()?;
    let words: &[[u8; 4]; N] = head.as_chunks::<4>().0.try_into().ok()?;
    Some((words.map(|word| B::read_u32(&word)), rest))
}

/// The smallest length of a block of a known type; more than any length for an unknown one.
const fn least(kind: u32) -> usize {
    match kind {
        block::SECTION => 28,
        block::INTERFACE => 20,
        block::PACKET | block::ENHANCED => 32,
        block::SIMPLE | block::NAMES | block::JOURNAL | block::CUSTOM | block::CUSTOM_NO_COPY => 16,
        block::STATISTICS => 24,
        block::SECRETS => 20,
        _ => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::Order::{Be, Le};
    use super::super::build::{Reading, block, enhanced, interface, option, section};
    use super::*;

    const T: i64 = 1_700_000_000_000_000_000;

    #[test]
    fn reads_sections_of_either_order_with_interfaces_of_their_own() {
        let part = |order, link| {
            [
                section(order),
                interface(order, link, 0, &[]),
                interface(order, 113, 0, &option(order, 9, &[9])),
                enhanced(order, 0, T as u64 / 1_000, 60, &[1, 2, 3]),
                enhanced(order, 1, T as u64 + 7, 5, &[4, 5, 6, 7, 8]),
            ]
            .concat()
        };
        let got = Reading::of_bytes(&[part(Le, 1), part(Be, 101), part(Le, 1)].concat());
        let links: Vec<_> = got.packets.iter().map(|packet| packet.link).collect();
        assert_eq!(links, [1, 113, 101, 113, 1, 113]);
        assert_eq!(got.times(), [T, T + 7, T, T + 7, T, T + 7]);
        assert_eq!(got.data()[..2], [&[1, 2, 3][..], &[4, 5, 6, 7, 8]]);
        let info = &got.infos[0];
        assert_eq!((info.format, info.digits, info.cut_short), ("pcapng", 9, 3));
        assert_eq!(info.link_types, [LinkType(1), LinkType(113), LinkType(101)]);
        assert_eq!(info.sections.iter().map(|section| section.frame).collect::<Vec<_>>(), [1, 3, 5]);
        assert!(got.troubles.is_empty() && got.issues.is_empty(), "{got:?}");
    }

    #[test]
    fn time_stamps_follow_resolution_and_offset() {
        let s = 1_700_000_000_u64;
        type Case<'a> = (&'a str, Option<u8>, Option<i64>, u64, i64, u8);
        let cases: &[Case<'_>] = &[
            ("microseconds unless said", None, None, s * 1_000_000 + 5, T + 5_000, 6),
            ("seconds", Some(0), None, s, T, 0),
            ("milliseconds", Some(3), None, s * 1_000 + 5, T + 5_000_000, 3),
            ("nanoseconds", Some(9), None, s * 1_000_000_000 + 5, T + 5, 9),
            ("picoseconds", Some(12), Some(1_690_000_000), 10_000_000 * 1_000_000_000_000 + 5_999, T + 5, 9),
            ("2^-20 s", Some(0x80 | 20), None, (s << 20) | (1 << 19), T + 500_000_000, 7),
            ("2^-32 s", Some(0x80 | 32), None, (s << 32) | (1 << 31), T + 500_000_000, 9),
            ("2^-127 s", Some(0xff), None, u64::MAX, 0, 9),
            ("10^-127 s", Some(127), None, u64::MAX, 1, 9),
            ("an offset", None, Some(1_600_000_000), 100_000_000_000_000, T, 6),
            ("an offset before the epoch", None, Some(-100), 5_000_000, -95_000_000_000, 6),
            ("more than can be said", Some(0), Some(i64::MAX), u64::MAX, i64::MAX, 0),
            ("less than can be said", Some(0), Some(i64::MIN), 0, i64::MIN + 1, 0),
        ];
        for (name, resolution, offset, ticks, nanos, digits) in cases {
            for order in [Le, Be] {
                let mut options = Vec::new();
                options.extend(resolution.map(|n| option(order, 9, &[n])).unwrap_or_default());
                options.extend(offset.map(|n| option(order, 14, &order.u64(n as u64))).unwrap_or_default());
                let file =
                    [section(order), interface(order, 1, 0, &options), enhanced(order, 0, *ticks, 1, &[1])].concat();
                let got = Reading::of_bytes(&file);
                // 10^-127 s is beyond 64 bits: what is left of the largest tick is one nanosecond, at most.
                assert_eq!((got.times(), got.infos[0].digits), (vec![*nanos], *digits), "{name} {order:?}");
            }
        }
    }

    #[test]
    fn odd_interface_descriptions_are_read() {
        let tsresol = option(Le, 9, &[9]);
        let cases: &[(&str, Vec<u8>, i64)] = &[
            ("a name in Latin-1", [option(Le, 2, b"Schl\xfcssel"), tsresol.clone()].concat(), 7),
            ("no end of options", tsresol.clone(), 7),
            ("an end, then rubbish", [option(Le, 0, &[]), tsresol.clone()].concat(), 7_000),
            ("an option over the end", [tsresol.clone(), Le.u16(3).to_vec(), Le.u16(900).to_vec()].concat(), 7),
            ("an empty resolution", option(Le, 9, &[]), 7_000),
            ("a short offset", [option(Le, 14, &[1, 2]), tsresol].concat(), 7),
        ];
        for (name, options, nanos) in cases {
            let got =
                Reading::of_bytes(&[section(Le), interface(Le, 1, 0, options), enhanced(Le, 0, 7, 1, &[1])].concat());
            assert_eq!((got.times(), got.troubles.len(), got.issues.len()), (vec![*nanos], 0, 0), "{name}");
        }
        // Reserved bytes that are not zero, and a section header with a Latin-1 option and a length.
        let mut odd = interface(Le, 1, 0, &[]);
        odd[10] = 7;
        let head = [&Le.u32(0x1a2b_3c4d)[..], &Le.u16(1), &Le.u16(2), &Le.u64(56), &option(Le, 4, b"gr\xfc\xdfe")];
        let got =
            Reading::of_bytes(&[block(Le, 0x0a0d_0d0a, &head.concat()), odd, enhanced(Le, 0, 7, 1, &[1])].concat());
        assert_eq!((got.times(), got.troubles.len()), (vec![7_000], 0));
    }

    #[test]
    fn every_kind_of_packet_block_is_read_and_other_blocks_are_passed() {
        for order in [Le, Be] {
            let old = [&order.u16(1)[..], &order.u16(3), &order.words(&[0, 9, 2, 2]), &[7, 7]].concat();
            let simple = [&order.words(&[10])[..], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]].concat();
            let other = |kind| block(order, kind, &[0xff; 24]);
            let file = [
                section(order),
                interface(order, 1, 6, &[]),
                interface(order, 12, 0, &option(order, 9, &[9])),
                other(4),
                block(order, 2, &old),
                [other(5), other(10), other(0x77), other(0x8000_0001)].concat(),
                block(order, 3, &simple),
                [other(0xbad), other(0x4000_0bad), other(9)].concat(),
                enhanced(order, 1, 11, 1, &[1]),
            ]
            .concat();
            let got = Reading::of_bytes(&file);
            assert_eq!(got.data(), [&[7, 7][..], &[1, 2, 3, 4, 5, 6], &[1]], "{order:?}");
            // A simple packet has no time: that of the packet before it stands in.
            assert_eq!(got.times(), [9, 9, 11]);
            let links: Vec<_> = got.packets.iter().map(|packet| (packet.link, packet.original)).collect();
            assert_eq!(links, [(12, 2), (1, 10), (12, 1)]);
            // Wireshark numbers custom blocks and journal entries.
            assert_eq!(got.packets.iter().map(|packet| packet.frame).collect::<Vec<_>>(), [1, 2, 6]);
            assert!(got.troubles.is_empty() && got.issues.is_empty(), "{got:?}");
        }
    }

    #[test]
    fn simple_packets_alone_are_at_the_epoch() {
        let simple = [&Le.u32(2)[..], &[1, 2]].concat();
        let got = Reading::of_bytes(&[section(Le), interface(Le, 1, 0, &[]), block(Le, 3, &simple)].concat());
        assert_eq!((got.times(), got.data()), (vec![0], vec![&[1, 2][..]]));
    }

    #[test]
    fn unusable_packet_blocks_are_counted_and_keep_their_number() {
        use crate::issue::Cause::Record;
        let start = [section(Le), interface(Le, 1, 0, &[])].concat();
        let mut long = enhanced(Le, 0, 5, 4, &[1, 2, 3, 4]);
        long[20] = 200;
        let cases: &[(&str, Vec<u8>, &str, usize)] = &[
            ("unknown interface", enhanced(Le, 9, 5, 1, &[1]), "packet of an interface that is not described", 1),
            ("enhanced, too short", block(Le, 6, &[0; 12]), "enhanced packet block too short", 1),
            ("obsolete, too short", block(Le, 2, &[0; 12]), "packet block too short", 1),
            ("simple, too short", block(Le, 3, &[]), "simple packet block too short", 1),
            ("captured length over the block", long, "packet longer than its block", 2),
        ];
        for (name, bad, flaw, packets) in cases {
            let got = Reading::of_bytes(&[&start[..], bad, &enhanced(Le, 0, 6, 1, &[6])].concat());
            assert_eq!(got.issues, [(Record(flaw), 1)], "{name}");
            assert_eq!((got.packets.len(), got.troubles.len()), (*packets, 0), "{name}");
            assert_eq!(got.packets.last().map(|packet| packet.frame), Some(2), "{name}");
        }
        let early = Reading::of_bytes(&[section(Le), enhanced(Le, 0, 5, 1, &[1])].concat());
        assert_eq!((early.packets.len(), early.issues.len()), (0, 1));
    }

    #[test]
    fn a_length_without_its_padding_is_read_as_wireshark_reads_it() {
        let mut bad = enhanced(Le, 0, 5, 1, &[1]);
        let len = bad.len();
        bad[4] -= 3;
        bad[len - 4] -= 3;
        let got =
            Reading::of_bytes(&[section(Le), interface(Le, 1, 0, &[]), bad, enhanced(Le, 0, 6, 1, &[6])].concat());
        assert_eq!((got.data(), got.troubles.len()), (vec![&[1][..], &[6]], 0), "{got:?}");
    }
}

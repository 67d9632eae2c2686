//! The classic pcap format, as libpcap, its nanosecond variant and Kuznetzov's patch write it. Knows one record at a
//! time: it does no I/O and repairs nothing.

use std::cmp::min;

use byteorder_slice::{BigEndian, ByteOrder, LittleEndian};
use pcap_file::Endianness;
use pcap_file::pcap::{PcapHeader, PcapTsResolution};

use super::framing::{Found, Frame, Framing, Origin, Plausible, RECORD_LIMIT, SEARCH_LIMIT};
use crate::packet::LinkType;
use crate::time::Timestamp;

/// Bytes of the file header.
pub(super) const HEADER: usize = 24;

/// The magic numbers of microseconds, nanoseconds and Kuznetzov's variant, in the byte order of the file.
const MAGICS: [u32; 3] = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34];

const MICRO: u32 = 1_000_000;
const NANO: u32 = 1_000_000_000;

/// libpcap's own largest snap length: a record may be so large whatever the header says.
const LARGEST_SNAPLEN: u32 = 262_144;

/// Records further apart than this, in seconds, are not taken for neighbours where there is other cause for doubt.
const NEIGHBOURS: u32 = 86_400;

/// Ways in which a record header can be odd. One alone is tolerated: writers have their habits.
mod odd {
    pub(super) const EMPTY: u8 = 1;
    pub(super) const LONGER_THAN_ORIGINAL: u8 = 2;
    pub(super) const LONGER_THAN_SNAPLEN: u8 = 4;
    pub(super) const FRACTION: u8 = 8;
}

/// A pcap file being read.
pub(super) struct Pcap {
    order: Endianness,
    /// Bytes of a record header: 16, in Kuznetzov's variant 24.
    head: usize,
    /// Units of a record's fraction in a second: 10^6 or 10^9.
    fractions: u32,
    link: LinkType,
    /// The snap length, or what stands for none.
    snaplen: u32,
    /// No record is larger, in bytes.
    cap: u32,
    /// Seconds of the last record read.
    last: Option<u32>,
    /// The oddities that this file's records were seen to have.
    habits: u8,
    section: u32,
}

/// The fixed part of a record.
#[derive(Clone, Copy)]
struct Head {
    seconds: u32,
    fraction: u32,
    included: u32,
    original: u32,
}

impl Head {
    #[inline(always)] // As `record`.
    fn read<B: ByteOrder>(bytes: &[u8]) -> Option<Self> {
        let [seconds, fraction, included, original] = bytes.first_chunk::<16>()?.as_chunks::<4>().0 else {
            return None;
        };
        Some(Self {
            seconds: B::read_u32(seconds),
            fraction: B::read_u32(fraction),
            included: B::read_u32(included),
            original: B::read_u32(original),
        })
    }
}

impl Pcap {
    /// Reads the file header; `None` if these bytes are none.
    pub(super) fn open(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        let mut standard = *header;
        // Kuznetzov's magic, which the framing library does not know, differs from the usual one in a single byte.
        let patched = match header {
            [0xa1, 0xb2, 0xcd, 0x34, ..] => {
                standard[..4].copy_from_slice(&[0xa1, 0xb2, 0xc3, 0xd4]);
                true
            }
            [0x34, 0xcd, 0xb2, 0xa1, ..] => {
                standard[..4].copy_from_slice(&[0xd4, 0xc3, 0xb2, 0xa1]);
                true
            }
            _ => false,
        };
        let (_, header) = PcapHeader::from_slice(&standard).ok()?;
        let limit = u32::try_from(RECORD_LIMIT).unwrap_or(u32::MAX);
        let cap = header.snaplen.clamp(LARGEST_SNAPLEN, limit);
        Some(Self {
            order: header.endianness,
            head: if patched { 24 } else { 16 },
            fractions: if header.ts_resolution == PcapTsResolution::NanoSecond { NANO } else { MICRO },
            // The upper half says how long a frame check sequence is.
            link: LinkType((u32::from(header.datalink) & 0xffff) as u16),
            snaplen: if header.snaplen == 0 { cap } else { min(header.snaplen, cap) },
            cap,
            last: None,
            habits: 0,
            section: 0,
        })
    }

    #[inline(always)] // Runs once per packet, and there are two byte orders.
    fn record<B: ByteOrder>(&mut self, bytes: &[u8], frame: &mut Frame) -> Found {
        let head = match Head::read::<B>(bytes) {
            Some(head) if bytes.len() >= self.head.saturating_add(head.included as usize) => head,
            _ => return self.unframed::<B>(bytes),
        };
        let news = self.last.is_none();
        // One comparison lets the sane majority pass: 1 <= included <= original, snaplen.
        let sane = head.included.wrapping_sub(1) < min(head.original, self.snaplen) && head.fraction < self.fractions;
        if (news || !sane)
            && let Some(other) = self.doubt(head, bytes)
        {
            return other;
        }
        self.last = Some(head.seconds);
        let unit = if self.fractions == NANO { 1 } else { 1_000 };
        // A fraction of a second or more carries: the largest of both stays far below the end of i64.
        let nanos = i64::from(head.seconds) * 1_000_000_000 + i64::from(head.fraction) * unit;
        let from = self.head as u32;
        *frame = Frame {
            at: Timestamp::from_nanos(nanos),
            from,
            len: head.included,
            used: from + head.included,
            original_len: head.original.max(head.included),
            link: self.link,
            news,
            overrun: false,
        };
        Found::Packet
    }

    /// A record that is not whole in `bytes`.
    #[cold]
    fn unframed<B: ByteOrder>(&mut self, bytes: &[u8]) -> Found {
        match Head::read::<B>(bytes) {
            None => Found::Short { need: self.head },
            Some(head) => self.doubt(head, bytes).unwrap_or(Found::Short { need: self.head + head.included as usize }),
        }
    }

    /// Takes a second look at a record header; what else it is, if it is not one.
    #[cold]
    fn doubt(&mut self, head: Head, bytes: &[u8]) -> Option<Found> {
        if self.joins(bytes) {
            let Some(next) = Self::open(bytes) else { return Some(Found::Short { need: HEADER }) };
            let section = self.section.saturating_add(u32::from(self.last.is_some()));
            *self = Self { section, ..next };
            return Some(Found::Other { used: HEADER, numbered: false });
        }
        if bytes.starts_with(&[0; 16]) {
            return Some(Found::Damaged("a record header of zeros"));
        }
        if head.included > self.cap {
            return Some(Found::Damaged("a record length that cannot be"));
        }
        if self.last.is_none() && self.fractions == MICRO && (2 * MICRO..NANO).contains(&head.fraction) {
            // Some writers put nanoseconds under the magic of microseconds; no carry explains two seconds.
            self.fractions = NANO;
        }
        let oddities = self.oddities(head);
        let strange = oddities & !self.habits != 0;
        if strange && self.last.is_some_and(|last| last.abs_diff(head.seconds) > NEIGHBOURS) {
            return Some(Found::Damaged("a record header that makes no sense"));
        }
        self.habits |= oddities;
        None
    }

    /// Whether another file was appended here with its header, as `cat *.pcap` does.
    fn joins(&self, bytes: &[u8]) -> bool {
        let Some([magic @ .., v0, v1, v2, v3, 0, 0, 0, 0, 0, 0, 0, 0]) = bytes.first_chunk::<16>() else {
            return false;
        };
        // Time zone and accuracy, always zero, stand where a record has its lengths.
        [*v0, *v1, *v2, *v3] == self.order_of([2, 0, 4, 0], [0, 2, 0, 4])
            && MAGICS.iter().any(|big| *magic == self.order_of(big.swap_bytes().to_be_bytes(), big.to_be_bytes()))
    }

    fn order_of<T>(&self, little: T, big: T) -> T {
        match self.order {
            Endianness::Little => little,
            Endianness::Big => big,
        }
    }

    fn oddities(&self, head: Head) -> u8 {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        flag(head.included == 0, odd::EMPTY)
            | flag(head.included > head.original, odd::LONGER_THAN_ORIGINAL)
            | flag(head.included > self.snaplen, odd::LONGER_THAN_SNAPLEN)
            | flag(head.fraction >= self.fractions, odd::FRACTION)
    }

    /// Whether this looks like a record near `time`, as this file's records look.
    fn sane(&self, head: Head, time: Option<u32>) -> bool {
        time.is_none_or(|time| time.abs_diff(head.seconds) <= NEIGHBOURS)
            && head.included <= self.cap
            && head.original as usize <= RECORD_LIMIT
            && self.oddities(head) & !self.habits == 0
    }

    fn begins<B: ByteOrder>(&self, bytes: &[u8], ended: bool) -> Plausible {
        let unsure = |need| if ended { Plausible::No } else { Plausible::Unsure(need) };
        let Some(head) = Head::read::<B>(bytes) else { return unsure(self.head) };
        if self.joins(bytes) {
            return Plausible::Yes;
        }
        let end = self.head + head.included as usize;
        if head.included == 0 || !self.sane(head, self.last) || end > SEARCH_LIMIT {
            return Plausible::No;
        }
        // One header may look right by chance; the one that follows it hardly does too.
        match bytes.get(end..) {
            None => unsure(end + self.head),
            Some(rest) => match Head::read::<B>(rest) {
                Some(next) if self.sane(next, Some(head.seconds)) => Plausible::Yes,
                Some(_) => Plausible::No,
                None if ended => Plausible::Yes,
                None => Plausible::Unsure(end + self.head),
            },
        }
    }

    fn doubtful<B: ByteOrder>(&self, bytes: &[u8]) -> bool {
        Head::read::<B>(bytes).is_some_and(|head| head.included > 65_535 || !self.sane(head, self.last))
    }
}

impl Framing for Pcap {
    #[inline(always)] // As `record`: a frame that goes through memory costs more than what is read into it.
    fn decode(&mut self, bytes: &[u8], frame: &mut Frame) -> Found {
        match self.order {
            Endianness::Little => self.record::<LittleEndian>(bytes, frame),
            Endianness::Big => self.record::<BigEndian>(bytes, frame),
        }
    }

    fn origin(&self) -> Origin {
        Origin { section: self.section, digits: if self.fractions == NANO { 9 } else { 6 } }
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

#[cfg(test)]
mod tests {
    use super::super::build::Order::{Be, Le};
    use super::super::build::{Reading, pcap, record};
    use super::*;

    const T: i64 = 1_700_000_000_000_000_000;

    #[test]
    fn reads_every_magic_in_both_byte_orders() {
        let cases = [
            ("microseconds", 0xa1b2_c3d4, 0, T + 5_678_000, 6),
            ("nanoseconds", 0xa1b2_3c4d, 0, T + 5_678, 9),
            ("Kuznetzov's", 0xa1b2_cd34, 8, T + 5_678_000, 6),
        ];
        for (name, magic, more, nanos, digits) in cases {
            for order in [Le, Be] {
                let mut bytes = pcap(order, magic, 65_535, 113);
                for n in 0..3 {
                    let data = [vec![0xee; more], vec![n; 7]].concat();
                    bytes.extend(record(order, [1_700_000_000, 5_678, 7, 9], &data));
                }
                let got = Reading::of_bytes(&bytes);
                assert_eq!(got.data(), [[0; 7], [1; 7], [2; 7]], "{name} {order:?}");
                assert_eq!(got.times(), [nanos; 3], "{name} {order:?}");
                let last = &got.packets[2];
                assert_eq!((last.frame, last.link, last.original), (3, 113, 9), "{name} {order:?}");
                let info = &got.infos[0];
                assert_eq!((info.format, info.digits, info.packets, info.bytes), ("pcap", digits, 3, 21), "{name}");
                assert_eq!((info.cut_short, &info.link_types[..]), (3, &[LinkType(113)][..]), "{name}");
                assert!(got.troubles.is_empty() && got.issues.is_empty(), "{name}: {got:?}");
            }
        }
    }

    #[test]
    fn tolerates_what_writers_do() {
        let t = 1_700_000_000;
        let carried = T + 1_000_003_000;
        type Case<'a> = (&'a str, u32, u32, [u32; 4], i64, u32);
        let cases: &[Case<'_>] = &[
            ("no snap length", 0, 1, [t, 0, 7, 7], T, 7),
            ("longer than the snap length", 4, 1, [t, 0, 7, 7], T, 7),
            ("longer than on the wire", 65_535, 1, [t, 0, 7, 3], T, 7),
            ("a second of microseconds", 65_535, 1, [t, 1_000_003, 7, 7], carried, 7),
            ("nanoseconds under the wrong magic", 65_535, 1, [t, 700_000_003, 7, 7], T + 700_000_003, 7),
            ("frame check sequence bits", 65_535, 0x1400_0001, [t, 0, 7, 7], T, 7),
            ("after 2038", 65_535, 1, [u32::MAX, 0, 7, 7], 4_294_967_295_000_000_000, 7),
        ];
        for (name, snaplen, link, head, nanos, original) in cases {
            let mut bytes = pcap(Le, 0xa1b2_c3d4, *snaplen, *link);
            (0..3).for_each(|n| bytes.extend(record(Le, *head, &[n; 7])));
            let got = Reading::of_bytes(&bytes);
            assert_eq!(got.data(), [[0; 7], [1; 7], [2; 7]], "{name}");
            assert_eq!(got.times(), [*nanos; 3], "{name}");
            assert_eq!((got.packets[0].link, got.packets[0].original), (1, *original), "{name}");
            assert!(got.troubles.is_empty() && got.issues.is_empty(), "{name}: {got:?}");
        }
    }

    #[test]
    fn an_odd_habit_is_no_damage_even_after_a_pause_of_days() {
        let mut bytes = pcap(Le, 0xa1b2_c3d4, 4, 1);
        for day in 0..5 {
            bytes.extend(record(Le, [1_700_000_000 + day * 3 * 86_400, 0, 7, 3], &[day as u8; 7]));
        }
        let got = Reading::of_bytes(&bytes);
        assert_eq!((got.packets.len(), got.troubles.len()), (5, 0), "{got:?}");
    }

    #[test]
    fn an_empty_packet_and_an_empty_file_are_fine() {
        let mut bytes = pcap(Be, 0xa1b2_c3d4, 65_535, 1);
        let got = Reading::of_bytes(&bytes);
        assert!(got.packets.is_empty() && got.troubles.is_empty() && got.infos[0].format == "pcap");
        bytes.extend(record(Be, [1_700_000_000, 0, 0, 60], &[]));
        bytes.extend(record(Be, [1_700_000_001, 0, 2, 60], &[1, 2]));
        let got = Reading::of_bytes(&bytes);
        assert_eq!((got.data(), got.troubles.len()), (vec![&[][..], &[1, 2]], 0));
    }

    #[test]
    fn files_joined_with_their_headers_go_on() {
        let one = |order, t, link| {
            [pcap(order, 0xa1b2_c3d4, 65_535, link), record(order, [t, 0, 2, 2], &[t as u8; 2])].concat()
        };
        let bytes = [one(Le, 1_700_000_000, 1), one(Le, 1_600_000_000, 113), pcap(Le, 0xa1b2_c3d4, 0, 1)].concat();
        for pieces in [vec![usize::MAX], vec![1], vec![24 + 18 + 20, 1]] {
            let got = Reading::in_pieces(&bytes, pieces);
            let links: Vec<_> = got.packets.iter().map(|packet| (packet.frame, packet.link)).collect();
            assert_eq!((links, got.troubles.len()), (vec![(1, 1), (2, 113)], 0), "{got:?}");
            assert_eq!(got.infos[0].sections.iter().map(|section| section.frame).collect::<Vec<_>>(), [1, 2]);
        }
    }

    #[test]
    fn a_record_of_up_to_the_snap_length_or_libpcaps_own_is_read() {
        for (snaplen, len) in [(65_535, 262_144), (1_000_000, 1_000_000), (u32::MAX, 16 * 1024 * 1024)] {
            let mut bytes = pcap(Le, 0xa1b2_c3d4, snaplen, 1);
            bytes.extend(record(Le, [1_700_000_000, 0, len, len], &vec![7; len as usize]));
            bytes.extend(record(Le, [1_700_000_000, 0, 1, 1], &[8]));
            for pieces in [vec![usize::MAX], vec![60_000, 1]] {
                let got = Reading::in_pieces(&bytes, pieces);
                let lens: Vec<_> = got.packets.iter().map(|packet| packet.data.len() as u32).collect();
                assert_eq!((lens, got.troubles.len()), (vec![len, 1], 0), "{snaplen}");
            }
        }
    }

    #[test]
    fn link_types_keep_their_number() {
        for link in 0..=u16::MAX {
            let file = Pcap::open(&pcap(Le, 0xa1b2_c3d4, 0, u32::from(link)));
            assert_eq!(file.map(|file| file.link), Some(LinkType(link)));
        }
    }
}

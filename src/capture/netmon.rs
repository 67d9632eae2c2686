//! Microsoft Network Monitor's capture files, versions 1 and 2: records one after another behind a header that says where
//! the tables lie. Knows one record at a time: it does no I/O, and looks for nothing behind damage.

use super::framing::{Found, Frame, Framing, Origin, Plausible, RECORD_LIMIT};
use crate::packet::LinkType;
use crate::time::Timestamp;

/// Bytes of the file header.
pub(super) const HEADER: usize = 128;

/// A private link type of the registry, for media that have no number there.
const NAMELESS: LinkType = LinkType(147);

/// From 1601, where Windows counts time from, to 1970, in units of 100 ns.
const FILETIME_OF_1970: i64 = 116_444_736_000_000_000;

/// A Network Monitor file being read.
#[derive(Debug)]
pub(super) struct Netmon {
    layout: Layout,
    /// When the capture began. The clock on the wall where it was made: which zone that was in, nobody says.
    start: Timestamp,
    link: LinkType,
    /// Where in the file the next byte stands.
    at: u64,
    /// Frames that are still to come, as the frame table counts them.
    left: u64,
    /// What is no frame: where it begins, and how many bytes it has.
    tables: [(u64, u64); 5],
    /// Where the list of processes begins, whose length nobody says.
    processes: u64,
    read: bool,
}

/// What records are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Milliseconds and lengths of 16 bits.
    V1,
    /// Microseconds and lengths of 32 bits; behind the data so many bytes: the medium, a process, and the time in UTC.
    V2(usize),
}

/// What Network Monitor writes about itself among the frames; Wireshark does not number these.
const OWN_RECORDS: std::ops::RangeInclusive<u16> = 0xfffb..=0xffff;

impl Netmon {
    /// Reads the file header; `None` if these bytes are none.
    pub(super) fn open(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        let short = |at: usize| header.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes));
        let long = |at: usize| header.get(at..)?.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
        let layout = match header {
            [b'R', b'T', b'S', b'S', _, 1, ..] => Layout::V1,
            [b'G', b'M', b'B', b'U', minor, 2, ..] => Layout::V2(match minor {
                0 => 0,
                1 => 2,
                2 => 6,
                _ => 15,
            }),
            _ => return None,
        };
        let [year, month, _, day, hour, minute, second, millis] = {
            let mut fields = [0; 8];
            for (n, field) in fields.iter_mut().enumerate() {
                *field = short(8 + 2 * n)?;
            }
            fields
        };
        let start = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
        let mut tables = [(0, 0); 5];
        for (n, table) in tables.iter_mut().enumerate() {
            *table = (long(24 + 8 * n)?, long(28 + 8 * n)?);
        }
        let frames = tables.first().map_or(0, |(_, len)| len / 4);
        Some(Self {
            layout,
            start: Timestamp::parse(&start).unwrap_or_default(),
            link: medium(short(6)?),
            at: HEADER as u64,
            // The table is written last.
            left: if frames == 0 { u64::MAX } else { frames },
            tables,
            processes: long(72)?,
            read: false,
        })
    }

    /// The bytes behind here up to the next one that is no frame's.
    fn room(&self) -> u64 {
        let begins = self.tables.iter().filter(|(_, len)| *len > 0).map(|(at, _)| *at).chain([self.processes]);
        begins.filter(|at| *at > self.at).map(|at| at - self.at).min().unwrap_or(u64::MAX)
    }

    /// A record, if there is one.
    fn record(&mut self, bytes: &[u8], frame: &mut Frame) -> Found {
        let Some(head) = Head::read(self.layout, bytes) else {
            return Found::Short { need: Head::len(self.layout) };
        };
        let from = Head::len(self.layout);
        let behind = if let Layout::V2(len) = self.layout { len } else { 0 };
        let used = from + head.included as usize + behind;
        if used > RECORD_LIMIT {
            return Found::Damaged("a record longer than 16 MiB");
        }
        if used as u64 > self.room() {
            return Found::Damaged("a record that reaches into the tables behind it");
        }
        let Some(record) = bytes.get(..used) else { return Found::Short { need: used } };
        let (data, trailer) = record.split_at_checked(used - behind).unwrap_or((record, &[]));
        let number = trailer.first_chunk().map(|number| u16::from_le_bytes(*number));
        let utc = trailer.get(6..).and_then(<[u8]>::first_chunk::<8>).map(|time| i64::from_le_bytes(*time));
        self.at += used as u64;
        self.left -= 1;
        if number.is_some_and(|number| OWN_RECORDS.contains(&number)) {
            return Found::Other { used, numbered: false };
        }
        let mut link = number.map_or(self.link, medium);
        let mut skip = 0;
        if link == LinkType::IEEE802_11
            && number.is_none_or(|number| number == WIFI)
            && let Some([_, low, high, ..]) = data.get(from..)
        {
            // A header of Network Monitor's own: version, length, and how it was received.
            skip = usize::from(u16::from_le_bytes([*low, *high])).min(head.included as usize);
            if skip == 0 {
                link = NAMELESS;
            }
        }
        let nanos = match utc.filter(|time| *time > 0) {
            Some(time) => time.saturating_sub(FILETIME_OF_1970).saturating_mul(100),
            None => self.start.nanos().saturating_add(head.later),
        };
        let cut = u32::try_from(skip).unwrap_or_default();
        *frame = Frame {
            at: Timestamp::from_nanos(nanos),
            from: (from + skip) as u32,
            len: head.included - cut,
            used: used as u32,
            original_len: head.original.max(head.included) - cut,
            link,
            news: !std::mem::replace(&mut self.read, true),
            overrun: false,
        };
        Found::Packet
    }
}

/// The fixed part of a record.
struct Head {
    /// Nanoseconds since the start.
    later: i64,
    original: u32,
    included: u32,
}

impl Head {
    const fn len(layout: Layout) -> usize {
        match layout {
            Layout::V1 => 8,
            Layout::V2(_) => 16,
        }
    }

    fn read(layout: Layout, bytes: &[u8]) -> Option<Self> {
        match layout {
            Layout::V1 => {
                let [a, b, c, d, e, f, g, h] = *bytes.first_chunk::<8>()?;
                Some(Self {
                    later: i64::from(u32::from_le_bytes([a, b, c, d])) * 1_000_000,
                    original: u16::from_le_bytes([e, f]).into(),
                    included: u16::from_le_bytes([g, h]).into(),
                })
            }
            Layout::V2(_) => {
                let (time, lengths) = bytes.first_chunk::<16>()?.split_first_chunk::<8>()?;
                let [a, b, c, d, e, f, g, h] = *lengths.first_chunk::<8>()?;
                Some(Self {
                    // Time may step back: ten times the number, wrapped, is a signed one.
                    later: (u64::from_le_bytes(*time).wrapping_mul(10).cast_signed()).saturating_mul(100),
                    original: u32::from_le_bytes([a, b, c, d]),
                    included: u32::from_le_bytes([e, f, g, h]),
                })
            }
        }
    }
}

/// 802.11, behind a header of Network Monitor's own.
const WIFI: u16 = 6;

/// The link type of a medium, by the number that Windows (or, from 0xe000 on, libpcap) gives it.
const fn medium(number: u16) -> LinkType {
    match number {
        0 | 1 => LinkType::ETHERNET,
        // Token Ring and FDDI.
        2 => LinkType(6),
        3 => LinkType(10),
        WIFI => LinkType::IEEE802_11,
        // Tunnels, wireless wide area networks, and IP as such.
        7..=9 => LinkType::RAW,
        0xe000..=0xefff => LinkType(number & 0x0fff),
        _ => NAMELESS,
    }
}

impl Framing for Netmon {
    fn decode(&mut self, bytes: &[u8], frame: &mut Frame) -> Found {
        let table = self.tables.iter().find(|(at, len)| *len > 0 && (*at..*at + len).contains(&self.at));
        let table = table.map(|(at, len)| at + len - self.at);
        let over = if self.left == 0 { Some(u64::MAX) } else { table };
        if let Some(over) = over {
            let used = usize::try_from(over).unwrap_or(usize::MAX).min(bytes.len());
            self.at += used as u64;
            return if used == 0 { Found::Short { need: 1 } } else { Found::Other { used, numbered: false } };
        }
        if self.at == self.processes {
            return Found::Damaged("frames behind the list of processes");
        }
        self.record(bytes, frame)
    }

    fn origin(&self) -> Origin {
        let digits = match self.layout {
            Layout::V1 => 3,
            Layout::V2(..15) => 6,
            Layout::V2(_) => 7,
        };
        Origin { section: 0, digits }
    }

    // Nothing in a record tells it from other bytes.
    fn plausible(&self, _: &[u8], _: bool) -> Plausible {
        Plausible::No
    }

    fn suspicious(&self, _: &[u8]) -> bool {
        false
    }

    fn owes(&self) -> bool {
        (1..=u64::from(u32::MAX)).contains(&self.left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::build::{Got, Reading};
    use super::*;
    use crate::capture::TroubleKind;

    /// A record: milliseconds since the start, the medium where it is said, the data, and how many bytes of it were cut.
    type Record<'a> = (i64, Option<u16>, &'a [u8], u32);

    /// 2005-07-17T15:39:20.502, as a Sunday.
    const START: [u16; 8] = [2005, 7, 0, 17, 15, 39, 20, 502];
    const NANOS: i64 = 1_121_614_760_502_000_000;

    /// A file: major and minor version, the medium, and what comes first: an unknown table, if so many bytes are given.
    fn made(version: [u8; 2], medium: u16, table: usize, records: &[Record<'_>]) -> Vec<u8> {
        let mut frames = Vec::new();
        let (mut offsets, begin) = (Vec::new(), HEADER + table);
        for &(millis, number, data, cut) in records {
            offsets.extend(((begin + frames.len()) as u32).to_le_bytes());
            let (len, whole) = (data.len() as u32, data.len() as u32 + cut);
            if version[0] == 1 {
                frames.extend((millis as u32).to_le_bytes());
                frames.extend([(whole as u16).to_le_bytes(), (len as u16).to_le_bytes()].concat());
            } else {
                // Ten times of it, wrapped, is what it means: negative ones, too.
                let micros = (millis * 1000) as u64 & (u64::MAX >> 1);
                frames.extend(if millis < 0 { negative(millis) } else { micros }.to_le_bytes());
                frames.extend([whole.to_le_bytes(), len.to_le_bytes()].concat());
            }
            frames.extend_from_slice(data);
            if version[0] == 2 && version[1] > 0 {
                frames.extend(number.unwrap_or(medium).to_le_bytes());
            }
            if version[0] == 2 && version[1] > 1 {
                frames.extend([7; 4]);
            }
            if version[0] == 2 && version[1] > 2 {
                // Half an hour off the clock on the wall.
                let filetime = (NANOS / 100 + FILETIME_OF_1970) + millis * 10_000 - 18_000_000_000;
                frames.extend(filetime.to_le_bytes());
                frames.push(1);
            }
        }
        let magic = if version[0] == 1 { b"RTSS" } else { b"GMBU" };
        let mut out = [&magic[..], &[version[1], version[0]], &medium.to_le_bytes()].concat();
        START.iter().for_each(|field| out.extend(field.to_le_bytes()));
        for number in [begin + frames.len(), offsets.len(), HEADER, table] {
            out.extend((number as u32).to_le_bytes());
        }
        out.resize(begin, 0);
        [out, frames, offsets, b"comments and such".to_vec()].concat()
    }

    /// The number of microseconds that means so many milliseconds before the start.
    fn negative(millis: i64) -> u64 {
        // Ten times it is 2^64 less something: the inverse of ten is not there, but that of five is.
        let ticks = (millis * 10_000).cast_unsigned();
        (ticks / 2).wrapping_mul(0xcccc_cccc_cccc_cccd)
    }

    fn got(frame: u64, millis: i64, link: u16, data: &[u8], cut: u32) -> Got {
        let (nanos, original) = (NANOS + millis * 1_000_000, data.len() as u32 + cut);
        Got { file: 0, frame, nanos, link, original, data: data.to_vec() }
    }

    #[test]
    fn each_version_is_read() {
        let (a, b): (&[u8], &[u8]) = (&[1; 60], &[2; 300]);
        let records: &[Record<'_>] = &[(0, None, a, 0), (1500, None, b, 7), (1400, None, b"", 0)];
        for (version, digits, off) in
            [([1, 1], 3, 0), ([2, 0], 6, 0), ([2, 1], 6, 0), ([2, 2], 6, 0), ([2, 3], 7, -1_800_000)]
        {
            for table in [0, 50] {
                let bytes = made(version, 1, table, records);
                for pieces in [vec![usize::MAX], vec![1], vec![130, 3]] {
                    let reading = Reading::in_pieces(&bytes, pieces);
                    let expected = [got(1, off, 1, a, 0), got(2, off + 1500, 1, b, 7), got(3, off + 1400, 1, b"", 0)];
                    assert_eq!(reading.packets, expected, "{version:?}");
                    assert_eq!((reading.troubles.len(), reading.issues.len()), (0, 0), "{version:?}");
                    let info = &reading.infos[0];
                    assert_eq!((info.format, info.digits, info.cut_short), ("netmon", digits, 1), "{version:?}");
                }
            }
        }
    }

    #[test]
    fn records_name_their_medium() {
        let wifi = [&[2, 32, 0][..], &[0; 29], &[8; 40]].concat();
        // (medium, data, link type and data that come of it)
        type Case<'a> = (Option<u16>, &'a [u8], Option<(u16, &'a [u8])>);
        let cases: &[Case<'_>] = &[
            (None, &[5; 9], Some((1, &[5; 9]))),
            (Some(0), &[5; 9], Some((1, &[5; 9]))),
            (Some(9), &[5; 9], Some((101, &[5; 9]))),
            (Some(0xe071), &[5; 9], Some((113, &[5; 9]))),
            (Some(6), &wifi, Some((105, &[8; 40]))),
            (Some(0xe069), &wifi, Some((105, &wifi))),
            (Some(11), &[5; 9], Some((147, &[5; 9]))),
            // Filters and the like are none of the frames.
            (Some(0xffff), &[5; 9], None),
        ];
        for (number, data, expected) in cases {
            let bytes = made([2, 1], 1, 0, &[(0, *number, data, 0), (1, None, &[6; 9], 0)]);
            let reading = Reading::of_bytes(&bytes);
            let mut packets: Vec<Got> = expected.iter().map(|(link, data)| got(1, 0, *link, data, 0)).collect();
            packets.push(got(packets.len() as u64 + 1, 1, 1, &[6; 9], 0));
            assert_eq!(reading.packets, packets, "{number:?}");
        }
    }

    #[test]
    fn time_may_step_back() {
        let reading = Reading::of_bytes(&made([2, 0], 1, 0, &[(0, None, &[1; 9], 0), (-20, None, &[1; 9], 0)]));
        assert_eq!(reading.times(), [NANOS, NANOS - 20_000_000]);
    }

    #[test]
    fn what_is_damaged_is_told() {
        use TroubleKind::{CutShort, Damaged};
        let whole = made([2, 0], 1, 0, &[(0, None, &[1; 60], 0), (1, None, &[2; 60], 0)]);
        let with = |at: usize, value: u32| {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            bytes
        };
        let second = HEADER + 76;
        let cases: &[(&str, Vec<u8>, usize, &[TroubleKind])] = &[
            ("whole", whole.clone(), 2, &[]),
            ("cut in a record", whole[..second + 30].to_vec(), 1, &[CutShort]),
            ("cut between records", whole[..second].to_vec(), 1, &[CutShort]),
            ("cut behind the last one", whole[..second + 76].to_vec(), 2, &[]),
            ("no frame table, as where nobody ended it", with(28, 0)[..second + 76].to_vec(), 2, &[]),
            ("a length of gigabytes", with(second + 12, u32::MAX), 1, &[Damaged]),
            ("a length into the table", with(second + 12, 70), 1, &[Damaged]),
        ];
        for (name, bytes, packets, troubles) in cases {
            let reading = Reading::of_bytes(bytes);
            assert_eq!((reading.packets.len(), reading.kinds()), (*packets, troubles.to_vec()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_surprise_it(
            version in 0u8..4,
            tables in proptest::collection::vec(prop_oneof![0u32..2000, any::<u32>()], 14),
            bytes in proptest::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..900),
        ) {
            let mut file = if version == 0 { b"RTSS\x01\x01\x01\0".to_vec() } else { vec![b'G', b'M', b'B', b'U', version, 2, 6, 0] };
            START.iter().for_each(|field| file.extend(field.to_le_bytes()));
            tables.iter().for_each(|number| file.extend(number.to_le_bytes()));
            file.resize(HEADER, 0);
            file.extend(&bytes);
            let reading = Reading::of_bytes(&file);
            prop_assert!(reading.packets.iter().map(|packet| packet.data.len()).sum::<usize>() <= bytes.len());
            prop_assert_eq!(Reading::in_pieces(&file, vec![1]).packets, reading.packets);
        }
    }
}

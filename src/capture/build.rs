//! Builds captures byte by byte for tests, and feeds them in pieces. Knows the formats independently of the readers.

use std::io::{self, Read};

use super::{CaptureInfo, Captures, Taker, Trouble, TroubleKind};
use crate::issue::{Cause, Issues};
use crate::packet::Packet;

/// Byte order of what is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Le,
    Be,
}

impl Order {
    pub(crate) fn u16(self, n: u16) -> [u8; 2] {
        if self == Self::Le { n.to_le_bytes() } else { n.to_be_bytes() }
    }

    pub(crate) fn u32(self, n: u32) -> [u8; 4] {
        if self == Self::Le { n.to_le_bytes() } else { n.to_be_bytes() }
    }

    pub(crate) fn u64(self, n: u64) -> [u8; 8] {
        if self == Self::Le { n.to_le_bytes() } else { n.to_be_bytes() }
    }

    pub(crate) fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

/// A pcap file header.
pub(crate) fn pcap(order: Order, magic: u32, snaplen: u32, link: u32) -> Vec<u8> {
    let mut bytes = order.u32(magic).to_vec();
    bytes.extend([order.u16(2), order.u16(4)].concat());
    bytes.extend(order.words(&[0, 0, snaplen, link]));
    bytes
}

/// A pcap record, with its lengths as said and not as they are.
pub(crate) fn record(order: Order, [seconds, fraction, included, original]: [u32; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = order.words(&[seconds, fraction, included, original]);
    bytes.extend_from_slice(data);
    bytes
}

/// A pcapng block around `body`, padded.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = body.len() as u32 + 12;
    [order.words(&[kind, len]), body, order.words(&[len])].concat()
}

/// A section header block without options, of unknown length.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let body = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &order.u64(u64::MAX)].concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// An option, padded.
pub(crate) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [&order.u16(code)[..], &order.u16(value.len() as u16), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An interface description block.
pub(crate) fn interface(order: Order, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
    block(order, 1, &[&order.u16(link)[..], &[0, 0], &order.u32(snaplen), options].concat())
}

/// An enhanced packet block.
pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, original: u32, data: &[u8]) -> Vec<u8> {
    let mut body = order.words(&[interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, original]);
    body.extend_from_slice(data);
    block(order, 6, &body)
}

/// A stream that gives its bytes in pieces of these sizes, over and over.
pub(crate) struct Dribble {
    bytes: Vec<u8>,
    at: usize,
    pieces: Vec<usize>,
    turn: usize,
}

impl Dribble {
    pub(crate) fn new(bytes: Vec<u8>, pieces: Vec<usize>) -> Self {
        Self { bytes, at: 0, pieces, turn: 0 }
    }
}

impl Read for Dribble {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let piece = self.pieces[self.turn % self.pieces.len()].max(1);
        self.turn += 1;
        let count = piece.min(into.len()).min(self.bytes.len() - self.at);
        into[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// A packet as a test compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) file: u32,
    pub(crate) frame: u64,
    pub(crate) nanos: i64,
    pub(crate) link: u16,
    pub(crate) original: u32,
    pub(crate) data: Vec<u8>,
}

impl From<Packet<'_>> for Got {
    fn from(packet: Packet<'_>) -> Self {
        Self {
            file: packet.place.file,
            frame: packet.place.frame,
            nanos: packet.at.nanos(),
            link: packet.link.0,
            original: packet.original_len,
            data: packet.data.to_vec(),
        }
    }
}

/// Takes no more than three packets of each run.
struct Three<'p>(&'p mut Vec<Got>);

impl Taker for Three<'_> {
    fn take<'p>(&mut self, run: &mut impl Iterator<Item = Packet<'p>>) {
        self.0.extend(run.take(3).map(Got::from));
    }
}

/// All that comes of reading captures.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) packets: Vec<Got>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) infos: Vec<CaptureInfo>,
    pub(crate) issues: Vec<(Cause, u64)>,
}

impl Reading {
    pub(crate) fn of(captures: Captures) -> Self {
        Self::read(captures, true)
    }

    /// `skims`: takes what it can in runs, which makes no difference.
    fn read(mut captures: Captures, skims: bool) -> Self {
        let mut issues = Issues::default();
        let mut packets = Vec::new();
        while let Some(packet) = captures.next(&mut issues) {
            packets.push(Got::from(packet));
            if skims {
                captures.skim(&mut Three(&mut packets));
            }
        }
        assert!(captures.next(&mut issues).is_none(), "the end is the end");
        let issues = issues.of_file(0).map(|(cause, tally)| (cause, tally.count)).collect();
        Self { packets, troubles: captures.take_troubles(), infos: captures.infos().to_vec(), issues }
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self::in_pieces(bytes, vec![usize::MAX])
    }

    pub(crate) fn in_pieces(bytes: &[u8], pieces: Vec<usize>) -> Self {
        let captures = || Box::new(Dribble::new(bytes.to_vec(), pieces.clone()));
        let [whole, in_runs] =
            [false, true].map(|skims| Self::read(Captures::from_reader("made.pcap", captures()), skims));
        assert!(format!("{whole:?}") == format!("{in_runs:?}"), "runs make a difference");
        whole
    }

    pub(crate) fn times(&self) -> Vec<i64> {
        self.packets.iter().map(|packet| packet.nanos).collect()
    }

    pub(crate) fn data(&self) -> Vec<&[u8]> {
        self.packets.iter().map(|packet| &packet.data[..]).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<TroubleKind> {
        self.troubles.iter().map(|trouble| trouble.kind).collect()
    }
}

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;
use crate::packet::LinkType;

/// Writes down what it is told, and lets `N` messages wait for each other. Settles after every third event at the latest.
#[derive(Default)]
struct Heard<const N: usize> {
    heard: Vec<String>,
    last: Place,
    unsettled: u32,
}

/// No more than this is heard of.
const ENOUGH: usize = 30;

impl<const N: usize> Downstream for Heard<N> {
    type Stop = ();

    const TOGETHER: usize = N;

    fn event(&mut self, event: &Event<'_>) {
        assert!(!self.is_due() || event.place == self.last, "settled too late");
        assert!(self.unsettled > 0 || event.place != self.last, "settled too early");
        self.heard.push(format!("{event:?}"));
        self.unsettled += 1;
        self.last = event.place;
    }

    fn media(&mut self, at: Timestamp, place: Place, media: &Media<'_>) -> bool {
        let known = media.rtp.ssrc < 2;
        if known {
            assert_eq!(self.unsettled, 0, "not settled");
            self.heard.push(format!("{at:?} {place:?} {media:?}"));
        }
        known
    }

    fn passed(&mut self, last: Timestamp) {
        self.heard.push(format!("passed {last:?}"));
    }

    fn gap(&mut self, _: Gap) {}

    fn sources(&mut self, _: Vec<Source>) -> Result<(), ()> {
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.unsettled >= 3
    }

    fn settle(&mut self) -> Result<(), ()> {
        self.unsettled = 0;
        if self.heard.len() > ENOUGH { Err(()) } else { Ok(()) }
    }
}

const BYE: &[u8] = b"BYE sip:a@b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n";

/// Packets that follow one another.
#[derive(Default)]
struct Made {
    packets: Vec<(i64, Vec<u8>)>,
    millis: i64,
    /// Of the next byte of a connection.
    sequence: u32,
    /// Of a message of it that is still to come.
    hole: Option<u32>,
}

impl Made {
    fn tcp(sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ip().tcp(5060, 5060, sequence, 100).ack(1).write(&mut bytes, payload).unwrap();
        bytes
    }

    /// Adds a packet of each kind that there is to this: messages alone and two in one, in pieces, acknowledged and out of
    /// order; media of known streams and of others, what they report, and what was not delivered; messages that an agent
    /// relays, and what it knows of them; and the packet before, captured twice.
    fn add(&mut self, kind: u8) {
        let rtp = |ssrc: u8| [&[0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, ssrc], &b"media"[..]].concat();
        self.millis += 100;
        let len = u32::try_from(BYE.len()).unwrap();
        let bytes = match kind {
            0 | 1 => udp(5060, BYE),
            2 | 3 => udp(4000, &rtp(kind - 2)),
            4 => udp(4000, &rtp(7)),
            5 => udp(4001, b"\x80\xc9\0\x01\0\0\0\x03"),
            6 => {
                let port = etherparse::icmpv4::DestUnreachableHeader::Port;
                let unreachable = etherparse::Icmpv4Type::DestinationUnreachable(port);
                let mut bytes = Vec::new();
                ip().icmpv4(unreachable).write(&mut bytes, &udp(5060, BYE)).unwrap();
                bytes
            }
            7 => udp(9060, &hep(None)),
            8 => udp(9060, &hep(Some(b"another"))),
            9 => match self.packets.last().cloned() {
                Some((_, last)) => {
                    self.millis -= 99;
                    last
                }
                None => return,
            },
            10 => {
                self.hole.get_or_insert(self.sequence);
                self.sequence += 2 * len;
                Self::tcp(self.sequence - len, BYE)
            }
            11 => match self.hole.take() {
                Some(hole) => Self::tcp(hole, BYE),
                None => return,
            },
            _ => {
                let two = [BYE, BYE].concat();
                let payload = [&[][..], BYE, &two, &BYE[..20], &BYE[20..]][usize::from(kind - 12)];
                let sequence = self.sequence;
                self.sequence += u32::try_from(payload.len()).unwrap();
                Self::tcp(sequence, payload)
            }
        };
        self.packets.push((self.millis, bytes));
    }
}

fn ip() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ip().udp(port, port).write(&mut bytes, payload).unwrap();
    bytes
}

/// A message as a capture agent relays it (HEP 3).
fn hep(correlation: Option<&[u8]>) -> Vec<u8> {
    let chunk = |kind: u16, data: &[u8]| {
        [&[0, 0], &kind.to_be_bytes()[..], &u16::try_from(6 + data.len()).unwrap().to_be_bytes(), data].concat()
    };
    let port = 5060_u16.to_be_bytes();
    let ends = [chunk(3, &[10, 0, 0, 1]), chunk(4, &[10, 0, 0, 2]), chunk(7, &port), chunk(8, &port)].concat();
    let told = correlation.map(|told| chunk(17, told)).unwrap_or_default();
    let chunks = [chunk(1, &[2]), chunk(2, &[17]), ends, chunk(11, &[1]), told, chunk(15, BYE)].concat();
    [b"HEP3", &u16::try_from(6 + chunks.len()).unwrap().to_be_bytes()[..], &chunks].concat()
}

/// What is heard of a run of packets, when the last of it came, and whether more was wanted.
fn heard<const N: usize>(packets: &[(i64, Vec<u8>)]) -> (Vec<String>, Timestamp, bool) {
    let (mut assembler, mut issues, mut down) = (Assembler::new(), Issues::default(), Heard::<N>::default());
    let mut end = Timestamp::default();
    let mut rest = Rest {
        assembler: &mut assembler,
        issues: &mut issues,
        down: &mut down,
        passed: None,
        end: &mut end,
        stopped: Ok(()),
    };
    rest.take(&mut (1..).zip(packets).map(|(number, (millis, data))| Packet {
        place: Place { file: 0, frame: number },
        section: 0,
        at: Timestamp::from_millis(*millis),
        link: LinkType::RAW,
        original_len: u32::try_from(data.len()).unwrap(),
        data,
    }));
    rest.pass();
    let went_on = rest.stopped.is_ok();
    assert_eq!(down.unsettled, 0, "not settled");
    (down.heard, end, went_on)
}

proptest! {
    #[test]
    fn messages_that_wait_are_heard_as_if_they_had_not(kinds in prop::collection::vec(0_u8..17, 0..60)) {
        let mut made = Made { sequence: 1, ..Made::default() };
        kinds.into_iter().for_each(|kind| made.add(kind));
        let packets = made.packets;
        let (plain, end, went_on) = heard::<1>(&packets);
        for (heard, last, goes_on) in [heard::<2>(&packets), heard::<5>(&packets), heard::<100>(&packets)] {
            if went_on {
                prop_assert_eq!((heard, last, goes_on), (plain.clone(), end, true));
            } else {
                // Where it stops, some more may have been read and heard of.
                prop_assert!(heard.starts_with(&plain) && last >= end);
            }
        }
    }
}

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

/// A packet of each kind that there is to this: messages alone and two in one, in pieces and acknowledged; media of known
/// streams and of others, what they report, and what was not delivered.
fn packet(kind: u8, sequence: &mut u32) -> Vec<u8> {
    let ip = || PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    let mut bytes = Vec::new();
    let mut udp = |ports: (u16, u16), payload: &[u8]| ip().udp(ports.0, ports.1).write(&mut bytes, payload).unwrap();
    let rtp = |ssrc: u8| [&[0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, ssrc], &b"media"[..]].concat();
    match kind {
        0 | 1 => udp((5060, 5060), BYE),
        2 | 3 => udp((4000, 4000), &rtp(kind - 2)),
        4 => udp((4000, 4000), &rtp(7)),
        5 => udp((4001, 4001), b"\x80\xc9\0\x01\0\0\0\x03"),
        6 => {
            let mut quoted = Vec::new();
            ip().udp(5060, 5060).write(&mut quoted, BYE).unwrap();
            let unreachable =
                etherparse::Icmpv4Type::DestinationUnreachable(etherparse::icmpv4::DestUnreachableHeader::Port);
            ip().icmpv4(unreachable).write(&mut bytes, &quoted).unwrap();
        }
        _ => {
            let two = [BYE, BYE].concat();
            let payload = [&[][..], BYE, &two, &BYE[..20], &BYE[20..]][usize::from(kind - 7)];
            ip().tcp(5060, 5060, *sequence, 100).ack(1).write(&mut bytes, payload).unwrap();
            *sequence += u32::try_from(payload.len()).unwrap();
        }
    }
    bytes
}

/// What is heard of a run of packets, when the last of it came, and whether more was wanted.
fn heard<const N: usize>(packets: &[Vec<u8>]) -> (Vec<String>, Timestamp, bool) {
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
    rest.take(&mut (1..).zip(packets).map(|(number, data)| Packet {
        place: Place { file: 0, frame: number },
        section: 0,
        at: Timestamp::from_millis(number.cast_signed() * 100),
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
    fn messages_that_wait_are_heard_as_if_they_had_not(kinds in prop::collection::vec(0_u8..12, 0..60)) {
        let mut sequence = 1;
        let packets: Vec<_> = kinds.iter().map(|kind| packet(*kind, &mut sequence)).collect();
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

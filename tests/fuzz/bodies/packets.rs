//! What must hold when any bytes at all are taken for packets, whatever the link they came by. Uses the public face
//! only.

// A fuzz target that includes this file as a module needs the word `pub`; a test does not.
#![allow(unreachable_pub)]

use sipcodes::assemble::Assembler;
use sipcodes::issue::Issues;
use sipcodes::packet::{LinkType, Packet, Place};
use sipcodes::time::Timestamp;
use sipcodes::track::Tracker;

/// The link types that the first byte of a packet chooses from. The last one nobody reads.
pub const LINKS: &[LinkType] = &[
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::RAW_BSD,
    LinkType::RAW_OPENBSD,
    LinkType(9),
    LinkType(105),
    LinkType(127),
    LinkType(252),
    LinkType(0xffff),
];

/// Reads packets as `link, milliseconds, length (two bytes, big endian), frame`, one behind the other, and takes them
/// through to the calls.
pub fn packets(bytes: &[u8]) {
    let (mut assembler, mut tracker, mut issues) = (Assembler::new(), Tracker::new(), Issues::default());
    let (mut rest, mut frame, mut millis, mut events) = (bytes, 0, 0, 0_u64);
    while let [link, gap, high, low, after @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (data, after) = after.split_at(len);
        rest = after;
        frame += 1;
        millis += i64::from(*gap);
        let packet = Packet {
            section: 0,
            place: Place { file: 0, frame },
            at: Timestamp::from_millis(millis),
            link: LINKS[usize::from(*link) % LINKS.len()],
            original_len: u32::try_from(len).unwrap_or_default() + u32::from(*gap == 0xff),
            data,
        };
        assembler.push(&packet, &mut issues, &mut |event| {
            // Its time is not asked for: what HEP relays has that of an agent's clock, which may be ahead.
            assert!((1..=frame).contains(&event.place.frame), "an event from nowhere");
            events += 1;
            tracker.feed(&event);
        });
    }
    assembler.finish(&mut issues, &mut |event| {
        assert!((1..=frame).contains(&event.place.frame));
        events += 1;
        tracker.feed(&event);
    });
    tracker.finish(Timestamp::from_millis(millis));
    let facts = std::iter::from_fn(|| tracker.poll()).count() as u64;
    assert!(facts <= events, "a row without a message");
    assert!(tracker.traffic().of_file(0).sip_messages <= events);
}

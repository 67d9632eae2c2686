//! What must hold when any bytes at all are read as a capture file. Uses the public face only.

// A fuzz target that includes this file as a module needs the word `pub`; a test does not.
#![allow(unreachable_pub)]

use std::io::Cursor;

use sipcodes::capture::Captures;
use sipcodes::issue::Issues;

/// Reads the bytes as a file to its end, and counts after the reader.
pub fn capture(bytes: &[u8]) {
    let mut captures = Captures::from_reader("fuzz", Box::new(Cursor::new(bytes.to_vec())));
    let mut issues = Issues::default();
    let (mut packets, mut captured, mut frame, mut cut) = (0, 0, 0, 0);
    let (mut first, mut last) = (None, None);
    while let Some(packet) = captures.next(&mut issues) {
        assert_eq!(packet.place.file, 0);
        assert!(packet.place.frame > frame, "frames are counted up");
        frame = packet.place.frame;
        packets += 1;
        captured += packet.data.len() as u64;
        cut += u64::from(packet.is_cut());
        first = Some(first.map_or(packet.at, |first| packet.at.min(first)));
        last = last.max(Some(packet.at));
    }
    assert!(captures.next(&mut issues).is_none(), "the end is the end");
    let troubles = captures.take_troubles();
    let info = &captures.infos()[0];
    assert_eq!((info.packets, info.bytes, info.cut_short), (packets, captured, cut));
    assert_eq!((info.first, info.last), (first, last));
    assert!(info.sections.iter().all(|section| section.frame <= frame && section.first <= section.last));
    assert!(packets > 0 || !troubles.is_empty() || !info.format.is_empty(), "nothing is passed over in silence");
    for trouble in &troubles {
        let line = trouble.to_string();
        assert!(!line.is_empty() && !line.chars().any(char::is_control), "a line for a terminal: {line:?}");
    }
    // What is compressed may hold more than its bytes.
    let plain = matches!(bytes, [0xa1 | 0xd4 | 0x4d | 0x34 | 0x0a, ..]) || bytes.starts_with(b"GMBU");
    assert!(!plain || (captured < bytes.len() as u64 && troubles.len() <= bytes.len() / 8 + 1));
}

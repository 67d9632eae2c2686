//! The bodies of the fuzz targets as ordinary tests: over the captures of testdata, and over seeded mutations of them.

#[path = "fuzz/bodies/capture.rs"]
mod capture;
#[path = "fuzz/bodies/media.rs"]
mod media;
#[path = "fuzz/bodies/packets.rs"]
mod packets;
#[path = "fuzz/bodies/sip.rs"]
mod sip;
#[path = "fuzz/bodies/tracker.rs"]
mod tracker;
#[path = "fuzz/bodies/wire.rs"]
mod wire;

use std::fs;
use std::path::Path;

use sipcodes::capture::Captures;
use sipcodes::issue::Issues;

/// Numbers that look random and are the same at every run (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// The same bytes with a few of them struck, changed, doubled, or taken from elsewhere.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(6) {
            if bytes.is_empty() {
                break;
            }
            let at = self.below(bytes.len());
            match self.below(7) {
                0 => bytes[at] = self.next() as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes[at] = [0, 0xff, 0x7f, 0x80, b'\n', b';'][self.below(6)],
                3 => bytes.insert(at, self.next() as u8),
                4 => _ = bytes.remove(at),
                5 => bytes.truncate(at),
                _ => {
                    let from = self.below(bytes.len());
                    let len = self.below(64).min(bytes.len() - at).min(bytes.len() - from);
                    bytes.copy_within(from..from + len, at);
                }
            }
        }
        bytes
    }
}

/// The captures of testdata, the small ones, in the order of their names.
fn captures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng"));
    paths.sort();
    let mut captures: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    captures.retain(|bytes| bytes.len() < 100_000);
    assert!(captures.len() > 10);
    captures
}

/// The packets of a capture as the body of `packets` reads them.
fn as_packets(capture: &[u8]) -> Vec<u8> {
    let mut captures = Captures::from_reader("seed", Box::new(std::io::Cursor::new(capture.to_vec())));
    let mut issues = Issues::default();
    let (mut packed, mut before) = (Vec::new(), None);
    while let Some(packet) = captures.next(&mut issues) {
        let link = packets::LINKS.iter().position(|link| *link == packet.link).unwrap_or_default();
        let gap = packet.at.since(*before.get_or_insert(packet.at)).as_millis().min(254);
        before = Some(packet.at);
        let data = packet.data.get(..0xffff).unwrap_or(packet.data);
        packed.extend([link as u8, gap as u8]);
        packed.extend((data.len() as u16).to_be_bytes());
        packed.extend(data);
    }
    packed
}

/// Runs a body over each seed as it is, and over `rounds` mutations of some seed.
fn drive(body: fn(&[u8]), seeds: &[Vec<u8>], rounds: u32) {
    seeds.iter().for_each(|seed| body(seed));
    let mut seeded = Seeded(0x51b);
    for _ in 0..rounds {
        let seed = &seeds[seeded.below(seeds.len())];
        body(&seeded.mutate(seed));
    }
}

/// How many mutations: a few seconds' worth, or as many as `FUZZ_ROUNDS` says.
fn rounds(usual: u32) -> u32 {
    std::env::var("FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

#[test]
fn any_bytes_as_a_capture() {
    let mut seeds = captures();
    let netmon =
        seeds.iter().take(8).enumerate().map(|(n, capture)| as_netmon(capture, n as u8 % 4)).collect::<Vec<_>>();
    seeds.extend(netmon);
    drive(capture::capture, &seeds, rounds(2000));
}

/// The packets of a capture as Network Monitor would have written them, in version 2.0 to 2.3.
fn as_netmon(capture: &[u8], minor: u8) -> Vec<u8> {
    let mut captures = Captures::from_reader("seed", Box::new(std::io::Cursor::new(capture.to_vec())));
    let mut issues = Issues::default();
    let (mut frames, mut table) = (Vec::new(), Vec::new());
    while let Some(packet) = captures.next(&mut issues) {
        table.extend((128 + frames.len() as u32).to_le_bytes());
        frames.extend((packet.place.frame * 1000).to_le_bytes());
        frames.extend([packet.original_len.to_le_bytes(), (packet.data.len() as u32).to_le_bytes()].concat());
        frames.extend(packet.data);
        frames.extend(&[&[1, 0][..], &[7; 13]].concat()[..[0, 2, 6, 15][usize::from(minor)]]);
    }
    let mut out = [&b"GMBU"[..], &[minor, 2, 1, 0]].concat();
    [2026_u16, 1, 4, 1, 0, 0, 0, 0].iter().for_each(|field| out.extend(field.to_le_bytes()));
    out.extend((128 + frames.len() as u32).to_le_bytes());
    out.extend((table.len() as u32).to_le_bytes());
    out.resize(128, 0);
    [out, frames, table].concat()
}

#[test]
fn any_bytes_between_the_frame_and_sip() {
    const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 a\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000/2 RTP/AVP 0 101\r\na=sendonly\r\na=rtpmap:0 PCMU/8000\r\n";
    const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    const HEP: &[u8] = b"HEP3\0\x44\0\0\0\x02\0\x07\x11\0\0\0\x03\0\x0a\x0a\0\0\x01\0\0\0\x04\0\x0a\x0a\0\0\x02\0\0\0\x11\0\x08id\0\0\0\x0f\0\x1bOPTIONS sip:a SIP/2.0";
    let testdata = |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)).unwrap();
    // What begins at each place of a packet, where a header or a payload may begin.
    let packets: Vec<Vec<u8>> = captures().iter().map(|capture| as_packets(capture)).collect();
    let mut frames = Vec::new();
    for packed in &packets {
        let mut rest = &packed[..];
        while let [_, _, high, low, after @ ..] = rest {
            let (data, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            rest = after;
            frames.push(data);
        }
    }
    let mut seeds: Vec<Vec<u8>> = [SDP, UPGRADE, HEP, &testdata("tls13.keys"), &testdata("tls12-rsa.pem")]
        .iter()
        .flat_map(|seed| (0..wire::PARSERS.len() as u8).map(|which| [&[which], *seed].concat()))
        .collect();
    for (n, frame) in frames.iter().enumerate().step_by(7) {
        for at in [0, 14, 34, 42, 54, 66] {
            let Some(bytes) = frame.get(at..) else { continue };
            seeds.push([&[(n % wire::PARSERS.len()) as u8], bytes].concat());
        }
    }
    drive(wire::wire, &seeds, rounds(20_000));
}

/// A packet in raw IP: HEP of an agent whose clock is ahead by decades.
fn relayed_from_the_future() -> Vec<u8> {
    let sip = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let chunks: [(u8, &[u8]); 4] = [(3, &[1; 4]), (4, &[2; 4]), (9, &[0x7f; 4]), (15, sip)];
    let chunk = |(kind, data): (u8, &[u8])| [&[0, 0, 0, kind, 0, data.len() as u8 + 6], data].concat();
    let chunks = chunks.map(chunk).concat();
    let hep = [b"HEP3\0", &[chunks.len() as u8 + 6][..], &chunks].concat();
    let udp = [&[0, 9, 0x23, 0x64, 0, hep.len() as u8 + 8, 0, 0][..], &hep].concat();
    let ip =
        [&[0x45, 0, 0, udp.len() as u8 + 20, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..], &udp].concat();
    [&[1, 1, 0, ip.len() as u8][..], &ip].concat()
}

#[test]
fn any_bytes_as_packets() {
    let mut seeds: Vec<_> = captures().iter().map(|capture| as_packets(capture)).collect();
    seeds.push(relayed_from_the_future());
    drive(packets::packets, &seeds, rounds(400));
}

#[test]
fn any_bytes_as_sip() {
    let seeds: Vec<_> = captures().iter().flat_map(|capture| messages(&as_packets(capture))).take(300).collect();
    assert!(seeds.len() > 100);
    drive(sip::sip, &seeds, rounds(400));
}

#[test]
fn any_bytes_as_media() {
    /// A sender's report with a block, its source's name, VoIP metrics, a parting.
    const REPORTS: &[u8] = b"\x81\xc8\0\x0c\0\0\0\x0a\x01\x02\x03\x04\x80\0\0\0\0\0\0\xa0\0\0\0\x32\0\0\x1f\x40\
        \0\0\0\x0b\x40\xff\xff\xfe\0\x01\0\x07\0\0\0\x50\x03\x04\x80\0\0\0\x80\0\
        \x81\xca\0\x03\0\0\0\x0a\x01\x03a@b\0\0\0\
        \x80\xcf\0\x0a\0\0\0\x0a\x07\0\0\x08\0\0\0\x0b\x80\x40\x20\x10\0\x64\x03\xe8\0\xfa\0\x14\xf1\xc4\x7f\x10\
        \x5d\x7f\x29\x7f\0\0\0\x28\0\x50\0\xc8\x81\xcb\0\x01\0\0\0\x0a";
    let sealed = [REPORTS.get(..52).unwrap(), b"\x80\0\0\x01", &[0x5a; 10]].concat();
    let rtp = |first: &[u8], rest: &[u8]| [first, &[0, 1, 0, 0, 3, 4, 5, 6, 7, 8], rest].concat();
    let seeds = [
        REPORTS.to_vec(),
        sealed,
        rtp(&[0x80, 101], &[5, 0x8a, 3, 32]),
        rtp(&[0xb1, 0x80], b"\0\0\0\x01\xbe\xde\0\x01\x10\xff\0\0media\0\0\x03"),
        b"Signal=5\r\nDuration=160\r\n".to_vec(),
        b"12*".to_vec(),
    ];
    drive(media::media, &seeds, rounds(20_000));
}

#[test]
fn any_messages_in_any_order() {
    let mut seeded = Seeded(7);
    let any = |len: usize| (0..len * 8).map(|_| seeded.next() as u8).collect::<Vec<u8>>();
    let seeds: Vec<_> = (1..200).map(any).collect();
    drive(tracker::tracker, &seeds, rounds(400));
}

/// What looks like datagrams of SIP among packed packets.
fn messages(packed: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = packed;
    while let [_, _, high, low, after @ ..] = rest {
        let (data, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        rest = after;
        let payload = (28..data.len().min(70)).filter_map(|at| data.get(at..));
        found.extend(payload.filter(|part| sipcodes::wire::sip::looks_like_sip(part)).take(1).map(<[u8]>::to_vec));
    }
    found
}

//! SIP over TLS: the captures of `testdata/make/tls.py`, cut, thinned out and damaged, through the assembler.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sipcodes::assemble::Assembler;
use sipcodes::capture::{Captures, Source};
use sipcodes::event::{Transport, What};
use sipcodes::issue::{Cause, Issues};
use sipcodes::packet::{LinkType, Packet, Place};
use sipcodes::time::Timestamp;
use sipcodes::wire::keylog::Secrets;

const CASES: &[&str] = &["tls13", "tls12", "tls-resumed", "tls-other-port"];

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// A frame: Ethernet, IPv4 without options, TCP.
#[derive(Clone)]
struct Frame {
    at: Timestamp,
    link: LinkType,
    data: Vec<u8>,
}

impl Frame {
    /// Where the payload begins.
    fn payload(&self) -> usize {
        34 + usize::from(self.data[46] >> 4) * 4
    }

    fn carries(&self) -> bool {
        self.data.len() > self.payload()
    }

    /// The same with only some of the payload, as another sender would have cut it.
    fn part(&self, from: usize, to: usize) -> Self {
        let head = self.payload();
        let mut data = [&self.data[..head], &self.data[head + from..head + to]].concat();
        let len = (data.len() - 14) as u16;
        data[16..18].copy_from_slice(&len.to_be_bytes());
        let sequence = u32::from_be_bytes(data[38..42].try_into().unwrap()).wrapping_add(from as u32);
        data[38..42].copy_from_slice(&sequence.to_be_bytes());
        if head + to < self.data.len() {
            data[47] &= !1;
        }
        Self { data, ..self.clone() }
    }

    /// Cut at this position of the payload, if there is one.
    fn cut(&self, at: usize) -> Vec<Self> {
        match self.data.len() - self.payload() {
            len if at > 0 && at < len => vec![self.part(0, at), self.part(at, len)],
            _ => vec![self.clone()],
        }
    }
}

fn frames(name: &str) -> Vec<Frame> {
    let (mut captures, mut issues, mut frames) =
        (Captures::open(vec![Source::File(testdata(name))]), Issues::default(), Vec::new());
    while let Some(packet) = captures.next(&mut issues) {
        frames.push(Frame { at: packet.at, link: packet.link, data: packet.data.to_vec() });
    }
    assert!(!frames.is_empty(), "{name}");
    frames
}

fn key_log(name: &str) -> Vec<u8> {
    fs::read(testdata(name)).unwrap()
}

fn secrets(name: &str) -> Secrets {
    let mut secrets = Secrets::default();
    assert_eq!(secrets.read(&key_log(name)).lines, 0);
    secrets
}

/// The messages in order, and the causes of what was not read.
fn read(frames: &[Frame], secrets: Secrets) -> (Vec<Vec<u8>>, Vec<Cause>) {
    let (mut assembler, mut issues, mut out) = (Assembler::new().with_secrets(secrets), Issues::default(), Vec::new());
    let mut sink = |event: sipcodes::event::Event<'_>| {
        assert_eq!(event.path.transport, Transport::Tls);
        let What::Sip(message) = event.what else { return };
        if !event.duplicate {
            out.push(message.raw().to_vec());
        }
    };
    for (frame, number) in frames.iter().zip(1..) {
        let packet = Packet {
            section: 0,
            place: Place { file: 0, frame: number },
            at: frame.at,
            link: frame.link,
            original_len: frame.data.len() as u32,
            data: &frame.data,
        };
        assembler.push(&packet, &mut issues, &mut sink);
    }
    assembler.finish(&mut issues, &mut sink);
    (out, issues.of_file(0).map(|(cause, _)| cause).collect())
}

#[test]
fn wherever_the_segments_are_cut_the_messages_are_the_same() {
    for name in CASES {
        let (frames, keys) = (frames(&format!("{name}.pcap")), format!("{name}.keys"));
        let whole = read(&frames, secrets(&keys));
        assert!(whole.0.len() >= 7 && whole.1.is_empty(), "{name}: {:?}", whole.1);
        for at in [1, 2, 3, 4, 5, 6, 11, 90, 517] {
            let cut: Vec<_> = frames.iter().flat_map(|frame| frame.cut(at)).collect();
            assert!(read(&cut, secrets(&keys)) == whole, "{name} cut at {at}");
        }
        let crumbs: Vec<_> = frames
            .iter()
            .flat_map(|frame| {
                let len = frame.data.len() - frame.payload();
                if len == 0 { vec![frame.clone()] } else { (0..len).map(|at| frame.part(at, at + 1)).collect() }
            })
            .collect();
        assert!(read(&crumbs, secrets(&keys)) == whole, "{name} byte by byte");
        let twice: Vec<_> = frames.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
        assert!(read(&twice, secrets(&keys)) == whole, "{name} twice");
    }
}

#[test]
fn a_lost_segment_costs_its_own_messages_only() {
    for name in ["tls13", "tls12"] {
        let (frames, keys) = (frames(&format!("{name}.pcap")), format!("{name}.keys"));
        let (whole, _) = read(&frames, secrets(&keys));
        for gone in (0..frames.len()).filter(|at| frames[*at].carries()) {
            let mut thinned = frames.clone();
            let hello = frames[gone].data[frames[gone].payload()..].starts_with(&[22, 3]);
            thinned.remove(gone);
            let (left, _) = read(&thinned, secrets(&keys));
            // In TLS 1.0 each record needs the one before; without the hellos nothing of a connection can be opened.
            let most = if hello || (name == "tls12" && whole.len() - left.len() > 2) { 7 } else { 2 };
            assert!(whole.len() - left.len() <= most, "{name}: without packet {}: {}", gone + 1, left.len());
            assert!(left.iter().all(|one| whole.contains(one)), "{name}: packet {}", gone + 1);
        }
    }
}

#[test]
fn without_its_keys_it_is_counted_and_its_port_is_named() {
    let none = |name: &str| read(&frames(name), Secrets::default());
    assert_eq!(none("tls13.pcap"), (vec![], vec![Cause::TlsWithoutKeys(5061)]));
    assert_eq!(none("tls-other-port.pcap"), (vec![], vec![]), "whatever it is");
    // The keys of another capture.
    assert_eq!(read(&frames("tls13.pcap"), secrets("tls12.keys")).1, [Cause::TlsWithoutKeys(5061)]);
    // Only the client's half of the handshake was captured.
    let half: Vec<_> = frames("tls-other-port.pcap").into_iter().filter(|frame| frame.data[29] == 10).collect();
    assert_eq!(read(&half, secrets("tls-other-port.keys")).0, Vec::<Vec<u8>>::new());
}

/// Everything of a capture through the assembler, with the secrets that it carries: how many messages, and the causes.
fn read_with_embedded(bytes: Vec<u8>) -> (usize, Vec<Cause>) {
    let mut captures = Captures::from_reader("x", Box::new(std::io::Cursor::new(bytes)));
    let embedded = captures.secrets();
    let (mut assembler, mut issues, mut count) = (Assembler::new(), Issues::default(), 0);
    while let Some(packet) = captures.next(&mut issues) {
        embedded.try_iter().for_each(|key_log| assembler.learn(&key_log, packet.place, &mut issues));
        assembler.push(&packet, &mut issues, &mut |_| count += 1);
    }
    assembler.finish(&mut issues, &mut |_| count += 1);
    (count, issues.of_file(0).map(|(cause, _)| cause).collect())
}

#[test]
fn secrets_in_the_capture_count_from_where_they_stand() {
    let bytes = fs::read(testdata("tls-secrets.pcapng")).unwrap();
    // The blocks: type, length, body, length.
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        blocks.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    let at = blocks.iter().position(|block| block[..4] == [10, 0, 0, 0]).expect("a block of secrets");
    let secrets = blocks.remove(at);
    let first = blocks.iter().position(|block| block[0] == 6).expect("a packet");
    let protected = first + 5; // SYN, SYN and ACK, ACK, ClientHello and its ACK come before the ServerHello.
    for (name, place, expected) in [("first", first, 7), ("just in time", protected, 7), ("last", blocks.len(), 0)] {
        let mut moved = blocks.clone();
        moved.insert(place, secrets.clone());
        assert_eq!(read_with_embedded(moved.concat()).0, expected, "{name}");
    }
    let mut other = secrets.clone();
    other[8] ^= 1; // secrets of another kind
    let mut broken = secrets;
    let digit = broken.len() - 20;
    broken[digit] = 0xff; // a line that is none
    for (name, block, causes) in [("other", other, vec![]), ("broken", broken, vec![Cause::Malformed("key log line")])]
    {
        let mut changed = blocks.clone();
        changed.insert(first, block);
        assert_eq!(read_with_embedded(changed.concat()).1, causes, "{name}");
    }
}

#[test]
fn logs_without_the_handshakes_secrets_do_too() {
    let log = String::from_utf8(key_log("tls13.keys")).unwrap();
    let kept: String = log.lines().filter(|line| !line.contains("HANDSHAKE")).flat_map(|line| [line, "\n"]).collect();
    let mut secrets = Secrets::default();
    secrets.read(kept.as_bytes());
    let frames = frames("tls13.pcap");
    assert_eq!(read(&frames, secrets).0.len(), 28);
}

#[test]
fn the_servers_key_opens_rsa_key_exchange_and_no_other() {
    let pem = fs::read_to_string(testdata("tls12-rsa.pem")).unwrap();
    let secrets = || {
        let mut secrets = Secrets::default();
        secrets.read_private_key(&pem).unwrap();
        secrets
    };
    assert_eq!(read(&frames("tls12-rsa.pcap"), secrets()).0.len(), 14);
    // TLS 1.0 with RSA key exchange is in there twice.
    let (messages, causes) = read(&frames("tls12.pcap"), secrets());
    assert_eq!((messages.len(), causes), (14, vec![Cause::TlsWithoutKeys(5061)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn damage_surprises_nothing(
        which in 0..CASES.len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let name = CASES[which];
        let mut frames = frames(&format!("{name}.pcap"));
        for (frame, at, byte) in damage {
            let frame = frame.get(&frames).clone();
            if frame.carries() {
                let position = frames.iter().position(|other| other.data == frame.data).unwrap();
                let at = frame.payload() + at.index(frame.data.len() - frame.payload());
                frames[position].data[at] = byte;
            }
        }
        let (left, _) = read(&frames, secrets(&format!("{name}.keys")));
        prop_assert!(left.len() <= 70);
    }
}

//! Runs that continue: a capture cut in pieces that are read one after another gives the rows of the whole.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sipcodes::assemble::{Assembler, Unfinished};
use sipcodes::capture::{Captures, Source};
use sipcodes::event::{Event, What};
use sipcodes::issue::Issues;
use sipcodes::packet::Place;
use sipcodes::time::Timestamp;
use sipcodes::wire::keylog::Secrets;
use support::{Over, carried};

/// A folder of its own for each test, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sipcodes-state-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sipcodes"));
        command.arg("analyze").args(args).current_dir(&self.0).output().unwrap()
    }

    /// The rows of a run that goes well, without the heading.
    #[track_caller]
    fn rows(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(&[&["--format", "csv"], args].concat());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()
    }

    #[track_caller]
    fn refuses(&self, args: &[&str], status: i32, words: &str) {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(words) && said.lines().count() == 1 || status == 2, "{said}");
        assert!(output.stdout.is_empty());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn testdata(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)).unwrap()
}

/// A capture's header and its records.
fn records(capture: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (header, mut rest) = capture.split_at(24);
    let mut records = Vec::new();
    while rest.len() >= 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, after) = rest.split_at(16 + len);
        records.push(record);
        rest = after;
    }
    (header, records)
}

/// Whether the rows of the pieces, cut before these packets, are those of the whole; how many there are.
#[track_caller]
fn same_in_pieces(folder: &Folder, capture: &[u8], cuts: &[usize], show: &str, keys: &[&str]) -> usize {
    let (header, records) = records(capture);
    folder.write("whole.pcap", capture);
    let mut expected = folder.rows(&[&["--show", show, "whole.pcap"], keys].concat());
    let mut got = Vec::new();
    let starts: Vec<_> = [0].iter().chain(cuts).copied().collect();
    for (piece, from) in starts.iter().enumerate() {
        let to = starts.get(piece + 1).copied().unwrap_or(records.len());
        folder.write("piece.pcap", &[header, &records[*from..to].concat()].concat());
        let mut args = vec!["--show", show, "--state", "state", "piece.pcap"];
        args.extend(keys);
        if piece + 1 == starts.len() {
            args.push("--flush");
        }
        got.extend(folder.rows(&args));
    }
    if show == "transactions" {
        // Their last two columns name the capture and the frame, which stay those of each file.
        for row in expected.iter_mut().chain(&mut got) {
            let end = row.match_indices(',').rev().nth(1).unwrap().0;
            row.truncate(end);
        }
    }
    expected.sort();
    got.sort();
    assert_eq!(got, expected, "{show} cut at {cuts:?}");
    assert!(!folder.0.join("state").exists(), "nothing is left");
    expected.len()
}

#[test]
fn cut_at_every_packet_the_rows_stay_the_same() {
    let folder = Folder::new("cuts");
    for (name, kinds, step) in [
        ("calls.pcap", &["calls", "registrations"][..], 1),
        ("registration.pcap", &["registrations"], 1),
        ("port-unreachable.pcap", &["calls"], 1),
        ("legs.pcap", &["calls"], 7),
        ("media-stops.pcap", &["calls"], 9),
        ("one-way.pcap", &["calls"], 3),
    ] {
        let capture = testdata(name);
        for show in kinds {
            for cut in (1..records(&capture).1.len()).step_by(step) {
                same_in_pieces(&folder, &capture, &[cut], show, &[]);
            }
        }
    }
}

/// Files of testdata by their whole names.
fn in_testdata(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name).to_string_lossy().into_owned()
}

#[test]
fn what_a_cut_goes_through_is_as_good_as_whole() {
    let folder = Folder::new("streams");
    for (name, step, keys) in [
        ("ip-fragments", 1, None),
        ("tcp", 1, None),
        ("tcp-segments", 1, None),
        ("tls-other-port", 1, Some(("--keylog", "keys"))),
        ("tls-resumed", 1, Some(("--keylog", "keys"))),
        ("tls12-rsa", 5, Some(("--tls-key", "pem"))),
        ("tls12", 23, Some(("--keylog", "keys"))),
        ("tls13", 5, Some(("--keylog", "keys"))),
        ("websocket", 1, None),
        ("websocket-plain", 1, None),
        ("websocket-tls", 1, Some(("--keylog", "keys"))),
    ] {
        let capture = testdata(&format!("{name}.pcap"));
        let keys: Vec<String> =
            keys.map_or_else(Vec::new, |(flag, end)| vec![flag.to_owned(), in_testdata(&format!("{name}.{end}"))]);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        for cut in (1..records(&capture).1.len()).step_by(step) {
            assert!(same_in_pieces(&folder, &capture, &[cut], "calls", &keys) > 0);
        }
    }
}

#[test]
fn what_carries_a_call_may_be_cut() {
    let folder = Folder::new("carriers");
    for over in [Over::Sctp(100, false), Over::Sctp(1400, true), Over::WebSocket(70), Over::Hep(3), Over::Hep(2)] {
        let capture = carried(["10.0.0.1", "10.0.0.2"], over);
        let count = records(&capture).1.len();
        for cut in 1..count {
            assert_eq!(same_in_pieces(&folder, &capture, &[cut], "calls", &[]), 1);
        }
        same_in_pieces(&folder, &capture, &(1..count).collect::<Vec<_>>(), "calls", &[]);
    }
}

/// What is compared of an event.
type Seen = (Timestamp, Place, String, bool, Vec<u8>);

fn secrets(name: &str) -> Secrets {
    let mut secrets = Secrets::default();
    if let Ok(log) = fs::read(in_testdata(&format!("{name}.keys"))) {
        secrets.read(&log);
    }
    secrets
}

/// The events of a capture whose assembling is handed on, by way of bytes, before the packets that `cut` names; and what
/// was not read.
fn events(name: &str, cut: impl Fn(u64) -> bool) -> (Vec<Seen>, Vec<(String, u64, u64)>) {
    let mut captures = Captures::open(vec![Source::File(in_testdata(name).into())]);
    let name = name.split('.').next().unwrap_or_default();
    let embedded = captures.secrets();
    let (mut assembler, mut issues) = (Assembler::new().with_secrets(secrets(name)), Issues::default());
    let mut seen = Vec::new();
    let mut sink = |event: Event<'_>| {
        let raw = match &event.what {
            What::Sip(message) => message.raw().to_vec(),
            _ => Vec::new(),
        };
        seen.push((event.at, event.place, format!("{:?}", event.path), event.duplicate, raw));
    };
    while let Some(packet) = captures.next(&mut issues) {
        if cut(packet.place.frame) {
            let bytes = postcard::to_allocvec(&assembler.unfinished()).unwrap();
            let unfinished: Unfinished = postcard::from_bytes(&bytes).unwrap();
            assembler = Assembler::new().with_secrets(secrets(name)).resume(unfinished);
        }
        for key_log in embedded.try_iter() {
            assembler.learn(&key_log, packet.place, &mut issues);
        }
        assembler.push(&packet, &mut issues, &mut sink);
    }
    assembler.finish(&mut issues, &mut sink);
    let issues = issues.of_file(0).map(|(cause, tally)| (cause.key(), tally.count, tally.bytes));
    (seen, issues.collect())
}

#[test]
fn assembling_handed_on_at_every_packet_gives_the_same_events() {
    for name in [
        "calls.pcap",
        "ip-fragments.pcap",
        "tcp.pcap",
        "tcp-segments.pcap",
        "tls-other-port.pcap",
        "tls-plain.pcap",
        "tls-resumed.pcap",
        "tls-secrets.pcapng",
        "tls12.pcap",
        "tls13.pcap",
        "websocket.pcap",
        "websocket-plain.pcap",
        "websocket-tls.pcap",
    ] {
        let last = std::cell::Cell::new(0);
        let whole = events(name, |frame| {
            last.set(frame);
            false
        });
        assert!(!whole.0.is_empty(), "{name}");
        assert_eq!(events(name, |_| true), whole, "{name}, at every packet");
        for at in 2..=last.get() {
            assert_eq!(events(name, |frame| frame == at), whole, "{name}, before packet {at}");
        }
    }
}

/// The blocks of a pcapng.
fn blocks(mut capture: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while capture.len() >= 12 {
        let len = u32::from_le_bytes(capture[4..8].try_into().unwrap()) as usize;
        let (block, rest) = capture.split_at(len);
        blocks.push(block);
        capture = rest;
    }
    blocks
}

#[test]
fn secrets_that_a_capture_carries_are_carried_on() {
    let folder = Folder::new("secrets");
    let capture = testdata("tls-secrets.pcapng");
    let (packets, heads): (Vec<&[u8]>, Vec<&[u8]>) = blocks(&capture).into_iter().partition(|block| block[0] == 6);
    // The section's header, the interface, the decryption secrets.
    let secrets = heads.iter().position(|block| block[..4] == [10, 0, 0, 0]).expect("decryption secrets");
    let bare = [&heads[..secrets], &heads[secrets + 1..]].concat().concat();
    folder.write("whole.pcapng", &capture);
    let expected = folder.rows(&["whole.pcapng"]);
    for cut in 0..packets.len() {
        folder.write("one.pcapng", &[heads.concat(), packets[..cut].concat()].concat());
        folder.write("two.pcapng", &[bare.clone(), packets[cut..].concat()].concat());
        let mut got = folder.rows(&["--state", "state", "one.pcapng"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.0.join("state")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "keys are nobody else's");
        }
        got.extend(folder.rows(&["--state", "state", "--flush", "two.pcapng"]));
        assert_eq!(got, expected, "cut at {cut}");
    }
}

/// Records so many seconds later.
fn later(records: &[&[u8]], seconds: u32) -> Vec<u8> {
    let later = |record: &&[u8]| {
        let at = u32::from_le_bytes(record[..4].try_into().unwrap()) + seconds;
        [&at.to_le_bytes(), &record[4..]].concat()
    };
    records.iter().flat_map(later).collect()
}

/// Segments from one client to one server as a capture: second, sequence number, bytes.
fn segments(segments: &[(u32, u32, &[u8])]) -> Vec<u8> {
    // Microseconds, version 2.4, raw IP.
    let mut out = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0];
    for (at, seq, payload) in segments {
        let mut data = Vec::new();
        let tcp = etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(40_000, 5060, *seq, 65_000);
        tcp.write(&mut data, payload).unwrap();
        let len = data.len() as u32;
        out.extend([1_700_000_000 + at, 0, len, len].iter().flat_map(|field| field.to_le_bytes()));
        out.extend(data);
    }
    out
}

#[test]
fn behind_a_gap_no_connection_swallows_another() {
    let folder = Folder::new("swallow");
    let options = |id: &str| {
        format!(
            "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/TCP d;branch=z9hG4bK{id}\r\nCall-ID: {id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let (one, two, three) = (options("1"), options("2"), options("3"));
    let first = segments(&[(0, 5000, one.as_bytes()), (1, 5000 + one.len() as u32, &two.as_bytes()[..40])]);
    // The same ports again, its SYN not captured: its numbers are below those of the first one.
    for (gap, ids) in [(400, "1 3"), (100, "1")] {
        let second = segments(&[(gap, 3000, three.as_bytes())]);
        folder.write("one.pcap", &first);
        folder.write("two.pcap", &second);
        let seen = |args: &[&str]| folder.run(&[&["-f", "json", "--show", "transactions"], args].concat());
        assert!(seen(&["--state", "state", "one.pcap"]).status.success());
        let told = seen(&["--state", "state", "--flush", "two.pcap"]);
        let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        let messages: u64 =
            told["transactions"].as_array().unwrap().iter().map(|row| row["messages"].as_u64().unwrap()).sum();
        assert_eq!(messages, ids.split(' ').count() as u64, "{gap} s, {told:#}");
    }
}

#[test]
fn the_keys_of_a_connection_outlive_a_gap() {
    let folder = Folder::new("keys");
    for (name, from) in [("tls13", 75), ("tls12", 85), ("websocket-tls", 25), ("tls-other-port", 16)] {
        let (capture, keys) = (testdata(&format!("{name}.pcap")), in_testdata(&format!("{name}.keys")));
        let (header, records) = records(&capture);
        folder.write("one.pcap", &[header, &records[..from].concat()].concat());
        let seen = |piece: &[u8], args: &[&str]| {
            folder.write("two.pcap", &[header, piece].concat());
            let told = folder.run(&[&["-f", "json", "--keylog", &keys], args].concat());
            let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
            told["captures"].as_array().unwrap().last().unwrap()["sip_messages"].as_u64().unwrap()
        };
        let state: &[&str] = &["--state", "state", "--flush", "two.pcap"];
        // The rest of it, behind a gap.
        let rest = later(&records[from..], 400);
        let alone = seen(&rest, &["two.pcap"]);
        seen(&rest, &["--state", "state", "one.pcap"]);
        let found = seen(&rest, state);
        assert!(found > alone, "{name}: {found} messages, {alone} without what was carried over");
        // All of it again, with the same numbers: the keys are others then.
        let again = later(&records, 400);
        let all = seen(&again, &["two.pcap"]);
        seen(&again, &["--state", "state", "one.pcap"]);
        assert_eq!(seen(&again, state), all, "{name}");
        // The same without the packets that opened it.
        let unopened = later(&records[3..], 400);
        seen(&unopened, &["--state", "state", "one.pcap"]);
        assert_eq!(seen(&unopened, state), seen(&unopened, &["two.pcap"]), "{name}");
    }
}

#[test]
fn many_pieces_are_as_good_as_two() {
    let folder = Folder::new("pieces");
    for name in ["calls.pcap", "transactions.pcap"] {
        let capture = testdata(name);
        let count = records(&capture).1.len();
        for show in ["calls", "registrations", "transactions"] {
            same_in_pieces(&folder, &capture, &[count / 3, count / 2], show, &[]);
            same_in_pieces(&folder, &capture, &(1..count).step_by(7).collect::<Vec<_>>(), show, &[]);
        }
    }
}

#[test]
fn a_timeline_names_the_captures_of_earlier_runs() {
    let folder = Folder::new("names");
    let capture = testdata("answered.pcap");
    let (header, records) = records(&capture);
    folder.write("one.pcap", &[header, &records[..2].concat()].concat());
    folder.write("two.pcap", &[header, &records[2..].concat()].concat());
    assert_eq!(folder.rows(&["--state", "state", "one.pcap"]), [""; 0]);
    let told = folder.run(&["-f", "json", "--state", "state", "--flush", "two.pcap"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let timeline = told["calls"][0]["timeline"].as_array().unwrap();
    assert_eq!(timeline[0]["file"], "one.pcap");
    assert_eq!(timeline[0]["frame"], 1);
    assert_eq!(timeline.last().unwrap()["file"], "two.pcap");
    assert_eq!(told["captures"].as_array().unwrap().len(), 1);
}

#[test]
fn a_gap_between_runs_is_a_restart_of_the_server() {
    let folder = Folder::new("gap");
    let (one, two) = (testdata("interrupted-1.pcap"), testdata("interrupted-2.pcap"));
    folder.write("one.pcap", &one);
    folder.write("two.pcap", &two);
    let codes = |args: &[&str]| folder.rows(&[&["--columns", "code"], args].concat());
    let mut at_once = codes(&["one.pcap", "two.pcap"]);
    assert!(at_once.contains(&"8002".to_owned()));
    let mut in_turn = codes(&["--state", "state", "one.pcap"]);
    in_turn.extend(codes(&["--state", "state", "--flush", "two.pcap"]));
    for code in &mut at_once {
        if code == "8002" {
            "8001".clone_into(code);
        }
    }
    at_once.sort();
    in_turn.sort();
    assert_eq!(in_turn, at_once);
}

#[test]
fn what_is_no_state_is_refused_and_left_alone() {
    let folder = Folder::new("refused");
    folder.write("calls.pcap", &testdata("calls.pcap"));
    folder.write("other.pcap", &testdata("calls.pcap"));
    assert!(folder.run(&["-q", "--state", "state", "calls.pcap"]).status.success());
    let good = fs::read(folder.0.join("state")).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let mut later = good.clone();
    later[15] = 200;
    for (bytes, words) in [
        (bad, "is damaged"),
        (good[..good.len() / 2].to_vec(), "is damaged"),
        (later, "another version"),
        (b"call_id,code\n".to_vec(), "is no state of sipcodes"),
        (Vec::new(), "is no state of sipcodes"),
    ] {
        folder.write("state", &bytes);
        folder.refuses(&["--state", "state", "calls.pcap"], 1, words);
        folder.refuses(&["--state", "state", "--flush", "calls.pcap"], 1, words);
        assert_eq!(fs::read(folder.0.join("state")).unwrap(), bytes, "{words}");
    }
    folder.refuses(&["--state", "other.pcap", "calls.pcap"], 1, "is no state of sipcodes");
    folder.refuses(&["--state", "nowhere/state", "calls.pcap"], 1, "nowhere/state");
    folder.refuses(&["--state", "calls.pcap", "calls.pcap"], 2, "--state");
    folder.refuses(&["--flush", "calls.pcap"], 2, "--state");
    // A run that reads nothing leaves the state to be gone on with.
    folder.write("state", &good);
    assert_eq!(folder.run(&["--state", "state", "missing.pcap"]).status.code(), Some(1));
    assert_eq!(fs::read(folder.0.join("state")).unwrap(), good);
}

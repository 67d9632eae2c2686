//! Runs that continue: a capture cut in pieces that are read one after another gives the rows of the whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// Whether the rows of the pieces, cut before these packets, are those of the whole.
#[track_caller]
fn same_in_pieces(folder: &Folder, capture: &[u8], cuts: &[usize], show: &str) {
    let (header, records) = records(capture);
    folder.write("whole.pcap", capture);
    let mut expected = folder.rows(&["--show", show, "whole.pcap"]);
    let mut got = Vec::new();
    let starts: Vec<_> = [0].iter().chain(cuts).copied().collect();
    for (piece, from) in starts.iter().enumerate() {
        let to = starts.get(piece + 1).copied().unwrap_or(records.len());
        folder.write("piece.pcap", &[header, &records[*from..to].concat()].concat());
        let mut args = vec!["--show", show, "--state", "state", "piece.pcap"];
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
                same_in_pieces(&folder, &capture, &[cut], show);
            }
        }
    }
}

#[test]
fn many_pieces_are_as_good_as_two() {
    let folder = Folder::new("pieces");
    for name in ["calls.pcap", "transactions.pcap"] {
        let capture = testdata(name);
        let count = records(&capture).1.len();
        for show in ["calls", "registrations", "transactions"] {
            same_in_pieces(&folder, &capture, &[count / 3, count / 2], show);
            same_in_pieces(&folder, &capture, &(1..count).step_by(7).collect::<Vec<_>>(), show);
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

//! The program as the shell sees it: what it prints where, and the exit status.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

// ---- captures, made here byte by byte ----

const ETHERNET: u32 = 1;

/// A pcap file: little-endian, microseconds, one frame a millisecond.
fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link.to_le_bytes());
    for (at, frame) in frames.iter().enumerate() {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        file.extend(1_700_000_000_u32.to_le_bytes());
        file.extend(u32::try_from(at * 1000).unwrap().to_le_bytes());
        file.extend(length);
        file.extend(length);
        file.extend(frame);
    }
    file
}

/// Ethernet, IPv4 and UDP around a payload: from 192.0.2.`from` to 192.0.2.`to`, port 5060 to 5060.
fn frame(from: u8, to: u8, payload: &str) -> Vec<u8> {
    let udp = u16::try_from(payload.len() + 8).unwrap();
    let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x08, 0x00];
    let mut ip = vec![0x45, 0];
    ip.extend((udp + 20).to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, from, 192, 0, 2, to]);
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(ip);
    frame.extend(5060_u16.to_be_bytes());
    frame.extend(5060_u16.to_be_bytes());
    frame.extend(udp.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload.as_bytes());
    frame
}

fn sip(start: &str, call_id: &str, from: &str, to_tag: &str, cseq: &str) -> String {
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-{call_id}-{}\r\nFrom: {from};tag=a1\r\n\
         To: <sip:bob@example.com>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nContact: <sip:alice@192.0.2.1>\r\n\
         Max-Forwards: 70\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
        cseq.replace(' ', "")
    )
}

/// A call that is refused with 486, from whoever `from` says.
fn busy_from(call_id: &str, from: &str) -> Vec<Vec<u8>> {
    let said = |start, to_tag, cseq| sip(start, call_id, from, to_tag, cseq);
    vec![
        frame(1, 2, &said("INVITE sip:bob@example.com SIP/2.0", "", "1 INVITE")),
        frame(2, 1, &said("SIP/2.0 180 Ringing", ";tag=b1", "1 INVITE")),
        frame(2, 1, &said("SIP/2.0 486 Busy Here", ";tag=b1", "1 INVITE")),
        frame(1, 2, &said("ACK sip:bob@example.com SIP/2.0", ";tag=b1", "1 ACK")),
    ]
}

fn busy(call_id: &str) -> Vec<Vec<u8>> {
    busy_from(call_id, "<sip:alice@example.com>")
}

fn registration(call_id: &str) -> Vec<Vec<u8>> {
    let said = |start, to_tag| sip(start, call_id, "<sip:bob@example.com>", to_tag, "1 REGISTER");
    vec![frame(1, 2, &said("REGISTER sip:example.com SIP/2.0", "")), frame(2, 1, &said("SIP/2.0 200 OK", ";tag=r1"))]
}

fn one_of_each() -> Vec<u8> {
    pcap(ETHERNET, &[busy("call-1@192.0.2.1"), registration("reg-1@192.0.2.1")].concat())
}

// ---- the program ----

/// A folder of its own for each test, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sipcodes-cli-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.join(name), bytes).unwrap();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sipcodes"));
        command.args(args).current_dir(&self.0).stdin(Stdio::null());
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Said {
    status: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("ended by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    #[track_caller]
    fn status(self, expected: i32) -> Self {
        assert_eq!(self.status, expected, "status\n-- stdout:\n{}\n-- stderr:\n{}", self.out, self.err);
        self
    }

    /// Standard error is this many lines, each of them ours, and together they say all of this.
    #[track_caller]
    fn says(self, lines: usize, words: &[&str]) -> Self {
        let all: Vec<_> = self.err.lines().collect();
        assert_eq!(all.len(), lines, "lines on stderr:\n{}", self.err);
        for line in all {
            assert!(line.starts_with("sipcodes: "), "{line}");
        }
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in:\n{}", self.err);
        }
        self
    }

    #[track_caller]
    fn silent(self) -> Self {
        assert_eq!(self.err, "");
        self
    }
}

// ---- what it does ----

#[test]
fn a_good_capture_is_told_and_nothing_else_is_said() {
    let folder = Folder::new("good").with("a.pcap", one_of_each());
    let said = folder.run(&["analyze", "a.pcap"]).status(0).silent();
    assert!(said.out.contains("486"), "{}", said.out);
    assert!(said.out.contains("1011"), "{}", said.out);
    assert!(!said.out.contains('\x1b'), "a pipe gets no colour: {:?}", said.out);
}

#[test]
fn each_format_holds_the_same_call() {
    let folder = Folder::new("formats").with("a.pcap", one_of_each());
    for format in ["table", "csv", "json", "ndjson"] {
        let said = folder.run(&["analyze", "a.pcap", "--format", format, "--show", "calls"]).status(0).silent();
        assert!(said.out.contains("486") && said.out.contains("Busy Here"), "{format}: {}", said.out);
        assert!(said.out.ends_with('\n'), "{format}");
    }
    let json = folder.run(&["analyze", "a.pcap", "-f", "json", "--show", "all"]).status(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["calls"][0]["code"], 486);
    assert_eq!(json["registrations"][0]["code"], 1011);
    assert_eq!(json["captures"][0]["packets"], 6);
    assert_eq!(json["captures"][0]["sip_messages"], 6);
    let lines = folder.run(&["analyze", "a.pcap", "-f", "ndjson"]).status(0).out;
    let types: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    for kind in ["call", "registration", "capture", "totals"] {
        assert_eq!(types.iter().filter(|found| *found == kind).count(), 1, "{kind} in {types:?}");
    }
}

#[test]
fn csv_is_one_table() {
    let folder = Folder::new("csv").with("a.pcap", one_of_each());
    let calls = folder.run(&["analyze", "a.pcap", "-f", "csv"]).status(0).silent();
    assert!(calls.out.starts_with("call_id,code,"), "calls when nothing is chosen: {}", calls.out);
    let registrations = folder.run(&["analyze", "a.pcap", "-f", "csv", "--show", "registrations"]).status(0);
    assert!(registrations.out.starts_with("aor,contact,"), "{}", registrations.out);
    let transactions = folder.run(&["analyze", "a.pcap", "-f", "csv", "--show", "transactions"]).status(0);
    assert_eq!(transactions.out.lines().count(), 1, "a header without rows: {}", transactions.out);
    assert!(transactions.out.starts_with("method,code,status,"), "{}", transactions.out);
    for two in ["calls,registrations", "registrations,transactions", "all"] {
        let said = folder.run(&["analyze", "a.pcap", "-f", "csv", "--show", two]).status(2).says(1, &["CSV", "--show"]);
        assert_eq!(said.out, "", "{two}");
    }
}

#[test]
fn transactions_are_shown_where_they_are_asked_for() {
    let keep_alive = |number: usize| {
        let (id, from) = (format!("ping-{number}"), format!("<sip:ping{number}@example.com>"));
        let asked = sip("OPTIONS sip:bob@example.com SIP/2.0", &id, &from, "", "1 OPTIONS");
        let code = if number == 7 { "503 Service Unavailable" } else { "200 OK" };
        let told = sip(&format!("SIP/2.0 {code}"), &id, &from, ";tag=b1", "1 OPTIONS");
        [frame(1, 2, &asked), frame(2, 1, &told)]
    };
    let frames: Vec<_> = (0..20).flat_map(keep_alive).collect();
    let folder = Folder::new("transactions").with("a.pcap", pcap(ETHERNET, &frames));
    let said = folder.run(&["analyze", "a.pcap"]).status(0).silent();
    assert!(!said.out.contains("OPTIONS"), "not unless asked for: {}", said.out);
    let args = ["analyze", "a.pcap", "-f", "csv", "--show", "transactions", "--columns", "method,code,count,from_uri"];
    let said = folder.run(&args).status(0).silent();
    assert_eq!(said.out.replace('\r', ""), "method,code,count,from_uri\nOPTIONS,200,19,\nOPTIONS,503,1,\n");
    let json = folder.run(&["analyze", "a.pcap", "-f", "json"]).status(0).silent();
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["transactions"], serde_json::json!([]), "a kind that is not shown has no rows");
    assert_eq!(json["totals"]["transactions"]["by_code"], serde_json::json!({"200": 19, "503": 1}));
    let lines = folder.run(&["analyze", "a.pcap", "-f", "ndjson", "--show", "transactions"]).status(0).silent();
    assert_eq!(lines.out.matches("{\"type\":\"transaction\",\"method\":\"OPTIONS\"").count(), 2, "{}", lines.out);
    let table = folder.run(&["analyze", "a.pcap", "--show", "all"]).status(0).silent();
    assert!(table.out.contains("20 transactions: 19 completed, 1 unsuccessful"), "{}", table.out);
}

#[test]
fn columns_are_chosen_and_checked() {
    let folder = Folder::new("columns").with("a.pcap", one_of_each());
    let said = folder.run(&["analyze", "a.pcap", "-f", "csv", "--columns", "code,call_id"]).status(0).silent();
    assert_eq!(said.out.replace('\r', ""), "code,call_id\n486,call-1@192.0.2.1\n");
    let said = folder.run(&["analyze", "a.pcap", "--columns", "code,statsu"]).status(2);
    assert!(said.err.contains("`statsu`, perhaps `status`"), "the nearest name: {}", said.err);
    assert!(said.err.contains("call_id"), "the names there are: {}", said.err);
    assert_eq!(said.out, "");
    folder
        .run(&["analyze", "a.pcap", "--show", "calls", "--columns", "code,aor"])
        .status(2)
        .says(1, &["`aor`", "registrations"]);
}

#[test]
fn standard_input_is_a_capture() {
    let folder = Folder::new("stdin");
    let mut child = folder
        .command(&["analyze", "-", "-f", "ndjson", "--show", "calls"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&one_of_each()).unwrap();
    let said = Said::from(child.wait_with_output().unwrap()).status(0).silent();
    assert!(said.out.contains("\"code\":486"), "{}", said.out);
    folder.run(&["analyze", "-", "-"]).status(2).says(1, &["standard input"]);
}

// ---- what goes wrong ----

#[test]
fn what_is_no_capture_gets_one_clear_line() {
    let text = "This is not a capture, only a text that somebody named so.\n".repeat(9);
    let folder = Folder::new("no-capture").with("text.pcap", text).with("empty.pcap", "");
    for (name, words) in [
        ("text.pcap", ["text.pcap", "not"]),
        ("empty.pcap", ["empty.pcap", "empty"]),
        ("missing.pcap", ["missing.pcap", "no such file"]),
    ] {
        let said = folder.run(&["analyze", name]).status(1).says(1, &words);
        assert_eq!(said.out, "", "{name}");
    }
}

/// A program's output for these bytes; `None` where the machine has no such program.
fn through(program: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(["-c", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(bytes).ok()?;
    let output = child.wait_with_output().unwrap();
    Some(output.stdout).filter(|packed| output.status.success() && !packed.is_empty())
}

#[test]
fn compressed_captures_are_read_from_files_and_pipes_and_merged() {
    let calls: Vec<_> = (0..3).map(|n| busy(&format!("call-{n}@192.0.2.1"))).collect();
    let plain = pcap(ETHERNET, &calls.concat());
    let folder = Folder::new("packed").with("a.pcap", &plain).with("b.pcap", one_of_each());
    let calls = |names: &[&str]| {
        let args = [&["analyze", "-f", "csv", "--columns", "call_id,code,messages,duplicates"][..], names].concat();
        folder.run(&args).status(0).silent().out
    };
    let (alone, merged) = (calls(&["a.pcap"]), calls(&["a.pcap", "b.pcap"]));
    // gzip is everywhere; of the others, those that there are.
    let mut tried = Vec::new();
    for program in ["gzip", "zstd", "xz", "lz4"] {
        let Some(packed) = through(program, &plain) else { continue };
        tried.push(program);
        // The name says nothing.
        fs::write(folder.0.join("packed"), &packed).unwrap();
        assert_eq!(calls(&["packed"]), alone, "{program}");
        assert_eq!(calls(&["packed", "b.pcap"]), merged, "{program}");
        let mut child = folder
            .command(&["analyze", "-", "-f", "csv", "--columns", "call_id,code,messages,duplicates"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&packed).unwrap();
        let piped = Said::from(child.wait_with_output().unwrap()).status(0).silent();
        assert_eq!(piped.out, alone, "{program}");
        let cut = folder.command(&["analyze", "cut", "-f", "csv"]);
        fs::write(folder.0.join("cut"), &packed[..packed.len() - 1]).unwrap();
        let said = Said::from({ cut }.output().unwrap()).status(0).says(1, &["warning: cut: ", "cut short at byte"]);
        assert!(said.out.contains("call-2@192.0.2.1"), "{program}: {}", said.out);
    }
    assert!(tried.contains(&"gzip"), "{tried:?}");
}

#[test]
fn a_rotated_set_is_one_capture() {
    let frames = [busy("call-1@192.0.2.1"), busy("call-2@192.0.2.1"), registration("reg-1@192.0.2.1")].concat();
    let whole = pcap(ETHERNET, &frames);
    // As tcpdump -C: the same header, the next records. Names are no order: the tenth stands before the second.
    let mut at = 24;
    let mut folder = Folder::new("rotated").with("whole.pcap", &whole);
    for (n, frame) in frames.iter().enumerate() {
        let end = at + 16 + frame.len();
        let part = [&whole[..24], &whole[at..end]].concat();
        let part = if n % 2 == 1 { through("gzip", &part).unwrap_or(part) } else { part };
        let name = if n == 0 { "rotated".to_owned() } else { format!("rotated{n}") };
        folder = folder.with(&name, part);
        at = end;
    }
    fs::create_dir(folder.0.join("set")).unwrap();
    for name in folder.names().into_iter().filter(|name| name.starts_with("rotated")) {
        fs::rename(folder.0.join(&name), folder.0.join("set").join(&name)).unwrap();
    }
    let rows = |name| folder.run(&["analyze", name, "-f", "csv"]).status(0).silent().out;
    assert_eq!(rows("set"), rows("whole.pcap"));
    assert_eq!(rows("whole.pcap").lines().count(), 3);
}

#[test]
fn a_packet_in_two_captures_counts_once() {
    let data = |name: &str| fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)).unwrap();
    for name in ["answered.pcap", "tcp.pcap", "tcp-segments.pcap", "ip-fragments.pcap"] {
        let folder = Folder::new("twice").with("a.pcap", data(name)).with("b.pcap", data(name));
        let rows = |files: &[&str]| {
            let columns = "call_id,code,reason,start,ended,retransmissions,attempts,hops,timed_out,ack_missing";
            let args = [&["analyze", "-f", "csv", "--columns", columns][..], files].concat();
            folder.run(&args).status(0).silent().out
        };
        assert_eq!(rows(&["a.pcap", "b.pcap"]), rows(&["a.pcap"]), "{name}");
    }
}

#[test]
fn a_folder_is_its_captures() {
    let capture = |call: &str| pcap(ETHERNET, &busy(call));
    let folder = Folder::new("folder");
    let make = |name: &str, bytes: &[u8]| {
        let path = folder.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    make("set/b.txt", &capture("call-b@192.0.2.1"));
    make("set/a.pcap", &capture("call-a@192.0.2.1"));
    make("set/notes.pcap", b"not a capture at all\n");
    make("set/empty.pcap", b"");
    make("set/deep/er/c", &capture("call-c@192.0.2.1"));
    make("other/README", b"words\n");
    make("other/deep/d.pcap", &capture("call-d@192.0.2.1"));
    make("foreign/netmon.cap", b"GMBU\x02\0\0\0");
    make("foreign/a.pcap", &capture("call-a@192.0.2.1"));
    fs::create_dir_all(folder.0.join("nothing")).unwrap();
    let read = |args: &[&str]| {
        let args = [&["analyze", "-f", "json"][..], args].concat();
        let said = folder.run(&args);
        let files = |out: &str| -> Vec<String> {
            let Ok(json) = serde_json::from_str::<serde_json::Value>(out) else { return Vec::new() };
            let captures = json["captures"].as_array().unwrap();
            captures.iter().map(|capture| capture["file"].as_str().unwrap().replace('\\', "/")).collect()
        };
        (files(&said.out), said)
    };
    let all = ["set/a.pcap", "set/b.txt", "set/deep/er/c"];
    type Case<'a> = (&'a [&'a str], &'a [&'a str], i32, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&["set"], &all[..2], 0, &[]),
        (&["-r", "set"], &all, 0, &[]),
        (&["--recursive", "set/"], &all, 0, &[]),
        (&["-r", "set", "set/a.pcap"], &["set/b.txt", "set/deep/er/c", "set/a.pcap"], 0, &[]),
        (&["-r", "set", "set/deep"], &all, 0, &[]),
        (&["other"], &[], 1, &["other: no capture in this folder, only README; --recursive looks into the folder"]),
        (&["-r", "other"], &["other/deep/d.pcap"], 0, &[]),
        (&["nothing"], &[], 1, &["nothing: an empty folder"]),
        (&["nothing", "set"], &["nothing", "set/a.pcap", "set/b.txt"], 3, &["nothing: an empty folder"]),
        (&["foreign"], &["foreign/a.pcap", "foreign/netmon.cap"], 3, &["foreign/netmon.cap: ", "Network Monitor"]),
    ];
    for (args, expected, status, words) in cases {
        let (files, said) = read(args);
        let said = said.status(*status).says(usize::from(!words.is_empty()), words);
        assert_eq!(files, *expected, "{args:?}: {}", said.err);
    }
    let said = folder.run(&["analyze", "set", "-o", "set/a.pcap"]).status(2);
    said.says(1, &["set/a.pcap: is one of the captures"]);
}

#[cfg(unix)]
#[test]
fn links_and_pipes_in_a_folder_neither_hang_nor_double() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new("links").with("b.pcap", one_of_each());
    let at = |name: &str| folder.0.join(name);
    fs::create_dir(at("set")).unwrap();
    fs::rename(at("b.pcap"), at("set/b.pcap")).unwrap();
    symlink("b.pcap", at("set/a-link")).unwrap();
    symlink(".", at("set/circle")).unwrap();
    symlink("self", at("set/self")).unwrap();
    symlink("gone", at("set/dangling")).unwrap();
    symlink("set", at("way")).unwrap();
    assert!(Command::new("mkfifo").arg(at("set/pipe")).status().unwrap().success());
    for (args, name) in [(&["-r", "set"][..], "set/b.pcap"), (&["way"], "way/b.pcap"), (&["way", "set"], "way/b.pcap")]
    {
        let said = folder.run(&[&["analyze", "-f", "json"][..], args].concat());
        let json: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_default();
        let captures = json["captures"].as_array().unwrap();
        assert_eq!(captures[0]["file"], name, "{args:?}: {}", said.err);
        assert_eq!(json["calls"].as_array().unwrap().len(), 1, "{args:?}");
        assert_eq!(captures[0]["duplicates"], 0);
    }
}

#[test]
fn a_link_type_that_nobody_decodes_is_named() {
    let folder = Folder::new("link-type").with("user0.pcap", pcap(147, &busy("c1"))).with("good.pcap", one_of_each());
    folder.run(&["analyze", "user0.pcap"]).status(1).says(1, &["user0.pcap", "link type 147"]);
    let said = folder.run(&["analyze", "user0.pcap", "good.pcap"]).status(3).says(1, &["user0.pcap", "link type 147"]);
    assert!(said.out.contains("486"), "the good one is still read: {}", said.out);
}

#[test]
fn a_last_packet_cut_short_is_a_warning() {
    let mut bytes = one_of_each();
    bytes.truncate(bytes.len() - 30);
    let folder = Folder::new("cut").with("cut.pcap", bytes);
    let said = folder.run(&["analyze", "cut.pcap"]).status(0).says(1, &["warning", "cut.pcap", "packet 6"]);
    assert!(said.out.contains("486"));
    let quiet = folder.run(&["analyze", "--quiet", "cut.pcap"]).status(0).silent();
    assert_eq!(quiet.out, said.out);
}

#[test]
fn one_bad_capture_of_two_is_said_and_the_other_is_read() {
    let folder =
        Folder::new("two").with("good.pcap", one_of_each()).with("bad.pcap", "GIF89a, not a capture at all....");
    for order in [["good.pcap", "bad.pcap"], ["bad.pcap", "good.pcap"], ["good.pcap", "missing.pcap"]] {
        let said = folder.run(&["analyze", order[0], order[1]]).status(3).says(1, &["error"]);
        assert!(said.out.contains("486"), "{order:?}");
        folder.run(&["analyze", "-q", order[0], order[1]]).status(3).says(1, &["error"]);
    }
}

#[test]
fn damage_in_the_middle_is_status_three_with_packet_and_offset() {
    let mut bytes = pcap(ETHERNET, &busy("c1"));
    // The second record's captured length becomes nonsense.
    let second = 24 + 16 + busy("c1")[0].len();
    bytes[second + 8..second + 12].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let folder = Folder::new("damage").with("damaged.pcap", bytes);
    let said = folder.run(&["analyze", "damaged.pcap"]).status(3);
    assert!(said.err.contains("damaged.pcap: packet 2, byte "), "{}", said.err);
}

// ---- where it goes ----

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let frames: Vec<_> = (0..3000).flat_map(|n| busy(&format!("call-{n}@192.0.2.1"))).collect();
    let folder = Folder::new("pipe").with("many.pcap", pcap(ETHERNET, &frames));
    for args in [
        &["analyze", "many.pcap"][..],
        &["analyze", "many.pcap", "-f", "csv"],
        &["analyze", "many.pcap", "-f", "json"],
        &["analyze", "many.pcap", "-f", "ndjson"],
        &["codes"],
        &["codes", "-f", "json"],
        &["schema"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["analyze", "--help"],
    ] {
        let mut child = folder.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::with_capacity(16, child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_closed_before_the_first_byte_is_quiet_too() {
    let folder = Folder::new("closed").with("a.pcap", one_of_each());
    for args in [&["--help"][..], &["--version"], &["codes"], &["analyze", "a.pcap"], &["analyze", "a.pcap", "-fjson"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = folder.command(args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let said = child.wait_with_output().unwrap();
        assert_eq!((said.status.code(), &said.stderr[..]), (Some(0), &b""[..]), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = Folder::new("full").with("a.pcap", one_of_each());
    for args in [&["analyze", "a.pcap"][..], &["codes"], &["--help"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = folder.command(args).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        Said::from(child.wait_with_output().unwrap()).status(1).says(1, &["standard output", "No space left"]);
    }
    folder.run(&["analyze", "a.pcap", "-o", "/dev/full"]).status(1).says(1, &["/dev/full", "No space left"]);
}

#[test]
fn output_goes_to_a_file_that_is_whole() {
    let folder = Folder::new("output").with("a.pcap", one_of_each()).with("bad.pcap", "nothing of the kind, really...");
    let printed = folder.run(&["analyze", "a.pcap", "-f", "json"]).status(0).out;
    let said = folder.run(&["analyze", "a.pcap", "-f", "json", "-o", "out.json"]).status(0).silent();
    assert_eq!(said.out, "");
    assert_eq!(fs::read_to_string(folder.0.join("out.json")).unwrap(), printed);
    folder.run(&["analyze", "bad.pcap", "-f", "csv", "-o", "out.json"]).status(1);
    assert_eq!(fs::read_to_string(folder.0.join("out.json")).unwrap(), printed, "a run that failed left its trace");
    folder.run(&["analyze", "a.pcap", "-o", "no/such/folder.csv"]).status(1).says(1, &["no/such/folder.csv"]);
    assert_eq!(folder.names(), ["a.pcap", "bad.pcap", "out.json"]);
}

#[test]
fn a_capture_is_never_written_over() {
    let bytes = one_of_each();
    let folder = Folder::new("over").with("a.pcap", &bytes);
    for typed in ["a.pcap", "./a.pcap"] {
        folder.run(&["analyze", "a.pcap", "-o", typed]).status(2).says(1, &["a.pcap", "capture"]);
        assert_eq!(fs::read(folder.0.join("a.pcap")).unwrap(), bytes);
    }
}

#[test]
fn colour_is_for_those_who_ask() {
    let folder = Folder::new("colour").with("a.pcap", one_of_each());
    let coloured = |args: &[&str], no_color: &str| {
        let mut command = folder.command(args);
        command.env("NO_COLOR", no_color);
        Said::from(command.output().unwrap()).status(0).out.contains('\x1b')
    };
    assert!(!coloured(&["analyze", "a.pcap"], ""), "a pipe");
    assert!(coloured(&["analyze", "a.pcap", "--color", "always"], ""), "asked for");
    assert!(coloured(&["analyze", "a.pcap", "--color", "always"], "1"), "the flag is nearer than the environment");
    assert!(!coloured(&["analyze", "a.pcap", "--color", "never"], ""));
    assert!(!coloured(&["analyze", "a.pcap", "--color", "always", "-f", "csv"], ""), "data has no colour");
}

#[test]
fn nothing_in_a_capture_reaches_the_terminal_raw() {
    let hostile = "\"\x1b]0;owned\x07\x1b[31mred\u{9b}2J\u{202e}\" <sip:eve\x1b[2J@example.com>";
    let folder = Folder::new("hostile")
        .with("a.pcap", pcap(ETHERNET, &busy_from("evil\x1b[H@192.0.2.1", hostile)))
        .with("bad\u{1b}[31m.pcap", "not a capture, whatever its name says");
    for format in ["table", "csv", "json", "ndjson"] {
        let args =
            ["analyze", "a.pcap", "-f", format, "--columns", "call_id,from_display,from_uri,code", "--show", "calls"];
        let said = folder.run(&args).status(0);
        let raw: Vec<_> = said.out.chars().filter(|c| c.is_control() && !"\r\n".contains(*c)).collect();
        if format == "table" {
            assert_eq!(raw, [], "{}", said.out.escape_debug());
        } else {
            assert!(!said.out.contains('\x1b') || format == "csv", "{format}: {}", said.out.escape_debug());
        }
    }
    let said = folder.run(&["analyze", "bad\u{1b}[31m.pcap"]).status(1);
    assert!(!said.err.contains('\x1b'), "{}", said.err.escape_debug());
}

// ---- the other commands, and what is typed wrongly ----

#[test]
fn help_and_version_are_results() {
    let folder = Folder::new("help");
    let version = folder.run(&["--version"]).status(0).silent();
    assert_eq!(version.out, format!("sipcodes {}\n", env!("CARGO_PKG_VERSION")));
    for args in [&["--help"][..], &["-h"], &["analyze", "--help"], &["codes", "-h"], &["help", "analyze"]] {
        let said = folder.run(args).status(0).silent();
        assert!(said.out.contains("Usage: sipcodes"), "{args:?}");
        assert!(said.out.lines().all(|line| line.len() <= 100), "{args:?}: too wide");
    }
    assert!(folder.run(&["--help"]).out.contains("Exit status"));
}

#[test]
fn what_cannot_be_understood_is_status_two() {
    let folder = Folder::new("usage");
    for args in [
        &[][..],
        &["analyse"],
        &["analyze"],
        &["analyze", "a.pcap", "--format", "xml"],
        &["analyze", "a.pcap", "--show", "packets"],
        &["analyze", "a.pcap", "--columns", ""],
        &["codes", "busy"],
        &["completions", "cmd"],
    ] {
        let said = folder.run(args).status(2);
        assert!(!said.err.is_empty() && said.out.is_empty(), "{args:?}");
    }
}

#[test]
fn codes_are_explained() {
    let folder = Folder::new("codes");
    let all = folder.run(&["codes", "--format", "json"]).status(0).silent();
    let all: serde_json::Value = serde_json::from_str(&all.out).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() > 80, "{}", all.len());
    for entry in all {
        let keys: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "name", "vqmanager_name", "class", "category", "meaning", "reference", "q850"]);
        assert!(entry["code"].is_u64() && entry["name"].is_string(), "{entry}");
    }
    let two = folder.run(&["codes", "8100", "486", "-f", "json"]).status(0);
    let two: serde_json::Value = serde_json::from_str(&two.out).unwrap();
    let numbers: Vec<_> = two.as_array().unwrap().iter().map(|entry| entry["code"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [8100, 486], "those only, in the order asked");
    let csv = folder.run(&["codes", "486", "-f", "csv"]).status(0).out.replace('\r', "");
    assert!(csv.starts_with("code,name,vqmanager_name,class,category,meaning,reference,q850\n486,Busy Here,"), "{csv}");
    assert_eq!(csv.lines().count(), 2);
    let table = folder.run(&["codes", "486"]).status(0).out;
    assert!(table.contains("486") && table.contains("Busy Here"), "{table}");
    let said = folder.run(&["codes", "486", "777", "499"]).status(1).says(1, &["777", "499"]);
    assert_eq!(said.out, "");
}

#[test]
fn the_schema_is_a_schema_and_the_report_keeps_it() {
    let folder = Folder::new("schema").with("a.pcap", one_of_each());
    let schema: serde_json::Value = serde_json::from_str(&folder.run(&["schema"]).status(0).silent().out).unwrap();
    let report: serde_json::Value =
        serde_json::from_str(&folder.run(&["analyze", "a.pcap", "-f", "json"]).status(0).out).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<_> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

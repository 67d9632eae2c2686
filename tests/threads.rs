//! However many threads there are: the same bytes come out, and where one side stops the other does.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Scenario, Side, run};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// Standard output, standard error and exit status of a run in the folder of captures.
fn told(args: &[&str], threads: &str) -> (Vec<u8>, Vec<u8>, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sipcodes"));
    let output = command.args(args).args(["--threads", threads]).current_dir(testdata()).output().unwrap();
    (output.stdout, output.stderr, output.status.code())
}

fn same_for_all(args: &[&str]) {
    let alone = told(args, "1");
    for threads in ["2", "8"] {
        assert!(told(args, threads) == alone, "{args:?} is another answer with --threads {threads}");
    }
}

fn captures() -> Vec<String> {
    let is_capture = |name: &String| !["md", "cmd", "out"].iter().any(|end| name.ends_with(end));
    let names = fs::read_dir(testdata()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(is_capture).filter(|name| testdata().join(name).is_file()).collect();
    names.sort();
    names
}

#[test]
fn each_capture_is_told_alike() {
    let captures = captures();
    assert!(captures.len() > 9, "{captures:?}");
    for capture in &captures {
        same_for_all(&["analyze", capture, "--format", "json", "--show", "all"]);
    }
}

#[test]
fn all_captures_as_one_timeline_are_told_alike_in_every_format() {
    let captures = captures();
    for format in ["table", "csv", "json", "ndjson"] {
        let mut args = vec!["analyze", "--format", format];
        if format != "csv" {
            args.extend(["--show", "all"]);
        }
        args.extend(captures.iter().map(String::as_str));
        same_for_all(&args);
    }
}

#[test]
fn whatever_else_is_asked_is_told_alike() {
    let cases = fs::read_dir(testdata()).unwrap().map(|entry| entry.unwrap().path());
    for case in cases.filter(|path| path.extension().is_some_and(|end| end == "cmd")) {
        let args = fs::read_to_string(case).unwrap();
        let args: Vec<_> = args.split_whitespace().collect();
        if args.first() == Some(&"analyze") && !args.contains(&"--state") && !args.contains(&"--format") {
            same_for_all(&args);
        }
    }
}

/// Some megabytes: far more than all batches hold that are under way at once.
fn long() -> Vec<u8> {
    let net = Scenario::new();
    let (alice, proxy, bob) = (net.host("10.0.0.1"), net.host("10.0.0.9"), net.host("10.0.0.2"));
    for number in 0..600 {
        let mut call = net.call(&format!("call-{number}@example"), &[alice, proxy, bob]);
        call.invite().respond(180, "Ringing").answer().ack().hang_up(Side::Caller);
        // Nothing is settled before its timers are.
        net.wait(5_000);
    }
    net.pcap()
}

#[test]
fn a_long_capture_is_told_alike_from_a_pipe_and_from_a_file() {
    let capture = long();
    assert!(capture.len() > 2_000_000, "{}", capture.len());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("threads-long.pcap");
    fs::write(&path, &capture).unwrap();
    same_for_all(&["analyze", "--format", "ndjson", path.to_str().unwrap()]);
    let piped = |threads: &str| run(&["analyze", "-f", "json", "--threads", threads, "-"], &capture);
    let alone = piped("1");
    assert_eq!((alone.status, alone.calls().len()), (0, 600), "{}", alone.stderr);
    assert!(piped("2").stdout == alone.stdout);
}

#[cfg(unix)]
#[test]
fn the_reader_stops_where_nobody_listens() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("threads-closed.pcap");
    fs::write(&path, long()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sipcodes"));
    command.args(["analyze", "--format", "ndjson", "--threads", "2"]).arg(&path);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::with_capacity(16, child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[test]
fn no_thread_at_all_is_refused() {
    assert_eq!(run(&["analyze", "-", "--threads", "0"], b"").status, 2);
}

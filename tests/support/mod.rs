//! Builds captures from SIP, so that a test reads as the life of a call, and runs the program on them.
//! Knows nothing of how the program works: only what goes over the wire, and its command line.
//!
//! ```ignore
//! let net = Scenario::new();
//! let (alice, proxy, bob) = (net.host("10.0.0.1"), net.host("10.0.0.9"), net.host("10.0.0.2"));
//! let mut call = net.call("one", &[alice, proxy, bob]); // every message is seen on both hops
//! call.invite().respond(180, "Ringing");
//! net.at(3_000); // milliseconds since the start of the capture
//! call.answer().ack();
//! net.at(63_000);
//! call.hang_up(Side::Caller); // BYE and its 200
//! assert_calls(&net, json!([{"code": 1000, "duration_s": 60.0}]));
//! ```
//!
//! Everything is deterministic: the clock starts at [`EPOCH`] and each packet takes [`STEP`] milliseconds, so that
//! messages are in order without a time being named. Where time matters, say [`Scenario::at`] or [`Scenario::wait`].

// Each file of tests/ is a crate of its own that compiles this module anew and uses a part of it.
#![allow(dead_code)]

mod call;
pub(crate) mod carriers;
mod net;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

// Not every test needs all of them.
#[allow(unused_imports)]
pub(crate) use call::{Call, Side};
#[allow(unused_imports)]
pub(crate) use net::{EPOCH, Host, Over, STEP, Scenario, Sent};

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Output {
    /// Exit status.
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// stdout, where it is JSON; null otherwise.
    pub(crate) json: Value,
}

impl Output {
    pub(crate) fn calls(&self) -> &[Value] {
        self.rows("calls")
    }

    pub(crate) fn registrations(&self) -> &[Value] {
        self.rows("registrations")
    }

    /// None where the program printed no JSON: the caller's assertion shows stderr.
    fn rows(&self, kind: &str) -> &[Value] {
        self.json[kind].as_array().map_or(&[], Vec::as_slice)
    }
}

/// Keeps the capture of a failed test, to be opened in Wireshark, and says where.
pub(crate) fn keep(capture: &[u8]) -> String {
    let name = std::thread::current().name().unwrap_or("test").replace("::", "-");
    let path = format!("{}/{name}.pcap", env!("CARGO_TARGET_TMPDIR"));
    match std::fs::write(&path, capture) {
        Ok(()) => path,
        Err(error) => format!("{path} not written: {error}"),
    }
}

/// Runs the program with these arguments and this standard input.
pub(crate) fn run(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sipcodes"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let stdin = stdin.to_vec();
    // In a thread: a program that writes before it has read everything would otherwise wait for us, and we for it.
    // One that does not read at all closes the pipe, which is no failure of the test.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    Output {
        status: output.status.code().unwrap_or(-1),
        json: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `sipcodes analyze --format json ARGS -` with this capture on standard input.
pub(crate) fn analyze(args: &[&str], capture: &[u8]) -> Output {
    let args: Vec<&str> = ["analyze", "--format", "json"].iter().chain(args).chain(&["-"]).copied().collect();
    run(&args, capture)
}

/// A call from `10.0.0.1` straight to `10.0.0.2`, and its network.
pub(crate) fn direct() -> (Scenario, Call) {
    let net = Scenario::new();
    let call = net.call("life", &[net.host("10.0.0.1"), net.host("10.0.0.2")]);
    (net, call)
}

/// Another call at this time: what makes the capture go on, so that timers can run out.
pub(crate) fn later(net: &Scenario, at: u64) {
    net.at(at);
    let mut other = net.call("later", &[net.host("10.0.0.7"), net.host("10.0.0.8")]);
    other.invite().respond(486, "Busy Here").ack();
}

/// A call between these hosts over that carrier: answered after three seconds, and a minute later hung up by the callee.
pub(crate) fn carried(hosts: [&str; 2], over: Over) -> Vec<u8> {
    let net = Scenario::new();
    let mut call = net.call("life", &hosts.map(|host| net.host(host)));
    call.over(over);
    call.invite().respond(180, "Ringing");
    net.at(3_000);
    call.answer().ack();
    net.at(63_000);
    call.hang_up(Side::Callee);
    net.pcap()
}

/// The calls found in the scenario are these, in this order: every field named must be equal, others are not looked at.
#[track_caller]
pub(crate) fn assert_calls(net: &Scenario, expected: Value) {
    assert_rows(net, "calls", &expected);
}

/// As [`assert_calls`], for registrations.
#[track_caller]
pub(crate) fn assert_registrations(net: &Scenario, expected: Value) {
    assert_rows(net, "registrations", &expected);
}

#[track_caller]
fn assert_rows(net: &Scenario, kind: &str, expected: &Value) {
    let capture = net.pcap();
    let output = analyze(&[], &capture);
    let rows = output.rows(kind);
    let expected = expected.as_array().expect("an array of rows");
    let mut wrong = String::new();
    if rows.len() != expected.len() {
        wrong = format!("{} {kind}, expected {}\n", rows.len(), expected.len());
    }
    for (n, (row, expected)) in rows.iter().zip(expected).enumerate() {
        for (key, value) in expected.as_object().expect("a row") {
            if !same(row.get(key), value) {
                let got = row.get(key).map_or_else(|| "no such field".to_owned(), Value::to_string);
                wrong.push_str(&format!("{kind}[{n}].{key}: {got}, expected {value}\n"));
            }
        }
    }
    if !wrong.is_empty() {
        let (kept, ladder, Output { status, stderr, .. }) = (keep(&capture), net.ladder(), &output);
        panic!("\n{wrong}\n{ladder}\ncapture: {kept}\nrows: {rows:#?}\nstatus {status}, stderr: {stderr}");
    }
}

/// Equal, where 60 and 60.0 are: JSON knows one kind of number.
fn same(got: Option<&Value>, expected: &Value) -> bool {
    match (got.and_then(Value::as_f64), expected.as_f64()) {
        (Some(got), Some(expected)) => (got - expected).abs() < 1e-6,
        _ => got == Some(expected),
    }
}

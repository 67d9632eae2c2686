//! The codes 8000 to 8004 as a user gets them: marks, limits, restarts and silences on whole captures.

mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{EPOCH, Over, Scenario, Side, run};

/// A call answered and acknowledged at this millisecond.
fn answered(net: &Scenario, id: &str, ms: u64) -> support::Call {
    net.at(ms);
    let mut call = net.call(id, &[net.host("10.0.0.1"), net.host("10.0.0.2")]);
    call.invite().respond(180, "Ringing").answer().ack();
    call
}

/// A call that nobody takes, so that the capture goes on until then.
fn busy(net: &Scenario, id: &str, ms: u64) {
    net.at(ms);
    net.call(id, &[net.host("10.0.0.7"), net.host("10.0.0.8")]).invite().respond(486, "Busy Here").ack();
}

/// Nothing is heard of the one call for more than an hour.
fn silence() -> Vec<u8> {
    let net = Scenario::new();
    answered(&net, "silent", 0);
    busy(&net, "later", 3_700_000);
    net.pcap()
}

/// Two captures with a quarter of an hour between them: one call goes on in the second, the other never does.
fn interrupted() -> [Vec<u8>; 2] {
    [true, false].map(|first| {
        let net = Scenario::new();
        net.capture_only(move |sent| (sent.at < 600_000) == first);
        let mut resumes = answered(&net, "resumes", 0);
        answered(&net, "lost", 2_000);
        busy(&net, "before", 60_000);
        net.at(960_000);
        resumes.hang_up(Side::Caller);
        busy(&net, "after", 1_000_000);
        net.pcap()
    })
}

/// A second of PCMU that each of these senders sends to each receiver, from this millisecond on; `lost` of it did not
/// come.
fn audio(net: &Scenario, ms: u64, ways: &[(&str, &str)], lost: &[u16]) {
    let media = |address: &str| SocketAddr::new(net.host(address).ip(), 40_000);
    for packet in 0..50_u16 {
        for (way, (from, to)) in (0_u32..).zip(ways) {
            if lost.contains(&packet) {
                continue;
            }
            let mut bytes = vec![0x80, if packet == 0 { 0x80 } else { 0 }];
            bytes.extend(packet.to_be_bytes());
            bytes.extend((u32::from(packet) * 160).to_be_bytes());
            bytes.extend((0x5eed_0000 + way).to_be_bytes());
            bytes.extend([0xff; 160]);
            net.at(ms + u64::from(packet) * 20 + u64::from(way) * 7);
            net.send_bytes(media(from), media(to), Over::Udp, &bytes);
        }
    }
}

/// Both talk for a second, and then nothing is heard of the call for more than five minutes.
fn media_stops() -> Vec<u8> {
    let net = Scenario::new();
    answered(&net, "stops", 0);
    audio(&net, 1_000, &[("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")], &[20, 21, 30]);
    busy(&net, "later", 400_000);
    net.pcap()
}

/// The callee hears the caller, from behind a NAT, and sends nothing that would come back.
fn one_way() -> Vec<u8> {
    let net = Scenario::new();
    let mut call = answered(&net, "one-way", 0);
    audio(&net, 1_000, &[("192.0.2.7", "10.0.0.2")], &[]);
    net.at(3_000);
    call.hang_up(Side::Caller);
    net.pcap()
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// The captures in testdata that no program on a loopback can make in reasonable time are made here.
#[test]
fn the_captures_are_what_is_built_here() {
    let [first, second] = interrupted();
    let built = [
        ("silence.pcap", silence()),
        ("interrupted-1.pcap", first),
        ("interrupted-2.pcap", second),
        ("media-stops.pcap", media_stops()),
        ("one-way.pcap", one_way()),
    ];
    for (name, bytes) in built {
        if std::env::var_os("BLESS").is_some() {
            fs::write(testdata(name), &bytes).expect("written");
        }
        assert!(fs::read(testdata(name)).is_ok_and(|held| held == bytes), "{name}: BLESS=1 cargo test --test states");
    }
}

/// Call-IDs and codes of the calls in these captures, in order of start.
fn codes(args: &[&str]) -> Vec<(String, u64)> {
    let args: Vec<String> = ["analyze", "--format", "json"]
        .iter()
        .chain(args)
        .map(|arg| if arg.ends_with(".pcap") { testdata(arg).display().to_string() } else { (*arg).to_owned() })
        .collect();
    let output = run(&args.iter().map(String::as_str).collect::<Vec<_>>(), b"");
    let pair = |call: &Value| {
        let call_id = call["call_id"].as_str().unwrap_or_default();
        (call_id.split('@').next().unwrap_or_default().to_owned(), call["code"].as_u64().unwrap_or_default())
    };
    assert_eq!(output.status, 0, "{}", output.stderr);
    output.calls().iter().map(pair).collect()
}

#[test]
fn what_is_told_from_outside_decides() {
    let both = ["interrupted-1.pcap", "interrupted-2.pcap"];
    let at = |seconds: u64| (EPOCH + seconds).to_string();
    let with = |args: &[&str]| {
        let rows = codes(&[args, &both[..]].concat());
        rows.into_iter().filter(|(id, _)| id == "resumes" || id == "lost").map(|(_, code)| code).collect::<Vec<_>>()
    };
    let cases: &[(&str, &[&str], [u64; 2])] = &[
        ("in hindsight", &[], [1000, 8002]),
        ("as an online monitor would", &["--as-live"], [8002, 8002]),
        ("a longer gap is no restart", &["--restart-gap", "1h"], [1000, 999]),
        ("the server restarted", &["--server-restart", &at(30)], [8001, 8001]),
        ("the sniffer restarted", &["--sniffer-restart", &at(30)], [8002, 8002]),
        ("a restart before both were up", &["--sniffer-restart", &at(1)], [8002, 8002]),
        ("marked by the user", &["--unmonitor", "resumes@example.com"], [8000, 8002]),
        ("marked by the user in time", &["--unmonitor", &format!("resumes@example.com@{}", at(30))], [8000, 8002]),
        (
            "marked by the user after its end",
            &["--unmonitor", &format!("resumes@example.com@{}", at(990))],
            [1000, 8002],
        ),
        ("a licence for one call", &["--license-limit", "1"], [1000, 8004]),
        ("silent for the timeout", &["--restart-gap", "1h", "--signalling-timeout", "5m"], [1000, 8003]),
    ];
    for (name, args, expected) in cases {
        assert_eq!(with(args), expected, "{name}");
    }
    assert_eq!(codes(&["silence.pcap"])[0], ("silent".to_owned(), 8003));
    assert_eq!(codes(&["silence.pcap", "--signalling-timeout", "2h"])[0], ("silent".to_owned(), 999));
}

#[test]
fn media_that_stop_are_missed_unless_it_goes_on() {
    assert_eq!(codes(&["media-stops.pcap"])[0], ("stops".to_owned(), 8100));
    assert_eq!(codes(&["media-stops.pcap", "--media-timeout", "10m"])[0], ("stops".to_owned(), 999));
    assert_eq!(codes(&["one-way.pcap"])[0], ("one-way".to_owned(), 1000));
}

#[test]
fn an_events_file_gives_the_same_marks() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("events.csv");
    let events = path.display().to_string();
    fs::write(&path, format!("time,event,call_id\n{},unmonitor,resumes@example.com\n", EPOCH + 30)).expect("written");
    let rows = codes(&["--events", &events, "interrupted-1.pcap", "interrupted-2.pcap"]);
    assert!(rows.contains(&("resumes".to_owned(), 8000)), "{rows:?}");

    fs::write(&path, format!("time,event,call_id\n{},server-restart,\nnoon,server-restart,\n", EPOCH))
        .expect("written");
    let output = run(&["analyze", "--events", &events, &testdata("silence.pcap").display().to_string()], b"");
    assert_eq!(output.status, 2, "{}", output.stderr);
    assert!(output.stderr.contains("line 3") && output.stderr.contains("noon"), "{}", output.stderr);
    assert_eq!(output.stdout, "");

    for wrong in [
        ["--signalling-timeout", "soon"],
        ["--server-restart", "noon"],
        ["--license-limit", "-1"],
        ["--max-calls", "0"],
    ] {
        let output = run(&["analyze", wrong[0], wrong[1], "x.pcap"], b"");
        assert_eq!(output.status, 2, "{wrong:?}: {}", output.stderr);
    }
}

#[test]
fn beyond_the_bound_a_call_is_told_as_it_stands_and_it_is_said() {
    let [first, _] = interrupted();
    let output = support::analyze(&["--max-calls", "1"], &first);
    let codes: Vec<_> = output.calls().iter().map(|call| call["code"].clone()).collect();
    assert_eq!(codes, [999, 999, 486]);
    let said =
        "more calls at once than the bound allows, those silent for long were told as they stood (2 times, here first)";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    assert_eq!(output.status, 0, "{}", output.stderr);
}

#[test]
fn an_unmonitored_call_still_says_what_the_wire_showed() {
    let capture = fs::read(testdata("calls.pcap")).expect("a capture");
    let output = support::analyze(&["--unmonitor", "call-10@127.0.0.32"], &capture);
    let row = output.calls().iter().find(|call| call["call_id"] == "call-10@127.0.0.32").expect("the call");
    for (key, expected) in [
        ("code", json!(8000)),
        ("category", json!("unmonitored")),
        ("status", json!("Marked as Unmonitored By User")),
        ("sip_code", json!(200)),
        ("ended_by", json!("caller")),
    ] {
        assert_eq!(row[key], expected, "{key}");
    }
    assert!(row["answered"].is_string() && row["ended"].is_string());
    assert!(row["reason"].as_str().is_some_and(|reason| reason.ends_with("marked as unmonitored by the user")));
}

//! Legs of one call under several Call-IDs, as they go over the wire, and how they are shown together.
//!
//! `BLESS=1 cargo test --test legs` writes `testdata/legs.pcap` anew.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{Host, Scenario, Side, analyze, run};

/// A call through the B2BUA `10.0.0.9` that hands on whom it connects, with these header lines in its two INVITEs. The
/// media go past the B2BUA where `media` is somebody.
fn through(net: &Scenario, name: &str, from: &str, to: &str, headers: [&str; 2], media: Option<Host>) {
    let (alice, b2bua, bob) = (net.host("10.0.0.1"), net.host("10.0.0.9"), net.host("10.0.0.2"));
    let mut first = net.call(&format!("{name}-a"), &[alice, b2bua]);
    let mut second = net.call(&format!("{name}-b"), &[b2bua, bob]);
    for call in [&mut first, &mut second] {
        (call.from, call.to) = (format!("sip:{from}@example.com"), format!("sip:{to}@example.com"));
    }
    second.media = media;
    let [one, other] = headers;
    if !one.is_empty() {
        first.header(one);
    }
    first.invite().respond(100, "Trying");
    if !other.is_empty() {
        second.header(other);
    }
    second.invite().respond(180, "Ringing");
    first.respond(180, "Ringing");
    net.wait(1_000);
    second.answer().ack();
    first.answer().ack();
    net.wait(4_000);
    first.hang_up(Side::Caller);
    second.hang_up(Side::Caller);
    net.wait(1_000);
}

/// Every kind of evidence once, other calls between them.
fn legs() -> Scenario {
    let net = Scenario::new();
    let host = |address| net.host(address);
    let (alice, b2bua, bob, carol) = (host("10.0.0.1"), host("10.0.0.9"), host("10.0.0.2"), host("10.0.0.3"));

    const SESSION: &str = "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000";
    through(&net, "session", "1001", "2001", [SESSION, SESSION], None);
    through(&net, "header", "1002", "2002", ["", "X-CID: header-a@example.com"], None);
    through(&net, "sdp", "+49301003", "2003", ["", ""], Some(alice));
    // The same numbers at the same time, but nothing that shows that they belong together.
    through(&net, "apart", "1004", "2004", ["", ""], None);

    // Blind transfer: bob refers alice to carol.
    let mut call = net.call("blind-a", &[alice, bob]);
    call.invite().answer().ack();
    net.wait(5_000);
    call.header("Refer-To: <sip:carol@example.com>").header("Referred-By: <sip:bob@example.com>");
    call.request(Side::Callee, "REFER", true).respond_to("REFER", 202, "Accepted");
    let mut transferred = net.call("blind-b", &[alice, carol]);
    transferred.to = "sip:carol@example.com".to_owned();
    transferred.header("Referred-By: <sip:bob@example.com>").invite().answer().ack();
    call.hang_up(Side::Callee);
    net.wait(5_000);
    transferred.hang_up(Side::Caller);

    // Attended transfer: bob asks carol first, then alice's call takes the place of bob's.
    let mut call = net.call("attended-a", &[alice, bob]);
    call.invite().answer().ack();
    net.wait(3_000);
    let mut asked = net.call("attended-b", &[bob, carol]);
    (asked.from, asked.to) = ("sip:bob@example.com".to_owned(), "sip:carol@example.com".to_owned());
    asked.invite().answer().ack();
    net.wait(3_000);
    let dialog = (asked.call_id.clone(), asked.to_tag.clone(), asked.from_tag.clone());
    call.header(&format!(
        "Refer-To: <sip:carol@example.com?Replaces={}%3Bto-tag%3D{}%3Bfrom-tag%3D{}>",
        dialog.0.replace('@', "%40"),
        dialog.1,
        dialog.2
    ));
    call.request(Side::Callee, "REFER", true).respond_to("REFER", 202, "Accepted");
    let mut joined = net.call("attended-c", &[alice, carol]);
    joined.to = "sip:carol@example.com".to_owned();
    joined.header(&format!("Replaces: {};to-tag={};from-tag={}", dialog.0, dialog.1, dialog.2));
    joined.invite().answer().ack();
    asked.hang_up(Side::Callee);
    call.hang_up(Side::Callee);
    net.wait(5_000);
    joined.hang_up(Side::Caller);

    // A call that begins while another one's legs are still coming up.
    let mut first = net.call("late-a", &[alice, b2bua]);
    first.invite();
    let mut other = net.call("other", &[carol, bob]);
    other.from = "sip:carol@example.com".to_owned();
    other.invite().respond(486, "Busy Here").ack();
    let mut second = net.call("late-b", &[b2bua, bob]);
    second.header("X-Call-ID: late-a@example.com").invite().respond(486, "Busy Here").ack();
    first.respond(486, "Busy Here").ack();
    net
}

#[test]
fn the_capture_in_testdata_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/legs.pcap");
    let capture = legs().pcap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &capture).expect("written");
    }
    assert!(fs::read(&path).is_ok_and(|kept| kept == capture), "BLESS=1 cargo test --test legs");
}

#[test]
fn each_link_tells_its_evidence() {
    let capture = legs().pcap();
    let output = analyze(&[], &capture);
    let mut got: Vec<(String, String)> = Vec::new();
    for call in output.calls() {
        let name = |id: &Value| id.as_str().unwrap_or_default().trim_end_matches("@example.com").to_owned();
        let links = call["linked"].as_array().expect("a list").iter();
        let links: Vec<_> =
            links.map(|link| format!("{} {}", name(&link["call_id"]), link["evidence"].as_str().unwrap())).collect();
        got.push((name(&call["call_id"]), links.join(", ")));
    }
    let expected = [
        ("session-a", "session-b session-id"),
        ("session-b", "session-a session-id"),
        ("header-a", "header-b x-call-id"),
        ("header-b", "header-a x-call-id"),
        ("sdp-a", "sdp-b numbers+time+sdp"),
        ("sdp-b", "sdp-a numbers+time+sdp"),
        ("apart-a", ""),
        ("apart-b", ""),
        ("blind-a", "blind-b refer"),
        ("blind-b", "blind-a refer"),
        ("attended-a", "attended-b replaces, attended-c refer"),
        ("attended-b", "attended-a replaces, attended-c replaces"),
        ("attended-c", "attended-b replaces, attended-a refer"),
        ("late-a", "late-b x-call-id"),
        ("other", ""),
        ("late-b", "late-a x-call-id"),
    ];
    assert_eq!(got, expected.map(|(name, links)| (name.to_owned(), links.to_owned())));
}

#[test]
fn a_header_of_ones_own_links_too() {
    let net = Scenario::new();
    through(&net, "own", "1001", "2001", ["", "X-Tenant-Leg: own-a@example.com"], None);
    let capture = net.pcap();
    let links = |args: &[&str]| analyze(args, &capture).calls()[1]["linked"].clone();
    assert_eq!(links(&[]), json!([]));
    assert_eq!(
        links(&["--leg-header", "x-tenant-leg"]),
        json!([{"call_id": "own-a@example.com", "evidence": "x-call-id"}])
    );
}

#[test]
fn grouped_legs_stand_together() {
    let capture = legs().pcap();
    let order = |args: &[&str]| -> Vec<String> {
        let calls = analyze(args, &capture);
        calls.calls().iter().rev().take(3).rev().map(|call| call["call_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(order(&[]), ["late-a@example.com", "other@example.com", "late-b@example.com"]);
    assert_eq!(order(&["--group"]), ["late-a@example.com", "late-b@example.com", "other@example.com"]);
    let csv = run(&["analyze", "--group", "--format", "csv", "--columns", "call_id", "-"], &capture);
    assert!(csv.stdout.ends_with("late-a@example.com\nlate-b@example.com\nother@example.com\n"), "{csv:?}");
    let lines = run(&["analyze", "--group", "--format", "ndjson", "-"], &capture);
    assert_eq!(lines.status, 2, "{lines:?}");
}

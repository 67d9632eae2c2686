//! Pairs of calls that are legs of one, and near misses that are not, one table row each.
//!
//! A line is `seconds sender>receiver Call-ID method-or-code [key=value …]`. Senders are hosts, `host:port` where the port
//! is not 5060. Left out: `from` is `1001`, `to` and `uri` (users of To and Request-URI) are `2002`, the tags are `A`
//! and, in responses and requests other than a first INVITE, `B`; `cseq` is 1. `sdp=id/address:port` is the body. Any other key
//! is a header, its `_` a space. What is expected is a line `one other evidence` per pair, in order of the names.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::event::{Event, Transport, What};
use crate::packet::Place;
use crate::track::Tracker;
use crate::track::fact::Fact;

fn address(name: &str) -> SocketAddr {
    let (host, port) = name.split_once(':').unwrap_or((name, "5060"));
    let last = host.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    SocketAddr::from(([192, 0, 2, last], port.parse().expect("a port")))
}

fn line(text: &str, frame: u64, tracker: &mut Tracker) {
    let mut words = text.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("four words at least: {text}"));
    let seconds: f64 = word().parse().expect("seconds");
    let (src, dst) = word().split_once('>').expect("sender>receiver");
    let (call_id, what) = (word(), word());
    let options: Vec<(&str, &str)> = words.map(|word| word.split_once('=').expect("key=value")).collect();
    let option = |key: &str| options.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let or = |key: &str, other| option(key).unwrap_or(other);
    let (code, method) = match what.split_once('/') {
        Some((code, method)) => (Some(code), method),
        None if what.starts_with(|first: char| first.is_ascii_digit()) => (Some(what), "INVITE"),
        None => (None, what),
    };
    let (from, to) = (or("from", "1001"), or("to", "2002"));
    let mut message = match code {
        Some(code) => format!("SIP/2.0 {code} X\r\n"),
        None => format!("{method} sip:{}@example.com SIP/2.0\r\n", or("uri", to)),
    };
    let to_tag = if code.is_none() && method == "INVITE" { option("totag") } else { Some(or("totag", "B")) };
    let to_tag = to_tag.map_or_else(String::new, |tag| format!(";tag={tag}"));
    let cseq = or("cseq", "1");
    message += &format!("Via: SIP/2.0/UDP x;branch=z9hG4bK-{call_id}-{method}-{cseq}-{}\r\n", or("via", "1"));
    message += &format!("From: <sip:{from}@a.example>;tag={}\r\nTo: <sip:{to}@b.example>{to_tag}\r\n", or("tag", "A"));
    message += &format!("Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n");
    for (key, value) in &options {
        if !["from", "to", "uri", "tag", "totag", "cseq", "via", "sdp", "duplicate", "correlation"].contains(key) {
            message += &format!("{key}: {}\r\n", value.replace('_', " "));
        }
    }
    message += "\r\n";
    if let Some((id, (ip, port))) =
        option("sdp").and_then(|sdp| sdp.split_once('/')).and_then(|(id, place)| Some((id, place.split_once(':')?)))
    {
        message += &format!("v=0\r\no=- {id} 1 IN IP4 {ip}\r\nc=IN IP4 {ip}\r\nm=audio {port} RTP/AVP 0\r\n");
    }
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
    let at = Timestamp::from_millis((seconds * 1000.0) as i64);
    tracker.feed(&Event {
        at,
        place: Place { file: 0, frame },
        path: Path { src: address(src), dst: address(dst), transport: Transport::Udp },
        duplicate: option("duplicate").is_some(),
        correlation: option("correlation").map(str::as_bytes),
        what: What::Sip(Message::parse(message.as_bytes()).expect("a message")),
    });
}

/// The links of these messages, each pair once, both sides of which must agree.
fn links(new: impl Fn() -> Tracker, messages: &str) -> Vec<String> {
    let [awake, asleep] = [false, true].map(|dozes| links_of(&mut new(), messages, dozes));
    assert_eq!(awake, asleep, "the same when calls sleep between their messages");
    awake
}

fn links_of(tracker: &mut Tracker, messages: &str, dozes: bool) -> Vec<String> {
    let mut end = 0.0;
    for (frame, text) in (1..).zip(messages.lines().map(str::trim).filter(|line| !line.is_empty())) {
        line(text, frame, tracker);
        if dozes {
            tracker.doze();
        }
        end = text.split(' ').next().and_then(|seconds| seconds.parse().ok()).expect("seconds");
    }
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
    tracker.finish(Timestamp::from_millis((end * 1000.0) as i64));
    let mut pairs = BTreeSet::new();
    let mut ends = 0;
    while let Some(Fact::Call(call)) = tracker.poll() {
        for link in &call.linked {
            let (one, other) = (call.opening.call_id().min(&link.call_id), call.opening.call_id().max(&link.call_id));
            pairs.insert(format!("{one} {other} {}", link.evidence.name()));
            ends += 1;
        }
    }
    assert_eq!(ends, 2 * pairs.len(), "a link has two ends: {pairs:?}");
    pairs.into_iter().collect()
}

fn check(cases: &[(&str, &str, &str)]) {
    for (name, messages, expected) in cases {
        let expected: Vec<&str> = expected.split(", ").filter(|pair| !pair.is_empty()).collect();
        assert_eq!(links(Tracker::default, messages), expected, "{name}");
    }
}

const UUID: &str = "ab30317f1a784dc48ff824d0d3715d86";
const OTHER: &str = "47755a9de7794ba387653f2099600ef2";
const NIL: &str = "00000000000000000000000000000000";

#[test]
fn session_id() {
    let with = |text: &str| text.replace("UUID", UUID).replace("OTHER", OTHER).replace("NIL", NIL);
    let cases = [
        (
            "kept by the B2BUA",
            "0 a>s x INVITE Session-ID=UUID;remote=NIL\n 1 s>b y INVITE Session-ID=UUID;remote=NIL",
            "x y session-id",
        ),
        (
            "the other way round",
            "0 a>s x INVITE Session-ID=UUID;remote=OTHER\n 1 s>b y INVITE session-id=OTHER;remote=UUID",
            "x y session-id",
        ),
        (
            "of the remote side only",
            "0 a>s x INVITE Session-ID=UUID\n 9 c>s y INVITE Session-ID=OTHER;remote=UUID",
            "x y session-id",
        ),
        ("another", "0 a>s x INVITE Session-ID=UUID;remote=NIL\n 1 s>b y INVITE Session-ID=OTHER;remote=NIL", ""),
        ("nil", "0 a>s x INVITE Session-ID=NIL;remote=NIL\n 1 s>b y INVITE Session-ID=NIL;remote=NIL", ""),
        ("no UUID", "0 a>s x INVITE Session-ID=1;remote=2\n 1 s>b y INVITE Session-ID=1;remote=2", ""),
        ("one after the other", "0 a>s x INVITE Session-ID=UUID\n 1 s>a x 486\n 2 a>s y INVITE Session-ID=UUID", ""),
        ("one call on two hops", "0 a>s x INVITE Session-ID=UUID\n 0.1 s>b x INVITE via=2 Session-ID=UUID", ""),
        (
            "in a re-INVITE",
            "0 a>s x INVITE Session-ID=UUID\n 1 s>b y INVITE\n 2 s>b y INVITE totag=B cseq=2 Session-ID=UUID",
            "",
        ),
        (
            "captured twice",
            "0 a>s x INVITE\n 0.1 a>s x INVITE Session-ID=UUID duplicate=\n 1 s>b y INVITE Session-ID=UUID",
            "",
        ),
        (
            "a forking B2BUA",
            "0 a>s x INVITE Session-ID=UUID\n 1 s>b y INVITE Session-ID=UUID\n 1 s>c z INVITE Session-ID=UUID",
            "x y session-id, x z session-id, y z session-id",
        ),
        (
            "the surer of two",
            "0 a>s x INVITE Session-ID=UUID\n 1 s>b y INVITE Session-ID=UUID X-CID=x",
            "x y session-id",
        ),
    ]
    .map(|(name, messages, expected)| (name, with(messages), expected));
    check(&cases.each_ref().map(|(name, messages, expected)| (*name, &**messages, *expected)));
}

#[test]
fn x_call_id() {
    check(&[
        ("the Call-ID of the other leg", "0 a>s x@1 INVITE\n 20 s>b y INVITE X-Call-ID=x@1", "x@1 y x-call-id"),
        ("X-CID, in brackets", "0 a>s x@1 INVITE\n 1 s>b y INVITE x-cid=<x@1>", "x@1 y x-call-id"),
        ("seen before the other leg", "0 s>b y INVITE X-CID=x\n 1 a>s x INVITE", "x y x-call-id"),
        (
            "several",
            "0 a>s x INVITE\n 0 a>s z INVITE from=7\n 1 s>b y INVITE X-CID=x,z",
            "x y x-call-id, y z x-call-id",
        ),
        ("added on a later hop", "0 a>s x INVITE\n 1 s>p y INVITE\n 2 p>b y INVITE via=2 X-CID=x", "x y x-call-id"),
        ("a leg that has failed", "0 a>s x INVITE\n 1 s>a x 503\n 2 s>b y INVITE X-Orig-Call-ID=x", "x y x-call-id"),
        ("a leg joined late", "0 a>s x BYE\n 1 s>b y INVITE X-CID=x", "x y x-call-id"),
        ("a chain", "0 a>s x INVITE\n 1 s>t y INVITE X-CID=x\n 2 t>b z INVITE X-CID=y", "x y x-call-id, y z x-call-id"),
        ("half a Call-ID", "0 a>s x@1 INVITE\n 1 s>b y INVITE X-CID=x", ""),
        ("in another case", "0 a>s x INVITE\n 1 s>b y INVITE X-CID=X", ""),
        ("its own", "0 a>s x INVITE X-CID=x", ""),
        ("a header of another meaning", "0 a>s x INVITE\n 1 s>b y INVITE X-Account=x", ""),
        ("a leg long forgotten", "0 a>s x INVITE\n 1 s>a x 503\n 300 s>b y INVITE X-CID=x", ""),
    ]);
    let messages = "0 a>s x INVITE\n 1 s>b y INVITE X-Account=x";
    let new = || {
        let mut tracker = Tracker::default();
        tracker.link_by(["x-ACCOUNT".to_owned()]);
        tracker
    };
    assert_eq!(links(new, messages), ["x y x-call-id"], "a header named by the user");
}

#[test]
fn what_a_capture_agent_tells() {
    check(&[
        ("the other leg", "0 a>s x@1 INVITE\n 9 s>b y INVITE correlation=x@1", "x@1 y x-call-id"),
        ("told before the other leg is seen", "0 s>b y INVITE correlation=x\n 1 a>s x INVITE", "x y x-call-id"),
        ("with the end of the string", "0 a>s x INVITE\n 1 s>b y INVITE correlation=x\0\0", "x y x-call-id"),
        ("the call itself", "0 a>s x INVITE correlation=x\n 1 s>b y INVITE correlation=y", ""),
        ("a number that is no Call-ID", "0 a>s x INVITE correlation=7\n 1 s>b y INVITE correlation=7", ""),
        ("nothing", "0 a>s x INVITE correlation=\n 1 s>b y INVITE correlation=", ""),
    ]);
}

#[test]
fn replaces() {
    check(&[
        (
            "an INVITE that replaces a dialog",
            "0 t>c x INVITE\n 1 c>t x 200\n 9 b>c y INVITE Replaces=x;to-tag=B;from-tag=A",
            "x y replaces",
        ),
        (
            "the callee's side of it, early",
            "0 t>c x INVITE\n 1 c>t x 180\n 9 b>t y INVITE Replaces=x;to-tag=A;from-tag=B;early-only",
            "x y replaces",
        ),
        ("another dialog's tags", "0 t>c x INVITE\n 1 c>t x 200\n 9 b>c y INVITE Replaces=x;to-tag=C;from-tag=A", ""),
        ("no tags", "0 t>c x INVITE\n 1 c>t x 200\n 9 b>c y INVITE Replaces=x", ""),
        ("another call", "0 t>c x INVITE\n 1 c>t x 200\n 9 b>c y INVITE Replaces=z;to-tag=B;from-tag=A", ""),
        (
            "a REFER that asks for it",
            "0 b>t x INVITE\n 1 t>b x 200\n 2 t>c z INVITE from=3\n 3 c>t z 200
             9 t>b x REFER cseq=2 Refer-To=<sip:4@c?Replaces=z%3Bto-tag%3DB%3Bfrom-tag%3DA>
             9.1 b>t x 202/REFER cseq=2",
            "x z replaces",
        ),
        (
            "a REFER that is refused",
            "0 b>t x INVITE\n 1 t>b x 200\n 2 t>c z INVITE from=3\n 3 c>t z 200
             9 t>b x REFER cseq=2 Refer-To=<sip:4@c?Replaces=z%3Bto-tag%3DB%3Bfrom-tag%3DA>
             9.1 b>t x 603/REFER cseq=2",
            "",
        ),
    ]);
}

#[test]
fn refer() {
    let life = "0 b>t x INVITE\n 1 t>b x 200\n 9 t>b x REFER cseq=2 Refer-To=<sip:4@example.com>\n";
    let with = |rest: &str| format!("{life}{rest}");
    let cases = [
        ("who was referred calls the target", "9.1 b>t x 202/REFER cseq=2\n 9.2 b>c y INVITE uri=4 to=4", "x y refer"),
        ("before the 202", "9.1 b>c y INVITE uri=4 to=4\n 9.2 b>t x 202/REFER cseq=2", "x y refer"),
        ("another target", "9.2 b>c y INVITE uri=5 to=5", ""),
        ("another host", "9.2 d>c y INVITE uri=4 to=4", ""),
        ("who referred", "9.2 t>c y INVITE uri=4 to=4", ""),
        ("too late", "20 b>c y INVITE uri=4 to=4", ""),
        ("refused", "9.1 b>t x 405/REFER cseq=2\n 9.2 b>c y INVITE uri=4 to=4", ""),
        ("one INVITE a REFER", "9.2 b>c y INVITE uri=4 to=4\n 9.3 b>c z INVITE uri=4 to=4", "x y refer"),
        (
            "Referred-By, through another host",
            "9.2 d>c y INVITE uri=4 to=4 Referred-By=<sip:1001@a.example>",
            "x y refer",
        ),
        ("Referred-By another", "9.2 d>c y INVITE uri=4 to=4 Referred-By=<sip:9@a.example>", ""),
        ("Referred-By, another target", "9.2 b>c y INVITE uri=5 to=5 Referred-By=<sip:1001@a.example>", ""),
    ]
    .map(|(name, rest, expected)| (name, with(rest), expected));
    check(&cases.each_ref().map(|(name, messages, expected)| (*name, &**messages, *expected)));
    check(&[
        (
            "two REFERs to one target, told apart by host",
            "0 b>t x INVITE\n 1 t>b x 200\n 0 d>t z INVITE from=7\n 1 t>d z 200
             9 t>b x REFER cseq=2 Refer-To=<sip:4@example.com>\n 9 t>d z REFER cseq=2 Refer-To=<sip:4@example.com>
             9.2 d>c y INVITE uri=4 to=4",
            "y z refer",
        ),
        (
            "two REFERs that both may be meant",
            "0 b>t x INVITE\n 1 t>b x 200\n 0 b>t z INVITE from=7\n 1 t>b z 200
             9 t>b x REFER cseq=2 Refer-To=<sip:4@example.com>\n 9 t>b z REFER cseq=2 Refer-To=<sip:4@example.com>
             9.2 b>c y INVITE uri=4 to=4",
            "",
        ),
        (
            "a REFER for a BYE",
            "0 b>t x INVITE\n 1 t>b x 200\n 9 t>b x REFER cseq=2 Refer-To=<sip:4@example.com;method=BYE>
             9.2 b>c y INVITE uri=4 to=4",
            "",
        ),
        (
            "a REFER outside of any call",
            "9 t>b x REFER cseq=2 Refer-To=<sip:4@example.com>\n 9.2 b>c y INVITE uri=4 to=4",
            "",
        ),
    ]);
}

#[test]
fn numbers_time_and_sdp() {
    const FIRST: &str = "0 a>s x INVITE sdp=48151/10.0.0.1:4000\n";
    let cases = [
        ("handed on as it is", "0.1 s>b y INVITE sdp=48151/10.0.0.1:4000", "x y numbers+time+sdp"),
        ("while it rings", "0.1 s>a x 180\n 4.9 s>b y INVITE sdp=48151/10.0.0.1:4000", "x y numbers+time+sdp"),
        ("another port, the origin kept", "0.1 s>b y INVITE sdp=48151/10.0.0.1:5000", "x y numbers+time+sdp"),
        ("another origin, the place kept", "0.1 s>b y INVITE sdp=99999/10.0.0.1:4000", "x y numbers+time+sdp"),
        ("numbers written otherwise", "0.1 s>b y INVITE from=+1001 to=%2B2002;x=y sdp=48151/10.0.0.1:4000", "x y numbers+time+sdp"),
        ("the callee in the Request-URI", "0.1 s>b y INVITE to=x uri=2002 sdp=48151/10.0.0.1:4000", "x y numbers+time+sdp"),
        ("with credentials", "0.1 s>a x 407\n 0.2 a>s x INVITE cseq=2 via=2 sdp=48151/10.0.0.1:4000\n 5.1 s>b y INVITE sdp=48151/10.0.0.1:4000", "x y numbers+time+sdp"),
        ("after five seconds", "5.1 s>b y INVITE sdp=48151/10.0.0.1:4000", ""),
        ("another caller", "0.1 s>b y INVITE from=1002 sdp=48151/10.0.0.1:4000", ""),
        ("another callee", "0.1 s>b y INVITE to=2003 sdp=48151/10.0.0.1:4000", ""),
        ("other media", "0.1 s>b y INVITE sdp=48152/10.0.0.1:4002", ""),
        ("without SDP", "0.1 s>b y INVITE", ""),
        ("from another host", "0.1 t>b y INVITE sdp=48151/10.0.0.1:4000", ""),
        ("from the caller again", "0.1 a>s y INVITE sdp=48151/10.0.0.1:4000", ""),
        ("after it failed", "0.1 s>a x 503\n 0.2 s>b y INVITE sdp=48151/10.0.0.1:4000", ""),
        ("after it was answered", "0.1 s>a x 200\n 0.2 s>b y INVITE sdp=48151/10.0.0.1:4000", ""),
        ("only a later INVITE of the second", "0 s>b y INVITE\n 0.2 s>b y INVITE cseq=2 via=2 sdp=48151/10.0.0.1:4000", ""),
        (
            "two that may be meant",
            "0.1 a>s z INVITE sdp=48151/10.0.0.1:4000\n 0.2 s>b y INVITE sdp=48151/10.0.0.1:4000",
            "",
        ),
        (
            "a chain",
            "0.1 s>t y INVITE sdp=48151/10.0.0.1:4000\n 0.2 t>b z INVITE sdp=48151/10.0.0.1:4000",
            "x y numbers+time+sdp, y z numbers+time+sdp",
        ),
        (
            "a chain through one host twice",
            "0.1 s>t:9 y INVITE sdp=48151/10.0.0.1:4000\n 0.2 t:9>s z INVITE sdp=48151/10.0.0.1:4000
             0.3 s:7>b w INVITE sdp=48151/10.0.0.1:4000",
            "w z numbers+time+sdp, x y numbers+time+sdp, y z numbers+time+sdp",
        ),
        (
            "two branches",
            "0.1 s>b y INVITE sdp=48151/10.0.0.1:4000\n 0.2 s>c z INVITE sdp=48151/10.0.0.1:4000",
            "x y numbers+time+sdp, x z numbers+time+sdp",
        ),
    ]
    .map(|(name, rest, expected)| (name, format!("{FIRST}{rest}"), expected));
    check(&cases.each_ref().map(|(name, messages, expected)| (*name, &**messages, *expected)));
    check(&[
        (
            "all on one host, told apart by port",
            "0 a:1>a:2 x INVITE sdp=48151/10.0.0.1:4000\n 0.1 a:2>a:3 y INVITE sdp=48151/10.0.0.1:4000",
            "x y numbers+time+sdp",
        ),
        (
            "all on one host, another port",
            "0 a:1>a:2 x INVITE sdp=48151/10.0.0.1:4000\n 0.1 a:4>a:3 y INVITE sdp=48151/10.0.0.1:4000",
            "",
        ),
        (
            "nobody's number",
            "0 a>s x INVITE from=anonymous sdp=48151/10.0.0.1:4000\n 0.1 s>b y INVITE from=anonymous sdp=48151/10.0.0.1:4000",
            "",
        ),
        (
            "the hop to the B2BUA",
            "0 a>p x INVITE sdp=48151/10.0.0.1:4000\n 0.1 p>s x INVITE via=2 sdp=48151/10.0.0.1:4000
             0.2 s>b y INVITE sdp=48151/10.0.0.1:4000",
            "x y numbers+time+sdp",
        ),
    ]);
}

#[test]
fn nothing_stays_of_calls_that_are_closed() {
    let mut tracker = Tracker::default();
    for n in 0..2000 {
        let at = n * 2;
        for text in [
            format!("{at} a>s x{n} INVITE X-CID=n{n} Session-ID={n:032x} sdp=48151{n}/10.0.0.1:4000"),
            format!("{at} s>b y{n} INVITE X-CID=x{n} Session-ID={n:032x} sdp=48151{n}/10.0.0.1:4000"),
            format!("{at} s>a x{n} 486"),
            format!("{at} b>s y{n} 486"),
        ] {
            line(&text, 1, &mut tracker);
        }
        // Closed 180 s after it failed: some 90 pairs are open at a time.
        let legs = &tracker.legs;
        assert!(legs.open.len() <= 200 && legs.carriers.len() <= 1000 && legs.offers.len() <= 10, "{legs:?}");
    }
    tracker.advance(Timestamp::from_millis(5_000_000));
    let legs = &tracker.legs;
    assert_eq!(legs.footprint(), 0, "{legs:?}");
    let mut linked = 0;
    while let Some(Fact::Call(call)) = tracker.poll() {
        assert_eq!(call.linked.len(), 1, "{}", call.opening.call_id());
        linked += 1;
    }
    assert_eq!(linked, 4000);
}

#[test]
fn a_flood_of_one_evidence_is_bounded() {
    let mut tracker = Tracker::default();
    for n in 0..1000 {
        line(&format!("0 a>s x{n} INVITE Session-ID={UUID} X-CID=z sdp=48151/10.0.0.1:4000"), 1, &mut tracker);
        line(&format!("0 s>a x{n} 200"), 1, &mut tracker);
        line(&format!("0 a>s x{n} REFER cseq=2 Refer-To=<sip:{n}@b>"), 1, &mut tracker);
        line(&format!("0 a>s x{n} REFER cseq=3 Refer-To=<sip:{n}@b>"), 1, &mut tracker);
    }
    let legs = &tracker.legs;
    assert!(legs.open.iter().flatten().all(|leg| leg.links.len() <= MOST_LINKS && leg.keys.len() <= 4 * MOST_VALUES));
    assert!(legs.carriers.lists().all(|slots| slots.len() <= MOST_SHARED));
    assert_eq!(legs.referrals.len(), MOST_REFERRALS);
    tracker.legs.expire(Timestamp::default().after(Duration::from_secs(60)));
    assert!(tracker.legs.referrals.is_empty() && tracker.legs.offers.len() == 0);
}

#[test]
fn every_header_that_names_another_call_is_asked_for() {
    for name in LEG_HEADERS.iter().copied().chain(["Session-ID", "replaces", "REFERRED-BY", "b"]) {
        let text = format!("INVITE sip:a@b SIP/2.0\r\nAllow: x\r\n{name}: 1\r\n\r\n");
        let message = Message::parse(text.as_bytes()).expect("a message");
        assert!(message.may_have_any(NAMING), "{name}");
    }
    let usual = "INVITE sip:a@b SIP/2.0\r\nMax-Forwards: 70\r\nAllow: x\r\nSupported: y\r\nP-Asserted-Identity: <sip:a@b>\r\n\r\n";
    assert!(!Message::parse(usual.as_bytes()).expect("a message").may_have_any(NAMING));
}

/// Most INVITEs name no other call, and are then not to be gone through for it.
#[test]
fn usual_headers_do_not_look_like_those_that_name_another_call() {
    let usual = "Max-Forwards Allow Supported Require Session-Expires Min-SE Route Record-Route Date Allow-Events Accept \
        Accept-Language P-Asserted-Identity Privacy Content-Disposition Remote-Party-ID Proxy-Authorization Authorization \
        P-Early-Media Diversion History-Info RSeq RAck k";
    let head: String = usual.split_whitespace().map(|name| format!("{name}: x\r\n")).collect();
    let invite = format!("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n{head}\r\n");
    assert!(!Message::parse(invite.as_bytes()).unwrap().may_have_any(NAMING));
    let naming = b"INVITE sip:a@b SIP/2.0\r\nMax-Forwards: 70\r\nx-cid: y\r\n\r\n";
    assert!(Message::parse(naming).unwrap().may_have_any(NAMING));
}

//! What must hold whatever messages come in whatever order, also where the clock steps back. Uses the public face only.

// A fuzz target that includes this file as a module needs the word `pub`; a test does not.
#![allow(unreachable_pub)]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sipcodes::codes::{Category, Code};
use sipcodes::event::{Event, Path, Transport, What};
use sipcodes::packet::Place;
use sipcodes::render::{Format, Layout, renderer};
use sipcodes::report::{Columns, Kind, Report};
use sipcodes::time::Timestamp;
use sipcodes::track::Tracker;
use sipcodes::track::fact::{CallFact, Fact, RegistrationFact, StreamFact};
use sipcodes::wire::rtcp::Rtcp;
use sipcodes::wire::rtp::Rtp;
use sipcodes::wire::sip::Message;

/// What a message is: a method, or a status code and the method that it answers.
const WHAT: &[(u16, &str)] = &[
    (0, "INVITE"),
    (0, "ACK"),
    (0, "BYE"),
    (0, "CANCEL"),
    (0, "PRACK"),
    (0, "REGISTER"),
    (0, "OPTIONS"),
    (100, "INVITE"),
    (180, "INVITE"),
    (183, "INVITE"),
    (200, "INVITE"),
    (302, "INVITE"),
    (401, "INVITE"),
    (407, "INVITE"),
    (486, "INVITE"),
    (487, "INVITE"),
    (503, "INVITE"),
    (603, "INVITE"),
    (200, "BYE"),
    (401, "BYE"),
    (481, "BYE"),
    (200, "CANCEL"),
    (200, "PRACK"),
    (100, "REGISTER"),
    (200, "REGISTER"),
    (401, "REGISTER"),
    (423, "REGISTER"),
];
const BRANCHES: &[&str] = &["a1", "a2", "p1,a1", "p2,a1", "p2,a2", "a3,p1,a1", "", "rfc2543"];
const TAGS: &[&str] = &["", "A", "B", "C", "Z"];
const HEADERS: &[&str] = &[
    "",
    "Contact: <sip:x@192.0.2.1>\r\n",
    "Contact: <sip:x@192.0.2.1>\r\nExpires: 0\r\n",
    "Contact: <sip:x@192.0.2.1>;expires=9, <sip:y@192.0.2.1>\r\n",
    "Contact: *\r\nExpires: 0\r\n",
    "Reason: SIP;cause=200\r\n",
    "Expires: 4294967295\r\n",
    "Authorization: Digest\r\n",
    "Record-Route: <sip:192.0.2.9;lr>\r\n",
];
const HOSTS: &[&str] = &["192.0.2.1:5060", "192.0.2.2:5060", "192.0.2.3:5060", "192.0.2.1:40000", "[2001:db8::1]:5060"];

/// What comes with an INVITE, a PRACK or their responses.
const BODIES: &[&str] = &[
    "",
    "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 40000 RTP/AVP 0\r\n",
    "v=0\r\nc=IN IP4 192.0.2.2\r\nm=audio 5060 RTP/AVP 0\r\na=sendonly\r\n",
    "v=0\r\nc=IN IP4 192.0.2.3\r\nm=audio 5059 RTP/SAVP 0 96\r\na=rtpmap:96 opus/48000\r\nm=image 4 udptl t38\r\n",
];

/// Reads messages and media packets of eight bytes each, feeds them, and calls the roll of the rows.
pub fn tracker(bytes: &[u8]) {
    let (mut tracker, mut facts) = (Tracker::new(), Vec::new());
    let (mut at, mut end, mut frame, mut steady) = (0, 0, 0, true);
    let (mut messages, mut media) = (0, 0);
    for record in bytes.chunks_exact(8) {
        let pick = |index: usize, shift: u8| usize::from(record[index] >> shift);
        // Seconds, fractions of them, or back.
        at += match record[0] {
            gap @ 0..100 => i64::from(gap) * 1000,
            gap @ 100..248 => i64::from(gap - 100) * 10,
            gap => -i64::from(gap - 247) * 30_000,
        };
        steady &= record[0] < 248;
        end = end.max(at);
        frame += 1;
        let host = |index: usize| HOSTS[index % HOSTS.len()].parse::<SocketAddr>().expect("an address");
        if record[1] >= 200 {
            let path = Path { src: host(pick(6, 0)), dst: host(pick(6, 4)), transport: Transport::Udp };
            let bytes = [record[2] | 0x80, record[7], 0, record[3], 0, 0, 1, record[4], 0, 0, 0, record[5] & 3];
            let report = [0x81, 201, 0, 7, 0, 0, 0, record[5] & 3, 0, 0, 0, record[4] & 3];
            let report = [&report[..], &[record[2]; 20]].concat();
            let what = match (Rtp::parse(&bytes), Rtcp::parse(&report)) {
                (Some(rtp), _) => What::Rtp(rtp, record[7] >> 2),
                (None, Some(rtcp)) => What::Rtcp(rtcp),
                _ => continue,
            };
            media += u64::from(matches!(what, What::Rtp(..)));
            let (at, place) = (Timestamp::from_millis(at), Place { file: 0, frame });
            tracker.feed(&Event { at, place, path, duplicate: false, correlation: None, what });
            facts.extend(std::iter::from_fn(|| tracker.poll()));
            continue;
        }
        messages += 1;
        let (code, method) = WHAT[pick(1, 0) % WHAT.len()];
        let mut text = match code {
            0 => format!(
                "{method} sip:bob@{} SIP/2.0\r\n",
                if record[7] & 0x80 == 0 { "a.example" } else { "b.example" }
            ),
            code => format!("SIP/2.0 {code} Phrase\r\n"),
        };
        for branch in BRANCHES[pick(2, 0) % BRANCHES.len()].split(',') {
            text += &match branch {
                "" => "Via: SIP/2.0/UDP h\r\n".to_owned(),
                "rfc2543" => "Via: SIP/2.0/UDP h;branch=1\r\n".to_owned(),
                branch => format!("Via: SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\n"),
            };
        }
        let tag = |index: usize| match TAGS[index % TAGS.len()] {
            "" => String::new(),
            tag => format!(";tag={tag}"),
        };
        text += &format!("From: <sip:a@b>{}\r\nTo: <sip:b@b>{}\r\n", tag(pick(3, 0)), tag(pick(3, 4)));
        text += &format!("Call-ID: {}\r\nCSeq: {} {method}\r\n", record[4] & 3, record[4] >> 6);
        text += HEADERS[pick(5, 0) % HEADERS.len()];
        let body = match method {
            "INVITE" | "PRACK" => BODIES[pick(5, 5) % BODIES.len()],
            _ => "",
        };
        if !body.is_empty() {
            text += "Content-Type: application/sdp\r\n";
        }
        text += "\r\n";
        text += body;
        let transport = if record[7] & 1 == 0 { Transport::Udp } else { Transport::Tcp };
        let event = Event {
            at: Timestamp::from_millis(at),
            place: Place { file: u32::from(record[7] & 2 != 0), frame },
            path: Path { src: host(pick(6, 0)), dst: host(pick(6, 4)), transport },
            duplicate: record[7] & 0xc == 0xc,
            correlation: None,
            what: What::Sip(Message::parse(text.as_bytes()).expect("a message")),
        };
        tracker.feed(&event);
        facts.extend(std::iter::from_fn(|| tracker.poll()));
    }
    let end = Timestamp::from_millis(end);
    tracker.finish(end);
    facts.extend(std::iter::from_fn(|| tracker.poll()));
    tracker.finish(end);
    assert!(tracker.poll().is_none(), "every row ends once");

    let (mut heard, mut began) = (0, BTreeSet::new());
    let mut listen = |stream: &StreamFact| {
        assert!(stream.heard.first <= stream.heard.last || !steady);
        // Legs that share their media each tell of it.
        if began.insert(stream.place) {
            heard += stream.heard.packets + stream.heard.duplicates;
        }
    };
    let (mut counted, mut opened, mut report) = (0, BTreeSet::new(), Report::new(Vec::new()));
    let layout = Layout { columns: Columns::all(&Kind::ALL), width: None, color: false, group: false };
    let mut sink = std::io::sink();
    let mut lines = renderer(Format::Ndjson, layout, &mut sink);
    for fact in facts {
        match &fact {
            Fact::Call(call) => {
                counted += u64::from(call.messages);
                assert!(opened.insert(call.place), "two rows opened by one message");
                assert!(call.messages > call.retransmissions + call.duplicates, "the first of its kind is neither");
                assert_eq!(call.timeline.last().map(|step| step.code), call.code);
                assert_eq!(call.category.is_none(), call.code.is_none());
                assert_eq!(call.partial, call.attempts == 0);
                assert!(call.hops <= call.messages && call.branches <= call.messages);
                assert!(!steady || call.timeline.iter().is_sorted_by_key(|step| step.at));
                assert!(!steady || call.ended.is_none_or(|ended| (call.start..=end).contains(&ended)));
                assert!(call.answered.is_none_or(|answered| answered <= call.last));
                assert!(call.audio.is_none() || call.code.is_some());
                check_ending(call, steady);
                for stream in call.media.iter().flat_map(|media| &media.streams) {
                    assert_eq!(stream.call_id.as_deref(), Some(call.opening.call_id()));
                    listen(stream);
                }
            }
            Fact::Registration(registration) => {
                counted += u64::from(registration.messages);
                assert!(opened.insert(registration.place), "two rows opened by one message");
                assert_eq!(registration.timeline.last().map(|step| step.code), registration.code);
                check_registration(registration, steady);
            }
            Fact::Stream(stream) => {
                assert!(stream.call_id.is_none() && stream.from.is_none() && stream.bound_by.is_none());
                assert!(stream.heard.packets > 1, "one packet is no stream");
                listen(stream);
            }
            _ => {}
        }
        lines.row(report.take(fact)).expect("nothing is refused");
    }
    assert!(counted <= messages, "a message of two rows");
    let of_files = tracker.media_of_file(0);
    assert!(heard <= of_files.rtp && of_files.rtp <= media, "{heard} of {} of {media} packets", of_files.rtp);
}

/// What a call's code says, its other fields say too; of times and responses, where the clock went on steadily.
fn check_ending(call: &CallFact, steady: bool) {
    let answer = call.answer.as_ref().map(|answer| answer.code.get());
    let is_up_or_over = call.answered.is_some() || call.proof.is_some() || call.bye_refused.is_some();
    match call.on_the_wire.map(Code::get) {
        Some(999) => {}
        Some(1000) => assert!(call.ended.is_some(), "when it was hung up"),
        code => {
            assert!(!is_up_or_over, "{code:?} of a call that was answered");
            let fits = match code {
                Some(300..=699) => answer == code,
                Some(100..=199) => answer.is_some_and(|answer| answer < 200),
                Some(2002) => answer.is_none(),
                _ => true,
            };
            assert!(!steady || fits, "{code:?} by {answer:?}");
        }
    }
    assert!(!call.timed_out || call.category == Some(Category::Unsuccessful));
    assert!(call.ended_by.is_none() || call.ended.is_some() || call.on_the_wire == Some(Code::CANCEL));
    let is_within = |at: Timestamp| (call.start..=call.last).contains(&at);
    assert!(!steady || call.final_at.into_iter().chain(call.attempt_start).all(is_within));
}

fn check_registration(registration: &RegistrationFact, steady: bool) {
    let (code, answer) =
        (registration.code.map(Code::get), registration.answer.as_ref().map(|answer| answer.code.get()));
    let refused = matches!(code, Some(300..=699));
    assert!(!steady || !refused || answer == code, "{code:?} by {answer:?}");
    assert!(!registration.timed_out || registration.category == Some(Category::Unsuccessful));
    assert!(!steady || registration.timeline.iter().is_sorted_by_key(|step| step.at));
    let is_within = |at: Timestamp| (registration.start..=registration.last).contains(&at);
    assert!(!steady || registration.registered.is_none_or(is_within));
}

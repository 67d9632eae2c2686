//! Lives of calls and registrations, one table row each, as a SIP engineer would write them down.
//!
//! A line is `seconds sender>receiver what [key=value …]`. `what` is a method, or a status code, with `/METHOD` where it
//! does not answer the INVITE. Left out: `cseq` is 1 for INVITE, ACK and CANCEL and 2 for the others, `id` is `c`,
//! `from` is the caller's tag `A`, `to` is the callee's tag `B` except in a first INVITE, CANCEL and 100, `via` (topmost
//! first) is the branch `a1` for INVITE, CANCEL and their responses and the method's name for the others. `sdp` is the
//! direction of a description, its address (`0.0.0.0`), where it wants audio (`a:4000`), or the whole of it. With
//! `icmp=NAME` it is an ICMP error that quotes the message, its first `quote=N` bytes.
//! first) is the branch `a1` for INVITE, CANCEL and their responses and the method's name for the others. A sender or
//! receiver may have a port (`a:6000`), `over=tcp` says what carried it, the branch `-` stands for none (RFC 2543), and
//! `via=none` and `cseq=none` for no such header.
#![allow(clippy::or_fun_call, reason = "tests read better so")]

use std::net::SocketAddr;

use super::fact::{CallFact, Fact, RegistrationCause, RegistrationFact, Side, TransactionFact};
use super::{Mark, Marking, Settings, Tracker};
use crate::event::{Event, Path, Transport, Undelivered, What};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::Message;

/// The address of a sender or receiver.
pub(super) fn address(name: &str) -> SocketAddr {
    let (name, port) = name.split_once(':').unwrap_or((name, "5060"));
    let host = name.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    SocketAddr::from(([192, 0, 2, host], port.parse().expect("a port")))
}

/// One line of a life as a message with its path and time.
pub(super) fn line(text: &str, frame: u64, tracker: &mut Tracker) {
    let mut words = text.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("three words at least: {text}"));
    let seconds: f64 = word().parse().expect("seconds");
    let (src, dst) = word().split_once('>').expect("sender>receiver");
    let what = word();
    let options: Vec<(&str, &str)> = words.map(|word| word.split_once('=').expect("key=value")).collect();
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
    let at = Timestamp::from_millis((seconds * 1000.0) as i64);
    match what {
        "MEDIA" => return tracker.on_media(b"c", at),
        "GAP" => {
            return tracker.on_sniffer_gap(at, Timestamp::from_millis(1000 * dst.parse::<i64>().expect("seconds")));
        }
        _ => {}
    }
    let option = |key: &str| options.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);

    let (code, method) = match what.split_once('/') {
        Some((code, method)) => (code.parse::<u16>().ok(), method),
        None => what.parse::<u16>().map_or((None, what), |code| (Some(code), "INVITE")),
    };
    let opening = matches!(method, "INVITE" | "CANCEL" | "REGISTER");
    let has_to = code.map_or(!opening, |code| code > 100);
    let cseq = option("cseq").unwrap_or(match method {
        "INVITE" | "CANCEL" | "ACK" | "REGISTER" => "1",
        _ => "2",
    });
    let from = option("from").unwrap_or("A");
    let to = option("to").unwrap_or(if has_to { "B" } else { "" });
    let to = if to.is_empty() { String::new() } else { format!(";tag={to}") };
    let via = option("via").unwrap_or(if opening { "a1" } else { method });
    let user = |tag: &str| if tag == "A" { "alice" } else { "bob" };
    let (from_user, to_user) =
        if method == "REGISTER" { ("alice", "alice") } else { (user(from), user(option("to").unwrap_or("B"))) };

    let mut message = match code {
        Some(code) => format!("SIP/2.0 {code} {}\r\n", option("phrase").unwrap_or("Phrase")),
        None if method == "REGISTER" => {
            format!("REGISTER sip:{} SIP/2.0\r\n", option("registrar").unwrap_or("example.com"))
        }
        None => format!("{method} sip:{to_user}@example.com SIP/2.0\r\n"),
    };
    for branch in via.split(',').filter(|_| via != "none") {
        let branch = if branch == "-" { String::new() } else { format!(";branch=z9hG4bK-{branch}") };
        message += &format!("Via: SIP/2.0/UDP a.invalid{branch}\r\n");
    }
    message += &format!("From: <sip:{from_user}@example.com>;tag={from}\r\nTo: <sip:{to_user}@example.com>{to}\r\n");
    message += &format!("Call-ID: {}\r\n", option("id").unwrap_or("c"));
    if cseq != "none" {
        message += &format!("CSeq: {cseq} {method}\r\n");
    }
    for (key, header) in [
        ("reason", "Reason"),
        ("contact", "Contact"),
        ("expires", "Expires"),
        ("auth", "Authorization"),
        ("event", "Event"),
    ] {
        if let Some(value) = option(key) {
            message += &format!("{header}: {}\r\n", value.replace('_', " "));
        }
    }
    let sdp = option("sdp").map(|sdp| match sdp {
        "cut" => "v=0\r\nm=audio 6 RTP/AVP 0\r\n".to_owned(),
        "none" => "v=0\r\nm=audio 0 RTP/AVP 0\r\n".to_owned(),
        // Lines of its own, `;` between them and `_` for blanks; `{a}` is the address of `a`.
        lines if lines.starts_with("v=") => {
            let lines = lines.replace(';', "\r\n").replace('_', " ");
            let named = ["a", "b", "c", "p", "q"].iter();
            named.fold(lines + "\r\n", |lines, name| {
                lines.replace(&format!("{{{name}}}"), &address(name).ip().to_string())
            })
        }
        // Where it wants its audio: `a:4000`, `a:4000,sendonly`.
        place if place.contains(':') => {
            let (place, direction) = place.split_once(',').unwrap_or((place, "sendrecv"));
            let (ip, port) = (address(place).ip(), address(place).port());
            format!(
                "v=0\r\nc=IN IP4 {ip}\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
            )
        }
        address if address.contains('.') => format!("v=0\r\nc=IN IP4 {address}\r\nm=audio 6 RTP/AVP 0\r\n"),
        direction => format!("v=0\r\nm=audio 6 RTP/AVP 0\r\na={direction}\r\n"),
    });
    if let Some(sdp) = &sdp {
        let more = if option("sdp") == Some("cut") { 20 } else { 0 };
        message += &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", sdp.len() + more);
    }
    let signal = option("dtmf").map(|digit| format!("Signal={digit}\r\nDuration=160\r\n"));
    if let Some(signal) = &signal {
        message += &format!("Content-Type: application/dtmf-relay\r\nContent-Length: {}\r\n", signal.len());
    }
    message += "\r\n";
    message += signal.as_deref().unwrap_or_default();
    message += sdp.as_deref().unwrap_or_default();
    if option("body").is_some() {
        message += "v=0\r\n";
    }
    let what = match option("icmp") {
        None => What::Sip(Message::parse(message.as_bytes()).expect("a message")),
        Some(error) => {
            let quoted = option("quote").map_or(message.len(), |len| len.parse().expect("bytes"));
            let error = error.replace('_', " ").leak();
            What::Icmp(Undelivered { error, message: Message::parse(&message.as_bytes()[..quoted]) })
        }
    };
    let transport = if option("over") == Some("tcp") { Transport::Tcp } else { Transport::Udp };
    tracker.feed(&Event {
        at,
        place: Place { file: 0, frame },
        path: Path { src: address(src), dst: address(dst), transport },
        duplicate: option("duplicate").is_some(),
        correlation: None,
        what,
    });
}

fn words_of_call(call: &CallFact) -> String {
    let mut words = vec![call.code.map_or("?".to_owned(), |code| code.to_string())];
    words.push(call.category.map_or("?".to_owned(), |category| format!("{category:?}").to_lowercase()));
    words.push(format!("sip={}", call.answer.as_ref().map_or("-".to_owned(), |answer| answer.code.to_string())));
    let by = match call.ended_by {
        Some(Side::Caller) => "caller",
        Some(Side::Callee) => "callee",
        None => "-",
    };
    let seconds = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| format!("{}", at.nanos() as f64 / 1e9));
    words.push(format!("by={by}"));
    words.push(format!("answered={}", seconds(call.answered)));
    words.push(format!("ended={}", seconds(call.ended)));
    words.push(format!("ringing={}", seconds(call.ringing)));
    words.push(format!("attempts={}", call.attempts));
    words.push(format!("hops={}", call.hops));
    words.push(format!("branches={}", call.branches));
    words.push(format!("messages={}", call.messages));
    words.push(format!("retransmissions={}", call.retransmissions));
    words.push(format!("duplicates={}", call.duplicates));
    words.push(format!("proof={}", call.proof.map_or("-".to_owned(), |proof| format!("{proof:?}"))));
    for (flag, name) in [
        (call.challenged, "challenged"),
        (call.redirected, "redirected"),
        (call.partial, "partial"),
        (call.cancelled, "cancelled"),
        (call.callee_known, "callee_known"),
        (call.timed_out, "timed_out"),
        (call.ack_missing, "ack_missing"),
        (call.answered_elsewhere, "answered_elsewhere"),
    ] {
        words.push(format!("{name}={flag}"));
    }
    words.push(format!("reasons={}", call.reasons.len()));
    words.push(format!("hold={}", call.hold.map_or("-".to_owned(), |span| span.as_secs_f64().to_string())));
    words.push(format!("held={}", call.held));
    words.push(format!("icmp={}", call.icmp.map_or("-".to_owned(), |icmp| icmp.name.replace(' ', "_"))));
    let life: Vec<_> = call.timeline.iter().map(|step| step.code.to_string()).collect();
    words.push(format!("life={}", life.join(",")));
    words.join(" ")
}

fn words_of_registration(registration: &RegistrationFact) -> String {
    let mut words = vec![registration.code.map_or("?".to_owned(), |code| code.to_string())];
    words.push(registration.category.map_or("?".to_owned(), |category| format!("{category:?}").to_lowercase()));
    words
        .push(format!("sip={}", registration.answer.as_ref().map_or("-".to_owned(), |answer| answer.code.to_string())));
    let cause = match registration.cause {
        Some(RegistrationCause::Requested) => "requested",
        Some(RegistrationCause::Expired) => "expired",
        Some(RegistrationCause::Replaced) => "replaced",
        Some(RegistrationCause::None) => "none",
        None => "-",
    };
    words.push(format!("cause={cause}"));
    words.push(format!("expires={}", registration.expires.map_or("-".to_owned(), |seconds| seconds.to_string())));
    words.push(format!("refreshes={}", registration.refreshes));
    words.push(format!("challenged={}", registration.challenged));
    words.push(format!("timed_out={}", registration.timed_out));
    words.push(format!("registered={}", registration.registered.is_some()));
    let life: Vec<_> = registration.timeline.iter().map(|step| step.code.to_string()).collect();
    words.push(format!("life={}", life.join(",")));
    words.join(" ")
}

fn words_of_transaction(transaction: &TransactionFact) -> String {
    let mut words = vec![transaction.method.to_string()];
    words.push(transaction.code.map_or("?".to_owned(), |code| code.to_string()));
    words.push(format!("{:?}", transaction.category).to_lowercase());
    words.push(format!("count={}", transaction.count));
    words.push(format!("challenged={}", transaction.challenged));
    words.push(format!("timed_out={}", transaction.timed_out));
    words.push(format!("messages={}", transaction.messages));
    let times = transaction.response.map(|times| [times.least, times.mean, times.most].map(|time| time.as_secs_f64()));
    words.push(times.map_or("response=-".to_owned(), |[least, mean, most]| format!("response={least}/{mean}/{most}")));
    words.push(format!("id={}", transaction.call_id.as_deref().unwrap_or("-")));
    words.push(format!("event={}", transaction.event.as_deref().unwrap_or("-")));
    words.push(format!("from={}", transaction.from.as_deref().unwrap_or("-")));
    words.push(format!("to={}", transaction.to.as_deref().unwrap_or("-")));
    words.push(format!("src={}", transaction.path.map_or("-".to_owned(), |path| path.src.to_string())));
    words.join(" ")
}

/// Lives that end at `end` seconds; `expected` holds a row per line, of which every word must be true.
pub(super) fn live(name: &str, end: f64, life: &str, expected: &str) {
    live_with(Settings::default(), name, end, life, expected);
}

fn live_with(settings: Settings, name: &str, end: f64, life: &str, expected: &str) {
    live_by(settings.clone(), name, end, life, expected, false);
    live_by(settings, &format!("{name}, asleep between"), end, life, expected, true);
}

fn live_by(settings: Settings, name: &str, end: f64, life: &str, expected: &str, dozes: bool) {
    let mut tracker = Tracker::with(settings);
    let lines = life.lines().map(str::trim).filter(|line| !line.is_empty());
    for (frame, text) in (1..).zip(lines) {
        line(text, frame, &mut tracker);
        if dozes {
            tracker.doze();
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
    tracker.finish(Timestamp::from_millis((end * 1000.0) as i64));
    let mut facts: Vec<Fact> = std::iter::from_fn(|| tracker.poll()).collect();
    facts.sort_by_key(|fact| match fact {
        Fact::Call(call) => (call.start, call.place),
        Fact::Registration(registration) => (registration.start, registration.place),
        Fact::Transaction(transaction) => (transaction.first, transaction.place),
        Fact::Stream(stream) => (stream.heard.first, stream.place),
    });
    let rows: Vec<String> = facts
        .iter()
        .map(|fact| match fact {
            Fact::Call(call) => words_of_call(call),
            Fact::Registration(registration) => words_of_registration(registration),
            Fact::Transaction(transaction) => words_of_transaction(transaction),
            Fact::Stream(stream) => format!("stream from={} to={}", stream.src, stream.dst),
        })
        .collect();
    assert_words(name, &rows, expected);
}

/// The rows are as many as the lines expected, and each has all the words of its line.
pub(super) fn assert_words(name: &str, rows: &[String], expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), expected.len(), "{name}: rows\n{}", rows.join("\n"));
    for (row, expected) in rows.iter().zip(expected) {
        let has: Vec<&str> = row.split(' ').collect();
        for word in expected.split_whitespace() {
            assert!(has.contains(&word), "{name}: expected `{word}` in\n{row}");
        }
    }
}

#[test]
fn one_hop() {
    let lives = [
        (
            "answered, the caller hangs up",
            60.0,
            "0 a>b INVITE
          0.1 b>a 100
          1 b>a 180
          5 b>a 200
          5.1 a>b ACK
          20 a>b BYE
          20.1 b>a 200/BYE via=BYE",
            "1000 completed sip=200 by=caller answered=5 ended=20 ringing=1 attempts=1 life=2002,100,180,999,1000",
        ),
        (
            "answered, the callee hangs up",
            60.0,
            "0 a>b INVITE
          5 b>a 200
          5.1 a>b ACK
          20 b>a BYE from=B to=A",
            "1000 completed by=callee ended=20 ack_missing=false",
        ),
        (
            "busy",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          3 b>a 486 reason=Q.850;cause=17
          3.1 a>b ACK via=a1",
            "486 unsuccessful sip=486 by=- ended=3 reasons=1 answered=-",
        ),
        (
            "a plain 400 ends a call too",
            60.0,
            "0 a>b INVITE
          1 b>a 400
          1.1 a>b ACK via=a1",
            "400 unsuccessful sip=400",
        ),
        (
            "cancelled",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          3 a>b CANCEL
          3.1 b>a 200/CANCEL via=a1
          3.2 b>a 487
          3.3 a>b ACK via=a1",
            "487 unsuccessful sip=487 by=caller life=2002,180,2004,487",
        ),
        (
            "CANCEL crosses the answer",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          3 a>b CANCEL
          3.05 b>a 200
          3.1 b>a 481/CANCEL via=a1
          3.2 a>b ACK
          9 a>b BYE",
            "1000 completed sip=200 by=caller answered=3.05",
        ),
        (
            "CANCEL without a final response, in time",
            20.0,
            "0 a>b INVITE
          1 b>a 180
          3 a>b CANCEL
          3.1 b>a 200/CANCEL via=a1",
            "2004 attempting sip=180 by=caller timed_out=false",
        ),
        (
            "CANCEL without a final response, 32 s later",
            35.0,
            "0 a>b INVITE
          1 b>a 180
          3 a>b CANCEL",
            "2004 unsuccessful timed_out=true ended=35",
        ),
        (
            "cancelled because another phone answered",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          3 a>b CANCEL reason=SIP;cause=200
          3.2 b>a 487",
            "487 answered_elsewhere=true reasons=1",
        ),
        (
            "nobody there: seven INVITEs",
            60.0,
            "0 a>b INVITE
          0.5 a>b INVITE
          1.5 a>b INVITE
          3.5 a>b INVITE
          7.5 a>b INVITE
          15.5 a>b INVITE
          31.5 a>b INVITE",
            "2002 unsuccessful sip=- timed_out=true ended=32 messages=7 retransmissions=6 attempts=1",
        ),
        (
            "a 100 stops timer B and does not restart timer C",
            100.0,
            "0 a>b INVITE
          10 b>a 100",
            "100 attempting timed_out=false",
        ),
        (
            "180 s after the INVITE with no more than a 100",
            180.0,
            "0 a>b INVITE
          10 b>a 100",
            "100 unsuccessful timed_out=true ended=180",
        ),
        (
            "ringing restarts timer C",
            200.0,
            "0 a>b INVITE
          10 b>a 180
          60 b>a 180",
            "180 attempting timed_out=false",
        ),
        (
            "ringing for too long",
            300.0,
            "0 a>b INVITE
          10 b>a 180
          60 b>a 180",
            "180 unsuccessful timed_out=true ended=240",
        ),
        (
            "forwarded, then answered",
            60.0,
            "0 a>b INVITE
          1 b>a 181
          2 b>a 180
          3 b>a 200",
            "999 active sip=200 life=2002,181,180,999",
        ),
        (
            "ringing overtaken by busy",
            60.0,
            "0 a>b INVITE
          3 b>a 486
          3.1 b>a 180",
            "486 sip=486 life=2002,486",
        ),
        (
            "a code nobody registered",
            60.0,
            "0 a>b INVITE
          3 b>a 699",
            "699 unsuccessful sip=699",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn attempts() {
    let lives = [
        (
            "challenged, then answered",
            60.0,
            "0 a>b INVITE
          0.1 b>a 407 to=x
          0.2 a>b ACK to=x via=a1
          0.3 a>b INVITE cseq=2 via=a2
          1 b>a 180 cseq=2 via=a2
          5 b>a 200 cseq=2 via=a2
          5.1 a>b ACK cseq=2
          9 a>b BYE cseq=3",
            "1000 sip=200 attempts=2 challenged=true hops=1 branches=2 life=2002,407,2002,180,999,1000",
        ),
        (
            "a challenge nobody answers is final",
            60.0,
            "0 a>b INVITE
          0.1 b>a 401",
            "401 unsuccessful sip=401 challenged=true attempts=1",
        ),
        (
            "a late 407 of CSeq 1 never touches CSeq 2",
            60.0,
            "0 a>b INVITE
          0.1 b>a 407
          0.3 a>b INVITE cseq=2 via=a2
          0.6 b>a 407
          1 b>a 180 cseq=2 via=a2
          1.1 b>a 407",
            "180 sip=180 attempts=2",
        ),
        (
            "the attempt after a challenge has no response yet",
            2.0,
            "0 a>b INVITE
          0.1 b>a 407
          0.3 a>b INVITE cseq=2 via=a2",
            "2002 attempting sip=- attempts=2",
        ),
        (
            "redirected and followed",
            60.0,
            "0 a>b INVITE
          1 b>a 302 contact=<sip:carol@example.com>
          1.2 a>c INVITE cseq=2 via=a2
          2 c>a 200 cseq=2 via=a2",
            "999 redirected=true attempts=2 sip=200 hops=2",
        ),
        (
            "redirected and not followed",
            60.0,
            "0 a>b INVITE
          1 b>a 302",
            "302 unsuccessful redirected=true",
        ),
        (
            "session interval too small, then answered",
            60.0,
            "0 a>b INVITE
          1 b>a 422
          1.2 a>b INVITE cseq=2 via=a2
          2 b>a 200 cseq=2 via=a2",
            "999 attempts=2 challenged=false",
        ),
        (
            "the last attempt decides, though it failed worse",
            60.0,
            "0 a>b INVITE
          1 b>a 486
          9 a>b INVITE cseq=2 via=a2
          10 b>a 503 cseq=2 via=a2",
            "503 attempts=2",
        ),
        (
            "a retry within 180 s of the failure is another attempt",
            400.0,
            "0 a>b INVITE
          1 b>a 486
          180 a>b INVITE cseq=2 via=a2
          181 b>a 404 cseq=2 via=a2",
            "404 attempts=2",
        ),
        (
            "an INVITE after the row closed opens a new one",
            400.0,
            "0 a>b INVITE
          1 b>a 486
          182 a>b INVITE cseq=2 via=a2
          183 b>a 404 cseq=2 via=a2",
            "486 attempts=1
          404 attempts=1",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn several_hops_and_forks() {
    let lives = [
        (
            "two hops: what the caller was told",
            60.0,
            "0 a>p INVITE via=a1
          0.01 p>a 100 via=a1
          0.02 p>b INVITE via=p1,a1
          1 b>p 180 via=p1,a1
          1.01 p>a 180 via=a1
          3 b>p 603 via=p1,a1
          3.01 p>b ACK via=p1
          3.02 p>a 486 via=a1
          3.03 a>p ACK via=a1",
            "486 sip=486 hops=2 branches=2 attempts=1",
        ),
        (
            "serial fork: busy, then answered",
            60.0,
            "0 a>p INVITE via=a1
          0.02 p>b INVITE via=p1,a1
          1 b>p 486 via=p1,a1
          1.02 p>c INVITE via=p2,a1
          2 c>p 200 via=p2,a1 to=C
          2.1 p>a 200 via=a1 to=C
          2.2 a>p ACK to=C",
            "999 sip=200 hops=3 branches=3 life=2002,999",
        ),
        (
            "a 487 on the losing branch after the answer",
            60.0,
            "0 a>p INVITE via=a1
          0.02 p>b INVITE via=p1,a1
          0.02 p>c INVITE via=p2,a1
          2 c>p 200 via=p2,a1 to=C
          2.1 p>a 200 via=a1 to=C
          2.2 p>b CANCEL via=p1
          2.3 b>p 200/CANCEL via=p1
          2.4 b>p 487 via=p1,a1
          9 a>p BYE to=C",
            "1000 sip=200 by=caller",
        ),
        (
            "the proxy's CANCEL of a branch is not the caller's",
            60.0,
            "0 a>p INVITE via=a1
          0.02 p>b INVITE via=p1,a1
          1 p>a 180 via=a1
          2 p>b CANCEL via=p1",
            "180 sip=180",
        ),
        (
            "fork without the caller's hop: one answers",
            60.0,
            "0 p>b INVITE via=p1,a1
          0 p>c INVITE via=p2,a1
          1 b>p 486 via=p1,a1 to=B
          2 c>p 200 via=p2,a1 to=C
          9 p>c BYE to=C via=p3,a3",
            "1000 sip=200 life=2002,999,1000",
        ),
        (
            "fork without the caller's hop: the best failure",
            60.0,
            "0 p>b INVITE via=p1,a1
          0 p>c INVITE via=p2,a1
          1 b>p 503 via=p1,a1
          2 c>p 486 via=p2,a1",
            "486 sip=486 life=2002,486",
        ),
        (
            "fork without the caller's hop: a dead branch holds nothing back",
            60.0,
            "0 p>b INVITE via=p1,a1
          0 p>c INVITE via=p2,a1
          1 b>p 486 via=p1,a1",
            "486 sip=486 timed_out=false",
        ),
        (
            "failover without the caller's hop: the last decides",
            60.0,
            "0 p>b INVITE via=p1,a1
          1 b>p 404 via=p1,a1
          1.1 p>c INVITE via=p2,a1
          2 c>p 503 via=p2,a1",
            "503 life=2002,404,2002,503",
        ),
        (
            "a proxy that counts CSeq up for its own credentials",
            60.0,
            "0 a>p INVITE via=a1
          0.1 p>b INVITE via=p1,a1
          0.2 b>p 407 via=p1,a1
          0.3 p>b INVITE via=p2,a1 cseq=2
          1 b>p 200 via=p2,a1 cseq=2
          1.1 p>a 200 via=a1",
            "999 sip=200 attempts=1 challenged=false",
        ),
        (
            "a proxy that counts CSeq up, and a refusal beyond it whose INVITE was not captured",
            60.0,
            "0 a>p INVITE via=a1
          0.1 p>b INVITE via=p1,a1
          0.2 b>p 407 via=p1,a1
          0.3 p>b INVITE via=p2,a1 cseq=2
          0.5 c>b 486 via=b1,p2,a1 cseq=2",
            "2002 sip=- attempts=1 challenged=false life=2002 timed_out=true",
        ),
        (
            "a proxy that counts CSeq up, whose own INVITE was not captured",
            60.0,
            "0 a>p INVITE via=a1
          0.2 b>p 180 via=p1,a1 cseq=7
          0.4 b>p 603 via=p1,a1 cseq=7
          0.5 p>a 486 via=a1",
            "486 sip=486 attempts=1 life=2002,486",
        ),
        (
            "a proxy and the caller count CSeq up, and the caller's INVITE was not captured",
            60.0,
            "0 a>p INVITE via=a1
          0.1 p>b INVITE via=p1,a1
          0.2 b>p 407 via=p1,a1
          0.3 p>b INVITE via=p2,a1 cseq=2
          0.4 b>p 407 via=p2,a1 cseq=2
          0.5 p>a 407 via=a1
          0.8 c>b 180 via=b1,p2,a1 cseq=2
          2 p>a 404 via=a2 cseq=2",
            "404 sip=404 challenged=true life=2002,407,404",
        ),
        (
            "the caller's hop, whose clock is behind",
            60.0,
            "0 p>b INVITE via=p1,a1
          0.1 b>p 183 via=p1,a1
          0.2 a>p INVITE via=a1",
            "2002 unsuccessful sip=- timed_out=true life=2002,183,2002",
        ),
        (
            "nothing but responses: another branch rings after a refusal",
            60.0,
            "0 b>p 486 via=p1,a1
          0.5 c>p 180 via=p2,a1",
            "180 attempting sip=180 life=486,180",
        ),
        (
            "nothing but responses: the caller's hop, behind a farther one",
            60.0,
            "0 b>p 486 via=p1,a1
          1 p>a 180 via=a1
          2 p>a 480 via=a1",
            "480 unsuccessful sip=480 life=486,180,480",
        ),
        (
            "nothing but responses: ringing that comes late",
            60.0,
            "0 b>a 183
          1 b>a 486
          1.1 b>a 180",
            "486 unsuccessful sip=486 life=183,486",
        ),
        (
            "a branch rings again when its timer has run out and the other one's refusal counts",
            200.0,
            "0 p>b INVITE via=p1,a1
          0.1 p>c INVITE via=p2,a1
          1 b>p 180 via=p1,a1
          60 c>p 486 via=p2,a1
          190 b>p 180 via=p1,a1",
            "486 unsuccessful sip=486 life=2002,180,486",
        ),
        (
            "a damaged INVITE",
            60.0,
            "0 a>b INVITE via=none cseq=none
          0.1 b>a 100 cseq=2
          1 b>a 180 cseq=2
          2 b>a 486 cseq=2",
            "486 sip=486 life=2002,100,180,486",
        ),
        (
            "the caller's next attempt, whose INVITE was not captured",
            60.0,
            "0 a>p INVITE via=a1
          0.2 p>b INVITE via=p1,a1
          0.3 b>p 503 via=p1,a1
          0.4 p>a 503 via=a1
          2 b>p 180 via=p2,a2 cseq=2
          3 p>a 486 via=a2 cseq=2",
            "486 sip=486 life=2002,503,180,486",
        ),
        (
            "the same packet before and after NAT",
            60.0,
            "0 a>n INVITE via=a1
          0.001 n>b INVITE via=a1
          1 b>n 486 via=a1
          1.001 n>a 486 via=a1",
            "486 hops=2 branches=1 retransmissions=0",
        ),
        (
            "forked answers: completed when none is left",
            60.0,
            "0 a>b INVITE
          2 b>a 200 to=B
          2.1 b>a 200 to=C
          2.2 a>b ACK to=B
          2.3 a>b ACK to=C
          2.4 a>b BYE to=C via=b1
          3 b>a 200/BYE to=C via=b1",
            "999 sip=200",
        ),
        (
            "forked answers: one more when the first was hung up",
            60.0,
            "0 a>b INVITE
          1 b>a 200 to=B
          1.1 a>b ACK to=B
          2 a>b BYE to=B via=b1
          2.1 b>a 200 to=C
          2.2 b>a 200/BYE to=B via=b1
          2.3 a>b ACK to=C",
            "999 active sip=200 answered=1 ended=- life=2002,999,1000,999",
        ),
        (
            "forked answers: one more when the first was hung up, hung up as well",
            60.0,
            "0 a>b INVITE
          1 b>a 200 to=B
          1.1 a>b ACK to=B
          2 a>b BYE to=B via=b1
          2.1 b>a 200 to=C
          2.3 a>b ACK to=C
          2.4 a>b BYE to=C via=b2 cseq=3
          2.5 b>a 200/BYE to=C via=b2 cseq=3",
            "1000 completed by=caller answered=1 ended=2.4 life=2002,999,1000,999,1000",
        ),
        (
            "forked answers: both hung up",
            60.0,
            "0 a>b INVITE
          2 b>a 200 to=B
          2.1 b>a 200 to=C
          2.4 a>b BYE to=C via=b1
          9 b>a BYE from=B to=A via=b2",
            "1000 by=callee ended=9",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn within_the_dialog() {
    let lives = [
        (
            "a failed re-INVITE leaves the call answered",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          1.1 a>b ACK
          5 a>b INVITE to=B cseq=2 via=a2
          5.1 b>a 488 cseq=2 via=a2",
            "999 active sip=200 life=2002,999",
        ),
        (
            "the callee's re-INVITE, refused",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          5 b>a INVITE from=B to=A cseq=9 via=b9
          5.1 a>b 491 from=B to=A cseq=9 via=b9",
            "999 active sip=200",
        ),
        (
            "a re-INVITE that was not captured, refused",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          5.1 b>a 488 cseq=2 via=a2",
            "999 active sip=200",
        ),
        (
            "a 200 to PRACK, UPDATE or INFO answers nothing",
            60.0,
            "0 a>b INVITE
          1 b>a 183
          1.1 a>b PRACK via=k1
          1.2 b>a 200/PRACK via=k1
          1.3 a>b UPDATE cseq=3 via=k2
          1.4 b>a 200/UPDATE cseq=3 via=k2
          1.5 a>b INFO cseq=4 via=k3
          1.6 b>a 200/INFO cseq=4 via=k3",
            "183 attempting sip=183 messages=8",
        ),
        (
            "a challenged BYE ends nothing",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          9 a>b BYE via=b1
          9.1 b>a 401/BYE via=b1",
            "999 active life=2002,999,1000,999",
        ),
        (
            "a challenged BYE, sent again with credentials",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          9 a>b BYE via=b1
          9.1 b>a 407/BYE via=b1
          9.2 a>b BYE cseq=3 via=b2
          9.3 b>a 200/BYE cseq=3 via=b2",
            "1000 completed ended=9.2",
        ),
        (
            "a BYE that finds no dialog still ends",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          9 a>b BYE via=b1
          9.1 b>a 481/BYE via=b1",
            "1000 completed by=caller",
        ),
        (
            "a BYE on an early dialog changes no code",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          2 a>b BYE",
            "180 attempting by=-",
        ),
        (
            "a BYE after a failure changes no code",
            60.0,
            "0 a>b INVITE
          1 b>a 486
          2 b>a BYE from=B to=A",
            "486 unsuccessful by=-",
        ),
        (
            "a BYE of another dialog ends nothing",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          2 a>b BYE to=X",
            "999 active",
        ),
        (
            "late retransmissions change nothing",
            60.0,
            "0 a>b INVITE
          0.5 a>b INVITE
          1 b>a 180
          2 b>a 200
          2.5 b>a 200
          2.6 a>b ACK
          9 a>b BYE
          9.5 a>b BYE
          9.6 b>a 200
          9.7 a>b INVITE",
            "1000 retransmissions=5 messages=10 ended=9",
        ),
        (
            "packets captured twice are counted apart",
            60.0,
            "0 a>b INVITE
          0 a>b INVITE duplicate=yes
          2 b>a 486
          2 b>a 486 duplicate=yes",
            "486 messages=4 duplicates=2 retransmissions=0",
        ),
        (
            "the 32-second drop: the 2xx comes again and again",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          1.5 b>a 200
          2.5 b>a 200
          33 b>a BYE from=B to=A",
            "1000 by=callee ack_missing=true",
        ),
        (
            "an ACK that 32 s did not bring",
            60.0,
            "0 a>b INVITE
          1 b>a 200",
            "999 ack_missing=true",
        ),
        (
            "the ACK may still come",
            20.0,
            "0 a>b INVITE
          1 b>a 200",
            "999 ack_missing=false",
        ),
        (
            "the ACK goes straight to a Contact elsewhere",
            60.0,
            "0 a>b INVITE
          1 b>a 200 contact=<sip:bob@203.0.113.99>",
            "999 ack_missing=false",
        ),
        (
            "a refused re-INVITE does not take the credentials' place",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          1.1 a>b ACK
          5 a>b INVITE to=B cseq=2 via=a2
          5.1 b>a 401 cseq=2 via=a2",
            "999 challenged=false sip=200",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn call_ids_used_again() {
    let lives = [
        (
            "the next call under the same Call-ID and tag",
            99.0,
            "0 a>b INVITE
          1 b>a 200
          9 a>b BYE
          20 a>b INVITE cseq=3 via=a3
          21 b>a 486 cseq=3 via=a3",
            "1000 sip=200
          486 sip=486",
        ),
        (
            "another From tag is another call",
            99.0,
            "0 a>b INVITE
          1 b>a 486
          5 a>b INVITE from=Z cseq=1 via=z1
          6 b>a 200 from=Z via=z1",
            "486 attempts=1
          999 attempts=1",
        ),
        (
            "the callee calls back under the same Call-ID",
            99.0,
            "0 a>b INVITE
          1 b>a 200 to=B
          9 a>b BYE to=B
          12 b>a INVITE from=B via=b1
          13 a>b 200 from=B to=N via=b1
          15 b>a BYE from=B to=N via=b2",
            "1000 by=caller
          1000 by=caller",
        ),
        (
            "REGISTER and INVITE under one Call-ID",
            99.0,
            "0 a>b REGISTER contact=<sip:alice@192.0.2.1> via=r1
          0.1 b>a 200/REGISTER via=r1 cseq=1
          1 a>b INVITE cseq=2 via=i1
          2 b>a 403 cseq=2 via=i1",
            "1011 active sip=200
          403 unsuccessful sip=403",
        ),
        (
            "stragglers of a closed call open no row",
            400.0,
            "0 a>b INVITE
          1 b>a 200
          9 a>b BYE
          60 a>b BYE
          61 b>a 200/BYE
          62 b>a BYE from=B to=A
          63 b>a 200",
            "1000 messages=3",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn joined_late_and_one_sided() {
    let lives = [
        (
            "only the BYE",
            60.0,
            "0 a>b BYE
          0.1 b>a 200/BYE",
            "1000 completed partial=true by=- sip=-",
        ),
        (
            "only a re-INVITE",
            60.0,
            "0 a>b INVITE to=B cseq=2 via=a2
          0.1 b>a 200 cseq=2 via=a2
          0.2 a>b ACK cseq=2",
            "999 active partial=true",
        ),
        ("an ACK alone tells nothing", 60.0, "0 a>b ACK", "? ? partial=true sip=- life="),
        ("an ACK that went through a proxy follows a 2xx", 60.0, "0 p>b ACK via=p1,a1", "999 active partial=true"),
        ("an ACK with a body follows a 2xx", 60.0, "0 a>b ACK body=yes", "999 active partial=true"),
        (
            "only the callee's direction",
            60.0,
            "0 b>a 100
          1 b>a 180
          4 b>a 200
          9 b>a 200/BYE",
            "1000 completed partial=true sip=200 answered=4 by=-",
        ),
        (
            "only the callee's direction: busy",
            60.0,
            "0 b>a 180
          4 b>a 486",
            "486 partial=true sip=486",
        ),
        (
            "only the callee's direction: challenged and busy",
            60.0,
            "0 b>a 407 to=x
          1 b>a 180 cseq=2 via=a2
          4 b>a 486 cseq=2 via=a2",
            "486 partial=true challenged=true life=407,180,486",
        ),
        (
            "only the caller's direction: the ACK proves the answer",
            60.0,
            "0 a>b INVITE
          4 a>b ACK
          9 a>b BYE",
            "1000 completed sip=- answered=- proof=Ack by=caller life=2002,999,1000",
        ),
        (
            "only the caller's direction: the ACK of a failure proves none",
            20.0,
            "0 a>b INVITE
          4 a>b ACK via=a1",
            "2002 sip=- proof=-",
        ),
        (
            "only the callee's direction after the INVITE: its BYE proves the answer",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          9 b>a BYE from=B to=A",
            "1000 completed sip=180 proof=CalleeBye by=callee",
        ),
        (
            "an ACK proves nothing against a final response",
            60.0,
            "0 a>b INVITE
          1 b>a 486
          4 a>b ACK",
            "486 proof=-",
        ),
        (
            "a 2xx on a farther hop is not what the caller was told",
            20.0,
            "0 a>p INVITE
          0.1 p>b INVITE via=p1,a1
          4 b>p 200 via=p1,a1",
            "2002 attempting sip=-",
        ),
        (
            "... but the caller's ACK proves that it came",
            60.0,
            "0 a>p INVITE
          0.1 p>b INVITE via=p1,a1
          4 b>p 200 via=p1,a1
          4.2 a>p ACK",
            "999 proof=Ack",
        ),
        (
            "only a CANCEL",
            20.0,
            "0 a>b CANCEL
          0.1 b>a 200/CANCEL via=a1
          0.2 b>a 487",
            "487 partial=true",
        ),
        (
            "the responses before their INVITE",
            60.0,
            "0 b>a 180
          0.1 a>b INVITE
          2 b>a 486",
            "486 partial=false attempts=1",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

/// An answered call of which nothing is heard after 2 s.
const ANSWERED: &str = "
    0 a>b INVITE
    1 b>a 200
    2 a>b ACK
";

#[test]
fn silence() {
    let lives = [
        ("no media, not silent for long enough", false, "", 3601.0, "999 active ended=-"),
        (
            "no media, silent for the signalling timeout",
            false,
            "",
            3602.0,
            "8003 unmonitored ended=2 answered=1 sip=200 life=2002,999,8003",
        ),
        (
            "media, then neither media nor signalling",
            false,
            "300 -> MEDIA",
            600.0,
            "8100 completed ended=300 life=2002,999,8100",
        ),
        ("media, not silent for long enough", false, "300 -> MEDIA", 599.0, "999 active"),
        (
            "media stopped, but signalling went on",
            false,
            "
          100 -> MEDIA
          350 a>b INVITE to=B cseq=2 via=a2
          350.1 b>a 200 cseq=2 via=a2",
            650.0,
            "999 active",
        ),
        ("a BYE hours later still completes it", false, "9000 a>b BYE", 9100.0, "1000 completed life=2002,999,1000"),
        (
            "... but not where it was decided as live",
            true,
            "9000 a>b BYE",
            9100.0,
            "8003 unmonitored ended=9000 by=caller life=2002,999,8003",
        ),
        (
            "as live, media comes back too late",
            true,
            "
          10 -> MEDIA
          400 -> MEDIA
          500 a>b BYE",
            600.0,
            "8100 completed ended=500 life=2002,999,8100",
        ),
        (
            "in hindsight it resumed",
            false,
            "
          10 -> MEDIA
          400 -> MEDIA
          500 a>b BYE",
            600.0,
            "1000 completed life=2002,999,1000",
        ),
    ];
    for (name, as_live, then, end, expected) in lives {
        let settings = Settings { as_live, ..Settings::default() };
        live_with(settings, name, end, &format!("{ANSWERED}{then}"), expected);
    }
    live("a call that rings is not silent, it runs out of time", 9999.0, "0 a>b INVITE\n1 b>a 180", "180 unsuccessful");
}

#[test]
fn restarts() {
    let lives = [
        ("a gap that the call never outlives", false, "10 ->311 GAP", 400.0, "8002 unmonitored life=2002,999,8002"),
        ("a gap of just the limit", false, "10 ->310 GAP", 400.0, "999 active"),
        (
            "a gap that the call outlives",
            false,
            "10 ->1000 GAP\n1001 a>b BYE",
            1100.0,
            "1000 completed life=2002,999,1000",
        ),
        (
            "... but not where it was decided as live",
            true,
            "10 ->1000 GAP\n1001 a>b BYE",
            1100.0,
            "8002 unmonitored ended=1001 by=caller",
        ),
        ("media after the gap is a sign of life too", false, "10 ->1000 GAP\n1001 -> MEDIA", 1100.0, "999 active"),
        ("silent before the gap", false, "5000 ->6000 GAP", 6100.0, "8003"),
        ("a call that ended before it", false, "5 a>b BYE\n10 ->1000 GAP", 1100.0, "1000"),
    ];
    for (name, as_live, then, end, expected) in lives {
        let settings = Settings { as_live, ..Settings::default() };
        live_with(settings, name, end, &format!("{ANSWERED}{then}"), expected);
    }
}

#[test]
fn marks() {
    let at = |seconds: i64, what| vec![Mark { at: Timestamp::from_millis(1000 * seconds), what }];
    let unmonitor = |call_id: &str| Marking::Unmonitor(call_id.as_bytes().into());
    let lives = [
        (
            "marked by the user while active",
            at(5, unmonitor("c")),
            "9 a>b BYE",
            "8000 unmonitored sip=200 answered=1 ended=9 by=caller life=2002,999,8000",
        ),
        ("marked by the user while ringing", at(0, unmonitor("c")), "", "8000 life=2002,8000"),
        ("another call was marked", at(5, unmonitor("d")), "9 a>b BYE", "1000"),
        ("marked after its end", at(12, unmonitor("c")), "9 a>b BYE", "1000"),
        ("active when the server restarted", at(5, Marking::ServerRestart), "9 a>b BYE", "8001 unmonitored ended=9"),
        ("ringing when the server restarted", at(0, Marking::ServerRestart), "", "999"),
        ("active when the sniffer restarted", at(5, Marking::SnifferRestart), "9 a>b BYE", "8002 unmonitored"),
        ("a restart after the capture", at(500, Marking::ServerRestart), "", "999"),
        ("the first mark wins", [at(7, Marking::SnifferRestart), at(5, Marking::ServerRestart)].concat(), "", "8001"),
    ];
    for (name, marks, then, expected) in lives {
        // The INVITE is in progress before its answer: half a second into the call.
        let marks = marks.into_iter().map(|mark| match mark.at.nanos() {
            0 => Mark { at: Timestamp::from_millis(500), ..mark },
            _ => mark,
        });
        let settings = Settings { marks: marks.collect(), ..Settings::default() };
        live_with(settings, name, 60.0, &format!("{ANSWERED}{then}"), expected);
    }
    for (name, then, expected) in [("whatever its state", "9 a>b BYE", "8000 ended=9"), ("still up", "", "8000")] {
        let settings = Settings { unmonitored: vec![(*b"c").into()], ..Settings::default() };
        live_with(settings, name, 60.0, &format!("{ANSWERED}{then}"), expected);
    }
}

#[test]
fn licences() {
    let life = "
        0 a>b INVITE id=1
        1 a>b INVITE id=2
        2 b>a 200 id=1
        3 a>b INVITE id=3
        4 b>a 486 id=2
        5 a>b INVITE id=4
        6 b>a 200 id=3
        40 a>b INVITE id=5";
    let settings = Settings { license_limit: Some(2), ..Settings::default() };
    live_with(
        settings,
        "two at a time",
        41.0,
        life,
        "
        999 active
        486
        8004 unmonitored sip=200 answered=6 life=8004
        2002 timed_out=true
        2002 attempting",
    );
}

#[test]
fn registrations() {
    let lives = [
        (
            "challenged, granted, refreshed, removed",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1
          0.1 r>a 401/REGISTER via=1 cseq=1
          0.2 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=2 cseq=2
          0.3 r>a 200/REGISTER via=2 cseq=2 contact=<sip:alice@192.0.2.1>;expires=50
          40 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=3 cseq=3
          40.1 r>a 200/REGISTER via=3 cseq=3 contact=<sip:alice@192.0.2.1>;expires=50
          50 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=0 via=4 cseq=4
          50.1 r>a 200/REGISTER via=4 cseq=4",
            "1013 completed sip=200 cause=requested expires=50 refreshes=1 challenged=true life=1010,401,1010,1011,1010,1011,1012,1013",
        ),
        (
            "a lifetime that runs out",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1",
            "1013 completed cause=expired expires=60 life=1010,1011,1013",
        ),
        (
            "a lifetime that has not run out",
            50.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1",
            "1011 active cause=- expires=60",
        ),
        (
            "nobody answers",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> via=1
          0.5 a>r REGISTER contact=<sip:alice@192.0.2.1> via=1",
            "1010 unsuccessful sip=- timed_out=true",
        ),
        (
            "not answered yet",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> via=1",
            "1010 attempting timed_out=false",
        ),
        (
            "removal nobody answers",
            99.0,
            "0 a>r REGISTER contact=* expires=0 via=1",
            "1012 unsuccessful timed_out=true",
        ),
        (
            "Contact: * removes all",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1>,<sip:alice@192.0.2.2> expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          1 a>r REGISTER contact=* expires=0 via=2 cseq=2
          1.1 r>a 200/REGISTER via=2 cseq=2",
            "1013 cause=requested",
        ),
        (
            "removing one of two contacts",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1>,<sip:alice@192.0.2.2> expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          1 a>r REGISTER contact=<sip:alice@192.0.2.1>;expires=0 via=2 cseq=2
          1.1 r>a 200/REGISTER via=2 cseq=2",
            "1011 active life=1010,1011,1012,1011",
        ),
        (
            "refused",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> via=1
          0.1 r>a 403/REGISTER via=1 cseq=1",
            "403 unsuccessful sip=403",
        ),
        (
            "a refresh that is refused",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          1 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=2 cseq=2
          1.1 r>a 503/REGISTER via=2 cseq=2",
            "503 unsuccessful registered=true expires=60",
        ),
        (
            "interval too brief, then granted",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=5 via=1
          0.1 r>a 423/REGISTER via=1 cseq=1
          1 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=2 cseq=2
          1.1 r>a 200/REGISTER via=2 cseq=2",
            "1011 expires=60 life=1010,423,1010,1011",
        ),
        (
            "a query that finds a binding",
            9.0,
            "0 a>r REGISTER via=1
          0.1 r>a 200/REGISTER via=1 cseq=1 contact=<sip:alice@192.0.2.1>;expires=30",
            "1011 active expires=30 cause=-",
        ),
        (
            "a proxy that counts CSeq up, whose own REGISTER was not captured",
            9.0,
            "0 a>p REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=a1
          0.2 r>p 401/REGISTER via=p1,a1 cseq=7
          0.5 p>a 200/REGISTER via=a1 cseq=1",
            "1011 active sip=200 challenged=false life=1010,1011",
        ),
        (
            "a damaged REGISTER, sent again whole",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=none cseq=none
          1 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1 cseq=2
          1.1 r>a 200/REGISTER via=1 cseq=2",
            "1011 active sip=200 registered=true life=1010,1011",
        ),
        (
            "refused, and of the next attempt nothing but the 100 was captured",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1
          0.1 r>a 403/REGISTER via=1 cseq=1
          1 r>a 100/REGISTER via=2 cseq=2",
            "403 unsuccessful sip=403 life=1010,403",
        ),
        (
            "the REGISTER was not captured, its 2xx lists what was let go",
            9.0,
            "0.1 r>a 200/REGISTER via=1 cseq=1 contact=<sip:alice@192.0.2.1>;expires=0",
            "1013 completed cause=requested life=1013",
        ),
        (
            "the REGISTER was not captured, its 2xx lists what was let go and what was not",
            9.0,
            "0.1 r>a 200/REGISTER via=1 cseq=1 contact=<sip:alice@192.0.2.1>;expires=0,<sip:alice@192.0.2.2>;expires=40",
            "1011 active expires=40 cause=- life=1011",
        ),
        (
            "a query that finds none",
            9.0,
            "0 a>r REGISTER via=1
          0.1 r>a 200/REGISTER via=1 cseq=1",
            "1013 cause=none",
        ),
        (
            "a restarted phone takes its contact over",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          30 a>r REGISTER id=d contact=<sip:alice@192.0.2.1> expires=600 via=2
          30.1 r>a 200/REGISTER id=d via=2 cseq=1",
            "1011 active cause=replaced
          1011 active cause=-",
        ),
        (
            "a restarted phone that says which device it is",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1>;+sip.instance=\"<urn:uuid:a0>\" expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          30 a>r REGISTER id=d contact=<sip:alice@192.0.2.1>;+sip.instance=\"<urn:uuid:A0>\" expires=600 via=2
          30.1 r>a 200/REGISTER id=d via=2 cseq=1",
            "1011 active cause=replaced
          1011 active cause=-",
        ),
        (
            "two devices at one address",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1>;+sip.instance=\"<urn:uuid:a0>\" expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          30 a>r REGISTER id=d contact=<sip:alice@192.0.2.1>;+sip.instance=\"<urn:uuid:b0>\" expires=600 via=2
          30.1 r>a 200/REGISTER id=d via=2 cseq=1",
            "1013 cause=expired
          1011 active cause=-",
        ),
        (
            "two devices on one address-of-record",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=60 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          30 b>r REGISTER id=d contact=<sip:alice@192.0.2.2> expires=600 via=2
          30.1 r>b 200/REGISTER id=d via=2 cseq=1",
            "1013 cause=expired
          1011 cause=-",
        ),
        (
            "through a proxy that names the registrar's address",
            9.0,
            "0 a>p REGISTER contact=<sip:alice@192.0.2.1> via=a1
          0.1 p>r REGISTER contact=<sip:alice@192.0.2.1> via=p1,a1 registrar=192.0.2.77
          0.2 r>p 200/REGISTER via=p1,a1 cseq=1
          0.3 p>a 200/REGISTER via=a1 cseq=1",
            "1011 sip=200 life=1010,1011",
        ),
        (
            "two registrars under one Call-ID",
            9.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> via=1
          0.1 r>a 200/REGISTER via=1 cseq=1
          1 a>r REGISTER contact=<sip:alice@192.0.2.1> via=2 cseq=2 registrar=other.example
          1.1 r>a 404/REGISTER via=2 cseq=2",
            "1011 sip=200
          404 sip=404",
        ),
        (
            "only the responses",
            9.0,
            "0 r>a 401/REGISTER via=1 cseq=1
          1 r>a 200/REGISTER via=2 cseq=2 contact=<sip:alice@192.0.2.1>;expires=30",
            "1011 sip=200 challenged=true",
        ),
        (
            "another transport's binding is another contact",
            99.0,
            "0 a>r REGISTER contact=<sip:alice@192.0.2.1> expires=0 via=1
          0.1 r>a 200/REGISTER via=1 cseq=1 contact=<sip:alice@192.0.2.9>",
            "1013 cause=requested",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn other_ways_and_clocks() {
    let lives = [
        (
            "the INVITE sent again over TCP: the answer to that one is the answer",
            20.0,
            "0 a>b INVITE
          1 a:7000>b INVITE over=tcp
          2 b>a:7000 180 over=tcp
          3 b>a:7000 486 over=tcp",
            "486 sip=486 attempts=1 branches=1 ended=3 life=2002,180,486",
        ),
        (
            "the INVITE sent again from another port",
            20.0,
            "0 a:6000>b INVITE
          0.5 a:6001>b INVITE
          3 b>a:6001 486",
            "486 sip=486 attempts=1 branches=1 ended=3",
        ),
        (
            "the caller takes back what it sent again over TCP",
            9.0,
            "0 a>b INVITE
          1 a:7000>b INVITE over=tcp
          2 b>a:7000 180 over=tcp
          3 a:7000>b CANCEL over=tcp",
            "2004 by=caller",
        ),
        (
            "responses go to the Via's port, not to the sender's",
            20.0,
            "0 a:6000>b INVITE
          1 b>a 180
          3 b>a 486",
            "486 hops=1 ringing=1",
        ),
        (
            "the farther hop's clock is late by more than the call took",
            60.0,
            "0 a>p INVITE via=a1
          1 p>a 200 via=a1
          1.1 a>p ACK
          3 a>p BYE
          3.1 p>a 200/BYE
          5 p>b INVITE via=p1,a1
          6 b>p 200 via=p1,a1
          6.1 p>b ACK via=p5,ACK
          8 p>b BYE via=p6,BYE
          8.1 b>p 200/BYE via=p6,BYE",
            "1000 hops=2 branches=2 by=caller ended=3 messages=10",
        ),
        (
            "the caller's hop's clock is late by more than the call took",
            60.0,
            "0 p>b INVITE via=p1,a1
          1 b>p 200 via=p1,a1
          1.1 p>b ACK via=p5,ACK
          3 p>b BYE via=p6,BYE
          5 a>p INVITE via=a1
          6 p>a 200 via=a1
          6.1 a>p ACK
          8 a>p BYE",
            "1000 hops=2 branches=2 by=caller messages=8",
        ),
        (
            "RFC 2543: no branches, no tag of the callee, who hangs up",
            20.0,
            "0 a>b INVITE via=-
          1 b>a 200 to= via=-
          2 a>b ACK to= via=-
          9 b>a BYE from= to=A via=-",
            "1000 by=callee ack_missing=false",
        ),
        (
            "RFC 2543: the caller hangs up",
            20.0,
            "0 a>b INVITE via=-
          1 b>a 200 to= via=-
          2 a>b ACK to= via=-
          9 a>b BYE to= via=-",
            "1000 by=caller ack_missing=false",
        ),
        (
            "a spiral: the INVITE comes through the proxy twice",
            20.0,
            "0 a>p INVITE via=a1
          0.1 p>q INVITE via=p1,a1
          0.2 q>p INVITE via=q1,p1,a1
          0.3 p>b INVITE via=p2,q1,p1,a1
          1 b>p 200 via=p2,q1,p1,a1
          1.1 p>q 200 via=q1,p1,a1
          1.2 q>p 200 via=p1,a1
          1.3 p>a 200 via=a1",
            "999 answered=1.3 hops=4 branches=4 attempts=1 retransmissions=0",
        ),
        (
            "a loop that is found",
            20.0,
            "0 a>p INVITE via=a1
          0.1 p>q INVITE via=p1,a1
          0.2 q>p INVITE via=q1,p1,a1
          0.3 p>q 482 via=q1,p1,a1
          0.4 q>p 482 via=p1,a1
          0.5 p>a 482 via=a1",
            "482 ended=0.5",
        ),
        (
            "a proxy follows the redirection by itself",
            20.0,
            "0 a>p INVITE via=a1
          0.1 p>b INVITE via=p1,a1
          0.2 b>p 302 via=p1,a1
          0.3 p>c INVITE via=p2,a1
          1 c>p 486 via=p2,a1
          1.1 p>a 486 via=a1",
            "486 redirected=false attempts=1",
        ),
        (
            "a server in between that hides the Via values",
            60.0,
            "0 a>p INVITE via=a1
          0.1 p>b INVITE via=p1
          1 b>p 486 via=p1
          1.1 p>c INVITE via=p2
          2 c>p 200 via=p2
          2.1 p>a 200 via=a1
          2.2 a>p ACK
          9 c>p BYE from=B to=A via=b1
          9.1 p>a BYE from=B to=A via=b2",
            "1000 by=callee answered=2.1 ended=9 hops=3",
        ),
        (
            "a 2xx on the farther hop only, and the caller's BYE proves nothing",
            60.0,
            "0 a>p INVITE via=a1
          0.1 p>b INVITE via=p1,a1
          1 b>p 200 via=p1,a1
          2.1 p>b ACK via=p9,ACK
          9 a>p BYE via=x1",
            "2002",
        ),
        (
            "the clock steps back two minutes while it rings",
            300.0,
            "200 a>b INVITE
          201 b>a 180
          81 b>a 200
          81.1 a>b ACK
          90 a>b BYE
          90.1 b>a 200/BYE",
            "1000 sip=200 by=caller",
        ),
        (
            "the clock steps back an hour between two calls",
            4300.0,
            "4000 a>b INVITE id=x
          4001 b>a 486 id=x
          100 a>b INVITE via=q
          101 b>a 180 via=q
          103 b>a 486 via=q",
            "486
          486",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

/// A packet of another call stepped a minute ahead. What is behind it still has its timers run out when they do, and not
/// when a call that nobody answered would be closed.
#[test]
fn a_timer_runs_out_in_time_behind_a_clock_that_stepped_ahead() {
    let life = ["60 c>d OPTIONS id=y", "0 p>b INVITE via=p1", "0.5 b>p 180 via=p1", "1 b>p 486 via=p2"];
    assert_eq!(last_step(&life), (486, Timestamp::from_millis(180_500)));
}

/// The branch that would have been waited for the longest gets its answer: the other one is not waited for as long.
#[test]
fn a_timer_runs_out_in_time_where_a_later_one_was_waited_for() {
    let life = [
        "0 p>b INVITE via=p1,a1",
        "0 p>c INVITE via=p2,a1",
        "0.5 b>p 180 via=p1,a1",
        "20 c>p 180 via=p2,a1",
        "40 c>d OPTIONS id=y",
        "150 c>p 486 via=p2,a1",
    ];
    assert_eq!(last_step(&life), (486, Timestamp::from_millis(180_500)));
}

/// Where such a life leads in the end, and when.
fn last_step(life: &[&str]) -> (u16, Timestamp) {
    let mut tracker = Tracker::new();
    for (frame, text) in (1..).zip(life) {
        line(text, frame, &mut tracker);
    }
    tracker.finish(Timestamp::from_millis(600_000));
    let steps = std::iter::from_fn(|| tracker.poll()).find_map(|fact| match fact {
        Fact::Call(call) => call.timeline.iter().map(|step| (step.code.get(), step.at)).next_back(),
        _ => None,
    });
    steps.unwrap()
}

#[test]
fn losing_branches() {
    let lives = [
        (
            "the CANCEL of a losing branch says nothing about the call",
            20.0,
            "0 p>b INVITE via=p1,a1
          0 p>c INVITE via=p2,a1
          2 c>p 200 via=p2,a1 to=C
          2.2 p>b CANCEL via=p1 reason=SIP;cause=200
          2.4 b>p 487 via=p1,a1",
            "999 reasons=0 answered_elsewhere=false by=- cancelled=false",
        ),
        (
            "after a 6xx it is the proxy that cancels the others",
            20.0,
            "0 p>b INVITE via=p1,a1
          0 p>c INVITE via=p2,a1
          1 b>p 180 via=p1,a1
          2 c>p 603 via=p2,a1 to=C
          2.2 p>b CANCEL via=p1
          2.4 b>p 487 via=p1,a1",
            "603 by=- life=2002,180,603 cancelled=false",
        ),
        (
            "... and the call still waits for them",
            20.0,
            "0 p>b INVITE via=p1,a1
          0 p>c INVITE via=p2,a1
          1 b>p 180 via=p1,a1
          2 c>p 603 via=p2,a1 to=C
          2.2 p>b CANCEL via=p1",
            "180 by=-",
        ),
        (
            "a re-INVITE in one of two dialogs",
            60.0,
            "0 a>b INVITE
          2 b>a 200 to=B
          2.1 b>a 200 to=C
          2.2 a>b ACK to=B
          2.2 a>b ACK to=C
          2.3 a>b BYE to=C via=b1
          5 a>b INVITE to=B cseq=3 via=r1
          5.1 b>a 200 to=B cseq=3 via=r1
          9 a>b BYE to=B via=b2",
            "1000 ended=9 attempts=1",
        ),
        (
            "a 2xx counts though a 6xx came before it",
            60.0,
            "0 p>b INVITE via=p1,a1
          0 p>c INVITE via=p2,a1
          1 b>p 603 via=p1,a1
          1.1 c>p 200 via=p2,a1 to=C",
            "999 sip=200",
        ),
        (
            "a BYE to a phone that rang and did not answer",
            60.0,
            "0 a>b INVITE
          1 b>a 180 to=C
          2 b>a 200 to=D
          3 a>b ACK to=D
          4 a>b BYE to=C
          5 b>a 481/BYE to=C",
            "999",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn sent_again_and_overtaken() {
    let lives = [
        (
            "a 100 sent again after the 180",
            20.0,
            "0 a>b INVITE
          0.1 b>a 100
          1 b>a 180
          1.5 a>b INVITE
          1.6 b>a 100",
            "180 sip=180",
        ),
        (
            "both hang up at once: the first BYE ends it",
            20.0,
            "0 a>b INVITE
          1 b>a 200
          1.1 a>b ACK
          9 a>b BYE
          9.01 b>a BYE from=B to=A via=b1
          9.1 b>a 481/BYE
          9.1 a>b 200/BYE from=B to=A via=b1",
            "1000 by=caller ended=9",
        ),
        (
            "a challenged BYE that comes again ends nothing",
            30.0,
            "0 a>b INVITE
          1 b>a 200
          1.1 a>b ACK
          10 a>b BYE
          10.4 b>a 401/BYE
          10.5 a>b BYE
          10.55 a>b BYE via=x2 cseq=3
          10.6 b>a 401/BYE
          10.7 b>a 200/BYE via=x2 cseq=3",
            "1000 by=caller ended=10.55",
        ),
        (
            "credentials under the same CSeq",
            20.0,
            "0 a>b INVITE
          0.1 b>a 401
          0.2 a>b INVITE via=a2 auth=Digest
          1 b>a 200 via=a2",
            "999 sip=200 challenged=true",
        ),
        (
            "a challenged UPDATE and a lost PRACK are not the call's",
            20.0,
            "0 a>b INVITE
          1 b>a 180
          1.1 a>b PRACK
          1.2 b>a 481/PRACK
          1.3 a>b UPDATE cseq=3
          1.4 b>a 401/UPDATE cseq=3
          2 b>a 200",
            "999 challenged=false",
        ),
        (
            "the 2xx and the ACK come twice",
            20.0,
            "0 a>b INVITE
          1 b>a 200
          1.5 b>a 200
          1.6 a>b ACK
          1.7 a>b ACK",
            "999 answered=1 ack_missing=false retransmissions=2",
        ),
        (
            "the CANCEL comes twice",
            20.0,
            "0 a>b INVITE
          1 b>a 180
          2 a>b CANCEL
          2.5 a>b CANCEL
          2.6 b>a 200/CANCEL via=a1
          2.7 b>a 487
          2.7 b>a 200/CANCEL via=a1
          2.8 a>b ACK via=a1",
            "487 by=caller retransmissions=2",
        ),
        (
            "the CANCEL overtakes its INVITE",
            20.0,
            "0 a>b CANCEL
          0.01 a>b INVITE
          0.1 b>a 487",
            "487 by=caller partial=false",
        ),
        (
            "183, 180, 183: the last one tells",
            20.0,
            "0 a>b INVITE
          1 b>a 183
          2 b>a 180
          3 b>a 183",
            "183 sip=183",
        ),
        (
            "an answer after the timer ran out",
            300.0,
            "0 a>b INVITE
          1 b>a 180
          200 b>a 200
          250 a>b BYE",
            "1000 answered=200 timed_out=false",
        ),
        (
            "a BYE through two hops, challenged at the first",
            60.0,
            "0 a>p INVITE via=a1
          0.1 p>b INVITE via=p1,a1
          1 b>p 200 via=p1,a1
          1.1 p>a 200
          2 a>p ACK
          2.1 p>b ACK via=p9,ACK
          9 a>p BYE via=x1
          9.1 p>a 407/BYE via=x1
          9.2 a>p BYE via=x2 cseq=3
          9.3 p>b BYE via=p3,x2 cseq=3
          9.4 b>p 200/BYE via=p3,x2 cseq=3
          9.5 p>a 200/BYE via=x2 cseq=3",
            "1000 by=caller ended=9.2 life=2002,999,1000,999,1000",
        ),
        (
            "a failure that comes again while the next attempt rings",
            60.0,
            "0 a>b INVITE
          0.5 b>a 503
          0.6 a>b INVITE cseq=2 via=a2
          1 b>a 180 cseq=2 via=a2
          1.1 b>a 503",
            "180 sip=180 attempts=2",
        ),
        (
            "credentials, then another session interval",
            60.0,
            "0 a>b INVITE
          0.1 b>a 407
          0.2 a>b ACK via=a1
          0.3 a>b INVITE cseq=2 via=a2 auth=D
          0.4 b>a 422 cseq=2 via=a2
          0.5 a>b ACK via=a2 cseq=2
          0.6 a>b INVITE cseq=3 via=a3 auth=D
          1 b>a 200 cseq=3 via=a3
          1.1 a>b ACK cseq=3",
            "999 attempts=3 branches=3 challenged=true answered=1 ack_missing=false",
        ),
        (
            "the caller tries again while the first attempt rings",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          5 a>b INVITE cseq=2 via=a2
          6 b>a 486
          7 b>a 200 cseq=2 via=a2",
            "999 attempts=2 sip=200",
        ),
        (
            "BYE in place of CANCEL (RFC 3261 15)",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          5 a>b BYE
          5.1 b>a 200/BYE
          5.2 b>a 487
          5.3 a>b ACK via=a1",
            "487 sip=487 by=-",
        ),
        (
            "the callee's BYE overtakes its 2xx",
            60.0,
            "0 a>b INVITE
          1 b>a 180
          5 b>a BYE from=B to=A
          5.1 b>a 200",
            "1000 by=callee sip=200 answered=5.1",
        ),
        (
            "every packet captured twice",
            60.0,
            "0 a>b INVITE
          0.001 a>b INVITE duplicate=y
          1 b>a 200
          1.001 b>a 200 duplicate=y
          1.1 a>b ACK
          1.101 a>b ACK duplicate=y
          9 a>b BYE
          9.001 a>b BYE duplicate=y",
            "1000 messages=8 duplicates=4 retransmissions=0 hops=1 branches=1",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn one_row_or_two() {
    let lives = [
        (
            "the responses were lost, the caller's BYE was not",
            60.0,
            "0 a>b INVITE
          9 a>b BYE
          9.1 b>a 200/BYE",
            "2002 unsuccessful sip=- callee_known=true",
        ),
        (
            "the ACK to a refusal proves no callee of the next attempt",
            60.0,
            "0 a>b INVITE
          1 b>a 401
          1.1 a>b ACK via=a1
          1.2 a>b INVITE via=a2 cseq=2",
            "2002 unsuccessful sip=- callee_known=false",
        ),
        (
            "a capture that begins with the ACK to a challenge",
            20.0,
            "0 a>b ACK via=a0
          0.1 a>b INVITE cseq=2 auth=Digest
          1 b>a 486 cseq=2",
            "486 partial=false attempts=1",
        ),
        (
            "tried again almost 180 s after the failure",
            200.0,
            "0 a>b INVITE
          1 b>a 486
          1.1 a>b ACK via=a1
          170 a>b INVITE via=a2 cseq=2
          171 b>a 200 cseq=2 via=a2",
            "999 attempts=2",
        ),
        (
            "the next call counts its CSeq from 1 again",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          2 a>b ACK
          3 a>b BYE
          9 a>b INVITE via=a9
          10 b>a 486 via=a9",
            "1000
          486",
        ),
        (
            "only the callee's direction, with a re-INVITE",
            60.0,
            "0 b>a 100
          1 b>a 180
          2 b>a 200
          9 b>a 200 cseq=2 via=r1
          12 b>a 200/BYE via=x cseq=3",
            "1000 partial=true sip=200 by=-",
        ),
        (
            "joined at the ACK, then a refused re-INVITE that was not captured",
            60.0,
            "0 a>b ACK body=1
          9 b>a 488 cseq=2 via=r1
          12 a>b BYE cseq=3",
            "1000 partial=true by=- sip=-",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn registrations_tried_again() {
    let lives = [
        (
            "credentials under the same CSeq",
            20.0,
            "0 a>b REGISTER contact=<sip:alice@192.0.2.1> via=r1
          0.1 b>a 401/REGISTER via=r1 cseq=1
          0.2 a>b REGISTER contact=<sip:alice@192.0.2.1> via=r2
          0.3 b>a 200/REGISTER via=r2 cseq=1",
            "1011 active sip=200",
        ),
        (
            "another server under the same CSeq",
            20.0,
            "0 a>b REGISTER contact=<sip:alice@192.0.2.1> via=r1
          4 a>c REGISTER contact=<sip:alice@192.0.2.1> via=r2
          4.3 c>a 200/REGISTER via=r2 cseq=1",
            "1011 active sip=200",
        ),
        (
            "a client that lost count of its CSeq",
            200.0,
            "0 a>b REGISTER contact=<sip:alice@192.0.2.1> via=r1 cseq=50
          0.1 b>a 200/REGISTER via=r1 cseq=50
          99 a>b REGISTER contact=<sip:alice@192.0.2.1> via=r2 cseq=1 expires=0
          99.3 b>a 200/REGISTER via=r2 cseq=1",
            "1013 completed sip=200",
        ),
        (
            "a refresh that nobody answers",
            60.0,
            "0 a>b REGISTER via=r1 contact=<sip:x@192.0.2.1>;expires=10,<sip:y@192.0.2.1>;expires=40
          0.1 b>a 200/REGISTER cseq=1 via=r1 contact=<sip:x@192.0.2.1>;expires=10,<sip:y@192.0.2.1>;expires=40
          20 a>b REGISTER via=r2 cseq=2 contact=<sip:y@192.0.2.1>;expires=40",
            "1010 unsuccessful timed_out=true",
        ),
        (
            "a removal that is challenged",
            60.0,
            "0 a>b REGISTER via=r1 contact=<sip:x@192.0.2.1>
          0.1 b>a 200/REGISTER cseq=1 via=r1 expires=60
          20 a>b REGISTER via=r2 cseq=2 contact=* expires=0
          20.1 b>a 401/REGISTER via=r2 cseq=2
          20.2 a>b REGISTER via=r3 cseq=3 contact=* expires=0
          20.3 b>a 200/REGISTER via=r3 cseq=3",
            "1013 completed cause=requested expires=60 challenged=true",
        ),
        (
            "two hops, one row",
            60.0,
            "0 a>p REGISTER via=r1 contact=<sip:x@192.0.2.1>
          0.1 p>b REGISTER via=p1,r1 contact=<sip:x@192.0.2.1>
          0.2 b>p 200/REGISTER cseq=1 via=p1,r1
          0.3 p>a 200/REGISTER cseq=1 via=r1",
            "1011 life=1010,1011",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

/// Lines of a life that nobody lived: any message, in any order, with few enough names that they meet.
fn any_line() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let what = prop::sample::select(vec![
        "INVITE",
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "PRACK",
        "REGISTER",
        "OPTIONS",
        "100",
        "180",
        "200",
        "200",
        "302",
        "401",
        "407",
        "486",
        "487",
        "503",
        "200/BYE",
        "401/BYE",
        "481/BYE",
        "200/CANCEL",
        "200/REGISTER",
        "401/REGISTER",
    ]);
    let pick = |names: &'static [&'static str]| prop::sample::select(names);
    (
        0_u32..90,
        pick(&["a>b", "b>a", "a>p", "p>b", "p>c", "b>p"]),
        what,
        1_u32..4,
        pick(&["a1", "a2", "p1,a1", "p2,a1", "p2,a2"]),
        pick(&["A", "B", "Z"]),
        pick(&["", "B", "C", "A"]),
        pick(&["c", "d"]),
        pick(&["", " duplicate=yes", " expires=0 contact=<sip:x@192.0.2.1>", " contact=<sip:y@192.0.2.2>"]),
    )
        .prop_map(|(gap, hop, what, cseq, via, from, to, id, more)| {
            format!("{gap} {hop} {what} cseq={cseq} via={via} from={from} to={to} id={id}{more}")
        })
}

#[test]
fn what_is_still_to_be_told_began_no_earlier_than_is_said() {
    let (mut tracker, at) = (Tracker::new(), |seconds: i64| Timestamp::from_millis(seconds * 1000));
    assert_eq!(tracker.begun(at(100)), at(40), "a minute for packets that step back");
    let up = ["90 a>b INVITE", "91 b>a 200", "92 a>b ACK", "200 x>y INVITE id=d"];
    up.iter().zip(1..).for_each(|(text, frame)| line(text, frame, &mut tracker));
    assert_eq!(tracker.begun(at(200)), at(90), "one lasts");
    line("300 a>b BYE", 5, &mut tracker);
    line("301 b>a 200/BYE", 6, &mut tracker);
    tracker.advance(at(900));
    assert_eq!(tracker.begun(at(900)), at(90), "settled, but not told yet");
    let told: Vec<_> = std::iter::from_fn(|| tracker.poll()).collect();
    assert_eq!((told.len(), tracker.begun(at(900))), (2, at(840)));
}

proptest::proptest! {
    #[test]
    fn whatever_comes_every_message_counts_once_and_every_row_ends_once(
        lines in proptest::collection::vec(any_line(), 0..60),
        tail in 0_i64..500,
    ) {
        let (mut tracker, mut drowsy) = (Tracker::new(), Tracker::new());
        let (mut at, mut facts, mut passed) = (0_u32, Vec::new(), Vec::new());
        for (frame, text) in (1..).zip(&lines) {
            let (gap, rest) = text.split_once(' ').expect("a gap");
            at += gap.parse::<u32>().expect("seconds");
            line(&format!("{at} {rest}"), frame, &mut tracker);
            line(&format!("{at} {rest}"), frame, &mut drowsy);
            drowsy.doze();
            facts.extend(std::iter::from_fn(|| tracker.poll()));
            passed.push((facts.len(), tracker.begun(Timestamp::from_millis(i64::from(at) * 1000))));
        }
        let end = Timestamp::from_millis((i64::from(at) + tail) * 1000);
        for tracker in [&mut tracker, &mut drowsy] {
            tracker.finish(end);
        }
        facts.extend(std::iter::from_fn(|| tracker.poll()));
        let of_drowsy: Vec<_> = std::iter::from_fn(|| drowsy.poll()).collect();
        proptest::prop_assert_eq!(format!("{facts:?}"), format!("{of_drowsy:?}"), "calls that sleep between");
        for (told, until) in passed {
            let late = facts.iter().skip(told).find(|fact| matches!(fact, Fact::Call(call) if call.start < until));
            proptest::prop_assert!(late.is_none(), "{:?} before {:?}", late, until);
        }
        let mut counted = 0;
        for fact in &facts {
            match fact {
                Fact::Call(call) => {
                    counted += call.messages;
                    proptest::prop_assert!(call.messages >= 1 && call.retransmissions + call.duplicates < call.messages);
                    proptest::prop_assert_eq!(call.timeline.last().map(|step| step.code), call.code);
                    proptest::prop_assert!(call.timeline.iter().is_sorted_by_key(|step| step.at));
                    proptest::prop_assert!(call.ended.is_none_or(|ended| ended >= call.start && ended <= end));
                    proptest::prop_assert!(call.answered.is_none_or(|answered| answered <= call.last));
                    proptest::prop_assert!(call.partial == (call.attempts == 0));
                    proptest::prop_assert_eq!(call.category.is_none(), call.code.is_none());
                }
                Fact::Registration(registration) => {
                    counted += registration.messages;
                    proptest::prop_assert_eq!(registration.timeline.last().map(|step| step.code), registration.code);
                }
                Fact::Transaction(row) => counted += u32::try_from(row.messages).unwrap_or(u32::MAX),
                Fact::Stream(_) => {}
            }
        }
        proptest::prop_assert!(counted as usize <= lines.len());
        let starts: std::collections::BTreeSet<_> = facts
            .iter()
            .map(|fact| match fact {
                Fact::Call(call) => call.place,
                Fact::Registration(registration) => registration.place,
                Fact::Transaction(row) => row.place,
                Fact::Stream(stream) => stream.place,
            })
            .collect();
        proptest::prop_assert_eq!(starts.len(), facts.len());
    }
}

#[test]
fn requests_under_the_call_id_of_a_call_are_its_own_only_with_a_to_tag() {
    const CALL: &str = "0 a>b INVITE\n1 b>a 200\n1.1 a>b ACK\n";
    let lives = [
        (
            "OPTIONS inside the dialog",
            "10 a>b OPTIONS cseq=2 to=B
          10.1 b>a 200/OPTIONS cseq=2
          20 a>b BYE cseq=3",
            "1000 messages=6",
        ),
        (
            "OPTIONS without a To tag, whose answer has one",
            "10 a>b OPTIONS cseq=2 to=
          10.1 b>a 200/OPTIONS cseq=2 to=X
          20 a>b BYE cseq=3",
            "1000 messages=4
          OPTIONS 200 count=1 messages=2 id=c",
        ),
        (
            "MESSAGE without a To tag while it rings",
            "0.5 a>b MESSAGE cseq=7 to=
          0.6 b>a 200/MESSAGE cseq=7 to=X
          20 a>b BYE cseq=8",
            "1000 messages=4
          MESSAGE 200 count=1 messages=2",
        ),
        (
            "INFO without a To tag, behind the call",
            "20 a>b BYE cseq=2
          20.1 b>a 200/BYE cseq=2
          70 a>b INFO cseq=3 to=
          70.1 b>a 481/INFO cseq=3 to=X",
            "1000 messages=5
          INFO 481 count=1 messages=2",
        ),
        (
            "the answer alone is the call's",
            "10.1 b>a 200/INFO cseq=2
          20 a>b BYE cseq=3",
            "1000 messages=5",
        ),
    ];
    for (name, life, expected) in lives {
        live(name, 90.0, &format!("{CALL}{life}"), expected);
    }
    live(
        "a callee of RFC 2543 has no tag",
        90.0,
        "0 a>b INVITE
          1 b>a 200 to=
          1.1 a>b ACK to=
          10 a>b INFO cseq=2 to=
          10.1 b>a 200/INFO cseq=2 to=
          20 a>b BYE cseq=3 to=",
        "1000 messages=6",
    );
}

#[test]
fn what_bounds_give_up_is_accounted_for() {
    let bounded = |lines: &mut dyn Iterator<Item = String>| {
        let mut tracker = Tracker::new();
        for (text, frame) in lines.zip(1..) {
            line(&text, frame, &mut tracker);
        }
        let issues = tracker.take_issues();
        let first: Vec<_> =
            issues.of_file(0).map(|(cause, tally)| (cause.key(), tally.count, tally.first.frame)).collect();
        assert_eq!(tracker.take_issues().of_file(0).count(), 0, "told once");
        first
    };
    let invite = |n: u32| format!("0 a>b INVITE via=b{n}");
    assert_eq!(bounded(&mut (0..256).map(invite)), []);
    assert_eq!(bounded(&mut (0..260).map(invite)), [("counted_invite_transactions_of_a_call".to_owned(), 4, 257)]);
    let refer = |n: u32| format!("2 a>b REFER cseq={} via=r{n}", n + 2);
    let call = || ["0 a>b INVITE".to_owned(), "1 b>a 200".to_owned()].into_iter();
    assert_eq!(bounded(&mut call().chain((0..2000).map(refer))), []);
}

#[test]
fn icmp_errors() {
    let lives = [
        (
            "nobody listens",
            60.0,
            "0 a>b INVITE
          0 a>b INVITE icmp=port_unreachable
          0.5 a>b INVITE
          0.5 a>b INVITE icmp=port_unreachable",
            "2002 unsuccessful messages=2 retransmissions=1 icmp=port_unreachable life=2002",
        ),
        (
            "the first error is told",
            60.0,
            "0 a>b INVITE
          1 a>b INVITE icmp=host_unreachable
          2 a>b INVITE icmp=port_unreachable",
            "2002 icmp=host_unreachable",
        ),
        (
            "no more quoted than the ports",
            60.0,
            "0 a>b INVITE
          0 a>b INVITE icmp=port_unreachable quote=0",
            "2002 icmp=port_unreachable",
        ),
        (
            "cut before the Call-ID: the call that sent last on this hop",
            20.0,
            "0 a>b INVITE
          1 a>b INVITE id=d
          1.1 a>b INVITE icmp=port_unreachable quote=60
          2 a>c INVITE id=e",
            "2002 icmp=-
          2002 icmp=port_unreachable
          2002 icmp=-",
        ),
        (
            "cut before the Call-ID, and nobody waits",
            20.0,
            "0 a>b INVITE
          1 b>a 486
          1.1 a>b INVITE icmp=port_unreachable quote=0",
            "486 icmp=-",
        ),
        (
            "the other way round is another hop",
            20.0,
            "0 a>b INVITE
          1.1 b>a INVITE icmp=port_unreachable quote=0",
            "2002 icmp=-",
        ),
        (
            "a BYE that did not arrive",
            60.0,
            "0 a>b INVITE
          1 b>a 200
          1.1 a>b ACK
          9 a>b BYE
          9 a>b BYE icmp=host_unreachable",
            "1000 messages=4 icmp=host_unreachable",
        ),
        (
            "a response that did not arrive",
            60.0,
            "0 a>b INVITE
          1 b>a 486
          1 b>a 486 icmp=port_unreachable",
            "486 messages=2 icmp=port_unreachable",
        ),
        (
            "a cut BYE is none of the INVITE that waits",
            60.0,
            "0 a>b INVITE
          1 a>b BYE icmp=port_unreachable quote=60",
            "2002 icmp=-",
        ),
        (
            "a REGISTER with the call's Call-ID",
            60.0,
            "0 a>b REGISTER
          1 a>b INVITE cseq=9
          2 a>b REGISTER icmp=port_unreachable",
            "1010
          2002 icmp=-",
        ),
        ("an error opens no call", 60.0, "0 a>b INVITE icmp=port_unreachable", ""),
        (
            "an error is no sign of life of the next call",
            400.0,
            "0 a>b INVITE
          300 a>b INVITE icmp=port_unreachable quote=0",
            "2002 icmp=- ended=32",
        ),
    ];
    for (name, end, life, expected) in lives {
        live(name, end, life, expected);
    }
}

#[test]
fn holds() {
    /// Up after a second, both sides to be heard.
    const UP: &str = "0 a>b INVITE sdp=sendrecv
          1 b>a 200 sdp=sendrecv
          1.1 a>b ACK
          ";
    const BYE: &str = "
          60 a>b BYE cseq=9";
    let lives = [
        ("never held", "", "1000 hold=0 held=false"),
        (
            "held and taken back by the caller",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          11 b>a 200 cseq=2 via=r2 sdp=recvonly
          30 a>b INVITE to=B cseq=3 via=r3 sdp=sendrecv
          31 b>a 200 cseq=3 via=r3 sdp=sendrecv",
            "hold=20 held=false",
        ),
        (
            "held by the callee until the end, with UPDATE",
            "10 b>a UPDATE from=B to=A cseq=5 via=u1 sdp=inactive
          11 a>b 200/UPDATE from=B to=A cseq=5 via=u1 sdp=inactive",
            "hold=49 held=true",
        ),
        (
            "with an address of zeros",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=0.0.0.0
          11 b>a 200 cseq=2 via=r2 sdp=192.0.2.9
          21 a>b INVITE to=B cseq=3 via=r3 sdp=192.0.2.8
          21 b>a 200 cseq=3 via=r3 sdp=192.0.2.9",
            "hold=10",
        ),
        (
            "both sides hold, one after the other takes it back",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          10 b>a 200 cseq=2 via=r2 sdp=recvonly
          20 b>a INVITE from=B to=A cseq=2 via=s2 sdp=inactive
          20 a>b 200 from=B to=A cseq=2 via=s2 sdp=inactive
          30 a>b INVITE to=B cseq=3 via=r3 sdp=sendrecv
          30 b>a 200 cseq=3 via=r3 sdp=sendonly
          40 b>a INVITE from=B to=A cseq=3 via=s3 sdp=sendrecv
          40 a>b 200 from=B to=A cseq=3 via=s3 sdp=sendrecv",
            "hold=30 held=false",
        ),
        (
            "refused with 488",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=inactive
          11 b>a 488 cseq=2 via=r2
          11 a>b ACK cseq=2 via=r2",
            "hold=0 held=false",
        ),
        (
            "taking it back is refused with 491",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          10 b>a 200 cseq=2 via=r2 sdp=recvonly
          20 a>b INVITE to=B cseq=3 via=r3 sdp=sendrecv
          20 b>a 491 cseq=3 via=r3",
            "hold=50 held=true",
        ),
        (
            "a provisional answer that is refused in the end",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=inactive
          11 b>a 183 cseq=2 via=r2 sdp=inactive
          12 b>a 488 cseq=2 via=r2",
            "hold=0",
        ),
        (
            "the answer was not captured, its ACK was",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          11 a>b ACK cseq=2 via=ack2",
            "hold=49 held=true",
        ),
        (
            "the refusal was not captured, its ACK was",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          11 a>b ACK cseq=2 via=r2",
            "hold=0",
        ),
        ("nothing of the answer was captured", "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly", "hold=0"),
        ("only the answer was captured", "11 b>a 200 cseq=2 via=r2 sdp=recvonly", "hold=49 held=true"),
        (
            "the offer is in the 2xx, the answer in the ACK",
            "10 a>b INVITE to=B cseq=2 via=r2
          11 b>a 200 cseq=2 via=r2 sdp=sendrecv
          12 a>b ACK cseq=2 via=ack2 sdp=inactive",
            "hold=48 held=true",
        ),
        (
            "a session timer's refresh says nothing",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          10 b>a 200 cseq=2 via=r2 sdp=recvonly
          20 a>b UPDATE to=B cseq=3 via=u3
          20 b>a 200/UPDATE cseq=3 via=u3",
            "hold=50 held=true",
        ),
        (
            "the old 2xx comes again after the hold was taken back",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          10 b>a 200 cseq=2 via=r2 sdp=recvonly
          20 a>b INVITE to=B cseq=3 via=r3 sdp=sendrecv
          20 b>a 200 cseq=3 via=r3 sdp=sendrecv
          21 b>a 200 cseq=2 via=r2 sdp=recvonly
          22 c>a 200 cseq=2 via=r2 sdp=recvonly",
            "hold=10 held=false",
        ),
        (
            "a description that was cut",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=inactive
          10 b>a 200 cseq=2 via=r2 sdp=inactive
          20 a>b INVITE to=B cseq=3 via=r3 sdp=cut
          20 b>a 200 cseq=3 via=r3 sdp=cut",
            "hold=50 held=true",
        ),
        (
            "no stream is left",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=none
          10 b>a 200 cseq=2 via=r2 sdp=none",
            "hold=50 held=true",
        ),
    ];
    for (name, life, expected) in lives {
        live(name, 90.0, &format!("{UP}{life}{BYE}"), expected);
    }
    let lives = [
        (
            "up on hold: counts to the last sign of life",
            "0 a>b INVITE sdp=sendrecv
          1 b>a 200 sdp=sendrecv
          10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          10 b>a 200 cseq=2 via=r2 sdp=recvonly
          30 a>b OPTIONS to=B cseq=3",
            "999 hold=20 held=true",
        ),
        (
            "inactive until it rings: no hold",
            "0 a>b INVITE sdp=inactive
          1 b>a 183 sdp=inactive
          1 a>b PRACK cseq=2
          1 b>a 200/PRACK cseq=2 via=PRACK
          2 a>b UPDATE cseq=3 via=u3 sdp=sendrecv
          2 b>a 200/UPDATE cseq=3 via=u3 sdp=sendrecv
          5 b>a 200
          5.1 a>b ACK
          9 a>b BYE cseq=4",
            "1000 hold=0",
        ),
        (
            "the old description again in the 2xx",
            "0 a>b INVITE sdp=inactive
          1 b>a 183 sdp=inactive
          2 a>b UPDATE cseq=3 via=u3 sdp=sendrecv
          2 b>a 200/UPDATE cseq=3 via=u3 sdp=sendrecv
          5 b>a 200 sdp=inactive
          9 a>b BYE cseq=4",
            "1000 hold=0",
        ),
        (
            "the offer in a reliable 183, the answer in the PRACK",
            "0 a>b INVITE
          1 b>a 183 sdp=sendrecv
          1 a>b PRACK cseq=2 sdp=inactive
          1 b>a 200/PRACK cseq=2 via=PRACK
          5 b>a 200
          5.1 a>b ACK
          9 a>b BYE cseq=4",
            "1000 hold=4",
        ),
        (
            "held from the answer on",
            "0 a>b INVITE sdp=inactive
          5 b>a 200 sdp=inactive
          9 a>b BYE",
            "1000 hold=4",
        ),
        (
            "one-way from the answer on is no hold, until it is interrupted",
            "0 a>b INVITE sdp=sendrecv
          5 b>a 200 sdp=recvonly
          9 a>b INVITE to=B cseq=2 via=r2 sdp=inactive
          9 b>a 200 cseq=2 via=r2 sdp=inactive
          12 a>b INVITE to=B cseq=3 via=r3 sdp=sendonly
          12 b>a 200 cseq=3 via=r3 sdp=recvonly
          19 a>b BYE cseq=4",
            "1000 hold=3 held=false",
        ),
        (
            "a losing branch says nothing of the call",
            "0 p>b INVITE sdp=sendrecv
          0 p>c INVITE via=a2 sdp=sendrecv
          1 c>p 183 via=a2 to=C sdp=inactive
          2 b>p 200 sdp=sendrecv
          3 c>p 487 via=a2 to=C
          9 p>b BYE",
            "1000 hold=0",
        ),
        (
            "the ACK to one branch says nothing of the one that is being cancelled",
            "0 p>b INVITE sdp=sendrecv
          0 p>c INVITE via=a2 sdp=sendrecv
          2 b>p 200 sdp=inactive
          2.1 p>b ACK
          3 c>p 487 via=a2 to=C
          9 p>b BYE",
            "1000 hold=7",
        ),
        (
            "two hops tell it once, as the caller's does",
            "0 a>p INVITE sdp=sendrecv
          0 p>b INVITE via=p1,a1 sdp=sendrecv
          1 b>p 200 via=p1,a1 sdp=sendrecv
          1 p>a 200 sdp=sendrecv
          10 a>p INVITE to=B cseq=2 via=r2 sdp=sendonly
          10 p>b INVITE to=B cseq=2 via=q2,r2 sdp=sendonly
          11 b>p 200 cseq=2 via=q2,r2 sdp=recvonly
          12 p>a 200 cseq=2 via=r2 sdp=recvonly
          20 a>p BYE cseq=3",
            "1000 hold=8",
        ),
        (
            "not answered",
            "0 a>b INVITE sdp=inactive
          1 b>a 183 sdp=inactive
          2 b>a 486",
            "486 hold=- held=false",
        ),
        (
            "joined late: when it began is not known",
            "10 a>b INVITE to=B cseq=2 via=r2 sdp=sendonly
          10 b>a 200 cseq=2 via=r2 sdp=recvonly",
            "999 hold=-",
        ),
    ];
    for (name, life, expected) in lives {
        live(name, 90.0, life, expected);
    }
}

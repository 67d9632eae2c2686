//! Lives of calls with their media: the lines of `lives`, and two more words. `RTP` sends `n` packets (50) of 20 ms with
//! `ssrc` (1), payload type `pt` (0) and from the sequence number `seq` (as many as fit into the time so far) on.
//! `RTCP` is a report of `ssrc` `about` another source, with so many packets `lost`.

#![allow(clippy::or_fun_call, reason = "tests read better so")]

use crate::event::{Event, Path, Transport, What};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::track::fact::{CallFact, Fact, Heard, StreamFact};
use crate::track::lives::{address, assert_words, line};
use crate::track::{Settings, Tracker};
use crate::wire::media::Media;
use crate::wire::rtcp::Rtcp;
use crate::wire::rtp::Rtp;

/// What happens at a moment.
enum Happens<'l> {
    Line(&'l str),
    Packet(Path, Vec<u8>),
}

fn moment(seconds: &str) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
    let nanos = (seconds.parse::<f64>().expect("seconds") * 1e9) as i64;
    nanos
}

/// The moments of a life, in the order of time.
fn moments(life: &str) -> Vec<(i64, Happens<'_>)> {
    let mut all = Vec::new();
    for text in life.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let at = moment(words[0]);
        let [_, ends, what @ ("RTP" | "RTCP"), options @ ..] = &words[..] else {
            all.push((at, Happens::Line(text)));
            continue;
        };
        let (src, dst) = ends.split_once('>').expect("sender>receiver");
        let path = Path { src: address(src), dst: address(dst), transport: Transport::Udp };
        let options: Vec<(&str, u32)> = options
            .iter()
            .map(|word| word.split_once('=').expect("key=value"))
            .map(|(key, value)| (key, value.parse().expect("a number")))
            .collect();
        let option = |key: &str| options.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        let ssrc = option("ssrc").unwrap_or(1);
        if *what == "RTCP" {
            let lost = option("lost").unwrap_or(0).to_be_bytes();
            let mut bytes = vec![0x81, 201, 0, 7];
            bytes.extend(ssrc.to_be_bytes());
            bytes.extend(option("about").unwrap_or(0).to_be_bytes());
            bytes.extend([0, lost[1], lost[2], lost[3]]);
            bytes.extend([0; 16]);
            all.push((at, Happens::Packet(path, bytes)));
            continue;
        }
        let first = option("seq").unwrap_or(u32::try_from(at / 20_000_000).unwrap_or(0));
        for packet in 0..option("n").unwrap_or(50) {
            let sequence = first + packet;
            let mut bytes = vec![0x80, u8::try_from(option("pt").unwrap_or(0)).expect("a payload type")];
            bytes.extend(u16::try_from(sequence % 65536).expect("16 bits").to_be_bytes());
            bytes.extend((sequence * 160).to_be_bytes());
            bytes.extend(ssrc.to_be_bytes());
            bytes.extend([0x55; 160]);
            all.push((at + i64::from(packet) * 20_000_000, Happens::Packet(path, bytes)));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

fn feed(tracker: &mut Tracker, frame: u64, at: i64, happens: &Happens<'_>) {
    match happens {
        Happens::Line(text) => line(text, frame, tracker),
        Happens::Packet(path, bytes) => {
            let what = match Rtp::parse(bytes) {
                Some(rtp) => What::Rtp(rtp, 46),
                None => What::Rtcp(Rtcp::parse(bytes).expect("a report")),
            };
            let (at, place) = (Timestamp::from_nanos(at), Place { file: 0, frame });
            tracker.feed(&Event { at, place, path: *path, duplicate: false, correlation: None, what });
        }
    }
}

/// What is known of a stream goes the short way first; that makes no difference.
fn facts(settings: Settings, end: &str, life: &str) -> Vec<Fact> {
    let [long, short] = [false, true].map(|short| facts_by(settings.clone(), end, life, short, false));
    assert_eq!(format!("{long:?}"), format!("{short:?}"));
    let asleep = facts_by(settings, end, life, false, true);
    assert_eq!(format!("{asleep:?}"), format!("{short:?}"), "calls sleep between");
    short
}

/// A packet of media as its headers would show it.
fn media(path: Path, bytes: &[u8]) -> Option<Media<'_>> {
    let name = super::recent::name_of(path.src, path.dst, 0)?;
    let ports = (name.1 >> 32) as u32;
    Some(Media { addresses: name.0, ports, dscp: 46, rtp: Rtp::parse(bytes)? })
}

fn facts_by(settings: Settings, end: &str, life: &str, short: bool, dozes: bool) -> Vec<Fact> {
    let mut tracker = Tracker::with(settings);
    for (frame, (at, happens)) in (1..).zip(moments(life)) {
        let now = Timestamp::from_nanos(at);
        if short
            && let Happens::Packet(path, bytes) = &happens
            && media(*path, bytes).is_some_and(|media| tracker.feed_known(now, 0, &media))
        {
            tracker.pass(now);
            continue;
        }
        feed(&mut tracker, frame, at, &happens);
        if dozes {
            tracker.doze();
        }
    }
    tracker.finish(Timestamp::from_nanos(moment(end)));
    let mut facts: Vec<Fact> = std::iter::from_fn(|| tracker.poll()).collect();
    // Calls first, then what belongs to none.
    facts.sort_by_key(|fact| match fact {
        Fact::Call(call) => (0, call.start, call.place),
        Fact::Stream(stream) => (1, stream.heard.first, stream.place),
        _ => (2, Timestamp::default(), Place::default()),
    });
    facts
}

fn words_of_heard(heard: Option<&Heard>) -> String {
    heard.map_or("-".to_owned(), |heard| format!("{}/{}", heard.packets, heard.lost))
}

fn words_of_stream(stream: &StreamFact) -> String {
    format!("{}>{}:{}", stream.src.port(), stream.dst.port(), stream.heard.packets)
}

fn words_of_call(call: &CallFact) -> String {
    let mut words = vec![call.code.map_or("?".to_owned(), |code| code.to_string())];
    words.push(format!("id={}", call.opening.call_id()));
    words.push(format!("audio={}", call.audio.map_or("-", |audio| audio.name())));
    let media = call.media.as_deref();
    words.push(format!("caller={}", words_of_heard(media.and_then(|media| media.from_caller.as_ref()))));
    words.push(format!("callee={}", words_of_heard(media.and_then(|media| media.from_callee.as_ref()))));
    let streams = media.map_or(&[][..], |media| &media.streams);
    let by: Vec<_> = streams.iter().filter_map(|stream| stream.bound_by).map(|by| by.name()).collect();
    words.push(format!("by={}", by.join(",")));
    let told: Vec<_> = streams.iter().map(words_of_stream).collect();
    words.push(format!("streams={}", told.join(",")));
    let kinds: Vec<_> = streams.iter().map(|stream| stream.kind.as_deref().unwrap_or("-")).collect();
    words.push(format!("kinds={}", kinds.join(",")));
    let seconds =
        |span: Option<std::time::Duration>| span.map_or("-".to_owned(), |span| span.as_secs_f64().to_string());
    words.push(format!("talk={}", seconds(media.and_then(|media| media.talk))));
    words.push(format!("first={}", seconds(media.and_then(|media| media.first_audio))));
    words.push(format!("t38={}", media.is_some_and(|media| media.t38)));
    let heard = media.into_iter().flat_map(|media| [&media.from_caller, &media.from_callee]).flatten();
    let digits: String = heard.clone().flat_map(|heard| &heard.digits).map(|digit| digit.digit).collect();
    words.push(format!("dtmf={digits}"));
    let codecs: Vec<_> = heard.clone().map(|heard| heard.codec.as_deref().unwrap_or("-")).collect();
    words.push(format!("codecs={}", codecs.join(",")));
    words.push(format!("srtp={}", heard.clone().any(|heard| heard.srtp)));
    let reported: Vec<_> = heard.filter_map(|heard| heard.rtcp.as_ref()?.lost).map(|lost| lost.to_string()).collect();
    words.push(format!("reported={}", reported.join(",")));
    words.push(format!("ended={}", call.ended.map_or("-".to_owned(), |at| format!("{}", at.nanos() as f64 / 1e9))));
    words.join(" ")
}

/// `expected` holds a row for each call, then for each stream of none, of which every word must be true.
fn live_with(settings: Settings, name: &str, end: &str, life: &str, expected: &str) {
    let rows: Vec<String> = facts(settings, end, life)
        .iter()
        .map(|fact| match fact {
            Fact::Call(call) => words_of_call(call),
            Fact::Stream(stream) => format!("stray {}", words_of_stream(stream)),
            _ => "other".to_owned(),
        })
        .collect();
    assert_words(name, &rows, expected);
}

fn lives(cases: &[(&str, &str, &str, &str)]) {
    for (name, end, life, expected) in cases {
        live_with(Settings::default(), name, end, life, expected);
    }
}

/// A call from `a` to `b` that is up for ten seconds from 2 s on.
const CALL: &str = "
    0 a>b INVITE sdp=a:4000
    2 b>a 200 sdp=b:5000
    2.1 a>b ACK
    12 a>b BYE
";

/// The same, still up.
const UP: &str = "
    0 a>b INVITE sdp=a:4000
    2 b>a 200 sdp=b:5000
    2.1 a>b ACK
";

fn with(before: &str, life: &str) -> String {
    format!("{before}{life}")
}

#[test]
fn streams_and_their_calls() {
    lives(&[
        (
            "both ways",
            "60",
            &with(CALL, "2 a:4000>b:5000 RTP n=500\n2 b:5000>a:4000 RTP ssrc=2 n=500"),
            "1000 audio=both caller=500/0 callee=500/0 by=announced,announced kinds=audio,audio codecs=PCMU,PCMU talk=9.98 first=0",
        ),
        ("no media", "60", CALL, "1000 audio=- caller=- callee=- streams="),
        (
            "media of another call show that this one had none",
            "60",
            &with(CALL, "2 c:6000>d:6000 RTP"),
            "1000 audio=none caller=- callee=-
             stray 6000>6000:50",
        ),
        (
            "behind a NAT: from an address nobody announced, and back there",
            "60",
            &with(CALL, "2 n:9999>b:5000 RTP n=500\n2.01 b:5000>n:9999 RTP ssrc=2 n=500"),
            "1000 audio=both caller=500/0 callee=500/0 by=announced,symmetric kinds=audio,audio codecs=PCMU,PCMU",
        ),
        (
            "behind a NAT: what goes there was captured first",
            "60",
            &with(CALL, "2 b:5000>n:9999 RTP ssrc=2 n=500\n3 n:9999>b:5000 RTP n=400"),
            "1000 audio=both caller=400/0 callee=500/0 by=symmetric,announced",
        ),
        (
            "both behind NATs: the answer to a stream that was announced by nobody",
            "60",
            "0 a>b INVITE sdp=a:4000
             2 b>a 200 sdp=b:5000
             2 n:9999>m:8888 RTP n=100
             2.01 m:8888>n:9999 RTP ssrc=2 n=100",
            "999 audio=none
             stray 9999>8888:100
             stray 8888>9999:100",
        ),
        (
            "early media, and the answer's",
            "60",
            "0 a>b INVITE sdp=a:4000
             1 b>a 183 sdp=b:5000
             1 b:5000>a:4000 RTP ssrc=2 n=550
             2 b>a 200 sdp=b:5000
             2.1 a:4000>b:5000 RTP n=495
             12 a>b BYE",
            "1000 audio=both caller=495/0 callee=550/0 first=0.1",
        ),
        (
            "media before the answer that announces its other end",
            "60",
            "0 a>b INVITE sdp=a:4000
             1 b:5000>a:4000 RTP ssrc=2 n=550
             1.5 a:4000>b:5000 RTP n=525
             2 b>a 200 sdp=b:5000
             12 a>b BYE",
            "1000 audio=both caller=525/0 callee=550/0 by=announced,symmetric",
        ),
        (
            "media captured before its description",
            "60",
            "0 a:4000>b:5000 RTP n=600
             1 b:5000>a:4000 RTP ssrc=2 n=10
             2 a>b INVITE sdp=a:4000
             3 b>a 200 sdp=b:5000
             12 a>b BYE",
            "1000 audio=one_way_from_caller caller=600/0 callee=10/0",
        ),
        (
            "media from long before are another's",
            "60",
            "0 a:4000>b:5000 RTP n=1100
             20 a>b INVITE sdp=a:4000
             21 b>a 200 sdp=b:5000
             32 a>b BYE",
            "1000 caller=-
             stray 4000>5000:1100",
        ),
        (
            "... but a call joined late says again what held before",
            "60",
            "0 a:4000>b:5000 RTP n=1100
             0 b:5000>a:4000 RTP ssrc=2 n=1100
             20 a>b INVITE to=B cseq=5 via=a5 sdp=a:4000
             20.1 b>a 200 cseq=5 via=a5 sdp=b:5000
             22 a>b BYE cseq=6",
            "1000 audio=both caller=1100/0 callee=1100/0",
        ),
        (
            "a port is used again: new source",
            "60",
            "0 a>b INVITE sdp=a:4000
             1 b>a 200 sdp=b:5000
             1 a:4000>b:5000 RTP ssrc=1 n=105
             3 a>b BYE
             3.5 c>b INVITE id=d from=C sdp=c:4000 via=c1
             4 b>c 200 id=d from=C sdp=b:5000 via=c1 to=D
             4 c:4000>b:5000 RTP ssrc=7 n=150
             7 c>b BYE id=d from=C to=D via=c2",
            "1000 id=c caller=105/0
             1000 id=d caller=150/0",
        ),
        (
            "a port is used again: what straggles belongs to the call that ended",
            "60",
            "0 a>b INVITE sdp=a:4000
             1 b>a 200 sdp=b:5000
             1 a:4000>b:5000 RTP ssrc=1 n=150
             3 a>b BYE
             3.2 c>b INVITE id=d from=C sdp=c:4000 via=c1
             3.5 b>c 200 id=d from=C sdp=b:5000 via=c1 to=D
             3.6 c:4000>b:5000 RTP ssrc=7 n=150
             7 c>b BYE id=d from=C to=D via=c2",
            "1000 id=c caller=150/0
             1000 id=d caller=150/0",
        ),
        (
            "a port is used again by the same phone with the same source",
            "60",
            "0 a>b INVITE sdp=a:4000
             1 b>a 200 sdp=b:5000
             1 a:4000>b:5000 RTP ssrc=1 n=100 seq=7
             3 a>b BYE
             5 a>b INVITE id=d from=C sdp=a:4000 via=c1
             6 b>a 200 id=d from=C sdp=b:5000 via=c1 to=D
             6 a:4000>b:5000 RTP ssrc=1 n=90 seq=7
             8 a>b BYE id=d from=C to=D via=c2",
            "1000 id=c caller=100/0
             1000 id=d caller=90/0",
        ),
        (
            "a call that failed does not keep the port of one that goes on",
            "400",
            "0 a>b INVITE sdp=a:4000
             1 b>a 200 sdp=b:5000
             1 b:5000>a:4000 RTP ssrc=1 n=100
             4 a>c INVITE id=d from=C sdp=a:4000 via=c1
             5 c>a 486 id=d from=C via=c1 to=D
             6 b:5000>a:4000 RTP ssrc=9 n=100
             9 a>b BYE",
            "1000 id=c callee=200/0
             486 id=d callee=-",
        ),
        (
            "two legs that pass the descriptions on",
            "60",
            "0 a>q INVITE sdp=a:4000
             0.1 q>b INVITE id=d from=C via=q1 sdp=a:4000
             2 b>q 200 id=d from=C via=q1 to=D sdp=b:5000
             2.1 q>a 200 sdp=b:5000
             2.1 a:4000>b:5000 RTP n=500
             2.1 b:5000>a:4000 RTP ssrc=2 n=500
             12 a>q BYE
             12.1 q>b BYE id=d from=C to=D via=q2",
            "1000 id=c audio=both caller=500/0 callee=500/0
             1000 id=d audio=both caller=500/0 callee=500/0",
        ),
        (
            "two legs whose media go past the server once both are up",
            "60",
            "0 a>q INVITE sdp=a:4000
             0.1 q>b INVITE id=d from=C via=q1 sdp=q:6002
             9 b>q 200 id=d from=C via=q1 to=D sdp=b:5000
             9.1 q>a 200 sdp=q:6000
             9.2 q>b INVITE id=d from=C to=D cseq=2 via=q2 sdp=a:4000
             9.2 q>a INVITE from=B to=A cseq=7 via=q3 sdp=b:5000
             9.3 a:4000>b:5000 RTP n=100
             9.3 b:5000>a:4000 RTP ssrc=2 n=100
             12 a>q BYE
             12.1 q>b BYE id=d from=C to=D via=q4 cseq=3",
            "1000 id=c audio=both caller=100/0 callee=100/0
             1000 id=d audio=both caller=100/0 callee=100/0",
        ),
        (
            "one packet to nowhere is no stream, two in sequence are",
            "60",
            "0 a:4000>b:5000 RTP n=1
             1 a:4002>b:5002 RTP n=1 seq=5
             2 a:4002>b:5002 RTP n=1 seq=9
             3 a:4004>b:5004 RTP n=2",
            "stray 4004>5004:2",
        ),
        (
            "the source goes on from another port",
            "60",
            &with(CALL, "2 a:4000>b:5000 RTP n=100 seq=1\n4.1 a:4444>b:5555 RTP n=100 seq=101"),
            "1000 caller=200/0 by=announced,ssrc",
        ),
        (
            "another source from another port is nobody's",
            "60",
            &with(CALL, "2 a:4000>b:5000 RTP n=100 seq=1\n4.1 a:4444>b:5555 RTP n=100 seq=101 ssrc=3"),
            "1000 caller=100/0
             stray 4444>5555:100",
        ),
    ]);
}

#[test]
fn hops_and_forks() {
    lives(&[
        (
            "a relay between the two, seen on both sides",
            "60",
            "0 a>p INVITE sdp=a:4000 via=a1
             0.01 p>b INVITE sdp=p:6002 via=p1,a1
             2 b>p 200 sdp=b:5000 via=p1,a1
             2.01 p>a 200 sdp=p:6000 via=a1
             2.1 a:4000>p:6000 RTP n=490
             2.1 p:6002>b:5000 RTP n=500
             2.1 b:5000>p:6002 RTP ssrc=2 n=500
             2.1 p:6000>a:4000 RTP ssrc=2 n=480
             12 a>p BYE
             12.01 p>b BYE via=p2,BYE",
            "1000 audio=both caller=490/0 callee=480/0 by=announced,announced,announced,announced",
        ),
        (
            "the far side alone was captured",
            "60",
            "0.01 p>b INVITE sdp=p:6002 via=p1,a1
             2 b>p 200 sdp=b:5000 via=p1,a1
             2.1 p:6002>b:5000 RTP n=500
             12.01 p>b BYE via=p2,BYE",
            "1000 audio=one_way_from_caller caller=500/0 callee=-",
        ),
        (
            "the losing branch of a fork sent early media",
            "60",
            "0 a>p INVITE sdp=a:4000 via=a1
             0.01 p>b INVITE sdp=a:4000 via=p1,a1
             0.01 p>c INVITE sdp=a:4000 via=p2,a1
             1 b>p 183 sdp=b:5000 via=p1,a1 to=B
             1 p>a 183 sdp=b:5000 via=a1 to=B
             1 b:5000>a:4000 RTP ssrc=2 n=400
             2 c>p 200 sdp=c:7000 via=p2,a1 to=C
             2 p>a 200 sdp=c:7000 via=a1 to=C
             2 c:7000>a:4000 RTP ssrc=3 n=300
             2 a:4000>c:7000 RTP ssrc=1 n=300
             12 a>p BYE to=C",
            "1000 audio=both callee=300/0 caller=300/0 streams=5000>4000:400,7000>4000:300,4000>7000:300",
        ),
        (
            "audio and video",
            "60",
            "0 a>b INVITE sdp=v=0;c=IN_IP4_{a};m=audio_4000_RTP/AVP_0;m=video_4002_RTP/AVP_96;a=rtpmap:96_VP8/90000
             2 b>a 200 sdp=v=0;c=IN_IP4_{b};m=audio_5000_RTP/AVP_0;m=video_5002_RTP/AVP_96;a=rtpmap:96_VP8/90000
             2.1 a:4000>b:5000 RTP n=500
             2.1 a:4002>b:5002 RTP n=900 ssrc=2 pt=96",
            "999 audio=one_way_from_caller caller=500/0 callee=- kinds=audio,video codecs=PCMU",
        ),
        (
            "audio and video on one port",
            "60",
            "0 a>b INVITE sdp=v=0;c=IN_IP4_{a};a=group:BUNDLE_1_2;m=audio_4000_RTP/AVP_0;a=mid:1;m=video_0_RTP/AVP_96;a=mid:2;a=bundle-only;a=rtpmap:96_VP8/90000
             2 b>a 200 sdp=v=0;c=IN_IP4_{b};a=group:BUNDLE_1_2;m=audio_5000_RTP/AVP_0;a=mid:1;m=video_5000_RTP/AVP_96;a=mid:2;a=rtpmap:96_VP8/90000
             2.1 a:4000>b:5000 RTP n=500
             2.1 b:5000>a:4000 RTP n=500 ssrc=3
             2.2 a:4000>b:5000 RTP n=900 ssrc=2 pt=96
             2.2 b:5000>a:4000 RTP n=900 ssrc=4 pt=96",
            "999 audio=both caller=500/0 callee=500/0 kinds=audio,audio,video,video",
        ),
        (
            "ICE: where the candidates say",
            "60",
            "0 a>b INVITE sdp=v=0;c=IN_IP4_0.0.0.0;m=audio_9_UDP/TLS/RTP/SAVPF_0;a=ice-ufrag:x;a=fingerprint:sha-256_AA;a=candidate:1_1_UDP_1_{a}_4000_typ_host;a=candidate:2_1_UDP_1_{p}_4100_typ_relay
             2 b>a 200 sdp=v=0;c=IN_IP4_{b};m=audio_5000_UDP/TLS/RTP/SAVPF_0;a=ice-ufrag:x;a=fingerprint:sha-256_AA
             2.1 a:4000>b:5000 RTP n=500
             2.1 b:5000>p:4100 RTP n=500 ssrc=3",
            "999 audio=both caller=500/0 callee=500/0 srtp=true",
        ),
        (
            "sources one after the other are one direction, side by side they are not",
            "60",
            &with(
                CALL,
                "2 a:4000>b:5000 RTP n=100 ssrc=1
                 4 a:4000>b:5000 RTP n=100 ssrc=2
                 2 a:4000>b:5000 RTP n=40 ssrc=3
                 3 a:4000>b:5000 RTP n=70 ssrc=4",
            ),
            "1000 caller=200/0 streams=4000>5000:100,4000>5000:40,4000>5000:70,4000>5000:100",
        ),
        (
            "the media move to other ports",
            "60",
            &with(
                UP,
                "2 a:4000>b:5000 RTP n=100 ssrc=1
                 4 a>b INVITE to=B cseq=2 via=a2 sdp=a:4400
                 4.1 b>a 200 cseq=2 via=a2 sdp=b:5500
                 4.2 a:4400>b:5500 RTP n=100 ssrc=2
                 4.2 b:5500>a:4400 RTP n=90 ssrc=3",
            ),
            "999 audio=both caller=200/0 callee=90/0",
        ),
        (
            "a codec that only its receiver explains",
            "60",
            "0 a>b INVITE sdp=v=0;c=IN_IP4_{a};m=audio_4000_RTP/AVP_97;a=rtpmap:97_opus/48000/2
             2 b>a 200 sdp=v=0;c=IN_IP4_{b};m=audio_5000_RTP/AVP_111;a=rtpmap:111_opus/48000/2
             2.1 a:4000>b:5000 RTP n=50 pt=111
             2.1 b:5000>a:4000 RTP n=50 pt=97 ssrc=2",
            "999 codecs=opus,opus",
        ),
        (
            "fax",
            "60",
            &with(
                CALL,
                "2 a:4000>b:5000 RTP n=100
                 5 b>a INVITE from=B to=A cseq=9 via=b9 sdp=v=0;c=IN_IP4_{b};m=image_5000_udptl_t38
                 5.1 a>b 200 from=B to=A cseq=9 via=b9 sdp=v=0;c=IN_IP4_{a};m=image_4000_udptl_t38",
            ),
            "1000 t38=true",
        ),
    ]);
}

#[test]
fn who_was_to_be_heard() {
    lives(&[
        ("the caller alone", "60", &with(CALL, "2 a:4000>b:5000 RTP n=500"), "1000 audio=one_way_from_caller"),
        ("the callee alone", "60", &with(CALL, "2 b:5000>a:4000 RTP n=500"), "1000 audio=one_way_from_callee"),
        (
            "an announcement: the caller never was to be heard",
            "60",
            "0 a>b INVITE sdp=a:4000,recvonly
             2 b>a 200 sdp=b:5000,sendonly
             2 b:5000>a:4000 RTP n=500
             12 a>b BYE",
            "1000 audio=- callee=500/0",
        ),
        (
            "... and the one who was is silent",
            "60",
            "0 a>b INVITE sdp=a:4000,recvonly
             2 b>a 200 sdp=b:5000,sendonly
             2 c:6000>d:6000 RTP
             12 a>b BYE",
            "1000 audio=none
             stray 6000>6000:50",
        ),
        (
            "the tone before the answer is no answer",
            "60",
            "0 a>b INVITE sdp=a:4000
             1 b>a 183 sdp=b:5000
             1 b:5000>a:4000 RTP ssrc=2 n=55
             2 b>a 200 sdp=b:5000
             2.1 a>b ACK
             12 a>b BYE",
            "1000 audio=none callee=55/0",
        ),
        (
            "not answered",
            "400",
            "0 a>b INVITE sdp=a:4000
             1 b>a 183 sdp=b:5000
             1 b:5000>a:4000 RTP ssrc=2 n=55
             9 b>a 486",
            "486 audio=- callee=55/0",
        ),
        ("no description", "60", "0 a>b INVITE\n2 b>a 200\n2 c:6000>d:6000 RTP", "999 audio=-\nstray 6000>6000:50"),
        (
            "fax from the start",
            "60",
            "0 a>b INVITE sdp=v=0;c=IN_IP4_{a};m=image_4000_udptl_t38
             2 b>a 200 sdp=v=0;c=IN_IP4_{b};m=image_5000_udptl_t38
             2 c:6000>d:6000 RTP",
            "999 audio=-
             stray 6000>6000:50",
        ),
        (
            "digits in INFO, once each",
            "60",
            &with(
                CALL,
                "2 a:4000>b:5000 RTP n=500
                 5 a>b INFO cseq=5 via=i5 dtmf=1
                 5.5 a>b INFO cseq=5 via=i5 dtmf=1
                 6 a>b INFO cseq=6 via=i6 dtmf=1
                 7 a>b INFO cseq=7 via=i7 dtmf=#",
            ),
            "1000 dtmf=11#",
        ),
        (
            "reports go to the stream they are on",
            "60",
            &with(
                CALL,
                "2 a:4000>b:5000 RTP n=500
                 2 b:5000>a:4000 RTP n=500 ssrc=2
                 5 b:5001>a:4001 RTCP ssrc=2 about=1 lost=7
                 6 a:4001>b:5001 RTCP ssrc=1 about=2 lost=9
                 7 c:4001>d:5001 RTCP ssrc=1 about=2 lost=11",
            ),
            "1000 reported=7,9",
        ),
    ]);
}

#[test]
fn silence() {
    let settings = |as_live| Settings { as_live, ..Settings::default() };
    let cases = [
        ("media stopped", false, "600", "2 a:4000>b:5000 RTP n=500", "8100 ended=11.98 audio=one_way_from_caller"),
        ("not for long enough", false, "300", "2 a:4000>b:5000 RTP n=500", "999 ended=-"),
        ("no media at all", false, "3700", "", "8003 ended=2.1"),
        ("no media, but reports", false, "3700", "5 a:4001>b:5001 RTCP ssrc=1 about=2", "8100 ended=5"),
        (
            "media stopped and went on",
            false,
            "1010",
            "2 a:4000>b:5000 RTP n=500\n700 a:4000>b:5000 RTP n=500",
            "8100 ended=709.98",
        ),
        ("resumed", false, "800", "2 a:4000>b:5000 RTP n=500\n700 a:4000>b:5000 RTP n=500", "999"),
        ("hung up hours later", false, "9000", "2 a:4000>b:5000 RTP n=500\n8000 a>b BYE", "1000"),
        ("as live", true, "9000", "2 a:4000>b:5000 RTP n=500\n8000 a>b BYE", "8100 ended=8000"),
        ("as live, and it went on", true, "1000", "2 a:4000>b:5000 RTP n=500\n312 a:4000>b:5000 RTP n=500", "8100"),
        (
            "as live, it went on just in time",
            true,
            "600",
            "2 a:4000>b:5000 RTP n=500\n311.9 a:4000>b:5000 RTP n=500",
            "999",
        ),
        (
            "on hold nothing is missed",
            false,
            "900",
            "2 a:4000>b:5000 RTP n=500
             12 a>b INVITE to=B cseq=2 via=a2 sdp=a:4000,inactive
             12.1 b>a 200 cseq=2 via=a2 sdp=b:5000,inactive",
            "999 audio=one_way_from_caller",
        ),
        (
            "media of no call keep none alive",
            false,
            "3700",
            "2 c:4000>d:5000 RTP n=500\n3600 c:4000>d:5000 RTP n=500",
            "8003
             stray 4000>5000:500
             stray 4000>5000:500",
        ),
    ];
    for (name, as_live, end, then, expected) in cases {
        live_with(settings(as_live), name, end, &with(UP, then), expected);
    }
}

#[test]
fn a_live_stream_is_small() {
    assert!(size_of::<super::Live>() <= 448, "{}", size_of::<super::Live>());
}

#[test]
fn a_flood_is_bounded_and_counted() {
    let mut tracker = Tracker::new();
    for (frame, (at, happens)) in (1..).zip(moments(UP)) {
        feed(&mut tracker, frame, at, &happens);
    }
    let path = Path { src: address("a:4000"), dst: address("b:5000"), transport: Transport::Udp };
    for ssrc in 0..1000_u32 {
        let rtp = Rtp { marker: false, payload_type: 0, sequence: 1, timestamp: 0, ssrc, payload: b"" };
        let at = Timestamp::from_millis(3000 + i64::from(ssrc));
        let place = Place { file: 0, frame: 100 + u64::from(ssrc) };
        tracker.feed(&Event { at, place, path, duplicate: false, correlation: None, what: What::Rtp(rtp, 0) });
    }
    let left_out = |tracker: &mut Tracker| {
        let issues = tracker.take_issues();
        issues.of_file(0).map(|(_, tally)| (tally.count, tally.first.frame)).collect::<Vec<_>>()
    };
    let most = super::MOST_OF_CALL as u64;
    assert_eq!(left_out(&mut tracker), [(1000 - most, 100 + most)]);
    // To nobody: each may be a stream, so only the last ones are remembered.
    let path = Path { src: address("c:4000"), dst: address("d:5000"), transport: Transport::Udp };
    for ssrc in 0..10_000_u32 {
        let rtp = Rtp { marker: false, payload_type: 0, sequence: 1, timestamp: 0, ssrc, payload: b"" };
        let (at, place) = (Timestamp::from_millis(5000), Place::default());
        tracker.feed(&Event { at, place, path, duplicate: false, correlation: None, what: What::Rtp(rtp, 0) });
    }
    assert_eq!(left_out(&mut tracker), []);
    tracker.finish(Timestamp::from_millis(6000));
    let streams = std::iter::from_fn(|| tracker.poll()).filter(|fact| matches!(fact, Fact::Stream(_))).count();
    assert_eq!(streams, 0);
}

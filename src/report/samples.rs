//! Hand-made facts of every kind, hostile ones included, for the tests of this room and of the renderers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::codes::{Category, Code};
use crate::event::{Path, Transport};
use crate::packet::{LinkType, Place};
use crate::report::row::{CallRow, RegistrationRow, Row, Source, Sources};
use crate::report::stream::StreamRow;
use crate::report::summary::{CaptureRow, Skipped, Summary, Totals, Traffic};
use crate::report::transaction::TransactionRow;
use crate::time::Timestamp;
use crate::track::fact::{
    Answer, Audio, BoundBy, CallFact, Digit, Evidence, Fact, Heard, Link, MediaFact, Opened, Opening, Quality, Reason,
    RegistrationCause, RegistrationFact, Reported, ResponseTimes, Side, Step, Steps, StreamFact, TransactionFact,
    VoipMetrics,
};

/// 2026-03-02T09:15:00Z.
const EPOCH_MS: i64 = 1_772_442_900_000;

/// So many milliseconds into the capture.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(EPOCH_MS + ms)
}

fn step(ms: i64, code: u16, frame: u64) -> Step {
    Step { at: at(ms), code: Code::new(code), place: Place { file: 0, frame } }
}

fn path() -> Path {
    Path {
        src: "192.0.2.10:5060".parse().unwrap(),
        dst: "198.51.100.20:5060".parse().unwrap(),
        transport: Transport::Udp,
    }
}

pub(crate) fn answer(code: u16, phrase: &str) -> Option<Answer> {
    Some(Answer { code: Code::new(code), phrase: (!phrase.is_empty()).then(|| phrase.to_owned().into()) })
}

pub(crate) fn reason(protocol: &str, cause: u32, text: &str) -> Reason {
    Reason { protocol: protocol.to_owned().into(), cause: Some(cause), text: (!text.is_empty()).then(|| text.into()) }
}

/// A call whose INVITE went out `ms` into the capture in frame `frame`, and nothing else.
pub(crate) fn invite(ms: i64, frame: u64) -> CallFact {
    CallFact {
        opening: Opening::of(Opened {
            call_id: format!("call-{frame}@192.0.2.10").as_bytes(),
            from_uri: b"sip:1001@pbx.example.com",
            from_display: b"Alice",
            to_uri: b"sip:2002@pbx.example.com",
            to_display: b"",
            request_uri: b"sip:2002@pbx.example.com",
            user_agent: b"Phone/1.0",
        }),
        code: Some(Code::INVITE),
        on_the_wire: Some(Code::INVITE),
        category: Some(Category::Attempting),
        answer: None,
        reasons: Vec::new(),
        warning: None,
        start: at(ms),
        place: Place { file: 0, frame },
        attempt_start: Some(at(ms)),
        ringing: None,
        final_at: None,
        answered: None,
        proof: None,
        ended: None,
        ended_by: None,
        last: at(ms),
        path: path(),
        messages: 1,
        retransmissions: 0,
        duplicates: 0,
        attempts: 1,
        invites_sent: 1,
        last_invite: Some(at(ms)),
        challenged: false,
        credentials: false,
        realm: None,
        redirected: false,
        redirect_to: None,
        callee_known: false,
        cancelled: false,
        answered_elsewhere: false,
        hops: 1,
        branches: 1,
        partial: false,
        timed_out: false,
        ack_missing: false,
        hold: None,
        held: false,
        icmp: None,
        bye_refused: None,
        linked: Vec::new(),
        media: None,
        audio: None,
        timeline: [step(ms, 2002, frame)].into_iter().collect(),
    }
}

impl CallFact {
    pub(crate) fn ringing_from(mut self, ms: i64) -> Self {
        self.ringing = Some(at(ms));
        self.moves_to(ms, 180)
    }

    pub(crate) fn answered_at(mut self, ms: i64) -> Self {
        self.answered = Some(at(ms));
        self.final_at = Some(at(ms));
        self.answer = answer(200, "OK");
        self.category = Some(Category::Active);
        self.moves_to(ms, 999)
    }

    pub(crate) fn hung_up_at(mut self, ms: i64, by: Side) -> Self {
        self.ended = Some(at(ms));
        self.ended_by = Some(by);
        self.category = Some(Category::Completed);
        self.moves_to(ms, 1000)
    }

    pub(crate) fn refused_at(mut self, ms: i64, code: u16, phrase: &str) -> Self {
        self.ended = Some(at(ms));
        self.final_at = Some(at(ms));
        self.answer = answer(code, phrase);
        self.category = Some(Category::Unsuccessful);
        self.moves_to(ms, code)
    }

    pub(crate) fn cancelled_at(mut self, ms: i64) -> Self {
        self.cancelled = true;
        self.ended_by = Some(Side::Caller);
        self.moves_to(ms, 2004)
    }

    pub(crate) fn timed_out_at(mut self, ms: i64) -> Self {
        self.timed_out = true;
        self.ended = Some(at(ms));
        self.category = Some(Category::Unsuccessful);
        self
    }

    fn moves_to(mut self, ms: i64, code: u16) -> Self {
        let frame = self.timeline.last().map_or(1, |last| last.place.frame + 2);
        (self.code, self.on_the_wire) = (Some(Code::new(code)), Some(Code::new(code)));
        self.timeline.push(step(ms, code, frame));
        self.last = at(ms);
        self.messages += 2;
        self
    }
}

/// A dozen calls, in no order.
pub(crate) fn calls() -> Vec<CallFact> {
    let with = |mut call: CallFact, change: fn(&mut CallFact)| {
        change(&mut call);
        call
    };
    vec![
        with(invite(0, 1).ringing_from(300).answered_at(4_200).hung_up_at(138_200, Side::Callee), |call| {
            call.reasons = vec![reason("Q.850", 16, "Normal call clearing")];
            call.linked = vec![Link { call_id: "leg\u{1b}[1m\"@b".into(), evidence: Evidence::XCallId }];
            call.audio = Some(Audio::Both);
            call.media = Some(Box::new(heard_both_ways(call.opening.call_id())));
        }),
        with(invite(61_000, 120).ringing_from(61_450).refused_at(64_550, 486, "Busy now"), |call| {
            call.reasons = vec![reason("Q.850", 17, "User busy")];
            let to_uri = b"sip:+442079460123;phone-context=+44@gw.example.net";
            call.opening = call.opening.with(|of| Opened { to_uri, ..of });
        }),
        with(invite(65_000, 140).timed_out_at(97_000), |call| {
            call.invites_sent = 7;
            call.retransmissions = 6;
            call.messages = 7;
            call.last_invite = Some(at(96_500));
        }),
        with(invite(70_000, 160).ringing_from(70_200).cancelled_at(82_200).refused_at(82_300, 487, ""), |call| {
            let (from_uri, from_display) = (b"sip:anonymous@anonymous.invalid", b"Anonymous");
            call.opening = call.opening.with(|of| Opened { from_uri, from_display, ..of });
        }),
        with(invite(71_500, 161).refused_at(71_600, 407, "Proxy Authentication Required"), |call| {
            call.challenged = true;
            call.credentials = true;
            call.realm = Some("pbx.example.com".into());
            call.attempts = 2;
        }),
        with(invite(72_000, 170).refused_at(72_125, 302, "Moved Temporarily"), |call| {
            call.redirected = true;
            call.redirect_to = Some("sip:voicemail@pbx.example.com".into());
        }),
        with(invite(90_000, 200).ringing_from(90_700).timed_out_at(270_700), |_| ()),
        with(invite(100_000, 220).ringing_from(100_250).answered_at(103_000), |call| {
            call.last = at(415_000);
            call.ack_missing = true;
            call.audio = Some(Audio::OneWayFromCaller);
            call.media = Some(Box::new(heard_one_way(call.opening.call_id())));
            call.path.src = "[2001:db8::10]:5060".parse().unwrap();
            call.path.dst = "[2001:db8::20]:5060".parse().unwrap();
            call.path.transport = Transport::Tcp;
        }),
        with(
            invite(110_000, 240).refused_at(110_020, 503, "Sérvice\x1b[31m\x07 down\r\nSet-Evil: \u{202e}yes"),
            |call| {
                call.opening = call.opening.with(|of| Opened {
                    from_uri: b"sip:evil\x1b]0;owned\x07@example.com",
                    from_display: b"=cmd|' /C calc'!A0",
                    user_agent: b"@SUM(1+1)*cmd",
                    ..of
                });
                call.warning = Some("399 gw \"line\nbreak\"".into());
            },
        ),
        with(
            invite(120_000, 260).ringing_from(120_100).answered_at(125_000).hung_up_at(3_860_000, Side::Caller),
            |call| {
                call.opening = call.opening.with(|of| Opened {
                    from_uri: "sip:東京支社の電話交換手の山田太郎さん@例え.jp".as_bytes(),
                    from_display: "山田太郎".as_bytes(),
                    to_uri: b"sip:a-very-long-user-part-that-nobody-would-dial-by-hand-0123456789@very.long.host.name.example.com",
                    ..of
                });
                call.bye_refused = Some(Code::new(481));
            },
        ),
        with(invite(130_000, 280).hung_up_at(130_100, Side::Callee), |call| {
            call.partial = true;
            call.attempt_start = None;
            call.ended_by = None;
            call.setup_nothing();
        }),
        with(invite(140_000, 300).cancelled_at(141_000), |call| {
            call.category = Some(Category::Attempting);
            call.answered_elsewhere = true;
            call.reasons = vec![reason("SIP", 200, "Call completed elsewhere")];
        }),
        with(invite(150_000, 320), |call| {
            call.partial = true;
            call.attempt_start = None;
            call.code = None;
            call.category = None;
            call.opening = call.opening.with(|of| Opened { call_id: of.call_id, ..Opened::default() });
            call.timeline = Steps::default();
            call.messages = 2;
        }),
    ]
}

impl CallFact {
    /// A call joined in the middle: no response of its INVITE was seen.
    fn setup_nothing(&mut self) {
        self.answer = None;
        self.answered = None;
        self.timeline = self.timeline.iter().filter(|step| step.code == Code::COMPLETED).collect();
    }
}

fn register(ms: i64, frame: u64) -> RegistrationFact {
    RegistrationFact {
        aor: "sip:1001@pbx.example.com".into(),
        contact: Some("sip:1001@192.0.2.10:5060;transport=udp".into()),
        registrar: Some("pbx.example.com".into()),
        call_id: format!("reg-{frame}@192.0.2.10").into(),
        code: Some(Code::REGISTERED),
        category: Some(Category::Active),
        cause: None,
        answer: answer(200, "OK"),
        start: at(ms),
        place: Place { file: 0, frame },
        registered: Some(at(ms + 40)),
        last: at(ms + 40),
        expires: Some(3600),
        refreshes: 0,
        challenged: true,
        timed_out: false,
        path: path(),
        user_agent: Some("Phone/1.0".into()),
        messages: 4,
        timeline: [step(ms, 1010, frame), step(ms + 40, 1011, frame + 3)].into_iter().collect(),
    }
}

/// A registration of each kind.
pub(crate) fn registrations() -> Vec<RegistrationFact> {
    let with = |mut registration: RegistrationFact, change: fn(&mut RegistrationFact)| {
        change(&mut registration);
        registration
    };
    vec![
        with(register(200, 11), |_| ()),
        with(register(5_000, 50), |registration| {
            registration.aor = "sip:2002@pbx.example.com".into();
            registration.code = Some(Code::new(403));
            registration.category = Some(Category::Unsuccessful);
            registration.answer = answer(403, "Wrong password");
            registration.registered = None;
            registration.expires = None;
            registration.timeline = [step(5_000, 1010, 50), step(5_040, 403, 53)].into_iter().collect();
        }),
        with(register(6_000, 60), |registration| {
            registration.code = Some(Code::UNREGISTERED);
            registration.category = Some(Category::Completed);
            registration.cause = Some(RegistrationCause::Expired);
            registration.expires = Some(60);
            registration.refreshes = 2;
            registration.timeline.push(step(186_000, 1013, 90));
        }),
        with(register(7_000, 70), |registration| {
            registration.code = Some(Code::REGISTERING);
            registration.category = Some(Category::Unsuccessful);
            registration.answer = None;
            registration.registered = None;
            registration.expires = None;
            registration.contact = None;
            registration.timed_out = true;
            registration.challenged = false;
            registration.timeline = registration.timeline.iter().take(1).collect();
        }),
    ]
}

/// Transactions of each kind: keep-alives, one that nobody answers, one that is refused, what was too much to list.
pub(crate) fn transactions() -> Vec<TransactionFact> {
    let ms = Duration::from_millis;
    let options = TransactionFact {
        method: "OPTIONS".into(),
        code: Some(Code::new(200)),
        category: Category::Completed,
        phrase: Some("OK".into()),
        timed_out: false,
        count: 10_000,
        challenged: 0,
        response: Some(ResponseTimes { least: ms(1), mean: ms(20), most: ms(1_500) }),
        first: at(100),
        place: Place { file: 0, frame: 3 },
        evidence: Place { file: 0, frame: 4 },
        last: at(3_600_000),
        from: None,
        to: Some("sip:pbx.example.com".into()),
        path: Some(path()),
        user_agent: Some("Gateway/2.1".into()),
        event: None,
        messages: 20_000,
        call_id: Some("ping-1@192.0.2.10".into()),
    };
    let with = |change: fn(&mut TransactionFact)| {
        let mut fact = options.clone();
        change(&mut fact);
        fact
    };
    vec![
        with(|fact| {
            (fact.method, fact.event) = ("SUBSCRIBE".into(), Some("presence".into()));
            (fact.code, fact.phrase) = (Some(Code::new(489)), Some("Bad\x1b[31m Event".into()));
            (fact.category, fact.count, fact.challenged) = (Category::Unsuccessful, 1, 1);
            (fact.first, fact.place.frame) = (at(9_000), 70);
            fact.from = Some("sip:1001@pbx.example.com".into());
        }),
        options.clone(),
        with(|fact| {
            (fact.code, fact.phrase, fact.response) = (None, None, None);
            (fact.category, fact.timed_out, fact.count) = (Category::Unsuccessful, true, 3);
            (fact.first, fact.place.frame) = (at(4_000), 40);
        }),
        with(|fact| {
            (fact.code, fact.phrase, fact.response) = (None, None, None);
            (fact.category, fact.count) = (Category::Attempting, 2);
            (fact.from, fact.to, fact.path, fact.user_agent, fact.call_id) = (None, None, None, None, None);
            (fact.first, fact.place.frame) = (at(3_599_000), 5_000);
        }),
    ]
}

/// What was heard from `ms` to `until` at 50 packets a second.
pub(crate) fn heard(ssrc: u32, ms: i64, until: i64) -> Heard {
    let packets = u64::try_from((until - ms) / 20 + 1).unwrap();
    Heard {
        ssrc,
        payload_type: 0,
        codec: Some("PCMU".into()),
        clock_rate: Some(8000),
        largest_payload: 160,
        packets,
        bytes: packets * 160,
        lost: 0,
        loss_bursts: 0,
        longest_burst: 0,
        out_of_order: 0,
        duplicates: 0,
        jitter: Some(Duration::from_micros(412)),
        jitter_max: Some(Duration::from_nanos(3_250_499)),
        max_gap: Duration::from_millis(41),
        first: at(ms),
        last: at(until),
        digits: Vec::new(),
        silence_suppressed: false,
        srtp: false,
        dscp: 46,
        rtcp: None,
        quality: Some(Quality { r_factor: 93.2, mos: 4.409, basis: "PCMU, no loss, delay not known".into() }),
    }
}

/// A stream of a call, or of none.
pub(crate) fn stream(call_id: Option<&str>, from: Option<Side>, frame: u64, heard: Heard) -> StreamFact {
    let (one, other): (SocketAddr, SocketAddr) =
        ("192.0.2.10:40000".parse().unwrap(), "198.51.100.20:30000".parse().unwrap());
    let (src, dst) = if from == Some(Side::Callee) { (other, one) } else { (one, other) };
    StreamFact {
        call_id: call_id.map(Into::into),
        from,
        bound_by: call_id.map(|_| if from == Some(Side::Callee) { BoundBy::Symmetric } else { BoundBy::Announced }),
        kind: call_id.map(|_| "audio".into()),
        src,
        dst,
        place: Place { file: 0, frame },
        heard,
    }
}

fn heard_both_ways(call_id: &str) -> MediaFact {
    let ms = Duration::from_millis;
    let mut from_caller = heard(0xdead_beef, 4_300, 138_100);
    from_caller.digits = "15#".chars().map(|digit| Digit { at: at(9_000), digit }).collect();
    (from_caller.lost, from_caller.loss_bursts, from_caller.longest_burst) = (9, 3, 5);
    from_caller.rtcp = Some(Reported {
        reports: 26,
        lost: Some(-2),
        worst_loss_percent: Some(3.125),
        jitter: Some(ms(2)),
        jitter_max: Some(ms(7)),
        round_trip: Some(ms(48)),
        round_trip_max: Some(ms(61)),
        sent: Some(6_700),
        voip: Some(VoipMetrics { loss_percent: 0.39, r_factor: Some(89), mos_cq: Some(4.2), ..VoipMetrics::default() }),
    });
    let mut early = heard(7, 2_000, 4_000);
    (early.codec, early.payload_type, early.srtp) = (Some("opus".into()), 111, true);
    let late = heard(0x00c0_ffee, 4_280, 138_180);
    let mut from_callee = late.clone();
    (from_callee.packets, from_callee.first) = (late.packets + early.packets, early.first);
    MediaFact {
        streams: vec![
            stream(Some(call_id), Some(Side::Callee), 4, early),
            stream(Some(call_id), Some(Side::Callee), 6, late),
            stream(Some(call_id), Some(Side::Caller), 8, from_caller.clone()),
        ],
        from_caller: Some(from_caller),
        from_callee: Some(from_callee),
        talk: Some(ms(133_880)),
        first_audio: Some(ms(100)),
        t38: false,
    }
}

/// One direction, in a codec that nobody knows, named by a stranger.
fn heard_one_way(call_id: &str) -> MediaFact {
    let mut heard = heard(1, 103_100, 415_000);
    (heard.codec, heard.payload_type) = (Some("=x\x1b[31m\u{202e}\"\n".into()), 98);
    (heard.clock_rate, heard.jitter, heard.jitter_max, heard.quality) = (None, None, None, None);
    heard.digits = vec![Digit { at: at(110_000), digit: '\x1b' }];
    MediaFact {
        streams: vec![stream(Some(call_id), Some(Side::Caller), 225, heard.clone())],
        from_caller: Some(heard),
        from_callee: None,
        talk: Some(Duration::from_millis(311_900)),
        first_audio: None,
        t38: true,
    }
}

/// Streams of no known call.
pub(crate) fn streams() -> Vec<StreamFact> {
    let mut video = stream(None, None, 500, heard(u32::MAX, 30_000, 30_500));
    (video.src, video.dst) = ("[2001:db8::10]:6000".parse().unwrap(), "[2001:db8::20]:7000".parse().unwrap());
    (video.heard.codec, video.heard.clock_rate, video.heard.payload_type) = (None, None, 96);
    (video.heard.jitter, video.heard.jitter_max, video.heard.quality) = (None, None, None);
    let mut lossy = heard(3, 1_000, 200_000);
    (lossy.packets, lossy.lost, lossy.loss_bursts, lossy.longest_burst) = (9_000, 1_000, 400, 12);
    lossy.quality = Some(Quality { r_factor: 41.26, mos: 2.134, basis: "PCMU, 10 % lost".into() });
    vec![video, stream(None, None, 9, lossy)]
}

/// The captures that the facts come from.
pub(crate) fn sources() -> Sources {
    Arc::new([Source { name: "office.pcap".into(), digits: 6 }])
}

pub(crate) fn call_rows() -> Vec<CallRow> {
    calls().into_iter().map(|fact| CallRow::new(Box::new(fact), &sources())).collect()
}

pub(crate) fn registration_rows() -> Vec<RegistrationRow> {
    registrations().into_iter().map(|fact| RegistrationRow::new(Box::new(fact), &sources())).collect()
}

pub(crate) fn transaction_rows() -> Vec<TransactionRow> {
    transactions().into_iter().map(|fact| TransactionRow::new(Box::new(fact), &sources())).collect()
}

/// Those of calls, and those of none.
pub(crate) fn stream_rows() -> Vec<StreamRow> {
    rows().iter().flat_map(Row::streams).cloned().collect()
}

/// All of them as a run would hand them over.
pub(crate) fn rows() -> Vec<Row> {
    let calls = calls().into_iter().map(|fact| Fact::Call(Box::new(fact)));
    let registrations = registrations().into_iter().map(|fact| Fact::Registration(Box::new(fact)));
    let transactions = transactions().into_iter().map(|fact| Fact::Transaction(Box::new(fact)));
    let streams = streams().into_iter().map(|fact| Fact::Stream(Box::new(fact)));
    calls.chain(registrations).chain(transactions).chain(streams).map(|fact| Row::new(fact, &sources())).collect()
}

/// What is said at the end of [`rows`].
pub(crate) fn summary() -> Summary {
    let mut totals = Totals::default();
    rows().iter().for_each(|row| totals.count(row));
    totals.messages = Traffic {
        methods: [("INVITE".to_owned(), 21), ("ACK".to_owned(), 9), ("BYE".to_owned(), 3)].into(),
        codes: [(100, 11), (180, 7), (200, 8), (486, 1)].into(),
    };
    let capture = CaptureRow {
        file: "office.pcap".to_owned(),
        format: "pcap".to_owned(),
        link_types: vec![LinkType::ETHERNET],
        packets: 5_120,
        bytes: 1_204_331,
        first: Some(at(0)),
        last: Some(at(3_860_000)),
        digits: 6,
        sip_messages: 60,
        rtp_packets: Some(4_870),
        rtcp_packets: Some(26),
        duplicates: 2,
        cut_short: 1,
        skipped: vec![
            Skipped {
                cause: "not_decoded_gre".to_owned(),
                count: 41,
                bytes: 5_904,
                first_frame: 17,
                text: "GRE is not decoded".to_owned(),
                remedy: "capture inside the tunnel, or strip the encapsulation first",
            },
            Skipped {
                cause: "cut_short".to_owned(),
                count: 1,
                bytes: 400,
                first_frame: 1_204,
                text: "cut by the snap length before the part that was needed".to_owned(),
                remedy: "capture again with a larger snap length (tcpdump -s 0)",
            },
        ],
    };
    Summary { captures: vec![capture], totals, ..Summary::default() }
}

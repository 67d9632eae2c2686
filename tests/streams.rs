//! What carries the messages of a call does not change its row: SCTP, WebSocket and HEP beside UDP, and every way in which
//! a stream may be cut, doubled and put out of order.

mod support;

use etherparse::PacketBuilder;
use proptest::prelude::*;
use serde_json::{Value, json};
use sipcodes::assemble::Assembler;
use sipcodes::event::{Event, Transport, What};
use sipcodes::issue::Issues;
use sipcodes::packet::{LinkType, Packet, Place};
use sipcodes::time::Timestamp;
use support::{Over, Scenario, analyze, carried, carriers, keep};

/// The one call of the capture that results, and the capture.
fn row(hosts: [&str; 2], over: Over) -> (Value, Vec<u8>) {
    let capture = carried(hosts, over);
    let output = analyze(&[], &capture);
    assert_eq!(output.calls().len(), 1, "{over:?}: {}\ncapture: {}", output.stderr, keep(&capture));
    assert_eq!(output.stderr, "", "{over:?}");
    let mut row = output.calls()[0].clone();
    // Some need more packets than others.
    for step in row["timeline"].as_array_mut().expect("a list") {
        step["frame"] = Value::Null;
    }
    (row, capture)
}

#[test]
fn the_same_call_is_the_same_row_over_every_transport() {
    for hosts in [["10.0.0.1", "10.0.0.2"], ["2001:db8::1", "2001:db8::2"]] {
        let (plain, _) = row(hosts, Over::Udp);
        assert_eq!(plain["code"], json!(1000));
        for (over, transport) in [
            (Over::Sctp(1400, false), "SCTP"),
            (Over::Sctp(100, false), "SCTP"),
            (Over::Sctp(1400, true), "SCTP"),
            (Over::WebSocket(1460), "WS"),
            (Over::WebSocket(7), "WS"),
            (Over::Hep(2), "UDP"),
            (Over::Hep(3), "UDP"),
        ] {
            let (mut row, capture) = row(hosts, over);
            assert_eq!(row["transport"], json!(transport), "{over:?}");
            row["transport"] = json!("UDP");
            assert_eq!(row, plain, "{over:?}, capture: {}", keep(&capture));
        }
    }
}

/// Two runs of one scenario: real programs keep no time to the millisecond.
#[test]
fn a_websocket_inside_tls_is_the_same_row_but_for_the_transport() {
    let testdata = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let row = |name: &str, args: &[&str]| {
        let capture = std::fs::read(format!("{testdata}/{name}.pcap")).expect("a capture");
        let output = analyze(args, &capture);
        assert_eq!((output.calls().len(), output.stderr.as_str()), (1, ""), "{name}");
        output.calls()[0].clone()
    };
    let plain = row("websocket-plain", &[]);
    let tls = row("websocket-tls", &["--keylog", &format!("{testdata}/websocket-tls.keys")]);
    assert_eq!([&plain["transport"], &tls["transport"]], [&json!("WS"), &json!("WSS")]);
    for key in ["call_id", "from_uri", "to_uri", "code", "status", "ended_by", "reason"] {
        assert_eq!(tls[key], plain[key], "{key}");
    }
    assert_eq!(plain["code"], json!(1000));
}

const MESSAGES: [&str; 3] = [
    "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/WS d;branch=z9hG4bK1\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 4\r\n\r\nbody",
    "ACK sip:b@c SIP/2.0\r\nVia: SIP/2.0/WS d;branch=z9hG4bK2\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\n\r\n",
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/WS d;branch=z9hG4bK2\r\nCall-ID: 1\r\nCSeq: 2 BYE\r\n\r\n",
];

/// A direction of a WebSocket with everything that may stand in one.
fn websocket(masked: bool) -> Vec<u8> {
    let mask = |n: u8| masked.then_some([n, 7, 0, 255]);
    let [one, two, three] = MESSAGES.map(str::as_bytes);
    let [request, response] = carriers::upgrade();
    [
        if masked { request } else { response },
        carriers::frame(0x81, mask(1), one),
        carriers::frame(0x89, mask(2), b"ping"),
        carriers::frame(0x02, mask(3), &two[..40]),
        carriers::frame(0x8a, mask(4), b""),
        carriers::frame(0x00, mask(5), &two[40..60]),
        carriers::frame(0x80, mask(6), &two[60..]),
        carriers::frame(0x81, mask(7), b"\r\n\r\n"),
        carriers::frame(0x82, mask(8), three),
        carriers::frame(0x88, mask(9), &[3, 232]),
    ]
    .concat()
}

/// The messages in these segments of one direction (offset in the stream, bytes), with or without the SYN before them.
fn messages(segments: &[(usize, &[u8])], syn: bool) -> Vec<(Transport, String)> {
    let packet = |seq: u32, syn: bool, payload: &[u8]| {
        let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(40_000, 80, seq, 65_000);
        let builder = if syn { builder.syn() } else { builder };
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).expect("a segment that fits");
        bytes
    };
    // The numbers wrap on the way.
    let seq = |at: usize| (u32::MAX - 100).wrapping_add(at as u32);
    let opening = syn.then(|| packet(seq(0).wrapping_sub(1), true, &[]));
    let packets = opening.into_iter().chain(segments.iter().map(|(at, bytes)| packet(seq(*at), false, bytes)));
    let (mut assembler, mut issues, mut found) = (Assembler::new(), Issues::default(), Vec::new());
    let mut sink = |event: Event<'_>| {
        let What::Sip(message) = event.what else { return };
        if event.duplicate {
            return;
        }
        found.push((event.path.transport, String::from_utf8_lossy(message.raw()).into_owned()));
    };
    for (n, data) in packets.enumerate() {
        let packet = Packet {
            section: 0,
            place: Place { file: 0, frame: n as u64 + 1 },
            at: Timestamp::from_millis(n as i64),
            link: LinkType::RAW,
            original_len: data.len() as u32,
            data: &data,
        };
        assembler.push(&packet, &mut issues, &mut sink);
    }
    assembler.finish(&mut issues, &mut sink);
    found
}

fn expected(transport: Transport) -> Vec<(Transport, String)> {
    MESSAGES.map(|message| (transport, message.to_owned())).to_vec()
}

#[test]
fn a_websocket_may_be_cut_anywhere() {
    for masked in [true, false] {
        let stream = websocket(masked);
        for at in 0..=stream.len() {
            let (one, two) = stream.split_at(at);
            let orders: [&[(usize, &[u8])]; 3] =
                [&[(0, one), (at, two)], &[(at, two), (0, one)], &[(0, one), (0, one), (at, two), (0, one)]];
            for segments in orders {
                assert_eq!(messages(segments, true), expected(Transport::Ws), "cut at {at}");
            }
        }
    }
}

#[test]
fn a_websocket_may_be_joined_anywhere() {
    for masked in [true, false] {
        let mask = |n| masked.then_some([n, 1, 2, 3]);
        let one = carriers::frame(0x81, mask(1), MESSAGES[0].as_bytes());
        // Senders write a frame at once.
        let frames = [
            carriers::frame(0x81, mask(2), b"\r\n\r\n"),
            carriers::frame(0x82, mask(3), MESSAGES[1].as_bytes()),
            carriers::frame(0x89, mask(4), b""),
            carriers::frame(0x81, mask(5), MESSAGES[2].as_bytes()),
        ];
        for from in 0..one.len() {
            let mut segments = vec![(from, &one[from..])];
            for frame in &frames {
                let at = segments.last().map_or(0, |(at, bytes)| at + bytes.len());
                segments.push((at, frame));
            }
            let (found, first) = (messages(&segments, false), usize::from(from > 0));
            assert!(found.ends_with(&expected(Transport::Ws)[first..]), "joined at {from}: {found:?}");
            // Behind its header, the first message stands there as over TCP, with what is left of `INVITE` for a method.
            assert!((1..=7).contains(&from) && !masked || found.len() == 3 - first, "joined at {from}: {found:?}");
        }
        // A segment lost, of a WebSocket whose handshake was seen.
        let stream = websocket(masked);
        let upgrade = carriers::upgrade()[usize::from(!masked)].len();
        for to in upgrade + 1..stream.len() {
            let behind = [(stream.len(), frames[1].as_slice())];
            let lost = [&[(0, &stream[..upgrade + 1]), (to, &stream[to..])], behind.as_slice()].concat();
            let found = messages(&lost, true);
            for (transport, message) in &found {
                assert!(*transport == Transport::Ws && MESSAGES.contains(&message.as_str()), "until {to}: {message:?}");
            }
        }
    }
}

fn hep_stream() -> Vec<u8> {
    let host = |address: &str| address.parse().expect("a host");
    let (a, b) = (host("10.1.1.1:5060"), host("10.1.1.2:5060"));
    MESSAGES.iter().flat_map(|message| carriers::hep3(a, b, 5, (15, message.as_bytes()))).collect()
}

#[test]
fn hep_over_tcp_may_be_cut_anywhere_and_goes_on_behind_a_gap() {
    let stream = hep_stream();
    for at in 0..=stream.len() {
        let (one, two) = stream.split_at(at);
        assert_eq!(messages(&[(0, one), (at, two)], true), expected(Transport::Udp), "cut at {at}");
        // The first packet again, behind ten bytes that were never captured: it ends the search for the next one.
        let lost = [(0, one), (at + 10, &two[10.min(two.len())..]), (stream.len() + 50, stream.as_slice())];
        let found = messages(&lost, true);
        assert!(found.ends_with(&expected(Transport::Udp)), "lost at {at}: {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_any_order_any_copies_give_the_same_messages(
        masked: bool,
        hep: bool,
        cuts in proptest::collection::btree_set(1usize..800, 0..12),
        moves in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..6, any::<bool>()), 0..12),
    ) {
        let stream = if hep { hep_stream() } else { websocket(masked) };
        let ends: Vec<usize> = cuts.into_iter().filter(|cut| *cut < stream.len()).chain([stream.len()]).collect();
        let starts = [0].into_iter().chain(ends.iter().copied());
        let mut segments: Vec<(usize, &[u8])> =
            starts.zip(&ends).map(|(start, end)| (start, &stream[start..*end])).collect();
        for (index, distance, copy) in moves {
            let from = index.index(segments.len());
            let to = (from + distance).min(segments.len() - 1);
            if copy { segments.insert(to, segments[from]) } else { segments.swap(from, to) }
        }
        prop_assert_eq!(messages(&segments, true), expected(if hep { Transport::Udp } else { Transport::Ws }));
    }

    #[test]
    fn no_frames_surprise_it(tail in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300, syn: bool, start in 0usize..4) {
        let [request, _] = carriers::upgrade();
        let heads: [&[u8]; 4] = [&request, b"HEP3\0\x40", &[0x81, 0x7e, 0xff, 0xff], &[0xc1, 0x20]];
        let stream = [heads[start], &tail].concat();
        let (one, two) = stream.split_at(cut.min(stream.len()));
        messages(&[(one.len(), two), (0, one), (stream.len() + 9, one)], syn);
    }
}

/// What was not read, by cause, when this goes over the wire.
fn unread(args: &[&str], act: impl Fn(&Scenario)) -> Vec<Value> {
    let net = Scenario::new();
    act(&net);
    let output = analyze(args, &net.pcap());
    let skipped = output.json["captures"][0]["skipped"].as_array().cloned().unwrap_or_default();
    assert!(skipped.is_empty() || (output.stderr.contains("--keylog") && output.stderr.contains("--tls-key")));
    skipped.iter().map(|of| of["cause"].clone()).collect()
}

/// Without its keys, TLS shows by its surroundings only that SIP is in it.
#[test]
fn tls_beside_sip_at_the_same_address_is_counted() {
    let tls = |net: &Scenario, from: &str, to: &str| {
        let (client, server) = (net.host(from), net.host(to));
        // A ClientHello as far as its random, and records nobody can open.
        let hello = [&[22, 3, 1, 0, 43, 1, 0, 0, 39, 3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1]].concat();
        net.send_bytes(client, server, Over::Tcp(1400), &hello);
        net.send_bytes(server, client, Over::Tcp(1400), &[&[23, 3, 3, 0, 40][..], &[9; 40]].concat());
    };
    let sip = |net: &Scenario, from: &str, to: &str, over: Over| {
        net.send_bytes(net.host(from), net.host(to), over, MESSAGES[1].as_bytes());
    };
    let (phone, other, pbx, web) = ("10.0.0.1:40000", "10.0.0.1:40001", "10.0.0.9:7443", "10.0.0.8:443");
    type Act<'a> = &'a dyn Fn(&Scenario);
    let cases: &[(&str, &[&str], Act<'_>, Option<u16>)] = &[
        ("browsing", &[], &|net| tls(net, phone, web), None),
        ("SIP elsewhere", &[], &|net| (tls(net, phone, web), sip(net, other, pbx, Over::Tcp(1400))).0, None),
        (
            "SIP over TCP behind it",
            &[],
            &|net| (tls(net, phone, pbx), sip(net, other, pbx, Over::Tcp(1400))).0,
            Some(7443),
        ),
        (
            "SIP over TCP before it",
            &[],
            &|net| (sip(net, other, pbx, Over::Tcp(1400)), tls(net, phone, pbx)).0,
            Some(7443),
        ),
        ("WebSocket", &[], &|net| (tls(net, phone, pbx), sip(net, other, pbx, Over::WebSocket(900))).0, Some(7443)),
        ("SIP over UDP", &[], &|net| (tls(net, phone, pbx), sip(net, other, pbx, Over::Udp)).0, Some(7443)),
        ("told", &["--sip-port", "443"], &|net| tls(net, phone, web), Some(443)),
        ("told otherwise", &["--sip-port", "444"], &|net| tls(net, phone, web), None),
    ];
    for (name, args, act, port) in cases {
        let expected: Vec<_> = port.iter().map(|port| json!(format!("tls_without_keys_{port}"))).collect();
        assert_eq!(unread(args, act), expected, "{name}");
    }
}

/// The same packets in two files: every message is counted, each second one as a duplicate, and nothing else changes.
#[test]
fn a_capture_given_twice_says_nothing_new() {
    let testdata = |name: &str| format!("{}/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    let twice = |name: &str, path: &str, args: &[&str]| {
        let run = |captures: &[&str]| {
            let args = [&["analyze", "--format", "json"], args, captures].concat();
            support::run(&args, &[]).json
        };
        let (once, mut both) = (run(&[path]), run(&[path, path]));
        let messages = once["captures"][0]["sip_messages"].as_u64().expect("a number");
        assert!(messages > 0, "{name}");
        let counts = |row: &Value| [row["sip_messages"].as_u64(), row["duplicates"].as_u64()];
        assert_eq!(counts(&both["captures"][0]), [Some(messages), Some(0)], "{name}");
        assert_eq!(counts(&both["captures"][1]), [Some(messages), Some(messages)], "{name}");
        for kind in ["calls", "registrations"] {
            let rows = both[kind].as_array_mut().expect("rows");
            assert_eq!(rows.len(), once[kind].as_array().map_or(0, Vec::len), "{name}");
            for (row, once) in rows.iter_mut().zip(once[kind].as_array().expect("rows")) {
                let sent = once["messages"].as_u64().expect("a number");
                assert_eq!(row["messages"], json!(2 * sent), "{name}");
                row["messages"] = json!(sent);
                if kind == "calls" {
                    assert_eq!(row["duplicates"], json!(sent), "{name}");
                    row["duplicates"] = json!(0);
                }
                assert_eq!(row, once, "{name}");
            }
        }
    };
    for hosts in [["10.0.0.1", "10.0.0.2"], ["2001:db8::1", "2001:db8::2"]] {
        for over in [
            Over::Udp,
            Over::Tcp(1400),
            Over::Tcp(100),
            Over::WebSocket(1400),
            Over::WebSocket(100),
            Over::Sctp(1400, false),
            Over::Sctp(100, false),
            Over::Sctp(1400, true),
            Over::Hep(2),
            Over::Hep(3),
        ] {
            let (_, capture) = row(hosts, over);
            twice(&format!("{over:?} {hosts:?}"), &keep(&capture), &[]);
        }
    }
    let key = |name: &str| [String::from("--keylog"), testdata(name)];
    for (name, args) in [
        ("calls", vec![]),
        ("ip-fragments", vec![]),
        ("websocket", vec![]),
        ("tls12", key("tls12.keys").to_vec()),
        ("tls13", key("tls13.keys").to_vec()),
        ("websocket-tls", key("websocket-tls.keys").to_vec()),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        twice(name, &testdata(&format!("{name}.pcap")), &args);
    }
}

/// A segment that is sent again is a packet of its own; TCP needed it, SIP did not.
#[test]
fn a_segment_sent_again_is_no_duplicate() {
    let message = MESSAGES[1].as_bytes();
    // (identification of the second copy, milliseconds later, duplicate)
    for (name, id, later, duplicate) in
        [("the same packet", 1, 5, true), ("sent again", 2, 5, false), ("the same packet, too late", 1, 25, false)]
    {
        let (mut assembler, mut issues, mut found) = (Assembler::new(), Issues::default(), Vec::new());
        for (n, (id, at)) in [(1, 0), (id, later)].into_iter().enumerate() {
            let mut header =
                etherparse::Ipv4Header::new(0, 64, etherparse::IpNumber::TCP, [10, 0, 0, 1], [10, 0, 0, 2])
                    .expect("an empty payload");
            header.identification = id;
            let mut data = Vec::new();
            PacketBuilder::ip(etherparse::IpHeaders::Ipv4(header, Default::default()))
                .tcp(40_000, 5060, 1, 65_000)
                .write(&mut data, message)
                .expect("a segment that fits");
            let packet = Packet {
                section: 0,
                place: Place { file: 0, frame: n as u64 + 1 },
                at: Timestamp::from_millis(at),
                link: LinkType::RAW,
                original_len: data.len() as u32,
                data: &data,
            };
            assembler.push(&packet, &mut issues, &mut |event| found.push((event.place.frame, event.duplicate)));
        }
        let expected: &[(u64, bool)] = if duplicate { &[(1, false), (2, true)] } else { &[(1, false)] };
        assert_eq!(found, expected, "{name}");
    }
}

/// The agent at the B2BUA knows which leg its own INVITE belongs to.
#[test]
fn legs_are_linked_by_what_a_capture_agent_tells() {
    let invite = |call_id: &str, user: &str| {
        format!(
            "INVITE sip:{user}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK{call_id}\r\n\
             From: <sip:1@example.com>;tag=1\r\nTo: <sip:{user}@example.com>\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for over in [Over::Udp, Over::Tcp(1400), Over::Tcp(50)] {
        let net = Scenario::new();
        let [agent, collector] = ["192.0.2.1:40000", "192.0.2.9:9060"].map(|host| net.host(host));
        let [caller, b2bua, callee] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|host| net.host(host));
        for (src, dst, call_id, user, correlation) in
            [(caller, b2bua, "one", "2", "one"), (b2bua, callee, "two", "3", "one")]
        {
            let message = invite(call_id, user);
            let packet = carriers::hep3_of(src, dst, 0, correlation.as_bytes(), (15, message.as_bytes()));
            net.send_bytes(agent, collector, over, &packet);
        }
        let output = analyze(&[], &net.pcap());
        let linked: Vec<&Value> = output.calls().iter().map(|call| &call["linked"]).collect();
        let link = |call_id: &str| json!([{"call_id": call_id, "evidence": "x-call-id"}]);
        assert_eq!(linked, [&link("two"), &link("one")], "{over:?}");
    }
}

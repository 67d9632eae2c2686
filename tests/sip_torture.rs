//! RFC 4475, case by case, in messages of our own; and the RFC's own messages where somebody has them at hand.

use sipcodes::wire::sip::{Defects, Message, Method, StartLine, text};

/// A message from lines; the mandatory headers that are not among them are added.
fn message(lines: &[&str]) -> Vec<u8> {
    let mut all: Vec<&str> = lines.to_vec();
    let names = |all: &[&str], long: &str, short: &str| {
        all.iter().skip(1).any(|line| {
            let name = line.split(':').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)
        })
    };
    for (long, short, line) in [
        ("Via", "v", "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKt1"),
        ("From", "f", "From: \"Ada\" <sip:ada@example.org>;tag=fa"),
        ("To", "t", "To: <sip:ben@example.org>"),
        ("Call-ID", "i", "Call-ID: torture@192.0.2.7"),
    ] {
        if !names(&all, long, short) {
            all.push(line);
        }
    }
    let method = lines[0].split_ascii_whitespace().next().unwrap_or_default();
    let cseq = format!("CSeq: 7 {}", if lines[0].starts_with("SIP/") { "INVITE" } else { method });
    if !names(&all, "CSeq", "cseq") {
        all.push(&cseq);
    }
    let mut bytes = all.join("\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes
}

/// What is odd, the lines that show it, and what is wrong with them.
type Case<'a> = (&'a str, &'a [&'a str], Defects);

const CASES: &[Case<'_>] = &[
    ("a plain one", &["INVITE sip:ben@example.org SIP/2.0"], Defects::NONE),
    // 3.1.1: valid, however it looks
    (
        "3.1.1.1 white space wherever it may be",
        &[
            "INVITE sip:ben@example.org;oddparam SIP/2.0",
            "TO :\r\n\tsip:ben@example.org ;  tag\t= tb",
            "fRoM   : \"A \\\\\\\"\"   <sip:ada@example.org>\r\n  ;\r\n tag = fa",
            "cseq : 0007\r\n   INVITE",
            "v:  SIP  / 2.0 \r\n / UDP   host.example.org  ;\r\n branch  =   z9hG4bKws , SIP/2.0/TCP b",
            "s :",
            "NewHeader:  new\r\n  value",
        ],
        Defects::NONE,
    ),
    (
        "3.1.1.2 a method of every token character",
        &["!odd-Method09_*+`.%'~ sip:1_odd.~(user)&=+$,;?/@example.org SIP/2.0"],
        Defects::NONE,
    ),
    ("3.1.1.3 escapes in the URI", &["INVITE sip:sips%3Aada%40example.org@example.net SIP/2.0"], Defects::NONE),
    ("3.1.1.4 escaped NULs", &["REGISTER sip:example.org SIP/2.0", "Contact: <sip:%00%00@example.org>"], Defects::NONE),
    ("3.1.1.5 escapes in a method", &["RE%47IST%45R sip:example.org SIP/2.0"], Defects::NONE),
    (
        "3.1.1.6 no blank before the bracket",
        &["OPTIONS sip:ben@example.org SIP/2.0", "From: ada<sip:ada@example.org>;tag=fa"],
        Defects::NONE,
    ),
    ("3.1.1.9 a semicolon in the user part", &["OPTIONS sip:ben;par=u%40x.org@example.org SIP/2.0"], Defects::NONE),
    (
        "3.1.1.10 many transports",
        &[
            "OPTIONS sip:ben@example.org SIP/2.0",
            "Via: SIP/2.0/SCTP a;branch=z9hG4bK1",
            "Via: SIP/2.0/TLS b;branch=z9hG4bK2, SIP/2.0/UNKNOWN c;branch=z9hG4bK3",
        ],
        Defects::NONE,
    ),
    ("3.1.1.12 a phrase in UTF-8", &["SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e} \u{e9}"], Defects::NONE),
    ("3.1.1.13 an empty phrase", &["SIP/2.0 100 "], Defects::NONE),
    ("no blank after the code", &["SIP/2.0 100"], Defects::NONE),
    // 3.1.2: invalid
    (
        "3.1.2.1 separators too many",
        &[
            "INVITE sip:ben@example.org SIP/2.0",
            "Via: SIP/2.0/UDP 192.0.2.7;;,;,,",
            "Contact: \"Ada\" <sip:ada@example.org>;;;;",
        ],
        Defects::VIA.union(Defects::ADDRESS),
    ),
    ("3.1.2.2 Content-Length too large", &["INVITE sip:ben@example.org SIP/2.0", "l: 9999"], Defects::BODY_CUT),
    ("3.1.2.3 Content-Length negative", &["INVITE sip:ben@example.org SIP/2.0", "l: -9"], Defects::CONTENT_LENGTH),
    (
        "3.1.2.4 numbers out of range",
        &["REGISTER sip:example.org SIP/2.0", "CSeq: 4294967296 REGISTER", "Expires: 99999999999999999999999"],
        Defects::CSEQ.union(Defects::EXPIRES),
    ),
    ("3.1.2.5 the same in a response", &["SIP/2.0 503 Gone", "CSeq: 92923948347723040233 OPTIONS"], Defects::CSEQ),
    (
        "3.1.2.6 a quote left open",
        &["INVITE sip:ben@example.org SIP/2.0", "To: \"Ben B. <sip:ben@example.org>"],
        Defects::ADDRESS,
    ),
    ("3.1.2.7 brackets round the Request-URI", &["INVITE <sip:ben@example.org> SIP/2.0"], Defects::REQUEST_URI),
    ("3.1.2.8 a blank inside the Request-URI", &["INVITE sip:ben@example.org; lr SIP/2.0"], Defects::REQUEST_URI),
    ("3.1.2.9 blanks round the Request-URI", &["INVITE  sip:ben@example.org  SIP/2.0"], Defects::START_LINE),
    ("3.1.2.10 blanks after the version", &["OPTIONS sip:ben@example.org SIP/2.0  "], Defects::START_LINE),
    (
        "3.1.2.11 headers in the Request-URI",
        &["INVITE sip:b@example.org?Route=%3Csip:x%3E SIP/2.0"],
        Defects::REQUEST_URI,
    ),
    (
        "3.1.2.13 a bare Contact with headers",
        &["REGISTER sip:example.org SIP/2.0", "Contact: sip:ada@example.org?Route=%3Csip:x%3E"],
        Defects::ADDRESS,
    ),
    (
        "3.1.2.14 blanks inside the brackets",
        &["OPTIONS sip:ben@example.org SIP/2.0", "To: \"B, Ben\" < sip:ben@example.org >"],
        Defects::ADDRESS,
    ),
    (
        "3.1.2.15 a name that needs quotes",
        &["OPTIONS sip:ben@example.org SIP/2.0", "From: A, Ada <sip:ada@example.org>;tag=fa"],
        Defects::ADDRESS,
    ),
    (
        "3.1.2.16 another version",
        &["OPTIONS sip:ben@example.org SIP/7.0", "Via: SIP/7.0/UDP c.example.org;branch=z9hG4bKx"],
        Defects::VERSION.union(Defects::VIA),
    ),
    ("3.1.2.17 methods differ", &["OPTIONS sip:ben@example.org SIP/2.0", "CSeq: 8 INVITE"], Defects::CSEQ_METHOD),
    (
        "3.1.2.18 unknown methods differ",
        &["NEWMETHOD sip:ben@example.org SIP/2.0", "CSeq: 8 INVITE"],
        Defects::CSEQ_METHOD,
    ),
    ("3.1.2.19 a code beyond all bounds", &["SIP/2.0 4294967301 do not stumble"], Defects::STATUS_CODE),
    ("a code of a class that is none", &["SIP/2.0 700 Beyond"], Defects::STATUS_CODE),
    // 3.2 to 3.4
    (
        "3.3.8 headers that may stand only once",
        &[
            "INVITE sip:ben@example.org SIP/2.0",
            "Call-ID: torture@192.0.2.7",
            "Call-ID: another@192.0.2.8",
            "From: <sip:ada@example.org>;tag=fa",
            "From: <sip:eve@example.org>;tag=fe",
        ],
        Defects::REPEATED,
    ),
    (
        "3.3.9 two Content-Lengths",
        &["OPTIONS sip:ben@example.org SIP/2.0", "l: 0", "Content-Length: 5"],
        Defects::REPEATED,
    ),
    ("3.3.4 an unknown scheme", &["OPTIONS nobodyKnows:opaque SIP/2.0"], Defects::NONE),
    ("3.3.5 a known one that is not SIP's", &["OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"], Defects::NONE),
    (
        "3.2.1 a branch of nothing but the cookie",
        &["OPTIONS sip:b@x SIP/2.0", "v: SIP/2.0/UDP a;branch=z9hG4bK"],
        Defects::NONE,
    ),
    ("a line that is no header", &["OPTIONS sip:ben@example.org SIP/2.0", "Foobar roobar"], Defects::HEADER_LINE),
];

#[test]
fn each_oddity_is_read_and_named() {
    for (name, lines, expected) in CASES {
        let bytes = message(lines);
        let message = Message::parse(&bytes).unwrap_or_else(|| panic!("{name}: not taken for SIP"));
        let got = message.defects();
        let words = |defects: Defects| defects.names().collect::<Vec<_>>().join("; ");
        assert_eq!(words(got), words(*expected), "{name}");
        assert_eq!(message.is_malformed(), !expected.is_empty(), "{name}");
        assert_eq!(message.call_id(), Some(b"torture@192.0.2.7".as_slice()), "{name}");
        assert_eq!(message.from_tag(), Some(b"fa".as_slice()), "{name}");
        assert_eq!(message.to().map(|to| text(to.uri)).as_deref(), Some("sip:ben@example.org"), "{name}");
        if !expected.contains(Defects::CSEQ) {
            assert!(matches!(message.cseq().map(|cseq| cseq.number), Some(7 | 8)), "{name}");
        }
    }
}

#[test]
fn what_is_missing_is_missing() {
    let bytes = b"INVITE sip:ben@example.org SIP/2.0\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n\r\n";
    let message = Message::parse(bytes).unwrap();
    assert_eq!(message.defects(), Defects::MISSING);
    assert!(message.call_id().is_none() && message.from().is_none() && message.to_tag().is_none());
}

#[test]
fn the_second_request_of_a_datagram_is_not_read() {
    // RFC 4475 3.1.1.8: what follows the message of a datagram is discarded.
    let first = message(&["REGISTER sip:example.org SIP/2.0", "L: 0"]);
    let mut both = first.clone();
    both.extend(message(&["INVITE sip:joe@example.org SIP/2.0"]));
    let message = Message::parse(&both).unwrap();
    assert_eq!(message.raw(), first);
    assert_eq!(message.method(), Some(Method::Register));
    assert!(!message.is_malformed() && message.body().is_empty());
}

/// The RFC's messages that are wrong at the level of one message, and what is wrong with them.
const INVALID: &[(&str, Defects)] = &[
    ("badinv01", Defects::VIA.union(Defects::ADDRESS)),
    ("clerr", Defects::BODY_CUT),
    ("ncl", Defects::CONTENT_LENGTH),
    ("scalar02", Defects::CSEQ.union(Defects::EXPIRES)),
    ("scalarlg", Defects::CSEQ),
    ("quotbal", Defects::ADDRESS),
    ("ltgtruri", Defects::REQUEST_URI),
    ("lwsruri", Defects::REQUEST_URI),
    ("lwsstart", Defects::START_LINE),
    ("trws", Defects::START_LINE),
    ("escruri", Defects::REQUEST_URI),
    ("regbadct", Defects::ADDRESS),
    ("badaspec", Defects::ADDRESS),
    ("baddn", Defects::ADDRESS),
    ("badvers", Defects::VERSION),
    ("mismatch01", Defects::CSEQ_METHOD),
    ("mismatch02", Defects::CSEQ_METHOD),
    ("bigcode", Defects::STATUS_CODE),
    ("insuf", Defects::MISSING),
    ("multi01", Defects::REPEATED),
    ("mcl01", Defects::REPEATED),
];

/// The RFC's own messages are not ours to ship. Name a directory that holds them as `*.dat` in `SIPCODES_TORTURE`.
#[test]
fn the_messages_of_the_rfc() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures/torture");
    let directory = std::env::var("SIPCODES_TORTURE").unwrap_or_else(|_| beside.into());
    let Ok(entries) = std::fs::read_dir(&directory) else {
        // Nothing to read is nothing to test.
        return;
    };
    let mut read = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "dat") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let Some(message) = Message::parse(&bytes) else {
            // Comes with some copies of the set, has no version in its request line and is not in the RFC.
            assert_eq!(name, "test");
            continue;
        };
        read += 1;
        let defects = message.defects();
        let words = defects.names().collect::<Vec<_>>().join("; ");
        let expected = INVALID.iter().find(|(invalid, _)| *invalid == name).map(|(_, defects)| *defects);
        assert!(defects.contains(expected.unwrap_or_default()), "{name}: {words}");
        assert_eq!(defects.is_empty(), expected.is_none(), "{name}: {words}");
        let lacks = name == "insuf";
        assert_eq!(message.call_id().is_none(), lacks, "{name}");
        assert_eq!(message.from().is_none_or(|from| from.uri.is_empty()), lacks, "{name}");
        assert_eq!(message.to().is_none_or(|to| to.uri.is_empty()), lacks, "{name}");
        assert_eq!(message.cseq().is_none(), defects.contains(Defects::CSEQ), "{name}");
        assert!(message.top_via().is_some_and(|via| !via.sent_by.is_empty()), "{name}");
        if let StartLine::Response { .. } = message.start() {
            assert_eq!(message.code().is_none(), name == "bigcode", "{name}");
        }
    }
    assert!(read == 0 || read >= 49, "only {read} of the set were read");
}

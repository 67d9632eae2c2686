//! The SIP parser against strangers' bytes, and against rsip where that can read at all.

#[path = "fuzz/bodies/sip.rs"]
mod bodies;

use proptest::prelude::*;
use sipcodes::wire::sip::{Message, text};

const INVITE: &[u8] = b"INVITE sip:+15550100@example.com;user=phone SIP/2.0\r\n\
Via: SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bK776asdhds;rport\r\n\
v: SIP/2.0/UDP [2001:db8::9]:5062 ;branch=z9hG4bKa,SIP/2.0/UDP c;branch=z9hG4bKb\r\n\
Max-Forwards: 70\r\n\
To: <sip:+15550100@example.com>\r\n\
From: \"Ada, <A> \\\" L.\" <sip:ada@example.org;x=1>\r\n ;tag=1928301774\r\n\
Call-ID: a84b4c76e66710@pc33.example.org\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:ada@192.0.2.10;transport=tcp>;expires=60;q=0.5, tel:+1555;q=1\r\n\
Reason: SIP;cause=200;text=\"Call, completed\", Q.850;cause=16\r\n\
User-Agent: Test/1.0\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 10\r\n\r\nv=0\r\no=- 1";

const RESPONSE: &[u8] = b"SIP/2.0 401 Unauthorized\nv:SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.1\nf:<sip:a@b>;tag=1\n\
t:sip:a@b;tag=2\ni:x\nCSeq:1 REGISTER\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\nServer: s\nExpires:3600\nl:0\n\n";

const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

fn stream_of_messages() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(INVITE.to_vec()),
        4 => Just(RESPONSE.to_vec()),
        2 => Just(KEEP_ALIVE.to_vec()),
        1 => Just(b"<xml/>".to_vec()),
        1 => Just(b"rest of a body\r\nSIP/2.0 is not a start line\r\n".to_vec()),
        1 => Just(b"\x16\x03\x01\x00\x05".to_vec()),
        1 => "[ -~\r\n]{0,60}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// A sane stream with a few bytes struck, doubled or changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => prop::sample::select(b"\r\n \t:;,<>\"\\=/@[]0".to_vec()),
        1 => any::<u8>(),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, byte), 0..12);
    (stream_of_messages(), edits).prop_map(|(mut bytes, edits)| {
        for (at, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => _ = bytes.remove(at),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bodies::sip(&bytes);
    }

    #[test]
    fn messages_with_slips_of_the_pen(bytes in mutated()) {
        bodies::sip(&bytes);
    }
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let stream = [KEEP_ALIVE, INVITE, RESPONSE, KEEP_ALIVE, b"tail of a body", INVITE, b"\x00\x01", RESPONSE].concat();
    let whole = bodies::messages(&stream, &[stream.len()]);
    assert_eq!(whole, [INVITE, RESPONSE, INVITE, RESPONSE]);
    for cut in 1..stream.len() {
        assert_eq!(bodies::messages(&stream, &[cut, stream.len()]), whole, "cut at {cut}");
    }
    for size in 1..40 {
        assert_eq!(bodies::messages(&stream, &[size]), whole, "pieces of {size}");
    }
}

#[test]
fn a_prefix_never_says_something_else() {
    for whole in [INVITE, RESPONSE] {
        let message = Message::parse(whole).unwrap();
        for len in 0..whole.len() {
            let Some(part) = Message::parse(&whole[..len]) else { continue };
            assert_eq!((part.code(), part.request_uri()), (message.code(), message.request_uri()), "{len}");
            assert!(part.defects().cut(), "{len}");
            // Not even a shorter value: half a Call-ID is another Call-ID.
            assert!(part.call_id().is_none() || part.call_id() == message.call_id(), "{len}");
            assert!(part.cseq().is_none() || part.cseq() == message.cseq(), "{len}");
            assert!(part.from_tag().is_none() || part.from_tag() == message.from_tag(), "{len}");
            assert!(part.to_tag().is_none() || part.to_tag() == message.to_tag(), "{len}");
            assert!(part.via_count() <= message.via_count(), "{len}");
        }
    }
}

/// Messages as rsip can read them: long names, no folds, no IPv6, known methods.
fn sane() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["INVITE", "BYE", "OPTIONS", "REGISTER", "ACK", "NOTIFY"]);
    let tag = "(;tag=[a-zA-Z0-9]{1,12})?";
    (
        (method, any::<bool>(), prop::sample::select(vec![100_u16, 180, 200, 302, 404, 486, 503, 603])),
        ("[a-z0-9]{1,16}@[a-z]{1,8}\\.example", 0..u32::MAX, "[a-zA-Z0-9]{1,20}"),
        ("(\"[A-Za-z0-9 .,]{1,16}\" )?", "[a-z0-9+]{1,10}", "[a-z]{1,8}\\.example(:[1-9][0-9]{2,3})?", tag),
        ("[a-z0-9]{1,10}", "(;[a-z]{1,5}=[a-z0-9]{1,5})?", tag),
        prop::collection::vec("[a-z]{1,6}\\.example", 0..3),
    )
        .prop_map(|((method, request, code), (call_id, number, branch), from, to, hops)| {
            let (display, user, host, from_tag) = from;
            let (to_user, uri_param, to_tag) = to;
            let start = match request {
                true => format!("{method} sip:{to_user}@{host} SIP/2.0"),
                false => format!("SIP/2.0 {code} Some Phrase"),
            };
            let more: String = hops.iter().map(|hop| format!("Via: SIP/2.0/TCP {hop};branch=z9hG4bKhop\r\n")).collect();
            format!(
                "{start}\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{branch}\r\n{more}\
                 From: {display}<sip:{user}@{host}>{from_tag}\r\nTo: <sip:{to_user}@{host}{uri_param}>{to_tag}\r\n\
                 Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_rsip_can_read_it_reads_the_same(sent in sane()) {
        use rsip::headers::{ToTypedHeader, UntypedHeader};
        use rsip::message::{HasHeaders, HeadersExt};

        let ours = Message::parse(sent.as_bytes()).unwrap();
        let theirs = rsip::SipMessage::try_from(sent.as_bytes()).unwrap();
        prop_assert!(!ours.is_malformed(), "{:?}", ours.defects().names().collect::<Vec<_>>());
        prop_assert_eq!(ours.is_request(), theirs.is_request());
        if let rsip::SipMessage::Response(response) = &theirs {
            prop_assert_eq!(ours.code(), Some(u16::from(response.status_code.clone())));
        }
        prop_assert_eq!(ours.call_id().map(text), Some(theirs.call_id_header().unwrap().value().to_owned()));
        let cseq = theirs.cseq_header().unwrap().typed().unwrap();
        prop_assert_eq!(ours.cseq().map(|cseq| cseq.number), Some(cseq.seq));
        prop_assert_eq!(ours.cseq().map(|cseq| text(cseq.method.token())), Some(cseq.method.to_string()));
        let from = theirs.from_header().unwrap().typed().unwrap();
        prop_assert_eq!(ours.from().map(|from| text(from.uri)), Some(from.uri.to_string()));
        prop_assert_eq!(ours.from_tag().map(text), from.tag().map(|tag| tag.value().to_owned()));
        let to = theirs.to_header().unwrap().typed().unwrap();
        prop_assert_eq!(ours.to().map(|to| text(to.uri)), Some(to.uri.to_string()));
        prop_assert_eq!(ours.to_tag().map(text), to.tag().map(|tag| tag.value().to_owned()));
        let via = theirs.via_header().unwrap().typed().unwrap();
        let branch = ours.top_via().and_then(|via| via.branch).map(text);
        prop_assert_eq!(branch, via.branch().map(|branch| branch.value().to_owned()));
        prop_assert_eq!(ours.top_via().map(|via| text(via.sent_by)), Some(via.uri.host_with_port.to_string()));
        prop_assert_eq!(ours.headers().count(), theirs.headers().iter().count());
        let vias = theirs.headers().iter().filter(|header| matches!(header, rsip::Header::Via(_))).count();
        prop_assert_eq!(usize::from(ours.via_count()), vias);
    }
}

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
use crate::wire::codec::Codec;
use proptest::prelude::*;

/// Each media line as `kind port proto formats address direction`.
fn told(sdp: &str) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let session = Session::parse(sdp.as_bytes()).unwrap_or_else(|| panic!("no description: {sdp}"));
    session
        .media()
        .map(|media| {
            let formats: Vec<_> = media.formats().map(text).collect();
            let address = media.address.map_or_else(|| "-".to_owned(), text);
            let formats = formats.join(",");
            format!(
                "{} {} {} {formats} {address} {:?}",
                text(media.kind),
                media.port,
                text(media.proto),
                media.direction
            )
        })
        .collect()
}

#[test]
fn media_lines() {
    const V: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "session address",
            "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 101\r\n",
            &["audio 6000 RTP/AVP 0,101 192.0.2.1 SendRecv"],
        ),
        (
            "own address and direction",
            "c=IN IP4 192.0.2.1\r\nm=audio 6000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\na=sendonly\r\nm=video 0 RTP/AVP 31\r\n",
            &["audio 6000 RTP/AVP 0 192.0.2.2 SendOnly", "video 0 RTP/AVP 31 192.0.2.1 SendRecv"],
        ),
        (
            "session direction, overruled once",
            "a=inactive\r\nm=audio 2 RTP/AVP 0\r\nm=audio 4 RTP/AVP 0\r\na=recvonly\r\n",
            &["audio 2 RTP/AVP 0 - Inactive", "audio 4 RTP/AVP 0 - RecvOnly"],
        ),
        (
            "bare LF, no end",
            "c=IN IP6 2001:db8::1\nm=audio 6000 RTP/AVP 0\na=sendonly",
            &["audio 6000 RTP/AVP 0 2001:db8::1 SendOnly"],
        ),
        (
            "multicast, two ports",
            "c=IN IP4 224.2.1.1/127/3\r\nm=audio 6000/2 RTP/AVP 0\r\n",
            &["audio 6000 RTP/AVP 0 224.2.1.1 SendRecv"],
        ),
        (
            "wide spacing, odd case",
            "c=IN  IP4   192.0.2.1 \r\nm=audio  6000  RTP/AVP  0  8 \r\na=SendOnly \r\n",
            &["audio 6000 RTP/AVP 0,8 192.0.2.1 SendOnly"],
        ),
        ("fax", "c=IN IP4 192.0.2.1\r\nm=image 5000 udptl t38\r\n", &["image 5000 udptl t38 192.0.2.1 SendRecv"]),
        (
            "a line that cannot be read",
            "m=audio 99999 RTP/AVP 0\r\na=inactive\r\nm=audio\r\nm=audio 6 RTP/AVP 0\r\n",
            &["audio 6 RTP/AVP 0 - SendRecv"],
        ),
        (
            "an attribute that only begins alike",
            "m=audio 6 RTP/AVP 0\r\na=inactive-ish\r\na=x:inactive\r\n",
            &["audio 6 RTP/AVP 0 - SendRecv"],
        ),
        ("no media", "t=0 0\r\n", &[]),
    ];
    for (name, rest, expected) in cases {
        assert_eq!(told(&format!("{V}{rest}")), *expected, "{name}");
    }
    assert_eq!(told("m=audio 6 RTP/AVP 0"), ["audio 6 RTP/AVP 0 - SendRecv"], "from the middle");
    assert!(Session::parse(b"hello\r\n").is_none());
}

/// Everything that is said of each media beside its `m=` line, in the order of the names here; what is not said is left
/// out.
fn said(sdp: &str) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let session = Session::parse(sdp.as_bytes()).unwrap();
    let of = |media: Media<'_>| {
        let mut said = vec![media.media_type().name().to_owned()];
        let mut say = |name: &str, what: Option<String>| said.extend(what.map(|what| format!("{name}={what}")));
        let flag = |is: bool| is.then(String::new);
        say("ttl", media.ttl.map(|ttl| ttl.to_string()));
        say("ports", Some(media.ports).filter(|ports| *ports != 1).map(|ports| ports.to_string()));
        say("place", media.place().map(|place| place.to_string()));
        say("rtcp", media.rtcp().map(|place| place.to_string()));
        say("apart", media.rtcp_apart().filter(|_| media.rtcp_mux).map(|place| place.to_string()));
        say("ptime", media.ptime.map(|time| format!("{time:?}")));
        say("maxptime", media.max_ptime.map(|time| format!("{time:?}")));
        say("setup", media.setup.map(|setup| format!("{setup:?}")));
        say("fingerprint", media.fingerprint.map(|of| format!("{}/{}", text(of.hash), text(of.value))));
        say("ice", flag(media.ice));
        say("mid", media.mid.map(text));
        say("refused", flag(!media.is_wanted()));
        say("held", flag(!media.sends() && !media.receives()));
        say("srtp", flag(media.is_srtp()));
        say("secured", flag(media.is_secured() && !media.is_srtp()));
        say("t38", flag(media.is_t38()));
        for of in media.crypto() {
            let open = [of.unencrypted_rtp, of.unencrypted_rtcp].map(|open| if open { "!" } else { "" }).concat();
            say("crypto", Some(format!("{}/{}{open}", of.tag, text(of.suite))));
        }
        for of in media.candidates() {
            let place = of.place().map_or_else(|| text(of.address), |place| place.to_string());
            say("candidate", Some(format!("{}/{:?}/{place}/{}", of.component, of.kind, of.is_udp())));
        }
        for source in media.sources() {
            say("ssrc", Some(source.to_string()));
        }
        let carrier = session.carrier(&media);
        say("carrier", carrier.filter(|_| media.port == 0).and_then(|of| of.place()).map(|place| place.to_string()));
        said.join(" ").replace("= ", " ").trim_end_matches('=').to_owned()
    };
    session.media().map(of).collect()
}

#[test]
fn what_media_say() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "the next port",
            "c=IN IP4 192.0.2.1\nm=audio 6000 RTP/AVP 0",
            &["audio place=192.0.2.1:6000 rtcp=192.0.2.1:6001"],
        ),
        (
            "RTCP elsewhere",
            "c=IN IP4 192.0.2.1\nm=audio 6000 RTP/AVP 0\na=rtcp:53020\nm=audio 6002 RTP/AVP 0\na=rtcp:5 IN IP6 2001:db8::9",
            &["audio place=192.0.2.1:6000 rtcp=192.0.2.1:53020", "audio place=192.0.2.1:6002 rtcp=[2001:db8::9]:5"],
        ),
        (
            "RTCP on the same port, or elsewhere",
            "c=IN IP6 2001:db8::1\nm=audio 6 RTP/AVP 0\na=rtcp:9\na=rtcp-mux",
            &["audio place=[2001:db8::1]:6 rtcp=[2001:db8::1]:6 apart=[2001:db8::1]:9"],
        ),
        ("no RTCP", "c=IN IP4 192.0.2.1\nm=audio 6 RTP/AVP 0\na=rtcp:0", &["audio place=192.0.2.1:6"]),
        ("the last port", "c=IN IP4 192.0.2.1\nm=audio 65535 RTP/AVP 0", &["audio place=192.0.2.1:65535"]),
        (
            "multicast, layers",
            "c=IN IP4 224.2.1.1/127/3\nm=video 6000/2 RTP/AVP 31\nm=audio 8 RTP/AVP 0\nc=IN IP6 ff15::101/3",
            &[
                "video ttl=127 ports=2 place=224.2.1.1:6000 rtcp=224.2.1.1:6001",
                "audio place=[ff15::101]:8 rtcp=[ff15::101]:9",
            ],
        ),
        ("a name", "c=IN IP4 example.com\nm=audio 6 RTP/AVP 0", &["audio"]),
        (
            "addresses written otherwise",
            "c=IN IP6 [2001:db8::1]\nm=audio 6 RTP/AVP 0\na=rtcp:0\nm=text 8 RTP/AVP 98\nc=IN IP6 fe80::1%eth0\na=rtcp:0",
            &["audio place=[2001:db8::1]:6", "text place=[fe80::1]:8"],
        ),
        (
            "times",
            "m=audio 6 RTP/AVP 0\na=ptime:20\na=maxptime: 40.5\nm=audio 8 RTP/AVP 0\na=ptime:x\na=ptime:0\na=maxptime:2.",
            &["audio ptime=20ms maxptime=40.5ms", "audio maxptime=2ms"],
        ),
        (
            "refused, and a port of no meaning",
            "m=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 31\na=bundle-only\nm=message 2855 TCP/MSRP *",
            &["audio refused", "video refused", "message"],
        ),
        (
            "held by zeros, not so with ICE",
            "m=audio 6 RTP/AVP 0\nc=IN IP4 0.0.0.0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\nc=IN IP4 0.0.0.0\na=ice-ufrag:x",
            &["audio held", "audio ice srtp"],
        ),
        ("held by direction", "a=inactive\nm=audio 6 RTP/AVP 0", &["audio held"]),
        (
            "keys",
            "m=audio 6 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32\n\
             a=crypto:2 F8_128_HMAC_SHA1_80 inline:x UNENCRYPTED_SRTP unencrypted_srtcp\na=crypto:x y z\na=crypto:3 short\n\
             m=audio 8 RTP/AVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:x",
            &[
                "audio srtp crypto=1/AES_CM_128_HMAC_SHA1_80 crypto=2/F8_128_HMAC_SHA1_80!!",
                "audio secured crypto=1/AES_CM_128_HMAC_SHA1_32",
            ],
        ),
        (
            "DTLS for all",
            "a=fingerprint:sha-256 4A:AD:B9\na=setup:actpass\nm=audio 6 UDP/TLS/RTP/SAVPF 111\nm=video 8 RTP/AVP 31\na=setup:Active\n\
             a=fingerprint:sha-1 00\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel",
            &[
                "audio setup=ActPass fingerprint=sha-256/4A:AD:B9 srtp",
                "video setup=Active fingerprint=sha-1/00 secured",
                "application setup=ActPass fingerprint=sha-256/4A:AD:B9",
            ],
        ),
        (
            "candidates",
            "m=audio 9 RTP/AVP 0\na=ice-ufrag:x\na=candidate:1 1 UDP 2130706431 192.0.2.1 8998 typ host\n\
             a=candidate:2 2 udp 1694498815 198.51.100.1 45664 typ srflx raddr 192.0.2.1 rport 8998 generation 0\n\
             a=candidate:3 1 TCP 1 2001:db8::1 9 typ relay tcptype active\na=candidate:4 1 UDP 1 a.local 7 typ prflx\n\
             a=candidate:5 1 UDP 1 192.0.2.1 7\na=candidate:6 1 UDP 1 192.0.2.1 7 typ other\na=candidate:",
            &["audio ice candidate=1/Host/192.0.2.1:8998/true candidate=2/ServerReflexive/198.51.100.1:45664/true \
               candidate=1/Relayed/[2001:db8::1]:9/false candidate=1/PeerReflexive/a.local/true"],
        ),
        (
            "a bundle",
            "a=group:LS a v\na=group:BUNDLE a v\nc=IN IP4 192.0.2.1\nm=audio 6 RTP/AVP 0\na=mid:a\na=rtcp-mux\n\
             m=video 0 RTP/AVP 31\na=mid:v\na=bundle-only\nm=video 0 RTP/AVP 31\na=mid:w\na=bundle-only\nm=video 0 RTP/AVP 31\na=mid:v",
            &[
                "audio place=192.0.2.1:6 rtcp=192.0.2.1:6 apart=192.0.2.1:7 mid=a",
                "video mid=v carrier=192.0.2.1:6",
                "video mid=w",
                "video mid=v refused",
            ],
        ),
        (
            "fax",
            "m=image 5000 udptl t38\nm=image 5002 TCP T38\nm=audio 6 udptl t38\nm=image 8 udptl x",
            &["image t38", "image t38", "audio", "image"],
        ),
        (
            "sources",
            "m=audio 6 RTP/AVP 0\na=ssrc:3735928559 cname:x\na=ssrc:-1 x\na=ssrc:99999999999 x\na=ssrc:7",
            &["audio ssrc=3735928559 ssrc=7"],
        ),
        (
            "a bare CR",
            "c=IN IP4 192.0.2.1\rm=audio 6 RTP/AVP 0\ra=rtcp:0\ra=ptime:20",
            &["audio place=192.0.2.1:6 ptime=20ms"],
        ),
        ("a kind of one's own", "m=x-thing 6 a b", &["other"]),
        ("a number with a sign", "m=audio +6 RTP/AVP 0", &[]),
    ];
    for (name, rest, expected) in cases {
        assert_eq!(said(&format!("v=0\n{rest}\n")), *expected, "{name}");
    }
}

#[test]
fn codecs() {
    /// Lines behind `m=audio 6`, each codec as `type/name/clock/channels`, payload types of telephone-events.
    type Case<'a> = (&'a str, &'a str, &'a str, &'a [u8]);
    let cases: &[Case<'_>] = &[
        ("static", "RTP/AVP 0 8 9 18 13", "0/PCMU/8000/1 8/PCMA/8000/1 9/G722/8000/1 18/G729/8000/1 13/CN/8000/1", &[]),
        (
            "dynamic",
            "RTP/AVP 96 111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:96 AMR-WB/16000\na=rtpmap:101 Telephone-Event/8000",
            "96/AMR-WB/16000/1 111/opus/48000/2 101/Telephone-Event/8000/1",
            &[101],
        ),
        (
            "telephone-events for two clocks",
            "RTP/AVP 101 110\na=rtpmap:110 telephone-event/48000\na=rtpmap:101 telephone-event/8000",
            "101/telephone-event/8000/1 110/telephone-event/48000/1",
            &[101, 110],
        ),
        ("a static type renamed", "RTP/AVP 0\na=rtpmap:0 pcmu/8000\na=rtpmap:0 PCMA/8000", "0/pcmu/8000/1", &[]),
        ("a type by another name", "RTP/AVP 2\na=rtpmap:2 G726-32/8000", "2/G726-32/8000/1", &[]),
        (
            "no clock",
            "RTP/AVP 101 8\na=rtpmap:101 telephone-event\na=rtpmap:8 PCMA",
            "101/telephone-event/-/1 8/PCMA/8000/1",
            &[101],
        ),
        ("a clock of zero", "RTP/AVP 97\na=rtpmap:97 x/0/0", "97/x/-/1", &[]),
        ("a dynamic type unexplained", "RTP/AVP 96 0", "0/PCMU/8000/1", &[]),
        ("a map that cannot be read", "RTP/AVP 0 97\na=rtpmap:0\na=rtpmap:97 \u{1b}[1m/8000", "0/PCMU/8000/1", &[]),
        ("spaces", "RTP/AVP  97 \na=rtpmap: 97  speex/16000 ", "97/speex/16000/1", &[]),
        ("no payload types", "RTP/AVP 999 x +0", "", &[]),
        ("no RTP", "udptl 0", "", &[]),
        ("in a secure profile", "UDP/TLS/RTP/SAVPF 0", "0/PCMU/8000/1", &[]),
    ];
    for (name, lines, expected, events) in cases {
        let sdp = format!("v=0\nm=audio 6 {lines}\n");
        let media = Session::parse(sdp.as_bytes()).unwrap().media().next().unwrap();
        let codecs: Vec<_> = media
            .codecs()
            .map(|codec| {
                let clock = codec.clock_rate.map_or_else(|| "-".to_owned(), |rate| rate.to_string());
                format!("{}/{}/{clock}/{}", codec.payload_type, codec.name, codec.channels)
            })
            .collect();
        assert_eq!(codecs.join(" "), *expected, "{name}");
        assert_eq!(media.telephone_events().collect::<Vec<_>>(), *events, "{name}");
    }
    let sdp = b"m=audio 6 RTP/AVP 18 101\na=fmtp:18 annexb=no\na=fmtp:101  0-15,66 \n";
    let media = Session::parse(sdp).unwrap().media().next().unwrap();
    assert_eq!([18, 101, 0].map(|of| media.fmtp(of)), [Some(&b"annexb=no"[..]), Some(b"0-15,66"), None]);
}

#[test]
fn identities() {
    type Case<'a> = (&'a str, &'a str, Option<&'a str>, Option<(&'a str, u16)>);
    let cases: &[Case<'_>] = &[
        (
            "usual",
            "o=- 2890844526 7 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n",
            Some("- 2890844526 IN IP4 192.0.2.1"),
            Some(("192.0.2.1", 4000)),
        ),
        (
            "an address of the media",
            "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.9\nm=video 5000 RTP/AVP 0\n",
            None,
            Some(("192.0.2.9", 4000)),
        ),
        ("on hold", "c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n", None, None),
        ("the first on hold", "m=audio 4 x\nc=IN IP4 0.0.0.0\nm=video 6 x\nc=IN IP4 1.1.1.1\n", None, None),
        ("the first without", "m=audio 4 x\nm=video 6 x\nc=IN IP4 1.1.1.1\n", None, Some(("1.1.1.1", 6))),
        ("refused audio, then video", "c=IN IP4 1.1.1.1\nm=audio 0 x\nm=video 6 x\n", None, Some(("1.1.1.1", 6))),
        ("refused media's address", "m=audio 0 x\nc=IN IP4 1.1.1.1\nm=video 6 x\n", None, None),
        ("a session id of everybody's", "o=- 1234 1 IN IP4 192.0.2.1\n", None, None),
        ("an origin cut short", "o=- 2890844526 7 IN IP4\n", None, None),
        ("an origin behind the media", "m=audio 6 x\no=- 2890844526 7 IN IP4 192.0.2.1\n", None, None),
        ("nothing", "", None, None),
    ];
    for (name, lines, origin, media) in cases {
        let sdp = format!("v=0\r\n{lines}");
        let got = Session::parse(sdp.as_bytes()).unwrap().identity();
        let words = got.origin.map(|words| words.map(|word| String::from_utf8_lossy(word)).join(" "));
        assert_eq!(words.as_deref(), *origin, "{name}");
        assert_eq!(got.media, media.map(|(address, port)| (address.as_bytes(), port)), "{name}");
    }
}

#[test]
fn attributes_have_names_and_values() {
    let session = Session::parse(b"v=0\r\na=ice-lite\r\nm=audio 6 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n").unwrap();
    assert_eq!(session.attributes().collect::<Vec<_>>(), [(&b"ice-lite"[..], None)]);
    let media = session.media().next().unwrap();
    assert_eq!(media.attributes().collect::<Vec<_>>(), [(&b"rtpmap"[..], Some(&b"0 PCMU/8000"[..]))]);
}

#[test]
fn the_description_within_a_body() {
    const MIXED: &[u8] = b"preamble\r\n--b1\r\nContent-Type: application/isup; version=x\r\n\r\n\x01\x00--b1 no\r\n\
        --b1\r\nContent-Disposition: session\r\ncontent-type : Application/SDP\r\n\r\nv=0\r\ns=-\r\n\r\n--b1--\r\n";
    const NESTED: &[u8] = b"--a\r\nContent-Type: multipart/alternative;boundary=\"b 1\"\r\n\r\n\
        --b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b 1--\r\n--a--";
    type Case<'a> = (&'a str, Option<&'a str>, &'a [u8], Option<&'a [u8]>);
    let cases: &[Case<'_>] = &[
        ("plain", Some("application/sdp"), b"v=0\r\n", Some(b"v=0\r\n")),
        ("with a parameter, in capitals", Some("APPLICATION/SDP ; charset=x"), b"v=0\r\n", Some(b"v=0\r\n")),
        ("no type", None, b"v=0\r\n", Some(b"v=0\r\n")),
        ("no type, something else", None, b"hello", None),
        ("another type", Some("text/plain"), b"v=0\r\n", None),
        ("empty", Some("application/sdp"), b"", None),
        ("one of two parts", Some("multipart/mixed; boundary=b1"), MIXED, Some(b"v=0\r\ns=-\r\n\r\n")),
        ("another boundary", Some("multipart/mixed; boundary=b2"), MIXED, None),
        ("no boundary", Some("multipart/mixed"), MIXED, None),
        ("parts in a part", Some("Multipart/Mixed;boundary=a"), NESTED, Some(b"v=0\r\n")),
        (
            "the end is missing",
            Some("multipart/mixed;boundary=a"),
            b"--a\nContent-Type: application/sdp\n\nv=0\n",
            Some(b"v=0\n"),
        ),
    ];
    for (name, content_type, body, expected) in cases {
        assert_eq!(find(content_type.map(str::as_bytes), body), *expected, "{name}");
    }
}

/// Bytes that are likelier to mean something than others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"v=0"[..],
        b"m=audio 6000 RTP/AVP 0 8",
        b"m=video 0 RTP/AVP",
        b"m=",
        b"c=IN IP4 0.0.0.0",
        b"c=IN IP4 224.0.0.1/9/2",
        b"o=- 2890844526 7 IN IP4 192.0.2.1",
        b"a=rtpmap:96 opus/48000/2",
        b"a=rtpmap:",
        b"a=fmtp:96 x",
        b"a=rtcp:9 IN IP6 ::1",
        b"a=rtcp-mux",
        b"a=crypto:1 X inline:y",
        b"a=candidate:1 1 UDP 1 ::1 9 typ host",
        b"a=group:BUNDLE x",
        b"a=mid:x",
        b"a=bundle-only",
        b"a=ptime:1.5",
        b"a=fingerprint:sha-1 0",
        b"c=IN",
        b"a=inactive",
        b"a=sendonly:",
        b"a=",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"--b",
        b"--b--",
        b"Content-Type: application/sdp",
        b"Content-Type: multipart/x;boundary=b",
        b"\xff\x00",
        b"=",
        b"m",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn views_stay_within_their_bytes(bytes in bytes()) {
        let within = |part: &[u8]| {
            let (part, whole) = (part.as_ptr_range(), bytes.as_ptr_range());
            part.is_empty() || part.start >= whole.start && part.end <= whole.end
        };
        for content_type in ["application/sdp", "multipart/mixed;boundary=b"] {
            let Some(found) = find(Some(content_type.as_bytes()), &bytes) else { continue };
            prop_assert!(within(found));
            let Some(session) = Session::parse(found) else { continue };
            let identity = session.identity();
            prop_assert!(identity.origin.into_iter().flatten().all(within));
            prop_assert!(identity.media.is_none_or(|(address, port)| within(address) && port != 0));
            for media in session.media() {
                prop_assert!(within(media.kind) && within(media.proto) && media.address.is_none_or(within));
                prop_assert!(media.formats().all(within));
                prop_assert!(media.attributes().all(|(name, value)| within(name) && value.is_none_or(within)));
                _ = (media.ip(), media.place(), media.rtcp(), media.rtcp_apart(), media.is_secured(), media.is_t38());
                prop_assert!(media.codecs().all(|codec| Codec::of_static(codec.payload_type) == Some(codec) || within(codec.name.as_bytes())));
                prop_assert!(media.fmtp(96).is_none_or(within) && media.mid.is_none_or(within));
                prop_assert!(media.crypto().all(|crypto| within(crypto.suite)));
                prop_assert!(media.candidates().all(|candidate| within(candidate.address) && within(candidate.foundation)));
                if let Some(carrier) = session.carrier(&media) {
                    prop_assert!(carrier.port != 0 || !media.bundle_only);
                }
            }
            // No more media than there are lines for it.
            let starts = found.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| line.starts_with(b"m=")).count();
            prop_assert!(session.media().count() <= starts);
        }
    }

    #[test]
    fn what_is_written_is_read(
        kind in "[a-z]{1,8}", port: u16, formats in prop::collection::vec("[0-9a-z]{1,3}", 0..4),
        at in prop::sample::select(vec!["a=inactive", "a=sendonly", "a=recvonly", "a=sendrecv"]),
        noise in prop::collection::vec("[b-z]=[ -~]{0,9}", 0..3), end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let noise: Vec<_> = noise.into_iter().filter(|line| !line.starts_with(['m', 'c'])).collect();
        let line = format!("m={kind} {port} RTP/AVP {}", formats.join(" "));
        let sdp = [vec!["v=0".to_owned(), line], noise, vec![at.to_owned()]].concat().join(end);
        let session = Session::parse(sdp.as_bytes()).unwrap();
        let media: Vec<_> = session.media().collect();
        prop_assert_eq!(media.len(), 1);
        prop_assert_eq!((media[0].kind, media[0].port), (kind.as_bytes(), port));
        prop_assert_eq!(media[0].formats().count(), formats.len());
        prop_assert_eq!(format!("a={:?}", media[0].direction).to_lowercase(), at);
    }
}

/// Which way the media that `counts` flow, by the full reading.
fn flow(session: &Session<'_>, counts: impl Fn(&Media<'_>) -> bool) -> Option<Flow> {
    let wanted = session.media().filter(|media| media.port != 0 && counts(media));
    let flows = wanted.map(|media| Flow { sends: media.sends(), receives: media.receives() });
    flows.reduce(|one, other| Flow { sends: one.sends || other.sends, receives: one.receives || other.receives })
}

/// Lines of a description that matter to the outline, in any order, with any line end.
fn telling() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "v=0",
        "o=- 2890844526 7 IN IP4 192.0.2.1",
        "o=- 1234 7 IN IP4 192.0.2.1",
        "o=a 12345",
        " o=- 2890844526 7 IN IP4 192.0.2.1",
        "c=IN IP4 192.0.2.7",
        "c=IN IP4 0.0.0.0/3",
        "c= IN IP6 ::",
        "c=IN IP6 0:0:0:0:0:0:0:0",
        "c=IN IP6 [::]",
        "c=IN IP4 00.0.0.0",
        "c=IN IP4 ",
        "c=IN IP4 host.invalid",
        "m=audio 4000 RTP/AVP 0",
        "m=AUDIO 4002/2 RTP/AVP 0",
        "m=audio 0 RTP/AVP 0",
        "m=video 5000 RTP/AVP 31",
        "m=image 5002 udptl t38",
        "m=audio 70000 RTP/AVP 0",
        "m=audio +4 RTP/AVP 0",
        "m=audio 4004 ",
        "m= 4 x",
        "m=",
        "a=sendrecv",
        "a=SendOnly",
        "a= recvonly ",
        "a=inactive",
        "a=inactive:",
        "a=inactiv\x45",
        "a=rtpmap:0 PCMU/8000",
        "a=ice-ufrag:x",
        "a=ICE-Ufrag",
        "a=ice-ufrag2",
        "a=ice-lite",
        "a",
        "",
    ]);
    let end = prop::sample::select(vec!["\r\n", "\n", "\r", "\n\r", " \r\n"]);
    prop::collection::vec((line, end), 0..16).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| [line.as_bytes(), end.as_bytes()].concat()).collect()
    })
}

proptest! {
    #[test]
    fn the_outline_says_what_the_full_reading_says(text in prop_oneof![telling(), bytes()]) {
        let (session, outline) = (Session::parse(&text), Outline::parse(&text));
        prop_assert_eq!(session.is_some(), outline.is_some());
        let (Some(session), Some(outline)) = (session, outline) else { return Ok(()) };
        prop_assert_eq!(outline.identity(), session.identity());
        let is_audio = |media: &Media<'_>| media.kind.eq_ignore_ascii_case(b"audio");
        prop_assert_eq!(outline.audio(), flow(&session, is_audio));
        prop_assert_eq!(outline.others(), flow(&session, |media| !is_audio(media)));
    }
}

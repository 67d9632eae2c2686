#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
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
            for media in session.media() {
                prop_assert!(within(media.kind) && within(media.proto) && media.address.is_none_or(within));
                prop_assert!(media.formats().all(within));
                prop_assert!(media.attributes().all(|(name, value)| within(name) && value.is_none_or(within)));
                _ = media.ip();
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

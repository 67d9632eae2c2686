//! What must hold for any bytes at all. Uses the public face only, so a fuzz target can include this file as it is.

// A fuzz target that includes this file as a module needs the word `pub`; a test does not.
#![allow(unreachable_pub)]

use sipcodes::wire::sip::{
    Begin, Frame, MAX_BODY, MAX_HEAD, Message, Progress, StartLine, address_key, challenge, comma_list, frame,
    frame_on, long_name, looks_like_sip, scheme, text, unquote, uri_host, uri_user,
};

/// Reads the bytes as a datagram and as a stream, and looks at everything that can be looked at.
pub fn sip(bytes: &[u8]) {
    datagram(bytes);
    whole(bytes);
    stream(bytes);
    for value in [bytes, bytes.get(1..).unwrap_or_default()] {
        let items = comma_list(value).inspect(|item| within(item, value)).map(<[u8]>::len).sum::<usize>();
        assert!(items <= value.len());
        assert!(unquote(value).len() <= 3 * value.len() && text(value).len() <= 3 * value.len());
        for part in [scheme(value), uri_host(value), uri_user(value)].into_iter().flatten() {
            within(part, value);
        }
        _ = (address_key(value), challenge(value));
    }
}

/// A slice that was handed out lies within the bytes that were handed in; constants (a method's name) apart.
fn within(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.start >= whole.start && part.end <= whole.end, "a view left its bytes");
}

/// What is read in one go is what framing and reading find one after the other.
fn whole(bytes: &[u8]) {
    let mut progress = Progress::default();
    let framed = frame_on(bytes, &mut progress);
    match Message::begin(bytes) {
        Begin::Whole(message) => {
            assert_eq!(framed, Frame::Message(message.raw().len()));
            let plainly = bytes.get(..message.raw().len()).and_then(Message::parse);
            assert_eq!(Some(format!("{message:?}")), plainly.map(|message| format!("{message:?}")));
        }
        Begin::Head(parsed, len) => {
            assert_eq!((framed, progress), (Frame::NeedMore, Progress::behind_head(len)));
            let mut bytes = bytes.to_vec();
            assert!(bytes.len() < len);
            bytes.resize(len, b'x');
            assert_eq!(frame_on(&bytes, &mut progress), Frame::Message(len));
            let plainly = Message::parse(&bytes).map(|message| format!("{message:?}"));
            assert_eq!(Some(format!("{:?}", parsed.attach(&bytes))), plainly);
        }
        Begin::Part => {
            assert_eq!((framed, progress), (Frame::NeedMore, Progress::within_head(bytes.len())));
        }
        Begin::Unclear => {}
    }
}

fn datagram(bytes: &[u8]) {
    let message = Message::parse(bytes);
    assert_eq!(message.is_some(), looks_like_sip(bytes));
    let Some(message) = message else { return };
    assert!(message.head().len() + message.body().len() <= bytes.len());
    assert_eq!(message.raw().len(), message.head().len() + message.body().len());
    assert_eq!(message.is_malformed(), message.defects().names().next().is_some());
    let mut parts = vec![message.head(), message.body(), message.raw()];
    match message.start() {
        StartLine::Request { uri, .. } => parts.push(uri),
        StartLine::Response { code, phrase } => {
            assert!(code == 0 || message.code() == Some(code));
            parts.push(phrase);
        }
    }
    parts.extend(
        [
            message.call_id(),
            message.from_value(),
            message.to_value(),
            message.from_tag(),
            message.to_tag(),
            message.contact_value(),
            message.content_type(),
            message.user_agent(),
        ]
        .into_iter()
        .flatten(),
    );
    for (name, value) in message.headers() {
        assert!(!name.is_empty());
        parts.extend([name, value]);
        let long = String::from_utf8_lossy(long_name(name)).into_owned();
        let same = |(name, _): &(&[u8], &[u8])| long_name(name).eq_ignore_ascii_case(long.as_bytes());
        let plainly = message.headers().filter(same).map(|(_, value)| value);
        assert!(message.values(&long).eq(plainly), "{long}");
    }
    assert_eq!(message.call_id(), message.values("call-id").find(|value| !value.is_empty()));
    assert_eq!(message.from_value(), message.values("from").find(|value| !value.is_empty()));
    assert_eq!(usize::from(message.via_count()), message.vias().count().min(usize::from(u16::MAX)));
    assert_eq!(message.top_via().map(|via| via.raw), message.vias().next().map(|via| via.raw));
    assert_eq!(message.from_uri(), message.from().map(|from| from.uri));
    assert_eq!(message.to_uri(), message.to().map(|to| to.uri));
    let addresses = [message.from(), message.to()].into_iter().flatten();
    for addr in addresses.chain(message.contacts().filter_map(|contact| contact.addr().cloned())) {
        parts.extend(addr.display);
        parts.push(addr.uri);
        parts.extend(addr.params.flat_map(|(name, value)| [Some(name), value]).flatten());
    }
    for contact in message.contacts() {
        assert!(contact.q().is_none_or(|q| q <= 1000));
        _ = contact.expires();
    }
    for via in message.vias() {
        parts.extend([via.sent_by, via.raw]);
        parts.extend(via.branch);
    }
    for reason in message.reasons() {
        parts.push(reason.protocol);
        parts.extend(reason.text);
    }
    // Constants are handed out for what is empty; they need not lie within.
    parts.iter().filter(|part| !part.is_empty()).for_each(|part| within(part, bytes));

    // Reading what was read again gives the same.
    let again = Message::parse(message.raw()).expect("what was read can be read again");
    assert_eq!((again.raw(), again.call_id(), again.cseq()), (message.raw(), message.call_id(), message.cseq()));

    // A message that was cut says less, not something else.
    for cut in [bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let Some(part) = bytes.get(..cut).and_then(Message::parse) else { continue };
        for (cut, whole) in [
            (part.call_id(), message.call_id()),
            (part.from_value(), message.from_value()),
            (part.to_value(), message.to_value()),
        ] {
            // The cut may fall between a line and its fold, and the fold may itself be cut.
            let folded = whole.is_none() && message.defects().truncated();
            assert!(folded || cut.is_none_or(|cut| whole.is_some_and(|whole| whole.starts_with(cut))));
        }
    }
}

fn stream(bytes: &[u8]) {
    let whole = messages(bytes, &[bytes.len().max(1)]);
    assert_eq!(whole, messages(bytes, &[1, 7, 1400]));
}

/// The messages of a stream that arrives in pieces of these sizes, in turn.
pub fn messages(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut buffer, mut found, mut progress) = (Vec::new(), Vec::new(), Progress::default());
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).clamp(1, rest.len()));
        let (piece, after) = rest.split_at(size);
        buffer.extend_from_slice(piece);
        rest = after;
        while !buffer.is_empty() {
            let seen = frame_on(&buffer, &mut progress);
            assert_eq!(seen, frame(&buffer), "progress changes the cost, not the answer");
            let len = match seen {
                Frame::NeedMore => break,
                Frame::KeepAlive(len) | Frame::NotSip(len) => len,
                Frame::Message(len) => {
                    let message = Message::parse(&buffer[..len]).expect("what was framed can be read");
                    assert!(message.head().len() <= MAX_HEAD && message.body().len() <= MAX_BODY);
                    assert!(!message.defects().truncated());
                    found.push(message.raw().to_vec());
                    len
                }
            };
            assert!((1..=buffer.len()).contains(&len));
            buffer.drain(..len);
        }
        assert!(buffer.len() <= MAX_HEAD + MAX_BODY, "a stream must not be kept for ever");
    }
    found
}

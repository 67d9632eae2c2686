//! Keys pressed, as telephone-events in RTP (RFC 4733) and in the bodies of INFO tell of them. Knows one packet or body
//! at a time, not which of them tell of the same key.

use std::time::Duration;

/// One telephone-event (RFC 4733 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Which event: 0 to 15 are keys, 16 is a hook flash (RFC 4733 3.2), others are tones of the line.
    pub event: u8,
    /// It is over: `duration` is its length.
    pub end: bool,
    /// How loud, as dBm0 without its minus sign, 0 to 63.
    pub volume: u8,
    /// How long it has lasted at this packet, in ticks of the timestamp's clock.
    pub duration: u16,
}

impl TelephoneEvent {
    /// The highest event that is a key's or a hook flash (RFC 4733 3.2).
    pub const LAST_KEY: u8 = 16;

    /// Reads the payload of a packet whose payload type is that of telephone-events; of several events the first.
    ///
    /// `None`: it does not consist of events, as that of an encrypted packet with its tag rarely does.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&[event, flags, high, low], rest) = payload.split_first_chunk()?;
        let duration = u16::from_be_bytes([high, low]);
        (rest.len() % 4 == 0).then_some(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// The key: `0` to `9`, `*`, `#`, `A` to `D`; `!` is a hook flash. `None` for what is no key.
    #[must_use]
    pub const fn digit(self) -> Option<char> {
        Some(match self.event {
            digit @ 0..=9 => (b'0' + digit) as char,
            10 => '*',
            11 => '#',
            letter @ 12..=15 => (b'A' + letter - 12) as char,
            16 => '!',
            _ => return None,
        })
    }
}

/// A key pressed, as the body of an INFO tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The key: `0` to `9`, `*`, `#`, `A` to `D`; `!` is a hook flash.
    pub digit: char,
    /// How long it was pressed, where that is said.
    pub duration: Option<Duration>,
}

/// The keys in the body of an INFO, in order: `application/dtmf-relay` and forms like it hold one, `application/dtmf`
/// (and `application/hook-flash`) may hold several. Nothing for another body.
pub fn signals(content_type: Option<&[u8]>, body: &[u8]) -> impl Iterator<Item = Signal> {
    let form = content_type.and_then(Form::of);
    let body = body.trim_ascii();
    let (single, digits) = match form {
        Some(Form::Relay) => (relay(body), &[][..]),
        Some(Form::Flash) => (Some(Signal { digit: '!', duration: None }), &[][..]),
        // What some call by this name is the longer form.
        Some(Form::Plain) => match relay(body) {
            None if body.len() <= MOST_DIGITS && body.iter().all(|byte| key(&[*byte]).is_some()) => (None, body),
            signal => (signal, &[][..]),
        },
        None => (None, &[][..]),
    };
    let digits = digits.iter().filter_map(|byte| Some(Signal { digit: key(&[*byte])?, duration: None }));
    single.into_iter().chain(digits)
}

/// Keys of one body; a longer text is none of keys.
const MOST_DIGITS: usize = 64;

/// How a body tells of keys.
#[derive(Clone, Copy)]
enum Form {
    /// `Signal=5`, `Duration=160`, a line each.
    Relay,
    /// The keys alone.
    Plain,
    /// By its type alone.
    Flash,
}

impl Form {
    fn of(content_type: &[u8]) -> Option<Self> {
        let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |known: &[u8]| media_type.eq_ignore_ascii_case(known);
        if is(b"application/dtmf-relay") || starts_with(media_type, b"application/vnd.") {
            Some(Self::Relay)
        } else if is(b"application/dtmf") {
            Some(Self::Plain)
        } else {
            is(b"application/hook-flash").then_some(Self::Flash)
        }
    }
}

fn starts_with(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// `Signal=5` and `Duration=160`, in milliseconds; `d=5` with Nortel.
fn relay(body: &[u8]) -> Option<Signal> {
    let value = |names: [&[u8]; 2]| {
        body.split(|byte| matches!(byte, b'\r' | b'\n')).find_map(|line| {
            let mut parts = line.splitn(2, |byte| matches!(byte, b'=' | b':'));
            let name = parts.next()?.trim_ascii();
            let value = parts.next()?.trim_ascii();
            names.iter().any(|known| name.eq_ignore_ascii_case(known)).then_some(value)
        })
    };
    let millis = value([b"duration", b"duration"]).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    Some(Signal {
        digit: key(value([b"signal", b"d"])?)?,
        duration: millis.filter(|millis| *millis != 0).map(|millis: u32| Duration::from_millis(millis.into())),
    })
}

/// A key by its name or by its number among telephone-events.
fn key(value: &[u8]) -> Option<char> {
    Some(match value {
        [digit @ (b'0'..=b'9' | b'*' | b'#' | b'!')] => char::from(*digit),
        [letter @ (b'a'..=b'd' | b'A'..=b'D')] => char::from(letter.to_ascii_uppercase()),
        b"10" => '*',
        b"11" => '#',
        [b'1', digit @ b'2'..=b'5'] => char::from(b'A' + (digit - b'2')),
        b"16" => '!',
        [b'h' | b'H', b'f' | b'F'] => '!',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn telephone_events() {
        type Case<'a> = (&'a str, &'a [u8], Option<(u8, bool, u8, u16)>, Option<char>);
        let cases: &[Case<'_>] = &[
            ("a key goes on", &[5, 10, 0, 160], Some((5, false, 10, 160)), Some('5')),
            ("a key ends", &[5, 0x8a, 3, 32], Some((5, true, 10, 800)), Some('5')),
            ("the reserved bit is passed over", &[0, 0x7f, 0, 0], Some((0, false, 63, 0)), Some('0')),
            ("star", &[10, 0, 0, 0], Some((10, false, 0, 0)), Some('*')),
            ("pound", &[11, 0, 0, 0], Some((11, false, 0, 0)), Some('#')),
            ("A", &[12, 0, 0, 0], Some((12, false, 0, 0)), Some('A')),
            ("D", &[15, 0, 0, 0], Some((15, false, 0, 0)), Some('D')),
            ("flash", &[16, 0, 0, 0], Some((16, false, 0, 0)), Some('!')),
            ("a fax tone", &[36, 0, 0, 0], Some((36, false, 0, 0)), None),
            ("two events", &[1, 0x80, 0, 9, 2, 0, 0, 9], Some((1, true, 0, 9)), Some('1')),
            ("cut short", &[1, 0x80, 0], None, None),
            ("with a tag of SRTP", &[1; 14], None, None),
            ("nothing", &[], None, None),
        ];
        for (name, payload, expected, digit) in cases {
            let got = TelephoneEvent::parse(payload);
            assert_eq!(got.map(|of| (of.event, of.end, of.volume, of.duration)), *expected, "{name}");
            assert_eq!(got.and_then(TelephoneEvent::digit), *digit, "{name}");
        }
    }

    #[test]
    fn bodies_of_info() {
        let cases: &[(&str, &str, &str, &str)] = &[
            ("relay", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5/160"),
            ("in capitals, with spaces", "Application/DTMF-Relay; x=y", "SIGNAL= * \nduration = 250", "*/250"),
            ("the key by number", "application/dtmf-relay", "Signal=11\r\n", "#"),
            ("a letter by number", "application/dtmf-relay", "Signal=15\r\n", "D"),
            ("a small letter", "application/dtmf-relay", "Signal=a", "A"),
            ("a flash", "application/dtmf-relay", "Signal=hf\r\nDuration=0", "!"),
            ("a duration that is none", "application/dtmf-relay", "Signal=1\r\nDuration=long", "1"),
            ("a duration first", "application/dtmf-relay", "Duration=90\r\nSignal=1", "1/90"),
            ("no key", "application/dtmf-relay", "Signal=17\r\n", ""),
            ("no signal", "application/dtmf-relay", "Duration=160\r\n", ""),
            ("plain", "application/dtmf", "5", "5"),
            ("plain, with a line end", "application/dtmf", "#\r\n", "#"),
            ("plain, several", "application/dtmf", "12*", "1 2 *"),
            ("plain by name alone", "application/dtmf", "Signal=7\r\nDuration=100\r\n", "7/100"),
            ("plain, no keys", "application/dtmf", "12x", ""),
            ("plain, empty", "application/dtmf", "", ""),
            ("Nortel", "application/vnd.nortelnetworks.digits", "p=Digit-Collection\r\ny=Digits\r\nd=4\r\n", "4"),
            ("another maker's", "application/vnd.example.dtmf", "Signal=4\r\n", "4"),
            ("another maker's, something else", "application/vnd.example.thing", "state=1\r\n", ""),
            ("hook flash", "application/hook-flash", "", "!"),
            ("another type", "text/plain", "Signal=5\r\n", ""),
        ];
        for (name, content_type, body, expected) in cases {
            let got: Vec<_> = signals(Some(content_type.as_bytes()), body.as_bytes())
                .map(|signal| match signal.duration {
                    Some(duration) => format!("{}/{}", signal.digit, duration.as_millis()),
                    None => signal.digit.to_string(),
                })
                .collect();
            assert_eq!(got.join(" "), *expected, "{name}");
        }
        assert_eq!(signals(None, b"5").count(), 0, "no type");
    }

    proptest! {
        #[test]
        fn any_body_is_read(of in "application/(dtmf|dtmf-relay|vnd.x)", body: Vec<u8>, text in "(signal=[ -~]{0,3}\r?\n?){0,3}") {
            for body in [&body[..], text.as_bytes()] {
                for signal in signals(Some(of.as_bytes()), body) {
                    prop_assert!("0123456789*#ABCD!".contains(signal.digit));
                }
            }
            _ = TelephoneEvent::parse(&body).map(TelephoneEvent::digit);
        }
    }
}

//! What is asked of every description, read in one pass: who is to be heard, and what tells it from others. Knows no
//! codec, key or candidate; for those there is the full reading.

use super::super::marks::{Begins, Either, UpTo, find, marks_near, packed, packed_at};
use super::attribute::{self, Direction};
use super::{Identity, is_specified, lines, origin, word};
use crate::wire::sip::digits;

/// What a session description says in short, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    /// From the first `o=` line before the media on, where there is one.
    origin: Option<&'a [u8]>,
    media: Option<(&'a [u8], u16)>,
    audio: Option<Flow>,
    others: Option<Flow>,
}

/// Which way media flow, as seen by the one who wrote the description: by its direction, and by the address of zeros
/// that holds as well (RFC 3264 8.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The writer is going to send.
    pub sends: bool,
    /// The writer wants to receive.
    pub receives: bool,
}

/// What the session, or one media description, says.
#[derive(Clone, Copy, Default)]
struct Level<'a> {
    address: Option<&'a [u8]>,
    direction: Option<Direction>,
    ice: bool,
}

/// An `m=` line that is wanted.
#[derive(Clone, Copy)]
struct Wanted {
    audio: bool,
    port: u16,
}

/// The first media that are wanted and have an address.
#[derive(Clone, Copy)]
enum Place<'a> {
    Open,
    Found(Option<(&'a [u8], u16)>),
}

impl<'a> Outline<'a> {
    /// Reads a description. `None`: there is neither a `v=` nor an `m=` line.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let mut outline = Self { origin: None, media: None, audio: None, others: None };
        let (mut is_description, mut shared, mut media) = (false, Level::default(), None);
        let mut begins = Begins::new(text, LINE_ENDS);
        // What is said of the session, up to the first media.
        for begin in begins.by_ref() {
            let (first, line) = (packed_at(text, begin), text.get(begin..).unwrap_or_default());
            match first as u16 {
                ATTRIBUTE if may_tell(first) => shared.take(line),
                CONNECTION if shared.address.is_none() => shared.address = address(line),
                MEDIA => {
                    media = Some(line);
                    break;
                }
                VERSION => is_description = true,
                ORIGIN => outline.origin = outline.origin.or(Some(line)),
                _ => {}
            }
        }
        is_description |= media.is_some();
        let mut place = Place::Open;
        while let Some(line) = media.take() {
            let (wanted, mut own) = (Wanted::read(line), Level::default());
            for begin in begins.by_ref() {
                let first = packed_at(text, begin);
                // Nearly all lines are attributes that tell nothing here.
                if first as u16 == ATTRIBUTE && !may_tell(first) {
                    continue;
                }
                let line = text.get(begin..).unwrap_or_default();
                match first as u16 {
                    ATTRIBUTE => own.take(line),
                    CONNECTION if own.address.is_none() => own.address = address(line),
                    MEDIA => {
                        media = Some(line);
                        break;
                    }
                    _ => {}
                }
            }
            if let Some(wanted) = wanted {
                outline.close(wanted, own, &shared, &mut place);
            }
        }
        if let Place::Found(media) = place {
            outline.media = media;
        }
        is_description.then_some(outline)
    }

    /// A media description is read to its end.
    fn close(&mut self, Wanted { audio, port }: Wanted, own: Level<'a>, shared: &Level<'a>, place: &mut Place<'a>) {
        let direction = own.direction.or(shared.direction).unwrap_or_default();
        let address = own.address.or(shared.address);
        let is_nowhere = !own.ice && !shared.ice && address.is_some_and(is_unspecified);
        let flow = if audio { &mut self.audio } else { &mut self.others }.get_or_insert_default();
        flow.sends |= direction.sends() && !is_nowhere;
        flow.receives |= direction.receives() && !is_nowhere;
        if let Place::Open = place {
            let specified = address.filter(is_specified).map(|address| (address, port));
            // An address of its own counts, whatever it is; where the session has none, the next media may.
            if own.address.is_some() || specified.is_some() {
                *place = Place::Found(specified);
            }
        }
    }

    /// Of all audio streams that are wanted; `None` where there is none.
    #[must_use]
    pub const fn audio(&self) -> Option<Flow> {
        self.audio
    }

    /// Of all other streams that are wanted; `None` where there is none.
    #[must_use]
    pub const fn others(&self) -> Option<Flow> {
        self.others
    }

    /// What tells this description from others, as [`Session::identity`](super::Session::identity) has it.
    #[must_use]
    pub fn identity(&self) -> Identity<'a> {
        Identity {
            origin: self.origin.and_then(|text| usual_origin(text).or_else(|| any_origin(text))),
            media: self.media,
        }
    }
}

const LINE_ENDS: [u8; 2] = [b'\r', b'\n'];

// How lines begin, as `packed` has it.
const ATTRIBUTE: u16 = packed(b"a=") as u16;
const CONNECTION: u16 = packed(b"c=") as u16;
const MEDIA: u16 = packed(b"m=") as u16;
const ORIGIN: u16 = packed(b"o=") as u16;
const VERSION: u16 = packed(b"v=") as u16;

/// Whether an `a=` line that begins so may be a direction or `ice-ufrag`; `a=rtpmap:` and the like are not.
#[inline(always)]
const fn may_tell(first: u64) -> bool {
    const SE: u16 = packed(b"se") as u16;
    const RE: u16 = packed(b"re") as u16;
    const IN: u16 = packed(b"in") as u16;
    const IC: u16 = packed(b"ic") as u16;
    let name = (first >> 16) as u16;
    matches!(name | 0x2020, SE | RE | IN | IC) || name as u8 <= b' '
}

/// What follows the `x=` of the line that begins here.
fn value_of(text: &[u8]) -> &[u8] {
    text.get(2..find(text, 0, text.len(), LINE_ENDS)).unwrap_or_default()
}

/// The origin of an `o=` line with one blank between any two words; `None` leaves it to [`any_origin`].
fn usual_origin(text: &[u8]) -> Option<[&[u8]; 5]> {
    let mut blanks = marks_near(text, 0, UpTo(b' '))?;
    let mut at = 2;
    let mut word = |is_last: bool| {
        let end = blanks.trailing_zeros() as usize;
        blanks &= blanks.wrapping_sub(1);
        let word = text.get(at..end).filter(|word| !word.is_empty())?;
        at = end + 1;
        let ends = text.get(end)?;
        (*ends == b' ' || is_last && LINE_ENDS.contains(ends)).then_some(word)
    };
    let (user, id, _version, net, family) = (word(false)?, word(false)?, word(false)?, word(false)?, word(false)?);
    let address = word(true)?;
    (id.len() >= Identity::TELLING).then_some([user, id, net, family, address])
}

/// The first origin among the lines from here on that tells anything.
fn any_origin(text: &[u8]) -> Option<[&[u8]; 5]> {
    let of_session = lines(text).take_while(|(kind, _)| *kind != b'm');
    of_session.filter(|(kind, _)| *kind == b'o').find_map(|(_, value)| origin(value))
}

impl Wanted {
    /// Of an `m=` line. `None` where it cannot be read, or is refused or over (RFC 3264 5.1, 8.2).
    fn read(line: &[u8]) -> Option<Self> {
        if let Some(rest) = line.strip_prefix(b"m=audio ")
            && let Some((port @ 0..=0xffff, [b' ', b'!'..=0xff, ..])) = digits(rest)
        {
            return (port != 0).then_some(Self { audio: true, port: port as u16 });
        }
        Self::read_any(value_of(line))
    }

    fn read_any(value: &[u8]) -> Option<Self> {
        let (kind, rest) = word(value);
        let (port, proto) = word(rest);
        let port = leading_port(port)?;
        let is_wanted = port != 0 && !kind.is_empty() && !proto.trim_ascii_start().is_empty();
        is_wanted.then(|| Self { audio: kind.eq_ignore_ascii_case(b"audio"), port })
    }
}

impl Level<'_> {
    /// Takes an `a=` line.
    fn take(&mut self, line: &[u8]) {
        if let Some([b'\r' | b'\n', ..]) = line.get(10..)
            && let Some(direction) = direction(packed_at(line, 2))
        {
            self.direction = self.direction.or(Some(direction));
            return;
        }
        match value_of(line).trim_ascii() {
            name @ [_, _, _, _, _, _, _, _] => self.direction = self.direction.or_else(|| direction(packed(name))),
            name @ [b'i' | b'I', b'c' | b'C', b'e' | b'E', ..] => self.ice |= is_ufrag(name),
            _ => {}
        }
    }
}

/// The address of a line `c=IN IP4 192.0.2.1/127`.
fn address(line: &[u8]) -> Option<&[u8]> {
    const USUAL: &[u8] = b"c=IN IP4 ";
    if line.starts_with(USUAL) {
        let end = find(line, USUAL.len(), line.len(), Either(UpTo(b' '), b'/'));
        if let Some(address @ [_, ..]) = line.get(USUAL.len()..end)
            && matches!(line.get(end), None | Some(b'/' | b' ' | b'\r' | b'\n'))
        {
            return Some(address);
        }
    }
    any_address(value_of(line))
}

/// The address of any connection.
fn any_address(connection: &[u8]) -> Option<&[u8]> {
    let rest = word(word(connection).1).1.trim_ascii_start();
    let end = rest.iter().position(|byte| *byte == b'/' || byte.is_ascii_whitespace()).unwrap_or(rest.len());
    rest.get(..end).filter(|address| !address.is_empty())
}

/// The first port of `49170/2`.
fn leading_port(ports: &[u8]) -> Option<u16> {
    let end = ports.iter().position(|byte| *byte == b'/').unwrap_or(ports.len());
    let add = |sum: u16, byte: &u8| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    };
    ports.get(..end).filter(|digits| !digits.is_empty())?.iter().try_fold(0, add)
}

/// The direction of these eight letters, in any case.
const fn direction(name: u64) -> Option<Direction> {
    const SENDRECV: u64 = packed(b"sendrecv");
    const SENDONLY: u64 = packed(b"sendonly");
    const RECVONLY: u64 = packed(b"recvonly");
    const INACTIVE: u64 = packed(b"inactive");
    match name | packed(&[b' '; 8]) {
        SENDRECV => Some(Direction::SendRecv),
        SENDONLY => Some(Direction::SendOnly),
        RECVONLY => Some(Direction::RecvOnly),
        INACTIVE => Some(Direction::Inactive),
        _ => None,
    }
}

/// Whether the attribute is `ice-ufrag`, with a value or without.
fn is_ufrag(attribute: &[u8]) -> bool {
    super::attribute(attribute).0.eq_ignore_ascii_case(b"ice-ufrag")
}

/// Whether it is an address of zeros; only what begins like one is read.
fn is_unspecified(address: &[u8]) -> bool {
    matches!(address, [b'0' | b':' | b'[', ..]) && attribute::ip(address).is_some_and(|ip| ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::level::Level as Full;
    use super::super::number;
    use super::*;

    proptest! {
        #[test]
        fn an_address_is_that_of_the_full_reading(value in " ?(IN)? {0,2}(IP4|IP6)?[ \t]{0,2}[0-9:]{0,3}(/1|//)?[ a\x0b\x0c]{0,2}", behind in "(\r\nt=0 0\r\na=x:0123456789\r\n)?") {
            let line = format!("c={value}");
            let text = format!("{line}{behind}");
            prop_assert_eq!(address(text.as_bytes()), Full::read(line.as_bytes()).address);
        }

        #[test]
        fn an_origin_is_that_of_the_full_reading(value in "[a-]{0,2}( |  |\t)?[0-9]{0,8} [0-9]{1,3}( IN)? (IP4 )?[0-9.]{0,9}[ \x0c]?( x)?", end in "\r\n|\n|\r") {
            let text = format!("o={value}{end}s=session-{}", "x".repeat(40));
            let line = value_of(text.as_bytes()).trim_ascii();
            if let Some(usual) = usual_origin(text.as_bytes()) {
                prop_assert_eq!(Some(usual), origin(line));
            }
        }

        #[test]
        fn media_are_wanted_as_in_the_full_reading(value in "(audio|AUDIO|video)? {1,2}[0-9]{0,6}(/2)?[ \t]{0,2}(RTP/AVP)?( 0)?", behind in "(\r\nt=0 0)?") {
            let line = format!("m={value}{behind}");
            let told = |wanted: Option<Wanted>| wanted.map(|wanted| (wanted.audio, wanted.port));
            prop_assert_eq!(told(Wanted::read(line.as_bytes())), told(Wanted::read_any(value.as_bytes())));
        }

        #[test]
        fn a_port_is_a_number(ports in "[+-]?[0-9]{0,6}(/[0-9]?)?") {
            let plain = ports.split('/').next().and_then(|port| number(port.as_bytes()));
            prop_assert_eq!(leading_port(ports.as_bytes()), plain);
        }
    }
}

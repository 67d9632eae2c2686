//! What is asked of every description, read in one pass: who is to be heard, and what tells it from others. Knows no
//! codec, key or candidate; for those there is the full reading.

use super::attribute::{self, Direction};
use super::{Identity, is_specified, lines, origin, word};

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
        let (mut is_description, mut in_media) = (false, false);
        let (mut shared, mut own) = (Level::default(), Level::default());
        let (mut wanted, mut place) = (None, Place::Open);
        let mut rest = text;
        while !rest.is_empty() {
            let Some((line, after)) = rest.split_at_checked(line_len(rest)) else { break };
            let level = if in_media { &mut own } else { &mut shared };
            match line {
                [b'a', b'=', value @ ..] => level.take(value),
                [b'c', b'=', value @ ..] if level.address.is_none() => level.address = address(value),
                [b'm', b'=', value @ ..] => {
                    outline.close(wanted, own, &shared, &mut place);
                    wanted = Wanted::read(value);
                    own = Level::default();
                    (is_description, in_media) = (true, true);
                }
                [b'v', b'=', ..] => is_description = true,
                [b'o', b'=', ..] if !in_media => outline.origin = outline.origin.or(Some(rest)),
                _ => {}
            }
            rest = match after {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => break,
            };
        }
        outline.close(wanted, own, &shared, &mut place);
        if let Place::Found(media) = place {
            outline.media = media;
        }
        is_description.then_some(outline)
    }

    /// A media description is read to its end.
    fn close(&mut self, wanted: Option<Wanted>, own: Level<'a>, shared: &Level<'a>, place: &mut Place<'a>) {
        let Some(Wanted { audio, port }) = wanted else { return };
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
        let Some(text) = self.origin else { return Identity { origin: None, media: self.media } };
        let line = text.get(2..line_len(text)).unwrap_or_default();
        if let Some(origin) = origin(line.trim_ascii()) {
            return Identity { origin: Some(origin), media: self.media };
        }
        // Another line of the kind may do.
        let of_session = lines(text).take_while(|(kind, _)| *kind != b'm');
        let origin = of_session.filter(|(kind, _)| *kind == b'o').find_map(|(_, value)| origin(value));
        Identity { origin, media: self.media }
    }
}

impl Wanted {
    /// Of what follows `m=`. `None` where it cannot be read, or is refused or over (RFC 3264 5.1, 8.2).
    fn read(value: &[u8]) -> Option<Self> {
        let (kind, rest) = word(value);
        let (port, proto) = word(rest);
        let port = leading_port(port)?;
        let is_wanted = port != 0 && !kind.is_empty() && !proto.trim_ascii_start().is_empty();
        is_wanted.then(|| Self { audio: kind.eq_ignore_ascii_case(b"audio"), port })
    }
}

impl Level<'_> {
    /// The value of an `a=` line.
    #[inline]
    fn take(&mut self, value: &[u8]) {
        // Nearly all are `a=rtpmap:` and the like, which neither begin like a direction nor like `ice-ufrag`.
        let may_tell = matches!(
            value,
            [b's' | b'S' | b'r' | b'R', b'e' | b'E', ..] | [b'i' | b'I', b'n' | b'N' | b'c' | b'C', ..] | [..=b' ', ..]
        );
        if !may_tell {
            return;
        }
        match value.trim_ascii() {
            name @ [_, _, _, _, _, _, _, _] => self.direction = self.direction.or_else(|| direction(name)),
            [b'i' | b'I', b'c' | b'C', b'e' | b'E', ..] => self.ice |= is_ufrag(value.trim_ascii()),
            _ => {}
        }
    }
}

/// How long the line is that begins here; eight bytes are looked at together.
#[inline]
fn line_len(rest: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = LOW << 7;
    // The lowest bit that is set is that of the first zero byte.
    let zeros = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let (words, tail) = rest.as_chunks();
    let mut len = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let ends = zeros(word ^ (LOW * 0x0a)) | zeros(word ^ (LOW * 0x0d));
        if ends != 0 {
            return len + ends.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    len + tail.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(tail.len())
}

/// The address of `IN IP4 192.0.2.1/127`.
fn address(connection: &[u8]) -> Option<&[u8]> {
    let rest = connection.strip_prefix(b"IN IP4 ").unwrap_or_else(|| word(word(connection).1).1).trim_ascii_start();
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

fn direction(name: &[u8]) -> Option<Direction> {
    let directions: [(&[u8], Direction); 4] = [
        (b"sendrecv", Direction::SendRecv),
        (b"sendonly", Direction::SendOnly),
        (b"recvonly", Direction::RecvOnly),
        (b"inactive", Direction::Inactive),
    ];
    directions.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, direction)| *direction)
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
        fn a_line_ends_where_it_ends(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), 8_u8..16, any::<u8>()], 0..40)) {
            let plain = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
            prop_assert_eq!(line_len(&bytes), plain);
        }

        #[test]
        fn an_address_is_that_of_the_full_reading(value in " ?(IN)? {0,2}(IP4|IP6)?[ \t]{0,2}[0-9:]{0,3}(/1|//)?[ a]{0,2}") {
            let line = format!("c={value}");
            prop_assert_eq!(address(value.as_bytes()), Full::read(line.as_bytes()).address);
        }

        #[test]
        fn a_port_is_a_number(ports in "[+-]?[0-9]{0,6}(/[0-9]?)?") {
            let plain = ports.split('/').next().and_then(|port| number(port.as_bytes()));
            prop_assert_eq!(leading_port(ports.as_bytes()), plain);
        }
    }
}

//! Who is to be heard by a session description (RFC 3264 5.1, 8.2, 8.4), in one pass: it is asked for of every offer and
//! answer. Knows one description, not what the other side says; the plain reading over [`Session`](super::sdp::Session)
//! stands in the tests.

use memchr::memchr_iter;

use super::sdp::{Direction, address_of, media_line};

/// Whether the writer of a description sends, and whether it wants to receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// It sends.
    pub sends: bool,
    /// It wants to receive.
    pub receives: bool,
}

/// The lines of the session, or of one media description.
#[derive(Clone, Copy, Debug, Default)]
struct Section<'a> {
    /// The first `c=` line.
    connection: Option<&'a [u8]>,
    /// The first direction that is said.
    direction: Option<Direction>,
    with_ice: bool,
}

impl<'a> Section<'a> {
    fn take(&mut self, kind: u8, value: &'a [u8]) {
        match kind {
            b'c' => self.connection = self.connection.or(Some(value)),
            b'a' => {
                self.direction = self.direction.or_else(|| Direction::of_attribute(value));
                self.with_ice |= matches!(value.split_at_checked(9), Some((name, [] | [b':', ..]))
                    if name.eq_ignore_ascii_case(b"ice-ufrag"));
            }
            _ => {}
        }
    }

    fn address(&self) -> Option<&'a [u8]> {
        self.connection.and_then(address_of)
    }
}

impl Heard {
    /// Of the audio streams where there are any: a video that is switched off holds no call. One stream that flows is
    /// enough; with none left (RFC 3264 8.2) nobody is to be heard. `None`: these bytes are no description.
    #[must_use]
    pub fn of(sdp: &[u8]) -> Option<Self> {
        let (mut all, mut audio) = (Self::default(), None);
        let (mut session, mut is_description) = (Section::default(), false);
        // The media description whose lines these are: whether it is audio, `None` where it does not count.
        let mut media: Option<(Option<bool>, Section<'_>)> = None;
        let mut end_media = |media: Option<(Option<bool>, Section<'_>)>, session: &Section<'_>| {
            let Some((Some(is_audio), section)) = media else { return };
            all.add(session, &section);
            if is_audio {
                audio.get_or_insert_with(Self::default).add(session, &section);
            }
        };
        let mut at = 0;
        for end in memchr_iter(b'\n', sdp).chain([sdp.len()]) {
            let line = sdp.get(at..end).unwrap_or_default();
            at = end + 1;
            let [kind, b'=', value @ ..] = line else { continue };
            match kind {
                b'm' => {
                    end_media(media.take(), &session);
                    let live = media_line(value).filter(|(_, port, ..)| *port != 0);
                    let is_audio = live.map(|(kind, ..)| kind.eq_ignore_ascii_case(b"audio"));
                    media = Some((is_audio, Section::default()));
                    is_description = true;
                }
                b'a' | b'c' => match &mut media {
                    Some((_, section)) => section.take(*kind, value.trim_ascii()),
                    None => session.take(*kind, value.trim_ascii()),
                },
                b'v' => is_description |= media.is_none(),
                _ => {}
            }
        }
        end_media(media, &session);
        is_description.then(|| audio.unwrap_or(all))
    }

    fn add(&mut self, session: &Section<'_>, media: &Section<'_>) {
        let direction = media.direction.or(session.direction).unwrap_or_default();
        // The older way to hold is an address of zeros (RFC 3264 8.4). With ICE that merely says "not known yet" (RFC 8840).
        let nowhere = !session.with_ice
            && !media.with_ice
            && media.address().or_else(|| session.address()).is_some_and(is_unspecified);
        self.sends |= direction.sends() && !nowhere;
        self.receives |= direction.receives() && !nowhere;
    }
}

/// `0.0.0.0`, `::` and the other ways to write it.
fn is_unspecified(address: &[u8]) -> bool {
    let parsed = || std::str::from_utf8(address).ok()?.parse::<std::net::IpAddr>().ok();
    // No other address begins so, and most need not be parsed to see it.
    matches!(address, [b'0' | b':', ..]) && parsed().is_some_and(|ip| ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sdp::Session;
    use super::*;

    /// [`Heard::of`] as one would write it down.
    fn plainly(sdp: &[u8]) -> Option<Heard> {
        let session = Session::parse(sdp)?;
        let live = || session.media().filter(|media| media.port != 0);
        let has_audio = live().any(|media| media.kind.eq_ignore_ascii_case(b"audio"));
        let counted = live().filter(|media| !has_audio || media.kind.eq_ignore_ascii_case(b"audio"));
        let with_ice = |name: &[u8]| name.eq_ignore_ascii_case(b"ice-ufrag");
        let session_with_ice = session.attributes().any(|(name, _)| with_ice(name));
        let mut heard = Heard::default();
        for media in counted {
            let nowhere = media.ip().is_some_and(|ip| ip.is_unspecified())
                && !session_with_ice
                && !media.attributes().any(|(name, _)| with_ice(name));
            heard.sends |= media.direction.sends() && !nowhere;
            heard.receives |= media.direction.receives() && !nowhere;
        }
        Some(heard)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn one_pass_gives_what_the_plain_reading_gives(
            lines in proptest::collection::vec(
                "v=0|s=m=|m=(audio|AUDIO|video) (0|[0-9]{1,4}|\\+5|70000|6/2) RTP/AVP 0|m=audio 5|m=audio|m|a=|\
                 c=IN IP4 (0\\.0\\.0\\.0|1\\.1\\.1\\.1|0\\.0\\.0\\.0/127|host)|c=IN IP6 (::|::0|::1)|c=IN|c=|\
                 a= ?(sendonly|recvonly|inactive|sendrecv|SENDONLY) ?|a=(sendonly|ice-ufrag):x|a=ice-ufrag|a=ice-ufragx|a=rtpmap:0 PCMU/8000",
                0..9),
            ends in "(\r\n|\n|\r){10}",
        ) {
            let ends = ends.split_inclusive('\n').cycle();
            let sdp: String = lines.iter().zip(ends).flat_map(|(line, end)| [line.as_str(), end]).collect();
            prop_assert_eq!(Heard::of(sdp.as_bytes()), plainly(sdp.as_bytes()), "{:?}", sdp);
        }

        #[test]
        fn any_bytes_are_read(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(Heard::of(&bytes), plainly(&bytes));
        }
    }
}

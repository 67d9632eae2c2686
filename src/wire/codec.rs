//! What a payload type of RTP stands for (RFC 3551 6, RFC 8866 6.6). Knows names and clocks, no sound.

/// A codec, or another format in RTP, as a payload type names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec<'a> {
    /// 0 to 127; from 96 on what the session description says (RFC 3551 3).
    pub payload_type: u8,
    /// The encoding name, `PCMU`, `opus`, as sent; names are the same in any case (RFC 4855 3).
    pub name: &'a str,
    /// The clock of its timestamps, in Hz, which need not be the sampling rate (G.722: RFC 3551 4.5.2).
    pub clock_rate: Option<u32>,
    /// Channels of audio.
    pub channels: u8,
}

impl Codec<'static> {
    /// The meaning that a payload type has without being told (RFC 3551 tables 4 and 5).
    #[must_use]
    pub const fn of_static(payload_type: u8) -> Option<Self> {
        let (name, clock_rate, channels) = match payload_type {
            0 => ("PCMU", 8000, 1),
            3 => ("GSM", 8000, 1),
            4 => ("G723", 8000, 1),
            5 => ("DVI4", 8000, 1),
            6 => ("DVI4", 16000, 1),
            7 => ("LPC", 8000, 1),
            8 => ("PCMA", 8000, 1),
            9 => ("G722", 8000, 1),
            10 => ("L16", 44100, 2),
            11 => ("L16", 44100, 1),
            12 => ("QCELP", 8000, 1),
            // 19 was comfort noise in drafts and still is with some gateways; RFC 3551 6 keeps it free for that reason.
            13 | 19 => ("CN", 8000, 1),
            14 => ("MPA", 90000, 1),
            15 => ("G728", 8000, 1),
            16 => ("DVI4", 11025, 1),
            17 => ("DVI4", 22050, 1),
            18 => ("G729", 8000, 1),
            25 => ("CelB", 90000, 1),
            26 => ("JPEG", 90000, 1),
            28 => ("nv", 90000, 1),
            31 => ("H261", 90000, 1),
            32 => ("MPV", 90000, 1),
            33 => ("MP2T", 90000, 1),
            34 => ("H263", 90000, 1),
            _ => return None,
        };
        Some(Self { payload_type, name, clock_rate: Some(clock_rate), channels })
    }
}

impl<'a> Codec<'a> {
    /// Reads the encoding of an `a=rtpmap`: `opus/48000/2`. A clock rate that is missing is taken from RFC 3551 where it
    /// has this name under this number.
    pub(super) fn parse(payload_type: u8, encoding: &'a [u8]) -> Option<Self> {
        let encoding = std::str::from_utf8(encoding).ok()?.trim();
        let mut parts = encoding.split('/').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))?;
        let usual = Codec::of_static(payload_type).filter(|usual| usual.is(name));
        let clock_rate = parts.next().and_then(|rate| rate.parse().ok()).filter(|rate| *rate != 0);
        Some(Self {
            payload_type,
            name,
            clock_rate: clock_rate.or_else(|| usual?.clock_rate),
            channels: parts.next().and_then(|channels| channels.parse().ok()).unwrap_or(1).max(1),
        })
    }

    /// Whether it has this encoding name, in any case.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Keys pressed and tones heard, in the stream of the voice (RFC 4733).
    #[must_use]
    pub const fn is_telephone_event(&self) -> bool {
        self.is("telephone-event")
    }

    /// The noise of a silence (RFC 3389): who sends it suppresses silence.
    #[must_use]
    pub const fn is_comfort_noise(&self) -> bool {
        self.is("CN")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_payload_types() {
        let known: Vec<u8> = (0..=255).filter(|of| Codec::of_static(*of).is_some()).collect();
        assert_eq!(known, [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 25, 26, 28, 31, 32, 33, 34]);
        assert!(known.iter().all(|of| Codec::of_static(*of).is_some_and(|codec| codec.payload_type == *of)));
        // RFC 3551 4.5.2: the clock of G.722 is half of what is sampled.
        let clocks = [9, 10, 34].map(|of| Codec::of_static(of).and_then(|codec| codec.clock_rate));
        assert_eq!(clocks, [Some(8000), Some(44100), Some(90000)]);
        assert!([13, 19].iter().all(|of| Codec::of_static(*of).is_some_and(|codec| codec.is_comfort_noise())));
        assert!(Codec::of_static(0).is_some_and(|codec| codec.is("pcmu") && !codec.is_telephone_event()));
    }

    #[test]
    fn encodings() {
        type Case<'a> = (&'a str, u8, &'a [u8], Option<(&'a str, Option<u32>, u8)>);
        let cases: &[Case<'_>] = &[
            ("usual", 96, b"opus/48000/2", Some(("opus", Some(48000), 2))),
            ("no channels", 96, b"L16/8000", Some(("L16", Some(8000), 1))),
            ("no clock, known", 8, b"pcma", Some(("pcma", Some(8000), 1))),
            ("no clock, another name", 8, b"x", Some(("x", None, 1))),
            ("a clock that is none", 96, b"x/y/z", Some(("x", None, 1))),
            ("no name", 96, b"/8000", None),
            ("no text", 96, b"\xff/8000", None),
            ("a control character", 96, b"\x07/8000", None),
            ("nothing", 96, b"", None),
        ];
        for (name, payload_type, encoding, expected) in cases {
            let got = Codec::parse(*payload_type, encoding);
            assert_eq!(got.map(|codec| (codec.name, codec.clock_rate, codec.channels)), *expected, "{name}");
        }
    }
}

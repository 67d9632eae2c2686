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

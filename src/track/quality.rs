//! How media must have sounded: the E-model (ITU-T G.107) over what was measured where it was captured.
//! Numbers in, numbers out; knows neither packets nor calls.
//!
//! What the model asks for and a capture does not tell is taken from the table of defaults in G.107, and the codecs'
//! numbers from ITU-T G.113. Every opinion says in its basis what went into it. There is none where there was too
//! little to judge, and none of a codec of which nothing is known: better no number than a made-up one.

use std::fmt::Write as _;
use std::time::Duration;

use super::fact::{Heard, Quality};

/// Fewer packets, two seconds of most codecs, say nothing: one lost would already be a percent and more.
const MIN_PACKETS: u64 = 100;
/// Bursts beyond this are out of the range that G.107 is made for.
const MAX_BURST_RATIO: f64 = 8.0;
/// Packet-loss robustness where none was published, of a codec with concealment of its own: the lowest of such in G.113.
const CONCEALING: f64 = 10.0;
/// The same of one without: that of G.711 without concealment.
const BARE: f64 = 4.3;

/// The scale that a codec is rated on: the wider the band, the better its best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// ITU-T G.107.
    Narrowband,
    /// ITU-T G.107.1.
    Wideband,
    /// ITU-T G.107.2.
    Fullband,
}

impl Scale {
    const fn recommendation(self) -> &'static str {
        match self {
            Self::Narrowband => "G.107",
            Self::Wideband => "G.107.1, R to 129",
            Self::Fullband => "G.107.2, R to 148",
        }
    }

    /// R without delay and without impairment by codec and loss.
    fn best(self) -> f64 {
        match self {
            Self::Narrowband => Transmission::default().rating(),
            Self::Wideband => 129.0,
            Self::Fullband => 148.0,
        }
    }

    /// What R is divided by to come to the scale of G.107 Annex B.
    const fn stretch(self) -> f64 {
        match self {
            Self::Narrowband => 1.0,
            Self::Wideband => 1.29,
            Self::Fullband => 1.48,
        }
    }
}

/// Where the numbers of a codec come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Both from ITU-T G.113.
    Itu,
    /// The impairment of G.113, which gives no robustness to loss.
    RobustnessEstimated,
    /// Neither was ever published by the ITU.
    Estimated,
}

/// How a codec bears with speech and with loss (ITU-T G.113).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rating {
    name: &'static str,
    scale: Scale,
    /// Equipment impairment factor Ie.
    impairment: f64,
    /// Packet-loss robustness factor Bpl.
    robustness: f64,
    source: Source,
}

/// A codec by its encoding name and the size of its largest payload, which tells its mode; 0 where that is not known.
fn rating(codec: &str, largest: u16) -> Option<Rating> {
    use Scale::{Fullband, Narrowband, Wideband};
    use Source::{Estimated, Itu, RobustnessEstimated};
    let frames = |size: u16| largest > 0 && largest.is_multiple_of(size);
    #[rustfmt::skip]
    let (name, scale, impairment, robustness, source) = match codec.to_ascii_uppercase().as_str() {
        "PCMU" | "PCMA" => ("G.711 with concealment", Narrowband, 0.0, 25.1, Itu),
        "G729" | "G729A" | "G729B" | "G729AB" => ("G.729A", Narrowband, 11.0, 19.0, Itu),
        "G723" if frames(24) => ("G.723.1 6.3 kbit/s", Narrowband, 15.0, 16.1, Itu),
        "G723" => ("G.723.1 5.3 kbit/s", Narrowband, 19.0, 16.1, RobustnessEstimated),
        "GSM" => ("GSM full rate", Narrowband, 20.0, CONCEALING, RobustnessEstimated),
        "GSM-HR-08" => ("GSM half rate", Narrowband, 23.0, CONCEALING, RobustnessEstimated),
        "GSM-EFR" => ("GSM-EFR", Narrowband, 5.0, 10.0, Itu),
        "AMR" => match largest {
            32 | 33 => ("AMR 12.2 kbit/s as GSM-EFR", Narrowband, 5.0, 10.0, Estimated),
            20 | 21 | 22 | 27 | 28 => ("AMR as IS-641", Narrowband, 10.0, CONCEALING, Estimated),
            _ => return None,
        },
        "G726-40" => ("G.726 40 kbit/s", Narrowband, 2.0, BARE, RobustnessEstimated),
        "G726-32" | "AAL2-G726-32" | "G721" => ("G.726 32 kbit/s", Narrowband, 7.0, BARE, RobustnessEstimated),
        "G726-24" => ("G.726 24 kbit/s", Narrowband, 25.0, BARE, RobustnessEstimated),
        "G726-16" => ("G.726 16 kbit/s", Narrowband, 50.0, BARE, RobustnessEstimated),
        "G728" => ("G.728", Narrowband, 7.0, CONCEALING, RobustnessEstimated),
        "EVRC" | "EVRC0" | "EVRC1" => ("EVRC", Narrowband, 6.0, CONCEALING, RobustnessEstimated),
        "ILBC" => ("iLBC", Narrowband, 11.0, 32.0, Estimated),
        "SPEEX" => ("Speex", Narrowband, 11.0, CONCEALING, Estimated),
        "OPUS" => ("Opus", Narrowband, 0.0, 20.0, Estimated),
        "L16" => ("L16", Narrowband, 0.0, BARE, Estimated),
        "G722" => ("G.722 64 kbit/s", Wideband, 13.0, BARE, RobustnessEstimated),
        "AMR-WB" => {
            let (name, impairment) = match largest {
                61 | 62 => ("AMR-WB 23.85 kbit/s", 8.0),
                59 | 60 => ("AMR-WB 23.05 kbit/s", 1.0),
                51 | 52 => ("AMR-WB 19.85 kbit/s", 3.0),
                47 | 48 => ("AMR-WB 18.25 kbit/s", 5.0),
                41 | 42 => ("AMR-WB 15.85 kbit/s", 7.0),
                37 | 38 => ("AMR-WB 14.25 kbit/s", 10.0),
                33 | 34 => ("AMR-WB 12.65 kbit/s", 13.0),
                24 | 25 => ("AMR-WB 8.85 kbit/s", 26.0),
                18 | 19 => ("AMR-WB 6.6 kbit/s", 41.0),
                _ => return None,
            };
            (name, Wideband, impairment, BARE, RobustnessEstimated)
        }
        // The bandwidth that it codes does not show from outside; the numbers are those of superwideband.
        "EVS" => {
            let (name, impairment, robustness) = match largest {
                120..=122 => ("EVS 48 kbit/s as superwideband", 10.2, 9.6),
                80..=82 => ("EVS 32 kbit/s as superwideband", 8.7, 9.3),
                61..=63 => ("EVS 24.4 kbit/s as superwideband", 7.2, 11.4),
                41..=43 => ("EVS 16.4 kbit/s as superwideband", 10.8, 10.3),
                33..=35 => ("EVS 13.2 kbit/s as superwideband", 17.1, 11.7),
                24..=26 => ("EVS 9.6 kbit/s as superwideband", 22.7, 13.0),
                _ => return None,
            };
            (name, Fullband, impairment, robustness, Estimated)
        }
        _ => return None,
    };
    Some(Rating { name, scale, impairment, robustness, source })
}

/// What one direction of a call must have sounded like; `round_trip` is that between the ends, where it is known.
///
/// `None` for too few packets, for a codec that nothing is known of, and for video.
pub(super) fn judge(heard: &Heard, round_trip: Option<Duration>) -> Option<Quality> {
    if heard.packets < MIN_PACKETS {
        return None;
    }
    let rating = rating(heard.codec.as_deref()?, heard.largest_payload)?;
    let expected = heard.packets.saturating_add(heard.lost) as f64;
    let loss = heard.lost as f64 / expected;
    let burst_ratio = burst_ratio(heard.lost, heard.loss_bursts, loss);
    let delay = round_trip.map(|trip| trip.as_secs_f64() * 500.0);
    let r_factor = rating.r_factor(loss * 100.0, burst_ratio, delay.unwrap_or(0.0));
    Some(Quality {
        r_factor,
        mos: mos(r_factor / rating.scale.stretch()),
        basis: rating.basis(loss * 100.0, burst_ratio, delay),
    })
}

/// How many times as long as under random loss the runs of lost packets were (ITU-T G.107 3.5): of those that chance
/// would make the mean length is 1/(1 - loss). Loss more even than chance counts as random.
fn burst_ratio(lost: u64, bursts: u64, loss: f64) -> f64 {
    if lost == 0 || bursts == 0 {
        return 1.0;
    }
    let mean = lost as f64 / bursts as f64;
    (mean * (1.0 - loss)).clamp(1.0, MAX_BURST_RATIO)
}

impl Rating {
    /// R with so many percent of the packets lost, and so many milliseconds from mouth to ear.
    fn r_factor(&self, loss_percent: f64, burst_ratio: f64, delay_ms: f64) -> f64 {
        let effective =
            self.impairment + (95.0 - self.impairment) * loss_percent / (loss_percent / burst_ratio + self.robustness);
        let line = Transmission::with_delay(delay_ms);
        let undistorted = match self.scale {
            Scale::Narrowband => line.rating(),
            // Echo is left out: what G.107.1 and G.107.2 take for it presumes terminals of their own.
            Scale::Wideband | Scale::Fullband => self.scale.best() - line.absolute_delay(),
        };
        (undistorted - effective).max(0.0)
    }

    fn basis(&self, loss_percent: f64, burst_ratio: f64, delay_ms: Option<f64>) -> Box<str> {
        let Self { name, scale, impairment, robustness, source } = self;
        let source = match source {
            Source::Itu => "G.113",
            Source::RobustnessEstimated => "Bpl an estimate",
            Source::Estimated => "an estimate, no ITU value",
        };
        let mut basis = format!(
            "{}, {name} (Ie {impairment}, Bpl {robustness}: {source}), loss {loss_percent:.2} %, burst ratio {burst_ratio:.2}",
            scale.recommendation()
        );
        // Writing into a string cannot fail.
        let _ = match delay_ms {
            Some(delay) => write!(basis, ", one-way delay {delay:.0} ms by RTCP without that of the terminals"),
            None => write!(basis, ", delay not known and taken as 0"),
        };
        basis.push_str(", jitter buffer not known");
        basis.into()
    }
}

/// The mean opinion score of a rating factor (ITU-T G.107 Annex B).
fn mos(r: f64) -> f64 {
    if r >= 100.0 {
        return 4.5;
    }
    // The cubic dips below its own lowest value close to zero.
    let r = r.max(0.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

/// A connection in the terms of ITU-T G.107, but for codec and loss. Loudness and noise in dB, dBm or dBm0p as there,
/// times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Transmission {
    /// SLR.
    send_loudness: f64,
    /// RLR.
    receive_loudness: f64,
    /// STMR.
    sidetone: f64,
    /// LSTR.
    listener_sidetone: f64,
    /// Ds.
    send_d: f64,
    /// TELR.
    talker_echo: f64,
    /// WEPL.
    echo_path: f64,
    /// qdu.
    quantizing: f64,
    /// Nc.
    circuit_noise: f64,
    /// Nfor.
    noise_floor: f64,
    /// Ps.
    send_room_noise: f64,
    /// Pr.
    receive_room_noise: f64,
    /// T.
    echo_delay: f64,
    /// Tr.
    round_trip: f64,
    /// Ta.
    absolute_delay: f64,
    /// A.
    advantage: f64,
}

impl Default for Transmission {
    /// ITU-T G.107 Table 2.
    fn default() -> Self {
        Self {
            send_loudness: 8.0,
            receive_loudness: 2.0,
            sidetone: 15.0,
            listener_sidetone: 18.0,
            send_d: 3.0,
            talker_echo: 65.0,
            echo_path: 110.0,
            quantizing: 1.0,
            circuit_noise: -70.0,
            noise_floor: -64.0,
            send_room_noise: 35.0,
            receive_room_noise: 35.0,
            echo_delay: 0.0,
            round_trip: 0.0,
            absolute_delay: 0.0,
            advantage: 0.0,
        }
    }
}

/// A power ratio of so many dB.
fn power(db: f64) -> f64 {
    10_f64.powf(db / 10.0)
}

impl Transmission {
    /// The defaults over a way of so many milliseconds.
    fn with_delay(delay: f64) -> Self {
        Self { echo_delay: delay, round_trip: 2.0 * delay, absolute_delay: delay, ..Self::default() }
    }

    /// R without the codec: Ro - Is - Id + A.
    fn rating(&self) -> f64 {
        let noise = self.noise();
        let ro = 15.0 - 1.5 * (self.send_loudness + noise);
        ro - self.simultaneous(ro, noise) - self.delay(ro, noise) + self.advantage
    }

    /// No: all noise, as at the 0 dBr point.
    fn noise(&self) -> f64 {
        let overall = self.send_loudness + self.receive_loudness;
        let send_room = self.send_room_noise - self.send_loudness - self.send_d - 100.0
            + 0.004 * (self.send_room_noise - overall - self.send_d - 14.0).powi(2);
        let effective = self.receive_room_noise + 10.0 * (1.0 + power(10.0 - self.listener_sidetone)).log10();
        let receive_room = self.receive_loudness - 121.0 + effective + 0.008 * (effective - 35.0).powi(2);
        let floor = self.noise_floor + self.receive_loudness;
        10.0 * (power(self.circuit_noise) + power(send_room) + power(receive_room) + power(floor)).log10()
    }

    /// Is: what comes together with the voice.
    fn simultaneous(&self, ro: f64, noise: f64) -> f64 {
        self.too_loud(noise) + self.sidetone() + self.quantization(ro)
    }

    /// Iolr.
    fn too_loud(&self, noise: f64) -> f64 {
        let overall = self.send_loudness + self.receive_loudness;
        let x = (overall + 0.2 * (64.0 + noise - self.receive_loudness)) / 8.0;
        20.0 * ((1.0 + x.powi(8)).powf(1.0 / 8.0) - x)
    }

    /// Ist.
    fn sidetone(&self) -> f64 {
        let echo = (-self.echo_delay / 4.0).exp() * power(-self.talker_echo);
        let masking = -10.0 * (power(-self.sidetone) + echo).log10();
        12.0 * (1.0 + ((masking - 13.0) / 6.0).powi(8)).powf(1.0 / 8.0)
            - 28.0 * (1.0 + ((masking + 1.0) / 19.4).powi(35)).powf(1.0 / 35.0)
            - 13.0 * (1.0 + ((masking - 3.0) / 33.0).powi(13)).powf(1.0 / 13.0)
            + 29.0
    }

    /// Iq.
    fn quantization(&self, ro: f64) -> f64 {
        let q = 37.0 - 15.0 * self.quantizing.log10();
        let g = 1.07 + 0.258 * q + 0.0602 * q * q;
        let y = (ro - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0;
        let z = 46.0 / 30.0 - g / 40.0;
        15.0 * (1.0 + 10_f64.powf(y) + 10_f64.powf(z)).log10()
    }

    /// Id: echo at the talker, at the listener, and the way as such.
    fn delay(&self, ro: f64, noise: f64) -> f64 {
        self.talker_echo_impairment(noise) + self.listener_echo_impairment(ro) + self.absolute_delay()
    }

    /// Idte, for the sidetone between 9 and 20 dB that is assumed throughout.
    fn talker_echo_impairment(&self, noise: f64) -> f64 {
        let t = self.echo_delay;
        if t < 1.0 {
            return 0.0;
        }
        let tolerated =
            self.talker_echo - 40.0 * ((1.0 + t / 10.0) / (1.0 + t / 150.0)).log10() + 6.0 * (-0.3 * t * t).exp();
        let roe = -1.5 * (noise - self.receive_loudness);
        let re = 80.0 + 2.5 * (tolerated - 14.0);
        let half = (roe - re) / 2.0;
        (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-t).exp())
    }

    /// Idle.
    fn listener_echo_impairment(&self, ro: f64) -> f64 {
        let rle = 10.5 * (self.echo_path + 7.0) * (self.round_trip + 1.0).powf(-0.25);
        let half = (ro - rle) / 2.0;
        half + (half * half + 169.0).sqrt()
    }

    /// Idd, at the default delay sensitivity.
    fn absolute_delay(&self) -> f64 {
        if self.absolute_delay <= 100.0 {
            return 0.0;
        }
        let x = (self.absolute_delay / 100.0).log2();
        25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn the_default_connection_of_the_standard() {
        let r = Transmission::default().rating();
        assert!((r - 93.2).abs() < 0.05, "{r}");
        assert!((mos(r) - 4.41).abs() < 0.005, "{}", mos(r));
    }

    #[test]
    fn known_ratings() {
        /// Loss in percent, burst ratio, one-way delay in ms, R, how close.
        type Case<'a> = (&'a str, &'a str, u16, [f64; 3], f64, f64);
        #[rustfmt::skip]
        let cases: &[Case<'_>] = &[
            ("nothing wrong", "PCMU", 160, [0.0, 1.0, 0.0], 93.2, 0.05),
            ("a codec alone", "G729", 20, [0.0, 1.0, 0.0], 82.2, 0.05),
            ("another mode", "G723", 20, [0.0, 1.0, 0.0], 74.2, 0.05),
            ("random loss", "PCMA", 160, [5.0, 1.0, 0.0], 93.2 - 95.0 * 5.0 / 30.1, 0.05),
            ("the same in bursts", "PCMA", 160, [5.0, 2.0, 0.0], 93.2 - 95.0 * 5.0 / 27.6, 0.05),
            ("loss with a codec", "G729", 20, [2.0, 1.0, 0.0], 82.2 - 84.0 * 2.0 / 21.0, 0.05),
            // 0.024 d, the line that is commonly drawn through the echo and delay of the default connection.
            ("an ocean", "PCMU", 160, [0.0, 1.0, 100.0], 93.2 - 2.4, 0.8),
            ("two of them", "PCMU", 160, [0.0, 1.0, 150.0], 93.2 - 3.6, 0.8),
            ("a satellite", "PCMU", 160, [0.0, 1.0, 300.0], 93.2 - 7.2 - 0.11 * 122.7, 2.5),
            ("wideband", "G722", 160, [0.0, 1.0, 0.0], 116.0, 1e-9),
            ("hopeless", "GSM", 33, [60.0, 8.0, 2000.0], 0.0, 1e-9),
        ];
        for (name, codec, largest, [loss, burst_ratio, delay], expected, close) in cases {
            let r = rating(codec, *largest).unwrap().r_factor(*loss, *burst_ratio, *delay);
            assert!((r - expected).abs() < *close, "{name}: {r} is not {expected}");
        }
    }

    fn heard(codec: Option<&str>, packets: u64, lost: u64, bursts: u64) -> Heard {
        let at = Timestamp::from_millis(0);
        Heard {
            ssrc: 0,
            payload_type: 0,
            codec: codec.map(Into::into),
            clock_rate: Some(8000),
            largest_payload: 160,
            packets,
            bytes: 0,
            lost,
            loss_bursts: bursts,
            longest_burst: lost,
            out_of_order: 0,
            duplicates: 0,
            jitter: None,
            jitter_max: None,
            max_gap: Duration::ZERO,
            first: at,
            last: at,
            digits: Vec::new(),
            silence_suppressed: false,
            srtp: false,
            dscp: 0,
            rtcp: None,
            quality: None,
        }
    }

    #[test]
    fn opinions() {
        /// Codec, packets, lost, runs of lost packets; round trip in ms; R, MOS, basis.
        type Case<'a> = (Option<&'a str>, [u64; 3], Option<u64>, Option<(f64, f64, &'a str)>);
        let cases: &[Case<'_>] = &[
            (
                Some("PCMU"),
                [1000, 0, 0],
                None,
                Some((
                    93.2,
                    4.41,
                    "G.107, G.711 with concealment (Ie 0, Bpl 25.1: G.113), loss 0.00 %, burst ratio 1.00, \
                     delay not known and taken as 0, jitter buffer not known",
                )),
            ),
            (
                Some("G729"),
                [980, 20, 5],
                Some(100),
                Some((
                    // 82.2 - 84 * 2 / (2 / 3.92 + 19) for the loss, and 1.4 for the delay.
                    72.1,
                    3.70,
                    "G.107, G.729A (Ie 11, Bpl 19: G.113), loss 2.00 %, burst ratio 3.92, \
                     one-way delay 50 ms by RTCP without that of the terminals, jitter buffer not known",
                )),
            ),
            (
                Some("opus"),
                [1000, 0, 0],
                None,
                Some((
                    93.2,
                    4.41,
                    "G.107, Opus (Ie 0, Bpl 20: an estimate, no ITU value), loss 0.00 %, burst ratio 1.00, \
                     delay not known and taken as 0, jitter buffer not known",
                )),
            ),
            (
                Some("G722"),
                [1000, 0, 0],
                None,
                Some((
                    116.0,
                    4.34,
                    "G.107.1, R to 129, G.722 64 kbit/s (Ie 13, Bpl 4.3: Bpl an estimate), loss 0.00 %, burst ratio 1.00, \
                     delay not known and taken as 0, jitter buffer not known",
                )),
            ),
            // Too little to judge, silence, what nothing is known of.
            (Some("PCMU"), [99, 0, 0], None, None),
            (Some("PCMU"), [0, 0, 0], None, None),
            (Some("H264"), [1000, 0, 0], None, None),
            (Some("CN"), [1000, 0, 0], None, None),
            (Some("telephone-event"), [1000, 0, 0], None, None),
            (Some("AMR-WB"), [1000, 0, 0], None, None),
            (None, [1000, 0, 0], None, None),
        ];
        for (codec, [packets, lost, bursts], trip, expected) in cases {
            let quality = judge(&heard(*codec, *packets, *lost, *bursts), trip.map(Duration::from_millis));
            let Some((r, mos, basis)) = expected else {
                assert_eq!(quality, None, "{codec:?} {packets}");
                continue;
            };
            let quality = quality.unwrap();
            assert!((quality.r_factor - r).abs() < 0.06 && (quality.mos - mos).abs() < 0.006, "{codec:?}: {quality:?}");
            assert_eq!(&*quality.basis, *basis);
        }
    }

    #[test]
    fn opinion_scores() {
        // G.107 Annex B: the limits of the categories of user satisfaction.
        let cases = [
            (-5.0, 1.0),
            (0.0, 1.0),
            (3.0, 1.0),
            (50.0, 2.58),
            (60.0, 3.10),
            (70.0, 3.60),
            (80.0, 4.03),
            (90.0, 4.34),
            (100.0, 4.5),
            (120.0, 4.5),
        ];
        for (r, expected) in cases {
            assert!((mos(r) - expected).abs() < 0.01, "{r}: {}", mos(r));
        }
    }

    const CODECS: &[(&str, u16)] = &[
        ("PCMU", 160),
        ("G729", 20),
        ("G723", 24),
        ("GSM", 33),
        ("iLBC", 50),
        ("opus", 90),
        ("G722", 160),
        ("AMR-WB", 33),
        ("EVS", 33),
    ];

    proptest! {
        #[test]
        fn worse_is_never_better(
            (codec, largest) in prop::sample::select(CODECS),
            [loss, delay, burst] in [0.0..100.0_f64, 0.0..3000.0_f64, 1.0..8.0_f64],
            [more_loss, more_delay, more_burst] in [0.0..50.0_f64, 0.0..1000.0_f64, 0.0..4.0_f64],
        ) {
            let rating = rating(codec, largest).unwrap();
            let before = rating.r_factor(loss, burst, delay);
            let worse = [
                rating.r_factor(loss + more_loss, burst, delay),
                rating.r_factor(loss, burst + more_burst, delay),
                rating.r_factor(loss, burst, delay + more_delay),
            ];
            let stretch = rating.scale.stretch();
            for after in worse {
                prop_assert!(after <= before + 1e-6, "{} after {}", after, before);
                prop_assert!(mos(after / stretch) <= mos(before / stretch) + 1e-6);
            }
        }

        #[test]
        fn every_opinion_is_within_its_scale(
            (codec, largest) in prop::sample::select(CODECS),
            [packets, lost, bursts, trip] in any::<[u64; 4]>(),
        ) {
            let bursts = bursts.min(lost);
            let heard = Heard { largest_payload: largest, ..heard(Some(codec), packets, lost, bursts) };
            if let Some(quality) = judge(&heard, Some(Duration::from_nanos(trip))) {
                prop_assert!((0.0..=148.0).contains(&quality.r_factor), "{}", quality.r_factor);
                prop_assert!((1.0..=4.5).contains(&quality.mos), "{}", quality.mos);
            }
        }
    }
}

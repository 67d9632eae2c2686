//! Reports on media (RFC 3550 6, RFC 3611): what sender and receiver say of their streams. Knows one datagram at a time,
//! not the streams that it speaks of.
//!
//! Of SRTCP (RFC 3711 3.4) only the first eight bytes are in clear: numbers are handed out where the whole datagram has
//! the shape of RTCP, never from what may be cipher text.

use std::time::Duration;

/// A datagram of RTCP: one packet or, mostly, several (RFC 3550 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtcp<'a> {
    /// The packets that are whole and in clear.
    clear: &'a [u8],
    /// Packet type of the first.
    first: u8,
    /// Who sends; that much is in clear also where the rest is encrypted.
    ssrc: u32,
    encrypted: bool,
}

impl<'a> Rtcp<'a> {
    /// Reads a UDP payload that has the shape of RTCP: version 2, a packet type of 192 to 223 (RFC 5761 4), and a length
    /// that goes with what is there, be it reduced in size (RFC 5506), encrypted, or cut off by the snap length.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let head = Header::read(bytes)?;
        let ssrc = word(bytes, 4)?;
        let mut whole = 0;
        let mut packets = 0;
        while let Some((packet, _)) = bytes.get(whole..).and_then(split_packet) {
            whole += packet.len();
            packets += 1;
        }
        let (clear, rest) = bytes.split_at_checked(whole)?;
        if packets == 0 && !head.has_length_of_reports() {
            return None;
        }
        // The header of a second packet is cipher text where there is any, and has no chance to look like one.
        let encrypted = packets == 1 && !goes_on(rest, ssrc);
        Some(Self { clear: if encrypted { &[] } else { clear }, first: head.packet_type, ssrc, encrypted })
    }

    /// The synchronization source that sends it, as the first packet says.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Whether what follows the first header is encrypted (RFC 3711 3.4), or so unlike RTCP that it may be.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether it begins with something else than a report, as only reduced-size RTCP may (RFC 5506 3).
    #[must_use]
    pub const fn is_reduced_size(&self) -> bool {
        !matches!(self.first, SENDER_REPORT | RECEIVER_REPORT)
    }

    /// Its packets, in order, as far as they are whole; none where it is encrypted.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'a>> + use<'a> {
        let mut rest = self.clear;
        std::iter::from_fn(move || {
            let (packet, after) = split_packet(rest)?;
            rest = after;
            Packet::read(packet)
        })
    }
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;

/// The first word of a packet (RFC 3550 6.4.1).
#[derive(Clone, Copy)]
struct Header {
    padded: bool,
    /// Report blocks, chunks, sources, or what the packet type makes of it.
    count: u8,
    packet_type: u8,
    /// In bytes, this word included.
    len: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, packet_type, high, low] = bytes.first_chunk()?;
        let len = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let header = Self { padded: first & 0x20 != 0, count: first & 0x1f, packet_type, len };
        (first >> 6 == 2 && matches!(packet_type, 192..=223)).then_some(header)
    }

    /// Whether the length is that of a report with so many blocks and nothing more: enough to believe a packet of which
    /// not all was captured.
    const fn has_length_of_reports(self) -> bool {
        let head = match self.packet_type {
            SENDER_REPORT => 28,
            RECEIVER_REPORT => 8,
            _ => return false,
        };
        self.len == head + self.count as usize * ReportBlock::LEN
    }
}

/// The first packet and what follows it.
fn split_packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(Header::read(bytes)?.len)
}

/// Whether what follows a first packet says that it was in clear: nothing follows, or a packet cut off that names the
/// same source, or the trailer of SRTCP with the E flag unset (RFC 3711 3.4): index, and a tag of 4, 10 or 16 bytes.
fn goes_on(rest: &[u8], ssrc: u32) -> bool {
    let cut = || Header::read(rest).is_some() && word(rest, 4) == Some(ssrc);
    let signed = || matches!(rest.len(), 8 | 14 | 20) && rest.first().is_some_and(|byte| byte & 0x80 == 0);
    rest.is_empty() || cut() || signed()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// One packet of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// SR (RFC 3550 6.4.1).
    SenderReport(SenderReport<'a>),
    /// RR (RFC 3550 6.4.2).
    ReceiverReport(ReceiverReport<'a>),
    /// SDES (RFC 3550 6.5).
    SourceDescription(SourceDescription<'a>),
    /// BYE (RFC 3550 6.6).
    Goodbye(Goodbye<'a>),
    /// APP (RFC 3550 6.7).
    Application {
        /// Who sends it.
        ssrc: u32,
        /// What kind it is, in ASCII.
        name: [u8; 4],
    },
    /// XR (RFC 3611).
    ExtendedReport(ExtendedReport<'a>),
    /// Any other, as feedback on video (RFC 4585), or one too short for its type.
    Other {
        /// 192 to 223.
        packet_type: u8,
    },
}

impl<'a> Packet<'a> {
    /// `bytes` are one packet.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::read(bytes)?;
        let padding = if header.padded { bytes.last().copied().map_or(0, usize::from) } else { 0 };
        let body = bytes.get(4..bytes.len().saturating_sub(padding)).unwrap_or_default();
        let read = match header.packet_type {
            SENDER_REPORT => SenderReport::read(header.count, body).map(Self::SenderReport),
            RECEIVER_REPORT => ReceiverReport::read(header.count, body).map(Self::ReceiverReport),
            202 => Some(Self::SourceDescription(SourceDescription { count: header.count, body })),
            203 => Some(Self::Goodbye(Goodbye { count: header.count, body })),
            204 => word(body, 0).zip(word(body, 4)).map(|(ssrc, name)| {
                let name = name.to_be_bytes();
                Self::Application { ssrc, name }
            }),
            207 => ExtendedReport::read(body).map(Self::ExtendedReport),
            _ => None,
        };
        Some(read.unwrap_or(Self::Other { packet_type: header.packet_type }))
    }
}

/// What a sender says of its own stream, and of those that it receives (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// Who sends the stream and the report.
    pub ssrc: u32,
    /// When the report was sent, by the sender's clock: seconds since 1900 in the upper half, fractions in the lower.
    pub ntp: u64,
    /// The same moment as a timestamp of the stream.
    pub rtp_timestamp: u32,
    /// Packets sent since the start, modulo 2^32.
    pub packets: u32,
    /// Bytes of payload sent since the start, modulo 2^32.
    pub bytes: u32,
    blocks: &'a [u8],
}

impl<'a> SenderReport<'a> {
    fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let [ssrc, high, low, rtp_timestamp, packets, bytes] = [0, 4, 8, 12, 16, 20].map(|at| word(body, at));
        let ntp = u64::from(high?) << 32 | u64::from(low?);
        let (packets, bytes) = (packets?, bytes?);
        let blocks = report_blocks(count, body.get(24..)?)?;
        Some(Self { ssrc: ssrc?, ntp, rtp_timestamp: rtp_timestamp?, packets, bytes, blocks })
    }

    /// The middle 32 bits of the time of sending, in 1/65536 s: what a receiver repeats as `last_sr`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the middle is what is asked for")]
    pub const fn middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }

    /// What it says of the streams that it receives.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        blocks(self.blocks)
    }
}

/// What a receiver says of the streams that it receives (RFC 3550 6.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who sends the report.
    pub ssrc: u32,
    blocks: &'a [u8],
}

impl<'a> ReceiverReport<'a> {
    fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        Some(Self { ssrc: word(body, 0)?, blocks: report_blocks(count, body.get(4..)?)? })
    }

    /// What it says of each stream.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        blocks(self.blocks)
    }
}

/// `count` report blocks; what follows them is an extension of the profile.
fn report_blocks(count: u8, bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..usize::from(count) * ReportBlock::LEN)
}

fn blocks(bytes: &[u8]) -> impl Iterator<Item = ReportBlock> {
    bytes.chunks_exact(ReportBlock::LEN).filter_map(ReportBlock::read)
}

/// What a receiver says of one stream (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source of the stream.
    pub ssrc: u32,
    /// Packets lost since the last report, of those expected, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start; negative where more came than were sent, as duplicates make it.
    pub lost: i32,
    /// The highest sequence number, times that it wrapped around in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter, in ticks of the codec's clock.
    pub jitter: u32,
    /// The middle 32 bits of the last SR's time of sending, in 1/65536 s; zero where none came.
    pub last_sr: u32,
    /// From that SR's arrival to this report, in 1/65536 s.
    pub delay: u32,
}

impl ReportBlock {
    const LEN: usize = 24;

    fn read(bytes: &[u8]) -> Option<Self> {
        let [ssrc, loss, highest_sequence, jitter, last_sr, delay] = [0, 4, 8, 12, 16, 20].map(|at| word(bytes, at));
        let [fraction_lost, ..] = loss?.to_be_bytes();
        // Signed, in the lower 24 bits.
        let lost = (loss? << 8).cast_signed() >> 8;
        let (jitter, last_sr, delay) = (jitter?, last_sr?, delay?);
        Some(Self { ssrc: ssrc?, fraction_lost, lost, highest_sequence: highest_sequence?, jitter, last_sr, delay })
    }

    /// Packets lost since the last report, in percent of those expected.
    #[must_use]
    pub fn loss_percent(&self) -> f64 {
        percent(self.fraction_lost)
    }

    /// How long the receiver held the last SR (DLSR); `None` where none came.
    #[must_use]
    pub fn held(&self) -> Option<Duration> {
        (self.last_sr != 0).then(|| short_time(self.delay))
    }
}

fn percent(of_256: u8) -> f64 {
    f64::from(of_256) * 100.0 / 256.0
}

/// 1/65536 s.
fn short_time(units: u32) -> Duration {
    Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536)
}

/// Who the sources are (RFC 3550 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: u8,
    body: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    /// Each source with its canonical name (RFC 3550 6.5.1); one without is left out.
    pub fn names(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let (mut rest, mut left) = (self.body, self.count);
        std::iter::from_fn(move || {
            while left > 0 {
                left -= 1;
                let ((ssrc, name), after) = chunk(rest)?;
                rest = after;
                if let Some(name) = name {
                    return Some((ssrc, name));
                }
            }
            None
        })
    }
}

/// A source, and its CNAME where it has one.
type Named<'a> = (u32, Option<&'a [u8]>);

/// What the first chunk says, and what follows it.
fn chunk(bytes: &[u8]) -> Option<(Named<'_>, &[u8])> {
    let ssrc = word(bytes, 0)?;
    let (mut at, mut name) = (4, None);
    loop {
        match bytes.get(at..)? {
            // One zero ends the items, more fill up the word.
            [0, ..] | [] => {
                let end = (at / 4 + 1) * 4;
                return Some(((ssrc, name), bytes.get(end..).unwrap_or_default()));
            }
            [item, len, after @ ..] => {
                let text = after.get(..usize::from(*len))?;
                if *item == 1 {
                    name = name.or(Some(text));
                }
                at += 2 + text.len();
            }
            [_] => return None,
        }
    }
}

/// Sources that are gone (RFC 3550 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    count: u8,
    body: &'a [u8],
}

impl<'a> Goodbye<'a> {
    /// Who left.
    pub fn sources(&self) -> impl Iterator<Item = u32> + use<'a> {
        let body = self.body;
        (0..usize::from(self.count)).map_while(move |index| word(body, index * 4))
    }

    /// Why, where that is said.
    #[must_use]
    pub fn reason(&self) -> Option<&'a [u8]> {
        let (len, text) = self.body.get(usize::from(self.count) * 4..)?.split_first()?;
        text.get(..usize::from(*len)).filter(|text| !text.is_empty())
    }
}

/// A report of what a report block has no room for (RFC 3611 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedReport<'a> {
    /// Who sends the report.
    pub ssrc: u32,
    body: &'a [u8],
}

impl<'a> ExtendedReport<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        Some(Self { ssrc: word(body, 0)?, body: body.get(4..)? })
    }

    /// Its blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = ExtendedBlock<'a>> + use<'a> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let &[block_type, _, high, low] = rest.first_chunk()?;
            let len = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
            let (block, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(ExtendedBlock::read(block_type, block.get(4..)?))
        })
    }
}

/// A block of an extended report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedBlock<'a> {
    /// The sender's time, for receivers that send nothing and so have no SR (RFC 3611 4.4); as [`SenderReport::ntp`].
    ReceiverReferenceTime(u64),
    /// What answers it (RFC 3611 4.5).
    LastReceived(LastReceived<'a>),
    /// How a call sounded to the one who received it (RFC 3611 4.7).
    VoipMetrics(VoipMetrics),
    /// Any other, or one too short for its type.
    Other {
        /// RFC 3611 6.2.
        block_type: u8,
    },
}

impl<'a> ExtendedBlock<'a> {
    fn read(block_type: u8, body: &'a [u8]) -> Self {
        let read = match block_type {
            4 => word(body, 0)
                .zip(word(body, 4))
                .map(|(high, low)| Self::ReceiverReferenceTime(u64::from(high) << 32 | u64::from(low))),
            5 => Some(Self::LastReceived(LastReceived { body })),
            7 => VoipMetrics::read(body).map(Self::VoipMetrics),
            _ => None,
        };
        read.unwrap_or(Self::Other { block_type })
    }
}

/// DLRR: when receivers' reference times came (RFC 3611 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReceived<'a> {
    body: &'a [u8],
}

impl<'a> LastReceived<'a> {
    /// For each receiver what a report block says of an SR.
    pub fn receivers(&self) -> impl Iterator<Item = ReceiverDelay> + use<'a> {
        self.body.chunks_exact(12).filter_map(|block| {
            Some(ReceiverDelay { ssrc: word(block, 0)?, last_rr: word(block, 4)?, delay: word(block, 8)? })
        })
    }
}

/// One receiver of a DLRR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverDelay {
    /// The receiver.
    pub ssrc: u32,
    /// The middle 32 bits of its reference time, in 1/65536 s; zero where none came.
    pub last_rr: u32,
    /// From its arrival to this report, in 1/65536 s.
    pub delay: u32,
}

impl ReceiverDelay {
    /// How long the reference time was held; `None` where none came.
    #[must_use]
    pub fn held(&self) -> Option<Duration> {
        (self.last_rr != 0).then(|| short_time(self.delay))
    }
}

/// VoIP metrics (RFC 3611 4.7). What is marked as not available, or lies beyond its scale, is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetrics {
    /// The source of the stream.
    pub ssrc: u32,
    /// Packets lost since reception began, in 1/256.
    pub loss_rate: u8,
    /// Packets discarded for coming late or early, in 1/256.
    pub discard_rate: u8,
    /// Packets lost or discarded within bursts, in 1/256.
    pub burst_density: u8,
    /// Packets lost or discarded between bursts, in 1/256.
    pub gap_density: u8,
    /// Mean length of bursts.
    pub burst: Duration,
    /// Mean length of gaps.
    pub gap: Duration,
    /// Latest round trip between the RTP interfaces; zero where it is not known.
    pub round_trip: Duration,
    /// Latest estimate of the delay within the end system.
    pub end_system_delay: Duration,
    /// Signal level, in dBm0.
    pub signal_level: Option<i8>,
    /// Noise level, in dBm0.
    pub noise_level: Option<i8>,
    /// Residual echo return loss, in dB.
    pub echo_return_loss: Option<u8>,
    /// The packets received in a row that end a burst.
    pub gap_threshold: u8,
    /// R factor, 0 to 100.
    pub r_factor: Option<u8>,
    /// R factor of a network beyond the gateway.
    pub external_r_factor: Option<u8>,
    /// MOS of listening quality, times ten: 10 to 50.
    pub mos_lq_tenths: Option<u8>,
    /// MOS of conversational quality, times ten: 10 to 50.
    pub mos_cq_tenths: Option<u8>,
    /// Nominal delay of the jitter buffer.
    pub jitter_buffer: Duration,
    /// Its delay for the latest packet that would not be discarded.
    pub jitter_buffer_max: Duration,
    /// The most that it can grow to.
    pub jitter_buffer_limit: Duration,
}

impl VoipMetrics {
    /// How a value says that it is not available.
    const UNAVAILABLE: u8 = 127;

    fn read(body: &[u8]) -> Option<Self> {
        let &[s0, s1, s2, s3, loss_rate, discard_rate, burst_density, gap_density, ref rest @ ..] =
            body.first_chunk::<32>()?;
        let [b0, b1, g0, g1, r0, r1, e0, e1, signal, noise, echo, gap_threshold, rest @ ..] = *rest;
        let [r_factor, external, mos_lq, mos_cq, _config, _reserved, n0, n1, m0, m1, a0, a1] = rest;
        let millis = |high, low| Duration::from_millis(u16::from_be_bytes([high, low]).into());
        let level = |of: u8| (of != Self::UNAVAILABLE).then_some(of.cast_signed());
        let factor = |of: u8| (of <= 100).then_some(of);
        let score = |of: u8| matches!(of, 10..=50).then_some(of);
        Some(Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            loss_rate,
            discard_rate,
            burst_density,
            gap_density,
            burst: millis(b0, b1),
            gap: millis(g0, g1),
            round_trip: millis(r0, r1),
            end_system_delay: millis(e0, e1),
            signal_level: level(signal),
            noise_level: level(noise),
            echo_return_loss: (echo != Self::UNAVAILABLE).then_some(echo),
            gap_threshold,
            r_factor: factor(r_factor),
            external_r_factor: factor(external),
            mos_lq_tenths: score(mos_lq),
            mos_cq_tenths: score(mos_cq),
            jitter_buffer: millis(n0, n1),
            jitter_buffer_max: millis(m0, m1),
            jitter_buffer_limit: millis(a0, a1),
        })
    }

    /// Packets lost since reception began, in percent.
    #[must_use]
    pub fn loss_percent(&self) -> f64 {
        percent(self.loss_rate)
    }

    /// Packets discarded, in percent.
    #[must_use]
    pub fn discard_percent(&self) -> f64 {
        percent(self.discard_rate)
    }

    /// MOS of listening quality, 1 to 5.
    #[must_use]
    pub fn mos_lq(&self) -> Option<f64> {
        self.mos_lq_tenths.map(|tenths| f64::from(tenths) / 10.0)
    }

    /// MOS of conversational quality, 1 to 5.
    #[must_use]
    pub fn mos_cq(&self) -> Option<f64> {
        self.mos_cq_tenths.map(|tenths| f64::from(tenths) / 10.0)
    }
}

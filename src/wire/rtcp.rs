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
        while let Some((packet, _)) = bytes.get(whole..).and_then(split_packet) {
            whole += packet.len();
        }
        let (clear, rest) = bytes.split_at_checked(whole)?;
        if clear.is_empty() && !head.has_length_of_reports() {
            return None;
        }
        let second = bytes.get(head.len..).unwrap_or_default();
        let encrypted = !clear.is_empty() && !names(second, ssrc) && !ends(rest);
        Some(Self { clear: if encrypted { &[] } else { clear }, first: head.packet_type, ssrc, encrypted })
    }

    /// The bytes of the packets that are whole and in clear: all that it borrows.
    #[must_use]
    pub const fn clear(&self) -> &'a [u8] {
        self.clear
    }

    /// The same over a copy of [`clear`](Self::clear).
    #[must_use]
    pub const fn over<'b>(&self, clear: &'b [u8]) -> Rtcp<'b> {
        Rtcp { clear, first: self.first, ssrc: self.ssrc, encrypted: self.encrypted }
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

/// Whether a second packet, though it be cut off, names the source of the first: cipher text has no chance to.
fn names(second: &[u8], ssrc: u32) -> bool {
    Header::read(second).is_some() && word(second, 4) == Some(ssrc)
}

/// Whether what follows the last packet says that they were in clear: nothing, or the trailer of SRTCP with the E flag
/// unset.
fn ends(rest: &[u8]) -> bool {
    // The index stands before the tag (RFC 3711 3.4), with AEAD behind it (RFC 7714 9.2). No call sends 2^24 of them: more
    // than the flag is asked for, since this may be cipher text.
    let index = match rest.len() {
        8 | 14 => word(rest, 0),
        20 => word(rest, 16),
        _ => None,
    };
    rest.is_empty() || index.is_some_and(|index| index < 1 << 24)
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    /// A packet of this count and type, of these words.
    fn packet(count: u8, packet_type: u8, words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0x80 | count, packet_type];
        bytes.extend(u16::try_from(words.len()).unwrap().to_be_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes
    }

    fn sender_report() -> Vec<u8> {
        let head = [0xa, 0x0102_0304, 0x8000_0000, 160, 50, 8000];
        packet(1, 200, &[&head[..], &[0xb, 0x40ff_fffe, 0x0001_0007, 80, 0x0304_8000, 0x8000]].concat())
    }

    fn description(ssrc: u32) -> Vec<u8> {
        let word = |text: &[u8; 4]| u32::from_be_bytes(*text);
        // Items of four sources: CNAME; none; NOTE, then CNAME that fills its word; CNAME.
        let words =
            [ssrc, word(b"\x01\x03a@"), word(b"b\0\0\0"), 0xc, 0, 0xd, word(b"\x07\x01x\x01"), word(b"\x03c@d"), 0];
        packet(4, 202, &[&words[..], &[0xe, word(b"\x01\x01e\0")]].concat())
    }

    fn voip() -> Vec<u8> {
        let metrics = [0xb, 0x8040_2010, 0x0064_03e8, 0x00fa_0014, 0xf1c4_7f10, 0x5d7f_297f, 0x0000_0028, 0x0050_00c8];
        let blocks = [&[0x0400_0002, 1, 0x8000_0000, 0x0500_0003, 0xb, 7, 0x0001_8000, 0x0700_0008], &metrics[..]];
        packet(0, 207, &[&[0xa][..], &blocks.concat(), &[0x0600_0000]].concat())
    }

    fn all(packets: &[Vec<u8>]) -> Vec<u8> {
        packets.concat()
    }

    /// The packets by their names, `sealed` for encrypted ones.
    fn told(bytes: &[u8]) -> Option<String> {
        let rtcp = Rtcp::parse(bytes)?;
        let name = |packet| match packet {
            Packet::SenderReport(of) => format!("SR/{}", of.blocks().count()),
            Packet::ReceiverReport(of) => format!("RR/{}", of.blocks().count()),
            Packet::SourceDescription(_) => "SDES".to_owned(),
            Packet::Goodbye(_) => "BYE".to_owned(),
            Packet::Application { .. } => "APP".to_owned(),
            Packet::ExtendedReport(of) => format!("XR/{}", of.blocks().count()),
            Packet::Other { packet_type } => packet_type.to_string(),
        };
        let mut names: Vec<_> = rtcp.packets().map(name).collect();
        names.extend(rtcp.is_encrypted().then(|| "sealed".to_owned()));
        Some(names.join(" "))
    }

    #[test]
    fn shapes() {
        let (sr, sdes) = (sender_report(), description(0xa));
        let rr = packet(1, 201, &[0xa, 0xb, 0, 0, 0, 0, 0]);
        let tail = |first: u8, len: usize| [vec![first], vec![0x5a; len - 1]].concat();
        let mut padded = [packet(0, 201, &[0xa, 0, 4])].concat();
        padded[0] |= 0x20;
        let cases: &[(&str, Vec<u8>, Option<&str>)] = &[
            ("compound", all(&[sr.clone(), sdes.clone()]), Some("SR/1 SDES")),
            ("a report alone", sr.clone(), Some("SR/1")),
            ("all kinds", all(&[rr.clone(), sdes.clone(), voip(), packet(1, 203, &[0xa])]), Some("RR/1 SDES XR/4 BYE")),
            ("an application's", all(&[rr.clone(), packet(3, 204, &[0xa, 0x6e61_6d65, 1])]), Some("RR/1 APP")),
            ("feedback, reduced in size", packet(1, 206, &[0xa, 0xb]), Some("206")),
            ("loss feedback among others", all(&[rr.clone(), packet(1, 205, &[0xa, 0xb, 1])]), Some("RR/1 205")),
            ("padding", padded, Some("RR/0")),
            ("an extension of the profile", packet(0, 201, &[0xa, 1, 2, 3]), Some("RR/0")),
            ("fewer blocks than counted", packet(2, 201, &[0xa, 0xb, 0, 0, 0, 0, 0]), Some("201")),
            ("a sender's report too short", packet(0, 200, &[0xa, 1, 2]), Some("200")),
            ("SRTCP of one packet", all(&[sr.clone(), tail(0x80, 14)]), Some("sealed")),
            ("SRTCP of one packet, AEAD", all(&[rr, tail(0x33, 16), tail(0x80, 4)]), Some("sealed")),
            ("SRTCP of two", all(&[sr.clone(), tail(0x17, sdes.len()), tail(0x80, 14)]), Some("sealed")),
            ("SRTCP, signed alone", all(&[sr.clone(), tail(0, 14)]), Some("SR/1")),
            ("SRTCP of two, signed alone", all(&[sr.clone(), sdes.clone(), tail(0, 14)]), Some("SR/1 SDES")),
            ("cut in the second packet", all(&[sr.clone(), sdes.clone()])[..sr.len() + 12].to_vec(), Some("SR/1")),
            ("cut in what may be anything", all(&[sr.clone(), sdes.clone()])[..sr.len() + 6].to_vec(), Some("sealed")),
            ("sources of several streams", all(&[sr.clone(), description(0xb)]), Some("SR/1 SDES")),
            ("another's header behind", all(&[sr.clone(), description(0xb)])[..sr.len() + 12].to_vec(), Some("sealed")),
            ("cut in the first packet", sr[..30].to_vec(), Some("")),
            ("cut in a packet of another type", sdes[..12].to_vec(), None),
            (
                "cut, and of a strange length",
                {
                    let mut sr = sr.clone();
                    sr[3] += 1;
                    sr
                },
                None,
            ),
            (
                "another version",
                {
                    let mut sr = sr.clone();
                    sr[0] &= 0x7f;
                    sr
                },
                None,
            ),
            ("RTP", [vec![0x80, 0, 0, 1], vec![0; 172]].concat(), None),
            ("RTP with a marker", [vec![0x80, 0x80 | 63, 0, 1], vec![0; 172]].concat(), None),
            ("no source", packet(0, 203, &[]), None),
            ("too short", vec![0x80, 201, 0], None),
            ("nothing", vec![], None),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(told(bytes).as_deref(), *expected, "{name}");
        }
        assert!(Rtcp::parse(&packet(1, 206, &[0xa, 0xb])).unwrap().is_reduced_size());
        assert!(!Rtcp::parse(&sr).unwrap().is_reduced_size());
    }

    #[test]
    fn numbers_of_reports() {
        let bytes = sender_report();
        let rtcp = Rtcp::parse(&bytes).unwrap();
        assert_eq!(rtcp.ssrc(), 0xa);
        let Some(Packet::SenderReport(report)) = rtcp.packets().next() else { panic!("no report") };
        assert_eq!((report.ssrc, report.ntp, report.middle()), (0xa, 0x0102_0304_8000_0000, 0x0304_8000));
        assert_eq!((report.rtp_timestamp, report.packets, report.bytes), (160, 50, 8000));
        let block = report.blocks().next().unwrap();
        let expected = ReportBlock {
            ssrc: 0xb,
            fraction_lost: 0x40,
            lost: -2,
            highest_sequence: 0x0001_0007,
            jitter: 80,
            last_sr: 0x0304_8000,
            delay: 0x8000,
        };
        assert_eq!(block, expected);
        assert_eq!((block.loss_percent(), block.held()), (25.0, Some(Duration::from_millis(500))));
        assert_eq!(ReportBlock { last_sr: 0, ..block }.held(), None);
        let most = packet(1, 201, &[1, 2, 0x007f_ffff, 0, 0, 0, 0]);
        let Some(Packet::ReceiverReport(report)) = Rtcp::parse(&most).unwrap().packets().next() else { panic!() };
        assert_eq!((report.ssrc, report.blocks().next().unwrap().lost), (1, 0x007f_ffff));
    }

    #[test]
    fn names_and_partings() {
        let bytes = description(0xa);
        let Some(Packet::SourceDescription(of)) = Rtcp::parse(&bytes).unwrap().packets().next() else { panic!() };
        let names: Vec<_> = of.names().map(|(ssrc, name)| (ssrc, std::str::from_utf8(name).unwrap())).collect();
        assert_eq!(names, [(0xa, "a@b"), (0xd, "c@d"), (0xe, "e")]);

        let bytes = packet(2, 203, &[0xa, 0xb, u32::from_be_bytes(*b"\x03end")]);
        let Some(Packet::Goodbye(of)) = Rtcp::parse(&bytes).unwrap().packets().next() else { panic!() };
        assert_eq!((of.sources().collect::<Vec<_>>(), of.reason()), (vec![0xa, 0xb], Some(&b"end"[..])));
        let bytes = packet(3, 203, &[0xa]);
        let Some(Packet::Goodbye(of)) = Rtcp::parse(&bytes).unwrap().packets().next() else { panic!() };
        assert_eq!((of.sources().collect::<Vec<_>>(), of.reason()), (vec![0xa], None));
    }

    #[test]
    fn extended_reports() {
        let bytes = voip();
        let Some(Packet::ExtendedReport(report)) = Rtcp::parse(&bytes).unwrap().packets().next() else { panic!() };
        assert_eq!(report.ssrc, 0xa);
        let blocks: Vec<_> = report.blocks().collect();
        let [time, ExtendedBlock::LastReceived(last), ExtendedBlock::VoipMetrics(voip), other] = blocks[..] else {
            panic!("{blocks:?}")
        };
        assert_eq!(time, ExtendedBlock::ReceiverReferenceTime(0x0000_0001_8000_0000));
        let receivers: Vec<_> = last.receivers().collect();
        assert_eq!(receivers, [ReceiverDelay { ssrc: 0xb, last_rr: 7, delay: 0x0001_8000 }]);
        assert_eq!(receivers[0].held(), Some(Duration::from_millis(1500)));
        assert_eq!(other, ExtendedBlock::Other { block_type: 6 });
        let millis = Duration::from_millis;
        let expected = VoipMetrics {
            ssrc: 0xb,
            loss_rate: 0x80,
            discard_rate: 0x40,
            burst_density: 0x20,
            gap_density: 0x10,
            burst: millis(100),
            gap: millis(1000),
            round_trip: millis(250),
            end_system_delay: millis(20),
            signal_level: Some(-15),
            noise_level: Some(-60),
            echo_return_loss: None,
            gap_threshold: 16,
            r_factor: Some(93),
            external_r_factor: None,
            mos_lq_tenths: Some(41),
            mos_cq_tenths: None,
            jitter_buffer: millis(40),
            jitter_buffer_max: millis(80),
            jitter_buffer_limit: millis(200),
        };
        assert_eq!(voip, expected);
        assert_eq!((voip.loss_percent(), voip.discard_percent()), (50.0, 25.0));
        assert_eq!((voip.mos_lq(), voip.mos_cq()), (Some(4.1), None));

        let short = packet(0, 207, &[0xa, 0x0700_0001, 0xb, 0x0700_0008]);
        let Some(Packet::ExtendedReport(report)) = Rtcp::parse(&short).unwrap().packets().next() else { panic!() };
        assert_eq!(report.blocks().collect::<Vec<_>>(), [ExtendedBlock::Other { block_type: 7 }], "cut short");
    }

    /// Looks at everything that can be looked at.
    fn look(bytes: &[u8]) -> usize {
        let Some(rtcp) = Rtcp::parse(bytes) else { return 0 };
        rtcp.packets()
            .map(|packet| match packet {
                Packet::SenderReport(of) => of.blocks().count(),
                Packet::ReceiverReport(of) => of.blocks().count(),
                Packet::SourceDescription(of) => of.names().count(),
                Packet::Goodbye(of) => of.sources().count() + of.reason().map_or(0, <[u8]>::len),
                Packet::ExtendedReport(of) => of.blocks().count(),
                Packet::Application { .. } | Packet::Other { .. } => 1,
            })
            .sum()
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(noise: Vec<u8>, change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), end: prop::sample::Index) {
            look(&noise);
            let mut bytes = all(&[sender_report(), description(0xa), voip(), packet(1, 203, &[0xa])]);
            for (at, byte) in change {
                *at.get_mut(&mut bytes[..]) = byte;
            }
            look(&bytes);
            look(&bytes[..end.index(bytes.len())]);
        }

        /// Whatever key encrypts it: of an encrypted datagram no number comes out.
        #[test]
        fn cipher_text_tells_nothing(
            cipher in prop::collection::vec(any::<u8>(), 200), more: bool, index in 0..0x7fff_ffff_u32, tag in prop::sample::select(vec![4_usize, 10]),
        ) {
            let mut bytes = sender_report();
            if more {
                bytes.extend(description(0xa));
            }
            let len = bytes.len();
            bytes[8..].copy_from_slice(&cipher[..len - 8]);
            bytes.extend((index | 0x8000_0000).to_be_bytes());
            bytes.extend(&cipher[190 - tag..190]);
            let rtcp = Rtcp::parse(&bytes).unwrap();
            prop_assert!(rtcp.is_encrypted());
            prop_assert_eq!((rtcp.ssrc(), rtcp.packets().count()), (0xa, 0));
        }
    }
}

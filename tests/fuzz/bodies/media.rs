//! What must hold when any bytes at all are taken for media, for reports on them, or for keys pressed. Uses the public
//! face only.

// A fuzz target that includes this file as a module needs the word `pub`; a test does not.
#![allow(unreachable_pub)]

use sipcodes::wire::dtmf::{TelephoneEvent, signals};
use sipcodes::wire::rtcp::{ExtendedBlock, Packet, Rtcp};
use sipcodes::wire::rtp::Rtp;

/// Reads the bytes as each of them.
pub fn media(bytes: &[u8]) {
    let (rtp, rtcp) = (Rtp::parse(bytes), Rtcp::parse(bytes));
    assert!(rtp.is_none() || rtcp.is_none(), "what is RTP is no RTCP (RFC 5761 4)");
    if let Some(rtp) = rtp {
        within(rtp.payload, bytes);
        assert!(rtp.payload_type < 128 && rtp.payload.len() + 12 <= bytes.len());
        keys(rtp.payload);
    }
    if let Some(rtcp) = rtcp {
        reports(&rtcp, bytes);
    }
    keys(bytes);
}

/// A slice that was handed out lies within the bytes that were handed in.
fn within(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.is_empty() || (part.start >= whole.start && part.end <= whole.end), "a view left its bytes");
}

fn reports(rtcp: &Rtcp<'_>, bytes: &[u8]) {
    let packets: Vec<_> = rtcp.packets().collect();
    assert!(packets.len() * 4 <= bytes.len(), "no more packets than there is room for");
    assert!(packets.is_empty() || !rtcp.is_encrypted(), "cipher text tells nothing");
    for packet in packets {
        let numbers = match packet {
            Packet::SenderReport(of) => of.blocks().map(|block| assert!(block.loss_percent() < 100.0)).count(),
            Packet::ReceiverReport(of) => {
                of.blocks().map(|block| assert!(block.lost >> 23 == block.lost >> 31)).count()
            }
            Packet::SourceDescription(of) => of.names().map(|(_, name)| within(name, bytes)).count(),
            Packet::Goodbye(of) => {
                of.reason().into_iter().for_each(|reason| within(reason, bytes));
                of.sources().count()
            }
            Packet::ExtendedReport(of) => of.blocks().map(extended).sum(),
            Packet::Application { .. } => 0,
            Packet::Other { packet_type } => usize::from(packet_type - 192) / 32,
        };
        assert!(numbers <= bytes.len() / 4);
    }
}

fn extended(block: ExtendedBlock<'_>) -> usize {
    match block {
        ExtendedBlock::LastReceived(last) => last.receivers().count(),
        ExtendedBlock::VoipMetrics(of) => {
            assert!(of.r_factor.is_none_or(|factor| factor <= 100));
            assert!([of.mos_lq(), of.mos_cq()].into_iter().flatten().all(|score| (1.0..=5.0).contains(&score)));
            1
        }
        ExtendedBlock::ReceiverReferenceTime(_) | ExtendedBlock::Other { .. } => 1,
    }
}

fn keys(bytes: &[u8]) {
    let known = |key: char| assert!("0123456789*#ABCD!".contains(key), "{key:?} is no key");
    if let Some(event) = TelephoneEvent::parse(bytes) {
        assert!(event.volume < 64);
        event.digit().into_iter().for_each(known);
    }
    for content_type in ["application/dtmf-relay", "application/dtmf", "application/vnd.x", "text/plain"] {
        let signals: Vec<_> = signals(Some(content_type.as_bytes()), bytes).collect();
        assert!(signals.len() <= bytes.len().min(64));
        signals.iter().for_each(|signal| known(signal.digit));
    }
}

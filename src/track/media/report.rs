//! What RTCP says: each report goes to the stream that it reports on (RFC 3550 6.4). Knows which stream is meant; what
//! becomes of the numbers is for `stream` to know.

use std::net::SocketAddr;

use super::{IsOver, Live, Media};
use crate::event::{Event, Path};
use crate::time::Timestamp;
use crate::track::fact::VoipMetrics;
use crate::wire::rtcp::{self, ExtendedBlock, Packet, ReportBlock, Rtcp};

/// Which way a stream runs, seen from a report.
#[derive(Clone, Copy)]
enum Way {
    /// Its sender reports.
    Along,
    /// Its receiver does.
    Back,
}

impl Media {
    /// A datagram of RTCP. It is a sign of life of its call.
    pub(in crate::track) fn on_rtcp(&mut self, event: &Event<'_>, rtcp: &Rtcp<'_>, is_over: IsOver<'_>) {
        self.of_file_mut(event.place.file).rtcp += 1;
        self.wake();
        let path = event.path;
        let call = self.call_at(path.dst, is_over).or_else(|| self.call_at(path.src, is_over));
        if let Some(call) = call {
            self.on_sign_of_life(call, event.at);
        }
        for packet in rtcp.packets() {
            match packet {
                Packet::SenderReport(report) => {
                    if let Some(live) = self.meant(report.ssrc, path, Way::Along, call) {
                        live.stream.on_sender_report(event.at, report.middle(), report.packets);
                    }
                    report.blocks().for_each(|block| self.on_block(event, &block, call));
                }
                Packet::ReceiverReport(report) => report.blocks().for_each(|block| self.on_block(event, &block, call)),
                Packet::ExtendedReport(report) => {
                    for block in report.blocks() {
                        if let ExtendedBlock::VoipMetrics(metrics) = block
                            && let Some(live) = self.meant(metrics.ssrc, path, Way::Back, call)
                        {
                            live.stream.on_voip_metrics(voip(&metrics));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn on_block(&mut self, event: &Event<'_>, block: &ReportBlock, call: Option<u32>) {
        let Some(live) = self.meant(block.ssrc, event.path, Way::Back, call) else { return };
        live.stream.on_report(event.at, block);
        let of = live.call;
        if call.is_none() {
            self.on_sign_of_life(of, event.at);
        }
    }

    fn on_sign_of_life(&mut self, call: u32, at: Timestamp) {
        if let Some(Some(call)) = self.calls.get_mut(call as usize) {
            call.rtcp = call.rtcp.max(Some(at));
        }
    }

    /// The call that wants to receive at an address; of several the one that goes on, then the newest.
    fn call_at(&self, address: SocketAddr, is_over: IsOver<'_>) -> Option<u32> {
        let rank = |(index, call): &(usize, u32)| (!is_over(*call as usize), *index);
        self.announced(address).iter().map(|of| of.call).enumerate().max_by_key(rank).map(|(_, call)| call)
    }

    /// The stream of a source that a report means: between the two hosts that the report goes between. Where the same
    /// source was seen on several hops, each has its own reports.
    fn meant(&mut self, ssrc: u32, path: Path, way: Way, call: Option<u32>) -> Option<&mut Live> {
        let (from, to) = match way {
            Way::Along => (path.src.ip(), path.dst.ip()),
            Way::Back => (path.dst.ip(), path.src.ip()),
        };
        let newest = self.sources.get(&self.digest.of(ssrc)).copied();
        let of_call = call.and_then(|call| self.of_call(call)).map_or(&[][..], |call| &call.streams);
        let fits = |index: &u32| {
            let live = self.live(*index).filter(|live| live.stream.ssrc() == ssrc)?;
            let ends = usize::from(live.src.ip() == from) + usize::from(live.dst.ip() == to);
            (ends > 0).then(|| (ends, live.stream.last(), *index))
        };
        let (.., index) = of_call.iter().chain(&newest).filter_map(fits).max()?;
        self.live_mut(index)
    }
}

fn voip(metrics: &rtcp::VoipMetrics) -> VoipMetrics {
    VoipMetrics {
        loss_percent: metrics.loss_percent(),
        discard_percent: metrics.discard_percent(),
        burst: metrics.burst,
        gap: metrics.gap,
        round_trip: metrics.round_trip,
        end_system_delay: metrics.end_system_delay,
        r_factor: metrics.r_factor,
        mos_lq: metrics.mos_lq(),
        mos_cq: metrics.mos_cq(),
    }
}

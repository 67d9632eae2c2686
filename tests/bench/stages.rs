//! How fast each stage is, and all of them together, on captures that are made here: `cargo bench`, or `cargo bench --
//! signalling` for one of them. Times are medians of several rounds; what two machines say is not to be compared, only
//! what one says before and after.

#![expect(clippy::print_stdout, reason = "the table is what this is for")]

#[path = "../support/mod.rs"]
mod support;

mod captures;

use std::hint::black_box;
use std::io::Cursor;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use captures::Capture;
use sipcodes::assemble::Assembler;
use sipcodes::capture::Captures;
use sipcodes::event::{Event, Path, What};
use sipcodes::issue::Issues;
use sipcodes::packet::{Packet, Place};
use sipcodes::render::{Format, Layout, renderer};
use sipcodes::report::{Columns, Kind, Report, Source};
use sipcodes::time::Timestamp;
use sipcodes::track::Tracker;
use sipcodes::track::fact::Fact;
use sipcodes::wire::ip;
use sipcodes::wire::link::{self, Link};
use sipcodes::wire::sip::Message;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` asks only whether it runs.
    let (size, rounds) = if arguments.iter().any(|word| word == "--bench") { (40_000, 11) } else { (400, 1) };
    let wanted: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    println!(
        "{:<14} {:<10} {:>10} {:>12} {:>14} {:>10}",
        "capture", "stage", "units", "ns a unit", "units a second", "MB/s"
    );
    for capture in captures::all(size) {
        if wanted.is_empty() || wanted.iter().any(|name| capture.name.contains(name.as_str())) {
            measure(&capture, rounds);
        }
    }
}

/// A SIP message with what the assembler said of it.
struct Said {
    at: Timestamp,
    place: Place,
    path: Path,
    duplicate: bool,
    bytes: Vec<u8>,
}

/// Measures every stage, each fed with what the ones before it made beforehand.
fn measure(capture: &Capture, rounds: usize) {
    let row = |stage, units, bytes, time| row(capture.name, stage, units, bytes, time);

    let pcap: Arc<[u8]> = capture.pcap.as_slice().into();
    let packets = packets(&pcap);
    let packets: Vec<Packet<'_>> = packets.iter().map(|(packet, data)| Packet { data, ..*packet }).collect();
    let framing = median(
        rounds,
        || open(&pcap),
        |mut captures| {
            let mut issues = Issues::default();
            while let Some(packet) = captures.next(&mut issues) {
                black_box(packet.data.len());
            }
        },
    );
    let bytes = pcap.len();
    row("framing", packets.len(), bytes, framing);

    let decoding = median(
        rounds,
        || (),
        |()| {
            for packet in &packets {
                if let Link::Ip(bytes) = link::peel(packet.link, black_box(packet.data)) {
                    black_box(ip::parse(bytes, packet.is_cut()).is_ok());
                }
            }
        },
    );
    row("decoding", packets.len(), bytes, decoding);

    let mut said = Vec::new();
    assemble(&packets, |event| {
        if let What::Sip(message) = &event.what {
            let Event { at, place, path, duplicate, .. } = event;
            said.push(Said { at, place, path, duplicate, bytes: message.raw().to_vec() });
        }
    });
    let sip_bytes = said.iter().map(|said| said.bytes.len()).sum();
    let head = median(
        rounds,
        || (),
        |()| {
            for said in &said {
                black_box(Message::parse(black_box(&said.bytes)).is_some());
            }
        },
    );
    row("SIP head", said.len(), sip_bytes, head);

    let assembling = median(
        rounds,
        || (),
        |()| {
            assemble(&packets, |event| {
                black_box(event.at);
            })
        },
    );
    row("assembling", packets.len(), bytes, assembling);

    let events: Vec<Event<'_>> = said.iter().filter_map(Said::event).collect();
    let tracking = median(rounds, Tracker::new, |mut tracker| {
        for event in &events {
            tracker.feed(event);
            while let Some(fact) = tracker.poll() {
                black_box(fact);
            }
        }
    });
    row("tracking", events.len(), sip_bytes, tracking);

    let facts = facts(&events);
    let rendering = median(
        rounds,
        || facts.clone(),
        |facts| {
            let mut report = Report::new(vec![Source { name: "bench.pcap".into(), digits: 6 }]);
            let columns = Columns::all(&[Kind::Call, Kind::Registration]);
            let mut sink = std::io::sink();
            let layout = Layout { columns, width: None, color: false, group: false };
            let mut lines = renderer(Format::Ndjson, layout, &mut sink);
            for fact in facts {
                lines.row(report.take(fact)).expect("nothing is refused");
            }
        },
    );
    row("rendering", facts.len(), 0, rendering);

    let file = format!("{}/bench-{}.pcap", env!("CARGO_TARGET_TMPDIR"), capture.name);
    std::fs::write(&file, &pcap).expect("the folder for such files is writable");
    let whole = median(
        rounds,
        || (),
        |()| {
            let status = Command::new(env!("CARGO_BIN_EXE_sipcodes"))
                .args(["analyze", "--format", "ndjson", &file])
                .stdout(Stdio::null())
                .status();
            assert!(status.is_ok_and(|status| status.success()), "the program reads its own captures");
        },
    );
    row("whole", packets.len(), bytes, whole);
    // A leftover does no harm: it lies in the build folder.
    let _ = std::fs::remove_file(&file);
}

fn row(capture: &str, stage: &str, units: usize, bytes: usize, time: Duration) {
    let seconds = time.as_secs_f64().max(1e-9);
    let (each, rate) = (seconds * 1e9 / units.max(1) as f64, units as f64 / seconds);
    let throughput = if bytes > 0 { format!("{:.0}", bytes as f64 / seconds / 1e6) } else { "-".to_owned() };
    println!("{capture:<14} {stage:<10} {units:>10} {each:>12.1} {rate:>14.0} {throughput:>10}");
}

/// The median of so many rounds, each with a thing of its own that is made beforehand and not timed.
#[expect(clippy::disallowed_methods, reason = "a benchmark is about the time that it takes")]
fn median<T>(rounds: usize, make: impl Fn() -> T, mut run: impl FnMut(T)) -> Duration {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let thing = make();
            let start = Instant::now();
            run(thing);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[rounds / 2]
}

fn open(pcap: &Arc<[u8]>) -> Captures {
    Captures::from_reader("bench", Box::new(Cursor::new(Arc::clone(pcap))))
}

fn packets(pcap: &Arc<[u8]>) -> Vec<(Packet<'static>, Vec<u8>)> {
    let mut issues = Issues::default();
    let mut captures = open(pcap);
    let mut packets = Vec::new();
    while let Some(Packet { place, section, at, link, original_len, data }) = captures.next(&mut issues) {
        packets.push((Packet { place, section, at, link, original_len, data: &[] }, data.to_vec()));
    }
    packets
}

fn assemble(packets: &[Packet<'_>], mut sink: impl FnMut(Event<'_>)) {
    let mut issues = Issues::default();
    let mut assembler = Assembler::new();
    for packet in packets {
        assembler.push(packet, &mut issues, &mut sink);
    }
    assembler.finish(&mut issues, &mut sink);
}

impl Said {
    fn event(&self) -> Option<Event<'_>> {
        let Self { at, place, path, duplicate, ref bytes } = *self;
        Some(Event { at, place, path, duplicate, correlation: None, what: What::Sip(Message::parse(bytes)?) })
    }
}

fn facts(events: &[Event<'_>]) -> Vec<Fact> {
    let mut tracker = Tracker::new();
    events.iter().for_each(|event| tracker.feed(event));
    tracker.finish(events.last().map_or_else(Timestamp::default, |event| event.at));
    std::iter::from_fn(|| tracker.poll()).collect()
}

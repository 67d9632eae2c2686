//! The captures that the stages are measured on, made from what tests build captures from. Knows what goes over the wire,
//! and nothing of how it is read.

use crate::support::{Call, Host, Over, Scenario, Side};

/// Calls under way at the same time.
const AT_ONCE: usize = 200;

/// A capture and what to call it.
pub(crate) struct Capture {
    pub(crate) name: &'static str,
    pub(crate) pcap: Vec<u8>,
}

/// Every kind there is; `size` is about how many packets each has.
pub(crate) fn all(size: usize) -> Vec<Capture> {
    let capture = |name, net: Scenario| Capture { name, pcap: net.pcap() };
    vec![
        capture("signalling", calls(size, &["10.0.0.1", "10.0.0.2"], Over::Udp)),
        capture("hops", calls(size, &["10.0.0.1", "10.0.0.8", "10.0.0.9", "10.0.0.2"], Over::Udp)),
        capture("tcp", calls(size, &["10.0.0.1", "10.0.0.2"], Over::Tcp(1400))),
        capture("registrations", registrations(size)),
        capture("rtp", media(size)),
    ]
}

/// Calls along these hosts, many at once: half are answered, a quarter after a challenge, a quarter is refused.
fn calls(size: usize, path: &[&str], over: Over) -> Scenario {
    let net = Scenario::new();
    let path: Vec<Host> = path.iter().map(|address| net.host(address)).collect();
    // Eight messages on each hop, more or less.
    let count = size / 8 / (path.len() - 1);
    for first in (0..count).step_by(AT_ONCE) {
        let numbers = first..count.min(first + AT_ONCE);
        let mut calls: Vec<Call> = numbers.clone().map(|n| call(&net, n, &path, over)).collect();
        // What all of them do before any goes on.
        let steps: [fn(&mut Call, usize); 5] = [
            |call, _| {
                dressed(call).invite();
            },
            |call, n| match n % 4 {
                0 => {
                    let challenge = "Proxy-Authenticate: Digest realm=\"example.com\", nonce=\"84a4cc6f3082121f\"";
                    dressed(call).header(challenge).respond(407, "Proxy Authentication Required");
                    dressed(call).ack();
                    dressed(call).header("Proxy-Authorization: Digest username=\"alice\", response=\"7587\"").invite();
                }
                _ => {
                    dressed(call).respond(100, "Trying");
                }
            },
            |call, _| {
                dressed(call).respond(180, "Ringing");
            },
            |call, n| match n % 4 {
                1 => {
                    dressed(call).respond(486, "Busy Here");
                }
                _ => {
                    dressed(call).answer();
                }
            },
            |call, _| {
                dressed(call).ack();
            },
        ];
        for step in steps {
            calls.iter_mut().zip(numbers.clone()).for_each(|(call, n)| step(call, n));
        }
        for (call, n) in calls.iter_mut().zip(numbers).filter(|(_, n)| n % 4 != 1) {
            dressed(call).hang_up(if n % 3 == 0 { Side::Callee } else { Side::Caller });
        }
    }
    net
}

/// Registrations that are challenged once.
fn registrations(size: usize) -> Scenario {
    let net = Scenario::new();
    let registrar = net.host("10.0.0.2");
    for n in 0..size / 4 {
        let client = net.host(&format!("10.1.{}.{}", n / 200 % 200, n % 200 + 1));
        let mut call = call(&net, n, &[client, registrar], Over::Udp);
        dressed(&mut call).register(3600);
        let challenge = "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"84a4cc6f3082121f32b42a2187831a9e\"";
        dressed(&mut call).header(challenge).respond_to("REGISTER", 401, "Unauthorized");
        dressed(&mut call)
            .header("Authorization: Digest username=\"alice\", response=\"7587245234b3434c\"")
            .register(3600);
        dressed(&mut call).grant(3600);
    }
    net
}

/// Calls with G.711 both ways, 50 at once: a packet every 20 ms.
fn media(size: usize) -> Scenario {
    const CALLS: usize = 50;
    let net = Scenario::new();
    let (alice, bob) = (net.host("10.0.0.1"), net.host("10.0.0.2"));
    let mut calls: Vec<Call> = (0..CALLS).map(|n| call(&net, n, &[alice, bob], Over::Udp)).collect();
    for call in &mut calls {
        dressed(call).invite().answer().ack();
    }
    let mut packet = [0xd5; 172];
    packet[..2].copy_from_slice(&[0x80, 0]);
    for n in 0..size / CALLS / 2 {
        packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(n as u32 * 160).to_be_bytes());
        for call in 0..CALLS as u16 {
            net.at(1_000 + n as u64 * 20);
            for (src, dst) in [(alice, bob), (bob, alice)] {
                let port = |host: Host| Host::new(host.ip(), 40_000 + call * 2);
                packet[8..12].copy_from_slice(&[src.port() as u8, 0, 0, call as u8]);
                net.send_bytes(port(src), port(dst), Over::Udp, &packet);
            }
        }
    }
    net.wait(1_000);
    for call in &mut calls {
        dressed(call).hang_up(Side::Caller);
    }
    net
}

fn call(net: &Scenario, number: usize, path: &[Host], over: Over) -> Call {
    let mut call = net.call(&format!("{:016x}-{number}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)), path);
    call.from = format!("sip:+1415555{:04}@sip.example.com", number % 10_000);
    call.to = format!("sip:+44203255{:04}@sip.example.com", number * 7 % 10_000);
    call.over(over);
    call
}

/// The headers that real user agents send and that nobody here asks for.
fn dressed(call: &mut Call) -> &mut Call {
    call.header("User-Agent: Example PBX 20.5.0")
        .header("Allow: OPTIONS, SUBSCRIBE, NOTIFY, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO, MESSAGE, REFER")
        .header("Supported: 100rel, timer, replaces, norefersub")
}

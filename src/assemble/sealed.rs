//! TLS that could not be opened: which of it is SIP, as far as that shows from outside, so that it can be counted as
//! unread. Knows the addresses at which SIP was spoken, and no TLS: what its hello says it is told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use foldhash::fast::RandomState;

use crate::issue::{Cause, Issues, Tally};

/// Addresses at which SIP was spoken, beside those on its own ports.
const MAX_SPEAKERS: usize = 65_536;
/// Addresses with TLS of which it is not known yet whether it is SIP.
const MAX_WAITING: usize = 4096;

/// Counts connections that stayed closed. Web browsing is nobody's loss; but what was sent to a port of SIP, or to an
/// address that speaks SIP on another connection, before or after, is.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    /// Ports on which TLS is SIP, as the user says.
    pub(super) hints: Vec<u16>,
    speakers: Speakers,
    /// What is decided at the end: by server and file.
    waiting: HashMap<(Ends, u32), Tally, RandomState>,
}

/// Where SIP was spoken: apart by version, since an address of IPv4 takes a quarter of what either may take, and this is
/// asked for at every message.
#[derive(Debug, Default)]
struct Speakers {
    v4: HashSet<SocketAddrV4, RandomState>,
    v6: HashSet<SocketAddrV6, RandomState>,
}

impl Speakers {
    fn insert(&mut self, end: SocketAddr) {
        if self.v4.len() + self.v6.len() < MAX_SPEAKERS {
            match end {
                SocketAddr::V4(end) => self.v4.insert(end),
                SocketAddr::V6(end) => self.v6.insert(end),
            };
        }
    }

    fn contains(&self, end: &SocketAddr) -> bool {
        match end {
            SocketAddr::V4(end) => self.v4.contains(end),
            SocketAddr::V6(end) => self.v6.contains(end),
        }
    }
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ends {
    /// Who was called, as far as is known: else the end with the lower port.
    pub(super) server: SocketAddr,
    /// The other one, where it may be the server just as well.
    pub(super) perhaps: Option<SocketAddr>,
}

/// A connection, or what there is of it.
#[derive(Debug)]
pub(super) struct Closed {
    /// Between whom.
    pub(super) ends: Ends,
    /// The end that is not the server.
    pub(super) other: SocketAddr,
    /// Whether the client said that it wants to speak SIP.
    pub(super) named: bool,
    /// How much of it.
    pub(super) unopened: Unopened,
}

/// What of a connection could not be opened, by file: few connections are in two.
#[derive(Clone, Debug, Default)]
pub(super) struct Unopened(BTreeMap<u32, Tally>);

impl Unopened {
    /// Counts so many bytes.
    pub(super) fn add(&mut self, place: crate::packet::Place, bytes: usize) {
        let tally = self.0.entry(place.file).or_insert(Tally { count: 0, bytes: 0, first: place });
        tally.count += 1;
        tally.bytes += bytes as u64;
    }

    /// Takes it, if it is anything.
    pub(super) fn take(&mut self) -> Option<Self> {
        (!self.0.is_empty()).then(|| std::mem::take(self))
    }
}

/// SIP's own ports, be it that of SIP without TLS (RFC 3261 19.1.2).
const fn is_sip(port: u16) -> bool {
    matches!(port, 5060 | 5061)
}

impl Sealed {
    /// SIP was received here.
    #[inline]
    pub(super) fn spoken_at(&mut self, end: SocketAddr) {
        if !is_sip(end.port()) {
            self.speakers.insert(end);
        }
    }

    /// Accounts for what a connection kept to itself.
    pub(super) fn count(&mut self, closed: Option<Closed>, issues: &mut Issues) {
        let Some(Closed { ends, other, named, unopened }) = closed else { return };
        let hinted = |port: &u16| is_sip(*port) || self.hints.contains(port);
        let port = [ends.server.port(), other.port()].into_iter().find(hinted);
        let port = port.or_else(|| named.then(|| ends.server.port())).or_else(|| self.speaks(ends));
        for (file, tally) in unopened.0 {
            if let Some(port) = port {
                issues.add_tally(Cause::TlsWithoutKeys(port), tally);
            } else if let Some(waiting) = self.waiting.get_mut(&(ends, file)) {
                waiting.add(tally);
            } else if self.waiting.len() < MAX_WAITING {
                self.waiting.insert((ends, file), tally);
            }
        }
    }

    /// All SIP that there is was seen: decides what could not be decided before.
    pub(super) fn finish(&mut self, issues: &mut Issues) {
        for ((ends, _), tally) in std::mem::take(&mut self.waiting) {
            if let Some(port) = self.speaks(ends) {
                issues.add_tally(Cause::TlsWithoutKeys(port), tally);
            }
        }
    }

    /// The port of the end that speaks SIP.
    fn speaks(&self, ends: Ends) -> Option<u16> {
        let both = [Some(ends.server), ends.perhaps].into_iter().flatten();
        both.filter(|end| self.speakers.contains(end)).map(|end| end.port()).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Place;

    fn end(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn unopened(frames: &[(u32, u64)]) -> Unopened {
        let mut unopened = Unopened::default();
        for &(file, frame) in frames {
            unopened.add(Place { file, frame }, 10);
        }
        unopened
    }

    fn counted(issues: &Issues, file: u32) -> Vec<(String, u64, u64)> {
        issues.of_file(file).map(|(cause, tally)| (cause.key(), tally.count, tally.first.frame)).collect()
    }

    #[test]
    fn what_shows_that_it_is_sip() {
        let (web, pbx, phone) = ("192.0.2.1:443", "192.0.2.2:7443", "10.0.0.1:40000");
        // (name, server, the other end, is the server known, does the client name SIP, where SIP is spoken, port named)
        type Case<'a> = (&'a str, &'a str, &'a str, bool, bool, &'a [&'a str], Option<u16>);
        let cases: &[Case<'_>] = &[
            ("browsing", web, phone, true, false, &[pbx], None),
            ("port of SIP", "192.0.2.3:5061", phone, true, false, &[], Some(5061)),
            ("port of SIP at the caller", web, "10.0.0.1:5060", true, false, &[], Some(5060)),
            ("named by the client", web, phone, true, true, &[], Some(443)),
            ("told by the user", "192.0.2.3:15061", phone, true, false, &[], Some(15061)),
            ("SIP at the same address", pbx, phone, true, false, &[pbx], Some(7443)),
            ("SIP on another port", "192.0.2.2:443", phone, true, false, &[pbx], None),
            ("SIP on the port of another host", "192.0.2.4:7443", phone, true, false, &[pbx], None),
            ("SIP at the port of a caller", web, phone, true, false, &[phone], None),
            ("joined: SIP at either end", phone, "192.0.2.2:50000", false, false, &["192.0.2.2:50000"], Some(50000)),
        ];
        for &(name, server, other, known, named, spoken, port) in cases {
            for late in [false, true] {
                let (mut sealed, mut issues) = (Sealed::default(), Issues::default());
                sealed.hints.push(15061);
                let speak = |sealed: &mut Sealed| spoken.iter().for_each(|at| sealed.spoken_at(end(at)));
                if !late {
                    speak(&mut sealed);
                }
                let ends = Ends { server: end(server), perhaps: (!known).then(|| end(other)) };
                let unopened = unopened(&[(0, 7), (0, 9), (1, 4)]);
                sealed.count(Some(Closed { ends, other: end(other), named, unopened }), &mut issues);
                if late {
                    speak(&mut sealed);
                }
                sealed.finish(&mut issues);
                let expected = |count, first| {
                    port.map(|port| (format!("tls_without_keys_{port}"), count, first)).into_iter().collect::<Vec<_>>()
                };
                assert_eq!(counted(&issues, 0), expected(2, 7), "{name}, late: {late}");
                assert_eq!(counted(&issues, 1), expected(1, 4), "{name}, late: {late}");
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut sealed, mut issues) = (Sealed::default(), Issues::default());
        for n in 0..100_000_u32 {
            let server = SocketAddr::from((n.to_be_bytes(), 443));
            sealed.spoken_at(server);
            let ends = Ends { server: SocketAddr::from((n.to_be_bytes(), 8443)), perhaps: None };
            let closed = Closed { ends, other: server, named: false, unopened: unopened(&[(0, 1)]) };
            sealed.count(Some(closed), &mut issues);
        }
        assert_eq!(
            (sealed.speakers.v4.len() + sealed.speakers.v6.len(), sealed.waiting.len()),
            (MAX_SPEAKERS, MAX_WAITING)
        );
    }
}

//! What is said once for all media or once for each: one pass over the lines of either. Knows no `m=` line.

use std::time::Duration;

use super::attribute::{Direction, Fingerprint, Setup};
use super::{attribute, lines, number, word};

/// The attributes of the session or of one media description that have a single value; of equal lines the first counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level<'a> {
    /// Address and TTL of the `c=` line (RFC 8866 5.7).
    pub(super) address: Option<&'a [u8]>,
    pub(super) ttl: Option<u8>,
    pub(super) direction: Option<Direction>,
    /// Port and address of `a=rtcp` (RFC 3605).
    pub(super) rtcp: Option<(u16, Option<&'a [u8]>)>,
    pub(super) rtcp_mux: bool,
    pub(super) ptime: Option<Duration>,
    pub(super) max_ptime: Option<Duration>,
    pub(super) setup: Option<Setup>,
    pub(super) fingerprint: Option<Fingerprint<'a>>,
    pub(super) ice: bool,
    pub(super) mid: Option<&'a [u8]>,
    pub(super) bundle_only: bool,
    pub(super) crypto: bool,
}

impl<'a> Level<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut level = Self::default();
        for (kind, value) in lines(bytes) {
            match kind {
                b'c' if level.address.is_none() => (level.address, level.ttl) = connection(value),
                b'a' => {
                    let (name, value) = attribute(value);
                    level.take(name, value);
                }
                _ => {}
            }
        }
        level
    }

    fn take(&mut self, name: &[u8], value: Option<&'a [u8]>) {
        let mut lower = [0; 16];
        let Some(lower) = lower.get_mut(..name.len()) else { return };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        match (&*lower, value) {
            (b"sendrecv", None) => self.flows(Direction::SendRecv),
            (b"sendonly", None) => self.flows(Direction::SendOnly),
            (b"recvonly", None) => self.flows(Direction::RecvOnly),
            (b"inactive", None) => self.flows(Direction::Inactive),
            (b"rtcp", Some(value)) => self.rtcp = self.rtcp.or_else(|| rtcp(value)),
            (b"rtcp-mux" | b"rtcp-mux-only", None) => self.rtcp_mux = true,
            (b"ptime", Some(value)) => self.ptime = self.ptime.or_else(|| milliseconds(value)),
            (b"maxptime", Some(value)) => self.max_ptime = self.max_ptime.or_else(|| milliseconds(value)),
            (b"setup", Some(value)) => self.setup = self.setup.or_else(|| Setup::parse(value)),
            (b"fingerprint", Some(value)) => {
                self.fingerprint = self.fingerprint.or_else(|| Fingerprint::parse(value));
            }
            (b"ice-ufrag", _) => self.ice = true,
            (b"mid", Some(value)) => self.mid = self.mid.or_else(|| Some(value.trim_ascii())),
            (b"bundle-only", None) => self.bundle_only = true,
            (b"crypto", Some(_)) => self.crypto = true,
            _ => {}
        }
    }

    fn flows(&mut self, direction: Direction) {
        self.direction = self.direction.or(Some(direction));
    }
}

/// Address and TTL of `IN IP4 224.2.1.1/127/3`. What follows an address of IPv6 is the number of addresses alone.
fn connection(value: &[u8]) -> (Option<&[u8]>, Option<u8>) {
    let (_, rest) = word(value);
    let (family, rest) = word(rest);
    let mut parts = word(rest).0.split(|byte| *byte == b'/');
    let address = parts.next().filter(|address| !address.is_empty());
    (address, parts.next().filter(|_| family.eq_ignore_ascii_case(b"IP4")).and_then(number))
}

/// `53020 IN IP6 2001:db8::1` (RFC 3605 2.1).
fn rtcp(value: &[u8]) -> Option<(u16, Option<&[u8]>)> {
    let (port, rest) = word(value);
    Some((number(port)?, connection(rest).0))
}

/// `20`, `2.5`, in milliseconds (RFC 8866 6.4).
fn milliseconds(value: &[u8]) -> Option<Duration> {
    let (whole, fraction) = match value.trim_ascii() {
        value if value.contains(&b'.') => super::split_at_byte(value, b'.')?,
        value => (value, &[][..]),
    };
    let millis = Duration::from_millis(u64::from(number::<u32>(whole)?));
    let mut unit = 100_000;
    let mut nanos = 0;
    for digit in fraction {
        nanos += u64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?) * unit;
        unit /= 10;
    }
    let length = millis + Duration::from_nanos(nanos);
    (!length.is_zero()).then_some(length)
}

//! The connections that are open, by their two ends. Knows nothing of what they carry.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

use super::{Connection, Ends};

/// Both ends of a connection, the lower one first, so that it is the same for both directions: their addresses and their
/// ports. IPv4, which is nearly all there is, needs less to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    V4(Short),
    Any(Long),
}

type Short = (u64, u32);
type Long = (u128, u128, u32);

/// Connections by their keys.
#[derive(Debug, Default)]
pub(super) struct Open {
    short: HashMap<Short, Box<Connection>, RandomState>,
    long: HashMap<Long, Box<Connection>, RandomState>,
}

impl Key {
    /// The connection's key, and which of its two sides the sender is.
    #[inline]
    pub(super) fn of(Ends { src, dst }: Ends) -> (Self, usize) {
        // Inside IPv6, IPv4 is what it is outside.
        if let (IpAddr::V4(from), IpAddr::V4(to)) = (src.ip().to_canonical(), dst.ip().to_canonical()) {
            let addresses = u64::from(from.to_bits()) << 32 | u64::from(to.to_bits());
            let (key, side) = Self::short(addresses, u32::from(src.port()) << 16 | u32::from(dst.port()));
            return (Self::V4(key), side);
        }
        let (src, dst) = (ordered(src), ordered(dst));
        let (low, high, from) = if src <= dst { (src, dst, 0) } else { (dst, src, 1) };
        (Self::Any((low.0, high.0, u32::from(low.1) << 16 | u32::from(high.1))), from)
    }

    /// The same of IPv4: of addresses and ports with those of the sender in the upper half.
    #[inline]
    pub(super) const fn short(addresses: u64, ports: u32) -> (Short, usize) {
        let (src, dst) =
            ((addresses >> 32) << 16 | (ports >> 16) as u64, (addresses << 32) >> 16 | (ports & 0xffff) as u64);
        if src <= dst { ((addresses, ports), 0) } else { ((addresses.rotate_left(32), ports.rotate_left(16)), 1) }
    }
}

/// An end as ends are ordered.
fn ordered(end: SocketAddr) -> (u128, u16) {
    let bits = match end.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    (bits, end.port())
}

impl Open {
    pub(super) fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    #[inline]
    pub(super) fn get_short(&mut self, key: Short) -> Option<&mut Connection> {
        self.short.get_mut(&key).map(|connection| &mut **connection)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Connection> {
        match key {
            Key::V4(key) => self.get_short(key),
            Key::Any(key) => self.long.get_mut(&key).map(|connection| &mut **connection),
        }
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        match key {
            Key::V4(key) => self.short.contains_key(&key),
            Key::Any(key) => self.long.contains_key(&key),
        }
    }

    /// The connection of this key; where there is none, the one that `make` gives.
    #[inline]
    pub(super) fn get_or_make(
        &mut self,
        key: Key,
        make: impl FnOnce() -> Option<Box<Connection>>,
    ) -> Option<&mut Connection> {
        fn of<'o, K>(
            entry: Entry<'o, K, Box<Connection>>,
            make: impl FnOnce() -> Option<Box<Connection>>,
        ) -> Option<&'o mut Connection> {
            match entry {
                Entry::Occupied(known) => Some(known.into_mut()),
                Entry::Vacant(free) => Some(free.insert(make()?)),
            }
        }
        match key {
            Key::V4(key) => of(self.short.entry(key), make),
            Key::Any(key) => of(self.long.entry(key), make),
        }
    }

    pub(super) fn insert(&mut self, connection: Box<Connection>) {
        let [src, dst] = connection.ends;
        match Key::of(Ends { src, dst }).0 {
            Key::V4(key) => self.short.insert(key, connection),
            Key::Any(key) => self.long.insert(key, connection),
        };
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.short.values().chain(self.long.values()).map(|connection| &**connection)
    }

    /// Takes connections out, those longest without a packet first: a hash map has no order of its own, output must.
    #[expect(clippy::vec_box, reason = "they are boxed in the map already; moving them out of their boxes only costs")]
    pub(super) fn remove(&mut self, which: impl Fn(&Connection) -> bool) -> Vec<Box<Connection>> {
        let short = self.short.extract_if(|_, connection| which(connection)).map(|(_, connection)| connection);
        let long = self.long.extract_if(|_, connection| which(connection)).map(|(_, connection)| connection);
        let mut gone: Vec<_> = short.chain(long).collect();
        gone.sort_unstable_by(|one, two| {
            let last = |of: &Connection| (of.last.at, of.last.place);
            last(one).cmp(&last(two)).then_with(|| one.place_among_others().cmp(&two.place_among_others()))
        });
        gone
    }
}

impl Connection {
    /// By its ends: an order that is always the same.
    pub(super) fn place_among_others(&self) -> Long {
        let [low, high] = self.ends.map(ordered);
        (low.0, high.0, u32::from(low.1) << 16 | u32::from(high.1))
    }
}

//! A way as what is tracked keeps it: a quarter as wide as a [`Path`], since millions may be held. Knows no messages.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use serde::{Deserialize, Serialize};

use crate::event::{Path, Transport};

/// From whom to whom, and over what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Hop {
    /// Between IPv4 addresses, as nearly all are.
    V4 { transport: Transport, ports: [u16; 2], src: Ipv4Addr, dst: Ipv4Addr },
    /// Any other, and only that: then two that are equal are kept alike.
    Other(Box<Path>),
}

impl Hop {
    #[inline]
    pub(super) fn of(path: &Path) -> Self {
        match *path {
            Path { src: SocketAddr::V4(src), dst: SocketAddr::V4(dst), transport } => {
                Self::V4 { transport, ports: [src.port(), dst.port()], src: *src.ip(), dst: *dst.ip() }
            }
            path => Self::Other(Box::new(path)),
        }
    }

    #[inline]
    pub(super) fn path(&self) -> Path {
        match self {
            Self::V4 { transport, ports: [from, to], src, dst } => Path {
                src: SocketAddr::new((*src).into(), *from),
                dst: SocketAddr::new((*dst).into(), *to),
                transport: *transport,
            },
            Self::Other(path) => **path,
        }
    }

    /// Whether it is this one.
    #[inline]
    pub(super) fn is(&self, path: &Path) -> bool {
        match (self, path) {
            (
                Self::V4 { transport, ports, src, dst },
                Path { src: SocketAddr::V4(from), dst: SocketAddr::V4(to), .. },
            ) => {
                *transport == path.transport && *ports == [from.port(), to.port()] && src == from.ip() && dst == to.ip()
            }
            (Self::V4 { .. }, _) => false,
            (Self::Other(of), path) => **of == *path,
        }
    }

    /// Whether a message that went this way went between the ends of this hop, in either direction.
    #[inline]
    pub(super) fn joins(&self, path: &Path) -> bool {
        match (self, path) {
            (
                Self::V4 { ports: [from, to], src, dst, .. },
                Path { src: SocketAddr::V4(one), dst: SocketAddr::V4(two), .. },
            ) => {
                let is = |ip: &Ipv4Addr, port: u16, of: &SocketAddrV4| port == of.port() && ip == of.ip();
                (is(src, *from, one) && is(dst, *to, two)) || (is(dst, *to, one) && is(src, *from, two))
            }
            (Self::V4 { .. }, _) => false,
            (Self::Other(of), path) => {
                (of.src, of.dst) == (path.src, path.dst) || (of.dst, of.src) == (path.src, path.dst)
            }
        }
    }

    #[inline]
    pub(super) fn sender(&self) -> IpAddr {
        match self {
            Self::V4 { src, .. } => (*src).into(),
            Self::Other(path) => path.src.ip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = SocketAddr> {
        let ip = prop_oneof![
            (0_u32..3).prop_map(|ip| IpAddr::from(ip.to_be_bytes())),
            (0_u128..3).prop_map(|ip| IpAddr::from(ip.to_be_bytes())),
            Just("::ffff:0.0.0.1".parse().unwrap()),
        ];
        (ip, 0_u16..3).prop_map(|(ip, port)| SocketAddr::new(ip, port))
    }

    fn path() -> impl Strategy<Value = Path> {
        let transport = prop_oneof![Just(Transport::Udp), Just(Transport::Wss)];
        (address(), address(), transport).prop_map(|(src, dst, transport)| Path { src, dst, transport })
    }

    #[test]
    fn it_is_small() {
        assert_eq!((size_of::<Hop>(), size_of::<Option<Hop>>()), (16, 16));
    }

    proptest! {
        #[test]
        fn it_is_the_path(one in path(), two in path()) {
            let (hop, other) = (Hop::of(&one), Hop::of(&two));
            prop_assert_eq!(hop.path(), one);
            prop_assert_eq!(hop == other, one == two);
            prop_assert_eq!(hop.is(&two), one == two);
            prop_assert_eq!(hop.sender(), one.src.ip());
            let between = (one.src, one.dst) == (two.src, two.dst) || (one.dst, one.src) == (two.src, two.dst);
            prop_assert_eq!(hop.joins(&two), between);
        }
    }
}

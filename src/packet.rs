//! One frame as the capture holds it, and the place that names it. Knows nothing of what the bytes mean.

use crate::time::Timestamp;

/// Where in the input something was: the file (its index in the order of reading) and the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index of the capture, in the order given by the reader.
    pub file: u32,
    /// Wireshark's frame number: per file, from 1.
    pub frame: u64,
}

/// A link type of the tcpdump.org registry (LINKTYPE_…), as the file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four bytes of address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet II and 802.3.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP as some BSDs number it.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP as OpenBSD numbers it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// Raw IPv4 or IPv6, told apart by the version nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: like NULL, always in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// One captured frame, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// File and frame number.
    pub place: Place,
    /// The section of its file, from 0: a pcapng that was written in several goes has several.
    pub section: u32,
    /// When it was captured.
    pub at: Timestamp,
    /// How its first bytes are to be read.
    pub link: LinkType,
    /// Its length on the wire, in bytes; more than `data` holds where the snap length cut it.
    pub original_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

impl Packet<'_> {
    /// Whether the snap length cut this frame short.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.original_len as usize > self.data.len()
    }
}

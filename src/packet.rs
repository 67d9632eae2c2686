//! One frame as the capture holds it, and the place that names it. Knows nothing of what the bytes mean.

use crate::time::Timestamp;

/// Where in the input something was: the file (its index in the order of reading) and the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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
    /// PPP, with HDLC framing or without.
    pub const PPP: Self = Self(9);
    /// Raw IP as some BSDs number it.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP as OpenBSD numbers it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP with HDLC framing (RFC 1662), or Cisco's.
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session packets without Ethernet.
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IPv4 or IPv6, told apart by the version nibble.
    pub const RAW: Self = Self(101);
    /// HDLC with Cisco's framing (RFC 1547).
    pub const C_HDLC: Self = Self(104);
    /// 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// OpenBSD loopback: like NULL, always in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// 802.11 behind a Prism header.
    pub const IEEE802_11_PRISM: Self = Self(119);
    /// 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// 802.11 behind an AVS header.
    pub const IEEE802_11_AVS: Self = Self(163);
    /// Per-packet information: a header that names another link type.
    pub const PPI: Self = Self(192);
    /// PPP behind a byte that tells the direction.
    pub const PPP_WITH_DIR: Self = Self(204);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux netfilter log.
    pub const NFLOG: Self = Self(239);
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

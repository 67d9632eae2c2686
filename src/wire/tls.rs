//! TLS records and as much of the handshake as decryption asks for (RFC 8446, 5246). Knows no keys, no sequence numbers
//! and no connection: one record or one message at a time.

/// The bytes of a record's header (RFC 8446 5.1): type, version, length.
pub const HEADER: usize = 5;
/// A record protects at most 2^14 bytes and may grow by 2048 (RFC 5246 6.2.3; TLS 1.3 allows 256).
const MAX_FRAGMENT: usize = (1 << 14) + 2048;

/// Record types (RFC 8446 B.1).
pub mod content {
    /// A change of keys, and in TLS 1.3 a filler without meaning.
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    /// An alert.
    pub const ALERT: u8 = 21;
    /// Handshake messages.
    pub const HANDSHAKE: u8 = 22;
    /// What the connection is for; in TLS 1.3 also whatever else is encrypted.
    pub const APPLICATION_DATA: u8 = 23;
}

/// Handshake message types (RFC 8446 B.3, RFC 5246 7.4).
pub mod handshake {
    /// The client's offer.
    pub const CLIENT_HELLO: u8 = 1;
    /// The server's choice.
    pub const SERVER_HELLO: u8 = 2;
    /// The secret under the server's public key, up to TLS 1.2.
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
    /// The last message under the handshake's keys.
    pub const FINISHED: u8 = 20;
    /// The sender's keys change behind this message (RFC 8446 4.6.3).
    pub const KEY_UPDATE: u8 = 24;
}

/// TLS 1.3, as `supported_versions` names it.
pub const TLS13: u16 = 0x0304;
/// TLS 1.2, as a `ServerHello` names it.
pub const TLS12: u16 = 0x0303;
/// TLS 1.1.
pub const TLS11: u16 = 0x0302;
/// TLS 1.0.
pub const TLS10: u16 = 0x0301;

/// The random of a `ServerHello` that is a `HelloRetryRequest` (RFC 8446 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Extensions (IANA, TLS `ExtensionType` Values).
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const ALPN: u16 = 16;
    pub(super) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(super) const EXTENDED_MASTER_SECRET: u16 = 23;
    pub(super) const EARLY_DATA: u16 = 42;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
}

/// One record as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The header, which TLS 1.3 authenticates as it is.
    pub header: &'a [u8; HEADER],
    /// What the record carries, protected or not.
    pub fragment: &'a [u8],
}

impl Record<'_> {
    /// The type that the header names.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.header[0]
    }

    /// Bytes on the wire.
    #[must_use]
    pub const fn len(&self) -> usize {
        HEADER + self.fragment.len()
    }

    /// Whether it carries nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fragment.is_empty()
    }
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// The beginning of one, as far as can be told.
    NeedMore,
    /// No record.
    Other,
}

/// Reads the record at the beginning.
#[must_use]
pub fn record(bytes: &[u8]) -> Next<'_> {
    let plausible = match bytes {
        [] => true,
        [kind] => matches!(kind, 20..=23),
        [kind, major] => matches!(kind, 20..=23) && *major == 3,
        [kind, major, minor, ..] => matches!(kind, 20..=23) && *major == 3 && *minor <= 4,
    };
    if !plausible {
        return Next::Other;
    }
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Next::NeedMore };
    let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if len > MAX_FRAGMENT {
        return Next::Other;
    }
    match rest.get(..len) {
        Some(fragment) => Next::Record(Record { header, fragment }),
        None => Next::NeedMore,
    }
}

/// The handshake message at the beginning: its type, its body, and its length with the header of four bytes; `None`
/// while it is not whole.
#[must_use]
pub fn message(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (kind, len) = announced(bytes)?;
    Some((kind, bytes.get(4..4 + len)?, 4 + len))
}

/// The type and the length of body that a handshake message announces.
#[must_use]
pub fn announced(bytes: &[u8]) -> Option<(u8, usize)> {
    let [kind, high, middle, low] = *bytes.first_chunk::<4>()?;
    Some((kind, u32::from_be_bytes([0, high, middle, low]) as usize))
}

/// What a client offers, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClientHello {
    /// By this, key logs name the connection.
    pub random: [u8; 32],
    /// Whether it may send data under keys of its own before the server has said anything (RFC 8446 4.2.10).
    pub early_data: bool,
    /// Whether it names SIP as the protocol inside (ALPN, `sip/2`), or a server of SIP (`sip.example.com`).
    pub sip: bool,
}

impl ClientHello {
    /// Reads a message's body.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (_version, rest) = body.split_first_chunk::<2>()?;
        let (random, rest) = rest.split_first_chunk::<32>()?;
        let (_session, rest) = vector8(rest)?;
        let (_suites, rest) = vector16(rest)?;
        let (_compressions, rest) = vector8(rest)?;
        let mut hello = Self { random: *random, early_data: false, sip: false };
        for (kind, value) in extensions(rest) {
            match kind {
                extension::EARLY_DATA => hello.early_data = true,
                // A list, of which only host names were ever defined (RFC 6066 3).
                extension::SERVER_NAME => {
                    let list = vector16(value).and_then(|(list, _)| list.split_first());
                    let name = list.filter(|(kind, _)| **kind == 0).and_then(|(_, name)| vector16(name));
                    hello.sip |= name.is_some_and(|(name, _)| names_sip(name));
                }
                extension::ALPN => {
                    let mut names = vector16(value).map_or(&[] as &[u8], |(names, _)| names);
                    while let Some((name, rest)) = vector8(names) {
                        hello.sip |= name == b"sip/2";
                        names = rest;
                    }
                }
                _ => {}
            }
        }
        Some(hello)
    }
}

/// Whether a host is named after SIP: `sip.example.com`, `sips2.example.com`, `sipdir.example.com`. A name of two labels
/// is a company's, which has web pages.
fn names_sip(host: &[u8]) -> bool {
    let mut labels = host.split(|byte| *byte == b'.');
    let Some(first) = labels.next().map(<[u8]>::to_ascii_lowercase) else { return false };
    let name = first.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    labels.count() >= 2 && [&b"sip"[..], b"sips", b"sipdir", b"sipfed", b"sipproxy", b"siptls"].contains(&name)
}

/// What a server chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServerHello {
    /// The version spoken from here on.
    pub version: u16,
    /// The server's part of what the keys are made from.
    pub random: [u8; 32],
    /// The cipher suite, by its IANA number.
    pub suite: u16,
    /// Whether records are compressed (RFC 3749).
    pub compressed: bool,
    /// RFC 7366.
    pub encrypt_then_mac: bool,
    /// RFC 7627.
    pub extended_master_secret: bool,
}

impl ServerHello {
    /// Reads a message's body.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_first_chunk::<2>()?;
        let (random, rest) = rest.split_first_chunk::<32>()?;
        let (_session, rest) = vector8(rest)?;
        let ([high, low, compression], rest) = rest.split_first_chunk::<3>()?;
        let mut hello = Self {
            version: u16::from_be_bytes(*version),
            random: *random,
            suite: u16::from_be_bytes([*high, *low]),
            compressed: *compression != 0,
            encrypt_then_mac: false,
            extended_master_secret: false,
        };
        for (kind, value) in extensions(rest) {
            match (kind, value) {
                (extension::SUPPORTED_VERSIONS, [high, low]) => hello.version = u16::from_be_bytes([*high, *low]),
                (extension::ENCRYPT_THEN_MAC, _) => hello.encrypt_then_mac = true,
                (extension::EXTENDED_MASTER_SECRET, _) => hello.extended_master_secret = true,
                _ => {}
            }
        }
        Some(hello)
    }

    /// Whether it only asks the client for another offer.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.random == RETRY
    }
}

/// The extensions behind a hello's fixed fields.
fn extensions(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = vector16(bytes).map_or(&[] as &[u8], |(list, _)| list);
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk::<2>()?;
        let (value, after) = vector16(after)?;
        rest = after;
        Some((u16::from_be_bytes(*kind), value))
    })
}

/// Bytes behind a length of one byte, and what follows them.
pub(crate) fn vector8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*len))
}

/// Bytes behind a length of two bytes, and what follows them.
pub(crate) fn vector16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    fn hello(extensions: &[(u16, &[u8])], choice: &[u8]) -> Vec<u8> {
        let list: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, value)| [&kind.to_be_bytes(), &(value.len() as u16).to_be_bytes(), *value].concat())
            .collect();
        [&[3, 3], &[7; 32][..], &[1, 9], choice, &(list.len() as u16).to_be_bytes(), &list].concat()
    }

    #[test]
    fn records_are_told_from_other_bytes() {
        let cases: &[(&str, &[u8], Option<usize>, bool)] = &[
            ("whole", &[22, 3, 1, 0, 2, 1, 2], Some(7), false),
            ("with more behind it", &[23, 3, 3, 0, 0, 23, 3], Some(5), false),
            ("not whole", &[22, 3, 1, 0, 3, 1, 2], None, true),
            ("a header's beginning", &[22, 3], None, true),
            ("nothing", &[], None, true),
            ("another type", &[24, 3], None, false),
            ("another version", &[22, 2, 0], None, false),
            ("too long", &[22, 3, 3, 0x48, 1], None, false),
            ("text", b"INVITE", None, false),
        ];
        for (name, bytes, len, more) in cases {
            let (got_len, got_more) = match record(bytes) {
                Next::Record(record) => (Some(record.len()), false),
                Next::NeedMore => (None, true),
                Next::Other => (None, false),
            };
            assert_eq!((got_len, got_more), (*len, *more), "{name}");
        }
    }

    #[test]
    fn hellos_say_what_decryption_asks() {
        let offer = &[0, 2, 0x13, 1, 1, 0];
        let client = ClientHello::parse(&hello(&[(42, &[]), (16, b"\0\x08\x01x\x05sip/2")], offer)).unwrap();
        assert_eq!(client, ClientHello { random: [7; 32], early_data: true, sip: true });
        let client = ClientHello::parse(&hello(&[(16, b"\0\x03\x02h2")], offer)).unwrap();
        assert_eq!((client.early_data, client.sip), (false, false));
        let names: &[(&[u8], bool)] = &[
            (b"sip.example.com", true),
            (b"SIP2.example.com", true),
            (b"sips-eu.example.com", true),
            (b"sipdir.example.com", true),
            (b"sip.us", false),
            (b"sipping.example.com", false),
            (b"www.sip.example.com", false),
            (b"", false),
        ];
        for (name, sip) in names {
            let len = name.len() as u8;
            let list = [&[0, len + 3, 0, 0, len], *name].concat();
            let client = ClientHello::parse(&hello(&[(0, &list)], offer)).unwrap();
            assert_eq!(client.sip, *sip, "{}", String::from_utf8_lossy(name));
        }

        let choice = &[0xc0, 0x13, 0];
        let server = ServerHello::parse(&hello(&[(22, &[]), (23, &[])], choice)).unwrap();
        assert_eq!((server.version, server.suite, server.compressed), (TLS12, 0xc013, false));
        assert!(server.encrypt_then_mac && server.extended_master_secret && !server.is_retry());
        let server = ServerHello::parse(&hello(&[(43, &[3, 4])], choice)).unwrap();
        assert_eq!(server.version, TLS13);
        // Before extensions there were none.
        let bare = hello(&[], choice);
        assert!(ServerHello::parse(&bare[..bare.len() - 2]).is_some());
    }

    proptest! {
        #[test]
        fn no_bytes_surprise_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Next::Record(record) = record(&bytes) {
                prop_assert!(record.len() <= bytes.len());
            }
            if let Some((_, body, len)) = message(&bytes) {
                prop_assert_eq!(body.len() + 4, len);
            }
            let _ = (ClientHello::parse(&bytes), ServerHello::parse(&bytes));
        }
    }
}

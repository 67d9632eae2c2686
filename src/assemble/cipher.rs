//! The cipher suites of TLS as a reader needs them: from secrets to keys, from a protected record to what it carries.
//! Knows no connection: which secret, which sequence number and which record belong together is told.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};

use crate::wire::keylog::Secret;
use crate::wire::tls::{Record, TLS10, TLS12, TLS13};

/// The bytes of an AES block.
pub(super) const BLOCK: usize = 16;
/// The bytes of an AEAD's tag, for all suites here.
const TAG: usize = 16;
/// The bytes of a nonce, for all suites here.
const NONCE: usize = 12;

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20,
    Aes128Cbc(Hash),
    Aes256Cbc(Hash),
}

/// What is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
}

impl Hash {
    const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Suite {
    cipher: Cipher,
    /// What its key derivation hashes with, from TLS 1.2 on.
    hash: Hash,
}

impl Suite {
    /// By its number in IANA's registry (TLS Cipher Suites).
    pub(super) const fn of(number: u16) -> Option<Self> {
        use Cipher::{Aes128Cbc, Aes128Gcm, Aes256Cbc, Aes256Gcm, ChaCha20};
        use Hash::{Sha1, Sha256, Sha384};
        let (cipher, hash) = match number {
            0x1301 => (Aes128Gcm, Sha256),
            0x1302 => (Aes256Gcm, Sha384),
            0x1303 | 0xcca8..=0xccae => (ChaCha20, Sha256),
            // RSA, DH and PSK (RFC 5288, 5487), where the even number is always the shorter key.
            0x009c..=0x00ad if number & 1 == 0 => (Aes128Gcm, Sha256),
            0x009c..=0x00ad => (Aes256Gcm, Sha384),
            // Elliptic curves (RFC 5289, 8442), where the odd one is.
            0xc02b | 0xc02d | 0xc02f | 0xc031 | 0xd001 => (Aes128Gcm, Sha256),
            0xc02c | 0xc02e | 0xc030 | 0xc032 | 0xd002 => (Aes256Gcm, Sha384),
            0x002f..=0x0034 | 0x008c | 0x0090 | 0x0094 => (Aes128Cbc(Sha1), Sha256),
            0x0035..=0x003a | 0x008d | 0x0091 | 0x0095 => (Aes256Cbc(Sha1), Sha256),
            0xc004 | 0xc009 | 0xc00e | 0xc013 | 0xc018 | 0xc035 => (Aes128Cbc(Sha1), Sha256),
            0xc005 | 0xc00a | 0xc00f | 0xc014 | 0xc019 | 0xc036 => (Aes256Cbc(Sha1), Sha256),
            0x003c | 0x003e..=0x0040 | 0x0067 | 0x006c | 0x00ae | 0x00b2 | 0x00b6 => (Aes128Cbc(Sha256), Sha256),
            0x003d | 0x0068..=0x006b | 0x006d => (Aes256Cbc(Sha256), Sha256),
            0xc023 | 0xc025 | 0xc027 | 0xc029 | 0xc037 => (Aes128Cbc(Sha256), Sha256),
            0x00af | 0x00b3 | 0x00b7 | 0xc024 | 0xc026 | 0xc028 | 0xc02a | 0xc038 => (Aes256Cbc(Sha384), Sha384),
            _ => return None,
        };
        Some(Self { cipher, hash })
    }

    /// The hash that the handshake is summed up with (RFC 7627 3).
    pub(super) fn transcript_hash(self, version: u16, transcript: &[&[u8]]) -> Vec<u8> {
        fn sum<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            parts.iter().fold(D::new(), |digest, part| digest.chain_update(part)).finalize().to_vec()
        }
        match self.hash {
            _ if version < TLS12 => [sum::<Md5>(transcript), sum::<Sha1>(transcript)].concat(),
            Hash::Sha384 => sum::<Sha384>(transcript),
            _ => sum::<Sha256>(transcript),
        }
    }

    /// The pseudorandom function up to TLS 1.2 (RFC 5246 5, RFC 2246 5).
    pub(super) fn prf(self, version: u16, secret: &[u8], label: &str, seed: &[u8], out: &mut [u8]) {
        let seed = [label.as_bytes(), seed].concat();
        if version >= TLS12 {
            match self.hash {
                Hash::Sha384 => p_hash::<Hmac<Sha384>>(secret, &seed, out),
                _ => p_hash::<Hmac<Sha256>>(secret, &seed, out),
            }
        } else {
            // Half the secret each; they share the middle byte where it is odd.
            let half = secret.len().div_ceil(2);
            let (first, second) =
                (secret.get(..half).unwrap_or_default(), secret.get(secret.len() - half..).unwrap_or_default());
            p_hash::<Hmac<Md5>>(first, &seed, out);
            let mut other = vec![0; out.len()];
            p_hash::<Hmac<Sha1>>(second, &seed, &mut other);
            out.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
        }
    }

    const fn key_len(self) -> usize {
        match self.cipher {
            Cipher::Aes128Gcm | Cipher::Aes128Cbc(_) => 16,
            Cipher::Aes256Gcm | Cipher::Aes256Cbc(_) | Cipher::ChaCha20 => 32,
        }
    }
}

/// A secret of TLS 1.3 and what follows from it.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Traffic {
    secret: Secret,
    /// How to open the records.
    pub(super) keys: Keys,
}

impl Traffic {
    /// RFC 8446 7.3. A secret as long as no hash of this suite is none.
    pub(super) fn new(suite: Suite, secret: Secret) -> Option<Self> {
        if secret.bytes().len() != suite.hash.len()
            || matches!(suite.cipher, Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_))
        {
            return None;
        }
        let mut keys = Keys::none(suite, TLS13);
        expand_label(suite.hash, secret.bytes(), "key", keys.key.get_mut(..suite.key_len())?)?;
        expand_label(suite.hash, secret.bytes(), "iv", keys.iv.get_mut(..NONCE)?)?;
        Some(Self { secret, keys })
    }

    /// Behind a `KeyUpdate` (RFC 8446 7.2).
    pub(super) fn next(&self) -> Option<Self> {
        let mut bytes = [0; crate::wire::keylog::MAX_SECRET];
        let out = bytes.get_mut(..self.secret.bytes().len())?;
        expand_label(self.keys.suite.hash, self.secret.bytes(), "traffic upd", out)?;
        Self::new(self.keys.suite, Secret::new(out)?)
    }
}

/// As many bytes as the longest hash here, or a master secret, has.
#[derive(Clone, Copy)]
pub(super) struct Block48(pub(super) [u8; 48]);

impl serde::Serialize for Block48 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(to)
    }
}

impl<'de> serde::Deserialize<'de> for Block48 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(from)?;
        bytes.try_into().map(Self).map_err(|_| serde::de::Error::custom("not 48 bytes"))
    }
}

/// What one direction is opened with.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(super) struct Keys {
    suite: Suite,
    version: u16,
    encrypt_then_mac: bool,
    key: [u8; 32],
    /// The fixed part of the nonce; the first initialization vector for CBC in TLS 1.0.
    iv: [u8; BLOCK],
    mac: Block48,
}

/// Keys do not belong into anybody's log.
impl std::fmt::Debug for Keys {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Keys({:?}, {:04x})", self.suite, self.version)
    }
}

impl Keys {
    const fn none(suite: Suite, version: u16) -> Self {
        Self { suite, version, encrypt_then_mac: false, key: [0; 32], iv: [0; BLOCK], mac: Block48([0; 48]) }
    }

    /// The keys of client and server up to TLS 1.2 (RFC 5246 6.3), from the master secret and both randoms.
    pub(super) fn of_master(
        suite: Suite,
        version: u16,
        encrypt_then_mac: bool,
        master: &[u8],
        client: &[u8; 32],
        server: &[u8; 32],
    ) -> [Self; 2] {
        let (mac, iv, encrypt_then_mac) = match suite.cipher {
            Cipher::Aes128Cbc(hash) | Cipher::Aes256Cbc(hash) => {
                (hash.len(), if version == TLS10 { BLOCK } else { 0 }, encrypt_then_mac)
            }
            Cipher::ChaCha20 => (0, NONCE, false),
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => (0, 4, false),
        };
        let mut block = vec![0; 2 * (mac + suite.key_len() + iv)];
        suite.prf(version, master, "key expansion", &[&server[..], client].concat(), &mut block);
        let mut both = [Self { encrypt_then_mac, ..Self::none(suite, version) }; 2];
        let mut rest = block.as_slice();
        let mut fill = |field: fn(&mut Self) -> &mut [u8], len: usize| {
            for keys in &mut both {
                if let (Some(to), Some((now, later))) = (field(keys).get_mut(..len), rest.split_at_checked(len)) {
                    to.copy_from_slice(now);
                    rest = later;
                }
            }
        };
        fill(|keys| &mut keys.mac.0, mac);
        fill(|keys| &mut keys.key, suite.key_len());
        fill(|keys| &mut keys.iv, iv);
        both
    }

    /// Opens a record: its type and what it carries; `None` if it was not made with these keys and this number.
    pub(super) fn open(&self, sequence: u64, record: &Record<'_>) -> Option<(u8, Vec<u8>)> {
        let key = self.key.get(..self.suite.key_len())?;
        match self.suite.cipher {
            Cipher::Aes128Gcm => self.open_aead(&Aes128Gcm::new_from_slice(key).ok()?, sequence, record),
            Cipher::Aes256Gcm => self.open_aead(&Aes256Gcm::new_from_slice(key).ok()?, sequence, record),
            Cipher::ChaCha20 => self.open_aead(&ChaCha20Poly1305::new_from_slice(key).ok()?, sequence, record),
            Cipher::Aes128Cbc(hash) => self.open_cbc::<cbc::Decryptor<aes::Aes128>>(key, hash, sequence, record),
            Cipher::Aes256Cbc(hash) => self.open_cbc::<cbc::Decryptor<aes::Aes256>>(key, hash, sequence, record),
        }
    }

    /// In TLS 1.0 a record's last block is the next one's initialization vector.
    pub(super) fn chain(&mut self, record: &Record<'_>) {
        let fragment = match self.suite.cipher {
            Cipher::Aes128Cbc(hash) | Cipher::Aes256Cbc(hash) if self.version == TLS10 => {
                let behind = if self.encrypt_then_mac { hash.len() } else { 0 };
                record.fragment.get(..record.fragment.len().saturating_sub(behind))
            }
            _ => None,
        };
        if let Some(last) = fragment.and_then(|fragment| fragment.last_chunk::<BLOCK>()) {
            self.iv = *last;
        }
    }

    fn open_aead(&self, cipher: &impl Aead, sequence: u64, record: &Record<'_>) -> Option<(u8, Vec<u8>)> {
        let mut nonce: [u8; NONCE] = *self.iv.first_chunk()?;
        let explicit = self.version < TLS13 && self.suite.cipher != Cipher::ChaCha20;
        let (number, sealed) = if explicit {
            record.fragment.split_first_chunk::<8>()?
        } else {
            (&sequence.to_be_bytes(), record.fragment)
        };
        // The first four bytes are fixed; the others come with the record, or from the sequence number.
        nonce.iter_mut().skip(4).zip(number).for_each(|(byte, number)| {
            *byte = if explicit { *number } else { *byte ^ number };
        });
        let inner = sealed.len().checked_sub(TAG)?;
        let aad = if self.version == TLS13 { record.header.to_vec() } else { header(sequence, record, inner) };
        let nonce = nonce.as_slice().try_into().ok()?;
        let mut plain = cipher.decrypt(nonce, Payload { msg: sealed, aad: &aad }).ok()?;
        if self.version < TLS13 {
            return Some((record.kind(), plain));
        }
        // The type is the last byte that is not zero (RFC 8446 5.2).
        plain.truncate(plain.iter().rposition(|byte| *byte != 0)? + 1);
        plain.pop().map(|kind| (kind, plain))
    }

    fn open_cbc<C: KeyIvInit + BlockModeDecrypt>(
        &self,
        key: &[u8],
        hash: Hash,
        sequence: u64,
        record: &Record<'_>,
    ) -> Option<(u8, Vec<u8>)> {
        let mut fragment = record.fragment;
        if self.encrypt_then_mac {
            // RFC 7366 3.
            let (sealed, mac) = fragment.split_at_checked(fragment.len().checked_sub(hash.len())?)?;
            self.verify(hash, &[&header(sequence, record, sealed.len()), sealed], mac)?;
            fragment = sealed;
        }
        let (iv, sealed) =
            if self.version == TLS10 { (&self.iv, fragment) } else { fragment.split_first_chunk::<BLOCK>()? };
        let mut plain = sealed.to_vec();
        C::new_from_slices(key, iv).ok()?.decrypt_padded::<NoPadding>(&mut plain).ok()?;
        let padding = usize::from(*plain.last()?);
        let len = plain.len().checked_sub(padding + 1)?;
        if plain.get(len..)?.iter().any(|byte| usize::from(*byte) != padding) {
            return None;
        }
        plain.truncate(len);
        if !self.encrypt_then_mac {
            let (content, mac) = plain.split_at_checked(len.checked_sub(hash.len())?)?;
            self.verify(hash, &[&header(sequence, record, content.len()), content], mac)?;
            plain.truncate(len - hash.len());
        }
        Some((record.kind(), plain))
    }

    fn verify(&self, hash: Hash, parts: &[&[u8]], mac: &[u8]) -> Option<()> {
        fn check<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], mac: &[u8]) -> Option<()> {
            let made = <M as KeyInit>::new_from_slice(key).ok()?;
            parts.iter().fold(made, |made, part| made.chain_update(part)).verify_slice(mac).ok()
        }
        let key = self.mac.0.get(..hash.len())?;
        match hash {
            Hash::Sha1 => check::<Hmac<Sha1>>(key, parts, mac),
            Hash::Sha256 => check::<Hmac<Sha256>>(key, parts, mac),
            Hash::Sha384 => check::<Hmac<Sha384>>(key, parts, mac),
        }
    }
}

/// What is authenticated besides the contents up to TLS 1.2 (RFC 5246 6.2.3): sequence number, type, version, length.
fn header(sequence: u64, record: &Record<'_>, len: usize) -> Vec<u8> {
    let [kind, major, minor, ..] = *record.header;
    let [.., high, low] = len.to_be_bytes();
    [&sequence.to_be_bytes()[..], &[kind, major, minor, high, low]].concat()
}

/// RFC 5246 5.
fn p_hash<M: Mac + KeyInit>(secret: &[u8], seed: &[u8], out: &mut [u8]) {
    let hmac = |parts: &[&[u8]]| {
        let made = <M as KeyInit>::new_from_slice(secret).ok()?;
        Some(parts.iter().fold(made, |made, part| made.chain_update(part)).finalize().into_bytes())
    };
    let mut a = hmac(&[seed]);
    let mut rest = out;
    while !rest.is_empty() {
        let Some(now) = a.as_ref().and_then(|a| hmac(&[a, seed])) else { return };
        let len = now.len().min(rest.len());
        let (filled, later) = rest.split_at_mut(len);
        filled.iter_mut().zip(&now).for_each(|(to, from)| *to = *from);
        rest = later;
        a = a.as_ref().and_then(|a| hmac(&[a]));
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 7.1).
fn expand_label(hash: Hash, secret: &[u8], label: &str, out: &mut [u8]) -> Option<()> {
    let len = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label = [b"tls13 ", label.as_bytes()].concat();
    let info = [&len, &[u8::try_from(label.len()).ok()?][..], &label, &[0]].concat();
    match hash {
        Hash::Sha384 => hkdf::Hkdf::<Sha384>::from_prk(secret).ok()?.expand(&info, out).ok(),
        _ => hkdf::Hkdf::<Sha256>::from_prk(secret).ok()?.expand(&info, out).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    #[test]
    fn keys_of_tls_1_3_are_those_of_rfc_8448() {
        // RFC 8448 3: the server's handshake traffic secret, its key and its IV.
        let secret = bytes("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let traffic = Traffic::new(Suite::of(0x1301).unwrap(), Secret::new(&secret).unwrap()).unwrap();
        assert_eq!(traffic.keys.key[..16], bytes("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(traffic.keys.iv[..12], bytes("5d313eb2671276ee13000b30"));
        assert!(Traffic::new(Suite::of(0x1302).unwrap(), Secret::new(&secret).unwrap()).is_none());
        assert!(Traffic::new(Suite::of(0x002f).unwrap(), Secret::new(&secret).unwrap()).is_none());
    }

    #[test]
    fn the_registry_is_kept_to() {
        use Cipher::{Aes128Cbc, Aes128Gcm, Aes256Cbc, Aes256Gcm, ChaCha20};
        let cases = [
            (0x009c, Aes128Gcm, Hash::Sha256),
            (0x009d, Aes256Gcm, Hash::Sha384),
            (0xc02f, Aes128Gcm, Hash::Sha256),
            (0xc030, Aes256Gcm, Hash::Sha384),
            (0xcca8, ChaCha20, Hash::Sha256),
            (0xc013, Aes128Cbc(Hash::Sha1), Hash::Sha256),
            (0xc028, Aes256Cbc(Hash::Sha384), Hash::Sha384),
            (0x003d, Aes256Cbc(Hash::Sha256), Hash::Sha256),
        ];
        for (number, cipher, hash) in cases {
            assert_eq!(Suite::of(number), Some(Suite { cipher, hash }), "{number:04x}");
        }
        // NULL, RC4, 3DES, Camellia, CCM.
        for number in [0x0000, 0x0005, 0x000a, 0x0041, 0x1304, 0xc09c] {
            assert_eq!(Suite::of(number), None, "{number:04x}");
        }
    }

    #[test]
    fn no_record_surprises_it() {
        let numbers = [0x1301, 0x1303, 0x009d, 0xcca8, 0x002f, 0xc028];
        for (number, version) in numbers.into_iter().flat_map(|number| [TLS10, TLS12].map(|version| (number, version)))
        {
            let suite = Suite::of(number).unwrap();
            for encrypt_then_mac in [false, true] {
                let [keys, _] = Keys::of_master(suite, version, encrypt_then_mac, &[1; 48], &[2; 32], &[3; 32]);
                for len in 0..200 {
                    let fragment = vec![7; len];
                    let record = Record { header: &[23, 3, 3, 0, len as u8], fragment: &fragment };
                    assert_eq!(keys.open(0, &record), None);
                    keys.clone().chain(&record);
                }
            }
        }
    }
}

//! The secrets of TLS connections: key log lines (the NSS key log format, SSLKEYLOGFILE) and servers' private keys. Knows no
//! connection: what a secret opens is looked up by the client's random.

use std::collections::HashMap;
use std::fmt::{Debug, Formatter};

use foldhash::fast::RandomState;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey};

/// Secrets that are kept: some 200 000 connections of TLS 1.3.
const MAX_SECRETS: usize = 1 << 20;
/// Private keys that are kept: each one is tried on each key exchange.
const MAX_KEYS: usize = 64;
/// The longest secret (SHA-384's, and the master secret of TLS 1.2).
pub const MAX_SECRET: usize = 48;

/// What a key log line gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// The master secret of TLS up to 1.2 (`CLIENT_RANDOM`).
    Master,
    /// The premaster secret, by the client's random (`PMS_CLIENT_RANDOM`).
    Premaster,
    /// The premaster secret, by the first eight bytes of its encrypted form (`RSA`).
    EncryptedPremaster,
    /// What the client sends before its Finished (TLS 1.3).
    ClientHandshake,
    /// What the server sends before its Finished.
    ServerHandshake,
    /// What the client sends then.
    ClientTraffic,
    /// What the server sends then.
    ServerTraffic,
}

/// A secret of 1 to 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    len: u8,
    bytes: [u8; MAX_SECRET],
}

/// Secrets do not belong into anybody's log.
impl Debug for Secret {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        write!(to, "Secret({} bytes)", self.len)
    }
}

impl Secret {
    /// Takes 1 to 48 bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self { len: u8::try_from(bytes.len()).ok().filter(|len| *len > 0)?, bytes: [0; MAX_SECRET] };
        secret.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(secret)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Lines of a key log that could not be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unusable {
    /// How many.
    pub lines: u64,
    /// The number of the first one, from 1.
    pub first: u64,
    /// Secrets beyond the bound that were not kept.
    pub beyond: u64,
}

/// As its bytes alone, for a run that goes on where another ended.
impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.bytes().serialize(to)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(from)?;
        Self::new(&bytes).ok_or_else(|| serde::de::Error::custom("no secret is that long"))
    }
}

/// All secrets that are known.
#[derive(Default)]
pub struct Secrets {
    found: HashMap<(Label, [u8; 32]), Secret, RandomState>,
    keys: Vec<RsaPrivateKey>,
    /// Whether there are premaster secrets among them.
    premasters: bool,
}

impl Debug for Secrets {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        write!(to, "Secrets({} secrets, {} keys)", self.found.len(), self.keys.len())
    }
}

impl Secrets {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.keys.is_empty()
    }

    /// Whether a premaster secret may be found, for which handshakes have to be kept (RFC 7627 3).
    #[must_use]
    pub const fn may_know_premasters(&self) -> bool {
        self.premasters || !self.keys.is_empty()
    }

    /// Secrets known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// The secret of the connection with this client's random.
    #[must_use]
    pub fn get(&self, label: Label, random: &[u8; 32]) -> Option<&Secret> {
        self.found.get(&(label, *random))
    }

    /// Takes a key log; says which lines were none. Comments, blank lines and labels of other uses are no fault.
    pub fn read(&mut self, log: &[u8]) -> Unusable {
        let mut unusable = Unusable::default();
        for (line, number) in log.split(|byte| *byte == b'\n').zip(1..) {
            match Line::parse(line.trim_ascii()) {
                Line::Nothing => {}
                Line::Secret(label, of, secret) => {
                    self.premasters |= matches!(label, Label::Premaster | Label::EncryptedPremaster);
                    if self.found.len() < MAX_SECRETS || self.found.contains_key(&(label, of)) {
                        self.found.insert((label, of), secret);
                    } else {
                        unusable.beyond += 1;
                    }
                }
                Line::Unusable => {
                    unusable.lines += 1;
                    if unusable.lines == 1 {
                        unusable.first = number;
                    }
                }
            }
        }
        unusable
    }

    /// Takes a server's RSA private key (PEM, PKCS #1 or PKCS #8, not encrypted).
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, for people.
    pub fn read_private_key(&mut self, pem: &str) -> Result<(), &'static str> {
        // A certificate may stand before it, as many servers want it.
        let from = pem.match_indices("-----BEGIN ").find(|(at, _)| {
            pem.get(*at..).and_then(|rest| rest.lines().next()).is_some_and(|line| line.contains("PRIVATE KEY"))
        });
        let Some(pem) = from.and_then(|(at, _)| pem.get(at..)) else { return Err("holds no private key in PEM") };
        let end = pem.find("-----END ").and_then(|at| Some(at + pem.get(at..)?.find("KEY-----")? + "KEY-----".len()));
        let pem = end.and_then(|end| pem.get(..end)).unwrap_or(pem);
        let key = match pem.lines().next().unwrap_or_default().trim() {
            "-----BEGIN RSA PRIVATE KEY-----" => RsaPrivateKey::from_pkcs1_pem(pem).ok(),
            "-----BEGIN PRIVATE KEY-----" => RsaPrivateKey::from_pkcs8_pem(pem).ok(),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----" => {
                return Err("is protected by a password; remove it first (openssl pkey -in FILE -out PLAIN)");
            }
            _ => None,
        };
        match key {
            _ if self.keys.len() >= MAX_KEYS => Err("is one key too many"),
            Some(key) => {
                self.keys.push(key);
                Ok(())
            }
            None => Err("holds no usable RSA key; only RSA key exchange can be read with the server's key"),
        }
    }

    /// The premaster secret that a client sent under the server's public key (RFC 5246 7.4.7.1).
    #[must_use]
    pub fn premaster(&self, random: &[u8; 32], encrypted: &[u8]) -> Option<Secret> {
        let logged = || {
            let mut of = [0; 32];
            of.first_chunk_mut::<8>()?.copy_from_slice(encrypted.first_chunk::<8>()?);
            self.get(Label::EncryptedPremaster, &of)
        };
        if let Some(secret) = self.get(Label::Premaster, random).or_else(logged) {
            return Some(*secret);
        }
        // A wrong key gives rubbish, which does not begin with a version.
        let opened = self.keys.iter().filter_map(|key| key.decrypt(Pkcs1v15Encrypt, encrypted).ok());
        opened.filter(|secret| secret.len() == MAX_SECRET && secret.first() == Some(&3)).find_map(|it| Secret::new(&it))
    }
}

/// A line of a key log.
enum Line {
    Nothing,
    Secret(Label, [u8; 32], Secret),
    Unusable,
}

impl Line {
    fn parse(line: &[u8]) -> Self {
        if line.is_empty() || line.starts_with(b"#") {
            return Self::Nothing;
        }
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (Some(name), Some(of), Some(secret), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Self::Unusable;
        };
        let (label, of_len) = match name {
            b"CLIENT_RANDOM" => (Label::Master, 32),
            b"PMS_CLIENT_RANDOM" => (Label::Premaster, 32),
            b"RSA" => (Label::EncryptedPremaster, 8),
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => (Label::ClientHandshake, 32),
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => (Label::ServerHandshake, 32),
            b"CLIENT_TRAFFIC_SECRET_0" => (Label::ClientTraffic, 32),
            b"SERVER_TRAFFIC_SECRET_0" => (Label::ServerTraffic, 32),
            // Exporters, early data, QUIC, Encrypted Client Hello: not for us, and no fault.
            name if name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_') => {
                return Self::Nothing;
            }
            _ => return Self::Unusable,
        };
        let (mut random, mut bytes) = ([0; 32], [0; MAX_SECRET]);
        match (unhex(of, &mut random), unhex(secret, &mut bytes).and_then(Secret::new)) {
            (Some(of), Some(secret)) if of.len() == of_len => Self::Secret(label, random, secret),
            _ => Self::Unusable,
        }
    }
}

/// Hexadecimal digits to bytes, if they fit.
fn unhex<'o>(digits: &[u8], out: &'o mut [u8]) -> Option<&'o [u8]> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let out = out.get_mut(..pairs.len())?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for ([high, low], byte) in pairs.iter().zip(out.iter_mut()) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_become_secrets() {
        let (random, secret) = ("0a".repeat(32), "FF".repeat(48));
        let cases: &[(&str, String, Option<Label>, u64)] = &[
            ("TLS 1.2", format!("CLIENT_RANDOM {random} {secret}"), Some(Label::Master), 0),
            ("CR LF", format!("CLIENT_RANDOM {random} {secret}\r"), Some(Label::Master), 0),
            ("white space", format!("  CLIENT_RANDOM\t{random}  {secret} "), Some(Label::Master), 0),
            ("TLS 1.3", format!("SERVER_TRAFFIC_SECRET_0 {random} {}", &secret[..64]), Some(Label::ServerTraffic), 0),
            ("a comment", "# made by".to_owned(), None, 0),
            ("blank", String::new(), None, 0),
            ("another use", format!("EXPORTER_SECRET {random} {secret}"), None, 0),
            ("a random too short", format!("CLIENT_RANDOM {} {secret}", &random[2..]), None, 1),
            ("a random too long", format!("CLIENT_RANDOM {random}00 {secret}"), None, 1),
            ("a secret too long", format!("CLIENT_RANDOM {random} {secret}00"), None, 1),
            ("half a byte", format!("CLIENT_RANDOM {random} {}", &secret[1..]), None, 1),
            ("no digits", format!("CLIENT_RANDOM {random} {}", "xy".repeat(48)), None, 1),
            ("a word too many", format!("CLIENT_RANDOM {random} {secret} x"), None, 1),
            ("cut", format!("CLIENT_RANDOM {random}"), None, 1),
            ("no key log", "-----BEGIN CERTIFICATE-----".to_owned(), None, 1),
        ];
        for (name, line, label, unusable) in cases {
            let mut secrets = Secrets::default();
            let got = secrets.read(format!("# first\n{line}\n").as_bytes());
            assert_eq!((got.lines, got.first), (*unusable, unusable * 2), "{name}");
            assert_eq!(secrets.len(), usize::from(label.is_some()), "{name}");
            if let Some(label) = label {
                assert!(secrets.get(*label, &[10; 32]).is_some_and(|it| it.bytes()[0] == 0xff), "{name}");
            }
        }
    }

    #[test]
    fn a_premaster_is_found_by_either_name() {
        let secret = "01".repeat(48);
        for line in
            [format!("PMS_CLIENT_RANDOM {} {secret}", "07".repeat(32)), format!("RSA {} {secret}", "09".repeat(8))]
        {
            let mut secrets = Secrets::default();
            assert_eq!(secrets.read(line.as_bytes()), Unusable::default());
            assert_eq!(secrets.premaster(&[7; 32], &[9; 256]), Secret::new(&[1; 48]), "{line}");
            assert_eq!(secrets.premaster(&[8; 32], &[8; 256]), None, "{line}");
        }
    }

    #[test]
    fn a_private_key_that_is_none_says_why() {
        let cases = [
            ("", "no private key"),
            ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "no private key"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n", "password"),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "no usable RSA"),
            ("-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n", "no usable RSA"),
            ("-----BEGIN PRIVATE KEY-----", "no usable RSA"),
        ];
        for (pem, why) in cases {
            let got = Secrets::default().read_private_key(pem).unwrap_err();
            assert!(got.contains(why), "{pem}: {got}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_surprise_it(log in proptest::collection::vec(any::<u8>(), 0..300), pem in "(-----BEGIN |-----END |RSA |PRIVATE KEY-----|\n|.){0,9}") {
            let mut secrets = Secrets::default();
            let got = secrets.read(&log);
            prop_assert!(got.lines + secrets.len() as u64 <= log.len() as u64 + 1);
            let _ = secrets.read_private_key(&pem);
        }
    }
}

//! What a REGISTER asks for: contacts, by what is compared of them (RFC 3261 10.2, 19.1.4). Knows no registration.

use memchr::{memchr, memchr2};

use super::{LONG, Registration};
use crate::track::transaction::Digest;
use crate::wire::sip::{ContactValue, Message, address_key_of, text};

/// RFC 3261 10.2.1.1: what a registrar grants where neither side says.
const DEFAULT_LIFETIME: u32 = 3600;

/// What a REGISTER asks for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Wish {
    /// Bind this contact for so many seconds; zero removes it.
    Bind(Contact, u32),
    /// Likewise, several.
    BindAll(Vec<(Contact, u32)>),
    /// `Contact: *` with a lifetime of zero: remove all.
    RemoveAll,
    /// No Contact: what is bound?
    Query,
}

impl Wish {
    /// The contacts that it names, with the seconds for each.
    pub(super) fn contacts(&self) -> impl Iterator<Item = (Contact, u32)> {
        let (one, more) = match self {
            Self::Bind(contact, seconds) => (Some((*contact, *seconds)), &[][..]),
            Self::BindAll(contacts) => (None, &contacts[..]),
            Self::RemoveAll | Self::Query => (None, &[][..]),
        };
        one.into_iter().chain(more.iter().copied())
    }

    pub(super) fn binds(&self) -> bool {
        matches!(self, Self::Bind(..) | Self::BindAll(_))
    }

    pub(super) fn removes(&self) -> bool {
        match self {
            Self::Bind(..) | Self::BindAll(_) => self.contacts().all(|(_, seconds)| seconds == 0),
            Self::RemoveAll => true,
            Self::Query => false,
        }
    }
}

/// A contact address, as digests of what is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Contact {
    /// Of the address (RFC 3261 19.1.4).
    pub(super) key: u64,
    pub(super) holder: Holder,
}

/// Digest of what tells a phone that restarted from another phone: the address-of-record, the contact, and which device
/// it says it is (RFC 5626 4.1): two that say different things are no restart of one phone, even at one address. As
/// short as can be, since there are very many; it is only ever compared among those of one address-of-record.
pub(in crate::track) type Holder = u32;

/// An address as text, with the digest of what is compared of it. Its buffer is used again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) text: String,
    /// The text is what was sent, byte for byte, and ends where a `>` behind it is: its digest can be had from it, and
    /// what is sent once more is the same.
    pub(super) as_sent: bool,
    /// The digest, once somebody asked for it.
    pub(super) key: Option<u64>,
}

impl Address {
    pub(super) const NONE: Self = Self { text: String::new(), as_sent: false, key: None };

    pub(super) fn write(&mut self, digest: &Digest, uri: &[u8]) {
        self.text.clear();
        match std::str::from_utf8(uri) {
            Ok(sent) if memchr2(b'\n', b'>', uri).is_none() => {
                self.text.push_str(sent);
                (self.as_sent, self.key) = (true, None);
            }
            _ => {
                self.text.push_str(&text(uri));
                (self.as_sent, self.key) = (false, Some(address_digest(digest, uri)));
            }
        }
    }

    pub(super) fn key(&self, digest: &Digest) -> u64 {
        self.key.unwrap_or_else(|| address_digest(digest, self.text.as_bytes()))
    }

    /// What stands behind the address in a value that begins with it, `<like this>`.
    pub(super) fn behind<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        let rest = value.strip_prefix(b"<")?.strip_prefix(self.text.as_bytes()).filter(|_| self.as_sent)?;
        rest.strip_prefix(b">")
    }

    /// The digest of another address, which nearly always is this one.
    pub(super) fn key_of(&self, digest: &Digest, uri: &[u8]) -> u64 {
        if self.as_sent && self.text.as_bytes() == uri { self.key(digest) } else { address_digest(digest, uri) }
    }

    pub(super) fn clear(&mut self) {
        if self.text.capacity() > LONG {
            self.text = String::new();
        }
        self.text.clear();
        (self.as_sent, self.key) = (false, None);
    }
}

/// The one Contact of a message, written as nearly all are: `<address>`, and behind it nothing, or the parameter that
/// tells which device it is, or its lifetime.
#[derive(Debug, PartialEq, Eq)]
struct Usual<'a> {
    uri: &'a [u8],
    instance: &'a [u8],
    lifetime: Option<u32>,
}

impl<'a> Usual<'a> {
    /// `None` leaves it to [`Message::contacts`], which reads every message, and this one no differently: a test holds
    /// the two equal.
    fn of(message: &Message<'a>) -> Option<Self> {
        let inner = message.only_contact_value()?.strip_prefix(b"<")?;
        let (uri, behind) = inner.split_at_checked(memchr(b'>', inner)?)?;
        // Blanks within the brackets are not of the address.
        let is_trimmed = uri.first().zip(uri.last()).is_some_and(|(first, last)| *first.min(last) > b' ');
        let (instance, lifetime) = match behind {
            _ if !is_trimmed => return None,
            b">" => (&[][..], None),
            [b'>', b';', b'e', ..] => (&[][..], Some(lifetime(behind.strip_prefix(b">;expires=")?)?)),
            _ => {
                let instance = behind.strip_prefix(b">;+sip.instance=\"")?.strip_suffix(b"\"")?;
                (memchr2(b'"', b'\\', instance).is_none().then_some(instance)?, None)
            }
        };
        Some(Self { uri, instance, lifetime })
    }
}

/// So many seconds as few digits tell.
fn lifetime(digits: &[u8]) -> Option<u32> {
    let is_short = (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_short.then(|| digits.iter().fold(0, |seconds, digit| seconds * 10 + u32::from(digit - b'0')))
}

impl Registration {
    /// What a REGISTER asks for, and the first contact that it names.
    pub(super) fn wish<'a>(&self, digest: &Digest, message: &Message<'a>) -> (Wish, Option<&'a [u8]>) {
        if let Some(Usual { uri, instance, lifetime }) = Usual::of(message) {
            let seconds = lifetime.or_else(|| message.expires()).unwrap_or(DEFAULT_LIFETIME);
            return (Wish::Bind(self.contact_of(digest, uri, instance), seconds), Some(uri));
        }
        let (mut one, mut more, mut first) = (None, Vec::new(), None);
        for contact in message.contacts().take(Self::MOST_CONTACTS) {
            let ContactValue::Addr(addr) = &contact else { return (Wish::RemoveAll, first) };
            let instance = addr.params.get("+sip.instance").unwrap_or_default();
            let seconds = contact.expires().or_else(|| message.expires()).unwrap_or(DEFAULT_LIFETIME);
            let asked = (self.contact_of(digest, addr.uri, instance), seconds);
            first = first.or(Some(addr.uri));
            if one.is_some() || !more.is_empty() {
                more.extend(one.take());
                more.push(asked);
            } else {
                one = Some(asked);
            }
        }
        let wish = match one {
            Some((contact, seconds)) => Wish::Bind(contact, seconds),
            None if more.is_empty() => Wish::Query,
            None => Wish::BindAll(more),
        };
        (wish, first)
    }

    fn contact_of(&self, digest: &Digest, uri: &[u8], instance: &[u8]) -> Contact {
        let key = self.contact.key_of(digest, uri);
        let holder = digest.of((self.aor.key(digest), key, instance_digest(digest, instance)));
        Contact { key, holder: holder as Holder }
    }

    /// The lifetime that a 2xx grants: of this contact where it lists that, else its Expires header.
    pub(super) fn granted(&self, digest: &Digest, message: &Message<'_>, contact: u64) -> Option<u32> {
        let is_own = |uri: &[u8]| self.contact.key_of(digest, uri) == contact;
        let of_contact = match Usual::of(message) {
            Some(usual) => usual.lifetime.filter(|_| is_own(usual.uri)),
            None => message.contacts().find_map(|listed| match listed {
                ContactValue::Addr(ref addr) if is_own(addr.uri) => listed.expires(),
                _ => None,
            }),
        };
        of_contact.or_else(|| message.expires())
    }
}

/// Digest of an address as compared (RFC 3261 19.1.4).
fn address_digest(digest: &Digest, uri: &[u8]) -> u64 {
    digest.of(address_key_of(uri).as_bytes())
}

/// Digest of which device it is, in any case.
fn instance_digest(digest: &Digest, instance: &[u8]) -> u64 {
    // A URN of 45 bytes, nearly always.
    let mut lower = [0; 64];
    if let Some(place) = lower.get_mut(..instance.len()) {
        place.copy_from_slice(instance);
        // All of it, so that it is done many bytes at a time.
        let is_plain = lower.iter().fold(true, |is_plain, byte| is_plain & byte.is_ascii() & (*byte != b'\n'));
        if is_plain {
            lower.make_ascii_lowercase();
            return digest.of(lower.get(..instance.len()).unwrap_or_default());
        }
    }
    digest.of(text(&instance.to_ascii_lowercase()).as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn register(contacts: &str) -> String {
        format!("REGISTER sip:a SIP/2.0\r\n{contacts}Call-ID: c\r\n\r\n")
    }

    proptest! {
        #[test]
        fn usual_contacts_are_read_as_all_are(
            known in "sip:[a-c]{1,2}@b|sip:a@b;x|.{0,4}| ?[a<\"\\\\,;]{0,3} ?",
            before in "(\"A\" )?<|",
            behind in ">|>;expires=[0-9]{0,10}|>;\\+sip.instance=\"[<:>,;a\"\\\\ ]{0,4}\"|>;\\+sip.instance=\"<u>\";Expires=0|>;x=\"a,b\"|>, <sip:b@c>|> ;x|;y|>;e|>;",
            second in "(m: <sip:z@z>\r\n)?",
            same in any::<bool>(),
        ) {
            let (digest, mut registration) = (Digest::default(), Registration::default());
            registration.set_contact(&digest, known.trim().as_bytes(), None);
            let uri = if same { known.trim() } else { &known };
            let bytes = register(&format!("Contact: {before}{uri}{behind}\r\n{second}"));
            let Some(message) = Message::parse(bytes.as_bytes()) else { return Ok(()) };
            if let Some(usual) = Usual::of(&message) {
                let plainly: Vec<_> = message.contacts().collect();
                let [contact @ ContactValue::Addr(addr)] = &plainly[..] else { panic!("one contact: {plainly:?}") };
                let instance = addr.params.get("+sip.instance").unwrap_or_default();
                prop_assert_eq!(usual, Usual { uri: addr.uri, instance, lifetime: contact.expires() });
            }
            for contact in message.contacts() {
                let Some(addr) = contact.addr() else { continue };
                // Equal addresses have equal digests, however they are made.
                let plainly = digest.of(address_key_of(addr.uri).as_bytes());
                prop_assert_eq!(registration.contact.key_of(&digest, addr.uri), plainly);
            }
        }

        #[test]
        fn devices_are_compared_in_any_case(instance in "[a-zA-Z<:>]{0,70}|.{0,9}", newline in any::<bool>()) {
            let instance = if newline { format!("{instance}\r\n x") } else { instance };
            let digest = Digest::default();
            let plainly = digest.of(text(&instance.as_bytes().to_ascii_lowercase()).as_bytes());
            prop_assert_eq!(instance_digest(&digest, instance.as_bytes()), plainly);
        }
    }

    #[test]
    fn a_usual_contact_is_known_for_one() {
        for contact in ["<sip:a@b>", "<sip:a@b:5060>;+sip.instance=\"<urn:uuid:0>\"", "<sip:a@b>;expires=3600"] {
            let bytes = register(&format!("Contact: {contact}\r\n"));
            let message = Message::parse(bytes.as_bytes()).expect("a message");
            assert!(Usual::of(&message).is_some(), "{contact}");
        }
    }
}

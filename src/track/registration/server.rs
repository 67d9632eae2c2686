//! Which registrar a REGISTER goes to: the host of its Request-URI. Knows nothing of what becomes of it there.

use super::{Known, Registration, Shared};
use crate::track::texts::Text;
use crate::wire::sip::{Message, text, uri_host};

impl Shared {
    /// The registrar of a Request-URI where that is the same as the last time.
    fn registrar(&self, uri: &[u8]) -> Option<&Text> {
        self.asked.as_ref().filter(|(asked, _)| *asked == uri).map(|(_, registrar)| registrar)
    }

    /// Whether a registrar is known to be a [`bare_host`].
    pub(super) fn is_bare(&self, registrar: &Text) -> bool {
        self.asked.as_ref().is_some_and(|(_, bare)| bare == registrar)
    }
}

impl Registration {
    /// Whether a request goes to the registrar of this row, as far as that is known.
    pub(super) fn is_registrar(&self, shared: &Shared, message: &Message<'_>) -> bool {
        let Some(own) = &self.registrar else { return true };
        let Some(uri) = message.request_uri() else { return false };
        if shared.registrar(uri) == Some(own) {
            return true;
        }
        let own = shared.texts.says(own);
        bare_host(uri).or_else(|| uri_host(uri)).is_some_and(|host| {
            if host.is_ascii() { host.eq_ignore_ascii_case(own.as_bytes()) } else { text(host).to_lowercase() == **own }
        })
    }
}

/// The host of a URI where there is nothing else in it, as in most that a REGISTER goes to. It is what [`uri_host`] would
/// give: a test holds the two equal.
pub(super) fn bare_host(uri: &[u8]) -> Option<&[u8]> {
    let host = uri.strip_prefix(b"sip:")?;
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    (!host.is_empty() && host.iter().all(is_plain)).then_some(host)
}

/// Host of the Request-URI, in lower case.
pub(super) fn registrar(known: &mut Known<'_>, message: &Message<'_>) -> Option<Text> {
    let uri = message.request_uri()?;
    if let Some(registrar) = known.shared.registrar(uri) {
        return Some(registrar.clone());
    }
    if let Some(host) = bare_host(uri) {
        let registrar = known.shared.texts.sent(known.digest, host)?;
        known.shared.asked = Some((uri.to_vec(), registrar.clone()));
        return Some(registrar);
    }
    let host = uri_host(uri)?;
    if host.is_ascii() && !host.iter().any(u8::is_ascii_uppercase) {
        return known.shared.texts.sent(known.digest, host);
    }
    Some(known.shared.texts.own(known.digest, &text(host).to_lowercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bare_host_is_the_host(uri in "(sip|sips|tel|SIP):[a-c@.:;A?-]{0,8}|sip:[a-z0-9.-]{1,9}") {
            let bare = bare_host(uri.as_bytes());
            prop_assert!(bare.is_none() || bare == uri_host(uri.as_bytes()));
        }
    }
}

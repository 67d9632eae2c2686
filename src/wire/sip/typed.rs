//! Typed values of single headers, read by rsip; the one file that knows it. None of its types leave, and it never sees
//! a whole message: these are for the few values that somebody looks at, not for every packet.

use rsip::headers::{ToTypedHeader, UntypedHeader};

use super::header::{comma_list, is_token, trim};
use super::text::{text, unquote};

/// A challenge of WWW-Authenticate or Proxy-Authenticate (RFC 3261 22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// `Digest`, as sent.
    pub scheme: String,
    /// The realm without quotes; `None` if missing.
    pub realm: Option<String>,
    /// Whether only the nonce was too old: the credentials themselves may be right (RFC 2617 3.2.1).
    pub stale: bool,
}

/// Reads the value of a WWW-Authenticate or Proxy-Authenticate field. `None`: there is not even a scheme.
///
/// What rsip refuses (AKA algorithms, several qop values, schemes other than Digest, blanks around `=`) is read by our
/// own rules, so nothing that was sent is lost.
#[must_use]
pub fn challenge(value: &[u8]) -> Option<Challenge> {
    by_rsip(value).or_else(|| by_hand(value))
}

fn by_rsip(value: &[u8]) -> Option<Challenge> {
    // rsip ends a quoted string at an escaped quote.
    if value.contains(&b'\\') {
        return None;
    }
    let sent = text(trim(value));
    let scheme = sent.split_ascii_whitespace().next()?.to_owned();
    let typed = rsip::headers::WwwAuthenticate::new(sent).typed().ok()?;
    let stale = typed.stale.is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
    Some(Challenge { scheme, realm: Some(typed.realm), stale })
}

fn by_hand(value: &[u8]) -> Option<Challenge> {
    let value = trim(value);
    let (scheme, params) = value.split_at_checked(value.iter().position(|b| !is_token(*b)).unwrap_or(value.len()))?;
    if scheme.is_empty() {
        return None;
    }
    let param = |name: &str| {
        comma_list(params).find_map(|param| {
            let (sent, value) = param.split_at_checked(param.iter().position(|byte| *byte == b'=')?)?;
            trim(sent).eq_ignore_ascii_case(name.as_bytes()).then(|| unquote(value.get(1..).unwrap_or_default()))
        })
    };
    let stale = param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
    Some(Challenge { scheme: text(scheme), realm: param("realm"), stale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        type Case<'a> = (&'a str, &'a str, Option<(&'a str, Option<&'a str>, bool)>);
        let cases: &[Case<'_>] = &[
            (
                "plain",
                r#"Digest realm="example.com", nonce="84a4", algorithm=MD5"#,
                Some(("Digest", Some("example.com"), false)),
            ),
            ("stale", r#"Digest realm="a b", nonce="1", stale=TRUE, qop="auth""#, Some(("Digest", Some("a b"), true))),
            ("not stale", r#"Digest realm="a", nonce="1", stale=false"#, Some(("Digest", Some("a"), false))),
            (
                "AKA",
                r#"Digest realm="ims.example", nonce="1", algorithm=AKAv1-MD5"#,
                Some(("Digest", Some("ims.example"), false)),
            ),
            (
                "two qop",
                r#"Digest realm="a", qop="auth,auth-int", nonce="1", stale=true"#,
                Some(("Digest", Some("a"), true)),
            ),
            (
                "another scheme",
                r#"NTLM realm="SIP Service", targetname="x", version=4"#,
                Some(("NTLM", Some("SIP Service"), false)),
            ),
            (
                "blanks and tabs",
                "DIGEST\tRealm = \"a\" ,\r\n nonce = \"1\" , Stale = true",
                Some(("DIGEST", Some("a"), true)),
            ),
            ("a comma in the realm", r#"Digest realm="a, b", nonce="1""#, Some(("Digest", Some("a, b"), false))),
            ("an escaped quote", r#"Digest realm="a\"b", nonce="1""#, Some(("Digest", Some("a\"b"), false))),
            ("empty realm", r#"Digest realm="", nonce="1""#, Some(("Digest", Some(""), false))),
            ("no realm", r#"Digest nonce="1""#, Some(("Digest", None, false))),
            ("a scheme alone", "Negotiate", Some(("Negotiate", None, false))),
            ("nothing", "", None),
            ("no scheme", r#""x""#, None),
        ];
        for (name, value, expected) in cases {
            let got = challenge(value.as_bytes());
            let expected = expected.map(|(scheme, realm, stale)| Challenge {
                scheme: scheme.into(),
                realm: realm.map(Into::into),
                stale,
            });
            assert_eq!(got, expected, "{name}");
        }
    }

    #[test]
    fn rsip_and_our_own_reading_agree() {
        let value = br#"Digest realm="a.example", nonce="84a4", stale=true, algorithm=MD5, qop="auth", opaque="""#;
        let typed = by_rsip(value);
        assert!(typed.is_some());
        assert_eq!(typed, by_hand(value));
    }
}

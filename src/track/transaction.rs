//! Requests and their answers (RFC 3261 17): which response belongs to which INVITE, on which hop, and what was sent
//! again. Knows single transactions; what they mean for a call is decided in `call`.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smallvec::SmallVec;

use super::ahead::fetch;
use super::call::Arrival;
use super::fact::Reason;
use super::hop::Hop;
use crate::codes::Code;
use crate::event::{Event, Path};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::{ContactValue, Message, Method, Names, ReasonValue, text, unquoted, uri_host, usual_ipv4_host};

/// Timer B: how long an INVITE waits for any response (RFC 3261 17.1.1.2).
pub(super) const TIMER_B: Duration = Duration::from_secs(32);
/// Timer C: how long a ringing INVITE waits for its final response (RFC 3261 16.6 step 11; "larger than 3 minutes").
pub(super) const TIMER_C: Duration = Duration::from_secs(180);

/// Turns bytes that identify something into a number to compare. Seeded at random: what an attacker writes into a
/// capture cannot be aimed at collisions.
#[derive(Clone, Debug)]
pub(super) struct Digest {
    pub(super) seed: u64,
    state: foldhash::quality::FixedState,
}

impl Default for Digest {
    fn default() -> Self {
        Self::seeded(foldhash::quality::RandomState::default().hash_one(0))
    }
}

impl Digest {
    /// The digest that an earlier run of this seed had.
    pub(super) fn seeded(seed: u64) -> Self {
        Self { seed, state: foldhash::quality::FixedState::with_seed(seed) }
    }

    pub(super) fn of(&self, what: impl std::hash::Hash) -> u64 {
        self.state.hash_one(what)
    }

    /// Of bytes as such: another one than [`of`](Self::of) has, and sooner at hand.
    #[inline]
    pub(super) fn bytes(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }

    /// A Call-ID.
    #[inline]
    pub(super) fn call(&self, call_id: &[u8]) -> u64 {
        self.bytes(call_id)
    }

    /// A From or To tag; a missing one (RFC 2543) equals an empty one.
    #[inline]
    pub(super) fn tag(&self, tag: Option<&[u8]>) -> u64 {
        self.bytes(tag.unwrap_or_default())
    }

    /// A way.
    pub(super) fn path(&self, path: Path) -> u64 {
        on_way(self.seed, path)
    }

    /// The transaction that a message belongs to: top Via branch and CSeq (RFC 3261 17.1.3). ACK to a non-2xx and
    /// CANCEL carry the branch of their INVITE and so give its key. A branch without the magic cookie says nothing
    /// alone (RFC 2543): there the sent-by and the tags' dialog take part.
    pub(super) fn transaction(&self, message: &Message<'_>) -> u64 {
        let number = message.cseq().map(|cseq| cseq.number);
        let is_unique = |branch: &&[u8]| {
            let in_any_case = |head: &[u8]| head.eq_ignore_ascii_case(b"z9hG4bK");
            branch.starts_with(b"z9hG4bK") || branch.get(..7).is_some_and(in_any_case)
        };
        if let Some(branch) = message.top_branch().filter(is_unique) {
            return mixed(self.bytes(branch), number.map_or(u64::MAX, u64::from));
        }
        match message.top_via() {
            Some(via) => self.of((via.branch, via.sent_by, message.from_tag(), number)),
            None => self.of((message.from_tag(), number)),
        }
    }

    /// What makes two messages the same one sent again: its transaction, its kind and the hop it travels.
    fn message(&self, arrival: &Arrival<'_, '_>) -> u64 {
        let Arrival { event, message, key, tags, .. } = *arrival;
        let of_method = |method: Method<'_>| match method {
            Method::Invite => 1,
            Method::Ack => 2,
            Method::Bye => 3,
            Method::Cancel => 4,
            Method::Register => 5,
            other => self.of(other.token()),
        };
        let code = if message.is_request() { 0 } else { message.code().unwrap_or(1) };
        let kind = (message.body().len() as u64) << 16 | u64::from(code);
        let said = mixed(mixed(key, tags.to), kind.rotate_left(16) ^ arrival.method.map_or(0, of_method));
        on_way(said, event.path)
    }
}

/// Takes one more word into a digest: the fold of a product with one that is odd and as good as random.
#[inline]
const fn mixed(digest: u64, word: u64) -> u64 {
    let product = ((digest ^ word) as u128) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}

/// Takes a way into a digest.
#[inline]
fn on_way(digest: u64, Path { src, dst, transport }: Path) -> u64 {
    let ends = |digest, address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => mixed(digest, u64::from(ip.to_bits()) << 16 | u64::from(address.port())),
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            mixed(mixed(mixed(digest, bits as u64), (bits >> 64) as u64), 6 << 16 | u64::from(address.port()))
        }
    };
    mixed(ends(ends(digest, src), dst), transport as u64)
}

/// The messages of one call or registration that were seen lately, to know those sent again.
///
/// Retransmissions come within 64·T1 of the first (RFC 3261 17), so a bounded memory loses none that matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Seen {
    /// As many as there are in most calls take no memory of their own.
    pub(super) recent: SmallVec<[u64; 10]>,
    #[serde(deserialize_with = "super::resume::count")]
    pub(super) next: u32,
}

impl Seen {
    const DEPTH: u32 = 128;

    /// Whether this message was seen before; it is from now on.
    pub(super) fn again(&mut self, digest: &Digest, arrival: &Arrival<'_, '_>) -> bool {
        let this = digest.message(arrival);
        if self.recent.contains(&this) {
            return true;
        }
        if self.recent.len() < Self::DEPTH as usize {
            self.recent.push(this);
        } else {
            if let Some(oldest) = self.recent.get_mut(self.next as usize) {
                *oldest = this;
            }
            self.next = (self.next + 1) % Self::DEPTH;
        }
        false
    }
}

/// A moment and the packet that made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) place: Place,
}

impl Moment {
    pub(super) fn of(event: &Event<'_>) -> Self {
        Self { at: event.at, place: event.place }
    }
}

/// A response to an INVITE.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Response {
    pub(super) code: Code,
    /// Its phrase is the catalogue's name of the code, and there is nothing else that a row may have to tell of it.
    is_plain: bool,
    pub(super) seen: Moment,
    wording: Option<Box<Wording>>,
}

/// What a row may have to tell of a response that says more than its code.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Wording {
    /// `None` where it was empty, or is the catalogue's name.
    phrase: Option<Box<str>>,
    reasons: Vec<Reason>,
    warning: Option<Box<str>>,
    /// The first Contact of a 3xx.
    contact: Option<Box<str>>,
    /// The challenge of a 401 or 407, as sent.
    challenge: Option<Box<[u8]>>,
}

impl Response {
    pub(super) fn of(event: &Event<'_>, message: &Message<'_>, code: Code, phrase: &[u8]) -> Self {
        let is_usual = code.name().is_some_and(|name| name.as_bytes() == phrase);
        let mut said = Self { code, is_plain: is_usual, seen: Moment::of(event), wording: None };
        let asks = code.is_final() && message.may_have_any(TELLING);
        if is_usual && !asks && code.get() / 100 != 3 {
            return said;
        }
        let failed = code.get() >= 300;
        let first = |name| message.values(name).next();
        let wording = Wording {
            phrase: if is_usual { None } else { owned(phrase) },
            reasons: if asks { reasons(message) } else { Vec::new() },
            warning: failed.then(|| first("warning")).flatten().and_then(owned),
            contact: (code.get() / 100 == 3).then(|| message.contacts().next()).flatten().and_then(|contact| {
                match contact {
                    ContactValue::Addr(addr) => owned(addr.uri),
                    ContactValue::Star => None,
                }
            }),
            challenge: code
                .is_challenge()
                .then(|| first("www-authenticate").or_else(|| first("proxy-authenticate")))
                .flatten()
                .map(Box::from),
        };
        if !wording.is_empty() {
            said.wording = Some(Box::new(wording));
        }
        said
    }

    #[cfg(test)]
    pub(super) const fn bare(code: Code, seen: Moment) -> Self {
        Self { code, is_plain: false, seen, wording: None }
    }

    /// Fetches what it says beyond its code.
    pub(super) fn fetch_texts(&self) {
        if let Some(wording) = &self.wording {
            fetch(&**wording);
            fetch(&wording.challenge);
        }
    }

    /// The reason phrase as sent; `None` where it was empty.
    pub(super) fn phrase(&self) -> Option<Cow<'static, str>> {
        if self.is_plain {
            return self.code.name().map(Cow::Borrowed);
        }
        self.wording.as_ref().and_then(|of| of.phrase.clone()).map(|phrase| Cow::Owned(phrase.into_string()))
    }

    /// Its Reason headers.
    pub(super) fn reasons(&self) -> &[Reason] {
        self.wording.as_ref().map_or(&[], |of| &of.reasons)
    }

    /// Its Warning header.
    pub(super) fn warning(&self) -> Option<&str> {
        self.wording.as_ref()?.warning.as_deref()
    }

    /// The first Contact of a 3xx.
    pub(super) fn contact(&self) -> Option<&str> {
        self.wording.as_ref()?.contact.as_deref()
    }

    /// The challenge of a 401 or 407, as sent.
    pub(super) fn challenge(&self) -> Option<&[u8]> {
        self.wording.as_ref()?.challenge.as_deref()
    }
}

impl Wording {
    fn is_empty(&self) -> bool {
        let Self { phrase, reasons, warning, contact, challenge } = self;
        phrase.is_none() && reasons.is_empty() && warning.is_none() && contact.is_none() && challenge.is_none()
    }
}

/// Headers of a final response that a row may have to tell of.
const TELLING: Names = Names::of(&["reason", "warning", "www-authenticate", "proxy-authenticate"]);

/// As text for a row; nothing where nothing was written.
pub(super) fn owned(bytes: &[u8]) -> Option<Box<str>> {
    let text = text(bytes);
    (!text.is_empty()).then(|| text.into_boxed_str())
}

/// The Reason headers of a message (RFC 3326).
pub(super) fn reasons(message: &Message<'_>) -> Vec<Reason> {
    let reason = |value: ReasonValue<'_>| Reason {
        protocol: match value.protocol {
            b"Q.850" => Cow::Borrowed("Q.850"),
            b"SIP" => Cow::Borrowed("SIP"),
            other => Cow::Owned(text(other)),
        },
        cause: value.cause,
        text: value.text.map(unquoted).filter(|text| !text.is_empty()).map(Into::into),
    };
    let mut values = message.reasons();
    // Nearly always it is none or one.
    let Some(first) = values.next() else { return Vec::new() };
    let mut reasons = Vec::with_capacity(1);
    reasons.push(reason(first));
    reasons.extend(values.map(reason));
    reasons
}

/// One INVITE transaction on one hop, as far as it was captured.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct InviteTransaction {
    /// See [`Digest::transaction`].
    pub(super) key: u64,
    /// From the sender of the INVITE, who gets the responses, to its receiver.
    pub(super) hop: Hop,
    pub(super) cseq: u32,
    /// How many times it was sent, and when last.
    #[serde(deserialize_with = "super::resume::count")]
    pub(super) sent: u32,
    pub(super) last_sent: Option<Timestamp>,
    /// The first time the INVITE was seen; `None` where only what follows it was captured.
    pub(super) invite: Option<Moment>,
    /// The first response of any kind: from there on timer B is off.
    pub(super) first_response: Option<Timestamp>,
    /// The last provisional response before the final one.
    pub(super) provisional: Option<Response>,
    /// The first 180 to 183.
    pub(super) ringing: Option<Timestamp>,
    /// The last 101 to 199: it restarts timer C, a 100 does not (RFC 3261 16.7 step 2).
    pub(super) progress: Option<Timestamp>,
    /// The final response: the first one, but a 2xx stands above any other.
    pub(super) last_word: Option<Response>,
    pub(super) cancel: Option<Box<Cancel>>,
    /// Number of Via values: the distance from the caller.
    pub(super) depth: u16,
    /// The INVITE carried an Authorization or Proxy-Authorization.
    pub(super) credentials: bool,
    /// The 2xx came again.
    pub(super) answered_again: bool,
    /// The ACK to the 2xx need not pass this hop: the 2xx named another Contact and no Record-Route.
    pub(super) ack_elsewhere: bool,
}

/// A CANCEL of an INVITE (RFC 3261 9).
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Cancel {
    /// When it was seen first.
    pub(super) at: Timestamp,
    /// Its Reason headers, as seen last.
    pub(super) reasons: Vec<Reason>,
}

impl InviteTransaction {
    pub(super) fn new(key: u64, cseq: u32, depth: u16, hop: &Path) -> Self {
        Self {
            key,
            hop: Hop::of(hop),
            cseq,
            sent: 0,
            last_sent: None,
            invite: None,
            first_response: None,
            provisional: None,
            ringing: None,
            progress: None,
            last_word: None,
            cancel: None,
            depth,
            credentials: false,
            answered_again: false,
            ack_elsewhere: false,
        }
    }

    /// The INVITE was seen, for the first time or again.
    pub(super) fn on_invite(&mut self, event: &Event<'_>) {
        self.invite.get_or_insert_with(|| Moment::of(event));
        self.sent += 1;
        self.last_sent = Some(event.at);
    }

    /// Its CANCEL was seen, for the first time or again.
    pub(super) fn on_cancel(&mut self, event: &Event<'_>, message: &Message<'_>) {
        let cancel = self.cancel.get_or_insert_with(|| Box::new(Cancel { at: event.at, reasons: Vec::new() }));
        cancel.reasons = reasons(message);
    }

    /// A response was seen.
    pub(super) fn on_response(&mut self, event: &Event<'_>, message: &Message<'_>, code: Code, phrase: &[u8]) {
        self.first_response.get_or_insert(event.at);
        if code.is_provisional() {
            // A 1xx after the final response was overtaken on its way and says nothing any more.
            if self.last_word.is_some() {
                return;
            }
            if code.get() > 100 {
                self.progress = Some(event.at);
            }
            if (180..=183).contains(&code.get()) {
                self.ringing.get_or_insert(event.at);
            }
            // A 100 comes from the next hop alone and says nothing that a later provisional has not said.
            if self.provisional.is_none() || code.get() != 100 {
                self.provisional = Some(Response::of(event, message, code, phrase));
            }
            return;
        }
        match &self.last_word {
            Some(word) if word.code.is_success() => self.answered_again |= code.is_success(),
            Some(_) if !code.is_success() => {}
            _ => {
                self.last_word = Some(Response::of(event, message, code, phrase));
                self.ack_elsewhere = code.is_success() && self.ack_leaves_this_hop(message);
            }
        }
    }

    /// The ACK to a 2xx goes to the Contact, past this hop's server unless a Record-Route holds it (RFC 3261 12.2.1.1).
    fn ack_leaves_this_hop(&self, message: &Message<'_>) -> bool {
        if message.values("record-route").next().is_some() {
            return false;
        }
        let server = self.hop.path().dst.ip();
        let is_elsewhere = |contact: ContactValue<'_>| {
            let uri = contact.addr()?.uri;
            if let Some(host) = usual_ipv4_host(uri) {
                return Some(server != host);
            }
            uri_host(uri).map(|host| text(host).trim_matches(['[', ']']).parse() != Ok(server))
        };
        message.contacts().find_map(is_elsewhere).unwrap_or_default()
    }

    /// When the transaction began, as far as was seen.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.invite.map(|moment| moment.at).or(self.first_response).or_else(|| self.cancel.as_ref().map(|of| of.at))
    }

    /// When RFC 3261 gives up on it; `None` once it has its final response.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        if self.last_word.is_some() {
            return None;
        }
        let began = self.began()?;
        Some(match (&self.cancel, self.first_response) {
            // RFC 3261 9.1: 64·T1 after the CANCEL the client considers the INVITE cancelled.
            (Some(cancel), _) => cancel.at.after(TIMER_B),
            (None, None) => began.after(TIMER_B),
            (None, Some(_)) => self.progress.unwrap_or(began).after(TIMER_C),
        })
    }
}

/// Whether a method's requests live inside the dialog of a call (RFC 3261 12, RFC 3262, 3311, 6086, 3515, 6665).
pub(super) fn belongs_to_calls(method: &Method<'_>) -> bool {
    !matches!(method, Method::Register | Method::Publish)
}

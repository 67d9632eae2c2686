//! Requests and their answers (RFC 3261 17): which response belongs to which INVITE, on which hop, and what was sent
//! again. Knows single transactions; what they mean for a call is decided in `call`.

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::call::Arrival;
use super::fact::Reason;
use crate::codes::Code;
use crate::event::{Event, Path};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::{Message, Method, StartLine, text, unquote};

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

    /// A From or To tag; a missing one (RFC 2543) equals an empty one.
    pub(super) fn tag(&self, tag: Option<&[u8]>) -> u64 {
        self.of(tag.unwrap_or_default())
    }

    /// The transaction that a message belongs to: top Via branch and CSeq (RFC 3261 17.1.3). ACK to a non-2xx and
    /// CANCEL carry the branch of their INVITE and so give its key. A branch without the magic cookie says nothing
    /// alone (RFC 2543): there the sent-by and the tags' dialog take part.
    pub(super) fn transaction(&self, message: &Message<'_>) -> u64 {
        let number = message.cseq().map(|cseq| cseq.number);
        let is_unique = |branch: &&[u8]| branch.get(..7).is_some_and(|head| head.eq_ignore_ascii_case(b"z9hG4bK"));
        if let Some(branch) = message.top_branch().filter(is_unique) {
            return self.of((branch, number));
        }
        match message.top_via() {
            Some(via) => self.of((via.branch, via.sent_by, message.from_tag(), number)),
            None => self.of((message.from_tag(), number)),
        }
    }

    /// What makes two messages the same one sent again: its transaction, its kind and the hop it travels.
    fn message(&self, arrival: &Arrival<'_, '_>) -> u64 {
        let Arrival { event, message, key, tags, .. } = *arrival;
        let kind = match message.start() {
            StartLine::Request { method, .. } => (0, method.token()),
            StartLine::Response { code, .. } => (code, message.cseq().map_or(&b""[..], |cseq| cseq.method.token())),
        };
        self.of((key, kind, tags.to, message.body().len(), hop(event.path)))
    }
}

/// What tells hops apart, in fewer pieces than the hash of its parts would take.
fn hop(Path { src, dst, transport }: Path) -> (u128, u128, u64) {
    let ip = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let version = u64::from(src.is_ipv6()) << 1 | u64::from(dst.is_ipv6());
    let ports = u64::from(src.port()) << 16 | u64::from(dst.port());
    (ip(src), ip(dst), ports << 16 | version << 8 | transport as u64)
}

/// The messages of one call or registration that were seen lately, to know those sent again.
///
/// Retransmissions come within 64·T1 of the first (RFC 3261 17), so a bounded memory loses none that matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Seen {
    pub(super) recent: Vec<u64>,
    #[serde(deserialize_with = "super::resume::count")]
    pub(super) next: usize,
}

impl Seen {
    const DEPTH: usize = 128;
    /// As many as there are in most calls.
    const USUAL: usize = 8;

    /// Whether this message was seen before; it is from now on.
    pub(super) fn again(&mut self, digest: &Digest, arrival: &Arrival<'_, '_>) -> bool {
        let this = digest.message(arrival);
        if self.recent.contains(&this) {
            return true;
        }
        if self.recent.len() < Self::DEPTH {
            if self.recent.is_empty() {
                self.recent.reserve_exact(Self::USUAL);
            }
            self.recent.push(this);
        } else {
            if let Some(oldest) = self.recent.get_mut(self.next) {
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

/// A response to an INVITE, with what a row may have to tell of it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Response {
    pub(super) code: Code,
    pub(super) phrase: Option<Box<str>>,
    pub(super) seen: Moment,
    pub(super) reasons: Vec<Reason>,
    pub(super) warning: Option<Box<str>>,
    /// The first Contact of a 3xx.
    pub(super) contact: Option<Box<str>>,
    /// The challenge of a 401 or 407, as sent.
    pub(super) challenge: Option<Box<[u8]>>,
}

impl Response {
    pub(super) fn of(event: &Event<'_>, message: &Message<'_>, code: Code, phrase: &[u8]) -> Self {
        let failed = code.get() >= 300;
        let first = |name| message.values(name).next();
        Self {
            code,
            phrase: owned(phrase),
            seen: Moment::of(event),
            reasons: if code.is_final() { reasons(message) } else { Vec::new() },
            warning: failed.then(|| first("warning")).flatten().and_then(owned),
            contact: (code.get() / 100 == 3).then(|| message.contacts().next()).flatten().and_then(|contact| {
                match contact {
                    crate::wire::sip::ContactValue::Addr(addr) => owned(addr.uri),
                    crate::wire::sip::ContactValue::Star => None,
                }
            }),
            challenge: code
                .is_challenge()
                .then(|| first("www-authenticate").or_else(|| first("proxy-authenticate")))
                .flatten()
                .map(Box::from),
        }
    }
}

/// As text for a row; nothing where nothing was written.
pub(super) fn owned(bytes: &[u8]) -> Option<Box<str>> {
    let text = text(bytes);
    (!text.is_empty()).then(|| text.into_boxed_str())
}

/// The Reason headers of a message (RFC 3326).
pub(super) fn reasons(message: &Message<'_>) -> Vec<Reason> {
    message
        .reasons()
        .map(|value| Reason {
            protocol: text(value.protocol).into_boxed_str(),
            cause: value.cause,
            text: value.text.and_then(|text| owned(unquote(text).as_ref())),
        })
        .collect()
}

/// One INVITE transaction on one hop, as far as it was captured.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct InviteTransaction {
    /// See [`Digest::transaction`].
    pub(super) key: u64,
    pub(super) cseq: u32,
    /// From the sender of the INVITE, who gets the responses, to its receiver.
    pub(super) hop: Path,
    /// Number of Via values: the distance from the caller.
    pub(super) depth: u16,
    /// The first time the INVITE was seen; `None` where only what follows it was captured.
    pub(super) invite: Option<Moment>,
    /// How many times it was sent, and when last.
    #[serde(deserialize_with = "super::resume::count")]
    pub(super) sent: u32,
    pub(super) last_sent: Option<Timestamp>,
    /// The INVITE carried an Authorization or Proxy-Authorization.
    pub(super) credentials: bool,
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
    /// The 2xx came again.
    pub(super) answered_again: bool,
    /// The ACK to the 2xx need not pass this hop: the 2xx named another Contact and no Record-Route.
    pub(super) ack_elsewhere: bool,
    pub(super) cancel: Option<Moment>,
    pub(super) cancel_reasons: Vec<Reason>,
}

impl InviteTransaction {
    pub(super) fn new(key: u64, cseq: u32, depth: u16, hop: Path) -> Self {
        Self {
            key,
            cseq,
            hop,
            depth,
            invite: None,
            sent: 0,
            last_sent: None,
            credentials: false,
            first_response: None,
            provisional: None,
            ringing: None,
            progress: None,
            last_word: None,
            answered_again: false,
            ack_elsewhere: false,
            cancel: None,
            cancel_reasons: Vec::new(),
        }
    }

    /// The INVITE was seen, for the first time or again.
    pub(super) fn on_invite(&mut self, event: &Event<'_>) {
        self.invite.get_or_insert_with(|| Moment::of(event));
        self.sent += 1;
        self.last_sent = Some(event.at);
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
        let contact = message.contacts().find_map(|contact| match contact {
            crate::wire::sip::ContactValue::Addr(addr) => crate::wire::sip::uri_host(addr.uri),
            crate::wire::sip::ContactValue::Star => None,
        });
        let names_the_server =
            contact.is_none_or(|host| text(host).trim_matches(['[', ']']).parse() == Ok(self.hop.dst.ip()));
        !names_the_server && message.values("record-route").next().is_none()
    }

    /// When the transaction began, as far as was seen.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.invite.map(|moment| moment.at).or(self.first_response).or_else(|| self.cancel.map(|moment| moment.at))
    }

    /// When RFC 3261 gives up on it; `None` once it has its final response.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        if self.last_word.is_some() {
            return None;
        }
        let began = self.began()?;
        Some(match (self.cancel, self.first_response) {
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

//! One registration: what a client bound at a registrar, for how long, and how it ended (RFC 3261 10). Knows the
//! REGISTER transactions of one Call-ID; that another Call-ID took a contact over it is told by the tracker.

use std::borrow::Cow;
use std::time::Duration;

use super::call::Arrival;
use super::fact::{Answer, RegistrationCause, RegistrationFact, Step};
use super::transaction::{Digest, Moment, Seen, TIMER_B, owned};
use crate::codes::{Category, Code};
use crate::event::Path;
use crate::time::Timestamp;
use crate::wire::sip::{ContactValue, Message, NameAddr, StartLine, address_key, text, uri_host};

/// RFC 3261 10.2.1.1: what a registrar grants where neither side says.
const DEFAULT_LIFETIME: u32 = 3600;

/// What a REGISTER asks for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Wish {
    /// Bind these contacts for so many seconds each; zero removes one.
    Bind(Vec<(Contact, u32)>),
    /// `Contact: *` with a lifetime of zero: remove all.
    RemoveAll,
    /// No Contact: what is bound?
    Query,
}

impl Wish {
    fn of(digest: &Digest, aor_key: u64, message: &Message<'_>) -> Self {
        let lifetime = message.expires();
        let mut contacts = Vec::new();
        for contact in message.contacts().take(Registration::MOST_CONTACTS) {
            match contact {
                ContactValue::Star => return Self::RemoveAll,
                ContactValue::Addr(ref addr) => {
                    let seconds = contact.expires().or(lifetime).unwrap_or(DEFAULT_LIFETIME);
                    if contacts.is_empty() {
                        contacts.reserve_exact(1);
                    }
                    contacts.push((Contact::of(digest, aor_key, addr), seconds));
                }
            }
        }
        if contacts.is_empty() { Self::Query } else { Self::Bind(contacts) }
    }

    fn removes(&self) -> bool {
        match self {
            Self::Bind(contacts) => contacts.iter().all(|(_, seconds)| *seconds == 0),
            Self::RemoveAll => true,
            Self::Query => false,
        }
    }
}

/// A contact address, as digests of what is compared: a registration that is granted is held for hours, and there may
/// be very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Contact {
    /// Of the address (RFC 3261 19.1.4).
    key: u64,
    /// Of what tells a phone that restarted from another phone: the address-of-record, the contact, and which device it
    /// says it is (RFC 5626 4.1): two that say different things are no restart of one phone, even at one address.
    holder: Holder,
}

impl Contact {
    fn of(digest: &Digest, aor_key: u64, addr: &NameAddr<'_>) -> Self {
        let key = digest.of(address_key(addr.uri));
        let instance = addr.params.get("+sip.instance").unwrap_or_default();
        Self { key, holder: digest.of((aor_key, key, text(&instance.to_ascii_lowercase()))) }
    }
}

/// Digest of an address-of-record with a contact and its device.
pub(super) type Holder = u64;

/// A contact that the registrar granted.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Binding {
    contact: Contact,
    until: Timestamp,
    granted: Moment,
}

impl Binding {
    pub(super) const fn holder(&self) -> Holder {
        self.contact.holder
    }
}

/// One REGISTER transaction on one hop.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Transaction {
    key: u64,
    cseq: u32,
    depth: u16,
    hop: Path,
    /// `None` where only the response was captured, and once it was answered.
    wish: Option<Wish>,
    began: Timestamp,
    answer: Option<Answer>,
}

impl Transaction {
    fn is_answered(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.code.is_final())
    }

    fn is_granted(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.code.is_success())
    }
}

/// The row of one address-of-record, registrar and Call-ID.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Registration {
    // These two first: the shelf reads no further where it needs no more.
    start: Moment,
    bindings: Vec<Binding>,
    call_id: Box<[u8]>,
    aor: Box<str>,
    /// Digest of the address-of-record as compared (RFC 3261 10.3 step 5).
    aor_key: u64,
    registrar: Option<Box<str>>,
    /// The last few transactions; the last attempt decides.
    transactions: Vec<Transaction>,
    attempt: Option<u32>,
    code: Option<Code>,
    cause: Option<RegistrationCause>,
    /// A contact of ours was registered again under another Call-ID: it no longer runs out here.
    replaced: bool,
    contact: Option<Box<str>>,
    registered: Option<Timestamp>,
    expires: Option<u32>,
    #[serde(deserialize_with = "super::resume::count")]
    refreshes: u32,
    challenged: bool,
    seen: Seen,
    #[serde(deserialize_with = "super::resume::count")]
    messages: u32,
    last: Timestamp,
    path: Path,
    user_agent: Option<Box<str>>,
    timeline: Vec<Step>,
    /// A contact came beyond those that are kept.
    #[serde(skip)]
    pub(super) beyond: bool,
}

/// What a message changed that others must hear of: these contacts are bound here now.
pub(super) type Bound = Vec<Holder>;

impl Registration {
    /// More contacts than one device registers.
    const MOST_CONTACTS: usize = 32;
    /// Transactions remembered: enough for several hops and for stragglers.
    const MOST_TRANSACTIONS: usize = 16;
    /// A timeline longer than this keeps its first steps and its last one.
    const MOST_STEPS: usize = 4096;

    pub(super) fn open(digest: &Digest, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Self {
        let message = arrival.message;
        let moment = Moment::of(arrival.event);
        let to = message.to().map(|to| to.uri).unwrap_or_default();
        Self {
            start: moment,
            bindings: Vec::new(),
            call_id: call_id.into(),
            aor: text(to).into(),
            aor_key: digest.of(address_key(to)),
            registrar: registrar(message),
            transactions: Vec::new(),
            attempt: None,
            code: None,
            cause: None,
            replaced: false,
            contact: None,
            registered: None,
            expires: None,
            refreshes: 0,
            challenged: false,
            seen: Seen::default(),
            messages: 0,
            last: moment.at,
            path: arrival.hop(),
            user_agent: message.user_agent().filter(|_| message.is_request()).and_then(owned),
            timeline: Vec::new(),
            beyond: false,
        }
    }

    pub(super) fn code(&self) -> Option<Code> {
        self.code
    }

    pub(super) fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// Its first message.
    pub(super) const fn start(&self) -> Moment {
        self.start
    }

    pub(super) fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// After 64·T1 of silence nothing more is sent again, and nothing comes of an attempt before the last one.
    pub(super) fn forget_what_passed(&mut self, now: Timestamp) {
        if now >= self.last.after(TIMER_B) {
            let attempt = self.attempt;
            self.transactions.retain(|of| Some(of.cseq) == attempt);
            self.seen = Seen::default();
        }
    }

    /// Digest of its address-of-record as compared.
    pub(super) const fn aor_key(&self) -> u64 {
        self.aor_key
    }

    /// How surely a REGISTER, or a response to one, belongs to this row (of the same Call-ID); 0: it does not.
    pub(super) fn affinity(&self, digest: &Digest, arrival: &Arrival<'_, '_>) -> u8 {
        let message = arrival.message;
        if self.transactions.iter().any(|of| of.key == arrival.key) {
            return 2;
        }
        let to = message.to().map(|to| to.uri).unwrap_or_default();
        // Farther along its way a proxy may have put another host into the Request-URI.
        let cseq = message.cseq().map(|cseq| cseq.number);
        let on_its_way = self.transactions.iter().any(|of| Some(of.cseq) == cseq && message.via_count() > of.depth);
        let same_registrar = !message.is_request() || self.registrar.is_none() || registrar(message) == self.registrar;
        u8::from((same_registrar || on_its_way) && digest.of(address_key(to)) == self.aor_key)
    }

    /// Takes in one message of this registration. Returns the keys of the contacts that it bound.
    pub(super) fn feed(&mut self, digest: &Digest, arrival: &Arrival<'_, '_>) -> Bound {
        let Arrival { event, message, .. } = *arrival;
        self.messages += 1;
        self.last = self.last.max(event.at);
        if event.duplicate || self.seen.again(digest, arrival) {
            return Bound::new();
        }
        self.lapse(event.at);
        match message.start() {
            StartLine::Request { .. } => {
                self.on_register(digest, arrival);
                Bound::new()
            }
            StartLine::Response { code, phrase } => self.on_response(digest, arrival, Code::new(code), phrase),
        }
    }

    fn step(&mut self, code: Code, moment: Moment) {
        if self.code == Some(code) {
            return;
        }
        self.code = Some(code);
        if self.timeline.len() >= Self::MOST_STEPS {
            self.timeline.pop();
        }
        self.timeline.push(Step { at: moment.at, code, place: moment.place });
    }

    /// The transaction that decides the attempt in force: nearest to the client, then first seen, then the one that its
    /// client sent after that under the same CSeq (to another server, with credentials) unless a 2xx came.
    fn deciding(&self) -> Option<&Transaction> {
        let of_attempt = || self.transactions.iter().filter(|of| Some(of.cseq) == self.attempt);
        let nearest = of_attempt().min_by_key(|of| of.depth)?;
        let retries = of_attempt().filter(|of| of.depth == nearest.depth && of.hop.src.ip() == nearest.hop.src.ip());
        retries.reduce(|before, next| if before.is_granted() || before.key == next.key { before } else { next })
    }

    fn on_register(&mut self, digest: &Digest, arrival: &Arrival<'_, '_>) {
        let Arrival { event, message, key, .. } = *arrival;
        let (hop, depth) = (arrival.hop(), message.via_count());
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        if self.transactions.iter().any(|of| of.key == key && of.hop == hop) {
            return;
        }
        // A client that lost count: long after the last attempt nothing of an older one comes any more.
        let starts_over = self.deciding().is_some_and(|deciding| {
            let late = event.at > deciding.began.after(TIMER_B);
            cseq < deciding.cseq && depth <= deciding.depth && deciding.is_answered() && late
        });
        if starts_over {
            self.transactions.clear();
        }
        let begins_attempt = self.deciding().is_none_or(|deciding| {
            let farther_and_pending = depth > deciding.depth && !deciding.is_answered();
            // Counting right or not, who was refused and asks again makes another attempt.
            let refused = deciding.is_answered() && !deciding.is_granted();
            let asks_again = cseq == deciding.cseq && key != deciding.key && depth <= deciding.depth && refused;
            (cseq > deciding.cseq && !farther_and_pending) || asks_again
        });
        let wish = Wish::of(digest, self.aor_key, message);
        if begins_attempt {
            self.attempt = Some(cseq);
            if self.registrar.is_none() {
                self.registrar = registrar(message);
                self.user_agent = message.user_agent().and_then(owned);
            }
            if let Wish::Bind(_) = &wish
                && let Some(ContactValue::Addr(contact)) = message.contacts().next()
            {
                self.contact = Some(text(contact.uri).into());
            }
            self.cause = None;
            let code = if wish.removes() { Code::UNREGISTERING } else { Code::REGISTERING };
            self.step(code, Moment::of(event));
        }
        let wish = Some(wish);
        self.remember(Transaction { key, cseq, depth, hop, wish, began: event.at, answer: None });
    }

    fn remember(&mut self, transaction: Transaction) {
        if self.transactions.len() >= Self::MOST_TRANSACTIONS {
            self.transactions.remove(0);
        }
        self.transactions.push(transaction);
    }

    fn on_response(&mut self, digest: &Digest, arrival: &Arrival<'_, '_>, code: Code, phrase: &[u8]) -> Bound {
        let Arrival { event, message, key, .. } = *arrival;
        let (hop, cseq) = (arrival.hop(), message.cseq().map_or(0, |cseq| cseq.number));
        let of_key = |transactions: &[Transaction], close: &dyn Fn(&Transaction) -> bool| {
            transactions.iter().position(|of| of.key == key && close(of))
        };
        let index = of_key(&self.transactions, &|of| of.hop == hop).or_else(|| of_key(&self.transactions, &|_| true));
        let index = if let Some(index) = index {
            index
        } else {
            // Its REGISTER was not captured.
            if self.attempt.is_none_or(|current| cseq > current) {
                self.attempt = Some(cseq);
            }
            let depth = message.via_count();
            self.remember(Transaction { key, cseq, depth, hop, wish: None, began: event.at, answer: None });
            self.transactions.len() - 1
        };
        let Some(transaction) = self.transactions.get_mut(index) else { return Bound::new() };
        if transaction.is_answered() {
            return Bound::new();
        }
        transaction.answer =
            Some(Answer { code, phrase: owned(phrase).map(|phrase| Cow::Owned(phrase.into_string())) });
        let wish = if code.is_final() { transaction.wish.take() } else { None };
        let hop = transaction.hop;
        let decides = self.deciding().is_some_and(|deciding| deciding.key == key && deciding.hop == hop);
        if !decides || !code.is_final() {
            return Bound::new();
        }
        self.challenged |= code.is_challenge();
        if code.is_success() {
            self.on_granted(digest, message, wish.as_ref(), Moment::of(event))
        } else {
            self.step(code, Moment::of(event));
            Bound::new()
        }
    }

    /// A 2xx: what was asked for came true (RFC 3261 10.3 step 8).
    fn on_granted(&mut self, digest: &Digest, message: &Message<'_>, wish: Option<&Wish>, moment: Moment) -> Bound {
        let mut bound = Bound::new();
        match wish {
            Some(Wish::Bind(contacts)) => {
                for (contact, asked) in contacts {
                    let seconds =
                        if *asked == 0 { 0 } else { granted(digest, message, Some(contact)).unwrap_or(*asked) };
                    let held = self.bindings.iter().position(|binding| binding.contact.key == contact.key);
                    if seconds == 0 {
                        if let Some(held) = held {
                            self.bindings.remove(held);
                        }
                        continue;
                    }
                    let until = moment.at.after(Duration::from_secs(seconds.into()));
                    let binding = Binding { contact: *contact, until, granted: moment };
                    if let Some(held) = held {
                        self.bindings[held] = binding;
                        self.refreshes += 1;
                    } else if self.bindings.len() < Self::MOST_CONTACTS {
                        if self.bindings.is_empty() {
                            self.bindings.reserve_exact(1);
                        }
                        self.bindings.push(binding);
                    } else {
                        self.beyond = true;
                    }
                    self.expires = Some(seconds);
                    self.replaced = false;
                    bound.push(contact.holder);
                }
            }
            Some(Wish::RemoveAll) => self.bindings.clear(),
            // A query, or a 2xx whose REGISTER was not captured: only what it lists is known.
            Some(Wish::Query) | None => {
                let listed = message.contacts().find_map(|contact| match contact {
                    ContactValue::Addr(addr) => Some(text(addr.uri).into_boxed_str()),
                    ContactValue::Star => None,
                });
                let code = if listed.is_some() { Code::REGISTERED } else { Code::UNREGISTERED };
                if listed.is_some() {
                    self.expires = granted(digest, message, None);
                    self.contact = self.contact.take().or(listed);
                } else {
                    self.cause = Some(RegistrationCause::None);
                }
                self.step(code, moment);
                return bound;
            }
        }
        if self.bindings.is_empty() {
            self.cause = Some(RegistrationCause::Requested);
            self.step(Code::UNREGISTERED, moment);
        } else {
            self.registered.get_or_insert(moment.at);
            self.step(Code::REGISTERED, moment);
        }
        bound
    }

    /// Another Call-ID registered this contact of the same device: what was granted here lives on there.
    pub(super) fn on_replaced(&mut self, holder: Holder, at: Timestamp) {
        self.lapse(at);
        let before = self.bindings.len();
        self.bindings.retain(|binding| binding.contact.holder != holder);
        if self.bindings.len() < before && self.bindings.is_empty() && self.code == Some(Code::REGISTERED) {
            self.replaced = true;
        }
    }

    /// Lets granted lifetimes run out.
    fn lapse(&mut self, now: Timestamp) {
        if self.bindings.is_empty() || self.bindings.iter().any(|binding| binding.until > now) {
            self.bindings.retain(|binding| binding.until > now);
            return;
        }
        let last = self.bindings.iter().max_by_key(|binding| binding.until).copied();
        self.bindings.clear();
        if let Some(last) = last
            && self.code == Some(Code::REGISTERED)
        {
            self.cause = Some(RegistrationCause::Expired);
            self.step(Code::UNREGISTERED, Moment { at: last.until, place: last.granted.place });
        }
    }

    /// What is to be told of this registration as it stands at `now`.
    pub(super) fn into_fact(mut self, now: Timestamp) -> RegistrationFact {
        self.lapse(now);
        let pending = matches!(self.code, Some(Code::REGISTERING | Code::UNREGISTERING));
        // Timer F (RFC 3261 17.1.2.2) runs to the final response, provisional ones do not stop it.
        let timed_out = pending && self.deciding().is_some_and(|deciding| now >= deciding.began.after(TIMER_B));
        let answer = self.deciding().and_then(|deciding| deciding.answer.clone());
        RegistrationFact {
            category: self.code.map(|code| match code {
                Code::REGISTERING | Code::UNREGISTERING if timed_out => Category::Unsuccessful,
                Code::REGISTERING | Code::UNREGISTERING => Category::Attempting,
                Code::REGISTERED => Category::Active,
                Code::UNREGISTERED => Category::Completed,
                _ => Category::Unsuccessful,
            }),
            cause: if self.replaced && self.code == Some(Code::REGISTERED) {
                Some(RegistrationCause::Replaced)
            } else {
                self.cause
            },
            aor: self.aor,
            contact: self.contact,
            registrar: self.registrar,
            call_id: text(&self.call_id).into(),
            code: self.code,
            answer,
            start: self.start.at,
            place: self.start.place,
            registered: self.registered,
            last: self.last,
            expires: self.expires,
            refreshes: self.refreshes,
            challenged: self.challenged,
            timed_out,
            path: self.path,
            user_agent: self.user_agent,
            messages: self.messages,
            timeline: self.timeline.into_iter().collect(),
        }
    }
}

/// Host of the Request-URI, in lower case.
fn registrar(message: &Message<'_>) -> Option<Box<str>> {
    let StartLine::Request { uri, .. } = message.start() else { return None };
    uri_host(uri).map(|host| text(host).to_lowercase().into_boxed_str())
}

/// The lifetime that a 2xx grants: of this contact where it lists that, else its Expires header. Without a contact to
/// look for: that of the first one listed.
fn granted(digest: &Digest, message: &Message<'_>, contact: Option<&Contact>) -> Option<u32> {
    let of_contact = message.contacts().find_map(|listed| match listed {
        ContactValue::Addr(ref addr) if contact.is_none_or(|own| digest.of(address_key(addr.uri)) == own.key) => {
            listed.expires()
        }
        _ => None,
    });
    of_contact.or_else(|| message.expires())
}

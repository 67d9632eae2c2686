//! One registration: what a client bound at a registrar, for how long, and how it ended (RFC 3261 10). Knows the
//! REGISTER transactions of one Call-ID; that another Call-ID took a contact over it is told by its registrar.

pub(super) mod asleep;
mod contact;
mod saved;
mod server;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::call::Arrival;
use super::fact::{Answer, RegistrationCause, RegistrationFact, Step};
use super::texts::{Text, Texts};
use super::transaction::{Digest, Moment, Seen, TIMER_B};
use crate::codes::{Category, Code};
use crate::event::{Path, Transport};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::{ContactValue, Message, StartLine, text};

pub(super) use contact::Holder;
use contact::{Address, Contact, Wish};
pub(super) use saved::Saved;
use server::registrar;

/// What all registrations have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Names of registrars and of phones, reason phrases.
    texts: Texts,
    /// What stands behind the `@` of addresses and Call-IDs.
    hosts: Texts,
    /// Where REGISTERs go to, and over what.
    servers: Vec<(SocketAddr, Transport)>,
    lives: asleep::Lives,
    /// The last Request-URI that was a host and nothing else, and its text: most go to one of few.
    asked: Option<(Vec<u8>, Text)>,
}

/// What a registration needs to understand a message.
#[derive(Debug)]
pub(super) struct Known<'k> {
    pub(super) digest: &'k Digest,
    pub(super) shared: &'k mut Shared,
}

/// What a message changed that others must hear of.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// These contacts are bound here now.
    pub(super) bound: Vec<Holder>,
    /// These no longer are.
    pub(super) let_go: Vec<Holder>,
}

/// A contact that the registrar granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Binding {
    contact: Contact,
    until: Timestamp,
    granted: Moment,
}

/// One REGISTER transaction on one hop.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Transaction {
    /// See [`key_of`].
    key: u64,
    cseq: u32,
    depth: u16,
    hop: Hop,
    /// `None` where only the response was captured, and once it was answered.
    wish: Option<Wish>,
    began: Timestamp,
    answer: Option<(Code, Option<Text>)>,
}

/// The way of a REGISTER, in the direction of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hop {
    /// The way of the registration's first message, as nearly always.
    First,
    Other(Box<Path>),
}

impl Hop {
    fn of(path: Path, first: &Path) -> Self {
        if path == *first { Self::First } else { Self::Other(Box::new(path)) }
    }

    fn path<'p>(&'p self, first: &'p Path) -> &'p Path {
        match self {
            Self::First => first,
            Self::Other(path) => path,
        }
    }
}

/// [`Digest::transaction`], five bytes of it: it is compared with a few others of one registration only, and kept as
/// long as that is.
const fn key_of(arrival: &Arrival<'_, '_>) -> u64 {
    short(arrival.key)
}

const KEY_LEN: usize = 5;

const fn short(key: u64) -> u64 {
    key & ((1 << (8 * KEY_LEN)) - 1)
}

impl Transaction {
    fn is_answered(&self) -> bool {
        self.answer.as_ref().is_some_and(|(code, _)| code.is_final())
    }

    fn is_granted(&self) -> bool {
        self.answer.as_ref().is_some_and(|(code, _)| code.is_success())
    }
}

/// The row of one address-of-record, registrar and Call-ID.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Registration {
    start: Moment,
    bindings: Vec<Binding>,
    call_id: Vec<u8>,
    aor: Address,
    registrar: Option<Text>,
    /// The last few transactions; the last attempt decides.
    transactions: Vec<Transaction>,
    attempt: Option<u32>,
    cause: Option<RegistrationCause>,
    /// A contact of ours was registered again under another Call-ID: it no longer runs out here.
    replaced: bool,
    /// The contact that was bound or asked for last, where there was one.
    contact: Address,
    has_contact: bool,
    registered: Option<Timestamp>,
    expires: Option<u32>,
    refreshes: u32,
    challenged: bool,
    seen: Seen,
    messages: u32,
    last: Timestamp,
    path: Path,
    user_agent: Option<Text>,
    /// The last step tells the code.
    timeline: Vec<Step>,
    /// To be emptied where one of the names changes.
    names: asleep::Names,
    /// A contact came beyond those that are kept.
    pub(super) beyond: bool,
}

impl Default for Registration {
    fn default() -> Self {
        Self::NOBODY
    }
}

/// A buffer that takes more than so many bytes is not kept for the next one.
const LONG: usize = 2048;

/// Empties a buffer that is to be used again, and gives it up where it is much longer than most.
fn empty<T>(buffer: &mut Vec<T>) {
    buffer.clear();
    if buffer.capacity() * size_of::<T>() > LONG {
        *buffer = Vec::new();
    }
}

impl Registration {
    /// Nobody's.
    const NOBODY: Self = {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let never = Timestamp::from_nanos(0);
        Self {
            start: Moment { at: never, place: Place { file: 0, frame: 0 } },
            bindings: Vec::new(),
            call_id: Vec::new(),
            aor: Address::NONE,
            registrar: None,
            transactions: Vec::new(),
            attempt: None,
            cause: None,
            replaced: false,
            contact: Address::NONE,
            has_contact: false,
            registered: None,
            expires: None,
            refreshes: 0,
            challenged: false,
            seen: Seen { recent: SmallVec::new_const(), next: 0 },
            messages: 0,
            last: never,
            path: Path { src: nowhere, dst: nowhere, transport: Transport::Udp },
            user_agent: None,
            timeline: Vec::new(),
            names: asleep::Names::NONE,
            beyond: false,
        }
    };

    /// More contacts than one device registers.
    const MOST_CONTACTS: usize = 32;
    /// Transactions remembered: enough for several hops and for stragglers.
    const MOST_TRANSACTIONS: usize = 16;
    /// A timeline longer than this keeps its first steps and its last one.
    const MOST_STEPS: usize = 4096;

    /// Nobody's again, as [`NOBODY`](Self::NOBODY); the buffers stay. In place, as that is done for each that wakes.
    #[rustfmt::skip]
    fn clear(&mut self) {
        let Self {
            start, bindings, call_id, aor, registrar, transactions, attempt, cause, replaced, contact, has_contact,
            registered, expires, refreshes, challenged, seen, messages, last, path: _, user_agent, timeline, names, beyond,
        } = self;
        empty(&mut names.bytes);
        empty(bindings);
        empty(call_id);
        empty(transactions);
        empty(timeline);
        seen.recent.clear();
        aor.clear();
        contact.clear();
        (*start, *last, *registered) = (Moment::default(), Timestamp::default(), None);
        (*registrar, *user_agent, *attempt, *cause, *expires) = (None, None, None, None, None);
        (*replaced, *has_contact, *challenged, *beyond) = (false, false, false, false);
        (*refreshes, *messages, seen.next) = (0, 0, 0);
    }

    /// Becomes the row that a message opens. It is fed that message next.
    pub(super) fn open(&mut self, known: &mut Known<'_>, call_id: &[u8], arrival: &Arrival<'_, '_>) {
        self.clear();
        let message = arrival.message;
        self.start = Moment::of(arrival.event);
        self.last = arrival.event.at;
        self.path = arrival.hop();
        self.call_id.extend_from_slice(call_id);
        self.aor.write(known.digest, message.to().map(|to| to.uri).unwrap_or_default());
        self.registrar = registrar(known, message);
        let agent = message.user_agent().filter(|_| message.is_request());
        self.user_agent = agent.and_then(|agent| known.shared.texts.sent(known.digest, agent));
    }

    pub(super) fn code(&self) -> Option<Code> {
        self.timeline.last().map(|step| step.code)
    }

    pub(super) fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// Its first message.
    pub(super) const fn start(&self) -> Moment {
        self.start
    }

    /// The contacts that it holds.
    pub(super) fn holders(&self) -> impl Iterator<Item = Holder> + use<'_> {
        self.bindings.iter().map(|binding| binding.contact.holder)
    }

    /// When nothing more is sent again, and nothing comes of an attempt before the last one: after 64·T1 of silence.
    pub(super) fn passes(&self) -> Timestamp {
        self.last.after(TIMER_B)
    }

    /// Whether the last word of the attempt in force was said: nothing is under way.
    pub(super) fn is_settled(&self) -> bool {
        let answer = self.deciding().and_then(|deciding| deciding.answer.as_ref());
        answer.is_some_and(|(code, _)| code.is_final() && !code.is_challenge())
    }

    fn is_of_attempt(&self, transaction: &Transaction) -> bool {
        Some(transaction.cseq) == self.attempt
    }

    /// Forgets what matters until then.
    #[cfg(test)]
    fn forget_what_passed(&mut self) {
        let attempt = self.attempt;
        self.transactions.retain(|of| Some(of.cseq) == attempt);
        self.seen = Seen::default();
    }

    /// Digest of its address-of-record as compared (RFC 3261 10.3 step 5).
    pub(super) fn aor_key(&self, digest: &Digest) -> u64 {
        self.aor.key(digest)
    }

    /// How surely a REGISTER, or a response to one, belongs to this row; 0: it does not.
    pub(super) fn affinity(&self, digest: &Digest, shared: &Shared, call_id: &[u8], arrival: &Arrival<'_, '_>) -> u8 {
        let message = arrival.message;
        if self.call_id != call_id {
            return 0;
        }
        if self.transactions.iter().any(|of| of.key == key_of(arrival)) {
            return 2;
        }
        // Farther along its way a proxy may have put another host into the Request-URI.
        let on_its_way = || {
            let cseq = message.cseq().map(|cseq| cseq.number);
            self.transactions.iter().any(|of| Some(of.cseq) == cseq && message.via_count() > of.depth)
        };
        let same_registrar = !message.is_request() || self.is_registrar(shared, message) || on_its_way();
        let same_aor = || {
            // As written to the registrar before, so that nothing need be read.
            message.to_value().is_some_and(|to| self.aor.behind(to).is_some()) || {
                let to = message.to().map(|to| to.uri).unwrap_or_default();
                self.aor.key_of(digest, to) == self.aor.key(digest)
            }
        };
        u8::from(same_registrar && same_aor())
    }

    /// Takes in one message of this registration.
    pub(super) fn feed(&mut self, known: &mut Known<'_>, arrival: &Arrival<'_, '_>, changes: &mut Changes) {
        let Arrival { event, message, .. } = *arrival;
        self.messages += 1;
        self.last = self.last.max(event.at);
        if event.duplicate || self.seen.again(known.digest, arrival) {
            return;
        }
        self.lapse(event.at, changes);
        match message.start() {
            StartLine::Request { .. } => self.on_register(known, arrival),
            StartLine::Response { code, phrase } => self.on_response(known, arrival, Code::new(code), phrase, changes),
        }
    }

    fn step(&mut self, code: Code, moment: Moment) {
        if self.code() == Some(code) {
            return;
        }
        if self.timeline.len() >= Self::MOST_STEPS {
            self.timeline.pop();
        }
        self.timeline.push(Step { at: moment.at, code, place: moment.place });
    }

    /// The transaction that decides the attempt in force: nearest to the client, then first seen, then the one that its
    /// client sent after that under the same CSeq (to another server, with credentials) unless a 2xx came.
    fn deciding(&self) -> Option<&Transaction> {
        // Nearly always the last one is all that there is of the attempt.
        if let Some((last, before)) = self.transactions.split_last()
            && self.is_of_attempt(last)
            && !before.iter().any(|of| self.is_of_attempt(of))
        {
            return Some(last);
        }
        let of_attempt = || self.transactions.iter().filter(|of| self.is_of_attempt(of));
        let nearest = of_attempt().min_by_key(|of| of.depth)?;
        let client = |of: &Transaction| of.hop.path(&self.path).src.ip();
        let retries = of_attempt().filter(|of| of.depth == nearest.depth && client(of) == client(nearest));
        retries.reduce(|before, next| if before.is_granted() || before.key == next.key { before } else { next })
    }

    fn on_register(&mut self, known: &mut Known<'_>, arrival: &Arrival<'_, '_>) {
        let Arrival { event, message, .. } = *arrival;
        let key = key_of(arrival);
        let (hop, depth) = (Hop::of(arrival.hop(), &self.path), message.via_count());
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
            // Counting right or not, who was refused and asks again makes another attempt.
            let refused = deciding.is_answered() && !deciding.is_granted();
            let asks_again = cseq == deciding.cseq && key != deciding.key && depth <= deciding.depth && refused;
            (cseq > deciding.cseq && !self.waits_nearer_than(depth)) || asks_again
        });
        self.aor.key = Some(self.aor.key(known.digest));
        let (wish, contact) = self.wish(known.digest, message);
        if begins_attempt {
            self.attempt = Some(cseq);
            if self.registrar.is_none() {
                self.names.bytes.clear();
                self.registrar = registrar(known, message);
                self.user_agent = message.user_agent().and_then(|agent| known.shared.texts.sent(known.digest, agent));
            }
            if let Some(contact) = contact.filter(|_| wish.binds()) {
                self.set_contact(known.digest, contact, wish.contacts().next().map(|(contact, _)| contact.key));
            }
            self.cause = None;
            let code = if wish.removes() { Code::UNREGISTERING } else { Code::REGISTERING };
            self.step(code, Moment::of(event));
        }
        let wish = Some(wish);
        self.remember(Transaction { key, cseq, depth, hop, wish, began: event.at, answer: None });
    }

    /// Whether the client's own attempt still waits, nearer to it: what is sent from there on is a proxy's.
    fn waits_nearer_than(&self, depth: u16) -> bool {
        // A damaged REGISTER without a Via says nothing of how far it is.
        self.deciding().is_some_and(|of| of.depth > 0 && depth > of.depth && !of.is_answered())
    }

    fn set_contact(&mut self, digest: &Digest, uri: &[u8], key: Option<u64>) {
        if !(self.has_contact && self.contact.as_sent && self.contact.text.as_bytes() == uri) {
            self.contact.write(digest, uri);
            self.names.bytes.clear();
        }
        self.contact.key = self.contact.key.or(key);
        self.has_contact = true;
    }

    fn remember(&mut self, transaction: Transaction) {
        if self.transactions.len() >= Self::MOST_TRANSACTIONS {
            self.transactions.remove(0);
        }
        self.transactions.push(transaction);
    }

    fn on_response(
        &mut self,
        known: &mut Known<'_>,
        arrival: &Arrival<'_, '_>,
        code: Code,
        phrase: &[u8],
        changes: &mut Changes,
    ) {
        let Arrival { event, message, .. } = *arrival;
        let key = key_of(arrival);
        let (hop, cseq) = (Hop::of(arrival.hop(), &self.path), message.cseq().map_or(0, |cseq| cseq.number));
        let of_key = |of: &Transaction| of.key == key;
        let on_hop = |of: &Transaction| of.key == key && of.hop == hop;
        let index = self.transactions.iter().position(on_hop).or_else(|| self.transactions.iter().position(of_key));
        let index = if let Some(index) = index {
            index
        } else if !code.is_final() && self.code().is_some() {
            // That another attempt is under way says less than how the one before it went.
            return;
        } else {
            // Its REGISTER was not captured. A proxy that counts CSeq up on its own makes no attempt of the client's.
            let depth = message.via_count();
            let is_anothers = self.transactions.iter().any(|of| of.cseq == cseq && of.depth <= depth);
            let is_next = |current| cseq > current && !is_anothers && !self.waits_nearer_than(depth);
            if self.attempt.is_none_or(is_next) {
                self.attempt = Some(cseq);
            }
            self.remember(Transaction { key, cseq, depth, hop, wish: None, began: event.at, answer: None });
            self.transactions.len() - 1
        };
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        if transaction.is_answered() {
            return;
        }
        transaction.answer = Some((code, known.shared.texts.sent(known.digest, phrase)));
        let wish = if code.is_final() { transaction.wish.take() } else { None };
        let decides = self
            .transactions
            .get(index)
            .zip(self.deciding())
            .is_some_and(|(own, deciding)| (own.key, &own.hop) == (deciding.key, &deciding.hop));
        if !decides || !code.is_final() {
            return;
        }
        self.challenged |= code.is_challenge();
        if code.is_success() {
            self.on_granted(known.digest, message, wish.as_ref(), Moment::of(event), changes);
        } else {
            self.step(code, Moment::of(event));
        }
    }

    /// A 2xx: what was asked for came true (RFC 3261 10.3 step 8).
    fn on_granted(
        &mut self,
        digest: &Digest,
        message: &Message<'_>,
        wish: Option<&Wish>,
        moment: Moment,
        changes: &mut Changes,
    ) {
        match wish {
            Some(wish @ (Wish::Bind(..) | Wish::BindAll(_))) => {
                for (contact, asked) in wish.contacts() {
                    let seconds =
                        if asked == 0 { 0 } else { self.granted(digest, message, contact.key).unwrap_or(asked) };
                    self.bind(contact, seconds, moment, changes);
                }
            }
            Some(Wish::RemoveAll) => changes.let_go.extend(self.bindings.drain(..).map(|of| of.contact.holder)),
            // A query, or a 2xx whose REGISTER was not captured: only what it lists is known.
            Some(Wish::Query) | None => {
                let lifetime = |contact: &ContactValue<'_>| contact.expires().or_else(|| message.expires());
                // Some list what was let go as well, with no time left.
                let listed =
                    message.contacts().find(|contact| contact.addr().is_some() && lifetime(contact) != Some(0));
                let Some(listed) = listed else {
                    let let_go = message.contacts().any(|contact| contact.addr().is_some());
                    self.cause = Some(if let_go { RegistrationCause::Requested } else { RegistrationCause::None });
                    return self.step(Code::UNREGISTERED, moment);
                };
                self.expires = lifetime(&listed);
                if let Some(addr) = listed.addr().filter(|_| !self.has_contact) {
                    self.set_contact(digest, addr.uri, None);
                }
                return self.step(Code::REGISTERED, moment);
            }
        }
        if self.bindings.is_empty() {
            self.cause = Some(RegistrationCause::Requested);
            self.step(Code::UNREGISTERED, moment);
        } else {
            self.registered.get_or_insert(moment.at);
            self.step(Code::REGISTERED, moment);
        }
    }

    /// A contact was granted for so many seconds; zero: it was let go.
    fn bind(&mut self, contact: Contact, seconds: u32, moment: Moment, changes: &mut Changes) {
        let held = self.bindings.iter().position(|binding| binding.contact.key == contact.key);
        if seconds == 0 {
            changes.let_go.extend(held.map(|held| self.bindings.remove(held).contact.holder));
            return;
        }
        let until = moment.at.after(Duration::from_secs(seconds.into()));
        let binding = Binding { contact, until, granted: moment };
        if let Some(held) = held.and_then(|held| self.bindings.get_mut(held)) {
            let before = std::mem::replace(held, binding).contact.holder;
            self.refreshes += 1;
            self.expires = Some(seconds);
            self.replaced = false;
            // Whoever else had held it let it go when it was bound here.
            if before == contact.holder {
                return;
            }
            changes.let_go.push(before);
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
        changes.bound.push(contact.holder);
    }

    /// Another Call-ID registered this contact of the same device: what was granted here lives on there.
    pub(super) fn on_replaced(&mut self, holder: Holder, at: Timestamp, changes: &mut Changes) {
        self.lapse(at, changes);
        let before = self.bindings.len();
        self.bindings.retain(|binding| binding.contact.holder != holder);
        if self.bindings.len() == before {
            return;
        }
        changes.let_go.push(holder);
        if self.bindings.is_empty() && self.code() == Some(Code::REGISTERED) {
            self.replaced = true;
        }
    }

    /// Lets granted lifetimes run out.
    fn lapse(&mut self, now: Timestamp, changes: &mut Changes) {
        if self.bindings.iter().all(|binding| binding.until > now) {
            return;
        }
        let last = self.bindings.iter().max_by_key(|binding| binding.until).copied();
        let ran_out = |binding: &mut Binding| binding.until <= now;
        changes.let_go.extend(self.bindings.extract_if(.., ran_out).map(|binding| binding.contact.holder));
        if let Some(last) = last.filter(|_| self.bindings.is_empty())
            && self.code() == Some(Code::REGISTERED)
        {
            self.cause = Some(RegistrationCause::Expired);
            self.step(Code::UNREGISTERED, Moment { at: last.until, place: last.granted.place });
        }
    }

    /// What is to be told of this registration as it stands at `now`.
    pub(super) fn tell(&mut self, shared: &Shared, now: Timestamp) -> RegistrationFact {
        self.lapse(now, &mut Changes::default());
        let says = |text: &Option<Text>| text.as_ref().map(|text| Arc::clone(shared.texts.says(text)));
        let code = self.code();
        let pending = matches!(code, Some(Code::REGISTERING | Code::UNREGISTERING));
        // Timer F (RFC 3261 17.1.2.2) runs to the final response, provisional ones do not stop it.
        let timed_out = pending && self.deciding().is_some_and(|deciding| now >= deciding.began.after(TIMER_B));
        let answer = self.deciding().and_then(|deciding| deciding.answer.as_ref());
        let phrase_of = |code: &Code, phrase: &Option<Text>| {
            let says = shared.texts.says(phrase.as_ref()?);
            let usual = code.name().filter(|name| **name == **says);
            Some(usual.map_or_else(|| Cow::Owned(String::from(&**says)), Cow::Borrowed))
        };
        RegistrationFact {
            category: code.map(|code| match code {
                Code::REGISTERING | Code::UNREGISTERING if timed_out => Category::Unsuccessful,
                Code::REGISTERING | Code::UNREGISTERING => Category::Attempting,
                Code::REGISTERED => Category::Active,
                Code::UNREGISTERED => Category::Completed,
                _ => Category::Unsuccessful,
            }),
            cause: if self.replaced && code == Some(Code::REGISTERED) {
                Some(RegistrationCause::Replaced)
            } else {
                self.cause
            },
            aor: self.aor.text.as_str().into(),
            contact: self.has_contact.then(|| self.contact.text.as_str().into()),
            registrar: says(&self.registrar),
            call_id: text(&self.call_id).into(),
            code,
            answer: answer.map(|(code, phrase)| Answer { code: *code, phrase: phrase_of(code, phrase) }),
            start: self.start.at,
            place: self.start.place,
            registered: self.registered,
            last: self.last,
            expires: self.expires,
            refreshes: self.refreshes,
            challenged: self.challenged,
            timed_out,
            path: self.path,
            user_agent: says(&self.user_agent),
            messages: self.messages,
            timeline: self.timeline.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_there_is_forgotten() {
        let mut registration = Registration { messages: 7, beyond: true, replaced: true, ..Registration::default() };
        registration.call_id.extend_from_slice(b"c");
        registration.aor.write(&Digest::default(), b"sip:a@b");
        registration.has_contact = true;
        registration.timeline.push(Step { at: Timestamp::default(), code: Code::REGISTERED, place: Place::default() });
        registration.clear();
        assert_eq!(registration, Registration::NOBODY);
    }
}

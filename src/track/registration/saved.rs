//! A registration as it is carried over to another run: everything in full, and nothing that only this run knows.

use serde::{Deserialize, Serialize};

use super::asleep::Names;
use super::contact::{Address, Wish};
use super::{Binding, Hop, Known, Registration, Shared, Transaction, short};
use crate::codes::Code;
use crate::event::Path;
use crate::time::Timestamp;
use crate::track::fact::{RegistrationCause, Step};
use crate::track::texts::Text;
use crate::track::transaction::{Moment, Seen};

/// A registration in full.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::track) struct Saved {
    start: Moment,
    bindings: Vec<Binding>,
    call_id: Box<[u8]>,
    aor: SavedAddress,
    registrar: Option<Box<str>>,
    transactions: Vec<SavedTransaction>,
    attempt: Option<u32>,
    cause: Option<RegistrationCause>,
    replaced: bool,
    contact: Option<SavedAddress>,
    registered: Option<Timestamp>,
    expires: Option<u32>,
    #[serde(deserialize_with = "crate::track::resume::count")]
    refreshes: u32,
    challenged: bool,
    seen: Seen,
    #[serde(deserialize_with = "crate::track::resume::count")]
    messages: u32,
    last: Timestamp,
    path: Path,
    user_agent: Option<Box<str>>,
    timeline: Vec<Step>,
}

/// Its text, and the digest where that cannot be had from it.
type SavedAddress = (Box<str>, Option<u64>);

#[derive(Debug, Serialize, Deserialize)]
struct SavedTransaction {
    key: u64,
    cseq: u32,
    depth: u16,
    hop: Path,
    wish: Option<Wish>,
    began: Timestamp,
    answer: Option<(Code, Option<Box<str>>)>,
}

impl Saved {
    pub(in crate::track) fn of(registration: &Registration, shared: &Shared) -> Self {
        let says = |text: &Option<Text>| text.as_ref().map(|text| Box::from(&**shared.texts.says(text)));
        let address = |of: &Address| (of.text.as_str().into(), of.key.filter(|_| !of.as_sent));
        let transaction = |of: &Transaction| SavedTransaction {
            key: of.key,
            cseq: of.cseq,
            depth: of.depth,
            hop: *of.hop.path(&registration.path),
            wish: of.wish.clone(),
            began: of.began,
            answer: of.answer.as_ref().map(|(code, phrase)| (*code, says(phrase))),
        };
        Self {
            start: registration.start,
            bindings: registration.bindings.clone(),
            call_id: registration.call_id.as_slice().into(),
            aor: address(&registration.aor),
            registrar: says(&registration.registrar),
            transactions: registration.transactions.iter().map(transaction).collect(),
            attempt: registration.attempt,
            cause: registration.cause,
            replaced: registration.replaced,
            contact: registration.has_contact.then(|| address(&registration.contact)),
            registered: registration.registered,
            expires: registration.expires,
            refreshes: registration.refreshes,
            challenged: registration.challenged,
            seen: registration.seen.clone(),
            messages: registration.messages,
            last: registration.last,
            path: registration.path,
            user_agent: says(&registration.user_agent),
            timeline: registration.timeline.clone(),
        }
    }

    pub(in crate::track) const fn start(&self) -> Moment {
        self.start
    }

    /// The registration that it was.
    pub(in crate::track) fn resume(self, known: &mut Known<'_>, into: &mut Registration) {
        let mut own = |text: Box<str>| known.shared.texts.own(known.digest, &text);
        let address = |(text, key): SavedAddress| Address { text: text.into(), as_sent: key.is_none(), key };
        *into = Registration {
            start: self.start,
            bindings: self.bindings,
            call_id: self.call_id.into(),
            aor: address(self.aor),
            registrar: self.registrar.map(&mut own),
            user_agent: self.user_agent.map(&mut own),
            attempt: self.attempt,
            cause: self.cause,
            replaced: self.replaced,
            has_contact: self.contact.is_some(),
            contact: self.contact.map(address).unwrap_or_default(),
            registered: self.registered,
            expires: self.expires,
            refreshes: self.refreshes,
            challenged: self.challenged,
            seen: self.seen,
            messages: self.messages,
            last: self.last,
            path: self.path,
            timeline: self.timeline,
            transactions: Vec::new(),
            names: Names::NONE,
            beyond: false,
        };
        into.transactions.extend(self.transactions.into_iter().map(|of| Transaction {
            key: short(of.key),
            cseq: of.cseq,
            depth: of.depth,
            hop: Hop::of(of.hop, &self.path),
            wish: of.wish,
            began: of.began,
            answer: of.answer.map(|(code, phrase)| (code, phrase.map(&mut own))),
        }));
    }
}

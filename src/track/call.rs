//! One call: what its messages mean for it, from the first INVITE to the row. Knows whose message counts (through
//! `outcome` and `dialog`); the transitions themselves stand in `state`.

mod verdict;

use std::borrow::Cow;

use smallvec::SmallVec;

use super::ahead::{fetch, fetch_text, fetch_whole};
use super::described::Described;
use super::dialog::{Bye, Dialogs};
use super::fact::{Answer, CallFact, IcmpError, Opened, Opening, Proof, Reason, Side, Step, Steps};
use super::hold::Hold;
use super::hop::Hop;
use super::marks::{Override, Settings};
use super::media::{Said, Told};
use super::outcome::{Deciding, Standing, deciding};
use super::state::{Signal, State};
use super::transaction::{Digest, InviteTransaction, Moment, Response, Seen, TIMER_B, TIMER_C, reasons};
use crate::codes::{Category, Code};
use crate::event::{Event, Path};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::{Message, Method, NameAddr, StartLine, challenge, unquote};

/// A call in progress, or one that ended so lately that stragglers still belong to it.
///
/// In this order in memory too: what every message asks for lies together, and [`fetch`](Self::fetch) knows the first.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[repr(C)]
pub(super) struct Call {
    /// Digest of the Call-ID.
    key: u64,
    /// Digest of the caller's tag; in a call joined late, of the From tag of its first message.
    caller_tag: u64,
    state: State,
    /// CSeq of the attempt in force.
    attempt: Option<u32>,
    #[serde(deserialize_with = "super::resume::count")]
    attempts: u32,
    #[serde(deserialize_with = "super::resume::count")]
    messages: u32,
    #[serde(deserialize_with = "super::resume::count")]
    retransmissions: u32,
    #[serde(deserialize_with = "super::resume::count")]
    duplicates: u32,
    /// A request of the attempt in force that is no ACK (which a refusal gets too) names the callee's tag.
    callee_known: bool,
    challenged: bool,
    redirected: bool,
    proof: Option<Proof>,
    /// The last message and its packet.
    last: Moment,
    /// Nearly always there is one, or one for each attempt.
    transactions: SmallVec<[InviteTransaction; 1]>,
    seen: Seen,
    /// Digests of the callees' tags seen in responses and requests, to tell calls of one Call-ID apart.
    callee_tags: SmallVec<[u64; 2]>,
    /// Transactions of re-INVITEs: their responses are none of the call's.
    inner: SmallVec<[u64; 2]>,
    dialogs: Dialogs,
    hold: Hold,
    timeline: Steps,
    /// Of what there was more than is kept, since this was last asked.
    #[serde(skip)]
    beyond: Option<Beyond>,
    bye_reasons: Vec<Reason>,
    #[serde(with = "super::resume::icmp")]
    icmp: Option<Box<IcmpError>>,
    start: Moment,
    /// The last RTP or RTCP packet of the call, where there was one.
    media: Option<Timestamp>,
    /// The code that stands over what the wire says, whatever follows.
    marked: Option<Box<Override>>,
    /// A restart that this call was active across; the next message of the call shows that it resumed.
    interrupted: Option<Box<Override>>,
    opening: Opening,
    hop: Hop,
}

/// What there may be too much of in one call.
#[derive(Clone, Copy, Debug)]
enum Beyond {
    Transactions,
    Steps,
}

impl Beyond {
    const fn name(self) -> &'static str {
        match self {
            Self::Transactions => "INVITE transactions of a call",
            Self::Steps => "steps of a call",
        }
    }
}

/// The tags of a message, and whether each is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) has_to: bool,
}

impl Tags {
    pub(super) fn of(digest: &Digest, message: &Message<'_>) -> Self {
        let to = message.to_tag().filter(|tag| !tag.is_empty());
        Self { from: digest.tag(message.from_tag()), to: digest.tag(to), has_to: to.is_some() }
    }
}

/// A message of a call with what was made out about it once.
#[derive(Clone)]
pub(super) struct Arrival<'e, 'a> {
    pub(super) event: &'e Event<'a>,
    pub(super) message: &'e Message<'a>,
    /// Digest of the Call-ID.
    pub(super) call: u64,
    /// See [`Digest::transaction`].
    pub(super) key: u64,
    pub(super) tags: Tags,
    /// See [`Message::method`].
    pub(super) method: Option<Method<'a>>,
    /// The number of its CSeq; 0 where there is none.
    pub(super) cseq: u32,
    pub(super) described: Described<'a>,
}

impl<'e, 'a> Arrival<'e, 'a> {
    pub(super) fn of(digest: &Digest, event: &'e Event<'a>, message: &'e Message<'a>, call_id: &[u8]) -> Self {
        let cseq = message.cseq();
        Self {
            event,
            message,
            call: digest.call(call_id),
            key: digest.transaction(message),
            tags: Tags::of(digest, message),
            method: if message.is_request() { message.method() } else { cseq.map(|cseq| cseq.method) },
            cseq: cseq.map_or(0, |cseq| cseq.number),
            described: Described::default(),
        }
    }

    /// The hop in the direction of the request.
    pub(super) fn hop(&self) -> Path {
        let Path { src, dst, transport } = self.event.path;
        if self.message.is_request() { self.event.path } else { Path { src: dst, dst: src, transport } }
    }

    /// Whether this is an INVITE that opens a dialog rather than one inside it.
    pub(super) fn is_initial_invite(&self) -> bool {
        self.method == Some(Method::Invite) && self.message.is_request() && !self.tags.has_to
    }

    /// Whether a call whose INVITE was not captured can be told from this message.
    pub(super) fn reveals_a_call(&self) -> bool {
        matches!(self.method, Some(Method::Invite | Method::Ack | Method::Bye | Method::Cancel))
    }
}

impl Call {
    /// More INVITE transactions than any call has; a flood of branches is counted, not remembered.
    const MOST_TRANSACTIONS: usize = 256;
    /// More tags and re-INVITEs than need telling apart at one time.
    const MOST_MARKS: usize = 64;
    /// A timeline longer than this keeps its first steps and its last one.
    const MOST_STEPS: usize = 4096;

    /// Opens the row of a call with the first message of it that was seen. The caller feeds it that message next.
    pub(super) fn open(call_id: &[u8], arrival: &Arrival<'_, '_>) -> Self {
        let moment = Moment::of(arrival.event);
        Self {
            key: arrival.call,
            caller_tag: arrival.tags.from,
            state: State::Unseen,
            attempt: None,
            attempts: 0,
            messages: 0,
            retransmissions: 0,
            duplicates: 0,
            callee_known: false,
            challenged: false,
            redirected: false,
            proof: None,
            last: moment,
            transactions: SmallVec::new(),
            seen: Seen::default(),
            callee_tags: SmallVec::new(),
            inner: SmallVec::new(),
            dialogs: Dialogs::default(),
            hold: Hold::default(),
            timeline: Steps::default(),
            beyond: None,
            bye_reasons: Vec::new(),
            icmp: None,
            start: moment,
            media: None,
            marked: None,
            interrupted: None,
            opening: opening(call_id, arrival),
            hop: Hop::of(&arrival.hop()),
        }
    }

    /// Fetches it, but for what lies elsewhere.
    pub(super) fn fetch(&self) {
        fetch_whole(&self.key, size_of::<Self>());
    }

    /// Fetches when it was last heard of.
    pub(super) fn fetch_last(&self) {
        fetch(&self.last);
        fetch(&self.media);
    }

    /// Fetches what it has to tell.
    pub(super) fn fetch_texts(&self) {
        fetch_text(self.opening.all().as_bytes());
        let answers = self.transactions.iter().filter_map(|of| of.last_word.as_ref());
        answers.for_each(Response::fetch_texts);
    }

    /// How surely a message belongs to this call rather than to another of the same Call-ID; 0: it does not.
    pub(super) fn affinity(&self, arrival: &Arrival<'_, '_>) -> u8 {
        let tags = arrival.tags;
        let callee_tag = match self.caller_tag {
            tag if tag == tags.from => tags.to,
            tag if tag == tags.to => tags.from,
            _ => return 0,
        };
        match () {
            () if self.transactions.iter().any(|transaction| transaction.key == arrival.key) => 3,
            () if tags.has_to && self.callee_tags.contains(&callee_tag) => 2,
            () => 1,
        }
    }

    /// Whether an initial INVITE with this call's Call-ID and From tag is still part of it: the same INVITE again, on
    /// another hop or branch, or another attempt. Otherwise it opens the next era (SPEC 3).
    pub(super) fn admits(&self, arrival: &Arrival<'_, '_>) -> bool {
        let known = self.transactions.iter().any(|transaction| transaction.key == arrival.key);
        let cseq = arrival.cseq;
        match self.attempt {
            // The same INVITE on another hop, where the captures' clocks differ by more than the call took.
            Some(current) if self.state == State::Completed => {
                let depth = arrival.message.via_count();
                let elsewhere = || self.deciding().transactions().all(|of| of.depth != depth);
                known || cseq < current || (cseq == current && elsewhere())
            }
            Some(current) if self.state == State::Active => cseq <= current,
            Some(_) => true,
            // Joined late: the INVITE of what was seen before it, or the next attempt after the ACK to a challenge.
            None => known || self.state == State::Unseen,
        }
    }

    /// Takes in one message of this call.
    pub(super) fn feed(&mut self, digest: &Digest, arrival: &Arrival<'_, '_>) {
        let Arrival { event, message, key, tags, .. } = *arrival;
        self.messages += 1;
        if event.at >= self.last.at {
            self.last = Moment::of(event);
        }
        self.interrupted = None;
        if event.duplicate {
            self.duplicates += 1;
            return;
        }
        let again = self.seen.again(digest, arrival);
        if again {
            self.retransmissions += 1;
        }
        if tags.has_to {
            let callee_tag = if tags.from == self.caller_tag { tags.to } else { tags.from };
            remember(&mut self.callee_tags, callee_tag);
            self.callee_known |= message.is_request() && arrival.method != Some(Method::Ack);
        }
        if message.is_request() {
            match arrival.method {
                Some(Method::Invite) if !tags.has_to => self.on_invite(arrival),
                Some(Method::Invite) => self.on_reinvite(arrival),
                Some(Method::Ack) => self.on_ack(arrival),
                Some(Method::Bye) => self.on_bye(arrival),
                Some(Method::Cancel) => self.on_cancel(arrival),
                _ => {}
            }
        } else if let Some(Method::Invite | Method::Bye) = arrival.method
            && let StartLine::Response { code, phrase } = message.start()
        {
            match arrival.method {
                Some(Method::Bye) => self.on_bye_response(arrival, Code::new(code)),
                _ => self.on_invite_response(arrival, Code::new(code), phrase),
            }
        }
        if !again && Hold::concerns(arrival) && !self.is_beyond(event.path) {
            let by = if tags.from == self.caller_tag { Side::Caller } else { Side::Callee };
            let of_invite = self.inner.contains(&key) || self.transactions.iter().any(|of| of.key == key);
            self.hold.feed(arrival, by, of_invite);
        }
        if self.state.is_answered() {
            self.hold.on_answer(event.at);
        }
    }

    /// Whether SDP holds the call: nobody is to be heard, or one side no longer, so that their silence is none.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_held()
    }

    /// Whether a message went between two that are farther from the caller than the deciding hop: what it says was or
    /// will be said there.
    fn is_beyond(&self, path: Path) -> bool {
        // Nearly always there is but one, and that is the nearest.
        if self.transactions.len() == 1 {
            return false;
        }
        let nearest = self.initial().map(|of| of.depth).min().unwrap_or_default();
        self.initial().any(|of| of.depth > nearest && of.hop.joins(&path))
    }

    /// A packet of this call was reported lost. Evidence, no message and no sign of life.
    pub(super) fn on_icmp(&mut self, name: &'static str, moment: Moment) {
        self.icmp.get_or_insert_with(|| Box::new(IcmpError { name, at: moment.at, place: moment.place }));
    }

    /// Whether an INVITE that went this way waits for its final response.
    pub(super) fn awaits(&self, path: Path) -> bool {
        self.transactions.iter().any(|of| of.invite.is_some() && of.last_word.is_none() && of.hop.is(&path))
    }

    fn deciding(&self) -> Deciding<'_> {
        deciding(&self.transactions, self.attempt.unwrap_or_default())
    }

    /// Moves along the table, and writes down where that led.
    fn apply(&mut self, signal: Signal, moment: Moment) {
        let Some(next) = self.state.next(signal) else { return };
        if next == self.state {
            return;
        }
        self.state = next;
        // A mark stands whatever follows: what the wire says after it is told by the other fields.
        if let Some(code) = next.code()
            && self.marked.is_none()
        {
            self.step(Step { at: moment.at, code, place: moment.place });
        }
    }

    fn step(&mut self, step: Step) {
        if self.timeline.len() >= Self::MOST_STEPS {
            self.timeline.pop();
            self.beyond = Some(Beyond::Steps);
        }
        self.timeline.push(step);
    }

    /// Brings the state in line with what the deciding transactions say at this moment.
    fn settle(&mut self, moment: Moment) {
        let signals = Signals::of(&self.deciding(), moment.at);
        self.follow(signals, moment);
    }

    fn follow(&mut self, signals: Signals, moment: Moment) {
        if let Some(signal) = signals.response {
            self.apply(signal, moment);
        }
        if signals.cancelled {
            self.apply(Signal::Cancel, moment);
        }
    }

    fn on_invite(&mut self, arrival: &Arrival<'_, '_>) {
        let Arrival { event, message, key, .. } = *arrival;
        let (hop, cseq) = (event.path, arrival.cseq);
        if self.attempts == 0 && self.messages > 1 {
            // The first initial INVITE tells who calls whom, also where its responses were seen before it.
            self.opening = opening(arrival.message.call_id().unwrap_or_default(), arrival);
            self.hop = Hop::of(&hop);
        }
        let known = self.transactions.iter_mut().find(|of| of.key == key && of.cseq == cseq && of.hop.is(&hop));
        if let Some(transaction) = known {
            transaction.on_invite(event);
            self.attempts = self.attempts.max(1);
            return;
        }
        if self.transactions.len() >= Self::MOST_TRANSACTIONS {
            self.beyond = Some(Beyond::Transactions);
            return;
        }
        let depth = message.via_count();
        let begins_attempt = self.begins_attempt(cseq, depth);
        let mut transaction = InviteTransaction::new(key, cseq, depth, &hop);
        transaction.on_invite(event);
        transaction.credentials = self.challenged
            && ["authorization", "proxy-authorization"].iter().any(|name| message.values(name).next().is_some());
        self.transactions.push(transaction);
        if begins_attempt {
            self.attempt = Some(cseq);
            self.attempts += 1;
            self.callee_known = false;
        }
        self.attempts = self.attempts.max(1);
        let moment = Moment::of(event);
        let signals = Signals::of(&self.deciding(), moment.at);
        let starts_afresh = match self.state {
            // Failover under the same CSeq: a failed attempt that waits again is under way again.
            State::Failed(_) => signals.waits(),
            // A hop nearer to the caller, where nothing came yet: it was others who heard something.
            State::Proceeding(_) => signals.response.is_none(),
            _ => false,
        };
        if begins_attempt || (starts_afresh && self.attempt == Some(cseq)) {
            self.apply(Signal::Attempt, moment);
        }
        self.follow(signals, moment);
    }

    /// Whether an INVITE of this CSeq, with so many Via values, is an attempt that the caller makes. A proxy that counts CSeq
    /// up on its own (for credentials of its own) makes none.
    fn begins_attempt(&self, cseq: u32, depth: u16) -> bool {
        self.attempt.is_none_or(|current| {
            // A damaged INVITE without a Via says nothing of how far it is.
            let is_behind = |nearest: &InviteTransaction| nearest.depth > 0 && depth > nearest.depth;
            let farther = || self.deciding().transactions().next().is_some_and(is_behind);
            cseq > current && !(self.state.is_attempting() && farther())
        })
    }

    fn on_reinvite(&mut self, arrival: &Arrival<'_, '_>) {
        remember(&mut self.inner, arrival.key);
        self.prove_in_dialog(arrival);
    }

    /// In a call joined late, a message that only an answered call has.
    fn prove_in_dialog(&mut self, arrival: &Arrival<'_, '_>) {
        if self.state == State::Unseen && arrival.tags.has_to {
            self.dialogs.confirm(self.callee_tag(arrival.tags));
            self.apply(Signal::InDialog, Moment::of(arrival.event));
        }
    }

    fn callee_tag(&self, tags: Tags) -> u64 {
        if tags.from == self.caller_tag { tags.to } else { tags.from }
    }

    fn on_ack(&mut self, arrival: &Arrival<'_, '_>) {
        let Arrival { event, message, key, tags, .. } = *arrival;
        if let Some(dialog) = self.dialogs.get_mut(tags.to)
            && tags.from == self.caller_tag
        {
            dialog.acknowledged = true;
            return;
        }
        if self.state == State::Unseen {
            // The ACK to a non-2xx is made hop by hop: one Via, no body (RFC 3261 17.1.1.3). Otherwise it follows a 2xx.
            if message.via_count() > 1 || !message.body().is_empty() {
                self.prove_in_dialog(arrival);
            }
            return;
        }
        let deciding = self.deciding();
        let proves = self.state.is_attempting()
            && tags.from == self.caller_tag
            && tags.has_to
            && self.attempt == Some(arrival.cseq)
            && self.transactions.iter().all(|transaction| transaction.key != key)
            && deciding.transactions().all(|transaction| transaction.last_word.is_none())
            && deciding.transactions().any(|transaction| {
                transaction.invite.is_some()
                    && transaction.hop.sender() == event.path.src.ip()
                    && transaction.depth == message.via_count()
            });
        if proves {
            if let Some(dialog) = self.dialogs.confirm(tags.to) {
                dialog.acknowledged = true;
            }
            self.proof = Some(Proof::Ack);
            self.apply(Signal::Success, Moment::of(event));
        }
    }

    fn on_bye(&mut self, arrival: &Arrival<'_, '_>) {
        let Arrival { event, message, tags, .. } = *arrival;
        let by = if tags.from == self.caller_tag { Side::Caller } else { Side::Callee };
        let callee_tag = self.callee_tag(tags);
        let moment = Moment::of(event);
        let hang_up = |dialogs: &mut Dialogs| {
            if let Some(dialog) = dialogs.confirm(callee_tag)
                && dialog.bye.is_none()
                && dialog.challenged != Some(arrival.key)
            {
                dialog.bye = Some(Bye { key: arrival.key, seen: moment, by, refused: None });
            }
        };
        if self.dialogs.contains(callee_tag) {
            hang_up(&mut self.dialogs);
            self.bye_reasons = reasons(message);
            if self.dialogs.all_ended() {
                self.apply(Signal::Bye, moment);
            }
        } else if self.state == State::Unseen {
            hang_up(&mut self.dialogs);
            self.bye_reasons = reasons(message);
            self.apply(Signal::Bye, moment);
        } else if by == Side::Callee
            && self.state.is_attempting()
            && self.deciding().transactions().all(|transaction| transaction.last_word.is_none())
        {
            hang_up(&mut self.dialogs);
            self.bye_reasons = reasons(message);
            self.proof = Some(Proof::CalleeBye);
            self.apply(Signal::ProvingBye, moment);
        }
    }

    fn on_bye_response(&mut self, arrival: &Arrival<'_, '_>, code: Code) {
        let moment = Moment::of(arrival.event);
        if self.dialogs.on_bye_response(arrival.key, code) {
            self.apply(Signal::ByeChallenged, moment);
            return;
        }
        // The BYE itself was not captured, but its response says that there was one.
        let callee_tag = self.callee_tag(arrival.tags);
        if code.is_final()
            && !code.is_challenge()
            && (self.state == State::Unseen || self.dialogs.contains(callee_tag))
            && let by = if arrival.tags.from == self.caller_tag { Side::Caller } else { Side::Callee }
            && let Some(dialog) = self.dialogs.confirm(callee_tag)
            && dialog.bye.is_none()
        {
            let refused = (!code.is_success()).then_some(code);
            dialog.bye = Some(Bye { key: arrival.key, seen: moment, by, refused });
            if self.dialogs.all_ended() {
                self.apply(Signal::Bye, moment);
            }
        }
    }

    fn on_cancel(&mut self, arrival: &Arrival<'_, '_>) {
        let (hop, key) = (arrival.hop(), arrival.key);
        let index = match self.find(key, hop) {
            Some(index) => index,
            // The INVITE was not captured; what is cancelled is the attempt that the CANCEL names.
            None if self.transactions.is_empty() => {
                self.attempt = Some(arrival.cseq);
                let depth = arrival.message.via_count();
                self.transactions.push(InviteTransaction::new(key, arrival.cseq, depth, &hop));
                0
            }
            None => return,
        };
        if let Some(transaction) = self.transactions.get_mut(index) {
            transaction.on_cancel(arrival.event, arrival.message);
        }
        self.settle(Moment::of(arrival.event));
    }

    /// The transaction of a message: by key, and where that was seen on more than one hop, by its addresses.
    fn find(&self, key: u64, hop: Path) -> Option<usize> {
        let of_key = || self.transactions.iter().enumerate().filter(|(_, of)| of.key == key);
        let nearest = |close: &dyn Fn(&InviteTransaction) -> bool| of_key().find(|(_, of)| close(of));
        nearest(&|of| of.hop.is(&hop))
            .or_else(|| nearest(&|of| of.hop.sender() == hop.src.ip()))
            .or_else(|| of_key().next())
            .map(|(index, _)| index)
    }

    fn on_invite_response(&mut self, arrival: &Arrival<'_, '_>, code: Code, phrase: &[u8]) {
        let Arrival { event, message, key, tags, .. } = *arrival;
        let (hop, cseq) = (arrival.hop(), arrival.cseq);
        if self.inner.contains(&key) || tags.from != self.caller_tag {
            // The answer to a re-INVITE, whichever side sent that.
            if code.is_success() {
                self.prove_in_dialog(arrival);
            }
            return;
        }
        let known = self.find(key, hop);
        let index = match known {
            Some(index) => index,
            // An answered call: what is not its own INVITE's is a re-INVITE's that was not captured.
            None if self.state.is_answered() && self.attempt != Some(cseq) => return,
            None if self.transactions.len() >= Self::MOST_TRANSACTIONS => {
                self.beyond = Some(Beyond::Transactions);
                return;
            }
            None => {
                let depth = message.via_count();
                // What a proxy sent under this CSeq was seen already.
                let is_anothers = self.transactions.iter().any(|of| of.cseq == cseq && of.depth <= depth);
                if !is_anothers && self.begins_attempt(cseq, depth) {
                    // An attempt whose INVITE was not captured: nothing of it was seen until now.
                    self.attempt = Some(cseq);
                    self.state = State::Unseen;
                }
                self.transactions.push(InviteTransaction::new(key, cseq, depth, &hop));
                self.transactions.len() - 1
            }
        };
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        transaction.on_response(event, message, code, phrase);
        let deciding = self.deciding();
        let counts = self.transactions.get(index).is_some_and(|transaction| deciding.contains(transaction));
        // What others were told says nothing of what the caller was.
        if !counts {
            return;
        }
        let standing = Signals::of(&deciding, event.at);
        if known.is_none() && standing.waits() && matches!(self.state, State::Failed(_)) {
            // As where an INVITE shows it: another branch is under way, or a hop nearer to the caller.
            self.state = State::Unseen;
        }
        self.challenged |= code.is_challenge();
        self.redirected |= code.get() / 100 == 3;
        if code.is_success() {
            self.dialogs.confirm(tags.to);
            self.proof = None;
            if !self.dialogs.all_ended() {
                self.apply(Signal::AnotherAnswer, Moment::of(event));
            }
        }
        self.follow(standing, Moment::of(event));
    }

    /// RTP or RTCP of this call was seen, at the latest `at`.
    pub(super) fn on_media(&mut self, at: Timestamp) {
        self.media = Some(self.media.map_or(at, |last| last.max(at)));
        if self.interrupted.as_ref().is_some_and(|interrupted| interrupted.at <= at) {
            self.interrupted = None;
        }
    }

    /// The session description in a message of this call. What comes with a refusal only says what could have been
    /// (RFC 3261 21.4.26).
    pub(super) fn description<'a>(&self, arrival: &Arrival<'_, 'a>) -> Option<Said<'a>> {
        let Arrival { event, message, tags, .. } = *arrival;
        if event.duplicate || message.code().is_some_and(|code| code >= 300) {
            return None;
        }
        let text = arrival.described.text(message)?;
        Some(Said {
            side: if message.is_request() { self.sender(tags) } else { self.sender(tags).other() },
            leg: self.callee_tag(tags),
            near: !self.is_beyond(event.path),
            late: self.is_partial(),
            text,
        })
    }

    /// Who sent a request with these tags, or gets the response to it.
    pub(super) fn sender(&self, tags: Tags) -> Side {
        if tags.from == self.caller_tag { Side::Caller } else { Side::Callee }
    }

    /// What decides about its media.
    pub(super) fn told(&self) -> Told {
        Told {
            answered: self.state.is_answered(),
            leg: self.dialogs.first().map(|dialog| dialog.callee_tag),
            expected: self.hold.ever_expected(),
        }
    }

    /// Sets the code that stands from here on; the first one wins.
    pub(super) fn mark(&mut self, code: Code, at: Timestamp) {
        if self.marked.is_none() {
            let place = self.last.place;
            self.marked = Some(Box::new(Override { code, at, place }));
            self.step(Step { at, code, place });
        }
    }

    /// A restart fell into the silence of this active call. In hindsight it counts only if the call never resumes.
    pub(super) fn interrupt(&mut self, code: Code, at: Timestamp) {
        if self.is_active() {
            let place = self.last.place;
            self.interrupted.get_or_insert_with(|| Box::new(Override { code, at, place }));
        }
    }

    /// Answered and not hung up, by what the wire says.
    pub(super) fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// Whether it takes up a licence at `now`: ringing or active, no timer run out, not itself beyond the limit.
    pub(super) fn is_in_progress(&self, now: Timestamp) -> bool {
        let beyond_the_limit = self.marked.as_ref().is_some_and(|marked| marked.code == Code::UNMONITORED_LICENSING);
        let waits = self.state.is_attempting() && self.deciding().deadline().is_some_and(|deadline| deadline > now);
        (waits || self.is_active()) && !beyond_the_limit
    }

    /// When this active call has been silent for too long, and the code that it gets then. RTP is not expected while
    /// the call is held, and without RTP only signalling can be missed.
    pub(super) fn falls_silent(&self, settings: &Settings) -> Option<Override> {
        if !self.is_active() || self.is_held() {
            return None;
        }
        let (since, timeout, code) = match self.media {
            Some(media) => (media.max(self.last.at), settings.media_timeout, Code::MEDIA_STOPPED),
            None => (self.last.at, settings.signalling_timeout, Code::UNMONITORED_NO_MEDIA),
        };
        Some(Override { code, at: since.after(timeout), place: self.last.place })
    }

    /// Decides by silence and interruption what is due at `now`: at the end in hindsight, at any time as an online
    /// monitor would. Whichever came first counts.
    pub(super) fn judge_silence(&mut self, settings: &Settings, now: Timestamp) {
        let due = |silence: &Override| silence.at <= now;
        let first = [self.interrupted.as_deref().copied(), self.falls_silent(settings).filter(due)]
            .into_iter()
            .flatten()
            .min_by_key(|of| of.at);
        if let Some(first) = first.filter(|_| self.is_active()) {
            self.mark(first.code, first.at);
        }
    }

    /// When the last timer of a branch runs out, where that is still to come.
    pub(super) fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.deciding().deadline().filter(|deadline| self.state.is_attempting() && *deadline > now)
    }

    /// When the row is closed: 32 s after the dialogs ended, 180 s after a failure or after the timer ran out.
    pub(super) fn closes_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Unseen | State::Active => None,
            State::Completed => self.dialogs.last_bye().map(|bye| bye.seen.at.after(TIMER_B)),
            State::Failed(_) => self.failed_at().map(|at| at.after(TIMER_C)),
            State::Inviting | State::Proceeding(_) | State::Cancelling => {
                self.deciding().deadline().map(|deadline| deadline.after(TIMER_C))
            }
        }
    }

    fn failed_at(&self) -> Option<Timestamp> {
        self.standing(self.last.at).response().map(|response| response.seen.at)
    }

    /// Where its attempt stands at `now`. What rings after a failure does not undo that.
    fn standing(&self, now: Timestamp) -> Standing<'_> {
        let now = if let State::Failed(_) = self.state { Timestamp::from_nanos(i64::MAX) } else { now };
        self.deciding().standing(now)
    }

    /// A moment passed without a message: a branch whose timer ran out no longer holds back the others' answer.
    pub(super) fn on_time(&mut self, now: Timestamp) {
        if let Standing::Final(response) = self.deciding().standing(now) {
            let moment = Moment { at: now, place: response.seen.place };
            self.settle(moment);
        }
    }

    /// The digests under which stragglers of this call will ask for it.
    pub(super) fn caller_tag(&self) -> u64 {
        self.caller_tag
    }

    /// Of what there was more than is kept, since this was last asked.
    pub(super) fn take_beyond(&mut self) -> Option<&'static str> {
        self.beyond.take().map(Beyond::name)
    }

    /// Whether it was answered by somebody who sets no tag (RFC 2543), so that none of its requests names one.
    pub(super) fn has_no_callee_tag(&self) -> bool {
        self.state.is_answered() && self.callee_tags.is_empty()
    }

    pub(super) fn callee_tags(&self) -> &[u64] {
        &self.callee_tags
    }

    pub(super) fn call_id(&self) -> &str {
        self.opening.call_id()
    }

    /// Digest of its Call-ID.
    pub(super) const fn key(&self) -> u64 {
        self.key
    }

    /// Where it is.
    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Whether no INVITE of it was seen.
    pub(super) const fn is_uninvited(&self) -> bool {
        self.attempts == 0
    }

    /// Whether the caller still waits for an answer.
    pub(super) const fn is_attempting(&self) -> bool {
        self.state.is_attempting()
    }

    /// Whether it failed or was hung up.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Failed(_) | State::Completed)
    }

    /// From whom to whom its initial INVITEs went.
    pub(super) fn invite_hops(&self) -> impl Iterator<Item = Path> {
        self.initial().map(|transaction| transaction.hop.path())
    }

    pub(super) fn is_partial(&self) -> bool {
        self.transactions.iter().all(|transaction| transaction.invite.is_none())
    }

    /// The 2xx went unacknowledged although its ACK would have been captured: it came again, or 32 s passed.
    fn ack_missing(&self, until: Timestamp) -> bool {
        let unacknowledged = self.dialogs.first().is_some_and(|dialog| !dialog.acknowledged);
        let answered = |transaction: &&InviteTransaction| {
            transaction.last_word.as_ref().is_some_and(|word| word.code.is_success())
        };
        unacknowledged
            && self.state.is_answered()
            && self.deciding().transactions().find(answered).is_some_and(|transaction| {
                let waited = transaction.last_word.as_ref().map(|word| until.since(word.seen.at));
                transaction.invite.is_some()
                    && (transaction.answered_again
                        || (!transaction.ack_elsewhere && waited.is_some_and(|waited| waited >= TIMER_B)))
            })
    }

    /// What is to be told of this call as it stands at `now`. It is over then: its texts are taken out of it.
    pub(super) fn take_fact(&mut self, now: Timestamp) -> CallFact {
        let (opening, timeline) = (std::mem::take(&mut self.opening), std::mem::take(&mut self.timeline));
        let bye_reasons = std::mem::take(&mut self.bye_reasons);
        let deciding = self.deciding();
        let response = self.standing(now).response();
        let last_word = response.filter(|response| response.code.is_final());
        let answered = last_word.filter(|word| word.code.is_success()).map(|word| word.seen.at);
        let deadline = deciding.deadline();
        let timed_out = self.state.is_attempting() && deadline.is_some_and(|deadline| deadline <= now);
        let bye = self.dialogs.last_bye();
        let cancelled = deciding.cancels().next().is_some();
        let taken_back =
            self.state == State::Cancelling || (cancelled && self.state == State::Failed(Code::REQUEST_TERMINATED));
        let partial = self.is_partial();
        let ended = match self.state {
            State::Completed => bye.map(|bye| bye.seen.at),
            State::Failed(_) => last_word.map(|word| word.seen.at),
            // The last packet before the silence.
            State::Active => {
                self.marked.as_ref().filter(|marked| is_silence(marked.code)).map(|_| self.last_sign_of_life())
            }
            _ => deadline.filter(|_| timed_out),
        };
        let cancel_reasons =
            || deciding.cancels().filter_map(|of| of.cancel.as_ref()).flat_map(|cancel| &cancel.reasons);
        let mut reasons = response.map_or_else(Vec::new, |response| response.reasons().to_vec());
        reasons.extend(cancel_reasons().cloned());
        if reasons.is_empty() {
            reasons = bye_reasons;
        } else {
            reasons.extend(bye_reasons);
        }
        let first_hop = self.transactions.iter().filter(|of| of.invite.is_some()).min_by_key(|of| (of.cseq, of.depth));
        let challenge = last_word.and_then(Response::challenge).and_then(challenge);
        CallFact {
            opening,
            on_the_wire: self.state.code(),
            code: self.code(),
            category: match &self.marked {
                Some(marked) => Some(marked.code.category()),
                None => category(self.state, timed_out),
            },
            answer: response.map(|response| Answer { code: response.code, phrase: response.phrase() }),
            reasons,
            warning: response.and_then(Response::warning).map(Into::into),
            start: self.start.at,
            place: self.start.place,
            attempt_start: deciding.began(),
            ringing: deciding.ringing(),
            final_at: last_word.map(|word| word.seen.at),
            answered,
            proof: self.proof,
            ended,
            ended_by: match (partial, bye) {
                (false, Some(bye)) => Some(bye.by),
                (false, None) if taken_back => Some(Side::Caller),
                _ => None,
            },
            last: self.last_sign_of_life(),
            path: first_hop.map_or(&self.hop, |transaction| &transaction.hop).path(),
            messages: self.messages,
            retransmissions: self.retransmissions,
            duplicates: self.duplicates,
            attempts: self.attempts,
            invites_sent: deciding.transactions().map(|transaction| transaction.sent).max().unwrap_or_default(),
            last_invite: deciding.transactions().filter_map(|transaction| transaction.last_sent).max(),
            challenged: self.challenged,
            credentials: deciding.transactions().any(|transaction| transaction.credentials),
            realm: challenge.and_then(|challenge| challenge.realm).map(String::into_boxed_str),
            redirected: self.redirected,
            redirect_to: last_word.and_then(Response::contact).map(Into::into),
            callee_known: self.callee_known,
            cancelled,
            answered_elsewhere: cancel_reasons()
                .any(|reason| reason.protocol.eq_ignore_ascii_case("SIP") && reason.cause == Some(200)),
            hops: distinct(self.initial().map(|transaction| {
                let Path { src, dst, .. } = transaction.hop.path();
                (src, dst)
            })),
            branches: distinct(self.initial().map(|transaction| transaction.key)),
            partial,
            timed_out,
            ack_missing: self.ack_missing(ended.unwrap_or(now)),
            hold: answered.map(|_| self.hold.total(ended.unwrap_or_else(|| self.last_sign_of_life()))),
            held: answered.is_some() && self.is_held(),
            icmp: self.icmp.as_deref().copied(),
            bye_refused: bye.and_then(|bye| bye.refused),
            linked: Vec::new(),
            media: None,
            audio: None,
            timeline,
        }
    }

    /// When its first message came, and with which packet.
    pub(super) const fn began(&self) -> (Timestamp, Place) {
        (self.start.at, self.start.place)
    }

    /// The last message or media of the call.
    pub(super) fn last_sign_of_life(&self) -> Timestamp {
        self.media.map_or(self.last.at, |media| media.max(self.last.at))
    }

    fn initial(&self) -> impl Iterator<Item = &InviteTransaction> + Clone {
        self.transactions.iter().filter(|transaction| transaction.invite.is_some())
    }
}

/// What the deciding transactions say.
#[derive(Clone, Copy, Debug)]
struct Signals {
    response: Option<Signal>,
    cancelled: bool,
}

impl Signals {
    fn of(deciding: &Deciding<'_>, now: Timestamp) -> Self {
        let response = match deciding.standing(now) {
            Standing::Silent => None,
            Standing::Provisional(response) => Some(Signal::Provisional(response.code)),
            Standing::Final(response) if response.code.is_success() => Some(Signal::Success),
            Standing::Final(response) => Some(Signal::Failure(response.code)),
        };
        Self { response, cancelled: deciding.cancelled() }
    }

    /// Whether a final response is still to come.
    const fn waits(self) -> bool {
        matches!(self.response, None | Some(Signal::Provisional(_)))
    }
}

/// Whether a code was given because nothing was heard any more.
fn is_silence(code: Code) -> bool {
    code == Code::UNMONITORED_NO_MEDIA || code == Code::MEDIA_STOPPED
}

/// The category of a call in this state, given whether one of its timers ran out.
fn category(state: State, timed_out: bool) -> Option<Category> {
    Some(match state {
        State::Unseen => return None,
        State::Inviting | State::Proceeding(_) | State::Cancelling if timed_out => Category::Unsuccessful,
        State::Inviting | State::Proceeding(_) | State::Cancelling => Category::Attempting,
        State::Failed(_) => Category::Unsuccessful,
        State::Active => Category::Active,
        State::Completed => Category::Completed,
    })
}

/// Keeps a mark, the oldest giving way where there are more than a call needs.
fn remember(marks: &mut SmallVec<[u64; 2]>, mark: u64) {
    if !marks.contains(&mark) {
        if marks.len() >= Call::MOST_MARKS {
            marks.remove(0);
        }
        marks.push(mark);
    }
}

/// How many of these are different; more than a few there are only in a flood.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T> + Clone) -> u32 {
    let is_new = |(index, item): &(usize, T)| !items.clone().take(*index).any(|before| before == *item);
    u32::try_from(items.clone().enumerate().filter(is_new).count()).unwrap_or(u32::MAX)
}

/// Who calls whom, as a message tells it.
fn opening(call_id: &[u8], arrival: &Arrival<'_, '_>) -> Opening {
    let message = arrival.message;
    let (from_uri, to_uri) = (message.from_uri().unwrap_or_default(), message.to_uri().unwrap_or_default());
    let (from_display, to_display) = (display(message.from_value()), display(message.to_value()));
    let uri = message.request_uri().filter(|_| arrival.is_initial_invite());
    let user_agent = message.user_agent().filter(|_| message.is_request());
    Opening::of(Opened {
        call_id,
        from_uri,
        from_display: &from_display,
        to_uri,
        to_display: &to_display,
        request_uri: uri.unwrap_or_default(),
        user_agent: user_agent.unwrap_or_default(),
    })
}

/// Display name of From or To, unquoted.
fn display(value: Option<&[u8]>) -> Cow<'_, [u8]> {
    let named = value.filter(|value| !value.starts_with(b"<"));
    let Some(display) = named.and_then(|value| NameAddr::parse(value).display) else { return Cow::default() };
    let escaped = memchr::memchr(b'\\', display).is_some();
    if escaped { Cow::Owned(unquote(display).into_bytes()) } else { Cow::Borrowed(display) }
}

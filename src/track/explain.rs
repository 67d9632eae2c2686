//! Why a call or registration has its code: of the Call-IDs asked for, each message with the rule that was applied to it.
//! Keeps notes, decides nothing, and knows nothing of the words that a rule is told in.

use super::call::Arrival;
use super::transaction::{Digest, Seen};
use crate::codes::Code;
use crate::event::{Event, Path};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::{Method, StartLine, text};

/// What was made of one message.
#[derive(Clone, Debug)]
pub struct Note {
    /// When it was captured.
    pub at: Timestamp,
    /// Its packet.
    pub place: Place,
    /// From whom to whom.
    pub path: Path,
    /// `INVITE (CSeq 1)`, `486 Busy Here to INVITE (CSeq 1)`.
    pub what: Box<str>,
    /// The code before it; `None` where nothing was known.
    pub before: Option<Code>,
    /// The code after it.
    pub after: Option<Code>,
    /// Why.
    pub rule: Rule,
}

/// All that was noted under one Call-ID.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// As asked for.
    pub call_id: Box<str>,
    /// In the order of capture.
    pub notes: Vec<Note>,
    /// Messages beyond those that are noted.
    pub left_out: u64,
}

/// The rule that a message fell under, whether it moved anything or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The same packet was captured before.
    Duplicate,
    /// The same message was sent again on the same hop.
    Retransmission,
    /// A message of a call that was closed before.
    Straggler,
    /// It is of no call: a transaction of its own, or nothing that could be told.
    NoCall,
    /// An ICMP error quotes a message.
    Icmp,
    /// What the wire says moved, but a mark or a silence stands over it.
    MarkStands,
    /// The first INVITE.
    FirstInvite,
    /// An INVITE after a challenge.
    Credentials,
    /// An INVITE after a 3xx.
    RedirectFollowed,
    /// Another INVITE of the caller.
    NextAttempt,
    /// Another target after all before it have failed.
    Failover,
    /// A branch beside others of the same fork.
    Branch,
    /// Another hop, farther from the caller.
    FartherHop,
    /// A branch that failed before the one that decides now.
    EarlierBranch,
    /// A message of an attempt that another has followed.
    EarlierAttempt,
    /// A re-INVITE.
    Reinvite,
    /// A response to a re-INVITE.
    AnswerToReinvite,
    /// The ACK of a re-INVITE's response.
    AckToReinvite,
    /// What only an answered call has, in a call joined late.
    JoinedInside,
    /// A provisional response that counts.
    Provisional,
    /// A provisional response with the code that stood already.
    SameProvisional,
    /// A 100 after another provisional response.
    LateTrying,
    /// A provisional response after the final one.
    LateProvisional,
    /// A provisional response after the CANCEL.
    ProvisionalAfterCancel,
    /// The 2xx.
    Answer,
    /// A 2xx to a call that was answered already.
    AnotherAnswer,
    /// A 401 or 407.
    Challenge,
    /// A 3xx.
    Redirection,
    /// 4xx to 6xx.
    Failure,
    /// The final responses of several branches, the best of which counts.
    BestOfBranches,
    /// A branch failed, others still wait.
    BranchWaits,
    /// A branch failed, another was answered.
    LosingBranch,
    /// A final response after another one of the same transaction.
    SecondFinal,
    /// The ACK to the 2xx.
    Ack,
    /// The ACK to a final response that is no 2xx.
    AckToFailure,
    /// An ACK that only a 2xx gets, where that was not captured.
    ProvingAck,
    /// The caller takes the INVITE back.
    Cancel,
    /// A CANCEL of something that is none of the deciding INVITEs.
    CancelElsewhere,
    /// A CANCEL after the final response.
    CancelLate,
    /// A CANCEL of one branch of several.
    CancelOfBranch,
    /// A response to a CANCEL.
    CancelResponse,
    /// BYE of the last dialog.
    Bye,
    /// The callee's BYE, which proves an answer that was not captured.
    ProvingBye,
    /// BYE of one dialog of several.
    OtherDialogUp,
    /// BYE outside any dialog that a 2xx confirmed.
    EarlyBye,
    /// BYE of a call that is over.
    ByeAgain,
    /// A 401 or 407 to a BYE.
    ByeChallenged,
    /// The response to a BYE that was not captured.
    ProvingByeResponse,
    /// A response to a BYE.
    ByeResponse,
    /// PRACK, or a response to it.
    Prack,
    /// UPDATE, or a response to it.
    Update,
    /// INFO, or a response to it.
    Info,
    /// Any other request inside the dialog, or a response to it.
    InDialog,
    /// A REGISTER that asks for a binding.
    Register,
    /// A REGISTER that removes.
    Unregister,
    /// A 2xx that bound.
    Granted,
    /// A 2xx after which nothing is bound.
    Removed,
    /// A 401 or 407 to a REGISTER.
    RegisterChallenged,
    /// Another failure of a REGISTER.
    RegisterRefused,
    /// A provisional response to a REGISTER.
    RegisterProvisional,
    /// A REGISTER, or a response to one, that does not decide.
    RegisterElsewhere,
}

/// One Call-ID asked for.
#[derive(Clone, Debug)]
struct Asked {
    call_id: Box<[u8]>,
    explanation: Explanation,
    seen: Seen,
}

/// Notes what it was asked for. Where nothing was, it costs one look at an empty list.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder(Vec<Asked>);

impl Recorder {
    /// Notes of one Call-ID; more than anybody reads.
    const MOST_NOTES: usize = 10_000;

    pub(super) fn ask(&mut self, call_id: &str) {
        if self.0.iter().all(|asked| *asked.call_id != *call_id.as_bytes()) {
            let explanation = Explanation { call_id: call_id.into(), ..Explanation::default() };
            self.0.push(Asked { call_id: call_id.as_bytes().into(), explanation, seen: Seen::default() });
        }
    }

    /// Whether a message of this Call-ID is to be noted; one that is too much is counted.
    pub(super) fn wants(&mut self, call_id: &[u8]) -> bool {
        let Some(asked) = self.of(call_id) else { return false };
        let room = asked.explanation.notes.len() < Self::MOST_NOTES;
        asked.explanation.left_out += u64::from(!room);
        room
    }

    /// Whether the message was sent before; from now on it was.
    pub(super) fn again(&mut self, digest: &Digest, call_id: &[u8], arrival: &Arrival<'_, '_>) -> bool {
        let Arrival { event, message, key, .. } = *arrival;
        !event.duplicate && self.of(call_id).is_some_and(|asked| asked.seen.again(digest, event, message, key))
    }

    pub(super) fn note(&mut self, call_id: &[u8], note: Note) {
        if let Some(asked) = self.of(call_id) {
            asked.explanation.notes.push(note);
        }
    }

    pub(super) fn note_icmp(&mut self, call_id: &[u8], event: &Event<'_>, error: &str, code: Option<Code>) {
        if self.wants(call_id) {
            let what = format!("ICMP {error}").into();
            let Event { at, place, path, .. } = *event;
            self.note(call_id, Note { at, place, path, what, before: code, after: code, rule: Rule::Icmp });
        }
    }

    pub(super) fn take(&mut self) -> Vec<Explanation> {
        std::mem::take(&mut self.0).into_iter().map(|asked| asked.explanation).collect()
    }

    fn of(&mut self, call_id: &[u8]) -> Option<&mut Asked> {
        self.0.iter_mut().find(|asked| *asked.call_id == *call_id)
    }
}

/// A message in a few words.
pub(super) fn what(arrival: &Arrival<'_, '_>) -> Box<str> {
    /// A method or phrase longer than this is no name that anybody gave.
    const LONGEST: usize = 80;
    let cut = |bytes: &[u8]| -> String { text(bytes).chars().take(LONGEST).collect() };
    let cseq = arrival.message.cseq();
    let number = cseq.as_ref().map_or_else(String::new, |cseq| format!(" (CSeq {})", cseq.number));
    match arrival.message.start() {
        StartLine::Request { method, .. } => format!("{}{number}", cut(method.token())),
        StartLine::Response { code, phrase } => {
            let (phrase, space) = (cut(phrase), if phrase.is_empty() { "" } else { " " });
            let to = cseq.as_ref().map_or_else(|| "?".to_owned(), |cseq| cut(cseq.method.token()));
            format!("{code}{space}{phrase} to {to}{number}")
        }
    }
    .into()
}

/// The rule for a REGISTER or a response to one.
pub(super) fn rule_of_registration(
    before: Option<Code>,
    after: Option<Code>,
    arrival: &Arrival<'_, '_>,
    again: bool,
) -> Rule {
    match (arrival.message.code().map(Code::new), before == after) {
        _ if arrival.event.duplicate => Rule::Duplicate,
        _ if again => Rule::Retransmission,
        (Some(code), _) if code.is_provisional() => Rule::RegisterProvisional,
        (_, true) => Rule::RegisterElsewhere,
        (None, _) if after == Some(Code::UNREGISTERING) => Rule::Unregister,
        (None, _) => Rule::Register,
        (Some(code), _) if code.is_success() && after == Some(Code::UNREGISTERED) => Rule::Removed,
        (Some(code), _) if code.is_success() => Rule::Granted,
        (Some(code), _) if code.is_challenge() => Rule::RegisterChallenged,
        (Some(_), _) => Rule::RegisterRefused,
    }
}

/// The rule for a message that no call took.
pub(super) fn rule_of_none(arrival: &Arrival<'_, '_>, is_straggler: bool) -> Rule {
    match arrival.message.method() {
        _ if arrival.event.duplicate => Rule::Duplicate,
        Some(Method::Register) => Rule::RegisterElsewhere,
        _ if is_straggler => Rule::Straggler,
        _ => Rule::NoCall,
    }
}

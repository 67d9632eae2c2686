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
    /// Another hop, nearer to the caller than what was seen before.
    NearerHop,
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
        !arrival.event.duplicate && self.of(call_id).is_some_and(|asked| asked.seen.again(digest, arrival))
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

#[cfg(test)]
mod tests {
    use super::super::Tracker;
    use super::super::lives::line;
    use super::*;

    /// Each line of a life with the codes before and after it and the rule that it must fall under.
    #[track_caller]
    fn explained(name: &str, life: &str) {
        let mut tracker = Tracker::new();
        tracker.explain(["c"]);
        let mut expected = Vec::new();
        for (frame, text) in (1..).zip(life.lines().map(str::trim).filter(|line| !line.is_empty())) {
            let (message, rule) = text.split_once(" | ").expect("message | rule");
            line(message, frame, &mut tracker);
            expected.push(rule.trim().to_owned());
        }
        let explanations = tracker.take_explanations();
        let code = |code: Option<Code>| code.map_or_else(|| "-".to_owned(), |code| code.to_string());
        let got: Vec<String> = explanations[0]
            .notes
            .iter()
            .map(|note| match (code(note.before), code(note.after)) {
                (before, after) if before == after => format!("{:?}", note.rule),
                (before, after) => format!("{:?} {before}>{after}", note.rule),
            })
            .collect();
        assert_eq!(got, expected, "{name}");
    }

    #[test]
    fn each_message_falls_under_its_rule() {
        let lives = [
            (
                "a call, its packets captured twice and sent twice",
                "0 a>b INVITE | FirstInvite ->2002
                 0 a>b INVITE duplicate=1 | Duplicate
                 0.5 a>b INVITE | Retransmission
                 0.6 b>a 100 | Provisional 2002>100
                 1 b>a 183 | Provisional 100>183
                 1.1 b>a 180 | Provisional 183>180
                 1.2 b>a 180 to=C | SameProvisional
                 1.3 b>a 100 to=D | LateTrying
                 5 b>a 200 | Answer 180>999
                 5.1 b>a 180 to=E | LateProvisional
                 5.2 a>b ACK | Ack
                 5.3 b>a 200 to=F | AnotherAnswer
                 20 a>b BYE | OtherDialogUp
                 20.1 b>a 200/BYE via=BYE | ByeResponse
                 21 a>b BYE to=F via=y cseq=3 | Bye 999>1000
                 22 a>b BYE to=F via=z cseq=4 | ByeAgain
                 900 b>a 200 | Straggler",
            ),
            (
                "inside the dialog",
                "0 a>b INVITE | FirstInvite ->2002
                 1 b>a 183 | Provisional 2002>183
                 1.1 a>b PRACK | Prack
                 1.2 b>a 200/PRACK via=PRACK | Prack
                 1.3 a>b UPDATE cseq=3 | Update
                 2 b>a 200 | Answer 183>999
                 2.1 a>b ACK | Ack
                 3 a>b INFO cseq=4 | Info
                 3.1 b>a 200/INFO cseq=4 via=INFO | Info
                 4 a>b INVITE to=B via=r cseq=5 | Reinvite
                 4.1 b>a 488 via=r cseq=5 | AnswerToReinvite
                 4.2 a>b ACK via=r cseq=5 | AckToReinvite
                 5 b>a REFER from=B to=A | InDialog
                 6 b>a BYE from=B to=A via=x | Bye 999>1000",
            ),
            (
                "cancelled",
                "0 a>b INVITE | FirstInvite ->2002
                 1 b>a 180 | Provisional 2002>180
                 2 a>b CANCEL | Cancel 180>2004
                 2.1 b>a 180 to=C | ProvisionalAfterCancel
                 2.2 b>a 200/CANCEL | CancelResponse
                 2.3 b>a 487 | Failure 2004>487
                 2.4 a>b ACK via=a1 | AckToFailure
                 2.5 b>a 603 | SecondFinal",
            ),
            (
                "too late to cancel",
                "0 a>b INVITE | FirstInvite ->2002
                 1 b>a 486 | Failure 2002>486
                 2 a>b CANCEL | CancelLate",
            ),
            (
                "challenged, then redirected, then another attempt",
                "0 a>b INVITE | FirstInvite ->2002
                 1 b>a 407 | Challenge 2002>407
                 1.1 a>b ACK via=a1 | AckToFailure
                 1.2 a>b INVITE via=a2 cseq=2 | Credentials 407>2002
                 1.3 b>a 403 cseq=1 to=D | EarlierAttempt
                 2 b>a 302 via=a2 cseq=2 | Redirection 2002>302
                 3 a>c INVITE via=a3 cseq=3 | RedirectFollowed 302>2002
                 4 c>a 503 via=a3 cseq=3 | Failure 2002>503
                 5 a>c INVITE via=a4 cseq=4 | NextAttempt 503>2002",
            ),
            (
                "two hops",
                "0 a>p INVITE | FirstInvite ->2002
                 0.1 p>b INVITE via=p1,a1 | FartherHop
                 0.2 b>p 180 via=p1,a1 | FartherHop
                 0.3 p>a 180 | Provisional 2002>180
                 1 b>p 486 via=p1,a1 | FartherHop
                 1.1 p>b CANCEL via=p1,a1 | CancelElsewhere
                 2 p>a 480 | Failure 180>480",
            ),
            (
                "a fork seen at its proxy",
                "0 p>b INVITE via=p1,a1 | FirstInvite ->2002
                 0.1 p>c INVITE via=p2,a1 | Branch
                 1 b>p 486 via=p1,a1 | BranchWaits
                 1.1 p>c CANCEL via=p2,a1 | Cancel 2002>2004
                 2 c>p 603 to=C via=p2,a1 | BestOfBranches 2004>603",
            ),
            (
                "a fork answered",
                "0 p>b INVITE via=p1,a1 | FirstInvite ->2002
                 0.1 p>c INVITE via=p2,a1 | Branch
                 1 b>p 200 via=p1,a1 | Answer 2002>999
                 1.1 p>c CANCEL via=p2,a1 | CancelOfBranch
                 2 c>p 487 to=C via=p2,a1 | LosingBranch",
            ),
            (
                "the caller's hop, whose clock is behind",
                "0 p>b INVITE via=p1,a1 | FirstInvite ->2002
                 0.1 b>p 183 via=p1,a1 | Provisional 2002>183
                 0.2 a>p INVITE via=a1 | NearerHop 183>2002
                 0.3 b>p 486 via=p1,a1 | FartherHop
                 0.4 p>a 486 via=a1 | Failure 2002>486",
            ),
            (
                "failover",
                "0 p>b INVITE via=p1,a1 | FirstInvite ->2002
                 1 b>p 503 via=p1,a1 | Failure 2002>503
                 2 p>c INVITE via=p2,a1 | Failover 503>2002
                 3 b>p 500 to=D via=p1,a1 | EarlierBranch
                 4 c>p 404 to=C via=p2,a1 | Failure 2002>404",
            ),
            (
                "what was not captured is proved",
                "0 a>b INVITE | FirstInvite ->2002
                 1 a>b ACK | ProvingAck 2002>999
                 2 a>b BYE | Bye 999>1000
                 2.1 b>a 401/BYE via=BYE | ByeChallenged 1000>999
                 2.2 b>a 200/BYE via=y cseq=3 | ProvingByeResponse 999>1000",
            ),
            (
                "hung up by the callee, whose answer was not captured",
                "0 a>b INVITE | FirstInvite ->2002
                 1 b>a 180 | Provisional 2002>180
                 2 a>b BYE | EarlyBye
                 3 b>a BYE from=B to=A via=x | ProvingBye 180>1000",
            ),
            ("joined late", "0 a>b INVITE to=B via=r cseq=7 | JoinedInside ->999"),
            ("none of a call", "0 a>b OPTIONS | NoCall"),
            (
                "an ICMP error",
                "0 a>b INVITE | FirstInvite ->2002
                 0.1 a>b INVITE icmp=port_unreachable | Icmp",
            ),
            (
                "a registration",
                "0 a>r REGISTER contact=<sip:a@a> expires=60 | Register ->1010
                 0.1 r>a 100/REGISTER | RegisterProvisional
                 0.2 r>a 401/REGISTER | RegisterChallenged 1010>401
                 1 a>r REGISTER cseq=2 via=a2 contact=<sip:a@a> expires=60 | Register 401>1010
                 1.1 a>r REGISTER cseq=2 via=a2 contact=<sip:a@a> expires=60 | Retransmission
                 1.2 p>r REGISTER cseq=2 via=p1,a2 contact=<sip:a@a> expires=60 | RegisterElsewhere
                 2 r>a 200/REGISTER cseq=2 via=a2 contact=<sip:a@a> expires=60 | Granted 1010>1011
                 3 a>r REGISTER cseq=3 via=a3 contact=<sip:a@a> expires=0 | Unregister 1011>1012
                 4 r>a 200/REGISTER cseq=3 via=a3 | Removed 1012>1013
                 5 a>r REGISTER cseq=4 via=a4 contact=<sip:a@a> expires=60 | Register 1013>1010
                 6 r>a 403/REGISTER cseq=4 via=a4 | RegisterRefused 1010>403",
            ),
        ];
        for (name, life) in lives {
            explained(name, life);
        }
    }

    #[test]
    fn a_mark_stands_over_what_the_wire_says() {
        let mark = super::super::Mark {
            at: Timestamp::from_millis(5_000),
            what: super::super::Marking::Unmonitor(b"c".as_slice().into()),
        };
        let mut tracker = Tracker::with(super::super::Settings { marks: vec![mark], ..Default::default() });
        tracker.explain(["c"]);
        for (frame, text) in (1..).zip(["0 a>b INVITE", "1 b>a 200", "9 a>b BYE"]) {
            line(text, frame, &mut tracker);
        }
        let notes = tracker.take_explanations().remove(0).notes;
        assert_eq!(notes.last().map(|note| (note.rule, note.after)), Some((Rule::MarkStands, Some(Code::new(8000)))));
    }

    #[test]
    fn a_flood_is_counted_and_not_kept() {
        let mut recorder = Recorder::default();
        recorder.ask("c");
        recorder.ask("c");
        assert!(!recorder.wants(b"d"));
        let (at, place) = (Timestamp::default(), Place::default());
        let path = Path {
            src: ([192, 0, 2, 1], 1).into(),
            dst: ([192, 0, 2, 2], 1).into(),
            transport: crate::event::Transport::Udp,
        };
        for _ in 0..Recorder::MOST_NOTES + 3 {
            if recorder.wants(b"c") {
                let note = Note { at, place, path, what: "".into(), before: None, after: None, rule: Rule::NoCall };
                recorder.note(b"c", note);
            }
        }
        let explanations = recorder.take();
        assert_eq!(explanations.len(), 1);
        assert_eq!((explanations[0].notes.len(), explanations[0].left_out), (Recorder::MOST_NOTES, 3));
    }
}

//! The states of a call and the one table of its transitions. Knows signals, not messages: what a message means for a
//! call (whose hop, whose branch, whose dialog) was settled before it became a signal.

use crate::codes::Code;

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum State {
    /// Nothing of what was captured tells (a call joined late).
    Unseen,
    /// The INVITE is out, nobody answered.
    Inviting,
    /// The last provisional response.
    Proceeding(Code),
    /// The caller took the INVITE back; its final response is outstanding.
    Cancelling,
    /// The final response that ended the last attempt.
    Failed(Code),
    /// Answered, nobody hung up.
    Active,
    /// Answered and hung up.
    Completed,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// An initial INVITE: the first, or another attempt.
    Attempt,
    /// A provisional response that counts.
    Provisional(Code),
    /// A final response of 300 to 699 that counts.
    Failure(Code),
    /// A 2xx to the INVITE that counts, or what proves one.
    Success,
    /// The caller's CANCEL of the deciding INVITE.
    Cancel,
    /// The last dialog was ended by BYE.
    Bye,
    /// The callee's BYE where no final response was captured: it ends the call and proves that it was answered.
    ProvingBye,
    /// A BYE was challenged and so ended nothing yet.
    ByeChallenged,
    /// A 2xx of another branch when all dialogs were ended: its own is up (RFC 3261 13.2.2.4).
    AnotherAnswer,
    /// A request or response that only an answered call has, in a call joined late.
    InDialog,
}

impl State {
    /// The whole life of a call. `None`: the signal is out of place here and changes nothing.
    #[rustfmt::skip]
    pub(super) const fn next(self, signal: Signal) -> Option<Self> {
        use Signal as On;
        use State::{Active, Cancelling, Completed, Failed, Inviting, Proceeding, Unseen};
        Some(match (self, signal) {
            // an attempt, or another one after it failed or was given up (RFC 3261 8.1.3.4, 8.1.3.5, 22.2)
            (Unseen | Inviting | Proceeding(_) | Cancelling | Failed(_), On::Attempt)       => Inviting,
            // ringing; a CANCEL is not undone by a 180 that it crosses
            (Unseen | Inviting | Proceeding(_), On::Provisional(code))                      => Proceeding(code),
            // taking it back before the answer: CANCEL asks, the final response tells (RFC 3261 9.1)
            (Unseen | Inviting | Proceeding(_), On::Cancel)                                 => Cancelling,
            (Unseen | Inviting | Proceeding(_) | Cancelling | Failed(_), On::Failure(code)) => Failed(code),
            // an answer, also one that crosses the CANCEL or comes after another branch's failure (RFC 3261 13.2.2.4)
            (Unseen | Inviting | Proceeding(_) | Cancelling | Failed(_), On::Success)       => Active,
            // hanging up (RFC 3261 15); a challenged BYE has not
            (Unseen | Active, On::Bye)                                                      => Completed,
            (Inviting | Proceeding(_) | Cancelling, On::ProvingBye)                         => Completed,
            (Completed, On::ByeChallenged | On::AnotherAnswer)                              => Active,
            // joined late
            (Unseen, On::InDialog)                                                          => Active,
            _ => return None,
        })
    }

    /// The code of the record (SPEC: the SIP status itself, or a state code).
    pub(super) const fn code(self) -> Option<Code> {
        match self {
            Self::Unseen => None,
            Self::Inviting => Some(Code::INVITE),
            Self::Proceeding(code) | Self::Failed(code) => Some(code),
            Self::Cancelling => Some(Code::CANCEL),
            Self::Active => Some(Code::ACTIVE),
            Self::Completed => Some(Code::COMPLETED),
        }
    }

    /// Whether the call was answered, hung up or not.
    pub(super) const fn is_answered(self) -> bool {
        matches!(self, Self::Active | Self::Completed)
    }

    /// Whether one of RFC 3261's timers runs.
    pub(super) const fn is_attempting(self) -> bool {
        matches!(self, Self::Inviting | Self::Proceeding(_) | Self::Cancelling)
    }
}

#[cfg(test)]
mod tests {
    use super::Signal::{Attempt, Bye, ByeChallenged, Cancel, Failure, InDialog, ProvingBye, Provisional, Success};
    use super::State::{Active, Cancelling, Completed, Failed, Inviting, Proceeding, Unseen};
    use super::*;

    const RINGING: Code = Code::new(180);
    const BUSY: Code = Code::new(486);
    const UNAUTHORIZED: Code = Code::new(401);
    const TERMINATED: Code = Code::new(487);

    #[test]
    fn lives() {
        let lives: &[(&str, &[Signal], State)] = &[
            ("nobody answers", &[Attempt], Inviting),
            ("still ringing", &[Attempt, Provisional(Code::new(100)), Provisional(RINGING)], Proceeding(RINGING)),
            ("busy", &[Attempt, Provisional(RINGING), Failure(BUSY)], Failed(BUSY)),
            ("challenge nobody answers", &[Attempt, Failure(UNAUTHORIZED)], Failed(UNAUTHORIZED)),
            ("challenge, then answered", &[Attempt, Failure(UNAUTHORIZED), Attempt, Success], Active),
            ("whole call", &[Attempt, Provisional(RINGING), Success, Bye], Completed),
            ("cancel without a final response", &[Attempt, Provisional(RINGING), Cancel], Cancelling),
            ("cancel", &[Attempt, Cancel, Failure(TERMINATED)], Failed(TERMINATED)),
            ("180 crosses the CANCEL", &[Attempt, Cancel, Provisional(RINGING)], Cancelling),
            ("answer beat CANCEL", &[Attempt, Cancel, Success, Bye], Completed),
            ("487 on a losing branch after the answer", &[Attempt, Success, Failure(TERMINATED)], Active),
            ("late ringing after the answer", &[Attempt, Success, Provisional(RINGING)], Active),
            ("late CANCEL after the answer", &[Attempt, Success, Cancel], Active),
            ("late ringing after busy", &[Attempt, Failure(BUSY), Provisional(RINGING)], Failed(BUSY)),
            ("BYE before the answer", &[Attempt, Provisional(RINGING), Bye], Proceeding(RINGING)),
            ("BYE after busy", &[Attempt, Failure(BUSY), Bye], Failed(BUSY)),
            ("answer not captured, the callee hangs up", &[Attempt, Provisional(RINGING), ProvingBye], Completed),
            ("callee's BYE after busy", &[Attempt, Failure(BUSY), ProvingBye], Failed(BUSY)),
            ("challenged BYE", &[Attempt, Success, Bye, ByeChallenged], Active),
            ("challenged BYE, sent again", &[Attempt, Success, Bye, ByeChallenged, Bye], Completed),
            ("a second 2xx after the BYE", &[Attempt, Success, Bye, Success], Completed),
            ("joined at the BYE", &[Bye], Completed),
            ("joined at a re-INVITE", &[InDialog, Bye], Completed),
            ("joined at the answer", &[Success], Active),
            ("in-dialog request while ringing", &[Attempt, Provisional(RINGING), InDialog], Proceeding(RINGING)),
        ];
        for (name, signals, expected) in lives {
            let end = signals.iter().fold(Unseen, |state, signal| state.next(*signal).unwrap_or(state));
            assert_eq!(end, *expected, "{name}");
        }
    }

    #[test]
    fn an_answered_call_is_never_unanswered() {
        let signals =
            [Attempt, Provisional(RINGING), Failure(BUSY), Success, Cancel, Bye, ByeChallenged, ProvingBye, InDialog];
        for state in [Active, Completed] {
            for signal in signals {
                assert!(state.next(signal).unwrap_or(state).is_answered(), "{state:?} on {signal:?}");
            }
        }
    }
}

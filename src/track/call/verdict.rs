//! Which rule a message of a call fell under, told from how the call stood before it and after it. Changes nothing, so
//! that a call goes the same way whether somebody asks why or not.

use super::super::explain::Rule;
use super::{Arrival, Call, InviteTransaction, State};
use crate::codes::Code;
use crate::wire::sip::{Method, StartLine};

impl Call {
    /// The code as a row would tell it now.
    pub(in crate::track) fn code(&self) -> Option<Code> {
        self.marked.as_ref().map_or_else(|| self.state.code(), |marked| Some(marked.code))
    }

    /// The rule that `arrival` fell under, which brought the call from `before` to here; `again`: it was sent before.
    pub(in crate::track) fn rule(&self, before: Option<&Self>, arrival: &Arrival<'_, '_>, again: bool) -> Rule {
        let was = before.map_or(State::Unseen, |before| before.state);
        let moved = was != self.state;
        let message = arrival.message;
        if arrival.event.duplicate {
            return Rule::Duplicate;
        }
        if again && !moved {
            return Rule::Retransmission;
        }
        if moved && self.marked.is_some() {
            return Rule::MarkStands;
        }
        match (message.start(), message.method()) {
            (StartLine::Request { .. }, Some(Method::Invite)) if arrival.tags.has_to => {
                if moved {
                    Rule::JoinedInside
                } else {
                    Rule::Reinvite
                }
            }
            (StartLine::Request { .. }, Some(Method::Invite)) => self.rule_of_invite(before, arrival, moved),
            (StartLine::Request { .. }, Some(Method::Ack)) => self.rule_of_ack(before, arrival, moved),
            (StartLine::Request { .. }, Some(Method::Bye)) => self.rule_of_bye(was, arrival, moved),
            (StartLine::Request { .. }, Some(Method::Cancel)) => self.rule_of_cancel(was, arrival, moved),
            (StartLine::Response { code, .. }, Some(Method::Invite)) => {
                self.rule_of_response(before, arrival, Code::new(code), moved)
            }
            (StartLine::Response { .. }, Some(Method::Bye)) => match (moved, self.state) {
                (true, State::Active) => Rule::ByeChallenged,
                (true, _) => Rule::ProvingByeResponse,
                (false, _) => Rule::ByeResponse,
            },
            (_, Some(Method::Cancel)) => Rule::CancelResponse,
            (_, Some(Method::Prack)) => Rule::Prack,
            (_, Some(Method::Update)) => Rule::Update,
            (_, Some(Method::Info)) => Rule::Info,
            _ => Rule::InDialog,
        }
    }

    fn rule_of_invite(&self, before: Option<&Self>, arrival: &Arrival<'_, '_>, moved: bool) -> Rule {
        let was = before.map_or(State::Unseen, |before| before.state);
        let begins = before.is_none_or(|before| before.attempt != self.attempt);
        match was {
            State::Unseen if moved => Rule::FirstInvite,
            State::Failed(code) if moved && begins && code.is_challenge() => Rule::Credentials,
            State::Failed(code) if moved && begins && code.get() / 100 == 3 => Rule::RedirectFollowed,
            State::Failed(_) if moved && !begins => Rule::Failover,
            _ if begins => Rule::NextAttempt,
            State::Proceeding(_) if moved => Rule::NearerHop,
            _ => self.beside(arrival).unwrap_or(Rule::Branch),
        }
    }

    fn rule_of_ack(&self, before: Option<&Self>, arrival: &Arrival<'_, '_>, moved: bool) -> Rule {
        let was = before.map_or(State::Unseen, |before| before.state);
        match moved {
            true if was == State::Unseen => Rule::JoinedInside,
            true => Rule::ProvingAck,
            false if self.inner.contains(&arrival.key) => Rule::AckToReinvite,
            false if self.transactions.iter().any(|of| of.key == arrival.key) => Rule::AckToFailure,
            false if self.attempt.is_some_and(|attempt| attempt != arrival.cseq) => Rule::AckToReinvite,
            false => Rule::Ack,
        }
    }

    fn rule_of_bye(&self, was: State, arrival: &Arrival<'_, '_>, moved: bool) -> Rule {
        match was {
            _ if moved && was.is_attempting() => Rule::ProvingBye,
            _ if moved => Rule::Bye,
            State::Completed => Rule::ByeAgain,
            _ if self.dialogs.contains(self.callee_tag(arrival.tags)) => Rule::OtherDialogUp,
            _ => Rule::EarlyBye,
        }
    }

    fn rule_of_cancel(&self, was: State, arrival: &Arrival<'_, '_>, moved: bool) -> Rule {
        if moved {
            return Rule::Cancel;
        }
        let of = self.transaction_of(arrival);
        match of {
            None => Rule::CancelElsewhere,
            Some(_) if self.beside(arrival).is_some() => Rule::CancelElsewhere,
            Some(of) if of.last_word.is_some() => Rule::CancelLate,
            Some(_) if matches!(was, State::Failed(_)) => Rule::CancelLate,
            Some(_) => Rule::CancelOfBranch,
        }
    }

    fn rule_of_response(&self, before: Option<&Self>, arrival: &Arrival<'_, '_>, code: Code, moved: bool) -> Rule {
        let was = before.map_or(State::Unseen, |before| before.state);
        if self.inner.contains(&arrival.key) || arrival.tags.from != self.caller_tag {
            return if moved { Rule::JoinedInside } else { Rule::AnswerToReinvite };
        }
        let Some(of) = self.transaction_of(arrival) else { return Rule::AnswerToReinvite };
        if moved {
            let several = self.deciding().transactions().nth(1).is_some();
            return match self.state {
                State::Failed(best) if several || best != code => Rule::BestOfBranches,
                State::Failed(_) if code.is_challenge() => Rule::Challenge,
                State::Failed(_) if code.get() / 100 == 3 => Rule::Redirection,
                State::Failed(_) => Rule::Failure,
                State::Active | State::Completed => Rule::Answer,
                _ => Rule::Provisional,
            };
        }
        if let Some(rule) = self.beside(arrival) {
            return rule;
        }
        let ended_before =
            before.and_then(|before| before.transaction_of(arrival)).is_some_and(|of| of.last_word.is_some());
        match was {
            _ if code.is_provisional() && of.last_word.is_some() => Rule::LateProvisional,
            State::Cancelling if code.is_provisional() => Rule::ProvisionalAfterCancel,
            State::Proceeding(stood) if code.is_provisional() && stood == code => Rule::SameProvisional,
            State::Proceeding(_) if code.get() == 100 => Rule::LateTrying,
            _ if code.is_provisional() => Rule::LateProvisional,
            _ if code.is_success() => Rule::AnotherAnswer,
            _ if ended_before => Rule::SecondFinal,
            _ if was.is_answered() => Rule::LosingBranch,
            _ if was.is_attempting() => Rule::BranchWaits,
            _ => Rule::BestOfBranches,
        }
    }

    fn transaction_of(&self, arrival: &Arrival<'_, '_>) -> Option<&InviteTransaction> {
        self.transactions.get(self.find(arrival.key, arrival.hop())?)
    }

    /// Why a message of an initial INVITE does not decide; `None` where it does.
    fn beside(&self, arrival: &Arrival<'_, '_>) -> Option<Rule> {
        let of = self.transaction_of(arrival)?;
        let deciding = self.deciding();
        if self.attempt.is_some_and(|attempt| of.cseq < attempt) {
            return Some(Rule::EarlierAttempt);
        }
        if deciding.contains(of) {
            return None;
        }
        let farther = deciding.transactions().next().is_none_or(|nearest| of.depth >= nearest.depth);
        let same_depth = deciding.transactions().any(|nearest| {
            of.depth == nearest.depth && of.hop.sender() == nearest.hop.sender() && of.cseq == nearest.cseq
        });
        Some(if farther && !same_depth { Rule::FartherHop } else { Rule::EarlierBranch })
    }
}

//! What becomes of the messages of calls and registrations that somebody asked to have explained.

use super::Tracker;
use crate::codes::Code;
use crate::event::Event;
use crate::track::call::{Arrival, Call};
use crate::track::exchange::Exchanges;
use crate::track::explain::{self, Note};
use crate::wire::sip::Method;

/// What a message that is to be explained met.
pub(super) struct Before {
    slot: Option<usize>,
    call: Option<Call>,
    registered: Option<Code>,
    is_straggler: bool,
}

impl Tracker {
    /// What a message is about to meet.
    pub(super) fn before(&self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Before {
        let slot = self.slot_of(arrival);
        let call = slot.and_then(|slot| Some(self.calls.get(slot)?.as_ref()?.call.clone()));
        let registered = self.registered(call_id, arrival);
        Before { slot, call, registered, is_straggler: self.is_straggler(arrival) }
    }

    /// The code of the registration that a message belongs to.
    pub(super) fn registered(&self, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Option<Code> {
        let is_one = arrival.method == Some(Method::Register);
        if is_one { self.registrar.code(call_id, arrival) } else { None }
    }

    /// Writes down what became of a message that met this.
    pub(super) fn note(&mut self, call_id: &[u8], arrival: &Arrival<'_, '_>, before: &Before) {
        let again = self.recorder.again(&self.digest, call_id, arrival);
        let slot = before.slot.or_else(|| self.slot_of(arrival));
        let call = slot.and_then(|slot| Some(&self.calls.get(slot)?.as_ref()?.call));
        let (was, is, rule) = if arrival.method == Some(Method::Register) {
            let (was, is) = (before.registered, self.registered(call_id, arrival));
            (was, is, explain::rule_of_registration(was, is, arrival, again))
        } else if let Some(call) =
            call.filter(|_| !self.exchanges.knows(Exchanges::identity(&self.digest, call_id, arrival)))
        {
            let was = before.call.as_ref().and_then(Call::code);
            (was, call.code(), call.rule(before.call.as_ref(), arrival, again))
        } else {
            (None, None, explain::rule_of_none(arrival, before.is_straggler))
        };
        let Event { at, place, path, .. } = *arrival.event;
        let note = Note { at, place, path, what: explain::what(arrival), before: was, after: is, rule };
        self.recorder.note(call_id, note);
    }
}

//! Messages out of connections become events, once where a packet was captured twice. Knows neither segments nor chunks:
//! what completes a message it is told.

use super::copies::{self, Copies};
use super::split::{Said, Stamp};
use crate::event::{Event, Path, What};
use crate::issue::{Cause, Issues};
use crate::packet::Place;
use crate::wire::sip::Message;

/// Gives `sink` what a packet of a connection completes, by `push`; or, where it is one that was captured before, what it
/// completed then.
pub(super) fn copied(
    copies: &mut Copies,
    packet: &copies::Packet<'_>,
    stamp: Stamp,
    issues: &mut Issues,
    sink: &mut impl FnMut(Event<'_>),
    push: impl FnOnce(&mut Issues, &mut dyn FnMut(Path, Stamp, Said<'_>)),
) {
    let mut lacking = Lacking::default();
    if !copies.again(packet, stamp, &mut lacking.deliver(true, sink)) {
        let mut deliver = lacking.deliver(false, sink);
        push(issues, &mut |path, of, message| {
            // What an earlier packet had brought, and this one only lets go, a copy of this one does not repeat.
            if of.place == stamp.place {
                copies.keep(path, of.at, stamp, &message, packet.payload);
            }
            deliver(path, of, message);
        });
        copies.remember(packet, stamp.at);
    }
    lacking.account(issues);
}

/// What messages out of TCP lacked, to be counted once the connections have let go of the account.
#[derive(Default)]
pub(super) struct Lacking(Vec<(Place, &'static str, usize)>);

impl Lacking {
    /// Makes events of messages.
    pub(super) fn deliver(
        &mut self,
        duplicate: bool,
        sink: &mut impl FnMut(Event<'_>),
    ) -> impl FnMut(Path, Stamp, Said<'_>) {
        move |path, stamp, message| {
            lacks(&message, |what| self.0.push((stamp.place, what, message.raw().len())));
            let Said { message, correlation } = message;
            let what = What::Sip(message);
            sink(Event { at: stamp.at, place: stamp.place, path, duplicate, correlation, what });
        }
    }

    pub(super) fn account(self, issues: &mut Issues) {
        for (place, what, len) in self.0 {
            issues.add(place, Cause::SipIncomplete(what), len as u64);
        }
    }
}

/// Names what a message needs to be matched with others, and has not (RFC 3261 8.1.1).
pub(super) fn lacks(message: &Message<'_>, mut say: impl FnMut(&'static str)) {
    if message.call_id().is_none() {
        say("Call-ID");
    }
    if message.cseq().is_none() {
        say("CSeq");
    }
}

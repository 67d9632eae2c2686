//! Hold: what offers and answers (RFC 3264, RFC 6337) say about who is to be heard in a call, and for how long one side
//! was not. Knows descriptions, not media: what really flowed is for others to see.
//!
//! An offer counts when it is accepted: with its 2xx, or, where that was not captured, with the ACK that only a 2xx gets
//! (a branch of its own, RFC 3261 13.2.2.4). A refused one changes nothing (RFC 3261 14.1), and so does one of whose
//! fate nothing was captured: to believe it could turn a talking call into a held one for good.

use std::time::Duration;

use smallvec::SmallVec;

use super::call::Arrival;
use super::fact::Side;
use crate::time::Timestamp;
#[cfg(test)]
use crate::wire::sdp::Session;
use crate::wire::sdp::{self, Outline};
use crate::wire::sip::Method;

/// What one side's description says: whether it sends, and whether it wants to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Flow {
    sends: bool,
    receives: bool,
}

impl Flow {
    /// Of the audio streams where there are any: a video that is switched off holds no call. One stream that flows is
    /// enough; with none left (RFC 3264 8.2) nobody is to be heard.
    fn told_by(outline: &Outline<'_>) -> Self {
        let sdp::Flow { sends, receives } = outline.audio().or_else(|| outline.others()).unwrap_or_default();
        Self { sends, receives }
    }

    /// The same by the full reading, to compare.
    #[cfg(test)]
    fn of(session: &Session<'_>) -> Self {
        let live = || session.media().filter(|media| media.port != 0);
        let has_audio = live().any(|media| media.kind.eq_ignore_ascii_case(b"audio"));
        let counted = live().filter(|media| !has_audio || media.kind.eq_ignore_ascii_case(b"audio"));
        let mut flow = Self { sends: false, receives: false };
        for media in counted {
            flow.sends |= media.sends();
            flow.receives |= media.receives();
        }
        flow
    }

    /// Of the description in a message. One that the snap length cut may have lost the very line that holds.
    fn in_message(arrival: &Arrival<'_, '_>) -> Option<Self> {
        let message = arrival.message;
        if message.content_length().is_some_and(|len| len > message.body().len()) {
            return None;
        }
        arrival.described.outline(message).map(Self::told_by)
    }
}

/// An offer and its answer under way, carried by one transaction.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Exchange {
    /// See [`Digest::transaction`](super::transaction::Digest::transaction).
    key: u64,
    /// Who sent the request.
    by: Side,
    cseq: u32,
    invite: bool,
    /// What the request said.
    asked: Option<Flow>,
    /// What the response said: the answer, or the offer where the request had none.
    replied: Option<Flow>,
    /// Accepted; the answer to the 2xx's offer comes with the ACK.
    awaits_ack: bool,
    /// A later exchange was completed while this one's request was still open.
    overtaken: bool,
}

/// Who is to be heard in a call, and since when not both sides are.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Hold {
    exchanges: SmallVec<[Exchange; 1]>,
    /// The descriptions in force, the caller's and the callee's.
    said: [Option<Flow>; 2],
    /// The last CSeq of each side whose exchange is over: what comes again of it says nothing new.
    settled: [Option<u32>; 2],
    /// The call is up; what was before is no hold.
    running: bool,
    /// Both sides were to be heard at some time since it is up.
    conversed: bool,
    /// Which side was, the caller and the callee.
    expected: [bool; 2],
    since: Option<Timestamp>,
    total: Duration,
}

const fn other(side: Side) -> Side {
    match side {
        Side::Caller => Side::Callee,
        Side::Callee => Side::Caller,
    }
}

impl Hold {
    /// More than are ever open at once; of a flood the oldest is forgotten.
    const MOST: usize = 8;

    /// Whether a message is of a method that offers and answers come with (RFC 3261 13.2.1, RFC 3262 5, RFC 3311).
    #[inline]
    pub(super) const fn concerns(arrival: &Arrival<'_, '_>) -> bool {
        matches!(arrival.method, Some(Method::Invite | Method::Ack | Method::Update | Method::Prack))
    }

    /// Takes in a message of the call, not one that was sent again. `by` sent the request that it is or answers;
    /// `of_invite`: its transaction is that of an INVITE that was seen.
    pub(super) fn feed(&mut self, arrival: &Arrival<'_, '_>, by: Side, of_invite: bool) {
        if !Self::concerns(arrival) {
            return;
        }
        let (message, method) = (arrival.message, arrival.method);
        let code = message.code();
        // What comes with a refusal only says what could have been (RFC 3261 21.4.26).
        let is_refusal = code.is_some_and(|code| code >= 300);
        let flow = if is_refusal { None } else { Flow::in_message(arrival) };
        let exchange = Exchange {
            key: arrival.key,
            by,
            cseq: arrival.cseq,
            invite: method == Some(Method::Invite),
            asked: None,
            replied: None,
            awaits_ack: false,
            overtaken: false,
        };
        let at = arrival.event.at;
        match (method, code) {
            (Some(Method::Ack), None) if message.is_request() => self.on_ack(&exchange, !of_invite, flow, at),
            (Some(Method::Prack), None) if message.is_request() && self.answers_provisional(by, flow) => {}
            (_, None) if message.is_request() => self.open(Exchange { asked: flow, ..exchange }),
            (_, Some(100..=199)) => {
                let new = flow.is_some() && !self.is_settled(&exchange);
                match self.exchanges.iter_mut().find(|of| of.key == exchange.key) {
                    Some(known) => known.replied = flow.or(known.replied),
                    None if new => self.open(Exchange { replied: flow, ..exchange }),
                    None => {}
                }
            }
            (_, Some(200..=299)) => self.on_success(exchange, flow, at),
            _ => self.exchanges.retain(|of| of.key != exchange.key),
        }
    }

    /// The call is up from here on.
    pub(super) fn on_answer(&mut self, at: Timestamp) {
        if !self.running {
            self.running = true;
            self.review(at);
        }
    }

    /// Whether media of this side is expected: it sends, and the other side wants to receive. What nobody spoke of flows.
    pub(super) fn expects(&self, side: Side) -> bool {
        self.flow(side).is_none_or(|flow| flow.sends) && self.flow(other(side)).is_none_or(|flow| flow.receives)
    }

    /// Whether caller and callee were expected to send at any time since the call is up.
    pub(super) const fn ever_expected(&self) -> [bool; 2] {
        self.expected
    }

    /// Whether nobody is to be heard, or one side no longer. To hold is to interrupt (RFC 3264 8.4): a session that is
    /// one-way from the start, an announcement or a recording, is none.
    pub(super) fn is_held(&self) -> bool {
        match (self.expects(Side::Caller), self.expects(Side::Callee)) {
            (true, true) => false,
            (false, false) => true,
            _ => self.conversed,
        }
    }

    /// How long the call was held in all, up to `end`.
    pub(super) fn total(&self, end: Timestamp) -> Duration {
        self.total.saturating_add(self.since.map_or(Duration::ZERO, |since| end.since(since)))
    }

    fn flow(&self, side: Side) -> Option<Flow> {
        self.said[side as usize]
    }

    fn is_settled(&self, exchange: &Exchange) -> bool {
        self.settled[exchange.by as usize].is_some_and(|last| exchange.cseq <= last)
    }

    fn open(&mut self, exchange: Exchange) {
        self.exchanges.retain(|of| of.key != exchange.key);
        if self.exchanges.len() >= Self::MOST {
            self.exchanges.remove(0);
        }
        self.exchanges.push(exchange);
    }

    /// A PRACK answers the offer of a reliable provisional response (RFC 3262 5) to an INVITE that had none.
    fn answers_provisional(&mut self, by: Side, flow: Option<Flow>) -> bool {
        let offered = |of: &&mut Exchange| of.invite && of.by == by && of.asked.is_none() && of.replied.is_some();
        match (self.exchanges.iter_mut().find(offered), flow) {
            (Some(exchange), Some(_)) => {
                exchange.asked = flow;
                true
            }
            _ => false,
        }
    }

    fn on_success(&mut self, exchange: Exchange, flow: Option<Flow>, at: Timestamp) {
        let known = self.exchanges.iter().find(|of| of.key == exchange.key).copied();
        let mut accepted = match known {
            Some(known) if known.awaits_ack => return,
            Some(known) => known,
            // The request was not captured, or this comes again, perhaps by another hop.
            None if self.is_settled(&exchange) => return,
            None => exchange,
        };
        accepted.replied = flow.or(accepted.replied);
        accepted.awaits_ack = accepted.invite && accepted.asked.is_none() && accepted.replied.is_some();
        self.settle(&accepted, at);
        if accepted.awaits_ack && known.is_some() {
            self.exchanges.push(accepted);
        }
    }

    /// `own`: the ACK has a branch of its own, as that to a 2xx has.
    fn on_ack(&mut self, ack: &Exchange, own: bool, flow: Option<Flow>, at: Timestamp) {
        let of_ack = |of: &Exchange| of.invite && of.by == ack.by && of.cseq == ack.cseq;
        let Some(mut exchange) = self.exchanges.iter().find(|of| of_ack(of)).copied() else { return };
        if own || exchange.awaits_ack {
            exchange.asked = exchange.asked.or(flow);
            self.settle(&exchange, at);
        }
        self.exchanges.retain(|of| !of_ack(of));
    }

    /// An exchange was accepted: what it says is in force, and its request is no longer open on any hop.
    fn settle(&mut self, exchange: &Exchange, at: Timestamp) {
        self.exchanges.retain(|of| (of.by, of.cseq) != (exchange.by, exchange.cseq));
        let settled = &mut self.settled[exchange.by as usize];
        *settled = Some(settled.map_or(exchange.cseq, |last| last.max(exchange.cseq)));
        if exchange.overtaken || (exchange.asked.is_none() && exchange.replied.is_none()) {
            return;
        }
        // An INVITE whose 183 brought the answer may be open while an UPDATE changes that (RFC 3311).
        for of in self.exchanges.iter_mut().filter(|of| of.asked.is_some() && of.replied.is_some()) {
            of.overtaken = true;
        }
        self.said[exchange.by as usize] = exchange.asked;
        self.said[other(exchange.by) as usize] = exchange.replied;
        self.review(at);
    }

    /// Begins or ends a hold.
    fn review(&mut self, at: Timestamp) {
        let expects = [self.running && self.expects(Side::Caller), self.running && self.expects(Side::Callee)];
        self.conversed |= expects == [true; 2];
        for (ever, now) in self.expected.iter_mut().zip(expects) {
            *ever |= now;
        }
        match (self.running && self.is_held(), self.since) {
            (true, None) => self.since = Some(at),
            (false, Some(since)) => {
                self.total = self.total.saturating_add(at.since(since));
                self.since = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_description_says() {
        const BOTH: (bool, bool) = (true, true);
        const NONE: (bool, bool) = (false, false);
        let cases = [
            ("nothing said", "m=audio 6 RTP/AVP 0", BOTH),
            ("sendonly", "m=audio 6 RTP/AVP 0\na=sendonly", (true, false)),
            ("recvonly", "m=audio 6 RTP/AVP 0\na=recvonly", (false, true)),
            ("inactive for all", "a=inactive\nm=audio 6 RTP/AVP 0", NONE),
            ("zeros", "c=IN IP4 0.0.0.0\nm=audio 6 RTP/AVP 0\na=sendrecv", NONE),
            ("zeros of IPv6", "m=audio 6 RTP/AVP 0\nc=IN IP6 ::", NONE),
            ("zeros before ICE", "c=IN IP4 0.0.0.0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=ice-ufrag:x", BOTH),
            (
                "zeros for one of two",
                "m=audio 6 RTP/AVP 0\nc=IN IP4 0.0.0.0\nm=audio 8 RTP/AVP 0\nc=IN IP4 192.0.2.1",
                BOTH,
            ),
            ("video off", "m=audio 6 RTP/AVP 0\nm=video 8 RTP/AVP 31\na=inactive", BOTH),
            ("video goes on", "m=audio 6 RTP/AVP 0\na=inactive\nm=video 8 RTP/AVP 31", NONE),
            ("video alone", "m=audio 0 RTP/AVP 0\nm=video 8 RTP/AVP 31\na=sendonly", (true, false)),
            ("fax", "m=audio 0 RTP/AVP 0\na=inactive\nm=image 8 udptl t38", BOTH),
            ("no stream left", "m=audio 0 RTP/AVP 0", NONE),
        ];
        for (name, lines, expected) in cases {
            let sdp = format!("v=0\n{lines}\n");
            let flow = Flow::of(&Session::parse(sdp.as_bytes()).expect("a description"));
            assert_eq!((flow.sends, flow.receives), expected, "{name}");
            assert_eq!(Outline::parse(sdp.as_bytes()).as_ref().map(Flow::told_by), Some(flow), "{name}, in short");
        }
    }
}

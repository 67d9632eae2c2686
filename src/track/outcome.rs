//! Whose answer counts: of all INVITE transactions of an attempt that a capture shows, on several hops and forks, the
//! ones that decide what the caller was told. Pure; knows no dialogs and no messages.

use super::transaction::{InviteTransaction, Response};
use crate::codes::Code;
use crate::time::Timestamp;

/// Where an attempt stands at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standing<'a> {
    /// Nobody answered (yet).
    Silent,
    /// The last provisional response.
    Provisional(&'a Response),
    /// The final response that the caller got, or that a proxy would have passed on.
    Final(&'a Response),
}

impl<'a> Standing<'a> {
    pub(super) fn response(self) -> Option<&'a Response> {
        match self {
            Self::Silent => None,
            Self::Provisional(response) | Self::Final(response) => Some(response),
        }
    }
}

/// The transactions that decide an attempt: one where the caller's hop was captured, else the branches of one fork.
/// Kept as what they have in common, not as a list: this is asked for at every message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deciding<'a> {
    transactions: &'a [InviteTransaction],
    cseq: u32,
    /// The first of those nearest to the caller, which says how near that is and who sent it.
    nearest: Option<&'a InviteTransaction>,
}

/// Picks the deciding transactions among those of one CSeq.
///
/// The nearest to the caller has the fewest Via values; among equals the first seen names the sender, and only
/// branches of that sender compete with it. Branches that overlap in time are a fork. One that begins when all before
/// it have failed is failover: it starts afresh, and what was before no longer counts.
#[inline]
pub(super) fn deciding(transactions: &[InviteTransaction], cseq: u32) -> Deciding<'_> {
    // Nearly always there is but one, and then there is nothing to pick from.
    if let [only] = transactions
        && only.cseq == cseq
    {
        return Deciding { transactions, cseq, nearest: Some(only) };
    }
    deciding_of_many(transactions, cseq)
}

fn deciding_of_many(transactions: &[InviteTransaction], cseq: u32) -> Deciding<'_> {
    // Of several attempts each has mostly one.
    let mut of_it = transactions.iter().filter(|transaction| transaction.cseq == cseq);
    if let (Some(only), None) = (of_it.next(), of_it.next()) {
        return Deciding { transactions: std::slice::from_ref(only), cseq, nearest: Some(only) };
    }
    let nearest = transactions.iter().filter(|transaction| transaction.cseq == cseq).min_by_key(|of| of.depth);
    let all = Deciding { transactions, cseq, nearest };
    // On several hops, mostly one of them is nearest to the caller.
    let mut competing = all.transactions();
    if let (Some(only), None) = (competing.next(), competing.next()) {
        return Deciding { transactions: std::slice::from_ref(only), ..all };
    }
    let mut first = 0;
    for (index, next) in transactions.iter().enumerate().filter(|(_, next)| all.competes(next)) {
        let before = Deciding { transactions: transactions.get(first..index).unwrap_or_default(), ..all };
        let begins = next.began();
        let all_failed = before.transactions().all(|branch| {
            branch.last_word.as_ref().is_some_and(|word| !word.code.is_success() && Some(word.seen.at) <= begins)
        });
        if all_failed {
            first = index;
        }
    }
    Deciding { transactions: transactions.get(first..).unwrap_or_default(), ..all }
}

impl<'a> Deciding<'a> {
    fn competes(&self, transaction: &InviteTransaction) -> bool {
        transaction.cseq == self.cseq
            && self.nearest.is_some_and(|nearest| {
                transaction.depth == nearest.depth && transaction.hop.sender() == nearest.hop.sender()
            })
    }

    pub(super) fn transactions(&self) -> impl Iterator<Item = &'a InviteTransaction> + Clone + use<'a> {
        let this = *self;
        self.transactions.iter().filter(move |transaction| this.competes(transaction))
    }

    pub(super) fn contains(&self, transaction: &InviteTransaction) -> bool {
        self.transactions().any(|of| std::ptr::eq(of, transaction))
    }

    /// Where they stand at `now`.
    pub(super) fn standing(&self, now: Timestamp) -> Standing<'a> {
        // Nearly always there is but one, and it has no other to wait for.
        if let [only] = self.transactions {
            let said = only.last_word.as_ref().map(Standing::Final);
            return said.or_else(|| only.provisional.as_ref().map(Standing::Provisional)).unwrap_or(Standing::Silent);
        }
        let pending =
            |branch: &InviteTransaction| branch.deadline().is_some_and(|deadline| deadline > now) && self.waits(branch);
        let answered = self.transactions().filter_map(|branch| branch.last_word.as_ref());
        if let Some(word) = answered.clone().filter(|word| word.code.is_success()).min_by_key(|word| word.seen.at) {
            return Standing::Final(word);
        }
        // A proxy waits for all its branches, but not beyond their timers (RFC 3261 16.7, 16.8).
        if !self.transactions().any(pending)
            && let Some(best) = answered.min_by_key(|word| preference(word.code))
        {
            return Standing::Final(best);
        }
        self.transactions()
            .filter_map(|branch| branch.provisional.as_ref())
            .max_by_key(|response| (response.seen.at, response.seen.place))
            .map_or(Standing::Silent, Standing::Provisional)
    }

    /// Whether a branch has no final response, nor has the same request on another way: an INVITE that is sent again
    /// from another port or over another transport (RFC 3261 18.1.1) keeps its branch.
    fn waits(&self, branch: &InviteTransaction) -> bool {
        let answered = |of: &InviteTransaction| of.key == branch.key && of.last_word.is_some();
        branch.last_word.is_none() && !self.transactions().any(answered)
    }

    /// Whether every branch that waits for an answer was cancelled by the caller, and at least one was.
    pub(super) fn cancelled(&self) -> bool {
        if self.transactions.iter().all(|branch| branch.cancel.is_none()) {
            return false;
        }
        let mut waiting = self.transactions().filter(|branch| self.waits(branch)).peekable();
        let cancelled = |branch: &InviteTransaction| self.cancels().any(|of| of.key == branch.key);
        waiting.peek().is_some() && waiting.all(cancelled)
    }

    /// The branches that the caller took back. Once another branch brought a 2xx or a 6xx, it is the proxy that cancels
    /// the others (RFC 3261 16.7 steps 5 and 10).
    pub(super) fn cancels(&self) -> impl Iterator<Item = &'a InviteTransaction> + use<'a> {
        let settles = |branch: &&InviteTransaction| {
            branch.last_word.as_ref().is_some_and(|word| word.code.is_success() || word.code.get() >= 600)
        };
        let settled =
            self.transactions().filter(settles).min_by_key(|of| of.last_word.as_ref().map(|word| word.seen.at));
        self.transactions().filter(move |branch| {
            branch.cancel.as_ref().is_some_and(|cancel| {
                settled.is_none_or(|by| {
                    by.key == branch.key || by.last_word.as_ref().is_some_and(|word| word.seen.at > cancel.at)
                })
            })
        })
    }

    /// The moment at which the last timer of a branch without a final response runs out.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        if let [only] = self.transactions {
            return only.deadline();
        }
        self.transactions().filter_map(InviteTransaction::deadline).max()
    }

    /// The first INVITE among them.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.transactions().filter_map(|branch| branch.invite.map(|invite| invite.at)).min()
    }

    /// The first 180 to 183 among them.
    pub(super) fn ringing(&self) -> Option<Timestamp> {
        self.transactions().filter_map(|branch| branch.ringing).min()
    }
}

/// The order in which a proxy prefers the final responses of its branches, best first (RFC 3261 16.7 step 6).
fn preference(code: Code) -> (u16, u16) {
    let class = match code.get() / 100 {
        2 => 0,
        6 => 1,
        class => class,
    };
    let within = match code.get() {
        // These tell the caller how to try again.
        401 | 407 | 415 | 420 | 484 => 0,
        // A branch that the proxy cancelled itself has nothing to tell.
        487 => 2,
        _ => 1,
    };
    (class, within)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::event::{Path, Transport};
    use crate::packet::Place;
    use crate::track::transaction::Moment;

    /// A branch: via depth, client, seconds of its INVITE and of its final response with the code (0: none).
    type Branch = (u16, &'static str, i64, i64, u16);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn transaction(key: u64, (depth, client, invite, end, code): Branch) -> InviteTransaction {
        let address = |host: &str| format!("{host}:5060").parse::<SocketAddr>().expect("an address");
        let path = Path { src: address(client), dst: address("192.0.2.9"), transport: Transport::Udp };
        let mut transaction = InviteTransaction::new(key, 1, depth, &path);
        let moment = |seconds| Moment { at: at(seconds), place: Place::default() };
        transaction.invite = Some(moment(invite));
        transaction.last_word = (code > 0).then(|| Response::bare(Code::new(code), moment(end)));
        transaction
    }

    #[test]
    fn the_answer_that_counts() {
        const UA: &str = "192.0.2.1";
        const PROXY: &str = "192.0.2.2";
        let cases: &[(&str, &[Branch], i64, Option<u16>)] = &[
            ("one hop", &[(1, UA, 0, 5, 486)], 9, Some(486)),
            ("nearest to the caller", &[(1, UA, 0, 5, 486), (2, PROXY, 0, 4, 603)], 9, Some(486)),
            ("nearest is still waiting", &[(1, UA, 0, 0, 0), (2, PROXY, 0, 4, 486)], 9, None),
            ("nearest, though seen second", &[(2, PROXY, 0, 4, 603), (1, UA, 0, 5, 486)], 9, Some(486)),
            ("fork: a 2xx wins", &[(2, PROXY, 0, 4, 603), (2, PROXY, 0, 5, 200)], 9, Some(200)),
            ("fork: a 2xx wins over a later 487", &[(2, PROXY, 0, 4, 200), (2, PROXY, 0, 5, 487)], 9, Some(200)),
            ("fork: else a 6xx", &[(2, PROXY, 0, 4, 486), (2, PROXY, 0, 5, 603)], 9, Some(603)),
            ("fork: else the lowest class", &[(2, PROXY, 0, 4, 503), (2, PROXY, 0, 5, 486)], 9, Some(486)),
            ("fork: 3xx below 4xx", &[(2, PROXY, 0, 4, 404), (2, PROXY, 0, 5, 302)], 9, Some(302)),
            ("fork: a challenge within 4xx", &[(2, PROXY, 0, 4, 404), (2, PROXY, 0, 5, 407)], 9, Some(407)),
            ("fork: the proxy's own 487 last", &[(2, PROXY, 0, 4, 487), (2, PROXY, 0, 5, 486)], 9, Some(486)),
            ("fork: waits for all", &[(2, PROXY, 0, 4, 486), (2, PROXY, 0, 0, 0)], 9, None),
            ("fork: but not beyond timer B", &[(2, PROXY, 0, 4, 486), (2, PROXY, 0, 0, 0)], 32, Some(486)),
            ("failover: the last decides", &[(2, PROXY, 0, 4, 503), (2, PROXY, 5, 6, 404)], 9, Some(404)),
            ("failover: the last, though worse", &[(2, PROXY, 0, 4, 404), (2, PROXY, 5, 6, 503)], 9, Some(503)),
            ("failover: the last is waiting", &[(2, PROXY, 0, 4, 503), (2, PROXY, 5, 0, 0)], 9, None),
            ("equal depth, another sender", &[(1, UA, 0, 5, 486), (1, PROXY, 0, 4, 200)], 9, Some(486)),
        ];
        for (name, branches, now, expected) in cases {
            let transactions: Vec<_> = (1..).zip(*branches).map(|(key, branch)| transaction(key, *branch)).collect();
            let got = match deciding(&transactions, 1).standing(at(*now)) {
                Standing::Final(response) => Some(response.code.get()),
                _ => None,
            };
            assert_eq!(got, *expected, "{name}");
        }
        assert!(deciding(&[], 1).standing(at(0)).response().is_none());
    }
}

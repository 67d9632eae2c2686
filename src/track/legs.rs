//! Legs of one call under different Call-IDs: which evidence in INVITEs and REFERs shows that calls belong together
//! (RFC 3515, RFC 3891, RFC 7989). Knows which calls are open, and nothing of how they go on or end.
//!
//! Precision first: what could be chance, or could mean more than one call, links nothing.

mod offers;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smallvec::SmallVec;

use offers::{Offer, Offers};

use super::call::{Arrival, Call};
use super::fact::{Evidence, Link};
use super::slots::SlotsBy;
use super::transaction::Digest;
use crate::event::Path;
use crate::issue::{Cause, Issues};
use crate::time::Timestamp;
use crate::wire::sdp::{Identity, Outline};
use crate::wire::sip::{
    Message, Method, NameAddr, Names, ReferTo, Replaces, address_key, call_ids, long_name, session_ids, subscriber,
    subscriber_of,
};

/// Headers in which B2BUAs write the Call-ID of the other leg, and tools look for it.
const LEG_HEADERS: [&str; 13] = [
    "X-CID",
    "X-Call-ID",
    "X-CallID",
    "XCall-ID",
    "X-Orig-Call-ID",
    "X-Orig-CallID",
    "X-Original-Call-ID",
    "X-Original-CallID",
    "X-Parent-Call-ID",
    "X-Other-Leg-Call-ID",
    "X-A-Leg-Call-ID",
    "X-Inbound-Call-ID",
    "P-Call-ID",
];

/// All headers of an INVITE that name another call.
const NAMING: Names = Names::of(&["session-id", "replaces", "referred-by"]).and(Names::of(&LEG_HEADERS));

/// A B2BUA that has looked up where to go sends its own INVITE within this of the one it got.
const HANDED_ON: Duration = Duration::from_secs(5);
/// Who was referred calls within this of the REFER.
const REFERRED: Duration = Duration::from_secs(10);

/// Other legs that are told of one call; a conference has many, a flood has more.
const MOST_LINKS: usize = 32;
/// Calls that are looked at for one piece of evidence: the newest.
const MOST_SHARED: usize = 16;
/// Values of one INVITE's headers that are looked at.
const MOST_VALUES: usize = 8;
/// REFERs that wait for their INVITE, the oldest giving way.
const MOST_REFERRALS: usize = 1024;
/// Offers that may be handed on; of a flood the oldest are forgotten sooner.
const MOST_OFFERS: usize = 1 << 16;
/// Hops of one REFER.
const MOST_HOPS: usize = 8;

/// The open calls.
pub(super) trait Calls {
    /// The call in this slot.
    fn call(&self, slot: usize) -> Option<&Call>;
    /// The slots of the calls under this Call-ID, oldest first.
    fn under(&self, call_id: &[u8]) -> &[usize];
    /// The same by the Call-ID's digest.
    fn of_key(&self, key: u64) -> &[usize];
}

/// Finds and keeps the links between open calls.
///
/// What is remembered of a call goes when the call closes; what holds for seconds only goes with them, by capture time.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Legs {
    /// Names of [`LEG_HEADERS`]' kind that the user added.
    #[serde(skip)]
    headers: Vec<String>,
    /// By slot of the call, where anything is remembered of it.
    open: Vec<Option<Box<Leg>>>,
    /// Which open calls carry a piece of evidence, by its digest.
    carriers: SlotsBy,
    offers: Offers,
    referrals: VecDeque<Referral>,
    /// What bounds on memory gave up.
    #[serde(skip)]
    pub(super) issues: Issues,
}

/// What is remembered of an open call.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Leg {
    /// The other legs, each by the digest of its Call-ID and by that itself.
    links: Vec<(u64, Box<str>, Evidence)>,
    /// Its entries among the carriers.
    keys: SmallVec<[u64; 2]>,
}

/// Digests of a session description's identity.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Sdp {
    origin: Option<u64>,
    media: Option<u64>,
}

impl Sdp {
    fn of(digest: &Digest, arrival: &Arrival<'_, '_>) -> Option<Self> {
        let (message, described) = (arrival.message, &arrival.described);
        let identity = match described.text(message) {
            Some(_) => described.outline(message)?.identity(),
            // A body that does not say what it is may be a description all the same.
            None => Outline::parse(message.body())?.identity(),
        };
        let Identity { origin, media } = identity;
        let sdp = Self { origin: origin.map(|words| digest.of(words)), media: media.map(|place| digest.of(place)) };
        (sdp.origin.is_some() || sdp.media.is_some()).then_some(sdp)
    }

    fn belongs_to(self, other: Self) -> bool {
        let same = |one: Option<u64>, other| one.is_some() && one == other;
        same(self.origin, other.origin) || same(self.media, other.media)
    }
}

/// A REFER that waits for its INVITE.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Referral {
    /// The call it was sent in.
    slot: usize,
    cseq: u32,
    from_tag: u64,
    at: Timestamp,
    /// Its hops: the last receiver is who shall call.
    hops: Vec<Path>,
    /// Key of the address to call, and the subscriber in it.
    target: String,
    subscriber: Option<Vec<u8>>,
    /// Key of Referred-By (RFC 3892).
    referred_by: Option<String>,
    /// Key of From: who refers where Referred-By does not say.
    referrer: Option<String>,
    /// The Replaces that the INVITE is to carry.
    replaces: Option<Vec<u8>>,
}

impl Legs {
    /// Takes these headers for ones that hold another leg's Call-ID.
    pub(super) fn link_by(&mut self, headers: impl IntoIterator<Item = String>) {
        self.headers.extend(headers);
    }

    /// Takes in a message of the call in this slot, after the call itself has. `first`: it is the first INVITE of it.
    pub(super) fn feed(
        &mut self,
        slot: usize,
        first: bool,
        arrival: &Arrival<'_, '_>,
        digest: &Digest,
        calls: &impl Calls,
    ) {
        if arrival.event.duplicate {
            return;
        }
        let is_request = arrival.message.is_request();
        match (arrival.method, arrival.message.code()) {
            (Some(Method::Invite), None) if is_request && !arrival.tags.has_to => {
                self.on_invite(slot, first, arrival, digest, calls);
            }
            (Some(Method::Refer), None) if is_request => self.on_refer(slot, arrival),
            (Some(Method::Refer), Some(code)) => self.on_refer_response(slot, arrival, code, digest, calls),
            _ => {}
        }
    }

    /// The calls that this message, to be [fed](Self::feed) next, may ask for.
    pub(super) fn wanted(
        &self,
        slot: usize,
        first: bool,
        arrival: &Arrival<'_, '_>,
        digest: &Digest,
        calls: &impl Calls,
    ) -> Vec<usize> {
        let message = arrival.message;
        let mut wanted = Vec::new();
        match arrival.method {
            Some(Method::Invite) if message.is_request() && !arrival.tags.has_to => {
                let named = Named::by(message, &self.headers);
                wanted.extend(named.sessions.iter().flat_map(|uuid| self.carried(digest.of(("session", uuid)))));
                let told = arrival.event.correlation.and_then(other_leg);
                let replaced = named.replaces.map(|of| of.call_id);
                for call_id in named.call_ids.into_iter().chain(told).chain(replaced) {
                    wanted.extend(calls.under(call_id));
                }
                if first {
                    wanted.extend(self.carried(named_by(digest, arrival.call)));
                }
            }
            Some(Method::Refer) => {
                let replaces =
                    self.referrals.iter().filter(|of| of.slot == slot).filter_map(|of| of.replaces.as_deref());
                let of = replaces.filter_map(Replaces::parse).flat_map(|of| calls.under(of.call_id));
                wanted.extend(of);
            }
            _ => {}
        }
        wanted
    }

    /// The call in this slot is closed: it is forgotten, and what it was linked to is told.
    pub(super) fn close(&mut self, slot: usize) -> Vec<Link> {
        if !self.referrals.is_empty() {
            self.referrals.retain(|referral| referral.slot != slot);
        }
        self.offers.close(slot);
        let Some(leg) = self.open.get_mut(slot).and_then(Option::take) else { return Vec::new() };
        for key in leg.keys {
            self.carriers.remove(key, slot);
        }
        leg.links.into_iter().map(|(_, call_id, evidence)| Link { call_id, evidence }).collect()
    }

    fn leg(&self, slot: usize) -> Option<&Leg> {
        self.open.get(slot)?.as_deref()
    }

    fn leg_mut(&mut self, slot: usize) -> &mut Leg {
        if self.open.len() <= slot {
            self.open.resize_with(slot + 1, || None);
        }
        self.open[slot].get_or_insert_default()
    }

    fn on_invite(&mut self, slot: usize, first: bool, arrival: &Arrival<'_, '_>, digest: &Digest, calls: &impl Calls) {
        let Some(this) = calls.call(slot) else { return };
        let at = arrival.event.at;
        self.expire(at);
        let named = Named::by(arrival.message, &self.headers);

        let mut found: Vec<(usize, Evidence)> = Vec::new();
        for uuid in &named.sessions {
            let key = digest.of(("session", uuid));
            let alive = |other: &usize| calls.call(*other).is_some_and(|call| !call.is_over());
            found.extend(self.carried(key).filter(alive).map(|other| (other, Evidence::SessionId)));
            self.carry(key, slot);
        }
        // Most agents name the call itself: that says nothing.
        let told = arrival.event.correlation.and_then(other_leg).filter(|told| digest.call(told) != this.key());
        for call_id in named.call_ids.iter().copied().chain(told) {
            // The other leg may be captured after this one.
            self.carry(named_by(digest, digest.call(call_id)), slot);
            found.extend(calls.under(call_id).last().map(|other| (*other, Evidence::XCallId)));
        }
        if let Some(replaces) = named.replaces {
            found.extend(replaced(replaces, digest, calls).map(|other| (other, Evidence::Replaces)));
        }
        if first {
            let naming = self.carried(named_by(digest, this.key()));
            found.extend(naming.map(|other| (other, Evidence::XCallId)));
            found.extend(self.referring(arrival, &named, calls).map(|other| (other, Evidence::Refer)));
        }
        for (other, evidence) in found {
            self.link(slot, other, evidence, calls);
        }

        let offer = offer_of(arrival, digest);
        if first
            && let Some(offer) = offer
            && let Some(other) = self.handing_on(slot, arrival.event.path, offer, calls)
        {
            self.link(slot, other, Evidence::NumbersTimeSdp, calls);
        }
        if let Some(offer) = offer {
            self.offers.add(slot, offer);
        }
    }

    /// The call that the host which sends this first INVITE hands on, where there is exactly one.
    fn handing_on(&self, slot: usize, path: Path, offer: Offer, calls: &impl Calls) -> Option<usize> {
        let this = calls.call(slot)?;
        let handed_on = |other: &usize| {
            let (Some((_, held)), Some(call)) = (self.offers.of(*other), calls.call(*other)) else { return false };
            *other != slot
                && call.key() != this.key()
                && call.is_attempting()
                && held.at <= offer.at
                && offer.at <= held.at.after(HANDED_ON)
                && held.sdp.belongs_to(offer.sdp)
                && call.invite_hops().all(|hop| hop.src != path.src)
                && call.invite_hops().any(|hop| went_to(hop, path.src))
        };
        let mut candidates: Vec<(Timestamp, u64, usize)> = Vec::new();
        for other in offer.keys().flat_map(|numbers| self.offers.between(numbers)).filter(handed_on) {
            let (number, held) = self.offers.of(other)?;
            if candidates.iter().all(|(.., known)| *known != other) {
                candidates.push((held.at, number, other));
            }
        }
        let (.., newest) = *candidates.iter().max()?;
        // In a chain the host next to us has handed it on already. Calls that have nothing to do with each other, as a
        // load generator makes them with equal numbers and SDP, leave open which of them is meant.
        let chained = |other: usize| other == newest || self.are_linked(newest, other, calls);
        candidates.iter().all(|(.., other)| chained(*other)).then_some(newest)
    }

    fn on_refer(&mut self, slot: usize, arrival: &Arrival<'_, '_>) {
        let (message, at) = (arrival.message, arrival.event.at);
        self.expire(at);
        let (cseq, from_tag) = (arrival.cseq, arrival.tags.from);
        let known = |of: &&mut Referral| (of.slot, of.cseq, of.from_tag) == (slot, cseq, from_tag);
        if let Some(referral) = self.referrals.iter_mut().find(known) {
            if referral.hops.len() < MOST_HOPS && !referral.hops.contains(&arrival.event.path) {
                referral.hops.push(arrival.event.path);
            }
            return;
        }
        let Some(refer) = message.values("refer-to").next().and_then(ReferTo::parse) else { return };
        if self.referrals.len() >= MOST_REFERRALS {
            self.referrals.pop_front();
            self.issues.add(arrival.event.place, Cause::Bound("REFER requests"), 0);
        }
        self.referrals.push_back(Referral {
            slot,
            cseq,
            from_tag,
            at,
            hops: vec![arrival.event.path],
            target: address_key(refer.uri),
            subscriber: subscriber(refer.uri),
            referred_by: message.values("referred-by").next().map(|value| address_key(NameAddr::parse(value).uri)),
            referrer: message.from().map(|from| address_key(from.uri)),
            replaces: refer.replaces,
        });
    }

    /// A refused REFER has no INVITE; an accepted one with Replaces joins two calls, whoever sees to it.
    fn on_refer_response(
        &mut self,
        slot: usize,
        arrival: &Arrival<'_, '_>,
        code: u16,
        digest: &Digest,
        calls: &impl Calls,
    ) {
        let (cseq, from_tag) = (arrival.cseq, arrival.tags.from);
        let Some(index) =
            self.referrals.iter().position(|of| (of.slot, of.cseq, of.from_tag) == (slot, cseq, from_tag))
        else {
            return;
        };
        if code >= 300 {
            self.referrals.remove(index);
        } else if code >= 200 {
            let replaces = self.referrals.get_mut(index).and_then(|referral| referral.replaces.take());
            let other = replaces.as_deref().and_then(Replaces::parse).and_then(|of| replaced(of, digest, calls));
            if let Some(other) = other {
                self.link(slot, other, Evidence::Replaces, calls);
            }
        }
    }

    /// The call whose REFER this first INVITE follows, where there is exactly one. It is answered therewith.
    fn referring(&mut self, arrival: &Arrival<'_, '_>, named: &Named<'_>, calls: &impl Calls) -> Option<usize> {
        if self.referrals.is_empty() {
            return None;
        }
        let message = arrival.message;
        let path = arrival.event.path;
        let uris = [message.request_uri(), message.to().map(|to| to.uri)];
        let addresses = uris.map(|uri| uri.map(address_key));
        let referred_by = named.referred_by.map(|value| address_key(NameAddr::parse(value).uri));
        let fits = |referral: &Referral| {
            if arrival.event.at < referral.at || referral.hops.iter().any(|hop| hop.src == path.src) {
                return false;
            }
            let is_target = |address: &Option<String>| address.as_ref() == Some(&referral.target);
            let same_user =
                |uri: &Option<&[u8]>| referral.subscriber.is_some() && uri.and_then(subscriber) == referral.subscriber;
            let by_referee = referral.hops.iter().any(|hop| went_to(*hop, path.src));
            match (&referred_by, &referral.referred_by) {
                (Some(one), Some(other)) => one == other && uris.iter().any(same_user),
                (Some(one), None) if referral.referrer.as_ref() == Some(one) => uris.iter().any(same_user),
                _ => by_referee && addresses.iter().any(is_target),
            }
        };
        let by_referee = |referral: &Referral| referral.hops.iter().any(|hop| went_to(*hop, path.src));
        let fitting: Vec<usize> =
            self.referrals.iter().enumerate().filter(|(_, of)| fits(of)).map(|(index, _)| index).collect();
        let nearest: Vec<usize> =
            fitting.iter().copied().filter(|index| self.referrals.get(*index).is_some_and(by_referee)).collect();
        let index = match (fitting.as_slice(), nearest.as_slice()) {
            ([only], _) | (_, [only]) => *only,
            _ => return None,
        };
        let referral = self.referrals.remove(index)?;
        calls.call(referral.slot).map(|_| referral.slot)
    }

    #[cfg(test)]
    pub(super) fn footprint(&self) -> usize {
        self.open.iter().flatten().count() + self.carriers.len() + self.referrals.len() + self.offers.footprint()
    }

    /// Writes the link down on both sides; of two pieces of evidence the surer one stays.
    fn link(&mut self, one: usize, other: usize, evidence: Evidence, calls: &impl Calls) {
        let (Some(first), Some(second)) = (calls.call(one), calls.call(other)) else { return };
        let (one_key, other_key) = (first.key(), second.key());
        if one_key == other_key {
            return;
        }
        let room =
            |slot: usize, to: u64| self.leg(slot).is_none_or(|leg| leg.links.len() < MOST_LINKS || leg.is_linked(to));
        if room(one, other_key) && room(other, one_key) {
            self.leg_mut(one).link(second, evidence);
            self.leg_mut(other).link(first, evidence);
        }
    }

    /// Whether links lead from one call to the other.
    fn are_linked(&self, one: usize, other: usize, calls: &impl Calls) -> bool {
        let (mut reached, mut next) = (vec![one], 0);
        while let Some(slot) = reached.get(next)
            && reached.len() <= MOST_LINKS
        {
            let links = self.leg(*slot).into_iter().flat_map(|leg| &leg.links);
            let beyond: Vec<usize> = links.flat_map(|(key, ..)| calls.of_key(*key)).copied().collect();
            for slot in beyond {
                if !reached.contains(&slot) {
                    reached.push(slot);
                }
            }
            next += 1;
        }
        reached.contains(&other)
    }

    /// Calls that carry this evidence, newest last.
    fn carried(&self, key: u64) -> impl Iterator<Item = usize> {
        self.carriers.get(key).iter().copied()
    }

    fn carry(&mut self, key: u64, slot: usize) {
        let leg = self.leg_mut(slot);
        if leg.keys.contains(&key) || leg.keys.len() >= 4 * MOST_VALUES {
            return;
        }
        leg.keys.push(key);
        if let &[oldest, ref rest @ ..] = self.carriers.get(key)
            && rest.len() + 1 >= MOST_SHARED
        {
            self.carriers.remove(key, oldest);
        }
        self.carriers.push(key, slot);
    }

    /// Forgets what held for seconds only.
    fn expire(&mut self, now: Timestamp) {
        self.offers.expire(now);
        while self.referrals.front().is_some_and(|referral| referral.at.after(REFERRED) < now) {
            self.referrals.pop_front();
        }
    }
}

impl Leg {
    fn is_linked(&self, key: u64) -> bool {
        self.links.iter().any(|(known, ..)| *known == key)
    }

    fn link(&mut self, other: &Call, evidence: Evidence) {
        match self.links.iter_mut().find(|(known, ..)| *known == other.key()) {
            Some((.., known)) => *known = evidence.min(*known),
            None => self.links.push((other.key(), other.call_id().into(), evidence)),
        }
    }
}

/// Who calls whom with which media; nothing where one of them is not said.
fn offer_of(arrival: &Arrival<'_, '_>, digest: &Digest) -> Option<Offer> {
    let (at, message) = (arrival.event.at, arrival.message);
    let caller = subscriber_of(message.from_uri()?)?;
    let callee = message.to_uri().and_then(subscriber_of);
    // Mostly the same: then it counts once.
    let target = message.request_uri().filter(|uri| Some(*uri) != message.to_uri());
    let target = target.and_then(subscriber_of).filter(|target| callee.as_ref() != Some(target));
    if callee.is_none() && target.is_none() {
        return None;
    }
    let sdp = Sdp::of(digest, arrival)?;
    let numbers = [callee, target].map(|callee| Some(digest.of((&caller, callee?))));
    Some(Offer { at, numbers, sdp })
}

/// Digest of the evidence that a header names the Call-ID of this digest.
fn named_by(digest: &Digest, call_id: u64) -> u64 {
    digest.of(("call-id", call_id))
}

/// Whether a message on this hop reached whoever sends from `src`. Where one host plays all parts, its ports tell them
/// apart.
fn went_to(hop: Path, src: SocketAddr) -> bool {
    let host = |address: SocketAddr| -> IpAddr { address.ip().to_canonical() };
    host(hop.dst) == host(src) && (host(hop.src) != host(hop.dst) || hop.dst == src)
}

/// The Call-ID in what a capture agent told; agents in C may have told the end of the string, too.
fn other_leg(told: &[u8]) -> Option<&[u8]> {
    told.split(|byte| *byte == 0).next().map(<[u8]>::trim_ascii).filter(|told| !told.is_empty())
}

/// The open call with this dialog.
fn replaced(replaces: Replaces<'_>, digest: &Digest, calls: &impl Calls) -> Option<usize> {
    let (to, from) = (digest.tag(replaces.to_tag), digest.tag(replaces.from_tag));
    let has_dialog = |call: &Call| {
        let callee = match call.caller_tag() {
            tag if tag == from => to,
            tag if tag == to => from,
            _ => return false,
        };
        call.callee_tags().is_empty() || call.callee_tags().contains(&callee)
    };
    calls.under(replaces.call_id).iter().rev().copied().find(|slot| calls.call(*slot).is_some_and(has_dialog))
}

/// What an INVITE says of other calls.
#[derive(Debug, Default)]
struct Named<'a> {
    sessions: Vec<u128>,
    call_ids: Vec<&'a [u8]>,
    replaces: Option<Replaces<'a>>,
    referred_by: Option<&'a [u8]>,
}

impl<'a> Named<'a> {
    /// One pass over the headers.
    fn by(message: &Message<'a>, more: &[String]) -> Self {
        let mut named = Self::default();
        if !message.may_have_any(NAMING) && !more.iter().any(|name| message.may_have(&[name])) {
            return named;
        }
        let is = |name: &[u8], known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        for (name, value) in message.headers() {
            let name = long_name(name);
            if is(name, "session-id") {
                let uuids = session_ids(value).into_iter().flatten();
                named.sessions.extend(uuids.take(MOST_VALUES.saturating_sub(named.sessions.len())));
            } else if is(name, "replaces") {
                named.replaces = named.replaces.or_else(|| Replaces::parse(value));
            } else if is(name, "referred-by") {
                named.referred_by = named.referred_by.or(Some(value));
            } else if LEG_HEADERS.iter().any(|known| is(name, known)) || more.iter().any(|known| is(name, known)) {
                named.call_ids.extend(call_ids(value).take(MOST_VALUES.saturating_sub(named.call_ids.len())));
            }
        }
        named
    }
}

#[cfg(test)]
mod tests;

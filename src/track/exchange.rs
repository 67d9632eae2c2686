//! Requests outside calls and registrations with their answers (RFC 3261 17.1.2): OPTIONS, SUBSCRIBE, NOTIFY, MESSAGE,
//! PUBLISH, INFO and methods that nobody registered; those that are alike are counted as one. Knows single transactions,
//! not the subscriptions or dialogs that they may belong to.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::call::Arrival;
use super::fact::{ResponseTimes, TransactionFact};
use super::transaction::{Digest, Moment, TIMER_B, owned};
use crate::codes::{Category, Code};
use crate::event::Path;
use crate::issue::{Cause, Issues};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::wire::sip::{Message, Method, StartLine, address_key, text};

/// Timer F: how long any request but INVITE waits for its final response (RFC 3261 17.1.2.2); as long as timer B.
const TIMER_F: Duration = TIMER_B;
/// How long a transaction is remembered: timer F, and as long again for what comes late or is sent again.
const REMEMBERED: Duration = Duration::from_secs(64);
/// Transactions remembered at once; the oldest make room for new ones and are counted as they stand.
const MOST_PENDING: usize = 1 << 17;
/// Rows; what would be one more is counted in a row that tells method and code only.
const MOST_ROWS: usize = 100_000;
const ROWS: &str = "kinds of transactions outside calls";
/// Bytes of text in all rows; beyond, as for [`MOST_ROWS`].
const MOST_TEXT: usize = 1 << 26;
/// Methods that such rows tell apart; beyond, they are `other`.
const MOST_METHODS: usize = 64;
/// Hops of one transaction; more are not remembered.
const MOST_HOPS: usize = 16;
/// A text longer than this (in bytes) is no name that anybody gave: it is not kept.
const LONGEST_TEXT: usize = 1024;

/// Whether requests of this method stand on their own where no call claims them.
pub(super) const fn stands_alone(method: &Method<'_>) -> bool {
    use Method::{Ack, Bye, Cancel, Invite, Prack, Register, Update};
    !matches!(method, Invite | Ack | Bye | Cancel | Prack | Update | Register)
}

type Table<K, V> = HashMap<K, V, foldhash::quality::RandomState>;

/// All transactions outside calls and registrations: those that may still change, and the counts of the others.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Exchanges {
    /// By digest of Call-ID, From tag, CSeq and method, which is seeded already: what stays the same from hop to hop
    /// (RFC 3261 16.6).
    pending: HashMap<Identity, Exchange, foldhash::fast::FixedState>,
    /// When each is settled, earliest first; an entry whose serial is not that of its exchange means nothing.
    order: VecDeque<(Timestamp, Identity, u64)>,
    #[serde(deserialize_with = "super::resume::count")]
    serial: u64,
    origins: Vec<Origin>,
    known: Table<u64, usize>,
    /// Indices of the origins that tell the method only.
    rests: Vec<usize>,
    #[serde(deserialize_with = "super::resume::count")]
    text: usize,
    tallies: Table<Row, Tally>,
    /// What bounds on memory gave up.
    #[serde(skip)]
    pub(super) issues: Issues,
}

/// What a transaction keeps from hop to hop.
pub(super) type Identity = u64;

/// One transaction, on all of its hops.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Exchange {
    serial: u64,
    /// Index of where it comes from, as its hop nearest to the client says.
    origin: usize,
    hops: Vec<Hop>,
    call_id: Option<Box<str>>,
    start: Moment,
    last: Timestamp,
    #[serde(deserialize_with = "super::resume::count")]
    messages: u64,
    /// It repeats a request that was challenged.
    challenged: bool,
    /// It was challenged itself, and this transaction repeats it: a step of that one, no row of its own.
    heir: Option<Identity>,
}

/// One hop of a transaction: a transaction in the sense of RFC 3261 17.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Hop {
    /// See [`Digest::transaction`].
    key: u64,
    /// Number of Via values: the distance from the client.
    depth: u16,
    path: Path,
    /// The first sending of the request; `None` where only responses were captured.
    request: Option<Moment>,
    /// The first message of it.
    began: Moment,
    /// The first final response that came in time.
    answer: Option<(Code, Option<Box<str>>, Moment)>,
}

/// What transactions of one row have in common, besides how they ended.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Origin {
    method: Box<str>,
    from: Option<Box<str>>,
    to: Option<Box<str>>,
    path: Option<Path>,
    user_agent: Option<Box<str>>,
    event: Option<Box<str>>,
}

/// Index of the origin, code of the final response (0: none), whether timer F ran out.
type Row = (usize, u16, bool);

/// What is counted of a row.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Tally {
    phrase: Option<Box<str>>,
    call_id: Option<Box<str>>,
    start: Moment,
    /// The packet that shows how the first one ended.
    evidence: Place,
    last: Timestamp,
    #[serde(deserialize_with = "super::resume::count")]
    count: u64,
    #[serde(deserialize_with = "super::resume::count")]
    challenged: u64,
    #[serde(deserialize_with = "super::resume::count")]
    messages: u64,
    /// Shortest, longest and all response times together, and how many they are.
    times: Option<(Duration, Duration, Duration, u64)>,
}

impl Exchanges {
    /// The transaction that a message belongs to, whether it is known here or not.
    pub(super) fn identity(digest: &Digest, call_id: &[u8], arrival: &Arrival<'_, '_>) -> Identity {
        identity(digest, call_id, arrival.message, 0)
    }

    /// Whether a transaction was counted here before.
    pub(super) fn knows(&self, id: Identity) -> bool {
        self.pending.contains_key(&id)
    }

    /// Takes in a message of this transaction that no call claims. `now` never steps back.
    pub(super) fn feed(
        &mut self,
        id: Identity,
        digest: &Digest,
        call_id: &[u8],
        arrival: &Arrival<'_, '_>,
        now: Timestamp,
    ) {
        let event = arrival.event;
        match self.pending.get_mut(&id) {
            Some(Exchange { heir: Some(heir), .. }) => {
                let heir = *heir;
                if let Some(heir) = self.pending.get_mut(&heir) {
                    heir.messages += 1;
                }
                return;
            }
            Some(exchange) if !event.duplicate && exchange.is_reused_by(arrival) => self.settle(id, now),
            Some(exchange) => {
                exchange.messages += 1;
                exchange.last = exchange.last.max(event.at);
                if !event.duplicate && exchange.feed(arrival) {
                    let origin = self.origin(digest, arrival);
                    if let Some(exchange) = self.pending.get_mut(&id) {
                        exchange.origin = origin;
                    }
                }
                return;
            }
            None if event.duplicate => return,
            None => {}
        }
        self.open(digest, call_id, arrival, id, now);
    }

    fn open(&mut self, digest: &Digest, call_id: &[u8], arrival: &Arrival<'_, '_>, id: Identity, now: Timestamp) {
        let Arrival { event, message, .. } = *arrival;
        self.serial += 1;
        let mut exchange = Exchange {
            serial: self.serial,
            origin: self.origin(digest, arrival),
            hops: Vec::with_capacity(1),
            call_id: kept(call_id),
            start: Moment::of(event),
            last: event.at,
            messages: 1,
            challenged: false,
            heir: None,
        };
        exchange.feed(arrival);
        // RFC 3261 22.2: the request with credentials has the same Call-ID and From, and the next CSeq.
        if message.is_request()
            && let Some(before) = self.pending.get_mut(&identity(digest, call_id, message, 1))
            && before.heir.is_none()
            && before.answer().is_some_and(|(code, ..)| code.is_challenge())
        {
            before.heir = Some(id);
            exchange.start = before.start;
            // In merged captures time may have stepped back since.
            exchange.last = exchange.last.max(before.last);
            exchange.messages += before.messages;
            exchange.challenged = true;
        }
        self.pending.insert(id, exchange);
        self.order.push_back((now.after(REMEMBERED), id, self.serial));
        while self.order.len() > MOST_PENDING {
            self.issues.add(event.place, Cause::Bound("transactions outside calls"), 0);
            self.settle_oldest(now);
        }
    }

    /// When the next of them can no longer change.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.order.front().map(|(until, ..)| *until)
    }

    /// Counts what can no longer change.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(until, ..)| *until <= now) {
            self.settle_oldest(now);
        }
    }

    /// The captures end here: all rows, in order of their first message.
    pub(super) fn finish(&mut self, now: Timestamp) -> Vec<TransactionFact> {
        while !self.order.is_empty() {
            self.settle_oldest(now);
        }
        let mut rows: Vec<(Row, Tally)> = self.tallies.drain().collect();
        rows.sort_by_key(|(row, tally)| (tally.start.at, tally.start.place, *row));
        let facts =
            rows.into_iter().filter_map(|(row, tally)| Some(fact(self.origins.get(row.0)?, row, tally))).collect();
        self.origins.clear();
        self.known.clear();
        self.rests.clear();
        self.text = 0;
        facts
    }

    fn settle_oldest(&mut self, now: Timestamp) {
        if let Some((_, id, serial)) = self.order.pop_front()
            && self.pending.get(&id).is_some_and(|exchange| exchange.serial == serial)
        {
            self.settle(id, now);
        }
    }

    /// Counts a transaction as it stands.
    fn settle(&mut self, id: Identity, now: Timestamp) {
        let Some(mut exchange) = self.pending.remove(&id) else { return };
        if exchange.heir.is_some() {
            return;
        }
        let Some(hop) = exchange.deciding_index().map(|index| exchange.hops.swap_remove(index)) else { return };
        let timed_out = hop.answer.is_none() && now >= hop.began.at.after(TIMER_F);
        let took = hop.request.zip(hop.answer.as_ref()).map(|(sent, (.., answer))| answer.at.since(sent.at));
        let evidence = hop.answer.as_ref().map_or(hop.began.place, |(.., answer)| answer.place);
        let (code, phrase) = hop.answer.map_or((0, None), |(code, phrase, _)| (code.get(), phrase));
        let mut row = (exchange.origin, code, timed_out);
        if self.tallies.len() >= MOST_ROWS && !self.tallies.contains_key(&row) {
            let method = self.origins.get(exchange.origin).map_or("other", |origin| &origin.method).to_owned();
            row.0 = self.rest(&method);
            self.issues.add(evidence, Cause::Counted(ROWS), 0);
        }
        let tally = self.tallies.entry(row).or_insert_with(|| Tally {
            phrase: None,
            call_id: None,
            start: exchange.start,
            evidence,
            last: exchange.last,
            count: 0,
            challenged: 0,
            messages: 0,
            times: None,
        });
        if tally.count == 0 || (exchange.start.at, exchange.start.place) < (tally.start.at, tally.start.place) {
            (tally.phrase, tally.call_id) = (phrase, exchange.call_id);
            (tally.start, tally.evidence) = (exchange.start, evidence);
        }
        tally.last = tally.last.max(exchange.last);
        tally.count += 1;
        tally.challenged += u64::from(exchange.challenged);
        tally.messages += exchange.messages;
        if let Some(took) = took {
            let (least, most, sum, count) = tally.times.unwrap_or((took, took, Duration::ZERO, 0));
            tally.times = Some((least.min(took), most.max(took), sum.saturating_add(took), count.saturating_add(1)));
        }
    }

    /// Where a transaction comes from: an origin that is known, or a new one.
    fn origin(&mut self, digest: &Digest, arrival: &Arrival<'_, '_>) -> usize {
        let message = arrival.message;
        let (path, method) = (arrival.hop(), message.method().unwrap_or(Method::Other(b"other")));
        let from = || message.from().map(|from| from.uri).unwrap_or_default();
        let to = || message.to().map(|to| to.uri).unwrap_or_default();
        let event = event_package(message);
        // Who keeps a way open, or scans, puts any name into From and To: of OPTIONS the hosts are what counts.
        let by_hosts = method == Method::Options;
        let parties = (!by_hosts).then(|| (address_key(from()), address_key(to())));
        // A client over TCP, or behind a NAT, comes from another port each time.
        let key = digest.of((method.token(), path.src.ip(), path.dst, path.transport, event, parties));
        if let Some(index) = self.known.get(&key).copied() {
            if by_hosts && let Some(origin) = self.origins.get_mut(index) {
                // Once somebody put another name there, none is told.
                if origin.from.as_deref().is_some_and(|known| !says(from(), known)) {
                    origin.from = None;
                }
                if origin.to.as_deref().is_some_and(|known| !says(to(), known)) {
                    origin.to = None;
                }
            }
            return index;
        }
        if self.origins.len() >= MOST_ROWS || self.text >= MOST_TEXT {
            self.issues.add(arrival.event.place, Cause::Counted(ROWS), 0);
            return self.rest(&kept(method.token()).unwrap_or_else(|| "other".into()));
        }
        let origin = Origin {
            method: kept(method.token()).unwrap_or_else(|| "other".into()),
            from: kept(from()),
            to: kept(to()),
            path: Some(path),
            user_agent: message.user_agent().filter(|_| message.is_request()).and_then(kept),
            event: event.and_then(kept),
        };
        let texts = [&origin.from, &origin.to, &origin.user_agent, &origin.event];
        self.text += origin.method.len() + texts.into_iter().flatten().map(|text| text.len()).sum::<usize>();
        self.known.insert(key, self.origins.len());
        self.origins.push(origin);
        self.origins.len() - 1
    }

    /// The origin of what is too much to be told one by one: it says the method only.
    fn rest(&mut self, method: &str) -> usize {
        let rest = |method: &str| {
            let is_it = |index: &usize| self.origins.get(*index).is_some_and(|origin| *origin.method == *method);
            self.rests.iter().copied().find(is_it)
        };
        let method = if self.rests.len() < MOST_METHODS || rest(method).is_some() { method } else { "other" };
        if let Some(index) = rest(method) {
            return index;
        }
        self.rests.push(self.origins.len());
        self.origins.push(Origin {
            method: method.into(),
            from: None,
            to: None,
            path: None,
            user_agent: None,
            event: None,
        });
        self.origins.len() - 1
    }
}

impl Exchange {
    /// Takes in one message of it. Returns whether it is now the one nearest to the client.
    fn feed(&mut self, arrival: &Arrival<'_, '_>) -> bool {
        let Arrival { event, message, key, .. } = *arrival;
        let path = arrival.hop();
        let same = |close: &dyn Fn(&Hop) -> bool| self.hops.iter().position(|hop| hop.key == key && close(hop));
        // A response may take another way back than its request came.
        let known = same(&|hop| hop.path == path).or_else(|| same(&|_| !message.is_request()));
        let depth = message.via_count();
        let mut is_nearest = false;
        let index = match known {
            Some(index) => index,
            None if self.hops.len() >= MOST_HOPS => return false,
            None => {
                is_nearest = self.hops.iter().all(|hop| depth < hop.depth);
                self.hops.push(Hop { key, depth, path, request: None, began: Moment::of(event), answer: None });
                self.hops.len() - 1
            }
        };
        let Some(hop) = self.hops.get_mut(index) else { return false };
        match message.start() {
            StartLine::Request { .. } => {
                hop.request.get_or_insert_with(|| Moment::of(event));
            }
            // What comes after timer F meets a client that has given up (RFC 3261 17.1.2.2).
            StartLine::Response { code, phrase } => {
                let code = Code::new(code);
                if code.is_final() && hop.answer.is_none() && event.at < hop.began.at.after(TIMER_F) {
                    hop.answer = Some((code, kept(phrase), Moment::of(event)));
                }
            }
        }
        is_nearest
    }

    /// Whether a request with the same Call-ID, From tag and CSeq is another transaction all the same: it goes the way
    /// of one that has its answer, but with a branch of its own. Some keep-alives never count on.
    fn is_reused_by(&self, arrival: &Arrival<'_, '_>) -> bool {
        let (path, depth) = (arrival.hop(), arrival.message.via_count());
        arrival.message.is_request()
            && self.hops.iter().all(|hop| hop.key != arrival.key)
            && self.hops.iter().any(|hop| hop.path == path && hop.depth == depth && hop.answer.is_some())
    }

    /// The hop whose answer counts: the nearest to the client. Where several are equally near, only a proxy's branches
    /// were captured, and a 2xx is what that proxy passes on (RFC 3261 16.7 step 6).
    fn deciding_index(&self) -> Option<usize> {
        let depth = self.hops.iter().map(|hop| hop.depth).min()?;
        let rank = |hop: &Hop| hop.answer.as_ref().map_or(2, |(code, ..)| u8::from(!code.is_success()));
        let nearest = self.hops.iter().enumerate().filter(|(_, hop)| hop.depth == depth);
        nearest.min_by_key(|(_, hop)| rank(hop)).map(|(index, _)| index)
    }

    fn answer(&self) -> Option<&(Code, Option<Box<str>>, Moment)> {
        self.hops.get(self.deciding_index()?)?.answer.as_ref()
    }
}

/// What a transaction keeps from hop to hop, its CSeq counted back by `back`.
fn identity(digest: &Digest, call_id: &[u8], message: &Message<'_>, back: u32) -> Identity {
    let number = message.cseq().map_or(0, |cseq| cseq.number);
    let method = message.method().map(|method| method.token());
    digest.of((call_id, message.from_tag(), number.wrapping_sub(back), method))
}

/// The event package of SUBSCRIBE, NOTIFY and PUBLISH without its parameters (RFC 6665 8.2.1), as sent.
fn event_package<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let about_events = matches!(message.method(), Some(Method::Subscribe | Method::Notify | Method::Publish));
    let value = message.values("event").next().filter(|_| about_events && message.is_request())?;
    value.split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii)
}

/// Whether this is the [`text`] of what was written.
fn says(bytes: &[u8], as_text: &str) -> bool {
    bytes == as_text.as_bytes() && !bytes.contains(&b'\n') || text(bytes) == as_text
}

/// As text for a row; nothing where nothing was written, or a book.
fn kept(bytes: &[u8]) -> Option<Box<str>> {
    if bytes.len() > LONGEST_TEXT { None } else { owned(bytes) }
}

/// What is to be told of a row.
fn fact(origin: &Origin, (_, code, timed_out): Row, tally: Tally) -> TransactionFact {
    let code = (code > 0).then(|| Code::new(code));
    let nanos = |sum: Duration, count: u64| sum.as_nanos() / u128::from(count.max(1));
    let mean = |sum, count| Duration::from_nanos(u64::try_from(nanos(sum, count)).unwrap_or(u64::MAX));
    TransactionFact {
        method: origin.method.clone(),
        code,
        category: match code {
            Some(code) if code.is_success() => Category::Completed,
            None if !timed_out => Category::Attempting,
            _ => Category::Unsuccessful,
        },
        phrase: tally.phrase,
        timed_out,
        count: tally.count,
        challenged: tally.challenged,
        response: tally.times.map(|(least, most, sum, count)| ResponseTimes { least, mean: mean(sum, count), most }),
        first: tally.start.at,
        place: tally.start.place,
        evidence: tally.evidence,
        last: tally.last,
        from: origin.from.clone(),
        to: origin.to.clone(),
        path: origin.path,
        user_agent: origin.user_agent.clone(),
        event: origin.event.clone(),
        messages: tally.messages,
        call_id: tally.call_id,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::Tracker;
    use super::super::fact::Fact;
    use super::super::lives::{line, live};
    use super::*;

    #[test]
    fn transactions_that_stand_alone() {
        let lives = [
            (
                "answered",
                60.0,
                "0 a>b OPTIONS to= cseq=1
          0.25 b>a 200/OPTIONS cseq=1",
                "OPTIONS 200 completed count=1 messages=2 response=0.25/0.25/0.25 id=c timed_out=false",
            ),
            (
                "sent again and answered twice: one, timed from the first sending",
                60.0,
                "0 a>b MESSAGE to=
          0.5 a>b MESSAGE to=
          0.75 b>a 200/MESSAGE
          0.8 b>a 200/MESSAGE
          0.8 b>a 200/MESSAGE duplicate=1",
                "MESSAGE 200 count=1 messages=5 response=0.75/0.75/0.75",
            ),
            (
                "alike: one row",
                60.0,
                "0 a>b OPTIONS to= id=1 from=X via=1
          1 b>a 200/OPTIONS id=1 from=X via=1
          2 a>b OPTIONS to= id=2 from=Y via=2
          5 b>a 200/OPTIONS id=2 from=Y via=2",
                "OPTIONS 200 count=2 messages=4 response=1/2/3 id=1",
            ),
            (
                "another code is another row, and so is the other direction",
                60.0,
                "0 a>b OPTIONS to= id=1 via=1
          1 b>a 200/OPTIONS id=1 via=1
          2 a>b OPTIONS to= id=2 via=2
          3 b>a 503/OPTIONS id=2 via=2
          4 b>a OPTIONS to= id=3 via=3
          5 a>b 200/OPTIONS id=3 via=3",
                "OPTIONS 200 completed count=1 id=1
          OPTIONS 503 unsuccessful count=1 id=2
          OPTIONS 200 count=1 id=3",
            ),
            ("nobody answers, in time", 31.9, "0 a>b OPTIONS to=", "OPTIONS ? attempting timed_out=false response=-"),
            (
                "nobody answers, 32 s later",
                32.0,
                "0 a>b OPTIONS to=",
                "OPTIONS ? unsuccessful timed_out=true response=-",
            ),
            (
                "a provisional response stops no timer",
                32.0,
                "0 a>b SUBSCRIBE to= event=presence;id=7
          1 b>a 100/SUBSCRIBE",
                "SUBSCRIBE ? unsuccessful timed_out=true event=presence messages=2",
            ),
            (
                "an answer after timer F is none",
                60.0,
                "0 a>b PUBLISH to= event=presence
          33 b>a 200/PUBLISH",
                "PUBLISH ? unsuccessful count=1 timed_out=true messages=2",
            ),
            (
                "still waiting while another one timed out",
                60.0,
                "0 a>b OPTIONS to= id=1 via=1
          40 a>b OPTIONS to= id=2 via=2",
                "OPTIONS ? unsuccessful timed_out=true id=1
          OPTIONS ? attempting timed_out=false id=2",
            ),
            (
                "challenge and retry are one",
                60.0,
                "0 a>b MESSAGE to= cseq=7 via=1
          0.1 b>a 407/MESSAGE cseq=7 via=1
          0.5 a>b MESSAGE to= cseq=8 via=2
          1 b>a 202/MESSAGE cseq=8 via=2
          1.1 b>a 407/MESSAGE cseq=7 via=1",
                "MESSAGE 202 completed count=1 challenged=1 messages=5 response=0.5/0.5/0.5",
            ),
            (
                "a challenge that nobody answers",
                60.0,
                "0 a>b MESSAGE to=
          0.1 b>a 401/MESSAGE",
                "MESSAGE 401 unsuccessful challenged=0",
            ),
            (
                "a refresh is another one, not a retry",
                60.0,
                "0 a>b SUBSCRIBE to= cseq=1 via=1
          0.1 b>a 200/SUBSCRIBE cseq=1 via=1
          20 a>b SUBSCRIBE cseq=2 via=2
          20.1 b>a 200/SUBSCRIBE cseq=2 via=2",
                "SUBSCRIBE 200 count=2 challenged=0 messages=4",
            ),
            (
                "several hops are one, the nearest to the client counts",
                60.0,
                "0 a>p MESSAGE to= via=1
          0.1 p>b MESSAGE to= via=2,1
          0.2 b>p 486/MESSAGE via=2,1
          0.4 p>a 480/MESSAGE via=1",
                "MESSAGE 480 count=1 messages=4 response=0.4/0.4/0.4 src=192.0.2.97:5060",
            ),
            (
                "the nearest hop, though seen second",
                60.0,
                "0.1 p>b MESSAGE to= via=2,1
          0.1 a>p MESSAGE to= via=1
          0.2 b>p 200/MESSAGE via=2,1
          0.4 p>a 200/MESSAGE via=1",
                "MESSAGE 200 count=1 src=192.0.2.97:5060",
            ),
            (
                "a proxy's branches only: a 2xx wins",
                60.0,
                "0 p>x SUBSCRIBE to= via=2,1
          0 p>y SUBSCRIBE to= via=3,1
          0.2 x>p 404/SUBSCRIBE via=2,1
          0.4 y>p 200/SUBSCRIBE via=3,1",
                "SUBSCRIBE 200 count=1 messages=4",
            ),
            (
                "a keep-alive that never counts on",
                60.0,
                "0 a>b OPTIONS to= cseq=1 via=1
          0.1 b>a 200/OPTIONS cseq=1 via=1
          10 a>b OPTIONS to= cseq=1 via=2
          10.1 b>a 200/OPTIONS cseq=1 via=2",
                "OPTIONS 200 count=2 messages=4",
            ),
            ("only the response was captured", 60.0, "0 b>a 404/NOTIFY", "NOTIFY 404 unsuccessful count=1 response=-"),
            ("a method nobody registered", 60.0, "0 a>b KDMQ to=", "KDMQ ? unsuccessful count=1"),
            (
                "MESSAGEs from one to several are a row each; OPTIONS are not",
                60.0,
                "0 a>b MESSAGE to= id=1 via=1 from=A
          0 a>b MESSAGE to= id=2 via=2 from=B
          0 a>b OPTIONS to= id=3 via=3 from=A
          0 a>b OPTIONS to= id=4 via=4 from=B",
                "MESSAGE count=1 from=sip:alice@example.com
          MESSAGE count=1 from=sip:bob@example.com
          OPTIONS count=2 from=- to=sip:bob@example.com",
            ),
        ];
        for (name, end, life, expected) in lives {
            live(name, end, life, expected);
        }
    }

    #[test]
    fn what_a_call_claims_is_the_calls() {
        let call = "0 a>b INVITE
          1 b>a 200
          1.1 a>b ACK
          2 a>b INFO cseq=2
          2.1 b>a 200/INFO cseq=2
          3 b>a OPTIONS from=B to=A
          3.1 a>b 200/OPTIONS from=B to=A
          4 a>b REFER cseq=3
          4.1 b>a 202/REFER cseq=3
          4.2 b>a NOTIFY from=B to=A cseq=5
          4.3 a>b 200/NOTIFY from=B to=A cseq=5
          9 a>b BYE cseq=4
          9.1 b>a 200/BYE cseq=4";
        live("inside", 60.0, call, "1000 messages=13");
        let late = format!("{call}\n80 b>a NOTIFY from=B to=A cseq=6\n80.1 a>b 200/NOTIFY from=B to=A cseq=6");
        live("after the call was closed", 90.0, &late, "1000 messages=13");
        let other = format!("{call}\n5 a>b OPTIONS from=Z to= id=c\n6 b>a 200/OPTIONS from=Z to=Y id=c");
        live("the same Call-ID, other tags", 60.0, &other, "1000 messages=13\nOPTIONS 200 messages=2");
        live("PRACK and UPDATE never stand alone", 60.0, "0 a>b PRACK\n1 a>b UPDATE", "");
    }

    fn rows(tracker: &mut Tracker, end: i64) -> Vec<TransactionFact> {
        tracker.finish(Timestamp::from_millis(end));
        let facts = std::iter::from_fn(|| tracker.poll());
        facts.filter_map(|fact| if let Fact::Transaction(row) = fact { Some(*row) } else { None }).collect()
    }

    #[test]
    fn ten_thousand_keep_alives_are_one_row() {
        let mut tracker = Tracker::new();
        for number in 0..10_000 {
            let (sent, answered) = (f64::from(number) / 50.0, f64::from(number) / 50.0 + 0.01);
            let own = format!("id=k{number} from=f{number} via=v{number} cseq=1");
            line(&format!("{sent} a>b OPTIONS to= {own}"), 1, &mut tracker);
            line(&format!("{answered} b>a 200/OPTIONS to=t{number} {own}"), 2, &mut tracker);
            assert!(tracker.exchanges.pending.len() <= 64 * 50 + 1, "what is settled is forgotten");
        }
        let rows = rows(&mut tracker, 300_000);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].count, rows[0].messages, rows[0].code), (10_000, 20_000, Some(Code::new(200))));
    }

    #[test]
    fn what_is_too_much_to_list_is_counted_by_method_and_code() {
        let mut exchanges = Exchanges::default();
        let everything = exchanges.rest("MESSAGE");
        assert_eq!(exchanges.rest("MESSAGE"), everything);
        let indices: Vec<_> = (0..2 * MOST_METHODS).map(|number| exchanges.rest(&format!("M{number}"))).collect();
        assert_eq!(exchanges.origins.len(), MOST_METHODS + 1, "the methods and `other`");
        assert_eq!(exchanges.origins[*indices.last().unwrap()].method, "other".into());
        assert_eq!(exchanges.rest("M0"), indices[0]);

        // Texts beyond the bound: a row of its own no more.
        let mut tracker = Tracker::new();
        tracker.exchanges.text = MOST_TEXT;
        line("0 a>b MESSAGE to= id=1 via=1", 1, &mut tracker);
        line("0 b>a 200/MESSAGE id=1 via=1", 2, &mut tracker);
        line("1 x>y MESSAGE to= id=2 via=2", 3, &mut tracker);
        line("1 y>x 200/MESSAGE id=2 via=2", 4, &mut tracker);
        let issues = tracker.take_issues();
        let told: Vec<_> = issues.of_file(0).map(|(cause, tally)| (cause, tally.count)).collect();
        assert_eq!(told, [(Cause::Counted(ROWS), 2)]);
        let rows = rows(&mut tracker, 2_000);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].count, rows[0].path, rows[0].from.as_deref()), (2, None, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        /// Whatever comes in whatever order: every message of a method that stands alone is counted in one row, every
        /// Call-ID and CSeq that was not a challenged step in one count.
        #[test]
        fn counts_add_up(
            script in prop::collection::vec(
                (0..90_i64, 0..4_usize, 0..3_usize, 0..5_usize, 1..4_u32, 0..3_usize, any::<bool>()),
                0..60,
            ),
        ) {
            let mut tracker = Tracker::new();
            let mut sent: BTreeMap<&str, u64> = BTreeMap::new();
            let mut different = std::collections::BTreeSet::new();
            let mut now = 0;
            for (step, (gap, method, id, what, cseq, branch, far)) in script.into_iter().enumerate() {
                // Now and then time steps back, as in merged captures.
                now = (now + gap - 10).max(0);
                let method = ["OPTIONS", "MESSAGE", "SUBSCRIBE", "WHATEVER"][method];
                let what = ["", "100/", "200/", "407/", "500/"][what];
                let (path, via) = match (what.is_empty(), far) {
                    (true, false) => ("a>p", format!("{branch}")),
                    (true, true) => ("p>b", format!("9{branch},{branch}")),
                    (false, false) => ("p>a", format!("{branch}")),
                    (false, true) => ("b>p", format!("9{branch},{branch}")),
                };
                let text = format!("{now} {path} {what}{method} id={id} cseq={cseq} via={method}{via}");
                line(&text, step as u64 + 1, &mut tracker);
                *sent.entry(method).or_default() += 1;
                different.insert((method, id, cseq));
            }
            let rows = rows(&mut tracker, now * 1000);
            let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
            for row in &rows {
                *counted.entry(&row.method).or_default() += row.messages;
                prop_assert!(row.count > 0 && row.messages >= row.count && row.challenged <= row.count);
                prop_assert!(row.first <= row.last);
                prop_assert!(row.response.is_none_or(|times| times.least <= times.mean && times.mean <= times.most));
                prop_assert!(row.code.is_none() || !row.timed_out);
            }
            prop_assert_eq!(counted, sent);
            // What is not counted itself is a step of one that is: CSeq 1 and 2 of a 3.
            let (count, challenged) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.count, sum.1 + row.challenged));
            prop_assert!(count + 2 * challenged >= different.len() as u64);
        }
    }
}

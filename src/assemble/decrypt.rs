//! The bytes of a TLS connection and its secrets to the plain bytes of each direction (RFC 8446, 5246). Knows no TCP: it
//! is handed ordered bytes, and told where some are missing; what the plain bytes mean is asked of others.

use std::borrow::Cow;

use super::cipher::{Block48, Keys, Suite, Traffic};
use crate::wire::keylog::{Label, Secret, Secrets};
use crate::wire::tls::{self, ClientHello, Next, Record, ServerHello, TLS10, TLS13, content, handshake};

/// Bytes of one direction that wait for the other one's part of the handshake.
const MAX_WAITING: usize = 64 << 10;
/// The longest handshake message (a chain of certificates) that is waited for, and the most of a handshake that is kept.
const MAX_HANDSHAKE: usize = 128 << 10;
/// How many bytes are searched for a record behind missing ones.
const MAX_SEARCH: usize = 32 << 10;
/// How many missing records the search takes into account: one record number after the other is tried.
const MAX_MISSING: u64 = 256;

/// What lies between TCP and the messages of one connection.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) enum Layer {
    /// Too few bytes were seen to know.
    #[default]
    Unknown,
    /// One direction began with bytes that may begin a record: two at most.
    Perhaps(Box<[Vec<u8>; 2]>),
    /// Nothing.
    None,
    /// TLS.
    Tls(Box<Session>),
    /// TLS that cannot be opened.
    Sealed(Offer),
}

/// Who spoke TLS to whom, and whether the client named SIP as what is inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Offer {
    /// The side that is the client.
    client: Option<usize>,
    sip: bool,
}

/// What became of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened<'b> {
    /// They were not protected.
    AsIs(Cow<'b, [u8]>),
    /// What was inside, as far as it is whole.
    Plain(Vec<u8>),
    /// Nothing of this connection can be opened; what is not known of it.
    Sealed(&'static str),
    /// Too much is missing to open any more of this direction.
    Lost,
}

impl Layer {
    /// Takes the next bytes of a side (0 or 1).
    pub(super) fn open<'b>(&mut self, side: usize, bytes: &'b [u8], secrets: &Secrets) -> Opened<'b> {
        match self {
            Self::None => return Opened::AsIs(Cow::Borrowed(bytes)),
            Self::Sealed(_) => return Opened::Sealed("TLS"),
            Self::Tls(session) => {
                let opened = session.data(side, bytes, secrets);
                if let Opened::Sealed(_) = opened {
                    *self = Self::Sealed(session.offer());
                }
                return opened;
            }
            Self::Unknown | Self::Perhaps(_) => {}
        }
        let mut held = match std::mem::take(self) {
            Self::Perhaps(held) => *held,
            _ => Default::default(),
        };
        let first = held.get_mut(side).map(std::mem::take).unwrap_or_default();
        let bytes = if first.is_empty() { Cow::Borrowed(bytes) } else { Cow::Owned([&first, bytes].concat()) };
        match *bytes {
            [content::HANDSHAKE, 3, 0..=4, ..] => {
                let mut session = Box::new(Session::default());
                for (direction, held) in session.directions.iter_mut().zip(held) {
                    direction.buffer = held;
                }
                *self = Self::Tls(session);
                match self.open(side, &bytes, secrets) {
                    Opened::AsIs(bytes) => Opened::AsIs(Cow::Owned(bytes.into_owned())),
                    Opened::Plain(bytes) => Opened::Plain(bytes),
                    Opened::Sealed(what) => Opened::Sealed(what),
                    Opened::Lost => Opened::Lost,
                }
            }
            [] | [content::HANDSHAKE] | [content::HANDSHAKE, 3] => {
                if let Some(slot) = held.get_mut(side) {
                    *slot = bytes.into_owned();
                }
                *self = Self::Perhaps(Box::new(held));
                Opened::Plain(Vec::new())
            }
            _ => {
                *self = Self::None;
                Opened::AsIs(bytes)
            }
        }
    }

    /// Bytes of a side are missing here.
    pub(super) fn gap(&mut self, side: usize) {
        match self {
            Self::Tls(session) => {
                if let Some(direction) = session.directions.get_mut(side) {
                    direction.lose();
                }
            }
            Self::Perhaps(held) => held.iter_mut().for_each(Vec::clear),
            Self::Unknown | Self::None | Self::Sealed(_) => {}
        }
    }

    /// Whether records are opened.
    pub(super) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// TLS that was never opened: who offered it.
    pub(super) fn unopened(&self) -> Option<Offer> {
        match self {
            Self::Tls(session) if session.opened == 0 => Some(session.offer()),
            Self::Sealed(offer) => Some(*offer),
            _ => None,
        }
    }

    /// Whether what was read from a file can be gone on with.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Tls(session) => {
                let sound =
                    |it: &Direction| it.sequence <= u64::MAX / 2 && it.lost.is_none_or(|it| it <= MAX_SEARCH + 1);
                session.opened <= u64::MAX / 2 && session.directions.iter().all(sound)
            }
            Self::Perhaps(held) => held.iter().all(|held| held.len() <= 2),
            Self::Unknown | Self::None | Self::Sealed(_) => true,
        }
    }

    /// Bytes kept.
    pub(super) fn buffered(&self) -> usize {
        match self {
            Self::Tls(session) => session.weight(),
            _ => 0,
        }
    }
}

impl Offer {
    /// The side that is the client.
    pub(super) const fn client(self) -> Option<usize> {
        self.client
    }

    /// Whether the client said that it wants to speak SIP.
    pub(super) const fn is_sip(self) -> bool {
        self.sip
    }
}

/// One connection.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Session {
    client: Option<usize>,
    client_hello: Option<ClientHello>,
    server_hello: Option<(ServerHello, Suite)>,
    /// What a key exchange made, where no key log gives it (TLS 1.2 and before).
    master: Option<Master>,
    /// The handshake so far, where it is needed to find that out.
    transcript: Option<Box<Transcript>>,
    directions: [Direction; 2],
    /// Records opened.
    opened: u64,
}

/// A master secret: does not belong into anybody's log.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Master(Block48);

impl std::fmt::Debug for Master {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Master")
    }
}

/// The handshake's messages as they were sent, up to the key exchange.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Transcript {
    hello: Vec<u8>,
    server: Vec<u8>,
    client: Vec<u8>,
}

/// One direction.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Direction {
    /// What is not yet a whole record, or waits for the other direction.
    buffer: Vec<u8>,
    /// A handshake message that is not whole.
    message: Vec<u8>,
    state: State,
    /// Number of the next record under these keys.
    sequence: u64,
    /// Since bytes were missing and no record was found behind them: how many bytes were searched.
    lost: Option<usize>,
    /// Nothing will be found any more.
    dead: bool,
}

/// How records are protected.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
enum State {
    /// Not at all.
    #[default]
    Clear,
    /// Up to TLS 1.2.
    Keys(Keys),
    /// TLS 1.3, before the Finished.
    Handshake(Traffic),
    /// TLS 1.3, behind it.
    Application(Traffic),
}

impl State {
    const fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Clear => None,
            Self::Keys(keys) => Some(keys),
            Self::Handshake(traffic) | Self::Application(traffic) => Some(&traffic.keys),
        }
    }
}

impl Direction {
    fn lose(&mut self) {
        self.buffer = Vec::new();
        self.message = Vec::new();
        self.lost = Some(0);
    }

    fn switch(&mut self, state: State) {
        self.state = state;
        self.sequence = 0;
    }
}

/// How it goes on behind a record.
enum Step {
    /// With the next one.
    Next,
    /// When the other direction has said more.
    Wait,
    /// Not at all; what is not known.
    Stop(&'static str),
    /// With a search: this record does not follow the last one.
    Search,
}

impl Session {
    fn offer(&self) -> Offer {
        Offer { client: self.client, sip: self.client_hello.is_some_and(|hello| hello.sip) }
    }

    fn weight(&self) -> usize {
        let transcript = self.transcript.as_ref().map_or(0, |it| it.hello.len() + it.server.len() + it.client.len());
        transcript + self.directions.iter().map(|it| it.buffer.len() + it.message.len()).sum::<usize>()
    }

    fn data<'b>(&mut self, side: usize, bytes: &[u8], secrets: &Secrets) -> Opened<'b> {
        let Some(direction) = self.directions.get_mut(side) else { return Opened::Lost };
        if direction.dead {
            return Opened::Lost;
        }
        let mut buffer = std::mem::take(&mut direction.buffer);
        buffer.extend_from_slice(bytes);
        let (mut plain, mut taken) = (Vec::new(), 0);
        while let Some(rest) = buffer.get(taken..).filter(|rest| !rest.is_empty()) {
            let searching = self.directions.get(side).is_some_and(|direction| direction.lost.is_some());
            let (step, len) = match tls::record(rest) {
                Next::NeedMore => break,
                Next::Other => (Step::Search, 0),
                Next::Record(record) if searching && !self.resume(side, &record, secrets) => (Step::Search, 0),
                Next::Record(record) => (self.record(side, &record, secrets, &mut plain), record.len()),
            };
            match step {
                Step::Next => taken += len,
                Step::Wait if rest.len() <= MAX_WAITING => break,
                Step::Wait => return Opened::Sealed("TLS"),
                Step::Stop(what) => return Opened::Sealed(what),
                Step::Search => {
                    let Some(direction) = self.directions.get_mut(side) else { break };
                    direction.message.clear();
                    let searched = direction.lost.map_or(0, |searched| searched + 1);
                    direction.lost = Some(searched);
                    taken += usize::from(searching);
                    if searched > MAX_SEARCH {
                        direction.dead = true;
                        return if plain.is_empty() { Opened::Lost } else { Opened::Plain(plain) };
                    }
                }
            }
        }
        buffer.drain(..taken);
        if let Some(direction) = self.directions.get_mut(side) {
            direction.buffer = if buffer.is_empty() { Vec::new() } else { buffer };
        }
        Opened::Plain(plain)
    }

    /// Takes a record that follows the last one.
    fn record(&mut self, side: usize, record: &Record<'_>, secrets: &Secrets, plain: &mut Vec<u8>) -> Step {
        let Some(direction) = self.directions.get(side) else { return Step::Stop("TLS") };
        let version = self.server_hello.map(|(hello, _)| hello.version);
        // TLS 1.3 leaves hellos, alerts and fillers as they are; before, all is protected behind a change of keys.
        let protected = match direction.state {
            State::Keys(_) => true,
            _ => record.kind() == content::APPLICATION_DATA,
        };
        if !protected {
            return match (record.kind(), version) {
                (content::HANDSHAKE, _) => self.messages(side, record.fragment, secrets),
                (content::CHANGE_CIPHER_SPEC, None) => Step::Wait,
                (content::CHANGE_CIPHER_SPEC, Some(TLS13)) => Step::Next,
                (content::CHANGE_CIPHER_SPEC, Some(_)) => self.change(side, secrets),
                _ => Step::Next,
            };
        }
        if version.is_none() {
            // Early data, or what the server said is still to come.
            return if self.client == Some(1 - side.min(1)) { Step::Stop("TLS") } else { Step::Wait };
        }
        if let State::Clear = direction.state {
            match self.traffic(side, [Label::ClientHandshake, Label::ServerHandshake], secrets) {
                Some(traffic) => self.switch(side, State::Handshake(traffic)),
                // Not every log has those: then the first record under the next keys is as good a beginning.
                None if self.application(side, secrets).is_some() => return Step::Search,
                None => return Step::Stop("TLS"),
            }
        }
        let Some(direction) = self.directions.get_mut(side) else { return Step::Stop("TLS") };
        let Some((kind, inside)) = direction.state.keys().and_then(|keys| keys.open(direction.sequence, record)) else {
            let early = self.client == Some(side) && self.client_hello.is_some_and(|hello| hello.early_data);
            let first = matches!(direction.state, State::Handshake(_)) && direction.sequence == 0;
            return if early && first { Step::Next } else { Step::Search };
        };
        direction.sequence += 1;
        self.opened += 1;
        if let State::Keys(keys) = &mut direction.state {
            keys.chain(record);
        }
        match kind {
            content::APPLICATION_DATA => plain.extend_from_slice(&inside),
            content::HANDSHAKE => return self.messages(side, &inside, secrets),
            // A handshake inside the old keys (RFC 5746) ends like the first one.
            content::CHANGE_CIPHER_SPEC if version != Some(TLS13) => return self.change(side, secrets),
            _ => {}
        }
        Step::Next
    }

    /// Tries to go on with a record behind missing ones, whose number is not known: whether it can be opened.
    fn resume(&mut self, side: usize, record: &Record<'_>, secrets: &Secrets) -> bool {
        let Some(direction) = self.directions.get(side) else { return false };
        if record.kind() == content::CHANGE_CIPHER_SPEC || self.server_hello.is_none() {
            return false;
        }
        let from = direction.sequence;
        let mut tries: Vec<(State, u64)> = Vec::new();
        match direction.state {
            State::Clear => {
                if self.server_hello.is_some_and(|(hello, _)| hello.version == TLS13) {
                    let early = self.traffic(side, [Label::ClientHandshake, Label::ServerHandshake], secrets);
                    tries.extend(early.map(|traffic| (State::Handshake(traffic), 0)));
                    tries.extend(self.application(side, secrets).map(|traffic| (State::Application(traffic), 0)));
                } else {
                    tries.extend(self.keys(side, secrets).map(|keys| (State::Keys(keys), 0)));
                }
            }
            State::Keys(keys) => tries.push((State::Keys(keys), from)),
            State::Handshake(traffic) => {
                tries.push((State::Handshake(traffic), from));
                tries.extend(self.application(side, secrets).map(|traffic| (State::Application(traffic), 0)));
            }
            State::Application(traffic) => {
                tries.push((State::Application(traffic), from));
                tries.extend(traffic.next().map(|traffic| (State::Application(traffic), 0)));
            }
        }
        let fits = |(state, from): &(State, u64)| {
            let keys = state.keys()?;
            (*from..from.saturating_add(MAX_MISSING)).find(|number| keys.open(*number, record).is_some())
        };
        let Some((state, sequence)) = tries.iter().find_map(|one| Some((one.0, fits(one)?))) else { return false };
        if let Some(direction) = self.directions.get_mut(side) {
            (direction.state, direction.sequence, direction.lost) = (state, sequence, None);
        }
        true
    }

    /// Takes bytes of handshake messages.
    fn messages(&mut self, side: usize, bytes: &[u8], secrets: &Secrets) -> Step {
        let Some(direction) = self.directions.get_mut(side) else { return Step::Stop("TLS") };
        let mut buffer = std::mem::take(&mut direction.message);
        buffer.extend_from_slice(bytes);
        let mut taken = 0;
        while let Some(rest) = buffer.get(taken..) {
            if tls::announced(rest).is_some_and(|(_, len)| len > MAX_HANDSHAKE) {
                return Step::Search;
            }
            let Some((kind, body, len)) = tls::message(rest) else { break };
            let step = self.message(side, kind, body, rest.get(..len).unwrap_or_default(), secrets);
            if !matches!(step, Step::Next) {
                return step;
            }
            taken += len;
        }
        buffer.drain(..taken);
        if let Some(direction) = self.directions.get_mut(side) {
            direction.message = if buffer.is_empty() { Vec::new() } else { buffer };
        }
        Step::Next
    }

    /// Takes a handshake message; `raw` is all of it.
    fn message(&mut self, side: usize, kind: u8, body: &[u8], raw: &[u8], secrets: &Secrets) -> Step {
        let state = self.directions.get(side).map_or(State::Clear, |direction| direction.state);
        match (kind, state) {
            (handshake::CLIENT_HELLO, _) => {
                self.client = Some(side);
                self.client_hello = ClientHello::parse(body);
                if secrets.may_know_premasters() {
                    let hello = raw.to_vec();
                    self.transcript = Some(Box::new(Transcript { hello, ..Transcript::default() }));
                }
            }
            (handshake::SERVER_HELLO, _) => {
                let Some(hello) = ServerHello::parse(body) else { return Step::Stop("TLS") };
                if !hello.is_retry() {
                    self.client = self.client.or_else(|| Some(1 - side.min(1)));
                    if hello.compressed {
                        return Step::Stop("TLS compression");
                    }
                    let suite = Suite::of(hello.suite).filter(|_| (TLS10..=TLS13).contains(&hello.version));
                    let Some(suite) = suite else { return Step::Stop("TLS cipher suite") };
                    self.server_hello = Some((hello, suite));
                    self.keep(side, raw);
                }
            }
            (handshake::CLIENT_KEY_EXCHANGE, State::Clear | State::Keys(_)) => {
                self.keep(side, raw);
                self.master = self.exchanged(body, secrets);
                self.transcript = None;
            }
            (handshake::FINISHED, State::Handshake(_)) => match self.application(side, secrets) {
                Some(traffic) => self.switch(side, State::Application(traffic)),
                None => return Step::Stop("TLS"),
            },
            (handshake::KEY_UPDATE, State::Application(traffic)) => {
                if let Some(traffic) = traffic.next() {
                    self.switch(side, State::Application(traffic));
                }
            }
            _ => self.keep(side, raw),
        }
        Step::Next
    }

    /// Remembers a message of a handshake whose sum will be asked for.
    fn keep(&mut self, side: usize, raw: &[u8]) {
        let from_client = self.client == Some(side);
        if let Some(transcript) = &mut self.transcript {
            let to = if from_client { &mut transcript.client } else { &mut transcript.server };
            if to.len() + raw.len() <= MAX_HANDSHAKE {
                to.extend_from_slice(raw);
            }
        }
    }

    /// The master secret from a client's key exchange (RFC 5246 8.1, RFC 7627 4).
    fn exchanged(&self, body: &[u8], secrets: &Secrets) -> Option<Master> {
        let transcript = self.transcript.as_deref()?;
        let (client, (server, suite)) = (self.client_hello?, self.server_hello?);
        let encrypted = tls::vector16(body).map_or(body, |(encrypted, _)| encrypted);
        let premaster = secrets.premaster(&client.random, encrypted)?;
        let mut master = [0; 48];
        let (label, seed) = if server.extended_master_secret {
            let parts: [&[u8]; 3] = [&transcript.hello, &transcript.server, &transcript.client];
            ("extended master secret", suite.transcript_hash(server.version, &parts))
        } else {
            ("master secret", [client.random, server.random].concat())
        };
        suite.prf(server.version, premaster.bytes(), label, &seed, &mut master);
        Some(Master(Block48(master)))
    }

    /// A change of keys, up to TLS 1.2.
    fn change(&mut self, side: usize, secrets: &Secrets) -> Step {
        match self.keys(side, secrets) {
            Some(keys) => {
                self.switch(side, State::Keys(keys));
                Step::Next
            }
            // The server may resume a session whose key exchange came over another connection, and so goes first.
            None => Step::Stop("TLS"),
        }
    }

    /// The keys of a side, up to TLS 1.2.
    fn keys(&self, side: usize, secrets: &Secrets) -> Option<Keys> {
        let (client, (server, suite)) = (self.client_hello?, self.server_hello?);
        let logged = secrets.get(Label::Master, &client.random).map(Secret::bytes);
        let master = logged.or_else(|| self.master.as_ref().map(|Master(master)| master.0.as_slice()))?;
        let etm = server.encrypt_then_mac;
        let [of_client, of_server] =
            Keys::of_master(suite, server.version, etm, master, &client.random, &server.random);
        Some(if self.client == Some(side) { of_client } else { of_server })
    }

    fn application(&self, side: usize, secrets: &Secrets) -> Option<Traffic> {
        self.traffic(side, [Label::ClientTraffic, Label::ServerTraffic], secrets)
    }

    /// What a side sends under, by the label for the client or that for the server.
    fn traffic(&self, side: usize, [client, server]: [Label; 2], secrets: &Secrets) -> Option<Traffic> {
        let label = if self.client == Some(side) { client } else { server };
        Traffic::new(self.server_hello?.1, *secrets.get(label, &self.client_hello?.random)?)
    }

    fn switch(&mut self, side: usize, state: State) {
        if let Some(direction) = self.directions.get_mut(side) {
            direction.switch(state);
        }
    }
}

//! How a registration is written while nothing is heard of it: in some eighty bytes. What is usual takes a bit or a byte,
//! what follows from the rest takes nothing, and all else is written out.
//!
//! What matters for 64·T1 only is written beside it, to be thrown away then. Read back, both together are the same
//! registration: a test holds them to that. Nothing of this leaves the process.

use std::time::Duration;

use super::contact::Contact;
use super::{Binding, Known, Registration, Shared};
use crate::packet::Place;
use crate::time::Timestamp;
use crate::track::fact::{RegistrationCause, Step};
use crate::track::texts::Text;
use crate::track::transaction::{Digest, Moment};

mod addresses;
mod call_id;
mod flow;
mod steps;
mod transactions;

use flow::{In, Out, Short};
pub(super) use steps::Lives;

/// What is true of a record, a bit each.
#[derive(Clone, Copy, Default)]
struct Flags(u32);

impl Flags {
    /// All times are whole microseconds, as are most captures'.
    const MICROS: u32 = 1;
    /// All steps are in the file of the first message, and none is before the one before it.
    const ONWARD: u32 = 1 << 1;
    /// The first step came with the first message.
    const FIRST_STEP: u32 = 1 << 2;
    /// The last message made the last step.
    const LAST_STEP: u32 = 1 << 3;
    const CHALLENGED: u32 = 1 << 4;
    const REPLACED: u32 = 1 << 5;
    const AOR_AS_SENT: u32 = 1 << 6;
    const CONTACT_AS_SENT: u32 = 1 << 7;
    const HAS_CONTACT: u32 = 1 << 8;
    const V6: u32 = 1 << 9;
    const PORT_5060: u32 = 1 << 10;
    /// There was a grant, and the first one made the first step to 1011.
    const REGISTERED: u32 = 1 << 11;
    /// There is one binding, granted with a step for as long as `expires` says, of the contact.
    const BINDING: u32 = 1 << 12;
    const NO_BINDING: u32 = 1 << 13;
    /// The attempt is one transaction, begun with a step and answered on the client's hop.
    const TRANSACTION: u32 = 1 << 14;
    const NO_TRANSACTION: u32 = 1 << 15;
    /// The address-of-record is `sip:user@host`.
    const AOR_SPLIT: u32 = 1 << 16;
    /// The host is the registrar.
    const AOR_OF_REGISTRAR: u32 = 1 << 17;
    /// The contact begins with `sip:`, the user of the address-of-record and the client's address.
    const CONTACT_OF_CLIENT: u32 = 1 << 18;
    /// That is followed by the client's port.
    const CONTACT_PORT: u32 = 1 << 19;
    /// The first message is in another file than the one that it is counted from.
    const FILE: u32 = 1 << 20;
    /// Where the number of the cause begins, of three bits.
    const CAUSE: u32 = 21;
    /// What is said of [`Names`].
    const NAMES: u32 = Self::AOR_AS_SENT
        | Self::CONTACT_AS_SENT
        | Self::HAS_CONTACT
        | Self::V6
        | Self::PORT_5060
        | Self::AOR_SPLIT
        | Self::AOR_OF_REGISTRAR
        | Self::CONTACT_OF_CLIENT
        | Self::CONTACT_PORT;

    /// The bytes that they take.
    const LEN: usize = 3;

    fn read(from: &mut In<'_>) -> Option<Self> {
        let [low, middle, high] = from.chunk::<{ Self::LEN }>()?;
        Some(Self(u32::from_le_bytes([low, middle, high, 0])))
    }

    const fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    const fn set(&mut self, flag: u32, is: bool) {
        if is {
            self.0 |= flag;
        }
    }
}

const CAUSES: [Option<RegistrationCause>; 5] = [
    None,
    Some(RegistrationCause::Requested),
    Some(RegistrationCause::Expired),
    Some(RegistrationCause::Replaced),
    Some(RegistrationCause::None),
];

/// Writes how many messages there were and how many refreshes: hardly ever more than 14.
fn write_counts(of: &Registration, out: &mut Out<'_>) {
    let few = |count: u32| u8::try_from(count).ok().filter(|count| *count < 15);
    match (few(of.messages), few(of.refreshes)) {
        (Some(messages), Some(refreshes)) => out.byte(messages | refreshes << 4),
        _ => {
            out.byte(u8::MAX);
            out.number(of.messages.into());
            out.number(of.refreshes.into());
        }
    }
}

fn read_counts(into: &mut Registration, from: &mut In<'_>) -> Option<()> {
    (into.messages, into.refreshes) = match from.byte()? {
        u8::MAX => (from.number32()?, from.number32()?),
        both => ((both & 15).into(), (both >> 4).into()),
    };
    Some(())
}

/// The step, counted from the last one, that was made then.
fn step_at(steps: &[Step], is_it: impl Fn(&Step) -> bool) -> Option<u8> {
    steps.iter().rev().take(16).position(is_it).map(|back| back as u8)
}

fn step_back(steps: &[Step], back: u8) -> Option<&Step> {
    steps.iter().rev().nth(usize::from(back))
}

/// Writes it down, as one that began near `base`, but for what [`write_passing`] writes.
pub(in crate::track) fn write(of: &Registration, base: Moment, known: &mut Known<'_>, into: &mut Vec<u8>) {
    into.clear();
    let mut out = Out(into);
    let mut flags = Flags::default();
    out.bytes(&[0; Flags::LEN]);
    let Known { digest, shared } = known;
    flags.set(Flags::MICROS, steps::are_micros(of));
    steps::write_start(of, base, &mut flags, &mut out);
    steps::write_steps(of, digest, shared, &mut flags, &mut out);
    write_counts(of, &mut out);
    flags.set(Flags::CHALLENGED, of.challenged);
    flags.set(Flags::REPLACED, of.replaced);
    let cause = CAUSES.iter().position(|cause| *cause == of.cause).unwrap_or_default();
    flags.0 |= (cause as u32) << Flags::CAUSE;
    out.option(of.attempt.map(u64::from));
    out.option(of.expires.map(u64::from));
    write_bindings(of, digest, &mut flags, &mut out);
    transactions::write_transactions(of, &mut flags, &mut out);
    if of.names.bytes.is_empty() {
        write_names(of, digest, shared, &mut flags, &mut out);
    } else {
        flags.0 |= of.names.flags;
        out.bytes(&of.names.bytes);
    }
    if let (Some(head), [low, middle, high, _]) = (into.first_chunk_mut(), flags.0.to_le_bytes()) {
        *head = [low, middle, high];
    }
}

/// What was read of the names of a registration: as long as none of them changes, it is written once more. No part of
/// what the registration is.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    flags: u32,
    /// Empty: it is not known.
    pub(super) bytes: Vec<u8>,
}

impl PartialEq for Names {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Names {
    pub(super) const NONE: Self = Self { flags: 0, bytes: Vec::new() };
}

fn write_names(of: &Registration, digest: &Digest, shared: &mut Shared, flags: &mut Flags, out: &mut Out<'_>) {
    addresses::write_path(&of.path, shared, flags, out);
    write_text(of.registrar.as_ref(), out);
    write_text(of.user_agent.as_ref(), out);
    let client = Short::ip(of.path.src.ip());
    addresses::write_addresses(of, &client, digest, shared, flags, out);
    call_id::write(&of.call_id, &client, digest, &mut shared.hosts, out);
}

fn read_names(
    into: &mut Registration,
    digest: Option<&Digest>,
    shared: &Shared,
    flags: Flags,
    from: &mut In<'_>,
) -> Option<()> {
    into.path = addresses::read_path(shared, flags, from)?;
    into.registrar = read_text(from)?;
    into.user_agent = read_text(from)?;
    let client = Short::ip(into.path.src.ip());
    addresses::read_addresses(into, &client, digest, shared, flags, from)?;
    call_id::read(&mut into.call_id, &client, &shared.hosts, from)
}

/// What a registration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::track) enum Purpose {
    /// It is to go on.
    Wake,
    /// It is told, and that is all: digests of its contacts, which take their time, are left out.
    Tell,
}

/// Reads one that was written down. `None`: it is none.
pub(in crate::track) fn read(
    bytes: &[u8],
    base: Moment,
    digest: &Digest,
    shared: &Shared,
    purpose: Purpose,
    into: &mut Registration,
) -> Option<()> {
    into.clear();
    let mut from = In(bytes);
    let flags = Flags::read(&mut from)?;
    into.start = steps::read_start(base, flags, &mut from)?;
    steps::read_steps(into, shared, flags, &mut from)?;
    read_counts(into, &mut from)?;
    into.challenged = flags.has(Flags::CHALLENGED);
    into.replaced = flags.has(Flags::REPLACED);
    into.cause = *CAUSES.get((flags.0 >> Flags::CAUSE & 7) as usize)?;
    into.attempt = from.option()?.map(u32::try_from).transpose().ok()?;
    into.expires = from.option()?.map(u32::try_from).transpose().ok()?;
    read_bindings(into, flags, &mut from)?;
    transactions::read_transactions(into, flags, &mut from)?;
    if purpose == Purpose::Wake {
        into.names.flags = flags.0 & Flags::NAMES;
        into.names.bytes.extend_from_slice(from.0);
    }
    let digest = Some(digest).filter(|_| purpose == Purpose::Wake);
    read_names(into, digest, shared, flags, &mut from)?;
    if let (Some(digest), [only]) = (digest, &mut into.bindings[..])
        && flags.has(Flags::BINDING)
    {
        only.contact.key = into.contact.key(digest);
        into.contact.key = Some(only.contact.key);
    }
    Some(())
}

/// When one that was written down began, without reading on.
pub(in crate::track) fn start(bytes: &[u8], base: Moment) -> Option<Moment> {
    let mut from = In(bytes);
    let flags = Flags::read(&mut from)?;
    steps::read_start(base, flags, &mut from)
}

/// Writes down what matters only until it [passes](Registration::passes). Whether there is any.
pub(in crate::track) fn write_passing(of: &Registration, into: &mut Vec<u8>) -> bool {
    into.clear();
    let mut out = Out(into);
    let passing = || of.transactions.iter().enumerate().filter(|(_, transaction)| !of.is_of_attempt(transaction));
    out.number(of.seen.next.into());
    out.number(of.seen.recent.len() as u64);
    of.seen.recent.iter().for_each(|seen| out.bytes(&seen.to_le_bytes()));
    for (index, transaction) in passing() {
        out.number(index as u64);
        transactions::write_transaction(transaction, &mut out);
    }
    !of.seen.recent.is_empty() || passing().next().is_some()
}

/// Reads that again into the registration.
pub(in crate::track) fn read_passing(bytes: &[u8], into: &mut Registration) -> Option<()> {
    let mut from = In(bytes);
    into.seen.next = u32::try_from(from.number()?).ok()?;
    for _ in 0..from.number()? {
        into.seen.recent.push(u64::from_le_bytes(from.chunk()?));
    }
    while !from.0.is_empty() {
        let index = usize::try_from(from.number()?).ok()?;
        let transaction = transactions::read_transaction(&mut from)?;
        into.transactions.insert(index.min(into.transactions.len()), transaction);
    }
    Some(())
}

/// None, one that follows, or the number of one that is kept.
fn write_text(text: Option<&Text>, out: &mut Out<'_>) {
    match text {
        None => out.byte(0),
        Some(Text::Own(text)) => {
            out.byte(1);
            out.text(text.as_bytes());
        }
        Some(Text::Kept(number)) => out.number(u64::from(*number) + 2),
    }
}

#[expect(clippy::option_option, reason = "one says that the record is none, the other that there is no text")]
fn read_text(from: &mut In<'_>) -> Option<Option<Text>> {
    Some(match from.number()? {
        0 => None,
        1 => Some(Text::own(std::str::from_utf8(from.text()?).ok()?)),
        number => Some(Text::Kept(u32::try_from(number - 2).ok()?)),
    })
}

fn write_bindings(of: &Registration, digest: &Digest, flags: &mut Flags, out: &mut Out<'_>) {
    flags.set(Flags::NO_BINDING, of.bindings.is_empty());
    if let [only] = &of.bindings[..]
        && let Some(seconds) = of.expires
        && only.until == only.granted.at.after(Duration::from_secs(seconds.into()))
        && of.has_contact
        && only.contact.key == of.contact.key(digest)
        && let Some(back) = step_at(&of.timeline, |step| (step.at, step.place) == (only.granted.at, only.granted.place))
    {
        flags.set(Flags::BINDING, true);
        out.byte(back);
        out.bytes(&only.contact.holder.to_le_bytes());
    } else if !of.bindings.is_empty() {
        out.number(of.bindings.len() as u64);
        for Binding { contact, until, granted } in &of.bindings {
            write_contact(*contact, out);
            out.signed(until.nanos());
            out.signed(granted.at.nanos());
            out.number(granted.place.file.into());
            out.number(granted.place.frame);
        }
    }
}

/// That of the contact lacks its key, which follows from the contact's name.
fn read_bindings(into: &mut Registration, flags: Flags, from: &mut In<'_>) -> Option<()> {
    if flags.has(Flags::BINDING) {
        let step = step_back(&into.timeline, from.byte()?)?;
        let granted = Moment { at: step.at, place: step.place };
        let holder = u32::from_le_bytes(from.chunk()?);
        let until = granted.at.after(Duration::from_secs(into.expires?.into()));
        into.bindings.push(Binding { contact: Contact { key: 0, holder }, until, granted });
    } else if !flags.has(Flags::NO_BINDING) {
        for _ in 0..from.number()? {
            let contact = read_contact(from)?;
            let until = Timestamp::from_nanos(from.signed()?);
            let at = Timestamp::from_nanos(from.signed()?);
            let place = Place { file: from.number32()?, frame: from.number()? };
            into.bindings.push(Binding { contact, until, granted: Moment { at, place } });
        }
    }
    Some(())
}

fn write_contact(contact: Contact, out: &mut Out<'_>) {
    out.bytes(&contact.key.to_le_bytes());
    out.bytes(&contact.holder.to_le_bytes());
}

fn read_contact(from: &mut In<'_>) -> Option<Contact> {
    Some(Contact { key: u64::from_le_bytes(from.chunk()?), holder: u32::from_le_bytes(from.chunk()?) })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use proptest::prelude::*;

    use super::addresses::{TRANSPORTS, split_address};
    use super::steps::first_grant;
    use super::*;
    use crate::codes::Code;
    use crate::event::{Path, Transport};
    use crate::track::registration::contact::{Address, Wish};
    use crate::track::registration::server::bare_host;
    use crate::track::registration::{Hop, Saved, Transaction, short};
    use crate::track::transaction::Seen;

    fn at() -> impl Strategy<Value = Timestamp> {
        let near =
            (0_i64..1_000_000).prop_map(|micros| Timestamp::from_nanos(1_800_000_000_000_000_000 + micros * 1000));
        let nanos = (0_i64..1_000_000).prop_map(|nanos| Timestamp::from_nanos(1_800_000_000_000_000_000 + nanos));
        prop_oneof![8 => near, 1 => nanos, 1 => any::<i64>().prop_map(Timestamp::from_nanos)]
    }

    fn moment() -> impl Strategy<Value = Moment> {
        let file = prop_oneof![9 => Just(0), 1 => any::<u32>()];
        let frame = prop_oneof![9 => 1_u64..1000, 1 => any::<u64>()];
        (at(), file, frame).prop_map(|(at, file, frame)| Moment { at, place: Place { file, frame } })
    }

    fn code() -> impl Strategy<Value = Code> {
        prop_oneof![4 => prop::sample::select(&[1010, 1011, 1012, 200, 401][..]), 1 => any::<u16>()].prop_map(Code::new)
    }

    fn path() -> impl Strategy<Value = Path> {
        let ip = prop_oneof![
            4 => any::<[u8; 4]>().prop_map(IpAddr::from),
            1 => any::<[u8; 16]>().prop_map(IpAddr::from),
        ];
        let port = prop_oneof![Just(5060), any::<u16>()];
        let address = (ip, port).prop_map(SocketAddr::from);
        let transport = prop_oneof![3 => Just(Transport::Udp), 1 => prop::sample::select(&TRANSPORTS[..])];
        (address.clone(), address, transport).prop_map(|(src, dst, transport)| Path { src, dst, transport })
    }

    fn texts() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[a-c]{1,3}|x{250,260}|.{0,9}")
    }

    fn contact() -> impl Strategy<Value = Contact> {
        any::<(u64, u32)>().prop_map(|(key, holder)| Contact { key, holder })
    }

    fn wish() -> impl Strategy<Value = Wish> {
        prop_oneof![
            (contact(), any::<u32>()).prop_map(|(contact, seconds)| Wish::Bind(contact, seconds)),
            proptest::collection::vec((contact(), any::<u32>()), 2..4).prop_map(Wish::BindAll),
            Just(Wish::RemoveAll),
            Just(Wish::Query),
        ]
    }

    type Names = (Option<String>, Option<String>, String, Option<String>, bool, Vec<u8>);
    /// A transaction without its answer's phrase, and the phrase, if there is an answer.
    type Said = (Transaction, Option<Option<String>>);

    /// As messages make it, and as a state that is damaged may make it.
    fn registration() -> impl Strategy<Value = (Registration, Names, Vec<Said>)> {
        let names = (
            texts(),
            texts(),
            "sip:[+0-9]{3,9}@(a|b.c|x{260})|.{0,12}",
            proptest::option::of("(sip:)?[+0-9]{3}@1.2.3.4(:[0-9]{1,4})?.{0,3}|.{0,12}"),
            any::<bool>(),
            proptest::collection::vec(any::<u8>(), 0..40),
        );
        let step = (moment(), code()).prop_map(|(Moment { at, place }, code)| Step { at, code, place });
        let answer = proptest::option::of((code(), texts()));
        let own = (any::<bool>(), path(), proptest::option::of(wish()), 0_u16..3, any::<bool>());
        let transaction = (any::<u64>(), any::<u32>(), own, at(), answer);
        let counts =
            (any::<Option<u32>>(), any::<Option<u32>>(), 0..u32::MAX / 2, 0_u32..200, any::<bool>(), any::<bool>());
        let lists = (
            proptest::collection::vec(step, 0..5),
            proptest::collection::vec((contact(), at(), moment(), any::<(bool, bool, bool)>()), 0..3),
            proptest::collection::vec(transaction, 0..3),
            proptest::collection::vec(any::<u64>(), 0..3),
        );
        (moment(), names, counts, lists, path(), (at(), proptest::option::of(at()), any::<bool>(), 0_usize..5))
            .prop_map(
                |(
                    start,
                    names,
                    counts,
                    (mut steps, bindings, transactions, recent),
                    path,
                    (last, registered, usual, cause),
                )| {
                    let mut of = Registration { start, path, last, registered, ..Registration::default() };
                    (of.attempt, of.expires, of.refreshes, of.messages, of.challenged, of.replaced) = counts;
                    of.cause = CAUSES[cause];
                    of.seen = Seen { next: recent.len() as u32, recent: recent.into() };
                    if usual {
                        steps.sort_by_key(|step| (step.at, step.place));
                        if let Some(first) = steps.first_mut() {
                            (first.at, first.place) = (start.at, start.place);
                        }
                        of.last = steps.last().map_or(start.at, |step| step.at);
                        of.registered = first_grant(&steps);
                    }
                    for (contact, until, granted, (by_step, for_expires, _)) in bindings {
                        let granted = match steps.last().filter(|_| by_step) {
                            Some(step) => Moment { at: step.at, place: step.place },
                            None => granted,
                        };
                        let lifetime = Duration::from_secs(of.expires.unwrap_or_default().into());
                        let until = if for_expires { granted.at.after(lifetime) } else { until };
                        of.bindings.push(Binding { contact, until, granted });
                    }
                    let mut with_answers = Vec::new();
                    for (key, cseq, (own_hop, hop, wish, depth, own_cseq), began, answer) in transactions {
                        let cseq = if own_cseq { of.attempt.unwrap_or(cseq) } else { cseq };
                        let began = steps.last().filter(|_| own_cseq).map_or(began, |step| step.at);
                        let hop = Hop::of(if own_hop { path } else { hop }, &path);
                        let (code, phrase) = answer.map_or((None, None), |(code, phrase)| (Some(code), Some(phrase)));
                        let answer = code.map(|code| (code, None));
                        with_answers
                            .push((Transaction { key: short(key), cseq, depth, hop, wish, began, answer }, phrase));
                    }
                    of.timeline = steps;
                    (of, names, with_answers)
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn who_wakes_is_who_fell_asleep(
            (mut of, (registrar, agent, aor, contact, as_sent, call_id), transactions) in registration(),
            base in moment(),
            of_client in any::<(bool, bool, bool)>(),
        ) {
            let (digest, mut shared) = (Digest::default(), Shared::default());
            let known = &mut Known { digest: &digest, shared: &mut shared };
            let mut own = |text: String| known.shared.texts.own(&digest, &text);
            of.registrar = registrar.clone().map(&mut own);
            of.user_agent = agent.map(&mut own);
            for (mut transaction, phrase) in transactions {
                if let (Some(answer), Some(phrase)) = (&mut transaction.answer, phrase) {
                    answer.1 = phrase.map(&mut own);
                }
                of.transactions.push(transaction);
            }
            let address = |text: String| Address { text, as_sent, key: (!as_sent).then_some(7) };
            let aor = match registrar.filter(|_| of_client.0) {
                Some(registrar) => {
                    let uri = format!("sip:{registrar}");
                    let is_bare = bare_host(uri.as_bytes()).is_some();
                    known.shared.asked = of.registrar.clone().filter(|_| is_bare).map(|of| (uri.into_bytes(), of));
                    format!("sip:+1-2@{registrar}")
                }
                None => aor,
            };
            of.has_contact = contact.is_some();
            if let Some(mut contact) = contact {
                if let Some((user, _)) = split_address(&aor).filter(|_| of_client.1) {
                    contact = format!("sip:{user}@{}{}", of.path.src, if of_client.2 { "" } else { ";x=y" });
                }
                of.contact = address(contact);
            }
            if let [binding] = &mut of.bindings[..] && of_client.2 {
                binding.contact.key = of.contact.key(&digest);
            }
            of.aor = address(aor);
            of.call_id = if of_client.1 { format!("abcdef@{}", of.path.src.ip()).into() } else { call_id };

            let (mut bytes, mut passing) = (vec![1, 2, 3], vec![4]);
            write(&of, base, known, &mut bytes);
            let is_more = write_passing(&of, &mut passing);
            let mut back = Registration::default();
            prop_assert_eq!(read(&bytes, base, &digest, &shared, Purpose::Wake, &mut back), Some(()));
            let mut later = of.clone();
            later.forget_what_passed();
            prop_assert_eq!((&back.transactions, &back.seen), (&later.transactions, &later.seen));
            prop_assert!(is_more || (&back.transactions, &back.seen) == (&of.transactions, &of.seen));
            let known = &mut Known { digest: &digest, shared: &mut shared };
            let mut again = Vec::new();
            write(&back, base, known, &mut again);
            prop_assert_eq!(&again, &bytes);
            prop_assert_eq!(read_passing(&passing, &mut back), Some(()));
            prop_assert_eq!(start(&bytes, base), Some(of.start));
            // A digest that somebody asked for once need not be known any more, and the other way round.
            for of in [&mut of, &mut back] {
                of.contact.key = Some(of.contact.key(&digest));
                of.aor.key = Some(of.aor.key(&digest));
            }
            prop_assert_eq!(&back, &of);
            // Cut anywhere, it is none, or another one; nothing worse.
            for len in 0..bytes.len() {
                let _ = read(&bytes[..len], base, &digest, &shared, Purpose::Tell, &mut Registration::default());
            }

            // Another contact is written anew.
            let known = &mut Known { digest: &digest, shared: &mut shared };
            back.set_contact(&digest, b"sip:another@example.net", None);
            write(&back, base, known, &mut bytes);
            let mut another = Registration::default();
            prop_assert_eq!(read(&bytes, base, &digest, &shared, Purpose::Tell, &mut another), Some(()));
            prop_assert_eq!(&another.contact.text, "sip:another@example.net");

            let saved = postcard::to_allocvec(&Saved::of(&of, &shared)).unwrap();
            let saved: Saved = postcard::from_bytes(&saved).unwrap();
            let mut resumed = Registration::default();
            saved.resume(&mut Known { digest: &digest, shared: &mut shared }, &mut resumed);
            resumed.contact.key = Some(resumed.contact.key(&digest));
            resumed.aor.key = Some(resumed.aor.key(&digest));
            prop_assert_eq!(&resumed, &of);
        }
    }
}

//! How the transactions of a registration are written. Asleep there is one, nearly always, and it is answered.

use super::addresses::{read_address, read_transport, write_address, write_transport};
use super::flow::{In, Out};
use super::{Flags, read_contact, read_text, step_at, step_back, write_contact, write_text};
use crate::codes::Code;
use crate::event::Path;
use crate::time::Timestamp;
use crate::track::registration::contact::Wish;
use crate::track::registration::{Hop, KEY_LEN, Registration, Transaction};

/// The codes of most answers, four bits each.
const CODES: [u16; 15] = [200, 401, 403, 404, 407, 408, 423, 480, 486, 500, 503, 504, 100, 301, 302];

const RARE: u8 = CODES.len() as u8;

/// The number of a code among them, or [`RARE`].
pub(super) fn nibble_of(code: Code) -> u8 {
    CODES.iter().position(|usual| *usual == code.get()).map_or(RARE, |nibble| nibble as u8)
}

pub(super) fn write_transactions(of: &Registration, flags: &mut Flags, out: &mut Out<'_>) {
    let attempt = of.transactions.iter().filter(|transaction| of.is_of_attempt(transaction));
    let count = attempt.clone().count();
    flags.set(Flags::NO_TRANSACTION, count == 0);
    if let Some(only) = attempt.clone().next().filter(|_| count == 1)
        && (only.depth, &only.hop, &only.wish) == (1, &Hop::First, &None)
        && let Some((code, phrase)) = &only.answer
        && let Some(back) = step_at(&of.timeline, |step| step.at == only.began)
        && nibble_of(*code) != RARE
    {
        flags.set(Flags::TRANSACTION, true);
        out.byte(back | nibble_of(*code) << 4);
        write_key(only.key, out);
        write_text(phrase.as_ref(), out);
    } else if count > 0 {
        out.number(count as u64);
        attempt.for_each(|transaction| write_transaction(transaction, out));
    }
}

pub(super) fn read_transactions(into: &mut Registration, flags: Flags, from: &mut In<'_>) -> Option<()> {
    if flags.has(Flags::TRANSACTION) {
        let byte = from.byte()?;
        let began = step_back(&into.timeline, byte & 15)?.at;
        let code = Code::new(*CODES.get(usize::from(byte >> 4))?);
        let key = read_key(from)?;
        let answer = Some((code, read_text(from)?));
        let cseq = into.attempt?;
        into.transactions.push(Transaction { key, cseq, depth: 1, hop: Hop::First, wish: None, began, answer });
    } else if !flags.has(Flags::NO_TRANSACTION) {
        for _ in 0..from.number()? {
            let transaction = read_transaction(from)?;
            into.transactions.push(transaction);
        }
    }
    Some(())
}

pub(super) fn write_key(key: u64, out: &mut Out<'_>) {
    out.bytes(key.to_le_bytes().first_chunk::<KEY_LEN>().unwrap_or(&[0; KEY_LEN]));
}

pub(super) fn read_key(from: &mut In<'_>) -> Option<u64> {
    let mut key = [0; 8];
    *key.first_chunk_mut()? = from.chunk::<KEY_LEN>()?;
    Some(u64::from_le_bytes(key))
}

pub(super) fn write_transaction(of: &Transaction, out: &mut Out<'_>) {
    write_key(of.key, out);
    out.number(of.cseq.into());
    out.number(of.depth.into());
    out.bytes(&of.began.nanos().to_le_bytes());
    match &of.hop {
        Hop::First => out.byte(1),
        Hop::Other(path) => {
            out.byte(0);
            write_address(path.src, out);
            write_address(path.dst, out);
            write_transport(path.transport, out);
        }
    }
    match &of.wish {
        None => out.byte(0),
        Some(Wish::RemoveAll) => out.byte(1),
        Some(Wish::Query) => out.byte(2),
        Some(wish @ (Wish::Bind(..) | Wish::BindAll(_))) => {
            out.byte(if matches!(wish, Wish::Bind(..)) { 3 } else { 4 });
            out.number(wish.contacts().count() as u64);
            for (contact, seconds) in wish.contacts() {
                write_contact(contact, out);
                out.number(seconds.into());
            }
        }
    }
    out.option(of.answer.as_ref().map(|(code, _)| code.get().into()));
    if let Some((_, phrase)) = &of.answer {
        write_text(phrase.as_ref(), out);
    }
}

pub(super) fn read_transaction(from: &mut In<'_>) -> Option<Transaction> {
    let key = read_key(from)?;
    let (cseq, depth) = (from.number32()?, u16::try_from(from.number()?).ok()?);
    let began = Timestamp::from_nanos(i64::from_le_bytes(from.chunk()?));
    let hop = match from.byte()? {
        1 => Hop::First,
        _ => {
            let (src, dst) = (read_address(from)?, read_address(from)?);
            Hop::Other(Box::new(Path { src, dst, transport: read_transport(from)? }))
        }
    };
    let wish = match from.byte()? {
        0 => None,
        1 => Some(Wish::RemoveAll),
        2 => Some(Wish::Query),
        many => {
            let mut contacts = Vec::new();
            for _ in 0..from.number()? {
                contacts.push((read_contact(from)?, from.number32()?));
            }
            match (many, &contacts[..]) {
                (3, [(contact, seconds)]) => Some(Wish::Bind(*contact, *seconds)),
                _ => Some(Wish::BindAll(contacts)),
            }
        }
    };
    let answer = match from.option()? {
        Some(code) => Some((Code::new(u16::try_from(code).ok()?), read_text(from)?)),
        None => None,
    };
    Some(Transaction { key, cseq, depth, hop, wish, began, answer })
}

//! How a Call-ID is written: nearly all of it was made up at random, most often in hexadecimal, and behind the `@` stands
//! what many have in common.

use memchr::memrchr;

use super::flow::{self, HEX, In, Out, Short, hex_run, read_hex, write_hex};
use crate::track::texts::Texts;
use crate::track::transaction::Digest;

/// Behind the `@` stands the client's address.
const OF_CLIENT: u8 = 1;
/// Or another host.
const OF_HOST: u8 = 2;
/// Before it, or all of it, is a UUID (RFC 9562 4).
const UUID: u8 = 4;

/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const UUID_LEN: usize = 36;

/// Fewer digits than these are not worth to be told apart.
const LEAST_RUN: usize = 4;
/// Bytes of a run, at most; the upper bit says that they are digits.
const MOST_RUN: usize = 127;
const DIGITS: u8 = 0x80;

fn is_uuid(bytes: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| if HYPHENS.contains(&at) { *byte == b'-' } else { HEX.has(*byte) };
    bytes.len() == UUID_LEN && bytes.iter().enumerate().all(fits)
}

/// The parts of a UUID between its hyphens.
fn parts(uuid: &[u8]) -> impl Iterator<Item = &[u8]> {
    uuid.split(|byte| *byte == b'-')
}

/// The UUID of 32 digits.
fn with_hyphens(digits: &[u8]) -> Option<[u8; UUID_LEN]> {
    let (first, rest) = digits.split_first_chunk::<8>()?;
    let (three, last) = rest.as_chunks::<4>().0.split_at_checked(3)?;
    let mut uuid = [b'-'; UUID_LEN];
    uuid.first_chunk_mut().map(|place| *place = *first)?;
    for (index, part) in three.iter().enumerate() {
        uuid.get_mut(9 + 5 * index..)?.first_chunk_mut().map(|place| *place = *part)?;
    }
    uuid.last_chunk_mut().map(|place: &mut [u8; 12]| place.copy_from_slice(last.as_flattened()))?;
    Some(uuid)
}

/// The part before the `@`, and what behind it is shorter elsewhere.
fn split<'c>(call_id: &'c [u8], client: &Short, digest: &Digest, hosts: &mut Texts) -> (&'c [u8], u8, Option<u32>) {
    let Some(at) = memrchr(b'@', call_id) else { return (call_id, 0, None) };
    let (local, host) = (call_id.get(..at).unwrap_or_default(), call_id.get(at + 1..).unwrap_or_default());
    if client.bytes() == host {
        return (local, OF_CLIENT, None);
    }
    match std::str::from_utf8(host).ok().and_then(|host| hosts.number(digest, host)) {
        Some(number) => (local, OF_HOST, Some(number)),
        None => (call_id, 0, None),
    }
}

pub(super) fn write(call_id: &[u8], client: &Short, digest: &Digest, hosts: &mut Texts, out: &mut Out<'_>) {
    let (local, host, number) = split(call_id, client, digest, hosts);
    let uuid = is_uuid(local);
    out.byte(host | if uuid { UUID } else { 0 });
    number.into_iter().for_each(|number| out.number(number.into()));
    if uuid {
        return parts(local).for_each(|part| write_hex(part, out));
    }
    out.number(local.len() as u64);
    let mut rest = local;
    while !rest.is_empty() {
        // A run of digits, or what is before the next one.
        let run = hex_run(rest.get(..MOST_RUN).unwrap_or(rest));
        let is_run = run >= LEAST_RUN;
        let len = if is_run { run } else { (1..rest.len()).find(|at| begins_run(rest, *at)).unwrap_or(rest.len()) };
        let (part, after) = rest.split_at(len.min(MOST_RUN));
        rest = after;
        if is_run {
            out.byte(part.len() as u8 | DIGITS);
            write_hex(part, out);
        } else {
            out.byte(part.len() as u8);
            out.bytes(part);
        }
    }
}

fn begins_run(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + LEAST_RUN).is_some_and(|bytes| bytes.iter().all(|byte| HEX.has(*byte)))
}

pub(super) fn read(call_id: &mut Vec<u8>, client: &Short, hosts: &Texts, from: &mut In<'_>) -> Option<()> {
    let kind = from.byte()?;
    let host = if kind & OF_HOST != 0 { Some(hosts.numbered(from.number32()?)?) } else { None };
    if kind & UUID != 0 {
        call_id.extend_from_slice(&with_hyphens(flow::unpacked_all(from.chunk()?).as_flattened())?);
    } else {
        let len = usize::try_from(from.number()?).ok()?;
        while call_id.len() < len {
            let run = from.byte()?;
            let count = usize::from(run & !DIGITS);
            if run & DIGITS != 0 {
                read_hex(count, call_id, from)?;
            } else {
                call_id.extend_from_slice(from.bytes(count)?);
            }
        }
    }
    let host = host.map(|host| host.as_bytes()).or_else(|| (kind & OF_CLIENT != 0).then(|| client.bytes()));
    if let Some(host) = host {
        call_id.push(b'@');
        call_id.extend_from_slice(host);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(call_id: &[u8]) -> (usize, Vec<u8>) {
        let (digest, mut hosts, mut bytes) = (Digest::default(), Texts::default(), Vec::new());
        let client = &Short::ip("192.0.2.17".parse().expect("an address"));
        write(call_id, client, &digest, &mut hosts, &mut Out(&mut bytes));
        let (mut back, mut from) = (Vec::new(), In(&bytes));
        assert_eq!(read(&mut back, client, &hosts, &mut from), Some(()));
        assert!(from.0.is_empty());
        (bytes.len(), back)
    }

    #[test]
    fn call_ids_that_are_usual_are_short() {
        for (call_id, most) in [
            ("ad0819b2fe8822da2129afb5732a4f26@192.0.2.17", 19),
            ("ad0819b2fe8822da2129afb5732a4f26@192.0.2.18", 20),
            ("0855b6e1-c498-77cd-24b4-ed2d4119ae1a", 17),
            ("BW073250c9ea3c0d0ca29fc-7a5f147c@sbc4.example.net", 25),
            ("3834214816_14426952@192.0.2.10", 16),
            ("", 2),
        ] {
            let (len, back) = there_and_back(call_id.as_bytes());
            assert_eq!(back, call_id.as_bytes());
            assert!(len <= most, "{call_id}: {len}");
        }
    }

    proptest! {
        #[test]
        fn every_call_id_comes_back(call_id in "[0-9a-f]{0,9}[0-9a-fA-F@_-]{0,30}(@192.0.2.17|@[a-c@]{0,2}|)|[0-9a-f]{120,300}|[0-9a-f]{8}(-[0-9a-f]{3,4}){3}-[0-9a-f]{12}(@a)?") {
            prop_assert_eq!(there_and_back(call_id.as_bytes()).1, call_id.as_bytes());
        }

        #[test]
        fn bytes_come_back(call_id in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(&there_and_back(&call_id).1, &call_id);
        }
    }
}

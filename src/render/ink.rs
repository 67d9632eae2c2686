//! What is about to go out, gathered in one buffer that is used again and again: every row holds a hundred short pieces, and
//! what each costs beyond its bytes is most of what printing costs. Knows no format; what a cell says is what its `Display`
//! says.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::report::Cell;
use crate::report::row::Seconds;
use crate::time::{Rfc3339, Stamp, eight_digits};

/// A short text of ours that is printed in every row. Kept in as many bytes as any may have, so that it is copied without
/// asking how long it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    bytes: [u8; 32],
    length: usize,
}

impl Piece {
    /// A text of at most 32 bytes.
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self { bytes, length: text.len() }
    }
}

/// The parts of an IPv4 address, each with a point behind it, and how long they are.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < octets.len() {
        let [hundreds, tens, ones] = [octet / 100, octet / 10 % 10, octet % 10];
        let [hundreds, tens, ones] = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        octets[octet] = match octet {
            0..10 => ([ones, b'.', b'.', b'.'], 2),
            10..100 => ([tens, ones, b'.', b'.'], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        octet += 1;
    }
    octets
};

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(super) struct Ink {
    bytes: Vec<u8>,
    stamp: Stamp,
    /// Reused: words that may need an escape.
    words: String,
}

impl Ink {
    /// What was pushed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    #[inline]
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn push<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Of these bytes the first `length`. All are copied, as that takes no loop.
    #[inline]
    fn push_first<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        let end = self.bytes.len() + length;
        self.bytes.extend_from_slice(bytes);
        self.bytes.truncate(end);
    }

    #[inline]
    pub(super) fn push_piece(&mut self, piece: &Piece) {
        self.push_first(&piece.bytes, piece.length);
    }

    #[inline]
    pub(super) fn push_flag(&mut self, flag: bool) {
        match flag {
            true => self.push(b"true"),
            false => self.push(b"false"),
        }
    }

    #[inline]
    pub(super) fn push_number(&mut self, number: u64) {
        match number {
            0..10 => self.push(&[b'0' + number as u8]),
            _ => self.push_long_number(number),
        }
    }

    #[inline(never)]
    fn push_long_number(&mut self, number: u64) {
        match number {
            0..100_000_000 => {
                // A zero is 0x30: what is left of the others says where the first of them is.
                let digits = u64::from_le_bytes(eight_digits(number as u32));
                let zeros = (digits & 0x0f0f_0f0f_0f0f_0f0f).trailing_zeros() / 8;
                self.push_first(&(digits >> (zeros * 8 % 64)).to_le_bytes(), 8 - zeros as usize);
            }
            _ => self.push_bytes(itoa::Buffer::new().format(number).as_bytes()),
        }
    }

    #[inline]
    pub(super) fn push_time(&mut self, time: Rfc3339) {
        let (printed, length) = self.stamp.print(time);
        self.push_first(&printed, length);
    }

    #[inline(never)]
    pub(super) fn push_seconds(&mut self, seconds: Seconds) {
        let (whole, fraction, length) = seconds.print();
        self.push_number(whole);
        self.push_first(&fraction, length);
    }

    #[inline(never)]
    pub(super) fn push_address(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(address) => {
                for octet in address.ip().octets() {
                    let (text, length) = OCTETS[usize::from(octet)];
                    self.push_first(&text, length.into());
                }
                // In place of the last point.
                self.bytes.pop();
                self.push(b":");
                self.push_number(address.port().into());
            }
            SocketAddr::V6(_) => self.push_displayed(&Cell::Address(address)),
        }
    }

    /// What is seldom said, or long.
    #[inline(never)]
    fn push_displayed(&mut self, cell: &Cell<'_>) {
        self.words.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.words, "{cell}");
        let words = std::mem::take(&mut self.words);
        self.push_bytes(words.as_bytes());
        self.words = words;
    }

    /// What the cell says as plain text; an unknown one says nothing.
    pub(super) fn push_cell(&mut self, cell: &Cell<'_>) {
        match *cell {
            Cell::Unknown => {}
            Cell::Text(characters) | Cell::Name(characters) => self.push_bytes(characters.as_bytes()),
            Cell::Flag(flag) => self.push_flag(flag),
            Cell::Integer(number) => self.push_number(number),
            Cell::Seconds(seconds) => self.push_seconds(seconds),
            Cell::Time(time) => self.push_time(time),
            Cell::Address(address) => self.push_address(address),
            _ => self.push_displayed(cell),
        }
    }

    /// Lets these words be put together and be pushed in the buffer that is there for them.
    pub(super) fn with_words(&mut self, make: impl FnOnce(&mut String), push: impl FnOnce(&mut Self, &str)) {
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        make(&mut words);
        push(self, &words);
        self.words = words;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::column::{CALLS, REGISTRATIONS};
    use crate::report::stream::STREAMS;
    use crate::report::transaction::TRANSACTIONS;
    use crate::report::{Column, Row, samples};
    use proptest::prelude::*;
    use std::time::Duration;

    /// What comes of several pushes, behind which older and longer text lies.
    fn pushed(push: impl FnOnce(&mut Ink)) -> String {
        let mut ink = Ink::default();
        ink.push_bytes("older text ".repeat(400).as_bytes());
        ink.clear();
        push(&mut ink);
        String::from_utf8(ink.bytes().to_vec()).unwrap()
    }

    #[test]
    fn every_cell_says_what_it_displays() {
        fn check<R>(columns: &[Column<R>], row: &R) {
            for column in columns {
                let cell = (column.cell)(row);
                assert_eq!(pushed(|ink| ink.push_cell(&cell)), cell.to_string(), "{}", column.key);
            }
        }
        for row in samples::rows() {
            match &row {
                Row::Call(row) => check(CALLS, row),
                Row::Registration(row) => check(REGISTRATIONS, row),
                Row::Transaction(row) => check(TRANSACTIONS, row),
                Row::Stream(_) => {}
            }
            row.streams().iter().for_each(|row| check(STREAMS, row));
        }
    }

    #[test]
    fn pieces_of_any_length_follow_each_other() {
        let pieces = ["", "a", "sixteen bytes ..", "as many bytes as there may be .."];
        let pushed = pushed(|ink| pieces.iter().cycle().take(800).for_each(|piece| ink.push_piece(&Piece::new(piece))));
        assert_eq!(pushed, pieces.concat().repeat(200));
    }

    proptest! {
        #[test]
        fn what_is_printed_here_is_what_the_library_prints(
            address in any::<SocketAddr>(),
            (number, small) in (any::<u64>(), 0_u64..100_000),
            span in any::<Duration>(),
            times in prop::collection::vec((any::<i64>(), 0_u8..=9), 0..4),
        ) {
            let seconds = Seconds::new(span, 6);
            let times: Vec<_> = times.into_iter().map(|(at, digits)| crate::time::Timestamp::from_nanos(at).rfc3339(digits)).collect();
            let text = pushed(|ink| {
                ink.push_address(address);
                ink.push(b" ");
                ink.push_number(number);
                ink.push(b" ");
                ink.push_number(small);
                ink.push(b" ");
                ink.push_seconds(seconds);
                times.iter().for_each(|time| ink.push_time(*time));
            });
            let times: String = times.iter().map(ToString::to_string).collect();
            prop_assert_eq!(text, format!("{address} {number} {small} {seconds}{times}"));
        }
    }
}

//! Numbers and texts one behind the other, as short as they are. Knows nothing of what they stand for.

use std::fmt::Write;
use std::net::IpAddr;

/// Takes them in.
pub(super) struct Out<'o>(pub(super) &'o mut Vec<u8>);

/// Gives them back. `None` where there is no such thing.
pub(super) struct In<'i>(pub(super) &'i [u8]);

impl Out<'_> {
    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first.
    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        if number < 0x80 { self.byte(number as u8) } else { self.long_number(number) }
    }

    fn long_number(&mut self, mut number: u64) {
        let [low, middle, high] = [number as u8 | 0x80, (number >> 7) as u8, (number >> 14) as u8];
        match number {
            0x80..0x4000 => return self.bytes(&[low, middle]),
            0x4000..0x20_0000 => return self.bytes(&[low, middle | 0x80, high]),
            _ => {}
        }
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// The sign in the lowest bit.
    #[inline]
    pub(super) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63) as u64);
    }

    /// One below the greatest number, at most.
    pub(super) fn option(&mut self, number: Option<u64>) {
        self.number(number.map_or(0, |number| number.saturating_add(1)));
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.bytes(text);
    }
}

impl<'i> In<'i> {
    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'i [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }

    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        match self.0 {
            [byte @ ..0x80, rest @ ..] => {
                self.0 = rest;
                Some(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Option<u64> {
        // Two bytes or three, nearly always.
        let part = |byte: u8, index: u32| u64::from(byte & 0x7f) << (7 * index);
        match self.0 {
            [first, second @ ..0x80, rest @ ..] => {
                self.0 = rest;
                return Some(part(*first, 0) | part(*second, 1));
            }
            [first, second, third @ ..0x80, rest @ ..] => {
                self.0 = rest;
                return Some(part(*first, 0) | part(*second, 1) | part(*third, 2));
            }
            _ => {}
        }
        let mut number = 0;
        for (index, byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.0 = self.0.get(index + 1..)?;
                return Some(number);
            }
        }
        None
    }

    #[inline]
    pub(super) fn number32(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    #[expect(
        clippy::option_option,
        reason = "one says that there is nothing to read, the other that nothing was written"
    )]
    pub(super) fn option(&mut self) -> Option<Option<u64>> {
        Some(self.number()?.checked_sub(1))
    }

    pub(super) fn text(&mut self) -> Option<&'i [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.bytes(len)
    }
}

/// A short alphabet, whose letters take half a byte each.
pub(super) struct Alphabet {
    letters: [u8; 16],
    /// What is no letter has [`Self::NONE`].
    digits: [u8; 256],
}

impl Alphabet {
    const NONE: u8 = u8::MAX;

    pub(super) const fn new(letters: &[u8; 16]) -> Self {
        let mut digits = [Self::NONE; 256];
        let mut digit = 0;
        while digit < letters.len() {
            digits[letters[digit] as usize] = digit as u8;
            digit += 1;
        }
        Self { letters: *letters, digits }
    }

    fn digit(&self, letter: u8) -> u8 {
        self.digits.get(usize::from(letter)).copied().unwrap_or(Self::NONE)
    }

    fn letter(&self, digit: u8) -> u8 {
        self.letters.get(usize::from(digit & 15)).copied().unwrap_or_default()
    }

    pub(super) fn has(&self, letter: u8) -> bool {
        self.digit(letter) != Self::NONE
    }

    /// Bytes that so many letters take.
    pub(super) const fn bytes(letters: usize) -> usize {
        letters.div_ceil(2)
    }

    /// Writes letters of this alphabet; whether they all are. Where not, what is written means nothing.
    pub(super) fn write(&self, letters: &[u8], out: &mut Out<'_>) -> bool {
        let mut all = 0;
        let mut digit = |letter: u8| {
            let digit = self.digit(letter);
            all |= digit;
            digit
        };
        let (pairs, last) = letters.as_chunks::<2>();
        out.0.extend(pairs.iter().map(|[first, second]| digit(*first) & 15 | digit(*second) << 4));
        out.0.extend(last.iter().map(|last| digit(*last) & 15));
        all <= 15
    }

    /// Reads so many of them, behind others.
    pub(super) fn read(&self, count: usize, letters: &mut Vec<u8>, from: &mut In<'_>) -> Option<()> {
        let bytes = from.bytes(Self::bytes(count))?;
        let start = letters.len();
        letters.resize(start + 2 * bytes.len(), 0);
        let (pairs, _) = letters.get_mut(start..)?.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(bytes) {
            *pair = [self.letter(*byte), self.letter(byte >> 4)];
        }
        letters.truncate(start + count);
        Some(())
    }
}

/// Hexadecimal digits in lower case: an [`Alphabet`], of which eight letters are written and read at once.
pub(super) static HEX: Alphabet = Alphabet::new(b"0123456789abcdef");

/// A byte of each, eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Eight letters of [`HEX`] as [`Alphabet::write`] has them. `None`: they are not.
fn packed(letters: [u8; 8]) -> Option<[u8; 4]> {
    let letters = u64::from_le_bytes(letters);
    // Of `a` to `f` one bit is set that no digit has; `a` is ten.
    let digits = (letters & each(0x0f)) + (letters >> 6 & each(1)) * 9;
    if digits & each(0xf0) != 0 || spelt(digits) != letters {
        return None;
    }
    let pairs = (digits | digits >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some(((fours | fours >> 16) as u32).to_le_bytes())
}

/// The letters of eight digits.
const fn spelt(digits: u64) -> u64 {
    let from_ten = (digits + each(6)) >> 4 & each(1);
    digits + each(b'0') + from_ten * (b'a' - b'0' - 10) as u64
}

/// What [`packed`] was given.
fn unpacked(bytes: [u8; 4]) -> [u8; 8] {
    let fours = u64::from(u32::from_le_bytes(bytes));
    let fours = (fours | fours << 16) & 0x0000_ffff_0000_ffff;
    let pairs = (fours | fours << 8) & 0x00ff_00ff_00ff_00ff;
    let digits = (pairs | pairs << 4) & each(0x0f);
    spelt(digits).to_le_bytes()
}

/// How many hexadecimal digits there are at the beginning.
pub(super) fn hex_run(bytes: &[u8]) -> usize {
    let (eights, _) = bytes.as_chunks::<8>();
    let whole = 8 * eights.iter().take_while(|eight| packed(**eight).is_some()).count();
    let rest = bytes.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|byte| HEX.has(**byte)).count()
}

/// What [`HEX`] writes.
pub(super) fn write_hex(letters: &[u8], out: &mut Out<'_>) {
    let (eights, rest) = letters.as_chunks::<8>();
    for eight in eights {
        match packed(*eight) {
            Some(packed) => out.bytes(&packed),
            None => _ = HEX.write(eight, out),
        }
    }
    HEX.write(rest, out);
}

/// What [`HEX`] reads.
pub(super) fn read_hex(count: usize, letters: &mut Vec<u8>, from: &mut In<'_>) -> Option<()> {
    let bytes = from.bytes(Alphabet::bytes(count))?;
    let start = letters.len();
    let (sixteens, bytes) = bytes.as_chunks::<16>();
    for sixteen in sixteens {
        letters.extend_from_slice(unpacked_all(*sixteen).as_flattened());
    }
    let (fours, bytes) = bytes.as_chunks::<4>();
    for four in fours {
        letters.extend_from_slice(&unpacked(*four));
    }
    // Read to the end, there may be one too many.
    HEX.read(2 * bytes.len(), letters, &mut In(bytes))?;
    letters.truncate(start + count);
    Some(())
}

/// Sixteen bytes, [`unpacked`].
pub(super) fn unpacked_all(bytes: [u8; 16]) -> [[u8; 8]; 4] {
    let (fours, _) = bytes.as_chunks::<4>();
    let mut all = [[0; 8]; 4];
    all.iter_mut().zip(fours).for_each(|(eight, four)| *eight = unpacked(*four));
    all
}

/// What telephone numbers are made of.
static PHONE: Alphabet = Alphabet::new(b"0123456789+*#-._");

/// Writes a text of at most 127 bytes, shorter where it is a telephone number.
pub(super) fn write_number_of_phone(text: &[u8], out: &mut Out<'_>) {
    let start = out.0.len();
    out.byte(text.len() as u8 | 0x80);
    if !PHONE.write(text, out) {
        out.0.truncate(start);
        out.byte(text.len() as u8);
        out.bytes(text);
    }
}

/// Reads it back, behind a text; whether it is a telephone number.
pub(super) fn read_number_of_phone(text: &mut Vec<u8>, from: &mut In<'_>) -> Option<bool> {
    let head = from.byte()?;
    let len = usize::from(head & 0x7f);
    if head >= 0x80 {
        PHONE.read(len, text, from)?;
        return Some(len > 0);
    }
    text.extend_from_slice(from.bytes(len)?);
    Some(false)
}

/// Every octet as text, with a dot behind it, and how long that is.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut texts = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = [b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8];
        texts[octet] = match digits {
            [b'0', b'0', last] => ([last, b'.', 0, 0], 2),
            [b'0', middle, last] => ([middle, last, b'.', 0], 3),
            [first, middle, last] => ([first, middle, last, b'.'], 4),
        };
        octet += 1;
    }
    texts
};

/// A text of a few bytes, in no memory of its own.
pub(super) struct Short {
    bytes: [u8; 64],
    len: usize,
}

impl Short {
    const NONE: Self = Self { bytes: [0; 64], len: 0 };

    /// An address as text: 45 bytes at most.
    pub(super) fn ip(ip: IpAddr) -> Self {
        let mut text = Self::NONE;
        match ip {
            IpAddr::V4(ip) => {
                ip.octets().into_iter().for_each(|octet| text.octet(octet));
                // The last dot is one too many.
                text.len -= 1;
            }
            // There is room for it, and writing into it cannot fail.
            IpAddr::V6(ip) => drop(write!(text, "{ip}")),
        }
        text
    }

    /// A port behind its colon.
    pub(super) fn port(port: u16) -> Self {
        let mut text = Self::NONE;
        text.byte(b':');
        text.decimal(port);
        text
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    /// A number and a dot.
    #[inline]
    fn octet(&mut self, octet: u8) {
        let (text, len) = OCTETS[usize::from(octet)];
        if let Some(place) = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            *place = text;
            self.len += usize::from(len);
        }
    }

    fn decimal(&mut self, number: u16) {
        for weight in [10_000, 1000, 100, 10] {
            if number >= weight {
                self.byte(b'0' + (number / weight % 10) as u8);
            }
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.byte(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            number in any::<u64>().prop_flat_map(|most| 0..=most),
            signed in any::<i64>(),
            option in any::<Option<u32>>(),
            text in "[0-9+*#.a-]{0,40}|[0-9+]{0,20}",
        ) {
            let mut bytes = Vec::new();
            let mut out = Out(&mut bytes);
            out.number(number);
            out.signed(signed);
            out.option(option.map(u64::from));
            out.text(text.as_bytes());
            write_number_of_phone(text.as_bytes(), &mut out);
            let mut from = In(&bytes);
            prop_assert_eq!(from.number(), Some(number));
            prop_assert_eq!(from.signed(), Some(signed));
            prop_assert_eq!(from.option(), Some(option.map(u64::from)));
            prop_assert_eq!(from.text(), Some(text.as_bytes()));
            let mut back = b"x".to_vec();
            prop_assert!(read_number_of_phone(&mut back, &mut from).is_some());
            prop_assert_eq!(&back[1..], text.as_bytes());
            prop_assert_eq!(from.byte(), None);
        }

        #[test]
        fn hexadecimal_is_an_alphabet(text in "[0-9a-f]{0,40}[0-9a-gA-FO]{0,9}|[ -~é]{0,20}", before in "a?") {
            let plainly = text.bytes().take_while(|byte| HEX.has(*byte)).count();
            prop_assert_eq!(hex_run(text.as_bytes()), plainly);
            for letters in [text.as_bytes(), &text.as_bytes()[..plainly]] {
                let (mut bytes, mut plain) = (Vec::new(), Vec::new());
                write_hex(letters, &mut Out(&mut bytes));
                HEX.write(letters, &mut Out(&mut plain));
                prop_assert_eq!(&bytes, &plain);
                let (mut back, mut plain) = (before.clone().into_bytes(), before.clone().into_bytes());
                let (mut from, mut plain_from) = (In(&bytes), In(&bytes));
                let read = read_hex(letters.len(), &mut back, &mut from);
                prop_assert_eq!(read, HEX.read(letters.len(), &mut plain, &mut plain_from));
                prop_assert_eq!((&back, from.0), (&plain, plain_from.0));
            }
        }

        #[test]
        fn nothing_else_upsets_it(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut from = In(&bytes);
            while from.number().is_some() && from.signed().is_some() && from.text().is_some() {
                let _ = read_number_of_phone(&mut Vec::new(), &mut from);
            }
        }
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in ["0.0.0.0", "10.255.9.100", "255.255.255.255", "::", "2001:db8:1234:5678:9abc:def0:1234:5678"] {
            assert_eq!(Short::ip(text.parse().unwrap()).bytes(), text.as_bytes());
        }
        for port in [0, 9, 10, 5060, 65_535] {
            assert_eq!(Short::port(port).bytes(), format!(":{port}").as_bytes());
        }
    }

    #[test]
    fn a_telephone_number_takes_half_of_its_length() {
        let mut bytes = Vec::new();
        write_number_of_phone(b"+14155552671", &mut Out(&mut bytes));
        assert_eq!(bytes.len(), 7);
    }
}

//! What a file is that is no capture sipcodes reads, and what makes one of it. Knows files by their first bytes only.

use super::unpack::Packing;

/// How many first bytes the recognition looks at.
pub(super) const LOOK: usize = 512;

/// How a stranger's file becomes a capture.
#[derive(Clone, Copy)]
enum Way {
    /// A program writes the bytes inside to a pipe.
    Pipe(&'static str),
    /// Wireshark's editcap knows the format.
    Convert,
    /// Microsoft's tool for its event traces.
    Etl,
    /// Only words help.
    Say(&'static str),
}

impl Way {
    /// The way in words, for the file of this name.
    fn remedy(self, file: &str) -> String {
        match self {
            Self::Pipe(program) => format!("unpack it into sipcodes: {program} {file} | sipcodes analyze -"),
            Self::Convert => format!("convert it first: editcap -F pcap {file} converted.pcap"),
            Self::Etl => format!(
                "convert it first, on Windows: etl2pcapng {file} converted.pcapng (or pktmon etl2pcap {file}, where \
                 pktmon wrote it)"
            ),
            Self::Say(words) => words.replace("FILE", file),
        }
    }
}

/// Where, what bytes, what they mean, and the way out.
const SIGNS: &[(usize, &[u8], &str, Way)] = &[
    (0, b"\x1f\x8b", "gzip-compressed data", Way::Pipe("gzip -dc")),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed data", Way::Pipe("zstd -dc")),
    (0, b"\xfd7zXZ\x00", "xz-compressed data", Way::Pipe("xz -dc")),
    (0, b"\x04\x22\x4d\x18", "lz4-compressed data", Way::Pipe("lz4 -dc")),
    (0, b"\x02\x21\x4c\x18", "lz4-compressed data (legacy format)", Way::Pipe("lz4 -dc")),
    (0, b"BZh", "bzip2-compressed data", Way::Pipe("bzip2 -dc")),
    (0, b"\x1f\x9d", "compress(1)-compressed data", Way::Pipe("gzip -dc")),
    (0, b"LZIP", "lzip-compressed data", Way::Pipe("lzip -dc")),
    (0, b"PK\x03\x04", "a ZIP archive", Way::Pipe("unzip -p")),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", Way::Pipe("7z x -so")),
    (0, b"Rar!\x1a\x07", "a RAR archive", Way::Pipe("unrar p -inul")),
    (0, b"MSCF", "a Windows cabinet archive", Way::Say("unpack it first: cabextract FILE")),
    (257, b"ustar", "a tar archive", Way::Say("unpack it first: tar -xf FILE")),
    (0, b"GMBU", "a Microsoft Network Monitor 2 capture", Way::Convert),
    (0, b"RTSS", "a Microsoft Network Monitor 1 capture", Way::Convert),
    (0, b"snoop\0\0\0", "a snoop capture", Way::Convert),
    (0, b"btsnoop\0", "a Bluetooth capture (btsnoop)", Way::Say("capture on the network instead")),
    (0, b"TRSNIFF data", "a Sniffer capture", Way::Convert),
    (0, b"XCP\0", "a NetXRay or Windows Sniffer capture", Way::Convert),
    (0, b"VL\0\0", "a NetXRay 1 capture", Way::Convert),
    (0, b"iptrace 1.0", "an AIX iptrace capture", Way::Convert),
    (0, b"iptrace 2.0", "an AIX iptrace capture", Way::Convert),
    (0, b"\x7fver", "an OmniPeek (WildPackets, Savvius) capture", Way::Convert),
    (0, b"ObserverPktBuffe", "a Network Instruments Observer capture", Way::Convert),
    (0, b"\x05VNF", "a Visual Networks capture", Way::Convert),
    (0, b"TR\0", "an HP-UX nettl trace", Way::Convert),
    (0, b"\xaa\xaa\xaa\xaa", "an Accellent 5Views capture", Way::Convert),
    (0, b"\0\0\x02\0\x12\x05\0\x10", "a Tektronix K12 capture", Way::Convert),
    (0, b"\x0a\x0d\x0d\x0a", "a pcapng file whose first block is damaged", Way::Say("copy it again, in binary mode")),
    (0, b"\x0a\x0a", "a pcapng file that a transfer in text mode damaged", Way::Say("copy it again, in binary mode")),
    (0, b"\x7fELF", "a program (ELF)", Way::Say("name a pcap or pcapng file")),
    (0, b"MZ", "a program (Windows)", Way::Say("name a pcap or pcapng file")),
    (0, b"%PDF", "a PDF document", Way::Say("name a pcap or pcapng file")),
    (0, b"SQLite format 3\0", "an SQLite database", Way::Say("name a pcap or pcapng file")),
];

/// Says what these first bytes of a file are, and what to do. `name` is the file's name for the command line.
///
/// `inside` is the compression that was taken off them: only one is.
pub(super) fn diagnose(first: &[u8], name: &str, inside: Option<Packing>) -> (String, String) {
    let file = shell_name(name);
    if first.is_empty() {
        let within = inside.map_or_else(String::new, |packing| format!(" inside the {} data", packing.name()));
        return (format!("empty, 0 bytes{within}"), "check that the capture was written and copied".to_owned());
    }
    if first.len() < super::pcap::HEADER && begins_like_a_capture(first) {
        let remedy = "copy it again; nothing was captured in what is there".to_owned();
        return (format!("cut short after {} bytes, inside its file header", first.len()), remedy);
    }
    if let Some((what, way)) = stranger(first) {
        let Some(packing) = inside else {
            return (format!("this is {what}, not a pcap or pcapng file"), way.remedy(&file));
        };
        let (name, command) = (packing.name(), packing.command());
        let remedy = match way {
            Way::Pipe(_) if Packing::ALL.iter().any(|known| first.starts_with(known.magic())) => {
                format!("take one layer off: {command} {file} | sipcodes analyze -")
            }
            Way::Pipe(_) | Way::Convert | Way::Etl => {
                format!("unpack it first: {command} {file} > unpacked; then {}", way.remedy("unpacked"))
            }
            Way::Say(_) => way.remedy(&file),
        };
        return (format!("this is {what} inside {name}-compressed data, not a pcap or pcapng file"), remedy);
    }
    let (what, remedy) = if first.iter().all(|byte| *byte == 0) {
        ("only zeros, not a pcap or pcapng file", "copy it again; its content was never written")
    } else if is_text(first) {
        ("text, not a pcap or pcapng file", "name a capture; a hex dump becomes one with text2pcap")
    } else {
        ("not a pcap or pcapng file", "if Wireshark opens it, convert it first: editcap -F pcap FILE converted.pcap")
    };
    (what.to_owned(), remedy.replace("FILE", &file))
}

/// Whether a file that begins so is a capture: one that sipcodes reads, perhaps cut short or damaged, or another
/// program's, to be told and not passed over.
pub(super) fn is_capture(first: &[u8]) -> bool {
    let known = first.len() >= 4 && begins_like_a_capture(first);
    known || matches!(stranger(first), Some((_, Way::Convert | Way::Etl)))
}

/// What is known to begin with these bytes, besides what sipcodes reads.
fn stranger(first: &[u8]) -> Option<(&'static str, Way)> {
    let sign =
        |(at, magic, _, _): &&(usize, &[u8], &str, Way)| first.get(*at..).is_some_and(|bytes| bytes.starts_with(magic));
    if let Some((_, _, what, way)) = SIGNS.iter().find(sign) {
        Some((*what, *way))
    } else if is_etl(first) {
        Some(("a Microsoft event trace (ETL)", Way::Etl))
    } else if is_erf(first) {
        Some(("an Endace capture (ERF)", Way::Convert))
    } else if is_har(first) {
        Some(("a browser's HTTP archive (HAR)", Way::Say("it holds no packets: capture on the network instead")))
    } else if is_printed(first) {
        Some(("what tcpdump prints", Way::Say("write packets instead: tcpdump -w capture.pcap")))
    } else if is_hex_dump(first) {
        Some(("a hex dump", Way::Say("make packets of it: text2pcap FILE converted.pcap")))
    } else {
        None
    }
}

/// The first record of a Windows event trace is a `SYSTEM_TRACE_HEADER` behind a buffer header of 72 bytes: version, type
/// (32 or 64 bits), flags, size, and an event type and group of zero.
fn is_etl(first: &[u8]) -> bool {
    matches!(first.get(72..80), Some([_, 0, 1 | 2, 0xc0, _, _, 0, 0]))
}

/// Endace's records have no magic number: two that follow each other within a day are one.
fn is_erf(first: &[u8]) -> bool {
    let record = |bytes: &[u8]| match *bytes {
        // The time stamp is little-endian, all else big-endian; the upper bit of the type says that more headers follow.
        [_, _, _, _, a, b, c, d, kind, _, high, low, _, _, _, _, ..] if matches!(kind & 0x7f, 1..=48) => {
            Some((u32::from_le_bytes([a, b, c, d]), usize::from(u16::from_be_bytes([high, low]))))
                .filter(|(_, len)| *len >= 16)
        }
        _ => None,
    };
    let Some((seconds, len)) = record(first) else { return false };
    let next = first.get(len..).and_then(record);
    seconds > 0 && next.is_some_and(|(next, _)| next.abs_diff(seconds) < 86_400)
}

/// JSON whose one member is `log`, with its version or creator next.
fn is_har(first: &[u8]) -> bool {
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let dense: Vec<u8> = first.iter().filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
    [&b"{\"log\":{\"version\""[..], b"{\"log\":{\"creator\"", b"{\"log\":{\"pages\"", b"{\"log\":{\"entries\""]
        .iter()
        .any(|begin| dense.starts_with(begin))
}

/// A line that tcpdump prints begins with a time, and says which protocol.
fn is_printed(first: &[u8]) -> bool {
    let Some(line) = first.split(|byte| *byte == b'\n').next() else { return false };
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').take(4).collect();
    let is_time = |word: &[u8]| {
        word.len() >= 8
            && word.iter().enumerate().all(|(at, byte)| match at {
                2 | 5 => *byte == b':',
                8 => *byte == b'.',
                _ => byte.is_ascii_digit(),
            })
    };
    words.iter().position(|word| is_time(word)).is_some_and(|at| {
        at < 2 && words.get(at + 1).is_some_and(|word| [&b"IP"[..], b"IP6", b"ARP,", b"ethertype"].contains(word))
    })
}

/// Lines of an offset, counted from zero, and bytes: each two hexadecimal digits.
fn is_hex_dump(first: &[u8]) -> bool {
    let lines = first.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.take(3).any(|line| {
        let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let offset = words.next().unwrap_or_default();
        let offset = offset.strip_prefix(b"0x").unwrap_or(offset);
        let offset = offset.strip_suffix(b":").unwrap_or(offset);
        let bytes: Vec<&[u8]> = words.take(8).collect();
        let hex = |word: &&[u8]| matches!(word.len(), 2 | 4) && word.iter().all(u8::is_ascii_hexdigit);
        (3..=8).contains(&offset.len())
            && offset.iter().all(|byte| *byte == b'0')
            && bytes.len() >= 4
            && bytes.iter().take(4).all(hex)
    })
}

fn begins_like_a_capture(first: &[u8]) -> bool {
    let magics: [&[u8]; 7] = [
        b"\xa1\xb2\xc3\xd4",
        b"\xd4\xc3\xb2\xa1",
        b"\xa1\xb2\x3c\x4d",
        b"\x4d\x3c\xb2\xa1",
        b"\xa1\xb2\xcd\x34",
        b"\x34\xcd\xb2\xa1",
        b"\x0a\x0d\x0d\x0a",
    ];
    magics.iter().any(|magic| first.starts_with(magic) || magic.starts_with(first))
}

fn is_text(first: &[u8]) -> bool {
    let controls = first.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()).count();
    // UTF-16 says so itself; the look may end inside a character of UTF-8.
    let readable = std::str::from_utf8(first).map_or_else(|error| error.error_len().is_none(), |_| true);
    first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") || (readable && controls == 0)
}

/// A capture's name as a shell takes it back; of standard input nobody knows it.
pub(super) fn shell_name(name: &str) -> String {
    if name == "-" {
        return "FILE".to_owned();
    }
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    if name.chars().all(plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_the_file_is_and_the_way_out() {
        let mut tar = vec![b'a'; 257];
        tar.extend_from_slice(b"ustar\0");
        let mut etl = vec![0; 72];
        etl.extend(b"\x02\0\x02\xc0\x18\x01\0\0");
        let record = b"\0\0\0\0\0\0\0\x60\x02\x04\0\x20\0\0\0\x10";
        let erf = [&record[..], &[7; 16], record, &[7; 16]].concat();
        let cases: &[(&[u8], &str, &str, &str)] = &[
            (b"", "a", "empty", "check"),
            (b"\x1f\x8b\x08\0", "a.gz", "gzip", "gzip -dc a.gz | sipcodes analyze -"),
            (b"\x1f\x8b\x08\0", "-", "gzip", "gzip -dc FILE | sipcodes analyze -"),
            (b"\x28\xb5\x2f\xfd", "my call.zst", "zstd", "zstd -dc 'my call.zst' | sipcodes"),
            (b"\xfd7zXZ\0\0", "a", "xz", "xz -dc a |"),
            (b"\x04\x22\x4d\x18", "a", "lz4", "lz4 -dc a |"),
            (b"GMBU\x02\0", "a.cap", "Network Monitor 2", "editcap -F pcap a.cap converted.pcap"),
            (b"RTSS\0\x02", "a.cap", "Network Monitor 1", "editcap"),
            (b"TRSNIFF data    \x1a", "a.enc", "Sniffer capture", "editcap"),
            (b"XCP\x00002.002", "a.cap", "NetXRay", "editcap"),
            (b"\x7fver\0\0", "a.pkt", "OmniPeek", "editcap"),
            (b"iptrace 2.0", "a", "iptrace", "editcap"),
            (b"BZh91AY", "a.bz2", "bzip2", "bzip2 -dc a.bz2 | sipcodes analyze -"),
            (b"PK\x03\x04", "a.zip", "ZIP", "unzip -p a.zip | sipcodes analyze -"),
            (b"7z\xbc\xaf\x27\x1c", "a.7z", "7-Zip", "7z x -so a.7z | sipcodes analyze -"),
            (&etl, "a.etl", "ETL", "etl2pcapng a.etl converted.pcapng"),
            (&erf, "a.erf", "ERF", "editcap -F pcap a.erf converted.pcap"),
            (b"{\n \"log\": {\n  \"version\": \"1.2\",", "a.har", "HAR", "capture on the network"),
            (b"0000  08 00 27 5d 81 5a 52 54  ..'].ZRT\n", "a", "hex dump", "text2pcap a converted.pcap"),
            (b"Frame 1\n\n000000 08 00 27 5d 81\n", "a", "hex dump", "text2pcap"),
            (b"12:00:01.250000 IP 10.0.0.1.5060 > 10.0.0.2.5060: SIP\n", "a", "tcpdump prints", "tcpdump -w"),
            (b"snoop\0\0\0\0\0\0\x02", "a", "snoop", "editcap"),
            (b"\x7fELF\x02\x01", "a", "ELF", "name a pcap"),
            (&tar, "a.tar", "tar archive", "tar -xf a.tar"),
            (b"INVITE sip:bob@example.com SIP/2.0\r\n", "a", "text", "text2pcap"),
            ("Gespräch".as_bytes(), "a", "text", "text2pcap"),
            (&[0; 300], "a", "only zeros", "copy it again"),
            (b"\x01\x02\x03\x04\x05\xff", "a", "not a pcap", "editcap"),
            (b"\xd4\xc3\xb2\xa1\x02\0\x04\0", "a", "cut short after 8 bytes", "copy it again"),
            (b"\xd4", "a", "cut short after 1 bytes", "copy it again"),
        ];
        for (first, name, what, way) in cases {
            let (problem, remedy) = diagnose(first, name, None);
            assert!(problem.contains(what) && remedy.contains(way), "{what}: {problem}; {remedy}");
        }
    }

    #[test]
    fn what_is_packed_twice_is_told_so() {
        let cases: &[(&[u8], Packing, &str, &str)] = &[
            (b"", Packing::Zstd, "empty, 0 bytes inside the zstd data", "check"),
            (b"\x1f\x8b\x08\0", Packing::Gzip, "gzip-compressed data inside gzip-", "gzip -dc a | sipcodes analyze -"),
            (b"\x1f\x8b\x08\0", Packing::Xz, "gzip-compressed data inside xz-", "layer off: xz -dc a | sipcodes"),
            (b"PK\x03\x04", Packing::Gzip, "a ZIP archive inside gzip-", "gzip -dc a > unpacked; then unpack it into"),
            (
                b"GMBU",
                Packing::Lz4,
                "Monitor 2 capture inside lz4-",
                "lz4 -dc a > unpacked; then convert it first: editcap",
            ),
            (b"{\"log\":{\"version\":1", Packing::Gzip, "HAR", "no packets"),
        ];
        for (first, packing, what, way) in cases {
            let (problem, remedy) = diagnose(first, "a", Some(*packing));
            assert!(problem.contains(what) && remedy.contains(way), "{what}: {problem}; {remedy}");
        }
    }

    #[test]
    fn captures_are_told_from_other_files() {
        let cases: &[(&[u8], bool)] = &[
            (b"\xd4\xc3\xb2\xa1\x02\0", true),
            (b"\x0a\x0d\x0d\x0a\0", true),
            (b"GMBU\x02\0", true),
            (b"", false),
            (b"\x0a", false),
            (b"\x0a\x0a", false),
            (b"INVITE sip:bob@example.com SIP/2.0\r\n", false),
            (b"BZh91AY", false),
            (b"0000  08 00 27 5d 81 5a 52 54", false),
        ];
        for (first, expected) in cases {
            assert_eq!(is_capture(first), *expected, "{first:?}");
        }
    }
}

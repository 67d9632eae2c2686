//! What a file is that is no capture sipcodes reads, and what makes one of it. Knows files by their first bytes only.

/// How many first bytes the recognition looks at.
pub(super) const LOOK: usize = 512;

/// How a stranger's file becomes a capture.
#[derive(Clone, Copy)]
enum Way {
    /// A program writes the bytes inside to a pipe.
    Pipe(&'static str),
    /// Wireshark's editcap knows the format.
    Convert,
    /// Only words help.
    Say(&'static str),
}

/// Where, what bytes, what they mean, and the way out.
const SIGNS: &[(usize, &[u8], &str, Way)] = &[
    (0, b"\x1f\x8b", "gzip-compressed data", Way::Pipe("gzip -dc")),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed data", Way::Pipe("zstd -dc")),
    (0, b"\xfd7zXZ\x00", "xz-compressed data", Way::Pipe("xz -dc")),
    (0, b"\x04\x22\x4d\x18", "lz4-compressed data", Way::Pipe("lz4 -dc")),
    (0, b"BZh", "bzip2-compressed data", Way::Pipe("bzip2 -dc")),
    (0, b"PK\x03\x04", "a ZIP archive", Way::Pipe("unzip -p")),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", Way::Pipe("7z x -so")),
    (257, b"ustar", "a tar archive", Way::Say("unpack it first: tar -xf FILE")),
    (0, b"GMBU", "a Microsoft Network Monitor 2 capture", Way::Convert),
    (0, b"RTSS", "a Microsoft Network Monitor 1 capture", Way::Convert),
    (0, b"snoop\0\0\0", "a snoop capture", Way::Convert),
    (0, b"btsnoop\0", "a Bluetooth capture (btsnoop)", Way::Say("capture on the network instead")),
    (0, b"TRSNIFF data", "a Sniffer capture", Way::Convert),
    (0, b"XCP\0", "a NetXRay or Windows Sniffer capture", Way::Convert),
    (0, b"\x0a\x0d\x0d\x0a", "a pcapng file whose first block is damaged", Way::Say("copy it again, in binary mode")),
    (0, b"\x0a\x0a", "a pcapng file that a transfer in text mode damaged", Way::Say("copy it again, in binary mode")),
    (0, b"\x7fELF", "a program (ELF)", Way::Say("name a pcap or pcapng file")),
    (0, b"MZ", "a program (Windows)", Way::Say("name a pcap or pcapng file")),
    (0, b"%PDF", "a PDF document", Way::Say("name a pcap or pcapng file")),
    (0, b"SQLite format 3\0", "an SQLite database", Way::Say("name a pcap or pcapng file")),
];

/// Says what these first bytes of a file are, and what to do. `name` is the file's name for the command line.
pub(super) fn diagnose(first: &[u8], name: &str) -> (String, String) {
    let file = if name == "-" { "FILE".to_owned() } else { quoted(name) };
    if first.is_empty() {
        return ("empty, 0 bytes".to_owned(), "check that the capture was written and copied".to_owned());
    }
    let sign =
        |(at, magic, _, _): &&(usize, &[u8], &str, Way)| first.get(*at..).is_some_and(|bytes| bytes.starts_with(magic));
    if first.len() < super::pcap::HEADER && begins_like_a_capture(first) {
        let remedy = "copy it again; nothing was captured in what is there".to_owned();
        return (format!("cut short after {} bytes, inside its file header", first.len()), remedy);
    }
    if let Some((_, _, what, way)) = SIGNS.iter().find(sign) {
        let remedy = match way {
            Way::Pipe(program) => format!("unpack it into sipcodes: {program} {file} | sipcodes analyze -"),
            Way::Convert => format!("convert it first: editcap -F pcap {file} converted.pcap"),
            Way::Say(words) => (*words).replace("FILE", &file),
        };
        return (format!("this is {what}, not a pcap or pcapng file"), remedy);
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

/// A name as a shell takes it back.
fn quoted(name: &str) -> String {
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
        let cases: &[(&[u8], &str, &str, &str)] = &[
            (b"", "a", "empty", "check"),
            (b"\x1f\x8b\x08\0", "a.gz", "gzip", "gzip -dc a.gz | sipcodes analyze -"),
            (b"\x1f\x8b\x08\0", "-", "gzip", "gzip -dc FILE | sipcodes analyze -"),
            (b"\x28\xb5\x2f\xfd", "my call.zst", "zstd", "zstd -dc 'my call.zst' | sipcodes"),
            (b"\xfd7zXZ\0\0", "a", "xz", "xz -dc a |"),
            (b"\x04\x22\x4d\x18", "a", "lz4", "lz4 -dc a |"),
            (b"GMBU\x02\0", "a.cap", "Network Monitor 2", "editcap -F pcap a.cap converted.pcap"),
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
            let (problem, remedy) = diagnose(first, name);
            assert!(problem.contains(what) && remedy.contains(way), "{what}: {problem}; {remedy}");
        }
    }
}

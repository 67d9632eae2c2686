//! The plan of the house, held by a test: which room may import which, and through which door each crate comes in.

use std::fs;
use std::path::{Path, PathBuf};

/// Room -> what it may import. The order is the order of the house, ground first; a room may always import itself.
const HOUSE: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("codes", &[]),
    ("packet", &["time"]),
    ("issue", &["packet"]),
    ("wire", &["codes", "issue", "packet", "time"]),
    ("event", &["packet", "time", "wire"]),
    ("capture", &["issue", "packet", "time"]),
    ("assemble", &["event", "issue", "packet", "time", "wire"]),
    ("track", &["codes", "event", "issue", "packet", "time", "wire"]),
    ("report", &["codes", "issue", "packet", "time", "track"]),
    ("render", &["codes", "report", "time"]),
    ("app", &["assemble", "capture", "codes", "event", "issue", "packet", "render", "report", "time", "track", "wire"]),
];

/// Crate -> the files it may be named in (a trailing `/` means a whole folder). One door each, so that each can be
/// replaced in one place. Tests inside the sources may use what they like.
const DOORS: &[(&str, &[&str])] = &[
    ("pcap_file", &["capture/"]),
    ("byteorder_slice", &["capture/"]),
    ("flate2", &["assemble/inflate.rs", "capture/unpack.rs"]),
    ("liblzma", &["capture/unpack.rs"]),
    ("lz4_flex", &["capture/unpack.rs", "track/asleep.rs"]),
    ("zstd", &["capture/unpack.rs"]),
    ("etherparse", &["wire/ip.rs", "wire/link.rs"]),
    ("rsip", &["wire/sip/typed.rs"]),
    ("wide", &["wire/marks.rs"]),
    ("prefetch_index", &["track/ahead.rs"]),
    ("itoa", &["render/", "report/", "time.rs"]),
    ("jiff", &["time.rs"]),
    ("comfy_table", &["render/"]),
    ("csv", &["render/csv.rs", "render/codes.rs", "app/marks.rs"]),
    ("serde_json", &["render/", "report/"]),
    ("clap", &["app/cli.rs", "app/generate.rs"]),
    ("clap_complete", &["app/cli.rs", "app/generate.rs"]),
    ("clap_mangen", &["app/generate.rs"]),
    ("indicatif", &["app/progress.rs"]),
    ("terminal_size", &["app/"]),
    ("anstream", &["app/"]),
    ("aes", &["assemble/cipher.rs"]),
    ("aes_gcm", &["assemble/cipher.rs"]),
    ("cbc", &["assemble/cipher.rs"]),
    ("chacha20poly1305", &["assemble/cipher.rs"]),
    ("hkdf", &["assemble/cipher.rs"]),
    ("hmac", &["assemble/cipher.rs"]),
    ("md5", &["assemble/cipher.rs"]),
    // Its package is called md-5.
    ("md_5", &["assemble/cipher.rs"]),
    ("crc32fast", &["app/state.rs"]),
    ("postcard", &["app/state.rs", "track/asleep.rs"]),
    ("rsa", &["wire/keylog.rs"]),
    ("sha1", &["assemble/cipher.rs"]),
    ("sha2", &["assemble/cipher.rs"]),
];

#[test]
fn imports_run_downwards_only() {
    let mut wrong = Vec::new();
    for source in Source::all() {
        let room = source.room();
        if ["main", "lib"].contains(&room.as_str()) {
            continue;
        }
        let Some((_, may)) = HOUSE.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("src/{}: room `{room}` is not on the plan", source.path));
            continue;
        };
        for (line, text) in source.code() {
            for known in rooms_named(text) {
                if known != room && !may.contains(&known.as_str()) {
                    wrong.push(format!("src/{}:{line}: `{room}` may not know `{known}`", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn each_crate_has_one_door() {
    let mut wrong = Vec::new();
    for source in Source::all() {
        for (name, doors) in DOORS {
            // A room may call a file of its own like the crate behind it: `render/csv.rs` is such a one.
            if source.text.lines().any(|line| line.ends_with(&format!("mod {name};"))) {
                continue;
            }
            for (line, text) in source.code() {
                let open = doors.iter().any(|door| match door.strip_suffix('/') {
                    Some(_) => source.path.starts_with(door),
                    None => source.path == *door,
                });
                if !open && names_crate(text, name) {
                    wrong.push(format!("src/{}:{line}: `{name}` belongs in {}", source.path, doors.join(", ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_dependency_is_either_behind_a_door_or_for_everybody() {
    const FOR_EVERYBODY: &[&str] = &["anstyle", "foldhash", "memchr", "serde", "smallvec", "thiserror"];
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in dependencies.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, _)) = line.split_once(" =") else { continue };
        let name = name.replace('-', "_");
        assert!(
            FOR_EVERYBODY.contains(&name.as_str()) || DOORS.iter().any(|(door, _)| *door == name),
            "Cargo.toml: `{name}` has no door in tests/layers.rs"
        );
    }
}

#[test]
fn the_reader_of_imports_reads_what_rust_reads() {
    let cases: &[(&str, &[&str])] = &[
        ("use crate::time::Timestamp;", &["time"]),
        ("let a = crate::packet::Place::default();", &["packet"]),
        ("use crate::{codes::Code, time::{Spoken, Timestamp}, event};", &["codes", "time", "event"]),
        ("pub(crate) fn nothing() {}", &[]),
        ("use super::crate_name;", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(rooms_named(text), *expected, "{text}");
    }
    assert!(names_crate("use csv::Writer;", "csv"));
    assert!(names_crate("let w = csv::Writer::from_writer(out);", "csv"));
    assert!(!names_crate("super::csv::render(out)", "csv"), "a module of the same name");
    assert!(!names_crate("mod csv;", "csv"));
}

/// One file under `src/`, its path with `/` whatever the system writes.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn all() -> Vec<Self> {
        let src = root().join("src");
        let mut found = Vec::new();
        let mut folders = vec![src.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    let path = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
                    found.push(Self { path, text });
                }
            }
        }
        let for_tests: Vec<_> = found.iter().flat_map(Self::files_for_tests).collect();
        found.retain(|source| !for_tests.contains(&source.path));
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// The files that this one declares as modules of the tests alone.
    fn files_for_tests(&self) -> Vec<String> {
        let folder = match self.path.strip_suffix("mod.rs") {
            Some(folder) => folder.trim_end_matches('/'),
            None => self.path.trim_end_matches(".rs"),
        };
        let declared = self.text.split("#[cfg(test)]\n").skip(1).filter_map(|after| {
            let (_, name) = after.lines().next()?.strip_suffix(';')?.rsplit_once("mod ")?;
            Some(format!("{folder}/{name}.rs"))
        });
        declared.collect()
    }

    fn room(&self) -> String {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned()
    }

    /// The lines of the program itself with their numbers: no comments, and nothing from `mod tests` on, which
    /// stands last in each file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text.get(..tests).unwrap_or(&self.text).lines().enumerate();
        lines.map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The rooms that a line names after `crate::`, also inside one pair of braces.
fn rooms_named(line: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = Vec::new();
    for after in line.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => rooms.push(word(after)),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in list.char_indices() {
                    if start && c.is_alphabetic() && depth == 0 {
                        rooms.push(word(&list[at..]));
                    }
                    start = c == ',' || (start && c == ' ');
                    depth += i32::from(c == '{') - i32::from(c == '}');
                }
            }
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

/// Whether a line names a crate: its name, then `::`, not as a part of a longer path or word.
fn names_crate(line: &str, name: &str) -> bool {
    let path = format!("{name}::");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

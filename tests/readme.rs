//! The README stays true: its commands run, print what it shows, and its tables are the program's own lists.
//!
//! `BLESS=1 cargo test --test readme` writes outputs and column tables anew.

use std::fs;
use std::path::Path;
use std::process::Command;

use sipcodes::report::{Kind, column};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a command of the README prints, run as the README says but for the build.
fn printed(command: &str) -> String {
    let args = command
        .strip_prefix("cargo run --release -- ")
        .or_else(|| command.strip_prefix("sipcodes "))
        .unwrap_or_else(|| panic!("only sipcodes can be run here: {command}"));
    let output = Command::new(env!("CARGO_BIN_EXE_sipcodes"))
        .args(args.split_whitespace())
        .current_dir(root())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The README with every ```text block replaced by what the first command of the ```sh block before it prints, and
/// every column table by the program's.
fn renewed(readme: &str) -> String {
    let mut new = String::new();
    let mut lines = readme.lines().peekable();
    let mut command = None;
    while let Some(line) = lines.next() {
        new.push_str(line);
        new.push('\n');
        match line {
            "```sh" => command = lines.peek().map(|line| (*line).to_owned()),
            "```text" => {
                let command = command.take().expect("a command before its output");
                new.push_str(&printed(&command));
                new.push_str("```\n");
                lines.find(|line| *line == "```").expect("the block ends");
            }
            "### Calls" | "### Registrations" | "### Transactions" | "### Streams" => {
                let kind = match line {
                    "### Calls" => Kind::Call,
                    "### Registrations" => Kind::Registration,
                    "### Transactions" => Kind::Transaction,
                    _ => Kind::Stream,
                };
                new.push('\n');
                new.push_str(&column::markdown(kind));
                while lines.next_if(|line| !line.starts_with('#')).is_some() {}
                new.push('\n');
            }
            _ => {}
        }
    }
    new
}

#[test]
fn the_readme_is_true() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).expect("the README");
    let new = renewed(&readme);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, new).expect("written");
        return;
    }
    for (number, (old, new)) in (1..).zip(readme.lines().zip(new.lines())) {
        assert_eq!(old, new, "README.md:{number}; right after all? BLESS=1 cargo test --test readme");
    }
    assert_eq!(readme.lines().count(), new.lines().count());
    assert!(readme.contains("cargo test\n"), "the README names the test command");
}

#[test]
fn the_table_of_codes_is_seen_on_captures() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let mut seen = 0;
    for row in readme.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Some(command) = cells.get(4).and_then(|cell| cell.strip_prefix("`analyze ")) else { continue };
        let (low, high) = cells[1].split_once('–').unwrap_or((cells[1], cells[1]));
        let (low, high): (u64, u64) = (low.parse().expect("a code"), high.parse().expect("a code"));
        let printed = printed(&format!("sipcodes analyze --format json {}", command.trim_end_matches('`')));
        let document: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let rows = ["calls", "registrations"].iter().filter_map(|kind| document[kind].as_array()).flatten();
        let codes: Vec<u64> = rows.filter_map(|row| row["code"].as_u64()).collect();
        assert!(codes.iter().any(|code| (low..=high).contains(code)), "{row}\ngives {codes:?}");
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} rows name a capture");
}

#[test]
fn every_capture_has_a_line_in_the_readme_of_testdata() {
    let folder = root().join("testdata");
    let readme = fs::read_to_string(folder.join("README.md")).expect("the README of testdata");
    for entry in fs::read_dir(&folder).expect("testdata") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if name.ends_with(".pcap") || name.ends_with(".pcapng") {
            assert!(readme.contains(&format!("`{name}`")), "testdata/README.md says nothing of {name}");
        }
    }
}

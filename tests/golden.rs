//! The whole program as its users see it: every `testdata/NAME.cmd` holds arguments, `NAME.out` what they print.
//!
//! `BLESS=1 cargo test --test golden` writes the outputs anew; read their diff before you commit it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .expect("testdata is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cmd"))
        .collect();
    cases.sort();
    cases
}

/// What the program printed and how it ended, as one text.
fn run(case: &Path) -> String {
    let args = fs::read_to_string(case).expect("arguments");
    let output = Command::new(env!("CARGO_BIN_EXE_sipcodes"))
        .args(args.split_whitespace())
        .current_dir(case.parent().expect("a folder"))
        .output()
        .expect("the program runs");
    let mut text = String::from_utf8(output.stdout).expect("UTF-8");
    if !output.stderr.is_empty() {
        let _ = write!(text, "--- stderr\n{}", String::from_utf8_lossy(&output.stderr));
    }
    if output.status.code() != Some(0) {
        let _ = writeln!(text, "--- status {:?}", output.status.code());
    }
    text
}

#[test]
fn golden() {
    let cases = cases();
    assert!(!cases.is_empty(), "no cases in testdata");
    let mut wrong = String::new();
    for case in cases {
        let expected_at = case.with_extension("out");
        let got = run(&case);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected_at, got).expect("written");
            continue;
        }
        let expected = fs::read_to_string(&expected_at).unwrap_or_default();
        if got != expected {
            let _ = writeln!(wrong, "{}:", case.display());
            let (mut old, mut new) = (expected.lines(), got.lines());
            loop {
                match (old.next(), new.next()) {
                    (None, None) => break,
                    (old, new) if old == new => {}
                    (old, new) => {
                        let _ = writeln!(wrong, "- {}\n+ {}", old.unwrap_or("(nothing)"), new.unwrap_or("(nothing)"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nright after all? BLESS=1 cargo test --test golden");
}

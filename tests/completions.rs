//! `completions/` holds what the binary prints; `BLESS=1 cargo test --test completions` writes it anew.

use std::fs;
use std::path::Path;
use std::process::Command;

const GENERATED: &[(&str, &[&str])] = &[
    ("sipcodes.bash", &["completions", "bash"]),
    ("_sipcodes", &["completions", "zsh"]),
    ("sipcodes.fish", &["completions", "fish"]),
    ("_sipcodes.ps1", &["completions", "powershell"]),
    ("sipcodes.1", &["man"]),
];

#[test]
fn the_committed_files_are_what_the_binary_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let bless = std::env::var_os("BLESS").is_some_and(|bless| bless == "1");
    let mut stale = Vec::new();
    for (name, args) in GENERATED {
        let got = Command::new(env!("CARGO_BIN_EXE_sipcodes")).args(*args).output().unwrap();
        assert!(got.status.success(), "{name}: {}", String::from_utf8_lossy(&got.stderr));
        assert!(!got.stdout.is_empty(), "{name} is empty");
        let path = folder.join(name);
        if bless {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &got.stdout).unwrap();
        } else if fs::read(&path).ok().as_ref() != Some(&got.stdout) {
            stale.push(*name);
        }
    }
    assert!(stale.is_empty(), "completions/{stale:?}: run `BLESS=1 cargo test --test completions`, and read the diff");
}

#[test]
fn nothing_else_lies_in_the_folder() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(
            name == ".gitkeep" || GENERATED.iter().any(|(known, _)| name == *known),
            "completions/{}: made by nothing",
            name.display()
        );
    }
}

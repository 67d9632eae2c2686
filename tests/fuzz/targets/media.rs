#![no_main]

#[path = "../bodies/media.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::media(bytes));

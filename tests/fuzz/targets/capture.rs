#![no_main]

#[path = "../bodies/capture.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::capture(bytes));

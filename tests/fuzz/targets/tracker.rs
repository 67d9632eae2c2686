#![no_main]

#[path = "../bodies/tracker.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::tracker(bytes));

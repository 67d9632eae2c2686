#![no_main]

#[path = "../bodies/sip.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::sip(bytes));

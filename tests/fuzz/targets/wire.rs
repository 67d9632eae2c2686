#![no_main]

#[path = "../bodies/wire.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::wire(bytes));

#![no_main]

#[path = "../bodies/packets.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::packets(bytes));

//! The `sipcodes` program.

fn main() {}

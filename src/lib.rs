//! sipcodes reads packet captures after the fact and tells how every SIP call and registration in them ended.
//!
//! The program is a river; between two stages there is one noun, and only that noun passes:
//!
//! ```text
//!  file ──capture──▶ Packet ──assemble──▶ Event ──track──▶ Fact ──report──▶ Row ──render──▶ bytes
//! ```

pub mod codes;
pub mod event;
pub mod issue;
pub mod packet;
pub mod time;

pub mod wire;

pub mod assemble;
pub mod capture;
pub mod track;

pub mod report;

pub mod render;

pub mod app;

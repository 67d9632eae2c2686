//! sipcodes reads packet captures after the fact and tells how every SIP call and registration in them ended.
//!
//! The program is a river; between two stages there is one noun, and only that noun passes:
//!
//! ```text
//!  file ──capture──▶ Packet ──assemble──▶ Event ──track──▶ Fact ──report──▶ Row ──render──▶ bytes
//! ```

pub mod assemble;
pub mod capture;
pub mod codes;
pub mod event;
pub mod issue;
pub mod packet;
pub mod render;
pub mod report;
pub mod time;
pub mod track;
pub mod wire;

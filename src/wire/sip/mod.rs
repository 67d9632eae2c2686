//! SIP messages as sent (RFC 3261), read tolerantly. Knows one message at a time, no transactions.

mod defects;
mod framing;
mod header;
mod leg;
mod message;
mod names;
mod quick;
mod span;
mod start;
mod text;
mod typed;
mod uri;

pub use defects::Defects;
pub use framing::{Frame, MAX_BODY, MAX_HEAD, Progress, frame, frame_on, speaks_http};
pub use header::{ContactValue, Cseq, Headers, NameAddr, Params, ReasonValue, Via, comma_list, long_name};
pub use leg::{ReferTo, Replaces, call_ids, session_ids, subscriber, subscriber_of};
pub use message::{Begin, Message, Parsed};
pub use names::Names;
pub(super) use quick::digits;
pub use start::{Method, StartLine, looks_like_sip};
pub use text::{shown, text, unquote, unquoted};
pub use typed::{Challenge, challenge};
pub use uri::{address_key, address_key_of, scheme, uri_host, uri_user, usual_ipv4_host};

//! The session description that a message carries: looked for when first asked for, and read once for all who ask.
//! Knows no offer and no answer.

use std::cell::OnceCell;

use crate::wire::sdp::{self, Outline};
use crate::wire::sip::Message;

/// A message's session description, as far as somebody asked for it.
#[derive(Clone, Default)]
pub(super) struct Described<'a> {
    text: OnceCell<Option<&'a [u8]>>,
    outline: OnceCell<Option<Outline<'a>>>,
}

impl<'a> Described<'a> {
    /// The description itself, where a body of the message is one. It is always to be the same message.
    #[inline]
    pub(super) fn text(&self, message: &Message<'a>) -> Option<&'a [u8]> {
        if message.body().is_empty() {
            return None;
        }
        *self.text.get_or_init(|| sdp::find(message.content_type(), message.body()))
    }

    /// What it says in short.
    #[inline]
    pub(super) fn outline(&self, message: &Message<'a>) -> Option<&Outline<'a>> {
        let text = self.text(message)?;
        self.outline.get_or_init(|| Outline::parse(text)).as_ref()
    }
}

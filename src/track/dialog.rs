//! Dialogs of an answered call (RFC 3261 12): which callee answered, whether the 2xx was acknowledged, who hung up.
//! Knows tags as numbers to compare, no messages.

use smallvec::SmallVec;

use super::fact::Side;
use super::transaction::Moment;
use crate::codes::Code;

/// One dialog that a 2xx confirmed, or that messages of its own prove. Its other tag is the caller's.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Dialog {
    /// Digest of the callee's tag.
    pub(super) callee_tag: u64,
    /// The ACK to its 2xx was seen.
    pub(super) acknowledged: bool,
    /// The BYE that ended it.
    pub(super) bye: Option<Bye>,
    /// The BYE that was challenged: sent again without credentials it still ends nothing.
    pub(super) challenged: Option<u64>,
}

/// A BYE (RFC 3261 15).
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Bye {
    /// Its transaction: a 401 or 407 to it means that it has not ended anything yet.
    pub(super) key: u64,
    pub(super) seen: Moment,
    pub(super) by: Side,
    /// Its final response where that was not 2xx.
    pub(super) refused: Option<Code>,
}

/// All dialogs of a call: a fork may answer more than once.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Dialogs(SmallVec<[Dialog; 1]>);

impl Dialogs {
    /// More than one call ever has; a flood of tags is not remembered beyond it.
    const MOST: usize = 64;

    /// The first dialog, which decides what is told of the answer.
    pub(super) fn first(&self) -> Option<&Dialog> {
        self.0.first()
    }

    /// A 2xx, or what proves one, confirmed the dialog with this callee.
    pub(super) fn confirm(&mut self, callee_tag: u64) -> Option<&mut Dialog> {
        let known = self.0.iter().position(|dialog| dialog.callee_tag == callee_tag);
        let index = match known {
            Some(index) => index,
            None if self.0.len() < Self::MOST => {
                self.0.push(Dialog { callee_tag, acknowledged: false, bye: None, challenged: None });
                self.0.len() - 1
            }
            None => return None,
        };
        self.0.get_mut(index)
    }

    pub(super) fn get_mut(&mut self, callee_tag: u64) -> Option<&mut Dialog> {
        self.0.iter_mut().find(|dialog| dialog.callee_tag == callee_tag)
    }

    pub(super) fn contains(&self, callee_tag: u64) -> bool {
        self.0.iter().any(|dialog| dialog.callee_tag == callee_tag)
    }

    /// Whether there are dialogs and none is left.
    pub(super) fn all_ended(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|dialog| dialog.bye.is_some())
    }

    /// The BYE that ended the last of them.
    pub(super) fn last_bye(&self) -> Option<&Bye> {
        if !self.all_ended() {
            return None;
        }
        self.0.iter().filter_map(|dialog| dialog.bye.as_ref()).max_by_key(|bye| (bye.seen.at, bye.seen.place))
    }

    /// The response to a BYE. A challenge takes the BYE back; anything else, 481 and 408 included, lets it stand
    /// (RFC 3261 15.1.1). Returns whether a BYE was taken back.
    pub(super) fn on_bye_response(&mut self, key: u64, code: Code) -> bool {
        let Some(dialog) = self.0.iter_mut().find(|dialog| dialog.bye.as_ref().is_some_and(|bye| bye.key == key))
        else {
            return false;
        };
        if code.is_challenge() {
            dialog.bye = None;
            dialog.challenged = Some(key);
            return true;
        }
        if let Some(bye) = &mut dialog.bye
            && code.is_final()
            && !code.is_success()
        {
            bye.refused = Some(code);
        }
        false
    }
}

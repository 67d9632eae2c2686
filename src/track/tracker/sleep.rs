//! Calls that were silent for long are packed, and unpacked when something is asked of them.

use super::Tracker;
use crate::track::asleep::DROWSY;

impl Tracker {
    /// Looks at one call, whether it may sleep: for each that is opened one, so that all get their turn.
    pub(super) fn look_after_one(&mut self) {
        self.looked_at = if self.looked_at + 1 < self.calls.len() { self.looked_at + 1 } else { 0 };
        let (slot, now) = (self.looked_at, self.now.unwrap_or_default());
        if let Some(Some(next)) = self.calls.get(slot + 1) {
            next.call.fetch_last();
        }
        if let Some(Some(open)) = self.calls.get(slot)
            && now.since(open.call.last_sign_of_life()) > DROWSY
        {
            self.put_to_sleep(slot);
        }
    }

    /// Puts a call to sleep that may: nothing falls due for it, and nobody asks for its timers.
    pub(super) fn put_to_sleep(&mut self, slot: usize) {
        let Some(Some(open)) = self.calls.get(slot) else { return };
        if !open.call.is_active() || open.alarm.is_some() || self.settings.as_live {
            return;
        }
        let Some(described) = self.media.leave(slot) else { return };
        if self.asleep.put(slot, open.call.began(), &(open, &described)) {
            if let Some(place) = self.calls.get_mut(slot) {
                *place = None;
            }
        } else {
            self.media.come_back(slot, described);
        }
    }

    /// Puts all to sleep that may, however short they were silent.
    #[cfg(test)]
    pub(in crate::track) fn doze(&mut self) {
        (0..self.calls.len()).for_each(|slot| self.put_to_sleep(slot));
    }

    pub(super) fn wake(&mut self, slot: usize) {
        // Nearly always the call is there.
        if let Some(place @ None) = self.calls.get_mut(slot)
            && let Some((open, described)) = self.asleep.take(slot)
        {
            *place = Some(open);
            self.media.come_back(slot, described);
        }
    }

    /// Wakes the calls of this Call-ID.
    pub(super) fn wake_under(&mut self, key: u64) {
        if self.asleep.is_empty() {
            return;
        }
        // Nearly always one, and that is there.
        let is_asleep = |slot: &usize| matches!(self.calls.get(*slot), Some(None));
        if self.by_call_id.get(key).iter().any(is_asleep) {
            self.by_call_id.get(key).to_vec().into_iter().for_each(|slot| self.wake(slot));
        }
    }

    pub(super) fn wake_all(&mut self) {
        for slot in self.asleep.slots() {
            self.wake(slot);
        }
    }

    /// Descriptions of calls that are asleep are read with the others, when the first media come.
    pub(super) fn expect_media(&mut self) {
        if !self.media.is_awake() && !self.asleep.is_empty() {
            self.wake_all();
        }
    }
}

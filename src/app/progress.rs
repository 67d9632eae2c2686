//! The progress line on standard error. Knows how much was read, and nothing of what.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done before this has passed needs no progress line.
const PATIENCE: Duration = Duration::from_millis(500);
/// Packets between two looks at the clock.
const STRIDE: u64 = 1024;

const WITH_TOTAL: &str = "reading {wide_bar} {binary_bytes} of {binary_total_bytes}, {msg}, {eta} left";
const WITHOUT_TOTAL: &str = "reading {spinner} {binary_bytes}, {msg}";

/// Tells how far the reading is, where somebody watches and it takes long enough to ask.
pub(crate) struct Progress {
    /// Since when; `None` where nobody watches.
    started: Option<Instant>,
    packets: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A line for whoever watches; nothing at all unless `shown`.
    #[expect(clippy::disallowed_methods, reason = "how long the user waits is wall-clock time; nothing else uses it")]
    pub(crate) fn new(shown: bool) -> Self {
        Self { started: shown.then(Instant::now), packets: 0, bar: None }
    }

    /// Counts some packets; `true` where it is time to [`show`](Self::show) how far we are.
    pub(crate) const fn packets(&mut self, count: u64) -> bool {
        let before = self.packets;
        self.packets += count;
        self.started.is_some() && before / STRIDE != self.packets / STRIDE
    }

    /// Shows how many bytes of how many (where known) were read.
    pub(crate) fn show(&mut self, done: u64, total: Option<u64>) {
        let Some(started) = self.started else { return };
        if self.bar.is_none() && started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| line(total));
        bar.set_message(format!("{} packets", HumanCount(self.packets)));
        bar.set_position(done);
    }

    /// Takes the line off the screen, so that something else can be said.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.started = None;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), WITH_TOTAL),
        None => (ProgressBar::no_length(), WITHOUT_TOTAL),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    // A template that does not parse is a mistake of ours; the plain line still tells how far the reading is.
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_where_nobody_watches() {
        let mut progress = Progress::new(false);
        assert!((0..STRIDE * 2).all(|_| !progress.packets(1)));
        progress.show(1, Some(2));
        assert!(progress.bar.is_none());
        let mut progress = Progress::new(true);
        assert_eq!((0..STRIDE * 2).filter(|_| progress.packets(1)).count(), 2);
    }

    #[test]
    fn the_templates_are_understood() {
        for template in [WITH_TOTAL, WITHOUT_TOTAL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}

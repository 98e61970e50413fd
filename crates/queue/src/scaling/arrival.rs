//! The rate at which messages arrive, over a sliding window.

use std::collections::VecDeque;

/// So finely a window is kept at most, however often it is asked.
const SAMPLES_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Arrival {
    window_us: i64,
    /// When, and how many had arrived by then; the first may lie before the window.
    samples: VecDeque<(i64, u64)>,
}

impl Arrival {
    pub(super) fn over(window_us: i64) -> Arrival {
        Arrival {
            window_us,
            samples: VecDeque::new(),
        }
    }

    pub(super) fn forget(&mut self) {
        self.samples.clear();
    }

    /// Messages a second over the window that ends now; 0 with nothing to compare with.
    pub(super) fn observe(&mut self, now_us: i64, arrived: u64) -> f64 {
        if self
            .samples
            .back()
            .is_some_and(|(_, earlier)| *earlier > arrived)
        {
            // Another queue of the same name.
            self.forget();
        }
        let begins_us = now_us.saturating_sub(self.window_us);
        // One is kept from before the window: the arrivals within it are counted from there.
        while self
            .samples
            .get(1)
            .is_some_and(|(at_us, _)| *at_us <= begins_us)
        {
            self.samples.pop_front();
        }
        let first = self.samples.front().copied();
        let slice_us = (self.window_us / SAMPLES_MAX as i64).max(1);
        if self
            .samples
            .back()
            .is_none_or(|(at_us, _)| now_us.saturating_sub(*at_us) >= slice_us)
        {
            self.samples.push_back((now_us, arrived));
        }
        match first {
            Some((at_us, earlier)) if at_us < now_us => {
                let span_s = (now_us - at_us) as f64 / 1e6;
                (arrived - earlier) as f64 / span_s
            }
            _ => 0.0,
        }
    }
}

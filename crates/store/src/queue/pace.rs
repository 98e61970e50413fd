//! How often something is counted that takes the longer the more there is.

use std::time::{Duration, Instant};

/// What takes no longer is counted each time.
const FREE: Duration = Duration::from_millis(10);
/// What is no more than this is counted each time as well, unless that takes long: then it lies among
/// what has died.
const FEW: u64 = 1_000;
const LONG: Duration = Duration::from_millis(250);
/// A count is followed by so many times as long without one: it takes a hundredth of the time, or a
/// tenth where somebody is refused because of it.
const REST: u32 = 99;
const REST_WAITED_FOR: u32 = 9;
/// Nothing is believed for longer.
const REST_MAX: Duration = Duration::from_secs(60);

/// A number that was counted, and when it is counted again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paced<T> {
    pub(super) counted: T,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    ended: Instant,
    rest: Duration,
    rest_waited_for: Duration,
}

impl<T> Paced<T> {
    /// What was counted just now, of so many rows, in so long.
    pub(super) fn new(counted: T, rows: u64, took: Duration, ended: Instant) -> Paced<T> {
        let is_free = took < FREE || (rows < FEW && took < LONG);
        let rest = |times| match is_free {
            true => Duration::ZERO,
            false => took.saturating_mul(times).min(REST_MAX),
        };
        let last = Some(Last {
            ended,
            rest: rest(REST),
            rest_waited_for: rest(REST_WAITED_FOR),
        });
        Paced { counted, last }
    }

    /// Whether it is time to count again.
    pub(super) fn is_due(&self, now: Instant, is_waited_for: bool) -> bool {
        self.last.is_none_or(|last| {
            let rest = match is_waited_for {
                true => last.rest_waited_for,
                false => last.rest,
            };
            now.saturating_duration_since(last.ended) >= rest
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_takes_a_hundredth_of_the_time_and_a_tenth_where_somebody_waits_for_it() {
        let ended = Instant::now();
        let due = |rows, took_ms, after_ms, is_waited_for| {
            let took = Duration::from_millis(took_ms);
            let paced = Paced::new((), rows, took, ended);
            paced.is_due(ended + Duration::from_millis(after_ms), is_waited_for)
        };
        let many = 1_000_000;
        assert!(
            Paced::<u64>::default().is_due(ended, false),
            "never counted"
        );
        assert!(due(many, 9, 0, false), "it costs nothing");
        assert!(due(10, 200, 0, false), "a machine that is busy");
        assert!(!due(10, 300, 29_000, false), "few, among what has died");
        assert!(!due(many, 100, 9_899, false));
        assert!(due(many, 100, 9_900, false));
        assert!(!due(many, 100, 899, true));
        assert!(due(many, 100, 900, true));
        assert!(
            due(many, 60_000, 60_000, false),
            "nothing is believed for ever"
        );
    }
}

//! How fast queues go through this process.

use super::Counted;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// What is older counts for less, by the factor e: of what is told, all but a twentieth is of the last
/// minute.
const FADES: Duration = Duration::from_secs(20);
/// Callers name queues, so there may be any number: of more than these nothing is kept.
const QUEUES_MAX: usize = 10_000;
/// Slower is as good as not at all: it is forgotten where there are many.
const STILL: f64 = 1e-3;

/// Rates of the queues that somebody used lately, exponentially weighted.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<String, OfQueue>>);

/// What is told of one queue, in messages a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PerSecond {
    pub(super) published: f64,
    pub(super) leased: f64,
    pub(super) retried: f64,
    pub(super) acked: f64,
}

#[derive(Clone, Copy, Debug)]
struct OfQueue {
    rates: PerSecond,
    at: Instant,
}

impl Rates {
    /// Counts messages.
    pub(crate) fn count(&self, what: Counted, queue: &str, messages: u64, now: Instant) {
        let mut all = self.0.lock();
        if !all.contains_key(queue) {
            if all.len() >= QUEUES_MAX {
                all.retain(|_, of| !of.faded(now).is_still());
            }
            if all.len() >= QUEUES_MAX {
                return;
            }
        }
        let of = match all.get_mut(queue) {
            Some(of) => of,
            None => all.entry(queue.to_owned()).or_insert(OfQueue {
                rates: PerSecond::default(),
                at: now,
            }),
        };
        let mut rates = of.faded(now);
        let more = messages as f64 / FADES.as_secs_f64();
        match what {
            Counted::Published => rates.published += more,
            Counted::Leased => rates.leased += more,
            Counted::Retried => rates.retried += more,
            Counted::Acked => rates.acked += more,
            Counted::Nacked | Counted::Extended | Counted::Redriven | Counted::Replayed => {}
        }
        *of = OfQueue { rates, at: now };
    }

    /// The rates of a queue.
    pub(super) fn of(&self, queue: &str, now: Instant) -> PerSecond {
        let all = self.0.lock();
        all.get(queue).map(|of| of.faded(now)).unwrap_or_default()
    }
}

impl OfQueue {
    fn faded(&self, now: Instant) -> PerSecond {
        let age = now.saturating_duration_since(self.at);
        let left = (-age.as_secs_f64() / FADES.as_secs_f64()).exp();
        PerSecond {
            published: self.rates.published * left,
            leased: self.rates.leased * left,
            retried: self.rates.retried * left,
            acked: self.rates.acked * left,
        }
    }
}

impl PerSecond {
    fn is_still(&self) -> bool {
        self.published + self.leased + self.acked < STILL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_told_as_it_is_and_fades_within_minutes() {
        let rates = Rates::default();
        let begun = Instant::now();
        let mut now = begun;
        while now < begun + Duration::from_secs(120) {
            now += Duration::from_millis(100);
            rates.count(Counted::Published, "q", 7, now);
            rates.count(Counted::Acked, "q", 3, now);
        }
        let told = rates.of("q", now);
        assert!((told.published - 70.0).abs() < 1.0, "{told:?}");
        assert!((told.acked - 30.0).abs() < 0.5, "{told:?}");
        assert!(told.leased.abs() < f64::EPSILON, "{told:?}");
        let later = rates.of("q", now + Duration::from_secs(60));
        assert!(later.published < 0.06 * told.published, "{later:?}");
        assert_eq!(rates.of("another", now), PerSecond::default());
    }

    #[test]
    fn so_many_queues_are_kept_and_those_that_stand_still_make_room() {
        let rates = Rates::default();
        let now = Instant::now();
        for number in 0..QUEUES_MAX {
            rates.count(Counted::Leased, &number.to_string(), 1, now);
        }
        rates.count(Counted::Leased, "one more", 1, now);
        assert!(rates.of("one more", now).is_still());
        let later = now + Duration::from_secs(600);
        rates.count(Counted::Leased, "one more", 1, later);
        assert!(!rates.of("one more", later).is_still());
        assert_eq!(rates.0.lock().len(), 1);
    }
}

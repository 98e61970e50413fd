//! Which failures are logged: the first at once, then one a second at most, with how many were kept
//! back. An application that is down fails all that it is sent.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// So long at least lies between two lines of a worker.
const EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    said: Option<Instant>,
    back: u64,
}

impl Complaints {
    /// A failure: `None` if it is kept back, else how many were since the last line.
    pub(crate) fn add(&self, now: Instant) -> Option<u64> {
        let mut kept = self.0.lock();
        if kept.is_early(now) {
            kept.back += 1;
            return None;
        }
        kept.said = Some(now);
        Some(std::mem::take(&mut kept.back))
    }

    /// How many were kept back, if there are some and it is time to say so: nobody may fail any more.
    pub(crate) fn overdue(&self, now: Instant) -> Option<u64> {
        let mut kept = self.0.lock();
        if kept.back == 0 || kept.is_early(now) {
            return None;
        }
        kept.said = Some(now);
        Some(std::mem::take(&mut kept.back))
    }

    /// How many are kept back still, at the end.
    pub(crate) fn left(&self) -> u64 {
        std::mem::take(&mut self.0.lock().back)
    }
}

impl Kept {
    fn is_early(&self, now: Instant) -> bool {
        self.said
            .is_some_and(|said| now.saturating_duration_since(said) < EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_at_once_then_one_a_second_and_none_is_lost_of_the_count() {
        let complaints = Complaints::default();
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        assert_eq!(complaints.overdue(at(0)), None);
        assert_eq!(complaints.add(at(0)), Some(0));
        for ms in 1..1_000 {
            assert_eq!(complaints.add(at(ms)), None);
        }
        assert_eq!(complaints.overdue(at(999)), None);
        assert_eq!(complaints.add(at(1_000)), Some(999));
        assert_eq!(complaints.add(at(1_001)), None);
        assert_eq!(complaints.overdue(at(1_999)), None);
        assert_eq!(complaints.overdue(at(2_000)), Some(1));
        assert_eq!(complaints.overdue(at(9_000)), None);
        // That was a line as well.
        assert_eq!(complaints.add(at(2_500)), None);
        assert_eq!((complaints.left(), complaints.left()), (1, 0));
    }
}

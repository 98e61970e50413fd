//! How long a connection may take to say something: a head that dribbles in and
//! a caller that says nothing are both ended, at the price of two stores of a
//! number for each request instead of a timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a connection is doing since when, in milliseconds of its own life.
#[derive(Debug)]
pub(super) struct Pace {
    born: Instant,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// Requests that are being answered.
    busy: AtomicUsize,
    /// When the head that is now coming in began, plus one; 0 while none is.
    head_since: AtomicU64,
    /// When something was last answered or sent.
    active_at: AtomicU64,
    /// Answers that go on, to callers who say nothing themselves.
    streams: AtomicUsize,
    /// An answer was given without reading all of its request.
    unread: AtomicBool,
    /// What goes over the connection is not HTTP any more.
    switched: AtomicBool,
}

/// An answer that goes on.
pub(crate) struct Streaming(Arc<Pace>);

/// A request that is being answered.
pub(super) struct Busy<'a>(&'a Pace);

impl Pace {
    pub(super) fn new(header_timeout: Duration, idle_timeout: Duration) -> Pace {
        Pace {
            born: Instant::now(),
            header_timeout,
            idle_timeout,
            busy: AtomicUsize::new(0),
            // A caller that connects owes a head.
            head_since: AtomicU64::new(1),
            active_at: AtomicU64::new(0),
            streams: AtomicUsize::new(0),
            unread: AtomicBool::new(false),
            switched: AtomicBool::new(false),
        }
    }

    /// Marks the begin of an answer; its end is when the mark is dropped.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        Busy(self)
    }

    /// Marks the begin of an answer that goes on. Whoever does not take what it is sent is overdue
    /// as one that is idle; nothing is owed of him meanwhile.
    pub(super) fn streaming(self: &Arc<Pace>) -> Streaming {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Streaming(Arc::clone(self))
    }

    /// The connection carries no more requests.
    pub(super) fn switch(&self) {
        self.switched.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_switched(&self) -> bool {
        self.switched.load(Ordering::Relaxed)
    }

    /// The connection will be ended with a part of a request unread.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Resolves when the connection has been silent or slow for too long.
    pub(super) async fn overdue(&self) {
        // Looking twice in the shorter time finds the late within one and a half of it.
        let look = (self.header_timeout.min(self.idle_timeout) / 2).max(Duration::from_millis(1));
        loop {
            tokio::time::sleep(look).await;
            if self.is_overdue(self.now()) {
                return;
            }
        }
    }

    fn is_overdue(&self, now: u64) -> bool {
        if self.busy.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let (since, limit) = match self.head_since.load(Ordering::Relaxed) {
            0 => (self.active_at.load(Ordering::Relaxed), self.idle_timeout),
            began => (began - 1, self.header_timeout),
        };
        u128::from(now.saturating_sub(since)) > limit.as_millis()
    }

    fn now(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }

    /// Something came in; `true` if it begins a new head.
    pub(super) fn received(&self) -> bool {
        let is_new = self.busy.load(Ordering::Relaxed) == 0
            && self.streams.load(Ordering::Relaxed) == 0
            && self.head_since.load(Ordering::Relaxed) == 0;
        if is_new {
            self.head_since.store(self.now() + 1, Ordering::Relaxed);
        }
        is_new
    }

    /// Something went out.
    pub(super) fn sent(&self) {
        self.active_at.store(self.now(), Ordering::Relaxed);
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.active_at.store(self.0.now(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.active_at.store(self.0.now(), Ordering::Relaxed);
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(Duration::from_secs(10), Duration::from_secs(75))
    }

    #[test]
    fn a_caller_that_connects_owes_a_head() {
        let pace = pace();
        assert!(!pace.is_overdue(10_000));
        assert!(pace.is_overdue(10_001));
    }

    #[test]
    fn a_connection_is_never_overdue_while_it_is_answered() {
        let pace = pace();
        let busy = pace.busy();
        assert!(!pace.is_overdue(1_000_000));
        drop(busy);
        assert!(pace.is_overdue(1_000_000));
    }

    #[test]
    fn whoever_only_listens_owes_no_head_and_has_to_take_what_is_sent() {
        let pace = Arc::new(pace());
        drop(pace.busy());
        let streaming = pace.streaming();
        // A window update of HTTP/2, say.
        assert!(!pace.received());
        assert!(!pace.is_overdue(74_000));
        assert!(pace.is_overdue(76_000));
        drop(streaming);
        assert!(pace.received());
        assert!(pace.is_overdue(20_000));
    }

    #[test]
    fn an_idle_connection_is_kept_longer_than_a_slow_head() {
        let pace = pace();
        drop(pace.busy());
        assert!(!pace.is_overdue(74_000));
        pace.received();
        assert!(!pace.is_overdue(9_000));
        assert!(pace.is_overdue(20_000));
    }
}

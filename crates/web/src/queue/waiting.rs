//! Who waits for a message: one line for each group of a queue, the longest waiting first.
//!
//! No thread and no look of its own for each: a publish of this process wakes as many as its messages
//! are enough for; what other processes publish, and what becomes due, is seen by one look for a whole
//! line ([`super::clock`]), which wakes the first. Whoever then gets as much as it asked for wakes
//! the next two, as there may be more: so a crowd is woken as fast as there is something for it, and
//! not to find nothing.

use crate::error::{ApiError, unavailable};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Whoever got all it asked for wakes so many.
const NEXT: u64 = 2;

/// The lines of this process.
#[derive(Debug)]
pub(crate) struct Waiting {
    lines: Mutex<HashMap<String, HashMap<String, Line>>>,
    /// Somebody waits, or a line is to be looked at at once.
    somebody: Notify,
    waiters: AtomicUsize,
    max: usize,
    closed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Line {
    /// By their tickets.
    waiters: BTreeMap<u64, Waiter>,
    next_ticket: u64,
    /// Whether it is to be looked at before its time.
    is_to_look: bool,
}

#[derive(Debug)]
struct Waiter {
    /// So many messages it would take.
    max: u64,
    /// Whether it looks by itself now.
    is_up: bool,
    /// Whether something came while it was.
    again: bool,
    bell: Arc<Notify>,
}

/// A place in a line; leaving is dropping it.
pub(super) struct Place<'a> {
    waiting: &'a Waiting,
    queue: &'a str,
    group: &'a str,
    ticket: u64,
    bell: Arc<Notify>,
    /// Whether it got something.
    has_looked: bool,
    /// How many are to be woken when it leaves.
    wakes: u64,
}

/// Why somebody waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// There is something, unless others were faster.
    Something,
    /// Something came while it looked, which it may have got.
    Again,
    /// The time is over.
    Late,
    /// The server stops.
    Closing,
}

impl Waiting {
    /// No line yet; `max` may wait at once.
    pub(crate) fn new(max: usize) -> Waiting {
        Waiting {
            lines: Mutex::default(),
            somebody: Notify::new(),
            waiters: AtomicUsize::new(0),
            max,
            closed: watch::Sender::new(false),
        }
    }

    /// A place at the end of a line. Whoever gets it looks first, so it is up.
    pub(super) fn enter<'a>(
        &'a self,
        queue: &'a str,
        group: &'a str,
        max: u64,
    ) -> Result<Place<'a>, ApiError> {
        if self.waiters.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.waiters.fetch_sub(1, Ordering::Relaxed);
            return Err(unavailable("busy", "too many requests wait for messages")
                .hint("Ask without \"wait\", or raise [limits] max_connections.")
                .retry_after(Duration::from_secs(1)));
        }
        let bell = Arc::new(Notify::new());
        let mut lines = self.lines.lock();
        let line = line_of(&mut lines, queue, group);
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        let waiter = Waiter {
            max,
            is_up: true,
            again: false,
            bell: Arc::clone(&bell),
        };
        line.waiters.insert(ticket, waiter);
        Ok(Place {
            waiting: self,
            queue,
            group,
            ticket,
            bell,
            has_looked: false,
            wakes: 0,
        })
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    /// Messages were published: each group gets them.
    pub(crate) fn published(&self, queue: &str, messages: u64) {
        if let Some(groups) = self.lines.lock().get_mut(queue) {
            for line in groups.values_mut() {
                line.wake_for(messages);
            }
        }
    }

    /// Something of a queue may have become free: its lines are looked at at once.
    pub(crate) fn look_at(&self, queue: &str) {
        if let Some(groups) = self.lines.lock().get_mut(queue) {
            for line in groups.values_mut() {
                line.is_to_look = true;
            }
            self.somebody.notify_one();
        }
    }

    /// A look has found something: the first of the line is woken.
    pub(super) fn found(&self, queue: &str, group: &str) {
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get_mut(queue).and_then(|of| of.get_mut(group)) {
            line.wake(1);
        }
    }

    /// The lines in which somebody does not look by itself: queue and group. `all` of them, or those
    /// that are to be looked at at once.
    pub(super) fn to_look_at(&self, all: bool) -> Vec<(String, String)> {
        let mut lines = self.lines.lock();
        let mut found = Vec::new();
        for (queue, groups) in lines.iter_mut() {
            for (group, line) in groups.iter_mut() {
                let is_wanted = std::mem::take(&mut line.is_to_look) || all;
                if is_wanted && line.waiters.values().any(|waiter| !waiter.is_up) {
                    found.push((queue.clone(), group.clone()));
                }
            }
        }
        found
    }

    /// Until somebody begins to wait, or a line is to be looked at at once.
    pub(super) async fn somebody(&self) {
        self.somebody.notified().await;
    }

    /// Whether all waits are to end.
    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Ends all waits, and lets none begin.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Until it is closed.
    pub(super) async fn closed(&self) {
        // Its sender lives as long as this.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

impl Place<'_> {
    /// Waits until there may be something. It begins again behind a look that found nothing.
    pub(super) async fn wait(&self, until: Instant) -> Woken {
        if self.sit_down() {
            return Woken::Again;
        }
        self.waiting.somebody.notify_one();
        tokio::select! {
            biased;
            () = self.bell.notified() => Woken::Something,
            () = self.waiting.closed() => Woken::Closing,
            () = tokio::time::sleep_until(until) => Woken::Late,
        }
    }

    /// Something was got: if that was all it asked for, there may be more for others.
    pub(super) fn got(&mut self, is_all: bool) {
        self.has_looked = true;
        self.wakes = if is_all { NEXT } else { 0 };
    }

    /// Whether something has come meanwhile, so that it has to look once more.
    fn sit_down(&self) -> bool {
        let mut lines = self.waiting.lines.lock();
        let line = lines.get_mut(self.queue);
        let line = line.and_then(|groups| groups.get_mut(self.group));
        let Some(waiter) = line.and_then(|line| line.waiters.get_mut(&self.ticket)) else {
            return false;
        };
        waiter.is_up = waiter.again;
        std::mem::take(&mut waiter.again)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.waiters.fetch_sub(1, Ordering::Relaxed);
        let mut lines = self.waiting.lines.lock();
        let Some(groups) = lines.get_mut(self.queue) else {
            return;
        };
        if let Some(line) = groups.get_mut(self.group) {
            let own = line.waiters.remove(&self.ticket);
            // What it was woken for, and did not look at, is for another.
            let passes_on = own.is_some_and(|own| own.again || (own.is_up && !self.has_looked));
            line.wake(self.wakes + u64::from(passes_on));
            if line.waiters.is_empty() {
                groups.remove(self.group);
            }
        }
        if groups.is_empty() {
            lines.remove(self.queue);
        }
    }
}

impl Line {
    /// Wakes so many.
    fn wake(&mut self, waiters: u64) {
        self.ring(waiters, |_| 1);
    }

    /// Wakes as many as so many messages are enough for.
    fn wake_for(&mut self, messages: u64) {
        self.ring(messages, |waiter| waiter.max);
    }

    /// Wakes until `left` is spent: those that wait, the first first; then those that are up
    /// already, and may have looked too early, look once more.
    fn ring(&mut self, mut left: u64, price: impl Fn(&Waiter) -> u64) {
        let (up, waiting): (Vec<_>, Vec<_>) =
            self.waiters.values_mut().partition(|waiter| waiter.is_up);
        for waiter in waiting {
            if left == 0 {
                return;
            }
            left = left.saturating_sub(price(waiter));
            waiter.is_up = true;
            waiter.bell.notify_one();
        }
        for waiter in up {
            if left == 0 {
                return;
            }
            left = left.saturating_sub(price(waiter));
            waiter.again = true;
        }
    }
}

fn line_of<'a>(
    lines: &'a mut HashMap<String, HashMap<String, Line>>,
    queue: &str,
    group: &str,
) -> &'a mut Line {
    let groups = lines.entry(queue.to_owned()).or_default();
    groups.entry(group.to_owned()).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::pin;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(3_600)
    }

    /// Whether a place is woken by now.
    fn is_woken(place: &Place<'_>) -> bool {
        pin!(place.bell.notified()).now_or_never().is_some()
    }

    fn seated<'a>(waiting: &'a Waiting, max: u64) -> Place<'a> {
        let place = waiting.enter("q", "g", max).expect("there is room");
        assert!(!place.sit_down(), "nothing has come");
        place
    }

    #[tokio::test]
    async fn a_publish_wakes_as_many_as_its_messages_are_enough_for_the_first_first() {
        for (maxima, messages, woken) in [
            (&[1, 1, 1][..], 2, 2),
            (&[10, 1], 2, 1),
            (&[10, 1], 11, 2),
            (&[1, 1], 5, 2),
            (&[1], 1, 1),
        ] {
            let waiting = Waiting::new(100);
            let places: Vec<_> = maxima.iter().map(|max| seated(&waiting, *max)).collect();
            waiting.published("other", 9);
            waiting.published("q", messages);
            let found: Vec<bool> = places.iter().map(is_woken).collect();
            let expected: Vec<bool> = (0..maxima.len()).map(|place| place < woken).collect();
            assert_eq!(found, expected, "{maxima:?} {messages}");
        }
    }

    #[tokio::test]
    async fn what_comes_while_somebody_looks_is_not_missed() {
        let waiting = Waiting::new(100);
        let place = waiting.enter("q", "g", 1).expect("there is room");
        waiting.published("q", 1);
        assert_eq!(place.wait(later()).await, Woken::Again);
        waiting.published("q", 1);
        assert_eq!(place.wait(later()).await, Woken::Again);
    }

    #[tokio::test]
    async fn who_leaves_without_having_looked_passes_it_on() {
        let waiting = Waiting::new(100);
        let (first, second) = (seated(&waiting, 1), seated(&waiting, 1));
        waiting.published("q", 1);
        assert!(!is_woken(&second));
        drop(first);
        assert!(is_woken(&second));
    }

    #[tokio::test]
    async fn who_got_all_it_asked_for_wakes_the_next_two_and_who_got_less_nobody() {
        for (is_all, woken) in [(true, 2), (false, 0)] {
            let waiting = Waiting::new(100);
            let mut first = seated(&waiting, 1);
            let others: Vec<_> = (0..3).map(|_| seated(&waiting, 1)).collect();
            waiting.found("q", "g");
            first.got(is_all);
            drop(first);
            let found = others.iter().filter(|place| is_woken(place)).count();
            assert_eq!(found, woken, "{is_all}");
        }
    }

    #[tokio::test]
    async fn waits_end_with_their_time_and_with_the_server_and_leave_no_line() {
        let waiting = Waiting::new(1);
        let place = seated(&waiting, 1);
        assert!(waiting.enter("q", "g", 1).is_err(), "there is room for one");
        assert_eq!(place.wait(Instant::now()).await, Woken::Late);
        assert_eq!(waiting.to_look_at(true).len(), 1);
        waiting.close();
        assert_eq!(place.wait(later()).await, Woken::Closing);
        drop(place);
        assert!(waiting.lines.lock().is_empty());
        assert!(waiting.enter("q", "g", 1).is_ok(), "it is free again");
    }

    #[tokio::test]
    async fn a_line_is_looked_at_before_its_time_only_where_somebody_waits() {
        let waiting = Waiting::new(100);
        let up = waiting.enter("q", "g", 1).expect("there is room");
        waiting.look_at("q");
        assert!(waiting.to_look_at(false).is_empty());
        assert!(!up.sit_down());
        waiting.look_at("q");
        assert_eq!(waiting.to_look_at(false), [("q".into(), "g".into())]);
        assert!(waiting.to_look_at(false).is_empty());
    }
}

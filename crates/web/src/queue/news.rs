//! What is told once a request is committed: who waits is woken, and it is counted.
//!
//! A request is planned, perhaps several times, and carried out later, perhaps with others; so a plan
//! leaves here what is to be told, and its conclusion how much it was. What was replayed was
//! told before, and counts nothing.

use crate::web::Web;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is to be told of one request.
#[derive(Debug, Default)]
pub(crate) struct News(Mutex<Vec<Item>>);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Published,
    Leased,
    /// Of what is leased, what was leased before.
    Retried,
    Acked,
    Nacked,
    Extended,
    Redriven,
    Replayed,
}

/// How many messages it was, which the conclusion tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

#[derive(Debug)]
struct Item {
    what: Counted,
    queue: String,
    count: Count,
    /// How many of them can be leased now, and how many are for later.
    now: u64,
    later: u64,
}

impl Count {
    pub(crate) fn set(&self, messages: u64) {
        self.0.store(messages, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl News {
    /// Something that is counted.
    pub(super) fn counted(&self, what: Counted, queue: &str) -> Count {
        self.add(what, queue, 0, 0)
    }

    /// A publish.
    pub(crate) fn published(&self, queue: &str, now: usize, later: usize) -> Count {
        self.add(Counted::Published, queue, now as u64, later as u64)
    }

    fn add(&self, what: Counted, queue: &str, now: u64, later: u64) -> Count {
        let count = Count::default();
        self.0.lock().push(Item {
            what,
            queue: queue.to_owned(),
            count: count.clone(),
            now,
            later,
        });
        count
    }

    /// Forgets a plan that was not carried out.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Tells it.
    pub(crate) fn tell(&self, web: &Web) {
        for item in self.0.lock().drain(..) {
            let count = item.count.get();
            if count == 0 {
                continue;
            }
            web.metrics().queues.count(item.what, &item.queue, count);
            if item.now > 0 {
                web.waiting().published(&item.queue, count.min(item.now));
            }
            // The next of an ordering key is free.
            let frees = matches!(item.what, Counted::Acked | Counted::Nacked);
            if frees || matches!(item.what, Counted::Redriven | Counted::Replayed) {
                web.waiting().look_at(&item.queue);
            }
            if item.later > 0 {
                web.clock().hurry();
            }
        }
    }
}

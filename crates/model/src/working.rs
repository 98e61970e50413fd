//! What is seen of workers: for metrics, the admin API and the command line.

use std::time::Duration;

/// A worker of one process.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerReport {
    /// Its name.
    pub name: String,
    /// The queue it works on.
    pub queue: String,
    /// The group it works for.
    pub group: String,
    /// What is done with a message, for people.
    pub handler: String,
    /// There are always so many places for messages.
    pub min: u32,
    /// There are never more.
    pub max: u32,
    /// There are so many now.
    pub wanted: u32,
    /// So many have a message.
    pub busy: u32,
    /// Messages that were begun since the process did.
    pub begun: u64,
    /// Attempts that succeeded.
    pub handled: u64,
    /// Attempts that failed, and were or will be made again if any are left.
    pub failed: u64,
    /// Attempts after which the worker had the message put among the dead at once.
    pub dead: u64,
    /// Messages that were given back without an attempt that counts, because the process stops.
    pub released: u64,
    /// Leases that had run out when their message was settled: it comes again.
    pub gone: u64,
    /// How long attempts took.
    pub took: Durations,
    /// How long one takes, on average of late.
    pub service: Option<Duration>,
    /// Messages that nobody of the group has had, when it was last looked.
    pub backlog: u64,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
    /// Why there are so many places.
    pub reason: String,
    /// The last changes of their number, the oldest first.
    pub changes: Vec<Change>,
    /// Why it gets no messages, if it does not.
    pub trouble: Option<String>,
    /// What the last attempt that failed said.
    pub last_error: Option<String>,
}

/// How long something took, in classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    /// Bounds in seconds, and how many were at most as long and longer than the bound before. The
    /// last bound is infinite.
    pub classes: Vec<(f64, u64)>,
    /// All together, in seconds.
    pub sum_seconds: f64,
}

/// A change of the number of places for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When: microseconds since 1970.
    pub at_us: i64,
    /// How many there were.
    pub from: u32,
    /// How many there were to be.
    pub to: u32,
    /// Why.
    pub reason: String,
}

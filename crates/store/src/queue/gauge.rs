//! How full queues are, as this process knows it: for back-pressure, metrics and autoscaling.
//!
//! A queue may hold a million messages, and to count them with each publish would cost more than
//! the publish. The log is only added to at its end, and what a group has before it only goes at
//! its beginning, so it is counted in pieces that do not change: once when they are new, and once
//! more when the group comes to them. What is scheduled, and what a group has out, is counted anew, the less
//! often the longer that takes. What is known is up to a second old, or a hundred times as old as a count
//! takes; what this process has published and leased since is added to it.

use super::look::{Depth, by_state, counted, depth_of_states, ran_out, scheduled};
use super::pace::Paced;
use super::pieces::{self, Pieces};
use super::{DEFAULT_GROUP, Lane, check_key};
use crate::operation::Operation;
use crate::refused;
use crate::relation::tree;
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::engine::Step;
use pando_model::error::Refusal;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// How long pieces are believed: what an operator purged through another process is in them.
const BELIEVED_US: i64 = 600 * 1_000_000;
/// Queues and groups that are measured at once. Of others it is not known that they are full.
const WATCHED_MAX: usize = 4_096;
/// How long a queue is measured after it was last asked about.
const WATCHED_US: i64 = 60 * 1_000_000;
/// How many times `max_in_flight` a group holds before it reads nothing more, while what it waits
/// for is due later and nobody works on anything.
const HELD_IDLE: u64 = 10;

/// What is known of a queue, as a group sees it.
#[derive(Clone, Debug, Default)]
struct Gauge {
    pieces: Pieces,
    depth: Depth,
    /// What of it is out; by which count, and what had been leased when that began.
    out: Paced<Depth>,
    out_count: u64,
    out_leased: i64,
    /// Counts of it that were begun.
    counts: u64,
    /// What a broker has.
    there: Depth,
    /// What this process published since it was measured, and what its leases held.
    since: u64,
    held_since: u64,
    /// What it leased, less what it settled.
    leased: i64,
    /// Whether somebody was told since that it is full.
    has_refused: bool,
    begun_us: i64,
    asked_us: i64,
}

/// What is known of all queues that somebody asked about lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    of_groups: Arc<Mutex<BTreeMap<(String, String), Gauge>>>,
    /// How much of each queue is scheduled.
    scheduled: Arc<Mutex<BTreeMap<String, Paced<u64>>>>,
}

/// Whether everything is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anew {
    All,
    /// What it is time for.
    Due,
}

impl Store {
    /// Refuses (`queue_full`) what a queue with `max_depth` has no room for, as far as it is known.
    pub fn queue_admit_publish(
        &self,
        queue: &str,
        count: usize,
    ) -> std::result::Result<(), Refusal> {
        let rules = self.queue_rules(queue);
        let Some(max_depth) = rules.max_depth else {
            return Ok(());
        };
        let count = count as u64;
        if count > max_depth {
            let message = format!("{count} messages are more than the queue {queue:?} ever holds");
            let hint = format!("Send fewer at once, or raise max_depth of [queues.{queue}].");
            return Err(refused::unprocessable(message).hint(hint));
        }
        let now_us = self.clock().now_us();
        let mut deepest = 0;
        for group in rules.groups() {
            let depth = self.gauges().asked(queue, group, now_us, |gauge| {
                let here = gauge.depth.depth() + gauge.depth.scheduled + gauge.since;
                let depth = here + gauge.there.depth();
                if depth.saturating_add(count) <= max_depth {
                    gauge.since += count;
                } else {
                    gauge.has_refused = true;
                }
                depth
            });
            deepest = deepest.max(depth);
        }
        if deepest.saturating_add(count) <= max_depth {
            return Ok(());
        }
        let message = format!("the queue {queue:?} is full: {deepest} messages wait");
        Err(Refusal::new("queue_full", message).hint(format!(
            "Try again later, add consumers, or raise max_depth of [queues.{queue}]."
        )))
    }

    /// Refuses (`too_many_in_flight`) a lease of a group that has as much out as it may, in the store
    /// and on a broker that tells, as far as it is known.
    pub fn queue_admit_lease(
        &self,
        queue: &str,
        group: Option<&str>,
    ) -> std::result::Result<(), Refusal> {
        let max = self.queue_rules(queue).max_in_flight;
        let group = group.unwrap_or(DEFAULT_GROUP);
        let now_us = self.clock().now_us();
        // What waits is not among it: only leases take that down.
        let out = self.gauges().asked(queue, group, now_us, |gauge| {
            let here = gauge
                .depth
                .in_flight
                .saturating_add_signed(gauge.leased - gauge.out_leased);
            let out = here + gauge.there.in_flight;
            gauge.has_refused |= out >= max;
            out
        });
        if out < max {
            return Ok(());
        }
        let message = format!("{max} messages of {queue:?} are out for the group {group:?}");
        Err(Refusal::new("too_many_in_flight", message).hint(format!(
            "Acknowledge some, or raise max_in_flight of [queues.{queue}]."
        )))
    }

    /// Whether a group holds as much behind other messages of its ordering keys as it may, as far as it
    /// is known: then nothing is read that nobody has had, until some of it is done. Where nobody works
    /// on anything, and what they wait for is for later, it is [`HELD_IDLE`] times as much.
    pub(super) fn holds_enough(&self, queue: &str, group: &str) -> bool {
        let max = self.queue_rules(queue).max_in_flight;
        let now_us = self.clock().now_us();
        self.gauges().asked(queue, group, now_us, |gauge| {
            let out = gauge.depth;
            let is_waited_for = out.waiting > out.held;
            let bound = match (out.in_flight > 0, is_waited_for) {
                (true, _) => max,
                (false, true) => max.saturating_mul(HELD_IDLE),
                // Nothing is on its way that could be done.
                (false, false) => u64::MAX,
            };
            let is_full = out.held + gauge.held_since >= bound;
            gauge.has_refused |= is_full;
            is_full
        })
    }

    /// How much a group has before it, at a cost that does not grow with what nobody has had: that
    /// is counted in pieces, most of which were counted before.
    pub async fn queue_measure(&self, queue: &str, group: Option<&str>) -> Result<Depth> {
        self.measure_asked(queue, group, Anew::All).await
    }

    /// The same, as it was counted lately where counting takes long.
    pub async fn queue_measure_lately(&self, queue: &str, group: Option<&str>) -> Result<Depth> {
        self.measure_asked(queue, group, Anew::Due).await
    }

    async fn measure_asked(&self, queue: &str, group: Option<&str>, anew: Anew) -> Result<Depth> {
        let group = group.unwrap_or(DEFAULT_GROUP);
        check_key("a group", group)?;
        Lane::of(queue)?;
        let now_us = self.clock().now_us();
        self.gauges().asked(queue, group, now_us, |_| ());
        self.measure_known(queue, group, anew).await
    }

    /// The same for one that is watched, and is for no longer because of it.
    async fn measure_known(&self, queue: &str, group: &str, anew: Anew) -> Result<Depth> {
        self.look_above(queue).await?;
        let lane = Lane::of(queue)?;
        let now_us = self.clock().now_us();
        let (pieces, out, is_waited_for) = self.gauges().known(queue, group, |gauge| {
            if now_us.saturating_sub(gauge.begun_us) > BELIEVED_US {
                gauge.pieces = Pieces::default();
                gauge.begun_us = now_us;
            }
            gauge.since = 0;
            (gauge.pieces.clone(), gauge.out, gauge.has_refused)
        });
        let is_due = |is_due: bool| anew == Anew::All || is_due;
        // In the order in which messages go, so that none is missed that goes meanwhile.
        let mut scheduled = self.gauges().scheduled(queue);
        if is_due(scheduled.is_due(Instant::now(), is_waited_for)) {
            scheduled = self.count(scheduled_of(&lane), |count| *count).await?;
            self.gauges().keep_scheduled(queue, scheduled);
        }
        let count = pieces::count(&lane, group, pieces, self.ranks(queue));
        let (unread, _) = self.answer(&count, &Session::default()).await?;
        let mut counted_now = None;
        if is_due(out.is_due(Instant::now(), is_waited_for)) {
            let begun = self.gauges().known(queue, group, |gauge| {
                gauge.held_since = 0;
                gauge.has_refused = false;
                gauge.counts += 1;
                (gauge.counts, gauge.leased)
            });
            let count = out_of(&lane, group, now_us);
            let out = self.count(count, |depth| depth.depth() + depth.dead);
            counted_now = Some((out.await?, begun));
        }
        Ok(self.gauges().known(queue, group, |gauge| {
            gauge.pieces = unread.pieces;
            if let Some((out, begun)) = counted_now {
                gauge.take_count(out, begun);
            }
            gauge.depth = Depth {
                ready: unread.ready,
                oldest_us: unread.oldest_us,
                scheduled: scheduled.counted,
                ..gauge.out.counted
            };
            gauge.depth
        }))
    }

    /// Counts, and takes the time.
    async fn count<T: Send + 'static>(
        &self,
        count: Operation<T>,
        rows: impl FnOnce(&T) -> u64,
    ) -> Result<Paced<T>> {
        let begun = Instant::now();
        let (counted, _) = self.answer(&count, &Session::default()).await?;
        let (ended, rows) = (Instant::now(), rows(&counted));
        Ok(Paced::new(counted, rows, ended - begun, ended))
    }

    /// Measures what was asked about within the last minute, and gives the last fault that it met.
    /// Call it about once a second.
    pub async fn queue_measure_watched(&self) -> Result<()> {
        let (mut measured, mut is_there) = (Ok(()), true);
        for (queue, group) in self.gauges().watched(self.clock().now_us()) {
            if let Err(error) = self.measure_known(&queue, &group, Anew::Due).await {
                measured = Err(error);
            }
            // A broker that does not answer is not waited for once more.
            if is_there && let Err(error) = self.measure_there(&queue, &group).await {
                is_there = false;
                measured = Err(error);
            }
        }
        measured
    }

    /// What is known of the queues that were asked about within the last minute.
    pub fn queue_depths(&self) -> Vec<(String, String, Depth)> {
        let gauges = self.gauges().of_groups.lock();
        let each = gauges.iter();
        each.map(|((queue, group), gauge)| (queue.clone(), group.clone(), gauge.depth))
            .collect()
    }
}

impl Gauge {
    /// Takes what is out from a count with its number, and with what had been leased when it began,
    /// unless one that began later has ended before it. What was leased while it was counted is
    /// among it, or not.
    fn take_count(&mut self, out: Paced<Depth>, (count, leased): (u64, i64)) {
        // One that was begun before the gauge was forgotten tells nothing of what came since.
        if count > self.out_count && count <= self.counts {
            (self.out, self.out_count, self.out_leased) = (out, count, leased);
        }
    }
}

impl Gauges {
    fn asked<T>(
        &self,
        queue: &str,
        group: &str,
        now_us: i64,
        about: impl FnOnce(&mut Gauge) -> T,
    ) -> T {
        let mut gauges = self.of_groups.lock();
        let key = (queue.to_owned(), group.to_owned());
        if gauges.len() >= WATCHED_MAX && !gauges.contains_key(&key) {
            return about(&mut Gauge::default());
        }
        let gauge = gauges.entry(key).or_default();
        gauge.asked_us = gauge.asked_us.max(now_us);
        about(gauge)
    }

    /// About one that was asked about, if it is remembered still.
    fn known<T>(&self, queue: &str, group: &str, about: impl FnOnce(&mut Gauge) -> T) -> T {
        let mut gauges = self.of_groups.lock();
        match gauges.get_mut(&(queue.to_owned(), group.to_owned())) {
            Some(gauge) => about(gauge),
            None => about(&mut Gauge::default()),
        }
    }

    /// The queues and groups that are measured; others are forgotten.
    fn watched(&self, now_us: i64) -> Vec<(String, String)> {
        let mut gauges = self.of_groups.lock();
        gauges.retain(|_, gauge| now_us.saturating_sub(gauge.asked_us) <= WATCHED_US);
        let watched: Vec<(String, String)> = gauges.keys().cloned().collect();
        drop(gauges);
        let is_watched = |queue: &String| watched.iter().any(|(watched, _)| watched == queue);
        self.scheduled.lock().retain(|queue, _| is_watched(queue));
        watched
    }

    /// A lease has just held so many messages behind others.
    pub(super) fn hold(&self, queue: &str, group: &str, messages: usize) {
        self.known(queue, group, |gauge| gauge.held_since += messages as u64);
    }

    /// A lease has just taken so many messages.
    pub(super) fn lease(&self, queue: &str, group: &str, messages: usize) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.known(queue, group, |gauge| gauge.leased += messages);
    }

    /// So many leases were just settled.
    pub(super) fn settle(&self, queue: &str, group: &str, leases: usize) {
        let leases = i64::try_from(leases).unwrap_or(i64::MAX);
        self.known(queue, group, |gauge| gauge.leased -= leases);
    }

    /// What a broker has of a queue, for a group.
    pub(super) fn keep_there(&self, queue: &str, group: &str, there: Depth) {
        self.known(queue, group, |gauge| gauge.there = there);
    }

    fn scheduled(&self, queue: &str) -> Paced<u64> {
        let scheduled = self.scheduled.lock();
        scheduled.get(queue).copied().unwrap_or_default()
    }

    fn keep_scheduled(&self, queue: &str, counted: Paced<u64>) {
        self.scheduled.lock().insert(queue.to_owned(), counted);
    }

    /// Counts a queue anew: what was in it is gone.
    pub(super) fn forget(&self, queue: &str) {
        let mut gauges = self.of_groups.lock();
        for ((name, _), gauge) in gauges.iter_mut() {
            if name == queue {
                gauge.pieces = Pieces::default();
                gauge.out = Paced::default();
            }
        }
        drop(gauges);
        self.scheduled.lock().remove(queue);
    }
}

/// Counts what waits for its time.
fn scheduled_of(lane: &Lane) -> Operation<u64> {
    let count = Step::read(tree(scheduled(lane)));
    Operation::reading(lane.reach(), vec![count], |outcomes| {
        Ok(counted(outcomes.first()))
    })
}

/// Counts what a group has out.
fn out_of(lane: &Lane, group: &str, now_us: i64) -> Operation<Depth> {
    let counts = [by_state(lane, group), ran_out(lane, group, now_us)];
    let counts = counts.map(|count| Step::read(tree(count)));
    Operation::reading(lane.reach(), counts.to_vec(), |outcomes| {
        Ok(depth_of_states(outcomes.first(), outcomes.get(1)))
    })
}

//! What goes by the clock: messages whose time comes, and a look for all who wait.

use super::news::Counted;
use super::waiting::Waiting;
use crate::web::Web;
use pando_store::queue::Lease;
use pando_store::session::Session;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What other processes publish, and what becomes due, is seen after so long at most.
const LOOK: Duration = Duration::from_millis(250);
/// Other processes publish for later as well.
const REST: Duration = Duration::from_secs(1);
/// How often declared queues are measured, whether somebody asks or not: as often as metrics are
/// looked at, as a rule.
const MEASURED: Duration = Duration::from_secs(5);
/// What is this long overdue is looked for from time to time only: where messages lay that have
/// entered the log, a database may have to walk over what is left of them.
const OVERDUE: Duration = Duration::from_secs(60);

/// What hurries the clock.
#[derive(Debug, Default)]
pub(crate) struct Clock(Notify);

impl Clock {
    /// A message was published for later: when, is looked at.
    pub(crate) fn hurry(&self) {
        self.0.notify_one();
    }
}

/// Runs until the server stops.
pub(crate) async fn run(web: Arc<Web>) {
    let web = &*web;
    let (tasks, waiting) = (web.store().tasks(), web.waiting());
    tokio::join!(
        unless_closed(waiting, tasks.keep("queue-release", || release(web))),
        unless_closed(waiting, tasks.keep("queue-look", || look(web))),
        unless_closed(
            waiting,
            tasks.keep("queue-schedules", || run_schedules(web))
        ),
        unless_closed(waiting, tasks.keep("queue-measure", || measure(web))),
        unless_closed(
            waiting,
            tasks.keep("queue-gauges", || measure_declared(web))
        ),
    );
}

async fn unless_closed(waiting: &Waiting, work: impl Future<Output = ()>) {
    tokio::select! {
        () = waiting.closed() => {}
        () = work => {}
    }
}

/// Lets messages enter the log when their time comes.
async fn release(web: &Web) {
    let mut looked_far = None;
    let mut was_well = true;
    loop {
        let now = Instant::now();
        let is_far = looked_far.is_none_or(|at: Instant| now - at >= OVERDUE);
        let floor_us = match is_far {
            true => 0,
            false => before(web.store().clock().now_us(), 2 * OVERDUE),
        };
        let mut until = now + REST;
        match web.store().queue_release(floor_us).await {
            Ok(released) => {
                if is_far {
                    looked_far = Some(now);
                }
                for queue in &released.queues {
                    web.waiting().look_at(queue);
                }
                let next = released.next_us.map(|next_us| now + wait(web, next_us));
                until = next.unwrap_or(until).min(until);
                was_well = true;
            }
            Err(error) if was_well => {
                was_well = false;
                tracing::warn!(%error, "could not look for messages that are due; it is tried again each second");
            }
            Err(error) => tracing::debug!(%error, "could not look for messages that are due"),
        }
        tokio::select! {
            () = sleep_until(until) => {}
            () = web.clock().0.notified() => {}
        }
    }
}

/// Publishes what schedules say.
async fn run_schedules(web: &Web) {
    let declared = &web.store().config().queues.declared;
    if declared.values().all(|rules| rules.schedules.is_empty()) {
        return;
    }
    let mut was_well = true;
    loop {
        let now = Instant::now();
        let mut until = now + REST;
        let count = |queue: &str| web.metrics().queues.count(Counted::Published, queue, 1);
        match web.store().queue_run_schedules(count).await {
            Ok(published) => {
                for queue in &published.queues {
                    web.waiting().look_at(queue);
                }
                // Which occurrence was the last is looked up once a minute at least: another
                // process may have published it.
                let next = published.next_us.map(|next_us| now + wait(web, next_us));
                until = next.unwrap_or(now + OVERDUE).min(now + OVERDUE);
                was_well = true;
            }
            Err(error) => {
                if std::mem::take(&mut was_well) {
                    tracing::warn!(%error, "could not publish what schedules say; it is tried again each second");
                }
            }
        }
        sleep_until(until.max(now + LOOK)).await;
    }
}

/// Measures the queues that were asked about lately: who is told to come again goes by it.
async fn measure(web: &Web) {
    loop {
        sleep_until(Instant::now() + REST).await;
        if let Err(error) = web.store().queue_measure_watched().await {
            tracing::debug!(%error, "could not measure queues");
        }
    }
}

/// Measures the queues that are declared, in the store and on the broker: `/metrics` tells it.
async fn measure_declared(web: &Web) {
    let declared = &web.store().config().queues.declared;
    if declared.is_empty() {
        return;
    }
    loop {
        for (queue, rules) in declared {
            for group in rules.groups() {
                let depth = web.store().queue_depth_anywhere(queue, Some(group)).await;
                let known = depth.as_ref().ok().copied();
                web.metrics().queues.keep(queue, group, known);
                if let Err(error) = depth {
                    tracing::debug!(%error, queue, group, "could not measure a queue");
                }
            }
        }
        sleep_until(Instant::now() + MEASURED).await;
    }
}

fn wait(web: &Web, next_us: i64) -> Duration {
    let us = next_us.saturating_sub(web.store().clock().now_us());
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

fn before(now_us: i64, span: Duration) -> i64 {
    now_us.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}

/// Looks for who waits, and not where nobody does.
async fn look(web: &Web) {
    let waiting = web.waiting();
    let mut next = Instant::now();
    loop {
        let is_time = tokio::select! {
            () = sleep_until(next) => true,
            () = waiting.somebody() => false,
        };
        let mut lines = waiting.to_look_at(is_time);
        if is_time && lines.is_empty() {
            // Until somebody does. Whoever does has looked just now.
            waiting.somebody().await;
            lines = waiting.to_look_at(false);
        }
        if is_time {
            next = Instant::now() + LOOK;
        }
        for (queue, group) in lines {
            look_for(web, queue, group).await;
        }
    }
}

async fn look_for(web: &Web, queue: String, group: String) {
    let lease = Lease {
        group: Some(group.clone()),
        ..Lease::default()
    };
    let looked = match web.store().queue_has_some(&queue, &lease) {
        Ok(look) => web.store().answer(&look, &Session::default()).await,
        Err(error) => Err(error),
    };
    match looked {
        Ok((true, _)) => web.waiting().found(&queue, &group),
        Ok((false, _)) => {}
        Err(error) => tracing::debug!(%error, queue, "could not look for messages"),
    }
}

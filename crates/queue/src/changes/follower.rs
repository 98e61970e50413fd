//! The follower: takes in the feed for all who listen in this process.

use super::{Hub, LINGER, RETENTION};
use pando_model::engine::{Engine, FeedCursor, Result};
use pando_model::stamp::Position;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Under which name all processes follow.
const NAME: &str = "changes";
/// Events taken in at once.
const PAGE_EVENTS: usize = 4096;
/// How often it is said what is not needed any more.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_secs(10);
/// How often a store that others write to is asked.
const ASK_SHARED: Duration = Duration::from_millis(50);
/// How often it is looked whether a store of this process alone was written to.
const LOOK_ALONE: Duration = Duration::from_millis(5);
/// How long a store is left alone that did not answer.
const ASK_FAILED: Duration = Duration::from_millis(200);

/// Follows while somebody listens, as long as anybody has the hub.
pub(super) async fn run(hub: Weak<Hub>) {
    let mut is_cut_off = false;
    // A process that was killed may have left it followed.
    let mut is_followed = true;
    loop {
        let Some(strong) = hub.upgrade() else { return };
        let mut listening = strong.subscribers.subscribe();
        drop(strong);
        let came = listening.wait_for(|count| *count > 0);
        let came = match is_followed {
            true => timeout(LINGER, came).await.map(|came| came.is_ok()),
            false => Ok(came.await.is_ok()),
        };
        let Some(hub) = hub.upgrade() else { return };
        match came {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => {
                is_followed = leave(&hub).await.is_err();
                continue;
            }
        }
        is_followed = true;
        match follow(&hub).await {
            Ok(()) => is_cut_off = false,
            Err(error) => {
                if !is_cut_off {
                    tracing::warn!(%error, "the store's changes cannot be followed");
                }
                is_cut_off = true;
                sleep(ASK_FAILED).await;
            }
        }
        // Who comes next waits until it is followed again.
        hub.taken.send_replace(None);
    }
}

/// Follows until nobody listens, and nobody has for a while.
async fn follow(hub: &Arc<Hub>) -> Result<()> {
    let engine = &hub.engine;
    let registered = engine.follow(NAME).await?;
    // Others may have followed for long: what was before is not for those who come now. What is
    // between `low` and `high` may not be visible yet, and is.
    let mut cursor = registered.max(FeedCursor {
        at: engine.progress().low,
        ordinal: u32::MAX,
    });
    // Between two times that it was followed there may have been anything.
    hub.lose(cursor);
    let mut passed: VecDeque<(Instant, FeedCursor)> = VecDeque::new();
    let mut acknowledged = Instant::now();
    let mut idle_since: Option<Instant> = None;
    let mut looked_at: Option<Position> = None;
    loop {
        let is_idle = *hub.subscribers.borrow() == 0;
        idle_since = is_idle.then(|| idle_since.unwrap_or_else(Instant::now));
        if idle_since.is_some_and(|since| since.elapsed() >= LINGER) {
            return leave(hub).await;
        }
        // Everything up to here is in the page that is read next.
        let low = engine.progress().low;
        let is_new = engine.is_shared() || looked_at != Some(low);
        if is_new {
            let page = engine.fetch_feed(cursor, PAGE_EVENTS).await?;
            let is_full = page.events.len() >= PAGE_EVENTS;
            if page.gap {
                // It has to be registered again. Those who listen find out by themselves what
                // the feed still holds for them.
                return Ok(());
            }
            cursor = page.next;
            hub.take_in(page.events, cursor);
            if is_full {
                continue;
            }
            looked_at = Some(low);
            acknowledge(&**engine, cursor, &mut passed, &mut acknowledged).await;
        }
        let pause = match engine.is_shared() {
            true => ASK_SHARED,
            false => LOOK_ALONE,
        };
        match idle_since {
            None => sleep(pause).await,
            Some(since) => {
                let mut listening = hub.subscribers.subscribe();
                let came = listening.wait_for(|count| *count > 0);
                let _ = timeout_at(since + LINGER, came).await;
            }
        }
    }
}

/// Nobody listens any more: a store of this process alone need record nothing.
async fn leave(hub: &Hub) -> Result<()> {
    match hub.engine.is_shared() {
        true => Ok(()),
        false => hub.engine.unfollow(NAME).await,
    }
}

/// Says what is not needed any more. A store that cannot be told is told later.
async fn acknowledge(
    engine: &dyn Engine,
    cursor: FeedCursor,
    passed: &mut VecDeque<(Instant, FeedCursor)>,
    acknowledged: &mut Instant,
) {
    let now = Instant::now();
    if now.duration_since(*acknowledged) < ACKNOWLEDGE_EVERY {
        return;
    }
    *acknowledged = now;
    passed.push_back((now, cursor));
    let mut done = None;
    while let Some((at, cursor)) = passed.front()
        && now.duration_since(*at) >= RETENTION
    {
        done = Some(*cursor);
        passed.pop_front();
    }
    if let Some(cursor) = done
        && let Err(error) = engine.acknowledge_feed(NAME, cursor).await
    {
        tracing::debug!(%error, "could not say which changes are not needed any more");
    }
}

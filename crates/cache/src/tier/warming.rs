//! Warming: what is likely to be asked for is loaded before it is, after a start and whenever
//! everything was dropped.
//!
//! What that is, and how it is asked for, is known to a [`Warmer`]; here is when, and how fast.
//! The questions are those of clients and take their way: keys, floors, stamps, leases and
//! admission are as for any other load. One is asked at a time in the whole process, so that one
//! place at most of the store's headroom is taken, and half of the time at most; while others wait
//! for the store, or use half of what it has, none is.

use super::Tier;
use super::collection::Collection;
use super::rule::Warm;
use crate::admission::Headroom;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use pando_model::caching::WarmReport;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Somebody who knows what a rule's query finds.
pub trait Warmer: Send + Sync {
    /// Begins with a query; nothing is asked yet.
    fn begin(&self, collection: &str, query: &str) -> Result<Box<dyn Hot>, WarmError>;
}

/// What a query finds.
#[async_trait]
pub trait Hot: Send {
    /// The next of it, in the order of the query; `None` behind the last.
    async fn next(&mut self) -> Result<Option<Vec<Question>>, WarmError>;
}

/// Asks for one thing, as a client would.
pub type Question = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), WarmError>> + Send>;

/// Why something was not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct WarmError {
    /// What is wrong.
    pub reason: String,
    /// Whether it is so until the query or the schema changes.
    pub is_refused: bool,
}

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a busy store is left alone.
const PAUSE: Duration = Duration::from_millis(50);
/// What was dropped again so soon is not loaded again before.
const AGAIN_AFTER_US: i64 = 30_000_000;
/// So many questions that fail one after the other end a run.
const FAILED_MAX: u32 = 3;
/// Of what a query finds, no more is loaded.
const FOUND_MAX: u64 = 100_000;

/// How far a collection is loaded.
pub(super) struct Warming(Mutex<State>);

#[derive(Default)]
struct State {
    /// Somebody wants it now.
    is_asked: bool,
    /// How often everything had been dropped when it was last begun.
    begun_for: Option<u64>,
    begun_at_us: Option<i64>,
    name: Name,
    done: u64,
    total: u64,
    warmed: u64,
    warmed_at_us: Option<i64>,
    error: Option<String>,
    /// What failed may do better later.
    is_tried_again: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Waiting,
    Running,
    Paused,
    Done,
    Full,
    Failed,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Name::Waiting => "waiting",
            Name::Running => "running",
            Name::Paused => "paused",
            Name::Done => "done",
            Name::Full => "full",
            Name::Failed => "failed",
        }
    }
}

/// How a run ended that did not fail.
enum Ended {
    /// All is loaded.
    Done,
    /// There is no room for more.
    Full,
    /// It is of no use any more.
    Superseded,
}

impl Warming {
    pub(super) fn new(is_asked: bool) -> Warming {
        Warming(Mutex::new(State {
            is_asked,
            ..State::default()
        }))
    }

    /// Has it loaded now.
    pub(super) fn ask(&self) {
        let mut state = self.0.lock();
        state.is_asked = true;
        state.name = Name::Waiting;
    }

    pub(super) fn report(&self, warm: &Warm) -> WarmReport {
        let state = self.0.lock();
        WarmReport {
            query: warm.query.clone(),
            rate: warm.rate,
            state: state.name.text(),
            done: state.done,
            total: state.total,
            warmed: state.warmed,
            warmed_at_us: state.warmed_at_us,
            error: state.error.clone(),
        }
    }

    /// Whether it is to be begun; it is, then.
    fn begins(&self, emptied: u64, now_us: i64) -> bool {
        let mut state = self.0.lock();
        let is_new = state.begun_for != Some(emptied);
        let is_over = |begun_us| now_us.saturating_sub(begun_us) >= AGAIN_AFTER_US;
        let may_again = state.begun_at_us.is_none_or(is_over);
        if !(state.is_asked || (is_new || state.is_tried_again) && may_again) {
            return false;
        }
        *state = State {
            is_asked: false,
            begun_for: Some(emptied),
            begun_at_us: Some(now_us),
            name: Name::Running,
            warmed: state.warmed,
            warmed_at_us: state.warmed_at_us,
            ..State::default()
        };
        true
    }

    /// Whether a run that was begun then is still wanted.
    fn goes_on(&self, emptied: u64) -> bool {
        let state = self.0.lock();
        !state.is_asked && state.begun_for == Some(emptied)
    }

    fn name(&self, name: Name) {
        let mut state = self.0.lock();
        if !state.is_asked {
            state.name = name;
        }
    }

    fn found(&self, more: u64) {
        self.0.lock().total += more;
    }

    fn asked(&self, is_done: bool) {
        let mut state = self.0.lock();
        state.done += 1;
        state.warmed += u64::from(is_done);
    }

    fn end(&self, ended: Result<Ended, WarmError>, now_us: i64) {
        let mut state = self.0.lock();
        let name = match ended {
            Ok(Ended::Superseded) => Name::Waiting,
            Ok(Ended::Done) => Name::Done,
            Ok(Ended::Full) => Name::Full,
            Err(error) => {
                state.is_tried_again = !error.is_refused;
                state.error = Some(error.reason);
                Name::Failed
            }
        };
        if matches!(name, Name::Done | Name::Full) {
            state.warmed_at_us = Some(now_us);
        }
        if !state.is_asked {
            state.name = name;
        }
    }
}

/// Loads what is due, one collection after the other.
pub(super) async fn run(tier: Weak<Tier>, warmer: Arc<dyn Warmer>) {
    loop {
        let Some(tier) = tier.upgrade() else {
            return;
        };
        let _ = tokio::time::timeout(LOOK_EVERY, tier.changed.notified()).await;
        if !tier.is_following() {
            continue;
        }
        let collections = tier.collections.load_full();
        for (name, collection) in &*collections {
            let emptied = tier.follower.emptied();
            let Some(warm) = collection.rule().warm.clone() else {
                continue;
            };
            if !collection.warming().begins(emptied, tier.clock.now_us()) {
                continue;
            }
            let ended = warm_up(&tier, &*warmer, (name, collection), &warm, emptied).await;
            if let Err(error) = &ended {
                let query = &warm.query;
                tracing::warn!(collection = %name, query, %error, "could not be warmed");
            }
            collection.warming().end(ended, tier.clock.now_us());
        }
    }
}

/// Loads what a collection's query finds.
async fn warm_up(
    tier: &Tier,
    warmer: &dyn Warmer,
    (name, collection): (&str, &Arc<Collection>),
    warm: &Warm,
    emptied: u64,
) -> Result<Ended, WarmError> {
    let run = Run {
        tier,
        name,
        collection,
        warm,
        emptied,
    };
    let was_full = collection.is_full();
    let mut hot = warmer.begin(name, &warm.query)?;
    let mut pace = Pace::new(warm.rate);
    let (mut found, mut failed) = (0, 0);
    while found < FOUND_MAX && run.may_go_on().await {
        let Some(mut questions) = hot.next().await? else {
            return Ok(Ended::Done);
        };
        let room = usize::try_from(FOUND_MAX - found).unwrap_or(usize::MAX);
        questions.truncate(room);
        found += questions.len() as u64;
        collection.warming().found(questions.len() as u64);
        for question in questions {
            if !run.may_go_on().await {
                return Ok(Ended::Superseded);
            }
            if !was_full && collection.is_full() {
                return Ok(Ended::Full);
            }
            pace.wait().await;
            let asked = question().await;
            pace.asked();
            collection.warming().asked(asked.is_ok());
            failed = match asked {
                Ok(()) => 0,
                Err(error) if error.is_refused || failed + 1 >= FAILED_MAX => return Err(error),
                Err(_) => failed + 1,
            };
        }
    }
    Ok(match found < FOUND_MAX {
        true => Ended::Superseded,
        false => Ended::Done,
    })
}

/// A run that is under way.
struct Run<'a> {
    tier: &'a Tier,
    name: &'a str,
    collection: &'a Arc<Collection>,
    warm: &'a Warm,
    emptied: u64,
}

impl Run<'_> {
    /// Waits while the store is busy; `false` where it is of no use to go on.
    async fn may_go_on(&self) -> bool {
        let warming = self.collection.warming();
        while self.is_wanted() {
            if !is_busy(&self.tier.admission.headroom()) {
                warming.name(Name::Running);
                return true;
            }
            warming.name(Name::Paused);
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    fn is_wanted(&self) -> bool {
        let collections = self.tier.collections.load();
        let there = collections.get(self.name);
        there.is_some_and(|there| Arc::ptr_eq(there, self.collection))
            && self.collection.rule().warm.as_ref() == Some(self.warm)
            && self.collection.warming().goes_on(self.emptied)
            && self.tier.follower.emptied() == self.emptied
    }
}

/// Whether those who wait for an answer need the store for themselves.
fn is_busy(headroom: &Headroom) -> bool {
    headroom.waiting > 0 || headroom.under_way * 2 >= headroom.limit.max(2)
}

/// When the next question may be asked: so many in a second at most, and each only when as long has
/// passed as the last one took.
struct Pace {
    every: Duration,
    next: Instant,
    begun: Instant,
}

impl Pace {
    fn new(rate: u32) -> Pace {
        let now = Instant::now();
        Pace {
            every: Duration::from_secs(1) / rate.max(1),
            next: now,
            begun: now,
        }
    }

    async fn wait(&mut self) {
        tokio::time::sleep_until(self.next).await;
        self.begun = Instant::now();
    }

    fn asked(&mut self) {
        let now = Instant::now();
        let rested = now + (now - self.begun);
        self.next = rested.max(self.next + self.every);
        // What was missed is not made up for at once.
        if self.next < now {
            self.next = now;
        }
    }
}

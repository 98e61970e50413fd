//! Warming: what is likely to be asked for is loaded before it is, after a start and whenever
//! everything was dropped.
//!
//! What that is, and how it is asked for, is known to a [`Warmer`]; here is when, and how fast.
//! The questions are those of clients and take their way: keys, floors, stamps, leases and
//! admission are as for any other load. One is asked at a time in the whole process, so that one
//! place at most of the store's headroom is taken, and half of the time at most; while others wait
//! for the store, or use half of what it has, none is. Collections take turns, a question each, and
//! one whose question takes long loses its turn: what is slow, or large, does not hold up others.

mod runs;

use super::Tier;
use super::rule::Warm;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use pando_model::caching::WarmReport;
use parking_lot::Mutex;
use runs::Run;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

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
    /// Whether it is refused, and so until something else changes: of a query, the query or the
    /// schema; of one entry, that entry.
    pub is_refused: bool,
}

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What was dropped again so soon is not loaded again before.
const AGAIN_AFTER_US: i64 = 30_000_000;
/// But a run that did not come to its end is begun anew at once, so often one after the other.
const AGAIN_AT_ONCE_MAX: u32 = 3;

/// How far a collection is loaded.
pub(super) struct Warming(Mutex<State>);

#[derive(Default)]
struct State {
    /// Somebody wants it now.
    is_asked: bool,
    is_under_way: bool,
    /// The last run was given up, because what it had loaded was dropped.
    is_superseded: bool,
    /// How often it was begun anew at once for that, one time after the other.
    again: u32,
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
        let has_rested = state.begun_at_us.is_none_or(is_over);
        let at_once = state.is_superseded && state.again < AGAIN_AT_ONCE_MAX;
        let is_due = (is_new || state.is_tried_again) && (has_rested || at_once);
        if state.is_under_way || !(state.is_asked || is_due) {
            return false;
        }
        let again = match state.is_asked || has_rested {
            true => 0,
            false => state.again + 1,
        };
        *state = State {
            is_under_way: true,
            again,
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

    fn asked(&self, asked: &Result<(), WarmError>) {
        let mut state = self.0.lock();
        state.done += 1;
        match asked {
            Ok(()) => state.warmed += 1,
            Err(error) => state.error = Some(error.reason.clone()),
        }
    }

    fn end(&self, ended: Result<Ended, WarmError>, now_us: i64) {
        let mut state = self.0.lock();
        state.is_superseded = matches!(ended, Ok(Ended::Superseded));
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

/// Loads what is due, each collection by a run of its own.
pub(super) async fn run(tier: Weak<Tier>, warmer: Arc<dyn Warmer>) {
    let turns = Arc::new(Semaphore::new(1));
    // They end with this.
    let mut runs = JoinSet::new();
    loop {
        let Some(tier) = tier.upgrade() else {
            return;
        };
        let _ = tokio::time::timeout(LOOK_EVERY, tier.changed.notified()).await;
        while let Some(ended) = runs.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "warming a collection broke off");
            }
        }
        if !tier.is_following() {
            continue;
        }
        let collections = tier.collections.load_full();
        for (name, collection) in &*collections {
            let emptied = tier.follower.emptied();
            let Some(warm) = collection.rule().warm.clone() else {
                continue;
            };
            if collection.warming().begins(emptied, tier.clock.now_us()) {
                let run = Run {
                    tier: Arc::clone(&tier),
                    turns: Arc::clone(&turns),
                    name: Arc::clone(name),
                    collection: Arc::clone(collection),
                    warm,
                    emptied,
                };
                runs.spawn(run.carry_out(Arc::clone(&warmer)));
            }
        }
    }
}

//! Warming: what is likely to be asked for is loaded before it is, after a start and whenever
//! everything was dropped.
//!
//! What that is, and how it is asked for, is known to a [`Warmer`]; here is when, and how fast.
//! The questions are those of clients and take their way: keys, floors, stamps, leases and
//! admission are as for any other load. One is asked at a time in the whole process, so that one
//! place at most of the store's headroom is taken, and half of the time at most; while others wait
//! for the store, or use half of what it has, none is. Collections take turns, a question each, and
//! one whose question takes long loses its turn: what is slow, or large, does not hold up others.

use super::Tier;
use super::collection::Collection;
use super::rule::Warm;
use crate::admission::Headroom;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use pando_model::caching::WarmReport;
use parking_lot::Mutex;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
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
    /// Whether it is refused, and so until something else changes: of a query, the query or the
    /// schema; of one entry, that entry.
    pub is_refused: bool,
}

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a busy store is left alone.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Others ask while one waits longer than this. What does not answer is under way, too: it makes
/// the store busy.
const TURN_MAX: Duration = Duration::from_secs(1);
/// It is rested for as long as a question took, and no longer than this.
const REST_MAX: Duration = Duration::from_secs(1);
/// What was dropped again so soon is not loaded again before.
const AGAIN_AFTER_US: i64 = 30_000_000;
/// But a run that did not come to its end is begun anew at once, so often one after the other.
const AGAIN_AT_ONCE_MAX: u32 = 3;
/// So many questions that fail one after the other end a run.
const FAILED_MAX: u32 = 3;
/// The same of entries that are refused, each for what it is.
const REFUSED_MAX: u32 = 100;
/// Of what a query finds, no more is loaded.
const FOUND_MAX: usize = 100_000;

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

/// A run that is under way.
struct Run {
    tier: Arc<Tier>,
    /// Whoever has the only one may ask.
    turns: Arc<Semaphore>,
    name: Arc<str>,
    collection: Arc<Collection>,
    warm: Warm,
    emptied: u64,
}

/// Another run may begin when it is dropped.
struct UnderWay<'a>(&'a Warming);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.lock().is_under_way = false;
    }
}

impl Run {
    async fn carry_out(self, warmer: Arc<dyn Warmer>) {
        let warming = self.collection.warming();
        let under_way = UnderWay(warming);
        let ended = self.warm_up(&*warmer).await;
        if let Err(error) = &ended {
            let (collection, query) = (&self.name, &self.warm.query);
            tracing::warn!(%collection, query, %error, "could not be warmed");
        }
        warming.end(ended, self.tier.clock.now_us());
        drop(under_way);
        // It may be due again.
        self.tier.changed.notify_one();
    }

    /// Loads what the collection's query finds.
    async fn warm_up(&self, warmer: &dyn Warmer) -> Result<Ended, WarmError> {
        let warming = self.collection.warming();
        let mut room = Room::new(&self.collection);
        let mut hot = warmer.begin(&self.name, &self.warm.query)?;
        let mut pace = Pace::new(self.warm.rate);
        let mut failures = Failures::default();
        let mut left = FOUND_MAX;
        while left > 0 {
            let Some(page) = self.ask(&mut room, hot.next()).await else {
                return Ok(Ended::Superseded);
            };
            let Some(mut questions) = page? else {
                break;
            };
            questions.truncate(left);
            left -= questions.len();
            warming.found(questions.len() as u64);
            for question in questions {
                if !room.is_left(&self.collection) {
                    return Ok(Ended::Full);
                }
                pace.wait().await;
                let Some(asked) = self.ask(&mut room, question()).await else {
                    return Ok(Ended::Superseded);
                };
                warming.asked(&asked);
                failures.take(asked)?;
            }
        }
        Ok(Ended::Done)
    }

    /// Asks when it is this run's turn, and rests; `None` where it is of no use any more.
    async fn ask<T>(
        &self,
        room: &mut Room,
        question: impl Future<Output = Result<T, WarmError>>,
    ) -> Option<Result<T, WarmError>> {
        let mut turn = Some(self.turn().await?);
        let begun = Instant::now();
        let before = self.collection.filled_bytes();
        let mut question = pin!(tokio::time::timeout(ANSWER_WITHIN, question));
        let asked = match tokio::time::timeout(TURN_MAX, question.as_mut()).await {
            Ok(asked) => asked,
            Err(_) => {
                turn.take();
                question.await
            }
        };
        room.taken_bytes += self.collection.filled_bytes().saturating_sub(before);
        tokio::time::sleep(begun.elapsed().min(REST_MAX)).await;
        drop(turn);
        let late = |_| {
            Err(WarmError {
                reason: format!("there was no answer within {} s", ANSWER_WITHIN.as_secs()),
                is_refused: false,
            })
        };
        Some(asked.unwrap_or_else(late))
    }

    /// Waits for its turn, and while the store is busy.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let warming = self.collection.warming();
        loop {
            let turn = self.turns.acquire().await.ok()?;
            if !self.is_wanted() {
                return None;
            }
            // What this asks is not under way yet.
            if !is_busy(&self.tier.admission.headroom()) {
                warming.name(Name::Running);
                return Some(turn);
            }
            warming.name(Name::Paused);
            drop(turn);
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn is_wanted(&self) -> bool {
        let collections = self.tier.collections.load();
        let there = collections.get(&self.name);
        there.is_some_and(|there| Arc::ptr_eq(there, &self.collection))
            && self.collection.rule().warm.as_ref() == Some(&self.warm)
            && self.collection.warming().goes_on(self.emptied)
            && self.tier.follower.emptied() == self.emptied
    }
}

/// Room in memory for what a run loads. Where it began with half of the memory free, that is what
/// is free; else as much as the memory holds, in the place of what is used least: somebody wants
/// what the query finds, and it has to leave what it has put in itself.
struct Room {
    had_half: bool,
    /// What came in while it asked.
    taken_bytes: u64,
}

impl Room {
    fn new(collection: &Collection) -> Room {
        Room {
            had_half: collection.used_bytes() * 2 <= collection.capacity_bytes(),
            taken_bytes: 0,
        }
    }

    fn is_left(&self, collection: &Collection) -> bool {
        // Parts of it fill unevenly.
        let most = collection.capacity_bytes() / 10 * 9;
        let is_full = self.had_half && collection.used_bytes() >= most;
        !is_full && self.taken_bytes < most
    }
}

/// What failed of a run, one entry after the other.
#[derive(Default)]
struct Failures {
    failed: u32,
    refused: u32,
}

impl Failures {
    /// What one entry is refused for says nothing of the next one.
    fn take(&mut self, asked: Result<(), WarmError>) -> Result<(), WarmError> {
        let Err(error) = asked else {
            *self = Failures::default();
            return Ok(());
        };
        match error.is_refused {
            true => self.refused += 1,
            false => self.failed += 1,
        }
        match self.failed >= FAILED_MAX || self.refused >= REFUSED_MAX {
            true => Err(error),
            false => Ok(()),
        }
    }
}

/// Whether those who wait for an answer need the store for themselves.
fn is_busy(headroom: &Headroom) -> bool {
    headroom.waiting > 0 || headroom.under_way * 2 >= headroom.limit.max(2)
}

/// When the next entry may be asked for: so many in a second at most.
struct Pace {
    every: Duration,
    next: Instant,
}

impl Pace {
    fn new(rate: u32) -> Pace {
        Pace {
            every: Duration::from_secs(1) / rate.max(1),
            next: Instant::now(),
        }
    }

    async fn wait(&mut self) {
        tokio::time::sleep_until(self.next).await;
        // What was missed is not made up for at once.
        self.next = Instant::now() + self.every;
    }
}

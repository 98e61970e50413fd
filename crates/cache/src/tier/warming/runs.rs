//! A run: what a collection's query finds, asked for in turn with other collections.

use super::{Ended, Name, WarmError, Warmer, Warming};
use crate::admission::Headroom;
use crate::tier::Tier;
use crate::tier::collection::Collection;
use crate::tier::rule::Warm;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How long a busy store is left alone.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Others ask while one waits longer than this. What does not answer is under way, too: it makes
/// the store busy.
const TURN_MAX: Duration = Duration::from_secs(1);
/// It is rested for as long as a question took, and no longer than this.
const REST_MAX: Duration = Duration::from_secs(1);
/// So many questions that fail one after the other end a run.
const FAILED_MAX: u32 = 3;
/// The same of entries that are refused, each for what it is.
const REFUSED_MAX: u32 = 100;
/// Of what a query finds, no more is loaded.
const FOUND_MAX: usize = 100_000;

/// A run that is under way.
pub(super) struct Run {
    pub tier: Arc<Tier>,
    /// Whoever has the only one may ask.
    pub turns: Arc<Semaphore>,
    pub name: Arc<str>,
    pub collection: Arc<Collection>,
    pub warm: Warm,
    /// How often everything had been dropped when it was begun.
    pub emptied: u64,
}

/// Another run may begin when it is dropped.
struct UnderWay<'a>(&'a Warming);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.lock().is_under_way = false;
    }
}

impl Run {
    pub(super) async fn carry_out(self, warmer: Arc<dyn Warmer>) {
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

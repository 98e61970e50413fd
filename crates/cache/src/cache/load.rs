//! What a cache does where it has no answer: one load for all who wait, and what follows of it.

use super::backing::tell;
use super::count::Count;
use super::{Answer, Cache, Found, Loaded};
use crate::flight::Abandoned;
use futures_util::future::BoxFuture;
use pando_model::engine::{Copies, Freshness};
use pando_model::error::EngineError;
use pando_model::stamp::Reach;
use std::sync::Arc;
use std::time::Duration;

/// How a load ends.
pub type LoadResult = Result<Loaded, Arc<EngineError>>;

/// Asks the store, as fresh as it is told to.
pub type Load = Arc<dyn Fn(Freshness) -> BoxFuture<'static, LoadResult> + Send + Sync>;

/// What a flight is for: a key, and how old the copy may be that answers where that is said.
pub(super) type Wanted = (Arc<[u8]>, Option<Duration>);

/// What a load is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Somebody waits for what is not in memory.
    Miss,
    /// What is in memory is to be newer.
    Refresh,
    /// Only the store may answer.
    Past,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The store did not answer; all who waited for the same load are told the same.
    #[error(transparent)]
    Store(#[from] Arc<EngineError>),
    /// The load ended without an answer.
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

/// So often a caller waits for others' loads that turn out not to be for him, before he loads
/// for himself alone.
const SHARED_ROUNDS: usize = 3;

/// How long the store may take where there is an answer for the case that it fails.
const ON_ERROR_PATIENCE: Duration = Duration::from_secs(1);

impl Cache {
    /// What is in memory, or else what the store says, loaded once for all who ask for it at the
    /// same time. `load` is asked for where something is to be loaded.
    pub async fn get_or_load(
        self: &Arc<Self>,
        key: &[u8],
        freshness: Freshness,
        load: impl Fn() -> Load,
    ) -> Result<Answer, LoadError> {
        let found = self.get_and_renew(key, &freshness, &load);
        self.come_by(found, key, freshness, load).await
    }

    /// Answers with what was found, where it may be given, or else loads.
    pub(crate) async fn come_by(
        self: &Arc<Self>,
        found: Found,
        key: &[u8],
        freshness: Freshness,
        load: impl Fn() -> Load,
    ) -> Result<Answer, LoadError> {
        match found {
            Found::Hit { answer, .. } => Ok(answer),
            Found::OnError(kept) => self.load_or(kept, key, freshness, load()).await,
            Found::Miss | Found::Ahead => self.load(key, freshness, load()).await,
            // His question is not like the others': nobody waits for it, nor he for theirs.
            Found::Past => {
                let run = Arc::clone(self).run(key.into(), freshness, load(), Aim::Past);
                Ok(run.await?)
            }
        }
    }

    /// What is in memory. A hit that is to be loaded anew, or laid down again at the second level,
    /// is so behind the answer; that is all that a hit has to wait for.
    pub(crate) fn get_and_renew(
        self: &Arc<Self>,
        key: &[u8],
        freshness: &Freshness,
        load: &impl Fn() -> Load,
    ) -> Found {
        let (found, looked_at) = self.look(key, freshness);
        if let Found::Hit { is_due, .. } = &found {
            if *is_due {
                self.refresh(key, load());
            } else if let Some((entry, now_us)) = looked_at {
                self.restamp_in_time(key, &entry, now_us);
            }
        }
        found
    }

    /// Loads a key behind the answers that are given meanwhile, unless it is being loaded. Must
    /// be called within a runtime.
    pub fn refresh(self: &Arc<Self>, key: &[u8], load: Load) {
        let freshness = Freshness {
            seen: None,
            copies: Copies::Covering,
        };
        let key: Arc<[u8]> = key.into();
        let this = Arc::clone(self);
        let task = Arc::clone(&key);
        drop(self.flights.join((key, None), || {
            this.run(task, freshness, load, Aim::Refresh)
        }));
    }

    async fn load(
        self: &Arc<Self>,
        key: &[u8],
        freshness: Freshness,
        load: Load,
    ) -> Result<Answer, LoadError> {
        let key: Arc<[u8]> = key.into();
        let (within, copies) = match freshness.copies {
            Copies::Within(span) => (Some(span), freshness.copies),
            _ => (None, Copies::Covering),
        };
        // Who takes any copy is not to wait for one that has what he has seen.
        let shared = Freshness {
            seen: freshness.seen.filter(|_| freshness.must_cover()),
            copies,
        };
        for _ in 0..SHARED_ROUNDS {
            let this = Arc::clone(self);
            let (task, load) = (Arc::clone(&key), Arc::clone(&load));
            let ticket = self.flights.join((Arc::clone(&key), within), || {
                this.run(task, shared, load, Aim::Miss)
            });
            let led = ticket.led;
            match ticket.landed().await? {
                Ok(answer) if led || self.is_for(&answer, &freshness) => return Ok(answer),
                // Who began it was ahead of all copies; this one need not be.
                Err(error) if led || !matches!(*error, EngineError::Behind) => {
                    return Err(error.into());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Arc::clone(self)
            .run(key, freshness, load, Aim::Miss)
            .await?)
    }

    /// Loads, or answers with what was kept for the case that the store fails: that it does not
    /// answer, or not soon. While it is known to fail nobody waits for it, and it is asked behind.
    async fn load_or(
        self: &Arc<Self>,
        kept: Answer,
        key: &[u8],
        freshness: Freshness,
        load: Load,
    ) -> Result<Answer, LoadError> {
        if self.outage.lasts(self.clock.now_us()) {
            self.refresh(key, load);
        } else {
            // What is given up here goes on, and is kept when it comes.
            let loading = self.load(key, freshness, load);
            match tokio::time::timeout(ON_ERROR_PATIENCE, loading).await {
                Err(_) => self.outage.saw_failure(self.clock.now_us()),
                Ok(Err(error)) if error.is_fault() => {}
                Ok(loaded) => return loaded,
            }
        }
        self.counts.add(Count::OnError);
        Ok(kept)
    }

    /// Whether what was loaded for another one may be given to this caller.
    fn is_for(&self, answer: &Answer, freshness: &Freshness) -> bool {
        let reach = |seen| {
            let consumed = self.replica.before();
            consumed.history.reach(seen, answer.low)
        };
        let covers = match freshness.seen {
            Some(seen) if freshness.must_cover() => reach(seen) == Reach::Contained,
            _ => true,
        };
        covers && !answer.lost
    }

    async fn run(
        self: Arc<Self>,
        key: Arc<[u8]>,
        freshness: Freshness,
        load: Load,
        aim: Aim,
    ) -> Result<Answer, Arc<EngineError>> {
        match &self.backing.sharing {
            Some((sharing, _)) if aim != Aim::Past => {
                self.run_errand(sharing, &key, freshness, &load, aim).await
            }
            _ => {
                let (loaded, took) = self.ask_store(freshness, &load, aim).await?;
                let answer = Answer::loaded(&loaded);
                // Refused or kept, which is counted: it is the caller's answer all the same.
                let _ = self.fill(&key, loaded, took);
                Ok(answer)
            }
        }
    }

    /// What the store says, and how long that took.
    pub(super) async fn ask_store(
        &self,
        freshness: Freshness,
        load: &Load,
        aim: Aim,
    ) -> Result<(Loaded, Duration), Arc<EngineError>> {
        let permit = match aim {
            Aim::Past => None,
            Aim::Miss | Aim::Refresh => self.admitted().await?,
        };
        let began_us = self.clock.now_us();
        self.counts.add(Count::Load);
        let loaded = load(freshness).await;
        tell(permit, &loaded);
        match &loaded {
            Err(error) if is_fault(error) => self.outage.saw_failure(self.clock.now_us()),
            _ => self.outage.saw_answer(),
        }
        let loaded = loaded.inspect_err(|_| self.counts.add(Count::LoadFailed))?;
        let load_us = self.clock.now_us().saturating_sub(began_us);
        let took = Duration::from_micros(u64::try_from(load_us).unwrap_or(0));
        Ok((loaded, took))
    }
}

impl Answer {
    /// An answer that comes from the store.
    pub(super) fn loaded(loaded: &Loaded) -> Answer {
        Answer {
            value: loaded.value.clone(),
            low: loaded.low,
            high: loaded.high,
            lost: loaded.lost,
            age: None,
        }
    }
}

impl LoadError {
    fn is_fault(&self) -> bool {
        match self {
            LoadError::Abandoned(_) => true,
            LoadError::Store(error) => is_fault(error),
        }
    }
}

/// Whether the store failed, and did not answer that the question is wrong.
pub(super) fn is_fault(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Unavailable { .. } | EngineError::Internal { .. } | EngineError::Corrupt(_)
    )
}

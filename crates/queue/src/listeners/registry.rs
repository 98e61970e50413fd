//! All listeners of a process that are called by itself: before a commit, and after a rollback.
//! Those after a commit have queues.

use super::{Asked, Change, Listener, Pattern, Phase, RolledBack, Verdict};
use futures_util::future::join_all;
use pando_model::engine::FeedKind;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Calls after rollbacks that are under way at once; more are not made.
const TOLD_AT_ONCE_MAX: usize = 256;

/// A listener, and what it is registered for.
pub struct Registered {
    /// Its name.
    pub name: String,
    /// When it is called.
    pub phase: Phase,
    /// Of what it hears.
    pub on: Vec<Pattern>,
    /// How long one call may take.
    pub timeout: Duration,
    /// Whether a write goes on whose listener fails before its commit.
    pub goes_on: bool,
    /// Who is called.
    pub listener: Arc<dyn Listener>,
}

/// See the module.
pub struct Listeners {
    all: Vec<Own>,
    room: Arc<Semaphore>,
}

struct Own {
    registered: Registered,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    vetoes: AtomicU64,
    failures: AtomicU64,
    dropped: AtomicU64,
    took_us: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// How a listener does. Counts are since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerReport {
    /// Its name.
    pub name: String,
    /// When it is called.
    pub phase: Phase,
    /// Of what it hears.
    pub on: Vec<String>,
    /// Who is called, for people.
    pub handler: String,
    /// Calls that were made.
    pub calls: u64,
    /// Of these, those that vetoed.
    pub vetoes: u64,
    /// Of these, those that failed or took too long.
    pub failures: u64,
    /// Calls that were not made, because too many were under way.
    pub dropped: u64,
    /// How long calls took, all together.
    pub took: Duration,
    /// What the last one that failed said.
    pub last_error: Option<String>,
}

/// Why a write is not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// A listener says so.
    #[error("{message}")]
    Veto {
        /// Which.
        listener: String,
        /// What it says.
        message: String,
    },
    /// A listener said nothing that could be understood, in time.
    #[error("the listener {listener} failed: {error}")]
    Failed {
        /// Which.
        listener: String,
        /// What went wrong.
        error: String,
    },
}

impl Listeners {
    /// These.
    pub fn new(all: Vec<Registered>) -> Listeners {
        let each = all.into_iter().map(|registered| Own {
            registered,
            counts: Counts::default(),
        });
        Listeners {
            all: each.collect(),
            room: Arc::new(Semaphore::new(TOLD_AT_ONCE_MAX)),
        }
    }

    /// Whether anybody is called in a phase.
    pub fn has(&self, phase: Phase) -> bool {
        self.of(phase).next().is_some()
    }

    /// Whether anybody may hear of a collection, in any phase.
    pub fn hears_of(&self, collection: &str) -> bool {
        let mut on = self.patterns();
        on.any(|pattern| pattern.is_of(collection))
    }

    /// Whether anybody may hear of some collection of a surface, in any phase.
    pub fn hears_of_some(&self, surface: &str) -> bool {
        let mut on = self.patterns();
        on.any(|pattern| pattern.names_of(surface).is_some())
    }

    /// Whether anybody hears of a change in a phase.
    pub fn hears(&self, phase: Phase, collection: &str, kind: FeedKind) -> bool {
        let mut own = self.of(phase);
        own.any(|own| own.hears(collection, kind))
    }

    /// Asks all who hear of these changes, at once. The first by name that objects decides.
    pub async fn ask(&self, id: &str, changes: &[Change]) -> Result<(), Objection> {
        let asked = self.of(Phase::BeforeCommit).filter_map(|own| {
            let changes = own.of(changes);
            let asked = Asked {
                id: id.to_owned(),
                changes,
            };
            (!asked.changes.is_empty()).then(|| own.ask(asked))
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Tells all who hear of these changes that they were not made. It waits for nobody, and whom
    /// it does not reach it does not try again. To be called on a runtime of tokio's.
    pub fn tell_rolled_back(self: &Arc<Listeners>, told: &RolledBack) {
        for (place, own) in self.all.iter().enumerate() {
            if own.registered.phase != Phase::AfterRollback {
                continue;
            }
            let told = RolledBack {
                changes: own.of(&told.changes),
                ..told.clone()
            };
            if told.changes.is_empty() {
                continue;
            }
            let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
                own.counts.dropped.fetch_add(1, Relaxed);
                continue;
            };
            let all = Arc::clone(self);
            tokio::spawn(async move {
                let _permit = permit;
                if let Some(own) = all.all.get(place) {
                    own.tell(&told).await;
                }
            });
        }
    }

    /// How each does.
    pub fn report(&self) -> Vec<ListenerReport> {
        self.all.iter().map(Own::report).collect()
    }

    fn of(&self, phase: Phase) -> impl Iterator<Item = &Own> {
        let all = self.all.iter();
        all.filter(move |own| own.registered.phase == phase)
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.all.iter().flat_map(|own| &own.registered.on)
    }
}

impl ListenerReport {
    /// One that nobody has called.
    pub fn new(name: &str, phase: Phase, on: &[Pattern]) -> ListenerReport {
        ListenerReport {
            name: name.to_owned(),
            phase,
            on: on.iter().map(Pattern::to_string).collect(),
            handler: String::new(),
            calls: 0,
            vetoes: 0,
            failures: 0,
            dropped: 0,
            took: Duration::ZERO,
            last_error: None,
        }
    }
}

impl Own {
    fn hears(&self, collection: &str, kind: FeedKind) -> bool {
        let mut on = self.registered.on.iter();
        on.any(|pattern| pattern.matches(collection, kind))
    }

    fn of(&self, changes: &[Change]) -> Vec<Change> {
        let own = changes.iter();
        let own = own.filter(|change| self.hears(&change.collection, change.kind));
        own.cloned().collect()
    }

    async fn ask(&self, asked: Asked) -> Result<(), Objection> {
        let own = &self.registered;
        let began = Instant::now();
        let verdict = timeout(own.timeout, own.listener.before_commit(&asked)).await;
        self.count(began);
        let error = match verdict {
            Ok(Verdict::Go) => return Ok(()),
            Ok(Verdict::Veto { message }) => {
                self.counts.vetoes.fetch_add(1, Relaxed);
                return Err(Objection::Veto {
                    listener: own.name.clone(),
                    message,
                });
            }
            Ok(Verdict::Failed { error }) => error,
            Err(_) => format!("it did not answer within {:?}", own.timeout),
        };
        self.fail(&error);
        match own.goes_on {
            true => Ok(()),
            false => Err(Objection::Failed {
                listener: own.name.clone(),
                error,
            }),
        }
    }

    async fn tell(&self, told: &RolledBack) {
        let own = &self.registered;
        let began = Instant::now();
        let heard = timeout(own.timeout, own.listener.after_rollback(told)).await;
        self.count(began);
        let heard = heard.unwrap_or_else(|_| Err(format!("no answer within {:?}", own.timeout)));
        if let Err(error) = heard {
            self.fail(&error);
        }
    }

    fn count(&self, began: Instant) {
        self.counts.calls.fetch_add(1, Relaxed);
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.took_us.fetch_add(took_us, Relaxed);
    }

    fn fail(&self, error: &str) {
        let (listener, phase) = (&self.registered.name, self.registered.phase.name());
        let mut last = self.counts.last_error.lock();
        self.counts.failures.fetch_add(1, Relaxed);
        // What fails again and again in the same way is told once.
        if last.as_deref() != Some(error) {
            tracing::warn!(listener, phase, error, "a listener failed");
        }
        *last = Some(error.to_owned());
    }

    fn report(&self) -> ListenerReport {
        let (own, counts) = (&self.registered, &self.counts);
        ListenerReport {
            name: own.name.clone(),
            phase: own.phase,
            on: own.on.iter().map(Pattern::to_string).collect(),
            handler: own.listener.describe(),
            calls: counts.calls.load(Relaxed),
            vetoes: counts.vetoes.load(Relaxed),
            failures: counts.failures.load(Relaxed),
            dropped: counts.dropped.load(Relaxed),
            took: Duration::from_micros(counts.took_us.load(Relaxed)),
            last_error: counts.last_error.lock().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;

    /// Answers in one way, or not at all.
    struct Answering(Option<Verdict>);

    #[async_trait]
    impl Listener for Answering {
        async fn before_commit(&self, _: &Asked) -> Verdict {
            match &self.0 {
                Some(verdict) => verdict.clone(),
                None => std::future::pending().await,
            }
        }

        async fn after_rollback(&self, _: &RolledBack) -> Result<(), String> {
            std::future::pending().await
        }

        fn describe(&self) -> String {
            "here".to_owned()
        }
    }

    fn registered(name: &str, phase: Phase, goes_on: bool, says: Option<Verdict>) -> Registered {
        Registered {
            name: name.to_owned(),
            phase,
            on: vec!["rest/orders:insert".parse().unwrap()],
            timeout: Duration::from_millis(20),
            goes_on,
            listener: Arc::new(Answering(says)),
        }
    }

    fn insert(collection: &str) -> Change {
        Change {
            collection: collection.to_owned(),
            kind: FeedKind::Insert,
            key: r#"{"id":1}"#.to_owned(),
            record: None,
            old: None,
        }
    }

    fn veto(message: &str) -> Option<Verdict> {
        let message = message.to_owned();
        Some(Verdict::Veto { message })
    }

    #[tokio::test]
    async fn the_first_by_name_that_objects_decides_and_only_those_who_hear_of_it_are_asked() {
        let before = Phase::BeforeCommit;
        let all = Listeners::new(vec![
            registered("a", before, false, Some(Verdict::Go)),
            registered("b", before, false, veto("no")),
            registered("c", before, false, veto("never")),
        ]);
        let objection = all.ask("1", &[insert("rest/orders")]).await.unwrap_err();
        assert_eq!(objection.to_string(), "no");
        assert_eq!(all.ask("2", &[insert("rest/others")]).await, Ok(()));
        let counts: Vec<_> = all
            .report()
            .iter()
            .map(|one| (one.calls, one.vetoes))
            .collect();
        assert_eq!(counts, [(1, 0), (1, 1), (1, 1)]);
    }

    #[tokio::test]
    async fn who_does_not_answer_in_time_has_failed_and_counts_or_not() {
        for (goes_on, expected) in [(true, true), (false, false)] {
            let silent = registered("a", Phase::BeforeCommit, goes_on, None);
            let all = Listeners::new(vec![silent]);
            let asked = all.ask("1", &[insert("rest/orders")]).await;
            assert_eq!(asked.is_ok(), expected, "{asked:?}");
            let report = all.report().remove(0);
            assert_eq!(report.failures, 1);
            assert!(report.last_error.unwrap().contains("20ms"));
        }
    }

    #[tokio::test]
    async fn rollbacks_beyond_what_is_under_way_are_counted_and_nobody_waits_for_them() {
        let mut slow = registered("a", Phase::AfterRollback, false, None);
        slow.timeout = Duration::from_secs(600);
        let all = Arc::new(Listeners::new(vec![slow]));
        let told = RolledBack {
            id: "1".to_owned(),
            changes: vec![insert("rest/orders")],
            code: "23505".to_owned(),
            message: "there is one".to_owned(),
        };
        for _ in 0..TOLD_AT_ONCE_MAX + 3 {
            all.tell_rolled_back(&told);
        }
        assert_eq!(all.report().remove(0).dropped, 3);
    }
}

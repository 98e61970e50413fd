//! What goes on beside requests for as long as a process runs: relays, sweeps, gauges. A task that
//! panics is begun anew, and it is known that it did.

use parking_lot::Mutex;
use std::any::Any;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long it is waited before a task is begun anew: twice as long each time, if it did not run well
/// in between.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));
/// What ran for so long ran well.
const WELL: Duration = Duration::from_secs(60);
/// Who panicked so often, and did not run well since, keeps failing.
const FAILING: u32 = 3;

/// The tasks of a process.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Mutex<BTreeMap<&'static str, Known>>>);

/// How a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskReport {
    /// Its name.
    pub name: &'static str,
    /// How often it was begun anew.
    pub restarts: u64,
    /// What it panicked with, if it keeps failing.
    pub fault: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    restarts: u64,
    in_a_row: u32,
    begun: Option<Instant>,
    last: String,
}

impl Tasks {
    /// Runs a task until it ends by itself, or is dropped. Where it panics it is begun anew, after a
    /// pause.
    pub async fn keep<F: Future<Output = ()>>(
        &self,
        name: &'static str,
        mut begin: impl FnMut() -> F,
    ) {
        loop {
            self.about(name, |known| known.begun = Some(Instant::now()));
            let Err(panic) = caught(begin()).await else {
                return;
            };
            let pause = self.about(name, |known| known.panicked(panic.clone(), Instant::now()));
            tracing::error!(
                task = name,
                panic,
                "a task panicked; it is begun anew in {pause:?}"
            );
            sleep(pause).await;
        }
    }

    /// How all do that were begun.
    pub fn reports(&self) -> Vec<TaskReport> {
        let (known, now) = (self.0.lock(), Instant::now());
        let each = known.iter().map(|(name, known)| TaskReport {
            name,
            restarts: known.restarts,
            fault: known.is_failing(now).then(|| known.last.clone()),
        });
        each.collect()
    }

    fn about<T>(&self, name: &'static str, about: impl FnOnce(&mut Known) -> T) -> T {
        about(self.0.lock().entry(name).or_default())
    }
}

impl Known {
    /// How long it is waited now.
    fn panicked(&mut self, why: String, now: Instant) -> Duration {
        if self.runs_well(now) {
            self.in_a_row = 0;
        }
        let pause = PAUSE.0.saturating_mul(1 << self.in_a_row.min(16));
        self.restarts += 1;
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.last = why;
        pause.min(PAUSE.1)
    }

    fn runs_well(&self, now: Instant) -> bool {
        let for_long = |begun| now.saturating_duration_since(begun) >= WELL;
        self.begun.is_some_and(for_long)
    }

    fn is_failing(&self, now: Instant) -> bool {
        self.in_a_row >= FAILING && !self.runs_well(now)
    }
}

/// What a future panicked with.
async fn caught<F: Future<Output = ()>>(future: F) -> Result<(), String> {
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        // One that panicked is not polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(text_of(&*panic))),
        }
    })
    .await
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it did not say why".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_panics_is_begun_less_and_less_often_and_fails_until_it_has_run_for_a_while() {
        let mut now = Instant::now();
        let mut known = Known::default();
        let mut panics = |now: Instant, expected_ms: u64, fails: bool| {
            known.begun.get_or_insert(now);
            let pause = known.panicked("why".to_owned(), now);
            assert_eq!(pause, Duration::from_millis(expected_ms));
            assert_eq!(known.is_failing(now), fails);
            known.begun = Some(now);
            assert!(!known.is_failing(now + WELL));
        };
        for (nth, expected_ms) in [100, 200, 400, 800, 1_600].into_iter().enumerate() {
            now += Duration::from_secs(1);
            panics(now, expected_ms, nth >= 2);
        }
        for expected_ms in [3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000] {
            panics(now, expected_ms, true);
        }
        panics(now + WELL, 100, false);
    }

    #[tokio::test]
    async fn a_task_that_panics_is_begun_anew_and_one_that_ends_is_not() {
        let tasks = Tasks::default();
        let mut begun = 0;
        let begin = || {
            begun += 1;
            let panics = begun < 3;
            async move { assert!(!panics, "as it should") }
        };
        tasks.keep("relay", begin).await;
        let expected = TaskReport {
            name: "relay",
            restarts: 2,
            fault: None,
        };
        assert_eq!(tasks.reports(), [expected]);
    }
}

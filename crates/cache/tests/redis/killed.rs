//! Redis is killed under load: no request fails, and the store has no more to do at once than it
//! is let; without admission the crowd is upon it.

use crate::deployment::{Process, Setup, Store, sum};
use futures_util::{StreamExt, stream};
use pando_cache::{AdmissionConfig, Config};
use pando_cluster::{Redis, until};
use rand::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::task::JoinHandle;

const CLIENTS: usize = 300;
const KEYS: u32 = 3_000;
/// So many loads a process may have on the store at once.
const LIMIT: usize = 8;
const WHILE: Duration = Duration::from_secs(60);

/// What was seen of the store.
#[derive(Debug)]
struct Seen {
    /// Loads at once, at most: before Redis was killed, and afterwards.
    before: usize,
    after: usize,
    /// Requests, all answered.
    answers: usize,
}

/// Clients that read, and write a little, until it is over; each answer is counted.
struct Crowd {
    is_over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn start(processes: &[Arc<Process>]) -> Crowd {
        let is_over = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(AtomicUsize::new(0));
        let client = |n: usize| {
            let process = Arc::clone(&processes[n % 3]);
            let (is_over, answers) = (Arc::clone(&is_over), Arc::clone(&answers));
            tokio::spawn(async move {
                let mut seen = process.store.now();
                while !is_over.load(SeqCst) {
                    let key = rand::rng().random_range(0..KEYS);
                    if n == 0 && rand::rng().random_range(0..20) == 0 {
                        seen = process.store.write(key);
                    }
                    process.read_well(key, seen).await;
                    answers.fetch_add(1, SeqCst);
                }
            })
        };
        let mut tasks: Vec<_> = (0..CLIENTS).map(client).collect();
        let (processes, ends) = (processes.to_vec(), Arc::clone(&is_over));
        tasks.push(tokio::spawn(async move {
            while !ends.load(SeqCst) {
                processes.iter().for_each(|process| process.follow());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }));
        Crowd {
            is_over,
            answers,
            tasks,
        }
    }

    /// Waits until so many more are answered.
    async fn answered(&self, more: usize) {
        let until_then = self.answers.load(SeqCst) + more;
        let look = async || match self.answers.load(SeqCst) {
            now if now >= until_then => Ok(()),
            now => Err(format!("{now} of {until_then} are")),
        };
        until("answered", WHILE, look).await.unwrap();
    }

    /// How many were answered; each had to be.
    async fn end(self) -> usize {
        self.is_over.store(true, SeqCst);
        for task in self.tasks {
            task.await.expect("every request is answered");
        }
        self.answers.load(SeqCst)
    }
}

fn setup(url: String, admission: Option<AdmissionConfig>) -> Setup {
    let mut setup = Setup::new(url);
    setup.admission = admission;
    setup.sharing.breaker.open_max = Duration::from_secs(1);
    // On a machine with two cores a crowd is slow by itself.
    setup.redis.call_timeout = Duration::from_secs(1);
    setup.sharing.breaker.slow_after = Duration::from_secs(1);
    // Some forty of three thousand entries: nearly all is asked of Redis.
    setup.cache = Config {
        capacity_bytes: 16 << 10,
        entry_bytes: 400,
        ttl: None,
        ..Config::default()
    };
    setup
}

/// A crowd reads, with little in memory; Redis is killed, and comes up again with nothing.
async fn killed_under_load(admission: Option<AdmissionConfig>) -> Seen {
    let redis = Redis::builder().start().await.unwrap();
    let store = Store::new(8, Duration::from_millis(4));
    let processes = Process::three(&setup(redis.url(), admission), &store);
    let read = |key| processes[key as usize % 3].read_well(key, store.now());
    let warm = stream::iter(0..KEYS).map(read).buffer_unordered(16);
    warm.for_each(async |_| {}).await;
    for process in &processes {
        process.sharing.settled().await;
    }
    store.most_at_once();
    let crowd = Crowd::start(&processes);
    crowd.answered(2_000).await;
    let before = store.most_at_once();
    redis.kill().await.unwrap();
    crowd.answered(4_000).await;
    let after = store.most_at_once();
    redis.start_empty().await.unwrap();
    let shared = sum(&processes, |s| s.shared_hits);
    let look = async || match sum(&processes, |s| s.shared_hits) > shared + 500 {
        true => Ok(()),
        false => Err("little is shared"),
    };
    until("sharing again", WHILE, look).await.unwrap();
    Seen {
        before,
        after,
        answers: crowd.end().await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_and_no_more_loads_are_on_the_store_than_it_is_let() {
    let capped = AdmissionConfig {
        limit_min: 2,
        limit_max: LIMIT,
        limit_start: LIMIT,
        ..AdmissionConfig::default()
    };
    let seen = killed_under_load(Some(capped)).await;
    println!("with admission: {seen:?}");
    assert!(seen.answers >= 6_000, "{seen:?}");
    assert!(seen.before.max(seen.after) <= 3 * LIMIT, "{seen:?}");
    assert!(seen.after > LIMIT, "they were not used: {seen:?}");
}

/// The test of the test: without admission the crowd is on the store at once.
#[tokio::test(flavor = "multi_thread")]
async fn without_admission_the_whole_crowd_is_on_the_store() {
    let seen = killed_under_load(None).await;
    println!("without admission: {seen:?}");
    assert!(seen.after > 6 * LIMIT, "{seen:?}");
}

//! What goes wrong with Redis, or on the way there, costs loads, and no answer.

use crate::deployment::{Process, Setup, Store, forget, sum};
use pando_cache::BreakerState;
use pando_cluster::{Cut, Faults, Proxy, Redis, Way, until};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Three processes, each on its own way to one Redis through one proxy.
struct Scene {
    redis: Redis,
    proxy: Proxy,
    store: Arc<Store>,
    processes: Vec<Arc<Process>>,
}

impl Scene {
    async fn start() -> Scene {
        let redis = Redis::builder().start().await.unwrap();
        let proxy = Proxy::start(redis.address()).await.unwrap();
        let store = Store::new(8, Duration::from_millis(1));
        let mut setup = Setup::new(redis.url_at(proxy.address()));
        // A test's minute is not an operator's.
        setup.sharing.breaker.calls_min = 6;
        setup.sharing.breaker.window = Duration::from_secs(2);
        setup.sharing.breaker.open = Duration::from_millis(200);
        setup.sharing.breaker.open_max = Duration::from_millis(400);
        let processes = Process::three(&setup, &store);
        let scene = Scene {
            redis,
            proxy,
            store,
            processes,
        };
        scene.shares().await;
        scene
    }

    /// Waits until all take from Redis what another one loaded.
    async fn shares(&self) {
        let look = async || {
            let before: Vec<_> = self.processes.iter().map(|p| p.statistics()).collect();
            self.round().await;
            let mut all = self.processes.iter().zip(before);
            match all.all(|(now, before)| now.statistics().shared_hits > before.shared_hits) {
                true => Ok(()),
                false => Err("not all of them share"),
            }
        };
        until("all share", LIMIT, look).await.unwrap();
    }

    /// Every process is asked for every key, with nothing in memory; how long the slowest took.
    async fn round(&self) -> Duration {
        forget(&self.processes);
        let seen = self.store.now();
        let mut slowest = Duration::ZERO;
        for key in 0..20 {
            for process in &self.processes {
                let began = Instant::now();
                process.read_well(key, seen).await;
                slowest = slowest.max(began.elapsed());
                process.sharing.settled().await;
            }
        }
        slowest
    }

    /// Rounds until all processes leave Redis alone; then one more, which must not wait for it.
    async fn is_left_alone(&self) {
        let look = async || {
            self.round().await;
            let is_open = |p: &Arc<Process>| p.sharing.state() == BreakerState::Open;
            match self.processes.iter().any(is_open) {
                true => Ok(()),
                false => Err("it is asked"),
            }
        };
        until("Redis left alone", LIMIT, look).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_costs_a_load_of_each_key() {
    let scene = Scene::start().await;
    scene.round().await;
    let loads = scene.store.loads();
    scene.redis.cli(&["flushall"]).await.unwrap();
    scene.round().await;
    assert!(scene.store.loads() - loads >= 20, "each is loaded again");
    scene.shares().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_that_evicts_nothing_costs_loads_and_no_answer() {
    let scene = Scene::start().await;
    let set = async |name, value| scene.redis.cli(&["config", "set", name, value]).await;
    set("maxmemory-policy", "noeviction").await.unwrap();
    set("maxmemory", "1").await.unwrap();
    scene.redis.cli(&["flushall"]).await.unwrap();
    let before = sum(&scene.processes, |s| s.loads_unleased);
    scene.is_left_alone().await;
    assert!(sum(&scene.processes, |s| s.loads_unleased) > before);
    set("maxmemory", "0").await.unwrap();
    scene.shares().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_is_waited_for_within_its_bound_and_then_left_alone() {
    let scene = Scene::start().await;
    let slow = Way {
        delay: Duration::from_millis(300),
        ..Way::default()
    };
    scene.proxy.set_faults(Faults {
        down: slow,
        ..Faults::default()
    });
    let slowest = scene.round().await;
    // A fetch that is given up, and the load; what others do on this machine besides.
    assert!(slowest < Duration::from_millis(290), "{slowest:?}");
    scene.is_left_alone().await;
    scene.proxy.set_faults(Faults::default());
    scene.shares().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_cut_off_is_found_again() {
    let scene = Scene::start().await;
    for cut in [Cut::Reset, Cut::Close] {
        scene.proxy.set_refusing(true).await.unwrap();
        scene.proxy.cut(cut).await;
        scene.is_left_alone().await;
        scene.proxy.set_refusing(false).await.unwrap();
        scene.shares().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_half_open_are_given_up_and_made_again() {
    let scene = Scene::start().await;
    let old: Vec<_> = scene.proxy.connections();
    assert_eq!(old.len(), 3);
    // Those that are open hang for ever, and nobody is told; new ones would do.
    for connection in &old {
        connection.set_faults(Faults {
            stalled: true,
            ..Faults::default()
        });
    }
    scene.round().await;
    scene.shares().await;
    // Now all hang, and those that come.
    scene.proxy.set_faults(Faults {
        stalled: true,
        ..Faults::default()
    });
    scene.is_left_alone().await;
    scene.proxy.set_faults(Faults::default());
    scene.shares().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_stopped_where_it_is_goes_on_as_if_nothing_had_been() {
    let scene = Scene::start().await;
    scene.redis.pause().unwrap();
    scene.is_left_alone().await;
    scene.redis.resume().unwrap();
    scene.shares().await;
}

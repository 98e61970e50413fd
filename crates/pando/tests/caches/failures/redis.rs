//! What is done to Redis, or on the way there, costs loads and no answer, under every strategy.

use super::collection::{Collection, Lifetime, Session, Visit, timed};
use super::scene::{A, B, LIMIT, REDIS_TIMEOUT, Scene, at_once};
use pando_cluster::{Cut, Faults, Way, until};
use std::time::Instant;

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It forgets everything, and goes on.
    Emptied,
    /// The processes do, and it does not.
    ProcessesEmptied,
    /// It has no room, and evicts nothing.
    Full,
    /// It answers that nobody may do anything.
    Refusing,
    /// Something else answers in its place.
    Garbled,
    /// It takes longer than anybody waits.
    Slow,
    /// Connections end, and none is let in.
    CutOff,
    /// Connections stay, and nothing passes.
    HalfOpen,
}

const FAULTS: [Fault; 8] = [
    Fault::Emptied,
    Fault::ProcessesEmptied,
    Fault::Full,
    Fault::Refusing,
    Fault::Garbled,
    Fault::Slow,
    Fault::CutOff,
    Fault::HalfOpen,
];

impl Fault {
    async fn begin(self, scene: &Scene, collections: &[Collection]) {
        let (redis, way) = (&scene.redis, &scene.redis_way);
        let cli = async |command: &[&str]| redis.cli(command).await.expect("Redis is told");
        match self {
            Fault::Emptied => drop(cli(&["flushall"]).await),
            Fault::ProcessesEmptied => {
                for of in collections {
                    scene.flush(A, *of);
                    scene.flush(B, *of);
                }
            }
            Fault::Full => {
                cli(&["config", "set", "maxmemory-policy", "noeviction"]).await;
                cli(&["config", "set", "maxmemory", "1"]).await;
                cli(&["flushall"]).await;
            }
            Fault::Refusing => drop(cli(&["acl", "setuser", "default", "-@all", "+acl"]).await),
            Fault::Garbled => {
                way.set_target(scene.processes[A].address);
                way.cut(Cut::Reset).await;
            }
            Fault::Slow => {
                let down = Way {
                    delay: REDIS_TIMEOUT * 3,
                    ..Way::default()
                };
                way.set_faults(Faults {
                    down,
                    ..Faults::default()
                });
            }
            Fault::CutOff => Scene::cut_off(way).await,
            Fault::HalfOpen => way.set_faults(Faults {
                stalled: true,
                ..Faults::default()
            }),
        }
    }

    async fn end(self, scene: &Scene) {
        let (redis, way) = (&scene.redis, &scene.redis_way);
        let cli = async |command: &[&str]| redis.cli(command).await.expect("Redis is told");
        match self {
            Fault::Full => {
                cli(&["config", "set", "maxmemory", "256mb"]).await;
                cli(&["config", "set", "maxmemory-policy", "allkeys-lru"]).await;
            }
            Fault::Refusing => drop(cli(&["acl", "setuser", "default", "+@all"]).await),
            Fault::Garbled => {
                way.set_target(redis.address());
                way.cut(Cut::Reset).await;
            }
            _ => Scene::mend(way).await,
        }
    }

    /// Whether it is of no use, and not only empty.
    fn is_outage(self) -> bool {
        !matches!(self, Fault::Emptied | Fault::ProcessesEmptied)
    }
}

/// A key lies in the memory of both processes.
fn lay_down(scene: &Scene, visit: &mut Visit) {
    visit.write(&scene.processes[A]);
    for at in &scene.processes {
        visit.read_own(at, "before");
    }
}

/// Sessions go on, and hit and load as often as their strategy says.
fn go_on(scene: &Scene, visit: &mut Visit, fault: Fault) {
    let why = format!("{fault:?}");
    let of = visit.of;
    // What lies in memory is there whatever becomes of Redis.
    let is_there = fault != Fault::ProcessesEmptied && of.promised().is_some();
    for process in [A, B] {
        let before = scene.counts(process, of, ["hits", "loads"]);
        visit.read_own(&scene.processes[process], &why);
        let after = scene.counts(process, of, ["hits", "loads"]);
        if is_there {
            let expected = [before[0] + 1, before[1]];
            assert_eq!(after, expected, "{why}: {} lay in memory", of.name());
        }
    }
    visit.write_and_read_own(scene, A, &why);
    // The other process has it from the store, or from a Redis that is there.
    let names = ["hits", "loads", "shared_hits"];
    let before = scene.counts(B, of, names);
    for _ in 0..3 {
        visit.read_own(&scene.processes[B], &why);
    }
    let after = scene.counts(B, of, names);
    let [hits, loads, shared] = [0, 1, 2].map(|ix| after[ix] - before[ix]);
    if of.promised().is_some() {
        assert_eq!((hits, loads + shared), (2, 1), "{why}: {}", of.name());
    }
    if fault.is_outage() {
        assert_eq!(shared, 0, "{why}: {} came from Redis", of.name());
    }
}

/// Redis is left alone after a while, and then nobody waits for it.
async fn is_left_alone(scene: &Scene, asked: Collection, fault: Fault) {
    let ask = || {
        let (mut session, key) = (Session::default(), scene.new_key());
        let (took, n) = timed(|| session.read(&scene.processes[A], asked, key));
        assert_eq!(n, None);
        took
    };
    let look = async || {
        let mut visits = scene.visits(&[asked; 4]);
        at_once(&mut visits, |visit| {
            let n = visit.session.read(&scene.processes[A], asked, visit.key);
            assert_eq!(n, None, "{fault:?}");
        });
        match scene.shared(A).as_str() {
            "left alone" => Ok(()),
            other => Err(other.to_owned()),
        }
    };
    let what = format!("{fault:?}: Redis left alone");
    until(&what, LIMIT, look).await.expect("it is of no use");
    // One in a while is sent to see whether it is back.
    let quickest = tokio::task::block_in_place(|| (0..10).map(|_| ask()).min());
    assert!(quickest < Some(REDIS_TIMEOUT), "{fault:?}: {quickest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_redis_no_request_fails_and_nothing_is_older_than_what_was_written() {
    let collections = Collection::all(&[Lifetime::Long]);
    let read_through = collections[1];
    let scene = Scene::start(&collections, 8).await;
    for fault in FAULTS {
        let began = Instant::now();
        scene
            .shares(&collections, &format!("before {fault:?}"))
            .await;
        let mut visits = scene.visits(&collections);
        at_once(&mut visits, |visit| lay_down(&scene, visit));
        fault.begin(&scene, &collections).await;
        at_once(&mut visits, |visit| go_on(&scene, visit, fault));
        if fault.is_outage() {
            is_left_alone(&scene, read_through, fault).await;
            // The second time nobody asks Redis at all.
            at_once(&mut visits, |visit| go_on(&scene, visit, fault));
        }
        // What is written behind does not wait for Redis.
        scene.journal_is_applied(&format!("{fault:?}")).await;
        fault.end(&scene).await;
        println!("{fault:?}: {:?}", began.elapsed());
    }
    scene.shares(&collections, "at last").await;
    scene.is_consistent(&collections);
}

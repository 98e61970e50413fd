//! Redis is killed, and a crowd asks for what is in no memory: the store is asked for no more at
//! once than it has room for, and everybody is answered.

use super::collection::{Collection, Lifetime, STRATEGIES, Session};
use super::scene::{A, B, LIMIT, Scene};
use pando_cluster::until;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// So many ask each process, for a thing of their own.
const CROWD: u64 = 100;
/// Connections of each process, so that they are not what bounds the loads.
const POOL: usize = 40;

/// What a process says of its loads.
fn loads(scene: &Scene, process: usize) -> [u64; 3] {
    let mut connection = scene.processes[process].connect();
    let told = connection.ask("GET", "/admin/v1/caches", "", "").json();
    ["most", "under_way", "waiting"].map(|name| told["loads"][name].as_u64().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_crowd_is_let_to_the_store_as_it_has_room_and_all_are_answered() {
    let tables = STRATEGIES
        .iter()
        .filter(|strategy| **strategy != "write-behind");
    let collections: Vec<Collection> = tables
        .map(|strategy| Collection {
            strategy,
            lifetime: Lifetime::Long,
        })
        .collect();
    let scene = Arc::new(Scene::start(&collections, POOL).await);
    scene.redis.kill().await.expect("Redis runs");
    for of in &collections {
        is_let_in(&scene, *of).await;
    }
    scene.redis.start().await.expect("Redis starts");
    scene.shares(&collections, "Redis is back").await;
}

/// A table that somebody has locked: whoever loads of it hangs on the store.
struct Locked {
    scene: Arc<Scene>,
    table: String,
    holder: JoinHandle<()>,
}

impl Locked {
    async fn new(scene: &Arc<Scene>, table: String) -> Locked {
        let text =
            format!("begin; lock table {table} in access exclusive mode; select pg_sleep(60)");
        let holding = Arc::clone(scene);
        let holder = tokio::spawn(async move {
            // It is ended by whoever has seen enough.
            drop(holding.postgres.sql(&text).await);
        });
        let scene = Arc::clone(scene);
        let locked = Locked {
            scene,
            table,
            holder,
        };
        let held = async || match locked
            .count("mode = 'AccessExclusiveLock' and granted")
            .await?
        {
            1 => Ok(()),
            other => Err(format!("{other} locks")),
        };
        until("the lock held", LIMIT, held).await.expect("a lock");
        locked
    }

    /// How many locks there are of a kind.
    async fn count(&self, kind: &str) -> Result<u64, String> {
        let table = &self.table;
        let text = format!(
            "select count(*) from pg_locks where relation = '{table}'::regclass and {kind}"
        );
        let counted = self.scene.postgres.sql(&text).await;
        let counted = counted.map_err(|error| error.to_string())?;
        counted.parse().map_err(|_| format!("no number: {counted}"))
    }

    async fn let_go(self) {
        let text = "select pg_cancel_backend(pid) from pg_stat_activity \
                    where query like 'begin; lock table%' and pid <> pg_backend_pid()";
        let told = self.scene.postgres.sql(text).await;
        told.expect("the holder is told");
        self.holder.await.expect("it was let go");
    }
}

/// Everybody at both processes asks for a thing of his own, with something embedded: short
/// questions would share a few connections.
fn crowd(scene: &Arc<Scene>, of: Collection) -> Vec<JoinHandle<Option<u64>>> {
    let each = (0..CROWD * 2).map(|n| {
        let (scene, key) = (Arc::clone(scene), scene.new_key());
        tokio::task::spawn_blocking(move || {
            let at = &scene.processes[if n % 2 == 0 { A } else { B }];
            let path = format!("{}&select=n,{}_part(id)", of.path(key), of.own_name());
            of.number_of(&Session::default().ask(at, "GET", &path, ""))
        })
    });
    each.collect()
}

/// The store holds every load back, until all have come.
async fn is_let_in(scene: &Arc<Scene>, of: Collection) {
    let name = of.name();
    let locked = Locked::new(scene, of.own_name()).await;
    let crowd = crowd(scene, of);
    // What is not on the store waits in line.
    let all_there = async || {
        let told = [A, B].map(|process| loads(scene, process));
        let mut all = told.iter();
        match all.all(|[_, under_way, waiting]| under_way + waiting == CROWD) {
            true => Ok(told),
            false => Err(format!("{told:?}")),
        }
    };
    let told = until("all of the crowd there", LIMIT, all_there).await;
    let told = told.unwrap_or_else(|error| panic!("{name}: {error}"));
    println!("{name}: most, under way, waiting: {told:?}");
    let mut each = told.iter();
    assert!(each.all(|[most, under_way, _]| under_way <= most && *most < CROWD / 2));
    let let_in: u64 = told.iter().map(|[_, under_way, _]| under_way).sum();
    // They hang there, and nobody comes after them.
    let on_it = async || match locked.count("not granted").await? {
        on_it if on_it >= let_in => Ok(on_it),
        on_it => Err(format!("{on_it} of {let_in} are on the store")),
    };
    let on_it = until("those who were let in on the store", LIMIT, on_it).await;
    let on_it = on_it.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(on_it, let_in, "{name}");
    locked.let_go().await;
    for one in crowd {
        assert_eq!(one.await.expect("an answer"), None, "{name}");
    }
}

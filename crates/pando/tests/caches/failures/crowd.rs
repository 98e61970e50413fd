//! Redis is killed, and a crowd asks for what is in no memory: the store is asked for no more at
//! once than it has room for, and everybody is answered.

use super::collection::{Collection, Lifetime, STRATEGIES, Session};
use super::scene::{A, B, LIMIT, Scene};
use pando_cluster::until;
use std::sync::Arc;

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

/// The store holds every load of a table, as long as somebody else has it locked.
async fn is_let_in(scene: &Arc<Scene>, of: Collection) {
    let (name, table) = (of.name(), of.own_name());
    let lock = {
        let (scene, table) = (Arc::clone(scene), table.clone());
        tokio::spawn(async move {
            let held =
                format!("begin; lock table {table} in access exclusive mode; select pg_sleep(60)");
            // It is ended by whoever has seen enough.
            drop(scene.postgres.sql(&held).await);
        })
    };
    let count = async |what: &str| {
        let counted = format!(
            "select count(*) from pg_locks where relation = '{table}'::regclass and {what}"
        );
        let counted = scene
            .postgres
            .sql(&counted)
            .await
            .map_err(|e| e.to_string())?;
        counted.parse::<u64>().map_err(|error| error.to_string())
    };
    let held = async || match count("granted and mode = 'AccessExclusiveLock'").await? {
        1 => Ok(()),
        other => Err(format!("{other} locks")),
    };
    until("the lock held", LIMIT, held).await.expect("a lock");
    let crowd = (0..CROWD * 2).map(|n| {
        let (scene, key) = (Arc::clone(scene), scene.new_key());
        tokio::task::spawn_blocking(move || {
            let at = &scene.processes[if n % 2 == 0 { A } else { B }];
            // Short questions share a few connections; those with something embedded do not.
            let path = format!("{}&select=n,{}_part(id)", of.path(key), of.own_name());
            of.number_of(&Session::default().ask(at, "GET", &path, ""))
        })
    });
    let crowd: Vec<_> = crowd.collect();
    // All are there: what is not on the store waits in line.
    let all_there = async || {
        let told = [A, B].map(|process| loads(scene, process));
        match told
            .iter()
            .all(|[_, under_way, waiting]| under_way + waiting == CROWD)
        {
            true => Ok(told),
            false => Err(format!("{told:?}")),
        }
    };
    let told = until("all of the crowd there", LIMIT, all_there).await;
    let told = told.unwrap_or_else(|error| panic!("{name}: {error}"));
    println!("{name}: most, under way, waiting: {told:?}");
    let let_in: u64 = told.iter().map(|[_, under_way, _]| under_way).sum();
    assert!(
        told.iter()
            .all(|[most, under_way, _]| under_way <= most && *most < CROWD / 2)
    );
    // They hang there, and nobody comes after them.
    let on_it = async || match count("not granted").await? {
        on_it if on_it >= let_in => Ok(on_it),
        on_it => Err(format!("{on_it} of {let_in} are on the store")),
    };
    let on_it = until("those who were let in on the store", LIMIT, on_it).await;
    assert_eq!(
        on_it.unwrap_or_else(|error| panic!("{name}: {error}")),
        let_in,
        "{name}"
    );
    let ended = "select pg_cancel_backend(pid) from pg_stat_activity \
                 where query like 'begin; lock table%' and pid <> pg_backend_pid()";
    scene.postgres.sql(ended).await.expect("the lock is let go");
    lock.await.expect("it was let go");
    for one in crowd {
        assert_eq!(one.await.expect("an answer"), None, "{name}");
    }
}

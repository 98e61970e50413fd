//! The power goes in the middle of a flush: at each write of the disk that it makes, one after the
//! other.

use crate::carry::own;
use crate::world::World;
use bytes::Bytes;
use pando_engine_sqlite::Synchronous;
use pando_powercut::Survival;
use pando_store::Store;
use pando_store::precondition::Precondition;
use pando_store::session::Session;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const KEYS: u64 = 10;
/// How often each key is written before a flush.
const TIMES: u64 = 3;

async fn put(store: &Store, key: u64, value: u64) {
    let (key, value) = (own(&key.to_string()), Bytes::from(value.to_string()));
    let when = Precondition::default();
    let put = store.kv_put(&key, value, "text/plain".into(), None, when);
    let put = put.await.unwrap().map(|_| Ok(Vec::new()));
    let done = store.carry_out(&put, None, &Session::default()).await;
    done.unwrap();
}

/// What each key holds.
async fn found(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for key in 0..KEYS {
        let get = store.kv_get(&own(&key.to_string()));
        let (entry, _) = store.answer(&get, &Session::default()).await.unwrap();
        let value = entry.map(|entry| entry.value).unwrap_or_default();
        all.push(String::from_utf8(value.to_vec()).unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_whichever_write_of_a_flush_the_power_goes_nothing_is_lost_and_it_is_done_again() {
    let seed = crate::seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let mut world = World::new("models-flush", Synchronous::Full);
    world.is_behind = true;
    let mut store = world.open().await.unwrap();
    for at in 0.. {
        let newest = |key: u64| (at * KEYS + key) * TIMES + TIMES - 1;
        for time in 0..TIMES {
            for key in 0..KEYS {
                put(&store, key, (at * KEYS + key) * TIMES + time).await;
            }
        }
        world.disk.cut_power_after(at);
        let is_whole = store.flush_journal().await.is_ok() && !world.disk.is_off();
        let _ = store.close().await;
        drop(store);
        world.disk.cut_power();
        let survival = match chance.random_range(0..3) {
            0 => Survival::Everything,
            1 => Survival::Nothing,
            _ => Survival::Sectors(chance.random()),
        };
        world.disk.restore_power(survival).unwrap();
        store = world.open().await.unwrap();
        let wanted: Vec<String> = (0..KEYS).map(|key| newest(key).to_string()).collect();
        assert_eq!(found(&store).await, wanted, "seed {seed}, at write {at}");
        let rest = store.flush_journal().await.unwrap();
        assert_eq!(
            found(&store).await,
            wanted,
            "seed {seed}, at write {at}, flushed again"
        );
        if is_whole {
            assert_eq!(rest.rows, 0, "it was whole");
            assert!(at > 3, "the power went in no flush");
            return;
        }
    }
}

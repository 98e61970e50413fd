//! Spaces that are written behind: whatever waits in the journal, what is there is what was written.

use crate::bench::{Bench, NOW};
use bytes::Bytes;
use pando_model::clock::ManualClock;
use pando_model::error::EngineError;
use pando_model::schema::Behind;
use pando_store::error::StoreError;
use pando_store::kv::{Key, KeyRange, NewEntry, Stored};
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};
use pando_store::{Store, StoreConfig};
use std::sync::Arc;
use std::time::Duration;

const SPACE: &str = "s";

fn key(name: &str) -> Key {
    Key::new(SPACE, name).unwrap()
}

/// Carries an operation out on a store.
async fn run<T: Send + 'static>(store: &Store, operation: Operation<T>) -> Result<T, StoreError> {
    crate::concluded::concluded(store, operation).await
}

async fn put(store: &Store, name: &str, value: &str, ttl: Option<Duration>) -> i64 {
    let (key, value) = (key(name), Bytes::copy_from_slice(value.as_bytes()));
    let put = store.kv_put(
        &key,
        value,
        "text/plain".into(),
        ttl,
        Precondition::default(),
    );
    run(store, put.await.unwrap()).await.unwrap().version
}

/// A write of `6`, planned.
async fn write(store: &Store, name: &str, when: Precondition) -> Operation<Stored> {
    let value = Bytes::from("6");
    let key = key(name);
    let put = store.kv_put(&key, value, "text/plain".into(), None, when);
    put.await.unwrap()
}

async fn delete(store: &Store, name: &str, when: Precondition) -> Result<bool, StoreError> {
    let delete = store.kv_delete(&key(name), when).await.unwrap();
    run(store, delete).await
}

async fn get(store: &Store, name: &str) -> Option<String> {
    let found = run(store, store.kv_get(&key(name))).await.unwrap();
    found.map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
}

/// What is listed, page by page.
async fn list(store: &Store) -> Vec<String> {
    let mut range = KeyRange {
        limit: Some(2),
        ..KeyRange::default()
    };
    let mut all = Vec::new();
    loop {
        let page = store.kv_list(SPACE, &range).unwrap();
        let page = run(store, page).await.unwrap();
        all.extend(page.keys.into_iter().map(|info| info.key));
        match page.cursor {
            Some(cursor) => range.cursor = Some(cursor),
            None => return all,
        }
    }
}

fn waiting(store: &Store) -> u64 {
    store
        .journal_reports()
        .iter()
        .filter_map(|of| of.rows)
        .sum()
}

async fn look(store: &Store) -> u64 {
    store.look_at_journal().await.unwrap();
    waiting(store)
}

/// A bench whose space is written behind.
async fn behind() -> Bench {
    let bench = Bench::new().await;
    let spaces = [SPACE.to_owned()].into();
    bench.store.write_behind(&spaces).await.unwrap();
    bench
}

#[tokio::test]
async fn every_verb_sees_what_waits_in_the_journal_flushed_or_not() {
    for flushed in [false, true] {
        let bench = behind().await;
        let store = &bench.store;
        let settle = async || {
            if flushed {
                store.flush_journal().await.unwrap();
            }
        };
        for (name, value) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("a", "5")] {
            put(store, name, value, None).await;
            settle().await;
        }
        assert!(delete(store, "c", Precondition::default()).await.unwrap());
        settle().await;
        assert_eq!(get(store, "a").await.as_deref(), Some("5"), "{flushed}");
        assert_eq!(get(store, "c").await, None, "{flushed}");
        assert_eq!(list(store).await, ["a", "b", "d"], "{flushed}");
        // What looks at what is there: a counter, a condition, a batch.
        let a = key("a");
        let counted = store.kv_incr(&a, 2, None, Precondition::default());
        let counted = run(store, counted.await.unwrap()).await.unwrap();
        assert_eq!((counted.value, counted.stored.created), (7, false));
        let only_new = Precondition {
            if_none_match: Some(Versions::Any),
            ..Precondition::default()
        };
        let refused = write(store, "b", only_new.clone()).await;
        bench.refused(refused, "precondition_failed").await;
        let made = write(store, "c", only_new).await;
        assert!(run(store, made).await.unwrap().created);
        let seen = put(store, "d", "8", None).await;
        let if_seen = |version| Precondition {
            if_match: Some(Versions::Listed(vec![Some(version)])),
            ..Precondition::default()
        };
        let stale = store.kv_delete(&key("d"), if_seen(seen + 1)).await.unwrap();
        bench.refused(stale, "precondition_failed").await;
        assert!(delete(store, "d", if_seen(seen)).await.unwrap());
        put(store, "b", "9", None).await;
        let entry = |name: &str| NewEntry {
            key: key(name),
            value: Bytes::from("10"),
            content_type: "text/plain".into(),
            expires_at_us: None,
        };
        let entries = vec![entry("b"), entry("d"), entry("e")];
        let stored = store.kv_put_all(SPACE, entries).await.unwrap();
        let stored = run(store, stored).await.unwrap();
        let made: Vec<bool> = stored.iter().map(|one| one.created).collect();
        assert_eq!(made, [false, true, true], "{flushed}");
        settle().await;
        assert_eq!(list(store).await, ["a", "b", "c", "d", "e"]);
        for (name, value) in [
            ("a", "7"),
            ("b", "10"),
            ("c", "6"),
            ("d", "10"),
            ("e", "10"),
        ] {
            assert_eq!(get(store, name).await.as_deref(), Some(value), "{name}");
        }
    }
}

#[tokio::test]
async fn whoever_asks_what_was_removed_or_made_is_told_though_nothing_is_conditional() {
    for flushed in [false, true] {
        let bench = behind().await;
        let (store, x, none) = (&bench.store, key("x"), Precondition::default);
        for was_there in [false, true] {
            for (expected, verb) in [(was_there, "removed"), (!was_there, "made")] {
                match was_there {
                    true => drop(put(store, "x", "1", None).await),
                    false => drop(delete(store, "x", none()).await.unwrap()),
                }
                if flushed {
                    store.flush_journal().await.unwrap();
                }
                let told = match verb {
                    "removed" => run(store, store.kv_delete_told(&x, none())).await.unwrap(),
                    _ => {
                        let kind = "text/plain".to_owned();
                        let put = store.kv_put_told(&x, "2".into(), kind, None, none());
                        run(store, put.await.unwrap()).await.unwrap().created
                    }
                };
                assert_eq!(told, expected, "{verb}, {was_there}, {flushed}");
            }
        }
    }
}

#[tokio::test]
async fn what_runs_out_in_the_journal_is_gone_at_the_same_moment_as_from_the_values() {
    let bench = behind().await;
    let store = &bench.store;
    for name in ["early", "late"] {
        put(store, name, "old", None).await;
    }
    store.flush_journal().await.unwrap();
    for (name, ttl) in [("early", 10), ("late", 20)] {
        put(store, name, "new", Some(Duration::from_micros(ttl))).await;
    }
    bench.clock.advance_us(9);
    assert_eq!(get(store, "early").await.as_deref(), Some("new"));
    bench.clock.advance_us(1);
    assert_eq!(get(store, "early").await, None, "not what was there before");
    assert_eq!(list(store).await, ["late"]);
    store.flush_journal().await.unwrap();
    assert_eq!(get(store, "early").await, None);
    assert_eq!(get(store, "late").await.as_deref(), Some("new"));
    bench.clock.advance_us(10);
    assert_eq!(get(store, "late").await, None, "it ran out while it waited");
    assert_eq!(store.sweep().await.unwrap().values, 2);
}

#[tokio::test]
async fn the_last_write_counts_whatever_the_clock_of_its_process_says() {
    let bench = behind().await;
    let clock = Arc::new(ManualClock::new(NOW - 60_000_000));
    let engine = Arc::clone(bench.store.engine());
    let other = Store::open(engine, clock, StoreConfig::default())
        .await
        .unwrap();
    let newer = put(&bench.store, "k", "first", None).await;
    let older = put(&other, "k", "second", None).await;
    assert!(older < newer, "the other's clock is behind");
    for store in [&bench.store, &other] {
        assert_eq!(get(store, "k").await.as_deref(), Some("second"));
    }
    bench.store.flush_journal().await.unwrap();
    assert_eq!(get(&other, "k").await.as_deref(), Some("second"));
}

#[tokio::test]
async fn many_writes_of_a_key_are_one_of_its_value_and_two_may_flush_at_once() {
    let bench = behind().await;
    let store = &bench.store;
    for n in 0..250 {
        put(store, "hot", &n.to_string(), None).await;
        put(store, &format!("cold{}", n % 10), &n.to_string(), None).await;
    }
    assert_eq!(look(store).await, 500);
    let oldest = store.journal_reports()[0].oldest_us.unwrap();
    assert!((NOW - 1_000..=NOW + 1_000).contains(&oldest), "{oldest}");
    let (one, other) = tokio::join!(store.flush_journal(), store.flush_journal());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.rows + other.rows, 500, "each row once");
    assert!(one.values + other.values < 40, "{one:?} {other:?}");
    assert_eq!(look(store).await, 0);
    assert_eq!(get(store, "hot").await.as_deref(), Some("249"));
    assert_eq!(get(store, "cold9").await.as_deref(), Some("249"));
}

#[tokio::test]
async fn a_space_ends_to_be_written_behind_once_its_journal_is_empty_and_nothing_is_lost() {
    let bench = behind().await;
    let store = &bench.store;
    let engine = Arc::clone(store.engine());
    let other = Store::open(engine, bench.clock.clone(), StoreConfig::default());
    let other = other.await.unwrap();
    put(&other, "k", "waits", None).await;
    let planned = write(&other, "k", Precondition::default()).await;
    store.write_behind(&Default::default()).await.unwrap();
    assert_eq!(store.schema().behind.get(SPACE), Some(&Behind::Ending));
    // Who has not heard of it is told so, whether he writes or reads.
    for refused in [
        run(&other, planned.map(|_| Ok(()))).await,
        run(&other, other.kv_get(&key("k")).map(|_| Ok(()))).await,
    ] {
        let told = matches!(
            refused,
            Err(StoreError::Engine(EngineError::SchemaChanged { .. }))
        );
        assert!(told, "{refused:?}");
    }
    assert_eq!(get(store, "k").await.as_deref(), Some("waits"));
    put(store, "k", "at once", None).await;
    assert_eq!(
        look(store).await,
        0,
        "what is written now is written at once"
    );
    store.tend_journal().await.unwrap();
    assert!(store.schema().behind.is_empty());
    other.reload_schema().await.unwrap();
    assert_eq!(get(&other, "k").await.as_deref(), Some("at once"));
    let version = store.schema().version;
    store.write_behind(&Default::default()).await.unwrap();
    assert_eq!(store.schema().version, version, "nothing to change");
}

#[tokio::test]
async fn a_full_journal_grows_no_further_and_no_write_is_refused() {
    let bench = Bench::new().await;
    let config = StoreConfig {
        journal_rows_max: 5,
        ..StoreConfig::default()
    };
    let engine = Arc::clone(bench.store.engine());
    let store = Store::open(engine, bench.clock.clone(), config)
        .await
        .unwrap();
    store
        .write_behind(&[SPACE.to_owned()].into())
        .await
        .unwrap();
    for n in 0..20 {
        put(&store, &format!("k{}", n % 8), &n.to_string(), None).await;
    }
    assert!(look(&store).await <= 5);
    for n in 12..20 {
        let found = get(&store, &format!("k{}", n % 8)).await;
        assert_eq!(found, Some(n.to_string()));
    }
    store.flush_journal().await.unwrap();
    look(&store).await;
    put(&store, "k0", "again", None).await;
    assert_eq!(look(&store).await, 1, "there is room again");
}

#[tokio::test]
async fn why_the_journal_could_not_be_applied_is_told_until_it_is_or_is_anothers() {
    let bench = behind().await;
    let store = &bench.store;
    put(store, "k", "waits", None).await;
    store.tend_journal().await.unwrap();
    assert_eq!(store.journal_reports()[0].error, None);
    store.close().await.unwrap();
    let error = store.tend_journal().await.unwrap_err();
    let told = store.journal_reports()[0].error.clone();
    assert_eq!(told.as_deref(), Some(&error.to_string()));
    store.leave_journal();
    assert_eq!(store.journal_reports()[0].error, None);
}

//! Key-value: values put, read, removed and counted; lists and their pages.

use crate::bench::Bench;
use bytes::Bytes;
use pando_store::kv::{Counted, Entry, Key, KeyList, KeyRange, Stored};
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};

fn key(key: &str) -> Key {
    Key::new("s", key).unwrap()
}

fn none() -> Precondition {
    Precondition::default()
}

fn if_match(versions: &[i64]) -> Precondition {
    let listed = versions.iter().map(|version| Some(*version)).collect();
    Precondition {
        if_match: Some(Versions::Listed(listed)),
        ..none()
    }
}

async fn write(bench: &Bench, name: &str, value: &[u8], when: Precondition) -> Operation<Stored> {
    let value = Bytes::copy_from_slice(value);
    let key = key(name);
    let put = bench
        .store
        .kv_put(&key, value, "image/png".into(), None, when);
    put.await.unwrap()
}

async fn put(bench: &Bench, name: &str, value: &[u8]) -> Stored {
    let write = write(bench, name, value, none()).await;
    bench.run(write).await.unwrap()
}

async fn get(bench: &Bench, name: &str) -> Option<Entry> {
    bench.run(bench.store.kv_get(&key(name))).await.unwrap()
}

async fn incr(bench: &Bench, name: &str, by: i64) -> Operation<Counted> {
    let key = key(name);
    let counted = bench.store.kv_incr(&key, by, None, none());
    counted.await.unwrap()
}

async fn list(bench: &Bench, range: KeyRange) -> KeyList {
    let list = bench.store.kv_list("s", &range).unwrap();
    bench.run(list).await.unwrap()
}

#[tokio::test]
async fn a_value_is_the_bytes_and_the_type_that_were_put() {
    let bench = Bench::new().await;
    assert_eq!(get(&bench, "k").await, None);
    for value in [&b"\0\xff"[..], b"", b"text"] {
        let stored = put(&bench, "k", value).await;
        let found = get(&bench, "k").await.unwrap();
        assert_eq!(found.value, value);
        assert_eq!(found.content_type, "image/png");
        assert_eq!((found.version, found.expires_at_us), (stored.version, None));
    }
    let elsewhere = Key::new("other", "k").unwrap();
    assert_eq!(
        bench.run(bench.store.kv_get(&elsewhere)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn no_two_values_of_a_key_have_the_same_version() {
    let bench = Bench::new().await;
    let first = put(&bench, "k", b"1").await;
    let second = put(&bench, "k", b"1").await;
    let delete = async || bench.store.kv_delete(&key("k"), none()).await;
    assert!(bench.run(delete().await.unwrap()).await.unwrap());
    assert!(!bench.run(delete().await.unwrap()).await.unwrap());
    let third = put(&bench, "k", b"1").await;
    assert_eq!(
        [first.created, second.created, third.created],
        [true, false, true]
    );
    assert!(first.version < second.version && second.version < third.version);
}

#[tokio::test]
async fn a_write_happens_only_to_the_version_that_its_caller_names() {
    let bench = Bench::new().await;
    let version = put(&bench, "k", b"1").await.version;
    let code = "precondition_failed";
    let stale = write(&bench, "k", b"2", if_match(&[version + 1])).await;
    bench.refused(stale, code).await;
    let delete = bench.store.kv_delete(&key("k"), if_match(&[0])).await;
    bench.refused(delete.unwrap(), code).await;
    let absent = write(&bench, "x", b"2", if_match(&[version])).await;
    bench.refused(absent, code).await;
    let only_new = Precondition {
        if_none_match: Some(Versions::Any),
        ..none()
    };
    let taken = write(&bench, "k", b"2", only_new.clone()).await;
    bench.refused(taken, code).await;
    assert_eq!(get(&bench, "k").await.unwrap().value, &b"1"[..]);
    let fresh = write(&bench, "k", b"2", if_match(&[5, version])).await;
    assert!(!bench.run(fresh).await.unwrap().created);
    let new = write(&bench, "x", b"2", only_new).await;
    assert!(bench.run(new).await.unwrap().created);
}

#[tokio::test]
async fn a_counter_begins_at_nothing_and_does_not_overflow() {
    let bench = Bench::new().await;
    for (by, value) in [(1, 1), (5, 6), (-10, -4), (0, -4)] {
        let counted = bench.run(incr(&bench, "n", by).await).await.unwrap();
        assert_eq!(counted.value, value);
    }
    let entry = get(&bench, "n").await.unwrap();
    assert_eq!(
        (&entry.value[..], entry.content_type.as_str()),
        (&b"-4"[..], "text/plain; charset=utf-8")
    );
    put(&bench, "n", b"9223372036854775807").await;
    bench.refused(incr(&bench, "n", 1).await, "conflict").await;
    for no_number in [&b"x"[..], b"1.5", b"\xff", b""] {
        put(&bench, "n", no_number).await;
        bench.refused(incr(&bench, "n", 1).await, "conflict").await;
    }
}

#[tokio::test]
async fn a_list_holds_what_begins_with_the_prefix_page_by_page() {
    let bench = Bench::new().await;
    for name in [
        "a",
        "b/1",
        "b/2",
        "b/3",
        "b/4",
        "b/5",
        "c",
        "b\u{10FFFF}",
        "B",
    ] {
        put(&bench, name, b"12345").await;
    }
    let mut range = KeyRange {
        prefix: "b/".into(),
        ..KeyRange::default()
    };
    let first = list(&bench, range.clone()).await;
    let names = |list: &KeyList| {
        list.keys
            .iter()
            .map(|info| info.key.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["b/1", "b/2", "b/3", "b/4"]);
    assert!(first.truncated, "max_rows has cut it");
    assert_eq!(first.keys[0].size, 5);
    range.cursor = first.cursor;
    let second = list(&bench, range).await;
    assert_eq!(names(&second), ["b/5"]);
    assert_eq!((second.cursor, second.truncated), (None, false));
    let two = KeyRange {
        limit: Some(2),
        ..KeyRange::default()
    };
    let short = list(&bench, two).await;
    assert_eq!(names(&short), ["B", "a"]);
    assert!(short.cursor.is_some() && !short.truncated);
    let foreign = KeyRange {
        cursor: short.cursor,
        ..KeyRange::default()
    };
    let refused = bench.store.kv_list("other", &foreign).err().unwrap();
    assert_eq!(refused.code, "malformed");
}

#[tokio::test]
async fn a_counter_s_condition_is_looked_at_before_whether_it_can_be_counted() {
    let bench = Bench::new().await;
    let word = put(&bench, "word", b"abc").await.version;
    put(&bench, "most", i64::MAX.to_string().as_bytes()).await;
    for name in ["word", "most"] {
        let other = if_match(&[word - 1]);
        let incr = bench.store.kv_incr(&key(name), 1, None, other).await;
        bench.refused(incr.unwrap(), "precondition_failed").await;
    }
    let own = if_match(&[word]);
    let incr = bench.store.kv_incr(&key("word"), 1, None, own).await;
    bench.refused(incr.unwrap(), "conflict").await;
}

#[tokio::test]
async fn operations_together_see_each_other_and_are_all_or_none() {
    let bench = Bench::new().await;
    let two = vec![incr(&bench, "n", 1).await, incr(&bench, "n", 2).await];
    let counted = bench.run(Operation::all(two, |_| {})).await.unwrap();
    assert_eq!([counted[0].value, counted[1].value], [1, 3]);
    put(&bench, "word", b"x").await;
    let half = vec![incr(&bench, "n", 4).await, incr(&bench, "word", 1).await];
    bench
        .refused(Operation::all(half, |_| {}), "conflict")
        .await;
    assert_eq!(get(&bench, "n").await.unwrap().value, &b"3"[..]);
}

#[tokio::test]
async fn what_cannot_be_a_key_or_a_space_is_refused() {
    let long = "k".repeat(1025);
    let space = "s".repeat(256);
    for (space, key) in [
        ("", "k"),
        ("s", ""),
        ("s", "\0"),
        ("s\0", "k"),
        ("s", &long),
        (&space, "k"),
    ] {
        assert_eq!(Key::new(space, key).unwrap_err().code, "malformed");
    }
    assert!(Key::new("s", &long[..1024]).is_ok());
}

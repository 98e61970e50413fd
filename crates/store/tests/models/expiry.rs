//! Expiry: there until the microsecond it runs out, gone from that one on; for every read,
//! and whether it was swept or not.

use crate::bench::{Bench, key, put};
use bytes::Bytes;
use pando_store::kv::{Key, KeyRange};
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};
use pando_store::wide::RowRange;
use std::time::Duration;

const TTL_US: i64 = 5;

async fn kv_put(bench: &Bench, key: &str, value: &str, ttl_us: Option<u64>) {
    let key = Key::new("s", key).unwrap();
    let ttl = ttl_us.map(Duration::from_micros);
    let value = Bytes::from(value.to_owned());
    let put = bench.store.kv_put(
        &key,
        value,
        "text/plain".into(),
        ttl,
        Precondition::default(),
    );
    bench.run(put.await.unwrap()).await.unwrap();
}

/// How many values a sweep removes; of receipts there are none here.
async fn swept(bench: &Bench) -> u64 {
    let swept = bench.store.sweep().await.unwrap();
    assert_eq!(swept.receipts, 0);
    swept.values
}

/// What every read of key-values tells of `s/k`: get, list, batch.
async fn kv_seen(bench: &Bench) -> [bool; 3] {
    let key = Key::new("s", "k").unwrap();
    let get = bench.run(bench.store.kv_get(&key)).await.unwrap();
    let list = bench.store.kv_list("s", &KeyRange::default()).unwrap();
    let list = bench.run(list).await.unwrap();
    let both = Operation::all(vec![bench.store.kv_get(&key)], |_| {}).as_write();
    let together = bench.run(both).await.unwrap();
    [
        get.is_some(),
        list.keys.iter().any(|found| found.key == "k"),
        together[0].is_some(),
    ]
}

/// What every read of wide rows tells of the row `r`: get, columns, slices, batch.
async fn wide_seen(bench: &Bench) -> Vec<bool> {
    let mut seen = Vec::new();
    for columns in [&[][..], &["f:q"], &["q"], &["f:*"], &["f:q", "x"]] {
        seen.push(bench.get("r", columns, 1).await != "-");
        for reverse in [false, true] {
            let range = RowRange {
                reverse,
                ..RowRange::default()
            };
            let list = bench.slice(&range, columns, 1).await;
            seen.push(list.rows.iter().any(|row| row.row == "r"));
        }
    }
    let get = bench
        .store
        .wide_get(&key("r"), &Default::default())
        .unwrap();
    let both = Operation::all(vec![get], |_| {}).as_write();
    seen.push(bench.run(both).await.unwrap()[0].is_some());
    seen
}

#[tokio::test]
async fn what_runs_out_is_there_until_that_microsecond_and_gone_from_it_on() {
    for sweeping in [false, true] {
        let bench = Bench::new().await;
        kv_put(&bench, "k", "1", Some(TTL_US as u64)).await;
        kv_put(&bench, "stays", "1", None).await;
        bench
            .put_for("r", &[("f:q", "1")], None, Some(TTL_US as u64))
            .await;
        bench.put("stays", &[("f:q", "1")], None).await;
        bench.clock.advance_us(TTL_US - 1);
        if sweeping {
            assert_eq!(swept(&bench).await, 0, "it is too early");
        }
        assert_eq!(kv_seen(&bench).await, [true; 3]);
        assert!(wide_seen(&bench).await.iter().all(|seen| *seen));
        bench.clock.advance_us(1);
        if sweeping {
            assert_eq!(swept(&bench).await, 2);
            assert_eq!(bench.store.swept(), 2);
            assert_eq!(swept(&bench).await, 0);
        }
        assert_eq!(kv_seen(&bench).await, [false; 3], "swept: {sweeping}");
        assert!(!wide_seen(&bench).await.iter().any(|seen| *seen));
        assert_eq!(bench.get("stays", &[], 1).await, "stays f:q=1@0");
    }
}

#[tokio::test]
async fn writes_take_what_has_run_out_for_absent() {
    let bench = Bench::new().await;
    kv_put(&bench, "k", "41", Some(TTL_US as u64)).await;
    bench
        .put_for(
            "r",
            &[("f:q", "1"), ("f:p", "1")],
            None,
            Some(TTL_US as u64),
        )
        .await;
    bench.clock.advance_us(TTL_US);
    let k = Key::new("s", "k").unwrap();
    let any = Precondition {
        if_match: Some(Versions::Any),
        ..Precondition::default()
    };
    let incr = bench.store.kv_incr(&k, 1, None, any.clone()).await.unwrap();
    bench.refused(incr, "precondition_failed").await;
    let gone = bench.store.kv_delete(&k, Precondition::default());
    assert!(!bench.run(gone.await.unwrap()).await.unwrap());
    let incr = bench.store.kv_incr(&k, 1, None, Precondition::default());
    let counted = bench.run(incr.await.unwrap()).await.unwrap();
    assert_eq!((counted.value, counted.stored.created), (1, true));
    let old = bench
        .store
        .wide_put(&key("r"), put(&[("f:q", "2")], None, None), any);
    bench.refused(old.unwrap(), "precondition_failed").await;
    assert!(bench.put("r", &[("f:q", "2")], None).await, "it is new");
    assert_eq!(bench.get("r", &[], 1).await, "r f:q=2@5");
    assert_eq!(swept(&bench).await, 1, "only f:p is left");
}

#[tokio::test]
async fn a_family_says_how_long_a_cell_lives_unless_the_write_does() {
    let bench = Bench::new().await;
    bench
        .put("r", &[("live:a", "1"), ("obs:a", "1")], Some(7))
        .await;
    bench
        .put_for("s", &[("live:a", "1")], None, Some(20_000_000))
        .await;
    bench.clock.advance_us(9_999_999);
    assert!(
        bench
            .get("r", &["live:a"], 1)
            .await
            .starts_with("r live:a=1@")
    );
    bench.clock.advance_us(1);
    assert_eq!(bench.get("r", &["live:a"], 1).await, "-");
    assert!(bench.get("r", &[], 1).await.starts_with("r obs:a=1@"));
    assert_eq!(bench.get("s", &[], 1).await, "s live:a=1@0");
}

#[tokio::test]
async fn a_version_that_ran_out_makes_room_for_the_one_before_it() {
    let bench = Bench::new().await;
    bench.put("r", &[("obs:a", "1")], None).await;
    let later = Some(crate::bench::NOW + 1);
    bench
        .put_for("r", &[("obs:a", "2")], later, Some(TTL_US as u64))
        .await;
    assert_eq!(bench.get("r", &[], 1).await, "r obs:a=2@1");
    bench.clock.advance_us(TTL_US);
    assert_eq!(bench.get("r", &[], 1).await, "r obs:a=1@0");
}

#[tokio::test]
async fn many_rows_are_swept_in_several_writes_and_a_renewed_one_stays() {
    let bench = Bench::new().await;
    for n in 0..450 {
        kv_put(&bench, &format!("k{n}"), "1", Some(TTL_US as u64)).await;
    }
    kv_put(&bench, "k7", "1", Some(1_000)).await;
    bench.clock.advance_us(TTL_US);
    assert_eq!(swept(&bench).await, 449);
    let k7 = Key::new("s", "k7").unwrap();
    assert!(bench.run(bench.store.kv_get(&k7)).await.unwrap().is_some());
}

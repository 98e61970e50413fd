//! Records: laid down, fetched, invalidated, run out.

use super::{Bench, SHORT, at, record};
use bytes::Bytes;
use pando_model::level2::Record;
use pando_model::stamp::Position;

pub(super) async fn what_was_laid_down_is_fetched_until_its_time_is_over(bench: Bench) {
    let key = bench.key("k");
    assert_eq!(bench.fetch(&key).await, None);
    let one = record(at(1), "one");
    assert_eq!(bench.level2.put(&key, one.clone(), SHORT).await, Ok(true));
    assert_eq!(bench.fetch(&key).await, Some(one));
    bench.subject.pass(SHORT).await;
    assert_eq!(bench.fetch(&key).await, None);
}

pub(super) async fn an_older_record_does_not_replace_a_newer_one(bench: Bench) {
    let key = bench.key("k");
    let newer = record(at(10), "newer");
    assert!(bench.put(&key, &newer).await);
    assert!(!bench.put(&key, &record(at(9), "older")).await);
    assert_eq!(bench.fetch(&key).await, Some(newer));
    // Of the same position: loaded again, with a time of its own.
    let again = record(at(10), "again");
    assert!(bench.put(&key, &again).await);
    assert_eq!(bench.fetch(&key).await, Some(again));
}

pub(super) async fn an_invalidation_removes_what_is_older_and_nothing_else(bench: Bench) {
    let key = bench.key("k");
    let there = record(at(10), "there");
    let invalidate = async |p| bench.level2.invalidate(&key, at(p)).await.expect("done");
    invalidate(10).await;
    bench.put(&key, &there).await;
    for older in [0, 9, 10] {
        invalidate(older).await;
        assert_eq!(bench.fetch(&key).await, Some(there.clone()), "{older}");
    }
    invalidate(11).await;
    assert_eq!(bench.fetch(&key).await, None);
    // It is no floor: whoever takes a record looks at his own.
    assert!(bench.put(&key, &there).await);
}

pub(super) async fn positions_are_compared_as_numbers_by_timeline_first(bench: Bench) {
    let key = bench.key("k");
    let rising = [
        (0, 0),
        (0, 9),
        (0, 10),
        (0, 255),
        (0, 256),
        (0, 65_535),
        (0, u64::from(u32::MAX)),
        (0, 1 << 53),
        (0, (1 << 53) + 1),
        (0, u64::MAX),
        (1, 0),
        (127, 5),
        (128, 1),
        (256, 0),
        (u32::MAX, 0),
        (u32::MAX, u64::MAX),
    ];
    let mut before = None;
    for (timeline, p) in rising {
        let next = record(Position { timeline, p }, "x");
        assert!(bench.put(&key, &next).await, "{next:?} over {before:?}");
        if let Some(before) = &before {
            assert!(!bench.put(&key, before).await, "{before:?} over {next:?}");
        }
        assert_eq!(bench.fetch(&key).await, Some(next.clone()));
        before = Some(next);
    }
}

pub(super) async fn a_body_comes_back_byte_by_byte(bench: Bench) {
    let all: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..256 << 10).map(|n: u32| (n * 31) as u8).collect();
    for (name, body) in [("empty", Vec::new()), ("all", all), ("large", large)] {
        let key = bench.key(name);
        let body = Bytes::from(body);
        let record = Record { at: at(3), body };
        assert!(bench.put(&key, &record).await);
        assert_eq!(bench.fetch(&key).await, Some(record), "{name}");
    }
}

pub(super) async fn keys_of_any_bytes_and_length_are_told_apart(bench: Bench) {
    let mut keys: Vec<Vec<u8>> = ["", "a", "a}", "{a}", "}{", "{}", "a b", "a\r\nb", "%s"]
        .map(|name| bench.key(name))
        .to_vec();
    keys.push([&bench.key("raw")[..], &[0, 255, 0]].concat());
    keys.push([&bench.key("raw")[..], &[0, 255]].concat());
    for end in ["", "1", "2"] {
        keys.push(bench.key(&format!("{}{end}", "long".repeat(1_000))));
    }
    for (ix, key) in keys.iter().enumerate() {
        bench.put(key, &record(at(ix as u64), "x")).await;
    }
    for (ix, key) in keys.iter().enumerate() {
        let there = bench.fetch(key).await.map(|record| record.at);
        assert_eq!(there, Some(at(ix as u64)), "{key:?}");
    }
}

pub(super) async fn of_many_that_are_laid_down_at_once_the_newest_lies_there(bench: Bench) {
    for round in 0..20 {
        let key = bench.key(&round.to_string());
        let tasks: Vec<_> = (0..16_u64)
            .map(|n| {
                let (bench, key) = (bench.clone(), key.clone());
                // In an order that is neither rising nor falling.
                let p = (n * 7) % 16;
                tokio::spawn(async move { (p, bench.put(&key, &record(at(p), "x")).await) })
            })
            .collect();
        for task in tasks {
            let (p, is_laid_down) = task.await.expect("put");
            assert!(is_laid_down || p < 15, "the newest was refused");
        }
        assert_eq!(bench.fetch(&key).await, Some(record(at(15), "x")));
    }
}

pub(super) async fn what_is_true_as_of_an_invalidation_survives_it_whichever_comes_first(
    bench: Bench,
) {
    for round in 0..50 {
        let key = bench.key(&round.to_string());
        bench.put(&key, &record(at(9), "older")).await;
        let put = {
            let (bench, key) = (bench.clone(), key.clone());
            tokio::spawn(async move { bench.put(&key, &record(at(10), "newer")).await })
        };
        let invalidate = {
            let (level2, key) = (bench.level2.clone(), key.clone());
            tokio::spawn(async move { level2.invalidate(&key, at(10)).await })
        };
        assert!(put.await.expect("put"));
        invalidate.await.expect("ran").expect("invalidated");
        assert_eq!(bench.fetch(&key).await, Some(record(at(10), "newer")));
    }
}

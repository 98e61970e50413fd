//! The feed of committed changes.

use crate::fixture::bench::{Bench, delete, insert, update, upsert};
use crate::fixture::query::{eq, select};
use crate::fixture::schema::table;
use crate::{row, rows};
use pando_model::canonical;
use pando_model::column::ColumnType::*;
use pando_model::engine::{FeedCursor, FeedEvent, FeedKind};
use pando_model::plan::{Filter, Row, Scalar};
use pando_model::schema::{ReferentialAction, Table};
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

async fn keyed(bench: &mut Bench) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Text)
        .key(&["id"])
        .build();
    bench.create(&[&t]).await;
    t
}

async fn follow(bench: &Bench, name: &str) -> FeedCursor {
    bench.engine().follow(name).await.expect("follow")
}

/// What an event says of a row, without its place in the feed.
fn told(event: &FeedEvent) -> (FeedKind, String, Slot, Vec<u8>) {
    (
        event.kind,
        event.table.clone(),
        event.slot,
        event.key.clone(),
    )
}

fn expected(table: &Table, kind: FeedKind, row: Row) -> (FeedKind, String, Slot, Vec<u8>) {
    (
        kind,
        table.name.clone(),
        canonical::slot_of_row(table, &row),
        canonical::key_bytes(table, &table.primary_key.columns, &row),
    )
}

pub(crate) async fn nothing_is_recorded_while_nobody_follows(mut bench: Bench) {
    let t = keyed(&mut bench).await;
    bench.insert(&t, rows![[1, "a"]]).await;
    let cursor = follow(&bench, "f").await;
    assert_eq!(bench.feed(cursor).await, vec![]);
    assert_eq!(
        bench
            .engine()
            .fetch_statistics()
            .await
            .expect("statistics")
            .feed_depth,
        0
    );
    bench.insert(&t, rows![[2, "b"]]).await;
    assert_eq!(bench.feed(cursor).await.len(), 1);
    bench.engine().unfollow("f").await.expect("unfollow");
    bench.engine().unfollow("f").await.expect("unfollow twice");
    bench.insert(&t, rows![[3, "c"]]).await;
    let cursor = follow(&bench, "f").await;
    assert_eq!(bench.feed(cursor).await, vec![], "it begins anew");
}

pub(crate) async fn changes_come_in_commit_order_with_their_keys(mut bench: Bench) {
    let t = keyed(&mut bench).await;
    let cursor = follow(&bench, "f").await;
    bench.insert(&t, rows![[1, "a"], [2, "b"]]).await;
    bench
        .change(update(&t, eq(&t, "id", 2), vec![(1, Value::Null)]))
        .await;
    bench
        .write(vec![
            delete(&t, eq(&t, "id", 1)),
            insert(&t, rows![[3, "c"]]),
        ])
        .await
        .expect("write");
    let events = bench.feed(cursor).await;
    let seen: Vec<_> = events.iter().map(told).collect();
    let all = [
        (FeedKind::Insert, row![1, "a"]),
        (FeedKind::Insert, row![2, "b"]),
        (FeedKind::Update, row![2, ()]),
        (FeedKind::Delete, row![1, "a"]),
        (FeedKind::Insert, row![3, "c"]),
    ];
    assert_eq!(seen, all.map(|(kind, row)| expected(&t, kind, row)));
    let places: Vec<_> = events
        .iter()
        .map(|event| (event.cursor.at.p - cursor.at.p, event.cursor.ordinal))
        .collect();
    assert_eq!(places, [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2)]);
}

pub(crate) async fn a_slot_s_events_are_counted_without_gaps(mut bench: Bench) {
    let t = table("t")
        .column("a", Integer)
        .column("n", Integer)
        .key(&["a", "n"])
        .shard_by(&["a"])
        .build();
    bench.create(&[&t]).await;
    let cursor = follow(&bench, "f").await;
    for n in 0..30 {
        bench.insert(&t, rows![[n % 3, n], [n % 2, 100 + n]]).await;
    }
    let failed = bench.write(vec![insert(&t, rows![[5, 5], [0, 0]])]).await;
    assert!(failed.is_err());
    bench.change(delete(&t, eq(&t, "a", 1))).await;
    let mut last: BTreeMap<(Slot, u64), u64> = BTreeMap::new();
    for event in bench.feed(cursor).await {
        let last = last.entry((event.slot, event.epoch)).or_insert(0);
        assert_eq!(event.seq, *last + 1, "{event:?}");
        *last = event.seq;
    }
    assert!(last.len() >= 3, "several slots");
}

pub(crate) async fn cascades_are_in_the_feed(mut bench: Bench) {
    let a = table("a").column("id", Integer).key(&["id"]).build();
    let b = table("b")
        .column("a", Integer)
        .column("n", Integer)
        .key(&["a", "n"])
        .shard_by(&["a"])
        .references(&["a"], "a", &["id"])
        .on_delete(ReferentialAction::Cascade)
        .on_update(ReferentialAction::Cascade)
        .build();
    bench.create(&[&a, &b]).await;
    bench.insert(&a, rows![[1], [2]]).await;
    bench.insert(&b, rows![[1, 1], [1, 2], [2, 1]]).await;
    let cursor = follow(&bench, "f").await;
    bench.change(delete(&a, eq(&a, "id", 1))).await;
    bench
        .change(update(&a, eq(&a, "id", 2), vec![(0, Value::Int(3))]))
        .await;
    let mut seen: Vec<_> = bench.feed(cursor).await.iter().map(told).collect();
    let mut all = vec![
        expected(&a, FeedKind::Delete, row![1]),
        expected(&b, FeedKind::Delete, row![1, 1]),
        expected(&b, FeedKind::Delete, row![1, 2]),
        expected(&a, FeedKind::Delete, row![2]),
        expected(&a, FeedKind::Insert, row![3]),
        expected(&b, FeedKind::Delete, row![2, 1]),
        expected(&b, FeedKind::Insert, row![3, 1]),
    ];
    let order = |event: &(FeedKind, String, Slot, Vec<u8>)| {
        (format!("{:?}", event.0), event.1.clone(), event.3.clone())
    };
    seen.sort_by_key(order);
    all.sort_by_key(order);
    assert_eq!(seen, all);
}

pub(crate) async fn a_changed_key_is_a_delete_and_an_insert(mut bench: Bench) {
    let t = keyed(&mut bench).await;
    bench.insert(&t, rows![[1, "a"]]).await;
    let cursor = follow(&bench, "f").await;
    bench
        .change(update(&t, eq(&t, "id", 1), vec![(0, Value::Int(9))]))
        .await;
    let seen: Vec<_> = bench.feed(cursor).await.iter().map(told).collect();
    assert_eq!(
        seen,
        [
            expected(&t, FeedKind::Delete, row![1, "a"]),
            expected(&t, FeedKind::Insert, row![9, "a"]),
        ]
    );
}

pub(crate) async fn rows_that_go_by_their_keys_are_told_each_once_and_the_missing_are_not(
    mut bench: Bench,
) {
    let t = keyed(&mut bench).await;
    bench
        .insert(&t, (0..10).map(|id| row![id, "v"]).collect())
        .await;
    let by_keys = |ids: &[i64]| {
        let keys = ids.iter().map(|id| vec![Value::Int(*id)]).collect();
        let columns = vec![0];
        delete(&t, Filter::Keys { columns, keys })
    };
    let unseen = bench.change(by_keys(&[0, 20, 0, 21, 1, 22, 23])).await;
    assert_eq!(unseen.affected, 2, "nobody follows");
    let cursor = follow(&bench, "f").await;
    let few = bench.change(by_keys(&[2, 2, 30])).await;
    let many = bench.change(by_keys(&[9, 3, 40, 5, 3, 41, 4, 42])).await;
    let none = bench.change(by_keys(&[50, 51, 52, 53, 54])).await;
    let values = [6, 60, 6].map(Value::Int).to_vec();
    let left = Scalar::Column(0);
    let listed = bench.change(delete(&t, Filter::In { left, values })).await;
    let all = [few, many, none, listed].map(|done| done.affected);
    assert_eq!(all, [1, 4, 0, 1]);
    let mut seen: Vec<_> = bench.feed(cursor).await.iter().map(told).collect();
    let mut gone: Vec<_> = [2, 3, 4, 5, 6, 9]
        .map(|id| expected(&t, FeedKind::Delete, row![id, "v"]))
        .into();
    seen.sort_by(|a, b| a.3.cmp(&b.3));
    gone.sort_by(|a, b| a.3.cmp(&b.3));
    assert_eq!(seen, gone);
    let left = bench.rows(select(&t, &["id"])).await;
    assert_eq!(left.len(), 2, "{left:?}");
}

pub(crate) async fn an_ignored_row_is_no_event_and_a_merged_one_an_update(mut bench: Bench) {
    let t = keyed(&mut bench).await;
    bench.insert(&t, rows![[1, "a"]]).await;
    let cursor = follow(&bench, "f").await;
    bench.change(upsert(&t, rows![[1, "b"]], &[0], None)).await;
    bench
        .change(upsert(&t, rows![[1, "b"], [2, "c"]], &[0], Some(&[1])))
        .await;
    let seen: Vec<_> = bench.feed(cursor).await.iter().map(told).collect();
    assert_eq!(
        seen,
        [
            expected(&t, FeedKind::Update, row![1, "b"]),
            expected(&t, FeedKind::Insert, row![2, "c"]),
        ]
    );
}

pub(crate) async fn pages_join_up_and_tell_how_far_they_reach(mut bench: Bench) {
    let t = keyed(&mut bench).await;
    let start = follow(&bench, "f").await;
    for n in 0..5 {
        bench
            .insert(
                &t,
                rows![[10 * n, "x"], [10 * n + 1, "y"], [10 * n + 2, "z"]],
            )
            .await;
    }
    let now = bench.engine().progress().low;
    let whole = bench.feed(start).await;
    assert_eq!(whole.len(), 15);
    for size in [1, 2, 3, 7, 15, 100] {
        let (mut cursor, mut joined) = (start, Vec::new());
        loop {
            let page = bench.engine().fetch_feed(cursor, size).await.expect("page");
            assert!(!page.gap && page.events.len() <= size);
            assert!(page.next >= cursor);
            let is_last = page.events.len() < size || joined.len() + page.events.len() == 15;
            joined.extend(page.events);
            // Everything up to `consumed` is in hand, and nothing beyond is claimed.
            let in_hand = whole
                .iter()
                .filter(|event| event.cursor.at <= page.consumed);
            assert!(in_hand.count() <= joined.len(), "pages of {size}");
            cursor = page.next;
            if is_last {
                assert_eq!(page.consumed, now, "pages of {size}");
                break;
            }
        }
        assert_eq!(joined, whole, "pages of {size}");
        let rest = bench.engine().fetch_feed(cursor, size).await.expect("page");
        assert_eq!((rest.events, rest.consumed, rest.gap), (vec![], now, false));
    }
}

pub(crate) async fn what_all_have_dealt_with_is_removed_and_asking_for_it_is_a_gap(
    mut bench: Bench,
) {
    let t = keyed(&mut bench).await;
    let start = follow(&bench, "slow").await;
    follow(&bench, "fast").await;
    bench.insert(&t, rows![[1, "a"], [2, "b"]]).await;
    bench.insert(&t, rows![[3, "c"]]).await;
    let engine = bench.engine();
    let events = bench.feed(start).await;
    let depth = || async {
        engine
            .fetch_statistics()
            .await
            .expect("statistics")
            .feed_depth
    };
    engine
        .acknowledge_feed("fast", events[2].cursor)
        .await
        .expect("acknowledge");
    engine
        .acknowledge_feed("nobody", events[2].cursor)
        .await
        .expect("ignored");
    assert_eq!(depth().await, 3, "the slow one still wants them");
    engine
        .acknowledge_feed("slow", events[0].cursor)
        .await
        .expect("acknowledge");
    assert_eq!(depth().await, 2);
    assert_eq!(bench.feed(events[0].cursor).await.len(), 2);
    let page = engine.fetch_feed(start, 10).await.expect("page");
    assert!(page.gap, "what was removed is not known any more");
    assert_eq!(page.events, events[1..]);
    engine
        .acknowledge_feed("slow", events[2].cursor)
        .await
        .expect("acknowledge");
    assert_eq!(depth().await, 0);
    assert!(engine.fetch_feed(start, 10).await.expect("page").gap);
    assert_eq!(bench.feed(events[2].cursor).await, vec![]);
}

pub(crate) async fn followers_stand_on_their_own(mut bench: Bench) {
    let t = keyed(&mut bench).await;
    let first = follow(&bench, "first").await;
    bench.insert(&t, rows![[1, "a"], [2, "b"]]).await;
    let second = follow(&bench, "second").await;
    bench.insert(&t, rows![[3, "c"]]).await;
    assert_eq!(bench.feed(first).await.len(), 3);
    assert_eq!(bench.feed(second).await.len(), 1, "only what came after it");
    let events = bench.feed(first).await;
    let engine = bench.engine();
    engine
        .acknowledge_feed("first", events[1].cursor)
        .await
        .expect("acknowledge");
    assert_eq!(
        follow(&bench, "first").await,
        events[1].cursor,
        "a known one goes on"
    );
    engine
        .acknowledge_feed("first", events[0].cursor)
        .await
        .expect("acknowledge");
    assert_eq!(
        follow(&bench, "first").await,
        events[1].cursor,
        "and never back"
    );
}

pub(crate) async fn a_cursor_of_another_timeline_is_a_gap(mut bench: Bench) {
    let t = keyed(&mut bench).await;
    let cursor = follow(&bench, "f").await;
    bench.insert(&t, rows![[1, "a"]]).await;
    let other = FeedCursor {
        at: Position {
            timeline: cursor.at.timeline + 1,
            p: cursor.at.p,
        },
        ordinal: 0,
    };
    let page = bench.engine().fetch_feed(other, 10).await.expect("page");
    assert!(page.gap);
    assert_eq!(bench.rows(select(&t, &["id"])).await, rows![[1]]);
}

pub(crate) async fn the_feed_outlives_the_engine(mut bench: Bench) {
    if !bench.capabilities.persistent {
        return;
    }
    let t = keyed(&mut bench).await;
    let cursor = follow(&bench, "f").await;
    bench.insert(&t, rows![[1, "a"]]).await;
    let before = bench.feed(cursor).await;
    bench.reopen().await;
    assert_eq!(follow(&bench, "f").await, cursor);
    bench
        .change(update(&t, Filter::Const(true), vec![(1, Value::Null)]))
        .await;
    let after = bench.feed(cursor).await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1].seq, before[0].seq + 1, "counted on");
}

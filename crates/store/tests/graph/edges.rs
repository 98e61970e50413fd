//! Edges, lists and counts.

use crate::bench::{Bench, NOW, edge, node};
use pando_store::graph::{Direction, EdgeRange};
use pando_store::precondition::{Precondition, Versions};
use pando_store::{StoreConfig, operation::Operation};

#[tokio::test]
async fn an_edge_is_seen_from_both_ends_and_counted_once() {
    let bench = Bench::new().await;
    bench.nodes(&["a", "b"]).await;
    let stored = bench
        .try_put_edge("a", "k", "b", 5, r#"{"w":1}"#)
        .await
        .unwrap();
    assert!(stored.created);
    let again = bench
        .try_put_edge("a", "k", "b", 6, r#"{"w":2}"#)
        .await
        .unwrap();
    assert!(!again.created);
    let found = bench.get_edge("a", "k", "b").await.unwrap();
    assert_eq!(
        (found.at_us, found.body.as_str(), found.version),
        (6, r#"{"w": 2}"#, again.version)
    );
    assert_eq!(bench.get_edge("b", "k", "a").await, None);
    for (id, direction) in [("a", Direction::Out), ("b", Direction::In)] {
        let range = EdgeRange {
            direction,
            ..EdgeRange::default()
        };
        assert_eq!(
            bench.list(id, &range).await.unwrap().edges,
            vec![found.clone()]
        );
        assert_eq!(bench.count(id, "k", direction).await, 1);
        assert_eq!(bench.count(id, "k", direction.inverse()).await, 0);
        assert_eq!(bench.count(id, "other", direction).await, 0);
    }
    bench.is_whole().await;
    assert!(bench.delete_edge("a", "k", "b").await);
    assert!(!bench.delete_edge("a", "k", "b").await);
    assert_eq!(bench.count("b", "k", Direction::In).await, 0);
    bench.is_whole().await;
}

#[tokio::test]
async fn an_edge_without_a_time_is_of_now_and_a_loop_is_one_edge() {
    let bench = Bench::new().await;
    bench.nodes(&["a"]).await;
    let own = edge("a", "k", "a");
    let put = bench
        .store
        .graph_put_edge(&own, None, None, Precondition::default());
    bench.done(put.await.unwrap()).await.unwrap();
    let found = bench.get_edge("a", "k", "a").await.unwrap();
    assert_eq!((found.at_us, found.body.as_str()), (NOW, "{}"));
    assert_eq!(bench.count("a", "k", Direction::Out).await, 1);
    assert_eq!(bench.count("a", "k", Direction::In).await, 1);
    bench.is_whole().await;
    assert!(bench.delete_edge("a", "k", "a").await);
    bench.is_whole().await;
}

#[tokio::test]
async fn an_edge_needs_both_of_its_nodes() {
    let bench = Bench::new().await;
    bench.nodes(&["a"]).await;
    for (from, to, what) in [("a", "b", "to"), ("b", "a", "from"), ("b", "b", "from")] {
        let refused = bench
            .try_put_edge(from, "k", to, 1, "{}")
            .await
            .unwrap_err();
        assert_eq!(refused.code, "conflict");
        assert!(refused.message.contains(what), "{refused}");
    }
    bench.is_whole().await;
}

#[tokio::test]
async fn an_edge_is_written_only_at_the_version_that_is_known() {
    let bench = Bench::new().await;
    bench.nodes(&["a", "b"]).await;
    let absent = || Precondition {
        if_match: None,
        if_none_match: Some(Versions::Any),
    };
    let there = || Precondition {
        if_match: Some(Versions::Any),
        if_none_match: None,
    };
    let key = edge("a", "k", "b");
    for (precondition, passes) in [
        (there(), false),
        (absent(), true),
        (absent(), false),
        (there(), true),
    ] {
        let put = bench
            .store
            .graph_put_edge(&key, Some(1), None, precondition)
            .await
            .unwrap();
        let done = bench.done(put).await;
        assert_eq!(done.is_ok(), passes, "{done:?}");
    }
    let delete = bench.store.graph_delete_edge(&key, absent());
    assert_eq!(
        bench.done(delete).await.unwrap_err().code,
        "precondition_failed"
    );
}

/// The ends of the edges of [`hub`], the newest first.
const IN_ORDER: [&str; 8] = ["b7", "b0", "b1", "b2", "b3", "b4", "b5", "b6"];

/// Lists are cut at three; `a` has eight edges, five of one moment, so that a page ends within it.
async fn hub() -> Bench {
    let bench = Bench::with(StoreConfig {
        max_rows: 3,
        ..StoreConfig::default()
    })
    .await;
    bench
        .nodes(&["a", "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"])
        .await;
    let times = [7, 5, 5, 5, 5, 5, 3, 9];
    for (place, at) in times.iter().enumerate() {
        bench
            .try_put_edge("a", "k", &format!("b{place}"), *at, "{}")
            .await
            .unwrap();
    }
    bench
}

#[tokio::test]
async fn pages_of_edges_go_from_new_to_old_and_leave_none_out() {
    let bench = hub().await;
    for limit in [Some(1), Some(2), Some(3), Some(4), None] {
        let mut range = EdgeRange {
            limit,
            ..EdgeRange::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = bench.list("a", &range).await.unwrap();
            assert!(page.edges.len() <= 3);
            let is_cut = page.cursor.is_some() && limit.is_none_or(|limit| limit > 3);
            assert_eq!(page.truncated, is_cut);
            seen.extend(page.edges.into_iter().map(|edge| edge.to));
            match page.cursor {
                Some(cursor) => range.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(seen, IN_ORDER, "pages of {limit:?}");
    }
    let nobody = bench.list("nobody", &EdgeRange::default()).await.unwrap();
    assert_eq!(nobody.edges, vec![]);
}

#[tokio::test]
async fn edges_are_listed_from_behind_a_moment_and_up_to_one() {
    let bench = hub().await;
    for (after_us, before_us, ids) in [
        (Some(5), None, &IN_ORDER[..2]),
        (None, Some(5), &IN_ORDER[7..]),
        (Some(3), Some(7), &IN_ORDER[2..5]),
        (Some(9), None, &[]),
    ] {
        let range = EdgeRange {
            after_us,
            before_us,
            ..EdgeRange::default()
        };
        let page = bench.list("a", &range).await.unwrap();
        let found: Vec<_> = page.edges.iter().map(|edge| edge.to.as_str()).collect();
        assert_eq!(found, ids, "after {after_us:?} before {before_us:?}");
    }
}

#[tokio::test]
async fn a_cursor_goes_on_in_its_own_list_only() {
    let bench = hub().await;
    let first = EdgeRange {
        limit: Some(1),
        ..EdgeRange::default()
    };
    let foreign = EdgeRange {
        direction: Direction::In,
        cursor: bench.list("a", &first).await.unwrap().cursor,
        ..EdgeRange::default()
    };
    assert!(foreign.cursor.is_some());
    let refused = bench.list("a", &foreign).await.unwrap_err();
    assert_eq!(refused.code, "malformed");
}

#[tokio::test]
async fn several_operations_at_once_see_each_other_and_go_together() {
    let bench = Bench::new().await;
    let none = Precondition::default;
    let store = &bench.store;
    let put = |id: &'static str| async move {
        let put = store.graph_put_node(&node(id), "n", None, none()).await;
        put.unwrap().map(|_| Ok(0))
    };
    let link = |to: &'static str| async move {
        let put = store
            .graph_put_edge(&edge("a", "k", to), Some(1), None, none())
            .await;
        put.unwrap().map(|_| Ok(0))
    };
    let count = || {
        store
            .graph_count_edges(&node("a"), "k", Direction::Out)
            .unwrap()
    };
    let all = vec![
        put("a").await,
        put("b").await,
        link("b").await,
        count(),
        link("a").await,
        count(),
    ];
    let counted = bench.done(Operation::all(all, |_| {})).await.unwrap();
    assert_eq!(counted, [0, 0, 0, 1, 0, 2]);
    let broken = vec![put("c").await, link("c").await, link("nobody").await];
    let refused = bench
        .done(Operation::all(broken, |_| {}))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "conflict");
    assert_eq!(bench.get_node("c").await, None);
    assert_eq!(bench.count("a", "k", Direction::Out).await, 2);
    bench.is_whole().await;
}

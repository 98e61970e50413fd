//! Nodes.

use crate::bench::{Bench, node};
use pando_store::graph::{Direction, NodeKey, NodePatch, REMOVED_EDGES_MAX};
use pando_store::precondition::{Precondition, Versions};

#[tokio::test]
async fn a_node_is_what_was_put_last() {
    let bench = Bench::new().await;
    let first = bench
        .put_node("a", "person", r#"{"name":"Ada", "n": 1.50}"#)
        .await;
    assert!(first.created);
    let found = bench.get_node("a").await.unwrap();
    assert_eq!((found.id.as_str(), found.kind.as_str()), ("a", "person"));
    assert_eq!(found.body, r#"{"n": 1.5, "name": "Ada"}"#);
    let second = bench.put_node("a", "robot", "7").await;
    assert!(!second.created && second.version > first.version);
    let found = bench.get_node("a").await.unwrap();
    assert_eq!((found.kind.as_str(), found.body.as_str()), ("robot", "7"));
    assert_eq!(found.version, second.version);
    assert_eq!(bench.get_node("b").await, None);
    let elsewhere = bench.store.graph_node(&NodeKey::new("h", "a").unwrap());
    assert_eq!(bench.done(elsewhere).await, Ok(None));
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let bench = Bench::new().await;
    let body = |text: &str| NodePatch {
        body: Some(text.to_owned()),
        ..NodePatch::default()
    };
    bench
        .put_node("a", "person", r#"{"x": {"y": 1, "z": 2}}"#)
        .await;
    for (patch, kind, left) in [
        (
            body(r#"{"x":{"y":null},"w":[1]}"#),
            "person",
            r#"{"w": [1], "x": {"z": 2}}"#,
        ),
        (
            NodePatch {
                kind: Some("dog".into()),
                body: None,
            },
            "dog",
            r#"{"w": [1], "x": {"z": 2}}"#,
        ),
        (NodePatch::default(), "dog", r#"{"w": [1], "x": {"z": 2}}"#),
        (body("null"), "dog", "{}"),
    ] {
        let patched = bench.patch_node("a", patch).await.unwrap();
        assert_eq!((patched.kind.as_str(), patched.body.as_str()), (kind, left));
        assert_eq!(bench.get_node("a").await, Some(patched));
    }
    let nobody = bench.patch_node("b", body("{}")).await.unwrap_err();
    assert_eq!(nobody.code, "not_found");
    let wrong = bench.patch_node("a", body("{")).await.unwrap_err();
    assert_eq!(wrong.code, "malformed");
}

#[tokio::test]
async fn a_write_happens_only_to_the_version_that_is_known() {
    let bench = Bench::new().await;
    let version = bench.put_node("a", "k", "{}").await.version;
    let only = |versions| Precondition {
        if_match: Some(versions),
        if_none_match: None,
    };
    let absent = Precondition {
        if_match: None,
        if_none_match: Some(Versions::Any),
    };
    let old = Versions::Listed(vec![Some(version - 1)]);
    let node_a = node("a");
    let put = |precondition| bench.store.graph_put_node(&node_a, "k", None, precondition);
    for precondition in [absent, only(old.clone())] {
        let refused = bench
            .done(put(precondition).await.unwrap())
            .await
            .unwrap_err();
        assert_eq!(refused.code, "precondition_failed");
    }
    let delete = bench.store.graph_delete_node(&node_a, only(old));
    assert_eq!(
        bench.done(delete).await.unwrap_err().code,
        "precondition_failed"
    );
    let put = put(only(Versions::Listed(vec![Some(version)])))
        .await
        .unwrap();
    assert!(!bench.done(put).await.unwrap().created);
}

#[tokio::test]
async fn a_node_goes_with_its_edges_their_inverses_and_their_counts() {
    let bench = Bench::new().await;
    bench.nodes(&["a", "b", "c", "d"]).await;
    bench
        .edges(&[
            ("a", "b"),
            ("b", "a"),
            ("a", "c"),
            ("a", "a"),
            ("d", "a"),
            ("d", "b"),
            ("c", "b"),
        ])
        .await;
    bench
        .try_put_edge("c", "other", "a", 1, "{}")
        .await
        .unwrap();
    bench.is_whole().await;
    assert_eq!(bench.delete_node("a").await, Ok(true));
    assert_eq!(bench.delete_node("a").await, Ok(false));
    bench.is_whole().await;
    for (id, direction, count) in [
        ("a", Direction::Out, 0),
        ("a", Direction::In, 0),
        ("b", Direction::Out, 0),
        ("b", Direction::In, 2),
        ("c", Direction::Out, 1),
        ("d", Direction::Out, 1),
    ] {
        assert_eq!(
            bench.count(id, "k", direction).await,
            count,
            "{id} {direction:?}"
        );
    }
    assert_eq!(bench.get_edge("d", "k", "a").await, None);
    // One that comes back has none of them.
    bench.nodes(&["a"]).await;
    assert_eq!(bench.count("a", "k", Direction::In).await, 0);
    bench.is_whole().await;
}

#[tokio::test]
async fn a_node_with_too_many_edges_goes_once_some_of_them_have_gone() {
    let bench = Bench::new().await;
    let many = REMOVED_EDGES_MAX + 1;
    bench.nodes(&["hub"]).await;
    let mut all = Vec::new();
    for place in 0..many {
        let other = format!("n{place:05}");
        let none = Precondition::default;
        let put = bench
            .store
            .graph_put_node(&node(&other), "n", None, none())
            .await;
        all.push(put.unwrap().map(|_| Ok(())));
        let key = crate::bench::edge("hub", "k", &other);
        let put = bench
            .store
            .graph_put_edge(&key, Some(place as i64), None, none())
            .await;
        all.push(put.unwrap().map(|_| Ok(())));
    }
    bench
        .done(pando_store::operation::Operation::all(all, |_| {}))
        .await
        .unwrap();
    let refused = bench.delete_node("hub").await.unwrap_err();
    assert_eq!(refused.code, "conflict");
    assert!(refused.hint.unwrap().contains("DELETE"));
    assert_eq!(bench.count("hub", "k", Direction::Out).await, many);
    let some = bench
        .store
        .graph_delete_edges(&node("hub"), "k", Direction::Out, Some(5));
    let detached = bench.done(some.unwrap()).await.unwrap();
    assert_eq!((detached.deleted, detached.left), (5, many - 5));
    // The newest ones have gone.
    assert_eq!(bench.get_edge("hub", "k", "n10000").await, None);
    assert!(bench.get_edge("hub", "k", "n00000").await.is_some());
    assert_eq!(bench.count("hub", "k", Direction::Out).await, many - 5);
    assert_eq!(bench.delete_node("hub").await, Ok(true));
    bench.is_whole().await;
}

#[tokio::test]
async fn names_have_their_limits() {
    let bench = Bench::new().await;
    for (graph, id) in [
        ("", "a"),
        ("g", ""),
        ("g", "a\0b"),
        ("g", &"x".repeat(1_025)),
    ] {
        assert_eq!(NodeKey::new(graph, id).unwrap_err().code, "malformed");
    }
    let key = node("a");
    for (kind, body) in [
        ("", "{}"),
        (&*"k".repeat(256), "{}"),
        ("k", "{"),
        ("k", "\"\\u0000\""),
    ] {
        let none = Precondition::default();
        let put = bench.store.graph_put_node(&key, kind, Some(body), none);
        let refused = crate::bench::refusal(put.await.err().unwrap());
        assert_eq!(refused.code, "malformed", "{kind} {body}");
    }
}

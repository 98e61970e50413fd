//! Traversals: what is reached, by which ways, under which conditions, within which bounds.

use crate::bench::Bench;
use pando_model::plan::{Comparison, JsonStep};
use pando_store::graph::{Direction, Hop, Traversal, Traversed, Wanted};
use pando_store::request::{Condition, Field, Operand, Test};

/// `name=op.value`.
fn is(name: &str, op: Comparison, value: &str) -> Condition {
    Condition::Test {
        field: Field {
            name: name.to_owned(),
            path: Vec::new(),
            as_text: false,
        },
        negated: false,
        test: Test::Compare(op, Operand::One(value.to_owned())),
    }
}

fn hop() -> Hop {
    Hop {
        kind: "k".to_owned(),
        ..Hop::default()
    }
}

async fn traverse(bench: &Bench, from: &[&str], hops: Vec<Hop>, wanted: Wanted) -> Traversed {
    let asked = Traversal {
        from: from.iter().map(|id| (*id).to_owned()).collect(),
        hops,
        wanted,
        ..Traversal::default()
    };
    bench
        .done(bench.store.graph_traverse("g", &asked).unwrap())
        .await
        .unwrap()
}

fn ids(traversed: &Traversed) -> Vec<&str> {
    traversed
        .nodes
        .iter()
        .map(|node| node.id.as_str())
        .collect()
}

#[tokio::test]
async fn a_traversal_reaches_each_node_once_newest_edges_first() {
    let bench = Bench::with_two_hubs().await;
    for (from, hops, expected) in [
        (&["a"][..], vec![hop()], &["d", "c", "b"][..]),
        (&["a"], vec![hop(), hop()], &["a", "e", "f"]),
        (&["a"], vec![hop(), hop(), hop()], &["d", "c", "b", "g"]),
        (&["a", "b", "a"], vec![hop()], &["d", "c", "b", "f", "e"]),
        (
            &["e"],
            vec![Hop {
                direction: Direction::In,
                ..hop()
            }],
            &["c", "b"],
        ),
        (
            &["a"],
            vec![
                Hop {
                    limit: Some(1),
                    ..hop()
                },
                hop(),
            ],
            &["a"],
        ),
        (
            &["a", "b"],
            vec![Hop {
                limit: Some(1),
                ..hop()
            }],
            &["d", "f"],
        ),
        (&["g"], vec![hop(), hop()], &[]),
        (&["nobody"], vec![hop()], &[]),
    ] {
        let nodes = traverse(&bench, from, hops.clone(), Wanted::Nodes).await;
        assert_eq!(ids(&nodes), expected, "{from:?} {hops:?}");
        assert!(!nodes.bounded && !nodes.truncated);
        let count = traverse(&bench, from, hops, Wanted::Count).await;
        assert_eq!((count.count, count.nodes.len()), (expected.len() as u64, 0));
    }
}

#[tokio::test]
async fn paths_are_all_ways_that_reach_the_end() {
    let bench = Bench::with_two_hubs().await;
    let paths = traverse(&bench, &["a"], vec![hop(), hop()], Wanted::Paths)
        .await
        .paths;
    assert_eq!(
        paths,
        [
            ["a", "d", "a"],
            ["a", "c", "e"],
            ["a", "b", "f"],
            ["a", "b", "e"]
        ]
    );
    let paths = traverse(
        &bench,
        &["a"],
        vec![hop(), hop(), hop(), hop()],
        Wanted::Paths,
    )
    .await
    .paths;
    let ends: Vec<_> = paths.iter().map(|path| path.join("")).collect();
    assert_eq!(ends, ["adada", "adace", "adabf", "adabe"]);
    let asked = Traversal {
        from: vec!["a".into()],
        hops: vec![hop(), hop()],
        wanted: Wanted::Paths,
        limit: Some(2),
        ..Traversal::default()
    };
    let some = bench
        .done(bench.store.graph_traverse("g", &asked).unwrap())
        .await
        .unwrap();
    assert_eq!(some.paths.len(), 2);
    assert!(!some.truncated, "it was asked for");
}

/// What lies behind `a`: edges of a since, nodes of an age.
async fn aged() -> Bench {
    let bench = Bench::new().await;
    for (id, kind, body) in [
        ("a", "person", "{}"),
        ("b", "person", r#"{"age":30,"city":{"name":"Seoul"}}"#),
        ("c", "place", r#"{"age":9}"#),
        ("d", "person", r#"{"age":"30"}"#),
    ] {
        bench.put_node(id, kind, body).await;
    }
    for (to, at, body) in [
        ("b", 1, r#"{"since":4}"#),
        ("c", 2, r#"{"since":10}"#),
        ("d", 3, r#"{"since":6}"#),
    ] {
        bench.try_put_edge("a", "k", to, at, body).await.unwrap();
    }
    bench
}

#[tokio::test]
async fn conditions_are_on_edges_and_on_the_nodes_reached() {
    use Comparison::{Eq, Gt, Lt, Ne};
    let bench = aged().await;
    let city = Condition::Test {
        field: Field {
            name: "city".into(),
            path: vec![JsonStep::Key("name".into())],
            as_text: true,
        },
        negated: false,
        test: Test::Compare(Eq, Operand::One("Seoul".into())),
    };
    let either = Condition::Or(false, vec![is("id", Eq, "c"), is("age", Eq, "30")]);
    let late = is("at", Gt, "1970-01-01T00:00:00.000001Z");
    let edge = |condition: Condition, limit, expected: &'static [&str]| {
        let edge = vec![condition];
        (
            Hop {
                edge,
                limit,
                ..hop()
            },
            expected,
        )
    };
    let node = |condition: Condition, limit, expected: &'static [&str]| {
        let node = vec![condition];
        (
            Hop {
                node,
                limit,
                ..hop()
            },
            expected,
        )
    };
    let both = Hop {
        edge: vec![is("since", Gt, "5")],
        node: vec![is("kind", Ne, "place")],
        ..hop()
    };
    for (hop, expected) in [
        edge(is("since", Gt, "5"), None, &["d", "c"]),
        edge(is("since", Gt, "5"), Some(1), &["d"]),
        edge(is("since", Lt, "5"), Some(1), &["b"]),
        edge(late, None, &["d", "c"]),
        node(is("kind", Eq, "person"), None, &["d", "b"]),
        node(is("age", Eq, "30"), None, &["b"]),
        node(is("age", Eq, "\"30\""), None, &["d"]),
        node(city, None, &["b"]),
        node(either, None, &["c", "b"]),
        // The newest edge leads to one that does not pass.
        node(is("age", Eq, "30"), Some(1), &[]),
        (both, &["d"][..]),
    ] {
        let found = traverse(&bench, &["a"], vec![hop.clone()], Wanted::Nodes).await;
        assert_eq!(ids(&found), expected, "{hop:?}");
    }
}

#[tokio::test]
async fn hops_that_cannot_be_taken_are_refused() {
    let bench = aged().await;
    let too_many = vec![is("kind", Comparison::Eq, "x"); 101];
    let part = Condition::Test {
        field: Field {
            name: "kind".into(),
            path: vec![JsonStep::Key("x".into())],
            as_text: true,
        },
        negated: false,
        test: Test::In(vec!["x".into()]),
    };
    let asking = |node| vec![Hop { node, ..hop() }];
    let none = Hop {
        limit: Some(0),
        ..hop()
    };
    for hops in [
        vec![],
        vec![hop(); 17],
        asking(too_many),
        asking(vec![part]),
        vec![none],
    ] {
        let asked = Traversal {
            from: vec!["a".into()],
            hops,
            ..Traversal::default()
        };
        let refused = bench.store.graph_traverse("g", &asked).err().unwrap();
        assert_eq!(refused.code, "malformed");
    }
}

#[tokio::test]
async fn a_traversal_that_met_its_bound_says_so() {
    let bench = Bench::with_two_hubs().await;
    let asked = |hops: Vec<Hop>, max_visited| Traversal {
        from: vec!["a".into()],
        hops,
        max_visited: Some(max_visited),
        ..Traversal::default()
    };
    for (hops, max_visited, bounded) in [
        (vec![hop()], 3, false),
        (vec![hop()], 2, true),
        (vec![hop(), hop()], 7, false),
        (vec![hop(), hop()], 6, true),
        (vec![hop(), hop()], 3, true),
        (
            vec![Hop {
                limit: Some(2),
                ..hop()
            }],
            2,
            false,
        ),
        (
            vec![Hop {
                limit: Some(2),
                ..hop()
            }],
            1,
            true,
        ),
        (
            vec![Hop {
                edge: vec![is("x", Comparison::Eq, "1")],
                limit: Some(1),
                ..hop()
            }],
            2,
            true,
        ),
    ] {
        let asked = asked(hops, max_visited);
        let found = bench
            .done(bench.store.graph_traverse("g", &asked).unwrap())
            .await
            .unwrap();
        assert_eq!(found.bounded, bounded, "{asked:?}");
    }
}

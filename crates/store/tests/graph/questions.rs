//! Traversals, paths, recommendations, neighbours in common, cycles.

use crate::bench::Bench;
use pando_model::plan::{Comparison, JsonStep};
use pando_store::graph::{
    CommonQuestion, CyclesQuestion, Direction, Hop, PathQuestion, RecommendQuestion, Traversal,
    Traversed, Wanted,
};
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

/// Two hubs and what hangs on them: a → b, c, d; b → e, f; c → e; d → a; e → g.
async fn world() -> Bench {
    let bench = Bench::new().await;
    bench.nodes(&["a", "b", "c", "d", "e", "f", "g"]).await;
    bench
        .edges(&[
            ("a", "b"),
            ("a", "c"),
            ("a", "d"),
            ("b", "e"),
            ("b", "f"),
            ("c", "e"),
            ("d", "a"),
            ("e", "g"),
        ])
        .await;
    bench
}

#[tokio::test]
async fn a_traversal_reaches_each_node_once_newest_edges_first() {
    let bench = world().await;
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
    let bench = world().await;
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

#[tokio::test]
async fn conditions_are_on_edges_and_on_the_nodes_reached() {
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
    let city = Condition::Test {
        field: Field {
            name: "city".into(),
            path: vec![JsonStep::Key("name".into())],
            as_text: true,
        },
        negated: false,
        test: Test::Compare(Comparison::Eq, Operand::One("Seoul".into())),
    };
    let either = Condition::Or(
        false,
        vec![
            is("id", Comparison::Eq, "c"),
            is("age", Comparison::Eq, "30"),
        ],
    );
    let any: Vec<Condition> = Vec::new();
    for (edge, node, limit, expected) in [
        (
            vec![is("since", Comparison::Gt, "5")],
            any.clone(),
            None,
            &["d", "c"][..],
        ),
        (
            vec![is("since", Comparison::Gt, "5")],
            any.clone(),
            Some(1),
            &["d"],
        ),
        (
            vec![is("since", Comparison::Lt, "5")],
            any.clone(),
            Some(1),
            &["b"],
        ),
        (
            vec![is("at", Comparison::Gt, "1970-01-01T00:00:00.000001Z")],
            any.clone(),
            None,
            &["d", "c"],
        ),
        (
            any.clone(),
            vec![is("kind", Comparison::Eq, "person")],
            None,
            &["d", "b"],
        ),
        (
            any.clone(),
            vec![is("age", Comparison::Eq, "30")],
            None,
            &["b"],
        ),
        (
            any.clone(),
            vec![is("age", Comparison::Eq, "\"30\"")],
            None,
            &["d"],
        ),
        (any.clone(), vec![city], None, &["b"]),
        (any.clone(), vec![either], None, &["c", "b"]),
        // The newest edge leads to one that does not pass.
        (
            any.clone(),
            vec![is("age", Comparison::Eq, "30")],
            Some(1),
            &[],
        ),
        (
            vec![is("since", Comparison::Gt, "5")],
            vec![is("kind", Comparison::Ne, "place")],
            None,
            &["d"],
        ),
    ] {
        let hops = vec![Hop {
            edge,
            node,
            limit,
            ..hop()
        }];
        let found = traverse(&bench, &["a"], hops.clone(), Wanted::Nodes).await;
        assert_eq!(ids(&found), expected, "{hops:?}");
    }
    let wrong = Hop {
        node: vec![is("kind", Comparison::Eq, "x"); 101],
        ..hop()
    };
    let part = Field {
        name: "kind".into(),
        path: vec![JsonStep::Key("x".into())],
        as_text: true,
    };
    let part = Condition::Test {
        field: part,
        negated: false,
        test: Test::In(vec!["x".into()]),
    };
    for hops in [
        vec![],
        vec![hop(); 17],
        vec![wrong],
        vec![Hop {
            node: vec![part],
            ..hop()
        }],
        vec![Hop {
            limit: Some(0),
            ..hop()
        }],
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
async fn a_question_that_met_its_bound_says_so() {
    let bench = world().await;
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
    let path = PathQuestion {
        from: "a".into(),
        to: "g".into(),
        max_visited: Some(1),
        ..PathQuestion::default()
    };
    let found = bench
        .done(bench.store.graph_path("g", &path).unwrap())
        .await
        .unwrap();
    assert!(found.path.is_none() && found.bounded);
    let cycles = CyclesQuestion {
        node: "a".into(),
        max_visited: Some(3),
        ..CyclesQuestion::default()
    };
    let found = bench
        .done(bench.store.graph_cycles("g", &cycles).unwrap())
        .await
        .unwrap();
    assert!(found.bounded);
}

#[tokio::test]
async fn the_shortest_path_is_found_or_there_is_none() {
    let bench = world().await;
    bench.try_put_edge("a", "fast", "g", 1, "{}").await.unwrap();
    let only = || Some(vec!["k".to_owned()]);
    for (from, to, kinds, max_depth, expected) in [
        ("a", "g", None, None, Some("ag")),
        ("a", "g", only(), None, Some("abeg")),
        ("a", "g", only(), Some(3), Some("abeg")),
        ("a", "g", only(), Some(2), None),
        ("a", "e", None, None, Some("abe")),
        ("d", "f", None, None, Some("dabf")),
        ("a", "a", None, None, Some("a")),
        ("g", "a", None, None, None),
        ("a", "nobody", None, None, None),
        ("nobody", "nobody", None, None, None),
        ("a", "g", Some(vec!["none".into()]), None, None),
    ] {
        let asked = PathQuestion {
            from: from.into(),
            to: to.into(),
            kinds,
            max_depth,
            max_visited: None,
        };
        let found = bench
            .done(bench.store.graph_path("g", &asked).unwrap())
            .await
            .unwrap();
        assert_eq!(
            found.path.map(|path| path.join("")).as_deref(),
            expected,
            "{asked:?}"
        );
        assert!(!found.bounded);
    }
    let deep = PathQuestion {
        from: "a".into(),
        to: "g".into(),
        max_depth: Some(33),
        ..PathQuestion::default()
    };
    assert_eq!(
        bench.store.graph_path("g", &deep).err().unwrap().code,
        "malformed"
    );
}

#[tokio::test]
async fn what_most_neighbours_lead_to_is_recommended_first() {
    let bench = world().await;
    let asked = |node: &str, onward, limit| RecommendQuestion {
        node: node.into(),
        kind: "k".into(),
        onward,
        limit,
        ..RecommendQuestion::default()
    };
    bench.edges(&[("d", "c"), ("d", "e"), ("d", "g")]).await;
    for (node, onward, limit, expected) in [
        // b, c and d lead to e; d leads to a itself and to c, which is a neighbour.
        ("a", None, None, "e3 f1 g1"),
        ("a", None, Some(1), "e3"),
        // Who leads where a leads: d to c, but it is a neighbour.
        ("a", Some(Direction::In), None, ""),
        ("c", Some(Direction::In), None, "b1 d1"),
        ("nobody", None, None, ""),
    ] {
        let asked = asked(node, onward, limit);
        let found = bench
            .done(bench.store.graph_recommend("g", &asked).unwrap())
            .await
            .unwrap();
        let found: Vec<_> = found
            .nodes
            .iter()
            .map(|(node, score)| format!("{}{score}", node.id))
            .collect();
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(found, expected, "{asked:?}");
    }
}

#[tokio::test]
async fn common_neighbours_are_those_of_all() {
    let bench = world().await;
    let asked = |nodes: &[&str], direction| CommonQuestion {
        nodes: nodes.iter().map(|id| (*id).to_owned()).collect(),
        kind: "k".into(),
        direction,
        ..CommonQuestion::default()
    };
    for (nodes, direction, expected) in [
        (&["b", "c"][..], Direction::Out, "e"),
        (&["b", "c"], Direction::In, "a"),
        (&["b", "c", "d"], Direction::In, "a"),
        (&["a", "b"], Direction::Out, ""),
        (&["e", "f"], Direction::In, "b"),
    ] {
        let asked = asked(nodes, direction);
        let found = bench
            .done(bench.store.graph_common("g", &asked).unwrap())
            .await
            .unwrap();
        let found: String = found.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(found, expected, "{asked:?}");
    }
    for nodes in [&["a"][..], &["a", "a"]] {
        let refused = bench
            .store
            .graph_common("g", &asked(nodes, Direction::Out))
            .err()
            .unwrap();
        assert_eq!(refused.code, "malformed");
    }
}

#[tokio::test]
async fn cycles_come_the_shortest_first_and_pass_no_node_twice() {
    let bench = world().await;
    bench
        .edges(&[("g", "a"), ("f", "a"), ("g", "b"), ("c", "c")])
        .await;
    for (node, max_depth, limit, expected) in [
        ("a", None, None, "ada abfa abega acega acegbfa"),
        ("a", Some(2), None, "ada"),
        ("a", None, Some(2), "ada abfa"),
        ("c", None, None, "cc cegac cegbfac"),
        ("b", Some(3), None, "bfab begb"),
        ("nobody", None, None, ""),
    ] {
        let asked = CyclesQuestion {
            node: node.into(),
            max_depth,
            limit,
            ..CyclesQuestion::default()
        };
        let found = bench
            .done(bench.store.graph_cycles("g", &asked).unwrap())
            .await
            .unwrap();
        let found: Vec<_> = found.cycles.iter().map(|cycle| cycle.join("")).collect();
        let mut expected: Vec<_> = expected.split_whitespace().collect();
        expected.sort_by_key(|cycle| (cycle.len(), *cycle));
        assert_eq!(found, expected, "{asked:?}");
    }
}

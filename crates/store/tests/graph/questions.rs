//! Paths, recommendations, neighbours in common, cycles.

use crate::bench::Bench;
use pando_store::graph::{
    CommonQuestion, CyclesQuestion, Direction, PathQuestion, RecommendQuestion,
};

#[tokio::test]
async fn the_shortest_path_is_found_or_there_is_none() {
    let bench = Bench::with_two_hubs().await;
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
async fn a_search_that_met_its_bound_says_so() {
    let bench = Bench::with_two_hubs().await;
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
async fn what_most_neighbours_lead_to_is_recommended_first() {
    let bench = Bench::with_two_hubs().await;
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
    let bench = Bench::with_two_hubs().await;
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
    let bench = Bench::with_two_hubs().await;
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

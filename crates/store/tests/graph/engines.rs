//! Random verbs on both engines and on a naive graph: all three agree after each of them.

use crate::bench::{Bench, edge, node};
use crate::naive::Naive;
use pando_engine_memory::MemoryEngine;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::ManualClock;
use pando_store::StoreConfig;
use pando_store::graph::{
    CyclesQuestion, Direction, EdgeRange, Hop, PathQuestion, RecommendQuestion, Traversal,
};
use pando_store::precondition::Precondition;
use proptest::prelude::*;

const IDS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "가"];
const KINDS: [&str; 2] = ["k", "l"];
const DEPTH: u64 = 4;

#[derive(Clone, Debug)]
enum Verb {
    PutNode(usize),
    DeleteNode(usize),
    PutEdge(usize, usize, usize, i64),
    DeleteEdge(usize, usize, usize),
    /// The newest so many, of a node, in a direction.
    DeleteEdges(usize, usize, bool, u64),
}

fn verb() -> impl Strategy<Value = Verb> {
    let (id, kind) = (0..IDS.len(), 0..KINDS.len());
    prop_oneof![
        4 => id.clone().prop_map(Verb::PutNode),
        1 => id.clone().prop_map(Verb::DeleteNode),
        12 => (id.clone(), kind.clone(), id.clone(), 0..4i64)
            .prop_map(|(from, kind, to, at)| Verb::PutEdge(from, kind, to, at)),
        2 => (id.clone(), kind.clone(), id.clone())
            .prop_map(|(from, kind, to)| Verb::DeleteEdge(from, kind, to)),
        1 => (id, kind, any::<bool>(), 0..4u64)
            .prop_map(|(id, kind, out, limit)| Verb::DeleteEdges(id, kind, out, limit)),
    ]
}

fn way(out: bool) -> Direction {
    if out { Direction::Out } else { Direction::In }
}

/// Does it to a store; what it answers, in words.
async fn done(bench: &Bench, verb: &Verb) -> String {
    let none = Precondition::default();
    match *verb {
        Verb::PutNode(id) => format!("{}", bench.put_node(IDS[id], "n", "{}").await.created),
        Verb::DeleteNode(id) => format!("{}", bench.delete_node(IDS[id]).await.unwrap()),
        Verb::PutEdge(from, kind, to, at) => {
            let key = edge(IDS[from], KINDS[kind], IDS[to]);
            let put = bench
                .store
                .graph_put_edge(&key, Some(at), None, none)
                .await
                .unwrap();
            match bench.done(put).await {
                Ok(stored) => format!("{:?}", Some(stored.created)),
                Err(refused) => {
                    assert_eq!(refused.code, "conflict");
                    format!("{:?}", None::<bool>)
                }
            }
        }
        Verb::DeleteEdge(from, kind, to) => {
            format!(
                "{}",
                bench.delete_edge(IDS[from], KINDS[kind], IDS[to]).await
            )
        }
        Verb::DeleteEdges(id, kind, out, limit) => {
            let key = node(IDS[id]);
            let some = bench
                .store
                .graph_delete_edges(&key, KINDS[kind], way(out), Some(limit));
            let gone = bench.done(some.unwrap()).await.unwrap();
            format!("{} {}", gone.deleted, gone.left)
        }
    }
}

fn done_naively(graph: &mut Naive, verb: &Verb) -> String {
    match *verb {
        Verb::PutNode(id) => graph.put_node(IDS[id], "n").to_string(),
        Verb::DeleteNode(id) => graph.delete_node(IDS[id]).to_string(),
        Verb::PutEdge(from, kind, to, at) => {
            format!("{:?}", graph.put_edge(IDS[from], KINDS[kind], IDS[to], at))
        }
        Verb::DeleteEdge(from, kind, to) => graph
            .delete_edge(IDS[from], KINDS[kind], IDS[to])
            .to_string(),
        Verb::DeleteEdges(id, kind, out, limit) => {
            let all = graph.neighbours(IDS[id], KINDS[kind], out);
            let gone: Vec<_> = all.iter().take(limit as usize).collect();
            for (_, other) in &gone {
                let (from, to) = if out {
                    (IDS[id], other.as_str())
                } else {
                    (other.as_str(), IDS[id])
                };
                graph.delete_edge(from, KINDS[kind], to);
            }
            format!("{} {}", gone.len(), all.len() - gone.len())
        }
    }
}

/// Everything that can be asked about one node, compared.
async fn agree(bench: &Bench, graph: &Naive, id: &str) {
    for kind in KINDS {
        for out in [true, false] {
            agree_on_edges(bench, graph, id, kind, out).await;
        }
        agree_on_what_is_reached(bench, graph, id, kind).await;
        agree_on_what_is_recommended(bench, graph, id, kind).await;
    }
    let asked = CyclesQuestion {
        node: id.to_owned(),
        max_depth: Some(DEPTH),
        ..CyclesQuestion::default()
    };
    let found = bench
        .done(bench.store.graph_cycles("g", &asked).unwrap())
        .await
        .unwrap();
    assert_eq!(
        found.cycles,
        graph.cycles(id, DEPTH as usize),
        "cycles of {id}"
    );
}

async fn agree_on_edges(bench: &Bench, graph: &Naive, id: &str, kind: &str, out: bool) {
    let expected = graph.neighbours(id, kind, out);
    let counted = bench
        .store
        .graph_count_edges(&node(id), kind, way(out))
        .unwrap();
    assert_eq!(bench.done(counted).await, Ok(expected.len() as u64));
    let range = EdgeRange {
        direction: way(out),
        ..EdgeRange::default()
    };
    let listed = bench
        .store
        .graph_list_edges(&node(id), kind, &range)
        .unwrap();
    let listed: Vec<_> = bench
        .done(listed)
        .await
        .unwrap()
        .edges
        .into_iter()
        .map(|edge| (edge.at_us, if out { edge.to } else { edge.from }))
        .collect();
    assert_eq!(listed, expected, "{id} {kind} {out}");
}

async fn agree_on_what_is_reached(bench: &Bench, graph: &Naive, id: &str, kind: &str) {
    for hops in 1..=3 {
        let hop = Hop {
            kind: kind.to_owned(),
            ..Hop::default()
        };
        let asked = Traversal {
            from: vec![id.to_owned()],
            hops: vec![hop; hops],
            ..Traversal::default()
        };
        let found = bench
            .done(bench.store.graph_traverse("g", &asked).unwrap())
            .await
            .unwrap();
        let found: Vec<_> = found.nodes.into_iter().map(|node| node.id).collect();
        assert_eq!(found, graph.reached(id, kind, hops), "{id} {kind} {hops}");
    }
}

async fn agree_on_what_is_recommended(bench: &Bench, graph: &Naive, id: &str, kind: &str) {
    let asked = RecommendQuestion {
        node: id.to_owned(),
        kind: kind.to_owned(),
        ..RecommendQuestion::default()
    };
    let found = bench
        .done(bench.store.graph_recommend("g", &asked).unwrap())
        .await
        .unwrap();
    let found: Vec<_> = found
        .nodes
        .into_iter()
        .map(|(node, score)| (node.id, score))
        .collect();
    assert_eq!(found, graph.recommended(id, kind));
}

/// Paths are as short as they can be, lead along edges, and are the same on both engines.
async fn find_ways(benches: &[Bench], graph: &Naive, from: &str) {
    for to in IDS {
        let mut found = Vec::new();
        for bench in benches {
            let asked = PathQuestion {
                from: from.into(),
                to: to.into(),
                max_depth: Some(DEPTH),
                ..PathQuestion::default()
            };
            found.push(
                bench
                    .done(bench.store.graph_path("g", &asked).unwrap())
                    .await
                    .unwrap()
                    .path,
            );
        }
        assert_eq!(found[0], found[1], "{from} {to}");
        let hops = found[0].as_ref().map(|path| path.len() as u64 - 1);
        assert_eq!(hops, graph.distance(from, to, DEPTH), "{from} {to}");
        for pair in found[0].iter().flat_map(|path| path.windows(2)) {
            let leads = |kind: &&str| {
                graph
                    .edges
                    .contains_key(&(pair[0].clone(), (*kind).to_owned(), pair[1].clone()))
            };
            assert!(KINDS.iter().any(leads), "{pair:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn both_engines_do_what_a_naive_graph_does(verbs in prop::collection::vec(verb(), 20..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let sqlite = SqliteEngine::open(SqliteConfig::new(folder.path().join("pando.db")));
            let memory = std::sync::Arc::new(MemoryEngine::with_clock(&ManualClock::new(crate::bench::NOW)));
            let benches = [
                Bench::over(memory, StoreConfig::default()).await,
                Bench::over(sqlite.unwrap(), StoreConfig::default()).await,
            ];
            let mut graph = Naive::default();
            for verb in &verbs {
                let expected = done_naively(&mut graph, verb);
                for bench in &benches {
                    assert_eq!(done(bench, verb).await, expected, "{verb:?}");
                }
            }
            for bench in &benches {
                bench.is_whole().await;
                for id in IDS {
                    agree(bench, &graph, id).await;
                }
            }
            for from in IDS {
                find_ways(&benches, &graph, from).await;
            }
        });
    }
}

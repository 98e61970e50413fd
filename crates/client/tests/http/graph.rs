//! Graphs through the client.

use crate::world::World;
use futures_util::TryStreamExt;
use pando_client::{Direction, Edge, ErrorKind, Graph, Hop, Node};
use serde_json::{Value, json};

/// Where one can fly from where: an airport's id may hold anything.
const ROUTES: [(&str, &str); 8] = [
    ("JFK", "LAX"),
    ("JFK", "ORD, \"Chicago\""),
    ("LAX", "HNL"),
    ("ORD, \"Chicago\"", "HNL"),
    ("ORD, \"Chicago\"", "ICN"),
    ("LAX", "ICN"),
    ("ICN", "JFK"),
    ("SFO", "HNL"),
];

async fn flown(graph: &Graph) {
    for id in [
        "JFK",
        "LAX",
        "ORD, \"Chicago\"",
        "HNL",
        "ICN",
        "SFO",
        "고립/?#",
    ] {
        let body = json!({ "letters": id.len() });
        let put = graph
            .put_node(id, "airport", &body)
            .await
            .expect("it is put");
        assert!(put.created, "{id}");
    }
    for (n, (from, to)) in ROUTES.into_iter().enumerate() {
        let edge = json!({ "at": n + 1, "body": { "n": n } });
        graph
            .put_edge(from, "route", to, &edge)
            .await
            .expect("it is put");
    }
}

fn ids(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().map(|node| node.id.as_str()).collect()
}

fn route() -> Hop {
    Hop::along("route", Direction::Out)
}

#[tokio::test]
async fn nodes_are_put_read_changed_and_deleted() {
    let world = World::new().await;
    let graph = world.client().graph("people/and%");
    for id in ["ada", "a/b?c#d", "..", "에이다"] {
        let first = graph.put_node(id, "person", &json!({ "age": 36 })).await;
        let first = first.expect("it is put");
        let stale = graph.put_node(id, "person", &json!({})).if_absent().await;
        assert_eq!(
            stale.expect_err("it is there").kind(),
            ErrorKind::PreconditionFailed
        );
        let patch = json!({ "kind": "poet", "body": { "age": null, "of": "Byron" } });
        let merged = graph
            .merge_node::<_, Value>(id, &patch)
            .if_match(&first.etag);
        let merged = merged.await.expect("it is changed");
        assert_eq!((&*merged.id, &*merged.kind), (id, "poet"));
        assert_eq!(merged.body, json!({ "of": "Byron" }));
        let read = graph.node::<Value>(id).await.expect("it is read");
        assert_eq!(read, Some(merged));
        assert!(graph.delete_node(id).await.expect("it is deleted"));
        assert!(!graph.delete_node(id).await.expect("it is gone"));
        assert_eq!(graph.node::<Value>(id).await.expect("it is read"), None);
    }
}

#[tokio::test]
async fn edges_are_read_by_time_counted_and_deleted() {
    let world = World::new().await;
    let graph = world.client().graph("g");
    flown(&graph).await;
    let edge = graph.edge::<Value>("LAX", "route", "HNL").await;
    let edge = edge.expect("it is read").expect("it is there");
    assert_eq!(
        (&*edge.at, edge.body),
        ("1970-01-01T00:00:00.000003Z", json!({ "n": 2 }))
    );
    let out = |node| graph.edges(node, "route");
    let listed = out("JFK").page::<Value>().await.expect("a page").items;
    let to: Vec<&str> = listed.iter().map(|edge| edge.to.as_str()).collect();
    assert_eq!(to, ["ORD, \"Chicago\"", "LAX"]);
    let range = out("HNL")
        .incoming()
        .after("3")
        .before("1970-01-01T00:00:01Z");
    let from: Vec<Edge> = range
        .limit(1)
        .stream()
        .try_collect()
        .await
        .expect("all of them");
    let from: Vec<&str> = from.iter().map(|edge| edge.from.as_str()).collect();
    assert_eq!(from, ["SFO", "ORD, \"Chicago\""]);
    assert_eq!(
        out("HNL").incoming().count().await.expect("it is counted"),
        3
    );
    assert_eq!(out("HNL").count().await.expect("it is counted"), 0);
    let gone = out("HNL")
        .incoming()
        .limit(2)
        .delete()
        .await
        .expect("they are deleted");
    assert_eq!((gone.deleted, gone.left), (2, 1));
    assert!(
        graph
            .delete_edge("JFK", "route", "LAX")
            .await
            .expect("it is deleted")
    );
    assert!(
        !graph
            .delete_edge("JFK", "route", "LAX")
            .await
            .expect("it is gone")
    );
    let absent = graph.put_edge("JFK", "route", "nowhere", &json!({})).await;
    assert_eq!(absent.expect_err("it has no end").code(), "conflict");
    let nodes: Vec<Node> = graph
        .nodes()
        .limit(2)
        .stream()
        .try_collect()
        .await
        .expect("all");
    assert_eq!(nodes.len(), 7);
    let edges: Vec<Edge> = graph
        .all_edges()
        .limit(2)
        .stream()
        .try_collect()
        .await
        .expect("all");
    assert_eq!(edges.len(), ROUTES.len() - 3);
}

#[tokio::test]
async fn hops_lead_to_nodes_by_ways_and_are_counted() {
    let world = World::new().await;
    let graph = world.client().graph("g");
    flown(&graph).await;
    let two = [route(), route()];
    let found = graph
        .traverse::<Value>(&["JFK"], &two)
        .await
        .expect("it is asked");
    assert_eq!(ids(&found.items), ["ICN", "HNL"]);
    assert!(!found.bounded && !found.truncated);
    let paths = graph
        .traverse_paths(&["JFK"], &two)
        .await
        .expect("it is asked");
    assert_eq!(paths.items.len(), 4);
    assert!(
        paths
            .items
            .iter()
            .all(|way| way.hops == 2 && way.path[0] == "JFK")
    );
    let counted = graph.traverse_count(&["JFK", "SFO"], &two).await;
    assert_eq!(counted.expect("it is asked"), 2);
    let narrow = [
        route().only(json!({ "edge": "n=lt.1" })),
        Hop::along("route", Direction::Out)
            .only(json!({ "node": "id=eq.HNL" }))
            .limit(9),
        Hop::along("route", Direction::In),
    ];
    let found = graph
        .traverse::<Value>(&["JFK"], &narrow)
        .await
        .expect("it is asked");
    assert_eq!(ids(&found.items), ["SFO", "ORD, \"Chicago\"", "LAX"]);
}

#[tokio::test]
async fn questions_that_go_further_are_answered_by_type() {
    let world = World::new().await;
    let graph = world.client().graph("g");
    flown(&graph).await;
    for kinds in [&[][..], &["route"], &["route", "a,b"]] {
        let path = graph.path_between("JFK", "HNL", kinds, 4).await;
        let path = path.expect("it is asked").expect("there is one");
        assert_eq!(
            (path.hops, &*path.path[0], &*path.path[2]),
            (2, "JFK", "HNL")
        );
        let cycles = graph.cycles("JFK", kinds, 3).await.expect("it is asked");
        assert_eq!(cycles.items.len(), 2, "{cycles:?}");
        assert_eq!(cycles.items[0].path.last().map(String::as_str), Some("JFK"));
    }
    let nowhere = graph.path_between("JFK", "고립/?#", &[], 4).await;
    assert_eq!(nowhere.expect("it is asked"), None);
    let common = graph
        .common::<Value>(&["LAX", "ORD, \"Chicago\""], "route")
        .await;
    assert_eq!(ids(&common.expect("it is asked").items), ["HNL", "ICN"]);
    let recommended = graph.recommend::<Value>("JFK", "route", 5).await;
    let recommended = recommended.expect("it is asked").items;
    let scores: Vec<(&str, u64)> = recommended
        .iter()
        .map(|found| (found.node.id.as_str(), found.common))
        .collect();
    assert_eq!(scores, [("HNL", 2), ("ICN", 2)]);
    let alone = graph.common::<Value>(&["LAX"], "route").await;
    assert_eq!(alone.expect_err("there is one only").code(), "malformed");
}

//! Nodes and edges drawn, for transactions that mix models; `graph/engines.rs` has the graph's own.

use crate::draw::{Draw, When};
use crate::kv::in_words;
use crate::side::Side;
use pando_store::error::StoreError;
use pando_store::graph::{
    Direction, EdgeKey, EdgeRange, Hop, NodeKey, NodePatch, PathQuestion, Traversal,
};
use pando_store::operation::Operation;

const IDS: [&str; 6] = ["a", "b", "c", "A", "가", "'"];
const KINDS: [&str; 2] = ["k", "l"];
const BODIES: [&str; 6] = ["{}", "{\"n\": 1.0}", "{\"n\": null}", "null", "[1]", "{"];

type Id = &'static str;
/// From, kind, to.
type Edge = (Id, Id, Id);

#[derive(Clone, Debug)]
pub enum Verb {
    Node(Id),
    PutNode(Id, Id, Option<Id>, When),
    PatchNode(Id, Option<Id>, When),
    DeleteNode(Id, When),
    Edge(Edge),
    PutEdge(Edge, Option<i64>, Option<Id>, When),
    DeleteEdge(Edge, When),
    DeleteEdges(Id, Id, Direction, Option<u64>),
    Edges(Id, Id, EdgeRange),
    Count(Id, Id, Direction),
    Path(Id, Id),
    Traverse(Id, Vec<(Id, Direction)>),
}

impl Draw {
    pub fn graph(&mut self) -> Verb {
        let (id, other, kind) = (self.one(&IDS), self.one(&IDS), self.one(&KINDS));
        let edge = (id, kind, other);
        let body = self.percent(50).then(|| self.one(&BODIES));
        let direction = self.one(&[Direction::Out, Direction::In]);
        let at = self.one(&[None, Some(1), Some(2), Some(2), Some(i64::MIN)]);
        match self.weighed(&[4, 20, 6, 3, 4, 40, 6, 2, 10, 6, 6, 8]) {
            0 => Verb::Node(id),
            1 => Verb::PutNode(id, kind, body, self.when()),
            2 => Verb::PatchNode(id, body, self.when()),
            3 => Verb::DeleteNode(id, self.when()),
            4 => Verb::Edge(edge),
            5 => Verb::PutEdge(edge, at, body, self.when()),
            6 => Verb::DeleteEdge(edge, self.when()),
            7 => Verb::DeleteEdges(id, kind, direction, self.limit()),
            8 => {
                let range = EdgeRange {
                    direction,
                    after_us: self.one(&[None, Some(0), Some(1)]),
                    before_us: self.one(&[None, Some(2), Some(3)]),
                    limit: self.limit(),
                    cursor: None,
                };
                Verb::Edges(id, kind, range)
            }
            9 => Verb::Count(id, kind, direction),
            10 => Verb::Path(id, other),
            _ => Verb::Traverse(id, vec![(kind, direction); 1 + self.below(3)]),
        }
    }
}

impl Verb {
    pub async fn planned(&self, side: &Side) -> Result<Operation<String>, StoreError> {
        let (store, notes) = (&side.store, side.notes());
        let node = |id: &str| NodeKey::new("g", id);
        let edge_key = |(from, kind, to): &Edge| EdgeKey::new("g", from, kind, to);
        Ok(match self {
            Verb::Node(id) => in_words(store.graph_node(&node(id)?)),
            Verb::PutNode(id, kind, body, when) => {
                let name = format!("node {id}");
                let when = side.precondition(*when, &name);
                let key = node(id)?;
                let put = store.graph_put_node(&key, kind, *body, when);
                put.await?.map(move |stored| {
                    notes.version(&name, stored.version);
                    Ok(format!("{stored:?}"))
                })
            }
            Verb::PatchNode(id, body, when) => {
                let when = side.precondition(*when, &format!("node {id}"));
                let patch = NodePatch {
                    kind: None,
                    body: body.map(str::to_owned),
                };
                in_words(store.graph_patch_node(&node(id)?, patch, when).await?)
            }
            Verb::DeleteNode(id, when) => {
                let when = side.precondition(*when, &format!("node {id}"));
                in_words(store.graph_delete_node(&node(id)?, when))
            }
            Verb::Edge(edge) => in_words(store.graph_edge(&edge_key(edge)?)),
            Verb::PutEdge(edge, at, body, when) => {
                let name = format!("edge {edge:?}");
                let when = side.precondition(*when, &name);
                let key = edge_key(edge)?;
                let put = store.graph_put_edge(&key, *at, *body, when);
                put.await?.map(move |stored| {
                    notes.version(&name, stored.version);
                    Ok(format!("{stored:?}"))
                })
            }
            Verb::DeleteEdge(edge, when) => {
                let when = side.precondition(*when, &format!("edge {edge:?}"));
                in_words(store.graph_delete_edge(&edge_key(edge)?, when))
            }
            Verb::DeleteEdges(id, kind, direction, limit) => {
                in_words(store.graph_delete_edges(&node(id)?, kind, *direction, *limit)?)
            }
            Verb::Edges(id, kind, range) => {
                let listed = store.graph_list_edges(&node(id)?, kind, range)?;
                listed.map(|page| {
                    let more = page.cursor.is_some();
                    Ok(format!("{:?} {more} {}", page.edges, page.truncated))
                })
            }
            Verb::Count(id, kind, direction) => {
                in_words(store.graph_count_edges(&node(id)?, kind, *direction)?)
            }
            Verb::Path(from, to) => {
                let asked = PathQuestion {
                    from: (*from).to_owned(),
                    to: (*to).to_owned(),
                    ..PathQuestion::default()
                };
                in_words(store.graph_path("g", &asked)?)
            }
            Verb::Traverse(from, hops) => {
                in_words(store.graph_traverse("g", &traversal(from, hops))?)
            }
        })
    }
}

fn traversal(from: &str, hops: &[(Id, Direction)]) -> Traversal {
    let hop = |(kind, direction): &(Id, Direction)| Hop {
        kind: (*kind).to_owned(),
        direction: *direction,
        ..Hop::default()
    };
    Traversal {
        from: vec![from.to_owned()],
        hops: hops.iter().map(hop).collect(),
        ..Traversal::default()
    }
}

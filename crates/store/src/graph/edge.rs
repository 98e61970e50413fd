//! Edges: both rows of them, and the counts at both ends.

use super::degree::recount;
use super::list::newest_first;
use super::node::delete;
use super::relation::{GRAPH, edge, node};
use super::{
    Direction, EDGE, NODE, NodeKey, REMOVED_EDGES_MAX, Result, Stored, body_of, check_kind, one_of,
    str_of, text,
};
use crate::operation::{Operation, Reach};
use crate::precondition::Precondition;
use crate::refused;
use crate::relation::{equals, rows_of, select, tree};
use crate::session;
use crate::store::Store;
use pando_model::datetime;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{Change, Conflict, Filter, Insert, Row, Update};
use pando_model::value::Value;
use std::sync::Arc;

/// An edge's name: at most one edge of a kind leads from a node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeKey {
    from: NodeKey,
    kind: String,
    to: NodeKey,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The node that it leaves.
    pub from: String,
    /// Its kind.
    pub kind: String,
    /// The node that it enters.
    pub to: String,
    /// When it came to be, as its writer says: microseconds since 1970.
    pub at_us: i64,
    /// What is known of it: JSON, canonical.
    pub body: String,
    /// Its version.
    pub version: i64,
}

/// What was removed of a node's edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetachedEdges {
    /// So many are gone.
    pub deleted: u64,
    /// So many of the kind are still there.
    pub left: u64,
}

/// The columns of an edge that, with its node and direction, make an [`Edge`].
pub(super) const EDGE_COLUMNS: [usize; 4] = [edge::OTHER, edge::AT, edge::BODY, edge::VERSION];

impl EdgeKey {
    /// An edge's name, checked.
    pub fn new(graph: &str, from: &str, kind: &str, to: &str) -> Result<EdgeKey> {
        check_kind(kind)?;
        Ok(EdgeKey {
            from: NodeKey::new(graph, from)?,
            kind: kind.to_owned(),
            to: NodeKey::new(graph, to)?,
        })
    }

    /// The graph.
    pub fn graph(&self) -> &str {
        self.from.graph()
    }

    /// The node that it leaves.
    pub fn from(&self) -> &str {
        self.from.id()
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The node that it enters.
    pub fn to(&self) -> &str {
        self.to.id()
    }

    fn reach(&self) -> Reach {
        Reach::Slot(self.from.slot()).and(Reach::Slot(self.to.slot()))
    }

    /// Its ends: the node, the direction from there, and the node at the other end.
    fn ends(&self) -> [(&str, Direction, &str); 2] {
        [
            (self.from(), Direction::Out, self.to()),
            (self.to(), Direction::In, self.from()),
        ]
    }

    fn end(&self, (node, direction, other): (&str, Direction, &str)) -> Filter {
        Filter::And(vec![
            equals(GRAPH, text(self.graph())),
            equals(edge::NODE, text(node)),
            equals(edge::DIRECTION, direction.value()),
            equals(edge::KIND, text(&self.kind)),
            equals(edge::OTHER, text(other)),
        ])
    }

    fn read(&self) -> Step {
        let filter = self.end(self.ends()[0]);
        Step::read(tree(select(&EDGE, &EDGE_COLUMNS, filter)))
    }

    fn put(&self, at_us: i64, body: &str, version: i64) -> Step {
        let rows = self.ends().map(|(node, direction, other)| {
            vec![
                text(self.graph()),
                text(node),
                direction.value(),
                text(&self.kind),
                text(other),
                Value::Timestamp(at_us),
                Value::Jsonb(body.to_owned()),
                Value::Int(version),
            ]
        });
        Step::from(Change::Insert(Insert {
            table: Arc::clone(&EDGE),
            rows: rows.to_vec(),
            conflict: Some(Conflict {
                target: EDGE.primary_key.columns.clone(),
                merge: Some(vec![edge::AT, edge::BODY, edge::VERSION]),
            }),
            returning: None,
        }))
    }

    /// Writes both rows anew, where they are there.
    fn replace(&self, at_us: i64, body: &str, version: i64) -> Vec<Step> {
        let replaced = self.ends().map(|end| {
            Step::from(Change::Update(Update {
                table: Arc::clone(&EDGE),
                filter: self.end(end),
                set: vec![
                    (edge::AT, Value::Timestamp(at_us)),
                    (edge::BODY, Value::Jsonb(body.to_owned())),
                    (edge::VERSION, Value::Int(version)),
                ],
                max_affected: None,
                returning: None,
            }))
        });
        replaced.into()
    }

    /// Counts one more, or one less, at both ends.
    fn recounted(&self, more: bool) -> Vec<Step> {
        let ends = self.ends().into_iter();
        ends.flat_map(|(node, direction, _)| {
            let nodes = vec![node.to_owned()];
            recount(self.graph(), nodes, direction, &self.kind, more)
        })
        .collect()
    }

    /// Reads which of its nodes are there.
    fn read_nodes(&self) -> Step {
        let mut ids = vec![self.from(), self.to()];
        ids.dedup();
        let filter = Filter::And(vec![
            equals(GRAPH, text(self.graph())),
            one_of(node::ID, &ids),
        ]);
        Step::read(tree(select(&NODE, &[node::ID], filter)))
    }

    fn check_nodes(&self, found: &[Row]) -> Result<()> {
        for (what, id) in [("from", self.from()), ("to", self.to())] {
            let there = found
                .iter()
                .any(|row| row.first().and_then(str_of) == Some(id));
            if !there {
                let message = format!("there is no node {id:?} for the edge to lead {what}");
                return Err(refused::conflict(message)
                    .hint("Both nodes of an edge must exist: PUT …/nodes/{id} makes one."));
            }
        }
        Ok(())
    }
}

impl Store {
    /// Reads an edge; `None` where there is none.
    pub fn graph_edge(&self, key: &EdgeKey) -> Operation<Option<Edge>> {
        let own = key.clone();
        let reach = Reach::Slot(key.from.slot());
        let get = Operation::reading(reach, vec![key.read()], move |outcomes| {
            let row = outcomes.first().and_then(|read| rows_of(read).first());
            Ok(row.and_then(|row| edge_of(row, own.from(), own.kind(), Direction::Out)))
        });
        get.cached_as(super::cacheable(key.from.graph()))
    }

    /// Stores an edge: now, where no time is given. Both nodes have to be there, else it is
    /// refused (`conflict`).
    pub async fn graph_put_edge(
        &self,
        key: &EdgeKey,
        at_us: Option<i64>,
        body: Option<&str>,
        precondition: Precondition,
    ) -> session::Result<Operation<Stored>> {
        let at_us = at_us.unwrap_or_else(|| self.clock().now_us());
        if datetime::in_range(at_us).is_none() {
            let message = "the time of an edge lies in the years 0001 to 9999";
            return Err(refused::malformed(message).into());
        }
        let body = body_of(body)?;
        let version = self.new_version().await?;
        let own = key.clone();
        let decide = Step::decide(move |outcomes| {
            let current = version_of(outcomes);
            precondition.check(current)?;
            if current.is_some() {
                // Its nodes are there, and it is counted.
                return Ok(own.replace(at_us, &body, version));
            }
            let (own_, put) = (own.clone(), own.put(at_us, &body, version));
            let when_new = Step::decide(move |outcomes| {
                own_.check_nodes(outcomes.last().map(rows_of).unwrap_or_default())?;
                let mut steps = vec![put.clone()];
                steps.extend(own_.recounted(true));
                Ok(steps)
            });
            Ok(vec![own.read_nodes(), when_new])
        });
        let steps = vec![key.read(), decide];
        let put = Operation::writing(key.reach(), steps, move |outcomes| {
            let created = version_of(&outcomes).is_none();
            Ok(Stored { created, version })
        });
        Ok(put.laying_down(&self.graph_edge(key)))
    }

    /// Removes an edge; `false` where there was none.
    pub fn graph_delete_edge(&self, key: &EdgeKey, precondition: Precondition) -> Operation<bool> {
        let own = key.clone();
        let decide = Step::decide(move |outcomes| {
            let current = version_of(outcomes);
            precondition.check(current)?;
            if current.is_none() {
                return Ok(Vec::new());
            }
            let ends = own.ends().into_iter();
            let mut steps: Vec<Step> = ends.map(|end| delete(&EDGE, own.end(end))).collect();
            steps.extend(own.recounted(false));
            Ok(steps)
        });
        let steps = vec![key.read(), decide];
        let delete = Operation::writing(key.reach(), steps, |outcomes| {
            Ok(version_of(&outcomes).is_some())
        });
        delete.laying_down(&self.graph_edge(key))
    }

    /// Removes a node's edges of one kind and direction, the newest first, as many as are
    /// asked for; [`REMOVED_EDGES_MAX`] at most and if nothing is said.
    pub fn graph_delete_edges(
        &self,
        key: &NodeKey,
        kind: &str,
        direction: Direction,
        limit: Option<u64>,
    ) -> Result<Operation<DetachedEdges>> {
        let count = self.graph_count_edges(key, kind, direction)?;
        let most = limit.unwrap_or(REMOVED_EDGES_MAX).min(REMOVED_EDGES_MAX);
        let mut newest = newest_first(key, kind, direction, Vec::new());
        newest.limit = Some(most);
        let (own, kind) = (key.clone(), kind.to_owned());
        let decide = Step::decide(move |outcomes| {
            let rows = outcomes.last().map(rows_of).unwrap_or_default();
            let others: Vec<String> = rows
                .iter()
                .filter_map(|row| Some(str_of(row.first()?)?.to_owned()))
                .collect();
            if others.is_empty() {
                return Ok(Vec::new());
            }
            Ok(detached(
                &own,
                &kind,
                direction,
                others,
                rows_left(outcomes),
            ))
        });
        let mut steps = count.steps;
        steps.extend([Step::read(tree(newest)), decide]);
        Ok(Operation::writing(Reach::Many, steps, |outcomes| {
            let deleted = outcomes.get(1).map_or(0, |read| rows_of(read).len() as u64);
            let left = rows_left(&outcomes).saturating_sub(deleted);
            Ok(DetachedEdges { deleted, left })
        }))
    }
}

/// What the first step has found to be counted.
fn rows_left(outcomes: &[Outcome]) -> u64 {
    let row = outcomes.first().and_then(|read| rows_of(read).first());
    row.and_then(|row| super::degree::count_of(row.first()?))
        .unwrap_or(0)
}

/// The steps that remove edges of a node, of which there were `before`.
fn detached(
    key: &NodeKey,
    kind: &str,
    direction: Direction,
    others: Vec<String>,
    before: u64,
) -> Vec<Step> {
    let far = direction.inverse();
    let left = before.saturating_sub(others.len() as u64);
    let near = Filter::And(vec![
        equals(GRAPH, text(key.graph())),
        equals(edge::NODE, text(key.id())),
        equals(edge::DIRECTION, direction.value()),
        equals(edge::KIND, text(kind)),
        one_of(edge::OTHER, &others),
    ]);
    let mut steps = vec![
        delete(&EDGE, near),
        remove_far_ends(key.graph(), key.id(), far, kind, &others),
    ];
    steps.push(super::degree::set(
        key.graph(),
        key.id(),
        direction,
        kind,
        left,
    ));
    steps.extend(recount(key.graph(), others, far, kind, false));
    steps
}

/// Removes the rows that edges of `node` have with the nodes at their other ends.
pub(super) fn remove_far_ends(
    graph: &str,
    node: &str,
    far: Direction,
    kind: &str,
    others: &[String],
) -> Step {
    let far_ends = Filter::And(vec![
        equals(GRAPH, text(graph)),
        one_of(edge::NODE, others),
        equals(edge::DIRECTION, far.value()),
        equals(edge::KIND, text(kind)),
        equals(edge::OTHER, text(node)),
    ]);
    delete(&EDGE, far_ends)
}

/// The version that the first step has found.
fn version_of(outcomes: &[Outcome]) -> Option<i64> {
    match rows_of(outcomes.first()?).first()?.get(3)? {
        Value::Int(version) => Some(*version),
        _ => None,
    }
}

/// An edge, of a row of [`EDGE_COLUMNS`].
pub(super) fn edge_of(row: &Row, node: &str, kind: &str, direction: Direction) -> Option<Edge> {
    let [
        other,
        Value::Timestamp(at_us),
        Value::Jsonb(body),
        Value::Int(version),
    ] = row.as_slice()
    else {
        return None;
    };
    let (node, other) = (node.to_owned(), str_of(other)?.to_owned());
    let (from, to) = match direction {
        Direction::Out => (node, other),
        Direction::In => (other, node),
    };
    Some(Edge {
        from,
        kind: kind.to_owned(),
        to,
        at_us: *at_us,
        body: body.clone(),
        version: *version,
    })
}

//! Nodes: put, read, patched, deleted with all of their edges.

use super::degree::{count_of, recount};
use super::edge::remove_far_ends;
use super::relation::{GRAPH, degree, edge, node};
use super::{
    DEGREE, Direction, EDGE, NODE, NodeKey, REMOVED_EDGES_MAX, Result, Stored, body_of, check_kind,
    str_of, text,
};
use crate::operation::{Operation, Reach};
use crate::precondition::Precondition;
use crate::refused;
use crate::relation::{equals, rows_of, select, tree};
use crate::session;
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::json::{self, PatchLimits, merge_patch};
use pando_model::plan::{Change, Conflict, Delete, Filter, Insert, Row};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id within the graph.
    pub id: String,
    /// What kind of thing it is.
    pub kind: String,
    /// What is known of it: JSON, canonical ([`pando_model::json::canonical`]).
    pub body: String,
    /// Its version.
    pub version: i64,
}

/// What changes of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePatch {
    /// Its new kind.
    pub kind: Option<String>,
    /// A merge patch (RFC 7396) of its body: JSON. `null` takes the body away: an empty
    /// object is left.
    pub body: Option<String>,
}

/// The columns of a node that make a [`Node`].
pub(super) const NODE_COLUMNS: [usize; 4] = [node::ID, node::KIND, node::BODY, node::VERSION];

impl NodeKey {
    fn filter(&self) -> Filter {
        Filter::And(vec![
            equals(GRAPH, text(self.graph())),
            equals(node::ID, text(self.id())),
        ])
    }

    fn read(&self) -> Step {
        Step::read(tree(select(&NODE, &NODE_COLUMNS, self.filter())))
    }

    fn put(&self, kind: &str, body: String, version: i64) -> Step {
        Step::from(Change::Insert(Insert {
            table: Arc::clone(&NODE),
            rows: vec![vec![
                text(self.graph()),
                text(self.id()),
                text(kind),
                Value::Jsonb(body),
                Value::Int(version),
            ]],
            conflict: Some(Conflict {
                target: NODE.primary_key.columns.clone(),
                merge: Some(vec![node::KIND, node::BODY, node::VERSION]),
            }),
            returning: None,
        }))
    }
}

impl Store {
    /// Reads a node; `None` where there is none.
    pub fn graph_node(&self, key: &NodeKey) -> Operation<Option<Node>> {
        let reach = Reach::Slot(key.slot());
        let get = Operation::reading(reach, vec![key.read()], |outcomes| Ok(found(&outcomes)));
        get.cached_as(super::cacheable(key.graph()))
    }

    /// Stores a node; its edges stay as they are.
    pub async fn graph_put_node(
        &self,
        key: &NodeKey,
        kind: &str,
        body: Option<&str>,
        precondition: Precondition,
    ) -> session::Result<Operation<Stored>> {
        check_kind(kind)?;
        let body = body_of(body)?;
        let version = self.new_version().await?;
        let put = key.put(kind, body, version);
        let decide = Step::decide(move |outcomes| {
            precondition.check(version_of(outcomes))?;
            Ok(vec![put.clone()])
        });
        let read = Step::read(tree(select(&NODE, &[node::VERSION], key.filter())));
        let reach = Reach::Slot(key.slot());
        let put = Operation::writing(reach, vec![read, decide], move |outcomes| {
            let created = version_of(&outcomes).is_none();
            Ok(Stored { created, version })
        });
        Ok(put.laying_down(&self.graph_node(key)))
    }

    /// Changes a node in part, and answers it as it is then. `not_found` where there is none.
    pub async fn graph_patch_node(
        &self,
        key: &NodeKey,
        patch: NodePatch,
        precondition: Precondition,
    ) -> session::Result<Operation<Node>> {
        if let Some(kind) = &patch.kind {
            check_kind(kind)?;
        }
        if let Some(changes) = &patch.body {
            json::canonical(changes).map_err(|refusal| bad_patch(&refusal))?;
        }
        let version = self.new_version().await?;
        let patched = {
            let key = key.clone();
            Arc::new(move |outcomes: &[Outcome]| patched(&key, outcomes, &patch, version))
        };
        let (own, change) = (key.clone(), Arc::clone(&patched));
        let decide = Step::decide(move |outcomes| {
            precondition.check(found(outcomes).map(|node| node.version))?;
            let node = change(outcomes)?;
            Ok(vec![own.put(&node.kind, node.body, version)])
        });
        let reach = Reach::Slot(key.slot());
        let steps = vec![key.read(), decide];
        let patch = Operation::writing(reach, steps, move |outcomes| patched(&outcomes));
        Ok(patch.laying_down(&self.graph_node(key)))
    }

    /// Removes a node, its edges in both directions with their other ends, and what was
    /// counted of them; `false` where there was none. One that has more than
    /// [`REMOVED_EDGES_MAX`] edges is refused (`conflict`):
    /// [`Store::graph_delete_edges`] removes some of them at a time.
    pub fn graph_delete_node(&self, key: &NodeKey, precondition: Precondition) -> Operation<bool> {
        let of_node = Filter::And(vec![
            equals(GRAPH, text(key.graph())),
            equals(degree::NODE, text(key.id())),
        ]);
        let degrees = Step::read(tree(select(&DEGREE, &[degree::COUNT], of_node)));
        let own = key.clone();
        let decide = Step::decide(move |outcomes| {
            let version = found(outcomes).map(|node| node.version);
            precondition.check(version)?;
            if version.is_none() {
                return Ok(Vec::new());
            }
            let rows = outcomes.get(1).map(rows_of).unwrap_or_default();
            let edges = rows.iter().filter_map(|row| count_of(row.first()?)).sum();
            if edges > REMOVED_EDGES_MAX {
                return Err(too_many_edges(&own, edges));
            }
            Ok(with_edges_removed(&own))
        });
        // Edges lie with their other nodes too.
        Operation::writing(Reach::Many, vec![key.read(), degrees, decide], |outcomes| {
            Ok(found(&outcomes).is_some())
        })
    }
}

fn too_many_edges(key: &NodeKey, edges: u64) -> Refusal {
    refused::conflict(format!(
        "the node {:?} has {edges} edges, and one write removes {REMOVED_EDGES_MAX} at most",
        key.id()
    ))
    .hint(
        "Remove its edges first, some at a time: DELETE …/nodes/{id}/edges/{kind}?direction=out|in \
         until it says that none are left.",
    )
}

/// The steps that remove a node which is there.
fn with_edges_removed(key: &NodeKey) -> Vec<Step> {
    let of_node = Filter::And(vec![
        equals(GRAPH, text(key.graph())),
        equals(edge::NODE, text(key.id())),
    ]);
    let columns = [edge::DIRECTION, edge::KIND, edge::OTHER];
    let edges = Step::read(tree(select(&EDGE, &columns, of_node.clone())));
    let own = key.clone();
    let decide = Step::decide(move |outcomes| {
        let rows = outcomes.last().map(rows_of).unwrap_or_default();
        let mut groups: BTreeMap<(Direction, &str), Vec<String>> = BTreeMap::new();
        for row in rows {
            if let [direction, Value::Text(kind), Value::Text(other)] = row.as_slice()
                && let Some(direction) = Direction::of(direction)
                // Both ends of a loop are the node's own.
                && other != own.id()
            {
                groups
                    .entry((direction, kind))
                    .or_default()
                    .push(other.clone());
            }
        }
        let mut steps = Vec::new();
        for ((direction, kind), others) in groups {
            let far = direction.inverse();
            steps.push(remove_far_ends(own.graph(), own.id(), far, kind, &others));
            steps.extend(recount(own.graph(), others, far, kind, false));
        }
        // A node's degrees are found as its edges are: by the same columns.
        steps.push(delete(&EDGE, of_node.clone()));
        steps.push(delete(&DEGREE, of_node.clone()));
        steps.push(delete(&NODE, own.filter()));
        Ok(steps)
    });
    vec![edges, decide]
}

pub(super) fn delete(table: &Arc<Table>, filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(table),
        filter,
        max_affected: None,
        returning: None,
    }))
}

fn patched(key: &NodeKey, outcomes: &[Outcome], patch: &NodePatch, version: i64) -> Result<Node> {
    let Some(mut node) = found(outcomes) else {
        return Err(refused::not_found("node", key.id()));
    };
    if let Some(kind) = &patch.kind {
        node.kind.clone_from(kind);
    }
    match patch.body.as_deref() {
        None => {}
        Some("null") => node.body = "{}".to_owned(),
        Some(changes) => {
            node.body = merge_patch(&node.body, changes, &PatchLimits::default())
                .map_err(|error| bad_patch(&error))?;
        }
    }
    node.version = version;
    Ok(node)
}

fn bad_patch(error: &dyn Display) -> Refusal {
    refused::malformed(format!("the body's patch: {error}"))
}

/// The version that the first step has found.
fn version_of(outcomes: &[Outcome]) -> Option<i64> {
    match rows_of(outcomes.first()?).first()?.last()? {
        Value::Int(version) => Some(*version),
        _ => None,
    }
}

/// The node that the first step has found.
fn found(outcomes: &[Outcome]) -> Option<Node> {
    node_of(rows_of(outcomes.first()?).first()?)
}

/// A node, of a row that begins with [`NODE_COLUMNS`].
pub(super) fn node_of(row: &Row) -> Option<Node> {
    let [id, kind, Value::Jsonb(body), Value::Int(version), ..] = row.as_slice() else {
        return None;
    };
    Some(Node {
        id: str_of(id)?.to_owned(),
        kind: str_of(kind)?.to_owned(),
        body: body.clone(),
        version: *version,
    })
}

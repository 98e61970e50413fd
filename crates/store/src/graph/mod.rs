//! Graphs: nodes, and edges of a kind between them, in graphs that come to be when they are
//! first written.
//!
//! An edge is two rows, one with each of its nodes, and is counted with both; all of that is
//! one transaction ([`verify`] tells whether it holds). What asks further than one node
//! ([`traverse`], [`path`], [`neighbours`], [`cycles`]) asks the engine once for each hop, for
//! all nodes of the hop together, and looks at a bounded number of edges: an answer that met
//! its bound says so. By itself each hop has a snapshot of its own; within `/tx/v1` all hops
//! see one state.

mod condition;
mod cycles;
mod degree;
mod edge;
mod explore;
mod list;
mod neighbours;
mod node;
mod path;
mod relation;
mod traverse;
mod verify;
mod whole;

pub use cycles::{Cycles, CyclesQuestion};
pub use edge::{DetachedEdges, Edge, EdgeKey};
pub use list::{EdgeList, EdgeRange};
pub use neighbours::{Common, CommonQuestion, RecommendQuestion, Recommended};
pub use node::{Node, NodePatch};
pub use path::{PathAnswer, PathQuestion};
pub(crate) use relation::{DEGREE, DIRECTION_OF_KEY, EDGE, NODE};
pub use traverse::{Hop, Traversal, Traversed, Wanted};
pub use whole::Page;

use crate::kv::check_name;
use crate::refused;
use crate::relation::equals;
use crate::store::Store;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::engine::Cacheable;
use pando_model::error::Refusal;
use pando_model::json;
use pando_model::plan::{Filter, Scalar};
use pando_model::schema::ColumnIx;
use pando_model::slot::Slot;
use pando_model::value::Value;

/// Bytes of a node's id at most.
pub const ID_BYTES_MAX: usize = 1024;
/// Bytes of a kind at most.
pub const KIND_BYTES_MAX: usize = 255;
/// Edges that one write removes at most, as a node's or by themselves. Each is four rows at
/// both ends, and other writers wait meanwhile: this many take a fraction of a second.
pub const REMOVED_EDGES_MAX: u64 = 10_000;

type Result<T> = std::result::Result<T, Refusal>;

/// A node's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeKey {
    graph: String,
    id: String,
}

/// What a write left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whether nothing was there before.
    pub created: bool,
    /// Its version.
    pub version: i64,
}

/// Which way an edge is looked at from a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// It leaves the node.
    #[default]
    Out,
    /// It enters the node.
    In,
}

impl Direction {
    /// The same edge's, from its other node.
    #[must_use]
    pub fn inverse(self) -> Direction {
        match self {
            Direction::Out => Direction::In,
            Direction::In => Direction::Out,
        }
    }

    /// As callers write it: `out` or `in`.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Out => "out",
            Direction::In => "in",
        }
    }

    /// Reads what [`Direction::name`] gives.
    pub fn parse(text: &str) -> Option<Direction> {
        [Direction::Out, Direction::In]
            .into_iter()
            .find(|direction| direction.name() == text)
    }

    fn value(self) -> Value {
        Value::Int(match self {
            Direction::Out => 0,
            Direction::In => 1,
        })
    }

    fn of(value: &Value) -> Option<Direction> {
        match value {
            Value::Int(0) => Some(Direction::Out),
            Value::Int(1) => Some(Direction::In),
            _ => None,
        }
    }
}

/// Whether an edge lies as the one that leaves a node, by its column.
pub(crate) fn is_out(direction: &Value) -> bool {
    Direction::of(direction) == Some(Direction::Out)
}

impl NodeKey {
    /// A node's name, checked.
    pub fn new(graph: &str, id: &str) -> Result<NodeKey> {
        check_name("graph", graph)?;
        check_id(id)?;
        Ok(NodeKey {
            graph: graph.to_owned(),
            id: id.to_owned(),
        })
    }

    /// The graph.
    pub fn graph(&self) -> &str {
        &self.graph
    }

    /// The id within its graph.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn slot(&self) -> Slot {
        let id = text(&self.id);
        Slot::of_key(&canonical::bytes_of(&[(&ColumnType::Text, &id)]))
    }
}

/// A read of a graph.
fn cacheable(graph: &str) -> Cacheable {
    Cacheable::new(format!("graph/{graph}"))
}

impl Store {
    /// How many edges a question may look at: what was asked for, the configured bound at
    /// most, and at least one.
    fn graph_budget(&self, asked: Option<u64>) -> usize {
        let most = self.config().graph_max_visited;
        let asked = asked.unwrap_or(most).min(most).max(1);
        usize::try_from(asked).unwrap_or(usize::MAX)
    }

    /// How many items a question's answer holds.
    fn graph_most(&self, asked: Option<u64>, default: u64) -> Most {
        let max_rows = self.config().max_rows;
        let most = asked.unwrap_or(default).min(max_rows);
        Most {
            items: usize::try_from(most).unwrap_or(usize::MAX),
            capped: asked.unwrap_or(default) > max_rows || asked.is_none(),
        }
    }
}

/// How many items an answer holds, and whether more would be a cut that is to be told.
#[derive(Clone, Copy, Debug)]
struct Most {
    items: usize,
    capped: bool,
}

fn check_id(id: &str) -> Result<()> {
    check_text("id", id, ID_BYTES_MAX)
}

fn check_kind(kind: &str) -> Result<()> {
    check_text("kind", kind, KIND_BYTES_MAX)
}

fn check_text(what: &str, text: &str, bytes_max: usize) -> Result<()> {
    if text.is_empty() || text.len() > bytes_max {
        return Err(refused::malformed(format!(
            "the {what} of a graph's node or edge has 1 to {bytes_max} bytes, not {}",
            text.len()
        )));
    }
    if text.contains('\0') {
        return Err(refused::malformed(format!("the {what} holds no U+0000")));
    }
    Ok(())
}

/// A body as it is stored; what is not given is an empty object.
fn body_of(body: Option<&str>) -> Result<String> {
    match body {
        None => Ok("{}".to_owned()),
        Some(body) => json::canonical(body).map_err(|refusal| Refusal {
            code: "malformed".into(),
            message: format!("the body: {}", refusal.message),
            ..refusal
        }),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// `column` is one of these texts.
fn one_of<T: AsRef<str>>(column: ColumnIx, texts: &[T]) -> Filter {
    match texts {
        // An engine finds a row by its whole key without being asked for a list.
        [only] => equals(column, text(only.as_ref())),
        many => Filter::In {
            left: Scalar::Column(column),
            values: many.iter().map(|one| text(one.as_ref())).collect(),
        },
    }
}

fn str_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

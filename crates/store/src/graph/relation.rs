//! `node`, `edge` and `degree`: each placed by its node's id, so that a node lies with its
//! edges and their counts. `_pando_node` is the catalog's: the numbers that ids are made with.

use crate::relation::Shape;
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, Index, Table};
use std::sync::{Arc, LazyLock};

/// The graph, in all three.
pub(super) const GRAPH: ColumnIx = 0;

/// `node(graph, id, kind, body, version)`.
pub(super) mod node {
    use pando_model::schema::ColumnIx;

    pub(in crate::graph) const ID: ColumnIx = 1;
    pub(in crate::graph) const KIND: ColumnIx = 2;
    pub(in crate::graph) const BODY: ColumnIx = 3;
    pub(in crate::graph) const VERSION: ColumnIx = 4;
}

/// `edge(graph, node, direction, kind, other, at, body, version)`.
pub(super) mod edge {
    use pando_model::schema::ColumnIx;

    pub(in crate::graph) const NODE: ColumnIx = 1;
    pub(in crate::graph) const DIRECTION: ColumnIx = 2;
    pub(in crate::graph) const KIND: ColumnIx = 3;
    pub(in crate::graph) const OTHER: ColumnIx = 4;
    pub(in crate::graph) const AT: ColumnIx = 5;
    pub(in crate::graph) const BODY: ColumnIx = 6;
    pub(in crate::graph) const VERSION: ColumnIx = 7;
}

/// `degree(graph, node, direction, kind, count)`.
pub(super) mod degree {
    use pando_model::schema::ColumnIx;

    pub(in crate::graph) const NODE: ColumnIx = 1;
    pub(in crate::graph) const DIRECTION: ColumnIx = 2;
    pub(in crate::graph) const KIND: ColumnIx = 3;
    pub(in crate::graph) const COUNT: ColumnIx = 4;
}

/// Where the direction of an edge stands in its primary key.
pub(crate) const DIRECTION_OF_KEY: usize = 2;

/// The nodes.
pub(crate) static NODE: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_graph_node",
        columns: &[
            ("graph", ColumnType::Text, false),
            ("id", ColumnType::Text, false),
            ("kind", ColumnType::Text, false),
            ("body", ColumnType::Jsonb, false),
            ("version", ColumnType::Bigint, false),
        ],
        key: &[GRAPH, node::ID],
        shard_key: &[node::ID],
    };
    Arc::new(shape.table())
});

/// The edges, each twice: from the node it leaves, and from the node it enters. The index
/// holds a node's edges of one kind by time, with the node at the other end, so that a
/// traversal reads nothing but the index.
pub(crate) static EDGE: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_graph_edge",
        columns: &[
            ("graph", ColumnType::Text, false),
            ("node", ColumnType::Text, false),
            ("direction", ColumnType::Integer, false),
            ("kind", ColumnType::Text, false),
            ("other", ColumnType::Text, false),
            ("at", ColumnType::Timestamptz, false),
            ("body", ColumnType::Jsonb, false),
            ("version", ColumnType::Bigint, false),
        ],
        key: &[GRAPH, edge::NODE, edge::DIRECTION, edge::KIND, edge::OTHER],
        shard_key: &[edge::NODE],
    };
    let mut table = shape.table();
    table.indexes.push(Index {
        name: "_pando_graph_edge_by_time".to_owned(),
        columns: vec![
            (GRAPH, false),
            (edge::NODE, false),
            (edge::DIRECTION, false),
            (edge::KIND, false),
            (edge::AT, true),
        ],
        ..Index::default()
    });
    Arc::new(table)
});

/// How many edges of a kind leave or enter a node; none where there are none.
pub(crate) static DEGREE: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_graph_degree",
        columns: &[
            ("graph", ColumnType::Text, false),
            ("node", ColumnType::Text, false),
            ("direction", ColumnType::Integer, false),
            ("kind", ColumnType::Text, false),
            ("count", ColumnType::Bigint, false),
        ],
        key: &[GRAPH, degree::NODE, degree::DIRECTION, degree::KIND],
        shard_key: &[degree::NODE],
    };
    Arc::new(shape.table())
});

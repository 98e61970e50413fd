//! What things are called.

/// The table of rows.
pub const TABLE: &str = "entry";
/// What makes the table; its index is written with every row.
pub const TABLE_DDL: &str = "
CREATE TABLE entry (id bigint PRIMARY KEY, writer bigint NOT NULL, value bigint NOT NULL);
CREATE INDEX entry_writer ON entry (writer);
";
/// The space of the writers' keys.
pub const SPACE: &str = "own";
/// The space of what all writers count.
pub const SPACE_OF_ALL: &str = "all";
/// The key of a counter: in [`SPACE_OF_ALL`] of all writers, in [`SPACE`] behind a writer's name.
pub const COUNTER: &str = "counter";
/// The collection of documents.
pub const COLLECTION: &str = "paper";
/// The path of documents that is to be searched.
pub const SEARCHED: &str = "words";
/// The table of wide rows; each writer has a partition.
pub const WIDE: &str = "sheet";
/// The graph.
pub const GRAPH: &str = "net";
/// The kind of all nodes.
pub const NODE_KIND: &str = "thing";
/// The kinds of edges.
pub const KINDS: [&str; 2] = ["likes", "owns"];
/// Nodes that the edges of all writers lead to. Whoever runs the workload makes them first.
pub const HUBS: [&str; 2] = ["hub-0", "hub-1"];

/// Things of each sort that a writer has at most: few, so that they are written again and again.
const THINGS: u64 = 3;

/// What a writer's things are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names(pub u64);

impl Names {
    /// Its partition, and the word that all its documents hold.
    pub fn own(self) -> String {
        format!("w{}", self.0)
    }

    /// Its rows' ids.
    pub fn rows(self) -> Vec<u64> {
        (0..THINGS).map(|place| self.0 * 100 + place).collect()
    }

    /// Its keys, documents or nodes, which have the same names.
    pub fn things(self) -> Vec<String> {
        (0..THINGS)
            .map(|place| format!("w{}-{place}", self.0))
            .collect()
    }

    /// Whether a node is its own.
    pub fn owns(self, node: &str) -> bool {
        node.split_once('-')
            .is_some_and(|(own, _)| own == self.own())
    }

    /// Its counter's key.
    pub fn counter(self) -> String {
        format!("w{}-{COUNTER}", self.0)
    }

    /// The rows of its partition.
    pub fn wide_rows(self) -> Vec<String> {
        (0..THINGS).map(|place| format!("r{place}")).collect()
    }
}

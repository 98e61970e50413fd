//! Operations and transactions.

/// One operation. `value` is the number of its transaction, so that no two writers' and no two
/// transactions' are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Stores a row, whether it is there or not.
    PutRow {
        /// Its primary key.
        id: u64,
        /// Its column `writer`.
        writer: u64,
        /// Its column `value`.
        value: u64,
    },
    /// Removes a row that is there.
    DeleteRow {
        /// Its primary key.
        id: u64,
    },
    /// Stores a value under a key: the number as text.
    PutKey {
        /// The key.
        key: String,
        /// The value.
        value: u64,
    },
    /// Removes a key that is there.
    DeleteKey {
        /// The key.
        key: String,
    },
    /// Counts the writer's counter up.
    Count {
        /// The key.
        key: String,
        /// By so much.
        by: u64,
    },
    /// Counts the counter of all writers up by one.
    CountAll,
    /// Stores `{"value", "words"}`.
    PutDocument {
        /// The document.
        id: String,
        /// The word that is searched for.
        word: String,
        /// Its value.
        value: u64,
    },
    /// Merges `{"patched"}` into a document that is there.
    PatchDocument {
        /// The document.
        id: String,
        /// What `patched` becomes.
        value: u64,
    },
    /// Removes a document that is there.
    DeleteDocument {
        /// The document.
        id: String,
    },
    /// Writes the cells `f:a` and `g:b` of a row, at the time `value`.
    PutCells {
        /// The partition.
        partition: String,
        /// The row.
        row: String,
        /// Both cells' value, and their time in microseconds since 1970.
        value: u64,
    },
    /// Removes a wide row that is there.
    DeleteCells {
        /// The partition.
        partition: String,
        /// The row.
        row: String,
    },
    /// Stores a node with the body `{"value"}`.
    PutNode {
        /// The node.
        id: String,
        /// Its value.
        value: u64,
    },
    /// Merges `{"patched"}` into the body of a node that is there.
    PatchNode {
        /// The node.
        id: String,
        /// What `patched` becomes.
        value: u64,
    },
    /// Removes a node that is there, with all of its edges.
    DeleteNode {
        /// The node.
        id: String,
    },
    /// Stores an edge between nodes that are there, at the time `value`, with the body
    /// `{"value"}`.
    PutEdge {
        /// The node that it leaves.
        from: String,
        /// Its kind.
        kind: &'static str,
        /// The node that it enters: the same one, another, or a hub.
        to: String,
        /// Its value, and its time in microseconds since 1970.
        value: u64,
    },
    /// Removes an edge that is there.
    DeleteEdge {
        /// The node that it leaves.
        from: String,
        /// Its kind.
        kind: String,
        /// The node that it enters.
        to: String,
    },
}

/// What is sent as one request, under one idempotency key: all of it, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The idempotency key.
    pub key: String,
    /// In order. A single one is sent as the request of its own model.
    pub ops: Vec<Op>,
}

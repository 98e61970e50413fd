//! The same tests as `graph`, over SQLite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../graph/bench.rs"]
mod bench;
#[path = "../shard/concluded.rs"]
mod concluded;
#[path = "../graph/edges.rs"]
mod edges;
#[path = "../graph/nodes.rs"]
mod nodes;
#[path = "../graph/questions.rs"]
mod questions;
#[path = "../shard/sqlite.rs"]
mod shard;
#[path = "../graph/traversals.rs"]
mod traversals;

use shard::{Shard, shard};

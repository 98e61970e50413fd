//! Graphs over the memory engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod bench;
#[path = "../shard/concluded.rs"]
mod concluded;
mod edges;
mod engines;
mod naive;
mod nodes;
mod questions;
#[path = "../shard/memory.rs"]
mod shard;
mod traversals;

use shard::{Shard, shard};

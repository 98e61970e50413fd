//! Documents, from request to bytes, over the memory engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod arbitrary;
#[path = "../shard/concluded.rs"]
mod concluded;
mod lists;
mod searches;
#[path = "../shard/memory.rs"]
mod shard;
mod world;
mod writes;

use shard::{Shard, shard};

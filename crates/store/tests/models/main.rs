//! The models besides tables, from operation to result, over the memory engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod arbitrary;
mod behind;
mod bench;
#[path = "../shard/concluded.rs"]
mod concluded;
mod expiry;
mod kv;
mod sessions;
#[path = "../shard/memory.rs"]
mod shard;
mod versions;
mod wide;

use shard::{Shard, shard};

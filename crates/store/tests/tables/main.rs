//! Tables, from request to bytes, over the memory engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod aggregates;
mod arbitrary;
mod ask;
mod bench;
mod cursors;
mod embeds;
mod filters;
mod lost;
mod reads;
mod sessions;
#[path = "../shard/memory.rs"]
mod shard;
mod upserts;
mod writes;

use shard::{Shard, shard};

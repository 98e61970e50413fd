//! The same tests as `tables`, over SQLite: the answers are the same bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../tables/aggregates.rs"]
mod aggregates;
#[path = "../tables/arbitrary.rs"]
mod arbitrary;
#[path = "../tables/ask.rs"]
mod ask;
#[path = "../tables/bench.rs"]
mod bench;
#[path = "../tables/cursors.rs"]
mod cursors;
#[path = "../tables/embeds.rs"]
mod embeds;
#[path = "../tables/filters.rs"]
mod filters;
#[path = "../tables/reads.rs"]
mod reads;
#[path = "../tables/sessions.rs"]
mod sessions;
#[path = "../shard/sqlite.rs"]
mod shard;
#[path = "../tables/upserts.rs"]
mod upserts;
#[path = "../tables/writes.rs"]
mod writes;

use shard::{Shard, shard};

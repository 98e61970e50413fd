//! The same tests as `docs`, over SQLite: the answers are the same bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../docs/arbitrary.rs"]
mod arbitrary;
#[path = "../shard/concluded.rs"]
mod concluded;
#[path = "../docs/lists.rs"]
mod lists;
#[path = "../docs/searches.rs"]
mod searches;
#[path = "../shard/sqlite.rs"]
mod shard;
#[path = "../docs/world.rs"]
mod world;
#[path = "../docs/writes.rs"]
mod writes;

use shard::{Shard, shard};

//! The same tests as `models`, over SQLite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../models/arbitrary.rs"]
mod arbitrary;
#[path = "../models/behind.rs"]
mod behind;
#[path = "../models/bench.rs"]
mod bench;
#[path = "../shard/concluded.rs"]
mod concluded;
#[path = "../models/expiry.rs"]
mod expiry;
#[path = "../models/kv.rs"]
mod kv;
#[path = "../models/sessions.rs"]
mod sessions;
#[path = "../shard/sqlite.rs"]
mod shard;
#[path = "../models/versions.rs"]
mod versions;
#[path = "../models/wide.rs"]
mod wide;

use shard::{Shard, shard};

//! Queues on the store, from operation to result, over memory, SQLite and PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod behind_a_move;
mod bench;
#[path = "../shard/concluded.rs"]
mod concluded;
mod entries;
mod fake_broker;
mod gauges;
mod groups;
mod leases;
mod looking;
mod moving;
mod ordering;
mod postgres;
mod publishing;
mod random;

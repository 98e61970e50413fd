//! The web tier from the outside, over the memory engine.

// Clippy's own exemption covers test functions, not what they call; cases are tables.
#![allow(clippy::expect_used, clippy::panic, clippy::type_complexity)]

mod batch;
mod docs;
mod encryption;
#[path = "../../../store/tests/queues/fake_broker.rs"]
mod fake_broker;
mod graph;
mod limits;
mod models;
mod operation;
mod purges;
mod reads;
mod retries;
mod scopes;
mod security;
mod server;
mod sessions;
mod stamps;
mod strict;
mod tasks;
mod transactions;
mod world;
mod writes;

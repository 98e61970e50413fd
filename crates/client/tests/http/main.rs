//! The client against the real server: the web tier over the memory engine, on loopback.

// Clippy's own exemption covers test functions, not what they call; cases are tables.
#![allow(clippy::expect_used, clippy::panic, clippy::type_complexity)]

mod docs;
mod encryption;
mod failures;
mod graph;
mod kv;
mod proxy;
mod retries;
mod sessions;
mod tables;
mod transactions;
mod users;
mod wide;
mod world;

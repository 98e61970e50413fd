//! The PostgreSQL engine: one shard in one database.
//!
//! | room | what it does |
//! |---|---|
//! | [`engine`] | the port, and who does what on which connection |
//! | `pool`, `wire` | connections: how many, and what is prepared on one |
//! | `short`, `points` | reads of one statement, without a transaction around it; several by key in one |
//! | `session`, `read` | what a transaction does on a connection, and reads there |
//! | `sql` | plans to SQL |
//! | `writer` | transactions that write: fences, receipts, keys, feed |
//! | `apply` | changes of the physical schema |
//! | `verify` | whether the data is sound |
//!
//! How tables lie in the database, and why one write is carried out at a time, is told in
//! `docs/decisions/0006-postgresql.md`.
//!
//! What it does not do: it promotes nothing, reads from no replica, and copies nothing;
//! a copy is `pg_dump`'s or a base backup's to make.

mod apply;
mod cell;
mod column;
mod config;
pub mod engine;
mod fault;
mod feed;
mod layout;
mod open;
mod points;
mod pool;
mod progress;
mod read;
mod session;
mod shard;
mod short;
mod sql;
mod tls;
mod verify;
mod wire;
mod writer;

pub use config::PostgresConfig;
pub use engine::PostgresEngine;

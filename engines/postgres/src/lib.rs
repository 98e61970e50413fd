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
//! | [`adopt`] | databases that somebody else made |
//! | `bus` | what processes over one database tell one another |
//! | `apply` | changes of the physical schema |
//! | `verify` | whether the data is sound |
//! | `inspect` | its servers, and whether they are set up to keep what is promised |
//! | `trouble` | why a database cannot be used, and what to do about it |
//!
//! How tables lie in the database, and why one write is carried out at a time, is told in
//! `docs/decisions/0006-postgresql.md`.
//!
//! It follows whoever is promoted, and reads from replicas that have got far enough. What it does
//! not do: it promotes nobody, and copies nothing; a copy is `pg_dump`'s or a base backup's to make.

pub mod adopt;
mod apply;
mod bus;
mod cell;
mod column;
mod config;
pub mod engine;
mod fault;
mod feed;
mod inspect;
mod layout;
mod open;
mod pipeline;
mod plans;
mod points;
mod pool;
mod progress;
mod read;
mod reign;
mod session;
mod shard;
mod short;
mod sql;
mod tls;
mod topology;
mod trouble;
mod verify;
mod wire;
mod writer;

pub use config::{PostgresConfig, fault_of_url};
pub use engine::PostgresEngine;
pub use engine::opening::is_empty;
pub use inspect::inspect;
pub use trouble::Trouble;

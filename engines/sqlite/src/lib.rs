//! The SQLite engine: one shard in one file.
//!
//! | room | what it does |
//! |---|---|
//! | [`engine`] | the port, and who does what on which thread |
//! | `sql` | plans to SQL |
//! | `tree` | reads: selects and the resources embedded in their rows |
//! | `writer` | the one thread that writes: groups, fences, receipts, keys, feed |
//! | `apply` | changes of the physical schema |
//! | `backup`, `restore`, `verify` | copies, and whether the data is sound |
//!
//! How tables lie in the file, and why foreign keys are kept by the engine and
//! not by SQLite, is told in `docs/decisions/0001-layout-on-sqlite.md`.
//!
//! What it does not do: it makes sure of nothing between processes. That no
//! other process writes the file is the composition root's to see to.

mod apply;
mod backup;
mod cell;
mod config;
mod connection;
pub mod engine;
mod fault;
mod feed;
mod functions;
mod layout;
mod marks;
mod open;
mod readers;
mod restore;
mod sql;
mod tree;
mod tuple;
mod verify;
mod writer;

pub use config::{SqliteConfig, Synchronous};
pub use engine::SqliteEngine;
pub use restore::restore;
pub use verify::verify_file;

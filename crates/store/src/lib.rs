//! The data tier: tables over one relational core.
//!
//! A [`request`] names tables and columns as a caller wrote them; the store
//! resolves it against the schema into a plan, has the engine carry it out and
//! shapes the answer. It knows no HTTP and no SQL dialect of an engine's.
//!
//! Around that: [`ddl`] reads migrations, [`migrate`] applies them, [`adopt`] takes in tables that
//! are there already, [`catalog`]
//! keeps what the store must remember, [`keys`] says who may ask.

pub mod adopt;
mod aside;
pub mod catalog;
pub mod config;
pub mod ddl;
pub mod docs;
pub mod error;
mod expiry;
pub mod graph;
pub mod ids;
pub mod keys;
pub mod kv;
pub mod listening;
mod listing;
pub mod migrate;
mod models;
pub mod operation;
pub mod precondition;
pub mod queue;
mod refused;
mod relation;
pub mod request;
pub mod seal;
pub mod session;
pub mod sessions;
mod store;
pub mod tables;
pub mod tasks;
pub mod token;
pub mod wide;

pub use config::StoreConfig;
pub use expiry::Swept;
pub use store::Store;

//! The typed client of Pando's HTTP surface.
//!
//! [`Client`] speaks to one server. Its models give [`Call`]s: [`Client::table`],
//! [`Client::kv`], [`Client::docs`], [`Client::wide`], [`Client::graph`]; and so does what knows who
//! is logged in, [`Client::user_sessions`]. Awaiting a call sends
//! it; a [`Transaction`] takes the same calls and does all of them or none.
//!
//! - **Writes are done once.** Each carries an `Idempotency-Key` of its own and is sent again,
//!   with growing waits, when its answer did not come; what is not safe to send again is not.
//!   [`Retry`] says how patiently, [`Error::is_outcome_unknown`] what is left open.
//! - **A session reads what it wrote**, wherever the read is served: [`Session`].
//! - **Keys are shown nowhere**, not in `Debug` and not in logs.
//!
//! It does not find servers, balance between several, or cache.

mod address;
mod answer;
mod call;
mod client;
mod docs;
mod error;
mod graph;
mod kv;
mod page;
mod retry;
mod session;
mod tables;
mod transport;
mod tx;
mod users;
mod wide;

pub use address::encoded;
pub use answer::{Answer, Etag};
pub use call::{Call, Detailed};
pub use client::{Client, ClientBuilder};
pub use docs::{Collection, Document, DocumentStored};
pub use error::{Error, ErrorKind, Result};
pub use graph::{
    Direction, Edge, Edges, EdgesDeleted, Found, Graph, Hop, Node, Path, Recommended, Whole,
};
pub use kv::{Counted, Entry, Fetched, KeyInfo, KeyList, Kv, KvDone, KvOp, Stored};
pub use page::Page;
pub use retry::{Retry, Timer};
pub use session::{Consistency, Session};
pub use tables::{
    Change, Column, Documents, Filter, Literal, Ordering, Rows, Select, Table, all, any, column,
    quoted,
};
pub use tx::{Done, Place, Transaction};
pub use users::{
    GivenSession, HeldSession, SessionToken, SetCookie, UserSession, UserSessionList, UserSessions,
};
pub use wide::{CellsStored, Partition, Partitions, Slice, WideRow, WideTable};

/// The manual's examples are compiled with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/clients.md")]
#[doc = include_str!("../../../docs/ko/clients.md")]
struct Manual;

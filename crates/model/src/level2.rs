//! The port to what several processes share of what they loaded: the cache's second level.
//!
//! A [`Record`] says of a key what a read found, what it touched, and the position as of which
//! that is true. No happening makes such a record wrong; it only grows old. So the second level is
//! not trusted with freshness: it keeps no floors, follows no feed, and may lose, evict, delay or
//! bring back whatever it likes. Who takes a record compares it with what he knows himself. What
//! is lost costs a load, never a stale answer.

use crate::stamp::Position;
use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

/// What processes share. A key has to name all that an answer depends on besides its position: the
/// store (two stores have the same positions), shard, schema version, collection, and question.
///
/// Each call is atomic for its key and ends within a bound that the engine is given; one that is
/// cancelled, or fails, may have been carried out. Nothing but load depends on it.
#[async_trait]
pub trait Level2: Send + Sync + std::fmt::Debug {
    /// What lies there.
    async fn fetch(&self, key: &[u8]) -> Result<Option<Record>, Unreachable>;

    /// Lays a record down for so long, unless one lies there that is true as of later, or this one
    /// is larger than the engine keeps; whether it did. Doubled, only its time begins anew.
    async fn put(&self, key: &[u8], record: Record, keep: Duration) -> Result<bool, Unreachable>;

    /// Removes what lies there, if it is true as of before `at` only.
    async fn invalidate(&self, key: &[u8], at: Position) -> Result<(), Unreachable>;

    /// Asks to be the one who loads, for `span`. `past` is what was found there and is of no use:
    /// who laid down something newer meanwhile has loaded already. Asked for again by its
    /// `holder`, a lease is prolonged. Two may hold one, where the engine forgot the first.
    async fn lease(
        &self,
        key: &[u8],
        holder: u128,
        span: Duration,
        past: Option<Position>,
    ) -> Result<Lease, Unreachable>;

    /// Gives a lease back; one of another holder stays.
    async fn release(&self, key: &[u8], holder: u128) -> Result<(), Unreachable>;
}

/// A record of the second level. Engines read its position and keep its body as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// As of when it is true.
    pub at: Position,
    /// The rest.
    pub body: Bytes,
}

/// Who loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// He who asked.
    Granted,
    /// Another one, for so long at most.
    Held(Duration),
    /// Nobody need: this was laid down meanwhile.
    Newer(Record),
}

/// The second level did not answer, or not in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared cache did not answer: {reason}")]
pub struct Unreachable {
    /// What stood in the way.
    pub reason: String,
}

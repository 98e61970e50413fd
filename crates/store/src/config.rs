//! The store's limits and times. Where they are read from is the composition
//! root's business.

use crate::queue::QueuesConfig;
use crate::sessions::SessionsConfig;
use std::collections::BTreeMap;
use std::time::Duration;

/// How much one request may ask for, and how long things are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreConfig {
    /// Rows of a list at most; a longer one is cut, and the answer says so.
    pub max_rows: u64,
    /// Conditions of one request, those of embedded resources included. A hundred are more
    /// than any form has, and few enough to plan in microseconds.
    pub max_filters: usize,
    /// How deep resources may be embedded in each other. Each level is one look-up more.
    pub max_embed_depth: usize,
    /// Resources embedded in one request, at all depths together.
    pub max_embeds: usize,
    /// Fields that one request may select, those of embedded resources included.
    pub max_columns: usize,
    /// Values of all lists of one request that are looked up together: `in.(…)`, `eq(any)`,
    /// `neq(all)`. Of other `any` and `all` lists each value is a condition.
    pub max_list: usize,
    /// Rows of one write's body.
    pub max_write_rows: usize,
    /// Edges that one question to a graph may look at; an answer that met this bound says so.
    /// A question may ask for less.
    pub graph_max_visited: u64,
    /// Bytes of a document at most, as JSON.
    pub document_bytes_max: usize,
    /// How long an idempotency key and its answer are kept.
    pub receipt_ttl: Duration,
    /// How long a read waits for a commit that its caller has been handed the stamp of. Disks
    /// that stall in a sync do so for some hundred milliseconds.
    pub catch_up: Duration,
    /// Writes that wait in the journal of spaces that are written behind, of all spaces together,
    /// before others are done at once, as they are where nothing is written behind.
    pub journal_rows_max: u64,
    /// Families of wide-column tables, by table and name. One that is not declared keeps one
    /// version of a cell, for ever.
    pub families: BTreeMap<(String, String), Family>,
    /// Times and limits of sessions.
    pub sessions: SessionsConfig,
    /// The rules of queues.
    pub queues: QueuesConfig,
}

/// What a family of a wide-column table keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// How long a cell is kept from when it was written, unless the write says otherwise.
    pub ttl: Option<Duration>,
    /// How many versions of a cell are kept; one at least.
    pub versions: u32,
}

impl Default for Family {
    fn default() -> Family {
        Family {
            ttl: None,
            versions: 1,
        }
    }
}

impl Default for StoreConfig {
    fn default() -> StoreConfig {
        StoreConfig {
            max_rows: 1_000,
            max_filters: 100,
            max_embed_depth: 8,
            max_embeds: 32,
            max_columns: 1_000,
            max_list: 10_000,
            max_write_rows: 100_000,
            // A tenth of a second's work.
            graph_max_visited: 100_000,
            document_bytes_max: 16 << 20,
            receipt_ttl: Duration::from_secs(24 * 60 * 60),
            catch_up: Duration::from_secs(1),
            journal_rows_max: 10_000,
            families: BTreeMap::new(),
            sessions: SessionsConfig::default(),
            queues: QueuesConfig::default(),
        }
    }
}

//! What can be set of the cache tier.

use crate::config::units::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is kept in memory in front of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// A Redis that all processes share what they loaded by: `redis://HOST:6379/0`, with TLS
    /// `rediss://…`, behind sentinels `redis+sentinel://HOST:26379,HOST:26379/NAME`, a cluster
    /// `redis+cluster://HOST:6379,HOST:6379`. Without one each process has its own memory only.
    pub redis: Option<String>,
    /// A file with Redis's password and nothing else.
    #[schemars(extend("x-path" = true))]
    pub redis_password_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for Redis; the system's where none are named.
    #[schemars(extend("x-path" = true))]
    pub redis_ca_file: Option<PathBuf>,
    /// How long Redis may take to answer; then it is as if it were not there.
    pub redis_timeout: Duration,
    /// How long a process waits while another one loads what it wants, before it loads that
    /// itself. Who loads holds a lease for a third of it, again and again.
    pub load_patience: Duration,
    /// The collections that are cached, by name: `rest/TABLE`, `docs/NAME`, `kv/SPACE`,
    /// `wide/TABLE`, `graph/NAME`. A table may say the same in its `WITH (cache = …)`; what
    /// stands here goes before it.
    pub collections: BTreeMap<String, CachedCollection>,
    /// The journal of key-values that are written behind.
    pub journal: Journal,
}

/// The journal of key-values that are written behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// How often what waits is applied: `10ms` to `10m`. The longer, the more writes of one key
    /// become one.
    pub flush_interval: Duration,
    /// How many writes may wait, 1 to 1000000; what is more is written at once, as elsewhere. Each
    /// process goes by what it found a second ago at most and by what it wrote since, so several
    /// together may exceed it for as long. A write may be as large as `limits.max_body`.
    pub max_rows: u64,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal {
            flush_interval: Duration::millis(100),
            max_rows: 10_000,
        }
    }
}

/// How a collection is cached. What is left out is as the table's `WITH (…)` has it, or else the
/// default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CachedCollection {
    /// How reads and writes go by the cache; `read-through` if nothing is said.
    #[schemars(extend("x-reload" = true))]
    pub strategy: Option<StrategyName>,
    /// What leaves a full cache first; `s3fifo` if nothing is said.
    #[schemars(extend("x-reload" = true))]
    pub eviction: Option<EvictionName>,
    /// How much may lie in the memory of each process, bookkeeping included; `64MiB` if nothing
    /// is said.
    #[schemars(extend("x-reload" = true))]
    pub capacity: Option<ByteSize>,
    /// How long an answer is fresh; `0s` is until it changes, `5m` if nothing is said.
    #[schemars(extend("x-reload" = true))]
    pub ttl: Option<Duration>,
    /// Up to which share of it a TTL is shortened by chance, so that what was loaded together does
    /// not run out together; 0.1 if nothing is said.
    #[schemars(extend("x-reload" = true))]
    pub ttl_jitter: Option<f64>,
    /// How long past its TTL an answer is given while it is loaded anew.
    #[schemars(extend("x-reload" = true))]
    pub stale_while_revalidate: Option<Duration>,
    /// How long past its TTL an answer is given where the store fails.
    #[schemars(extend("x-reload" = true))]
    pub stale_if_error: Option<Duration>,
    /// How long it is remembered that there is nothing; `0s` is never, `10s` if nothing is said.
    #[schemars(extend("x-reload" = true))]
    pub negative_ttl: Option<Duration>,
    /// Whether it is told which hit ratio other policies and sizes would have; `false` if nothing
    /// is said.
    #[schemars(extend("x-reload" = true))]
    pub shadow: Option<bool>,
    /// What is loaded before it is asked for, after a start and after all was dropped: the query
    /// string of a list, as a client asks for it. Each of its entries is then asked for by its key,
    /// in order: `select=*&order=views.desc&limit=1000` of a table, `prefix=user:&limit=500` of
    /// key-values. Nothing if nothing is said.
    #[schemars(extend("x-reload" = true))]
    pub warm: Option<String>,
    /// How many entries are loaded so in a second at most; `200` if nothing is said.
    #[schemars(extend("x-reload" = true))]
    pub warm_rate: Option<u32>,
}

/// How reads and writes of a collection go by its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum StrategyName {
    /// It is not cached, whatever the table or the file say.
    Off,
    /// A miss is loaded by the process that met it.
    CacheAside,
    /// One process of all loads a key.
    ReadThrough,
    /// A write lays down what it wrote.
    WriteThrough,
    /// A write is acknowledged once the journal has it: for `kv/SPACE` alone.
    WriteBehind,
    /// A write of this process invalidates by the feed alone.
    WriteAround,
    /// What is read in the last part of its TTL is loaded anew behind the answer.
    RefreshAhead,
}

/// What leaves a full cache first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum EvictionName {
    /// What was not used for the longest time.
    Lru,
    /// What is used seldom (W-TinyLFU).
    Lfu,
    /// What came first.
    Fifo,
    /// What was not used again soon after it came (S3-FIFO).
    S3fifo,
    /// What was not used since the hand came by (SIEVE).
    Sieve,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache {
            redis: None,
            redis_password_file: None,
            redis_ca_file: None,
            redis_timeout: Duration::millis(50),
            load_patience: Duration::seconds(3),
            journal: Journal::default(),
            collections: BTreeMap::new(),
        }
    }
}

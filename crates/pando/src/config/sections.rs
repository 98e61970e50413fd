//! What can be set: one struct for each table of `pando.toml`.
//!
//! The doc comment of a field is its documentation everywhere: in the annotated
//! file, in the JSON Schema and in editors. `x-reload` marks what SIGHUP and the
//! admin API change in a running server; `x-path` what is relative to the file.

mod cache;
mod exchanges;
mod listeners;
mod queues;
mod sessions;
mod store;
mod topics;
mod workers;

pub use cache::{Cache, CachedCollection, EvictionName, StrategyName};
pub use exchanges::{Exchange, ExchangeBinding, ExchangeKind};
pub use listeners::{Listener, OnFailureName, PhaseName};
pub use queues::{Messaging, Queue, QueueBackoff, QueuePlace, QueueSchedule};
pub use sessions::{DataAccess, Sessions};
pub use store::{EngineKind, Postgres, Store};
pub use topics::Topics;
pub use workers::Worker;

use super::units::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Everything that can be set. Nothing is required: each setting has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen: one address, or a list of them. On an address that is not loopback
    /// every request needs a key.
    pub listen: Listen,
    /// The folder that holds the data, the root key and the lock.
    #[schemars(extend("x-path" = true))]
    pub data_dir: PathBuf,
    /// Who may ask.
    pub auth: Auth,
    /// What is kept in memory in front of the store.
    pub cache: Cache,
    /// Which web pages may ask.
    pub cors: Cors,
    /// How much one request, one caller and all of them may take.
    pub limits: Limits,
    /// What is declared of collections of documents, by their names.
    pub docs: BTreeMap<String, Collection>,
    /// What of the application is called when data changes, by name: `[listeners.search]`.
    pub listeners: BTreeMap<String, Listener>,
    /// Exchanges, by name: `[exchanges.orders]`. What is published to one goes to several queues.
    pub exchanges: BTreeMap<String, Exchange>,
    /// Where queues keep their messages.
    pub queue: Messaging,
    /// What is declared of queues, by their names.
    pub queues: BTreeMap<String, Queue>,
    /// Sessions of an application's users.
    pub sessions: Sessions,
    /// Encryption with certificates from files.
    pub tls: Tls,
    /// Where and how data is kept.
    pub store: Store,
    /// What is told about it.
    pub log: Log,
    /// Topics, and those who listen: to them and to changes.
    pub topics: Topics,
    /// Wide-column tables, by name: `[wide.weather.families.obs]`.
    pub wide: BTreeMap<String, WideTable>,
    /// What works on messages of queues, by name: `[workers.mailer]`.
    pub workers: BTreeMap<String, Worker>,
}

/// One address or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected an address such as \"127.0.0.1:8080\", or a list of them"
)]
pub enum Listen {
    /// `"127.0.0.1:8080"`.
    One(#[schemars(with = "String")] SocketAddr),
    /// `["127.0.0.1:8080", "[::1]:8080"]`.
    Several(#[schemars(with = "Vec<String>")] Vec<SocketAddr>),
}

/// Who may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Whether requests need a key on loopback too. Elsewhere they always do.
    #[schemars(extend("x-reload" = true))]
    pub required: bool,
}

/// Which web pages may ask: none until they are named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins of pages that may ask, such as `https://app.example.com`; `*` for all.
    #[schemars(extend("x-reload" = true))]
    pub origins: Vec<String>,
    /// How long a browser may keep the answer to a preflight request.
    #[schemars(extend("x-reload" = true))]
    pub max_age: Duration,
}

/// How much one request, one caller and all of them may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest body; a larger one is refused (413) without being read.
    pub max_body: ByteSize,
    /// The most headers of one request.
    pub max_headers: u32,
    /// All headers of one request together.
    pub max_header_bytes: ByteSize,
    /// The longest path and query together (414).
    pub max_uri: ByteSize,
    /// The most rows of one answer; a cut is said in `Pando-Truncated`.
    pub max_rows: u64,
    /// The most conditions of one request.
    pub max_filters: u32,
    /// How deep resources may be embedded in one another.
    pub max_embed_depth: u32,
    /// The most columns that one request may name.
    pub max_columns: u32,
    /// The most edges that one question to a graph looks at; an answer that met it says so.
    pub max_visited: u64,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long a caller may take to send its headers.
    pub header_timeout: Duration,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// The most requests under way at once; more are told 503.
    pub max_requests: u32,
    /// The most open connections.
    pub max_connections: u32,
    /// How long requests under way may take to end when the server is told to stop.
    pub drain_timeout: Duration,
}

/// What is declared of a collection of documents. Paths are written as in filters: `region`,
/// `name->>common`. Changes are taken over at the next start, while requests are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Collection {
    /// Paths that filters find documents by. Each costs every write of the collection.
    pub indexes: Vec<String>,
    /// Paths whose texts `search=` looks through.
    pub search: Vec<String>,
}

/// Encryption. Both files, or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate and its chain, PEM. The file is read again on reload.
    #[schemars(extend("x-path" = true))]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM. The file is read again on reload.
    #[schemars(extend("x-path" = true))]
    pub key: Option<PathBuf>,
}

/// A wide-column table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WideTable {
    /// Its families; one that is not named keeps one version of each cell, for ever.
    pub families: BTreeMap<String, Family>,
}

/// A family of a wide-column table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Family {
    /// How long a cell lives from when it is written; for ever if nothing is said.
    pub ttl: Option<Duration>,
    /// How many versions of a cell are kept.
    pub versions: u32,
}

/// What is told about it, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`; by part too: `info,pando_web=debug`.
    #[schemars(extend("x-reload" = true))]
    pub level: String,
    /// `auto` is `text` on a terminal, else `json`.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LogFormat {
    /// By what standard error is.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Pando's port on loopback.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Listen {
    /// All addresses, in the order given.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Listen::One(one) => vec![*one],
            Listen::Several(several) => several.clone(),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: Listen::One(LISTEN),
            data_dir: PathBuf::from("data"),
            auth: Auth::default(),
            cache: Cache::default(),
            cors: Cors::default(),
            limits: Limits::default(),
            docs: BTreeMap::new(),
            listeners: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            queue: Messaging::default(),
            queues: BTreeMap::new(),
            sessions: Sessions::default(),
            tls: Tls::default(),
            store: Store::default(),
            log: Log::default(),
            topics: Topics::default(),
            wide: BTreeMap::new(),
            workers: BTreeMap::new(),
        }
    }
}

impl Default for Cors {
    fn default() -> Cors {
        Cors {
            origins: Vec::new(),
            max_age: Duration::seconds(600),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_body: ByteSize::mib(16),
            max_headers: 100,
            max_header_bytes: ByteSize::kib(64),
            max_uri: ByteSize::kib(32),
            max_rows: 1_000,
            max_filters: 100,
            max_embed_depth: 8,
            max_columns: 1_000,
            max_visited: 100_000,
            request_timeout: Duration::seconds(30),
            header_timeout: Duration::seconds(10),
            idle_timeout: Duration::seconds(75),
            max_requests: 4_096,
            max_connections: 8_192,
            drain_timeout: Duration::seconds(10),
        }
    }
}

impl Default for Family {
    fn default() -> Family {
        Family {
            ttl: None,
            versions: 1,
        }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log {
            level: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

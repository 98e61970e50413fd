//! What can be set of the store, and of the engine below it.

use crate::config::units::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where and how data is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `sqlite`: a file under `data_dir`, synced before each answer. `postgres`: a PostgreSQL
    /// database, which several processes may serve. `memory`: gone when the process ends, and
    /// every answer's durability says so.
    pub engine: EngineKind,
    /// Whether `pando serve` applies new migrations when it starts.
    pub migrate: bool,
    /// The folder that holds the migrations, `NNNN_name.sql`.
    #[schemars(extend("x-path" = true))]
    pub migrations: PathBuf,
    /// How many readers of SQLite work at once; 0 is one for each core, two at least.
    pub readers: u32,
    /// The page cache of each of them.
    pub page_cache: ByteSize,
    /// The most writes that share one sync.
    pub max_group: u32,
    /// The most writes that may wait; more are told 503.
    pub write_queue: u32,
    /// How long the answer to a write with an idempotency key is kept.
    pub receipt_ttl: Duration,
    /// How often what has run out is swept away. Nobody can read it in any case.
    pub sweep_interval: Duration,
    /// The PostgreSQL database of `engine = "postgres"`: where it is, and how it is used.
    /// Passwords are never written here.
    pub postgres: Postgres,
}

/// A PostgreSQL database: where it is, and how it is used. Passwords are never written here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Postgres {
    /// The primary: `postgres://pando@db.example:5432/pando`. Where it may move, name all hosts:
    /// `postgres://pando@a.example:5432,b.example:5432/pando`. Without a password.
    pub url: Option<String>,
    /// Servers that copy the primary and may answer reads, each as a url.
    pub replicas: Vec<String>,
    /// REST addresses of Patroni, such as `http://a.example:8008`: they tell who the primary is.
    pub patroni: Vec<String>,
    /// A file with the password and nothing else, which only this user may read.
    #[schemars(extend("x-path" = true))]
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the servers. With it all connections are
    /// encrypted and names are checked; without it none are.
    #[schemars(extend("x-path" = true))]
    pub ca_file: Option<PathBuf>,
    /// Connections of this process that read, to each server; one more to the primary writes.
    pub pool: u32,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// How long writes wait for a primary before they are told 503.
    pub write_buffer: Duration,
    /// A replica that is further behind is not asked.
    pub max_lag: Duration,
}

/// Which engine keeps the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum EngineKind {
    /// An embedded SQLite file.
    #[default]
    Sqlite,
    /// A PostgreSQL database.
    Postgres,
    /// Memory.
    Memory,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            engine: EngineKind::Sqlite,
            migrate: false,
            migrations: PathBuf::from("migrations"),
            readers: 0,
            page_cache: ByteSize::mib(4),
            max_group: 256,
            write_queue: 8_192,
            receipt_ttl: Duration::seconds(86_400),
            sweep_interval: Duration::seconds(10),
            postgres: Postgres::default(),
        }
    }
}

impl Default for Postgres {
    fn default() -> Postgres {
        Postgres {
            url: None,
            replicas: Vec::new(),
            patroni: Vec::new(),
            password_file: None,
            ca_file: None,
            pool: 8,
            statement_timeout: Duration::seconds(60),
            connect_timeout: Duration::seconds(10),
            write_buffer: Duration::seconds(30),
            max_lag: Duration::seconds(10),
        }
    }
}

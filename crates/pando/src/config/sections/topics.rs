//! What can be set of topics and of the change feed.

use crate::config::units::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Topics, and those who listen: to them and to changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    /// What tells the other processes what is published: `store`, which PostgreSQL can do, or a
    /// Redis, such as `redis://host:port`, in the forms of `[cache] redis`, or a NATS with JetStream,
    /// such as `nats://host:4222`, with TLS `tls://…`. Where it is not given it is the store if that
    /// is PostgreSQL; else there is one process, and nothing is needed.
    pub bus: Option<String>,
    /// A file that holds the password of that Redis, and nothing else.
    #[schemars(extend("x-path" = true))]
    pub bus_password_file: Option<PathBuf>,
    /// A file of credentials of that NATS.
    #[schemars(extend("x-path" = true))]
    pub bus_credentials_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for that Redis or NATS; the system's where not
    /// given.
    #[schemars(extend("x-path" = true))]
    pub bus_ca_file: Option<PathBuf>,
    /// The messages of a topic that are kept for those who are slow, or come back.
    pub ring: u32,
    /// What all of them may take together; beyond, the oldest of all goes first.
    pub ring_memory: ByteSize,
    /// The largest message; a larger one is refused (413).
    pub max_message: ByteSize,
    /// The most who may listen to one process; more are told 503. They hold connections, of which
    /// there are `limits.max_connections`.
    pub max_subscribers: u32,
    /// Who was told nothing for so long is sent something that he does not see. At most half of
    /// `limits.idle_timeout`: whoever takes nothing for that long is cut off.
    pub heartbeat: Duration,
    /// When those who were cut off come back, at the earliest; it is spread over twice that.
    pub retry: Duration,
}

impl Default for Topics {
    fn default() -> Topics {
        Topics {
            bus: None,
            bus_password_file: None,
            bus_credentials_file: None,
            bus_ca_file: None,
            ring: 256,
            ring_memory: ByteSize::mib(64),
            max_message: ByteSize::kib(64),
            max_subscribers: 4_096,
            heartbeat: Duration::seconds(15),
            retry: Duration::seconds(2),
        }
    }
}

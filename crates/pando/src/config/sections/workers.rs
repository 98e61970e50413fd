//! What can be set of workers.

use crate::config::units::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A worker: it posts the messages of a queue to a URL of the application, or runs a command for
/// each. It has a `url` or a `command`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// The queue that it works on; the one of its own name if nothing is said.
    pub queue: Option<String>,
    /// The group of consumers that it belongs to; `default` if nothing is said.
    pub group: Option<String>,
    /// Where messages are posted to: `http://127.0.0.1:3000/hooks/mail`. An answer of 2xx
    /// acknowledges.
    pub url: Option<String>,
    /// What is run for each message, as a list of its words: `["python3", "mail.py"]`. The
    /// message is on its standard input; exit status 0 acknowledges.
    pub command: Option<Vec<String>>,
    /// How long one attempt may take, `10ms` to `12h`. Then the connection is closed, or the command
    /// killed with all of its process group.
    pub timeout: Duration,
    /// How many messages are begun at most: `50/s`, `100/m`, `1000/h`; as many as there are if
    /// nothing is said. For each process.
    pub rate: Option<String>,
    /// How long a lease lasts before it is extended, so how long a message stays with a process
    /// that was killed; `1s` to `12h`, the queue's if nothing is said.
    pub visibility: Option<Duration>,
    /// Statuses of answers, or of exits, after which a message is a dead letter at once; 410 for
    /// a `url` and none for a `command` if nothing is said.
    pub dead_on: Option<Vec<u16>>,
    /// A file with the secrets that messages are signed with, as Standard Webhooks has it: lines of
    /// `whsec_` and base64. They are not signed if nothing is said.
    #[schemars(extend("x-path" = true))]
    pub secret_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the `url`; the system's where none are named.
    #[schemars(extend("x-path" = true))]
    pub ca_file: Option<PathBuf>,
    /// How many messages are worked on at once. For each process.
    pub concurrency: Concurrency,
    /// How that follows the load.
    pub scaling: Scaling,
}

/// How many messages are worked on at once. For each process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Concurrency {
    /// There is always room for so many.
    pub min: u32,
    /// There is never room for more.
    pub max: u32,
}

/// How that follows the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scaling {
    /// Which share of its time a place for a message is busy, where there are as many as arrivals
    /// need.
    pub utilisation: f64,
    /// Within which time what waits is to be worked off.
    pub drain_target: Duration,
    /// How old a message may become before it is leased.
    pub oldest_objective: Duration,
    /// For so long fewer must have been enough, before there are fewer.
    pub down_after: Duration,
    /// Then so long lies between two steps down.
    pub down_every: Duration,
}

impl Default for Worker {
    fn default() -> Worker {
        Worker {
            queue: None,
            group: None,
            url: None,
            command: None,
            timeout: Duration::seconds(30),
            rate: None,
            visibility: None,
            dead_on: None,
            secret_file: None,
            ca_file: None,
            concurrency: Concurrency::default(),
            scaling: Scaling::default(),
        }
    }
}

impl Default for Concurrency {
    fn default() -> Concurrency {
        Concurrency { min: 1, max: 32 }
    }
}

impl Default for Scaling {
    fn default() -> Scaling {
        Scaling {
            utilisation: 0.7,
            drain_target: Duration::seconds(30),
            oldest_objective: Duration::seconds(30),
            down_after: Duration::seconds(60),
            down_every: Duration::seconds(10),
        }
    }
}

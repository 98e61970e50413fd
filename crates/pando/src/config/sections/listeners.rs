//! What can be set of listeners.

use super::queues::QueueBackoff;
use crate::config::units::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A listener: a URL of the application that is called when data changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listener {
    /// Of what it hears: `rest/TABLE`, `docs/COLLECTION`, `kv/SPACE`, `wide/TABLE`, `graph/GRAPH`,
    /// or `*` for all of a surface; behind it `:insert`, `:update` or `:delete` for one kind of change
    /// alone. `["rest/orders:insert", "docs/*"]`.
    pub on: Vec<String>,
    /// In which phase of a write it is called: `before-commit`, where it may veto; `after-commit`,
    /// at least once, whatever happens in between; or `after-rollback`, when a write was refused, as
    /// far as the process lives.
    pub phase: PhaseName,
    /// Where it is called: `http://127.0.0.1:3000/hooks/orders`. An answer of 2xx is well.
    pub url: Option<String>,
    /// How long one call may take: `10ms` to `30s` before a commit, which waits for it; `12h` after
    /// one.
    pub timeout: Duration,
    /// What becomes of a write if a listener before its commit does not answer as it should: it is
    /// refused (503), or allowed.
    pub on_failure: OnFailureName,
    /// Whether what is told after a commit has the item as it is then, besides its key.
    pub record: bool,
    /// How many calls after a commit there may be at once; of one item there is one. For each
    /// process.
    pub concurrency: u32,
    /// How often a call after a commit is tried, 1 to 10000; then it is a dead letter of the queue
    /// `listener.NAME`.
    pub attempts: u32,
    /// How long it waits for its next attempt.
    pub backoff: QueueBackoff,
    /// A file with the secrets that calls are signed with, as Standard Webhooks has it: lines of
    /// `whsec_` and base64. They are not signed if nothing is said.
    #[schemars(extend("x-path" = true))]
    pub secret_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the `url`; the system's where none are named.
    #[schemars(extend("x-path" = true))]
    pub ca_file: Option<PathBuf>,
}

/// In which phase of a write a listener is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum PhaseName {
    /// Before it is committed; it may veto.
    BeforeCommit,
    /// After it was committed, at least once.
    #[default]
    AfterCommit,
    /// After it was refused.
    AfterRollback,
}

/// What becomes of a write whose listener does not answer as it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum OnFailureName {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes on as if the listener had allowed it.
    Allow,
}

impl Default for Listener {
    fn default() -> Listener {
        Listener {
            on: Vec::new(),
            phase: PhaseName::default(),
            url: None,
            timeout: Duration::seconds(5),
            on_failure: OnFailureName::default(),
            record: true,
            concurrency: 8,
            attempts: 16,
            backoff: QueueBackoff::default(),
            secret_file: None,
            ca_file: None,
        }
    }
}

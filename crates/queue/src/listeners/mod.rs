//! Listeners: what an application has called when its data changes, and in which phase of a write.
//!
//! | phase | when | what it can do | if it fails |
//! |---|---|---|---|
//! | before commit | the write is worked out and not done; nobody waits for it | veto | the write is refused, or let go |
//! | after commit | some time after, at least once, in order for each item | – | it is tried again; then it is a dead letter |
//! | after rollback | a write was refused | – | it is counted |
//!
//! Which changes a listener hears of says [`Pattern`]; what it is told [`Change`]. Here are the words
//! and the rules. Writes are held up for their listeners, and the journal of what was committed is
//! kept, in `pando_store::listening` (`docs/decisions/0014-listeners.md`).

mod change;
mod listener;
mod pattern;
mod registry;

pub use change::{Change, Committed};
pub use listener::{Asked, Listener, RolledBack, Verdict};
pub use pattern::{Pattern, PatternError};
pub use registry::{ListenerReport, Listeners, Objection, Registered};

/// In which phase of a write a listener is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before it is committed; it may veto.
    BeforeCommit,
    /// After it was committed, whatever happens in between.
    AfterCommit,
    /// After it was refused.
    AfterRollback,
}

impl Phase {
    /// All of them.
    pub const ALL: [Phase; 3] = [
        Phase::BeforeCommit,
        Phase::AfterCommit,
        Phase::AfterRollback,
    ];

    /// `before-commit`, `after-commit` or `after-rollback`.
    pub fn name(self) -> &'static str {
        match self {
            Phase::BeforeCommit => "before-commit",
            Phase::AfterCommit => "after-commit",
            Phase::AfterRollback => "after-rollback",
        }
    }
}

/// What the queues of listeners begin with: that of `search` is `listener.search`.
pub const QUEUE_PREFIX: &str = "listener.";

/// The queue that keeps what a listener is told after a commit until it has heard it.
pub fn queue_of(listener: &str) -> String {
    format!("{QUEUE_PREFIX}{listener}")
}

//! What an engine can answer besides a result.

use std::borrow::Cow;
use std::time::Duration;

/// The reason of [`EngineError::Unavailable`] where there is no room for what is written.
pub const DISK_FULL: &str = "the disk is full";

/// A request that was understood and not carried out; nothing of it happened.
/// Its parts are PostgreSQL's, and the same on every engine, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// SQLSTATE (`23505`) or a code of PostgREST's (`PGRST116`).
    pub code: Cow<'static, str>,
    /// What is wrong, in PostgreSQL's words where it has some.
    pub message: String,
    /// What exactly, e.g. `Key (id)=(1) already exists.`
    pub details: Option<String>,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without details and hint.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Refusal {
        Refusal {
            code: code.into(),
            message: message.into(),
            details: None,
            hint: None,
        }
    }

    /// The same refusal, with details.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Refusal {
        self.details = Some(details.into());
        self
    }

    /// The same refusal, with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }
}

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The request breaks a rule of the data: constraint, domain, limit.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The plan was made for another schema; plan again and retry.
    #[error("the schema is at version {current}, the plan was made for another")]
    SchemaChanged {
        /// The version in force.
        current: u64,
    },
    /// The slot is not owned here, or not at the epoch that the caller knows.
    #[error("slot {slot} has moved")]
    Moved {
        /// Which slot.
        slot: u32,
    },
    /// The idempotency key was used before, for another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// Not now: nothing was done, and the same request may succeed later.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What is missing: `disk full`, `the write queue is full`, …
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// No copy contains yet what the caller has seen.
    #[error("no copy has got as far as the caller has")]
    Behind,
    /// It may have been done or not; only a receipt can tell.
    #[error("the outcome is unknown: {reason}")]
    OutcomeUnknown {
        /// What happened to the commit.
        reason: String,
    },
    /// The files are damaged.
    #[error("the data is damaged: {0}")]
    Corrupt(String),
    /// This engine cannot do that.
    #[error("the {engine} engine does not support {what}")]
    Unsupported {
        /// Which engine.
        engine: &'static str,
        /// What was asked of it.
        what: &'static str,
    },
    /// A fault of the engine's own.
    #[error("{context}: {source}")]
    Internal {
        /// Verb and object of what was tried.
        context: String,
        /// The fault.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl EngineError {
    /// Whether the same request may be sent again without doubling a write.
    pub fn is_retry_safe(&self) -> bool {
        matches!(
            self,
            EngineError::SchemaChanged { .. }
                | EngineError::Moved { .. }
                | EngineError::Behind
                | EngineError::Unavailable { .. }
        )
    }

    /// The same for one of several who waited for the same answer.
    pub fn of_shared(error: std::sync::Arc<EngineError>) -> EngineError {
        let error = match std::sync::Arc::try_unwrap(error) {
            Ok(alone) => return alone,
            Err(shared) => shared,
        };
        match &*error {
            EngineError::Refused(refusal) => EngineError::Refused(refusal.clone()),
            EngineError::SchemaChanged { current } => {
                EngineError::SchemaChanged { current: *current }
            }
            EngineError::Moved { slot } => EngineError::Moved { slot: *slot },
            EngineError::KeyReused => EngineError::KeyReused,
            EngineError::Unavailable {
                reason,
                retry_after,
            } => EngineError::Unavailable {
                reason: reason.clone(),
                retry_after: *retry_after,
            },
            EngineError::Behind => EngineError::Behind,
            EngineError::OutcomeUnknown { reason } => EngineError::OutcomeUnknown {
                reason: reason.clone(),
            },
            EngineError::Corrupt(reason) => EngineError::Corrupt(reason.clone()),
            EngineError::Unsupported { engine, what } => EngineError::Unsupported { engine, what },
            EngineError::Internal { context, source } => {
                EngineError::internal(context.clone(), source.to_string())
            }
        }
    }

    /// A fault of the engine's own, with what was tried.
    pub fn internal(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> EngineError {
        EngineError::Internal {
            context: context.into(),
            source: source.into(),
        }
    }
}

//! What can go wrong inside, and which of the port's errors it becomes.

use pando_model::error::{DISK_FULL, EngineError, Refusal};
use rusqlite::ErrorCode;
use std::time::Duration;

/// The way out of damage, in every message about it.
pub(crate) const WAY_OUT: &str =
    "restore the latest backup into a new place with `pando restore`, and keep this file";

/// A step's error: one that the caller is told, or SQLite's own.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The port's word.
    Engine(EngineError),
    /// SQLite's word.
    Sqlite(rusqlite::Error),
}

/// The result of a step.
pub(crate) type Step<T> = std::result::Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Sqlite(error)
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Fault {
        Fault::Engine(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        Fault::Engine(EngineError::Refused(refusal))
    }
}

impl Fault {
    /// The port's error; `context` is verb and object of what was tried.
    pub(crate) fn into_engine(self, context: &str) -> EngineError {
        match self {
            Fault::Engine(error) => error,
            Fault::Sqlite(error) => engine_error(error, context),
        }
    }

    /// Whether it says something about the request, and not about the file or the machine.
    pub(crate) fn is_about_the_request(&self) -> bool {
        matches!(
            self,
            Fault::Engine(
                EngineError::Refused(_)
                    | EngineError::SchemaChanged { .. }
                    | EngineError::Moved { .. }
                    | EngineError::KeyReused
                    | EngineError::Unsupported { .. }
            )
        )
    }

    /// SQLite's primary code, where it is SQLite's error.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Fault::Sqlite(error) => error.sqlite_error_code(),
            Fault::Engine(_) => None,
        }
    }

    /// Whether a key of a table or of a unique index was there already.
    pub(crate) fn is_constraint(&self) -> bool {
        self.code() == Some(ErrorCode::ConstraintViolation)
    }
}

/// SQLite's words for a statement that is larger than it takes.
const TOO_LARGE: [&str; 5] = [
    "Expression tree is too large",
    "parser stack overflow",
    "too many SQL variables",
    "too many columns in",
    "too many terms in",
];

/// A statement that could not be prepared: what a request asked for is refused where it was
/// too much at once.
pub(crate) fn unprepared(error: rusqlite::Error) -> Fault {
    let word = error.to_string();
    if !TOO_LARGE.iter().any(|known| word.contains(known)) {
        return error.into();
    }
    let refusal = Refusal::new("54001", "statement too complex");
    refusal
        .hint("Ask for less at once: fewer conditions, values or order terms.")
        .into()
}

/// A statement took more than it was allowed.
pub(crate) fn interrupted() -> Fault {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT);
    rusqlite::Error::SqliteFailure(code, None).into()
}

/// Not now; nothing was done.
pub(crate) fn unavailable(reason: impl Into<String>, retry_after: Duration) -> EngineError {
    EngineError::Unavailable {
        reason: reason.into(),
        retry_after,
    }
}

/// Damage, with the way out.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> EngineError {
    EngineError::Corrupt(format!("{what}; {WAY_OUT}"))
}

fn engine_error(error: rusqlite::Error, context: &str) -> EngineError {
    const SHORTLY: Duration = Duration::from_secs(1);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => unavailable(DISK_FULL, Duration::from_secs(5)),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            unavailable("the database is busy", SHORTLY)
        }
        Some(ErrorCode::SystemIoFailure) => {
            tracing::error!(%error, context, "the disk failed");
            unavailable("the disk failed", SHORTLY)
        }
        Some(ErrorCode::OutOfMemory) => unavailable("out of memory", SHORTLY),
        Some(ErrorCode::OperationInterrupted) => unavailable("the read was given up", SHORTLY),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            corrupt(format!("{context}: {error}"))
        }
        _ => EngineError::internal(context, error),
    }
}

//! What can go wrong inside, and which of the port's errors it becomes.

use pando_model::error::{DISK_FULL, EngineError, Refusal};
use std::time::Duration;
use tokio_postgres::error::{DbError, SqlState};

/// Codes of rules that no class of codes is kept for: a column that counts or is computed by
/// itself, and no right to a table.
const RULES: [&str; 2] = ["428C9", "42501"];

/// Why something was given up that waited for others.
const LOCKED: &str = "another session has been using a table for longer than may be waited for \
                      it (a migration waits 5 s): pg_stat_activity names those whose transactions \
                      last; end it, or try again later";

/// What is said where PostgreSQL has no connection left.
pub(crate) const NO_CONNECTION: &str = "PostgreSQL has no connection left for Pando: raise its \
    max_connections, or lower store.postgres.pool of the processes that share it";

/// A step's error: one that the caller is told, or PostgreSQL's own.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The port's word.
    Engine(EngineError),
    /// PostgreSQL's word, or the connection's.
    Postgres(tokio_postgres::Error),
    /// The server cannot be reached, or was lost before it could do anything for good.
    Lost(String),
    /// A COMMIT was sent, and nobody has said what became of it.
    InDoubt(&'static str),
}

/// The result of a step.
pub(crate) type Step<T> = std::result::Result<T, Fault>;

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Fault {
        Fault::Postgres(error)
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

/// What to do about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The same transaction, carried out again, may succeed.
    Again,
    /// Whoever asked is told.
    Tell,
}

impl Fault {
    /// The port's error; `context` is verb and object of what was tried.
    pub(crate) fn into_engine(self, context: &str) -> EngineError {
        match self {
            Fault::Engine(error) => error,
            Fault::Postgres(error) => engine_error(error, context),
            Fault::Lost(reason) => unavailable(reason, Duration::from_secs(1)),
            Fault::InDoubt(reason) => EngineError::OutcomeUnknown {
                reason: reason.to_owned(),
            },
        }
    }

    /// Whether it says something about the request, and not about the database or the machine.
    pub(crate) fn is_about_the_request(&self) -> bool {
        if let Fault::Postgres(error) = self {
            return error
                .as_db_error()
                .is_some_and(|db| refusal_of(db).is_some());
        }
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

    /// PostgreSQL's code, where it is PostgreSQL's error.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Fault::Postgres(error) => error.code(),
            Fault::Engine(_) | Fault::Lost(_) | Fault::InDoubt(_) => None,
        }
    }

    /// Whether the server was lost with it, or is on its way out, or is not the primary any more:
    /// another one may do what was asked. Says nothing of a COMMIT that was sent.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Fault::Lost(_) => true,
            Fault::Engine(_) | Fault::InDoubt(_) => false,
            Fault::Postgres(error) => match error.code() {
                Some(code) => {
                    let class = code.code().get(..2).unwrap_or_default();
                    class == "08"
                        || class == "57" && *code != SqlState::QUERY_CANCELED
                        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
                        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                }
                None => is_of_the_connection(error),
            },
        }
    }

    /// Whether the server has no connection left: it may have one soon.
    pub(crate) fn is_for_want_of_room(&self) -> bool {
        self.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
    }

    /// Whether a statement met tables that are not what it was written or prepared for.
    pub(crate) fn is_about_the_tables(&self) -> bool {
        self.code()
            .is_some_and(|code| code.code().starts_with("42") || self.remedy() == Remedy::Again)
    }

    /// Whether it says something about the request, in PostgreSQL's words or in ours: what is
    /// behind a savepoint is not concerned.
    pub(crate) fn is_about_one_request(&self) -> bool {
        let by_class =
            |code: &SqlState| ["22", "23", "54"].contains(&code.code().get(..2).unwrap_or(""));
        self.is_about_the_request() || self.code().is_some_and(by_class)
    }

    /// Whether a COMMIT that failed with it is known not to have happened: the server said so,
    /// and not that it was going away, which it may say after the fact.
    pub(crate) fn proves_rollback(&self) -> bool {
        self.code().is_some_and(|code| {
            let class = code.code().get(..2).unwrap_or_default();
            !["08", "57", "58", "F0", "XX"].contains(&class)
        })
    }

    /// Whether the transaction may be carried out again: it met another, or a statement that
    /// was prepared for tables as they were.
    pub(crate) fn remedy(&self) -> Remedy {
        match self.code() {
            Some(code)
                if [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                    SqlState::FEATURE_NOT_SUPPORTED,
                ]
                .contains(code) =>
            {
                Remedy::Again
            }
            _ => Remedy::Tell,
        }
    }
}

/// Not now; nothing was done.
pub(crate) fn unavailable(reason: impl Into<String>, retry_after: Duration) -> EngineError {
    EngineError::Unavailable {
        reason: reason.into(),
        retry_after,
    }
}

/// The engine was closed.
pub(crate) fn closed() -> EngineError {
    unavailable("the engine is closed", Duration::from_secs(1))
}

/// What should not be in the database is.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> EngineError {
    EngineError::Corrupt(format!(
        "{what}; restore the database from its last good copy into a new place, and keep this one"
    ))
}

fn engine_error(error: tokio_postgres::Error, context: &str) -> EngineError {
    const SHORTLY: Duration = Duration::from_secs(1);
    let Some(db) = error.as_db_error() else {
        if is_of_the_connection(&error) {
            let error = whole(&error);
            tracing::warn!(error, context, "the connection to PostgreSQL failed");
            return unavailable("the database cannot be reached", SHORTLY);
        }
        return EngineError::internal(context, error);
    };
    let code = db.code().code();
    match code.get(..2).unwrap_or_default() {
        "28" | "3D" => unavailable(
            format!("PostgreSQL refuses the connection: {}", db.message()),
            SHORTLY,
        ),
        "08" | "57" if *db.code() != SqlState::QUERY_CANCELED => {
            unavailable("the database cannot be reached", SHORTLY)
        }
        "57" => unavailable("it took too long and was given up", SHORTLY),
        "53" => {
            tracing::error!(
                error = whole(&error),
                context,
                "PostgreSQL is short of something"
            );
            let reason = match db.code() {
                code if *code == SqlState::TOO_MANY_CONNECTIONS => NO_CONNECTION,
                code if *code == SqlState::DISK_FULL => DISK_FULL,
                _ => db.message(),
            };
            unavailable(reason, Duration::from_secs(5))
        }
        "55" if *db.code() == SqlState::LOCK_NOT_AVAILABLE => unavailable(LOCKED, SHORTLY),
        "40" | "55" => unavailable("the database is busy", SHORTLY),
        // A primary that was demoted, or a standby.
        "25" if *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION => {
            unavailable("the database takes no writes", SHORTLY)
        }
        "XX" if ["XX001", "XX002"].contains(&code) => {
            EngineError::Corrupt(format!("{context}: {}", db.message()))
        }
        _ => match refusal_of(db) {
            Some(refusal) => EngineError::Refused(refusal),
            None => EngineError::internal(context, error),
        },
    }
}

/// An error with its cause, which it does not tell by itself.
fn whole(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Whether it is the connection that failed, and not what was sent over it.
fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let source = std::error::Error::source(error);
    error.is_closed() || source.is_some_and(|source| source.is::<std::io::Error>())
}

/// What PostgreSQL has against a request, in its own words: values that cannot be, too much at
/// once, and the rules of adopted tables, which it keeps: constraints, triggers, privileges.
fn refusal_of(db: &DbError) -> Option<Refusal> {
    let code = db.code().code();
    let is_refusal = match code.get(..2).unwrap_or_default() {
        "22" | "23" | "2B" | "44" | "54" | "P0" => true,
        // Not now, whatever met with it.
        "08" | "40" | "53" | "55" | "57" | "58" | "F0" | "XX" => false,
        // A trigger's function may raise any code.
        _ => {
            let within = db.where_().is_some_and(|place| place.contains("function"));
            within || RULES.contains(&code)
        }
    };
    is_refusal.then(|| {
        let mut refusal = Refusal::new(code.to_owned(), db.message());
        refusal.details = db.detail().map(str::to_owned);
        refusal.hint = db.hint().map(str::to_owned);
        refusal
    })
}

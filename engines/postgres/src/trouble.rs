//! Why a database cannot be used, and what to do about it: by the cause, where it is known.

use crate::fault::{Fault, unavailable};
use crate::tls::Target;
use pando_model::error::EngineError;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio_postgres::error::{DbError, SqlState};

/// The function of PostgreSQL's that refuses a role, and not how it comes.
const REFUSES_ROLES: &str = "InitializeSessionUserId";

/// Why a database cannot be used.
#[derive(Debug)]
pub struct Trouble {
    /// The error.
    pub error: EngineError,
    /// What to do about it, where the cause is known.
    pub mend: Option<String>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Trouble {
        Trouble { error, mend: None }
    }
}

impl Trouble {
    /// What a fault on a server comes to; `context` is verb and object of what was tried.
    pub(crate) fn of(fault: Fault, server: &str, target: &Target, context: &str) -> Trouble {
        let mend = mend(&fault, target);
        let error = match (&fault, &mend) {
            (Fault::Postgres(_) | Fault::Lost(_), Some(_)) => unavailable(
                format!("{server}: {}", said(&fault)),
                Duration::from_secs(1),
            ),
            _ => fault.into_engine(context),
        };
        Trouble { error, mend }
    }
}

/// A fault in the words of whoever found it.
pub(crate) fn said(fault: &Fault) -> String {
    match fault {
        Fault::Postgres(error) => match (error.as_db_error(), error.source()) {
            (Some(db), _) => db.message().to_owned(),
            (None, Some(cause)) => cause.to_string(),
            (None, None) => error.to_string(),
        },
        Fault::Lost(reason) => reason.clone(),
        Fault::Engine(error) => error.to_string(),
        Fault::InDoubt(reason) => (*reason).to_owned(),
    }
}

/// What to do about a fault on a server.
pub(crate) fn mend(fault: &Fault, target: &Target) -> Option<String> {
    let role = target.config.get_user().unwrap_or("…");
    let database = target.config.get_dbname().unwrap_or(role);
    match fault {
        Fault::Postgres(error) => match error.as_db_error() {
            Some(db) => mend_of_code(db, role, database),
            None => Some(mend_of_connection(error)),
        },
        Fault::Lost(_) => Some(
            "see that PostgreSQL runs there, that nothing on the way keeps connections out, and \
             that store.postgres.url names its primary"
                .to_owned(),
        ),
        // They say it themselves.
        Fault::Engine(_) | Fault::InDoubt(_) => None,
    }
}

fn mend_of_code(db: &DbError, role: &str, database: &str) -> Option<String> {
    let mend = match db.code() {
        code if *code == SqlState::INVALID_PASSWORD => format!(
            "put the password of the role {role} into the file that store.postgres.password_file \
             names, or give it that one: ALTER ROLE {role} PASSWORD '…'; PostgreSQL says the same \
             where there is no such role"
        ),
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => match db.routine() {
            Some(REFUSES_ROLES) => format!(
                "CREATE ROLE {role} LOGIN PASSWORD '…'; where it is there already, \
                     ALTER ROLE {role} LOGIN; or name another role in store.postgres.url"
            ),
            _ => format!(
                "let {role} in from this machine, in pg_hba.conf there, and reload it: \
                     SELECT pg_reload_conf(); a line that begins with hostssl asks for \
                     store.postgres.ca_file here"
            ),
        },
        code if *code == SqlState::INVALID_CATALOG_NAME => format!(
            "CREATE DATABASE {database} OWNER {role} TEMPLATE template0 ENCODING 'UTF8' \
             LOCALE_PROVIDER libc LOCALE 'C.UTF-8'; or name another in store.postgres.url"
        ),
        code if *code == SqlState::TOO_MANY_CONNECTIONS => {
            "raise max_connections of PostgreSQL (and restart it), or the CONNECTION LIMIT of the \
             role or the database; or lower store.postgres.pool of all processes"
                .to_owned()
        }
        code if *code == SqlState::DISK_FULL => {
            "free some room on PostgreSQL's disk, or move its data to a larger one".to_owned()
        }
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => rights(role, "public", database),
        code if *code == SqlState::CANNOT_CONNECT_NOW => {
            "wait until PostgreSQL has started; its log says what it is about".to_owned()
        }
        _ => return None,
    };
    Some(mend)
}

/// The lines that give a role the rights it needs.
pub(crate) fn rights(role: &str, schema: &str, database: &str) -> String {
    format!(
        "as the owner of the database: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}; \
         GRANT CONNECT ON DATABASE {database} TO {role};"
    )
}

fn mend_of_connection(error: &tokio_postgres::Error) -> String {
    let cause = error.source();
    let kind = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    let text = cause.map_or_else(|| error.to_string(), ToString::to_string);
    let mend = match kind.map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => {
            "see that PostgreSQL runs there and listens (listen_addresses and port in \
             postgresql.conf), and that store.postgres.url names that host and port"
        }
        Some(ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            "see that the machine is up, and that no firewall is on the way"
        }
        Some(_) if text.contains("lookup address") => {
            "see the name of the host in store.postgres.url: it has no address"
        }
        Some(_) => "see that PostgreSQL runs there; its log says why it ends connections",
        None if text.contains("password missing") => {
            "put the password into a file that only this user may read, and name it: \
             [store.postgres] password_file"
        }
        None => {
            "see that store.postgres.ca_file vouches for the server's certificate and that it \
             is made for this host's name, and that ssl is on in PostgreSQL"
        }
    };
    mend.to_owned()
}

//! What the engine can be told.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of one shard's database. [`PostgresConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// Where it is and who asks: `postgres://pando@db.example:5432/pando`. Without a password,
    /// which would be seen wherever settings are.
    pub url: String,
    /// A file that holds the password and nothing else; a line break at its end is passed over.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the server. With it every connection is
    /// encrypted and the server's name is checked; without it none is.
    pub ca_file: Option<PathBuf>,
    /// Connections that read; one more writes.
    pub readers: usize,
    /// Writes that may wait; one more is told to come back.
    pub queue_depth: usize,
    /// How long a read waits for a connection before it is told to come back.
    pub reader_wait: Duration,
    /// How long one statement may take. A read that takes longer is given up; a write too, and
    /// nothing of it is done.
    pub statement_timeout: Duration,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
}

impl PostgresConfig {
    /// The defaults for a database.
    pub fn new(url: impl Into<String>) -> PostgresConfig {
        PostgresConfig {
            url: url.into(),
            password_file: None,
            ca_file: None,
            readers: 8,
            queue_depth: 8_192,
            reader_wait: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

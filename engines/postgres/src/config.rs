//! What the engine can be told.

use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

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
    /// Servers that copy the primary and may answer reads, each as a url.
    pub replicas: Vec<String>,
    /// REST addresses of Patroni, such as `http://a.example:8008`: they tell who the primary is.
    pub patroni: Vec<String>,
    /// How long writes wait for a primary before they are told to come back.
    pub write_buffer: Duration,
    /// A replica that is further behind is not asked.
    pub max_lag: Duration,
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
            replicas: Vec::new(),
            patroni: Vec::new(),
            write_buffer: Duration::from_secs(30),
            max_lag: Duration::from_secs(10),
        }
    }
}

/// Reads a url; what is wrong with it, where it cannot be used. It may hold what is secret, and is
/// not repeated in that.
pub(crate) fn read_url(url: &str, is_encrypted: bool) -> Result<Config, &'static str> {
    let config: Config = url
        .parse()
        .map_err(|_| "it is not of the form postgres://user@host:port/database")?;
    if config.get_password().is_some() {
        return Err(
            "it holds a password: put that into a file, and name the file in password_file",
        );
    }
    if config.get_hosts().is_empty() {
        return Err("it names no host: write postgres://user@host:port/database");
    }
    if config.get_user().is_none_or(str::is_empty) {
        return Err("it names no user: write postgres://user@host:port/database");
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err("it names no database: write postgres://user@host:port/database");
    }
    if config.get_ssl_mode() == SslMode::Require && !is_encrypted {
        return Err("it asks for TLS: name the certificates in ca_file");
    }
    Ok(config)
}

/// What is wrong with a url of a primary or a replica, if anything; `is_encrypted`: certificates
/// are named. Nobody is connected to, and nothing secret is repeated.
pub fn fault_of_url(url: &str, is_encrypted: bool) -> Option<&'static str> {
    read_url(url, is_encrypted).err()
}

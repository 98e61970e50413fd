//! What can be set of the web tier. Where settings are read from is the
//! composition root's business.

use std::time::Duration;

/// Settings of the web tier. `auth_required` and `cors` can change in a running
/// server ([`crate::Running::reload`]); the limits are those it started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebConfig {
    /// Whether requests need a key on loopback too. Elsewhere they always do.
    pub auth_required: bool,
    /// Which web pages may ask.
    pub cors: Cors,
    /// How much one request and all of them may take.
    pub limits: Limits,
    /// What sessions let their holders do.
    pub sessions: Sessions,
    /// How those are looked after who listen.
    pub streams: Streams,
}

/// How those are looked after who listen: to topics, and to changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// Who was told nothing for so long is sent something all the same. It has to be shorter than
    /// [`Limits::idle_timeout`]: whoever takes nothing for so long is cut off.
    pub heartbeat: Duration,
    /// When whoever is cut off is to come back, at the earliest; it is spread over twice that.
    pub retry: Duration,
}

/// What whoever holds a session may do without a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// With the session's data.
    pub data_without_key: DataAccess,
}

/// What may be done with a session's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataAccess {
    /// Nothing: it is the application's alone.
    None,
    /// It may be read.
    #[default]
    Read,
    /// It may be read and changed.
    Write,
}

/// Which web pages may ask: none until they are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins (`https://app.example.com`); `*` for all.
    pub origins: Vec<String>,
    /// How long a browser may keep the answer to a preflight request.
    pub max_age: Duration,
}

/// How much one request, and all of them together, may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body at most; a larger one is refused without being read.
    pub max_body: u64,
    /// Operations of one batch at most.
    pub max_batch: usize,
    /// Operations of one transaction at most.
    pub max_operations: usize,
    /// Headers of one request at most.
    pub max_headers: usize,
    /// Bytes of all headers of one request at most.
    pub max_header_bytes: usize,
    /// Bytes of path and query at most.
    pub max_uri: usize,
    /// How long one request may take, its body included.
    pub request_timeout: Duration,
    /// How long a write may wait for a database to write to, in addition.
    pub write_wait: Duration,
    /// How long a caller may take to send its headers; also how long a TLS handshake may take.
    pub header_timeout: Duration,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Requests under way at once at most; more are told 503.
    pub max_requests: usize,
    /// Open connections at most; more wait to be accepted.
    pub max_connections: usize,
    /// How long requests under way may take to end when the server is told to stop.
    pub drain_timeout: Duration,
}

impl Default for Cors {
    fn default() -> Cors {
        Cors {
            origins: Vec::new(),
            max_age: Duration::from_secs(600),
        }
    }
}

impl Default for Streams {
    fn default() -> Streams {
        Streams {
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(2),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_body: 16 << 20,
            max_batch: 10_000,
            max_operations: 1_000,
            max_headers: 100,
            // A stamp of 2 KiB, a browser's cookies, and room.
            max_header_bytes: 64 << 10,
            // A list of a thousand ids in a filter still fits.
            max_uri: 32 << 10,
            request_timeout: Duration::from_secs(30),
            write_wait: Duration::ZERO,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            max_requests: 4_096,
            max_connections: 8_192,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

//! What the engine can be told.

use pando_model::broker::{BrokerError, names};
use std::path::PathBuf;
use std::time::Duration;

/// Settings of queues on NATS. [`NatsConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct NatsConfig {
    /// Servers: `nats://host:port,host:port`, or `tls://…`. No password is written here.
    pub url: String,
    /// A file of credentials, as `nsc` writes them.
    pub credentials_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the server, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// What streams and subjects begin with: deployments that share a NATS have one each.
    pub prefix: String,
    /// How many servers keep a stream: 1, 3 or 5.
    pub replicas: usize,
    /// Whether the servers have `sync_interval: always` in their `jetstream` block. No client is
    /// told, so the operator says it here; before version 2.10 there is no such setting.
    pub synced: bool,
    /// Every call is over by then, besides its own `wait`.
    pub call_timeout: Duration,
}

/// Whoever waits longer does not want an answer.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

impl NatsConfig {
    /// The defaults for these servers.
    pub fn new(url: impl Into<String>) -> NatsConfig {
        NatsConfig {
            url: url.into(),
            credentials_file: None,
            ca_file: None,
            prefix: "pando".to_owned(),
            replicas: 1,
            synced: false,
            call_timeout: Duration::from_secs(5),
        }
    }

    /// Refuses what cannot be. Nobody is connected to, and no file is read.
    pub fn validate(&self) -> Result<(), BrokerError> {
        names(&self.prefix)?;
        if self.url.contains('@') {
            return Err(invalid(
                "the url of NATS holds a user",
                "it would be seen wherever settings are: put credentials into a file, and name it \
                 as credentials_file",
            ));
        }
        if ![1, 3, 5].contains(&self.replicas) {
            let what = format!("replicas is {}", self.replicas);
            return Err(invalid(what, "streams have 1, 3 or 5 copies"));
        }
        if self.call_timeout < TIMEOUT.0 || self.call_timeout > TIMEOUT.1 {
            let what = format!("call_timeout is {:?}", self.call_timeout);
            return Err(invalid(what, "it must be between 100 ms and 1 min"));
        }
        Ok(())
    }
}

pub(crate) fn invalid(what: impl Into<String>, mend: impl Into<String>) -> BrokerError {
    BrokerError::Invalid {
        what: what.into(),
        mend: mend.into(),
    }
}

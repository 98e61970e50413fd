//! What the engine can be told.

use async_nats::ServerAddr;
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
        self.servers()?;
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

    /// Each of the servers; those behind the first have its scheme.
    pub(crate) fn servers(&self) -> Result<Vec<ServerAddr>, BrokerError> {
        let (scheme, all) = self.url.split_once("://").unwrap_or(("nats", &self.url));
        let each = all.split(',').map(|one| {
            let server: ServerAddr = match one.contains("://") {
                true => one.parse().ok()?,
                false => format!("{scheme}://{one}").parse().ok()?,
            };
            Some(server).filter(|server| !server.host().is_empty())
        });
        each.collect::<Option<_>>().ok_or_else(|| {
            let what = format!("the url of NATS is none: {:?}", self.url);
            invalid(what, "write nats://host:port,host:port, or tls://…")
        })
    }
}

pub(crate) fn invalid(what: impl Into<String>, mend: impl Into<String>) -> BrokerError {
    BrokerError::Invalid {
        what: what.into(),
        mend: mend.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_are_several() {
        let all = |url: &str| NatsConfig::new(url).servers();
        let hosts = |url: &str| -> Vec<(String, u16)> {
            let servers = all(url).expect("servers").into_iter();
            servers
                .map(|one| (one.host().to_owned(), one.port()))
                .collect()
        };
        let two = [("a".to_owned(), 4222), ("b".to_owned(), 4333)];
        assert_eq!(hosts("nats://a,b:4333"), two);
        assert_eq!(hosts("tls://a:4222,tls://b:4333"), two);
        assert!(
            all("tls://a,b")
                .expect("servers")
                .iter()
                .all(ServerAddr::tls_required)
        );
        assert!(all("nats://").is_err());
    }
}

//! What the engine can be told.

use crate::fault::invalid;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use pando_model::broker::{BrokerError, names};
use std::path::PathBuf;
use std::time::Duration;

/// Settings of queues on RabbitMQ. [`RabbitConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct RabbitConfig {
    /// The server: `amqp://host:port/vhost`, or `amqps://…`. No user and no password is written here.
    pub url: String,
    /// Who asks.
    pub user: String,
    /// A file that holds the password and nothing else; a line break at its end is passed over.
    pub password_file: PathBuf,
    /// Certificates (PEM) of those who may vouch for the server; `amqps` needs them.
    pub ca_file: Option<PathBuf>,
    /// What exchanges and queues begin with: deployments that share a vhost have one each.
    pub prefix: String,
    /// On how many servers a queue lies, at least: what [`pando_model::engine::Durability::copies`]
    /// says. The cluster decides it (`x-quorum-initial-group-size`), and no client is told.
    pub copies: u32,
    /// For how long a message may be held at most, leased or given back with a delay: less than the
    /// server's `consumer_timeout`, after which it hangs up and all leases end.
    pub hold_max: Duration,
    /// Every call is over by then, besides its own `wait`.
    pub call_timeout: Duration,
}

const TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

impl RabbitConfig {
    /// The defaults for this server.
    pub fn new(
        url: impl Into<String>,
        user: impl Into<String>,
        password_file: impl Into<PathBuf>,
    ) -> RabbitConfig {
        RabbitConfig {
            url: url.into(),
            user: user.into(),
            password_file: password_file.into(),
            ca_file: None,
            prefix: "pando".to_owned(),
            copies: 1,
            // The server's default is half an hour.
            hold_max: Duration::from_secs(25 * 60),
            call_timeout: Duration::from_secs(10),
        }
    }

    /// Refuses what cannot be. Nobody is connected to, and no file is read.
    pub fn validate(&self) -> Result<(), BrokerError> {
        names(&self.prefix)?;
        let uri = self.uri()?;
        if matches!(uri.scheme, AMQPScheme::AMQPS) && self.ca_file.is_none() {
            return Err(invalid(
                "the url of RabbitMQ asks for TLS, and nobody may vouch for the server",
                "name a file of certificates as ca_file",
            ));
        }
        if self.call_timeout < TIMEOUT.0 || self.call_timeout > TIMEOUT.1 {
            let what = format!("call_timeout is {:?}", self.call_timeout);
            return Err(invalid(what, "it must be between 100 ms and 1 min"));
        }
        Ok(())
    }

    fn uri(&self) -> Result<AMQPUri, BrokerError> {
        // Nothing of it is repeated: it may be secret.
        let form = || {
            invalid(
                "the url of RabbitMQ is none, or holds a user",
                "write amqp://host:port/vhost, and name user and password_file",
            )
        };
        if self.url.contains('@') {
            return Err(form());
        }
        self.url.parse().map_err(|_| form())
    }

    /// The server and who asks, with what the files hold.
    pub(crate) async fn read(&self) -> Result<(AMQPUri, OwnedTLSConfig), BrokerError> {
        let read = async |setting: &str, file: &PathBuf| {
            let text = tokio::fs::read_to_string(file).await;
            text.map_err(|error| {
                let what = format!("{setting} {}: {error}", file.display());
                invalid(what, "name a file that can be read")
            })
        };
        let mut uri = self.uri()?;
        let password = read("password_file", &self.password_file).await?;
        uri.authority.userinfo.username = self.user.clone();
        uri.authority.userinfo.password = password.trim_end_matches(['\r', '\n']).to_owned();
        let mut tls = OwnedTLSConfig::default();
        if let Some(file) = &self.ca_file {
            tls.cert_chain = Some(read("ca_file", file).await?);
        }
        Ok((uri, tls))
    }
}

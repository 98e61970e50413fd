//! The way to the servers: who asks, who vouches for them, where they are.

use crate::config::{NatsConfig, invalid};
use crate::fault;
use async_nats::{Client, ConnectOptions};
use pando_model::broker::Result;

/// What all connections have in common, with what the files hold.
pub(crate) async fn options(config: &NatsConfig) -> Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name("pando")
        .request_timeout(Some(config.call_timeout))
        .connection_timeout(config.call_timeout);
    if let Some(file) = &config.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let Some(file) = &config.credentials_file {
        let read = tokio::fs::read_to_string(file).await;
        let options_with = read.and_then(|text| options.credentials(&text));
        options = options_with.map_err(|error| {
            let what = format!("credentials_file {}: {error}", file.display());
            invalid(what, "name a file of credentials that nsc has written")
        })?;
    }
    Ok(options)
}

pub(crate) async fn open(options: ConnectOptions, config: &NatsConfig) -> Result<Client> {
    let connected = options.connect(config.servers()?).await;
    connected.map_err(|error| fault::unavailable(&format!("cannot connect: {error}")))
}

//! Patroni's configuration of a node. JSON is YAML.

use super::Timing;
use crate::error::{Error, Result};
use crate::postgres::{Options, SETTINGS, USER};
use crate::program::postgres_folder;
use crate::server::Server;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// What a cluster shall be, beside its PostgreSQL.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) timing: Timing,
    pub(crate) synchronous: bool,
    pub(crate) failsafe: bool,
    /// For how long a primary that was killed may be started again before another takes over.
    pub(crate) primary_start_timeout_s: u64,
}

/// What a node writes into its file.
pub(crate) fn of_node(
    shape: &Shape,
    options: &Options,
    server: &Server,
    rest: SocketAddr,
    etcd: &[SocketAddr],
) -> Result<Value> {
    let folder = server.host.folder();
    let hosts: Vec<String> = etcd.iter().map(ToString::to_string).collect();
    let user = match &options.password {
        Some(password) => json!({"username": USER, "password": password}),
        None => json!({"username": USER}),
    };
    Ok(json!({
        "scope": "pando",
        "namespace": "/pando/",
        "name": server.name(),
        "restapi": {"listen": rest.to_string(), "connect_address": rest.to_string()},
        "etcd3": {"hosts": hosts},
        "bootstrap": {"dcs": shared(shape, options)},
        "postgresql": {
            "listen": server.address.to_string(),
            "connect_address": server.address.to_string(),
            "data_dir": server.data(),
            "bin_dir": postgres_folder()?,
            "pgpass": folder.join("pgpass"),
            "use_unix_socket": true,
            "use_unix_socket_repl": true,
            "authentication": {"superuser": user, "replication": user, "rewind": user},
            "parameters": {"unix_socket_directories": folder},
            "pg_hba": options.rules(&server.site),
            "basebackup": [{"checkpoint": "fast"}, "no-sync"],
        },
        "watchdog": {"mode": "off"},
    }))
}

/// What all nodes share, in etcd: settings of the cluster and of PostgreSQL.
fn shared(shape: &Shape, options: &Options) -> Value {
    let mut parameters = Map::new();
    let own = options
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in SETTINGS.iter().copied().chain(own) {
        parameters.insert(name.to_owned(), value.into());
    }
    json!({
        "ttl": shape.timing.ttl_s,
        "loop_wait": shape.timing.loop_wait_s,
        "retry_timeout": shape.timing.retry_timeout_s,
        "maximum_lag_on_failover": 1_048_576,
        "primary_start_timeout": shape.primary_start_timeout_s,
        "synchronous_mode": shape.synchronous,
        "synchronous_mode_strict": shape.synchronous,
        "failsafe_mode": shape.failsafe,
        "postgresql": {"use_pg_rewind": true, "use_slots": true, "parameters": parameters},
    })
}

impl Timing {
    /// Whether Patroni's own rule holds: a leader that cannot reach etcd must have given up
    /// before its key has run out.
    pub(crate) fn check(self) -> Result<()> {
        let Timing {
            ttl_s,
            loop_wait_s,
            retry_timeout_s,
        } = self;
        if loop_wait_s < 1 || retry_timeout_s < 3 || ttl_s < loop_wait_s + 2 * retry_timeout_s {
            return Err(Error::new(format!(
                "{self:?}: Patroni needs loop_wait >= 1, retry_timeout >= 3 and \
                 ttl >= loop_wait + 2 * retry_timeout"
            )));
        }
        Ok(())
    }
}

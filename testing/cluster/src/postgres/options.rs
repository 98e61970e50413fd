//! What a PostgreSQL is started with.

use crate::error::{Error, Result};
use crate::program::Account;
use crate::site::{Network, Site};
use crate::tls::Authority;
use std::fmt::Write;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Small, since many run on one machine; what a replica needs; `max_prepared_transactions`
/// as Pando wants it. What a test sets comes after, and wins.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("max_connections", "100"),
    ("shared_buffers", "32MB"),
    ("wal_level", "replica"),
    ("wal_log_hints", "on"),
    ("wal_keep_size", "128MB"),
    ("max_wal_senders", "10"),
    ("max_replication_slots", "10"),
    ("max_prepared_transactions", "100"),
    ("hot_standby", "on"),
    ("log_line_prefix", "%m [%p] %u@%d "),
    ("log_timezone", "UTC"),
    ("timezone", "UTC"),
];

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) network: Network,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) password: Option<String>,
    pub(crate) tls: Option<Tls>,
}

#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) authority: Authority,
    /// The certificate's names; the server's address where there are none.
    pub(crate) names: Vec<String>,
    pub(crate) required: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            network: Network::Loopback,
            settings: Vec::new(),
            password: None,
            tls: None,
        }
    }
}

impl Options {
    /// Writes `postgresql.conf` and `pg_hba.conf` of a server, and its certificate; the
    /// authority's certificate for clients, where there is one.
    pub(crate) async fn write(
        &self,
        site: &Site,
        name: &str,
        folder: &Path,
        address: SocketAddr,
    ) -> Result<Option<PathBuf>> {
        let account = site.account();
        let data = folder.join("data");
        let mut lines = String::new();
        let mut set = |name: &str, value: &str| {
            let value = value.replace('\'', "''");
            let _ = writeln!(lines, "{name} = '{value}'");
        };
        for (name, value) in SETTINGS {
            set(name, value);
        }
        set("cluster_name", name);
        set("listen_addresses", &address.ip().to_string());
        set("port", &address.port().to_string());
        set("unix_socket_directories", &folder.display().to_string());
        let mut root = None;
        if let Some(tls) = &self.tls {
            root = Some(tls.write(account, folder, address).await?);
            set("ssl", "on");
            set(
                "ssl_cert_file",
                &folder.join("server.pem").display().to_string(),
            );
            set(
                "ssl_key_file",
                &folder.join("server.key").display().to_string(),
            );
        }
        for (name, value) in &self.settings {
            set(name, value);
        }
        account.write(&data.join("postgresql.conf"), &lines)?;
        let rules = self.rules(site).join("\n") + "\n";
        account.write(&data.join("pg_hba.conf"), &rules)?;
        Ok(root)
    }

    /// Who may connect from where, and how they show who they are.
    pub(crate) fn rules(&self, site: &Site) -> Vec<String> {
        let network = site.client_network();
        let method = if self.password.is_some() {
            "scram-sha-256"
        } else {
            "trust"
        };
        let required = self.tls.as_ref().is_some_and(|tls| tls.required);
        let kind = if required { "hostssl" } else { "host" };
        vec![
            "local all all trust".to_owned(),
            "local replication all trust".to_owned(),
            format!("{kind} all all {network} {method}"),
            format!("{kind} replication all {network} {method}"),
        ]
    }
}

impl Tls {
    async fn write(&self, account: Account, folder: &Path, address: SocketAddr) -> Result<PathBuf> {
        let names = if self.names.is_empty() {
            vec![address.ip().to_string()]
        } else {
            self.names.clone()
        };
        let issued = self.authority.sign(folder, &names).await?;
        account.write(&folder.join("server.pem"), &issued.certificate)?;
        let key = folder.join("server.key");
        account.write(&key, &issued.key)?;
        fs::set_permissions(&key, Permissions::from_mode(0o600))
            .map_err(|error| Error::file("protect", &key, &error))?;
        let root = folder.join("root.pem");
        account.write(&root, self.authority.certificate())?;
        Ok(root)
    }
}

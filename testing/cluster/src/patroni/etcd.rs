//! etcd: where Patroni's nodes agree on who leads.

use super::rest;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::program::system;
use crate::site::Site;
use crate::wait;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const PROGRAM: &str = "etcd";
const CLIENTS: u16 = 2379;
const PEERS: u16 = 2380;
/// Three members elect one of them within seconds.
const START: Duration = Duration::from_secs(60);
const REQUEST: Duration = Duration::from_secs(2);

/// One member of an etcd cluster, on a host of its own.
#[derive(Debug)]
pub struct Etcd {
    pub(crate) host: Host,
    address: Ipv4Addr,
    /// `name=url,…` of all members.
    members: String,
}

impl Etcd {
    /// Members that know of each other, started; answers when all are healthy.
    pub(crate) async fn start_all(site: &Site, count: usize) -> Result<Vec<Etcd>> {
        let mut all = Vec::new();
        for number in 1..=count {
            let (host, address) = site.host(&format!("etcd{number}")).await?;
            all.push(Etcd {
                host,
                address,
                members: String::new(),
            });
        }
        let url = |etcd: &Etcd| format!("{}=http://{}:{PEERS}", etcd.host.name(), etcd.address);
        let members: Vec<String> = all.iter().map(url).collect();
        for etcd in &mut all {
            etcd.members = members.join(",");
            etcd.launch()?;
        }
        for etcd in &all {
            etcd.wait_healthy().await?;
        }
        Ok(all)
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.address, CLIENTS).into()
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.host.log_tail(PROGRAM)
    }

    /// Kills it (SIGKILL); its data stay.
    ///
    /// # Errors
    /// The host has ended.
    pub async fn kill(&self) -> Result<()> {
        self.host.power_off().await
    }

    /// Starts it again; answers when it is healthy, for which most members must be there.
    ///
    /// # Errors
    /// It is not within a minute: with the end of its log.
    pub async fn start(&self) -> Result<()> {
        self.launch()?;
        self.wait_healthy().await
    }

    /// Starts it again, without waiting for what needs other members.
    ///
    /// # Errors
    /// The host has ended.
    pub fn launch(&self) -> Result<()> {
        let data = self.host.folder().join("data").display().to_string();
        let clients = format!("http://{}:{CLIENTS}", self.address);
        let peers = format!("http://{}:{PEERS}", self.address);
        let arguments = [
            "--name",
            self.host.name(),
            "--data-dir",
            &data,
            "--listen-client-urls",
            &clients,
            "--advertise-client-urls",
            &clients,
            "--listen-peer-urls",
            &peers,
            "--initial-advertise-peer-urls",
            &peers,
            "--initial-cluster",
            &self.members,
            "--initial-cluster-token",
            "pando",
            "--initial-cluster-state",
            "new",
        ];
        self.host
            .launch(PROGRAM, &system("etcd")?, &arguments)
            .map(drop)
    }

    async fn wait_healthy(&self) -> Result<()> {
        let what = format!("{} healthy", self.name());
        let look = || async {
            let asked = rest::request(self.address(), "GET", "/health", None, REQUEST).await;
            match asked.and_then(|answer| answer.json()) {
                Ok(health) if health["health"] == "true" => Ok(()),
                Ok(health) => Err(Error::new(health.to_string())),
                Err(error) => Err(error),
            }
        };
        let healthy = wait::until(&what, START, look).await;
        healthy.map_err(|error| error.with_log(&self.host.log(PROGRAM)))
    }
}

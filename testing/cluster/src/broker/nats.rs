//! One NATS with JetStream.

use super::Process;
use crate::error::{Error, Result};
use crate::program::system;
use crate::site::{Network, Site};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PROGRAM: &str = "nats-server";
const PORT: u16 = 4222;
const START: Duration = Duration::from_secs(30);

/// A NATS on a host of its own, its streams in files.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    config: String,
}

/// What a NATS shall be.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: Vec<String>,
    network: Network,
}

impl Nats {
    /// One on loopback, without a password.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// How clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Which version it is of: major, minor and patch.
    ///
    /// # Errors
    /// It is missing, or does not say.
    pub fn version() -> Result<[u32; 3]> {
        let said = Command::new(system(PROGRAM)?).arg("--version").output();
        let said = said.map_err(|error| Error::new(format!("{PROGRAM} --version: {error}")))?;
        // `nats-server: v2.9.10`
        let text = String::from_utf8_lossy(&said.stdout);
        let numbers = text.trim().rsplit('v').next().unwrap_or_default();
        let numbers: Vec<u32> = numbers.split('.').map_while(|n| n.parse().ok()).collect();
        <[u32; 3]>::try_from(numbers)
            .map_err(|_| Error::new(format!("{PROGRAM} --version says {text:?}")))
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.host.log_tail(PROGRAM)
    }

    /// Starts it on what it has; answers when it lets clients in.
    ///
    /// # Errors
    /// It runs already, or does not start: with the end of its log.
    pub async fn start(&self) -> Result<()> {
        let words = ["--config", &self.config];
        let greeting = (&b""[..], &b"INFO "[..]);
        self.process
            .start(&system(PROGRAM)?, &words, greeting, START)
            .await
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&self) -> Result<()> {
        self.process.kill().await
    }

    /// Whether its process is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.running().is_ok()
    }
}

impl Builder {
    /// A line of the server's configuration.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Builder {
        self.settings.push(line.to_owned());
        self
    }

    /// Where it is.
    #[must_use]
    pub fn network(mut self, network: Network) -> Builder {
        self.network = network;
        self
    }

    /// Starts one.
    ///
    /// # Errors
    /// Something is missing, and what to do about it; it does not start.
    pub async fn start(self) -> Result<Nats> {
        let site = Arc::new(Site::start(self.network).await?);
        let (host, ip) = site.host("nats").await?;
        let address = site.port(ip, PORT)?;
        let folder = host.folder().to_owned();
        let store = folder.join("streams");
        site.account().create_folder(&store)?;
        let mut lines = vec![
            format!("listen: \"{address}\""),
            format!("jetstream {{ store_dir: \"{}\" }}", store.display()),
        ];
        lines.extend(self.settings);
        let config = folder.join("nats.conf");
        site.account().write(&config, &lines.join("\n"))?;
        let nats = Nats {
            process: Process::new(site, host, address, PROGRAM),
            config: config.display().to_string(),
        };
        nats.start().await?;
        Ok(nats)
    }
}

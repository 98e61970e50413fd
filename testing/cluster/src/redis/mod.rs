//! One Redis, by itself: started, killed, stopped where it is, and started again by the test.

mod many;
mod sentinels;

pub use many::RedisCluster;
pub use sentinels::Sentinels;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::program::{run, system};
use crate::site::{Network, Site};
use crate::tls::Authority;
use crate::wait;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const PROGRAM: &str = "redis-server";
const PORT: u16 = 6379;
const BUS_PORT: u16 = 16379;
const START: Duration = Duration::from_secs(30);
/// What redis-cli is asked is answered at once, or not at all.
const CLI: Duration = Duration::from_secs(20);
/// A cache: nothing is written to disk by itself, and what is full evicts.
const SETTINGS: [(&str, &str); 6] = [
    ("save", ""),
    ("appendonly", "no"),
    ("maxmemory", "256mb"),
    ("maxmemory-policy", "allkeys-lru"),
    ("protected-mode", "no"),
    ("loglevel", "notice"),
];

/// A Redis on a host of its own.
#[derive(Debug)]
pub struct Redis {
    host: Host,
    address: SocketAddr,
    options: Builder,
    /// The authority's certificate, where it serves TLS.
    root: Option<PathBuf>,
    /// The process that was launched last.
    pid: Mutex<Option<u32>>,
    // After the host: the folder goes when its processes have.
    _site: Arc<Site>,
}

/// What a Redis shall be.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: Vec<(String, String)>,
    password: Option<String>,
    tls: Option<Authority>,
    network: Network,
}

impl Redis {
    /// One with the harness's settings, on loopback, without password or TLS.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How clients connect; the password is not in it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.address)
    }

    /// The same by way of another address, such as a [`crate::Proxy`]'s.
    #[must_use]
    pub fn url_at(&self, address: SocketAddr) -> String {
        let tls = if self.root.is_some() { "s" } else { "" };
        format!("redis{tls}://{address}")
    }

    /// The authority's certificate, where it serves TLS.
    #[must_use]
    pub fn root(&self) -> Option<PathBuf> {
        self.root.clone()
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.host.log_tail(PROGRAM)
    }

    /// What redis-cli answers to a command.
    ///
    /// # Errors
    /// The server is not there, or refuses; twenty seconds have passed.
    pub async fn cli(&self, command: &[&str]) -> Result<String> {
        let (ip, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        let mut words = vec!["-h", &ip, "-p", &port];
        if let Some(password) = &self.options.password {
            words.extend(["--no-auth-warning", "-a", password]);
        }
        let root = self.root.as_ref().map(|root| root.display().to_string());
        if let Some(root) = &root {
            words.extend(["--tls", "--cacert", root]);
        }
        words.extend(command);
        run(&system("redis-cli")?, &words, CLI).await
    }

    /// Starts it, with what it last saved; answers when it lets clients in.
    ///
    /// # Errors
    /// It runs already, or does not start: with the end of its log.
    pub async fn start(&self) -> Result<()> {
        if self.is_running() {
            return Err(Error::new(format!("{} runs already", self.name())));
        }
        let words = self.words()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let pid = self.host.launch(PROGRAM, &system(PROGRAM)?, &words)?;
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = Some(pid);
        let what = format!("{} letting clients in", self.name());
        let look = || async {
            match self.cli(&["ping"]).await {
                Ok(answer) if answer == "PONG" => Ok(()),
                Ok(answer) => Err(answer),
                Err(error) => Err(error.to_string()),
            }
        };
        let started = wait::until(&what, START, look).await;
        started.map_err(|error| error.with_log(&self.host.log(PROGRAM)))
    }

    /// Starts it without anything that it saved.
    ///
    /// # Errors
    /// Those of [`Redis::start`].
    pub async fn start_empty(&self) -> Result<()> {
        let dump = self.host.folder().join("dump.rdb");
        if dump.exists() {
            fs::remove_file(&dump).map_err(|error| Error::file("remove", &dump, &error))?;
        }
        self.start().await
    }

    /// Has it save what it holds: what it is started with from now on.
    ///
    /// # Errors
    /// The server is not there, or refuses.
    pub async fn save(&self) -> Result<()> {
        match self.cli(&["save"]).await?.as_str() {
            "OK" => Ok(()),
            other => Err(Error::new(format!("{}: save: {other}", self.name()))),
        }
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&self) -> Result<()> {
        self.host.kill_tree(self.running()?).await
    }

    /// Stops it where it is (SIGSTOP): connections stay, and nothing answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.host.stop_tree(self.running()?).map(drop)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.host.continue_tree(self.running()?)
    }

    /// Whether its process is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running().is_ok()
    }

    fn running(&self) -> Result<u32> {
        let pid = *self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = pid.filter(|pid| self.host.is_alive(*pid));
        alive.ok_or_else(|| Error::new(format!("Redis of {} does not run", self.name())))
    }

    /// The command line; settings come from there alone.
    fn words(&self) -> Result<Vec<String>> {
        let folder = self.host.folder().display().to_string();
        let port = self.address.port().to_string();
        let mut all = vec![
            ("bind".to_owned(), self.address.ip().to_string()),
            // On loopback others would see 127.0.0.1 as the sender.
            ("bind-source-addr".to_owned(), self.address.ip().to_string()),
            (
                "replica-announce-ip".to_owned(),
                self.address.ip().to_string(),
            ),
            ("dir".to_owned(), folder.clone()),
        ];
        if self.root.is_some() {
            let file = |name: &str| format!("{folder}/{name}");
            all.extend([
                ("port".to_owned(), "0".to_owned()),
                ("tls-port".to_owned(), port),
                ("tls-cert-file".to_owned(), file("server.pem")),
                ("tls-key-file".to_owned(), file("server.key")),
                ("tls-ca-cert-file".to_owned(), file("root.pem")),
                ("tls-auth-clients".to_owned(), "no".to_owned()),
            ]);
        } else {
            all.push(("port".to_owned(), port));
        }
        if let Some(password) = &self.options.password {
            all.push(("requirepass".to_owned(), password.clone()));
            all.push(("masterauth".to_owned(), password.clone()));
        }
        let defaults = SETTINGS
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        all.extend(defaults);
        all.extend(self.options.settings.iter().cloned());
        let words = all.into_iter();
        Ok(words.flat_map(|(k, v)| [format!("--{k}"), v]).collect())
    }

    /// One on a host of its own, which does not run yet.
    async fn place(options: Builder, site: &Arc<Site>, name: &str) -> Result<Redis> {
        let (host, address) = site.host(name).await?;
        let address = site.port(address, PORT)?;
        let mut root = None;
        if let Some(authority) = &options.tls {
            let folder = host.folder();
            let names = [address.ip().to_string()];
            let certificate = authority.sign(folder, &names).await?;
            let account = site.account();
            account.write(&folder.join("server.pem"), &certificate.certificate)?;
            account.write(&folder.join("server.key"), &certificate.key)?;
            account.write(&folder.join("root.pem"), authority.certificate())?;
            root = Some(folder.join("root.pem"));
        }
        Ok(Redis {
            host,
            address,
            options,
            root,
            pid: Mutex::default(),
            _site: Arc::clone(site),
        })
    }
}

impl Builder {
    /// A setting of `redis.conf`; the last of a name wins.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Builder {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Clients show a password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Builder {
        self.password = Some(password.to_owned());
        self
    }

    /// Nobody is let in without TLS; the certificate is for the server's address.
    #[must_use]
    pub fn tls(mut self, authority: &Authority) -> Builder {
        self.tls = Some(authority.clone());
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
    pub async fn start(self) -> Result<Redis> {
        let site = Arc::new(Site::start(self.network).await?);
        let redis = Redis::place(self, &site, "redis").await?;
        redis.start().await?;
        Ok(redis)
    }
}

/// The harness gives no others.
fn ipv4(address: SocketAddr) -> Result<std::net::Ipv4Addr> {
    match address {
        SocketAddr::V4(address) => Ok(*address.ip()),
        SocketAddr::V6(_) => Err(Error::new(format!("{address} is not of version 4"))),
    }
}

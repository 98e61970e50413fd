//! A Redis and a replica of it, and three sentinels that look after them.

use super::{Builder, Redis};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::program::{run, system};
use crate::site::Site;
use crate::wait;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const PROGRAM: &str = "redis-sentinel";
const PORT: u16 = 26379;
const SENTINELS: usize = 3;
const QUORUM: usize = 2;
/// What they look after.
const NAME: &str = "main";
const DOWN_AFTER_MS: &str = "1000";
const FAILOVER_TIMEOUT_MS: &str = "6000";
/// They find each other, and the replica, within some ten seconds.
const AGREE: Duration = Duration::from_secs(60);
const CLI: Duration = Duration::from_secs(20);

/// A Redis, a replica, and sentinels, each on a host of its own.
#[derive(Debug)]
pub struct Sentinels {
    servers: Vec<Redis>,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    host: Host,
    address: SocketAddr,
}

impl Sentinels {
    /// Starts all; answers when all sentinels know of each other and of the replica.
    ///
    /// # Errors
    /// Something is missing, and what to do about it; they do not start.
    pub async fn start(options: Builder) -> Result<Sentinels> {
        let site = Arc::new(Site::start(options.network).await?);
        let mut servers: Vec<Redis> = Vec::new();
        for number in 1..=2 {
            let mut options = options.clone();
            if let Some(master) = servers.first() {
                let (ip, port) = (master.address.ip(), master.address.port());
                options = options.setting("replicaof", &format!("{ip} {port}"));
            }
            let name = format!("redis{number}");
            let redis = Redis::place(options, &site, &name).await?;
            redis.start().await?;
            servers.push(redis);
        }
        let mut sentinels = Vec::new();
        for number in 1..=SENTINELS {
            let (host, address) = site.host(&format!("sentinel{number}")).await?;
            let address = site.port(address, PORT)?;
            let sentinel = Sentinel { host, address };
            sentinel.launch(&site, &servers[0])?;
            sentinels.push(sentinel);
        }
        let all = Sentinels { servers, sentinels };
        for sentinel in &all.sentinels {
            sentinel.wait_agreed().await?;
        }
        Ok(all)
    }

    /// The servers, the first master first; a failover changes their parts.
    #[must_use]
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// How clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts = self.sentinels.iter().map(|s| s.address.to_string());
        let hosts: Vec<String> = hosts.collect();
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// Where the master is, as most sentinels say.
    ///
    /// # Errors
    /// They do not agree, or do not answer.
    pub async fn master(&self) -> Result<&Redis> {
        let mut said = Vec::new();
        for sentinel in &self.sentinels {
            let command = ["sentinel", "get-master-addr-by-name", NAME];
            let answer = sentinel.cli(&command).await?;
            said.push(answer.replace('\n', ":"));
        }
        let chosen = |redis: &&Redis| {
            let address = redis.address.to_string();
            said.iter().filter(|said| **said == address).count() >= QUORUM
        };
        let found = self.servers.iter().find(chosen);
        found.ok_or_else(|| Error::new(format!("the sentinels say {said:?}")))
    }

    /// Waits until another one than this is the master.
    ///
    /// # Errors
    /// The limit has passed.
    pub async fn wait_master_after(&self, old: &Redis, limit: Duration) -> Result<&Redis> {
        let look = || async {
            let master = self.master().await?;
            match master.address == old.address {
                true => Err(Error::new("it is the old one")),
                false => Ok(master),
            }
        };
        wait::until("a new master", limit, look).await
    }
}

impl Sentinel {
    fn launch(&self, site: &Site, master: &Redis) -> Result<()> {
        let (ip, port) = (self.address.ip(), self.address.port());
        let folder = self.host.folder();
        let (master_ip, master_port) = (master.address.ip(), master.address.port());
        let mut text = format!(
            "port {port}\nbind {ip}\ndir {}\nprotected-mode no\nsentinel announce-ip {ip}\n\
             sentinel monitor {NAME} {master_ip} {master_port} {QUORUM}\n\
             sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n\
             sentinel failover-timeout {NAME} {FAILOVER_TIMEOUT_MS}\n",
            folder.display()
        );
        if let Some(password) = &master.options.password {
            text += &format!("sentinel auth-pass {NAME} {password}\n");
        }
        let config = folder.join("sentinel.conf");
        // It writes there what it learns.
        site.account().write(&config, &text)?;
        let config = config.display().to_string();
        let launched = self.host.launch(PROGRAM, &system(PROGRAM)?, &[&config]);
        launched.map(drop)
    }

    async fn cli(&self, command: &[&str]) -> Result<String> {
        let (ip, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        let mut words = vec!["-h", &ip, "-p", &port];
        words.extend(command);
        run(&system("redis-cli")?, &words, CLI).await
    }

    async fn wait_agreed(&self) -> Result<()> {
        let what = format!("{} knowing of all", self.host.name());
        let look = || async {
            let said = self.cli(&["sentinel", "master", NAME]).await?;
            let lines: Vec<&str> = said.lines().collect();
            let of = |name: &str| {
                let at = lines.iter().position(|line| *line == name)?;
                lines.get(at + 1).copied()
            };
            let others = (SENTINELS - 1).to_string();
            let is_agreed = of("num-other-sentinels") == Some(&others)
                && of("num-slaves") == Some("1")
                && of("flags") == Some("master");
            match is_agreed {
                true => Ok(()),
                false => Err(Error::new(said)),
            }
        };
        let agreed = wait::until(&what, AGREE, look).await;
        agreed.map_err(|error| error.with_log(&self.host.log(PROGRAM)))
    }
}

//! One node of a cluster: a host with Patroni, and the PostgreSQL that it looks after.

use super::rest::{self, Answer};
use crate::error::{Error, Result};
use crate::program::system;
use crate::server::Server;
use crate::wait;
use serde_json::Value;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

/// Patroni's log; PostgreSQL writes to it, too.
pub(crate) const PROGRAM: &str = "patroni";
pub(crate) const REST_PORT: u16 = 8008;
const REQUEST: Duration = Duration::from_secs(3);
/// A switch-over is answered when it is done.
const SWITCH: Duration = Duration::from_secs(60);
/// What Patroni answers where etcd did not take what is wanted.
const NOT_WRITTEN: &str = "failed to write switchover key into DCS";

/// A node; its [`Server`] says what can be asked of its PostgreSQL and done to it.
#[derive(Debug)]
pub struct Node {
    pub(crate) server: Server,
    pub(crate) rest: SocketAddr,
    pub(crate) in_synchronous_cluster: bool,
}

/// What a node does, as its Patroni says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes writes, and holds the leader's key.
    Leader,
    /// Follows.
    Replica,
}

/// A node as its own Patroni sees it. Needs no etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The node's name.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// PostgreSQL's state: `running`, `starting`, `stopped` and others.
    pub state: String,
    /// Its timeline, where PostgreSQL runs.
    pub timeline: Option<u32>,
    /// Written on a leader, replayed on a replica.
    pub lsn: Option<u64>,
    /// The leader answers no commit before this replica has written it.
    pub is_synchronous: bool,
}

impl Node {
    /// Where Patroni's REST interface answers.
    #[must_use]
    pub fn rest(&self) -> SocketAddr {
        self.rest
    }

    /// What it does, as its own Patroni says.
    ///
    /// # Errors
    /// Patroni does not answer.
    pub async fn status(&self) -> Result<Status> {
        let answer = rest::request(self.rest, "GET", "/patroni", None, REQUEST).await?;
        let body = answer.json()?;
        let parsed = self.parse(&body);
        parsed.ok_or_else(|| Error::new(format!("{} is {body}", self.name())))
    }

    /// Kills everything on the host at once, as a power cut does: PostgreSQL and Patroni.
    ///
    /// # Errors
    /// The host has ended.
    pub async fn power_off(&self) -> Result<()> {
        self.server.host.power_off().await
    }

    /// Starts Patroni, which starts PostgreSQL. Answers at once: [`super::Patroni::wait_all`].
    ///
    /// # Errors
    /// The host has ended.
    pub fn launch(&self) -> Result<()> {
        let file = self
            .server
            .host
            .folder()
            .join("patroni.yml")
            .display()
            .to_string();
        self.server
            .host
            .launch(PROGRAM, &system("patroni")?, &[&file])
            .map(drop)
    }

    /// Kills Patroni alone (SIGKILL): PostgreSQL runs on with nobody to look after it.
    ///
    /// # Errors
    /// The host has ended.
    pub async fn kill_patroni(&self) -> Result<()> {
        let file = self
            .server
            .host
            .folder()
            .join("patroni.yml")
            .display()
            .to_string();
        let found = self.server.host.find(&file);
        self.server.host.signal("KILL", &found)?;
        self.server.host.gone(&found, SWITCH).await
    }

    /// Hands the lead over to another node, in order; answers when it is done.
    ///
    /// # Errors
    /// Patroni refuses it: the candidate is not fit.
    pub(crate) async fn switch_over(&self, candidate: &str) -> Result<()> {
        let body = serde_json::json!({"leader": self.name(), "candidate": candidate});
        let ask = || async {
            let answer = rest::request(self.rest, "POST", "/switchover", Some(&body), SWITCH);
            let Answer { status, body } = match answer.await {
                Ok(answer) => answer,
                Err(error) => return Ok(Err(error)),
            };
            let told = Error::new(format!("switch-over to {candidate}: {status} {body}"));
            // What is wanted is written down in etcd. Where it could not be, nothing has begun.
            match (status, body.contains(NOT_WRITTEN)) {
                (200, _) => Ok(Ok(())),
                (_, true) => Err(told),
                (_, false) => Ok(Err(told)),
            }
        };
        let what = format!("etcd taking the switch-over to {candidate}");
        wait::until(&what, SWITCH, ask).await?
    }

    /// Has Patroni restart PostgreSQL in order; answers when it is done.
    ///
    /// # Errors
    /// Patroni refuses it, or does not answer.
    pub async fn restart(&self) -> Result<()> {
        let body = serde_json::json!({});
        let answer = rest::request(self.rest, "POST", "/restart", Some(&body), SWITCH).await?;
        if answer.status != 200 {
            let (status, body) = (answer.status, answer.body);
            return Err(Error::new(format!("restart: {status} {body}")));
        }
        Ok(())
    }

    fn parse(&self, body: &Value) -> Option<Status> {
        let role = match body["role"].as_str()? {
            // The word changed with Patroni 4.
            "master" | "primary" => Role::Leader,
            "replica" => Role::Replica,
            _ => return None,
        };
        let wal = &body["xlog"];
        let lsn = wal["location"]
            .as_u64()
            .or_else(|| wal["replayed_location"].as_u64());
        Some(Status {
            name: self.name().to_owned(),
            role,
            state: body["state"].as_str()?.to_owned(),
            timeline: body["timeline"]
                .as_u64()
                .and_then(|number| number.try_into().ok()),
            lsn,
            is_synchronous: body["sync_standby"].as_bool().unwrap_or(false),
        })
    }

    /// Waits until its PostgreSQL takes no writes: it follows, or does not run. Also where the
    /// host is cut off.
    ///
    /// # Errors
    /// The limit has passed.
    pub async fn wait_demoted(&self, limit: Duration) -> Result<()> {
        let what = format!("{} demoted", self.name());
        let look = || async {
            if !self.is_running() {
                return Ok(());
            }
            match self.is_replica().await {
                Ok(true) => Ok(()),
                Ok(false) => Err("it takes writes".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        };
        wait::until(&what, limit, look).await
    }
}

impl Deref for Node {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

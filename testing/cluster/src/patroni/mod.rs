//! A cluster under Patroni: nodes on hosts of their own, and etcd on others.

mod config;
mod etcd;
mod node;
mod rest;

pub use etcd::Etcd;
pub use node::{Node, Role, Status};

use crate::error::{Error, Result};
use crate::lan::{part, reunite};
use crate::postgres::{Options, USER, copy_template};
use crate::program::system;
use crate::server::Server;
use crate::site::{Network, Site};
use crate::wait;
use config::Shape;
use std::sync::Arc;
use std::time::Duration;

/// Python starts within seconds, also where two cores are shared.
const START: Duration = Duration::from_secs(90);

/// A cluster: nodes `node1`, `node2` and so on, and etcd's members `etcd1` and so on.
#[derive(Debug)]
pub struct Patroni {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// etcd's members.
    pub etcd: Vec<Etcd>,
}

/// How soon a cluster sees that its leader is gone, in Patroni's own terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A leader that was not heard of for so long is none. At least `loop_wait` and twice
    /// `retry_timeout`.
    pub ttl_s: u64,
    /// Between two rounds of a node's.
    pub loop_wait_s: u64,
    /// For how long a node tries to reach etcd or PostgreSQL: 3 at least.
    pub retry_timeout_s: u64,
}

/// What a cluster shall be.
#[derive(Clone, Debug)]
pub struct Builder {
    nodes: usize,
    etcd: usize,
    shape: Shape,
    options: Options,
}

impl Patroni {
    /// Three nodes and one etcd, with `synchronous_mode` (strict) and `failsafe_mode`, and the
    /// shortest times that are legal with a second to spare.
    #[must_use]
    pub fn builder() -> Builder {
        let timing = Timing {
            ttl_s: 8,
            loop_wait_s: 1,
            retry_timeout_s: 3,
        };
        let shape = Shape {
            timing,
            synchronous: true,
            failsafe: true,
            primary_start_timeout_s: 300,
        };
        let options = Options {
            network: Network::Lan,
            ..Options::default()
        };
        Builder {
            nodes: 3,
            etcd: 1,
            shape,
            options,
        }
    }

    /// A node by its name.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&self, name: &str) -> Result<&Node> {
        let found = self.nodes.iter().find(|node| node.name() == name);
        found.ok_or_else(|| Error::new(format!("no node {name}")))
    }

    /// What each node says of itself, at the same time; why not, where it does not answer.
    pub async fn statuses(&self) -> Vec<(&Node, Result<Status>)> {
        let mut all = Vec::new();
        for node in &self.nodes {
            all.push((node, node.status().await));
        }
        all
    }

    /// The node that leads: that says so, and runs. Of several, which there are while one is
    /// cut off, the one on the highest timeline that the test can reach.
    ///
    /// # Errors
    /// There is none now: with what each says.
    pub async fn leader(&self) -> Result<&Node> {
        let statuses = self.statuses().await;
        let leads = |status: &Status| status.role == Role::Leader && status.state == "running";
        let leaders = statuses.iter().filter_map(|(node, status)| {
            let status = status.as_ref().ok().filter(|status| leads(status))?;
            Some((*node, status.timeline?))
        });
        match leaders.max_by_key(|(_, timeline)| *timeline) {
            Some((node, _)) => Ok(node),
            None => Err(told(&statuses)),
        }
    }

    /// Waits until a node leads.
    ///
    /// # Errors
    /// The limit has passed.
    pub async fn wait_leader(&self, limit: Duration) -> Result<&Node> {
        wait::until("a leader", limit, || self.leader()).await
    }

    /// Waits until another node leads, on a later timeline.
    ///
    /// # Errors
    /// The limit has passed.
    pub async fn wait_leader_after(&self, old: &Node, limit: Duration) -> Result<&Node> {
        let what = format!("another leader than {}", old.name());
        let look = || async {
            let leader = self.leader().await?;
            if leader.name() == old.name() {
                return Err(Error::new(format!("{} leads", old.name())));
            }
            Ok(leader)
        };
        wait::until(&what, limit, look).await
    }

    /// Waits until every node runs, one leads, all are on its timeline, and, where it is so
    /// ordered, one of the replicas is synchronous. The leader.
    ///
    /// # Errors
    /// The limit has passed: with what each says, and the ends of their logs.
    pub async fn wait_all(&self, limit: Duration) -> Result<&Node> {
        let all: Vec<&str> = self.nodes.iter().map(|node| node.name()).collect();
        self.wait_nodes(&all, limit).await
    }

    /// The same of some nodes, where others are gone.
    ///
    /// # Errors
    /// Those of [`Patroni::wait_all`].
    pub async fn wait_nodes(&self, names: &[&str], limit: Duration) -> Result<&Node> {
        let look = || self.look_nodes(names);
        let mut found = wait::until("a whole cluster", limit, look).await;
        if found.is_err() {
            for node in &self.nodes {
                let log = node.host.log(node::PROGRAM);
                found = found.map_err(|error| error.with_log(&log));
            }
        }
        found
    }

    /// Hands the lead over to a node, in order; answers when it leads.
    ///
    /// # Errors
    /// Patroni refuses it; it does not lead within half a minute.
    pub async fn switch_over(&self, candidate: &Node) -> Result<()> {
        let old = self.leader().await?;
        old.switch_over(candidate.name()).await?;
        let look = || async {
            let leader = self.leader().await?;
            let leads = leader.name() == candidate.name();
            if leads {
                Ok(())
            } else {
                Err(Error::new(format!("{} leads", leader.name())))
            }
        };
        let what = format!("{} leading", candidate.name());
        wait::until(&what, Duration::from_secs(30), look).await
    }

    /// Parts a node from all the others and from etcd, and from nobody else: clients reach it,
    /// and it them.
    ///
    /// # Errors
    /// A host has ended.
    pub fn part(&self, node: &Node) -> Result<()> {
        self.peers(node)
            .try_for_each(|peer| part(&node.server.host, peer))
    }

    /// Ends that.
    ///
    /// # Errors
    /// A host has ended.
    pub fn reunite(&self, node: &Node) -> Result<()> {
        self.peers(node)
            .try_for_each(|peer| reunite(&node.server.host, peer))
    }

    fn peers<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a crate::host::Host> {
        let others = self
            .nodes
            .iter()
            .filter(|other| other.name() != node.name());
        let others = others.map(|other| &other.server.host);
        others.chain(self.etcd.iter().map(|etcd| &etcd.host))
    }

    async fn look_nodes(&self, names: &[&str]) -> Result<&Node> {
        let mut statuses = self.statuses().await;
        statuses.retain(|(node, _)| names.contains(&node.name()));
        let known: Vec<&Status> = statuses
            .iter()
            .filter_map(|(_, s)| s.as_ref().ok())
            .collect();
        let leader = known.iter().find(|status| status.role == Role::Leader);
        let Some(leader) = leader.filter(|_| known.len() == names.len()) else {
            return Err(told(&statuses));
        };
        let is_running =
            |status: &&Status| status.state == "running" && status.timeline == leader.timeline;
        let leads = known
            .iter()
            .filter(|status| status.role == Role::Leader)
            .count();
        if leads > 1 || !known.iter().copied().all(|status| is_running(&status)) {
            return Err(told(&statuses));
        }
        // A replica says that it runs before it streams.
        let node = self.node(&leader.name)?;
        let expected = self.expected_synchronous(known.len());
        let counts = node
            .sql(
                "select count(*) filter (where state = 'streaming'), \
                 count(*) filter (where sync_state in ('sync', 'quorum')) \
                 from pg_stat_replication",
            )
            .await?;
        if counts != format!("{}|{expected}", known.len() - 1) {
            return Err(Error::new(format!("{} has {counts} replicas", leader.name)));
        }
        let marked = known.iter().filter(|status| status.is_synchronous).count();
        if marked != expected {
            return Err(told(&statuses));
        }
        Ok(node)
    }

    fn expected_synchronous(&self, nodes: usize) -> usize {
        usize::from(nodes > 1 && self.is_synchronous())
    }

    fn is_synchronous(&self) -> bool {
        self.nodes
            .first()
            .is_some_and(|node| node.in_synchronous_cluster)
    }
}

/// What each node says, as an error.
fn told(statuses: &[(&Node, Result<Status>)]) -> Error {
    let line = |(node, status): &(&Node, Result<Status>)| match status {
        Ok(status) => format!("{status:?}"),
        Err(error) => format!("{}: {error}", node.name()),
    };
    Error::new(statuses.iter().map(line).collect::<Vec<_>>().join("\n"))
}

impl Builder {
    /// How many nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Builder {
        self.nodes = nodes;
        self
    }

    /// How many members etcd has: one or three.
    #[must_use]
    pub fn etcd(mut self, members: usize) -> Builder {
        self.etcd = members;
        self
    }

    /// How soon a cluster sees that its leader is gone.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Builder {
        self.shape.timing = timing;
        self
    }

    /// Without `synchronous_mode`: a failover may lose commits that were answered.
    #[must_use]
    pub fn asynchronous(mut self) -> Builder {
        self.shape.synchronous = false;
        self
    }

    /// Without `failsafe_mode`: the leader steps down where etcd is down.
    #[must_use]
    pub fn without_failsafe(mut self) -> Builder {
        self.shape.failsafe = false;
        self
    }

    /// For how long a primary that was killed may be started again before another takes over;
    /// zero: another takes over at once.
    #[must_use]
    pub fn primary_start_timeout_s(mut self, seconds: u64) -> Builder {
        self.shape.primary_start_timeout_s = seconds;
        self
    }

    /// A setting of `postgresql.conf` of all nodes; the last of a name wins.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Builder {
        self.options
            .settings
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// Clients show a password, by SCRAM-SHA-256. Letters and digits: it stands in URLs.
    #[must_use]
    pub fn password(mut self, password: &str) -> Builder {
        self.options.password = Some(password.to_owned());
        self
    }

    /// Starts the cluster; answers when it is whole.
    ///
    /// # Errors
    /// Something is missing, and what to do about it; a part does not start.
    pub async fn start(self) -> Result<Patroni> {
        self.shape.timing.check()?;
        system("patroni")?;
        let site = Arc::new(Site::start(Network::Lan).await?);
        let etcd = Etcd::start_all(&site, self.etcd).await?;
        let mut cluster = Patroni {
            nodes: Vec::new(),
            etcd,
        };
        for number in 1..=self.nodes {
            let node = self.prepare(&site, &cluster.etcd, number).await?;
            cluster.nodes.push(node);
        }
        // The first makes itself the leader; the others find one, and need no election.
        let Some((first, others)) = cluster.nodes.split_first() else {
            return Err(Error::new("a cluster has nodes"));
        };
        first.launch()?;
        let led = cluster.wait_leader(START).await;
        let log = first.host.log(node::PROGRAM);
        led.map_err(|error| error.with_log(&log))?;
        if let Some(password) = &self.options.password {
            let password = password.replace('\'', "''");
            // No replica is there yet that could confirm it.
            let statement =
                format!("set synchronous_commit = local; alter role {USER} password '{password}'");
            first.sql(&statement).await?;
        }
        others.iter().try_for_each(Node::launch)?;
        cluster.wait_all(START).await?;
        Ok(cluster)
    }

    async fn prepare(&self, site: &Arc<Site>, etcd: &[Etcd], number: usize) -> Result<Node> {
        let (host, address) = site.host(&format!("node{number}")).await?;
        let server = Server {
            host,
            address: site.postgres_port(address)?,
            password: self.options.password.clone(),
            tls: None,
            program: node::PROGRAM,
            site: Arc::clone(site),
        };
        copy_template(site.account(), &server.data()).await?;
        let rest = (address, node::REST_PORT).into();
        let members: Vec<_> = etcd.iter().map(Etcd::address).collect();
        let config = config::of_node(&self.shape, &self.options, &server, rest, &members)?;
        let file = server.host.folder().join("patroni.yml");
        site.account().write(&file, &config.to_string())?;
        Ok(Node {
            server,
            rest,
            in_synchronous_cluster: self.shape.synchronous,
        })
    }
}

//! A cluster with three web processes over it, and what is in it in the end.

use crate::clients::ROWS_MAX;
use crate::load::MANY_ATTEMPTS;
use crate::support::{Server, json};
use pando_cluster::{Faults, Node, Patroni, Postgres, Proxy, Replication, Standby, until};
use pando_workload::ORDER_DDL;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const PROCESSES: usize = 3;
/// How long a write waits for a primary.
pub const WRITE_BUFFER: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(90);

/// PostgreSQL, and three web processes over it.
pub struct Site {
    kind: Kind,
    processes: Vec<Server>,
    /// The header that says who asks.
    pub key: String,
    _folder: tempfile::TempDir,
}

enum Kind {
    Patroni(Box<Patroni>),
    /// A primary and its synchronous replica, each behind a proxy.
    Proxied(Box<Replication>, Vec<Proxy>),
}

/// What is in the store.
#[derive(Debug, Default)]
pub struct Found {
    pub rows: BTreeSet<u64>,
    pub counters: BTreeMap<u64, u64>,
    /// What `pando` finds wrong with its own tables.
    pub unsound: Vec<String>,
}

impl Site {
    /// Three nodes under Patroni.
    pub async fn patroni() -> Site {
        let cluster = Patroni::builder().start().await.expect("start Patroni");
        let leader = cluster.wait_all(LIMIT).await.expect("a leader");
        let url = leader.url();
        let rests: Vec<String> = cluster
            .nodes
            .iter()
            .map(|node| format!("\"http://{}\"", node.rest()))
            .collect();
        let settings = format!("url = \"{url}\"\npatroni = [{}]\n", rests.join(", "));
        Site::over(Kind::Patroni(Box::new(cluster)), &settings).await
    }

    /// A primary and a synchronous replica behind proxies.
    pub async fn proxied() -> Site {
        let started = Postgres::builder().start_replicated(1, Standby::Synchronous);
        let servers = started.await.expect("start PostgreSQL");
        let mut proxies = Vec::new();
        for server in std::iter::once(&servers.primary).chain(&servers.replicas) {
            proxies.push(Proxy::start(server.address()).await.expect("a proxy"));
        }
        let url = |proxy: &Proxy| format!("postgres://postgres@{}/postgres", proxy.address());
        let settings = format!(
            "url = \"{}\"\nreplicas = [\"{}\"]\n",
            url(&proxies[0]),
            url(&proxies[1])
        );
        Site::over(Kind::Proxied(Box::new(servers), proxies), &settings).await
    }

    async fn over(kind: Kind, settings: &str) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings.to_owned();
        let root = folder.path().to_owned();
        let started = tokio::task::spawn_blocking(move || start_processes(&root, &settings));
        let (processes, key) = started.await.expect("processes start");
        Site {
            kind,
            processes,
            key,
            _folder: folder,
        }
    }

    /// Where the processes listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let processes = self.processes.iter();
        processes.map(|process| process.address).collect()
    }

    pub fn cluster(&self) -> &Patroni {
        match &self.kind {
            Kind::Patroni(cluster) => cluster,
            Kind::Proxied(..) => panic!("there is no Patroni"),
        }
    }

    pub async fn leader(&self) -> &Node {
        self.cluster().leader().await.expect("a leader")
    }

    /// The nodes that follow.
    pub async fn replicas(&self) -> Vec<&Node> {
        let leader = self.leader().await.name();
        let nodes = self.cluster().nodes.iter();
        nodes.filter(|node| node.name() != leader).collect()
    }

    /// Ends everything on a node's host at once.
    pub async fn kill(&self, node: &str) {
        let node = self.cluster().node(node).expect("a node");
        node.power_off().await.expect("it runs");
    }

    /// Has whatever was ended begin again, and waits until all nodes are there.
    pub async fn mend(&self) {
        for node in &self.cluster().nodes {
            if node.status().await.is_err() {
                node.launch().expect("a host");
            }
        }
        let leader = self.cluster().wait_all(LIMIT).await;
        leader.expect("a cluster that is whole");
    }

    /// The node that may take over.
    pub async fn synchronous(&self) -> &Node {
        let fit = until("a synchronous standby", LIMIT, || async {
            let statuses = self.cluster().statuses().await;
            let mut found = statuses.iter().filter_map(|(node, status)| {
                let is_fit = status.as_ref().is_ok_and(|status| status.is_synchronous);
                is_fit.then(|| node.name().to_owned())
            });
            found.next().ok_or("there is none")
        });
        let name = fit.await.expect("a synchronous standby");
        self.cluster().node(&name).expect("a node")
    }

    /// Lets nothing pass any more on the connections that there are; new ones are as always.
    pub async fn swallow(&self) {
        let Kind::Proxied(_, proxies) = &self.kind else {
            panic!("there are no proxies");
        };
        for proxy in proxies {
            for connection in proxy.connections() {
                connection.set_faults(Faults {
                    stalled: true,
                    ..Faults::default()
                });
            }
        }
    }

    /// What is there now, on whoever takes writes.
    pub async fn look(&self) -> Found {
        let sql = async |text: &'static str| match &self.kind {
            Kind::Patroni(_) => until("an answer of the leader", LIMIT, || async {
                let leader = self.cluster().leader().await.map_err(|e| e.to_string())?;
                leader.sql(text).await.map_err(|e| e.to_string())
            })
            .await
            .expect("SQL"),
            Kind::Proxied(servers, _) => servers.primary.sql(text).await.expect("SQL"),
        };
        let mut found = Found::default();
        for line in sql("SELECT id FROM entry").await.lines() {
            found.rows.insert(line.parse().expect("a number"));
        }
        let counters = "SELECT key || ' ' || convert_from(value, 'UTF8') FROM _pando_kv";
        for line in sql(counters).await.lines() {
            let (key, value) = line.split_once(' ').expect("two words");
            let (key, value) = (key.parse().expect("a number"), value.parse());
            found.counters.insert(key, value.expect("a number"));
        }
        // Each slot has an owner, for the schema in force.
        let fences = "SELECT count(*) FROM _pando_fence WHERE epoch < 1 OR schema_version <> \
                      (SELECT schema_version FROM _pando_shard)";
        if sql(fences).await.trim() != "0" {
            found
                .unsound
                .push("fences do not agree with the schema".to_owned());
        }
        debug_assert!(found.rows.iter().all(|id| *id > ROWS_MAX));
        found
    }
}

/// Caches in front of all that is asked for.
const CACHED: &str = "[cache.collections.\"rest/entry\"]\n[cache.collections.\"kv/counters\"]\n";

/// Whether `PANDO_CACHED` says so.
fn is_cached() -> bool {
    std::env::var_os("PANDO_CACHED").is_some()
}

fn start_processes(root: &Path, settings: &str) -> (Vec<Server>, String) {
    let migrations = root.join("migrations");
    std::fs::create_dir(&migrations).expect("a folder");
    std::fs::write(
        migrations.join("0001_entry.sql"),
        "CREATE TABLE entry (id bigint PRIMARY KEY, client bigint NOT NULL);\n\
         CREATE INDEX entry_client ON entry (client);",
    )
    .expect("a file");
    std::fs::write(migrations.join("0002_order_placed.sql"), ORDER_DDL).expect("a file");
    let mut processes = Vec::new();
    for number in 0..PROCESSES {
        let folder = root.join(format!("node-{number}"));
        std::fs::create_dir(&folder).expect("a folder");
        let text = format!(
            "[auth]\nrequired = true\n[limits]\nrequest_timeout = \"55s\"\n[store]\n\
             engine = \"postgres\"\nmigrate = true\nmigrations = \"../migrations\"\n\
             [store.postgres]\npool = 4\n{settings}{MANY_ATTEMPTS}{}",
            if is_cached() { CACHED } else { "" }
        );
        std::fs::write(folder.join("pando.toml"), text).expect("a file");
        if number == 0 {
            json(&folder, &["config", "check"]);
        }
        let level = [("PANDO_LOG_LEVEL", "info,pando_engine_postgres=debug")];
        processes.push(Server::start_with(&folder, &["--role", "web"], &level));
    }
    let key = std::fs::read_to_string(root.join("node-0/data/root.key")).expect("a key");
    (
        processes,
        format!("Authorization: Bearer {}\r\n", key.trim()),
    )
}

//! A primary, replicas, and three web processes over them.

use crate::support::{Connection, Server};
use pando_cluster::{Postgres, Replication, Standby};
use rand::Rng;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const PROCESSES: usize = 3;

/// Sends requests, for one caller: method, path and body give status and body.
pub type Ask = Box<dyn FnMut(&str, &str, &str) -> (u16, String) + Send>;

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// The owner's answer.
    Strong,
    /// What it wrote and saw.
    Session,
    /// The same, but its stamp is thrown away.
    None,
}

/// See the module.
pub struct Site {
    servers: Replication,
    processes: Vec<Server>,
    key: String,
    _folder: tempfile::TempDir,
}

impl Site {
    /// Starts everything, with a migration.
    pub async fn start(migration: &str, replicas: usize) -> Site {
        let started = Postgres::builder().start_replicated(replicas, Standby::Asynchronous);
        let servers = started.await.expect("start PostgreSQL");
        let folder = tempfile::tempdir().expect("a folder");
        let url =
            |server: &Postgres| format!("\"postgres://postgres@{}/postgres\"", server.address());
        let others: Vec<String> = servers.replicas.iter().map(url).collect();
        let settings = format!(
            "url = {}\nreplicas = [{}]\n",
            url(&servers.primary),
            others.join(", ")
        );
        let (root, migration) = (folder.path().to_owned(), migration.to_owned());
        let processes =
            tokio::task::spawn_blocking(move || start_processes(&root, &settings, &migration));
        let key = |root: &Path| {
            let key = std::fs::read_to_string(root.join("node-0/data/root.key"));
            format!("Authorization: Bearer {}\r\n", key.expect("a key").trim())
        };
        Site {
            processes: processes.await.expect("processes start"),
            key: key(folder.path()),
            servers,
            _folder: folder,
        }
    }

    /// A replica replays what was committed so long ago.
    pub async fn delay(&self, replica: usize, time: Duration) {
        let replica = &self.servers.replicas[replica];
        replica.set_apply_delay(time).await.expect("a delay");
    }

    /// Where the processes listen, and the header with a key.
    pub fn ways(&self) -> (Vec<SocketAddr>, String) {
        let addresses = self.processes.iter().map(|one| one.address);
        (addresses.collect(), self.key.clone())
    }

    /// Somebody who asks any of the processes.
    pub fn caller(&self, consistency: Consistency) -> Ask {
        let (addresses, key) = self.ways();
        let mut connections: Vec<_> = addresses.into_iter().map(Connection::to).collect();
        let mut stamp: Option<String> = None;
        Box::new(move |method, path, body| {
            let mut headers = key.clone();
            if let Some(stamp) = &stamp {
                headers.push_str(&format!("Pando-Stamp: {stamp}\r\n"));
            }
            if consistency == Consistency::Strong {
                headers.push_str("Pando-Consistency: strong\r\n");
            }
            let one = rand::rng().random_range(0..connections.len());
            let answer = connections[one].ask(method, path, &headers, body);
            if consistency != Consistency::None {
                stamp = answer
                    .header("pando-stamp")
                    .map(str::to_owned)
                    .or(stamp.take());
            }
            (answer.status, answer.body)
        })
    }
}

fn start_processes(root: &Path, settings: &str, migration: &str) -> Vec<Server> {
    let migrations = root.join("migrations");
    std::fs::create_dir(&migrations).expect("a folder");
    std::fs::write(migrations.join("0001_first.sql"), migration).expect("a file");
    let start = |number| {
        let folder = root.join(format!("node-{number}"));
        std::fs::create_dir(&folder).expect("a folder");
        let text = format!(
            "[auth]\nrequired = true\n[store]\nengine = \"postgres\"\nmigrate = true\n\
             migrations = \"../migrations\"\n[store.postgres]\npool = 4\n{settings}"
        );
        std::fs::write(folder.join("pando.toml"), text).expect("a file");
        Server::start_with(&folder, &["--role", "web"], &[])
    };
    (0..PROCESSES).map(start).collect()
}

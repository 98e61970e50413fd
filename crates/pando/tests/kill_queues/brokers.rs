//! The same where the queue is on a broker: server and broker are killed, and messages are handed
//! over again after each.

use crate::load::{Load, Sent, VISIBILITY};
use crate::support::{Server, migrate};
use crate::{BETWEEN, rounds, seed};
use pando_cluster::{Nats, Redis};
use pando_workload::ORDER_DDL;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::future::Future;
use std::path::Path;

/// A broker that is killed and comes again.
trait Killed: Send + Sync {
    /// Whether it writes acknowledgements down before it answers them.
    const KEEPS_ACKS: bool;
    fn kill(&self) -> impl Future<Output = ()> + Send;
    fn start(&self) -> impl Future<Output = ()> + Send;
}

impl Killed for Nats {
    // Where a consumer stands is written from time to time.
    const KEEPS_ACKS: bool = false;

    async fn kill(&self) {
        Nats::kill(self).await.expect("killed");
    }

    async fn start(&self) {
        Nats::start(self).await.expect("started");
    }
}

impl Killed for Redis {
    const KEEPS_ACKS: bool = true;

    async fn kill(&self) {
        Redis::kill(self).await.expect("killed");
    }

    async fn start(&self) {
        Redis::start(self).await.expect("started");
    }
}

fn declare(folder: &Path, engine: &str) {
    let visibility = VISIBILITY.as_millis();
    let text = format!(
        "[queue]\nengine = \"{engine}\"\n[queues.q]\nordered = true\nattempts = 1000\n\
         visibility = \"{visibility}ms\"\n"
    );
    std::fs::write(folder.join("pando.toml"), text).expect("a file");
}

/// Kills one or the other so often while they work; gives what is wrong.
async fn kill_in_turn<B: Killed>(engine: &str, broker: Option<&B>, seed: u64) -> Vec<String> {
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), ORDER_DDL);
    declare(folder.path(), engine);
    let mut server = Server::start(folder.path());
    tokio::task::block_in_place(|| has_moved(&server));
    let load = Load::start(vec![server.address], "", Sent::Together, chance.random());
    // Whoever kept its acknowledgement may lose it, and it comes again.
    load.shared.history().publishing("first", None);
    for nth in 0..rounds() {
        let more = chance.random_range(1..BETWEEN);
        let load = &load;
        tokio::task::block_in_place(|| load.proceed(more));
        match broker.filter(|_| nth % 2 == 1) {
            Some(broker) => {
                broker.kill().await;
                broker.start().await;
            }
            None => {
                server.kill();
                server = Server::start(folder.path());
                load.listen_at(vec![server.address]);
            }
        }
    }
    let wrong = tokio::task::block_in_place(|| {
        load.proceed(1);
        load.finish()
    });
    let lasts = broker.is_none() || B::KEEPS_ACKS;
    wrong
        .into_iter()
        .filter(|line| lasts || is_a_loss(line))
        .collect()
}

/// Whether a line tells of a message that is gone, or that nobody published: what a broker that
/// forgets acknowledgements when it is killed has to keep all the same.
fn is_a_loss(line: &str) -> bool {
    ["was lost", "was refused", "by nobody"]
        .iter()
        .any(|words| line.contains(words))
}

/// Waits until the first message has come by the broker: so long a queue takes that moves there.
fn has_moved(server: &Server) {
    let mut connection = server.connect();
    let first = connection.ask("POST", "/queue/v1/q/messages", "", r#"{"body":"first"}"#);
    assert_eq!(first.status, 201, "{first:?}");
    let leased = connection.ask("POST", "/queue/v1/q/lease", "", r#"{"wait":"30s"}"#);
    let lease = leased.json()["messages"][0]["lease"].to_string();
    let body = format!("{{\"leases\":[{lease}]}}");
    let acked = connection.ask("POST", "/queue/v1/q/ack", "", &body);
    assert_eq!(acked.json()["acked"], 1, "{leased:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nats_a_kill_loses_and_doubles_no_message_and_leaves_none_without_its_row() {
    let seed = seed();
    let nats = Nats::builder().start().await.expect("NATS");
    let wrong = kill_in_turn::<Nats>(&nats.url(), None, seed).await;
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nats_is_killed_too_none_is_lost_and_none_without_its_row() {
    let seed = seed();
    let nats = Nats::builder().start().await.expect("NATS");
    let wrong = kill_in_turn(&nats.url(), Some(&nats), seed).await;
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_redis_a_kill_loses_no_message_and_leaves_none_without_its_row() {
    let seed = seed();
    let redis = Redis::builder()
        .setting("appendonly", "yes")
        .setting("appendfsync", "always")
        .setting("maxmemory-policy", "noeviction")
        .start();
    let redis = redis.await.expect("Redis");
    let wrong = kill_in_turn(&redis.url(), Some(&redis), seed).await;
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

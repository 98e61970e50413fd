//! The same where the queue is on a broker: server and broker are killed, and messages are handed
//! over again after each.

use crate::at_least_once::Orders;
use crate::load::{Load, Sent, VISIBILITY};
use crate::support::{Connection, Server, migrate};
use crate::{BETWEEN, rounds, seed};
use pando_cluster::{Nats, RabbitMq, Redis};
use pando_workload::ORDER_DDL;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

/// Since then it does not go back behind what was acknowledged (its pull request 5305). The engine
/// makes up for that as long as its process lives. `PANDO_PROGRAMS` names another version's folder.
const NATS_IS_RIGHT: [u32; 3] = [2, 10, 13];

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

/// A move waits for what the one before has left.
const MOVES_WITHIN: Duration = Duration::from_secs(60);

/// Writes what `[queue]` and `[queues.q]` say besides.
fn declare(folder: &Path, queue: &str, of_q: &str) {
    let visibility = VISIBILITY.as_millis();
    let text = format!(
        "[queue]\n{queue}\n[queues.q]\n{of_q}\nattempts = 1000\nvisibility = \"{visibility}ms\"\n"
    );
    std::fs::write(folder.join("pando.toml"), text).expect("a file");
}

/// Kills one or the other so often while they work; gives what is wrong.
async fn kill_in_turn<B: Killed>(engine: &str, broker: Option<&B>, seed: u64) -> Vec<String> {
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), ORDER_DDL);
    declare(
        folder.path(),
        &format!("engine = \"{engine}\""),
        "ordered = true",
    );
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
    let mut wrong = kill_in_turn::<Nats>(&nats.url(), None, seed).await;
    let version = Nats::version().expect("a version");
    if version < NATS_IS_RIGHT {
        println!(
            "nats-server {version:?} may deliver once more what was acknowledged to a process that is gone: looked for are losses"
        );
        wrong.retain(|line| is_a_loss(line));
    }
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

/// Waits until the queue is where the file says: leases come from there then, and from what is left.
fn is_there(server: &Server, on_broker: bool) {
    let end = Instant::now() + MOVES_WITHIN;
    loop {
        let status = server.connect().ask("GET", "/admin/v1/status", "", "");
        let queues = &status.json()["broker"]["queues"];
        if queues.as_array().expect("a list").contains(&"q".into()) == on_broker {
            return;
        }
        assert!(Instant::now() < end, "it does not move: {status:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// RabbitMQ is killed, the server is killed, and each second time the queue moves, with messages out on
/// either side.
#[tokio::test(flavor = "multi_thread")]
async fn behind_rabbitmq_kills_and_moves_lose_no_message_and_leave_none_without_its_row() {
    let seed = seed();
    let rabbit = RabbitMq::launch().await.expect("RabbitMQ");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), ORDER_DDL);
    std::fs::write(folder.path().join("password"), "guest\n").expect("a file");
    let queue = format!(
        "engine = \"{}\"\nuser = \"guest\"\npassword_file = \"password\"",
        rabbit.url()
    );
    declare(folder.path(), &queue, "");
    let mut server = Server::start(folder.path());
    tokio::task::block_in_place(|| has_moved(&server));
    let orders = Orders::start(server.address, chance.random());
    let mut on_broker = true;
    for nth in 0..rounds() {
        let more = chance.random_range(1..BETWEEN);
        tokio::task::block_in_place(|| orders.proceed(more));
        // Seldom the broker: it takes its time to start.
        if nth % 8 == 0 {
            rabbit.kill().await.expect("killed");
            rabbit.start().await.expect("started");
            continue;
        }
        if nth % 2 == 1 {
            on_broker = !on_broker;
            let place = if on_broker { "broker" } else { "store" };
            declare(folder.path(), &queue, &format!("engine = \"{place}\""));
        }
        server.kill();
        server = Server::start(folder.path());
        orders.listen_at(server.address);
        tokio::task::block_in_place(|| is_there(&server, on_broker));
    }
    let wrong = tokio::task::block_in_place(|| {
        orders.proceed(1);
        orders.finish()
    });
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    server.kill();
    tokio::task::block_in_place(|| what_is_left_there_comes_again(folder.path(), &queue));
}

/// Waits until the store has no message of a queue, which is out on the broker.
fn is_handed_over(server: &Server) {
    let end = Instant::now() + MOVES_WITHIN;
    loop {
        let depth = server.connect().ask("GET", "/queue/v1/left", "", "");
        if depth.json()["depth"] == 0 {
            return;
        }
        assert!(Instant::now() < end, "it is not handed over: {depth:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A lease of the broker's that runs out when its queue is back in the store, and the broker has nothing
/// else: RabbitMQ does not tell what is out.
fn what_is_left_there_comes_again(folder: &Path, queue: &str) {
    let start = |place: &str| {
        let text = format!("[queue]\n{queue}\n[queues.left]\nengine = \"{place}\"\n");
        std::fs::write(folder.join("pando.toml"), text).expect("a file");
        Server::start(folder)
    };
    let lease = |server: &Server, body: &str| {
        let mut connection = Connection::to_patiently(server.address, MOVES_WITHIN);
        let leased = connection.ask("POST", "/queue/v1/left/lease", "", body);
        leased.json()["messages"][0]["body"].clone()
    };
    let server = start("broker");
    let mut connection = server.connect();
    let last = connection.ask("POST", "/queue/v1/left/messages", "", r#"{"body":"last"}"#);
    assert_eq!(last.status, 201, "{last:?}");
    let leased = lease(&server, r#"{"wait":"30s","visibility":"60s"}"#);
    assert_eq!(leased, "last");
    // Else the store has it too, as its confirmation was not heard.
    is_handed_over(&server);
    server.kill();
    let server = start("store");
    // It outlasts the 3 s until all processes have heard of the move.
    let leased = lease(&server, r#"{"wait":"30s","visibility":"5s"}"#);
    assert_eq!(leased, "last");
    let leased = lease(&server, r#"{"wait":"30s"}"#);
    assert_eq!(leased, "last", "it ran out there, and comes again");
}

//! What is seen of the servers, and what is said of those that do not do.

use super::LIMIT;
use super::world::{url, world};
use pando_cluster::{Network, Postgres, Standby, until};
use pando_engine_postgres::{PostgresConfig, inspect};
use pando_model::inspection::ServerRole::{Deposed, Primary, Replica, Stranger, Unreachable};
use pando_model::inspection::{Inspection, ServerRole, Weight};
use std::time::Duration;

/// Nobody listens there.
const NOWHERE: &str = "postgres://postgres@127.0.0.1:1/postgres";

fn roles(found: &Inspection) -> Vec<ServerRole> {
    found.servers.iter().map(|server| server.role).collect()
}

/// How bad it is, what is said, and how it is mended; of a server, and of one of its settings.
fn said<'f>(found: &'f Inspection, setting: &str, server: &str) -> (Weight, &'f str, &'f str) {
    let mut all = found.shortfalls.iter();
    let one = all.find(|one| one.setting == setting && one.server.as_deref() == Some(server));
    let Some(one) = one else {
        panic!("no {setting} of {server} in {found:?}");
    };
    (one.weight, &one.message, &one.mend)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_server_is_seen_with_what_it_does_and_what_it_does_not() {
    let world = world(1, Standby::Asynchronous).await;
    let (primary, replica) = (&world.servers.primary, &world.servers.replicas[0]);
    let stranger = Postgres::builder().network(Network::Lan).without_fsync();
    let stranger = stranger.start().await.expect("start PostgreSQL");
    stranger.sql("create database other").await.expect("SQL");
    let other = format!("postgres://postgres@{}/other", stranger.address());
    let mut config = PostgresConfig::new(url(primary));
    config.replicas = vec![url(replica), other.clone(), NOWHERE.to_owned()];
    world.insert(1).await.expect("a row");
    super::catch_up(primary, replica).await;

    let delay = "max_standby_streaming_delay";
    replica.set(delay, "-1").await.expect("set");
    let found = inspect(&config).await.expect("a look");
    assert_eq!(
        roles(&found),
        [Primary, Replica, Stranger, Unreachable],
        "{found:?}"
    );
    let lag = found.servers[1].lag.expect("it is known");
    assert_eq!(lag.positions, Some(0), "{found:?}");
    assert_eq!(found.servers[0].at, found.servers[1].at, "{found:?}");
    assert_eq!(found.servers[1].timeline, Some(1), "{found:?}");
    let name = replica.address().to_string();
    let (weight, message, mend) = said(&found, delay, &name);
    assert!(
        weight == Weight::Warning && message.contains(&name),
        "{message}"
    );
    assert!(
        mend.contains("ALTER SYSTEM SET max_standby_streaming_delay"),
        "{mend}"
    );
    assert_eq!(said(&found, "hot_standby_feedback", &name).0, Weight::Note);
    let (weight, message, _) = said(&found, "servers", &stranger.address().to_string());
    assert!(
        weight == Weight::Warning && message.contains("another database"),
        "{message}"
    );
    let (weight, _, mend) = said(&found, "servers", "127.0.0.1:1");
    assert!(
        weight == Weight::Warning && mend.contains("listen_addresses"),
        "{mend}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_replica_is_behind_is_seen_and_who_has_taken_over() {
    let world = world(1, Standby::Asynchronous).await;
    let (primary, replica) = (&world.servers.primary, &world.servers.replicas[0]);
    let name = replica.address().to_string();
    let mut config = PostgresConfig::new(url(primary));
    config.replicas = vec![url(replica)];
    super::catch_up(primary, replica).await;
    // Three transactions that it has not replayed, and does not replay.
    replica.pause_replay().await.expect("paused");
    for id in 1..=3 {
        world.insert(id).await.expect("a row");
    }
    config.max_lag = Duration::from_millis(500);
    let found = inspect(&config).await.expect("a look");
    let lag = found.servers[1].lag.expect("it is known");
    assert_eq!(lag.positions, Some(3), "{found:?}");
    assert!(
        lag.time.is_some_and(|time| time >= Duration::from_secs(1)),
        "{found:?}"
    );
    assert_eq!(said(&found, "replication", &name).0, Weight::Warning);

    // It is promoted, and the old primary runs on.
    replica.resume_replay().await.expect("resumed");
    super::catch_up(primary, replica).await;
    replica.promote().await.expect("promoted");
    let found = inspect(&config).await.expect("a look");
    assert_eq!(roles(&found), [Deposed, Primary], "{found:?}");
    assert_eq!(found.servers[1].timeline, Some(2), "{found:?}");
    let (weight, _, mend) = said(&found, "servers", &primary.address().to_string());
    assert!(
        weight == Weight::Warning && mend.contains("pg_rewind"),
        "{mend}"
    );

    // With nobody that takes writes it is the url's server that is missed.
    config.url = NOWHERE.to_owned();
    config.replicas.clear();
    let found = inspect(&config).await.expect("a look");
    assert_eq!(said(&found, "servers", "127.0.0.1:1").0, Weight::Breach);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_would_lose_data_or_gets_none_is_named() {
    let world = world(1, Standby::Asynchronous).await;
    let (primary, replica) = (&world.servers.primary, &world.servers.replicas[0]);
    let mut config = PostgresConfig::new(url(primary));
    config.replicas = vec![url(replica)];
    replica.set("fsync", "off").await.expect("set");
    let name = replica.address().to_string();
    let found = inspect(&config).await.expect("a look");
    let (weight, message, _) = said(&found, "fsync", &name);
    assert!(
        weight == Weight::Breach && message.contains(&name),
        "{message}"
    );
    primary.kill().await.expect("killed");
    until("a replica that gets nothing", LIMIT, || async {
        let found = inspect(&config).await.map_err(|error| error.to_string())?;
        let mut all = found.shortfalls.iter();
        match all.any(|one| one.setting == "replication") {
            true => Ok(()),
            false => Err(format!("{found:?}")),
        }
    })
    .await
    .expect("it is named");
    let found = inspect(&config).await.expect("a look");
    assert_eq!(roles(&found), [Unreachable, Replica], "{found:?}");
    assert_eq!(
        said(&found, "servers", &primary.address().to_string()).0,
        Weight::Breach
    );
}

//! Where a store is begun, and where it is not.

use super::world::{insert, url, world};
use pando_cluster::{Network, Postgres, Standby};
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::engine::Engine;
use pando_model::error::EngineError;
use std::time::Duration;

/// Nobody listens there.
const NOWHERE: &str = "postgres://postgres@127.0.0.1:1/postgres";
const TABLES: &str = "select count(*) from pg_class where relname like '\\_pando%'";

async fn stranger() -> Postgres {
    let stranger = Postgres::builder().network(Network::Lan).start().await;
    stranger.expect("start PostgreSQL")
}

/// What somebody is told who cannot open anything.
async fn refused(url: &str, replicas: &[String]) -> String {
    let mut config = PostgresConfig::new(url);
    config.replicas = replicas.to_vec();
    config.connect_timeout = Duration::from_secs(1);
    match PostgresEngine::open(config).await {
        Err(trouble) => match trouble.error {
            EngineError::Unavailable { reason, .. } => reason,
            error => panic!("{error:?}"),
        },
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_begun_on_a_server_of_the_url_and_on_no_other() {
    let stranger = stranger().await;
    // While the primary is down nothing tells an empty replica from a server of somebody else's.
    refused(NOWHERE, &[url(&stranger)]).await;
    assert_eq!(stranger.sql(TABLES).await.expect("SQL").trim(), "0");
    // A server that cannot be looked at may have the store, whoever names it.
    let reason = refused(&url(&stranger), &[NOWHERE.to_owned()]).await;
    assert!(reason.contains("cannot be looked at"), "{reason}");
    assert_eq!(stranger.sql(TABLES).await.expect("SQL").trim(), "0");
    let config = PostgresConfig::new(url(&stranger));
    let engine = PostgresEngine::open(config).await.expect("open");
    engine.close().await.expect("close");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_not_begun_beside_a_copy_of_one() {
    let world = world(1, Standby::Asynchronous).await;
    let stranger = stranger().await;
    let replica = &world.servers.replicas[0];
    let primary = &world.servers.primary;
    super::catch_up(primary, replica).await;
    world.engine.close().await.expect("close");
    primary.kill().await.expect("killed");
    // The machine of the primary was built anew, and is empty.
    let reason = refused(&url(&stranger), &[url(replica)]).await;
    assert!(reason.contains("has a copy of it"), "{reason}");
    assert_eq!(stranger.sql(TABLES).await.expect("SQL").trim(), "0");
    // A replica that was promoted is where the store is, whatever names it.
    replica.promote().await.expect("promoted");
    let mut config = PostgresConfig::new(url(&stranger));
    config.replicas = vec![url(replica)];
    let engine = PostgresEngine::open(config).await.expect("open");
    insert(&engine, &world.table, 1).await.expect("a row");
    assert_eq!(stranger.sql(TABLES).await.expect("SQL").trim(), "0");
}

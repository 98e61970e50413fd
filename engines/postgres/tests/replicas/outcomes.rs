//! What a write is told when its server goes away at the wrong moment.

use super::LIMIT;
use super::world::{insert, url, world};
use pando_cluster::{Cut, Proxy, Standby, until};
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::engine::Copies;
use pando_model::error::EngineError;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_for_a_primary_no_longer_than_the_buffer() {
    let world = world(1, Standby::Asynchronous).await;
    world.insert(1).await.expect("a row");
    let mut config = PostgresConfig::new(url(&world.servers.primary));
    config.replicas = vec![url(&world.servers.replicas[0])];
    config.write_buffer = Duration::from_secs(2);
    let engine = PostgresEngine::open(config).await.expect("open");
    world.servers.primary.kill().await.expect("killed");
    let begun = Instant::now();
    let refused = insert(&engine, &world.table, 2).await;
    let waited = begun.elapsed();
    assert!(
        matches!(refused, Err(EngineError::Unavailable { retry_after, .. }) if !retry_after.is_zero()),
        "{refused:?}"
    );
    assert!(
        waited >= Duration::from_millis(1_900),
        "told after {waited:?}"
    );
    // One that still waits when there is a primary again is carried out.
    let (late, started) = tokio::join!(world.insert(3), world.servers.primary.start());
    started.expect("started");
    late.expect("a row");
    let rows = world
        .read(Copies::Owner, None)
        .await
        .expect("read")
        .rows
        .rows;
    assert_eq!(rows.len(), 2, "what was refused is not there: {rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_connection_is_lost_is_told_as_what_became_of_it() {
    let world = world(1, Standby::Synchronous).await;
    world.insert(1).await.expect("a row");
    let proxy = Proxy::start(world.servers.primary.address())
        .await
        .expect("a proxy");
    let through = format!("postgres://postgres@{}/postgres", proxy.address());
    let engine = PostgresEngine::open(PostgresConfig::new(through))
        .await
        .expect("open");
    insert(&engine, &world.table, 2).await.expect("a row");
    // COMMIT waits for its standby.
    let replica = &world.servers.replicas[0];
    replica.pause().expect("paused");
    let (writer, table) = (engine.clone(), world.table.clone());
    let write = tokio::spawn(async move { insert(&writer, &table, 3).await });
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    until("a commit that waits", LIMIT, || async {
        let count = world
            .servers
            .primary
            .sql(waiting)
            .await
            .map_err(|error| error.to_string())?;
        match count.trim() {
            "0" => Err("none does".to_owned()),
            _ => Ok(()),
        }
    })
    .await
    .expect("it waits");
    proxy.cut(Cut::Reset).await;
    replica.resume().expect("resumed");
    let at = write.await.expect("a task").expect("it was done");
    let answer = world.read(Copies::Owner, Some(at)).await.expect("read");
    assert_eq!(answer.rows.rows.len(), 3, "once: {answer:?}");
    assert!(answer.low >= at && !answer.lost);
}

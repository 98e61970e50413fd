//! What a write is told when its server goes away at the wrong moment.

use super::LIMIT;
use super::world::{insert, url, world};
use pando_cluster::{Cut, Proxy, Standby, until};
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::engine::{Copies, Engine, Receipt, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::plan::{Change, Insert};
use pando_model::schema::Table;
use pando_model::slot::Slot;
use pando_model::value::Value;
use std::sync::Arc;
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

/// A row that is written under an idempotency key.
fn keyed(table: &Arc<Table>, id: i64) -> Write {
    let insert = Change::Insert(Insert {
        table: table.clone(),
        rows: vec![vec![Value::Int(id), Value::Int(id)]],
        conflict: None,
        returning: None,
    });
    Write {
        schema_version: 1,
        steps: vec![insert.into()],
        receipt: Some(Receipt {
            slot: Slot::CATALOG,
            scope: [7; 16],
            key: "once".to_owned(),
            request: [1; 32],
            now_us: 1,
            expires_at_us: i64::MAX,
        }),
        finish: Box::new(|_| Ok(b"done".to_vec())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_answered_once_the_standby_has_what_it_repeats() {
    let world = world(1, Standby::Synchronous).await;
    let (primary, replica) = (&world.servers.primary, &world.servers.replicas[0]);
    let waiting = |expected: &'static str| async move {
        let count = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
        until("commits that wait for the standby", LIMIT, || async {
            let found = primary
                .sql(count)
                .await
                .map_err(|error| error.to_string())?;
            match found.trim() == expected {
                true => Ok(()),
                false => Err(format!("{found} do")),
            }
        })
        .await
        .expect("as many as were to be");
    };
    let proxy = Proxy::start(primary.address()).await.expect("a proxy");
    let through = format!("postgres://postgres@{}/postgres", proxy.address());
    let first = PostgresEngine::open(PostgresConfig::new(through)).await;
    let first = first.expect("open");
    replica.pause().expect("paused");
    let write = keyed(&world.table, 1);
    let writing = tokio::spawn(async move { first.write(write).await });
    waiting("1").await;
    // Its process is gone, and somebody cancels what it has left: it is there, and not copied.
    proxy.set_refusing(true).await.expect("refusing");
    proxy.cut(Cut::Reset).await;
    writing.abort();
    let cancel = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
    primary.sql(cancel).await.expect("SQL");
    waiting("0").await;
    let repeating = world.engine.write(keyed(&world.table, 1));
    tokio::pin!(repeating);
    tokio::select! {
        answer = &mut repeating => panic!("answered before the standby has it: {answer:?}"),
        () = waiting("1") => {}
    }
    replica.resume().expect("resumed");
    let answer = repeating.await.expect("an answer");
    assert!(matches!(answer, WriteAnswer::Replayed { .. }), "{answer:?}");
    let rows = world.read(Copies::Owner, None).await.expect("read").rows;
    assert_eq!(rows.rows.len(), 1, "{rows:?}");
}

/// What a write is told that is not carried out.
async fn unavailable(engine: &PostgresEngine, table: &Arc<Table>) -> String {
    match insert(engine, table, 9).await {
        Err(EngineError::Unavailable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_told_that_connections_are_used_up_and_where_to_look() {
    let world = world(0, Standby::Asynchronous).await;
    let primary = &world.servers.primary;
    primary
        .sql("create role app login; grant all on all tables in schema public to app")
        .await
        .expect("SQL");
    let mut config = PostgresConfig::new(url(primary).replace("postgres@", "app@"));
    config.write_buffer = Duration::from_secs(2);
    let engine = PostgresEngine::open(config).await.expect("open");
    insert(&engine, &world.table, 1).await.expect("a row");
    // From now on it gets no connection, and those that it has end.
    primary
        .sql(
            "alter role app connection limit 0; \
             select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'",
        )
        .await
        .expect("SQL");
    for _ in 0..2 {
        let reason = unavailable(&engine, &world.table).await;
        assert!(reason.contains("no connection left"), "{reason}");
        assert!(
            reason.contains("max_connections") && reason.contains("pool"),
            "{reason}"
        );
    }
    primary
        .sql("alter role app connection limit -1")
        .await
        .expect("SQL");
    until("a write that is carried out again", LIMIT, || {
        insert(&engine, &world.table, 2)
    })
    .await
    .expect("a row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_as_on_every_engine() {
    let world = world(0, Standby::Asynchronous).await;
    let full = "create function no_room() returns trigger language plpgsql as $$ begin raise \
                exception 'could not extend file' using errcode = '53100'; end $$; \
                create trigger no_room before insert on note for each row execute function no_room()";
    world.servers.primary.sql(full).await.expect("SQL");
    let reason = unavailable(&world.engine, &world.table).await;
    assert_eq!(reason, pando_model::error::DISK_FULL);
}

//! Reads over a primary and its replicas: who answers what, what waits, and what is said of a
//! history that was left.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod beginning;
mod inspecting;
mod outcomes;
mod world;

use pando_cluster::{Network, Postgres, Standby, until};
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::engine::{Copies, Engine, SchemaChange};
use pando_model::error::EngineError;
use pando_model::schema::SchemaStep;
use pando_model::stamp::Position;
use std::time::{Duration, Instant};
use world::{insert, open, read, world};

const LIMIT: Duration = Duration::from_secs(30);

/// Waits until a replica has replayed all that the primary has written.
async fn catch_up(primary: &Postgres, replica: &Postgres) {
    let wal = primary.wal().await.expect("a position");
    replica.reached(wal, LIMIT).await.expect("it catches up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_what_it_wrote_and_others_what_a_replica_has() {
    let world = world(1, Standby::Asynchronous).await;
    let replica = &world.servers.replicas[0];
    world.insert(1).await.expect("a row");
    catch_up(&world.servers.primary, replica).await;
    replica.pause_replay().await.expect("paused");
    let at = world.insert(2).await.expect("a row");
    let mut stale = 0;
    for _ in 0..200 {
        let own = world.read(Copies::Covering, Some(at)).await.expect("read");
        assert_eq!(own.rows.rows.len(), 2, "a session reads what it wrote");
        assert!(own.low >= at && !own.lost);
        let strong = world.read(Copies::Owner, None).await.expect("read");
        assert_eq!(strong.rows.rows.len(), 2, "the owner has everything");
        let bounded = Copies::Within(Duration::from_millis(300));
        let bounded = world.read(bounded, None).await.expect("read");
        stale += usize::from(bounded.rows.rows.len() < 2);
    }
    // It was fresh for a moment, and is not for longer than was allowed.
    assert!(stale < 200, "a bound means something");
    let any = until("an answer of the replica's", LIMIT, || async {
        let any = world.read(Copies::Any, None).await.expect("read");
        match any.rows.rows.len() {
            1 => Ok(any.low),
            found => Err(format!("{found} rows")),
        }
    });
    assert!(any.await.expect("the replica is asked") < at);
    // Without the primary it answers those who have seen no more than it has.
    world.servers.primary.kill().await.expect("killed");
    let before = Position { p: at.p - 1, ..at };
    let answer = world.read(Copies::Covering, Some(before)).await;
    assert_eq!(answer.expect("read").rows.rows.len(), 1);
    let behind = world.read(Copies::Covering, Some(at)).await;
    assert!(matches!(behind, Err(EngineError::Behind)), "{behind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_spread_and_go_on_when_any_one_server_dies() {
    let world = world(2, Standby::Asynchronous).await;
    let mut at = world.insert(1).await.expect("a row");
    for victim in 0..2 {
        for _ in 0..100 {
            let answer = world.read(Copies::Covering, Some(at)).await.expect("read");
            at = answer.high;
            assert_eq!(answer.rows.rows.len(), 1);
        }
        let replica = &world.servers.replicas[victim];
        replica.kill().await.expect("killed");
        for _ in 0..100 {
            let answer = world.read(Copies::Covering, Some(at)).await.expect("read");
            assert_eq!(answer.rows.rows.len(), 1);
        }
        replica.start().await.expect("started");
    }
    let back = until("a replica that came back answering", LIMIT, || async {
        let world = &world;
        // Looks have a connection of their own.
        let busy = "select count(*) from pg_stat_activity where application_name = 'pando' \
                    and query not like '%pg_control_system%'";
        for _ in 0..50 {
            world.read(Copies::Covering, Some(at)).await.expect("read");
        }
        match world.servers.replicas[0]
            .sql(busy)
            .await
            .expect("SQL")
            .trim()
        {
            "0" => Err("nobody asks it".to_owned()),
            _ => Ok(()),
        }
    });
    back.await.expect("it comes back by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failover_lost_is_said_to_be_lost_and_the_old_primary_is_refused() {
    let world = world(1, Standby::Asynchronous).await;
    let replica = &world.servers.replicas[0];
    let kept = world.insert(1).await.expect("a row");
    catch_up(&world.servers.primary, replica).await;
    // Nothing of this reaches the replica.
    replica.cut().expect("cut off");
    let lost = world.insert(2).await.expect("a row");
    replica.promote().await.expect("promoted");
    replica.join().expect("back");
    // Both say that they are primaries; the one that was promoted is on the higher timeline.
    let begun = Instant::now();
    let at = until("writes on the new timeline", LIMIT, || async {
        let id = i64::from(rand::random::<u32>()) + 10;
        match world.insert(id).await {
            Ok(at) if at.timeline > kept.timeline => Ok(at),
            Ok(at) => Err(format!("written at {at:?}")),
            Err(error) => Err(error.to_string()),
        }
    });
    let at = at.await.expect("the new primary takes writes");
    println!("writes on the new timeline after {:?}", begun.elapsed());
    for _ in 0..20 {
        let answer = world
            .read(Copies::Covering, Some(lost))
            .await
            .expect("read");
        assert!(answer.lost, "{answer:?}");
        assert!(answer.high.timeline > lost.timeline);
        let answer = world
            .read(Copies::Covering, Some(kept))
            .await
            .expect("read");
        assert!(!answer.lost, "{answer:?}");
        let answer = world.read(Copies::Covering, Some(at)).await.expect("read");
        assert!(!answer.lost && answer.low >= at);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_database_has_a_history_of_its_own_from_there_on() {
    let world = world(0, Standby::Asynchronous).await;
    let kept = world.insert(1).await.expect("a row");
    world.engine.close().await.expect("close");
    let copy = "create database copied template postgres";
    until("a copy of the database", LIMIT, || async {
        world.servers.primary.sql(copy).await
    })
    .await
    .expect("a copy");
    let old = open(&world.servers.primary, &[]).await;
    let lost = insert(&old, &world.table, 2).await.expect("a row");
    let address = world.servers.primary.address();
    let url = format!("postgres://postgres@{address}/copied");
    let copied = PostgresEngine::open(PostgresConfig::new(url)).await;
    let copied = copied.expect("open");
    // What the old database has got to since has another meaning here, though the number is the
    // same.
    let at = insert(&copied, &world.table, 3).await.expect("a row");
    assert!(
        at.p == lost.p && at.timeline > lost.timeline,
        "{at:?} {lost:?}"
    );
    for (seen, is_lost) in [(kept, false), (lost, true), (at, false)] {
        let answer = read(&copied, &world.table, Copies::Covering, Some(seen)).await;
        assert_eq!(answer.expect("read").lost, is_lost, "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_holds_something_else_gets_nothing_and_answers_nothing() {
    let world = world(0, Standby::Asynchronous).await;
    let stranger = Postgres::builder().network(Network::Lan).start().await;
    let stranger = stranger.expect("start PostgreSQL");
    // A store of its own, which has got further.
    let other = open(&stranger, &[]).await;
    let change = SchemaChange {
        from_version: 0,
        to_version: 1,
        steps: vec![SchemaStep::CreateTable(world.table.clone())],
        record: Vec::new(),
    };
    other.apply(change).await.expect("a table");
    for id in 1..=50 {
        insert(&other, &world.table, -id).await.expect("a row");
    }
    other.close().await.expect("close");
    let both = open(&world.servers.primary, &[stranger]).await;
    // Long enough for each server to be looked at several times.
    let begun = Instant::now();
    let mut id = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        id += 1;
        insert(&both, &world.table, id).await.expect("a row");
        for copies in [Copies::Any, Copies::Covering, Copies::Owner] {
            let answer = read(&both, &world.table, copies, None).await.expect("read");
            assert_eq!(
                i64::try_from(answer.rows.rows.len()).ok(),
                Some(id),
                "{copies:?}"
            );
        }
    }
    let own = world.read(Copies::Owner, None).await.expect("read");
    assert_eq!(i64::try_from(own.rows.rows.len()).ok(), Some(id));
}

//! A primary and replicas.

use crate::psql;
use pando_cluster::{Network, Postgres, Standby};
use std::time::Duration;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);
const COUNT: &str = "select count(*) from t";

#[tokio::test]
async fn a_synchronous_commit_waits_for_any_replica_and_replay_for_what_holds_it_up() {
    let builder = Postgres::builder().password("s3cret");
    let all = builder
        .start_replicated(2, Standby::Synchronous)
        .await
        .unwrap();
    let (primary, first, second) = (&all.primary, &all.replicas[0], &all.replicas[1]);
    primary.sql("create table t (n int)").await.unwrap();
    for replica in [first, second] {
        replica
            .reached(primary.wal().await.unwrap(), LIMIT)
            .await
            .unwrap();
        assert!(replica.is_replica().await.unwrap());
        let refused = psql(&replica.url(), "insert into t values (0)")
            .await
            .unwrap_err();
        assert!(refused.contains("read-only"), "{refused}");
    }
    // One dies, and nobody waits; both, and everybody does.
    first.kill().await.unwrap();
    primary.sql("insert into t values (1)").await.unwrap();
    second
        .reached(primary.wal().await.unwrap(), LIMIT)
        .await
        .unwrap();
    second.kill().await.unwrap();
    let url = primary.url();
    let mut insert = Box::pin(psql(&url, "insert into t values (2)"));
    assert!(timeout(Duration::from_secs(1), &mut insert).await.is_err());
    first.start().await.unwrap();
    insert.await.unwrap();
    second.start().await.unwrap();
    primary.streams_to("replica2", LIMIT).await.unwrap();

    first.pause_replay().await.unwrap();
    second
        .set_apply_delay(Duration::from_secs(600))
        .await
        .unwrap();
    primary.sql("insert into t values (3)").await.unwrap();
    let wal = primary.wal().await.unwrap();
    for replica in [first, second] {
        let late = replica.reached(wal, Duration::from_millis(500)).await;
        assert!(late.is_err());
        assert_eq!(replica.sql(COUNT).await.unwrap(), "2");
    }
    first.resume_replay().await.unwrap();
    second.set_apply_delay(Duration::ZERO).await.unwrap();
    for replica in [first, second] {
        replica.reached(wal, LIMIT).await.unwrap();
        assert_eq!(replica.sql(COUNT).await.unwrap(), "3");
    }
}

#[tokio::test]
async fn an_old_primary_that_was_cut_off_follows_the_new_one_and_loses_what_only_it_had() {
    let builder = Postgres::builder().network(Network::Lan);
    let all = builder
        .start_replicated(1, Standby::Asynchronous)
        .await
        .unwrap();
    let (old, new) = (&all.primary, &all.replicas[0]);
    old.sql("create table t (n int); insert into t values (1)")
        .await
        .unwrap();
    let wal = old.wal().await.unwrap();
    new.reached(wal, LIMIT).await.unwrap();
    old.cut().unwrap();
    old.sql("insert into t values (2)").await.unwrap();
    new.promote().await.unwrap();
    new.sql("insert into t values (3), (4)").await.unwrap();
    assert_eq!(new.wal().await.unwrap().timeline, wal.timeline + 1);
    assert_eq!(old.wal().await.unwrap().timeline, wal.timeline);
    old.kill().await.unwrap();
    old.join().unwrap();
    old.follow(new).await.unwrap();
    old.reached(new.wal().await.unwrap(), LIMIT).await.unwrap();
    let rows = "select string_agg(n::text, ',' order by n) from t";
    assert_eq!(old.sql(rows).await.unwrap(), "1,3,4");
    assert!(old.is_replica().await.unwrap());
}

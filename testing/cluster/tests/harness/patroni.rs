//! Clusters under Patroni.

use crate::psql;
use pando_cluster::{Node, Patroni, Role, Timing, until};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
const ROWS: &str = "select string_agg(n::text, ',' order by n) from t";

/// One after another on one cluster, since a cluster is what takes long to start.
#[tokio::test]
async fn a_cluster_survives_a_switch_over_and_every_death_of_its_leader_without_a_loss() {
    let start = Instant::now();
    let cluster = Patroni::builder().start().await.unwrap();
    println!("start of a cluster of three: {:?}", start.elapsed());
    let first = cluster.leader().await.unwrap();
    first
        .sql("create table t (n int); insert into t values (1)")
        .await
        .unwrap();
    let mut roles = Vec::new();
    for (_, status) in cluster.statuses().await {
        roles.push(status.unwrap().role);
    }
    assert_eq!(
        roles.iter().filter(|role| **role == Role::Leader).count(),
        1
    );

    // Only the synchronous replica may take over.
    let fit = synchronous(&cluster).await;
    let start = Instant::now();
    cluster.switch_over(fit).await.unwrap();
    println!("switch-over: {:?}", start.elapsed());
    let leader = cluster.wait_all(LIMIT).await.unwrap();
    assert_eq!(leader.name(), fit.name());
    insert(leader, 2).await;

    // PostgreSQL alone dies: Patroni starts it where it was.
    let timeline = leader.wal().await.unwrap().timeline;
    leader.kill().await.unwrap();
    let start = Instant::now();
    let again = cluster.wait_all(LIMIT).await.unwrap();
    println!(
        "PostgreSQL killed, started again by Patroni: {:?}",
        start.elapsed()
    );
    assert_eq!(again.name(), leader.name());
    assert!(again.wal().await.unwrap().timeline >= timeline);
    insert(again, 3).await;

    // The host dies.
    let old = again;
    let before = old.wal().await.unwrap();
    let start = Instant::now();
    old.power_off().await.unwrap();
    let new = writable_after(&cluster, old).await;
    println!("host killed, another takes writes: {:?}", start.elapsed());
    assert!(new.wal().await.unwrap() > before);
    insert(new, 4).await;
    old.launch().unwrap();
    let new = cluster.wait_all(LIMIT).await.unwrap();

    // The host is cut off, and runs on.
    let start = Instant::now();
    new.cut().unwrap();
    let newest = writable_after(&cluster, new).await;
    println!("host cut off, another takes writes: {:?}", start.elapsed());
    new.wait_demoted(LIMIT).await.unwrap();
    insert(newest, 5).await;
    new.join().unwrap();
    let newest = cluster.wait_all(LIMIT).await.unwrap();
    for node in &cluster.nodes {
        node.reached(newest.wal().await.unwrap(), LIMIT)
            .await
            .unwrap();
        assert_eq!(node.sql(ROWS).await.unwrap(), "1,2,3,4,5");
    }
}

#[tokio::test]
async fn a_leader_stays_without_etcd_and_goes_where_it_alone_is_parted_from_it() {
    let builder = Patroni::builder().nodes(2).etcd(3).password("s3cret");
    let cluster = builder.setting("work_mem", "3MB").start().await.unwrap();
    let leader = cluster.leader().await.unwrap();
    assert_eq!(psql(&leader.url(), "show work_mem").await.unwrap(), "3MB");
    leader
        .sql("create table t (n int); insert into t values (1)")
        .await
        .unwrap();

    // Failsafe mode: without etcd nothing changes, for longer than the leader's key lives.
    for etcd in &cluster.etcd {
        etcd.kill().await.unwrap();
    }
    let start = Instant::now();
    let mut n = 1;
    while start.elapsed() < Duration::from_secs(12) {
        n += 1;
        insert(leader, n).await;
        assert!(!leader.is_replica().await.unwrap());
    }
    for etcd in &cluster.etcd {
        etcd.launch().unwrap();
    }
    let same = cluster.wait_all(LIMIT).await.unwrap();
    assert_eq!(same.name(), leader.name());

    // Clients reach the old leader all the time.
    cluster.part(leader).unwrap();
    let new = cluster.wait_leader_after(leader, LIMIT).await.unwrap();
    leader.wait_demoted(LIMIT).await.unwrap();
    until("the old leader answering clients", LIMIT, || async {
        psql(&leader.url(), "select pg_is_in_recovery()").await
    })
    .await
    .unwrap();
    // With strict replication and nobody to replicate to, the new one takes no writes yet.
    assert!(!new.is_replica().await.unwrap());
    cluster.reunite(leader).unwrap();
    cluster.wait_all(LIMIT).await.unwrap();
    assert_eq!(
        leader.sql("select count(*) from t").await.unwrap(),
        n.to_string()
    );
}

#[tokio::test]
async fn times_that_patroni_could_not_keep_are_refused() {
    let timing = Timing {
        ttl_s: 6,
        loop_wait_s: 1,
        retry_timeout_s: 3,
    };
    let error = Patroni::builder()
        .timing(timing)
        .start()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ttl >= loop_wait + 2 * retry_timeout"),
        "{error}"
    );
}

async fn insert(node: &Node, n: u32) {
    node.sql(&format!("insert into t values ({n})"))
        .await
        .unwrap();
}

async fn synchronous(cluster: &Patroni) -> &Node {
    let statuses = cluster.statuses().await;
    let fit = |status: &pando_cluster::Result<pando_cluster::Status>| {
        status.as_ref().is_ok_and(|status| status.is_synchronous)
    };
    statuses
        .iter()
        .find(|(_, status)| fit(status))
        .expect("a synchronous replica")
        .0
}

/// The leader after another, once it has committed something over the network.
async fn writable_after<'a>(cluster: &'a Patroni, old: &Node) -> &'a Node {
    let new = cluster.wait_leader_after(old, LIMIT).await.unwrap();
    let url = new.url();
    let write = || {
        psql(
            &url,
            "create table if not exists written (); drop table written",
        )
    };
    until("writes taken", LIMIT, write).await.unwrap();
    new
}

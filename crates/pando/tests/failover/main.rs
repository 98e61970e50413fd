//! What is lost, doubled, refused and late when something of a PostgreSQL cluster fails under
//! three web processes and 64 clients: nothing that was acknowledged is lost or done twice, no
//! session reads older than what it wrote or saw, no read fails, and what is not done is said.
//!
//! `PANDO_FAILOVER_SECONDS` (8) is how long each client goes on behind the failure at least;
//! `make soak-failover` runs all cases for 30.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a test

mod clients;
mod cluster;
#[path = "../support/mod.rs"]
mod support;

use clients::{Load, Report};
use cluster::{Site, WRITE_BUFFER};
use std::time::Duration;

/// A failure and its mending, while clients go on.
async fn under_load(site: &Site, what: &str, fail: impl AsyncFnOnce(&Site)) -> Report {
    let load = Load::start(&site.addresses(), &site.key);
    load.proceed(Duration::from_secs(2)).await;
    load.mark();
    fail(site).await;
    load.proceed(seconds()).await;
    // Whatever happened, somebody can write again before it is judged.
    load.written_again(Duration::from_secs(120)).await;
    let report = load.stop().await;
    println!("{what}: {report}");
    report.judge(&site.look().await, what);
    report
}

fn seconds() -> Duration {
    let said = std::env::var("PANDO_FAILOVER_SECONDS").ok();
    Duration::from_secs(said.and_then(|said| said.parse().ok()).unwrap_or(8))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_killed_alone_and_patroni_starts_it_again() {
    let site = Site::patroni().await;
    let report = under_load(&site, "primary killed, Patroni alive", async |site| {
        site.leader().await.kill().await.unwrap();
    });
    report.await.holds_without_refusals(WRITE_BUFFER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_killed_with_its_patroni() {
    let site = Site::patroni().await;
    let report = under_load(&site, "primary and its Patroni killed", async |site| {
        site.leader().await.power_off().await.unwrap();
    });
    report.await.holds_without_refusals(WRITE_BUFFER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primarys_host_is_cut_off_and_lives_on() {
    let site = Site::patroni().await;
    let report = under_load(&site, "primary's host cut off", async |site| {
        site.leader().await.cut().unwrap();
    });
    report.await.holds_without_refusals(WRITE_BUFFER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_killed() {
    let site = Site::patroni().await;
    let report = under_load(&site, "replica killed", async |site| {
        site.replicas().await[0].power_off().await.unwrap();
    });
    report.await.holds_without_refusals(WRITE_BUFFER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_ten_seconds_behind() {
    let site = Site::patroni().await;
    let report = under_load(&site, "replica 10 s behind", async |site| {
        for replica in site.replicas().await {
            for statement in [
                "alter system set recovery_min_apply_delay = '10s'",
                "select pg_reload_conf()",
            ] {
                replica.sql(statement).await.unwrap();
            }
        }
    });
    report.await.holds_without_refusals(Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_restarted() {
    let site = Site::patroni().await;
    let report = under_load(&site, "PostgreSQL restarted", async |site| {
        site.leader().await.restart().await.unwrap();
    });
    report.await.holds_without_refusals(WRITE_BUFFER);
}

#[tokio::test(flavor = "multi_thread")]
async fn patroni_switches_over() {
    let site = Site::patroni().await;
    let report = under_load(&site, "switch-over", async |site| {
        let fit = site.synchronous().await;
        site.cluster().switch_over(fit).await.unwrap();
    });
    report.await.holds_without_refusals(WRITE_BUFFER);
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_is_down() {
    let site = Site::patroni().await;
    let report = under_load(&site, "etcd down", async |site| {
        for etcd in &site.cluster().etcd {
            etcd.kill().await.unwrap();
        }
    });
    report.await.holds_without_refusals(Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_half_open() {
    let site = Site::proxied().await;
    let report = under_load(&site, "half-open connections", async |site| {
        site.swallow().await;
    });
    report.await.holds_without_refusals(WRITE_BUFFER);
}

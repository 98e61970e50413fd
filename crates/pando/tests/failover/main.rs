//! What is lost, doubled, refused and late when something of a PostgreSQL cluster fails under
//! three web processes and 64 clients: nothing that was acknowledged is lost or done twice, no
//! session reads older than what it wrote or saw, no read fails, and what is not done is said.
//!
//! Producers and consumers of a queue go on all the while, as in `kill_queues`.
//!
//! `PANDO_FAILOVER_SECONDS` (4) is how long clients go on behind a failure at least;
//! `make soak-failover` lets them for 30, and does it all again with caches in front
//! (`PANDO_CACHED=1`). `PANDO_KILL_ROUNDS` (0) more primaries end in ways that `PANDO_SEED` chooses.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a test

#[path = "../kill_queues/asking.rs"]
mod asking;
mod clients;
mod cluster;
#[path = "../kill_queues/consume.rs"]
mod consume;
#[allow(dead_code, reason = "processes do not come and go here")]
#[path = "../kill_queues/load.rs"]
mod load;
#[path = "../kill_queues/produce.rs"]
mod produce;
mod queue;
mod report;
#[path = "../support/mod.rs"]
mod support;

use clients::Load;
use cluster::{Site, WRITE_BUFFER};
use std::time::Duration;

/// Failures, one after the other.
struct Campaign {
    site: Site,
    /// Each has clients of its own.
    loads: u64,
}

impl Campaign {
    fn over(site: Site) -> Campaign {
        Campaign { site, loads: 0 }
    }

    /// Something fails while clients go on; nobody is refused, and nobody waits longer for a write
    /// to be acknowledged than `longest`.
    async fn fail(&mut self, what: &str, longest: Duration, fail: impl AsyncFnOnce(&Site)) {
        let site = &self.site;
        let load = Load::start(&site.addresses(), &site.key, self.loads);
        self.loads += 1;
        load.proceed(Duration::from_secs(2)).await;
        load.mark();
        fail(site).await;
        load.proceed(seconds()).await;
        // Whatever happened, somebody can write again before it is judged.
        load.written_again(Duration::from_secs(120)).await;
        let report = load.stop().await;
        println!("{what}: {report}");
        report.judge(&site.look().await, what);
        report.holds_without_refusals(longest);
    }
}

fn seconds() -> Duration {
    let said = std::env::var("PANDO_FAILOVER_SECONDS").ok();
    Duration::from_secs(said.and_then(|said| said.parse().ok()).unwrap_or(4))
}

/// Nothing is waited for where the primary lives.
const SHORTLY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_under_patroni_survives_whatever_fails_in_it_without_a_loss() {
    let mut campaign = Campaign::over(Site::patroni().await);
    let queue = queue::start(&campaign.site);
    let delay = async |site: &Site, time: &str| {
        for replica in site.replicas().await {
            let set = format!("alter system set recovery_min_apply_delay = '{time}'");
            replica.sql(&set).await.unwrap();
            replica.sql("select pg_reload_conf()").await.unwrap();
        }
    };
    campaign
        .fail("replicas 10 s behind", SHORTLY, async |site| {
            delay(site, "10s").await;
        })
        .await;
    delay(&campaign.site, "0").await;
    campaign
        .fail("replica killed", WRITE_BUFFER, async |site| {
            site.kill(site.replicas().await[0].name()).await;
        })
        .await;
    campaign.site.mend().await;
    campaign
        .fail("etcd down", SHORTLY, async |site| {
            for etcd in &site.cluster().etcd {
                etcd.kill().await.unwrap();
            }
        })
        .await;
    for etcd in &campaign.site.cluster().etcd {
        etcd.start().await.unwrap();
    }
    campaign.site.mend().await;
    queue::go_on(&campaign.site, &queue).await;
    primaries_end(&mut campaign).await;
    queue::finish(queue);
}

/// Whoever is the primary ends, in every way.
async fn primaries_end(campaign: &mut Campaign) {
    campaign
        .fail(
            "primary killed, Patroni alive",
            WRITE_BUFFER,
            async |site| {
                site.leader().await.kill().await.unwrap();
            },
        )
        .await;
    campaign.site.mend().await;
    campaign
        .fail("PostgreSQL restarted", WRITE_BUFFER, async |site| {
            site.leader().await.restart().await.unwrap();
        })
        .await;
    campaign.site.mend().await;
    campaign
        .fail("switch-over", WRITE_BUFFER, async |site| {
            let fit = site.synchronous().await;
            site.cluster().switch_over(fit).await.unwrap();
        })
        .await;
    campaign.site.mend().await;
    campaign
        .fail(
            "primary killed with its Patroni",
            WRITE_BUFFER,
            async |site| {
                site.kill(site.leader().await.name()).await;
            },
        )
        .await;
    campaign.site.mend().await;
    campaign
        .fail("primary's host cut off", WRITE_BUFFER, async |site| {
            site.leader().await.cut().unwrap();
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_open_and_lead_nowhere_are_found_out() {
    let mut campaign = Campaign::over(Site::proxied().await);
    campaign
        .fail("half-open connections", WRITE_BUFFER, async |site| {
            site.swallow().await;
        })
        .await;
}

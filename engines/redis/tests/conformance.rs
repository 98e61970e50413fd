//! The second level on Redis keeps the contract: on one Redis, under sentinels, on a cluster.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_trait::async_trait;
use pando_cluster::{Redis, RedisCluster, Sentinels};
use pando_conformance::level2::{Subject, run};
use pando_engine_redis::{RedisConfig, RedisLevel2};
use pando_model::level2::Level2;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

struct OnRedis(Arc<RedisLevel2>);

#[async_trait]
impl Subject for OnRedis {
    fn level2(&self) -> Arc<dyn Level2> {
        Arc::clone(&self.0) as Arc<dyn Level2>
    }

    // By the wall clock, as Redis counts: it is set back at times, and a sleep does not see that.
    async fn pass(&self, span: Duration) {
        let over = SystemTime::now() + span + Duration::from_millis(1);
        while let Ok(left) = over.duration_since(SystemTime::now()) {
            tokio::time::sleep(left).await;
        }
    }
}

async fn check(url: String) {
    let mut config = RedisConfig::new(url);
    // The suite is about what is answered, on a machine that may be busy.
    config.call_timeout = Duration::from_secs(10);
    config.connect_timeout = Duration::from_secs(10);
    let level2 = RedisLevel2::start(config).expect("a configuration");
    run(Arc::new(OnRedis(Arc::new(level2)))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_redis_keeps_the_contract() {
    let redis = Redis::builder().start().await.expect("Redis");
    check(redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_under_sentinels_keeps_the_contract() {
    let all = Sentinels::start(Redis::builder()).await.expect("sentinels");
    check(all.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_the_contract() {
    let cluster = RedisCluster::start(Redis::builder())
        .await
        .expect("a cluster");
    check(cluster.url()).await;
}

//! Queues on Redis Streams keep the contract of the port to brokers.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_trait::async_trait;
use pando_cluster::Redis;
use pando_conformance::broker::{Subject, run};
use pando_engine_redis::{RedisBroker, RedisConfig};
use pando_model::broker::{Broker, QueueSpec};
use std::sync::Arc;

struct OnRedis {
    server: Redis,
    broker: Arc<RedisBroker>,
}

async fn connect(server: &Redis) -> Arc<RedisBroker> {
    let broker = RedisBroker::connect(&RedisConfig::for_queues(server.url()), "pando").await;
    Arc::new(broker.expect("connected"))
}

#[async_trait]
impl Subject for OnRedis {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker) as Arc<dyn Broker>
    }

    async fn another(&self) -> Arc<dyn Broker> {
        connect(&self.server).await
    }

    async fn kill(&self) {
        self.server.kill().await.expect("killed");
    }

    async fn start(&self) {
        self.server.start().await.expect("started");
    }

    async fn remove(&self, queue: &str) {
        let key = format!("pando:{{{queue}}}");
        let removed = self.server.cli(&["DEL", &key]).await.expect("removed");
        assert_eq!(removed.trim(), "1");
    }
}

fn durable() -> pando_cluster::RedisBuilder {
    Redis::builder()
        .setting("maxmemory-policy", "noeviction")
        .setting("appendonly", "yes")
        .setting("appendfsync", "always")
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_streams_keep_the_contract() {
    let server = durable().start().await.expect("Redis");
    let broker = connect(&server).await;
    assert!(broker.info().durability.synced);
    run(Arc::new(OnRedis { server, broker })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_would_not_keep_is_refused_with_the_setting_to_change() {
    let mut spec = QueueSpec::new("mail");
    spec.synced = true;
    let check = async |server: pando_cluster::RedisBuilder, expected: &str| {
        let server = server.start().await.expect("Redis");
        let broker = connect(&server).await;
        let refused = broker.declare(&spec).await.expect_err("refused");
        assert_eq!(refused.to_string(), expected);
    };
    check(
        durable().setting("appendfsync", "everysec"),
        "redis does not support `synced`, as it is set up: queue mail: Redis confirms before it \
         syncs: set appendonly yes and appendfsync always",
    )
    .await;
    check(
        durable().setting("maxmemory-policy", "allkeys-lru"),
        "Redis evicts by allkeys-lru when it is full, and would evict queues: set \
         maxmemory-policy noeviction, or take another Redis than the cache's",
    )
    .await;
}

//! The bus over Redis keeps the contract, and comes back when it was cut off.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use pando_cluster::{Redis, Sentinels};
use pando_conformance::bus::{Ear, Heard, Subject, run};
use pando_engine_redis::{RedisBus, RedisConfig, validate_bus};
use pando_model::bus::Bus;
use std::sync::Arc;
use std::time::Duration;

struct OnRedis(String);

impl Subject for OnRedis {
    fn join(&self) -> Arc<dyn Bus> {
        let mut config = RedisConfig::new(&self.0);
        // On a machine that may be busy.
        config.connect_timeout = Duration::from_secs(10);
        Arc::new(RedisBus::start(config, "test").expect("a configuration"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_over_one_redis_keeps_the_contract() {
    let redis = Redis::builder().start().await.expect("Redis");
    run(&OnRedis(redis.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_over_a_redis_under_sentinels_keeps_the_contract() {
    let all = Sentinels::start(Redis::builder()).await.expect("sentinels");
    run(&OnRedis(all.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_cut_off_is_told_so_and_hears_again() {
    let redis = Redis::builder().start().await.expect("Redis");
    let bus = OnRedis(redis.url()).join();
    let mut ear = Ear::listen(&bus, "c").await;
    bus.publish("c", "before".into()).await.expect("told");
    assert_eq!(ear.messages(1).await, ["before"]);
    redis
        .cli(&["CLIENT", "KILL", "TYPE", "pubsub"])
        .await
        .expect("a command");
    assert_eq!(ear.next().await, Heard::Lost);
    // It may be between two connections yet.
    while bus.publish("c", "after".into()).await.is_err() {}
    assert_eq!(ear.messages(1).await, ["after"]);
}

#[test]
fn a_cluster_is_refused_with_what_to_name_instead() {
    let config = RedisConfig::new("redis+cluster://a,b");
    let refused = validate_bus(&config).expect_err("refused");
    assert!(
        refused.reason.contains("name one Redis, or sentinels"),
        "{refused}"
    );
}

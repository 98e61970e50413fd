//! The stale-set race by way of a real Redis, step by step.

use crate::replica::Guards;
use crate::replica::world::{BOTH, World, at, value_of};
use pando_cluster::Redis;
use pando_engine_redis::{RedisConfig, RedisLevel2};
use pando_model::engine::{Copies, Freshness};
use pando_model::level2::Level2;
use pando_model::stamp::Position;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3_600);

/// What a caller, who has seen so much, is given of a key by way of Redis, and what he should be.
async fn given(world: &World, redis: &RedisLevel2, seen: Position) -> (Option<u64>, u64) {
    let record = redis.fetch(&[1]).await.unwrap().expect("a record");
    let freshness = Freshness {
        seen: Some(seen),
        copies: Copies::Covering,
    };
    let found = value_of(&world.cache.take(&[1], &record, &freshness));
    (found.map(|(value, _)| value), world.value(1, seen.p))
}

/// A read that was slow is laid down after the write that it did not see, and after the
/// invalidation that was meant for it; then asked for by one whose follower has consumed the write
/// and by the writer, whose follower has not. How many of the two are given what is stale.
async fn race(guards: Guards, loses_all: bool) -> usize {
    let server = Redis::builder().start().await.unwrap();
    let mut config = RedisConfig::new(server.url());
    config.call_timeout = Duration::from_secs(20);
    let redis = RedisLevel2::start(config).unwrap();
    let mut one = World::new(guards);
    let slow = one.cache.record(&one.read(1), Duration::ZERO).unwrap();
    let stamp = one.write(1);
    redis.invalidate(&[1], stamp).await.unwrap();
    if loses_all {
        // What was laid down in its place does not keep it away either, once it is gone.
        let fresh = one.cache.record(&one.read(1), Duration::ZERO).unwrap();
        assert_eq!(redis.put(&[1], fresh.clone(), LONG).await, Ok(true));
        assert_eq!(redis.put(&[1], slow.clone(), LONG).await, Ok(false));
        server.kill().await.unwrap();
        server.start_empty().await.unwrap();
        let asked = async || redis.fetch(&[1]).await.map(|there| assert_eq!(there, None));
        let limit = Duration::from_secs(30);
        pando_cluster::until("reached", limit, asked).await.unwrap();
    }
    assert_eq!(redis.put(&[1], slow, LONG).await, Ok(true), "it comes late");
    let mut stale = 0;
    // The writer: his stamp is ahead of what this process has consumed.
    let (found, is) = given(&one, &redis, stamp).await;
    stale += usize::from(found.is_some_and(|found| found < is));
    // Another caller who has seen nothing of it, once the follower has: the floor is above it.
    one.consume(stamp.p);
    one.cache.clear();
    let (found, _) = given(&one, &redis, at(10)).await;
    stale += usize::from(found.is_some_and(|found| found < one.value(1, stamp.p)));
    stale
}

#[tokio::test]
async fn a_slow_read_that_is_laid_down_after_the_write_it_did_not_see_is_given_to_nobody() {
    for loses_all in [false, true] {
        assert_eq!(race(BOTH, loses_all).await, 0, "{loses_all}");
    }
}

/// The test of the test: with either guard off, it is given.
#[tokio::test]
async fn without_the_floor_or_the_comparison_it_is_given() {
    let (floor, comparison) = (false, false);
    for guards in [Guards { floor, ..BOTH }, Guards { comparison, ..BOTH }] {
        for loses_all in [false, true] {
            assert_eq!(race(guards, loses_all).await, 1, "{guards:?}, {loses_all}");
        }
    }
}

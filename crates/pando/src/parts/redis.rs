//! The Redis that processes share what they loaded by.

use crate::config::Cache;
use anyhow::Context;
use pando_cache::{Sharing, SharingConfig};
use pando_engine_redis::{RedisConfig, RedisLevel2};
use pando_model::clock::SystemClock;
use pando_model::inspection::Shortfall;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A lease that is shorter would run out under a load that is a little slow.
const LEASE_MIN: Duration = Duration::from_millis(100);

/// The way to the Redis that a configuration names, if it names one. Redis need not be there.
pub fn sharing(written: &Cache) -> anyhow::Result<Option<Arc<Sharing>>> {
    let Some(redis) = redis_of(written) else {
        return Ok(None);
    };
    let redis = RedisLevel2::start(redis).context("cannot use [cache] redis")?;
    let redis = Arc::new(redis);
    tokio::spawn(warn_of_shortfalls(Arc::clone(&redis)));
    let sharing = sharing_of(written);
    let sharing = Sharing::new(redis, sharing, Arc::new(SystemClock))?;
    tokio::spawn(probe(Arc::downgrade(&sharing)));
    Ok(Some(sharing))
}

/// Asks now and then, so that it is known how Redis does where nobody else asks.
async fn probe(sharing: Weak<Sharing>) {
    let mut due = tokio::time::interval(PROBE_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let Some(sharing) = sharing.upgrade() else {
            return;
        };
        sharing.probe().await;
    }
}

/// What is found of the Redis that a configuration names, if it names one: whether it answers, and
/// what does not do in how it is set up. Nothing secret is repeated.
pub async fn inspect(written: &Cache) -> Option<Result<Vec<Shortfall>, String>> {
    let redis = match RedisLevel2::start(redis_of(written)?) {
        Ok(redis) => redis,
        Err(error) => return Some(Err(error.to_string())),
    };
    let until = Instant::now() + INSPECT_WITHIN;
    loop {
        match redis.inspect().await {
            // It has to be connected to first.
            Err(_) if Instant::now() < until => tokio::time::sleep(INSPECT_AGAIN).await,
            found => return Some(found.map_err(|error| error.to_string())),
        }
    }
}

/// How it is shared, by the times that are left to Redis and to whoever loads.
fn sharing_of(written: &Cache) -> SharingConfig {
    let (call, patience) = (written.redis_timeout.get(), written.load_patience.get());
    let mut sharing = SharingConfig {
        patience,
        lease: (patience / 3).max(LEASE_MIN),
        ..SharingConfig::default()
    };
    // Who lets it take longer does not take it for one that fails when it does.
    let slow_after = &mut sharing.breaker.slow_after;
    *slow_after = (*slow_after).max(call / 2);
    sharing
}

/// How often Redis is asked where nobody else asks it.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long is waited for a Redis that is only looked at.
const INSPECT_WITHIN: Duration = Duration::from_secs(3);
const INSPECT_AGAIN: Duration = Duration::from_millis(100);

fn redis_of(written: &Cache) -> Option<RedisConfig> {
    let mut redis = RedisConfig::new(written.redis.as_ref()?);
    redis.password_file.clone_from(&written.redis_password_file);
    redis.ca_file.clone_from(&written.redis_ca_file);
    redis.call_timeout = written.redis_timeout.get();
    redis.connect_timeout = redis.connect_timeout.max(redis.call_timeout);
    Some(redis)
}

/// What is wrong with the Redis that a configuration names; nothing secret is repeated.
pub fn fault_of_redis(written: &Cache) -> Option<(&'static str, String)> {
    let named = [
        (
            "cache.redis_password_file",
            written.redis_password_file.is_some(),
        ),
        ("cache.redis_ca_file", written.redis_ca_file.is_some()),
    ];
    let Some(redis) = redis_of(written) else {
        let (path, _) = named.into_iter().find(|(_, is_named)| *is_named)?;
        return Some((path, "there is no [cache] redis that it is for".to_owned()));
    };
    let fault = redis.validate().err()?;
    let path = match fault.setting {
        "password_file" => named[0].0,
        "ca_file" => named[1].0,
        "call_timeout" => "cache.redis_timeout",
        _ => "cache.redis",
    };
    Some((path, fault.reason))
}

/// Says how Redis is set up where that does not do for a cache.
async fn warn_of_shortfalls(redis: Arc<RedisLevel2>) {
    match redis.inspect().await {
        Ok(shortfalls) => {
            for found in shortfalls {
                let (setting, mend) = (found.setting, &found.mend);
                tracing::warn!(setting, mend, "{}", found.message);
            }
        }
        Err(error) => {
            tracing::warn!(%error, "Redis does not answer; each process has its own cache")
        }
    }
}

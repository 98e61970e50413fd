//! Redis: alone, under sentinels, as a cluster.

use pando_cluster::{Authority, Redis, RedisCluster, Sentinels};
use std::time::Duration;

#[tokio::test]
async fn a_redis_is_killed_and_comes_up_empty_or_with_what_it_saved() {
    let redis = Redis::builder().start().await.unwrap();
    redis.cli(&["set", "k", "saved"]).await.unwrap();
    redis.save().await.unwrap();
    redis.cli(&["set", "k", "newer"]).await.unwrap();
    redis.kill().await.unwrap();
    assert!(!redis.is_running());
    assert!(redis.cli(&["get", "k"]).await.is_err());
    redis.start().await.unwrap();
    assert_eq!(redis.cli(&["get", "k"]).await.unwrap(), "saved");
    redis.kill().await.unwrap();
    redis.start_empty().await.unwrap();
    assert_eq!(redis.cli(&["get", "k"]).await.unwrap(), "");
    redis.pause().unwrap();
    let paused = tokio::time::timeout(Duration::from_millis(300), redis.cli(&["ping"])).await;
    assert!(paused.is_err(), "it answered: {paused:?}");
    redis.resume().unwrap();
    assert_eq!(redis.cli(&["ping"]).await.unwrap(), "PONG");
}

#[tokio::test]
async fn a_redis_asks_for_its_password_and_speaks_tls_with_who_trusts_its_authority() {
    let folder = std::env::temp_dir().join(format!("pando-redis-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let authority = Authority::create(&folder).await.unwrap();
    std::fs::remove_dir(&folder).unwrap();
    let redis = Redis::builder().password("hush").tls(&authority);
    let redis = redis.start().await.unwrap();
    assert_eq!(redis.cli(&["ping"]).await.unwrap(), "PONG");
    let plain = std::process::Command::new("redis-cli")
        .args(["-h", &redis.address().ip().to_string()])
        .args(["-p", &redis.address().port().to_string(), "ping"])
        .output()
        .unwrap();
    assert_ne!(String::from_utf8_lossy(&plain.stdout).trim(), "PONG");
}

#[tokio::test]
async fn sentinels_name_another_master_when_the_first_one_is_killed() {
    let all = Sentinels::start(Redis::builder()).await.unwrap();
    let old = all.master().await.unwrap();
    old.kill().await.unwrap();
    let limit = Duration::from_secs(60);
    let new = all.wait_master_after(old, limit).await.unwrap();
    assert_ne!(new.address(), old.address());
}

#[tokio::test]
async fn a_cluster_shares_the_slots_between_its_nodes() {
    let cluster = RedisCluster::start(Redis::builder()).await.unwrap();
    let mut sizes = Vec::new();
    for key in 0..60 {
        let node = &cluster.nodes()[0];
        let said = node.cli(&["-c", "set", &format!("k{key}"), "v"]).await;
        assert!(said.unwrap().ends_with("OK"));
    }
    for node in cluster.nodes() {
        sizes.push(node.cli(&["dbsize"]).await.unwrap().parse::<u32>().unwrap());
    }
    assert_eq!(sizes.iter().sum::<u32>(), 60);
    assert!(sizes.iter().all(|size| *size > 5), "{sizes:?}");
}

//! Every call ends within its bound, says why it was not answered, and the way back is found.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests, not tests themselves

use bytes::Bytes;
use pando_cluster::{Authority, Cut, Faults, Proxy, Redis, RedisCluster, Sentinels, until};
use pando_engine_redis::{RedisConfig, RedisLevel2};
use pando_model::level2::{Lease, Level2, Record, Unreachable};
use pando_model::stamp::Position;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3_600);
const LIMIT: Duration = Duration::from_secs(60);
/// What a call may take beyond its bound on a machine that others keep busy.
const GRACE: Duration = Duration::from_millis(400);

fn record(p: u64) -> Record {
    Record {
        at: Position { timeline: 1, p },
        body: Bytes::from_static(b"body"),
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("pando-redis-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits until a record is laid down and fetched.
async fn answers(level2: &RedisLevel2, key: &[u8]) {
    let look = async || {
        level2.put(key, record(1), LONG).await?;
        level2
            .fetch(key)
            .await
            .map(|there| assert_eq!(there, Some(record(1))))
    };
    until("answered", LIMIT, look).await.unwrap();
}

/// All five calls, and how each ends.
async fn all_calls(level2: &RedisLevel2) -> Vec<(Duration, Result<(), Unreachable>)> {
    let key = b"k";
    let mut ends = Vec::new();
    for call in 0..5 {
        let began = Instant::now();
        let end = match call {
            0 => level2.fetch(key).await.map(drop),
            1 => level2.put(key, record(1), LONG).await.map(drop),
            2 => level2.invalidate(key, record(1).at).await,
            3 => level2.lease(key, 1, LONG, None).await.map(drop),
            _ => level2.release(key, 1).await,
        };
        ends.push((began.elapsed(), end));
    }
    ends
}

/// None of the calls is answered, all end in time, and each says why.
async fn fails_in_time(level2: &RedisLevel2, bound: Duration, whys: &[&str]) {
    for (took, end) in all_calls(level2).await {
        let reason = end.expect_err("nobody answers").reason;
        assert!(whys.iter().any(|why| reason.contains(why)), "{reason}");
        assert!(took < bound + GRACE, "{took:?}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_on_the_way_calls_end_in_time_and_the_way_back_is_found() {
    let redis = Redis::builder().start().await.unwrap();
    let proxy = Proxy::start(redis.address()).await.unwrap();
    let config = RedisConfig::new(redis.url_at(proxy.address()));
    let bound = config.call_timeout;
    let level2 = RedisLevel2::start(config).unwrap();
    answers(&level2, b"k").await;
    // Half-open: what is there hangs, and what comes.
    proxy.set_faults(Faults {
        stalled: true,
        ..Faults::default()
    });
    for _ in 0..4 {
        fails_in_time(
            &level2,
            bound,
            &["no answer within", "no connection within"],
        )
        .await;
    }
    proxy.set_faults(Faults::default());
    answers(&level2, b"k").await;
    for cut in [Cut::Reset, Cut::Close] {
        proxy.set_refusing(true).await.unwrap();
        proxy.cut(cut).await;
        let look = async || match level2.fetch(b"k").await {
            Err(unreachable) if unreachable.reason.contains("refused") => Ok(()),
            other => Err(format!("{other:?}")),
        };
        until("refused", LIMIT, look).await.unwrap();
        // Known to be down, it costs nothing to ask.
        fails_in_time(&level2, Duration::ZERO, &["refused"]).await;
        proxy.set_refusing(false).await.unwrap();
        answers(&level2, b"k").await;
    }
    redis.pause().unwrap();
    fails_in_time(&level2, bound, &["no answer within"]).await;
    redis.resume().unwrap();
    answers(&level2, b"k").await;
    // Come up empty, it knows no script, and holds nothing.
    redis.kill().await.unwrap();
    redis.start_empty().await.unwrap();
    let look = async || {
        level2
            .fetch(b"k")
            .await
            .map(|there| assert_eq!(there, None))
    };
    until("reached", LIMIT, look).await.unwrap();
    let lease = level2.lease(b"k", 1, LONG, None).await;
    assert_eq!(lease, Ok(Lease::Granted));
    answers(&level2, b"k").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_waited_for_as_long_as_a_call_may_take() {
    let redis = Redis::builder().start().await.unwrap();
    let proxy = Proxy::start(redis.address()).await.unwrap();
    let mut config = RedisConfig::new(redis.url_at(proxy.address()));
    config.call_timeout = LIMIT;
    let late = config.connect_timeout + config.connect_timeout / 2;
    let level2 = RedisLevel2::start(config).unwrap();
    answers(&level2, b"k").await;
    let mut faults = Faults::default();
    faults.down.delay = late;
    proxy.set_faults(faults);
    for (took, end) in all_calls(&level2).await {
        end.unwrap();
        assert!(took >= late, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_there_yet_is_found_when_it_is() {
    let redis = Redis::builder().start().await.unwrap();
    redis.kill().await.unwrap();
    let level2 = RedisLevel2::start(RedisConfig::new(redis.url())).unwrap();
    let why = level2.fetch(b"k").await.unwrap_err().reason;
    assert!(why.contains(&redis.address().to_string()), "{why}");
    redis.start().await.unwrap();
    answers(&level2, b"k").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_shown_over_tls_and_a_wrong_one_is_told_without_repeating_it() {
    let folder = Folder::new("tls");
    let authority = Authority::create(&folder.0).await.unwrap();
    let redis = Redis::builder().password("hush").tls(&authority);
    let redis = redis.start().await.unwrap();
    let mut config = RedisConfig::new(redis.url());
    config.connect_timeout = Duration::from_secs(10);
    config.ca_file = Some(folder.write("ca.pem", authority.certificate()));
    config.password_file = Some(folder.write("right", "hush\n"));
    let right = RedisLevel2::start(config.clone()).unwrap();
    answers(&right, b"k").await;
    assert!(!format!("{right:?}").contains("hush"));
    config.password_file = Some(folder.write("wrong", "mumble"));
    let wrong = RedisLevel2::start(config.clone()).unwrap();
    let told = |part: &'static str| {
        async move |level2: &RedisLevel2| {
            let look = async || match level2.fetch(b"k").await {
                Err(unreachable) if unreachable.reason.contains(part) => Ok(unreachable.reason),
                other => Err(format!("{other:?}")),
            };
            until("told why", LIMIT, look).await.unwrap()
        }
    };
    let why = told("password file")(&wrong).await;
    assert!(!why.contains("mumble") && !why.contains("hush"), "{why}");
    // One who trusts others, and one who speaks no TLS.
    let other = Authority::create(&folder.0).await.unwrap();
    config.password_file = Some(folder.write("right", "hush"));
    config.ca_file = Some(folder.write("other.pem", other.certificate()));
    let stranger = RedisLevel2::start(config.clone()).unwrap();
    told("ertificate")(&stranger).await;
    config.ca_file = Some(folder.write("none.pem", "this is no certificate"));
    let refused = RedisLevel2::start(config.clone()).map(drop).unwrap_err();
    assert_eq!(refused.setting, "ca_file", "{refused}");
    config.password_file = Some(folder.0.join("missing"));
    let refused = RedisLevel2::start(config).map(drop).unwrap_err();
    assert_eq!(refused.setting, "password_file", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_neither_laid_down_nor_taken() {
    let redis = Redis::builder().start().await.unwrap();
    let mut config = RedisConfig::new(redis.url());
    config.call_timeout = Duration::from_secs(10);
    let roomy = RedisLevel2::start(config.clone()).unwrap();
    config.value_bytes_max = 3;
    let narrow = RedisLevel2::start(config).unwrap();
    assert_eq!(narrow.put(b"k", record(1), LONG).await, Ok(false));
    assert_eq!(roomy.fetch(b"k").await, Ok(None));
    assert_eq!(roomy.put(b"k", record(1), LONG).await, Ok(true));
    assert_eq!(narrow.fetch(b"k").await, Ok(None));
    let lease = narrow.lease(b"k", 1, LONG, None).await;
    assert_eq!(lease, Ok(Lease::Granted), "he may load");
    // What somebody else put there is as if it were not.
    let place = redis.cli(&["keys", "*"]).await.unwrap();
    redis.cli(&["set", place.trim(), "x"]).await.unwrap();
    assert_eq!(roomy.fetch(b"k").await, Ok(None));
    assert_eq!(roomy.put(b"k", record(1), LONG).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_redis_is_set_up_is_told_with_the_setting_to_change() {
    let unbounded = Redis::builder()
        .setting("maxmemory", "0")
        .setting("maxmemory-policy", "noeviction");
    let cluster = RedisCluster::start(unbounded.clone()).await.unwrap();
    let unbounded = unbounded.start().await.unwrap();
    let bounded = Redis::builder().start().await.unwrap();
    for (url, count) in [(bounded.url(), 0), (unbounded.url(), 2), (cluster.url(), 6)] {
        let level2 = RedisLevel2::start(RedisConfig::new(url)).unwrap();
        let look = async || level2.inspect().await;
        let found = until("looked at", LIMIT, look).await.unwrap();
        assert_eq!(found.len(), count, "{found:?}");
        let settings = found.iter().map(|shortfall| shortfall.setting);
        for (ix, setting) in settings.enumerate() {
            assert_eq!(setting, ["maxmemory", "maxmemory-policy"][ix % 2]);
        }
        let is_named = found.iter().all(|found| found.server.is_some());
        assert!(is_named || count < 6, "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_sentinels_name_another_master_it_is_asked() {
    let all = Sentinels::start(Redis::builder()).await.unwrap();
    let level2 = RedisLevel2::start(RedisConfig::new(all.url())).unwrap();
    answers(&level2, b"k").await;
    let old = all.master().await.unwrap();
    old.kill().await.unwrap();
    fails_in_time(
        &level2,
        Duration::from_millis(50),
        &["Redis main by the sentinels"],
    )
    .await;
    let new = all.wait_master_after(old, LIMIT).await.unwrap();
    answers(&level2, b"later").await;
    assert!(new.cli(&["keys", "*"]).await.unwrap().contains("later"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_one_of_its_nodes_costs_what_lies_there_until_it_is_back() {
    let open = Redis::builder().setting("cluster-require-full-coverage", "no");
    let cluster = RedisCluster::start(open).await.unwrap();
    let level2 = RedisLevel2::start(RedisConfig::new(cluster.url())).unwrap();
    let keys: Vec<String> = (0..30).map(|n| format!("key {n}")).collect();
    for key in &keys {
        answers(&level2, key.as_bytes()).await;
    }
    cluster.nodes()[1].kill().await.unwrap();
    let reached = async || {
        let mut reached = 0;
        for key in &keys {
            let began = Instant::now();
            reached += usize::from(level2.fetch(key.as_bytes()).await.is_ok());
            assert!(began.elapsed() < Duration::from_millis(50) + GRACE);
        }
        reached
    };
    let look = async || match reached().await {
        few @ 10..30 => Ok(few),
        other => Err(format!("{other} keys are reached")),
    };
    until("the others reached", LIMIT, look).await.unwrap();
    cluster.nodes()[1].start_empty().await.unwrap();
    let look = async || match reached().await {
        30 => Ok(()),
        few => Err(format!("{few} keys are reached")),
    };
    until("all reached", LIMIT, look).await.unwrap();
    for key in &keys {
        answers(&level2, key.as_bytes()).await;
    }
}

//! One PostgreSQL.

use crate::psql;
use pando_cluster::{Authority, Network, Postgres, Stop};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[tokio::test]
async fn a_server_starts_as_it_was_ordered_and_not_as_root() {
    let start = Instant::now();
    let builder = Postgres::builder()
        .setting("work_mem", "3MB")
        .setting("max_connections", "33");
    let postgres = builder.start().await.unwrap();
    println!("start of one PostgreSQL: {:?}", start.elapsed());
    let shown = |setting: &str| format!("show {setting}");
    assert_eq!(
        psql(&postgres.url(), &shown("work_mem")).await.unwrap(),
        "3MB"
    );
    assert_eq!(
        psql(&postgres.url(), &shown("max_connections"))
            .await
            .unwrap(),
        "33"
    );
    assert_eq!(psql(&postgres.url(), &shown("fsync")).await.unwrap(), "on");
    let version = psql(&postgres.url(), &shown("server_version_num"))
        .await
        .unwrap();
    assert!(version.starts_with("15"), "{version}");
    let owner = std::fs::metadata(postgres.data().join("postmaster.pid"))
        .unwrap()
        .uid();
    assert_ne!(owner, 0);
    let loose = Postgres::builder().without_fsync().start().await.unwrap();
    assert_eq!(loose.sql("show fsync").await.unwrap(), "off");
    assert_ne!(loose.address().ip(), postgres.address().ip());
}

#[tokio::test]
async fn a_start_that_fails_shows_the_log() {
    let builder = Postgres::builder().setting("shared_buffers", "nonsense");
    let error = builder.start().await.unwrap_err().to_string();
    assert!(
        error.contains("invalid value for parameter \"shared_buffers\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_ends_in_every_way_and_comes_back_with_what_it_had() {
    let postgres = Postgres::builder().start().await.unwrap();
    postgres.sql("create table t (n int)").await.unwrap();
    let ways = [
        Some(Stop::Smart),
        Some(Stop::Fast),
        Some(Stop::Immediate),
        None,
    ];
    for (n, way) in ways.into_iter().enumerate() {
        postgres
            .sql(&format!("insert into t values ({n})"))
            .await
            .unwrap();
        match way {
            Some(way) => postgres.stop(way).await.unwrap(),
            None => postgres.kill().await.unwrap(),
        }
        assert!(!postgres.is_running());
        assert!(psql(&postgres.url(), "select 1").await.is_err());
        postgres.start().await.unwrap();
        assert_eq!(
            postgres.sql("select count(*) from t").await.unwrap(),
            (n + 1).to_string()
        );
    }
    let log = postgres.log();
    assert!(
        log.contains("database system was not properly shut down"),
        "{log}"
    );
    postgres.restart().await.unwrap();
    let started = "select pg_postmaster_start_time() > now() - interval '1 minute'";
    assert_eq!(postgres.sql(started).await.unwrap(), "t");
}

#[tokio::test]
async fn a_paused_server_answers_when_it_is_resumed() {
    let postgres = Postgres::builder().start().await.unwrap();
    postgres.pause().unwrap();
    let url = postgres.url();
    let mut asked = Box::pin(psql(&url, "select 1"));
    assert!(
        timeout(Duration::from_millis(500), &mut asked)
            .await
            .is_err()
    );
    postgres.resume().unwrap();
    assert_eq!(asked.await.unwrap(), "1");
    postgres.pause().unwrap();
    // A server that stands still dies all the same.
    postgres.kill().await.unwrap();
    postgres.start().await.unwrap();
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let postgres = Postgres::builder()
        .password("s3cret")
        .start()
        .await
        .unwrap();
    assert_eq!(psql(&postgres.url(), "select 1").await.unwrap(), "1");
    let wrong = postgres.url().replace("s3cret", "guess");
    let error = psql(&wrong, "select 1").await.unwrap_err();
    assert!(error.contains("password authentication failed"), "{error}");
    let stored = "select left(rolpassword, 13) from pg_authid where rolname = 'postgres'";
    assert_eq!(postgres.sql(stored).await.unwrap(), "SCRAM-SHA-256");
}

#[tokio::test]
async fn tls_is_offered_or_required_with_a_certificate_that_the_authority_signed() {
    let folder = tempfile();
    let authority = Authority::create(&folder).await.unwrap();
    let builder = Postgres::builder().tls(&authority);
    let postgres = builder.clone().tls_required().start().await.unwrap();
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    assert_eq!(psql(&postgres.url(), encrypted).await.unwrap(), "t");
    let plain = postgres.url().replace("verify-full", "disable");
    let error = psql(&plain, "select 1").await.unwrap_err();
    assert!(error.contains("no encryption"), "{error}");
    // Optional, and with another's name.
    let other = builder
        .tls_names(&["elsewhere.example"])
        .start()
        .await
        .unwrap();
    let error = psql(&other.url(), "select 1").await.unwrap_err();
    assert!(error.contains("does not match"), "{error}");
    let plain = other.url().replace("verify-full", "disable");
    assert_eq!(psql(&plain, encrypted).await.unwrap(), "f");
    let unnamed = other.url().replace("verify-full", "verify-ca");
    assert_eq!(psql(&unnamed, encrypted).await.unwrap(), "t");
    std::fs::remove_dir(&folder).unwrap(); // nothing was left in it
}

#[tokio::test]
async fn a_quota_holds_for_all_processes_and_after_a_restart() {
    let work = "select count(*) from generate_series(1, 300000)";
    let postgres = Postgres::builder().start().await.unwrap();
    // Far less than it gets on a machine that others use, too.
    postgres.set_cpu_quota(Some(0.05)).unwrap();
    let before = postgres.cpu_throttled().unwrap();
    postgres.sql(work).await.unwrap();
    let once = postgres.cpu_throttled().unwrap();
    assert!(once > before);
    postgres.restart().await.unwrap();
    let restarted = postgres.cpu_throttled().unwrap();
    postgres.sql(work).await.unwrap();
    let twice = postgres.cpu_throttled().unwrap();
    assert!(twice > restarted);
    postgres.set_cpu_quota(None).unwrap();
    let lifted = postgres.cpu_throttled().unwrap();
    postgres.sql(work).await.unwrap();
    assert_eq!(postgres.cpu_throttled().unwrap(), lifted);
}

#[tokio::test]
async fn a_host_that_is_cut_off_is_silent_and_answers_again_when_it_is_joined() {
    let postgres = Postgres::builder()
        .network(Network::Lan)
        .start()
        .await
        .unwrap();
    let url = postgres.url();
    assert_eq!(psql(&url, "select 1").await.unwrap(), "1");
    let mut open = Box::pin(psql(&url, "select pg_sleep(1), 2"));
    assert!(
        timeout(Duration::from_millis(300), &mut open)
            .await
            .is_err()
    );
    postgres.cut().unwrap();
    assert!(timeout(Duration::from_secs(2), &mut open).await.is_err());
    // It runs on, as is seen from inside.
    assert_eq!(postgres.sql("select 1").await.unwrap(), "1");
    postgres.join().unwrap();
    assert_eq!(open.await.unwrap(), "|2");
    let loopback = Postgres::builder().start().await.unwrap();
    let error = loopback.cut().unwrap_err().to_string();
    assert!(error.contains("Network::Lan"), "{error}");
}

fn tempfile() -> std::path::PathBuf {
    let name = format!("pando-cluster-tls-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}

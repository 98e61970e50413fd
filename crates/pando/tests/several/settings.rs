//! Settings of the database that cannot keep the promises are named, with the line to change.

use super::database::{Database, serve};
use super::support::{pando, text};
use pando_cluster::{Patroni, Postgres, Standby};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

/// What doctor finds: each check with its severity and how it is mended.
fn doctor(folder: &Path) -> Vec<(String, String, String)> {
    let output = pando(folder).args(["doctor", "--json"]).output();
    let output = output.expect("the binary starts");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let failed = said["failed"].as_u64().expect("a number");
    assert_eq!(output.status.success(), failed == 0, "{said}");
    let findings = said["findings"].as_array().expect("a list").iter();
    let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or("").to_owned();
    findings
        .map(|finding| {
            let (check, severity) = (word(finding, "check"), word(finding, "severity"));
            (check, severity, word(finding, "mend"))
        })
        .collect()
}

fn assert_found(found: &[(String, String, String)], check: &str, severity: &str, mend: &str) {
    let is_it = |one: &&(String, String, String)| one.0 == check;
    let one = found.iter().find(is_it);
    let Some(one) = one else {
        panic!("no {check} in {found:?}");
    };
    assert_eq!(one.1, severity, "{one:?}");
    assert!(one.2.contains(mend), "{one:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loses_data_is_named_by_doctor_status_and_at_the_start() {
    let builder = Postgres::builder().without_fsync();
    let builder = builder.setting("full_page_writes", "off");
    let builder = builder.setting("max_prepared_transactions", "0");
    let database = Database::start_as(builder.setting("max_connections", "12")).await;
    database
        .sql("ALTER ROLE postgres SET synchronous_commit = off")
        .await;
    let folder = database.folder("");
    // Two connections read, one writes, one looks; of twelve three are kept for superusers.
    let with_large_pool = database.folder("[limits]\nmax_rows = 9\n");
    let file = with_large_pool.join("pando.toml");
    let settings = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, settings.replace("pool = 2", "pool = 9")).expect("the file");
    let found = doctor(&with_large_pool);
    for (check, severity, mend) in [
        ("fsync", "fail", "ALTER SYSTEM SET fsync = on"),
        (
            "full_page_writes",
            "fail",
            "ALTER SYSTEM SET full_page_writes = on",
        ),
        (
            "synchronous_commit",
            "fail",
            "ALTER ROLE … SET synchronous_commit = on",
        ),
        (
            "max_prepared_transactions",
            "ok",
            "max_prepared_transactions = 100",
        ),
        ("max_connections", "warn", "a smaller pool"),
    ] {
        assert_found(&found, check, severity, mend);
    }
    assert!(!doctor(&folder).iter().any(|one| one.0 == "max_connections"));
    // Looking leaves nothing behind.
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE '\\_pando%'";
    assert_eq!(database.sql(tables).await, "0");

    let log = log_of_a_start(&folder);
    assert!(log.contains("fsync is off: a crash"), "{log}");
    let _server = serve(&folder);
    let status = pando(&folder).args(["status"]).output().expect("it starts");
    let status = text(&status.stdout);
    assert!(status.contains("FAIL"), "{status}");
    assert!(status.contains("ALTER SYSTEM SET fsync = on"), "{status}");
}

/// What a server logs until it is ready.
fn log_of_a_start(folder: &Path) -> String {
    let path = folder.join("log");
    let log = std::fs::File::create(&path).expect("a file");
    let mut server = pando(folder)
        .args(["serve", "--json", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the binary starts");
    let mut ready = String::new();
    let stdout = server.stdout.take().expect("a pipe");
    BufReader::new(stdout)
        .read_line(&mut ready)
        .expect("a line");
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    std::fs::read_to_string(path).expect("its log")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_nobody_waits_for_is_named() {
    for (standby, is_found) in [(Standby::Asynchronous, true), (Standby::Synchronous, false)] {
        let servers = Postgres::builder().start_replicated(1, standby).await;
        let servers = servers.expect("a primary and a replica");
        let folder = tempfile::tempdir().expect("a folder");
        let url = |server: &Postgres| format!("postgres://postgres@{}/postgres", server.address());
        let file = format!(
            "[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"{}\"\nreplicas = [\"{}\"]\n",
            url(&servers.primary),
            url(&servers.replicas[0]),
        );
        std::fs::write(folder.path().join("pando.toml"), file).expect("a file");
        let found = doctor(folder.path());
        let named = |check: &str| found.iter().any(|one| one.0 == check);
        assert_eq!(named("synchronous_standby_names"), is_found, "{found:?}");
        if is_found {
            let mend = "synchronous_standby_names = 'ANY 1 (*)'";
            assert_found(&found, "synchronous_standby_names", "warn", mend);
        }
        let local = "ALTER ROLE postgres SET synchronous_commit = local";
        servers.primary.sql(local).await.expect("SQL");
        let found = doctor(folder.path());
        assert_found(
            &found,
            "synchronous_commit",
            "fail",
            "synchronous_commit = on",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patroni_that_promotes_whoever_is_left_is_named() {
    let cluster = Patroni::builder()
        .nodes(2)
        .etcd(1)
        .asynchronous()
        .start()
        .await;
    let cluster = cluster.expect("a cluster");
    let leader = cluster.leader().await.expect("a leader");
    let folder = tempfile::tempdir().expect("a folder");
    let (postgres, rest) = (leader.address(), leader.rest());
    let file = format!(
        "[store]\nengine = \"postgres\"\n[store.postgres]\n\
         url = \"postgres://postgres@{postgres}/postgres\"\npatroni = [\"http://{rest}\"]\n"
    );
    std::fs::write(folder.path().join("pando.toml"), file).expect("a file");
    let found = doctor(folder.path());
    let mend = "patronictl edit-config -s synchronous_mode=true";
    assert_found(&found, "synchronous_mode", "warn", mend);
    assert_found(&found, "synchronous_standby_names", "warn", mend);
}

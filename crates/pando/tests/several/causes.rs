//! Why a database cannot be used is told with the line that mends it, at the start and by doctor.

use super::database::{Database, serve};
use super::support::{json, pando, refused};
use pando_cluster::Postgres;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A folder whose url is another one.
fn folder_at(database: &Database, url: &str, more: &str) -> PathBuf {
    let folder = database.folder(more);
    let file = folder.join("pando.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    let lines = text.lines().map(|line| match line.starts_with("url = ") {
        true => format!("url = \"{url}\"\n"),
        false => format!("{line}\n"),
    });
    std::fs::write(&file, lines.collect::<String>()).expect("the file");
    folder
}

/// What doctor says that fails: all messages, each with its way out.
fn failures(folder: &Path) -> String {
    let output = pando(folder).args(["doctor", "--json"]).output();
    let output = output.expect("the binary starts");
    assert!(!output.status.success(), "something fails");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = said["findings"].as_array().expect("a list").iter();
    let failed = findings.filter(|finding| finding["severity"] == "fail");
    let lines =
        failed.map(|one| format!("{}: {} → {}\n", one["check"], one["message"], one["mend"]));
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_has_its_own_way_out() {
    let database = Database::start().await;
    database
        .sql("CREATE ROLE app LOGIN; CREATE ROLE late LOGIN CONNECTION LIMIT 0")
        .await;
    let at = database.postgres.address();
    for (url, words) in [
        (
            format!("postgres://nobody@{at}/postgres"),
            "CREATE ROLE nobody LOGIN",
        ),
        (
            format!("postgres://postgres@{at}/nothing"),
            "CREATE DATABASE nothing OWNER postgres",
        ),
        (format!("postgres://late@{at}/postgres"), "max_connections"),
        (
            format!("postgres://app@{at}/postgres"),
            "GRANT USAGE, CREATE ON SCHEMA public TO app",
        ),
        (
            "postgres://postgres@127.0.0.1:1/postgres".to_owned(),
            "listen_addresses",
        ),
    ] {
        let folder = folder_at(&database, &url, "connect_timeout = \"1s\"\n");
        let error = refused(&folder, &["serve", "--listen", "127.0.0.1:0"], 1);
        assert!(error.contains(words), "{url}: {error}");
        let found = failures(&folder);
        assert!(found.contains(words), "{url}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_wrong_or_missing_is_told_as_that() {
    let postgres = Postgres::builder().password("right");
    let database = Database::start_as(postgres).await;
    let url = format!(
        "postgres://postgres@{}/postgres",
        database.postgres.address()
    );
    let wrong = folder_at(&database, &url, "password_file = \"password\"\n");
    let missing = folder_at(&database, &url, "");
    std::fs::write(wrong.join("password"), "wrong\n").expect("a file");
    for (folder, words) in [
        (
            &wrong,
            "put the password of the role postgres into the file",
        ),
        (&missing, "[store.postgres] password_file"),
    ] {
        let error = refused(folder, &["serve", "--listen", "127.0.0.1:0"], 1);
        assert!(error.contains(words), "{error}");
        assert!(failures(folder).contains(words));
    }
    // A file that is not there is found without asking anybody.
    std::fs::remove_file(wrong.join("password")).expect("it is there");
    let error = refused(&wrong, &["config", "check"], 2);
    assert!(
        error.contains("(store.postgres.password_file): cannot use"),
        "{error}"
    );
}

/// What a server says once it is ready; it ends then.
fn ready(folder: &Path) -> Value {
    let mut server = pando(folder)
        .args(["serve", "--json", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let stdout = server.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    serde_json::from_str(&line).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_makes_no_store_and_who_has_no_root_key_names_none() {
    let database = Database::start().await;
    let (first, second) = (database.folder(""), database.folder(""));
    for command in ["status", "export"] {
        let args = match command {
            "export" => vec!["export", "tables/t", "--out", "t.ndjson"],
            command => vec![command],
        };
        let error = refused(&first, &args, 1);
        assert!(
            error.contains("there is no store in the database"),
            "{error}"
        );
    }
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE '\\_pando%'";
    assert_eq!(database.sql(tables).await, "0");
    let said = [ready(&first), ready(&second)];
    let key = said[0]["root_key"].as_str().expect("a path");
    assert!(first.join(key).exists(), "{key}");
    assert_eq!(said[1]["root_key"], Value::Null, "{}", said[1]);
    let server = serve(&second);
    let status = json(&second, &["status"]);
    let seen = &status["shards"][0]["servers"][0];
    assert_eq!(seen["role"], "primary", "{status}");
    assert_eq!(
        seen["name"],
        database.postgres.address().to_string(),
        "{status}"
    );
    drop(server);
}

//! Why a database cannot be used is told with the line that mends it, at the start and by doctor.

use super::database::Database;
use super::support::{pando, refused};
use pando_cluster::Postgres;
use serde_json::Value;
use std::path::{Path, PathBuf};

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
}

//! What a restore finds beside the place that the data goes to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod support;

use serde_json::json as value;
use std::os::unix::fs::PermissionsExt;
use support::{Connection, Server, json, migrate, refused};

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, note text);";

/// SQLite takes any log beside a file for that file's own, and would play it into the
/// restored data.
#[test]
fn the_log_of_data_that_is_gone_is_put_aside_and_not_played_into_the_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    let server = Server::start(folder.path());
    json(folder.path(), &["backup", "empty.backup"]);
    let mut connection = server.connect();
    for id in 0..200 {
        let row = value!({ "id": id, "note": "x".repeat(2_000) }).to_string();
        let made = connection.ask("POST", "/rest/v1/t", "", &row);
        assert_eq!(made.status, 201, "{made:?}");
    }
    server.kill();
    let data = folder.path().join("data");
    let log = std::fs::read(data.join("pando.db-wal")).expect("a log");
    assert!(log.len() > 100_000, "the log holds the rows");
    std::fs::remove_file(data.join("pando.db")).expect("the data");

    let answer = json(folder.path(), &["restore", "empty.backup"]);
    let kept = answer["kept"].as_str().expect("what was put aside");
    let kept = folder.path().join(format!("{kept}-wal"));
    assert_eq!(std::fs::read(kept).expect("the log"), log);
    let server = Server::start(folder.path());
    let rows = server.connect().ask("GET", "/rest/v1/t", "", "").json();
    assert_eq!(rows, value!([]));
}

/// A backup holds the hashes of keys: who restores it on another machine has no secret.
#[test]
fn data_restored_elsewhere_has_a_root_key_there_and_restored_in_place_keeps_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    json(folder.path(), &["backup", "monday.backup"]);
    let key = |data: &str| {
        let path = folder.path().join(data).join("root.key");
        let mode = std::fs::metadata(&path).expect("a root key").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        std::fs::read_to_string(path).expect("a root key")
    };
    let own = key("data");
    for (data, is_new) in [("data", false), ("elsewhere", true)] {
        let args = ["restore", "monday.backup", "--yes", "--data-dir", data];
        let answer = json(folder.path(), &args);
        assert_eq!(answer["new_root_key"], is_new, "{data}: {answer}");
        assert_eq!(key(data) != own, is_new, "{data}");
        let args = ["--listen", "0.0.0.0:0", "--data-dir", data];
        let server = Server::start_with(folder.path(), &args, &[]);
        let address = format!("127.0.0.1:{}", server.address.port());
        let mut connection = Connection::to(address.parse().expect("an address"));
        let bearer = format!("Authorization: Bearer {}\r\n", key(data).trim());
        let answer = connection.ask("GET", "/admin/v1/keys", &bearer, "");
        assert_eq!(answer.status, 200, "{data}: {answer:?}");
    }
}

/// A slip in `--data-dir` must not end as a verified backup of nothing.
#[test]
fn a_folder_without_data_is_refused_by_what_reads_data_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    for args in [
        &["backup", "x.backup"][..],
        &["status"],
        &["export", "tables/t"],
        &["keys", "list"],
    ] {
        let args = [args, &["--data-dir", "other"]].concat();
        let error = refused(folder.path(), &args, 1);
        assert!(error.contains("there is no data in other"), "{error}");
        let left = std::fs::read_dir(&other).expect("a folder").count();
        assert_eq!(left, 0, "{args:?}");
    }
}

//! What a restore finds beside the place that the data goes to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod support;

use serde_json::json as value;
use support::{Server, json, migrate};

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

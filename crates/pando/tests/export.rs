//! Exports through the real binary that do not come to their end.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use std::fs;
use std::process::Stdio;
use support::{json, migrate, pando, refused, text};

#[test]
fn an_export_that_fails_leaves_nothing_and_a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(
        folder.path(),
        "create table t (id integer primary key, name text not null);",
    );
    refused(
        folder.path(),
        &["export", "tables/nope", "--out", "out.csv"],
        1,
    );
    let left: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().starts_with("out"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // More than a pipe holds, so that the rest is written to nobody.
    let lines: String = (0..5_000)
        .map(|id| format!("{{\"id\":{id},\"name\":\"{}\"}}\n", "x".repeat(100)))
        .collect();
    fs::write(folder.path().join("many.ndjson"), lines).expect("write");
    json(folder.path(), &["import", "tables/t", "many.ndjson"]);
    let mut child = pando(folder.path())
        .args(["export", "tables/t"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

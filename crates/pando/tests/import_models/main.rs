//! Import and export of key-values, documents, wide-column and graph through the real binary:
//! targets and flags, rejects, resumption, what comes back; with a server and without one.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod fields;
mod graph;
mod kv;
mod round_trip;
#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::{Server, json as done, refused, run, text};

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).expect("a file");
}

/// What a target exports, line by line, in any order.
fn exported(folder: &Path, target: &str) -> BTreeSet<String> {
    let output = run(folder, &["export", target]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let normal = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("JSON");
        value.to_string()
    };
    lines.lines().map(normal).collect()
}

fn lines(values: &[Value]) -> BTreeSet<String> {
    values.iter().map(Value::to_string).collect()
}

/// Imports and looks at what is exported then, with a server and without one.
fn check(name: &str, content: &str, args: &[&str], expected: &[Value]) {
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = served.then(|| Server::start(folder.path()));
        write(folder.path(), name, content);
        let import = [&["import", args[0], name][..], &args[1..]].concat();
        let told = done(folder.path(), &import);
        assert_eq!(told["rejected"], 0, "{told}");
        let found = exported(folder.path(), args[0]);
        assert_eq!(found, lines(expected), "{args:?}, served: {served}");
    }
}

#[test]
fn wrong_usage_is_told_before_anything_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "a.csv", "id,x\n1,2\n");
    for (args, status, words) in [
        (&["import", "maps/x", "a.csv"][..], 2, "write tables/NAME"),
        (
            &["import", "kv/s", "a.csv", "--row", "x"],
            2,
            "--row does not go with kv/",
        ),
        (
            &["import", "tables/t", "a.csv", "--key", "id"],
            2,
            "--key does not go with tables/",
        ),
        (&["import", "kv/s", "a.csv"], 1, "there is no header `key`"),
        (
            &["import", "kv/s", "a.csv", "--key", "idd"],
            1,
            "the headers are: id, x",
        ),
        (
            &["import", "wide/w", "a.csv", "--partition", "id"],
            2,
            "--column FAMILY",
        ),
        (
            &[
                "import",
                "wide/w",
                "a.csv",
                "--partition",
                "id",
                "--row",
                "x",
                "--column",
                "x=x",
            ],
            2,
            "write FAMILY:QUALIFIER=FIELD",
        ),
        (
            &["import", "graph/g", "a.csv", "--key", "id"],
            2,
            "nodes have a kind",
        ),
        (
            &["import", "graph/g", "a.csv", "--from", "id", "--kind", "k"],
            2,
            "edges: --from",
        ),
        (
            &["export", "kv/s", "--out", "a2.csv"],
            2,
            "only tables are written as CSV",
        ),
    ] {
        let error = refused(folder, args, status);
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

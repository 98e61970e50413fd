//! Import and export of key-values, documents, wide-column and graph through the real binary:
//! targets and flags, rejects, resumption, what comes back; with a server and without one.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use serde_json::{Value, json};
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

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

#[test]
fn a_value_is_what_a_batch_has_or_else_the_whole_record() {
    check(
        "a.ndjson",
        concat!(
            r#"{"key":"text","text":"안녕"}"#,
            "\n",
            r#"{"key":"empty","text":""}"#,
            "\n",
            r#"{"key":"bytes","value":"AP8=","content_type":"image/png"}"#,
            "\n",
            r#"{"key":"late","text":"x","expires_at":"2999-01-01T00:00:00Z"}"#,
            "\n",
            r#"{"key":7,"n":1.10,"deep":{"a":[1, 2]}}"#,
            "\n",
        ),
        &["kv/s"],
        &[
            json!({ "key": "text", "text": "안녕", "content_type": TEXT }),
            json!({ "key": "empty", "text": "", "content_type": TEXT }),
            json!({ "key": "bytes", "value": "AP8=", "content_type": "image/png" }),
            json!({ "key": "late", "text": "x", "content_type": TEXT,
                    "expires_at": "2999-01-01T00:00:00Z" }),
            json!({ "key": "7", "content_type": JSON,
                    "text": r#"{"key":7,"n":1.10,"deep":{"a":[1, 2]}}"# }),
        ],
    );
}

#[test]
fn csv_gives_texts_under_keys_and_records_of_more_fields_as_json() {
    check(
        "a.csv",
        "name,value\n007,abcd\n8,10\n",
        &["kv/s", "--key", "name"],
        &[
            json!({ "key": "007", "text": "abcd", "content_type": TEXT }),
            json!({ "key": "8", "text": "10", "content_type": TEXT }),
        ],
    );
    check(
        "b.csv",
        "id,n,code,none\na,10,007,NA\n",
        &["kv/s", "--key", "id", "--null", "NA"],
        &[json!({ "key": "a", "content_type": JSON,
                  "text": r#"{"id":"a","n":10,"code":"007","none":null}"# })],
    );
}

#[test]
fn what_a_request_is_refused_for_is_told_by_its_line() {
    let mut file = String::new();
    for n in 1..=50 {
        match n {
            10 => file.push_str("{\"key\":\"k10\",\"value\":\"not base64\"}\n"),
            20 => file.push_str("{\"text\":\"without a key\"}\n"),
            30 => file.push_str("{\"key\":\"k30\",\"text\":\"x\",\"ttl\":\"soon\"}\n"),
            n => file.push_str(&format!("{{\"key\":\"k{n}\",\"text\":\"{n}\"}}\n")),
        }
    }
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = served.then(|| Server::start(folder.path()));
        let folder = folder.path();
        write(folder, "a.ndjson", &file);
        let import = ["import", "kv/s", "a.ndjson", "--chunk", "7"];
        let error = refused(folder, &import, 1);
        assert!(error.contains("a.ndjson:10: "), "{error}");
        assert!(error.contains("value is not base64"), "{error}");
        assert_eq!(exported(folder, "kv/s").len(), 7, "whole chunks only");

        let resume = [
            &import[..],
            &["--resume", "--on-error", "skip", "--rejects", "r"],
        ]
        .concat();
        let told = done(folder, &resume);
        assert_eq!(told["resumed_at"], 7, "{told}");
        assert_eq!(
            (&told["rows"], &told["rejected"]),
            (&json!(47), &json!(3)),
            "{told}"
        );
        let rejects = fs::read_to_string(folder.join("r")).expect("rejects");
        let rejects: Vec<Value> = rejects
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let mut told: Vec<_> = rejects
            .iter()
            .map(|reject| (reject["line"].as_u64(), reject["column"].as_str()))
            .collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [(Some(10), None), (Some(20), Some("key")), (Some(30), None)]
        );
        assert!(rejects.iter().all(|reject| reject["file"] == "a.ndjson"));
        assert_eq!(exported(folder, "kv/s").len(), 47);
        let again = done(folder, &resume);
        assert_eq!(again["rows"], 47, "nothing is imported twice");
    }
}

#[test]
fn an_import_that_is_killed_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let rows = 20_000;
    let file: String = (0..rows)
        .map(|n| format!("{{\"key\":\"k{n}\",\"text\":\"{n}\"}}\n"))
        .collect();
    write(folder, "a.ndjson", file);
    let import = ["import", "kv/s", "a.ndjson", "--chunk", "20"];
    for round in 0..2u64 {
        let resume: &[&str] = if round > 0 { &["--resume"] } else { &[] };
        let mut child = support::pando(folder)
            .args([&import[..], resume].concat())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary starts");
        // A moment by what was written, not by the clock.
        let wal = folder.join("data/pando.db-wal");
        let enough = (round + 1) * 150_000;
        while fs::metadata(&wal).map_or(0, |wal| wal.len()) < enough {
            if child.try_wait().expect("its status").is_some() {
                break;
            }
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }
    let told = done(folder, &[&import[..], &["--resume"]].concat());
    assert_eq!(told["rows"], rows, "{told}");
    assert_eq!(exported(folder, "kv/s").len(), rows);
}

#[test]
fn what_does_not_fit_into_one_request_is_sent_in_several() {
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = "[limits]\nmax_body = \"4KiB\"\n";
        write(folder.path(), "pando.toml", config);
        let _server = served.then(|| Server::start(folder.path()));
        let folder = folder.path();
        let line = |n: usize, size: usize| {
            format!("{{\"key\":\"k{n}\",\"text\":\"{}\"}}\n", "x".repeat(size))
        };
        let file: String = (0..40)
            .map(|n| line(n, if n == 13 { 5_000 } else { 500 }))
            .collect();
        write(folder, "a.ndjson", file);
        let error = refused(folder, &["import", "kv/s", "a.ndjson"], 1);
        assert!(
            error.contains("a.ndjson:14: the record is larger"),
            "{error}"
        );
        let args = ["import", "kv/s", "a.ndjson", "--on-error", "skip"];
        let told = done(folder, &args);
        assert_eq!(
            (&told["rows"], &told["rejected"]),
            (&json!(39), &json!(1)),
            "{told}"
        );
        assert_eq!(exported(folder, "kv/s").len(), 39);
    }
}

#[test]
fn documents_go_under_the_field_that_is_named_or_their_id_or_one_that_is_made() {
    check(
        "a.json",
        r#"[{"cca3":"KOR","name":{"common":"South Korea"},"n":1.50},{"cca3":"SWE","_id":"gone"}]"#,
        &["docs/c", "--key", "cca3"],
        &[
            json!({ "_id": "KOR", "cca3": "KOR", "n": 1.50, "name": { "common": "South Korea" } }),
            json!({ "_id": "SWE", "cca3": "SWE" }),
        ],
    );
    check(
        "a.ndjson",
        "{\"_id\":\"a/b\",\"x\":null}\n{\"_id\":7}\n",
        &["docs/c"],
        &[json!({ "_id": "a/b", "x": null }), json!({ "_id": "7" })],
    );
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a.ndjson", "{\"n\":1}\n{\"n\":2}\n");
    done(folder.path(), &["import", "docs/c", "a.ndjson"]);
    let found = exported(folder.path(), "docs/c");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|line| line.contains("\"_id\":\"")));
}

const WEATHER: &str = "origin,hour,temp,dir\nJFK,2013-01-01T05,39.02,260\nJFK,2013-01-01T06,NA,N\n\
    LGA,2013-01-01T05,40,NA\n";

#[test]
fn fields_become_cells_and_what_is_null_none() {
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = served.then(|| Server::start(folder.path()));
        let folder = folder.path();
        write(folder, "a.csv", WEATHER);
        let args = [
            "import",
            "wide/w",
            "a.csv",
            "--partition",
            "origin",
            "--row",
            "hour",
            "--column",
            "obs:temp=temp",
            "--column",
            "wind:dir=dir",
            "--null",
            "NA",
        ];
        let told = done(folder, &args);
        assert_eq!(
            (&told["rows"], &told["rejected"]),
            (&json!(3), &json!(0)),
            "{told}"
        );
        let mut found: Vec<Value> = exported(folder, "wide/w")
            .iter()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        for row in &mut found {
            // The time is that of the import.
            for versions in row["versions"].as_object_mut().expect("cells").values_mut() {
                *versions = versions[0]["value"].clone();
            }
        }
        let row = |partition: &str, row: &str, cells: Value| json!({ "partition": partition, "row": row, "versions": cells });
        let expected = [
            row(
                "JFK",
                "2013-01-01T05",
                json!({ "obs:temp": 39.02, "wind:dir": 260 }),
            ),
            row("JFK", "2013-01-01T06", json!({ "wind:dir": "N" })),
            row("LGA", "2013-01-01T05", json!({ "obs:temp": 40 })),
        ];
        let found: BTreeSet<String> = found.iter().map(Value::to_string).collect();
        assert_eq!(found, lines(&expected), "served: {served}");
    }
}

#[test]
fn nodes_and_edges_keep_their_other_fields_and_an_edge_needs_both_its_nodes() {
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = served.then(|| Server::start(folder.path()));
        let folder = folder.path();
        write(
            folder,
            "nodes.csv",
            "faa,sort,name\nJFK,airport,Kennedy\nHNL,airport,\n",
        );
        let told = done(
            folder,
            &[
                "import",
                "graph/g",
                "nodes.csv",
                "--key",
                "faa",
                "--kind",
                "@sort",
            ],
        );
        assert_eq!(told["rows"], 2, "{told}");
        write(
            folder,
            "edges.csv",
            "a,b,at,miles\nJFK,HNL,2013-01-01T00:00:00Z,4983\nJFK,XXX,,1\nHNL,JFK,2013-01-02T00:00:00Z,\n",
        );
        let edges = [
            "import",
            "graph/g",
            "edges.csv",
            "--from",
            "a",
            "--to",
            "b",
            "--kind",
            "flies",
        ];
        let error = refused(folder, &edges, 1);
        assert!(error.contains("edges.csv:3: "), "{error}");
        assert_eq!(
            exported(folder, "graph/g").len(),
            2,
            "none of the chunk is stored"
        );
        let told = done(folder, &[&edges[..], &["--on-error", "skip"]].concat());
        assert_eq!(
            (&told["rows"], &told["rejected"]),
            (&json!(2), &json!(1)),
            "{told}"
        );
        let node = |id: &str, body: Value| json!({ "id": id, "kind": "airport", "body": body });
        let edge = |from: &str, to: &str, at: &str, body: Value| json!({ "from": from, "kind": "flies", "to": to, "at": at, "body": body });
        let expected = [
            node("JFK", json!({ "name": "Kennedy" })),
            node("HNL", json!({ "name": null })),
            edge(
                "JFK",
                "HNL",
                "2013-01-01T00:00:00Z",
                json!({ "miles": 4983 }),
            ),
            edge(
                "HNL",
                "JFK",
                "2013-01-02T00:00:00Z",
                json!({ "miles": null }),
            ),
        ];
        assert_eq!(
            exported(folder, "graph/g"),
            lines(&expected),
            "served: {served}"
        );
    }
}

/// Something of every model, in forms that ask for care.
fn fill(folder: &Path) -> [&'static str; 4] {
    let mut values = String::new();
    for n in 0..2_500 {
        values.push_str(&format!("{{\"key\":\"k/{n}\",\"text\":\"\\\"{n}\"}}\n"));
    }
    values.push_str("{\"key\":\"\\u0001?&#\",\"value\":\"AP8=\"}\n");
    write(folder, "kv.ndjson", values);
    let mut documents = String::new();
    for n in 0..2_100 {
        documents.push_str(&format!(
            "{{\"_id\":\"d {n}\",\"n\":{n}.10,\"a\":[null,\"\\n\"]}}\n"
        ));
    }
    write(folder, "docs.ndjson", documents);
    let mut cells = String::new();
    for partition in 0..30 {
        for row in 0..40 {
            cells.push_str(&format!(
                "{{\"partition\":\"p{partition}\",\"row\":\"{row:03}\",\"versions\":{{\
                 \"f:a\":[{{\"at\":\"2024-01-02T00:00:00Z\",\"value\":{row}}}],\
                 \"f:b\":[{{\"at\":\"2024-01-01T00:00:00Z\",\"value\":[\"x\"]}}]}}}}\n"
            ));
        }
    }
    write(folder, "wide.ndjson", cells);
    let mut graph = String::new();
    for n in 0..1_200 {
        graph.push_str(&format!(
            "{{\"id\":\"n{n}\",\"kind\":\"k\",\"body\":{{\"n\":{n}}}}}\n"
        ));
    }
    for n in 1..1_200 {
        graph.push_str(&format!(
            "{{\"from\":\"n{n}\",\"kind\":\"to/{}\",\"to\":\"n{}\",\"at\":\"2024-01-01T00:00:00.00000{}Z\",\
             \"body\":null}}\n",
            n % 3, n / 2, n % 9 + 1
        ));
    }
    write(folder, "graph.ndjson", graph);
    let targets = ["kv/a b", "docs/a b", "wide/a b", "graph/a b"];
    for target in targets {
        let model = target.split('/').next().expect("a model");
        let told = done(folder, &["import", target, &format!("{model}.ndjson")]);
        assert_eq!(told["rejected"], 0, "{told}");
    }
    targets
}

#[test]
fn what_is_exported_can_be_imported_again_and_a_backup_has_all_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let targets = fill(folder);
    done(folder, &["backup", "all.backup"]);
    done(folder, &["restore", "all.backup", "--data-dir", "restored"]);
    for (target, count) in targets.into_iter().zip([2_501, 2_100, 1_200, 2_399]) {
        let before = exported(folder, target);
        assert_eq!(before.len(), count, "{target}");
        let model = target.split('/').next().expect("a model");
        let out = format!("{model}.out.ndjson.gz");
        let told = done(folder, &["export", target, "--out", &out]);
        assert_eq!(told["rows"], count, "{told}");
        let elsewhere = ["--data-dir", "elsewhere"];
        done(
            folder,
            &[&["import", target, &out], &elsewhere[..]].concat(),
        );
        for dir in ["elsewhere", "restored"] {
            let output = run(folder, &["export", target, "--data-dir", dir]);
            let found = text(&output.stdout);
            let normal = |line: &str| {
                serde_json::from_str::<Value>(line)
                    .expect("JSON")
                    .to_string()
            };
            let found: BTreeSet<String> = found.lines().map(normal).collect();
            assert!(found == before, "{target} in {dir}: {} lines", found.len());
        }
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

//! Key-values: what a record becomes, and what is refused, broken off, or too large.

use crate::support::{self, Server, json as done, refused};
use crate::{check, exported, write};
use serde_json::{Value, json};
use std::fs;

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

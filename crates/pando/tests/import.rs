//! Import through the real binary, and export of what it brought in: formats, rejects,
//! resumption, with a server and without one.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use support::{Server, json, migrate, refused, run, text};

const TABLE: &str = "create table t (
    id integer primary key, name text not null, amount numeric(6,2), at timestamptz,
    tags text[], stock integer default 7 check (stock >= 0));";
const ROWS: &str = "id,name,amount,at,tags\n\
    1,one,1.50,2024-01-01T00:00:00Z,{a}\n\
    2,\"two, and a half\",NA,,\"{a,b}\"\n\
    3,three,-3,2024-01-02T00:00:00+01:00,NA\n";

fn expected() -> Value {
    json!([
        { "id": 1, "name": "one", "amount": 1.50, "at": "2024-01-01T00:00:00+00:00", "tags": ["a"], "stock": 7 },
        { "id": 2, "name": "two, and a half", "amount": null, "at": null, "tags": ["a", "b"], "stock": 7 },
        { "id": 3, "name": "three", "amount": -3.00, "at": "2024-01-01T23:00:00+00:00", "tags": null, "stock": 7 },
    ])
}

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    folder
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).expect("a file");
}

fn rows(folder: &Path) -> Value {
    let out = folder.join("out.json");
    let _ = fs::remove_file(&out);
    json(folder, &["export", "tables/t", "--out", "out.json"]);
    serde_json::from_slice(&fs::read(out).expect("the export")).expect("JSON")
}

fn gzipped(content: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(content.as_bytes()).expect("memory");
    packed.finish().expect("memory")
}

fn zipped(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(*name, options).expect("memory");
        archive.write_all(content.as_bytes()).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}

/// One import of the same three rows in each form they may have.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let (head, tail) = ROWS.split_at(ROWS.find("2,\"two").expect("a row"));
    let second = format!(
        "{}{tail}",
        ROWS.lines()
            .next()
            .map(|h| format!("{h}\n"))
            .expect("a header")
    );
    let objects = [
        r#"{"id":1,"name":"one","amount":1.5,"at":"2024-01-01T00:00:00Z","tags":["a"]}"#,
        r#"{"id":2,"name":"two, and a half","tags":["a","b"],"amount":null}"#,
        r#"{"at":"2024-01-02T00:00:00+01:00","id":"3","name":"three","amount":"-3"}"#,
    ];
    vec![
        ("plain.csv", ROWS.into()),
        ("packed.csv.gz", gzipped(ROWS)),
        (
            "packed.zip",
            zipped(&[("a.csv", head), ("__MACOSX/a.csv", "x"), ("b.csv", &second)]),
        ),
        ("array.json", format!("[{}]", objects.join(",\n ")).into()),
        ("lines.ndjson", objects.join("\n").into()),
        ("packed.ndjson.gz", gzipped(&objects.join("\n"))),
        ("unnamed", ROWS.into()),
    ]
}

#[test]
fn every_form_gives_the_same_rows_with_a_server_and_without_one() {
    for served in [false, true] {
        for (name, content) in forms() {
            let folder = world();
            let _server = served.then(|| Server::start(folder.path()));
            write(folder.path(), name, content);
            let done = json(folder.path(), &["import", "tables/t", name, "--null", "NA"]);
            assert_eq!(
                (&done["rows"], &done["rejected"]),
                (&json!(3), &json!(0)),
                "{name}"
            );
            assert_eq!(rows(folder.path()), expected(), "{name}, served: {served}");
        }
    }
}

#[test]
fn json_in_csv_is_json_with_a_server_and_without_one() {
    let given = [
        ("1", r#"{"a": [1, "x"]}"#, json!({"a": [1, "x"]})),
        ("2", r#""text""#, json!("text")),
        ("3", "null", json!(null)),
        ("4", "", json!(null)),
    ];
    let mut file = String::from("id,about,log\r\n");
    for (id, text, _) in &given {
        // NULL is an empty field without quotation marks; with them it is a text, and no JSON.
        let field = match text.is_empty() {
            true => String::new(),
            false => format!("\"{}\"", text.replace('"', "\"\"")),
        };
        file.push_str(&format!("{id},{field},{field}\r\n"));
    }
    let expected: Vec<Value> = given
        .into_iter()
        .map(|(id, _, value)| json!({ "id": id, "about": value, "log": value }))
        .collect();
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        migrate(
            folder.path(),
            "create table t (id text primary key, about jsonb, log json);",
        );
        let _server = served.then(|| Server::start(folder.path()));
        write(folder.path(), "a.csv", &file);
        json(folder.path(), &["import", "tables/t", "a.csv"]);
        let mut rows = rows(folder.path());
        let rows = rows.as_array_mut().expect("rows");
        rows.sort_by_key(|row| row["id"].to_string());
        assert_eq!(*rows, expected, "served: {served}");
    }
}

#[test]
fn a_row_that_cannot_be_stored_stops_the_import_and_its_chunk_is_not_half_done() {
    for (row, reason) in [
        (
            "4,four,x,,,",
            "column amount: invalid input syntax for type numeric",
        ),
        ("4,four,1,,", "the row has 5 fields, its header 6"),
        ("4,,1,,,", "null value in column \"name\""),
        ("4,four,1,,,-1", "violates check constraint"),
        (
            "2,again,1,,,",
            "duplicate key value violates unique constraint \"t_pkey\"",
        ),
    ] {
        let folder = world();
        let mut file = String::from("id,name,amount,at,tags,stock\n");
        for id in 1..=3 {
            file.push_str(&format!("{id},n,1,,,1\n"));
        }
        file.push_str(row);
        file.push_str("\n5,five,1,,,1\n");
        write(folder.path(), "a.csv", &file);
        let args = ["import", "tables/t", "a.csv", "--chunk", "2"];
        let error = refused(folder.path(), &args, 1);
        assert!(error.contains("a.csv:5:"), "{row}: {error}");
        assert!(error.contains(reason), "{row}: {error}");
        let stored = rows(folder.path());
        assert_eq!(stored.as_array().map(Vec::len), Some(2), "{row}: {stored}");
    }
}

#[test]
fn skipped_rows_are_written_with_file_line_column_and_reason() {
    for served in [false, true] {
        let folder = world();
        let _server = served.then(|| Server::start(folder.path()));
        let mut file = String::from("id,name,stock\n");
        for id in 1..=100 {
            let (name, stock) = match id {
                20 => ("", "1"),
                50 => ("n", "-1"),
                60 => ("n", "many"),
                _ => ("n", "1"),
            };
            file.push_str(&format!("{id},{name},{stock}\n"));
        }
        file.push_str("7,again,1\n");
        write(folder.path(), "a.csv", &file);
        let done = json(
            folder.path(),
            &[
                "import",
                "tables/t",
                "a.csv",
                "--on-error",
                "skip",
                "--rejects",
                "r",
                "--chunk",
                "33",
            ],
        );
        assert_eq!(
            (&done["rows"], &done["rejected"]),
            (&json!(97), &json!(4)),
            "{served}"
        );
        let rejects = fs::read_to_string(folder.path().join("r")).expect("rejects");
        let rejects: Vec<Value> = rejects
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let mut lines: Vec<u64> = rejects.iter().filter_map(|r| r["line"].as_u64()).collect();
        lines.sort_unstable();
        assert_eq!(lines, [21, 51, 61, 102], "{served}");
        for reject in &rejects {
            assert_eq!(reject["file"], "a.csv");
            assert!(
                reject["reason"]
                    .as_str()
                    .is_some_and(|reason| !reason.is_empty())
            );
        }
        assert_eq!(rows(folder.path()).as_array().map(Vec::len), Some(97));
    }
}

#[test]
fn a_stopped_import_goes_on_behind_its_last_chunk() {
    for served in [false, true] {
        let folder = world();
        let _server = served.then(|| Server::start(folder.path()));
        let mut file = String::from("id,name\n");
        for id in 1..=50 {
            file.push_str(&format!("{id},{}\n", if id == 35 { "" } else { "n" }));
        }
        write(folder.path(), "a.csv", &file);
        let import = ["import", "tables/t", "a.csv", "--chunk", "10"];
        refused(folder.path(), &import, 1);
        assert_eq!(rows(folder.path()).as_array().map(Vec::len), Some(30));
        let mut resume = import.to_vec();
        resume.extend(["--resume", "--on-error", "skip"]);
        let done = json(folder.path(), &resume);
        assert_eq!(done["resumed_at"], 30, "{served}: {done}");
        assert_eq!(
            (&done["rows"], &done["rejected"]),
            (&json!(49), &json!(1)),
            "{served}"
        );
        let again = json(folder.path(), &resume);
        assert_eq!(again["rows"], 49, "nothing is imported twice");
        assert_eq!(rows(folder.path()).as_array().map(Vec::len), Some(49));
    }
}

#[test]
fn an_import_that_is_killed_goes_on_and_has_every_row_once() {
    let folder = world();
    let rows_in_all = 20_000;
    let mut file = String::from("id,name\n");
    for id in 1..=rows_in_all {
        file.push_str(&format!("{id},n\n"));
    }
    write(folder.path(), "a.csv", &file);
    let import = ["import", "tables/t", "a.csv", "--chunk", "20"];
    for round in 0..3u64 {
        let mut resume = import.to_vec();
        if round > 0 {
            resume.push("--resume");
        }
        let mut child = support::pando(folder.path())
            .args(&resume)
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary starts");
        // A moment by what was written, not by the clock.
        let wal = folder.path().join("data/pando.db-wal");
        let enough = (round + 1) * 150_000;
        while fs::metadata(&wal).map_or(0, |wal| wal.len()) < enough {
            if child.try_wait().expect("its status").is_some() {
                break;
            }
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }
    let mut resume = import.to_vec();
    resume.push("--resume");
    let done = json(folder.path(), &resume);
    assert_eq!(done["rows"], rows_in_all, "{done}");
    assert_eq!(
        rows(folder.path()).as_array().map(Vec::len),
        Some(rows_in_all)
    );
}

#[test]
fn what_is_exported_can_be_imported_again() {
    for format in ["csv", "json", "ndjson", "csv.gz", "ndjson.gz"] {
        let folder = world();
        // The empty text is no NULL, which the column would refuse.
        let mut file = String::from("id,name,tags\n0,\"\",\n");
        for id in 1..=2_500 {
            file.push_str(&format!("{id},\"n \"\"{id}\"\"\",\"{{x,y}}\"\n"));
        }
        write(folder.path(), "a.csv", &file);
        json(folder.path(), &["import", "tables/t", "a.csv"]);
        let out = format!("copy.{format}");
        let done = json(folder.path(), &["export", "tables/t", "--out", &out]);
        assert_eq!(done["rows"], 2_501, "{format}");
        let other = world();
        let from = folder.path().join(&out);
        let from = from.to_str().expect("UTF-8");
        json(other.path(), &["import", "tables/t", from]);
        assert_eq!(rows(folder.path()), rows(other.path()), "{format}");
    }
}

#[test]
fn wrong_usage_is_told_before_anything_is_done() {
    for served in [false, true] {
        let folder = world();
        let _server = served.then(|| Server::start(folder.path()));
        check_wrong_usage(folder.path());
    }
}

fn check_wrong_usage(folder: &Path) {
    write(folder, "a.csv", "id,nam\n1,x\n");
    for (args, status, words) in [
        (vec!["import", "maps/x", "a.csv"], 2, "write tables/NAME"),
        (vec!["import", "tables/t", "nowhere.csv"], 1, "nowhere.csv"),
        (
            vec!["import", "tables/nope", "a.csv"],
            1,
            "there is no table nope",
        ),
        (vec!["import", "tables/t", "a.csv"], 1, "--map name=nam"),
        (
            vec!["import", "tables/t", "a.csv", "--on-error", "skip"],
            1,
            "--map name=nam",
        ),
        (
            vec!["import", "tables/t", "a.csv", "--map", "x"],
            2,
            "COLUMN=HEADER",
        ),
        (vec!["export", "tables/t", "--out", "x.xml"], 2, ".ndjson"),
    ] {
        let error = refused(folder, &args, status);
        assert!(error.contains(words), "{args:?}: {error}");
    }
    let done = json(
        folder,
        &["import", "tables/t", "a.csv", "--map", "name=nam"],
    );
    assert_eq!(done["rows"], 1);
    let shown = run(folder, &["export", "tables/t"]);
    assert!(
        text(&shown.stdout).starts_with("{\"id\":1,\"name\":\"x\""),
        "{shown:?}"
    );
}

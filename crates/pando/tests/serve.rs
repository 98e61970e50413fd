//! A server's life through the real binary: the first start, keys and loopback,
//! reload, drain, and what does not start.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use support::{Connection, Server, json, migrate, pando, refused, run, text};

const TABLE: &str = "create table t (id bigint primary key, note text);";

#[test]
fn the_first_start_needs_nothing_and_leaves_a_root_key_that_is_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = pando(folder.path());
    let child = command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let key = folder.path().join("data/root.key");
    let announced = folder.path().join("data/server.json");
    while !announced.exists() {
        thread::yield_now();
    }
    let secret = std::fs::read_to_string(&key).expect("a root key");
    let mode = std::fs::metadata(&key)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let pid = child.id().to_string();
    std::process::Command::new("kill")
        .arg(pid)
        .status()
        .expect("kill(1)");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(told.contains("http://127.0.0.1:"), "{told}");
    assert!(told.contains("data/root.key"), "{told}");
    assert!(!told.contains(secret.trim()), "the key is in the output");
}

#[test]
fn on_loopback_no_key_is_needed_and_a_web_page_elsewhere_is_kept_out() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    let server = Server::start(folder.path());
    for (headers, status) in [
        ("", 200),
        ("Host: localhost:8080\r\n", 200),
        ("Host: rebound.example\r\n", 403),
        ("Origin: https://elsewhere.example\r\n", 403),
    ] {
        let answer = server.connect().ask("GET", "/rest/v1/t", headers, "");
        assert_eq!(answer.status, status, "{headers}: {answer:?}");
    }
}

#[test]
fn elsewhere_a_key_is_needed_and_scopes_and_revocation_count() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    let server = Server::start_with(folder.path(), &["--listen", "0.0.0.0:0"], &[]);
    let address = format!("127.0.0.1:{}", server.address.port());
    let connect = || Connection::to(address.parse().expect("an address"));
    let bearer = |key: &str| format!("Authorization: Bearer {key}\r\n");
    assert_eq!(connect().ask("GET", "/rest/v1/t", "", "").status, 401);
    let made = json(
        folder.path(),
        &["keys", "create", "--name", "reader", "--scope", "rest:read"],
    );
    let reader = bearer(made["key"].as_str().expect("a key"));
    assert_eq!(connect().ask("GET", "/rest/v1/t", &reader, "").status, 200);
    let refused = connect().ask("POST", "/rest/v1/t", &reader, "{\"id\":1}");
    assert_eq!(refused.status, 403, "{refused:?}");
    let id = made["id"].as_str().expect("an id");
    json(folder.path(), &["keys", "revoke", id, "--yes"]);
    assert_eq!(connect().ask("GET", "/rest/v1/t", &reader, "").status, 401);
    let keys = json(folder.path(), &["keys", "list"]);
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_drain_loses_no_request_that_was_answered_and_ends_with_status_0() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    let server = Server::start(folder.path());
    let address = server.address;
    let began = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8u64)
        .map(|writer| {
            let began = Arc::clone(&began);
            thread::spawn(move || {
                let mut connection = Connection::to(address);
                let mut answered = Vec::new();
                for turn in 0.. {
                    let id = writer * 1_000_000 + turn;
                    let body = format!("{{\"id\":{id}}}");
                    let Ok(answer) = connection.try_ask("POST", "/rest/v1/t", "", &body) else {
                        break;
                    };
                    assert_eq!(answer.status, 201, "{answer:?}");
                    answered.push(id);
                    began.store(true, Ordering::SeqCst);
                    if answer.head.to_lowercase().contains("connection: close") {
                        break;
                    }
                }
                answered
            })
        })
        .collect();
    while !began.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let answered: Vec<u64> = writers
        .into_iter()
        .flat_map(|writer| writer.join().expect("a writer"))
        .collect();
    let server = Server::start(folder.path());
    let mut connection = server.connect();
    for id in answered {
        let row = connection.ask("GET", &format!("/rest/v1/t?id=eq.{id}"), "", "");
        assert_eq!(row.json().as_array().map(Vec::len), Some(1), "{id}");
    }
}

#[test]
fn a_second_server_on_the_same_data_or_port_is_told_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let error = refused(folder.path(), &["serve", "--listen", "127.0.0.1:0"], 1);
    assert!(error.contains("serves the data in data already"), "{error}");
    assert!(error.contains("--data-dir"), "{error}");
    let taken = server.address.to_string();
    let error = refused(
        folder.path(),
        &["serve", "--data-dir", "other", "--listen", &taken],
        1,
    );
    assert!(error.contains("cannot listen on"), "{error}");
    assert!(error.contains("--listen"), "{error}");
}

#[test]
fn a_damaged_file_is_refused_with_the_way_out_and_a_restore_takes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    let server = Server::start(folder.path());
    let made = server
        .connect()
        .ask("POST", "/rest/v1/t", "", "{\"id\":1,\"note\":\"a\"}");
    assert_eq!(made.status, 201, "{made:?}");
    json(folder.path(), &["backup", "good.backup"]);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));

    let file = folder.path().join("data/pando.db");
    let mut bytes = std::fs::read(&file).expect("the data");
    for byte in bytes.iter_mut().skip(100).take(8_000) {
        *byte ^= 0x5A;
    }
    std::fs::write(&file, &bytes).expect("the data");
    let error = refused(folder.path(), &["serve", "--listen", "127.0.0.1:0"], 1);
    assert!(error.contains("damaged"), "{error}");
    assert!(error.contains("pando restore"), "{error}");

    let error = refused(folder.path(), &["restore", "good.backup"], 1);
    assert!(error.contains("--yes"), "{error}");
    json(folder.path(), &["restore", "good.backup", "--yes"]);
    let server = Server::start(folder.path());
    let rows = server.connect().ask("GET", "/rest/v1/t", "", "").json();
    assert_eq!(rows, json!([{ "id": 1, "note": "a" }]));
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    json(folder.path(), &["backup", "a.backup"]);
    let path = folder.path().join("a.backup");
    let whole = std::fs::read(&path).expect("the backup");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &flipped, b"not a backup at all"] {
        std::fs::write(&path, damaged).expect("a file");
        let args = ["restore", "a.backup", "--data-dir", "restored"];
        let error = refused(folder.path(), &args, 1);
        assert!(error.contains("cannot be restored"), "{error}");
        assert!(!folder.path().join("restored/pando.db").exists());
    }
}

#[test]
fn a_reload_takes_what_can_change_and_keeps_the_old_when_it_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), TABLE);
    let file = folder.path().join("pando.toml");
    std::fs::write(&file, "[auth]\nrequired = false\n").expect("a file");
    let server = Server::start(folder.path());
    let root = std::fs::read_to_string(folder.path().join("data/root.key")).expect("a key");
    let root = format!("Authorization: Bearer {}\r\n", root.trim());
    let reload = || server.connect().ask("POST", "/admin/v1/reload", &root, "");
    std::fs::write(&file, "[auth]\nrequired = true\n[limits]\nmax_rows = 5\n").expect("a file");
    let answer = reload().json();
    assert_eq!(answer["taken"], json!(["auth.required"]));
    assert_eq!(answer["waiting"], json!(["limits.max_rows"]));
    assert_eq!(
        server.connect().ask("GET", "/rest/v1/t", "", "").status,
        401
    );
    std::fs::write(&file, "[auth]\nrequird = false\n").expect("a file");
    let refused = reload();
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.contains("auth.required"), "{refused:?}");
    assert_eq!(
        server.connect().ask("GET", "/rest/v1/t", "", "").status,
        401
    );
}

#[test]
fn commands_work_with_a_server_and_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = refused(folder.path(), &["status"], 1);
    assert!(error.contains("there is no data"), "{error}");
    migrate(folder.path(), TABLE);
    let alone = json(folder.path(), &["status"]);
    assert_eq!(alone["phase"], "not running");
    let server = Server::start(folder.path());
    let served = json(folder.path(), &["status"]);
    assert_eq!(served["phase"], "serving");
    assert_eq!(alone["schema"], served["schema"]);
    std::fs::write(
        folder.path().join("migrations/0002_more.sql"),
        "alter table t add column more text;",
    )
    .expect("a file");
    let migrated = json(folder.path(), &["migrate"]);
    assert_eq!(migrated["files"][1]["status"], "applied");
    let document = run(folder.path(), &["generate", "openapi"]);
    assert!(text(&document.stdout).contains("\"more\""));
    let findings = json(folder.path(), &["doctor"]);
    assert_eq!(findings["failed"], 0, "{findings}");
    drop(server);
}

#[test]
fn data_that_cannot_be_looked_at_is_not_said_to_be_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    migrate(folder.path(), "create table t (id integer primary key);");
    // As on a file system that is mounted to be read: there is no lock to be had.
    let lock = folder.path().join("data/lock");
    std::fs::remove_file(&lock).expect("there is one");
    std::fs::create_dir(&lock).expect("a folder");
    let findings = json(folder.path(), &["doctor"]);
    let findings = findings["findings"].as_array().expect("a list").clone();
    let integrity = findings
        .iter()
        .find(|finding| finding["check"] == "integrity")
        .expect("it is told");
    assert_eq!(integrity["severity"], "warn", "{integrity}");
    let told = integrity.to_string();
    assert!(
        told.contains("not checked: ") && !told.contains("restore"),
        "{told}"
    );
}

#[test]
fn a_migration_that_is_refused_tells_file_line_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).expect("a folder");
    std::fs::write(
        migrations.join("0001_a.sql"),
        "create table t (\n  a mony\n);\n",
    )
    .expect("a file");
    let error = refused(folder.path(), &["migrate"], 1);
    assert!(error.contains("0001_a.sql:2:"), "{error}");
    let error = refused(folder.path(), &["migrate", "--dir", "nowhere"], 1);
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn looking_at_data_makes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [
        &["keys", "list"][..],
        &["keys", "revoke", "k", "--yes"],
        &["status"],
        &["export", "tables/t"],
    ] {
        let told = support::refused(folder.path(), args, 1);
        assert!(told.contains("there is no data in data"), "{told}");
        assert!(!folder.path().join("data").exists(), "{args:?}");
    }
}

#[test]
fn a_failure_that_nobody_reads_still_has_its_status() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, status) in [(&["status"][..], 1), (&["restore", "nothing"], 1)] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = pando(folder.path());
        let ended = command.args(args).stderr(writer).status();
        assert_eq!(ended.expect("the binary starts").code(), Some(status));
    }
}

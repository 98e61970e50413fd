//! A listener that is taken out of the configuration, and what it leaves behind.

use crate::application::{Application, PATIENCE, Told};
use crate::database::{Database, root_key};
use crate::site::TABLES;
use crate::support::{Answer, Server, json, migrate, refused};
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

const FORGET: &str = "/admin/v1/listeners/search/forget";

fn listener(application: &Application) -> String {
    let url = application.url("/changed");
    format!("[listeners.search]\non = [\"rest/orders\"]\nurl = \"{url}\"\nattempts = 1\n")
}

fn ask(server: &Server, key: &str, method: &str, path: &str, body: &str) -> Answer {
    server.connect().ask(method, path, key, body)
}

/// Stores a row, and waits until its listener has refused to hear of it.
fn leave_something(server: &Server, key: &str) {
    let stored = ask(server, key, "POST", "/rest/v1/orders", r#"{"id": 1}"#);
    assert_eq!(stored.status, 201, "{stored:?}");
    let until = Instant::now() + PATIENCE;
    loop {
        let depth = ask(server, key, "GET", "/queue/v1/listener.search", "").json();
        if depth["dead"] == 1 {
            return;
        }
        assert!(Instant::now() < until, "{depth}");
        std::thread::yield_now();
    }
}

fn stop(server: Server) {
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
}

/// Stops a server and starts it without the listener.
fn start_without(server: Server, folder: &Path) -> Server {
    stop(server);
    let path = folder.join("pando.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once("[listeners.search]").unwrap();
    std::fs::write(&path, before).unwrap();
    Server::start(folder)
}

#[test]
fn a_listener_that_is_no_more_is_forgotten_and_one_that_is_there_is_not() {
    let application = Application::start(|_| Told::status("500 Oh"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("pando.toml"), listener(&application)).unwrap();
    migrate(folder, TABLES);
    let server = Server::start(folder);
    leave_something(&server, "");
    let there = ask(&server, "", "POST", FORGET, "");
    assert_eq!(there.status, 409, "{there:?}");
    assert_eq!(there.json()["code"], "listener_declared");
    let never = refused(folder, &["listeners", "forget", "serach", "--yes"], 1);
    assert!(
        never.contains("no listener \"serach\" was ever told"),
        "{never}"
    );
    assert!(never.contains("No listener is left to forget"), "{never}");
    let error = refused(folder, &["listeners", "forget", "search"], 2);
    assert!(error.contains("--yes"), "{error}");
    let server = start_without(server, folder);
    let left = |folder: &Path| json(folder, &["queue", "list"])["queues"].clone();
    assert_eq!(left(folder)[0]["name"], "listener.search");
    let never = refused(folder, &["listeners", "forget", "serach", "--yes"], 1);
    assert!(never.contains("Left to forget: search."), "{never}");
    assert!(never.contains("pando listeners forget search"), "{never}");
    let forgotten = json(folder, &["listeners", "forget", "search", "--yes"]);
    assert_eq!(
        (&forgotten["removed"], &forgotten["journal"]),
        (&1.into(), &"ended".into())
    );
    assert_eq!(left(folder), Value::Array(Vec::new()));
    let twice = ask(&server, "", "POST", FORGET, "");
    assert_eq!(twice.status, 404, "{twice:?}");
    assert_eq!(twice.json()["code"], "no_such_listener");
    assert_eq!(ask(&server, "", "DELETE", FORGET, "").status, 405);
    assert_eq!(
        ask(&server, "", "POST", "/admin/v1/listeners/a%00/forget", "").status,
        400
    );
    stop(server);
    // Where no server runs the command goes by its own configuration.
    std::fs::write(folder.join("pando.toml"), listener(&application)).unwrap();
    let error = refused(folder, &["listeners", "forget", "search", "--yes"], 1);
    assert!(error.contains("[listeners.search]"), "{error}");
    assert_eq!(json(folder, &["listeners", "list"])[0]["name"], "search");
}

#[test]
fn one_that_nothing_was_committed_for_can_be_forgotten_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let nowhere = "[listeners.search]\non = [\"docs/a\"]\nurl = \"http://127.0.0.1:1/\"\n";
    std::fs::write(folder.join("pando.toml"), nowhere).unwrap();
    let server = start_without(Server::start(folder), folder);
    let forgotten = ask(&server, "", "POST", FORGET, "");
    assert_eq!(forgotten.status, 200, "{forgotten:?}");
    assert_eq!(forgotten.json()["removed"], 0, "{forgotten:?}");
}

#[test]
fn one_of_any_phase_that_is_in_the_configuration_is_refused_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let phases = ["after-commit", "before-commit", "after-rollback"];
    let listeners = phases.map(|phase| {
        format!(
            "[listeners.{phase}]\nphase = \"{phase}\"\non = [\"docs/a\"]\nurl = \"http://127.0.0.1:1/\"\n"
        )
    });
    std::fs::write(folder.join("pando.toml"), listeners.concat()).unwrap();
    stop(Server::start(folder));
    let check = || {
        for phase in phases {
            let error = refused(folder, &["listeners", "forget", phase, "--yes"], 1);
            let says = format!("the listener {phase:?} is in the configuration of this process");
            assert!(error.contains(&says), "{error}");
            assert!(
                error.contains(&format!("Take [listeners.{phase}] out")),
                "{error}"
            );
        }
        let listed = json(folder, &["listeners", "list"]);
        assert_eq!(listed.as_array().unwrap().len(), 3, "{listed}");
    };
    // Where no server runs, and where one does.
    check();
    let server = Server::start(folder);
    check();
    stop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_several_processes_ends_once_nobody_hears_of_commits() {
    let application = Application::start(|_| Told::status("500 Oh"));
    let database = Database::start().await;
    database.write_migration("0001_tables.sql", TABLES);
    let folder = database.folder(&listener(&application));
    let server = Server::start(&folder);
    let key = root_key(&folder);
    leave_something(&server, &key);
    let other = Server::start(&database.folder(""));
    let while_heard = ask(&other, &key, "POST", FORGET, "").json();
    assert_eq!(while_heard["journal"], "kept", "{while_heard}");
    let server = start_without(server, &folder);
    let until = Instant::now() + PATIENCE;
    // Who took it in last has his turn to its end.
    while ask(&server, &key, "POST", FORGET, "").json()["journal"] != "ended" {
        assert!(Instant::now() < until, "the journal goes on");
        std::thread::yield_now();
    }
    let followed = "select count(*) from _pando_follower where name = 'listeners'";
    assert_eq!(database.sql(followed).await, "0");
}

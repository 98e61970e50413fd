//! What one process changes the others know of within a second, without being asked.

use super::database::{Database, root_key, serve};
use super::support::{Answer, Server, json as command};
use serde_json::json;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(1);

/// Asks every process until its answer is as wanted; each has a second from now on.
fn soon(servers: &[Server], what: &str, ask: impl Fn(&Server) -> Answer, wanted: u16) {
    let began = Instant::now();
    for server in servers {
        loop {
            let answer = ask(server);
            if answer.status == wanted {
                break;
            }
            assert!(began.elapsed() < SOON, "{what}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_reaches_every_process() {
    let database = Database::start().await;
    database.write_migration("0001_orders.sql", super::TABLE);
    let folders = [0, 1, 2].map(|_| database.folder(""));
    let servers = folders.each_ref().map(|folder| serve(folder));
    let key = root_key(&folders[0]);
    let read = |server: &Server| server.connect().ask("GET", "/rest/v1/items", &key, "");
    soon(&servers, "before", read, 404);
    database.write_migration(
        "0002_items.sql",
        "create table items (id bigint primary key);",
    );
    // From a folder of its own, beside them.
    let report = command(&database.folder(""), &["migrate"]);
    assert_eq!(report["files"][1]["status"], "applied", "{report}");
    soon(&servers, "a table", read, 200);
    // A row that is written by a plan for the schema as it was is planned again.
    database.write_migration(
        "0003_note.sql",
        "alter table items add column note text default 'n';",
    );
    command(&folders[1], &["migrate"]);
    for (n, server) in servers.iter().enumerate() {
        let body = json!({ "id": n }).to_string();
        let answer = server.connect().ask("POST", "/rest/v1/items", &key, &body);
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let notes = database
        .sql("SELECT count(*) FROM items WHERE note = 'n'")
        .await;
    assert_eq!(notes, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_open_and_are_refused_everywhere() {
    let database = Database::start().await;
    let folders = [0, 1, 2].map(|_| database.folder(""));
    let servers = folders.each_ref().map(|folder| serve(folder));
    let root = root_key(&folders[0]);
    for round in 0..3 {
        let maker = &servers[round];
        let body = json!({ "name": "app", "scopes": "kv:read" }).to_string();
        let made = maker.connect().ask("POST", "/admin/v1/keys", &root, &body);
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let secret = made["key"].as_str().expect("its secret");
        let key = format!("Authorization: Bearer {secret}\r\n");
        let read = |server: &Server| server.connect().ask("GET", "/kv/v1/space/none", &key, "");
        soon(&servers, "a new key", read, 404);
        let path = format!("/admin/v1/keys/{}", made["id"].as_str().expect("its id"));
        let other = &servers[(round + 1) % 3];
        assert_eq!(other.connect().ask("DELETE", &path, &root, "").status, 204);
        soon(&servers, "a revoked key", read, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_searched_everywhere_by_what_one_process_declares() {
    let database = Database::start().await;
    let folders = [0, 1, 2].map(|_| database.folder(""));
    let mut servers: Vec<Server> = folders.iter().map(|folder| serve(folder)).collect();
    let key = root_key(&folders[0]);
    let put = |server: &Server, id: usize| {
        let body = json!({ "text": format!("word w{id}") }).to_string();
        let path = format!("/docs/v1/notes/{id}");
        let answer = server.connect().ask("PUT", &path, &key, &body);
        assert!(answer.status < 300, "{answer:?}");
    };
    for id in 0..100 {
        put(&servers[id % 3], id);
    }
    drop(servers.remove(0));
    let file = folders[0].join("pando.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    let declared = format!("{text}[docs.notes]\nsearch = [\"text\"]\n");
    std::fs::write(&file, declared).expect("the file");
    servers.push(serve(&folders[0]));
    // Those which have not declared it store their documents by it from the first one on.
    for id in 100..130 {
        put(&servers[id % 3], id);
    }
    let search = "/docs/v1/notes?search=word&limit=1000";
    let began = Instant::now();
    for server in &servers {
        loop {
            let answer = server.connect().ask("GET", search, &key, "");
            if answer.status == 200 {
                let found = answer.json();
                let found = found.as_array().expect("a list").len();
                assert_eq!(found, 130, "{answer:?}");
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{answer:?}");
        }
    }
}

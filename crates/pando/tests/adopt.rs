//! `pando adopt` on a real PostgreSQL: what it says, and what it leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod support;

use pando_cluster::Postgres;
use serde_json::json as value;
use std::path::Path;
use support::{Server, json, refused, run, text};

const SHOP: &str = "
CREATE TYPE state AS ENUM ('new', 'sent');
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE parcels (id bigint PRIMARY KEY, state state);
CREATE TABLE weights (id bigint PRIMARY KEY, kg double precision);
INSERT INTO weights VALUES (1, 'NaN'), (2, 2);
CREATE VIEW names AS SELECT name FROM customers;
";

const REPORT: &str = "shop, schema public

customers fits

parcels does not fit
  - state is state, which Pando does not have
      ALTER TABLE parcels ALTER COLUMN state TYPE text USING state::text, ADD CHECK (state IN ('new', 'sent'));

weights fits, with notes
  - kg: 1 of 2 rows hold a value of type double precision that Pando does not have; reading such a row is refused
      SELECT * FROM weights WHERE kg IN ('NaN', 'Infinity', '-Infinity');

Not served:
  - names is a view: embed related tables in a request instead

2 of 3 tables fit and are not served yet.
Nothing was written.
";

const RULES: &str = "
CREATE TABLE rooms (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE bookings (
    id bigint PRIMARY KEY,
    room integer NOT NULL REFERENCES rooms,
    weight double precision,
    changed text,
    CONSTRAINT one_at_a_time EXCLUDE (room WITH =)
);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id = 13 THEN RAISE EXCEPTION 'not this one' USING HINT = 'Take another.'; END IF;
    NEW.changed := 'touched';
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO rooms VALUES (1, 'Blue'), (2, 'Red');
INSERT INTO bookings (id, room, weight) VALUES (1, 1, 'NaN');
";

/// Requests that the database's own rules refuse, and how they are told.
const REFUSED: [(&str, &str, &str, u16, &str); 6] = [
    (
        "POST",
        "/rest/v1/bookings",
        r#"{"id":3,"room":2}"#,
        400,
        "23P01",
    ),
    (
        "POST",
        "/rest/v1/bookings",
        r#"{"id":3,"room":9}"#,
        409,
        "23503",
    ),
    (
        "POST",
        "/rest/v1/bookings",
        r#"{"id":13,"room":9}"#,
        400,
        "P0001",
    ),
    (
        "POST",
        "/rest/v1/bookings",
        r#"{"id":2,"room":3}"#,
        409,
        "23505",
    ),
    ("DELETE", "/rest/v1/rooms?id=eq.2", "", 409, "23503"),
    ("GET", "/rest/v1/bookings?id=eq.1", "", 400, "22003"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_database_is_served_over_http() {
    let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
    postgres.sql("CREATE DATABASE shop").await.unwrap();
    postgres.sql_in("shop", RULES).await.unwrap();
    let url = format!("postgres://postgres@{}/shop", postgres.address());
    let folder = tempfile::tempdir().expect("a folder");
    let adopted = json(folder.path(), &["adopt", &url, "--yes"]);
    let config = adopted["config"].as_str().unwrap();
    std::fs::write(folder.path().join("pando.toml"), config).unwrap();
    let server = Server::start(folder.path());
    let mut client = server.connect();

    let rooms = client.ask(
        "GET",
        "/rest/v1/rooms?select=name,bookings(id)&order=id",
        "",
        "",
    );
    let expected =
        value!([{"name": "Blue", "bookings": [{"id": 1}]}, {"name": "Red", "bookings": []}]);
    assert_eq!(rooms.json(), expected);
    let returned = "Prefer: return=representation\r\n";
    let made = client.ask(
        "POST",
        "/rest/v1/bookings",
        returned,
        r#"{"id":2,"room":2}"#,
    );
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()[0]["changed"], "touched");
    assert_eq!(
        postgres
            .sql_in("shop", "SELECT changed FROM bookings WHERE id = 2")
            .await
            .unwrap(),
        "touched"
    );
    for (method, path, body, status, code) in REFUSED {
        let answer = client.ask(method, path, "", body);
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (status, Some(code)),
            "{answer:?}"
        );
    }
    let batch = r#"{"ops":[
        {"method":"POST","path":"/rest/v1/rooms","body":{"id":3,"name":"Green"}},
        {"method":"POST","path":"/rest/v1/bookings","body":{"id":4,"room":2}}]}"#;
    let batch = client.ask("POST", "/tx/v1", "", batch);
    assert_eq!(
        (batch.status, batch.json()["code"].as_str()),
        (400, Some("23P01")),
        "{batch:?}"
    );
    assert_eq!(
        postgres
            .sql_in("shop", "SELECT count(*) FROM rooms")
            .await
            .unwrap(),
        "2"
    );
    assert_eq!(
        client
            .ask("GET", "/rest/v1/rooms?select=id&id=eq.2", "", "")
            .json(),
        value!([{"id": 2}])
    );
}

async fn pandos(postgres: &Postgres) -> String {
    let count = "SELECT count(*) FROM pg_class WHERE relname LIKE '\\_pando\\_%' AND relkind = 'r'";
    postgres.sql_in("shop", count).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_looked_at_adopted_and_let_go() {
    let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
    postgres.sql("CREATE DATABASE shop").await.unwrap();
    postgres.sql_in("shop", SHOP).await.unwrap();
    let url = format!("postgres://postgres@{}/shop", postgres.address());
    let folder = tempfile::tempdir().expect("a folder");
    let folder: &Path = folder.path();

    let looked = run(folder, &["adopt", &url, "--dry-run", "--check-rows"]);
    assert_eq!(text(&looked.stdout), REPORT);
    let unsaid = refused(folder, &["adopt", &url], 1);
    assert!(
        unsaid.contains("nothing was written") && unsaid.contains("--yes"),
        "{unsaid}"
    );
    let unknown = refused(folder, &["adopt", &url, "--table", "nobody"], 2);
    assert!(unknown.contains("customers, parcels, weights"), "{unknown}");
    let placed = refused(folder, &["adopt", &url, "--place", "customers"], 2);
    assert!(placed.contains("order_lines=order_id"), "{placed}");
    let secret = url.replace("postgres@", "postgres:hush@");
    let told = refused(folder, &["adopt", &secret, "--yes"], 1);
    assert!(
        told.contains("password") && !told.contains("hush"),
        "{told}"
    );
    assert_eq!(pandos(&postgres).await, "0");

    let adopted = json(folder, &["adopt", &url, "--table", "customers", "--yes"]);
    assert_eq!(adopted["schema_version"], 2, "{adopted}");
    assert_eq!(adopted["tables"][0]["verdict"], "fits");
    let config = adopted["config"].as_str().unwrap();
    let read: toml::Value = toml::from_str(config).unwrap();
    assert_eq!(
        read["store"]["postgres"]["url"].as_str(),
        Some(url.as_str())
    );
    assert_ne!(pandos(&postgres).await, "0");

    let again = json(folder, &["adopt", &url, "--yes"]);
    let verdicts: Vec<_> = again["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["verdict"])
        .collect();
    assert_eq!(verdicts, ["served", "does_not_fit", "fits"]);
    let nothing = refused(folder, &["adopt", &url, "--yes"], 1);
    assert!(nothing.contains("no table that fits"), "{nothing}");

    let undone = json(folder, &["adopt", &url, "--undo", "--yes"]);
    assert_eq!(undone["left"], serde_json::json!([]));
    assert_eq!(pandos(&postgres).await, "0");
    assert_eq!(
        postgres
            .sql_in("shop", "SELECT count(*) FROM weights")
            .await
            .unwrap(),
        "2"
    );
}

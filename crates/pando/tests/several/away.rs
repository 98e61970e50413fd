//! What callers are told while PostgreSQL is away, and afterwards.

use super::database::{Database, root_key, serve};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long a write may wait for a primary.
const BUFFER: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_for_the_buffers_time_is_told_503_and_is_done_once_when_it_is_sent_again() {
    let database = Database::start().await;
    database.write_migration("0001_orders.sql", super::TABLE);
    let folder = database.folder("write_buffer = \"1s\"\n");
    let server = serve(&folder);
    let key = root_key(&folder);
    let mut connection = server.connect();
    let mut insert = |note: &str| {
        let headers = format!("{key}Idempotency-Key: {note}\r\n");
        let body = json!({ "note": note }).to_string();
        connection.ask("POST", "/rest/v1/orders", &headers, &body)
    };
    assert_eq!(insert("before").status, 201);
    database.postgres.kill().await.expect("killed");
    // The first may have been on its way already: what became of it can be asked by its key.
    insert("on its way");
    for _ in 0..2 {
        let begun = Instant::now();
        let answer = insert("during");
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(begun.elapsed() >= BUFFER, "{:?}", begun.elapsed());
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        assert!(!answer.body.contains("outcome_unknown"), "{answer:?}");
    }
    database.postgres.start().await.expect("it starts again");
    let deadline = Instant::now() + Duration::from_secs(30);
    while insert("during").status == 503 {
        assert!(Instant::now() < deadline, "no write is taken any more");
    }
    assert_eq!(insert("on its way").status, 201);
    for note in ["before", "during", "on its way"] {
        assert_eq!(insert(note).status, 201, "the answer to {note} is kept");
    }
    let found = "SELECT string_agg(note, ', ' ORDER BY note) FROM orders";
    assert_eq!(database.sql(found).await, "before, during, on its way");
}

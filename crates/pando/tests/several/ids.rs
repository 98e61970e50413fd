//! Ids of several processes, some of which are paused for longer than their node numbers are
//! theirs.

use super::database::{Database, root_key, serve};
use super::support::Server;
use serde_json::json;

/// Milliseconds since ids begin to count.
const NOW_MS: &str = "(extract(epoch FROM clock_timestamp()) * 1000 - 1704067200000)::bigint";
const ROWS: usize = 40;

fn insert(server: &Server, key: &str, rows: usize) -> u16 {
    let rows: Vec<_> = (0..rows)
        .map(|n| json!({ "note": n.to_string() }))
        .collect();
    let body = serde_json::Value::from(rows).to_string();
    let mut connection = server.connect();
    connection.ask("POST", "/rest/v1/orders", key, &body).status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_paused_makes_no_id_of_its_node_numbers_next_holder() {
    let database = Database::start().await;
    database.write_migration("0001_orders.sql", super::TABLE);
    let folders = [0, 1].map(|_| database.folder(""));
    let [paused, other] = folders.each_ref().map(|folder| serve(folder));
    let key = root_key(&folders[0]);
    assert_eq!(insert(&paused, &key, ROWS), 201);
    let held = database.sql("SELECT first FROM _pando_node").await;
    // All groups but that one are in use, as it seems.
    let others = format!(
        "INSERT INTO _pando_node (_pando_slot, first, ids_below_ms, leased_at) \
         SELECT _pando_slot, first, {NOW_MS} + 3600000, now() \
         FROM _pando_node, generate_series(0, 120, 8) AS groups (n) \
         CROSS JOIN LATERAL (SELECT n::integer AS first) AS one \
         WHERE one.first <> {held}"
    )
    .replace(
        "SELECT _pando_slot, first,",
        "SELECT _pando_slot, one.first,",
    );
    database.sql(&others).await;
    let mut done = ROWS;
    for _ in 0..3 {
        paused.signal("-STOP");
        let passed =
            format!("SELECT ids_below_ms < {NOW_MS} FROM _pando_node WHERE first = {held}");
        while database.sql(&passed).await != "t" {}
        // The other one takes the group, and has it when the first wakes up.
        assert_eq!(insert(&other, &key, ROWS), 201);
        paused.signal("-CONT");
        done += ROWS;
        for server in [&paused, &other, &paused, &other] {
            // 409 would be an id that was made twice.
            match insert(server, &key, ROWS) {
                201 => done += ROWS,
                status => assert_eq!(status, 503),
            }
        }
    }
    let rows = database.sql("SELECT count(DISTINCT id) FROM orders").await;
    assert_eq!(rows, done.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_node_numbers_are_in_use_it_is_said_how_many_processes_may_make_ids() {
    let database = Database::start().await;
    database.write_migration("0001_orders.sql", super::TABLE);
    let folder = database.folder("");
    let server = serve(&folder);
    let key = root_key(&folder);
    assert_eq!(insert(&server, &key, 1), 201);
    let all = format!(
        "INSERT INTO _pando_node (_pando_slot, first, ids_below_ms, leased_at) \
         SELECT DISTINCT _pando_slot, n, {NOW_MS} + 600000, now() \
         FROM _pando_node, generate_series(0, 120, 8) AS groups (n) \
         ON CONFLICT (first) DO UPDATE SET ids_below_ms = EXCLUDED.ids_below_ms"
    );
    database.sql(&all).await;
    let mut connection = server.connect();
    let body = json!(
        (0..100_000)
            .map(|_| json!({ "note": "n" }))
            .collect::<Vec<_>>()
    );
    let answer = connection.ask("POST", "/rest/v1/orders", &key, &body.to_string());
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer.body.contains("16 processes may make ids"),
        "{answer:?}"
    );
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

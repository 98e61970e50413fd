//! Loading in bulk: what is put off, and when it is made up for.

use super::world::{house_row, insert, open, prepared, refusal_code, tables, write};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::engine::Engine;
use std::sync::Arc;

/// Names of a file's indexes that are not unique, as SQLite knows them.
fn plain_indexes(folder: &tempfile::TempDir) -> Vec<String> {
    let db = rusqlite::Connection::open(folder.path().join("pando.db")).unwrap();
    let sql = "SELECT name FROM sqlite_schema \
               WHERE type = 'index' AND sql LIKE 'CREATE INDEX%' AND tbl_name = 'house' \
               ORDER BY name";
    let mut select = db.prepare(sql).unwrap();
    let names = select.query_map([], |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

fn loading(folder: &tempfile::TempDir) -> Arc<SqliteEngine> {
    let mut config = SqliteConfig::new(folder.path().join("pando.db"));
    config.bulk_load = true;
    SqliteEngine::open(config).unwrap()
}

/// The file as a crash would leave it, in a folder of its own.
fn crashed(folder: &tempfile::TempDir) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    for name in ["pando.db", "pando.db-wal"] {
        std::fs::copy(folder.path().join(name), left.path().join(name)).unwrap();
    }
    left
}

#[tokio::test]
async fn indexes_that_a_load_puts_off_are_built_when_it_ends_or_at_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (_, house) = tables();
    prepared(&folder).await.close().await.unwrap();
    let all = plain_indexes(&folder);
    assert!(!all.is_empty());

    let engine = loading(&folder);
    let rows = |from: i64, city| {
        let ids = from..from + 2_000;
        ids.map(|id| house_row(id, Some(city), Some(id % 7)))
            .collect::<Vec<_>>()
    };
    let refused = write(&engine, vec![insert(&house, rows(0, "nowhere"))]).await;
    assert_eq!(refusal_code(refused), "23503");
    assert_eq!(plain_indexes(&folder), all, "what was refused left nothing");

    write(&engine, vec![insert(&house, rows(0, "BER"))])
        .await
        .unwrap();
    assert_eq!(plain_indexes(&folder), Vec::<String>::new());
    let left = crashed(&folder);
    write(&engine, vec![insert(&house, rows(2_000, "BER"))])
        .await
        .unwrap();
    engine.close().await.unwrap();
    assert_eq!(plain_indexes(&folder), all);

    let engine = open(&left).await;
    assert_eq!(plain_indexes(&left), all);
    assert_eq!(engine.verify().await.unwrap(), Vec::<String>::new());
    engine.close().await.unwrap();

    // Into a table that has rows they go as ever.
    let engine = loading(&left);
    write(&engine, vec![insert(&house, rows(2_000, "BER"))])
        .await
        .unwrap();
    assert_eq!(plain_indexes(&left), all);
}

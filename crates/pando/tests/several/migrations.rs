//! Processes that start with the same new migrations.

use super::database::{Database, serve};
use super::support::{json as command, refused};
use std::thread;

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_applied_once_by_processes_that_start_together() {
    let database = Database::start().await;
    for n in 1..=6 {
        let sql = format!(
            "create table t{n} (id bigint primary key, v text);\n\
             insert into t{n} (id, v) values (1, 'one');"
        );
        database.write_migration(&format!("000{n}_t{n}.sql"), &sql);
    }
    let folders = [0, 1, 2].map(|_| database.folder(""));
    let servers = thread::scope(|scope| {
        let starting = folders
            .each_ref()
            .map(|folder| scope.spawn(|| serve(folder)));
        starting.map(|starting| starting.join().expect("it starts"))
    });
    let applied = "SELECT count(*), count(DISTINCT number) FROM _pando_migration";
    assert_eq!(database.sql(applied).await, "6|6");
    assert_eq!(database.sql("SELECT count(*) FROM t6").await, "1");
    assert_eq!(database.sql("SELECT count(*) FROM _pando_key").await, "1");
    // Commands beside them, all at once; each has a folder of its own.
    database.write_migration("0007_t7.sql", "create table t7 (id bigint primary key);");
    let beside = [0, 1, 2].map(|_| database.folder(""));
    let mut applied = 0;
    thread::scope(|scope| {
        let running = beside
            .each_ref()
            .map(|folder| scope.spawn(|| command(folder, &["migrate"])));
        for report in running.map(|running| running.join().expect("it ends")) {
            let status = report["files"][6]["status"]
                .as_str()
                .expect("a status")
                .to_owned();
            applied += usize::from(status == "applied");
            assert!(["applied", "known"].contains(&status.as_str()), "{report}");
        }
    });
    assert_eq!(applied, 1);
    drop(servers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_waits_for_what_takes_longer_than_its_statements_may() {
    let database = Database::start().await;
    let first = database.folder("statement_timeout = \"1s500ms\"\n");
    drop(serve(&first));
    database.write_migration("0001_a.sql", "create table a (id bigint primary key);");
    // Somebody changes the schema for a good while: nobody else writes.
    let held = "BEGIN; SELECT 1 FROM _pando_shard FOR UPDATE; SELECT pg_sleep(5); COMMIT";
    let (held, server) = tokio::join!(database.postgres.sql(held), async {
        let locked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(5)%' \
                      AND pid <> pg_backend_pid()";
        while database.sql(locked).await == "0" {}
        tokio::task::spawn_blocking(move || serve(&first)).await
    });
    held.expect("SQL");
    server.expect("it starts");
    assert_eq!(
        database.sql("SELECT number FROM _pando_migration").await,
        "1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_is_told_by_each_and_leaves_those_before() {
    let database = Database::start().await;
    database.write_migration("0001_a.sql", "create table a (id bigint primary key);");
    database.write_migration(
        "0002_b.sql",
        "insert into a (id) values (1);\ninsert into a (id) values (1);",
    );
    let folders = [0, 1, 2].map(|_| database.folder(""));
    let serve = ["serve", "--role", "web", "--listen", "127.0.0.1:0"];
    thread::scope(|scope| {
        let starting = folders
            .each_ref()
            .map(|folder| scope.spawn(|| refused(folder, &serve, 1)));
        for error in starting.map(|starting| starting.join().expect("it ends")) {
            assert!(error.contains("0002_b.sql"), "{error}");
            assert!(error.contains("Key (id)=(1) already exists"), "{error}");
        }
    });
    assert_eq!(
        database.sql("SELECT number FROM _pando_migration").await,
        "1"
    );
}

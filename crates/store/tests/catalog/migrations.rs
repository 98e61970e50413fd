use super::{House, file, insert, select_all};
use pando_model::engine::{Freshness, Read, Write};
use pando_model::value::Value;
use pando_store::Store;
use pando_store::catalog::imports::ImportProgress;
use pando_store::migrate::{MigrationError, MigrationFile, MigrationStatus};
use std::sync::Arc;

const FIRST: &str =
    "CREATE TABLE colours (code text PRIMARY KEY, name text) WITH (reference = true);
INSERT INTO colours VALUES ('r', 'red'), ('g', 'green');";
const SECOND: &str = "ALTER TABLE colours ADD COLUMN warm boolean DEFAULT true;";

fn two() -> Vec<MigrationFile> {
    vec![
        file("0001_colours.sql", FIRST),
        file("0002_warm.sql", SECOND),
    ]
}

async fn rows(store: &Store, table: &str) -> Vec<Vec<Value>> {
    let schema = store.schema();
    let read = Read {
        schema_version: schema.version,
        tree: select_all(schema.table(table).unwrap()).into(),
        count: false,
        freshness: Freshness::default(),
    };
    store.engine().read(read).await.unwrap().rows.rows
}

async fn refused(store: &Store, files: &[MigrationFile]) -> String {
    match store.migrate(files).await {
        Err(MigrationError::Refused(diagnostic)) => diagnostic.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn files_are_applied_once_and_in_order() {
    let house = House::new();
    let store = house.open().await;
    let report = store.migrate(&two()).await.unwrap();
    let statuses: Vec<_> = report.files.iter().map(|file| file.status).collect();
    assert_eq!(statuses, [MigrationStatus::Applied; 2]);
    assert_eq!((report.files[0].steps, report.files[0].rows), (1, 2));
    assert_eq!(report.schema_version, 3);
    assert_eq!(
        rows(&store, "colours").await,
        [
            vec![
                Value::Text("g".into()),
                Value::Text("green".into()),
                Value::Bool(true)
            ],
            vec![
                Value::Text("r".into()),
                Value::Text("red".into()),
                Value::Bool(true)
            ],
        ]
    );

    // Again, and again after a restart: nothing to do.
    for store in [store, house.open().await] {
        let report = store.migrate(&two()).await.unwrap();
        assert!(
            report
                .files
                .iter()
                .all(|file| file.status == MigrationStatus::Known)
        );
        assert_eq!(store.schema().version, 3);
        assert_eq!(store.schema().table("colours").unwrap().columns.len(), 3);
    }
}

#[tokio::test]
async fn a_check_applies_nothing_and_sees_what_the_files_before_would_do() {
    let house = House::new();
    let store = house.open().await;
    let report = store.check_migrations(&two()).await.unwrap();
    assert!(
        report
            .files
            .iter()
            .all(|file| file.status == MigrationStatus::Pending)
    );
    assert_eq!(store.schema().version, 1);
    assert!(store.schema().tables.is_empty());
    assert_eq!(house.engine.fetch_schema_version().await.unwrap(), 1);
}

#[tokio::test]
async fn history_is_not_rewritten() {
    let house = House::new();
    let store = house.open().await;
    store.migrate(&two()).await.unwrap();
    let cases = [
        (
            vec![
                file("0001_colours.sql", "SELECT 1"),
                file("0002_warm.sql", SECOND),
            ],
            "0001_colours.sql: it was changed after it was applied\nhint: take the change back, and write it as a new migration",
        ),
        (
            vec![file("0002_warm.sql", SECOND)],
            "0001_colours.sql: it was applied, and is missing now\nhint: bring the file back: the history of a schema is not rewritten",
        ),
        (
            vec![
                file("0001_colors.sql", FIRST),
                file("0002_warm.sql", SECOND),
            ],
            "0001_colors.sql: it was applied under the name 0001_colours.sql\nhint: rename it to 0001_colours.sql",
        ),
        (
            [two(), vec![file("0000_late.sql", "")]].concat(),
            "0000_late.sql: it comes before number 2, which is applied already\nhint: give it a number above 2",
        ),
        (
            [two(), vec![file("2_twice.sql", "")]].concat(),
            "2_twice.sql: it has the same number as 0002_warm.sql\nhint: give one of them the next number",
        ),
        (
            [two(), vec![file("three.sql", "")]].concat(),
            "three.sql: a migration is named NNNN_name.sql\nhint: for example 0001_restaurants.sql",
        ),
    ];
    for (files, expected) in cases {
        assert_eq!(refused(&store, &files).await, expected);
    }
}

#[tokio::test]
async fn a_file_that_is_refused_leaves_nothing_behind_and_those_before_stay() {
    let house = House::new();
    let store = house.open().await;
    let mut files = two();
    files.push(file(
        "0003_bad.sql",
        "CREATE TABLE good (id bigint PRIMARY KEY);\nCREATE TABLE bad (a text UNIQUE);",
    ));
    let shown = refused(&store, &files).await;
    assert!(
        shown.starts_with("0003_bad.sql:2:14: the table bad needs a primary key\n"),
        "{shown}"
    );
    assert_eq!(store.schema().version, 3);
    assert!(store.schema().table("good").is_none());
}

#[tokio::test]
async fn a_rule_that_rows_break_is_refused_with_the_row() {
    let house = House::new();
    let store = house.open().await;
    store.migrate(&two()).await.unwrap();
    let mut files = two();
    files.push(file(
        "0003_short.sql",
        "ALTER TABLE colours ADD CONSTRAINT short CHECK (length(name) < 4);",
    ));
    assert_eq!(
        refused(&store, &files).await,
        "0003_short.sql: the rows do not keep its rules: new row for relation \"colours\" violates \
         check constraint \"short\": Failing row contains (g, green, t).\n\
         hint: nothing of this file was applied; mend the rows, then migrate again"
    );
    files[2] = file(
        "0003_seed.sql",
        "CREATE TABLE again (a text PRIMARY KEY); INSERT INTO again VALUES ('x'), ('x');",
    );
    let shown = refused(&store, &files).await;
    assert!(shown.contains("again_pkey"), "{shown}");
    assert!(store.schema().table("again").is_none());
}

#[tokio::test]
async fn a_store_that_another_process_migrated_is_reloaded() {
    let house = House::new();
    let (a, b) = (house.open().await, house.open().await);
    a.migrate(&two()[..1]).await.unwrap();
    assert!(b.schema().table("colours").is_none());
    assert_eq!(b.reload_schema().await.unwrap().version, 2);
    assert!(b.schema().table("colours").is_some());
    b.migrate(&two()).await.unwrap();
    // `a` goes by what the catalog says, not by what it remembers.
    let report = a.migrate(&two()).await.unwrap();
    assert_eq!(report.files[1].status, MigrationStatus::Known);
    assert_eq!(a.schema().version, 3);
}

#[tokio::test]
async fn no_request_can_name_a_table_of_the_catalog() {
    let store = House::new().open().await;
    store.migrate(&two()).await.unwrap();
    let schema = store.schema();
    assert_eq!(schema.tables.keys().collect::<Vec<_>>(), ["colours"]);
}

#[tokio::test]
async fn an_imports_progress_is_part_of_the_chunk_it_counts() {
    let house = House::new();
    let store = house.open().await;
    store.migrate(&two()).await.unwrap();
    let schema = store.schema();
    let table: &Arc<_> = schema.table("colours").unwrap();
    let mut progress = ImportProgress {
        id: "a".into(),
        target: "tables/colours".into(),
        source: "colours.csv".into(),
        fingerprint: vec![1, 2],
        records: 1,
        written: 1,
        rejected: 0,
        finished: false,
    };
    let row = |code: &str| {
        let name = Value::Text(code.into());
        vec![name.clone(), name, Value::Null]
    };
    let write = |change: pando_model::plan::Change, progress: &ImportProgress| Write {
        schema_version: schema.version,
        steps: vec![change.into(), store.import_progress(progress).into()],
        receipt: None,
        finish: Box::new(|_| Ok(Vec::new())),
    };
    assert_eq!(store.fetch_import("a").await.unwrap(), None);
    let chunk = write(insert(table, row("b")), &progress);
    store.engine().write(chunk).await.unwrap();
    assert_eq!(
        store.fetch_import("a").await.unwrap().as_ref(),
        Some(&progress)
    );

    // A chunk that is refused does not move it.
    let before = progress.clone();
    progress.records = 2;
    let chunk = write(insert(table, row("b")), &progress);
    store.engine().write(chunk).await.unwrap_err();
    assert_eq!(store.fetch_import("a").await.unwrap(), Some(before));
}

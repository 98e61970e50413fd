//! What is done on the caller's thread.

use super::*;
use pando_conformance::fixture::query::{SelectExt, col, compare, eq, matches, path, select};
use pando_conformance::fixture::schema::table;
use pando_model::column::ColumnType::{Integer, Jsonb, Text};
use pando_model::engine::Freshness;
use pando_model::pattern::PatternKind;
use pando_model::plan::{Change, Comparison, Insert, Output, Row};
use pando_model::schema::{SchemaStep, Table};
use pando_model::value::Value;

const SMALL: i32 = 1;
const LARGE: i32 = 2;
const BYTES: usize = 2 << 20;

fn notes() -> Arc<Table> {
    table("notes")
        .column("id", Integer)
        .column("body", Jsonb)
        .column("note", Text)
        .key(&["id"])
        .build()
}

/// A small note, and one of some megabytes.
async fn open(folder: &tempfile::TempDir, t: &Arc<Table>) -> Arc<SqliteEngine> {
    let config = SqliteConfig::new(folder.path().join("pando.db"));
    let engine = SqliteEngine::open(config).unwrap();
    let row = |id: i32, note: String| -> Row {
        let body = Value::Jsonb(format!("{{\"a\": \"{note}\"}}"));
        vec![Value::Int(id.into()), body, Value::Text(note)]
    };
    let rows = vec![row(SMALL, "x".into()), row(LARGE, "x".repeat(BYTES))];
    let change = SchemaChange {
        from_version: 0,
        to_version: 1,
        steps: vec![SchemaStep::CreateTable(t.clone())],
        record: vec![Change::Insert(Insert {
            table: t.clone(),
            rows,
            conflict: None,
            returning: None,
        })],
    };
    engine.apply(change).await.unwrap();
    engine
}

#[tokio::test]
async fn only_what_is_short_is_done_on_the_caller_s_thread() {
    let folder = tempfile::tempdir().unwrap();
    let t = notes();
    let engine = open(&folder, &t).await;
    let of = |id: i32| eq(&t, "id", id);
    let pattern = || matches(col(&t, "note"), PatternKind::Regex, "y$");
    let at = || compare(path(&t, "body", &["a"], true), Comparison::Eq, "y");
    let both = |id: i32, filter: Filter| Filter::And(vec![of(id), filter]);
    let note = || select(&t, &["note"]);
    let part = |id: i32| {
        let part = Output::Scalar(path(&t, "body", &["a"], true));
        select(&t, &[]).output(part).filter(of(id))
    };
    let by_body = OrderBy::Scalar(col(&t, "body"));
    for (what, select, is_done_here) in [
        ("a small row", note().filter(of(SMALL)), true),
        ("a large row", note().filter(of(LARGE)), false),
        ("all rows", note(), false),
        ("a short page", select(&t, &["id"]).limit(10), true),
        ("a short page of large rows", note().limit(10), false),
        (
            "a small row by a pattern",
            note().filter(both(SMALL, pattern())),
            true,
        ),
        (
            "a large row by a pattern",
            note().filter(both(LARGE, pattern())),
            false,
        ),
        (
            "a page by a pattern",
            note().filter(pattern()).limit(10),
            false,
        ),
        (
            "a small row by a path",
            note().filter(both(SMALL, at())),
            true,
        ),
        (
            "a large row by a path",
            note().filter(both(LARGE, at())),
            false,
        ),
        (
            "a page by a path over large rows",
            note().filter(at()).limit(10),
            false,
        ),
        ("a path into a small row", part(SMALL), true),
        ("a path into a large row", part(LARGE), false),
        (
            "a page by jsonb",
            select(&t, &["id"]).order(by_body, false, false).limit(1),
            false,
        ),
    ] {
        let read = Read {
            schema_version: 1,
            tree: select.tree().into(),
            count: false,
            freshness: Freshness::default(),
        };
        assert_eq!(is_done_here_and_now(&engine, &read), is_done_here, "{what}");
        engine.read(read).await.expect(what);
    }
}

fn is_done_here_and_now(engine: &SqliteEngine, read: &Read) -> bool {
    let tried = |conn: &Conn| read_snapshot(conn, &engine.marks, read);
    is_short(&read.tree) && matches!(engine.readers.try_short(tried), Short::Done(Ok(_)))
}

/// What long reads find is looked at where they are done.
#[tokio::test]
async fn decisions_on_long_reads_do_not_hold_the_caller_s_thread() {
    let folder = tempfile::tempdir().unwrap();
    let t = notes();
    let engine = open(&folder, &t).await;
    let caller = std::thread::current().id();
    for (select, is_here) in [
        (select(&t, &["note"]).filter(eq(&t, "id", SMALL)), true),
        (select(&t, &["note"]).filter(eq(&t, "id", LARGE)), false),
        (select(&t, &["id"]), false),
    ] {
        let decide = engine::Step::decide(move |_| {
            assert_eq!(std::thread::current().id() == caller, is_here);
            Ok(Vec::new())
        });
        let read = ReadSteps {
            schema_version: 1,
            steps: vec![engine::Step::read(select.tree()), decide],
            freshness: Freshness::default(),
        };
        let answer = engine.read_steps(read).await.unwrap();
        assert_eq!(answer.outcomes.len(), 1);
    }
}

/// As it is while the disk syncs a change of the schema: what the disk has is in force.
#[tokio::test]
async fn a_schema_that_is_being_committed_is_not_in_force_and_the_one_before_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let t = notes();
    let engine = open(&folder, &t).await;
    let p = engine.marks.highest_p();
    engine.marks.begin_commit(p + 1, 2);
    for (select, of) in [
        (select(&t, &["id"]).limit(1), "a short read"),
        (select(&t, &["id"]), "a long one"),
    ] {
        for (schema_version, is_answered) in [(1, true), (2, false)] {
            let (freshness, tree) = (Freshness::default(), select.clone().tree());
            let read = Read {
                schema_version,
                tree: tree.clone().into(),
                count: false,
                freshness,
            };
            let steps = ReadSteps {
                schema_version,
                steps: vec![engine::Step::read(tree)],
                freshness,
            };
            for answer in [
                engine.read(read).await.map(drop),
                engine.read_steps(steps).await.map(drop),
            ] {
                match answer {
                    Ok(()) => assert!(is_answered, "{of} for {schema_version}"),
                    Err(EngineError::SchemaChanged { current }) => {
                        assert!(!is_answered, "{of} for {schema_version}");
                        assert_eq!(current, 1, "{of}");
                    }
                    Err(error) => panic!("{of}: {error:?}"),
                }
            }
        }
    }
}

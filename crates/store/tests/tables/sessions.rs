use crate::ask::*;
use crate::bench::{Bench, tables};
use pando_model::stamp::Position;
use pando_store::error::StoreError;
use pando_store::migrate::MigrationFile;
use pando_store::request::{Idempotency, TableWrite, Verb};
use pando_store::session::{Consistency, Session};
use pando_store::token::Token;
use pando_store::{Store, StoreConfig};
use std::sync::Arc;

pub fn session(at: Position, consistency: Consistency) -> Session {
    Session {
        token: Some(Token::of(0, at)),
        consistency,
    }
}

#[tokio::test]
async fn a_caller_reads_what_it_wrote_and_is_handed_its_stamp() {
    let bench = Bench::new().await;
    let done = bench
        .write(write(Verb::Insert, "users", r#"{"id":9,"name":"Kim"}"#))
        .await
        .unwrap();
    let at = done.written.stamped.high;
    let ask = from("users").filter(eq("id", "9"));
    let (answer, stamped) = bench
        .store
        .read_table(&ask.0, &session(at, Consistency::Session))
        .await
        .unwrap();
    assert_eq!(answer.rows, 1);
    assert!(stamped.high >= at && !stamped.lost);
}

/// As after a crash in a commit whose stamp a reader had been handed already: nobody waits
/// for what never came to be.
#[tokio::test]
async fn a_stamp_that_the_owner_never_reached_is_said_to_be_lost() {
    let bench = Bench::new().await;
    let high = bench.store.engine().progress().high;
    let ask = from("users");
    for ahead in [
        Position {
            p: high.p + 1,
            ..high
        },
        Position {
            timeline: high.timeline + 1,
            ..high
        },
    ] {
        for consistency in [
            Consistency::Session,
            Consistency::Strong,
            Consistency::Eventual,
        ] {
            let (answer, stamped) = bench
                .store
                .read_table(&ask.0, &session(ahead, consistency))
                .await
                .unwrap();
            assert!(stamped.lost && stamped.high == high);
            assert!(answer.rows > 0);
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_read_is_found_out_by_its_probe() {
    let bench = Bench::new().await;
    bench.store.probe().await.unwrap();
    bench.store.engine().close().await.unwrap();
    assert!(bench.store.probe().await.is_err());
}

fn keyed(table: &str, body: &str, request: u8) -> TableWrite {
    TableWrite {
        idempotency: Some(Idempotency {
            scope: [1; 16],
            key: "once".into(),
            request: [request; 32],
        }),
        ..write(Verb::Insert, table, body)
    }
}

#[tokio::test]
async fn the_same_key_does_a_write_once_and_gets_the_first_answer_again() {
    let bench = Bench::new().await;
    // The id is made by the store, so only the receipt can tell that both are one.
    let body = r#"{"name":"lamp"}"#;
    let first = bench.write(keyed("items", body, 1)).await.unwrap();
    let again = bench.write(keyed("items", body, 1)).await.unwrap();
    assert!(!first.written.replayed && again.written.replayed);
    assert_eq!(first.written.answer, again.written.answer);
    assert_eq!(bench.read(&from("items")).await.rows, 1);
    let other = bench.write(keyed("items", r#"{"name":"x"}"#, 2)).await;
    assert!(matches!(
        other,
        Err(StoreError::Engine(
            pando_model::error::EngineError::KeyReused
        ))
    ));
}

#[tokio::test]
async fn a_receipt_that_has_run_out_is_swept_away_without_another_write() {
    let bench = Bench::new().await;
    let body = r#"{"name":"lamp"}"#;
    bench.write(keyed("items", body, 1)).await.unwrap();
    let ttl_us = StoreConfig::default().receipt_ttl.as_micros() as i64;
    bench.clock.advance_us(ttl_us - 1);
    let early = bench.store.sweep().await.unwrap();
    assert!(early.is_nothing(), "it is too early: {early:?}");
    bench.clock.advance_us(1);
    let swept = bench.store.sweep().await.unwrap();
    assert_eq!((swept.values, swept.receipts), (0, 1));
    assert_eq!(bench.store.swept(), 1);
    assert!(bench.store.sweep().await.unwrap().is_nothing());
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_replayed_too() {
    let bench = Bench::new().await;
    let first = bench.write(keyed("items", "[]", 1)).await.unwrap();
    let again = bench.write(keyed("items", "[]", 1)).await.unwrap();
    assert_eq!(first.body, "[]");
    assert!(again.written.replayed);
}

#[tokio::test]
async fn a_plan_made_for_an_older_schema_is_made_anew() {
    let bench = Bench::new().await;
    let ask = from("users").filter(eq("id", "1"));
    bench
        .check(ask.clone(), r#"[{"id":1,"name":"Angela"}]"#)
        .await;
    // Another process on the same engine changes the schema behind this one's back.
    let other = Store::open(
        Arc::clone(bench.store.engine()),
        Arc::clone(bench.store.clock()),
        StoreConfig::default(),
    )
    .await
    .unwrap();
    let more = MigrationFile {
        name: "0002_age.sql".into(),
        sql: "ALTER TABLE users ADD COLUMN age integer;".into(),
    };
    other.migrate(&[tables(), more]).await.unwrap();
    bench
        .check(ask, r#"[{"id":1,"name":"Angela","age":null}]"#)
        .await;
    let done = write(Verb::Insert, "users", r#"{"id":80,"age":7}"#);
    bench
        .written(done, r#"[{"id":80,"name":null,"age":7}]"#)
        .await;
}

//! The PostgreSQL engine keeps the contract.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

mod databases;

use databases::Databases;

#[tokio::test(flavor = "multi_thread")]
async fn the_postgresql_engine_keeps_the_contract() {
    pando_conformance::run(&Databases::start().await).await;
}

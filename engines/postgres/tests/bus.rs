//! The bus over PostgreSQL keeps the contract, and comes back when it was cut off.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use pando_cluster::Postgres;
use pando_conformance::bus::{Ear, Heard, Subject, run};
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::bus::Bus;
use pando_model::engine::Engine;
use std::sync::Arc;

struct OnPostgres(Arc<PostgresEngine>);

impl Subject for OnPostgres {
    fn join(&self) -> Arc<dyn Bus> {
        self.0.bus().expect("PostgreSQL has one")
    }
}

async fn engine(postgres: &Postgres) -> Arc<PostgresEngine> {
    let url = format!("postgres://postgres@{}/postgres", postgres.address());
    let opened = PostgresEngine::open(PostgresConfig::new(url)).await;
    opened.map_err(|trouble| trouble.error).expect("an engine")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_over_postgresql_keeps_the_contract() {
    let postgres = Postgres::builder().start().await.expect("PostgreSQL");
    let engine = engine(&postgres).await;
    run(&OnPostgres(engine)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_cut_off_is_told_so_and_hears_again() {
    let postgres = Postgres::builder().start().await.expect("PostgreSQL");
    let engine = engine(&postgres).await;
    let bus = OnPostgres(engine).join();
    let mut ear = Ear::listen(&bus, "c").await;
    bus.publish("c", "before".into()).await.expect("told");
    assert_eq!(ear.messages(1).await, ["before"]);
    // All of them: what a connection asked last says nothing of what it is for.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    postgres.sql(cut).await.expect("SQL");
    assert_eq!(ear.next().await, Heard::Lost);
    // It may be between two connections yet.
    while bus.publish("c", "after".into()).await.is_err() {}
    assert_eq!(ear.messages(1).await, ["after"]);
}

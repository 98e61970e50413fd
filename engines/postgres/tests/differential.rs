//! PostgreSQL against the memory engine: random operations, the same answers.
//!
//! The seed is printed; `PANDO_SEED=… cargo test -p pando-engine-postgres` repeats a run, and
//! `PANDO_OPERATIONS` makes it longer.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

mod adopter;
mod databases;

use adopter::Adopter;
use async_trait::async_trait;
use databases::Databases;
use pando_conformance::differential::{differential, differential_adopted};
use pando_conformance::{Capabilities, Factory, Instance};
use pando_engine_memory::MemoryEngine;
use pando_model::engine::Engine;
use std::sync::Arc;

const OPERATIONS: usize = 3_000;

struct Memory;

struct Fresh(Arc<MemoryEngine>);

#[async_trait]
impl Factory for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: false,
            backup: false,
        }
    }

    async fn make(&self) -> Box<dyn Instance> {
        Box::new(Fresh(Arc::new(MemoryEngine::new())))
    }
}

#[async_trait]
impl Instance for Fresh {
    fn engine(&self) -> Arc<dyn Engine> {
        self.0.clone()
    }

    async fn reopen(&mut self) {
        unreachable!("a differential run opens each engine once");
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Databases whose tables are made by psql, and adopted.
struct Adopting(Databases);

struct Adopted {
    engine: Arc<Adopter>,
    _instance: Box<dyn Instance>,
}

#[async_trait]
impl Factory for Adopting {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn make(&self) -> Box<dyn Instance> {
        let (instance, database) = self.0.make_one().await;
        Box::new(Adopted {
            engine: Arc::new(Adopter {
                engine: instance.engine(),
                postgres: self.0.postgres(),
                database,
            }),
            _instance: instance,
        })
    }
}

#[async_trait]
impl Instance for Adopted {
    fn engine(&self) -> Arc<dyn Engine> {
        self.engine.clone()
    }

    async fn reopen(&mut self) {
        unreachable!("a differential run opens each engine once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adopted_tables_and_memory_answer_random_operations_alike() {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    let operations = number("PANDO_OPERATIONS").map_or(OPERATIONS, |count| count as usize);
    let adopting = Adopting(Databases::start().await);
    differential_adopted(&Memory, &adopting, seed, operations).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_and_memory_answer_random_operations_alike() {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    let operations = number("PANDO_OPERATIONS").map_or(OPERATIONS, |count| count as usize);
    differential(&Memory, &Databases::start().await, seed, operations).await;
}

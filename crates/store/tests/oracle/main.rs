//! A store on SQLite and one on the memory engine: 10,000 random operations of each model, and
//! of all of them together, have the same answers; and so have one with caches in front of its
//! engine, and one without, for a caller who brings his stamps along; with a space of key-values
//! that is written behind, or without, but for what a write is told of what was there before; and
//! with listeners that are asked about each write, or without.
//!
//! The seed is printed; `PANDO_SEED=… cargo test -p pando-store --test oracle` repeats a run, and
//! `PANDO_OPERATIONS` makes it longer. Below the models the engines are compared by the
//! conformance suite, and graphs with a naive one in `graph/engines.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod compare;
mod docs;
mod docs_query;
mod draw;
mod event;
mod graph;
mod kv;
mod listened;
mod past;
mod side;
mod tables;
mod wide;

use crate::compare::{Pair, a_difference_is_found, both_answer_alike};
use crate::event::Model;
use crate::past::Where;

const ALL: [Model; 5] = [
    Model::Kv,
    Model::Docs,
    Model::Wide,
    Model::Graph,
    Model::Tables,
];

#[tokio::test]
async fn key_values_are_the_same_on_both_engines() {
    both_answer_alike(Pair::Engines, "key-values", &[Model::Kv]).await;
}

#[tokio::test]
async fn documents_are_the_same_on_both_engines() {
    both_answer_alike(Pair::Engines, "documents", &[Model::Docs]).await;
}

#[tokio::test]
async fn wide_rows_are_the_same_on_both_engines() {
    both_answer_alike(Pair::Engines, "wide rows", &[Model::Wide]).await;
}

#[tokio::test]
async fn all_models_together_are_the_same_on_both_engines() {
    both_answer_alike(Pair::Engines, "all models", &ALL).await;
}

#[tokio::test]
async fn all_models_are_the_same_with_caches_in_front_and_without() {
    both_answer_alike(Pair::Caches, "cached models", &ALL).await;
}

#[tokio::test]
async fn all_models_are_the_same_with_a_space_that_is_written_behind_and_without() {
    both_answer_alike(Pair::Behind, "written behind", &ALL).await;
}

#[tokio::test]
async fn key_values_are_the_same_written_behind_and_at_once() {
    both_answer_alike(Pair::Behind, "key-values written behind", &[Model::Kv]).await;
}

#[tokio::test]
async fn all_models_are_the_same_with_listeners_and_without_and_these_hear_of_the_same() {
    both_answer_alike(Pair::Listened, "listened to", &ALL).await;
}

/// The test of the test.
#[tokio::test]
async fn where_the_journal_is_forgotten_in_reads_or_in_writes_that_is_found() {
    for place in [Where::Reads, Where::Writes] {
        let what = format!("the journal forgotten in {place:?}");
        a_difference_is_found(Pair::Past(place), &what, &[Model::Kv]).await;
    }
}

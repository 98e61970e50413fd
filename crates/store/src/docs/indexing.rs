//! The search index's part of a write: a document's postings, and its slot's statistics.
//!
//! A document is counted where it has postings. What is there before is read, not remembered:
//! so each write is right whatever rules the document was indexed by before. What its words are
//! is worked out when the write is planned; where the declarations have changed meanwhile, again.

use super::collections::State;
use super::document::DocumentKey;
use super::path::Path;
use super::relation::{COLLECTION, STATS, TERM, stats, term};
use super::search::{Analyser, Analysis, SearchError};
use crate::refused;
use crate::relation::{equals, rows_of, select, tree};
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::json;
use pando_model::plan::{Change, Conflict, Delete, Filter, Insert, Row};
use pando_model::value::Value;
use std::sync::Arc;

/// What a document's slot has counted.
struct Counted {
    anchor: String,
    documents: i64,
    length: i64,
}

/// A document's part of the index as it is to be, worked out before its write is carried out.
pub(super) struct Postings {
    /// What it was worked out by; `None` where the collection is not searched.
    paths: Option<Vec<Path>>,
    analysed: Result<Arc<Analysed>, Refusal>,
}

/// What a document is to have in the index.
#[derive(Default)]
struct Analysed {
    /// Its rows, where it has some.
    postings: Option<Step>,
    /// How long it is, where it has some.
    length: Option<i64>,
}

impl Postings {
    /// Works it out by the declarations of one moment; `body` is `None` where the document goes.
    pub(super) fn of(state: &State, key: &DocumentKey, body: Option<&str>) -> Postings {
        let paths = paths_of(state, key);
        let analysed = match (paths, body) {
            (Some(paths), Some(body)) => analysed(paths, body),
            _ => Ok(Analysis::default()),
        };
        Postings {
            paths: paths.map(<[Path]>::to_vec),
            analysed: analysed.map(|analysis| Arc::new(Analysed::of(key, analysis))),
        }
    }

    /// Whether it would be the same by the declarations of another moment.
    pub(super) fn is_by(&self, state: &State, key: &DocumentKey) -> bool {
        paths_of(state, key) == self.paths.as_deref()
    }

    /// Brings the index in line; nothing where the collection is not searched.
    pub(super) fn step(&self, key: &DocumentKey) -> Result<Option<Step>, Refusal> {
        if self.paths.is_none() {
            return Ok(None);
        }
        let analysed = self.analysed.clone()?;
        let mut one = select(&TERM, &[term::LENGTH], key.filter());
        one.limit = Some(1);
        let columns = [stats::ANCHOR, stats::DOCUMENTS, stats::LENGTH];
        let counted = select(&STATS, &columns, slot_filter(key));
        let key = key.clone();
        let change = Step::decide(move |outcomes| Ok(changes(&key, &analysed, outcomes)));
        Ok(Some(Step::Group(vec![
            Step::read(tree(one)),
            Step::read(tree(counted)),
            change,
        ])))
    }
}

impl Analysed {
    fn of(key: &DocumentKey, analysis: Analysis) -> Analysed {
        if analysis.terms.is_empty() {
            return Analysed::default();
        }
        let length = i64::from(analysis.length);
        let rows = analysis.terms.into_iter().map(|entry| {
            vec![
                Value::Text(key.collection().to_owned()),
                Value::Text(key.id().to_owned()),
                Value::Text(entry.term),
                Value::Int(i64::from(entry.tf)),
                Value::Bytes(entry.positions),
                Value::Int(length),
            ]
        });
        let insert = Insert {
            table: Arc::clone(&TERM),
            rows: rows.collect(),
            conflict: None,
            returning: None,
        };
        Analysed {
            postings: Some(Step::from(Change::Insert(insert))),
            length: Some(length),
        }
    }
}

/// Brings the index in line with what a document is to be, `None` where it goes; nothing where its
/// collection is not searched.
pub(super) fn index(
    state: &State,
    key: &DocumentKey,
    body: Option<&str>,
) -> Result<Option<Step>, Refusal> {
    Postings::of(state, key, body).step(key)
}

/// What is searched of the document's collection.
fn paths_of<'a>(state: &'a State, key: &DocumentKey) -> Option<&'a [Path]> {
    let index = state.search.get(key.collection())?;
    Some(&index.paths)
}

fn analysed(paths: &[Path], body: &str) -> Result<Analysis, Refusal> {
    if paths.is_empty() {
        return Ok(Analysis::default());
    }
    let body = json::parse(body)?;
    let mut texts = Vec::new();
    paths.iter().for_each(|path| path.texts(&body, &mut texts));
    let mut analyser = Analyser::default();
    for text in texts {
        analyser.add(text).map_err(unsearchable)?;
    }
    Ok(analyser.finish())
}

fn changes(key: &DocumentKey, analysed: &Analysed, outcomes: &[Outcome]) -> Vec<Step> {
    let before = match outcomes.first().and_then(|read| rows_of(read).first()) {
        Some(row) => match row.as_slice() {
            [Value::Int(length)] => Some(*length),
            _ => None,
        },
        None => None,
    };
    let after = analysed.length;
    let mut steps = Vec::new();
    if before.is_some() {
        steps.push(delete(&TERM, key.filter()));
    }
    steps.extend(analysed.postings.clone());
    if before != after {
        let counted = outcomes.get(1).and_then(counted);
        steps.push(recount(key, counted, before, after));
    }
    steps
}

/// The slot's statistics, with a document taken out and put in.
fn recount(
    key: &DocumentKey,
    counted: Option<Counted>,
    before: Option<i64>,
    after: Option<i64>,
) -> Step {
    let mut counted = counted.unwrap_or_else(|| Counted {
        anchor: key.id().to_owned(),
        documents: 0,
        length: 0,
    });
    counted.documents += i64::from(after.is_some()) - i64::from(before.is_some());
    counted.length += after.unwrap_or(0) - before.unwrap_or(0);
    if counted.documents <= 0 {
        return delete(&STATS, slot_filter(key));
    }
    let row = vec![
        Value::Text(key.collection().to_owned()),
        slot_of(key),
        Value::Text(counted.anchor),
        Value::Int(counted.documents),
        Value::Int(counted.length),
    ];
    Step::from(Change::Insert(Insert {
        table: Arc::clone(&STATS),
        rows: vec![row],
        conflict: Some(Conflict {
            target: STATS.primary_key.columns.clone(),
            merge: Some(vec![stats::DOCUMENTS, stats::LENGTH]),
        }),
        returning: None,
    }))
}

fn counted(read: &Outcome) -> Option<Counted> {
    match rows_of(read).first().map(Row::as_slice) {
        Some(
            [
                Value::Text(anchor),
                Value::Int(documents),
                Value::Int(length),
            ],
        ) => Some(Counted {
            anchor: anchor.clone(),
            documents: *documents,
            length: *length,
        }),
        _ => None,
    }
}

fn slot_filter(key: &DocumentKey) -> Filter {
    Filter::And(vec![
        equals(COLLECTION, Value::Text(key.collection().to_owned())),
        equals(stats::SLOT, slot_of(key)),
    ])
}

fn slot_of(key: &DocumentKey) -> Value {
    Value::Int(i64::from(key.slot().number()))
}

pub(super) fn delete(table: &Arc<pando_model::schema::Table>, filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(table),
        filter,
        max_affected: None,
        returning: None,
    }))
}

pub(super) fn unsearchable(error: SearchError) -> Refusal {
    match error {
        SearchError::TextTooLong => refused::too_large(error.to_string()),
        SearchError::QueryTooLong => refused::malformed(error.to_string()),
    }
}

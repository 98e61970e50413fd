//! What an engine answered, in a form that can be compared: values as text,
//! children by key, events of a transaction in one order.

use crate::differential::draw::Operation;
use pando_model::engine::{
    Engine, FeedCursor, FeedEvent, Freshness, Outcome, Read, Step, Write, WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::plan::{Change, Output, Row, RowSet, Tree};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::fmt;
use std::sync::{Arc, Mutex};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Rows, a line each.
    Rows(Vec<String>),
    /// Outcomes and events, a line each.
    Done(Vec<String>),
    /// The answer of an earlier write.
    Replayed(String),
    /// The error in full, and a refusal's code.
    Failed { code: String, error: String },
    /// Whole tables.
    Dump(Vec<String>),
}

/// Follows an engine's feed from write to write.
pub(super) struct Follower(Option<FeedCursor>);

impl Follower {
    pub(super) async fn new(engine: &Arc<dyn Engine>) -> Follower {
        Follower(Some(engine.follow("differential").await.expect("follow")))
    }

    /// For reads that nothing follows from.
    pub(super) fn none() -> Follower {
        Follower(None)
    }

    /// What has come since, as lines in one order for each transaction.
    async fn catch_up(&mut self, engine: &Arc<dyn Engine>) -> Vec<String> {
        let Some(cursor) = self.0 else {
            return Vec::new();
        };
        let page = engine.fetch_feed(cursor, 10_000).await.expect("feed");
        assert!(!page.gap, "the feed has no gap");
        let acknowledged = engine.acknowledge_feed("differential", page.next).await;
        acknowledged.expect("acknowledge");
        self.0 = Some(page.next);
        let mut lines: Vec<String> = page.events.iter().map(line_of_event).collect();
        lines.sort();
        lines
    }
}

impl Answer {
    /// In a word, what came of the operation: a refusal by its code.
    pub(super) fn kind(&self) -> &str {
        match self {
            Answer::Rows(lines) if lines.is_empty() => "no rows",
            Answer::Rows(_) => "rows",
            Answer::Done(_) => "done",
            Answer::Replayed(_) => "replayed",
            Answer::Failed { code, .. } => code,
            Answer::Dump(_) => "tables",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Rows(lines) => write!(f, "rows\n    {}", lines.join("\n    ")),
            Answer::Done(lines) => write!(f, "done\n    {}", lines.join("\n    ")),
            Answer::Replayed(answer) => write!(f, "replayed {answer}"),
            Answer::Failed { error, .. } => write!(f, "failed: {error}"),
            Answer::Dump(tables) => write!(f, "tables\n{}", tables.join("\n")),
        }
    }
}

/// Has an engine carry out an operation, and makes its answer comparable.
pub(super) async fn carry_out(
    engine: &Arc<dyn Engine>,
    operation: &Operation,
    follower: &mut Follower,
) -> Answer {
    match operation {
        Operation::Read { tree, count } => {
            let read = Read {
                schema_version: 1,
                tree: tree.clone().into(),
                count: *count,
                freshness: Freshness::default(),
            };
            match engine.read(read).await {
                Ok(answer) => {
                    let mut lines = Vec::new();
                    write_set(&answer.rows, tree, 0, 0, &mut lines);
                    Answer::Rows(lines)
                }
                Err(error) => failed(&error),
            }
        }
        Operation::Write { changes, receipt } => {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let keep = seen.clone();
            let write = Write {
                schema_version: 1,
                steps: changes.iter().cloned().map(Step::from).collect(),
                receipt: receipt.clone(),
                finish: Box::new(move |outcomes| {
                    let answer = format!("{} outcomes", outcomes.len()).into_bytes();
                    *keep.lock().unwrap() = outcomes;
                    Ok(answer)
                }),
            };
            match engine.write(write).await {
                Ok(WriteAnswer::Done { .. }) => {
                    let outcomes = std::mem::take(&mut *seen.lock().unwrap());
                    let mut lines = lines_of_outcomes(&outcomes, changes);
                    lines.extend(follower.catch_up(engine).await);
                    Answer::Done(lines)
                }
                Ok(WriteAnswer::Replayed { answer, .. }) => {
                    Answer::Replayed(String::from_utf8_lossy(&answer).into_owned())
                }
                Err(error) => failed(&error),
            }
        }
    }
}

fn failed(error: &EngineError) -> Answer {
    let (code, error) = match error {
        EngineError::Refused(refusal) => (refusal.code.to_string(), format!("{refusal:?}")),
        EngineError::KeyReused => ("key reused".to_owned(), error.to_string()),
        other => ("error".to_owned(), format!("{other:?}")),
    };
    Answer::Failed { code, error }
}

fn lines_of_outcomes(outcomes: &[Outcome], changes: &[Change]) -> Vec<String> {
    let mut lines = Vec::new();
    for (outcome, change) in outcomes.iter().zip(changes) {
        lines.push(format!(
            "{} affected, {} new",
            outcome.affected, outcome.inserted
        ));
        let tree = match change {
            Change::Insert(insert) => &insert.returning,
            Change::Update(update) => &update.returning,
            Change::Delete(delete) => &delete.returning,
        };
        match (&outcome.rows, tree) {
            (Some(rows), Some(tree)) => write_set(rows, tree, 0, 1, &mut lines),
            (None, None) => {}
            (rows, _) => lines.push(format!("returned rows: {}", rows.is_some())),
        }
    }
    lines
}

/// The order of keys is an engine's own; within a key it is not.
fn write_set(set: &RowSet, tree: &Tree, key_len: usize, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    if let Some(total) = set.total {
        lines.push(format!("{indent}{total} in all"));
    }
    let mut rows: Vec<(Vec<String>, String)> = set
        .rows
        .iter()
        .map(|row| {
            let texts = texts_of(row, tree);
            let key = texts[texts.len().saturating_sub(key_len)..].to_vec();
            (key, texts.join(", "))
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    lines.extend(rows.into_iter().map(|(_, row)| format!("{indent}[{row}]")));
    for (set, child) in set.children.iter().zip(&tree.children) {
        lines.push(format!("{indent}child {}:", child.tree.select.table.name));
        write_set(set, &child.tree, child.key.len(), depth + 1, lines);
    }
    if set.children.len() != tree.children.len() {
        lines.push(format!("{indent}{} children", set.children.len()));
    }
}

fn texts_of(row: &Row, tree: &Tree) -> Vec<String> {
    let select = &tree.select;
    row.iter()
        .enumerate()
        .map(|(place, value)| match select.output.get(place) {
            Some(output) => text_of(value, output, &select.table),
            None => format!("{value:?}"),
        })
        .collect()
}

fn text_of(value: &Value, output: &Output, table: &Table) -> String {
    let mut json = Vec::new();
    value.write_json(&output.ty(table), &mut json);
    String::from_utf8_lossy(&json).into_owned()
}

fn line_of_event(event: &FeedEvent) -> String {
    format!(
        "event {:?} {} slot {} key {:02x?}",
        event.kind, event.table, event.slot, event.key
    )
}

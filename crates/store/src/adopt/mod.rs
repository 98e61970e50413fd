//! Databases that somebody else made: which of their tables Pando can serve as they lie, and
//! taking those into the schema.
//!
//! Every table is held to the rules that a migration is held to, by the same code ([`crate::ddl`]):
//! it is declared anew in a schema of its own, rule by rule. What is refused there is what the
//! table would have to change, or what PostgreSQL alone goes on keeping.

mod declare;
mod text;

use crate::catalog::schema_record;
use crate::error::StoreError;
use crate::store::Store;
use declare::Draft;
use pando_model::engine::SchemaChange;
use pando_model::error::Refusal;
use pando_model::expr::Moment;
use pando_model::found::{Finding, FoundDatabase, FoundTable};
use pando_model::schema::{RESERVED_PREFIX, Schema, SchemaStep, Table};
use pando_model::value::Value;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is asked of a database.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// These tables; all of them where none is named.
    pub tables: BTreeSet<String>,
    /// The columns that place the rows of a table, where it is not its primary key.
    pub placed_by: BTreeMap<String, Vec<String>>,
}

/// What came of looking at a database.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The database.
    pub database: String,
    /// Its schema.
    pub schema: String,
    /// What keeps all of it from being served.
    pub obstacles: Vec<Finding>,
    /// Table by table, by name.
    pub tables: Vec<JudgedTable>,
    /// What is there and is no table.
    pub others: Vec<Finding>,
    /// The tables that fit.
    #[serde(skip)]
    fitting: Vec<Arc<Table>>,
}

/// What came of looking at a table.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedTable {
    /// Its name.
    pub name: String,
    /// Whether it can be served.
    pub verdict: Verdict,
    /// What it would have to change.
    pub obstacles: Vec<Finding>,
    /// What is to be known of it.
    pub notes: Vec<Finding>,
}

/// Whether a table can be served as it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It can.
    Fits,
    /// It can, and there is something to know.
    FitsWithNotes,
    /// It would have to change.
    DoesNotFit,
    /// It is served already.
    Served,
}

impl Judged {
    /// How many tables would be served that are not yet.
    pub fn fitting(&self) -> usize {
        self.fitting.len()
    }

    /// Adds what else was found out about a table's rows.
    pub fn note(&mut self, table: &str, findings: Vec<Finding>) {
        let known = self.tables.iter_mut().find(|known| known.name == table);
        if let (Some(known), false) = (known, findings.is_empty()) {
            known.notes.extend(findings);
            if known.verdict == Verdict::Fits {
                known.verdict = Verdict::FitsWithNotes;
            }
        }
    }
}

/// Judges what was found, beside what is served of it already.
///
/// # Errors
/// A table that is wanted is not there (`42P01`).
pub fn judge(found: &FoundDatabase, wanted: &Wanted, now_us: i64) -> Result<Judged, Refusal> {
    check_wanted(found, wanted)?;
    let moment = Moment { now_us };
    let served = &models_apart(&found.served);
    let mut draft = Draft::new(served, moment);
    let mut tables: Vec<JudgedTable> = Vec::new();
    let mut declared: Vec<&FoundTable> = Vec::new();
    for table in &found.tables {
        if !wanted.tables.is_empty() && !wanted.tables.contains(&table.name) {
            continue;
        }
        let mut judged = JudgedTable {
            name: table.name.clone(),
            verdict: Verdict::Served,
            obstacles: Vec::new(),
            notes: Vec::new(),
        };
        if served.table(&table.name).is_none() {
            judged.obstacles.clone_from(&table.obstacles);
            judged.notes.clone_from(&table.notes);
            let places = wanted.placed_by.get(&table.name);
            draft.declare(table, places.map(Vec::as_slice), &mut judged);
            if judged.obstacles.is_empty() {
                declared.push(table);
            } else {
                draft.take_back(&table.name);
            }
        }
        tables.push(judged);
    }
    for judged in &mut tables {
        if let Some(table) = declared.iter().find(|table| table.name == judged.name) {
            draft.refer(table, judged);
        }
        judged.verdict = match (judged.obstacles.is_empty(), judged.notes.is_empty()) {
            _ if served.table(&judged.name).is_some() => Verdict::Served,
            (false, _) => Verdict::DoesNotFit,
            (true, true) => Verdict::Fits,
            (true, false) => Verdict::FitsWithNotes,
        };
    }
    let fits = found.obstacles.is_empty();
    Ok(Judged {
        database: found.name.clone(),
        schema: found.schema.clone(),
        obstacles: found.obstacles.clone(),
        tables,
        others: found.others.clone(),
        fitting: if fits {
            draft.finish(served)
        } else {
            Vec::new()
        },
    })
}

impl Store {
    /// Serves the tables that fit, from now on: they become a version of the schema, and nothing
    /// of theirs is changed. Gives that version.
    ///
    /// # Errors
    /// The schema has changed meanwhile, or a table is not any more as it was looked at.
    pub async fn adopt(&self, judged: &Judged) -> Result<u64, StoreError> {
        let _one = self.migrating.lock().await;
        let from = self.reload_schema().await?;
        let mut schema = Schema::clone(&from);
        schema.version += 1;
        for table in &judged.fitting {
            if schema.tables.contains_key(&table.name) {
                let what = format!("relation \"{}\" is served already", table.name);
                return Err(Refusal::new("42P07", what).into());
            }
            schema.tables.insert(table.name.clone(), Arc::clone(table));
        }
        let now = Value::Timestamp(self.clock().now_us());
        let steps = judged.fitting.iter().cloned();
        let change = SchemaChange {
            from_version: from.version,
            to_version: schema.version,
            steps: steps.map(SchemaStep::AdoptTable).collect(),
            record: vec![schema_record(&schema, now)?],
        };
        self.engine().apply(change).await?;
        let version = schema.version;
        self.adopt_schema(Arc::new(schema));
        Ok(version)
    }
}

/// The tables that requests can name.
fn models_apart(served: &Schema) -> Schema {
    let mut schema = served.clone();
    schema
        .tables
        .retain(|name, _| !name.starts_with(RESERVED_PREFIX));
    schema
}

fn check_wanted(found: &FoundDatabase, wanted: &Wanted) -> Result<(), Refusal> {
    if found.tables.is_empty() && !found.obstacles.is_empty() {
        return Ok(());
    }
    for name in wanted.tables.iter().chain(wanted.placed_by.keys()) {
        if !found.tables.iter().any(|table| table.name == *name) {
            let what = format!("relation \"{name}\" does not exist, or is no table");
            let known: Vec<&str> = found.tables.iter().map(|one| one.name.as_str()).collect();
            let hint = format!("There are {}.", known.join(", "));
            return Err(Refusal::new("42P01", what).hint(hint));
        }
    }
    Ok(())
}

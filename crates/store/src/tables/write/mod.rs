//! Writes to tables: what a request changes, and what it is answered.
//!
//! [`rows`] makes whole rows of a body, [`receipt`] places an idempotency key,
//! [`finish`] writes the answer down inside the transaction.

mod finish;
mod receipt;
mod rows;

use super::directory::{Directory, Entry};
use super::payload::Payload;
use super::read::ReadPlan;
use super::refusals;
use super::resolve::Resolver;
use crate::config::StoreConfig;
use crate::operation::Reach;
use crate::request::{
    Condition, EmbedPath, Field, Operand, Query, Resolution, Returning, Shape, TableRead,
    TableWrite, Test, Verb,
};
use crate::session;
use crate::store::Store;
use finish::Finisher;
use pando_model::engine::{Cacheable, LaidDown, Receipt};
use pando_model::error::Refusal;
use pando_model::plan::{
    Change, Comparison, Conflict, Delete, Filter, Insert, Output, Row, Scalar, Select, Tree, Update,
};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// A write that an engine can carry out.
pub(crate) struct Planned {
    changes: Vec<Change>,
    receipt: Option<Receipt>,
    finisher: Finisher,
    reach: Reach,
}

impl Planned {
    /// Which slots are written.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// What is changed, the idempotency key, and what answers the outcome.
    pub(crate) fn into_parts(self) -> (Vec<Change>, Option<Receipt>, Finisher) {
        (self.changes, self.receipt, self.finisher)
    }
}

/// Plans a write: reads its body, makes its ids, resolves its filters and its answer.
pub(crate) async fn plan(
    store: &Store,
    directory: &Directory,
    request: &Arc<TableWrite>,
) -> session::Result<Planned> {
    let entry = directory.entry(&request.table)?;
    let resolver = Resolver {
        directory,
        config: store.config(),
        cut: false,
    };
    let (filter, returning, finisher) = answer(&resolver, entry, request)?;
    let (change, keyed) = match request.verb {
        Verb::Insert | Verb::Put => {
            let (insert, keyed) = insert(store, &entry.table, request, returning).await?;
            (insert.map(Change::Insert), keyed)
        }
        Verb::Update => {
            let change = update(store, &entry.table, request, filter, returning)?;
            (change.map(Change::Update), None)
        }
        Verb::Delete => {
            check_filtered(request, "DELETE")?;
            let delete = Delete {
                table: Arc::clone(&entry.table),
                filter,
                max_affected: request.max_affected,
                returning,
            };
            (Some(Change::Delete(delete)), None)
        }
    };
    let changes: Vec<Change> = change.into_iter().collect();
    let reach = receipt::reach(&changes, keyed);
    Ok(Planned {
        receipt: request
            .idempotency
            .as_ref()
            .map(|idempotency| store.receipt(idempotency, reach)),
        reach,
        changes,
        finisher,
    })
}

/// Rows of one write that are laid down in a cache at most.
const LAID_DOWN_MAX: usize = 16;

/// The questions for whole rows by their primary keys whose answers a write changes, where it
/// names few.
pub(crate) fn laid_down(
    directory: &Directory,
    config: &StoreConfig,
    request: &TableWrite,
    changes: &[Change],
) -> Vec<LaidDown> {
    let mut asked = Vec::new();
    for change in changes {
        match change {
            Change::Insert(insert) if insert.rows.len() <= LAID_DOWN_MAX => {
                let rows = insert.rows.iter();
                asked.extend(rows.filter_map(|row| by_key(&insert.table, row)));
            }
            Change::Update(update) if names_a_row(&update.table, request) => {
                asked.push(request.query.filters.clone());
            }
            Change::Delete(delete) if names_a_row(&delete.table, request) => {
                asked.push(request.query.filters.clone());
            }
            Change::Insert(_) | Change::Update(_) | Change::Delete(_) => {}
        }
    }
    let questions = asked.into_iter().filter_map(|filters| {
        let read = TableRead {
            table: request.table.clone(),
            query: Query {
                filters,
                ..Query::default()
            },
            count: None,
            shape: Shape::Array,
        };
        let (tree, _) = ReadPlan::new(directory, config, &read, None).ok()?;
        Some(LaidDown {
            tree: Arc::new(tree),
            of: Cacheable::new(format!("rest/{}", request.table)),
        })
    });
    questions.collect()
}

/// Whether a request's filters are a primary key's, and nothing else.
fn names_a_row(table: &Table, request: &TableWrite) -> bool {
    let keys = &table.primary_key.columns;
    let filters = &request.query.filters;
    filters.len() == keys.len()
        && keys.iter().all(|ix| {
            filters.iter().any(|(path, condition)| match condition {
                Condition::Test {
                    field,
                    negated: false,
                    test: Test::Compare(Comparison::Eq, Operand::One(_)),
                } => {
                    path.is_empty()
                        && field.path.is_empty()
                        && field.name == table.columns[*ix].name
                }
                _ => false,
            })
        })
}

/// The filters that find a row by its primary key; `None` where it is the engine that makes it.
fn by_key(table: &Table, row: &Row) -> Option<Vec<(EmbedPath, Condition)>> {
    let keys = table.primary_key.columns.iter().map(|ix| {
        let column = &table.columns[*ix];
        let text = row.get(*ix)?.to_text(&column.ty)?;
        let test = Condition::Test {
            field: Field {
                name: column.name.clone(),
                path: Vec::new(),
                as_text: false,
            },
            negated: false,
            test: Test::Compare(Comparison::Eq, Operand::One(text)),
        };
        Some((EmbedPath::new(), test))
    });
    keys.collect()
}

/// The condition on the rows that are changed, what the change returns, and what is made of it.
fn answer(
    resolver: &Resolver<'_>,
    entry: &Entry,
    request: &Arc<TableWrite>,
) -> Result<(Filter, Option<Tree>, Finisher), Refusal> {
    let table = &entry.table;
    match request.returning {
        Returning::Representation => {
            let (filter, plan) = resolver.resolve_write(entry, &request.query)?;
            let finisher = Finisher::of_rows(request, plan.layout);
            Ok((filter, Some(plan.tree), finisher))
        }
        Returning::HeadersOnly if request.verb == Verb::Insert => {
            let filter = resolver.resolve_filter(entry, &request.query)?;
            let finisher = Finisher::of_location(request, table);
            Ok((filter, Some(keys_only(table)), finisher))
        }
        Returning::Minimal | Returning::HeadersOnly => {
            let filter = resolver.resolve_filter(entry, &request.query)?;
            Ok((filter, None, Finisher::of_count(request)))
        }
    }
}

fn keys_only(table: &Arc<Table>) -> Tree {
    let keys = table.primary_key.columns.iter();
    Tree {
        select: Select {
            table: Arc::clone(table),
            output: keys.map(|ix| Output::Scalar(Scalar::Column(*ix))).collect(),
            filter: Filter::Const(true),
            order: Vec::new(),
            limit: None,
            offset: 0,
        },
        children: Vec::new(),
    }
}

/// The new rows; with them, the one row whose shard key the request names itself.
async fn insert(
    store: &Store,
    table: &Arc<Table>,
    request: &TableWrite,
    returning: Option<Tree>,
) -> session::Result<(Option<Insert>, Option<Row>)> {
    let payload = Payload::read(table, request, store.config().max_write_rows)?;
    let mut rows = rows::whole(store, table, &payload, request.missing_default).await?;
    let conflict = if request.verb == Verb::Put {
        rows = matching(table, rows, &put_key(table, request)?)?;
        Some(Conflict {
            target: table.primary_key.columns.clone(),
            merge: Some(payload.columns.clone()),
        })
    } else {
        conflict(table, request, &payload.columns)?
    };
    if rows.is_empty() {
        return Ok((None, None));
    }
    let named = |ix: &ColumnIx| payload.gives(*ix);
    let keyed = match rows.as_slice() {
        [only] if table.shard_key.iter().all(named) => Some(only.clone()),
        _ => None,
    };
    let insert = Insert {
        table: Arc::clone(table),
        rows,
        conflict,
        returning,
    };
    Ok((Some(insert), keyed))
}

fn conflict(
    table: &Table,
    request: &TableWrite,
    given: &[ColumnIx],
) -> Result<Option<Conflict>, Refusal> {
    let Some(resolution) = request.resolution else {
        return Ok(None);
    };
    let target = match &request.on_conflict {
        None => table.primary_key.columns.clone(),
        Some(names) => {
            let named = |name: &String| {
                table.column_ix(name).ok_or_else(|| {
                    Refusal::new("42703", format!("column \"{name}\" does not exist"))
                })
            };
            names.iter().map(named).collect::<Result<Vec<_>, _>>()?
        }
    };
    let same = |key: &[ColumnIx]| {
        key.iter().all(|ix| target.contains(ix)) && target.iter().all(|ix| key.contains(ix))
    };
    let uniques = table.uniques.iter();
    if !same(&table.primary_key.columns) && !uniques.clone().any(|one| same(&one.columns)) {
        return Err(refusals::no_such_conflict_target());
    }
    let merge = match resolution {
        Resolution::Merge if !given.is_empty() => Some(given.to_vec()),
        Resolution::Merge | Resolution::Ignore => None,
    };
    Ok(Some(Conflict { target, merge }))
}

fn update(
    store: &Store,
    table: &Arc<Table>,
    request: &TableWrite,
    filter: Filter,
    returning: Option<Tree>,
) -> Result<Option<Update>, Refusal> {
    let payload = Payload::read(table, request, store.config().max_write_rows)?;
    if payload.rows == 0 || payload.columns.is_empty() {
        return Ok(None);
    }
    check_filtered(request, "UPDATE")?;
    let now_us = store.clock().now_us();
    Ok(Some(Update {
        table: Arc::clone(table),
        filter,
        set: rows::new_values(table, &payload, request.missing_default, now_us)?,
        max_affected: request.max_affected,
        returning,
    }))
}

/// A change without a filter has to say how many rows it may affect.
fn check_filtered(request: &TableWrite, verb: &str) -> Result<(), Refusal> {
    let filtered = request
        .query
        .filters
        .iter()
        .any(|(path, _)| path.is_empty());
    if filtered || request.max_affected.is_some() {
        Ok(())
    } else {
        Err(refusals::where_required(verb))
    }
}

/// The primary key that a `PUT` addresses: its filters are `eq`, on all of the key and on
/// nothing else.
fn put_key(table: &Table, request: &TableWrite) -> Result<Vec<(ColumnIx, Value)>, Refusal> {
    if !request.query.ranges.is_empty() {
        return Err(refusals::put_range());
    }
    let mut key: Vec<(ColumnIx, Value)> = Vec::new();
    for (path, condition) in &request.query.filters {
        if !path.is_empty() {
            continue;
        }
        let Condition::Test {
            field: Field { name, path, .. },
            negated: false,
            test: Test::Compare(Comparison::Eq, Operand::One(text)),
        } = condition
        else {
            return Err(refusals::put_filters());
        };
        match table.column_ix(name) {
            Some(ix) if path.is_empty() && table.is_key(ix) => {
                let ty = &table.columns[ix].ty;
                key.push((ix, Value::parse(ty, text)?.fit(ty)?));
            }
            _ => return Err(refusals::put_filters()),
        }
    }
    let whole = |ix: &ColumnIx| key.iter().any(|(known, _)| known == ix);
    if table.primary_key.columns.iter().all(whole) {
        Ok(key)
    } else {
        Err(refusals::put_filters())
    }
}

/// The one row of a `PUT`'s body that has the key that is addressed.
fn matching(table: &Table, rows: Vec<Row>, key: &[(ColumnIx, Value)]) -> Result<Vec<Row>, Refusal> {
    debug_assert!(key.len() >= table.primary_key.columns.len());
    let is_addressed = |row: &Row| key.iter().all(|(ix, value)| row[*ix] == *value);
    let rows: Vec<Row> = rows.into_iter().filter(is_addressed).collect();
    if rows.len() == 1 {
        Ok(rows)
    } else {
        Err(refusals::put_key())
    }
}

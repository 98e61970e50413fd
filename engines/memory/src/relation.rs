//! Rows of one table that belong to a key of another, directly or through a
//! junction table.

use crate::database::Database;
use crate::key::Key;
use pando_model::engine::Result;
use pando_model::plan::{Join, KeySource, Row, Via};
use pando_model::value::Value;
use std::sync::Arc;

/// A row, and the key by which it was found, as it stands on its own side.
pub(crate) struct Found<'d> {
    pub(crate) row: &'d Arc<Row>,
    pub(crate) key: Row,
}

/// The rows of `table` under one key, by primary key; once for each row of the
/// junction that leads to them.
pub(crate) fn rows_of_key<'d>(
    db: &'d Database,
    table: &str,
    via: Option<&Via>,
    sources: &[KeySource],
    key: &[Value],
) -> Result<Vec<Found<'d>>> {
    let state = db.table(table)?;
    let pairs = || sources.iter().copied().zip(key.iter().cloned());
    let (own, own_values): (Vec<_>, Vec<_>) = pairs()
        .filter_map(|(source, value)| match source {
            KeySource::Table(ix) => Some((ix, value)),
            KeySource::Via(_) => None,
        })
        .unzip();
    let mut found = Vec::new();
    let Some(via) = via else {
        for row in state.lookup(&own, &own_values) {
            let key = key_of(sources, row, None);
            found.push(Found { row, key });
        }
        sort_by_key(&mut found, |row| state.key_of(row));
        return Ok(found);
    };
    let (far, far_values): (Vec<_>, Vec<_>) = pairs()
        .filter_map(|(source, value)| match source {
            KeySource::Via(ix) => Some((ix, value)),
            KeySource::Table(_) => None,
        })
        .unzip();
    for link in db.table(&via.table.name)?.lookup(&far, &far_values) {
        let (mut columns, mut values) = (own.clone(), own_values.clone());
        for (near, target) in &via.on {
            columns.push(*target);
            values.push(link[*near].clone());
        }
        for row in state.lookup(&columns, &values) {
            let key = key_of(sources, row, Some(link));
            found.push(Found { row, key });
        }
    }
    sort_by_key(&mut found, |row| state.key_of(row));
    Ok(found)
}

/// The rows that a join relates to `row`, by primary key.
pub(crate) fn related_rows<'d>(db: &'d Database, join: &Join, row: &Row) -> Result<Vec<Found<'d>>> {
    let (key, sources): (Vec<Value>, Vec<KeySource>) = join
        .on
        .iter()
        .map(|(ix, source)| (row[*ix].clone(), *source))
        .unzip();
    rows_of_key(db, &join.table.name, join.via.as_ref(), &sources, &key)
}

fn key_of(sources: &[KeySource], row: &Row, link: Option<&Arc<Row>>) -> Row {
    sources
        .iter()
        .map(|source| match (source, link) {
            (KeySource::Table(ix), _) => row[*ix].clone(),
            (KeySource::Via(ix), Some(link)) => link[*ix].clone(),
            (KeySource::Via(_), None) => Value::Null,
        })
        .collect()
}

fn sort_by_key(found: &mut [Found<'_>], key: impl Fn(&Row) -> Key) {
    found.sort_by_cached_key(|found| key(found.row));
}

//! `Prefer: explain`: where a request would go, and why. Nothing is carried out.

use crate::error::ApiError;
use pando_model::canonical::bytes_of;
use pando_model::plan::Comparison;
use pando_model::schema::Table;
use pando_model::slot::Slot;
use pando_model::value::Value;
use pando_store::Store;
use pando_store::request::{Condition, Field, Operand, Query, SelectItem, Test, Verb};
use serde_json::{Value as Json, json};

/// More slots than this are not listed: the request goes everywhere.
const SLOTS_MAX: usize = 64;

/// The explanation of a request on a table; `verb` is what a write would do.
pub(super) fn explain(
    store: &Store,
    table: &str,
    query: &Query,
    verb: Option<Verb>,
) -> Result<Json, ApiError> {
    let schema = store.schema();
    let Some(table) = schema.table(table) else {
        return Err(super::no_such_table(table));
    };
    let (slots, why) = slots(table, query, verb);
    let info = store.engine().info();
    let key: Vec<&str> = names(table, &table.shard_key);
    Ok(json!({
        "table": table.name,
        "verb": verb.map_or("read", name_of),
        "schema_version": schema.version,
        "shard": { "number": 0, "engine": info.name },
        "slots": slots.map(|slots| slots.iter().map(Slot::to_string).collect::<Vec<_>>()),
        "why": why,
        "shard_key": key,
        "plan": {
            "filters": query.filters.len(),
            "order": query.order.iter().map(|(_, terms)| terms.len()).sum::<usize>(),
            "paging": if query.cursor.is_some() { "cursor" } else { "offset" },
            "lookups": lookups(&query.select),
        },
    }))
}

/// The slots that a request is confined to, `None` for all of them, and why.
fn slots(table: &Table, query: &Query, verb: Option<Verb>) -> (Option<Vec<Slot>>, String) {
    if table.reference {
        let why = "every shard holds the whole of a reference table";
        return (Some(vec![Slot::REFERENCE]), why.to_owned());
    }
    if verb == Some(Verb::Insert) {
        let why = "each row goes to the slot of its shard key, and the rows are in the body";
        return (None, why.to_owned());
    }
    let mut keys: Vec<Vec<Value>> = vec![Vec::new()];
    for ix in &table.shard_key {
        let column = &table.columns[*ix];
        let Some(values) = fixed_to(query, &column.name) else {
            let why = format!("no filter fixes {} of the shard key", column.name);
            return (None, why);
        };
        let parsed: Result<Vec<Value>, _> = values
            .iter()
            .map(|text| Value::parse(&column.ty, text).and_then(|v| v.fit(&column.ty)))
            .collect();
        let Ok(parsed) = parsed else {
            return (
                None,
                format!("a value of {} is not a {}", column.name, column.ty),
            );
        };
        keys = keys
            .iter()
            .flat_map(|key| {
                parsed.iter().map(move |value| {
                    let mut key = key.clone();
                    key.push(value.clone());
                    key
                })
            })
            .take(SLOTS_MAX + 1)
            .collect();
    }
    if keys.len() > SLOTS_MAX {
        return (
            None,
            "the filters fix too many shard keys to list".to_owned(),
        );
    }
    let mut slots: Vec<Slot> = keys
        .iter()
        .map(|key| {
            let types = table.shard_key.iter().map(|ix| &table.columns[*ix].ty);
            let parts: Vec<_> = types.zip(key).collect();
            Slot::of_key(&bytes_of(&parts))
        })
        .collect();
    slots.sort_unstable();
    slots.dedup();
    (Some(slots), "the filters fix the shard key".to_owned())
}

/// The values that the root's filters leave to a column.
fn fixed_to<'a>(query: &'a Query, column: &str) -> Option<Vec<&'a str>> {
    let root = query.filters.iter().filter(|(path, _)| path.is_empty());
    root.into_iter()
        .find_map(|(_, condition)| fixed_by(condition, column))
}

fn fixed_by<'a>(condition: &'a Condition, column: &str) -> Option<Vec<&'a str>> {
    let is_column = |field: &Field| field.path.is_empty() && field.name == column;
    match condition {
        Condition::And(false, parts) => parts.iter().find_map(|part| fixed_by(part, column)),
        Condition::Test {
            field,
            negated: false,
            test,
        } if is_column(field) => match test {
            Test::Compare(Comparison::Eq, Operand::One(value)) => Some(vec![value]),
            Test::Compare(Comparison::Eq, Operand::Any(values)) | Test::In(values) => {
                Some(values.iter().map(String::as_str).collect())
            }
            _ => None,
        },
        _ => None,
    }
}

/// Embedded resources, each one batched look-up.
fn lookups(items: &[SelectItem]) -> Vec<Json> {
    items
        .iter()
        .filter_map(|item| match item {
            SelectItem::Embed(embed) => Some(json!({
                "resource": embed.target,
                "inner": embed.inner,
                "lookups": lookups(&embed.items),
            })),
            _ => None,
        })
        .collect()
}

fn names<'a>(table: &'a Table, columns: &[usize]) -> Vec<&'a str> {
    columns
        .iter()
        .map(|ix| table.columns[*ix].name.as_str())
        .collect()
}

fn name_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Insert => "insert",
        Verb::Put => "put",
        Verb::Update => "update",
        Verb::Delete => "delete",
    }
}

//! Wide-column: the cells of a row for each record.
//!
//! Without flags a record is what `export` writes: `{"partition", "row", "versions":
//! {"family:qualifier": [{"at", "value"}, …]}}`.

use super::super::chunk::Fault;
use super::super::fields::{Fields, object, push_string};
use super::{BATCH_FRAME, BATCH_OPERATIONS_MAX, Operations, Recipe, usage};
use crate::cli::ImportArgs;
use pando_client::encoded;
use std::collections::BTreeMap;

/// What the records of an import are.
enum Form {
    /// As they are exported: every version of every cell.
    Exported,
    /// Fields that go into cells.
    Columns {
        partition: String,
        row: String,
        /// `family:qualifier`, and the field.
        columns: Vec<(String, String)>,
        /// The field that tells when.
        at: Option<String>,
    },
}

/// Rows of a table.
struct Rows {
    path: String,
    form: Form,
}

/// The recipe that the flags name.
pub(super) fn of(table: &str, args: &ImportArgs) -> anyhow::Result<Box<dyn Recipe>> {
    let form = match (&args.partition, &args.row) {
        (None, None) if args.columns.is_empty() && args.at.is_none() => Form::Exported,
        (Some(partition), Some(row)) if !args.columns.is_empty() => Form::Columns {
            partition: partition.clone(),
            row: row.clone(),
            columns: columns_of(&args.columns)?,
            at: args.at.clone(),
        },
        _ => {
            return Err(usage(
                "a wide row has a partition, a row key and cells",
                "--partition FIELD --row FIELD --column FAMILY:QUALIFIER=FIELD …;\n\
                 without any of these flags records are as `pando export` writes them",
            ));
        }
    };
    Ok(Box::new(Rows {
        path: format!("/wide/v1/{}/batch", encoded(table)),
        form,
    }))
}

fn columns_of(given: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut columns: Vec<(String, String)> = Vec::with_capacity(given.len());
    for text in given {
        let parts = text.split_once('=').filter(|(cell, field)| {
            let halves = cell.split_once(':');
            !field.is_empty() && halves.is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
        });
        let Some((cell, field)) = parts else {
            return Err(usage(
                &format!("--column {text}: write FAMILY:QUALIFIER=FIELD"),
                "for example --column obs:temp=temp",
            ));
        };
        if columns.iter().any(|(other, _)| other == cell) {
            return Err(usage(
                &format!("--column {text}: the cell {cell} is given twice"),
                "a cell is taken from one field",
            ));
        }
        columns.push((cell.to_owned(), field.to_owned()));
    }
    Ok(columns)
}

/// A put of cells; `at` is JSON.
fn put(partition: &str, row: &str, at: Option<&str>, cells: &[(&str, &str)]) -> String {
    let mut text = String::from("{\"op\":\"put\",\"partition\":");
    push_string(partition, &mut text);
    text.push_str(",\"row\":");
    push_string(row, &mut text);
    if let Some(at) = at {
        text.push_str(",\"at\":");
        text.push_str(at);
    }
    text.push_str(",\"cells\":{");
    for (place, (cell, value)) in cells.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        push_string(cell, &mut text);
        text.push(':');
        text.push_str(value);
    }
    text.push_str("}}");
    text
}

/// The puts that bring all versions of a record's cells back: one for each time.
fn exported(record: &Fields<'_>) -> Result<Operations, Fault> {
    let (partition, row) = (record.text("partition")?, record.text("row")?);
    let fault = |reason: String| Fault::new("import", reason).at("versions");
    let versions = record
        .given("versions")
        .ok_or_else(|| fault("the record has no such field".to_owned()))?;
    let mut by_time: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let cells = object(versions)?;
    for (cell, list) in &cells {
        let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(list.get())
            .map_err(|error| fault(format!("{cell}: not a list of versions: {error}")))?;
        for version in list {
            let (mut at, mut value) = (None, None);
            for (name, member) in object(version.get())? {
                match &*name {
                    "at" => at = Some(member.get()),
                    "value" => value = Some(member.get()),
                    _ => return Err(fault(format!("{cell}: {name} is no part of a version"))),
                }
            }
            let (Some(at), Some(value)) = (at, value) else {
                return Err(fault(format!("{cell}: a version has at and value")));
            };
            by_time.entry(at).or_default().push((cell, value));
        }
    }
    let puts: Vec<String> = by_time
        .iter()
        .map(|(at, cells)| put(&partition, &row, Some(at), cells))
        .collect();
    Ok(Operations {
        count: puts.len(),
        text: puts.join(","),
    })
}

impl Recipe for Rows {
    fn operations(&self, record: &Fields<'_>) -> Result<Operations, Fault> {
        let Form::Columns {
            partition,
            row,
            columns,
            at,
        } = &self.form
        else {
            return exported(record);
        };
        let (partition, row) = (record.text(partition)?, record.text(row)?);
        let at = match at {
            Some(field) => {
                // A missing time would silently be now.
                record.text(field)?;
                record.given(field)
            }
            None => None,
        };
        let cells: Vec<(&str, &str)> = columns
            .iter()
            .filter_map(|(cell, field)| Some((cell.as_str(), record.given(field)?)))
            .collect();
        if cells.is_empty() {
            return Err(Fault::new("import", "the record gives none of the cells"));
        }
        Ok(Operations {
            count: 1,
            text: put(&partition, &row, at, &cells),
        })
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn frame(&self) -> (&'static str, &'static str) {
        BATCH_FRAME
    }

    fn operations_max(&self) -> usize {
        BATCH_OPERATIONS_MAX
    }

    fn needed(&self) -> Vec<&str> {
        let Form::Columns {
            partition,
            row,
            columns,
            at,
        } = &self.form
        else {
            return Vec::new();
        };
        let keys = [partition.as_str(), row.as_str()].into_iter();
        let fields = columns.iter().map(|(_, field)| field.as_str());
        keys.chain(at.as_deref()).chain(fields).collect()
    }
}

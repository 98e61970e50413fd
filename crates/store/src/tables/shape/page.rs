//! The page of an answer: which of the rows are written, and in which shape.

use super::children::Level;
use super::fold;
use super::{csv, json};
use crate::request::Shape;
use crate::tables::refusals;
use bytes::Bytes;
use pando_model::error::Refusal;
use pando_model::plan::Row;
use pando_model::value::Value;

/// Bytes set aside for a row before its size is known.
const ROW_BYTES: usize = 128;

/// What was written.
pub(crate) struct Page {
    /// The rows, in their shape.
    pub body: Bytes,
    /// How many they are.
    pub rows: u64,
    /// Whether there were more than `most`.
    pub more: bool,
    /// How many groups there are in all, where the rows were folded.
    pub groups: Option<u64>,
}

/// Writes at most `most` of the answer's rows; of a fold's groups, from `offset` on.
pub(crate) fn write(
    level: &Level<'_>,
    shape: Shape,
    offset: u64,
    most: u64,
) -> Result<Page, Refusal> {
    let most_here = usize::try_from(most).unwrap_or(usize::MAX);
    match &level.layout.fold {
        None => {
            let count = level.rows.len().min(most_here);
            let items = level.rows.iter().take(count).map(|row| (row, &[][..]));
            Ok(Page {
                body: write_items(level, items, count, shape)?,
                rows: count as u64,
                more: level.rows.len() > count,
                groups: None,
            })
        }
        Some(fold) => {
            let groups = fold::groups(fold, level, level.rows.iter())?;
            let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
            let left = groups.len().saturating_sub(skipped);
            let count = left.min(most_here);
            let items = groups.iter().skip(skipped).take(count);
            let items = items.map(fold::Group::item);
            Ok(Page {
                body: write_items(level, items, count, shape)?,
                rows: count as u64,
                more: left > count,
                groups: Some(groups.len() as u64),
            })
        }
    }
}

fn write_items<'i>(
    level: &Level<'_>,
    mut items: impl Iterator<Item = (&'i Row, &'i [Value])>,
    count: usize,
    shape: Shape,
) -> Result<Bytes, Refusal> {
    let mut out = Vec::with_capacity(ROW_BYTES + count.saturating_mul(ROW_BYTES));
    match shape {
        Shape::Array => {
            json::write_items(level, items, &mut out)?;
        }
        Shape::Csv => {
            csv::write_items(level, items, &mut out)?;
        }
        Shape::Object => match (count, items.next()) {
            (1, Some((row, folded))) => json::write_object(level, row, folded, &mut out)?,
            _ => return Err(refusals::not_singular(count as u64)),
        },
    }
    Ok(out.into())
}

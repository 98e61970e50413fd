//! Rows as JSON: an array of objects, or the one object.

use super::children::Level;
use super::fold;
use super::{End, Leaf, Step};
use crate::tables::refusals;
use pando_model::error::Refusal;
use pando_model::plan::Row;
use pando_model::value::Value;

/// Bytes of one answer at most. Embedding multiplies: a thousand rows that embed each other
/// three times over would be written a billion times. This is eight of the largest bodies.
const ANSWER_BYTES_MAX: usize = 128 << 20;

/// Appends an array of a level's rows, or of their groups, and says how many it holds.
pub(crate) fn write_array<'a>(
    level: &'a Level<'a>,
    rows: impl Iterator<Item = &'a Row>,
    out: &mut Vec<u8>,
) -> Result<u64, Refusal> {
    match &level.layout.fold {
        None => write_items(level, rows.map(|row| (row, &[][..])), out),
        Some(fold) => {
            let groups = fold::groups(fold, level, rows)?;
            write_items(level, groups.iter().map(fold::Group::item), out)
        }
    }
}

/// Appends an array of rows, each with the aggregates of its group.
pub(crate) fn write_items<'i>(
    level: &Level<'_>,
    items: impl Iterator<Item = (&'i Row, &'i [Value])>,
    out: &mut Vec<u8>,
) -> Result<u64, Refusal> {
    out.push(b'[');
    let mut written = 0;
    for (row, folded) in items {
        if written > 0 {
            out.push(b',');
        }
        written += 1;
        write_object(level, row, folded, out)?;
    }
    out.push(b']');
    Ok(written)
}

/// Appends one row as an object. `folded` are the aggregates of its group.
pub(crate) fn write_object(
    level: &Level<'_>,
    row: &Row,
    folded: &[Value],
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    refuse_endless(out)?;
    let mut separator = b'{';
    for leaf in level.layout.leaves.iter() {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(&leaf.key);
        write_leaf(level, row, leaf, folded, out)?;
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    Ok(())
}

/// Appends one field's value.
pub(crate) fn write_leaf(
    level: &Level<'_>,
    row: &Row,
    leaf: &Leaf,
    folded: &[Value],
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    write_along(level, row, &leaf.path, &leaf.end, folded, out)
}

fn write_along(
    level: &Level<'_>,
    row: &Row,
    path: &[Step],
    end: &End,
    folded: &[Value],
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let Some((step, rest)) = path.split_first() else {
        return write_end(level, row, end, folded, out);
    };
    let child = &level.children[step.child];
    let mut rows = child.rows_of(row);
    if !step.many {
        return match rows.next() {
            Some(row) => write_along(&child.level, row, rest, end, folded, out),
            None => write_null(out),
        };
    }
    out.push(b'[');
    for (at, row) in rows.enumerate() {
        refuse_endless(out)?;
        if at > 0 {
            out.push(b',');
        }
        write_along(&child.level, row, rest, end, folded, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_end(
    level: &Level<'_>,
    row: &Row,
    end: &End,
    folded: &[Value],
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    match end {
        End::Value(ix, ty) => match row.get(*ix) {
            Some(value) => value.write_json(ty, out),
            None => out.extend_from_slice(b"null"),
        },
        End::Cast(ix, from, to) => match row.get(*ix) {
            Some(value) => value.cast(from, to)?.write_json(to, out),
            None => out.extend_from_slice(b"null"),
        },
        End::Folded(ix) => {
            if let (Some(fold), Some(value)) = (&level.layout.fold, folded.get(*ix)) {
                value.write_json(fold.aggregates[*ix].ty(), out);
            }
        }
        End::Embed(step) => {
            let child = &level.children[step.child];
            if step.many {
                write_array(&child.level, child.rows_of(row), out)?;
            } else {
                write_single(&child.level, child.rows_of(row), out)?;
            }
        }
    }
    Ok(())
}

/// Appends the first of the rows as an object, or null.
fn write_single<'a>(
    level: &'a Level<'a>,
    mut rows: impl Iterator<Item = &'a Row>,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    match &level.layout.fold {
        None => match rows.next() {
            Some(row) => write_object(level, row, &[], out),
            None => write_null(out),
        },
        Some(fold) => match fold::groups(fold, level, rows)?.first() {
            Some(group) => write_object(level, group.row, &group.values, out),
            None => write_null(out),
        },
    }
}

fn write_null(out: &mut Vec<u8>) -> Result<(), Refusal> {
    out.extend_from_slice(b"null");
    Ok(())
}

fn refuse_endless(out: &[u8]) -> Result<(), Refusal> {
    if out.len() < ANSWER_BYTES_MAX {
        return Ok(());
    }
    Err(refusals::endless_answer(ANSWER_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::*;

    #[test]
    fn an_answer_ends_somewhere() {
        let layout = Layout {
            leaves: [].into(),
            children: Vec::new(),
            fold: None,
        };
        let level = Level {
            layout: &layout,
            rows: &[],
            children: Vec::new(),
        };
        let mut out = vec![0; ANSWER_BYTES_MAX - 4];
        let row = Row::new();
        write_items(&level, [(&row, &[][..])].into_iter(), &mut out).unwrap();
        let refused = write_items(&level, [(&row, &[][..])].into_iter(), &mut out);
        assert_eq!(refused.unwrap_err().code, "54000");
    }
}

//! What a scalar and a filter mean for one row: SQL's three-valued logic,
//! where `None` is unknown.

use crate::database::Database;
use crate::relation::related_rows;
use pando_model::engine::Result;
use pando_model::plan::{Comparison, Containment, Filter, Is, Row, Scalar};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use pando_model::{array, json};
use std::borrow::Cow;
use std::cmp::Ordering;

/// True, false or unknown.
pub(crate) type Truth = Option<bool>;

/// The value of a scalar in a row of `table`.
pub(crate) fn scalar<'r>(table: &Table, scalar_: &Scalar, row: &'r Row) -> Result<Cow<'r, Value>> {
    Ok(match scalar_ {
        Scalar::Column(ix) => Cow::Borrowed(&row[*ix]),
        Scalar::Json {
            column,
            path,
            as_text,
        } => Cow::Owned(match &row[*column] {
            Value::Json(text) => json::extract(text, path, *as_text, false),
            Value::Jsonb(text) => json::extract(text, path, *as_text, true),
            _ => Value::Null,
        }),
        Scalar::Cast(inner, to) => {
            let from = inner.ty(table);
            Cow::Owned(scalar(table, inner, row)?.cast(&from, to)?)
        }
    })
}

/// Whether a row of `table` passes: the filter is true, not unknown.
pub(crate) fn passes(db: &Database, table: &Table, filter: &Filter, row: &Row) -> Result<bool> {
    Ok(truth(db, table, filter, row)? == Some(true))
}

fn truth(db: &Database, table: &Table, filter: &Filter, row: &Row) -> Result<Truth> {
    Ok(match filter {
        Filter::Const(truth) => Some(*truth),
        Filter::And(parts) => every(parts, |part| truth(db, table, part, row))?,
        Filter::Or(parts) => not(every(parts, |part| Ok(not(truth(db, table, part, row)?)))?),
        Filter::Not(inner) => not(truth(db, table, inner, row)?),
        Filter::Compare { left, op, right } => known(&*scalar(table, left, row)?, right, |l, r| {
            holds(*op, l.compare(r))
        }),
        Filter::IsDistinct { left, right } => {
            let left = scalar(table, left, row)?;
            Some(match (left.is_null(), right.is_null()) {
                (false, false) => left.compare(right).is_ne(),
                (left_null, right_null) => left_null != right_null,
            })
        }
        Filter::In { left, values } => is_in(&*scalar(table, left, row)?, values),
        Filter::Is { left, what } => Some(is(&*scalar(table, left, row)?, *what)),
        Filter::Match { left, pattern } => {
            on_text(&*scalar(table, left, row)?, |text| pattern.is_match(text))
        }
        Filter::Search { left, query } => {
            on_text(&*scalar(table, left, row)?, |text| query.is_match(text))
        }
        Filter::Containment { left, op, right } => {
            known(&*scalar(table, left, row)?, right, |l, r| lies(l, *op, r))
        }
        Filter::Exists { join, filter } => Some(exists(db, join, filter, row)?),
        Filter::Keys { columns, keys } => any_equal(columns, keys, row),
        Filter::After { columns, values } => after(columns, values, row),
    })
}

/// AND over parts; false as soon as one is.
fn every<T>(parts: &[T], mut truth: impl FnMut(&T) -> Result<Truth>) -> Result<Truth> {
    let mut all = Some(true);
    for part in parts {
        match truth(part)? {
            Some(false) => return Ok(Some(false)),
            Some(true) => {}
            None => all = None,
        }
    }
    Ok(all)
}

fn not(truth: Truth) -> Truth {
    truth.map(|truth| !truth)
}

fn known<T>(left: &Value, right: &Value, test: impl FnOnce(&Value, &Value) -> T) -> Option<T> {
    (!left.is_null() && !right.is_null()).then(|| test(left, right))
}

fn on_text(value: &Value, test: impl FnOnce(&str) -> bool) -> Truth {
    match value {
        Value::Text(text) => Some(test(text)),
        _ => None,
    }
}

fn holds(op: Comparison, order: Ordering) -> bool {
    match op {
        Comparison::Eq => order.is_eq(),
        Comparison::Ne => order.is_ne(),
        Comparison::Lt => order.is_lt(),
        Comparison::Le => order.is_le(),
        Comparison::Gt => order.is_gt(),
        Comparison::Ge => order.is_ge(),
    }
}

/// In nothing is false, even for NULL: PostgreSQL's `= ANY ('{}')`.
fn is_in(left: &Value, values: &[Value]) -> Truth {
    let mut found = Some(false);
    for right in values {
        match known(left, right, |l, r| l.compare(r).is_eq()) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

fn is(value: &Value, what: Is) -> bool {
    match what {
        Is::Null | Is::Unknown => value.is_null(),
        Is::True => *value == Value::Bool(true),
        Is::False => *value == Value::Bool(false),
    }
}

fn lies(left: &Value, op: Containment, right: &Value) -> bool {
    match (left, op, right) {
        (Value::Array(l), Containment::Contains, Value::Array(r)) => array::contains(l, r),
        (Value::Array(l), Containment::ContainedBy, Value::Array(r)) => array::contains(r, l),
        (Value::Array(l), Containment::Overlaps, Value::Array(r)) => array::overlaps(l, r),
        (Value::Jsonb(l), Containment::Contains, Value::Jsonb(r)) => json::contains(l, r),
        (Value::Jsonb(l), Containment::ContainedBy, Value::Jsonb(r)) => json::contains(r, l),
        _ => false,
    }
}

fn exists(
    db: &Database,
    join: &pando_model::plan::Join,
    filter: &Filter,
    row: &Row,
) -> Result<bool> {
    for found in related_rows(db, join, row)? {
        if passes(db, &join.table, filter, found.row)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `(columns) IN (keys)`: a tuple is unequal as soon as one of its values is.
fn any_equal(columns: &[ColumnIx], keys: &[Vec<Value>], row: &Row) -> Truth {
    let mut found = Some(false);
    for key in keys {
        let mut equal = Some(true);
        for (ix, value) in columns.iter().zip(key) {
            match known(&row[*ix], value, |l, r| l.compare(r).is_eq()) {
                Some(true) => {}
                Some(false) => {
                    equal = Some(false);
                    break;
                }
                None => equal = None,
            }
        }
        match equal {
            Some(true) => return Some(true),
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

/// `(columns) > (values)`: the first pair that differs decides.
fn after(columns: &[ColumnIx], values: &[Value], row: &Row) -> Truth {
    for (ix, value) in columns.iter().zip(values) {
        match known(&row[*ix], value, |l, r| l.compare(r)) {
            Some(order) if order.is_eq() => {}
            Some(order) => return Some(order.is_gt()),
            None => return None,
        }
    }
    Some(false)
}

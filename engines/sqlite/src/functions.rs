//! The functions that SQL calls for what SQLite has no words for: thin over the
//! model, so that a filter means the same on every engine.
//!
//! Arguments that stay the same over a statement (patterns, paths, types) are read
//! once and kept beside it. What a call costs follows from how long its arguments are, and is
//! charged before it is done.

use crate::cell::{Param, result_cell, value_of};
use crate::connection::{Control, RefusalSlot};
use crate::fault::Fault;
use crate::tuple;
use pando_model::aggregate::{Accumulator, AggregateFn};
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::pattern::{Pattern, PatternKind};
use pando_model::plan::{Containment, JsonStep};
use pando_model::text_search::{QueryForm, TextQuery};
use pando_model::value::Value;
use pando_model::{array, json};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value as Owned, ValueRef};
use rusqlite::{Connection, Error, Result};
use std::sync::Arc;

/// The collation of jsonb.
pub(crate) const JSONB_COLLATION: &str = "pando_jsonb";

/// Puts the functions and the collation on a connection.
pub(crate) fn register(
    db: &Connection,
    refusal: &RefusalSlot,
    control: &Arc<Control>,
) -> Result<()> {
    let watched = control.clone();
    db.create_collation(JSONB_COLLATION, move |a, b| {
        watched.note_reading(a.len() + b.len());
        json::compare(a, b)
    })?;
    rusqlite::vtab::array::load_module(db)?;
    let scalars: [(&str, i32, Scalar); 7] = [
        ("pando_match", 3, matches_pattern),
        ("pando_search", 3, matches_search),
        ("pando_json", 4, extract_json),
        ("pando_contains", 4, contains),
        ("pando_cast", 3, cast),
        ("pando_bare", 1, bare),
        ("pando_part", 2, tuple::part),
    ];
    for (name, arguments, function) in scalars {
        let (refusal, control) = (refusal.clone(), control.clone());
        db.create_scalar_function(name, arguments, flags(), move |context| {
            control
                .charge_reading(length(context))
                .and_then(|()| function(context))
                .map_err(|fault| told(fault, &refusal))
        })?;
    }
    for (name, function) in [
        ("pando_sum", AggregateFn::Sum),
        ("pando_avg", AggregateFn::Avg),
        ("pando_min", AggregateFn::Min),
        ("pando_max", AggregateFn::Max),
    ] {
        let refusal = refusal.clone();
        db.create_aggregate_function(name, 2, flags(), Exact { function, refusal })?;
    }
    Ok(())
}

/// How a pattern's language is named to `pando_match`.
pub(crate) fn pattern_code(kind: PatternKind) -> i64 {
    match kind {
        PatternKind::Like => 0,
        PatternKind::ILike => 1,
        PatternKind::Regex => 2,
        PatternKind::RegexInsensitive => 3,
    }
}

/// How a query's form is named to `pando_search`.
pub(crate) fn form_code(form: QueryForm) -> i64 {
    match form {
        QueryForm::Fts => 0,
        QueryForm::Plain => 1,
        QueryForm::Phrase => 2,
        QueryForm::Websearch => 3,
    }
}

/// How a containment is named to `pando_contains`.
pub(crate) fn containment_code(op: Containment) -> i64 {
    match op {
        Containment::Contains => 0,
        Containment::ContainedBy => 1,
        Containment::Overlaps => 2,
    }
}

/// A JSON path as one text: `k` or `i`, the length of what follows, a colon, and it.
pub(crate) fn path_text(path: &[JsonStep]) -> String {
    path.iter()
        .map(|step| match step {
            JsonStep::Key(key) => format!("k{}:{key}", key.len()),
            JsonStep::Index(index) => {
                let index = index.to_string();
                format!("i{}:{index}", index.len())
            }
        })
        .collect()
}

/// A type as a text that `pando_cast` and its like read.
pub(crate) fn type_text(ty: &ColumnType) -> String {
    serde_json::to_string(ty).unwrap_or_default()
}

type Scalar = fn(&Context<'_>) -> std::result::Result<Owned, Fault>;

fn flags() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS
}

/// How long a call's texts and bytes are together.
fn length(context: &Context<'_>) -> usize {
    let lengths = (0..context.len()).map(|place| match context.get_raw(place) {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    });
    lengths.sum()
}

/// Leaves a refusal for the statement's caller; SQLite is told that the statement fails.
fn told(fault: Fault, slot: &RefusalSlot) -> Error {
    match fault {
        Fault::Sqlite(error) => error,
        Fault::Engine(pando_model::error::EngineError::Refused(refusal)) => {
            let message = refusal.to_string();
            *slot.lock() = Some(refusal);
            Error::UserFunctionError(message.into())
        }
        Fault::Engine(error) => Error::UserFunctionError(Box::new(error)),
    }
}

/// `pando_match(kind, pattern, text)`.
fn matches_pattern(context: &Context<'_>) -> std::result::Result<Owned, Fault> {
    let ValueRef::Text(text) = context.get_raw(2) else {
        return Ok(Owned::Null);
    };
    let pattern = kept(context, 1, || {
        let kind = match context.get::<i64>(0)? {
            0 => PatternKind::Like,
            1 => PatternKind::ILike,
            2 => PatternKind::Regex,
            _ => PatternKind::RegexInsensitive,
        };
        Ok(Pattern::new(kind, &context.get::<String>(1)?)?)
    })?;
    Ok(truth(pattern.is_match(utf8(text)?)))
}

/// `pando_search(form, query, text)`.
fn matches_search(context: &Context<'_>) -> std::result::Result<Owned, Fault> {
    let ValueRef::Text(text) = context.get_raw(2) else {
        return Ok(Owned::Null);
    };
    let query = kept(context, 1, || {
        let form = match context.get::<i64>(0)? {
            0 => QueryForm::Fts,
            1 => QueryForm::Plain,
            2 => QueryForm::Phrase,
            _ => QueryForm::Websearch,
        };
        Ok(TextQuery::new(form, &context.get::<String>(1)?)?)
    })?;
    Ok(truth(query.is_match(utf8(text)?)))
}

/// `pando_json(text, path, as_text, jsonb)`.
fn extract_json(context: &Context<'_>) -> std::result::Result<Owned, Fault> {
    let ValueRef::Text(text) = context.get_raw(0) else {
        return Ok(Owned::Null);
    };
    let path = kept(context, 1, || read_path(&context.get::<String>(1)?))?;
    let (as_text, jsonb) = (context.get(2)?, context.get(3)?);
    Ok(match json::extract(utf8(text)?, &path, as_text, jsonb) {
        Value::Text(text) | Value::Json(text) | Value::Jsonb(text) => Owned::Text(text),
        _ => Owned::Null,
    })
}

/// `pando_contains(op, type, left, right)`.
fn contains(context: &Context<'_>) -> std::result::Result<Owned, Fault> {
    let ty = kept_type(context, 1)?;
    let left = value_of(context.get_raw(2), &ty)?;
    let right = value_of(context.get_raw(3), &ty)?;
    let op: i64 = context.get(0)?;
    Ok(match (&left, &right) {
        (Value::Array(left), Value::Array(right)) => truth(match op {
            0 => array::contains(left, right),
            1 => array::contains(right, left),
            _ => array::overlaps(left, right),
        }),
        (Value::Jsonb(left), Value::Jsonb(right)) => truth(match op {
            0 => json::contains(left, right),
            _ => json::contains(right, left),
        }),
        _ => Owned::Null,
    })
}

/// `pando_cast(value, from, to)`.
fn cast(context: &Context<'_>) -> std::result::Result<Owned, Fault> {
    let (from, to) = (kept_type(context, 1)?, kept_type(context, 2)?);
    let value = value_of(context.get_raw(0), &from)?.cast(&from, &to)?;
    Ok(Param::of(&value, &to).into_owned())
}

/// `pando_bare(numeric)`: an aggregate's result, without the digits that it prints.
fn bare(context: &Context<'_>) -> std::result::Result<Owned, Fault> {
    const NUMERIC: ColumnType = ColumnType::Numeric { limit: None };
    let value = value_of(context.get_raw(0), &NUMERIC)?;
    Ok(Param::of(&value, &NUMERIC).into_owned())
}

/// An aggregate that is exact whatever the order of its rows: `f(value, type)`.
struct Exact {
    function: AggregateFn,
    refusal: RefusalSlot,
}

/// The aggregate and the type of its result.
struct Running {
    accumulator: Accumulator,
    input: ColumnType,
    result: ColumnType,
}

impl Exact {
    fn take(
        &self,
        context: &Context<'_>,
        state: &mut Option<Running>,
    ) -> std::result::Result<(), Fault> {
        let running = match state {
            Some(running) => running,
            None => {
                let input = read_type(&context.get::<String>(1)?)?;
                state.insert(Running {
                    accumulator: Accumulator::new(self.function, Some(input.clone())),
                    result: self.function.result_type(Some(&input)),
                    input,
                })
            }
        };
        let value = value_of(context.get_raw(0), &running.input)?;
        Ok(running.accumulator.push(&value)?)
    }
}

impl Aggregate<Option<Running>, Owned> for Exact {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<Running>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, state: &mut Option<Running>) -> Result<()> {
        self.take(context, state)
            .map_err(|fault| told(fault, &self.refusal))
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<Option<Running>>) -> Result<Owned> {
        let Some(running) = state.flatten() else {
            return Ok(Owned::Null);
        };
        let value = running
            .accumulator
            .finish()
            .map_err(|refusal: Refusal| told(refusal.into(), &self.refusal))?;
        Ok(result_cell(&value, &running.result))
    }
}

/// What is read from an argument that does not change, kept with the statement.
fn kept<T: Send + Sync + 'static>(
    context: &Context<'_>,
    argument: i32,
    read: impl FnOnce() -> std::result::Result<T, Fault>,
) -> std::result::Result<Arc<T>, Fault> {
    if let Some(found) = context.get_aux::<T>(argument)? {
        return Ok(found);
    }
    Ok(context.set_aux(argument, read()?)?)
}

fn kept_type(context: &Context<'_>, argument: i32) -> std::result::Result<Arc<ColumnType>, Fault> {
    kept(context, argument, || {
        read_type(&context.get::<String>(argument as usize)?)
    })
}

fn read_type(text: &str) -> std::result::Result<ColumnType, Fault> {
    serde_json::from_str(text)
        .map_err(|error| Fault::Sqlite(Error::UserFunctionError(Box::new(error))))
}

fn read_path(text: &str) -> std::result::Result<Vec<JsonStep>, Fault> {
    let malformed = || Fault::Sqlite(Error::UserFunctionError("malformed path".into()));
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (head, tail) = rest.split_once(':').ok_or_else(malformed)?;
        let length = head.get(1..).and_then(|digits| digits.parse().ok());
        let (step, tail) = length
            .and_then(|length| tail.split_at_checked(length))
            .ok_or_else(malformed)?;
        steps.push(match &head[..1] {
            "k" => JsonStep::Key(step.to_owned()),
            _ => JsonStep::Index(step.parse().map_err(|_| malformed())?),
        });
        rest = tail;
    }
    Ok(steps)
}

fn truth(value: bool) -> Owned {
    Owned::Integer(i64::from(value))
}

fn utf8(bytes: &[u8]) -> std::result::Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault::Sqlite(Error::Utf8Error(0, error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_its_text_form_whatever_its_keys_hold() {
        for path in [
            vec![JsonStep::Key("a".into())],
            vec![JsonStep::Key(String::new()), JsonStep::Index(-3)],
            vec![JsonStep::Key("k1:x'\"é".into()), JsonStep::Key(":".into())],
        ] {
            assert_eq!(read_path(&path_text(&path)).unwrap(), path);
        }
    }
}

//! What PostgreSQL 15 answered, and that the same is answered here.
//!
//! `vectors/postgresql.json` holds a sample of a larger comparison with a server: each line
//! is a question (its kind, then its parts) and the text, or the refusal, that PostgreSQL
//! gave. What is different here on purpose is not among them.

// A vector that cannot be read is a fault of the test.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "vectors/types.rs"]
mod types;

use pando_model::aggregate::{Accumulator, AggregateFn};
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::expr::{BinaryOp, Expr, Function, Moment};
use pando_model::pattern::{Pattern, PatternKind};
use pando_model::plan::JsonStep;
use pando_model::schema::{PrimaryKey, Table};
use pando_model::text_search::{QueryForm, TextQuery};
use pando_model::value::Value;
use pando_model::{array, json};
use serde::Deserialize;
use types::type_of;

/// A text, or NULL; or a refusal.
#[derive(Debug, Deserialize, PartialEq)]
struct Answer {
    ok: Option<String>,
    code: Option<String>,
    message: Option<String>,
    details: Option<String>,
    hint: Option<String>,
}

#[test]
fn answers_are_postgresqls() {
    let vectors: Vec<(Vec<String>, Answer)> =
        serde_json::from_str(include_str!("vectors/postgresql.json")).unwrap();
    assert!(vectors.len() > 3000);
    let mut differing = Vec::new();
    for (question, expected) in vectors {
        let parts: Vec<&str> = question.iter().map(String::as_str).collect();
        let answer = match answer(&parts) {
            Ok(ok) => Answer {
                ok,
                code: None,
                message: None,
                details: None,
                hint: None,
            },
            Err(refusal) => Answer {
                ok: None,
                code: Some(refusal.code.into_owned()),
                message: Some(refusal.message),
                details: refusal.details,
                hint: refusal.hint,
            },
        };
        if answer != expected {
            differing.push(format!("{question:?}: {answer:?}, not {expected:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn answer(question: &[&str]) -> Result<Option<String>, Refusal> {
    let yes = |answer: bool| Ok(Some(answer.to_string()));
    match *question {
        ["parse", ty, text] => Ok(value(ty, text)?.to_text(&type_of(ty))),
        ["tojson", ty, text] => {
            let mut out = Vec::new();
            value(ty, text)?.write_json(&type_of(ty), &mut out);
            Ok(Some(String::from_utf8(out).unwrap()))
        }
        ["fromjson", ty, raw] => Ok(Value::from_json(&type_of(ty), raw)?.to_text(&type_of(ty))),
        ["cast", from, to, text] => {
            let cast = value(from, text)?.cast(&type_of(from), &type_of(to))?;
            Ok(cast.to_text(&type_of(to)))
        }
        ["cmp", ty, a, b] => {
            let order = value(ty, a)?.compare(&value(ty, b)?);
            Ok(Some((order as i8).to_string()))
        }
        ["contains", ty, a, b] => match (value(ty, a)?, value(ty, b)?) {
            (Value::Jsonb(a), Value::Jsonb(b)) => yes(json::contains(&a, &b)),
            (Value::Array(a), Value::Array(b)) => yes(array::contains(&a, &b)),
            other => panic!("{other:?}"),
        },
        ["overlaps", ty, a, b] => match (value(ty, a)?, value(ty, b)?) {
            (Value::Array(a), Value::Array(b)) => yes(array::overlaps(&a, &b)),
            other => panic!("{other:?}"),
        },
        ["extract", ty, text, as_text, ref path @ ..] => Ok(extract(ty, text, as_text, path)),
        ["pattern", kind, pattern, text] => {
            let kind = match kind {
                "like" => PatternKind::Like,
                "ilike" => PatternKind::ILike,
                "~" => PatternKind::Regex,
                _ => PatternKind::RegexInsensitive,
            };
            yes(Pattern::new(kind, pattern)?.is_match(text))
        }
        ["ts", form, query, text] => {
            let form = match form {
                "fts" => QueryForm::Fts,
                "plfts" => QueryForm::Plain,
                "phfts" => QueryForm::Phrase,
                _ => QueryForm::Websearch,
            };
            yes(TextQuery::new(form, query)?.is_match(text))
        }
        ["agg", function, ty, ref values @ ..] => aggregate(function, ty, values),
        ["arith", left_ty, left, op, right_ty, right] => evaluate(&Expr::Binary(
            operator(op),
            Box::new(literal(left_ty, left)),
            Box::new(literal(right_ty, right)),
        )),
        ["call", function, ref arguments @ ..] => {
            let function: Function = serde_json::from_str(&format!("\"{function}\"")).unwrap();
            let arguments = arguments.chunks(2).map(|pair| literal(pair[0], pair[1]));
            evaluate(&Expr::Call(function, arguments.collect()))
        }
        _ => panic!("{question:?}"),
    }
}

fn value(ty: &str, text: &str) -> Result<Value, Refusal> {
    let ty = type_of(ty);
    Value::parse(&ty, text)?.fit(&ty)
}

fn extract(ty: &str, text: &str, as_text: &str, path: &[&str]) -> Option<String> {
    let text = value(ty, text).unwrap().to_text(&type_of(ty)).unwrap();
    let step = |step: &&str| match step.parse() {
        Ok(index) => JsonStep::Index(index),
        Err(_) => JsonStep::Key((*step).to_owned()),
    };
    let path: Vec<JsonStep> = path.iter().map(step).collect();
    json::extract(&text, &path, as_text == "true", ty == "jsonb").to_text(&ColumnType::Text)
}

fn aggregate(function: &str, ty: &str, values: &[&str]) -> Result<Option<String>, Refusal> {
    let function = match function {
        "sum" => AggregateFn::Sum,
        "avg" => AggregateFn::Avg,
        "min" => AggregateFn::Min,
        "max" => AggregateFn::Max,
        _ => AggregateFn::Count,
    };
    let input = type_of(ty);
    function.check(Some(&input))?;
    let mut accumulator = Accumulator::new(function, Some(input.clone()));
    for text in values {
        accumulator.push(&match *text {
            "NULL" => Value::Null,
            text => value(ty, text)?,
        })?;
    }
    let result = function.result_type(Some(&input));
    Ok(accumulator.finish()?.to_text(&result))
}

fn evaluate(expr: &Expr) -> Result<Option<String>, Refusal> {
    let table = Table {
        name: "t".into(),
        columns: Vec::new(),
        primary_key: PrimaryKey {
            name: "t_pkey".into(),
            columns: Vec::new(),
        },
        shard_key: Vec::new(),
        uniques: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        reference: false,
        key_indexed: true,
        adopted: false,
        options: Default::default(),
    };
    let ty = expr.ty(&table)?;
    let value = expr.evaluate(&table, &[], Moment { now_us: 0 })?;
    Ok(value.to_text(&ty))
}

fn literal(ty: &str, text: &str) -> Expr {
    let text = (text != "NULL").then(|| text.to_owned());
    Expr::Cast(Box::new(Expr::Literal(ColumnType::Text, text)), type_of(ty))
}

fn operator(symbol: &str) -> BinaryOp {
    match symbol {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Subtract,
        "*" => BinaryOp::Multiply,
        "/" => BinaryOp::Divide,
        "%" => BinaryOp::Modulo,
        "=" => BinaryOp::Eq,
        "<>" => BinaryOp::Ne,
        "<" => BinaryOp::Lt,
        _ => BinaryOp::Concat,
    }
}

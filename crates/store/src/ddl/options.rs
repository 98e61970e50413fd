//! `WITH (…)`: settings of tables and of unique indexes.

use super::fault::{Fault, Place, Result};
use super::names::fold;
use sqlparser::ast::{BinaryOperator, CreateTableOptions, Expr, SqlOption, UnaryOperator, Value};
use std::collections::BTreeMap;

/// What a table's `WITH` says.
#[derive(Default)]
pub(super) struct TableOptions {
    /// Every shard holds a copy of the whole table.
    pub(super) reference: bool,
    /// The cache tier's settings, checked as far as this version knows them.
    pub(super) others: BTreeMap<String, String>,
}

/// The strategy that no table can have.
const BEHIND: &str = "write-behind";
const STRATEGIES: [&str; 6] = [
    "off",
    "cache-aside",
    "read-through",
    "write-through",
    "write-around",
    "refresh-ahead",
];
const EVICTIONS: [&str; 5] = ["lru", "lfu", "fifo", "s3fifo", "sieve"];
const DURATIONS: [&str; 4] = [
    "ttl",
    "negative_ttl",
    "stale_while_revalidate",
    "stale_if_error",
];
/// Questions in a second at most.
const RATE_MAX: u64 = 10_000;
const VALUE_MAX: usize = 200;
/// A query is longer than other values may be.
const QUERY_MAX: usize = 1_000;

/// Reads the options of a CREATE TABLE.
pub(super) fn of_table(options: &CreateTableOptions, at: Place) -> Result<TableOptions> {
    let options = match options {
        CreateTableOptions::None => return Ok(TableOptions::default()),
        CreateTableOptions::With(options) => options,
        _ => {
            return Err(Fault::new(at, "these options of a table are not supported")
                .hint("write WITH (name = value, …)"));
        }
    };
    let mut read = TableOptions::default();
    for option in options {
        let (name, value, at) = match option {
            SqlOption::KeyValue { key, value } => {
                let at = Place::of_ident(key, at);
                let name = fold(key);
                let most = if name == "warm" { QUERY_MAX } else { VALUE_MAX };
                let value = text(value, most, at)?;
                (name, value, at)
            }
            SqlOption::Ident(key) => (fold(key), "true".to_owned(), Place::of_ident(key, at)),
            other => {
                return Err(Fault::new(
                    at,
                    format!("the option {other} is not supported"),
                ));
            }
        };
        if name == "reference" {
            read.reference = truth(&name, &value, at)?;
            continue;
        }
        check(&name, &value, at)?;
        if read.others.insert(name.clone(), value).is_some() {
            return Err(Fault::new(at, format!("the option {name} is given twice")));
        }
    }
    Ok(read)
}

/// Reads the options of a CREATE UNIQUE INDEX: whether it is global.
pub(super) fn of_index(options: &[Expr], unique: bool, near: Place) -> Result<bool> {
    let mut global = false;
    for option in options {
        let at = Place::of_expr(option, near);
        let (name, value) = match option {
            Expr::Identifier(name) => (fold(name), "true".to_owned()),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } => match &**left {
                Expr::Identifier(name) => (fold(name), text(right, VALUE_MAX, at)?),
                other => return Err(Fault::new(at, format!("{other} is not an option"))),
            },
            other => return Err(Fault::new(at, format!("{other} is not an option"))),
        };
        if name != "global" {
            return Err(Fault::new(at, format!("an index has no option {name}"))
                .hint("there is global, for unique indexes"));
        }
        if !unique {
            return Err(Fault::new(at, "only a unique index can be global")
                .hint("leave it out: every index serves all slots"));
        }
        global = truth(&name, &value, at)?;
    }
    Ok(global)
}

fn check(name: &str, value: &str, at: Place) -> Result<()> {
    let one_of = |known: &[&str]| {
        if known.contains(&value) {
            return Ok(());
        }
        Err(Fault::new(at, format!("{name} cannot be '{value}'"))
            .hint(format!("there are {}", known.join(", "))))
    };
    match name {
        "cache" if value == BEHIND => Err(Fault::new(at, format!("cache cannot be '{BEHIND}'"))
            .hint(
                "a table has keys and constraints, which a write is held to before it is \
                 acknowledged; key-values can be written behind",
            )),
        "cache" => one_of(&STRATEGIES),
        "eviction" => one_of(&EVICTIONS),
        // What it finds is looked at when all of the schema is known.
        "warm" => Ok(()),
        "warm_rate"
            if value
                .parse()
                .is_ok_and(|rate| (1..=RATE_MAX).contains(&rate)) =>
        {
            Ok(())
        }
        "warm_rate" => Err(Fault::new(at, format!("warm_rate cannot be '{value}'"))
            .hint("write how many rows may be loaded in a second, 1 to 10000")),
        "capacity" if is_amount(value, &["B", "KiB", "MiB", "GiB"]) => Ok(()),
        "capacity" => Err(Fault::new(at, format!("capacity cannot be '{value}'"))
            .hint("write a size such as '64MiB'")),
        name if DURATIONS.contains(&name) => {
            if is_amount(value, &["us", "ms", "s", "m", "h", "d"]) {
                return Ok(());
            }
            Err(Fault::new(at, format!("{name} cannot be '{value}'"))
                .hint("write a duration such as '60s'"))
        }
        _ => Err(
            Fault::new(at, format!("a table has no option {name}")).hint(format!(
                "there are reference, cache, eviction, capacity, warm, warm_rate, {}",
                DURATIONS.join(", ")
            )),
        ),
    }
}

fn is_amount(value: &str, units: &[&str]) -> bool {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    (1..=12).contains(&digits) && units.contains(&&value[digits..])
}

fn truth(name: &str, value: &str, at: Place) -> Result<bool> {
    match value {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(Fault::new(
            at,
            format!("{name} is true or false, not '{value}'"),
        )),
    }
}

/// An option's value as text, however it is written.
fn text(value: &Expr, most: usize, at: Place) -> Result<String> {
    let text = match value {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.clone(),
            Value::Boolean(truth) => truth.to_string(),
            Value::SingleQuotedString(text) => text.clone(),
            other => return Err(Fault::new(at, format!("{other} is not an option's value"))),
        },
        Expr::Identifier(name) => fold(name),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => format!("-{expr}"),
        other => return Err(Fault::new(at, format!("{other} is not an option's value"))),
    };
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(Fault::new(
            at,
            format!("the value of this option has at most {most} bytes, on one line"),
        ));
    }
    Ok(text)
}

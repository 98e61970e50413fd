//! Expressions of DEFAULT, CHECK and GENERATED: evaluated here, never by an engine.
//!
//! Logic has three values, arithmetic is PostgreSQL's: integers overflow to an error
//! (22003), `/` of integers truncates, numerics are exact, a number of a narrower type
//! is taken as the wider one where they meet. A text literal beside a value of
//! another type is read as that type, as PostgreSQL reads a literal of unknown type;
//! everything else is cast explicitly. `lower` and `upper` know ASCII's letters, as
//! `COLLATE "C"` does.

mod arithmetic;
mod evaluate;
mod function;
mod types;

use crate::column::ColumnType;
use crate::error::Refusal;
use crate::schema::{ColumnIx, Table};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// An expression over one row. Every node's type is known when it is built
/// ([`Expr::ty`]); casts are explicit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// A constant in its type's text form; `None` is NULL.
    Literal(ColumnType, Option<String>),
    /// A column of the row.
    Column(ColumnIx),
    /// AND, OR, comparison, arithmetic, `||`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// NOT.
    Not(Box<Expr>),
    /// Arithmetic minus.
    Negate(Box<Expr>),
    /// `IS NULL`.
    IsNull(Box<Expr>),
    /// `IN (…)`.
    In(Box<Expr>, Vec<Expr>),
    /// `CASE WHEN … THEN … ELSE … END`.
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// `CAST`.
    Cast(Box<Expr>, ColumnType),
    /// A function.
    Call(Function, Vec<Expr>),
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // their names say it
pub enum BinaryOp {
    And,
    Or,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Concat,
    Like,
    ILike,
    Regex,
    RegexInsensitive,
}

/// Functions that expressions may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // their names say it
pub enum Function {
    /// `now()`, `CURRENT_TIMESTAMP`: volatile, for DEFAULT only.
    Now,
    /// `CURRENT_DATE`: volatile, for DEFAULT only.
    CurrentDate,
    /// `gen_random_uuid()`: volatile, for DEFAULT only.
    GenRandomUuid,
    /// `uuidv7()`: volatile, for DEFAULT only.
    UuidV7,
    Length,
    OctetLength,
    Lower,
    Upper,
    Trim,
    Abs,
    Round,
    Coalesce,
    NullIf,
    Greatest,
    Least,
    ArrayLength,
    JsonbTypeof,
}

/// What volatile functions see.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Microseconds since 1970 UTC: the request's one instant.
    pub now_us: i64,
}

impl Expr {
    /// Its type; refuses (42883, 42804) operands that do not fit, and (54001) what is nested
    /// too deeply. `table` resolves columns.
    pub fn ty(&self, table: &Table) -> Result<ColumnType, Refusal> {
        if self.nesting(NESTING_MAX) > NESTING_MAX {
            return Err(too_deep());
        }
        types::of(self, table)
    }

    /// Its value over a row. Comparisons of numbers of different types compare exactly, as
    /// PostgreSQL's implicit casts do.
    pub fn evaluate(&self, table: &Table, row: &[Value], moment: Moment) -> Result<Value, Refusal> {
        let context = evaluate::Context { table, row, moment };
        Ok(context.value(self, 0)?.0)
    }

    /// Its value over a row as another type, as an assignment casts it, fitted into it.
    pub fn evaluate_as(
        &self,
        table: &Table,
        row: &[Value],
        moment: Moment,
        ty: &ColumnType,
    ) -> Result<Value, Refusal> {
        let context = evaluate::Context { table, row, moment };
        let (value, own) = context.value(self, 0)?;
        value.cast(&own, ty)?.fit(ty)
    }

    /// Whether it calls a volatile function.
    pub fn is_volatile(&self) -> bool {
        let mut volatile = false;
        self.walk(&mut |expr| {
            volatile |= matches!(
                expr,
                Expr::Call(
                    Function::Now
                        | Function::CurrentDate
                        | Function::GenRandomUuid
                        | Function::UuidV7,
                    _
                )
            );
        });
        volatile
    }

    /// The columns that it looks at, each once, in ascending order.
    pub fn columns(&self) -> Vec<ColumnIx> {
        let mut columns = Vec::new();
        self.walk(&mut |expr| {
            if let Expr::Column(ix) = expr {
                columns.push(*ix);
            }
        });
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// How deep its JSON form is nested; stops counting beyond `limit`.
    fn nesting(&self, limit: usize) -> usize {
        let own = match self {
            Expr::Literal(..) | Expr::Column(_) => 2,
            Expr::Not(_) | Expr::Negate(_) | Expr::IsNull(_) => 1,
            Expr::Binary(..) | Expr::Cast(..) => 2,
            Expr::In(..) | Expr::Call(..) => 3,
            Expr::Case(..) => 4,
        };
        let Some(left) = limit.checked_sub(own) else {
            return limit + 1;
        };
        let below = self.operands().map(|operand| operand.nesting(left)).max();
        own + below.unwrap_or(0)
    }

    /// Visits every expression in it; an explicit stack, so that none is too deep.
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        let mut waiting = vec![self];
        while let Some(expr) = waiting.pop() {
            visit(expr);
            waiting.extend(expr.operands());
        }
    }

    /// The expressions directly below.
    fn operands(&self) -> Box<dyn Iterator<Item = &Expr> + '_> {
        match self {
            Expr::Literal(..) | Expr::Column(_) => Box::new(std::iter::empty()),
            Expr::Binary(_, left, right) => Box::new([left.as_ref(), right.as_ref()].into_iter()),
            Expr::Not(operand)
            | Expr::Negate(operand)
            | Expr::IsNull(operand)
            | Expr::Cast(operand, _) => Box::new(std::iter::once(operand.as_ref())),
            Expr::In(operand, list) => Box::new(std::iter::once(operand.as_ref()).chain(list)),
            Expr::Case(branches, otherwise) => Box::new(
                branches
                    .iter()
                    .flat_map(|(when, then)| [when, then])
                    .chain(otherwise.as_deref()),
            ),
            Expr::Call(_, arguments) => Box::new(arguments.iter()),
        }
    }
}

/// How deep the JSON form of an expression may be nested. The catalog keeps schemas as JSON, and
/// its reader stops at 128 levels; the schema around an expression takes its share of them.
const NESTING_MAX: usize = 100;

/// 54001.
fn too_deep() -> Refusal {
    Refusal::new("54001", "stack depth limit exceeded")
        .hint("Expressions may be nested about 50 operators deep; IN takes a list.")
}

#[cfg(test)]
mod tests;

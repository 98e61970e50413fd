//! Expressions of DEFAULT, CHECK and GENERATED: evaluated here, never by an engine.

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
    /// Its type; refuses (42883, 42804) operands that do not fit. `table` resolves columns.
    pub fn ty(&self, table: &Table) -> Result<ColumnType, Refusal> {
        let _ = table;
        todo!()
    }

    /// Its value over a row. Comparisons of numbers of different types compare exactly, as
    /// PostgreSQL's implicit casts do.
    pub fn evaluate(&self, table: &Table, row: &[Value], moment: Moment) -> Result<Value, Refusal> {
        let _ = (table, row, moment);
        todo!()
    }

    /// Whether it calls a volatile function.
    pub fn is_volatile(&self) -> bool {
        todo!()
    }

    /// The columns that it looks at.
    pub fn columns(&self) -> Vec<ColumnIx> {
        todo!()
    }
}

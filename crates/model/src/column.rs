//! Column types: the domain of values that both engines can hold alike.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of a column, a filter's operand or an aggregate's result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// UTF-8 without U+0000, sorted by its bytes (`COLLATE "C"`).
    Text,
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    Bigint,
    /// true or false.
    Boolean,
    /// 32-bit binary floating point; no NaN, no infinities, no −0.0.
    Real,
    /// 64-bit binary floating point; no NaN, no infinities, no −0.0.
    Double,
    /// Exact decimal. Unconstrained, it keeps no trailing zeros.
    Numeric {
        /// `(precision, scale)` where declared: digits in all, digits after the point.
        limit: Option<(u16, u16)>,
    },
    /// A day; days since 1970-01-01, years 0001 to 9999.
    Date,
    /// Microseconds since 1970-01-01T00:00:00, without a zone; years 0001 to 9999.
    Timestamp,
    /// Microseconds since 1970-01-01T00:00:00Z; years 0001 to 9999 in UTC.
    Timestamptz,
    /// 128 bits.
    Uuid,
    /// JSON that keeps its text.
    Json,
    /// JSON by meaning: no duplicate keys, keys in jsonb's order.
    Jsonb,
    /// Bytes.
    Bytea,
    /// One dimension of one of the other types, NULLs allowed.
    Array(Box<ColumnType>),
}

impl fmt::Display for ColumnType {
    /// PostgreSQL's name of the type, as `format_type` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnType::Text => "text",
            ColumnType::Integer => "integer",
            ColumnType::Bigint => "bigint",
            ColumnType::Boolean => "boolean",
            ColumnType::Real => "real",
            ColumnType::Double => "double precision",
            ColumnType::Numeric { limit: None } => "numeric",
            ColumnType::Numeric {
                limit: Some((p, s)),
            } => return write!(f, "numeric({p},{s})"),
            ColumnType::Date => "date",
            ColumnType::Timestamp => "timestamp without time zone",
            ColumnType::Timestamptz => "timestamp with time zone",
            ColumnType::Uuid => "uuid",
            ColumnType::Json => "json",
            ColumnType::Jsonb => "jsonb",
            ColumnType::Bytea => "bytea",
            ColumnType::Array(inner) => return write!(f, "{inner}[]"),
        })
    }
}

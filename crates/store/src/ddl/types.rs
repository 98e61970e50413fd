//! Column types: PostgreSQL's names for those that both engines hold alike.

use super::fault::{Fault, Place, Result};
use pando_model::column::ColumnType;
use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};

const PRECISION_MAX: u64 = 1_000;
const SUPPORTED: &str = "there are text, integer, bigint, boolean, real, double precision, \
     numeric, date, timestamp, timestamptz, uuid, json, jsonb, bytea, and arrays of these";

/// The type that a declaration names.
pub(super) fn column_type(ty: &DataType, at: Place) -> Result<ColumnType> {
    Ok(match ty {
        DataType::Text => ColumnType::Text,
        DataType::Varchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length) => text_without_length(ty, length.as_ref(), at)?,
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => ColumnType::Integer,
        DataType::BigInt(None) | DataType::Int8(None) => ColumnType::Bigint,
        DataType::Boolean | DataType::Bool => ColumnType::Boolean,
        DataType::Real | DataType::Float4 => ColumnType::Real,
        DataType::DoublePrecision | DataType::Float8 => ColumnType::Double,
        DataType::Float(info) => float(ty, info, at)?,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
            ColumnType::Numeric {
                limit: numeric_limit(info, at)?,
            }
        }
        DataType::Date => ColumnType::Date,
        DataType::Timestamp(precision, zone) => timestamp(*precision, zone, at)?,
        DataType::Uuid => ColumnType::Uuid,
        DataType::JSON => ColumnType::Json,
        DataType::JSONB => ColumnType::Jsonb,
        DataType::Bytea => ColumnType::Bytea,
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(inner, _) | ArrayElemTypeDef::Qualified(inner, _),
        ) => array(inner, at)?,
        other => return Err(unknown(other, at)),
    })
}

fn text_without_length(
    ty: &DataType,
    length: Option<&CharacterLength>,
    at: Place,
) -> Result<ColumnType> {
    match length {
        None => Ok(ColumnType::Text),
        Some(CharacterLength::IntegerLength { length, .. }) => Err(Fault::new(
            at,
            format!(
                "the type {} is not supported: text has no length of its own",
                ty.to_string().to_ascii_lowercase()
            ),
        )
        .hint(format!(
            "write text with CHECK (length(column) <= {length})"
        ))),
        Some(CharacterLength::Max) => Err(nearest(ty, "text", at)),
    }
}

fn float(ty: &DataType, info: &ExactNumberInfo, at: Place) -> Result<ColumnType> {
    match info {
        ExactNumberInfo::None | ExactNumberInfo::Precision(25..=53) => Ok(ColumnType::Double),
        ExactNumberInfo::Precision(1..=24) => Ok(ColumnType::Real),
        _ => Err(nearest(ty, "double precision", at)),
    }
}

fn numeric_limit(info: &ExactNumberInfo, at: Place) -> Result<Option<(u16, u16)>> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(None),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    if !(1..=PRECISION_MAX).contains(&precision) {
        return Err(Fault::new(
            at,
            format!("NUMERIC precision {precision} must be between 1 and {PRECISION_MAX}"),
        ));
    }
    match u64::try_from(scale) {
        Ok(scale) if scale <= precision => Ok(Some((precision as u16, scale as u16))),
        _ => Err(Fault::new(
            at,
            format!("NUMERIC scale {scale} must be between 0 and precision {precision}"),
        )),
    }
}

fn timestamp(precision: Option<u64>, zone: &TimezoneInfo, at: Place) -> Result<ColumnType> {
    // Six digits, microseconds, are what a timestamp holds anyway.
    if precision.is_some_and(|digits| digits != 6) {
        return Err(
            Fault::new(at, "timestamps hold microseconds, not fewer digits")
                .hint("leave out the precision"),
        );
    }
    Ok(match zone {
        TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => ColumnType::Timestamp,
        TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => ColumnType::Timestamptz,
    })
}

fn array(inner: &DataType, at: Place) -> Result<ColumnType> {
    match column_type(inner, at)? {
        ColumnType::Array(_) => {
            Err(Fault::new(at, "arrays have one dimension").hint("use jsonb for nested arrays"))
        }
        element => Ok(ColumnType::Array(Box::new(element))),
    }
}

/// A type that is not supported, with the nearest one that is.
fn unknown(ty: &DataType, at: Place) -> Fault {
    let written = ty.to_string().to_ascii_lowercase();
    let name = written
        .split(['(', ' ', '['])
        .next()
        .unwrap_or_default()
        .trim_matches('"');
    match name {
        "smallint" | "int2" | "tinyint" | "mediumint" | "int" | "integer" | "int4" => {
            nearest(ty, "integer", at)
        }
        "bigint" | "int8" | "unsigned" | "hugeint" => nearest(ty, "bigint", at),
        "serial" | "serial4" | "bigserial" | "serial8" | "smallserial" | "serial2" => {
            nearest(ty, "bigint GENERATED BY DEFAULT AS IDENTITY", at)
        }
        "char" | "character" | "bpchar" | "nchar" | "nvarchar" | "name" | "citext" | "clob"
        | "string" | "tinytext" | "mediumtext" | "longtext" | "xml" | "ltree" => {
            nearest(ty, "text", at)
        }
        "enum" | "set" => nearest(ty, "text with CHECK (column IN ('a', 'b'))", at),
        "double" | "float64" | "float32" => nearest(ty, "double precision", at),
        "money" | "bignumeric" | "bigdecimal" => nearest(ty, "numeric(19,4)", at),
        "datetime" | "datetime64" | "timestamp_ntz" => nearest(ty, "timestamp", at),
        "time" | "timetz" => nearest(ty, "text, or integer for seconds of the day", at),
        "interval" => nearest(ty, "bigint for microseconds", at),
        "blob" | "binary" | "varbinary" | "bytes" | "tinyblob" | "mediumblob" | "longblob"
        | "bit" | "varbit" => nearest(ty, "bytea", at),
        "inet" | "cidr" | "macaddr" | "macaddr8" => nearest(ty, "text", at),
        "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle" | "geometry"
        | "geography" | "hstore" | "map" | "struct" | "tuple" | "composite" => {
            nearest(ty, "jsonb", at)
        }
        "tsvector" => nearest(ty, "text: full-text search works on text columns", at),
        "vector" => nearest(ty, "real[]", at),
        _ => Fault::new(at, format!("the type {written} does not exist here")).hint(SUPPORTED),
    }
}

fn nearest(ty: &DataType, instead: &str, at: Place) -> Fault {
    let written = ty.to_string().to_ascii_lowercase();
    Fault::new(at, format!("the type {written} is not supported"))
        .hint(format!("the nearest is {instead}"))
}

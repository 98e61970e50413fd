//! The type names of casts, as PostgreSQL knows them.

use crate::tables::refusals;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;

/// A type by its name; refused (42704) if there is none such.
pub(crate) fn type_named(name: &str) -> Result<ColumnType, Refusal> {
    let plain = name.trim().trim_matches('"').to_ascii_lowercase();
    if let Some(inner) = plain.strip_suffix("[]") {
        if inner.ends_with(']') {
            return Err(refusals::unknown_type(name));
        }
        return Ok(ColumnType::Array(Box::new(type_named(inner)?)));
    }
    if let Some(limit) = plain
        .strip_prefix("numeric")
        .or_else(|| plain.strip_prefix("decimal"))
        .and_then(|rest| rest.trim().strip_prefix('('))
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return numeric(limit).ok_or_else(|| refusals::unknown_type(name));
    }
    Ok(match plain.as_str() {
        "text" | "varchar" | "character varying" | "bpchar" | "name" => ColumnType::Text,
        "integer" | "int" | "int4" => ColumnType::Integer,
        "bigint" | "int8" => ColumnType::Bigint,
        "boolean" | "bool" => ColumnType::Boolean,
        "real" | "float4" => ColumnType::Real,
        "double precision" | "float8" | "float" => ColumnType::Double,
        "numeric" | "decimal" => ColumnType::Numeric { limit: None },
        "date" => ColumnType::Date,
        "timestamp" | "timestamp without time zone" => ColumnType::Timestamp,
        "timestamptz" | "timestamp with time zone" => ColumnType::Timestamptz,
        "uuid" => ColumnType::Uuid,
        "json" => ColumnType::Json,
        "jsonb" => ColumnType::Jsonb,
        "bytea" => ColumnType::Bytea,
        _ => return Err(refusals::unknown_type(name)),
    })
}

fn numeric(limit: &str) -> Option<ColumnType> {
    let mut parts = limit.split(',').map(|part| part.trim().parse::<u16>().ok());
    let precision = parts.next()??;
    let scale = match parts.next() {
        Some(scale) => scale?,
        None => 0,
    };
    (parts.next().is_none() && precision > 0 && precision <= 1_000 && scale <= precision).then_some(
        ColumnType::Numeric {
            limit: Some((precision, scale)),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::type_named;

    #[test]
    fn types_go_by_all_their_names_and_unknown_ones_are_refused() {
        for (name, expected) in [
            ("int", "integer"),
            ("int8", "bigint"),
            ("varchar", "text"),
            ("float8", "double precision"),
            ("numeric(10,2)", "numeric(10,2)"),
            ("TEXT", "text"),
            ("int4[]", "integer[]"),
            ("timestamptz", "timestamp with time zone"),
        ] {
            assert_eq!(type_named(name).unwrap().to_string(), expected);
        }
        for name in [
            "",
            "money",
            "numeric(0)",
            "numeric(3,x)",
            "text;drop",
            "int[][]",
        ] {
            assert_eq!(type_named(name).unwrap_err().code, "42704", "{name}");
        }
    }
}

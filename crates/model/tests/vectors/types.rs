//! The names that vectors give types.

use pando_model::column::ColumnType;

pub fn type_of(name: &str) -> ColumnType {
    if let Some(item) = name.strip_suffix("[]") {
        return ColumnType::Array(Box::new(type_of(item)));
    }
    match name {
        "text" => ColumnType::Text,
        "integer" => ColumnType::Integer,
        "bigint" => ColumnType::Bigint,
        "boolean" => ColumnType::Boolean,
        "real" => ColumnType::Real,
        "double precision" => ColumnType::Double,
        "numeric" => ColumnType::Numeric { limit: None },
        "date" => ColumnType::Date,
        "timestamp" => ColumnType::Timestamp,
        "timestamptz" => ColumnType::Timestamptz,
        "uuid" => ColumnType::Uuid,
        "json" => ColumnType::Json,
        "jsonb" => ColumnType::Jsonb,
        "bytea" => ColumnType::Bytea,
        limited => {
            let (precision, scale) = limited
                .strip_prefix("numeric(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|limit| limit.split_once(','))
                .unwrap();
            ColumnType::Numeric {
                limit: Some((precision.parse().unwrap(), scale.parse().unwrap())),
            }
        }
    }
}

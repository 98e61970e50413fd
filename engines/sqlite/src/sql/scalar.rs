//! Values computed from one row: in SQL where a condition or an order needs them, in
//! Rust where they are only answered.

use super::{Alias, Sql, literal, quoted};
use crate::cell::Param;
use crate::functions::{JSONB_COLLATION, path_text, type_text};
use pando_model::column::ColumnType;
use pando_model::plan::Scalar;
use pando_model::schema::Table;
use pando_model::value::Value;
use std::borrow::Cow;

impl<'a> Sql<'a> {
    /// Adds a scalar.
    pub(crate) fn scalar(&mut self, scalar: &'a Scalar, table: &Table, alias: Alias) -> &mut Self {
        match scalar {
            Scalar::Column(ix) => self.column(alias, &table.columns[*ix].name),
            Scalar::Json {
                column,
                path,
                as_text,
            } => {
                self.push("pando_json(")
                    .column(alias, &table.columns[*column].name)
                    .push(", ");
                if is_indexed(scalar, table) {
                    self.literal(&path_text(path));
                } else {
                    self.bind(Param::Text(Cow::Owned(path_text(path))));
                }
                self.json_end(*as_text, table.columns[*column].ty == ColumnType::Jsonb)
            }
            Scalar::Cast(inner, to) => {
                self.push("pando_cast(")
                    .scalar(inner, table, alias)
                    .push(", ")
                    .literal(&type_text(&inner.ty(table)))
                    .push(", ")
                    .literal(&type_text(to))
                    .push(")");
                self.collated(*to == ColumnType::Jsonb)
            }
        }
    }

    /// Adds what comes behind the path of `pando_json`.
    fn json_end(&mut self, as_text: bool, jsonb: bool) -> &mut Self {
        self.push(", ")
            .number(i64::from(as_text))
            .push(", ")
            .number(i64::from(jsonb))
            .push(")");
        self.collated(jsonb && !as_text)
    }

    /// Adds the collation of jsonb.
    pub(crate) fn collated(&mut self, jsonb: bool) -> &mut Self {
        if jsonb {
            self.push(" COLLATE ").push(JSONB_COLLATION);
        }
        self
    }
}

/// A scalar as an index has it, without a table's alias. SQLite takes an index for an expression
/// only where both are written alike: a path that is indexed belongs to the shape of a
/// statement, others are parameters.
pub(crate) fn indexed_sql(scalar: &Scalar, table: &Table) -> String {
    match scalar {
        Scalar::Column(ix) => quoted(&table.columns[*ix].name),
        Scalar::Json {
            column,
            path,
            as_text,
        } => {
            let column = &table.columns[*column];
            let mut sql = Sql::new();
            sql.push("pando_json(")
                .name(&column.name)
                .push(", ")
                .literal(&path_text(path))
                .json_end(*as_text, column.ty == ColumnType::Jsonb);
            sql.text
        }
        Scalar::Cast(inner, to) => format!(
            "pando_cast({}, {}, {})",
            indexed_sql(inner, table),
            literal(&type_text(&inner.ty(table))),
            literal(&type_text(to)),
        ),
    }
}

fn is_indexed(scalar: &Scalar, table: &Table) -> bool {
    table
        .indexes
        .iter()
        .any(|index| index.paths.contains(scalar))
}

/// Whether an index holds only the rows in which `column` is `value`; then the value belongs to
/// the shape of a statement too.
pub(super) fn is_condition(column: &Scalar, value: &Value, table: &Table) -> bool {
    let (Scalar::Column(ix), Value::Text(text)) = (column, value) else {
        return false;
    };
    let only = table.indexes.iter().filter_map(|index| index.only.as_ref());
    only.into_iter()
        .any(|(column, value)| column == ix && value == text)
}

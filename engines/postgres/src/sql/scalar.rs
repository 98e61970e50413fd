//! Values computed from one row: in SQL where a condition or an order needs them; where they
//! are only answered, the model computes them.

use super::{Alias, Sql, literal, quoted};
use crate::cell::Param;
use pando_model::column::ColumnType;
use pando_model::plan::{JsonStep, Scalar};
use pando_model::schema::Table;
use pando_model::value::Value;

/// Texts are compared by their bytes. Columns say so themselves.
pub(crate) const COLLATION: &str = " COLLATE \"C\"";

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
                let is_indexed = is_indexed(scalar, table);
                self.push("((").column(alias, &table.columns[*column].name);
                for (place, step) in path.iter().enumerate() {
                    let is_last = place + 1 == path.len();
                    self.push(arrow(is_last && *as_text));
                    match step {
                        step if is_indexed => self.push(&step_literal(step)),
                        // The same path may stand in a group and in the order of groups.
                        JsonStep::Key(key) => self.bind_once(Param::text(key.as_str()), "text"),
                        JsonStep::Index(index) => {
                            self.bind_once(Param::int(narrowed(*index)), "integer")
                        }
                    };
                }
                self.push(")").push(collation(&scalar.ty(table))).push(")")
            }
            Scalar::Cast(inner, to) => {
                self.push(cast_opening(to)).scalar(inner, table, alias);
                self.push(" AS ").push(&cast_ending(to))
            }
        }
    }

    /// Adds a scalar as it is compared.
    pub(crate) fn compared(
        &mut self,
        scalar: &'a Scalar,
        table: &Table,
        alias: Alias,
    ) -> &mut Self {
        if scalar.ty(table) != ColumnType::Json {
            return self.scalar(scalar, table, alias);
        }
        self.push("((")
            .scalar(scalar, table, alias)
            .push(")::text")
            .push(COLLATION)
            .push(")")
    }
}

fn arrow(as_text: bool) -> &'static str {
    if as_text { " ->> " } else { " -> " }
}

fn collation(ty: &ColumnType) -> &'static str {
    if *ty == ColumnType::Text {
        COLLATION
    } else {
        ""
    }
}

/// No array is as long: what is beyond the range is not there either way.
fn narrowed(index: i64) -> i64 {
    index.clamp(i64::from(-i32::MAX), i64::from(i32::MAX))
}

fn step_literal(step: &JsonStep) -> String {
    match step {
        JsonStep::Key(key) => format!("{}::text", literal(key)),
        JsonStep::Index(index) => format!("({})::integer", narrowed(*index)),
    }
}

/// A numeric has no zeros at its end, as everywhere.
fn cast_opening(to: &ColumnType) -> &'static str {
    match to {
        ColumnType::Numeric { limit: None } => "trim_scale(CAST(",
        _ => "(CAST(",
    }
}

fn cast_ending(to: &ColumnType) -> String {
    format!("{to}){})", collation(to))
}

/// A scalar as an index has it, without a table's alias. PostgreSQL takes an index for an
/// expression only where both are the same: a path that is indexed belongs to the shape of a
/// statement, others are parameters.
pub(crate) fn indexed_sql(scalar: &Scalar, table: &Table) -> String {
    match scalar {
        Scalar::Column(ix) => quoted(&table.columns[*ix].name),
        Scalar::Json {
            column,
            path,
            as_text,
        } => {
            let mut text = format!("(({}", quoted(&table.columns[*column].name));
            for (place, step) in path.iter().enumerate() {
                text.push_str(arrow(place + 1 == path.len() && *as_text));
                text.push_str(&step_literal(step));
            }
            text.push(')');
            text.push_str(collation(&scalar.ty(table)));
            text.push(')');
            if scalar.ty(table) == ColumnType::Json {
                text = format!("(({text})::text{COLLATION})");
            }
            text
        }
        Scalar::Cast(inner, to) => {
            let inner = indexed_sql(inner, table);
            format!("({}{inner} AS {})", cast_opening(to), cast_ending(to))
        }
    }
}

fn is_indexed(scalar: &Scalar, table: &Table) -> bool {
    let mut indexes = table.indexes.iter();
    indexes.any(|index| index.paths.contains(scalar))
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

//! Changes of the schema.

use crate::NAME;
use crate::database::Database;
use crate::statement::check_row_references;
use crate::table::TableState;
use pando_model::constraint::complete_row;
use pando_model::engine::Result;
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::Row;
use pando_model::schema::{ColumnSource, SchemaStep, Table};
use std::sync::Arc;

/// Carries out the steps on `db`, which is to be thrown away on an error.
pub(crate) fn reshape(db: &mut Database, steps: &[SchemaStep]) -> Result<()> {
    for step in steps {
        match step {
            SchemaStep::CreateTable(table) => {
                if db.table(&table.name).is_ok() {
                    let fault = format!("there is a table {} already", table.name);
                    return Err(EngineError::internal("create a table", fault));
                }
                db.put_table(TableState::new(table.clone()));
            }
            SchemaStep::AdoptTable(_) => {
                return Err(EngineError::Unsupported {
                    engine: NAME,
                    what: "tables that somebody else made: adopt a PostgreSQL database",
                });
            }
            SchemaStep::DropTable(table) => db.drop_table(&table.name)?,
            SchemaStep::AlterTable { from, to, columns } => {
                let old = db.table(&from.name)?;
                let rows: Vec<Row> = old.rows().map(|row| recast(row, columns)).collect();
                let altered = build(to, rows)?;
                db.drop_table(&from.name)?;
                db.put_table(altered);
            }
            SchemaStep::CreateIndex { table, .. } => {
                let old = db.table(&table.name)?;
                let rows: Vec<Row> = old.rows().map(|row| Row::clone(row)).collect();
                let indexed = build(table, rows)?;
                db.put_table(indexed);
            }
            SchemaStep::DropIndex { table, name } => {
                let mut def = Table::clone(table);
                def.indexes.retain(|index| index.name != *name);
                def.uniques.retain(|unique| unique.name != *name);
                let old = db.table(&table.name)?;
                let rows: Vec<Row> = old.rows().map(|row| Row::clone(row)).collect();
                let rebuilt = build(&Arc::new(def), rows)?;
                db.put_table(rebuilt);
            }
        }
    }
    // Last, when all tables have the names and columns that keys refer to.
    for step in steps {
        if let SchemaStep::AlterTable { from, to, .. } = step
            && from.foreign_keys != to.foreign_keys
            && let Ok(table) = db.table(&to.name)
        {
            for row in table.rows() {
                check_row_references(db, table.def(), row)?;
            }
        }
    }
    Ok(())
}

fn recast(row: &Row, columns: &[ColumnSource]) -> Row {
    columns
        .iter()
        .map(|source| match source {
            ColumnSource::Column(ix) => row[*ix].clone(),
            ColumnSource::Value(value) => value.clone(),
        })
        .collect()
}

/// A table of these rows, each of which has to keep the rules of its shape.
fn build(def: &Arc<Table>, rows: Vec<Row>) -> Result<TableState> {
    let mut table = TableState::new(def.clone());
    for mut row in rows {
        complete_row(def, &mut row)?;
        table
            .check_keys(&row, None)
            .map_err(|refusal| not_unique(def, refusal))?;
        table.insert(Arc::new(row));
    }
    Ok(table)
}

/// PostgreSQL words a duplicate differently where a key is new.
fn not_unique(def: &Table, refusal: Refusal) -> Refusal {
    let names = def
        .uniques
        .iter()
        .map(|unique| &unique.name)
        .chain([&def.primary_key.name]);
    for name in names {
        if refusal.message.ends_with(&format!("\"{name}\"")) {
            let details = refusal
                .details
                .as_deref()
                .map(|details| details.replace(" already exists.", " is duplicated."));
            return Refusal {
                message: format!("could not create unique index \"{name}\""),
                details,
                ..refusal
            };
        }
    }
    refusal
}

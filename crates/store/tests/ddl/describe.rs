//! A schema and the steps to it, in words.

use pando_model::plan::Change;
use pando_model::schema::{Column, ColumnSource, Identity, ReferentialAction, SchemaStep, Table};
use pando_store::ddl::Planned;
use std::fmt::Write as _;

/// The tables, the steps that are not plain CREATE TABLE, and the rows.
pub fn planned(planned: &Planned) -> String {
    let mut out = String::new();
    for table in planned.schema.tables.values() {
        describe(table, &mut out);
    }
    for described in planned.steps.iter().map(step) {
        writeln!(out, "step: {described}").unwrap();
    }
    for change in &planned.inserts {
        if let Change::Insert(insert) = change {
            for row in &insert.rows {
                writeln!(out, "row: {} {row:?}", insert.table.name).unwrap();
            }
        }
    }
    out
}

fn describe(table: &Table, out: &mut String) {
    write!(out, "{}", table.name).unwrap();
    if table.reference {
        write!(out, " reference").unwrap();
    } else {
        write!(out, " by ({})", names(table, &table.shard_key)).unwrap();
    }
    for (name, value) in &table.options {
        write!(out, " {name}={value}").unwrap();
    }
    out.push('\n');
    for each in &table.columns {
        writeln!(out, "  {}", column(each)).unwrap();
    }
    let key = &table.primary_key;
    writeln!(out, "  {} key ({})", key.name, names(table, &key.columns)).unwrap();
    for unique in &table.uniques {
        let global = if unique.global { " global" } else { "" };
        let columns = names(table, &unique.columns);
        writeln!(out, "  {} unique ({columns}){global}", unique.name).unwrap();
    }
    for index in &table.indexes {
        let columns: Vec<String> = index
            .columns
            .iter()
            .map(|(ix, descending)| {
                let name = &table.columns[*ix].name;
                let order = if *descending { " desc" } else { "" };
                format!("{name}{order}")
            })
            .collect();
        writeln!(out, "  {} index ({})", index.name, columns.join(", ")).unwrap();
    }
    for check in &table.checks {
        let expr = serde_json::to_string(&check.expr).unwrap();
        writeln!(out, "  {} check {expr}", check.name).unwrap();
    }
    for key in &table.foreign_keys {
        let columns = names(table, &key.columns);
        let target = format!("{} ({})", key.target, key.target_columns.join(", "));
        write!(out, "  {} ({columns}) to {target}", key.name).unwrap();
        if !key.enforced {
            write!(out, " not enforced").unwrap();
        }
        if key.on_delete != ReferentialAction::NoAction {
            write!(out, " delete {:?}", key.on_delete).unwrap();
        }
        if key.on_update != ReferentialAction::NoAction {
            write!(out, " update {:?}", key.on_update).unwrap();
        }
        out.push('\n');
    }
}

fn column(column: &Column) -> String {
    let mut out = format!("{} {}", column.name, column.ty);
    if column.nullable {
        out.push_str(" null");
    }
    match column.identity {
        Some(Identity::Always) => out.push_str(" identity always"),
        Some(Identity::ByDefault) => out.push_str(" identity"),
        Some(Identity::Position) => out.push_str(" position"),
        None => {}
    }
    for (word, expr) in [("default", &column.default), ("as", &column.generated)] {
        if let Some(expr) = expr {
            write!(out, " {word} {}", serde_json::to_string(expr).unwrap()).unwrap();
        }
    }
    out
}

fn names(table: &Table, columns: &[usize]) -> String {
    let names: Vec<&str> = columns
        .iter()
        .map(|ix| table.columns[*ix].name.as_str())
        .collect();
    names.join(", ")
}

fn step(step: &SchemaStep) -> String {
    match step {
        SchemaStep::CreateTable(table) => format!("create {}", table.name),
        SchemaStep::AdoptTable(table) => format!("adopt {}", table.name),
        SchemaStep::DropTable(table) => format!("drop {}", table.name),
        SchemaStep::AlterTable { from, to, columns } => {
            let sources: Vec<String> = columns
                .iter()
                .map(|source| match source {
                    ColumnSource::Column(ix) => from.columns[*ix].name.clone(),
                    ColumnSource::Value(value) => format!("{value:?}"),
                })
                .collect();
            format!(
                "alter {} to {} from {}",
                from.name,
                to.name,
                sources.join(", ")
            )
        }
        SchemaStep::CreateIndex { table, name } => format!("index {name} on {}", table.name),
        SchemaStep::DropIndex { table, name } => format!("drop index {name} of {}", table.name),
    }
}

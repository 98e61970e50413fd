//! Declares a table that was found as a migration would, one rule after the other, so that each
//! is refused by itself.

use super::JudgedTable;
use super::text::{action, create_table, listed, primary_key, quoted};
use crate::ddl::{self, Fault};
use pando_model::expr::Moment;
use pando_model::found::{Finding, FoundColumn, FoundKind, FoundRule, FoundTable};
use pando_model::schema::{RESERVED_PREFIX, ReferentialAction, Schema, Table};
use std::sync::Arc;

/// The schema as far as it was declared.
pub(super) struct Draft {
    schema: Schema,
    moment: Moment,
    /// Constraints that a declared type stands for, and the names that they get.
    limits: Vec<(String, String, String)>,
}

impl Draft {
    /// Begins on a schema in force.
    pub(super) fn new(served: &Schema, moment: Moment) -> Draft {
        Draft {
            schema: served.clone(),
            moment,
            limits: Vec::new(),
        }
    }

    /// Declares a table without its foreign keys.
    pub(super) fn declare(
        &mut self,
        table: &FoundTable,
        placed_by: Option<&[String]>,
        judged: &mut JudgedTable,
    ) {
        let Some(key) = table.rules.iter().find_map(primary_key) else {
            return;
        };
        if table.columns.iter().any(|column| column.ty.is_none()) {
            return;
        }
        let columns = self.columns(table, key, placed_by, judged);
        let sql = create_table(table, &columns, key, placed_by);
        if let Err(fault) = self.try_out(&sql) {
            judged.obstacles.push(obstacle(fault));
            return;
        }
        for column in columns {
            self.default(table, column, judged);
            self.limit(table, column, judged);
        }
        for rule in &table.rules {
            self.rule(table, rule, judged);
        }
    }

    /// Forgets a table that does not fit.
    pub(super) fn take_back(&mut self, table: &str) {
        self.schema.tables.remove(table);
        self.limits.retain(|(of, ..)| of != table);
    }

    /// Declares a table's foreign keys, once all tables are known.
    pub(super) fn refer(&mut self, table: &FoundTable, judged: &mut JudgedTable) {
        for rule in &table.rules {
            self.foreign_key(table, rule, judged);
        }
    }

    /// The new tables, as tables that lie as they were found.
    pub(super) fn finish(mut self, served: &Schema) -> Vec<Arc<Table>> {
        let limits = std::mem::take(&mut self.limits);
        let new = self.schema.tables.into_values();
        new.filter(|table| served.table(&table.name).is_none())
            .map(|table| {
                let mut table = Table::clone(&table);
                table.adopted = true;
                // Its primary key is an index already.
                table.key_indexed = false;
                for check in &mut table.checks {
                    let of = limits
                        .iter()
                        .find(|(of, given, _)| *of == table.name && *given == check.name);
                    if let Some((.., name)) = of {
                        check.name.clone_from(name);
                    }
                }
                Arc::new(table)
            })
            .collect()
    }

    /// The columns that are served: one whose computation Pando does not know is left to
    /// PostgreSQL.
    fn columns<'t>(
        &self,
        table: &'t FoundTable,
        key: &[String],
        placed_by: Option<&[String]>,
        judged: &mut JudgedTable,
    ) -> Vec<&'t FoundColumn> {
        let plain = |column: &&FoundColumn| column.generated.is_none();
        let mut columns: Vec<&FoundColumn> = table.columns.iter().collect();
        for column in table.columns.iter().filter(|column| !plain(column)) {
            let tried: Vec<&FoundColumn> = table
                .columns
                .iter()
                .filter(|other| plain(other) || other.name == column.name)
                .collect();
            let sql = create_table(table, &tried, key, placed_by);
            let without = create_table(
                table,
                &table.columns.iter().filter(plain).collect::<Vec<_>>(),
                key,
                placed_by,
            );
            // Something else may be wrong with the table.
            if self.plan(&without).is_err() {
                continue;
            }
            if let Err(fault) = self.plan(&sql) {
                columns.retain(|other| other.name != column.name);
                judged.notes.push(Finding::new(format!(
                    "{} is not served: {}; PostgreSQL goes on computing it",
                    column.written, fault.reason
                )));
            }
        }
        columns
    }

    fn default(&mut self, table: &FoundTable, column: &FoundColumn, judged: &mut JudgedTable) {
        let Some(default) = &column.default else {
            return;
        };
        let (of, name) = (quoted(&table.name), quoted(&column.name));
        let sql = format!("ALTER TABLE {of} ALTER COLUMN {name} SET DEFAULT {default}");
        let Err(fault) = self.try_out(&sql) else {
            return;
        };
        let what = format!(
            "Pando does not compute the default {default} of {} ({})",
            column.written, fault.reason
        );
        let mend = format!(
            "ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT;",
            table.written, column.written
        );
        match column.nullable {
            // A row would hold NULL where psql's holds the default.
            true => judged.obstacles.push(Finding::new(what).mend(mend)),
            false => judged.notes.push(Finding::new(format!(
                "{what}: new rows have to bring their {}",
                column.written
            ))),
        }
    }

    fn limit(&mut self, table: &FoundTable, column: &FoundColumn, judged: &mut JudgedTable) {
        let Some(limit) = &column.limit else {
            return;
        };
        let given = format!("limit of {}", column.name);
        let sql = format!(
            "ALTER TABLE {} ADD CONSTRAINT {} CHECK ({limit})",
            quoted(&table.name),
            quoted(&given)
        );
        match self.try_out(&sql) {
            Ok(()) => {
                let name = format!("{RESERVED_PREFIX} {} of {}", column.declared, column.name);
                self.limits.push((table.name.clone(), given, name));
            }
            Err(fault) => judged.obstacles.push(obstacle(fault)),
        }
    }

    fn rule(&mut self, table: &FoundTable, rule: &FoundRule, judged: &mut JudgedTable) {
        let (of, name) = (quoted(&table.name), quoted(&rule.name));
        match &rule.kind {
            FoundKind::Unique(columns) => {
                let columns = listed(columns);
                let sql = format!("ALTER TABLE {of} ADD CONSTRAINT {name} UNIQUE ({columns})");
                let Err(fault) = self.try_out(&sql) else {
                    return;
                };
                let global =
                    format!("CREATE UNIQUE INDEX {name} ON {of} ({columns}) WITH (global = true)");
                judged.notes.push(match self.try_out(&global) {
                    Ok(()) => Finding::new(format!(
                        "{} is taken WITH (global = true): {}",
                        rule.name, fault.reason
                    )),
                    Err(_) => kept_below(rule, &fault),
                });
            }
            FoundKind::Check(condition) => {
                let sql = format!("ALTER TABLE {of} ADD CONSTRAINT {name} CHECK ({condition})");
                if let Err(fault) = self.try_out(&sql) {
                    judged.notes.push(kept_below(rule, &fault));
                }
            }
            FoundKind::Index(columns) => {
                let columns: Vec<String> = columns
                    .iter()
                    .map(|(name, descending)| {
                        let direction = if *descending { " DESC" } else { "" };
                        format!("{}{direction}", quoted(name))
                    })
                    .collect();
                let sql = format!("CREATE INDEX {name} ON {of} ({})", columns.join(", "));
                if let Err(fault) = self.try_out(&sql) {
                    judged.notes.push(Finding::new(format!(
                        "the index {}: PostgreSQL alone knows it, and uses it where it can ({})",
                        rule.name, fault.reason
                    )));
                }
            }
            FoundKind::PrimaryKey(_) | FoundKind::ForeignKey { .. } => {}
        }
    }

    fn foreign_key(&mut self, table: &FoundTable, rule: &FoundRule, judged: &mut JudgedTable) {
        let FoundKind::ForeignKey {
            columns,
            target,
            target_columns,
            on_delete,
            on_update,
        } = &rule.kind
        else {
            return;
        };
        if self.schema.table(target).is_none() {
            judged.notes.push(Finding::new(format!(
                "{} refers to {target}, which is not served: PostgreSQL alone keeps it",
                rule.name
            )));
            return;
        }
        let refers = format!(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
            quoted(&table.name),
            quoted(&rule.name),
            listed(columns),
            quoted(target),
            listed(target_columns)
        );
        let enforced = format!(
            "{refers} ON DELETE {} ON UPDATE {}",
            action(*on_delete),
            action(*on_update)
        );
        let Err(fault) = self.try_out(&enforced) else {
            return;
        };
        match self.try_out(&format!("{refers} NOT ENFORCED")) {
            Ok(()) => {
                self.set_actions(&table.name, &rule.name, *on_delete, *on_update);
                judged.notes.push(self.not_enforced(table, rule, &fault));
            }
            Err(fault) => judged.notes.push(kept_below(rule, &fault)),
        }
    }

    /// A foreign key that shards could not keep, and how they could.
    fn not_enforced(&self, table: &FoundTable, rule: &FoundRule, fault: &Fault) -> Finding {
        let why = fault.reason.split_once("cannot be enforced: ");
        let why = why.map_or(fault.reason.as_str(), |(_, why)| why);
        let finding = Finding::new(format!(
            "{}: {why}; it is taken NOT ENFORCED, for joins and embedding, and PostgreSQL keeps it \
             as long as there is one database",
            rule.name
        ));
        let (
            FoundKind::ForeignKey {
                columns,
                target,
                target_columns,
                ..
            },
            Some(key),
        ) = (&rule.kind, table.rules.iter().find_map(primary_key))
        else {
            return finding;
        };
        let places_target = self.schema.table(target).is_some_and(|target| {
            let names = target.shard_key.iter().map(|ix| &target.columns[*ix].name);
            names.eq(target_columns.iter())
        });
        let could_follow = *target != table.name
            && columns.iter().all(|column| key.contains(column))
            && places_target;
        match could_follow {
            true => finding.mend(format!(
                "pando adopt … --place {}={}",
                table.name,
                columns.join(",")
            )),
            false => finding,
        }
    }

    /// What PostgreSQL does by a key that Pando does not enforce: the feed is told of it.
    fn set_actions(
        &mut self,
        table: &str,
        key: &str,
        on_delete: ReferentialAction,
        on_update: ReferentialAction,
    ) {
        let Some(table) = self.schema.tables.get_mut(table) else {
            return;
        };
        let keys = &mut Arc::make_mut(table).foreign_keys;
        for known in keys.iter_mut().filter(|known| known.name == key) {
            (known.on_delete, known.on_update) = (on_delete, on_update);
        }
    }

    fn try_out(&mut self, sql: &str) -> Result<(), Fault> {
        self.schema = self.plan(sql)?;
        Ok(())
    }

    fn plan(&self, sql: &str) -> Result<Schema, Fault> {
        ddl::plan(&self.schema, sql, self.moment).map(|planned| planned.schema)
    }
}

/// A rule that Pando has no words for does not go: the database below keeps it.
fn kept_below(rule: &FoundRule, fault: &Fault) -> Finding {
    Finding::new(format!(
        "PostgreSQL alone keeps {}, and says so where a row breaks it ({})",
        rule.name, fault.reason
    ))
}

fn obstacle(fault: Fault) -> Finding {
    let finding = Finding::new(fault.reason);
    match fault.hint {
        Some(hint) => finding.mend(hint),
        None => finding,
    }
}

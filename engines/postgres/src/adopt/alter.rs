//! Changes of an adopted table: each is PostgreSQL's own, in place. Such a table is never built
//! anew, because what Pando does not know of it would be lost.
//!
//! Columns, keys, foreign keys and indexes are PostgreSQL's then as well; a CHECK that comes with
//! a migration is kept by Pando, as it is of tables that Pando made.

use crate::apply::{check_unique, write_down};
use crate::cell::Param;
use crate::fault::Step;
use crate::layout::{column_sql, indexes};
use crate::session::Session;
use crate::sql::{literal, quoted};
use pando_model::constraint::check_row;
use pando_model::error::{EngineError, Refusal};
use pando_model::expr::{Expr, Function};
use pando_model::reshape::keys_of;
use pando_model::schema::{
    Column, ColumnIx, ColumnSource, ForeignKey, RESERVED_PREFIX, ReferentialAction, Table,
};
use std::sync::Arc;

/// Rows in memory at once while a new rule is tried on them.
const ROWS_AT_ONCE: u64 = 2_000;

/// Brings a table from one shape to another.
pub(crate) fn alter(
    session: &Session,
    from: &Table,
    to: &Arc<Table>,
    columns: &[ColumnSource],
) -> Step<()> {
    refuse_computed(to, columns)?;
    refuse_losses(session, from, columns)?;
    let renamed = rename_rules(session, from, to, columns)?;
    drop_rules(session, from, to, &renamed)?;
    reshape(session, from, to, columns)?;
    session.forget_statements();
    let known = |name: &str| renamed.iter().any(|(_, new)| new == name);
    let is_new = |name: &str| !known(name) && !has_rule(from, name);
    make_indexes(session, to, &is_new)?;
    for key in &to.foreign_keys {
        if key.enforced && is_new(&key.name) {
            add_foreign_key(session, to, key)?;
        }
    }
    if to.checks.iter().any(|check| is_new(&check.name)) {
        check_rows(session, to)?;
    }
    write_down(session, to)
}

/// Brings a table's indexes in line with its definition.
pub(crate) fn index(session: &Session, from: &Table, to: &Table) -> Step<()> {
    drop_rules(session, from, to, &[])?;
    make_indexes(session, to, &|name| !has_rule(from, name))?;
    write_down(session, to)
}

/// What PostgreSQL computes is written in PostgreSQL's words, which Pando does not write.
fn refuse_computed(to: &Table, columns: &[ColumnSource]) -> Step<()> {
    let added = to.columns.iter().zip(columns);
    let computed = added
        .filter(|(_, source)| matches!(source, ColumnSource::Value(_)))
        .any(|(column, _)| column.generated.is_some());
    if computed {
        return Err(EngineError::Unsupported {
            engine: "postgres",
            what: "new generated columns of adopted tables",
        }
        .into());
    }
    Ok(())
}

/// With a column goes what is made of it: refused, where Pando does not know of it.
fn refuse_losses(session: &Session, from: &Table, columns: &[ColumnSource]) -> Step<()> {
    for column in gone(from, columns) {
        let mut unknown = None;
        session.select_all(
            "SELECT coalesce(con.conname, i.relname)::text, \
             pg_describe_object(d.classid, d.objid, d.objsubid) \
             FROM pg_depend AS d JOIN pg_attribute AS a ON a.attrelid = d.refobjid \
             AND a.attnum = d.refobjsubid \
             LEFT JOIN pg_constraint AS con ON d.classid = 'pg_constraint'::regclass \
             AND con.oid = d.objid \
             LEFT JOIN pg_class AS i ON d.classid = 'pg_class'::regclass AND i.oid = d.objid \
             AND i.relkind IN ('i', 'I') \
             WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::text::regclass \
             AND a.attname = $2 AND coalesce(con.conname, i.relname) IS NOT NULL",
            &[
                Param::text(quoted(&from.name)),
                Param::text(column.name.as_str()),
            ],
            |row| {
                let (name, what): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                if !has_rule(from, &name) {
                    unknown = Some(what);
                }
                Ok(())
            },
        )?;
        if let Some(what) = unknown {
            let message = format!(
                "column \"{}\" cannot be dropped: {what} needs it",
                column.name
            );
            return Err(Refusal::new("2BP01", message)
                .hint("Pando does not know it, and would lose it: drop it with psql first.")
                .into());
        }
    }
    Ok(())
}

fn gone<'t>(from: &'t Table, columns: &[ColumnSource]) -> impl Iterator<Item = &'t Column> {
    let kept: Vec<ColumnIx> = columns
        .iter()
        .filter_map(|source| match source {
            ColumnSource::Column(ix) => Some(*ix),
            ColumnSource::Value(_) => None,
        })
        .collect();
    let all = from.columns.iter().enumerate();
    all.filter(move |(ix, _)| !kept.contains(ix))
        .map(|(_, column)| column)
}

/// Renames, columns out, columns in, NOT NULL, defaults.
fn reshape(session: &Session, from: &Table, to: &Table, columns: &[ColumnSource]) -> Step<()> {
    let name = quoted(&to.name);
    if from.name != to.name {
        session.batch(&format!(
            "ALTER TABLE {} RENAME TO {name}",
            quoted(&from.name)
        ))?;
    }
    for column in gone(from, columns) {
        let column = quoted(&column.name);
        session.batch(&format!("ALTER TABLE {name} DROP COLUMN {column}"))?;
    }
    rename_columns(session, from, to, columns)?;
    for (column, source) in to.columns.iter().zip(columns) {
        let written = quoted(&column.name);
        let alter = |what: &str| {
            session.batch(&format!("ALTER TABLE {name} ALTER COLUMN {written} {what}"))
        };
        match source {
            ColumnSource::Column(ix) => {
                let old = &from.columns[*ix];
                match (old.nullable, column.nullable) {
                    (true, false) => alter("SET NOT NULL")?,
                    (false, true) => alter("DROP NOT NULL")?,
                    _ => {}
                }
                if old.default != column.default {
                    match default_sql(column) {
                        Some(default) => alter(&format!("SET DEFAULT {default}"))?,
                        None => alter("DROP DEFAULT")?,
                    }
                }
            }
            ColumnSource::Value(value) => {
                let filled = value.to_text(&column.ty);
                let filled = filled.map(|text| format!("{}::{}", literal(&text), column.ty));
                let default = filled.as_deref().map(|filled| format!(" DEFAULT {filled}"));
                session.batch(&format!(
                    "ALTER TABLE {name} ADD COLUMN {}{}",
                    column_sql(column, !column.nullable),
                    default.unwrap_or_default()
                ))?;
                match default_sql(column) {
                    Some(default) => alter(&format!("SET DEFAULT {default}"))?,
                    None if filled.is_some() => alter("DROP DEFAULT")?,
                    None => {}
                }
            }
        }
    }
    Ok(())
}

/// By way of names that nobody has, because two may take each other's.
fn rename_columns(
    session: &Session,
    from: &Table,
    to: &Table,
    columns: &[ColumnSource],
) -> Step<()> {
    let renamed: Vec<(usize, &str, &str)> = to
        .columns
        .iter()
        .zip(columns)
        .enumerate()
        .filter_map(|(place, (column, source))| match source {
            ColumnSource::Column(ix) if from.columns[*ix].name != column.name => {
                Some((place, from.columns[*ix].name.as_str(), column.name.as_str()))
            }
            _ => None,
        })
        .collect();
    let between = |place: usize| quoted(&format!("{RESERVED_PREFIX}_column_{place}"));
    let name = quoted(&to.name);
    for (place, old, _) in &renamed {
        let (old, new) = (quoted(old), between(*place));
        session.batch(&format!("ALTER TABLE {name} RENAME COLUMN {old} TO {new}"))?;
    }
    for (place, _, new) in &renamed {
        let (old, new) = (between(*place), quoted(new));
        session.batch(&format!("ALTER TABLE {name} RENAME COLUMN {old} TO {new}"))?;
    }
    Ok(())
}

/// A default that psql's rows get as well. Others are Pando's alone.
fn default_sql(column: &Column) -> Option<String> {
    match &column.default {
        Some(Expr::Literal(ty, Some(text))) => Some(format!("{}::{ty}", literal(text))),
        Some(Expr::Call(Function::Now, _)) => Some("now()".to_owned()),
        Some(Expr::Call(Function::CurrentDate, _)) => Some("CURRENT_DATE".to_owned()),
        Some(Expr::Call(Function::GenRandomUuid, _)) => Some("gen_random_uuid()".to_owned()),
        _ => None,
    }
}

/// The names of constraints and indexes, except of those that stand for a declared type.
fn rules(table: &Table) -> impl Iterator<Item = &String> {
    let uniques = table.uniques.iter().map(|rule| &rule.name);
    let checks = table.checks.iter().map(|rule| &rule.name);
    let keys = table.foreign_keys.iter().map(|rule| &rule.name);
    std::iter::once(&table.primary_key.name)
        .chain(uniques)
        .chain(table.indexes.iter().map(|rule| &rule.name))
        .chain(checks)
        .chain(keys)
        .filter(|name| !name.starts_with(RESERVED_PREFIX))
}

fn has_rule(table: &Table, name: &str) -> bool {
    rules(table).any(|known| known == name)
}

/// Renames rules that say the same under another name; old and new names.
fn rename_rules(
    session: &Session,
    from: &Table,
    to: &Table,
    columns: &[ColumnSource],
) -> Step<Vec<(String, String)>> {
    let is_kept = |place: usize| columns.get(place) == Some(&ColumnSource::Column(place));
    if !(0..from.columns.len()).all(is_kept) {
        return Ok(Vec::new());
    }
    let mut same: Vec<(&String, &String)> = vec![(&from.primary_key.name, &to.primary_key.name)];
    for old in &from.uniques {
        let new = to.uniques.iter().find(|new| new.columns == old.columns);
        same.extend(new.map(|new| (&old.name, &new.name)));
    }
    for old in &from.checks {
        let new = to.checks.iter().find(|new| new.expr == old.expr);
        same.extend(new.map(|new| (&old.name, &new.name)));
    }
    for old in &from.foreign_keys {
        let new = to
            .foreign_keys
            .iter()
            .find(|new| new.columns == old.columns && new.target_columns == old.target_columns);
        same.extend(new.map(|new| (&old.name, &new.name)));
    }
    let mut renamed = Vec::new();
    for (old, new) in same {
        if old == new || has_rule(to, old) || has_rule(from, new) {
            continue;
        }
        let (table, written) = (quoted(&from.name), quoted(old));
        let sql = match is_constraint(session, from, old)? {
            true => format!(
                "ALTER TABLE {table} RENAME CONSTRAINT {written} TO {}",
                quoted(new)
            ),
            false if from.uniques.iter().any(|unique| unique.name == *old) => {
                format!("ALTER INDEX {written} RENAME TO {}", quoted(new))
            }
            // Pando alone keeps it.
            false => String::new(),
        };
        if !sql.is_empty() {
            session.batch(&sql)?;
        }
        renamed.push((old.clone(), new.clone()));
    }
    Ok(renamed)
}

/// Drops what is not there any more.
fn drop_rules(
    session: &Session,
    from: &Table,
    to: &Table,
    renamed: &[(String, String)],
) -> Step<()> {
    for name in rules(from) {
        if has_rule(to, name) || renamed.iter().any(|(old, _)| old == name) {
            continue;
        }
        let written = quoted(name);
        if is_constraint(session, from, name)? {
            let table = quoted(&from.name);
            session.batch(&format!("ALTER TABLE {table} DROP CONSTRAINT {written}"))?;
        } else if !from.checks.iter().any(|check| check.name == *name)
            && !from.foreign_keys.iter().any(|key| key.name == *name)
        {
            session.batch(&format!("DROP INDEX {written}"))?;
        }
    }
    Ok(())
}

fn is_constraint(session: &Session, table: &Table, name: &str) -> Step<bool> {
    session.exists(
        "SELECT FROM pg_constraint WHERE conrelid = $1::text::regclass AND conname = $2",
        &[Param::text(quoted(&table.name)), Param::text(name)],
    )
}

fn make_indexes(session: &Session, to: &Table, is_new: &dyn Fn(&str) -> bool) -> Step<()> {
    for (name, columns) in keys_of(to).skip(1) {
        if is_new(name) {
            check_unique(session, to, name, columns)?;
        }
    }
    let new = indexes(to).into_iter().filter(|(name, _)| is_new(name));
    for (_, sql) in new {
        session.batch(&sql)?;
    }
    Ok(())
}

fn add_foreign_key(session: &Session, table: &Table, key: &ForeignKey) -> Step<()> {
    let targets: Vec<_> = key.target_columns.iter().map(|name| quoted(name)).collect();
    session.batch(&format!(
        "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) \
         ON DELETE {} ON UPDATE {}",
        quoted(&table.name),
        quoted(&key.name),
        crate::layout::names(table, &key.columns),
        quoted(&key.target),
        targets.join(", "),
        action(key.on_delete),
        action(key.on_update)
    ))
}

fn action(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::NoAction => "NO ACTION",
        ReferentialAction::Restrict => "RESTRICT",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
    }
}

/// Tries the rules on the rows that are there, and keeps others from adding some.
fn check_rows(session: &Session, table: &Arc<Table>) -> Step<()> {
    let name = quoted(&table.name);
    session.batch(&format!("LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))?;
    let mut after = None;
    loop {
        let rows = session.read_page(table, after.as_ref(), ROWS_AT_ONCE)?;
        rows.iter().try_for_each(|row| check_row(table, row))?;
        if (rows.len() as u64) < ROWS_AT_ONCE {
            return Ok(());
        }
        after = rows.into_iter().next_back();
    }
}

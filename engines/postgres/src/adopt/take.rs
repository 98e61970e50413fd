//! Putting a table under Pando, and letting go of all again.

use super::column;
use crate::cell::Param;
use crate::fault::Step;
use crate::layout::{INTERNAL_TABLES, definition_of};
use crate::session::Session;
use crate::sql::quoted;
use pando_model::error::Refusal;
use pando_model::schema::Table;

/// Records a table as one that lies as it was found. It has to be there, with the columns that
/// the definition has, until the transaction ends.
pub(crate) fn take(session: &Session, table: &Table) -> Step<()> {
    let oid = session.first_int(
        "SELECT c.oid::bigint FROM pg_class AS c \
         WHERE c.relname = $1 AND c.relnamespace = current_schema()::regnamespace \
         AND c.relkind IN ('r', 'p')",
        &[Param::text(table.name.as_str())],
    )?;
    let Some(oid) = oid else {
        return Err(changed(table, "it is not there").into());
    };
    let lock = format!("LOCK TABLE {} IN ACCESS SHARE MODE", quoted(&table.name));
    session.batch(&lock)?;
    let found = column::read_raw(session, oid)?;
    for wanted in &table.columns {
        let is_there = found.iter().map(|raw| &raw.column).any(|column| {
            column.name == wanted.name
                && column.ty.as_ref() == Some(&wanted.ty)
                && column.generated.is_some() == wanted.generated.is_some()
        });
        if !is_there {
            let what = format!("its column \"{}\" is another", wanted.name);
            return Err(changed(table, &what).into());
        }
    }
    crate::apply::write_down(session, table)
}

/// Takes Pando's relations out; the tables that it made stay, and are named.
pub(super) fn forget(session: &Session) -> Step<Vec<String>> {
    let mut made = Vec::new();
    let is_store = session.exists(
        "SELECT FROM pg_class WHERE relname = '_pando_layout' \
         AND relnamespace = current_schema()::regnamespace",
        &[],
    )?;
    if !is_store {
        return Ok(made);
    }
    let mut own: Vec<String> = ["CREATE TABLE ", "CREATE FUNCTION "]
        .into_iter()
        .flat_map(made_by)
        .collect();
    session.select_all(
        "SELECT name, definition FROM _pando_layout ORDER BY name",
        &[],
        |row| {
            let (name, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            if name.starts_with("_pando_") {
                own.push(name);
            } else if !definition_of(&name, &text)?.adopted {
                made.push(name);
            }
            Ok(())
        },
    )?;
    // Others may have made something that is called so.
    let mut drops = Vec::new();
    session.select_all(
        "SELECT c.relname::text, format('DROP TABLE %I', c.relname) FROM pg_class AS c \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
         AND starts_with(c.relname, '_pando_') UNION ALL \
         SELECT p.proname::text, format('DROP FUNCTION %s', p.oid::regprocedure) FROM pg_proc AS p \
         WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(p.proname, '_pando_')",
        &[],
        |row| {
            if own.contains(&row.try_get(0)?) {
                drops.push(row.try_get::<_, String>(1)?);
            }
            Ok(())
        },
    )?;
    if !drops.is_empty() {
        session.batch(&drops.join("; "))?;
    }
    Ok(made)
}

/// The names of what a statement makes in every store.
fn made_by(statement: &str) -> impl Iterator<Item = String> {
    let made = INTERNAL_TABLES.split(statement).skip(1);
    made.filter_map(|rest| rest.split([' ', '(']).next())
        .map(str::to_owned)
}

fn changed(table: &Table, what: &str) -> Refusal {
    let what = format!(
        "relation \"{}\" is not as it was looked at: {what}",
        table.name
    );
    Refusal::new("42P17", what).hint("Run `pando adopt` again.")
}

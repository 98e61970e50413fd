//! Whether the data is sound: pages, indexes, fences, keys, references.

use crate::cell::value_of;
use crate::config::SqliteConfig;
use crate::connection::{Conn, Purpose};
use crate::fault::Step;
use crate::layout::load;
use crate::open::{check_header, check_ours, read_history, read_shard};
use crate::restore::check_trailer;
use crate::sql::quoted;
use pando_model::canonical;
use pando_model::engine::Result;
use pando_model::layout::Physical;
use pando_model::plan::{Row, Tree};
use pando_model::reshape::first_dangling;
use pando_model::schema::{SLOT_COLUMN, Table};
use pando_model::slot::Slot;
use pando_model::tree::read_tree;
use std::path::Path;

/// Rows of each table whose slot is computed anew: enough to notice a hash that changed.
const ROWS_SAMPLED: u64 = 1_000;

/// Checks a data file or a backup that no engine has open, and answers what is wrong, one
/// line each. A file that is no database of Pando's is an error.
pub fn verify_file(path: &Path) -> Result<Vec<String>> {
    if !check_header(path)? {
        return Err(crate::fault::corrupt(format!(
            "{} is not there, or empty",
            path.display()
        )));
    }
    if let Some(wrong) = check_trailer(path)? {
        return Ok(vec![wrong]);
    }
    let config = SqliteConfig::new(path);
    let check = || -> Step<Vec<String>> {
        let conn = Conn::open(&config, false)?;
        conn.settle(&config, Purpose::Read)?;
        check_ours(&conn)?;
        verify_data(&conn)
    };
    check().map_err(|fault| fault.into_engine("verify"))
}

/// Checks what a snapshot shows.
pub(crate) fn verify_data(conn: &Conn) -> Step<Vec<String>> {
    let mut wrong = Vec::new();
    conn.select("PRAGMA integrity_check", &[], |row| {
        let line: String = row.get(0)?;
        if line != "ok" {
            wrong.push(line);
        }
        Ok(())
    })?;
    if !wrong.is_empty() {
        // What lies on damaged pages says nothing.
        return Ok(wrong);
    }
    verify_shard(conn, &mut wrong)?;
    let layout = load(conn)?;
    let mut tables: Vec<_> = layout.tables().collect();
    tables.sort_by_key(|physical| &physical.table.name);
    for physical in tables {
        verify_table(conn, physical, &mut wrong)?;
    }
    Ok(wrong)
}

fn verify_shard(conn: &Conn, wrong: &mut Vec<String>) -> Step<()> {
    let shard = read_shard(conn)?;
    let history = read_history(conn)?;
    if history.forks().iter().any(|fork| fork.at > shard.at.p) {
        wrong.push("a fork lies beyond the shard's position".to_owned());
    }
    let fences = conn.first_int("SELECT count(*) FROM _pando_fence", &[])?;
    let expected = Slot::all().count() as i64;
    if fences != Some(expected) {
        wrong.push(format!(
            "there are {} fences, not {expected}",
            fences.unwrap_or(0)
        ));
    }
    let odd = conn.first_int(
        "SELECT count(*) FROM _pando_fence WHERE epoch < 1 OR seq < 0 \
         OR schema_version <> (SELECT schema_version FROM _pando_shard)",
        &[],
    )?;
    if odd != Some(0) {
        wrong.push(format!(
            "{} fences do not carry the schema in force",
            odd.unwrap_or(0)
        ));
    }
    Ok(())
}

fn verify_table(conn: &Conn, physical: &Physical, wrong: &mut Vec<String>) -> Step<()> {
    let table = &physical.table;
    let name = quoted(&table.name);
    let by_table = conn.first_int(
        &format!("SELECT count(*) FROM {name} WHERE +{SLOT_COLUMN} >= 0"),
        &[],
    )?;
    let by_key = if table.key_indexed {
        let key = quoted(&table.primary_key.name);
        conn.first_int(
            &format!("SELECT count(*) FROM {name} INDEXED BY {key}"),
            &[],
        )?
    } else {
        by_table
    };
    if by_table != by_key {
        wrong.push(format!(
            "table {}: {by_table:?} rows, {by_key:?} keys",
            table.name
        ));
    }
    for row in sample(conn, table)? {
        let slot = canonical::slot_of_row(table, &row);
        let key = &table.primary_key.columns;
        let mut params = vec![crate::writer::slot_param(slot)];
        params.extend(crate::writer::key_cells(table, key, &row));
        let sql = format!(
            "SELECT 1 FROM {name} WHERE {SLOT_COLUMN} = ? AND {}",
            crate::layout::equalities(table, key)
        );
        if !conn.exists(&sql, &params)? {
            wrong.push(format!("table {}: a row lies in a wrong slot", table.name));
            break;
        }
    }
    if let Some(select) = first_dangling(physical) {
        let tree = Tree {
            select,
            children: Vec::new(),
        };
        if !read_tree(conn, &tree)?.rows.is_empty() {
            wrong.push(format!(
                "table {}: a row refers to one that is not there",
                table.name
            ));
        }
    }
    Ok(())
}

/// The first rows as they lie there.
fn sample(conn: &Conn, table: &Table) -> Step<Vec<Row>> {
    let all: Vec<usize> = (0..table.columns.len()).collect();
    let sql = format!(
        "SELECT {} FROM {} LIMIT {ROWS_SAMPLED}",
        crate::layout::names(table, &all),
        quoted(&table.name)
    );
    let mut rows = Vec::new();
    conn.select(&sql, &[], |raw| {
        let cells = table.columns.iter().enumerate();
        let row = cells.map(|(place, column)| value_of(raw.get_ref(place)?, &column.ty));
        rows.push(row.collect::<Step<Row>>()?);
        Ok(())
    })?;
    Ok(rows)
}

//! How tables lie in the file: their DDL, and what is known of them.
//!
//! `_pando_layout` holds the definition of every table, so that the engine knows
//! who refers to whom without being told.

use crate::connection::Conn;
use crate::fault::{Step, corrupt};
use crate::functions::JSONB_COLLATION;
use crate::sql::{indexed_sql, literal, quoted};
use pando_model::column::ColumnType;
use pando_model::layout::{Layout, Texts};
use pando_model::plan::Scalar;
use pando_model::schema::{Column, ColumnIx, Index, SLOT_COLUMN, Table};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Marks a file as ours (`Pand`), in SQLite's own header.
pub(crate) const APPLICATION_ID: i32 = 0x5061_6e64;
/// The version of the internal tables.
pub(crate) const LAYOUT_VERSION: i32 = 1;

/// The internal tables of a new file; fences and the shard's row are put in beside.
pub(crate) const INTERNAL_TABLES: &str = "
    CREATE TABLE _pando_shard (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        timeline INTEGER NOT NULL, position INTEGER NOT NULL, schema_version INTEGER NOT NULL,
        forks TEXT NOT NULL, followed INTEGER NOT NULL,
        feed_floor_p INTEGER NOT NULL, feed_floor_ordinal INTEGER NOT NULL) STRICT;
    CREATE TABLE _pando_fence (
        slot INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, state INTEGER NOT NULL,
        seq INTEGER NOT NULL, schema_version INTEGER NOT NULL) STRICT;
    CREATE TABLE _pando_receipt (
        slot INTEGER NOT NULL, scope BLOB NOT NULL, key TEXT NOT NULL, request BLOB NOT NULL,
        answer BLOB NOT NULL, timeline INTEGER NOT NULL, p INTEGER NOT NULL,
        expires_at_us INTEGER NOT NULL, PRIMARY KEY (slot, scope, key)) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX _pando_receipt_by_key ON _pando_receipt (scope, key);
    CREATE INDEX _pando_receipt_by_expiry ON _pando_receipt (expires_at_us);
    CREATE TABLE _pando_feed (
        p INTEGER NOT NULL, ordinal INTEGER NOT NULL, timeline INTEGER NOT NULL,
        slot INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
        tbl TEXT NOT NULL, kind INTEGER NOT NULL, key BLOB NOT NULL,
        PRIMARY KEY (p, ordinal)) STRICT, WITHOUT ROWID;
    CREATE TABLE _pando_follower (
        name TEXT PRIMARY KEY, timeline INTEGER NOT NULL, p INTEGER NOT NULL,
        ordinal INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE _pando_layout (
        name TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/// SQLite's statements of a table.
struct SqliteTexts;

impl Texts for SqliteTexts {
    fn insert(&self, table: &Table) -> String {
        insert_sql(table, &table.name)
    }

    fn delete(&self, table: &Table) -> String {
        delete_sql(table)
    }

    fn find(&self, table: &Table, columns: &[ColumnIx]) -> String {
        format!(
            "SELECT 1 FROM {} WHERE {}",
            quoted(&table.name),
            equalities(table, columns)
        )
    }
}

/// Reads the tables' definitions.
pub(crate) fn load(conn: &Conn) -> Step<Layout> {
    let mut tables = BTreeMap::new();
    conn.select("SELECT name, definition FROM _pando_layout", &[], |row| {
        let (name, definition): (String, String) = (row.get(0)?, row.get(1)?);
        let table: Table = serde_json::from_str(&definition)
            .map_err(|error| corrupt(format!("the definition of {name:?}: {error}")))?;
        tables.insert(name, Arc::new(table));
        Ok(())
    })?;
    Ok(Layout::of(&tables, &SqliteTexts))
}

/// `CREATE TABLE`, under `name`.
pub(crate) fn create_table_sql(table: &Table, name: &str) -> String {
    let columns = table
        .columns
        .iter()
        .enumerate()
        .map(|(ix, column)| column_sql(column, !column.nullable || table.is_key(ix)));
    let columns: Vec<String> = columns.collect();
    format!(
        "CREATE TABLE {} ({SLOT_COLUMN} INTEGER NOT NULL, {}, PRIMARY KEY ({SLOT_COLUMN}, {})) \
         STRICT, WITHOUT ROWID",
        quoted(name),
        columns.join(", "),
        names(table, &table.primary_key.columns),
    )
}

/// A column's name, class and collation.
pub(crate) fn column_sql(column: &Column, not_null: bool) -> String {
    let collation = match column.ty {
        ColumnType::Jsonb => format!(" COLLATE {JSONB_COLLATION}"),
        _ => String::new(),
    };
    let not_null = if not_null { " NOT NULL" } else { "" };
    let (name, class) = (quoted(&column.name), storage_class(&column.ty));
    format!("{name} {class}{not_null}{collation}")
}

/// All indexes that a table should have: name and `CREATE INDEX`.
pub(crate) fn indexes(table: &Table) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut leading: Vec<&[ColumnIx]> = Vec::new();
    let key = &table.primary_key;
    if table.key_indexed {
        all.push((key.name.clone(), unique_sql(table, &key.name, &key.columns)));
        leading.push(&key.columns);
    }
    for unique in &table.uniques {
        let sql = unique_sql(table, &unique.name, &unique.columns);
        all.push((unique.name.clone(), sql));
        leading.push(&unique.columns);
    }
    for index in &table.indexes {
        all.push((index.name.clone(), declared_sql(table, index)));
    }
    for foreign in &table.foreign_keys {
        let served = leading
            .iter()
            .any(|columns| columns.starts_with(&foreign.columns))
            || table.indexes.iter().any(|index| {
                let columns: Vec<_> = index.columns.iter().map(|(ix, _)| *ix).collect();
                columns.starts_with(&foreign.columns)
            });
        if !served {
            let name = format!("_pando_fk {} {}", table.name, foreign.name);
            let columns: Vec<_> = foreign.columns.iter().map(|ix| (*ix, false)).collect();
            let sql = index_sql(table, &name, &columns, &[]);
            all.push((name, sql));
        }
    }
    all
}

/// Brings a table's indexes in line with its definition.
pub(crate) fn reconcile_indexes(conn: &Conn, table: &Table) -> Step<()> {
    let mut present = HashMap::new();
    conn.select(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql NOTNULL",
        &[crate::cell::Param::Text(table.name.as_str().into())],
        |row| {
            present.insert(row.get::<_, String>(0)?, row.get::<_, String>(1)?);
            Ok(())
        },
    )?;
    let wanted = indexes(table);
    for (name, sql) in &present {
        if !wanted.iter().any(|want| want.0 == *name && want.1 == *sql) {
            conn.batch(&format!("DROP INDEX {}", quoted(name)))?;
        }
    }
    for (name, sql) in &wanted {
        if present.get(name) != Some(sql) {
            conn.batch(sql)?;
        }
    }
    Ok(())
}

/// The indexes that no table's rules depend on: those that are not unique.
pub(crate) fn plain_indexes(table: &Table) -> impl Iterator<Item = String> {
    let all = indexes(table).into_iter();
    all.filter(|(_, sql)| sql.starts_with("CREATE INDEX "))
        .map(|(name, _)| name)
}

/// The statements that make the indexes that the tables should have and the file does not.
pub(crate) fn missing_indexes(conn: &Conn, layout: &Layout) -> Step<Vec<String>> {
    let mut present = HashSet::new();
    conn.select(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql NOTNULL",
        &[],
        |row| {
            present.insert(row.get::<_, String>(0)?);
            Ok(())
        },
    )?;
    let wanted = layout.tables().flat_map(|one| indexes(&one.table));
    Ok(wanted
        .filter(|(name, _)| !present.contains(name))
        .map(|(_, sql)| sql)
        .collect())
}

/// Columns' quoted names, with commas.
pub(crate) fn names(table: &Table, columns: &[ColumnIx]) -> String {
    let names: Vec<_> = columns
        .iter()
        .map(|ix| quoted(&table.columns[*ix].name))
        .collect();
    names.join(", ")
}

/// `"a" = ? AND "b" = ?`
pub(crate) fn equalities(table: &Table, columns: &[ColumnIx]) -> String {
    let parts: Vec<_> = columns
        .iter()
        .map(|ix| format!("{} = ?", quoted(&table.columns[*ix].name)))
        .collect();
    parts.join(" AND ")
}

fn storage_class(ty: &ColumnType) -> &'static str {
    match ty {
        ColumnType::Text | ColumnType::Json | ColumnType::Jsonb => "TEXT",
        ColumnType::Integer
        | ColumnType::Bigint
        | ColumnType::Boolean
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::Timestamptz => "INTEGER",
        ColumnType::Real | ColumnType::Double => "REAL",
        ColumnType::Numeric { .. }
        | ColumnType::Uuid
        | ColumnType::Bytea
        | ColumnType::Array(_) => "BLOB",
    }
}

fn unique_sql(table: &Table, name: &str, columns: &[ColumnIx]) -> String {
    format!(
        "CREATE UNIQUE INDEX {} ON {} ({})",
        quoted(name),
        quoted(&table.name),
        names(table, columns)
    )
}

fn declared_sql(table: &Table, index: &Index) -> String {
    let mut sql = index_sql(table, &index.name, &index.columns, &index.paths);
    let mut conditions = Vec::new();
    let columns = index.columns.iter().map(|(ix, _)| &table.columns[*ix]);
    for column in columns.filter(|column| index.sparse && column.nullable) {
        conditions.push(format!("{} IS NOT NULL", quoted(&column.name)));
    }
    if let Some((column, text)) = &index.only {
        let column = quoted(&table.columns[*column].name);
        conditions.push(format!("{column} = {}", literal(text)));
    }
    if !conditions.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&conditions.join(" AND "));
    }
    sql
}

/// The rest of the primary key follows columns and paths, so that the index serves lists to the end.
fn index_sql(table: &Table, name: &str, columns: &[(ColumnIx, bool)], paths: &[Scalar]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (ix, descending) in columns {
        let direction = if *descending { " DESC" } else { "" };
        parts.push(format!("{}{direction}", quoted(&table.columns[*ix].name)));
    }
    parts.extend(paths.iter().map(|path| indexed_sql(path, table)));
    for ix in &table.primary_key.columns {
        if !columns.iter().any(|(listed, _)| listed == ix) {
            parts.push(quoted(&table.columns[*ix].name));
        }
    }
    format!(
        "CREATE INDEX {} ON {} ({})",
        quoted(name),
        quoted(&table.name),
        parts.join(", ")
    )
}

/// `INSERT` of one whole row, into the table under `name`.
pub(crate) fn insert_sql(table: &Table, name: &str) -> String {
    let all: Vec<_> = (0..table.columns.len()).collect();
    format!(
        "INSERT INTO {} ({SLOT_COLUMN}, {}) VALUES (?{})",
        quoted(name),
        names(table, &all),
        ", ?".repeat(all.len())
    )
}

fn delete_sql(table: &Table) -> String {
    format!(
        "DELETE FROM {} WHERE {SLOT_COLUMN} = ? AND {}",
        quoted(&table.name),
        equalities(table, &table.primary_key.columns)
    )
}

//! How tables lie in the database: their DDL, and what is known of them.
//!
//! `_pando_layout` holds the definition of every table, so that the engine knows
//! who refers to whom without being told.

mod many;

pub(crate) use many::{delete_many_sql, insert_many_sql};

use crate::fault::{Step, corrupt};
use crate::session::Session;
use crate::sql::{indexed_sql, literal, quoted};
use pando_model::column::ColumnType;
use pando_model::layout::{Layout, Texts};
use pando_model::plan::Scalar;
use pando_model::schema::{Column, ColumnIx, Index, SLOT_COLUMN, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of the internal tables.
pub(crate) const LAYOUT_VERSION: i32 = 2;
/// PostgreSQL cuts longer names off.
pub(crate) const NAME_BYTES_MAX: usize = 63;
/// A table that is being built anew, until it takes the old one's place.
pub(crate) const BESIDE: &str = "_pando_new";
/// Its primary key, until then.
const KEY_BESIDE: &str = "_pando_new_key";

/// The internal tables of a new database; fences and the shard's row are put in beside.
///
/// `_pando_exact` gives a double as the decimal that it is, where PostgreSQL's own cast keeps 15
/// digits; sums of them are exact. `_pando_mean` divides to more digits than decide how a double
/// is rounded. `_pando_double` and `_pando_real` round to 0 what lies no further from it than half
/// of the smallest number, where PostgreSQL's casts refuse it, and refuse what lies beyond the
/// largest as its arithmetic does.
///
/// What changes with every commit, or every look of a follower, is not updated: it is inserted,
/// the newest is read from the index's end, and the older ones are deleted. A row's versions would
/// be walked over while somebody holds an older snapshot, and so are the dead where a scan begins
/// below them.
pub(crate) const INTERNAL_TABLES: &str = r#"
    CREATE TABLE _pando_shard (
        one integer PRIMARY KEY CHECK (one = 1), layout integer NOT NULL,
        timeline integer NOT NULL, schema_version bigint NOT NULL,
        forks text NOT NULL, followed boolean NOT NULL,
        reign_timeline integer NOT NULL, reign_system bigint NOT NULL) WITH (fillfactor = 10);
    CREATE TABLE _pando_fence (
        slot integer PRIMARY KEY, epoch bigint NOT NULL, state integer NOT NULL,
        schema_version bigint NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE _pando_count (
        slot integer NOT NULL, seq bigint NOT NULL, PRIMARY KEY (slot, seq));
    CREATE TABLE _pando_commit (
        n bigint PRIMARY KEY, p bigint NOT NULL, writer bytea NOT NULL, number bigint NOT NULL);
    CREATE TABLE _pando_receipt (
        slot integer NOT NULL, scope bytea NOT NULL, key text COLLATE "C" NOT NULL,
        request bytea NOT NULL, answer bytea NOT NULL, timeline integer NOT NULL,
        p bigint NOT NULL, expires_at_us bigint NOT NULL, PRIMARY KEY (slot, scope, key));
    CREATE UNIQUE INDEX _pando_receipt_by_key ON _pando_receipt (scope, key);
    CREATE INDEX _pando_receipt_by_expiry ON _pando_receipt (expires_at_us);
    CREATE TABLE _pando_feed (
        p bigint NOT NULL, ordinal bigint NOT NULL, timeline integer NOT NULL,
        slot integer NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL,
        tbl text COLLATE "C" NOT NULL, kind integer NOT NULL, key bytea NOT NULL,
        PRIMARY KEY (p, ordinal));
    CREATE TABLE _pando_feed_floor (
        p bigint NOT NULL, ordinal bigint NOT NULL, PRIMARY KEY (p, ordinal));
    CREATE TABLE _pando_follower (
        name text COLLATE "C" NOT NULL, timeline integer NOT NULL, p bigint NOT NULL,
        ordinal bigint NOT NULL, PRIMARY KEY (name, p, ordinal));
    CREATE TABLE _pando_layout (
        name text COLLATE "C" PRIMARY KEY, definition text NOT NULL);
    CREATE FUNCTION _pando_exact(v double precision) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT CASE WHEN v < 0 THEN -1 ELSE 1 END * mantissa * CASE
            WHEN exponent >= 0 THEN 2::numeric ^ exponent
            ELSE 5::numeric ^ (-exponent) * ('1e' || exponent)::numeric END
        FROM (
            SELECT CASE WHEN biased = 0 THEN fraction ELSE fraction + 4503599627370496 END
                ::numeric AS mantissa,
                greatest(biased, 1) - 1075 AS exponent
            FROM (
                SELECT ((bits >> 52) & 2047)::integer AS biased,
                    bits & 4503599627370495 AS fraction
                FROM (SELECT ('x' || encode(float8send(v), 'hex'))::bit(64)::bigint AS bits) AS b
            ) AS parts
        ) AS number
    $$;
    CREATE FUNCTION _pando_mean(v numeric, n bigint) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT (v + ('0e-' || greatest(scale(v) + 20, 60))::numeric) / n
    $$;
    CREATE FUNCTION _pando_double(v numeric) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT CASE
            WHEN abs(v) >= 2::numeric ^ 1024 - 2::numeric ^ 970
            THEN sign(v)::double precision * 1e308 * 1e308
            WHEN abs(v) > 1e-320 OR abs(v) > 5::numeric ^ 1075 * '1e-1075'::numeric
            THEN v::double precision ELSE 0 END
    $$;
    CREATE FUNCTION _pando_real(v numeric) RETURNS real
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT CASE
            WHEN abs(v) >= 2::numeric ^ 128 - 2::numeric ^ 103
            THEN (sign(v)::double precision * 1e308 * 1e308)::real
            WHEN abs(v) > 5::numeric ^ 150 * '1e-150'::numeric THEN v::real ELSE 0 END
    $$;
"#;

/// Ends an `INSERT`: rows whose keys are there already are left out.
pub(crate) const LEAVING_OUT: &str = " ON CONFLICT DO NOTHING";

/// PostgreSQL's statements of a table.
struct PostgresTexts;

impl Texts for PostgresTexts {
    fn insert(&self, table: &Table) -> String {
        insert_sql(table, &table.name, 1)
    }

    fn delete(&self, table: &Table) -> String {
        format!(
            "DELETE FROM {} WHERE {}",
            quoted(&table.name),
            at_key(table, 1)
        )
    }

    fn find(&self, table: &Table, columns: &[ColumnIx]) -> String {
        format!(
            "SELECT 1 FROM {} WHERE {} LIMIT 1",
            quoted(&table.name),
            equalities(table, columns, 1)
        )
    }
}

/// Reads the tables' definitions.
pub(crate) fn load(session: &Session) -> Step<Layout> {
    let mut tables = BTreeMap::new();
    session.select_all("SELECT name, definition FROM _pando_layout", &[], |row| {
        let (name, definition): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        tables.insert(name.clone(), Arc::new(definition_of(&name, &definition)?));
        Ok(())
    })?;
    Ok(Layout::of(&tables, &PostgresTexts))
}

/// A table's definition from its text.
pub(crate) fn definition_of(name: &str, text: &str) -> Step<Table> {
    let read = serde_json::from_str(text);
    Ok(read.map_err(|error| corrupt(format!("the definition of {name:?}: {error}")))?)
}

/// The row of a slot and a primary key, whose values are numbered from `first`. A table that was
/// adopted has no column for the slot: the parameters begin with the key.
pub(crate) fn at_key(table: &Table, first: usize) -> String {
    let key = &table.primary_key.columns;
    if table.adopted {
        return equalities(table, key, first);
    }
    let key = equalities(table, key, first + 1);
    format!("{SLOT_COLUMN} = ${first} AND {key}")
}

/// The columns that a row is stored by: what an adopted table computes for itself is left to it.
pub(crate) fn stored_columns(table: &Table) -> impl Iterator<Item = ColumnIx> {
    let columns = table.columns.iter().enumerate();
    columns
        .filter(|(_, column)| !table.adopted || column.generated.is_none())
        .map(|(ix, _)| ix)
}

/// `CREATE TABLE`, under [`BESIDE`]. The primary key has the slot in front where nobody looks for a
/// row without it; else the slot has an index of its own, which is small: many rows lie in one.
pub(crate) fn create_beside_sql(table: &Table) -> String {
    let columns = table
        .columns
        .iter()
        .enumerate()
        .map(|(ix, column)| column_sql(column, !column.nullable || table.is_key(ix)));
    let columns: Vec<String> = columns.collect();
    let slot = match table.key_indexed {
        true => String::new(),
        false => format!("{SLOT_COLUMN}, "),
    };
    format!(
        "CREATE TABLE {beside} ({SLOT_COLUMN} integer NOT NULL, {}, \
         CONSTRAINT {KEY_BESIDE} PRIMARY KEY ({slot}{}))",
        columns.join(", "),
        names(table, &table.primary_key.columns),
        beside = quoted(BESIDE),
    )
}

/// What was built beside gets its name, and its primary key too.
pub(crate) fn take_place_sql(table: &Table) -> String {
    let (beside, name) = (quoted(BESIDE), quoted(&table.name));
    let key = held_name(&table.primary_key.name);
    format!(
        "ALTER TABLE {beside} RENAME CONSTRAINT {KEY_BESIDE} TO {key}; \
         ALTER TABLE {beside} RENAME TO {name}"
    )
}

/// A column's name, type and collation.
pub(crate) fn column_sql(column: &Column, not_null: bool) -> String {
    let is_text = match &column.ty {
        ColumnType::Text => true,
        ColumnType::Array(inner) => **inner == ColumnType::Text,
        _ => false,
    };
    let collation = if is_text { " COLLATE \"C\"" } else { "" };
    let not_null = if not_null { " NOT NULL" } else { "" };
    format!(
        "{} {}{collation}{not_null}",
        quoted(&column.name),
        column.ty
    )
}

/// All indexes that a table should have: name and `CREATE INDEX`.
pub(crate) fn indexes(table: &Table) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut leading: Vec<&[ColumnIx]> = Vec::new();
    let key = &table.primary_key;
    if table.key_indexed && !table.adopted {
        let name = format!("_pando_slot {}", table.name);
        let (held, on) = (held_name(&name), quoted(&table.name));
        all.push((name, format!("CREATE INDEX {held} ON {on} ({SLOT_COLUMN})")));
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
    for foreign in table.foreign_keys.iter().filter(|_| !table.adopted) {
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

/// A name as PostgreSQL can hold it: one that is too long ends with a digest of itself.
pub(crate) fn held_name(name: &str) -> String {
    const DIGEST: usize = 16;
    if name.len() <= NAME_BYTES_MAX {
        return quoted(name);
    }
    let digest = blake3::hash(name.as_bytes()).to_hex();
    let kept = name.floor_char_boundary(NAME_BYTES_MAX - DIGEST - 1);
    quoted(&format!("{} {}", &name[..kept], &digest[..DIGEST]))
}

/// Columns' quoted names, with commas.
pub(crate) fn names(table: &Table, columns: &[ColumnIx]) -> String {
    let names: Vec<_> = columns
        .iter()
        .map(|ix| quoted(&table.columns[*ix].name))
        .collect();
    names.join(", ")
}

/// `"a" = $1 AND "b" = $2`, numbered from `first`.
pub(crate) fn equalities(table: &Table, columns: &[ColumnIx], first: usize) -> String {
    let parts: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(place, ix)| {
            let column = &table.columns[*ix];
            let ty = crate::sql::sent_as(&column.ty);
            format!("{} = ${}::{ty}", quoted(&column.name), first + place)
        })
        .collect();
    parts.join(" AND ")
}

fn unique_sql(table: &Table, name: &str, columns: &[ColumnIx]) -> String {
    format!(
        "CREATE UNIQUE INDEX {} ON {} ({})",
        held_name(name),
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
        held_name(name),
        quoted(&table.name),
        parts.join(", ")
    )
}

/// `INSERT` of so many whole rows into the table under `name`; rows whose keys are there already
/// are left out.
pub(crate) fn insert_sql(table: &Table, name: &str, rows: usize) -> String {
    let stored: Vec<_> = stored_columns(table).collect();
    // An adopted table may make ids by itself: those of Pando's go in all the same.
    let (slot, given) = match table.adopted {
        true => (String::new(), " OVERRIDING SYSTEM VALUE"),
        false => (format!("{SLOT_COLUMN}, "), ""),
    };
    let width = stored.len() + usize::from(!table.adopted);
    let tuple = |row: usize| {
        let places: Vec<_> = (1..=width)
            .map(|place| format!("${}", row * width + place))
            .collect();
        format!("({})", places.join(", "))
    };
    let tuples: Vec<_> = (0..rows).map(tuple).collect();
    format!(
        "INSERT INTO {} ({slot}{}){given} VALUES {}{LEAVING_OUT}",
        quoted(name),
        names(table, &stored),
        tuples.join(", ")
    )
}

//! Columns and their types: which of Pando's each is held as.

use super::mend;
use crate::cell::Param;
use crate::fault::Step;
use crate::open::BY_BYTES;
use crate::session::Session;
use crate::sql::quoted;
use pando_model::column::ColumnType;
use pando_model::found::{Finding, FoundColumn, FoundTable};
use pando_model::id::least_id_at;
use pando_model::schema::Identity;

/// What the catalog says of a type.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: String,
    pub(super) schema: String,
    /// `b`ase, `e`num, `d`omain, `c`omposite, `r`ange.
    pub(super) kind: String,
    pub(super) modifier: i32,
    /// The type of an array's items, or what a domain is made of.
    pub(super) inner: Option<String>,
    /// An enum's values, quoted.
    pub(super) labels: Option<String>,
    pub(super) collation: Option<String>,
}

/// A column with its type.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) column: FoundColumn,
    pub(super) ty: Type,
    identity: String,
    generated: bool,
}

/// The columns of a relation, in their order.
pub(super) fn read_raw(session: &Session, oid: i64) -> Step<Vec<Raw>> {
    let mut found = Vec::new();
    session.select_all(
        "SELECT a.attname::text, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), \
         a.attnotnull, a.attidentity::text, a.attgenerated <> '', \
         pg_get_expr(d.adbin, d.adrelid), t.typname::text, tn.nspname::text, t.typtype::text, \
         a.atttypmod, coalesce(et.typname, bt.typname)::text, \
         (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) \
         FROM pg_enum AS e WHERE e.enumtypid = t.oid), co.collname::text \
         FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid \
         JOIN pg_namespace AS tn ON tn.oid = t.typnamespace \
         LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         LEFT JOIN pg_type AS et ON et.oid = t.typelem AND t.typcategory = 'A' \
         LEFT JOIN pg_type AS bt ON bt.oid = t.typbasetype \
         LEFT JOIN pg_collation AS co ON co.oid = a.attcollation \
         WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped \
         ORDER BY a.attnum",
        &[Param::int(oid)],
        |row| {
            let ty = Type {
                name: row.try_get(7)?,
                schema: row.try_get(8)?,
                kind: row.try_get(9)?,
                modifier: row.try_get(10)?,
                inner: row.try_get(11)?,
                labels: row.try_get(12)?,
                collation: row.try_get(13)?,
            };
            let (name, declared): (String, String) = (row.try_get(0)?, row.try_get(2)?);
            let (generated, expression): (bool, Option<String>) =
                (row.try_get(5)?, row.try_get(6)?);
            let (default, computed) = match generated {
                true => (None, expression),
                false => (expression, None),
            };
            found.push(Raw {
                column: FoundColumn {
                    limit: limit(&ty, &name),
                    ty: held_as(&ty),
                    name,
                    written: row.try_get(1)?,
                    declared,
                    nullable: !row.try_get::<_, bool>(3)?,
                    default,
                    identity: None,
                    generated: computed,
                },
                ty,
                identity: row.try_get(4)?,
                generated,
            });
            Ok(())
        },
    )?;
    Ok(found)
}

/// What a column is held as.
fn held_as(ty: &Type) -> Option<ColumnType> {
    if ty.schema != "pg_catalog" || ty.kind != "b" || !sorts_by_bytes(ty) {
        return None;
    }
    if let (Some(inner), true) = (&ty.inner, ty.name.starts_with('_')) {
        // Arrays of these are compared with others of the same type only.
        let narrower = ["varchar", "int2", "json"].contains(&inner.as_str());
        let inner = base(inner, ty.modifier).filter(|_| !narrower);
        return inner.map(|inner| ColumnType::Array(Box::new(inner)));
    }
    base(&ty.name, ty.modifier)
}

fn base(name: &str, modifier: i32) -> Option<ColumnType> {
    Some(match name {
        "text" | "varchar" => ColumnType::Text,
        "int2" | "int4" => ColumnType::Integer,
        "int8" => ColumnType::Bigint,
        "bool" => ColumnType::Boolean,
        "float4" => ColumnType::Real,
        "float8" => ColumnType::Double,
        "numeric" => ColumnType::Numeric {
            limit: numeric_limit(modifier)?,
        },
        "date" => ColumnType::Date,
        // Others are rounded when they are stored.
        "timestamp" if [-1, 6].contains(&modifier) => ColumnType::Timestamp,
        "timestamptz" if [-1, 6].contains(&modifier) => ColumnType::Timestamptz,
        "uuid" => ColumnType::Uuid,
        "json" => ColumnType::Json,
        "jsonb" => ColumnType::Jsonb,
        "bytea" => ColumnType::Bytea,
        _ => return None,
    })
}

/// Precision and scale, in PostgreSQL's packing; a scale below 0 or above the precision is none
/// that Pando has.
fn numeric_limit(modifier: i32) -> Option<Option<(u16, u16)>> {
    if modifier < 4 {
        return Some(None);
    }
    let packed = modifier - 4;
    let precision = u16::try_from((packed >> 16) & 0xffff).ok()?;
    let scale = u16::try_from(packed & 0x7ff).ok()?;
    (scale <= precision).then_some(Some((precision, scale)))
}

/// What a declared type allows, where Pando's type allows more.
fn limit(ty: &Type, column: &str) -> Option<String> {
    let column = quoted(column);
    match ty.name.as_str() {
        "varchar" if ty.modifier > 4 => {
            Some(format!("char_length({column}) <= {}", ty.modifier - 4))
        }
        "int2" => Some(format!("{column} BETWEEN -32768 AND 32767")),
        _ => None,
    }
}

fn sorts_by_bytes(ty: &Type) -> bool {
    let collation = ty.collation.as_deref();
    collation
        .is_none_or(|name| ["default", "ucs_basic"].contains(&name) || BY_BYTES.contains(&name))
}

/// Reads a table's columns, and says what Pando cannot hold, and what counts.
pub(super) fn read(session: &Session, oid: i64, table: &mut FoundTable) -> Step<()> {
    let mut columns = Vec::new();
    for raw in read_raw(session, oid)? {
        let mut column = raw.column.clone();
        if column.ty.is_none() {
            let finding = mend::of_type(&table.written, &raw, sorts_by_bytes(&raw.ty));
            // What PostgreSQL computes need not be served to be kept.
            if raw.generated {
                table.notes.push(Finding::new(format!(
                    "{} is not served: {}; PostgreSQL goes on computing it",
                    column.written, finding.what
                )));
                continue;
            }
            table.obstacles.push(finding);
        }
        count(session, table, &raw, &mut column)?;
        columns.push(column);
    }
    table.columns = columns;
    Ok(())
}

/// Who makes the numbers of a column that counts.
fn count(
    session: &Session,
    table: &mut FoundTable,
    raw: &Raw,
    column: &mut FoundColumn,
) -> Step<()> {
    let by_sequence = column
        .default
        .as_deref()
        .is_some_and(|default| default.starts_with("nextval("));
    if raw.identity.is_empty() && !by_sequence {
        return Ok(());
    }
    column.default = None;
    let (written, name) = (&table.written, &column.written);
    if column.ty != Some(ColumnType::Bigint) {
        let what = format!(
            "{name} counts as {}, and Pando's ids need bigint: new rows have to bring their {name}",
            column.declared
        );
        let mend = format!("ALTER TABLE {written} ALTER COLUMN {name} TYPE bigint;");
        table.notes.push(Finding::new(what).mend(mend));
        return Ok(());
    }
    column.identity = Some(match raw.identity.as_str() {
        "a" => Identity::Always,
        _ => Identity::ByDefault,
    });
    of_ids(session, table, column, &raw.identity)
}

/// Pando's ids are to be greater than those that are there.
fn of_ids(
    session: &Session,
    table: &mut FoundTable,
    column: &FoundColumn,
    identity: &str,
) -> Step<()> {
    let (written, name) = (&table.written, &column.written);
    let now = session.first_int("SELECT (extract(epoch FROM now()) * 1000000)::bigint", &[])?;
    let least = least_id_at(now.unwrap_or(0));
    let sequence = session.first_int(
        "SELECT CASE WHEN has_sequence_privilege(s, 'USAGE, SELECT') \
         THEN pg_sequence_last_value(s::regclass) END \
         FROM pg_get_serial_sequence($1::text, $2::text) AS s",
        &[
            Param::text(written.as_str()),
            Param::text(column.name.as_str()),
        ],
    )?;
    // Who may not read it is told so elsewhere.
    if !session.exists(
        "SELECT WHERE has_table_privilege($1::text, 'SELECT')",
        &[Param::text(written.as_str())],
    )? {
        return Ok(());
    }
    let greatest = session.first_int(&format!("SELECT max({name}) FROM {written}"), &[])?;
    let last = sequence.max(greatest).unwrap_or(0);
    if last >= least {
        let what = format!(
            "{name} has come to {last}, beyond the ids that Pando makes today: they would meet"
        );
        let mend = match identity.is_empty() {
            true => format!("ALTER TABLE {written} ALTER COLUMN {name} DROP DEFAULT;"),
            false => format!("ALTER TABLE {written} ALTER COLUMN {name} DROP IDENTITY;"),
        };
        table.obstacles.push(Finding::new(what).mend(mend));
        return Ok(());
    }
    table.notes.push(Finding::new(format!(
        "{name}: Pando makes ids of its own for new rows, by time and all greater than {last}, \
         which is the last one so far; the sequence goes on counting for others"
    )));
    Ok(())
}

//! Keys, constraints, indexes and triggers of a table.
//!
//! What is of a kind that Pando has is handed on; what is not, PostgreSQL alone keeps: that is
//! noted, unless rows could not be written at all.

use crate::cell::Param;
use crate::fault::Step;
use crate::session::Session;
use pando_model::found::{Finding, FoundKind, FoundRule, FoundTable};
use pando_model::schema::ReferentialAction;
use tokio_postgres::Row;

/// Reads what holds for a table's rows.
pub(super) fn read(session: &Session, oid: i64, table: &mut FoundTable) -> Step<()> {
    let oid = [Param::int(oid)];
    session.select_all(CONSTRAINTS, &oid, |row| {
        constraint(table, row)?;
        Ok(())
    })?;
    let is_key = |rule: &FoundRule| matches!(rule.kind, FoundKind::PrimaryKey(_));
    if !table.rules.iter().any(is_key) {
        table.obstacles.push(no_key(session, &oid, table)?);
    }
    session.select_all(INDEXES, &oid, |row| {
        index(table, row)?;
        Ok(())
    })?;
    session.select_all(TRIGGERS, &oid, |row| {
        let name: String = row.try_get(0)?;
        table.notes.push(Finding::new(format!(
            "the trigger {name} runs for Pando's writes too; what it writes elsewhere has no events \
             in the feed"
        )));
        Ok(())
    })
}

const CONSTRAINTS: &str = "SELECT con.conname::text, con.contype::text, con.condeferrable, \
     con.condeferred, con.convalidated, pg_get_constraintdef(con.oid), \
     (SELECT array_agg(a.attname::text ORDER BY k.place) \
     FROM unnest(con.conkey) WITH ORDINALITY AS k (attnum, place) \
     JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum), \
     f.relname::text, f.relnamespace = c.relnamespace, \
     (SELECT array_agg(a.attname::text ORDER BY k.place) \
     FROM unnest(con.confkey) WITH ORDINALITY AS k (attnum, place) \
     JOIN pg_attribute AS a ON a.attrelid = con.confrelid AND a.attnum = k.attnum), \
     con.confdeltype::text, con.confupdtype::text, con.confmatchtype::text, \
     con.confdelsetcols IS NOT NULL, pg_get_expr(con.conbin, con.conrelid), \
     coalesce(x.indnullsnotdistinct, false), quote_ident(con.conname) \
     FROM pg_constraint AS con JOIN pg_class AS c ON c.oid = con.conrelid \
     LEFT JOIN pg_class AS f ON f.oid = con.confrelid \
     LEFT JOIN pg_index AS x ON x.indexrelid = con.conindid AND con.contype IN ('p', 'u') \
     WHERE con.conrelid = $1::bigint::oid AND con.contype IN ('p', 'u', 'c', 'f', 'x') \
     ORDER BY array_position('{p,u,c,f,x}'::text[], con.contype::text), con.conname";

const INDEXES: &str = "SELECT i.relname::text, x.indisunique, x.indisvalid, \
     x.indpred IS NULL AND x.indexprs IS NULL AND m.amname = 'btree' \
     AND x.indnkeyatts = x.indnatts AND NOT x.indnullsnotdistinct, \
     (SELECT array_agg(a.attname::text ORDER BY k) FROM generate_series(0, x.indnkeyatts - 1) AS k \
     JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k]), \
     (SELECT array_agg((x.indoption[k] & 1) = 1 ORDER BY k) \
     FROM generate_series(0, x.indnkeyatts - 1) AS k), quote_ident(i.relname), x.indimmediate \
     FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid \
     JOIN pg_am AS m ON m.oid = i.relam \
     WHERE x.indrelid = $1::bigint::oid AND NOT EXISTS (SELECT FROM pg_constraint AS con \
     WHERE con.conindid = x.indexrelid AND con.contype IN ('p', 'u', 'x')) ORDER BY i.relname";

const TRIGGERS: &str = "SELECT tgname::text FROM pg_trigger \
     WHERE tgrelid = $1::bigint::oid AND NOT tgisinternal AND tgenabled IN ('O', 'A') ORDER BY tgname";

fn constraint(table: &mut FoundTable, row: &Row) -> Result<(), tokio_postgres::Error> {
    let (name, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let (written, table_written): (String, String) = (row.try_get(16)?, table.written.clone());
    let columns: Vec<String> = row.try_get::<_, Option<_>>(6)?.unwrap_or_default();
    let is_deferrable: bool = row.try_get(2)?;
    let definition: String = row.try_get(5)?;
    if !row.try_get::<_, bool>(4)? {
        let what = format!("{name} is NOT VALID: rows may break it");
        let mend = format!("ALTER TABLE {table_written} VALIDATE CONSTRAINT {written};");
        table.obstacles.push(Finding::new(what).mend(mend));
        return Ok(());
    }
    let found = match kind.as_str() {
        // A new row that meets an old one is left out, and PostgreSQL does that only by keys that
        // are looked at at once.
        "p" | "u" if is_deferrable => {
            let what = format!("{name} is DEFERRABLE: new rows could not be told from old ones");
            let clause = definition.split(" DEFERRABLE").next().unwrap_or_default();
            let mend = format!(
                "ALTER TABLE {table_written} DROP CONSTRAINT {written}, \
                 ADD CONSTRAINT {written} {clause};"
            );
            table.obstacles.push(Finding::new(what).mend(mend));
            if kind == "u" {
                return Ok(());
            }
            FoundKind::PrimaryKey(columns)
        }
        "p" => FoundKind::PrimaryKey(columns),
        "u" if row.try_get(15)? => {
            let what = format!(
                "{name} is NULLS NOT DISTINCT: PostgreSQL alone keeps it, and on_conflict cannot \
                 name it"
            );
            table.notes.push(Finding::new(what));
            return Ok(());
        }
        "u" => FoundKind::Unique(columns),
        "c" => FoundKind::Check(row.try_get::<_, Option<_>>(14)?.unwrap_or_default()),
        "x" => {
            let what = format!("{name} excludes rows: PostgreSQL alone keeps it ({definition})");
            table.notes.push(Finding::new(what));
            return Ok(());
        }
        _ => return foreign_key(table, row, name, columns),
    };
    table.rules.push(FoundRule { name, kind: found });
    Ok(())
}

fn foreign_key(
    table: &mut FoundTable,
    row: &Row,
    name: String,
    columns: Vec<String>,
) -> Result<(), tokio_postgres::Error> {
    let target: String = row.try_get(7)?;
    let actions: (String, String) = (row.try_get(10)?, row.try_get(11)?);
    let (on_delete, on_update) = (action(&actions.0), action(&actions.1));
    let is_plain = row.try_get(8)? && row.try_get::<_, String>(12)? != "f";
    let by_columns: bool = row.try_get(13)?;
    let (Some(on_delete), Some(on_update), true, false) =
        (on_delete, on_update, is_plain, by_columns)
    else {
        table.notes.push(Finding::new(format!(
            "{name}: PostgreSQL alone keeps this foreign key, which Pando has no words for: {}",
            row.try_get::<_, String>(5)?
        )));
        return Ok(());
    };
    if target == table.name && !row.try_get::<_, bool>(3)? {
        let written: String = row.try_get(16)?;
        let what = format!(
            "{name}: rows that refer to each other are looked at one by one when they come or go in \
             one request"
        );
        let mend = format!(
            "ALTER TABLE {} ALTER CONSTRAINT {written} DEFERRABLE INITIALLY DEFERRED;",
            table.written
        );
        table.notes.push(Finding::new(what).mend(mend));
    }
    table.rules.push(FoundRule {
        name,
        kind: FoundKind::ForeignKey {
            columns,
            target,
            target_columns: row.try_get::<_, Option<_>>(9)?.unwrap_or_default(),
            on_delete,
            on_update,
        },
    });
    Ok(())
}

fn action(letter: &str) -> Option<ReferentialAction> {
    Some(match letter {
        "a" => ReferentialAction::NoAction,
        "r" => ReferentialAction::Restrict,
        "c" => ReferentialAction::Cascade,
        "n" => ReferentialAction::SetNull,
        _ => return None,
    })
}

fn index(table: &mut FoundTable, row: &Row) -> Result<(), tokio_postgres::Error> {
    let (name, is_unique): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    let written: String = row.try_get(6)?;
    if !row.try_get::<_, bool>(2)? {
        let what = format!("the index {name} is not valid, and serves nothing");
        let mend = format!("REINDEX INDEX CONCURRENTLY {written};");
        table.notes.push(Finding::new(what).mend(mend));
        return Ok(());
    }
    let is_plain: bool = row.try_get(3)?;
    let columns: Vec<String> = row.try_get::<_, Option<_>>(4)?.unwrap_or_default();
    let descending: Vec<bool> = row.try_get::<_, Option<_>>(5)?.unwrap_or_default();
    if !is_plain || columns.len() != descending.len() {
        let what = match is_unique {
            true => "PostgreSQL alone keeps it, and on_conflict cannot name it",
            false => "PostgreSQL alone knows it, and uses it where it can",
        };
        let what = format!("the index {name} is of a kind that Pando does not make: {what}");
        table.notes.push(Finding::new(what));
        return Ok(());
    }
    let kind = match is_unique {
        true => FoundKind::Unique(columns),
        false => FoundKind::Index(columns.into_iter().zip(descending).collect()),
    };
    table.rules.push(FoundRule { name, kind });
    Ok(())
}

/// A table without a primary key, and which it could have.
fn no_key(session: &Session, oid: &[Param<'_>], table: &FoundTable) -> Step<Finding> {
    let mut unique = None;
    session.select_while(
        "SELECT quote_ident(i.relname) FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid \
         WHERE x.indrelid = $1::bigint::oid AND x.indisunique AND x.indisvalid AND x.indimmediate \
         AND x.indpred IS NULL AND x.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_attribute AS a \
         WHERE a.attrelid = x.indrelid AND a.attnum = ANY(x.indkey) AND NOT a.attnotnull) \
         AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.indexrelid) \
         ORDER BY i.relname LIMIT 1",
        oid,
        |row| {
            unique = Some(row.try_get::<_, String>(0)?);
            Ok(false)
        },
    )?;
    let written = &table.written;
    let mend = match unique {
        Some(index) => format!("ALTER TABLE {written} ADD PRIMARY KEY USING INDEX {index};"),
        None if table.columns.iter().any(|column| column.name == "id") => {
            format!("ALTER TABLE {written} ADD PRIMARY KEY (id);")
        }
        None => format!(
            "ALTER TABLE {written} ADD COLUMN id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY;"
        ),
    };
    Ok(Finding::new("it has no primary key: rows could not be told apart").mend(mend))
}

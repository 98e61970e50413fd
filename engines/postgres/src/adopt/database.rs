//! A database as a whole, and the relations of one schema.

use super::{column, rule};
use crate::cell::Param;
use crate::fault::Step;
use crate::layout::definition_of;
use crate::open::VERSION_MIN;
use crate::session::Session;
use crate::sql::quoted;
use pando_model::found::{Finding, FoundDatabase, FoundTable};
use pando_model::schema::RESERVED_PREFIX;
use std::sync::Arc;

/// A relation as the catalog has it.
struct Relation {
    oid: i64,
    name: String,
    written: String,
    kind: String,
    persistence: String,
    is_part: bool,
    has_rules: bool,
    parents: bool,
    children: bool,
    /// Row-level security: declared, and in force for whoever asks.
    secured: bool,
    secured_for_us: bool,
    /// What the role may not do with it.
    lacks: Option<String>,
    is_ours: bool,
}

/// Reads what is there.
pub(super) fn read(session: &Session, schema: &str) -> Step<FoundDatabase> {
    let mut found = FoundDatabase {
        schema: schema.to_owned(),
        ..FoundDatabase::default()
    };
    if !read_server(session, &mut found)? {
        return Ok(found);
    }
    read_served(session, &mut found)?;
    for relation in relations(session, schema)? {
        if relation.name.starts_with("_pando_") && !found.served.tables.is_empty() {
            continue;
        }
        match other(&relation) {
            Some(finding) => found.others.push(finding),
            None if relation.is_part => {}
            None => {
                let table = read_table(session, &relation, &found.role)?;
                found.tables.push(table);
            }
        }
    }
    Ok(found)
}

/// The tables that Pando serves, where it is a store already.
fn read_served(session: &Session, found: &mut FoundDatabase) -> Step<()> {
    let schema = [Param::text(found.schema.as_str())];
    let is_store = session.exists(
        "SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1::text AND c.relname = '_pando_layout'",
        &schema,
    )?;
    if !is_store {
        return Ok(());
    }
    let sql = format!(
        "SELECT name, definition FROM {}._pando_layout",
        quoted(&found.schema)
    );
    session.select_all(&sql, &[], |row| {
        let (name, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let table = Arc::new(definition_of(&name, &text)?);
        found.served.tables.insert(name, table);
        Ok(())
    })
}

/// What the server and the database are; whether it makes sense to go on.
fn read_server(session: &Session, found: &mut FoundDatabase) -> Step<bool> {
    let schema = [Param::text(found.schema.as_str())];
    let mut version = 0;
    let mut can_create = None;
    session.select_all(
        "SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'), \
         pg_is_in_recovery(), CASE datlocprovider WHEN 'i' THEN 'ICU' ELSE datcollate END, datctype, \
         current_database(), current_user, \
         (SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace AS n \
         WHERE n.nspname = $1::text) FROM pg_database WHERE datname = current_database()",
        &schema,
        |row| {
            let (encoding, collate): (String, String) = (row.try_get(1)?, row.try_get(3)?);
            let ctype: String = row.try_get(4)?;
            version = row.try_get(0)?;
            found.name = row.try_get(5)?;
            found.role = row.try_get(6)?;
            can_create = row.try_get(7)?;
            if row.try_get(2)? {
                found.obstacles.push(Finding::new(
                    "the server is a replica: a store stands on the primary",
                ));
            }
            found
                .obstacles
                .extend(of_locale(&found.name, &encoding, &collate, &ctype));
            Ok(())
        },
    )?;
    match can_create {
        None => found.obstacles.push(Finding::new(format!(
            "the database has no schema {}",
            found.schema
        ))),
        Some(false) => found.obstacles.push(
            Finding::new(format!(
                "{} may not make tables in the schema {}, where Pando keeps its own",
                found.role, found.schema
            ))
            .mend(format!(
                "GRANT CREATE ON SCHEMA \"{}\" TO \"{}\";",
                found.schema, found.role
            )),
        ),
        Some(true) => {}
    }
    if version < VERSION_MIN {
        found.obstacles.push(Finding::new(format!(
            "PostgreSQL 15 or later is needed, this is {version}"
        )));
    }
    Ok(version >= VERSION_MIN && can_create.is_some())
}

/// jsonb compares its texts by the database's collation, which nothing below it can change.
fn of_locale(database: &str, encoding: &str, collate: &str, ctype: &str) -> Option<Finding> {
    let by_bytes = crate::open::BY_BYTES.contains(&collate);
    let wide = ctype.contains("UTF") || ctype.contains("utf");
    if encoding == "UTF8" && by_bytes && wide {
        return None;
    }
    let finding = Finding::new(format!(
        "the database is in {encoding} and sorts by {collate} with character types of {ctype}: \
         Pando answers lists in the order of bytes, and so has the database to"
    ));
    Some(finding.mend(format!(
        "createdb --template template0 --encoding UTF8 --locale-provider libc --locale C.UTF-8 {database}_c && \
         pg_dump {database} | psql -v ON_ERROR_STOP=1 {database}_c"
    )))
}

fn relations(session: &Session, schema: &str) -> Step<Vec<Relation>> {
    let mut found = Vec::new();
    session.select_all(
        "SELECT c.oid::bigint, c.relname::text, CASE n.nspname WHEN 'public' \
         THEN quote_ident(c.relname) ELSE format('%I.%I', n.nspname, c.relname) END, \
         c.relkind::text, c.relpersistence::text, c.relispartition, c.relhasrules, \
         EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid), \
         EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid), \
         c.relrowsecurity, row_security_active(c.oid), \
         (SELECT string_agg(p, ', ') FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS p \
         WHERE NOT has_table_privilege(c.oid, p)), pg_has_role(c.relowner, 'USAGE') \
         FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY c.relname",
        &[Param::text(schema)],
        |row| {
            found.push(Relation {
                oid: row.try_get(0)?,
                name: row.try_get(1)?,
                written: row.try_get(2)?,
                kind: row.try_get(3)?,
                persistence: row.try_get(4)?,
                is_part: row.try_get(5)?,
                has_rules: row.try_get(6)?,
                parents: row.try_get(7)?,
                children: row.try_get(8)?,
                secured: row.try_get(9)?,
                secured_for_us: row.try_get(10)?,
                lacks: row.try_get(11)?,
                is_ours: row.try_get(12)?,
            });
            Ok(())
        },
    )?;
    Ok(found)
}

/// What is no table of its own.
fn other(relation: &Relation) -> Option<Finding> {
    let what = match relation.kind.as_str() {
        "v" => "a view: embed related tables in a request instead",
        "m" => "a materialised view: it has no events and no keys to be served by",
        "f" => "a foreign table: its rows lie elsewhere",
        _ => return None,
    };
    Some(Finding::new(format!("{} is {what}", relation.name)))
}

fn read_table(session: &Session, relation: &Relation, role: &str) -> Step<FoundTable> {
    let mut table = FoundTable {
        name: relation.name.clone(),
        written: relation.written.clone(),
        ..FoundTable::default()
    };
    of_relation(relation, role, &mut table);
    column::read(session, relation.oid, &mut table)?;
    rule::read(session, relation.oid, &mut table)?;
    Ok(table)
}

/// What a relation is besides its columns.
fn of_relation(relation: &Relation, role: &str, table: &mut FoundTable) {
    let written = &relation.written;
    let obstacle = |what: &str, mend: String| Finding::new(what).mend(mend);
    if relation.name.starts_with(RESERVED_PREFIX) {
        let renamed = format!("ALTER TABLE {written} RENAME TO …;");
        let what = "names that begin with _pando are Pando's own";
        table.obstacles.push(obstacle(what, renamed));
    }
    if relation.persistence == "u" {
        let what = "it is UNLOGGED, and empty after a crash: what Pando answers is durable";
        let mend = format!("ALTER TABLE {written} SET LOGGED;");
        table.obstacles.push(obstacle(what, mend));
    }
    if relation.kind == "r" && (relation.parents || relation.children) {
        let what = "it inherits, or is inherited from: a key would not be unique over both";
        let mend = match relation.parents {
            true => format!("ALTER TABLE {written} NO INHERIT …;"),
            false => format!("ALTER TABLE … NO INHERIT {written};"),
        };
        table.obstacles.push(obstacle(what, mend));
    }
    if relation.has_rules {
        let what = "it has rules that rewrite statements: what is written is not what is stored";
        table
            .obstacles
            .push(obstacle(what, format!("DROP RULE … ON {written};")));
    }
    if let Some(lacks) = &relation.lacks {
        let what = format!("{role} may not {lacks} here");
        let mend = format!("GRANT {lacks} ON {written} TO \"{role}\";");
        table.obstacles.push(Finding::new(what).mend(mend));
    }
    if relation.secured_for_us {
        let what = format!(
            "row-level security hides rows from {role}: Pando serves all rows, and keys with \
             scopes say who may see what"
        );
        let mend = format!("ALTER ROLE \"{role}\" BYPASSRLS;");
        table.obstacles.push(Finding::new(what).mend(mend));
    } else if relation.secured {
        table.notes.push(Finding::new(format!(
            "row-level security is declared and does not hold for {role}, as which Pando reads \
             and writes: keys with scopes say who may see what"
        )));
    }
    if relation.kind == "p" {
        table.notes.push(Finding::new(
            "it is partitioned: PostgreSQL goes on finding the part of each row",
        ));
    }
    if !relation.is_ours {
        table.notes.push(Finding::new(format!(
            "{role} does not own it: migrations cannot change it"
        )));
    }
}

//! `CREATE TABLE`.

use super::column::{self, Declared};
use super::constraint;
use super::draft::{Draft, DraftTable};
use super::fault::{Fault, Place, Result};
use super::names::{fold, made_up, new_name, quoted, unqualified};
use super::options::{self, TableOptions};
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, PrimaryKey, Table};
use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{self, Expr, HiveDistributionStyle};
use std::collections::{BTreeMap, HashMap};

/// PostgreSQL's limit is 1,600, SQLite's 2,000; one place is the slot's.
const COLUMNS_MAX: usize = 1_000;

/// Takes a new table into the draft.
pub(super) fn create(draft: &mut Draft, create: &ast::CreateTable, near: Place) -> Result<()> {
    let ident = unqualified(&create.name, near)?;
    let at = Place::of_ident(ident, near);
    let name = new_name(ident, "table", near)?;
    if draft.is_relation(&name) {
        if create.if_not_exists && draft.tables.contains_key(&name) {
            return Ok(());
        }
        draft.free_relation(&name, at)?;
    }
    refuse_other_forms(create, at)?;
    let options = options::of_table(&create.table_options, at)?;
    let mut made = blank(name, options, at);
    let declared = create
        .columns
        .iter()
        .map(|column| column::declare(&mut made, column, near))
        .collect::<Result<Vec<Declared>>>()?;
    if made.table.columns.len() > COLUMNS_MAX {
        return Err(Fault::new(
            at,
            format!("a table has at most {COLUMNS_MAX} columns"),
        ));
    }
    primary_key(draft, &mut made, create, &declared)?;
    made.table.shard_key = shard_key(&made, create.partition_by.as_deref())?;
    // All columns are known now: what refers to them can be read.
    for (ix, declared) in declared.iter().enumerate() {
        column::describe(draft, &mut made, ix, declared)?;
    }
    column::check_generated(&made, at)?;
    for constraint in &create.constraints {
        constraint::add(draft, &mut made, constraint, at)?;
    }
    draft.tables.insert(made.table.name.clone(), made);
    Ok(())
}

fn refuse_other_forms(create: &ast::CreateTable, at: Place) -> Result<()> {
    let refused = [
        (
            create.query.is_some(),
            "CREATE TABLE … AS",
            "write the columns, and import the rows",
        ),
        (
            create.like.is_some(),
            "CREATE TABLE … LIKE",
            "write the columns",
        ),
        (create.inherits.is_some(), "INHERITS", "write the columns"),
        (
            create.partition_of.is_some() || create.for_values.is_some(),
            "PARTITION OF",
            "PARTITION BY HASH (column) is enough: Pando makes and moves the partitions",
        ),
        (create.temporary, "a temporary table", "leave out TEMPORARY"),
        (
            create.unlogged,
            "UNLOGGED",
            "leave it out: every table is durable",
        ),
        (create.or_replace, "OR REPLACE", "write DROP TABLE first"),
        (
            create.external,
            "EXTERNAL",
            "leave it out, and import the rows",
        ),
        (create.on_commit.is_some(), "ON COMMIT", "leave it out"),
        (create.without_rowid, "WITHOUT ROWID", "leave it out"),
        (
            create.strict,
            "STRICT",
            "leave it out: types are always strict",
        ),
        (create.clone.is_some(), "CLONE", "write the columns"),
        (
            create.order_by.is_some(),
            "ORDER BY",
            "the primary key gives the order",
        ),
        (
            !matches!(create.hive_distribution, HiveDistributionStyle::NONE)
                || create.clustered_by.is_some(),
            "CLUSTERED BY",
            "write PARTITION BY HASH (column)",
        ),
    ];
    if let Some((_, what, hint)) = refused.iter().find(|(given, ..)| *given) {
        return Err(Fault::new(at, format!("{what} is not supported")).hint(*hint));
    }
    // The parser knows many dialects: what of theirs is left would be ignored.
    let understood = CreateTableBuilder::new(create.name.clone())
        .if_not_exists(create.if_not_exists)
        .columns(create.columns.clone())
        .constraints(create.constraints.clone())
        .table_options(create.table_options.clone())
        .partition_by(create.partition_by.clone())
        .hive_formats(create.hive_formats.clone())
        .build();
    if *create != understood {
        return Err(
            Fault::new(at, "a clause of this CREATE TABLE is not supported")
                .hint("behind the columns there are PARTITION BY HASH (column) and WITH (…)"),
        );
    }
    Ok(())
}

fn blank(name: String, options: TableOptions, at: Place) -> DraftTable {
    DraftTable {
        table: Table {
            primary_key: PrimaryKey {
                name: String::new(),
                columns: Vec::new(),
            },
            name,
            columns: Vec::new(),
            shard_key: Vec::new(),
            uniques: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            reference: options.reference,
            key_indexed: true,
            adopted: false,
            options: BTreeMap::from_iter(options.others),
        },
        origin: None,
        sources: Vec::new(),
        places: HashMap::new(),
        at,
    }
}

/// Finds the one primary key, at a column or at the end.
fn primary_key(
    draft: &Draft,
    made: &mut DraftTable,
    create: &ast::CreateTable,
    declared: &[Declared],
) -> Result<()> {
    let of_columns = declared.iter().enumerate().filter_map(|(ix, declared)| {
        let (name, at) = declared.primary_key()?;
        Some((name, vec![ix], at))
    });
    let mut found: Vec<(Option<&ast::Ident>, Vec<ColumnIx>, Place)> = of_columns.collect();
    for constraint in &create.constraints {
        if let ast::TableConstraint::PrimaryKey(key) = constraint {
            let at = made.at;
            constraint::refuse_key_forms(&key.include, key.characteristics.as_ref(), at)?;
            constraint::refuse_index_forms(
                key.index_name.as_ref(),
                key.index_type.as_ref(),
                &key.index_options,
                at,
            )?;
            let columns = constraint::key_columns(made, &key.columns, at)?;
            found.push((key.name.as_ref(), columns, at));
        }
    }
    for (_, columns, at) in &found {
        constraint::comparable_columns(made, columns, *at)?;
    }
    let table = quoted(&made.table.name);
    let mut found = found.into_iter();
    let Some((name, columns, at)) = found.next() else {
        let fault = Fault::new(made.at, format!("the table {table} needs a primary key"));
        return Err(match made.table.column_ix("id") {
            Some(_) => fault.hint("write PRIMARY KEY behind the column id"),
            None => fault.hint(
                "write PRIMARY KEY behind a column, or add \
                 id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            ),
        });
    };
    if let Some((.., at)) = found.next() {
        return Err(Fault::new(
            at,
            format!("multiple primary keys for table {table} are not allowed"),
        ));
    }
    not_null(made, &columns, declared, at)?;
    let own = &made.table.name;
    let name = match name {
        Some(name) => {
            let name = new_name(name, "constraint", at)?;
            draft.free_relation(&name, at)?;
            name
        }
        None => made_up(own, &[], "pkey", |name| {
            name == own || draft.is_relation(name)
        }),
    };
    made.table.primary_key = PrimaryKey { name, columns };
    Ok(())
}

/// A primary key's columns are NOT NULL, said or not.
fn not_null(
    made: &mut DraftTable,
    columns: &[ColumnIx],
    declared: &[Declared],
    at: Place,
) -> Result<()> {
    let table = quoted(&made.table.name);
    for ix in columns {
        let column = &mut made.table.columns[*ix];
        if declared[*ix].is_declared_null() {
            return Err(Fault::new(
                at,
                format!(
                    "conflicting NULL/NOT NULL declarations for column {} of table {table}",
                    quoted(&column.name)
                ),
            ));
        }
        column.nullable = false;
    }
    Ok(())
}

/// The shard key: what `PARTITION BY HASH` names, else the primary key.
fn shard_key(made: &DraftTable, partition_by: Option<&Expr>) -> Result<Vec<ColumnIx>> {
    let Some(partition_by) = partition_by else {
        return Ok(if made.table.reference {
            Vec::new()
        } else {
            made.table.primary_key.columns.clone()
        });
    };
    let at = Place::of_expr(partition_by, made.at);
    if made.table.reference {
        return Err(Fault::new(at, "a reference table has no partitions")
            .hint("leave out PARTITION BY, or reference = true"));
    }
    let Expr::Function(call) = partition_by else {
        return Err(not_by_hash(&partition_by.to_string(), at));
    };
    if !call.name.to_string().eq_ignore_ascii_case("hash") {
        return Err(not_by_hash(&partition_by.to_string(), at));
    }
    let ast::FunctionArguments::List(list) = &call.args else {
        return Err(not_by_hash(&partition_by.to_string(), at));
    };
    let mut columns = Vec::with_capacity(list.args.len());
    for argument in &list.args {
        let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(Expr::Identifier(ident))) =
            argument
        else {
            return Err(Fault::new(at, format!("{argument} is not a column"))
                .hint("a shard key is made of columns as they are"));
        };
        let ix = made.column(ident, at)?;
        if columns.contains(&ix) {
            let name = quoted(&fold(ident));
            return Err(Fault::new(
                at,
                format!("{name} stands in the shard key twice"),
            ));
        }
        columns.push(ix);
    }
    if columns.is_empty() {
        return Err(
            Fault::new(at, "a shard key names a column").hint("write PARTITION BY HASH (column)")
        );
    }
    Ok(columns)
}

fn not_by_hash(written: &str, at: Place) -> Fault {
    Fault::new(at, format!("PARTITION BY {written} is not supported"))
        .hint("rows are placed by a hash: write PARTITION BY HASH (column)")
}

/// Whether values of the type can be compared, and so stand in a key or an index.
pub(super) fn comparable(ty: &ColumnType) -> bool {
    match ty {
        ColumnType::Json => false,
        ColumnType::Array(element) => comparable(element),
        _ => true,
    }
}

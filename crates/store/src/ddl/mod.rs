//! DDL: from the SQL of a migration to the steps that an engine takes.
//!
//! | file | what it reads |
//! |---|---|
//! | `source` | text into statements |
//! | `create_table`, `column`, `constraint` | `CREATE TABLE` |
//! | `index` | `CREATE INDEX`, `DROP INDEX` |
//! | `alter_table`, `add_column`, `drop_column` | `ALTER TABLE`, `DROP TABLE` |
//! | `seed` | `INSERT` of constants |
//! | `expression`, `types`, `names`, `options` | the parts of these |
//! | `placement` | nothing: it holds the result to the rules of shards |
//! | `steps` | nothing: it finds the way from schema to schema |
//!
//! The statements of a file change a draft of the schema one after another; the
//! steps are the difference between the draft and the schema in force. So a
//! file may create a table and alter it, and may create tables that refer to
//! each other. Everything that is not understood is refused: nothing is ignored.

mod add_column;
mod alter_table;
mod column;
mod constraint;
mod create_table;
mod draft;
mod drop_column;
mod expression;
mod fault;
mod index;
mod names;
mod options;
mod placement;
mod seed;
mod source;
mod steps;
mod types;
mod unsupported;

pub use fault::{Fault, Place};
pub use steps::Planned;

use draft::Draft;
use fault::Result;
use pando_model::expr::Moment;
use pando_model::schema::Schema;
use sqlparser::ast::{ObjectType, Statement};

/// Plans what a migration's text asks for, from the schema in force.
pub fn plan(schema: &Schema, text: &str, moment: Moment) -> Result<Planned> {
    let mut draft = Draft::new(schema, moment);
    for located in source::parse(text)? {
        apply(&mut draft, &located.statement, located.at)?;
    }
    placement::check(&mut draft)?;
    Ok(steps::plan(draft, schema))
}

fn apply(draft: &mut Draft, statement: &Statement, at: Place) -> Result<()> {
    match statement {
        Statement::CreateTable(create) => create_table::create(draft, create, at),
        Statement::CreateIndex(create) => index::create(draft, create, at),
        Statement::AlterTable(alter) => alter_table::alter(draft, alter, at),
        Statement::Insert(insert) => seed::insert(draft, insert, at),
        Statement::Drop {
            object_type: object_type @ (ObjectType::Table | ObjectType::Index),
            if_exists,
            names,
            cascade,
            restrict: _,
            purge: false,
            temporary: false,
            table: None,
        } => {
            if *cascade {
                return Err(Fault::new(at, "CASCADE is not supported")
                    .hint("drop what depends on it first, by name"));
            }
            for name in names {
                match object_type {
                    ObjectType::Table => alter_table::drop(draft, name, *if_exists, at)?,
                    _ => index::drop(draft, name, *if_exists, at)?,
                }
            }
            Ok(())
        }
        _ => Err(
            Fault::new(at, "this statement is not supported in a migration").hint(
                "there are CREATE TABLE, CREATE INDEX, ALTER TABLE, DROP TABLE, DROP INDEX, and \
             INSERT of constants",
            ),
        ),
    }
}

//! Databases that somebody else made: what they hold, and how their tables are served as they
//! lie.
//!
//! | file | what it does |
//! |---|---|
//! | `database` | the database as a whole, and its relations |
//! | `column`, `mend` | columns and their types, and what to make of those that Pando lacks |
//! | `rule` | keys, constraints, indexes, triggers |
//! | `values` | looks for values that Pando lacks |
//! | `take` | puts a table under Pando |
//! | `alter` | changes of its shape later on |
//!
//! Nothing of theirs is changed by looking, nor by [`take`]: an adopted table has no hidden
//! column, and what was declared for it is PostgreSQL's to keep, in PostgreSQL's words.

mod alter;
mod column;
mod database;
mod mend;
mod rule;
mod take;
mod values;

pub(crate) use alter::{alter, index};
pub(crate) use take::take;

use crate::config::PostgresConfig;
use crate::fault::{Step, unavailable};
use crate::pool::Pool;
use crate::session::Session;
use crate::sql::quoted;
use crate::tls::{Place, Target};
use pando_model::engine::Result;
use pando_model::found::{Finding, FoundDatabase};
use std::time::Duration;

/// Looks at one schema of a database; nothing is written.
///
/// # Errors
/// It cannot be reached, or may not be looked at.
pub async fn inspect(config: &PostgresConfig, schema: &str) -> Result<FoundDatabase> {
    let schema = schema.to_owned();
    look(config, move |session| database::read(session, &schema)).await
}

/// Reads all rows of a table that [`inspect`] found, and tells which columns hold values that
/// Pando does not have. `progress` is told how many rows were read.
///
/// # Errors
/// The database cannot be reached, or the table is not there any more.
pub async fn check_rows(
    config: &PostgresConfig,
    table: &pando_model::found::FoundTable,
    progress: impl Fn(u64) + Send + 'static,
) -> Result<Vec<Finding>> {
    let table = table.clone();
    look(config, move |session| {
        values::check(session, &table, &progress)
    })
    .await
}

/// Takes Pando's own relations out of the schema that the url leads to, and leaves everything
/// else as it is; gives the names of tables that stay and were Pando's to make. Nobody may
/// serve the store meanwhile.
///
/// # Errors
/// The database cannot be reached, or something stands on one of them.
pub async fn forget(config: &PostgresConfig) -> Result<Vec<String>> {
    let done = run(config, |session| {
        let done = session.batch("BEGIN").and_then(|()| take::forget(session));
        let ended = session.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        done.and_then(|made| ended.map(|()| made))
    });
    done.await
        .map_err(|fault| fault.into_engine("take Pando's tables out"))
}

/// Reads in one snapshot, for as long as it takes.
async fn look<T: Send + 'static>(
    config: &PostgresConfig,
    work: impl FnOnce(&Session) -> Step<T> + Send + 'static,
) -> Result<T> {
    let mut config = config.clone();
    config.statement_timeout = Duration::ZERO;
    let done = run(&config, move |session| {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let done = session.batch(begin).and_then(|()| work(session));
        let ended = session.batch("ROLLBACK");
        done.and_then(|value| ended.map(|()| value))
    });
    done.await
        .map_err(|fault| fault.into_engine("look at the database"))
}

/// Does something on a connection to the first server of the settings' that answers.
async fn run<T: Send + 'static>(
    config: &PostgresConfig,
    work: impl FnOnce(&Session) -> Step<T> + Send + 'static,
) -> Step<T> {
    let mut failure = unavailable("the settings name no server", Duration::ZERO).into();
    for Place { target, .. } in Target::all(config)? {
        let pool = Pool::new(target, config, 1);
        match pool.lease().await {
            Ok(lease) => {
                drop(lease);
                return pool.run(work).await;
            }
            Err(fault) => failure = fault,
        }
    }
    Err(failure)
}

/// Names as a list in SQL.
fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| quoted(name)).collect();
    names.join(", ")
}

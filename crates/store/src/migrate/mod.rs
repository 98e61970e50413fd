//! Migrations: `NNNN_name.sql` files, applied in order, each in one transaction
//! of the engine together with its record.
//!
//! A file that was applied is never applied again and never changes: its name and
//! checksum are compared with the record each time. A file that is refused
//! leaves nothing behind; those before it stay applied.
//!
//! Several processes may do so at the same time: each change names the version that it was planned
//! from, and is made in a transaction that writes alone. Of two that apply the same file one does;
//! the other waits, looks again, and goes on behind it.

mod error;
mod file;

pub use error::{Diagnostic, MigrationError, SourcePlace};
pub use file::{MigrationFile, read_folder};

use crate::catalog::{Catalog, forget_cache_rule, insert, int, news, schema_record, tables, text};
use crate::ddl::{self, Planned};
use crate::error::StoreError;
use crate::store::Store;
use crate::tables::WARM;
use file::{Numbered, number};
use pando_model::engine::SchemaChange;
use pando_model::error::EngineError;
use pando_model::expr::Moment;
use pando_model::plan::{Change, Filter};
use pando_model::schema::{Schema, SchemaStep};
use pando_model::value::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often migrations are looked at again because another process was quicker, or because the
/// database took none for a while.
const TRIES_MAX: usize = 32;

/// What became of each file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The files, in order.
    pub files: Vec<MigrationOutcome>,
    /// The schema's version afterwards.
    pub schema_version: u64,
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationOutcome {
    /// The file's name.
    pub name: String,
    /// What became of it.
    pub status: MigrationStatus,
    /// How many steps the engine took, or would take.
    pub steps: usize,
    /// How many rows were inserted, or would be.
    pub rows: u64,
    /// How long it took.
    pub took: Duration,
}

/// Whether a file is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationStatus {
    /// It had been, before.
    Known,
    /// It was, now.
    Applied,
    /// It can be; this was a check.
    Pending,
}

/// Whether migrations are applied or only looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Apply,
    Check,
}

impl Store {
    /// Applies the files that were not applied before, in order.
    pub async fn migrate(
        &self,
        files: &[MigrationFile],
    ) -> Result<MigrationReport, MigrationError> {
        self.run(files, Mode::Apply).await
    }

    /// Does everything that [`Store::migrate`] does short of applying: what rows could
    /// break is not looked at.
    pub async fn check_migrations(
        &self,
        files: &[MigrationFile],
    ) -> Result<MigrationReport, MigrationError> {
        self.run(files, Mode::Check).await
    }

    async fn run(
        &self,
        files: &[MigrationFile],
        mode: Mode,
    ) -> Result<MigrationReport, MigrationError> {
        let files = number(files)?;
        let _one = self.migrating.lock().await;
        // What was applied here, though another process came in between.
        let mut done = Vec::new();
        for _ in 1..TRIES_MAX {
            match self.run_once(&files, mode, &mut done).await {
                Err(MigrationError::Store(StoreError::Engine(error))) if self.may_go_on(&error) => {
                    tracing::info!(%error, "another process changes the schema, or none can yet");
                    if let EngineError::Unavailable { retry_after, .. } = error {
                        tokio::time::sleep(retry_after).await;
                    }
                }
                other => return other,
            }
        }
        self.run_once(&files, mode, &mut done).await
    }

    /// Whether migrations are looked at again after an error: what another process has applied
    /// meanwhile is known then, and what is in doubt is recorded or not.
    fn may_go_on(&self, error: &EngineError) -> bool {
        match error {
            EngineError::SchemaChanged { .. } => true,
            EngineError::Unavailable { .. } | EngineError::OutcomeUnknown { .. } => {
                self.engine().is_shared()
            }
            _ => false,
        }
    }

    async fn run_once(
        &self,
        files: &[Numbered<'_>],
        mode: Mode,
        done: &mut Vec<MigrationOutcome>,
    ) -> Result<MigrationReport, MigrationError> {
        let applied = self.catalog().fetch_migrations().await?;
        compare(files, &applied)?;
        let mut schema = self.reload_schema().await?;
        let mut report = MigrationReport::default();
        for file in files {
            let mut outcome = MigrationOutcome {
                name: file.name.to_owned(),
                status: MigrationStatus::Known,
                steps: 0,
                rows: 0,
                took: Duration::ZERO,
            };
            if let Some(ours) = done.iter().find(|ours| ours.name == file.name) {
                outcome = ours.clone();
            } else if !applied.iter().any(|known| known.number == file.number) {
                let began = Instant::now();
                let planned = self.plan(&schema, file)?;
                outcome.steps = planned.steps.len();
                outcome.rows = planned.inserts.iter().map(rows_of).sum();
                schema = match mode {
                    Mode::Apply => self.apply(file, planned, schema.version).await?,
                    Mode::Check => Arc::new(planned.schema),
                };
                outcome.status = match mode {
                    Mode::Apply => MigrationStatus::Applied,
                    Mode::Check => MigrationStatus::Pending,
                };
                outcome.took = began.elapsed();
                if mode == Mode::Apply {
                    done.push(outcome.clone());
                }
            }
            report.files.push(outcome);
        }
        report.schema_version = schema.version;
        Ok(report)
    }

    fn plan(&self, schema: &Schema, file: &Numbered<'_>) -> Result<Planned, MigrationError> {
        let moment = Moment {
            now_us: self.clock().now_us(),
        };
        let planned = ddl::plan(schema, file.sql, moment)
            .map_err(|fault| Diagnostic::of_fault(file.name, file.sql, fault))?;
        for (name, table) in &planned.schema.tables {
            // What another file declared is not this one's fault.
            let before = schema.tables.get(name);
            if before.is_none_or(|before| before.options.get(WARM) != table.options.get(WARM)) {
                self.check_warm(&planned.schema, table)
                    .map_err(|refusal| Diagnostic::of_warm(file.name, name, refusal))?;
            }
        }
        Ok(planned)
    }

    /// Carries out one file; the new schema.
    async fn apply(
        &self,
        file: &Numbered<'_>,
        planned: Planned,
        from_version: u64,
    ) -> Result<Arc<Schema>, MigrationError> {
        let now = self.clock().now_us();
        let mut record = vec![
            schema_record(&planned.schema, Value::Timestamp(now))?,
            migration_record(file, planned.schema.version, now),
        ];
        record.extend(planned.inserts);
        // A rule of caching that was changed goes with its table.
        let dropped = planned.steps.iter().filter_map(|step| match step {
            SchemaStep::DropTable(table) => Some(format!("rest/{}", table.name)),
            _ => None,
        });
        let forgotten: Vec<Change> = dropped.map(|name| forget_cache_rule(&name)).collect();
        if !forgotten.is_empty() {
            record.extend(forgotten);
            record.push(news()?);
        }
        let change = SchemaChange {
            from_version,
            to_version: planned.schema.version,
            steps: planned.steps,
            record,
        };
        let schema = Arc::new(planned.schema);
        match self.engine().apply(change).await {
            Ok(_) => {
                self.adopt_schema(Arc::clone(&schema));
                // It is applied; rules of tables that are gone do nothing until they are let go.
                if let Err(error) = self.reload_cache_settings().await {
                    tracing::debug!(%error, "could not look for rules of caching");
                }
                Ok(schema)
            }
            Err(EngineError::Refused(refusal)) => {
                Err(Diagnostic::of_refusal(file.name, refusal).into())
            }
            Err(error) => Err(StoreError::from(error).into()),
        }
    }
}

/// A migration that was applied.
struct Applied {
    number: u64,
    name: String,
    checksum: Vec<u8>,
}

impl Catalog {
    async fn fetch_migrations(&self) -> Result<Vec<Applied>, StoreError> {
        self.fetch(&tables::MIGRATION, Filter::Const(true))
            .await?
            .into_iter()
            .map(|row| match <[Value; 5]>::try_from(row) {
                Ok(
                    [
                        Value::Int(number),
                        Value::Text(name),
                        Value::Bytes(checksum),
                        ..,
                    ],
                ) => Ok(Applied {
                    number: number.unsigned_abs(),
                    name,
                    checksum,
                }),
                _ => Err(StoreError::Catalog(
                    "a row of _pando_migration is not readable".into(),
                )),
            })
            .collect()
    }
}

/// Refuses files that are not those which were applied.
fn compare(files: &[Numbered<'_>], applied: &[Applied]) -> Result<(), MigrationError> {
    for known in applied {
        let Some(file) = files.iter().find(|file| file.number == known.number) else {
            return Err(
                Diagnostic::new(&known.name, "it was applied, and is missing now")
                    .hint("bring the file back: the history of a schema is not rewritten")
                    .into(),
            );
        };
        if file.checksum.as_slice() != known.checksum {
            return Err(
                Diagnostic::new(file.name, "it was changed after it was applied")
                    .hint("take the change back, and write it as a new migration")
                    .into(),
            );
        }
        if file.name != known.name {
            return Err(Diagnostic::new(
                file.name,
                format!("it was applied under the name {}", known.name),
            )
            .hint(format!("rename it to {}", known.name))
            .into());
        }
    }
    let last = applied.iter().map(|known| known.number).max();
    let late = files.iter().find(|file| {
        last.is_some_and(|last| file.number < last)
            && !applied.iter().any(|known| known.number == file.number)
    });
    match (late, last) {
        (Some(late), Some(last)) => Err(Diagnostic::new(
            late.name,
            format!("it comes before number {last}, which is applied already"),
        )
        .hint(format!("give it a number above {last}"))
        .into()),
        _ => Ok(()),
    }
}

fn migration_record(file: &Numbered<'_>, schema_version: u64, now_us: i64) -> Change {
    insert(
        &tables::MIGRATION,
        vec![
            int(file.number),
            text(file.name),
            Value::Bytes(file.checksum.to_vec()),
            int(schema_version),
            Value::Timestamp(now_us),
        ],
    )
}

fn rows_of(change: &Change) -> u64 {
    match change {
        Change::Insert(insert) => insert.rows.len() as u64,
        Change::Update(_) | Change::Delete(_) => 0,
    }
}

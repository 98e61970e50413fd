//! The port: which thread does what.
//!
//! | work | where |
//! |---|---|
//! | reads that turn out short | the caller's thread, bounded |
//! | other reads, the feed, checks | a bounded number of threads |
//! | writes, changes of the schema, followers | the writer's thread |
//! | copies | a thread of their own |

use crate::backup::Copying;
use crate::config::SqliteConfig;
use crate::connection::Conn;
use crate::fault::{Fault, Step, interrupted};
use crate::marks::Marks;
use crate::open::read_shard;
use crate::readers::{Readers, Short};
use crate::writer::{Transaction, WriterHandle, receipt};
use crate::{feed, verify};
use async_trait::async_trait;
use pando_model::column::ColumnType;
use pando_model::engine::{
    self, Durability, Engine, EngineInfo, FeedCursor, FeedPage, Outcome, Progress, Read,
    ReadAnswer, ReadSteps, Result, SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::fixed::fixed_by;
use pando_model::plan::{Filter, OrderBy, Select, Tree};
use pando_model::stamp::Position;
use pando_model::steps;
use pando_model::tree::read_counted;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A page of up to so many rows is tried on the caller's thread first.
const SHORT_ROWS: u64 = 200;

/// One shard in one SQLite file.
pub struct SqliteEngine {
    config: SqliteConfig,
    marks: Arc<Marks>,
    writer: WriterHandle,
    readers: Arc<Readers>,
}

impl SqliteEngine {
    /// Opens a file, or makes one. A damaged file, or one that is not Pando's, is
    /// [`EngineError::Corrupt`]. It does blocking work, and needs no runtime.
    pub fn open(config: SqliteConfig) -> Result<Arc<SqliteEngine>> {
        let marks = Arc::new(Marks::default());
        let writer = WriterHandle::start(&config, marks.clone())?;
        Ok(Arc::new(SqliteEngine {
            readers: Arc::new(Readers::new(&config)),
            config,
            marks,
            writer,
        }))
    }

    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Step<T> + Send + 'static,
    ) -> Result<T> {
        self.writer
            .run(move |writer| {
                writer.transact(|transaction| {
                    let value = work(&transaction)?;
                    let sealed = transaction.seal()?;
                    Ok((value, sealed, transaction.schema_version()))
                })
            })
            .await
    }
}

#[async_trait]
impl Engine for SqliteEngine {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: "sqlite",
            version: rusqlite::version().to_owned(),
            durability: Durability {
                synced: self.config.synchronous == crate::Synchronous::Full,
                copies: 1,
            },
        }
    }

    fn progress(&self) -> Progress {
        self.marks.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        Ok(self.marks.schema_low())
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        if is_short(&read.tree) {
            let short = self
                .readers
                .try_short(|conn| read_snapshot(conn, &self.marks, &read));
            if let Short::Done(result) = short {
                return result;
            }
        }
        let marks = self.marks.clone();
        self.readers
            .run(move |conn| read_snapshot(conn, &marks, &read))
            .await
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        let short = self
            .readers
            .try_short(|conn| take_reads(conn, &self.marks, &read, is_short));
        if let Short::Done(result) = short {
            return result;
        }
        let marks = self.marks.clone();
        self.readers
            .run(move |conn| take_reads(conn, &marks, &read, |_| true))
            .await
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        self.writer.write(write).await
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        // Mostly there is nothing to do, and then the writer is left alone.
        let expired = self
            .readers
            .run(move |conn| receipt::is_any_expired(conn, now_us));
        if !expired.await? {
            return Ok(0);
        }
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let removed = self
            .transact(move |transaction| receipt::remove_expired(transaction.conn, now_us, max));
        Ok(removed.await? as u64)
    }

    async fn apply(&self, change: SchemaChange) -> Result<Position> {
        self.writer.run(move |writer| writer.apply(&change)).await
    }

    async fn follow(&self, follower: &str) -> Result<FeedCursor> {
        let name = follower.to_owned();
        self.transact(move |transaction| feed::follow(transaction, &name))
            .await
    }

    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage> {
        self.readers
            .run(move |conn| in_snapshot(conn, |conn| feed::read_page(conn, after, max)))
            .await
    }

    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()> {
        let name = follower.to_owned();
        self.transact(move |transaction| feed::acknowledge(transaction, &name, cursor))
            .await
    }

    async fn unfollow(&self, follower: &str) -> Result<()> {
        let name = follower.to_owned();
        self.transact(move |transaction| feed::unfollow(transaction, &name))
            .await
    }

    async fn backup(&self, path: &Path, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()> {
        let mut copying = Copying::start(&self.config, path)?;
        while let Some((done, all)) = copying.step().await {
            progress(done, all);
        }
        copying.finish().await
    }

    async fn verify(&self) -> Result<Vec<String>> {
        self.readers
            .run(|conn| in_snapshot(conn, verify::verify_data))
            .await
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        let counters = self.writer.counters();
        Ok(Statistics {
            size_bytes: size_of_files(&self.config.path),
            commits: counters.commits.load(Relaxed),
            writes: counters.writes.load(Relaxed),
            queued: counters.queued.load(Relaxed),
            last_commit: Duration::from_nanos(counters.last_commit_ns.load(Relaxed)),
            feed_depth: u64::try_from(counters.feed_depth.load(Relaxed)).unwrap_or(0),
        })
    }

    async fn close(&self) -> Result<()> {
        self.readers.close();
        self.writer.close().await
    }
}

/// Whether a read is worth trying on its caller's thread: it is a short page, or what lies
/// under one key; and it does not match texts, but that of one row.
fn is_short(tree: &Tree) -> bool {
    let select = &tree.select;
    let fixed = || fixed_by(&select.filter);
    let is_page = select.limit.is_some_and(|limit| limit <= SHORT_ROWS);
    (is_page || fixed().has_slot(&select.table))
        && (is_light(select) || fixed().is_one_row(&select.table))
        && tree
            .children
            .iter()
            .all(|child| is_light(&child.tree.select))
}

/// Whether its rows cost little each: patterns and searches may go over a text more than once,
/// and what is ordered by jsonb is compared many times in one step. What a path costs is charged.
fn is_light(select: &Select) -> bool {
    let ordered_by = select.order.iter().filter_map(|term| match &term.by {
        OrderBy::Scalar(scalar) => Some(scalar.ty(&select.table)),
        OrderBy::Related(join, scalar) => Some(scalar.ty(&join.table)),
        OrderBy::Output(_) => None,
    });
    !ordered_by.into_iter().any(|ty| ty == ColumnType::Jsonb) && !matches_text(&select.filter)
}

fn matches_text(filter: &Filter) -> bool {
    match filter {
        Filter::Match { .. } | Filter::Search { .. } => true,
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(matches_text),
        Filter::Not(inner) => matches_text(inner),
        Filter::Exists { filter, .. } => matches_text(filter),
        _ => false,
    }
}

/// A read with its marks, refused where its plan was made for another schema.
fn read_snapshot(conn: &Conn, marks: &Marks, read: &Read) -> Step<ReadAnswer> {
    let low = marks.low();
    let lost = marks.check(&read.freshness)?;
    let several = read.count || !read.tree.children.is_empty();
    let rows = take_planned(conn, marks, read.schema_version, several, |conn| {
        read_counted(conn, &read.tree, read.count)
    })?;
    Ok(ReadAnswer {
        rows,
        low,
        high: marks.high(),
        lost,
    })
}

/// Several reads with their marks, on one snapshot; interrupted before one that is not
/// `allowed`.
fn take_reads(
    conn: &Conn,
    marks: &Marks,
    read: &ReadSteps,
    allowed: impl Fn(&Tree) -> bool,
) -> Step<StepsAnswer> {
    let low = marks.low();
    let lost = marks.check(&read.freshness)?;
    let outcomes = take_planned(conn, marks, read.schema_version, true, |conn| {
        steps::take(&read.steps, &mut |step| match step {
            engine::Step::Read { tree, count } if allowed(tree) => {
                Ok(Outcome::found(read_counted(conn, tree, *count)?))
            }
            engine::Step::Read { .. } => Err(interrupted()),
            _ => Err(EngineError::internal("take a read", "it is a change").into()),
        })
    })?;
    Ok(StepsAnswer {
        outcomes,
        low,
        high: marks.high(),
        lost,
    })
}

/// Takes what was planned for a schema, on one snapshot where it is `several` statements.
///
/// Mostly the marks tell which schema a snapshot shows. They do not while a change of it is being
/// committed: the snapshot is asked then. Going by the marks, neither of the two plans would be
/// answered for as long as the disk syncs, and each of them be sent to the other.
fn take_planned<T>(
    conn: &Conn,
    marks: &Marks,
    planned_for: u64,
    several: bool,
    work: impl Fn(&Conn) -> Step<T>,
) -> Step<T> {
    let committed = marks.schema_low();
    if marks.schema_high() == committed {
        check_schema(committed, planned_for)?;
        let taken = match several {
            true => in_snapshot(conn, &work),
            // One statement is one snapshot.
            false => work(conn),
        };
        // Before the result is looked at: an error may come of a schema that changed meanwhile.
        if marks.schema_high() == committed {
            return taken;
        }
    }
    in_snapshot(conn, |conn| {
        check_schema(read_shard(conn)?.schema_version, planned_for)?;
        work(conn)
    })
}

fn check_schema(current: u64, planned_for: u64) -> Step<()> {
    if current == planned_for {
        return Ok(());
    }
    Err(Fault::Engine(EngineError::SchemaChanged { current }))
}

/// Runs several statements on one snapshot.
fn in_snapshot<T>(conn: &Conn, work: impl FnOnce(&Conn) -> Step<T>) -> Step<T> {
    conn.execute("BEGIN", &[])?;
    let result = work(conn);
    // An interrupted statement may have ended the transaction already.
    if !conn.db().is_autocommit() {
        conn.control().allow(None, None);
        conn.execute("ROLLBACK", &[])?;
    }
    result
}

fn size_of_files(path: &Path) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    size(path) + size(Path::new(&log))
}

#[cfg(test)]
mod tests;

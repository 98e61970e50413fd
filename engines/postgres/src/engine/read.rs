//! Reads over copies: somebody is asked who has got far enough, and somebody else where that was
//! in vain.

use super::PostgresEngine;
use crate::fault::{Remedy, Step, closed};
use crate::session::Session;
use crate::shard::{ShardRow, check_schema, in_snapshot};
use crate::short;
use crate::topology::{Server, Verdict};
use pando_model::engine::{Copies, Freshness, Read, Result};
use pando_model::plan::RowSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// What a read has found.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) shard: ShardRow,
    pub(super) lost: bool,
}

impl PostgresEngine {
    /// Reads on some server that will do; on another one where it is lost meanwhile, or has not
    /// got far enough. A read that meets a statement which was prepared for tables as they were
    /// is carried out again.
    pub(super) async fn read_with<T: Send + 'static>(
        &self,
        context: &'static str,
        freshness: &Freshness,
        work: impl Fn(&Session) -> Step<(T, ShardRow)> + Send + Sync + 'static,
    ) -> Result<Found<T>> {
        if self.closed.load(Relaxed) {
            return Err(closed());
        }
        let work = Arc::new(work);
        let found = self.read_somewhere(freshness, |server| {
            let work = work.clone();
            async move {
                let read = server.read(move |session| again_where_prepared(session, &*work));
                read.await
            }
        });
        found.await.map_err(|fault| fault.into_engine(context))
    }

    /// Carries a read out in one statement, where it is one, and the tables are as they were when
    /// it was prepared.
    pub(super) async fn read_short(&self, read: &Read) -> Result<Option<Found<RowSet>>> {
        if !short::is_short(read) {
            return Ok(None);
        }
        let found = self.read_somewhere(&read.freshness, |server| async move {
            server.read_short(read).await
        });
        match found.await {
            Ok(found) => Ok(Some(found)),
            Err(fault) if fault.is_about_the_tables() => Ok(None),
            Err(fault) => Err(fault.into_engine("read")),
        }
    }

    async fn read_somewhere<T, F>(
        &self,
        freshness: &Freshness,
        ask: impl Fn(Arc<Server>) -> F,
    ) -> Step<Found<T>>
    where
        F: Future<Output = Step<(T, ShardRow)>>,
    {
        let topology = &self.topology;
        let mut demand = topology.demand(freshness);
        loop {
            let server = topology.choose(&mut demand).await?;
            let begun = Instant::now();
            match ask(server.clone()).await {
                Ok((value, shard)) => {
                    let verdict = topology.judge(&mut demand, &server, &shard, begun);
                    let lost = match verdict {
                        Verdict::Good { lost } => Some(lost),
                        // What the primary does not show is not on its standby yet, and a
                        // failover would take it back.
                        Verdict::Unsafe { lost } => {
                            let is_good = topology.confirm(shard.at).await
                                || topology.is_last_resort(&mut demand);
                            is_good.then_some(lost)
                        }
                        Verdict::TooOld => None,
                    };
                    if let Some(lost) = lost {
                        self.shared.marks.see(&shard);
                        return Ok(Found { value, shard, lost });
                    }
                    topology.pass_over(&mut demand, &server);
                }
                Err(fault) if topology.is_of_the_server(&server, &fault) => {
                    if demand.is_over() {
                        return Err(fault);
                    }
                    topology.suspect(&server, &fault);
                    topology.pass_over(&mut demand, &server);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Reads in a snapshot that shows a schema; gives the shard's row in it.
    pub(super) async fn read_planned<T: Send + 'static>(
        &self,
        schema_version: u64,
        freshness: &Freshness,
        work: impl Fn(&Session) -> Step<T> + Send + Sync + 'static,
    ) -> Result<Found<T>> {
        let read = self.read_with("read", freshness, move |session| {
            in_snapshot(session, |shard| {
                check_schema(shard, schema_version)?;
                work(session)
            })
        });
        read.await
    }

    /// The same for what looks at the shard's own tables, at the owner or, while there is none,
    /// the copy that has got furthest.
    pub(super) async fn read_own<T: Send + 'static>(
        &self,
        context: &'static str,
        work: impl Fn(&Session, &ShardRow) -> Step<T> + Send + Sync + 'static,
    ) -> Result<(T, ShardRow)> {
        let latest = Freshness {
            seen: None,
            copies: Copies::Latest,
        };
        let read = self.read_with(context, &latest, move |session| {
            in_snapshot(session, |shard| work(session, shard))
        });
        let found = read.await?;
        Ok((found.value, found.shard))
    }
}

/// Carries a read out; once more where a statement was prepared for tables as they were.
fn again_where_prepared<T>(
    session: &Session,
    work: &(impl Fn(&Session) -> Step<T> + ?Sized),
) -> Step<T> {
    match work(session) {
        Err(fault) if fault.remedy() == Remedy::Again => {
            session.forget_statements();
            work(session)
        }
        done => done,
    }
}

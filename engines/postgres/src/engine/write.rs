//! Writes over failovers: they wait for a primary, are carried out again where nothing of them
//! happened, and find out what happened where nobody has said.

use crate::fault::{Fault, Step, closed};
use crate::session::Session;
use crate::topology::{Server, Topology};
use crate::writer::group::{GROUP_MAX, Left};
use crate::writer::queue::Queue;
use crate::writer::{Attempt, Doubt, Shared, doubt};
use pando_model::error::EngineError;
use pando_model::stamp::Position;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a write waits that a server turned away which is still taken for the primary.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// So long a group may take, though somebody in it has waited for all of the buffer's time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who sees to it that writes are carried out.
pub(super) struct Serving {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) topology: Arc<Topology>,
    pub(super) turn: Arc<Semaphore>,
}

/// Carries out writes, in groups, until none waits; in turn with whatever else writes.
pub(super) async fn serve(serving: Serving) {
    let Serving {
        shared,
        queue,
        topology,
        turn,
    } = &serving;
    while !queue.leave_if_empty() {
        let Ok(_turn) = turn.acquire().await else {
            shared.refuse(queue.take(usize::MAX), &closed());
            continue;
        };
        let Some(until) = queue.first_until() else {
            continue;
        };
        let server = match topology.primary(until).await {
            Ok(server) => server,
            Err(fault) => {
                let late = queue.take_late(Instant::now());
                shared.refuse(late, &fault.into_engine("write"));
                continue;
            }
        };
        let limit = until.max(Instant::now() + PATIENCE);
        let (served, waiting) = (shared.clone(), queue.clone());
        let writer = &server.writer;
        let done = writer.run(move |session| Ok(served.write_waiting(session, &waiting)));
        tokio::pin!(done);
        let done = tokio::select! {
            done = &mut done => done,
            () = tokio::time::sleep_until(limit.into()) => {
                // It hangs, and others wait: what became of it is asked on a new connection.
                writer.sever();
                done.await
            }
        };
        match done {
            Ok(None) => {}
            Ok(Some(left)) => settle(&serving, &server, left).await,
            Err(fault) if fault.is_lost() || fault.is_for_want_of_room() => {
                topology.suspect(&server, &fault);
                if fault.is_for_want_of_room() {
                    // It is the primary all the same, and nobody else would refuse them.
                    let late = queue.take_late(Instant::now());
                    shared.refuse(late, &fault.into_engine("write"));
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            // A panic outside of any member: those who have not had their turn have it yet.
            Err(Fault::Engine(EngineError::Internal { .. })) => {}
            Err(fault) => shared.refuse(queue.take(GROUP_MAX), &fault.into_engine("write")),
        }
    }
}

/// Finds out what became of writes whose connection was lost, and has those carried out again of
/// which nothing happened.
async fn settle(serving: &Serving, server: &Arc<Server>, left: Left) {
    let Serving {
        shared,
        queue,
        topology,
        ..
    } = serving;
    if let Some(fault) = &left.fault {
        topology.suspect(server, fault);
    }
    queue.put_back(left.waiting);
    if let Some(doubt) = left.doubt {
        let until = left.doubted.iter().map(|(pending, _)| pending.until).max();
        let until = until.unwrap_or_else(Instant::now);
        match happened(topology, until, doubt).await {
            Ok(true) => {
                shared.confirm(doubt.at);
                for (pending, answer) in left.doubted {
                    shared.counters.writes.fetch_add(1, Relaxed);
                    shared.answer(pending, answer);
                }
            }
            Ok(false) => {
                let again = left.doubted.into_iter().map(|(pending, _)| pending);
                queue.put_back(again.collect());
            }
            Err(fault) => {
                let error = fault.into_engine("write");
                let members = left.doubted.into_iter().map(|(pending, _)| pending);
                shared.refuse(members.collect(), &error);
            }
        }
    }
    tokio::time::sleep(AGAIN_AFTER).await;
}

/// What a write is told whose writer has gone.
pub(super) fn interrupted() -> EngineError {
    EngineError::OutcomeUnknown {
        reason: "the writer was interrupted".to_owned(),
    }
}

/// Carries a transaction out on the primary, on the one after it if need be, until `deadline`.
pub(super) async fn carry_out<T: Send + 'static>(
    topology: &Arc<Topology>,
    shared: &Shared,
    deadline: Instant,
    work: impl Fn(&Session) -> Step<Attempt<T>> + Send + Sync + 'static,
) -> Step<(T, Position)> {
    let work = Arc::new(work);
    loop {
        let now = work.clone();
        let attempt = on_primary(topology, deadline, move |session| now(session)).await?;
        let Some(doubt) = attempt.doubt else {
            return Ok((attempt.value, attempt.at));
        };
        if happened(topology, deadline, doubt).await? {
            shared.confirm(attempt.at);
            return Ok((attempt.value, attempt.at));
        }
    }
}

/// Whether a transaction in doubt was committed after all.
async fn happened(topology: &Arc<Topology>, deadline: Instant, doubt: Doubt) -> Step<bool> {
    let Doubt { mark, reason, .. } = doubt;
    let looked = on_primary(topology, deadline, move |session| {
        doubt::was_committed(session, &mark)
    });
    looked.await.map_err(|fault| {
        tracing::warn!(?fault, "nobody can say whether a write was committed");
        Fault::InDoubt(reason)
    })
}

/// Does something on the primary; again where it was lost meanwhile.
async fn on_primary<T: Send + 'static>(
    topology: &Arc<Topology>,
    deadline: Instant,
    work: impl Fn(&Session) -> Step<T> + Send + Sync + 'static,
) -> Step<T> {
    let work = Arc::new(work);
    loop {
        let server = topology.primary(deadline).await?;
        let now = work.clone();
        match server.writer.run(move |session| now(session)).await {
            Err(fault)
                if (fault.is_lost() || fault.is_for_want_of_room())
                    && Instant::now() < deadline =>
            {
                topology.suspect(&server, &fault);
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            done => return done,
        }
    }
}

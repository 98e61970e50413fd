//! Writes over failovers: they wait for a primary, are carried out again where nothing of them
//! happened, and find out what happened where nobody has said.

use crate::fault::{Fault, Step};
use crate::session::Session;
use crate::topology::Topology;
use crate::writer::{Attempt, Doubt, doubt};
use pando_model::stamp::Position;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a write waits that a server turned away which is still taken for the primary.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Carries a transaction out on the primary, on the one after it if need be, until `deadline`.
pub(super) async fn carry_out<T: Send + 'static>(
    topology: &Arc<Topology>,
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
            return Ok((attempt.value, attempt.at));
        }
    }
}

/// Whether a transaction in doubt was committed after all.
async fn happened(topology: &Arc<Topology>, deadline: Instant, doubt: Doubt) -> Step<bool> {
    let Doubt { mark, reason } = doubt;
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
            Err(fault) if fault.is_lost() && Instant::now() < deadline => {
                topology.doubt(&server, &fault);
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            done => return done,
        }
    }
}

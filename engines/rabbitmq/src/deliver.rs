//! Messages on their way to whoever leases.
//!
//! A lease is a consumer for a while: it gets as many messages as are asked for and no more, which
//! the server sees to (prefetch), waits for the first as long as it should, and is cancelled.

use crate::fault::{looked, no_such, unavailable};
use crate::session::{Came, RAN_OUT, Session, back, done};
use crate::topology::Queue;
use crate::wire;
use futures_util::StreamExt;
use lapin::message::Delivery as Delivered;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use pando_model::broker::{BrokerError, Delivery, LeaseAsk, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What is there, and does not come for so long, is another's.
const QUIET: Duration = Duration::from_millis(50);

/// Leases in a task of its own: who drops a call must not leave messages that nobody gives back.
pub(crate) async fn lease(
    session: Arc<Session>,
    queue: Arc<Queue>,
    group: &str,
    ask: LeaseAsk,
) -> Result<Vec<Delivery>> {
    queue.of_group(group)?;
    let (mut tell, told) = oneshot::channel();
    let group = group.to_owned();
    tokio::spawn(async move {
        let until = Instant::now() + ask.wait;
        let found = loop {
            let found = take(&session, &queue, &group, ask.max, until, &mut tell).await;
            let found = match found {
                Ok(found) => sort(&session, &queue, &group, found, ask.visibility).await,
                Err(error) => Err(error),
            };
            let is_over = Instant::now() >= until || tell.is_closed();
            match found {
                Ok(found) if found.is_empty() && !is_over => {}
                Ok(found) => break Ok(found),
                Err(error) => {
                    // What came before it goes back with the connection; of a queue that is not
                    // there nothing did, and what is of others stays leased.
                    if !matches!(error, BrokerError::NoSuchQueue { .. }) {
                        session.break_off();
                    }
                    break Err(error);
                }
            }
        };
        if let Err(Ok(unheard)) = tell.send(found) {
            for delivery in unheard {
                if let Some(out) = session.take(&delivery.lease, &queue.spec.name) {
                    let _ = back(&session.leases, out.tag).await;
                }
            }
        }
    });
    told.await
        .unwrap_or_else(|_| Err(unavailable("the task of a lease has ended")))
}

async fn take(
    session: &Session,
    queue: &Queue,
    group: &str,
    max: usize,
    until: Instant,
    tell: &mut oneshot::Sender<Result<Vec<Delivery>>>,
) -> Result<Vec<Delivered>> {
    let name = queue.of_group(group)?;
    let there = session.ready(queue, &name).await?;
    if there == 0 && Instant::now() >= until {
        return Ok(Vec::new());
    }
    let mut consumer = consume(session, &name, max).await?;
    // What is there comes; for what is not, the first one is waited for.
    let want = max.min(usize::try_from(there).unwrap_or(max)).max(1);
    let mut found = Vec::new();
    while found.len() < want {
        let quiet = Instant::now() + QUIET;
        let patience = if found.is_empty() {
            until.max(quiet)
        } else {
            quiet
        };
        tokio::select! {
            next = tokio::time::timeout_at(patience, consumer.next()) => match next {
                Ok(Some(Ok(delivered))) => found.push(delivered),
                Ok(Some(Err(error))) => return Err(unavailable(error)),
                Ok(None) => return Err(removed(session, queue, found).await),
                Err(_) => break,
            },
            () = tell.closed() => break,
        }
    }
    found.extend(cancel(&session.leases, consumer, session.bound).await?);
    Ok(found)
}

/// A consumer was ended by the server: its queue was removed.
async fn removed(session: &Session, queue: &Queue, found: Vec<Delivered>) -> BrokerError {
    if !session.leases.status().connected() {
        return unavailable("the connection was lost");
    }
    for delivered in found {
        let _ = back(&session.leases, delivered.delivery_tag).await;
    }
    no_such(&queue.spec.name, "*")
}

async fn consume(session: &Session, queue: &str, max: usize) -> Result<Consumer> {
    let _one = session.consuming.lock().await;
    let max = u16::try_from(max).unwrap_or(u16::MAX);
    let qos = session.leases.basic_qos(max, BasicQosOptions::default());
    looked(session.bound, qos).await?;
    let options = BasicConsumeOptions::default();
    let consume =
        session
            .leases
            .basic_consume(queue.into(), "".into(), options, FieldTable::default());
    looked(session.bound, consume).await
}

/// Ends a consumer; what came before its end is the last of it.
async fn cancel(
    channel: &Channel,
    mut consumer: Consumer,
    bound: Duration,
) -> Result<Vec<Delivered>> {
    let cancel = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
    looked(bound, cancel).await?;
    let end = Instant::now() + bound;
    let mut rest = Vec::new();
    loop {
        match tokio::time::timeout_at(end, consumer.next()).await {
            Ok(Some(delivered)) => rest.push(delivered.map_err(unavailable)?),
            Ok(None) => return Ok(rest),
            Err(_) => return Err(unavailable("a consumer does not end")),
        }
    }
}

/// Makes leases; what was delivered too often goes to the dead.
async fn sort(
    session: &Session,
    queue: &Queue,
    group: &str,
    found: Vec<Delivered>,
    visibility: Duration,
) -> Result<Vec<Delivery>> {
    let mut deliveries = Vec::new();
    for delivered in found {
        let attempt = wire::attempt(&delivered.properties);
        let message = wire::message(&delivered.properties, delivered.data);
        let came = Came {
            tag: delivered.delivery_tag,
            queue: queue.spec.name.clone(),
            dead: queue.dead_of(group)?,
            attempts_max: queue.spec.attempts_max,
            message: message.clone(),
            attempt: attempt.min(queue.spec.attempts_max),
        };
        let lease = session.hold(came, visibility);
        if attempt <= queue.spec.attempts_max {
            deliveries.push(Delivery {
                message,
                lease,
                attempt,
            });
        } else if let Some(out) = session.take(&lease, &queue.spec.name) {
            let settled = match session.bury(&out, RAN_OUT).await {
                Ok(()) => done(&session.leases, out.tag).await,
                Err(_) => back(&session.leases, out.tag).await,
            };
            settled.map_err(unavailable)?;
        }
    }
    Ok(deliveries)
}

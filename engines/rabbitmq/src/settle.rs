//! Leases that are done with: acknowledged, given back, made longer.

use crate::fault::{unknown, unsupported};
use crate::session::{Out, Session, back, done};
use pando_model::broker::{Ability, Lease, Result, Settled};
use std::time::Duration;
use tokio::time::Instant;

/// Of an error that is kept with a dead message.
const ERROR_BYTES_MAX: usize = 4_096;

pub(crate) async fn ack(session: &Session, queue: &str, leases: &[Lease]) -> Result<Settled> {
    let mut settled = Settled::default();
    for lease in leases {
        match session.take(lease, queue) {
            Some(out) => {
                done(&session.leases, out.tag).await.map_err(unknown)?;
                settled.done += 1;
            }
            None => settled.gone.push(lease.clone()),
        }
    }
    if settled.done > 0 {
        session.heard().await?;
    }
    Ok(settled)
}

pub(crate) async fn nack(
    session: &Session,
    queue: &str,
    leases: &[Lease],
    (delay, hold_max): (Duration, Duration),
    error: &str,
) -> Result<Settled> {
    let mut end = error.len().min(ERROR_BYTES_MAX);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    let until = Instant::now() + delay;
    let waits = |out: &Out| !delay.is_zero() && out.attempt < out.attempts_max;
    // Before any of them is given back.
    let out = leases.iter().filter_map(|lease| session.out(lease, queue));
    for (_, out) in out {
        if waits(&out) && until > out.since + hold_max {
            return Err(unsupported(Ability::NackDelay, held_too_long(hold_max)));
        }
    }
    let (mut settled, mut failed) = (Settled::default(), None);
    for lease in leases {
        // Whoever takes it settles it; what runs out meanwhile is not settled beside.
        let Some(taken) = session.take_up(lease, queue) else {
            settled.gone.push(lease.clone());
            continue;
        };
        let tag = taken.out().tag;
        let given_back = if waits(taken.out()) {
            taken.wait(until);
            Ok(())
        } else if taken.out().attempt < taken.out().attempts_max {
            taken.settled();
            back(&session.leases, tag).await.map_err(unknown)
        } else {
            match session.bury(taken.out(), &error[..end]).await {
                Ok(()) => {
                    taken.settled();
                    done(&session.leases, tag).await.map_err(unknown)
                }
                Err(error) => Err(error),
            }
        };
        match given_back {
            Ok(()) => settled.done += 1,
            // The others are given back all the same.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if settled.done > 0 {
        session.heard().await?;
    }
    failed.map_or(Ok(settled), Err)
}

pub(crate) fn extend(
    session: &Session,
    queue: &str,
    leases: &[Lease],
    (visibility, hold_max): (Duration, Duration),
) -> Result<Vec<Option<Lease>>> {
    let until = Instant::now() + visibility;
    let out: Vec<_> = leases
        .iter()
        .map(|lease| session.out(lease, queue))
        .collect();
    let too_long = |(_, out): &(u64, Out)| until > out.since + hold_max;
    if out.iter().flatten().any(too_long) {
        return Err(unsupported(Ability::Extend, held_too_long(hold_max)));
    }
    let each = leases.iter().zip(out);
    let each = each.map(|(lease, out)| {
        let is_there = out.is_some_and(|(tag, _)| session.set(tag, until));
        is_there.then(|| lease.clone())
    });
    Ok(each.collect())
}

fn held_too_long(hold_max: Duration) -> String {
    format!(
        "a message is held for {hold_max:?} in all at most: raise the server's consumer_timeout, and \
         then hold_max of this broker"
    )
}

//! Queues on a broker: what is asked of it is no operation of the store, and asked by itself.

use super::Answered;
use super::body::{LeasesBody, RedriveBody};
use super::look;
use crate::answer::Answer;
use crate::error::ApiError;
use crate::operate::{Asked, NextLink};
use crate::params::Params;
use crate::web::Web;
use http::StatusCode;
use pando_store::operation::Operation;
use pando_store::queue::{Acked, LeaseToken, QueuePage, Settle};
use pando_store::session::Session;
use serde_json::json;

/// Looks at what is there.
pub(super) async fn look(web: &Web, queue: &str, rest: &[&str], asked: &Asked<'_>) -> Answered {
    match rest {
        ["messages"] => messages(web, queue, asked).await,
        ["dead"] => dead(web, queue, asked).await,
        _ => Err(ApiError::no_such_path()),
    }
}

/// Settles what the broker gave; what is left is the store's, with what was done already.
///
/// A token says itself who gave it, so where the queue is by now does not matter: neither is asked for the
/// other's leases. The broker comes first, as the store's part is one transaction with the receipt of
/// an `Idempotency-Key`, which holds the whole answer. Where the broker fails, the store's leases are
/// settled all the same, and the request is told of the broker: else they would run out and be given
/// again, for as long as it is down. Whoever repeats it is told of those as gone.
pub(super) async fn settle(
    web: &Web,
    queue: &str,
    read: LeasesBody,
    how: impl FnOnce(&LeasesBody) -> Settle,
    own: impl FnOnce(Vec<LeaseToken>, LeasesBody) -> Result<Operation<Acked>, ApiError>,
) -> Result<Operation<Acked>, ApiError> {
    let mut read = read;
    let leases = std::mem::take(&mut read.leases);
    let (there, here): (Vec<_>, Vec<_>) = leases.into_iter().partition(LeaseToken::is_of_broker);
    if there.is_empty() {
        return own(here, read);
    }
    let how = how(&read);
    let store = web.store();
    let settled = match store.queue_settle_brokered(queue, &there, &how).await {
        Ok(settled) => settled,
        Err(error) => {
            if !here.is_empty() {
                let own = own(here, read)?.map(|_| Ok(Vec::new()));
                store.carry_out(&own, None, &Session::default()).await?;
            }
            return Err(error.into());
        }
    };
    if here.is_empty() {
        return Ok(web.store().queue_settled(queue, settled)?);
    }
    Ok(own(here, read)?.map(move |done| {
        Ok(Acked {
            acked: done.acked + settled.acked,
            gone: done.gone + settled.gone,
        })
    }))
}

/// What the broker has; it has no pages.
async fn messages(web: &Web, queue: &str, asked: &Asked<'_>) -> Answered {
    let page = look::page(asked.parts)?;
    let found = web
        .store()
        .queue_peek_brokered(queue, page.group.as_deref());
    let mut found = found.await?;
    found.truncate(limit_of(&page));
    Ok(look::peeked(&found))
}

/// The dead of the store, which they were before the queue moved, and those of the broker.
async fn dead(web: &Web, queue: &str, asked: &Asked<'_>) -> Answered {
    let page = look::page(asked.parts)?;
    let found = web.store().queue_dead_anywhere(queue, &page).await?;
    Ok(look::dead_letters(&NextLink::of(asked.parts), found))
}

/// Gives dead letters another chance, those of the store first.
pub(super) async fn redrive(web: &Web, queue: &str, asked: &Asked<'_>) -> Answered {
    let read = RedriveBody::read(asked)?;
    if read.ids.is_some() {
        let message = "dead letters on a broker are redriven in their order, not by ids";
        return Err(
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unsupported", message)
                .hint("Leave ids out."),
        );
    }
    let group = read.group.as_deref();
    let done = web.store().queue_redrive_anywhere(queue, group).await?;
    let body = json!({ "redriven": done.redriven, "more": done.more });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// Gives a group again what is kept.
pub(super) async fn replay(web: &Web, queue: &str, asked: &Asked<'_>) -> Answered {
    let params = Params::read(&asked.parts.uri, &["from", "group"])?;
    let from_us = super::replayed_from(web, &params)?;
    let replayed = web
        .store()
        .queue_replay_brokered(queue, params.text("group"), from_us);
    replayed.await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

fn limit_of(page: &QueuePage) -> usize {
    let limit = page.limit.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

//! Looking into a queue: how much is in it, its messages, its dead letters.

use super::given::Content;
use super::{Answered, refuse_query};
use crate::answer::Answer;
use crate::error::ApiError;
use crate::kv::instant;
use crate::operate::{Asked, NextLink};
use crate::params::{Params, malformed};
use crate::web::Web;
use http::StatusCode;
use http::request::Parts;
use pando_store::operation::Operation;
use pando_store::queue::{DeadLetter, Peek, Peeked, QueuePage};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

#[derive(Serialize)]
struct List<'a, T> {
    messages: &'a Vec<T>,
}

#[derive(Serialize)]
struct GivenPeeked<'a> {
    id: String,
    #[serde(flatten)]
    content: Content<'a>,
    state: &'static str,
    attempts: u32,
    due_at: Option<String>,
}

#[derive(Serialize)]
struct GivenDead<'a> {
    id: String,
    #[serde(flatten)]
    content: Content<'a>,
    attempts: u32,
    error: &'a str,
    died_at: String,
}

impl GivenPeeked<'_> {
    fn of(one: &Peeked) -> GivenPeeked<'_> {
        GivenPeeked {
            id: one.message.id.to_string(),
            content: Content::of(&one.message),
            state: one.state.name(),
            attempts: one.attempts,
            due_at: one.due_us.map(instant),
        }
    }
}

impl GivenDead<'_> {
    fn of(one: &DeadLetter) -> GivenDead<'_> {
        GivenDead {
            id: one.message.id.to_string(),
            content: Content::of(&one.message),
            attempts: one.attempts,
            error: &one.error,
            died_at: instant(one.died_at_us),
        }
    }
}

/// Messages, without a page behind them.
pub(super) fn peeked(found: &[Peeked]) -> Answer {
    let messages: Vec<_> = found.iter().map(GivenPeeked::of).collect();
    let messages = &messages;
    Answer::json(StatusCode::OK, &List { messages })
}

/// A page of dead letters that was found.
pub(super) fn dead_letters(next: &NextLink, found: Peek<DeadLetter>) -> Answer {
    let messages: Vec<_> = found.messages.iter().map(GivenDead::of).collect();
    listed(next, &messages, found.cursor)
}

/// How much a group has before it.
pub(super) async fn depth(web: &Web, queue: &str, parts: &Parts) -> Answered {
    let params = Params::read(&parts.uri, &["group"])?;
    let depth = web
        .store()
        .queue_depth_anywhere(queue, params.text("group"))
        .await?;
    let oldest = depth.oldest_us;
    let now_us = web.store().clock().now_us();
    let age = |us: i64| now_us.saturating_sub(us).max(0) as f64 / 1e6;
    let rates = web.metrics().queues.rates().of(queue, Instant::now());
    Ok(Answer::json(
        StatusCode::OK,
        &json!({
            "depth": depth.depth(), "ready": depth.ready, "in_flight": depth.in_flight,
            "waiting": depth.waiting, "scheduled": depth.scheduled, "dead": depth.dead,
            "oldest_at": oldest.map(instant), "oldest_age_seconds": oldest.map(age),
            "published_per_second": rounded(rates.published),
            "leased_per_second": rounded(rates.leased),
            "retried_per_second": rounded(rates.retried),
            "acked_per_second": rounded(rates.acked),
        }),
    ))
}

/// To the hundredth.
fn rounded(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

/// A page of what is there.
pub(super) fn messages(
    web: &Web,
    queue: &str,
    parts: &Parts,
) -> Result<Operation<Answer>, ApiError> {
    let (page, next) = (page(parts)?, NextLink::of(parts));
    let peek = web.store().queue_peek(queue, &page)?;
    Ok(peek.map(move |found: Peek<Peeked>| {
        let messages: Vec<_> = found.messages.iter().map(GivenPeeked::of).collect();
        Ok(listed(&next, &messages, found.cursor.clone()))
    }))
}

/// A page of dead letters.
pub(super) fn dead(web: &Web, queue: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let (page, next) = (page(parts)?, NextLink::of(parts));
    let dead = web.store().queue_dead(queue, &page)?;
    Ok(dead.map(move |found: Peek<DeadLetter>| Ok(dead_letters(&next, found))))
}

/// Removes all that was published until a time; several transactions, so it is none with others.
pub(super) async fn purge(web: &Web, queue: &str, until_us: i64) -> Answered {
    web.store().queue_purge_brokered(queue).await?;
    let purged = web.store().queue_purge_until(queue, until_us).await?;
    Ok(Answer::json(StatusCode::OK, &json!({ "purged": purged })))
}

/// Refuses what a purge does not take.
pub(super) fn check_purge(asked: &Asked<'_>) -> Result<(), ApiError> {
    refuse_query(asked)?;
    if !asked.body.is_empty() {
        return Err(malformed("a purge has no body").hint("It removes all there is."));
    }
    Ok(())
}

pub(super) fn page(parts: &Parts) -> Result<QueuePage, ApiError> {
    let params = Params::read(&parts.uri, &["limit", "cursor", "group"])?;
    let limit = params.number("limit")?;
    if limit == Some(0) {
        return Err(malformed("limit is a number of messages, from 1"));
    }
    Ok(QueuePage {
        limit,
        cursor: params.text("cursor").map(str::to_owned),
        group: params.text("group").map(str::to_owned),
    })
}

fn listed<T: Serialize>(next: &NextLink, messages: &Vec<T>, cursor: Option<String>) -> Answer {
    let answer = Answer::json(StatusCode::OK, &List { messages });
    next.on_list(answer, messages.len(), cursor.is_some(), cursor)
}

//! Queues over HTTP: `/queue/v1/{queue}`.
//!
//! A publish is a write like others, by itself or within `/tx/v1`. A lease may wait for a message
//! ([`lease`]); who waits is woken by what this process publishes, and by a look four times a second
//! at what others did ([`waiting`], [`clock`]).

mod apart;
mod body;
mod brokered;
mod clock;
mod given;
mod lease;
mod look;
mod news;
mod publish;
mod rates;
mod waiting;

pub(crate) use clock::{Clock, run};
pub(crate) use news::{Counted, News};
pub(crate) use publish::read_posted;
pub(crate) use rates::Rates;
pub(crate) use waiting::Waiting;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::gate::Caller;
use crate::intake::{self, Pass};
use crate::operate::Asked;
use crate::params::Params;
use crate::params::malformed;
use crate::reply::Reply;
use crate::route::Place;
use crate::web::Web;
use crate::{operate, stamps};
use body::{LeasesBody, RedriveBody};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use pando_store::operation::Operation;
use pando_store::queue::{Acked, Nack, Redriven, Settle};
use serde_json::json;
use std::pin::pin;

const LEASE: &str = "lease";
/// What there is of a queue; the queue itself among it.
const WORDS: [&str; 10] = [
    "", "messages", LEASE, "ack", "nack", "extend", "dead", "redrive", "purge", "replay",
];

/// What is answered besides by an operation.
type Answered = Result<Answer, ApiError>;

/// What can be done at a place.
pub(crate) fn allowed(place: &Place<'_>) -> &'static str {
    match place.segments().as_slice() {
        [] | ["dead"] => "OPTIONS,GET,HEAD",
        ["messages"] => "OPTIONS,GET,HEAD,POST",
        _ => "OPTIONS,POST",
    }
}

/// Answers a request of a queue: a lease may have to wait, and a few things are no operation.
pub(crate) async fn answer<B>(
    web: &Web,
    place: &Place<'_>,
    (parts, body): (&Parts, &mut Option<B>),
    caller: &Caller,
    deadline: Deadline,
    pass: Pass<'_>,
) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes>,
{
    let queue = &*place.name;
    web.store().queue_reach(queue)?;
    let answer = match (&parts.method, place.segments().as_slice()) {
        (&Method::POST, [LEASE]) => {
            let sent = (parts, body);
            return Box::pin(lease::answer(web, place, sent, caller, deadline, pass)).await;
        }
        (&Method::GET | &Method::HEAD, []) => {
            deadline
                .for_read(pin!(look::depth(web, queue, parts)))
                .await?
        }
        (&Method::POST, rest) if apart::is_done(web, queue, rest) => {
            let news = News::default();
            let asked = asked(web, (parts, body), (caller, &news), deadline).await?;
            return Box::pin(apart::answer(web, place, asked, deadline)).await;
        }
        (&Method::GET | &Method::HEAD, rest @ ["messages" | "dead"])
            if web.store().queue_is_brokered(queue) =>
        {
            let news = News::default();
            let asked = asked(web, (parts, body), (caller, &news), deadline).await?;
            let looked = pin!(brokered::look(web, queue, rest, &asked));
            deadline.for_read(looked).await?
        }
        _ => return operate::answer(web, place, parts, body, caller, deadline).await,
    };
    let session = stamps::session_of(web.store(), &parts.headers)?;
    let stamped = session.stamped(web.store().engine().progress().high, false);
    let mut reply = answer.into_reply();
    web.stamps().put(web.store(), stamped, reply.headers_mut());
    Ok(reply)
}

/// A request with its body.
async fn asked<'a, B>(
    web: &Web,
    (parts, body): (&'a Parts, &mut Option<B>),
    (caller, news): (&'a Caller, &'a News),
    deadline: Deadline,
) -> Result<Asked<'a>, ApiError>
where
    B: Body<Data = Bytes>,
{
    let max = web.limits().max_body;
    let body = deadline.for_body(pin!(intake::taken(body, max))).await?;
    Ok(Asked {
        caller,
        parts,
        body,
        is_part: false,
        news,
    })
}

/// Plans what a request asks for; a lease is not among it.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    let queue = &*place.name;
    web.store().queue_reach(queue)?;
    let rest = place.segments();
    if asked.is_part && (&asked.parts.method, rest.as_slice()) != (&Method::POST, &["messages"]) {
        return Err(not_in_a_transaction(&rest));
    }
    match (&asked.parts.method, rest.as_slice()) {
        (&Method::POST, ["messages"]) => publish::plan(web, queue, asked).await,
        (&Method::POST, ["ack"]) => ack(web, queue, &asked).await,
        (&Method::POST, ["nack"]) => nack(web, queue, &asked).await,
        (&Method::POST, ["extend"]) => extend(web, queue, &asked).await,
        (&Method::GET | &Method::HEAD, ["messages"]) => look::messages(web, queue, asked.parts),
        (&Method::GET | &Method::HEAD, ["dead"]) => look::dead(web, queue, asked.parts),
        (&Method::POST, ["redrive"]) => redrive(web, queue, &asked),
        (&Method::POST, ["replay"]) => replay(web, queue, &asked).await,
        (method, [] | [_]) if WORDS.contains(&rest.first().copied().unwrap_or_default()) => {
            Err(ApiError::method(method, allowed(place)))
        }
        _ => Err(ApiError::no_such_path()),
    }
}

/// A lease is given before the transaction is committed, so nobody could work on it; an ack of what
/// it did not lease would be right, and is left out until somebody needs it.
fn not_in_a_transaction(rest: &[&str]) -> ApiError {
    let what = rest.join("/");
    let message = format!("{what:?} of a queue cannot be done within /tx/v1");
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message)
        .hint("Of queues it takes POST /queue/v1/{queue}/messages; send the others by themselves.")
}

async fn ack(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let read = LeasesBody::read(asked, &[])?;
    let own = |leases, _| Ok(web.store().queue_ack(queue, leases)?);
    let operation = brokered::settle(web, queue, read, |_| Settle::Ack, own).await?;
    let count = asked.news.counted(Counted::Acked, queue);
    Ok(operation.map(move |done: Acked| {
        count.set(done.acked);
        let body = json!({ "acked": done.acked, "gone": done.gone });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

async fn nack(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let read = LeasesBody::read(asked, &["delay", "error"])?;
    let nack = |read: &LeasesBody| Nack {
        delay: read.delay,
        error: read.error.clone(),
    };
    let own = |leases, read: LeasesBody| Ok(web.store().queue_nack(queue, leases, nack(&read))?);
    let how = |read: &LeasesBody| Settle::Nack(nack(read));
    let operation = brokered::settle(web, queue, read, how, own).await?;
    let count = asked.news.counted(Counted::Nacked, queue);
    Ok(operation.map(move |done: Acked| {
        count.set(done.acked);
        let body = json!({ "nacked": done.acked, "gone": done.gone });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

async fn extend(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let read = LeasesBody::read(asked, &["visibility"])?;
    let own =
        |leases, read: LeasesBody| Ok(web.store().queue_extend(queue, leases, read.visibility)?);
    let how = |read: &LeasesBody| Settle::Extend(read.visibility);
    let operation = brokered::settle(web, queue, read, how, own).await?;
    let count = asked.news.counted(Counted::Extended, queue);
    Ok(operation.map(move |done: Acked| {
        count.set(done.acked);
        let body = json!({ "extended": done.acked, "gone": done.gone });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

fn redrive(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let read = RedriveBody::read(asked)?;
    let store = web.store();
    let operation = store.queue_redrive(queue, read.group.as_deref(), read.ids)?;
    let count = asked.news.counted(Counted::Redriven, queue);
    Ok(operation.map(move |done: Redriven| {
        count.set(done.redriven);
        let body = json!({ "redriven": done.redriven, "more": done.more });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

async fn replay(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&asked.parts.uri, &["from", "group"])?;
    let from_us = replayed_from(web, &params)?;
    let group = params.text("group");
    let operation = web.store().queue_replay(queue, group, from_us).await?;
    let count = asked.news.counted(Counted::Replayed, queue);
    Ok(operation.map(move |()| {
        count.set(1);
        Ok(Answer::new(StatusCode::NO_CONTENT))
    }))
}

/// Since when messages are given again: a time that is over, in microseconds since 1970.
fn replayed_from(web: &Web, params: &Params) -> Result<i64, ApiError> {
    let Some(from) = params.text("from") else {
        return Err(
            malformed("from is missing: since when messages are given again")
                .hint("Such as POST …/replay?from=2026-01-31T05:06:07Z."),
        );
    };
    let from_us = publish::moment("from", &publish::instant_of(from))?;
    let now_us = web.store().clock().now_us();
    if from_us <= now_us {
        return Ok(from_us);
    }
    let now = crate::kv::instant(now_us);
    let message = format!("from {from:?} lies ahead: it is {now}, and nothing was published since");
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message);
    Err(error.hint("Say a time that is over, such as 2026-01-31T05:06:07Z."))
}

/// Refuses a query where there is none.
fn refuse_query(asked: &Asked<'_>) -> Result<(), ApiError> {
    Params::read(&asked.parts.uri, &[]).map(drop)
}

//! Queues over HTTP: `/queue/v1/{queue}`.
//!
//! A publish is a write like others, by itself or within `/tx/v1`. A lease may wait for a message
//! ([`lease`]); who waits is woken by what this process publishes, and by a look four times a second
//! at what others did ([`waiting`], [`clock`]).

mod body;
mod clock;
mod given;
mod lease;
mod news;
mod publish;
mod waiting;

pub(crate) use clock::{Clock, run};
pub(crate) use lease::answer as answer_lease;
pub(crate) use news::{Counted, News};
pub(crate) use waiting::Waiting;

use crate::answer::Answer;
use crate::error::ApiError;
use crate::operate::Asked;
use crate::params::Params;
use crate::route::Place;
use crate::web::Web;
use body::LeasesBody;
use http::{Method, StatusCode};
use pando_store::operation::Operation;
use pando_store::queue::{Acked, Nack};
use serde_json::json;

const LEASE: &str = "lease";

/// What can be done at a place.
pub(crate) fn allowed(_place: &Place<'_>) -> &'static str {
    "OPTIONS,POST"
}

/// Whether a request is one for a lease, which may have to wait.
pub(crate) fn is_lease(place: &Place<'_>, method: &Method) -> bool {
    *method == Method::POST && matches!(place.rest.as_slice(), [word] if word == LEASE)
}

/// Plans what a request asks for; a lease is not among it.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    let queue = &*place.name;
    let rest = place.segments();
    if asked.is_part && (&asked.parts.method, rest.as_slice()) != (&Method::POST, &["messages"]) {
        return Err(not_in_a_transaction(&rest));
    }
    match (&asked.parts.method, rest.as_slice()) {
        (&Method::POST, ["messages"]) => publish::plan(web, queue, asked).await,
        (&Method::POST, ["ack"]) => ack(web, queue, &asked),
        (&Method::POST, ["nack"]) => nack(web, queue, &asked),
        (&Method::POST, ["extend"]) => extend(web, queue, &asked),
        (method, ["messages" | LEASE | "ack" | "nack" | "extend"]) => {
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

fn ack(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let read = LeasesBody::read(asked, &[])?;
    let operation = web.store().queue_ack(queue, read.leases)?;
    let count = asked.news.counted(Counted::Acked, queue);
    Ok(operation.map(move |done: Acked| {
        count.set(done.acked);
        let body = json!({ "acked": done.acked, "gone": done.gone });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

fn nack(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let read = LeasesBody::read(asked, &["delay", "error"])?;
    let nack = Nack {
        delay: read.delay,
        error: read.error,
    };
    let operation = web.store().queue_nack(queue, read.leases, nack)?;
    let count = asked.news.counted(Counted::Nacked, queue);
    Ok(operation.map(move |done: Acked| {
        count.set(done.acked);
        let body = json!({ "nacked": done.acked, "gone": done.gone });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

fn extend(web: &Web, queue: &str, asked: &Asked<'_>) -> Result<Operation<Answer>, ApiError> {
    let read = LeasesBody::read(asked, &["visibility"])?;
    let store = web.store();
    let operation = store.queue_extend(queue, read.leases, read.visibility)?;
    let count = asked.news.counted(Counted::Extended, queue);
    Ok(operation.map(move |done: Acked| {
        count.set(done.acked);
        let body = json!({ "extended": done.acked, "gone": done.gone });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

/// Refuses a query where there is none.
fn refuse_query(asked: &Asked<'_>) -> Result<(), ApiError> {
    Params::read(&asked.parts.uri, &[]).map(drop)
}

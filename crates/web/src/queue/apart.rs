//! What is no transaction of the store: a purge, which is several, and what a broker is asked to do.
//!
//! With an `Idempotency-Key` it is looked for the key's receipt first, and the receipt is written
//! behind what was done, with its answer. So a repetition gets the first answer, unless the process
//! ended between the two: then a broker is asked again, which does no more than the first time (a
//! lease that is settled may be `gone`). A purge would do more, as something else may have been published
//! since; so the time up to which it goes is written down before it begins.

use super::{Answered, brokered, look};
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::idempotency;
use crate::operate::{self, Asked, Done};
use crate::reply::Reply;
use crate::route::Place;
use crate::stamps;
use crate::web::Web;
use http::StatusCode;
use pando_model::error::Refusal;
use pando_store::operation::Operation;
use pando_store::queue::Acked;
use pando_store::request::Idempotency;
use pando_store::session::Session;
use serde::{Deserialize, Serialize};
use std::pin::pin;

/// What refuses to do what was not done before.
const NOT_BEFORE: &str = "not_done_before";

/// What is kept of a purge that begins.
#[derive(Deserialize, Serialize)]
struct Beginning {
    until_us: i64,
}

/// Whether something is done here, of a request that changes something.
pub(super) fn is_done(web: &Web, queue: &str, rest: &[&str]) -> bool {
    match rest {
        ["purge"] => true,
        ["ack" | "nack" | "extend" | "redrive" | "replay"] => web.store().queue_is_brokered(queue),
        _ => false,
    }
}

/// Does what [`is_done`].
pub(super) async fn answer(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
    deadline: Deadline,
) -> Result<Reply, ApiError> {
    let (parts, news) = (asked.parts, asked.news);
    let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
    let session = stamps::session_of(web.store(), headers)?;
    let name = asked.caller.as_deref().map_or("", |key| key.id.as_str());
    let key = idempotency::identify(name, method, uri, headers, &asked.body)?;
    let claim = key.as_ref().map(|key| web.under_way().claim(key));
    let _claim = claim.transpose()?;
    let done = pin!(once(web, place, asked, key.as_ref(), &session));
    let done = deadline.for_write(done).await;
    let done = done.map_err(|error| operate::with_key(error, headers))?;
    news.tell(web);
    Ok(operate::reply_to(web, done, headers))
}

/// What was answered to the same key before, of the same queue.
pub(super) async fn done_before(
    web: &Web,
    queue: &str,
    key: &Idempotency,
    session: &Session,
) -> Result<Option<Done>, ApiError> {
    // It is refused, and nothing of it stays, unless there is a receipt.
    let refused = |_| Err(Refusal::new(NOT_BEFORE, "it was not done before"));
    let look = web.store().queue_settled(queue, Acked::default())?;
    let look: Operation<Answer> = look.map(refused).as_write();
    match operate::carry_out_keyed(web, look, Some(key), session).await {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.code() == NOT_BEFORE => Ok(None),
        Err(error) => Err(error),
    }
}

async fn once(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
    key: Option<&Idempotency>,
    session: &Session,
) -> Result<Done, ApiError> {
    let queue = &*place.name;
    if let Some(key) = key
        && let Some(done) = done_before(web, queue, key, session).await?
    {
        return Ok(done);
    }
    let operation = match place.segments().as_slice() {
        ["purge"] => {
            look::check_purge(&asked)?;
            done(web, queue, purge(web, queue, key, session).await?)?
        }
        ["redrive"] => done(web, queue, brokered::redrive(web, queue, &asked).await?)?,
        ["replay"] => done(web, queue, brokered::replay(web, queue, &asked).await?)?,
        // What the store has of it is one transaction with the receipt.
        _ => super::plan(web, place, asked).await?,
    };
    if key.is_some() || operation.writes() {
        return operate::carry_out_keyed(web, operation.as_write(), key, session).await;
    }
    let (answer, stamped) = web.store().answer(&operation, session).await?;
    Ok(Done {
        answer,
        replayed: false,
        stamped,
        is_new: false,
    })
}

/// What was done already, as an operation that leaves nothing but its receipt.
fn done(web: &Web, queue: &str, answer: Answer) -> Result<Operation<Answer>, ApiError> {
    let nothing = web.store().queue_settled(queue, Acked::default())?;
    Ok(nothing.map(move |_| Ok(answer.clone())))
}

/// Removes what was published until it was asked for the first time.
async fn purge(web: &Web, queue: &str, key: Option<&Idempotency>, session: &Session) -> Answered {
    let until_us = web.store().clock().now_us();
    let Some(key) = key else {
        return look::purge(web, queue, until_us).await;
    };
    // A broker that does not answer removes nothing. Whoever repeats it is to begin anew then, not to
    // be told that it was begun.
    web.store().queue_ask_broker(queue).await?;
    let begins = Answer::json(StatusCode::OK, &Beginning { until_us });
    let begins = done(web, queue, begins)?.as_write();
    let own = idempotency::beginning(key);
    let begun = operate::carry_out_keyed(web, begins, Some(&own), session).await?;
    if begun.replayed && web.store().queue_is_brokered(queue) {
        // A broker removes all there is, also what was published since.
        let message = "a purge with this Idempotency-Key was begun and has not ended";
        let error = ApiError::new(StatusCode::CONFLICT, "purge_interrupted", message);
        let hint = "Look at the queue; purge it with another key if that is still wanted.";
        return Err(error.hint(hint));
    }
    let begun: Option<Beginning> = serde_json::from_slice(&begun.answer.body).ok();
    look::purge(web, queue, begun.map_or(until_us, |begun| begun.until_us)).await
}

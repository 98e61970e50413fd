//! Several operations at once, over all models: `POST /tx/v1`.
//!
//! Each operation is planned as its own request would be, with its own scope; then all of
//! them are one transaction: on a snapshot where all of them only read, so that no write waits
//! for them. A read that finds nothing is an answer (404 in its place);
//! every other failure takes all of it back, and says which operation it was.

mod body;

use crate::answer::{self, Answer};
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::gate::{self, Caller};
use crate::intake;
use crate::operate::{self, Asked};
use crate::params::{Params, malformed};
use crate::queue::News;
use crate::reply::{self, Reply};
use crate::rest;
use crate::route::Route;
use crate::web::Web;
use body::{Op, Request, Within};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use pando_model::error::Refusal;
use pando_store::operation::{Operation, Reach};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ALLOWED: &str = "OPTIONS,POST";
/// No operation yet.
const NONE: usize = usize::MAX;

/// Answers a request for several operations.
pub(crate) async fn answer<B>(
    web: &Web,
    parts: &Parts,
    body: &mut Option<B>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes>,
{
    match parts.method {
        Method::POST => {}
        Method::OPTIONS => return Ok(reply::allowing(ALLOWED)),
        ref method => return Err(ApiError::method(method, ALLOWED)),
    }
    Params::read(&parts.uri, &[])?;
    let body = deadline
        .for_body(pin!(intake::taken(body, web.limits().max_body)))
        .await?;
    let request = Request::read(&body, web.limits().max_operations)?;
    let minimal = answer::prefers_minimal(&parts.headers)?;
    let at = Arc::new(AtomicUsize::new(NONE));
    let mut tries = 1;
    let news = News::default();
    loop {
        news.clear();
        at.store(NONE, Ordering::Relaxed);
        // Nothing is done yet: to plan is to read.
        let whole = deadline
            .for_plan(pin!(plan(web, &request, minimal, (caller, &news), &at)))
            .await?;
        // A key's receipt is a write too.
        let done = if whole.writes() || parts.headers.contains_key("idempotency-key") {
            let whole = whole.as_write();
            operate::write(web, whole, parts, &body, caller, deadline).await
        } else {
            operate::read(web, &whole, parts, deadline).await
        };
        match done {
            Ok(reply) => {
                news.tell(web);
                return Ok(reply);
            }
            Err(error) if error.code() == "retry" && tries < operate::PLANS_MAX => {
                tries += 1;
                let reload = pin!(async { Ok(web.store().reload_schema().await?) });
                deadline.for_plan(reload).await?;
            }
            Err(error) => {
                let op = at.load(Ordering::Relaxed);
                let error = withhold(error, &request, caller, op);
                // What is not about the request is not about one of its operations either.
                // A listener is asked about all of them.
                let is_whole = error.code() == "vetoed";
                let about_one = op != NONE && !is_whole && error.status_code().is_client_error();
                return Err(if about_one { error.at_op(op) } else { error });
            }
        }
    }
}

/// An error without the values of rows that the caller may not read; of no operation in particular
/// it may be about any of them.
fn withhold(error: ApiError, request: &Request, caller: &Caller, op: usize) -> ApiError {
    let ops = match request.ops.get(op) {
        Some(one) => std::slice::from_ref(one),
        None => &request.ops,
    };
    ops.iter().fold(error, |error, op| {
        let asked = op.asked();
        match asked.as_ref().map(|parts| Route::of(parts.uri.path())) {
            Ok(Route::Table(name)) => rest::blind::withhold(error, caller, &name),
            _ => error,
        }
    })
}

async fn plan(
    web: &Web,
    request: &Request,
    minimal: bool,
    (caller, news): (&Caller, &News),
    at: &Arc<AtomicUsize>,
) -> Result<Operation<Answer>, ApiError> {
    let mut operations = Vec::with_capacity(request.ops.len());
    for (place, op) in request.ops.iter().enumerate() {
        let planned = plan_op(web, op, caller, news).await;
        operations.push(planned.map_err(|error| error.at_op(place))?);
    }
    let told = Arc::clone(at);
    let whole = Operation::all(operations, move |place| {
        told.store(place, Ordering::Relaxed)
    });
    if request.within == Some(Within::Slot) && whole.reach() == Reach::Many {
        let message = "these operations do not stay within one slot";
        let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_within_slot", message);
        return Err(error.hint("Leave out \"within\", or use keys that share a shard key."));
    }
    Ok(whole.map(move |answers: Vec<Answer>| {
        Ok(match minimal {
            true => Answer::minimal(),
            false => body::write(&answers),
        })
    }))
}

async fn plan_op(
    web: &Web,
    op: &Op,
    caller: &Caller,
    news: &News,
) -> Result<Operation<Answer>, ApiError> {
    let asked = op.asked()?;
    let parts = &asked;
    let route = Route::of(parts.uri.path());
    if let (Some(key), Some((surface, verb, collection))) = (caller, route.needs(&parts.method)) {
        gate::require(key, surface, verb, collection)?;
    }
    intake::refuse_encoded(&parts.method, &parts.headers)?;
    let operation = match &route {
        Route::Model(place) => {
            let body = op.body.clone();
            let asked = Asked {
                caller,
                parts,
                body,
                is_part: true,
                news,
            };
            operate::plan(web, place, asked).await?
        }
        Route::Table(name) => rest::plan(web, name, parts, op.body.clone(), caller).await?,
        _ => {
            let message = format!("{} is no place for an operation of /tx/v1", op.path);
            return Err(malformed(message)
                .hint("It takes /rest/v1, /kv/v1, /docs/v1, /wide/v1, /graph/v1, and publishes of /queue/v1 and /exchanges/v1."));
        }
    };
    let reads = !operation.writes();
    let is_head = parts.method == Method::HEAD;
    Ok(operation.map(move |answer| {
        let mut answer = refuse_failure(answer, reads)?;
        if is_head {
            answer.body = Bytes::new();
        }
        Ok(answer)
    }))
}

/// A failure that a model answers with, rather than refuse, takes everything back too, unless
/// it is a read that finds nothing.
fn refuse_failure(answer: Answer, reads: bool) -> Result<Answer, Refusal> {
    let status = answer.status;
    let is_failure = status.is_client_error() && !(reads && status == StatusCode::NOT_FOUND);
    if is_failure {
        return Err(body::refusal_of(&answer));
    }
    Ok(answer)
}

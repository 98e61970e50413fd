//! Tables over HTTP: `/rest/v1`.
//!
//! [`grammar`] reads requests, [`read`] and [`write`] have the store carry them
//! out, [`stored`] is what comes back; [`explain`] says where a request would go.

pub(crate) mod blind;
mod explain;
pub(crate) mod grammar;
mod nulls;
mod reach;
mod read;
mod write;

pub(crate) use read::content_range;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::gate::{self, Caller};
use crate::intake;
use crate::operate;
use crate::reply::{self, Reply};
use crate::web::Web;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use pando_model::error::Refusal;
use pando_store::keys::{Surface, Verb};
use pando_store::operation::Operation;
use pando_store::request::{Returning, TableWrite};
use std::pin::pin;

/// What can be done to a table.
pub(crate) const ALLOWED: &str = "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE";

/// Answers a request on a table.
pub(crate) async fn table<B>(
    web: &Web,
    name: &str,
    parts: &Parts,
    body: &mut Option<B>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes>,
{
    refuse_other_schemas(&parts.method, &parts.headers)?;
    match parts.method {
        Method::GET | Method::HEAD => read_table(web, name, parts, caller, deadline).await,
        Method::OPTIONS => describe(web, name),
        _ => match write::verb_of(&parts.method) {
            Some(verb) => {
                let mut request = write::request(name, verb, parts)?;
                permit_write(web, &request.write, caller)?;
                if request.prefer.explain {
                    let query = &request.write.query;
                    return explained(explain::explain(web.store(), name, query, Some(verb))?);
                }
                let max = web.limits().max_body;
                let body = deadline.for_body(pin!(intake::taken(body, max))).await?;
                request.write.body = body;
                Box::pin(write_table(web, request, parts, caller, deadline)).await
            }
            None => Err(ApiError::method(&parts.method, ALLOWED)),
        },
    }
}

/// Plans a request on a table as a part of several.
pub(crate) async fn plan(
    web: &Web,
    name: &str,
    parts: &Parts,
    body: Bytes,
    caller: &Caller,
) -> Result<Operation<Answer>, ApiError> {
    refuse_other_schemas(&parts.method, &parts.headers)?;
    if matches!(parts.method, Method::GET | Method::HEAD) {
        let request = read::request(name, parts)?;
        reach::permit(caller, web.store(), name, &request.read.query.select)?;
        let operation = web.store().table_read(request.read.clone())?;
        let parts = parts.clone();
        return Ok(operation.map(move |rows| Ok(read::answer(&request, rows, &parts))));
    }
    let Some(verb) = write::verb_of(&parts.method) else {
        return Err(ApiError::method(&parts.method, ALLOWED));
    };
    let mut request = write::request(name, verb, parts)?;
    permit_write(web, &request.write, caller)?;
    request.write.body = body;
    let (write, form) = request.into_form(parts);
    let operation = web.store().table_write(write).await?;
    Ok(operation.map(move |rows| Ok(form.answer(&rows))))
}

/// 404: there are no functions.
pub(crate) fn no_such_function(name: &str) -> ApiError {
    Refusal::new(
        "PGRST202",
        format!("Could not find the function public.{name} in the schema cache"),
    )
    .hint("There are no functions here: tables are read and written at /rest/v1/{table}.")
    .into()
}

/// 404: there is no such table.
pub(crate) fn no_such_table(name: &str) -> ApiError {
    let message = format!("Could not find the table 'public.{name}' in the schema cache");
    Refusal::new("PGRST205", message).into()
}

async fn read_table(
    web: &Web,
    name: &str,
    parts: &Parts,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError> {
    let request = read::request(name, parts)?;
    reach::permit(caller, web.store(), name, &request.read.query.select)?;
    if request.prefer.explain {
        let query = &request.read.query;
        return explained(explain::explain(web.store(), name, query, None)?);
    }
    let carried_out = pin!(read::carry_out(web.store(), &request, parts));
    let (answer, stamped) = deadline.for_read(carried_out).await?;
    let mut reply = answer.into_reply();
    web.stamps().put(web.store(), stamped, reply.headers_mut());
    Ok(reply)
}

async fn write_table(
    web: &Web,
    request: write::WriteRequest,
    parts: &Parts,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError> {
    let table = request.write.table.clone();
    let id = caller.as_deref().map_or("", |key| key.id.as_str());
    let carried_out = pin!(write::carry_out(
        web.store(),
        web.under_way(),
        id,
        request,
        parts
    ));
    match deadline.for_write(carried_out).await {
        Ok(done) => Ok(operate::reply_to(web, done, &parts.headers)),
        Err(error) => {
            let error = blind::withhold(error, caller, &table);
            Err(operate::with_key(error, &parts.headers))
        }
    }
}

/// What a write reads needs the scope for it: the rows that it gives back, what it embeds, and
/// what it asks of rows to find them.
fn permit_write(web: &Web, write: &TableWrite, caller: &Caller) -> Result<(), ApiError> {
    let Some(key) = caller else {
        return Ok(());
    };
    if write.returning == Returning::Representation {
        gate::require(key, Surface::Rest, Verb::Read, Some(&write.table))?;
    } else if !gate::may_read(caller, Surface::Rest, &write.table) {
        return blind::permit(web.store(), write);
    }
    reach::permit(caller, web.store(), &write.table, &write.query.select)
}

fn explained(explanation: serde_json::Value) -> Result<Reply, ApiError> {
    let mut reply = reply::json(StatusCode::OK, &explanation);
    let applied = HeaderValue::from_static("explain");
    reply
        .headers_mut()
        .insert(HeaderName::from_static("preference-applied"), applied);
    Ok(reply)
}

fn describe(web: &Web, name: &str) -> Result<Reply, ApiError> {
    if web.store().schema().table(name).is_none() {
        return Err(no_such_table(name));
    }
    Ok(reply::allowing(ALLOWED))
}

/// PostgREST's clients may name a schema; there is one, `public`.
fn refuse_other_schemas(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let name = match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => "accept-profile",
        _ => "content-profile",
    };
    match headers.get(name) {
        Some(schema) if schema != "public" => {
            let schema = String::from_utf8_lossy(schema.as_bytes());
            Err(
                Refusal::new("PGRST106", format!("Invalid schema: {schema}"))
                    .hint("Only the following schemas are exposed: public")
                    .into(),
            )
        }
        _ => Ok(()),
    }
}

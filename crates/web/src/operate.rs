//! Requests of the models: planned as operations, carried out, answered.
//!
//! A model's module turns a request into an [`Operation`]; what is here does the rest, for
//! all of them alike: sessions and stamps, idempotency keys, deadlines. `/tx/v1` plans
//! the same operations, and carries them out together.

use crate::answer::{Answer, CURSOR, TRUNCATED};
use crate::deadline::Deadline;
use crate::docs;
use crate::error::ApiError;
use crate::exchange;
use crate::gate::Caller;
use crate::graph;
use crate::idempotency;
use crate::intake;
use crate::kv;
use crate::queue::{self, News};
use crate::reply::{self, Reply};
use crate::rest::content_range;
use crate::route::Place;
use crate::stamps;
use crate::web::Web;
use crate::wide;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER};
use http::request::Parts;
use hyper::body::Body;
use pando_store::keys::Surface;
use pando_store::operation::Operation;
use pando_store::request::Idempotency;
use pando_store::session::{Session, Stamped};
use std::pin::pin;

/// How often it is planned anew because the schema changed meanwhile.
pub(crate) const PLANS_MAX: usize = 4;

/// A request of a model, as its module sees it.
pub(crate) struct Asked<'a> {
    /// Who asks: a scope more may be needed than the path tells.
    pub caller: &'a Caller,
    /// Method, query and headers.
    pub parts: &'a Parts,
    /// The body, whole.
    pub body: Bytes,
    /// Whether it is one of several that are done together, or not at all: what it finds decides
    /// about the others.
    pub is_part: bool,
    /// What is to be told once it is done.
    pub news: &'a News,
}

/// A write that was carried out, now or before.
pub(crate) struct Done {
    /// What is answered.
    pub answer: Answer,
    /// Whether it had been done before.
    pub replayed: bool,
    /// Its stamp.
    pub stamped: Stamped,
    /// Whether the stamp is of this write: nobody else has been handed it.
    pub is_new: bool,
}

/// Plans what a request asks of a model.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    match place.surface {
        Surface::Exchanges => Box::pin(exchange::plan(web, place, asked)).await,
        Surface::Docs => docs::plan(web, place, asked).await,
        Surface::Graph => graph::plan(web, place, asked).await,
        Surface::Kv => kv::plan(web, place, asked).await,
        Surface::Queue => queue::plan(web, place, asked).await,
        Surface::Wide => wide::plan(web, place, asked).await,
        _ => Err(ApiError::no_such_path()),
    }
}

/// Answers a request of a model.
pub(crate) async fn answer<B>(
    web: &Web,
    place: &Place<'_>,
    parts: &Parts,
    body: &mut Option<B>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes>,
{
    if parts.method == Method::OPTIONS {
        return Ok(reply::allowing(allowed(place)));
    }
    let body = deadline
        .for_body(pin!(intake::taken(body, web.limits().max_body)))
        .await?;
    let mut tries = 1;
    let news = News::default();
    loop {
        news.clear();
        let asked = Asked {
            caller,
            parts,
            body: body.clone(),
            is_part: false,
            news: &news,
        };
        let operation = deadline.for_plan(pin!(plan(web, place, asked))).await?;
        let done = match operation.writes() {
            true => write(web, operation, parts, &body, caller, deadline).await,
            false => read(web, &operation, parts, deadline).await,
        };
        match done {
            Err(error) if error.code() == "retry" && tries < PLANS_MAX => {
                tries += 1;
                let reload = pin!(async { Ok(web.store().reload_schema().await?) });
                deadline.for_plan(reload).await?;
            }
            Ok(reply) => {
                news.tell(web);
                return Ok(reply);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Answers an operation that only reads.
pub(crate) async fn read(
    web: &Web,
    operation: &Operation<Answer>,
    parts: &Parts,
    deadline: Deadline,
) -> Result<Reply, ApiError> {
    if parts.method == Method::POST {
        // Where a question is asked by POST its key is not needed, and no less a key for that.
        let (method, uri) = (&parts.method, &parts.uri);
        idempotency::identify("", method, uri, &parts.headers, &[])?;
    }
    let session = stamps::session_of(web.store(), &parts.headers)?;
    let answered = pin!(async { Ok(web.store().answer(operation, &session).await?) });
    let (answer, stamped) = deadline.for_read(answered).await?;
    let mut reply = answer.into_reply();
    web.stamps().put(web.store(), stamped, reply.headers_mut());
    Ok(reply)
}

/// Carries a write out and answers it.
pub(crate) async fn write(
    web: &Web,
    operation: Operation<Answer>,
    parts: &Parts,
    body: &[u8],
    caller: &Caller,
    deadline: Deadline,
) -> Result<Reply, ApiError> {
    let carried_out = pin!(carry_out(web, operation, parts, body, caller));
    let done = match deadline.for_write(carried_out).await {
        Err(error) => return Err(with_key(error, &parts.headers)),
        Ok(done) => done,
    };
    Ok(reply_to(web, done, &parts.headers))
}

/// Carries a write out. Dropping the future does not undo it.
pub(crate) async fn carry_out(
    web: &Web,
    operation: Operation<Answer>,
    parts: &Parts,
    body: &[u8],
    caller: &Caller,
) -> Result<Done, ApiError> {
    let caller = caller.as_deref().map_or("", |key| key.id.as_str());
    carry_out_as(web, operation, parts, body, caller).await
}

/// The same for a caller whose idempotency keys are told apart by a name.
pub(crate) async fn carry_out_as(
    web: &Web,
    operation: Operation<Answer>,
    parts: &Parts,
    body: &[u8],
    caller: &str,
) -> Result<Done, ApiError> {
    let session = stamps::session_of(web.store(), &parts.headers)?;
    let idempotency =
        idempotency::identify(caller, &parts.method, &parts.uri, &parts.headers, body)?;
    let _claim = idempotency
        .as_ref()
        .map(|key| web.under_way().claim(key))
        .transpose()?;
    carry_out_keyed(web, operation, idempotency.as_ref(), &session).await
}

/// The same by a key that was claimed, if there is one.
pub(crate) async fn carry_out_keyed(
    web: &Web,
    operation: Operation<Answer>,
    idempotency: Option<&Idempotency>,
    session: &Session,
) -> Result<Done, ApiError> {
    if idempotency.is_none() {
        let (answer, stamped) = web.store().carry_out_unkept(operation, session).await?;
        return Ok(Done {
            answer,
            replayed: false,
            stamped,
            is_new: true,
        });
    }
    let encoded = operation.map(|answer| Ok(answer.encode()));
    let done = web
        .store()
        .carry_out(&encoded, idempotency, session)
        .await?;
    Ok(Done {
        answer: Answer::stored(done.answer)?,
        replayed: done.replayed,
        stamped: done.stamped,
        is_new: !done.replayed,
    })
}

/// The reply to a write that was carried out.
pub(crate) fn reply_to(web: &Web, done: Done, request: &HeaderMap) -> Reply {
    let mut reply = done.answer.into_reply();
    let headers = reply.headers_mut();
    if done.replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        headers.insert(name, HeaderValue::from_static("true"));
    }
    match done.is_new {
        true => stamps::put_new(web.store(), done.stamped, headers),
        false => web.stamps().put(web.store(), done.stamped, headers),
    }
    stamps::set_cookie(web.store(), done.stamped, request, headers);
    reply
}

/// With a key the same request can be sent again and is done once.
pub(crate) fn with_key(error: ApiError, request: &HeaderMap) -> ApiError {
    if error.code() == "outcome_unknown" && request.contains_key("idempotency-key") {
        error.header(RETRY_AFTER, HeaderValue::from_static("1"))
    } else {
        error
    }
}

/// A `Link` to the next page: the same request behind a cursor.
pub(crate) struct NextLink {
    lead: String,
}

impl NextLink {
    /// The link of a request, but for the cursor.
    pub(crate) fn of(parts: &Parts) -> NextLink {
        let mut lead = format!("<{}?", parts.uri.path());
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            let name = pair.split('=').next().unwrap_or_default();
            if !pair.is_empty() && name != "cursor" && name != "offset" {
                lead.push_str(pair);
                lead.push('&');
            }
        }
        NextLink { lead }
    }

    /// The answer of a page with so many entries, with what tells of the next one. Where it was
    /// cut it says which these are, numbered from 0 within the page, as nobody has counted those
    /// before.
    pub(crate) fn on_list(
        &self,
        mut page: Answer,
        entries: usize,
        truncated: bool,
        cursor: Option<String>,
    ) -> Answer {
        if truncated {
            page.put(CONTENT_RANGE, content_range(0, entries as u64, None));
            page.put(TRUNCATED, HeaderValue::from_static("true"));
        }
        if let Some(cursor) = cursor {
            page.put(LINK, self.behind(&cursor));
            page.put(CURSOR, cursor);
        }
        page
    }

    /// The header's value.
    pub(crate) fn behind(&self, cursor: &str) -> String {
        format!("{}cursor={cursor}>; rel=\"next\"", self.lead)
    }
}

fn allowed(place: &Place<'_>) -> &'static str {
    match place.surface {
        Surface::Exchanges => exchange::allowed(place),
        Surface::Docs => docs::allowed(place),
        Surface::Graph => graph::allowed(place),
        Surface::Kv => kv::allowed(place),
        Surface::Queue => queue::allowed(place),
        Surface::Wide => wide::allowed(place),
        _ => "OPTIONS",
    }
}
